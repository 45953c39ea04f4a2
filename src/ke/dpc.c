/* Deferred procedure calls. A queued DPC runs on a thread of the machine's own, at DISPATCH_LEVEL, as it would on
 * another processor: whether before or after whoever queued it goes on is up to the schedule. One that was queued at
 * DISPATCH_LEVEL or above, and for no processor in particular, is for the queuer's own: it waits until that falls. */
#include "ke/kep.h"

#include "verify/api.h"
#include "verify/verify.h"

/* The queue is a ring: dpc_last points at the newest entry, whose Next is the oldest. DpcData marks a queued one,
 * ProcessorHistory names the thread whose IRQL it waits for. */
static PKDPC DpcOf(PSINGLE_LIST_ENTRY entry) { return CONTAINING_RECORD(entry, KDPC, DpcListEntry); }

static void Append(PKDPC dpc)
{
    PSINGLE_LIST_ENTRY entry = &dpc->DpcListEntry, last = ki->dpc_last;
    entry->Next = last ? last->Next : entry;
    if (last)
        last->Next = entry;
    ki->dpc_last = entry;
    dpc->DpcData = ki;
    atomic_fetch_add_explicit(&KiPending, 1, memory_order_relaxed);
}

static void RemoveAfter(PSINGLE_LIST_ENTRY before)
{
    PSINGLE_LIST_ENTRY entry = before->Next;
    before->Next = entry->Next;
    if (ki->dpc_last == entry)
        ki->dpc_last = before == entry ? NULL : before;
    DpcOf(entry)->DpcData = NULL;
    DpcOf(entry)->ProcessorHistory = 0;
    atomic_fetch_sub_explicit(&KiPending, 1, memory_order_relaxed);
}

/* The entry before the oldest that may run; NULL: none may. */
static PSINGLE_LIST_ENTRY BeforeRunnable(void)
{
    PSINGLE_LIST_ENTRY before = ki->dpc_last;
    if (!before)
        return NULL;
    do {
        if (!DpcOf(before->Next)->ProcessorHistory)
            return before;
        before = before->Next;
    } while (before != ki->dpc_last);
    return NULL;
}

static PKDPC TakeDpc(KDPC *copy)
{
    PKDPC dpc = NULL;
    sched_lock(&ki->dpc_lock);
    PSINGLE_LIST_ENTRY before = BeforeRunnable();
    if (before) {
        dpc = DpcOf(before->Next);
        *copy = *dpc;
        RemoveAfter(before);
    }
    ki->dpc_running = dpc;
    ki->dpc_routine = dpc ? dpc->DeferredRoutine : NULL;
    sched_unlock(&ki->dpc_lock);
    return dpc;
}

/* The DPC may free or queue itself again: only the copy is looked at. */
static void RunDpc(PKDPC dpc, const KDPC *copy)
{
    PKTHREAD thread = KiCurrentThread();
    KIRQL level = copy->Type == ThreadedDpcObject ? PASSIVE_LEVEL : DISPATCH_LEVEL;

    thread->irql = level;
    thread->in_dpc = level == DISPATCH_LEVEL;
    copy->DeferredRoutine(dpc, copy->DeferredContext, copy->SystemArgument1, copy->SystemArgument2);
    if (thread->irql != level || thread->spin_locks) {
        struct verify_violation *v = verify_begin(
            VERIFY_IRQL_NOT_RESTORED, "A DPC routine returned at IRQL %u with %u spin locks held; it was called at %u.",
            (unsigned)thread->irql, thread->spin_locks, (unsigned)level);
        verify_site(v, "DPC routine", (const char *)(uintptr_t)copy->DeferredRoutine + 1);
        verify_end(v);
        thread->spin_locks = 0;
    }
    thread->in_dpc = false;
    thread->irql = PASSIVE_LEVEL;
    KiIrqlFell(thread);
}

static VOID DpcThread(PVOID context)
{
    KDPC copy;
    PKDPC dpc;
    do {
        while ((dpc = TakeDpc(&copy)) != NULL)
            RunDpc(dpc, &copy);
        KiSetEvent(&ki->dpc_idle);
    } while (KiWaitFor(&ki->dpc_work, NULL, NULL, NULL) != STATUS_THREAD_IS_TERMINATING);
}

void KiStartDpcs(void)
{
    sched_lock(&ki->dpc_lock);
    bool start = !ki->dpc_started;
    ki->dpc_started = true;
    sched_unlock(&ki->dpc_lock);
    if (start)
        KiCreateDaemon("DPC", DpcThread, NULL);
}

static bool Queue(PKDPC dpc, PVOID first, PVOID second, PKTHREAD until)
{
    sched_lock(&ki->dpc_lock);
    bool queued = dpc->DpcData != NULL;
    if (!queued) {
        dpc->SystemArgument1 = first;
        dpc->SystemArgument2 = second;
        dpc->ProcessorHistory = (KAFFINITY)(ULONG_PTR)until;
        Append(dpc);
    }
    sched_unlock(&ki->dpc_lock);
    if (!queued && until)
        until->dpcs_held = true;
    else if (!queued)
        KiSetEvent(&ki->dpc_work);
    return !queued;
}

void KiQueueDpc(PKDPC dpc) { Queue(dpc, NULL, NULL, NULL); }

void KiReleaseDpcs(PKTHREAD thread)
{
    thread->dpcs_held = false;
    sched_lock(&ki->dpc_lock);
    PSINGLE_LIST_ENTRY entry = ki->dpc_last;
    while (entry) {
        if (DpcOf(entry)->ProcessorHistory == (KAFFINITY)(ULONG_PTR)thread)
            DpcOf(entry)->ProcessorHistory = 0;
        entry = entry->Next != ki->dpc_last ? entry->Next : NULL;
    }
    sched_unlock(&ki->dpc_lock);
    KiSetEvent(&ki->dpc_work);
}

static void InitializeDpc(PRKDPC dpc, UCHAR type, PKDEFERRED_ROUTINE routine, PVOID context, const char *caller, const void *site)
{
    KiTellGone(dpc, sizeof *dpc, caller, site);
    RtlZeroMemory(dpc, sizeof *dpc);
    dpc->Type = type;
    dpc->Importance = MediumImportance;
    dpc->DeferredRoutine = routine;
    dpc->DeferredContext = context;
}

VOID KeInitializeDpc(PRKDPC Dpc, PKDEFERRED_ROUTINE DeferredRoutine, PVOID DeferredContext)
{
    InitializeDpc(Dpc, DpcObject, DeferredRoutine, DeferredContext, "KeInitializeDpc", VERIFY_CALLER);
}

VOID KeInitializeThreadedDpc(PRKDPC Dpc, PKDEFERRED_ROUTINE DeferredRoutine, PVOID DeferredContext)
{
    InitializeDpc(Dpc, ThreadedDpcObject, DeferredRoutine, DeferredContext, "KeInitializeThreadedDpc", VERIFY_CALLER);
}

BOOLEAN KeInsertQueueDpc(PRKDPC Dpc, PVOID SystemArgument1, PVOID SystemArgument2)
{
    API_ENTER(KeInsertQueueDpc, Dpc, SCHED_WRITE);
    PKTHREAD thread = KiCurrentThread();
    KiStartDpcs();
    return Queue(Dpc, SystemArgument1, SystemArgument2,
                 thread->irql >= DISPATCH_LEVEL && Dpc->Number < MAXIMUM_PROCESSORS ? thread : NULL);
}

static bool Remove(PKDPC dpc)
{
    bool found = false;
    sched_lock(&ki->dpc_lock);
    if (dpc->DpcData) {
        PSINGLE_LIST_ENTRY before = ki->dpc_last;
        while (before->Next != &dpc->DpcListEntry)
            before = before->Next;
        RemoveAfter(before);
        found = true;
    }
    sched_unlock(&ki->dpc_lock);
    return found;
}

static bool IsBusy(PKDPC dpc)
{
    sched_lock(&ki->dpc_lock);
    bool busy = dpc ? ki->dpc_running == dpc : ki->dpc_running || ki->dpc_last;
    sched_unlock(&ki->dpc_lock);
    return busy;
}

PKDEFERRED_ROUTINE KiRunningDpc(void)
{
    sched_lock(&ki->dpc_lock);
    PKDEFERRED_ROUTINE routine = ki->dpc_routine;
    sched_unlock(&ki->dpc_lock);
    return routine;
}

PKDPC KiTakeDpcIn(const char *low, const char *high)
{
    PKDPC found = NULL;
    sched_lock(&ki->dpc_lock);
    PSINGLE_LIST_ENTRY before = ki->dpc_last, first = before;
    while (before && !found) {
        PKDPC dpc = CONTAINING_RECORD(before->Next, KDPC, DpcListEntry);
        if ((const char *)dpc >= low && (const char *)dpc < high) {
            RemoveAfter(before);
            found = dpc;
        }
        before = before->Next == first ? NULL : before->Next;
    }
    sched_unlock(&ki->dpc_lock);
    return found;
}

void KiFlushDpcs(const LARGE_INTEGER *timeout)
{
    KeResetEvent(&ki->dpc_idle);
    if (IsBusy(NULL))
        KiWaitFor(&ki->dpc_idle, timeout, NULL, NULL);
}

/* Until the given DPC does not run, or (NULL) no DPC is queued or runs. */
static void WaitForDpcs(PKDPC dpc, const void *site)
{
    const struct ki_wait_hint hint = {.what = "the end of DPCs", .object = dpc};
    for (;;) {
        KeResetEvent(&ki->dpc_idle);
        if (!IsBusy(dpc))
            return;
        KiWaitFor(&ki->dpc_idle, NULL, &hint, site);
    }
}

BOOLEAN KeRemoveQueueDpc(PRKDPC Dpc)
{
    API_ENTER(KeRemoveQueueDpc, Dpc, SCHED_WRITE);
    return Remove(Dpc);
}

BOOLEAN KeRemoveQueueDpcEx(PRKDPC Dpc, BOOLEAN WaitIfActive)
{
    API_ENTER(KeRemoveQueueDpcEx, Dpc, SCHED_WRITE);
    BOOLEAN removed = Remove(Dpc);
    if (WaitIfActive)
        WaitForDpcs(Dpc, VERIFY_CALLER);
    return removed;
}

VOID KeFlushQueuedDpcs(VOID)
{
    API_ENTER(KeFlushQueuedDpcs, ki, SCHED_WRITE);
    WaitForDpcs(NULL, VERIFY_CALLER);
}

LOGICAL KeIsExecutingDpc(VOID) { return KiCurrentThread()->in_dpc; }

VOID KeSetImportanceDpc(PRKDPC Dpc, KDPC_IMPORTANCE Importance) { Dpc->Importance = (UCHAR)Importance; }

VOID KeSetTargetProcessorDpc(PRKDPC Dpc, CCHAR Number) { Dpc->Number = (USHORT)(Number + MAXIMUM_PROCESSORS); }

NTSTATUS KeSetTargetProcessorDpcEx(PKDPC Dpc, PPROCESSOR_NUMBER ProcNumber)
{
    if (ProcNumber->Group != 0 || ProcNumber->Number >= KeNumberProcessors || ProcNumber->Reserved)
        return STATUS_INVALID_PARAMETER;
    KeSetTargetProcessorDpc(Dpc, (CCHAR)ProcNumber->Number);
    return STATUS_SUCCESS;
}
