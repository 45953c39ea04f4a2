/* IoCompleteRequest: the way back up, and what the I/O manager does at its end.
 *
 * Memory of programs is this process's memory, so the last part runs where the completion happens, on whatever thread
 * and at up to DISPATCH_LEVEL; Windows queues a special kernel APC to the issuing thread for it. */
#include "iop.h"

#include "ex/pool.h"

#include <stdio.h>
#include <string.h>

static void Blame(struct verify_violation *v, PIRP irp, const void *caller)
{
    const struct iop_block *block = IopBlock(irp);
    if (block)
        verify_site(v, "allocated by", block->caller);
    verify_site(v, "completed by", caller);
}

static _Noreturn void CompletedTwice(PIRP irp, const void *caller)
{
    struct verify_violation *v =
        verify_begin(VERIFY_IRP_COMPLETED_TWICE, "The IRP %p was completed twice", (void *)irp);
    Blame(v, irp, caller);
    verify_end_bugcheck(v, 0x44, (uintptr_t)irp, 0, 0, 0);
}

static PDRIVER_CANCEL CancelRoutineOf(PIRP irp)
{
    return (PDRIVER_CANCEL)__atomic_load_n((PDRIVER_CANCEL *)&irp->CancelRoutine, __ATOMIC_RELAXED);
}

static void CheckCompletion(PIRP irp, const void *caller)
{
    struct verify_violation *v = NULL;
    if (irp->IoStatus.Status == STATUS_PENDING) {
        v = verify_begin(VERIFY_IRP_COMPLETED_PENDING, "The IRP %p was completed with STATUS_PENDING", (void *)irp);
        Blame(v, irp, caller);
        verify_end_bugcheck(v, 0xC9, 0x6, (uintptr_t)irp, 0, 0);
    }
    if (CancelRoutineOf(irp)) {
        v = verify_begin(VERIFY_IRP_CANCEL_ROUTINE_LEFT, "The IRP %p was completed with its cancel routine still set",
                         (void *)irp);
        Blame(v, irp, caller);
        verify_end_bugcheck(v, 0xC9, 0x7, (uintptr_t)irp, 0, 0);
    }
}

/* Whether more would be copied to the caller's buffer than it holds. */
static bool Overfills(PIRP irp)
{
    const ULONG both = IRP_BUFFERED_IO | IRP_INPUT_OPERATION;
    const struct iop_block *block = IopBlock(irp);
    return (irp->Flags & both) == both && block && !NT_ERROR(irp->IoStatus.Status) && irp->UserBuffer &&
           block->room_of && irp->AssociatedIrp.SystemBuffer == block->room_of && irp->IoStatus.Information > block->room;
}

static void Overfilled(PIRP irp)
{
    const struct iop_block *block = IopBlock(irp);
    struct verify_violation *v =
        verify_begin(VERIFY_IRP_INFORMATION, "%s was completed with IoStatus.Information %llu, into a buffer of %u bytes",
                     trace_major(IoGetNextIrpStackLocation(irp)->MajorFunction),
                     (unsigned long long)irp->IoStatus.Information, block->room);
    if (block->overfilled)
        verify_site(v, "completed by", block->overfilled);
    verify_end(v);
}

static bool WantsRoutine(PIRP irp, const IO_STACK_LOCATION *stack)
{
    if (__atomic_load_n(&irp->Cancel, __ATOMIC_RELAXED) && (stack->Control & SL_INVOKE_ON_CANCEL))
        return true;
    return stack->Control & (NT_SUCCESS(irp->IoStatus.Status) ? SL_INVOKE_ON_SUCCESS : SL_INVOKE_ON_ERROR);
}

/* The master's last part was completed. */
static void CompleteAssociated(PIRP irp)
{
    PIRP master = irp->AssociatedIrp.MasterIrp;
    LONG left = __atomic_sub_fetch(&master->AssociatedIrp.IrpCount, 1, __ATOMIC_ACQ_REL);
    IopFreeMdls(irp);
    IopFreeIrp(irp);
    if (left == 0)
        IofCompleteRequest(master, IO_NO_INCREMENT);
}

VOID IofCompleteRequest(PIRP Irp, CCHAR PriorityBoost)
{
    API_ENTER(IofCompleteRequest, Irp, SCHED_WRITE);
    if (__builtin_expect(Irp->Type != IO_TYPE_IRP || Irp->CurrentLocation > Irp->StackCount, 0))
        CompletedTwice(Irp, VERIFY_CALLER);
    if (__builtin_expect(Irp->IoStatus.Status == STATUS_PENDING || CancelRoutineOf(Irp), 0))
        CheckCompletion(Irp, VERIFY_CALLER);
    if (__builtin_expect(Overfills(Irp), 0))
        IopBlock(Irp)->overfilled = VERIFY_CALLER;
    if (__builtin_expect((Irp->Flags & IRP_DEALLOCATE_BUFFER) && Irp->AssociatedIrp.SystemBuffer, 0))
        ExpCheckGuard(Irp->AssociatedIrp.SystemBuffer, "noticed when its request was completed by", VERIFY_CALLER);
    TRACE("io", "complete irp %p %s information %llu", (void *)Irp, trace_status(Irp->IoStatus.Status),
          (unsigned long long)Irp->IoStatus.Information);

    while (Irp->CurrentLocation <= Irp->StackCount) {
        PIO_STACK_LOCATION stack = IoGetCurrentIrpStackLocation(Irp);
        Irp->PendingReturned = (stack->Control & SL_PENDING_RETURNED) != 0;
        IoSkipCurrentIrpStackLocation(Irp);
        bool top = Irp->CurrentLocation > Irp->StackCount;
        PIO_COMPLETION_ROUTINE routine = stack->CompletionRoutine;
        if (routine && WantsRoutine(Irp, stack)) {
            PVOID context = stack->Context;
            stack->CompletionRoutine = NULL;
            stack->Control = 0;
            PDEVICE_OBJECT device = top ? NULL : IoGetCurrentIrpStackLocation(Irp)->DeviceObject;
            if (routine(device, Irp, context) == STATUS_MORE_PROCESSING_REQUIRED)
                return;
        } else if (Irp->PendingReturned && !top) {
            IoMarkIrpPending(Irp);
        }
    }
    if (Irp->Flags & IRP_ASSOCIATED_IRP) {
        CompleteAssociated(Irp);
        return;
    }
    IopFinishIrp(Irp);
}

/* -- the end ------------------------------------------------------------------------------------------- */

static void CopyOutput(PIRP irp)
{
    if (!(irp->Flags & IRP_BUFFERED_IO))
        return;
    NTSTATUS status = irp->IoStatus.Status;
    PVOID system = irp->AssociatedIrp.SystemBuffer;
    if ((irp->Flags & IRP_INPUT_OPERATION) && irp->UserBuffer && system && status != STATUS_VERIFY_REQUIRED &&
        !NT_ERROR(status)) {
        bool over = Overfills(irp);
        if (over)
            Overfilled(irp);
        memcpy(irp->UserBuffer, system, over ? IopBlock(irp)->room : irp->IoStatus.Information);
    }
    if ((irp->Flags & IRP_DEALLOCATE_BUFFER) && system)
        ExFreePool(system); /* a file system may have put its own there */
    irp->AssociatedIrp.SystemBuffer = NULL;
}

static void EndWait(struct iop_wait *wait, const IO_STATUS_BLOCK *result, bool pending)
{
    wait->result = *result;
    /* On its own thread, and not marked pending: the service sees the dispatch routine's answer and never waits. */
    bool signal = pending || wait->thread != KiCurrentThread();
    wait->signalled = signal;
    __atomic_store_n(&wait->completed, true, __ATOMIC_RELEASE);
    if (signal)
        KeSetEvent(&wait->event, IO_NO_INCREMENT, FALSE);
}

static _Noreturn void Unclaimed(PIRP irp)
{
    const struct iop_block *block = IopBlock(irp);
    struct verify_violation *v =
        verify_begin(VERIFY_IRP_MISUSE,
                     "The IRP %p, which its driver allocated with IoAllocateIrp, was completed all the way up: no "
                     "completion routine kept it with STATUS_MORE_PROCESSING_REQUIRED",
                     (void *)irp);
    if (block)
        verify_site(v, "allocated by", block->caller);
    verify_end_bugcheck(v, 0x44, (uintptr_t)irp, 1, 0, 0);
}

static void DropFile(PFILE_OBJECT file)
{
    if (KeGetCurrentIrql() > PASSIVE_LEVEL)
        ObDereferenceObjectDeferDelete(file);
    else
        ObpDereference(file);
}

static VOID FreeApc(PKAPC apc, PKNORMAL_ROUTINE *normal, PVOID *context, PVOID *first, PVOID *second) { sim_free(apc); }
static VOID RundownApc(PKAPC apc) { sim_free(apc); }

/* The caller's APC routine, on the thread that asked. */
static void QueueApc(PKTHREAD thread, KPROCESSOR_MODE mode, PIO_APC_ROUTINE routine, PVOID context,
                     PIO_STATUS_BLOCK iosb)
{
    PKAPC apc = sim_alloc(sizeof *apc);
    KeInitializeApc(apc, thread, OriginalApcEnvironment, FreeApc, RundownApc, (PKNORMAL_ROUTINE)(void *)routine, mode,
                    context);
    if (!KeInsertQueueApc(apc, iosb, NULL, IO_NO_INCREMENT))
        sim_free(apc);
}

/* A request that nobody waits for on a stack of the I/O manager's: the caller's IOSB, event and APC. */
static void FinishThreadIrp(PIRP irp, const IO_STATUS_BLOCK *result, bool pending)
{
    PFILE_OBJECT file = irp->Tail.Overlay.OriginalFileObject;
    PKEVENT event = irp->UserEvent;
    PIO_STATUS_BLOCK iosb = irp->UserIosb;
    PIO_APC_ROUTINE apc = irp->Overlay.AsynchronousParameters.UserApcRoutine;
    PVOID context = irp->Overlay.AsynchronousParameters.UserApcContext;
    PKTHREAD thread = (PKTHREAD)irp->Tail.Overlay.Thread;
    KPROCESSOR_MODE mode = irp->RequestorMode;
    bool tell = !NT_ERROR(result->Status) || pending || !file;
    bool drop_event = (irp->Flags & IRP_SYNCHRONOUS_API) == 0 && event && file;

    IopFreeIrp(irp);
    if (file && tell)
        __atomic_store_n(&file->FinalStatus, result->Status, __ATOMIC_RELAXED);
    if (tell && iosb)
        IopPublishStatus(iosb, result);
    if (event && tell)
        KeSetEvent(event, IO_NO_INCREMENT, FALSE);
    else if (file && tell)
        KeSetEvent(&file->Event, IO_NO_INCREMENT, FALSE);
    if (tell && apc)
        QueueApc(thread, mode, apc, context, iosb);
    if (drop_event)
        ObDereferenceObjectDeferDelete(event);
    if (file)
        DropFile(file);
}

/* Paging reads and writes, and closes: IOSB and event, nothing else. */
static void FinishPaging(PIRP irp, const IO_STATUS_BLOCK *result)
{
    PKEVENT event = irp->UserEvent;
    PIO_STATUS_BLOCK iosb = irp->UserIosb;
    IopFreeIrp(irp);
    if (iosb)
        IopPublishStatus(iosb, result);
    if (event)
        KeSetEvent(event, IO_NO_INCREMENT, FALSE);
}

void IopFinishIrp(PIRP irp)
{
    struct iop_block *block = IopBlock(irp);
    struct iop_wait *wait = irp->FltsimPrivate[1];
    IO_STATUS_BLOCK result = irp->IoStatus;
    bool pending = irp->PendingReturned;

    if (!block || block->owner == IOP_OWNER_DRIVER) {
        if (!irp->Tail.Overlay.Thread)
            Unclaimed(irp);
    }
    if (wait && (irp->Flags & IRP_CREATE_OPERATION)) {
        /* The creator still reads the IRP: its reparse buffer, its ECP list. It frees it. */
        EndWait(wait, &result, pending);
        return;
    }
    CopyOutput(irp);
    if (irp->Tail.Overlay.AuxiliaryBuffer) {
        ExFreePool(irp->Tail.Overlay.AuxiliaryBuffer);
        irp->Tail.Overlay.AuxiliaryBuffer = NULL;
    }
    if ((irp->Flags & (IRP_PAGING_IO | IRP_CLOSE_OPERATION)) && !wait) {
        FinishPaging(irp, &result);
        return;
    }
    IopFreeMdls(irp);
    if (wait) {
        IopFreeIrp(irp);
        EndWait(wait, &result, pending);
        return;
    }
    FinishThreadIrp(irp, &result, pending);
}

/* -- waiting for it ------------------------------------------------------------------------------------- */

/* The driver that has the IRP now: the one that its current stack location was sent to. */
static _Noreturn void NotPending(PIRP irp, UCHAR major, NTSTATUS status)
{
    char name[128] = "A driver";
    PIO_STACK_LOCATION stack = IoGetCurrentIrpStackLocation(irp);
    if (irp->CurrentLocation <= irp->StackCount && stack->DeviceObject) {
        PUNICODE_STRING driver = &stack->DeviceObject->DriverObject->DriverName;
        trace_utf8((const uint16_t *)driver->Buffer, driver->Length, name, sizeof name);
    }
    struct verify_violation *v =
        verify_begin(VERIFY_PENDED_NOT_COMPLETED, "%s was answered with %s, but %s did not complete the IRP",
                     trace_major(major), trace_status(status), name);
    verify_site(v, "dispatch routine",
                irp->CurrentLocation <= irp->StackCount && stack->DeviceObject
                    ? (const char *)(uintptr_t)stack->DeviceObject->DriverObject->MajorFunction[stack->MajorFunction] + 1
                    : NULL);
    verify_end_bugcheck(v, 0xC9, 0x226, (uint32_t)status, 0, 0);
}

static void NotMarked(PDEVICE_OBJECT device, UCHAR major)
{
    char name[128];
    PUNICODE_STRING driver = &device->DriverObject->DriverName;
    verify_violate(VERIFY_IRP_PENDING_NOT_MARKED,
                   "%s answered %s with STATUS_PENDING, but the IRP was completed without IoMarkIrpPending",
                   trace_utf8((const uint16_t *)driver->Buffer, driver->Length, name, sizeof name), trace_major(major));
}

void IopAwait(struct iop_wait *wait, PDEVICE_OBJECT device)
{
    char text[80];
    snprintf(text, sizeof text, "the completion of %s, which was sent to the device", trace_major(wait->major));
    const struct ki_wait_hint hint = {.what = text, .object = device};
    KiWaitFor(&wait->event, NULL, &hint, wait->site);
}

static NTSTATUS AwaitIrp(PDEVICE_OBJECT device, PIRP irp, UCHAR major, struct iop_wait *wait, NTSTATUS status)
{
    if (status == STATUS_PENDING) {
        bool done = __atomic_load_n(&wait->completed, __ATOMIC_ACQUIRE);
        wait->major = major;
        if (done && !wait->signalled)
            NotMarked(device, major);
        else
            IopAwait(wait, device);
        return wait->result.Status;
    }
    if (!__atomic_load_n(&wait->completed, __ATOMIC_ACQUIRE))
        NotPending(irp, major, status);
    /* Completed on another thread, or marked pending: the event is being set; it lives on this stack. */
    if (wait->signalled)
        IopAwait(wait, device);
    return wait->result.Status;
}

NTSTATUS IopCallAndWait(PDEVICE_OBJECT device, PIRP irp, struct iop_wait *wait)
{
    UCHAR major = IoGetNextIrpStackLocation(irp)->MajorFunction;
    NTSTATUS status = IofCallDriver(device, irp);
    if (__builtin_expect(status != STATUS_PENDING && wait->completed && !wait->signalled, 1))
        return wait->result.Status;
    return AwaitIrp(device, irp, major, wait, status);
}
