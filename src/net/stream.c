/* The stream layers: data in order, as often as callouts want to see it. */
#include "net/connection.h"
#include "net/nbl.h"

#include "verify/api.h"

/* ---- packets ---- */

struct net_packet *NetpMakePacket(const void *data, SIZE_T size, ULONG header)
{
    struct net_packet *packet = sim_alloc(sizeof *packet);
    packet->bytes = sim_alloc(header + size + 1);
    if (size)
        memcpy(packet->bytes + header, data, size);
    PMDL mdl = IoAllocateMdl(packet->bytes, (ULONG)(header + size), FALSE, FALSE, NULL);
    if (mdl)
        MmBuildMdlForNonPagedPool(mdl);
    packet->list.FirstNetBuffer = &packet->buffer;
    packet->buffer.MdlChain = mdl;
    packet->buffer.DataOffset = header;
    packet->buffer.stDataLength = mdl ? size : 0;
    NetpSeek(&packet->buffer);
    return packet;
}

void NetpFreePacket(struct net_packet *packet)
{
    NetpFreeCovers(&packet->buffer);
    while (packet->buffer.MdlChain) {
        PMDL next = packet->buffer.MdlChain->Next;
        IoFreeMdl(packet->buffer.MdlChain);
        packet->buffer.MdlChain = next;
    }
    sim_free(packet->bytes);
    sim_free(packet);
}

VOID FwpsCopyStreamDataToBuffer0(const FWPS_STREAM_DATA0 *calloutStreamData, PVOID buffer, SIZE_T bytesToCopy,
                                 SIZE_T *bytesCopied)
{
    API_IRQL(FwpsCopyStreamDataToBuffer0);
    const FWPS_STREAM_DATA_OFFSET0 *from = &calloutStreamData->dataOffset;
    SIZE_T limit = bytesToCopy < calloutStreamData->dataLength ? bytesToCopy : calloutStreamData->dataLength, done = 0;
    const NET_BUFFER_LIST *list = from->netBufferList ? from->netBufferList : calloutStreamData->netBufferListChain;
    SIZE_T skip = from->streamDataOffset;

    for (; list && done < limit; list = list->Next)
        for (const NET_BUFFER *part = list->FirstNetBuffer; part && done < limit; part = part->Next) {
            done += NetpCopyData(part, skip, (UCHAR *)buffer + done, limit - done);
            skip = skip > part->stDataLength ? skip - part->stDataLength : 0;
        }
    *bytesCopied = done;
}

/* ---- passing ---- */

void NetpPass(struct net_direction *direction, const UCHAR *bytes, SIZE_T size)
{
    sched_lock(&machine->net->lock);
    direction->passed = sim_realloc(direction->passed, direction->passed_size + size + 1);
    if (size)
        memcpy(direction->passed + direction->passed_size, bytes, size);
    direction->passed_size += size;
    sched_unlock(&machine->net->lock);
}

static void take_off(struct net_direction *direction, SIZE_T size)
{
    direction->waiting_size -= size;
    memmove(direction->waiting, direction->waiting + size, direction->waiting_size);
}

NTSTATUS NetpInject(UINT64 id, UINT32 callout, bool inbound, const UCHAR *bytes, SIZE_T size)
{
    sched_lock(&machine->net->lock);
    struct net_flow *flow = NetpFindFlow(id);
    struct fltsim_connection *connection = flow && NetpFindCallout(callout) ? flow->connection : NULL;
    if (connection) {
        struct net_direction *direction = inbound ? &connection->in : &connection->out;
        direction->passed = sim_realloc(direction->passed, direction->passed_size + size + 1);
        memcpy(direction->passed + direction->passed_size, bytes, size);
        direction->passed_size += size;
    }
    sched_unlock(&machine->net->lock);
    return connection ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER;
}

/* ---- showing ---- */

static UINT32 flags_of(bool inbound, bool last)
{
    if (inbound)
        return FWPS_STREAM_FLAG_RECEIVE | (last ? FWPS_STREAM_FLAG_RECEIVE_DISCONNECT : 0);
    return FWPS_STREAM_FLAG_SEND | (last ? FWPS_STREAM_FLAG_SEND_DISCONNECT : 0);
}

static void show(struct fltsim_connection *connection, bool inbound, bool last, struct net_classification *c)
{
    struct net_direction *direction = inbound ? &connection->in : &connection->out;
    struct net_packet *packet = NetpMakePacket(direction->waiting, direction->waiting_size, 0);
    struct net_storage storage;
    FWPS_STREAM_DATA0 data = {.flags = flags_of(inbound, last),
                              .dataOffset = {.netBufferList = &packet->list,
                                             .netBuffer = &packet->buffer,
                                             .mdl = packet->buffer.MdlChain},
                              .dataLength = direction->waiting_size,
                              .netBufferListChain = &packet->list};
    FWPS_STREAM_CALLOUT_IO_PACKET0 io = {.streamData = &data};

    *c = (struct net_classification){.data = &io, .stream = &io, .irql = DISPATCH_LEVEL, .flow = connection->flow};
    NetpFillClassification(c, connection, connection->v6 ? FWPS_LAYER_STREAM_V6 : FWPS_LAYER_STREAM_V4, inbound, 0, &storage);
    NetpClassify(c);
    NetpFreePacket(packet);
}

/* How far the answer goes: how many of the waiting bytes are decided on; 0: none, for now. */
static SIZE_T decided(const struct net_classification *c, SIZE_T waiting, bool last)
{
    if (c->stream_action == FWPS_STREAM_ACTION_NEED_MORE_DATA && !last)
        return 0;
    return c->enforced && c->enforced < waiting ? c->enforced : waiting;
}

bool NetpStream(struct fltsim_connection *connection, bool inbound, const void *data, SIZE_T size, bool last)
{
    struct net_direction *direction = inbound ? &connection->in : &connection->out;
    struct net_classification c;

    direction->waiting = sim_realloc(direction->waiting, direction->waiting_size + size + 1);
    if (size)
        memcpy(direction->waiting + direction->waiting_size, data, size);
    direction->waiting_size += size;
    while (direction->waiting_size || last) {
        SIZE_T count = direction->waiting_size;
        if (!direction->allowed) {
            show(connection, inbound, last, &c);
            if (c.stream_action == FWPS_STREAM_ACTION_DROP_CONNECTION ||
                __atomic_load_n(&connection->flow->aborted, __ATOMIC_ACQUIRE))
                return false;
            direction->allowed = c.stream_action == FWPS_STREAM_ACTION_ALLOW_CONNECTION;
            count = decided(&c, direction->waiting_size, last);
        }
        if (direction->allowed || c.action == FWP_ACTION_PERMIT || c.stream_action != FWPS_STREAM_ACTION_NONE)
            NetpPass(direction, direction->waiting, count);
        take_off(direction, count);
        if (!count)
            break;
    }
    return true;
}
