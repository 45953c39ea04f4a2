/* The filter engine's objects: sessions, transactions, what refers to what, what is refused. */
#include "wfp_unit.h"

#define LAYER (&FWPM_LAYER_ALE_AUTH_CONNECT_V4)

/* ---- sessions ---- */

static void a_session_is_opened_and_closed(void)
{
    HANDLE engine = open_engine(0);
    succeeds(FwpmEngineClose0(engine));
    answers(STATUS_INVALID_HANDLE, FwpmTransactionBegin0(engine, 0));
    answers(STATUS_INVALID_HANDLE, FwpmFilterDeleteById0(engine, 1));
    answers(STATUS_FWP_NULL_POINTER, FwpmEngineOpen0(NULL, RPC_C_AUTHN_WINNT, NULL, NULL, NULL));
    answers(STATUS_INVALID_PARAMETER, FwpmEngineOpen0(u"server", RPC_C_AUTHN_WINNT, NULL, NULL, &engine));
    answers(STATUS_INVALID_PARAMETER, FwpmEngineOpen0(NULL, RPC_C_AUTHN_NONE, NULL, NULL, &engine));
    answers(STATUS_FWP_INVALID_FLAGS,
            FwpmEngineOpen0(NULL, RPC_C_AUTHN_DEFAULT, NULL, &(FWPM_SESSION0){.flags = 2}, &engine));
    fltsim_fail_allocation(1);
    answers(STATUS_INSUFFICIENT_RESOURCES, FwpmEngineOpen0(NULL, RPC_C_AUTHN_WINNT, NULL, NULL, &engine));
    fltsim_fail_allocation(0);
}

static void what_a_dynamic_session_added_goes_with_it(void)
{
    HANDLE dynamic = open_engine(FWPM_SESSION_FLAG_DYNAMIC), other = open_engine(0);
    UINT32 id = register_callout(0);
    add_provider(dynamic);
    add_sublayer(dynamic, 1);
    assert_int_equal(add_callout(dynamic, LAYER), id);
    UINT64 filter = add_filter(dynamic, LAYER, FWP_ACTION_CALLOUT_TERMINATING);
    answers(STATUS_FWP_WRONG_SESSION, FwpmFilterDeleteById0(other, filter));
    FWPM_FILTER0 foreign = plain_filter(LAYER, FWP_ACTION_BLOCK);
    foreign.subLayerKey = sublayer_key;
    answers(STATUS_FWP_LIFETIME_MISMATCH, FwpmFilterAdd0(other, &foreign, NULL, NULL));
    succeeds(FwpmEngineClose0(dynamic));
    assert_int_equal(seen.deletes, 1);
    answers(STATUS_FWP_FILTER_NOT_FOUND, FwpmFilterDeleteById0(other, filter));
    answers(STATUS_FWP_CALLOUT_NOT_FOUND, FwpmCalloutDeleteById0(other, id));
    answers(STATUS_FWP_SUBLAYER_NOT_FOUND, FwpmSubLayerDeleteByKey0(other, &sublayer_key));
    answers(STATUS_FWP_PROVIDER_NOT_FOUND, FwpmProviderDeleteByKey0(other, &provider_key));
    succeeds(FwpmEngineClose0(other));
    succeeds(FwpsCalloutUnregisterById0(id));
}

static void what_another_session_added_stays(void)
{
    HANDLE first = open_engine(0), second = open_engine(0);
    UINT64 filter = add_filter(first, LAYER, FWP_ACTION_PERMIT);
    succeeds(FwpmEngineClose0(first));
    succeeds(FwpmFilterDeleteById0(second, filter));
    succeeds(FwpmEngineClose0(second));
}

/* ---- transactions ---- */

static void a_session_has_one_transaction_at_a_time(void)
{
    HANDLE engine = open_engine(0);
    answers(STATUS_FWP_NO_TXN_IN_PROGRESS, FwpmTransactionCommit0(engine));
    answers(STATUS_FWP_NO_TXN_IN_PROGRESS, FwpmTransactionAbort0(engine));
    answers(STATUS_FWP_INVALID_FLAGS, FwpmTransactionBegin0(engine, 8));
    succeeds(FwpmTransactionBegin0(engine, 0));
    answers(STATUS_FWP_TXN_IN_PROGRESS, FwpmTransactionBegin0(engine, 0));
    answers(STATUS_FWP_TXN_IN_PROGRESS, FwpmTransactionBegin0(engine, FWPM_TXN_READ_ONLY));
    succeeds(FwpmTransactionCommit0(engine));
    succeeds(FwpmTransactionBegin0(engine, FWPM_TXN_READ_ONLY));
    FWPM_FILTER0 filter = plain_filter(LAYER, FWP_ACTION_PERMIT);
    answers(STATUS_FWP_INCOMPATIBLE_TXN, FwpmFilterAdd0(engine, &filter, NULL, NULL));
    answers(STATUS_FWP_INCOMPATIBLE_TXN, FwpmFilterDeleteById0(engine, 1));
    succeeds(FwpmTransactionAbort0(engine));
    succeeds(FwpmEngineClose0(engine));
}

static void aborting_undoes_additions_and_deletions(void)
{
    HANDLE engine = open_engine(0);
    UINT32 id = register_callout(0);
    add_callout(engine, LAYER);
    UINT64 kept = add_filter(engine, LAYER, FWP_ACTION_CALLOUT_TERMINATING);
    succeeds(FwpmTransactionBegin0(engine, 0));
    succeeds(FwpmFilterDeleteById0(engine, kept));
    answers(STATUS_FWP_FILTER_NOT_FOUND, FwpmFilterDeleteById0(engine, kept));
    UINT64 added = add_filter(engine, LAYER, FWP_ACTION_CALLOUT_TERMINATING);
    add_sublayer(engine, 1);
    assert_int_equal(seen.deletes, 0);
    succeeds(FwpmTransactionAbort0(engine));
    assert_int_equal(seen.deletes, 1); /* of the one that was added */
    assert_int_equal(seen.filter, added);
    answers(STATUS_FWP_FILTER_NOT_FOUND, FwpmFilterDeleteById0(engine, added));
    answers(STATUS_FWP_SUBLAYER_NOT_FOUND, FwpmSubLayerDeleteByKey0(engine, &sublayer_key));
    succeeds(FwpmFilterDeleteById0(engine, kept));
    succeeds(FwpmCalloutDeleteById0(engine, id));
    succeeds(FwpmEngineClose0(engine));
    succeeds(FwpsCalloutUnregisterById0(id));
}

static void closing_a_session_aborts_its_transaction(void)
{
    HANDLE engine = open_engine(0), other = open_engine(0);
    succeeds(FwpmTransactionBegin0(engine, 0));
    add_sublayer(engine, 1);
    succeeds(FwpmEngineClose0(engine));
    answers(STATUS_FWP_SUBLAYER_NOT_FOUND, FwpmSubLayerDeleteByKey0(other, &sublayer_key));
    succeeds(FwpmEngineClose0(other));
}

static void a_failed_call_does_not_end_the_transaction(void)
{
    HANDLE engine = open_engine(0);
    succeeds(FwpmTransactionBegin0(engine, 0));
    add_sublayer(engine, 1);
    answers(STATUS_FWP_ALREADY_EXISTS,
            FwpmSubLayerAdd0(engine, &(FWPM_SUBLAYER0){.subLayerKey = sublayer_key, .displayData = shown}, NULL));
    succeeds(FwpmTransactionCommit0(engine));
    succeeds(FwpmSubLayerDeleteByKey0(engine, &sublayer_key));
    succeeds(FwpmEngineClose0(engine));
}

static void what_a_transaction_adds_and_deletes_never_was(void)
{
    HANDLE engine = open_engine(0);
    succeeds(FwpmTransactionBegin0(engine, 0));
    add_sublayer(engine, 1);
    succeeds(FwpmSubLayerDeleteByKey0(engine, &sublayer_key));
    add_sublayer(engine, 2);
    succeeds(FwpmTransactionCommit0(engine));
    succeeds(FwpmSubLayerDeleteByKey0(engine, &sublayer_key));
    answers(STATUS_FWP_SUBLAYER_NOT_FOUND, FwpmSubLayerDeleteByKey0(engine, &sublayer_key));
    succeeds(FwpmTransactionBegin0(engine, 0));
    add_sublayer(engine, 1);
    succeeds(FwpmSubLayerDeleteByKey0(engine, &sublayer_key));
    succeeds(FwpmTransactionAbort0(engine));
    answers(STATUS_FWP_SUBLAYER_NOT_FOUND, FwpmSubLayerDeleteByKey0(engine, &sublayer_key));
    succeeds(FwpmEngineClose0(engine));
}

static HANDLE writing;

static int write_then_commit(void *argument)
{
    fltsim_sleep(100);
    return FwpmTransactionCommit0(writing);
}

static void other_writers_wait_as_long_as_they_said(void)
{
    FWPM_SESSION0 session = {.txnWaitTimeoutInMSec = 20};
    HANDLE hasty;
    writing = open_engine(0);
    HANDLE patient = open_engine(0);
    succeeds(FwpmEngineOpen0(NULL, RPC_C_AUTHN_WINNT, NULL, &session, &hasty));
    succeeds(FwpmTransactionBegin0(writing, 0));
    struct fltsim_thread *thread = fltsim_thread_create(NULL, write_then_commit, NULL);
    answers(STATUS_FWP_TIMEOUT, FwpmTransactionBegin0(hasty, 0));
    answers(STATUS_FWP_TIMEOUT, FwpmSubLayerDeleteByKey0(hasty, &sublayer_key));
    succeeds(FwpmTransactionBegin0(patient, 0));
    succeeds(FwpmTransactionAbort0(patient));
    assert_int_equal(fltsim_thread_join(thread), STATUS_SUCCESS);
    succeeds(FwpmEngineClose0(writing));
    succeeds(FwpmEngineClose0(patient));
    succeeds(FwpmEngineClose0(hasty));
}

/* ---- what refers to what ---- */

static void what_is_referred_to_cannot_be_deleted(void)
{
    HANDLE engine = open_engine(0);
    add_provider(engine);
    add_sublayer(engine, 7);
    UINT32 id = add_callout(engine, LAYER);
    FWPM_FILTER0 filter = plain_filter(LAYER, FWP_ACTION_CALLOUT_INSPECTION);
    filter.providerKey = (GUID *)&provider_key;
    filter.subLayerKey = sublayer_key;
    filter.filterKey = filter_key;
    succeeds(FwpmFilterAdd0(engine, &filter, NULL, NULL));
    answers(STATUS_FWP_ALREADY_EXISTS, FwpmFilterAdd0(engine, &filter, NULL, NULL));
    answers(STATUS_FWP_IN_USE, FwpmProviderDeleteByKey0(engine, &provider_key));
    answers(STATUS_FWP_IN_USE, FwpmSubLayerDeleteByKey0(engine, &sublayer_key));
    answers(STATUS_FWP_IN_USE, FwpmCalloutDeleteById0(engine, id));
    answers(STATUS_FWP_IN_USE, FwpmCalloutDeleteByKey0(engine, &callout_key));
    succeeds(FwpmFilterDeleteByKey0(engine, &filter_key));
    succeeds(FwpmCalloutDeleteByKey0(engine, &callout_key));
    succeeds(FwpmSubLayerDeleteByKey0(engine, &sublayer_key));
    succeeds(FwpmProviderDeleteByKey0(engine, &provider_key));
    succeeds(FwpmEngineClose0(engine));
}

static void what_was_there_from_the_beginning_stays(void)
{
    HANDLE engine = open_engine(0);
    answers(STATUS_FWP_BUILTIN_OBJECT, FwpmSubLayerDeleteByKey0(engine, &FWPM_SUBLAYER_UNIVERSAL));
    succeeds(FwpmEngineClose0(engine));
}

static void what_a_filter_refers_to_must_be_there(void)
{
    static const GUID nowhere = {1, 2, 3, "nowher"};
    HANDLE engine = open_engine(0);
    FWPM_FILTER0 filter = plain_filter(&nowhere, FWP_ACTION_BLOCK);
    answers(STATUS_FWP_LAYER_NOT_FOUND, FwpmFilterAdd0(engine, &filter, NULL, NULL));
    filter = plain_filter(LAYER, FWP_ACTION_BLOCK);
    filter.subLayerKey = nowhere;
    answers(STATUS_FWP_SUBLAYER_NOT_FOUND, FwpmFilterAdd0(engine, &filter, NULL, NULL));
    filter = plain_filter(LAYER, FWP_ACTION_BLOCK);
    filter.providerKey = (GUID *)&nowhere;
    answers(STATUS_FWP_PROVIDER_NOT_FOUND, FwpmFilterAdd0(engine, &filter, NULL, NULL));
    filter = plain_filter(LAYER, FWP_ACTION_CALLOUT_UNKNOWN);
    answers(STATUS_FWP_CALLOUT_NOT_FOUND, FwpmFilterAdd0(engine, &filter, NULL, NULL));
    add_callout(engine, &FWPM_LAYER_STREAM_V4);
    answers(STATUS_FWP_INCOMPATIBLE_LAYER, FwpmFilterAdd0(engine, &filter, NULL, NULL));
    FWPM_CALLOUT0 callout = {.calloutKey = filter_key, .displayData = shown, .applicableLayer = nowhere};
    answers(STATUS_FWP_LAYER_NOT_FOUND, FwpmCalloutAdd0(engine, &callout, NULL, NULL));
    callout.applicableLayer = *LAYER;
    callout.providerKey = (GUID *)&nowhere;
    answers(STATUS_FWP_PROVIDER_NOT_FOUND, FwpmCalloutAdd0(engine, &callout, NULL, NULL));
    callout.providerKey = NULL;
    callout.calloutKey = callout_key;
    answers(STATUS_FWP_ALREADY_EXISTS, FwpmCalloutAdd0(engine, &callout, NULL, NULL));
    succeeds(FwpmCalloutDeleteByKey0(engine, &callout_key));
    succeeds(FwpmEngineClose0(engine));
}

/* ---- what is refused ---- */

static FWP_RANGE0 ports = {{.type = FWP_UINT16, .uint16 = 1}, {.type = FWP_UINT16, .uint16 = 5}};
static FWP_V4_ADDR_AND_MASK net = {0x0a000000, 0xff000000};

static void conditions_must_fit_their_fields(void)
{
    static const struct {
        const GUID *field;
        FWP_MATCH_TYPE match;
        FWP_CONDITION_VALUE0 value;
        NTSTATUS status;
    } cases[] = {
        {&FWPM_CONDITION_IP_REMOTE_PORT, FWP_MATCH_EQUAL, {.type = FWP_UINT16, .uint16 = 80}, STATUS_SUCCESS},
        {&FWPM_CONDITION_IP_REMOTE_PORT, FWP_MATCH_RANGE, {.type = FWP_RANGE_TYPE, .rangeValue = &ports}, STATUS_SUCCESS},
        {&FWPM_CONDITION_IP_REMOTE_ADDRESS, FWP_MATCH_EQUAL, {.type = FWP_V4_ADDR_MASK, .v4AddrMask = &net}, STATUS_SUCCESS},
        {&FWPM_CONDITION_FLAGS, FWP_MATCH_FLAGS_ALL_SET, {.type = FWP_UINT32, .uint32 = 1}, STATUS_SUCCESS},
        {&FWPM_CONDITION_IP_REMOTE_PORT, FWP_MATCH_EQUAL, {.type = FWP_UINT32, .uint32 = 80}, STATUS_FWP_TYPE_MISMATCH},
        {&FWPM_CONDITION_IP_PROTOCOL, FWP_MATCH_RANGE, {.type = FWP_RANGE_TYPE, .rangeValue = &ports},
         STATUS_FWP_TYPE_MISMATCH},
        {&FWPM_CONDITION_IP_REMOTE_PORT, FWP_MATCH_RANGE, {.type = FWP_UINT16, .uint16 = 80}, STATUS_FWP_MATCH_TYPE_MISMATCH},
        {&FWPM_CONDITION_IP_REMOTE_PORT, FWP_MATCH_EQUAL, {.type = FWP_RANGE_TYPE, .rangeValue = &ports},
         STATUS_FWP_MATCH_TYPE_MISMATCH},
        {&FWPM_CONDITION_IP_REMOTE_PORT, FWP_MATCH_TYPE_MAX, {.type = FWP_UINT16}, STATUS_FWP_MATCH_TYPE_MISMATCH},
        {&FWPM_CONDITION_DIRECTION, FWP_MATCH_EQUAL, {.type = FWP_UINT32}, STATUS_FWP_CONDITION_NOT_FOUND},
        {&FWPM_LAYER_STREAM_V4, FWP_MATCH_EQUAL, {.type = FWP_UINT32}, STATUS_FWP_CONDITION_NOT_FOUND},
    };
    HANDLE engine = open_engine(FWPM_SESSION_FLAG_DYNAMIC);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        FWPM_FILTER_CONDITION0 condition = {*cases[i].field, cases[i].match, cases[i].value};
        FWPM_FILTER0 filter = plain_filter(LAYER, FWP_ACTION_BLOCK);
        filter.numFilterConditions = 1;
        filter.filterCondition = &condition;
        answers(cases[i].status, FwpmFilterAdd0(engine, &filter, NULL, NULL));
    }
    FWPM_FILTER0 filter = plain_filter(LAYER, FWP_ACTION_BLOCK);
    filter.numFilterConditions = 1;
    answers(STATUS_FWP_NULL_POINTER, FwpmFilterAdd0(engine, &filter, NULL, NULL));
    succeeds(FwpmEngineClose0(engine));
}

static void weights_actions_flags_and_names_are_checked(void)
{
    HANDLE engine = open_engine(FWPM_SESSION_FLAG_DYNAMIC);
    UINT64 weight = 1;
    const struct {
        FWP_VALUE0 weight;
        FWP_ACTION_TYPE action;
        UINT32 flags;
        NTSTATUS status;
    } cases[] = {
        {{.type = FWP_EMPTY}, FWP_ACTION_BLOCK, FWPM_FILTER_FLAG_CLEAR_ACTION_RIGHT, STATUS_SUCCESS},
        {{.type = FWP_UINT8, .uint8 = 15}, FWP_ACTION_PERMIT, 0, STATUS_SUCCESS},
        {{.type = FWP_UINT64, .uint64 = &weight}, FWP_ACTION_CONTINUE, 0, STATUS_SUCCESS},
        {{.type = FWP_UINT8, .uint8 = 16}, FWP_ACTION_PERMIT, 0, STATUS_FWP_INVALID_WEIGHT},
        {{.type = FWP_UINT16, .uint16 = 1}, FWP_ACTION_PERMIT, 0, STATUS_FWP_INVALID_WEIGHT},
        {{.type = FWP_EMPTY}, FWP_ACTION_NONE, 0, STATUS_FWP_INVALID_ACTION_TYPE},
        {{.type = FWP_EMPTY}, FWP_ACTION_BLOCK, 0x80000000, STATUS_FWP_INVALID_FLAGS},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        FWPM_FILTER0 filter = plain_filter(LAYER, cases[i].action);
        filter.weight = cases[i].weight;
        filter.flags = cases[i].flags;
        answers(cases[i].status, FwpmFilterAdd0(engine, &filter, NULL, NULL));
    }
    FWPM_FILTER0 unnamed = plain_filter(LAYER, FWP_ACTION_BLOCK);
    unnamed.displayData.name = NULL;
    answers(STATUS_FWP_NULL_DISPLAY_NAME, FwpmFilterAdd0(engine, &unnamed, NULL, NULL));
    answers(STATUS_FWP_NULL_DISPLAY_NAME, FwpmProviderAdd0(engine, &(FWPM_PROVIDER0){.flags = 0}, NULL));
    answers(STATUS_FWP_NULL_DISPLAY_NAME, FwpmSubLayerAdd0(engine, &(FWPM_SUBLAYER0){.flags = 0}, NULL));
    answers(STATUS_FWP_NULL_DISPLAY_NAME, FwpmCalloutAdd0(engine, &(FWPM_CALLOUT0){.flags = 0}, NULL, NULL));
    answers(STATUS_FWP_INVALID_FLAGS, FwpmProviderAdd0(engine, &(FWPM_PROVIDER0){.displayData = shown, .flags = 64}, NULL));
    answers(STATUS_FWP_INVALID_FLAGS, FwpmSubLayerAdd0(engine, &(FWPM_SUBLAYER0){.displayData = shown, .flags = 64}, NULL));
    answers(STATUS_FWP_INVALID_FLAGS,
            FwpmCalloutAdd0(engine, &(FWPM_CALLOUT0){.displayData = shown, .flags = 64}, NULL, NULL));
    answers(STATUS_FWP_NULL_POINTER, FwpmFilterAdd0(engine, NULL, NULL, NULL));
    answers(STATUS_FWP_NULL_POINTER, FwpmProviderAdd0(engine, NULL, NULL));
    answers(STATUS_FWP_NULL_POINTER, FwpmSubLayerAdd0(engine, NULL, NULL));
    answers(STATUS_FWP_NULL_POINTER, FwpmCalloutAdd0(engine, NULL, NULL, NULL));
    answers(STATUS_FWP_NULL_POINTER, FwpmFilterDeleteByKey0(engine, NULL));
    succeeds(FwpmEngineClose0(engine));
}

static void an_addition_may_find_no_memory(void)
{
    HANDLE engine = open_engine(FWPM_SESSION_FLAG_DYNAMIC);
    FWPM_FILTER0 filter = plain_filter(LAYER, FWP_ACTION_BLOCK);
    fltsim_fail_allocation(1);
    answers(STATUS_INSUFFICIENT_RESOURCES, FwpmFilterAdd0(engine, &filter, NULL, NULL));
    fltsim_fail_allocation(1);
    answers(STATUS_INSUFFICIENT_RESOURCES, FwpmProviderAdd0(engine, &(FWPM_PROVIDER0){.displayData = shown}, NULL));
    fltsim_fail_allocation(1);
    answers(STATUS_INSUFFICIENT_RESOURCES, FwpmSubLayerAdd0(engine, &(FWPM_SUBLAYER0){.displayData = shown}, NULL));
    fltsim_fail_allocation(0);
    succeeds(FwpmEngineClose0(engine));
}

/* ---- callouts ---- */

static void registering_and_adding_give_the_same_identifier(void)
{
    HANDLE engine = open_engine(FWPM_SESSION_FLAG_DYNAMIC);
    UINT32 added = add_callout(engine, LAYER), registered = register_callout(0);
    assert_int_equal(added, registered);
    FWPS_CALLOUT1 again = {.calloutKey = callout_key, .classifyFn = (FWPS_CALLOUT_CLASSIFY_FN1)(void *)on_classify};
    answers(STATUS_FWP_ALREADY_EXISTS, FwpsCalloutRegister1(&device, &again, NULL));
    answers(STATUS_FWP_ALREADY_EXISTS, FwpsCalloutRegister3(&device, (FWPS_CALLOUT3 *)&again, NULL));
    answers(STATUS_FWP_NULL_POINTER, FwpsCalloutRegister1(NULL, &again, NULL));
    succeeds(FwpsCalloutUnregisterByKey0(&callout_key));
    answers(STATUS_FWP_CALLOUT_NOT_FOUND, FwpsCalloutUnregisterByKey0(&callout_key));
    answers(STATUS_FWP_CALLOUT_NOT_FOUND, FwpsCalloutUnregisterById0(registered));
    UINT32 ids[2];
    FWPS_CALLOUT0 oldest = {.calloutKey = callout_key, .classifyFn = (FWPS_CALLOUT_CLASSIFY_FN0)(void *)on_classify};
    succeeds(FwpsCalloutRegister0(&device, &oldest, &ids[0]));
    succeeds(FwpsCalloutUnregisterById0(ids[0]));
    FWPS_CALLOUT2 newer = {.calloutKey = filter_key, .classifyFn = (FWPS_CALLOUT_CLASSIFY_FN2)(void *)on_classify};
    succeeds(FwpsCalloutRegister2(&device, &newer, &ids[1]));
    succeeds(FwpsCalloutUnregisterById0(ids[1]));
    assert_int_equal(ids[0], registered);
    assert_int_not_equal(ids[1], registered);
    fltsim_fail_allocation(1);
    answers(STATUS_INSUFFICIENT_RESOURCES, FwpsCalloutRegister0(&device, &oldest, NULL));
    fltsim_fail_allocation(0);
    succeeds(FwpmEngineClose0(engine));
}

static void a_callout_hears_of_filters_that_name_it(void)
{
    HANDLE engine = open_engine(0);
    UINT32 id = register_callout(0);
    add_callout(engine, LAYER);
    UINT64 filter = add_filter(engine, LAYER, FWP_ACTION_CALLOUT_UNKNOWN);
    assert_int_equal(seen.adds, 1);
    assert_int_equal(seen.filter, filter);
    add_filter(engine, LAYER, FWP_ACTION_BLOCK);
    assert_int_equal(seen.adds, 1);
    succeeds(FwpmTransactionBegin0(engine, 0));
    succeeds(FwpmFilterDeleteById0(engine, filter));
    assert_int_equal(seen.deletes, 0);
    succeeds(FwpmTransactionCommit0(engine));
    assert_int_equal(seen.deletes, 1);
    assert_int_equal(seen.commits, 0);
    succeeds(FwpsCalloutUnregisterById0(id));
    succeeds(FwpmEngineClose0(engine));
}

static void a_callout_can_refuse_a_filter(void)
{
    HANDLE engine = open_engine(0);
    UINT32 id = register_callout(0);
    add_callout(engine, LAYER);
    FWPM_FILTER0 filter = plain_filter(LAYER, FWP_ACTION_CALLOUT_UNKNOWN);
    filter.filterKey = filter_key;
    seen.notified = STATUS_ACCESS_DENIED;
    answers(STATUS_FWP_CALLOUT_NOTIFICATION_FAILED, FwpmFilterAdd0(engine, &filter, NULL, NULL));
    answers(STATUS_FWP_FILTER_NOT_FOUND, FwpmFilterDeleteByKey0(engine, &filter_key));
    seen.notified = STATUS_SUCCESS;
    succeeds(FwpmFilterAdd0(engine, &filter, NULL, NULL));
    seen.notified = STATUS_ACCESS_DENIED; /* a deletion cannot be refused */
    succeeds(FwpmFilterDeleteByKey0(engine, &filter_key));
    succeeds(FwpsCalloutUnregisterById0(id));
    succeeds(FwpmEngineClose0(engine));
}

static void a_callout_that_asks_hears_of_the_commit(void)
{
    HANDLE engine = open_engine(FWPM_SESSION_FLAG_DYNAMIC);
    UINT32 id = register_callout(FWP_CALLOUT_FLAG_ENABLE_COMMIT_ADD_NOTIFY);
    succeeds(FwpmTransactionBegin0(engine, 0));
    add_callout(engine, LAYER);
    add_filter(engine, LAYER, FWP_ACTION_CALLOUT_UNKNOWN);
    assert_int_equal(seen.commits, 0);
    succeeds(FwpmTransactionCommit0(engine));
    assert_int_equal(seen.commits, 1);
    succeeds(FwpsCalloutUnregisterById0(id));
    succeeds(FwpmEngineClose0(engine));
}

/* ---- the engine's state ---- */

static FWPM_SERVICE_STATE heard;

static VOID NTAPI on_state(void *context, FWPM_SERVICE_STATE state)
{
    assert_ptr_equal(context, &heard);
    heard = state;
}

static void who_subscribed_hears_of_the_engines_state(void)
{
    HANDLE change, engine;
    assert_int_equal(FwpmBfeStateGet0(), FWPM_SERVICE_RUNNING);
    succeeds(FwpmBfeStateSubscribeChanges0(&device, on_state, &heard, &change));
    fltsim_net_engine_state(FWPM_SERVICE_STOP_PENDING);
    assert_int_equal(heard, FWPM_SERVICE_STOP_PENDING);
    assert_int_equal(FwpmBfeStateGet0(), FWPM_SERVICE_STOP_PENDING);
    answers(STATUS_FWP_SESSION_ABORTED, FwpmEngineOpen0(NULL, RPC_C_AUTHN_WINNT, NULL, NULL, &engine));
    succeeds(FwpmBfeStateUnsubscribeChanges0(change));
    fltsim_net_engine_state(FWPM_SERVICE_RUNNING);
    assert_int_equal(heard, FWPM_SERVICE_STOP_PENDING);
    answers(STATUS_FWP_NULL_POINTER, FwpmBfeStateSubscribeChanges0(&device, NULL, NULL, &change));
    fltsim_fail_allocation(1);
    answers(STATUS_INSUFFICIENT_RESOURCES, FwpmBfeStateSubscribeChanges0(&device, on_state, &heard, &change));
    fltsim_fail_allocation(0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fltsim_unit_test(a_session_is_opened_and_closed),
        fltsim_unit_test(what_a_dynamic_session_added_goes_with_it),
        fltsim_unit_test(what_another_session_added_stays),
        fltsim_unit_test(a_session_has_one_transaction_at_a_time),
        fltsim_unit_test(aborting_undoes_additions_and_deletions),
        fltsim_unit_test(closing_a_session_aborts_its_transaction),
        fltsim_unit_test(a_failed_call_does_not_end_the_transaction),
        fltsim_unit_test(what_a_transaction_adds_and_deletes_never_was),
        fltsim_unit_test(other_writers_wait_as_long_as_they_said),
        fltsim_unit_test(what_is_referred_to_cannot_be_deleted),
        fltsim_unit_test(what_was_there_from_the_beginning_stays),
        fltsim_unit_test(what_a_filter_refers_to_must_be_there),
        fltsim_unit_test(conditions_must_fit_their_fields),
        fltsim_unit_test(weights_actions_flags_and_names_are_checked),
        fltsim_unit_test(an_addition_may_find_no_memory),
        fltsim_unit_test(registering_and_adding_give_the_same_identifier),
        fltsim_unit_test(a_callout_hears_of_filters_that_name_it),
        fltsim_unit_test(a_callout_can_refuse_a_filter),
        fltsim_unit_test(a_callout_that_asks_hears_of_the_commit),
        fltsim_unit_test(who_subscribed_hears_of_the_engines_state),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
