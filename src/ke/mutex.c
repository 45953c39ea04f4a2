/* Mutexes. A free one has SignalState 1; each acquisition by its owner takes one more away. */
#include "ex/pool.h"
#include "ke/kep.h"

#include "verify/api.h"
#include "verify/verify.h"

static void InitializeMutant(PRKMUTANT mutant, UCHAR apc_disable)
{
    verify_lock_new(mutant);
    KiInitializeHeader(&mutant->Header, MutantObject, 1);
    InitializeListHead(&mutant->MutantListEntry);
    mutant->OwnerThread = NULL;
    mutant->Abandoned = FALSE;
    mutant->ApcDisable = apc_disable;
}

VOID KeInitializeMutex(PRKMUTEX Mutex, ULONG Level)
{
    ExpCheckResident(Mutex, "mutex", VERIFY_CALLER);
    InitializeMutant(Mutex, 1);
}

VOID KeInitializeMutant(PRKMUTANT Mutant, BOOLEAN InitialOwner)
{
    InitializeMutant(Mutant, 0);
    if (InitialOwner)
        KiTakeMutant(Mutant, KiCurrentThread());
}

bool KiCanTakeMutant(const KMUTANT *mutant, PKTHREAD thread)
{
    return mutant->Header.SignalState > 0 || mutant->OwnerThread == thread;
}

/* Only its owner gets here: nobody else changes the count meanwhile. */
void KiCheckMutantLimit(const KMUTANT *mutant)
{
    if (__atomic_load_n(&mutant->OwnerThread, __ATOMIC_RELAXED) == KiCurrentThread() &&
        mutant->Header.SignalState == (LONG)MINLONG)
        ExRaiseStatus(STATUS_MUTANT_LIMIT_EXCEEDED);
}

int KiTakeMutant(KMUTANT *mutant, PKTHREAD thread)
{
    int abandoned = mutant->Abandoned ? KI_ABANDONED : 0;
    if (mutant->Header.SignalState-- == 1) {
        __atomic_store_n(&mutant->OwnerThread, thread, __ATOMIC_RELAXED);
        mutant->Abandoned = FALSE;
        InsertTailList(&thread->mutants, &mutant->MutantListEntry);
        thread->kernel_apc_disable += mutant->ApcDisable;
    }
    return abandoned;
}

/* Locked. */
static void GiveUp(KMUTANT *mutant)
{
    mutant->OwnerThread->kernel_apc_disable -= mutant->ApcDisable;
    verify_lock_given(&mutant->OwnerThread->held, mutant);
    __atomic_store_n(&mutant->OwnerThread, NULL, __ATOMIC_RELAXED);
    RemoveEntryList(&mutant->MutantListEntry);
    InitializeListHead(&mutant->MutantListEntry);
}

LONG KeReleaseMutex(PRKMUTEX Mutex, BOOLEAN Wait)
{
    API_ENTER(KeReleaseMutex, Mutex, SCHED_WRITE);
    bool all = KiBeginSignal(&Mutex->Header);
    LONG before = Mutex->Header.SignalState;
    bool owned = Mutex->OwnerThread == KiCurrentThread();
    if (owned && ++Mutex->Header.SignalState == 1)
        GiveUp(Mutex);
    KiEndSignal(&Mutex->Header, all);
    if (!owned)
        ExRaiseStatus(STATUS_MUTANT_NOT_OWNED);
    return before;
}

LONG KeReadStateMutex(PRKMUTEX Mutex)
{
    API_ENTER(KeReadStateMutex, Mutex, SCHED_READ);
    KiLockObject(Mutex);
    LONG state = Mutex->Header.SignalState;
    KiUnlockObject(Mutex);
    return state;
}

static void ReportHeld(PKTHREAD thread, const KMUTANT *mutant)
{
    struct verify_violation *v =
        verify_begin(VERIFY_THREAD_ENDS_HOLDING, "Thread \"%s\" ended and still owned the mutex at %p.",
                     thread->name, (const void *)mutant);
    verify_site(v, "thread routine", (const char *)(uintptr_t)thread->start_routine + 1);
    verify_end(v);
}

void KiAbandonMutants(PKTHREAD thread)
{
    while (!IsListEmpty(&thread->mutants)) {
        KMUTANT *mutant = CONTAINING_RECORD(thread->mutants.Flink, KMUTANT, MutantListEntry);
        if (mutant->ApcDisable)
            ReportHeld(thread, mutant);
        bool all = KiBeginSignal(&mutant->Header);
        GiveUp(mutant);
        mutant->Abandoned = TRUE;
        mutant->Header.SignalState = 1;
        KiEndSignal(&mutant->Header, all);
    }
}
