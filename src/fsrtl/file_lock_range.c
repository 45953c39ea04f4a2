/* The byte-range lock package: ranges granted and waited for. */
#include "file_lock.h"

struct lock_information {
    struct sched_lock lock;
    LIST_ENTRY granted; // file_lock_entry.link
    LIST_ENTRY waiting; // file_lock_entry.link
};

static struct lock_information *Information(PFILE_LOCK lock, bool create)
{
    struct lock_information **place = (struct lock_information **)&lock->LockInformation;
    struct lock_information *info = __atomic_load_n(place, __ATOMIC_ACQUIRE);
    if (info || !create)
        return info;
    struct lock_information *fresh = sim_alloc(sizeof *fresh);
    InitializeListHead(&fresh->granted);
    InitializeListHead(&fresh->waiting);
    if (__atomic_compare_exchange_n(place, &info, fresh, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
        return fresh;
    sim_free(fresh);
    return info;
}

static struct file_lock_entry *EntryOf(PLIST_ENTRY link)
{
    return CONTAINING_RECORD(link, struct file_lock_entry, link);
}

static bool Overlap(const FILE_LOCK_INFO *a, const FILE_LOCK_INFO *b)
{
    if (a->Length.QuadPart == 0 || b->Length.QuadPart == 0)
        return false;
    return (ULONGLONG)a->StartingByte.QuadPart <= (ULONGLONG)b->EndingByte.QuadPart &&
           (ULONGLONG)b->StartingByte.QuadPart <= (ULONGLONG)a->EndingByte.QuadPart;
}

static bool SameOwner(const FILE_LOCK_INFO *a, const FILE_LOCK_INFO *b)
{
    return a->FileObject == b->FileObject && a->ProcessId == b->ProcessId && a->Key == b->Key;
}

/* An exclusive lock tolerates nothing beside it; a shared one only exclusive locks of its own owner. */
static bool Grantable(struct lock_information *info, const FILE_LOCK_INFO *wanted)
{
    for (PLIST_ENTRY link = info->granted.Flink; link != &info->granted; link = link->Flink) {
        const FILE_LOCK_INFO *held = &EntryOf(link)->info;
        if (Overlap(held, wanted) && (wanted->ExclusiveLock || (held->ExclusiveLock && !SameOwner(held, wanted))))
            return false;
    }
    return true;
}

static void NoteQuestionable(PFILE_LOCK lock, struct lock_information *info)
{
    __atomic_store_n(&lock->FastIoIsQuestionable, !IsListEmpty(&info->granted), __ATOMIC_RELEASE);
}

static void RemoveGranted(PFILE_LOCK lock, struct lock_information *info, const FILE_LOCK_INFO *which)
{
    sched_lock(&info->lock);
    struct file_lock_entry *gone = NULL;
    for (PLIST_ENTRY link = info->granted.Blink; link != &info->granted && !gone; link = link->Blink) {
        struct file_lock_entry *entry = EntryOf(link);
        if (SameOwner(&entry->info, which) && entry->info.StartingByte.QuadPart == which->StartingByte.QuadPart &&
            entry->info.Length.QuadPart == which->Length.QuadPart)
            gone = entry;
    }
    if (gone)
        RemoveEntryList(&gone->link);
    NoteQuestionable(lock, info);
    sched_unlock(&info->lock);
    sim_free(gone);
}

/* Grants what can be granted of the waiting ones, in order, and completes it with no lock held. */
static void GrantWaiters(PFILE_LOCK lock, struct lock_information *info)
{
    for (;;) {
        struct file_lock_entry *granted = NULL;
        sched_lock(&info->lock);
        for (PLIST_ENTRY link = info->waiting.Flink; link != &info->waiting && !granted; link = link->Flink) {
            struct file_lock_entry *entry = EntryOf(link);
            if (Grantable(info, &entry->info) && entry->kind->disarm(entry))
                granted = entry;
        }
        if (!granted) {
            sched_unlock(&info->lock);
            return;
        }
        RemoveEntryList(&granted->link);
        InsertTailList(&info->granted, &granted->link);
        NoteQuestionable(lock, info);
        const struct file_lock_kind *kind = granted->kind;
        PVOID operation = granted->operation, context = granted->context;
        FILE_LOCK_INFO held = granted->info;
        sched_unlock(&info->lock);
        if (!NT_SUCCESS(kind->complete(lock, context, operation, STATUS_SUCCESS)))
            RemoveGranted(lock, info, &held);
    }
}

struct file_lock_entry *FsRtlpTakeWaiter(PFILE_LOCK lock, PVOID operation)
{
    struct lock_information *info = Information(lock, false);
    struct file_lock_entry *found = NULL;
    if (!info)
        return NULL;
    sched_lock(&info->lock);
    for (PLIST_ENTRY link = info->waiting.Flink; link != &info->waiting && !found; link = link->Flink)
        if (EntryOf(link)->operation == operation)
            found = EntryOf(link);
    if (found)
        RemoveEntryList(&found->link);
    sched_unlock(&info->lock);
    return found;
}

NTSTATUS FsRtlpLockRange(PFILE_LOCK lock, const FILE_LOCK_INFO *wanted, bool wait, const struct file_lock_kind *kind,
                         PVOID operation, PVOID context)
{
    if (wanted->Length.QuadPart != 0 &&
        (ULONGLONG)wanted->StartingByte.QuadPart + (ULONGLONG)wanted->Length.QuadPart - 1 <
            (ULONGLONG)wanted->StartingByte.QuadPart)
        return STATUS_INVALID_LOCK_RANGE;
    struct lock_information *info = Information(lock, true);
    struct file_lock_entry *entry = sim_alloc(sizeof *entry);
    *entry = (struct file_lock_entry){.info = *wanted, .operation = operation, .context = context, .kind = kind};
    entry->info.EndingByte.QuadPart = wanted->StartingByte.QuadPart + wanted->Length.QuadPart - 1;

    sched_lock(&info->lock);
    bool granted = Grantable(info, &entry->info);
    if (granted) {
        InsertTailList(&info->granted, &entry->link);
        NoteQuestionable(lock, info);
    } else if (wait && kind) {
        InsertTailList(&info->waiting, &entry->link);
    }
    sched_unlock(&info->lock);

    if (granted)
        return STATUS_SUCCESS;
    if (!wait || !kind) {
        sim_free(entry);
        return STATUS_LOCK_NOT_GRANTED;
    }
    if (!kind->arm(lock, entry)) {
        sim_free(FsRtlpTakeWaiter(lock, operation));
        return STATUS_CANCELLED;
    }
    GrantWaiters(lock, info); // what was unlocked before it could be disarmed
    return STATUS_PENDING;
}

static void TellUnlocked(PFILE_LOCK lock, PVOID context, struct file_lock_entry *entry)
{
    if (lock->UnlockRoutine)
        lock->UnlockRoutine(context, &entry->info);
    sim_free(entry);
}

NTSTATUS FsRtlpUnlockRange(PFILE_LOCK lock, const FILE_LOCK_INFO *which, PVOID context)
{
    struct lock_information *info = Information(lock, false);
    if (!info)
        return STATUS_RANGE_NOT_LOCKED;
    struct file_lock_entry *found = NULL;
    sched_lock(&info->lock);
    for (PLIST_ENTRY link = info->granted.Flink; link != &info->granted; link = link->Flink) {
        struct file_lock_entry *entry = EntryOf(link);
        if (!SameOwner(&entry->info, which) || entry->info.StartingByte.QuadPart != which->StartingByte.QuadPart ||
            entry->info.Length.QuadPart != which->Length.QuadPart)
            continue;
        found = entry; // an exclusive one goes before a shared one of the same range
        if (entry->info.ExclusiveLock)
            break;
    }
    if (found)
        RemoveEntryList(&found->link);
    NoteQuestionable(lock, info);
    sched_unlock(&info->lock);
    if (!found)
        return STATUS_RANGE_NOT_LOCKED;
    TellUnlocked(lock, context, found);
    GrantWaiters(lock, info);
    return STATUS_SUCCESS;
}

static bool Owns(const FILE_LOCK_INFO *info, PFILE_OBJECT file, PVOID process, const ULONG *key)
{
    return info->FileObject == file && info->ProcessId == process && (!key || info->Key == *key);
}

static struct file_lock_entry *TakeOwned(PFILE_LOCK lock, struct lock_information *info, PLIST_ENTRY list,
                                         PFILE_OBJECT file, PVOID process, const ULONG *key)
{
    struct file_lock_entry *found = NULL;
    sched_lock(&info->lock);
    for (PLIST_ENTRY link = list->Flink; link != list && !found; link = link->Flink) {
        struct file_lock_entry *entry = EntryOf(link);
        if (Owns(&entry->info, file, process, key) && (list == &info->granted || entry->kind->disarm(entry)))
            found = entry;
    }
    if (found)
        RemoveEntryList(&found->link);
    NoteQuestionable(lock, info);
    sched_unlock(&info->lock);
    return found;
}

NTSTATUS FsRtlpUnlockAll(PFILE_LOCK lock, PFILE_OBJECT file, PVOID process, const ULONG *key, PVOID context)
{
    struct lock_information *info = Information(lock, false);
    if (!info)
        return STATUS_RANGE_NOT_LOCKED;
    struct file_lock_entry *entry;
    NTSTATUS status = STATUS_RANGE_NOT_LOCKED;
    while ((entry = TakeOwned(lock, info, &info->granted, file, process, key))) {
        status = STATUS_SUCCESS;
        TellUnlocked(lock, context, entry);
    }
    while ((entry = TakeOwned(lock, info, &info->waiting, file, process, key))) {
        entry->kind->complete(lock, entry->context, entry->operation, STATUS_RANGE_NOT_LOCKED);
        sim_free(entry);
    }
    GrantWaiters(lock, info);
    return status;
}

bool FsRtlpRangeAllows(PFILE_LOCK lock, bool write, LONGLONG start, LONGLONG length, ULONG key, PFILE_OBJECT file,
                       PVOID process)
{
    struct lock_information *info = Information(lock, false);
    if (!info || length == 0 || !__atomic_load_n(&lock->FastIoIsQuestionable, __ATOMIC_ACQUIRE))
        return true;
    FILE_LOCK_INFO access = {.Key = key, .FileObject = file, .ProcessId = process};
    access.StartingByte.QuadPart = start;
    access.Length.QuadPart = length;
    access.EndingByte.QuadPart = start + length - 1;
    bool allowed = true;
    sched_lock(&info->lock);
    for (PLIST_ENTRY link = info->granted.Flink; link != &info->granted && allowed; link = link->Flink) {
        const FILE_LOCK_INFO *held = &EntryOf(link)->info;
        if (Overlap(held, &access) && (held->ExclusiveLock ? !SameOwner(held, &access) : write))
            allowed = false;
    }
    sched_unlock(&info->lock);
    return allowed;
}

VOID FsRtlInitializeFileLock(PFILE_LOCK FileLock, PCOMPLETE_LOCK_IRP_ROUTINE CompleteLockIrpRoutine,
                             PUNLOCK_ROUTINE UnlockRoutine)
{
    API_IRQL(FsRtlInitializeFileLock);
    *FileLock = (FILE_LOCK){.CompleteLockIrpRoutine = CompleteLockIrpRoutine, .UnlockRoutine = UnlockRoutine};
}

VOID FsRtlUninitializeFileLock(PFILE_LOCK FileLock)
{
    API_IRQL(FsRtlUninitializeFileLock);
    struct lock_information *info = Information(FileLock, false);
    if (!info)
        return;
    while (!IsListEmpty(&info->granted))
        sim_free(EntryOf(RemoveHeadList(&info->granted)));
    for (PLIST_ENTRY link; (link = info->waiting.Flink) != &info->waiting;) {
        struct file_lock_entry *entry = EntryOf(link);
        RemoveEntryList(link);
        if (entry->kind->disarm(entry))
            entry->kind->complete(FileLock, entry->context, entry->operation, STATUS_RANGE_NOT_LOCKED);
        sim_free(entry);
    }
    FileLock->LockInformation = NULL;
    FileLock->FastIoIsQuestionable = FALSE;
    sim_free(info);
}

PFILE_LOCK_INFO FsRtlGetNextFileLock(PFILE_LOCK FileLock, BOOLEAN Restart)
{
    API_IRQL(FsRtlGetNextFileLock);
    struct lock_information *info = Information(FileLock, false);
    if (!info)
        return NULL;
    PFILE_LOCK_INFO answer = NULL;
    sched_lock(&info->lock);
    PLIST_ENTRY link = info->granted.Flink;
    if (!Restart) {
        while (link != &info->granted && EntryOf(link) != FileLock->LastReturnedLock)
            link = link->Flink;
        if (link != &info->granted)
            link = link->Flink;
    }
    if (link != &info->granted) {
        FileLock->LastReturnedLock = EntryOf(link);
        FileLock->LastReturnedLockInfo = EntryOf(link)->info;
        answer = &FileLock->LastReturnedLockInfo;
    }
    sched_unlock(&info->lock);
    return answer;
}

BOOLEAN FsRtlAreThereCurrentOrInProgressFileLocks(PFILE_LOCK FileLock)
{
    API_IRQL(FsRtlAreThereCurrentOrInProgressFileLocks);
    return FileLock->FastIoIsQuestionable || FileLock->LockRequestsInProgress != 0;
}

BOOLEAN FsRtlAreThereWaitingFileLocks(PFILE_LOCK FileLock)
{
    API_IRQL(FsRtlAreThereWaitingFileLocks);
    struct lock_information *info = Information(FileLock, false);
    if (!info)
        return FALSE;
    sched_lock(&info->lock);
    BOOLEAN waiting = !IsListEmpty(&info->waiting);
    sched_unlock(&info->lock);
    return waiting;
}

BOOLEAN FsRtlCheckLockForOplockRequest(PFILE_LOCK FileLock, PLARGE_INTEGER AllocationSize)
{
    API_IRQL(FsRtlCheckLockForOplockRequest);
    if (AllocationSize->QuadPart == 0)
        return TRUE;
    if (FileLock->LockRequestsInProgress != 0 || FsRtlAreThereWaitingFileLocks(FileLock))
        return FALSE;
    return FsRtlpRangeAllows(FileLock, true, 0, AllocationSize->QuadPart, 0, NULL, NULL);
}
