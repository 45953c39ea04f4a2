/* Control codes for a whole volume: locking, dismounting, what it is. */
#include "memfs/fsctl.h"

#include <string.h>

NTSTATUS MemfsLockVolume(struct memfs_fsctl *c)
{
    struct memfs_volume *volume = c->volume;
    PFILE_OBJECT nobody = NULL;
    if (c->scb->node)
        return STATUS_INVALID_PARAMETER;
    if (__atomic_load_n(&volume->locked_by, __ATOMIC_ACQUIRE))
        return STATUS_ACCESS_DENIED;
    MemfsFlushVolume(volume);
    MemfsTrimVolume(volume);
    /* Whoever opens from now on finds it locked; whoever opened before is seen in use. */
    if (!__atomic_compare_exchange_n(&volume->locked_by, &nobody, c->file, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
        return STATUS_ACCESS_DENIED;
    if (!MemfsIsInUse(volume, c->file))
        return STATUS_SUCCESS;
    __atomic_store_n(&volume->locked_by, NULL, __ATOMIC_SEQ_CST);
    return STATUS_ACCESS_DENIED;
}

NTSTATUS MemfsUnlockVolume(struct memfs_fsctl *c)
{
    if (c->scb->node)
        return STATUS_INVALID_PARAMETER;
    return MemfsUnlock(c->volume, c->file) ? STATUS_SUCCESS : STATUS_NOT_LOCKED;
}

NTSTATUS MemfsDismountControl(struct memfs_fsctl *c)
{
    PFILE_OBJECT locked_by = __atomic_load_n(&c->volume->locked_by, __ATOMIC_ACQUIRE);
    if (c->scb->node)
        return STATUS_INVALID_PARAMETER;
    if (locked_by && locked_by != c->file)
        return STATUS_ACCESS_DENIED;
    MemfsDismountVolume(c->volume, true);
    return STATUS_SUCCESS;
}

NTSTATUS MemfsIsMounted(struct memfs_fsctl *c)
{
    return STATUS_SUCCESS;
}

NTSTATUS MemfsIsPathnameValid(struct memfs_fsctl *c)
{
    const PATHNAME_BUFFER *path = c->in;
    ULONG head = FIELD_OFFSET(PATHNAME_BUFFER, Name);
    return c->in_length < head || path->PathNameLength > c->in_length - head ? STATUS_INVALID_PARAMETER
                                                                              : STATUS_SUCCESS;
}

NTSTATUS MemfsIsDirty(struct memfs_fsctl *c)
{
    if (c->scb->node)
        return STATUS_INVALID_PARAMETER;
    if (c->out_length < sizeof(ULONG))
        return STATUS_INVALID_PARAMETER;
    *(ULONG *)c->out = MemfsIs(&c->volume->store->dirty) ? VOLUME_IS_DIRTY : 0;
    c->done = sizeof(ULONG);
    return STATUS_SUCCESS;
}

NTSTATUS MemfsMarkDirty(struct memfs_fsctl *c)
{
    if (c->scb->node)
        return STATUS_INVALID_PARAMETER;
    if (MemfsIsReadOnly(c->volume))
        return STATUS_MEDIA_WRITE_PROTECTED;
    MemfsSetIs(&c->volume->store->dirty, true);
    return STATUS_SUCCESS;
}

NTSTATUS MemfsVolumeData(struct memfs_fsctl *c)
{
    PNTFS_VOLUME_DATA_BUFFER data = c->out;
    struct memfs_store *store = c->volume->store;
    if (c->out_length < sizeof *data)
        return STATUS_BUFFER_TOO_SMALL;
    memset(data, 0, sizeof *data);
    data->VolumeSerialNumber.QuadPart = store->serial;
    data->NumberSectors.QuadPart = store->size / MEMFS_SECTOR;
    data->TotalClusters.QuadPart = store->size / MEMFS_CLUSTER;
    data->FreeClusters.QuadPart = (store->size - __atomic_load_n(&store->used, __ATOMIC_RELAXED)) / MEMFS_CLUSTER;
    data->BytesPerSector = MEMFS_SECTOR;
    data->BytesPerCluster = MEMFS_CLUSTER;
    data->BytesPerFileRecordSegment = 1024;
    data->MftValidDataLength.QuadPart = __atomic_load_n(&store->next_id, __ATOMIC_RELAXED) * 1024;
    c->done = sizeof *data;
    return STATUS_SUCCESS;
}

NTSTATUS MemfsAllowDirect(struct memfs_fsctl *c)
{
    if (c->scb->node)
        return STATUS_INVALID_PARAMETER;
    c->ccb->flags |= MEMFS_CCB_DIRECT;
    return STATUS_SUCCESS;
}
