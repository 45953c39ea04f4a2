#include "scheduler.h"

enum { THREADS = 8, ROUNDS = 200 };

static struct countdown done;
static atomic_int sum;

static void add(void *argument)
{
    for (int i = 0; i < ROUNDS; i++) {
        atomic_fetch_add(&sum, *(int *)argument);
        sched_yield_now();
    }
    countdown_hit(&done);
}

static void threads_run_and_end(void **state)
{
    struct sched_thread *threads[THREADS];
    int one = 1;
    start_scheduler(0, NULL);
    countdown_init(&done, THREADS);
    atomic_init(&sum, 0);
    for (int i = 0; i < THREADS; i++)
        threads[i] = sched_spawn("adder", false, &one, add, &one);
    countdown_wait(&done);
    assert_int_equal(atomic_load(&sum), THREADS * ROUNDS);
    for (int i = 0; i < THREADS; i++)
        sched_release(threads[i]);
    sched_stop();
}

static void check_identity(void *argument)
{
    assert_ptr_equal(sched_owner(sched_self()), argument);
    assert_string_equal(sched_name(sched_self()), "self");
    countdown_hit(&done);
}

static void a_thread_knows_its_owner_and_name(void **state)
{
    int owner;
    start_scheduler(0, NULL);
    countdown_init(&done, 1);
    struct sched_thread *thread = sched_spawn("self", false, &owner, check_identity, &owner);
    countdown_wait(&done);
    sched_release(thread);
    sched_set_owner(sched_self(), &owner);
    assert_ptr_equal(sched_owner_of(sched_self()), &owner);
    sched_stop();
}

static void release_self(void *argument)
{
    sched_release(sched_self());
    countdown_hit(&done);
}

static void a_thread_may_release_itself(void **state)
{
    start_scheduler(0, NULL);
    countdown_init(&done, THREADS);
    for (int i = 0; i < THREADS; i++)
        sched_spawn("self", false, NULL, release_self, NULL);
    countdown_wait(&done);
    sched_stop();
}

static void a_permit_is_kept_once(void **state)
{
    start_scheduler(0, NULL);
    sched_unpark(sched_self());
    sched_unpark(sched_self());
    assert_true(sched_park(SCHED_FOREVER));
    assert_false(sched_park(sched_now() + 10));
    sched_stop();
}

static struct sched_thread *ping_thread, *pong_thread;

static void pong(void *argument)
{
    for (int i = 0; i < ROUNDS; i++) {
        sched_park(SCHED_FOREVER);
        atomic_fetch_add(&sum, 1);
        sched_unpark(ping_thread);
    }
}

static void two_threads_take_turns(void **state)
{
    start_scheduler(0, NULL);
    atomic_init(&sum, 0);
    ping_thread = sched_self();
    pong_thread = sched_spawn("pong", false, NULL, pong, NULL);
    for (int i = 0; i < ROUNDS; i++) {
        sched_unpark(pong_thread);
        assert_true(sched_park(SCHED_FOREVER));
        assert_int_equal(atomic_load(&sum), i + 1);
    }
    sched_release(pong_thread);
    sched_stop();
}

static void wait_for_ever(void *argument) { sched_park(SCHED_FOREVER); }

static void a_daemon_may_still_wait_at_the_end(void **state)
{
    start_scheduler(0, NULL);
    struct sched_thread *thread = sched_spawn("daemon", true, NULL, wait_for_ever, NULL);
    sched_yield_now();
    assert_non_null(thread);
    sched_stop();
}

static void wait_alone(void *argument)
{
    for (int i = 0; i < 3; i++)
        sched_spawn("waiter", false, NULL, wait_for_ever, NULL);
    sched_park(SCHED_FOREVER);
    fail_msg("a deadlock was not noticed");
}

static void nobody_left_to_run_is_a_deadlock(void **state)
{
    start_scheduler(0, NULL);
    assert_false(sched_catch(wait_alone, NULL));
    assert_true(sched_is_dead());
    sched_stop();
}

static void end_the_run(void *argument) { sched_fatal(); }

static void wait_for_the_end(void *argument)
{
    sched_spawn("ender", false, NULL, end_the_run, NULL);
    sched_park(SCHED_FOREVER);
    fail_msg("the run went on");
}

static void any_thread_can_end_the_run(void **state)
{
    for (int i = 0; i < 20; i++) {
        start_scheduler(0, NULL);
        assert_false(sched_catch(wait_for_the_end, NULL));
        sched_stop();
    }
}

static void do_nothing(void *argument) { *(int *)argument = 1; }

static void a_catcher_lets_a_normal_end_pass(void **state)
{
    int ran = 0;
    start_scheduler(0, NULL);
    assert_true(sched_catch(do_nothing, &ran));
    assert_int_equal(ran, 1);
    sched_stop();
}

static struct sched_lock lock;
static int guarded;

static void add_guarded(void *argument)
{
    for (int i = 0; i < 10000; i++) {
        sched_lock(&lock);
        guarded++;
        sched_unlock(&lock);
    }
    countdown_hit(&done);
}

static void a_lock_keeps_others_out(void **state)
{
    start_scheduler(0, NULL);
    guarded = 0;
    countdown_init(&done, 4);
    for (int i = 0; i < 4; i++)
        sched_spawn("adder", false, NULL, add_guarded, NULL);
    countdown_wait(&done);
    assert_int_equal(guarded, 40000);
    sched_stop();
}

static void count_thread(struct sched_thread *thread, bool parked, bool daemon, void *context)
{
    ((int *)context)[parked ? 1 : 0]++;
}

static void threads_can_be_listed(void **state)
{
    int counts[2] = {0};
    start_scheduler(0, NULL);
    sched_spawn("waiter", true, NULL, wait_for_ever, NULL);
    assert_false(sched_park(10));
    sched_each_thread(count_thread, counts);
    assert_int_equal(counts[0], 1);
    assert_int_equal(counts[1], 1);
    sched_stop();
}

/* A deep stack on every reuse: the address sanitizer must not remember the former owner's frames. */
static int dig(int depth)
{
    volatile char here[512];
    here[depth % 512] = (char)depth;
    return depth ? dig(depth - 1) + here[depth % 512] : 0;
}

static void dig_deep(void *argument)
{
    dig(100);
    if (argument)
        sched_park(SCHED_FOREVER);
    countdown_hit(&done);
}

static void stacks_are_used_again(void **state)
{
    for (int round = 0; round < 20; round++) {
        start_scheduler(0, NULL);
        countdown_init(&done, 4);
        for (int i = 0; i < 8; i++)
            sched_spawn("digger", true, NULL, dig_deep, i % 2 ? &done : NULL);
        countdown_wait(&done);
        sched_stop();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads_run_and_end),
        cmocka_unit_test(a_thread_knows_its_owner_and_name),
        cmocka_unit_test(a_thread_may_release_itself),
        cmocka_unit_test(a_permit_is_kept_once),
        cmocka_unit_test(two_threads_take_turns),
        cmocka_unit_test(a_daemon_may_still_wait_at_the_end),
        cmocka_unit_test(nobody_left_to_run_is_a_deadlock),
        cmocka_unit_test(any_thread_can_end_the_run),
        cmocka_unit_test(a_catcher_lets_a_normal_end_pass),
        cmocka_unit_test(a_lock_keeps_others_out),
        cmocka_unit_test(threads_can_be_listed),
        cmocka_unit_test(stacks_are_used_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
