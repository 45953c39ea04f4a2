/* Requests that kernel code makes of a file it holds by pointer. */
#include "fsrtlp.h"

#include "fault/fault.h"

#include <string.h>

static NTSTATUS SendAndWait(PIRP irp, PDEVICE_OBJECT device, PKEVENT event, PIO_STATUS_BLOCK result)
{
    NTSTATUS status = IoCallDriver(device, irp);
    if (status == STATUS_PENDING) {
        KeWaitForSingleObject(event, Executive, KernelMode, FALSE, NULL);
        status = result->Status;
    }
    return status;
}

static NTSTATUS Finished(PDEVICE_OBJECT device, PIRP irp, PVOID context)
{
    *irp->UserIosb = irp->IoStatus;
    if (irp->PendingReturned)
        KeSetEvent(context, IO_NO_INCREMENT, FALSE);
    IoFreeIrp(irp);
    return STATUS_MORE_PROCESSING_REQUIRED;
}

/* An IRP of one stack location filled by the caller, complete when this returns. */
static PIRP BeginRequest(PFILE_OBJECT file, UCHAR major, PKEVENT event, PIO_STATUS_BLOCK result,
                         PDEVICE_OBJECT *device)
{
    *device = IoGetRelatedDeviceObject(file);
    PIRP irp = fault_allocation() ? NULL : IoAllocateIrp((*device)->StackSize, FALSE);
    if (!irp)
        return NULL;
    KeInitializeEvent(event, NotificationEvent, FALSE);
    irp->UserIosb = result;
    irp->RequestorMode = KernelMode;
    irp->Flags = IRP_SYNCHRONOUS_API;
    irp->Tail.Overlay.Thread = PsGetCurrentThread();
    irp->Tail.Overlay.OriginalFileObject = file;
    PIO_STACK_LOCATION stack = IoGetNextIrpStackLocation(irp);
    stack->MajorFunction = major;
    stack->FileObject = file;
    IoSetCompletionRoutine(irp, Finished, event, TRUE, TRUE, TRUE);
    return irp;
}

NTSTATUS FsRtlQueryInformationFile(PFILE_OBJECT FileObject, PVOID FileInformation, ULONG Length,
                                   FILE_INFORMATION_CLASS FileInformationClass, PULONG RetFileInformationSize)
{
    API_IRQL(FsRtlQueryInformationFile);
    KEVENT event;
    IO_STATUS_BLOCK result = {0};
    PDEVICE_OBJECT device;
    PIRP irp = BeginRequest(FileObject, IRP_MJ_QUERY_INFORMATION, &event, &result, &device);
    if (!irp)
        return STATUS_INSUFFICIENT_RESOURCES;
    PIO_STACK_LOCATION stack = IoGetNextIrpStackLocation(irp);
    stack->Parameters.QueryFile.Length = Length;
    stack->Parameters.QueryFile.FileInformationClass = FileInformationClass;
    irp->AssociatedIrp.SystemBuffer = FileInformation;
    NTSTATUS status = SendAndWait(irp, device, &event, &result);
    *RetFileInformationSize = (ULONG)result.Information;
    return status;
}

NTSTATUS FsRtlGetFileSize(PFILE_OBJECT FileObject, PLARGE_INTEGER FileSize)
{
    API_IRQL(FsRtlGetFileSize);
    FILE_STANDARD_INFORMATION standard;
    IO_STATUS_BLOCK result;
    PDEVICE_OBJECT device = IoGetRelatedDeviceObject(FileObject);
    PFAST_IO_DISPATCH fast = device->DriverObject->FastIoDispatch;
    NTSTATUS status;
    ULONG length;
    FileSize->QuadPart = 0;
    if (fast && fast->FastIoQueryStandardInfo &&
        fast->FastIoQueryStandardInfo(FileObject, TRUE, &standard, &result, device))
        status = result.Status;
    else
        status = FsRtlQueryInformationFile(FileObject, &standard, sizeof standard, FileStandardInformation, &length);
    if (!NT_SUCCESS(status))
        return status;
    if (standard.Directory)
        return STATUS_FILE_IS_A_DIRECTORY;
    *FileSize = standard.EndOfFile;
    return STATUS_SUCCESS;
}

NTSTATUS FsRtlKernelFsControlFile(PFILE_OBJECT FileObject, ULONG FsControlCode, PVOID InputBuffer,
                                  ULONG InputBufferLength, PVOID OutputBuffer, ULONG OutputBufferLength,
                                  PULONG RetOutputBufferSize)
{
    API_IRQL(FsRtlKernelFsControlFile);
    KEVENT event;
    IO_STATUS_BLOCK result = {0};
    PDEVICE_OBJECT device;
    *RetOutputBufferSize = 0;
    if ((FsControlCode & 3) != METHOD_BUFFERED)
        return STATUS_INVALID_PARAMETER;
    ULONG room = InputBufferLength > OutputBufferLength ? InputBufferLength : OutputBufferLength;
    PVOID buffer = room ? ExAllocatePoolWithTag(NonPagedPool, room, 'cfSF') : NULL;
    PIRP irp = room && !buffer ? NULL
                               : BeginRequest(FileObject, IRP_MJ_FILE_SYSTEM_CONTROL, &event, &result, &device);
    if (!irp) {
        if (buffer)
            ExFreePoolWithTag(buffer, 'cfSF');
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    if (InputBufferLength)
        memcpy(buffer, InputBuffer, InputBufferLength);
    PIO_STACK_LOCATION stack = IoGetNextIrpStackLocation(irp);
    stack->MinorFunction = IRP_MN_KERNEL_CALL;
    stack->Parameters.FileSystemControl.FsControlCode = FsControlCode;
    stack->Parameters.FileSystemControl.InputBufferLength = InputBufferLength;
    stack->Parameters.FileSystemControl.OutputBufferLength = OutputBufferLength;
    irp->AssociatedIrp.SystemBuffer = buffer;
    NTSTATUS status = SendAndWait(irp, device, &event, &result);
    if (!NT_ERROR(status) && result.Information <= OutputBufferLength) {
        if (result.Information)
            memcpy(OutputBuffer, buffer, result.Information);
        *RetOutputBufferSize = (ULONG)result.Information;
    }
    if (buffer)
        ExFreePoolWithTag(buffer, 'cfSF');
    return status;
}

NTSTATUS FsRtlQueryKernelEaFile(PFILE_OBJECT FileObject, PVOID ReturnedEaData, ULONG Length, BOOLEAN ReturnSingleEntry,
                                PVOID EaList, ULONG EaListLength, PULONG EaIndex, BOOLEAN RestartScan,
                                PULONG LengthReturned)
{
    API_IRQL(FsRtlQueryKernelEaFile);
    KEVENT event;
    IO_STATUS_BLOCK result = {0};
    PDEVICE_OBJECT device;
    if (FileObject->Flags & FO_DIRECT_DEVICE_OPEN)
        return STATUS_INVALID_DEVICE_REQUEST;
    PIRP irp = BeginRequest(FileObject, IRP_MJ_QUERY_EA, &event, &result, &device);
    if (!irp)
        return STATUS_INSUFFICIENT_RESOURCES;
    PIO_STACK_LOCATION stack = IoGetNextIrpStackLocation(irp);
    stack->Parameters.QueryEa.Length = Length;
    stack->Parameters.QueryEa.EaList = EaList;
    stack->Parameters.QueryEa.EaListLength = EaListLength;
    stack->Parameters.QueryEa.EaIndex = EaIndex ? *EaIndex : 0;
    stack->Flags = (RestartScan ? SL_RESTART_SCAN : 0) | (ReturnSingleEntry ? SL_RETURN_SINGLE_ENTRY : 0) |
                   (EaIndex ? SL_INDEX_SPECIFIED : 0);
    irp->AssociatedIrp.SystemBuffer = ReturnedEaData;
    irp->UserBuffer = ReturnedEaData;
    NTSTATUS status = SendAndWait(irp, device, &event, &result);
    if (LengthReturned)
        *LengthReturned = (ULONG)result.Information;
    return status;
}

NTSTATUS FsRtlSetKernelEaFile(PFILE_OBJECT FileObject, PVOID EaBuffer, ULONG Length)
{
    API_IRQL(FsRtlSetKernelEaFile);
    KEVENT event;
    IO_STATUS_BLOCK result = {0};
    PDEVICE_OBJECT device;
    if (FileObject->Flags & FO_DIRECT_DEVICE_OPEN)
        return STATUS_INVALID_DEVICE_REQUEST;
    PIRP irp = BeginRequest(FileObject, IRP_MJ_SET_EA, &event, &result, &device);
    if (!irp)
        return STATUS_INSUFFICIENT_RESOURCES;
    IoGetNextIrpStackLocation(irp)->MinorFunction = IRP_MN_KERNEL_CALL; /* or a file system ignores kernel EAs */
    IoGetNextIrpStackLocation(irp)->Parameters.SetEa.Length = Length;
    irp->AssociatedIrp.SystemBuffer = EaBuffer;
    irp->UserBuffer = EaBuffer;
    return SendAndWait(irp, device, &event, &result);
}
