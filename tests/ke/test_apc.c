#include "kernel.h"

/* As drivers declare them: no published header does. */
VOID KeInitializeApc(PRKAPC Apc, PRKTHREAD Thread, KAPC_ENVIRONMENT Environment, PKKERNEL_ROUTINE KernelRoutine,
                     PKRUNDOWN_ROUTINE RundownRoutine, PKNORMAL_ROUTINE NormalRoutine, KPROCESSOR_MODE ApcMode,
                     PVOID NormalContext);
BOOLEAN KeInsertQueueApc(PRKAPC Apc, PVOID SystemArgument1, PVOID SystemArgument2, KPRIORITY Increment);

static void critical_regions_nest(void **state)
{
    assert_false(KeAreApcsDisabled());
    KeEnterCriticalRegion();
    KeEnterCriticalRegion();
    assert_true(KeAreApcsDisabled());
    assert_false(KeAreAllApcsDisabled());
    KeLeaveCriticalRegion();
    assert_true(KeAreApcsDisabled());
    KeLeaveCriticalRegion();
    assert_false(KeAreApcsDisabled());
}

static void a_guarded_region_disables_all_apcs(void **state)
{
    KeEnterGuardedRegion();
    assert_true(KeAreApcsDisabled());
    assert_true(KeAreAllApcsDisabled());
    KeLeaveGuardedRegion();
    assert_false(KeAreAllApcsDisabled());
    KIRQL old = KfRaiseIrql(APC_LEVEL);
    assert_true(KeAreAllApcsDisabled());
    KeLowerIrql(old);
}

static void leaving_too_often_is_reported(void **state)
{
    fltsim_expect("apc-region-unbalanced");
    KeLeaveCriticalRegion();
    fltsim_expect("apc-region-unbalanced");
    KeLeaveGuardedRegion();
}

static int ran;
static KIRQL ran_at;

static void kernel_routine(PKAPC apc, PKNORMAL_ROUTINE *normal, PVOID *context, PVOID *first, PVOID *second)
{
    ran++;
    ran_at = KeGetCurrentIrql();
}

static void normal_routine(PVOID context, PVOID first, PVOID second) { ran += (int)(ULONG_PTR)context; }

static void a_special_apc_runs_inside_critical_regions(void **state)
{
    KAPC apc;
    ran = 0;
    KeInitializeApc(&apc, KeGetCurrentThread(), OriginalApcEnvironment, kernel_routine, NULL, NULL, KernelMode, NULL);
    KeEnterCriticalRegion();
    assert_true(KeInsertQueueApc(&apc, NULL, NULL, 0));
    assert_int_equal(ran, 1);
    assert_int_equal(ran_at, APC_LEVEL);
    KeLeaveCriticalRegion();
    KeEnterGuardedRegion();
    assert_true(KeInsertQueueApc(&apc, NULL, NULL, 0));
    assert_false(KeInsertQueueApc(&apc, NULL, NULL, 0));
    assert_int_equal(ran, 1);
    KeLeaveGuardedRegion();
    assert_int_equal(ran, 2);
}

static void a_normal_apc_waits_for_the_end_of_the_region(void **state)
{
    KAPC apc;
    ran = 0;
    KeInitializeApc(&apc, KeGetCurrentThread(), OriginalApcEnvironment, kernel_routine, NULL, normal_routine,
                    KernelMode, (PVOID)10);
    KeEnterCriticalRegion();
    assert_true(KeInsertQueueApc(&apc, NULL, NULL, 0));
    assert_int_equal(ran, 0);
    KeLeaveCriticalRegion();
    assert_int_equal(ran, 11);
}

static KEVENT event;

static int wait_for_event(void *argument) { return wait_for(&event); }

static void an_apc_interrupts_a_wait_that_then_goes_on(void **state)
{
    KAPC apc;
    PETHREAD target;
    ran = 0;
    KeInitializeEvent(&event, NotificationEvent, FALSE);
    struct fltsim_thread *thread = run(wait_for_event, NULL);
    fltsim_sleep(1);
    target = *(PETHREAD *)(void *)thread;
    KeInitializeApc(&apc, target, OriginalApcEnvironment, kernel_routine, NULL, normal_routine, KernelMode, (PVOID)10);
    assert_true(KeInsertQueueApc(&apc, NULL, NULL, 0));
    fltsim_sleep(1);
    assert_int_equal(ran, 11);
    KeSetEvent(&event, 0, FALSE);
    assert_int_equal(fltsim_thread_join(thread), STATUS_SUCCESS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        kernel_test(critical_regions_nest),
        kernel_test(a_guarded_region_disables_all_apcs),
        kernel_test(leaving_too_often_is_reported),
        kernel_test(a_special_apc_runs_inside_critical_regions),
        kernel_test(a_normal_apc_waits_for_the_end_of_the_region),
        kernel_test(an_apc_interrupts_a_wait_that_then_goes_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
