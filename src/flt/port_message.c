/* Messages over a connection, in both directions. */
#include "port_private.h"

#include "fault/fault.h"

#include <string.h>

static void DereferenceMessage(struct flt_message *message)
{
    if (__atomic_sub_fetch(&message->References, 1, __ATOMIC_ACQ_REL) == 0)
        sim_free(message);
}

/* Signals an event of a message that somebody referenced for this; no lock is held. */
static void Signal(struct flt_message *message, PKEVENT event)
{
    KeSetEvent(event, IO_NO_INCREMENT, FALSE);
    DereferenceMessage(message);
}

static void UnlinkMessage(PFLT_PORT client, struct flt_message *message)
{
    sched_lock(&client->Lock);
    if (message->Linked)
        RemoveEntryList(&message->Link);
    message->Linked = false;
    sched_unlock(&client->Lock);
}

bool FltpDisconnectClient(PFLT_PORT Client)
{
    if (__atomic_exchange_n(&Client->Disconnected, 1, __ATOMIC_ACQ_REL))
        return false;
    KeSetEvent(&Client->Gone, IO_NO_INCREMENT, FALSE);
    return true;
}

/* The connection behind the filter's variable, referenced; NULL: it is closed. */
static PFLT_PORT ReferenceClient(PFLT_FILTER filter, PFLT_PORT *place)
{
    sched_lock(&filter->Lock);
    PFLT_PORT client = *place;
    if (client)
        ObpReference(client);
    sched_unlock(&filter->Lock);
    return client;
}

/* Waits for `event`, the end of the connection, or the time. */
static NTSTATUS WaitFor(PFLT_PORT client, PKEVENT event, PLARGE_INTEGER timeout)
{
    PVOID objects[] = {event, &client->Gone};
    if (PsIsThreadTerminating(PsGetCurrentThread()))
        return STATUS_THREAD_IS_TERMINATING;
    NTSTATUS status = KeWaitForMultipleObjects(2, objects, WaitAny, Executive, UserMode, FALSE, timeout, NULL);
    if (status == STATUS_WAIT_0)
        return STATUS_SUCCESS;
    if (status == STATUS_WAIT_1)
        return KeReadStateEvent(event) ? STATUS_SUCCESS : STATUS_PORT_DISCONNECTED;
    return status == STATUS_USER_APC ? STATUS_THREAD_IS_TERMINATING : status;
}

static NTSTATUS Exchange(PFLT_PORT client, struct flt_message *message, PLARGE_INTEGER timeout)
{
    sched_lock(&client->Lock);
    message->Id = client->NextMessage++;
    message->Linked = true;
    InsertTailList(&client->Queued, &message->Link);
    sched_unlock(&client->Lock);
    KeReleaseSemaphore(&client->Arrived, IO_NO_INCREMENT, 1, FALSE);
    NTSTATUS status = WaitFor(client, &message->Delivered, timeout);
    if (status == STATUS_SUCCESS && message->WantsReply)
        status = WaitFor(client, &message->Finished, timeout);
    UnlinkMessage(client, message);
    /* What arrived between the end of the wait and the unlinking counts. */
    if (status != STATUS_SUCCESS && KeReadStateEvent(message->WantsReply ? &message->Finished : &message->Delivered))
        status = STATUS_SUCCESS;
    return status == STATUS_SUCCESS && message->WantsReply ? message->Status : status;
}

NTSTATUS FltSendMessage(PFLT_FILTER Filter, PFLT_PORT *ClientPort, PVOID SenderBuffer, ULONG SenderBufferLength,
                        PVOID ReplyBuffer, PULONG ReplyLength, PLARGE_INTEGER Timeout)
{
    API_ENTER(FltSendMessage, ClientPort, SCHED_WRITE);
    FltpCheckFilter(Filter, "FltSendMessage", VERIFY_CALLER);
    if (ReplyBuffer && !ReplyLength)
        return STATUS_INVALID_PARAMETER;
    if (fault_allocation())
        return STATUS_INSUFFICIENT_RESOURCES;
    PFLT_PORT client = ReferenceClient(Filter, ClientPort);
    if (!client)
        return STATUS_PORT_DISCONNECTED;
    NTSTATUS status = STATUS_PORT_DISCONNECTED;
    if (!client->Disconnected) {
        struct flt_message *message = sim_alloc(sizeof *message);
        *message = (struct flt_message){.References = 1,
                                        .Buffer = SenderBuffer,
                                        .Length = SenderBufferLength,
                                        .WantsReply = ReplyBuffer != NULL,
                                        .Reply = ReplyBuffer,
                                        .ReplyRoom = ReplyBuffer ? *ReplyLength : 0};
        KeInitializeEvent(&message->Delivered, NotificationEvent, FALSE);
        KeInitializeEvent(&message->Finished, NotificationEvent, FALSE);
        status = Exchange(client, message, Timeout && Timeout->QuadPart ? Timeout : NULL);
        if (ReplyBuffer && status != STATUS_TIMEOUT && (NT_SUCCESS(status) || status == STATUS_BUFFER_OVERFLOW))
            *ReplyLength = message->ReplyLength;
        DereferenceMessage(message);
    }
    ObpDereference(client);
    return status;
}

/* ---- the program's side -------------------------------------------------------------------------------------------------------- */

static NTSTATUS ClientOf(HANDLE handle, PFLT_PORT *client)
{
    if (!FltGlobals.Ports)
        return STATUS_INVALID_HANDLE;
    return ObpReferenceHandle(handle, 0, FltGlobals.Ports->ClientType, KernelMode, (PVOID *)client, NULL);
}

NTSTATUS FltpSendToFilter(HANDLE Port, const void *In, ULONG InLength, void *Out, ULONG OutLength, PULONG Done)
{
    PFLT_PORT client;
    *Done = 0;
    NTSTATUS status = ClientOf(Port, &client);
    if (!NT_SUCCESS(status))
        return status;
    status = STATUS_PORT_DISCONNECTED;
    if (!client->Disconnected && ExAcquireRundownProtection(&client->Callbacks)) {
        status = STATUS_NOT_SUPPORTED;
        if (client->Message)
            status = client->Message(client->ConnectionCookie, (PVOID)In, InLength, Out, OutLength, Done);
        ExReleaseRundownProtection(&client->Callbacks);
    }
    ObpDereference(client);
    return status;
}

/* The oldest queued message, copied out. Its sender cannot go while the lock is held. */
static NTSTATUS Fetch(PFLT_PORT client, void *buffer, ULONG length, PULONG done)
{
    struct flt_message *message = NULL;
    NTSTATUS status = STATUS_NO_MORE_ENTRIES;
    sched_lock(&client->Lock);
    if (!IsListEmpty(&client->Queued)) {
        message = CONTAINING_RECORD(client->Queued.Flink, struct flt_message, Link);
        ULONG needed = sizeof(FILTER_MESSAGE_HEADER) + message->Length;
        status = length < needed ? STATUS_BUFFER_TOO_SMALL : STATUS_SUCCESS;
        *done = needed;
    }
    if (status == STATUS_SUCCESS) {
        PFILTER_MESSAGE_HEADER header = buffer;
        header->ReplyLength = message->WantsReply ? sizeof(FILTER_REPLY_HEADER) + message->ReplyRoom : 0;
        header->MessageId = message->Id;
        memcpy(header + 1, message->Buffer, message->Length);
        RemoveEntryList(&message->Link);
        message->Linked = message->WantsReply;
        if (message->WantsReply)
            InsertTailList(&client->Awaiting, &message->Link);
        __atomic_add_fetch(&message->References, 1, __ATOMIC_RELAXED);
    }
    sched_unlock(&client->Lock);
    if (status == STATUS_SUCCESS)
        Signal(message, &message->Delivered);
    if (status == STATUS_BUFFER_TOO_SMALL)
        KeReleaseSemaphore(&client->Arrived, IO_NO_INCREMENT, 1, FALSE);
    return status;
}

NTSTATUS FltpGetMessage(HANDLE Port, void *Message, ULONG Length, PLARGE_INTEGER Timeout, PULONG Done)
{
    PFLT_PORT client;
    *Done = 0;
    NTSTATUS status = ClientOf(Port, &client);
    if (!NT_SUCCESS(status))
        return status;
    LONGLONG deadline = Timeout ? (LONGLONG)KeQueryInterruptTime() - Timeout->QuadPart : 0;
    do {
        LARGE_INTEGER left = {.QuadPart = Timeout ? (LONGLONG)KeQueryInterruptTime() - deadline : 0};
        if (left.QuadPart > 0)
            left.QuadPart = 0;
        PVOID objects[] = {&client->Arrived, &client->Gone};
        status = KeWaitForMultipleObjects(2, objects, WaitAny, Executive, UserMode, FALSE, Timeout ? &left : NULL, NULL);
        if (status == STATUS_WAIT_1)
            status = STATUS_PORT_DISCONNECTED;
        else if (status == STATUS_WAIT_0)
            status = client->Disconnected ? STATUS_PORT_DISCONNECTED : Fetch(client, Message, Length, Done);
    } while (status == STATUS_NO_MORE_ENTRIES); /* its sender gave up */
    ObpDereference(client);
    return status;
}

NTSTATUS FltpReplyMessage(HANDLE Port, const void *Reply, ULONG Length)
{
    const FILTER_REPLY_HEADER *header = Reply;
    PFLT_PORT client;
    if (Length < sizeof *header)
        return STATUS_INVALID_PARAMETER;
    NTSTATUS status = ClientOf(Port, &client);
    if (!NT_SUCCESS(status))
        return status;
    ULONG data = Length - (ULONG)sizeof *header;
    struct flt_message *answered = NULL;
    status = client->Disconnected ? STATUS_PORT_DISCONNECTED : STATUS_FLT_NO_WAITER_FOR_REPLY;
    sched_lock(&client->Lock);
    for (PLIST_ENTRY link = client->Awaiting.Flink; link != &client->Awaiting; link = link->Flink) {
        struct flt_message *message = CONTAINING_RECORD(link, struct flt_message, Link);
        if (message->Id != header->MessageId)
            continue;
        ULONG take = data < message->ReplyRoom ? data : message->ReplyRoom;
        memcpy(message->Reply, header + 1, take);
        message->ReplyLength = take;
        message->Status = data > take ? STATUS_BUFFER_OVERFLOW : header->Status;
        status = data > take ? STATUS_BUFFER_OVERFLOW : STATUS_SUCCESS;
        RemoveEntryList(link);
        message->Linked = false;
        __atomic_add_fetch(&message->References, 1, __ATOMIC_RELAXED);
        answered = message;
        break;
    }
    sched_unlock(&client->Lock);
    if (answered)
        Signal(answered, &answered->Finished);
    ObpDereference(client);
    return status;
}
