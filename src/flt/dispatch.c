/* The way of one operation: pre-operation callbacks by altitude, top down; the device below; then, in completion.c,
 * the post-operation callbacks, bottom up. */
#include "flt/core.h"
#include "flt/scan.h"

#include "ke/thread.h"

/* ---- the descent ---- */

static bool Skips(PIRP_CTRL Op, FLT_OPERATION_REGISTRATION_FLAGS Flags);
static void Settle(PIRP_CTRL Op, PCOMPLETION_NODE Node);
static enum flt_descent CompleteHere(PIRP_CTRL Op, const CALLBACK_NODE *Node, FLT_PREOP_CALLBACK_STATUS Status);
static void Owe(PIRP_CTRL Op, const CALLBACK_NODE *Node, PVOID Context, bool Synchronize);
static void OweNothing(PIRP_CTRL Op, const CALLBACK_NODE *Node, PVOID Context);

static void __attribute__((noinline)) TracePre(PIRP_CTRL Op, PFLT_INSTANCE Instance)
{
    char name[64];
    trace_event("flt", "pre  %s, filter %s, instance %p", trace_major(Op->Iopb.MajorFunction),
                FltpText(&Instance->Filter->Name, name, sizeof name), (void *)Instance);
}

static inline FLT_PREOP_CALLBACK_STATUS CallPre(PIRP_CTRL Op, const CALLBACK_NODE *Node, PVOID *Context)
{
    PFLT_INSTANCE instance = Node->Instance;
    Op->Current = instance;
    Op->Objects.Instance = instance;
    Op->Objects.Filter = instance->Filter;
    Op->Objects.FileObject = Op->Iopb.TargetFileObject;
    Op->Objects.Transaction = FltpTransactionOf(Op->Objects.FileObject);
    PCOMPLETION_NODE owed = FltpNextNode(Op);
    owed->Saved = Op->Iopb; /* before the store below: a copy right after it would wait for it */
    owed->Saved.TargetInstance = instance;
    Op->Iopb.TargetInstance = instance;
    if (!Node->PreOperation)
        return FLT_PREOP_SUCCESS_WITH_CALLBACK;
    if (__builtin_expect(trace_on, 0))
        TracePre(Op, instance);
    FltpCountCall(&instance->Filter->Counts[FLTP_SLOT(Op->Iopb.MajorFunction)].Pre);
    PKTHREAD thread = KiCurrentThread();
    KIRQL irql = thread->irql;
    PVOID top = thread->top_level_irp;
    const void *outer = thread->held.operation;
    PFLT_PRE_OPERATION_CALLBACK callback = Node->PreOperation;
    thread->held.operation = Op;
    thread->poll.exchanges = 0;
    FLT_PREOP_CALLBACK_STATUS status = callback(&Op->Data, &Op->Objects, Context);
    thread->held.operation = outer;
    if (__builtin_expect(thread->irql != irql, 0))
        FltpIrqlChanged("pre", (const void *)(uintptr_t)callback, irql);
    if (__builtin_expect(thread->top_level_irp != top, 0))
        FltpTopLevelChanged("pre", (const void *)(uintptr_t)callback, top);
    return status;
}

/* What a pre-operation callback answered, at once or later. */
static inline enum flt_descent TakeAnswer(PIRP_CTRL Op, const CALLBACK_NODE *Node, FLT_PREOP_CALLBACK_STATUS Status,
                                          PVOID Context)
{
    if (Status != FLT_PREOP_COMPLETE)
        Settle(Op, FltpNextNode(Op));
    switch (Status) {
    case FLT_PREOP_SUCCESS_WITH_CALLBACK:
    case FLT_PREOP_SYNCHRONIZE:
        Owe(Op, Node, Context, Status == FLT_PREOP_SYNCHRONIZE);
        return FLTP_REACHED_BOTTOM;
    case FLT_PREOP_SUCCESS_NO_CALLBACK:
        OweNothing(Op, Node, Context);
        return FLTP_REACHED_BOTTOM;
    default:
        return CompleteHere(Op, Node, Status);
    }
}

enum flt_descent FltpDescend(PIRP_CTRL Op)
{
    for (; Op->Next < Op->End; Op->Next++) {
        const CALLBACK_NODE *node = Op->Next;
        PVOID context = NULL;

        if (node->Flags && Skips(Op, node->Flags))
            continue;
        if (!FltpAcquireRundown(&node->Instance->Operations[Op->Shard].Value))
            continue; /* it is being torn down */
        FLT_PREOP_CALLBACK_STATUS status = CallPre(Op, node, &context);
        if (__builtin_expect(status == FLT_PREOP_PENDING, 0)) {
            if (!FltpPendedNow(Op, Op->OwnThread))
                return FLTP_PENDED;
            status = Op->PendResult;
            context = Op->PendContext;
        }
        if (TakeAnswer(Op, node, status, context) == FLTP_COMPLETED)
            return FLTP_COMPLETED;
        if (__builtin_expect(Op->Redirect != NULL, 0))
            break; /* the rest of the way is on another volume */
    }
    __atomic_store_n(&Op->Table, NULL, __ATOMIC_RELEASE);
    return FLTP_REACHED_BOTTOM;
}

/* ---- the device below ---- */

static NTSTATUS CompleteIrp(PIRP_CTRL Op)
{
    PIRP irp = Op->Irp;
    bool pended = Op->Flags & FLTP_OP_PENDED;

    if (FltpPutsOffClose(Op))
        return STATUS_PENDING;
    FltpFinishIrp(Op);
    NTSTATUS status = irp->IoStatus.Status;
    FltpEndOperation(Op);
    IoCompleteRequest(irp, IO_NO_INCREMENT);
    return pended ? STATUS_PENDING : status;
}

/* Some post-operation callback wants the requestor's own thread: it waits here. */
static NTSTATUS CallBelowAndWait(PIRP_CTRL Op)
{
    const struct ki_wait_hint hint = {.what = "the file system below", .object = Op->Irp};
    FLTP_DESCENT descent = {0};
    KEVENT event;

    KeInitializeEvent(&event, NotificationEvent, FALSE);
    Op->Below = &event;
    Op->Descent = &descent;
    struct flt_status_request *requests = FltpTakeStatusRequests(Op);
    NTSTATUS status = IoCallDriver(Op->Volume->AttachedToDevice, Op->Irp);
    if (requests)
        FltpTellStatus(requests, status);
    if (status == STATUS_PENDING || descent.Pended)
        KiWaitFor(&event, NULL, &hint, __builtin_return_address(0));
    Op->Below = NULL;
    Op->Descent = NULL;
    FltpAscend(Op, true);
    return CompleteIrp(Op);
}

static NTSTATUS CallBelow(PIRP_CTRL Op)
{
    PIRP irp = Op->Irp;
    PDEVICE_OBJECT below = Op->Volume->AttachedToDevice;
    struct flt_status_request *requests = FltpTakeStatusRequests(Op);
    bool pended = Op->Flags & FLTP_OP_PENDED;

    if (!requests && !Op->NodeCount && !(Op->Flags & (FLTP_OP_DIRTY_BELOW | FLTP_OP_WATCHED))) {
        FltpEndOperation(Op);
        IoSkipCurrentIrpStackLocation(irp);
        NTSTATUS status = IoCallDriver(below, irp);
        return pended ? STATUS_PENDING : status;
    }
    IoCopyCurrentIrpStackLocationToNext(irp);
    if (Op->Flags & FLTP_OP_DIRTY_BELOW)
        FltpParametersToIrp(Op, irp, IoGetNextIrpStackLocation(irp));
    IoSetCompletionRoutine(irp, FltpCompletion, Op, TRUE, TRUE, TRUE);
    if (Op->OwnThread) {
        Op->StatusRequests = requests;
        return CallBelowAndWait(Op);
    }
    FLTP_DESCENT descent = {0};
    Op->Descent = &descent;
    NTSTATUS status = IoCallDriver(below, irp);
    if (requests)
        FltpTellStatus(requests, status);
    if (pended || descent.Pended)
        return STATUS_PENDING;
    return descent.Completed ? descent.Status : status;
}

/* Complete here, as when the file system completed it at once. */
static void __attribute__((noinline)) CallAroundScans(PIRP_CTRL Op)
{
    struct flt_status_request *requests = FltpTakeStatusRequests(Op);
    NTSTATUS status = FltpCallAroundScans(Op);
    if (requests)
        FltpTellStatus(requests, status);
    FltpTakeResult(Op);
}

static NTSTATUS RunIrp(PIRP_CTRL Op, enum flt_descent Descent)
{
    if (Descent == FLTP_PENDED)
        return STATUS_PENDING;
    if (Descent == FLTP_REACHED_BOTTOM && Op->Redirect) {
        FltpRunRedirected(Op);
        Descent = FLTP_COMPLETED;
    }
    if (Descent == FLTP_REACHED_BOTTOM && __builtin_expect(!FltpMayMeetScan(Op), 1))
        return CallBelow(Op);
    if (Descent == FLTP_REACHED_BOTTOM)
        CallAroundScans(Op);
    if (Op->StatusRequests)
        FltpTellStatus(FltpTakeStatusRequests(Op), Op->Data.IoStatus.Status);
    if (FltpAscend(Op, Op->OwnThread) == FLTP_ASCENT_PENDED)
        return STATUS_PENDING;
    return CompleteIrp(Op);
}

void FltpResume(PIRP_CTRL Op)
{
    enum flt_descent descent = TakeAnswer(Op, Op->Next, (FLT_PREOP_CALLBACK_STATUS)Op->PendResult, Op->PendContext);
    if (descent == FLTP_REACHED_BOTTOM && !Op->Redirect) {
        Op->Next++;
        descent = FltpDescend(Op);
    }
    if (Op->Flags & FLTP_OP_GENERATED)
        FltpRunGenerated(Op, descent);
    else
        RunIrp(Op, descent);
}

void FltpFinishPendedIrp(PIRP_CTRL Op) { CompleteIrp(Op); }

/* ---- the driver's dispatch routines ---- */

NTSTATUS FltpPassThrough(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    IoSkipCurrentIrpStackLocation(Irp);
    return IoCallDriver(FltpVolumeOf(DeviceObject)->AttachedToDevice, Irp);
}

static void FillFromIrp(PIRP_CTRL Op, PIRP Irp, const IO_STACK_LOCATION *Stack)
{
    Op->Irp = Irp;
    Op->Thread = Op->Data.Thread = Irp->Tail.Overlay.Thread;
    Op->RequestorMode = Op->Data.RequestorMode = Irp->RequestorMode;
    Op->Kind = FLTFL_CALLBACK_DATA_IRP_OPERATION;
    if (Irp->Flags & IRP_BUFFERED_IO || (Irp->AssociatedIrp.SystemBuffer && Stack->MajorFunction != IRP_MJ_CREATE))
        Op->Kind |= FLTFL_CALLBACK_DATA_SYSTEM_BUFFER;
    Op->Data.Flags = Op->Kind;
    Op->Data.IoStatus.Status = STATUS_SUCCESS;
    Op->OriginalMdl = Irp->MdlAddress;
    Op->OriginalUserBuffer = Irp->UserBuffer;
    Op->OriginalSystemBuffer = Irp->AssociatedIrp.SystemBuffer;
    Op->OriginalIrpFlags = Irp->Flags;
    FltpParametersFromIrp(Op, Irp, Stack);
}

/* The name cache hears of these whoever filters. */
static bool ChangesNames(const IO_STACK_LOCATION *Stack)
{
    switch (Stack->MajorFunction) {
    case IRP_MJ_SET_INFORMATION:
        return FltpSetChangesNames(Stack->Parameters.SetFile.FileInformationClass);
    case IRP_MJ_FILE_SYSTEM_CONTROL:
        return Stack->MinorFunction == IRP_MN_USER_FS_REQUEST &&
               FltpControlChangesNames(Stack->Parameters.FileSystemControl.FsControlCode);
    default:
        return false;
    }
}

NTSTATUS FltpDispatchTo(PFLT_VOLUME Volume, PIRP Irp, PFLT_INSTANCE Below, bool OwnThread, PIRP_CTRL *Shown)
{
    const IO_STACK_LOCATION *stack = IoGetCurrentIrpStackLocation(Irp);
    PIRP_CTRL op = FltpBeginOperation(Volume, stack->MajorFunction, Below);

    FillFromIrp(op, Irp, stack);
    op->OwnThread = OwnThread;
    op->Shown = Shown;
    if (Shown)
        *Shown = op;
    if ((Below && stack->MajorFunction == IRP_MJ_CREATE) || ChangesNames(stack) ||
        (stack->MajorFunction == IRP_MJ_CLOSE && stack->FileObject))
        op->Flags |= FLTP_OP_WATCHED;
    return RunIrp(op, FltpDescend(op));
}

NTSTATUS FltpDispatch(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    PFLT_VOLUME volume = FltpVolumeOf(DeviceObject);
    const IO_STACK_LOCATION *stack = IoGetCurrentIrpStackLocation(Irp);

    if (__builtin_expect(!volume, 0))
        return FltpControlDispatch(DeviceObject, Irp);
    if (!__atomic_load_n(&volume->Seen[FLTP_SLOT(stack->MajorFunction)], __ATOMIC_RELAXED) && !ChangesNames(stack) &&
        !FltpMeetsScans(volume, stack->MajorFunction))
        return FltpPassThrough(DeviceObject, Irp);
    PFLT_INSTANCE target = stack->FileObject ? FltpTargetOfFileObject(stack->FileObject) : NULL;
    return FltpDispatchTo(volume, Irp, target, false, NULL);
}

/* ---- what the descent needs ---- */

static bool Skips(PIRP_CTRL Op, FLT_OPERATION_REGISTRATION_FLAGS Flags)
{
    const FLT_IO_PARAMETER_BLOCK *iopb = &Op->Iopb;

    if (Flags & FLTFL_OPERATION_REGISTRATION_SKIP_NON_DASD_IO) {
        PFILE_OBJECT file = iopb->TargetFileObject;
        bool dasd = file && file->Flags & FO_VOLUME_OPEN;
        if (iopb->MajorFunction == IRP_MJ_CREATE)
            dasd = file && !file->FileName.Length && !file->RelatedFileObject;
        if (!dasd)
            return true;
    }
    if (iopb->MajorFunction != IRP_MJ_READ && iopb->MajorFunction != IRP_MJ_WRITE)
        return false;
    bool irp = Op->Irp || Op->Flags & FLTP_OP_GENERATED, paging = irp && iopb->IrpFlags & IRP_PAGING_IO;
    bool cached = !irp || !(iopb->IrpFlags & (IRP_NOCACHE | IRP_PAGING_IO));
    if (Flags & FLTFL_OPERATION_REGISTRATION_SKIP_PAGING_IO && paging)
        return true;
    if (Flags & FLTFL_OPERATION_REGISTRATION_SKIP_CACHED_IO && cached)
        return true;
    return Flags & FLTFL_OPERATION_REGISTRATION_SKIP_NON_CACHED_NON_PAGING_IO && !cached && !paging;
}

static const void *CodeOf(const CALLBACK_NODE *Node) { return (const void *)(uintptr_t)Node->PreOperation; }

static _Noreturn void PostIsMissing(PIRP_CTRL Op, const CALLBACK_NODE *Node, FLT_PREOP_CALLBACK_STATUS Answer)
{
    struct verify_violation *v = verify_begin_fatal(
        VERIFY_MISSING_POST_CALLBACK, "The pre-operation callback for %s answered %s; no post-operation callback is registered.",
        trace_major(Op->Iopb.MajorFunction),
        Answer == FLT_PREOP_SYNCHRONIZE ? "FLT_PREOP_SYNCHRONIZE" : "FLT_PREOP_SUCCESS_WITH_CALLBACK");
    verify_routine(v, "pre-operation callback", CodeOf(Node));
    verify_end_bugcheck(v, 0xF5, 0x66, (uintptr_t)&Op->Data, (uintptr_t)CodeOf(Node), Answer);
}

static void __attribute__((format(printf, 3, 4))) Blame(enum verify_rule Rule, const CALLBACK_NODE *Node,
                                                        const char *Format, ...)
{
    char what[256];
    va_list list;
    va_start(list, Format);
    vsnprintf(what, sizeof what, Format, list);
    va_end(list);
    struct verify_violation *v = verify_begin(Rule, "%s", what);
    verify_routine(v, "pre-operation callback", CodeOf(Node));
    verify_end(v);
}

/* Parameters that a callback changed count only when it said so. */
static void __attribute__((noinline)) Changed(PIRP_CTRL Op, PCOMPLETION_NODE Node)
{
    struct flt_buffer now, before;

    if (!(Op->Data.Flags & FLTFL_CALLBACK_DATA_DIRTY)) {
        Blame(VERIFY_CALLBACK_DATA_NOT_DIRTY, Op->Next, "The parameters of %s were changed without FltSetCallbackDataDirty.",
              trace_major(Op->Iopb.MajorFunction));
        Op->Iopb = Node->Saved;
        return;
    }
    Op->Data.Flags &= ~(ULONG)FLTFL_CALLBACK_DATA_DIRTY;
    Op->Flags |= FLTP_OP_DIRTY_BELOW;
    if (Op->Iopb.TargetInstance != Node->Saved.TargetInstance)
        FltpSetRedirect(Op, Op->Next);
    Node->Swapped = false;
    Node->SwappedMdl = NULL;
    if (FltpBufferOf(&Op->Iopb, &now) && FltpBufferOf(&Node->Saved, &before)) {
        Node->Swapped = *now.Buffer != *before.Buffer || (now.Mdl && *now.Mdl != *before.Mdl);
        if (now.Mdl && *now.Mdl != *before.Mdl)
            Node->SwappedMdl = *now.Mdl;
    }
}

/* Both are filled by assignment from one origin: what lies between the members is equal, too. */
static inline bool SameParameters(const FLT_IO_PARAMETER_BLOCK *Left, const FLT_IO_PARAMETER_BLOCK *Right)
{
    const ULONG64 *left = (const ULONG64 *)Left, *right = (const ULONG64 *)Right;
    ULONG64 differs = 0;
    for (size_t i = 0; i < sizeof *Left / sizeof(ULONG64); i++)
        differs |= left[i] ^ right[i];
    return !differs;
}

static inline void Settle(PIRP_CTRL Op, PCOMPLETION_NODE Node)
{
    Node->Swapped = false;
    Node->SwappedMdl = NULL;
    if (__builtin_expect(Op->Data.Flags & FLTFL_CALLBACK_DATA_DIRTY ||
                             !SameParameters(&Node->Saved, &Op->Iopb), 0))
        Changed(Op, Node);
}

static void PushNode(PIRP_CTRL Op, const CALLBACK_NODE *Node, PVOID Context, bool Synchronize)
{
    PCOMPLETION_NODE owed = FltpNextNode(Op);
    owed->Instance = Node->Instance;
    owed->PostOperation = Node->PostOperation;
    owed->Context = Context;
    owed->Shard = Op->Shard;
    owed->Synchronized = Synchronize;
    __atomic_store_n(&owed->State, FLTP_NODE_OWED, __ATOMIC_RELAXED);
    __atomic_store_n(&Op->NodeCount, Op->NodeCount + 1, __ATOMIC_RELEASE);
}

static void Owe(PIRP_CTRL Op, const CALLBACK_NODE *Node, PVOID Context, bool Synchronize)
{
    if (__builtin_expect(!Node->PostOperation, 0))
        PostIsMissing(Op, Node, Synchronize ? FLT_PREOP_SYNCHRONIZE : FLT_PREOP_SUCCESS_WITH_CALLBACK);
    if (Synchronize && (Op->Irp || Op->Flags & FLTP_OP_GENERATED))
        Op->OwnThread = true;
    PushNode(Op, Node, Context, Op->OwnThread && (Synchronize || Op->Iopb.MajorFunction == IRP_MJ_CREATE));
}

static void CheckNoContext(PIRP_CTRL Op, const CALLBACK_NODE *Node, PVOID Context, const char *Status)
{
    if (__builtin_expect(Context != NULL, 0))
        Blame(VERIFY_COMPLETION_CONTEXT_IGNORED, Node,
              "A pre-operation callback for %s gave the completion context %p, and then answered %s: nobody will get it.",
              trace_major(Op->Iopb.MajorFunction), Context, Status);
}

static void OweNothing(PIRP_CTRL Op, const CALLBACK_NODE *Node, PVOID Context)
{
    CheckNoContext(Op, Node, Context, "FLT_PREOP_SUCCESS_NO_CALLBACK");
    if (__builtin_expect(FltpNextNode(Op)->SwappedMdl != NULL, 0)) { /* the MDL is ours to free at the end all the same */
        CALLBACK_NODE silent = {.Instance = Node->Instance};
        PushNode(Op, &silent, NULL, false);
        return;
    }
    Op->Current = NULL;
    FltpReleaseRundown(&Node->Instance->Operations[Op->Shard].Value);
}

static bool CompletionStatusIsValid(PIRP_CTRL Op)
{
    NTSTATUS status = Op->Data.IoStatus.Status;
    if (status == STATUS_PENDING || status == STATUS_FLT_DISALLOW_FAST_IO)
        return false;
    return NT_SUCCESS(status) || (Op->Iopb.MajorFunction != IRP_MJ_CLEANUP && Op->Iopb.MajorFunction != IRP_MJ_CLOSE);
}

static bool IsQueryOpen(PIRP_CTRL Op)
{
    return Op->Iopb.MajorFunction == IRP_MJ_QUERY_OPEN || Op->Iopb.MajorFunction == IRP_MJ_NETWORK_QUERY_OPEN;
}

/* The instance ends the descent. Whatever it answered, its own post-operation callback is not called. */
static enum flt_descent CompleteHere(PIRP_CTRL Op, const CALLBACK_NODE *Node, FLT_PREOP_CALLBACK_STATUS Status)
{
    const char *major = trace_major(Op->Iopb.MajorFunction);

    if (Status == FLT_PREOP_DISALLOW_FASTIO && Op->Kind & FLTFL_CALLBACK_DATA_FAST_IO_OPERATION) {
        Op->Data.IoStatus = (IO_STATUS_BLOCK){.Status = STATUS_FLT_DISALLOW_FAST_IO};
    } else if (Status == FLT_PREOP_DISALLOW_FSFILTER_IO && IsQueryOpen(Op)) {
        Op->Data.IoStatus = (IO_STATUS_BLOCK){.Status = STATUS_FLT_DISALLOW_FSFILTER_IO};
    } else if (Status != FLT_PREOP_COMPLETE) {
        Blame(VERIFY_BAD_CALLBACK_STATUS, Node, "A pre-operation callback for %s returned %d%s, which is not allowed there.",
              major, Status, Status == FLT_PREOP_DISALLOW_FASTIO ? " (FLT_PREOP_DISALLOW_FASTIO)" : "");
        OweNothing(Op, Node, NULL);
        return FLTP_REACHED_BOTTOM;
    } else if (!CompletionStatusIsValid(Op)) {
        Blame(VERIFY_BAD_CALLBACK_STATUS, Node, "A pre-operation callback completed %s with %s.", major,
              trace_status(Op->Data.IoStatus.Status));
        Op->Data.IoStatus.Status = STATUS_SUCCESS;
    }
    Op->Iopb = FltpNextNode(Op)->Saved;
    Op->Current = NULL;
    FltpReleaseRundown(&Node->Instance->Operations[Op->Shard].Value);
    __atomic_store_n(&Op->Table, NULL, __ATOMIC_RELEASE);
    return FLTP_COMPLETED;
}
