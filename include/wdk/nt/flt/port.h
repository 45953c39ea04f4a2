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

typedef NTSTATUS(FLTAPI *PFLT_MESSAGE_NOTIFY)(_In_opt_ PVOID PortCookie, _In_opt_ PVOID InputBuffer,
                                              _In_ ULONG InputBufferLength,
                                              _Out_opt_ PVOID OutputBuffer,
                                              _In_ ULONG OutputBufferLength,
                                              _Out_ PULONG ReturnOutputBufferLength);
typedef NTSTATUS(FLTAPI *PFLT_CONNECT_NOTIFY)(
    _In_ PFLT_PORT ClientPort, _In_opt_ PVOID ServerPortCookie, _In_opt_ PVOID ConnectionContext,
    _In_ ULONG SizeOfContext, _Outptr_result_maybenull_ PVOID *ConnectionPortCookie);
typedef VOID(FLTAPI *PFLT_DISCONNECT_NOTIFY)(_In_opt_ PVOID ConnectionCookie);

NTSTATUS FltCreateCommunicationPort(_In_ PFLT_FILTER Filter, _Outptr_ PFLT_PORT *ServerPort,
                                    _In_ POBJECT_ATTRIBUTES ObjectAttributes,
                                    _In_opt_ PVOID ServerPortCookie,
                                    _In_ PFLT_CONNECT_NOTIFY ConnectNotifyCallback,
                                    _In_ PFLT_DISCONNECT_NOTIFY DisconnectNotifyCallback,
                                    _In_opt_ PFLT_MESSAGE_NOTIFY MessageNotifyCallback,
                                    _In_ LONG MaxConnections);
VOID FltCloseCommunicationPort(_In_ PFLT_PORT ServerPort);
VOID FltCloseClientPort(_In_ PFLT_FILTER Filter, _Outptr_ PFLT_PORT *ClientPort);
NTSTATUS FltSendMessage(_In_ PFLT_FILTER Filter, _In_ PFLT_PORT *ClientPort,
                        _In_ PVOID SenderBuffer, _In_ ULONG SenderBufferLength,
                        _Out_opt_ PVOID ReplyBuffer, _Inout_opt_ PULONG ReplyLength,
                        _In_opt_ PLARGE_INTEGER Timeout);
NTSTATUS FltBuildDefaultSecurityDescriptor(_Outptr_ PSECURITY_DESCRIPTOR *SecurityDescriptor,
                                           _In_ ACCESS_MASK DesiredAccess);
VOID FltFreeSecurityDescriptor(_In_ PSECURITY_DESCRIPTOR SecurityDescriptor);

FLTSIM_WDK_END

#endif
