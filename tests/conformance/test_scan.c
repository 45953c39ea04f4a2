/* Sections over files that a filter scans. */
#include "stage.h"

static HANDLE section;
static PVOID object;

static PFLT_CONTEXT made(void)
{
    PFLT_CONTEXT context;
    succeeds(FltAllocateContext(stage.filter, FLT_SECTION_CONTEXT, 32, PagedPool, &context));
    return context;
}

/* A file of 64 bytes. */
static PFILE_OBJECT opened(HANDLE *handle)
{
    stage_set();
    *handle = stage_open("C:\\file");
    for (int64_t at = 0; at < 64; at += 4)
        succeeds(fltsim_write(*handle, "data", 4, at, NULL));
    return stage_file(*handle);
}

static NTSTATUS scan_as(PFILE_OBJECT file, PFLT_CONTEXT context, ULONG protection, ULONG attributes)
{
    OBJECT_ATTRIBUTES kernel;
    LARGE_INTEGER size;
    InitializeObjectAttributes(&kernel, NULL, OBJ_KERNEL_HANDLE, NULL, NULL);
    return FltCreateSectionForDataScan(stage.instance, file, context, SECTION_MAP_READ, &kernel, NULL, protection, attributes,
                                       0, &section, &object, &size);
}

static NTSTATUS scan(PFILE_OBJECT file, PFLT_CONTEXT context) { return scan_as(file, context, PAGE_READONLY, SEC_COMMIT); }

static void end_scan(PFLT_CONTEXT context)
{
    succeeds(ZwClose(section));
    ObDereferenceObject(object);
    succeeds(FltCloseSectionForDataScan(context));
}

static void a_file_is_scanned_through_one_section_of_an_instance(void)
{
    HANDLE handle, first;
    PVOID firstObject;
    PFLT_CONTEXT got;
    PFILE_OBJECT file = opened(&handle);
    PFLT_CONTEXT context = made(), second = made();
    succeeds(FltRegisterForDataScan(stage.instance));
    answers(STATUS_NOT_FOUND, FltGetSectionContext(stage.instance, file, &got));
    assert_null(got);
    succeeds(scan(file, context));
    assert_int_equal(stage_count(context), 2);
    first = section;
    firstObject = object;
    answers(STATUS_FLT_CONTEXT_ALREADY_DEFINED, scan(file, second));
    assert_int_equal(stage_count(second), 1);
    succeeds(FltGetSectionContext(stage.instance, file, &got));
    assert_ptr_equal(got, context);
    assert_int_equal(stage_count(context), 3);
    FltReleaseContext(got);
    section = first;
    object = firstObject;
    end_scan(context);
    assert_int_equal(stage_count(context), 1);
    answers(STATUS_NOT_FOUND, FltCloseSectionForDataScan(context));
    answers(STATUS_NOT_FOUND, FltGetSectionContext(stage.instance, file, &got));
    FltReleaseContext(context);
    succeeds(scan(file, second)); /* the next scan */
    end_scan(second);
    FltReleaseContext(second);
    assert_int_equal(stage.cleanups, 2);
    succeeds(fltsim_close(handle));
}

static void related_contexts_have_the_section_context_too(void)
{
    HANDLE handle;
    FLT_RELATED_CONTEXTS_EX all;
    PFILE_OBJECT file = opened(&handle);
    PFLT_CONTEXT context = made();
    FLT_RELATED_OBJECTS objects = {.Size = sizeof objects,
                                   .Filter = stage.filter,
                                   .Volume = stage.fltVolume,
                                   .Instance = stage.instance,
                                   .FileObject = file};
    succeeds(FltRegisterForDataScan(stage.instance));
    succeeds(scan(file, context));
    succeeds(FltGetContextsEx(&objects, FLT_ALL_CONTEXTS, sizeof all, &all));
    assert_ptr_equal(all.SectionContext, context);
    assert_null(all.StreamContext);
    assert_int_equal(stage_count(context), 3);
    FltReleaseContextsEx(sizeof all, &all);
    assert_null(all.SectionContext);
    assert_int_equal(stage_count(context), 2);
    end_scan(context);
    FltReleaseContext(context);
    succeeds(fltsim_close(handle));
}

/* Each leaves the context as if it had never been set. */
static void what_cannot_be_scanned_is_refused(void)
{
    HANDLE handle, folder;
    PFILE_OBJECT file = opened(&handle);
    PFLT_CONTEXT context = made();
    FILE_OBJECT unopened = {.Type = file->Type, .Size = file->Size, .DeviceObject = file->DeviceObject, .Vpb = file->Vpb};

    answers(STATUS_INVALID_PARAMETER, FltCloseSectionForDataScan(context));
    answers(STATUS_INVALID_PARAMETER, scan(file, context)); /* not registered for scans */
    succeeds(FltRegisterForDataScan(stage.instance));
    succeeds(fltsim_open("C:\\folder", &(struct fltsim_open){.access = GENERIC_READ,
                                                             .disposition = FILE_OPEN_IF,
                                                             .options = FILE_DIRECTORY_FILE}, &folder));
    answers(STATUS_FILE_IS_A_DIRECTORY, scan(stage_file(folder), context));
    answers(STATUS_NOT_SUPPORTED, scan(&unopened, context));
    answers(STATUS_INVALID_PARAMETER_8, scan_as(file, context, PAGE_EXECUTE, SEC_COMMIT));
    answers(STATUS_INVALID_PARAMETER_9, scan_as(file, context, PAGE_READONLY, 0));
    PSECTION_OBJECT_POINTERS pointers = file->SectionObjectPointer;
    file->SectionObjectPointer = NULL;
    answers(STATUS_INVALID_FILE_FOR_SECTION, scan(file, context));
    file->SectionObjectPointer = pointers;
    starves(STATUS_INSUFFICIENT_RESOURCES, scan(file, context));
    assert_int_equal(stage_count(context), 1);
    answers(STATUS_INVALID_PARAMETER, FltCloseSectionForDataScan(context));
    succeeds(scan(file, context));
    end_scan(context);
    FltReleaseContext(context);
    succeeds(fltsim_close(folder));
    succeeds(fltsim_close(handle));
}

static void an_empty_file_has_no_section(void)
{
    stage_set();
    HANDLE handle = stage_open("C:\\empty");
    PFLT_CONTEXT context = made();
    succeeds(FltRegisterForDataScan(stage.instance));
    answers(STATUS_END_OF_FILE, scan(stage_file(handle), context));
    answers(STATUS_INVALID_PARAMETER, FltCloseSectionForDataScan(context));
    FltReleaseContext(context);
    succeeds(fltsim_close(handle));
}

static void a_section_context_without_a_section_is_only_released(void)
{
    stage_set();
    FltReleaseContext(made());
    assert_int_equal(stage.cleanups, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fltsim_unit_test(a_file_is_scanned_through_one_section_of_an_instance),
        fltsim_unit_test(related_contexts_have_the_section_context_too),
        fltsim_unit_test(what_cannot_be_scanned_is_refused),
        fltsim_unit_test(an_empty_file_has_no_section),
        fltsim_unit_test(a_section_context_without_a_section_is_only_released),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
