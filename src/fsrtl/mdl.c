/* Lending cached pages as MDLs without an IRP, and with one where that is not possible. */
#include "fsrtlp.h"

/* ---- for the fast I/O tables of file systems ---- */

BOOLEAN FsRtlMdlReadDev(PFILE_OBJECT FileObject, PLARGE_INTEGER FileOffset, ULONG Length, ULONG LockKey,
                        PMDL *MdlChain, PIO_STATUS_BLOCK IoStatus, PDEVICE_OBJECT DeviceObject)
{
    API_IRQL(FsRtlMdlReadDev);
    PFSRTL_COMMON_FCB_HEADER header = FileObject->FsContext;
    FsRtlEnterFileSystem();
    ExAcquireResourceSharedLite(header->Resource, TRUE);
    BOOLEAN done = FsRtlpFastIoAllowed(header, FileObject, FileOffset, Length, LockKey, true);
    if (done && FileOffset->QuadPart >= header->FileSize.QuadPart) {
        *IoStatus = (IO_STATUS_BLOCK){.Status = STATUS_END_OF_FILE};
    } else if (done) {
        LONGLONG left = header->FileSize.QuadPart - FileOffset->QuadPart;
        CcMdlRead(FileObject, FileOffset, left < Length ? (ULONG)left : Length, MdlChain, IoStatus);
        FileObject->Flags |= FO_FILE_FAST_IO_READ;
    }
    ExReleaseResourceLite(header->Resource);
    FsRtlExitFileSystem();
    return done;
}

BOOLEAN FsRtlMdlReadCompleteDev(PFILE_OBJECT FileObject, PMDL MdlChain, PDEVICE_OBJECT DeviceObject)
{
    API_IRQL(FsRtlMdlReadCompleteDev);
    CcMdlReadComplete(FileObject, MdlChain);
    return TRUE;
}

/* As for FsRtlCopyWrite: what grows the file or its valid data is left to the file system. */
BOOLEAN FsRtlPrepareMdlWriteDev(PFILE_OBJECT FileObject, PLARGE_INTEGER FileOffset, ULONG Length, ULONG LockKey,
                                PMDL *MdlChain, PIO_STATUS_BLOCK IoStatus, PDEVICE_OBJECT DeviceObject)
{
    API_IRQL(FsRtlPrepareMdlWriteDev);
    PFSRTL_COMMON_FCB_HEADER header = FileObject->FsContext;
    if ((FileObject->Flags & FO_WRITE_THROUGH) || !CcCanIWrite(FileObject, Length, TRUE, FALSE))
        return FALSE;
    FsRtlEnterFileSystem();
    ExAcquireResourceSharedLite(header->Resource, TRUE);
    BOOLEAN done = Length && FileOffset->QuadPart >= 0 &&
                   FileOffset->QuadPart + Length <= header->ValidDataLength.QuadPart &&
                   FsRtlpFastIoAllowed(header, FileObject, FileOffset, Length, LockKey, false);
    if (done) {
        CcPrepareMdlWrite(FileObject, FileOffset, Length, MdlChain, IoStatus);
        FileObject->Flags |= FO_FILE_MODIFIED;
    }
    ExReleaseResourceLite(header->Resource);
    FsRtlExitFileSystem();
    return done;
}

/* Writing through is for an IRP to wait for: the chain stays with the caller. */
BOOLEAN FsRtlMdlWriteCompleteDev(PFILE_OBJECT FileObject, PLARGE_INTEGER FileOffset, PMDL MdlChain,
                                 PDEVICE_OBJECT DeviceObject)
{
    API_IRQL(FsRtlMdlWriteCompleteDev);
    if (FileObject->Flags & FO_WRITE_THROUGH)
        return FALSE;
    CcMdlWriteComplete(FileObject, FileOffset, MdlChain);
    return TRUE;
}

/* ---- for those who ask the stack ---- */

static PFAST_IO_DISPATCH FastOf(PDEVICE_OBJECT device)
{
    PFAST_IO_DISPATCH fast = device->DriverObject->FastIoDispatch;
    return fast && fast->SizeOfFastIoDispatch > FIELD_OFFSET(FAST_IO_DISPATCH, MdlWriteComplete) ? fast : NULL;
}

BOOLEAN FsRtlMdlRead(PFILE_OBJECT FileObject, PLARGE_INTEGER FileOffset, ULONG Length, ULONG LockKey, PMDL *MdlChain,
                     PIO_STATUS_BLOCK IoStatus)
{
    PDEVICE_OBJECT device = IoGetRelatedDeviceObject(FileObject);
    PFAST_IO_DISPATCH fast = FastOf(device);
    return fast && fast->MdlRead && fast->MdlRead(FileObject, FileOffset, Length, LockKey, MdlChain, IoStatus, device);
}

BOOLEAN FsRtlMdlReadComplete(PFILE_OBJECT FileObject, PMDL MdlChain)
{
    PDEVICE_OBJECT device = IoGetRelatedDeviceObject(FileObject);
    PFAST_IO_DISPATCH fast = FastOf(device);
    return fast && fast->MdlReadComplete && fast->MdlReadComplete(FileObject, MdlChain, device);
}

BOOLEAN FsRtlPrepareMdlWrite(PFILE_OBJECT FileObject, PLARGE_INTEGER FileOffset, ULONG Length, ULONG LockKey,
                             PMDL *MdlChain, PIO_STATUS_BLOCK IoStatus)
{
    PDEVICE_OBJECT device = IoGetRelatedDeviceObject(FileObject);
    PFAST_IO_DISPATCH fast = FastOf(device);
    return fast && fast->PrepareMdlWrite &&
           fast->PrepareMdlWrite(FileObject, FileOffset, Length, LockKey, MdlChain, IoStatus, device);
}

BOOLEAN FsRtlMdlWriteComplete(PFILE_OBJECT FileObject, PLARGE_INTEGER FileOffset, PMDL MdlChain)
{
    PDEVICE_OBJECT device = IoGetRelatedDeviceObject(FileObject);
    PFAST_IO_DISPATCH fast = FastOf(device);
    return fast && fast->MdlWriteComplete && fast->MdlWriteComplete(FileObject, FileOffset, MdlChain, device);
}

static NTSTATUS Signal(PDEVICE_OBJECT device, PIRP irp, PVOID event)
{
    KeSetEvent(event, IO_NO_INCREMENT, FALSE);
    return STATUS_MORE_PROCESSING_REQUIRED;
}

/* IRP_MN_MDL: the chain is what the file system left in the IRP. */
static NTSTATUS MdlByIrp(UCHAR major, PFILE_OBJECT file, PLARGE_INTEGER offset, ULONG length, ULONG key, PMDL *chain,
                         PIO_STATUS_BLOCK result)
{
    KEVENT event;
    PDEVICE_OBJECT device = IoGetRelatedDeviceObject(file);
    PIRP irp = IoAllocateIrp(device->StackSize, FALSE);
    if (!irp)
        return STATUS_INSUFFICIENT_RESOURCES;
    PIO_STACK_LOCATION stack = IoGetNextIrpStackLocation(irp);
    KeInitializeEvent(&event, NotificationEvent, FALSE);
    irp->Flags = IRP_SYNCHRONOUS_API | (major == IRP_MJ_READ ? IRP_READ_OPERATION : IRP_WRITE_OPERATION);
    irp->Tail.Overlay.Thread = PsGetCurrentThread();
    irp->Tail.Overlay.OriginalFileObject = file;
    stack->MajorFunction = major;
    stack->MinorFunction = IRP_MN_MDL;
    stack->FileObject = file;
    stack->Parameters.Read.Length = length;
    stack->Parameters.Read.Key = key;
    stack->Parameters.Read.ByteOffset = *offset;
    IoSetCompletionRoutine(irp, Signal, &event, TRUE, TRUE, TRUE);
    if (IoCallDriver(device, irp) == STATUS_PENDING)
        KeWaitForSingleObject(&event, Executive, KernelMode, FALSE, NULL);
    *result = irp->IoStatus;
    *chain = irp->MdlAddress;
    irp->MdlAddress = NULL;
    IoFreeIrp(irp);
    return result->Status;
}

NTSTATUS FsRtlMdlReadEx(PFILE_OBJECT FileObject, PLARGE_INTEGER FileOffset, ULONG Length, ULONG LockKey, PMDL *MdlChain,
                        PIO_STATUS_BLOCK IoStatus)
{
    API_ENTER(FsRtlMdlReadEx, FileObject, SCHED_READ);
    if (FsRtlMdlRead(FileObject, FileOffset, Length, LockKey, MdlChain, IoStatus))
        return IoStatus->Status;
    return MdlByIrp(IRP_MJ_READ, FileObject, FileOffset, Length, LockKey, MdlChain, IoStatus);
}

NTSTATUS FsRtlPrepareMdlWriteEx(PFILE_OBJECT FileObject, PLARGE_INTEGER FileOffset, ULONG Length, ULONG LockKey,
                                PMDL *MdlChain, PIO_STATUS_BLOCK IoStatus)
{
    API_ENTER(FsRtlPrepareMdlWriteEx, FileObject, SCHED_WRITE);
    if (FsRtlPrepareMdlWrite(FileObject, FileOffset, Length, LockKey, MdlChain, IoStatus))
        return IoStatus->Status;
    return MdlByIrp(IRP_MJ_WRITE, FileObject, FileOffset, Length, LockKey, MdlChain, IoStatus);
}
