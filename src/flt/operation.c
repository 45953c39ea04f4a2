/* IRP_CTRL: where one operation begins and ends, what a volume knows of those under way, and draining. */
#include "flt/core.h"

enum { KEPT_FREE = 64 };

/* ---- memory: each volume keeps some, by shard ---- */

static PIRP_CTRL TakeFree(FLTP_VOLUME_SHARD *Shard)
{
    PIRP_CTRL op = Shard->Free;
    if (op) {
        Shard->Free = op->NextFree;
        Shard->FreeCount--;
    }
    return op;
}

static void Initialize(PIRP_CTRL Op, PFLT_VOLUME Volume, UCHAR Shard)
{
    memset(Op, 0, FIELD_OFFSET(IRP_CTRL, Inline));
    Op->Data.Iopb = &Op->Iopb;
    Op->Volume = Volume;
    Op->Shard = Shard;
    Op->Nodes = Op->Inline;
    Op->Capacity = FLTP_INLINE_NODES;
    Op->Objects.Size = sizeof Op->Objects;
    Op->Objects.Volume = Volume;
}

PIRP_CTRL FltpAllocateOperation(PFLT_VOLUME Volume)
{
    UCHAR shard = (UCHAR)FltpShard();
    sched_lock(&Volume->Shards[shard].Lock);
    PIRP_CTRL op = TakeFree(&Volume->Shards[shard]);
    sched_unlock(&Volume->Shards[shard].Lock);
    if (!op)
        op = sim_alloc(sizeof *op);
    Initialize(op, Volume, shard);
    return op;
}

/* ---- under way ---- */

/* The first node below the instance (NULL: the first of all). */
static const CALLBACK_NODE *FirstBelow(const CALLBACK_NODE *Node, const CALLBACK_NODE *End, PFLT_INSTANCE Below)
{
    if (!Below)
        return Node;
    while (Node < End) { /* altitudes fall */
        const CALLBACK_NODE *middle = Node + (End - Node) / 2;
        if (FltpCompareAltitudes(&middle->Instance->Altitude, &Below->Altitude) >= 0)
            Node = middle + 1;
        else
            End = middle;
    }
    return Node;
}

static void Track(PIRP_CTRL Op, FLTP_VOLUME_SHARD *Shard, UCHAR Slot, PFLT_INSTANCE Below)
{
    PFLTP_CALLBACK_TABLE table = __atomic_load_n(&Op->Volume->Callbacks, __ATOMIC_ACQUIRE);
    __atomic_store_n(&Op->Table, table, __ATOMIC_RELEASE);
    Op->End = table->Slots[Slot].Nodes;
    if (Op->End) /* nobody: not even an array */
        Op->End += table->Slots[Slot].Count;
    Op->Next = FirstBelow(table->Slots[Slot].Nodes, Op->End, Below);
    Op->Initiator = Below;
    Op->Flags |= FLTP_OP_TRACKED;
    InsertTailList(&Shard->Owed, &Op->OwedLink);
}

PIRP_CTRL FltpBeginOperation(PFLT_VOLUME Volume, UCHAR MajorFunction, PFLT_INSTANCE Below)
{
    UCHAR slot = FLTP_SLOT(MajorFunction), index = (UCHAR)FltpShard();
    FLTP_VOLUME_SHARD *shard = &Volume->Shards[index];

    sched_lock(&shard->Lock);
    PIRP_CTRL op = TakeFree(shard);
    if (!op)
        op = sim_alloc(sizeof *op);
    Initialize(op, Volume, index);
    Track(op, shard, slot, Below);
    sched_unlock(&shard->Lock);
    if (__builtin_expect((size_t)(op->End - op->Next) > op->Capacity, 0)) {
        op->Capacity = (UCHAR)(op->End - op->Next);
        op->Nodes = sim_alloc(op->Capacity * sizeof(COMPLETION_NODE));
    }
    return op;
}

/* The same for an operation that a filter made. */
bool FltpEnterOperation(PIRP_CTRL Op, UCHAR MajorFunction, PFLT_INSTANCE Below)
{
    FLTP_VOLUME_SHARD *shard = &Op->Volume->Shards[Op->Shard];

    if (!FltpAcquireRundown(&Below->Operations[Op->Shard].Value))
        return false;
    sched_lock(&shard->Lock);
    Track(Op, shard, FLTP_SLOT(MajorFunction), Below);
    sched_unlock(&shard->Lock);
    size_t count = (size_t)(Op->End - Op->Next);
    if (count > Op->Capacity) {
        if (Op->Nodes != Op->Inline)
            sim_free(Op->Nodes);
        Op->Capacity = (UCHAR)count;
        Op->Nodes = sim_alloc(count * sizeof(COMPLETION_NODE));
    }
    return true;
}

void FltpLeaveOperation(PIRP_CTRL Op)
{
    FLTP_VOLUME_SHARD *shard = &Op->Volume->Shards[Op->Shard];
    if (Op->Names)
        FltpForgetNames(Op);
    sched_lock(&shard->Lock);
    if (Op->Flags & FLTP_OP_TRACKED)
        RemoveEntryList(&Op->OwedLink);
    Op->Flags &= ~(ULONG)FLTP_OP_TRACKED;
    Op->Table = NULL;
    sched_unlock(&shard->Lock);
}

void FltpEndOperation(PIRP_CTRL Op)
{
    FLTP_VOLUME_SHARD *shard = &Op->Volume->Shards[Op->Shard];

    if (Op->Shown)
        *Op->Shown = NULL;
    if (Op->Names)
        FltpForgetNames(Op);
    if (__builtin_expect(Op->LockedMdl != NULL, 0))
        FltpFreeLockedMdl(Op);
    if (__builtin_expect(Op->Nodes != Op->Inline, 0))
        sim_free(Op->Nodes);
    sched_lock(&shard->Lock);
    if (Op->Flags & FLTP_OP_TRACKED)
        RemoveEntryList(&Op->OwedLink);
    Op->Table = NULL;
    if (shard->FreeCount < KEPT_FREE) {
        Op->NextFree = shard->Free;
        shard->Free = Op;
        shard->FreeCount++;
        Op = NULL;
    }
    sched_unlock(&shard->Lock);
    if (Op)
        sim_free(Op);
}

PCOMPLETION_NODE FltpNextNode(PIRP_CTRL Op)
{
    NT_ASSERT(Op->NodeCount < Op->Capacity);
    return &Op->Nodes[Op->NodeCount];
}

/* ---- draining ---- */

/* What a drainer needs of an owed post-operation, taken while the operation cannot go away. */
struct drained {
    FLT_CALLBACK_DATA Data;
    FLT_IO_PARAMETER_BLOCK Iopb;
    PFLT_POST_OPERATION_CALLBACK PostOperation;
    PVOID Context;
    UCHAR Shard;
};

static bool TakeNode(PIRP_CTRL Op, PCOMPLETION_NODE Node, struct drained *Drained)
{
    LONG owed = FLTP_NODE_OWED;
    if (Node->Synchronized || Node->Swapped || !Node->PostOperation)
        return false;
    if (!__atomic_compare_exchange_n(&Node->State, &owed, FLTP_NODE_TAKEN, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
        return false;
    *Drained = (struct drained){
        .Iopb = Node->Saved, .PostOperation = Node->PostOperation, .Context = Node->Context, .Shard = Node->Shard};
    Drained->Data.Thread = Op->Thread;
    Drained->Data.RequestorMode = Op->RequestorMode;
    Drained->Data.Flags = Op->Kind | FLTFL_CALLBACK_DATA_DRAINING_IO | FLTFL_CALLBACK_DATA_POST_OPERATION;
    return true;
}

/* Nodes go away from the end of the list only, by the operation's own thread; the shard's lock keeps the list there. */
static bool FindOwed(PFLT_INSTANCE Instance, FLTP_VOLUME_SHARD *Shard, struct drained *Drained)
{
    bool found = false;
    sched_lock(&Shard->Lock);
    for (PLIST_ENTRY link = Shard->Owed.Flink; link != &Shard->Owed && !found; link = link->Flink) {
        PIRP_CTRL op = CONTAINING_RECORD(link, IRP_CTRL, OwedLink);
        ULONG count = __atomic_load_n(&op->NodeCount, __ATOMIC_ACQUIRE);
        for (ULONG i = 0; i < count && !found; i++)
            found = op->Nodes[i].Instance == Instance && TakeNode(op, &op->Nodes[i], Drained);
    }
    sched_unlock(&Shard->Lock);
    return found;
}

static void CallDrained(PFLT_INSTANCE Instance, struct drained *Drained)
{
    FLT_RELATED_OBJECTS objects;
    FltpFillObjects(&objects, Instance);
    objects.FileObject = Drained->Iopb.TargetFileObject;
    Drained->Data.Iopb = &Drained->Iopb;
    TRACE("flt", "drain %s", trace_major(Drained->Iopb.MajorFunction));
    FLT_POSTOP_CALLBACK_STATUS status =
        Drained->PostOperation(&Drained->Data, &objects, Drained->Context, FLTFL_POST_OPERATION_DRAINING);
    if (status != FLT_POSTOP_FINISHED_PROCESSING)
        verify_violate(VERIFY_BAD_CALLBACK_STATUS, "A draining post-operation callback for %s returned %d; only "
                       "FLT_POSTOP_FINISHED_PROCESSING is allowed.", trace_major(Drained->Iopb.MajorFunction), status);
    FltpReleaseRundown(&Instance->Operations[Drained->Shard].Value);
}

void FltpDrainInstance(PFLT_INSTANCE Instance)
{
    struct drained drained;
    for (ULONG i = 0; i < FLTP_SHARDS; i++)
        while (FindOwed(Instance, &Instance->Volume->Shards[i], &drained))
            CallDrained(Instance, &drained);
}

/* ---- what an instance still waits for ---- */

static bool Concerns(PIRP_CTRL Op, PFLT_INSTANCE Instance, const char **What)
{
    ULONG count = __atomic_load_n(&Op->NodeCount, __ATOMIC_ACQUIRE);
    if (Op->Current == Instance && Op->PendState == FLTP_PEND_RETURNED)
        *What = Op->Flags & FLTP_OP_IN_POST ? "its post-operation callback pended it" : "its pre-operation callback pended it";
    else if (Op->Current == Instance)
        *What = "its callback runs";
    else if (Op->Initiator == Instance && Op->Flags & FLTP_OP_IN_FLIGHT)
        *What = "the filter sent it";
    else
        *What = NULL;
    for (ULONG i = 0; i < count && !*What; i++)
        if (Op->Nodes[i].Instance == Instance && Op->Nodes[i].State == FLTP_NODE_OWED)
            *What = "its post-operation callback is owed";
    return *What != NULL;
}

static bool IsRunning(PIRP_CTRL Op, PFLT_INSTANCE Instance)
{
    return Op->Current == Instance && Op->PendState != FLTP_PEND_RETURNED;
}

void FltpEachCallbackThread(PFLT_INSTANCE Instance, void (*Add)(PKTHREAD Thread, void *Context), void *Context)
{
    for (ULONG i = 0; i < FLTP_SHARDS; i++) {
        FLTP_VOLUME_SHARD *shard = &Instance->Volume->Shards[i];
        for (PLIST_ENTRY link = shard->Owed.Flink; link != &shard->Owed; link = link->Flink)
            if (IsRunning(CONTAINING_RECORD(link, IRP_CTRL, OwedLink), Instance))
                Add(CONTAINING_RECORD(link, IRP_CTRL, OwedLink)->Thread, Context);
    }
}

void FltpReportOperations(PFLT_INSTANCE Instance)
{
    char text[200];
    const char *what;

    for (ULONG i = 0; i < FLTP_SHARDS; i++) {
        FLTP_VOLUME_SHARD *shard = &Instance->Volume->Shards[i];
        /* Every thread waits: nobody changes the list. Of callbacks that run or pended, the deadlock's report tells. */
        for (PLIST_ENTRY link = shard->Owed.Flink; link != &shard->Owed; link = link->Flink) {
            PIRP_CTRL op = CONTAINING_RECORD(link, IRP_CTRL, OwedLink);
            if (op->Current != Instance && Concerns(op, Instance, &what))
                verify_violate(VERIFY_PENDED_NOT_COMPLETED, "%s cannot go: %s is not complete; %s.",
                               FltpDescribe(&Instance->Base, text, sizeof text), trace_major(op->Iopb.MajorFunction), what);
        }
    }
}

static void ExplainVolume(PFLT_VOLUME Volume)
{
    char text[200];

    for (ULONG i = 0; i < FLTP_SHARDS; i++) {
        FLTP_VOLUME_SHARD *shard = &Volume->Shards[i];
        for (PLIST_ENTRY link = shard->Owed.Flink; link != &shard->Owed; link = link->Flink) {
            PIRP_CTRL op = CONTAINING_RECORD(link, IRP_CTRL, OwedLink);
            if (op->PendState != FLTP_PEND_RETURNED || !op->Current)
                continue;
            bool post = op->Flags & FLTP_OP_IN_POST;
            struct verify_violation *v =
                verify_begin(VERIFY_PENDED_NOT_COMPLETED, "%s pended %s and never completed it.",
                             FltpDescribe(&op->Current->Base, text, sizeof text), trace_major(op->Iopb.MajorFunction));
            verify_site(v, post ? "pended by the post-operation callback" : "pended by the pre-operation callback",
                        post ? (const void *)(uintptr_t)op->CurrentNode->PostOperation
                             : (const void *)(uintptr_t)op->Next->PreOperation);
            verify_end(v);
        }
    }
}

/* Every thread waits: nobody changes the lists. */
void FltpExplainDeadlock(void)
{
    for (PLIST_ENTRY frame = FltGlobals.Frames.Flink; frame != &FltGlobals.Frames; frame = frame->Flink) {
        PFLTP_FRAME at = CONTAINING_RECORD(frame, FLTP_FRAME, Link);
        for (PLIST_ENTRY link = at->Volumes.Flink; link != &at->Volumes; link = link->Flink)
            ExplainVolume(CONTAINING_RECORD(link, struct _FLT_VOLUME, Base.PrimaryLink));
    }
}

/* Cancels what cannot be drained. True: there was something. */
bool FltpCancelOperations(PFLT_INSTANCE Instance)
{
    const char *what;
    bool any = false;

    for (ULONG i = 0; i < FLTP_SHARDS; i++) {
        FLTP_VOLUME_SHARD *shard = &Instance->Volume->Shards[i];
        for (PLIST_ENTRY link = shard->Owed.Flink, next; link != &shard->Owed; link = next) {
            PIRP_CTRL op = CONTAINING_RECORD(link, IRP_CTRL, OwedLink);
            next = link->Flink;
            if (Concerns(op, Instance, &what) && op->Irp && !__atomic_load_n(&op->Irp->Cancel, __ATOMIC_SEQ_CST)) {
                any = true;
                IoCancelIrp(op->Irp); /* may complete it here and now: begin again */
                next = shard->Owed.Flink;
            }
        }
    }
    return any;
}
