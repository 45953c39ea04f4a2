#include "kernel.h"

static KMUTEX one, two;
static KEVENT event;

static const struct fltsim_violation *last(const struct fltsim_report *report)
{
    return &report->violations[report->count - 1];
}

static void check_report(const char *ring, const char *const *texts)
{
    struct fltsim_report *report;
    assert_int_equal(fltsim_stop(&report), 1);
    assert_string_equal(last(report)->rule, "deadlock");
    assert_true(last(report)->fatal);
    if (ring)
        assert_non_null(strstr(last(report)->what, ring));
    for (size_t i = 0; texts[i]; i++)
        if (!strstr(last(report)->history, texts[i]))
            fail_msg("\"%s\" is not in:\n%s", texts[i], last(report)->history);
    fltsim_report_free(report);
}

static int two_then_one(void *argument)
{
    wait_for(&two);
    fltsim_sleep(5);
    wait_for(&one);
    return 0;
}

static void one_then_two(void *argument)
{
    run(two_then_one, NULL);
    wait_for(&one);
    fltsim_sleep(5);
    wait_for(&two);
}

static void crossed_mutexes_name_their_owners(void **state)
{
    KeInitializeMutex(&one, 0);
    KeInitializeMutex(&two, 0);
    assert_false(fltsim_try(one_then_two, NULL));
    check_report("wait for each other: \"", (const char *const[]){"thread \"main\", since 5.000 ms, waits for", "mutex", "held by thread \"main\"", NULL});
}

static void wait_alone(void *argument) { wait_for(&event); }

static void an_event_nobody_sets_is_a_deadlock(void **state)
{
    KeInitializeEvent(&event, SynchronizationEvent, FALSE);
    assert_false(fltsim_try(wait_alone, NULL));
    check_report(NULL, (const char *const[]){"thread \"main\"", "waits for", "synchronization event", NULL});
}

static int wait_in_thread(void *argument) { return wait_for(&event); }

static void join_waiter(void *argument) { fltsim_thread_join(run(wait_in_thread, NULL)); }

static void a_join_names_the_thread(void **state)
{
    KeInitializeEvent(&event, NotificationEvent, FALSE);
    assert_false(fltsim_try(join_waiter, NULL));
    check_report(NULL, (const char *const[]){"the end of thread", "notification event", NULL});
}

static void wait_for_all_forever(void *argument)
{
    PVOID objects[] = {&event, &one};
    KeWaitForMultipleObjects(2, objects, WaitAll, Executive, KernelMode, FALSE, NULL, NULL);
}

static void a_wait_for_all_lists_its_objects(void **state)
{
    KeInitializeEvent(&event, NotificationEvent, FALSE);
    KeInitializeMutex(&one, 0);
    assert_false(fltsim_try(wait_for_all_forever, NULL));
    check_report(NULL, (const char *const[]){"all of", "notification event", "mutex", NULL});
}

static void wait_with_timer(void *argument)
{
    KTIMER timer;
    KeInitializeTimer(&timer);
    KeSetTimer(&timer, after_ms(10), NULL);
    wait_for(&timer);
}

static void an_armed_timer_is_no_deadlock(void **state)
{
    assert_true(fltsim_try(wait_with_timer, NULL));
    assert_int_equal(fltsim_stop(NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(crossed_mutexes_name_their_owners, start_machine),
        cmocka_unit_test_setup(an_event_nobody_sets_is_a_deadlock, start_machine),
        cmocka_unit_test_setup(a_join_names_the_thread, start_machine),
        cmocka_unit_test_setup(a_wait_for_all_lists_its_objects, start_machine),
        cmocka_unit_test_setup(an_armed_timer_is_no_deadlock, start_machine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
