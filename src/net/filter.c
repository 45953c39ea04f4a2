/* Filters: FwpmFilterAdd, and what their callouts hear of them. */
#include "net/layer.h"
#include "net/wfp.h"

#include "verify/api.h"

enum { KNOWN_FLAGS = 0x3fff };

/* ---- what a filter may be ---- */

static NTSTATUS check_action(const FWPM_FILTER0 *filter)
{
    switch (filter->action.type) {
    case FWP_ACTION_BLOCK:
    case FWP_ACTION_PERMIT:
    case FWP_ACTION_CONTINUE:
    case FWP_ACTION_CALLOUT_TERMINATING:
    case FWP_ACTION_CALLOUT_INSPECTION:
    case FWP_ACTION_CALLOUT_UNKNOWN: return STATUS_SUCCESS;
    default: return STATUS_FWP_INVALID_ACTION_TYPE;
    }
}

static NTSTATUS check_weight(const FWP_VALUE0 *weight)
{
    if (weight->type == FWP_EMPTY || (weight->type == FWP_UINT8 && weight->uint8 <= 15) ||
        (weight->type == FWP_UINT64 && weight->uint64))
        return STATUS_SUCCESS;
    return STATUS_FWP_INVALID_WEIGHT;
}

static NTSTATUS check_conditions(const FWPM_FILTER0 *filter, const struct net_layer *layer)
{
    enum net_field field;

    if (filter->numFilterConditions && !filter->filterCondition)
        return STATUS_FWP_NULL_POINTER;
    for (UINT32 i = 0; i < filter->numFilterConditions; i++) {
        const FWPM_FILTER_CONDITION0 *condition = &filter->filterCondition[i];
        if (!NetpFieldOfCondition(layer, &condition->fieldKey, &field))
            return STATUS_FWP_CONDITION_NOT_FOUND;
        NTSTATUS status = NetpCheckCondition(condition, NetpTypeOfField(layer, field));
        if (!NT_SUCCESS(status))
            return status;
    }
    return STATUS_SUCCESS;
}

static NTSTATUS check(const FWPM_FILTER0 *filter, const struct net_layer **layer)
{
    if (!filter)
        return STATUS_FWP_NULL_POINTER;
    if (!NetpIsDisplayed(&filter->displayData))
        return STATUS_FWP_NULL_DISPLAY_NAME;
    if (filter->flags & ~(UINT32)KNOWN_FLAGS)
        return STATUS_FWP_INVALID_FLAGS;
    *layer = NetpLayerByKey(&filter->layerKey);
    if (!*layer)
        return STATUS_FWP_LAYER_NOT_FOUND;
    NTSTATUS status = check_action(filter);
    if (NT_SUCCESS(status))
        status = check_weight(&filter->weight);
    return NT_SUCCESS(status) ? check_conditions(filter, *layer) : status;
}

/* With the lock held. */
static NTSTATUS refer(struct wfp_filter *filter, const FWPM_FILTER0 *from)
{
    struct wfp_entry **refers = filter->entry.refers;
    const GUID *sublayer = NetpIsZero(&from->subLayerKey) ? &FWPM_SUBLAYER_UNIVERSAL : &from->subLayerKey;

    if (from->providerKey && !(refers[0] = NetpFindEntry(WFP_PROVIDER, from->providerKey)))
        return STATUS_FWP_PROVIDER_NOT_FOUND;
    if (!(refers[1] = NetpFindEntry(WFP_SUBLAYER, sublayer)))
        return STATUS_FWP_SUBLAYER_NOT_FOUND;
    if (!(from->action.type & FWP_ACTION_FLAG_CALLOUT))
        return STATUS_SUCCESS;
    if (!(refers[2] = NetpFindEntry(WFP_CALLOUT, &from->action.calloutKey)))
        return STATUS_FWP_CALLOUT_NOT_FOUND;
    return refers[2]->layer == filter->entry.layer ? STATUS_SUCCESS : STATUS_FWP_INCOMPATIBLE_LAYER;
}

/* ---- the filter as callouts see it ---- */

static UINT64 weight_of(const FWPM_FILTER0 *filter)
{
    UINT64 automatic = (UINT64)filter->numFilterConditions << 32;
    if (filter->weight.type == FWP_UINT64)
        return *filter->weight.uint64;
    return filter->weight.type == FWP_UINT8 ? (UINT64)filter->weight.uint8 << 60 | automatic : automatic;
}

static UINT16 flags_of(UINT32 flags)
{
    return (UINT16)((flags & FWPM_FILTER_FLAG_CLEAR_ACTION_RIGHT ? FWPS_FILTER_FLAG_CLEAR_ACTION_RIGHT : 0) |
                    (flags & FWPM_FILTER_FLAG_PERMIT_IF_CALLOUT_UNREGISTERED
                         ? FWPS_FILTER_FLAG_PERMIT_IF_CALLOUT_UNREGISTERED : 0));
}

static struct wfp_filter *make(const FWPM_FILTER0 *from, const struct net_layer *layer)
{
    enum net_field field;
    struct wfp_filter *filter = NetpNewEntry(sizeof *filter, WFP_FILTER);
    if (!filter)
        return NULL;
    filter->entry.key = from->filterKey;
    filter->entry.layer = layer;
    filter->flags = from->flags;
    filter->weight = weight_of(from);
    filter->fwps.weight = (FWP_VALUE0){.type = FWP_UINT64, .uint64 = &filter->weight};
    filter->fwps.flags = flags_of(from->flags);
    filter->fwps.action.type = from->action.type;
    if (!(from->flags & FWPM_FILTER_FLAG_HAS_PROVIDER_CONTEXT))
        filter->fwps.context = from->rawContext;
    filter->fwps.numFilterConditions = from->numFilterConditions;
    if (from->numFilterConditions)
        filter->fwps.filterCondition = sim_alloc(from->numFilterConditions * sizeof *filter->fwps.filterCondition);
    for (UINT32 i = 0; i < from->numFilterConditions; i++) {
        UINT16 index = NetpFieldOfCondition(layer, &from->filterCondition[i].fieldKey, &field);
        filter->fwps.filterCondition[i].fieldId = (UINT16)(index - 1);
        NetpCopyCondition(&filter->fwps.filterCondition[i], &from->filterCondition[i]);
    }
    return filter;
}

void NetpFreeFilter(struct wfp_filter *filter)
{
    for (UINT32 i = 0; i < filter->fwps.numFilterConditions; i++)
        NetpFreeCondition(&filter->fwps.filterCondition[i]);
    sim_free(filter->fwps.filterCondition);
    sim_free(filter);
}

/* ---- telling ---- */

NTSTATUS NetpNotify(struct wfp_filter *filter, FWPS_CALLOUT_NOTIFY_TYPE type)
{
    struct net_callout *callout = filter->fwps.action.calloutId ? NetpHoldCallout(filter->fwps.action.calloutId) : NULL;
    NTSTATUS status = STATUS_SUCCESS;

    if (!callout)
        return status;
    if (type != FWPS_CALLOUT_NOTIFY_ADD_FILTER_POST_COMMIT || callout->flags & FWP_CALLOUT_FLAG_ENABLE_COMMIT_ADD_NOTIFY)
        if (callout->notify)
            status = callout->notify(type, type == FWPS_CALLOUT_NOTIFY_DELETE_FILTER ? NULL : &filter->entry.key, &filter->fwps);
    ExReleaseRundownProtection(&callout->running);
    return status;
}

/* ---- adding ---- */

static void take_back(struct wfp_filter *filter)
{
    sched_lock(&machine->net->lock);
    struct wfp_entry **link = &WFP->entries[WFP_FILTER];
    while (*link != &filter->entry)
        link = &(*link)->next;
    *link = filter->entry.next;
    sched_unlock(&machine->net->lock);
    NetpDropEntry(&filter->entry);
}

/* In a transaction. */
static NTSTATUS insert(struct wfp_filter *filter, const FWPM_FILTER0 *from, const struct net_session *session, UINT64 *id)
{
    sched_lock(&machine->net->lock);
    NTSTATUS status = refer(filter, from);
    if (NT_SUCCESS(status))
        status = NetpInsertEntry(&filter->entry, session);
    if (NT_SUCCESS(status)) {
        filter->entry.id = filter->fwps.filterId = ++WFP->last_filter;
        filter->fwps.subLayerWeight = filter->entry.refers[1]->weight;
        filter->fwps.action.calloutId = filter->entry.refers[2] ? (UINT32)filter->entry.refers[2]->id : 0;
    }
    UINT64 given = filter->entry.id;
    sched_unlock(&machine->net->lock);
    if (!NT_SUCCESS(status)) {
        NetpDropEntry(&filter->entry);
        return status;
    }
    if (!NT_SUCCESS(NetpNotify(filter, FWPS_CALLOUT_NOTIFY_ADD_FILTER))) {
        take_back(filter);
        return STATUS_FWP_CALLOUT_NOTIFICATION_FAILED;
    }
    filter->told = true;
    if (id)
        *id = given;
    return STATUS_SUCCESS;
}

NTSTATUS FwpmFilterAdd0(HANDLE engineHandle, const FWPM_FILTER0 *filter, PSECURITY_DESCRIPTOR sd, UINT64 *id)
{
    API_ENTER(FwpmFilterAdd0, engineHandle, SCHED_WRITE);
    const struct net_layer *layer;
    struct wfp_changing changing;
    NTSTATUS status = check(filter, &layer);
    if (!NT_SUCCESS(status))
        return status;
    struct wfp_filter *made = make(filter, layer);
    if (!made)
        return STATUS_INSUFFICIENT_RESOURCES;
    status = NetpBeginChange(engineHandle, &changing);
    if (!NT_SUCCESS(status)) {
        NetpDropEntry(&made->entry);
        return status;
    }
    return NetpEndChange(&changing, insert(made, filter, changing.session, id));
}
