/* Injection handles, and data that callouts inject into streams. */
#include "net/connection.h"
#include "net/nbl.h"

#include "ex/lock.h"
#include "ex/work.h"
#include "fault/fault.h"
#include "verify/api.h"

struct net_injection {
    struct net_object object;
    UINT32 types;
    EX_RUNDOWN_REF running; // injections that are not completed
    bool closing;
};

enum { KNOWN_TYPES = 0x1f };

NTSTATUS FwpsInjectionHandleCreate0(ADDRESS_FAMILY addressFamily, UINT32 flags, HANDLE *injectionHandle)
{
    API_ENTER(FwpsInjectionHandleCreate0, NULL, SCHED_WRITE);
    if (!injectionHandle)
        return STATUS_FWP_NULL_POINTER;
    if (!flags || flags & ~(UINT32)KNOWN_TYPES ||
        (addressFamily != AF_UNSPEC && addressFamily != AF_INET && addressFamily != AF_INET6))
        return STATUS_INVALID_PARAMETER;
    struct net_injection *made = NetpCreate(sizeof *made, NET_INJECTION, 0, NULL, VERIFY_CALLER);
    if (!made)
        return STATUS_INSUFFICIENT_RESOURCES;
    made->types = flags;
    ExInitializeRundownProtection(&made->running);
    *injectionHandle = made;
    return STATUS_SUCCESS;
}

/* It stays on the list while it waits, so that injecting into it is refused. */
NTSTATUS FwpsInjectionHandleDestroy0(HANDLE injectionHandle)
{
    API_ENTER(FwpsInjectionHandleDestroy0, injectionHandle, SCHED_WRITE);
    struct net_injection *injection = (struct net_injection *)NetpFind(injectionHandle, NET_INJECTION);
    if (!injection) {
        NetpReportMisuse(injectionHandle, NET_INJECTION, "FwpsInjectionHandleDestroy0", VERIFY_CALLER);
        return STATUS_INVALID_HANDLE;
    }
    if (__atomic_exchange_n(&injection->closing, true, __ATOMIC_ACQ_REL))
        return STATUS_FWP_INJECT_HANDLE_CLOSING;
    ExWaitForRundownProtectionRelease(&injection->running);
    sim_free(NetpTake(injectionHandle, NET_INJECTION, "FwpsInjectionHandleDestroy0", VERIFY_CALLER));
    return STATUS_SUCCESS;
}

/* ---- into streams ---- */

struct completion {
    struct net_injection *injection;
    NET_BUFFER_LIST *list;
    FWPS_INJECT_COMPLETE0 routine;
    void *context;
};

static void complete(void *argument)
{
    struct completion *completion = argument;
    struct net_injection *injection = completion->injection;
    KIRQL irql;

    KeRaiseIrql(DISPATCH_LEVEL, &irql);
    completion->routine(completion->context, completion->list, TRUE);
    KeLowerIrql(irql);
    sim_free(completion);
    InterlockedDecrement(&machine->net->injecting);
    ExReleaseRundownProtection(&injection->running);
}

/* Everything that the lists of the chain describe. */
static UCHAR *flatten(const NET_BUFFER_LIST *chain, SIZE_T length)
{
    UCHAR *bytes = sim_alloc(length + 1);
    SIZE_T done = 0;
    for (; chain; chain = chain->Next)
        for (const NET_BUFFER *buffer = chain->FirstNetBuffer; buffer && done < length; buffer = buffer->Next)
            done += NetpCopyData(buffer, 0, bytes + done, length - done);
    return bytes;
}

static struct net_injection *hold(HANDLE handle, NTSTATUS *status)
{
    sched_lock(&machine->net->lock);
    struct net_injection *injection = (struct net_injection *)NetpFindLocked(handle, NET_INJECTION);
    if (!injection || !(injection->types & FWPS_INJECTION_TYPE_STREAM))
        *status = STATUS_INVALID_PARAMETER;
    else if (__atomic_load_n(&injection->closing, __ATOMIC_ACQUIRE) || !ExpAcquireRundown(&injection->running))
        *status = STATUS_FWP_INJECT_HANDLE_CLOSING;
    else
        *status = STATUS_SUCCESS;
    sched_unlock(&machine->net->lock);
    return *status == STATUS_SUCCESS ? injection : NULL;
}

static bool is_stream(UINT16 layer)
{
    return layer == FWPS_LAYER_STREAM_V4 || layer == FWPS_LAYER_STREAM_V6;
}

NTSTATUS FwpsStreamInjectAsync0(HANDLE injectionHandle, HANDLE injectionContext, UINT32 flags, UINT64 flowId, UINT32 calloutId,
                                UINT16 layerId, UINT32 streamFlags, NET_BUFFER_LIST *netBufferList, SIZE_T dataLength,
                                FWPS_INJECT_COMPLETE0 completionFn, HANDLE completionContext)
{
    API_ENTER(FwpsStreamInjectAsync0, injectionHandle, SCHED_WRITE);
    NTSTATUS status;
    bool inbound = streamFlags & FWPS_STREAM_FLAG_RECEIVE, outbound = streamFlags & FWPS_STREAM_FLAG_SEND;
    if (flags || inbound == outbound || !is_stream(layerId) || !netBufferList || !completionFn)
        return STATUS_INVALID_PARAMETER;
    if (fault_allocation())
        return STATUS_INSUFFICIENT_RESOURCES;
    struct net_injection *injection = hold(injectionHandle, &status);
    if (!injection)
        return status;
    UCHAR *bytes = flatten(netBufferList, dataLength);
    status = NetpInject(flowId, calloutId, inbound, bytes, dataLength);
    sim_free(bytes);
    if (!NT_SUCCESS(status)) {
        ExReleaseRundownProtection(&injection->running);
        return status;
    }
    netBufferList->Status = STATUS_SUCCESS;
    struct completion *completion = sim_alloc(sizeof *completion);
    *completion = (struct completion){injection, netBufferList, completionFn, completionContext};
    InterlockedIncrement(&machine->net->injecting);
    ExpQueueWork(complete, completion);
    return STATUS_SUCCESS;
}
