// Communication ports: messages between a minifilter and programs.
#ifndef FLTSIM_WDK_NT_FLT_PORT_H
#define FLTSIM_WDK_NT_FLT_PORT_H

#include "../begin.h"
#include "../ob.h"
#include "../se.h"
#include "../types.h"
#include "types.h"
#include "user_structures.h"

FLTSIM_WDK_BEGIN

#define FLT_PORT_CONNECT 0x0001
#define FLT_PORT_ALL_ACCESS (FLT_PORT_CONNECT | STANDARD_RIGHTS_ALL)
#define FLT_PORT_FLAG_SYNC_HANDLE 0x00000001

// All three are called at PASSIVE_LEVEL. Message: for FilterSendMessage, in the program's context,
// with its raw pointers: to be touched in a __try, with due regard to alignment. Connect: an error
// refuses the connection. Disconnect: when the program's handle has gone, or as the server port
// closes; it calls FltCloseClientPort.
typedef NTSTATUS(FLTAPI *PFLT_MESSAGE_NOTIFY)(_In_opt_ PVOID PortCookie, _In_opt_ PVOID InputBuffer,
                                              _In_ ULONG InputBufferLength,
                                              _Out_opt_ PVOID OutputBuffer,
                                              _In_ ULONG OutputBufferLength,
                                              _Out_ PULONG ReturnOutputBufferLength);
typedef NTSTATUS(FLTAPI *PFLT_CONNECT_NOTIFY)(
    _In_ PFLT_PORT ClientPort, _In_opt_ PVOID ServerPortCookie, _In_opt_ PVOID ConnectionContext,
    _In_ ULONG SizeOfContext, _Outptr_result_maybenull_ PVOID *ConnectionPortCookie);
typedef VOID(FLTAPI *PFLT_DISCONNECT_NOTIFY)(_In_opt_ PVOID ConnectionCookie);

// A named server port; the security descriptor in ObjectAttributes says who may connect. Close it
// with FltCloseCommunicationPort before the filter goes. IRQL PASSIVE_LEVEL.
// STATUS_FLT_DELETING_OBJECT, STATUS_INSUFFICIENT_RESOURCES, STATUS_OBJECT_NAME_COLLISION.
NTSTATUS FltCreateCommunicationPort(_In_ PFLT_FILTER Filter, _Outptr_ PFLT_PORT *ServerPort,
                                    _In_ POBJECT_ATTRIBUTES ObjectAttributes,
                                    _In_opt_ PVOID ServerPortCookie,
                                    _In_ PFLT_CONNECT_NOTIFY ConnectNotifyCallback,
                                    _In_ PFLT_DISCONNECT_NOTIFY DisconnectNotifyCallback,
                                    _In_opt_ PFLT_MESSAGE_NOTIFY MessageNotifyCallback,
                                    _In_ LONG MaxConnections);

// No more connections; those there are stay. The unload callback's business. IRQL PASSIVE_LEVEL.
VOID FltCloseCommunicationPort(_In_ PFLT_PORT ServerPort);

// Ends a connection and stores NULL. Exactly once for each connect callback that succeeded,
// usually from the disconnect callback. IRQL PASSIVE_LEVEL.
VOID FltCloseClientPort(_In_ PFLT_FILTER Filter, _Outptr_ PFLT_PORT *ClientPort);

// Sends to the program and, with a reply buffer, waits for its answer. STATUS_TIMEOUT is a success
// code: check for it. STATUS_PORT_DISCONNECTED when the program is gone. IRQL <= APC_LEVEL. Also
// STATUS_INSUFFICIENT_RESOURCES, STATUS_THREAD_IS_TERMINATING.
NTSTATUS FltSendMessage(_In_ PFLT_FILTER Filter, _In_ PFLT_PORT *ClientPort,
                        _In_ PVOID SenderBuffer, _In_ ULONG SenderBufferLength,
                        _Out_opt_ PVOID ReplyBuffer, _Inout_opt_ PULONG ReplyLength,
                        _In_opt_ PLARGE_INTEGER Timeout);

// One that gives the access to system and administrators: FltFreeSecurityDescriptor. IRQL <=
// APC_LEVEL. STATUS_INSUFFICIENT_RESOURCES.
NTSTATUS FltBuildDefaultSecurityDescriptor(_Outptr_ PSECURITY_DESCRIPTOR *SecurityDescriptor,
                                           _In_ ACCESS_MASK DesiredAccess);

// Frees what FltBuildDefaultSecurityDescriptor made. IRQL <= APC_LEVEL.
VOID FltFreeSecurityDescriptor(_In_ PSECURITY_DESCRIPTOR SecurityDescriptor);

FLTSIM_WDK_END

#endif
