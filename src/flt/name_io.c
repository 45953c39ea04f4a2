/* What name queries ask of the instances below, and of the file system. */
#include "name.h"

#include <string.h>

/* One request below the instance (or from the top), complete on return. */
static NTSTATUS QueryInformation(PFLTP_NAME_REQUEST request, PFILE_OBJECT file, FILE_INFORMATION_CLASS class,
                                 PVOID buffer, ULONG length)
{
    ULONG returned;
    if (!request->Instance)
        return FsRtlQueryInformationFile(file, buffer, length, class, &returned);
    PFLT_CALLBACK_DATA data;
    NTSTATUS status = FltAllocateCallbackData(request->Instance, file, &data);
    if (!NT_SUCCESS(status))
        return status;
    data->Iopb->MajorFunction = IRP_MJ_QUERY_INFORMATION;
    data->Iopb->Parameters.QueryFileInformation.Length = length;
    data->Iopb->Parameters.QueryFileInformation.FileInformationClass = class;
    data->Iopb->Parameters.QueryFileInformation.InfoBuffer = buffer;
    FltPerformSynchronousIo(data);
    status = data->IoStatus.Status;
    FltFreeCallbackData(data);
    return status;
}

NTSTATUS FltpQueryNameBelow(PFLTP_NAME_REQUEST Request, PFILE_OBJECT File, FILE_INFORMATION_CLASS Class,
                            PFLTP_TEXT Name)
{
    ULONG length = sizeof(FILE_NAME_INFORMATION) + 260 * sizeof(WCHAR);
    for (int attempt = 0;; attempt++) {
        PFILE_NAME_INFORMATION info = sim_alloc(length);
        NTSTATUS status = QueryInformation(Request, File, Class, info, length);
        ULONG needed = FIELD_OFFSET(FILE_NAME_INFORMATION, FileName) + info->FileNameLength;
        if (NT_SUCCESS(status))
            FltpAppendUnits(Name, info->FileName, info->FileNameLength / sizeof(WCHAR));
        sim_free(info);
        if (status != STATUS_BUFFER_OVERFLOW || attempt == 1)
            return status;
        length = needed;
    }
}

NTSTATUS FltpOpenBelow(PFLTP_NAME_REQUEST Request, PUNICODE_STRING Path, HANDLE Root, ULONG Options, PHANDLE Handle,
                       PFILE_OBJECT *File)
{
    OBJECT_ATTRIBUTES attributes;
    IO_STATUS_BLOCK result;
    *Handle = NULL;
    *File = NULL;
    if (KeGetCurrentIrql() != PASSIVE_LEVEL)
        return STATUS_FLT_INVALID_NAME_REQUEST;
    InitializeObjectAttributes(&attributes, Path, OBJ_KERNEL_HANDLE | OBJ_CASE_INSENSITIVE, Root, NULL);
    ULONG share = FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE;
    Options |= FILE_SYNCHRONOUS_IO_NONALERT | FILE_OPEN_FOR_BACKUP_INTENT;
    ACCESS_MASK access = FILE_READ_ATTRIBUTES | SYNCHRONIZE;
    if (Options & FILE_DIRECTORY_FILE)
        access |= FILE_LIST_DIRECTORY | FILE_TRAVERSE;
    if (Request->Instance)
        return FltCreateFileEx(Request->Instance->Filter, Request->Instance, Handle, File, access, &attributes, &result,
                               NULL, FILE_ATTRIBUTE_NORMAL, share, FILE_OPEN, Options, NULL, 0,
                               IO_IGNORE_SHARE_ACCESS_CHECK);
    NTSTATUS status = IoCreateFile(Handle, access, &attributes, &result, NULL, FILE_ATTRIBUTE_NORMAL, share, FILE_OPEN,
                                   Options, NULL, 0, CreateFileTypeNone, NULL, IO_NO_PARAMETER_CHECKING);
    if (NT_SUCCESS(status))
        status = ObReferenceObjectByHandle(*Handle, 0, *IoFileObjectType, KernelMode, (PVOID *)File, NULL);
    return status;
}

static NTSTATUS QueryDirectory(PFLT_INSTANCE instance, PFILE_OBJECT directory, PUNICODE_STRING pattern, PVOID buffer,
                               ULONG length)
{
    PFLT_CALLBACK_DATA data;
    NTSTATUS status = FltAllocateCallbackData(instance, directory, &data);
    if (!NT_SUCCESS(status))
        return status;
    data->Iopb->MajorFunction = IRP_MJ_DIRECTORY_CONTROL;
    data->Iopb->MinorFunction = IRP_MN_QUERY_DIRECTORY;
    data->Iopb->OperationFlags = SL_RESTART_SCAN | SL_RETURN_SINGLE_ENTRY;
    data->Iopb->Parameters.DirectoryControl.QueryDirectory.Length = length;
    data->Iopb->Parameters.DirectoryControl.QueryDirectory.FileName = pattern;
    data->Iopb->Parameters.DirectoryControl.QueryDirectory.FileInformationClass = FileNamesInformation;
    data->Iopb->Parameters.DirectoryControl.QueryDirectory.DirectoryBuffer = buffer;
    FltPerformSynchronousIo(data);
    status = data->IoStatus.Status;
    FltFreeCallbackData(data);
    return status;
}

NTSTATUS FltpFindInDirectory(PFLTP_NAME_REQUEST Request, PFILE_OBJECT Directory, PUNICODE_STRING Component,
                             PFLTP_TEXT Found)
{
    if (!Request->Instance)
        return STATUS_NO_SUCH_FILE;
    ULONG length = sizeof(FILE_NAMES_INFORMATION) + 256 * sizeof(WCHAR);
    PFILE_NAMES_INFORMATION info = sim_alloc(length);
    NTSTATUS status = QueryDirectory(Request->Instance, Directory, Component, info, length);
    if (NT_SUCCESS(status))
        FltpAppendUnits(Found, info->FileName, info->FileNameLength / sizeof(WCHAR));
    sim_free(info);
    return status;
}
