/* IRP_MJ_FLUSH_BUFFERS. */
#include "memfs/memfs.h"

static NTSTATUS flush_stream(struct memfs_scb *scb, PFILE_OBJECT file)
{
    IO_STATUS_BLOCK iosb = {.Status = STATUS_SUCCESS};
    if (!MemfsHasPages(scb))
        return STATUS_SUCCESS;
    ExAcquireResourceExclusiveLite(&scb->main, TRUE);
    CcFlushCache(&scb->sections, NULL, 0, &iosb);
    if (file->FsContext2)
        MemfsTellMappedWrites(scb, MemfsCcbOf(file));
    ExReleaseResourceLite(&scb->main);
    return iosb.Status;
}

NTSTATUS MemfsFlushBuffers(PDEVICE_OBJECT device, PIRP irp)
{
    PFILE_OBJECT file = IoGetCurrentIrpStackLocation(irp)->FileObject;
    struct memfs_scb *scb = file ? MemfsScbOf(file) : NULL;
    NTSTATUS status = STATUS_SUCCESS;
    if (!scb)
        return MemfsComplete(irp, STATUS_INVALID_DEVICE_REQUEST, 0);
    if (MemfsIs(&scb->volume->dismounted))
        return MemfsComplete(irp, STATUS_VOLUME_DISMOUNTED, 0);
    if (MemfsIsReadOnly(scb->volume))
        return MemfsComplete(irp, STATUS_MEDIA_WRITE_PROTECTED, 0);
    FsRtlEnterFileSystem();
    if (!scb->node || scb->node == scb->volume->store->root)
        status = MemfsFlushVolume(scb->volume);
    else if (scb->stream)
        status = flush_stream(scb, file);
    FsRtlExitFileSystem();
    return MemfsComplete(irp, status, 0);
}
