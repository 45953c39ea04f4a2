/* NDIS for drivers that are no network drivers: handles, memory, events, locks. There are no adapters: what registers
 * miniports, protocols and filters is absent, and a driver that needs it does not link.
 *
 * Ownership: NdisAllocateGenericObject pairs with NdisFreeGenericObject (rule network-leak), memory with NdisFreeMemory
 * (pool-leak).
 * Pages: ndis.h. */
#ifndef FLTSIM_WDK_NT_NET_NDIS_H
#define FLTSIM_WDK_NT_NET_NDIS_H

#include <ntddndis.h>

#include "../ex.h"
#include "../ke.h"
#include "../rtl.h"
#include "nbl.h"

FLTSIM_WDK_BEGIN

typedef UNICODE_STRING NDIS_STRING, *PNDIS_STRING;
typedef LARGE_INTEGER NDIS_PHYSICAL_ADDRESS, *PNDIS_PHYSICAL_ADDRESS;
typedef MDL NDIS_BUFFER, *PNDIS_BUFFER;
typedef ULONG NDIS_PORT_NUMBER, *PNDIS_PORT_NUMBER;

#define NDIS_DEFAULT_PORT_NUMBER ((NDIS_PORT_NUMBER)0)
#define NDIS_STATUS_SUCCESS ((NDIS_STATUS)STATUS_SUCCESS)
#define NDIS_STATUS_PENDING ((NDIS_STATUS)STATUS_PENDING)
#define NDIS_STATUS_NOT_RECOGNIZED ((NDIS_STATUS)0x00010001)
#define NDIS_STATUS_NOT_COPIED ((NDIS_STATUS)0x00010002)
#define NDIS_STATUS_NOT_ACCEPTED ((NDIS_STATUS)0x00010003)
#define NDIS_STATUS_FAILURE ((NDIS_STATUS)STATUS_UNSUCCESSFUL)
#define NDIS_STATUS_RESOURCES ((NDIS_STATUS)STATUS_INSUFFICIENT_RESOURCES)
#define NDIS_STATUS_NOT_SUPPORTED ((NDIS_STATUS)STATUS_NOT_SUPPORTED)
#define NDIS_STATUS_INVALID_PARAMETER ((NDIS_STATUS)STATUS_INVALID_PARAMETER)
#define NDIS_STATUS_BUFFER_OVERFLOW ((NDIS_STATUS)STATUS_BUFFER_OVERFLOW)
#define NDIS_STATUS_CLOSING ((NDIS_STATUS)0xC0010002)
#define NDIS_STATUS_BAD_VERSION ((NDIS_STATUS)0xC0010004)
#define NDIS_STATUS_BAD_CHARACTERISTICS ((NDIS_STATUS)0xC0010005)
#define NDIS_STATUS_ADAPTER_NOT_FOUND ((NDIS_STATUS)0xC0010006)
#define NDIS_STATUS_INVALID_LENGTH ((NDIS_STATUS)0xC0010014)
#define NDIS_STATUS_INVALID_DATA ((NDIS_STATUS)0xC0010015)
#define NDIS_STATUS_BUFFER_TOO_SHORT ((NDIS_STATUS)0xC0010016)
#define NDIS_STATUS_REQUEST_ABORTED ((NDIS_STATUS)0xC001000C)
#define NDIS_STRING_CONST(x) RTL_CONSTANT_STRING(L##x)

/* The caller's Size bytes follow the structure. */
typedef struct _NDIS_GENERIC_OBJECT {
    NDIS_OBJECT_HEADER Header;
    PVOID Caller;
    PVOID CallersCaller;
    PDRIVER_OBJECT DriverObject;
} NDIS_GENERIC_OBJECT, *PNDIS_GENERIC_OBJECT;

/* <= DISPATCH_LEVEL. NULL: no memory. */
PNDIS_GENERIC_OBJECT NdisAllocateGenericObject(_In_opt_ PDRIVER_OBJECT DriverObject, _In_ ULONG Tag, _In_ USHORT Size);
VOID NdisFreeGenericObject(_In_ PNDIS_GENERIC_OBJECT NdisObject);

/* ---- memory ---- */

/* <= DISPATCH_LEVEL. Nonpaged pool, the caller's to give to NdisFreeMemory. NULL, NDIS_STATUS_RESOURCES: no memory. */
PVOID NdisAllocateMemoryWithTagPriority(_In_ NDIS_HANDLE NdisHandle, _In_ UINT Length, _In_ ULONG Tag,
                                        _In_ EX_POOL_PRIORITY Priority);
NDIS_STATUS NdisAllocateMemoryWithTag(_Out_ PVOID *VirtualAddress, _In_ UINT Length, _In_ ULONG Tag);
VOID NdisFreeMemory(_In_ PVOID VirtualAddress, _In_ UINT Length, _In_ UINT MemoryFlags);
#define NdisFreeMemoryWithTag(VirtualAddress, Tag) NdisFreeMemory(VirtualAddress, 0, 0)

#define NdisMoveMemory(Destination, Source, Length) RtlCopyMemory(Destination, Source, Length)
#define NdisZeroMemory(Destination, Length) RtlZeroMemory(Destination, Length)
#define NdisFillMemory(Destination, Length, Fill) RtlFillMemory(Destination, Length, Fill)
#define NdisEqualMemory(Source1, Source2, Length) RtlEqualMemory(Source1, Source2, Length)

/* ---- events ---- */

typedef struct _NDIS_EVENT {
    KEVENT Event;
} NDIS_EVENT, *PNDIS_EVENT;

/* Any IRQL; a notification event that is not signalled. Its memory is the caller's, and nonpaged. */
VOID NdisInitializeEvent(_Out_ PNDIS_EVENT Event);
/* <= DISPATCH_LEVEL. */
VOID NdisSetEvent(_Inout_ PNDIS_EVENT Event);
VOID NdisResetEvent(_Inout_ PNDIS_EVENT Event);
/* PASSIVE_LEVEL. MsToWait 0: for ever. FALSE: the time is over. */
BOOLEAN NdisWaitEvent(_In_ PNDIS_EVENT Event, _In_ UINT MsToWait);

/* ---- locks ---- */

typedef struct _NDIS_SPIN_LOCK {
    KSPIN_LOCK SpinLock;
    KIRQL OldIrql;
} NDIS_SPIN_LOCK, *PNDIS_SPIN_LOCK;

FLTSIM_INLINE VOID NdisAllocateSpinLock(PNDIS_SPIN_LOCK SpinLock)
{
    KeInitializeSpinLock(&SpinLock->SpinLock);
    SpinLock->OldIrql = 0;
}

FLTSIM_INLINE VOID NdisFreeSpinLock(PNDIS_SPIN_LOCK SpinLock)
{
    (void)SpinLock;
}

FLTSIM_INLINE VOID NdisAcquireSpinLock(PNDIS_SPIN_LOCK SpinLock)
{
    KIRQL irql;
    KeAcquireSpinLock(&SpinLock->SpinLock, &irql);
    SpinLock->OldIrql = irql;
}

FLTSIM_INLINE VOID NdisReleaseSpinLock(PNDIS_SPIN_LOCK SpinLock)
{
    KeReleaseSpinLock(&SpinLock->SpinLock, SpinLock->OldIrql);
}

#define NdisDprAcquireSpinLock(Lock) KeAcquireSpinLockAtDpcLevel(&(Lock)->SpinLock)
#define NdisDprReleaseSpinLock(Lock) KeReleaseSpinLockFromDpcLevel(&(Lock)->SpinLock)
#define NdisInterlockedIncrement(Addend) InterlockedIncrement(Addend)
#define NdisInterlockedDecrement(Addend) InterlockedDecrement(Addend)
#define NdisInitializeListHead(Head) InitializeListHead(Head)
#define NdisGetCurrentSystemTime(Time) KeQuerySystemTime(Time)

#define NdisQueryMdl(Mdl, VirtualAddress, Length, Priority)                                                            \
    ((VirtualAddress) ? (void)(*(PVOID *)(VirtualAddress) = MmGetSystemAddressForMdlSafe((Mdl), (Priority))) : (void)0, \
     (void)(*(Length) = MmGetMdlByteCount(Mdl)))
#define NdisGetNextMdl(CurrentMdl, NextMdl) (*(NextMdl) = (CurrentMdl)->Next)

FLTSIM_WDK_END

#endif
