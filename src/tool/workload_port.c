/* The programs that belong to a driver: they connect to its ports, take and answer its messages, send it commands, and
 * open its control devices. What they mean is unknown; a driver must stand anything from a program. */
#include "tool/workload.h"

#include <fltKernel.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CLIENTS = 8, MESSAGE = 65536, TRIES = 40, ECHO = 64, ECHOES = 48 };

/* A program has a thread that does nothing but take messages: whatever a driver sends while a command of the program runs
 * arrives. Another one sends the commands that messages give rise to. */
struct client {
    struct workload_clients *clients;
    char name[FLTSIM_PORT_NAME];
    HANDLE port;
    struct fltsim_thread *receiver, *commander;
    KEVENT given;          /* to the commander: a message, or the end */
    atomic_bool commanded; /* the message is the commander's */
    atomic_bool ended;
    char *message;         /* MESSAGE bytes */
    size_t length;
    unsigned number;
};

struct workload_clients {
    struct workload w;
    atomic_bool stop;
    unsigned count;
    struct client client[CLIENTS];
};

/* ---- the client of one port ---- */

/* Some drivers want to be told who connects, mostly by a number; which one, nobody knows: one that fits the port's
 * place among the ports of the driver comes first. */
static NTSTATUS connect_port(const char *name, ULONG place, HANDLE *port)
{
    static const size_t sizes[] = {4, 8, 264, 1024, 4096};
    const ULONG numbers[] = {place + 1, place, 1, 0};
    _Alignas(8) char context[4096] = {0};
    NTSTATUS status = fltsim_connect(name, NULL, 0, port);

    for (size_t i = 0; i < 4; i++)
        for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
            if (NT_SUCCESS(status) || status == STATUS_CONNECTION_COUNT_LIMIT || status == STATUS_OBJECT_NAME_NOT_FOUND)
                return status;
            memcpy(context, &numbers[i], sizeof numbers[i]);
            status = fltsim_connect(name, context, sizes[s], port);
        }
    return status;
}

/* Yes to most, no to some, too short to a few. */
static void answer(HANDLE port, const FILTER_MESSAGE_HEADER *message, unsigned number)
{
    char *reply = calloc(1, message->ReplyLength + sizeof(FILTER_REPLY_HEADER));
    FILTER_REPLY_HEADER *head = (FILTER_REPLY_HEADER *)reply;
    size_t length = message->ReplyLength;

    if (length < sizeof *head)
        length = sizeof *head;
    head->Status = STATUS_SUCCESS;
    head->MessageId = message->MessageId;
    if (number % 4 != 3)
        for (size_t i = sizeof *head; i < length; i += 4)
            reply[i] = 1;
    fltsim_reply(port, reply, number % 16 == 15 ? sizeof *head : length);
    free(reply);
}

static bool is_a_port(const struct workload_clients *clients, HANDLE handle)
{
    for (unsigned i = 0; i < CLIENTS; i++)
        if (clients->client[i].port == handle)
            return true;
    return false;
}

/* What a message says - a number, an address - is what the commands that follow it are about: it comes back with a
 * command in place of its first word. What the driver gives for it as a handle is closed. */
static void answer_by_commands(struct client *client, const char *body, size_t length, unsigned number)
{
    _Alignas(16) char in[ECHO], out[ECHO];

    for (ULONG command = 0; command < 4; command++) {
        size_t done = 0;
        memset(in, 0, sizeof in);
        memcpy(in, body, length < ECHO ? length : ECHO);
        memcpy(in, &command, sizeof command);
        for (size_t i = (length + 7) / 8 * 8; i < sizeof in; i += 8)
            in[i] = (char)(number % 3);
        if (!NT_SUCCESS(fltsim_send(client->port, in, sizeof in, out, sizeof out, &done)) || done != sizeof(HANDLE))
            continue;
        HANDLE handle = *(HANDLE *)out;
        if (handle && !is_a_port(client->clients, handle))
            fltsim_close(handle);
    }
}

static int command(void *argument)
{
    struct client *client = argument;

    while (!client->ended) {
        KeWaitForSingleObject(&client->given, Executive, KernelMode, FALSE, NULL);
        if (!client->commanded)
            continue;
        FILTER_MESSAGE_HEADER *head = (FILTER_MESSAGE_HEADER *)client->message;
        answer_by_commands(client, client->message + sizeof *head, client->length - sizeof *head, client->number);
        if (head->ReplyLength)
            answer(client->port, head, client->number);
        client->commanded = false;
    }
    return 0;
}

static bool give_to_commander(struct client *client, const char *message, size_t length, unsigned number)
{
    if (client->commanded || number >= ECHOES || length <= sizeof(FILTER_MESSAGE_HEADER))
        return false;
    memcpy(client->message, message, length);
    client->length = length;
    client->number = number;
    client->commanded = true;
    KeSetEvent(&client->given, IO_NO_INCREMENT, FALSE);
    return true;
}

static int receive(void *argument)
{
    struct client *client = argument;
    char *message = calloc(1, MESSAGE);
    size_t length = 0;

    for (unsigned number = 0; !client->clients->stop;) {
        NTSTATUS status = fltsim_get_message(client->port, message, MESSAGE, 60000, &length);
        if (status == STATUS_SUCCESS) {
            bool given = give_to_commander(client, message, length, number);
            if (!given && ((FILTER_MESSAGE_HEADER *)message)->ReplyLength)
                answer(client->port, (FILTER_MESSAGE_HEADER *)message, number);
            number += ((FILTER_MESSAGE_HEADER *)message)->ReplyLength != 0;
        } else if (status != STATUS_TIMEOUT) {
            break;
        }
    }
    free(message);
    return 0;
}

static void start_client(struct client *client, struct fltsim_process *process)
{
    KeInitializeEvent(&client->given, SynchronizationEvent, FALSE);
    client->message = calloc(1, MESSAGE);
    client->receiver = fltsim_thread_create(process, receive, client);
    client->commander = fltsim_thread_create(process, command, client);
}

struct workload_clients *workload_connect(struct workload *w)
{
    struct workload_clients *clients = calloc(1, sizeof *clients);
    char name[FLTSIM_PORT_NAME];

    clients->w = *w;
    struct fltsim_process *before = fltsim_impersonate(w->other);
    for (unsigned i = 0; i < CLIENTS && fltsim_port_name(w->driver, i, name); i++) {
        struct client *client = &clients->client[clients->count];
        client->clients = clients;
        snprintf(client->name, sizeof client->name, "%s", name);
        if (NT_SUCCESS(connect_port(name, i, &client->port)))
            clients->count++;
    }
    for (unsigned i = 0; i < clients->count; i++)
        start_client(&clients->client[i], w->other);
    fltsim_impersonate(before);
    return clients;
}

void workload_disconnect(struct workload_clients *clients)
{
    struct fltsim_process *before = fltsim_impersonate(clients->w.other);

    clients->stop = true;
    for (unsigned i = 0; i < clients->count; i++) {
        struct client *client = &clients->client[i];
        fltsim_close(client->port); /* while it waits for a message, most likely */
        fltsim_thread_join(client->receiver);
        client->ended = true;
        KeSetEvent(&client->given, IO_NO_INCREMENT, FALSE);
        fltsim_thread_join(client->commander);
        free(client->message);
    }
    fltsim_impersonate(before);
    free(clients);
}

bool workload_has_clients(const struct workload_clients *clients)
{
    return clients->count != 0;
}

/* ---- commands ---- */

static void send_to(struct workload *w, HANDLE port)
{
    static const size_t in_sizes[] = {0, 1, 4, 8, 12, 16, 24, 64, 264, 1024};
    static const size_t out_sizes[] = {0, 4, 1024};
    _Alignas(16) char in[1040], out[1032];

    for (ULONG command = 0; command < 12; command++)
        for (size_t i = 0; i < sizeof in_sizes / sizeof *in_sizes; i++)
            for (size_t o = 0; o < sizeof out_sizes / sizeof *out_sizes; o++) {
                if (command > 2 && in_sizes[i] != 8 && in_sizes[i] != 16 && in_sizes[i] != 1024)
                    continue;
                memset(in, 0, sizeof in);
                memcpy(in, &command, sizeof command);
                w->operations++;
                fltsim_send(port, in_sizes[i] ? in : NULL, in_sizes[i], out_sizes[o] ? out : NULL, out_sizes[o], NULL);
            }
    memset(in, 'A', sizeof in); /* a text without an end */
    fltsim_send(port, in, 1024, out, 1024, NULL);
    fltsim_send(port, in + 1, 1024, out + 1, 1024, NULL);
}

/* Commands that are about an open file. */
static void send_handles(struct workload *w, HANDLE port)
{
    struct fltsim_open open = {.access = GENERIC_READ | GENERIC_WRITE, .disposition = FILE_OPEN_IF};
    _Alignas(16) char out[64];
    HANDLE in[8], file;

    if (!NT_SUCCESS(fltsim_open(workload_path(w, "a program's own"), &open, &file)))
        return;
    fltsim_write(file, "some contents", 13, 0, NULL);
    for (ULONG command = 0; command < 12; command++) {
        for (size_t i = 0; i < sizeof in / sizeof *in; i++)
            in[i] = file;
        in[0] = NULL;
        memcpy(in, &command, sizeof command);
        fltsim_send(port, in, sizeof in, out, sizeof out, NULL);
        w->operations++;
    }
    fltsim_close(file);
}

void workload_commands(struct workload *w, struct workload_clients *clients)
{
    struct fltsim_process *before = fltsim_impersonate(w->other);
    for (unsigned i = 0; i < clients->count; i++) {
        HANDLE second = NULL;
        send_to(w, clients->client[i].port);
        send_handles(w, clients->client[i].port);
        if (NT_SUCCESS(fltsim_connect(clients->client[i].name, NULL, 0, &second)))
            fltsim_close(second);
    }
    fltsim_impersonate(before);
}

/* What a program does all the time, for a log say: it asks for what there is. */
void workload_poll(struct workload *w)
{
    ULONG in[6] = {0};

    if (!w->clients)
        return;
    char *out = malloc(MESSAGE);
    struct fltsim_process *before = fltsim_impersonate(w->other);
    for (unsigned i = 0; i < w->clients->count; i++)
        for (in[0] = 0; in[0] < 4; in[0]++)
            fltsim_send(w->clients->client[i].port, in, sizeof in, out, MESSAGE, NULL);
    fltsim_impersonate(before);
    free(out);
}

/* ---- control devices ---- */

static void send_code(struct workload *w, HANDLE device, ULONG code)
{
    static const ULONG sizes[] = {0, 4, 8, 256};
    _Alignas(16) char in[256], out[256];

    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (size_t o = 0; o < sizeof sizes / sizeof *sizes; o++) {
            memset(in, i == 3 && o == 3 ? 'A' : 0, sizeof in);
            w->operations++;
            if (DEVICE_TYPE_FROM_CTL_CODE(code) == FILE_DEVICE_FILE_SYSTEM)
                fltsim_fsctl(device, code, sizes[i] ? in : NULL, sizes[i], sizes[o] ? out : NULL, sizes[o], NULL);
            else
                fltsim_ioctl(device, code, sizes[i] ? in : NULL, sizes[i], sizes[o] ? out : NULL, sizes[o], NULL);
        }
}

static void use_device(struct workload *w, const char *name, DEVICE_TYPE type)
{
    struct fltsim_open open = {.access = GENERIC_READ | GENERIC_WRITE};
    _Alignas(8) char block[256] = {0};
    HANDLE device, second;
    uint64_t size;

    w->operations += 8;
    if (!NT_SUCCESS(fltsim_open(name, &open, &device)))
        return;
    for (size_t i = 0; i < w->known->code_count; i++)
        send_code(w, device, w->known->codes[i]);
    send_code(w, device, CTL_CODE(type, 0xFFF, METHOD_BUFFERED, FILE_ANY_ACCESS));
    fltsim_read(device, block, sizeof block, 0, NULL);
    fltsim_read(device, block, 0, 0, NULL);
    fltsim_write(device, block, sizeof block, 0, NULL);
    fltsim_write(device, block, 0, 0, NULL);
    fltsim_get_size(device, &size);
    fltsim_query(device, FileBasicInformation, block, sizeof(FILE_BASIC_INFORMATION));
    if (NT_SUCCESS(fltsim_lock(device, 0, 1, true, false)))
        fltsim_unlock(device, 0, 1);
    fltsim_flush(device);
    if (NT_SUCCESS(fltsim_open(name, &open, &second)))
        fltsim_close(second);
    fltsim_close(device);
    char below[300];
    snprintf(below, sizeof below, "%.255s\\below", name);
    if (NT_SUCCESS(fltsim_open(below, &open, &second)))
        fltsim_close(second);
}

static bool device_name(PDEVICE_OBJECT device, char name[256])
{
    _Alignas(8) char buffer[600];
    POBJECT_NAME_INFORMATION info = (POBJECT_NAME_INFORMATION)buffer;
    ULONG length, i = 0;

    if (!NT_SUCCESS(ObQueryNameString(device, info, sizeof buffer, &length)))
        return false;
    for (; i < info->Name.Length / sizeof(WCHAR) && i < 255; i++)
        name[i] = (char)info->Name.Buffer[i];
    name[i] = 0;
    return i != 0;
}

void workload_control_devices(struct workload *w)
{
    PDRIVER_OBJECT driver = w->driver ? fltsim_driver_object(w->driver) : NULL;
    struct {
        char name[256];
        DEVICE_TYPE type;
    } found[CLIENTS];
    unsigned count = 0;

    for (PDEVICE_OBJECT device = driver ? driver->DeviceObject : NULL; device && count < CLIENTS;
         device = device->NextDevice) {
        found[count].type = device->DeviceType;
        if (device_name(device, found[count].name))
            count++;
    }
    for (unsigned i = 0; i < count; i++)
        use_device(w, found[i].name, found[i].type);
}
