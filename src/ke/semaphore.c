#include "ex/pool.h"
#include "ke/kep.h"

#include "verify/api.h"
#include "verify/verify.h"

VOID KeInitializeSemaphore(PRKSEMAPHORE Semaphore, LONG Count, LONG Limit)
{
    ExpCheckResident(Semaphore, "semaphore", VERIFY_CALLER);
    KiInitializeHeader(&Semaphore->Header, SemaphoreObject, Count);
    Semaphore->Limit = Limit;
}

LONG KeReleaseSemaphore(PRKSEMAPHORE Semaphore, KPRIORITY Increment, LONG Adjustment, BOOLEAN Wait)
{
    API_ENTER(KeReleaseSemaphore, Semaphore, SCHED_WRITE);
    bool all = KiBeginSignal(&Semaphore->Header);
    LONG before = Semaphore->Header.SignalState;
    bool fits = Adjustment > 0 && Adjustment <= Semaphore->Limit - before;
    if (fits)
        Semaphore->Header.SignalState = before + Adjustment;
    KiEndSignal(&Semaphore->Header, all);
    if (!fits)
        ExRaiseStatus(STATUS_SEMAPHORE_LIMIT_EXCEEDED);
    return before;
}

LONG KeReadStateSemaphore(PRKSEMAPHORE Semaphore)
{
    API_ENTER(KeReadStateSemaphore, Semaphore, SCHED_READ);
    KiLockObject(Semaphore);
    LONG state = Semaphore->Header.SignalState;
    KiUnlockObject(Semaphore);
    return state;
}
