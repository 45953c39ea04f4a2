#include "kernel.h"

static void irql_goes_up_and_down(void **state)
{
    KIRQL old;
    assert_int_equal(KeGetCurrentIrql(), PASSIVE_LEVEL);
    KeRaiseIrql(APC_LEVEL, &old);
    assert_int_equal(old, PASSIVE_LEVEL);
    assert_int_equal(KeRaiseIrqlToDpcLevel(), APC_LEVEL);
    assert_int_equal(KeGetCurrentIrql(), DISPATCH_LEVEL);
    assert_int_equal(KfRaiseIrql(HIGH_LEVEL), DISPATCH_LEVEL);
    KeLowerIrql(APC_LEVEL);
    assert_int_equal(KeGetCurrentIrql(), APC_LEVEL);
    KfLowerIrql(old);
    assert_int_equal(KeGetCurrentIrql(), PASSIVE_LEVEL);
}

static int read_irql(void *argument) { return KeGetCurrentIrql(); }

static void irql_is_the_threads_own(void **state)
{
    struct fltsim_thread *thread = run(read_irql, NULL);
    KIRQL old = KeRaiseIrqlToDpcLevel();
    fltsim_yield();
    assert_int_equal(KeGetCurrentIrql(), DISPATCH_LEVEL);
    KeLowerIrql(old);
    assert_int_equal(fltsim_thread_join(thread), PASSIVE_LEVEL);
}

static void raising_must_not_lower(void **state)
{
    KIRQL old = KeRaiseIrqlToDpcLevel(), before;
    fltsim_expect("irql-wrong-way");
    KeRaiseIrql(APC_LEVEL, &before);
    KeLowerIrql(old);
}

static void lowering_must_not_raise(void **state)
{
    fltsim_expect("irql-wrong-way");
    KeLowerIrql(DISPATCH_LEVEL);
    KeLowerIrql(PASSIVE_LEVEL);
}

static void waiting_is_not_for_dispatch_level(void **state)
{
    KEVENT event;
    LARGE_INTEGER timeout = after_ms(1);
    KeInitializeEvent(&event, NotificationEvent, FALSE);
    KIRQL old = KeRaiseIrqlToDpcLevel();
    assert_int_equal(poll(&event), STATUS_TIMEOUT);
    assert_int_equal(fltsim_violations(), 0);
    fltsim_expect("irql-too-high");
    KeWaitForSingleObject(&event, Executive, KernelMode, FALSE, &timeout);
    KeLowerIrql(old);
}

static void a_call_above_its_limit_is_reported(void **state)
{
    LARGE_INTEGER interval = after_ms(1);
    KIRQL old = KeRaiseIrqlToDpcLevel();
    fltsim_expect("irql-too-high");
    KeDelayExecutionThread(KernelMode, FALSE, &interval);
    KeLowerIrql(old);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        kernel_test(irql_goes_up_and_down),
        kernel_test(irql_is_the_threads_own),
        kernel_test(raising_must_not_lower),
        kernel_test(lowering_must_not_raise),
        kernel_test(waiting_is_not_for_dispatch_level),
        kernel_test(a_call_above_its_limit_is_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
