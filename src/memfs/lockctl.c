/* IRP_MJ_LOCK_CONTROL: byte-range locks, by the file lock package. */
#include "memfs/memfs.h"

static PFILE_LOCK locks_of(struct memfs_scb *scb)
{
    ExAcquireResourceExclusiveLite(&scb->main, TRUE);
    if (!scb->locks)
        scb->locks = FsRtlAllocateFileLock(NULL, NULL);
    PFILE_LOCK locks = scb->locks;
    ExReleaseResourceLite(&scb->main);
    return locks;
}

NTSTATUS MemfsLockControl(PDEVICE_OBJECT device, PIRP irp)
{
    PFILE_OBJECT file = IoGetCurrentIrpStackLocation(irp)->FileObject;
    struct memfs_scb *scb = file ? MemfsScbOf(file) : NULL;
    if (!scb || !scb->node || !scb->stream)
        return MemfsComplete(irp, STATUS_INVALID_PARAMETER, 0);
    if (MemfsIs(&scb->volume->dismounted))
        return MemfsComplete(irp, STATUS_VOLUME_DISMOUNTED, 0);
    FsRtlEnterFileSystem();
    PFILE_LOCK locks = locks_of(scb);
    NTSTATUS status;
    if (!locks)
        status = MemfsComplete(irp, STATUS_INSUFFICIENT_RESOURCES, 0);
    else
        status = FsRtlProcessFileLock(locks, irp, NULL); /* completes it, now or later */
    FsRtlExitFileSystem();
    return status;
}
