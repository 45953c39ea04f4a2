/* Spin locks. The word holds the owning KTHREAD. Contention parks: so a lock that is never released is found as the
 * deadlock it is, and on the cooperative backend the owner gets to run. */
#include "ex/pool.h"
#include "ke/kep.h"

#include "plat/thread.h"
#include "verify/api.h"
#include "verify/verify.h"

/* ---- parking on a word ------------------------------------------------------------------------------------------------- */

struct ki_spin_waiter {
    struct ki_spin_waiter *next; /* ke_state.spin_waiters */
    const volatile void *word;
    PKTHREAD thread;
    bool woken;
};

atomic_uint KiSpinners;
enum { SPINS = 500 };

static bool SpinALittle(const volatile void *word, const struct ki_spin *kind)
{
    if (sched_backend() == SCHED_COOP)
        return false;
    for (int i = 0; i < SPINS; i++) {
        if (!kind->held(word))
            return true;
        plat_thread_relax();
    }
    return false;
}

static void Unregister(struct ki_spin_waiter *waiter)
{
    sched_lock(&ki->spin_registry);
    for (struct ki_spin_waiter **at = &ki->spin_waiters; *at; at = &(*at)->next) {
        if (*at == waiter) {
            *at = waiter->next;
            break;
        }
    }
    sched_unlock(&ki->spin_registry);
}

void KiSpin(const volatile void *word, const struct ki_spin *kind, const void *site)
{
    PKTHREAD thread = KiCurrentThread();
    struct ki_spin_waiter waiter = {.word = word, .thread = thread};

    if (SpinALittle(word, kind))
        return;
    atomic_fetch_add(&KiSpinners, 1);
    sched_lock(&ki->spin_registry);
    waiter.next = ki->spin_waiters;
    ki->spin_waiters = &waiter;
    sched_unlock(&ki->spin_registry);
    thread->wait.spin_lock = (const void *)(uintptr_t)word;
    thread->wait.site = site;
    thread->wait.since = sched_now();
    thread->wait.spin = kind;
    while (kind->held(word) && !__atomic_load_n(&waiter.woken, __ATOMIC_ACQUIRE))
        sched_park(SCHED_FOREVER);
    thread->wait.spin_lock = NULL;
    Unregister(&waiter);
    atomic_fetch_sub(&KiSpinners, 1);
}

void KiWakeSpinners(const volatile void *word)
{
    sched_lock(&ki->spin_registry);
    for (struct ki_spin_waiter *waiter = ki->spin_waiters; waiter; waiter = waiter->next) {
        if (waiter->word != word)
            continue;
        __atomic_store_n(&waiter->woken, true, __ATOMIC_RELEASE);
        KiUnpark(waiter->thread);
    }
    sched_unlock(&ki->spin_registry);
}

/* ---- the lock ---------------------------------------------------------------------------------------------------------- */

static void Misused(PKSPIN_LOCK lock, PKTHREAD owner, uint32_t code, const char *what, const void *site)
{
    struct verify_violation *v = verify_begin_fatal(VERIFY_SPIN_LOCK, "The spin lock at %p %s.", (void *)lock, what);
    if (owner)
        verify_history(v, "held by thread \"%s\"", KiNameOf(owner));
    verify_site(v, "called by", site);
    verify_end_bugcheck(v, code, (uint64_t)(uintptr_t)lock, 0, 0, 0);
}

static PKTHREAD OwnerOf(PKSPIN_LOCK lock) { return (PKTHREAD)(uintptr_t)__atomic_load_n(lock, __ATOMIC_RELAXED); }

static bool IsHeld(const volatile void *word)
{
    return __atomic_load_n((const volatile KSPIN_LOCK *)word, __ATOMIC_SEQ_CST) != 0;
}

static void AddOwner(const void *word, void (*add)(PKTHREAD, void *), void *context)
{
    PKTHREAD owner = OwnerOf((PKSPIN_LOCK)(uintptr_t)word);
    if (owner)
        add(owner, context);
}

static const struct ki_spin spin_lock = {.what = "spin lock", .held = IsHeld, .owners = AddOwner};

static void NoteTaken(PKSPIN_LOCK lock, PKTHREAD thread, const void *site)
{
    unsigned i = 0;
    thread->spin_locks++;
    while (i < KI_SPIN_HELD && thread->spin_held[i].lock)
        i++;
    if (i < KI_SPIN_HELD)
        thread->spin_held[i] = (struct ki_spin_held){lock, site};
}

static void NoteGiven(PKSPIN_LOCK lock, PKTHREAD thread)
{
    thread->spin_locks--;
    for (unsigned i = 0; i < KI_SPIN_HELD; i++)
        if (thread->spin_held[i].lock == lock)
            thread->spin_held[i].lock = NULL;
}

static bool TryTake(PKSPIN_LOCK lock, PKTHREAD thread, const void *site)
{
    KSPIN_LOCK free = 0;
    if (!__atomic_compare_exchange_n(lock, &free, (KSPIN_LOCK)(uintptr_t)thread, false, __ATOMIC_SEQ_CST,
                                     __ATOMIC_RELAXED))
        return false;
    NoteTaken(lock, thread, site);
    return true;
}

static void Take(PKSPIN_LOCK lock, PKTHREAD thread, const void *site)
{
    while (!TryTake(lock, thread, site)) {
        if (OwnerOf(lock) == thread)
            Misused(lock, thread, 0xF, "is held by the thread that asks for it", site);
        KiSpin(lock, &spin_lock, site);
    }
}

static void Give(PKSPIN_LOCK lock, PKTHREAD thread, const void *site)
{
    PKTHREAD owner = OwnerOf(lock);
    if (owner != thread)
        Misused(lock, owner, 0x10, owner ? "is held by another thread than the one that releases it" : "is released, and nobody holds it",
                site);
    NoteGiven(lock, thread);
    __atomic_store_n(lock, 0, __ATOMIC_SEQ_CST);
    if (KiHasSpinners())
        KiWakeSpinners(lock);
}

static void NeedDispatch(PKTHREAD thread, const char *routine, const void *site)
{
    if (__builtin_expect(thread->irql >= DISPATCH_LEVEL, 1))
        return;
    struct verify_violation *v = verify_begin(VERIFY_IRQL_TOO_LOW, "%s was called at IRQL %u; it needs DISPATCH_LEVEL.",
                                              routine, (unsigned)thread->irql);
    verify_site(v, "called by", site);
    verify_end(v);
}

static KIRQL AcquireRaising(PKSPIN_LOCK lock, const char *routine, const void *site)
{
    PKTHREAD thread = KiCurrentThread();
    KIRQL before = thread->irql;

    if (__builtin_expect(before > DISPATCH_LEVEL, 0))
        verify_irql_too_high(routine, DISPATCH_LEVEL, site);
    sched_point(routine, lock, SCHED_WRITE);
    thread->irql = DISPATCH_LEVEL;
    Take(lock, thread, site);
    return before;
}

static void AcquireHere(PKSPIN_LOCK lock, const char *routine, const void *site)
{
    PKTHREAD thread = KiCurrentThread();
    NeedDispatch(thread, routine, site);
    sched_point(routine, lock, SCHED_WRITE);
    Take(lock, thread, site);
}

static void ReleaseLowering(PKSPIN_LOCK lock, KIRQL irql, const char *routine, const void *site)
{
    PKTHREAD thread = KiCurrentThread();
    NeedDispatch(thread, routine, site);
    Give(lock, thread, site);
    if (irql > DISPATCH_LEVEL || (thread->spin_locks && irql < DISPATCH_LEVEL))
        KfLowerIrql(irql); /* reports it */
    thread->irql = irql;
    KiIrqlFell(thread);
    sched_point(routine, lock, SCHED_WRITE);
}

static void ReleaseHere(PKSPIN_LOCK lock, const char *routine, const void *site)
{
    PKTHREAD thread = KiCurrentThread();
    NeedDispatch(thread, routine, site);
    Give(lock, thread, site);
    sched_point(routine, lock, SCHED_WRITE);
}

VOID KeInitializeSpinLock(PKSPIN_LOCK SpinLock)
{
    ExpCheckResident(SpinLock, "spin lock", VERIFY_CALLER);
    *SpinLock = 0;
}

VOID KeAcquireSpinLock(PKSPIN_LOCK SpinLock, PKIRQL OldIrql)
{
    *OldIrql = AcquireRaising(SpinLock, "KeAcquireSpinLock", VERIFY_CALLER);
}

KIRQL KeAcquireSpinLockRaiseToDpc(PKSPIN_LOCK SpinLock)
{
    return AcquireRaising(SpinLock, "KeAcquireSpinLockRaiseToDpc", VERIFY_CALLER);
}

KIRQL KeAcquireSpinLockRaiseToSynch(PKSPIN_LOCK SpinLock)
{
    return AcquireRaising(SpinLock, "KeAcquireSpinLockRaiseToSynch", VERIFY_CALLER);
}

KIRQL KfAcquireSpinLock(PKSPIN_LOCK SpinLock) { return AcquireRaising(SpinLock, "KfAcquireSpinLock", VERIFY_CALLER); }

VOID KeReleaseSpinLock(PKSPIN_LOCK SpinLock, KIRQL NewIrql)
{
    ReleaseLowering(SpinLock, NewIrql, "KeReleaseSpinLock", VERIFY_CALLER);
}

VOID KfReleaseSpinLock(PKSPIN_LOCK SpinLock, KIRQL NewIrql)
{
    ReleaseLowering(SpinLock, NewIrql, "KfReleaseSpinLock", VERIFY_CALLER);
}

VOID KeAcquireSpinLockAtDpcLevel(PKSPIN_LOCK SpinLock)
{
    AcquireHere(SpinLock, "KeAcquireSpinLockAtDpcLevel", VERIFY_CALLER);
}

VOID KeReleaseSpinLockFromDpcLevel(PKSPIN_LOCK SpinLock)
{
    ReleaseHere(SpinLock, "KeReleaseSpinLockFromDpcLevel", VERIFY_CALLER);
}

VOID KefAcquireSpinLockAtDpcLevel(PKSPIN_LOCK SpinLock)
{
    AcquireHere(SpinLock, "KefAcquireSpinLockAtDpcLevel", VERIFY_CALLER);
}

VOID KefReleaseSpinLockFromDpcLevel(PKSPIN_LOCK SpinLock)
{
    ReleaseHere(SpinLock, "KefReleaseSpinLockFromDpcLevel", VERIFY_CALLER);
}

BOOLEAN KeTryToAcquireSpinLockAtDpcLevel(PKSPIN_LOCK SpinLock)
{
    PKTHREAD thread = KiCurrentThread();
    NeedDispatch(thread, "KeTryToAcquireSpinLockAtDpcLevel", VERIFY_CALLER);
    sched_point("KeTryToAcquireSpinLockAtDpcLevel", SpinLock, SCHED_WRITE);
    return TryTake(SpinLock, thread, VERIFY_CALLER);
}

BOOLEAN KeTestSpinLock(PKSPIN_LOCK SpinLock) { return !IsHeld(SpinLock); }

KIRQL KeAcquireSpinLockForDpc(PKSPIN_LOCK SpinLock)
{
    return AcquireRaising(SpinLock, "KeAcquireSpinLockForDpc", VERIFY_CALLER);
}

VOID KeReleaseSpinLockForDpc(PKSPIN_LOCK SpinLock, KIRQL OldIrql)
{
    ReleaseLowering(SpinLock, OldIrql, "KeReleaseSpinLockForDpc", VERIFY_CALLER);
}

/* ---- queued locks: the same lock, with a handle that remembers ------------------------------------------------------------ */

VOID KeAcquireInStackQueuedSpinLock(PKSPIN_LOCK SpinLock, PKLOCK_QUEUE_HANDLE LockHandle)
{
    LockHandle->LockQueue.Next = NULL;
    LockHandle->LockQueue.Lock = SpinLock;
    LockHandle->OldIrql = AcquireRaising(SpinLock, "KeAcquireInStackQueuedSpinLock", VERIFY_CALLER);
}

VOID KeReleaseInStackQueuedSpinLock(PKLOCK_QUEUE_HANDLE LockHandle)
{
    ReleaseLowering(LockHandle->LockQueue.Lock, LockHandle->OldIrql, "KeReleaseInStackQueuedSpinLock", VERIFY_CALLER);
}

VOID KeAcquireInStackQueuedSpinLockAtDpcLevel(PKSPIN_LOCK SpinLock, PKLOCK_QUEUE_HANDLE LockHandle)
{
    LockHandle->LockQueue.Next = NULL;
    LockHandle->LockQueue.Lock = SpinLock;
    LockHandle->OldIrql = DISPATCH_LEVEL;
    AcquireHere(SpinLock, "KeAcquireInStackQueuedSpinLockAtDpcLevel", VERIFY_CALLER);
}

VOID KeReleaseInStackQueuedSpinLockFromDpcLevel(PKLOCK_QUEUE_HANDLE LockHandle)
{
    ReleaseHere(LockHandle->LockQueue.Lock, "KeReleaseInStackQueuedSpinLockFromDpcLevel", VERIFY_CALLER);
}

VOID KeAcquireInStackQueuedSpinLockForDpc(PKSPIN_LOCK SpinLock, PKLOCK_QUEUE_HANDLE LockHandle)
{
    LockHandle->LockQueue.Next = NULL;
    LockHandle->LockQueue.Lock = SpinLock;
    LockHandle->OldIrql = AcquireRaising(SpinLock, "KeAcquireInStackQueuedSpinLockForDpc", VERIFY_CALLER);
}

VOID KeReleaseInStackQueuedSpinLockForDpc(PKLOCK_QUEUE_HANDLE LockHandle)
{
    ReleaseLowering(LockHandle->LockQueue.Lock, LockHandle->OldIrql, "KeReleaseInStackQueuedSpinLockForDpc",
                    VERIFY_CALLER);
}
