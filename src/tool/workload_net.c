/* Programs on the network: what filters of files that watch connections, too, are to see. */
#include "tool/workload.h"

#include <fltsim/net.h>

static const struct {
    const char *what;
    struct fltsim_net_options options;
} connections[] = {
    {"connect by TCP", {.remote_port = 443}},
    {"connect by TCP over IPv6", {.remote_port = 80, .v6 = true}},
    {"accept by TCP", {.local_port = 8080, .inbound = true}},
    {"accept by TCP over IPv6", {.local_port = 8080, .inbound = true, .v6 = true}},
    {"send by UDP", {.remote_port = 53, .protocol = IPPROTO_UDP}},
    {"receive by UDP over IPv6", {.local_port = 5353, .protocol = IPPROTO_UDP, .inbound = true, .v6 = true}},
    {"connect to itself", {.local = 0x7f000001, .remote = 0x7f000001, .flags = FWP_CONDITION_FLAG_IS_LOOPBACK}},
};

static void talk(struct workload *w, struct fltsim_connection *connection)
{
    static const char request[] = "GET /index.html HTTP/1.1\r\nHost: www.example.com\r\n\r\n",
                      answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";

    workload_expect(w, "send", fltsim_net_send(connection, request, sizeof request - 1), STATUS_SUCCESS);
    workload_expect(w, "receive the beginning", fltsim_net_receive(connection, answer, 10), STATUS_SUCCESS);
    workload_expect(w, "receive the rest", fltsim_net_receive(connection, answer + 10, sizeof answer - 11), STATUS_SUCCESS);
    workload_expect(w, "send one byte", fltsim_net_send(connection, "x", 1), STATUS_SUCCESS);
}

void workload_connections(struct workload *w)
{
    struct fltsim_connection *connection;

    for (size_t i = 0; i < sizeof connections / sizeof *connections; i++) {
        struct fltsim_process *before = i & 1 ? fltsim_impersonate(w->other) : NULL;
        if (workload_expect(w, connections[i].what, fltsim_net_connect(&connections[i].options, &connection), STATUS_SUCCESS)) {
            talk(w, connection);
            fltsim_net_close(connection);
        }
        if (i & 1)
            fltsim_impersonate(before);
    }
    fltsim_net_classify(FWPS_LAYER_ALE_AUTH_LISTEN_V4, NULL, NULL, 0);
    fltsim_net_classify(FWPS_LAYER_ALE_RESOURCE_RELEASE_V4, NULL, NULL, 0);
}
