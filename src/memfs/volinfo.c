/* IRP_MJ_QUERY_VOLUME_INFORMATION and IRP_MJ_SET_VOLUME_INFORMATION. */
#include "memfs/memfs.h"

#include <string.h>

struct query {
    struct memfs_volume *volume;
    UCHAR *buffer;
    ULONG room, used;
};

static NTSTATUS put_text(struct query *query, ULONG head, const WCHAR *text, ULONG bytes)
{
    ULONG space = query->room - head, count = bytes < space ? bytes : space;
    memcpy(query->buffer + head, text, count);
    query->used = head + count;
    return count == bytes ? STATUS_SUCCESS : STATUS_BUFFER_OVERFLOW;
}

static LONGLONG free_clusters(const struct memfs_store *store)
{
    LONGLONG used = __atomic_load_n(&store->used, __ATOMIC_RELAXED);
    return (store->size - used) / MEMFS_CLUSTER;
}

/* To the caller: no more than his quota. */
static LONGLONG free_to_caller(struct memfs_store *store)
{
    return MemfsQuotaLeft(store, free_clusters(store) * MEMFS_CLUSTER) / MEMFS_CLUSTER;
}

static NTSTATUS query_volume(struct query *query)
{
    PFILE_FS_VOLUME_INFORMATION info = (PVOID)query->buffer;
    struct memfs_store *store = query->volume->store;
    ULONG head = (ULONG)FIELD_OFFSET(FILE_FS_VOLUME_INFORMATION, VolumeLabel);
    if (query->room < head)
        return STATUS_INFO_LENGTH_MISMATCH;
    memset(info, 0, head);
    info->VolumeCreationTime.QuadPart = store->ntfs ? store->created : 0;
    info->VolumeSerialNumber = store->serial;
    info->VolumeLabelLength = store->label_length;
    info->SupportsObjects = store->ntfs;
    return put_text(query, head, store->label, store->label_length);
}

static NTSTATUS query_size(struct query *query)
{
    PFILE_FS_SIZE_INFORMATION info = (PVOID)query->buffer;
    if (query->room < sizeof *info)
        return STATUS_INFO_LENGTH_MISMATCH;
    info->TotalAllocationUnits.QuadPart = query->volume->store->size / MEMFS_CLUSTER;
    info->AvailableAllocationUnits.QuadPart = free_to_caller(query->volume->store);
    info->SectorsPerAllocationUnit = MEMFS_CLUSTER / MEMFS_SECTOR;
    info->BytesPerSector = MEMFS_SECTOR;
    query->used = sizeof *info;
    return STATUS_SUCCESS;
}

static NTSTATUS query_full_size(struct query *query)
{
    PFILE_FS_FULL_SIZE_INFORMATION info = (PVOID)query->buffer;
    if (query->room < sizeof *info)
        return STATUS_INFO_LENGTH_MISMATCH;
    info->TotalAllocationUnits.QuadPart = query->volume->store->size / MEMFS_CLUSTER;
    info->CallerAvailableAllocationUnits.QuadPart = free_to_caller(query->volume->store);
    info->ActualAvailableAllocationUnits.QuadPart = free_clusters(query->volume->store);
    info->SectorsPerAllocationUnit = MEMFS_CLUSTER / MEMFS_SECTOR;
    info->BytesPerSector = MEMFS_SECTOR;
    query->used = sizeof *info;
    return STATUS_SUCCESS;
}

static NTSTATUS query_device(struct query *query)
{
    PFILE_FS_DEVICE_INFORMATION info = (PVOID)query->buffer;
    if (query->room < sizeof *info)
        return STATUS_INFO_LENGTH_MISMATCH;
    info->DeviceType = FILE_DEVICE_DISK;
    info->Characteristics = query->volume->disk->Characteristics | FILE_DEVICE_IS_MOUNTED;
    query->used = sizeof *info;
    return STATUS_SUCCESS;
}

static NTSTATUS query_attributes(struct query *query)
{
    static const WCHAR ntfs_name[] = {'N', 'T', 'F', 'S'}, fat_name[] = {'F', 'A', 'T', '3', '2'},
                       csvfs_name[] = {'C', 'S', 'V', 'F', 'S'};
    PFILE_FS_ATTRIBUTE_INFORMATION info = (PVOID)query->buffer;
    ULONG head = (ULONG)FIELD_OFFSET(FILE_FS_ATTRIBUTE_INFORMATION, FileSystemName);
    bool ntfs = query->volume->store->ntfs;
    if (query->room < head)
        return STATUS_INFO_LENGTH_MISMATCH;
    info->FileSystemAttributes = FILE_CASE_PRESERVED_NAMES | FILE_UNICODE_ON_DISK;
    if (ntfs)
        info->FileSystemAttributes |= FILE_CASE_SENSITIVE_SEARCH | FILE_PERSISTENT_ACLS |
                                      FILE_SUPPORTS_SPARSE_FILES | FILE_SUPPORTS_REPARSE_POINTS |
                                      FILE_SUPPORTS_OBJECT_IDS | FILE_NAMED_STREAMS | FILE_FILE_COMPRESSION |
                                      FILE_SUPPORTS_HARD_LINKS | FILE_SUPPORTS_EXTENDED_ATTRIBUTES | FILE_VOLUME_QUOTAS |
                                      FILE_SUPPORTS_USN_JOURNAL |
                                      FILE_SUPPORTS_POSIX_UNLINK_RENAME |
                                      FILE_SUPPORTS_OPEN_BY_FILE_ID;
    if (MemfsIsReadOnly(query->volume))
        info->FileSystemAttributes |= FILE_READ_ONLY_VOLUME;
    info->MaximumComponentNameLength = MEMFS_MAX_NAME;
    bool csvfs = query->volume->store->options.kind == FLTSIM_CSVFS;
    const WCHAR *name = csvfs ? csvfs_name : ntfs ? ntfs_name : fat_name;
    NTSTATUS status = put_text(query, head, name, csvfs ? sizeof csvfs_name : ntfs ? sizeof ntfs_name : sizeof fat_name);
    info->FileSystemNameLength = query->used - head; /* of what fits */
    return status;
}

static NTSTATUS query_sector(struct query *query)
{
    PFILE_FS_SECTOR_SIZE_INFORMATION info = (PVOID)query->buffer;
    if (query->room < sizeof *info)
        return STATUS_INFO_LENGTH_MISMATCH;
    info->LogicalBytesPerSector = info->PhysicalBytesPerSectorForAtomicity = MEMFS_SECTOR;
    info->PhysicalBytesPerSectorForPerformance = MEMFS_SECTOR;
    info->FileSystemEffectivePhysicalBytesPerSectorForAtomicity = MEMFS_SECTOR;
    info->Flags = SSINFO_FLAGS_ALIGNED_DEVICE | SSINFO_FLAGS_PARTITION_ALIGNED_ON_DEVICE;
    info->ByteOffsetForSectorAlignment = info->ByteOffsetForPartitionAlignment = 0;
    query->used = sizeof *info;
    return STATUS_SUCCESS;
}

static NTSTATUS query_object_id(struct query *query)
{
    PFILE_FS_OBJECTID_INFORMATION info = (PVOID)query->buffer;
    if (!query->volume->store->ntfs)
        return STATUS_INVALID_PARAMETER;
    if (query->room < sizeof *info)
        return STATUS_INFO_LENGTH_MISMATCH;
    if (!query->volume->store->has_object_id)
        return STATUS_OBJECT_NAME_NOT_FOUND;
    memset(info, 0, sizeof *info);
    memcpy(info->ObjectId, &query->volume->store->object_id, sizeof info->ObjectId);
    query->used = sizeof *info;
    return STATUS_SUCCESS;
}

static NTSTATUS query_full_size_ex(struct query *query)
{
    PFILE_FS_FULL_SIZE_INFORMATION_EX info = (PVOID)query->buffer;
    struct memfs_store *store = query->volume->store;
    if (query->room < sizeof *info)
        return STATUS_INFO_LENGTH_MISMATCH;
    memset(info, 0, sizeof *info);
    info->ActualTotalAllocationUnits = info->CallerTotalAllocationUnits = (ULONGLONG)store->size / MEMFS_CLUSTER;
    info->ActualAvailableAllocationUnits = (ULONGLONG)free_clusters(store);
    info->CallerAvailableAllocationUnits = (ULONGLONG)free_to_caller(store);
    info->UsedAllocationUnits = info->ActualTotalAllocationUnits - info->ActualAvailableAllocationUnits;
    info->SectorsPerAllocationUnit = MEMFS_CLUSTER / MEMFS_SECTOR;
    info->BytesPerSector = MEMFS_SECTOR;
    query->used = sizeof *info;
    return STATUS_SUCCESS;
}

static NTSTATUS query_quota(struct query *query)
{
    struct memfs_store *store = query->volume->store;
    if (!store->ntfs)
        return STATUS_INVALID_PARAMETER;
    if (query->room < sizeof store->quota)
        return STATUS_INFO_LENGTH_MISMATCH;
    ExAcquireFastMutex(&store->quota_lock);
    memcpy(query->buffer, &store->quota, sizeof store->quota);
    ExReleaseFastMutex(&store->quota_lock);
    query->used = sizeof store->quota;
    return STATUS_SUCCESS;
}

static NTSTATUS query_class(struct query *query, FS_INFORMATION_CLASS kind)
{
    switch ((int)kind) {
    case FileFsVolumeInformation:
        return query_volume(query);
    case FileFsSizeInformation:
        return query_size(query);
    case FileFsFullSizeInformation:
        return query_full_size(query);
    case FileFsDeviceInformation:
        return query_device(query);
    case FileFsAttributeInformation:
        return query_attributes(query);
    case FileFsSectorSizeInformation:
        return query_sector(query);
    case FileFsObjectIdInformation:
        return query_object_id(query);
    case FileFsControlInformation:
        return query_quota(query);
    case FileFsFullSizeInformationEx:
        return query_full_size_ex(query);
    default:
        return STATUS_INVALID_PARAMETER;
    }
}

static struct memfs_volume *volume_of(PIRP irp, NTSTATUS *status)
{
    PFILE_OBJECT file = IoGetCurrentIrpStackLocation(irp)->FileObject;
    struct memfs_scb *scb = file ? MemfsScbOf(file) : NULL;
    *status = !scb ? STATUS_INVALID_PARAMETER : MemfsCheckVolume(scb->volume);
    return scb ? scb->volume : NULL;
}

NTSTATUS MemfsQueryVolumeInformation(PDEVICE_OBJECT device, PIRP irp)
{
    PIO_STACK_LOCATION stack = IoGetCurrentIrpStackLocation(irp);
    NTSTATUS status;
    struct query query = {.volume = volume_of(irp, &status),
                          .buffer = irp->AssociatedIrp.SystemBuffer,
                          .room = stack->Parameters.QueryVolume.Length};
    if (!NT_SUCCESS(status))
        return MemfsComplete(irp, status, 0);
    FsRtlEnterFileSystem();
    ExAcquireResourceSharedLite(&query.volume->tree, TRUE);
    status = query_class(&query, stack->Parameters.QueryVolume.FsInformationClass);
    ExReleaseResourceLite(&query.volume->tree);
    FsRtlExitFileSystem();
    return MemfsComplete(irp, status, NT_ERROR(status) ? 0 : query.used);
}

static NTSTATUS set_label(struct memfs_volume *volume, const FILE_FS_LABEL_INFORMATION *info,
                          ULONG length)
{
    struct memfs_store *store = volume->store;
    ULONG head = (ULONG)FIELD_OFFSET(FILE_FS_LABEL_INFORMATION, VolumeLabel);
    if (MemfsIsReadOnly(volume))
        return STATUS_MEDIA_WRITE_PROTECTED;
    if (length < head || info->VolumeLabelLength > length - head ||
        info->VolumeLabelLength % sizeof(WCHAR))
        return STATUS_INVALID_PARAMETER;
    if (info->VolumeLabelLength > (store->ntfs ? sizeof store->label : 11 * sizeof(WCHAR)))
        return STATUS_INVALID_VOLUME_LABEL;
    store->label_length = (USHORT)info->VolumeLabelLength;
    memcpy(store->label, info->VolumeLabel, info->VolumeLabelLength);
    volume->vpb->VolumeLabelLength = store->label_length;
    memcpy(volume->vpb->VolumeLabel, store->label, store->label_length);
    return STATUS_SUCCESS;
}

static NTSTATUS set_object_id(struct memfs_volume *volume, const FILE_FS_OBJECTID_INFORMATION *info,
                              ULONG length)
{
    if (!volume->store->ntfs || length < sizeof *info)
        return STATUS_INVALID_PARAMETER;
    if (MemfsIsReadOnly(volume))
        return STATUS_MEDIA_WRITE_PROTECTED;
    memcpy(&volume->store->object_id, info->ObjectId, sizeof info->ObjectId);
    volume->store->has_object_id = true;
    return STATUS_SUCCESS;
}

/* How much each owner uses is always known; whether his limit holds, the flags say. */
static NTSTATUS set_quota(struct memfs_volume *volume, const FILE_FS_CONTROL_INFORMATION *info, ULONG length)
{
    struct memfs_store *store = volume->store;
    if (!store->ntfs || length < sizeof *info || info->FileSystemControlFlags & ~(ULONG)FILE_VC_VALID_MASK)
        return STATUS_INVALID_PARAMETER;
    if (MemfsIsReadOnly(volume))
        return STATUS_MEDIA_WRITE_PROTECTED;
    ExAcquireFastMutex(&store->quota_lock);
    store->quota.FreeSpaceStartFiltering = info->FreeSpaceStartFiltering;
    store->quota.FreeSpaceThreshold = info->FreeSpaceThreshold;
    store->quota.FreeSpaceStopFiltering = info->FreeSpaceStopFiltering;
    store->quota.DefaultQuotaThreshold = info->DefaultQuotaThreshold;
    store->quota.DefaultQuotaLimit = info->DefaultQuotaLimit;
    __atomic_store_n(&store->quota.FileSystemControlFlags, info->FileSystemControlFlags, __ATOMIC_RELAXED);
    ExReleaseFastMutex(&store->quota_lock);
    return STATUS_SUCCESS;
}

NTSTATUS MemfsSetVolumeInformation(PDEVICE_OBJECT device, PIRP irp)
{
    PIO_STACK_LOCATION stack = IoGetCurrentIrpStackLocation(irp);
    NTSTATUS status;
    struct memfs_volume *volume = volume_of(irp, &status);
    if (!NT_SUCCESS(status))
        return MemfsComplete(irp, status, 0);
    ULONG length = stack->Parameters.SetVolume.Length;
    FsRtlEnterFileSystem();
    ExAcquireResourceExclusiveLite(&volume->tree, TRUE);
    switch ((int)stack->Parameters.SetVolume.FsInformationClass) {
    case FileFsLabelInformation:
        status = set_label(volume, irp->AssociatedIrp.SystemBuffer, length);
        break;
    case FileFsObjectIdInformation:
        status = set_object_id(volume, irp->AssociatedIrp.SystemBuffer, length);
        break;
    case FileFsControlInformation:
        status = set_quota(volume, irp->AssociatedIrp.SystemBuffer, length);
        break;
    default:
        status = STATUS_INVALID_PARAMETER;
        break;
    }
    ExReleaseResourceLite(&volume->tree);
    FsRtlExitFileSystem();
    return MemfsComplete(irp, status, 0);
}
