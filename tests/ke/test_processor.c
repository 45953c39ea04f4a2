#include "kernel.h"

CCHAR KeSetIdealProcessorThread(PKTHREAD Thread, CCHAR Processor);

static void the_machine_has_two_processors(void **state)
{
    KAFFINITY active = 0;
    assert_int_equal(KeNumberProcessors, 2);
    assert_int_equal(KeQueryActiveProcessorCount(&active), 2);
    assert_int_equal(active, 3);
    assert_int_equal(KeQueryActiveProcessorCount(NULL), 2);
    assert_int_equal(KeQueryActiveProcessors(), 3);
    assert_int_equal(KeQueryActiveProcessorCountEx(0), 2);
    assert_int_equal(KeQueryActiveProcessorCountEx(ALL_PROCESSOR_GROUPS), 2);
    assert_int_equal(KeQueryActiveProcessorCountEx(1), 0);
    assert_int_equal(KeQueryMaximumProcessorCount(), 2);
    assert_int_equal(KeQueryMaximumProcessorCountEx(0), 2);
    assert_int_equal(KeQueryActiveGroupCount(), 1);
}

static void a_thread_is_on_one_of_them(void **state)
{
    PROCESSOR_NUMBER number;
    ULONG current = KeGetCurrentProcessorNumber();
    assert_true(current < 2);
    assert_int_equal(KeGetCurrentProcessorNumberEx(&number), current);
    assert_int_equal(number.Number, current);
    assert_int_equal(KeGetCurrentProcessorNumberEx(NULL), current);
    assert_int_equal(KeGetProcessorNumberFromIndex(1, &number), STATUS_SUCCESS);
    assert_int_equal(KeGetProcessorIndexFromNumber(&number), 1);
    assert_int_equal(KeGetProcessorNumberFromIndex(2, &number), STATUS_INVALID_PARAMETER);
}

static void affinity_moves_a_thread(void **state)
{
    GROUP_AFFINITY affinity = {.Mask = 2}, before;
    KeSetSystemAffinityThread(1);
    assert_int_equal(KeGetCurrentProcessorNumber(), 0);
    assert_int_equal(KeSetSystemAffinityThreadEx(2), 1);
    assert_int_equal(KeGetCurrentProcessorNumber(), 1);
    KeRevertToUserAffinityThreadEx(1);
    assert_int_equal(KeGetCurrentProcessorNumber(), 0);
    KeSetSystemGroupAffinityThread(&affinity, &before);
    assert_int_equal(before.Mask, 1);
    assert_int_equal(KeGetCurrentProcessorNumber(), 1);
    KeRevertToUserGroupAffinityThread(&before);
    assert_int_equal(KeGetCurrentProcessorNumber(), 0);
    KeRevertToUserAffinityThread();
    KeSetIdealProcessorThread(KeGetCurrentThread(), 1);
    assert_int_equal(KeSetIdealProcessorThread(KeGetCurrentThread(), 0), 1);
}

static void priorities_are_remembered(void **state)
{
    PKTHREAD self = KeGetCurrentThread();
    KPRIORITY before = KeSetPriorityThread(self, LOW_REALTIME_PRIORITY);
    assert_int_equal(KeQueryPriorityThread(self), LOW_REALTIME_PRIORITY);
    assert_int_equal(KeSetPriorityThread(self, before), LOW_REALTIME_PRIORITY);
    assert_int_equal(KeSetBasePriorityThread(self, 2), 0);
    assert_int_equal(KeSetBasePriorityThread(self, 0), 2);
}

static ULONG_PTR visit(ULONG_PTR visited)
{
    assert_int_equal(KeGetCurrentIrql(), IPI_LEVEL);
    *(ULONG *)visited |= 1u << KeGetCurrentProcessorNumber();
    return KeGetCurrentProcessorNumber();
}

static void an_ipi_visits_every_processor(void **state)
{
    ULONG visited = 0;
    assert_int_equal(KeIpiGenericCall(visit, (ULONG_PTR)&visited), KeGetCurrentProcessorNumber());
    assert_int_equal(visited, 3);
    assert_int_equal(KeGetCurrentIrql(), PASSIVE_LEVEL);
}

static void floating_point_state_can_be_saved(void **state)
{
    KFLOATING_SAVE save;
    XSTATE_SAVE extended;
    assert_int_equal(KeSaveFloatingPointState(&save), STATUS_SUCCESS);
    assert_int_equal(KeRestoreFloatingPointState(&save), STATUS_SUCCESS);
    assert_int_equal(KeSaveExtendedProcessorState(XSTATE_MASK_LEGACY, &extended), STATUS_SUCCESS);
    KeRestoreExtendedProcessorState(&extended);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        kernel_test(the_machine_has_two_processors),
        kernel_test(a_thread_is_on_one_of_them),
        kernel_test(affinity_moves_a_thread),
        kernel_test(priorities_are_remembered),
        kernel_test(an_ipi_visits_every_processor),
        kernel_test(floating_point_state_can_be_saved),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
