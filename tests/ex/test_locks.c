/* Resources, push locks, fast and guarded mutexes, reader-writer spin locks: who gets in, who waits. */
#include "ex_test.h"

#include <fltKernel.h>

enum kind { SHARED, EXCLUSIVE, STARVE, WAIT };

/* A thread that acquires a resource in one way, says so, and holds it until told. */
struct holder {
    PERESOURCE resource;
    enum kind kind;
    BOOLEAN wait, got;
    volatile bool has;
    KEVENT go;
    HANDLE thread;
};

static BOOLEAN acquire(PERESOURCE resource, enum kind kind, BOOLEAN wait)
{
    switch (kind) {
    case SHARED:
        return ExAcquireResourceSharedLite(resource, wait);
    case STARVE:
        return ExAcquireSharedStarveExclusive(resource, wait);
    case WAIT:
        return ExAcquireSharedWaitForExclusive(resource, wait);
    default:
        return ExAcquireResourceExclusiveLite(resource, wait);
    }
}

static VOID hold(PVOID context)
{
    struct holder *holder = context;
    KeEnterCriticalRegion();
    holder->got = acquire(holder->resource, holder->kind, holder->wait);
    holder->has = holder->got;
    if (holder->got) {
        KeWaitForSingleObject(&holder->go, Executive, KernelMode, FALSE, NULL);
        ExReleaseResourceLite(holder->resource);
    }
    KeLeaveCriticalRegion();
}

static void begin(struct holder *holder, PERESOURCE resource, enum kind kind, BOOLEAN wait)
{
    *holder = (struct holder){.resource = resource, .kind = kind, .wait = wait};
    KeInitializeEvent(&holder->go, NotificationEvent, FALSE);
    holder->thread = run_thread(hold, holder);
    pause_ms(1);
}

static void end(struct holder *holder)
{
    KeSetEvent(&holder->go, 0, FALSE);
    join_thread(holder->thread);
}

static void test_shared_and_exclusive(void **state)
{
    ERESOURCE resource;
    struct holder a, b, c, d;
    assert_int_equal(ExInitializeResourceLite(&resource), STATUS_SUCCESS);
    begin(&a, &resource, SHARED, TRUE);
    begin(&b, &resource, SHARED, TRUE);
    assert_true(a.has && b.has);
    begin(&c, &resource, EXCLUSIVE, FALSE);
    assert_false(c.got);
    end(&c);
    begin(&c, &resource, EXCLUSIVE, TRUE);
    assert_false(c.has);
    assert_int_equal(ExGetExclusiveWaiterCount(&resource), 1);
    begin(&d, &resource, SHARED, FALSE);
    assert_false(d.got);
    end(&d);
    begin(&d, &resource, STARVE, FALSE);
    assert_true(d.got);
    end(&d);
    begin(&d, &resource, SHARED, TRUE);
    assert_false(d.has);
    assert_int_equal(ExGetSharedWaiterCount(&resource), 1);
    end(&a);
    assert_false(c.has);
    end(&b);
    pause_ms(1);
    assert_true(c.has);
    assert_false(d.has);
    end(&c);
    pause_ms(1);
    assert_true(d.has);
    end(&d);
    assert_int_equal(ExDeleteResourceLite(&resource), STATUS_SUCCESS);
}

static void test_recursion(void **state)
{
    ERESOURCE resource;
    struct holder other;
    ExInitializeResourceLite(&resource);
    KeEnterCriticalRegion();
    assert_true(ExAcquireResourceExclusiveLite(&resource, TRUE));
    assert_true(ExAcquireResourceExclusiveLite(&resource, TRUE));
    assert_true(ExAcquireResourceSharedLite(&resource, TRUE));
    assert_true(ExTryToAcquireResourceExclusiveLite(&resource));
    assert_true(ExIsResourceAcquiredExclusiveLite(&resource));
    assert_int_equal(ExIsResourceAcquiredSharedLite(&resource), 4);
    for (int i = 0; i < 3; i++)
        ExReleaseResourceLite(&resource);
    begin(&other, &resource, SHARED, FALSE);
    assert_false(other.got);
    end(&other);
    ExReleaseResourceLite(&resource);
    assert_int_equal(ExIsResourceAcquiredSharedLite(&resource), 0);
    assert_true(ExAcquireResourceSharedLite(&resource, TRUE));
    assert_true(ExAcquireResourceSharedLite(&resource, TRUE));
    assert_false(ExIsResourceAcquiredExclusiveLite(&resource));
    assert_false(ExAcquireResourceExclusiveLite(&resource, FALSE));
    begin(&other, &resource, EXCLUSIVE, TRUE);
    assert_true(ExAcquireResourceSharedLite(&resource, FALSE));
    assert_false(ExAcquireSharedWaitForExclusive(&resource, FALSE));
    for (int i = 0; i < 3; i++)
        ExReleaseResourceLite(&resource);
    KeLeaveCriticalRegion();
    end(&other);
    ExDeleteResourceLite(&resource);
}

static void test_convert_and_owner_pointer(void **state)
{
    ERESOURCE resource;
    struct holder other;
    int owner;
    PVOID pointer = (PVOID)((ULONG_PTR)&owner | 3);
    ExInitializeResourceLite(&resource);
    KeEnterCriticalRegion();
    ExAcquireResourceExclusiveLite(&resource, TRUE);
    begin(&other, &resource, SHARED, TRUE);
    assert_false(other.has);
    ExConvertExclusiveToSharedLite(&resource);
    pause_ms(1);
    assert_true(other.has);
    assert_false(ExIsResourceAcquiredExclusiveLite(&resource));
    ExSetResourceOwnerPointer(&resource, pointer);
    assert_int_equal(ExIsResourceAcquiredSharedLite(&resource), 0);
    ExReleaseResourceForThreadLite(&resource, (ERESOURCE_THREAD)(ULONG_PTR)pointer);
    end(&other);
    assert_true(ExAcquireResourceExclusiveLite(&resource, FALSE));
    ExReleaseResourceForThreadLite(&resource, ExGetCurrentResourceThread());
    KeLeaveCriticalRegion();
    ExReinitializeResourceLite(&resource);
    ExDeleteResourceLite(&resource);
}

static void test_resource_with_critical_region(void **state)
{
    ERESOURCE resource;
    ExInitializeResourceLite(&resource);
    ExEnterCriticalRegionAndAcquireResourceExclusive(&resource);
    assert_true(KeAreApcsDisabled());
    ExReleaseResourceAndLeaveCriticalRegion(&resource);
    assert_false(KeAreApcsDisabled());
    FltAcquireResourceShared(&resource);
    assert_true(KeAreApcsDisabled());
    assert_int_equal(ExIsResourceAcquiredSharedLite(&resource), 1);
    FltReleaseResource(&resource);
    FltAcquireResourceExclusive(&resource);
    assert_true(ExIsResourceAcquiredExclusiveLite(&resource));
    FltReleaseResource(&resource);
    assert_false(KeAreApcsDisabled());
    ExDeleteResourceLite(&resource);
}

/* ---- push locks ---- */

struct pusher {
    PEX_PUSH_LOCK lock;
    bool exclusive;
    volatile bool has;
    KEVENT go;
    HANDLE thread;
};

static VOID push(PVOID context)
{
    struct pusher *pusher = context;
    if (pusher->exclusive)
        FltAcquirePushLockExclusive(pusher->lock);
    else
        FltAcquirePushLockShared(pusher->lock);
    pusher->has = true;
    KeWaitForSingleObject(&pusher->go, Executive, KernelMode, FALSE, NULL);
    FltReleasePushLock(pusher->lock);
}

static void begin_push(struct pusher *pusher, PEX_PUSH_LOCK lock, bool exclusive)
{
    *pusher = (struct pusher){.lock = lock, .exclusive = exclusive};
    KeInitializeEvent(&pusher->go, NotificationEvent, FALSE);
    pusher->thread = run_thread(push, pusher);
    pause_ms(1);
}

static void end_push(struct pusher *pusher)
{
    KeSetEvent(&pusher->go, 0, FALSE);
    join_thread(pusher->thread);
    pause_ms(1);
}

static void test_push_lock_order(void **state)
{
    EX_PUSH_LOCK lock;
    struct pusher a, b, c, d, e;
    FltInitializePushLock(&lock);
    begin_push(&a, &lock, false);
    begin_push(&b, &lock, false);
    assert_true(a.has && b.has);
    begin_push(&c, &lock, true);
    begin_push(&d, &lock, false);
    begin_push(&e, &lock, false);
    assert_false(c.has || d.has || e.has);
    end_push(&a);
    assert_false(c.has);
    end_push(&b);
    assert_true(c.has);
    assert_false(d.has || e.has);
    end_push(&c);
    assert_true(d.has && e.has);
    end_push(&d);
    end_push(&e);
    FltDeletePushLock(&lock);
    assert_int_equal(lock, 0);
}

static void test_push_lock_forms(void **state)
{
    EX_PUSH_LOCK lock;
    ExInitializePushLock(&lock);
    KeEnterCriticalRegion();
    ExAcquirePushLockExclusive(&lock);
    ExReleasePushLockExclusive(&lock);
    ExAcquirePushLockShared(&lock);
    ExReleasePushLockShared(&lock);
    KeLeaveCriticalRegion();
    FltAcquirePushLockExclusiveEx(&lock, 0);
    assert_true(KeAreApcsDisabled());
    FltReleasePushLockEx(&lock, 0);
    assert_false(KeAreApcsDisabled());
    FltAcquirePushLockSharedEx(&lock, 0);
    FltReleasePushLockEx(&lock, 0);
}

/* ---- mutexes ---- */

struct mutual {
    PFAST_MUTEX mutex;
    int *counter;
};

static VOID count_under_mutex(PVOID context)
{
    struct mutual *mutual = context;
    for (int i = 0; i < 50; i++) {
        ExAcquireFastMutex(mutual->mutex);
        int seen = *mutual->counter;
        if (i % 10 == 0)
            pause_ms(1);
        *mutual->counter = seen + 1;
        ExReleaseFastMutex(mutual->mutex);
    }
}

static void test_fast_mutex(void **state)
{
    FAST_MUTEX mutex;
    int counter = 0;
    struct mutual mutual = {&mutex, &counter};
    ExInitializeFastMutex(&mutex);
    ExAcquireFastMutex(&mutex);
    assert_int_equal(KeGetCurrentIrql(), APC_LEVEL);
    assert_false(ExTryToAcquireFastMutex(&mutex));
    ExReleaseFastMutex(&mutex);
    assert_int_equal(KeGetCurrentIrql(), PASSIVE_LEVEL);
    assert_true(ExTryToAcquireFastMutex(&mutex));
    assert_int_equal(KeGetCurrentIrql(), APC_LEVEL);
    ExReleaseFastMutex(&mutex);
    HANDLE a = run_thread(count_under_mutex, &mutual), b = run_thread(count_under_mutex, &mutual);
    join_thread(a);
    join_thread(b);
    assert_int_equal(counter, 100);
    KeEnterCriticalRegion();
    ExAcquireFastMutexUnsafe(&mutex);
    assert_int_equal(KeGetCurrentIrql(), PASSIVE_LEVEL);
    ExReleaseFastMutexUnsafe(&mutex);
    KeLeaveCriticalRegion();
}

static void test_guarded_mutex(void **state)
{
    KGUARDED_MUTEX mutex;
    KeInitializeGuardedMutex(&mutex);
    KeAcquireGuardedMutex(&mutex);
    assert_true(KeAreAllApcsDisabled());
    assert_int_equal(KeGetCurrentIrql(), PASSIVE_LEVEL);
    assert_false(KeTryToAcquireGuardedMutex(&mutex));
    KeReleaseGuardedMutex(&mutex);
    assert_false(KeAreAllApcsDisabled());
    assert_true(KeTryToAcquireGuardedMutex(&mutex));
    KeReleaseGuardedMutex(&mutex);
    KeEnterGuardedRegion();
    KeAcquireGuardedMutexUnsafe(&mutex);
    KeReleaseGuardedMutexUnsafe(&mutex);
    KeLeaveGuardedRegion();
}

static void test_reader_writer_spin_lock(void **state)
{
    EX_SPIN_LOCK lock = 0;
    KIRQL old = ExAcquireSpinLockShared(&lock);
    assert_int_equal(KeGetCurrentIrql(), DISPATCH_LEVEL);
    ExAcquireSpinLockSharedAtDpcLevel(&lock);
    assert_false(ExTryConvertSharedSpinLockExclusive(&lock));
    assert_false(ExTryAcquireSpinLockExclusiveAtDpcLevel(&lock));
    ExReleaseSpinLockSharedFromDpcLevel(&lock);
    assert_true(ExTryConvertSharedSpinLockExclusive(&lock));
    assert_false(ExTryAcquireSpinLockSharedAtDpcLevel(&lock));
    ExReleaseSpinLockExclusive(&lock, old);
    assert_int_equal(KeGetCurrentIrql(), PASSIVE_LEVEL);
    old = ExAcquireSpinLockExclusive(&lock);
    ExReleaseSpinLockExclusive(&lock, old);
    assert_int_equal(lock, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_shared_and_exclusive),
        TEST(test_recursion),
        TEST(test_convert_and_owner_pointer),
        TEST(test_resource_with_critical_region),
        TEST(test_push_lock_order),
        TEST(test_push_lock_forms),
        TEST(test_fast_mutex),
        TEST(test_guarded_mutex),
        TEST(test_reader_writer_spin_lock),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
