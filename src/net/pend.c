#include "net/pend.h"

#include "verify/api.h"

struct net_pending *NetpOfferPending(bool reauthorizes)
{
    struct net_pending *pending = NetpCreate(sizeof *pending, NET_PENDING, 0, NULL, NULL);
    if (!pending)
        return NULL;
    pending->reauthorizes = reauthorizes;
    KeInitializeEvent(&pending->completed, NotificationEvent, FALSE);
    return pending;
}

bool NetpAwaitPending(struct net_pending *pending)
{
    if (!pending)
        return false;
    bool pended = __atomic_load_n(&pending->pended, __ATOMIC_ACQUIRE);
    if (pended)
        KeWaitForSingleObject(&pending->completed, Executive, KernelMode, FALSE, NULL);
    NetpTake(pending, NET_PENDING, "", NULL);
    sim_free(pending);
    return pended;
}

NTSTATUS FwpsPendOperation0(HANDLE completionHandle, HANDLE *completionContext)
{
    API_ENTER(FwpsPendOperation0, completionHandle, SCHED_WRITE);
    if (!completionHandle || !completionContext)
        return STATUS_FWP_NULL_POINTER;
    struct net_pending *pending = (struct net_pending *)NetpFind(completionHandle, NET_PENDING);
    if (!pending)
        return STATUS_INVALID_PARAMETER;
    if (pending->reauthorizes || __atomic_exchange_n(&pending->pended, true, __ATOMIC_ACQ_REL))
        return STATUS_FWP_CANNOT_PEND;
    *completionContext = pending;
    return STATUS_SUCCESS;
}

VOID FwpsCompleteOperation0(HANDLE completionContext, NET_BUFFER_LIST *netBufferList)
{
    API_ENTER(FwpsCompleteOperation0, completionContext, SCHED_WRITE);
    struct net_pending *pending = (struct net_pending *)NetpFind(completionContext, NET_PENDING);
    if (!pending || !__atomic_load_n(&pending->pended, __ATOMIC_ACQUIRE))
        NetpReportMisuse(completionContext, NET_PENDING, "FwpsCompleteOperation0", VERIFY_CALLER);
    else
        KeSetEvent(&pending->completed, IO_NO_INCREMENT, FALSE);
}
