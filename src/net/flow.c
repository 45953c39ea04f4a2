#include "net/flow.h"
#include "net/layer.h"

#include "fault/fault.h"
#include "verify/api.h"

struct net_flow *NetpStartFlow(struct fltsim_connection *connection)
{
    struct net_flow *flow = sim_alloc(sizeof *flow);
    flow->connection = connection;
    sched_lock(&machine->net->lock);
    flow->id = ++WFP->last_flow;
    flow->next = WFP->flows;
    WFP->flows = flow;
    sched_unlock(&machine->net->lock);
    return flow;
}

struct net_flow *NetpFindFlow(UINT64 id)
{
    struct net_flow *flow = WFP->flows;
    while (flow && flow->id != id)
        flow = flow->next;
    return flow;
}

static struct net_flow_context **link_of(struct net_flow *flow, UINT16 layer, UINT32 callout)
{
    struct net_flow_context **link = &flow->contexts;
    while (*link && ((*link)->layer != layer || (*link)->callout != callout))
        link = &(*link)->next;
    return link;
}

/* The context is off its flow. */
static void delete_context(struct net_flow_context *context)
{
    struct net_callout *callout = NetpHoldCallout(context->callout);
    if (callout) {
        KIRQL irql;
        KeRaiseIrql(DISPATCH_LEVEL, &irql);
        callout->flow_delete(context->layer, context->callout, context->context);
        KeLowerIrql(irql);
        sched_lock(&machine->net->lock);
        callout->contexts--;
        sched_unlock(&machine->net->lock);
        ExReleaseRundownProtection(&callout->running);
    }
    sim_free(context);
}

void NetpEndFlow(struct net_flow *flow)
{
    sched_lock(&machine->net->lock);
    struct net_flow **link = &WFP->flows;
    while (*link != flow)
        link = &(*link)->next;
    *link = flow->next;
    struct net_flow_context *contexts = flow->contexts;
    flow->contexts = NULL;
    sched_unlock(&machine->net->lock);
    while (contexts) {
        struct net_flow_context *next = contexts->next;
        delete_context(contexts);
        contexts = next;
    }
    sim_free(flow);
}

/* ---- for one classification ---- */

struct net_flow_context *NetpUseContext(struct net_flow *flow, UINT16 layer, UINT32 callout)
{
    sched_lock(&machine->net->lock);
    struct net_flow_context *context = flow ? *link_of(flow, layer, callout) : NULL;
    if (context)
        context->busy++;
    sched_unlock(&machine->net->lock);
    return context;
}

void NetpReleaseContext(struct net_flow *flow, struct net_flow_context *context)
{
    if (!context)
        return;
    sched_lock(&machine->net->lock);
    bool gone = --context->busy == 0 && context->removing;
    if (gone)
        *link_of(flow, context->layer, context->callout) = context->next;
    sched_unlock(&machine->net->lock);
    if (gone)
        delete_context(context);
}

/* ---- the callouts' own ---- */

static NTSTATUS associate(UINT64 id, struct net_flow_context *context)
{
    struct net_flow *flow = NetpFindFlow(id);
    struct net_callout *callout = NetpFindCallout(context->callout);
    if (!flow || !callout || callout->leaving || !callout->flow_delete)
        return STATUS_INVALID_PARAMETER;
    if (*link_of(flow, context->layer, context->callout))
        return STATUS_OBJECT_NAME_EXISTS;
    context->next = flow->contexts;
    flow->contexts = context;
    callout->contexts++;
    return STATUS_SUCCESS;
}

NTSTATUS FwpsFlowAssociateContext0(UINT64 flowId, UINT16 layerId, UINT32 calloutId, UINT64 flowContext)
{
    API_ENTER(FwpsFlowAssociateContext0, NULL, SCHED_WRITE);
    if (!flowContext || !NetpLayerById(layerId))
        return STATUS_INVALID_PARAMETER;
    if (fault_allocation())
        return STATUS_INSUFFICIENT_RESOURCES;
    struct net_flow_context *context = sim_alloc(sizeof *context);
    context->layer = layerId;
    context->callout = calloutId;
    context->context = flowContext;
    sched_lock(&machine->net->lock);
    NTSTATUS status = associate(flowId, context);
    sched_unlock(&machine->net->lock);
    if (status != STATUS_SUCCESS)
        sim_free(context);
    return status;
}

NTSTATUS FwpsFlowRemoveContext0(UINT64 flowId, UINT16 layerId, UINT32 calloutId)
{
    API_ENTER(FwpsFlowRemoveContext0, NULL, SCHED_WRITE);
    NTSTATUS status = STATUS_UNSUCCESSFUL;
    struct net_flow_context *context = NULL;

    sched_lock(&machine->net->lock);
    struct net_flow *flow = NetpFindFlow(flowId);
    struct net_flow_context **link = flow ? link_of(flow, layerId, calloutId) : NULL;
    if (link && *link && !(*link)->removing) {
        context = *link;
        status = context->busy ? STATUS_PENDING : STATUS_SUCCESS;
        context->removing = true;
        if (status == STATUS_SUCCESS)
            *link = context->next;
    }
    sched_unlock(&machine->net->lock);
    if (status == STATUS_SUCCESS)
        delete_context(context);
    return status;
}

NTSTATUS FwpsFlowAbort0(UINT64 flowId)
{
    API_ENTER(FwpsFlowAbort0, NULL, SCHED_WRITE);
    sched_lock(&machine->net->lock);
    struct net_flow *flow = NetpFindFlow(flowId);
    if (flow)
        __atomic_store_n(&flow->aborted, true, __ATOMIC_RELEASE);
    sched_unlock(&machine->net->lock);
    return flow ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER;
}
