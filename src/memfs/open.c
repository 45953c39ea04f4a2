/* The ends of a create: on something that is there, on something new, on the volume, on a rename's
 * target. */
#include "memfs/open.h"

#include <string.h>

/* -- the file object --------------------------------------------------------------------------- */

/* Keys that the opener brings are the file object's from here on. */
static void keep_oplock_keys(struct memfs_open *open, struct memfs_scb *scb)
{
    PECP_LIST ecps = NULL;
    if (scb->node && NT_SUCCESS(FsRtlGetEcpListFromIrp(open->irp, &ecps)) && ecps)
        FsRtlCheckOplockEx(&scb->header.Oplock, open->irp, OPLOCK_FLAG_OPLOCK_KEY_CHECK_ONLY, NULL, NULL, NULL);
}

void MemfsFinishOpen(struct memfs_open *open, struct memfs_link *link)
{
    PFILE_OBJECT file = open->file;
    struct memfs_scb *scb = open->scb;
    struct memfs_ccb *ccb = sim_alloc(sizeof *ccb);
    ccb->flags = open->ccb_flags;
    ccb->access = open->access;
    if (open->options & FILE_DELETE_ON_CLOSE)
        ccb->flags |= MEMFS_CCB_DELETE_ON_CLOSE;
    if (!open->case_sensitive)
        ccb->flags |= MEMFS_CCB_IGNORE_CASE;
    ccb->file = file;
    InsertTailList(&scb->opens, &ccb->open);
    ccb->link = link;
    if (link) {
        MemfsReferenceLink(link);
        InterlockedIncrement(&link->handles);
    }
    InterlockedIncrement(&scb->handles);
    file->FsContext = scb;
    file->FsContext2 = ccb;
    file->SectionObjectPointer = &scb->sections;
    file->Vpb = open->volume->vpb;
    if (scb->stream && !(file->Flags & FO_NO_INTERMEDIATE_BUFFERING))
        file->Flags |= FO_CACHE_SUPPORTED;
    keep_oplock_keys(open, scb);
    open->scb = NULL; /* the file object's now */
}

static void grant(struct memfs_open *open)
{
    PACCESS_STATE state = open->security ? open->security->AccessState : NULL;
    if (!state)
        return;
    state->PreviouslyGrantedAccess |= open->access;
    state->RemainingDesiredAccess &= ~(open->access | MAXIMUM_ALLOWED);
}

/* -- sharing ----------------------------------------------------------------------------------- */

static ACCESS_MASK added_access(const struct memfs_open *open)
{
    switch (open->disposition) {
    case FILE_SUPERSEDE:
        return DELETE;
    case FILE_OVERWRITE:
    case FILE_OVERWRITE_IF:
        return FILE_WRITE_DATA | FILE_WRITE_EA | FILE_WRITE_ATTRIBUTES;
    default:
        return 0;
    }
}

static NTSTATUS take_share(struct memfs_open *open, ACCESS_MASK added, bool update)
{
    struct memfs_scb *scb = open->scb;
    if (MemfsCount(&scb->handles) == 0) {
        if (!update)
            return STATUS_SUCCESS;
        IoSetShareAccess(open->access, open->share, open->file, &scb->share);
        return STATUS_SUCCESS;
    }
    NTSTATUS status = STATUS_SUCCESS;
    if (added)
        status =
            IoCheckShareAccess(open->access | added, open->share, open->file, &scb->share, FALSE);
    if (NT_SUCCESS(status))
        status = IoCheckShareAccess(open->access, open->share, open->file, &scb->share, (BOOLEAN)update);
    return status;
}

/* -- what is there ----------------------------------------------------------------------------- */

static NTSTATUS check_kind(const struct memfs_open *open, const struct memfs_node *node)
{
    bool directory = MemfsIsDirectory(node) && !open->last.has_stream;
    bool opens = open->disposition == FILE_OPEN || open->disposition == FILE_OPEN_IF;
    if (node == node->store->root && directory && !opens)
        return STATUS_ACCESS_DENIED;
    if (!directory && open->trailing_slash && !(open->options & FILE_DIRECTORY_FILE))
        return STATUS_OBJECT_NAME_INVALID;
    if (open->disposition == FILE_CREATE && !open->last.stream.Length)
        return STATUS_OBJECT_NAME_COLLISION;
    if (open->last.default_stream && MemfsIsDirectory(node))
        return STATUS_FILE_IS_A_DIRECTORY;
    if (directory && open->options & FILE_NON_DIRECTORY_FILE)
        return STATUS_FILE_IS_A_DIRECTORY;
    if (!directory && (open->want_directory || open->last.index))
        return STATUS_NOT_A_DIRECTORY;
    if (directory && !opens)
        return STATUS_OBJECT_NAME_COLLISION;
    return STATUS_SUCCESS;
}

static bool replaces(const struct memfs_open *open)
{
    return open->disposition == FILE_SUPERSEDE || open->disposition == FILE_OVERWRITE ||
           open->disposition == FILE_OVERWRITE_IF;
}

static NTSTATUS check_attributes(const struct memfs_open *open, struct memfs_node *node)
{
    bool read_only = MemfsBits(node) & FILE_ATTRIBUTE_READONLY && !open->ignore_read_only;
    if (read_only && !MemfsIsDirectory(node) && MemfsWrites(open->access | added_access(open)))
        return STATUS_ACCESS_DENIED; /* which superseding is not */
    if (open->options & FILE_DELETE_ON_CLOSE && (read_only || (node == node->store->root && !open->last.stream.Length)))
        return STATUS_CANNOT_DELETE;
    const ULONG guarded = FILE_ATTRIBUTE_HIDDEN | FILE_ATTRIBUTE_SYSTEM;
    if (replaces(open) && !open->last.stream.Length &&
        MemfsBits(node) & guarded & ~open->attributes)
        return STATUS_ACCESS_DENIED;
    if (open->options & FILE_NO_EA_KNOWLEDGE && !replaces(open) && MemfsNeedsEas(node))
        return STATUS_ACCESS_DENIED;
    if (MemfsIsReadOnly(open->volume) &&
        (MemfsWrites(open->access) || replaces(open) || open->options & FILE_DELETE_ON_CLOSE))
        return STATUS_MEDIA_WRITE_PROTECTED;
    return STATUS_SUCCESS;
}

static NTSTATUS check_sections(const struct memfs_open *open)
{
    struct memfs_scb *scb = open->scb;
    LARGE_INTEGER zero = {.QuadPart = 0};
    if (!scb->stream)
        return STATUS_SUCCESS;
    if (scb->sections.ImageSectionObject &&
        (MemfsWrites(open->access) || open->options & FILE_DELETE_ON_CLOSE) &&
        !MmFlushImageSection(&scb->sections, MmFlushForWrite))
        return open->options & FILE_DELETE_ON_CLOSE ? STATUS_CANNOT_DELETE
                                                    : STATUS_SHARING_VIOLATION;
    if (replaces(open) && !MmCanFileBeTruncated(&scb->sections, &zero))
        return STATUS_USER_MAPPED_FILE;
    return STATUS_SUCCESS;
}

/* Superseding or overwriting a file takes its other streams with it. */
static void remove_named_streams(struct memfs_node *node)
{
    MemfsLockNode(node);
    for (struct memfs_stream **at = &node->streams; *at;) {
        struct memfs_stream *stream = *at;
        if (stream->name_length == 0) {
            at = &stream->next;
            continue;
        }
        MemfsRemoveStream(stream);
        if (*at == stream) /* goes with its control block */
            at = &stream->next;
    }
    MemfsUnlockNode(node);
}

static NTSTATUS empty_stream(struct memfs_open *open)
{
    struct memfs_scb *scb = open->scb;
    LONGLONG before = MemfsLoad(&scb->header.FileSize);
    open->file->SectionObjectPointer = &scb->sections;
    open->file->FsContext = scb;
    NTSTATUS status = MemfsSetFileSize(scb, 0);
    if (NT_SUCCESS(status)) {
        MemfsTellCache(scb, open->file);
        MemfsChanged(open->volume, open->link, MemfsDataReasons(scb->stream, MemfsSizeReason(before, 0)), NULL);
    }
    open->file->FsContext = NULL;
    open->file->SectionObjectPointer = NULL;
    LONGLONG allocation = open->irp->Overlay.AllocationSize.QuadPart;
    if (NT_SUCCESS(status))
        status = MemfsSetAllocation(scb, allocation > 0 ? allocation : 0);
    return status;
}

static ULONG new_attributes(const struct memfs_open *open)
{
    const ULONG settable = FILE_ATTRIBUTE_READONLY | FILE_ATTRIBUTE_HIDDEN | FILE_ATTRIBUTE_SYSTEM |
                           FILE_ATTRIBUTE_ARCHIVE | FILE_ATTRIBUTE_TEMPORARY |
                           FILE_ATTRIBUTE_OFFLINE | FILE_ATTRIBUTE_NOT_CONTENT_INDEXED;
    return open->attributes & settable;
}

static NTSTATUS store_eas(struct memfs_open *open, struct memfs_node *node)
{
    PVOID list = open->irp->AssociatedIrp.SystemBuffer;
    ULONG length = IoGetCurrentIrpStackLocation(open->irp)->Parameters.Create.EaLength, bad = 0;
    if (!list || !length)
        return STATUS_SUCCESS;
    if (!open->volume->store->ntfs)
        return STATUS_EAS_NOT_SUPPORTED;
    if (open->options & FILE_NO_EA_KNOWLEDGE)
        return STATUS_ACCESS_DENIED;
    NTSTATUS status = MemfsStoreEas(node, list, length, false, &bad);
    if (!NT_SUCCESS(status))
        open->information = bad;
    return status;
}

static NTSTATUS replace(struct memfs_open *open, struct memfs_node *node)
{
    NTSTATUS status = empty_stream(open);
    if (!NT_SUCCESS(status))
        return status;
    if (!open->last.stream.Length) {
        ULONG attributes = new_attributes(open) | FILE_ATTRIBUTE_ARCHIVE;
        remove_named_streams(node);
        MemfsDropDead(open->volume, node, open->scb);
        MemfsLockNode(node);
        if (open->disposition == FILE_SUPERSEDE)
            MemfsSetBits(node, attributes);
        else
            MemfsSetBits(node, node->attributes | attributes);
        sim_free(node->ea);
        node->ea = NULL;
        __atomic_store_n(&node->ea_length, 0, __ATOMIC_RELAXED);
        MemfsUnlockNode(node);
        status = store_eas(open, node);
    }
    MemfsSetTime(&node->written, MemfsNow());
    MemfsSetTime(&node->changed, MemfsNow());
    MemfsNotify(open->volume, open->link, open->scb->stream,
                FILE_NOTIFY_CHANGE_ATTRIBUTES | FILE_NOTIFY_CHANGE_SIZE |
                    FILE_NOTIFY_CHANGE_LAST_WRITE,
                FILE_ACTION_MODIFIED);
    open->information = open->disposition == FILE_SUPERSEDE ? FILE_SUPERSEDED : FILE_OVERWRITTEN;
    return status;
}

/* open->scb is exclusive. */
static NTSTATUS open_locked(struct memfs_open *open, struct memfs_node *node, bool fresh)
{
    struct memfs_scb *scb = open->scb;
    NTSTATUS status = MemfsMayOpen(open->volume);
    if (!NT_SUCCESS(status))
        return status;
    if (MemfsIs(&open->link->delete_pending) || MemfsIs(&open->link->removed) ||
        MemfsCount(&node->link_count) == 0 ||
        (scb->stream && (MemfsIs(&scb->stream->delete_pending) || MemfsIs(&scb->stream->removed))))
        return STATUS_DELETE_PENDING;
    status = check_attributes(open, node);
    if (NT_SUCCESS(status))
        status = check_sections(open);
    if (NT_SUCCESS(status))
        status = take_share(open, added_access(open), true);
    if (!NT_SUCCESS(status))
        return status;
    open->information = fresh ? FILE_CREATED : FILE_OPENED;
    if (!fresh && replaces(open) && scb->stream)
        status = replace(open, node);
    if (!NT_SUCCESS(status)) {
        IoRemoveShareAccess(open->file, &scb->share);
        return status;
    }
    MemfsFinishOpen(open, open->link);
    grant(open);
    return STATUS_SUCCESS;
}

/* Whoever holds an oplock answers first. Nothing of ours is held meanwhile: what was looked at is looked at again. */
static NTSTATUS break_oplocks(struct memfs_open *open)
{
    struct memfs_scb *scb = open->scb;
    if (!__atomic_load_n(&scb->header.Oplock, __ATOMIC_ACQUIRE))
        return STATUS_SUCCESS;
    ExAcquireResourceExclusiveLite(&scb->main, TRUE);
    NTSTATUS share = take_share(open, added_access(open), false);
    ExReleaseResourceLite(&scb->main);
    return MemfsBreakForOpen(open, share);
}

/* The stream that the name says; made when there is none and the disposition allows. */
static NTSTATUS find_stream(struct memfs_open *open, struct memfs_node *node,
                            struct memfs_stream **stream, bool *fresh)
{
    NTSTATUS status = STATUS_SUCCESS;
    *stream = NULL;
    *fresh = false;
    if (MemfsIsDirectory(node) && !open->last.stream.Length)
        return STATUS_SUCCESS;
    MemfsLockNode(node);
    *stream = MemfsFindStream(node, &open->last.stream);
    if (*stream && MemfsIs(&(*stream)->delete_pending))
        status = STATUS_DELETE_PENDING;
    else if (*stream && open->disposition == FILE_CREATE)
        status = STATUS_OBJECT_NAME_COLLISION;
    else if (!*stream && (open->disposition == FILE_OPEN || open->disposition == FILE_OVERWRITE))
        status = STATUS_OBJECT_NAME_NOT_FOUND;
    else if (!*stream && MemfsBits(node) & FILE_ATTRIBUTE_READONLY)
        status = STATUS_ACCESS_DENIED;
    else if (!*stream && MemfsIsReadOnly(open->volume))
        status = STATUS_MEDIA_WRITE_PROTECTED;
    else if (!*stream) {
        *stream = MemfsCreateStream(node, &open->last.stream);
        *fresh = true;
    }
    MemfsUnlockNode(node);
    return status;
}

NTSTATUS MemfsOpenExisting(struct memfs_open *open)
{
    struct memfs_node *node = open->link->node;
    struct memfs_stream *stream;
    bool fresh;
    if (MemfsIs(&open->link->delete_pending))
        return STATUS_DELETE_PENDING; /* whatever the disposition; looked at again when locked */
    if (node->reparse && !(open->options & FILE_OPEN_REPARSE_POINT) &&
        open->disposition != FILE_CREATE && !MemfsOpensPoint(open, node, true, open->unparsed))
        return MemfsStopAtReparse(open, node, open->unparsed);
    NTSTATUS status = check_kind(open, node);
    if (NT_SUCCESS(status))
        status = find_stream(open, node, &stream, &fresh);
    if (!NT_SUCCESS(status))
        return status;
    struct memfs_scb *scb = open->scb = MemfsGetScb(open->volume, node, stream);
    NTSTATUS broken = break_oplocks(open);
    if (!NT_SUCCESS(broken))
        return broken;
    ExAcquireResourceExclusiveLite(&scb->main, TRUE);
    status = open_locked(open, node, fresh);
    if (!NT_SUCCESS(status) && fresh) {
        MemfsLockNode(node);
        MemfsRemoveStream(stream); /* it goes with the control block */
        MemfsUnlockNode(node);
    }
    ExReleaseResourceLite(&scb->main);
    if (NT_SUCCESS(status) && fresh) {
        MemfsNotify(open->volume, open->link, stream, FILE_NOTIFY_CHANGE_STREAM_NAME, FILE_ACTION_ADDED_STREAM);
        MemfsChanged(open->volume, open->link, USN_REASON_STREAM_CHANGE, NULL);
    }
    return status == STATUS_SUCCESS ? broken : status;
}

/* -- something new ----------------------------------------------------------------------------- */

static bool is_going(struct memfs_node *folder)
{
    struct memfs_link *link = MemfsFirstLink(folder);
    bool going = !link || MemfsIs(&link->delete_pending);
    if (link)
        MemfsReleaseLink(link);
    return going;
}

static NTSTATUS check_new(const struct memfs_open *open)
{
    if (open->disposition == FILE_OPEN || open->disposition == FILE_OVERWRITE)
        return STATUS_OBJECT_NAME_NOT_FOUND;
    if (is_going(open->parent))
        return STATUS_DELETE_PENDING;
    if (open->trailing_slash && !(open->options & FILE_DIRECTORY_FILE))
        return STATUS_OBJECT_NAME_INVALID;
    if (open->options & FILE_DIRECTORY_FILE && open->last.has_stream)
        return STATUS_NOT_A_DIRECTORY;
    if (MemfsIsReadOnly(open->volume))
        return STATUS_MEDIA_WRITE_PROTECTED;
    if (open->options & FILE_DELETE_ON_CLOSE && open->attributes & FILE_ATTRIBUTE_READONLY)
        return STATUS_CANNOT_DELETE;
    if (open->options & FILE_DIRECTORY_FILE && open->attributes & FILE_ATTRIBUTE_TEMPORARY)
        return STATUS_INVALID_PARAMETER;
    return STATUS_SUCCESS;
}

/* The new node is complete, its control block exclusive: it appears, unless the name was taken
 * meanwhile. */
static NTSTATUS appear(struct memfs_open *open, struct memfs_node *node)
{
    struct memfs_link *link;
    MemfsLockNode(open->parent);
    NTSTATUS status = MemfsCount(&open->parent->link_count)
                          ? MemfsInsertLink(open->parent, node, &open->last.file, &link)
                          : STATUS_DELETE_PENDING;
    if (NT_SUCCESS(status)) {
        MemfsReferenceLink(link);
        MemfsRecallName(open->volume, link);
        MemfsPublishNode(node);
        open->link = link;
    }
    MemfsUnlockNode(open->parent);
    return status;
}

static NTSTATUS fill_new(struct memfs_open *open, struct memfs_node *node)
{
    NTSTATUS status = MemfsMayOpen(open->volume);
    if (NT_SUCCESS(status))
        status = store_eas(open, node);
    LONGLONG allocation = open->irp->Overlay.AllocationSize.QuadPart;
    if (NT_SUCCESS(status) && allocation > 0 && open->scb->stream)
        status = MemfsSetAllocation(open->scb, allocation);
    if (NT_SUCCESS(status))
        status = appear(open, node);
    return status;
}

static void announce(struct memfs_open *open, struct memfs_node *node)
{
    bool directory = MemfsIsDirectory(node);
    MemfsNotify(open->volume, open->link, NULL,
                directory ? FILE_NOTIFY_CHANGE_DIR_NAME : FILE_NOTIFY_CHANGE_FILE_NAME,
                FILE_ACTION_ADDED);
    MemfsChanged(open->volume, open->link,
                 USN_REASON_FILE_CREATE | (__atomic_load_n(&node->ea_length, __ATOMIC_RELAXED) ? USN_REASON_EA_CHANGE : 0) |
                     (open->last.stream.Length ? USN_REASON_STREAM_CHANGE : 0),
                 NULL);
}

NTSTATUS MemfsOpenNew(struct memfs_open *open)
{
    NTSTATUS status = check_new(open);
    if (!NT_SUCCESS(status))
        return status;
    bool directory = (open->options & FILE_DIRECTORY_FILE) != 0;
    ULONG attributes =
        new_attributes(open) | (directory ? FILE_ATTRIBUTE_DIRECTORY : FILE_ATTRIBUTE_ARCHIVE);
    struct memfs_node *node = MemfsCreateNode(open->volume->store, attributes);
    if (MemfsTracksQuotas(open->volume->store) && open->security && open->security->AccessState)
        MemfsSetOwner(node, SeQuerySubjectContextToken(&open->security->AccessState->SubjectSecurityContext));
    struct memfs_stream *stream = directory ? NULL : MemfsCreateStream(node, NULL);
    if (open->last.stream.Length)
        stream = MemfsCreateStream(node, &open->last.stream);
    struct memfs_scb *scb = open->scb = MemfsGetScb(open->volume, node, stream);
    if (open->paging_file) {
        scb->paging_file = true;
        scb->header.Flags2 &= (UCHAR)~FSRTL_FLAG2_SUPPORTS_FILTER_CONTEXTS;
        scb->header.Flags2 |= FSRTL_FLAG2_IS_PAGING_FILE;
    }
    ExAcquireResourceExclusiveLite(&scb->main, TRUE);
    status = fill_new(open, node);
    if (NT_SUCCESS(status)) {
        IoSetShareAccess(open->access, open->share, open->file, &scb->share);
        MemfsFinishOpen(open, open->link);
        grant(open);
        open->information = FILE_CREATED;
    }
    ExReleaseResourceLite(&scb->main);
    if (NT_SUCCESS(status)) {
        announce(open, node);
    } else {
        open->scb = NULL;
        MemfsReleaseScb(scb); /* the node has no name: the control block goes */
    }
    MemfsReleaseNode(node);
    return status;
}

/* -- the folder of a rename's target ----------------------------------------------------------- */

static NTSTATUS open_folder(struct memfs_open *open, struct memfs_link *folder)
{
    PUNICODE_STRING name = &open->file->FileName;
    struct memfs_scb *scb = open->scb = MemfsGetScb(open->volume, open->parent, NULL);
    ExAcquireResourceExclusiveLite(&scb->main, TRUE);
    NTSTATUS status = MemfsMayOpen(open->volume);
    if (NT_SUCCESS(status))
        status = take_share(open, 0, true);
    if (NT_SUCCESS(status)) {
        MemfsFinishOpen(open, folder);
        grant(open);
        memmove(name->Buffer, open->component.Buffer, open->component.Length);
        name->Length = open->component.Length;
        open->information = open->link ? FILE_EXISTS : FILE_DOES_NOT_EXIST;
    }
    ExReleaseResourceLite(&scb->main);
    return status;
}

NTSTATUS MemfsOpenTarget(struct memfs_open *open)
{
    if (!open->component.Length)
        return STATUS_OBJECT_NAME_INVALID;
    struct memfs_link *folder = MemfsFirstLink(open->parent);
    NTSTATUS status = !folder || MemfsIs(&folder->delete_pending) ? STATUS_DELETE_PENDING
                                                                  : open_folder(open, folder);
    if (folder)
        MemfsReleaseLink(folder);
    return status;
}

/* -- the volume -------------------------------------------------------------------------------- */

NTSTATUS MemfsOpenSelf(struct memfs_open *open)
{
    if (open->options & FILE_DIRECTORY_FILE)
        return STATUS_NOT_A_DIRECTORY;
    if (open->disposition != FILE_OPEN && open->disposition != FILE_OPEN_IF)
        return STATUS_ACCESS_DENIED;
    if (open->options & FILE_DELETE_ON_CLOSE)
        return STATUS_CANNOT_DELETE;
    if (open->target_directory)
        return STATUS_INVALID_PARAMETER;
    struct memfs_scb *scb = open->scb = MemfsGetScb(open->volume, NULL, NULL);
    ExAcquireResourceExclusiveLite(&scb->main, TRUE);
    NTSTATUS status = MemfsMayOpen(open->volume);
    if (NT_SUCCESS(status))
        status = take_share(open, 0, true);
    if (NT_SUCCESS(status)) {
        MemfsFinishOpen(open, NULL);
        open->file->Flags |= FO_NO_INTERMEDIATE_BUFFERING;
        grant(open);
        open->information = FILE_OPENED;
    }
    ExReleaseResourceLite(&scb->main);
    return status;
}
