/* Rundown protection. */
#include "ex_test.h"

#include <fltsim/fault.h>

static void test_acquire_and_run_down(void **state)
{
    EX_RUNDOWN_REF ref;
    ExInitializeRundownProtection(&ref);
    assert_true(ExAcquireRundownProtection(&ref));
    assert_true(ExAcquireRundownProtectionEx(&ref, 3));
    ExReleaseRundownProtectionEx(&ref, 2);
    ExReleaseRundownProtection(&ref);
    ExReleaseRundownProtection(&ref);
    ExWaitForRundownProtectionRelease(&ref);
    assert_false(ExAcquireRundownProtection(&ref));
    ExWaitForRundownProtectionRelease(&ref);
    ExRundownCompleted(&ref);
    assert_false(ExAcquireRundownProtection(&ref));
    ExReInitializeRundownProtection(&ref);
    assert_true(ExAcquireRundownProtection(&ref));
    ExReleaseRundownProtection(&ref);
    ExWaitForRundownProtectionRelease(&ref);
}

struct waiting {
    EX_RUNDOWN_REF ref;
    volatile bool done;
};

static VOID wait_for_release(PVOID context)
{
    struct waiting *waiting = context;
    ExWaitForRundownProtectionRelease(&waiting->ref);
    waiting->done = true;
}

static void test_waits_for_references(void **state)
{
    struct waiting waiting = {.done = false};
    ExInitializeRundownProtection(&waiting.ref);
    ExAcquireRundownProtectionEx(&waiting.ref, 2);
    HANDLE thread = run_thread(wait_for_release, &waiting);
    pause_ms(1);
    assert_false(waiting.done);
    assert_false(ExAcquireRundownProtection(&waiting.ref));
    ExReleaseRundownProtection(&waiting.ref);
    pause_ms(1);
    assert_false(waiting.done);
    ExReleaseRundownProtection(&waiting.ref);
    join_thread(thread);
    assert_true(waiting.done);
    assert_false(ExAcquireRundownProtection(&waiting.ref));
}

static void test_cache_aware(void **state)
{
    PEX_RUNDOWN_REF_CACHE_AWARE ref = ExAllocateCacheAwareRundownProtection(NonPagedPoolNx, 'nuRx');
    assert_non_null(ref);
    assert_true(ExAcquireRundownProtectionCacheAware(ref));
    ExReleaseRundownProtectionCacheAware(ref);
    ExWaitForRundownProtectionReleaseCacheAware(ref);
    assert_false(ExAcquireRundownProtectionCacheAware(ref));
    ExReInitializeRundownProtectionCacheAware(ref);
    assert_true(ExAcquireRundownProtectionCacheAware(ref));
    ExReleaseRundownProtectionCacheAware(ref);
    ExFreeCacheAwareRundownProtection(ref);
}

static void test_cache_aware_in_own_memory(void **state)
{
    SIZE_T size = ExSizeOfRundownProtectionCacheAware();
    PEX_RUNDOWN_REF_CACHE_AWARE ref = ExAllocatePoolWithTag(NonPagedPoolNx, size, 'nuRx');
    ExInitializeRundownProtectionCacheAware(ref, size);
    assert_true(ExAcquireRundownProtectionCacheAwareEx(ref, 3));
    ExReleaseRundownProtectionCacheAwareEx(ref, 2);
    ExReleaseRundownProtectionCacheAware(ref);
    ExWaitForRundownProtectionReleaseCacheAware(ref);
    ExRundownCompletedCacheAware(ref);
    ExWaitForRundownProtectionReleaseCacheAware(ref);
    assert_false(ExAcquireRundownProtectionCacheAwareEx(ref, 1));
    ExReInitializeRundownProtectionCacheAware(ref);
    assert_true(ExAcquireRundownProtectionCacheAware(ref));
    ExReleaseRundownProtectionCacheAware(ref);
    ExFreePoolWithTag(ref, 'nuRx');
}

static void test_no_memory(void **state)
{
    fltsim_fail_allocation(1);
    assert_null(ExAllocateCacheAwareRundownProtection(NonPagedPoolNx, 'nuRx'));
}

static VOID release_elsewhere(PVOID ref)
{
    ExReleaseRundownProtectionCacheAware(ref);
}

static void test_released_by_another_thread(void **state)
{
    PEX_RUNDOWN_REF_CACHE_AWARE ref = ExAllocateCacheAwareRundownProtection(NonPagedPoolNx, 'nuRx');
    for (int i = 0; i < 4; i++) {
        assert_true(ExAcquireRundownProtectionCacheAware(ref));
        join_thread(run_thread(release_elsewhere, ref));
    }
    ExWaitForRundownProtectionReleaseCacheAware(ref);
    assert_false(ExAcquireRundownProtectionCacheAware(ref));
    ExFreeCacheAwareRundownProtection(ref);
}

/* ---- many threads ---- */

enum { USERS = 4, ROUNDS = 60 };

static struct shared {
    EX_RUNDOWN_REF ref;
    PEX_RUNDOWN_REF_CACHE_AWARE aware; /* NULL: ref */
    volatile LONG alive, wrong, stop;
    KEVENT used;
} *shared;

static bool enter(void)
{
    return shared->aware ? ExAcquireRundownProtectionCacheAware(shared->aware) : ExAcquireRundownProtection(&shared->ref);
}

static void leave(void)
{
    if (shared->aware)
        ExReleaseRundownProtectionCacheAware(shared->aware);
    else
        ExReleaseRundownProtection(&shared->ref);
}

static VOID use_while_there(PVOID unused)
{
    while (!__atomic_load_n(&shared->stop, __ATOMIC_ACQUIRE)) {
        if (!enter()) {
            fltsim_yield();
            continue;
        }
        if (!__atomic_load_n(&shared->alive, __ATOMIC_ACQUIRE))
            __atomic_add_fetch(&shared->wrong, 1, __ATOMIC_RELAXED);
        KeSetEvent(&shared->used, IO_NO_INCREMENT, FALSE);
        fltsim_yield();
        if (!__atomic_load_n(&shared->alive, __ATOMIC_ACQUIRE))
            __atomic_add_fetch(&shared->wrong, 1, __ATOMIC_RELAXED);
        leave();
    }
}

static void run_down_and_up_again(void)
{
    if (shared->aware)
        ExWaitForRundownProtectionReleaseCacheAware(shared->aware);
    else
        ExWaitForRundownProtectionRelease(&shared->ref);
    __atomic_store_n(&shared->alive, 0, __ATOMIC_RELEASE); /* nobody is inside, and nobody gets in */
    fltsim_yield();
    __atomic_store_n(&shared->alive, 1, __ATOMIC_RELEASE);
    if (shared->aware)
        ExReInitializeRundownProtectionCacheAware(shared->aware);
    else
        ExReInitializeRundownProtection(&shared->ref);
}

static void under_stress(bool aware)
{
    struct shared memory = {.alive = 1};
    HANDLE threads[USERS];
    shared = &memory;
    ExInitializeRundownProtection(&memory.ref);
    KeInitializeEvent(&memory.used, SynchronizationEvent, FALSE);
    memory.aware = aware ? ExAllocateCacheAwareRundownProtection(NonPagedPoolNx, 'nuRx') : NULL;
    for (int i = 0; i < USERS; i++)
        threads[i] = run_thread(use_while_there, NULL);
    for (int i = 0; i < ROUNDS; i++) {
        KeWaitForSingleObject(&memory.used, Executive, KernelMode, FALSE, NULL);
        run_down_and_up_again();
    }
    __atomic_store_n(&memory.stop, 1, __ATOMIC_RELEASE);
    for (int i = 0; i < USERS; i++)
        join_thread(threads[i]);
    assert_int_equal(memory.wrong, 0);
    if (aware)
        ExFreeCacheAwareRundownProtection(memory.aware);
}

static void test_nobody_is_inside_after_the_wait(void **state) { under_stress(false); }
static void test_nobody_is_inside_after_the_wait_cache_aware(void **state) { under_stress(true); }

static void test_cache_aware_released_too_often(void **state)
{
    PEX_RUNDOWN_REF_CACHE_AWARE ref = ExAllocateCacheAwareRundownProtection(NonPagedPoolNx, 'nuRx');
    ExReleaseRundownProtectionCacheAware(ref);
    ExWaitForRundownProtectionReleaseCacheAware(ref);
    ExFreeCacheAwareRundownProtection(ref);
    expect_report("rundown-misuse", "released more often than it was acquired", "by test_cache_aware_released_too_often");
}

static void test_released_too_often(void **state)
{
    EX_RUNDOWN_REF ref;
    ExInitializeRundownProtection(&ref);
    ExReleaseRundownProtection(&ref);
    expect_report("rundown-misuse", "released more often than it was acquired", "by test_released_too_often");
}

static void test_released_after_rundown(void **state)
{
    EX_RUNDOWN_REF ref;
    ExInitializeRundownProtection(&ref);
    ExWaitForRundownProtectionRelease(&ref);
    ExReleaseRundownProtection(&ref);
    expect_report("rundown-misuse", "after it had run down", "by test_released_after_rundown");
}

static void test_initialized_again_before_rundown(void **state)
{
    EX_RUNDOWN_REF ref;
    ExInitializeRundownProtection(&ref);
    ExReInitializeRundownProtection(&ref);
    expect_report("rundown-misuse", "initialized again before it had run down", "by test_initialized_again_before_rundown");
}

static void test_cache_aware_initialized_again_before_rundown(void **state)
{
    PEX_RUNDOWN_REF_CACHE_AWARE ref = ExAllocateCacheAwareRundownProtection(NonPagedPoolNx, 'nuRx');
    ExReInitializeRundownProtectionCacheAware(ref);
    ExFreeCacheAwareRundownProtection(ref);
    expect_report("rundown-misuse", "initialized again before it had run down",
                  "by test_cache_aware_initialized_again_before_rundown");
}

static void wait_for_ever(void *unused)
{
    EX_RUNDOWN_REF ref;
    ExInitializeRundownProtection(&ref);
    ExAcquireRundownProtection(&ref);
    ExWaitForRundownProtectionRelease(&ref);
}

static void test_never_released(void **state)
{
    struct fltsim_report *report;
    assert_false(fltsim_try(wait_for_ever, NULL));
    assert_string_equal(fltsim_last_rule(), "deadlock");
    fltsim_stop(&report);
    assert_non_null(strstr(report->violations[0].history, "rundown protection"));
    fltsim_report_free(report);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_acquire_and_run_down), TEST(test_waits_for_references),    TEST(test_cache_aware),
        TEST(test_cache_aware_in_own_memory),   TEST(test_no_memory),
        TEST(test_released_by_another_thread), TEST(test_nobody_is_inside_after_the_wait),
        TEST(test_nobody_is_inside_after_the_wait_cache_aware), WRONG(test_cache_aware_released_too_often),
        WRONG(test_released_too_often),  WRONG(test_released_after_rundown), WRONG(test_never_released),
        WRONG(test_initialized_again_before_rundown), WRONG(test_cache_aware_initialized_again_before_rundown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
