/* Per-stream and per-file contexts: lists that hang off a file system's control blocks. */
#include "fsrtlp.h"

#include "fault/fault.h"

static void LockStream(PFSRTL_ADVANCED_FCB_HEADER header)
{
    ExAcquireFastMutex(header->FastMutex);
}

static void UnlockStream(PFSRTL_ADVANCED_FCB_HEADER header)
{
    ExReleaseFastMutex(header->FastMutex);
}

static bool SupportsContexts(PFSRTL_ADVANCED_FCB_HEADER header)
{
    return header && (header->Flags2 & FSRTL_FLAG2_SUPPORTS_FILTER_CONTEXTS) && header->FastMutex;
}

NTSTATUS FsRtlInsertPerStreamContext(PFSRTL_ADVANCED_FCB_HEADER Header, PFSRTL_PER_STREAM_CONTEXT Ptr)
{
    API_ENTER(FsRtlInsertPerStreamContext, Header, SCHED_WRITE);
    if (!SupportsContexts(Header))
        return STATUS_INVALID_DEVICE_REQUEST;
    LockStream(Header);
    InsertHeadList(&Header->FilterContexts, &Ptr->Links);
    UnlockStream(Header);
    return STATUS_SUCCESS;
}

/* Owner alone matches its first; with an instance both match; with neither the first of all. */
static PFSRTL_PER_STREAM_CONTEXT FindStreamContext(PFSRTL_ADVANCED_FCB_HEADER header, PVOID owner, PVOID instance)
{
    for (PLIST_ENTRY link = header->FilterContexts.Flink; link != &header->FilterContexts; link = link->Flink) {
        PFSRTL_PER_STREAM_CONTEXT found = CONTAINING_RECORD(link, FSRTL_PER_STREAM_CONTEXT, Links);
        if ((!owner || found->OwnerId == owner) && (!instance || found->InstanceId == instance))
            return found;
    }
    return NULL;
}

PFSRTL_PER_STREAM_CONTEXT FsRtlLookupPerStreamContextInternal(PFSRTL_ADVANCED_FCB_HEADER Header, PVOID OwnerId,
                                                              PVOID InstanceId)
{
    API_ENTER(FsRtlLookupPerStreamContextInternal, Header, SCHED_READ);
    if (!SupportsContexts(Header))
        return NULL;
    LockStream(Header);
    PFSRTL_PER_STREAM_CONTEXT found = FindStreamContext(Header, OwnerId, InstanceId);
    UnlockStream(Header);
    return found;
}

PFSRTL_PER_STREAM_CONTEXT FsRtlRemovePerStreamContext(PFSRTL_ADVANCED_FCB_HEADER Header, PVOID OwnerId,
                                                      PVOID InstanceId)
{
    API_ENTER(FsRtlRemovePerStreamContext, Header, SCHED_WRITE);
    if (!SupportsContexts(Header))
        return NULL;
    LockStream(Header);
    PFSRTL_PER_STREAM_CONTEXT found = FindStreamContext(Header, OwnerId, InstanceId);
    if (found) {
        RemoveEntryList(&found->Links);
        InitializeListHead(&found->Links);
    }
    UnlockStream(Header);
    return found;
}

VOID FsRtlTeardownPerStreamContexts(PFSRTL_ADVANCED_FCB_HEADER Header)
{
    API_ENTER(FsRtlTeardownPerStreamContexts, Header, SCHED_WRITE);
    verify_stream_gone(Header);
    if (!SupportsContexts(Header))
        return;
    for (;;) {
        LockStream(Header);
        if (IsListEmpty(&Header->FilterContexts)) {
            UnlockStream(Header);
            return;
        }
        PLIST_ENTRY link = RemoveHeadList(&Header->FilterContexts);
        UnlockStream(Header);
        PFSRTL_PER_STREAM_CONTEXT context = CONTAINING_RECORD(link, FSRTL_PER_STREAM_CONTEXT, Links);
        InitializeListHead(&context->Links);
        context->FreeCallback(context);
    }
}

/* What a file system's FileContextSupportPointer comes to point to with the first insertion. */
struct file_context_list {
    FAST_MUTEX mutex;
    LIST_ENTRY contexts; // FSRTL_PER_FILE_CONTEXT.Links
};

static struct file_context_list *FileList(PVOID *support, bool create)
{
    if (!support)
        return NULL;
    struct file_context_list *list = __atomic_load_n((struct file_context_list **)support, __ATOMIC_ACQUIRE);
    if (list || !create || fault_allocation())
        return list;
    struct file_context_list *fresh = sim_alloc(sizeof *fresh);
    ExInitializeFastMutex(&fresh->mutex);
    InitializeListHead(&fresh->contexts);
    if (__atomic_compare_exchange_n((struct file_context_list **)support, &list, fresh, false, __ATOMIC_ACQ_REL,
                                    __ATOMIC_ACQUIRE))
        return fresh;
    sim_free(fresh);
    return list;
}

NTSTATUS FsRtlInsertPerFileContext(PVOID *PerFileContextPointer, PFSRTL_PER_FILE_CONTEXT Ptr)
{
    API_ENTER(FsRtlInsertPerFileContext, PerFileContextPointer, SCHED_WRITE);
    if (!PerFileContextPointer)
        return STATUS_INVALID_DEVICE_REQUEST;
    struct file_context_list *list = FileList(PerFileContextPointer, true);
    if (!list)
        return STATUS_INSUFFICIENT_RESOURCES;
    ExAcquireFastMutex(&list->mutex);
    InsertHeadList(&list->contexts, &Ptr->Links);
    ExReleaseFastMutex(&list->mutex);
    return STATUS_SUCCESS;
}

static PFSRTL_PER_FILE_CONTEXT FindFileContext(struct file_context_list *list, PVOID owner, PVOID instance)
{
    for (PLIST_ENTRY link = list->contexts.Flink; link != &list->contexts; link = link->Flink) {
        PFSRTL_PER_FILE_CONTEXT found = CONTAINING_RECORD(link, FSRTL_PER_FILE_CONTEXT, Links);
        if ((!owner || found->OwnerId == owner) && (!instance || found->InstanceId == instance))
            return found;
    }
    return NULL;
}

PFSRTL_PER_FILE_CONTEXT FsRtlLookupPerFileContext(PVOID *PerFileContextPointer, PVOID OwnerId, PVOID InstanceId)
{
    API_ENTER(FsRtlLookupPerFileContext, PerFileContextPointer, SCHED_READ);
    struct file_context_list *list = FileList(PerFileContextPointer, false);
    if (!list)
        return NULL;
    ExAcquireFastMutex(&list->mutex);
    PFSRTL_PER_FILE_CONTEXT found = FindFileContext(list, OwnerId, InstanceId);
    ExReleaseFastMutex(&list->mutex);
    return found;
}

PFSRTL_PER_FILE_CONTEXT FsRtlRemovePerFileContext(PVOID *PerFileContextPointer, PVOID OwnerId, PVOID InstanceId)
{
    API_ENTER(FsRtlRemovePerFileContext, PerFileContextPointer, SCHED_WRITE);
    struct file_context_list *list = FileList(PerFileContextPointer, false);
    if (!list)
        return NULL;
    ExAcquireFastMutex(&list->mutex);
    PFSRTL_PER_FILE_CONTEXT found = FindFileContext(list, OwnerId, InstanceId);
    if (found) {
        RemoveEntryList(&found->Links);
        InitializeListHead(&found->Links);
    }
    ExReleaseFastMutex(&list->mutex);
    return found;
}

VOID FsRtlTeardownPerFileContexts(PVOID *PerFileContextPointer)
{
    API_ENTER(FsRtlTeardownPerFileContexts, PerFileContextPointer, SCHED_WRITE);
    struct file_context_list *list = FileList(PerFileContextPointer, false);
    if (!list)
        return;
    for (;;) {
        ExAcquireFastMutex(&list->mutex);
        PLIST_ENTRY link = IsListEmpty(&list->contexts) ? NULL : RemoveHeadList(&list->contexts);
        ExReleaseFastMutex(&list->mutex);
        if (!link)
            break;
        PFSRTL_PER_FILE_CONTEXT context = CONTAINING_RECORD(link, FSRTL_PER_FILE_CONTEXT, Links);
        InitializeListHead(&context->Links);
        context->FreeCallback(context);
    }
    *PerFileContextPointer = NULL;
    sim_free(list);
}
