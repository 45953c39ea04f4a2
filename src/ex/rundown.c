#include "ex/expriv.h"

#include "ex/lock.h"
#include "ex/state.h"

/* The count in steps of two. With the low bit set it is a pointer to who waits for the rest, or, alone, run down. */
enum { ACTIVE = 1, STEP = 2 };

struct rundown_wait {
    LONG64 count; // references still out
    KEVENT done;
};

static const struct ki_wait_hint hint = {"rundown protection to be released", NULL, NULL, 0};

static void misuse(PEX_RUNDOWN_REF ref, const char *what, const void *site)
{
    struct verify_violation *v = verify_begin(VERIFY_RUNDOWN_MISUSE, "The rundown reference %p %s.", (void *)ref, what);
    verify_site(v, "by", site);
    verify_end(v);
}

static bool acquire(PEX_RUNDOWN_REF ref, ULONG_PTR count)
{
    ULONG_PTR value = __atomic_load_n(&ref->Count, __ATOMIC_RELAXED);
    while (!(value & ACTIVE))
        if (__atomic_compare_exchange_n(&ref->Count, &value, value + count * STEP, true, __ATOMIC_ACQUIRE,
                                        __ATOMIC_RELAXED))
            return true;
    return false;
}

static void release(PEX_RUNDOWN_REF ref, ULONG_PTR count, const void *site)
{
    ULONG_PTR value = __atomic_load_n(&ref->Count, __ATOMIC_RELAXED);
    while (!(value & ACTIVE)) {
        if (value < count * STEP) {
            misuse(ref, "was released more often than it was acquired", site);
            return;
        }
        if (__atomic_compare_exchange_n(&ref->Count, &value, value - count * STEP, true, __ATOMIC_RELEASE,
                                        __ATOMIC_RELAXED))
            return;
    }
    value = __atomic_load_n(&ref->Count, __ATOMIC_ACQUIRE); /* what the waiter wrote before it showed itself */
    struct rundown_wait *wait = (struct rundown_wait *)(value & ~(ULONG_PTR)ACTIVE);
    if (!wait) {
        misuse(ref, "was released after it had run down", site);
        return;
    }
    /* The waiter's memory goes once the event is set: not a word of it is touched after the last decrement but that. */
    if (__atomic_sub_fetch(&wait->count, (LONG64)count, __ATOMIC_ACQ_REL) == 0)
        KeSetEvent(&wait->done, IO_NO_INCREMENT, FALSE);
}

static void wait_for_release(PEX_RUNDOWN_REF ref, const void *site)
{
    struct rundown_wait wait;
    ULONG_PTR value = __atomic_load_n(&ref->Count, __ATOMIC_ACQUIRE);
    struct ki_wait_hint own = hint;

    for (;;) {
        if (value & ACTIVE)
            return; /* run down, or somebody else waits already, which the documentation rules out */
        if (!value) {
            if (__atomic_compare_exchange_n(&ref->Count, &value, ACTIVE, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
                return;
            continue;
        }
        wait.count = (LONG64)(value / STEP);
        KeInitializeEvent(&wait.done, SynchronizationEvent, FALSE);
        if (__atomic_compare_exchange_n(&ref->Count, &value, (ULONG_PTR)&wait | ACTIVE, false, __ATOMIC_ACQ_REL,
                                        __ATOMIC_ACQUIRE))
            break;
    }
    own.object = ref;
    KiWaitFor(&wait.done, NULL, &own, site);
    __atomic_store_n(&ref->Count, ACTIVE, __ATOMIC_RELEASE);
}

VOID ExInitializeRundownProtection(PEX_RUNDOWN_REF RunRef)
{
    API_IRQL(ExInitializeRundownProtection);
    __atomic_store_n(&RunRef->Count, 0, __ATOMIC_RELEASE);
}

VOID ExReInitializeRundownProtection(PEX_RUNDOWN_REF RunRef)
{
    API_ENTER(ExReInitializeRundownProtection, RunRef, SCHED_WRITE);
    if (__atomic_load_n(&RunRef->Count, __ATOMIC_ACQUIRE) != ACTIVE)
        misuse(RunRef, "was initialized again before it had run down", VERIFY_CALLER);
    __atomic_store_n(&RunRef->Count, 0, __ATOMIC_RELEASE);
}

BOOLEAN ExAcquireRundownProtection(PEX_RUNDOWN_REF RunRef)
{
    API_ENTER(ExAcquireRundownProtection, RunRef, SCHED_ADD);
    return acquire(RunRef, 1);
}

bool ExpAcquireRundown(PEX_RUNDOWN_REF ref) { return acquire(ref, 1); }

BOOLEAN ExAcquireRundownProtectionEx(PEX_RUNDOWN_REF RunRef, ULONG Count)
{
    API_ENTER(ExAcquireRundownProtectionEx, RunRef, SCHED_ADD);
    return acquire(RunRef, Count);
}

VOID ExReleaseRundownProtection(PEX_RUNDOWN_REF RunRef)
{
    API_ENTER(ExReleaseRundownProtection, RunRef, SCHED_ADD);
    release(RunRef, 1, VERIFY_CALLER);
}

VOID ExReleaseRundownProtectionEx(PEX_RUNDOWN_REF RunRef, ULONG Count)
{
    API_ENTER(ExReleaseRundownProtectionEx, RunRef, SCHED_ADD);
    release(RunRef, Count, VERIFY_CALLER);
}

VOID ExWaitForRundownProtectionRelease(PEX_RUNDOWN_REF RunRef)
{
    API_ENTER(ExWaitForRundownProtectionRelease, RunRef, SCHED_WRITE);
    wait_for_release(RunRef, VERIFY_CALLER);
}

VOID ExRundownCompleted(PEX_RUNDOWN_REF RunRef)
{
    API_ENTER(ExRundownCompleted, RunRef, SCHED_WRITE);
    __atomic_store_n(&RunRef->Count, ACTIVE, __ATOMIC_RELEASE);
}

/* ---- cache-aware: here the same, in memory of its own ---- */

struct _EX_RUNDOWN_REF_CACHE_AWARE {
    EX_RUNDOWN_REF ref;
};

PEX_RUNDOWN_REF_CACHE_AWARE ExAllocateCacheAwareRundownProtection(POOL_TYPE PoolType, ULONG PoolTag)
{
    API_IRQL(ExAllocateCacheAwareRundownProtection);
    return ExpAllocate(EXP_ZERO | (PoolType & 1 ? EXP_PAGED : 0), sizeof(struct _EX_RUNDOWN_REF_CACHE_AWARE), PoolTag,
                       VERIFY_CALLER);
}

VOID ExFreeCacheAwareRundownProtection(PEX_RUNDOWN_REF_CACHE_AWARE RunRefCacheAware)
{
    API_IRQL(ExFreeCacheAwareRundownProtection);
    ExpFree(RunRefCacheAware, 0, "ExFreeCacheAwareRundownProtection", VERIFY_CALLER);
}

BOOLEAN ExAcquireRundownProtectionCacheAware(PEX_RUNDOWN_REF_CACHE_AWARE RunRefCacheAware)
{
    API_ENTER(ExAcquireRundownProtectionCacheAware, RunRefCacheAware, SCHED_ADD);
    return acquire(&RunRefCacheAware->ref, 1);
}

VOID ExReleaseRundownProtectionCacheAware(PEX_RUNDOWN_REF_CACHE_AWARE RunRefCacheAware)
{
    API_ENTER(ExReleaseRundownProtectionCacheAware, RunRefCacheAware, SCHED_ADD);
    release(&RunRefCacheAware->ref, 1, VERIFY_CALLER);
}

VOID ExWaitForRundownProtectionReleaseCacheAware(PEX_RUNDOWN_REF_CACHE_AWARE RunRefCacheAware)
{
    API_ENTER(ExWaitForRundownProtectionReleaseCacheAware, RunRefCacheAware, SCHED_WRITE);
    wait_for_release(&RunRefCacheAware->ref, VERIFY_CALLER);
}

VOID ExReInitializeRundownProtectionCacheAware(PEX_RUNDOWN_REF_CACHE_AWARE RunRefCacheAware)
{
    API_ENTER(ExReInitializeRundownProtectionCacheAware, RunRefCacheAware, SCHED_WRITE);
    __atomic_store_n(&RunRefCacheAware->ref.Count, 0, __ATOMIC_RELEASE);
}
