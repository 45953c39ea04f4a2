/* Quotas, and asking for information by name. */
#include "iop.h"

#include <string.h>

static NTSTATUS QueryQuota(HANDLE handle, PIO_STATUS_BLOCK iosb, PVOID buffer, ULONG length, BOOLEAN single,
                           PVOID list, ULONG list_length, PSID start, BOOLEAN restart, const void *site)
{
    struct iop_service s;
    s.wait.site = site;
    NTSTATUS status = IopBeginService(&s, handle, FILE_READ_DATA, iosb);
    if (!NT_SUCCESS(status))
        return status;
    status = IopProbe(s.mode, buffer, length, sizeof(ULONG), true);
    if (NT_SUCCESS(status) && list)
        status = IopProbe(s.mode, list, list_length, sizeof(ULONG), false);
    if (!NT_SUCCESS(status))
        return IopEndService(&s, status);
    IopLockService(&s);
    PIRP irp = IopServiceIrp(&s, IRP_MJ_QUERY_QUOTA, 0);
    PIO_STACK_LOCATION stack = IoGetNextIrpStackLocation(irp);
    irp->UserBuffer = buffer;
    irp->Flags |= IRP_INPUT_OPERATION;
    if (!IopSystemBuffer(irp, NULL, 0, length)) {
        IopFreeIrp(irp);
        return IopEndService(&s, STATUS_INSUFFICIENT_RESOURCES);
    }
    stack->Flags = (UCHAR)((restart ? SL_RESTART_SCAN : 0) | (single ? SL_RETURN_SINGLE_ENTRY : 0));
    stack->Parameters.QueryQuota.Length = length;
    stack->Parameters.QueryQuota.StartSid = start;
    stack->Parameters.QueryQuota.SidList = list;
    stack->Parameters.QueryQuota.SidListLength = list_length;
    return IopRunService(&s, irp, true);
}

NTSTATUS NtQueryQuotaInformationFile(HANDLE FileHandle, PIO_STATUS_BLOCK IoStatusBlock, PVOID Buffer, ULONG Length,
                                     BOOLEAN ReturnSingleEntry, PVOID SidList, ULONG SidListLength, PSID StartSid,
                                     BOOLEAN RestartScan)
{
    return QueryQuota(FileHandle, IoStatusBlock, Buffer, Length, ReturnSingleEntry, SidList, SidListLength, StartSid,
                      RestartScan, VERIFY_CALLER);
}

NTSTATUS ZwQueryQuotaInformationFile(HANDLE FileHandle, PIO_STATUS_BLOCK IoStatusBlock, PVOID Buffer, ULONG Length,
                                     BOOLEAN ReturnSingleEntry, PVOID SidList, ULONG SidListLength, PSID StartSid,
                                     BOOLEAN RestartScan)
{
    const void *site = VERIFY_CALLER;
    IOP_ZW(QueryQuota(FileHandle, IoStatusBlock, Buffer, Length, ReturnSingleEntry, SidList, SidListLength, StartSid,
                      RestartScan, site));
}

static NTSTATUS SetQuota(HANDLE handle, PIO_STATUS_BLOCK iosb, PVOID buffer, ULONG length, const void *site)
{
    struct iop_service s;
    s.wait.site = site;
    NTSTATUS status = IopBeginService(&s, handle, FILE_WRITE_DATA, iosb);
    if (!NT_SUCCESS(status))
        return status;
    status = IopProbe(s.mode, buffer, length, sizeof(ULONG), false);
    if (!NT_SUCCESS(status))
        return IopEndService(&s, status);
    IopLockService(&s);
    PIRP irp = IopServiceIrp(&s, IRP_MJ_SET_QUOTA, 0);
    if (!IopSystemBuffer(irp, buffer, length, length)) {
        IopFreeIrp(irp);
        return IopEndService(&s, STATUS_INSUFFICIENT_RESOURCES);
    }
    IoGetNextIrpStackLocation(irp)->Parameters.SetQuota.Length = length;
    return IopRunService(&s, irp, true);
}

NTSTATUS NtSetQuotaInformationFile(HANDLE FileHandle, PIO_STATUS_BLOCK IoStatusBlock, PVOID Buffer, ULONG Length)
{
    return SetQuota(FileHandle, IoStatusBlock, Buffer, Length, VERIFY_CALLER);
}

NTSTATUS ZwSetQuotaInformationFile(HANDLE FileHandle, PIO_STATUS_BLOCK IoStatusBlock, PVOID Buffer, ULONG Length)
{
    const void *site = VERIFY_CALLER;
    IOP_ZW(SetQuota(FileHandle, IoStatusBlock, Buffer, Length, site));
}
