/* DPCs, device queues, spin locks, and what keeps APCs off at raised IRQL. All of it was seen on Windows by published kernel
 * test suites. */
#include "stage.h"

/* ---- DPCs ---- */

static LONG ran;
static KDPC dpc;

static VOID run_dpc(PKDPC which, PVOID context, PVOID first, PVOID second)
{
    assert_int_equal(KeGetCurrentIrql(), DISPATCH_LEVEL);
    assert_ptr_equal(which, &dpc);
    assert_ptr_equal(context, &dpc);
    assert_ptr_equal(first, (PVOID)0xabc123);
    assert_ptr_equal(second, (PVOID)0x5678);
    assert_int_equal(which->Type, 19); // DpcObject
    assert_int_equal(which->Importance, MediumImportance);
    assert_int_equal(which->Number, 0);
    assert_ptr_equal(which->DeferredRoutine, run_dpc);
    assert_ptr_equal(which->SystemArgument1, first);
    assert_ptr_equal(which->SystemArgument2, second);
    assert_null(which->DpcData);
    ran++;
}

static BOOLEAN queue_dpc(void) { return KeInsertQueueDpc(&dpc, (PVOID)0xabc123, (PVOID)0x5678); }

static void a_dpc_runs_once_the_irql_allows(void)
{
    KIRQL apc, dispatch, high;

    ran = 0;
    memset(&dpc, 0x55, sizeof dpc);
    KeInitializeDpc(&dpc, run_dpc, &dpc);
    assert_int_equal(dpc.Type, 19);
    assert_int_equal(dpc.Importance, MediumImportance);
    assert_int_equal(dpc.Number, 0);
    assert_ptr_equal(dpc.DeferredRoutine, run_dpc);
    assert_ptr_equal(dpc.DeferredContext, &dpc);
    assert_null(dpc.DpcData);
    for (LONG i = 1; i <= 5; i++) {
        assert_true(queue_dpc());
        KeFlushQueuedDpcs();
        assert_int_equal(ran, i);
    }
    ran = 0;
    KeRaiseIrql(APC_LEVEL, &apc);
    for (LONG i = 1; i <= 5; i++) {
        KeRaiseIrql(DISPATCH_LEVEL, &dispatch);
        assert_true(queue_dpc());
        assert_false(KeInsertQueueDpc(&dpc, (PVOID)0xdef, (PVOID)0x123));
        KeRaiseIrql(HIGH_LEVEL, &high);
        KeLowerIrql(high);
        assert_int_equal(ran, i - 1);
        KeLowerIrql(dispatch);
        KeLowerIrql(apc);
        KeFlushQueuedDpcs();
        KeRaiseIrql(APC_LEVEL, &apc);
        assert_int_equal(ran, i);
    }
    KeLowerIrql(apc);
}

static void a_queued_dpc_is_taken_back(void)
{
    KIRQL irql, high;

    ran = 0;
    KeInitializeDpc(&dpc, run_dpc, &dpc);
    for (LONG i = 0; i < 5; i++) {
        KeRaiseIrql(DISPATCH_LEVEL, &irql);
        assert_false(KeRemoveQueueDpc(&dpc));
        assert_true(queue_dpc());
        KeRaiseIrql(HIGH_LEVEL, &high);
        KeLowerIrql(high);
        assert_true(KeRemoveQueueDpc(&dpc));
        KeLowerIrql(irql);
        assert_int_equal(ran, 0);
    }
    KeInitializeDpc(&dpc, NULL, NULL);
    KeRaiseIrql(HIGH_LEVEL, &irql);
    assert_true(KeInsertQueueDpc(&dpc, NULL, NULL));
    assert_true(KeRemoveQueueDpc(&dpc));
    KeLowerIrql(irql);
}

/* ---- device queues ---- */

static KDEVICE_QUEUE queue;

static void is_queue(bool busy, bool empty)
{
    assert_int_equal(queue.Busy, busy);
    assert_int_equal(IsListEmpty(&queue.DeviceListHead), empty);
}

static void a_queue_takes_nothing_while_it_is_idle(void)
{
    PIRP irp = IoAllocateIrp(1, FALSE);
    PKDEVICE_QUEUE_ENTRY entry = &irp->Tail.Overlay.DeviceQueueEntry;
    KIRQL irql;

    memset(&queue, 0xcd, sizeof queue);
    KeInitializeDeviceQueue(&queue);
    assert_int_equal(queue.Type, 20); // DeviceQueueObject
    assert_int_equal(queue.Size, sizeof queue);
    is_queue(false, true);
    KeRaiseIrql(DISPATCH_LEVEL, &irql);
    for (int i = 0; i < 2; i++) {
        assert_false(KeInsertDeviceQueue(&queue, entry));
        assert_false(entry->Inserted);
        is_queue(true, true);
        assert_true(KeInsertDeviceQueue(&queue, entry));
        assert_true(entry->Inserted);
        is_queue(true, false);
        assert_ptr_equal(queue.DeviceListHead.Flink, &entry->DeviceListEntry);
        assert_ptr_equal(KeRemoveDeviceQueue(&queue), entry);
        assert_false(entry->Inserted);
        is_queue(true, true);
        assert_null(KeRemoveDeviceQueue(&queue));
        is_queue(false, true);
    }
    KeLowerIrql(irql);
    IoFreeIrp(irp);
}

static void a_queue_gives_back_in_order_or_by_key(void)
{
    enum { COUNT = 5 };
    static const ULONG keys[3] = {3, 1, 2};
    KDEVICE_QUEUE_ENTRY first = {.Inserted = TRUE}, entries[COUNT];
    KIRQL irql;

    KeInitializeDeviceQueue(&queue);
    KeRaiseIrql(DISPATCH_LEVEL, &irql);
    assert_false(KeInsertDeviceQueue(&queue, &first));
    assert_false(first.Inserted);
    for (ULONG i = 0; i < COUNT; i++) {
        entries[i].SortKey = i;
        assert_true(KeInsertDeviceQueue(&queue, &entries[i]));
        assert_int_equal(entries[i].SortKey, i);
    }
    for (ULONG i = 1; i < COUNT; i += 2) {
        assert_true(KeRemoveEntryDeviceQueue(&queue, &entries[i]));
        assert_false(KeRemoveEntryDeviceQueue(&queue, &entries[i]));
    }
    for (ULONG i = 0; i < COUNT; i += 2)
        assert_ptr_equal(KeRemoveDeviceQueue(&queue), &entries[i]);
    assert_null(KeRemoveDeviceQueue(&queue));
    is_queue(false, true);

    assert_false(KeInsertByKeyDeviceQueue(&queue, &first, 0));
    for (ULONG i = 0; i < ARRAYSIZE(keys); i++)
        assert_true(KeInsertByKeyDeviceQueue(&queue, &entries[i], keys[i]));
    assert_true(KeRemoveEntryDeviceQueue(&queue, &entries[2]));
    assert_ptr_equal(KeRemoveDeviceQueue(&queue), &entries[1]);
    assert_ptr_equal(KeRemoveDeviceQueue(&queue), &entries[0]);
    assert_null(KeRemoveDeviceQueue(&queue));
    is_queue(false, true);
    KeLowerIrql(irql);
}

/* ---- spin locks ---- */

static void a_spin_lock_raises_and_lowers_and_is_told_to_be_held(void)
{
    static const KIRQL levels[] = {PASSIVE_LEVEL, APC_LEVEL, DISPATCH_LEVEL};
    KLOCK_QUEUE_HANDLE handle;
    KSPIN_LOCK lock;
    KIRQL irql, old;

    for (size_t i = 0; i < ARRAYSIZE(levels); i++) {
        KeRaiseIrql(levels[i], &irql);
        memset(&lock, 0x55, sizeof lock);
        KeInitializeSpinLock(&lock);
        assert_int_equal(lock, 0);
        KeAcquireSpinLock(&lock, &old);
        assert_int_equal(old, levels[i]);
        assert_int_equal(KeGetCurrentIrql(), DISPATCH_LEVEL);
        assert_false(KeTestSpinLock(&lock));
        assert_false(KeAreApcsDisabled());
        KeReleaseSpinLock(&lock, old);
        assert_true(KeTestSpinLock(&lock));
        assert_int_equal(KeGetCurrentIrql(), levels[i]);
        assert_int_equal(lock, 0);

        KeAcquireInStackQueuedSpinLock(&lock, &handle);
        assert_int_equal(handle.OldIrql, levels[i]);
        assert_int_equal(KeGetCurrentIrql(), DISPATCH_LEVEL);
        assert_false(KeTestSpinLock(&lock));
        KeReleaseInStackQueuedSpinLock(&handle);
        assert_true(KeTestSpinLock(&lock));
        assert_int_equal(KeGetCurrentIrql(), levels[i]);
        KeLowerIrql(irql);
    }
    KeRaiseIrql(DISPATCH_LEVEL, &irql);
    KeAcquireSpinLockAtDpcLevel(&lock);
    assert_false(KeTestSpinLock(&lock));
    KeReleaseSpinLockFromDpcLevel(&lock);
    assert_true(KeTryToAcquireSpinLockAtDpcLevel(&lock));
    assert_false(KeTestSpinLock(&lock));
    KeReleaseSpinLockFromDpcLevel(&lock);
    KeAcquireInStackQueuedSpinLockAtDpcLevel(&lock, &handle);
    assert_int_equal(KeGetCurrentIrql(), DISPATCH_LEVEL);
    KeReleaseInStackQueuedSpinLockFromDpcLevel(&handle);
    assert_int_equal(KeGetCurrentIrql(), DISPATCH_LEVEL);
    assert_true(KeTestSpinLock(&lock));
    KeLowerIrql(irql);
}

/* ---- APCs ---- */

static void check_apcs(bool some, bool all, KIRQL irql)
{
    assert_int_equal(KeAreApcsDisabled(), some);
    assert_int_equal(KeAreAllApcsDisabled(), all);
    assert_int_equal(KeGetCurrentIrql(), irql);
}

/* A region that is entered at one IRQL may be left at another. */
static void regions_and_irql_do_not_mind_each_other(void)
{
    KIRQL irql;
    KeEnterCriticalRegion();
    KeRaiseIrql(APC_LEVEL, &irql);
    check_apcs(true, true, APC_LEVEL);
    KeEnterGuardedRegion();
    check_apcs(true, true, APC_LEVEL);
    KeLeaveCriticalRegion();
    check_apcs(true, true, APC_LEVEL);
    KeLowerIrql(irql);
    check_apcs(true, true, PASSIVE_LEVEL);
    KeLeaveGuardedRegion();
    check_apcs(false, false, PASSIVE_LEVEL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fltsim_unit_test(a_dpc_runs_once_the_irql_allows),
        fltsim_unit_test(a_queued_dpc_is_taken_back),
        fltsim_unit_test(a_queue_takes_nothing_while_it_is_idle),
        fltsim_unit_test(a_queue_gives_back_in_order_or_by_key),
        fltsim_unit_test(a_spin_lock_raises_and_lowers_and_is_told_to_be_held),
        fltsim_unit_test(regions_and_irql_do_not_mind_each_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
