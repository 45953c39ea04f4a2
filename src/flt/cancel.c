/* Cancelling operations, and queues of pended ones that can be cancelled. */
#include "flt/core.h"

#include "verify/api.h"

enum { IRP_IDLE, IRP_CANCELLING, IRP_FORGOTTEN }; /* Irp->FltsimPrivate[3] of a generated operation's IRP */

static bool IsIrpBased(PIRP_CTRL Op, const char *Routine)
{
    if (Op->Kind & FLTFL_CALLBACK_DATA_IRP_OPERATION)
        return true;
    verify_violate(VERIFY_CALLBACK_DATA_MISUSE, "%s was called for %s, which is not based on an IRP.", Routine,
                   trace_major(Op->Iopb.MajorFunction));
    return false;
}

static PIRP IrpOf(PIRP_CTRL Op)
{
    PIRP irp = Op->Flags & FLTP_OP_GENERATED ? FltpGeneratedIrp(Op) : Op->Irp;
    if (irp)
        irp->FltsimPrivate[2] = Op;
    return irp;
}

static PFLT_CALLBACK_DATA DataOf(PIRP Irp)
{
    PIRP_CTRL op = Irp->FltsimPrivate[2];
    return &op->Data;
}

/* ---- FltCancelIo ---- */

bool FltpForgetIrp(PIRP_CTRL Op)
{
    FLTP_VOLUME_SHARD *shard = &Op->Volume->Shards[Op->Shard];
    sched_lock(&shard->Lock);
    PIRP irp = Op->Irp;
    bool mine = irp->FltsimPrivate[3] == (PVOID)IRP_IDLE;
    irp->FltsimPrivate[3] = mine ? (PVOID)IRP_IDLE : (PVOID)(ULONG_PTR)IRP_FORGOTTEN;
    Op->Irp = NULL;
    sched_unlock(&shard->Lock);
    return mine;
}

static BOOLEAN CancelGenerated(PIRP_CTRL Op)
{
    FLTP_VOLUME_SHARD *shard = &Op->Volume->Shards[Op->Shard];

    sched_lock(&shard->Lock);
    PIRP irp = Op->Irp;
    bool busy = !irp || irp->FltsimPrivate[3] != (PVOID)IRP_IDLE;
    if (!busy)
        irp->FltsimPrivate[3] = (PVOID)(ULONG_PTR)IRP_CANCELLING;
    sched_unlock(&shard->Lock);
    if (busy)
        return FALSE;
    BOOLEAN cancelled = IoCancelIrp(irp);
    sched_lock(&shard->Lock);
    bool forgotten = irp->FltsimPrivate[3] == (PVOID)(ULONG_PTR)IRP_FORGOTTEN;
    irp->FltsimPrivate[3] = (PVOID)IRP_IDLE;
    sched_unlock(&shard->Lock);
    if (forgotten)
        IoFreeIrp(irp);
    return cancelled;
}

BOOLEAN FltCancelIo(PFLT_CALLBACK_DATA CallbackData)
{
    API_ENTER(FltCancelIo, CallbackData, SCHED_WRITE);
    PIRP_CTRL op = FltpOpFromData(CallbackData);

    if (!(op->Kind & FLTFL_CALLBACK_DATA_IRP_OPERATION))
        return FALSE;
    if (op->Flags & FLTP_OP_GENERATED)
        return CancelGenerated(op);
    return op->Irp && !__atomic_load_n(&op->Irp->Cancel, __ATOMIC_SEQ_CST) ? IoCancelIrp(op->Irp) : FALSE;
}

BOOLEAN FltIsIoCanceled(PFLT_CALLBACK_DATA CallbackData)
{
    API_IRQL(FltIsIoCanceled);
    PIRP_CTRL op = FltpOpFromData(CallbackData);
    return IsIrpBased(op, "FltIsIoCanceled") && op->Irp && __atomic_load_n(&op->Irp->Cancel, __ATOMIC_SEQ_CST);
}

/* ---- a cancel routine for a pended operation ---- */

static void CancelPended(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    PFLT_CALLBACK_DATA data = DataOf(Irp);
    IoReleaseCancelSpinLock(Irp->CancelIrql);
    FltpOpFromData(data)->CancelRoutine(data);
}

static bool ArmIrp(PIRP_CTRL Op, PIRP Irp, PFLT_COMPLETE_CANCELED_CALLBACK Callback)
{
    Op->CancelRoutine = Callback;
    IoSetCancelRoutine(Irp, CancelPended);
    return !__atomic_load_n(&Irp->Cancel, __ATOMIC_SEQ_CST) || !IoSetCancelRoutine(Irp, NULL);
}

NTSTATUS FltSetCancelCompletion(PFLT_CALLBACK_DATA CallbackData, PFLT_COMPLETE_CANCELED_CALLBACK CanceledCallback)
{
    API_ENTER(FltSetCancelCompletion, CallbackData, SCHED_WRITE);
    PIRP_CTRL op = FltpOpFromData(CallbackData);
    PIRP irp;

    if (!IsIrpBased(op, "FltSetCancelCompletion"))
        return STATUS_INVALID_PARAMETER;
    if (!(irp = IrpOf(op)))
        return STATUS_INSUFFICIENT_RESOURCES;
    return ArmIrp(op, irp, CanceledCallback) ? STATUS_SUCCESS : STATUS_CANCELLED;
}

bool FltpArmCancel(PIRP_CTRL Op, PFLT_COMPLETE_CANCELED_CALLBACK Callback)
{
    PIRP irp = IrpOf(Op);
    return irp && ArmIrp(Op, irp, Callback);
}

bool FltpDisarmCancel(PIRP_CTRL Op) { return IoSetCancelRoutine(Op->Irp, NULL) != NULL; }

NTSTATUS FltClearCancelCompletion(PFLT_CALLBACK_DATA CallbackData)
{
    API_ENTER(FltClearCancelCompletion, CallbackData, SCHED_WRITE);
    PIRP_CTRL op = FltpOpFromData(CallbackData);

    if (!IsIrpBased(op, "FltClearCancelCompletion"))
        return STATUS_INVALID_PARAMETER;
    return op->Irp && IoSetCancelRoutine(op->Irp, NULL) ? STATUS_SUCCESS : STATUS_CANCELLED;
}

/* ---- callback data queues: an IO_CSQ whose entries are callback data ---- */

enum { CBDQ_DISABLED = 1 };

static PFLT_CALLBACK_DATA_QUEUE QueueOf(PIO_CSQ Csq) { return CONTAINING_RECORD(Csq, FLT_CALLBACK_DATA_QUEUE, Csq); }

static NTSTATUS CsqInsert(PIO_CSQ Csq, PIRP Irp, PVOID InsertContext)
{
    PFLT_CALLBACK_DATA_QUEUE queue = QueueOf(Csq);
    if (queue->Flags & CBDQ_DISABLED)
        return STATUS_FLT_CBDQ_DISABLED;
    return queue->InsertIo(queue, DataOf(Irp), InsertContext);
}

static VOID CsqRemove(PIO_CSQ Csq, PIRP Irp)
{
    PFLT_CALLBACK_DATA_QUEUE queue = QueueOf(Csq);
    queue->RemoveIo(queue, DataOf(Irp));
}

static PIRP CsqPeek(PIO_CSQ Csq, PIRP Irp, PVOID PeekContext)
{
    PFLT_CALLBACK_DATA_QUEUE queue = QueueOf(Csq);
    PFLT_CALLBACK_DATA next = queue->PeekNextIo(queue, Irp ? DataOf(Irp) : NULL, PeekContext);
    return next ? FltpOpFromData(next)->Irp : NULL;
}

static VOID CsqAcquire(PIO_CSQ Csq, PKIRQL Irql)
{
    PFLT_CALLBACK_DATA_QUEUE queue = QueueOf(Csq);
    queue->Acquire(queue, Irql);
}

static VOID CsqRelease(PIO_CSQ Csq, KIRQL Irql)
{
    PFLT_CALLBACK_DATA_QUEUE queue = QueueOf(Csq);
    queue->Release(queue, Irql);
}

static VOID CsqCanceled(PIO_CSQ Csq, PIRP Irp)
{
    PFLT_CALLBACK_DATA_QUEUE queue = QueueOf(Csq);
    queue->CompleteCanceledIo(queue, DataOf(Irp));
}

NTSTATUS FltCbdqInitialize(PFLT_INSTANCE Instance, PFLT_CALLBACK_DATA_QUEUE Cbdq,
                           PFLT_CALLBACK_DATA_QUEUE_INSERT_IO CbdqInsertIo,
                           PFLT_CALLBACK_DATA_QUEUE_REMOVE_IO CbdqRemoveIo,
                           PFLT_CALLBACK_DATA_QUEUE_PEEK_NEXT_IO CbdqPeekNextIo,
                           PFLT_CALLBACK_DATA_QUEUE_ACQUIRE CbdqAcquire, PFLT_CALLBACK_DATA_QUEUE_RELEASE CbdqRelease,
                           PFLT_CALLBACK_DATA_QUEUE_COMPLETE_CANCELED_IO CbdqCompleteCanceledIo)
{
    API_ENTER(FltCbdqInitialize, Cbdq, SCHED_WRITE);
    RtlZeroMemory(Cbdq, sizeof *Cbdq);
    Cbdq->Instance = Instance;
    Cbdq->InsertIo = CbdqInsertIo;
    Cbdq->RemoveIo = CbdqRemoveIo;
    Cbdq->PeekNextIo = CbdqPeekNextIo;
    Cbdq->Acquire = CbdqAcquire;
    Cbdq->Release = CbdqRelease;
    Cbdq->CompleteCanceledIo = CbdqCompleteCanceledIo;
    return IoCsqInitializeEx(&Cbdq->Csq, CsqInsert, CsqRemove, CsqPeek, CsqAcquire, CsqRelease, CsqCanceled);
}

static void SetDisabled(PFLT_CALLBACK_DATA_QUEUE Cbdq, bool Disabled)
{
    KIRQL irql;
    Cbdq->Acquire(Cbdq, &irql);
    Cbdq->Flags = Disabled ? CBDQ_DISABLED : FLT_CALLBACK_DATA_QUEUE_FLAGS_NONE;
    Cbdq->Release(Cbdq, irql);
}

VOID FltCbdqEnable(PFLT_CALLBACK_DATA_QUEUE Cbdq)
{
    API_ENTER(FltCbdqEnable, Cbdq, SCHED_WRITE);
    SetDisabled(Cbdq, false);
}

VOID FltCbdqDisable(PFLT_CALLBACK_DATA_QUEUE Cbdq)
{
    API_ENTER(FltCbdqDisable, Cbdq, SCHED_WRITE);
    SetDisabled(Cbdq, true);
}

NTSTATUS FltCbdqInsertIo(PFLT_CALLBACK_DATA_QUEUE Cbdq, PFLT_CALLBACK_DATA Cbd, PIO_CSQ_IRP_CONTEXT Context,
                         PVOID InsertContext)
{
    API_ENTER(FltCbdqInsertIo, Cbdq, SCHED_WRITE);
    PIRP_CTRL op = FltpOpFromData(Cbd);
    PIRP irp;

    if (!(op->Kind & FLTFL_CALLBACK_DATA_IRP_OPERATION)) {
        verify_violate(VERIFY_CBDQ_MISUSE, "FltCbdqInsertIo was given %s, which is not based on an IRP.",
                       trace_major(op->Iopb.MajorFunction));
        return STATUS_INVALID_PARAMETER;
    }
    if (op->Current != Cbdq->Instance)
        verify_violate(VERIFY_CBDQ_MISUSE, "FltCbdqInsertIo was given an operation of another instance than the queue's.");
    if (!(irp = IrpOf(op)))
        return STATUS_INSUFFICIENT_RESOURCES;
    return IoCsqInsertIrpEx(&Cbdq->Csq, irp, Context, InsertContext);
}

PFLT_CALLBACK_DATA FltCbdqRemoveIo(PFLT_CALLBACK_DATA_QUEUE Cbdq, PIO_CSQ_IRP_CONTEXT Context)
{
    API_ENTER(FltCbdqRemoveIo, Cbdq, SCHED_WRITE);
    PIRP irp = IoCsqRemoveIrp(&Cbdq->Csq, Context);
    return irp ? DataOf(irp) : NULL;
}

PFLT_CALLBACK_DATA FltCbdqRemoveNextIo(PFLT_CALLBACK_DATA_QUEUE Cbdq, PVOID PeekContext)
{
    API_ENTER(FltCbdqRemoveNextIo, Cbdq, SCHED_WRITE);
    PIRP irp = IoCsqRemoveNextIrp(&Cbdq->Csq, PeekContext);
    return irp ? DataOf(irp) : NULL;
}
