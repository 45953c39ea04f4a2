/* Private to the cache manager. The pages belong to the stream's control area (mm/mmp.h), which
 * mapped views share.
 *
 * A cache map is made by the first CcInitializeCacheMap of a stream and goes with the control area.
 * Each file object that initialized caching has a private map (FILE_OBJECT.PrivateCacheMap), which
 * holds one reference on the area. */
#ifndef FLTSIM_CC_CCP_H
#define FLTSIM_CC_CCP_H

#include "mm/mmp.h"

struct cc_private {
    LIST_ENTRY link; /* cc_map.opens */
    struct cc_map *map;
    PFILE_OBJECT file;
    bool allocated;
};

struct cc_map {
    LONGLONG kind;
    LARGE_INTEGER FileSize; /* here, where CcGetFileSizePointer looks */
    LARGE_INTEGER AllocationSize, ValidDataLength;
    struct mi_control_area *area;
    PCACHE_MANAGER_CALLBACKS callbacks;
    PVOID context;
    LIST_ENTRY opens; /* struct cc_private.link; under area->lock */
    struct cc_private first;
    PCACHE_UNINITIALIZE_EVENT events;
    LIST_ENTRY bcbs; /* struct cc_bcb.link */
    LIST_ENTRY lsns; /* struct cc_lsn.link */
    LIST_ENTRY log_link; /* cc_state.logs, or Flink NULL */
    PVOID log_handle;    /* both under cc_state.log_lock */
    PFLUSH_TO_LSN flush_to_lsn;
    LONGLONG section_size; /* as far as views reach */
    ULONG read_ahead;
    ULONG dirty_most; /* pages; 0: no limit of its own */
    unsigned failures; /* passes of the lazy writer that could not write */
    bool pin_access, no_read_ahead, no_write_behind;
};

/* What a BCB pointer points at begins with what drivers may read: PUBLIC_BCB.
 *     1. All mappings of one view share one BCB; all pins of pages that a pinned one covers share that. They hang in
 *        cc_map.bcbs, counted, until the last user is gone.
 *     2. A pin of pages that pinned BCBs cover in part is one of its own, made of theirs and of fresh ones between.
 *     3. Users of a pinned BCB hold its lock, shared or exclusive. */
struct cc_bcb {
    CSHORT NodeTypeCode, NodeByteSize; /* 0x2FD: pinned */
    ULONG MappedLength;
    LARGE_INTEGER MappedFileOffset;
    struct mi_control_area *area; /* referenced */
    LIST_ENTRY link;              /* cc_map.bcbs; all below under area->lock */
    size_t first, end;            /* pages */
    long references;
    long shared, exclusive; /* holds */
    PVOID owner;            /* of the exclusive ones: a thread, or an owner pointer */
    struct cc_bcb **parts;  /* or NULL; each has a reference and a hold of this one's */
    unsigned part_count;
};

/* The sequence numbers of a page that a driver made dirty with one. */
struct cc_lsn {
    LIST_ENTRY link; /* cc_map.lsns; under area->lock */
    size_t page;
    LONGLONG oldest, newest;
};

struct cc_state {
    KTIMER timer;
    KDPC dpc;
    WORK_QUEUE_ITEM work;
    KEVENT idle;       /* no pass is under way */
    KEVENT passed;     /* one has ended since a writer began to wait */
    struct sched_lock deferred_lock;
    LIST_ENTRY deferred; /* struct cc_deferred.link, in the order they came */
    struct sched_lock log_lock;
    LIST_ENTRY logs;   /* struct cc_map.log_link */
    atomic_bool armed; /* timer set, or a pass queued or running */
    atomic_bool stopping;
};
extern struct cc_state *cc;

static inline struct cc_map *CcpMapOf(PFILE_OBJECT file)
{
    struct cc_private *private = __atomic_load_n(&file->PrivateCacheMap, __ATOMIC_ACQUIRE);
    return private ? private->map : NULL;
}
/* The stream's control area, referenced, however it came to be: for calls with a file object that
 * does not cache. */
static inline struct mi_control_area *CcpAreaOf(PFILE_OBJECT file)
{
    return MiFindControlArea(file->SectionObjectPointer, false);
}

/* Closes one file object's use of the cache. True: it was the last one. */
bool CcpCloseCache(PFILE_OBJECT file);
/* mm's hooks. */
void CcpForget(struct mi_control_area *area);
void CcpBeforeWrite(struct mi_control_area *area, size_t first, size_t end);
void CcpClean(struct mi_control_area *area, size_t first, size_t end);
void CcpWorkAppeared(void);
/* One pass of the lazy writer, now, on this thread. */
void CcpLazyPass(void);

/* log.c: a cache map goes. */
void CcpForgetLog(struct cc_map *map);
/* Pages [first, end) became dirty with this sequence number. */
void CcpNoteLsn(struct cc_map *map, size_t first, size_t end, LONGLONG lsn);

/* throttle.c: calls whom CcDeferWrite put off, as long as there is room for each. */
void CcpPostDeferred(void);
void CcpForgetDeferred(void);

bool CcpStart(void);
void CcpStop(void);

#endif
