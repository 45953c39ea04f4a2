/* Per-file-object contexts. The list hangs in the file object's extension. */
#include "oplock.h"

#include "fault/fault.h"

struct file_object_list {
    FAST_MUTEX mutex;
    LIST_ENTRY contexts; // FSRTL_PER_FILEOBJECT_CONTEXT.Links
    struct oplock_keys keys;
};

static struct file_object_list *ObjectList(PFILE_OBJECT file, bool create)
{
    struct file_object_list **place = (struct file_object_list **)&file->FileObjectExtension;
    struct file_object_list *list = __atomic_load_n(place, __ATOMIC_ACQUIRE);
    if (list || !create)
        return list;
    struct file_object_list *fresh = sim_alloc(sizeof *fresh);
    ExInitializeFastMutex(&fresh->mutex);
    InitializeListHead(&fresh->contexts);
    if (__atomic_compare_exchange_n(place, &list, fresh, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
        return fresh;
    sim_free(fresh);
    return list;
}

NTSTATUS FsRtlInsertPerFileObjectContext(PFILE_OBJECT FileObject, PFSRTL_PER_FILEOBJECT_CONTEXT Ptr)
{
    API_ENTER(FsRtlInsertPerFileObjectContext, FileObject, SCHED_WRITE);
    if (!FileObject)
        return STATUS_INVALID_PARAMETER;
    if (!ObjectList(FileObject, false) && fault_allocation())
        return STATUS_INSUFFICIENT_RESOURCES;
    struct file_object_list *list = ObjectList(FileObject, true);
    ExAcquireFastMutex(&list->mutex);
    InsertHeadList(&list->contexts, &Ptr->Links);
    ExReleaseFastMutex(&list->mutex);
    return STATUS_SUCCESS;
}

struct oplock_keys *FsRtlpOplockKeysOf(PFILE_OBJECT file)
{
    struct file_object_list *list = ObjectList(file, false);
    return list && __atomic_load_n(&list->keys.context.Version, __ATOMIC_ACQUIRE) ? &list->keys : NULL;
}

void FsRtlpSetOplockKeys(PFILE_OBJECT file, const struct oplock_keys *keys)
{
    struct file_object_list *list = ObjectList(file, true);
    list->keys.target = keys->target;
    list->keys.context.Flags = keys->context.Flags;
    list->keys.context.ParentOplockKey = keys->context.ParentOplockKey;
    list->keys.context.TargetOplockKey = keys->context.TargetOplockKey;
    __atomic_store_n(&list->keys.context.Version, keys->context.Version, __ATOMIC_RELEASE);
}

static PFSRTL_PER_FILEOBJECT_CONTEXT FindObjectContext(struct file_object_list *list, PVOID owner, PVOID instance)
{
    for (PLIST_ENTRY link = list->contexts.Flink; link != &list->contexts; link = link->Flink) {
        PFSRTL_PER_FILEOBJECT_CONTEXT found = CONTAINING_RECORD(link, FSRTL_PER_FILEOBJECT_CONTEXT, Links);
        if ((!owner || found->OwnerId == owner) && (!instance || found->InstanceId == instance))
            return found;
    }
    return NULL;
}

PFSRTL_PER_FILEOBJECT_CONTEXT FsRtlLookupPerFileObjectContext(PFILE_OBJECT FileObject, PVOID OwnerId, PVOID InstanceId)
{
    API_ENTER(FsRtlLookupPerFileObjectContext, FileObject, SCHED_READ);
    struct file_object_list *list = FileObject ? ObjectList(FileObject, false) : NULL;
    if (!list)
        return NULL;
    ExAcquireFastMutex(&list->mutex);
    PFSRTL_PER_FILEOBJECT_CONTEXT found = FindObjectContext(list, OwnerId, InstanceId);
    ExReleaseFastMutex(&list->mutex);
    return found;
}

PFSRTL_PER_FILEOBJECT_CONTEXT FsRtlRemovePerFileObjectContext(PFILE_OBJECT FileObject, PVOID OwnerId, PVOID InstanceId)
{
    API_ENTER(FsRtlRemovePerFileObjectContext, FileObject, SCHED_WRITE);
    struct file_object_list *list = FileObject ? ObjectList(FileObject, false) : NULL;
    if (!list)
        return NULL;
    ExAcquireFastMutex(&list->mutex);
    PFSRTL_PER_FILEOBJECT_CONTEXT found = FindObjectContext(list, OwnerId, InstanceId);
    if (found) {
        RemoveEntryList(&found->Links);
        InitializeListHead(&found->Links);
    }
    ExReleaseFastMutex(&list->mutex);
    return found;
}

void FsRtlpDeleteFileObjectContexts(PFILE_OBJECT file)
{
    struct file_object_list *list = ObjectList(file, false);
    if (!list)
        return;
    while (!IsListEmpty(&list->contexts))
        InitializeListHead(RemoveHeadList(&list->contexts));
    file->FileObjectExtension = NULL;
    sim_free(list);
}
