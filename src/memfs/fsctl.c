/* IRP_MJ_FILE_SYSTEM_CONTROL. */
#include "memfs/memfs.h"

#include <string.h>

struct control {
    PIRP irp;
    PFILE_OBJECT file;
    struct memfs_volume *volume;
    struct memfs_scb *scb;
    struct memfs_ccb *ccb;
    PVOID buffer; /* METHOD_BUFFERED */
    ULONG in, out;
    ULONG_PTR done;
};

/* -- reparse points ---------------------------------------------------------------------------- */

static NTSTATUS check_reparse(struct control *c, ULONG head)
{
    if (!c->volume->store->ntfs)
        return STATUS_INVALID_DEVICE_REQUEST;
    if (!c->scb->node || (c->scb->stream && c->scb->stream->name_length))
        return STATUS_INVALID_PARAMETER;
    if (c->in < head)
        return STATUS_IO_REPARSE_DATA_INVALID;
    return MemfsIsReadOnly(c->volume) ? STATUS_MEDIA_WRITE_PROTECTED : STATUS_SUCCESS;
}

static NTSTATUS same_tag(const struct memfs_node *node, const REPARSE_DATA_BUFFER *data)
{
    if (node->reparse->ReparseTag != data->ReparseTag)
        return STATUS_IO_REPARSE_TAG_MISMATCH;
    if (IsReparseTagMicrosoft(data->ReparseTag))
        return STATUS_SUCCESS;
    return memcmp(&((PREPARSE_GUID_DATA_BUFFER)node->reparse)->ReparseGuid,
                  &((const REPARSE_GUID_DATA_BUFFER *)data)->ReparseGuid, sizeof(GUID)) == 0
               ? STATUS_SUCCESS
               : STATUS_REPARSE_ATTRIBUTE_CONFLICT;
}

static NTSTATUS set_reparse(struct control *c)
{
    PREPARSE_DATA_BUFFER data = c->buffer;
    NTSTATUS status = check_reparse(c, REPARSE_DATA_BUFFER_HEADER_SIZE);
    if (NT_SUCCESS(status))
        status = FsRtlValidateReparsePointBuffer(c->in, data);
    if (!NT_SUCCESS(status))
        return status;
    struct memfs_node *node = c->scb->node;
    if (data->ReparseTag == IO_REPARSE_TAG_MOUNT_POINT && !MemfsIsDirectory(node))
        return STATUS_NOT_A_DIRECTORY;
    MemfsLockNode(node);
    if (MemfsIsDirectory(node) && node->child_count)
        status = STATUS_DIRECTORY_NOT_EMPTY;
    else if (node->ea_length)
        status = STATUS_EAS_NOT_SUPPORTED;
    else if (node->reparse)
        status = same_tag(node, data);
    if (NT_SUCCESS(status)) {
        sim_free(node->reparse);
        node->reparse = sim_alloc(c->in);
        memcpy(node->reparse, data, c->in);
        node->reparse_length = c->in;
        MemfsSetTime(&node->changed, MemfsNow());
    }
    MemfsUnlockNode(node);
    return status;
}

static NTSTATUS get_reparse(struct control *c)
{
    if (!c->volume->store->ntfs)
        return STATUS_INVALID_DEVICE_REQUEST;
    if (!c->scb->node)
        return STATUS_INVALID_PARAMETER;
    struct memfs_node *node = c->scb->node;
    NTSTATUS status = STATUS_SUCCESS;
    MemfsLockNode(node);
    ULONG length = node->reparse ? node->reparse_length : 0,
          count = length < c->out ? length : c->out;
    if (!length)
        status = STATUS_NOT_A_REPARSE_POINT;
    else if (c->out < REPARSE_DATA_BUFFER_HEADER_SIZE)
        status = STATUS_BUFFER_TOO_SMALL;
    else
        memcpy(c->buffer, node->reparse, count);
    MemfsUnlockNode(node);
    if (!NT_SUCCESS(status))
        return status;
    c->done = count;
    return count < length ? STATUS_BUFFER_OVERFLOW : STATUS_SUCCESS;
}

static NTSTATUS delete_reparse(struct control *c)
{
    PREPARSE_DATA_BUFFER data = c->buffer;
    NTSTATUS status = check_reparse(c, REPARSE_DATA_BUFFER_HEADER_SIZE);
    if (!NT_SUCCESS(status))
        return status;
    if (data->ReparseDataLength != 0)
        return STATUS_IO_REPARSE_DATA_INVALID;
    struct memfs_node *node = c->scb->node;
    MemfsLockNode(node);
    status = node->reparse ? same_tag(node, data) : STATUS_NOT_A_REPARSE_POINT;
    if (NT_SUCCESS(status)) {
        sim_free(node->reparse);
        node->reparse = NULL;
        node->reparse_length = 0;
        MemfsSetTime(&node->changed, MemfsNow());
    }
    MemfsUnlockNode(node);
    return status;
}

/* -- object ids -------------------------------------------------------------------------------- */

static NTSTATUS set_object_id(struct control *c)
{
    if (!c->volume->store->ntfs)
        return STATUS_INVALID_DEVICE_REQUEST;
    if (!c->scb->node || c->in != sizeof(FILE_OBJECTID_BUFFER))
        return STATUS_INVALID_PARAMETER;
    struct memfs_node *node = c->scb->node, *other = MemfsFindObjectId(c->volume->store, c->buffer);
    NTSTATUS status = node->has_object_id ? STATUS_OBJECT_NAME_COLLISION
                      : other             ? STATUS_DUPLICATE_NAME
                                          : STATUS_SUCCESS;
    if (other)
        MemfsReleaseNode(other);
    if (NT_SUCCESS(status)) {
        MemfsLockNode(node);
        memcpy(&node->object_id, c->buffer, sizeof node->object_id);
        node->has_object_id = true;
        MemfsUnlockNode(node);
    }
    return status;
}

static NTSTATUS get_object_id(struct control *c, bool create)
{
    if (!c->volume->store->ntfs)
        return STATUS_INVALID_DEVICE_REQUEST;
    if (!c->scb->node)
        return STATUS_INVALID_PARAMETER;
    if (c->out < sizeof(FILE_OBJECTID_BUFFER))
        return STATUS_INVALID_PARAMETER;
    struct memfs_node *node = c->scb->node;
    MemfsLockNode(node);
    if (!node->has_object_id && create) {
        /* The same in each run: from the volume's number and the file's. */
        memset(&node->object_id, 0, sizeof node->object_id);
        memcpy(node->object_id.ObjectId, &node->id, sizeof node->id);
        memcpy(node->object_id.ObjectId + 8, &node->store->serial, sizeof node->store->serial);
        memcpy(node->object_id.BirthObjectId, node->object_id.ObjectId, 16);
        node->has_object_id = true;
    }
    bool has = node->has_object_id;
    if (has)
        memcpy(c->buffer, &node->object_id, sizeof node->object_id);
    MemfsUnlockNode(node);
    if (!has)
        return STATUS_OBJECTID_NOT_FOUND;
    c->done = sizeof(FILE_OBJECTID_BUFFER);
    return STATUS_SUCCESS;
}

static NTSTATUS delete_object_id(struct control *c)
{
    if (!c->volume->store->ntfs)
        return STATUS_INVALID_DEVICE_REQUEST;
    if (!c->scb->node)
        return STATUS_INVALID_PARAMETER;
    c->scb->node->has_object_id = false;
    return STATUS_SUCCESS;
}

/* -- ranges ------------------------------------------------------------------------------------ */

static NTSTATUS set_sparse(struct control *c)
{
    if (!c->volume->store->ntfs)
        return STATUS_INVALID_DEVICE_REQUEST;
    if (!c->scb->stream)
        return STATUS_INVALID_PARAMETER;
    PFILE_SET_SPARSE_BUFFER set = c->buffer;
    ExAcquireResourceExclusiveLite(&c->scb->main, TRUE);
    c->scb->stream->sparse = c->in >= sizeof *set ? set->SetSparse : true;
    ExReleaseResourceLite(&c->scb->main);
    return STATUS_SUCCESS;
}

static NTSTATUS zero_range(struct control *c, LONGLONG from, LONGLONG end)
{
    struct memfs_scb *scb = c->scb;
    IO_STATUS_BLOCK iosb;
    LARGE_INTEGER offset = {.QuadPart = from};
    if (MemfsHasPages(scb)) {
        CcFlushCache(&scb->sections, NULL, 0, &iosb);
        if (!CcPurgeCacheSection(&scb->sections, NULL, 0,
                                 0)) { /* views are open: zero what they show */
            LARGE_INTEGER last = {.QuadPart = end};
            CcZeroData(c->file, &offset, &last, TRUE);
            return STATUS_SUCCESS;
        }
    }
    ExAcquireResourceExclusiveLite(&scb->paging, TRUE);
    MemfsZeroRange(scb->stream, from, end);
    ExReleaseResourceLite(&scb->paging);
    return STATUS_SUCCESS;
}

static NTSTATUS set_zero_data(struct control *c)
{
    PFILE_ZERO_DATA_INFORMATION zero = c->buffer;
    if (!c->volume->store->ntfs)
        return STATUS_INVALID_DEVICE_REQUEST;
    if (!c->scb->stream || c->in < sizeof *zero || zero->FileOffset.QuadPart < 0 ||
        zero->BeyondFinalZero.QuadPart < zero->FileOffset.QuadPart)
        return STATUS_INVALID_PARAMETER;
    if (MemfsIsReadOnly(c->volume))
        return STATUS_MEDIA_WRITE_PROTECTED;
    ExAcquireResourceExclusiveLite(&c->scb->main, TRUE);
    LONGLONG size = MemfsLoad(&c->scb->header.FileSize), end = zero->BeyondFinalZero.QuadPart;
    if (end > size)
        end = size;
    NTSTATUS status = zero->FileOffset.QuadPart < end
                          ? zero_range(c, zero->FileOffset.QuadPart, end)
                          : STATUS_SUCCESS;
    MemfsMark(c->file, FO_FILE_MODIFIED);
    ExReleaseResourceLite(&c->scb->main);
    return status;
}

/* One page of the disk at a time: neighbours are one range. */
static NTSTATUS put_ranges(struct control *c, PFILE_ALLOCATED_RANGE_BUFFER out, ULONG room,
                           LONGLONG from, LONGLONG end)
{
    struct memfs_stream *stream = c->scb->stream;
    ULONG count = 0;
    NTSTATUS status = STATUS_SUCCESS;
    LONGLONG next = -1;
    ExAcquireFastMutex(&stream->lock);
    for (LONGLONG at = from & ~(LONGLONG)(MEMFS_PAGE - 1); at < end; at += MEMFS_PAGE) {
        ULONGLONG page = (ULONGLONG)at / MEMFS_PAGE;
        if (stream->sparse && (page >= stream->page_count || !stream->pages[page]))
            continue;
        if (next == at) {
            out[count - 1].Length.QuadPart += MEMFS_PAGE;
        } else if ((count + 1) * sizeof *out > room) {
            status = STATUS_BUFFER_OVERFLOW;
            break;
        } else {
            out[count].FileOffset.QuadPart = at;
            out[count++].Length.QuadPart = MEMFS_PAGE;
        }
        next = at + MEMFS_PAGE;
    }
    ExReleaseFastMutex(&stream->lock);
    c->done = count * sizeof *out;
    return status == STATUS_BUFFER_OVERFLOW && count == 0 ? STATUS_BUFFER_TOO_SMALL : status;
}

static NTSTATUS query_ranges(struct control *c)
{
    PIO_STACK_LOCATION stack = IoGetCurrentIrpStackLocation(c->irp);
    PFILE_ALLOCATED_RANGE_BUFFER in = stack->Parameters.FileSystemControl.Type3InputBuffer,
                                 out = MemfsBuffer(c->irp);
    if (!c->volume->store->ntfs)
        return STATUS_INVALID_DEVICE_REQUEST;
    if (!c->scb->stream || c->in < sizeof *in || !in || in->FileOffset.QuadPart < 0 ||
        in->Length.QuadPart < 0)
        return STATUS_INVALID_PARAMETER;
    IO_STATUS_BLOCK iosb;
    ExAcquireResourceExclusiveLite(&c->scb->main, TRUE);
    CcFlushCache(&c->scb->sections, NULL, 0, &iosb);
    LONGLONG size = MemfsLoad(&c->scb->header.FileSize),
             end = in->FileOffset.QuadPart + in->Length.QuadPart;
    NTSTATUS status = put_ranges(c, out, c->out, in->FileOffset.QuadPart, end < size ? end : size);
    ExReleaseResourceLite(&c->scb->main);
    return status;
}

/* -- compression: remembered, not done --------------------------------------------------------- */

static NTSTATUS get_compression(struct control *c)
{
    if (!c->scb->node || c->out < sizeof(USHORT))
        return STATUS_INVALID_PARAMETER;
    *(USHORT *)c->buffer = c->scb->stream && c->scb->stream->compressed ? COMPRESSION_FORMAT_LZNT1
                                                                        : COMPRESSION_FORMAT_NONE;
    c->done = sizeof(USHORT);
    return STATUS_SUCCESS;
}

static NTSTATUS set_compression(struct control *c)
{
    if (!c->volume->store->ntfs)
        return STATUS_INVALID_DEVICE_REQUEST;
    if (!c->scb->node || c->in < sizeof(USHORT))
        return STATUS_INVALID_PARAMETER;
    if (c->scb->stream)
        c->scb->stream->compressed = *(const USHORT *)c->buffer != COMPRESSION_FORMAT_NONE;
    return STATUS_SUCCESS;
}

/* -- the volume -------------------------------------------------------------------------------- */

static NTSTATUS lock_volume(struct control *c)
{
    if (c->scb->node)
        return STATUS_INVALID_PARAMETER;
    if (c->volume->locked_by)
        return STATUS_ACCESS_DENIED;
    MemfsFlushVolume(c->volume);
    MemfsTrimVolume(c->volume);
    if (MemfsIsInUse(c->volume, c->file))
        return STATUS_ACCESS_DENIED;
    c->volume->locked_by = c->file;
    return STATUS_SUCCESS;
}

static NTSTATUS unlock_volume(struct control *c)
{
    if (c->scb->node)
        return STATUS_INVALID_PARAMETER;
    if (c->volume->locked_by != c->file)
        return STATUS_NOT_LOCKED;
    c->volume->locked_by = NULL;
    return STATUS_SUCCESS;
}

static NTSTATUS dismount_volume(struct control *c)
{
    if (c->scb->node)
        return STATUS_INVALID_PARAMETER;
    if (c->volume->locked_by && c->volume->locked_by != c->file)
        return STATUS_ACCESS_DENIED;
    MemfsDismountVolume(c->volume, true);
    return STATUS_SUCCESS;
}

static NTSTATUS ntfs_data(struct control *c)
{
    PNTFS_VOLUME_DATA_BUFFER data = c->buffer;
    struct memfs_store *store = c->volume->store;
    if (!store->ntfs)
        return STATUS_INVALID_DEVICE_REQUEST;
    if (c->out < sizeof *data)
        return STATUS_BUFFER_TOO_SMALL;
    memset(data, 0, sizeof *data);
    data->VolumeSerialNumber.QuadPart = store->serial;
    data->NumberSectors.QuadPart = store->size / MEMFS_SECTOR;
    data->TotalClusters.QuadPart = store->size / MEMFS_CLUSTER;
    data->FreeClusters.QuadPart =
        (store->size - __atomic_load_n(&store->used, __ATOMIC_RELAXED)) / MEMFS_CLUSTER;
    data->BytesPerSector = MEMFS_SECTOR;
    data->BytesPerCluster = MEMFS_CLUSTER;
    data->BytesPerFileRecordSegment = 1024;
    data->MftValidDataLength.QuadPart = __atomic_load_n(&store->next_id, __ATOMIC_RELAXED) * 1024;
    c->done = sizeof *data;
    return STATUS_SUCCESS;
}

static NTSTATUS is_path_valid(struct control *c)
{
    return STATUS_SUCCESS;
}

static NTSTATUS allow_dasd(struct control *c)
{
    if (c->scb->node)
        return STATUS_INVALID_PARAMETER;
    c->ccb->flags |= MEMFS_CCB_DIRECT;
    return STATUS_SUCCESS;
}

/* -- the request ------------------------------------------------------------------------------- */

static NTSTATUS run(struct control *c, ULONG code)
{
    switch (code) {
    case FSCTL_SET_REPARSE_POINT:
        return set_reparse(c);
    case FSCTL_GET_REPARSE_POINT:
        return get_reparse(c);
    case FSCTL_DELETE_REPARSE_POINT:
        return delete_reparse(c);
    case FSCTL_SET_OBJECT_ID:
        return set_object_id(c);
    case FSCTL_GET_OBJECT_ID:
        return get_object_id(c, false);
    case FSCTL_CREATE_OR_GET_OBJECT_ID:
        return get_object_id(c, true);
    case FSCTL_DELETE_OBJECT_ID:
        return delete_object_id(c);
    case FSCTL_SET_SPARSE:
        return set_sparse(c);
    case FSCTL_SET_ZERO_DATA:
        return set_zero_data(c);
    case FSCTL_QUERY_ALLOCATED_RANGES:
        return query_ranges(c);
    case FSCTL_GET_COMPRESSION:
        return get_compression(c);
    case FSCTL_SET_COMPRESSION:
        return set_compression(c);
    case FSCTL_LOCK_VOLUME:
        return lock_volume(c);
    case FSCTL_UNLOCK_VOLUME:
        return unlock_volume(c);
    case FSCTL_DISMOUNT_VOLUME:
        return dismount_volume(c);
    case FSCTL_IS_VOLUME_MOUNTED:
        return STATUS_SUCCESS;
    case FSCTL_IS_PATHNAME_VALID:
        return is_path_valid(c);
    case FSCTL_GET_NTFS_VOLUME_DATA:
        return ntfs_data(c);
    case FSCTL_ALLOW_EXTENDED_DASD_IO:
        return allow_dasd(c);
    case FSCTL_REQUEST_OPLOCK:
    case FSCTL_REQUEST_OPLOCK_LEVEL_1:
    case FSCTL_REQUEST_OPLOCK_LEVEL_2:
    case FSCTL_REQUEST_BATCH_OPLOCK:
    case FSCTL_REQUEST_FILTER_OPLOCK:
        return STATUS_OPLOCK_NOT_GRANTED;
    case FSCTL_OPLOCK_BREAK_ACKNOWLEDGE:
    case FSCTL_OPLOCK_BREAK_ACK_NO_2:
    case FSCTL_OPLOCK_BREAK_NOTIFY:
        return STATUS_INVALID_OPLOCK_PROTOCOL;
    default:
        return STATUS_INVALID_DEVICE_REQUEST;
    }
}

static NTSTATUS user_request(PIRP irp, ULONG_PTR *done)
{
    PIO_STACK_LOCATION stack = IoGetCurrentIrpStackLocation(irp);
    struct control c = {.irp = irp,
                        .file = stack->FileObject,
                        .buffer = irp->AssociatedIrp.SystemBuffer,
                        .in = stack->Parameters.FileSystemControl.InputBufferLength,
                        .out = stack->Parameters.FileSystemControl.OutputBufferLength};
    c.scb = c.file ? MemfsScbOf(c.file) : NULL;
    if (!c.scb || !c.file->FsContext2)
        return STATUS_INVALID_PARAMETER;
    c.ccb = MemfsCcbOf(c.file);
    c.volume = c.scb->volume;
    if (MemfsIs(&c.volume->dismounted))
        return STATUS_VOLUME_DISMOUNTED;
    NTSTATUS status = run(&c, stack->Parameters.FileSystemControl.FsControlCode);
    *done = c.done;
    return status;
}

static NTSTATUS verify_volume(PDEVICE_OBJECT device)
{
    struct memfs_volume *volume = device->DeviceExtension;
    return MemfsIs(&volume->dismounted) ? STATUS_WRONG_VOLUME : STATUS_SUCCESS;
}

NTSTATUS MemfsFileSystemControl(PDEVICE_OBJECT device, PIRP irp)
{
    struct memfs_control *control = device->DeviceExtension;
    ULONG_PTR done = 0;
    NTSTATUS status = STATUS_INVALID_DEVICE_REQUEST;
    FsRtlEnterFileSystem();
    switch (IoGetCurrentIrpStackLocation(irp)->MinorFunction) {
    case IRP_MN_MOUNT_VOLUME:
        if (control->kind == MEMFS_CONTROL_DEVICE)
            status = MemfsMountVolume(device, irp);
        break;
    case IRP_MN_VERIFY_VOLUME:
        if (control->kind == MEMFS_VOLUME_DEVICE)
            status = verify_volume(device);
        break;
    case IRP_MN_USER_FS_REQUEST:
    case IRP_MN_KERNEL_CALL:
        if (control->kind == MEMFS_VOLUME_DEVICE)
            status = user_request(irp, &done);
        break;
    default:
        break;
    }
    FsRtlExitFileSystem();
    return MemfsComplete(irp, status, NT_ERROR(status) ? 0 : done);
}
