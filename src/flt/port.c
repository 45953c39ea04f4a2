/* Communication ports: server ports, connections, and their ends. */
#include "port_private.h"

#include "fault/fault.h"

#include <string.h>

#include "trace/trace.h"

/* ---- lists ------------------------------------------------------------------------------------------------------------ */

static void ListPort(PFLT_PORT port, PLIST_ENTRY list)
{
    ObpReference(port);
    sched_lock(&port->Filter->Lock);
    InsertTailList(list, &port->FilterLink);
    port->Listed = true;
    sched_unlock(&port->Filter->Lock);
}

static void UnlistPort(PFLT_PORT port)
{
    sched_lock(&port->Filter->Lock);
    bool listed = port->Listed;
    if (listed)
        RemoveEntryList(&port->FilterLink);
    port->Listed = false;
    sched_unlock(&port->Filter->Lock);
    if (listed)
        ObpDereference(port);
}

static PFLT_PORT FirstPort(PFLT_FILTER filter, PLIST_ENTRY list)
{
    PFLT_PORT port = NULL;
    sched_lock(&filter->Lock);
    if (!IsListEmpty(list)) {
        port = CONTAINING_RECORD(list->Flink, FLT_PORT, FilterLink);
        ObpReference(port);
    }
    sched_unlock(&filter->Lock);
    return port;
}

/* ---- the end of a connection -------------------------------------------------------------------------------------------- */

/* The program's last handle went, or the filter unregisters: the filter is told, once, unless it closed the port. */
static void EndConnection(PFLT_PORT client)
{
    if (!FltpDisconnectClient(client))
        return;
    TRACE("flt", "port %p disconnected", (void *)client);
    if (ExAcquireRundownProtection(&client->Callbacks)) {
        if (client->Disconnect)
            client->Disconnect(client->ConnectionCookie);
        ExReleaseRundownProtection(&client->Callbacks);
    }
}

static void CloseClientHandle(PEPROCESS process, PVOID object, ACCESS_MASK granted, ULONG processHandles,
                              ULONG systemHandles)
{
    if (systemHandles == 1)
        EndConnection(object);
}

static void DeleteClient(PVOID object)
{
    PFLT_PORT client = object;
    __atomic_sub_fetch(&client->ServerPort->Connections, 1, __ATOMIC_RELAXED);
    ObpDereference(client->ServerPort);
}

static void DeleteServer(PVOID object)
{
    PFLT_PORT server = object;
    sim_free(server->Name.Buffer);
}

enum { CLOSED_KEPT = 64 };

/* The oldest one. */
static void ForgetClosed(void)
{
    struct flt_port_state *ports = FltGlobals.Ports;
    sched_lock(&ports->Lock);
    PFLT_PORT port = CONTAINING_RECORD(RemoveHeadList(&ports->ClosedPorts), FLT_PORT, FilterLink);
    ports->ClosedCount--;
    sched_unlock(&ports->Lock);
    ObpDereference(port);
}

/* Takes over the driver's reference: who uses the port once more still finds it, and is told. */
static void KeepClosed(PFLT_PORT server)
{
    struct flt_port_state *ports = FltGlobals.Ports;
    sched_lock(&ports->Lock);
    InsertTailList(&ports->ClosedPorts, &server->FilterLink);
    bool many = ++ports->ClosedCount > CLOSED_KEPT;
    sched_unlock(&ports->Lock);
    if (many)
        ForgetClosed();
}

bool FltpStartPorts(void)
{
    static const struct ob_type_info server = {
        .name = "FilterConnectionPort", .delete = DeleteServer, .wait = OB_NO_WAIT, .valid_access = FLT_PORT_ALL_ACCESS};
    static const struct ob_type_info client = {.name = "FilterCommunicationPort",
                                               .delete = DeleteClient,
                                               .close = CloseClientHandle,
                                               .wait = OB_NO_WAIT,
                                               .valid_access = FLT_PORT_ALL_ACCESS};
    FltGlobals.Ports = sim_alloc(sizeof *FltGlobals.Ports);
    InitializeListHead(&FltGlobals.Ports->ClosedPorts);
    FltGlobals.Ports->ServerType = ObpCreateType(&server);
    FltGlobals.Ports->ClientType = ObpCreateType(&client);
    return true;
}

void FltpStopPorts(void)
{
    if (!sched_is_dead()) {
        while (FltGlobals.Ports->ClosedCount)
            ForgetClosed();
        sim_free(FltGlobals.Ports);
    }
    FltGlobals.Ports = NULL;
}

/* ---- the filter's side ---------------------------------------------------------------------------------------------------- */

NTSTATUS FltCreateCommunicationPort(PFLT_FILTER Filter, PFLT_PORT *ServerPort, POBJECT_ATTRIBUTES ObjectAttributes,
                                    PVOID ServerPortCookie, PFLT_CONNECT_NOTIFY ConnectNotifyCallback,
                                    PFLT_DISCONNECT_NOTIFY DisconnectNotifyCallback,
                                    PFLT_MESSAGE_NOTIFY MessageNotifyCallback, LONG MaxConnections)
{
    API_ENTER(FltCreateCommunicationPort, Filter, SCHED_WRITE);
    FltpCheckFilter(Filter, "FltCreateCommunicationPort", VERIFY_CALLER);
    *ServerPort = NULL;
    if (!ConnectNotifyCallback || !DisconnectNotifyCallback || MaxConnections <= 0 || !ObjectAttributes ||
        !ObjectAttributes->ObjectName || !(ObjectAttributes->Attributes & OBJ_KERNEL_HANDLE))
        return STATUS_INVALID_PARAMETER;
    if (FltpIsDraining(&Filter->Base))
        return STATUS_FLT_DELETING_OBJECT;
    if (fault_allocation())
        return STATUS_INSUFFICIENT_RESOURCES;
    PFLT_PORT port;
    NTSTATUS status = ObpCreateObject(FltGlobals.Ports->ServerType, sizeof *port, (PVOID *)&port);
    if (!NT_SUCCESS(status))
        return status;
    port->Filter = Filter;
    port->Server = true;
    port->Cookie = ServerPortCookie;
    port->Connect = ConnectNotifyCallback;
    port->Disconnect = DisconnectNotifyCallback;
    port->Message = MessageNotifyCallback;
    port->MaxConnections = MaxConnections;
    port->Site = VERIFY_CALLER;
    port->Name = *ObjectAttributes->ObjectName;
    port->Name.Buffer = sim_alloc(port->Name.Length + sizeof(WCHAR));
    memcpy(port->Name.Buffer, ObjectAttributes->ObjectName->Buffer, port->Name.Length);
    ExInitializeRundownProtection(&port->Callbacks);
    status = ObpInsertName(port, NULL, ObjectAttributes->ObjectName, ObjectAttributes->Attributes);
    if (!NT_SUCCESS(status)) {
        ObpDereference(port);
        return status;
    }
    ListPort(port, &Filter->Ports);
    *ServerPort = port;
    return STATUS_SUCCESS;
}

static const char *PortName(PFLT_PORT server, char name[FLTP_PORT_NAME])
{
    return trace_utf8((const uint16_t *)server->Name.Buffer, server->Name.Length, name, FLTP_PORT_NAME);
}

bool FltpServerPortName(PFLT_FILTER Filter, ULONG Index, char Name[FLTP_PORT_NAME])
{
    PFLT_PORT found = NULL;
    sched_lock(&Filter->Lock);
    for (PLIST_ENTRY at = Filter->Ports.Flink; at != &Filter->Ports && !found; at = at->Flink)
        if (Index-- == 0)
            found = CONTAINING_RECORD(at, FLT_PORT, FilterLink);
    if (found)
        ObpReference(found);
    sched_unlock(&Filter->Lock);
    if (!found)
        return false;
    PortName(found, Name);
    ObpDereference(found);
    return true;
}

static void ReportClosed(PFLT_PORT server, const void *site)
{
    char name[FLTP_PORT_NAME];
    struct verify_violation *v =
        verify_begin(VERIFY_PORT_CLOSED, "Communication port \"%s\" (%p) was closed %s.", PortName(server, name),
                     (void *)server, server->CloseSite ? "twice" : "after its filter had unregistered");
    verify_site(v, "now closed by", site);
    verify_site(v, server->CloseSite ? "closed before by" : "closed before, when its filter unregistered",
                server->CloseSite);
    verify_site(v, "created by", server->Site);
    verify_end(v);
}

/* Its filter may be gone when it is closed already. False: it was. */
static bool CloseServer(PFLT_PORT server, const void *site)
{
    if (__atomic_exchange_n(&server->Closed, 1, __ATOMIC_ACQ_REL))
        return false;
    server->CloseSite = site;
    ObpRemoveName(server);
    ExWaitForRundownProtectionRelease(&server->Callbacks);
    UnlistPort(server);
    KeepClosed(server);
    return true;
}

static _Noreturn void ReportNoPort(const void *site)
{
    struct verify_violation *v = verify_begin_fatal(
        VERIFY_BAD_FLT_OBJECT, "FltCloseCommunicationPort was given NULL instead of a communication port.");
    verify_site(v, "called by", site);
    verify_end_bugcheck(v, 0x50, 0, 0, (uintptr_t)site, 0);
}

VOID FltCloseCommunicationPort(PFLT_PORT ServerPort)
{
    API_ENTER(FltCloseCommunicationPort, ServerPort, SCHED_WRITE);
    if (!ServerPort)
        ReportNoPort(VERIFY_CALLER);
    if (!CloseServer(ServerPort, VERIFY_CALLER))
        ReportClosed(ServerPort, VERIFY_CALLER);
}

VOID FltCloseClientPort(PFLT_FILTER Filter, PFLT_PORT *ClientPort)
{
    API_ENTER(FltCloseClientPort, ClientPort, SCHED_WRITE);
    FltpCheckFilter(Filter, "FltCloseClientPort", VERIFY_CALLER);
    sched_lock(&Filter->Lock);
    PFLT_PORT client = *ClientPort;
    *ClientPort = NULL;
    sched_unlock(&Filter->Lock);
    if (!client || __atomic_exchange_n(&client->Closed, 1, __ATOMIC_ACQ_REL))
        return;
    FltpDisconnectClient(client);
    UnlistPort(client);
    ObpDereference(client);
}

static void ReportOpenPort(PFLT_PORT server)
{
    char name[128];
    struct verify_violation *v =
        verify_begin(VERIFY_PORT_LEAK, "Communication port \"%s\" (%p) was open as its filter unregistered.",
                     PortName(server, name), (void *)server);
    verify_site(v, "created by", server->Site);
    verify_end(v);
}

static void ReportOpenConnection(PFLT_PORT client)
{
    char name[FLTP_PORT_NAME];
    struct verify_violation *v =
        verify_begin(VERIFY_CLIENT_PORT_LEFT, "Client port %p of communication port \"%s\" was never closed by its filter.",
                     (void *)client, PortName(client->ServerPort, name));
    verify_site(v, "given to the connect callback", (const char *)(uintptr_t)client->ServerPort->Connect + 1);
    verify_site(v, "disconnect callback", (const char *)(uintptr_t)client->Disconnect + 1);
    verify_end(v);
}

void FltpCloseFilterPorts(PFLT_FILTER Filter)
{
    PFLT_PORT port;
    while ((port = FirstPort(Filter, &Filter->Ports))) {
        ReportOpenPort(port);
        CloseServer(port, NULL);
        ObpDereference(port);
    }
    while ((port = FirstPort(Filter, &Filter->Connections))) {
        EndConnection(port);
        UnlistPort(port);
        ExWaitForRundownProtectionRelease(&port->Callbacks);
        if (!__atomic_exchange_n(&port->Closed, 1, __ATOMIC_ACQ_REL)) {
            ReportOpenConnection(port);
            ObpDereference(port);
        }
        ObpDereference(port);
    }
}

/* ---- the program connects ------------------------------------------------------------------------------------------------- */

static PFLT_PORT CreateClient(PFLT_PORT server)
{
    PFLT_PORT client;
    ObpCreateObject(FltGlobals.Ports->ClientType, sizeof *client, (PVOID *)&client);
    ObpReference(server);
    __atomic_add_fetch(&server->Connections, 1, __ATOMIC_RELAXED);
    client->ServerPort = server;
    client->Filter = server->Filter;
    client->Disconnect = server->Disconnect;
    client->Message = server->Message;
    client->NextMessage = 1;
    ExInitializeRundownProtection(&client->Callbacks);
    KeInitializeEvent(&client->Gone, NotificationEvent, FALSE);
    KeInitializeSemaphore(&client->Arrived, 0, MAXLONG);
    InitializeListHead(&client->Queued);
    InitializeListHead(&client->Awaiting);
    return client;
}

static NTSTATUS Accept(PFLT_PORT server, const void *context, ULONG length, PHANDLE handle)
{
    if (server->Connections >= server->MaxConnections)
        return STATUS_CONNECTION_COUNT_LIMIT;
    PFLT_PORT client = CreateClient(server);
    void *copy = length ? sim_alloc(length) : NULL;
    if (length)
        memcpy(copy, context, length);
    ObpReference(client); /* the filter's own, until FltCloseClientPort */
    NTSTATUS status = server->Connect(client, server->Cookie, copy, length, &client->ConnectionCookie);
    sim_free(copy);
    if (!NT_SUCCESS(status)) {
        FltpDisconnectClient(client);
        ObpDereference(client);
        ObpDereference(client);
        return status;
    }
    ListPort(client, &server->Filter->Connections);
    status = ObpCreateHandle(client, FLT_PORT_ALL_ACCESS, 0, NULL, handle);
    if (!NT_SUCCESS(status))
        EndConnection(client);
    ObpDereference(client);
    return status;
}

NTSTATUS FltpConnectPort(PCUNICODE_STRING Name, const void *Context, ULONG ContextLength, PHANDLE Handle)
{
    OBJECT_ATTRIBUTES attributes;
    UNICODE_STRING name = *Name;
    PFLT_PORT server;
    *Handle = NULL;
    if (!FltGlobals.Ports)
        return STATUS_OBJECT_NAME_NOT_FOUND;
    InitializeObjectAttributes(&attributes, &name, OBJ_CASE_INSENSITIVE, NULL, NULL);
    NTSTATUS status =
        ObpLookup(&attributes, FltGlobals.Ports->ServerType, KernelMode, FLT_PORT_CONNECT, NULL, (PVOID *)&server);
    if (!NT_SUCCESS(status))
        return status;
    status = STATUS_OBJECT_NAME_NOT_FOUND;
    if (ExAcquireRundownProtection(&server->Callbacks)) {
        status = Accept(server, Context, ContextLength, Handle);
        ExReleaseRundownProtection(&server->Callbacks);
    }
    ObpDereference(server);
    return status;
}
