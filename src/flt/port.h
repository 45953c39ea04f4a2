/* Communication ports, for the program's side of them (src/sim/port.c). */
#ifndef FLTSIM_FLT_PORT_H
#define FLTSIM_FLT_PORT_H

#include "fltp.h"

enum { FLTP_PORT_NAME = 128 };

/* The name of the filter's Index-th open server port, in UTF-8; false behind the last one. */
bool FltpServerPortName(PFLT_FILTER Filter, ULONG Index, char Name[FLTP_PORT_NAME]);
/* FilterConnectCommunicationPort: the port of that name; a handle of the current process. STATUS_OBJECT_NAME_NOT_FOUND,
 * STATUS_CONNECTION_COUNT_LIMIT, or what the connect callback answered. */
NTSTATUS FltpConnectPort(PCUNICODE_STRING Name, const void *Context, ULONG ContextLength, PHANDLE Handle);
/* FilterSendMessage: what the message callback answered. */
NTSTATUS FltpSendToFilter(HANDLE Port, const void *In, ULONG InLength, void *Out, ULONG OutLength, PULONG Done);
/* FilterGetMessage. Timeout in 100 ns units, negative; NULL: none. STATUS_TIMEOUT, STATUS_BUFFER_TOO_SMALL (the message
 * stays), STATUS_PORT_DISCONNECTED. */
NTSTATUS FltpGetMessage(HANDLE Port, void *Message, ULONG Length, PLARGE_INTEGER Timeout, PULONG Done);
/* FilterReplyMessage. STATUS_FLT_NO_WAITER_FOR_REPLY, STATUS_BUFFER_OVERFLOW (more than the filter takes). */
NTSTATUS FltpReplyMessage(HANDLE Port, const void *Reply, ULONG Length);

#endif
