/* FSCTL_FILESYSTEM_GET_STATISTICS: what reached the disk. All of it is counted with the first processor. */
#include "memfs/fsctl.h"

#include <string.h>

void MemfsCountTransfer(struct memfs_store *store, bool write, ULONG bytes)
{
    volatile LONG *counts = write ? store->disk_writes : store->disk_reads;
    __atomic_add_fetch(&counts[0], 1, __ATOMIC_RELAXED);
    __atomic_add_fetch(&counts[1], (LONG)bytes, __ATOMIC_RELAXED);
}

static void fill(const struct memfs_store *store, PFILESYSTEM_STATISTICS common)
{
    common->UserFileReads = common->UserDiskReads = (ULONG)MemfsCount(&store->disk_reads[0]);
    common->UserFileReadBytes = (ULONG)MemfsCount(&store->disk_reads[1]);
    common->UserFileWrites = common->UserDiskWrites = (ULONG)MemfsCount(&store->disk_writes[0]);
    common->UserFileWriteBytes = (ULONG)MemfsCount(&store->disk_writes[1]);
}

static void fill_fat(const struct memfs_store *store, PFAT_STATISTICS fat)
{
    fat->NonCachedReads = fat->NonCachedDiskReads = (ULONG)MemfsCount(&store->disk_reads[0]);
    fat->NonCachedReadBytes = (ULONG)MemfsCount(&store->disk_reads[1]);
    fat->NonCachedWrites = fat->NonCachedDiskWrites = (ULONG)MemfsCount(&store->disk_writes[0]);
    fat->NonCachedWriteBytes = (ULONG)MemfsCount(&store->disk_writes[1]);
}

NTSTATUS MemfsStatistics(struct memfs_fsctl *c)
{
    const struct memfs_store *store = c->volume->store;
    ULONG own = store->ntfs ? sizeof(NTFS_STATISTICS) : sizeof(FAT_STATISTICS),
          each = ((ULONG)sizeof(FILESYSTEM_STATISTICS) + own + 63) & ~63u,
          size = each * KeQueryActiveProcessorCount(NULL);
    if (c->out_length < sizeof(FILESYSTEM_STATISTICS))
        return STATUS_BUFFER_TOO_SMALL;
    UCHAR *all = ExAllocatePoolWithTag(PagedPool, size, MEMFS_TAG);
    if (!all)
        return STATUS_INSUFFICIENT_RESOURCES;
    memset(all, 0, size);
    for (ULONG at = 0; at < size; at += each) {
        PFILESYSTEM_STATISTICS common = (PVOID)(all + at);
        common->FileSystemType = store->ntfs ? FILESYSTEM_STATISTICS_TYPE_NTFS : FILESYSTEM_STATISTICS_TYPE_FAT;
        common->Version = 1;
        common->SizeOfCompleteStructure = each;
    }
    fill(store, (PVOID)all);
    if (!store->ntfs)
        fill_fat(store, (PVOID)(all + sizeof(FILESYSTEM_STATISTICS)));
    c->done = size < c->out_length ? size : c->out_length;
    memcpy(c->out, all, c->done);
    ExFreePoolWithTag(all, MEMFS_TAG);
    return c->done < size ? STATUS_BUFFER_OVERFLOW : STATUS_SUCCESS;
}
