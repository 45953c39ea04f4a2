/* Communication ports between a filter and a program. */
#pragma GCC diagnostic ignored "-Wunused-parameter"

#include <fltKernel.h>

#include <fltsim/cmocka.h>
#include <fltsim/fault.h>

#include <stdio.h>
#include <string.h>

static PFLT_FILTER filter;
static PFLT_PORT server, client;
static struct fltsim_driver *driver;
static int connects, disconnects, messages;
static NTSTATUS connect_status;
static char context_seen[32];
static bool forget_server, keep_client, close_late;

static NTSTATUS FLTAPI Connect(PFLT_PORT ClientPort, PVOID ServerPortCookie, PVOID ConnectionContext,
                               ULONG SizeOfContext, PVOID *ConnectionPortCookie)
{
    connects++;
    assert_ptr_equal(ServerPortCookie, &server);
    if (SizeOfContext && SizeOfContext < sizeof context_seen)
        memcpy(context_seen, ConnectionContext, SizeOfContext);
    if (!NT_SUCCESS(connect_status))
        return connect_status;
    client = ClientPort;
    *ConnectionPortCookie = &client;
    return STATUS_SUCCESS;
}

static VOID FLTAPI Disconnect(PVOID ConnectionCookie)
{
    disconnects++;
    assert_ptr_equal(ConnectionCookie, &client);
    if (!keep_client)
        FltCloseClientPort(filter, &client);
}

static NTSTATUS FLTAPI Message(PVOID PortCookie, PVOID InputBuffer, ULONG InputBufferLength, PVOID OutputBuffer,
                               ULONG OutputBufferLength, PULONG ReturnOutputBufferLength)
{
    messages++;
    if (OutputBufferLength < InputBufferLength)
        return STATUS_BUFFER_TOO_SMALL;
    for (ULONG i = 0; i < InputBufferLength; i++)
        ((char *)OutputBuffer)[i] = (char)(((char *)InputBuffer)[i] + 1);
    *ReturnOutputBufferLength = InputBufferLength;
    return STATUS_SUCCESS;
}

static NTSTATUS create_port(const WCHAR *text, ULONG attributes, LONG most, PFLT_PORT *port)
{
    UNICODE_STRING name;
    OBJECT_ATTRIBUTES object;
    PSECURITY_DESCRIPTOR security;
    NTSTATUS status = FltBuildDefaultSecurityDescriptor(&security, FLT_PORT_ALL_ACCESS);
    if (!NT_SUCCESS(status))
        return status;
    RtlInitUnicodeString(&name, text);
    InitializeObjectAttributes(&object, &name, attributes, NULL, security);
    status = FltCreateCommunicationPort(filter, port, &object, &server, Connect, Disconnect, Message, most);
    FltFreeSecurityDescriptor(security);
    return status;
}

static bool late_port;
static NTSTATUS late_status;

static NTSTATUS FLTAPI Unload(FLT_FILTER_UNLOAD_FLAGS Flags)
{
    PFLT_PORT port;
    if (!forget_server)
        FltCloseCommunicationPort(server);
    FltUnregisterFilter(filter);
    if (close_late)
        FltCloseCommunicationPort(server);
    if (late_port)
        late_status = create_port(L"\\Late", OBJ_KERNEL_HANDLE, 1, &port);
    late_port = false;
    return STATUS_SUCCESS;
}

static NTSTATUS Entry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    static const FLT_REGISTRATION registration = {
        .Size = sizeof registration, .Version = FLT_REGISTRATION_VERSION, .FilterUnloadCallback = Unload};
    NTSTATUS status = FltRegisterFilter(DriverObject, &registration, &filter);
    if (NT_SUCCESS(status))
        status = create_port(L"\\TestPort", OBJ_KERNEL_HANDLE | OBJ_CASE_INSENSITIVE, 1, &server);
    return NT_SUCCESS(status) ? FltStartFiltering(filter) : status;
}

static void load(void)
{
    connects = disconnects = messages = 0;
    connect_status = STATUS_SUCCESS;
    forget_server = keep_client = close_late = false;
    client = NULL;
    assert_int_equal(
        fltsim_load(&(struct fltsim_driver_options){.name = "ported", .entry = Entry, .altitude = "370000"}, &driver),
        STATUS_SUCCESS);
}

static HANDLE connect_port(void)
{
    HANDLE handle;
    assert_int_equal(fltsim_connect("\\TestPort", "hello", 6, &handle), STATUS_SUCCESS);
    return handle;
}

static void programs_connect_and_send(void)
{
    char answer[16];
    size_t done;
    load();
    HANDLE port = connect_port();
    assert_int_equal(connects, 1);
    assert_string_equal(context_seen, "hello");
    assert_int_equal(fltsim_send(port, "abc", 3, answer, sizeof answer, &done), STATUS_SUCCESS);
    assert_int_equal(done, 3);
    assert_memory_equal(answer, "bcd", 3);
    assert_int_equal(fltsim_send(port, "abc", 3, answer, 2, &done), STATUS_BUFFER_TOO_SMALL);
    assert_int_equal(messages, 2);
    assert_int_equal(disconnects, 0);
    fltsim_close(port);
    assert_int_equal(disconnects, 1);
    assert_null(client);
}

static void connections_are_limited_and_refused(void)
{
    HANDLE second;
    load();
    HANDLE port = connect_port();
    assert_int_equal(fltsim_connect("\\TestPort", NULL, 0, &second), STATUS_CONNECTION_COUNT_LIMIT);
    fltsim_close(port);
    port = connect_port();
    fltsim_close(port);
    assert_int_equal(fltsim_connect("\\NoPort", NULL, 0, &second), STATUS_OBJECT_NAME_NOT_FOUND);
    connect_status = STATUS_ACCESS_DENIED;
    assert_int_equal(fltsim_connect("\\TestPort", NULL, 0, &second), STATUS_ACCESS_DENIED);
    assert_null(second);
    assert_int_equal(disconnects, 2);
}

static void ports_are_created_with_care(void)
{
    PFLT_PORT other;
    load();
    assert_int_equal(create_port(L"\\TestPort", OBJ_KERNEL_HANDLE, 1, &other), STATUS_OBJECT_NAME_COLLISION);
    assert_int_equal(create_port(L"\\Other", OBJ_CASE_INSENSITIVE, 1, &other), STATUS_INVALID_PARAMETER);
    assert_int_equal(create_port(L"\\Other", OBJ_KERNEL_HANDLE, 1, &other), STATUS_SUCCESS);
    FltCloseCommunicationPort(other);
    assert_int_equal(create_port(L"\\Other", OBJ_KERNEL_HANDLE, 1, &other), STATUS_SUCCESS);
    FltCloseCommunicationPort(other);
}

/* ---- FltSendMessage ------------------------------------------------------------------------------------------------ */

struct message {
    FILTER_MESSAGE_HEADER header;
    char text[16];
};

struct reply {
    FILTER_REPLY_HEADER header;
    char text[32];
};

static HANDLE served;
static ULONG extra; /* bytes more than the filter expects */

static int serve_one(void *unused)
{
    struct message message;
    struct reply reply = {{0}, ""};
    size_t done;
    if (fltsim_get_message(served, &message, sizeof message, -1, &done) != STATUS_SUCCESS)
        return 1;
    if (message.header.ReplyLength != sizeof(FILTER_REPLY_HEADER) + 8 || strcmp(message.text, "question") != 0)
        return 2;
    reply.header.MessageId = message.header.MessageId;
    strcpy(reply.text, "answer");
    NTSTATUS status = fltsim_reply(served, &reply, sizeof reply.header + 8 + extra);
    if (status != (extra ? STATUS_BUFFER_OVERFLOW : STATUS_SUCCESS))
        return 3;
    return fltsim_reply(served, &reply, sizeof reply.header) == STATUS_FLT_NO_WAITER_FOR_REPLY ? 0 : 4;
}

static void a_message_is_answered(void)
{
    char text[8];
    ULONG length = sizeof text;
    load();
    served = connect_port();
    extra = 0;
    struct fltsim_thread *thread = fltsim_thread_create(NULL, serve_one, NULL);
    assert_int_equal(FltSendMessage(filter, &client, "question", 9, text, &length, NULL), STATUS_SUCCESS);
    assert_int_equal(length, 8);
    assert_string_equal(text, "answer");
    assert_int_equal(fltsim_thread_join(thread), 0);
    fltsim_close(served);
}

static void a_reply_that_is_too_long_overflows(void)
{
    char text[8];
    ULONG length = sizeof text;
    load();
    served = connect_port();
    extra = 8;
    struct fltsim_thread *thread = fltsim_thread_create(NULL, serve_one, NULL);
    assert_int_equal(FltSendMessage(filter, &client, "question", 9, text, &length, NULL), STATUS_BUFFER_OVERFLOW);
    assert_int_equal(fltsim_thread_join(thread), 0);
    fltsim_close(served);
}

static void messages_time_out(void)
{
    char text[8];
    ULONG length = sizeof text;
    struct message message;
    LARGE_INTEGER timeout;
    timeout.QuadPart = -10000 * 50;
    load();
    assert_int_equal(FltSendMessage(filter, &client, "x", 2, NULL, NULL, &timeout), STATUS_PORT_DISCONNECTED);
    served = connect_port();
    assert_int_equal(FltSendMessage(filter, &client, "x", 2, NULL, NULL, &timeout), STATUS_TIMEOUT);
    assert_int_equal(FltSendMessage(filter, &client, "x", 2, text, &length, &timeout), STATUS_TIMEOUT);
    assert_int_equal(fltsim_get_message(served, &message, sizeof message, 20, NULL), STATUS_TIMEOUT);
    fltsim_close(served);
}

static int get_one(void *unused)
{
    struct message message;
    size_t done;
    char small[sizeof(FILTER_MESSAGE_HEADER)];
    if (fltsim_get_message(served, small, sizeof small, -1, &done) != STATUS_BUFFER_TOO_SMALL)
        return 1;
    if (fltsim_get_message(served, &message, sizeof message, -1, &done) != STATUS_SUCCESS)
        return 2;
    return message.header.ReplyLength == 0 && strcmp(message.text, "note") == 0 ? 0 : 3;
}

static void a_message_without_reply_is_only_delivered(void)
{
    load();
    served = connect_port();
    struct fltsim_thread *thread = fltsim_thread_create(NULL, get_one, NULL);
    assert_int_equal(FltSendMessage(filter, &client, "note", 5, NULL, NULL, NULL), STATUS_SUCCESS);
    assert_int_equal(fltsim_thread_join(thread), 0);
    fltsim_close(served);
}

static int wait_for_nothing(void *unused)
{
    struct message message;
    return fltsim_get_message(served, &message, sizeof message, -1, NULL) == STATUS_PORT_DISCONNECTED ? 0 : 1;
}

static void closing_the_client_port_wakes_the_program(void)
{
    char answer[4];
    load();
    served = connect_port();
    struct fltsim_thread *thread = fltsim_thread_create(NULL, wait_for_nothing, NULL);
    fltsim_yield();
    FltCloseClientPort(filter, &client);
    assert_null(client);
    assert_int_equal(fltsim_thread_join(thread), 0);
    assert_int_equal(fltsim_send(served, "a", 1, answer, 4, NULL), STATUS_PORT_DISCONNECTED);
    FltCloseClientPort(filter, &client); /* NULL: nothing */
    fltsim_close(served);
}

static int close_it(void *unused)
{
    LARGE_INTEGER a_while;
    a_while.QuadPart = -10000 * 10;
    KeDelayExecutionThread(KernelMode, FALSE, &a_while);
    fltsim_close(served);
    return 0;
}

static void the_end_of_the_program_wakes_the_sender(void)
{
    load();
    served = connect_port();
    struct fltsim_thread *thread = fltsim_thread_create(NULL, close_it, NULL);
    assert_int_equal(FltSendMessage(filter, &client, "x", 2, NULL, NULL, NULL), STATUS_PORT_DISCONNECTED);
    fltsim_thread_join(thread);
    assert_int_equal(disconnects, 1);
}

static void unloading_disconnects(void)
{
    char answer[4];
    load();
    served = connect_port();
    assert_int_equal(fltsim_unload(driver), STATUS_SUCCESS);
    assert_int_equal(disconnects, 1);
    assert_int_equal(fltsim_send(served, "a", 1, answer, 4, NULL), STATUS_PORT_DISCONNECTED);
    fltsim_close(served);
}

static void a_port_left_open_is_reported(void)
{
    load();
    forget_server = true;
    fltsim_expect("port-leak");
    assert_int_equal(fltsim_unload(driver), STATUS_SUCCESS);
}

static void a_client_port_that_its_filter_keeps_is_reported(void)
{
    load();
    keep_client = true;
    fltsim_close(connect_port());
    assert_int_equal(disconnects, 1);
    fltsim_expect("client-port-left");
    assert_int_equal(fltsim_unload(driver), STATUS_SUCCESS);
    assert_string_equal(fltsim_last_rule(), "client-port-left");
}

static void a_client_port_may_be_closed_late(void)
{
    load();
    keep_client = true;
    fltsim_close(connect_port());
    FltCloseClientPort(filter, &client);
    assert_int_equal(fltsim_unload(driver), STATUS_SUCCESS);
}

static void ports_are_listed_by_name(void)
{
    char name[FLTSIM_PORT_NAME];
    load();
    assert_true(fltsim_port_name(driver, 0, name));
    assert_string_equal(name, "\\TestPort");
    assert_false(fltsim_port_name(driver, 1, name));
}

static void a_port_is_closed_once(void)
{
    load();
    forget_server = close_late = true;
    fltsim_expect("port-leak");
    fltsim_expect("port-closed-twice");
    assert_int_equal(fltsim_unload(driver), STATUS_SUCCESS);
    assert_string_equal(fltsim_last_rule(), "port-closed-twice");
    load();
    close_late = true;
    fltsim_expect("port-closed-twice");
    assert_int_equal(fltsim_unload(driver), STATUS_SUCCESS);
}

static void memory_can_run_out(void)
{
    PSECURITY_DESCRIPTOR security;
    PFLT_PORT other;
    load();
    fltsim_fail_allocation(1);
    assert_int_equal(FltBuildDefaultSecurityDescriptor(&security, FLT_PORT_ALL_ACCESS), STATUS_INSUFFICIENT_RESOURCES);
    assert_null(security);
    fltsim_fail_allocation(2); /* the first is the security descriptor's */
    assert_int_equal(create_port(L"\\Other", OBJ_KERNEL_HANDLE, 1, &other), STATUS_INSUFFICIENT_RESOURCES);
    assert_null(other);
    served = connect_port();
    fltsim_fail_allocation(1);
    assert_int_equal(FltSendMessage(filter, &client, "x", 2, NULL, NULL, NULL), STATUS_INSUFFICIENT_RESOURCES);
    assert_true(fltsim_allocation_failed());
    fltsim_close(served);
}

static void no_port_after_unregistering(void)
{
    load();
    late_port = true;
    assert_int_equal(fltsim_unload(driver), STATUS_SUCCESS);
    assert_int_equal(late_status, STATUS_FLT_DELETING_OBJECT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fltsim_unit_test(programs_connect_and_send),
        fltsim_unit_test(connections_are_limited_and_refused),
        fltsim_unit_test(ports_are_created_with_care),
        fltsim_unit_test(a_message_is_answered),
        fltsim_unit_test(a_reply_that_is_too_long_overflows),
        fltsim_unit_test(messages_time_out),
        fltsim_unit_test(a_message_without_reply_is_only_delivered),
        fltsim_unit_test(closing_the_client_port_wakes_the_program),
        fltsim_unit_test(the_end_of_the_program_wakes_the_sender),
        fltsim_unit_test(unloading_disconnects),
        fltsim_unit_test(a_port_left_open_is_reported),
        fltsim_unit_test(a_client_port_that_its_filter_keeps_is_reported),
        fltsim_unit_test(a_client_port_may_be_closed_late),
        fltsim_unit_test(ports_are_listed_by_name),
        fltsim_unit_test(a_port_is_closed_once),
        fltsim_unit_test(memory_can_run_out),
        fltsim_unit_test(no_port_after_unregistering),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
