/* The nodes that link contexts to objects, and the registry of all of them. */
#include "context.h"
#include "name.h"

#include "fault/fault.h"

enum { CREATION_LOCKS = 16 };

static struct node_shard {
    struct sched_lock Lock;
    LIST_ENTRY Nodes;        /* FLTP_CONTEXT_NODE.Registry; Flink NULL: never used */
    PFLTP_CONTEXT_NODE Free; /* by .Object */
} __attribute__((aligned(64))) Shards[FLTP_SHARDS];
static bool KeepsNodes;
bool FltpIsWatched;

/* Two setters must not hang two nodes on one stream; by the stream's address. */
static FAST_MUTEX CreationLocks[CREATION_LOCKS];

void FltpStartContexts(void)
{
    FltpForgetDeferredContexts();
    FltpWatchLocks(false);
    FltpExplainContextFaults();
    for (unsigned i = 0; i < FLTP_SHARDS; i++) {
        InitializeListHead(&Shards[i].Nodes);
        Shards[i].Free = NULL; /* it went with its machine */
    }
    KeepsNodes = true;
    FltpIsWatched = verify_ledgers_on || machine->options.special_pool;
    for (unsigned i = 0; i < CREATION_LOCKS; i++)
        ExInitializeFastMutex(&CreationLocks[i]);
}

void FltpStopContexts(void)
{
    KeepsNodes = false;
    if (sched_is_dead())
        return;
    for (unsigned i = 0; i < FLTP_SHARDS; i++)
        for (PFLTP_CONTEXT_NODE node; (node = Shards[i].Free);) {
            Shards[i].Free = node->Object;
            sim_free(node);
        }
}

static PFLTP_CONTEXT_NODE TakeFree(struct node_shard *shard)
{
    sched_lock(&shard->Lock);
    PFLTP_CONTEXT_NODE node = shard->Free;
    if (node)
        shard->Free = node->Object;
    sched_unlock(&shard->Lock);
    return node;
}

PFLTP_CONTEXT_NODE FltpCreateNode(PVOID Object)
{
    unsigned index = FltpShard();
    struct node_shard *shard = &Shards[index];
    PFLTP_CONTEXT_NODE node = TakeFree(shard);
    if (!node)
        node = sim_alloc(sizeof *node);
    InitializeListHead(&node->Contexts);
    node->Object = Object;
    node->References = 1;
    node->Shard = (UCHAR)index;
    __atomic_store_n(&node->Dead, false, __ATOMIC_RELAXED);
    sched_lock(&shard->Lock);
    InsertTailList(&shard->Nodes, &node->Registry);
    sched_unlock(&shard->Lock);
    return node;
}

/* Its lock is somebody's for a moment perhaps, who followed a context's Node to here. */
void FltpDereferenceNode(PFLTP_CONTEXT_NODE Node)
{
    struct node_shard *shard = &Shards[Node->Shard];
    if (__atomic_sub_fetch(&Node->References, 1, __ATOMIC_ACQ_REL) != 0)
        return;
    if (!KeepsNodes) {
        sim_free(Node);
        return;
    }
    sched_lock(&shard->Lock);
    Node->Object = shard->Free;
    shard->Free = Node;
    sched_unlock(&shard->Lock);
}

void FltpUnlinkLocked(PFLTP_CONTEXT Context)
{
    RemoveEntryList(&Context->Link);
    __atomic_store_n(&Context->Node, NULL, __ATOMIC_RELAXED);
    Context->Key = NULL;
    __atomic_store_n(&Context->State, FLTP_CONTEXT_DELETED, __ATOMIC_RELEASE);
}

static PFLTP_CONTEXT ContextAt(PLIST_ENTRY link)
{
    return CONTAINING_RECORD(link, FLTP_CONTEXT, Link);
}

/* Node locked. What is taken off waits in `gone`, on its Link. */
static void CollectLocked(PFLTP_CONTEXT_NODE node, PVOID key, PLIST_ENTRY gone)
{
    for (PLIST_ENTRY link = node->Contexts.Flink; link != &node->Contexts;) {
        PFLTP_CONTEXT context = ContextAt(link);
        link = link->Flink;
        if (key && context->Key != key)
            continue;
        FltpUnlinkLocked(context);
        InsertTailList(gone, &context->Link);
    }
}

static void DropAll(PLIST_ENTRY gone, const char *event)
{
    while (!IsListEmpty(gone))
        FltpDropReference(ContextAt(RemoveHeadList(gone)), event, NULL);
}

void FltpUnlinkAll(PFLTP_CONTEXT_NODE Node, PVOID Key, const char *Event)
{
    LIST_ENTRY gone;
    InitializeListHead(&gone);
    sched_lock(&Node->Lock);
    if (!Key)
        Node->Dead = true;
    CollectLocked(Node, Key, &gone);
    sched_unlock(&Node->Lock);
    DropAll(&gone, Event);
}

void FltpDestroyNode(PFLTP_CONTEXT_NODE Node, const char *Event)
{
    LIST_ENTRY gone;
    InitializeListHead(&gone);
    struct node_shard *shard = &Shards[Node->Shard];
    sched_lock(&shard->Lock);
    RemoveEntryList(&Node->Registry);
    sched_lock(&Node->Lock);
    Node->Dead = true;
    CollectLocked(Node, NULL, &gone);
    sched_unlock(&Node->Lock);
    sched_unlock(&shard->Lock);
    DropAll(&gone, Event);
    FltpDereferenceNode(Node);
}

PFLTP_CONTEXT_NODE FltpReferenceNodeOf(PFLTP_CONTEXT Context)
{
    struct node_shard *shard = &Shards[__atomic_load_n(&Context->NodeShard, __ATOMIC_RELAXED)];
    sched_lock(&shard->Lock);
    PFLTP_CONTEXT_NODE node = __atomic_load_n(&Context->Node, __ATOMIC_RELAXED);
    if (node)
        __atomic_add_fetch(&node->References, 1, __ATOMIC_RELAXED);
    sched_unlock(&shard->Lock);
    return node;
}

static PFLTP_CONTEXT_NODE LockNodeOf(PFLTP_CONTEXT context)
{
    PFLTP_CONTEXT_NODE node;
    while ((node = __atomic_load_n(&context->Node, __ATOMIC_RELAXED))) {
        sched_lock(&node->Lock);
        if (__atomic_load_n(&context->Node, __ATOMIC_RELAXED) == node)
            break;
        sched_unlock(&node->Lock);
    }
    return node;
}

PVOID FltpUnlinkFromKey(PFLTP_CONTEXT Context)
{
    PFLTP_CONTEXT_NODE node = LockNodeOf(Context);
    if (!node)
        return NULL;
    PVOID key = Context->Key;
    FltpUnlinkLocked(Context);
    sched_unlock(&node->Lock);
    return key;
}

bool FltpUnlinkContext(PFLTP_CONTEXT Context) { return FltpUnlinkFromKey(Context) != NULL; }

bool FltpUnlinkAndDrop(PFLTP_CONTEXT Context, const char *Event, const void *Site)
{
    PFLTP_CONTEXT_NODE node = LockNodeOf(Context);
    if (!node)
        return false;
    verify_ledger_drop(&Context->Ledger, Event, __atomic_load_n(&Context->Count, __ATOMIC_RELAXED) - 1, Site);
    RemoveEntryList(&Context->Link);
    LONG left = FltpDropLinkLocked(Context);
    sched_unlock(&node->Lock);
    if (left <= 0)
        FltpCountRanOut(Context, left, Site);
    return true;
}

void FltpUnlinkEverywhere(PVOID Key, const char *Event)
{
    LIST_ENTRY gone;
    InitializeListHead(&gone);
    for (unsigned i = 0; i < FLTP_SHARDS; i++) {
        struct node_shard *shard = &Shards[i];
        sched_lock(&shard->Lock);
        for (PLIST_ENTRY link = shard->Nodes.Flink; link && link != &shard->Nodes; link = link->Flink) {
            PFLTP_CONTEXT_NODE node = CONTAINING_RECORD(link, FLTP_CONTEXT_NODE, Registry);
            sched_lock(&node->Lock);
            CollectLocked(node, Key, &gone);
            sched_unlock(&node->Lock);
        }
        sched_unlock(&shard->Lock);
    }
    DropAll(&gone, Event);
}

static void VisitNode(PFLTP_CONTEXT_NODE node, void (*visit)(PFLTP_CONTEXT, void *), void *argument)
{
    sched_lock(&node->Lock);
    for (PLIST_ENTRY link = node->Contexts.Flink; link != &node->Contexts; link = link->Flink)
        visit(ContextAt(link), argument);
    sched_unlock(&node->Lock);
}

void FltpEachLinkedContext(void (*Visit)(PFLTP_CONTEXT Context, void *Argument), void *Argument)
{
    for (unsigned i = 0; i < FLTP_SHARDS; i++) {
        struct node_shard *shard = &Shards[i];
        sched_lock(&shard->Lock);
        for (PLIST_ENTRY link = shard->Nodes.Flink; link && link != &shard->Nodes; link = link->Flink)
            VisitNode(CONTAINING_RECORD(link, FLTP_CONTEXT_NODE, Registry), Visit, Argument);
        sched_unlock(&shard->Lock);
    }
}

PFLTP_CONTEXT_NODE FltpObjectNode(PFLTP_CONTEXT_NODE *Place, PVOID Object, bool Create)
{
    PFLTP_CONTEXT_NODE node = __atomic_load_n(Place, __ATOMIC_ACQUIRE);
    if (node || !Create)
        return node;
    PFLTP_CONTEXT_NODE fresh = FltpCreateNode(Object);
    if (__atomic_compare_exchange_n(Place, &node, fresh, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
        return fresh;
    FltpDestroyNode(fresh, "never used");
    return node;
}

/* ---- files, streams and file objects --------------------------------------------------------------------------------- */

static PFAST_MUTEX CreationLock(const void *object)
{
    return &CreationLocks[((uintptr_t)object >> 6) % CREATION_LOCKS];
}

static VOID StreamGone(PVOID hook)
{
    PFLTP_CONTEXT_NODE node = CONTAINING_RECORD((PFSRTL_PER_STREAM_CONTEXT)hook, FLTP_CONTEXT_NODE, Hook.Stream);
    PFLTP_CONTEXT_NODE *known = FltpKnownNode(node->Object);
    if (known)
        __atomic_store_n(known, NULL, __ATOMIC_RELEASE);
    FltpDestroyNode(node, "unlinked: the stream was torn down");
}

static VOID FileGone(PVOID hook)
{
    PFSRTL_PER_FILE_CONTEXT file = hook;
    FltpDestroyNode(CONTAINING_RECORD(file, FLTP_CONTEXT_NODE, Hook.File), "unlinked: the file was torn down");
}

BOOLEAN FltSupportsStreamContexts(PFILE_OBJECT FileObject)
{
    API_IRQL(FltSupportsStreamContexts);
    return FltpHasStream(FileObject);
}

BOOLEAN FltSupportsStreamHandleContexts(PFILE_OBJECT FileObject)
{
    API_IRQL(FltSupportsStreamHandleContexts);
    return FltSupportsStreamContexts(FileObject);
}

BOOLEAN FltSupportsFileContexts(PFILE_OBJECT FileObject)
{
    API_IRQL(FltSupportsFileContexts);
    return FltSupportsStreamContexts(FileObject) && FsRtlSupportsPerFileContexts(FileObject);
}

BOOLEAN FltSupportsFileContextsEx(PFILE_OBJECT FileObject, PFLT_INSTANCE Instance)
{
    API_IRQL(FltSupportsFileContextsEx);
    return Instance ? FltSupportsStreamContexts(FileObject) : FltSupportsFileContexts(FileObject);
}

static PFLTP_CONTEXT_NODE FindStreamNode(PFSRTL_ADVANCED_FCB_HEADER header)
{
    PFLTP_CONTEXT_NODE *known = FltpKnownNode(header);
    if (known)
        return __atomic_load_n(known, __ATOMIC_ACQUIRE);
    PFSRTL_PER_STREAM_CONTEXT hook = FsRtlLookupPerStreamContextInternal(header, &FltGlobals, NULL);
    return hook ? CONTAINING_RECORD(hook, FLTP_CONTEXT_NODE, Hook.Stream) : NULL;
}

NTSTATUS FltpStreamNode(PFILE_OBJECT FileObject, bool Create, PFLTP_CONTEXT_NODE *Node)
{
    *Node = NULL;
    if (!FltpHasStream(FileObject))
        return STATUS_NOT_SUPPORTED;
    PFSRTL_ADVANCED_FCB_HEADER header = FsRtlGetPerStreamContextPointer(FileObject);
    *Node = FindStreamNode(header);
    if (*Node || !Create)
        return STATUS_SUCCESS;
    PFAST_MUTEX lock = CreationLock(header);
    ExAcquireFastMutex(lock);
    *Node = FindStreamNode(header);
    NTSTATUS status = !*Node && fault_allocation() ? STATUS_INSUFFICIENT_RESOURCES : STATUS_SUCCESS;
    if (!*Node && NT_SUCCESS(status)) {
        *Node = FltpCreateNode(header);
        FsRtlInitPerStreamContext(&(*Node)->Hook.Stream, &FltGlobals, NULL, StreamGone);
        FsRtlInsertPerStreamContext(header, &(*Node)->Hook.Stream);
        if (FltpKnownNode(header))
            __atomic_store_n(FltpKnownNode(header), *Node, __ATOMIC_RELEASE);
    }
    ExReleaseFastMutex(lock);
    return status;
}

/* A fresh node that was to be hung on its object. */
static NTSTATUS Hung(PFLTP_CONTEXT_NODE *node, NTSTATUS status)
{
    if (!NT_SUCCESS(status)) {
        FltpDestroyNode(*node, "unlinked: no memory");
        *node = NULL;
    }
    return status;
}

static PFLTP_CONTEXT_NODE FindFileNode(PVOID *support)
{
    PFSRTL_PER_FILE_CONTEXT hook = FsRtlLookupPerFileContext(support, &FltGlobals, NULL);
    return hook ? CONTAINING_RECORD(hook, FLTP_CONTEXT_NODE, Hook.File) : NULL;
}

NTSTATUS FltpFileNode(PFILE_OBJECT FileObject, bool Create, PFLTP_CONTEXT_NODE *Node)
{
    *Node = NULL;
    if (!FltSupportsFileContexts(FileObject))
        return FltpStreamNode(FileObject, Create, Node);
    PVOID *support = FsRtlGetPerFileContextPointer(FileObject);
    *Node = FindFileNode(support);
    if (*Node || !Create)
        return STATUS_SUCCESS;
    PFAST_MUTEX lock = CreationLock(support);
    ExAcquireFastMutex(lock);
    *Node = FindFileNode(support);
    NTSTATUS status = STATUS_SUCCESS;
    if (!*Node) {
        *Node = FltpCreateNode(support);
        FsRtlInitPerFileContext(&(*Node)->Hook.File, &FltGlobals, NULL, FileGone);
        status = Hung(Node, FsRtlInsertPerFileContext(support, &(*Node)->Hook.File));
    }
    ExReleaseFastMutex(lock);
    return status;
}

static PFLTP_CONTEXT_NODE FindFileObjectNode(PFILE_OBJECT file)
{
    PFSRTL_PER_FILEOBJECT_CONTEXT hook = FsRtlLookupPerFileObjectContext(file, &FltGlobals, NULL);
    return hook ? CONTAINING_RECORD(hook, FLTP_CONTEXT_NODE, Hook.FileObject) : NULL;
}

NTSTATUS FltpFileObjectNode(PFILE_OBJECT FileObject, bool Create, PFLTP_CONTEXT_NODE *Node)
{
    *Node = NULL;
    if (!FltSupportsStreamHandleContexts(FileObject))
        return STATUS_NOT_SUPPORTED;
    *Node = FindFileObjectNode(FileObject);
    if (*Node || !Create)
        return STATUS_SUCCESS;
    PFAST_MUTEX lock = CreationLock(FileObject);
    ExAcquireFastMutex(lock);
    *Node = FindFileObjectNode(FileObject);
    NTSTATUS status = STATUS_SUCCESS;
    if (!*Node) {
        *Node = FltpCreateNode(FileObject);
        FsRtlInitPerFileObjectContext(&(*Node)->Hook.FileObject, &FltGlobals, NULL);
        status = Hung(Node, FsRtlInsertPerFileObjectContext(FileObject, &(*Node)->Hook.FileObject));
    }
    ExReleaseFastMutex(lock);
    return status;
}

void FltpFileObjectClosed(PFLT_VOLUME Volume, PFILE_OBJECT FileObject)
{
    if (__atomic_load_n(&Volume->Names, __ATOMIC_ACQUIRE))
        FltpForgetFileNames(Volume, FileObject, NULL);
    if (!FileObject->FileObjectExtension)
        return;
    PFSRTL_PER_FILEOBJECT_CONTEXT hook = FsRtlRemovePerFileObjectContext(FileObject, &FltGlobals, NULL);
    if (hook)
        FltpDestroyNode(CONTAINING_RECORD(hook, FLTP_CONTEXT_NODE, Hook.FileObject),
                        "unlinked: the file object was closed");
}
