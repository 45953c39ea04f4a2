/* Device stacks: attaching, detaching, finding one's way in them. AttachedDevice is read without a lock on the path
 * of every request; it changes under io->lock. */
#include "iop.h"

#include "fault/fault.h"

static PDEVICE_OBJECT Attach(PDEVICE_OBJECT source, PDEVICE_OBJECT target, PDEVICE_OBJECT *store)
{
    sched_lock(&io->lock);
    PDEVICE_OBJECT top = IopAttached(target);
    if ((top->Flags & DO_DEVICE_INITIALIZING) || top->DeviceObjectExtension->delete_pending ||
        source->DeviceObjectExtension->AttachedTo) {
        sched_unlock(&io->lock);
        if (store)
            *store = NULL;
        return NULL;
    }
    source->StackSize = (CCHAR)(top->StackSize + 1);
    source->AlignmentRequirement = top->AlignmentRequirement;
    source->SectorSize = top->SectorSize;
    source->DeviceObjectExtension->AttachedTo = top;
    /* Requests may arrive at `source` from here on: what its driver uses to pass them on is set first. */
    if (store)
        *store = top;
    __atomic_store_n(&top->AttachedDevice, source, __ATOMIC_RELEASE);
    sched_unlock(&io->lock);
    return top;
}

PDEVICE_OBJECT IoAttachDeviceToDeviceStack(PDEVICE_OBJECT SourceDevice, PDEVICE_OBJECT TargetDevice)
{
    sched_point("IoAttachDeviceToDeviceStack", TargetDevice, SCHED_WRITE);
    return Attach(SourceDevice, TargetDevice, NULL);
}

NTSTATUS IoAttachDeviceToDeviceStackSafe(PDEVICE_OBJECT SourceDevice, PDEVICE_OBJECT TargetDevice,
                                         PDEVICE_OBJECT *AttachedToDeviceObject)
{
    API_ENTER(IoAttachDeviceToDeviceStackSafe, TargetDevice, SCHED_WRITE);
    return Attach(SourceDevice, TargetDevice, AttachedToDeviceObject) ? STATUS_SUCCESS : STATUS_NO_SUCH_DEVICE;
}

NTSTATUS IoAttachDevice(PDEVICE_OBJECT SourceDevice, PUNICODE_STRING TargetDevice, PDEVICE_OBJECT *AttachedDevice)
{
    PFILE_OBJECT file;
    PDEVICE_OBJECT target;
    *AttachedDevice = NULL;
    NTSTATUS status = IoGetDeviceObjectPointer(TargetDevice, FILE_READ_ATTRIBUTES, &file, &target);
    if (!NT_SUCCESS(status))
        return status;
    status = Attach(SourceDevice, target, AttachedDevice) ? STATUS_SUCCESS : STATUS_NO_SUCH_DEVICE;
    ObDereferenceObject(file);
    return status;
}

VOID IoDetachDevice(PDEVICE_OBJECT TargetDevice)
{
    API_ENTER(IoDetachDevice, TargetDevice, SCHED_WRITE);
    sched_lock(&io->lock);
    PDEVICE_OBJECT above = TargetDevice->AttachedDevice;
    if (above) {
        above->DeviceObjectExtension->AttachedTo = NULL;
        __atomic_store_n(&TargetDevice->AttachedDevice, NULL, __ATOMIC_RELEASE);
    }
    sched_unlock(&io->lock);
    if (!above)
        verify_violate(VERIFY_DEVICE_MISUSE, "IoDetachDevice: nothing is attached to the device %p",
                       (void *)TargetDevice);
}

PDEVICE_OBJECT IoGetAttachedDevice(PDEVICE_OBJECT DeviceObject)
{
    sched_point("IoGetAttachedDevice", DeviceObject, SCHED_READ);
    return IopAttached(DeviceObject);
}

PDEVICE_OBJECT IoGetAttachedDeviceReference(PDEVICE_OBJECT DeviceObject)
{
    API_ENTER(IoGetAttachedDeviceReference, DeviceObject, SCHED_READ);
    sched_lock(&io->lock);
    PDEVICE_OBJECT top = IopAttached(DeviceObject);
    ObpReference(top);
    sched_unlock(&io->lock);
    return top;
}

PDEVICE_OBJECT IoGetLowerDeviceObject(PDEVICE_OBJECT DeviceObject)
{
    API_ENTER(IoGetLowerDeviceObject, DeviceObject, SCHED_READ);
    sched_lock(&io->lock);
    PDEVICE_OBJECT below = DeviceObject->DeviceObjectExtension->delete_pending
                               ? NULL
                               : DeviceObject->DeviceObjectExtension->AttachedTo;
    if (below)
        ObpReference(below);
    sched_unlock(&io->lock);
    return below;
}

PDEVICE_OBJECT IoGetDeviceAttachmentBaseRef(PDEVICE_OBJECT DeviceObject)
{
    API_ENTER(IoGetDeviceAttachmentBaseRef, DeviceObject, SCHED_READ);
    sched_lock(&io->lock);
    PDEVICE_OBJECT base = DeviceObject;
    while (base->DeviceObjectExtension->AttachedTo)
        base = base->DeviceObjectExtension->AttachedTo;
    ObpReference(base);
    sched_unlock(&io->lock);
    return base;
}

bool IopIsOnStack(PDEVICE_OBJECT device, PDEVICE_OBJECT base)
{
    for (PDEVICE_OBJECT d = base; d; d = __atomic_load_n(&d->AttachedDevice, __ATOMIC_ACQUIRE))
        if (d == device)
            return true;
    return false;
}

/* -- from a file to its devices -------------------------------------------------------------------------- */

static PDEVICE_OBJECT BaseFileSystemDevice(PFILE_OBJECT file)
{
    PVPB vpb = file->Vpb;
    if (vpb && vpb->DeviceObject)
        return vpb->DeviceObject;
    PDEVICE_OBJECT device = file->DeviceObject;
    if (!(file->Flags & FO_DIRECT_DEVICE_OPEN) && device->Vpb && device->Vpb->DeviceObject)
        return device->Vpb->DeviceObject;
    return device;
}

PDEVICE_OBJECT IopRelatedDevice(PFILE_OBJECT file)
{
    PDEVICE_OBJECT base = BaseFileSystemDevice(file);
    PDEVICE_OBJECT hint = IopFile(file)->hint;
    /* A file that was opened below a device stays below it, as long as that device is on the stack. */
    if (__builtin_expect(hint != NULL, 0) && IopIsOnStack(hint, base))
        return hint;
    return IopAttached(base);
}

PDEVICE_OBJECT IoGetRelatedDeviceObject(PFILE_OBJECT FileObject)
{
    API_ENTER(IoGetRelatedDeviceObject, FileObject, SCHED_READ);
    return IopRelatedDevice(FileObject);
}

PDEVICE_OBJECT IoGetBaseFileSystemDeviceObject(PFILE_OBJECT FileObject)
{
    sched_point("IoGetBaseFileSystemDeviceObject", FileObject, SCHED_READ);
    return BaseFileSystemDevice(FileObject);
}

NTSTATUS IoGetDiskDeviceObject(PDEVICE_OBJECT FileSystemDeviceObject, PDEVICE_OBJECT *DiskDeviceObject)
{
    sched_point("IoGetDiskDeviceObject", FileSystemDeviceObject, SCHED_READ);
    if (FileSystemDeviceObject->Vpb)
        return STATUS_INVALID_PARAMETER;
    NTSTATUS status = STATUS_VOLUME_DISMOUNTED;
    KIRQL irql;
    IoAcquireVpbSpinLock(&irql);
    PVPB vpb = FileSystemDeviceObject->DeviceObjectExtension->Vpb;
    if (vpb && (vpb->Flags & VPB_MOUNTED) && vpb->RealDevice) {
        *DiskDeviceObject = vpb->RealDevice;
        ObpReference(*DiskDeviceObject);
        status = STATUS_SUCCESS;
    }
    IoReleaseVpbSpinLock(irql);
    return status;
}

NTSTATUS IoGetDeviceObjectPointer(PUNICODE_STRING ObjectName, ACCESS_MASK DesiredAccess, PFILE_OBJECT *FileObject,
                                  PDEVICE_OBJECT *DeviceObject)
{
    API_ENTER(IoGetDeviceObjectPointer, ObjectName, SCHED_READ);
    OBJECT_ATTRIBUTES attributes;
    IO_STATUS_BLOCK iosb;
    HANDLE handle;
    if (fault_allocation())
        return STATUS_INSUFFICIENT_RESOURCES;
    InitializeObjectAttributes(&attributes, ObjectName, OBJ_KERNEL_HANDLE, NULL, NULL);
    NTSTATUS status = ZwOpenFile(&handle, DesiredAccess, &attributes, &iosb, 0, FILE_NON_DIRECTORY_FILE);
    if (!NT_SUCCESS(status))
        return status;
    status = ObReferenceObjectByHandle(handle, 0, io->file_type, KernelMode, (PVOID *)FileObject, NULL);
    if (NT_SUCCESS(status))
        *DeviceObject = IopRelatedDevice(*FileObject);
    ZwClose(handle);
    return status;
}
