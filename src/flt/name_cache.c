/* The names of open files, a cache for each volume. A rename anywhere on the volume makes all of them stale at once:
 * directories above a file may have been renamed, too. */
#include "name.h"

enum { BUCKETS = 64 };

struct cached {
    LIST_ENTRY Link; /* bucket.Entries */
    PFILE_OBJECT File;
    PFLT_INSTANCE Instance;
    ULONG Format;
    LONG64 Generation;
    PFLTP_NAME Name;
};

struct _FLTP_NAME_CACHE {
    volatile LONG64 Generation;
    struct bucket {
        struct sched_lock Lock;
        LIST_ENTRY Entries; /* cached.Link */
        char Apart[64 - sizeof(struct sched_lock) - sizeof(LIST_ENTRY)];
    } Buckets[BUCKETS];
};

static struct _FLTP_NAME_CACHE *Cache(PFLT_VOLUME volume, bool create)
{
    struct _FLTP_NAME_CACHE *cache = __atomic_load_n(&volume->Names, __ATOMIC_ACQUIRE);
    if (cache || !create)
        return cache;
    struct _FLTP_NAME_CACHE *fresh = sim_alloc(sizeof *fresh);
    for (unsigned i = 0; i < BUCKETS; i++)
        InitializeListHead(&fresh->Buckets[i].Entries);
    if (__atomic_compare_exchange_n(&volume->Names, &cache, fresh, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
        return fresh;
    sim_free(fresh);
    return cache;
}

static struct bucket *BucketOf(struct _FLTP_NAME_CACHE *cache, PFILE_OBJECT file)
{
    uintptr_t hash = (uintptr_t)file >> 5;
    return &cache->Buckets[(hash ^ (hash >> 7)) % BUCKETS];
}

static void FreeEntry(struct cached *entry)
{
    FltpDereferenceName(entry->Name);
    sim_free(entry);
}

LONG64 FltpNameGeneration(PFLT_VOLUME Volume)
{
    struct _FLTP_NAME_CACHE *cache = Cache(Volume, false);
    return cache ? __atomic_load_n(&cache->Generation, __ATOMIC_ACQUIRE) : 0;
}

PFLTP_NAME FltpFindCachedName(PFLTP_NAME_REQUEST Request)
{
    struct _FLTP_NAME_CACHE *cache = Cache(Request->Volume, false);
    if (!cache)
        return NULL;
    struct bucket *bucket = BucketOf(cache, Request->File);
    LONG64 generation = __atomic_load_n(&cache->Generation, __ATOMIC_ACQUIRE);
    PFLTP_NAME found = NULL;
    struct cached *stale = NULL;
    sched_lock(&bucket->Lock);
    for (PLIST_ENTRY link = bucket->Entries.Flink; link != &bucket->Entries; link = link->Flink) {
        struct cached *entry = CONTAINING_RECORD(link, struct cached, Link);
        if (entry->File != Request->File || entry->Instance != Request->Instance || entry->Format != Request->Format)
            continue;
        if (entry->Generation == generation) {
            found = entry->Name;
            FltpReferenceName(found);
        } else {
            stale = entry;
            RemoveEntryList(link);
        }
        break;
    }
    sched_unlock(&bucket->Lock);
    if (stale)
        FreeEntry(stale);
    return found;
}

void FltpCacheName(PFLTP_NAME_REQUEST Request, PFLTP_NAME Name)
{
    struct _FLTP_NAME_CACHE *cache = Cache(Request->Volume, true);
    struct bucket *bucket = BucketOf(cache, Request->File);
    struct cached *entry = sim_alloc(sizeof *entry);
    FltpReferenceName(Name);
    *entry = (struct cached){.File = Request->File,
                             .Instance = Request->Instance,
                             .Format = Request->Format,
                             .Generation = Request->Generation,
                             .Name = Name};
    sched_lock(&bucket->Lock);
    InsertHeadList(&bucket->Entries, &entry->Link);
    sched_unlock(&bucket->Lock);
}

static void ForgetIn(struct bucket *bucket, PFILE_OBJECT file, PFLT_INSTANCE instance)
{
    LIST_ENTRY gone;
    InitializeListHead(&gone);
    sched_lock(&bucket->Lock);
    for (PLIST_ENTRY link = bucket->Entries.Flink; link != &bucket->Entries;) {
        struct cached *entry = CONTAINING_RECORD(link, struct cached, Link);
        link = link->Flink;
        if ((file && entry->File != file) || (instance && entry->Instance != instance))
            continue;
        RemoveEntryList(&entry->Link);
        InsertTailList(&gone, &entry->Link);
    }
    sched_unlock(&bucket->Lock);
    while (!IsListEmpty(&gone))
        FreeEntry(CONTAINING_RECORD(RemoveHeadList(&gone), struct cached, Link));
}

void FltpForgetFileNames(PFLT_VOLUME Volume, PFILE_OBJECT FileObject, PFLT_INSTANCE Instance)
{
    struct _FLTP_NAME_CACHE *cache = Cache(Volume, false);
    if (!cache)
        return;
    if (FileObject) {
        ForgetIn(BucketOf(cache, FileObject), FileObject, Instance);
        return;
    }
    for (unsigned i = 0; i < BUCKETS; i++)
        ForgetIn(&cache->Buckets[i], NULL, Instance);
}

void FltpForgetVolumeNames(PFLT_VOLUME Volume)
{
    FltpForgetFileNames(Volume, NULL, NULL);
    sim_free(Volume->Names);
    Volume->Names = NULL;
}

bool FltpControlChangesNames(ULONG ControlCode)
{
    return ControlCode == FSCTL_SET_REPARSE_POINT || ControlCode == FSCTL_DELETE_REPARSE_POINT;
}

bool FltpSetChangesNames(FILE_INFORMATION_CLASS Class)
{
    switch ((int)Class) {
    case FileRenameInformation:
    case FileRenameInformationEx:
    case FileRenameInformationBypassAccessCheck:
    case FileRenameInformationExBypassAccessCheck:
    case FileLinkInformation:
    case FileLinkInformationEx:
    case FileLinkInformationBypassAccessCheck:
    case FileLinkInformationExBypassAccessCheck:
    case FileShortNameInformation:
    case FileDispositionInformation:
    case FileDispositionInformationEx:
        return true;
    default:
        return false;
    }
}

static bool ChangesNames(PFLT_IO_PARAMETER_BLOCK iopb)
{
    switch (iopb->MajorFunction) {
    case IRP_MJ_SET_INFORMATION:
        return FltpSetChangesNames(iopb->Parameters.SetFileInformation.FileInformationClass);
    case IRP_MJ_FILE_SYSTEM_CONTROL:
        return iopb->MinorFunction == IRP_MN_USER_FS_REQUEST &&
               FltpControlChangesNames(iopb->Parameters.FileSystemControl.Common.FsControlCode);
    default:
        return false;
    }
}

void FltpNamesChanged(PIRP_CTRL Op)
{
    if (!ChangesNames(Op->Data.Iopb))
        return;
    struct _FLTP_NAME_CACHE *cache = Cache(Op->Volume, true);
    if (cache)
        __atomic_add_fetch(&cache->Generation, 1, __ATOMIC_ACQ_REL);
}

NTSTATUS FltPurgeFileNameInformationCache(PFLT_INSTANCE Instance, PFILE_OBJECT FileObject)
{
    API_ENTER(FltPurgeFileNameInformationCache, Instance, SCHED_WRITE);
    FltpForgetFileNames(Instance->Volume, FileObject, NULL);
    return STATUS_SUCCESS;
}
