/* Driver code that runs in some thread because the Filter Manager called it: what a teardown may be waiting for. */
#include "core.h"

bool FltpRunsNow(enum flt_runs What)
{
    for (const struct flt_running *at = KiCurrentThread()->flt_running; at; at = at->Outer)
        if (at->What == What)
            return true;
    return false;
}

static PFLT_FILTER FilterOf(PFLT_OBJECT Object)
{
    if (FltpIsOfType(Object, FLT_OBFL_TYPE_FILTER))
        return CONTAINING_RECORD(Object, struct _FLT_FILTER, Base);
    return FltpIsOfType(Object, FLT_OBFL_TYPE_INSTANCE) ? CONTAINING_RECORD(Object, struct _FLT_INSTANCE, Base)->Filter : NULL;
}

void FltpCountHeld(PFLT_OBJECT Object, LONG Change)
{
    for (struct flt_running *at = KiCurrentThread()->flt_running; at; at = at->Outer)
        if (at->What == FLTP_RUNS_UNLOAD && FilterOf(Object) == FilterOf(at->Object))
            at->Held += Change;
}

/* ---- when nothing goes on any more: the other threads stand still --------------------------------------------------- */

struct search {
    PFLT_OBJECT Object;
    void (*Add)(PKTHREAD Thread, void *Context);
    void *Context;
    bool Found;
};

static void Look(struct sched_thread *sched, bool parked, bool daemon, void *argument)
{
    struct search *search = argument;
    PKTHREAD thread = sched_owner(sched);
    bool found = false;

    for (const struct flt_running *at = thread ? thread->flt_running : NULL; at && !found; at = at->Outer)
        found = at->Object == search->Object && at->What != FLTP_RUNS_UNLOAD;
    search->Found |= found;
    if (found && search->Add)
        search->Add(thread, search->Context);
}

bool FltpIsRunBy(PFLT_OBJECT Object, void (*Add)(PKTHREAD Thread, void *Context), void *Context)
{
    struct search search = {Object, Add, Context, false};
    sched_each_thread(Look, &search);
    return search.Found;
}

/* ---- the caller's own references -------------------------------------------------------------------------------------- */

void FltpCheckOwnReferences(PFLT_OBJECT Object)
{
    const struct flt_running *at = KiCurrentThread()->flt_running;
    char text[160];

    while (at && (at->What != FLTP_RUNS_UNLOAD || FilterOf(at->Object) != FilterOf(Object) || at->Held <= 0))
        at = at->Outer;
    if (!at)
        return;
    struct verify_violation *v =
        verify_begin_fatal(VERIFY_UNLOAD_DEADLOCK, "The unload waits for %s, on which the unload callback itself holds %d "
                           "reference%s.", FltpDescribe(Object, text, sizeof text), (int)at->Held, at->Held == 1 ? "" : "s");
    verify_ledger_print(v, &Object->Ledger);
    FltpShowObject(v, Object);
    verify_site(v, "unregistered by", FilterOf(Object)->UnregisteredBy);
    verify_routine(v, "in the unload callback", at->Routine);
    verify_end_bugcheck(v, 0, 0, 0, 0, 0);
}
