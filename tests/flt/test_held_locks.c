/* Locks held across calls into the file system: each wrong way is reported with both orders, each right twin is not. */
#include "held_locks.h"

static void put(const char *text)
{
    HANDLE handle = open_file();
    assert_int_equal(fltsim_write(handle, text, strlen(text), 0, NULL), STATUS_SUCCESS);
    assert_int_equal(fltsim_close(handle), STATUS_SUCCESS);
}

static void create(PFLT_INSTANCE instance)
{
    UNICODE_STRING name = RTL_CONSTANT_STRING((PWSTR)u"\\??\\C:\\other");
    OBJECT_ATTRIBUTES attributes;
    IO_STATUS_BLOCK iosb;
    HANDLE handle;
    name.Length = sizeof u"\\??\\C:\\other" - sizeof(WCHAR);
    InitializeObjectAttributes(&attributes, &name, OBJ_KERNEL_HANDLE, NULL, NULL);
    assert_int_equal(FltCreateFile(B->filter, instance, &handle, GENERIC_READ, &attributes, &iosb, NULL, 0, 7, FILE_OPEN_IF, 0,
                                   NULL, 0, 0),
                     STATUS_SUCCESS);
    FltClose(handle);
}

__attribute__((noinline)) static void read_file(PFLT_INSTANCE instance, PFILE_OBJECT file, FLT_IO_OPERATION_FLAGS flags)
{
    static char text[4096];
    LARGE_INTEGER offset = {.QuadPart = 0};
    ULONG done;
    FltReadFile(instance, file, &offset, sizeof text, text, flags | FLTFL_IO_OPERATION_DO_NOT_UPDATE_BYTE_OFFSET, &done, NULL, NULL);
}

/* ---- callbacks ---- */

static FLT_IO_OPERATION_FLAGS read_flags;

/* Scans each opened file under the lock. */
static FLT_POSTOP_CALLBACK_STATUS scan_locked(struct probe *p, PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects,
                                              PVOID context, FLT_POST_OPERATION_FLAGS flags)
{
    if (data->Iopb->MajorFunction == IRP_MJ_CREATE && NT_SUCCESS(data->IoStatus.Status)) {
        kind->take();
        read_file(objects->Instance, objects->FileObject, read_flags);
        kind->give();
    }
    return FLT_POSTOP_FINISHED_PROCESSING;
}

static FLT_POSTOP_CALLBACK_STATUS scan_unlocked(struct probe *p, PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects,
                                                PVOID context, FLT_POST_OPERATION_FLAGS flags)
{
    if (data->Iopb->MajorFunction == IRP_MJ_CREATE && NT_SUCCESS(data->IoStatus.Status)) {
        kind->take();
        kind->give();
        read_file(objects->Instance, objects->FileObject, read_flags);
    }
    return FLT_POSTOP_FINISHED_PROCESSING;
}

/* ---- cached reads and paging I/O ---- */

/* The page comes in for the program, while no lock is held: the two orders are seen one after the other. */
static void page_in(void)
{
    struct fltsim_view view;
    HANDLE handle = open_file();
    fltsim_trim(volume);
    assert_int_equal(fltsim_map(handle, false, 0, &view), STATUS_SUCCESS);
    assert_memory_equal(view.base, "text", 4);
    assert_int_equal(fltsim_unmap(&view), STATUS_SUCCESS);
    assert_int_equal(fltsim_close(handle), STATUS_SUCCESS);
}

static void a_lock_held_across_a_cached_read_and_taken_for_paging_is_reported(void **state)
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        start(&kinds[i]);
        put("text");
        B->post = scan_locked;
        assert_int_equal(fltsim_close(open_file()), STATUS_SUCCESS);
        B->post = NULL;
        B->pre = lock_briefly;
        taken_for = IRP_MJ_ACQUIRE_FOR_SECTION_SYNCHRONIZATION;
        paging_only = false;
        page_in();
        assert_non_null(strstr(history, "in the post-operation callback of probeB for IRP_MJ_CREATE"));
        assert_non_null(strstr(history, "and held while the call is made by read_file"));
        assert_non_null(strstr(history, "in the pre-operation callback of probeB for IRP_MJ_ACQUIRE_FOR_SECTION_SYNCHRONIZATION"));
        stop(1);
    }
}

static void a_lock_let_go_before_the_read_is_not(void **state)
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        start(&kinds[i]);
        put("text");
        B->post = scan_unlocked;
        assert_int_equal(fltsim_close(open_file()), STATUS_SUCCESS);
        B->post = NULL;
        B->pre = lock_briefly;
        taken_for = IRP_MJ_ACQUIRE_FOR_SECTION_SYNCHRONIZATION;
        page_in();
        stop(0);
    }
}

static void a_lock_held_across_a_read_that_is_not_cached_is_not(void **state)
{
    start(&kinds[0]);
    put("text");
    B->post = scan_locked;
    read_flags = FLTFL_IO_OPERATION_NON_CACHED;
    assert_int_equal(fltsim_close(open_file()), STATUS_SUCCESS);
    read_flags = 0;
    B->post = NULL;
    B->pre = lock_briefly;
    taken_for = IRP_MJ_ACQUIRE_FOR_SECTION_SYNCHRONIZATION;
    page_in();
    stop(0);
}

static void a_resource_that_both_share_is_not(void **state)
{
    start(&shared_resource);
    put("text");
    B->post = scan_locked;
    assert_int_equal(fltsim_close(open_file()), STATUS_SUCCESS);
    B->post = NULL;
    B->pre = lock_briefly;
    taken_for = IRP_MJ_ACQUIRE_FOR_SECTION_SYNCHRONIZATION;
    page_in();
    stop(0);
}

static void a_lock_held_and_taken_nowhere_else_is_only_a_warning(void **state)
{
    start(&kinds[0]);
    put("text");
    B->post = scan_locked;
    assert_int_equal(fltsim_close(open_file()), STATUS_SUCCESS);
    assert_string_equal(fltsim_last_rule(), "");
    stop(0);
}

/* ---- cached writes ---- */

static char copied[] = "copy";

static void write_file(PFILE_OBJECT file)
{
    LARGE_INTEGER offset = {.QuadPart = 0};
    assert_int_equal(FltWriteFile(B->instance, file, &offset, sizeof copied, copied,
                                  FLTFL_IO_OPERATION_DO_NOT_UPDATE_BYTE_OFFSET, NULL, NULL, NULL),
                     STATUS_SUCCESS);
}

static void perform_write(PFILE_OBJECT file)
{
    PFLT_CALLBACK_DATA data;
    assert_int_equal(FltAllocateCallbackData(B->instance, file, &data), STATUS_SUCCESS);
    data->Iopb->MajorFunction = IRP_MJ_WRITE;
    data->Iopb->IrpFlags = IRP_WRITE_OPERATION | IRP_SYNCHRONOUS_API;
    data->Iopb->Parameters.Write.WriteBuffer = copied;
    data->Iopb->Parameters.Write.Length = sizeof copied;
    FltPerformSynchronousIo(data);
    assert_int_equal(data->IoStatus.Status, STATUS_SUCCESS);
    FltFreeCallbackData(data);
}

static void (*write_it)(PFILE_OBJECT file) = write_file;

static void write_locked(HANDLE handle)
{
    PVOID file;
    assert_int_equal(ObReferenceObjectByHandle(handle, 0, *IoFileObjectType, KernelMode, &file, NULL), STATUS_SUCCESS);
    kind->take();
    write_it(file);
    kind->give();
    ObDereferenceObject(file);
}

static void a_lock_held_across_a_cached_write_and_taken_as_it_is_written_back_is_reported(void **state)
{
    for (size_t i = 0; i < 2 * sizeof kinds / sizeof *kinds; i++) {
        start(&kinds[i / 2]);
        HANDLE copy = open_name("C:\\file:copy");
        write_it = i % 2 ? perform_write : write_file;
        write_locked(copy);
        write_back(copy);
        assert_int_equal(fltsim_close(copy), STATUS_SUCCESS);
        assert_non_null(strstr(history, "for IRP_MJ_WRITE (paging I/O)"));
        assert_non_null(strstr(history, "whoever writes its pages back"));
        stop(1);
    }
}

static void a_lock_held_across_a_write_and_taken_as_another_stream_is_written_back_is_not(void **state)
{
    static const char *const others[] = {"C:\\file", "C:\\file:third", "C:\\elsewhere"};
    for (size_t i = 0; i < 2 * sizeof others / sizeof *others; i++) {
        start(&kinds[0]);
        write_it = i % 2 ? perform_write : write_file;
        HANDLE copy = open_name("C:\\file:copy"), other = open_name(others[i / 2]);
        write_locked(copy);
        write_back(other);
        assert_int_equal(fltsim_close(copy), STATUS_SUCCESS);
        assert_int_equal(fltsim_close(other), STATUS_SUCCESS);
        stop(0);
    }
}

/* Another one may be at its address later. */
static void a_stream_that_the_file_system_tears_down_has_no_past(void **state)
{
    PFILE_OBJECT file;
    start(&kinds[0]);
    HANDLE copy = open_name("C:\\file:copy");
    write_locked(copy);
    assert_int_equal(ObReferenceObjectByHandle(copy, 0, *IoFileObjectType, KernelMode, (PVOID *)&file, NULL), STATUS_SUCCESS);
    FsRtlTeardownPerStreamContexts(file->FsContext);
    ObDereferenceObject(file);
    write_back(copy);
    assert_int_equal(fltsim_close(copy), STATUS_SUCCESS);
    stop(0);
}

/* ---- creates ---- */

static void create_locked(PFLT_INSTANCE instance)
{
    kind->take();
    create(instance);
    kind->give();
}

static void a_resource_held_across_a_create_that_comes_back_is_reported(void **state)
{
    start(&kinds[0]);
    B->pre = lock_briefly;
    taken_for = IRP_MJ_CREATE;
    create_locked(NULL);
    assert_non_null(strstr(history, "the call came back to the driver"));
    stop(1);
}

static void a_resource_held_across_an_aimed_create_is_not(void **state)
{
    start(&kinds[0]);
    B->pre = lock_briefly;
    taken_for = IRP_MJ_CREATE;
    create_locked(B->instance);
    assert_int_equal(fltsim_close(open_file()), STATUS_SUCCESS);
    stop(0);
}

static void a_lock_held_across_a_create_and_taken_in_cleanup_is_reported(void **state)
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        start(&kinds[i]);
        create_locked(B->instance);
        B->pre = lock_briefly;
        taken_for = IRP_MJ_CLEANUP;
        assert_int_equal(fltsim_close(open_file()), STATUS_SUCCESS);
        assert_non_null(strstr(history, "oplock"));
        stop(1);
    }
}

static void a_create_of_the_kernel_s_own_name_counts_as_well(void **state)
{
    UNICODE_STRING name = RTL_CONSTANT_STRING((PWSTR)u"\\??\\C:\\other");
    OBJECT_ATTRIBUTES attributes;
    IO_STATUS_BLOCK iosb;
    HANDLE handle;
    name.Length = sizeof u"\\??\\C:\\other" - sizeof(WCHAR);
    InitializeObjectAttributes(&attributes, &name, OBJ_KERNEL_HANDLE, NULL, NULL);
    start(&kinds[0]);
    B->pre = lock_briefly;
    taken_for = IRP_MJ_CREATE;
    kind->take();
    assert_int_equal(ZwCreateFile(&handle, GENERIC_READ, &attributes, &iosb, NULL, 0, 7, FILE_OPEN_IF, 0, NULL, 0),
                     STATUS_SUCCESS);
    kind->give();
    ZwClose(handle);
    stop(1);
}

/* A lock that was at the same address before is another lock. */
static void a_lock_that_is_made_anew_has_no_past(void **state)
{
    start(&kinds[0]);
    create_locked(B->instance);
    kind->finish();
    kind->initialize();
    B->pre = lock_briefly;
    taken_for = IRP_MJ_CLEANUP;
    assert_int_equal(fltsim_close(open_file()), STATUS_SUCCESS);
    stop(0);
}

/* Whoever gave the resource to somebody else does not hold it. */
static void a_resource_that_another_owner_has_is_not_held(void **state)
{
    PVOID owner = (PVOID)((ULONG_PTR)&owner | 3);
    start(&kinds[0]);
    kind->take();
    ExSetResourceOwnerPointer(&resource, owner);
    create(B->instance);
    ExReleaseResourceForThreadLite(&resource, (ERESOURCE_THREAD)owner);
    KeLeaveCriticalRegion();
    B->pre = lock_briefly;
    taken_for = IRP_MJ_CLEANUP;
    assert_int_equal(fltsim_close(open_file()), STATUS_SUCCESS);
    stop(0);
}

static HANDLE lender;
static PKTHREAD lent;

static VOID lend(PVOID context)
{
    ExEnterCriticalRegionAndAcquireResourceExclusive(&resource);
    KeLeaveCriticalRegion();
    lent = KeGetCurrentThread();
}

/* Nor does anybody look into a thread that is gone. */
static void a_resource_is_given_back_for_a_thread_that_ended(void **state)
{
    PVOID thread;
    start(&kinds[0]);
    assert_int_equal(PsCreateSystemThread(&lender, THREAD_ALL_ACCESS, NULL, NULL, NULL, lend, NULL), STATUS_SUCCESS);
    assert_int_equal(ObReferenceObjectByHandle(lender, SYNCHRONIZE, *PsThreadType, KernelMode, &thread, NULL), STATUS_SUCCESS);
    KeWaitForSingleObject(thread, Executive, KernelMode, FALSE, NULL);
    ObDereferenceObject(thread);
    ZwClose(lender);
    ExReleaseResourceForThreadLite(&resource, (ERESOURCE_THREAD)lent);
    create(B->instance);
    stop(0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_lock_held_across_a_cached_read_and_taken_for_paging_is_reported),
        cmocka_unit_test(a_lock_let_go_before_the_read_is_not),
        cmocka_unit_test(a_lock_held_across_a_read_that_is_not_cached_is_not),
        cmocka_unit_test(a_resource_that_both_share_is_not),
        cmocka_unit_test(a_lock_held_and_taken_nowhere_else_is_only_a_warning),
        cmocka_unit_test(a_lock_held_across_a_cached_write_and_taken_as_it_is_written_back_is_reported),
        cmocka_unit_test(a_lock_held_across_a_write_and_taken_as_another_stream_is_written_back_is_not),
        cmocka_unit_test(a_stream_that_the_file_system_tears_down_has_no_past),
        cmocka_unit_test(a_resource_held_across_a_create_that_comes_back_is_reported),
        cmocka_unit_test(a_resource_held_across_an_aimed_create_is_not),
        cmocka_unit_test(a_lock_held_across_a_create_and_taken_in_cleanup_is_reported),
        cmocka_unit_test(a_create_of_the_kernel_s_own_name_counts_as_well),
        cmocka_unit_test(a_lock_that_is_made_anew_has_no_past),
        cmocka_unit_test(a_resource_that_another_owner_has_is_not_held),
        cmocka_unit_test(a_resource_is_given_back_for_a_thread_that_ended),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
