/* Filter arbitration, as "Filter Arbitration" in the Windows SDK's documentation has it: in each sublayer the heaviest matching
 * filter that decides; over the sublayers, heaviest first, each decision unless one before is hard. */
#include "net/classify.h"

#include "ke/thread.h"
#include "verify/api.h"

#include <stdlib.h>

/* ---- which filters match ---- */

static bool holds(const struct wfp_filter *filter, UINT32 i, const FWP_VALUE0 *values)
{
    const FWPS_FILTER_CONDITION0 *condition = &filter->fwps.filterCondition[i];
    return NetpMatches(condition, &values[condition->fieldId]);
}

/* Conditions on one field are alternatives. */
static bool matches(const struct wfp_filter *filter, const FWP_VALUE0 *values)
{
    const FWPS_FILTER_CONDITION0 *conditions = filter->fwps.filterCondition;
    for (UINT32 i = 0; i < filter->fwps.numFilterConditions; i++) {
        bool any = false;
        for (UINT32 j = 0; j < filter->fwps.numFilterConditions && !any; j++)
            any = conditions[j].fieldId == conditions[i].fieldId && holds(filter, j, values);
        if (!any)
            return false;
    }
    return true;
}

static bool is_visible(const struct wfp_entry *entry)
{
    return entry->change != WFP_ADDED && !entry->unseen;
}

static bool is_candidate(const struct wfp_filter *filter, const struct net_classification *c, const FWP_VALUE0 *values)
{
    return filter->entry.layer == c->layer && is_visible(&filter->entry) && !(filter->flags & FWPM_FILTER_FLAG_DISABLED) &&
           matches(filter, values);
}

static int by_weight(const void *one, const void *other)
{
    const struct wfp_filter *a = *(const struct wfp_filter *const *)one, *b = *(const struct wfp_filter *const *)other;
    const struct wfp_entry *over_a = a->entry.refers[1], *over_b = b->entry.refers[1];
    if (over_a->weight != over_b->weight)
        return over_a->weight < over_b->weight ? 1 : -1;
    if (over_a != over_b)
        return memcmp(&over_a->key, &over_b->key, sizeof(GUID));
    if (a->weight != b->weight)
        return a->weight < b->weight ? 1 : -1;
    return a->entry.id < b->entry.id ? -1 : 1;
}

/* Held, and in the order they are asked. */
static size_t gather(struct net_classification *c, const FWP_VALUE0 *values, struct wfp_filter ***filters)
{
    size_t count = 0, room = 0;

    *filters = NULL;
    sched_lock(&machine->net->lock);
    for (struct wfp_entry *entry = WFP->entries[WFP_FILTER]; entry; entry = entry->next)
        room += is_candidate((struct wfp_filter *)entry, c, values);
    if (room)
        *filters = sim_alloc(room * sizeof **filters);
    for (struct wfp_entry *entry = WFP->entries[WFP_FILTER]; entry && room; entry = entry->next)
        if (is_candidate((struct wfp_filter *)entry, c, values)) {
            entry->uses++;
            entry->refers[1]->uses++;
            (*filters)[count++] = (struct wfp_filter *)entry;
        }
    sched_unlock(&machine->net->lock);
    if (count)
        qsort(*filters, count, sizeof **filters, by_weight);
    return count;
}

static void drop(struct wfp_filter **filters, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct wfp_entry *sublayer = filters[i]->entry.refers[1];
        NetpDropEntry(&filters[i]->entry);
        NetpDropEntry(sublayer);
    }
    sim_free(filters);
}

/* ---- asking a callout ---- */

struct asked {
    struct net_classification *c;
    FWPS_INCOMING_VALUES0 *values;
    struct wfp_filter *filter;
    struct net_callout *callout;
    UINT64 context;
    FWPS_CLASSIFY_OUT0 out;
};

static void irql_changed(const struct net_callout *callout, KIRQL before)
{
    struct verify_violation *v =
        verify_begin(VERIFY_IRQL_NOT_RESTORED, "A callout's classifyFn was called at IRQL %u and returned at IRQL %u.", before,
                     KiCurrentThread()->irql);
    verify_routine(v, "classifyFn", (const void *)callout->classify);
    verify_end(v);
    KiCurrentThread()->irql = before;
}

static void call(struct asked *asked)
{
    struct net_classification *c = asked->c;
    KIRQL before = KiCurrentIrql();

    sched_point("classifyFn", asked->callout, SCHED_READ);
    if (before < c->irql)
        KeRaiseIrql(c->irql, &before);
    KIRQL at = KiCurrentIrql();
    if (asked->callout->version)
        asked->callout->classify(asked->values, &c->meta, c->data, NULL, &asked->filter->fwps, asked->context, &asked->out);
    else
        asked->callout->classify0(asked->values, &c->meta, c->data, (const FWPS_FILTER0 *)&asked->filter->fwps, asked->context,
                                  &asked->out);
    if (KiCurrentIrql() != at)
        irql_changed(asked->callout, at);
    if (at != before)
        KeLowerIrql(before);
}

/* What a stream callout said beside its action. */
static void look_at_stream(struct net_classification *c, FWP_ACTION_TYPE type)
{
    FWPS_STREAM_CALLOUT_IO_PACKET0 *packet = c->stream;
    if (packet->countBytesEnforced && (!c->enforced || packet->countBytesEnforced < c->enforced))
        c->enforced = packet->countBytesEnforced;
    bool drops = packet->streamAction == FWPS_STREAM_ACTION_DROP_CONNECTION;
    if (packet->streamAction != FWPS_STREAM_ACTION_NONE && !(drops && type == FWP_ACTION_CALLOUT_INSPECTION))
        c->stream_action = packet->streamAction;
    packet->streamAction = FWPS_STREAM_ACTION_NONE;
    packet->countBytesEnforced = 0;
    packet->countBytesRequired = 0;
}

/* ---- deciding ---- */

struct decision {
    FWP_ACTION_TYPE action; // FWP_ACTION_CONTINUE: none
    bool hard;
    bool veto; // by a callout
};

static struct decision without_callout(const struct wfp_filter *filter)
{
    if (filter->fwps.action.type == FWP_ACTION_CALLOUT_INSPECTION)
        return (struct decision){.action = FWP_ACTION_CONTINUE};
    if (filter->flags & FWPM_FILTER_FLAG_PERMIT_IF_CALLOUT_UNREGISTERED)
        return (struct decision){.action = FWP_ACTION_PERMIT};
    return (struct decision){.action = FWP_ACTION_BLOCK, .hard = true};
}

static struct decision ask(struct net_classification *c, FWPS_INCOMING_VALUES0 *values, struct wfp_filter *filter)
{
    struct net_callout *callout = NetpHoldCallout(filter->fwps.action.calloutId);
    struct decision decision = {.action = FWP_ACTION_CONTINUE};
    if (!callout)
        return without_callout(filter);
    struct net_flow_context *context = NetpUseContext(c->flow, c->layer->id, callout->id);
    if (context || !(callout->flags & FWP_CALLOUT_FLAG_CONDITIONAL_ON_FLOW)) {
        struct asked asked = {c, values, filter, callout, context ? context->context : 0,
                              {.actionType = FWP_ACTION_CONTINUE, .rights = c->hard ? 0 : FWPS_RIGHT_ACTION_WRITE}};
        call(&asked);
        if (filter->fwps.action.type != FWP_ACTION_CALLOUT_INSPECTION)
            decision = (struct decision){asked.out.actionType, !(asked.out.rights & FWPS_RIGHT_ACTION_WRITE),
                                         asked.out.actionType == FWP_ACTION_BLOCK};
        if (decision.action == FWP_ACTION_BLOCK && asked.out.flags & FWPS_CLASSIFY_OUT_FLAG_ABSORB)
            c->absorbed = true;
        if (c->stream)
            look_at_stream(c, filter->fwps.action.type);
    }
    NetpReleaseContext(c->flow, context);
    ExReleaseRundownProtection(&callout->running);
    return decision;
}

static struct decision evaluate(struct net_classification *c, FWPS_INCOMING_VALUES0 *values, struct wfp_filter *filter)
{
    FWP_ACTION_TYPE type = filter->fwps.action.type;
    if (type & FWP_ACTION_FLAG_CALLOUT)
        return ask(c, values, filter);
    return (struct decision){.action = type,
                             .hard = type == FWP_ACTION_BLOCK || filter->flags & FWPM_FILTER_FLAG_CLEAR_ACTION_RIGHT};
}

static bool decides(FWP_ACTION_TYPE action)
{
    return action == FWP_ACTION_PERMIT || action == FWP_ACTION_BLOCK;
}

static void take_over(struct net_classification *c, struct decision decision)
{
    bool vetoed = decision.veto && c->action == FWP_ACTION_PERMIT;
    if (!c->hard || vetoed) {
        c->action = decision.action;
        c->hard = decision.hard || (c->hard && vetoed);
    }
}

void NetpClassify(struct net_classification *c)
{
    FWPS_INCOMING_VALUE0 *incoming = sim_alloc((c->layer->count + 1u) * sizeof *incoming);
    FWPS_INCOMING_VALUES0 values = {c->layer->id, c->layer->count, incoming};
    struct wfp_filter **filters;

    for (int i = 0; i < NET_FIELDS; i++)
        if (c->layer->index[i])
            incoming[c->layer->index[i] - 1].value = c->fields[i];
    c->action = FWP_ACTION_PERMIT;
    size_t count = gather(c, &incoming->value, &filters);
    for (size_t i = 0; i < count;) {
        const struct wfp_entry *sublayer = filters[i]->entry.refers[1];
        struct decision decision = {.action = FWP_ACTION_CONTINUE};
        for (; i < count && filters[i]->entry.refers[1] == sublayer; i++)
            if (!decides(decision.action))
                decision = evaluate(c, &values, filters[i]);
        if (decides(decision.action))
            take_over(c, decision);
    }
    drop(filters, count);
    sim_free(incoming);
}
