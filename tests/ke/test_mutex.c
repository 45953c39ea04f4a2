#include "kernel.h"

static KMUTEX mutex;
static KMUTANT mutant;

static void a_mutex_is_recursive(void **state)
{
    KeInitializeMutex(&mutex, 0);
    assert_int_equal(KeReadStateMutex(&mutex), 1);
    assert_int_equal(wait_for(&mutex), STATUS_SUCCESS);
    assert_int_equal(wait_for(&mutex), STATUS_SUCCESS);
    assert_int_equal(KeReadStateMutex(&mutex), -1);
    assert_int_equal(KeReleaseMutex(&mutex, FALSE), -1);
    assert_int_equal(KeReleaseMutex(&mutex, FALSE), 0);
    assert_int_equal(KeReadStateMutex(&mutex), 1);
}

static void owning_a_mutex_disables_kernel_apcs(void **state)
{
    KeInitializeMutex(&mutex, 0);
    wait_for(&mutex);
    wait_for(&mutex);
    assert_true(KeAreApcsDisabled());
    KeReleaseMutex(&mutex, FALSE);
    assert_true(KeAreApcsDisabled());
    KeReleaseMutex(&mutex, FALSE);
    assert_false(KeAreApcsDisabled());
}

static int counter;

static int add_under_mutex(void *argument)
{
    for (int i = 0; i < 500; i++) {
        wait_for(&mutex);
        int seen = counter;
        if (i % 16 == 0)
            fltsim_yield();
        counter = seen + 1;
        KeReleaseMutex(&mutex, FALSE);
    }
    return 0;
}

static void a_mutex_keeps_others_out(void **state)
{
    struct fltsim_thread *threads[4];
    KeInitializeMutex(&mutex, 0);
    counter = 0;
    for (int i = 0; i < 4; i++)
        threads[i] = run(add_under_mutex, NULL);
    for (int i = 0; i < 4; i++)
        fltsim_thread_join(threads[i]);
    assert_int_equal(counter, 2000);
}

static int poll_mutex(void *argument) { return poll(argument); }

static void others_time_out(void **state)
{
    KeInitializeMutex(&mutex, 0);
    wait_for(&mutex);
    assert_int_equal(fltsim_thread_join(run(poll_mutex, &mutex)), STATUS_TIMEOUT);
    KeReleaseMutex(&mutex, FALSE);
}

static int take_and_end(void *argument) { return wait_for(argument); }

static void an_abandoned_mutant_says_so_once(void **state)
{
    KeInitializeMutant(&mutant, FALSE);
    assert_int_equal(fltsim_thread_join(run(take_and_end, &mutant)), STATUS_SUCCESS);
    assert_int_equal(wait_for(&mutant), STATUS_ABANDONED);
    KeReleaseMutex(&mutant, FALSE);
    assert_int_equal(wait_for(&mutant), STATUS_SUCCESS);
    KeReleaseMutex(&mutant, FALSE);
}

static int take_later(void *argument)
{
    NTSTATUS status = wait_for(argument);
    KeReleaseMutex(argument, FALSE);
    return status;
}

static int take_and_sleep(void *argument)
{
    wait_for(argument);
    fltsim_sleep(5);
    return 0;
}

static void a_waiter_inherits_an_abandoned_mutant(void **state)
{
    KeInitializeMutant(&mutant, FALSE);
    struct fltsim_thread *first = run(take_and_sleep, &mutant);
    fltsim_sleep(1);
    struct fltsim_thread *second = run(take_later, &mutant);
    fltsim_thread_join(first);
    assert_int_equal(fltsim_thread_join(second), STATUS_ABANDONED);
}

static void a_thread_must_not_end_with_a_kernel_mutex(void **state)
{
    KeInitializeMutex(&mutex, 0);
    struct fltsim_thread *thread = run(take_and_end, &mutex);
    fltsim_thread_join(thread);
    assert_string_equal(fltsim_last_rule(), "thread-ends-holding");
    assert_int_equal(wait_for(&mutex), STATUS_ABANDONED);
    KeReleaseMutex(&mutex, FALSE);
}

static void release_of_another(void *argument)
{
    KeInitializeMutex(&mutex, 0);
    KeReleaseMutex(&mutex, FALSE);
}

static void only_the_owner_releases(void **state)
{
    assert_false(fltsim_try(release_of_another, NULL));
    assert_string_equal(fltsim_last_rule(), "unhandled-exception");
}

static void a_mutant_can_be_born_owned(void **state)
{
    KeInitializeMutant(&mutant, TRUE);
    assert_int_equal(KeReadStateMutex(&mutant), 0);
    assert_false(KeAreApcsDisabled());
    assert_int_equal(fltsim_thread_join(run(poll_mutex, &mutant)), STATUS_TIMEOUT);
    KeReleaseMutex(&mutant, FALSE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        kernel_test(a_mutex_is_recursive),
        kernel_test(owning_a_mutex_disables_kernel_apcs),
        kernel_test(a_mutex_keeps_others_out),
        kernel_test(others_time_out),
        kernel_test(an_abandoned_mutant_says_so_once),
        kernel_test(a_waiter_inherits_an_abandoned_mutant),
        broken_test(a_thread_must_not_end_with_a_kernel_mutex),
        broken_test(only_the_owner_releases),
        kernel_test(a_mutant_can_be_born_owned),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
