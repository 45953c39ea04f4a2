/* From a file name to the folder and name of its last component. */
#include "memfs/open.h"

#include <string.h>

static UNICODE_STRING slice(const UNICODE_STRING *text, USHORT from, USHORT end)
{
    USHORT bytes = (USHORT)((end - from) * sizeof(WCHAR));
    return (UNICODE_STRING){bytes, bytes, text->Buffer ? text->Buffer + from : NULL};
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
    bool ntfs = open->volume->store->ntfs;
    if (ntfs && is_text(name, "."))
        return STATUS_OBJECT_PATH_NOT_FOUND;
    status = MemfsSplitStream(name, ntfs, &split);
    if (!NT_SUCCESS(status) || split.has_stream || !MemfsIsLegalName(&split.file, ntfs, false))
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

static bool is_slash(const UNICODE_STRING *path, int at)
{
    int units = path->Length / sizeof(WCHAR);
    return at >= 0 && at < units && path->Buffer[at] == '\\';
}

/* Two backslashes in front count as one; three are too many. */
static NTSTATUS trim_front(UNICODE_STRING *path)
{
    if (is_slash(path, 0) && is_slash(path, 1))
        *path = slice(path, 1, path->Length / sizeof(WCHAR));
    return is_slash(path, 0) && is_slash(path, 1) ? STATUS_OBJECT_NAME_INVALID : STATUS_SUCCESS;
}

static NTSTATUS check_relative(const struct memfs_open *open, const UNICODE_STRING *path)
{
    struct memfs_scb *scb = MemfsScbOf(open->file->RelatedFileObject);
    bool ntfs = open->volume->store->ntfs, rooted = is_slash(path, 0);
    if (scb && !scb->node && path->Length && (!ntfs || !rooted)) /* below the volume, which is no folder */
        return ntfs ? STATUS_INVALID_PARAMETER : STATUS_OBJECT_PATH_NOT_FOUND;
    if (scb && scb->node && rooted)
        return ntfs ? STATUS_INVALID_PARAMETER : STATUS_OBJECT_NAME_INVALID;
    return STATUS_SUCCESS;
}

static NTSTATUS trim_end(struct memfs_open *open, UNICODE_STRING *path)
{
    int last = (int)(path->Length / sizeof(WCHAR)) - 1;
    if (!is_slash(path, last))
        return STATUS_SUCCESS;
    bool two = is_slash(path, last - 1);
    if (two && open->volume->store->ntfs)
        return STATUS_OBJECT_NAME_INVALID;
    open->want_directory = open->trailing_slash = true;
    path->Length -= two ? 2 * sizeof(WCHAR) : sizeof(WCHAR);
    return STATUS_SUCCESS;
}

static NTSTATUS trim(struct memfs_open *open, UNICODE_STRING *path)
{
    bool relative = open->file->RelatedFileObject != NULL;
    if (path->Length % sizeof(WCHAR))
        return STATUS_OBJECT_NAME_INVALID;
    NTSTATUS status = relative ? check_relative(open, path) : trim_front(path);
    if (!NT_SUCCESS(status))
        return status;
    if (is_slash(path, 0))
        *path = slice(path, 1, path->Length / sizeof(WCHAR));
    else if (path->Length && !relative)
        return STATUS_OBJECT_NAME_INVALID;
    return trim_end(open, path);
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
        if (end == at || end + 1 == units || is_slash(&path, end + 1))
            return STATUS_OBJECT_NAME_INVALID; /* a component without a name */
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
