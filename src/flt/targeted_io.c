/* Operations that filters issue: they are shown to the instances below the issuing one, then go to the device below. */
#include "flt/core.h"
#include "flt/scan.h"

#include "ke/thread.h"
#include "fault/fault.h"
#include "fsrtl/fsrtlp.h"
#include "verify/api.h"

void FltpCheckApcs(const char *Routine, const void *Site)
{
    if (__builtin_expect(!KeAreAllApcsDisabled(), 1))
        return;
    struct verify_violation *v = verify_begin(VERIFY_APC_DISABLED, "%s was called while APCs are disabled; it waits for an "
                                              "operation whose completion needs them.", Routine);
    verify_site(v, "called by", Site);
    verify_end(v);
}

/* ---- callback data ---- */

PIRP_CTRL FltpNewGenerated(PFLT_INSTANCE Instance, PFILE_OBJECT FileObject, UCHAR MajorFunction)
{
    PIRP_CTRL op = FltpAllocateOperation(Instance->Volume);
    op->Flags = FLTP_OP_GENERATED;
    op->Initiator = Instance;
    op->Kind = FLTFL_CALLBACK_DATA_IRP_OPERATION | FLTFL_CALLBACK_DATA_GENERATED_IO;
    op->Data.Flags = op->Kind;
    op->Thread = op->Data.Thread = (PETHREAD)KiCurrentThread();
    op->Iopb.MajorFunction = MajorFunction;
    op->Iopb.TargetFileObject = FileObject;
    op->Iopb.TargetInstance = Instance;
    FltpReferencePointer(&Instance->Base);
    return op;
}

void FltpFreeGenerated(PIRP_CTRL Op)
{
    PFLT_INSTANCE instance = Op->Initiator;
    FltpEndOperation(Op);
    FltpDereferencePointer(&instance->Base);
}

static void FreeMdl(PIRP_CTRL Op)
{
    struct flt_buffer buffer;
    if (!FltpBufferOf(&Op->Iopb, &buffer) || !buffer.Mdl || !*buffer.Mdl)
        return;
    if ((*buffer.Mdl)->MdlFlags & MDL_PAGES_LOCKED)
        MmUnlockPages(*buffer.Mdl);
    IoFreeMdl(*buffer.Mdl);
    *buffer.Mdl = NULL;
}

NTSTATUS FltAllocateCallbackDataEx(PFLT_INSTANCE Instance, PFILE_OBJECT FileObject,
                                   FLT_ALLOCATE_CALLBACK_DATA_FLAGS Flags, PFLT_CALLBACK_DATA *RetNewCallbackData)
{
    API_ENTER(FltAllocateCallbackDataEx, Instance, SCHED_READ);
    *RetNewCallbackData = NULL;
    if (fault_allocation())
        return STATUS_INSUFFICIENT_RESOURCES;
    PIRP_CTRL op = FltpNewGenerated(Instance, FileObject, 0);
    op->Flags |= FLTP_OP_ALLOCATED;
    __atomic_add_fetch(&Instance->Filter->GeneratedIo, 1, __ATOMIC_RELAXED);
    *RetNewCallbackData = &op->Data;
    return STATUS_SUCCESS;
}

NTSTATUS FltAllocateCallbackData(PFLT_INSTANCE Instance, PFILE_OBJECT FileObject, PFLT_CALLBACK_DATA *RetNewCallbackData)
{
    API_IRQL(FltAllocateCallbackData);
    return FltAllocateCallbackDataEx(Instance, FileObject, 0, RetNewCallbackData);
}

static bool CheckOwn(PIRP_CTRL Op, const char *Routine)
{
    if (Op->Flags & FLTP_OP_ALLOCATED && !(Op->Flags & FLTP_OP_IN_FLIGHT))
        return true;
    verify_violate(VERIFY_CALLBACK_DATA_MISUSE, "%s was given callback data that %s.", Routine,
                   Op->Flags & FLTP_OP_ALLOCATED ? "is still under way" : "FltAllocateCallbackData did not make");
    return false;
}

VOID FltFreeCallbackData(PFLT_CALLBACK_DATA CallbackData)
{
    API_ENTER(FltFreeCallbackData, CallbackData, SCHED_WRITE);
    PIRP_CTRL op = FltpOpFromData(CallbackData);
    if (!CheckOwn(op, "FltFreeCallbackData"))
        return;
    FreeMdl(op);
    __atomic_sub_fetch(&op->Initiator->Filter->GeneratedIo, 1, __ATOMIC_RELAXED);
    op->Flags &= ~(ULONG)FLTP_OP_ALLOCATED;
    FltpFreeGenerated(op);
}

VOID FltReuseCallbackData(PFLT_CALLBACK_DATA CallbackData)
{
    API_ENTER(FltReuseCallbackData, CallbackData, SCHED_WRITE);
    PIRP_CTRL op = FltpOpFromData(CallbackData);
    if (!CheckOwn(op, "FltReuseCallbackData"))
        return;
    FreeMdl(op);
    PFILE_OBJECT file = op->Iopb.TargetFileObject;
    PFLT_INSTANCE target = op->Iopb.TargetInstance;
    op->Iopb = (FLT_IO_PARAMETER_BLOCK){.TargetFileObject = file, .TargetInstance = target};
    op->Data.Flags = op->Kind;
    op->Data.IoStatus = (IO_STATUS_BLOCK){.Status = STATUS_SUCCESS};
    op->Data.TagData = NULL;
    op->Extension = (struct fltsim_irp_extension){0};
    RtlZeroMemory(op->Data.FilterContext, sizeof op->Data.FilterContext);
}

/* ---- the device below ---- */

static void ForgetIrp(PIRP_CTRL Op, PIRP Irp)
{
    Op->Ecps = Irp->FltsimPrivate[0];
    Irp->FltsimPrivate[0] = NULL;
    if (FltpForgetIrp(Op))
        IoFreeIrp(Irp);
}

static void EndIrp(PIRP_CTRL Op, PIRP Irp)
{
    PMDL next;
    if (Irp->MdlAddress != Op->SentMdl)
        for (PMDL mdl = Irp->MdlAddress; mdl; mdl = next) {
            next = mdl->Next;
            if (mdl->MdlFlags & MDL_PAGES_LOCKED)
                MmUnlockPages(mdl);
            IoFreeMdl(mdl);
        }
    Irp->MdlAddress = NULL;
    ForgetIrp(Op, Irp);
}

static NTSTATUS GeneratedCompletion(PDEVICE_OBJECT DeviceObject, PIRP Irp, PVOID Context)
{
    PIRP_CTRL op = Context;
    bool later = Irp->PendingReturned;

    op->Data.IoStatus = Irp->IoStatus;
    if (op->Iopb.MajorFunction == IRP_MJ_CREATE)
        op->Data.TagData = (PFLT_TAG_DATA_BUFFER)Irp->Tail.Overlay.AuxiliaryBuffer;
    if (later)
        op->Descent = NULL;
    EndIrp(op, Irp);
    enum flt_ascent ascent = FltpAscend(op, false);
    if (ascent == FLTP_ASCENT_PENDED)
        return STATUS_MORE_PROCESSING_REQUIRED;
    if (op->OwnThread) {
        if (!op->Descent)
            KeSetEvent(op->Below, IO_NO_INCREMENT, FALSE);
    } else {
        if (op->Descent)
            op->Descent->Completed = true;
        FltpFinishGenerated(op);
    }
    return STATUS_MORE_PROCESSING_REQUIRED;
}

PIRP FltpGeneratedIrp(PIRP_CTRL Op)
{
    if (Op->Irp)
        return Op->Irp;
    bool must = Op->Iopb.MajorFunction == IRP_MJ_CLEANUP || Op->Iopb.MajorFunction == IRP_MJ_CLOSE;
    PIRP irp;
    do
        irp = IoAllocateIrp((CCHAR)(Op->Volume->AttachedToDevice->StackSize + 1), FALSE);
    while (!irp && must);
    if (!irp)
        return NULL;
    IoSetNextIrpStackLocation(irp); /* this one stands for the Filter Manager's device */
    IoGetCurrentIrpStackLocation(irp)->DeviceObject = Op->Volume->DeviceObject;
    IoGetCurrentIrpStackLocation(irp)->MajorFunction = Op->Iopb.MajorFunction;
    irp->Tail.Overlay.Thread = Op->Thread;
    irp->RequestorMode = Op->Data.RequestorMode;
    irp->FltsimPrivate[0] = Op->Ecps;
    __atomic_store_n(&Op->Irp, irp, __ATOMIC_RELEASE);
    return irp;
}

static PIRP MakeIrp(PIRP_CTRL Op)
{
    PIRP irp = FltpGeneratedIrp(Op);
    if (!irp)
        return NULL;
    PIO_STACK_LOCATION next = IoGetNextIrpStackLocation(irp);
    irp->Tail.Overlay.OriginalFileObject = Op->Iopb.TargetFileObject;
    irp->Flags = Op->Iopb.IrpFlags;
    irp->FltsimExtension = Op->Extension;
    next->MajorFunction = Op->Iopb.MajorFunction;
    next->MinorFunction = Op->Iopb.MinorFunction;
    FltpParametersToIrp(Op, irp, next);
    IoSetCompletionRoutine(irp, GeneratedCompletion, Op, TRUE, TRUE, TRUE);
    return irp;
}

static NTSTATUS NoMemory(PIRP_CTRL op)
{
    op->Data.IoStatus = (IO_STATUS_BLOCK){.Status = STATUS_INSUFFICIENT_RESOURCES};
    FltpAscend(op, op->OwnThread);
    if (!op->OwnThread)
        FltpFinishGenerated(op);
    return STATUS_INSUFFICIENT_RESOURCES;
}

static NTSTATUS SignalDone(PDEVICE_OBJECT DeviceObject, PIRP Irp, PVOID Event)
{
    KeSetEvent(Event, IO_NO_INCREMENT, FALSE);
    return STATUS_MORE_PROCESSING_REQUIRED;
}

/* Again and again, until no data scan is in the way. */
static NTSTATUS SendAroundScans(PIRP_CTRL op)
{
    const struct ki_wait_hint hint = {.what = "an operation that a filter issued", .object = &op->Data};
    struct flt_status_request *requests = FltpTakeStatusRequests(op);
    NTSTATUS status;
    KEVENT done;
    LONG ended;

    do {
        ended = FltpScansEnded(op->Volume);
        PIRP irp = MakeIrp(op);
        if (!irp)
            return NoMemory(op);
        KeInitializeEvent(&done, NotificationEvent, FALSE);
        IoSetCompletionRoutine(irp, SignalDone, &done, TRUE, TRUE, TRUE);
        status = IoCallDriver(op->Volume->AttachedToDevice, irp);
        KiWaitFor(&done, NULL, &hint, __builtin_return_address(0));
        op->Data.IoStatus = irp->IoStatus;
        EndIrp(op, irp);
    } while (FltpGivesWay(op, op->Data.IoStatus.Status, ended));
    if (requests)
        FltpTellStatus(requests, status);
    FltpAscend(op, true);
    return op->Data.IoStatus.Status;
}

static NTSTATUS SendAndWait(PIRP_CTRL Op, PIRP Irp)
{
    const struct ki_wait_hint hint = {.what = "an operation that a filter issued", .object = &Op->Data};
    FLTP_DESCENT descent = {0};
    KEVENT event;

    KeInitializeEvent(&event, NotificationEvent, FALSE);
    Op->Below = &event;
    Op->Descent = &descent;
    struct flt_status_request *requests = FltpTakeStatusRequests(Op);
    NTSTATUS status = IoCallDriver(Op->Volume->AttachedToDevice, Irp);
    if (requests)
        FltpTellStatus(requests, status);
    if (status == STATUS_PENDING || descent.Pended)
        KiWaitFor(&event, NULL, &hint, __builtin_return_address(0));
    Op->Below = NULL;
    Op->Descent = NULL;
    FltpAscend(Op, true);
    return Op->Data.IoStatus.Status;
}

static NTSTATUS Send(PIRP_CTRL Op)
{
    if (Op->OwnThread && Op->Iopb.MajorFunction != IRP_MJ_CREATE && FltpMayMeetScan(Op))
        return SendAroundScans(Op);
    PIRP irp = MakeIrp(Op);
    if (!irp)
        return NoMemory(Op);
    if (Op->OwnThread)
        return SendAndWait(Op, irp);
    FLTP_DESCENT descent = {0};
    Op->Descent = &descent;
    IoCallDriver(Op->Volume->AttachedToDevice, irp);
    return descent.Completed && !descent.Pended ? STATUS_SUCCESS : STATUS_PENDING;
}

NTSTATUS FltpRunGenerated(PIRP_CTRL Op, enum flt_descent Descent)
{
    if (Descent == FLTP_PENDED)
        return STATUS_PENDING;
    if (Descent == FLTP_REACHED_BOTTOM && !Op->Redirect)
        return Send(Op);
    if (Descent == FLTP_REACHED_BOTTOM)
        FltpRunRedirected(Op);
    bool own = Op->OwnThread;
    if (FltpAscend(Op, own) == FLTP_ASCENT_PENDED)
        return STATUS_PENDING;
    if (!own)
        FltpFinishGenerated(Op);
    return STATUS_FLT_IO_COMPLETE;
}

/* ---- performing ---- */

static bool Begin(PIRP_CTRL Op, bool OwnThread)
{
    Op->OwnThread = OwnThread;
    Op->NodeCount = 0;
    Op->PendState = FLTP_PEND_NONE;
    Op->Flags &= ~(ULONG)(FLTP_OP_PENDED | FLTP_OP_IN_POST | FLTP_OP_DIRTY_BELOW | FLTP_OP_SENT);
    Op->Kind &= ~(ULONG)FLTFL_CALLBACK_DATA_SYSTEM_BUFFER;
    if (Op->Iopb.IrpFlags & IRP_BUFFERED_IO)
        Op->Kind |= FLTFL_CALLBACK_DATA_SYSTEM_BUFFER;
    Op->Data.Flags = Op->Kind;
    Op->RequestorMode = Op->Data.RequestorMode;
    if (!FltpEnterOperation(Op, Op->Iopb.MajorFunction, Op->Initiator)) {
        Op->Data.IoStatus = (IO_STATUS_BLOCK){.Status = STATUS_FLT_DELETING_OBJECT};
        return false;
    }
    Op->Flags |= FLTP_OP_IN_FLIGHT;
    return true;
}

static void End(PIRP_CTRL Op)
{
    PFLT_INSTANCE instance = Op->Initiator;
    Op->Flags &= ~(ULONG)FLTP_OP_IN_FLIGHT;
    Op->Iopb.TargetInstance = instance;
    Op->Data.Flags = Op->Kind;
    PIRP irp = Op->Irp; /* completed before it was ever sent */
    if (irp)
        ForgetIrp(Op, irp);
    if (Op->Flags & FLTP_OP_ALLOCATED)
        FsRtlpEndCreateTry(&Op->Ecps, NULL);
    FltpLeaveOperation(Op);
    FltpReleaseRundown(&instance->Operations[Op->Shard].Value);
}

/* What the descent and the instances below changed is not the issuer's. */
NTSTATUS FltpPerform(PIRP_CTRL Op)
{
    FLT_IO_PARAMETER_BLOCK saved = Op->Iopb;
    if (Begin(Op, true)) {
        FltpRunGenerated(Op, FltpDescend(Op));
        End(Op);
        Op->Iopb = saved;
    }
    return Op->Data.IoStatus.Status;
}

static bool IsCached(PIRP_CTRL Op)
{
    return !(Op->Iopb.IrpFlags & (IRP_NOCACHE | IRP_PAGING_IO));
}

VOID FltPerformSynchronousIo(PFLT_CALLBACK_DATA CallbackData)
{
    API_ENTER(FltPerformSynchronousIo, CallbackData, SCHED_WRITE);
    PIRP_CTRL op = FltpOpFromData(CallbackData);
    FltpCheckApcs("FltPerformSynchronousIo", VERIFY_CALLER);
    if (!CheckOwn(op, "FltPerformSynchronousIo"))
        return;
    if (op->Iopb.MajorFunction != IRP_MJ_CREATE)
        FltpCheckTarget(op->Initiator, op->Iopb.TargetFileObject, "FltPerformSynchronousIo", VERIFY_CALLER);
    VERIFY_CALL_DOWN("FltPerformSynchronousIo", verify_call_kind_of(op->Iopb.MajorFunction, IsCached(op)),
                     op->Iopb.TargetFileObject ? op->Iopb.TargetFileObject->FsContext : NULL, VERIFY_CALLER);
    FltpPerform(op);
}

void FltpFinishGenerated(PIRP_CTRL Op)
{
    PFLT_COMPLETED_ASYNC_IO_CALLBACK callback = Op->AsyncCallback;
    PVOID context = Op->AsyncContext;
    bool free = Op->FreeAtEnd;

    End(Op);
    callback(&Op->Data, context); /* may free it, unless it is ours */
    if (free)
        FltpFreeGenerated(Op);
}

NTSTATUS FltpPerformAsynchronously(PIRP_CTRL Op, PFLT_COMPLETED_ASYNC_IO_CALLBACK Callback, PVOID Context)
{
    bool free = Op->FreeAtEnd;
    Op->AsyncCallback = Callback;
    Op->AsyncContext = Context;
    if (Begin(Op, false))
        return FltpRunGenerated(Op, FltpDescend(Op));
    NTSTATUS status = Op->Data.IoStatus.Status;
    Callback(&Op->Data, Context);
    if (free)
        FltpFreeGenerated(Op);
    return status;
}

NTSTATUS FltPerformAsynchronousIo(PFLT_CALLBACK_DATA CallbackData, PFLT_COMPLETED_ASYNC_IO_CALLBACK CallbackRoutine,
                                  PVOID CallbackContext)
{
    API_ENTER(FltPerformAsynchronousIo, CallbackData, SCHED_WRITE);
    PIRP_CTRL op = FltpOpFromData(CallbackData);
    if (!CheckOwn(op, "FltPerformAsynchronousIo"))
        return STATUS_INVALID_PARAMETER;
    if (op->Iopb.MajorFunction == IRP_MJ_CREATE) {
        op->Data.IoStatus = (IO_STATUS_BLOCK){.Status = STATUS_FLT_INVALID_ASYNCHRONOUS_REQUEST};
        CallbackRoutine(CallbackData, CallbackContext);
        return STATUS_FLT_INVALID_ASYNCHRONOUS_REQUEST;
    }
    return FltpPerformAsynchronously(op, CallbackRoutine, CallbackContext);
}

/* ---- reissuing ---- */

static void ReissueOther(PFLT_INSTANCE Instance, PIRP_CTRL Op)
{
    PFILE_OBJECT file = Op->Iopb.TargetFileObject;

    if (Op->Iopb.MajorFunction == IRP_MJ_CREATE && file && file->Flags & FO_FILE_OPEN_CANCELLED) {
        Op->Data.IoStatus = (IO_STATUS_BLOCK){.Status = STATUS_CANCELLED};
        return;
    }
    if (Op->Data.TagData) {
        ExFreePool(Op->Data.TagData);
        Op->Data.TagData = NULL;
    }
    PIRP_CTRL again = FltpNewGenerated(Instance, file, Op->Iopb.MajorFunction);
    again->Kind = (Op->Kind & FLTFL_CALLBACK_DATA_REISSUE_MASK) | FLTFL_CALLBACK_DATA_REISSUED_IO;
    again->Iopb = Op->Iopb;
    again->Thread = again->Data.Thread = Op->Thread;
    again->Data.RequestorMode = Op->RequestorMode;
    PVOID *ecps = FltpEcpSlot(Op);
    if (ecps)
        again->Ecps = *ecps;
    FltpPerform(again);
    if (ecps)
        *ecps = again->Ecps; /* those below may have set one */
    Op->Data.IoStatus = again->Data.IoStatus;
    Op->Data.TagData = again->Data.TagData;
    FltpFreeGenerated(again);
}

VOID FltReissueSynchronousIo(PFLT_INSTANCE InitiatingInstance, PFLT_CALLBACK_DATA CallbackData)
{
    API_ENTER(FltReissueSynchronousIo, CallbackData, SCHED_WRITE);
    PIRP_CTRL op = FltpOpFromData(CallbackData);

    FltpCheckApcs("FltReissueSynchronousIo", VERIFY_CALLER);
    if (!(op->Kind & FLTFL_CALLBACK_DATA_IRP_OPERATION) ||
        (!(op->Flags & FLTP_OP_ALLOCATED) && !(op->Flags & FLTP_OP_IN_POST && op->OwnThread))) {
        verify_violate(VERIFY_CALLBACK_DATA_MISUSE, "FltReissueSynchronousIo was given %s, which is not a synchronized "
                       "IRP-based operation on its way up.", trace_major(op->Iopb.MajorFunction));
        op->Data.IoStatus = (IO_STATUS_BLOCK){.Status = STATUS_INVALID_PARAMETER};
    } else if (op->Flags & FLTP_OP_ALLOCATED && !(op->Flags & FLTP_OP_IN_FLIGHT)) {
        op->Data.IoStatus = (IO_STATUS_BLOCK){.Status = STATUS_SUCCESS};
        op->Kind |= FLTFL_CALLBACK_DATA_REISSUED_IO;
        FltpPerform(op);
    } else {
        ReissueOther(InitiatingInstance, op);
    }
}
