/* Paging I/O: what the cache and memory managers send to the top of a file's stack. */
#include "iop.h"

static NTSTATUS SendPaging(PFILE_OBJECT file, PMDL mdl, PLARGE_INTEGER offset, PKEVENT event, PIO_STATUS_BLOCK iosb,
                           UCHAR major, ULONG flags)
{
    PDEVICE_OBJECT device = IopRelatedDevice(file);
    PIRP irp = IopAllocateIrp(device->StackSize, IOP_OWNER_SERVICE, NULL);
    PIO_STACK_LOCATION stack = IoGetNextIrpStackLocation(irp);
    ULONG length = MmGetMdlByteCount(mdl);
    irp->Flags = flags;
    irp->RequestorMode = KernelMode;
    irp->MdlAddress = mdl;
    irp->UserBuffer = MmGetMdlVirtualAddress(mdl);
    irp->UserIosb = iosb;
    irp->UserEvent = event;
    irp->Tail.Overlay.Thread = PsGetCurrentThread();
    irp->Tail.Overlay.OriginalFileObject = file;
    stack->MajorFunction = major;
    stack->FileObject = file;
    stack->Parameters.Write.Length = length;
    stack->Parameters.Write.ByteOffset = *offset;
    return IofCallDriver(device, irp);
}

NTSTATUS IoPageRead(PFILE_OBJECT FileObject, PMDL Mdl, PLARGE_INTEGER Offset, PKEVENT Event,
                    PIO_STATUS_BLOCK IoStatusBlock)
{
    return SendPaging(FileObject, Mdl, Offset, Event, IoStatusBlock, IRP_MJ_READ,
                      IRP_PAGING_IO | IRP_NOCACHE | IRP_SYNCHRONOUS_PAGING_IO | IRP_INPUT_OPERATION);
}

NTSTATUS IoSynchronousPageWrite(PFILE_OBJECT FileObject, PMDL Mdl, PLARGE_INTEGER FileOffset, PKEVENT Event,
                                PIO_STATUS_BLOCK IoStatusBlock)
{
    return SendPaging(FileObject, Mdl, FileOffset, Event, IoStatusBlock, IRP_MJ_WRITE,
                      IRP_PAGING_IO | IRP_NOCACHE | IRP_SYNCHRONOUS_PAGING_IO);
}
