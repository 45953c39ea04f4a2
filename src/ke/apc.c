/* Critical and guarded regions, alerts, and the APCs themselves. */
#include "ke/kep.h"

#include "verify/api.h"
#include "verify/verify.h"

/* ---- regions --------------------------------------------------------------------------------------------------------- */

static void Unbalanced(const char *routine, const char *region, const void *site)
{
    struct verify_violation *v = verify_begin(
        VERIFY_APC_REGION, "%s was called on a thread that is in no %s region.", routine, region);
    verify_site(v, "called by", site);
    verify_end(v);
}

static void Reenabled(PKTHREAD thread)
{
    if (__builtin_expect(KiHasApc(thread, KernelMode), 0))
        KiDeliverApcs(thread, KernelMode);
}

void KiLeaveCritical(void)
{
    PKTHREAD thread = KiCurrentThread();
    thread->kernel_apc_disable--;
    Reenabled(thread);
}

VOID KeEnterCriticalRegion(VOID)
{
    API_IRQL(KeEnterCriticalRegion);
    KiCurrentThread()->kernel_apc_disable++;
}

VOID KeLeaveCriticalRegion(VOID)
{
    API_IRQL(KeLeaveCriticalRegion);
    PKTHREAD thread = KiCurrentThread();
    if (__builtin_expect(thread->kernel_apc_disable <= 0, 0)) {
        Unbalanced("KeLeaveCriticalRegion", "critical", VERIFY_CALLER);
        return;
    }
    thread->kernel_apc_disable--;
    Reenabled(thread);
}

VOID KeEnterGuardedRegion(VOID)
{
    API_IRQL(KeEnterGuardedRegion);
    KiCurrentThread()->special_apc_disable++;
}

VOID KeLeaveGuardedRegion(VOID)
{
    API_IRQL(KeLeaveGuardedRegion);
    PKTHREAD thread = KiCurrentThread();
    if (__builtin_expect(thread->special_apc_disable <= 0, 0)) {
        Unbalanced("KeLeaveGuardedRegion", "guarded", VERIFY_CALLER);
        return;
    }
    thread->special_apc_disable--;
    Reenabled(thread);
}

BOOLEAN KeAreApcsDisabled(VOID)
{
    PKTHREAD thread = KiCurrentThread();
    return thread->kernel_apc_disable > 0 || thread->special_apc_disable > 0;
}

BOOLEAN KeAreAllApcsDisabled(VOID)
{
    PKTHREAD thread = KiCurrentThread();
    return thread->special_apc_disable > 0 || thread->irql >= APC_LEVEL;
}

/* ---- alerts ------------------------------------------------------------------------------------------------------------ */

void KiAlertThread(PKTHREAD thread, KPROCESSOR_MODE mode)
{
    int waiting = KI_WAITING;
    atomic_store_explicit(&thread->alerted[(int)mode], true, memory_order_relaxed);
    if (__atomic_load_n(&thread->wait.alertable, __ATOMIC_RELAXED) &&
        (mode == KernelMode || __atomic_load_n(&thread->wait.mode, __ATOMIC_RELAXED) == UserMode) &&
        atomic_compare_exchange_strong(&thread->wait.state, &waiting, KI_WAIT_ALERTED))
        atomic_store_explicit(&thread->alerted[(int)mode], false, memory_order_relaxed);
    KiUnpark(thread);
}

BOOLEAN KeTestAlertThread(KPROCESSOR_MODE AlertMode)
{
    PKTHREAD thread = KiCurrentThread();
    BOOLEAN alerted = thread->alerted[(int)AlertMode];
    thread->alerted[(int)AlertMode] = false;
    return alerted;
}

/* ---- APCs -------------------------------------------------------------------------------------------------------------- */

VOID KeInitializeApc(PRKAPC Apc, PRKTHREAD Thread, KAPC_ENVIRONMENT Environment, PKKERNEL_ROUTINE KernelRoutine,
                     PKRUNDOWN_ROUTINE RundownRoutine, PKNORMAL_ROUTINE NormalRoutine, KPROCESSOR_MODE ApcMode,
                     PVOID NormalContext)
{
    *Apc = (KAPC){
        .Type = ApcObject,
        .Size = sizeof(KAPC),
        .Thread = Thread,
        .KernelRoutine = KernelRoutine,
        .RundownRoutine = RundownRoutine,
        .NormalRoutine = NormalRoutine,
        .NormalContext = NormalRoutine ? NormalContext : NULL,
        .ApcMode = NormalRoutine ? ApcMode : KernelMode,
    };
}

/* Special kernel APCs (no normal routine) run unless guarded; normal ones wait for the end of critical regions too. */
static bool Deliverable(PKTHREAD thread, const KAPC *apc)
{
    if (thread->special_apc_disable > 0 || thread->irql >= APC_LEVEL)
        return false;
    return !apc->NormalRoutine || thread->kernel_apc_disable == 0;
}

bool KiApcIsDue(PKTHREAD thread)
{
    PLIST_ENTRY head = &thread->apcs[KernelMode];
    bool due = false;
    if (__builtin_expect(!KiHasApc(thread, KernelMode), 1))
        return false;
    sched_lock(&thread->apc_lock);
    for (PLIST_ENTRY entry = head->Flink; entry != head; entry = entry->Flink)
        due |= Deliverable(thread, CONTAINING_RECORD(entry, KAPC, ApcListEntry));
    sched_unlock(&thread->apc_lock);
    return due;
}

/* Locked. */
static void Unqueue(PKTHREAD thread, PKAPC apc)
{
    RemoveEntryList(&apc->ApcListEntry);
    __atomic_sub_fetch(&thread->apc_count[(int)apc->ApcMode], 1, __ATOMIC_RELAXED);
    apc->Inserted = FALSE;
}

static PKAPC TakeApc(PKTHREAD thread, KPROCESSOR_MODE mode)
{
    PLIST_ENTRY head = &thread->apcs[(int)mode];
    PKAPC found = NULL;
    sched_lock(&thread->apc_lock);
    for (PLIST_ENTRY entry = head->Flink; entry != head && !found; entry = entry->Flink) {
        PKAPC apc = CONTAINING_RECORD(entry, KAPC, ApcListEntry);
        if (mode == UserMode || Deliverable(thread, apc))
            found = apc;
    }
    if (found) {
        Unqueue(thread, found);
    }
    sched_unlock(&thread->apc_lock);
    return found;
}

void KiDeliverApcs(PKTHREAD thread, KPROCESSOR_MODE mode)
{
    PKAPC apc;
    while ((apc = TakeApc(thread, mode)) != NULL) {
        PKNORMAL_ROUTINE normal = apc->NormalRoutine;
        PVOID context = apc->NormalContext, first = apc->SystemArgument1, second = apc->SystemArgument2;
        thread->irql = APC_LEVEL;
        apc->KernelRoutine(apc, &normal, &context, &first, &second);
        thread->irql = PASSIVE_LEVEL;
        if (!normal)
            continue;
        thread->kernel_apc_disable++;
        normal(context, first, second);
        thread->kernel_apc_disable--;
    }
}

BOOLEAN KeInsertQueueApc(PRKAPC Apc, PVOID SystemArgument1, PVOID SystemArgument2, KPRIORITY Increment)
{
    PKTHREAD thread = Apc->Thread;
    BOOLEAN inserted;

    sched_lock(&thread->apc_lock);
    inserted = !Apc->Inserted && !thread->terminated;
    if (inserted) {
        Apc->Inserted = TRUE;
        Apc->SystemArgument1 = SystemArgument1;
        Apc->SystemArgument2 = SystemArgument2;
        InsertTailList(&thread->apcs[(int)Apc->ApcMode], &Apc->ApcListEntry);
        __atomic_add_fetch(&thread->apc_count[(int)Apc->ApcMode], 1, __ATOMIC_SEQ_CST);
    }
    sched_unlock(&thread->apc_lock);
    if (inserted && thread == KiCurrentThread())
        Reenabled(thread);
    else if (inserted)
        KiUnpark(thread);
    return inserted;
}

bool KiRemoveApc(PRKAPC apc)
{
    PKTHREAD thread = apc->Thread;
    sched_lock(&thread->apc_lock);
    bool queued = apc->Inserted;
    if (queued)
        Unqueue(thread, apc);
    sched_unlock(&thread->apc_lock);
    return queued;
}
