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

/* The stream's locks for a fast I/O routine, inside of the file system; NULL: take the IRP. */
static PFILE_LOCK enter_fast(PFILE_OBJECT file)
{
    struct memfs_scb *scb = MemfsScbOf(file);
    if (!scb->stream || MemfsIs(&scb->volume->dismounted) || scb->volume->store->options.no_fast_io ||
        !MemfsOplockAllowsFastIo(scb, true))
        return NULL;
    FsRtlEnterFileSystem();
    PFILE_LOCK locks = locks_of(scb);
    if (!locks)
        FsRtlExitFileSystem();
    return locks;
}

BOOLEAN MemfsFastLock(PFILE_OBJECT file, PLARGE_INTEGER offset, PLARGE_INTEGER length,
                      PEPROCESS process, ULONG key, BOOLEAN fail, BOOLEAN exclusive,
                      PIO_STATUS_BLOCK iosb, PDEVICE_OBJECT device)
{
    PFILE_LOCK locks = enter_fast(file);
    if (!locks)
        return FALSE;
    BOOLEAN done = FsRtlFastLock(locks, file, offset, length, process, key, fail, exclusive, iosb,
                                 NULL, FALSE);
    FsRtlExitFileSystem();
    return done;
}

BOOLEAN MemfsFastUnlockSingle(PFILE_OBJECT file, PLARGE_INTEGER offset, PLARGE_INTEGER length,
                              PEPROCESS process, ULONG key, PIO_STATUS_BLOCK iosb,
                              PDEVICE_OBJECT device)
{
    PFILE_LOCK locks = enter_fast(file);
    if (!locks)
        return FALSE;
    iosb->Status = FsRtlFastUnlockSingle(locks, file, offset, length, process, key, NULL, FALSE);
    iosb->Information = 0;
    FsRtlExitFileSystem();
    return TRUE;
}

BOOLEAN MemfsFastUnlockAll(PFILE_OBJECT file, PEPROCESS process, PIO_STATUS_BLOCK iosb,
                           PDEVICE_OBJECT device)
{
    PFILE_LOCK locks = enter_fast(file);
    if (!locks)
        return FALSE;
    iosb->Status = FsRtlFastUnlockAll(locks, file, process, NULL);
    iosb->Information = 0;
    FsRtlExitFileSystem();
    return TRUE;
}

BOOLEAN MemfsFastUnlockAllByKey(PFILE_OBJECT file, PVOID process, ULONG key, PIO_STATUS_BLOCK iosb,
                                PDEVICE_OBJECT device)
{
    PFILE_LOCK locks = enter_fast(file);
    if (!locks)
        return FALSE;
    iosb->Status = FsRtlFastUnlockAllByKey(locks, file, process, key, NULL);
    iosb->Information = 0;
    FsRtlExitFileSystem();
    return TRUE;
}

NTSTATUS MemfsLockControl(PDEVICE_OBJECT device, PIRP irp)
{
    PFILE_OBJECT file = IoGetCurrentIrpStackLocation(irp)->FileObject;
    struct memfs_scb *scb = file ? MemfsScbOf(file) : NULL;
    if (!scb || !scb->node || !scb->stream)
        return MemfsComplete(irp, STATUS_INVALID_PARAMETER, 0);
    if (MemfsIs(&scb->volume->dismounted))
        return MemfsComplete(irp, STATUS_VOLUME_DISMOUNTED, 0);
    NTSTATUS status = MemfsCheckOplock(scb, irp);
    if (status == STATUS_PENDING)
        return status;
    if (!NT_SUCCESS(status))
        return MemfsComplete(irp, status, 0);
    FsRtlEnterFileSystem();
    PFILE_LOCK locks = locks_of(scb);
    if (!locks)
        status = MemfsComplete(irp, STATUS_INSUFFICIENT_RESOURCES, 0);
    else
        status = FsRtlProcessFileLock(locks, irp, NULL); /* completes it, now or later */
    FsRtlExitFileSystem();
    return status;
}
