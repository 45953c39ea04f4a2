#include "stub.h"

#include <string.h>

/* ---- a filter above the stub's volume ---- */

static PDEVICE_OBJECT filter, below;
static PDRIVER_OBJECT filter_driver;
static unsigned passed, completions;
static bool keep; /* the completion routine keeps the IRP and completes it again from a worker */
static IO_STATUS_BLOCK seen;
static BOOLEAN seen_pending;

struct again {
    WORK_QUEUE_ITEM item;
    PIRP irp;
};

static VOID CompleteAgain(PVOID context)
{
    struct again *again = context;
    IoCompleteRequest(again->irp, IO_NO_INCREMENT);
    sim_free(again);
}

static NTSTATUS Completed(PDEVICE_OBJECT device, PIRP irp, PVOID context)
{
    assert_ptr_equal(device, filter);
    assert_ptr_equal(context, &completions);
    completions++;
    seen = irp->IoStatus;
    seen_pending = irp->PendingReturned;
    if (irp->PendingReturned)
        IoMarkIrpPending(irp);
    if (!keep || !irp->PendingReturned)
        return STATUS_SUCCESS;
    struct again *again = sim_alloc(sizeof *again);
    again->irp = irp;
    ExInitializeWorkItem(&again->item, CompleteAgain, again);
    ExQueueWorkItem(&again->item, DelayedWorkQueue);
    return STATUS_MORE_PROCESSING_REQUIRED;
}

static NTSTATUS Pass(PDEVICE_OBJECT device, PIRP irp)
{
    passed++;
    IoCopyCurrentIrpStackLocationToNext(irp);
    IoSetCompletionRoutine(irp, Completed, &completions, TRUE, TRUE, TRUE);
    return IoCallDriver(below, irp);
}

static VOID UnloadFilter(PDRIVER_OBJECT driver)
{
    IoDetachDevice(below);
    IoDeleteDevice(filter);
}

static NTSTATUS FilterEntry(PDRIVER_OBJECT driver, PUNICODE_STRING path)
{
    for (unsigned i = 0; i <= IRP_MJ_MAXIMUM_FUNCTION; i++)
        driver->MajorFunction[i] = Pass;
    driver->DriverUnload = UnloadFilter;
    IoCreateDevice(driver, 0, NULL, FILE_DEVICE_DISK_FILE_SYSTEM, 0, FALSE, &filter);
    return IoAttachDeviceToDeviceStackSafe(filter, stub.volume, &below);
}

static void LoadFilter(void)
{
    fltsim_close(stub_open("S:\\file", NULL));
    passed = completions = 0;
    keep = false;
    assert_int_equal(IopLoadDriver(U(u"\\Registry\\Machine\\System\\CurrentControlSet\\Services\\Above"), FilterEntry,
                                   &filter_driver),
                     STATUS_SUCCESS);
}

static void PassesThrough(void **state)
{
    LoadFilter();
    for (enum stub_mode mode = STUB_INLINE; mode <= STUB_DISPATCH; mode++) {
        for (int kept = 0; kept < 2; kept++) {
            char text[5];
            size_t done;
            stub.mode = mode;
            keep = kept;
            passed = completions = 0;
            HANDLE other, handle = stub_open("S:\\file", NULL);
            assert_int_equal(fltsim_read(handle, text, 5, 0, &done), STATUS_SUCCESS);
            assert_memory_equal(text, "hello", 5);
            assert_int_equal(seen_pending, mode != STUB_INLINE);
            assert_int_equal(fltsim_open("S:\\missing", NULL, &other), STATUS_OBJECT_NAME_NOT_FOUND);
            assert_int_equal(seen.Status, STATUS_OBJECT_NAME_NOT_FOUND);
            fltsim_close(handle);
            assert_int_equal(passed, completions);
        }
    }
    stub.mode = STUB_INLINE;
    IopUnloadDriver(filter_driver);
}

/* The next device's stack is deeper than what was allocated. */
static void OverrunBody(void *unused)
{
    PIRP irp = IoAllocateIrp(1, FALSE);
    IoGetNextIrpStackLocation(irp)->MajorFunction = IRP_MJ_READ;
    IoGetNextIrpStackLocation(irp)->FileObject = stub.last[IRP_MJ_CREATE].FileObject;
    IoCallDriver(filter, irp);
}

static void StackOverrun(void **state)
{
    LoadFilter();
    assert_false(fltsim_try(OverrunBody, NULL));
    assert_string_equal(fltsim_last_rule(), "irp-stack-overrun");
}

static NTSTATUS Keep(PDEVICE_OBJECT device, PIRP irp, PVOID context) { return STATUS_MORE_PROCESSING_REQUIRED; }

static NTSTATUS Signal(PDEVICE_OBJECT device, PIRP irp, PVOID context)
{
    if (irp->PendingReturned)
        KeSetEvent(context, IO_NO_INCREMENT, FALSE);
    return STATUS_MORE_PROCESSING_REQUIRED;
}

static PIRP OwnIrp(UCHAR major, PIO_COMPLETION_ROUTINE routine, PVOID context)
{
    PIRP irp = IoAllocateIrp(stub.disk->StackSize, FALSE);
    IoGetNextIrpStackLocation(irp)->MajorFunction = major;
    if (routine)
        IoSetCompletionRoutine(irp, routine, context, TRUE, TRUE, TRUE);
    return irp;
}

static void OwnIrpAndReuse(void **state)
{
    KEVENT event;
    KeInitializeEvent(&event, NotificationEvent, FALSE);
    PIRP irp = OwnIrp(IRP_MJ_FLUSH_BUFFERS, Signal, &event);
    stub.mode = STUB_DISPATCH;
    assert_int_equal(IoCallDriver(stub.disk, irp), STATUS_PENDING);
    assert_int_equal(KeWaitForSingleObject(&event, Executive, KernelMode, FALSE, NULL), STATUS_SUCCESS);
    assert_int_equal(irp->IoStatus.Status, STATUS_SUCCESS);
    IoReuseIrp(irp, STATUS_UNSUCCESSFUL);
    assert_int_equal(irp->IoStatus.Status, STATUS_UNSUCCESSFUL);
    assert_int_equal(irp->CurrentLocation, irp->StackCount + 1);
    stub.mode = STUB_INLINE;
    IoGetNextIrpStackLocation(irp)->MajorFunction = IRP_MJ_FLUSH_BUFFERS;
    assert_int_equal(IoSynchronousCallDriver(stub.disk, irp), STATUS_SUCCESS);
    IoFreeIrp(irp);
}

static void DriverMemoryIrp(void **state)
{
    union {
        IRP irp;
        UCHAR bytes[1024];
    } memory;
    IoInitializeIrp(&memory.irp, IoSizeOfIrp(3), 3);
    IoGetNextIrpStackLocation(&memory.irp)->MajorFunction = IRP_MJ_FLUSH_BUFFERS;
    IoSetCompletionRoutine(&memory.irp, Keep, NULL, TRUE, TRUE, TRUE);
    assert_int_equal(IoCallDriver(stub.disk, &memory.irp), STATUS_SUCCESS);
}

static void BuildsRequests(void **state)
{
    for (enum stub_mode mode = STUB_INLINE; mode <= STUB_DISPATCH; mode++) {
        KEVENT event;
        IO_STATUS_BLOCK iosb;
        char in[2] = {4, 5}, out[2] = {0, 0};
        ULONG code = CTL_CODE(FILE_DEVICE_DISK, 2100, METHOD_BUFFERED, FILE_ANY_ACCESS);
        stub.mode = mode;
        KeInitializeEvent(&event, NotificationEvent, FALSE);
        PIRP irp = IoBuildDeviceIoControlRequest(code, stub.disk, in, 2, out, 2, FALSE, &event, &iosb);
        NTSTATUS status = IoCallDriver(stub.disk, irp);
        if (status == STATUS_PENDING)
            KeWaitForSingleObject(&event, Executive, KernelMode, FALSE, NULL);
        assert_int_equal(iosb.Status, STATUS_SUCCESS);
        assert_int_equal(iosb.Information, 2);
        assert_memory_equal(out, "\5\6", 2);

        KeClearEvent(&event);
        irp = IoBuildSynchronousFsdRequest(IRP_MJ_FLUSH_BUFFERS, stub.disk, NULL, 0, NULL, &event, &iosb);
        if (IoCallDriver(stub.disk, irp) == STATUS_PENDING)
            KeWaitForSingleObject(&event, Executive, KernelMode, FALSE, NULL);
        assert_int_equal(iosb.Status, STATUS_SUCCESS);
    }
}

static NTSTATUS FreePart(PDEVICE_OBJECT device, PIRP irp, PVOID context) { return STATUS_SUCCESS; }

static void AssociatedIrps(void **state)
{
    KEVENT event;
    KeInitializeEvent(&event, NotificationEvent, FALSE);
    PIRP master = OwnIrp(IRP_MJ_FLUSH_BUFFERS, Signal, &event);
    IoSetNextIrpStackLocation(master);
    IoGetCurrentIrpStackLocation(master)->Control |= SL_PENDING_RETURNED;
    master->AssociatedIrp.IrpCount = 2;
    for (int i = 0; i < 2; i++) {
        PIRP part = IoMakeAssociatedIrp(master, stub.disk->StackSize);
        IoGetNextIrpStackLocation(part)->MajorFunction = IRP_MJ_FLUSH_BUFFERS;
        IoSetCompletionRoutine(part, FreePart, NULL, TRUE, TRUE, TRUE);
        assert_int_equal(KeReadStateEvent(&event), 0);
        IoCallDriver(stub.disk, part);
    }
    assert_int_equal(KeReadStateEvent(&event), 1);
    IoFreeIrp(master);
}

/* ---- wrong ways ---- */

static void CompleteTwice(void *unused)
{
    PIRP irp = OwnIrp(IRP_MJ_FLUSH_BUFFERS, Keep, NULL);
    IoCallDriver(stub.disk, irp);
    IoCompleteRequest(irp, IO_NO_INCREMENT);
}

static void CompletedTwice(void **state)
{
    assert_false(fltsim_try(CompleteTwice, NULL));
    assert_string_equal(fltsim_last_rule(), "irp-completed-twice");
}

static void CompleteAfterFree(void *unused)
{
    PIRP irp = OwnIrp(IRP_MJ_FLUSH_BUFFERS, Keep, NULL);
    IoFreeIrp(irp);
    IoCompleteRequest(irp, IO_NO_INCREMENT);
}

static void CompletedAfterFree(void **state)
{
    assert_false(fltsim_try(CompleteAfterFree, NULL));
    assert_string_equal(fltsim_last_rule(), "irp-completed-twice");
}

static void FreeTwice(void *unused)
{
    PIRP irp = IoAllocateIrp(2, FALSE);
    IoFreeIrp(irp);
    IoFreeIrp(irp);
}

static void FreedTwice(void **state)
{
    assert_false(fltsim_try(FreeTwice, NULL));
    assert_string_equal(fltsim_last_rule(), "irp-misuse");
}

static bool CompletePending(PDEVICE_OBJECT device, PIRP irp, NTSTATUS *status)
{
    if (IoGetCurrentIrpStackLocation(irp)->MajorFunction != IRP_MJ_FLUSH_BUFFERS)
        return false;
    irp->IoStatus.Status = STATUS_PENDING;
    IoCompleteRequest(irp, IO_NO_INCREMENT);
    return true;
}

static void SendFlush(void *unused)
{
    PIRP irp = OwnIrp(IRP_MJ_FLUSH_BUFFERS, Keep, NULL);
    IoCallDriver(stub.disk, irp);
}

static void CompletedWithPending(void **state)
{
    stub.hook = CompletePending;
    assert_false(fltsim_try(SendFlush, NULL));
    assert_string_equal(fltsim_last_rule(), "irp-completed-pending");
}

static VOID NoCancel(PDEVICE_OBJECT device, PIRP irp) {}

static bool LeaveCancelRoutine(PDEVICE_OBJECT device, PIRP irp, NTSTATUS *status)
{
    if (IoGetCurrentIrpStackLocation(irp)->MajorFunction != IRP_MJ_FLUSH_BUFFERS)
        return false;
    IoSetCancelRoutine(irp, NoCancel);
    irp->IoStatus.Status = STATUS_SUCCESS;
    IoCompleteRequest(irp, IO_NO_INCREMENT);
    return true;
}

static void CancelRoutineLeft(void **state)
{
    stub.hook = LeaveCancelRoutine;
    assert_false(fltsim_try(SendFlush, NULL));
    assert_string_equal(fltsim_last_rule(), "irp-cancel-routine-left");
}

static void SendUnclaimed(void *unused) { IoCallDriver(stub.disk, OwnIrp(IRP_MJ_FLUSH_BUFFERS, NULL, NULL)); }

static void NobodyClaimsIt(void **state)
{
    assert_false(fltsim_try(SendUnclaimed, NULL));
    assert_string_equal(fltsim_last_rule(), "irp-misuse");
}

static bool ForgetToComplete(PDEVICE_OBJECT device, PIRP irp, NTSTATUS *status)
{
    if (IoGetCurrentIrpStackLocation(irp)->MajorFunction != IRP_MJ_READ)
        return false;
    *status = STATUS_SUCCESS;
    return true;
}

static void ReadFile(void *handle)
{
    char text[4];
    fltsim_read(handle, text, 4, 0, NULL);
}

static void NotCompleted(void **state)
{
    HANDLE handle = stub_open("S:\\file", NULL);
    stub.hook = ForgetToComplete;
    assert_false(fltsim_try(ReadFile, handle));
    assert_string_equal(fltsim_last_rule(), "pended-not-completed");
}

static bool PendWithoutMark(PDEVICE_OBJECT device, PIRP irp, NTSTATUS *status)
{
    if (IoGetCurrentIrpStackLocation(irp)->MajorFunction != IRP_MJ_READ)
        return false;
    irp->IoStatus.Status = STATUS_SUCCESS;
    irp->IoStatus.Information = 0;
    IoCompleteRequest(irp, IO_NO_INCREMENT);
    *status = STATUS_PENDING;
    return true;
}

static void NotMarkedPending(void **state)
{
    char text[4];
    HANDLE handle = stub_open("S:\\file", NULL);
    stub.hook = PendWithoutMark;
    fltsim_expect("irp-pending-not-marked");
    assert_int_equal(fltsim_read(handle, text, 4, 0, NULL), STATUS_SUCCESS);
    fltsim_close(handle);
}

static bool PendForEver(PDEVICE_OBJECT device, PIRP irp, NTSTATUS *status)
{
    if (IoGetCurrentIrpStackLocation(irp)->MajorFunction != IRP_MJ_READ)
        return false;
    IoMarkIrpPending(irp);
    *status = STATUS_PENDING;
    return true;
}

static void PendedForEver(void **state)
{
    HANDLE handle = stub_open("S:\\file", NULL);
    stub.hook = PendForEver;
    assert_false(fltsim_try(ReadFile, handle));
    assert_string_equal(fltsim_last_rule(), "deadlock");
}

static bool LeaveIrqlUp(PDEVICE_OBJECT device, PIRP irp, NTSTATUS *status)
{
    KIRQL old;
    if (IoGetCurrentIrpStackLocation(irp)->MajorFunction == IRP_MJ_READ)
        KeRaiseIrql(DISPATCH_LEVEL, &old);
    return false;
}

static void IrqlNotRestored(void **state)
{
    HANDLE handle = stub_open("S:\\file", NULL);
    stub.hook = LeaveIrqlUp;
    fltsim_expect("irql-not-restored");
    ReadFile(handle);
    fltsim_close(handle);
}

static void LeakedIrp(void **state)
{
    IoAllocateIrp(1, FALSE);
    fltsim_expect("irp-leak");
}

/* ---- cancelling ---- */

static void Cancels(void **state)
{
    KEVENT event;
    KeInitializeEvent(&event, NotificationEvent, FALSE);
    stub.mode = STUB_HOLD;
    stub.hold_major = IRP_MJ_FLUSH_BUFFERS;
    PIRP irp = OwnIrp(IRP_MJ_FLUSH_BUFFERS, Signal, &event);
    assert_int_equal(IoCallDriver(stub.disk, irp), STATUS_PENDING);
    assert_true(IoCancelIrp(irp));
    assert_int_equal(KeReadStateEvent(&event), 1);
    assert_int_equal(irp->IoStatus.Status, STATUS_CANCELLED);
    assert_false(IoCancelIrp(irp));
    IoFreeIrp(irp);
}

static VOID KeepsLock(PDEVICE_OBJECT device, PIRP irp) {}

static void CancelLockKept(void **state)
{
    PIRP irp = OwnIrp(IRP_MJ_FLUSH_BUFFERS, Keep, NULL);
    IoSetNextIrpStackLocation(irp);
    IoSetCancelRoutine(irp, KeepsLock);
    fltsim_expect("cancel-lock-kept");
    assert_true(IoCancelIrp(irp));
    IoFreeIrp(irp);
}

static void CancelsByHandle(void **state)
{
    IO_STATUS_BLOCK first = {.Status = STATUS_PENDING}, second = first, iosb;
    LARGE_INTEGER offset = {.QuadPart = 0};
    char text[4];
    HANDLE handle = stub_open("S:\\file", &(struct fltsim_open){.asynchronous = true});
    stub.mode = STUB_HOLD;
    stub.hold_major = IRP_MJ_READ;
    assert_int_equal(ZwReadFile(handle, NULL, NULL, NULL, &first, text, 4, &offset, NULL), STATUS_PENDING);
    assert_int_equal(ZwCancelIoFileEx(handle, &second, &iosb), STATUS_NOT_FOUND);
    assert_int_equal(ZwCancelIoFileEx(handle, &first, &iosb), STATUS_SUCCESS);
    assert_int_equal(first.Status, STATUS_CANCELLED);
    assert_int_equal(ZwReadFile(handle, NULL, NULL, NULL, &second, text, 4, &offset, NULL), STATUS_PENDING);
    assert_int_equal(ZwCancelIoFile(handle, &iosb), STATUS_SUCCESS);
    assert_int_equal(second.Status, STATUS_CANCELLED);
    fltsim_close(handle);
}

static HANDLE shared_handle;
static IO_STATUS_BLOCK others_result = {.Status = STATUS_PENDING};
static KEVENT others_end;

static int ReadAndStay(void *argument)
{
    static char text[4];
    LARGE_INTEGER offset = {.QuadPart = 0};
    NTSTATUS status = ZwReadFile(shared_handle, NULL, NULL, NULL, &others_result, text, 4, &offset, NULL);
    KeWaitForSingleObject(&others_end, Executive, KernelMode, FALSE, NULL);
    return status;
}

static void AnyThreadsRequestIsCancelledByHandle(void **state)
{
    IO_STATUS_BLOCK iosb;
    shared_handle = stub_open("S:\\file", &(struct fltsim_open){.asynchronous = true});
    others_result.Status = STATUS_PENDING;
    KeInitializeEvent(&others_end, NotificationEvent, FALSE);
    stub.mode = STUB_HOLD;
    stub.hold_major = IRP_MJ_READ;
    struct fltsim_thread *thread = fltsim_thread_create(NULL, ReadAndStay, NULL);
    fltsim_sleep(5);
    assert_int_equal(ZwCancelIoFile(shared_handle, &iosb), STATUS_SUCCESS); /* its own */
    assert_int_equal(others_result.Status, STATUS_PENDING);
    assert_int_equal(ZwCancelIoFileEx(shared_handle, NULL, &iosb), STATUS_SUCCESS);
    KeSetEvent(&others_end, 0, FALSE);
    assert_int_equal(fltsim_thread_join(thread), STATUS_PENDING);
    assert_int_equal(others_result.Status, STATUS_CANCELLED);
    assert_int_equal(NtCancelIoFileEx(shared_handle, NULL, &iosb), STATUS_NOT_FOUND);
    fltsim_close(shared_handle);
}

static int LeaveARequest(void *handle)
{
    static IO_STATUS_BLOCK iosb;
    static char text[4];
    LARGE_INTEGER offset = {.QuadPart = 0};
    return ZwReadFile(handle, NULL, NULL, NULL, &iosb, text, 4, &offset, NULL);
}

static void ThreadEndCancels(void **state)
{
    HANDLE handle = stub_open("S:\\file", &(struct fltsim_open){.asynchronous = true});
    stub.mode = STUB_HOLD;
    stub.hold_major = IRP_MJ_READ;
    struct fltsim_thread *thread = fltsim_thread_create(NULL, LeaveARequest, handle);
    assert_int_equal(fltsim_thread_join(thread), STATUS_PENDING);
    assert_null(stub.held);
    fltsim_close(handle);
}

/* ---- cancel-safe queues ---- */

struct queue {
    IO_CSQ csq;
    LIST_ENTRY irps;
    KSPIN_LOCK lock;
    unsigned cancelled;
};

static VOID CsqInsert(PIO_CSQ csq, PIRP irp)
{
    InsertTailList(&CONTAINING_RECORD(csq, struct queue, csq)->irps, &irp->Tail.Overlay.ListEntry);
}
static VOID CsqRemove(PIO_CSQ csq, PIRP irp) { RemoveEntryList(&irp->Tail.Overlay.ListEntry); }
static PIRP CsqPeek(PIO_CSQ csq, PIRP irp, PVOID context)
{
    PLIST_ENTRY head = &CONTAINING_RECORD(csq, struct queue, csq)->irps;
    PLIST_ENTRY next = irp ? irp->Tail.Overlay.ListEntry.Flink : head->Flink;
    return next == head ? NULL : CONTAINING_RECORD(next, IRP, Tail.Overlay.ListEntry);
}
static VOID CsqLock(PIO_CSQ csq, PKIRQL irql) { KeAcquireSpinLock(&CONTAINING_RECORD(csq, struct queue, csq)->lock, irql); }
static VOID CsqUnlock(PIO_CSQ csq, KIRQL irql) { KeReleaseSpinLock(&CONTAINING_RECORD(csq, struct queue, csq)->lock, irql); }
static VOID CsqCancelled(PIO_CSQ csq, PIRP irp)
{
    CONTAINING_RECORD(csq, struct queue, csq)->cancelled++;
    irp->IoStatus.Status = STATUS_CANCELLED;
    IoCompleteRequest(irp, IO_NO_INCREMENT);
}

static void CancelSafeQueue(void **state)
{
    struct queue q = {.cancelled = 0};
    IO_CSQ_IRP_CONTEXT context;
    PIRP irps[4];
    InitializeListHead(&q.irps);
    KeInitializeSpinLock(&q.lock);
    IoCsqInitialize(&q.csq, CsqInsert, CsqRemove, CsqPeek, CsqLock, CsqUnlock, CsqCancelled);
    for (int i = 0; i < 4; i++) {
        irps[i] = OwnIrp(IRP_MJ_READ, Keep, NULL);
        IoSetNextIrpStackLocation(irps[i]);
    }
    IoCsqInsertIrp(&q.csq, irps[0], NULL);
    IoCsqInsertIrp(&q.csq, irps[1], &context);
    IoCsqInsertIrp(&q.csq, irps[2], NULL);
    irps[3]->Cancel = TRUE;
    IoCsqInsertIrp(&q.csq, irps[3], NULL);
    assert_int_equal(q.cancelled, 1);
    assert_true(IoCancelIrp(irps[2]));
    assert_int_equal(q.cancelled, 2);
    assert_ptr_equal(IoCsqRemoveIrp(&q.csq, &context), irps[1]);
    assert_null(IoCsqRemoveIrp(&q.csq, &context));
    assert_ptr_equal(IoCsqRemoveNextIrp(&q.csq, NULL), irps[0]);
    assert_null(IoCsqRemoveNextIrp(&q.csq, NULL));
    for (int i = 0; i < 4; i++)
        IoFreeIrp(irps[i]);
}

static void TopLevelIrp(void **state)
{
    assert_null(IoGetTopLevelIrp());
    IoSetTopLevelIrp((PIRP)(ULONG_PTR)FSRTL_FSP_TOP_LEVEL_IRP);
    assert_ptr_equal(IoGetTopLevelIrp(), (PIRP)(ULONG_PTR)FSRTL_FSP_TOP_LEVEL_IRP);
    IoSetTopLevelIrp(NULL);
}

static void ApcsDisabled(void **state)
{
    char text[4];
    IO_STATUS_BLOCK iosb;
    HANDLE handle = stub_open("S:\\file", NULL);
    LARGE_INTEGER offset = {.QuadPart = 0};
    KeEnterGuardedRegion();
    fltsim_expect("apc-disabled");
    assert_int_equal(ZwReadFile(handle, NULL, NULL, NULL, &iosb, text, 4, &offset, NULL), STATUS_SUCCESS);
    KeLeaveGuardedRegion();
    /* Normal kernel APCs off is fine. */
    KeEnterCriticalRegion();
    assert_int_equal(ZwReadFile(handle, NULL, NULL, NULL, &iosb, text, 4, &offset, NULL), STATUS_SUCCESS);
    KeLeaveCriticalRegion();
    fltsim_close(handle);
}

/* Under special pool a stale pointer finds a freed IRP for long, and yet not each IRP of a run has memory of its own. */
static void FreedIrpServesAgainLate(void **state)
{
    enum { SOON = 1000, LATE = 4000 };
    unsigned again = 0;
    assert_true(fltsim_start(&(struct fltsim_options){.special_pool = true}));
    PIRP first = IoAllocateIrp(2, FALSE);
    IoFreeIrp(first);
    while (again < LATE) {
        PIRP irp = IoAllocateIrp(2, FALSE);
        IoFreeIrp(irp);
        if (irp == first)
            break;
        again++;
    }
    assert_in_range(again, SOON, LATE - 1);
    assert_int_equal(fltsim_stop(NULL), 0);
}

int main(void)
{
#define CASE(test) cmocka_unit_test_setup_teardown(test, stub_setup, stub_teardown)
#define DIES(test) cmocka_unit_test_setup_teardown(test, stub_setup, stub_teardown_dead)
    const struct CMUnitTest tests[] = {
        CASE(PassesThrough),
        DIES(StackOverrun),
        CASE(OwnIrpAndReuse),
        CASE(DriverMemoryIrp),
        CASE(BuildsRequests),
        CASE(AssociatedIrps),
        DIES(CompletedTwice),
        DIES(CompletedAfterFree),
        DIES(FreedTwice),
        DIES(CompletedWithPending),
        DIES(CancelRoutineLeft),
        DIES(NobodyClaimsIt),
        DIES(NotCompleted),
        CASE(NotMarkedPending),
        DIES(PendedForEver),
        CASE(IrqlNotRestored),
        CASE(LeakedIrp),
        CASE(Cancels),
        CASE(CancelLockKept),
        CASE(CancelsByHandle),
        CASE(AnyThreadsRequestIsCancelledByHandle),
        CASE(ThreadEndCancels),
        CASE(CancelSafeQueue),
        CASE(TopLevelIrp),
        CASE(ApcsDisabled),
        cmocka_unit_test(FreedIrpServesAgainLate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
