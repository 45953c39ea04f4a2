/* IRP_MJ_QUERY_INFORMATION. */
#include "memfs/memfs.h"

#include <string.h>

struct query {
    PFILE_OBJECT file;
    struct memfs_scb *scb;
    struct memfs_ccb *ccb;
    UCHAR *buffer;
    ULONG room, used;
};

/* -- pieces ------------------------------------------------------------------------------------ */

ULONG MemfsAttributes(const struct memfs_node *node, const struct memfs_stream *stream)
{
    ULONG attributes = MemfsBits(node) | (node->reparse ? FILE_ATTRIBUTE_REPARSE_POINT : 0);
    if (stream && stream->sparse)
        attributes |= FILE_ATTRIBUTE_SPARSE_FILE;
    if (stream && stream->compressed)
        attributes |= FILE_ATTRIBUTE_COMPRESSED;
    if (stream && stream->name_length)
        attributes &= ~(ULONG)FILE_ATTRIBUTE_DIRECTORY;
    return attributes ? attributes : FILE_ATTRIBUTE_NORMAL;
}

ULONG MemfsReparseTag(const struct memfs_node *node)
{
    return node->reparse ? node->reparse->ReparseTag : 0;
}

void MemfsFillBasic(struct memfs_node *node, PFILE_BASIC_INFORMATION info)
{
    info->CreationTime.QuadPart = MemfsTime(&node->created);
    info->LastAccessTime.QuadPart = MemfsTime(&node->accessed);
    info->LastWriteTime.QuadPart = MemfsTime(&node->written);
    info->ChangeTime.QuadPart = node->store->ntfs ? MemfsTime(&node->changed) : 0;
    info->FileAttributes = MemfsAttributes(node, NULL);
}

static bool is_deleting(const struct memfs_scb *scb, const struct memfs_ccb *ccb)
{
    if (scb->stream && scb->stream->name_length)
        return MemfsIs(&scb->stream->delete_pending);
    return MemfsIs(&ccb->link->delete_pending) || MemfsIs(&ccb->link->removed);
}

void MemfsFillStandard(struct memfs_scb *scb, PFILE_OBJECT file, PFILE_STANDARD_INFORMATION info)
{
    struct memfs_ccb *ccb = MemfsCcbOf(file);
    LONG links = scb->node->link_count;
    info->AllocationSize.QuadPart = scb->stream ? MemfsLoad(&scb->header.AllocationSize) : 0;
    if (scb->stream && scb->stream->sparse)
        info->AllocationSize.QuadPart = MemfsDataBytes(scb->stream);
    info->EndOfFile.QuadPart = scb->stream ? MemfsLoad(&scb->header.FileSize) : 0;
    info->DeletePending = is_deleting(scb, ccb);
    if (info->DeletePending && MemfsIs(&ccb->link->delete_pending) && !MemfsIs(&ccb->link->removed))
        links--;
    info->NumberOfLinks = (ULONG)(links > 0 ? links : 0);
    info->Directory = !scb->stream;
}

void MemfsFillNetwork(struct memfs_scb *scb, PFILE_NETWORK_OPEN_INFORMATION info)
{
    FILE_BASIC_INFORMATION basic;
    MemfsFillBasic(scb->node, &basic);
    info->CreationTime = basic.CreationTime;
    info->LastAccessTime = basic.LastAccessTime;
    info->LastWriteTime = basic.LastWriteTime;
    info->ChangeTime = basic.ChangeTime;
    info->AllocationSize.QuadPart = scb->stream ? MemfsLoad(&scb->header.AllocationSize) : 0;
    info->EndOfFile.QuadPart = scb->stream ? MemfsLoad(&scb->header.FileSize) : 0;
    info->FileAttributes = MemfsAttributes(scb->node, scb->stream);
}

/* -- answers of a fixed size ------------------------------------------------------------------- */

static PVOID take(struct query *query, ULONG size)
{
    if (query->room < size)
        return NULL;
    memset(query->buffer, 0, size);
    query->used = size;
    return query->buffer;
}

static NTSTATUS query_basic(struct query *query)
{
    PFILE_BASIC_INFORMATION info = take(query, sizeof *info);
    if (!info)
        return STATUS_INFO_LENGTH_MISMATCH;
    MemfsFillBasic(query->scb->node, info);
    info->FileAttributes = MemfsAttributes(query->scb->node, query->scb->stream);
    return STATUS_SUCCESS;
}

static NTSTATUS query_standard(struct query *query)
{
    PFILE_STANDARD_INFORMATION info = take(query, sizeof *info);
    if (!info)
        return STATUS_INFO_LENGTH_MISMATCH;
    MemfsFillStandard(query->scb, query->file, info);
    return STATUS_SUCCESS;
}

static NTSTATUS query_internal(struct query *query)
{
    PFILE_INTERNAL_INFORMATION info = take(query, sizeof *info);
    if (!info)
        return STATUS_INFO_LENGTH_MISMATCH;
    info->IndexNumber.QuadPart = query->scb->node->id;
    return STATUS_SUCCESS;
}

static NTSTATUS query_ea_size(struct query *query)
{
    PFILE_EA_INFORMATION info = take(query, sizeof *info);
    if (!info)
        return STATUS_INFO_LENGTH_MISMATCH;
    info->EaSize = query->scb->node->ea_length;
    return STATUS_SUCCESS;
}

static NTSTATUS query_position(struct query *query)
{
    PFILE_POSITION_INFORMATION info = take(query, sizeof *info);
    if (!info)
        return STATUS_INFO_LENGTH_MISMATCH;
    info->CurrentByteOffset = query->file->CurrentByteOffset;
    return STATUS_SUCCESS;
}

static NTSTATUS query_network(struct query *query)
{
    PFILE_NETWORK_OPEN_INFORMATION info = take(query, sizeof *info);
    if (!info)
        return STATUS_INFO_LENGTH_MISMATCH;
    MemfsFillNetwork(query->scb, info);
    return STATUS_SUCCESS;
}

static NTSTATUS query_tag(struct query *query)
{
    PFILE_ATTRIBUTE_TAG_INFORMATION info = take(query, sizeof *info);
    if (!info)
        return STATUS_INFO_LENGTH_MISMATCH;
    info->FileAttributes = MemfsAttributes(query->scb->node, query->scb->stream);
    info->ReparseTag = MemfsReparseTag(query->scb->node);
    return STATUS_SUCCESS;
}

static NTSTATUS query_compression(struct query *query)
{
    PFILE_COMPRESSION_INFORMATION info = take(query, sizeof *info);
    if (!info)
        return STATUS_INFO_LENGTH_MISMATCH;
    info->CompressedFileSize.QuadPart =
        query->scb->stream ? MemfsLoad(&query->scb->header.AllocationSize) : 0;
    return STATUS_SUCCESS;
}

static NTSTATUS query_id(struct query *query)
{
    PFILE_ID_INFORMATION info = take(query, sizeof *info);
    if (!info)
        return STATUS_INFO_LENGTH_MISMATCH;
    info->VolumeSerialNumber = query->scb->volume->store->serial;
    memcpy(&info->FileId, &query->scb->node->id, sizeof query->scb->node->id);
    return STATUS_SUCCESS;
}

static NTSTATUS query_standard_link(struct query *query)
{
    PFILE_STANDARD_LINK_INFORMATION info = take(query, sizeof *info);
    if (!info)
        return STATUS_INFO_LENGTH_MISMATCH;
    info->NumberOfAccessibleLinks = info->TotalNumberOfLinks = (ULONG)query->scb->node->link_count;
    info->DeletePending = is_deleting(query->scb, query->ccb);
    info->Directory = !query->scb->stream;
    return STATUS_SUCCESS;
}

static NTSTATUS query_stat(struct query *query)
{
    PFILE_STAT_INFORMATION info = take(query, sizeof *info);
    FILE_NETWORK_OPEN_INFORMATION network;
    if (!info)
        return STATUS_INFO_LENGTH_MISMATCH;
    MemfsFillNetwork(query->scb, &network);
    info->FileId.QuadPart = query->scb->node->id;
    info->CreationTime = network.CreationTime;
    info->LastAccessTime = network.LastAccessTime;
    info->LastWriteTime = network.LastWriteTime;
    info->ChangeTime = network.ChangeTime;
    info->AllocationSize = network.AllocationSize;
    info->EndOfFile = network.EndOfFile;
    info->FileAttributes = network.FileAttributes;
    info->ReparseTag = MemfsReparseTag(query->scb->node);
    info->NumberOfLinks = (ULONG)query->scb->node->link_count;
    info->EffectiveAccess = query->ccb->access;
    return STATUS_SUCCESS;
}

static NTSTATUS query_case(struct query *query)
{
    PFILE_CASE_SENSITIVE_INFORMATION info = take(query, sizeof *info);
    return info ? STATUS_SUCCESS : STATUS_INFO_LENGTH_MISMATCH;
}

/* -- names ------------------------------------------------------------------------------------- */

static NTSTATUS put_name(struct query *query, ULONG offset, const WCHAR *text, USHORT bytes)
{
    PFILE_NAME_INFORMATION info = (PVOID)(query->buffer + offset);
    ULONG head = offset + (ULONG)FIELD_OFFSET(FILE_NAME_INFORMATION, FileName);
    if (query->room < head)
        return STATUS_INFO_LENGTH_MISMATCH;
    ULONG space = query->room - head, count = bytes < space ? bytes : space & ~1u;
    info->FileNameLength = bytes;
    memcpy(info->FileName, text, count);
    query->used = head + count;
    return count == bytes ? STATUS_SUCCESS : STATUS_BUFFER_OVERFLOW;
}

static NTSTATUS query_path(struct query *query, ULONG offset, bool normalized)
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

static NTSTATUS put_alternate(struct query *query, const struct memfs_link *link)
{
    UNICODE_STRING name = {link->name_length, link->name_length, link->name};
    if (link->short_length)
        return put_name(query, 0, link->short_name, link->short_length);
    if (name.Length && MemfsIs8Dot3(&name))
        return put_name(query, 0, link->name, link->name_length);
    return STATUS_OBJECT_NAME_NOT_FOUND;
}

static NTSTATUS query_alternate(struct query *query)
{
    if (query->scb->stream && query->scb->stream->name_length)
        return STATUS_OBJECT_NAME_NOT_FOUND;
    ExAcquireResourceSharedLite(&query->scb->volume->tree, TRUE);
    NTSTATUS status = put_alternate(query, query->ccb->link);
    ExReleaseResourceLite(&query->scb->volume->tree);
    return status;
}

static NTSTATUS query_all(struct query *query)
{
    PFILE_ALL_INFORMATION info = (PVOID)query->buffer;
    if (query->room < sizeof *info)
        return STATUS_INFO_LENGTH_MISMATCH;
    MemfsFillBasic(query->scb->node, &info->BasicInformation);
    info->BasicInformation.FileAttributes = MemfsAttributes(query->scb->node, query->scb->stream);
    MemfsFillStandard(query->scb, query->file, &info->StandardInformation);
    info->InternalInformation.IndexNumber.QuadPart = query->scb->node->id;
    info->EaInformation.EaSize = query->scb->node->ea_length;
    info->PositionInformation.CurrentByteOffset = query->file->CurrentByteOffset;
    return query_path(query, (ULONG)FIELD_OFFSET(FILE_ALL_INFORMATION, NameInformation), false);
}

/* -- lists ------------------------------------------------------------------------------------- */

/* Room for one more entry of `size` bytes at the next multiple of eight; links it to the last one.
 */
static UCHAR *next_entry(struct query *query, ULONG *last, ULONG size)
{
    ULONG at = (query->used + 7) & ~7u;
    if (at + size > query->room)
        return NULL;
    memset(query->buffer + query->used, 0, at + size - query->used);
    if (*last != MAXULONG)
        *(ULONG *)(query->buffer + *last) = at - *last;
    *last = at;
    query->used = at + size;
    return query->buffer + at;
}

static NTSTATUS put_stream(struct query *query, struct memfs_stream *stream, ULONG *last)
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

static NTSTATUS query_streams(struct query *query)
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

static NTSTATUS query_links(struct query *query)
{
    struct memfs_node *node = query->scb->node;
    PFILE_LINKS_INFORMATION info = (PVOID)query->buffer;
    ULONG head = (ULONG)FIELD_OFFSET(FILE_LINKS_INFORMATION, Entry), last = MAXULONG;
    if (query->room < sizeof *info)
        return STATUS_INFO_LENGTH_MISMATCH;
    memset(info, 0, head);
    query->used = head;
    info->BytesNeeded = head;
    NTSTATUS status = STATUS_SUCCESS;
    ExAcquireResourceSharedLite(&query->scb->volume->tree, TRUE);
    for (struct memfs_link *link = node->links; link; link = link->next) {
        ULONG size = (ULONG)FIELD_OFFSET(FILE_LINK_ENTRY_INFORMATION, FileName) + link->name_length;
        info->BytesNeeded = ((info->BytesNeeded + 7) & ~7u) + size;
        PFILE_LINK_ENTRY_INFORMATION entry =
            NT_SUCCESS(status) ? (PVOID)next_entry(query, &last, size) : NULL;
        if (!entry) {
            status = STATUS_BUFFER_OVERFLOW;
            continue;
        }
        entry->ParentFileId = link->parent ? link->parent->id : node->id;
        entry->FileNameLength = link->name_length / sizeof(WCHAR);
        memcpy(entry->FileName, link->name, link->name_length);
        info->EntriesReturned++;
    }
    ExReleaseResourceLite(&query->scb->volume->tree);
    return status;
}

/* -- the request ------------------------------------------------------------------------------- */

static NTSTATUS query_ntfs_only(struct query *query, FILE_INFORMATION_CLASS kind)
{
    switch ((int)kind) {
    case FileAttributeTagInformation:
        return query_tag(query);
    case FileCompressionInformation:
        return query_compression(query);
    case FileStreamInformation:
        return query_streams(query);
    case FileHardLinkInformation:
        return query_links(query);
    case FileIdInformation:
        return query_id(query);
    case FileNormalizedNameInformation:
        return query_path(query, 0, true);
    case FileStandardLinkInformation:
        return query_standard_link(query);
    case FileStatInformation:
        return query_stat(query);
    case FileCaseSensitiveInformation:
        return query_case(query);
    default:
        return STATUS_INVALID_PARAMETER;
    }
}

static NTSTATUS query_class(struct query *query, FILE_INFORMATION_CLASS kind)
{
    switch ((int)kind) {
    case FileBasicInformation:
        return query_basic(query);
    case FileStandardInformation:
        return query_standard(query);
    case FileInternalInformation:
        return query_internal(query);
    case FileEaInformation:
        return query_ea_size(query);
    case FilePositionInformation:
        return query_position(query);
    case FileNameInformation:
        return query_path(query, 0, false);
    case FileAllInformation:
        return query_all(query);
    case FileAlternateNameInformation:
        return query_alternate(query);
    case FileNetworkOpenInformation:
        return query_network(query);
    default:
        return query->scb->volume->store->ntfs ? query_ntfs_only(query, kind)
                                               : STATUS_INVALID_PARAMETER;
    }
}

NTSTATUS MemfsQueryInformation(PDEVICE_OBJECT device, PIRP irp)
{
    PIO_STACK_LOCATION stack = IoGetCurrentIrpStackLocation(irp);
    PFILE_OBJECT file = stack->FileObject;
    struct query query = {.file = file,
                          .scb = file ? MemfsScbOf(file) : NULL,
                          .ccb = file ? MemfsCcbOf(file) : NULL,
                          .buffer = irp->AssociatedIrp.SystemBuffer,
                          .room = stack->Parameters.QueryFile.Length};
    if (!query.scb || !query.ccb || !query.scb->node)
        return MemfsComplete(irp, STATUS_INVALID_PARAMETER, 0);
    if (MemfsIs(&query.scb->volume->dismounted))
        return MemfsComplete(irp, STATUS_VOLUME_DISMOUNTED, 0);
    FsRtlEnterFileSystem();
    ExAcquireResourceSharedLite(&query.scb->main, TRUE);
    NTSTATUS status = query_class(&query, stack->Parameters.QueryFile.FileInformationClass);
    ExReleaseResourceLite(&query.scb->main);
    FsRtlExitFileSystem();
    return MemfsComplete(irp, status, NT_ERROR(status) ? 0 : query.used);
}
