#include "kernel.h"

static KEVENT first, second, third;
static KSEMAPHORE semaphore;
static KMUTEX mutex;
static KWAIT_BLOCK blocks[MAXIMUM_WAIT_OBJECTS];

static NTSTATUS wait_many(ULONG count, PVOID *objects, WAIT_TYPE type, int milliseconds)
{
    LARGE_INTEGER timeout = after_ms(milliseconds);
    return KeWaitForMultipleObjects(count, objects, type, Executive, KernelMode, FALSE,
                                    milliseconds < 0 ? NULL : &timeout, blocks);
}

static void initialize(EVENT_TYPE type)
{
    KeInitializeEvent(&first, type, FALSE);
    KeInitializeEvent(&second, type, FALSE);
    KeInitializeEvent(&third, type, FALSE);
    KeInitializeSemaphore(&semaphore, 0, 10);
    KeInitializeMutex(&mutex, 0);
}

static void any_answers_the_first_that_is_signalled(void **state)
{
    PVOID objects[] = {&first, &second, &third};
    initialize(SynchronizationEvent);
    assert_int_equal(wait_many(3, objects, WaitAny, 0), STATUS_TIMEOUT);
    KeSetEvent(&third, 0, FALSE);
    KeSetEvent(&second, 0, FALSE);
    assert_int_equal(wait_many(3, objects, WaitAny, -1), STATUS_WAIT_1);
    assert_int_equal(wait_many(3, objects, WaitAny, -1), STATUS_WAIT_2);
    assert_int_equal(wait_many(3, objects, WaitAny, 5), STATUS_TIMEOUT);
}

static int set_second(void *argument)
{
    fltsim_sleep(2);
    KeSetEvent(&second, 0, FALSE);
    return 0;
}

static void any_wakes_with_the_index(void **state)
{
    PVOID objects[] = {&first, &second, &third};
    initialize(SynchronizationEvent);
    struct fltsim_thread *thread = run(set_second, NULL);
    assert_int_equal(wait_many(3, objects, WaitAny, -1), STATUS_WAIT_1);
    fltsim_thread_join(thread);
    assert_int_equal(KeReadStateEvent(&second), 0);
}

static void all_takes_nothing_until_it_takes_everything(void **state)
{
    PVOID objects[] = {&first, &semaphore, &mutex};
    initialize(SynchronizationEvent);
    KeSetEvent(&first, 0, FALSE);
    assert_int_equal(wait_many(3, objects, WaitAll, 3), STATUS_TIMEOUT);
    assert_int_equal(KeReadStateEvent(&first), 1);
    KeReleaseSemaphore(&semaphore, 0, 2, FALSE);
    assert_int_equal(wait_many(3, objects, WaitAll, 3), STATUS_SUCCESS);
    assert_int_equal(KeReadStateEvent(&first), 0);
    assert_int_equal(KeReadStateSemaphore(&semaphore), 1);
    assert_int_equal(KeReleaseMutex(&mutex, FALSE), 0);
}

static atomic_int all_done;

static int wait_for_all(void *argument)
{
    PVOID objects[] = {&first, &second, &third};
    KWAIT_BLOCK own[3];
    NTSTATUS status =
        KeWaitForMultipleObjects(3, objects, WaitAll, Executive, KernelMode, FALSE, NULL, own);
    atomic_fetch_add(&all_done, 1);
    return status;
}

static void all_wakes_with_the_last_one(void **state)
{
    initialize(SynchronizationEvent);
    atomic_store(&all_done, 0);
    struct fltsim_thread *thread = run(wait_for_all, NULL);
    fltsim_sleep(1);
    KeSetEvent(&first, 0, FALSE);
    KeSetEvent(&third, 0, FALSE);
    fltsim_sleep(1);
    assert_int_equal(atomic_load(&all_done), 0);
    assert_int_equal(KeReadStateEvent(&first), 1);
    KeSetEvent(&second, 0, FALSE);
    assert_int_equal(fltsim_thread_join(thread), STATUS_SUCCESS);
    assert_int_equal(KeReadStateEvent(&first) + KeReadStateEvent(&second) + KeReadStateEvent(&third), 0);
}

static void a_thief_between_makes_all_wait_on(void **state)
{
    initialize(SynchronizationEvent);
    atomic_store(&all_done, 0);
    struct fltsim_thread *thread = run(wait_for_all, NULL);
    fltsim_sleep(1);
    KeSetEvent(&first, 0, FALSE);
    KeSetEvent(&second, 0, FALSE);
    assert_int_equal(poll(&first), STATUS_SUCCESS);
    KeSetEvent(&third, 0, FALSE);
    fltsim_sleep(1);
    assert_int_equal(atomic_load(&all_done), 0);
    KeSetEvent(&first, 0, FALSE);
    assert_int_equal(fltsim_thread_join(thread), STATUS_SUCCESS);
}

static void two_that_want_all_get_it_in_turn(void **state)
{
    initialize(SynchronizationEvent);
    atomic_store(&all_done, 0);
    struct fltsim_thread *one = run(wait_for_all, NULL), *two = run(wait_for_all, NULL);
    fltsim_sleep(1);
    for (int i = 1; i <= 2; i++) {
        KeSetEvent(&first, 0, FALSE);
        KeSetEvent(&second, 0, FALSE);
        KeSetEvent(&third, 0, FALSE);
        fltsim_sleep(1);
        assert_int_equal(atomic_load(&all_done), i);
    }
    fltsim_thread_join(one);
    fltsim_thread_join(two);
}

static int abandon(void *argument)
{
    wait_for(argument);
    return 0;
}

static void an_abandoned_mutant_shows_in_the_status(void **state)
{
    KMUTANT mutant;
    PVOID objects[] = {&first, &mutant};
    initialize(NotificationEvent);
    KeInitializeMutant(&mutant, FALSE);
    fltsim_thread_join(run(abandon, &mutant));
    assert_int_equal(wait_many(2, objects, WaitAny, -1), STATUS_ABANDONED_WAIT_0 + 1);
    KeReleaseMutex(&mutant, FALSE);
    fltsim_thread_join(run(abandon, &mutant));
    KeSetEvent(&first, 0, FALSE);
    assert_int_equal(wait_many(2, objects, WaitAll, -1), STATUS_ABANDONED_WAIT_0);
    KeReleaseMutex(&mutant, FALSE);
}

static void many_objects_need_wait_blocks(void **state)
{
    static KEVENT events[MAXIMUM_WAIT_OBJECTS];
    PVOID objects[MAXIMUM_WAIT_OBJECTS];
    initialize(NotificationEvent);
    for (int i = 0; i < MAXIMUM_WAIT_OBJECTS; i++) {
        KeInitializeEvent(&events[i], SynchronizationEvent, FALSE);
        objects[i] = &events[i];
    }
    assert_int_equal(wait_many(MAXIMUM_WAIT_OBJECTS, objects, WaitAny, 1), STATUS_TIMEOUT);
    KeSetEvent(&events[63], 0, FALSE);
    assert_int_equal(wait_many(MAXIMUM_WAIT_OBJECTS, objects, WaitAny, -1), STATUS_WAIT_63);
    KMUTANT mutant;
    KeInitializeMutant(&mutant, FALSE);
    fltsim_thread_join(run(abandon, &mutant));
    objects[63] = &mutant;
    assert_int_equal(wait_many(MAXIMUM_WAIT_OBJECTS, objects, WaitAny, -1), STATUS_ABANDONED_WAIT_63);
    KeReleaseMutex(&mutant, FALSE);
}

static void without_blocks(void *argument)
{
    PVOID objects[] = {&first, &second, &third, &semaphore};
    KeWaitForMultipleObjects(4, objects, WaitAny, Executive, KernelMode, FALSE, NULL, NULL);
}

static void too_many_objects_are_a_bug_check(void **state)
{
    initialize(NotificationEvent);
    assert_false(fltsim_try(without_blocks, NULL));
    assert_string_equal(fltsim_last_rule(), "bugcheck");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        kernel_test(any_answers_the_first_that_is_signalled),
        kernel_test(any_wakes_with_the_index),
        kernel_test(all_takes_nothing_until_it_takes_everything),
        kernel_test(all_wakes_with_the_last_one),
        kernel_test(a_thief_between_makes_all_wait_on),
        kernel_test(two_that_want_all_get_it_in_turn),
        kernel_test(an_abandoned_mutant_shows_in_the_status),
        kernel_test(many_objects_need_wait_blocks),
        broken_test(too_many_objects_are_a_bug_check),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
