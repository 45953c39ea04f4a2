/* IRP_MJ_SET_INFORMATION, but for renames (rename.c). */
#include "memfs/memfs.h"

/* -- times and attributes ---------------------------------------------------------------------- */

static bool set_time(LONGLONG *time, LONGLONG value, struct memfs_ccb *ccb)
{
    if (value == -1 ||
        value == -2) { /* this handle's operations leave (or again change) the time alone */
        ccb->flags = value == -1 ? ccb->flags | MEMFS_CCB_USER_TIMES
                                 : ccb->flags & ~(ULONG)MEMFS_CCB_USER_TIMES;
        return false;
    }
    if (value == 0)
        return false;
    MemfsSetTime(time, value);
    return true;
}

static NTSTATUS set_basic(struct memfs_scb *scb, PFILE_OBJECT file,
                          const FILE_BASIC_INFORMATION *info)
{
    const ULONG settable = FILE_ATTRIBUTE_READONLY | FILE_ATTRIBUTE_HIDDEN | FILE_ATTRIBUTE_SYSTEM |
                           FILE_ATTRIBUTE_ARCHIVE | FILE_ATTRIBUTE_TEMPORARY |
                           FILE_ATTRIBUTE_OFFLINE | FILE_ATTRIBUTE_NOT_CONTENT_INDEXED;
    struct memfs_node *node = scb->node;
    struct memfs_ccb *ccb = MemfsCcbOf(file);
    ULONG filter = 0, before = MemfsBits(node);
    bool directory = MemfsIsDirectory(node);
    if (info->FileAttributes & FILE_ATTRIBUTE_DIRECTORY && !directory)
        return STATUS_INVALID_PARAMETER;
    if (info->FileAttributes & FILE_ATTRIBUTE_TEMPORARY && directory)
        return STATUS_INVALID_PARAMETER;
    if (info->CreationTime.QuadPart < -2 || info->LastAccessTime.QuadPart < -2 ||
        info->LastWriteTime.QuadPart < -2 || info->ChangeTime.QuadPart < -2)
        return STATUS_INVALID_PARAMETER;
    MemfsLockNode(node);
    if (set_time(&node->created, info->CreationTime.QuadPart, ccb))
        filter |= FILE_NOTIFY_CHANGE_CREATION;
    if (set_time(&node->accessed, info->LastAccessTime.QuadPart, ccb))
        filter |= FILE_NOTIFY_CHANGE_LAST_ACCESS;
    if (set_time(&node->written, info->LastWriteTime.QuadPart, ccb)) {
        filter |= FILE_NOTIFY_CHANGE_LAST_WRITE;
        ccb->flags |= MEMFS_CCB_USER_TIMES;
    }
    if (info->FileAttributes) {
        MemfsSetBits(node, (info->FileAttributes & settable) |
                               (node->attributes & FILE_ATTRIBUTE_DIRECTORY));
        filter |= FILE_NOTIFY_CHANGE_ATTRIBUTES;
    }
    if (!set_time(&node->changed, info->ChangeTime.QuadPart, ccb) && filter)
        MemfsSetTime(&node->changed, MemfsNow());
    MemfsUnlockNode(node);
    if (info->FileAttributes & FILE_ATTRIBUTE_TEMPORARY)
        MemfsMark(file, FO_TEMPORARY_FILE);
    if (filter)
        MemfsNotify(scb->volume, ccb->link, NULL, filter, FILE_ACTION_MODIFIED);
    bool indexing = ((before ^ MemfsBits(node)) & FILE_ATTRIBUTE_NOT_CONTENT_INDEXED) != 0;
    MemfsChanged(scb->volume, ccb->link,
                 (filter ? USN_REASON_BASIC_INFO_CHANGE : 0) | (indexing ? USN_REASON_INDEXABLE_CHANGE : 0), ccb);
    return STATUS_SUCCESS;
}

/* -- disposition ------------------------------------------------------------------------------- */

static NTSTATUS may_delete(struct memfs_scb *scb, struct memfs_ccb *ccb, ULONG flags)
{
    struct memfs_node *node = scb->node;
    bool named = scb->stream && scb->stream->name_length;
    if (node == node->store->root && !named)
        return STATUS_CANNOT_DELETE;
    if (ccb->flags & MEMFS_CCB_BY_ID)
        return STATUS_INVALID_PARAMETER;
    if (MemfsIsReadOnly(scb->volume))
        return STATUS_MEDIA_WRITE_PROTECTED;
    if (MemfsBits(node) & FILE_ATTRIBUTE_READONLY &&
        !(flags & FILE_DISPOSITION_IGNORE_READONLY_ATTRIBUTE))
        return STATUS_CANNOT_DELETE;
    if (MemfsIs(&ccb->link->removed))
        return STATUS_FILE_DELETED;
    if (!named && MemfsIsDirectory(node)) {
        MemfsLockNode(node);
        ULONG children = node->child_count;
        MemfsUnlockNode(node);
        if (children)
            return STATUS_DIRECTORY_NOT_EMPTY;
    }
    if (scb->stream && !MmFlushImageSection(&scb->sections, MmFlushForDelete))
        return STATUS_CANNOT_DELETE;
    return STATUS_SUCCESS;
}

NTSTATUS MemfsSetDisposition(PFILE_OBJECT file, ULONG flags)
{
    struct memfs_scb *scb = MemfsScbOf(file);
    struct memfs_ccb *ccb = MemfsCcbOf(file);
    bool named = scb->stream && scb->stream->name_length,
         remove = (flags & FILE_DISPOSITION_DELETE) != 0;
    if (flags & FILE_DISPOSITION_ON_CLOSE) {
        ccb->flags = remove ? ccb->flags | MEMFS_CCB_DELETE_ON_CLOSE
                            : ccb->flags & ~(ULONG)MEMFS_CCB_DELETE_ON_CLOSE;
        return STATUS_SUCCESS;
    }
    if (remove) {
        NTSTATUS status = may_delete(scb, ccb, flags);
        if (!NT_SUCCESS(status))
            return status;
    }
    if (named) {
        MemfsSetIs(&scb->stream->delete_pending, remove);
    } else if (!MemfsIs(&ccb->link->removed)) {
        MemfsSetIs(&ccb->link->delete_pending, remove);
        if (remove)
            MemfsEndWatches(scb);
        ccb->flags &= ~(ULONG)MEMFS_CCB_POSIX_DELETE;
        if (remove && flags & FILE_DISPOSITION_POSIX_SEMANTICS)
            ccb->flags |= MEMFS_CCB_POSIX_DELETE;
    }
    file->DeletePending = remove;
    return STATUS_SUCCESS;
}

/* -- sizes ------------------------------------------------------------------------------------- */

/* The cache tells where its data ends (advance only): never shrinks. */
static NTSTATUS set_end_of_file(struct memfs_scb *scb, PFILE_OBJECT file, LONGLONG size,
                                bool advance_only)
{
    LARGE_INTEGER end = {.QuadPart = size};
    if (advance_only) {
        LONGLONG now = MemfsLoad(&scb->header.FileSize);
        MemfsRaise(&scb->header.ValidDataLength, size < now ? size : now);
        return STATUS_SUCCESS;
    }
    if (size < 0)
        return STATUS_INVALID_PARAMETER;
    if (MemfsIsReadOnly(scb->volume))
        return STATUS_MEDIA_WRITE_PROTECTED;
    if (size < MemfsLoad(&scb->header.FileSize) && !MmCanFileBeTruncated(&scb->sections, &end))
        return MemfsInUse(scb);
    LONGLONG before = MemfsLoad(&scb->header.FileSize);
    NTSTATUS status = MemfsSetFileSize(scb, size);
    if (NT_SUCCESS(status)) {
        MemfsChanged(scb->volume, MemfsCcbOf(file)->link, MemfsDataReasons(scb->stream, MemfsSizeReason(before, size)),
                     MemfsCcbOf(file));
        MemfsMark(file, FO_FILE_MODIFIED | FO_FILE_SIZE_CHANGED);
        MemfsTellCache(scb, file);
        MemfsNotify(scb->volume, MemfsCcbOf(file)->link, scb->stream, FILE_NOTIFY_CHANGE_SIZE,
                    FILE_ACTION_MODIFIED);
    }
    return status;
}

static NTSTATUS set_allocation(struct memfs_scb *scb, PFILE_OBJECT file, LONGLONG size)
{
    if (size < 0)
        return STATUS_INVALID_PARAMETER;
    if (size < MemfsLoad(&scb->header.FileSize))
        return set_end_of_file(scb, file, size, false);
    if (MemfsIsReadOnly(scb->volume))
        return STATUS_MEDIA_WRITE_PROTECTED;
    NTSTATUS status = MemfsSetAllocation(scb, size);
    if (NT_SUCCESS(status))
        MemfsTellCache(scb, file);
    return status;
}

static NTSTATUS set_valid_data(struct memfs_scb *scb, PFILE_OBJECT file, LONGLONG size)
{
    if (size < MemfsLoad(&scb->header.ValidDataLength) || size > MemfsLoad(&scb->header.FileSize))
        return STATUS_INVALID_PARAMETER;
    if (!MmCanFileBeTruncated(&scb->sections, NULL))
        return MemfsInUse(scb);
    MemfsStore(&scb->header.ValidDataLength, size);
    MemfsTellCache(scb, file);
    return STATUS_SUCCESS;
}

static NTSTATUS set_size(struct memfs_scb *scb, PFILE_OBJECT file, FILE_INFORMATION_CLASS kind,
                         const VOID *buffer, bool advance_only)
{
    LONGLONG size = *(const LONGLONG *)buffer;
    if (!scb->stream)
        return STATUS_INVALID_PARAMETER;
    if (MemfsIs(&scb->stream->removed) || MemfsCount(&scb->node->link_count) == 0)
        return STATUS_FILE_DELETED;
    switch ((int)kind) {
    case FileEndOfFileInformation:
        return set_end_of_file(scb, file, size, advance_only);
    case FileAllocationInformation:
        return set_allocation(scb, file, size);
    default:
        return set_valid_data(scb, file, size);
    }
}

static NTSTATUS set_position(struct memfs_scb *scb, PFILE_OBJECT file,
                             const FILE_POSITION_INFORMATION *info)
{
    if (info->CurrentByteOffset.QuadPart < 0)
        return STATUS_INVALID_PARAMETER;
    if (file->Flags & FO_NO_INTERMEDIATE_BUFFERING &&
        info->CurrentByteOffset.QuadPart % MEMFS_SECTOR)
        return STATUS_INVALID_PARAMETER;
    file->CurrentByteOffset = info->CurrentByteOffset;
    return STATUS_SUCCESS;
}

/* -- the request ------------------------------------------------------------------------------- */

static ULONG least_length(FILE_INFORMATION_CLASS kind)
{
    switch ((int)kind) {
    case FileBasicInformation:
        return sizeof(FILE_BASIC_INFORMATION);
    case FileDispositionInformation:
        return sizeof(FILE_DISPOSITION_INFORMATION);
    case FileDispositionInformationEx:
        return sizeof(FILE_DISPOSITION_INFORMATION_EX);
    case FileCaseSensitiveInformation:
        return sizeof(FILE_CASE_SENSITIVE_INFORMATION);
    default:
        return sizeof(LONGLONG);
    }
}

static NTSTATUS set_locked(struct memfs_scb *scb, PFILE_OBJECT file, PIRP irp)
{
    PIO_STACK_LOCATION stack = IoGetCurrentIrpStackLocation(irp);
    FILE_INFORMATION_CLASS kind = stack->Parameters.SetFile.FileInformationClass;
    PVOID buffer = irp->AssociatedIrp.SystemBuffer;
    bool ntfs = scb->volume->store->ntfs;
    if (stack->Parameters.SetFile.Length < least_length(kind))
        return STATUS_INFO_LENGTH_MISMATCH;
    switch ((int)kind) {
    case FileBasicInformation:
        return MemfsIsReadOnly(scb->volume) ? STATUS_MEDIA_WRITE_PROTECTED
                                            : set_basic(scb, file, buffer);
    case FileDispositionInformation:
        return MemfsSetDisposition(file, ((PFILE_DISPOSITION_INFORMATION)buffer)->DeleteFile
                                             ? FILE_DISPOSITION_DELETE
                                             : 0);
    case FileDispositionInformationEx:
        return ntfs ? MemfsSetDisposition(file, ((PFILE_DISPOSITION_INFORMATION_EX)buffer)->Flags)
                    : STATUS_INVALID_PARAMETER;
    case FilePositionInformation:
        return set_position(scb, file, buffer);
    case FileEndOfFileInformation:
    case FileAllocationInformation:
    case FileValidDataLengthInformation:
        return set_size(scb, file, kind, buffer, stack->Parameters.SetFile.AdvanceOnly);
    case FileRenameInformation:
    case FileRenameInformationBypassAccessCheck:
        return MemfsRename(scb->volume, file, irp, false);
    case FileLinkInformation:
    case FileLinkInformationBypassAccessCheck:
        return ntfs ? MemfsRename(scb->volume, file, irp, true) : STATUS_INVALID_DEVICE_REQUEST;
    case FileRenameInformationEx:
    case FileRenameInformationExBypassAccessCheck:
        return ntfs ? MemfsRename(scb->volume, file, irp, false) : STATUS_INVALID_PARAMETER;
    case FileLinkInformationEx:
    case FileLinkInformationExBypassAccessCheck:
        return ntfs ? MemfsRename(scb->volume, file, irp, true) : STATUS_INVALID_PARAMETER;
    case FileShortNameInformation:
        return ntfs ? MemfsSetShortName(file, irp) : STATUS_INVALID_PARAMETER;
    case FileCaseSensitiveInformation:
        return STATUS_NOT_SUPPORTED;
    default:
        return STATUS_INVALID_PARAMETER;
    }
}

NTSTATUS MemfsSetInformation(PDEVICE_OBJECT device, PIRP irp)
{
    PIO_STACK_LOCATION stack = IoGetCurrentIrpStackLocation(irp);
    PFILE_OBJECT file = stack->FileObject;
    struct memfs_scb *scb = file ? MemfsScbOf(file) : NULL;
    if (!scb || !scb->node || !file->FsContext2)
        return MemfsComplete(irp, STATUS_INVALID_PARAMETER, 0);
    if (MemfsIs(&scb->volume->dismounted))
        return MemfsComplete(irp, STATUS_VOLUME_DISMOUNTED, 0);
    bool lazy = stack->Parameters.SetFile.FileInformationClass == FileEndOfFileInformation &&
                stack->Parameters.SetFile.AdvanceOnly; /* the cache's own */
    NTSTATUS status = lazy ? STATUS_SUCCESS : MemfsCheckOplock(scb, irp);
    if (status == STATUS_PENDING)
        return status;
    if (!NT_SUCCESS(status))
        return MemfsComplete(irp, status, 0);
    FsRtlEnterFileSystem();
    ExAcquireResourceExclusiveLite(&scb->main, TRUE);
    status = set_locked(scb, file, irp);
    ExReleaseResourceLite(&scb->main);
    FsRtlExitFileSystem();
    return MemfsComplete(irp, status, 0);
}
