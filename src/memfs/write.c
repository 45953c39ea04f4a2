/* IRP_MJ_WRITE: paging, non-cached and cached; sizes and valid data move here. */
#include "memfs/memfs.h"

#include <string.h>

struct write {
    PFILE_OBJECT file;
    struct memfs_scb *scb;
    LONGLONG offset, end, size; /* size: of the file before */
    ULONG length;
    bool paging, no_cache, mdl, append, exclusive;
};

enum { SMALL_GAP = 1 << 20 };

static NTSTATUS start_write(PIRP irp, struct write *write)
{
    PIO_STACK_LOCATION stack = IoGetCurrentIrpStackLocation(irp);
    LARGE_INTEGER offset = stack->Parameters.Write.ByteOffset;
    memset(write, 0, sizeof *write);
    write->file = stack->FileObject;
    write->scb = MemfsScbOf(write->file);
    write->length = stack->Parameters.Write.Length;
    write->paging = (irp->Flags & IRP_PAGING_IO) != 0;
    write->no_cache = irp->Flags & IRP_NOCACHE || write->file->Flags & FO_NO_INTERMEDIATE_BUFFERING;
    write->mdl = (stack->MinorFunction & IRP_MN_MDL) != 0;
    write->append = offset.HighPart == -1 && offset.LowPart == FILE_WRITE_TO_END_OF_FILE;
    if (offset.HighPart == -1 && offset.LowPart == FILE_USE_FILE_POINTER_POSITION)
        offset = write->file->CurrentByteOffset;
    write->offset = offset.QuadPart;
    if (!write->scb || !write->scb->node || !write->scb->stream)
        return STATUS_INVALID_DEVICE_REQUEST;
    if (MemfsIs(&write->scb->volume->dismounted))
        return STATUS_VOLUME_DISMOUNTED;
    if (MemfsIsReadOnly(write->scb->volume))
        return STATUS_MEDIA_WRITE_PROTECTED;
    if (!write->append &&
        (write->offset < 0 || write->offset > MAXLONGLONG - (LONGLONG)write->length))
        return STATUS_INVALID_PARAMETER;
    write->end = write->offset + write->length;
    return STATUS_SUCCESS;
}

static void settle_append(struct write *write)
{
    if (!write->append)
        return;
    write->offset = MemfsLoad(&write->scb->header.FileSize);
    write->end = write->offset + write->length;
}

/* Shared while the write stays inside of what is valid, else exclusive. */
static void lock_for(struct write *write)
{
    struct memfs_scb *scb = write->scb;
    if (!write->append && !write->no_cache) {
        ExAcquireResourceSharedLite(&scb->main, TRUE);
        if (write->end <= MemfsLoad(&scb->header.ValidDataLength))
            return;
        ExReleaseResourceLite(&scb->main);
    }
    ExAcquireResourceExclusiveLite(&scb->main, TRUE);
    write->exclusive = true;
    settle_append(write);
}

static NTSTATUS check_lock(PIRP irp, struct write *write)
{
    struct memfs_scb *scb = write->scb;
    if (!scb->locks)
        return STATUS_SUCCESS;
    if (!write->append)
        return FsRtlCheckLockForWriteAccess(scb->locks, irp) ? STATUS_SUCCESS
                                                             : STATUS_FILE_LOCK_CONFLICT;
    LARGE_INTEGER offset = {.QuadPart = write->offset}, length = {.QuadPart = write->length};
    ULONG key = IoGetCurrentIrpStackLocation(irp)->Parameters.Write.Key;
    return FsRtlFastCheckLockForWrite(scb->locks, &offset, &length, key, write->file,
                                      IoGetRequestorProcess(irp))
               ? STATUS_SUCCESS
               : STATUS_FILE_LOCK_CONFLICT;
}

static NTSTATUS extend(struct write *write)
{
    struct memfs_scb *scb = write->scb;
    if (write->end <= write->size)
        return STATUS_SUCCESS;
    NTSTATUS status = MemfsSetFileSize(scb, write->end);
    if (NT_SUCCESS(status))
        MemfsMark(write->file, FO_FILE_SIZE_CHANGED);
    return status;
}

/* A sparse file's clusters are taken when it is written, not when the cache gets to it. */
static NTSTATUS take_holes(struct write *write)
{
    struct memfs_stream *stream = write->scb->stream;
    return stream->sparse ? MemfsFillHoles(stream, write->offset, write->end) : STATUS_SUCCESS;
}

/* It could not be written: the file is as long as before. */
static void take_back(struct write *write)
{
    if (write->end <= write->size || !write->exclusive)
        return;
    MemfsSetFileSize(write->scb, write->size);
    MemfsTellCache(write->scb, write->file);
}

static void note_valid(struct write *write)
{
    MemfsRaise(&write->scb->header.ValidDataLength, write->end);
}

void MemfsWritten(PFILE_OBJECT file, ULONG reasons)
{
    struct memfs_scb *scb = MemfsScbOf(file);
    struct memfs_ccb *ccb = MemfsCcbOf(file);
    struct memfs_node *node = scb->node;
    if (!(ccb->flags & MEMFS_CCB_USER_TIMES))
        MemfsSetTime(&node->written, MemfsNow());
    InterlockedIncrement64(&node->revision);
    MemfsPurgeEas(scb);
    MemfsChanged(scb->volume, ccb->link, MemfsDataReasons(scb->stream, reasons), ccb);
}

static void advance(struct write *write)
{
    MemfsMark(write->file, FO_FILE_MODIFIED);
    if (write->file->Flags & FO_SYNCHRONOUS_IO)
        write->file->CurrentByteOffset.QuadPart = write->end;
    MemfsWritten(write->file, (write->offset < write->size ? USN_REASON_DATA_OVERWRITE : 0) |
                                  (write->end > write->size ? USN_REASON_DATA_EXTEND : 0));
}

/* -- to the disk ------------------------------------------------------------------------------- */

/* Nobody sees a view being written, but it is noticed when the pages come: the data changed. While nobody has a view that
 * he may write, pages come from the cache, whose writers were seen. */
static void note_mapped_write(struct memfs_scb *scb)
{
    UCHAR *flags = &scb->header.Flags;
    if (!(__atomic_load_n(flags, __ATOMIC_RELAXED) & FSRTL_FLAG_USER_MAPPED_FILE))
        return;
    if (!MmDoesFileHaveUserWritableReferences(&scb->sections))
        __atomic_and_fetch(flags, (UCHAR)~FSRTL_FLAG_USER_MAPPED_FILE, __ATOMIC_RELAXED);
    MemfsPurgeEas(scb);
    MemfsSetIs(&scb->mapped_write, true);
}

/* The memory manager writes whole pages: what lies beyond the end of the file is not the file's. */
static NTSTATUS write_paging(PIRP irp, struct write *write)
{
    struct memfs_scb *scb = write->scb;
    PVOID buffer = MemfsBuffer(irp);
    if (!buffer)
        return STATUS_INVALID_USER_BUFFER;
    NTSTATUS status = STATUS_SUCCESS;
    ExAcquireResourceSharedLite(&scb->paging, TRUE);
    LONGLONG size = MemfsLoad(&scb->header.FileSize), end = write->end < size ? write->end : size;
    if (write->offset < end) {
        status = MemfsWriteData(scb->stream, write->offset, buffer, (ULONG)(end - write->offset));
        if (NT_SUCCESS(status))
            MemfsRaise(&scb->header.ValidDataLength, end); /* it may have been written through a view */
    }
    ExReleaseResourceLite(&scb->paging);
    if (NT_SUCCESS(status))
        note_mapped_write(scb);
    return status;
}

/* Cached pages of the range go: written first, then forgotten. */
static NTSTATUS flush_and_purge(struct write *write)
{
    struct memfs_scb *scb = write->scb;
    IO_STATUS_BLOCK iosb;
    LARGE_INTEGER offset = {.QuadPart = write->offset};
    if (!MemfsHasPages(scb))
        return STATUS_SUCCESS;
    CcFlushCache(&scb->sections, &offset, write->length, &iosb);
    if (!NT_SUCCESS(iosb.Status))
        return iosb.Status;
    ExAcquireResourceExclusiveLite(&scb->paging, TRUE);
    ExReleaseResourceLite(&scb->paging);
    if (!CcPurgeCacheSection(&scb->sections, &offset, write->length, 0) && MemfsIsScanned(scb))
        return STATUS_PURGE_FAILED;
    return STATUS_SUCCESS;
}

static NTSTATUS write_uncached(PIRP irp, struct write *write)
{
    struct memfs_scb *scb = write->scb;
    PVOID buffer = MemfsBuffer(irp);
    if (!buffer)
        return STATUS_INVALID_USER_BUFFER;
    lock_for(write);
    NTSTATUS status = write->offset % MEMFS_SECTOR || write->length % MEMFS_SECTOR
                          ? STATUS_INVALID_PARAMETER
                          : check_lock(irp, write);
    if (NT_SUCCESS(status))
        status = flush_and_purge(write);
    write->size = MemfsLoad(&scb->header.FileSize);
    if (NT_SUCCESS(status))
        status = extend(write);
    if (NT_SUCCESS(status)) {
        MemfsTellCache(scb, write->file);
        status = MemfsWriteData(scb->stream, write->offset, buffer, write->length);
        if (NT_SUCCESS(status)) {
            note_valid(write);
            advance(write);
        } else {
            take_back(write);
        }
    }
    ExReleaseResourceLite(&scb->main);
    return status;
}

/* -- to the cache ------------------------------------------------------------------------------ */

/* Views write beyond the valid data, too: what they did reaches the disk first, and is valid then. */
static void write_views(struct write *write, LONGLONG valid)
{
    IO_STATUS_BLOCK iosb;
    LARGE_INTEGER from = {.QuadPart = valid};
    LONGLONG gap = write->offset - valid;
    CcFlushCache(&write->scb->sections, &from, gap < MAXLONG ? (ULONG)gap : 0, &iosb);
}

static void zero_gap(struct write *write)
{
    LARGE_INTEGER valid = {.QuadPart = MemfsLoad(&write->scb->header.ValidDataLength)};
    LARGE_INTEGER offset = {.QuadPart = write->offset};
    if (!write->exclusive || offset.QuadPart <= valid.QuadPart)
        return;
    write_views(write, valid.QuadPart);
    valid.QuadPart = MemfsLoad(&write->scb->header.ValidDataLength);
    /* The disk gives zeros where nothing was ever written: a wide gap stays a hole. */
    if (offset.QuadPart > valid.QuadPart && offset.QuadPart - valid.QuadPart <= SMALL_GAP)
        CcZeroData(write->file, &valid, &offset, TRUE);
}

static NTSTATUS copy_to_cache(PIRP irp, struct write *write)
{
    LARGE_INTEGER offset = {.QuadPart = write->offset};
    IO_STATUS_BLOCK iosb;
    volatile NTSTATUS status = STATUS_SUCCESS;
    PVOID buffer = write->mdl ? NULL : MemfsBuffer(irp);
    if (!write->mdl && !buffer)
        return STATUS_INVALID_USER_BUFFER;
    __try {
        MemfsStartCaching(write->scb, write->file);
        if (write->exclusive)
            MemfsTellCache(write->scb, write->file);
        zero_gap(write);
        if (write->mdl)
            CcPrepareMdlWrite(write->file, &offset, write->length, &irp->MdlAddress, &iosb);
        else
            CcCopyWrite(write->file, &offset, write->length, TRUE, buffer);
    } __except (EXCEPTION_EXECUTE_HANDLER) {
        status = MemfsExceptionStatus(GetExceptionCode());
    }
    return status;
}

static NTSTATUS write_cached(PIRP irp, struct write *write)
{
    struct memfs_scb *scb = write->scb;
    lock_for(write);
    write->size = MemfsLoad(&scb->header.FileSize);
    NTSTATUS status = check_lock(irp, write);
    if (NT_SUCCESS(status) && write->exclusive)
        status = extend(write);
    if (NT_SUCCESS(status)) {
        status = take_holes(write);
        if (NT_SUCCESS(status))
            status = copy_to_cache(irp, write);
        if (NT_SUCCESS(status)) {
            note_valid(write);
            advance(write);
        } else {
            take_back(write);
        }
    }
    ExReleaseResourceLite(&scb->main);
    return status;
}

/* -- the request ------------------------------------------------------------------------------- */

static NTSTATUS complete_mdl(PIRP irp)
{
    PIO_STACK_LOCATION stack = IoGetCurrentIrpStackLocation(irp);
    CcMdlWriteComplete(stack->FileObject, &stack->Parameters.Write.ByteOffset, irp->MdlAddress);
    irp->MdlAddress = NULL;
    return MemfsComplete(irp, STATUS_SUCCESS, 0);
}

NTSTATUS MemfsWrite(PDEVICE_OBJECT device, PIRP irp)
{
    struct memfs_control *control = device->DeviceExtension;
    struct write write;
    if (control->kind == MEMFS_CONTROL_DEVICE || control->kind == MEMFS_DISK_DEVICE)
        return MemfsComplete(irp, STATUS_INVALID_DEVICE_REQUEST, 0);
    if (IoGetCurrentIrpStackLocation(irp)->MinorFunction & IRP_MN_COMPLETE)
        return complete_mdl(irp);
    NTSTATUS status = start_write(irp, &write);
    if (NT_SUCCESS(status) && !write.paging)
        status = MemfsCheckOplock(write.scb, irp);
    if (status == STATUS_PENDING)
        return status;
    if (!NT_SUCCESS(status) || write.length == 0)
        return MemfsComplete(irp, status, 0);
    struct memfs_store *store = write.scb->volume->store;
    bool disk = write.paging || write.no_cache;
    FsRtlEnterFileSystem();
    PIRP top = IoGetTopLevelIrp();
    if (!top)
        IoSetTopLevelIrp(irp);
    status = write.paging ? write_paging(irp, &write)
             : disk       ? write_uncached(irp, &write)
                          : write_cached(irp, &write);
    if (!top)
        IoSetTopLevelIrp(NULL);
    FsRtlExitFileSystem();
    ULONG_PTR done = NT_SUCCESS(status) ? write.length : 0;
    if (disk && done)
        MemfsCountTransfer(store, true, write.length);
    return disk ? MemfsCompleteTransfer(store, irp, status, done)
                : MemfsComplete(irp, status, done);
}
