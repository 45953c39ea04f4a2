/* IRP_MJ_READ: paging, non-cached and cached. */
#include "memfs/memfs.h"

#include <string.h>

struct read {
    PFILE_OBJECT file;
    struct memfs_scb *scb;
    LONGLONG offset;
    ULONG length;
    bool paging, no_cache, mdl;
};

static NTSTATUS start_read(PIRP irp, struct read *read)
{
    PIO_STACK_LOCATION stack = IoGetCurrentIrpStackLocation(irp);
    read->file = stack->FileObject;
    read->scb = MemfsScbOf(read->file);
    read->offset = stack->Parameters.Read.ByteOffset.QuadPart;
    read->length = stack->Parameters.Read.Length;
    read->paging = (irp->Flags & IRP_PAGING_IO) != 0;
    read->no_cache = irp->Flags & IRP_NOCACHE || read->file->Flags & FO_NO_INTERMEDIATE_BUFFERING;
    read->mdl = (stack->MinorFunction & IRP_MN_MDL) != 0;
    if (!read->scb || !read->scb->node || !read->scb->stream)
        return STATUS_INVALID_DEVICE_REQUEST;
    if (read->offset == -2 ||
        (stack->Parameters.Read.ByteOffset.HighPart == -1 &&
         stack->Parameters.Read.ByteOffset.LowPart == FILE_USE_FILE_POINTER_POSITION))
        read->offset = read->file->CurrentByteOffset.QuadPart;
    if (read->offset < 0)
        return STATUS_INVALID_PARAMETER;
    return MemfsIs(&read->scb->volume->dismounted) ? STATUS_VOLUME_DISMOUNTED : STATUS_SUCCESS;
}

/* What lies inside of the file; STATUS_END_OF_FILE when nothing does. */
static NTSTATUS clip(struct read *read)
{
    LONGLONG size = MemfsLoad(&read->scb->header.FileSize);
    if (read->offset >= size)
        return STATUS_END_OF_FILE;
    if (read->length > size - read->offset)
        read->length = (ULONG)(size - read->offset);
    return STATUS_SUCCESS;
}

static void advance(struct read *read, NTSTATUS status, ULONG_PTR done)
{
    if (!NT_SUCCESS(status) || read->paging)
        return;
    if (read->file->Flags & FO_SYNCHRONOUS_IO)
        read->file->CurrentByteOffset.QuadPart = read->offset + (LONGLONG)done;
    MemfsMark(read->file, FO_FILE_FAST_IO_READ);
}

/* -- from the disk ----------------------------------------------------------------------------- */

static NTSTATUS transfer(PIRP irp, struct read *read)
{
    PVOID buffer = MemfsBuffer(irp);
    if (!buffer)
        return STATUS_INVALID_USER_BUFFER;
    LONGLONG valid = MemfsLoad(&read->scb->header.ValidDataLength);
    ULONG from_disk = read->offset >= valid                 ? 0
                      : read->length > valid - read->offset ? (ULONG)(valid - read->offset)
                                                            : read->length;
    if (from_disk)
        MemfsReadData(read->scb->stream, read->offset, buffer, from_disk);
    memset((UCHAR *)buffer + from_disk, 0, read->length - from_disk);
    return STATUS_SUCCESS;
}

static NTSTATUS read_paging(PIRP irp, struct read *read)
{
    ULONG asked = read->length;
    ExAcquireResourceSharedLite(&read->scb->paging, TRUE);
    NTSTATUS status = clip(read);
    if (NT_SUCCESS(status))
        status = transfer(irp, read);
    ExReleaseResourceLite(&read->scb->paging);
    if (NT_SUCCESS(status) && read->length < asked) /* the rest of the last page */
        memset((UCHAR *)MemfsBuffer(irp) + read->length, 0, asked - read->length);
    return status;
}

static NTSTATUS read_uncached(PIRP irp, struct read *read)
{
    IO_STATUS_BLOCK iosb;
    LARGE_INTEGER offset = {.QuadPart = read->offset};
    if (read->offset % MEMFS_SECTOR || read->length % MEMFS_SECTOR)
        return STATUS_INVALID_PARAMETER;
    if (MemfsHasPages(read->scb)) {
        ExAcquireResourceExclusiveLite(&read->scb->main, TRUE);
        CcFlushCache(&read->scb->sections, &offset, read->length, &iosb);
        ExReleaseResourceLite(&read->scb->main);
        if (!NT_SUCCESS(iosb.Status))
            return iosb.Status;
    }
    ExAcquireResourceSharedLite(&read->scb->main, TRUE);
    NTSTATUS status = clip(read);
    if (NT_SUCCESS(status) && read->scb->locks &&
        !FsRtlCheckLockForReadAccess(read->scb->locks, irp))
        status = STATUS_FILE_LOCK_CONFLICT;
    if (NT_SUCCESS(status)) {
        ExAcquireResourceSharedLite(&read->scb->paging, TRUE);
        status = transfer(irp, read);
        ExReleaseResourceLite(&read->scb->paging);
    }
    ExReleaseResourceLite(&read->scb->main);
    return status;
}

/* -- from the cache ---------------------------------------------------------------------------- */

static NTSTATUS copy_from_cache(PIRP irp, struct read *read, PIO_STATUS_BLOCK iosb)
{
    LARGE_INTEGER offset = {.QuadPart = read->offset};
    volatile NTSTATUS status = STATUS_SUCCESS;
    PVOID buffer = read->mdl ? NULL : MemfsBuffer(irp);
    if (!read->mdl && !buffer)
        return STATUS_INVALID_USER_BUFFER;
    __try {
        MemfsStartCaching(read->scb, read->file);
        if (read->mdl)
            CcMdlRead(read->file, &offset, read->length, &irp->MdlAddress, iosb);
        else
            CcCopyRead(read->file, &offset, read->length, TRUE, buffer, iosb);
        status = iosb->Status;
    } __except (EXCEPTION_EXECUTE_HANDLER) {
        status = MemfsExceptionStatus(GetExceptionCode());
    }
    return status;
}

static NTSTATUS read_cached(PIRP irp, struct read *read, ULONG_PTR *done)
{
    IO_STATUS_BLOCK iosb = {.Information = 0};
    ExAcquireResourceSharedLite(&read->scb->main, TRUE);
    NTSTATUS status = clip(read);
    if (NT_SUCCESS(status) && read->scb->locks &&
        !FsRtlCheckLockForReadAccess(read->scb->locks, irp))
        status = STATUS_FILE_LOCK_CONFLICT;
    if (NT_SUCCESS(status))
        status = copy_from_cache(irp, read, &iosb);
    ExReleaseResourceLite(&read->scb->main);
    *done = iosb.Information;
    return status;
}

/* -- the request ------------------------------------------------------------------------------- */

static NTSTATUS complete_mdl(PIRP irp)
{
    PFILE_OBJECT file = IoGetCurrentIrpStackLocation(irp)->FileObject;
    CcMdlReadComplete(file, irp->MdlAddress);
    irp->MdlAddress = NULL;
    return MemfsComplete(irp, STATUS_SUCCESS, 0);
}

NTSTATUS MemfsRead(PDEVICE_OBJECT device, PIRP irp)
{
    struct memfs_control *control = device->DeviceExtension;
    struct read read;
    ULONG_PTR done = 0;
    if (control->kind == MEMFS_CONTROL_DEVICE || control->kind == MEMFS_DISK_DEVICE)
        return MemfsComplete(irp, STATUS_INVALID_DEVICE_REQUEST, 0);
    if (IoGetCurrentIrpStackLocation(irp)->MinorFunction & IRP_MN_COMPLETE)
        return complete_mdl(irp);
    NTSTATUS status = start_read(irp, &read);
    if (NT_SUCCESS(status) && !read.paging)
        status = MemfsCheckOplock(read.scb, irp);
    if (status == STATUS_PENDING)
        return status;
    if (!NT_SUCCESS(status) || read.length == 0)
        return MemfsComplete(irp, status, 0);
    struct memfs_store *store = read.scb->volume->store;
    bool disk = read.paging || read.no_cache;
    FsRtlEnterFileSystem();
    PIRP top = IoGetTopLevelIrp();
    if (!top)
        IoSetTopLevelIrp(irp);
    if (disk) {
        status = read.paging ? read_paging(irp, &read) : read_uncached(irp, &read);
        done = NT_SUCCESS(status) ? read.length : 0;
        if (done)
            MemfsCountTransfer(store, false, read.length);
    } else {
        status = read_cached(irp, &read, &done);
    }
    if (!top)
        IoSetTopLevelIrp(NULL);
    advance(&read, status, done);
    FsRtlExitFileSystem();
    return disk ? MemfsCompleteTransfer(store, irp, status, done)
                : MemfsComplete(irp, status, done);
}
