/* Power settings: what a callback hears when it is registered. */
#include "../ke/kernel.h"

#include <fltsim/fault.h>

static const GUID console = {0x6fe69556, 0x704a, 0x47a0, {0x8f, 0x24, 0xc2, 0x8d, 0x93, 0x6f, 0xda, 0x47}};
static const GUID unknown = {0x11111111, 0x704a, 0x47a0, {0x8f, 0x24, 0xc2, 0x8d, 0x93, 0x6f, 0xda, 0x47}};
static int calls;
static ULONG heard;

static NTSTATUS on_setting(LPCGUID id, PVOID value, ULONG length, PVOID context)
{
    assert_memory_equal(id, &console, sizeof *id);
    assert_int_equal(length, sizeof heard);
    assert_ptr_equal(context, &calls);
    assert_int_equal(KeGetCurrentIrql(), PASSIVE_LEVEL);
    heard = *(ULONG *)value;
    calls++;
    return STATUS_SUCCESS;
}

static void a_callback_hears_the_value_when_it_is_registered(void **state)
{
    PVOID handle = NULL;
    calls = 0;
    assert_int_equal(PoRegisterPowerSettingCallback(NULL, &console, on_setting, &calls, &handle), STATUS_SUCCESS);
    assert_int_equal(calls, 1);
    assert_int_equal(heard, 1); /* the display is on */
    assert_int_equal(PoUnregisterPowerSettingCallback(handle), STATUS_SUCCESS);
    assert_int_equal(PoUnregisterPowerSettingCallback(handle), STATUS_INVALID_PARAMETER);
    assert_int_equal(PoUnregisterPowerSettingCallback(NULL), STATUS_INVALID_PARAMETER);
}

static void of_a_setting_that_is_not_there_nothing_is_heard(void **state)
{
    PVOID first, second;
    calls = 0;
    assert_int_equal(PoRegisterPowerSettingCallback(NULL, &unknown, on_setting, &calls, &first), STATUS_SUCCESS);
    assert_int_equal(PoRegisterPowerSettingCallback(NULL, &unknown, on_setting, &calls, &second), STATUS_SUCCESS);
    assert_int_equal(calls, 0);
    assert_int_equal(PoUnregisterPowerSettingCallback(first), STATUS_SUCCESS);
    assert_int_equal(PoUnregisterPowerSettingCallback(second), STATUS_SUCCESS);
}

static void a_registration_needs_memory(void **state)
{
    PVOID handle;
    calls = 0;
    fltsim_fail_allocation(1);
    assert_int_equal(PoRegisterPowerSettingCallback(NULL, &console, on_setting, &calls, &handle),
                     STATUS_INSUFFICIENT_RESOURCES);
    fltsim_fail_allocation(0);
    assert_int_equal(calls, 0);
}

static void a_callback_left_registered_is_reported(void **state)
{
    struct fltsim_report *report;
    PVOID handle;
    assert_int_equal(PoRegisterPowerSettingCallback(NULL, &console, on_setting, &calls, &handle), STATUS_SUCCESS);
    assert_int_equal(fltsim_stop(&report), 1);
    assert_string_equal(report->violations[0].rule, "callback-left-registered");
    fltsim_report_free(report);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        kernel_test(a_callback_hears_the_value_when_it_is_registered),
        kernel_test(of_a_setting_that_is_not_there_nothing_is_heard),
        kernel_test(a_registration_needs_memory),
        cmocka_unit_test_setup(a_callback_left_registered_is_reported, start_machine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
