/* The opportunistic lock package behind OPLOCK, for operations that are IRPs or callback data. */
#ifndef FLTSIM_FSRTL_OPLOCK_H
#define FLTSIM_FSRTL_OPLOCK_H

#include "fsrtlp.h"

enum oplock_kind { OPLOCK_LEVEL_1, OPLOCK_LEVEL_2, OPLOCK_BATCH, OPLOCK_FILTER, OPLOCK_CACHING };

/* How an operation is pended, cancelled and completed; the package itself only keeps its pointer. */
struct oplock_operations {
    /* It is pended now; a flag at most. Leaf lock held. */
    void (*mark)(PVOID operation);
    /* Arms cancelling, of a request (waiter false) or of one that waits for a break. False: it is cancelled already. */
    bool (*arm)(POPLOCK oplock, PVOID operation, bool waiter);
    /* Takes the right to complete it away from cancelling; false: cancelling has it. Leaf lock held. */
    bool (*disarm)(PVOID operation);
    /* It is about to wait: the caller's own routine, no lock held. */
    void (*pend)(PVOID operation, PVOID post, PVOID context);
    /* A request ends. `answer` is what a REQUEST_OPLOCK_OUTPUT_BUFFER is filled from; NULL: a legacy request. */
    void (*complete)(PVOID operation, NTSTATUS status, ULONG_PTR information, const REQUEST_OPLOCK_OUTPUT_BUFFER *answer);
    /* The break that it waited for is over. */
    void (*resume)(PVOID operation, NTSTATUS status, PVOID routine, PVOID context);
};

/* What an operation is, for deciding which locks it breaks. */
struct oplock_check {
    UCHAR major;
    PFILE_OBJECT file;
    ACCESS_MASK access;                /* creates */
    ULONG disposition, options;        /* creates */
    FILE_INFORMATION_CLASS information; /* IRP_MJ_SET_INFORMATION */
    ULONG control;                     /* IRP_MJ_FILE_SYSTEM_CONTROL */
    bool break_all, break_handle;      /* FsRtlOplockBreakToNone, FsRtlOplockBreakH */
    PECP_LIST ecps;                    /* creates */
    bool ignore_keys;                  /* of flags */
};

struct oplock_waiter {
    const struct oplock_operations *operations; /* NULL: the caller itself waits */
    PVOID operation;
    PVOID routine; /* called when it may go on */
    PVOID context;
    PVOID post; /* called before it is pended; may be NULL */
};

void FsRtlpOplockInitialize(POPLOCK oplock);
void FsRtlpOplockUninitialize(POPLOCK oplock);
/* STATUS_PENDING: granted, the request is kept. `count`: open handles, or for level 2 byte-range locks. */
NTSTATUS FsRtlpOplockRequest(POPLOCK oplock, enum oplock_kind kind, ULONG level, PFILE_OBJECT file, ULONG count,
                             bool keys_match, const struct oplock_operations *operations, PVOID operation);
/* The owner's answer to a break. level: what it keeps (OPLOCK_LEVEL_CACHE_*; a legacy lock keeps level 2 or, 0, none).
 * STATUS_PENDING: it keeps a lock, for which this request stands. STATUS_INVALID_OPLOCK_PROTOCOL: no break to answer. */
NTSTATUS FsRtlpOplockAcknowledge(POPLOCK oplock, PFILE_OBJECT file, ULONG level, bool close_pending,
                                 const struct oplock_operations *operations, PVOID operation);
/* Breaks what the operation breaks. STATUS_SUCCESS: go on; STATUS_PENDING: waits as `waiter` says;
 * STATUS_OPLOCK_BREAK_IN_PROGRESS: it did not want to wait; STATUS_CANCELLED. */
NTSTATUS FsRtlpOplockCheck(POPLOCK oplock, const struct oplock_check *check, ULONG flags,
                           const struct oplock_waiter *waiter);
/* STATUS_SUCCESS when no break is under way, else waits for its end. */
NTSTATUS FsRtlpOplockNotify(POPLOCK oplock, const struct oplock_waiter *waiter);
/* Cancelling found the operation: a request leaves its lock, a waiter stops waiting. */
void FsRtlpOplockCancel(POPLOCK oplock, PVOID operation);

/* oplock_key.c: the create brings keys, or not; the first ones stay. */
void FsRtlpAttachOplockKeys(PECP_LIST ecps, PFILE_OBJECT file);
/* The same file object, or two with the same target key. */
bool FsRtlpIsOneOwner(PFILE_OBJECT one, PFILE_OBJECT other);
struct oplock_keys {
    OPLOCK_KEY_CONTEXT context;
    OPLOCK_KEY_ECP_CONTEXT target; // what Windows 7 gave
};
/* file_object_context.c: kept as long as the file object. */
struct oplock_keys *FsRtlpOplockKeysOf(PFILE_OBJECT file);
void FsRtlpSetOplockKeys(PFILE_OBJECT file, const struct oplock_keys *keys);

bool FsRtlpOplockHas(POPLOCK oplock, bool batch, bool handle);
bool FsRtlpOplockFastIo(POPLOCK oplock);

#endif
