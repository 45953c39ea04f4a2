/* A section over a file whose open a filter undoes, as a scanner does with what it finds infected. */
#include <fltsim/cmocka.h>

#include <fltKernel.h>

#include <string.h>

#pragma GCC diagnostic ignored "-Wunused-parameter"

static const char text[] = "what the file says";
static PFLT_FILTER Filter;
static PVOID Section;
static NTSTATUS Created;

static FLT_POSTOP_CALLBACK_STATUS PostCreate(PFLT_CALLBACK_DATA Data, PCFLT_RELATED_OBJECTS FltObjects, PVOID Context,
                                             FLT_POST_OPERATION_FLAGS Flags)
{
    OBJECT_ATTRIBUTES attributes;
    HANDLE handle;
    static const UNICODE_STRING name = RTL_CONSTANT_STRING(L"\\infected");
    if (Data->IoStatus.Status != STATUS_SUCCESS || Section || !RtlEqualUnicodeString(&FltObjects->FileObject->FileName, &name, TRUE))
        return FLT_POSTOP_FINISHED_PROCESSING;
    InitializeObjectAttributes(&attributes, NULL, OBJ_KERNEL_HANDLE, NULL, NULL);
    Created = FsRtlCreateSectionForDataScan(&handle, &Section, NULL, FltObjects->FileObject, SECTION_MAP_READ, &attributes, NULL,
                                            PAGE_READONLY, SEC_COMMIT, 0);
    if (NT_SUCCESS(Created))
        ZwClose(handle);
    FltCancelFileOpen(FltObjects->Instance, FltObjects->FileObject);
    Data->IoStatus.Status = STATUS_VIRUS_INFECTED;
    return FLT_POSTOP_FINISHED_PROCESSING;
}

static NTSTATUS Unload(FLT_FILTER_UNLOAD_FLAGS Flags)
{
    FltUnregisterFilter(Filter);
    return STATUS_SUCCESS;
}

static NTSTATUS Entry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    static const FLT_OPERATION_REGISTRATION operations[] = {{IRP_MJ_CREATE, 0, NULL, PostCreate}, {IRP_MJ_OPERATION_END}};
    static const FLT_REGISTRATION registration = {.Size = sizeof registration, .Version = FLT_REGISTRATION_VERSION,
                                                  .OperationRegistration = operations, .FilterUnloadCallback = Unload};
    NTSTATUS status = FltRegisterFilter(DriverObject, &registration, &Filter);
    return NT_SUCCESS(status) ? FltStartFiltering(Filter) : status;
}

static void make_file(void)
{
    HANDLE file;
    assert_int_equal(fltsim_open("C:\\infected", &(struct fltsim_open){.access = GENERIC_WRITE, .disposition = FILE_CREATE}, &file), 0);
    assert_int_equal(fltsim_write(file, text, sizeof text, 0, NULL), 0);
    fltsim_close(file);
}

static void open_is_undone(void)
{
    HANDLE file;
    assert_int_equal(fltsim_open("C:\\infected", &(struct fltsim_open){.access = GENERIC_READ}, &file), STATUS_VIRUS_INFECTED);
    assert_int_equal(Created, STATUS_SUCCESS);
    assert_non_null(Section);
}

static void a_section_outlives_the_open_that_it_was_made_in(void)
{
    struct fltsim_volume *volume;
    struct fltsim_driver *driver;
    PVOID base = NULL;
    SIZE_T size = 0;
    HANDLE file;
    char seen[sizeof text] = "";

    Section = NULL;
    fltsim_mount(NULL, &volume);
    make_file();
    fltsim_sleep(3000);
    fltsim_trim(volume); /* nothing of it is in memory */
    assert_int_equal(fltsim_load(&(struct fltsim_driver_options){.name = "scanner", .entry = Entry, .altitude = "320000"}, &driver), 0);
    fltsim_attach(driver, volume, NULL, NULL);
    open_is_undone();
    fltsim_sleep(3000);
    assert_int_equal(MmMapViewInSystemSpace(Section, &base, &size), STATUS_SUCCESS);
    assert_string_equal(base, text);
    assert_int_equal(MmUnmapViewInSystemSpace(base), STATUS_SUCCESS);
    assert_int_equal(fltsim_open("C:\\infected", &(struct fltsim_open){.access = GENERIC_READ | GENERIC_WRITE}, &file), 0);
    assert_int_equal(fltsim_read(file, seen, sizeof seen, 0, NULL), 0);
    assert_string_equal(seen, text);
    fltsim_close(file);
    ObDereferenceObject(Section);
    assert_int_equal(fltsim_unload(driver), 0);
    fltsim_dismount(volume);
}

int main(void)
{
    const struct CMUnitTest tests[] = {fltsim_unit_test(a_section_outlives_the_open_that_it_was_made_in)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
