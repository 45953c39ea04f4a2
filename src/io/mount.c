/* Volume parameter blocks, mounting on the first open, verifying. */
#include "iop.h"

#include "fault/fault.h"

VOID IoAcquireVpbSpinLock(PKIRQL Irql)
{
    API_IRQL(IoAcquireVpbSpinLock);
    KeAcquireSpinLock(&io->vpb_lock, Irql);
}

VOID IoReleaseVpbSpinLock(KIRQL Irql)
{
    KeReleaseSpinLock(&io->vpb_lock, Irql);
}

/* On the path of every create, so without the VPB spin lock: count first, then look. */
bool IopReferenceMountedVpb(PDEVICE_OBJECT device, PVPB *result)
{
    PVPB vpb = __atomic_load_n(&device->Vpb, __ATOMIC_ACQUIRE);
    if (!vpb || !(__atomic_load_n(&vpb->Flags, __ATOMIC_RELAXED) & VPB_MOUNTED))
        return false;
    __atomic_add_fetch(&vpb->ReferenceCount, 1, __ATOMIC_SEQ_CST);
    if (__builtin_expect((__atomic_load_n(&vpb->Flags, __ATOMIC_SEQ_CST) & (VPB_MOUNTED | VPB_LOCKED)) == VPB_MOUNTED,
                         1)) {
        *result = vpb;
        return true;
    }
    IopDereferenceVpb(vpb);
    return false;
}

void IopDereferenceVpb(PVPB vpb)
{
    ULONG count = __atomic_load_n(&vpb->ReferenceCount, __ATOMIC_SEQ_CST);
    while (count > 1)
        if (__atomic_compare_exchange_n(&vpb->ReferenceCount, &count, count - 1, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
            return;
    /* A VPB that its file system took off the device (a dismount with files open) goes with its last file. One that
     * the file system keeps may go as soon as it shows no reference: nothing is looked at after that. */
    KIRQL irql;
    IoAcquireVpbSpinLock(&irql);
    bool orphan = vpb->RealDevice && __atomic_load_n(&vpb->RealDevice->Vpb, __ATOMIC_RELAXED) != vpb &&
                  !(__atomic_load_n(&vpb->Flags, __ATOMIC_RELAXED) & VPB_PERSISTENT);
    orphan = __atomic_sub_fetch(&vpb->ReferenceCount, 1, __ATOMIC_SEQ_CST) == 0 && orphan;
    IoReleaseVpbSpinLock(irql);
    if (orphan)
        ExFreePool(vpb);
}

static enum iop_fs_kind KindFor(PDEVICE_OBJECT device)
{
    switch (device->DeviceType) {
    case FILE_DEVICE_CD_ROM:
        return IOP_FS_CDROM;
    case FILE_DEVICE_TAPE:
        return IOP_FS_TAPE;
    default:
        return IOP_FS_DISK;
    }
}

static NTSTATUS SendMount(PDEVICE_OBJECT file_system, PDEVICE_OBJECT device, PVPB vpb)
{
    struct iop_wait wait;
    PDEVICE_OBJECT top = IopAttached(file_system);
    PIRP irp = IopAllocateIrp(top->StackSize, IOP_OWNER_SERVICE, NULL);
    IopInitializeWait(&wait, NULL);
    irp->Flags = IRP_MOUNT_COMPLETION | IRP_SYNCHRONOUS_PAGING_IO;
    irp->RequestorMode = KernelMode;
    irp->Tail.Overlay.Thread = PsGetCurrentThread();
    irp->FltsimPrivate[1] = &wait;
    PIO_STACK_LOCATION stack = IoGetNextIrpStackLocation(irp);
    stack->MajorFunction = IRP_MJ_FILE_SYSTEM_CONTROL;
    stack->MinorFunction = IRP_MN_MOUNT_VOLUME;
    stack->Parameters.MountVolume.Vpb = vpb;
    stack->Parameters.MountVolume.DeviceObject = IopAttached(device);
    return IopCallAndWait(top, irp, &wait);
}

/* Asks the file systems in turn, the last registered first. */
static NTSTATUS TryFileSystems(PDEVICE_OBJECT device, PVPB vpb)
{
    NTSTATUS status = STATUS_UNRECOGNIZED_VOLUME;
    PLIST_ENTRY head = &io->file_systems[KindFor(device)];
    for (PLIST_ENTRY link = head->Flink; link != head; link = link->Flink) {
        status = SendMount(CONTAINING_RECORD(link, DEVICE_OBJECT, Queue.ListEntry), device, vpb);
        if (NT_SUCCESS(status) || status != STATUS_UNRECOGNIZED_VOLUME)
            break;
    }
    return status;
}

/* A file system that dismounts takes the flag off one and puts another there, both under the lock. */
static PVPB CurrentVpb(PDEVICE_OBJECT device, USHORT *flags)
{
    KIRQL irql;
    IoAcquireVpbSpinLock(&irql);
    PVPB vpb = __atomic_load_n(&device->Vpb, __ATOMIC_ACQUIRE);
    *flags = __atomic_load_n(&vpb->Flags, __ATOMIC_ACQUIRE);
    IoReleaseVpbSpinLock(irql);
    return vpb;
}

static void NoteMounted(PDEVICE_OBJECT device)
{
    PVPB vpb = __atomic_load_n(&device->Vpb, __ATOMIC_ACQUIRE);
    vpb->DeviceObject->DeviceObjectExtension->Vpb = vpb;
    vpb->DeviceObject->Flags &= ~DO_DEVICE_INITIALIZING;
    __atomic_or_fetch(&vpb->Flags, VPB_MOUNTED, __ATOMIC_SEQ_CST);
    TRACE("io", "mounted device %p by %p", (void *)device, (void *)vpb->DeviceObject);
}

static NTSTATUS MountLocked(PDEVICE_OBJECT device)
{
    USHORT flags;
    PVPB vpb = CurrentVpb(device, &flags);
    if (flags & VPB_MOUNTED)
        return STATUS_SUCCESS;
    if (flags & VPB_LOCKED)
        return STATUS_ACCESS_DENIED;
    if (device->DeviceObjectExtension->gone)
        return STATUS_NO_SUCH_DEVICE;
    KeEnterCriticalRegion();
    ExAcquireResourceSharedLite(&io->database, TRUE);
    NTSTATUS status = TryFileSystems(device, vpb);
    if (NT_SUCCESS(status))
        NoteMounted(device);
    ExReleaseResourceLite(&io->database);
    KeLeaveCriticalRegion();
    return status;
}

NTSTATUS IopMountVolume(PDEVICE_OBJECT device, PVPB *vpb)
{
    if (IopReferenceMountedVpb(device, vpb))
        return STATUS_SUCCESS;
    KeWaitForSingleObject(&device->DeviceLock, Executive, KernelMode, FALSE, NULL);
    NTSTATUS status = MountLocked(device);
    if (NT_SUCCESS(status) && !IopReferenceMountedVpb(device, vpb))
        status = STATUS_VOLUME_DISMOUNTED;
    KeSetEvent(&device->DeviceLock, IO_NO_INCREMENT, FALSE);
    return status;
}

void IopForbidMount(PDEVICE_OBJECT device)
{
    KeWaitForSingleObject(&device->DeviceLock, Executive, KernelMode, FALSE, NULL);
    device->DeviceObjectExtension->gone = true;
    KeSetEvent(&device->DeviceLock, IO_NO_INCREMENT, FALSE);
}

NTSTATUS IoVerifyVolume(PDEVICE_OBJECT DeviceObject, BOOLEAN AllowRawMount)
{
    API_ENTER(IoVerifyVolume, DeviceObject, SCHED_WRITE);
    if (fault_allocation())
        return STATUS_INSUFFICIENT_RESOURCES;
    KeWaitForSingleObject(&DeviceObject->DeviceLock, Executive, KernelMode, FALSE, NULL);
    NTSTATUS status = STATUS_SUCCESS;
    PVPB vpb = DeviceObject->Vpb;
    if (vpb->Flags & VPB_MOUNTED) {
        struct iop_wait wait;
        PDEVICE_OBJECT top = IopAttached(vpb->DeviceObject);
        PIRP irp = IopAllocateIrp(top->StackSize, IOP_OWNER_SERVICE, VERIFY_CALLER);
        IopInitializeWait(&wait, VERIFY_CALLER);
        irp->Tail.Overlay.Thread = PsGetCurrentThread();
        irp->FltsimPrivate[1] = &wait;
        PIO_STACK_LOCATION stack = IoGetNextIrpStackLocation(irp);
        stack->MajorFunction = IRP_MJ_FILE_SYSTEM_CONTROL;
        stack->MinorFunction = IRP_MN_VERIFY_VOLUME;
        stack->Flags = AllowRawMount ? SL_ALLOW_RAW_MOUNT : 0;
        stack->Parameters.VerifyVolume.Vpb = vpb;
        stack->Parameters.VerifyVolume.DeviceObject = vpb->DeviceObject;
        status = IopCallAndWait(top, irp, &wait);
    }
    if (status == STATUS_WRONG_VOLUME)
        MountLocked(DeviceObject); /* what is there now; the caller hears that it is another one */
    else if (!(vpb->Flags & VPB_MOUNTED))
        status = MountLocked(DeviceObject);
    KeSetEvent(&DeviceObject->DeviceLock, IO_NO_INCREMENT, FALSE);
    return status;
}

PDEVICE_OBJECT IoGetDeviceToVerify(PETHREAD Thread) { return ((PKTHREAD)Thread)->io; }

VOID IoSetDeviceToVerify(PETHREAD Thread, PDEVICE_OBJECT DeviceObject) { ((PKTHREAD)Thread)->io = DeviceObject; }

VOID IoSetHardErrorOrVerifyDevice(PIRP Irp, PDEVICE_OBJECT DeviceObject)
{
    if (Irp->Tail.Overlay.Thread)
        ((PKTHREAD)Irp->Tail.Overlay.Thread)->io = DeviceObject;
}
