#include "kernel.h"

static KSEMAPHORE semaphore;
static atomic_int passed;

static void a_semaphore_counts(void **state)
{
    KeInitializeSemaphore(&semaphore, 2, 3);
    assert_int_equal(wait_for(&semaphore), STATUS_SUCCESS);
    assert_int_equal(wait_for(&semaphore), STATUS_SUCCESS);
    assert_int_equal(poll(&semaphore), STATUS_TIMEOUT);
    assert_int_equal(KeReleaseSemaphore(&semaphore, 0, 1, FALSE), 0);
    assert_int_equal(KeReleaseSemaphore(&semaphore, 0, 2, FALSE), 1);
    assert_int_equal(KeReadStateSemaphore(&semaphore), 3);
}

static void release_too_much(void *argument)
{
    KeInitializeSemaphore(&semaphore, 1, 2);
    KeReleaseSemaphore(&semaphore, 0, 2, FALSE);
}

static void the_limit_is_an_exception(void **state)
{
    assert_false(fltsim_try(release_too_much, NULL));
    assert_string_equal(fltsim_last_rule(), "unhandled-exception");
    assert_int_equal(semaphore.Header.SignalState, 1);
}

static int pass(void *argument)
{
    wait_for(&semaphore);
    atomic_fetch_add(&passed, 1);
    return 0;
}

static void a_release_wakes_as_many_as_it_adds(void **state)
{
    struct fltsim_thread *threads[5];
    KeInitializeSemaphore(&semaphore, 0, 10);
    atomic_store(&passed, 0);
    for (int i = 0; i < 5; i++)
        threads[i] = run(pass, NULL);
    fltsim_sleep(1);
    KeReleaseSemaphore(&semaphore, 0, 2, FALSE);
    fltsim_sleep(1);
    assert_int_equal(atomic_load(&passed), 2);
    KeReleaseSemaphore(&semaphore, 0, 4, FALSE);
    for (int i = 0; i < 5; i++)
        fltsim_thread_join(threads[i]);
    assert_int_equal(KeReadStateSemaphore(&semaphore), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        kernel_test(a_semaphore_counts),
        broken_test(the_limit_is_an_exception),
        kernel_test(a_release_wakes_as_many_as_it_adds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
