#include "kernel.h"

static int called;
static char buffer[8];

static void on_bug_check(PVOID data, ULONG length)
{
    called++;
    assert_ptr_equal(data, buffer);
    assert_int_equal(length, sizeof buffer);
}

static KBUGCHECK_CALLBACK_RECORD record;

static void stop_the_system(void *argument) { KeBugCheckEx(0xDEADDEAD, 1, 2, 3, 4); }

static void a_bug_check_ends_the_run_with_its_code(void **state)
{
    struct fltsim_report *report;
    called = 0;
    KeInitializeCallbackRecord(&record);
    assert_true(KeRegisterBugCheckCallback(&record, on_bug_check, buffer, sizeof buffer, (PUCHAR) "test"));
    assert_false(KeRegisterBugCheckCallback(&record, on_bug_check, buffer, sizeof buffer, (PUCHAR) "test"));
    assert_false(fltsim_try(stop_the_system, NULL));
    assert_int_equal(called, 1);
    fltsim_stop(&report);
    const struct fltsim_violation *violation = &report->violations[report->count - 1];
    assert_string_equal(violation->rule, "bugcheck");
    assert_int_equal(violation->bugcheck, 0xDEADDEAD);
    for (int i = 0; i < 4; i++)
        assert_int_equal(violation->parameters[i], i + 1);
    fltsim_report_free(report);
}

static void stop_without_parameters(void *argument) { KeBugCheck(0xE2); }

static void a_bug_check_may_have_no_parameters(void **state)
{
    struct fltsim_report *report;
    assert_false(fltsim_try(stop_without_parameters, NULL));
    fltsim_stop(&report);
    assert_int_equal(report->violations[report->count - 1].bugcheck, 0xE2);
    fltsim_report_free(report);
}

static void a_removed_callback_is_not_called(void **state)
{
    called = 0;
    KeInitializeCallbackRecord(&record);
    assert_false(KeDeregisterBugCheckCallback(&record));
    KeRegisterBugCheckCallback(&record, on_bug_check, buffer, sizeof buffer, (PUCHAR) "test");
    assert_true(KeDeregisterBugCheckCallback(&record));
    assert_false(fltsim_try(stop_the_system, NULL));
    assert_int_equal(called, 0);
}

static void a_device_queue_holds_what_comes_while_it_is_busy(void **state)
{
    KDEVICE_QUEUE queue;
    KDEVICE_QUEUE_ENTRY entries[4];
    KeInitializeDeviceQueue(&queue);
    assert_false(KeInsertDeviceQueue(&queue, &entries[0]));
    assert_true(KeInsertByKeyDeviceQueue(&queue, &entries[1], 20));
    assert_true(KeInsertByKeyDeviceQueue(&queue, &entries[2], 10));
    assert_true(KeInsertDeviceQueue(&queue, &entries[3]));
    assert_ptr_equal(KeRemoveDeviceQueue(&queue), &entries[2]);
    assert_ptr_equal(KeRemoveDeviceQueue(&queue), &entries[1]);
    assert_ptr_equal(KeRemoveDeviceQueue(&queue), &entries[3]);
    assert_null(KeRemoveDeviceQueue(&queue));
    assert_false(KeInsertDeviceQueue(&queue, &entries[0]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_bug_check_ends_the_run_with_its_code, start_machine),
        cmocka_unit_test_setup(a_bug_check_may_have_no_parameters, start_machine),
        broken_test(a_removed_callback_is_not_called),
        kernel_test(a_device_queue_holds_what_comes_while_it_is_busy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
