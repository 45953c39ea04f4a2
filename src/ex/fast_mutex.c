#include "ex/expriv.h"
#include "ex/lock.h"
#include "ex/pool.h"

/* Count: 1 free, 0 held, below: as many wait. Who releases passes it on through the event. */

static const char fast[] = "fast mutex", guarded[] = "guarded mutex";

static void name_owner(const void *object, void (*add)(struct _KTHREAD *, void *), void *context)
{
    PVOID owner = __atomic_load_n(&((PFAST_MUTEX)object)->Owner, __ATOMIC_RELAXED);
    if (owner)
        add(owner, context);
}

static _Noreturn void misuse(PFAST_MUTEX mutex, const char *kind, const char *what, const void *site)
{
    struct verify_violation *v = verify_begin_fatal(VERIFY_LOCK_MISUSE, "The %s %p %s.", kind, (void *)mutex, what);
    verify_site(v, "by", site);
    verify_end_bugcheck(v, 0xC4, 0x1, (uintptr_t)mutex, 0, 0);
}

static void initialize(PFAST_MUTEX mutex)
{
    verify_lock_new(mutex);
    mutex->Count = 1;
    mutex->Owner = NULL;
    mutex->Contention = 0;
    mutex->OldIrql = 0;
    KiInitializeEvent(&mutex->Event, SynchronizationEvent, false);
    ExpTellMade(mutex);
}

static void acquire(PFAST_MUTEX mutex, const char *kind, const void *site)
{
    struct _KTHREAD *thread = KiCurrentThread();
    struct ki_wait_hint hint = {kind, mutex, name_owner, 0};

    verify_lock_wanted(&thread->held, mutex, true, site);
    if (__atomic_load_n(&mutex->Owner, __ATOMIC_RELAXED) == thread)
        misuse(mutex, kind, "was acquired again by the thread that holds it: it would wait for itself for ever", site);
    if (__atomic_sub_fetch(&mutex->Count, 1, __ATOMIC_ACQUIRE) != 0) {
        __atomic_add_fetch(&mutex->Contention, 1, __ATOMIC_RELAXED);
        KiWaitFor(&mutex->Event, NULL, &hint, site);
    }
    __atomic_store_n(&mutex->Owner, thread, __ATOMIC_RELAXED);
    verify_lock_taken(&thread->held, mutex, kind, true, site);
}

static bool try_acquire(PFAST_MUTEX mutex, const char *kind, const void *site)
{
    LONG expected = 1;
    if (!__atomic_compare_exchange_n(&mutex->Count, &expected, 0, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
        return false;
    __atomic_store_n(&mutex->Owner, KiCurrentThread(), __ATOMIC_RELAXED);
    verify_lock_taken(&KiCurrentThread()->held, mutex, kind, true, site);
    return true;
}

static void release(PFAST_MUTEX mutex, const char *kind, const void *site)
{
    if (__atomic_load_n(&mutex->Owner, __ATOMIC_RELAXED) != KiCurrentThread())
        misuse(mutex, kind, "was released by a thread that does not hold it", site);
    __atomic_store_n(&mutex->Owner, NULL, __ATOMIC_RELAXED);
    verify_lock_given(&KiCurrentThread()->held, mutex);
    if (__atomic_add_fetch(&mutex->Count, 1, __ATOMIC_RELEASE) <= 0)
        KeSetEvent(&mutex->Event, IO_NO_INCREMENT, FALSE);
}

/* ---- fast mutexes ---- */

VOID ExInitializeFastMutex(PFAST_MUTEX FastMutex)
{
    API_IRQL(ExInitializeFastMutex);
    ExpCheckResident(FastMutex, "fast mutex", VERIFY_CALLER);
    initialize(FastMutex);
}

VOID ExAcquireFastMutex(PFAST_MUTEX FastMutex)
{
    API_ENTER(ExAcquireFastMutex, FastMutex, SCHED_WRITE);
    KIRQL old = KiCurrentIrql();
    if (old < APC_LEVEL)
        KeRaiseIrql(APC_LEVEL, &old);
    acquire(FastMutex, fast, VERIFY_CALLER);
    FastMutex->OldIrql = old;
}

BOOLEAN ExTryToAcquireFastMutex(PFAST_MUTEX FastMutex)
{
    API_ENTER(ExTryToAcquireFastMutex, FastMutex, SCHED_WRITE);
    KIRQL old = KiCurrentIrql();
    if (!try_acquire(FastMutex, fast, VERIFY_CALLER))
        return FALSE;
    if (old < APC_LEVEL)
        KeRaiseIrql(APC_LEVEL, &old);
    FastMutex->OldIrql = old;
    return TRUE;
}

VOID ExReleaseFastMutex(PFAST_MUTEX FastMutex)
{
    API_ENTER(ExReleaseFastMutex, FastMutex, SCHED_WRITE);
    KIRQL old = (KIRQL)FastMutex->OldIrql;
    release(FastMutex, fast, VERIFY_CALLER);
    if (old < APC_LEVEL)
        KeLowerIrql(old);
}

VOID ExAcquireFastMutexUnsafe(PFAST_MUTEX FastMutex)
{
    API_ENTER(ExAcquireFastMutexUnsafe, FastMutex, SCHED_WRITE);
    EXP_CHECK_APCS("ExAcquireFastMutexUnsafe", VERIFY_CALLER);
    acquire(FastMutex, fast, VERIFY_CALLER);
}

VOID ExReleaseFastMutexUnsafe(PFAST_MUTEX FastMutex)
{
    API_ENTER(ExReleaseFastMutexUnsafe, FastMutex, SCHED_WRITE);
    release(FastMutex, fast, VERIFY_CALLER);
}

/* ---- guarded mutexes ---- */

VOID KeInitializeGuardedMutex(PKGUARDED_MUTEX Mutex)
{
    API_IRQL(KeInitializeGuardedMutex);
    ExpCheckResident(Mutex, "guarded mutex", VERIFY_CALLER);
    initialize(Mutex);
}

VOID KeAcquireGuardedMutex(PKGUARDED_MUTEX Mutex)
{
    API_ENTER(KeAcquireGuardedMutex, Mutex, SCHED_WRITE);
    KeEnterGuardedRegion();
    acquire(Mutex, guarded, VERIFY_CALLER);
}

BOOLEAN KeTryToAcquireGuardedMutex(PKGUARDED_MUTEX Mutex)
{
    API_ENTER(KeTryToAcquireGuardedMutex, Mutex, SCHED_WRITE);
    KeEnterGuardedRegion();
    if (try_acquire(Mutex, guarded, VERIFY_CALLER))
        return TRUE;
    KeLeaveGuardedRegion();
    return FALSE;
}

VOID KeReleaseGuardedMutex(PKGUARDED_MUTEX Mutex)
{
    API_ENTER(KeReleaseGuardedMutex, Mutex, SCHED_WRITE);
    release(Mutex, guarded, VERIFY_CALLER);
    KeLeaveGuardedRegion();
}

VOID KeAcquireGuardedMutexUnsafe(PKGUARDED_MUTEX Mutex)
{
    API_ENTER(KeAcquireGuardedMutexUnsafe, Mutex, SCHED_WRITE);
    EXP_CHECK_APCS("KeAcquireGuardedMutexUnsafe", VERIFY_CALLER);
    acquire(Mutex, guarded, VERIFY_CALLER);
}

VOID KeReleaseGuardedMutexUnsafe(PKGUARDED_MUTEX Mutex)
{
    API_ENTER(KeReleaseGuardedMutexUnsafe, Mutex, SCHED_WRITE);
    release(Mutex, guarded, VERIFY_CALLER);
}
