#include "kernel.h"

static atomic_int runs;
static PVOID arguments[3];
static KIRQL level;
static LOGICAL executing;

static void note(PKDPC dpc, PVOID context, PVOID first, PVOID second)
{
    atomic_fetch_add(&runs, 1);
    arguments[0] = context;
    arguments[1] = first;
    arguments[2] = second;
    level = KeGetCurrentIrql();
    executing = KeIsExecutingDpc();
}

static void a_queued_dpc_runs_once_with_its_arguments(void **state)
{
    KDPC dpc;
    atomic_store(&runs, 0);
    KeInitializeDpc(&dpc, note, &dpc);
    KIRQL old = KeRaiseIrqlToDpcLevel();
    assert_true(KeInsertQueueDpc(&dpc, (PVOID)1, (PVOID)2));
    KeLowerIrql(old);
    KeFlushQueuedDpcs();
    assert_int_equal(atomic_load(&runs), 1);
    assert_int_equal(level, DISPATCH_LEVEL);
    assert_true(executing);
    assert_false(KeIsExecutingDpc());
    assert_ptr_equal(arguments[0], &dpc);
    assert_ptr_equal(arguments[1], 1);
    assert_ptr_equal(arguments[2], 2);
}

static void a_threaded_dpc_runs_at_passive_level(void **state)
{
    KDPC dpc;
    KeInitializeThreadedDpc(&dpc, note, NULL);
    KeInsertQueueDpc(&dpc, NULL, NULL);
    KeFlushQueuedDpcs();
    assert_int_equal(level, PASSIVE_LEVEL);
    assert_false(executing);
}

static void a_dpc_is_queued_once(void **state)
{
    KDPC first, second;
    if (!on_coop() || getenv("FLTSIM_SEED"))
        skip(); /* the DPC may run before the next line */
    atomic_store(&runs, 0);
    KeInitializeDpc(&first, note, NULL);
    KeInitializeDpc(&second, note, NULL);
    assert_true(KeInsertQueueDpc(&first, NULL, NULL));
    assert_false(KeInsertQueueDpc(&first, NULL, NULL));
    assert_true(KeInsertQueueDpc(&second, NULL, NULL));
    assert_true(KeRemoveQueueDpc(&first));
    assert_false(KeRemoveQueueDpc(&first));
    KeFlushQueuedDpcs();
    assert_int_equal(atomic_load(&runs), 1);
}

static void queue_again(PKDPC dpc, PVOID context, PVOID first, PVOID second)
{
    if (atomic_fetch_add(&runs, 1) < 9)
        KeInsertQueueDpc(dpc, NULL, NULL);
}

static void a_dpc_may_queue_itself(void **state)
{
    KDPC dpc;
    atomic_store(&runs, 0);
    KeInitializeDpc(&dpc, queue_again, NULL);
    KeInsertQueueDpc(&dpc, NULL, NULL);
    KeFlushQueuedDpcs();
    assert_int_equal(atomic_load(&runs), 10);
}

static void forget_to_lower(PKDPC dpc, PVOID context, PVOID first, PVOID second)
{
    KfRaiseIrql(HIGH_LEVEL);
}

static void a_dpc_must_keep_the_irql(void **state)
{
    KDPC dpc;
    KeInitializeDpc(&dpc, forget_to_lower, NULL);
    KeInsertQueueDpc(&dpc, NULL, NULL);
    KeFlushQueuedDpcs();
    assert_string_equal(fltsim_last_rule(), "irql-not-restored");
}

static void removing_can_wait_for_the_end(void **state)
{
    KDPC dpc;
    PROCESSOR_NUMBER number = {0};
    atomic_store(&runs, 0);
    KeInitializeDpc(&dpc, note, NULL);
    KeSetImportanceDpc(&dpc, HighImportance);
    KeSetTargetProcessorDpc(&dpc, 1);
    assert_int_equal(KeSetTargetProcessorDpcEx(&dpc, &number), STATUS_SUCCESS);
    number.Number = 60;
    assert_int_equal(KeSetTargetProcessorDpcEx(&dpc, &number), STATUS_INVALID_PARAMETER);
    KeInsertQueueDpc(&dpc, NULL, NULL);
    BOOLEAN removed = KeRemoveQueueDpcEx(&dpc, TRUE);
    assert_int_equal(atomic_load(&runs), removed ? 0 : 1);
    assert_false(KeRemoveQueueDpcEx(&dpc, FALSE));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        kernel_test(a_queued_dpc_runs_once_with_its_arguments),
        kernel_test(a_threaded_dpc_runs_at_passive_level),
        kernel_test(a_dpc_is_queued_once),
        kernel_test(a_dpc_may_queue_itself),
        kernel_test(removing_can_wait_for_the_end),
        broken_test(a_dpc_must_keep_the_irql),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
