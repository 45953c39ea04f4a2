#include "kernel.h"

static KTIMER timer;

static void a_timer_signals_when_it_is_due(void **state)
{
    KeInitializeTimer(&timer);
    assert_false(KeSetTimer(&timer, after_ms(100), NULL));
    assert_false(KeReadStateTimer(&timer));
    assert_int_equal(wait_for(&timer), STATUS_SUCCESS);
    assert_int_equal(now_ms(), 100);
    assert_true(KeReadStateTimer(&timer));
    assert_int_equal(wait_for(&timer), STATUS_SUCCESS);
}

static void a_synchronization_timer_lets_one_through(void **state)
{
    KeInitializeTimerEx(&timer, SynchronizationTimer);
    KeSetTimer(&timer, after_ms(10), NULL);
    assert_int_equal(wait_for(&timer), STATUS_SUCCESS);
    assert_int_equal(poll(&timer), STATUS_TIMEOUT);
}

static void a_cancelled_timer_does_not_fire(void **state)
{
    KeInitializeTimer(&timer);
    KeSetTimer(&timer, after_ms(10), NULL);
    assert_true(KeCancelTimer(&timer));
    assert_false(KeCancelTimer(&timer));
    assert_int_equal(wait_ms(&timer, 100), STATUS_TIMEOUT);
}

static void setting_again_moves_and_resets(void **state)
{
    KeInitializeTimer(&timer);
    KeSetTimer(&timer, after_ms(10), NULL);
    assert_true(KeSetTimer(&timer, after_ms(50), NULL));
    assert_int_equal(wait_for(&timer), STATUS_SUCCESS);
    assert_int_equal(now_ms(), 50);
    assert_false(KeSetTimer(&timer, after_ms(5), NULL));
    assert_false(KeReadStateTimer(&timer));
    assert_int_equal(wait_for(&timer), STATUS_SUCCESS);
    assert_int_equal(now_ms(), 55);
}

static void a_periodic_timer_comes_again(void **state)
{
    KeInitializeTimerEx(&timer, SynchronizationTimer);
    KeSetTimerEx(&timer, after_ms(10), 7, NULL);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(wait_for(&timer), STATUS_SUCCESS);
        assert_int_equal(now_ms(), 10 + 7 * i);
    }
    assert_true(KeCancelTimer(&timer));
}

static atomic_int dpc_runs;
static KIRQL dpc_irql;
static LONGLONG dpc_time;

static void dpc_routine(PKDPC dpc, PVOID context, PVOID first, PVOID second)
{
    atomic_fetch_add(&dpc_runs, 1);
    dpc_irql = KeGetCurrentIrql();
    dpc_time = now_ms();
    if (context)
        KeSetEvent(context, 0, FALSE);
}

static void a_timer_queues_its_dpc(void **state)
{
    KDPC dpc;
    KEVENT event;
    KeInitializeEvent(&event, NotificationEvent, FALSE);
    KeInitializeDpc(&dpc, dpc_routine, &event);
    KeInitializeTimer(&timer);
    KeSetTimer(&timer, after_ms(30), &dpc);
    assert_int_equal(wait_for(&event), STATUS_SUCCESS);
    assert_int_equal(dpc_irql, DISPATCH_LEVEL);
    assert_int_equal(dpc_time, 30);
    KeFlushQueuedDpcs();
}

static void a_past_due_time_fires_at_once(void **state)
{
    LARGE_INTEGER past;
    KeInitializeTimer(&timer);
    fltsim_sleep(10);
    KeQuerySystemTime(&past);
    past.QuadPart -= 10000;
    KeSetTimer(&timer, past, NULL);
    assert_int_equal(wait_for(&timer), STATUS_SUCCESS);
    assert_int_equal(now_ms(), 10);
}

static void a_delay_takes_virtual_time(void **state)
{
    LARGE_INTEGER day = after_ms(86400000);
    LARGE_INTEGER before, after, ticks, frequency, counter;
    KeQuerySystemTime(&before);
    assert_int_equal(KeDelayExecutionThread(KernelMode, FALSE, &day), STATUS_SUCCESS);
    KeQuerySystemTime(&after);
    assert_int_equal(after.QuadPart - before.QuadPart, 864000000000);
    KeQueryTickCount(&ticks);
    assert_int_equal(ticks.QuadPart * KeQueryTimeIncrement(), 864000000000);
    counter = KeQueryPerformanceCounter(&frequency);
    assert_int_equal(counter.QuadPart / frequency.QuadPart, 86400);
}

static void a_stall_takes_virtual_time_at_any_irql(void **state)
{
    KIRQL old = KfRaiseIrql(HIGH_LEVEL);
    KeStallExecutionProcessor(50);
    assert_int_equal(KeQueryInterruptTime(), 500);
    KeLowerIrql(old);
}

static void a_poll_loop_lets_time_pass(void **state)
{
    KeInitializeTimer(&timer);
    KeSetTimer(&timer, after_ms(1000), NULL);
    while (poll(&timer) == STATUS_TIMEOUT)
        ;
    assert_true(now_ms() >= 1000);
}

static void a_coalescable_timer_is_punctual(void **state)
{
    KeInitializeTimerEx(&timer, SynchronizationTimer);
    assert_false(KeSetCoalescableTimer(&timer, after_ms(20), 30, 10, NULL));
    assert_int_equal(wait_for(&timer), STATUS_SUCCESS);
    assert_int_equal(now_ms(), 20);
    assert_int_equal(wait_for(&timer), STATUS_SUCCESS);
    assert_int_equal(now_ms(), 50);
    KeCancelTimer(&timer);
}

static void all_clocks_agree(void **state)
{
    LARGE_INTEGER system, precise;
    ULONG64 counter;
    fltsim_sleep(7);
    KeQuerySystemTime(&system);
    KeQuerySystemTimePrecise(&precise);
    assert_int_equal(system.QuadPart, precise.QuadPart);
    assert_int_equal(KeQueryInterruptTimePrecise(&counter), 70000);
    assert_int_equal(counter, 70000);
    assert_int_equal(KeQueryUnbiasedInterruptTime(), 70000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        kernel_test(a_timer_signals_when_it_is_due),
        kernel_test(a_synchronization_timer_lets_one_through),
        kernel_test(a_cancelled_timer_does_not_fire),
        kernel_test(setting_again_moves_and_resets),
        kernel_test(a_periodic_timer_comes_again),
        kernel_test(a_timer_queues_its_dpc),
        kernel_test(a_past_due_time_fires_at_once),
        kernel_test(a_delay_takes_virtual_time),
        kernel_test(a_stall_takes_virtual_time_at_any_irql),
        kernel_test(a_coalescable_timer_is_punctual),
        kernel_test(all_clocks_agree),
        kernel_test(a_poll_loop_lets_time_pass),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
