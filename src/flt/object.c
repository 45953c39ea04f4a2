/* FLT_OBJECT: the pointer count, which is the memory, and the rundown reference, which is the use. */
#include "flt/fltp.h"
#include "flt/core.h"

#include "ke/thread.h"

_Thread_local unsigned FltpThreadShard;
static unsigned NextShard;
bool FltpParallel = true;

unsigned FltpAssignShard(void)
{
    unsigned shard = __atomic_fetch_add(&NextShard, 1, __ATOMIC_RELAXED) % FLTP_SHARDS;
    FltpThreadShard = shard + 1;
    return shard;
}

/* ---- rundown ---- */

bool FltpReleaseRundownSlow(ULONG_PTR Value)
{
    struct flt_rundown_wait *wait = (struct flt_rundown_wait *)(Value & ~(ULONG_PTR)1);
    NT_ASSERT(wait);
    if (__atomic_sub_fetch(&wait->Left, 1, __ATOMIC_ACQ_REL) != 0)
        return false;
    KeSetEvent(&wait->Event, IO_NO_INCREMENT, FALSE);
    return true;
}

enum { RUNDOWN_BIAS = 1 << 30 };

void FltpPrepareRundown(struct flt_rundown_wait *Wait, volatile ULONG_PTR *First, size_t Count, size_t Stride)
{
    KeInitializeEvent(&Wait->Event, NotificationEvent, FALSE);
    Wait->Left = RUNDOWN_BIAS;
    Wait->First = First;
    Wait->Count = Count;
    Wait->Stride = Stride;
}

static void StartRundown(struct flt_rundown_wait *Wait, PFLT_FILTER Contexts)
{
    LONG64 held = 0;
    for (size_t i = 0; i < Wait->Count; i++) {
        volatile ULONG_PTR *value = (volatile ULONG_PTR *)((UCHAR *)Wait->First + i * Wait->Stride);
        held += (LONG64)(__atomic_exchange_n(value, (ULONG_PTR)Wait | 1, __ATOMIC_ACQ_REL) >> 1);
    }
    if (Contexts)
        held += FltpCloseContexts(Contexts, Wait);
    if (__atomic_add_fetch(&Wait->Left, held - RUNDOWN_BIAS, __ATOMIC_ACQ_REL) == 0)
        KeSetEvent(&Wait->Event, IO_NO_INCREMENT, FALSE);
}

void FltpStartRundown(struct flt_rundown_wait *Wait) { StartRundown(Wait, NULL); }

static void BeginRundown(struct flt_rundown_wait *Wait, volatile ULONG_PTR *First, size_t Count, size_t Stride,
                         PFLT_FILTER Contexts)
{
    FltpPrepareRundown(Wait, First, Count, Stride);
    StartRundown(Wait, Contexts);
}

void FltpBeginRundown(struct flt_rundown_wait *Wait, volatile ULONG_PTR *First, size_t Count, size_t Stride)
{
    BeginRundown(Wait, First, Count, Stride, NULL);
}

/* Virtual time passes only while every thread waits: when this much has passed, nothing was going on any more. */
static bool WaitQuietly(PKEVENT Event, const struct ki_wait_hint *Hint, const void *Site)
{
    LARGE_INTEGER hour = {.QuadPart = -36000000000LL};
    return KiWaitFor(Event, &hour, Hint, Site) == STATUS_SUCCESS;
}

/* Who has to return before the rundown of the object, or of its operations, can end. */
static void NameOwners(const void *Object, void (*Add)(PKTHREAD Owner, void *Context), void *Context)
{
    PFLT_OBJECT object = (PFLT_OBJECT)(uintptr_t)Object;
    FltpIsRunBy(object, Add, Context);
    if (FltpIsOfType(object, FLT_OBFL_TYPE_INSTANCE))
        FltpEachCallbackThread(CONTAINING_RECORD(object, struct _FLT_INSTANCE, Base), Add, Context);
}

void FltpEndRundown(struct flt_rundown_wait *Wait, const char *What, bool (*Stuck)(PFLT_OBJECT), PFLT_OBJECT Object,
                    const void *Site)
{
    const struct ki_wait_hint hint = {What, Object, NameOwners, VERIFY_UNLOAD_DEADLOCK};

    while (__atomic_load_n(&Wait->Left, __ATOMIC_ACQUIRE) > 0 && !WaitQuietly(&Wait->Event, &hint, Site)) {
        if (Stuck && Stuck(Object))
            continue;
        KiWaitFor(&Wait->Event, NULL, &hint, Site); /* the scheduler reports the deadlock */
        break;
    }
    if (__atomic_load_n(&Wait->Left, __ATOMIC_ACQUIRE) == 0) /* the last one's KeSetEvent must be through with us */
        KiWaitFor(&Wait->Event, NULL, &hint, Site);
    for (size_t i = 0; i < Wait->Count; i++)
        __atomic_store_n((volatile ULONG_PTR *)((UCHAR *)Wait->First + i * Wait->Stride), 1, __ATOMIC_RELEASE);
}

void FltpWaitRundown(volatile ULONG_PTR *First, size_t Count, size_t Stride, bool (*Stuck)(PFLT_OBJECT),
                     PFLT_OBJECT Object)
{
    struct flt_rundown_wait wait;
    FltpBeginRundown(&wait, First, Count, Stride);
    FltpEndRundown(&wait, "rundown reference", Stuck, Object, VERIFY_CALLER);
}

/* ---- objects ---- */

void FltpInitializeObject(PFLT_OBJECT Object, ULONG Type)
{
    Object->Flags = Type;
    Object->PointerCount = 1;
    Object->RundownRef.Count = 0;
    InitializeListHead(&Object->PrimaryLink);
    Object->UniqueIdentifier = (GUID){.Data1 = 0x765d6ad3, .Data2 = (USHORT)(Type >> 24)};
    ULONG id = __atomic_add_fetch(&FltGlobals.NextObjectId, 1, __ATOMIC_RELAXED);
    RtlCopyMemory(&Object->UniqueIdentifier.Data4[4], &id, sizeof id);
}

_Noreturn void FltpReportBadObject(PFLT_OBJECT Object, ULONG Type, const char *Routine, const void *Caller)
{
    const char *kind = Type == FLT_OBFL_TYPE_FILTER     ? "a filter"
                       : Type == FLT_OBFL_TYPE_INSTANCE ? "an instance"
                       : Type == FLT_OBFL_TYPE_VOLUME   ? "a volume"
                                                        : "a filter, instance or volume";
    struct verify_violation *v;

    if (!Object)
        v = verify_begin_fatal(VERIFY_BAD_FLT_OBJECT, "%s was given NULL instead of %s.", Routine, kind);
    else if (!FltpIsOfType(Object, Type) || !FltpIsOneType(Object))
        v = verify_begin_fatal(VERIFY_BAD_FLT_OBJECT, "%s was given %p, which is no%s.", Routine, (void *)Object,
                               strchr(kind, ' '));
    else
        v = verify_begin_fatal(VERIFY_BAD_FLT_OBJECT, "%s was given %s %p, which is gone: nobody referenced it any more.",
                               Routine, FltpObjectKind(Object), (void *)Object);
    verify_site(v, "called by", Caller);
    verify_end_bugcheck(v, 0x50, (uintptr_t)Object, 0, (uintptr_t)Caller, 0);
}

void FltpFreeLater(void *Memory)
{
    sched_lock(&FltGlobals.Lock);
    PVOID *slot = &FltGlobals.Gone[FltGlobals.NextGone++ % ARRAYSIZE(FltGlobals.Gone)], oldest = *slot;
    *slot = Memory;
    sched_unlock(&FltGlobals.Lock);
    sim_free(oldest);
}

void FltpForgetGone(void)
{
    for (ULONG i = 0; i < ARRAYSIZE(FltGlobals.Gone); i++)
        sim_free(FltGlobals.Gone[i]);
}

void FltpReferencePointer(PFLT_OBJECT Object) { __atomic_add_fetch(&Object->PointerCount, 1, __ATOMIC_RELAXED); }

void FltpDereferencePointer(PFLT_OBJECT Object)
{
    if (__atomic_sub_fetch(&Object->PointerCount, 1, __ATOMIC_ACQ_REL) != 0)
        return;
    verify_ledger_free(&Object->Ledger);
    if (FltpIsOfType(Object, FLT_OBFL_TYPE_INSTANCE))
        FltpFreeInstance(CONTAINING_RECORD(Object, struct _FLT_INSTANCE, Base));
    else if (FltpIsOfType(Object, FLT_OBFL_TYPE_FILTER))
        FltpForgetFilter(CONTAINING_RECORD(Object, struct _FLT_FILTER, Base));
    else
        FltpFreeVolume(CONTAINING_RECORD(Object, struct _FLT_VOLUME, Base));
}

static PFLT_FILTER AsFilter(PFLT_OBJECT Object)
{
    return FltpIsOfType(Object, FLT_OBFL_TYPE_FILTER) ? CONTAINING_RECORD(Object, struct _FLT_FILTER, Base) : NULL;
}

static ULONG_PTR RundownWord(PFLT_OBJECT Object) { return __atomic_load_n(&Object->RundownRef.Count, __ATOMIC_ACQUIRE); }

NTSTATUS FltpReferenceObject(PFLT_OBJECT Object, const char *Event, const void *Site)
{
    if (!FltpAcquireRundown(&Object->RundownRef.Count))
        return STATUS_FLT_DELETING_OBJECT;
    __atomic_add_fetch(&Object->Given, 1, __ATOMIC_RELAXED);
    if (verify_ledgers_on && Event)
        verify_ledger_add(&Object->Ledger, Event, FltpRundownLeft(Object), Site);
    if (__builtin_expect(KiCurrentThread()->flt_running != NULL, 0))
        FltpCountHeld(Object, 1);
    return STATUS_SUCCESS;
}

/* One of those that FltpReferenceObject gave; a filter's registration and its contexts hold it in other ways. */
static bool TakeBack(PFLT_OBJECT object)
{
    if (__atomic_sub_fetch(&object->Given, 1, __ATOMIC_ACQ_REL) >= 0)
        return true;
    __atomic_add_fetch(&object->Given, 1, __ATOMIC_RELAXED);
    return false;
}

void FltpDereferenceObject(PFLT_OBJECT Object, const char *Event, const void *Site)
{
    if (RundownWord(Object) == 1 && __atomic_load_n(&Object->Forgiven, __ATOMIC_ACQUIRE) > 0) {
        __atomic_sub_fetch(&Object->Forgiven, 1, __ATOMIC_ACQ_REL);
        return; /* late, and reported */
    }
    if (!TakeBack(Object)) {
        struct verify_violation *v = verify_begin(VERIFY_OBJECT_OVER_RELEASE, "%s of %s %p, which nobody references any more.",
                                                  Event, FltpObjectKind(Object), (void *)Object);
        verify_ledger_print(v, &Object->Ledger);
        verify_site(v, "released by", Site);
        verify_end(v);
        return;
    }
    if (verify_ledgers_on && Event)
        verify_ledger_drop(&Object->Ledger, Event, FltpRundownLeft(Object) - 1, Site);
    if (__builtin_expect(KiCurrentThread()->flt_running != NULL, 0))
        FltpCountHeld(Object, -1);
    if (!FltpIsOfType(Object, FLT_OBFL_TYPE_INSTANCE)) {
        FltpReleaseRundown(&Object->RundownRef.Count); /* whoever waits frees it */
        return;
    }
    FltpReferencePointer(Object);
    if (FltpReleaseRundown(&Object->RundownRef.Count))
        FltpLastReferenceGone(CONTAINING_RECORD(Object, struct _FLT_INSTANCE, Base));
    FltpDereferencePointer(Object);
}

static const char *ReferencesOn(PFLT_OBJECT Object)
{
    if (FltpIsOfType(Object, FLT_OBFL_TYPE_INSTANCE))
        return "the references on an instance";
    return FltpIsOfType(Object, FLT_OBFL_TYPE_FILTER) ? "the references on the filter" : "the references on a volume";
}

void FltpRundownObject(PFLT_OBJECT Object, bool (*Stuck)(PFLT_OBJECT), const void *Site)
{
    struct flt_rundown_wait wait;
    PFLT_FILTER filter = AsFilter(Object);
    __atomic_or_fetch(&Object->Flags, FLT_OBFL_DRAINING, __ATOMIC_ACQ_REL);
    BeginRundown(&wait, &Object->RundownRef.Count, 1, 0, filter);
    FltpEndRundown(&wait, ReferencesOn(Object), Stuck, Object, Site);
    if (filter)
        FltpCloseContexts(filter, NULL);
    __atomic_or_fetch(&Object->Flags, FLT_OBFL_ZOMBIED, __ATOMIC_ACQ_REL);
}

const char *FltpObjectKind(PFLT_OBJECT Object)
{
    if (FltpIsOfType(Object, FLT_OBFL_TYPE_INSTANCE))
        return "instance";
    return FltpIsOfType(Object, FLT_OBFL_TYPE_FILTER) ? "filter" : "volume";
}

static enum verify_rule LeakRule(PFLT_OBJECT Object)
{
    if (FltpIsOfType(Object, FLT_OBFL_TYPE_INSTANCE))
        return VERIFY_INSTANCE_REFERENCE_LEAK;
    return FltpIsOfType(Object, FLT_OBFL_TYPE_FILTER) ? VERIFY_FILTER_REFERENCE_LEAK : VERIFY_VOLUME_REFERENCE_LEAK;
}

/* Nothing can end the wait: names who holds what, and takes the references away so that the wait ends. */
bool FltpReportLeakedReferences(PFLT_OBJECT Object)
{
    char text[160];
    LONG64 left = FltpRundownLeft(Object);

    if (left <= 0 || FltpIsRunBy(Object, NULL, NULL))
        return false; /* the deadlock's report says who */
    FltpCheckOwnReferences(Object);
    struct verify_violation *v = verify_begin(LeakRule(Object), "%lld reference%s on %s %s never given back.",
                                              (long long)left, left == 1 ? "" : "s",
                                              FltpDescribe(Object, text, sizeof text), left == 1 ? "was" : "were");
    verify_ledger_print(v, &Object->Ledger);
    FltpShowObject(v, Object);
    verify_end(v);
    struct flt_rundown_wait *wait = (struct flt_rundown_wait *)(Object->RundownRef.Count & ~(ULONG_PTR)1);
    __atomic_add_fetch(&Object->Forgiven, left, __ATOMIC_ACQ_REL);
    __atomic_store_n(&Object->Given, 0, __ATOMIC_RELAXED);
    if (__atomic_sub_fetch(&wait->Left, left, __ATOMIC_ACQ_REL) == 0)
        KeSetEvent(&wait->Event, IO_NO_INCREMENT, FALSE);
    return true;
}

LONG64 FltpRundownLeft(PFLT_OBJECT Object)
{
    ULONG_PTR value = RundownWord(Object);
    PFLT_FILTER filter = AsFilter(Object);
    if (!(value & 1))
        return (LONG64)(value >> 1) + (filter ? FltpCountContexts(filter) : 0);
    const struct flt_rundown_wait *wait = (const struct flt_rundown_wait *)(value & ~(ULONG_PTR)1);
    return wait ? __atomic_load_n(&wait->Left, __ATOMIC_ACQUIRE) : 0;
}
