#include "kernel.h"

struct item {
    LIST_ENTRY link;
    int value;
};

static KQUEUE queue;

static int value_of(PLIST_ENTRY entry) { return CONTAINING_RECORD(entry, struct item, link)->value; }

static void entries_come_out_in_order(void **state)
{
    struct item items[3] = {{.value = 1}, {.value = 2}, {.value = 3}};
    LARGE_INTEGER none = {.QuadPart = 0};
    KeInitializeQueue(&queue, 0);
    assert_int_equal(KeInsertQueue(&queue, &items[0].link), 0);
    assert_int_equal(KeInsertQueue(&queue, &items[1].link), 1);
    KeInsertHeadQueue(&queue, &items[2].link);
    assert_int_equal(KeReadStateQueue(&queue), 3);
    assert_int_equal(value_of(KeRemoveQueue(&queue, KernelMode, NULL)), 3);
    assert_int_equal(value_of(KeRemoveQueue(&queue, KernelMode, NULL)), 1);
    assert_int_equal(value_of(KeRemoveQueue(&queue, KernelMode, NULL)), 2);
    assert_int_equal((ULONG_PTR)KeRemoveQueue(&queue, KernelMode, &none), STATUS_TIMEOUT);
}

static int take(void *argument) { return value_of(KeRemoveQueue(&queue, KernelMode, NULL)); }

static void a_waiter_gets_the_entry(void **state)
{
    struct item item = {.value = 7};
    KeInitializeQueue(&queue, 0);
    struct fltsim_thread *thread = run(take, NULL);
    fltsim_sleep(1);
    KeInsertQueue(&queue, &item.link);
    assert_int_equal(fltsim_thread_join(thread), 7);
}

static void several_entries_are_taken_at_once(void **state)
{
    struct item items[3] = {{.value = 1}, {.value = 2}, {.value = 3}};
    PLIST_ENTRY taken[4] = {NULL};
    LARGE_INTEGER none = {.QuadPart = 0};

    KeInitializeQueue(&queue, 0);
    for (int i = 0; i < 3; i++)
        KeInsertQueue(&queue, &items[i].link);
    assert_int_equal(KeRemoveQueueEx(&queue, KernelMode, FALSE, NULL, taken, 2), 2);
    assert_int_equal(value_of(taken[0]), 1);
    assert_int_equal(value_of(taken[1]), 2);
    assert_int_equal(KeRemoveQueueEx(&queue, KernelMode, FALSE, NULL, taken, 4), 1);
    assert_int_equal(value_of(taken[0]), 3);
    assert_int_equal(KeRemoveQueueEx(&queue, KernelMode, FALSE, &none, taken, 4), 1);
    assert_int_equal((ULONG_PTR)taken[0], STATUS_TIMEOUT);
}

static int take_abandoned(void *argument)
{
    return (ULONG_PTR)KeRemoveQueue(&queue, KernelMode, NULL) == STATUS_ABANDONED;
}

static void rundown_lets_waiters_go(void **state)
{
    KeInitializeQueue(&queue, 0);
    struct fltsim_thread *thread = run(take_abandoned, NULL);
    fltsim_sleep(1);
    assert_null(KeRundownQueue(&queue));
    assert_true(fltsim_thread_join(thread));
}

static void rundown_hands_over_what_is_queued(void **state)
{
    struct item items[2] = {{.value = 1}, {.value = 2}};
    KeInitializeQueue(&queue, 0);
    KeInsertQueue(&queue, &items[0].link);
    KeInsertQueue(&queue, &items[1].link);
    PLIST_ENTRY ring = KeRundownQueue(&queue);
    assert_int_equal(value_of(ring), 1);
    assert_int_equal(value_of(ring->Flink), 2);
    assert_ptr_equal(ring->Flink->Flink, ring);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        kernel_test(entries_come_out_in_order),
        kernel_test(a_waiter_gets_the_entry),
        kernel_test(several_entries_are_taken_at_once),
        kernel_test(rundown_lets_waiters_go),
        kernel_test(rundown_hands_over_what_is_queued),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
