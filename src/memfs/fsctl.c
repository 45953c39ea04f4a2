/* IRP_MJ_FILE_SYSTEM_CONTROL: which code means what, and where its buffers are. */
#include "memfs/fsctl.h"

#include <string.h>

static const struct code {
    ULONG code;
    enum { ANY, NTFS, FAT, CSV } knows; /* which volumes know it: all, those that are NTFS-like, FAT-like, CSVFS-like */
    NTSTATUS (*run)(struct memfs_fsctl *c);
} codes[] = {
    {FSCTL_SET_REPARSE_POINT, NTFS, MemfsSetReparse},
    {FSCTL_SET_REPARSE_POINT_EX, NTFS, MemfsSetReparseEx},
    {FSCTL_GET_REPARSE_POINT, NTFS, MemfsGetReparse},
    {FSCTL_DELETE_REPARSE_POINT, NTFS, MemfsDeleteReparse},
    {FSCTL_SET_OBJECT_ID, NTFS, MemfsSetObjectId},
    {FSCTL_SET_OBJECT_ID_EXTENDED, NTFS, MemfsSetObjectIdExtended},
    {FSCTL_GET_OBJECT_ID, NTFS, MemfsGetObjectId},
    {FSCTL_CREATE_OR_GET_OBJECT_ID, NTFS, MemfsCreateOrGetObjectId},
    {FSCTL_DELETE_OBJECT_ID, NTFS, MemfsDeleteObjectId},
    {FSCTL_SET_SPARSE, NTFS, MemfsSetSparse},
    {FSCTL_SET_ZERO_DATA, NTFS, MemfsSetZeroData},
    {FSCTL_QUERY_ALLOCATED_RANGES, NTFS, MemfsQueryRanges},
    {FSCTL_GET_COMPRESSION, ANY, MemfsGetCompression},
    {FSCTL_SET_COMPRESSION, NTFS, MemfsSetCompression},
    {FSCTL_LOCK_VOLUME, ANY, MemfsLockVolume},
    {FSCTL_UNLOCK_VOLUME, ANY, MemfsUnlockVolume},
    {FSCTL_DISMOUNT_VOLUME, ANY, MemfsDismountControl},
    {FSCTL_IS_VOLUME_MOUNTED, ANY, MemfsIsMounted},
    {FSCTL_IS_PATHNAME_VALID, ANY, MemfsIsPathnameValid},
    {FSCTL_IS_VOLUME_DIRTY, ANY, MemfsIsDirty},
    {FSCTL_MARK_VOLUME_DIRTY, ANY, MemfsMarkDirty},
    {FSCTL_GET_NTFS_VOLUME_DATA, NTFS, MemfsVolumeData},
    {FSCTL_ALLOW_EXTENDED_DASD_IO, ANY, MemfsAllowDirect},
    {FSCTL_GET_RETRIEVAL_POINTERS, ANY, MemfsGetPointers},
    {FSCTL_GET_RETRIEVAL_POINTER_COUNT, NTFS, MemfsCountPointers},
    {FSCTL_QUERY_RETRIEVAL_POINTERS, ANY, MemfsQueryPointers},
    {FSCTL_GET_VOLUME_BITMAP, ANY, MemfsGetBitmap},
    {FSCTL_GET_RETRIEVAL_POINTER_BASE, ANY, MemfsPointerBase},
    {FSCTL_MOVE_FILE, ANY, MemfsMoveFile},
    {FSCTL_LOOKUP_STREAM_FROM_CLUSTER, NTFS, MemfsLookupCluster},
    {FSCTL_READ_FILE_USN_DATA, NTFS, MemfsReadFileUsn},
    {FSCTL_WRITE_USN_CLOSE_RECORD, NTFS, MemfsWriteUsnClose},
    {FSCTL_CREATE_USN_JOURNAL, NTFS, MemfsCreateJournal},
    {FSCTL_QUERY_USN_JOURNAL, NTFS, MemfsQueryJournal},
    {FSCTL_DELETE_USN_JOURNAL, NTFS, MemfsDeleteJournal},
    {FSCTL_READ_USN_JOURNAL, NTFS, MemfsReadJournal},
    {FSCTL_ENUM_USN_DATA, NTFS, MemfsEnumUsn},
    {FSCTL_MARK_HANDLE, NTFS, MemfsMarkHandle},
    {FSCTL_SET_PURGE_FAILURE_MODE, ANY, MemfsPurgeFailureMode},
    {FSCTL_GET_NTFS_FILE_RECORD, NTFS, MemfsFileRecord},
    {FSCTL_QUERY_PERSISTENT_VOLUME_STATE, NTFS, MemfsQueryState},
    {FSCTL_SET_PERSISTENT_VOLUME_STATE, NTFS, MemfsSetState},
    {FSCTL_GET_BOOT_AREA_INFO, ANY, MemfsBootArea},
    {FSCTL_QUERY_FAT_BPB, FAT, MemfsFatBpb},
    {FSCTL_SET_ZERO_ON_DEALLOCATION, ANY, MemfsZeroOnDeallocation},
    {FSCTL_MARK_AS_SYSTEM_HIVE, ANY, MemfsMarkHive},
    {FSCTL_OFFLOAD_READ, NTFS, MemfsOffloadRead},
    {FSCTL_OFFLOAD_WRITE, NTFS, MemfsOffloadWrite},
    {FSCTL_FIND_FILES_BY_SID, NTFS, MemfsFindBySid},
    {FSCTL_QUERY_FILE_REGIONS, NTFS, MemfsQueryRegions},
    {FSCTL_FILE_LEVEL_TRIM, NTFS, MemfsFileLevelTrim},
    {FSCTL_MANAGE_BYPASS_IO, NTFS, MemfsManageBypass},
    {FSCTL_FILESYSTEM_GET_STATISTICS, ANY, MemfsStatistics},
    {FSCTL_CSV_CONTROL, CSV, MemfsCsvControl},
    {FSCTL_IS_CSV_FILE, CSV, MemfsIsOnCsv},
    {FSCTL_IS_FILE_ON_CSV_VOLUME, CSV, MemfsIsOnCsv},
};

static bool knows(const struct memfs_store *store, const struct code *code)
{
    if (code->knows == CSV)
        return store->options.kind == FLTSIM_CSVFS;
    return code->knows == ANY || store->ntfs == (code->knows == NTFS);
}

static NTSTATUS run(struct memfs_fsctl *c, ULONG code)
{
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        if (codes[i].code == code && knows(c->volume->store, &codes[i]))
            return codes[i].run(c);
    return STATUS_INVALID_DEVICE_REQUEST;
}

/* -- buffers of METHOD_NEITHER ----------------------------------------------------------------- */

enum { MOST_OUT = 1 << 20, MOST_IN = 1 << 16 };

/* The caller's memory may be any address, and change meanwhile: it is copied once. */
static NTSTATUS copy_in(struct memfs_fsctl *c, const VOID *from)
{
    volatile NTSTATUS status = STATUS_SUCCESS;
    __try {
        if (c->irp->RequestorMode != KernelMode)
            ProbeForRead((volatile VOID *)from, c->in_length, sizeof(ULONG));
        memcpy(c->in, from, c->in_length);
    } __except (EXCEPTION_EXECUTE_HANDLER) {
        status = GetExceptionCode();
    }
    return status;
}

static NTSTATUS copy_out(struct memfs_fsctl *c, PVOID to)
{
    volatile NTSTATUS status = STATUS_SUCCESS;
    __try {
        if (c->irp->RequestorMode != KernelMode)
            ProbeForWrite(to, (SIZE_T)c->done, sizeof(ULONG));
        memcpy(to, c->out, c->done);
    } __except (EXCEPTION_EXECUTE_HANDLER) {
        status = GetExceptionCode();
    }
    return status;
}

/* What does not fit into the most that we take is as if the caller's buffer ended there. */
static NTSTATUS run_neither(struct memfs_fsctl *c, ULONG code)
{
    PVOID from = IoGetCurrentIrpStackLocation(c->irp)->Parameters.FileSystemControl.Type3InputBuffer,
          to = c->irp->UserBuffer;
    if (!from || c->in_length > MOST_IN)
        c->in_length = from ? MOST_IN : 0;
    if (!to || c->out_length > MOST_OUT)
        c->out_length = to ? MOST_OUT : 0;
    c->in = c->in_length ? ExAllocatePoolWithTag(PagedPool, c->in_length, MEMFS_TAG) : NULL;
    c->out = c->out_length ? ExAllocatePoolWithTag(PagedPool, c->out_length, MEMFS_TAG) : NULL;
    NTSTATUS status = (c->in_length && !c->in) || (c->out_length && !c->out) ? STATUS_INSUFFICIENT_RESOURCES
                      : c->in                                                ? copy_in(c, from)
                                                                             : STATUS_SUCCESS;
    if (NT_SUCCESS(status))
        status = run(c, code);
    NTSTATUS copied = !NT_ERROR(status) && c->done ? copy_out(c, to) : STATUS_SUCCESS;
    if (c->in)
        ExFreePoolWithTag(c->in, MEMFS_TAG);
    if (c->out)
        ExFreePoolWithTag(c->out, MEMFS_TAG);
    return NT_SUCCESS(copied) ? status : copied;
}

/* -- the request ------------------------------------------------------------------------------- */

/* Such a request changes data: whoever holds an oplock is asked first. */
static bool changes_data(ULONG code)
{
    return code == FSCTL_SET_ZERO_DATA || code == FSCTL_OFFLOAD_WRITE || code == FSCTL_FILE_LEVEL_TRIM;
}

static NTSTATUS user_request(PIRP irp, ULONG_PTR *done)
{
    PIO_STACK_LOCATION stack = IoGetCurrentIrpStackLocation(irp);
    ULONG code = stack->Parameters.FileSystemControl.FsControlCode;
    struct memfs_fsctl c = {.irp = irp,
                            .file = stack->FileObject,
                            .in = irp->AssociatedIrp.SystemBuffer,
                            .out = irp->AssociatedIrp.SystemBuffer,
                            .in_length = stack->Parameters.FileSystemControl.InputBufferLength,
                            .out_length = stack->Parameters.FileSystemControl.OutputBufferLength};
    c.scb = c.file ? MemfsScbOf(c.file) : NULL;
    if (!c.scb || !c.file->FsContext2)
        return STATUS_INVALID_PARAMETER;
    c.ccb = MemfsCcbOf(c.file);
    c.volume = c.scb->volume;
    if (MemfsIs(&c.volume->dismounted))
        return STATUS_VOLUME_DISMOUNTED;
    NTSTATUS status = changes_data(code) && c.scb->node ? MemfsCheckOplock(c.scb, irp) : STATUS_SUCCESS;
    if (status != STATUS_SUCCESS)
        return status;
    bool neither = METHOD_FROM_CTL_CODE(code) == METHOD_NEITHER;
    if (!c.in && !neither)
        c.in_length = c.out_length = 0;
    status = neither ? run_neither(&c, code) : run(&c, code);
    *done = c.done;
    return status;
}

static NTSTATUS verify_volume(PDEVICE_OBJECT device)
{
    struct memfs_volume *volume = device->DeviceExtension;
    return MemfsIs(&volume->dismounted) ? STATUS_WRONG_VOLUME : STATUS_SUCCESS;
}

static NTSTATUS on_volume(PDEVICE_OBJECT device, PIRP irp, ULONG_PTR *done)
{
    switch (IoGetCurrentIrpStackLocation(irp)->MinorFunction) {
    case IRP_MN_VERIFY_VOLUME:
        return verify_volume(device);
    case IRP_MN_USER_FS_REQUEST:
    case IRP_MN_KERNEL_CALL:
        return user_request(irp, done);
    default:
        return STATUS_INVALID_DEVICE_REQUEST;
    }
}

static bool is_oplock_request(PDEVICE_OBJECT device, PIRP irp)
{
    PIO_STACK_LOCATION stack = IoGetCurrentIrpStackLocation(irp);
    return ((struct memfs_control *)device->DeviceExtension)->kind == MEMFS_VOLUME_DEVICE &&
           (stack->MinorFunction == IRP_MN_USER_FS_REQUEST || stack->MinorFunction == IRP_MN_KERNEL_CALL) &&
           MemfsIsOplockControl(stack->Parameters.FileSystemControl.FsControlCode);
}

NTSTATUS MemfsFileSystemControl(PDEVICE_OBJECT device, PIRP irp)
{
    struct memfs_control *control = device->DeviceExtension;
    ULONG_PTR done = 0;
    NTSTATUS status = STATUS_INVALID_DEVICE_REQUEST;
    bool oplock = is_oplock_request(device, irp);
    FsRtlEnterFileSystem();
    if (oplock)
        status = MemfsOplockControl(irp); /* completes it, now or later */
    else if (control->kind == MEMFS_VOLUME_DEVICE)
        status = on_volume(device, irp, &done);
    else if (control->kind == MEMFS_CONTROL_DEVICE &&
             IoGetCurrentIrpStackLocation(irp)->MinorFunction == IRP_MN_MOUNT_VOLUME)
        status = MemfsMountVolume(device, irp);
    FsRtlExitFileSystem();
    if (oplock || status == STATUS_PENDING)
        return status;
    return MemfsComplete(irp, status, NT_ERROR(status) ? 0 : done);
}
