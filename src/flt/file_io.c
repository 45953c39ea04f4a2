/* FltReadFile and its kin: one routine an operation, all made of FltpNewGenerated and FltpPerform. */
#include "flt/core.h"

#include "ke/thread.h"
#include "se/sep.h"
#include "verify/api.h"

enum { BUFFERED = IRP_BUFFERED_IO | IRP_SYNCHRONOUS_API, DIRECT = IRP_SYNCHRONOUS_API };

static NTSTATUS Finish(PIRP_CTRL Op, PULONG Length)
{
    NTSTATUS status = FltpPerform(Op);
    if (Length)
        *Length = NT_ERROR(status) ? 0 : (ULONG)Op->Data.IoStatus.Information;
    FltpFreeGenerated(Op);
    return status;
}

/* ---- read and write ---- */

/* Where the transfer begins: the offset given, or the file object's position. */
static NTSTATUS Position(PFILE_OBJECT FileObject, PLARGE_INTEGER ByteOffset, PLARGE_INTEGER Start, bool *AtPosition)
{
    bool synchronous = FileObject->Flags & FO_SYNCHRONOUS_IO;
    bool current = !ByteOffset || (ByteOffset->LowPart == FILE_USE_FILE_POINTER_POSITION && ByteOffset->HighPart == -1);

    *AtPosition = current;
    if (current && !synchronous)
        return STATUS_INVALID_PARAMETER;
    *Start = current ? FileObject->CurrentByteOffset : *ByteOffset;
    return STATUS_SUCCESS;
}

static ULONG TransferFlags(PFILE_OBJECT FileObject, FLT_IO_OPERATION_FLAGS Flags, bool Wait)
{
    ULONG irp = Wait ? IRP_SYNCHRONOUS_API : 0;
    if (Flags & FLTFL_IO_OPERATION_NON_CACHED || FileObject->Flags & FO_NO_INTERMEDIATE_BUFFERING)
        irp |= IRP_NOCACHE;
    if (Flags & FLTFL_IO_OPERATION_PAGING)
        irp |= IRP_PAGING_IO | IRP_NOCACHE;
    if (Flags & FLTFL_IO_OPERATION_SYNCHRONOUS_PAGING)
        irp |= IRP_SYNCHRONOUS_PAGING_IO;
    return irp;
}

struct transfer {
    PFLT_INSTANCE Instance;
    PFILE_OBJECT FileObject;
    PLARGE_INTEGER ByteOffset;
    ULONG Length;
    PVOID Buffer;
    FLT_IO_OPERATION_FLAGS Flags;
    PULONG Done;
    PFLT_COMPLETED_ASYNC_IO_CALLBACK Callback;
    PVOID Context;
    PULONG Key;
    PMDL Mdl;
    UCHAR Major;
    const char *Routine;
    const void *Site;
};

static NTSTATUS Transfer(const struct transfer *T)
{
    LARGE_INTEGER start, before = T->FileObject->CurrentByteOffset;
    bool position;

    if (T->Done)
        *T->Done = 0;
    NTSTATUS status = Position(T->FileObject, T->ByteOffset, &start, &position);
    if (!NT_SUCCESS(status))
        return status;
    if (!T->Callback)
        FltpCheckApcs(T->Routine, T->Site);
    PIRP_CTRL op = FltpNewGenerated(T->Instance, T->FileObject, T->Major);
    op->Iopb.IrpFlags = TransferFlags(T->FileObject, T->Flags, !T->Callback) |
                        (T->Major == IRP_MJ_READ ? IRP_READ_OPERATION : IRP_WRITE_OPERATION);
    op->Iopb.Parameters.Read.Length = T->Length;
    op->Iopb.Parameters.Read.ByteOffset = start;
    op->Iopb.Parameters.Read.ReadBuffer = T->Buffer;
    op->Iopb.Parameters.Read.MdlAddress = T->Mdl;
    if (T->Key) {
        op->Iopb.Parameters.Read.Key = *T->Key;
        op->Iopb.OperationFlags |= SL_KEY_SPECIFIED;
    }
    if (T->Callback) {
        op->FreeAtEnd = true;
        status = FltpPerformAsynchronously(op, T->Callback, T->Context);
        return status == STATUS_FLT_IO_COMPLETE ? STATUS_SUCCESS : status;
    }
    VERIFY_CALL_DOWN(T->Routine, verify_call_kind_of(T->Major, !(op->Iopb.IrpFlags & IRP_NOCACHE)), T->FileObject->FsContext,
                     T->Site);
    status = Finish(op, T->Done);
    if (T->Flags & FLTFL_IO_OPERATION_DO_NOT_UPDATE_BYTE_OFFSET)
        T->FileObject->CurrentByteOffset = before;
    return status;
}

NTSTATUS FltReadFile(PFLT_INSTANCE InitiatingInstance, PFILE_OBJECT FileObject, PLARGE_INTEGER ByteOffset, ULONG Length,
                     PVOID Buffer, FLT_IO_OPERATION_FLAGS Flags, PULONG BytesRead,
                     PFLT_COMPLETED_ASYNC_IO_CALLBACK CallbackRoutine, PVOID CallbackContext)
{
    API_ENTER(FltReadFile, FileObject, SCHED_WRITE);
    FltpCheckTarget(InitiatingInstance, FileObject, "FltReadFile", VERIFY_CALLER);
    struct transfer t = {InitiatingInstance, FileObject,      ByteOffset,      Length, Buffer, Flags,
                         BytesRead,          CallbackRoutine, CallbackContext, NULL,   NULL,   IRP_MJ_READ,
                         "FltReadFile",      VERIFY_CALLER};
    return Transfer(&t);
}

NTSTATUS FltReadFileEx(PFLT_INSTANCE InitiatingInstance, PFILE_OBJECT FileObject, PLARGE_INTEGER ByteOffset, ULONG Length,
                       PVOID Buffer, FLT_IO_OPERATION_FLAGS Flags, PULONG BytesRead,
                       PFLT_COMPLETED_ASYNC_IO_CALLBACK CallbackRoutine, PVOID CallbackContext, PULONG Key, PMDL Mdl)
{
    API_ENTER(FltReadFileEx, FileObject, SCHED_WRITE);
    FltpCheckTarget(InitiatingInstance, FileObject, "FltReadFileEx", VERIFY_CALLER);
    if (!Buffer && !Mdl)
        return STATUS_INVALID_PARAMETER;
    struct transfer t = {InitiatingInstance, FileObject,      ByteOffset,      Length, Buffer, Flags,
                         BytesRead,          CallbackRoutine, CallbackContext, Key,    Mdl,    IRP_MJ_READ,
                         "FltReadFileEx",    VERIFY_CALLER};
    return Transfer(&t);
}

NTSTATUS FltWriteFile(PFLT_INSTANCE InitiatingInstance, PFILE_OBJECT FileObject, PLARGE_INTEGER ByteOffset, ULONG Length,
                      PVOID Buffer, FLT_IO_OPERATION_FLAGS Flags, PULONG BytesWritten,
                      PFLT_COMPLETED_ASYNC_IO_CALLBACK CallbackRoutine, PVOID CallbackContext)
{
    API_ENTER(FltWriteFile, FileObject, SCHED_WRITE);
    FltpCheckTarget(InitiatingInstance, FileObject, "FltWriteFile", VERIFY_CALLER);
    struct transfer t = {InitiatingInstance, FileObject,      ByteOffset,      Length, Buffer, Flags,
                         BytesWritten,       CallbackRoutine, CallbackContext, NULL,   NULL,   IRP_MJ_WRITE,
                         "FltWriteFile",     VERIFY_CALLER};
    return Transfer(&t);
}

NTSTATUS FltWriteFileEx(PFLT_INSTANCE InitiatingInstance, PFILE_OBJECT FileObject, PLARGE_INTEGER ByteOffset, ULONG Length,
                        PVOID Buffer, FLT_IO_OPERATION_FLAGS Flags, PULONG BytesWritten,
                        PFLT_COMPLETED_ASYNC_IO_CALLBACK CallbackRoutine, PVOID CallbackContext, PULONG Key, PMDL Mdl)
{
    API_ENTER(FltWriteFileEx, FileObject, SCHED_WRITE);
    FltpCheckTarget(InitiatingInstance, FileObject, "FltWriteFileEx", VERIFY_CALLER);
    if (!Buffer && !Mdl)
        return STATUS_INVALID_PARAMETER;
    struct transfer t = {InitiatingInstance, FileObject,      ByteOffset,      Length, Buffer, Flags,
                         BytesWritten,       CallbackRoutine, CallbackContext, Key,    Mdl,    IRP_MJ_WRITE,
                         "FltWriteFileEx",   VERIFY_CALLER};
    return Transfer(&t);
}

/* ---- information ---- */

static NTSTATUS QueryInformation(PFLT_INSTANCE Instance, PFILE_OBJECT FileObject, PVOID FileInformation, ULONG Length,
                                 FILE_INFORMATION_CLASS FileInformationClass, PULONG LengthReturned)
{
    PIRP_CTRL op = FltpNewGenerated(Instance, FileObject, IRP_MJ_QUERY_INFORMATION);
    op->Iopb.IrpFlags = BUFFERED | IRP_INPUT_OPERATION;
    op->Iopb.Parameters.QueryFileInformation.Length = Length;
    op->Iopb.Parameters.QueryFileInformation.FileInformationClass = FileInformationClass;
    op->Iopb.Parameters.QueryFileInformation.InfoBuffer = FileInformation;
    return Finish(op, LengthReturned);
}

NTSTATUS FltQueryInformationFile(PFLT_INSTANCE Instance, PFILE_OBJECT FileObject, PVOID FileInformation, ULONG Length,
                                 FILE_INFORMATION_CLASS FileInformationClass, PULONG LengthReturned)
{
    API_ENTER(FltQueryInformationFile, FileObject, SCHED_READ);
    FltpCheckTarget(Instance, FileObject, "FltQueryInformationFile", VERIFY_CALLER);
    CALL_DOWN(FltQueryInformationFile, IRP_MJ_QUERY_INFORMATION, FileObject);
    return QueryInformation(Instance, FileObject, FileInformation, Length, FileInformationClass, LengthReturned);
}

/* A rename or a link to another folder: the I/O manager opens the target's folder first, and so do we, from below. */
static NTSTATUS OpenTargetParent(PFLT_INSTANCE Instance, const FILE_RENAME_INFORMATION *Info, PHANDLE Handle,
                                 PFILE_OBJECT *Parent)
{
    UNICODE_STRING name = {.Buffer = (PWSTR)Info->FileName,
                           .Length = (USHORT)Info->FileNameLength,
                           .MaximumLength = (USHORT)Info->FileNameLength};
    OBJECT_ATTRIBUTES attributes;
    IO_STATUS_BLOCK iosb;

    *Handle = NULL;
    *Parent = NULL;
    if (!Info->RootDirectory && (name.Length == 0 || name.Buffer[0] != '\\'))
        return STATUS_SUCCESS;
    InitializeObjectAttributes(&attributes, &name, OBJ_KERNEL_HANDLE | OBJ_CASE_INSENSITIVE, Info->RootDirectory, NULL);
    return FltCreateFileEx(Instance->Filter, Instance, Handle, Parent, FILE_WRITE_DATA | SYNCHRONIZE, &attributes, &iosb,
                           NULL, 0, FILE_SHARE_READ | FILE_SHARE_WRITE, FILE_OPEN,
                           FILE_OPEN_FOR_BACKUP_INTENT | FILE_SYNCHRONOUS_IO_NONALERT, NULL, 0,
                           IO_FORCE_ACCESS_CHECK | IO_OPEN_TARGET_DIRECTORY | IO_NO_PARAMETER_CHECKING);
}

static bool NamesTarget(FILE_INFORMATION_CLASS Class)
{
    return Class == FileRenameInformation || Class == FileRenameInformationEx || Class == FileLinkInformation ||
           Class == FileLinkInformationEx;
}

NTSTATUS FltSetInformationFile(PFLT_INSTANCE Instance, PFILE_OBJECT FileObject, PVOID FileInformation, ULONG Length,
                               FILE_INFORMATION_CLASS FileInformationClass)
{
    API_ENTER(FltSetInformationFile, FileObject, SCHED_WRITE);
    FltpCheckTarget(Instance, FileObject, "FltSetInformationFile", VERIFY_CALLER);
    CALL_DOWN(FltSetInformationFile, IRP_MJ_SET_INFORMATION, FileObject);
    const FILE_RENAME_INFORMATION *rename = FileInformation;
    PFILE_OBJECT parent = NULL;
    HANDLE handle = NULL;
    bool target = NamesTarget(FileInformationClass);

    if (target && (Length < FIELD_OFFSET(FILE_RENAME_INFORMATION, FileName) ||
                   rename->FileNameLength > Length - FIELD_OFFSET(FILE_RENAME_INFORMATION, FileName)))
        return STATUS_INFO_LENGTH_MISMATCH;
    if (target) {
        NTSTATUS status = OpenTargetParent(Instance, rename, &handle, &parent);
        if (!NT_SUCCESS(status))
            return status;
    }
    PIRP_CTRL op = FltpNewGenerated(Instance, FileObject, IRP_MJ_SET_INFORMATION);
    op->Iopb.IrpFlags = BUFFERED;
    op->Iopb.Parameters.SetFileInformation.Length = Length;
    op->Iopb.Parameters.SetFileInformation.FileInformationClass = FileInformationClass;
    op->Iopb.Parameters.SetFileInformation.ParentOfTarget = parent;
    if (target)
        op->Iopb.Parameters.SetFileInformation.ReplaceIfExists = rename->ReplaceIfExists;
    op->Iopb.Parameters.SetFileInformation.InfoBuffer = FileInformation;
    NTSTATUS status = FltpPerform(op);
    if (NT_SUCCESS(status))
        FltpNamesChanged(op);
    FltpFreeGenerated(op);
    if (parent)
        ObDereferenceObject(parent);
    if (handle)
        ZwClose(handle);
    return status;
}

NTSTATUS FltQueryVolumeInformationFile(PFLT_INSTANCE Instance, PFILE_OBJECT FileObject, PVOID FsInformation, ULONG Length,
                                       FS_INFORMATION_CLASS FsInformationClass, PULONG LengthReturned)
{
    API_ENTER(FltQueryVolumeInformationFile, FileObject, SCHED_READ);
    FltpCheckTarget(Instance, FileObject, "FltQueryVolumeInformationFile", VERIFY_CALLER);
    CALL_DOWN(FltQueryVolumeInformationFile, IRP_MJ_QUERY_VOLUME_INFORMATION, FileObject);
    PIRP_CTRL op = FltpNewGenerated(Instance, FileObject, IRP_MJ_QUERY_VOLUME_INFORMATION);
    op->Iopb.IrpFlags = BUFFERED | IRP_INPUT_OPERATION;
    op->Iopb.Parameters.QueryVolumeInformation.Length = Length;
    op->Iopb.Parameters.QueryVolumeInformation.FsInformationClass = FsInformationClass;
    op->Iopb.Parameters.QueryVolumeInformation.VolumeBuffer = FsInformation;
    return Finish(op, LengthReturned);
}

/* Without a file object: the volume is opened for it. */
static NTSTATUS OnVolume(PFLT_INSTANCE Instance, UCHAR Major, PIO_STATUS_BLOCK Iosb, PVOID FsInformation, ULONG Length,
                         FS_INFORMATION_CLASS FsInformationClass)
{
    PFILE_OBJECT volume;
    HANDLE handle;

    if (FsInformationClass <= 0 || FsInformationClass >= FileFsMaximumInformation) {
        *Iosb = (IO_STATUS_BLOCK){.Status = STATUS_INVALID_INFO_CLASS};
        return STATUS_INVALID_INFO_CLASS;
    }
    NTSTATUS status = FltOpenVolume(Instance, &handle, &volume);
    if (NT_SUCCESS(status)) {
        PIRP_CTRL op = FltpNewGenerated(Instance, volume, Major);
        op->Iopb.IrpFlags = BUFFERED | (Major == IRP_MJ_QUERY_VOLUME_INFORMATION ? IRP_INPUT_OPERATION : 0);
        op->Iopb.Parameters.QueryVolumeInformation.Length = Length;
        op->Iopb.Parameters.QueryVolumeInformation.FsInformationClass = FsInformationClass;
        op->Iopb.Parameters.QueryVolumeInformation.VolumeBuffer = FsInformation;
        status = FltpPerform(op);
        *Iosb = op->Data.IoStatus;
        FltpFreeGenerated(op);
        ObDereferenceObject(volume);
        ZwClose(handle);
    } else {
        *Iosb = (IO_STATUS_BLOCK){.Status = status};
    }
    return status;
}

NTSTATUS FltQueryVolumeInformation(PFLT_INSTANCE Instance, PIO_STATUS_BLOCK Iosb, PVOID FsInformation, ULONG Length,
                                   FS_INFORMATION_CLASS FsInformationClass)
{
    API_ENTER(FltQueryVolumeInformation, Instance, SCHED_READ);
    VERIFY_CALL_DOWN("FltQueryVolumeInformation", VERIFY_CALL_OTHER, NULL, VERIFY_CALLER);
    return OnVolume(Instance, IRP_MJ_QUERY_VOLUME_INFORMATION, Iosb, FsInformation, Length, FsInformationClass);
}

NTSTATUS FltSetVolumeInformation(PFLT_INSTANCE Instance, PIO_STATUS_BLOCK Iosb, PVOID FsInformation, ULONG Length,
                                 FS_INFORMATION_CLASS FsInformationClass)
{
    API_ENTER(FltSetVolumeInformation, Instance, SCHED_WRITE);
    VERIFY_CALL_DOWN("FltSetVolumeInformation", VERIFY_CALL_OTHER, NULL, VERIFY_CALLER);
    ULONG least = FsInformationClass == FileFsLabelInformation     ? sizeof(FILE_FS_LABEL_INFORMATION)
                  : FsInformationClass == FileFsControlInformation  ? sizeof(FILE_FS_CONTROL_INFORMATION)
                  : FsInformationClass == FileFsObjectIdInformation ? sizeof(FILE_FS_OBJECTID_INFORMATION)
                                                                    : 0;
    if (Length < least)
        return STATUS_INFO_LENGTH_MISMATCH;
    return OnVolume(Instance, IRP_MJ_SET_VOLUME_INFORMATION, Iosb, FsInformation, Length, FsInformationClass);
}

/* ---- directories ---- */

static NTSTATUS QueryDirectory(PFLT_INSTANCE Instance, PFILE_OBJECT FileObject, PVOID FileInformation, ULONG Length,
                               FILE_INFORMATION_CLASS FileInformationClass, UCHAR Flags, PUNICODE_STRING FileName,
                               PULONG LengthReturned)
{
    PIRP_CTRL op = FltpNewGenerated(Instance, FileObject, IRP_MJ_DIRECTORY_CONTROL);
    op->Iopb.MinorFunction = IRP_MN_QUERY_DIRECTORY;
    op->Iopb.IrpFlags = DIRECT | IRP_INPUT_OPERATION;
    op->Iopb.OperationFlags = Flags;
    op->Iopb.Parameters.DirectoryControl.QueryDirectory.Length = Length;
    op->Iopb.Parameters.DirectoryControl.QueryDirectory.FileName = FileName;
    op->Iopb.Parameters.DirectoryControl.QueryDirectory.FileInformationClass = FileInformationClass;
    op->Iopb.Parameters.DirectoryControl.QueryDirectory.DirectoryBuffer = FileInformation;
    return Finish(op, LengthReturned);
}

NTSTATUS FltQueryDirectoryFile(PFLT_INSTANCE Instance, PFILE_OBJECT FileObject, PVOID FileInformation, ULONG Length,
                               FILE_INFORMATION_CLASS FileInformationClass, BOOLEAN ReturnSingleEntry,
                               PUNICODE_STRING FileName, BOOLEAN RestartScan, PULONG LengthReturned)
{
    API_ENTER(FltQueryDirectoryFile, FileObject, SCHED_WRITE);
    FltpCheckTarget(Instance, FileObject, "FltQueryDirectoryFile", VERIFY_CALLER);
    CALL_DOWN(FltQueryDirectoryFile, IRP_MJ_DIRECTORY_CONTROL, FileObject);
    UCHAR flags = (UCHAR)((ReturnSingleEntry ? SL_RETURN_SINGLE_ENTRY : 0) | (RestartScan ? SL_RESTART_SCAN : 0));
    return QueryDirectory(Instance, FileObject, FileInformation, Length, FileInformationClass, flags, FileName,
                          LengthReturned);
}

NTSTATUS FltQueryDirectoryFileEx(PFLT_INSTANCE Instance, PFILE_OBJECT FileObject, PVOID FileInformation, ULONG Length,
                                 FILE_INFORMATION_CLASS FileInformationClass, ULONG QueryFlags, PUNICODE_STRING FileName,
                                 PULONG LengthReturned)
{
    API_ENTER(FltQueryDirectoryFileEx, FileObject, SCHED_WRITE);
    FltpCheckTarget(Instance, FileObject, "FltQueryDirectoryFileEx", VERIFY_CALLER);
    CALL_DOWN(FltQueryDirectoryFileEx, IRP_MJ_DIRECTORY_CONTROL, FileObject);
    if (QueryFlags & ~(ULONG)SL_QUERY_DIRECTORY_MASK)
        return STATUS_INVALID_PARAMETER;
    return QueryDirectory(Instance, FileObject, FileInformation, Length, FileInformationClass, (UCHAR)QueryFlags, FileName,
                          LengthReturned);
}

/* ---- extended attributes, security, flush ---- */

NTSTATUS FltQueryEaFile(PFLT_INSTANCE Instance, PFILE_OBJECT FileObject, PVOID ReturnedEaData, ULONG Length,
                        BOOLEAN ReturnSingleEntry, PVOID EaList, ULONG EaListLength, PULONG EaIndex, BOOLEAN RestartScan,
                        PULONG LengthReturned)
{
    API_ENTER(FltQueryEaFile, FileObject, SCHED_READ);
    FltpCheckTarget(Instance, FileObject, "FltQueryEaFile", VERIFY_CALLER);
    CALL_DOWN(FltQueryEaFile, IRP_MJ_QUERY_EA, FileObject);
    PIRP_CTRL op = FltpNewGenerated(Instance, FileObject, IRP_MJ_QUERY_EA);
    op->Iopb.IrpFlags = DIRECT | IRP_INPUT_OPERATION;
    op->Iopb.OperationFlags = (UCHAR)((ReturnSingleEntry ? SL_RETURN_SINGLE_ENTRY : 0) |
                                      (RestartScan ? SL_RESTART_SCAN : 0) | (EaIndex ? SL_INDEX_SPECIFIED : 0));
    op->Iopb.Parameters.QueryEa.Length = Length;
    op->Iopb.Parameters.QueryEa.EaList = EaList;
    op->Iopb.Parameters.QueryEa.EaListLength = EaListLength;
    op->Iopb.Parameters.QueryEa.EaIndex = EaIndex ? *EaIndex : 0;
    op->Iopb.Parameters.QueryEa.EaBuffer = ReturnedEaData;
    return Finish(op, LengthReturned);
}

NTSTATUS FltSetEaFile(PFLT_INSTANCE Instance, PFILE_OBJECT FileObject, PVOID EaBuffer, ULONG Length)
{
    API_ENTER(FltSetEaFile, FileObject, SCHED_WRITE);
    FltpCheckTarget(Instance, FileObject, "FltSetEaFile", VERIFY_CALLER);
    CALL_DOWN(FltSetEaFile, IRP_MJ_SET_EA, FileObject);
    PIRP_CTRL op = FltpNewGenerated(Instance, FileObject, IRP_MJ_SET_EA);
    op->Iopb.IrpFlags = DIRECT;
    op->Iopb.Parameters.SetEa.Length = Length;
    op->Iopb.Parameters.SetEa.EaBuffer = EaBuffer;
    return Finish(op, NULL);
}

NTSTATUS FltQueryQuotaInformationFile(PFLT_INSTANCE Instance, PFILE_OBJECT FileObject, PIO_STATUS_BLOCK IoStatusBlock,
                                      PVOID Buffer, ULONG Length, BOOLEAN ReturnSingleEntry, PVOID SidList,
                                      ULONG SidListLength, PSID StartSid, BOOLEAN RestartScan, PULONG LengthReturned)
{
    API_ENTER(FltQueryQuotaInformationFile, FileObject, SCHED_READ);
    FltpCheckTarget(Instance, FileObject, "FltQueryQuotaInformationFile", VERIFY_CALLER);
    CALL_DOWN(FltQueryQuotaInformationFile, IRP_MJ_QUERY_QUOTA, FileObject);
    PIRP_CTRL op = FltpNewGenerated(Instance, FileObject, IRP_MJ_QUERY_QUOTA);
    op->Iopb.IrpFlags = DIRECT | IRP_INPUT_OPERATION;
    op->Iopb.OperationFlags =
        (UCHAR)((ReturnSingleEntry ? SL_RETURN_SINGLE_ENTRY : 0) | (RestartScan ? SL_RESTART_SCAN : 0));
    op->Iopb.Parameters.QueryQuota.Length = Length;
    op->Iopb.Parameters.QueryQuota.StartSid = StartSid;
    op->Iopb.Parameters.QueryQuota.SidList = SidList;
    op->Iopb.Parameters.QueryQuota.SidListLength = SidListLength;
    op->Iopb.Parameters.QueryQuota.QuotaBuffer = Buffer;
    NTSTATUS status = FltpPerform(op);
    *IoStatusBlock = op->Data.IoStatus;
    if (LengthReturned)
        *LengthReturned = (ULONG)op->Data.IoStatus.Information;
    FltpFreeGenerated(op);
    return status;
}

NTSTATUS FltSetQuotaInformationFile(PFLT_INSTANCE Instance, PFILE_OBJECT FileObject, PVOID Buffer, ULONG Length)
{
    API_ENTER(FltSetQuotaInformationFile, FileObject, SCHED_WRITE);
    FltpCheckTarget(Instance, FileObject, "FltSetQuotaInformationFile", VERIFY_CALLER);
    CALL_DOWN(FltSetQuotaInformationFile, IRP_MJ_SET_QUOTA, FileObject);
    PIRP_CTRL op = FltpNewGenerated(Instance, FileObject, IRP_MJ_SET_QUOTA);
    op->Iopb.IrpFlags = DIRECT;
    op->Iopb.Parameters.SetQuota.Length = Length;
    op->Iopb.Parameters.SetQuota.QuotaBuffer = Buffer;
    return Finish(op, NULL);
}

NTSTATUS FltQuerySecurityObject(PFLT_INSTANCE Instance, PFILE_OBJECT FileObject, SECURITY_INFORMATION SecurityInformation,
                                PSECURITY_DESCRIPTOR SecurityDescriptor, ULONG Length, PULONG LengthNeeded)
{
    API_ENTER(FltQuerySecurityObject, FileObject, SCHED_READ);
    FltpCheckTarget(Instance, FileObject, "FltQuerySecurityObject", VERIFY_CALLER);
    CALL_DOWN(FltQuerySecurityObject, IRP_MJ_QUERY_SECURITY, FileObject);
    PIRP_CTRL op = FltpNewGenerated(Instance, FileObject, IRP_MJ_QUERY_SECURITY);
    op->Iopb.IrpFlags = DIRECT | IRP_INPUT_OPERATION;
    op->Iopb.Parameters.QuerySecurity.SecurityInformation = SecurityInformation;
    op->Iopb.Parameters.QuerySecurity.Length = Length;
    op->Iopb.Parameters.QuerySecurity.SecurityBuffer = SecurityDescriptor;
    NTSTATUS status = FltpPerform(op);
    if (LengthNeeded)
        *LengthNeeded = (ULONG)op->Data.IoStatus.Information; /* with STATUS_BUFFER_OVERFLOW, too */
    FltpFreeGenerated(op);
    return status == STATUS_BUFFER_OVERFLOW ? STATUS_BUFFER_TOO_SMALL : status;
}

NTSTATUS FltSetSecurityObject(PFLT_INSTANCE Instance, PFILE_OBJECT FileObject, SECURITY_INFORMATION SecurityInformation,
                              PSECURITY_DESCRIPTOR SecurityDescriptor)
{
    API_ENTER(FltSetSecurityObject, FileObject, SCHED_WRITE);
    NTSTATUS status = SepCheckDescriptor(SecurityDescriptor);
    if (!NT_SUCCESS(status))
        return status;
    FltpCheckTarget(Instance, FileObject, "FltSetSecurityObject", VERIFY_CALLER);
    CALL_DOWN(FltSetSecurityObject, IRP_MJ_SET_SECURITY, FileObject);
    PIRP_CTRL op = FltpNewGenerated(Instance, FileObject, IRP_MJ_SET_SECURITY);
    op->Iopb.IrpFlags = DIRECT;
    op->Iopb.Parameters.SetSecurity.SecurityInformation = SecurityInformation;
    op->Iopb.Parameters.SetSecurity.SecurityDescriptor = SecurityDescriptor;
    return Finish(op, NULL);
}

static NTSTATUS Flush(PFLT_INSTANCE Instance, PFILE_OBJECT FileObject, UCHAR Minor)
{
    PIRP_CTRL op = FltpNewGenerated(Instance, FileObject, IRP_MJ_FLUSH_BUFFERS);
    op->Iopb.MinorFunction = Minor;
    op->Iopb.IrpFlags = DIRECT;
    return Finish(op, NULL);
}

NTSTATUS FltFlushBuffers(PFLT_INSTANCE Instance, PFILE_OBJECT FileObject)
{
    API_ENTER(FltFlushBuffers, FileObject, SCHED_WRITE);
    FltpCheckTarget(Instance, FileObject, "FltFlushBuffers", VERIFY_CALLER);
    CALL_DOWN(FltFlushBuffers, IRP_MJ_FLUSH_BUFFERS, FileObject);
    return Flush(Instance, FileObject, 0);
}

NTSTATUS FltFlushBuffers2(PFLT_INSTANCE Instance, PFILE_OBJECT FileObject, ULONG FlushType, PFLT_CALLBACK_DATA CallbackData)
{
    API_ENTER(FltFlushBuffers2, FileObject, SCHED_WRITE);
    FltpCheckTarget(Instance, FileObject, "FltFlushBuffers2", VERIFY_CALLER);
    CALL_DOWN(FltFlushBuffers2, IRP_MJ_FLUSH_BUFFERS, FileObject);
    switch (FlushType) {
    case 0:
        return Flush(Instance, FileObject, 0);
    case FLT_FLUSH_TYPE_FLUSH_AND_PURGE:
        return Flush(Instance, FileObject, IRP_MN_FLUSH_AND_PURGE);
    case FLT_FLUSH_TYPE_FILE_DATA_ONLY:
        return Flush(Instance, FileObject, IRP_MN_FLUSH_DATA_ONLY);
    case FLT_FLUSH_TYPE_NO_SYNC:
        return Flush(Instance, FileObject, IRP_MN_FLUSH_NO_SYNC);
    case FLT_FLUSH_TYPE_DATA_SYNC_ONLY:
        return Flush(Instance, FileObject, IRP_MN_FLUSH_DATA_SYNC_ONLY);
    default:
        return STATUS_INVALID_PARAMETER;
    }
}

NTSTATUS FltIsDirectory(PFILE_OBJECT FileObject, PFLT_INSTANCE Instance, PBOOLEAN IsDirectory)
{
    API_ENTER(FltIsDirectory, FileObject, SCHED_READ);
    FltpCheckTarget(Instance, FileObject, "FltIsDirectory", VERIFY_CALLER);
    CALL_DOWN(FltIsDirectory, IRP_MJ_QUERY_INFORMATION, FileObject);
    FILE_STANDARD_INFORMATION info = {0};
    NTSTATUS status = QueryInformation(Instance, FileObject, &info, sizeof info, FileStandardInformation, NULL);
    *IsDirectory = NT_SUCCESS(status) && info.Directory;
    return status;
}
