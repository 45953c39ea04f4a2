/* Networking, for tests of drivers that filter it along with files: connections as programs and their peers make them, each
 * step shown to the filter engine (wdk/nt/net/wfp_callout.h), and the engine's state.
 *
 *     fltsim_net_connect(&(struct fltsim_net_options){.remote_port = 443}, &connection);
 *     fltsim_net_send(connection, "GET /", 5);
 *     fltsim_net_close(connection);
 *
 * There is no network and no peer: what passes the filters is kept, and fltsim_net_passed shows it. The calling thread's
 * process (fltsim_impersonate) is the program. */
#ifndef FLTSIM_NET_H
#define FLTSIM_NET_H

#include <fwpsk.h>
#include <fwpmk.h>

#include <fltsim/fltsim.h>

FLTSIM_WDK_BEGIN

/* Addresses and ports in host order. */
struct fltsim_net_options {
    uint32_t local, remote;               /* IPv4; 0: 192.0.2.1, 198.51.100.1 */
    bool v6;                              /* IPv6: set, or by an address */
    const IN6_ADDR *local6, *remote6;     /* NULL: 2001:db8::1, 2001:db8::2 */
    uint16_t local_port, remote_port;     /* 0: 49152, 80 */
    uint8_t protocol;                     /* 0: IPPROTO_TCP */
    bool inbound;                         /* the peer connects */
    uint32_t flags;                       /* more FWP_CONDITION_FLAG_..., as ..._IS_LOOPBACK */
};

struct fltsim_connection;

/* options: copied, with the addresses that they point to. *connection is the caller's until
 * fltsim_net_close; one that is left is closed with the machine. Outbound: ALE_RESOURCE_ASSIGNMENT and ALE_AUTH_CONNECT at PASSIVE_LEVEL; inbound: ALE_AUTH_RECV_ACCEPT at DISPATCH_LEVEL;
 * then ALE_FLOW_ESTABLISHED. A callout that lets an authorization wait makes this wait. STATUS_ACCESS_DENIED: blocked;
 * STATUS_CONNECTION_ABORTED: blocked where the flow is established. *connection is NULL then. */
NTSTATUS fltsim_net_connect(const struct fltsim_net_options *options, struct fltsim_connection **connection);
/* TCP: the stream layer and the transport layer; others: the datagram layer and the transport layer; receiving the other way
 * round. At DISPATCH_LEVEL. STATUS_SUCCESS also where the data were blocked; STATUS_CONNECTION_RESET: a callout dropped the
 * connection. */
NTSTATUS fltsim_net_send(struct fltsim_connection *connection, const void *data, size_t size);
NTSTATUS fltsim_net_receive(struct fltsim_connection *connection, const void *data, size_t size);
/* What has passed, injected data included, in order. Valid until the next call on the connection. */
const void *fltsim_net_passed(struct fltsim_connection *connection, bool inbound, size_t *size);
/* The flow's handle, as FWPS_METADATA_FIELD_FLOW_HANDLE gives it to callouts. */
uint64_t fltsim_net_flow(const struct fltsim_connection *connection);
/* Streams end (a disconnect indication each way), ALE_ENDPOINT_CLOSURE, and the contexts of the flow go. NULL: nothing. The
 * structure is gone. */
void fltsim_net_close(struct fltsim_connection *connection);

/* One classification at a layer, outside of a connection: FWP_ACTION_PERMIT or FWP_ACTION_BLOCK. data: as one NET_BUFFER_LIST,
 * at DISPATCH_LEVEL; NULL: none, at PASSIVE_LEVEL. FWP_ACTION_NONE: nothing is classified at that layer here (frames, virtual
 * switches, IPsec, RPC, forwarding, ICMP errors, discards). */
FWP_ACTION_TYPE fltsim_net_classify(UINT16 layer, const struct fltsim_net_options *options, const void *data, size_t size);

/* The Base Filtering Engine changes state: whoever subscribed hears of it before this returns. PASSIVE_LEVEL. Only the state
 * changes: in FWPM_SERVICE_RUNNING sessions can be opened; objects stay. */
void fltsim_net_engine_state(FWPM_SERVICE_STATE state);

FLTSIM_WDK_END

#endif
