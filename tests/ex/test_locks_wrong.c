/* Locks used wrongly. */
#include "ex_test.h"

#include <fltKernel.h>

static ERESOURCE resource;
static EX_PUSH_LOCK push_lock;
static FAST_MUTEX mutex;

static int start_with_locks(void **state)
{
    start_quiet_machine(state);
    ExInitializeResourceLite(&resource);
    FltInitializePushLock(&push_lock);
    ExInitializeFastMutex(&mutex);
    return 0;
}

static void fails(void (*body)(void *), const char *rule, const char *what, const char *history)
{
    assert_false(fltsim_try(body, NULL));
    expect_report(rule, what, history);
}

static void release_resource_nobody_holds(void *unused) { ExReleaseResourceLite(&resource); }

static void test_resource_not_owned(void **state)
{
    fails(release_resource_nobody_holds, "lock-misuse", "released by a thread that does not hold it",
          "by release_resource_nobody_holds");
}

static void delete_held_resource(void *unused)
{
    FltAcquireResourceShared(&resource);
    ExDeleteResourceLite(&resource);
}

static void test_resource_deleted_while_held(void **state)
{
    fails(delete_held_resource, "lock-misuse", "deleted while it is held", "by delete_held_resource");
}

static void upgrade(void *unused)
{
    FltAcquireResourceShared(&resource);
    FltAcquireResourceExclusive(&resource);
}

static void test_resource_upgrade(void **state)
{
    fails(upgrade, "lock-misuse", "by a thread that holds it shared", "by upgrade");
}

static void use_uninitialized(void *unused)
{
    ERESOURCE other = {0};
    FltAcquireResourceShared(&other);
}

static void test_resource_not_initialized(void **state)
{
    fails(use_uninitialized, "lock-misuse", "before it was initialized", "by use_uninitialized");
}

static void test_apcs_enabled(void **state)
{
    ExAcquireResourceSharedLite(&resource, TRUE);
    ExReleaseResourceLite(&resource);
    ExDeleteResourceLite(&resource);
    expect_report("apc-disabled", "ExAcquireResourceSharedLite was called with normal kernel APCs enabled",
                  "called by test_apcs_enabled");
}

static void test_resource_not_deleted(void **state)
{
    expect_report("not-deleted", "1 resource (ExDeleteResourceLite) was left undeleted when the machine stopped.",
                  "initialized by start_with_locks");
}

static void test_push_lock_apcs_enabled(void **state)
{
    ExAcquirePushLockExclusive(&push_lock);
    ExReleasePushLockExclusive(&push_lock);
    ExDeleteResourceLite(&resource);
    expect_report("apc-disabled", "ExAcquirePushLockExclusive", "called by test_push_lock_apcs_enabled");
}

static void recurse_push(void *unused)
{
    FltAcquirePushLockExclusive(&push_lock);
    FltAcquirePushLockShared(&push_lock);
}

static void test_push_lock_recursion(void **state)
{
    fails(recurse_push, "lock-misuse", "acquired again by the thread that holds it", "by recurse_push");
}

static void release_free_push(void *unused) { FltReleasePushLock(&push_lock); }

static void test_push_lock_not_held(void **state)
{
    fails(release_free_push, "lock-misuse", "nobody holds it so", "by release_free_push");
}

static void recurse_mutex(void *unused)
{
    ExAcquireFastMutex(&mutex);
    ExAcquireFastMutex(&mutex);
}

static void test_mutex_recursion(void **state)
{
    fails(recurse_mutex, "lock-misuse", "acquired again by the thread that holds it", "by recurse_mutex");
}

static void release_free_mutex(void *unused) { ExReleaseFastMutex(&mutex); }

static void test_mutex_not_held(void **state)
{
    fails(release_free_mutex, "lock-misuse", "does not hold it", "by release_free_mutex");
}

static VOID take_and_wait(PVOID event)
{
    FltAcquireResourceExclusive(&resource);
    KeWaitForSingleObject(event, Executive, KernelMode, FALSE, NULL);
    FltReleaseResource(&resource);
}

static void wait_for_each_other(void *unused)
{
    KEVENT never;
    KeInitializeEvent(&never, NotificationEvent, FALSE);
    run_thread(take_and_wait, &never);
    pause_ms(1);
    FltAcquireResourceExclusive(&resource);
}

static void test_deadlock_names_the_resource(void **state)
{
    struct fltsim_report *report;
    assert_false(fltsim_try(wait_for_each_other, NULL));
    assert_string_equal(fltsim_last_rule(), "deadlock");
    fltsim_stop(&report);
    assert_non_null(strstr(report->violations[0].history, "ERESOURCE"));
    assert_non_null(strstr(report->violations[0].history, "wait_for_each_other"));
    fltsim_report_free(report);
}

int main(void)
{
#define LOCK_TEST(name) cmocka_unit_test_setup_teardown(name, start_with_locks, NULL)
    const struct CMUnitTest tests[] = {
        LOCK_TEST(test_resource_not_owned),
        LOCK_TEST(test_resource_deleted_while_held),
        LOCK_TEST(test_resource_upgrade),
        LOCK_TEST(test_resource_not_initialized),
        LOCK_TEST(test_apcs_enabled),
        LOCK_TEST(test_resource_not_deleted),
        LOCK_TEST(test_push_lock_apcs_enabled),
        LOCK_TEST(test_push_lock_recursion),
        LOCK_TEST(test_push_lock_not_held),
        LOCK_TEST(test_mutex_recursion),
        LOCK_TEST(test_mutex_not_held),
        LOCK_TEST(test_deadlock_names_the_resource),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
