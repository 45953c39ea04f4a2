/* Callouts' code: registering and unregistering it. */
#include "net/wfp.h"

#include "ex/lock.h"
#include "fault/fault.h"
#include "verify/api.h"

/* ---- identifiers and finding ---- */

UINT32 NetpCalloutId(const GUID *key)
{
    struct wfp_id *id = WFP->ids;
    while (id && !NetpIsKey(&id->key, key))
        id = id->next;
    if (id)
        return id->id;
    id = sim_alloc(sizeof *id);
    *id = (struct wfp_id){WFP->ids, *key, ++WFP->last_callout};
    WFP->ids = id;
    return id->id;
}

struct net_callout *NetpFindCallout(UINT64 id)
{
    struct net_callout *callout = WFP->callouts;
    while (callout && callout->id != id)
        callout = callout->next;
    return callout;
}

struct net_callout *NetpHoldCallout(UINT64 id)
{
    sched_lock(&machine->net->lock);
    struct net_callout *callout = NetpFindCallout(id);
    if (callout && !ExpAcquireRundown(&callout->running))
        callout = NULL;
    sched_unlock(&machine->net->lock);
    return callout;
}

static struct net_callout *find_by_key(const GUID *key)
{
    struct net_callout *callout = WFP->callouts;
    while (callout && !NetpIsKey(&callout->key, key))
        callout = callout->next;
    return callout;
}

/* ---- registering ---- */

static NTSTATUS enlist(struct net_callout *callout)
{
    sched_lock(&machine->net->lock);
    bool taken = find_by_key(&callout->key) != NULL;
    if (!taken) {
        callout->id = NetpCalloutId(&callout->key);
        callout->next = WFP->callouts;
        WFP->callouts = callout;
    }
    sched_unlock(&machine->net->lock);
    return taken ? STATUS_FWP_ALREADY_EXISTS : STATUS_SUCCESS;
}

/* The structures of all versions are laid out alike. */
static NTSTATUS register_callout(const void *device, const FWPS_CALLOUT3 *from, int version, UINT32 *id, const void *site)
{
    if (!device || !from || !from->classifyFn)
        return STATUS_FWP_NULL_POINTER;
    if (fault_allocation())
        return STATUS_INSUFFICIENT_RESOURCES;
    struct net_callout *callout = sim_alloc(sizeof *callout);
    callout->key = from->calloutKey;
    callout->flags = from->flags;
    callout->version = version;
    callout->classify = from->classifyFn;
    callout->classify0 = (FWPS_CALLOUT_CLASSIFY_FN0)(void *)from->classifyFn;
    callout->notify = from->notifyFn;
    callout->flow_delete = from->flowDeleteFn;
    callout->site = site;
    ExInitializeRundownProtection(&callout->running);
    NTSTATUS status = enlist(callout);
    if (!NT_SUCCESS(status))
        sim_free(callout);
    else if (id)
        *id = callout->id;
    return status;
}

NTSTATUS FwpsCalloutRegister0(void *deviceObject, const FWPS_CALLOUT0 *callout, UINT32 *calloutId)
{
    API_ENTER(FwpsCalloutRegister0, NULL, SCHED_WRITE);
    return register_callout(deviceObject, (const FWPS_CALLOUT3 *)callout, 0, calloutId, VERIFY_CALLER);
}

NTSTATUS FwpsCalloutRegister1(void *deviceObject, const FWPS_CALLOUT1 *callout, UINT32 *calloutId)
{
    API_ENTER(FwpsCalloutRegister1, NULL, SCHED_WRITE);
    return register_callout(deviceObject, (const FWPS_CALLOUT3 *)callout, 1, calloutId, VERIFY_CALLER);
}

NTSTATUS FwpsCalloutRegister2(void *deviceObject, const FWPS_CALLOUT2 *callout, UINT32 *calloutId)
{
    API_ENTER(FwpsCalloutRegister2, NULL, SCHED_WRITE);
    return register_callout(deviceObject, (const FWPS_CALLOUT3 *)callout, 2, calloutId, VERIFY_CALLER);
}

NTSTATUS FwpsCalloutRegister3(void *deviceObject, const FWPS_CALLOUT3 *callout, UINT32 *calloutId)
{
    API_ENTER(FwpsCalloutRegister3, NULL, SCHED_WRITE);
    return register_callout(deviceObject, callout, 3, calloutId, VERIFY_CALLER);
}

/* ---- unregistering ---- */

static void unlink_callout(struct net_callout *callout)
{
    struct net_callout **link = &WFP->callouts;
    while (*link != callout)
        link = &(*link)->next;
    *link = callout->next;
}

static NTSTATUS start_leaving(struct net_callout *callout)
{
    if (!callout)
        return STATUS_FWP_CALLOUT_NOT_FOUND;
    if (callout->leaving)
        return STATUS_FWP_IN_USE;
    if (callout->contexts)
        return STATUS_DEVICE_BUSY;
    callout->leaving = true;
    return STATUS_SUCCESS;
}

/* It stays on the list while it waits, so that its key cannot be registered anew. */
static NTSTATUS unregister(const GUID *key, UINT32 id)
{
    sched_lock(&machine->net->lock);
    struct net_callout *callout = key ? find_by_key(key) : NetpFindCallout(id);
    NTSTATUS status = start_leaving(callout);
    sched_unlock(&machine->net->lock);
    if (!NT_SUCCESS(status))
        return status;
    ExWaitForRundownProtectionRelease(&callout->running);
    sched_lock(&machine->net->lock);
    unlink_callout(callout);
    sched_unlock(&machine->net->lock);
    sim_free(callout);
    return STATUS_SUCCESS;
}

NTSTATUS FwpsCalloutUnregisterById0(const UINT32 calloutId)
{
    API_ENTER(FwpsCalloutUnregisterById0, NULL, SCHED_WRITE);
    return unregister(NULL, calloutId);
}

NTSTATUS FwpsCalloutUnregisterByKey0(const GUID *calloutKey)
{
    API_ENTER(FwpsCalloutUnregisterByKey0, NULL, SCHED_WRITE);
    return calloutKey ? unregister(calloutKey, 0) : STATUS_FWP_NULL_POINTER;
}

/* ---- what is left ---- */

static struct net_callout *take_left(const char *driver)
{
    sched_lock(&machine->net->lock);
    struct net_callout *callout = WFP->callouts;
    while (callout && !verify_is_driver_code(callout->site, driver))
        callout = callout->next;
    if (callout)
        unlink_callout(callout);
    sched_unlock(&machine->net->lock);
    return callout;
}

void NetpReportCallouts(const char *driver)
{
    struct net_callout *left;

    while ((left = take_left(driver)) != NULL) {
        struct verify_violation *v = verify_begin(
            VERIFY_CALLOUT_LEFT, "The callout %u (FwpsCalloutRegister%d) is still registered%s.", left->id, left->version,
            left->contexts ? ": flows have contexts of it" : "");
        verify_routine(v, "classifyFn", (const void *)left->classify);
        verify_site(v, "registered by", left->site);
        verify_end(v);
        sim_free(left);
    }
}
