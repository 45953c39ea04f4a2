/* NtQueryDirectoryFile(Ex) and NtNotifyChangeDirectoryFile(Ex). */
#include "iop.h"

#include <string.h>

static ULONG LeastLength(FILE_INFORMATION_CLASS kind)
{
    switch (kind) {
    case FileDirectoryInformation:
        return sizeof(FILE_DIRECTORY_INFORMATION);
    case FileFullDirectoryInformation:
        return sizeof(FILE_FULL_DIR_INFORMATION);
    case FileIdFullDirectoryInformation:
        return sizeof(FILE_ID_FULL_DIR_INFORMATION);
    case FileBothDirectoryInformation:
        return sizeof(FILE_BOTH_DIR_INFORMATION);
    case FileIdBothDirectoryInformation:
        return sizeof(FILE_ID_BOTH_DIR_INFORMATION);
    case FileNamesInformation:
        return sizeof(FILE_NAMES_INFORMATION);
    case FileIdExtdDirectoryInformation:
        return sizeof(FILE_ID_EXTD_DIR_INFORMATION);
    case FileIdExtdBothDirectoryInformation:
        return sizeof(FILE_ID_EXTD_BOTH_DIR_INFORMATION);
    case FileIdGlobalTxDirectoryInformation:
        return sizeof(FILE_ID_GLOBAL_TX_DIR_INFORMATION);
    case FileId64ExtdDirectoryInformation:
        return sizeof(FILE_ID_64_EXTD_DIR_INFORMATION);
    case FileId64ExtdBothDirectoryInformation:
        return sizeof(FILE_ID_64_EXTD_BOTH_DIR_INFORMATION);
    case FileIdAllExtdDirectoryInformation:
        return sizeof(FILE_ID_ALL_EXTD_DIR_INFORMATION);
    case FileIdAllExtdBothDirectoryInformation:
        return sizeof(FILE_ID_ALL_EXTD_BOTH_DIR_INFORMATION);
    case FileObjectIdInformation:
        return sizeof(FILE_OBJECTID_INFORMATION);
    case FileReparsePointInformation:
        return sizeof(FILE_REPARSE_POINT_INFORMATION);
    case FileQuotaInformation:
        return sizeof(FILE_QUOTA_INFORMATION);
    default:
        return 0;
    }
}

/* The output goes where the device wants it: a system buffer, an MDL, or the caller's address. */
static bool Output(PIRP irp, PDEVICE_OBJECT device, PVOID buffer, ULONG length)
{
    irp->UserBuffer = buffer;
    if (device->Flags & DO_BUFFERED_IO) {
        irp->Flags |= IRP_INPUT_OPERATION;
        return IopSystemBuffer(irp, NULL, 0, length);
    }
    if (device->Flags & DO_DIRECT_IO)
        return IopLockBuffer(irp, buffer, length, IoWriteAccess);
    return true;
}

struct enumeration {
    HANDLE handle, event;
    PIO_APC_ROUTINE apc;
    PVOID apc_context;
    PIO_STATUS_BLOCK iosb;
    PVOID buffer;
    ULONG length;
    FILE_INFORMATION_CLASS kind;
    ULONG flags; /* SL_RESTART_SCAN ... */
    PUNICODE_STRING pattern;
    const void *site;
};

static NTSTATUS CheckMemory(KPROCESSOR_MODE mode, const struct enumeration *e)
{
    NTSTATUS status = IopProbe(mode, e->buffer, e->length, sizeof(ULONG), true);
    if (NT_SUCCESS(status) && e->pattern)
        status = IopProbe(mode, e->pattern, sizeof *e->pattern, sizeof(ULONG), false);
    if (NT_SUCCESS(status) && e->pattern)
        status = IopProbe(mode, e->pattern->Buffer, e->pattern->Length, sizeof(WCHAR), false);
    return status;
}

static NTSTATUS Enumerate(const struct enumeration *e)
{
    struct iop_service s;
    ULONG least = LeastLength(e->kind);
    if (!least)
        return STATUS_INVALID_INFO_CLASS;
    if (e->length < least)
        return STATUS_INFO_LENGTH_MISMATCH;
    s.wait.site = e->site;
    NTSTATUS status = IopBeginService(&s, e->handle, FILE_LIST_DIRECTORY, e->iosb);
    if (!NT_SUCCESS(status))
        return status;
    status = CheckMemory(s.mode, e);
    if (NT_SUCCESS(status))
        status = IopServiceEvent(&s, e->event, e->apc, e->apc_context);
    if (!NT_SUCCESS(status))
        return IopEndService(&s, status);
    IopLockService(&s);
    PIRP irp = IopServiceIrp(&s, IRP_MJ_DIRECTORY_CONTROL, IRP_MN_QUERY_DIRECTORY);
    PIO_STACK_LOCATION stack = IoGetNextIrpStackLocation(irp);
    irp->Flags |= IRP_DEFER_IO_COMPLETION;
    UNICODE_STRING *pattern = NULL;
    if (e->pattern && e->pattern->Length) {
        /* The pattern must outlive this call when the request does: it rides in the auxiliary buffer. */
        pattern = ExAllocatePoolWithTag(NonPagedPool, sizeof *pattern + e->pattern->Length, IOP_TAG);
        if (pattern) {
            pattern->Buffer = (PWCHAR)(pattern + 1);
            pattern->Length = pattern->MaximumLength = e->pattern->Length;
            memcpy(pattern->Buffer, e->pattern->Buffer, e->pattern->Length);
            irp->Tail.Overlay.AuxiliaryBuffer = (PCHAR)pattern;
        }
    }
    if ((e->pattern && e->pattern->Length && !pattern) || !Output(irp, s.device, e->buffer, e->length)) {
        if (pattern)
            ExFreePool(pattern);
        IopFreeIrp(irp);
        return IopEndService(&s, STATUS_INSUFFICIENT_RESOURCES);
    }
    stack->Flags = (UCHAR)e->flags;
    stack->Parameters.QueryDirectory.Length = e->length;
    stack->Parameters.QueryDirectory.FileInformationClass = e->kind;
    stack->Parameters.QueryDirectory.FileName = pattern;
    return IopRunService(&s, irp, false);
}

NTSTATUS NtQueryDirectoryFile(HANDLE FileHandle, HANDLE Event, PIO_APC_ROUTINE ApcRoutine, PVOID ApcContext,
                              PIO_STATUS_BLOCK IoStatusBlock, PVOID FileInformation, ULONG Length,
                              FILE_INFORMATION_CLASS FileInformationClass, BOOLEAN ReturnSingleEntry,
                              PUNICODE_STRING FileName, BOOLEAN RestartScan)
{
    const struct enumeration e = {
        FileHandle, Event, ApcRoutine, ApcContext, IoStatusBlock, FileInformation, Length, FileInformationClass,
        (RestartScan ? SL_RESTART_SCAN : 0) | (ReturnSingleEntry ? SL_RETURN_SINGLE_ENTRY : 0), FileName,
        VERIFY_CALLER};
    return Enumerate(&e);
}

NTSTATUS ZwQueryDirectoryFile(HANDLE FileHandle, HANDLE Event, PIO_APC_ROUTINE ApcRoutine, PVOID ApcContext,
                              PIO_STATUS_BLOCK IoStatusBlock, PVOID FileInformation, ULONG Length,
                              FILE_INFORMATION_CLASS FileInformationClass, BOOLEAN ReturnSingleEntry,
                              PUNICODE_STRING FileName, BOOLEAN RestartScan)
{
    API_ENTER(ZwQueryDirectoryFile, FileHandle, SCHED_READ);
    const struct enumeration e = {
        FileHandle, Event, ApcRoutine, ApcContext, IoStatusBlock, FileInformation, Length, FileInformationClass,
        (RestartScan ? SL_RESTART_SCAN : 0) | (ReturnSingleEntry ? SL_RETURN_SINGLE_ENTRY : 0), FileName,
        VERIFY_CALLER};
    IOP_ZW(Enumerate(&e));
}

NTSTATUS NtQueryDirectoryFileEx(HANDLE FileHandle, HANDLE Event, PIO_APC_ROUTINE ApcRoutine, PVOID ApcContext,
                                PIO_STATUS_BLOCK IoStatusBlock, PVOID FileInformation, ULONG Length,
                                FILE_INFORMATION_CLASS FileInformationClass, ULONG QueryFlags,
                                PUNICODE_STRING FileName)
{
    if (QueryFlags & ~(ULONG)(SL_QUERY_DIRECTORY_MASK))
        return STATUS_INVALID_PARAMETER;
    const struct enumeration e = {FileHandle,      Event,  ApcRoutine,           ApcContext, IoStatusBlock,
                                  FileInformation, Length, FileInformationClass, QueryFlags, FileName,
                                  VERIFY_CALLER};
    return Enumerate(&e);
}

NTSTATUS ZwQueryDirectoryFileEx(HANDLE FileHandle, HANDLE Event, PIO_APC_ROUTINE ApcRoutine, PVOID ApcContext,
                                PIO_STATUS_BLOCK IoStatusBlock, PVOID FileInformation, ULONG Length,
                                FILE_INFORMATION_CLASS FileInformationClass, ULONG QueryFlags,
                                PUNICODE_STRING FileName)
{
    IOP_ZW(NtQueryDirectoryFileEx(FileHandle, Event, ApcRoutine, ApcContext, IoStatusBlock, FileInformation, Length,
                                  FileInformationClass, QueryFlags, FileName));
}

/* -- change notification -------------------------------------------------------------------------------------- */

static NTSTATUS Notify(HANDLE handle, HANDLE event, PIO_APC_ROUTINE apc, PVOID context, PIO_STATUS_BLOCK iosb,
                       PVOID buffer, ULONG length, ULONG filter, BOOLEAN tree, ULONG kind, const void *site)
{
    struct iop_service s;
    if ((filter & ~(ULONG)FILE_NOTIFY_VALID_MASK) || !filter)
        return STATUS_INVALID_PARAMETER;
    s.wait.site = site;
    NTSTATUS status = IopBeginService(&s, handle, FILE_LIST_DIRECTORY, iosb);
    if (!NT_SUCCESS(status))
        return status;
    status = IopProbe(s.mode, buffer, length, sizeof(ULONG), true);
    if (NT_SUCCESS(status))
        status = IopServiceEvent(&s, event, apc, context);
    if (!NT_SUCCESS(status))
        return IopEndService(&s, status);
    IopLockService(&s);
    PIRP irp = IopServiceIrp(&s, IRP_MJ_DIRECTORY_CONTROL,
                             kind ? IRP_MN_NOTIFY_CHANGE_DIRECTORY_EX : IRP_MN_NOTIFY_CHANGE_DIRECTORY);
    PIO_STACK_LOCATION stack = IoGetNextIrpStackLocation(irp);
    if (length && !Output(irp, s.device, buffer, length)) {
        IopFreeIrp(irp);
        return IopEndService(&s, STATUS_INSUFFICIENT_RESOURCES);
    }
    stack->Flags = tree ? SL_WATCH_TREE : 0;
    stack->Parameters.NotifyDirectoryEx.Length = length;
    stack->Parameters.NotifyDirectoryEx.CompletionFilter = filter;
    if (kind)
        stack->Parameters.NotifyDirectoryEx.DirectoryNotifyInformationClass = (DIRECTORY_NOTIFY_INFORMATION_CLASS)kind;
    return IopRunService(&s, irp, false);
}

NTSTATUS NtNotifyChangeDirectoryFile(HANDLE FileHandle, HANDLE Event, PIO_APC_ROUTINE ApcRoutine, PVOID ApcContext,
                                     PIO_STATUS_BLOCK IoStatusBlock, PVOID Buffer, ULONG Length,
                                     ULONG CompletionFilter, BOOLEAN WatchTree)
{
    return Notify(FileHandle, Event, ApcRoutine, ApcContext, IoStatusBlock, Buffer, Length, CompletionFilter, WatchTree,
                  0, VERIFY_CALLER);
}

NTSTATUS ZwNotifyChangeDirectoryFile(HANDLE FileHandle, HANDLE Event, PIO_APC_ROUTINE ApcRoutine, PVOID ApcContext,
                                     PIO_STATUS_BLOCK IoStatusBlock, PVOID Buffer, ULONG Length,
                                     ULONG CompletionFilter, BOOLEAN WatchTree)
{
    const void *site = VERIFY_CALLER;
    IOP_ZW(Notify(FileHandle, Event, ApcRoutine, ApcContext, IoStatusBlock, Buffer, Length, CompletionFilter, WatchTree,
                  0, site));
}
