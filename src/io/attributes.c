/* Asking and deleting by name: NtQueryAttributesFile, NtQueryFullAttributesFile, NtDeleteFile. */
#include "iop.h"

#include "fault/fault.h"

static NTSTATUS QueryOpened(PFILE_OBJECT file, PFILE_NETWORK_OPEN_INFORMATION info)
{
    PDEVICE_OBJECT device = IopRelatedDevice(file);
    PFAST_IO_DISPATCH fast = device->DriverObject->FastIoDispatch;
    IO_STATUS_BLOCK result;
    ULONG length;
    if (fast && fast->SizeOfFastIoDispatch > FIELD_OFFSET(FAST_IO_DISPATCH, FastIoQueryNetworkOpenInfo) &&
        fast->FastIoQueryNetworkOpenInfo && fast->FastIoQueryNetworkOpenInfo(file, TRUE, info, &result, device))
        return result.Status;
    return IoQueryFileInformation(file, FileNetworkOpenInformation, sizeof *info, info, &length);
}

static NTSTATUS QueryByName(POBJECT_ATTRIBUTES attributes, PFILE_NETWORK_OPEN_INFORMATION info, KPROCESSOR_MODE mode,
                            ULONG options, const void *site)
{
    PFILE_OBJECT file;
    struct iop_open open = {
        .mode = mode,
        .options = FILE_OPEN_REPARSE_POINT | FILE_OPEN_FOR_BACKUP_INTENT | options,
        .share = FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE,
        .disposition = FILE_OPEN,
        .access = FILE_READ_ATTRIBUTES,
        .query = true,
        .network = info,
        .site = site,
    };
    NTSTATUS status = IopOpenForQuery(&open, attributes, &file);
    if (!NT_SUCCESS(status))
        return status;
    if (!open.answered)
        status = QueryOpened(file, info);
    IopEndQueriedFile(file);
    return status;
}

static NTSTATUS QueryBasic(POBJECT_ATTRIBUTES attributes, PFILE_BASIC_INFORMATION info, KPROCESSOR_MODE mode,
                           const void *site)
{
    FILE_NETWORK_OPEN_INFORMATION network;
    NTSTATUS status = QueryByName(attributes, &network, mode, 0, site);
    if (NT_SUCCESS(status))
        *info = (FILE_BASIC_INFORMATION){network.CreationTime, network.LastAccessTime, network.LastWriteTime,
                                         network.ChangeTime, network.FileAttributes};
    return status;
}

NTSTATUS NtQueryAttributesFile(POBJECT_ATTRIBUTES ObjectAttributes, PFILE_BASIC_INFORMATION FileInformation)
{
    return QueryBasic(ObjectAttributes, FileInformation, KiCurrentThread()->previous_mode, VERIFY_CALLER);
}

NTSTATUS ZwQueryAttributesFile(POBJECT_ATTRIBUTES ObjectAttributes, PFILE_BASIC_INFORMATION FileInformation)
{
    const void *site = VERIFY_CALLER;
    IOP_ZW(QueryBasic(ObjectAttributes, FileInformation, KernelMode, site));
}

NTSTATUS NtQueryFullAttributesFile(POBJECT_ATTRIBUTES ObjectAttributes, PFILE_NETWORK_OPEN_INFORMATION FileInformation)
{
    return QueryByName(ObjectAttributes, FileInformation, KiCurrentThread()->previous_mode, 0, VERIFY_CALLER);
}

NTSTATUS ZwQueryFullAttributesFile(POBJECT_ATTRIBUTES ObjectAttributes, PFILE_NETWORK_OPEN_INFORMATION FileInformation)
{
    const void *site = VERIFY_CALLER;
    IOP_ZW(QueryByName(ObjectAttributes, FileInformation, KernelMode, 0, site));
}

BOOLEAN IoFastQueryNetworkAttributes(POBJECT_ATTRIBUTES ObjectAttributes, ACCESS_MASK DesiredAccess, ULONG OpenOptions,
                                     PIO_STATUS_BLOCK IoStatus, PFILE_NETWORK_OPEN_INFORMATION Buffer)
{
    IoStatus->Status = QueryByName(ObjectAttributes, Buffer, KernelMode, OpenOptions, VERIFY_CALLER);
    IoStatus->Information = NT_SUCCESS(IoStatus->Status) ? sizeof *Buffer : 0;
    return TRUE;
}

/* -- any of a few classes, by name ---------------------------------------------------------------------------- */

NTSTATUS IopCheckQueryByName(FILE_INFORMATION_CLASS kind, ULONG length)
{
    switch ((int)kind) {
    case FileStatInformation:
    case FileStatLxInformation:
    case FileCaseSensitiveInformation:
    case FileStatBasicInformation:
        return length < IopQueryLength(kind) ? STATUS_INFO_LENGTH_MISMATCH : STATUS_SUCCESS;
    default:
        return STATUS_INVALID_PARAMETER;
    }
}

NTSTATUS IopQueryByName(struct iop_open *open, POBJECT_ATTRIBUTES attributes)
{
    PFILE_OBJECT file;
    ULONG room = open->query_length;
    open->options = FILE_OPEN_REPARSE_POINT | FILE_OPEN_FOR_BACKUP_INTENT;
    open->share = FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE;
    open->disposition = FILE_OPEN;
    open->access = FILE_READ_ATTRIBUTES;
    open->query = true;
    NTSTATUS status = IopOpenForQuery(open, attributes, &file);
    if (!NT_SUCCESS(status)) {
        open->query_length = 0;
        return status;
    }
    if (!open->answered)
        status = IoQueryFileInformation(file, open->query_class, room, open->query_buffer, &open->query_length);
    IopEndQueriedFile(file);
    return status;
}

static NTSTATUS InformationByName(POBJECT_ATTRIBUTES attributes, PIO_STATUS_BLOCK iosb, PVOID buffer, ULONG length,
                                  FILE_INFORMATION_CLASS kind, KPROCESSOR_MODE mode, const void *site)
{
    struct iop_open open = {
        .mode = mode, .query_class = kind, .query_buffer = buffer, .query_length = length, .site = site};
    NTSTATUS status = IopCheckQueryByName(kind, length);
    if (!NT_SUCCESS(status))
        return status;
    status = IopQueryByName(&open, attributes);
    *iosb = (IO_STATUS_BLOCK){.Status = status, .Information = NT_ERROR(status) ? 0 : open.query_length};
    return status;
}

NTSTATUS NtQueryInformationByName(POBJECT_ATTRIBUTES ObjectAttributes, PIO_STATUS_BLOCK IoStatusBlock, PVOID FileInformation,
                                  ULONG Length, FILE_INFORMATION_CLASS FileInformationClass)
{
    API_ENTER(NtQueryInformationByName, ObjectAttributes, SCHED_READ);
    return InformationByName(ObjectAttributes, IoStatusBlock, FileInformation, Length, FileInformationClass,
                             KiCurrentThread()->previous_mode, VERIFY_CALLER);
}

NTSTATUS ZwQueryInformationByName(POBJECT_ATTRIBUTES ObjectAttributes, PIO_STATUS_BLOCK IoStatusBlock, PVOID FileInformation,
                                  ULONG Length, FILE_INFORMATION_CLASS FileInformationClass)
{
    API_ENTER(ZwQueryInformationByName, ObjectAttributes, SCHED_READ);
    const void *site = VERIFY_CALLER;
    IOP_ZW(InformationByName(ObjectAttributes, IoStatusBlock, FileInformation, Length, FileInformationClass, KernelMode,
                             site));
}

static NTSTATUS Delete(POBJECT_ATTRIBUTES attributes, KPROCESSOR_MODE mode, const void *site)
{
    PFILE_OBJECT file;
    if (!attributes || attributes->Length != sizeof *attributes)
        return STATUS_INVALID_PARAMETER;
    if (fault_allocation())
        return STATUS_INSUFFICIENT_RESOURCES;
    struct iop_open open = {
        .mode = mode,
        .options = FILE_DELETE_ON_CLOSE,
        .share = FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE,
        .disposition = FILE_OPEN,
        .access = DELETE,
        .site = site,
    };
    NTSTATUS status = IopOpenForQuery(&open, attributes, &file);
    if (NT_SUCCESS(status))
        IopEndQueriedFile(file);
    return status;
}

NTSTATUS NtDeleteFile(POBJECT_ATTRIBUTES ObjectAttributes)
{
    return Delete(ObjectAttributes, KiCurrentThread()->previous_mode, VERIFY_CALLER);
}

NTSTATUS ZwDeleteFile(POBJECT_ATTRIBUTES ObjectAttributes)
{
    API_ENTER(ZwDeleteFile, ObjectAttributes, SCHED_WRITE);
    const void *site = VERIFY_CALLER;
    IOP_ZW(Delete(ObjectAttributes, KernelMode, site));
}
