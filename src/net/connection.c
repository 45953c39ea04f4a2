/* What programs do on the network, for tests: connecting, sending, receiving, closing. */
#include "net/connection.h"
#include "net/nbl.h"
#include "net/pend.h"

#include "ps/process.h"
#include "sim/misuse.h"

/* ---- what classifications are given ---- */

static const IN6_ADDR local6 = {{{0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}}},
                      remote6 = {{{0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2}}};

void NetpDescribeConnection(struct fltsim_connection *connection, const struct fltsim_net_options *options)
{
    if (options)
        connection->options = *options;
    struct fltsim_net_options *o = &connection->options;
    connection->v6 = o->v6 || o->local6 || o->remote6;
    connection->local6 = o->local6 ? *o->local6 : local6;
    connection->remote6 = o->remote6 ? *o->remote6 : remote6;
    o->local = o->local ? o->local : 0xc0000201;
    o->remote = o->remote ? o->remote : 0xc6336401;
    o->local_port = o->local_port ? o->local_port : 49152;
    o->remote_port = o->remote_port ? o->remote_port : 80;
    o->protocol = o->protocol ? o->protocol : IPPROTO_TCP;
    connection->process = (UINT64)(ULONG_PTR)PsGetCurrentProcessId();
}

/* As FwpmGetAppIdFromFileName gives it: the device path in lower case, with its terminator. */
static void fill_application(struct net_storage *storage)
{
    const UNICODE_STRING *path = &KiCurrentProcess()->image_path;
    size_t count = path->Length / sizeof(WCHAR), room = sizeof storage->path / sizeof(WCHAR) - 1;

    count = count < room ? count : room;
    for (size_t i = 0; i < count; i++)
        storage->path[i] = RtlDowncaseUnicodeChar(path->Buffer[i]);
    storage->path[count] = 0;
    storage->application = (FWP_BYTE_BLOB){(UINT32)((count + 1) * sizeof(WCHAR)), (UINT8 *)storage->path};
}

static FWP_VALUE0 address(const struct fltsim_connection *connection, UINT32 v4, const IN6_ADDR *v6, FWP_BYTE_ARRAY16 *storage)
{
    if (!connection->v6)
        return (FWP_VALUE0){.type = FWP_UINT32, .uint32 = v4};
    memcpy(storage->byteArray16, v6, sizeof *v6);
    return (FWP_VALUE0){.type = FWP_BYTE_ARRAY16_TYPE, .byteArray16 = storage};
}

#define NUMBER(kind, member, number) ((FWP_VALUE0){.type = (kind), .member = (number)})

static void fill_metadata(struct net_classification *c, const struct fltsim_connection *connection, struct net_storage *storage)
{
    FWPS_INCOMING_METADATA_VALUES0 *meta = &c->meta;

    meta->currentMetadataValues |= FWPS_METADATA_FIELD_PROCESS_ID | FWPS_METADATA_FIELD_COMPARTMENT_ID;
    meta->processId = connection->process;
    meta->compartmentId = DEFAULT_COMPARTMENT_ID;
    if (c->layer->index[NET_FIELD_ALE_APP_ID]) {
        meta->currentMetadataValues |= FWPS_METADATA_FIELD_PROCESS_PATH;
        meta->processPath = &storage->application;
    }
    if (c->flow) {
        meta->currentMetadataValues |= FWPS_METADATA_FIELD_FLOW_HANDLE;
        meta->flowHandle = c->flow->id;
    }
}

void NetpFillClassification(struct net_classification *c, const struct fltsim_connection *connection, UINT16 layer,
                            bool inbound, UINT32 flags, struct net_storage *storage)
{
    const struct fltsim_net_options *o = &connection->options;
    FWP_VALUE0 *fields = c->fields;

    c->layer = NetpLayerById(layer);
    fill_application(storage);
    storage->interface = 1;
    fields[NET_FIELD_ALE_APP_ID] = NUMBER(FWP_BYTE_BLOB_TYPE, byteBlob, &storage->application);
    fields[NET_FIELD_IP_PROTOCOL] = NUMBER(FWP_UINT8, uint8, o->protocol);
    fields[NET_FIELD_IP_LOCAL_ADDRESS] = address(connection, o->local, &connection->local6, &storage->local);
    fields[NET_FIELD_IP_REMOTE_ADDRESS] = address(connection, o->remote, &connection->remote6, &storage->remote);
    fields[NET_FIELD_IP_LOCAL_ADDRESS_TYPE] = NUMBER(FWP_UINT8, uint8, NlatUnicast);
    fields[NET_FIELD_IP_DESTINATION_ADDRESS_TYPE] = NUMBER(FWP_UINT8, uint8, NlatUnicast);
    fields[NET_FIELD_IP_LOCAL_PORT] = NUMBER(FWP_UINT16, uint16, o->local_port);
    fields[NET_FIELD_IP_REMOTE_PORT] = NUMBER(FWP_UINT16, uint16, o->remote_port);
    fields[NET_FIELD_IP_LOCAL_INTERFACE] = NUMBER(FWP_UINT64, uint64, &storage->interface);
    fields[NET_FIELD_INTERFACE_INDEX] = NUMBER(FWP_UINT32, uint32, 1);
    fields[NET_FIELD_INTERFACE_TYPE] = NUMBER(FWP_UINT32, uint32, 6);
    fields[NET_FIELD_SUB_INTERFACE_INDEX] = NUMBER(FWP_UINT32, uint32, 0);
    fields[NET_FIELD_TUNNEL_TYPE] = NUMBER(FWP_UINT32, uint32, 0);
    fields[NET_FIELD_DIRECTION] = NUMBER(FWP_UINT32, uint32, inbound ? FWP_DIRECTION_INBOUND : FWP_DIRECTION_OUTBOUND);
    fields[NET_FIELD_FLAGS] = NUMBER(FWP_UINT32, uint32, flags | o->flags);
    fields[NET_FIELD_COMPARTMENT_ID] = NUMBER(FWP_UINT32, uint32, DEFAULT_COMPARTMENT_ID);
    fill_metadata(c, connection, storage);
}

#define LAYER(connection, name) ((UINT16)((connection)->v6 ? FWPS_LAYER_##name##_V6 : FWPS_LAYER_##name##_V4))

static FWP_ACTION_TYPE classify(struct fltsim_connection *connection, UINT16 layer, KIRQL irql, UINT32 flags,
                                struct net_pending *pending, struct net_packet *packet)
{
    struct net_storage storage;
    struct net_classification c = {.irql = irql, .flow = connection->flow, .data = packet ? &packet->list : NULL};
    if (pending) {
        c.meta.currentMetadataValues = FWPS_METADATA_FIELD_COMPLETION_HANDLE;
        c.meta.completionHandle = pending;
    }
    NetpFillClassification(&c, connection, layer, connection->options.inbound, flags, &storage);
    NetpClassify(&c);
    return c.action;
}

/* ---- connecting ---- */

/* A callout may let it wait; then it is asked once more. */
static FWP_ACTION_TYPE authorize(struct fltsim_connection *connection, UINT16 layer, KIRQL irql)
{
    struct net_pending *pending = NetpOfferPending(false);
    FWP_ACTION_TYPE action = classify(connection, layer, irql, 0, pending, NULL);
    if (!NetpAwaitPending(pending))
        return action;
    pending = NetpOfferPending(true);
    action = classify(connection, layer, irql, FWP_CONDITION_FLAG_IS_REAUTHORIZE, pending, NULL);
    NetpAwaitPending(pending);
    return action;
}

static bool is_authorized(struct fltsim_connection *connection)
{
    if (connection->options.inbound)
        return authorize(connection, LAYER(connection, ALE_AUTH_RECV_ACCEPT), DISPATCH_LEVEL) == FWP_ACTION_PERMIT;
    return authorize(connection, LAYER(connection, ALE_RESOURCE_ASSIGNMENT), PASSIVE_LEVEL) == FWP_ACTION_PERMIT &&
           authorize(connection, LAYER(connection, ALE_AUTH_CONNECT), PASSIVE_LEVEL) == FWP_ACTION_PERMIT;
}

static void link_connection(struct fltsim_connection *connection)
{
    sched_lock(&machine->net->lock);
    connection->next = machine->net->connections;
    machine->net->connections = connection;
    sched_unlock(&machine->net->lock);
}

static bool unlink_connection(struct fltsim_connection *connection)
{
    sched_lock(&machine->net->lock);
    struct fltsim_connection **at = &machine->net->connections;
    while (*at && *at != connection)
        at = &(*at)->next;
    bool found = *at;
    if (found)
        *at = connection->next;
    sched_unlock(&machine->net->lock);
    return found;
}

static bool is_connection(const struct fltsim_connection *wanted)
{
    const struct fltsim_connection *connection;
    sched_lock(&machine->net->lock);
    for (connection = machine->net->connections; connection && connection != wanted; connection = connection->next)
        continue;
    sched_unlock(&machine->net->lock);
    return connection != NULL;
}

#define NEED_CONNECTION(connection)                                                                                    \
    SIM_NEED_MACHINE();                                                                                                \
    SIM_NEED(connection, "the connection is NULL: did fltsim_net_connect fail?");                                      \
    SIM_NEED(is_connection(connection), "the connection was closed before, or is of an earlier machine")

static void end_connection(struct fltsim_connection *connection)
{
    if (connection->options.protocol == IPPROTO_TCP && !connection->dropped) {
        NetpStream(connection, false, NULL, 0, true);
        NetpStream(connection, true, NULL, 0, true);
    }
    classify(connection, LAYER(connection, ALE_ENDPOINT_CLOSURE), DISPATCH_LEVEL, 0, NULL, NULL);
    NetpEndFlow(connection->flow);
    sim_free(connection->in.waiting);
    sim_free(connection->in.passed);
    sim_free(connection->out.waiting);
    sim_free(connection->out.passed);
    sim_free(connection);
}

NTSTATUS fltsim_net_connect(const struct fltsim_net_options *options, struct fltsim_connection **result)
{
    SIM_NEED_MACHINE();
    SIM_NEED(result, "connection is NULL");
    struct fltsim_connection *connection = sim_alloc(sizeof *connection);
    NetpDescribeConnection(connection, options);
    *result = NULL;
    if (!is_authorized(connection)) {
        sim_free(connection);
        return STATUS_ACCESS_DENIED;
    }
    connection->flow = NetpStartFlow(connection);
    if (classify(connection, LAYER(connection, ALE_FLOW_ESTABLISHED), DISPATCH_LEVEL, 0, NULL, NULL) == FWP_ACTION_BLOCK) {
        end_connection(connection);
        return STATUS_CONNECTION_ABORTED;
    }
    link_connection(connection);
    *result = connection;
    return STATUS_SUCCESS;
}

void fltsim_net_close(struct fltsim_connection *connection)
{
    SIM_NEED_MACHINE();
    if (!connection)
        return;
    SIM_NEED(unlink_connection(connection), "the connection was closed before, or is of an earlier machine");
    end_connection(connection);
}

void NetpCloseConnections(void)
{
    while (machine->net->connections)
        fltsim_net_close(machine->net->connections);
}

/* ---- data ---- */

/* The header that stands before the data: ports, in network order, are all of it that is filled in. */
static FWP_ACTION_TYPE ask_packet_layer(struct fltsim_connection *connection, bool inbound, UINT16 layer, const void *data,
                                        SIZE_T size)
{
    const struct fltsim_net_options *o = &connection->options;
    ULONG header = o->protocol == IPPROTO_TCP ? 20 : 8;
    struct net_packet *packet = NetpMakePacket(data, size, header);
    UINT16 from = inbound ? o->remote_port : o->local_port, to = inbound ? o->local_port : o->remote_port;
    struct net_storage storage;
    struct net_classification c = {.irql = DISPATCH_LEVEL, .flow = connection->flow, .data = &packet->list};

    packet->bytes[0] = (UCHAR)(from >> 8), packet->bytes[1] = (UCHAR)from;
    packet->bytes[2] = (UCHAR)(to >> 8), packet->bytes[3] = (UCHAR)to;
    c.meta.currentMetadataValues = FWPS_METADATA_FIELD_TRANSPORT_HEADER_SIZE;
    c.meta.transportHeaderSize = header;
    if (!inbound) { // the data begin with the header on the way out, behind it on the way in
        packet->buffer.DataOffset = 0;
        packet->buffer.stDataLength += header;
        NetpSeek(&packet->buffer);
    }
    NetpFillClassification(&c, connection, layer, inbound, 0, &storage);
    NetpClassify(&c);
    NetpFreePacket(packet);
    return c.action;
}

static UINT16 transport_layer(const struct fltsim_connection *connection, bool inbound)
{
    return inbound ? LAYER(connection, INBOUND_TRANSPORT) : LAYER(connection, OUTBOUND_TRANSPORT);
}

static NTSTATUS datagram(struct fltsim_connection *connection, bool inbound, const void *data, size_t size)
{
    UINT16 layers[] = {LAYER(connection, DATAGRAM_DATA), transport_layer(connection, inbound)};
    for (int i = 0; i < 2; i++)
        if (ask_packet_layer(connection, inbound, layers[inbound ? 1 - i : i], data, size) == FWP_ACTION_BLOCK)
            return STATUS_SUCCESS; /* lost, as datagrams are */
    NetpPass(inbound ? &connection->in : &connection->out, data, size);
    return STATUS_SUCCESS;
}

static NTSTATUS transfer(struct fltsim_connection *connection, bool inbound, const void *data, size_t size)
{
    if (connection->dropped)
        return STATUS_CONNECTION_RESET;
    if (connection->options.protocol != IPPROTO_TCP)
        return datagram(connection, inbound, data, size);
    if (inbound && ask_packet_layer(connection, true, transport_layer(connection, true), data, size) == FWP_ACTION_BLOCK)
        return STATUS_SUCCESS;
    connection->dropped = !NetpStream(connection, inbound, data, size, false);
    if (connection->dropped)
        return STATUS_CONNECTION_RESET;
    if (!inbound)
        ask_packet_layer(connection, false, transport_layer(connection, false), data, size);
    return STATUS_SUCCESS;
}

NTSTATUS fltsim_net_send(struct fltsim_connection *connection, const void *data, size_t size)
{
    NEED_CONNECTION(connection);
    SIM_NEED(data || !size, "data is NULL");
    return transfer(connection, false, data, size);
}

NTSTATUS fltsim_net_receive(struct fltsim_connection *connection, const void *data, size_t size)
{
    NEED_CONNECTION(connection);
    SIM_NEED(data || !size, "data is NULL");
    return transfer(connection, true, data, size);
}

const void *fltsim_net_passed(struct fltsim_connection *connection, bool inbound, size_t *size)
{
    NEED_CONNECTION(connection);
    SIM_NEED(size, "size is NULL");
    struct net_direction *direction = inbound ? &connection->in : &connection->out;
    sched_lock(&machine->net->lock);
    const void *bytes = direction->passed;
    *size = direction->passed_size;
    sched_unlock(&machine->net->lock);
    return bytes ? bytes : "";
}

uint64_t fltsim_net_flow(const struct fltsim_connection *connection)
{
    NEED_CONNECTION(connection);
    return connection->flow->id;
}

FWP_ACTION_TYPE fltsim_net_classify(UINT16 layer, const struct fltsim_net_options *options, const void *data, size_t size)
{
    struct fltsim_connection connection = {.dropped = false};
    const struct net_layer *at = NetpLayerById(layer);
    if (!at || !at->known)
        return FWP_ACTION_NONE;
    NetpDescribeConnection(&connection, options);
    connection.v6 = at->v6;
    struct net_packet *packet = data ? NetpMakePacket(data, size, 0) : NULL;
    FWP_ACTION_TYPE action = classify(&connection, layer, data ? DISPATCH_LEVEL : PASSIVE_LEVEL, 0, NULL, packet);
    if (packet)
        NetpFreePacket(packet);
    return action;
}
