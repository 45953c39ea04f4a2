/* What a legacy filter or another driver hangs on streams, files and file objects, beside the contexts of minifilters. */
#include "stage.h"

static int owner, device; /* whose, and of which device: any addresses do */
static LONG freed;

static VOID free_any(PVOID unused) { freed++; }

static void a_stream_keeps_what_drivers_hang_on_it_until_it_is_torn_down(void)
{
    FSRTL_PER_STREAM_CONTEXT mine;
    PFLT_CONTEXT context, got;
    stage_set();
    freed = 0;
    HANDLE handle = stage_open("C:\\file");
    PFILE_OBJECT file = stage_file(handle);
    assert_true(FsRtlSupportsPerStreamContexts(file));
    assert_null(FsRtlLookupPerStreamContext(FsRtlGetPerStreamContextPointer(file), &owner, &device));
    FsRtlInitPerStreamContext(&mine, &owner, &device, free_any);
    succeeds(FsRtlInsertPerStreamContext(FsRtlGetPerStreamContextPointer(file), &mine));
    succeeds(FltAllocateContext(stage.filter, FLT_STREAM_CONTEXT, 32, PagedPool, &context));
    succeeds(FltSetStreamContext(stage.instance, file, FLT_SET_CONTEXT_KEEP_IF_EXISTS, context, NULL));
    FltReleaseContext(context);
    succeeds(fltsim_close(handle));
    handle = stage_open("C:\\file");
    file = stage_file(handle);
    assert_ptr_equal(FsRtlLookupPerStreamContext(FsRtlGetPerStreamContextPointer(file), &owner, &device), &mine);
    succeeds(FltGetStreamContext(stage.instance, file, &got));
    assert_ptr_equal(got, context);
    FltReleaseContext(got);
    succeeds(fltsim_close(handle));
    assert_int_equal(freed, 0);
    fltsim_trim(stage.volume);
    assert_int_equal(freed, 1);
    assert_int_equal(stage.cleanups, 1);
}

static void what_its_owner_removes_is_not_freed_by_the_file_system(void)
{
    FSRTL_PER_STREAM_CONTEXT mine;
    FSRTL_PER_FILE_CONTEXT of_file;
    stage_set();
    freed = 0;
    HANDLE handle = stage_open("C:\\file");
    PFILE_OBJECT file = stage_file(handle);
    FsRtlInitPerStreamContext(&mine, &owner, &device, free_any);
    FsRtlInitPerFileContext(&of_file, &owner, &device, free_any);
    succeeds(FsRtlInsertPerStreamContext(FsRtlGetPerStreamContextPointer(file), &mine));
    succeeds(FsRtlInsertPerFileContext(FsRtlGetPerFileContextPointer(file), &of_file));
    assert_ptr_equal(FsRtlRemovePerStreamContext(FsRtlGetPerStreamContextPointer(file), &owner, NULL), &mine);
    assert_ptr_equal(FsRtlRemovePerFileContext(FsRtlGetPerFileContextPointer(file), &owner, NULL), &of_file);
    succeeds(fltsim_close(handle));
    fltsim_trim(stage.volume);
    assert_int_equal(freed, 0);
}

static void a_file_keeps_what_drivers_hang_on_it_for_all_of_its_streams(void)
{
    FSRTL_PER_FILE_CONTEXT mine;
    stage_set();
    freed = 0;
    HANDLE plain = stage_open("C:\\file"), named = stage_open("C:\\file:stream");
    assert_true(FsRtlSupportsPerFileContexts(stage_file(plain)));
    FsRtlInitPerFileContext(&mine, &owner, &device, free_any);
    starves(STATUS_INSUFFICIENT_RESOURCES,
            FsRtlInsertPerFileContext(FsRtlGetPerFileContextPointer(stage_file(plain)), &mine));
    succeeds(FsRtlInsertPerFileContext(FsRtlGetPerFileContextPointer(stage_file(plain)), &mine));
    assert_ptr_equal(FsRtlLookupPerFileContext(FsRtlGetPerFileContextPointer(stage_file(named)), &owner, &device), &mine);
    succeeds(fltsim_close(plain));
    fltsim_trim(stage.volume);
    assert_int_equal(freed, 0);
    succeeds(fltsim_close(named));
    fltsim_trim(stage.volume);
    assert_int_equal(freed, 1);
}

static void a_file_object_keeps_what_drivers_hang_on_it(void)
{
    FSRTL_PER_FILEOBJECT_CONTEXT mine;
    stage_set();
    HANDLE handle = stage_open("C:\\file");
    PFILE_OBJECT file = stage_file(handle);
    FsRtlInitPerFileObjectContext(&mine, &owner, &device);
    answers(STATUS_INVALID_PARAMETER, FsRtlInsertPerFileObjectContext(NULL, &mine));
    starves(STATUS_INSUFFICIENT_RESOURCES, FsRtlInsertPerFileObjectContext(file, &mine));
    succeeds(FsRtlInsertPerFileObjectContext(file, &mine));
    assert_ptr_equal(FsRtlLookupPerFileObjectContext(file, &owner, &device), &mine);
    assert_null(FsRtlLookupPerFileObjectContext(file, &device, NULL));
    assert_ptr_equal(FsRtlRemovePerFileObjectContext(file, &owner, &device), &mine);
    assert_null(FsRtlRemovePerFileObjectContext(file, &owner, &device));
    succeeds(fltsim_close(handle));
}

static void where_the_file_is_the_stream_there_is_nothing_to_hang_on_files(void)
{
    FSRTL_PER_FILE_CONTEXT mine;
    FSRTL_PER_STREAM_CONTEXT of_stream;
    stage_mount(FLTSIM_FAT);
    freed = 0;
    HANDLE handle = stage_open("C:\\FILE");
    PFILE_OBJECT file = stage_file(handle);
    assert_false(FsRtlSupportsPerFileContexts(file));
    assert_null(FsRtlGetPerFileContextPointer(file));
    FsRtlInitPerFileContext(&mine, &owner, NULL, free_any);
    answers(STATUS_INVALID_DEVICE_REQUEST, FsRtlInsertPerFileContext(FsRtlGetPerFileContextPointer(file), &mine));
    assert_null(FsRtlLookupPerFileContext(FsRtlGetPerFileContextPointer(file), &owner, NULL));
    FsRtlInitPerStreamContext(&of_stream, &owner, NULL, free_any);
    succeeds(FsRtlInsertPerStreamContext(FsRtlGetPerStreamContextPointer(file), &of_stream));
    succeeds(fltsim_close(handle));
    succeeds(fltsim_dismount(stage.volume));
    assert_int_equal(freed, 1);
}

static void without_an_advanced_header_nothing_is_supported(void)
{
    static FSRTL_ADVANCED_FCB_HEADER plain; /* as a file system has it that knows nothing of filters */
    FSRTL_PER_STREAM_CONTEXT mine;
    stage_set();
    HANDLE handle = stage_open("C:\\file");
    FILE_OBJECT file = *stage_file(handle);
    PFLT_CONTEXT context, got;
    file.FsContext = &plain;
    FsRtlInitPerStreamContext(&mine, &owner, NULL, free_any);
    assert_false(FsRtlSupportsPerStreamContexts(&file));
    answers(STATUS_INVALID_DEVICE_REQUEST, FsRtlInsertPerStreamContext((PFSRTL_ADVANCED_FCB_HEADER)&plain, &mine));
    assert_null(FsRtlLookupPerStreamContext((PFSRTL_ADVANCED_FCB_HEADER)&plain, &owner, NULL));
    assert_null(FsRtlRemovePerStreamContext((PFSRTL_ADVANCED_FCB_HEADER)&plain, &owner, NULL));
    assert_false(FltSupportsStreamContexts(&file));
    assert_false(FltSupportsStreamHandleContexts(&file));
    assert_false(FltSupportsFileContextsEx(&file, stage.instance));
    succeeds(FltAllocateContext(stage.filter, FLT_STREAM_CONTEXT, 32, PagedPool, &context));
    answers(STATUS_NOT_SUPPORTED,
            FltSetStreamContext(stage.instance, &file, FLT_SET_CONTEXT_KEEP_IF_EXISTS, context, NULL));
    answers(STATUS_NOT_SUPPORTED, FltGetStreamContext(stage.instance, &file, &got));
    FltReleaseContext(context);
    succeeds(fltsim_close(handle));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fltsim_unit_test(a_stream_keeps_what_drivers_hang_on_it_until_it_is_torn_down),
        fltsim_unit_test(what_its_owner_removes_is_not_freed_by_the_file_system),
        fltsim_unit_test(a_file_keeps_what_drivers_hang_on_it_for_all_of_its_streams),
        fltsim_unit_test(a_file_object_keeps_what_drivers_hang_on_it),
        fltsim_unit_test(where_the_file_is_the_stream_there_is_nothing_to_hang_on_files),
        fltsim_unit_test(without_an_advanced_header_nothing_is_supported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
