/* IRP_MJ_QUERY_INFORMATION. */
#include "memfs/query.h"

#include <string.h>

/* -- pieces ------------------------------------------------------------------------------------ */

ULONG MemfsAttributes(const struct memfs_node *node, const struct memfs_stream *stream)
{
    ULONG attributes = MemfsBits(node) | (__atomic_load_n(&node->reparse, __ATOMIC_RELAXED) ? FILE_ATTRIBUTE_REPARSE_POINT : 0);
    if (stream && MemfsIs(&stream->sparse))
        attributes |= FILE_ATTRIBUTE_SPARSE_FILE;
    if (stream && MemfsIs(&stream->compressed))
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

static PVOID take(struct memfs_query *query, ULONG size)
{
    if (query->room < size)
        return NULL;
    memset(query->buffer, 0, size);
    query->used = size;
    return query->buffer;
}

static NTSTATUS query_basic(struct memfs_query *query)
{
    PFILE_BASIC_INFORMATION info = take(query, sizeof *info);
    if (!info)
        return STATUS_INFO_LENGTH_MISMATCH;
    MemfsFillBasic(query->scb->node, info);
    info->FileAttributes = MemfsAttributes(query->scb->node, query->scb->stream);
    return STATUS_SUCCESS;
}

static NTSTATUS query_standard(struct memfs_query *query)
{
    PFILE_STANDARD_INFORMATION info = take(query, sizeof *info);
    if (!info)
        return STATUS_INFO_LENGTH_MISMATCH;
    MemfsFillStandard(query->scb, query->file, info);
    return STATUS_SUCCESS;
}

static NTSTATUS query_internal(struct memfs_query *query)
{
    PFILE_INTERNAL_INFORMATION info = take(query, sizeof *info);
    if (!info)
        return STATUS_INFO_LENGTH_MISMATCH;
    info->IndexNumber.QuadPart = query->scb->node->id;
    return STATUS_SUCCESS;
}

static NTSTATUS query_ea_size(struct memfs_query *query)
{
    PFILE_EA_INFORMATION info = take(query, sizeof *info);
    if (!info)
        return STATUS_INFO_LENGTH_MISMATCH;
    info->EaSize = query->scb->node->ea_length;
    return STATUS_SUCCESS;
}

static NTSTATUS query_position(struct memfs_query *query)
{
    PFILE_POSITION_INFORMATION info = take(query, sizeof *info);
    if (!info)
        return STATUS_INFO_LENGTH_MISMATCH;
    info->CurrentByteOffset = query->file->CurrentByteOffset;
    return STATUS_SUCCESS;
}

static NTSTATUS query_network(struct memfs_query *query)
{
    PFILE_NETWORK_OPEN_INFORMATION info = take(query, sizeof *info);
    if (!info)
        return STATUS_INFO_LENGTH_MISMATCH;
    MemfsFillNetwork(query->scb, info);
    return STATUS_SUCCESS;
}

static NTSTATUS query_tag(struct memfs_query *query)
{
    PFILE_ATTRIBUTE_TAG_INFORMATION info = take(query, sizeof *info);
    if (!info)
        return STATUS_INFO_LENGTH_MISMATCH;
    info->FileAttributes = MemfsAttributes(query->scb->node, query->scb->stream);
    info->ReparseTag = MemfsReparseTag(query->scb->node);
    return STATUS_SUCCESS;
}

static NTSTATUS query_compression(struct memfs_query *query)
{
    PFILE_COMPRESSION_INFORMATION info = take(query, sizeof *info);
    if (!info)
        return STATUS_INFO_LENGTH_MISMATCH;
    info->CompressedFileSize.QuadPart =
        query->scb->stream ? MemfsLoad(&query->scb->header.AllocationSize) : 0;
    return STATUS_SUCCESS;
}

static NTSTATUS query_id(struct memfs_query *query)
{
    PFILE_ID_INFORMATION info = take(query, sizeof *info);
    if (!info)
        return STATUS_INFO_LENGTH_MISMATCH;
    info->VolumeSerialNumber = query->scb->volume->store->serial;
    memcpy(&info->FileId, &query->scb->node->id, sizeof query->scb->node->id);
    return STATUS_SUCCESS;
}

static NTSTATUS query_standard_link(struct memfs_query *query)
{
    PFILE_STANDARD_LINK_INFORMATION info = take(query, sizeof *info);
    if (!info)
        return STATUS_INFO_LENGTH_MISMATCH;
    info->NumberOfAccessibleLinks = info->TotalNumberOfLinks = (ULONG)query->scb->node->link_count;
    info->DeletePending = is_deleting(query->scb, query->ccb);
    info->Directory = !query->scb->stream;
    return STATUS_SUCCESS;
}

static void fill_stat(struct memfs_query *query, PFILE_STAT_INFORMATION info)
{
    FILE_NETWORK_OPEN_INFORMATION network;
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
    info->EffectiveAccess = FILE_ALL_ACCESS; /* what the caller would be granted, which is not what the handle was */
}

static NTSTATUS query_stat(struct memfs_query *query)
{
    PFILE_STAT_INFORMATION info = take(query, sizeof *info);
    if (!info)
        return STATUS_INFO_LENGTH_MISMATCH;
    fill_stat(query, info);
    return STATUS_SUCCESS;
}

/* No metadata of Linux is kept: its flags say so. */
static NTSTATUS query_stat_lx(struct memfs_query *query)
{
    PFILE_STAT_LX_INFORMATION info = take(query, sizeof *info);
    if (!info)
        return STATUS_INFO_LENGTH_MISMATCH;
    fill_stat(query, (PFILE_STAT_INFORMATION)info);
    return STATUS_SUCCESS;
}

static NTSTATUS query_stat_basic(struct memfs_query *query)
{
    PFILE_STAT_BASIC_INFORMATION info = take(query, sizeof *info);
    FILE_STAT_INFORMATION stat;
    if (!info)
        return STATUS_INFO_LENGTH_MISMATCH;
    fill_stat(query, &stat);
    memcpy(info, &stat, FIELD_OFFSET(FILE_STAT_BASIC_INFORMATION, DeviceType));
    info->DeviceType = FILE_DEVICE_DISK;
    info->DeviceCharacteristics = query->scb->volume->disk->Characteristics | FILE_DEVICE_IS_MOUNTED;
    info->VolumeSerialNumber.QuadPart = query->scb->volume->store->serial;
    memcpy(&info->FileId128, &query->scb->node->id, sizeof query->scb->node->id);
    return STATUS_SUCCESS;
}

static NTSTATUS query_case(struct memfs_query *query)
{
    PFILE_CASE_SENSITIVE_INFORMATION info = take(query, sizeof *info);
    return info ? STATUS_SUCCESS : STATUS_INFO_LENGTH_MISMATCH;
}

/* -- everything -------------------------------------------------------------------------------- */

static NTSTATUS query_all(struct memfs_query *query)
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
    return MemfsQueryPath(query, (ULONG)FIELD_OFFSET(FILE_ALL_INFORMATION, NameInformation), false);
}

/* -- the request ------------------------------------------------------------------------------- */

static NTSTATUS query_ntfs_only(struct memfs_query *query, FILE_INFORMATION_CLASS kind)
{
    switch ((int)kind) {
    case FileAttributeTagInformation:
        return query_tag(query);
    case FileCompressionInformation:
        return query_compression(query);
    case FileStreamInformation:
        return MemfsQueryStreams(query);
    case FileHardLinkInformation:
        return MemfsQueryLinks(query);
    case FileIdInformation:
        return query_id(query);
    case FileNormalizedNameInformation:
        return MemfsQueryPath(query, 0, true);
    case FileStandardLinkInformation:
        return query_standard_link(query);
    case FileHardLinkFullIdInformation:
        return MemfsQueryLinksFullId(query);
    case FileStatInformation:
        return query_stat(query);
    case FileStatLxInformation:
        return query_stat_lx(query);
    case FileStatBasicInformation:
        return query_stat_basic(query);
    case FileCaseSensitiveInformation:
        return query_case(query);
    default:
        return STATUS_INVALID_PARAMETER;
    }
}

static NTSTATUS query_class(struct memfs_query *query, FILE_INFORMATION_CLASS kind)
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
        return MemfsQueryPath(query, 0, false);
    case FileAllInformation:
        return query_all(query);
    case FileAlternateNameInformation:
        return MemfsQueryAlternateName(query);
    case FileNetworkOpenInformation:
        return query_network(query);
    default:
        return query->scb->volume->store->ntfs ? query_ntfs_only(query, kind)
                                               : STATUS_INVALID_PARAMETER;
    }
}

/* The last handle went and took the file along; only pointers to the file object are left to ask by. Where it took a stream
 * alone, the file's identity is still there: filters tell the one from the other by that. */
static bool is_gone(const struct memfs_scb *scb, FILE_INFORMATION_CLASS kind)
{
    if (MemfsCount(&scb->handles))
        return false;
    return MemfsCount(&scb->node->link_count) == 0 ||
           (scb->stream && MemfsIs(&scb->stream->removed) && kind != FileInternalInformation);
}

static NTSTATUS query_open_file(struct memfs_query *query, FILE_INFORMATION_CLASS kind)
{
    FsRtlEnterFileSystem();
    ExAcquireResourceSharedLite(&query->scb->main, TRUE);
    NTSTATUS status = is_gone(query->scb, kind) ? STATUS_FILE_DELETED : query_class(query, kind);
    ExReleaseResourceLite(&query->scb->main);
    FsRtlExitFileSystem();
    return status;
}

NTSTATUS MemfsQueryClass(PFILE_OBJECT file, FILE_INFORMATION_CLASS kind, PVOID buffer, PULONG length)
{
    struct memfs_query query = {
        .file = file, .scb = MemfsScbOf(file), .ccb = MemfsCcbOf(file), .buffer = buffer, .room = *length};
    RtlZeroMemory(buffer, *length);
    NTSTATUS status = query_open_file(&query, kind);
    *length = NT_ERROR(status) ? 0 : query.used;
    return status;
}

NTSTATUS MemfsQueryInformation(PDEVICE_OBJECT device, PIRP irp)
{
    PIO_STACK_LOCATION stack = IoGetCurrentIrpStackLocation(irp);
    PFILE_OBJECT file = stack->FileObject;
    struct memfs_query query = {.file = file,
                          .scb = file ? MemfsScbOf(file) : NULL,
                          .ccb = file ? MemfsCcbOf(file) : NULL,
                          .buffer = irp->AssociatedIrp.SystemBuffer,
                          .room = stack->Parameters.QueryFile.Length};
    if (!query.scb || !query.ccb || !query.scb->node)
        return MemfsComplete(irp, STATUS_INVALID_PARAMETER, 0);
    if (MemfsIs(&query.scb->volume->dismounted))
        return MemfsComplete(irp, STATUS_VOLUME_DISMOUNTED, 0);
    NTSTATUS status = query_open_file(&query, stack->Parameters.QueryFile.FileInformationClass);
    return MemfsComplete(irp, status, NT_ERROR(status) ? 0 : query.used);
}
