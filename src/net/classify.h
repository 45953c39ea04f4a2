/* A classification: which filters match, what their callouts say, and what comes of it. */
#ifndef FLTSIM_NET_CLASSIFY_H
#define FLTSIM_NET_CLASSIFY_H

#include "net/flow.h"
#include "net/layer.h"

struct net_classification {
    const struct net_layer *layer;
    FWP_VALUE0 fields[NET_FIELDS];
    FWPS_INCOMING_METADATA_VALUES0 meta;
    struct net_flow *flow; // NULL: none
    void *data;            // what callouts get as layerData
    FWPS_STREAM_CALLOUT_IO_PACKET0 *stream; // the same at a stream layer, looked at after each callout
    KIRQL irql;
    /* What came of it. */
    FWP_ACTION_TYPE action; // FWP_ACTION_PERMIT or FWP_ACTION_BLOCK
    bool hard;              // lower sublayers cannot change it
    bool absorbed;
    SIZE_T enforced;        // of a stream's bytes: the least that a callout wants it for; 0: all
    FWPS_STREAM_ACTION_TYPE stream_action;
};

void NetpClassify(struct net_classification *c);

#endif
