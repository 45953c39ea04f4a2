#include "scheduler.h"

static void time_stands_still_while_somebody_runs(void **state)
{
    start_scheduler(0, NULL);
    assert_int_equal(sched_now(), 0);
    for (volatile int i = 0; i < 100000; i++)
        ;
    assert_int_equal(sched_now(), 0);
    sched_stop();
}

static void a_wait_jumps_to_its_deadline(void **state)
{
    const int64_t hour = 36000000000;
    start_scheduler(0, NULL);
    assert_false(sched_park(hour));
    assert_int_equal(sched_now(), hour);
    assert_false(sched_park(hour));
    assert_false(sched_park(0));
    assert_int_equal(sched_now(), hour);
    sched_stop();
}

static struct countdown done;
static atomic_int order;
static int seen[3];

static void sleep_and_note(void *argument)
{
    int index = *(int *)argument;
    assert_false(sched_park(100 * (index + 1)));
    assert_int_equal(sched_now(), 100 * (index + 1));
    seen[index] = atomic_fetch_add(&order, 1);
    countdown_hit(&done);
}

static void sleepers_wake_in_order_of_time(void **state)
{
    int index[3] = {2, 0, 1};
    start_scheduler(0, NULL);
    countdown_init(&done, 3);
    atomic_init(&order, 0);
    for (int i = 0; i < 3; i++)
        sched_spawn("sleeper", false, NULL, sleep_and_note, &index[i]);
    countdown_wait(&done);
    for (int i = 0; i < 3; i++)
        assert_int_equal(seen[i], i);
    sched_stop();
}

struct alarm {
    struct sched_timer timer; /* first */
    struct sched_thread *wake;
    int fired;
    int64_t at;
};

static void ring(struct sched_timer *timer)
{
    struct alarm *alarm = (struct alarm *)timer;
    alarm->fired++;
    alarm->at = sched_now();
    if (alarm->wake)
        sched_unpark(alarm->wake);
}

static void a_timer_fires_once(void **state)
{
    struct alarm alarm = {0};
    start_scheduler(0, NULL);
    alarm.wake = sched_self();
    sched_timer_arm(&alarm.timer, 500, ring);
    assert_true(sched_park(SCHED_FOREVER));
    assert_int_equal(alarm.fired, 1);
    assert_int_equal(alarm.at, 500);
    assert_false(sched_timer_disarm(&alarm.timer));
    sched_stop();
}

static void a_disarmed_timer_does_not_fire(void **state)
{
    struct alarm alarm = {0};
    start_scheduler(0, NULL);
    sched_timer_arm(&alarm.timer, 500, ring);
    assert_true(sched_timer_disarm(&alarm.timer));
    assert_false(sched_park(1000));
    assert_int_equal(alarm.fired, 0);
    sched_stop();
}

static void arming_again_moves_a_timer(void **state)
{
    struct alarm alarm = {0};
    start_scheduler(0, NULL);
    sched_timer_arm(&alarm.timer, 500, ring);
    sched_timer_arm(&alarm.timer, 900, ring);
    assert_false(sched_park(600));
    assert_int_equal(alarm.fired, 0);
    assert_false(sched_park(1000));
    assert_int_equal(alarm.fired, 1);
    assert_int_equal(alarm.at, 900);
    sched_stop();
}

static void an_overdue_timer_fires_without_going_back(void **state)
{
    struct alarm alarm = {0};
    start_scheduler(0, NULL);
    assert_false(sched_park(1000));
    sched_timer_arm(&alarm.timer, 10, ring);
    assert_false(sched_park(1001));
    assert_int_equal(alarm.fired, 1);
    assert_int_equal(alarm.at, 1000);
    sched_stop();
}

static void whoever_only_yields_lets_time_pass(void **state)
{
    struct alarm alarm = {0};
    start_scheduler(0, NULL);
    sched_timer_arm(&alarm.timer, 50000000, ring);
    while (!__atomic_load_n(&alarm.fired, __ATOMIC_ACQUIRE))
        sched_yield_now();
    assert_true(sched_now() >= 50000000);
    sched_stop();
}

static void a_stall_keeps_the_permit(void **state)
{
    start_scheduler(0, NULL);
    sched_unpark(sched_self());
    sched_stall(300);
    assert_int_equal(sched_now(), 300);
    assert_true(sched_park(SCHED_FOREVER));
    sched_stop();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(time_stands_still_while_somebody_runs),
        cmocka_unit_test(a_wait_jumps_to_its_deadline),
        cmocka_unit_test(sleepers_wake_in_order_of_time),
        cmocka_unit_test(a_timer_fires_once),
        cmocka_unit_test(a_disarmed_timer_does_not_fire),
        cmocka_unit_test(arming_again_moves_a_timer),
        cmocka_unit_test(an_overdue_timer_fires_without_going_back),
        cmocka_unit_test(whoever_only_yields_lets_time_pass),
        cmocka_unit_test(a_stall_keeps_the_permit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
