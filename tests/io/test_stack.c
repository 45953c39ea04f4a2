/* Attaching by name, building, forwarding, queues and locks of drivers in a stack: routines by their own names. */
#include "stub.h"

#include <fltsim/fault.h>
#include <string.h>

static UNICODE_STRING *names[] = {U(u"\\Device\\Thing"), U(u"\\Device\\None")};
static IO_STATUS_BLOCK iosb;

static PDEVICE_OBJECT Device(PUNICODE_STRING name)
{
    PDEVICE_OBJECT device;
    assert_int_equal(IoCreateDevice(stub.driver, 0, name, FILE_DEVICE_UNKNOWN, 0, FALSE, &device), STATUS_SUCCESS);
    device->Flags &= ~DO_DEVICE_INITIALIZING;
    return device;
}

/* ---- attaching ---- */

static bool above_closed_first;
static PDEVICE_OBJECT above, below;

/* The device that attaches is on the stack before the open that found it ends. */
static bool WatchClose(PDEVICE_OBJECT device, PIRP irp, NTSTATUS *status)
{
    if (device == above && IoGetCurrentIrpStackLocation(irp)->MajorFunction == IRP_MJ_CLOSE)
        above_closed_first = below != NULL;
    return false;
}

static void AttachesByName(void **state)
{
    PDEVICE_OBJECT target = Device(names[0]), second = Device(NULL);
    above = Device(NULL);
    below = (PDEVICE_OBJECT)1;
    assert_int_equal(IoAttachDevice(above, names[1], &below), STATUS_OBJECT_NAME_NOT_FOUND);
    assert_null(below);
    target->AlignmentRequirement = FILE_LONG_ALIGNMENT;
    stub.hook = WatchClose;
    assert_int_equal(IoAttachDevice(above, names[0], &below), STATUS_SUCCESS);
    stub.hook = NULL;
    assert_true(above_closed_first);
    assert_ptr_equal(below, target);
    assert_int_equal(above->StackSize, target->StackSize + 1);
    assert_int_equal(above->AlignmentRequirement, FILE_LONG_ALIGNMENT);
    assert_int_equal(IoAttachDevice(second, names[0], &below), STATUS_SUCCESS);
    assert_ptr_equal(below, above); /* on top of what is there */
    IoDetachDevice(above);
    IoDetachDevice(target);
    IoDeleteDevice(second);
    IoDeleteDevice(above);
    IoDeleteDevice(target);
}

static void LinksWithoutProtectionAreLinks(void **state)
{
    PDEVICE_OBJECT target = Device(names[0]);
    UNICODE_STRING *link = U(u"\\??\\Link");
    HANDLE handle;
    assert_int_equal(IoCreateUnprotectedSymbolicLink(link, names[0]), STATUS_SUCCESS);
    assert_int_equal(IoCreateUnprotectedSymbolicLink(link, names[0]), STATUS_OBJECT_NAME_COLLISION);
    assert_int_equal(fltsim_open("\\??\\Link", NULL, &handle), STATUS_SUCCESS);
    fltsim_close(handle);
    assert_int_equal(IoDeleteSymbolicLink(link), STATUS_SUCCESS);
    IoDeleteDevice(target);
}

static void ObjectsSayTheirTypes(void **state)
{
    const struct {
        PVOID object;
        POBJECT_TYPE type, other;
    } cases[] = {
        {stub.driver, *IoDriverObjectType, *IoDeviceObjectType},
        {stub.disk, *IoDeviceObjectType, *IoFileObjectType},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(ObReferenceObjectByPointer(cases[i].object, 0, cases[i].type, KernelMode), STATUS_SUCCESS);
        ObDereferenceObject(cases[i].object);
        assert_int_equal(ObReferenceObjectByPointer(cases[i].object, 0, cases[i].other, KernelMode),
                         STATUS_OBJECT_TYPE_MISMATCH);
    }
}

/* ---- IRPs ---- */

static NTSTATUS Keep(PDEVICE_OBJECT device, PIRP irp, PVOID context)
{
    if (context)
        KeSetEvent(context, IO_NO_INCREMENT, FALSE);
    return STATUS_MORE_PROCESSING_REQUIRED;
}

static const struct {
    ULONG major, device_flags, irp_flags;
} built[] = {
    {IRP_MJ_READ, 0, IRP_READ_OPERATION},
    {IRP_MJ_WRITE, 0, IRP_WRITE_OPERATION},
    {IRP_MJ_READ, DO_DIRECT_IO, IRP_READ_OPERATION},
    {IRP_MJ_READ, DO_BUFFERED_IO, IRP_READ_OPERATION | IRP_BUFFERED_IO | IRP_DEALLOCATE_BUFFER | IRP_INPUT_OPERATION},
    {IRP_MJ_WRITE, DO_BUFFERED_IO, IRP_WRITE_OPERATION | IRP_BUFFERED_IO | IRP_DEALLOCATE_BUFFER},
    {IRP_MJ_FLUSH_BUFFERS, 0, 0},
    {IRP_MJ_SHUTDOWN, 0, 0},
    {IRP_MJ_PNP, 0, 0},
};

static void BuildsWhatNobodyWaitsFor(void **state)
{
    ULONG flags = stub.disk->Flags;
    for (size_t i = 0; i < sizeof built / sizeof *built; i++) {
        char text[8] = "written";
        LARGE_INTEGER at = {.QuadPart = 5};
        bool moves = built[i].major == IRP_MJ_READ || built[i].major == IRP_MJ_WRITE;
        stub.disk->Flags = (flags & ~(ULONG)(DO_DIRECT_IO | DO_BUFFERED_IO)) | built[i].device_flags;
        fltsim_fail_allocation(1);
        assert_null(IoBuildAsynchronousFsdRequest(built[i].major, stub.disk, moves ? text : NULL, moves ? 8 : 0,
                                                  moves ? &at : NULL, &iosb));
        PIRP irp = IoBuildAsynchronousFsdRequest(built[i].major, stub.disk, moves ? text : NULL, moves ? 8 : 0,
                                                 moves ? &at : NULL, &iosb);
        assert_non_null(irp);
        PIO_STACK_LOCATION next = IoGetNextIrpStackLocation(irp);
        assert_int_equal(irp->StackCount, stub.disk->StackSize);
        assert_int_equal(irp->Flags, built[i].irp_flags);
        assert_ptr_equal(irp->Tail.Overlay.Thread, PsGetCurrentThread());
        assert_ptr_equal(irp->UserIosb, &iosb);
        assert_int_equal(next->MajorFunction, built[i].major);
        assert_int_equal(irp->MdlAddress != NULL, built[i].device_flags == DO_DIRECT_IO);
        assert_int_equal(irp->AssociatedIrp.SystemBuffer != NULL, built[i].device_flags == DO_BUFFERED_IO);
        if (moves) {
            assert_int_equal(next->Parameters.Read.Length, 8);
            assert_int_equal(next->Parameters.Read.ByteOffset.QuadPart, 5);
        }
        if (moves && built[i].major == IRP_MJ_WRITE && built[i].device_flags == DO_BUFFERED_IO)
            assert_memory_equal(irp->AssociatedIrp.SystemBuffer, "written", 8);
        if (irp->MdlAddress) { /* as the page frees one */
            MmUnlockPages(irp->MdlAddress);
            IoFreeMdl(irp->MdlAddress);
            irp->MdlAddress = NULL;
        }
        if (irp->AssociatedIrp.SystemBuffer)
            ExFreePool(irp->AssociatedIrp.SystemBuffer);
        IoFreeIrp(irp);
    }
    stub.disk->Flags = flags;
}

static void ABuiltRequestIsItsBuildersToFree(void **state)
{
    for (enum stub_mode mode = STUB_INLINE; mode <= STUB_DISPATCH; mode++) {
        KEVENT done;
        FILE_OBJECT file = {.Type = IO_TYPE_FILE};
        char text[5];
        LARGE_INTEGER at = {.QuadPart = 7};
        KeInitializeEvent(&done, NotificationEvent, FALSE);
        stub.mode = mode;
        PIRP irp = IoBuildAsynchronousFsdRequest(IRP_MJ_READ, stub.disk, text, 5, &at, NULL);
        IoGetNextIrpStackLocation(irp)->FileObject = &file;
        IoSetCompletionRoutine(irp, Keep, &done, TRUE, TRUE, TRUE);
        NTSTATUS status = IofCallDriver(stub.disk, irp);
        assert_int_equal(status, mode == STUB_INLINE ? STATUS_SUCCESS : STATUS_PENDING);
        KeWaitForSingleObject(&done, Executive, KernelMode, FALSE, NULL);
        assert_int_equal(irp->IoStatus.Information, 5);
        assert_memory_equal(text, "world", 5);
        IoFreeIrp(irp);
    }
}

/* The routine behind IoCompleteRequest's macro is the one that binaries call. */
static void TheFastNamesDoTheSame(void **state)
{
    KEVENT done;
    KeInitializeEvent(&done, NotificationEvent, FALSE);
    stub.mode = STUB_HOLD;
    stub.hold_major = IRP_MJ_FLUSH_BUFFERS;
    PIRP irp = IoAllocateIrp(stub.disk->StackSize, FALSE);
    IoGetNextIrpStackLocation(irp)->MajorFunction = IRP_MJ_FLUSH_BUFFERS;
    IoSetCompletionRoutine(irp, Keep, &done, TRUE, TRUE, TRUE);
    assert_int_equal(IofCallDriver(stub.disk, irp), STATUS_PENDING);
    assert_ptr_equal(stub.held, irp);
    assert_int_equal(KeReadStateEvent(&done), 0);
    stub.held = NULL;
    IoSetCancelRoutine(irp, NULL);
    irp->IoStatus.Status = STATUS_DISK_FULL;
    IofCompleteRequest(irp, IO_NO_INCREMENT);
    assert_int_not_equal(KeReadStateEvent(&done), 0);
    assert_int_equal(irp->IoStatus.Status, STATUS_DISK_FULL);
    IoFreeIrp(irp);
}

static void AllocatesForADevice(void **state)
{
    PIRP irp = IoAllocateIrpEx(stub.disk, 3, FALSE);
    assert_non_null(irp);
    assert_int_equal(irp->StackCount, 3);
    assert_int_equal(irp->CurrentLocation, 4);
    assert_int_equal(irp->Size, IoSizeOfIrp(3));
    assert_null(irp->Tail.Overlay.Thread);
    IoFreeIrp(irp);
    irp = IoAllocateIrpEx(NULL, 1, TRUE);
    assert_non_null(irp);
    IoFreeIrp(irp);
    fltsim_fail_allocation(1);
    assert_null(IoAllocateIrpEx(stub.disk, 3, FALSE));
}

/* `top` passes on what it gets and waits for it. */
static PDEVICE_OBJECT top;
static bool forwarded, room;

static bool Forward(PDEVICE_OBJECT device, PIRP irp, NTSTATUS *status)
{
    if (device != top)
        return false;
    forwarded = IoForwardIrpSynchronously(stub.disk, irp);
    assert_int_equal(forwarded, room);
    if (forwarded)
        assert_int_equal(irp->IoStatus.Status, STATUS_CRC_ERROR);
    irp->IoStatus.Status = *status = STATUS_DISK_FULL; /* it is ours again */
    IoCompleteRequest(irp, IO_NO_INCREMENT);
    return true;
}

static void ForwardsAndWaits(void **state)
{
    for (unsigned i = 0; i < 6; i++) {
        room = i % 2;
        top = Device(NULL);
        stub.mode = (enum stub_mode)(i / 2);
        stub.hook = Forward;
        stub.answer[IRP_MJ_FLUSH_BUFFERS] = STATUS_CRC_ERROR;
        stub.count[IRP_MJ_FLUSH_BUFFERS] = 0;
        PIRP irp = IoAllocateIrp((CCHAR)(room ? 2 : 1), FALSE);
        IoGetNextIrpStackLocation(irp)->MajorFunction = IRP_MJ_FLUSH_BUFFERS;
        IoSetCompletionRoutine(irp, Keep, NULL, TRUE, TRUE, TRUE);
        assert_int_equal(IoCallDriver(top, irp), STATUS_DISK_FULL);
        assert_int_equal(stub.count[IRP_MJ_FLUSH_BUFFERS], room ? 2 : 1);
        IoFreeIrp(irp);
        stub.hook = NULL;
        IoDeleteDevice(top);
    }
}

static volatile LONG queued_by;

static VOID CancelQueued(PDEVICE_OBJECT device, PIRP irp)
{
    IoReleaseCancelSpinLock(irp->CancelIrql);
    queued_by++;
    irp->IoStatus.Status = STATUS_CANCELLED;
    IoCompleteRequest(irp, IO_NO_INCREMENT);
}

static int EndWithARequest(void *argument)
{
    PIRP irp = argument;
    irp->Tail.Overlay.Thread = PsGetCurrentThread();
    IoQueueThreadIrp(irp);
    IoSetNextIrpStackLocation(irp);
    IoMarkIrpPending(irp);
    IoSetCancelRoutine(irp, CancelQueued);
    return 0;
}

static void AThreadsRequestsEndWithIt(void **state)
{
    IO_STATUS_BLOCK result = {0};
    PIRP irp = IoAllocateIrp(2, FALSE);
    queued_by = 0;
    irp->UserIosb = &result;
    fltsim_thread_join(fltsim_thread_create(NULL, EndWithARequest, irp));
    assert_int_equal(queued_by, 1);
    assert_int_equal(result.Status, STATUS_CANCELLED);
}

/* ---- cancel-safe queues with a context of the insertion ---- */

struct queue {
    IO_CSQ csq;
    LIST_ENTRY irps;
    KSPIN_LOCK lock;
    PVOID inserted_with;
    NTSTATUS answer;
    PIRP cancelled;
};

static struct queue *QueueOf(PIO_CSQ csq) { return CONTAINING_RECORD(csq, struct queue, csq); }

static NTSTATUS InsertEx(PIO_CSQ csq, PIRP irp, PVOID context)
{
    QueueOf(csq)->inserted_with = context;
    if (NT_SUCCESS(QueueOf(csq)->answer))
        InsertTailList(&QueueOf(csq)->irps, &irp->Tail.Overlay.ListEntry);
    return QueueOf(csq)->answer;
}
static VOID Insert(PIO_CSQ csq, PIRP irp) { InsertTailList(&QueueOf(csq)->irps, &irp->Tail.Overlay.ListEntry); }
static VOID Remove(PIO_CSQ csq, PIRP irp) { RemoveEntryList(&irp->Tail.Overlay.ListEntry); }
static PIRP Peek(PIO_CSQ csq, PIRP irp, PVOID context)
{
    PLIST_ENTRY next = irp ? irp->Tail.Overlay.ListEntry.Flink : QueueOf(csq)->irps.Flink;
    return next == &QueueOf(csq)->irps ? NULL : CONTAINING_RECORD(next, IRP, Tail.Overlay.ListEntry);
}
static VOID Acquire(PIO_CSQ csq, PKIRQL irql) { KeAcquireSpinLock(&QueueOf(csq)->lock, irql); }
static VOID Release(PIO_CSQ csq, KIRQL irql) { KeReleaseSpinLock(&QueueOf(csq)->lock, irql); }
static VOID Cancelled(PIO_CSQ csq, PIRP irp) { QueueOf(csq)->cancelled = irp; }

static PIRP Received(void)
{
    PIRP irp = IoAllocateIrp(1, FALSE);
    IoSetNextIrpStackLocation(irp);
    return irp;
}

/* What the driver's insertion answers is the caller's; `context`: whether it is handed one. */
static void AQueueMayRefuse(void **state)
{
    static const struct {
        bool extended;
        NTSTATUS answer, expected;
        bool with_context;
    } cases[] = {
        {false, STATUS_UNSUCCESSFUL, STATUS_SUCCESS, false}, {true, STATUS_SUCCESS, STATUS_SUCCESS, false},
        {true, STATUS_PENDING, STATUS_PENDING, true},        {true, STATUS_DEVICE_BUSY, STATUS_DEVICE_BUSY, true},
        {true, STATUS_DEVICE_BUSY, STATUS_DEVICE_BUSY, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct queue q = {.answer = cases[i].answer};
        IO_CSQ_IRP_CONTEXT context = {0}, *kept = cases[i].with_context ? &context : NULL;
        PIRP irp = Received();
        InitializeListHead(&q.irps);
        KeInitializeSpinLock(&q.lock);
        assert_int_equal(cases[i].extended
                             ? IoCsqInitializeEx(&q.csq, InsertEx, Remove, Peek, Acquire, Release, Cancelled)
                             : IoCsqInitialize(&q.csq, Insert, Remove, Peek, Acquire, Release, Cancelled),
                         STATUS_SUCCESS);
        assert_int_equal(IoCsqInsertIrpEx(&q.csq, irp, kept, &q), cases[i].expected);
        assert_ptr_equal(q.inserted_with, cases[i].extended ? &q : NULL);
        if (NT_SUCCESS(cases[i].expected)) {
            assert_true(IoGetCurrentIrpStackLocation(irp)->Control & SL_PENDING_RETURNED);
            assert_ptr_equal(kept ? IoCsqRemoveIrp(&q.csq, kept) : IoCsqRemoveNextIrp(&q.csq, NULL), irp);
        } else {
            assert_false(IoGetCurrentIrpStackLocation(irp)->Control & SL_PENDING_RETURNED);
            assert_null(irp->CancelRoutine);
            assert_null(irp->Tail.Overlay.DriverContext[3]);
            assert_null(IoCsqRemoveNextIrp(&q.csq, NULL));
            if (kept)
                assert_null(IoCsqRemoveIrp(&q.csq, kept));
        }
        IoCancelIrp(irp);
        assert_null(q.cancelled); /* the queue has it no more */
        IoFreeIrp(irp);
    }
}

static void AQueuedIrpIsCancelled(void **state)
{
    for (int before = 0; before < 2; before++) {
        struct queue q = {0};
        IO_CSQ_IRP_CONTEXT context;
        PIRP irp = Received();
        InitializeListHead(&q.irps);
        KeInitializeSpinLock(&q.lock);
        IoCsqInitializeEx(&q.csq, InsertEx, Remove, Peek, Acquire, Release, Cancelled);
        if (before)
            IoCancelIrp(irp);
        assert_int_equal(IoCsqInsertIrpEx(&q.csq, irp, &context, NULL), STATUS_SUCCESS);
        if (!before)
            IoCancelIrp(irp);
        assert_ptr_equal(q.cancelled, irp);
        assert_null(IoCsqRemoveIrp(&q.csq, &context));
        assert_true(IsListEmpty(&q.irps));
        IoFreeIrp(irp);
    }
}

/* ---- remove locks ---- */

static IO_REMOVE_LOCK lock;
static volatile LONG removed;

static int RemoveDevice(void *unused)
{
    assert_int_equal(IoAcquireRemoveLockEx(&lock, &lock, __FILE__, __LINE__, sizeof lock), STATUS_SUCCESS);
    IoReleaseRemoveLockAndWaitEx(&lock, &lock, sizeof lock);
    InterlockedExchange(&removed, 1);
    return 0;
}

static void ARemovalWaitsForTheUsers(void **state)
{
    IoInitializeRemoveLockEx(&lock, 'tseT', 1, 10, sizeof lock);
    removed = 0;
    assert_int_equal(IoAcquireRemoveLockEx(&lock, state, __FILE__, __LINE__, sizeof lock), STATUS_SUCCESS);
    assert_int_equal(IoAcquireRemoveLockEx(&lock, NULL, __FILE__, __LINE__, sizeof lock), STATUS_SUCCESS);
    struct fltsim_thread *remover = fltsim_thread_create(NULL, RemoveDevice, NULL);
    fltsim_sleep(1);
    assert_int_equal(IoAcquireRemoveLockEx(&lock, state, __FILE__, __LINE__, sizeof lock), STATUS_DELETE_PENDING);
    IoReleaseRemoveLockEx(&lock, state, sizeof lock);
    fltsim_sleep(1);
    assert_int_equal(removed, 0);
    IoReleaseRemoveLockEx(&lock, NULL, sizeof lock);
    fltsim_thread_join(remover);
    assert_int_equal(removed, 1);
    assert_int_equal(IoAcquireRemoveLockEx(&lock, state, __FILE__, __LINE__, sizeof lock), STATUS_DELETE_PENDING);
}

/* ---- sharing ---- */

static void AReaderWithoutWritePermissionExcludesNobody(void **state)
{
    static const BOOLEAN yes = TRUE, no = FALSE;
    static const struct {
        ACCESS_MASK access;
        ULONG share;
        const BOOLEAN *permission;
        NTSTATUS expected;
        ULONG shared_read;
    } cases[] = {
        {FILE_READ_DATA, 0, NULL, STATUS_SHARING_VIOLATION, 1},
        {FILE_READ_DATA, 0, &yes, STATUS_SHARING_VIOLATION, 1},
        {FILE_READ_DATA, 0, &no, STATUS_SUCCESS, 2}, /* shares reading all the same */
        {FILE_READ_DATA, FILE_SHARE_READ, &yes, STATUS_SUCCESS, 2},
        {FILE_WRITE_DATA, FILE_SHARE_READ, &yes, STATUS_SHARING_VIOLATION, 1},
    };
    HANDLE handle = stub_open("S:\\file", NULL), second = stub_open("S:\\file", NULL);
    PFILE_OBJECT first = NULL, file = stub.last[IRP_MJ_CREATE].FileObject;
    ObReferenceObjectByHandle(handle, 0, *IoFileObjectType, KernelMode, (PVOID *)&first, NULL);
    SHARE_ACCESS kept = stub.share;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        SHARE_ACCESS share;
        IoSetShareAccess(FILE_READ_DATA, FILE_SHARE_READ, first, &share);
        assert_int_equal(IoCheckShareAccessEx(cases[i].access, cases[i].share, file, &share, TRUE,
                                              (PBOOLEAN)(ULONG_PTR)cases[i].permission),
                         cases[i].expected);
        assert_int_equal(share.SharedRead, cases[i].shared_read);
        assert_int_equal(share.OpenCount, cases[i].shared_read);
    }
    LINK_SHARE_ACCESS link = {0};
    SHARE_ACCESS share = {0};
    assert_int_equal(IoCheckLinkShareAccess(DELETE, FILE_SHARE_DELETE, file, &share, &link, 0), STATUS_SUCCESS);
    assert_int_equal(link.OpenCount, 0);
    IoUpdateLinkShareAccess(file, &share, &link);
    IoUpdateLinkShareAccess(file, &share, NULL);
    assert_int_equal(share.Deleters, 2);
    assert_int_equal(link.Deleters, 1);
    assert_int_equal(link.SharedDelete, 1);
    assert_false(IoIsFileObjectIgnoringSharing(file));
    assert_int_equal(IoSetFileObjectIgnoreSharing(file), STATUS_SUCCESS);
    assert_true(IoIsFileObjectIgnoringSharing(file));
    IoSetShareAccess(FILE_READ_DATA, 0, first, &share); /* exclusive */
    assert_int_equal(IoCheckShareAccess(FILE_READ_DATA, 0, file, &share, TRUE), STATUS_SUCCESS);
    assert_int_equal(share.OpenCount, 1); /* nor is it counted */
    ObDereferenceObject(first);
    stub.share = kept;
    fltsim_close(handle);
    fltsim_close(second);
}

/* ---- removable media ---- */

static NTSTATUS verified;

static bool AnswerVerify(PDEVICE_OBJECT device, PIRP irp, NTSTATUS *status)
{
    PIO_STACK_LOCATION stack = IoGetCurrentIrpStackLocation(irp);
    if (stack->MajorFunction != IRP_MJ_FILE_SYSTEM_CONTROL || stack->MinorFunction != IRP_MN_VERIFY_VOLUME)
        return false;
    irp->IoStatus.Status = *status = verified;
    IoCompleteRequest(irp, IO_NO_INCREMENT);
    return true;
}

static void TheFileSystemSaysWhetherTheVolumeIsTheSame(void **state)
{
    static const NTSTATUS answers[] = {STATUS_SUCCESS, STATUS_UNSUCCESSFUL, STATUS_WRONG_VOLUME};
    fltsim_close(stub_open("S:\\file", NULL));
    fltsim_fail_allocation(1);
    assert_int_equal(IoVerifyVolume(stub.disk, FALSE), STATUS_INSUFFICIENT_RESOURCES);
    stub.hook = AnswerVerify;
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        for (int raw = 0; raw < 2; raw++) {
            verified = answers[i];
            assert_int_equal(IoVerifyVolume(stub.disk, raw != 0), answers[i]);
            assert_int_equal(stub.last[IRP_MJ_FILE_SYSTEM_CONTROL].Flags, raw ? SL_ALLOW_RAW_MOUNT : 0);
        }
    }
    stub.hook = NULL;
}

static void AnErrorNamesTheDeviceToVerify(void **state)
{
    PIRP irp = IoAllocateIrp(1, FALSE);
    assert_null(IoGetDeviceToVerify(PsGetCurrentThread()));
    irp->Tail.Overlay.Thread = PsGetCurrentThread();
    IoSetHardErrorOrVerifyDevice(irp, stub.disk);
    assert_ptr_equal(IoGetDeviceToVerify(PsGetCurrentThread()), stub.disk);
    IoSetDeviceToVerify(PsGetCurrentThread(), NULL);
    IoFreeIrp(irp);
}

/* ---- file systems that come and go ---- */

static unsigned heard_active, heard_gone;

static VOID Heard(PDEVICE_OBJECT device, BOOLEAN active)
{
    if (device == stub.control)
        *(active ? &heard_active : &heard_gone) += 1;
}

static void FileSystemsAreHeardOf(void **state)
{
    for (int with_mounts = 0; with_mounts < 2; with_mounts++) {
        heard_active = heard_gone = 0;
        fltsim_fail_allocation(1);
        assert_int_equal(IoRegisterFsRegistrationChangeMountAware(stub.driver, Heard, with_mounts != 0),
                         STATUS_INSUFFICIENT_RESOURCES);
        assert_int_equal(IoRegisterFsRegistrationChangeMountAware(stub.driver, Heard, with_mounts != 0), STATUS_SUCCESS);
        assert_int_equal(heard_active, 1); /* it was there already */
        assert_int_equal(IoRegisterFsRegistrationChangeMountAware(stub.driver, Heard, with_mounts != 0),
                         STATUS_DEVICE_ALREADY_ATTACHED);
        IoUnregisterFileSystem(stub.control);
        assert_int_equal(heard_gone, 1);
        IoRegisterFileSystem(stub.control);
        assert_int_equal(heard_active, 2);
        IoUnregisterFsRegistrationChange(stub.driver, Heard);
        IoUnregisterFileSystem(stub.control);
        IoRegisterFileSystem(stub.control);
        assert_int_equal(heard_gone, 1);
    }
}

/* ---- drivers ---- */

static int again, order[3], calls;
static PDRIVER_OBJECT made;

static VOID Again(PDRIVER_OBJECT driver, PVOID context, ULONG count)
{
    assert_ptr_equal(driver, made);
    assert_int_equal(KeGetCurrentIrql(), PASSIVE_LEVEL);
    order[calls++] = (int)count;
    if (count < 3)
        IoRegisterBootDriverReinitialization(driver, Again, context);
}

static VOID Unload(PDRIVER_OBJECT driver) { again = -1; }

static NTSTATUS LaterEntry(PDRIVER_OBJECT driver, PUNICODE_STRING path)
{
    made = driver;
    driver->DriverUnload = Unload;
    IoRegisterBootDriverReinitialization(driver, Again, &again);
    assert_int_equal(calls, 0);
    return STATUS_SUCCESS;
}

static void ADriverIsCalledAgainAndUnloaded(void **state)
{
    UNICODE_STRING *key = U(u"\\Registry\\Machine\\System\\CurrentControlSet\\Services\\Later");
    PDRIVER_OBJECT driver;
    again = calls = 0;
    assert_int_equal(IopLoadDriver(key, LaterEntry, &driver), STATUS_SUCCESS);
    assert_int_equal(calls, 3);
    for (int i = 0; i < 3; i++)
        assert_int_equal(order[i], i + 1);
    assert_int_equal(ZwUnloadDriver(key), STATUS_SUCCESS);
    assert_int_equal(again, -1);
    assert_int_equal(ZwUnloadDriver(key), STATUS_OBJECT_NAME_NOT_FOUND);
    calls = 0;
    assert_int_equal(IopLoadDriver(key, LaterEntry, &driver), STATUS_SUCCESS);
    driver->DriverUnload = NULL;
    assert_int_equal(ZwUnloadDriver(key), STATUS_INVALID_DEVICE_REQUEST); /* it cannot be unloaded */
    driver->DriverUnload = Unload;
    assert_int_equal(ZwUnloadDriver(key), STATUS_SUCCESS);
}

static void VersionsOfWdm(void **state)
{
    static const struct {
        UCHAR major, minor;
        bool there;
    } versions[] = {{1, 0, true}, {1, 5, true}, {1, 0x10, true}, {1, 0x30, true}, {6, 0, true}, {6, 1, false}, {10, 0, false}};
    for (size_t i = 0; i < sizeof versions / sizeof *versions; i++)
        assert_int_equal(IoIsWdmVersionAvailable(versions[i].major, versions[i].minor), versions[i].there);
}

static void AStreamFileHasAHandleIfAskedFor(void **state)
{
    for (int with_handle = 0; with_handle < 2; with_handle++) {
        HANDLE handle = NULL;
        stub.count[IRP_MJ_CLEANUP] = stub.count[IRP_MJ_CLOSE] = 0;
        PFILE_OBJECT file = IoCreateStreamFileObjectEx(NULL, stub.disk, with_handle ? &handle : NULL);
        assert_true(file->Flags & FO_STREAM_FILE);
        assert_ptr_equal(file->DeviceObject, stub.disk);
        assert_int_equal(stub.count[IRP_MJ_CLEANUP], !with_handle);
        if (with_handle) {
            assert_int_equal(ZwClose(handle), STATUS_SUCCESS);
            assert_int_equal(stub.count[IRP_MJ_CLEANUP], 1);
        }
        assert_int_equal(stub.count[IRP_MJ_CLOSE], 0);
        ObDereferenceObject(file);
        assert_int_equal(stub.count[IRP_MJ_CLOSE], 1);
    }
}

static NTSTATUS StatusOfStreamFile(int way)
{
    volatile NTSTATUS status = STATUS_SUCCESS;
    __try {
        if (way == 0)
            IoCreateStreamFileObject(NULL, stub.disk);
        else if (way == 1)
            IoCreateStreamFileObjectEx(NULL, stub.disk, NULL);
        else
            IoCreateStreamFileObjectLite(NULL, stub.disk);
    } __except (EXCEPTION_EXECUTE_HANDLER) {
        status = GetExceptionCode();
    }
    return status;
}

static void WithoutMemoryAStreamFileRaises(void **state)
{
    for (int way = 0; way < 3; way++) {
        fltsim_fail_allocation(1);
        assert_int_equal(StatusOfStreamFile(way), STATUS_INSUFFICIENT_RESOURCES);
        fltsim_fail_allocation(0);
    }
}

static void AnIrpIsChargedToItsProcessIfAskedFor(void **state)
{
    VM_COUNTERS before, after;
    SIZE_T size = IoSizeOfIrp(2);
    assert_int_equal(NtQueryInformationProcess(NtCurrentProcess(), ProcessVmCounters, &before, sizeof before, NULL), 0);
    PIRP charged = IoAllocateIrp(2, TRUE), free = IoAllocateIrp(2, FALSE);
    assert_int_equal(NtQueryInformationProcess(NtCurrentProcess(), ProcessVmCounters, &after, sizeof after, NULL), 0);
    assert_int_equal(after.QuotaNonPagedPoolUsage - before.QuotaNonPagedPoolUsage, size);
    fltsim_limit_quota(NULL, 0, after.QuotaNonPagedPoolUsage + size - 1);
    assert_null(IoAllocateIrp(2, TRUE));
    assert_null(IoAllocateIrpEx(stub.disk, 2, TRUE));
    IoFreeIrp(charged);
    IoFreeIrp(free);
    IoFreeIrp(IoAllocateIrpEx(stub.disk, 2, TRUE));
    fltsim_limit_quota(NULL, 0, 0);
    assert_int_equal(NtQueryInformationProcess(NtCurrentProcess(), ProcessVmCounters, &after, sizeof after, NULL), 0);
    assert_int_equal(after.QuotaNonPagedPoolUsage, before.QuotaNonPagedPoolUsage);
}

static void ThreadsKeepTheirHardErrorMode(void **state)
{
    static const BOOLEAN modes[] = {FALSE, FALSE, TRUE, TRUE, FALSE, TRUE};
    BOOLEAN before = TRUE; /* as a thread begins */
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        assert_int_equal(IoSetThreadHardErrorMode(modes[i]), before);
        assert_int_equal(IoRaiseInformationalHardError(STATUS_UNSUCCESSFUL, NULL, NULL), modes[i]);
        before = modes[i];
    }
}

#define stubbed(test) cmocka_unit_test_setup_teardown(test, stub_setup, stub_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        stubbed(WithoutMemoryAStreamFileRaises), stubbed(AnIrpIsChargedToItsProcessIfAskedFor),
        stubbed(AttachesByName), stubbed(LinksWithoutProtectionAreLinks), stubbed(ObjectsSayTheirTypes),
        stubbed(BuildsWhatNobodyWaitsFor), stubbed(ABuiltRequestIsItsBuildersToFree), stubbed(TheFastNamesDoTheSame),
        stubbed(AllocatesForADevice), stubbed(ForwardsAndWaits), stubbed(AThreadsRequestsEndWithIt),
        stubbed(AQueueMayRefuse), stubbed(AQueuedIrpIsCancelled), stubbed(ARemovalWaitsForTheUsers),
        stubbed(AReaderWithoutWritePermissionExcludesNobody), stubbed(TheFileSystemSaysWhetherTheVolumeIsTheSame),
        stubbed(AnErrorNamesTheDeviceToVerify), stubbed(FileSystemsAreHeardOf), stubbed(ADriverIsCalledAgainAndUnloaded),
        stubbed(VersionsOfWdm), stubbed(AStreamFileHasAHandleIfAskedFor), stubbed(ThreadsKeepTheirHardErrorMode),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
