/* Control codes about what a volume is and keeps to be: persistent state, boot sectors, the parameters of a FAT disk; and
 * two that ask for what is so anyway. */
#include "memfs/fsctl.h"

#include <string.h>

enum {
    KNOWN = PERSISTENT_VOLUME_STATE_SHORT_NAME_CREATION_DISABLED | PERSISTENT_VOLUME_STATE_VOLUME_SCRUB_DISABLED |
            PERSISTENT_VOLUME_STATE_GLOBAL_METADATA_NO_SEEK_PENALTY | PERSISTENT_VOLUME_STATE_LOCAL_METADATA_NO_SEEK_PENALTY |
            PERSISTENT_VOLUME_STATE_NO_HEAT_GATHERING | PERSISTENT_VOLUME_STATE_CONTAINS_BACKING_WIM |
            PERSISTENT_VOLUME_STATE_BACKED_BY_WIM | PERSISTENT_VOLUME_STATE_DEV_VOLUME |
            PERSISTENT_VOLUME_STATE_TRUSTED_VOLUME,
    /* A disk is formatted so, or an administrator's registry says so. */
    TOLD_ONLY = PERSISTENT_VOLUME_STATE_BACKED_BY_WIM | PERSISTENT_VOLUME_STATE_DEV_VOLUME |
                PERSISTENT_VOLUME_STATE_TRUSTED_VOLUME,
};

/* -- persistent state -------------------------------------------------------------------------- */

static NTSTATUS read_state(const struct memfs_fsctl *c, FILE_FS_PERSISTENT_VOLUME_INFORMATION *info, ULONG known)
{
    if (c->scb->node)
        return STATUS_INVALID_PARAMETER;
    if (c->in_length < sizeof *info)
        return STATUS_BUFFER_TOO_SMALL;
    *info = *(const FILE_FS_PERSISTENT_VOLUME_INFORMATION *)c->in;
    if (info->Version != 1)
        return STATUS_NOT_SUPPORTED;
    return info->FlagMask & ~known ? STATUS_INVALID_PARAMETER : STATUS_SUCCESS;
}

NTSTATUS MemfsQueryState(struct memfs_fsctl *c)
{
    FILE_FS_PERSISTENT_VOLUME_INFORMATION info;
    NTSTATUS status = read_state(c, &info, KNOWN);
    if (NT_SUCCESS(status) && c->out_length < sizeof info)
        status = STATUS_BUFFER_TOO_SMALL;
    if (!NT_SUCCESS(status))
        return status;
    info.VolumeFlags = __atomic_load_n(&c->volume->store->state, __ATOMIC_RELAXED) & info.FlagMask;
    memcpy(c->out, &info, sizeof info);
    c->done = sizeof info;
    return STATUS_SUCCESS;
}

NTSTATUS MemfsSetState(struct memfs_fsctl *c)
{
    FILE_FS_PERSISTENT_VOLUME_INFORMATION info;
    NTSTATUS status = read_state(c, &info, KNOWN & ~TOLD_ONLY);
    if (!NT_SUCCESS(status))
        return status;
    if (MemfsIsReadOnly(c->volume))
        return STATUS_MEDIA_WRITE_PROTECTED;
    __atomic_and_fetch(&c->volume->store->state, ~(info.FlagMask & ~info.VolumeFlags), __ATOMIC_RELAXED);
    __atomic_or_fetch(&c->volume->store->state, info.FlagMask & info.VolumeFlags, __ATOMIC_RELAXED);
    return STATUS_SUCCESS;
}

/* -- the first sectors ------------------------------------------------------------------------- */

enum { FAT_COPY = 6 }; /* the sector that holds the boot sector's copy */

NTSTATUS MemfsBootArea(struct memfs_fsctl *c)
{
    PBOOT_AREA_INFO info = c->out;
    const struct memfs_store *store = c->volume->store;
    if (c->scb->node)
        return STATUS_INVALID_PARAMETER;
    if (c->out_length < sizeof *info)
        return STATUS_BUFFER_TOO_SMALL;
    memset(info, 0, sizeof *info);
    info->BootSectorCount = 2;
    info->BootSectors[1].Offset.QuadPart = store->ntfs ? store->size - MEMFS_SECTOR : FAT_COPY * MEMFS_SECTOR;
    c->done = sizeof *info;
    return STATUS_SUCCESS;
}

static void put(UCHAR *at, ULONG value, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++)
        at[i] = (UCHAR)(value >> (8 * i));
}

NTSTATUS MemfsFatBpb(struct memfs_fsctl *c)
{
    static const UCHAR start[] = {0xEB, 0x58, 0x90, 'M', 'S', 'D', 'O', 'S', '5', '.', '0'};
    PFSCTL_QUERY_FAT_BPB_BUFFER out = c->out;
    ULONGLONG sectors = (ULONGLONG)c->volume->store->size / MEMFS_SECTOR;
    if (c->out_length < sizeof *out)
        return STATUS_BUFFER_TOO_SMALL;
    UCHAR *sector = out->First0x24BytesOfBootSector;
    memset(out, 0, sizeof *out);
    memcpy(sector, start, sizeof start);
    put(sector + 0x0B, MEMFS_SECTOR, 2);
    put(sector + 0x0D, MEMFS_CLUSTER / MEMFS_SECTOR, 1);
    put(sector + 0x0E, 32, 2);
    put(sector + 0x10, 2, 1);
    put(sector + 0x15, 0xF8, 1);
    put(sector + 0x18, 63, 2);
    put(sector + 0x1A, 255, 2);
    put(sector + 0x20, sectors <= MAXULONG ? (ULONG)sectors : 0, 4);
    c->done = sizeof *out;
    return STATUS_SUCCESS;
}

/* -- what is so anyway ------------------------------------------------------------------------- */

/* What a stream gives back is never seen again: whoever gets the clusters finds zeros. */
NTSTATUS MemfsZeroOnDeallocation(struct memfs_fsctl *c)
{
    if (!c->scb->stream)
        return STATUS_INVALID_PARAMETER;
    if (!(c->ccb->access & (FILE_WRITE_DATA | FILE_APPEND_DATA)))
        return STATUS_ACCESS_DENIED;
    return MemfsIsReadOnly(c->volume) ? STATUS_MEDIA_WRITE_PROTECTED : STATUS_SUCCESS;
}

/* Of the registry's, before it uses a hive. */
NTSTATUS MemfsMarkHive(struct memfs_fsctl *c)
{
    if (c->irp->RequestorMode != KernelMode)
        return STATUS_ACCESS_DENIED;
    return c->scb->stream ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER;
}
