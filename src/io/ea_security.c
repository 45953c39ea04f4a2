/* NtQueryEaFile, NtSetEaFile, and the security of files. */
#include "iop.h"

#include "se/sep.h"

#include <string.h>

static bool Buffer(PIRP irp, PDEVICE_OBJECT device, PVOID buffer, ULONG length, bool out)
{
    irp->UserBuffer = buffer;
    if (!length)
        return true;
    if (device->Flags & DO_BUFFERED_IO) {
        if (out)
            irp->Flags |= IRP_INPUT_OPERATION;
        return IopSystemBuffer(irp, out ? NULL : buffer, out ? 0 : length, length);
    }
    if (device->Flags & DO_DIRECT_IO)
        return IopLockBuffer(irp, buffer, length, out ? IoWriteAccess : IoReadAccess);
    return true;
}

static NTSTATUS QueryEa(HANDLE handle, PIO_STATUS_BLOCK iosb, PVOID buffer, ULONG length, BOOLEAN single, PVOID list,
                        ULONG list_length, PULONG index, BOOLEAN restart, const void *site)
{
    struct iop_service s;
    s.wait.site = site;
    NTSTATUS status = IopBeginService(&s, handle, FILE_READ_EA, iosb);
    if (!NT_SUCCESS(status))
        return status;
    status = IopProbe(s.mode, buffer, length, sizeof(ULONG), true);
    if (NT_SUCCESS(status) && list)
        status = IopProbe(s.mode, list, list_length, sizeof(ULONG), false);
    if (NT_SUCCESS(status) && index)
        status = IopProbe(s.mode, index, sizeof *index, sizeof(ULONG), false);
    if (!NT_SUCCESS(status))
        return IopEndService(&s, status);
    IopLockService(&s);
    PIRP irp = IopServiceIrp(&s, IRP_MJ_QUERY_EA, 0);
    PIO_STACK_LOCATION stack = IoGetNextIrpStackLocation(irp);
    if (!Buffer(irp, s.device, buffer, length, true)) {
        IopFreeIrp(irp);
        return IopEndService(&s, STATUS_INSUFFICIENT_RESOURCES);
    }
    stack->Parameters.QueryEa.Length = length;
    stack->Parameters.QueryEa.EaList = list;
    stack->Parameters.QueryEa.EaListLength = list ? list_length : 0;
    stack->Parameters.QueryEa.EaIndex = index ? *index : 0;
    stack->Flags = (UCHAR)((restart ? SL_RESTART_SCAN : 0) | (single ? SL_RETURN_SINGLE_ENTRY : 0) |
                           (index ? SL_INDEX_SPECIFIED : 0));
    return IopRunService(&s, irp, true);
}

NTSTATUS NtQueryEaFile(HANDLE FileHandle, PIO_STATUS_BLOCK IoStatusBlock, PVOID Buffer, ULONG Length,
                       BOOLEAN ReturnSingleEntry, PVOID EaList, ULONG EaListLength, PULONG EaIndex, BOOLEAN RestartScan)
{
    return QueryEa(FileHandle, IoStatusBlock, Buffer, Length, ReturnSingleEntry, EaList, EaListLength, EaIndex,
                   RestartScan, VERIFY_CALLER);
}

NTSTATUS ZwQueryEaFile(HANDLE FileHandle, PIO_STATUS_BLOCK IoStatusBlock, PVOID Buffer, ULONG Length,
                       BOOLEAN ReturnSingleEntry, PVOID EaList, ULONG EaListLength, PULONG EaIndex, BOOLEAN RestartScan)
{
    const void *site = VERIFY_CALLER;
    IOP_ZW(QueryEa(FileHandle, IoStatusBlock, Buffer, Length, ReturnSingleEntry, EaList, EaListLength, EaIndex,
                   RestartScan, site));
}

static NTSTATUS SetEa(HANDLE handle, PIO_STATUS_BLOCK iosb, PVOID buffer, ULONG length, const void *site)
{
    struct iop_service s;
    ULONG bad;
    s.wait.site = site;
    NTSTATUS status = IopBeginService(&s, handle, FILE_WRITE_EA, iosb);
    if (!NT_SUCCESS(status))
        return status;
    status = IopProbe(s.mode, buffer, length, sizeof(ULONG), false);
    if (!NT_SUCCESS(status))
        return IopEndService(&s, status);
    status = length ? IoCheckEaBufferValidity(buffer, length, &bad) : STATUS_SUCCESS;
    if (!NT_SUCCESS(status)) {
        iosb->Status = status;
        iosb->Information = bad;
        return IopEndService(&s, status);
    }
    IopLockService(&s);
    PIRP irp = IopServiceIrp(&s, IRP_MJ_SET_EA, 0);
    if (!Buffer(irp, s.device, buffer, length, false)) {
        IopFreeIrp(irp);
        return IopEndService(&s, STATUS_INSUFFICIENT_RESOURCES);
    }
    IoGetNextIrpStackLocation(irp)->Parameters.SetEa.Length = length;
    return IopRunService(&s, irp, true);
}

NTSTATUS NtSetEaFile(HANDLE FileHandle, PIO_STATUS_BLOCK IoStatusBlock, PVOID Buffer, ULONG Length)
{
    return SetEa(FileHandle, IoStatusBlock, Buffer, Length, VERIFY_CALLER);
}

NTSTATUS ZwSetEaFile(HANDLE FileHandle, PIO_STATUS_BLOCK IoStatusBlock, PVOID Buffer, ULONG Length)
{
    const void *site = VERIFY_CALLER;
    IOP_ZW(SetEa(FileHandle, IoStatusBlock, Buffer, Length, site));
}

/* -- security --------------------------------------------------------------------------------------------------- */

static ACCESS_MASK RightsToRead(SECURITY_INFORMATION kind)
{
    ACCESS_MASK access = 0;
    if (kind & (OWNER_SECURITY_INFORMATION | GROUP_SECURITY_INFORMATION | DACL_SECURITY_INFORMATION))
        access |= READ_CONTROL;
    if (kind & SACL_SECURITY_INFORMATION)
        access |= ACCESS_SYSTEM_SECURITY;
    return access;
}

static ACCESS_MASK RightsToWrite(SECURITY_INFORMATION kind)
{
    ACCESS_MASK access = 0;
    if (kind & (OWNER_SECURITY_INFORMATION | GROUP_SECURITY_INFORMATION))
        access |= WRITE_OWNER;
    if (kind & DACL_SECURITY_INFORMATION)
        access |= WRITE_DAC;
    if (kind & SACL_SECURITY_INFORMATION)
        access |= ACCESS_SYSTEM_SECURITY;
    return access;
}

static NTSTATUS QuerySecurity(HANDLE handle, SECURITY_INFORMATION kind, PSECURITY_DESCRIPTOR buffer, ULONG length,
                              PULONG needed, const void *site)
{
    struct iop_service s;
    IO_STATUS_BLOCK iosb = {0};
    s.wait.site = site;
    NTSTATUS status = IopBeginService(&s, handle, RightsToRead(kind), &iosb);
    if (!NT_SUCCESS(status))
        return status;
    status = IopProbe(s.mode, needed, sizeof *needed, sizeof(ULONG), true);
    if (NT_SUCCESS(status))
        status = IopProbe(s.mode, buffer, length, sizeof(ULONG), true);
    if (!NT_SUCCESS(status))
        return IopEndService(&s, status);
    IopLockService(&s);
    PIRP irp = IopServiceIrp(&s, IRP_MJ_QUERY_SECURITY, 0);
    PIO_STACK_LOCATION stack = IoGetNextIrpStackLocation(irp);
    irp->UserBuffer = buffer;
    stack->Parameters.QuerySecurity.SecurityInformation = kind;
    stack->Parameters.QuerySecurity.Length = length;
    irp->Flags |= IRP_SYNCHRONOUS_API;
    struct iop_service *service = &s;
    status = IopRunService(service, irp, true);
    *needed = (ULONG)s.wait.result.Information;
    return status == STATUS_BUFFER_OVERFLOW ? STATUS_BUFFER_TOO_SMALL : status;
}

NTSTATUS NtQuerySecurityObject(HANDLE Handle, SECURITY_INFORMATION SecurityInformation,
                               PSECURITY_DESCRIPTOR SecurityDescriptor, ULONG Length, PULONG LengthNeeded)
{
    return QuerySecurity(Handle, SecurityInformation, SecurityDescriptor, Length, LengthNeeded, VERIFY_CALLER);
}

NTSTATUS ZwQuerySecurityObject(HANDLE Handle, SECURITY_INFORMATION SecurityInformation,
                               PSECURITY_DESCRIPTOR SecurityDescriptor, ULONG Length, PULONG LengthNeeded)
{
    API_ENTER(ZwQuerySecurityObject, Handle, SCHED_READ);
    const void *site = VERIFY_CALLER;
    IOP_ZW(QuerySecurity(Handle, SecurityInformation, SecurityDescriptor, Length, LengthNeeded, site));
}

static NTSTATUS SetSecurity(HANDLE handle, SECURITY_INFORMATION kind, PSECURITY_DESCRIPTOR descriptor,
                            const void *site)
{
    struct iop_service s;
    IO_STATUS_BLOCK iosb = {0};
    s.wait.site = site;
    NTSTATUS status = IopBeginService(&s, handle, RightsToWrite(kind), &iosb);
    if (!NT_SUCCESS(status))
        return status;
    status = IopProbe(s.mode, descriptor, sizeof(SECURITY_DESCRIPTOR_RELATIVE), sizeof(ULONG), false);
    if (NT_SUCCESS(status))
        status = SepCheckDescriptor(descriptor);
    if (!NT_SUCCESS(status))
        return IopEndService(&s, status);
    IopLockService(&s);
    PIRP irp = IopServiceIrp(&s, IRP_MJ_SET_SECURITY, 0);
    PIO_STACK_LOCATION stack = IoGetNextIrpStackLocation(irp);
    stack->Parameters.SetSecurity.SecurityInformation = kind;
    stack->Parameters.SetSecurity.SecurityDescriptor = descriptor;
    return IopRunService(&s, irp, true);
}

NTSTATUS NtSetSecurityObject(HANDLE Handle, SECURITY_INFORMATION SecurityInformation,
                             PSECURITY_DESCRIPTOR SecurityDescriptor)
{
    return SetSecurity(Handle, SecurityInformation, SecurityDescriptor, VERIFY_CALLER);
}

NTSTATUS ZwSetSecurityObject(HANDLE Handle, SECURITY_INFORMATION SecurityInformation,
                             PSECURITY_DESCRIPTOR SecurityDescriptor)
{
    API_ENTER(ZwSetSecurityObject, Handle, SCHED_WRITE);
    const void *site = VERIFY_CALLER;
    IOP_ZW(SetSecurity(Handle, SecurityInformation, SecurityDescriptor, site));
}
