/* Rundown protection. */
#include "ex_test.h"

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
        WRONG(test_released_too_often),  WRONG(test_released_after_rundown), WRONG(test_never_released),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
