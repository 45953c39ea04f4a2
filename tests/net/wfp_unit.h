/* What the tests of the filter engine share: an engine handle, a device object, a callout that counts, quick ways to add. */
#ifndef TESTS_NET_WFP_UNIT_H
#define TESTS_NET_WFP_UNIT_H

#pragma GCC diagnostic ignored "-Wunused-parameter"
#pragma GCC diagnostic ignored "-Wunused-function"
#pragma GCC diagnostic ignored "-Wunused-variable"

#include <fwpmk.h>
#include <fwpsk.h>
#include <ndis.h>
#include <fltsim/cmocka.h>
#include <fltsim/fault.h>
#include <fltsim/net.h>

#include <string.h>

static NTSTATUS unit_same(NTSTATUS got, NTSTATUS wanted, const char *call, const char *file, int line)
{
    if (got != wanted) {
        print_error("%s\n    answered %s, not %s\n", call, fltsim_status_name(got), fltsim_status_name(wanted));
        _fail(file, line);
    }
    return got;
}
#define answers(status, call) unit_same((call), (status), #call, __FILE__, __LINE__)
#define succeeds(call) answers(STATUS_SUCCESS, call)

static const GUID provider_key = {0x10, 0, 0, "provid"}, sublayer_key = {0x20, 0, 0, "sublay"},
                  callout_key = {0x30, 0, 0, "callou"}, filter_key = {0x40, 0, 0, "filter"};
static const FWPM_DISPLAY_DATA0 shown = {(WCHAR *)u"test", NULL};

static int device; /* stands for a DEVICE_OBJECT */

static HANDLE open_engine(UINT32 flags)
{
    FWPM_SESSION0 session = {.flags = flags};
    HANDLE engine;
    succeeds(FwpmEngineOpen0(NULL, RPC_C_AUTHN_WINNT, NULL, &session, &engine));
    return engine;
}

/* ---- a callout ---- */

static struct seen {
    int adds, deletes, commits, classified, flows_deleted;
    UINT64 filter, context, flow_context;
    KIRQL irql;
    FWP_ACTION_TYPE answer;   // 0: leave it
    bool clear_right;
    NTSTATUS notified;
    void (*classify)(const FWPS_INCOMING_VALUES0 *, const FWPS_INCOMING_METADATA_VALUES0 *, void *, FWPS_CLASSIFY_OUT0 *);
} seen;

static NTSTATUS NTAPI on_notify(FWPS_CALLOUT_NOTIFY_TYPE type, const GUID *key, FWPS_FILTER3 *filter)
{
    assert_int_equal(KeGetCurrentIrql(), PASSIVE_LEVEL);
    assert_int_equal(key == NULL, type == FWPS_CALLOUT_NOTIFY_DELETE_FILTER);
    *(type == FWPS_CALLOUT_NOTIFY_ADD_FILTER ? &seen.adds
      : type == FWPS_CALLOUT_NOTIFY_DELETE_FILTER ? &seen.deletes : &seen.commits) += 1;
    if (type == FWPS_CALLOUT_NOTIFY_ADD_FILTER)
        filter->context = 0x1234;
    seen.filter = filter->filterId;
    return seen.notified;
}

static VOID NTAPI on_classify(const FWPS_INCOMING_VALUES0 *values, const FWPS_INCOMING_METADATA_VALUES0 *meta, void *data,
                              const void *context, const FWPS_FILTER3 *filter, UINT64 flow_context, FWPS_CLASSIFY_OUT0 *out)
{
    seen.classified++;
    seen.irql = KeGetCurrentIrql();
    seen.filter = filter->filterId;
    seen.context = filter->context;
    seen.flow_context = flow_context;
    if (seen.classify)
        seen.classify(values, meta, data, out);
    if (seen.answer && (out->rights & FWPS_RIGHT_ACTION_WRITE || seen.answer == FWP_ACTION_BLOCK))
        out->actionType = seen.answer;
    if (seen.clear_right)
        out->rights &= ~(UINT32)FWPS_RIGHT_ACTION_WRITE;
}

static VOID NTAPI on_flow_delete(UINT16 layer, UINT32 callout, UINT64 context)
{
    seen.flows_deleted++;
    seen.flow_context = context;
}

static UINT32 register_callout(UINT32 flags)
{
    FWPS_CALLOUT3 callout = {callout_key, flags, on_classify, on_notify, on_flow_delete};
    UINT32 id = 0;
    memset(&seen, 0, sizeof seen);
    succeeds(FwpsCalloutRegister3(&device, &callout, &id));
    assert_int_not_equal(id, 0);
    return id;
}

static UINT32 add_callout(HANDLE engine, const GUID *layer)
{
    FWPM_CALLOUT0 callout = {.calloutKey = callout_key, .displayData = shown, .applicableLayer = *layer};
    UINT32 id = 0;
    succeeds(FwpmCalloutAdd0(engine, &callout, NULL, &id));
    return id;
}

/* ---- the rest ---- */

static void add_provider(HANDLE engine)
{
    succeeds(FwpmProviderAdd0(engine, &(FWPM_PROVIDER0){.providerKey = provider_key, .displayData = shown}, NULL));
}

static void add_sublayer(HANDLE engine, UINT16 weight)
{
    succeeds(FwpmSubLayerAdd0(
        engine, &(FWPM_SUBLAYER0){.subLayerKey = sublayer_key, .displayData = shown, .weight = weight}, NULL));
}

static FWPM_FILTER0 plain_filter(const GUID *layer, FWP_ACTION_TYPE action)
{
    FWPM_FILTER0 filter = {.displayData = shown, .layerKey = *layer, .action = {.type = action}};
    if (action & FWP_ACTION_FLAG_CALLOUT)
        filter.action.calloutKey = callout_key;
    return filter;
}

static UINT64 add_filter(HANDLE engine, const GUID *layer, FWP_ACTION_TYPE action)
{
    FWPM_FILTER0 filter = plain_filter(layer, action);
    UINT64 id = 0;
    succeeds(FwpmFilterAdd0(engine, &filter, NULL, &id));
    assert_int_not_equal(id, 0);
    return id;
}

#endif
