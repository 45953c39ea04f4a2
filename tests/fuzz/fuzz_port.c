/* A program and a driver that say anything to each other over a communication port. */
#include "fuzz.h"

#include <fltKernel.h>
#include <fltsim/fltsim.h>

#include <stdlib.h>
#include <string.h>

enum { MOST = 600 };

static struct fuzz_input input;
static PFLT_FILTER filter;
static PFLT_PORT server, client;
static NTSTATUS answer;
static ULONG answer_length;

static NTSTATUS FLTAPI Connect(PFLT_PORT ClientPort, PVOID ServerPortCookie, PVOID ConnectionContext, ULONG SizeOfContext,
                               PVOID *ConnectionPortCookie)
{
    char sum = 0;
    for (ULONG i = 0; i < SizeOfContext; i++)
        sum = (char)(sum + ((char *)ConnectionContext)[i]);
    if (sum == 77)
        return STATUS_ACCESS_DENIED;
    client = ClientPort;
    *ConnectionPortCookie = &client;
    return STATUS_SUCCESS;
}

static VOID FLTAPI Disconnect(PVOID ConnectionCookie)
{
    FltCloseClientPort(filter, &client);
}

static NTSTATUS FLTAPI Message(PVOID PortCookie, PVOID InputBuffer, ULONG InputBufferLength, PVOID OutputBuffer,
                               ULONG OutputBufferLength, PULONG ReturnOutputBufferLength)
{
    for (ULONG i = 0; i < OutputBufferLength; i++)
        ((char *)OutputBuffer)[i] = InputBufferLength ? ((char *)InputBuffer)[i % InputBufferLength] : 0;
    *ReturnOutputBufferLength = answer_length;
    return answer;
}

static NTSTATUS FLTAPI Unload(FLT_FILTER_UNLOAD_FLAGS Flags)
{
    FltCloseCommunicationPort(server);
    FltUnregisterFilter(filter);
    return STATUS_SUCCESS;
}

static NTSTATUS Entry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    static const FLT_REGISTRATION registration = {
        .Size = sizeof registration, .Version = FLT_REGISTRATION_VERSION, .FilterUnloadCallback = Unload};
    UNICODE_STRING name;
    OBJECT_ATTRIBUTES object;
    PSECURITY_DESCRIPTOR security;
    NTSTATUS status = FltRegisterFilter(DriverObject, &registration, &filter);

    if (NT_SUCCESS(status))
        status = FltBuildDefaultSecurityDescriptor(&security, FLT_PORT_ALL_ACCESS);
    if (!NT_SUCCESS(status))
        return status;
    RtlInitUnicodeString(&name, (PCWSTR)u"\\Fuzz");
    InitializeObjectAttributes(&object, &name, OBJ_KERNEL_HANDLE | OBJ_CASE_INSENSITIVE, NULL, security);
    status = FltCreateCommunicationPort(filter, &server, &object, NULL, Connect, Disconnect, Message, 1);
    FltFreeSecurityDescriptor(security);
    return NT_SUCCESS(status) ? FltStartFiltering(filter) : status;
}

/* The driver sends, and waits for no reply longer than a second of virtual time. */
static int driver_sends(void *unused)
{
    char message[MOST], reply[MOST];
    ULONG length = (ULONG)fuzz_length(&input, sizeof message), reply_length = (ULONG)fuzz_length(&input, sizeof reply);
    bool wants_reply = fuzz_byte(&input) & 1;
    LARGE_INTEGER second = {.QuadPart = -10000000};

    fuzz_fill(&input, message, length);
    FltSendMessage(filter, &client, message, length, wants_reply ? reply : NULL, wants_reply ? &reply_length : NULL, &second);
    return 0;
}

static void program_sends(HANDLE port)
{
    char in[MOST], out[MOST];
    size_t in_length = fuzz_length(&input, sizeof in), out_length = fuzz_length(&input, sizeof out), done;

    fuzz_fill(&input, in, in_length);
    answer = (NTSTATUS)(fuzz_byte(&input) & 1 ? fuzz_number(&input) : STATUS_SUCCESS);
    answer_length = (ULONG)fuzz_length(&input, out_length); /* a driver may not say more than fits */
    fltsim_send(port, in, in_length, out, out_length, &done);
}

static void program_gets(HANDLE port)
{
    unsigned char message[MOST] = {0}, reply[MOST];
    size_t length = fuzz_length(&input, sizeof message), reply_length = fuzz_length(&input, sizeof reply), done = 0;
    bool honest = fuzz_byte(&input) & 1;

    NTSTATUS status = fltsim_get_message(port, message, length, 10, &done);
    fuzz_fill(&input, reply, reply_length);
    if (NT_SUCCESS(status) && honest && reply_length >= 16)
        memcpy(reply + 8, message + 8, 8); /* the MessageId */
    fltsim_reply(port, reply, reply_length);
}

static void body(void *unused)
{
    struct fltsim_driver *driver;
    struct fltsim_thread *senders[4];
    char context[MOST];
    int sender_count = 0;
    HANDLE port = NULL;

    if (!NT_SUCCESS(fltsim_load(&(struct fltsim_driver_options){.name = "fuzz", .entry = Entry, .altitude = "370000"}, &driver)))
        abort();
    for (int steps = 0; input.size && steps < 40; steps++) {
        uint8_t what = fuzz_byte(&input) % 8;
        size_t length;
        if (!port) {
            length = fuzz_length(&input, sizeof context);
            fuzz_fill(&input, context, length);
            if (!NT_SUCCESS(fltsim_connect("\\Fuzz", context, length, &port)))
                port = NULL;
        } else if (what == 0) {
            fltsim_close(port);
            port = NULL;
        } else if (what < 3 && sender_count < 4) {
            senders[sender_count++] = fltsim_thread_create(NULL, driver_sends, NULL);
        } else if (what < 6) {
            program_gets(port);
        } else {
            program_sends(port);
        }
    }
    if (port)
        fltsim_close(port);
    while (sender_count)
        fltsim_thread_join(senders[--sender_count]);
    fltsim_unload(driver);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    input = (struct fuzz_input){data, size};
    client = NULL;
    fuzz_on_machine(body, NULL);
    return 0;
}
