/* The in-memory file system driver: what its files share.
 *
 * A disk holds a store: the tree of nodes (file records) with their names (links) and data streams.
 * It outlives mounts. A mounted volume is a device; each stream, directory and volume that was ever
 * opened has a stream control block, to which FILE_OBJECT.FsContext points; FsContext2 is the
 * open's own context block.
 *
 * Lifetimes:
 * 1. A node lives while it has a name, a control block or a holder. Its data goes with it.
 * 2. A control block stays when its last file object is closed, and a reopen finds it again (with
 * its filter contexts). It goes when its stream was deleted, its volume is trimmed or dismounted:
 * then its contexts are torn down.
 * 3. A volume that is dismounted with files open answers STATUS_VOLUME_DISMOUNTED; its device goes
 * with the last file.
 *
 * Locks, in the order they are taken: a control block's main resource, its paging resource,
 * volume.tree (names of the whole tree; exclusive: a rename, a deletion), the store's clusters_lock,
 * node.lock (two: by address), then volume.lock. The data of a stream has a lock of its own; that,
 * the store's journal_lock and, behind it, ids_lock are the last of all. */
#ifndef FLTSIM_MEMFS_MEMFS_H
#define FLTSIM_MEMFS_MEMFS_H

#include <ntifs.h>

#include "memfs/disk.h"
#include "sim/hash.h"
#include "sim/machine.h"
#include "trace/trace.h"

#include <stdbool.h>

enum {
    MEMFS_PAGE = 4096,
    MEMFS_SECTOR = 512,
    MEMFS_CLUSTER = 4096,
    MEMFS_MAX_NAME = 255,
    MEMFS_SHORT = 12
};
enum { MEMFS_TAG = 'sfmM' };

struct memfs_store;
struct memfs_journal;
struct memfs_readers;
struct memfs_volume;
struct memfs_scb;
struct memfs_node;

/* -- what is on the disk ----------------------------------------------------------------------- */

struct memfs_stream {
    struct memfs_stream *next; /* memfs_node.streams; the unnamed one of a file comes first */
    struct memfs_node *node;
    struct memfs_scb *scb;           /* cached or open, or NULL; under node.lock. Of the last mount that
                                        looked: one that is over may have files open still */
    LONGLONG size, allocated, valid; /* as of the last time nobody had it open */
    LONGLONG charged;                /* of memfs_store.used; sparse: the pages that are there, under lock */
    FAST_MUTEX lock;                 /* pages */
    PVOID pages;                     /* data.c: a tree of them; NULL: zeros only */
    UCHAR height;                    /* of that tree */
    ULONG scbs; /* control blocks of it, those of mounts that are over, too */
    struct memfs_extent *extents; /* clusters.c, under memfs_store.clusters_lock: as of when somebody last asked */
    ULONG extent_count;
    bool sparse, compressed, removed, delete_pending;
    USHORT name_length; /* bytes */
    WCHAR *name;
};

struct memfs_link {
    struct memfs_link *next;   /* memfs_node.links */
    struct memfs_node *parent; /* referenced; NULL: the root's own */
    struct memfs_node *node;   /* referenced while not removed */
    volatile LONG references;  /* one while in the tree */
    volatile LONG handles;     /* opens through this name, until cleanup */
    ULONG sequence;            /* FAT: the order of a directory */
    bool removed, delete_pending, short_only;
    USHORT name_length;  /* bytes */
    USHORT short_length; /* bytes; 0: none */
    WCHAR short_name[MEMFS_SHORT];
    WCHAR *name, *upcased;
};

struct memfs_node {
    volatile LONG references;
    struct memfs_store *store;
    LONGLONG id;
    UT_hash_handle by_id; /* memfs_store.ids */
    bool published;       /* is in there */
    EX_PUSH_LOCK lock;          /* everything below */
    ULONG attributes;
    LONGLONG created, accessed, written, changed;
    volatile LONG64 revision; /* counts writes and changes of size */
    USN usn;                  /* of its last change record; journal_lock */
    ULONG usn_reasons;        /* noted since it was last closed */
    struct memfs_link *links;
    volatile LONG link_count;
    struct memfs_stream *streams;
    struct memfs_link **children; /* of a directory, by upcased name */
    ULONG child_count, child_capacity;
    struct memfs_link **shorts; /* those of the children that have a short name, by that */
    ULONG short_count, short_capacity;
    struct memfs_scb *directory; /* its control block as a directory */
    PVOID file_contexts;         /* FSRTL_ADVANCED_FCB_HEADER.FileContextSupportPointer */
    LONG scbs;
    PREPARSE_DATA_BUFFER reparse;
    ULONG reparse_length;
    UCHAR *ea; /* FILE_FULL_EA_INFORMATION list, packed */
    ULONG ea_length;
    PVOID security;
    ULONG security_length;
    bool has_object_id; /* under memfs_store.ids_lock */
    FILE_OBJECTID_BUFFER object_id;
};

struct memfs_store {
    volatile LONG references;
    struct fltsim_volume_options options;
    bool ntfs; /* NTFS-like; CSVFS is */
    volatile LONG64 cluster_state; /* CSVFS: counts what makes the cluster forget what it knew of files */
    LONG number; /* of the disk, from 0 */
    ULONG serial;
    USHORT label_length;
    WCHAR label[MAXIMUM_VOLUME_LABEL_LENGTH / sizeof(WCHAR)];
    LONGLONG size, created;
    volatile LONG64 used; /* bytes in allocated clusters */
    volatile LONG64 next_id;
    volatile LONG next_sequence;
    struct memfs_node *root;
    FAST_MUTEX ids_lock;
    struct memfs_node *ids; /* every published node */
    EX_PUSH_LOCK clusters_lock; /* where streams lie; before node.lock */
    bool has_object_id, dirty;
    ULONG state; /* PERSISTENT_VOLUME_STATE_... */
    GUID object_id;
    struct memfs_completions
        *completions; /* disk.c: the thread that completes transfers, or NULL */
    PDEVICE_OBJECT disk;
    FAST_MUTEX journal_lock; /* what follows; the last of all but ids_lock */
    struct memfs_journal *journal; /* NULL: no changes are recorded */
    ULONGLONG last_journal;        /* its number */
    struct memfs_readers *readers; /* journal_wait.c */
    FAST_MUTEX tokens_lock; /* what follows */
    LIST_ENTRY tokens;      /* offload.c */
    ULONGLONG last_token;
    volatile LONG disk_reads[2], disk_writes[2]; /* how many, bytes */
    FAST_MUTEX quota_lock; /* what follows */
    FILE_FS_CONTROL_INFORMATION quota; /* defaults, and flags that are kept */
    struct memfs_quota *quotas;
    ULONG quota_count;
};

/* -- what is open ------------------------------------------------------------------------------ */

enum memfs_kind { MEMFS_STREAM = 0x0705, MEMFS_DIRECTORY, MEMFS_VOLUME };

struct memfs_scb {
    FSRTL_ADVANCED_FCB_HEADER header;
    SECTION_OBJECT_POINTERS sections;
    ERESOURCE main, paging;
    FAST_MUTEX header_mutex;
    struct memfs_volume *volume;
    struct memfs_node *node;     /* referenced; NULL: the volume */
    struct memfs_stream *stream; /* NULL: a directory, the volume */
    SHARE_ACCESS share;
    PFILE_LOCK locks;         /* made at the first lock */
    LIST_ENTRY opens;         /* memfs_ccb.open of each handle; main resource exclusive */
    volatile LONG references; /* file objects not closed yet, and holders */
    volatile LONG handles;    /* file objects not cleaned up yet */
    volatile LONG uncached;   /* of these: opened without buffering */
    volatile LONG guarded;    /* of these: MARK_HANDLE_PROTECT_CLUSTERS */
    volatile LONG scanned;    /* FSCTL_SET_PURGE_FAILURE_MODE */
    bool paging_file;
    bool bypass_paused; /* FS_BPIO_OP_STREAM_PAUSE */
    bool mapped_write; /* pages of a view came; its handles have not told the journal yet */
    LIST_ENTRY link; /* memfs_volume.scbs */
};

enum memfs_ccb_flags {
    MEMFS_CCB_DELETE_ON_CLOSE = 1,
    MEMFS_CCB_POSIX_DELETE = 2,
    MEMFS_CCB_BY_ID = 4,
    MEMFS_CCB_SHORT_NAME = 8,  /* the last component was opened by its short name */
    MEMFS_CCB_USER_TIMES = 16, /* the handle set the write time: do not update it */
    MEMFS_CCB_STARTED = 32,    /* enumeration */
    MEMFS_CCB_DIRECT = 64,     /* FSCTL_ALLOW_EXTENDED_DASD_IO */
    MEMFS_CCB_NO_TIMES = 128,
    MEMFS_CCB_IGNORE_CASE = 256,
    MEMFS_CCB_PREPARED_STREAM = 512,
    MEMFS_CCB_GUARDS = 1024, /* counted in memfs_scb.guarded */
    MEMFS_CCB_BYPASS = 2048, /* counted in its stream's header and its volume's bypassing */
};

struct memfs_ccb {
    struct memfs_link *link; /* referenced; NULL: the volume */
    ULONG flags;
    ACCESS_MASK access;
    UNICODE_STRING pattern; /* upcased; of the enumeration */
    UNICODE_STRING watched; /* pool: the folder's path when it was first watched */
    LONG position;          /* 0: ".", 1: "..", 2: after the name (or sequence) below */
    WCHAR *last;            /* upcased name that the enumeration gave last */
    USHORT last_length;
    WCHAR *last_exact;
    ULONG last_sequence;
    ULONG ea_index, quota_index;
    ULONG usn_source;   /* FSCTL_MARK_HANDLE */
    volatile LONG scans; /* of memfs_scb.scanned */
    LONGLONG sid_index; /* FSCTL_FIND_FILES_BY_SID: the file that was looked at last */
    PFILE_OBJECT file;
    LIST_ENTRY open; /* memfs_scb.opens */
};

struct memfs_volume { /* extension of the volume's device */
    ULONG kind;       /* as memfs_control's: MEMFS_VOLUME_DEVICE */
    PDEVICE_OBJECT device, disk;
    PVPB vpb;
    PVPB spare; /* the disk's, once the volume is off it: a dismount must not fail */
    struct memfs_store *store; /* referenced */
    ERESOURCE tree;
    FAST_MUTEX lock;        /* scbs, state */
    LIST_ENTRY scbs;        /* memfs_scb.link */
    struct memfs_scb *self; /* opens of the volume itself */
    PNOTIFY_SYNC notify;
    LIST_ENTRY watchers; /* of FsRtlNotify */
    TUNNEL tunnel;
    PFILE_OBJECT locked_by; /* FSCTL_LOCK_VOLUME; changed by compare-and-swap */
    bool dismounting, dismounted, deleting;
    bool bypass_paused;       /* FS_BPIO_OP_VOLUME_STACK_PAUSE */
    volatile LONG bypassing;  /* handles with bypass I/O */
    KEVENT gone; /* the dismount is over */
    volatile LONG references; /* of one who works on it outside of a request */
    WORK_QUEUE_ITEM work;
    LIST_ENTRY link; /* memfs_state.volumes */
};

struct memfs_control { /* extension of "\Ntfs", "\Fat", "\CsvFs" and of the disks */
    ULONG kind;
    enum fltsim_volume_kind holds;
    struct memfs_store *store; /* a disk's */
};
enum { MEMFS_CONTROL_DEVICE = 'ctrl', MEMFS_DISK_DEVICE = 'disk', MEMFS_VOLUME_DEVICE = 'vol ' };

struct memfs_state {
    PDRIVER_OBJECT drivers[3]; /* by enum fltsim_volume_kind; CSVFS: loaded with its first volume */
    PDRIVER_OBJECT disk_driver;
    volatile LONG csvfs; /* 0: not loaded, 1: somebody loads it, 2: loaded */
    PDEVICE_OBJECT control[3];
    FAST_MUTEX lock;
    LIST_ENTRY volumes; /* memfs_volume.link */
    volatile LONG volume_count;
    volatile LONG deletions; /* of volumes, queued to a worker thread */
    volatile LONG disks;     /* numbers given out */
    FAST_IO_DISPATCH fast_io, no_fast_io;
};
extern struct memfs_state *memfs;

/* -- little things ----------------------------------------------------------------------------- */

static inline LONGLONG MemfsLoad(const LARGE_INTEGER *size)
{
    return __atomic_load_n(&size->QuadPart, __ATOMIC_RELAXED);
}
static inline void MemfsStore(LARGE_INTEGER *size, LONGLONG value)
{
    __atomic_store_n(&size->QuadPart, value, __ATOMIC_RELAXED);
}
/* For sizes that several threads push forward. */
static inline void MemfsRaise(LARGE_INTEGER *size, LONGLONG value)
{
    LONGLONG now = MemfsLoad(size);
    while (now < value && !__atomic_compare_exchange_n(&size->QuadPart, &now, value, true,
                                                       __ATOMIC_RELAXED, __ATOMIC_RELAXED))
        ;
}
static inline void MemfsMark(PFILE_OBJECT file, ULONG flags)
{
    if ((__atomic_load_n(&file->Flags, __ATOMIC_RELAXED) & flags) != flags)
        __atomic_or_fetch(&file->Flags, flags, __ATOMIC_RELAXED);
}
/* Counts and flags that are looked at without the lock they change under. */
static inline LONG MemfsCount(const volatile LONG *count)
{
    return __atomic_load_n(count, __ATOMIC_ACQUIRE);
}
static inline bool MemfsIs(const bool *flag)
{
    return __atomic_load_n(flag, __ATOMIC_ACQUIRE);
}
static inline void MemfsSetIs(bool *flag, bool value)
{
    __atomic_store_n(flag, value, __ATOMIC_RELEASE);
}
static inline LONGLONG MemfsNow(void)
{
    LARGE_INTEGER now;
    KeQuerySystemTime(&now);
    return now.QuadPart;
}
static inline LONGLONG MemfsTime(const LONGLONG *time)
{
    return __atomic_load_n(time, __ATOMIC_RELAXED);
}
static inline void MemfsSetTime(LONGLONG *time, LONGLONG value)
{
    __atomic_store_n(time, value, __ATOMIC_RELAXED);
}
static inline LONGLONG MemfsRound(LONGLONG size)
{
    return (size + MEMFS_CLUSTER - 1) & ~(LONGLONG)(MEMFS_CLUSTER - 1);
}
static inline ULONG MemfsBits(const struct memfs_node *node)
{
    return __atomic_load_n(&node->attributes, __ATOMIC_RELAXED);
}
static inline void MemfsSetBits(struct memfs_node *node, ULONG attributes)
{
    __atomic_store_n(&node->attributes, attributes, __ATOMIC_RELAXED);
}
static inline bool MemfsIsDirectory(const struct memfs_node *node)
{
    return (MemfsBits(node) & FILE_ATTRIBUTE_DIRECTORY) != 0;
}
static inline void MemfsLockNode(struct memfs_node *node)
{
    ExAcquirePushLockExclusive(&node->lock);
}
static inline void MemfsUnlockNode(struct memfs_node *node)
{
    ExReleasePushLockExclusive(&node->lock);
}
static inline void MemfsShareNode(struct memfs_node *node)
{
    ExAcquirePushLockShared(&node->lock);
}
static inline void MemfsUnshareNode(struct memfs_node *node)
{
    ExReleasePushLockShared(&node->lock);
}
static inline struct memfs_scb *MemfsScbOf(PFILE_OBJECT file)
{
    return file->FsContext;
}
static inline struct memfs_ccb *MemfsCcbOf(PFILE_OBJECT file)
{
    return file->FsContext2;
}
/* Cached or mapped as data. */
static inline bool MemfsHasPages(struct memfs_scb *scb)
{
    return __atomic_load_n(&scb->sections.DataSectionObject, __ATOMIC_ACQUIRE) != NULL;
}
static inline bool MemfsIsReadOnly(const struct memfs_volume *volume)
{
    return volume->store->options.read_only;
}
WCHAR MemfsUpcaseSlow(WCHAR unit);
static inline WCHAR MemfsUpcase(WCHAR unit)
{
    if (unit < 0x80)
        return unit >= 'a' && unit <= 'z' ? (WCHAR)(unit - 32) : unit;
    return MemfsUpcaseSlow(unit);
}
/* A copy (sim_free). */
WCHAR *MemfsCopyText(const WCHAR *text, USHORT bytes);

/* bypass.c, main resource exclusive. Tells the I/O manager which of the stream's handles may bypass now. */
void MemfsRefreshBypass(struct memfs_scb *scb);
void MemfsEndBypass(struct memfs_scb *scb, struct memfs_ccb *ccb);

NTSTATUS MemfsComplete(PIRP irp, NTSTATUS status, ULONG_PTR information);
/* The buffer of a request, whichever way it came. */
PVOID MemfsBuffer(PIRP irp);

/* -- node.c: the tree -------------------------------------------------------------------------- */

struct memfs_node *MemfsCreateNode(struct memfs_store *store, ULONG attributes);
void MemfsPublishNode(struct memfs_node *node); /* complete: found by id and by whoever walks the volume from now on */
void MemfsReferenceNode(struct memfs_node *node);
void MemfsReleaseNode(struct memfs_node *node);
struct memfs_node *MemfsFindId(struct memfs_store *store, LONGLONG id); /* referenced, or NULL */
struct memfs_node *MemfsFindObjectId(struct memfs_store *store, const GUID *id);
/* Every file, each referenced, in an array (sim_free). How many. */
ULONG MemfsAllNodes(struct memfs_store *store, struct memfs_node ***nodes);
void MemfsReferenceLink(struct memfs_link *link);
void MemfsReleaseLink(struct memfs_link *link);
struct memfs_link *MemfsFirstLink(struct memfs_node *node); /* referenced, or NULL */
/* directory->lock held. The child of that name; *by_short: it is the short name that matched. Not
 * referenced. */
struct memfs_link *MemfsLookup(struct memfs_node *directory, const UNICODE_STRING *name,
                               bool case_sensitive, bool *by_short);
/* directory->lock held. Gives the node one more name there: one reference is the tree's, the result
 * is not referenced. STATUS_OBJECT_NAME_COLLISION. */
NTSTATUS MemfsInsertLink(struct memfs_node *directory, struct memfs_node *node,
                         const UNICODE_STRING *name, struct memfs_link **link);
/* parent's and node's locks are taken. Takes the name away for good. */
void MemfsRemoveLink(struct memfs_link *link);
/* volume.tree exclusive: moves a name. */
NTSTATUS MemfsMoveLink(struct memfs_link *link, struct memfs_node *target,
                       const UNICODE_STRING *name);
/* The path of a name, with a first backslash: pool (MEMFS_TAG). volume.tree held. */
NTSTATUS MemfsPathOf(struct memfs_link *link, const struct memfs_stream *stream, bool last_short,
                     PUNICODE_STRING path);
/* Index of the first child whose upcased name is above (or, at_or: at or above) the one given. */
ULONG MemfsChildAfter(struct memfs_node *directory, const WCHAR *upcased, USHORT length,
                      const WCHAR *exact);
bool MemfsIsLegalName(const UNICODE_STRING *name, bool ntfs, bool wild);
int MemfsCompareText(const WCHAR *a, USHORT a_bytes, const WCHAR *b, USHORT b_bytes);

/* -- shortname.c: directory->lock held -------------------------------------------------------------- */

bool MemfsIs8Dot3(const UNICODE_STRING *name);
/* The short name in capitals. Not referenced. */
struct memfs_link *MemfsFindShort(struct memfs_node *directory, const WCHAR *upcased, USHORT bytes);
/* Gives a link that is not in the directory yet one that no other has. */
void MemfsMakeShortName(struct memfs_node *directory, struct memfs_link *link);
/* Into the directory's index, and out of it, when it has one. */
void MemfsPutShort(struct memfs_node *directory, struct memfs_link *link);
void MemfsTakeShort(struct memfs_node *directory, const struct memfs_link *link);

/* -- data.c: the bytes of streams ---------------------------------------------------------------- */

NTSTATUS MemfsReadData(struct memfs_stream *stream, LONGLONG offset, PVOID buffer, ULONG length);
/* STATUS_DISK_FULL: there was no room for a hole. */
NTSTATUS MemfsWriteData(struct memfs_stream *stream, LONGLONG offset, const VOID *buffer,
                        ULONG length);
void MemfsZeroRange(struct memfs_stream *stream, LONGLONG offset, LONGLONG end);
/* Bytes that hold data now (for sparse files). */
LONGLONG MemfsDataBytes(struct memfs_stream *stream);
LONGLONG MemfsCountBytes(const struct memfs_stream *stream); /* stream->lock held */
/* Where data begins that is at or after `offset`, and where it ends; -1: there is none. Multiples of MEMFS_PAGE. */
LONGLONG MemfsNextData(struct memfs_stream *stream, LONGLONG offset, LONGLONG *end);
/* A sparse stream that is about to be written there: the pages that are missing are taken. STATUS_DISK_FULL. */
NTSTATUS MemfsFillHoles(struct memfs_stream *stream, LONGLONG offset, LONGLONG end);
/* All of it. */
void MemfsFreeData(struct memfs_stream *stream);

/* -- stream.c: streams, control blocks ------------------------------------------------------------ */

struct memfs_stream *MemfsCreateStream(struct memfs_node *node, const UNICODE_STRING *name);
/* node->lock held. name NULL or empty: the unnamed one. */
struct memfs_stream *MemfsFindStream(struct memfs_node *node, const UNICODE_STRING *name);
/* Takes a stream's data away (its memory goes when nobody has it open). */
void MemfsDiscardStream(struct memfs_stream *stream);
void MemfsFreeStream(struct memfs_stream *stream);
/* node->lock held. Nobody finds the stream by name any more; it goes with its last control block (MemfsDropDead). */
void MemfsRemoveStream(struct memfs_stream *stream);
/* stream->lock held. A sparse stream gets, or loses, pages; false: the disk is full. */
bool MemfsChargePages(struct memfs_stream *stream, LONG pages);
/* Main resource exclusive. STATUS_DISK_FULL: there is no room for what was a hole. */
NTSTATUS MemfsMakeSparse(struct memfs_scb *scb, bool sparse);

/* The control block of a stream (NULL: of the node as a directory), with one more reference. */
struct memfs_scb *MemfsGetScb(struct memfs_volume *volume, struct memfs_node *node,
                              struct memfs_stream *stream);
void MemfsReferenceScb(struct memfs_scb *scb);
/* The last one off a deleted or dismounted stream takes it apart. */
void MemfsReleaseScb(struct memfs_scb *scb);
/* Has somebody a handle of it, on a volume that is mounted? */
bool MemfsIsOpen(struct memfs_scb *scb);
/* Main resource exclusive: sets the sizes, accounts for the clusters. STATUS_DISK_FULL. */
NTSTATUS MemfsSetAllocation(struct memfs_scb *scb, LONGLONG allocation);
NTSTATUS MemfsSetFileSize(struct memfs_scb *scb, LONGLONG size);
/* scanned.c. A close ends what its handle's scans left. */
void MemfsScansEnd(struct memfs_scb *scb, struct memfs_ccb *ccb);
/* The status of what a section keeps from being done. */
bool MemfsIsScanned(struct memfs_scb *scb);
NTSTATUS MemfsInUse(struct memfs_scb *scb);
void MemfsTellCache(struct memfs_scb *scb, PFILE_OBJECT file);
/* Every control block (idle_only: of streams that no handle has open) in turn; with `flag` the idle
 * ones go after. */
void MemfsEachScb(struct memfs_volume *volume, bool idle_only,
                  void (*visit)(struct memfs_scb *scb, bool flag), bool flag);
/* A file or a stream of it lost its name: what is only cached of it on the volume goes, data and control blocks. Those of
 * a mount that is over go with that mount: whoever holds one of them last has to look after its volume. */
void MemfsDropDead(struct memfs_volume *volume, struct memfs_node *node, struct memfs_scb *except);
void MemfsDropAll(struct memfs_volume *volume, bool write_back);

/* -- volume.c ---------------------------------------------------------------------------------- */

NTSTATUS MemfsMountVolume(PDEVICE_OBJECT control, PIRP irp);
/* STATUS_SUCCESS, or why the request cannot go on. */
NTSTATUS MemfsCheckVolume(struct memfs_volume *volume);
void MemfsDismountVolume(struct memfs_volume *volume, bool write_back);
/* After a close: a dismounted volume whose last file went is deleted, from a worker thread. */
void MemfsCheckDelete(struct memfs_volume *volume);
void MemfsTrimVolume(struct memfs_volume *volume);
/* Is any file of the volume open, apart from `except` (a file object), counting handles? */
bool MemfsIsInUse(struct memfs_volume *volume, PFILE_OBJECT except);
NTSTATUS MemfsFlushVolume(struct memfs_volume *volume);

/* Of the handle that locked it; false: another one, or none, did. */
bool MemfsUnlock(struct memfs_volume *volume, PFILE_OBJECT file);

/* -- oplock.c ------------------------------------------------------------------------------------ */

/* Breaks what the request breaks. STATUS_PENDING: it begins again when that is over. No lock of ours is held. */
NTSTATUS MemfsCheckOplock(struct memfs_scb *scb, PIRP irp);
void MemfsReleaseOplock(struct memfs_scb *scb, PIRP irp); /* IRP_MJ_CLEANUP */
bool MemfsOplockAllowsFastIo(struct memfs_scb *scb, bool changes);
bool MemfsIsOplockControl(ULONG code);
NTSTATUS MemfsOplockControl(PIRP irp); /* completes it */

/* -- tunnel.c ------------------------------------------------------------------------------------ */

void MemfsRememberName(struct memfs_volume *volume, const struct memfs_link *link);
void MemfsRecallName(struct memfs_volume *volume, struct memfs_link *link);

/* -- dirctl.c ---------------------------------------------------------------------------------- */

/* The folder is being deleted: whoever watches it is told STATUS_DELETE_PENDING. Main resource exclusive. */
void MemfsEndWatches(struct memfs_scb *scb);
void MemfsNotify(struct memfs_volume *volume, struct memfs_link *link,
                 const struct memfs_stream *stream, ULONG filter, ULONG action);

/* -- journal.c: no lock below volume.tree is held ---------------------------------------------------- */

/* The file changed: a record if that is news (or the reason is a close), by that name or another that it has still. ccb
 * NULL: by no handle. -1: none was written. */
USN MemfsWriteUsn(struct memfs_volume *volume, struct memfs_link *link, ULONG reasons, const struct memfs_ccb *ccb);
/* A handle is gone: the record of the close, if it was the last one of a file that changed. */
void MemfsWriteUsnAtClose(struct memfs_volume *volume, struct memfs_link *link, const struct memfs_ccb *ccb);
static inline bool MemfsHasJournal(const struct memfs_volume *volume)
{
    return __atomic_load_n(&volume->store->journal, __ATOMIC_ACQUIRE) != NULL;
}
static inline void MemfsChanged(struct memfs_volume *volume, struct memfs_link *link, ULONG reasons, const struct memfs_ccb *ccb)
{
    if (reasons && link && MemfsHasJournal(volume))
        MemfsWriteUsn(volume, link, reasons, ccb);
}
/* What was written through views is told by the next handle that is flushed or closed: the pages themselves come when it
 * pleases others, with any locks held. Main resource held. */
void MemfsTellMappedWrites(struct memfs_scb *scb, const struct memfs_ccb *ccb);
/* Reasons of data, as of the stream. */
static inline ULONG MemfsDataReasons(const struct memfs_stream *stream, ULONG reasons)
{
    return stream && stream->name_length ? reasons << 4 : reasons;
}
static inline ULONG MemfsSizeReason(LONGLONG before, LONGLONG size)
{
    return size > before ? USN_REASON_DATA_EXTEND : size < before ? USN_REASON_DATA_TRUNCATION : 0;
}

/* -- disk.c ------------------------------------------------------------------------------------ */

/* NULL: not a disk of ours. */
struct memfs_store *MemfsStoreOf(PDEVICE_OBJECT disk);
void MemfsReferenceStore(struct memfs_store *store);
void MemfsReleaseStore(struct memfs_store *store);
/* Completes a transfer as the volume was told to: at once, or from the disk's thread
 * (STATUS_PENDING). */
NTSTATUS MemfsCompleteTransfer(struct memfs_store *store, PIRP irp, NTSTATUS status,
                               ULONG_PTR information);
DRIVER_DISPATCH MemfsDiskControl;

/* -- the IRP majors, one file each ------------------------------------------------------------- */

DRIVER_DISPATCH MemfsCreate, MemfsClose, MemfsRead, MemfsWrite, MemfsQueryInformation,
    MemfsSetInformation, MemfsQueryEa, MemfsSetEa, MemfsFlushBuffers, MemfsQueryVolumeInformation,
    MemfsSetVolumeInformation, MemfsDirectoryControl, MemfsFileSystemControl, MemfsDeviceControl,
    MemfsQueryQuota, MemfsSetQuota, MemfsShutdown, MemfsLockControl, MemfsCleanup, MemfsQuerySecurity, MemfsSetSecurity, MemfsPnp;

/* cleanup.c, close.c: what the requests do, for an open that is undone at once. */
void MemfsCleanUpFile(PFILE_OBJECT file);
void MemfsCloseFile(PFILE_OBJECT file);
FAST_IO_QUERY_OPEN MemfsFastQueryOpen; /* create.c */
NTSTATUS MemfsPreQueryOpen(PFS_FILTER_CALLBACK_DATA data, PVOID *context);
/* fileinfo.c: *length: of the buffer, and of the answer. */
NTSTATUS MemfsQueryClass(PFILE_OBJECT file, FILE_INFORMATION_CLASS kind, PVOID buffer, PULONG length);
FAST_IO_LOCK MemfsFastLock;            /* lockctl.c */
FAST_IO_UNLOCK_SINGLE MemfsFastUnlockSingle;
FAST_IO_UNLOCK_ALL MemfsFastUnlockAll;
FAST_IO_UNLOCK_ALL_BY_KEY MemfsFastUnlockAllByKey;

/* create.c: the name part that SL_OPEN_TARGET_DIRECTORY and renames share. */
struct memfs_name {
    UNICODE_STRING file, stream;
    bool has_stream, default_stream, index;
};
NTSTATUS MemfsSplitStream(const UNICODE_STRING *component, bool ntfs, struct memfs_name *name);
/* Main resource exclusive. May the file be deleted? Marks it (posix: so that cleanup takes the name
 * at once). */
NTSTATUS MemfsSetDisposition(PFILE_OBJECT file, ULONG flags);
NTSTATUS MemfsRename(struct memfs_volume *volume, PFILE_OBJECT file, PIRP irp, bool link);
NTSTATUS MemfsSetShortName(PFILE_OBJECT file, PIRP irp); /* shortname.c */
NTSTATUS MemfsSetInformationSizes(struct memfs_volume *volume, PFILE_OBJECT file,
                                  FILE_INFORMATION_CLASS kind, PVOID buffer, BOOLEAN advance_only);
/* security.c: the owner's SID; its length, 0: it does not fit. */
ULONG MemfsCopyOwner(struct memfs_node *node, PVOID sid, ULONG room);
/* Who owns what somebody with that token makes: its user; the administrators' group for one of them. */
ULONG MemfsOwnerOf(PACCESS_TOKEN token, PVOID sid, ULONG room);
/* Of a new file: whoever makes it. */
void MemfsSetOwner(struct memfs_node *node, PACCESS_TOKEN token);
/* quota.c: does the owner of the file have that many more bytes? */
bool MemfsQuotaAllows(struct memfs_node *node, LONGLONG more);
/* What is left to the caller of so many bytes. */
LONGLONG MemfsQuotaLeft(struct memfs_store *store, LONGLONG free);
static inline ULONG MemfsQuotaFlags(const struct memfs_store *store)
{
    return __atomic_load_n(&store->quota.FileSystemControlFlags, __ATOMIC_RELAXED);
}
static inline bool MemfsTracksQuotas(const struct memfs_store *store)
{
    return (MemfsQuotaFlags(store) & FILE_VC_QUOTA_MASK) != 0;
}
/* statistics.c */
void MemfsCountTransfer(struct memfs_store *store, bool write, ULONG bytes);
/* csv.c: of the disk of a cluster. */
NTSTATUS MemfsDiskAbout(const struct memfs_store *store, PIRP irp, ULONG_PTR *done);
NTSTATUS MemfsClusterInfo(const struct memfs_store *store, PVOID buffer, ULONG room, ULONG_PTR *done);
/* driver.c: the driver of CSVFS-like volumes, unless it is there. */
bool MemfsLoadCsvFs(void);
/* Its data changed, in a way that the change journal knows (as of an unnamed stream): the time, unless the handle has set
 * that, and the revision. */
void MemfsWritten(PFILE_OBJECT file, ULONG reasons);
/* ea.c. `kernel`: those that begin with $Kernel. are set, too; else they are silently left out. */
NTSTATUS MemfsStoreEas(struct memfs_node *node, const VOID *list, ULONG length, bool kernel, ULONG *bad);
/* The data of the stream changes: if it is the unnamed one, EAs that begin with $Kernel.Purge. go. */
void MemfsPurgeEas(struct memfs_scb *scb);
/* The whole list, in pool that the caller frees. STATUS_NOT_FOUND: there are none. */
NTSTATUS MemfsCopyEas(struct memfs_node *node, PVOID *list, ULONG *length);
/* Whether one of them says that who opens the file must understand it. */
bool MemfsNeedsEas(struct memfs_node *node);
/* False: there is none of that name and length. */
bool MemfsReadEa(struct memfs_node *node, const CHAR *name, PVOID value, USHORT length);
/* fastio.c */
void MemfsFillFastIo(PFAST_IO_DISPATCH table, bool transfers);
extern CACHE_MANAGER_CALLBACKS MemfsCacheCallbacks;
/* Starts caching on the file object if it does not yet. */
void MemfsStartCaching(struct memfs_scb *scb, PFILE_OBJECT file);
NTSTATUS MemfsExceptionStatus(NTSTATUS code);

void MemfsFillBasic(struct memfs_node *node, PFILE_BASIC_INFORMATION info);
void MemfsFillStandard(struct memfs_scb *scb, PFILE_OBJECT file, PFILE_STANDARD_INFORMATION info);
void MemfsFillNetwork(struct memfs_scb *scb, PFILE_NETWORK_OPEN_INFORMATION info);
ULONG MemfsAttributes(const struct memfs_node *node, const struct memfs_stream *stream);
ULONG MemfsReparseTag(const struct memfs_node *node);

bool MemfspStart(void);
void MemfspStop(void);

#endif
