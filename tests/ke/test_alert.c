/* Waits that end because of an alert or a user APC. */
#include "kernel.h"

#include "ke/thread.h"

/* As drivers declare them: no published header does. */
VOID KeInitializeApc(PRKAPC Apc, PRKTHREAD Thread, KAPC_ENVIRONMENT Environment, PKKERNEL_ROUTINE KernelRoutine,
                     PKRUNDOWN_ROUTINE RundownRoutine, PKNORMAL_ROUTINE NormalRoutine, KPROCESSOR_MODE ApcMode,
                     PVOID NormalContext);
BOOLEAN KeInsertQueueApc(PRKAPC Apc, PVOID SystemArgument1, PVOID SystemArgument2, KPRIORITY Increment);
BOOLEAN KeTestAlertThread(KPROCESSOR_MODE AlertMode);

static KEVENT event;
static _Atomic(PETHREAD) waiter;
static atomic_int apc_runs;

static int wait_single(void *alertable)
{
    waiter = PsGetCurrentThread();
    return KeWaitForSingleObject(&event, UserRequest, UserMode, alertable != NULL, NULL);
}

static int wait_multiple(void *alertable)
{
    KEVENT other;
    PVOID objects[] = {&event, &other};
    KeInitializeEvent(&other, NotificationEvent, FALSE);
    waiter = PsGetCurrentThread();
    return KeWaitForMultipleObjects(2, objects, WaitAll, UserRequest, UserMode, alertable != NULL, NULL, NULL);
}

static int delay(void *alertable)
{
    LARGE_INTEGER interval = after_ms(100);
    waiter = PsGetCurrentThread();
    return KeDelayExecutionThread(UserMode, alertable != NULL, &interval);
}

static void kernel_routine(PKAPC apc, PKNORMAL_ROUTINE *normal, PVOID *context, PVOID *first, PVOID *second) {}
static void normal_routine(PVOID context, PVOID first, PVOID second) { atomic_fetch_add(&apc_runs, 1); }

static int (*const waits[])(void *) = {wait_single, wait_multiple, delay};

static void an_alert_ends_an_alertable_wait(void **state)
{
    for (size_t i = 0; i < 3; i++) {
        KeInitializeEvent(&event, NotificationEvent, FALSE);
        struct fltsim_thread *thread = run(waits[i], &event);
        fltsim_sleep(1);
        KiAlertThread(waiter, UserMode);
        assert_int_equal(fltsim_thread_join(thread), STATUS_ALERTED);
    }
}

static void a_user_apc_ends_an_alertable_wait_and_runs(void **state)
{
    for (size_t i = 0; i < 3; i++) {
        KAPC apc;
        atomic_store(&apc_runs, 0);
        KeInitializeEvent(&event, NotificationEvent, FALSE);
        struct fltsim_thread *thread = run(waits[i], &event);
        fltsim_sleep(1);
        KeInitializeApc(&apc, waiter, OriginalApcEnvironment, kernel_routine, NULL, normal_routine, UserMode, NULL);
        assert_true(KeInsertQueueApc(&apc, NULL, NULL, 0));
        assert_int_equal(fltsim_thread_join(thread), STATUS_USER_APC);
        assert_int_equal(atomic_load(&apc_runs), 1);
    }
}

static void other_waits_go_on(void **state)
{
    KeInitializeEvent(&event, NotificationEvent, FALSE);
    struct fltsim_thread *thread = run(wait_single, NULL);
    fltsim_sleep(1);
    KiAlertThread(waiter, UserMode);
    fltsim_sleep(1);
    KeSetEvent(&event, 0, FALSE);
    assert_int_equal(fltsim_thread_join(thread), STATUS_SUCCESS);
}

static void an_alert_is_remembered_until_it_is_tested(void **state)
{
    KiAlertThread(KeGetCurrentThread(), KernelMode);
    assert_false(KeTestAlertThread(UserMode));
    assert_true(KeTestAlertThread(KernelMode));
    assert_false(KeTestAlertThread(KernelMode));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        kernel_test(an_alert_ends_an_alertable_wait),
        kernel_test(a_user_apc_ends_an_alertable_wait_and_runs),
        kernel_test(other_waits_go_on),
        kernel_test(an_alert_is_remembered_until_it_is_tested),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
