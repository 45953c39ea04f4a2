#include "kernel.h"

static KSPIN_LOCK lock;
static int counter;

static void a_lock_raises_and_restores(void **state)
{
    KIRQL old;
    KLOCK_QUEUE_HANDLE handle;
    KeInitializeSpinLock(&lock);
    KeAcquireSpinLock(&lock, &old);
    assert_int_equal(KeGetCurrentIrql(), DISPATCH_LEVEL);
    assert_false(KeTestSpinLock(&lock));
    assert_false(KeTryToAcquireSpinLockAtDpcLevel(&lock));
    KeReleaseSpinLock(&lock, old);
    assert_int_equal(KeGetCurrentIrql(), PASSIVE_LEVEL);
    KeAcquireInStackQueuedSpinLock(&lock, &handle);
    assert_int_equal(KeGetCurrentIrql(), DISPATCH_LEVEL);
    KeReleaseInStackQueuedSpinLock(&handle);
    assert_int_equal(KeGetCurrentIrql(), PASSIVE_LEVEL);
    old = KeRaiseIrqlToDpcLevel();
    KeAcquireSpinLockAtDpcLevel(&lock);
    KeReleaseSpinLockFromDpcLevel(&lock);
    KeAcquireInStackQueuedSpinLockAtDpcLevel(&lock, &handle);
    KeReleaseInStackQueuedSpinLockFromDpcLevel(&handle);
    assert_true(KeTryToAcquireSpinLockAtDpcLevel(&lock));
    KeReleaseSpinLockFromDpcLevel(&lock);
    KeLowerIrql(old);
}

static void every_spelling_is_the_same_lock(void **state)
{
    KLOCK_QUEUE_HANDLE handle;
    KIRQL old;
    KeInitializeSpinLock(&lock);
    old = KeAcquireSpinLockRaiseToDpc(&lock);
    KeReleaseSpinLock(&lock, old);
    old = KeAcquireSpinLockRaiseToSynch(&lock);
    KfReleaseSpinLock(&lock, old);
    old = KfAcquireSpinLock(&lock);
    KfReleaseSpinLock(&lock, old);
    old = KeAcquireSpinLockForDpc(&lock);
    assert_int_equal(old, PASSIVE_LEVEL);
    KeReleaseSpinLockForDpc(&lock, old);
    KeAcquireInStackQueuedSpinLockForDpc(&lock, &handle);
    assert_false(KeTestSpinLock(&lock));
    KeReleaseInStackQueuedSpinLockForDpc(&handle);
    assert_true(KeTestSpinLock(&lock));
    assert_int_equal(KeGetCurrentIrql(), PASSIVE_LEVEL);
    old = KeRaiseIrqlToDpcLevel();
    KefAcquireSpinLockAtDpcLevel(&lock);
    assert_false(KeTestSpinLock(&lock));
    KefReleaseSpinLockFromDpcLevel(&lock);
    KeLowerIrql(old);
}

static int add(void *argument)
{
    for (int i = 0; i < 1000; i++) {
        KIRQL old;
        KeAcquireSpinLock(&lock, &old);
        int seen = counter;
        if (i % 100 == 0)
            fltsim_yield();
        counter = seen + 1;
        KeReleaseSpinLock(&lock, old);
    }
    return 0;
}

static void a_lock_keeps_others_out(void **state)
{
    struct fltsim_thread *threads[4];
    KeInitializeSpinLock(&lock);
    counter = 0;
    for (int i = 0; i < 4; i++)
        threads[i] = run(add, NULL);
    for (int i = 0; i < 4; i++)
        fltsim_thread_join(threads[i]);
    assert_int_equal(counter, 4000);
}

static void take_twice(void *argument)
{
    KIRQL old;
    KeAcquireSpinLock(&lock, &old);
    KeAcquireSpinLockAtDpcLevel(&lock);
}

static void a_lock_is_not_recursive(void **state)
{
    KeInitializeSpinLock(&lock);
    assert_false(fltsim_try(take_twice, NULL));
    assert_string_equal(fltsim_last_rule(), "spin-lock-misuse");
}

static void release_free(void *argument)
{
    KIRQL old = KeRaiseIrqlToDpcLevel();
    KeReleaseSpinLock(&lock, old);
}

static void a_free_lock_cannot_be_released(void **state)
{
    KeInitializeSpinLock(&lock);
    assert_false(fltsim_try(release_free, NULL));
    assert_string_equal(fltsim_last_rule(), "spin-lock-misuse");
}

static int hold_for_ever(void *argument)
{
    KIRQL old;
    KeAcquireSpinLock(&lock, &old);
    return 0;
}

static void wait_for_lost_lock(void *argument)
{
    KIRQL old;
    fltsim_thread_join(run(hold_for_ever, NULL));
    KeAcquireSpinLock(&lock, &old);
}

static void a_lost_lock_is_a_deadlock(void **state)
{
    KeInitializeSpinLock(&lock);
    assert_false(fltsim_try(wait_for_lost_lock, NULL));
    assert_string_equal(fltsim_last_rule(), "deadlock");
}

static void the_at_dpc_level_routines_need_dispatch_level(void **state)
{
    KeInitializeSpinLock(&lock);
    KeAcquireSpinLockAtDpcLevel(&lock);
    assert_string_equal(fltsim_last_rule(), "irql-too-low");
    KIRQL old = KeRaiseIrqlToDpcLevel();
    KeReleaseSpinLockFromDpcLevel(&lock);
    KeLowerIrql(old);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        kernel_test(a_lock_raises_and_restores),
        kernel_test(every_spelling_is_the_same_lock),
        kernel_test(a_lock_keeps_others_out),
        broken_test(a_lock_is_not_recursive),
        broken_test(a_free_lock_cannot_be_released),
        broken_test(a_lost_lock_is_a_deadlock),
        broken_test(the_at_dpc_level_routines_need_dispatch_level),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
