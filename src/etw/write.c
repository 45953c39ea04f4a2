/* Writing events: any IRQL, nothing but short locks. */
#include "etw/etwp.h"

#include "fault/fault.h"
#include "ke/thread.h"
#include "sim/machine.h"
#include "trace/trace.h"
#include "verify/api.h"

#include <string.h>

enum { MOST_EVENTS = 4096 };

static struct etw_match MatchOf(struct etw_provider *provider)
{
    sched_lock(&etw.lock);
    struct etw_match match = provider->match;
    sched_unlock(&etw.lock);
    return match;
}

static bool IsEnabled(struct etw_provider *provider, UCHAR level, ULONGLONG keyword)
{
    struct etw_match m = MatchOf(provider);
    if (!m.on || (m.level && level > m.level))
        return false;
    return !keyword || ((!m.any || keyword & m.any) && (keyword & m.all) == m.all);
}

BOOLEAN EtwProviderEnabled(REGHANDLE RegHandle, UCHAR Level, ULONGLONG Keyword)
{
    API_IRQL(EtwProviderEnabled);
    struct etw_provider *provider = EtwpHold(RegHandle);
    BOOLEAN enabled = provider && IsEnabled(provider, Level, Keyword);
    if (provider)
        EtwpRelease(provider);
    return enabled;
}

BOOLEAN EtwEventEnabled(REGHANDLE RegHandle, PCEVENT_DESCRIPTOR EventDescriptor)
{
    API_IRQL(EtwEventEnabled);
    return EtwProviderEnabled(RegHandle, EventDescriptor->Level, EventDescriptor->Keyword);
}

struct write {
    const EVENT_DESCRIPTOR *descriptor;
    LPCGUID activity, related;
    ULONG count;
    const EVENT_DATA_DESCRIPTOR *data;
    bool string;
};

static struct etw_event *Copy(const struct etw_provider *provider, const struct write *w)
{
    size_t length = 0;
    for (ULONG i = 0; i < w->count; i++)
        length += w->data[i].Size;
    struct etw_event *event = sim_alloc(sizeof *event + length);
    LPCGUID activity = w->activity ? w->activity : KiCurrentThread()->activity;
    event->event.provider = provider->id;
    event->event.descriptor = *w->descriptor;
    if (activity)
        event->event.activity = *activity;
    if (w->related)
        event->event.related = *w->related;
    event->event.data = event->data;
    event->event.is_string = w->string;
    for (ULONG i = 0; i < w->count; i++) {
        if (w->data[i].Size)
            memcpy(event->data + event->event.length, (const void *)(ULONG_PTR)w->data[i].Ptr, w->data[i].Size);
        event->event.length += w->data[i].Size;
    }
    return event;
}

/* False: there are too many. */
static bool Append(struct etw_provider *provider, struct etw_event *event)
{
    sched_lock(&etw.lock);
    bool room = etw.count < MOST_EVENTS;
    if (room) {
        event->event.name = provider->name ? sim_strdup(provider->name) : NULL;
        *etw.last = event;
        etw.last = &event->next;
        etw.count++;
    }
    sched_unlock(&etw.lock);
    return room;
}

static void Record(struct etw_provider *provider, const struct write *w)
{
    struct etw_event *event = Copy(provider, w);
    TRACE("etw", "{%08x-...} event %u level %u keyword 0x%llx, %zu bytes", provider->id.Data1, w->descriptor->Id,
          w->descriptor->Level, (unsigned long long)w->descriptor->Keyword, event->event.length);
    if (!Append(provider, event))
        sim_free(event);
}

static NTSTATUS Write(REGHANDLE handle, const struct write *w)
{
    NTSTATUS status = STATUS_SUCCESS;
    struct etw_provider *provider = EtwpHold(handle);
    if (!provider)
        return STATUS_INVALID_HANDLE;
    if (w->count > MAX_EVENT_DATA_DESCRIPTORS || (w->count && !w->data))
        status = STATUS_INVALID_PARAMETER;
    else if (IsEnabled(provider, w->descriptor->Level, w->descriptor->Keyword)) {
        if (fault_allocation())
            status = STATUS_NO_MEMORY;
        else
            Record(provider, w);
    }
    EtwpRelease(provider);
    return status;
}

NTSTATUS EtwWrite(REGHANDLE RegHandle, PCEVENT_DESCRIPTOR EventDescriptor, LPCGUID ActivityId, ULONG UserDataCount,
                  PEVENT_DATA_DESCRIPTOR UserData)
{
    API_IRQL(EtwWrite);
    return Write(RegHandle, &(struct write){EventDescriptor, ActivityId, NULL, UserDataCount, UserData, false});
}

NTSTATUS EtwWriteTransfer(REGHANDLE RegHandle, PCEVENT_DESCRIPTOR EventDescriptor, LPCGUID ActivityId,
                          LPCGUID RelatedActivityId, ULONG UserDataCount, PEVENT_DATA_DESCRIPTOR UserData)
{
    API_IRQL(EtwWriteTransfer);
    return Write(RegHandle, &(struct write){EventDescriptor, ActivityId, RelatedActivityId, UserDataCount, UserData, false});
}

NTSTATUS EtwWriteEx(REGHANDLE RegHandle, PCEVENT_DESCRIPTOR EventDescriptor, ULONG64 Filter, ULONG Flags, LPCGUID ActivityId,
                    LPCGUID RelatedActivityId, ULONG UserDataCount, PEVENT_DATA_DESCRIPTOR UserData)
{
    API_IRQL(EtwWriteEx);
    if (Flags)
        return STATUS_INVALID_PARAMETER;
    return Write(RegHandle, &(struct write){EventDescriptor, ActivityId, RelatedActivityId, UserDataCount, UserData, false});
}

NTSTATUS EtwWriteString(REGHANDLE RegHandle, UCHAR Level, ULONGLONG Keyword, LPCGUID ActivityId, PCWSTR String)
{
    API_IRQL(EtwWriteString);
    const EVENT_DESCRIPTOR descriptor = {.Level = Level, .Keyword = Keyword};
    EVENT_DATA_DESCRIPTOR data;
    ULONG units = 0;
    while (String[units])
        units++;
    EventDataDescCreate(&data, String, (units + 1) * (ULONG)sizeof *String);
    return Write(RegHandle, &(struct write){&descriptor, ActivityId, NULL, 1, &data, true});
}
