/* The way up: post-operation callbacks, bottom up, and the IRP's own buffers and status back in place. */
#include "flt/core.h"

#include "ke/thread.h"

/* ---- one post-operation callback ---- */

/* The thread is set right, so that the report is about the callback and not about who comes next. */
void FltpIrqlChanged(const char *Phase, const void *Code, KIRQL Before)
{
    struct verify_violation *v = verify_begin(VERIFY_IRQL_NOT_RESTORED, "A %s-operation callback was called at IRQL %u and "
                                              "returned at IRQL %u.", Phase, Before, KiCurrentThread()->irql);
    verify_site(v, "callback", Code);
    verify_end(v);
    KiCurrentThread()->irql = Before;
    if (Before < DISPATCH_LEVEL)
        KeLowerIrql(Before); /* what waits for it goes on */
}

void FltpTopLevelChanged(const char *Phase, const void *Code, PVOID Before)
{
    struct verify_violation *v = verify_begin(VERIFY_CREATE_TOP_LEVEL_IRP, "A %s-operation callback was called with the "
                                              "top-level IRP %p and left %p behind.", Phase, Before,
                                              KiCurrentThread()->top_level_irp);
    verify_routine(v, "callback", Code);
    verify_end(v);
    KiCurrentThread()->top_level_irp = Before;
}

static void FreeSwappedMdl(PIRP_CTRL Op, PCOMPLETION_NODE Node)
{
    if (Op->Irp && Op->Irp->MdlAddress == Node->SwappedMdl)
        Op->Irp->MdlAddress = Op->OriginalMdl;
    IoFreeMdl(Node->SwappedMdl);
    Node->SwappedMdl = NULL;
}

/* The callback is through, now or after it pended. */
static inline void EndPost(PIRP_CTRL Op, PCOMPLETION_NODE Node)
{
    if (__builtin_expect(Node->SwappedMdl != NULL, 0))
        FreeSwappedMdl(Op, Node);
    Op->Data.Flags &= ~(ULONG)FLTFL_CALLBACK_DATA_DIRTY;
    Op->Current = NULL;
    Op->CurrentNode = NULL;
    FltpReleaseRundown(&Node->Instance->Operations[Op->Shard].Value);
}

static void __attribute__((noinline)) OddPostStatus(PIRP_CTRL Op, PCOMPLETION_NODE Node,
                                                    FLT_POSTOP_CALLBACK_STATUS Status)
{
    UCHAR major = Op->Iopb.MajorFunction;
    if (Status == FLT_POSTOP_DISALLOW_FSFILTER_IO && (major == IRP_MJ_QUERY_OPEN || major == IRP_MJ_NETWORK_QUERY_OPEN)) {
        Op->Data.IoStatus = (IO_STATUS_BLOCK){.Status = STATUS_FLT_DISALLOW_FSFILTER_IO};
        return;
    }
    struct verify_violation *v = verify_begin(VERIFY_BAD_CALLBACK_STATUS, "A post-operation callback for %s returned %d, "
                                              "which is not allowed there.", trace_major(major), Status);
    verify_routine(v, "post-operation callback", (const void *)(uintptr_t)Node->PostOperation);
    verify_end(v);
}

/* A create that succeeded below and fails here leaves the file open unless it was cancelled; one that was cancelled
 * must fail. */
static void __attribute__((noinline)) CheckCreate(PIRP_CTRL Op, PCOMPLETION_NODE Node, NTSTATUS before)
{
    PFILE_OBJECT file = Op->Iopb.TargetFileObject;
    NTSTATUS now = Op->Data.IoStatus.Status;
    bool cancelled = file && file->Flags & FO_FILE_OPEN_CANCELLED;
    struct verify_violation *v;

    if (!file || before == STATUS_REPARSE || now == STATUS_REPARSE || NT_SUCCESS(now) != cancelled ||
        (!cancelled && !NT_SUCCESS(before)))
        return;
    if (cancelled)
        v = verify_begin(VERIFY_CANCELLED_OPEN_FILE,
                         "FltCancelFileOpen undid the open of file object %p, and its create still answers %s: the "
                         "callback must set a failure into IoStatus.Status.",
                         (void *)file, trace_status(now));
    else
        v = verify_begin(VERIFY_FAILED_CREATE_LEFT_OPEN,
                         "A post-create callback turned a successful create into %s without FltCancelFileOpen.",
                         trace_status(now));
    verify_routine(v, "post-operation callback", (const void *)(uintptr_t)Node->PostOperation);
    verify_end(v);
}

static inline FLT_POSTOP_CALLBACK_STATUS CallPost(PIRP_CTRL Op, PCOMPLETION_NODE Node)
{
    PFLT_INSTANCE instance = Node->Instance;
    NTSTATUS before = Op->Data.IoStatus.Status;

    Op->Current = instance;
    Op->CurrentNode = Node;
    Op->Objects.Instance = instance;
    Op->Objects.Filter = instance->Filter;
    Op->Objects.FileObject = Op->Iopb.TargetFileObject;
    Op->Objects.Transaction = FltpTransactionOf(Op->Objects.FileObject);
    TRACE("flt", "post %s, instance %p: %s", trace_major(Op->Iopb.MajorFunction), (void *)instance, trace_status(before));
    FltpCountCall(&Node->Instance->Filter->Counts[FLTP_SLOT(Op->Iopb.MajorFunction)].Post);
    PKTHREAD thread = KiCurrentThread();
    KIRQL irql = thread->irql;
    PVOID top = thread->top_level_irp;
    const void *outer = thread->held.operation;
    thread->held.operation = Op;
    thread->poll.exchanges = 0;
    PFLT_POST_OPERATION_CALLBACK callback = Node->PostOperation;
    FLT_POSTOP_CALLBACK_STATUS status = callback(&Op->Data, &Op->Objects, Node->Context, 0);
    thread->held.operation = outer;
    if (__builtin_expect(thread->irql != irql, 0))
        FltpIrqlChanged("post", (const void *)(uintptr_t)callback, irql);
    if (__builtin_expect(thread->top_level_irp != top, 0))
        FltpTopLevelChanged("post", (const void *)(uintptr_t)callback, top);
    if (status == FLT_POSTOP_FINISHED_PROCESSING && Op->Iopb.MajorFunction == IRP_MJ_CREATE)
        CheckCreate(Op, Node, before);
    return status;
}

/* ---- the ascent ---- */

static inline bool TakeNode(PCOMPLETION_NODE Node)
{
    if (FltpParallel)
        return __atomic_exchange_n(&Node->State, FLTP_NODE_TAKEN, __ATOMIC_ACQ_REL) == FLTP_NODE_OWED;
    LONG before = Node->State;
    Node->State = FLTP_NODE_TAKEN;
    return before == FLTP_NODE_OWED;
}

enum flt_ascent FltpAscend(PIRP_CTRL Op, bool OwnThread)
{
    Op->Flags |= FLTP_OP_IN_POST;
    Op->Data.Flags |= FLTFL_CALLBACK_DATA_POST_OPERATION;
    if (Op->Iopb.MajorFunction == IRP_MJ_CLOSE && Op->Iopb.TargetFileObject)
        Op->Iopb.TargetFileObject->Flags |= FLTP_FO_CLOSED;
    while (Op->NodeCount) {
        PCOMPLETION_NODE node = &Op->Nodes[Op->NodeCount - 1];
        if (node->Synchronized && !OwnThread)
            return FLTP_NEEDS_THREAD;
        __atomic_store_n(&Op->NodeCount, Op->NodeCount - 1, __ATOMIC_RELEASE);
        if (!TakeNode(node))
            continue; /* drained */
        if (__builtin_expect(Op->LockedMdl && node->Swapped, 0))
            FltpFreeLockedMdl(Op); /* its buffer is the callback's to free */
        Op->Iopb = node->Saved;
        FLT_POSTOP_CALLBACK_STATUS status = FLT_POSTOP_FINISHED_PROCESSING;
        if (node->PostOperation)
            status = CallPost(Op, node);
        if (status == FLT_POSTOP_MORE_PROCESSING_REQUIRED && (Op->Kind & FLTFL_CALLBACK_DATA_IRP_OPERATION)) {
            if (!FltpPendedNow(Op, OwnThread))
                return FLTP_ASCENT_PENDED;
        } else if (status != FLT_POSTOP_FINISHED_PROCESSING) {
            OddPostStatus(Op, node, status);
        }
        EndPost(Op, node);
    }
    return FLTP_ASCENDED;
}

/* FltCompletePendedPostOperation, when nobody waits in the callback's own thread. */
void FltpResumeAscent(PIRP_CTRL Op)
{
    EndPost(Op, Op->CurrentNode);
    switch (FltpAscend(Op, false)) {
    case FLTP_ASCENT_PENDED:
        return;
    case FLTP_NEEDS_THREAD:
        KeSetEvent(Op->Below, IO_NO_INCREMENT, FALSE);
        return;
    case FLTP_ASCENDED:
        if (Op->OwnThread)
            KeSetEvent(Op->Below, IO_NO_INCREMENT, FALSE);
        else if (Op->Flags & FLTP_OP_GENERATED)
            FltpFinishGenerated(Op);
        else
            FltpFinishPendedIrp(Op);
    }
}

/* ---- the IRP ---- */

/* An MDL that the file system made for a buffer that was only put in place of another. */
static void FreeForeignMdl(PIRP_CTRL Op, PIRP Irp)
{
    PMDL mdl = Irp->MdlAddress;
    if (!mdl || mdl == Op->OriginalMdl || mdl == Op->SentMdl || Irp->UserBuffer == Op->OriginalUserBuffer)
        return;
    if (mdl->MdlFlags & MDL_PAGES_LOCKED)
        MmUnlockPages(mdl);
    IoFreeMdl(mdl);
    Irp->MdlAddress = Op->OriginalMdl;
}

static void RestoreBuffers(PIRP_CTRL Op, PIRP Irp)
{
    FreeForeignMdl(Op, Irp);
    if (Irp->MdlAddress == Op->SentMdl || Op->OriginalMdl)
        Irp->MdlAddress = Op->OriginalMdl;
    Irp->UserBuffer = Op->OriginalUserBuffer;
    if (Op->Data.Flags & FLTFL_CALLBACK_DATA_NEW_SYSTEM_BUFFER)
        return;
    Irp->AssociatedIrp.SystemBuffer = Op->OriginalSystemBuffer;
    Irp->Flags = Op->OriginalIrpFlags | (Irp->Flags & (IRP_DEALLOCATE_BUFFER | IRP_INPUT_OPERATION));
}

static bool EndsClose(PIRP_CTRL Op)
{
    return Op->Iopb.MajorFunction == IRP_MJ_CLOSE && Op->Flags & FLTP_OP_WATCHED;
}

/* What hangs on the file object goes before its close is complete, and cannot go above APC_LEVEL. */
struct late_close {
    WORK_QUEUE_ITEM Item;
    PIRP_CTRL Op;
};

static VOID FinishLateClose(PVOID Context)
{
    PIRP_CTRL op = ((struct late_close *)Context)->Op;
    sim_free(Context);
    FltpFinishPendedIrp(op);
}

bool FltpPutsOffClose(PIRP_CTRL Op)
{
    if (__builtin_expect(!EndsClose(Op) || KeGetCurrentIrql() <= APC_LEVEL, 1))
        return false;
    IoMarkIrpPending(Op->Irp);
    if (Op->Descent)
        Op->Descent->Pended = true;
    Op->Descent = NULL;
    struct late_close *late = sim_alloc(sizeof *late);
    late->Op = Op;
    ExInitializeWorkItem(&late->Item, FinishLateClose, late);
    ExQueueWorkItem(&late->Item, DelayedWorkQueue);
    return true;
}

void FltpFinishIrp(PIRP_CTRL Op)
{
    PIRP irp = Op->Irp;

    if (__builtin_expect(Op->Flags & FLTP_OP_DIRTY_BELOW, 0) && Op->Flags & FLTP_OP_SENT)
        RestoreBuffers(Op, irp);
    irp->IoStatus = Op->Data.IoStatus;
    if (__builtin_expect(Op->Flags & FLTP_OP_WATCHED, 0) && Op->Iopb.MajorFunction == IRP_MJ_SET_INFORMATION)
        FltpNamesChanged(Op);
    if (EndsClose(Op))
        FltpCloseIsComplete(Op->Volume, IoGetCurrentIrpStackLocation(irp)->FileObject);
    if (Op->Iopb.MajorFunction == IRP_MJ_CREATE)
        irp->Tail.Overlay.AuxiliaryBuffer = (PCHAR)Op->Data.TagData;
}

void FltpTakeResult(PIRP_CTRL Op)
{
    PIRP irp = Op->Irp;
    Op->Data.IoStatus = irp->IoStatus;
    if (Op->Iopb.MajorFunction == IRP_MJ_CREATE)
        Op->Data.TagData = (PFLT_TAG_DATA_BUFFER)irp->Tail.Overlay.AuxiliaryBuffer;
    else if (__builtin_expect(irp->AssociatedIrp.SystemBuffer && !Op->OriginalSystemBuffer && irp->Flags & IRP_BUFFERED_IO, 0))
        Op->Data.Flags |= FLTFL_CALLBACK_DATA_NEW_SYSTEM_BUFFER; /* the file system's, which the I/O manager frees */
}

NTSTATUS FltpCompletion(PDEVICE_OBJECT DeviceObject, PIRP Irp, PVOID Context)
{
    PIRP_CTRL op = Context;

    FltpTakeResult(op);
    bool later = Irp->PendingReturned;
    if (later) {
        op->Descent = NULL; /* the dispatch routine has its answer */
        if (!op->OwnThread)
            IoMarkIrpPending(Irp);
    }
    switch (FltpAscend(op, false)) {
    case FLTP_ASCENDED:
        if (op->OwnThread)
            break;
        if (FltpPutsOffClose(op))
            return STATUS_MORE_PROCESSING_REQUIRED;
        FltpFinishIrp(op);
        if (op->Descent)
            *op->Descent = (FLTP_DESCENT){.Completed = true, .Status = Irp->IoStatus.Status, .Pended = op->Descent->Pended};
        FltpEndOperation(op);
        return STATUS_SUCCESS;
    case FLTP_ASCENT_PENDED:
        return STATUS_MORE_PROCESSING_REQUIRED;
    case FLTP_NEEDS_THREAD:
        break;
    }
    if (!op->Descent) /* later, or pended for a while: the dispatch routine waits */
        KeSetEvent(op->Below, IO_NO_INCREMENT, FALSE);
    return STATUS_MORE_PROCESSING_REQUIRED;
}
