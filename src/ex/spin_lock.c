#include "ex/expriv.h"

/* Reader-writer spin locks: the sign bit for the writer, else the number of readers. */
#define WRITER ((LONG)0x80000000)

static bool try_exclusive(PEX_SPIN_LOCK lock)
{
    LONG value = 0;
    return __atomic_compare_exchange_n(lock, &value, WRITER, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}

static bool try_shared(PEX_SPIN_LOCK lock)
{
    LONG value = __atomic_load_n(lock, __ATOMIC_RELAXED);
    while (!(value & WRITER))
        if (__atomic_compare_exchange_n(lock, &value, value + 1, true, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
            return true;
    return false;
}

static void spin_until(bool (*attempt)(PEX_SPIN_LOCK), PEX_SPIN_LOCK lock, const void *site)
{
    while (!attempt(lock))
        KiPoll("reader-writer spin lock", (const void *)lock, site);
}

static void misuse(PEX_SPIN_LOCK lock, const void *site)
{
    struct verify_violation *v =
        verify_begin_fatal(VERIFY_LOCK_MISUSE, "The spin lock %p was released in a way in which it is not held.", (void *)lock);
    verify_site(v, "by", site);
    verify_end_bugcheck(v, 0x10, (uintptr_t)lock, 0, 0, 0);
}

static void release_exclusive(PEX_SPIN_LOCK lock, const void *site)
{
    if (__atomic_load_n(lock, __ATOMIC_RELAXED) != WRITER)
        misuse(lock, site);
    __atomic_store_n(lock, 0, __ATOMIC_RELEASE);
}

static void release_shared(PEX_SPIN_LOCK lock, const void *site)
{
    LONG before = __atomic_fetch_sub(lock, 1, __ATOMIC_RELEASE);
    if (before <= 0)
        misuse(lock, site);
}

KIRQL ExAcquireSpinLockExclusive(PEX_SPIN_LOCK SpinLock)
{
    API_ENTER(ExAcquireSpinLockExclusive, (const void *)SpinLock, SCHED_WRITE);
    KIRQL old = KeRaiseIrqlToDpcLevel();
    spin_until(try_exclusive, SpinLock, VERIFY_CALLER);
    return old;
}

KIRQL ExAcquireSpinLockShared(PEX_SPIN_LOCK SpinLock)
{
    API_ENTER(ExAcquireSpinLockShared, (const void *)SpinLock, SCHED_WRITE);
    KIRQL old = KeRaiseIrqlToDpcLevel();
    spin_until(try_shared, SpinLock, VERIFY_CALLER);
    return old;
}

VOID ExReleaseSpinLockExclusive(PEX_SPIN_LOCK SpinLock, KIRQL OldIrql)
{
    API_ENTER(ExReleaseSpinLockExclusive, (const void *)SpinLock, SCHED_WRITE);
    release_exclusive(SpinLock, VERIFY_CALLER);
    KeLowerIrql(OldIrql);
}

VOID ExReleaseSpinLockShared(PEX_SPIN_LOCK SpinLock, KIRQL OldIrql)
{
    API_ENTER(ExReleaseSpinLockShared, (const void *)SpinLock, SCHED_WRITE);
    release_shared(SpinLock, VERIFY_CALLER);
    KeLowerIrql(OldIrql);
}

VOID ExAcquireSpinLockExclusiveAtDpcLevel(PEX_SPIN_LOCK SpinLock)
{
    API_ENTER(ExAcquireSpinLockExclusiveAtDpcLevel, (const void *)SpinLock, SCHED_WRITE);
    spin_until(try_exclusive, SpinLock, VERIFY_CALLER);
}

VOID ExAcquireSpinLockSharedAtDpcLevel(PEX_SPIN_LOCK SpinLock)
{
    API_ENTER(ExAcquireSpinLockSharedAtDpcLevel, (const void *)SpinLock, SCHED_WRITE);
    spin_until(try_shared, SpinLock, VERIFY_CALLER);
}

VOID ExReleaseSpinLockExclusiveFromDpcLevel(PEX_SPIN_LOCK SpinLock)
{
    API_ENTER(ExReleaseSpinLockExclusiveFromDpcLevel, (const void *)SpinLock, SCHED_WRITE);
    release_exclusive(SpinLock, VERIFY_CALLER);
}

VOID ExReleaseSpinLockSharedFromDpcLevel(PEX_SPIN_LOCK SpinLock)
{
    API_ENTER(ExReleaseSpinLockSharedFromDpcLevel, (const void *)SpinLock, SCHED_WRITE);
    release_shared(SpinLock, VERIFY_CALLER);
}

LOGICAL ExTryConvertSharedSpinLockExclusive(PEX_SPIN_LOCK SpinLock)
{
    LONG value = 1;
    API_ENTER(ExTryConvertSharedSpinLockExclusive, (const void *)SpinLock, SCHED_WRITE);
    return __atomic_compare_exchange_n(SpinLock, &value, WRITER, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}

LOGICAL ExTryAcquireSpinLockExclusiveAtDpcLevel(PEX_SPIN_LOCK SpinLock)
{
    API_ENTER(ExTryAcquireSpinLockExclusiveAtDpcLevel, (const void *)SpinLock, SCHED_WRITE);
    return try_exclusive(SpinLock);
}

LOGICAL ExTryAcquireSpinLockSharedAtDpcLevel(PEX_SPIN_LOCK SpinLock)
{
    API_ENTER(ExTryAcquireSpinLockSharedAtDpcLevel, (const void *)SpinLock, SCHED_WRITE);
    return try_shared(SpinLock);
}
