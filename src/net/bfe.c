/* The state of the filter engine, who wants to know of it, and the engine's beginning and end. */
#include "net/wfp.h"

#include "ex/lock.h"
#include "verify/api.h"

#include <fltsim/net.h>

struct net_subscription {
    struct net_object object;
    FWPM_SERVICE_STATE_CHANGE_CALLBACK0 callback;
    void *context;
    EX_RUNDOWN_REF running;
    struct net_subscription *next; // wfp_state.subscriptions, oldest first
};

FWPM_SERVICE_STATE FwpmBfeStateGet0(VOID)
{
    API_ENTER(FwpmBfeStateGet0, NULL, SCHED_READ);
    return __atomic_load_n(&WFP->state, __ATOMIC_ACQUIRE);
}

NTSTATUS FwpmBfeStateSubscribeChanges0(void *deviceObject, FWPM_SERVICE_STATE_CHANGE_CALLBACK0 callback, void *context,
                                       HANDLE *changeHandle)
{
    API_ENTER(FwpmBfeStateSubscribeChanges0, NULL, SCHED_WRITE);
    if (!deviceObject || !callback || !changeHandle)
        return STATUS_FWP_NULL_POINTER;
    struct net_subscription *made = NetpCreate(sizeof *made, NET_SUBSCRIPTION, 0, NULL, VERIFY_CALLER);
    if (!made)
        return STATUS_INSUFFICIENT_RESOURCES;
    made->callback = callback;
    made->context = context;
    ExInitializeRundownProtection(&made->running);
    sched_lock(&machine->net->lock);
    struct net_subscription **end = &WFP->subscriptions;
    while (*end)
        end = &(*end)->next;
    *end = made;
    sched_unlock(&machine->net->lock);
    *changeHandle = made;
    return STATUS_SUCCESS;
}

static void unlink_subscription(struct net_subscription *subscription)
{
    sched_lock(&machine->net->lock);
    struct net_subscription **link = &WFP->subscriptions;
    while (*link != subscription)
        link = &(*link)->next;
    *link = subscription->next;
    sched_unlock(&machine->net->lock);
}

NTSTATUS FwpmBfeStateUnsubscribeChanges0(HANDLE changeHandle)
{
    API_ENTER(FwpmBfeStateUnsubscribeChanges0, changeHandle, SCHED_WRITE);
    struct net_subscription *subscription = (struct net_subscription *)NetpTake(
        changeHandle, NET_SUBSCRIPTION, "FwpmBfeStateUnsubscribeChanges0", VERIFY_CALLER);
    if (!subscription)
        return STATUS_INVALID_HANDLE;
    unlink_subscription(subscription);
    ExWaitForRundownProtectionRelease(&subscription->running);
    sim_free(subscription);
    return STATUS_SUCCESS;
}

/* ---- changing it ---- */

static size_t hold_all(struct net_subscription ***held)
{
    size_t count = 0;
    sched_lock(&machine->net->lock);
    for (struct net_subscription *each = WFP->subscriptions; each; each = each->next)
        count++;
    *held = sim_alloc((count + 1) * sizeof **held);
    count = 0;
    for (struct net_subscription *each = WFP->subscriptions; each; each = each->next)
        if (ExpAcquireRundown(&each->running))
            (*held)[count++] = each;
    sched_unlock(&machine->net->lock);
    return count;
}

void fltsim_net_engine_state(FWPM_SERVICE_STATE state)
{
    struct net_subscription **held;

    __atomic_store_n(&WFP->state, state, __ATOMIC_RELEASE);
    size_t count = hold_all(&held);
    for (size_t i = 0; i < count; i++) {
        held[i]->callback(held[i]->context, state);
        ExReleaseRundownProtection(&held[i]->running);
    }
    sim_free(held);
}

/* ---- what is left; the beginning and the end ---- */

void NetpReportSubscriptions(const char *driver)
{
    struct net_subscription *left;

    while ((left = (struct net_subscription *)NetpTakeLeft(NET_SUBSCRIPTION, driver)) != NULL) {
        struct verify_violation *v =
            verify_begin(VERIFY_CALLOUT_LEFT, "A subscription to the filter engine's state (FwpmBfeStateSubscribeChanges0) is "
                                              "still there.");
        verify_routine(v, "callback", (const void *)left->callback);
        verify_site(v, "subscribed by", left->object.site);
        verify_end(v);
        unlink_subscription(left);
        sim_free(left);
    }
}

static void add_builtin(enum wfp_kind kind, const GUID *key, UINT16 weight)
{
    struct wfp_entry *entry = sim_alloc(sizeof *entry);
    *entry = (struct wfp_entry){.next = WFP->entries[kind], .kind = kind, .builtin = true, .uses = 1, .key = *key,
                                .weight = weight};
    WFP->entries[kind] = entry;
}

void NetpStartEngine(void)
{
    static const GUID *const sublayers[] = {
        &FWPM_SUBLAYER_UNIVERSAL, &FWPM_SUBLAYER_RPC_AUDIT, &FWPM_SUBLAYER_IPSEC_TUNNEL, &FWPM_SUBLAYER_LIPS,
        &FWPM_SUBLAYER_SECURE_SOCKET, &FWPM_SUBLAYER_TCP_CHIMNEY_OFFLOAD, &FWPM_SUBLAYER_INSPECTION, &FWPM_SUBLAYER_TEREDO,
    };
    machine->net->wfp = sim_alloc(sizeof *machine->net->wfp);
    WFP->state = FWPM_SERVICE_RUNNING;
    KeInitializeEvent(&WFP->writer, SynchronizationEvent, TRUE);
    for (size_t i = 0; i < sizeof sublayers / sizeof *sublayers; i++)
        add_builtin(WFP_SUBLAYER, sublayers[i], 0x8000);
    add_builtin(WFP_PROVIDER, &FWPM_PROVIDER_IKEEXT, 0);
}

void NetpStopEngine(void)
{
    NetpFreeEntries();
    while (WFP->ids) {
        struct wfp_id *next = WFP->ids->next;
        sim_free(WFP->ids);
        WFP->ids = next;
    }
    sim_free(machine->net->wfp);
    machine->net->wfp = NULL;
}
