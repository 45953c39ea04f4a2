/* IRPs that a driver has built for it. */
#include "iop.h"

#include "fault/fault.h"

#include <string.h>

/* What an IRP that never was sent holds. */
static PIRP GiveUp(PIRP irp)
{
    IopFreeMdls(irp);
    if (irp->AssociatedIrp.SystemBuffer)
        ExFreePoolWithTag(irp->AssociatedIrp.SystemBuffer, IOP_TAG);
    IopFreeIrp(irp);
    return NULL;
}

static bool Transfer(PIRP irp, PDEVICE_OBJECT device, PVOID buffer, ULONG length, bool input)
{
    irp->UserBuffer = buffer;
    if (!length)
        return true;
    if (device->Flags & DO_BUFFERED_IO) {
        if (input)
            irp->Flags |= IRP_INPUT_OPERATION;
        return IopSystemBuffer(irp, input ? NULL : buffer, input ? 0 : length, length);
    }
    if (device->Flags & DO_DIRECT_IO) {
        irp->UserBuffer = NULL;
        return IopLockBuffer(irp, buffer, length, input ? IoWriteAccess : IoReadAccess);
    }
    return true;
}

static PIRP BuildFsd(ULONG major, PDEVICE_OBJECT device, PVOID buffer, ULONG length, PLARGE_INTEGER offset,
                     PIO_STATUS_BLOCK iosb, const void *caller)
{
    if (fault_allocation())
        return NULL;
    PIRP irp = IopAllocateIrp(device->StackSize, IOP_OWNER_DRIVER, caller);
    PIO_STACK_LOCATION stack = IoGetNextIrpStackLocation(irp);
    irp->Tail.Overlay.Thread = PsGetCurrentThread();
    irp->UserIosb = iosb;
    stack->MajorFunction = (UCHAR)major;
    if (major != IRP_MJ_READ && major != IRP_MJ_WRITE)
        return irp;
    if (!Transfer(irp, device, buffer, length, major == IRP_MJ_READ))
        return GiveUp(irp);
    if (major == IRP_MJ_READ) {
        irp->Flags |= IRP_READ_OPERATION;
        stack->Parameters.Read.Length = length;
        if (offset)
            stack->Parameters.Read.ByteOffset = *offset;
    } else {
        irp->Flags |= IRP_WRITE_OPERATION;
        stack->Parameters.Write.Length = length;
        if (offset)
            stack->Parameters.Write.ByteOffset = *offset;
    }
    return irp;
}

PIRP IoBuildAsynchronousFsdRequest(ULONG MajorFunction, PDEVICE_OBJECT DeviceObject, PVOID Buffer, ULONG Length,
                                   PLARGE_INTEGER StartingOffset, PIO_STATUS_BLOCK IoStatusBlock)
{
    return BuildFsd(MajorFunction, DeviceObject, Buffer, Length, StartingOffset, IoStatusBlock, VERIFY_CALLER);
}

PIRP IoBuildSynchronousFsdRequest(ULONG MajorFunction, PDEVICE_OBJECT DeviceObject, PVOID Buffer, ULONG Length,
                                  PLARGE_INTEGER StartingOffset, PKEVENT Event, PIO_STATUS_BLOCK IoStatusBlock)
{
    API_IRQL(IoBuildSynchronousFsdRequest);
    PIRP irp = BuildFsd(MajorFunction, DeviceObject, Buffer, Length, StartingOffset, IoStatusBlock, VERIFY_CALLER);
    if (!irp)
        return NULL;
    irp->UserEvent = Event;
    IopQueueThreadIrp(irp);
    return irp;
}

static bool ControlBuffers(PIRP irp, PIO_STACK_LOCATION stack, ULONG method, PVOID in, ULONG in_length, PVOID out,
                           ULONG out_length)
{
    switch (method) {
    case METHOD_BUFFERED:
        irp->UserBuffer = out;
        if (out)
            irp->Flags |= IRP_INPUT_OPERATION;
        return IopControlBuffer(irp, in, in_length, out_length);
    case METHOD_IN_DIRECT:
    case METHOD_OUT_DIRECT:
        if (in && !IopSystemBuffer(irp, in, in_length, in_length))
            return false;
        return !out ||
               IopLockBuffer(irp, out, out_length, method == METHOD_IN_DIRECT ? IoReadAccess : IoWriteAccess);
    default:
        irp->UserBuffer = out;
        stack->Parameters.DeviceIoControl.Type3InputBuffer = in;
        return true;
    }
}

PIRP IoBuildDeviceIoControlRequest(ULONG IoControlCode, PDEVICE_OBJECT DeviceObject, PVOID InputBuffer,
                                   ULONG InputBufferLength, PVOID OutputBuffer, ULONG OutputBufferLength,
                                   BOOLEAN InternalDeviceIoControl, PKEVENT Event, PIO_STATUS_BLOCK IoStatusBlock)
{
    API_IRQL(IoBuildDeviceIoControlRequest);
    if (fault_allocation())
        return NULL;
    PIRP irp = IopAllocateIrp(DeviceObject->StackSize, IOP_OWNER_DRIVER, VERIFY_CALLER);
    PIO_STACK_LOCATION stack = IoGetNextIrpStackLocation(irp);
    stack->MajorFunction = InternalDeviceIoControl ? IRP_MJ_INTERNAL_DEVICE_CONTROL : IRP_MJ_DEVICE_CONTROL;
    stack->Parameters.DeviceIoControl.OutputBufferLength = OutputBufferLength;
    stack->Parameters.DeviceIoControl.InputBufferLength = InputBufferLength;
    stack->Parameters.DeviceIoControl.IoControlCode = IoControlCode;
    if (!ControlBuffers(irp, stack, METHOD_FROM_CTL_CODE(IoControlCode), InputBuffer, InputBufferLength, OutputBuffer,
                        OutputBufferLength))
        return GiveUp(irp);
    irp->UserEvent = Event;
    irp->UserIosb = IoStatusBlock;
    irp->Tail.Overlay.Thread = PsGetCurrentThread();
    IopQueueThreadIrp(irp);
    return irp;
}

bool IopSystemBuffer(PIRP irp, const void *in, ULONG in_length, ULONG length)
{
    if (!length)
        return true;
    PVOID buffer = ExAllocatePoolWithTag(NonPagedPool, length, IOP_TAG);
    if (!buffer)
        return false;
    if (in_length)
        memcpy(buffer, in, in_length);
    if (length > in_length)
        memset((PCHAR)buffer + in_length, 0, length - in_length);
    IopBlock(irp)->room = length;
    IopBlock(irp)->room_of = buffer;
    irp->AssociatedIrp.SystemBuffer = buffer;
    irp->Flags |= IRP_BUFFERED_IO | IRP_DEALLOCATE_BUFFER;
    return true;
}

bool IopControlBuffer(PIRP irp, const void *in, ULONG in_length, ULONG out_length)
{
    bool done = IopSystemBuffer(irp, in, in ? in_length : 0, in_length > out_length ? in_length : out_length);
    IopBlock(irp)->room = out_length;
    return done;
}

bool IopLockBuffer(PIRP irp, PVOID buffer, ULONG length, LOCK_OPERATION operation)
{
    if (!length)
        return true;
    PMDL mdl = IoAllocateMdl(buffer, length, FALSE, FALSE, irp);
    if (!mdl)
        return false;
    MmProbeAndLockPages(mdl, irp->RequestorMode, operation);
    return true;
}

void IopFreeMdls(PIRP irp)
{
    PMDL mdl = irp->MdlAddress;
    irp->MdlAddress = NULL;
    while (mdl) {
        PMDL next = mdl->Next;
        if (mdl->MdlFlags & MDL_PAGES_LOCKED)
            MmUnlockPages(mdl);
        IoFreeMdl(mdl);
        mdl = next;
    }
}
