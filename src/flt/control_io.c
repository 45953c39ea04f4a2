/* Control codes that filters send, and the reparse points that are set with them. */
#include "flt/core.h"

#include "verify/api.h"

/* ---- FltFsControlFile, FltDeviceIoControlFile ---- */

static NTSTATUS MakeMdl(PVOID Buffer, ULONG Length, LOCK_OPERATION Access, PMDL *Mdl)
{
    volatile NTSTATUS status = STATUS_SUCCESS;

    *Mdl = NULL;
    if (!Buffer || !Length)
        return status;
    *Mdl = IoAllocateMdl(Buffer, Length, FALSE, FALSE, NULL);
    if (!*Mdl)
        return STATUS_INSUFFICIENT_RESOURCES;
    __try {
        MmProbeAndLockPages(*Mdl, KernelMode, Access);
    } __except (EXCEPTION_EXECUTE_HANDLER) {
        status = GetExceptionCode();
    }
    if (!NT_SUCCESS(status)) {
        IoFreeMdl(*Mdl);
        *Mdl = NULL;
    }
    return status;
}

struct control {
    UCHAR Major;
    ULONG Code;
    PVOID Input;
    ULONG InputLength;
    PVOID Output;
    ULONG OutputLength;
    PULONG Returned;
};

static NTSTATUS Buffered(PIRP_CTRL Op, const struct control *C)
{
    ULONG size = C->InputLength > C->OutputLength ? C->InputLength : C->OutputLength;
    PVOID buffer = size ? ExAllocatePoolWithTag(NonPagedPoolNx, size, 'cIlF') : NULL;

    if (size && !buffer)
        return Op->Data.IoStatus.Status = STATUS_INSUFFICIENT_RESOURCES;
    if (buffer) {
        RtlZeroMemory(buffer, size);
        if (C->InputLength)
            RtlCopyMemory(buffer, C->Input, C->InputLength);
    }
    Op->Iopb.IrpFlags = IRP_BUFFERED_IO | IRP_SYNCHRONOUS_API | (C->OutputLength ? IRP_INPUT_OPERATION : 0);
    Op->Iopb.Parameters.DeviceIoControl.Buffered.SystemBuffer = buffer;
    NTSTATUS status = FltpPerform(Op);
    if (!NT_ERROR(status) && C->Output) {
        ULONG_PTR length = Op->Data.IoStatus.Information;
        RtlCopyMemory(C->Output, buffer, length < C->OutputLength ? length : C->OutputLength);
    }
    if (buffer)
        ExFreePoolWithTag(buffer, 'cIlF');
    return status;
}

static NTSTATUS Direct(PIRP_CTRL Op, const struct control *C)
{
    LOCK_OPERATION access = METHOD_FROM_CTL_CODE(C->Code) == METHOD_IN_DIRECT ? IoReadAccess : IoWriteAccess;
    PMDL mdl;
    NTSTATUS status = MakeMdl(C->Output, C->OutputLength, access, &mdl);
    if (!NT_SUCCESS(status))
        return status;
    Op->Iopb.IrpFlags = IRP_SYNCHRONOUS_API;
    Op->Iopb.Parameters.DeviceIoControl.Direct.InputSystemBuffer = C->Input;
    Op->Iopb.Parameters.DeviceIoControl.Direct.OutputBuffer = C->Output;
    Op->Iopb.Parameters.DeviceIoControl.Direct.OutputMdlAddress = mdl;
    status = FltpPerform(Op);
    if (mdl) {
        MmUnlockPages(mdl);
        IoFreeMdl(mdl);
    }
    return status;
}

static NTSTATUS Control(PFLT_INSTANCE Instance, PFILE_OBJECT FileObject, const struct control *C)
{
    PIRP_CTRL op = FltpNewGenerated(Instance, FileObject, C->Major);
    NTSTATUS status;

    if (C->Major == IRP_MJ_FILE_SYSTEM_CONTROL)
        op->Iopb.MinorFunction = IRP_MN_USER_FS_REQUEST;
    op->Iopb.Parameters.DeviceIoControl.Common.OutputBufferLength = C->OutputLength;
    op->Iopb.Parameters.DeviceIoControl.Common.InputBufferLength = C->InputLength;
    op->Iopb.Parameters.DeviceIoControl.Common.IoControlCode = C->Code;
    switch (METHOD_FROM_CTL_CODE(C->Code)) {
    case METHOD_BUFFERED:
        status = Buffered(op, C);
        break;
    case METHOD_NEITHER:
        op->Iopb.IrpFlags = IRP_SYNCHRONOUS_API;
        op->Iopb.Parameters.DeviceIoControl.Neither.InputBuffer = C->Input;
        op->Iopb.Parameters.DeviceIoControl.Neither.OutputBuffer = C->Output;
        status = FltpPerform(op);
        break;
    default:
        status = Direct(op, C);
    }
    if (C->Returned)
        *C->Returned = NT_ERROR(status) ? 0 : (ULONG)op->Data.IoStatus.Information;
    FltpFreeGenerated(op);
    return status;
}

NTSTATUS FltFsControlFile(PFLT_INSTANCE Instance, PFILE_OBJECT FileObject, ULONG FsControlCode, PVOID InputBuffer,
                          ULONG InputBufferLength, PVOID OutputBuffer, ULONG OutputBufferLength, PULONG LengthReturned)
{
    API_ENTER(FltFsControlFile, FileObject, SCHED_WRITE);
    FltpCheckTarget(Instance, FileObject, "FltFsControlFile", VERIFY_CALLER);
    CALL_DOWN(FltFsControlFile, IRP_MJ_FILE_SYSTEM_CONTROL, FileObject);
    struct control c = {IRP_MJ_FILE_SYSTEM_CONTROL, FsControlCode, InputBuffer,   InputBufferLength,
                        OutputBuffer,               OutputBufferLength, LengthReturned};
    return Control(Instance, FileObject, &c);
}

NTSTATUS FltDeviceIoControlFile(PFLT_INSTANCE Instance, PFILE_OBJECT FileObject, ULONG IoControlCode, PVOID InputBuffer,
                                ULONG InputBufferLength, PVOID OutputBuffer, ULONG OutputBufferLength,
                                PULONG LengthReturned)
{
    API_ENTER(FltDeviceIoControlFile, FileObject, SCHED_WRITE);
    FltpCheckTarget(Instance, FileObject, "FltDeviceIoControlFile", VERIFY_CALLER);
    CALL_DOWN(FltDeviceIoControlFile, IRP_MJ_DEVICE_CONTROL, FileObject);
    struct control c = {IRP_MJ_DEVICE_CONTROL, IoControlCode,      InputBuffer,   InputBufferLength,
                        OutputBuffer,          OutputBufferLength, LengthReturned};
    return Control(Instance, FileObject, &c);
}
