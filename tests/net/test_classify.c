/* Filter arbitration, what callouts are given, flows and their contexts, authorizations that wait. */
#include "wfp_unit.h"

#define CONNECT (&FWPM_LAYER_ALE_AUTH_CONNECT_V4)

static FWP_ACTION_TYPE at(UINT16 layer, const struct fltsim_net_options *options)
{
    return fltsim_net_classify(layer, options, NULL, 0);
}

static FWP_ACTION_TYPE connect_to(UINT16 port)
{
    return at(FWPS_LAYER_ALE_AUTH_CONNECT_V4, &(struct fltsim_net_options){.remote_port = port});
}

/* ---- conditions ---- */

static UINT64 big = 1;
static FWP_RANGE0 ports = {{.type = FWP_UINT16, .uint16 = 10}, {.type = FWP_UINT16, .uint16 = 20}};
static FWP_V4_ADDR_AND_MASK net = {0x0a000000, 0xff000000};

static void a_filter_matches_where_its_conditions_hold(void)
{
    static const struct {
        const GUID *field;
        FWP_MATCH_TYPE match;
        FWP_CONDITION_VALUE0 value;
        struct fltsim_net_options blocked, passes;
    } cases[] = {
        {&FWPM_CONDITION_IP_REMOTE_PORT, FWP_MATCH_EQUAL, {.type = FWP_UINT16, .uint16 = 443}, {.remote_port = 443},
         {.remote_port = 444}},
        {&FWPM_CONDITION_IP_REMOTE_PORT, FWP_MATCH_NOT_EQUAL, {.type = FWP_UINT16, .uint16 = 443}, {.remote_port = 1},
         {.remote_port = 443}},
        {&FWPM_CONDITION_IP_REMOTE_PORT, FWP_MATCH_GREATER, {.type = FWP_UINT16, .uint16 = 443}, {.remote_port = 444},
         {.remote_port = 443}},
        {&FWPM_CONDITION_IP_REMOTE_PORT, FWP_MATCH_LESS, {.type = FWP_UINT16, .uint16 = 443}, {.remote_port = 442},
         {.remote_port = 443}},
        {&FWPM_CONDITION_IP_REMOTE_PORT, FWP_MATCH_GREATER_OR_EQUAL, {.type = FWP_UINT16, .uint16 = 443}, {.remote_port = 443},
         {.remote_port = 442}},
        {&FWPM_CONDITION_IP_REMOTE_PORT, FWP_MATCH_LESS_OR_EQUAL, {.type = FWP_UINT16, .uint16 = 443}, {.remote_port = 443},
         {.remote_port = 444}},
        {&FWPM_CONDITION_IP_REMOTE_PORT, FWP_MATCH_RANGE, {.type = FWP_RANGE_TYPE, .rangeValue = &ports}, {.remote_port = 20},
         {.remote_port = 21}},
        {&FWPM_CONDITION_IP_REMOTE_ADDRESS, FWP_MATCH_EQUAL, {.type = FWP_V4_ADDR_MASK, .v4AddrMask = &net},
         {.remote = 0x0a010203}, {.remote = 0x0b010203}},
        {&FWPM_CONDITION_IP_PROTOCOL, FWP_MATCH_EQUAL, {.type = FWP_UINT8, .uint8 = IPPROTO_UDP}, {.protocol = IPPROTO_UDP},
         {.protocol = IPPROTO_TCP}},
        {&FWPM_CONDITION_FLAGS, FWP_MATCH_FLAGS_ALL_SET, {.type = FWP_UINT32, .uint32 = FWP_CONDITION_FLAG_IS_LOOPBACK},
         {.flags = FWP_CONDITION_FLAG_IS_LOOPBACK}, {.flags = 0}},
        {&FWPM_CONDITION_FLAGS, FWP_MATCH_FLAGS_NONE_SET, {.type = FWP_UINT32, .uint32 = FWP_CONDITION_FLAG_IS_LOOPBACK},
         {.flags = 0}, {.flags = FWP_CONDITION_FLAG_IS_LOOPBACK}},
        {&FWPM_CONDITION_FLAGS, FWP_MATCH_FLAGS_ANY_SET, {.type = FWP_UINT32, .uint32 = 3},
         {.flags = FWP_CONDITION_FLAG_IS_LOOPBACK}, {.flags = 4}},
        {&FWPM_CONDITION_IP_LOCAL_INTERFACE, FWP_MATCH_GREATER_OR_EQUAL, {.type = FWP_UINT64, .uint64 = &big},
         {.flags = 0}, {.flags = 0}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        HANDLE engine = open_engine(FWPM_SESSION_FLAG_DYNAMIC);
        FWPM_FILTER_CONDITION0 condition = {*cases[i].field, cases[i].match, cases[i].value};
        FWPM_FILTER0 filter = plain_filter(CONNECT, FWP_ACTION_BLOCK);
        filter.numFilterConditions = 1;
        filter.filterCondition = &condition;
        succeeds(FwpmFilterAdd0(engine, &filter, NULL, NULL));
        assert_int_equal(at(FWPS_LAYER_ALE_AUTH_CONNECT_V4, &cases[i].blocked), FWP_ACTION_BLOCK);
        if (memcmp(&cases[i].blocked, &cases[i].passes, sizeof cases[i].passes))
            assert_int_equal(at(FWPS_LAYER_ALE_AUTH_CONNECT_V4, &cases[i].passes), FWP_ACTION_PERMIT);
        assert_int_equal(at(FWPS_LAYER_ALE_AUTH_CONNECT_V6, &cases[i].blocked), FWP_ACTION_PERMIT);
        succeeds(FwpmEngineClose0(engine));
    }
}

static void conditions_on_one_field_are_alternatives_on_others_all_hold(void)
{
    HANDLE engine = open_engine(FWPM_SESSION_FLAG_DYNAMIC);
    FWPM_FILTER_CONDITION0 conditions[] = {
        {FWPM_CONDITION_IP_REMOTE_PORT, FWP_MATCH_EQUAL, {.type = FWP_UINT16, .uint16 = 1}},
        {FWPM_CONDITION_IP_PROTOCOL, FWP_MATCH_EQUAL, {.type = FWP_UINT8, .uint8 = IPPROTO_TCP}},
        {FWPM_CONDITION_IP_REMOTE_PORT, FWP_MATCH_EQUAL, {.type = FWP_UINT16, .uint16 = 2}},
    };
    FWPM_FILTER0 filter = plain_filter(CONNECT, FWP_ACTION_BLOCK);
    filter.numFilterConditions = 3;
    filter.filterCondition = conditions;
    succeeds(FwpmFilterAdd0(engine, &filter, NULL, NULL));
    memset(conditions, 0xEE, sizeof conditions); /* the engine has its own */
    assert_int_equal(connect_to(1), FWP_ACTION_BLOCK);
    assert_int_equal(connect_to(2), FWP_ACTION_BLOCK);
    assert_int_equal(connect_to(3), FWP_ACTION_PERMIT);
    struct fltsim_net_options udp = {.remote_port = 1, .protocol = IPPROTO_UDP};
    assert_int_equal(at(FWPS_LAYER_ALE_AUTH_CONNECT_V4, &udp), FWP_ACTION_PERMIT);
    succeeds(FwpmEngineClose0(engine));
}

static void ipv6_prefixes_and_applications_match(void)
{
    HANDLE engine = open_engine(FWPM_SESSION_FLAG_DYNAMIC);
    FWP_V6_ADDR_AND_MASK prefix = {{0x20, 0x01, 0x0d, 0xb0}, 28};
    FWPM_FILTER_CONDITION0 condition = {FWPM_CONDITION_IP_REMOTE_ADDRESS, FWP_MATCH_EQUAL,
                                        {.type = FWP_V6_ADDR_MASK, .v6AddrMask = &prefix}};
    FWPM_FILTER0 filter = plain_filter(&FWPM_LAYER_ALE_AUTH_CONNECT_V6, FWP_ACTION_BLOCK);
    filter.numFilterConditions = 1;
    filter.filterCondition = &condition;
    succeeds(FwpmFilterAdd0(engine, &filter, NULL, NULL));
    IN6_ADDR far = {{{0x20, 0x01, 0x0d, 0xc8}}};
    assert_int_equal(at(FWPS_LAYER_ALE_AUTH_CONNECT_V6, NULL), FWP_ACTION_BLOCK);
    assert_int_equal(at(FWPS_LAYER_ALE_AUTH_CONNECT_V6, &(struct fltsim_net_options){.remote6 = &far}), FWP_ACTION_PERMIT);

    static WCHAR path[] = u"\\device\\harddiskvolume1\\evil.exe";
    FWP_BYTE_BLOB blob = {sizeof path, (UINT8 *)path};
    condition = (FWPM_FILTER_CONDITION0){FWPM_CONDITION_ALE_APP_ID, FWP_MATCH_EQUAL,
                                         {.type = FWP_BYTE_BLOB_TYPE, .byteBlob = &blob}};
    filter.layerKey = *CONNECT;
    succeeds(FwpmFilterAdd0(engine, &filter, NULL, NULL));
    struct fltsim_process *evil = fltsim_process_create("C:\\Evil.exe"), *before = fltsim_impersonate(evil);
    assert_int_equal(connect_to(1), FWP_ACTION_BLOCK);
    fltsim_impersonate(before);
    assert_int_equal(connect_to(1), FWP_ACTION_PERMIT);
    fltsim_process_exit(evil);
    succeeds(FwpmEngineClose0(engine));
}

/* ---- arbitration ---- */

static const GUID high_key = {0x21, 0, 0, "high"}, low_key = {0x22, 0, 0, "low"};

static void two_sublayers(HANDLE engine)
{
    succeeds(FwpmSubLayerAdd0(
        engine, &(FWPM_SUBLAYER0){.subLayerKey = high_key, .displayData = shown, .weight = 0xffff}, NULL));
    succeeds(FwpmSubLayerAdd0(engine, &(FWPM_SUBLAYER0){.subLayerKey = low_key, .displayData = shown, .weight = 1}, NULL));
}

static void add_to(HANDLE engine, const GUID *sublayer, FWP_ACTION_TYPE action, UINT8 weight, UINT32 flags)
{
    FWPM_FILTER0 filter = plain_filter(CONNECT, action);
    filter.subLayerKey = *sublayer;
    filter.weight = (FWP_VALUE0){.type = FWP_UINT8, .uint8 = weight};
    filter.flags = flags;
    succeeds(FwpmFilterAdd0(engine, &filter, NULL, NULL));
}

static void in_a_sublayer_the_heaviest_filter_decides(void)
{
    HANDLE engine = open_engine(FWPM_SESSION_FLAG_DYNAMIC);
    two_sublayers(engine);
    add_to(engine, &high_key, FWP_ACTION_BLOCK, 1, 0);
    add_to(engine, &high_key, FWP_ACTION_PERMIT, 2, 0);
    add_to(engine, &high_key, FWP_ACTION_CONTINUE, 3, 0);
    assert_int_equal(connect_to(1), FWP_ACTION_PERMIT);
    add_to(engine, &high_key, FWP_ACTION_BLOCK, 4, FWPM_FILTER_FLAG_DISABLED);
    assert_int_equal(connect_to(1), FWP_ACTION_PERMIT);
    add_to(engine, &high_key, FWP_ACTION_BLOCK, 4, 0);
    assert_int_equal(connect_to(1), FWP_ACTION_BLOCK);
    succeeds(FwpmEngineClose0(engine));
}

static void over_the_sublayers_a_hard_decision_stands(void)
{
    enum { CALLOUT = FWP_ACTION_CALLOUT_TERMINATING };
    static const struct {
        FWP_ACTION_TYPE high;
        UINT32 flags;
        FWP_ACTION_TYPE low, callout, result;
        const char *why;
    } cases[] = {
        {FWP_ACTION_PERMIT, 0, FWP_ACTION_BLOCK, 0, FWP_ACTION_BLOCK, "a filter's permit is soft"},
        {FWP_ACTION_PERMIT, FWPM_FILTER_FLAG_CLEAR_ACTION_RIGHT, FWP_ACTION_BLOCK, 0, FWP_ACTION_PERMIT, "hard permit"},
        {FWP_ACTION_BLOCK, 0, FWP_ACTION_PERMIT, 0, FWP_ACTION_BLOCK, "a filter's block is hard"},
        {FWP_ACTION_PERMIT, FWPM_FILTER_FLAG_CLEAR_ACTION_RIGHT, CALLOUT, FWP_ACTION_BLOCK, FWP_ACTION_BLOCK, "veto"},
        {FWP_ACTION_BLOCK, 0, CALLOUT, FWP_ACTION_PERMIT, FWP_ACTION_BLOCK, "a callout cannot permit against a hard block"},
        {CALLOUT, 0, FWP_ACTION_PERMIT, FWP_ACTION_BLOCK, FWP_ACTION_PERMIT, "a callout's block is soft"},
        {CALLOUT, 0, FWP_ACTION_BLOCK, FWP_ACTION_PERMIT, FWP_ACTION_BLOCK, "a callout's permit is soft"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        HANDLE engine = open_engine(FWPM_SESSION_FLAG_DYNAMIC);
        UINT32 id = register_callout(0);
        add_callout(engine, CONNECT);
        two_sublayers(engine);
        seen.answer = cases[i].callout;
        add_to(engine, &low_key, cases[i].low, 1, 0);
        add_to(engine, &high_key, cases[i].high, 1, cases[i].flags);
        if (connect_to(1) != cases[i].result)
            fail_msg("%s", cases[i].why);
        assert_int_equal(seen.classified, cases[i].high == CALLOUT || cases[i].low == CALLOUT);
        succeeds(FwpmEngineClose0(engine));
        succeeds(FwpsCalloutUnregisterById0(id));
    }
}

static void filters_of_an_unregistered_callout_block_unless_they_say_otherwise(void)
{
    HANDLE engine = open_engine(0);
    add_callout(engine, CONNECT);
    UINT64 inspecting = add_filter(engine, CONNECT, FWP_ACTION_CALLOUT_INSPECTION);
    assert_int_equal(connect_to(1), FWP_ACTION_PERMIT);
    UINT64 deciding = add_filter(engine, CONNECT, FWP_ACTION_CALLOUT_UNKNOWN);
    assert_int_equal(connect_to(1), FWP_ACTION_BLOCK);
    succeeds(FwpmFilterDeleteById0(engine, deciding));
    FWPM_FILTER0 filter = plain_filter(CONNECT, FWP_ACTION_CALLOUT_TERMINATING);
    filter.flags = FWPM_FILTER_FLAG_PERMIT_IF_CALLOUT_UNREGISTERED;
    filter.filterKey = filter_key;
    succeeds(FwpmFilterAdd0(engine, &filter, NULL, NULL));
    assert_int_equal(connect_to(1), FWP_ACTION_PERMIT);
    succeeds(FwpmFilterDeleteById0(engine, inspecting));
    succeeds(FwpmFilterDeleteByKey0(engine, &filter_key));
    succeeds(FwpmCalloutDeleteByKey0(engine, &callout_key));
    succeeds(FwpmEngineClose0(engine));
}

static void a_classification_sees_what_is_committed(void)
{
    HANDLE engine = open_engine(FWPM_SESSION_FLAG_DYNAMIC);
    succeeds(FwpmTransactionBegin0(engine, 0));
    UINT64 id = add_filter(engine, CONNECT, FWP_ACTION_BLOCK);
    assert_int_equal(connect_to(1), FWP_ACTION_PERMIT);
    succeeds(FwpmTransactionCommit0(engine));
    assert_int_equal(connect_to(1), FWP_ACTION_BLOCK);
    succeeds(FwpmTransactionBegin0(engine, 0));
    succeeds(FwpmFilterDeleteById0(engine, id));
    assert_int_equal(connect_to(1), FWP_ACTION_BLOCK);
    succeeds(FwpmTransactionCommit0(engine));
    assert_int_equal(connect_to(1), FWP_ACTION_PERMIT);
    succeeds(FwpmEngineClose0(engine));
}

/* ---- what a callout is given ---- */

static UINT64 process;

static void look(const FWPS_INCOMING_VALUES0 *values, const FWPS_INCOMING_METADATA_VALUES0 *meta, void *data,
                 FWPS_CLASSIFY_OUT0 *out)
{
    const FWPS_INCOMING_VALUE0 *v = values->incomingValue;
    assert_int_equal(values->layerId, FWPS_LAYER_ALE_AUTH_CONNECT_V4);
    assert_int_equal(values->valueCount, FWPS_FIELD_ALE_AUTH_CONNECT_V4_MAX);
    assert_int_equal(v[FWPS_FIELD_ALE_AUTH_CONNECT_V4_IP_REMOTE_ADDRESS].value.type, FWP_UINT32);
    assert_int_equal(v[FWPS_FIELD_ALE_AUTH_CONNECT_V4_IP_REMOTE_ADDRESS].value.uint32, 0x01020304);
    assert_int_equal(v[FWPS_FIELD_ALE_AUTH_CONNECT_V4_IP_REMOTE_PORT].value.uint16, 443);
    assert_int_equal(v[FWPS_FIELD_ALE_AUTH_CONNECT_V4_IP_LOCAL_PORT].value.uint16, 49152);
    assert_int_equal(v[FWPS_FIELD_ALE_AUTH_CONNECT_V4_IP_PROTOCOL].value.uint8, IPPROTO_TCP);
    assert_int_equal(v[FWPS_FIELD_ALE_AUTH_CONNECT_V4_PEER_NAME].value.type, FWP_EMPTY);
    const FWP_BYTE_BLOB *app = v[FWPS_FIELD_ALE_AUTH_CONNECT_V4_ALE_APP_ID].value.byteBlob;
    assert_memory_equal(app->data, u"\\device\\harddiskvolume1\\a.exe", app->size);
    assert_true(FWPS_IS_METADATA_FIELD_PRESENT(meta, FWPS_METADATA_FIELD_PROCESS_ID));
    assert_false(FWPS_IS_METADATA_FIELD_PRESENT(meta, FWPS_METADATA_FIELD_FLOW_HANDLE));
    assert_true(out->rights & FWPS_RIGHT_ACTION_WRITE);
    process = meta->processId;
}

static void a_callout_sees_who_connects_where(void)
{
    HANDLE engine = open_engine(FWPM_SESSION_FLAG_DYNAMIC);
    UINT32 id = register_callout(0);
    add_callout(engine, CONNECT);
    UINT64 filter = add_filter(engine, CONNECT, FWP_ACTION_CALLOUT_TERMINATING);
    seen.classify = look;
    seen.answer = FWP_ACTION_PERMIT;
    struct fltsim_process *a = fltsim_process_create("C:\\A.EXE"), *before = fltsim_impersonate(a);
    UINT64 mine = (UINT64)(ULONG_PTR)PsGetCurrentProcessId();
    struct fltsim_connection *connection;
    succeeds(fltsim_net_connect(&(struct fltsim_net_options){.remote = 0x01020304, .remote_port = 443}, &connection));
    fltsim_net_close(connection);
    fltsim_impersonate(before);
    assert_int_equal(seen.classified, 1);
    assert_int_equal(seen.irql, PASSIVE_LEVEL);
    assert_int_equal(seen.filter, filter);
    assert_int_equal(seen.context, 0x1234); /* what notifyFn set */
    assert_int_equal(process, mine);
    fltsim_process_exit(a);
    seen.answer = FWP_ACTION_BLOCK;
    seen.classify = NULL;
    answers(STATUS_ACCESS_DENIED, fltsim_net_connect(NULL, &connection));
    assert_null(connection);
    succeeds(FwpmEngineClose0(engine));
    succeeds(FwpsCalloutUnregisterById0(id));
}

static int oldest;

static VOID NTAPI old_classify(const FWPS_INCOMING_VALUES0 *values, const FWPS_INCOMING_METADATA_VALUES0 *meta, void *data,
                               const FWPS_FILTER0 *filter, UINT64 flow_context, FWPS_CLASSIFY_OUT0 *out)
{
    assert_int_equal(flow_context, 0);
    assert_int_equal(filter->action.type, FWP_ACTION_CALLOUT_TERMINATING);
    oldest++;
    out->actionType = FWP_ACTION_BLOCK;
}

static void a_callout_of_the_oldest_version_has_an_argument_less(void)
{
    HANDLE engine = open_engine(FWPM_SESSION_FLAG_DYNAMIC);
    UINT32 id;
    succeeds(FwpsCalloutRegister0(&device, &(FWPS_CALLOUT0){.calloutKey = callout_key, .classifyFn = old_classify}, &id));
    add_callout(engine, CONNECT);
    add_filter(engine, CONNECT, FWP_ACTION_CALLOUT_TERMINATING);
    oldest = 0;
    assert_int_equal(connect_to(1), FWP_ACTION_BLOCK);
    assert_int_equal(oldest, 1);
    succeeds(FwpmEngineClose0(engine));
    succeeds(FwpsCalloutUnregisterById0(id));
}

static void layers_that_are_not_simulated_classify_nothing(void)
{
    assert_int_equal(at(FWPS_LAYER_IKEEXT_V4, NULL), FWP_ACTION_NONE);
    assert_int_equal(at(9999, NULL), FWP_ACTION_NONE);
}

/* ---- flows ---- */

static struct flows {
    UINT32 id;
    UINT64 flow;
    NTSTATUS removed;
} flows;

static void associate(const FWPS_INCOMING_VALUES0 *values, const FWPS_INCOMING_METADATA_VALUES0 *meta, void *data,
                      FWPS_CLASSIFY_OUT0 *out)
{
    assert_true(FWPS_IS_METADATA_FIELD_PRESENT(meta, FWPS_METADATA_FIELD_FLOW_HANDLE));
    flows.flow = meta->flowHandle;
    succeeds(FwpsFlowAssociateContext0(flows.flow, FWPS_LAYER_STREAM_V4, flows.id, 0x77));
}

static struct fltsim_connection *connect_with_context(HANDLE engine, UINT32 flags)
{
    struct fltsim_connection *connection;
    flows.id = register_callout(flags);
    add_callout(engine, &FWPM_LAYER_ALE_FLOW_ESTABLISHED_V4);
    add_filter(engine, &FWPM_LAYER_ALE_FLOW_ESTABLISHED_V4, FWP_ACTION_CALLOUT_INSPECTION);
    seen.classify = associate;
    succeeds(fltsim_net_connect(NULL, &connection));
    assert_int_equal(seen.irql, DISPATCH_LEVEL);
    assert_int_equal(fltsim_net_flow(connection), flows.flow);
    seen.classify = NULL;
    return connection;
}

static void a_flows_context_goes_with_the_flow(void)
{
    HANDLE engine = open_engine(FWPM_SESSION_FLAG_DYNAMIC);
    struct fltsim_connection *connection = connect_with_context(engine, 0);
    answers(STATUS_OBJECT_NAME_EXISTS, FwpsFlowAssociateContext0(flows.flow, FWPS_LAYER_STREAM_V4, flows.id, 0x78));
    answers(STATUS_DEVICE_BUSY, FwpsCalloutUnregisterById0(flows.id));
    answers(STATUS_DEVICE_BUSY, FwpsCalloutUnregisterByKey0(&callout_key));
    fltsim_net_close(connection);
    assert_int_equal(seen.flows_deleted, 1);
    assert_int_equal(seen.flow_context, 0x77);
    succeeds(FwpmEngineClose0(engine));
    succeeds(FwpsCalloutUnregisterById0(flows.id));
}

static void a_flows_context_can_be_removed(void)
{
    HANDLE engine = open_engine(FWPM_SESSION_FLAG_DYNAMIC);
    struct fltsim_connection *connection = connect_with_context(engine, 0);
    answers(STATUS_UNSUCCESSFUL, FwpsFlowRemoveContext0(flows.flow, FWPS_LAYER_STREAM_V6, flows.id));
    succeeds(FwpsFlowRemoveContext0(flows.flow, FWPS_LAYER_STREAM_V4, flows.id));
    assert_int_equal(seen.flows_deleted, 1);
    answers(STATUS_UNSUCCESSFUL, FwpsFlowRemoveContext0(flows.flow, FWPS_LAYER_STREAM_V4, flows.id));
    succeeds(FwpsFlowAssociateContext0(flows.flow, FWPS_LAYER_STREAM_V4, flows.id, 0x79));
    fltsim_net_close(connection);
    assert_int_equal(seen.flows_deleted, 2);
    succeeds(FwpmEngineClose0(engine));
    succeeds(FwpsCalloutUnregisterById0(flows.id));
}

static void what_makes_no_sense_is_not_associated(void)
{
    HANDLE engine = open_engine(FWPM_SESSION_FLAG_DYNAMIC);
    struct fltsim_connection *connection;
    UINT32 id, bare;
    succeeds(FwpsCalloutRegister3(&device, &(FWPS_CALLOUT3){.calloutKey = filter_key, .classifyFn = on_classify}, &bare));
    id = register_callout(0);
    succeeds(fltsim_net_connect(NULL, &connection));
    UINT64 flow = fltsim_net_flow(connection);
    answers(STATUS_INVALID_PARAMETER, FwpsFlowAssociateContext0(flow, FWPS_LAYER_STREAM_V4, id, 0));
    answers(STATUS_INVALID_PARAMETER, FwpsFlowAssociateContext0(flow, FWPS_LAYER_STREAM_V4, bare, 1));
    answers(STATUS_INVALID_PARAMETER, FwpsFlowAssociateContext0(flow + 1, FWPS_LAYER_STREAM_V4, id, 1));
    answers(STATUS_INVALID_PARAMETER, FwpsFlowAssociateContext0(flow, FWPS_LAYER_STREAM_V4, 9999, 1));
    answers(STATUS_INVALID_PARAMETER, FwpsFlowAbort0(flow + 1));
    fltsim_fail_allocation(1);
    answers(STATUS_INSUFFICIENT_RESOURCES, FwpsFlowAssociateContext0(flow, FWPS_LAYER_STREAM_V4, id, 1));
    fltsim_fail_allocation(0);
    fltsim_net_close(connection);
    succeeds(FwpsCalloutUnregisterById0(id));
    succeeds(FwpsCalloutUnregisterById0(bare));
    succeeds(FwpmEngineClose0(engine));
}

static void remove_in_classify(const FWPS_INCOMING_VALUES0 *values, const FWPS_INCOMING_METADATA_VALUES0 *meta, void *data,
                               FWPS_CLASSIFY_OUT0 *out)
{
    if (seen.flow_context == 0x77)
        flows.removed = FwpsFlowRemoveContext0(meta->flowHandle, FWPS_LAYER_STREAM_V4, flows.id);
    assert_int_equal(seen.flows_deleted, 0);
}

static void a_callout_conditional_on_flow_is_called_where_it_has_a_context(void)
{
    HANDLE engine = open_engine(FWPM_SESSION_FLAG_DYNAMIC);
    struct fltsim_connection *connection;
    flows.id = register_callout(FWP_CALLOUT_FLAG_CONDITIONAL_ON_FLOW);
    add_callout(engine, &FWPM_LAYER_STREAM_V4);
    add_filter(engine, &FWPM_LAYER_STREAM_V4, FWP_ACTION_CALLOUT_INSPECTION);
    succeeds(fltsim_net_connect(NULL, &connection));
    succeeds(fltsim_net_send(connection, "x", 1));
    assert_int_equal(seen.classified, 0);
    succeeds(FwpsFlowAssociateContext0(fltsim_net_flow(connection), FWPS_LAYER_STREAM_V4, flows.id, 0x77));
    seen.classify = remove_in_classify;
    succeeds(fltsim_net_send(connection, "y", 1));
    assert_int_equal(seen.classified, 1);
    assert_int_equal(flows.removed, STATUS_PENDING); /* it is being classified with it */
    assert_int_equal(seen.flows_deleted, 1);
    seen.classify = NULL;
    succeeds(fltsim_net_send(connection, "z", 1));
    assert_int_equal(seen.classified, 1);
    fltsim_net_close(connection);
    succeeds(FwpmEngineClose0(engine));
    succeeds(FwpsCalloutUnregisterById0(flows.id));
}

/* ---- authorizations that wait ---- */

static struct waiting {
    HANDLE context;
    NTSTATUS again;
    bool reauthorized;
} waiting;

static void pend(const FWPS_INCOMING_VALUES0 *values, const FWPS_INCOMING_METADATA_VALUES0 *meta, void *data,
                 FWPS_CLASSIFY_OUT0 *out)
{
    UINT32 flags = values->incomingValue[FWPS_FIELD_ALE_AUTH_CONNECT_V4_FLAGS].value.uint32;
    assert_true(FWPS_IS_METADATA_FIELD_PRESENT(meta, FWPS_METADATA_FIELD_COMPLETION_HANDLE));
    if (flags & FWP_CONDITION_FLAG_IS_REAUTHORIZE) {
        HANDLE context;
        waiting.reauthorized = true;
        waiting.again = FwpsPendOperation0(meta->completionHandle, &context);
        return;
    }
    answers(STATUS_FWP_NULL_POINTER, FwpsPendOperation0(NULL, &waiting.context));
    succeeds(FwpsPendOperation0(meta->completionHandle, &waiting.context));
    out->actionType = FWP_ACTION_BLOCK;
    out->flags |= FWPS_CLASSIFY_OUT_FLAG_ABSORB;
}

static int complete_later(void *argument)
{
    fltsim_sleep(100);
    FwpsCompleteOperation0(waiting.context, NULL);
    return 0;
}

static void a_connection_waits_for_a_callout(void)
{
    HANDLE engine = open_engine(FWPM_SESSION_FLAG_DYNAMIC);
    struct fltsim_connection *connection;
    UINT32 id = register_callout(0);
    LARGE_INTEGER before, after;
    add_callout(engine, CONNECT);
    add_filter(engine, CONNECT, FWP_ACTION_CALLOUT_TERMINATING);
    seen.classify = pend;
    memset(&waiting, 0, sizeof waiting);
    struct fltsim_thread *thread = fltsim_thread_create(NULL, complete_later, NULL);
    KeQuerySystemTime(&before);
    succeeds(fltsim_net_connect(NULL, &connection));
    KeQuerySystemTime(&after);
    assert_true(waiting.reauthorized);
    assert_true(after.QuadPart - before.QuadPart >= 90 * 10000);
    answers(STATUS_FWP_CANNOT_PEND, waiting.again);
    fltsim_thread_join(thread);
    seen.classify = NULL;
    fltsim_net_close(connection);
    succeeds(FwpmEngineClose0(engine));
    succeeds(FwpsCalloutUnregisterById0(id));
}

/* ---- unregistering waits ---- */

static LONG inside;

static void stay(const FWPS_INCOMING_VALUES0 *values, const FWPS_INCOMING_METADATA_VALUES0 *meta, void *data,
                 FWPS_CLASSIFY_OUT0 *out)
{
    InterlockedIncrement(&inside);
    fltsim_sleep(100);
    InterlockedDecrement(&inside);
}

static int classify_for_long(void *argument)
{
    connect_to(1);
    return 0;
}

static int unregister_too(void *argument)
{
    fltsim_sleep(50);
    return FwpsCalloutUnregisterById0(*(UINT32 *)argument);
}

static void unregistering_waits_for_a_classification(void)
{
    HANDLE engine = open_engine(FWPM_SESSION_FLAG_DYNAMIC);
    UINT32 id = register_callout(0);
    add_callout(engine, CONNECT);
    add_filter(engine, CONNECT, FWP_ACTION_CALLOUT_INSPECTION);
    seen.classify = stay;
    inside = 0;
    struct fltsim_thread *thread = fltsim_thread_create(NULL, classify_for_long, NULL);
    while (!ReadNoFence(&inside))
        fltsim_sleep(1);
    struct fltsim_thread *other = fltsim_thread_create(NULL, unregister_too, &id);
    succeeds(FwpsCalloutUnregisterById0(id));
    assert_int_equal(ReadNoFence(&inside), 0);
    assert_int_equal(fltsim_thread_join(other), STATUS_FWP_IN_USE);
    fltsim_thread_join(thread);
    succeeds(FwpmEngineClose0(engine));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fltsim_unit_test(a_filter_matches_where_its_conditions_hold),
        fltsim_unit_test(conditions_on_one_field_are_alternatives_on_others_all_hold),
        fltsim_unit_test(ipv6_prefixes_and_applications_match),
        fltsim_unit_test(in_a_sublayer_the_heaviest_filter_decides),
        fltsim_unit_test(over_the_sublayers_a_hard_decision_stands),
        fltsim_unit_test(filters_of_an_unregistered_callout_block_unless_they_say_otherwise),
        fltsim_unit_test(a_classification_sees_what_is_committed),
        fltsim_unit_test(a_callout_sees_who_connects_where),
        fltsim_unit_test(a_callout_of_the_oldest_version_has_an_argument_less),
        fltsim_unit_test(layers_that_are_not_simulated_classify_nothing),
        fltsim_unit_test(a_flows_context_goes_with_the_flow),
        fltsim_unit_test(a_flows_context_can_be_removed),
        fltsim_unit_test(what_makes_no_sense_is_not_associated),
        fltsim_unit_test(a_callout_conditional_on_flow_is_called_where_it_has_a_context),
        fltsim_unit_test(a_connection_waits_for_a_callout),
        fltsim_unit_test(unregistering_waits_for_a_classification),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
