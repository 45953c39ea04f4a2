/* Providers: registering, unregistering, and what is left. */
#include "etw/etwp.h"

#include "fault/fault.h"
#include "sim/machine.h"
#include "verify/api.h"
#include "verify/verify.h"

#include <stdio.h>
#include <string.h>

struct etw_state etw;

/* With the lock held. */
static struct etw_provider *Find(REGHANDLE handle)
{
    for (PLIST_ENTRY link = etw.providers.Flink; link != &etw.providers; link = link->Flink)
        if ((REGHANDLE)(ULONG_PTR)link == handle)
            return CONTAINING_RECORD(link, struct etw_provider, link);
    return NULL;
}

static REGHANDLE HandleOf(struct etw_provider *provider) { return (REGHANDLE)(ULONG_PTR)&provider->link; }

struct etw_provider *EtwpHold(REGHANDLE handle)
{
    sched_lock(&etw.lock);
    struct etw_provider *provider = Find(handle);
    if (provider)
        provider->uses++;
    sched_unlock(&etw.lock);
    return provider;
}

void EtwpRelease(struct etw_provider *provider)
{
    sched_lock(&etw.lock);
    KEVENT *unused = --provider->uses ? NULL : provider->unused;
    sched_unlock(&etw.lock);
    if (unused)
        KeSetEvent(unused, IO_NO_INCREMENT, FALSE);
}

static const GUID NoSession;

/* The provider is held, no lock is. */
void EtwpCallBack(struct etw_provider *provider, ULONG code)
{
    sched_lock(&etw.lock);
    struct etw_match m = provider->match;
    sched_unlock(&etw.lock);
    if (provider->callback)
        provider->callback(&NoSession, code, m.level, m.any, m.all, NULL, provider->context);
}

NTSTATUS EtwRegister(LPCGUID ProviderId, PETWENABLECALLBACK EnableCallback, PVOID CallbackContext, PREGHANDLE RegHandle)
{
    API_ENTER(EtwRegister, ProviderId, SCHED_WRITE);
    if (!ProviderId || !RegHandle)
        return STATUS_INVALID_PARAMETER;
    if (fault_allocation())
        return STATUS_NO_MEMORY;
    struct etw_provider *provider = sim_alloc(sizeof *provider);
    provider->id = *ProviderId;
    provider->callback = EnableCallback;
    provider->context = CallbackContext;
    provider->site = VERIFY_CALLER;
    provider->uses = 1;
    sched_lock(&etw.lock);
    provider->match = EtwpWanted(ProviderId);
    InsertTailList(&etw.providers, &provider->link);
    sched_unlock(&etw.lock);
    *RegHandle = HandleOf(provider);
    if (provider->match.on)
        EtwpCallBack(provider, EVENT_CONTROL_CODE_ENABLE_PROVIDER);
    EtwpRelease(provider);
    return STATUS_SUCCESS;
}

static void Free(struct etw_provider *provider)
{
    sim_free(provider->name);
    sim_free(provider);
}

NTSTATUS EtwUnregister(REGHANDLE RegHandle)
{
    API_ENTER(EtwUnregister, (const void *)(ULONG_PTR)RegHandle, SCHED_WRITE);
    KEVENT unused;
    KeInitializeEvent(&unused, NotificationEvent, FALSE);
    sched_lock(&etw.lock);
    struct etw_provider *provider = Find(RegHandle);
    bool wait = provider && provider->uses;
    if (provider) {
        RemoveEntryList(&provider->link);
        provider->gone = true;
        provider->unused = &unused;
    }
    sched_unlock(&etw.lock);
    if (!provider)
        return STATUS_INVALID_HANDLE;
    if (wait)
        KeWaitForSingleObject(&unused, Executive, KernelMode, FALSE, NULL);
    Free(provider);
    return STATUS_SUCCESS;
}

/* ---- traits ---- */

static NTSTATUS SetTraits(struct etw_provider *provider, const UCHAR *traits, ULONG length)
{
    USHORT size;
    if (!traits || length < sizeof size + 1)
        return STATUS_INVALID_PARAMETER;
    memcpy(&size, traits, sizeof size);
    if (size > length || !memchr(traits + sizeof size, 0, length - sizeof size))
        return STATUS_INVALID_PARAMETER;
    char *name = sim_strdup((const char *)traits + sizeof size);
    sched_lock(&etw.lock);
    char *before = provider->name;
    provider->name = name;
    sched_unlock(&etw.lock);
    sim_free(before);
    return STATUS_SUCCESS;
}

NTSTATUS EtwSetInformation(REGHANDLE RegHandle, EVENT_INFO_CLASS InformationClass, PVOID EventInformation,
                           ULONG InformationLength)
{
    API_ENTER(EtwSetInformation, (const void *)(ULONG_PTR)RegHandle, SCHED_WRITE);
    struct etw_provider *provider = EtwpHold(RegHandle);
    NTSTATUS status;
    if (!provider)
        return STATUS_INVALID_HANDLE;
    switch (InformationClass) {
    case EventProviderBinaryTrackInfo:
        status = STATUS_SUCCESS;
        break;
    case EventProviderSetTraits:
        status = SetTraits(provider, EventInformation, InformationLength);
        break;
    case EventProviderUseDescriptorType:
        status = EventInformation && InformationLength == sizeof(BOOLEAN) ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER;
        break;
    default:
        status = STATUS_INVALID_DEVICE_REQUEST;
    }
    EtwpRelease(provider);
    return status;
}

/* ---- what is left ---- */

static struct etw_provider *TakeLeft(const char *driver)
{
    struct etw_provider *left = NULL;
    sched_lock(&etw.lock);
    for (PLIST_ENTRY link = etw.providers.Flink; link != &etw.providers && !left; link = link->Flink) {
        struct etw_provider *provider = CONTAINING_RECORD(link, struct etw_provider, link);
        if (verify_is_driver_code(provider->site, driver))
            left = provider;
    }
    if (left)
        RemoveEntryList(&left->link);
    sched_unlock(&etw.lock);
    return left;
}

void EtwpReportDriver(const char *driver)
{
    struct etw_provider *left;
    while ((left = TakeLeft(driver))) {
        struct verify_violation *v = verify_begin(VERIFY_ETW_PROVIDER_LEFT,
                                                  "The event provider {%08x-...} was still registered when %s%s.",
                                                  left->id.Data1, driver ? driver : "the machine stopped",
                                                  driver ? " unloaded" : "");
        verify_site(v, "registered by", left->site);
        verify_end(v);
        Free(left);
    }
}

bool EtwpStart(void)
{
    etw = (struct etw_state){0};
    InitializeListHead(&etw.providers);
    InitializeListHead(&etw.sessions);
    etw.last = &etw.first;
    return true;
}
