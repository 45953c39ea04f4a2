/* IRP_MJ_CLEANUP: the last handle of a file object goes. Its deletion happens here, its end later
 * (close.c). */
#include "memfs/journal.h"

/* Delete-on-close becomes a delete disposition, if the file may still go. */
static void apply_delete_on_close(PFILE_OBJECT file, struct memfs_scb *scb, struct memfs_ccb *ccb)
{
    if (!(ccb->flags & MEMFS_CCB_DELETE_ON_CLOSE))
        return;
    if (scb->stream && scb->stream->name_length) {
        MemfsSetIs(&scb->stream->delete_pending, true);
        return;
    }
    if (!scb->stream && scb->node->child_count)
        return;
    MemfsSetIs(&ccb->link->delete_pending, true);
    MemfsEndWatches(scb);
}

static void drop_stream(struct memfs_volume *volume, struct memfs_scb *scb, struct memfs_ccb *ccb)
{
    struct memfs_node *node = scb->node;
    MemfsLockNode(node);
    MemfsSetIs(&scb->stream->removed, true);
    MemfsSetTime(&node->changed, MemfsNow());
    MemfsUnlockNode(node);
    MemfsNotify(volume, ccb->link, scb->stream, FILE_NOTIFY_CHANGE_STREAM_NAME,
                FILE_ACTION_REMOVED_STREAM);
    MemfsChanged(volume, ccb->link, USN_REASON_STREAM_CHANGE, ccb);
}

/* Takes the name away; false when the folder filled meanwhile. */
static bool drop_link(struct memfs_volume *volume, struct memfs_link *link, const struct memfs_ccb *ccb)
{
    struct memfs_node *node = link->node, *parent = link->parent;
    bool directory = MemfsIsDirectory(node), gone = false;
    if (!parent || MemfsIs(&link->removed))
        return false;
    MemfsNotify(volume, link, NULL,
                directory ? FILE_NOTIFY_CHANGE_DIR_NAME : FILE_NOTIFY_CHANGE_FILE_NAME,
                FILE_ACTION_REMOVED);
    struct memfs_node *first = parent < node ? parent : node,
                      *second = parent < node ? node : parent;
    MemfsLockNode(first);
    MemfsLockNode(second);
    if (!MemfsIs(&link->removed) && !(directory && node->child_count)) {
        bool last = MemfsCount(&node->link_count) == 1;
        MemfsChanged(volume, link, last ? USN_REASON_FILE_DELETE | USN_REASON_CLOSE : USN_REASON_HARD_LINK_CHANGE, ccb);
        MemfsRememberName(volume, link);
        MemfsRemoveLink(link);
        gone = true;
    } else {
        MemfsSetIs(&link->delete_pending, false);
    }
    MemfsUnlockNode(second);
    MemfsUnlockNode(first);
    return gone;
}

/* The name went with its last handle (or, POSIX style, with this one). */
static void finish_delete(struct memfs_volume *volume, PFILE_OBJECT file, struct memfs_scb *scb,
                          struct memfs_ccb *ccb, bool last_of_link)
{
    struct memfs_link *link = ccb->link;
    if (scb->stream && MemfsIs(&scb->stream->delete_pending) && !MemfsIs(&scb->stream->removed) &&
        MemfsCount(&scb->handles) == 0)
        drop_stream(volume, scb, ccb);
    bool now = last_of_link || ccb->flags & MEMFS_CCB_POSIX_DELETE;
    if (!MemfsIs(&link->delete_pending) || !now)
        return;
    ExAcquireResourceExclusiveLite(&volume->tree, TRUE);
    MemfsReferenceLink(link);
    drop_link(volume, link, ccb);
    MemfsReleaseLink(link);
    ExReleaseResourceLite(&volume->tree);
    if (MemfsCount(&scb->node->link_count) == 0)
        MemfsDropDead(volume, scb->node, scb);
}

static bool is_deleted(const struct memfs_scb *scb)
{
    return MemfsCount(&scb->node->link_count) == 0 ||
           (scb->stream && MemfsIs(&scb->stream->removed));
}

static void end_caching(PFILE_OBJECT file, struct memfs_scb *scb)
{
    LARGE_INTEGER zero = {.QuadPart = 0};
    bool empty = MemfsCount(&scb->handles) == 0 && is_deleted(scb) && !MemfsIs(&scb->volume->dismounted);
    if (empty && scb->stream) {
        ExAcquireResourceExclusiveLite(&scb->paging, TRUE);
        MemfsStore(&scb->header.FileSize, 0);
        MemfsStore(&scb->header.ValidDataLength, 0);
        MemfsStore(&scb->header.AllocationSize, 0);
        MemfsDiscardStream(scb->stream);
        ExReleaseResourceLite(&scb->paging);
    }
    CcUninitializeCacheMap(file, empty ? &zero : NULL, NULL);
    /* Nobody will look for the data of a deleted file again: its section, and the file object that
     * the section holds, need not wait for the lazy writer. */
    if (empty && MemfsHasPages(scb))
        MmForceSectionClosed(&scb->sections, FALSE);
}

static void note_times(PFILE_OBJECT file, struct memfs_scb *scb, struct memfs_ccb *ccb)
{
    if (!(file->Flags & FO_FILE_MODIFIED) || ccb->flags & MEMFS_CCB_USER_TIMES)
        return;
    LONGLONG now = MemfsNow();
    __atomic_or_fetch(&scb->node->attributes, FILE_ATTRIBUTE_ARCHIVE, __ATOMIC_RELAXED);
    MemfsSetTime(&scb->node->written, now);
    MemfsSetTime(&scb->node->changed, now);
    MemfsNotify(scb->volume, ccb->link, scb->stream,
                FILE_NOTIFY_CHANGE_LAST_WRITE |
                    (file->Flags & FO_FILE_SIZE_CHANGED ? FILE_NOTIFY_CHANGE_SIZE : 0),
                scb->stream && scb->stream->name_length ? FILE_ACTION_MODIFIED_STREAM
                                                        : FILE_ACTION_MODIFIED);
}

/* The volume is mounted still: times, and deletions that waited for this handle. */
static void clean_up_name(PFILE_OBJECT file, struct memfs_scb *scb, struct memfs_ccb *ccb)
{
    note_times(file, scb, ccb);
    MemfsTellMappedWrites(scb, ccb);
    apply_delete_on_close(file, scb, ccb);
    bool last_of_link = InterlockedDecrement(&ccb->link->handles) == 0;
    if (MemfsIs(&ccb->link->delete_pending) || (scb->stream && MemfsIs(&scb->stream->delete_pending)))
        finish_delete(scb->volume, file, scb, ccb, last_of_link);
    MemfsWriteUsnAtClose(scb->volume, ccb->link, ccb);
}

/* What was written in a transaction is on the disk when that is committed, and nothing is written back in its name later:
 * the section lets go of the file object. */
static void end_transacted_caching(PFILE_OBJECT file, struct memfs_scb *scb)
{
    IO_STATUS_BLOCK iosb;
    bool transacted = IoGetTransactionParameterBlock(file) && !MemfsIs(&scb->volume->dismounted);
    if (transacted && MemfsHasPages(scb))
        CcFlushCache(&scb->sections, NULL, 0, &iosb);
    end_caching(file, scb);
    if (transacted && MemfsHasPages(scb))
        MmForceSectionClosed(&scb->sections, FALSE);
}

void MemfsCleanUpFile(PFILE_OBJECT file)
{
    struct memfs_scb *scb = MemfsScbOf(file);
    struct memfs_ccb *ccb = MemfsCcbOf(file);
    struct memfs_volume *volume = scb->volume;
    ExAcquireResourceExclusiveLite(&scb->main, TRUE);
    if (scb->locks)
        FsRtlFastUnlockAll(scb->locks, file, IoGetCurrentProcess(), NULL);
    if (!scb->stream)
        FsRtlNotifyCleanup(volume->notify, &volume->watchers, ccb);
    IoRemoveShareAccess(file, &scb->share);
    InterlockedDecrement(&scb->handles);
    RemoveEntryList(&ccb->open);
    MemfsEndBypass(scb, ccb);
    if (ccb->flags & MEMFS_CCB_GUARDS)
        InterlockedDecrement(&scb->guarded);
    if (!MemfsIs(&volume->dismounted))
        clean_up_name(file, scb, ccb);
    if (scb->stream)
        end_transacted_caching(file, scb);
    ExReleaseResourceLite(&scb->main);
}

static void clean_up_volume(PFILE_OBJECT file, struct memfs_scb *scb)
{
    struct memfs_volume *volume = scb->volume;
    ExAcquireResourceExclusiveLite(&scb->main, TRUE);
    IoRemoveShareAccess(file, &scb->share);
    InterlockedDecrement(&scb->handles);
    RemoveEntryList(&MemfsCcbOf(file)->open);
    MemfsUnlock(volume, file);
    MemfsEndReaders(volume->store, file, NULL, STATUS_CANCELLED);
    ExReleaseResourceLite(&scb->main);
}

/* Whoever else fails now, this must not: the section would go on with a file object that is closed. */
static PFILE_OBJECT make_stream_file(PFILE_OBJECT file)
{
    PFILE_OBJECT volatile fresh = NULL;
    while (!fresh) {
        __try {
            fresh = IoCreateStreamFileObjectLite(file, NULL);
        } __except (EXCEPTION_EXECUTE_HANDLER) {
        }
    }
    return fresh;
}

/* The open is undone: its IRP_MJ_CLOSE comes next, whoever holds references. A section that was made through it (a filter
 * scans what is being opened) pages through a file object of our own from here on. */
static void hand_section_over(PFILE_OBJECT file, struct memfs_scb *scb)
{
    struct memfs_ccb *ccb = sim_alloc(sizeof *ccb);
    PFILE_OBJECT fresh = make_stream_file(file);

    MemfsReferenceScb(scb);
    ccb->link = MemfsCcbOf(file)->link;
    MemfsReferenceLink(ccb->link);
    ccb->file = fresh;
    fresh->SectionObjectPointer = &scb->sections;
    fresh->FsContext = file->FsContext;
    fresh->FsContext2 = ccb;
    FsRtlChangeBackingFileObject(file, fresh, ChangeDataControlArea, 0);
    FsRtlChangeBackingFileObject(file, fresh, ChangeImageControlArea, 0);
    ObDereferenceObject(fresh);
}

NTSTATUS MemfsCleanup(PDEVICE_OBJECT device, PIRP irp)
{
    PFILE_OBJECT file = IoGetCurrentIrpStackLocation(irp)->FileObject;
    struct memfs_scb *scb = file ? MemfsScbOf(file) : NULL;
    if (!scb || !file->FsContext2) /* a control device, or a stream file of our own */
        return MemfsComplete(irp, STATUS_SUCCESS, 0);
    FsRtlEnterFileSystem();
    if (scb->node) {
        MemfsCleanUpFile(file);
        MemfsReleaseOplock(scb, irp); /* whoever waited finds the handle gone */
        if (file->Flags & FO_FILE_OPEN_CANCELLED &&
            (MemfsHasPages(scb) || __atomic_load_n(&scb->sections.ImageSectionObject, __ATOMIC_ACQUIRE)))
            hand_section_over(file, scb);
    } else {
        clean_up_volume(file, scb);
    }
    __atomic_or_fetch(&file->Flags, FO_CLEANUP_COMPLETE, __ATOMIC_RELAXED);
    FsRtlExitFileSystem();
    return MemfsComplete(irp, STATUS_SUCCESS, 0);
}
