/* Events, mutexes, timers and what keeps APCs off. What is said of each was seen on Windows by published kernel test suites. */
#include "stage.h"

/* ---- events ---- */

static void an_event_gives_back_the_state_that_it_had(void)
{
    static const KIRQL levels[] = {PASSIVE_LEVEL, APC_LEVEL, DISPATCH_LEVEL};
    KEVENT event;
    KIRQL irql;

    for (ULONG i = 0; i < ARRAYSIZE(levels); i++) {
        for (int type = NotificationEvent; type <= SynchronizationEvent; type++) {
            KeRaiseIrql(levels[i], &irql);
            memset(&event, 0x55, sizeof event);
            KeInitializeEvent(&event, (EVENT_TYPE)type, TRUE);
            assert_int_equal(event.Header.Type, type);
            assert_int_equal(event.Header.Size, sizeof event / sizeof(ULONG));
            assert_true(IsListEmpty(&event.Header.WaitListHead));
            assert_int_equal(KeReadStateEvent(&event), 1);
            assert_int_equal(KeResetEvent(&event), 1);
            assert_int_equal(KeReadStateEvent(&event), 0);
            assert_int_equal(KeSetEvent(&event, IO_NO_INCREMENT, FALSE), 0);
            assert_int_equal(KeSetEvent(&event, IO_NO_INCREMENT, FALSE), 1);
            assert_int_equal(KePulseEvent(&event, IO_NO_INCREMENT, FALSE), 1);
            assert_int_equal(KeReadStateEvent(&event), 0);
            KeSetEvent(&event, IO_NO_INCREMENT, FALSE);
            KeClearEvent(&event);
            assert_int_equal(KeReadStateEvent(&event), 0);
            assert_int_equal(KeGetCurrentIrql(), levels[i]);
            KeLowerIrql(irql);
        }
    }
}

enum { WAITERS = 4 };
static KEVENT gate;
static LONG woken[WAITERS], woken_count;

static int wait_at_gate(void *number)
{
    succeeds(KeWaitForSingleObject(&gate, Executive, KernelMode, FALSE, NULL));
    woken[InterlockedIncrement(&woken_count) - 1] = (LONG)(LONG_PTR)number;
    return 0;
}

static void sleep_a_little(void)
{
    LARGE_INTEGER interval = {.QuadPart = -10000};
    KeDelayExecutionThread(KernelMode, FALSE, &interval);
}

static void begin_waiters(EVENT_TYPE type, struct fltsim_thread *threads[WAITERS])
{
    woken_count = 0;
    KeInitializeEvent(&gate, type, FALSE);
    for (LONG i = 0; i < WAITERS; i++) {
        threads[i] = fltsim_thread_create(NULL, wait_at_gate, (void *)(LONG_PTR)i);
        sleep_a_little();
    }
    assert_int_equal(woken_count, 0);
}

static void a_synchronization_event_wakes_one_in_the_order_they_came(void)
{
    struct fltsim_thread *threads[WAITERS];
    for (int pulse = 0; pulse < 2; pulse++) {
        begin_waiters(SynchronizationEvent, threads);
        for (LONG i = 0; i < WAITERS; i++) {
            assert_int_equal(pulse ? KePulseEvent(&gate, 0, FALSE) : KeSetEvent(&gate, 0, FALSE), 0);
            sleep_a_little();
            assert_int_equal(woken_count, i + 1);
            assert_int_equal(woken[i], i);
            assert_int_equal(KeReadStateEvent(&gate), 0);
        }
        for (LONG i = 0; i < WAITERS; i++)
            fltsim_thread_join(threads[i]);
    }
}

static void a_notification_event_wakes_all_and_stays_unless_pulsed(void)
{
    struct fltsim_thread *threads[WAITERS];
    for (int pulse = 0; pulse < 2; pulse++) {
        begin_waiters(NotificationEvent, threads);
        assert_int_equal(pulse ? KePulseEvent(&gate, 0, FALSE) : KeSetEvent(&gate, 0, FALSE), 0);
        sleep_a_little();
        assert_int_equal(woken_count, WAITERS);
        assert_int_equal(KeReadStateEvent(&gate), !pulse);
        for (LONG i = 0; i < WAITERS; i++)
            fltsim_thread_join(threads[i]);
    }
}

/* ---- mutexes ---- */

static NTSTATUS wait_for(PVOID object) { return KeWaitForSingleObject(object, Executive, KernelMode, FALSE, NULL); }

static void a_mutex_counts_down_and_holds_apcs_off_once(void)
{
    KMUTEX mutex;
    memset(&mutex, 0x55, sizeof mutex);
    KeInitializeMutex(&mutex, 7);
    assert_int_equal(mutex.Header.Type, MutantObject);
    assert_int_equal(KeReadStateMutex(&mutex), 1);
    assert_false(KeAreApcsDisabled());
    for (LONG i = 0; i < 5; i++) {
        succeeds(wait_for(&mutex));
        assert_int_equal(KeReadStateMutex(&mutex), -i);
        assert_true(KeAreApcsDisabled());
        assert_false(KeAreAllApcsDisabled());
    }
    for (LONG i = 4; i >= 0; i--) {
        assert_true(KeAreApcsDisabled());
        assert_int_equal(KeReleaseMutex(&mutex, FALSE), -i);
    }
    assert_int_equal(KeReadStateMutex(&mutex), 1);
    assert_false(KeAreApcsDisabled());
}

static NTSTATUS raised_by_wait(PKMUTEX mutex)
{
    NTSTATUS status = STATUS_SUCCESS;
    __try {
        wait_for(mutex);
    } __except (EXCEPTION_EXECUTE_HANDLER) {
        status = GetExceptionCode();
    }
    return status;
}

static void a_mutex_has_an_end_to_its_count(void)
{
    KMUTEX mutex;
    KeInitializeMutex(&mutex, 0);
    succeeds(wait_for(&mutex));
    mutex.Header.SignalState = MINLONG + 1;
    succeeds(raised_by_wait(&mutex));
    assert_int_equal(KeReadStateMutex(&mutex), (LONG)MINLONG);
    answers(STATUS_MUTANT_LIMIT_EXCEEDED, raised_by_wait(&mutex));
    assert_int_equal(KeReadStateMutex(&mutex), (LONG)MINLONG);
    assert_int_equal(KeReleaseMutex(&mutex, FALSE), (LONG)MINLONG);
    mutex.Header.SignalState = 0;
    assert_int_equal(KeReleaseMutex(&mutex, FALSE), 0);
}

/* ---- what keeps APCs off ---- */

static void check_apcs(bool some, bool all)
{
    assert_int_equal(KeAreApcsDisabled(), some);
    assert_int_equal(KeAreAllApcsDisabled(), all);
}

static void regions_nest_and_mix(void)
{
    check_apcs(false, false);
    KeEnterCriticalRegion();
    check_apcs(true, false);
    KeEnterCriticalRegion();
    KeEnterGuardedRegion();
    check_apcs(true, true);
    KeLeaveCriticalRegion();
    check_apcs(true, true);
    KeLeaveGuardedRegion();
    check_apcs(true, false);
    KeLeaveCriticalRegion();
    check_apcs(false, false);
    KeEnterGuardedRegion();
    KeEnterGuardedRegion();
    check_apcs(true, true);
    KeLeaveGuardedRegion();
    check_apcs(true, true);
    KeLeaveGuardedRegion();
    check_apcs(false, false);
}

/* A raised IRQL keeps all of them off, and yet no region is open. */
static void a_raised_irql_is_no_region(void)
{
    static const KIRQL levels[] = {APC_LEVEL, DISPATCH_LEVEL};
    KIRQL irql;
    for (ULONG i = 0; i < ARRAYSIZE(levels); i++) {
        KeRaiseIrql(levels[i], &irql);
        check_apcs(false, true);
        KeLowerIrql(irql);
        check_apcs(false, false);
    }
}

static void a_fast_mutex_raises_and_a_guarded_one_guards(void)
{
    FAST_MUTEX fast;
    KGUARDED_MUTEX guarded;
    ExInitializeFastMutex(&fast);
    KeInitializeGuardedMutex(&guarded);

    ExAcquireFastMutex(&fast);
    assert_int_equal(KeGetCurrentIrql(), APC_LEVEL);
    check_apcs(false, true);
    ExReleaseFastMutex(&fast);
    assert_int_equal(KeGetCurrentIrql(), PASSIVE_LEVEL);
    assert_true(ExTryToAcquireFastMutex(&fast));
    assert_int_equal(KeGetCurrentIrql(), APC_LEVEL);
    ExReleaseFastMutex(&fast);
    KeEnterCriticalRegion();
    ExAcquireFastMutexUnsafe(&fast);
    assert_int_equal(KeGetCurrentIrql(), PASSIVE_LEVEL);
    check_apcs(true, false);
    ExReleaseFastMutexUnsafe(&fast);
    KeLeaveCriticalRegion();

    KeAcquireGuardedMutex(&guarded);
    assert_int_equal(KeGetCurrentIrql(), PASSIVE_LEVEL);
    check_apcs(true, true);
    KeReleaseGuardedMutex(&guarded);
    check_apcs(false, false);
    assert_true(KeTryToAcquireGuardedMutex(&guarded));
    check_apcs(true, true);
    KeReleaseGuardedMutex(&guarded);
}

/* ---- timers ---- */

static void a_timer_is_signalled_when_due_and_tells_whether_it_was_set(void)
{
    LARGE_INTEGER soon = {.QuadPart = -100 * 10000}, none = {.QuadPart = 0};
    KTIMER timer;

    KeInitializeTimer(&timer);
    assert_int_equal(timer.Header.Type, 8); // TimerNotificationObject
    assert_int_equal(KeReadStateTimer(&timer), FALSE);
    assert_false(KeCancelTimer(&timer));
    assert_false(KeSetTimer(&timer, soon, NULL));
    assert_true(KeSetTimer(&timer, soon, NULL));
    assert_true(KeCancelTimer(&timer));
    assert_false(KeCancelTimer(&timer));
    assert_false(KeSetTimer(&timer, soon, NULL));
    succeeds(wait_for(&timer));
    assert_int_equal(KeReadStateTimer(&timer), TRUE);
    succeeds(KeWaitForSingleObject(&timer, Executive, KernelMode, FALSE, &none));
    assert_false(KeCancelTimer(&timer));
    assert_false(KeSetTimer(&timer, soon, NULL));
    assert_int_equal(KeReadStateTimer(&timer), FALSE);
    answers(STATUS_TIMEOUT, KeWaitForSingleObject(&timer, Executive, KernelMode, FALSE, &none));
    assert_true(KeCancelTimer(&timer));

    KeInitializeTimerEx(&timer, SynchronizationTimer);
    assert_int_equal(timer.Header.Type, 9);
    assert_false(KeSetTimer(&timer, soon, NULL));
    succeeds(wait_for(&timer));
    answers(STATUS_TIMEOUT, KeWaitForSingleObject(&timer, Executive, KernelMode, FALSE, &none));
}

/* ---- timers by handle ---- */

static LONG shots;
static PKTHREAD shotOn;

static VOID shoot(PVOID context, ULONG low, LONG high)
{
    LARGE_INTEGER now;
    KeQuerySystemTime(&now);
    assert_ptr_equal(context, &shots);
    assert_int_equal(KeGetCurrentIrql(), PASSIVE_LEVEL);
    assert_true(((LONGLONG)high << 32 | low) <= now.QuadPart);
    InterlockedIncrement(&shots);
    shotOn = KeGetCurrentThread();
}

static void let_it_shoot(void)
{
    LARGE_INTEGER moment = {.QuadPart = -10000};
    succeeds(KeDelayExecutionThread(KernelMode, FALSE, &moment));
}

static void a_timer_calls_its_routine_once_it_is_due_and_not_when_it_is_set_again_or_cancelled(void)
{
    LARGE_INTEGER late = {.QuadPart = -36000000000}, soon = {.QuadPart = -100000};
    BOOLEAN was = TRUE;
    HANDLE timer, again;

    shots = 0;
    OBJECT_ATTRIBUTES *name = named(L"\\TestTimer");
    succeeds(ZwCreateTimer(&timer, TIMER_ALL_ACCESS, name, NotificationTimer));
    succeeds(ZwOpenTimer(&again, TIMER_ALL_ACCESS, name));
    succeeds(ZwSetTimer(again, &late, shoot, &shots, FALSE, 0, &was));
    assert_false(was);
    succeeds(ZwCancelTimer(again, &was));
    assert_false(was);
    succeeds(ZwSetTimer(again, &late, shoot, &shots, FALSE, 0, &was));
    assert_false(was);
    succeeds(ZwSetTimer(again, &soon, shoot, &shots, FALSE, 0, &was));
    assert_false(was);
    assert_int_equal(shots, 0);
    succeeds(ZwWaitForSingleObject(again, FALSE, NULL));
    let_it_shoot();
    assert_int_equal(shots, 1);
    assert_ptr_equal(shotOn, KeGetCurrentThread());
    succeeds(ZwCancelTimer(again, &was));
    assert_true(was);
    let_it_shoot();
    assert_int_equal(shots, 1);
    succeeds(ZwSetTimer(again, &soon, shoot, &shots, FALSE, 10, &was)); /* every 10 ms */
    assert_true(was);
    late.QuadPart = -500000;
    succeeds(KeDelayExecutionThread(KernelMode, FALSE, &late));
    assert_true(shots > 3);
    succeeds(ZwClose(again));
    succeeds(ZwClose(timer));
    LONG before = shots;
    succeeds(KeDelayExecutionThread(KernelMode, FALSE, &late));
    assert_int_equal(shots, before);
}

static void a_routine_that_is_due_waits_for_the_end_of_a_critical_region_or_is_forgotten(void)
{
    LARGE_INTEGER soon = {.QuadPart = -100000};
    HANDLE timer;

    for (unsigned cancelled = 0; cancelled < 2; cancelled++) {
        shots = 0;
        succeeds(ZwCreateTimer(&timer, TIMER_ALL_ACCESS, NULL, NotificationTimer));
        KeEnterCriticalRegion();
        succeeds(ZwSetTimer(timer, &soon, shoot, &shots, FALSE, 0, NULL));
        succeeds(ZwWaitForSingleObject(timer, FALSE, NULL));
        let_it_shoot();
        assert_int_equal(shots, 0);
        if (cancelled)
            succeeds(ZwCancelTimer(timer, NULL));
        KeLeaveCriticalRegion();
        assert_int_equal(shots, !cancelled);
        succeeds(ZwClose(timer));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fltsim_unit_test(an_event_gives_back_the_state_that_it_had),
        fltsim_unit_test(a_synchronization_event_wakes_one_in_the_order_they_came),
        fltsim_unit_test(a_notification_event_wakes_all_and_stays_unless_pulsed),
        fltsim_unit_test(a_mutex_counts_down_and_holds_apcs_off_once),
        fltsim_unit_test(a_mutex_has_an_end_to_its_count),
        fltsim_unit_test(regions_nest_and_mix),
        fltsim_unit_test(a_raised_irql_is_no_region),
        fltsim_unit_test(a_fast_mutex_raises_and_a_guarded_one_guards),
        fltsim_unit_test(a_timer_is_signalled_when_due_and_tells_whether_it_was_set),
        fltsim_unit_test(a_timer_calls_its_routine_once_it_is_due_and_not_when_it_is_set_again_or_cancelled),
        fltsim_unit_test(a_routine_that_is_due_waits_for_the_end_of_a_critical_region_or_is_forgotten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
