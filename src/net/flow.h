/* Data flows, and what callouts hang on them. */
#ifndef FLTSIM_NET_FLOW_H
#define FLTSIM_NET_FLOW_H

#include "net/wfp.h"

struct net_flow_context {
    struct net_flow_context *next; // net_flow.contexts
    UINT16 layer;
    UINT32 callout;
    UINT64 context;
    ULONG busy;    // classifications that were given it
    bool removing; // FwpsFlowRemoveContext0 came meanwhile
};

struct net_flow {
    struct net_flow *next; // wfp_state.flows
    UINT64 id;
    struct net_flow_context *contexts; // under net_state.lock
    bool aborted;
    struct fltsim_connection *connection;
};

struct net_flow *NetpStartFlow(struct fltsim_connection *connection);
/* Deletes its contexts: flowDeleteFn of each callout. */
void NetpEndFlow(struct net_flow *flow);
/* With the lock held. */
struct net_flow *NetpFindFlow(UINT64 id);

/* The context of that callout for one classification; NULL: it has none. Give it back by NetpReleaseContext. */
struct net_flow_context *NetpUseContext(struct net_flow *flow, UINT16 layer, UINT32 callout);
void NetpReleaseContext(struct net_flow *flow, struct net_flow_context *context);

#endif
