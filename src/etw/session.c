/* What a test enables, and what it sees. */
#include "etw/etwp.h"

#include "sim/machine.h"
#include "sim/misuse.h"
#include "trace/trace.h"

#include <string.h>

struct etw_session {
    LIST_ENTRY link; // etw_state.sessions
    GUID provider;
    struct etw_match match;
};

static bool Same(const GUID *a, const GUID *b) { return memcmp(a, b, sizeof *a) == 0; }

/* With the lock held. */
static struct etw_session *Find(const GUID *id)
{
    for (PLIST_ENTRY link = etw.sessions.Flink; link != &etw.sessions; link = link->Flink)
        if (Same(&CONTAINING_RECORD(link, struct etw_session, link)->provider, id))
            return CONTAINING_RECORD(link, struct etw_session, link);
    return NULL;
}

struct etw_match EtwpWanted(const GUID *id)
{
    struct etw_session *session = Find(id);
    return session ? session->match : (struct etw_match){0};
}

/* The providers of that GUID, one after the other; none is called twice, as those that register meanwhile stand behind. */
static struct etw_provider *HoldNext(const GUID *id, struct etw_provider *before, const struct etw_match *match)
{
    struct etw_provider *next = NULL;
    sched_lock(&etw.lock);
    PLIST_ENTRY link = !before ? etw.providers.Flink : before->gone ? &etw.providers : before->link.Flink;
    for (; link != &etw.providers && !next; link = link->Flink) {
        struct etw_provider *provider = CONTAINING_RECORD(link, struct etw_provider, link);
        if (Same(&provider->id, id))
            next = provider;
    }
    if (next)
        next->uses++;
    if (next && match)
        next->match = *match;
    sched_unlock(&etw.lock);
    return next;
}

static void Tell(const GUID *id, const struct etw_match *match, ULONG code)
{
    struct etw_provider *provider = NULL, *next;
    while ((next = HoldNext(id, provider, match))) {
        if (provider)
            EtwpRelease(provider);
        provider = next;
        EtwpCallBack(provider, code);
    }
    if (provider)
        EtwpRelease(provider);
}

void fltsim_enable_provider(const GUID *provider, UCHAR level, uint64_t any_keyword, uint64_t all_keywords)
{
    SIM_NEED_MACHINE();
    SIM_NEED(provider, "provider is NULL");
    const struct etw_match match = {true, level, any_keyword, all_keywords};
    struct etw_session *fresh = sim_alloc(sizeof *fresh);
    fresh->provider = *provider;
    sched_lock(&etw.lock);
    struct etw_session *session = Find(provider);
    if (!session) {
        session = fresh;
        fresh = NULL;
        InsertTailList(&etw.sessions, &session->link);
    }
    session->match = match;
    sched_unlock(&etw.lock);
    sim_free(fresh);
    Tell(provider, &match, EVENT_CONTROL_CODE_ENABLE_PROVIDER);
}

void fltsim_disable_provider(const GUID *provider)
{
    SIM_NEED_MACHINE();
    SIM_NEED(provider, "provider is NULL");
    const struct etw_match off = {0};
    sched_lock(&etw.lock);
    struct etw_session *session = Find(provider);
    if (session)
        RemoveEntryList(&session->link);
    sched_unlock(&etw.lock);
    sim_free(session);
    Tell(provider, &off, EVENT_CONTROL_CODE_DISABLE_PROVIDER);
}

void fltsim_capture_provider_state(const GUID *provider)
{
    SIM_NEED_MACHINE();
    SIM_NEED(provider, "provider is NULL");
    Tell(provider, NULL, EVENT_CONTROL_CODE_CAPTURE_STATE);
}

/* ---- events ---- */

size_t fltsim_events(void (*each)(const struct fltsim_event *event, void *context), void *context)
{
    size_t count = 0;
    sched_lock(&etw.lock);
    struct etw_event *event = etw.first;
    sched_unlock(&etw.lock);
    while (event) {
        count++;
        if (each)
            each(&event->event, context);
        sched_lock(&etw.lock);
        event = event->next;
        sched_unlock(&etw.lock);
    }
    return count;
}

static void FreeEvents(struct etw_event *event)
{
    while (event) {
        struct etw_event *next = event->next;
        sim_free((char *)event->event.name);
        sim_free(event);
        event = next;
    }
}

void fltsim_forget_events(void)
{
    sched_lock(&etw.lock);
    struct etw_event *all = etw.first;
    etw.first = NULL;
    etw.last = &etw.first;
    etw.count = 0;
    sched_unlock(&etw.lock);
    FreeEvents(all);
}

void EtwpStop(void)
{
    if (sched_is_dead())
        return;
    EtwpReportDriver(NULL);
    fltsim_forget_events();
    while (!IsListEmpty(&etw.sessions))
        sim_free(CONTAINING_RECORD(RemoveHeadList(&etw.sessions), struct etw_session, link));
}
