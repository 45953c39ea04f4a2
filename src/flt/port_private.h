/* The two kinds of port, shared by port.c and port_message.c. */
#ifndef FLTSIM_FLT_PORT_PRIVATE_H
#define FLTSIM_FLT_PORT_PRIVATE_H

#include "ob/object.h"
#include "port.h"
#include "verify/api.h"

struct flt_port_state {
    POBJECT_TYPE ServerType; /* "FilterConnectionPort" */
    POBJECT_TYPE ClientType; /* "FilterCommunicationPort" */
    struct sched_lock Lock;  /* leaf: ClosedPorts */
    LIST_ENTRY ClosedPorts;  /* FLT_PORT.FilterLink: the last server ports that were closed, kept for who uses them yet */
    ULONG ClosedCount;
};

/* Both are objects of the object manager; PFLT_PORT points to the body. */
typedef struct _FLT_PORT {
    PFLT_FILTER Filter;
    LIST_ENTRY FilterLink; /* FLT_FILTER.Ports (server), .Connections (client); under Filter->Lock */
    bool Listed;
    bool Server;
    EX_RUNDOWN_REF Callbacks; /* callbacks under way */
    const void *Site;         /* who created it; who answered the connection */
    const void *CloseSite;    /* server: who closed it; NULL: its filter unregistered */

    /* server */
    UNICODE_STRING Name;
    PVOID Cookie;
    PFLT_CONNECT_NOTIFY Connect;
    PFLT_DISCONNECT_NOTIFY Disconnect; /* copied into each client, as is Message */
    PFLT_MESSAGE_NOTIFY Message;
    LONG MaxConnections;
    volatile LONG Connections;

    /* client */
    struct _FLT_PORT *ServerPort; /* referenced */
    PVOID ConnectionCookie;
    volatile LONG Disconnected; /* once: by whoever closes first */
    volatile LONG Closed;       /* FltCloseClientPort, or a server's FltCloseCommunicationPort, was called */
    KEVENT Gone;                /* set when disconnected */
    KSEMAPHORE Arrived;         /* one a queued message; may count too many */
    struct sched_lock Lock;     /* leaf: the two lists, NextMessage */
    LIST_ENTRY Queued;          /* flt_message.Link: not fetched yet */
    LIST_ENTRY Awaiting;        /* flt_message.Link: fetched, a reply is due */
    ULONGLONG NextMessage;
} FLT_PORT;

/* One message of FltSendMessage. */
struct flt_message {
    LIST_ENTRY Link;
    volatile LONG References; /* the sender's, and that of whoever signals its events */
    const void *Buffer;
    ULONG Length;
    ULONGLONG Id;
    bool WantsReply;
    bool Linked;
    PVOID Reply;
    ULONG ReplyRoom, ReplyLength;
    NTSTATUS Status;
    KEVENT Delivered, Finished;
};

/* Wakes every sender and getter; the connection is over. False: it was over before. */
bool FltpDisconnectClient(PFLT_PORT Client);

#endif
