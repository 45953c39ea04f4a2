#include "kernel.h"

static KEVENT event;
static atomic_int woken;

static void a_notification_event_stays_set(void **state)
{
    KeInitializeEvent(&event, NotificationEvent, FALSE);
    assert_int_equal(KeReadStateEvent(&event), 0);
    assert_int_equal(poll(&event), STATUS_TIMEOUT);
    assert_int_equal(KeSetEvent(&event, IO_NO_INCREMENT, FALSE), 0);
    assert_int_equal(KeSetEvent(&event, IO_NO_INCREMENT, FALSE), 1);
    assert_int_equal(wait_for(&event), STATUS_SUCCESS);
    assert_int_equal(wait_for(&event), STATUS_SUCCESS);
    assert_int_equal(KeResetEvent(&event), 1);
    assert_int_equal(KeResetEvent(&event), 0);
    assert_int_equal(poll(&event), STATUS_TIMEOUT);
}

static void a_synchronization_event_lets_one_through(void **state)
{
    KeInitializeEvent(&event, SynchronizationEvent, TRUE);
    assert_int_equal(KeReadStateEvent(&event), 1);
    assert_int_equal(wait_for(&event), STATUS_SUCCESS);
    assert_int_equal(KeReadStateEvent(&event), 0);
    assert_int_equal(poll(&event), STATUS_TIMEOUT);
    KeSetEvent(&event, IO_NO_INCREMENT, FALSE);
    KeClearEvent(&event);
    assert_int_equal(poll(&event), STATUS_TIMEOUT);
}

static int wait_and_count(void *argument)
{
    NTSTATUS status = wait_for(&event);
    atomic_fetch_add(&woken, 1);
    return status;
}

enum { WAITERS = 5 };

static void start_waiters(struct fltsim_thread **threads, EVENT_TYPE type)
{
    KeInitializeEvent(&event, type, FALSE);
    atomic_store(&woken, 0);
    for (int i = 0; i < WAITERS; i++)
        threads[i] = run(wait_and_count, NULL);
    fltsim_sleep(1);
}

static void setting_a_notification_event_wakes_all(void **state)
{
    struct fltsim_thread *threads[WAITERS];
    start_waiters(threads, NotificationEvent);
    assert_int_equal(atomic_load(&woken), 0);
    KeSetEvent(&event, IO_NO_INCREMENT, FALSE);
    for (int i = 0; i < WAITERS; i++)
        assert_int_equal(fltsim_thread_join(threads[i]), STATUS_SUCCESS);
    assert_int_equal(atomic_load(&woken), WAITERS);
}

static void setting_a_synchronization_event_wakes_one(void **state)
{
    struct fltsim_thread *threads[WAITERS];
    start_waiters(threads, SynchronizationEvent);
    for (int i = 1; i <= WAITERS; i++) {
        KeSetEvent(&event, IO_NO_INCREMENT, FALSE);
        fltsim_sleep(1);
        assert_int_equal(atomic_load(&woken), i);
        assert_int_equal(KeReadStateEvent(&event), 0);
    }
    for (int i = 0; i < WAITERS; i++)
        fltsim_thread_join(threads[i]);
}

static void a_pulse_wakes_who_waits_now(void **state)
{
    struct fltsim_thread *threads[WAITERS];
    start_waiters(threads, NotificationEvent);
    KePulseEvent(&event, IO_NO_INCREMENT, FALSE);
    assert_int_equal(KeReadStateEvent(&event), 0);
    for (int i = 0; i < WAITERS; i++)
        fltsim_thread_join(threads[i]);
    KePulseEvent(&event, IO_NO_INCREMENT, FALSE);
    assert_int_equal(poll(&event), STATUS_TIMEOUT);
}

static void a_timeout_takes_virtual_time(void **state)
{
    KeInitializeEvent(&event, NotificationEvent, FALSE);
    LONGLONG before = now_ms();
    assert_int_equal(wait_ms(&event, 3600000), STATUS_TIMEOUT);
    assert_int_equal(now_ms() - before, 3600000);
}

static void an_absolute_timeout_is_a_system_time(void **state)
{
    LARGE_INTEGER when;
    KeInitializeEvent(&event, NotificationEvent, FALSE);
    KeQuerySystemTime(&when);
    when.QuadPart += 50000;
    assert_int_equal(KeWaitForSingleObject(&event, Executive, KernelMode, FALSE, &when), STATUS_TIMEOUT);
    assert_int_equal(now_ms(), 5);
    assert_int_equal(KeWaitForSingleObject(&event, Executive, KernelMode, FALSE, &when), STATUS_TIMEOUT);
    assert_int_equal(now_ms(), 5);
}

static int set_later(void *argument)
{
    fltsim_sleep(10);
    KeSetEvent(&event, IO_NO_INCREMENT, FALSE);
    return 0;
}

static void a_wait_ends_before_its_timeout(void **state)
{
    KeInitializeEvent(&event, NotificationEvent, FALSE);
    struct fltsim_thread *thread = run(set_later, NULL);
    assert_int_equal(wait_ms(&event, 1000), STATUS_SUCCESS);
    assert_int_equal(now_ms(), 10);
    fltsim_thread_join(thread);
}

static void use_garbage(void *argument)
{
    KEVENT garbage;
    memset(&garbage, 0xAB, sizeof garbage);
    wait_for(&garbage);
}

static void an_uninitialized_event_is_reported(void **state)
{
    assert_false(fltsim_try(use_garbage, NULL));
    assert_string_equal(fltsim_last_rule(), "bad-dispatcher-object");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        kernel_test(a_notification_event_stays_set),
        kernel_test(a_synchronization_event_lets_one_through),
        kernel_test(setting_a_notification_event_wakes_all),
        kernel_test(setting_a_synchronization_event_wakes_one),
        kernel_test(a_pulse_wakes_who_waits_now),
        kernel_test(a_timeout_takes_virtual_time),
        kernel_test(an_absolute_timeout_is_a_system_time),
        kernel_test(a_wait_ends_before_its_timeout),
        broken_test(an_uninitialized_event_is_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
