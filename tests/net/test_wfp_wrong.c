/* What drivers leave in the filter engine; the right twins are in test_wfp.c. */
#include <fwpmk.h>
#include <fwpsk.h>
#include <fltsim/net.h>

#include "../ex/ex_test.h"

#include "net/net.h"
#include "verify/verify.h"

static const GUID key = {0x30, 0, 0, "callou"};
static int device;

static VOID NTAPI classify(const FWPS_INCOMING_VALUES0 *values, const FWPS_INCOMING_METADATA_VALUES0 *meta, void *data,
                           const void *context, const FWPS_FILTER3 *filter, UINT64 flow_context, FWPS_CLASSIFY_OUT0 *out)
{
}

static __attribute__((noinline)) void leave_callout(void)
{
    NTSTATUS volatile status =
        FwpsCalloutRegister3(&device, &(FWPS_CALLOUT3){.calloutKey = key, .classifyFn = classify}, NULL);
    assert_int_equal(status, STATUS_SUCCESS);
}

static __attribute__((noinline)) HANDLE leave_session(void)
{
    HANDLE engine;
    NTSTATUS volatile status = FwpmEngineOpen0(NULL, RPC_C_AUTHN_WINNT, NULL, NULL, &engine);
    assert_int_equal(status, STATUS_SUCCESS);
    return engine;
}

static void a_callout_left_registered(void **state)
{
    leave_callout();
    expect_report("callout-left-registered", "FwpsCalloutRegister3) is still registered", "registered by leave_callout");
}

static void a_driver_that_unloads_with_a_callout(void **state)
{
    verify_register_driver("leaky", (const void *)leave_callout);
    leave_callout();
    NetpReportDriver("leaky");
    assert_int_equal(fltsim_violations(), 1);
    verify_unregister_driver("leaky");
    expect_report("callout-left-registered", "still registered", "registered by leave_callout");
}

static void a_session_left_open(void **state)
{
    leave_session();
    expect_report("network-leak", "A session of the filter engine is still open", "opened by leave_session");
}

static void a_transaction_left_open(void **state)
{
    assert_int_equal(FwpmTransactionBegin0(leave_session(), 0), STATUS_SUCCESS);
    expect_report("network-leak", "keeps every other writer waiting", "opened by leave_session");
}

static VOID NTAPI changed(void *context, FWPM_SERVICE_STATE now) {}

static void a_subscription_left(void **state)
{
    HANDLE change;
    assert_int_equal(FwpmBfeStateSubscribeChanges0(&device, changed, NULL, &change), STATUS_SUCCESS);
    expect_report("callout-left-registered", "FwpmBfeStateSubscribeChanges0", "callback changed");
}

static void a_session_closed_twice(void **state)
{
    HANDLE engine = leave_session();
    assert_int_equal(FwpmEngineClose0(engine), STATUS_SUCCESS);
    assert_int_equal(FwpmEngineClose0(engine), STATUS_INVALID_HANDLE);
    expect_report("network-misuse", "FwpmEngineClose0 was given", "called by a_session_closed_twice");
}

static void a_subscription_given_up_twice(void **state)
{
    HANDLE change;
    assert_int_equal(FwpmBfeStateSubscribeChanges0(&device, changed, NULL, &change), STATUS_SUCCESS);
    assert_int_equal(FwpmBfeStateUnsubscribeChanges0(change), STATUS_SUCCESS);
    assert_int_equal(FwpmBfeStateUnsubscribeChanges0(change), STATUS_INVALID_HANDLE);
    expect_report("network-misuse", "FwpmBfeStateUnsubscribeChanges0 was given", "");
}

/* ---- callouts that run, and what they inject ---- */

static VOID NTAPI raise(const FWPS_INCOMING_VALUES0 *values, const FWPS_INCOMING_METADATA_VALUES0 *meta, void *data,
                        const void *context, const FWPS_FILTER3 *filter, UINT64 flow_context, FWPS_CLASSIFY_OUT0 *out)
{
    KIRQL irql;
    KeRaiseIrql(DISPATCH_LEVEL, &irql);
}

static void a_callout_returns_at_the_irql_it_was_called_at(void **state)
{
    static const FWPM_DISPLAY_DATA0 shown = {(WCHAR *)u"test", NULL};
    FWPM_FILTER0 filter = {.displayData = shown,
                           .layerKey = FWPM_LAYER_ALE_AUTH_CONNECT_V4,
                           .action = {.type = FWP_ACTION_CALLOUT_INSPECTION, .calloutKey = key}};
    FWPM_CALLOUT0 callout = {.calloutKey = key, .displayData = shown, .applicableLayer = FWPM_LAYER_ALE_AUTH_CONNECT_V4};
    HANDLE engine = leave_session();
    UINT32 id;
    assert_int_equal(FwpsCalloutRegister3(&device, &(FWPS_CALLOUT3){.calloutKey = key, .classifyFn = raise}, &id),
                     STATUS_SUCCESS);
    assert_int_equal(FwpmCalloutAdd0(engine, &callout, NULL, NULL), STATUS_SUCCESS);
    assert_int_equal(FwpmFilterAdd0(engine, &filter, NULL, NULL), STATUS_SUCCESS);
    fltsim_net_classify(FWPS_LAYER_ALE_AUTH_CONNECT_V4, NULL, NULL, 0);
    assert_int_equal(KeGetCurrentIrql(), PASSIVE_LEVEL);
    assert_int_equal(FwpmEngineClose0(engine), STATUS_SUCCESS);
    assert_int_equal(FwpsCalloutUnregisterById0(id), STATUS_SUCCESS);
    expect_report("irql-not-restored", "A callout's classifyFn was called at IRQL 0 and returned at IRQL 2.", "raise");
}

static void an_injection_handle_left(void **state)
{
    HANDLE injection;
    assert_int_equal(FwpsInjectionHandleCreate0(AF_INET, FWPS_INJECTION_TYPE_STREAM, &injection), STATUS_SUCCESS);
    expect_report("network-leak", "injection handle (FwpsInjectionHandleDestroy0)", "made by an_injection_handle_left");
}

static void an_injection_handle_destroyed_twice(void **state)
{
    HANDLE injection;
    assert_int_equal(FwpsInjectionHandleCreate0(AF_INET, FWPS_INJECTION_TYPE_STREAM, &injection), STATUS_SUCCESS);
    assert_int_equal(FwpsInjectionHandleDestroy0(injection), STATUS_SUCCESS);
    assert_int_equal(FwpsInjectionHandleDestroy0(injection), STATUS_INVALID_HANDLE);
    expect_report("network-misuse", "FwpsInjectionHandleDestroy0 was given", "");
}

static void an_operation_completed_that_does_not_wait(void **state)
{
    FwpsCompleteOperation0(&device, NULL);
    expect_report("network-misuse", "FwpsCompleteOperation0 was given", "called by an_operation_completed");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WRONG(a_callout_left_registered),      WRONG(a_driver_that_unloads_with_a_callout),
        WRONG(a_session_left_open),            WRONG(a_transaction_left_open),
        WRONG(a_subscription_left),            WRONG(a_session_closed_twice),
        WRONG(a_subscription_given_up_twice),
        WRONG(a_callout_returns_at_the_irql_it_was_called_at),
        WRONG(an_injection_handle_left),       WRONG(an_injection_handle_destroyed_twice),
        WRONG(an_operation_completed_that_does_not_wait),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
