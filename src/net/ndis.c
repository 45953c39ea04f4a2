/* NDIS's handles, memory and events. */
#include "net/netp.h"

#include "ex/pool.h"
#include "fault/fault.h"
#include "verify/api.h"

struct net_generic {
    struct net_object object;
    NDIS_GENERIC_OBJECT header; // the driver's bytes follow
};

PNDIS_GENERIC_OBJECT NdisAllocateGenericObject(PDRIVER_OBJECT DriverObject, ULONG Tag, USHORT Size)
{
    API_ENTER(NdisAllocateGenericObject, NULL, SCHED_WRITE);
    struct net_generic *generic = NetpCreate(sizeof *generic + Size, NET_GENERIC, offsetof(struct net_generic, header), NULL,
                                             VERIFY_CALLER);
    if (!generic)
        return NULL;
    generic->object.tag = Tag;
    generic->header.Header = (NDIS_OBJECT_HEADER){NDIS_OBJECT_TYPE_DEFAULT, NDIS_GENERIC_OBJECT_REVISION_1,
                                                  sizeof generic->header};
    generic->header.DriverObject = DriverObject;
    return &generic->header;
}

VOID NdisFreeGenericObject(PNDIS_GENERIC_OBJECT NdisObject)
{
    API_ENTER(NdisFreeGenericObject, NdisObject, SCHED_WRITE);
    sim_free(NetpTake(NdisObject, NET_GENERIC, "NdisFreeGenericObject", VERIFY_CALLER));
}

PVOID NdisAllocateMemoryWithTagPriority(NDIS_HANDLE NdisHandle, UINT Length, ULONG Tag, EX_POOL_PRIORITY Priority)
{
    API_IRQL(NdisAllocateMemoryWithTagPriority);
    return fault_allocation() ? NULL : ExpAllocate(0, Length, Tag, VERIFY_CALLER);
}

NDIS_STATUS NdisAllocateMemoryWithTag(PVOID *VirtualAddress, UINT Length, ULONG Tag)
{
    API_IRQL(NdisAllocateMemoryWithTag);
    *VirtualAddress = fault_allocation() ? NULL : ExpAllocate(0, Length, Tag, VERIFY_CALLER);
    return *VirtualAddress ? NDIS_STATUS_SUCCESS : NDIS_STATUS_RESOURCES;
}

VOID NdisFreeMemory(PVOID VirtualAddress, UINT Length, UINT MemoryFlags)
{
    API_IRQL(NdisFreeMemory);
    ExpFree(VirtualAddress, 0, "NdisFreeMemory", VERIFY_CALLER);
}

/* ---- events ---- */

VOID NdisInitializeEvent(PNDIS_EVENT Event)
{
    API_IRQL(NdisInitializeEvent);
    KeInitializeEvent(&Event->Event, NotificationEvent, FALSE);
}

VOID NdisSetEvent(PNDIS_EVENT Event)
{
    API_IRQL(NdisSetEvent);
    KeSetEvent(&Event->Event, IO_NO_INCREMENT, FALSE);
}

VOID NdisResetEvent(PNDIS_EVENT Event)
{
    API_IRQL(NdisResetEvent);
    KeResetEvent(&Event->Event);
}

BOOLEAN NdisWaitEvent(PNDIS_EVENT Event, UINT MsToWait)
{
    API_IRQL(NdisWaitEvent);
    LARGE_INTEGER timeout = {.QuadPart = -10000LL * MsToWait};
    return KeWaitForSingleObject(&Event->Event, Executive, KernelMode, FALSE, MsToWait ? &timeout : NULL) ==
           STATUS_SUCCESS;
}
