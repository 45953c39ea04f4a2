#include "ex/expriv.h"

#include "ex/lock.h"
#include "ex/state.h"
#include "fault/fault.h"

/* The count in steps of two. With the low bit set it is a pointer to who waits for the rest, or, alone, run down. */
enum { ACTIVE = 1, STEP = 2, CACHE_LINE = 64, WORDS = 8 };
#define BIAS ((LONG64)1 << 60) /* more than there can be references */

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

/* A word for each of several threads, on the cache lines that follow. */
struct _EX_RUNDOWN_REF_CACHE_AWARE {
    PEX_RUNDOWN_REF first;
    volatile ULONG state;
};
enum { OPEN, OPENING, RUN_DOWN }; // opening: some of the words are, others not yet

static bool acquire(PEX_RUNDOWN_REF ref, ULONG_PTR count)
{
    ULONG_PTR value = __atomic_load_n(&ref->Count, __ATOMIC_RELAXED);
    while (!(value & ACTIVE))
        if (__atomic_compare_exchange_n(&ref->Count, &value, value + count * STEP, true, __ATOMIC_ACQUIRE,
                                        __ATOMIC_RELAXED))
            return true;
    return false;
}

/* True: the word only looks as if it had run down. */
static bool about_to_open(PEX_RUNDOWN_REF_CACHE_AWARE aware, ULONG_PTR value)
{
    return aware && value == ACTIVE && __atomic_load_n(&aware->state, __ATOMIC_ACQUIRE) != RUN_DOWN;
}

/* `aware`: the word of another thread may count the references; else NULL. */
static void release(PEX_RUNDOWN_REF ref, ULONG_PTR count, PEX_RUNDOWN_REF_CACHE_AWARE aware, const void *site)
{
    ULONG_PTR value = __atomic_load_n(&ref->Count, __ATOMIC_RELAXED);
    while (!(value & ACTIVE) || about_to_open(aware, value)) {
        if (value & ACTIVE) {
            value = __atomic_load_n(&ref->Count, __ATOMIC_ACQUIRE);
            continue;
        }
        if (!aware && value < count * STEP) {
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

/* The word at a distance of `i` cache lines. */
static PEX_RUNDOWN_REF word(PEX_RUNDOWN_REF first, unsigned i) { return (PEX_RUNDOWN_REF)((PCHAR)first + i * CACHE_LINE); }

/* Closes the words one after the other. While it is at it, nobody can find the count at zero. */
static void wait_for_release(PEX_RUNDOWN_REF first, PEX_RUNDOWN_REF_CACHE_AWARE aware, const void *site)
{
    unsigned words = aware ? WORDS : 1;
    struct rundown_wait wait = {.count = BIAS};
    struct ki_wait_hint own = hint;
    LONG64 held = 0;

    if (__atomic_load_n(&first->Count, __ATOMIC_ACQUIRE) & ACTIVE)
        return; /* run down, or somebody else waits already, which the documentation rules out */
    KeInitializeEvent(&wait.done, SynchronizationEvent, FALSE);
    for (unsigned i = 0; i < words; i++)
        held += (LONG64)__atomic_exchange_n(&word(first, i)->Count, (ULONG_PTR)&wait | ACTIVE, __ATOMIC_ACQ_REL) / STEP;
    if (held < 0) {
        misuse(first, "was released more often than it was acquired", site);
        held = 0;
    }
    own.object = first;
    if (__atomic_add_fetch(&wait.count, held - BIAS, __ATOMIC_ACQ_REL) != 0)
        KiWaitFor(&wait.done, NULL, &own, site);
    if (aware)
        __atomic_store_n(&aware->state, RUN_DOWN, __ATOMIC_RELEASE);
    for (unsigned i = 0; i < words; i++)
        __atomic_store_n(&word(first, i)->Count, ACTIVE, __ATOMIC_RELEASE);
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

void ExpReleaseRundown(PEX_RUNDOWN_REF ref, const void *site) { release(ref, 1, NULL, site); }

void ExpWaitForRundown(PEX_RUNDOWN_REF ref, const void *site) { wait_for_release(ref, NULL, site); }

BOOLEAN ExAcquireRundownProtectionEx(PEX_RUNDOWN_REF RunRef, ULONG Count)
{
    API_ENTER(ExAcquireRundownProtectionEx, RunRef, SCHED_ADD);
    return acquire(RunRef, Count);
}

VOID ExReleaseRundownProtection(PEX_RUNDOWN_REF RunRef)
{
    API_ENTER(ExReleaseRundownProtection, RunRef, SCHED_ADD);
    release(RunRef, 1, NULL, VERIFY_CALLER);
}

VOID ExReleaseRundownProtectionEx(PEX_RUNDOWN_REF RunRef, ULONG Count)
{
    API_ENTER(ExReleaseRundownProtectionEx, RunRef, SCHED_ADD);
    release(RunRef, Count, NULL, VERIFY_CALLER);
}

VOID ExWaitForRundownProtectionRelease(PEX_RUNDOWN_REF RunRef)
{
    API_ENTER(ExWaitForRundownProtectionRelease, RunRef, SCHED_WRITE);
    wait_for_release(RunRef, NULL, VERIFY_CALLER);
}

VOID ExRundownCompleted(PEX_RUNDOWN_REF RunRef)
{
    API_ENTER(ExRundownCompleted, RunRef, SCHED_WRITE);
    __atomic_store_n(&RunRef->Count, ACTIVE, __ATOMIC_RELEASE);
}

/* ---- cache-aware ---- */

static const SIZE_T whole_size = sizeof(struct _EX_RUNDOWN_REF_CACHE_AWARE) + CACHE_LINE * (WORDS + 1);

static PEX_RUNDOWN_REF own_word(PEX_RUNDOWN_REF_CACHE_AWARE ref)
{
    static unsigned next;
    static _Thread_local unsigned mine; // + 1
    if (!mine)
        mine = __atomic_fetch_add(&next, 1, __ATOMIC_RELAXED) % WORDS + 1;
    return word(ref->first, mine - 1);
}

static void open_words(PEX_RUNDOWN_REF_CACHE_AWARE ref)
{
    __atomic_store_n(&ref->state, OPENING, __ATOMIC_RELEASE);
    for (unsigned i = 0; i < WORDS; i++)
        __atomic_store_n(&word(ref->first, i)->Count, 0, __ATOMIC_RELEASE);
    __atomic_store_n(&ref->state, OPEN, __ATOMIC_RELEASE);
}

static void initialize(PEX_RUNDOWN_REF_CACHE_AWARE ref)
{
    ref->first = (PEX_RUNDOWN_REF)(((ULONG_PTR)(ref + 1) + CACHE_LINE - 1) & ~(ULONG_PTR)(CACHE_LINE - 1));
    open_words(ref);
}

SIZE_T ExSizeOfRundownProtectionCacheAware(VOID)
{
    API_IRQL(ExSizeOfRundownProtectionCacheAware);
    return whole_size;
}

VOID ExInitializeRundownProtectionCacheAware(PEX_RUNDOWN_REF_CACHE_AWARE RunRefCacheAware, SIZE_T RunRefSize)
{
    API_IRQL(ExInitializeRundownProtectionCacheAware);
    if (RunRefSize < whole_size)
        misuse((PEX_RUNDOWN_REF)RunRefCacheAware, "was given less memory than ExSizeOfRundownProtectionCacheAware asks for",
               VERIFY_CALLER);
    else
        initialize(RunRefCacheAware);
}

PEX_RUNDOWN_REF_CACHE_AWARE ExAllocateCacheAwareRundownProtection(POOL_TYPE PoolType, ULONG PoolTag)
{
    API_IRQL(ExAllocateCacheAwareRundownProtection);
    PEX_RUNDOWN_REF_CACHE_AWARE ref =
        fault_allocation() ? NULL : ExpAllocate(PoolType & 1 ? EXP_PAGED : 0, whole_size, PoolTag, VERIFY_CALLER);
    if (ref)
        initialize(ref);
    return ref;
}

VOID ExFreeCacheAwareRundownProtection(PEX_RUNDOWN_REF_CACHE_AWARE RunRefCacheAware)
{
    API_IRQL(ExFreeCacheAwareRundownProtection);
    ExpFree(RunRefCacheAware, 0, "ExFreeCacheAwareRundownProtection", VERIFY_CALLER);
}

BOOLEAN ExAcquireRundownProtectionCacheAware(PEX_RUNDOWN_REF_CACHE_AWARE RunRefCacheAware)
{
    API_ENTER(ExAcquireRundownProtectionCacheAware, RunRefCacheAware, SCHED_ADD);
    return acquire(own_word(RunRefCacheAware), 1);
}

BOOLEAN ExAcquireRundownProtectionCacheAwareEx(PEX_RUNDOWN_REF_CACHE_AWARE RunRefCacheAware, ULONG Count)
{
    API_ENTER(ExAcquireRundownProtectionCacheAwareEx, RunRefCacheAware, SCHED_ADD);
    return acquire(own_word(RunRefCacheAware), Count);
}

VOID ExReleaseRundownProtectionCacheAware(PEX_RUNDOWN_REF_CACHE_AWARE RunRefCacheAware)
{
    API_ENTER(ExReleaseRundownProtectionCacheAware, RunRefCacheAware, SCHED_ADD);
    release(own_word(RunRefCacheAware), 1, RunRefCacheAware, VERIFY_CALLER);
}

VOID ExReleaseRundownProtectionCacheAwareEx(PEX_RUNDOWN_REF_CACHE_AWARE RunRefCacheAware, ULONG Count)
{
    API_ENTER(ExReleaseRundownProtectionCacheAwareEx, RunRefCacheAware, SCHED_ADD);
    release(own_word(RunRefCacheAware), Count, RunRefCacheAware, VERIFY_CALLER);
}

VOID ExWaitForRundownProtectionReleaseCacheAware(PEX_RUNDOWN_REF_CACHE_AWARE RunRefCacheAware)
{
    API_ENTER(ExWaitForRundownProtectionReleaseCacheAware, RunRefCacheAware, SCHED_WRITE);
    wait_for_release(RunRefCacheAware->first, RunRefCacheAware, VERIFY_CALLER);
}

VOID ExRundownCompletedCacheAware(PEX_RUNDOWN_REF_CACHE_AWARE RunRefCacheAware)
{
    API_ENTER(ExRundownCompletedCacheAware, RunRefCacheAware, SCHED_WRITE);
    __atomic_store_n(&RunRefCacheAware->state, RUN_DOWN, __ATOMIC_RELEASE);
    for (unsigned i = 0; i < WORDS; i++)
        __atomic_store_n(&word(RunRefCacheAware->first, i)->Count, ACTIVE, __ATOMIC_RELEASE);
}

VOID ExReInitializeRundownProtectionCacheAware(PEX_RUNDOWN_REF_CACHE_AWARE RunRefCacheAware)
{
    API_ENTER(ExReInitializeRundownProtectionCacheAware, RunRefCacheAware, SCHED_WRITE);
    if (__atomic_load_n(&RunRefCacheAware->first->Count, __ATOMIC_ACQUIRE) != ACTIVE)
        misuse(RunRefCacheAware->first, "was initialized again before it had run down", VERIFY_CALLER);
    open_words(RunRefCacheAware);
}
