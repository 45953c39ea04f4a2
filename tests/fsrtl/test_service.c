/* Small services, requests on file objects, and the callbacks of file system filters. */
#include "unit.h"

#include <fltsim/fault.h>

#include "fsrtl/fsrtlp.h"

static struct fltsim_volume *volume;

static PFILE_OBJECT open_object(const char *path, const struct fltsim_open *how, HANDLE *handle)
{
    static const struct fltsim_open usual = {.access = GENERIC_READ | GENERIC_WRITE, .disposition = FILE_OPEN_IF};
    PFILE_OBJECT file;
    assert_int_equal(fltsim_open(path, how ? how : &usual, handle), STATUS_SUCCESS);
    assert_int_equal(ObReferenceObjectByHandle(*handle, 0, *IoFileObjectType, KernelMode, (PVOID *)&file, NULL),
                     STATUS_SUCCESS);
    return file;
}

static void close_object(PFILE_OBJECT file, HANDLE handle)
{
    ObDereferenceObject(file);
    fltsim_close(handle);
}

static void mount(bool no_fast_io)
{
    assert_int_equal(fltsim_mount(&(struct fltsim_volume_options){.letter = 'C', .no_fast_io = no_fast_io}, &volume),
                     STATUS_SUCCESS);
}

static void statuses_are_sorted(void **state)
{
    assert_false(FsRtlIsNtstatusExpected(STATUS_ACCESS_VIOLATION));
    assert_false(FsRtlIsNtstatusExpected(STATUS_ILLEGAL_INSTRUCTION));
    assert_true(FsRtlIsNtstatusExpected(STATUS_DISK_FULL));
    assert_int_equal(FsRtlNormalizeNtstatus(STATUS_DISK_FULL, STATUS_UNSUCCESSFUL), STATUS_DISK_FULL);
    assert_int_equal(FsRtlNormalizeNtstatus(STATUS_ACCESS_VIOLATION, STATUS_UNSUCCESSFUL), STATUS_UNSUCCESSFUL);
    assert_false(FsRtlIsTotalDeviceFailure(STATUS_SUCCESS));
    assert_false(FsRtlIsTotalDeviceFailure(STATUS_CRC_ERROR));
    assert_true(FsRtlIsTotalDeviceFailure(STATUS_DEVICE_NOT_CONNECTED));
}

static void sizes_are_asked_for(void **state)
{
    for (int slow = 0; slow < 2; slow++) {
        HANDLE handle;
        LARGE_INTEGER size;
        if (slow)
            fltsim_dismount(volume);
        mount(slow);
        PFILE_OBJECT file = open_object("C:\\f", NULL, &handle);
        fltsim_write(handle, "12345", 5, 0, NULL);
        assert_int_equal(FsRtlGetFileSize(file, &size), STATUS_SUCCESS);
        assert_int_equal(size.QuadPart, 5);
        assert_false(FsRtlIsPagingFile(file));
        assert_false(FsRtlIsSystemPagingFile(file));
        if (slow) {
            fltsim_fail_allocation(1);
            assert_int_equal(FsRtlGetFileSize(file, &size), STATUS_INSUFFICIENT_RESOURCES);
        }
        close_object(file, handle);
        file = open_object("C:\\", &(struct fltsim_open){.options = FILE_DIRECTORY_FILE}, &handle);
        assert_int_equal(FsRtlGetFileSize(file, &size), STATUS_FILE_IS_A_DIRECTORY);
        close_object(file, handle);
    }
}

static void control_codes_are_sent(void **state)
{
    HANDLE handle;
    UCHAR buffer[64];
    ULONG length;
    mount(false);
    PFILE_OBJECT file = open_object("C:\\f", NULL, &handle);
    assert_int_equal(FsRtlKernelFsControlFile(file, FSCTL_GET_REPARSE_POINT, NULL, 0, buffer, sizeof buffer, &length),
                     STATUS_NOT_A_REPARSE_POINT);
    assert_int_equal(FsRtlKernelFsControlFile(file, FSCTL_GET_REPARSE_POINT | METHOD_NEITHER, NULL, 0, buffer,
                                              sizeof buffer, &length),
                     STATUS_INVALID_PARAMETER);
    close_object(file, handle);
}

static void reparse_buffers_are_validated(void **state)
{
    REPARSE_DATA_BUFFER buffer = {.ReparseTag = IO_REPARSE_TAG_MOUNT_POINT, .ReparseDataLength = 8};
    assert_int_equal(FsRtlValidateReparsePointBuffer(16, &buffer), STATUS_SUCCESS);
    assert_int_equal(FsRtlValidateReparsePointBuffer(15, &buffer), STATUS_IO_REPARSE_DATA_INVALID);
    assert_int_equal(FsRtlValidateReparsePointBuffer(4, &buffer), STATUS_IO_REPARSE_DATA_INVALID);
    buffer.MountPointReparseBuffer.SubstituteNameLength = 2;
    assert_int_equal(FsRtlValidateReparsePointBuffer(16, &buffer), STATUS_IO_REPARSE_DATA_INVALID);
}

/* ---- extended attributes by file object ---------------------------------------------------------------------------------- */

struct ea {
    ULONG next;
    UCHAR flags, name_length;
    USHORT value_length;
    CHAR text[40]; /* name, 0, value */
};

static struct ea ea_of(const char *name, const char *value)
{
    struct ea ea = {.name_length = (UCHAR)strlen(name), .value_length = (USHORT)strlen(value)};
    memcpy(ea.text, name, ea.name_length);
    memcpy(ea.text + ea.name_length + 1, value, ea.value_length);
    return ea;
}

static NTSTATUS query_ea(PFILE_OBJECT file, const char *name, struct ea *found)
{
    struct {
        ULONG next;
        UCHAR length;
        CHAR name[32];
    } wanted = {.length = (UCHAR)strlen(name)};
    ULONG length = 77;
    memcpy(wanted.name, name, wanted.length);
    memset(found, 0, sizeof *found);
    NTSTATUS status = FsRtlQueryKernelEaFile(file, found, sizeof *found, TRUE, &wanted, sizeof wanted, NULL, TRUE, &length);
    if (status != STATUS_INVALID_DEVICE_REQUEST && status != STATUS_INSUFFICIENT_RESOURCES)
        assert_int_equal(length, NT_SUCCESS(status) ? 8u + found->name_length + 1 + found->value_length : 0);
    return status;
}

/* Who sets which, and whether it is there afterwards. */
static void kernel_attributes_are_set_by_the_kernel_alone(void **state)
{
    static const struct {
        const char *name;
        bool by_kernel, there, after_write;
    } cases[] = {
        {"PLAIN", true, true, true},         {"PLAIN2", false, true, true},
        {"$KERNEL.A", true, true, true},     {"$Kernel.B", false, false, false},
        {"$Kernel.Purge.C", true, true, false}, {"$KERNELD", false, true, true},
    };
    IO_STATUS_BLOCK iosb;
    struct ea found;
    HANDLE handle;
    mount(false);
    PFILE_OBJECT file = open_object("C:\\f", NULL, &handle);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct ea ea = ea_of(cases[i].name, "value");
        assert_int_equal(cases[i].by_kernel ? FsRtlSetKernelEaFile(file, &ea, sizeof ea)
                                            : ZwSetEaFile(handle, &iosb, &ea, sizeof ea),
                         STATUS_SUCCESS);
        assert_int_equal(query_ea(file, cases[i].name, &found), STATUS_SUCCESS);
        assert_int_equal(found.value_length, cases[i].there ? 5 : 0);
    }
    fltsim_write(handle, "12345", 5, 0, NULL);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        query_ea(file, cases[i].name, &found);
        assert_int_equal(found.value_length, cases[i].after_write ? 5 : 0);
    }
    struct ea gone = ea_of("PLAIN", "");
    assert_int_equal(FsRtlSetKernelEaFile(file, &gone, sizeof gone), STATUS_SUCCESS);
    query_ea(file, "PLAIN", &found);
    assert_int_equal(found.value_length, 0);
    gone.name_length = 250; /* beyond the end */
    assert_int_equal(FsRtlSetKernelEaFile(file, &gone, sizeof gone), STATUS_EA_LIST_INCONSISTENT);
    fltsim_fail_allocation(1);
    assert_int_equal(FsRtlSetKernelEaFile(file, &gone, sizeof gone), STATUS_INSUFFICIENT_RESOURCES);
    fltsim_fail_allocation(1);
    assert_int_equal(query_ea(file, "PLAIN", &found), STATUS_INSUFFICIENT_RESOURCES);
    file->Flags |= FO_DIRECT_DEVICE_OPEN;
    assert_int_equal(FsRtlSetKernelEaFile(file, &gone, sizeof gone), STATUS_INVALID_DEVICE_REQUEST);
    assert_int_equal(query_ea(file, "PLAIN", &found), STATUS_INVALID_DEVICE_REQUEST);
    file->Flags &= ~(ULONG)FO_DIRECT_DEVICE_OPEN;
    close_object(file, handle);
}

static void a_file_system_without_attributes_says_so(void **state)
{
    struct ea ea = ea_of("A", "b"), found;
    HANDLE handle;
    assert_int_equal(fltsim_mount(&(struct fltsim_volume_options){.letter = 'C', .kind = FLTSIM_FAT}, &volume),
                     STATUS_SUCCESS);
    PFILE_OBJECT file = open_object("C:\\f", NULL, &handle);
    assert_int_equal(FsRtlSetKernelEaFile(file, &ea, sizeof ea), STATUS_EAS_NOT_SUPPORTED);
    assert_int_equal(query_ea(file, "A", &found), STATUS_EAS_NOT_SUPPORTED);
    close_object(file, handle);
}

static void information_is_asked_for_by_file_object(void **state)
{
    static const struct {
        FILE_INFORMATION_CLASS class;
        ULONG length, done;
        NTSTATUS expected;
    } cases[] = {
        {FileStandardInformation, sizeof(FILE_STANDARD_INFORMATION), sizeof(FILE_STANDARD_INFORMATION), STATUS_SUCCESS},
        {FileBasicInformation, sizeof(FILE_BASIC_INFORMATION), sizeof(FILE_BASIC_INFORMATION), STATUS_SUCCESS},
        {FileRenameInformation, 200, 0, STATUS_INVALID_PARAMETER},
    };
    UCHAR buffer[200];
    HANDLE handle;
    ULONG length;
    mount(false);
    PFILE_OBJECT file = open_object("C:\\f", NULL, &handle);
    fltsim_write(handle, "12345", 5, 0, NULL);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(FsRtlQueryInformationFile(file, buffer, cases[i].length, cases[i].class, &length), cases[i].expected);
        assert_int_equal(length, cases[i].done);
        if (cases[i].class == FileStandardInformation)
            assert_int_equal(((PFILE_STANDARD_INFORMATION)buffer)->EndOfFile.QuadPart, 5);
    }
    fltsim_fail_allocation(1);
    assert_int_equal(FsRtlQueryInformationFile(file, buffer, 200, FileStandardInformation, &length),
                     STATUS_INSUFFICIENT_RESOURCES);
    close_object(file, handle);
}

/* ---- the cache's own pages ------------------------------------------------------------------------------------------------ */

static void cached_data_is_lent(void **state)
{
    LARGE_INTEGER offset = {.QuadPart = 2}, beyond = {.QuadPart = 100};
    IO_STATUS_BLOCK iosb;
    PMDL mdl = NULL;
    HANDLE handle;
    char text[8];
    mount(false);
    PFILE_OBJECT file = open_object("C:\\f", &(struct fltsim_open){.access = GENERIC_READ | GENERIC_WRITE,
                                                                  .disposition = FILE_OPEN_IF,
                                                                  .options = FILE_SYNCHRONOUS_IO_NONALERT},
                                    &handle);
    assert_false(FsRtlMdlReadDev(file, &offset, 3, 0, &mdl, &iosb, file->DeviceObject)); /* not cached yet */
    assert_null(mdl);
    fltsim_write(handle, "12345", 5, 0, NULL);
    fltsim_read(handle, text, 5, 0, NULL);
    assert_true(FsRtlMdlReadDev(file, &offset, 8, 0, &mdl, &iosb, file->DeviceObject));
    assert_int_equal(iosb.Status, STATUS_SUCCESS);
    assert_int_equal(iosb.Information, 3); /* the file ends there */
    assert_non_null(mdl);
    assert_memory_equal(MmGetSystemAddressForMdlSafe(mdl, NormalPagePriority), "345", 3);
    assert_true(FsRtlMdlReadCompleteDev(file, mdl, file->DeviceObject));
    mdl = NULL;
    assert_true(FsRtlMdlReadDev(file, &beyond, 8, 0, &mdl, &iosb, file->DeviceObject));
    assert_int_equal(iosb.Status, STATUS_END_OF_FILE);
    assert_null(mdl);
    close_object(file, handle);
}

static volatile LONG overflowed;

static VOID Overflow(PVOID context, PKEVENT event)
{
    overflowed = context == &overflowed;
    KeSetEvent(event, IO_NO_INCREMENT, FALSE);
}

static void stack_overflow_is_posted(void **state)
{
    KEVENT event;
    KeInitializeEvent(&event, NotificationEvent, FALSE);
    FsRtlPostStackOverflow((PVOID)&overflowed, &event, Overflow);
    assert_int_equal(FsRtlCancellableWaitForSingleObject(&event, NULL, NULL), STATUS_SUCCESS);
    assert_true(overflowed);
    KeClearEvent(&event);
    overflowed = 0;
    PVOID objects[] = {&event};
    FsRtlPostPagingFileStackOverflow((PVOID)&overflowed, &event, Overflow);
    assert_int_equal(FsRtlCancellableWaitForMultipleObjects(1, objects, WaitAll, NULL, NULL, NULL), STATUS_SUCCESS);
    assert_true(overflowed);
    PVOID block = FsRtlAllocatePoolWithTag(PagedPool, 8, 'tseT');
    assert_non_null(block);
    ExFreePoolWithTag(block, 'tseT');
}

/* ---- file system filter callbacks --------------------------------------------------------------------------------------- */

static PDRIVER_OBJECT legacy;
static PDEVICE_OBJECT legacyDevice;
static int pres, posts;
static NTSTATUS answer;

static NTSTATUS PreAcquire(PFS_FILTER_CALLBACK_DATA Data, PVOID *CompletionContext)
{
    pres++;
    assert_ptr_equal(Data->DeviceObject, legacyDevice);
    *CompletionContext = &pres;
    return answer;
}

static VOID PostAcquire(PFS_FILTER_CALLBACK_DATA Data, NTSTATUS OperationStatus, PVOID CompletionContext)
{
    posts++;
    assert_ptr_equal(CompletionContext, &pres);
    assert_int_equal(OperationStatus, STATUS_SUCCESS);
}

static NTSTATUS LegacyEntry(PDRIVER_OBJECT driver, PUNICODE_STRING path)
{
    PDEVICE_OBJECT below;
    legacy = driver;
    NTSTATUS status = IoCreateDevice(driver, 0, NULL, FILE_DEVICE_DISK_FILE_SYSTEM, 0, FALSE, &legacyDevice);
    if (NT_SUCCESS(status))
        status = IoAttachDeviceToDeviceStackSafe(legacyDevice, fltsim_volume_device(volume), &below);
    return status;
}

static void filters_are_asked_before_a_file_is_locked(void **state)
{
    FS_FILTER_CALLBACKS callbacks = {.SizeOfFsFilterCallbacks = sizeof callbacks,
                                     .PreAcquireForSectionSynchronization = PreAcquire,
                                     .PostAcquireForSectionSynchronization = PostAcquire};
    UNICODE_STRING name = Text("\\Driver\\legacy");
    HANDLE handle;
    mount(false);
    PFILE_OBJECT file = open_object("C:\\f", NULL, &handle);
    PDEVICE_OBJECT top = fltsim_volume_device(volume);
    assert_int_equal(IoCreateDriver(&name, LegacyEntry), STATUS_SUCCESS);
    assert_int_equal(FsRtlRegisterFileSystemFilterCallbacks(NULL, &callbacks), STATUS_INVALID_PARAMETER);
    assert_int_equal(FsRtlRegisterFileSystemFilterCallbacks(legacy, &callbacks), STATUS_SUCCESS);
    pres = posts = 0;
    answer = STATUS_SUCCESS;
    FsRtlAcquireFileExclusive(file);
    assert_true(KeAreApcsDisabled());
    FsRtlReleaseFile(file);
    assert_int_equal(pres, 1);
    assert_int_equal(posts, 1);
    assert_int_equal(FsRtlAcquireToCreateMappedSection(file, PAGE_READONLY), STATUS_SUCCESS);
    FsRtlReleaseFile(file);
    answer = STATUS_INSUFFICIENT_RESOURCES; /* creating a section may fail so */
    assert_int_equal(FsRtlAcquireToCreateMappedSection(file, PAGE_READONLY), STATUS_INSUFFICIENT_RESOURCES);
    assert_false(KeAreApcsDisabled());
    answer = STATUS_ACCESS_DENIED; /* and with nothing else */
    fltsim_expect("section-sync-status");
    assert_int_equal(FsRtlAcquireToCreateMappedSection(file, PAGE_READONLY), STATUS_ACCESS_DENIED);
    assert_int_equal(FsRtlAcquireFileForCcFlushEx(file), STATUS_SUCCESS);
    FsRtlReleaseFileForCcFlush(file);
    IoDetachDevice(top);
    IoDeleteDevice(legacyDevice);
    ObMakeTemporaryObject(legacy);
    ObDereferenceObject(legacy); /* what an unload would do */
    close_object(file, handle);
}

static void the_modified_page_writer_does_not_wait(void **state)
{
    LARGE_INTEGER end = {.QuadPart = 4096};
    PERESOURCE taken = NULL;
    HANDLE handle;
    mount(false);
    PFILE_OBJECT file = open_object("C:\\f", NULL, &handle);
    PFSRTL_COMMON_FCB_HEADER header = file->FsContext;
    assert_int_equal(FsRtlAcquireFileForModWriteEx(file, &end, &taken), STATUS_SUCCESS);
    assert_true(KeAreApcsDisabled());
    assert_non_null(taken);
    assert_true(taken == header->Resource || taken == header->PagingIoResource);
    assert_true(ExIsResourceAcquiredSharedLite(taken));
    FsRtlReleaseFileForModWrite(file, taken);
    assert_false(ExIsResourceAcquiredSharedLite(taken));
    assert_false(KeAreApcsDisabled());
    close_object(file, handle);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        unit(statuses_are_sorted), unit(sizes_are_asked_for), unit(control_codes_are_sent),
        unit(reparse_buffers_are_validated), unit(stack_overflow_is_posted),
        unit(filters_are_asked_before_a_file_is_locked), unit(kernel_attributes_are_set_by_the_kernel_alone),
        unit(a_file_system_without_attributes_says_so), unit(information_is_asked_for_by_file_object),
        unit(cached_data_is_lent), unit(the_modified_page_writer_does_not_wait),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
