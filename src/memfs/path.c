/* From a file name to the folder and name of its last component. */
#include "memfs/open.h"

#include <string.h>

static UNICODE_STRING slice(const UNICODE_STRING *text, USHORT from, USHORT end)
{
    USHORT bytes = (USHORT)((end - from) * sizeof(WCHAR));
    return (UNICODE_STRING){bytes, bytes, text->Buffer + from};
}

static USHORT find(const UNICODE_STRING *text, USHORT from, WCHAR unit)
{
    USHORT units = text->Length / sizeof(WCHAR);
    while (from < units && text->Buffer[from] != unit)
        from++;
    return from;
}

static bool is_text(const UNICODE_STRING *text, const char *what)
{
    USHORT units = text->Length / sizeof(WCHAR);
    if (strlen(what) != units)
        return false;
    for (USHORT i = 0; i < units; i++)
        if (MemfsUpcase(text->Buffer[i]) != (WCHAR)what[i])
            return false;
    return true;
}

/* "file", "file:stream", "file:stream:$DATA", "file::$DATA", "dir:$I30:$INDEX_ALLOCATION". */
NTSTATUS MemfsSplitStream(const UNICODE_STRING *component, bool ntfs, struct memfs_name *name)
{
    USHORT units = component->Length / sizeof(WCHAR), colon = find(component, 0, ':');
    memset(name, 0, sizeof *name);
    name->file = slice(component, 0, colon);
    if (colon == units)
        return STATUS_SUCCESS;
    if (!ntfs)
        return STATUS_OBJECT_NAME_INVALID;
    USHORT second = find(component, (USHORT)(colon + 1), ':');
    UNICODE_STRING type =
        second < units ? slice(component, (USHORT)(second + 1), units) : (UNICODE_STRING){0};
    name->stream = slice(component, (USHORT)(colon + 1), second);
    name->has_stream = true;
    if (second < units && find(&type, 0, ':') < type.Length / sizeof(WCHAR))
        return STATUS_OBJECT_NAME_INVALID;
    if (is_text(&type, "$INDEX_ALLOCATION") &&
        (name->stream.Length == 0 || is_text(&name->stream, "$I30"))) {
        name->has_stream = false;
        name->index = true;
        name->stream.Length = 0;
        return STATUS_SUCCESS;
    }
    if (second < units && !is_text(&type, "$DATA"))
        return STATUS_OBJECT_NAME_INVALID;
    name->default_stream = name->stream.Length == 0;
    if (name->default_stream)
        return second < units ? STATUS_SUCCESS : STATUS_OBJECT_NAME_INVALID;
    for (USHORT i = 0; i < name->stream.Length / sizeof(WCHAR); i++)
        if (name->stream.Buffer[i] == 0 || name->stream.Buffer[i] == '/')
            return STATUS_OBJECT_NAME_INVALID;
    return name->stream.Length <= MEMFS_MAX_NAME * sizeof(WCHAR) ? STATUS_SUCCESS
                                                                 : STATUS_OBJECT_NAME_INVALID;
}

NTSTATUS MemfsStopAtReparse(struct memfs_open *open, struct memfs_node *node, USHORT unparsed)
{
    MemfsLockNode(node);
    ULONG length = node->reparse ? node->reparse_length : 0;
    PREPARSE_DATA_BUFFER copy =
        length ? ExAllocatePoolWithTag(NonPagedPool, length, MEMFS_TAG) : NULL;
    if (copy)
        memcpy(copy, node->reparse, length);
    MemfsUnlockNode(node);
    if (!copy)
        return STATUS_INSUFFICIENT_RESOURCES;
    copy->Reserved = unparsed;
    open->irp->Tail.Overlay.AuxiliaryBuffer = (PCHAR)copy;
    open->information = copy->ReparseTag;
    return STATUS_REPARSE;
}

/* The child, referenced, or NULL. `name` becomes as the folder has it, unless it is the short one.
 */
static struct memfs_link *look_up(struct memfs_open *open, struct memfs_node *folder,
                                  const UNICODE_STRING *name, bool *by_short)
{
    MemfsShareNode(folder);
    struct memfs_link *link = MemfsLookup(folder, name, open->case_sensitive, by_short);
    if (link)
        MemfsReferenceLink(link);
    if (link && !*by_short && !open->target_directory)
        memcpy(name->Buffer, link->name, name->Length);
    MemfsUnshareNode(folder);
    return link;
}

/* One folder further down: *folder is exchanged. */
static NTSTATUS step(struct memfs_open *open, struct memfs_node **folder,
                     const UNICODE_STRING *name, USHORT unparsed)
{
    bool by_short;
    NTSTATUS status = STATUS_SUCCESS;
    struct memfs_name split;
    status = MemfsSplitStream(name, open->volume->store->ntfs, &split);
    if (!NT_SUCCESS(status) || split.has_stream ||
        !MemfsIsLegalName(&split.file, open->volume->store->ntfs, false))
        return STATUS_OBJECT_NAME_INVALID;
    struct memfs_link *link = look_up(open, *folder, &split.file, &by_short);
    if (!link)
        return STATUS_OBJECT_PATH_NOT_FOUND;
    if (MemfsIs(&link->delete_pending))
        status = STATUS_DELETE_PENDING;
    else if (link->node->reparse && !MemfsOpensPoint(open, link->node, false, unparsed))
        status = MemfsStopAtReparse(open, link->node, unparsed);
    else if (!MemfsIsDirectory(link->node))
        status = STATUS_OBJECT_PATH_NOT_FOUND;
    if (status == STATUS_SUCCESS) {
        MemfsReferenceNode(link->node);
        MemfsReleaseNode(*folder);
        *folder = link->node;
    }
    MemfsReleaseLink(link);
    return status;
}

/* The node that names are relative to, referenced. */
static NTSTATUS start_of(struct memfs_open *open, struct memfs_link **link)
{
    PFILE_OBJECT related = open->file->RelatedFileObject;
    struct memfs_scb *scb = related ? MemfsScbOf(related) : NULL;
    if (scb && scb->node) {
        *link = MemfsCcbOf(related)->link;
        if (MemfsCount(&scb->node->link_count) == 0)
            return STATUS_DELETE_PENDING;
    } else {
        *link = open->volume->store->root->links;
    }
    open->parent = (*link)->node;
    MemfsReferenceNode(open->parent);
    return STATUS_SUCCESS;
}

/* The name is empty, or only a stream of the start. */
static NTSTATUS take_start(struct memfs_open *open, struct memfs_link *link)
{
    MemfsReferenceLink(link);
    open->link = link;
    return STATUS_SUCCESS;
}

static NTSTATUS trim(struct memfs_open *open, UNICODE_STRING *path)
{
    USHORT units = path->Length / sizeof(WCHAR);
    if (path->Length % sizeof(WCHAR))
        return STATUS_OBJECT_NAME_INVALID;
    if (units > 1 && path->Buffer[0] == '\\' && path->Buffer[1] == '\\' &&
        !open->file->RelatedFileObject) {
        *path = slice(path, 1, units);
        units--;
    }
    bool rooted = units && path->Buffer[0] == '\\';
    if (rooted && open->file->RelatedFileObject && MemfsScbOf(open->file->RelatedFileObject)->node)
        return STATUS_OBJECT_NAME_INVALID;
    if (rooted) {
        *path = slice(path, 1, units);
        units--;
    } else if (units && !open->file->RelatedFileObject) {
        return STATUS_OBJECT_NAME_INVALID;
    }
    if (units && path->Buffer[units - 1] == '\\') {
        open->want_directory = open->trailing_slash = true;
        path->Length -= sizeof(WCHAR);
    }
    return STATUS_SUCCESS;
}

static NTSTATUS take_last(struct memfs_open *open, struct memfs_link *start)
{
    bool by_short = false, ntfs = open->volume->store->ntfs;
    NTSTATUS status = MemfsSplitStream(&open->component, ntfs, &open->last);
    if (!NT_SUCCESS(status))
        return status;
    if (open->last.file.Length == 0) /* ":stream", relative to a file or folder */
        return open->component.Length && !open->last.has_stream ? STATUS_OBJECT_NAME_INVALID
                                                                : take_start(open, start);
    if (!MemfsIsLegalName(&open->last.file, ntfs, false))
        return STATUS_OBJECT_NAME_INVALID;
    if (!MemfsIsDirectory(open->parent))
        return STATUS_OBJECT_PATH_NOT_FOUND;
    open->link = look_up(open, open->parent, &open->last.file, &by_short);
    if (by_short)
        open->ccb_flags |= MEMFS_CCB_SHORT_NAME;
    open->unparsed = (USHORT)(open->component.Length - open->last.file.Length +
                              (open->trailing_slash ? sizeof(WCHAR) : 0));
    return STATUS_SUCCESS;
}

NTSTATUS MemfsWalk(struct memfs_open *open)
{
    UNICODE_STRING path = open->file->FileName;
    struct memfs_link *start;
    NTSTATUS status = trim(open, &path);
    if (NT_SUCCESS(status))
        status = start_of(open, &start);
    if (!NT_SUCCESS(status))
        return status;
    USHORT at = 0, units = path.Length / sizeof(WCHAR);
    for (;;) {
        USHORT end = find(&path, at, '\\');
        open->component = slice(&path, at, end);
        if (end == units)
            break;
        if (end == at)
            return STATUS_OBJECT_NAME_INVALID;
        USHORT unparsed =
            (USHORT)((units - end) * sizeof(WCHAR) + (open->trailing_slash ? sizeof(WCHAR) : 0));
        if (!MemfsIsDirectory(open->parent))
            return STATUS_OBJECT_PATH_NOT_FOUND;
        status = step(open, &open->parent, &open->component, unparsed);
        if (status != STATUS_SUCCESS)
            return status;
        at = (USHORT)(end + 1);
    }
    return take_last(open, start);
}
