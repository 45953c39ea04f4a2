/* IRP_MJ_CLOSE: the last reference on a file object is gone. It may come while the caller holds
 * anything of ours. */
#include "memfs/memfs.h"

static void free_ccb(struct memfs_ccb *ccb)
{
    sim_free(ccb->pattern.Buffer);
    if (ccb->watched.Buffer)
        ExFreePoolWithTag(ccb->watched.Buffer, MEMFS_TAG);
    sim_free(ccb->last);
    sim_free(ccb->last_exact);
    if (ccb->link)
        MemfsReleaseLink(ccb->link);
    sim_free(ccb);
}

void MemfsCloseFile(PFILE_OBJECT file)
{
    struct memfs_scb *scb = MemfsScbOf(file);
    MemfsScansEnd(scb, MemfsCcbOf(file));
    free_ccb(MemfsCcbOf(file));
    file->FsContext2 = NULL;
    MemfsReleaseScb(scb);
}

NTSTATUS MemfsClose(PDEVICE_OBJECT device, PIRP irp)
{
    PFILE_OBJECT file = IoGetCurrentIrpStackLocation(irp)->FileObject;
    struct memfs_scb *scb = file ? MemfsScbOf(file) : NULL;
    if (!scb || !file->FsContext2)
        return MemfsComplete(irp, STATUS_SUCCESS, 0);
    struct memfs_volume *volume = scb->volume;
    FsRtlEnterFileSystem();
    TRACE("memfs", "close %p", (void *)file);
    MemfsCloseFile(file);
    MemfsCheckDelete(volume);
    FsRtlExitFileSystem();
    return MemfsComplete(irp, STATUS_SUCCESS, 0);
}
