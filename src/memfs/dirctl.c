/* IRP_MJ_DIRECTORY_CONTROL: enumeration and change notification. */
#include "memfs/memfs.h"

#include <string.h>

/* Where the members of each kind of entry are; 0: it has none. */
struct layout {
    FILE_INFORMATION_CLASS kind;
    ULONG name, ea, short_name, id, wide_id, tag;
};

#define AT(type, member) (ULONG) FIELD_OFFSET(type, member)
static const struct layout layouts[] = {
    {FileDirectoryInformation, AT(FILE_DIRECTORY_INFORMATION, FileName), 0, 0, 0, 0, 0},
    {FileFullDirectoryInformation, AT(FILE_FULL_DIR_INFORMATION, FileName),
     AT(FILE_FULL_DIR_INFORMATION, EaSize), 0, 0, 0, 0},
    {FileBothDirectoryInformation, AT(FILE_BOTH_DIR_INFORMATION, FileName),
     AT(FILE_BOTH_DIR_INFORMATION, EaSize), AT(FILE_BOTH_DIR_INFORMATION, ShortNameLength), 0, 0,
     0},
    {FileIdFullDirectoryInformation, AT(FILE_ID_FULL_DIR_INFORMATION, FileName),
     AT(FILE_ID_FULL_DIR_INFORMATION, EaSize), 0, AT(FILE_ID_FULL_DIR_INFORMATION, FileId), 0, 0},
    {FileIdBothDirectoryInformation, AT(FILE_ID_BOTH_DIR_INFORMATION, FileName),
     AT(FILE_ID_BOTH_DIR_INFORMATION, EaSize), AT(FILE_ID_BOTH_DIR_INFORMATION, ShortNameLength),
     AT(FILE_ID_BOTH_DIR_INFORMATION, FileId), 0, 0},
    {FileIdExtdDirectoryInformation, AT(FILE_ID_EXTD_DIR_INFORMATION, FileName),
     AT(FILE_ID_EXTD_DIR_INFORMATION, EaSize), 0, 0, AT(FILE_ID_EXTD_DIR_INFORMATION, FileId),
     AT(FILE_ID_EXTD_DIR_INFORMATION, ReparsePointTag)},
    {FileIdExtdBothDirectoryInformation, AT(FILE_ID_EXTD_BOTH_DIR_INFORMATION, FileName),
     AT(FILE_ID_EXTD_BOTH_DIR_INFORMATION, EaSize),
     AT(FILE_ID_EXTD_BOTH_DIR_INFORMATION, ShortNameLength), 0,
     AT(FILE_ID_EXTD_BOTH_DIR_INFORMATION, FileId),
     AT(FILE_ID_EXTD_BOTH_DIR_INFORMATION, ReparsePointTag)},
    {FileIdGlobalTxDirectoryInformation, AT(FILE_ID_GLOBAL_TX_DIR_INFORMATION, FileName), 0, 0,
     AT(FILE_ID_GLOBAL_TX_DIR_INFORMATION, FileId), 0, 0},
    {FileId64ExtdDirectoryInformation, AT(FILE_ID_64_EXTD_DIR_INFORMATION, FileName),
     AT(FILE_ID_64_EXTD_DIR_INFORMATION, EaSize), 0, AT(FILE_ID_64_EXTD_DIR_INFORMATION, FileId), 0,
     AT(FILE_ID_64_EXTD_DIR_INFORMATION, ReparsePointTag)},
    {FileId64ExtdBothDirectoryInformation, AT(FILE_ID_64_EXTD_BOTH_DIR_INFORMATION, FileName),
     AT(FILE_ID_64_EXTD_BOTH_DIR_INFORMATION, EaSize),
     AT(FILE_ID_64_EXTD_BOTH_DIR_INFORMATION, ShortNameLength),
     AT(FILE_ID_64_EXTD_BOTH_DIR_INFORMATION, FileId), 0,
     AT(FILE_ID_64_EXTD_BOTH_DIR_INFORMATION, ReparsePointTag)},
    {FileIdAllExtdDirectoryInformation, AT(FILE_ID_ALL_EXTD_DIR_INFORMATION, FileName),
     AT(FILE_ID_ALL_EXTD_DIR_INFORMATION, EaSize), 0, AT(FILE_ID_ALL_EXTD_DIR_INFORMATION, FileId),
     AT(FILE_ID_ALL_EXTD_DIR_INFORMATION, FileId128),
     AT(FILE_ID_ALL_EXTD_DIR_INFORMATION, ReparsePointTag)},
    {FileIdAllExtdBothDirectoryInformation, AT(FILE_ID_ALL_EXTD_BOTH_DIR_INFORMATION, FileName),
     AT(FILE_ID_ALL_EXTD_BOTH_DIR_INFORMATION, EaSize),
     AT(FILE_ID_ALL_EXTD_BOTH_DIR_INFORMATION, ShortNameLength),
     AT(FILE_ID_ALL_EXTD_BOTH_DIR_INFORMATION, FileId),
     AT(FILE_ID_ALL_EXTD_BOTH_DIR_INFORMATION, FileId128),
     AT(FILE_ID_ALL_EXTD_BOTH_DIR_INFORMATION, ReparsePointTag)},
    {FileNamesInformation, AT(FILE_NAMES_INFORMATION, FileName), 0, 0, 0, 0, 0},
};

struct listing {
    struct memfs_scb *scb;
    struct memfs_ccb *ccb;
    const struct layout *layout;
    UCHAR *buffer;
    ULONG room, used, last; /* last: offset of the last entry; MAXULONG: none */
};

static const struct layout *layout_of(FILE_INFORMATION_CLASS kind, bool ntfs)
{
    for (size_t i = 0; i < sizeof layouts / sizeof *layouts; i++)
        if (layouts[i].kind == kind)
            return (layouts[i].tag || kind == FileIdGlobalTxDirectoryInformation) && !ntfs ? NULL : &layouts[i];
    return NULL;
}

/* -- where the enumeration stands -------------------------------------------------------------- */

static struct memfs_link *next_by_sequence(struct memfs_node *folder, ULONG after)
{
    struct memfs_link *next = NULL;
    for (ULONG i = 0; i < folder->child_count; i++) {
        struct memfs_link *link = folder->children[i];
        if (link->sequence > after && (!next || link->sequence < next->sequence))
            next = link;
    }
    return next;
}

static struct memfs_link *after_position(struct listing *listing)
{
    struct memfs_node *folder = listing->scb->node;
    struct memfs_ccb *ccb = listing->ccb;
    if (!folder->store->ntfs)
        return next_by_sequence(folder, ccb->last_sequence);
    ULONG index =
        ccb->last ? MemfsChildAfter(folder, ccb->last, ccb->last_length, ccb->last_exact) : 0;
    return index < folder->child_count ? folder->children[index] : NULL;
}

static void set_position(struct memfs_ccb *ccb, const struct memfs_link *link)
{
    sim_free(ccb->last);
    sim_free(ccb->last_exact);
    ccb->last = link ? MemfsCopyText(link->upcased, link->name_length) : NULL;
    ccb->last_exact = link ? MemfsCopyText(link->name, link->name_length) : NULL;
    ccb->last_length = link ? link->name_length : 0;
    ccb->last_sequence = link ? link->sequence : 0;
}

/* -- what matches ------------------------------------------------------------------------------ */

static bool is_everything(const UNICODE_STRING *pattern)
{
    return pattern->Length == 0 || (pattern->Length == sizeof(WCHAR) && pattern->Buffer[0] == '*');
}

static bool matches(struct memfs_ccb *ccb, const WCHAR *name, USHORT bytes)
{
    UNICODE_STRING text = {bytes, bytes, (PWCH)name};
    return is_everything(&ccb->pattern) ||
           FsRtlIsNameInExpression(&ccb->pattern, &text, TRUE, NULL);
}

static bool link_matches(struct memfs_ccb *ccb, const struct memfs_link *link)
{
    return matches(ccb, link->name, link->name_length) ||
           (link->short_length && matches(ccb, link->short_name, link->short_length));
}

/* "*" in the manner of programs: "*." and the like arrive translated (FsRtl's DOS_ wild cards). */
static void keep_pattern(struct memfs_ccb *ccb, const UNICODE_STRING *pattern)
{
    if (!pattern || !pattern->Length)
        return;
    ccb->pattern.Buffer = MemfsCopyText(pattern->Buffer, pattern->Length);
    ccb->pattern.Length = ccb->pattern.MaximumLength = pattern->Length;
    for (USHORT i = 0; i < pattern->Length / sizeof(WCHAR); i++)
        ccb->pattern.Buffer[i] = MemfsUpcase(ccb->pattern.Buffer[i]);
}

/* -- entries ----------------------------------------------------------------------------------- */

static void fill_sizes(struct memfs_node *node, PFILE_DIRECTORY_INFORMATION info)
{
    MemfsShareNode(node);
    struct memfs_stream *stream = MemfsIsDirectory(node) ? NULL : node->streams;
    if (stream && stream->scb) {
        info->EndOfFile.QuadPart = MemfsLoad(&stream->scb->header.FileSize);
        info->AllocationSize.QuadPart = MemfsLoad(&stream->scb->header.AllocationSize);
    } else if (stream) {
        info->EndOfFile.QuadPart = stream->size;
        info->AllocationSize.QuadPart = stream->allocated;
    }
    info->FileAttributes = MemfsAttributes(node, stream);
    MemfsUnshareNode(node);
}

static void fill(struct listing *listing, UCHAR *entry, struct memfs_node *node,
                 const struct memfs_link *link)
{
    const struct layout *layout = listing->layout;
    if (layout->kind == FileNamesInformation)
        return;
    PFILE_DIRECTORY_INFORMATION info = (PVOID)entry;
    info->CreationTime.QuadPart = MemfsTime(&node->created);
    info->LastAccessTime.QuadPart = MemfsTime(&node->accessed);
    info->LastWriteTime.QuadPart = MemfsTime(&node->written);
    info->ChangeTime.QuadPart = node->store->ntfs ? MemfsTime(&node->changed) : 0;
    fill_sizes(node, info);
    if (layout->ea)
        *(ULONG *)(entry + layout->ea) =
            MemfsReparseTag(node) && !layout->tag ? MemfsReparseTag(node) : node->ea_length;
    if (layout->tag)
        *(ULONG *)(entry + layout->tag) = MemfsReparseTag(node);
    if (layout->id)
        memcpy(entry + layout->id, &node->id, sizeof node->id);
    if (layout->wide_id)
        memcpy(entry + layout->wide_id, &node->id, sizeof node->id);
    if (layout->short_name && link && link->short_length) {
        entry[layout->short_name] = (UCHAR)link->short_length;
        memcpy(entry + layout->short_name + 2, link->short_name, link->short_length);
    }
}

/* STATUS_BUFFER_OVERFLOW: the first entry, cut. STATUS_BUFFER_TOO_SMALL: no room for one more. */
static NTSTATUS put(struct listing *listing, struct memfs_node *node, const struct memfs_link *link,
                    const WCHAR *name, USHORT bytes)
{
    const struct layout *layout = listing->layout;
    ULONG at = (listing->used + 7) & ~7u, left = at < listing->room ? listing->room - at : 0;
    bool first = listing->last == MAXULONG;
    if (left < layout->name || (!first && left - layout->name < bytes))
        return STATUS_BUFFER_TOO_SMALL;
    ULONG count = left - layout->name < bytes ? (left - layout->name) & ~1u : bytes;
    UCHAR *entry = listing->buffer + at;
    memset(listing->buffer + listing->used, 0, at + layout->name - listing->used);
    fill(listing, entry, node, link);

    if (layout->kind == FileNamesInformation)
        ((PFILE_NAMES_INFORMATION)(PVOID)entry)->FileNameLength = bytes;
    else
        ((PFILE_DIRECTORY_INFORMATION)(PVOID)entry)->FileNameLength = bytes;
    memcpy(entry + layout->name, name, count);
    if (!first)
        *(ULONG *)(listing->buffer + listing->last) = at - listing->last;
    listing->last = at;
    listing->used = at + layout->name + count;
    return count == bytes ? STATUS_SUCCESS : STATUS_BUFFER_OVERFLOW;
}

/* "." and "..", which the root does not have. */
static NTSTATUS put_dots(struct listing *listing, bool single)
{
    static const WCHAR dots[2] = {'.', '.'};
    struct memfs_node *folder = listing->scb->node;
    struct memfs_ccb *ccb = listing->ccb;
    if (folder == folder->store->root)
        ccb->position = 2;
    for (; ccb->position < 2; ccb->position++) {
        USHORT bytes = (USHORT)((ccb->position + 1) * (LONG)sizeof(WCHAR));
        struct memfs_link *own = folder->links;
        struct memfs_node *shown =
            ccb->position == 0 || !own || !own->parent ? folder : own->parent;
        if (!matches(ccb, dots, bytes))
            continue;
        NTSTATUS status = put(listing, shown, NULL, dots, bytes);
        if (status != STATUS_SUCCESS)
            return status;
        if (single) {
            ccb->position++;
            return STATUS_BUFFER_TOO_SMALL;
        }
    }
    return STATUS_SUCCESS;
}

/* The next child that matches, referenced; NULL: none left. */
static struct memfs_link *next_child(struct listing *listing)
{
    struct memfs_node *folder = listing->scb->node;
    MemfsShareNode(folder);
    struct memfs_link *link = after_position(listing);
    if (link)
        MemfsReferenceLink(link);
    MemfsUnshareNode(folder);
    return link;
}

static NTSTATUS put_children(struct listing *listing, bool single)
{
    NTSTATUS status = STATUS_SUCCESS;
    struct memfs_link *link;
    while (status == STATUS_SUCCESS && (link = next_child(listing))) {
        if (link_matches(listing->ccb, link))
            status = put(listing, link->node, link, link->name, link->name_length);
        if (status == STATUS_SUCCESS)
            set_position(listing->ccb, link);
        if (single && listing->last != MAXULONG && status == STATUS_SUCCESS)
            status = STATUS_BUFFER_TOO_SMALL;
        MemfsReleaseLink(link);
    }
    return status;
}

static NTSTATUS list(struct listing *listing, UCHAR flags)
{
    bool single = (flags & SL_RETURN_SINGLE_ENTRY) != 0;
    NTSTATUS status = put_dots(listing, single);
    if (status == STATUS_SUCCESS)
        status = put_children(listing, single);
    if (listing->last != MAXULONG)
        return status == STATUS_BUFFER_OVERFLOW ? status : STATUS_SUCCESS;
    return status == STATUS_SUCCESS ? STATUS_NO_MORE_FILES : STATUS_BUFFER_OVERFLOW;
}

static NTSTATUS query_directory(PIRP irp, struct memfs_scb *scb, struct memfs_ccb *ccb,
                                ULONG_PTR *done)
{
    PIO_STACK_LOCATION stack = IoGetCurrentIrpStackLocation(irp);
    struct listing listing = {.scb = scb,
                              .ccb = ccb,
                              .buffer = MemfsBuffer(irp),
                              .room = stack->Parameters.QueryDirectory.Length,
                              .last = MAXULONG};
    listing.layout =
        layout_of(stack->Parameters.QueryDirectory.FileInformationClass, scb->volume->store->ntfs);
    if (!listing.layout)
        return STATUS_INVALID_INFO_CLASS;
    if (!listing.buffer)
        return STATUS_INVALID_USER_BUFFER;
    if (MemfsCount(&scb->node->link_count) == 0 || MemfsIs(&ccb->link->delete_pending))
        return STATUS_DELETE_PENDING;
    bool first = !(ccb->flags & MEMFS_CCB_STARTED);
    if (first)
        keep_pattern(ccb, stack->Parameters.QueryDirectory.FileName);
    if (first || stack->Flags & SL_RESTART_SCAN) {
        ccb->position = 0;
        set_position(ccb, NULL);
    }
    ccb->flags |= MEMFS_CCB_STARTED;
    ExAcquireResourceSharedLite(&scb->volume->tree, TRUE);
    NTSTATUS status = list(&listing, stack->Flags);
    ExReleaseResourceLite(&scb->volume->tree);
    if (status == STATUS_NO_MORE_FILES && first)
        status = STATUS_NO_SUCH_FILE;
    *done = listing.used;
    return status;
}

/* -- notification ------------------------------------------------------------------------------ */

static NTSTATUS watch(PIRP irp, struct memfs_scb *scb, struct memfs_ccb *ccb)
{
    PIO_STACK_LOCATION stack = IoGetCurrentIrpStackLocation(irp);
    struct memfs_volume *volume = scb->volume;
    if (MemfsCount(&scb->node->link_count) == 0 || MemfsIs(&ccb->link->delete_pending))
        return STATUS_DELETE_PENDING;
    if (!ccb->watched.Buffer) {
        ExAcquireResourceSharedLite(&volume->tree, TRUE);
        NTSTATUS status = MemfsPathOf(ccb->link, NULL, false, &ccb->watched);
        ExReleaseResourceLite(&volume->tree);
        if (!NT_SUCCESS(status))
            return status;
    }
    FsRtlNotifyFullChangeDirectory(volume->notify, &volume->watchers, ccb, (PSTRING)&ccb->watched,
                                   (stack->Flags & SL_WATCH_TREE) != 0, FALSE,
                                   stack->Parameters.NotifyDirectory.CompletionFilter, irp, NULL,
                                   NULL);
    return STATUS_PENDING;
}

void MemfsEndWatches(struct memfs_scb *scb)
{
    struct memfs_volume *volume = scb->volume;
    if (scb->stream || !scb->node || __atomic_load_n(&volume->watchers.Flink, __ATOMIC_RELAXED) == &volume->watchers)
        return;
    for (PLIST_ENTRY link = scb->opens.Flink; link != &scb->opens; link = link->Flink)
        FsRtlNotifyFullChangeDirectory(volume->notify, &volume->watchers, CONTAINING_RECORD(link, struct memfs_ccb, open), NULL,
                                       FALSE, FALSE, 0, NULL, NULL, NULL);
}

void MemfsNotify(struct memfs_volume *volume, struct memfs_link *link,
                 const struct memfs_stream *stream, ULONG filter, ULONG action)
{
    UNICODE_STRING path;
    if (__atomic_load_n(&volume->watchers.Flink, __ATOMIC_RELAXED) == &volume->watchers || !link ||
        !link->parent)
        return;
    bool named = stream && stream->name_length;
    ExAcquireResourceSharedLite(&volume->tree, TRUE);
    NTSTATUS status = MemfsPathOf(link, NULL, false, &path);
    USHORT length = link->name_length;
    ExReleaseResourceLite(&volume->tree);
    if (!NT_SUCCESS(status))
        return;
    UNICODE_STRING name = {named ? stream->name_length : 0, named ? stream->name_length : 0,
                           named ? stream->name : NULL};
    FsRtlNotifyFullReportChange(volume->notify, &volume->watchers, (PSTRING)&path,
                                (USHORT)(path.Length - length), named ? (PSTRING)&name : NULL, NULL,
                                filter, action, NULL);
    ExFreePoolWithTag(path.Buffer, MEMFS_TAG);
}

/* -- the request ------------------------------------------------------------------------------- */

NTSTATUS MemfsDirectoryControl(PDEVICE_OBJECT device, PIRP irp)
{
    PIO_STACK_LOCATION stack = IoGetCurrentIrpStackLocation(irp);
    PFILE_OBJECT file = stack->FileObject;
    struct memfs_scb *scb = file ? MemfsScbOf(file) : NULL;
    ULONG_PTR done = 0;
    if (!scb || !scb->node || scb->stream || !file->FsContext2)
        return MemfsComplete(irp, STATUS_INVALID_PARAMETER, 0);
    if (MemfsIs(&scb->volume->dismounted))
        return MemfsComplete(irp, STATUS_VOLUME_DISMOUNTED, 0);
    NTSTATUS status = STATUS_INVALID_DEVICE_REQUEST;
    FsRtlEnterFileSystem();
    ExAcquireResourceExclusiveLite(&scb->main, TRUE);
    if (stack->MinorFunction == IRP_MN_QUERY_DIRECTORY)
        status = query_directory(irp, scb, MemfsCcbOf(file), &done);
    else if (stack->MinorFunction == IRP_MN_NOTIFY_CHANGE_DIRECTORY)
        status = watch(irp, scb, MemfsCcbOf(file));
    ExReleaseResourceLite(&scb->main);
    FsRtlExitFileSystem();
    return status == STATUS_PENDING ? status
                                    : MemfsComplete(irp, status, NT_ERROR(status) ? 0 : done);
}
