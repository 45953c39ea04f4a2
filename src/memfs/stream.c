/* Streams, and the control blocks of what is open. */
#include "memfs/memfs.h"

#include <string.h>

/* -- streams -------------------------------------------------------------------------------------- */

struct memfs_stream *MemfsCreateStream(struct memfs_node *node, const UNICODE_STRING *name)
{
    USHORT length = name ? name->Length : 0;
    struct memfs_stream *stream = sim_alloc(sizeof *stream);
    stream->node = node;
    stream->name_length = length;
    stream->name = length ? MemfsCopyText(name->Buffer, length) : NULL;
    ExInitializeFastMutex(&stream->lock);
    struct memfs_stream **end = &node->streams;
    if (length)
        while (*end)
            end = &(*end)->next;
    stream->next = *end;
    *end = stream;
    return stream;
}

struct memfs_stream *MemfsFindStream(struct memfs_node *node, const UNICODE_STRING *name)
{
    USHORT length = name ? name->Length : 0;
    for (struct memfs_stream *stream = node->streams; stream; stream = stream->next) {
        if (stream->name_length != length || MemfsIs(&stream->removed))
            continue;
        USHORT i = 0;
        while (i < length / sizeof(WCHAR) &&
               MemfsUpcase(stream->name[i]) == MemfsUpcase(name->Buffer[i]))
            i++;
        if (i == length / sizeof(WCHAR))
            return stream;
    }
    return NULL;
}

void MemfsFreeStream(struct memfs_stream *stream)
{
    MemfsFreeData(stream);
    InterlockedExchangeAdd64(&stream->node->store->used, -stream->charged);
    sim_free(stream->extents);
    sim_free(stream->name);
    sim_free(stream);
}

static void unlink_stream(struct memfs_stream *stream)
{
    for (struct memfs_stream **at = &stream->node->streams; *at; at = &(*at)->next)
        if (*at == stream) {
            *at = stream->next;
            break;
        }
}

void MemfsRemoveStream(struct memfs_stream *stream)
{
    MemfsSetIs(&stream->removed, true);
    if (stream->scbs)
        return;
    unlink_stream(stream);
    MemfsFreeStream(stream);
}

void MemfsDiscardStream(struct memfs_stream *stream)
{
    ExAcquireFastMutex(&stream->lock);
    MemfsFreeData(stream);
    InterlockedExchangeAdd64(&stream->node->store->used, -stream->charged);
    MemfsSetTime(&stream->charged, 0);
    MemfsSetTime(&stream->allocated, 0);
    MemfsSetTime(&stream->size, 0);
    MemfsSetTime(&stream->valid, 0);
    ExReleaseFastMutex(&stream->lock);
}

/* -- control blocks ---------------------------------------------------------------------------- */

static struct memfs_scb *create_scb(struct memfs_volume *volume, struct memfs_node *node,
                                    struct memfs_stream *stream)
{
    struct memfs_scb *scb = sim_alloc(sizeof *scb);
    scb->volume = volume;
    scb->node = node;
    scb->stream = stream;
    scb->header.NodeTypeCode = !node ? MEMFS_VOLUME : stream ? MEMFS_STREAM : MEMFS_DIRECTORY;
    scb->header.NodeByteSize = sizeof *scb;
    ExInitializeResourceLite(&scb->main);
    ExInitializeResourceLite(&scb->paging);
    ExInitializeFastMutex(&scb->header_mutex);
    scb->header.Resource = &scb->main;
    scb->header.PagingIoResource = &scb->paging;
    scb->header.IsFastIoPossible =
        stream && !volume->store->options.no_fast_io ? FastIoIsPossible : FastIoIsNotPossible;
    FsRtlSetupAdvancedHeaderEx(&scb->header, &scb->header_mutex,
                               node && volume->store->ntfs ? &node->file_contexts : NULL);
    scb->header.Version = FSRTL_FCB_HEADER_V4;
    InitializeListHead(&scb->opens);
    if (stream) { /* whose last mount's writes may not have ended */
        scb->header.AllocationSize.QuadPart = __atomic_load_n(&stream->allocated, __ATOMIC_RELAXED);
        scb->header.FileSize.QuadPart = __atomic_load_n(&stream->size, __ATOMIC_RELAXED);
        scb->header.ValidDataLength.QuadPart = __atomic_load_n(&stream->valid, __ATOMIC_RELAXED);
        stream->scbs++;
    }
    if (node) {
        MemfsReferenceNode(node);
        node->scbs++;
    }
    ExAcquireFastMutex(&volume->lock);
    InsertTailList(&volume->scbs, &scb->link);
    ExReleaseFastMutex(&volume->lock);
    return scb;
}

static void keep_sizes(struct memfs_scb *scb)
{
    if (!scb->stream)
        return;
    __atomic_store_n(&scb->stream->size, MemfsLoad(&scb->header.FileSize), __ATOMIC_RELAXED);
    __atomic_store_n(&scb->stream->valid, MemfsLoad(&scb->header.ValidDataLength), __ATOMIC_RELAXED);
}

/* node->lock held. One of a mount that is over stays with its files; a new mount makes its own. */
static struct memfs_scb *scb_for(struct memfs_volume *volume, struct memfs_node *node,
                                 struct memfs_stream *stream)
{
    struct memfs_scb **slot = stream ? &stream->scb : &node->directory, *old = *slot;
    if (old && old->volume == volume)
        return old;
    if (MemfsIs(&volume->dismounted))
        return create_scb(volume, node, stream);
    if (old)
        keep_sizes(old);
    return *slot = create_scb(volume, node, stream);
}

struct memfs_scb *MemfsGetScb(struct memfs_volume *volume, struct memfs_node *node,
                              struct memfs_stream *stream)
{
    if (!node) {
        MemfsReferenceScb(volume->self);
        return volume->self;
    }
    MemfsLockNode(node);
    struct memfs_scb *scb = scb_for(volume, node, stream);
    MemfsReferenceScb(scb);
    MemfsUnlockNode(node);
    return scb;
}

bool MemfsIsOpen(struct memfs_scb *scb)
{
    return scb && MemfsCount(&scb->handles) > 0 && !MemfsIs(&scb->volume->dismounted);
}

void MemfsReferenceScb(struct memfs_scb *scb)
{
    InterlockedIncrement(&scb->references);
}

static void free_scb(struct memfs_scb *scb)
{
    struct memfs_node *node = scb->node;
    if (scb->header.Oplock)
        FsRtlUninitializeOplock(&scb->header.Oplock);
    FsRtlTeardownPerStreamContexts(&scb->header);
    if (scb->locks)
        FsRtlFreeFileLock(scb->locks);
    ExDeleteResourceLite(&scb->main);
    ExDeleteResourceLite(&scb->paging);
    sim_free(scb);
    if (node)
        MemfsReleaseNode(node);
}

static bool is_dead(struct memfs_scb *scb)
{
    return MemfsIs(&scb->volume->dismounted) || MemfsCount(&scb->node->link_count) == 0 ||
           (scb->stream && MemfsIs(&scb->stream->removed));
}

/* node->lock held, nobody holds the control block: takes it out of all lists, so that nobody finds
 * it again. */
static bool unhook(struct memfs_scb *scb)
{
    struct memfs_volume *volume = scb->volume;
    struct memfs_stream *stream = scb->stream;
    ExAcquireFastMutex(&volume->lock);
    bool alone = MemfsCount(&scb->references) == 0;
    if (alone)
        RemoveEntryList(&scb->link);
    ExReleaseFastMutex(&volume->lock);
    if (!alone)
        return false;
    struct memfs_scb **slot = stream ? &stream->scb : &scb->node->directory;
    if (*slot == scb) {
        keep_sizes(scb);
        *slot = NULL;
    }
    scb->node->scbs--;
    if (stream && --stream->scbs == 0 && MemfsIs(&stream->removed))
        unlink_stream(stream);
    return true;
}

/* Gives the last reference back, and takes the control block apart when it is dead, or anyway. */
static void release_last(struct memfs_scb *scb, bool anyway)
{
    struct memfs_node *node = scb->node;
    struct memfs_stream *dead = NULL;
    bool gone = false, last = false;
    MemfsReferenceNode(node);
    MemfsLockNode(node);
    if (InterlockedDecrement(&scb->references) == 0 && (anyway || is_dead(scb)))
        gone = unhook(scb);
    if (gone) {
        dead = scb->stream && MemfsIs(&scb->stream->removed) && !scb->stream->scbs ? scb->stream : NULL;
        last = node->scbs == 0 && node->store->ntfs;
    }
    MemfsUnlockNode(node);
    if (gone) {
        free_scb(scb);
        if (last)
            FsRtlTeardownPerFileContexts(&node->file_contexts);
    }
    if (dead)
        MemfsFreeStream(dead);
    MemfsReleaseNode(node);
}

static void release_scb(struct memfs_scb *scb, bool anyway)
{
    if (!scb->node) {
        InterlockedDecrement(&scb->references);
        return;
    }
    LONG now = MemfsCount(&scb->references);
    while (now > 1) {
        LONG seen = InterlockedCompareExchange(&scb->references, now - 1, now);
        if (seen == now)
            return;
        now = seen;
    }
    release_last(scb, anyway);
}

void MemfsReleaseScb(struct memfs_scb *scb)
{
    release_scb(scb, false);
}

/* -- volume-wide passes ------------------------------------------------------------------------ */

enum drop { DROP_IDLE = 1, DROP_WRITE_BACK = 2, DROP_NO_WAIT = 4 };

/* Nobody reads or writes through the cache meanwhile: each does under the main resource. */
static void drop_cache(struct memfs_scb *scb, int how)
{
    IO_STATUS_BLOCK iosb;
    if (!scb->stream || !MemfsHasPages(scb))
        return;
    if (!ExAcquireResourceExclusiveLite(&scb->main, !(how & DROP_NO_WAIT)))
        return;
    if (!(how & DROP_IDLE) || MemfsCount(&scb->handles) == 0) {
        if (how & DROP_WRITE_BACK)
            CcFlushCache(&scb->sections, NULL, 0, &iosb);
        CcPurgeCacheSection(&scb->sections, NULL, 0, UNINITIALIZE_CACHE_MAPS);
        MmForceSectionClosed(&scb->sections, FALSE);
    }
    ExReleaseResourceLite(&scb->main);
}

/* The next control block after `from` (NULL: the first), with a reference. `from` is released. */
static struct memfs_scb *next_scb(struct memfs_volume *volume, struct memfs_scb *from,
                                  bool idle_only)
{
    struct memfs_scb *next = NULL;
    ExAcquireFastMutex(&volume->lock);
    PLIST_ENTRY link = from ? from->link.Flink : volume->scbs.Flink;
    for (; link != &volume->scbs && !next; link = link->Flink) {
        struct memfs_scb *scb = CONTAINING_RECORD(link, struct memfs_scb, link);
        if (!idle_only || MemfsCount(&scb->handles) == 0)
            next = scb;
    }
    if (next)
        MemfsReferenceScb(next);
    ExReleaseFastMutex(&volume->lock);
    return next;
}

void MemfsEachScb(struct memfs_volume *volume, bool idle_only,
                  void (*visit)(struct memfs_scb *scb, bool flag), bool flag)
{
    struct memfs_scb *scb = next_scb(volume, NULL, idle_only);
    while (scb) {
        visit(scb, flag);
        struct memfs_scb *next = next_scb(volume, scb, idle_only);
        release_scb(scb, flag);
        scb = next;
    }
}

static bool may_drop(struct memfs_scb *scb, struct memfs_volume *volume, struct memfs_scb *except)
{
    return scb && scb != except && scb->volume == volume && MemfsCount(&scb->handles) == 0 && is_dead(scb);
}

void MemfsDropDead(struct memfs_volume *volume, struct memfs_node *node, struct memfs_scb *except)
{
    enum { BATCH = 16 };
    struct memfs_scb *idle[BATCH];
    unsigned count = 0;
    MemfsLockNode(node);
    for (struct memfs_stream *stream = node->streams; stream && count < BATCH - 1;
         stream = stream->next)
        if (may_drop(stream->scb, volume, except))
            idle[count++] = stream->scb;
    if (may_drop(node->directory, volume, except))
        idle[count++] = node->directory;
    for (unsigned i = 0; i < count; i++)
        MemfsReferenceScb(idle[i]);
    MemfsUnlockNode(node);
    for (unsigned i = 0; i < count; i++) {
        drop_cache(idle[i], DROP_IDLE | DROP_NO_WAIT);
        MemfsReleaseScb(idle[i]);
    }
}

static void trim_one(struct memfs_scb *scb, bool flag)
{
    drop_cache(scb, DROP_IDLE | DROP_WRITE_BACK);
}
static void flush_one(struct memfs_scb *scb, bool flag)
{
    IO_STATUS_BLOCK iosb;
    if (scb->stream && MemfsHasPages(scb))
        CcFlushCache(&scb->sections, NULL, 0, &iosb);
}
/* The volume is dismounted: handles that are open delete nothing any more, and the next mount does not know them. */
static void forget_opens(struct memfs_scb *scb)
{
    ExAcquireResourceExclusiveLite(&scb->main, TRUE);
    MemfsLockNode(scb->node);
    for (struct memfs_link *link = scb->node->links; link; link = link->next) {
        MemfsSetIs(&link->delete_pending, false);
        InterlockedExchange(&link->handles, 0);
    }
    if (scb->stream)
        MemfsSetIs(&scb->stream->delete_pending, false);
    MemfsUnlockNode(scb->node);
    ExReleaseResourceLite(&scb->main);
}
static void write_back_one(struct memfs_scb *scb, bool flag)
{
    forget_opens(scb);
    drop_cache(scb, DROP_WRITE_BACK);
}
static void abandon_one(struct memfs_scb *scb, bool flag)
{
    forget_opens(scb);
    drop_cache(scb, 0);
}

void MemfsTrimVolume(struct memfs_volume *volume)
{
    MemfsEachScb(volume, true, trim_one, true);
}

NTSTATUS MemfsFlushVolume(struct memfs_volume *volume)
{
    MemfsEachScb(volume, false, flush_one, false);
    return STATUS_SUCCESS;
}

void MemfsDropAll(struct memfs_volume *volume, bool write_back)
{
    MemfsEachScb(volume, false, write_back ? write_back_one : abandon_one, true);
}

/* -- sizes ------------------------------------------------------------------------------------- */

/* What a file can be long; what a disk has room for is another matter. */
static NTSTATUS check_size(const struct memfs_store *store, LONGLONG size)
{
    const LONGLONG most = store->ntfs ? (1LL << 44) - 65536 : 0xFFFFFFFFLL;
    if (size <= most)
        return STATUS_SUCCESS;
    return store->ntfs ? STATUS_INVALID_PARAMETER : STATUS_DISK_FULL;
}

/* Charges (or gives back) clusters. */
static NTSTATUS charge(struct memfs_stream *stream, LONGLONG delta)
{
    struct memfs_store *store = stream->node->store;
    LONGLONG used = InterlockedExchangeAdd64(&store->used, delta) + delta;
    if (delta > 0 && used > store->size) {
        InterlockedExchangeAdd64(&store->used, -delta);
        return STATUS_DISK_FULL;
    }
    MemfsSetTime(&stream->charged, stream->charged + delta); /* quotas look at it */
    return STATUS_SUCCESS;
}

bool MemfsChargePages(struct memfs_stream *stream, LONG pages)
{
    return !stream->sparse || NT_SUCCESS(charge(stream, (LONGLONG)pages * MEMFS_PAGE));
}

NTSTATUS MemfsMakeSparse(struct memfs_scb *scb, bool sparse)
{
    struct memfs_stream *stream = scb->stream;
    ExAcquireFastMutex(&stream->lock);
    NTSTATUS status = charge(stream, (sparse ? MemfsCountBytes(stream) : stream->allocated) - stream->charged);
    if (NT_SUCCESS(status))
        MemfsSetIs(&stream->sparse, sparse); /* the map of clusters looks at it */
    ExReleaseFastMutex(&stream->lock);
    return status;
}

NTSTATUS MemfsSetAllocation(struct memfs_scb *scb, LONGLONG allocation)
{
    NTSTATUS status = check_size(scb->volume->store, allocation);
    if (!NT_SUCCESS(status))
        return status;
    LONGLONG wanted = MemfsRound(allocation), have = MemfsLoad(&scb->header.AllocationSize),
             delta = wanted - have;
    if (delta == 0)
        return STATUS_SUCCESS;
    if (delta > 0 && !MemfsQuotaAllows(scb->node, delta))
        return STATUS_DISK_FULL; /* what whoever is over his quota is told */
    if (!scb->stream->sparse)
        status = charge(scb->stream, delta);
    if (!NT_SUCCESS(status))
        return status;
    __atomic_store_n(&scb->stream->allocated, wanted, __ATOMIC_RELAXED);
    MemfsStore(&scb->header.AllocationSize, wanted);
    return STATUS_SUCCESS;
}

void MemfsTellCache(struct memfs_scb *scb, PFILE_OBJECT file)
{
    if (MemfsHasPages(scb))
        CcSetFileSizes(file, (PCC_FILE_SIZES)&scb->header.AllocationSize);
}

/* Grows or shrinks; data beyond the new end is gone. The cache is told by the caller. */
NTSTATUS MemfsSetFileSize(struct memfs_scb *scb, LONGLONG size)
{
    LONGLONG before = MemfsLoad(&scb->header.FileSize);
    if (scb->node && size != before) {
        InterlockedIncrement64(&scb->node->revision);
        MemfsPurgeEas(scb);
    }
    NTSTATUS fits = check_size(scb->volume->store, size);
    if (!NT_SUCCESS(fits))
        return fits;
    if (MemfsRound(size) > MemfsLoad(&scb->header.AllocationSize)) {
        NTSTATUS status = MemfsSetAllocation(scb, size);
        if (!NT_SUCCESS(status))
            return status;
    }
    if (size >= before) {
        MemfsStore(&scb->header.FileSize, size);
        return STATUS_SUCCESS;
    }
    ExAcquireResourceExclusiveLite(&scb->paging, TRUE);
    MemfsStore(&scb->header.FileSize, size);
    if (MemfsLoad(&scb->header.ValidDataLength) > size)
        MemfsStore(&scb->header.ValidDataLength, size);
    MemfsZeroRange(scb->stream, size, before + MEMFS_PAGE);
    ExReleaseResourceLite(&scb->paging);
    return MemfsSetAllocation(scb, size);
}
