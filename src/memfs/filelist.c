/* IRP_MJ_QUERY_INFORMATION: names, and lists of streams and of names. */
#include "memfs/query.h"

#include <string.h>

/* -- names ------------------------------------------------------------------------------------- */

static NTSTATUS put_name(struct memfs_query *query, ULONG offset, const WCHAR *text, USHORT bytes)
{
    PFILE_NAME_INFORMATION info = (PVOID)(query->buffer + offset);
    ULONG head = offset + (ULONG)FIELD_OFFSET(FILE_NAME_INFORMATION, FileName);
    if (query->room < head)
        return STATUS_INFO_LENGTH_MISMATCH;
    ULONG space = query->room - head;
    if (query->scb->volume->store->ntfs) /* FAT cuts characters in two */
        space &= ~1u;
    ULONG count = bytes < space ? bytes : space;
    info->FileNameLength = bytes;
    memcpy(info->FileName, text, count);
    query->used = head + count;
    return count == bytes ? STATUS_SUCCESS : STATUS_BUFFER_OVERFLOW;
}

NTSTATUS MemfsQueryPath(struct memfs_query *query, ULONG offset, bool normalized)
{
    UNICODE_STRING path;
    struct memfs_volume *volume = query->scb->volume;
    bool last_short =
        !normalized && query->ccb->flags & MEMFS_CCB_SHORT_NAME && query->ccb->link->short_length;
    ExAcquireResourceSharedLite(&volume->tree, TRUE);
    NTSTATUS status = MemfsPathOf(query->ccb->link, query->scb->stream, last_short, &path);
    ExReleaseResourceLite(&volume->tree);
    if (!NT_SUCCESS(status))
        return status;
    status = put_name(query, offset, path.Buffer, path.Length);
    ExFreePoolWithTag(path.Buffer, MEMFS_TAG);
    return status;
}

static NTSTATUS put_alternate(struct memfs_query *query, const struct memfs_link *link)
{
    UNICODE_STRING name = {link->name_length, link->name_length, link->name};
    if (link->short_length)
        return put_name(query, 0, link->short_name, link->short_length);
    if (name.Length && MemfsIs8Dot3(&name))
        return put_name(query, 0, link->name, link->name_length);
    return STATUS_OBJECT_NAME_NOT_FOUND;
}

NTSTATUS MemfsQueryAlternateName(struct memfs_query *query)
{
    if (query->scb->stream && query->scb->stream->name_length)
        return STATUS_OBJECT_NAME_NOT_FOUND;
    ExAcquireResourceSharedLite(&query->scb->volume->tree, TRUE);
    NTSTATUS status = put_alternate(query, query->ccb->link);
    ExReleaseResourceLite(&query->scb->volume->tree);
    return status;
}

/* -- lists ------------------------------------------------------------------------------------- */

/* Room for one more entry of `size` bytes at the next multiple of eight; links it to the last one.
 */
static UCHAR *next_entry(struct memfs_query *query, ULONG *last, ULONG size)
{
    ULONG at = (query->used + 7) & ~7u;
    if (at > query->room || size > query->room - at)
        return NULL;
    memset(query->buffer + query->used, 0, at + size - query->used);
    if (*last != MAXULONG)
        *(ULONG *)(query->buffer + *last) = at - *last;
    *last = at;
    query->used = at + size;
    return query->buffer + at;
}

static NTSTATUS put_stream(struct memfs_query *query, struct memfs_stream *stream, ULONG *last)
{
    static const WCHAR suffix[] = {':', '$', 'D', 'A', 'T', 'A'};
    ULONG bytes = (ULONG)(sizeof(WCHAR) + stream->name_length + sizeof suffix);
    PFILE_STREAM_INFORMATION info = (PVOID)next_entry(
        query, last, (ULONG)FIELD_OFFSET(FILE_STREAM_INFORMATION, StreamName) + bytes);
    if (!info)
        return STATUS_BUFFER_OVERFLOW;
    info->StreamNameLength = bytes;
    info->StreamSize.QuadPart =
        stream->scb ? MemfsLoad(&stream->scb->header.FileSize) : stream->size;
    info->StreamAllocationSize.QuadPart =
        stream->scb ? MemfsLoad(&stream->scb->header.AllocationSize) : stream->allocated;
    info->StreamName[0] = ':';
    if (stream->name_length)
        memcpy(info->StreamName + 1, stream->name, stream->name_length);
    memcpy(info->StreamName + 1 + stream->name_length / sizeof(WCHAR), suffix, sizeof suffix);
    return STATUS_SUCCESS;
}

NTSTATUS MemfsQueryStreams(struct memfs_query *query)
{
    struct memfs_node *node = query->scb->node;
    NTSTATUS status = STATUS_SUCCESS;
    ULONG last = MAXULONG;
    MemfsLockNode(node);
    for (struct memfs_stream *stream = node->streams; stream && NT_SUCCESS(status);
         stream = stream->next)
        if (!MemfsIs(&stream->removed))
            status = put_stream(query, stream, &last);
    MemfsUnlockNode(node);
    return status;
}

struct links {
    struct memfs_query *query;
    PFILE_LINKS_INFORMATION info; /* the head is the same with wide ids */
    ULONG last;
    bool wide, full;
};

static ULONG link_size(const struct links *links, const struct memfs_link *link)
{
    return (ULONG)(links->wide ? FIELD_OFFSET(FILE_LINK_ENTRY_FULL_ID_INFORMATION, FileName)
                               : FIELD_OFFSET(FILE_LINK_ENTRY_INFORMATION, FileName)) +
           link->name_length;
}

static void fill_link(const struct links *links, PVOID entry, const struct memfs_link *link)
{
    LONGLONG parent = link->parent ? link->parent->id : link->node->id;
    PFILE_LINK_ENTRY_INFORMATION plain = entry;
    PFILE_LINK_ENTRY_FULL_ID_INFORMATION wide = entry;
    if (links->wide) {
        memcpy(&wide->ParentFileId, &parent, sizeof parent);
        wide->FileNameLength = link->name_length / sizeof(WCHAR);
        memcpy(wide->FileName, link->name, link->name_length);
    } else {
        plain->ParentFileId = parent;
        plain->FileNameLength = link->name_length / sizeof(WCHAR);
        memcpy(plain->FileName, link->name, link->name_length);
    }
}

/* What does not fit is counted, so that the caller knows how much to bring. */
static void put_link(struct links *links, const struct memfs_link *link)
{
    ULONG size = link_size(links, link);
    links->info->BytesNeeded = ((links->info->BytesNeeded + 7) & ~7u) + size;
    PVOID entry = links->full ? NULL : next_entry(links->query, &links->last, size);
    if (!entry) {
        links->full = true;
        return;
    }
    fill_link(links, entry, link);
    links->info->EntriesReturned++;
}

static NTSTATUS query_links(struct memfs_query *query, bool wide)
{
    struct links links = {.query = query, .info = (PVOID)query->buffer, .last = MAXULONG, .wide = wide};
    ULONG head = (ULONG)FIELD_OFFSET(FILE_LINKS_INFORMATION, Entry);
    if (query->room < (wide ? sizeof(FILE_LINKS_FULL_ID_INFORMATION) : sizeof(FILE_LINKS_INFORMATION)))
        return STATUS_INFO_LENGTH_MISMATCH;
    memset(links.info, 0, head);
    query->used = links.info->BytesNeeded = head;
    ExAcquireResourceSharedLite(&query->scb->volume->tree, TRUE);
    for (struct memfs_link *link = query->scb->node->links; link; link = link->next)
        put_link(&links, link);
    ExReleaseResourceLite(&query->scb->volume->tree);
    return links.full ? STATUS_BUFFER_OVERFLOW : STATUS_SUCCESS;
}

NTSTATUS MemfsQueryLinks(struct memfs_query *query)
{
    return query_links(query, false);
}

NTSTATUS MemfsQueryLinksFullId(struct memfs_query *query)
{
    return query_links(query, true);
}
