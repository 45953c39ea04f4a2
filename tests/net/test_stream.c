/* Data of connections: what stream callouts see and do, datagrams, packets, injection. */
#include "wfp_unit.h"

#define STREAM (&FWPM_LAYER_STREAM_V4)

static struct stream {
    HANDLE engine, injection;
    NDIS_HANDLE pool;
    UINT32 id;
    struct fltsim_connection *connection;
    char shown[256];
    size_t shown_size;
    UINT32 flags;
    FWPS_STREAM_ACTION_TYPE action;
    SIZE_T enforced, wanted;
    int completions;
    PMDL mdl;
} stream;

static void look(const FWPS_INCOMING_VALUES0 *values, const FWPS_INCOMING_METADATA_VALUES0 *meta, void *data,
                 FWPS_CLASSIFY_OUT0 *out)
{
    FWPS_STREAM_CALLOUT_IO_PACKET0 *packet = data;
    assert_int_equal(KeGetCurrentIrql(), DISPATCH_LEVEL);
    FwpsCopyStreamDataToBuffer0(packet->streamData, stream.shown, sizeof stream.shown, &stream.shown_size);
    assert_int_equal(stream.shown_size, packet->streamData->dataLength);
    stream.flags = packet->streamData->flags;
    packet->streamAction = packet->streamData->dataLength < stream.wanted ? FWPS_STREAM_ACTION_NEED_MORE_DATA : stream.action;
    packet->countBytesRequired = packet->streamAction == FWPS_STREAM_ACTION_NEED_MORE_DATA ? (UINT32)stream.wanted : 0;
    packet->countBytesEnforced = stream.enforced;
}

static void start(void)
{
    memset(&stream, 0, sizeof stream);
    stream.engine = open_engine(FWPM_SESSION_FLAG_DYNAMIC);
    stream.id = register_callout(0);
    add_callout(stream.engine, STREAM);
    add_filter(stream.engine, STREAM, FWP_ACTION_CALLOUT_TERMINATING);
    seen.answer = FWP_ACTION_PERMIT;
    seen.classify = look;
    succeeds(fltsim_net_connect(NULL, &stream.connection));
}

static void stop(void)
{
    fltsim_net_close(stream.connection);
    succeeds(FwpmEngineClose0(stream.engine));
    succeeds(FwpsCalloutUnregisterById0(stream.id));
}

static void passed(bool inbound, const char *text)
{
    size_t size;
    const void *bytes = fltsim_net_passed(stream.connection, inbound, &size);
    assert_int_equal(size, strlen(text));
    assert_memory_equal(bytes, text, size);
}

static void data_pass_in_both_directions(void)
{
    start();
    succeeds(fltsim_net_send(stream.connection, "hello", 5));
    assert_memory_equal(stream.shown, "hello", 5);
    assert_int_equal(stream.flags, FWPS_STREAM_FLAG_SEND);
    succeeds(fltsim_net_receive(stream.connection, "world", 5));
    assert_memory_equal(stream.shown, "world", 5);
    assert_int_equal(stream.flags, FWPS_STREAM_FLAG_RECEIVE);
    passed(false, "hello");
    passed(true, "world");
    stop();
    assert_int_equal(stream.flags, FWPS_STREAM_FLAG_RECEIVE | FWPS_STREAM_FLAG_RECEIVE_DISCONNECT);
    assert_int_equal(stream.shown_size, 0);
}

static void what_is_blocked_does_not_pass(void)
{
    start();
    seen.answer = FWP_ACTION_BLOCK;
    succeeds(fltsim_net_send(stream.connection, "secret", 6));
    seen.answer = FWP_ACTION_PERMIT;
    succeeds(fltsim_net_send(stream.connection, "fine", 4));
    passed(false, "fine");
    stop();
}

static void a_callout_is_shown_more_until_it_has_enough(void)
{
    start();
    stream.wanted = 6;
    succeeds(fltsim_net_receive(stream.connection, "abc", 3));
    passed(true, "");
    succeeds(fltsim_net_receive(stream.connection, "defg", 4));
    assert_int_equal(stream.shown_size, 7);
    passed(true, "abcdefg");
    succeeds(fltsim_net_receive(stream.connection, "x", 1));
    passed(true, "abcdefg");
    stop(); /* there is no more: what waits goes on */
    assert_int_equal(stream.flags & FWPS_STREAM_FLAG_RECEIVE_DISCONNECT, FWPS_STREAM_FLAG_RECEIVE_DISCONNECT);
}

static void an_answer_for_some_bytes_shows_the_rest_again(void)
{
    start();
    stream.enforced = 4;
    succeeds(fltsim_net_send(stream.connection, "aaaabbbbcc", 10));
    assert_int_equal(seen.classified, 3);
    assert_memory_equal(stream.shown, "cc", 2);
    passed(false, "aaaabbbbcc");
    stop();
}

static void a_connection_can_be_allowed_or_dropped_for_good(void)
{
    start();
    stream.action = FWPS_STREAM_ACTION_ALLOW_CONNECTION;
    succeeds(fltsim_net_send(stream.connection, "one", 3));
    succeeds(fltsim_net_send(stream.connection, "two", 3));
    assert_int_equal(seen.classified, 1);
    passed(false, "onetwo");
    stream.action = FWPS_STREAM_ACTION_DROP_CONNECTION;
    answers(STATUS_CONNECTION_RESET, fltsim_net_receive(stream.connection, "evil", 4));
    answers(STATUS_CONNECTION_RESET, fltsim_net_send(stream.connection, "three", 5));
    passed(true, "");
    stop();
}

static void a_flow_can_be_aborted(void)
{
    start();
    succeeds(FwpsFlowAbort0(fltsim_net_flow(stream.connection)));
    answers(STATUS_CONNECTION_RESET, fltsim_net_send(stream.connection, "x", 1));
    stop();
}

/* ---- injection ---- */

static VOID NTAPI injected(VOID *context, NET_BUFFER_LIST *list, BOOLEAN dispatch)
{
    assert_ptr_equal(context, &stream);
    assert_int_equal(list->Status, STATUS_SUCCESS);
    assert_int_equal(dispatch, TRUE);
    FwpsFreeNetBufferList0(list);
    IoFreeMdl(stream.mdl);
    InterlockedIncrement((LONG *)&stream.completions);
}

static NTSTATUS inject(HANDLE injection, UINT32 flags, const char *text)
{
    NET_BUFFER_LIST *list;
    stream.mdl = IoAllocateMdl((PVOID)text, (ULONG)strlen(text), FALSE, FALSE, NULL);
    MmBuildMdlForNonPagedPool(stream.mdl);
    succeeds(FwpsAllocateNetBufferAndNetBufferList0(stream.pool, 0, 0, stream.mdl, 0, strlen(text), &list));
    NTSTATUS status = FwpsStreamInjectAsync0(injection, NULL, 0, fltsim_net_flow(stream.connection), stream.id,
                                             FWPS_LAYER_STREAM_V4, flags, list, strlen(text), injected, &stream);
    if (!NT_SUCCESS(status)) {
        FwpsFreeNetBufferList0(list);
        IoFreeMdl(stream.mdl);
    }
    return status;
}

static void replace(const FWPS_INCOMING_VALUES0 *values, const FWPS_INCOMING_METADATA_VALUES0 *meta, void *data,
                    FWPS_CLASSIFY_OUT0 *out)
{
    FWPS_STREAM_CALLOUT_IO_PACKET0 *packet = data;
    if (!packet->streamData->dataLength)
        return;
    succeeds(inject(stream.injection, packet->streamData->flags, "[replaced]"));
    seen.answer = FWP_ACTION_BLOCK;
}

static void start_injecting(void)
{
    NET_BUFFER_LIST_POOL_PARAMETERS parameters = {
        .Header = {NDIS_OBJECT_TYPE_DEFAULT, NET_BUFFER_LIST_POOL_PARAMETERS_REVISION_1,
                   NDIS_SIZEOF_NET_BUFFER_LIST_POOL_PARAMETERS_REVISION_1},
        .fAllocateNetBuffer = TRUE,
    };
    start();
    succeeds(FwpsInjectionHandleCreate0(AF_INET, FWPS_INJECTION_TYPE_STREAM, &stream.injection));
    stream.pool = NdisAllocateNetBufferListPool(NULL, &parameters);
}

static void stop_injecting(void)
{
    succeeds(FwpsInjectionHandleDestroy0(stream.injection));
    NdisFreeNetBufferListPool(stream.pool);
    stop();
}

static void a_callout_replaces_what_it_blocks(void)
{
    start_injecting();
    seen.classify = replace;
    succeeds(fltsim_net_send(stream.connection, "original", 8));
    passed(false, "[replaced]");
    seen.classify = NULL;
    seen.answer = FWP_ACTION_PERMIT;
    succeeds(fltsim_net_send(stream.connection, "!", 1));
    passed(false, "[replaced]!");
    succeeds(FwpsInjectionHandleDestroy0(stream.injection));
    assert_int_equal(stream.completions, 1); /* destroying has waited for it */
    succeeds(FwpsInjectionHandleCreate0(AF_UNSPEC, FWPS_INJECTION_TYPE_STREAM, &stream.injection));
    stop_injecting();
}

static void an_injection_that_makes_no_sense_is_refused(void)
{
    HANDLE wrong;
    start_injecting();
    answers(STATUS_INVALID_PARAMETER, FwpsInjectionHandleCreate0(77, FWPS_INJECTION_TYPE_STREAM, &wrong));
    answers(STATUS_INVALID_PARAMETER, FwpsInjectionHandleCreate0(AF_INET, 0, &wrong));
    answers(STATUS_FWP_NULL_POINTER, FwpsInjectionHandleCreate0(AF_INET, FWPS_INJECTION_TYPE_STREAM, NULL));
    fltsim_fail_allocation(1);
    answers(STATUS_INSUFFICIENT_RESOURCES, FwpsInjectionHandleCreate0(AF_INET, FWPS_INJECTION_TYPE_STREAM, &wrong));
    fltsim_fail_allocation(0);
    succeeds(FwpsInjectionHandleCreate0(AF_INET, FWPS_INJECTION_TYPE_TRANSPORT, &wrong));
    answers(STATUS_INVALID_PARAMETER, inject(wrong, FWPS_STREAM_FLAG_SEND, "x"));
    answers(STATUS_INVALID_PARAMETER, inject(stream.injection, 0, "x"));
    answers(STATUS_INVALID_PARAMETER, inject(stream.injection, FWPS_STREAM_FLAG_SEND | FWPS_STREAM_FLAG_RECEIVE, "x"));
    stream.id++;
    answers(STATUS_INVALID_PARAMETER, inject(stream.injection, FWPS_STREAM_FLAG_SEND, "x"));
    stream.id--;
    succeeds(FwpsInjectionHandleDestroy0(wrong));
    assert_int_equal(stream.completions, 0);
    stop_injecting();
}

/* ---- datagrams and packets ---- */

static struct packets {
    char order[16];
    ULONG length;
    UINT32 header;
} packets;

static void look_at_packet(const FWPS_INCOMING_VALUES0 *values, const FWPS_INCOMING_METADATA_VALUES0 *meta, void *data,
                           FWPS_CLASSIFY_OUT0 *out)
{
    NET_BUFFER_LIST *list = data;
    NET_BUFFER *buffer = NET_BUFFER_LIST_FIRST_NB(list);
    UCHAR storage[64], *bytes;
    packets.length = NET_BUFFER_DATA_LENGTH(buffer);
    packets.header = meta->transportHeaderSize;
    assert_true(FWPS_IS_METADATA_FIELD_PRESENT(meta, FWPS_METADATA_FIELD_TRANSPORT_HEADER_SIZE));
    if (values->layerId == FWPS_LAYER_INBOUND_TRANSPORT_V4) { /* the header stands before the data */
        assert_int_equal(NdisRetreatNetBufferDataStart(buffer, packets.header, 0, NULL), NDIS_STATUS_SUCCESS);
        bytes = NdisGetDataBuffer(buffer, packets.header, storage, 1, 0);
        assert_int_equal(bytes[0] << 8 | bytes[1], 80); /* the peer's port */
        NdisAdvanceNetBufferDataStart(buffer, packets.header, FALSE, NULL);
    } else {
        bytes = NdisGetDataBuffer(buffer, packets.header, storage, 1, 0);
        assert_int_equal(bytes[2] << 8 | bytes[3], 80);
    }
}

static void packet_layers_show_the_transport_header(void)
{
    static const struct {
        const GUID *layer;
        UINT8 protocol;
        bool inbound;
        ULONG length, header;
    } cases[] = {
        {&FWPM_LAYER_OUTBOUND_TRANSPORT_V4, IPPROTO_TCP, false, 24, 20},
        {&FWPM_LAYER_INBOUND_TRANSPORT_V4, IPPROTO_TCP, true, 4, 20},
        {&FWPM_LAYER_OUTBOUND_TRANSPORT_V4, IPPROTO_UDP, false, 12, 8},
        {&FWPM_LAYER_INBOUND_TRANSPORT_V4, IPPROTO_UDP, true, 4, 8},
        {&FWPM_LAYER_DATAGRAM_DATA_V4, IPPROTO_UDP, false, 12, 8},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        HANDLE engine = open_engine(FWPM_SESSION_FLAG_DYNAMIC);
        struct fltsim_connection *connection;
        UINT32 id = register_callout(0);
        size_t size;
        add_callout(engine, cases[i].layer);
        add_filter(engine, cases[i].layer, FWP_ACTION_CALLOUT_TERMINATING);
        seen.classify = look_at_packet;
        succeeds(fltsim_net_connect(&(struct fltsim_net_options){.protocol = cases[i].protocol}, &connection));
        succeeds((cases[i].inbound ? fltsim_net_receive : fltsim_net_send)(connection, "data", 4));
        assert_int_equal(seen.classified, 1);
        assert_int_equal(packets.length, cases[i].length);
        assert_int_equal(packets.header, cases[i].header);
        assert_memory_equal(fltsim_net_passed(connection, cases[i].inbound, &size), "data", 4);
        seen.answer = FWP_ACTION_BLOCK;
        succeeds((cases[i].inbound ? fltsim_net_receive : fltsim_net_send)(connection, "more", 4));
        fltsim_net_passed(connection, cases[i].inbound, &size);
        /* what TCP sends is in its hands already; the peer gets it another time */
        assert_int_equal(size, cases[i].protocol == IPPROTO_TCP && !cases[i].inbound ? 8 : 4);
        fltsim_net_close(connection);
        succeeds(FwpmEngineClose0(engine));
        succeeds(FwpsCalloutUnregisterById0(id));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fltsim_unit_test(data_pass_in_both_directions),
        fltsim_unit_test(what_is_blocked_does_not_pass),
        fltsim_unit_test(a_callout_is_shown_more_until_it_has_enough),
        fltsim_unit_test(an_answer_for_some_bytes_shows_the_rest_again),
        fltsim_unit_test(a_connection_can_be_allowed_or_dropped_for_good),
        fltsim_unit_test(a_flow_can_be_aborted),
        fltsim_unit_test(a_callout_replaces_what_it_blocks),
        fltsim_unit_test(an_injection_that_makes_no_sense_is_refused),
        fltsim_unit_test(packet_layers_show_the_transport_header),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
