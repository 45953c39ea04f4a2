/* A create outlives the driver that attached a parameter to it: the cleanup callback is in code that is gone. */
#pragma GCC diagnostic ignored "-Wunused-parameter"

#include <fltKernel.h>

#include <fltsim/cmocka.h>

#include <stdio.h>
#include <string.h>

static char module[512];
static PFLT_FILTER filter;
static PFLT_CALLBACK_DATA held;
static KEVENT isHeld;

static FLT_PREOP_CALLBACK_STATUS FLTAPI hold(PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects, PVOID *context)
{
    held = data;
    KeSetEvent(&isHeld, IO_NO_INCREMENT, FALSE);
    return FLT_PREOP_PENDING;
}

static NTSTATUS FLTAPI unload(FLT_FILTER_UNLOAD_FLAGS flags)
{
    FltUnregisterFilter(filter);
    return STATUS_SUCCESS;
}

static NTSTATUS enter(PDRIVER_OBJECT driver, PUNICODE_STRING path)
{
    static const FLT_OPERATION_REGISTRATION operations[] = {{IRP_MJ_CREATE, 0, hold, NULL, NULL},
                                                            {IRP_MJ_OPERATION_END, 0, NULL, NULL, NULL}};
    static const FLT_REGISTRATION registration = {.Size = sizeof registration,
                                                  .Version = FLT_REGISTRATION_VERSION,
                                                  .OperationRegistration = operations,
                                                  .FilterUnloadCallback = unload};
    NTSTATUS status = FltRegisterFilter(driver, &registration, &filter);
    return NT_SUCCESS(status) ? FltStartFiltering(filter) : status;
}

static int open_file(void *unused)
{
    HANDLE handle;
    NTSTATUS status = fltsim_open("C:\\f", &(struct fltsim_open){.access = GENERIC_WRITE, .disposition = FILE_CREATE},
                                  &handle);
    if (NT_SUCCESS(status))
        fltsim_close(handle);
    return status;
}

static void outlive(void *unused)
{
    struct fltsim_driver *slow, *leaver;
    struct fltsim_volume *volume;
    KeInitializeEvent(&isHeld, SynchronizationEvent, FALSE);
    assert_int_equal(fltsim_mount(&(struct fltsim_volume_options){.letter = 'C'}, &volume), STATUS_SUCCESS);
    assert_int_equal(fltsim_load(&(struct fltsim_driver_options){.name = "slow", .entry = enter, .altitude = "320000"}, &slow),
                     STATUS_SUCCESS);
    assert_int_equal(
        fltsim_load(&(struct fltsim_driver_options){.name = "leaver", .module = module, .altitude = "370000"}, &leaver),
        STATUS_SUCCESS);
    struct fltsim_thread *thread = fltsim_thread_create(NULL, open_file, NULL);
    KeWaitForSingleObject(&isHeld, Executive, KernelMode, FALSE, NULL);
    assert_int_equal(fltsim_unload(leaver), STATUS_SUCCESS);
    FltCompletePendedPreOperation(held, FLT_PREOP_SUCCESS_NO_CALLBACK, NULL);
    assert_int_equal(fltsim_thread_join(thread), STATUS_SUCCESS);
}

static void the_driver_is_told_as_it_unloads(void **state)
{
    struct fltsim_report *report;
    assert_true(fltsim_start(&(struct fltsim_options){.quiet = true}));
    assert_true(fltsim_try(outlive, NULL));
    fltsim_stop(&report);
    assert_int_equal(report->count, 1);
    assert_string_equal(report->violations[0].rule, "ecp-leak");
    assert_string_equal(report->violations[0].driver, "leaver");
    assert_non_null(strstr(report->violations[0].history, "cleanup callback cleanup (ecp_leaver.c"));
    fltsim_report_free(report);
}

int main(int count, char **arguments)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_driver_is_told_as_it_unloads)};
    const char *slash = strrchr(arguments[0], '/'); /* the build puts the module beside this program */
    snprintf(module, sizeof module, "%.*sflt/ecp-leaver.so", slash ? (int)(slash + 1 - arguments[0]) : 0, arguments[0]);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
