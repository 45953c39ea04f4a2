/* Simulated connections: what a program or its peer does, and what the filter engine is asked on the way. */
#ifndef FLTSIM_NET_CONNECTION_H
#define FLTSIM_NET_CONNECTION_H

#include "net/classify.h"

#include <fltsim/net.h>

/* One direction of the data. */
struct net_direction {
    UCHAR *waiting; // shown to callouts, and not decided on
    SIZE_T waiting_size;
    UCHAR *passed; // what reached the other end, under net_state.lock
    SIZE_T passed_size;
    bool allowed; // FWPS_STREAM_ACTION_ALLOW_CONNECTION
};

struct fltsim_connection {
    struct fltsim_connection *next; // net_state.connections
    struct fltsim_net_options options;
    IN6_ADDR local6, remote6;
    bool v6;
    UINT64 process;
    struct net_flow *flow;
    struct net_direction out, in;
    bool dropped; // no data go through any more
};

/* Its addresses, defaults filled in. */
void NetpDescribeConnection(struct fltsim_connection *connection, const struct fltsim_net_options *options);
/* Fills in everything that is not the layer's own. `storage` lives as long as the classification. */
struct net_storage {
    FWP_BYTE_ARRAY16 local, remote;
    FWP_BYTE_BLOB application;
    WCHAR path[260];
    UINT64 interface;
};
void NetpFillClassification(struct net_classification *c, const struct fltsim_connection *connection, UINT16 layer,
                            bool inbound, UINT32 flags, struct net_storage *storage);

/* Data as network buffers: one list, one buffer, one MDL, `header` bytes in front of the data. */
struct net_packet {
    NET_BUFFER_LIST list;
    NET_BUFFER buffer;
    UCHAR *bytes;
};
struct net_packet *NetpMakePacket(const void *data, SIZE_T size, ULONG header);
void NetpFreePacket(struct net_packet *packet);

/* Data that a callout injects: behind what passed already. STATUS_INVALID_PARAMETER: no such flow or callout. */
NTSTATUS NetpInject(UINT64 flow, UINT32 callout, bool inbound, const UCHAR *bytes, SIZE_T size);
/* Shows the data, with what waited, to the stream layer; answers false where the connection was dropped. */
bool NetpStream(struct fltsim_connection *connection, bool inbound, const void *data, SIZE_T size, bool last);
void NetpPass(struct net_direction *direction, const UCHAR *bytes, SIZE_T size);

#endif
