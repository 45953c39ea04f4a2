/* Locks that go before their context does, and contexts that go before their locks do.
 * A lock that lies in a linked context, or that one points to, was deleted or freed; whether that was a mistake shows when
 * the context is found again as it was left: then it is reported. When the context goes, nobody may hold a lock in it, wait
 * for an event in it, or have left a resource in it that the kernel still knows. */
#include "context.h"
#include "core.h"

#include "ex/lock.h"
#include "ke/in_use.h"

enum { SUSPECTS = 64 };

struct lost {
    PFLTP_CONTEXT Context; /* NULL: free */
    SIZE_T Offset;         /* in the driver's part */
    bool Inside;           /* the lock lies there; else a pointer to it */
    const char *Lock;
    SIZE_T Size;
    const char *Kind, *Routine;
    const void *Site;
};

static struct {
    struct sched_lock Lock;
    struct lost Ring[SUSPECTS];
    unsigned Next;
} Suspects;

static bool Within(const void *Pointer, const struct lost *Lost)
{
    return (const char *)Pointer >= Lost->Lock && (const char *)Pointer < Lost->Lock + Lost->Size;
}

static READS_WHAT_OTHERS_WRITE PVOID WordAt(PFLTP_CONTEXT Context, SIZE_T Offset)
{
    return *(PVOID *)((char *)FltpDriverPart(Context) + Offset);
}

/* Where in the context the lock is, or is pointed to. A pointer to somewhere in it is none: a stale list entry points to
 * memory that is a lock by now. */
static bool Find(PFLTP_CONTEXT Context, struct lost *Lost)
{
    const char *start = FltpDriverPart(Context);

    Lost->Inside = Lost->Lock >= start && Lost->Lock < start + Context->Size;
    Lost->Offset = Lost->Inside ? (SIZE_T)(Lost->Lock - start) : 0;
    while (!Lost->Inside && Lost->Offset + sizeof(PVOID) <= Context->Size && WordAt(Context, Lost->Offset) != Lost->Lock)
        Lost->Offset += sizeof(PVOID);
    return Lost->Inside || Lost->Offset + sizeof(PVOID) <= Context->Size;
}

/* Other threads may make such a lock again, or forget it. */
static VOID LockMade(const void *Lock)
{
    sched_lock(&Suspects.Lock);
    for (unsigned i = 0; i < SUSPECTS; i++)
        if (Suspects.Ring[i].Context && Within(Lock, &Suspects.Ring[i]))
            Suspects.Ring[i].Context = NULL;
    sched_unlock(&Suspects.Lock);
}

static void Look(PFLTP_CONTEXT Context, void *Argument)
{
    struct lost lost = *(struct lost *)Argument;

    if (!Find(Context, &lost))
        return;
    lost.Context = Context;
    sched_lock(&Suspects.Lock);
    Suspects.Ring[Suspects.Next++ % SUSPECTS] = lost;
    sched_unlock(&Suspects.Lock);
    __atomic_store_n(&Context->Suspect, true, __ATOMIC_RELEASE);
    ExpSetHook(ExpLockMade, LockMade);
}

/* The right place is the context's cleanup callback: the context is linked no more there. */
static VOID LockGone(const void *Lock, size_t Size, const char *Kind, const char *Routine, const void *Site)
{
    struct lost lost = {.Lock = Lock, .Size = Size, .Kind = Kind, .Routine = Routine, .Site = Site};
    if (!verify_is_library_code(Site) && !FltpRunsNow(FLTP_RUNS_CLEANUP))
        FltpEachLinkedContext(Look, &lost);
}

void FltpWatchLocks(bool Watch)
{
    ExpSetHook(ExpLockGone, Watch ? LockGone : NULL);
    if (Watch)
        return;
    ExpSetHook(ExpLockMade, NULL);
    memset(&Suspects, 0, sizeof Suspects);
}

void FltpPushLockGone(PEX_PUSH_LOCK PushLock, const void *Site)
{
    if (ExpHook(ExpLockGone))
        LockGone(PushLock, sizeof *PushLock, "push lock", "FltDeletePushLock", Site);
}

static bool Take(PFLTP_CONTEXT Context, struct lost *Lost)
{
    bool found = false;
    sched_lock(&Suspects.Lock);
    for (unsigned i = 0; i < SUSPECTS && !found; i++) {
        found = Suspects.Ring[i].Context == Context;
        if (found) {
            *Lost = Suspects.Ring[i];
            Suspects.Ring[i].Context = NULL;
        }
    }
    sched_unlock(&Suspects.Lock);
    return found;
}

static void Report(const struct lost *Lost, const void *Site)
{
    char label[96];
    struct verify_violation *v =
        FltpBeginContextReport(VERIFY_CONTEXT_LOCK_FREED_EARLY, Lost->Context, "was found again, and the %s that %s at "
                               "offset %zu is gone", Lost->Kind, Lost->Inside ? "lies in it" : "it points to",
                               (size_t)Lost->Offset);
    verify_ledger_print(v, &Lost->Context->Ledger);
    snprintf(label, sizeof label, "the %s was given to %s, while the context was linked, by", Lost->Kind, Lost->Routine);
    verify_site(v, label, Lost->Site);
    verify_site(v, "and the context was found by", Site);
    verify_end(v);
}

void FltpFoundAgain(PFLTP_CONTEXT Context, const void *Site)
{
    struct lost lost;
    __atomic_store_n(&Context->Suspect, false, __ATOMIC_RELEASE);
    while (Take(Context, &lost))
        if (lost.Inside || WordAt(Context, lost.Offset) == lost.Lock)
            Report(&lost, Site);
}

void FltpForgetSuspect(PFLTP_CONTEXT Context)
{
    struct lost lost;
    while (Take(Context, &lost))
        ;
}

/* ---- what is in it as it goes ---------------------------------------------------------------------------------------- */

static size_t OffsetOf(PFLTP_CONTEXT Context, const void *Object)
{
    return (size_t)((const char *)Object - (const char *)FltpDriverPart(Context));
}

static void ReportInUse(PFLTP_CONTEXT Context, const struct ki_in_use *Use)
{
    struct verify_violation *v = FltpBeginContextReport(
        VERIFY_CONTEXT_LOCK_FREED_EARLY, Context, "goes with its last reference, and thread \"%s\" %s the %s at offset %zu of it",
        Use->thread, Use->waited ? "waits for" : "still holds", Use->what, OffsetOf(Context, Use->object));
    Context->InUse = TRUE;
    verify_ledger_print(v, &Context->Ledger);
    verify_site(v, Use->waited ? "waited for by" : "acquired by", Use->site);
    verify_end(v);
}

static void ReportUndeleted(PFLTP_CONTEXT Context, PERESOURCE Resource, const void *Site)
{
    struct verify_violation *v = FltpBeginContextReport(
        VERIFY_NOT_DELETED, Context, "was freed with the resource at offset %zu of it, which ExDeleteResourceLite was never "
        "given", OffsetOf(Context, Resource));
    verify_site(v, "initialized by", Site);
    verify_ledger_print(v, &Context->Ledger);
    verify_end(v);
}

void FltpCheckOwnLocks(PFLTP_CONTEXT Context)
{
    struct ki_in_use use;
    if (KiHoldsIn(FltpDriverPart(Context), Context->Size, &use))
        ReportInUse(Context, &use);
}

bool FltpLookForLocks(PFLTP_CONTEXT Context)
{
    struct ki_in_use use;
    const void *site;

    if (__builtin_expect(!Context->InUse && KiIsInUse(FltpDriverPart(Context), Context->Size, &use), 0))
        ReportInUse(Context, &use);
    for (PERESOURCE left; !Context->InUse && (left = ExpTakeUndeleted(FltpDriverPart(Context), Context->Size, &site));)
        ReportUndeleted(Context, left, site);
    return Context->InUse;
}
