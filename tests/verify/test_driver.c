/* A driver that leaves things behind, against the shared library: each is laid to it, by routine and line. */
#pragma GCC diagnostic ignored "-Wunused-parameter"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fltsim/fltsim.h>

#include <fltKernel.h>

#include <string.h>

static ERESOURCE Resource;
static BOOLEAN TidyUp;
static PVOID Block;
static HANDLE Event;

static __attribute__((noinline)) VOID TakeThings(VOID)
{
    OBJECT_ATTRIBUTES attributes;
    InitializeObjectAttributes(&attributes, NULL, OBJ_KERNEL_HANDLE, NULL, NULL);
    Block = ExAllocatePoolWithTag(PagedPool, 100, 'kaeL');
    ExInitializeResourceLite(&Resource);
    ZwCreateEvent(&Event, EVENT_ALL_ACCESS, &attributes, NotificationEvent, FALSE);
}

static VOID Unload(PDRIVER_OBJECT DriverObject)
{
    if (!TidyUp)
        return;
    ExFreePoolWithTag(Block, 'kaeL');
    ExDeleteResourceLite(&Resource);
    ZwClose(Event);
}

static NTSTATUS Entry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    DriverObject->DriverUnload = Unload;
    TakeThings();
    return STATUS_SUCCESS;
}

static NTSTATUS FailingEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    Block = ExAllocatePoolWithTag(PagedPool, 100, 'kaeL');
    return STATUS_UNSUCCESSFUL;
}

static void run(BOOLEAN tidy_up, struct fltsim_report **report)
{
    struct fltsim_driver *driver;
    TidyUp = tidy_up;
    assert_true(fltsim_start(&(struct fltsim_options){.quiet = true}));
    assert_int_equal(fltsim_load(&(struct fltsim_driver_options){.name = "leaky", .entry = Entry}, &driver), STATUS_SUCCESS);
    assert_int_equal(fltsim_unload(driver), STATUS_SUCCESS);
    fltsim_stop(report);
}

static const struct fltsim_violation *find(struct fltsim_report *report, const char *rule)
{
    for (size_t i = 0; i < report->count; i++)
        if (!strcmp(report->violations[i].rule, rule))
            return &report->violations[i];
    fltsim_report_print(report, stderr);
    fail_msg("no %s was reported", rule);
    return NULL;
}

static void test_leaving_things(void **state)
{
    static const char *const rules[] = {"pool-leak", "handle-leak", "not-deleted"};
    struct fltsim_report *report;
    run(FALSE, &report);
    assert_int_equal(report->count, 3);
    for (int i = 0; i < 3; i++) {
        const struct fltsim_violation *v = find(report, rules[i]);
        assert_string_equal(v->driver, "leaky");
        assert_non_null(strstr(v->what, "when leaky unloaded."));
        assert_non_null(strstr(v->history, " by TakeThings (test_driver.c:"));
    }
    assert_non_null(strstr(find(report, "pool-leak")->what, "1 block of pool tagged 'Leak' (100 bytes)"));
    fltsim_report_free(report);
}

static void test_tidying_up(void **state)
{
    struct fltsim_report *report;
    run(TRUE, &report);
    assert_int_equal(report->count, 0);
    fltsim_report_free(report);
}

static void test_failing_entry(void **state)
{
    struct fltsim_report *report;
    struct fltsim_driver *driver;
    assert_true(fltsim_start(&(struct fltsim_options){.quiet = true}));
    assert_int_equal(fltsim_load(&(struct fltsim_driver_options){.name = "leaky", .entry = FailingEntry}, &driver),
                     STATUS_UNSUCCESSFUL);
    fltsim_stop(&report);
    assert_int_equal(report->count, 1);
    assert_string_equal(find(report, "pool-leak")->driver, "leaky");
    fltsim_report_free(report);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_leaving_things),
        cmocka_unit_test(test_tidying_up),
        cmocka_unit_test(test_failing_entry),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
