/* Between an IRP's stack location and FLT_PARAMETERS. */
#include "flt/core.h"

/* ---- from the IRP ---- */

static void ControlFromIrp(FLT_PARAMETERS *P, PIRP Irp, const IO_STACK_LOCATION *Stack)
{
    P->DeviceIoControl.Common.OutputBufferLength = Stack->Parameters.DeviceIoControl.OutputBufferLength;
    P->DeviceIoControl.Common.InputBufferLength = Stack->Parameters.DeviceIoControl.InputBufferLength;
    P->DeviceIoControl.Common.IoControlCode = Stack->Parameters.DeviceIoControl.IoControlCode;
    switch (METHOD_FROM_CTL_CODE(Stack->Parameters.DeviceIoControl.IoControlCode)) {
    case METHOD_BUFFERED:
        P->DeviceIoControl.Buffered.SystemBuffer = Irp->AssociatedIrp.SystemBuffer;
        break;
    case METHOD_NEITHER:
        P->DeviceIoControl.Neither.InputBuffer = Stack->Parameters.DeviceIoControl.Type3InputBuffer;
        P->DeviceIoControl.Neither.OutputBuffer = Irp->UserBuffer;
        P->DeviceIoControl.Neither.OutputMdlAddress = Irp->MdlAddress;
        break;
    default:
        P->DeviceIoControl.Direct.InputSystemBuffer = Irp->AssociatedIrp.SystemBuffer;
        P->DeviceIoControl.Direct.OutputBuffer = Irp->UserBuffer;
        P->DeviceIoControl.Direct.OutputMdlAddress = Irp->MdlAddress;
    }
}

static void FsControlFromIrp(FLT_PARAMETERS *P, PIRP Irp, const IO_STACK_LOCATION *Stack)
{
    if (Stack->MinorFunction == IRP_MN_VERIFY_VOLUME || Stack->MinorFunction == IRP_MN_MOUNT_VOLUME) {
        P->FileSystemControl.VerifyVolume.Vpb = Stack->Parameters.VerifyVolume.Vpb;
        P->FileSystemControl.VerifyVolume.DeviceObject = Stack->Parameters.VerifyVolume.DeviceObject;
        return;
    }
    ControlFromIrp(P, Irp, Stack); /* the two have the same layout */
}

static void DirectoryFromIrp(FLT_PARAMETERS *P, PVOID Buffer, PMDL Mdl, const IO_STACK_LOCATION *Stack)
{
    if (Stack->MinorFunction == IRP_MN_QUERY_DIRECTORY) {
        P->DirectoryControl.QueryDirectory.Length = Stack->Parameters.QueryDirectory.Length;
        P->DirectoryControl.QueryDirectory.FileName = Stack->Parameters.QueryDirectory.FileName;
        P->DirectoryControl.QueryDirectory.FileInformationClass = Stack->Parameters.QueryDirectory.FileInformationClass;
        P->DirectoryControl.QueryDirectory.FileIndex = Stack->Parameters.QueryDirectory.FileIndex;
        P->DirectoryControl.QueryDirectory.DirectoryBuffer = Buffer;
        P->DirectoryControl.QueryDirectory.MdlAddress = Mdl;
        return;
    }
    P->DirectoryControl.NotifyDirectoryEx.Length = Stack->Parameters.NotifyDirectory.Length;
    P->DirectoryControl.NotifyDirectoryEx.CompletionFilter = Stack->Parameters.NotifyDirectory.CompletionFilter;
    if (Stack->MinorFunction == IRP_MN_NOTIFY_CHANGE_DIRECTORY_EX)
        P->DirectoryControl.NotifyDirectoryEx.DirectoryNotifyInformationClass =
            Stack->Parameters.NotifyDirectoryEx.DirectoryNotifyInformationClass;
    P->DirectoryControl.NotifyDirectoryEx.DirectoryBuffer = Buffer;
    P->DirectoryControl.NotifyDirectoryEx.MdlAddress = Mdl;
}

static void CreateFromIrp(FLT_PARAMETERS *P, PIRP Irp, const IO_STACK_LOCATION *Stack)
{
    P->Create.SecurityContext = Stack->Parameters.Create.SecurityContext;
    P->Create.Options = Stack->Parameters.Create.Options;
    P->Create.FileAttributes = Stack->Parameters.Create.FileAttributes;
    P->Create.ShareAccess = Stack->Parameters.Create.ShareAccess;
    if (Stack->MajorFunction != IRP_MJ_CREATE) {
        P->CreatePipe.Parameters = Stack->Parameters.CreatePipe.Parameters;
        return;
    }
    P->Create.EaLength = Stack->Parameters.Create.EaLength;
    P->Create.EaBuffer = Irp->AssociatedIrp.SystemBuffer;
    P->Create.AllocationSize = Irp->Overlay.AllocationSize;
}

static void SetFileFromIrp(FLT_PARAMETERS *P, PIRP Irp, const IO_STACK_LOCATION *Stack)
{
    P->SetFileInformation.Length = Stack->Parameters.SetFile.Length;
    P->SetFileInformation.FileInformationClass = Stack->Parameters.SetFile.FileInformationClass;
    P->SetFileInformation.ParentOfTarget = Stack->Parameters.SetFile.FileObject;
    P->SetFileInformation.DeleteHandle = Stack->Parameters.SetFile.DeleteHandle;
    P->SetFileInformation.InfoBuffer = Irp->AssociatedIrp.SystemBuffer;
}

static void EaFromIrp(FLT_PARAMETERS *P, PVOID Buffer, PMDL Mdl, const IO_STACK_LOCATION *Stack)
{
    if (Stack->MajorFunction == IRP_MJ_SET_EA) {
        P->SetEa.Length = Stack->Parameters.SetEa.Length;
        P->SetEa.EaBuffer = Buffer;
        P->SetEa.MdlAddress = Mdl;
        return;
    }
    P->QueryEa.Length = Stack->Parameters.QueryEa.Length;
    P->QueryEa.EaList = Stack->Parameters.QueryEa.EaList;
    P->QueryEa.EaListLength = Stack->Parameters.QueryEa.EaListLength;
    P->QueryEa.EaIndex = Stack->Parameters.QueryEa.EaIndex;
    P->QueryEa.EaBuffer = Buffer;
    P->QueryEa.MdlAddress = Mdl;
}

static void QuotaFromIrp(FLT_PARAMETERS *P, PVOID Buffer, PMDL Mdl, const IO_STACK_LOCATION *Stack)
{
    if (Stack->MajorFunction == IRP_MJ_SET_QUOTA) {
        P->SetQuota.Length = Stack->Parameters.SetQuota.Length;
        P->SetQuota.QuotaBuffer = Buffer;
        P->SetQuota.MdlAddress = Mdl;
        return;
    }
    P->QueryQuota.Length = Stack->Parameters.QueryQuota.Length;
    P->QueryQuota.StartSid = Stack->Parameters.QueryQuota.StartSid;
    P->QueryQuota.SidList = Stack->Parameters.QueryQuota.SidList;
    P->QueryQuota.SidListLength = Stack->Parameters.QueryQuota.SidListLength;
    P->QueryQuota.QuotaBuffer = Buffer;
    P->QueryQuota.MdlAddress = Mdl;
}

static void SecurityFromIrp(FLT_PARAMETERS *P, PIRP Irp, const IO_STACK_LOCATION *Stack)
{
    if (Stack->MajorFunction == IRP_MJ_SET_SECURITY) {
        P->SetSecurity.SecurityInformation = Stack->Parameters.SetSecurity.SecurityInformation;
        P->SetSecurity.SecurityDescriptor = Stack->Parameters.SetSecurity.SecurityDescriptor;
        return;
    }
    P->QuerySecurity.SecurityInformation = Stack->Parameters.QuerySecurity.SecurityInformation;
    P->QuerySecurity.Length = Stack->Parameters.QuerySecurity.Length;
    P->QuerySecurity.SecurityBuffer = Irp->UserBuffer;
    P->QuerySecurity.MdlAddress = Irp->MdlAddress;
}

void FltpParametersFromIrp(PIRP_CTRL Op, PIRP Irp, const IO_STACK_LOCATION *Stack)
{
    FLT_PARAMETERS *p = &Op->Iopb.Parameters;
    PVOID buffer = Irp->AssociatedIrp.SystemBuffer ? Irp->AssociatedIrp.SystemBuffer : Irp->UserBuffer;

    Op->Iopb.IrpFlags = Irp->Flags;
    Op->Iopb.MajorFunction = Stack->MajorFunction;
    Op->Iopb.MinorFunction = Stack->MinorFunction;
    Op->Iopb.OperationFlags = Stack->Flags;
    Op->Iopb.TargetFileObject = Stack->FileObject;
    switch (Stack->MajorFunction) {
    case IRP_MJ_READ:
    case IRP_MJ_WRITE: /* Read and Write have the same layout, here and there */
        p->Read.Length = Stack->Parameters.Read.Length;
        p->Read.Key = Stack->Parameters.Read.Key;
        p->Read.ByteOffset = Stack->Parameters.Read.ByteOffset;
        p->Read.ReadBuffer = buffer;
        p->Read.MdlAddress = Irp->MdlAddress;
        return;
    case IRP_MJ_CREATE:
    case IRP_MJ_CREATE_NAMED_PIPE:
    case IRP_MJ_CREATE_MAILSLOT:
        return CreateFromIrp(p, Irp, Stack);
    case IRP_MJ_QUERY_INFORMATION:
    case IRP_MJ_QUERY_VOLUME_INFORMATION:
    case IRP_MJ_SET_VOLUME_INFORMATION: /* all three: length, class, buffer */
        p->QueryFileInformation.Length = Stack->Parameters.QueryFile.Length;
        p->QueryFileInformation.FileInformationClass = Stack->Parameters.QueryFile.FileInformationClass;
        p->QueryFileInformation.InfoBuffer = Irp->AssociatedIrp.SystemBuffer;
        return;
    case IRP_MJ_SET_INFORMATION:
        return SetFileFromIrp(p, Irp, Stack);
    case IRP_MJ_QUERY_EA:
    case IRP_MJ_SET_EA:
        return EaFromIrp(p, buffer, Irp->MdlAddress, Stack);
    case IRP_MJ_QUERY_QUOTA:
    case IRP_MJ_SET_QUOTA:
        return QuotaFromIrp(p, buffer, Irp->MdlAddress, Stack);
    case IRP_MJ_DIRECTORY_CONTROL:
        return DirectoryFromIrp(p, buffer, Irp->MdlAddress, Stack);
    case IRP_MJ_FILE_SYSTEM_CONTROL:
        return FsControlFromIrp(p, Irp, Stack);
    case IRP_MJ_DEVICE_CONTROL:
    case IRP_MJ_INTERNAL_DEVICE_CONTROL:
        return ControlFromIrp(p, Irp, Stack);
    case IRP_MJ_LOCK_CONTROL:
        p->LockControl.Length = Stack->Parameters.LockControl.Length;
        p->LockControl.Key = Stack->Parameters.LockControl.Key;
        p->LockControl.ByteOffset = Stack->Parameters.LockControl.ByteOffset;
        return;
    case IRP_MJ_QUERY_SECURITY:
    case IRP_MJ_SET_SECURITY:
        return SecurityFromIrp(p, Irp, Stack);
    default:
        p->Others.Argument1 = Stack->Parameters.Others.Argument1;
        p->Others.Argument2 = Stack->Parameters.Others.Argument2;
        p->Others.Argument3 = Stack->Parameters.Others.Argument3;
        p->Others.Argument4 = Stack->Parameters.Others.Argument4;
    }
}

/* ---- to the IRP ---- */

static void PutBuffer(PIRP Irp, PVOID Buffer, PMDL Mdl)
{
    if (Irp->Flags & IRP_BUFFERED_IO)
        Irp->AssociatedIrp.SystemBuffer = Buffer;
    else
        Irp->UserBuffer = Buffer;
    Irp->MdlAddress = Mdl;
}

static void ControlToIrp(const FLT_PARAMETERS *P, PIRP Irp, PIO_STACK_LOCATION Stack)
{
    Stack->Parameters.DeviceIoControl.OutputBufferLength = P->DeviceIoControl.Common.OutputBufferLength;
    Stack->Parameters.DeviceIoControl.InputBufferLength = P->DeviceIoControl.Common.InputBufferLength;
    Stack->Parameters.DeviceIoControl.IoControlCode = P->DeviceIoControl.Common.IoControlCode;
    switch (METHOD_FROM_CTL_CODE(P->DeviceIoControl.Common.IoControlCode)) {
    case METHOD_BUFFERED:
        Irp->AssociatedIrp.SystemBuffer = P->DeviceIoControl.Buffered.SystemBuffer;
        break;
    case METHOD_NEITHER:
        Stack->Parameters.DeviceIoControl.Type3InputBuffer = P->DeviceIoControl.Neither.InputBuffer;
        Irp->UserBuffer = P->DeviceIoControl.Neither.OutputBuffer;
        Irp->MdlAddress = P->DeviceIoControl.Neither.OutputMdlAddress;
        break;
    default:
        Irp->AssociatedIrp.SystemBuffer = P->DeviceIoControl.Direct.InputSystemBuffer;
        Irp->UserBuffer = P->DeviceIoControl.Direct.OutputBuffer;
        Irp->MdlAddress = P->DeviceIoControl.Direct.OutputMdlAddress;
    }
}

static void FsControlToIrp(const FLT_PARAMETERS *P, PIRP Irp, PIO_STACK_LOCATION Stack)
{
    if (Stack->MinorFunction == IRP_MN_VERIFY_VOLUME || Stack->MinorFunction == IRP_MN_MOUNT_VOLUME) {
        Stack->Parameters.VerifyVolume.Vpb = P->FileSystemControl.VerifyVolume.Vpb;
        Stack->Parameters.VerifyVolume.DeviceObject = P->FileSystemControl.VerifyVolume.DeviceObject;
        return;
    }
    ControlToIrp(P, Irp, Stack);
}

static void DirectoryToIrp(const FLT_PARAMETERS *P, PIRP Irp, PIO_STACK_LOCATION Stack)
{
    if (Stack->MinorFunction == IRP_MN_QUERY_DIRECTORY) {
        Stack->Parameters.QueryDirectory.Length = P->DirectoryControl.QueryDirectory.Length;
        Stack->Parameters.QueryDirectory.FileName = P->DirectoryControl.QueryDirectory.FileName;
        Stack->Parameters.QueryDirectory.FileInformationClass = P->DirectoryControl.QueryDirectory.FileInformationClass;
        Stack->Parameters.QueryDirectory.FileIndex = P->DirectoryControl.QueryDirectory.FileIndex;
    } else {
        Stack->Parameters.NotifyDirectory.Length = P->DirectoryControl.NotifyDirectory.Length;
        Stack->Parameters.NotifyDirectory.CompletionFilter = P->DirectoryControl.NotifyDirectory.CompletionFilter;
        if (Stack->MinorFunction == IRP_MN_NOTIFY_CHANGE_DIRECTORY_EX)
            Stack->Parameters.NotifyDirectoryEx.DirectoryNotifyInformationClass =
                P->DirectoryControl.NotifyDirectoryEx.DirectoryNotifyInformationClass;
    }
    /* QueryDirectory and NotifyDirectory keep the two at the same place */
    PutBuffer(Irp, P->DirectoryControl.QueryDirectory.DirectoryBuffer, P->DirectoryControl.QueryDirectory.MdlAddress);
}

static void CreateToIrp(const FLT_PARAMETERS *P, PIRP Irp, PIO_STACK_LOCATION Stack)
{
    Stack->Parameters.Create.SecurityContext = P->Create.SecurityContext;
    Stack->Parameters.Create.Options = P->Create.Options;
    Stack->Parameters.Create.FileAttributes = P->Create.FileAttributes;
    Stack->Parameters.Create.ShareAccess = P->Create.ShareAccess;
    if (Stack->MajorFunction != IRP_MJ_CREATE) {
        Stack->Parameters.CreatePipe.Parameters = P->CreatePipe.Parameters;
        return;
    }
    Stack->Parameters.Create.EaLength = P->Create.EaLength;
    Irp->AssociatedIrp.SystemBuffer = P->Create.EaBuffer;
    Irp->Overlay.AllocationSize = P->Create.AllocationSize;
}

static void EaToIrp(const FLT_PARAMETERS *P, PIRP Irp, PIO_STACK_LOCATION Stack)
{
    if (Stack->MajorFunction == IRP_MJ_SET_EA) {
        Stack->Parameters.SetEa.Length = P->SetEa.Length;
        PutBuffer(Irp, P->SetEa.EaBuffer, P->SetEa.MdlAddress);
        return;
    }
    Stack->Parameters.QueryEa.Length = P->QueryEa.Length;
    Stack->Parameters.QueryEa.EaList = P->QueryEa.EaList;
    Stack->Parameters.QueryEa.EaListLength = P->QueryEa.EaListLength;
    Stack->Parameters.QueryEa.EaIndex = P->QueryEa.EaIndex;
    PutBuffer(Irp, P->QueryEa.EaBuffer, P->QueryEa.MdlAddress);
}

static void QuotaToIrp(const FLT_PARAMETERS *P, PIRP Irp, PIO_STACK_LOCATION Stack)
{
    if (Stack->MajorFunction == IRP_MJ_SET_QUOTA) {
        Stack->Parameters.SetQuota.Length = P->SetQuota.Length;
        PutBuffer(Irp, P->SetQuota.QuotaBuffer, P->SetQuota.MdlAddress);
        return;
    }
    Stack->Parameters.QueryQuota.Length = P->QueryQuota.Length;
    Stack->Parameters.QueryQuota.StartSid = P->QueryQuota.StartSid;
    Stack->Parameters.QueryQuota.SidList = P->QueryQuota.SidList;
    Stack->Parameters.QueryQuota.SidListLength = P->QueryQuota.SidListLength;
    PutBuffer(Irp, P->QueryQuota.QuotaBuffer, P->QueryQuota.MdlAddress);
}

static void SecurityToIrp(const FLT_PARAMETERS *P, PIRP Irp, PIO_STACK_LOCATION Stack)
{
    if (Stack->MajorFunction == IRP_MJ_SET_SECURITY) {
        Stack->Parameters.SetSecurity.SecurityInformation = P->SetSecurity.SecurityInformation;
        Stack->Parameters.SetSecurity.SecurityDescriptor = P->SetSecurity.SecurityDescriptor;
        return;
    }
    Stack->Parameters.QuerySecurity.SecurityInformation = P->QuerySecurity.SecurityInformation;
    Stack->Parameters.QuerySecurity.Length = P->QuerySecurity.Length;
    Irp->UserBuffer = P->QuerySecurity.SecurityBuffer;
    Irp->MdlAddress = P->QuerySecurity.MdlAddress;
}

static void OperationToIrp(const FLT_PARAMETERS *P, PIRP Irp, PIO_STACK_LOCATION Stack)
{
    switch (Stack->MajorFunction) {
    case IRP_MJ_READ:
    case IRP_MJ_WRITE:
        Stack->Parameters.Read.Length = P->Read.Length;
        Stack->Parameters.Read.Key = P->Read.Key;
        Stack->Parameters.Read.ByteOffset = P->Read.ByteOffset;
        return PutBuffer(Irp, P->Read.ReadBuffer, P->Read.MdlAddress);
    case IRP_MJ_CREATE:
    case IRP_MJ_CREATE_NAMED_PIPE:
    case IRP_MJ_CREATE_MAILSLOT:
        return CreateToIrp(P, Irp, Stack);
    case IRP_MJ_QUERY_INFORMATION:
    case IRP_MJ_QUERY_VOLUME_INFORMATION:
    case IRP_MJ_SET_VOLUME_INFORMATION:
        Stack->Parameters.QueryFile.Length = P->QueryFileInformation.Length;
        Stack->Parameters.QueryFile.FileInformationClass = P->QueryFileInformation.FileInformationClass;
        Irp->AssociatedIrp.SystemBuffer = P->QueryFileInformation.InfoBuffer;
        return;
    case IRP_MJ_SET_INFORMATION:
        Stack->Parameters.SetFile.Length = P->SetFileInformation.Length;
        Stack->Parameters.SetFile.FileInformationClass = P->SetFileInformation.FileInformationClass;
        Stack->Parameters.SetFile.FileObject = P->SetFileInformation.ParentOfTarget;
        Stack->Parameters.SetFile.DeleteHandle = P->SetFileInformation.DeleteHandle;
        Irp->AssociatedIrp.SystemBuffer = P->SetFileInformation.InfoBuffer;
        return;
    case IRP_MJ_QUERY_EA:
    case IRP_MJ_SET_EA:
        return EaToIrp(P, Irp, Stack);
    case IRP_MJ_QUERY_QUOTA:
    case IRP_MJ_SET_QUOTA:
        return QuotaToIrp(P, Irp, Stack);
    case IRP_MJ_DIRECTORY_CONTROL:
        return DirectoryToIrp(P, Irp, Stack);
    case IRP_MJ_FILE_SYSTEM_CONTROL:
        return FsControlToIrp(P, Irp, Stack);
    case IRP_MJ_DEVICE_CONTROL:
    case IRP_MJ_INTERNAL_DEVICE_CONTROL:
        return ControlToIrp(P, Irp, Stack);
    case IRP_MJ_LOCK_CONTROL:
        Stack->Parameters.LockControl.Length = P->LockControl.Length;
        Stack->Parameters.LockControl.Key = P->LockControl.Key;
        Stack->Parameters.LockControl.ByteOffset = P->LockControl.ByteOffset;
        return;
    case IRP_MJ_QUERY_SECURITY:
    case IRP_MJ_SET_SECURITY:
        return SecurityToIrp(P, Irp, Stack);
    default:
        Stack->Parameters.Others.Argument1 = P->Others.Argument1;
        Stack->Parameters.Others.Argument2 = P->Others.Argument2;
        Stack->Parameters.Others.Argument3 = P->Others.Argument3;
        Stack->Parameters.Others.Argument4 = P->Others.Argument4;
    }
}

/* Stack: the next lower location, with the major function already in. */
void FltpParametersToIrp(PIRP_CTRL Op, PIRP Irp, PIO_STACK_LOCATION Stack)
{
    const FLT_IO_PARAMETER_BLOCK *iopb = &Op->Iopb;

    Irp->Flags = (Irp->Flags & ~(ULONG)(IRP_NOCACHE | IRP_PAGING_IO | IRP_SYNCHRONOUS_PAGING_IO | IRP_SYNCHRONOUS_API)) |
                 (iopb->IrpFlags & (IRP_NOCACHE | IRP_PAGING_IO | IRP_SYNCHRONOUS_PAGING_IO | IRP_SYNCHRONOUS_API));
    Stack->MinorFunction = iopb->MinorFunction;
    Stack->Flags = iopb->OperationFlags;
    Stack->FileObject = iopb->TargetFileObject;
    OperationToIrp(&iopb->Parameters, Irp, Stack);
    Op->SentMdl = Irp->MdlAddress;
    Op->Flags |= FLTP_OP_SENT;
}

/* ---- where the buffer is ---- */

static bool ControlBuffer(FLT_PARAMETERS *P, struct flt_buffer *B)
{
    switch (METHOD_FROM_CTL_CODE(P->DeviceIoControl.Common.IoControlCode)) {
    case METHOD_BUFFERED:
        *B = (struct flt_buffer){&P->DeviceIoControl.Buffered.SystemBuffer, NULL,
                                 &P->DeviceIoControl.Common.OutputBufferLength, IoWriteAccess};
        return true;
    case METHOD_NEITHER:
        *B = (struct flt_buffer){&P->DeviceIoControl.Neither.OutputBuffer, &P->DeviceIoControl.Neither.OutputMdlAddress,
                                 &P->DeviceIoControl.Common.OutputBufferLength, IoWriteAccess};
        return true;
    default:
        *B = (struct flt_buffer){&P->DeviceIoControl.Direct.OutputBuffer, &P->DeviceIoControl.Direct.OutputMdlAddress,
                                 &P->DeviceIoControl.Common.OutputBufferLength, IoWriteAccess};
        if (METHOD_FROM_CTL_CODE(P->DeviceIoControl.Common.IoControlCode) == METHOD_IN_DIRECT)
            B->Access = IoReadAccess;
        return true;
    }
}

bool FltpBufferOf(PFLT_IO_PARAMETER_BLOCK Iopb, struct flt_buffer *B)
{
    FLT_PARAMETERS *p = &Iopb->Parameters;

    switch (Iopb->MajorFunction) {
    case IRP_MJ_READ:
        *B = (struct flt_buffer){&p->Read.ReadBuffer, &p->Read.MdlAddress, &p->Read.Length, IoWriteAccess};
        return true;
    case IRP_MJ_WRITE:
        *B = (struct flt_buffer){&p->Write.WriteBuffer, &p->Write.MdlAddress, &p->Write.Length, IoReadAccess};
        return true;
    case IRP_MJ_QUERY_INFORMATION:
    case IRP_MJ_QUERY_VOLUME_INFORMATION:
        *B = (struct flt_buffer){&p->QueryFileInformation.InfoBuffer, NULL, &p->QueryFileInformation.Length, IoWriteAccess};
        return true;
    case IRP_MJ_SET_VOLUME_INFORMATION:
        *B = (struct flt_buffer){&p->SetVolumeInformation.VolumeBuffer, NULL, &p->SetVolumeInformation.Length, IoReadAccess};
        return true;
    case IRP_MJ_SET_INFORMATION:
        *B = (struct flt_buffer){&p->SetFileInformation.InfoBuffer, NULL, &p->SetFileInformation.Length, IoReadAccess};
        return true;
    case IRP_MJ_QUERY_EA:
        *B = (struct flt_buffer){&p->QueryEa.EaBuffer, &p->QueryEa.MdlAddress, &p->QueryEa.Length, IoWriteAccess};
        return true;
    case IRP_MJ_SET_EA:
        *B = (struct flt_buffer){&p->SetEa.EaBuffer, &p->SetEa.MdlAddress, &p->SetEa.Length, IoReadAccess};
        return true;
    case IRP_MJ_DIRECTORY_CONTROL: /* both kinds keep the three at the same places */
        *B = (struct flt_buffer){&p->DirectoryControl.QueryDirectory.DirectoryBuffer,
                                 &p->DirectoryControl.QueryDirectory.MdlAddress,
                                 &p->DirectoryControl.QueryDirectory.Length, IoWriteAccess};
        return true;
    case IRP_MJ_QUERY_SECURITY:
        *B = (struct flt_buffer){&p->QuerySecurity.SecurityBuffer, &p->QuerySecurity.MdlAddress, &p->QuerySecurity.Length,
                                 IoWriteAccess};
        return true;
    case IRP_MJ_QUERY_QUOTA:
        *B = (struct flt_buffer){&p->QueryQuota.QuotaBuffer, &p->QueryQuota.MdlAddress, &p->QueryQuota.Length,
                                 IoWriteAccess};
        return true;
    case IRP_MJ_SET_QUOTA:
        *B = (struct flt_buffer){&p->SetQuota.QuotaBuffer, &p->SetQuota.MdlAddress, &p->SetQuota.Length, IoReadAccess};
        return true;
    case IRP_MJ_FILE_SYSTEM_CONTROL:
        if (Iopb->MinorFunction != IRP_MN_USER_FS_REQUEST && Iopb->MinorFunction != IRP_MN_KERNEL_CALL)
            return false;
        return ControlBuffer(p, B);
    case IRP_MJ_DEVICE_CONTROL:
    case IRP_MJ_INTERNAL_DEVICE_CONTROL:
        return ControlBuffer(p, B);
    default:
        return false;
    }
}
