/* Renames, hard links, renames of streams. The main resource of the file is exclusive. */
#include "memfs/memfs.h"

#include <string.h>

struct rename {
    struct memfs_volume *volume;
    PFILE_OBJECT file;
    struct memfs_scb *scb;
    struct memfs_link *link;   /* the name the file was opened by */
    struct memfs_node *target; /* the folder; referenced */
    struct memfs_node *gone;   /* referenced: the file that the new name replaced */
    UNICODE_STRING name; /* the new name, in the request's buffer or the target's file object */
    bool replace, posix, ignore_read_only, hard_link;
};

/* -- the parameters ---------------------------------------------------------------------------- */

static UNICODE_STRING last_component(UNICODE_STRING path)
{
    USHORT at = path.Length / sizeof(WCHAR);
    while (at && path.Buffer[at - 1] != '\\')
        at--;
    path.Buffer += at;
    path.Length = path.MaximumLength = (USHORT)(path.Length - at * sizeof(WCHAR));
    return path;
}

static NTSTATUS read_flags(struct rename *rename, PIRP irp, const FILE_RENAME_INFORMATION *info)
{
    PIO_STACK_LOCATION stack = IoGetCurrentIrpStackLocation(irp);
    int kind = stack->Parameters.SetFile.FileInformationClass;
    bool extended = kind == FileRenameInformationEx || kind == FileLinkInformationEx ||
                    kind == FileRenameInformationExBypassAccessCheck ||
                    kind == FileLinkInformationExBypassAccessCheck;
    ULONG head = (ULONG)FIELD_OFFSET(FILE_RENAME_INFORMATION, FileName);
    if (stack->Parameters.SetFile.Length < head ||
        info->FileNameLength > stack->Parameters.SetFile.Length - head ||
        info->FileNameLength > MAXUSHORT)
        return STATUS_INVALID_PARAMETER;
    if (extended) {
        rename->replace = (info->Flags & FILE_RENAME_REPLACE_IF_EXISTS) != 0;
        rename->posix = (info->Flags & FILE_RENAME_POSIX_SEMANTICS) != 0;
        rename->ignore_read_only = (info->Flags & FILE_RENAME_IGNORE_READONLY_ATTRIBUTE) != 0;
    } else {
        rename->replace = stack->Parameters.SetFile.ReplaceIfExists || info->ReplaceIfExists;
    }
    rename->name.Buffer = (PWCH)info->FileName;
    rename->name.Length = rename->name.MaximumLength = (USHORT)info->FileNameLength;
    return STATUS_SUCCESS;
}

/* Where to: the opened target folder, or the file's own. */
static NTSTATUS find_target(struct rename *rename, PFILE_OBJECT target)
{
    struct memfs_scb *folder = target ? MemfsScbOf(target) : NULL;
    if (target && (!folder || folder->volume != rename->volume || !folder->node))
        return STATUS_NOT_SAME_DEVICE;
    if (target && target->FileName.Length)
        rename->name = target->FileName;
    rename->name = last_component(rename->name);
    rename->target = folder ? folder->node : rename->link->parent;
    if (!rename->target)
        return STATUS_INVALID_PARAMETER;
    MemfsReferenceNode(rename->target);
    if (!MemfsIsDirectory(rename->target))
        return STATUS_INVALID_PARAMETER;
    return MemfsIsLegalName(&rename->name, rename->volume->store->ntfs, false)
               ? STATUS_SUCCESS
               : STATUS_OBJECT_NAME_INVALID;
}

/* -- checks ------------------------------------------------------------------------------------ */

static bool is_below(struct memfs_node *node, const struct memfs_node *folder)
{
    while (node) {
        if (node == folder)
            return true;
        node = node->links ? node->links->parent : NULL;
    }
    return false;
}

/* Through which of its names a file is open, counts. */
static bool is_open_below(struct memfs_node *node, const struct memfs_node *folder)
{
    for (struct memfs_link *link = node->links; link; link = link->next)
        if (MemfsCount(&link->handles) > 0 && is_below(link->parent, folder))
            return true;
    return false;
}

/* volume.tree is exclusive: does any handle stand on something below the folder? */
static bool has_open_below(struct memfs_volume *volume, const struct memfs_node *folder)
{
    bool found = false;
    ExAcquireFastMutex(&volume->lock);
    for (PLIST_ENTRY link = volume->scbs.Flink; link != &volume->scbs && !found;
         link = link->Flink) {
        struct memfs_scb *scb = CONTAINING_RECORD(link, struct memfs_scb, link);
        if (MemfsCount(&scb->handles) > 0 && scb->node && scb->node != folder)
            found = is_open_below(scb->node, folder);
    }
    ExReleaseFastMutex(&volume->lock);
    return found;
}

static NTSTATUS check_source(struct rename *rename)
{
    struct memfs_node *node = rename->scb->node;
    if (!rename->link->parent)
        return STATUS_INVALID_PARAMETER; /* the root */
    if (MemfsIs(&rename->link->removed) || MemfsIs(&rename->link->delete_pending))
        return MemfsIs(&rename->link->removed) ? STATUS_FILE_DELETED : STATUS_ACCESS_DENIED;
    if (MemfsCount(&rename->target->link_count) == 0)
        return STATUS_DELETE_PENDING;
    if (!MemfsIsDirectory(node))
        return STATUS_SUCCESS;
    if (rename->hard_link)
        return STATUS_FILE_IS_A_DIRECTORY;
    if (is_below(rename->target, node))
        return STATUS_INVALID_PARAMETER;
    return has_open_below(rename->volume, node) ? STATUS_ACCESS_DENIED : STATUS_SUCCESS;
}

static bool is_open(struct memfs_node *node)
{
    MemfsLockNode(node);
    bool open = MemfsIsOpen(node->directory);
    for (const struct memfs_stream *stream = node->streams; stream && !open; stream = stream->next)
        open = MemfsIsOpen(stream->scb) && !MemfsIs(&stream->removed);
    MemfsUnlockNode(node);
    return open;
}

/* Images and views that somebody has of the file that would go. */
static bool is_mapped(struct memfs_volume *volume, struct memfs_node *node)
{
    enum { BATCH = 16 };
    struct memfs_scb *scbs[BATCH];
    unsigned count = 0;
    bool mapped = false;
    MemfsLockNode(node);
    for (struct memfs_stream *stream = node->streams; stream && count < BATCH;
         stream = stream->next)
        if (stream->scb && stream->scb->volume == volume) {
            MemfsReferenceScb(stream->scb);
            scbs[count++] = stream->scb;
        }
    MemfsUnlockNode(node);
    for (unsigned i = 0; i < count; i++) {
        mapped = mapped || !MmFlushImageSection(&scbs[i]->sections, MmFlushForDelete);
        MemfsReleaseScb(scbs[i]);
    }
    return mapped;
}

static NTSTATUS check_victim(struct rename *rename, struct memfs_link *victim)
{
    struct memfs_node *node = victim->node;
    if (!rename->replace)
        return STATUS_OBJECT_NAME_COLLISION;
    if (MemfsIsDirectory(node)) /* a folder may take the place of a file */
        return STATUS_ACCESS_DENIED;
    if (MemfsBits(node) & FILE_ATTRIBUTE_READONLY && !rename->ignore_read_only)
        return STATUS_ACCESS_DENIED;
    if (is_open(node) && !rename->posix)
        return STATUS_ACCESS_DENIED;
    return is_mapped(rename->volume, node) ? STATUS_ACCESS_DENIED : STATUS_SUCCESS;
}

/* -- doing it ---------------------------------------------------------------------------------- */

static struct memfs_link *find_victim(struct rename *rename)
{
    bool by_short;
    MemfsLockNode(rename->target);
    struct memfs_link *victim = MemfsLookup(rename->target, &rename->name, false, &by_short);
    if (victim)
        MemfsReferenceLink(victim);
    MemfsUnlockNode(rename->target);
    return victim;
}

static ULONG name_filter(const struct memfs_node *node)
{
    return MemfsIsDirectory(node) ? FILE_NOTIFY_CHANGE_DIR_NAME : FILE_NOTIFY_CHANGE_FILE_NAME;
}

static void remove_victim(struct rename *rename, struct memfs_link *victim)
{
    struct memfs_node *node = victim->node;
    MemfsNotify(rename->volume, victim, NULL, name_filter(node), FILE_ACTION_REMOVED);
    struct memfs_node *first = rename->target < node ? rename->target : node;
    struct memfs_node *second = rename->target < node ? node : rename->target;
    MemfsLockNode(first);
    MemfsLockNode(second);
    bool last = MemfsCount(&node->link_count) == 1;
    MemfsChanged(rename->volume, victim, last ? USN_REASON_FILE_DELETE | USN_REASON_CLOSE : USN_REASON_HARD_LINK_CHANGE,
                 MemfsCcbOf(rename->file));
    MemfsRemoveLink(victim);
    MemfsUnlockNode(second);
    MemfsUnlockNode(first);
    MemfsReferenceNode(node);
    rename->gone = node;
}

static NTSTATUS add_link(struct rename *rename)
{
    struct memfs_link *link = NULL;
    struct memfs_node *node = rename->scb->node;
    struct memfs_node *first = rename->target < node ? rename->target : node;
    struct memfs_node *second = rename->target < node ? node : rename->target;
    MemfsLockNode(first);
    MemfsLockNode(second);
    NTSTATUS status = MemfsInsertLink(rename->target, node, &rename->name, &link);
    if (NT_SUCCESS(status))
        MemfsReferenceLink(link);
    MemfsUnlockNode(second);
    MemfsUnlockNode(first);
    if (!NT_SUCCESS(status))
        return status;
    MemfsSetTime(&node->changed, MemfsNow());
    MemfsNotify(rename->volume, link, NULL, name_filter(node), FILE_ACTION_ADDED);
    MemfsChanged(rename->volume, link, USN_REASON_HARD_LINK_CHANGE, MemfsCcbOf(rename->file));
    MemfsReleaseLink(link);
    return STATUS_SUCCESS;
}

static NTSTATUS move(struct rename *rename)
{
    struct memfs_link *link = rename->link;
    bool same_folder = link->parent == rename->target;
    ULONG filter = name_filter(link->node);
    MemfsNotify(rename->volume, link, NULL, filter,
                same_folder ? FILE_ACTION_RENAMED_OLD_NAME : FILE_ACTION_REMOVED);
    MemfsChanged(rename->volume, link, USN_REASON_RENAME_OLD_NAME, MemfsCcbOf(rename->file));
    MemfsRememberName(rename->volume, link);
    NTSTATUS status = MemfsMoveLink(link, rename->target, &rename->name);
    if (NT_SUCCESS(status)) {
        MemfsLockNode(rename->target);
        MemfsRecallName(rename->volume, link);
        MemfsUnlockNode(rename->target);
        MemfsChanged(rename->volume, link, USN_REASON_RENAME_NEW_NAME, MemfsCcbOf(rename->file));
        MemfsCcbOf(rename->file)->flags &= ~(ULONG)MEMFS_CCB_SHORT_NAME;
        MemfsNotify(rename->volume, link, NULL, filter,
                    same_folder ? FILE_ACTION_RENAMED_NEW_NAME : FILE_ACTION_ADDED);
    }
    return status;
}

static NTSTATUS rename_in_tree(struct rename *rename)
{
    NTSTATUS status = check_source(rename);
    if (!NT_SUCCESS(status))
        return status;
    struct memfs_link *victim = find_victim(rename);
    bool same = victim && victim == rename->link;
    if (victim && !same)
        status = victim->node == rename->scb->node && !rename->replace
                     ? STATUS_OBJECT_NAME_COLLISION
                     : check_victim(rename, victim);
    if (same && rename->hard_link)
        status = rename->replace ? STATUS_SUCCESS : STATUS_OBJECT_NAME_COLLISION;
    bool nothing = same && rename->hard_link;
    if (NT_SUCCESS(status) && victim && !same)
        remove_victim(rename, victim);
    if (NT_SUCCESS(status) && !nothing)
        status = rename->hard_link ? add_link(rename) : move(rename);
    if (victim)
        MemfsReleaseLink(victim);
    return status;
}

/* -- streams ----------------------------------------------------------------------------------- */

/* ":new" or ":new:$DATA". The control block and its contexts stay with the data. */
static NTSTATUS rename_stream(struct rename *rename)
{
    struct memfs_name split;
    struct memfs_node *node = rename->scb->node;
    NTSTATUS status = MemfsSplitStream(&rename->name, rename->volume->store->ntfs, &split);
    if (!NT_SUCCESS(status))
        return status;
    if (split.file.Length || !split.has_stream || !rename->scb->stream || rename->hard_link)
        return STATUS_INVALID_PARAMETER;
    if (!rename->scb->stream->name_length || split.default_stream)
        return STATUS_NOT_SUPPORTED; /* to or from the unnamed stream */
    MemfsLockNode(node);
    struct memfs_stream *there = MemfsFindStream(node, &split.stream),
                        *stream = rename->scb->stream;
    if (MemfsIs(&stream->removed))
        status = STATUS_FILE_DELETED;
    else if (there && there != stream)
        status = !rename->replace          ? STATUS_OBJECT_NAME_COLLISION
                 : MemfsIsOpen(there->scb) ? STATUS_ACCESS_DENIED
                                           : STATUS_SUCCESS;
    if (NT_SUCCESS(status)) {
        if (there && there != stream)
            MemfsRemoveStream(there);
        WCHAR *name = MemfsCopyText(split.stream.Buffer, split.stream.Length), *old = stream->name;
        stream->name = name;
        stream->name_length = split.stream.Length;
        sim_free(old);
    }
    MemfsUnlockNode(node);
    if (NT_SUCCESS(status))
        MemfsChanged(rename->volume, rename->link, USN_REASON_STREAM_CHANGE, MemfsCcbOf(rename->file));
    MemfsDropDead(rename->volume, node, rename->scb);
    return status;
}

NTSTATUS MemfsRename(struct memfs_volume *volume, PFILE_OBJECT file, PIRP irp, bool link)
{
    PIO_STACK_LOCATION stack = IoGetCurrentIrpStackLocation(irp);
    struct rename rename = {.volume = volume,
                            .file = file,
                            .scb = MemfsScbOf(file),
                            .link = MemfsCcbOf(file)->link,
                            .hard_link = link};
    NTSTATUS status = read_flags(&rename, irp, irp->AssociatedIrp.SystemBuffer);
    if (!NT_SUCCESS(status))
        return status;
    if (MemfsIsReadOnly(volume))
        return STATUS_MEDIA_WRITE_PROTECTED;
    if (rename.name.Length && rename.name.Buffer[0] == ':')
        return rename_stream(&rename);
    if (rename.scb->stream && rename.scb->stream->name_length)
        return STATUS_INVALID_PARAMETER;
    status = find_target(&rename, stack->Parameters.SetFile.FileObject);
    if (NT_SUCCESS(status)) {
        ExAcquireResourceExclusiveLite(&volume->tree, TRUE);
        status = rename_in_tree(&rename);
        ExReleaseResourceLite(&volume->tree);
    }
    if (rename.gone) {
        if (MemfsCount(&rename.gone->link_count) == 0)
            MemfsDropDead(volume, rename.gone, NULL);
        MemfsReleaseNode(rename.gone);
    }
    if (rename.target)
        MemfsReleaseNode(rename.target);
    return status;
}
