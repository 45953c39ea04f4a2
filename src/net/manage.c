/* Adding providers, sublayers and callouts to the filter engine, and deleting anything. */
#include "net/layer.h"
#include "net/wfp.h"

#include "verify/api.h"

bool NetpIsDisplayed(const FWPM_DISPLAY_DATA0 *data)
{
    return data->name != NULL;
}

/* With the lock held. No key: no provider. */
static NTSTATUS refer_to_provider(struct wfp_entry *entry, const GUID *key)
{
    if (!key)
        return STATUS_SUCCESS;
    entry->refers[0] = NetpFindEntry(WFP_PROVIDER, key);
    return entry->refers[0] ? STATUS_SUCCESS : STATUS_FWP_PROVIDER_NOT_FOUND;
}

/* Puts a new entry on its list, in a transaction; it is freed where that fails. */
static NTSTATUS add(HANDLE engine, struct wfp_entry *entry, const GUID *provider, UINT32 *id)
{
    struct wfp_changing changing;
    NTSTATUS status = NetpBeginChange(engine, &changing);
    if (!NT_SUCCESS(status)) {
        NetpDropEntry(entry);
        return status;
    }
    sched_lock(&machine->net->lock);
    status = refer_to_provider(entry, provider);
    if (NT_SUCCESS(status))
        status = NetpInsertEntry(entry, changing.session);
    if (NT_SUCCESS(status) && entry->kind == WFP_CALLOUT) {
        entry->id = NetpCalloutId(&entry->key);
        if (id)
            *id = (UINT32)entry->id;
    }
    sched_unlock(&machine->net->lock);
    if (!NT_SUCCESS(status))
        NetpDropEntry(entry);
    return NetpEndChange(&changing, status);
}

NTSTATUS FwpmProviderAdd0(HANDLE engineHandle, const FWPM_PROVIDER0 *provider, PSECURITY_DESCRIPTOR sd)
{
    API_ENTER(FwpmProviderAdd0, engineHandle, SCHED_WRITE);
    if (!provider)
        return STATUS_FWP_NULL_POINTER;
    if (!NetpIsDisplayed(&provider->displayData))
        return STATUS_FWP_NULL_DISPLAY_NAME;
    if (provider->flags & ~(UINT32)(FWPM_PROVIDER_FLAG_PERSISTENT | FWPM_PROVIDER_FLAG_DISABLED))
        return STATUS_FWP_INVALID_FLAGS;
    struct wfp_entry *entry = NetpNewEntry(sizeof *entry, WFP_PROVIDER);
    if (!entry)
        return STATUS_INSUFFICIENT_RESOURCES;
    entry->key = provider->providerKey;
    return add(engineHandle, entry, NULL, NULL);
}

NTSTATUS FwpmSubLayerAdd0(HANDLE engineHandle, const FWPM_SUBLAYER0 *subLayer, PSECURITY_DESCRIPTOR sd)
{
    API_ENTER(FwpmSubLayerAdd0, engineHandle, SCHED_WRITE);
    if (!subLayer)
        return STATUS_FWP_NULL_POINTER;
    if (!NetpIsDisplayed(&subLayer->displayData))
        return STATUS_FWP_NULL_DISPLAY_NAME;
    if (subLayer->flags & ~(UINT32)FWPM_SUBLAYER_FLAG_PERSISTENT)
        return STATUS_FWP_INVALID_FLAGS;
    struct wfp_entry *entry = NetpNewEntry(sizeof *entry, WFP_SUBLAYER);
    if (!entry)
        return STATUS_INSUFFICIENT_RESOURCES;
    entry->key = subLayer->subLayerKey;
    entry->weight = subLayer->weight;
    return add(engineHandle, entry, subLayer->providerKey, NULL);
}

NTSTATUS FwpmCalloutAdd0(HANDLE engineHandle, const FWPM_CALLOUT0 *callout, PSECURITY_DESCRIPTOR sd, UINT32 *id)
{
    API_ENTER(FwpmCalloutAdd0, engineHandle, SCHED_WRITE);
    if (!callout)
        return STATUS_FWP_NULL_POINTER;
    if (!NetpIsDisplayed(&callout->displayData))
        return STATUS_FWP_NULL_DISPLAY_NAME;
    if (callout->flags & ~(UINT32)(FWPM_CALLOUT_FLAG_PERSISTENT | FWPM_CALLOUT_FLAG_USES_PROVIDER_CONTEXT))
        return STATUS_FWP_INVALID_FLAGS;
    const struct net_layer *layer = NetpLayerByKey(&callout->applicableLayer);
    if (!layer)
        return STATUS_FWP_LAYER_NOT_FOUND;
    struct wfp_entry *entry = NetpNewEntry(sizeof *entry, WFP_CALLOUT);
    if (!entry)
        return STATUS_INSUFFICIENT_RESOURCES;
    entry->key = callout->calloutKey;
    entry->layer = layer;
    return add(engineHandle, entry, callout->providerKey, id);
}

/* ---- deleting ---- */

NTSTATUS FwpmProviderDeleteByKey0(HANDLE engineHandle, const GUID *key)
{
    API_ENTER(FwpmProviderDeleteByKey0, engineHandle, SCHED_WRITE);
    return key ? NetpDelete(engineHandle, WFP_PROVIDER, key, 0) : STATUS_FWP_NULL_POINTER;
}

NTSTATUS FwpmSubLayerDeleteByKey0(HANDLE engineHandle, const GUID *key)
{
    API_ENTER(FwpmSubLayerDeleteByKey0, engineHandle, SCHED_WRITE);
    return key ? NetpDelete(engineHandle, WFP_SUBLAYER, key, 0) : STATUS_FWP_NULL_POINTER;
}

NTSTATUS FwpmCalloutDeleteByKey0(HANDLE engineHandle, const GUID *key)
{
    API_ENTER(FwpmCalloutDeleteByKey0, engineHandle, SCHED_WRITE);
    return key ? NetpDelete(engineHandle, WFP_CALLOUT, key, 0) : STATUS_FWP_NULL_POINTER;
}

NTSTATUS FwpmCalloutDeleteById0(HANDLE engineHandle, UINT32 id)
{
    API_ENTER(FwpmCalloutDeleteById0, engineHandle, SCHED_WRITE);
    return NetpDelete(engineHandle, WFP_CALLOUT, NULL, id);
}

NTSTATUS FwpmFilterDeleteByKey0(HANDLE engineHandle, const GUID *key)
{
    API_ENTER(FwpmFilterDeleteByKey0, engineHandle, SCHED_WRITE);
    return key ? NetpDelete(engineHandle, WFP_FILTER, key, 0) : STATUS_FWP_NULL_POINTER;
}

NTSTATUS FwpmFilterDeleteById0(HANDLE engineHandle, UINT64 id)
{
    API_ENTER(FwpmFilterDeleteById0, engineHandle, SCHED_WRITE);
    return NetpDelete(engineHandle, WFP_FILTER, NULL, id);
}
