/* Locks held across each of the calls that go down: what each may wait for, and what it may come back as. */
#include "held_locks.h"

static UCHAR room[512];
static IO_STATUS_BLOCK iosb;

static void query_file(PFLT_INSTANCE instance, PFILE_OBJECT file)
{
    FltQueryInformationFile(instance, file, room, sizeof room, FileStandardInformation, NULL);
}
static void set_file(PFLT_INSTANCE instance, PFILE_OBJECT file)
{
    FILE_BASIC_INFORMATION basic = {.FileAttributes = FILE_ATTRIBUTE_ARCHIVE};
    FltSetInformationFile(instance, file, &basic, sizeof basic, FileBasicInformation);
}
static void ask_directory(PFLT_INSTANCE instance, PFILE_OBJECT file)
{
    BOOLEAN directory;
    FltIsDirectory(file, instance, &directory);
}
static void list_directory(PFLT_INSTANCE instance, PFILE_OBJECT file)
{
    FltQueryDirectoryFile(instance, file, room, sizeof room, FileNamesInformation, TRUE, NULL, TRUE, NULL);
}
static void list_directory_ex(PFLT_INSTANCE instance, PFILE_OBJECT file)
{
    FltQueryDirectoryFileEx(instance, file, room, sizeof room, FileNamesInformation, SL_RESTART_SCAN, NULL, NULL);
}
static void flush_file(PFLT_INSTANCE instance, PFILE_OBJECT file) { FltFlushBuffers(instance, file); }
static void flush_file_2(PFLT_INSTANCE instance, PFILE_OBJECT file)
{
    FltFlushBuffers2(instance, file, FLT_FLUSH_TYPE_FILE_DATA_ONLY, NULL);
}
static void control_file(PFLT_INSTANCE instance, PFILE_OBJECT file)
{
    FltFsControlFile(instance, file, FSCTL_GET_COMPRESSION, NULL, 0, room, sizeof(USHORT), NULL);
}
static void control_device(PFLT_INSTANCE instance, PFILE_OBJECT file)
{
    FltDeviceIoControlFile(instance, file, 0x70000, NULL, 0, room, sizeof room, NULL);
}
static void query_ea(PFLT_INSTANCE instance, PFILE_OBJECT file)
{
    FltQueryEaFile(instance, file, room, sizeof room, FALSE, NULL, 0, NULL, TRUE, NULL);
}
static void set_ea(PFLT_INSTANCE instance, PFILE_OBJECT file)
{
    static struct {
        FILE_FULL_EA_INFORMATION head;
        CHAR rest[8];
    } ea = {{.EaNameLength = 1, .EaValueLength = 1, .EaName = {'A'}}, {0}};
    FltSetEaFile(instance, file, &ea, sizeof ea);
}
static void query_security(PFLT_INSTANCE instance, PFILE_OBJECT file)
{
    ULONG needed;
    FltQuerySecurityObject(instance, file, OWNER_SECURITY_INFORMATION, room, sizeof room, &needed);
}
static void query_volume(PFLT_INSTANCE instance, PFILE_OBJECT file)
{
    FltQueryVolumeInformationFile(instance, file, room, sizeof room, FileFsSizeInformation, NULL);
}
static void query_volume_itself(PFLT_INSTANCE instance, PFILE_OBJECT file)
{
    FltQueryVolumeInformation(instance, &iosb, room, sizeof room, FileFsSizeInformation);
}
static void untag_file(PFLT_INSTANCE instance, PFILE_OBJECT file) { FltUntagFile(instance, file, 0x80001234, NULL); }

static void send_irp(PFLT_INSTANCE instance, PFILE_OBJECT file)
{
    PDEVICE_OBJECT device = IoGetRelatedDeviceObject(file);
    LARGE_INTEGER zero = {.QuadPart = 0};
    KEVENT event;
    KeInitializeEvent(&event, NotificationEvent, FALSE);
    PIRP irp = IoBuildSynchronousFsdRequest(IRP_MJ_FLUSH_BUFFERS, device, NULL, 0, &zero, &event, &iosb);
    IoGetNextIrpStackLocation(irp)->FileObject = file;
    if (IoCallDriver(device, irp) == STATUS_PENDING)
        KeWaitForSingleObject(&event, Executive, KernelMode, FALSE, NULL);
}

/* The kernel's own services, by a handle of the driver's. */
static void with_handle(PFILE_OBJECT file, NTSTATUS (*call)(HANDLE handle))
{
    HANDLE handle;
    ObOpenObjectByPointer(file, OBJ_KERNEL_HANDLE, NULL, 0, *IoFileObjectType, KernelMode, &handle);
    call(handle);
    ZwClose(handle);
}
static NTSTATUS zw_query(HANDLE handle)
{
    return ZwQueryInformationFile(handle, &iosb, room, sizeof room, FileStandardInformation);
}
static NTSTATUS zw_set(HANDLE handle)
{
    FILE_BASIC_INFORMATION basic = {.FileAttributes = FILE_ATTRIBUTE_ARCHIVE};
    return ZwSetInformationFile(handle, &iosb, &basic, sizeof basic, FileBasicInformation);
}
static NTSTATUS zw_flush(HANDLE handle) { return ZwFlushBuffersFile(handle, &iosb); }
static NTSTATUS zw_control(HANDLE handle)
{
    return ZwFsControlFile(handle, NULL, NULL, NULL, &iosb, FSCTL_GET_COMPRESSION, NULL, 0, room, sizeof(USHORT));
}
static NTSTATUS zw_read(HANDLE handle)
{
    LARGE_INTEGER zero = {.QuadPart = 0};
    return ZwReadFile(handle, NULL, NULL, NULL, &iosb, room, 4, &zero, NULL);
}
static NTSTATUS zw_list(HANDLE handle)
{
    return ZwQueryDirectoryFile(handle, NULL, NULL, NULL, &iosb, room, sizeof room, FileNamesInformation, TRUE, NULL, TRUE);
}
static void query_by_handle(PFLT_INSTANCE instance, PFILE_OBJECT file) { with_handle(file, zw_query); }
static void set_by_handle(PFLT_INSTANCE instance, PFILE_OBJECT file) { with_handle(file, zw_set); }
static void flush_by_handle(PFLT_INSTANCE instance, PFILE_OBJECT file) { with_handle(file, zw_flush); }
static void control_by_handle(PFLT_INSTANCE instance, PFILE_OBJECT file) { with_handle(file, zw_control); }
static void read_by_handle(PFLT_INSTANCE instance, PFILE_OBJECT file) { with_handle(file, zw_read); }
static void list_by_handle(PFLT_INSTANCE instance, PFILE_OBJECT file) { with_handle(file, zw_list); }
static HANDLE to_close;
static void close_handle(PFLT_INSTANCE instance, PFILE_OBJECT file) { FltClose(to_close); }

/* What a call can come back to, or wait for. */
enum reach { BY_PAGING = 1, BY_CLEANUP = 2, BY_ITSELF = 4 };
static const struct call {
    const char *routine; /* as the report names it */
    void (*make)(PFLT_INSTANCE instance, PFILE_OBJECT file);
    unsigned reaches;
    UCHAR comes_back_as; /* BY_ITSELF */
    bool folder;
} calls[] = {
    {"FltQueryInformationFile", query_file, BY_PAGING, 0, false},
    {"FltSetInformationFile", set_file, BY_PAGING | BY_CLEANUP, 0, false},
    {"FltIsDirectory", ask_directory, BY_PAGING, 0, false},
    {"FltQueryDirectoryFile", list_directory, 0, 0, true},
    {"FltQueryDirectoryFileEx", list_directory_ex, 0, 0, true},
    {"FltFlushBuffers", flush_file, BY_PAGING, 0, false},
    {"FltFlushBuffers2", flush_file_2, BY_PAGING, 0, false},
    {"FltFsControlFile", control_file, BY_PAGING | BY_CLEANUP, 0, false},
    {"FltDeviceIoControlFile", control_device, 0, 0, false},
    {"FltQueryEaFile", query_ea, BY_PAGING, 0, false},
    {"FltSetEaFile", set_ea, BY_PAGING, 0, false},
    {"FltQuerySecurityObject", query_security, BY_PAGING, 0, false},
    {"FltQueryVolumeInformationFile", query_volume, 0, 0, false},
    {"FltQueryVolumeInformation", query_volume_itself, 0, 0, false},
    {"FltUntagFile", untag_file, BY_PAGING | BY_CLEANUP, 0, false},
    {"IoCallDriver", send_irp, BY_PAGING | BY_ITSELF, IRP_MJ_FLUSH_BUFFERS, false},
    {"IRP_MJ_QUERY_INFORMATION", query_by_handle, BY_PAGING | BY_ITSELF, IRP_MJ_QUERY_INFORMATION, false},
    {"IRP_MJ_SET_INFORMATION", set_by_handle, BY_PAGING | BY_CLEANUP | BY_ITSELF, IRP_MJ_SET_INFORMATION, false},
    {"IRP_MJ_FLUSH_BUFFERS", flush_by_handle, BY_PAGING | BY_ITSELF, IRP_MJ_FLUSH_BUFFERS, false},
    {"IRP_MJ_FILE_SYSTEM_CONTROL", control_by_handle, BY_PAGING | BY_CLEANUP | BY_ITSELF, IRP_MJ_FILE_SYSTEM_CONTROL, false},
    {"IRP_MJ_READ", read_by_handle, BY_PAGING | BY_ITSELF, IRP_MJ_READ, false},
    {"IRP_MJ_DIRECTORY_CONTROL", list_by_handle, BY_ITSELF, IRP_MJ_DIRECTORY_CONTROL, true},
    {"FltClose", close_handle, BY_ITSELF, IRP_MJ_CLEANUP, false},
};
enum { CALLS = sizeof calls / sizeof *calls };

static HANDLE open_for(const struct call *call)
{
    HANDLE handle;
    assert_int_equal(fltsim_open(call->folder ? "C:\\folder" : "C:\\file",
                                 &(struct fltsim_open){.access = GENERIC_READ | GENERIC_WRITE,
                                                       .disposition = FILE_OPEN_IF,
                                                       .options = call->folder ? FILE_DIRECTORY_FILE : 0},
                                 &handle),
                     STATUS_SUCCESS);
    return handle;
}

/* With the lock held, or let go before. */
static void make(const struct call *call, HANDLE handle, bool held)
{
    PVOID file;
    assert_int_equal(ObReferenceObjectByHandle(handle, 0, *IoFileObjectType, KernelMode, &file, NULL), STATUS_SUCCESS);
    to_close = call->make == close_handle ? open_name("C:\\other") : NULL;
    kind->take();
    if (!held)
        kind->give();
    call->make(B->instance, file);
    if (held)
        kind->give();
    ObDereferenceObject(file);
}

static void close_all(HANDLE handle)
{
    B->pre = NULL;
    assert_int_equal(fltsim_close(handle), STATUS_SUCCESS);
}

static void each_call_under_a_lock_that_paging_io_takes_is_reported(void **state)
{
    for (size_t i = 0; i < 2 * CALLS; i++) {
        const struct call *call = &calls[i / 2];
        bool held = i % 2;
        if (call->folder || call->make == close_handle)
            continue;
        start(&kinds[0]);
        HANDLE handle = open_for(call);
        make(call, handle, held);
        write_back(handle);
        unsigned expected = held && call->reaches & BY_PAGING;
        if (reports != expected)
            fail_msg("%s: %u reports", call->routine, reports);
        if (expected)
            assert_non_null(strstr(what, call->routine));
        close_all(handle);
        stop(expected);
    }
}

static void a_call_on_another_file_is_not(void **state)
{
    for (size_t i = 0; i < CALLS; i++) {
        start(&kinds[0]);
        HANDLE handle = open_for(&calls[i]), other = open_name("C:\\elsewhere");
        make(&calls[i], handle, true);
        write_back(other);
        B->pre = lock_briefly;
        taken_for = IRP_MJ_CLEANUP;
        assert_int_equal(fltsim_close(other), STATUS_SUCCESS);
        close_all(handle);
        if (reports)
            fail_msg("%s: %u reports", calls[i].routine, reports);
        stop(0);
    }
}

static void each_call_that_breaks_oplocks_under_a_lock_that_cleanup_takes_is_reported(void **state)
{
    for (size_t i = 0; i < 2 * CALLS; i++) {
        const struct call *call = &calls[i / 2];
        bool held = i % 2;
        start(&kinds[0]);
        HANDLE handle = open_for(call), second = open_for(call);
        make(call, handle, held);
        B->pre = lock_briefly;
        taken_for = IRP_MJ_CLEANUP;
        assert_int_equal(fltsim_close(second), STATUS_SUCCESS);
        unsigned expected = held && call->reaches & BY_CLEANUP;
        if (reports != expected)
            fail_msg("%s: %u reports", call->routine, reports);
        if (expected)
            assert_non_null(strstr(history, "oplock on the file"));
        close_all(handle);
        stop(expected);
    }
}

static void each_call_that_comes_back_under_a_lock_that_its_callback_takes_is_reported(void **state)
{
    for (size_t i = 0; i < 2 * CALLS; i++) {
        const struct call *call = &calls[i / 2];
        bool held = i % 2;
        operations = everything;
        start(&kinds[0]);
        operations = NULL;
        HANDLE handle = open_for(call);
        B->pre = lock_briefly;
        paging_only = false;
        taken_for = call->reaches & BY_ITSELF ? call->comes_back_as : IRP_MJ_CREATE;
        make(call, handle, held);
        unsigned expected = held && call->reaches & BY_ITSELF;
        if (reports != expected)
            fail_msg("%s: %u reports", call->routine, reports);
        if (expected)
            assert_non_null(strstr(history, "the call came back to the driver"));
        close_all(handle);
        stop(expected);
    }
}

/* A call that an exception leaves is over, and what its frame held is not looked at again. */
static NTSTATUS raise_it(PDEVICE_OBJECT device, PIRP irp)
{
    assert_non_null(KiCurrentThread()->held.call);
    ExRaiseStatus(STATUS_IN_PAGE_ERROR);
}

static void a_call_that_raises_is_over(void **state)
{
    PDEVICE_OBJECT device;
    volatile NTSTATUS status = STATUS_SUCCESS;
    start(&kinds[0]);
    PDRIVER_OBJECT driver = fltsim_driver_object(B->driver);
    driver->MajorFunction[IRP_MJ_FLUSH_BUFFERS] = raise_it;
    assert_int_equal(IoCreateDevice(driver, 0, NULL, FILE_DEVICE_UNKNOWN, 0, FALSE, &device), STATUS_SUCCESS);
    PIRP irp = IoAllocateIrp(device->StackSize, FALSE);
    IoGetNextIrpStackLocation(irp)->MajorFunction = IRP_MJ_FLUSH_BUFFERS;
    kind->take();
    __try {
        IoCallDriver(device, irp);
    } __except (EXCEPTION_EXECUTE_HANDLER) {
        status = GetExceptionCode();
    }
    assert_int_equal(status, STATUS_IN_PAGE_ERROR);
    assert_null(KiCurrentThread()->held.call);
    kind->give();
    IoFreeIrp(irp);
    IoDeleteDevice(device);
    stop(0);
}

/* A name is asked for under the lock: to normalize it, folders are opened. */
static FLT_FILE_NAME_OPTIONS name_format;

static FLT_POSTOP_CALLBACK_STATUS name_locked(struct probe *p, PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects,
                                              PVOID context, FLT_POST_OPERATION_FLAGS flags)
{
    PFLT_FILE_NAME_INFORMATION name;
    if (data->Iopb->MajorFunction == IRP_MJ_CREATE && NT_SUCCESS(data->IoStatus.Status)) {
        kind->take();
        if (NT_SUCCESS(FltGetFileNameInformation(data, name_format | FLT_FILE_NAME_QUERY_FILESYSTEM_ONLY, &name)))
            FltReleaseFileNameInformation(name);
        kind->give();
    }
    return FLT_POSTOP_FINISHED_PROCESSING;
}

static void a_name_normalized_under_a_lock_that_cleanup_takes_is_reported(void **state)
{
    static const struct {
        FLT_FILE_NAME_OPTIONS format;
        unsigned expected;
    } cases[] = {{FLT_FILE_NAME_NORMALIZED, 1}, {FLT_FILE_NAME_OPENED, 0}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        start(&kinds[0]);
        name_format = cases[i].format;
        B->post = name_locked;
        B->pre = NULL;
        HANDLE handle = open_file();
        B->post = NULL;
        B->pre = lock_briefly;
        taken_for = IRP_MJ_CLEANUP;
        assert_int_equal(fltsim_close(handle), STATUS_SUCCESS);
        stop(cases[i].expected);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_call_under_a_lock_that_paging_io_takes_is_reported),
        cmocka_unit_test(a_call_on_another_file_is_not),
        cmocka_unit_test(each_call_that_breaks_oplocks_under_a_lock_that_cleanup_takes_is_reported),
        cmocka_unit_test(each_call_that_comes_back_under_a_lock_that_its_callback_takes_is_reported),
        cmocka_unit_test(a_call_that_raises_is_over),
        cmocka_unit_test(a_name_normalized_under_a_lock_that_cleanup_takes_is_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
