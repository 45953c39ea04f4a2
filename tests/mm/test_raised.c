/* A callback that raises while a page is read: whoever holds a handler around the access is not meant. */
#include <fltsim/cmocka.h>

#include <fltKernel.h>

#pragma GCC diagnostic ignored "-Wunused-parameter"

static PFLT_FILTER Filter;
static UCHAR Major;

static FLT_PREOP_CALLBACK_STATUS Raise(PFLT_CALLBACK_DATA Data, PCFLT_RELATED_OBJECTS FltObjects, PVOID *Context)
{
    if (Data->Iopb->IrpFlags & IRP_PAGING_IO && Data->Iopb->MajorFunction == Major)
        ExRaiseStatus(STATUS_ACCESS_VIOLATION);
    return FLT_PREOP_SUCCESS_NO_CALLBACK;
}

static NTSTATUS Unload(FLT_FILTER_UNLOAD_FLAGS Flags)
{
    FltUnregisterFilter(Filter);
    return STATUS_SUCCESS;
}

static NTSTATUS Entry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    static const FLT_OPERATION_REGISTRATION operations[] = {{IRP_MJ_READ, 0, Raise}, {IRP_MJ_WRITE, 0, Raise}, {IRP_MJ_OPERATION_END}};
    static const FLT_REGISTRATION registration = {.Size = sizeof registration, .Version = FLT_REGISTRATION_VERSION,
                                                  .OperationRegistration = operations, .FilterUnloadCallback = Unload};
    NTSTATUS status = FltRegisterFilter(DriverObject, &registration, &Filter);
    return NT_SUCCESS(status) ? FltStartFiltering(Filter) : status;
}

static HANDLE start(UCHAR major)
{
    struct fltsim_volume *volume;
    struct fltsim_driver *driver;
    HANDLE file;
    Major = major;
    assert_int_equal(fltsim_mount(NULL, &volume), STATUS_SUCCESS);
    assert_int_equal(fltsim_load(&(struct fltsim_driver_options){.name = "raiser", .entry = Entry, .altitude = "100000"}, &driver),
                     STATUS_SUCCESS);
    assert_int_equal(fltsim_open("C:\\file", &(struct fltsim_open){.access = GENERIC_READ | GENERIC_WRITE,
                                                                   .disposition = FILE_CREATE}, &file),
                     STATUS_SUCCESS);
    assert_int_equal(fltsim_write(file, "some text", 9, 0, NULL), STATUS_SUCCESS);
    if (major == IRP_MJ_READ) {
        assert_int_equal(fltsim_flush(file), STATUS_SUCCESS);
        assert_int_equal(fltsim_close(file), STATUS_SUCCESS);
        fltsim_trim(volume);
        assert_int_equal(fltsim_open("C:\\file", NULL, &file), STATUS_SUCCESS);
    }
    return file;
}

/* The file system has a handler around the program's buffer. */
static void an_exception_in_a_paging_read_is_nobodys_to_handle(void)
{
    char text[9];
    HANDLE file = start(IRP_MJ_READ);
    fltsim_expect("unhandled-exception");
    fltsim_read(file, text, sizeof text, 0, NULL);
    fail_msg("it came back");
}

static void an_exception_in_a_paging_write_is_nobodys_to_handle(void)
{
    HANDLE file = start(IRP_MJ_WRITE);
    fltsim_expect("unhandled-exception");
    __try {
        fltsim_flush(file);
    } __except (EXCEPTION_EXECUTE_HANDLER) {
        fail_msg("it was handled");
    }
    fail_msg("it came back");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fltsim_unit_test(an_exception_in_a_paging_read_is_nobodys_to_handle),
        fltsim_unit_test(an_exception_in_a_paging_write_is_nobodys_to_handle),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
