/* IRP_MJ_PNP, IRP_MJ_SHUTDOWN, IRP_MJ_DEVICE_CONTROL: what a file system passes on, or only takes
 * note of. */
#include "memfs/memfs.h"

static struct memfs_volume *volume_of(PDEVICE_OBJECT device)
{
    struct memfs_control *control = device->DeviceExtension;
    bool other = control->kind == MEMFS_CONTROL_DEVICE || control->kind == MEMFS_DISK_DEVICE;
    return other ? NULL : device->DeviceExtension;
}

NTSTATUS MemfsDeviceControl(PDEVICE_OBJECT device, PIRP irp)
{
    struct memfs_control *control = device->DeviceExtension;
    struct memfs_volume *volume = volume_of(device);
    if (control->kind == MEMFS_DISK_DEVICE)
        return MemfsDiskControl(device, irp);
    if (!volume)
        return MemfsComplete(irp, STATUS_INVALID_DEVICE_REQUEST, 0);
    if (MemfsIs(&volume->dismounted))
        return MemfsComplete(irp, STATUS_VOLUME_DISMOUNTED, 0);
    PFILE_OBJECT file = IoGetCurrentIrpStackLocation(irp)->FileObject;
    struct memfs_scb *scb = file ? MemfsScbOf(file) : NULL;
    if (scb && scb->node) /* only the volume itself is the disk to programs */
        return MemfsComplete(irp, STATUS_INVALID_PARAMETER, 0);
    IoSkipCurrentIrpStackLocation(irp);
    return IoCallDriver(volume->disk, irp);
}

NTSTATUS MemfsShutdown(PDEVICE_OBJECT device, PIRP irp)
{
    struct memfs_volume *volume = volume_of(device);
    if (volume && !MemfsIs(&volume->dismounted)) {
        FsRtlEnterFileSystem();
        MemfsFlushVolume(volume);
        FsRtlExitFileSystem();
    }
    return MemfsComplete(irp, STATUS_SUCCESS, 0);
}

NTSTATUS MemfsPnp(PDEVICE_OBJECT device, PIRP irp)
{
    struct memfs_volume *volume = volume_of(device);
    NTSTATUS status = irp->IoStatus.Status;
    FsRtlEnterFileSystem();
    switch (IoGetCurrentIrpStackLocation(irp)->MinorFunction) {
    case IRP_MN_QUERY_REMOVE_DEVICE:
        status = volume && MemfsIsInUse(volume, NULL) ? STATUS_ACCESS_DENIED : STATUS_SUCCESS;
        break;
    case IRP_MN_SURPRISE_REMOVAL:
    case IRP_MN_REMOVE_DEVICE:
        if (volume)
            MemfsDismountVolume(volume, false);
        status = STATUS_SUCCESS;
        break;
    case IRP_MN_CANCEL_REMOVE_DEVICE:
        status = STATUS_SUCCESS;
        break;
    default:
        break;
    }
    FsRtlExitFileSystem();
    return MemfsComplete(irp, status, irp->IoStatus.Information);
}
