#include "ex/expriv.h"
#include "ex/lock.h"

/* The word: bits 4.. hold the exclusive owner's thread, or the number of shared owners. Waiters stand in line beside
 * it, in a table by address; whoever gives the lock up hands it to the first in line. */
enum { EXCLUSIVE = 1, WAITING = 2, SHARED_STEP = 16, BUCKETS = 64 };
#define FLAGS ((ULONG_PTR)15)

struct waiter {
    struct waiter *next; // bucket.first
    PEX_PUSH_LOCK lock;
    ULONG_PTR thread;
    bool exclusive;
    KEVENT granted;
};

static struct bucket {
    struct sched_lock lock;
    struct waiter *first, **last;
    char padding[40];
} buckets[BUCKETS];

static struct bucket *bucket_of(PEX_PUSH_LOCK lock)
{
    return &buckets[((uintptr_t)lock >> 4 ^ (uintptr_t)lock >> 10) % BUCKETS];
}

static void name_owner(const void *object, void (*add)(struct _KTHREAD *, void *), void *context)
{
    ULONG_PTR value = __atomic_load_n((PEX_PUSH_LOCK)object, __ATOMIC_RELAXED);
    if (value & EXCLUSIVE)
        add((struct _KTHREAD *)(value & ~FLAGS), context);
}

static ULONG_PTR me(void) { return (ULONG_PTR)KiCurrentThread(); }

static bool cas(PEX_PUSH_LOCK lock, ULONG_PTR *expected, ULONG_PTR value)
{
    return __atomic_compare_exchange_n(lock, expected, value, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
}

static void misuse(PEX_PUSH_LOCK lock, const char *what, const void *site)
{
    struct verify_violation *v = verify_begin_fatal(VERIFY_LOCK_MISUSE, "The push lock %p %s.", (void *)lock, what);
    verify_site(v, "by", site);
    verify_end_bugcheck(v, 0xC4, 0x98, (uintptr_t)lock, 0, 0);
}

/* ---- acquiring ---- */

static bool try_exclusive(PEX_PUSH_LOCK lock)
{
    ULONG_PTR value = 0;
    return cas(lock, &value, me() | EXCLUSIVE);
}

static bool try_shared(PEX_PUSH_LOCK lock)
{
    ULONG_PTR value = __atomic_load_n(lock, __ATOMIC_RELAXED);
    while (!(value & (EXCLUSIVE | WAITING)))
        if (cas(lock, &value, value + SHARED_STEP))
            return true;
    return false;
}

/* With the bucket locked: granted after all, or marked as waited for. */
static bool try_or_mark(PEX_PUSH_LOCK lock, bool exclusive)
{
    ULONG_PTR value = __atomic_load_n(lock, __ATOMIC_RELAXED);
    for (;;) {
        bool free = exclusive ? value == 0 : !(value & (EXCLUSIVE | WAITING));
        ULONG_PTR wanted = !free ? value | WAITING : exclusive ? me() | EXCLUSIVE : value + SHARED_STEP;
        if (cas(lock, &value, wanted))
            return free;
    }
}

static void acquire_slowly(PEX_PUSH_LOCK lock, bool exclusive, const void *site)
{
    struct bucket *bucket = bucket_of(lock);
    struct waiter waiter = {.lock = lock, .thread = me(), .exclusive = exclusive};
    struct ki_wait_hint hint = {"push lock", lock, name_owner, 0};

    if ((__atomic_load_n(lock, __ATOMIC_RELAXED) & ~(ULONG_PTR)WAITING) == (me() | EXCLUSIVE))
        misuse(lock, "was acquired again by the thread that holds it: it would wait for itself for ever", site);
    KeInitializeEvent(&waiter.granted, SynchronizationEvent, FALSE);
    sched_lock(&bucket->lock);
    bool granted = try_or_mark(lock, exclusive);
    if (!granted) {
        if (!bucket->first)
            bucket->last = &bucket->first;
        *bucket->last = &waiter;
        bucket->last = &waiter.next;
    }
    sched_unlock(&bucket->lock);
    if (!granted)
        KiWaitFor(&waiter.granted, NULL, &hint, site);
}

/* ---- releasing ---- */

static struct waiter **find(struct bucket *bucket, PEX_PUSH_LOCK lock)
{
    struct waiter **link = &bucket->first;
    while (*link && (*link)->lock != lock)
        link = &(*link)->next;
    return link;
}

static struct waiter *take(struct bucket *bucket, struct waiter **link)
{
    struct waiter *waiter = *link;
    *link = waiter->next;
    if (bucket->last == &waiter->next)
        bucket->last = link;
    return waiter;
}

/* The lock is free and marked: the first in line gets it, and with a shared one all shared ones next in line. */
static struct waiter *hand_over(struct bucket *bucket, PEX_PUSH_LOCK lock)
{
    struct waiter *granted = NULL, **tail = &granted, **link;
    ULONG_PTR value = 0;

    while (*(link = find(bucket, lock))) {
        if ((*link)->exclusive && value)
            break;
        struct waiter *waiter = take(bucket, link);
        *tail = waiter;
        tail = &waiter->next;
        value = waiter->exclusive ? waiter->thread | EXCLUSIVE : value + SHARED_STEP;
        if (waiter->exclusive)
            break;
    }
    *tail = NULL;
    __atomic_store_n(lock, value | (*find(bucket, lock) ? WAITING : 0), __ATOMIC_RELEASE);
    return granted;
}

static void wake(struct waiter *waiter)
{
    while (waiter) {
        struct waiter *next = waiter->next;
        KeSetEvent(&waiter->granted, IO_NO_INCREMENT, FALSE);
        waiter = next;
    }
}

static void release_exclusive(PEX_PUSH_LOCK lock, const void *site)
{
    ULONG_PTR value = me() | EXCLUSIVE;
    verify_lock_given(&KiCurrentThread()->held, lock);
    if (cas(lock, &value, 0))
        return;
    if (!(value & EXCLUSIVE))
        misuse(lock, "was released exclusive, and nobody holds it so", site);
    struct bucket *bucket = bucket_of(lock);
    sched_lock(&bucket->lock);
    struct waiter *granted = hand_over(bucket, lock);
    sched_unlock(&bucket->lock);
    wake(granted);
}

static void release_shared(PEX_PUSH_LOCK lock, const void *site)
{
    ULONG_PTR value = __atomic_load_n(lock, __ATOMIC_RELAXED);
    struct waiter *granted = NULL;

    verify_lock_given(&KiCurrentThread()->held, lock);
    while (!(value & WAITING)) {
        if ((value & EXCLUSIVE) || value < SHARED_STEP)
            misuse(lock, "was released shared, and nobody holds it so", site);
        if (cas(lock, &value, value - SHARED_STEP))
            return;
    }
    struct bucket *bucket = bucket_of(lock);
    sched_lock(&bucket->lock);
    value = __atomic_sub_fetch(lock, SHARED_STEP, __ATOMIC_ACQ_REL);
    if (value < SHARED_STEP)
        granted = hand_over(bucket, lock);
    sched_unlock(&bucket->lock);
    wake(granted);
}

/* ---- the documented routines ---- */

VOID ExInitializePushLock(PEX_PUSH_LOCK PushLock)
{
    API_IRQL(ExInitializePushLock);
    verify_lock_new(PushLock);
    *PushLock = 0;
}

static void take_lock(PEX_PUSH_LOCK lock, bool exclusive, const void *site)
{
    struct verify_held *held = &KiCurrentThread()->held;
    verify_lock_wanted(held, lock, exclusive, site);
    if (!(exclusive ? try_exclusive(lock) : try_shared(lock)))
        acquire_slowly(lock, exclusive, site);
    verify_lock_taken(held, lock, "push lock", exclusive, site);
}

static void acquire(PEX_PUSH_LOCK lock, bool exclusive, const char *routine, const void *site)
{
    EXP_CHECK_APCS(routine, site);
    take_lock(lock, exclusive, site);
}

static void release(PEX_PUSH_LOCK lock, const void *site)
{
    if (__atomic_load_n(lock, __ATOMIC_RELAXED) & EXCLUSIVE)
        release_exclusive(lock, site);
    else
        release_shared(lock, site);
}

#define ACQUIRE(name, exclusive)                                                                                        \
    do {                                                                                                               \
        API_ENTER(name, PushLock, SCHED_WRITE);                                                                        \
        acquire(PushLock, exclusive, #name, VERIFY_CALLER);                                                            \
    } while (0)

VOID ExAcquirePushLockExclusive(PEX_PUSH_LOCK PushLock) { ACQUIRE(ExAcquirePushLockExclusive, true); }
VOID ExAcquirePushLockShared(PEX_PUSH_LOCK PushLock) { ACQUIRE(ExAcquirePushLockShared, false); }
VOID ExAcquirePushLockExclusiveEx(PEX_PUSH_LOCK PushLock, ULONG Flags) { ACQUIRE(ExAcquirePushLockExclusive, true); }
VOID ExAcquirePushLockSharedEx(PEX_PUSH_LOCK PushLock, ULONG Flags) { ACQUIRE(ExAcquirePushLockShared, false); }
VOID ExfAcquirePushLockExclusive(PEX_PUSH_LOCK PushLock) { ACQUIRE(ExAcquirePushLockExclusive, true); }
VOID ExfAcquirePushLockShared(PEX_PUSH_LOCK PushLock) { ACQUIRE(ExAcquirePushLockShared, false); }

VOID ExReleasePushLockExclusive(PEX_PUSH_LOCK PushLock)
{
    API_ENTER(ExReleasePushLockExclusive, PushLock, SCHED_WRITE);
    release_exclusive(PushLock, VERIFY_CALLER);
}

VOID ExReleasePushLockShared(PEX_PUSH_LOCK PushLock)
{
    API_ENTER(ExReleasePushLockShared, PushLock, SCHED_WRITE);
    release_shared(PushLock, VERIFY_CALLER);
}

VOID ExReleasePushLockExclusiveEx(PEX_PUSH_LOCK PushLock, ULONG Flags)
{
    API_ENTER(ExReleasePushLockExclusive, PushLock, SCHED_WRITE);
    release_exclusive(PushLock, VERIFY_CALLER);
}

VOID ExReleasePushLockSharedEx(PEX_PUSH_LOCK PushLock, ULONG Flags)
{
    API_ENTER(ExReleasePushLockShared, PushLock, SCHED_WRITE);
    release_shared(PushLock, VERIFY_CALLER);
}

VOID ExfReleasePushLockExclusive(PEX_PUSH_LOCK PushLock) { release_exclusive(PushLock, VERIFY_CALLER); }
VOID ExfReleasePushLockShared(PEX_PUSH_LOCK PushLock) { release_shared(PushLock, VERIFY_CALLER); }
VOID ExfReleasePushLock(PEX_PUSH_LOCK PushLock) { release(PushLock, VERIFY_CALLER); }

/* ---- for src/flt/sync.c: with the critical region, blamed on `site` ---- */

void ExpAcquirePushLock(PEX_PUSH_LOCK lock, bool exclusive, const void *site)
{
    KiEnterCritical();
    take_lock(lock, exclusive, site);
}

void ExpReleasePushLock(PEX_PUSH_LOCK lock, const void *site)
{
    release(lock, site);
    KiLeaveCritical();
}

bool ExpPushLockIsHeld(PEX_PUSH_LOCK lock) { return __atomic_load_n(lock, __ATOMIC_RELAXED) != 0; }

/* A machine that ended in the middle of things left its waiters in line. */
void ExpResetPushLocks(void)
{
    for (int i = 0; i < BUCKETS; i++) {
        buckets[i].first = NULL;
        buckets[i].lock = (struct sched_lock){0};
    }
}
