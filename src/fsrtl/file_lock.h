/* The byte-range lock package behind FILE_LOCK, for requests that are IRPs or callback data. */
#ifndef FLTSIM_FSRTL_FILE_LOCK_H
#define FLTSIM_FSRTL_FILE_LOCK_H

#include "fsrtlp.h"

/* One lock, granted or waited for. */
struct file_lock_entry {
    LIST_ENTRY link; // lock_information.granted or .waiting
    FILE_LOCK_INFO info;
    PVOID operation; // waiting: the IRP or callback data
    PVOID context;
    const struct file_lock_kind *kind;
};

/* How an operation that waits for a lock is told apart, cancelled and completed. */
struct file_lock_kind {
    /* Arms cancelling: false when it was cancelled already (the entry is then taken back and completed by the
     * caller). Called with no lock held, the entry on the waiting list. */
    bool (*arm)(PFILE_LOCK lock, struct file_lock_entry *entry);
    /* Takes the right to complete it away from cancelling: false when cancelling has it. Leaf lock held. */
    bool (*disarm)(struct file_lock_entry *entry);
    /* Completes it; a failure of a granted one takes the lock back. */
    NTSTATUS (*complete)(PFILE_LOCK lock, PVOID context, PVOID operation, NTSTATUS status);
};

/* STATUS_SUCCESS, STATUS_PENDING (it waits as `operation`), STATUS_LOCK_NOT_GRANTED, STATUS_INVALID_LOCK_RANGE,
 * STATUS_CANCELLED. kind NULL: never waits. Completes nothing itself except what waited. */
NTSTATUS FsRtlpLockRange(PFILE_LOCK lock, const FILE_LOCK_INFO *info, bool wait, const struct file_lock_kind *kind,
                         PVOID operation, PVOID context);
NTSTATUS FsRtlpUnlockRange(PFILE_LOCK lock, const FILE_LOCK_INFO *which, PVOID context);
/* All of that file object and process, by key where `key` is given. */
NTSTATUS FsRtlpUnlockAll(PFILE_LOCK lock, PFILE_OBJECT file, PVOID process, const ULONG *key, PVOID context);
/* The waiting entry of that operation leaves the list; NULL: it is not there (any more). The caller frees it. */
struct file_lock_entry *FsRtlpTakeWaiter(PFILE_LOCK lock, PVOID operation);
bool FsRtlpRangeAllows(PFILE_LOCK lock, bool write, LONGLONG start, LONGLONG length, ULONG key, PFILE_OBJECT file,
                       PVOID process);

#endif
