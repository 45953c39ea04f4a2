#include "mm/mmp.h"

#include "fault/fault.h"
#include "plat/pages.h"

#include <string.h>

/* -- probing: all addresses are one space, so only what can be wrong in any of them is checked ---
 */

static void check_range(const volatile VOID *address, SIZE_T length, ULONG alignment)
{
    if (length == 0)
        return;
    if ((ULONG_PTR)address & (alignment - 1))
        ExRaiseDatatypeMisalignment();
    if ((ULONG_PTR)address < MI_PAGE || (ULONG_PTR)address + length < (ULONG_PTR)address)
        ExRaiseAccessViolation();
}

VOID ProbeForRead(const volatile VOID *Address, SIZE_T Length, ULONG Alignment)
{
    API_IRQL(ProbeForRead);
    check_range(Address, Length, Alignment);
}

VOID ProbeForWrite(volatile VOID *Address, SIZE_T Length, ULONG Alignment)
{
    API_IRQL(ProbeForWrite);
    check_range(Address, Length, Alignment);
    if (Length == 0)
        return;
    volatile UCHAR *at = Address, *last = at + Length - 1;
    for (;; at = (volatile UCHAR *)(((ULONG_PTR)at | (MI_PAGE - 1)) + 1)) {
        UCHAR value = *at;
        __atomic_compare_exchange_n(at, &value, value, 0, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
        if (((ULONG_PTR)at | (MI_PAGE - 1)) >= (ULONG_PTR)last)
            break;
    }
}

BOOLEAN MmIsAddressValid(PVOID VirtualAddress)
{
    API_IRQL(MmIsAddressValid);
    return VirtualAddress && plat_pages_readable(VirtualAddress, 1);
}

NTSTATUS MmCopyMemory(PVOID TargetAddress, MM_COPY_ADDRESS SourceAddress, SIZE_T NumberOfBytes,
                      ULONG Flags, PSIZE_T NumberOfBytesTransferred)
{
    API_IRQL(MmCopyMemory);
    PVOID source = Flags & MM_COPY_MEMORY_PHYSICAL
                       ? (PVOID)(ULONG_PTR)SourceAddress.PhysicalAddress.QuadPart
                       : SourceAddress.VirtualAddress;
    *NumberOfBytesTransferred = 0;
    if (Flags != MM_COPY_MEMORY_PHYSICAL && Flags != MM_COPY_MEMORY_VIRTUAL)
        return STATUS_INVALID_PARAMETER_4;
    if (!plat_pages_readable(source, NumberOfBytes))
        return STATUS_INVALID_ADDRESS;
    memcpy(TargetAddress, source, NumberOfBytes);
    *NumberOfBytesTransferred = NumberOfBytes;
    return STATUS_SUCCESS;
}

NTSTATUS MmCopyVirtualMemory(PEPROCESS FromProcess, PVOID FromAddress, PEPROCESS ToProcess,
                             PVOID ToAddress, SIZE_T BufferSize, KPROCESSOR_MODE PreviousMode,
                             PSIZE_T NumberOfBytesCopied)
{
    API_IRQL(MmCopyVirtualMemory);
    *NumberOfBytesCopied = 0;
    if (!plat_pages_readable(FromAddress, BufferSize) ||
        !plat_pages_readable(ToAddress, BufferSize))
        return STATUS_ACCESS_VIOLATION;
    memmove(ToAddress, FromAddress, BufferSize);
    *NumberOfBytesCopied = BufferSize;
    return STATUS_SUCCESS;
}

PHYSICAL_ADDRESS MmGetPhysicalAddress(PVOID BaseAddress)
{
    API_IRQL(MmGetPhysicalAddress);
    return (PHYSICAL_ADDRESS){.QuadPart = (LONGLONG)(ULONG_PTR)BaseAddress};
}

PVOID MmGetVirtualForPhysical(PHYSICAL_ADDRESS PhysicalAddress)
{
    API_IRQL(MmGetVirtualForPhysical);
    return (PVOID)(ULONG_PTR)PhysicalAddress.QuadPart;
}

/* Physical and virtual addresses are the same ones: what is mapped is seen where it is. */
PVOID MmMapIoSpace(PHYSICAL_ADDRESS PhysicalAddress, SIZE_T NumberOfBytes, MEMORY_CACHING_TYPE CacheType)
{
    API_ENTER(MmMapIoSpace, NULL, SCHED_WRITE);
    PVOID address = (PVOID)(ULONG_PTR)PhysicalAddress.QuadPart;
    return NumberOfBytes && !fault_allocation() && plat_pages_readable(address, NumberOfBytes) ? address : NULL;
}

VOID MmUnmapIoSpace(PVOID BaseAddress, SIZE_T NumberOfBytes)
{
    API_ENTER(MmUnmapIoSpace, BaseAddress, SCHED_WRITE);
}

LOGICAL MmIsVerifierEnabled(PULONG VerifierFlags)
{
    API_IRQL(MmIsVerifierEnabled);
    *VerifierFlags = 0;
    return FALSE;
}
