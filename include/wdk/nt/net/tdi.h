/* The Transport Driver Interface: its types, and the macros that fill in requests.
 *
 * There are no transports: \Device\Tcp, \Device\Udp, \Device\Tcp6 ... are not there, and IoGetDeviceObjectPointer and ZwCreateFile
 * answer STATUS_OBJECT_NAME_NOT_FOUND for them. What a transport or a client registers with TDI.SYS (TdiRegister...,
 * TdiDefault...Handler) is absent.
 * A request is an IRP_MJ_INTERNAL_DEVICE_CONTROL whose MinorFunction is one of TDI_...; its parameters, of the type
 * TDI_REQUEST_KERNEL_..., stand in Parameters of the stack location. The macros set the next location, <= DISPATCH_LEVEL.
 * Facts: mingw-w64's tdi.h and ddk/tdikrnl.h. */
#ifndef FLTSIM_WDK_NT_NET_TDI_H
#define FLTSIM_WDK_NT_NET_TDI_H

#include "../begin.h"
#include "../io.h"
#include "../net.h"

FLTSIM_WDK_BEGIN

typedef LONG TDI_STATUS;
typedef PVOID CONNECTION_CONTEXT;

typedef struct _TDI_CONNECTION_INFORMATION {
    LONG UserDataLength;
    PVOID UserData;
    LONG OptionsLength;
    PVOID Options;
    LONG RemoteAddressLength;
    PVOID RemoteAddress;
} TDI_CONNECTION_INFORMATION, *PTDI_CONNECTION_INFORMATION;

typedef struct _TDI_REQUEST {
    union {
        HANDLE AddressHandle;
        CONNECTION_CONTEXT ConnectionContext;
        HANDLE ControlChannel;
    } Handle;
    PVOID RequestNotifyObject;
    PVOID RequestContext;
    TDI_STATUS TdiStatus;
} TDI_REQUEST, *PTDI_REQUEST;

/* ---- addresses ---- */

#define TDI_ADDRESS_TYPE_UNSPEC 0
#define TDI_ADDRESS_TYPE_IP 2
#define TDI_ADDRESS_TYPE_IPX 6
#define TDI_ADDRESS_TYPE_NETBIOS 17
#define TDI_ADDRESS_TYPE_IP6 23
#define TdiTransportAddress "TransportAddress"
#define TdiConnectionContext "ConnectionContext"
#define TDI_TRANSPORT_ADDRESS_LENGTH (sizeof(TdiTransportAddress) - 1)
#define TDI_CONNECTION_CONTEXT_LENGTH (sizeof(TdiConnectionContext) - 1)
#define TDI_TRANSPORT_ADDRESS_FILE 1
#define TDI_CONNECTION_FILE 2
#define TDI_CONTROL_CHANNEL_FILE 3

typedef struct _TA_ADDRESS {
    USHORT AddressLength;
    USHORT AddressType;
    UCHAR Address[1];
} TA_ADDRESS, *PTA_ADDRESS;

typedef struct _TRANSPORT_ADDRESS {
    LONG TAAddressCount;
    TA_ADDRESS Address[1];
} TRANSPORT_ADDRESS, *PTRANSPORT_ADDRESS;

/* Port and address are in network order. */
#pragma pack(push, 1)
typedef struct _TDI_ADDRESS_IP {
    USHORT sin_port;
    ULONG in_addr;
    UCHAR sin_zero[8];
} TDI_ADDRESS_IP, *PTDI_ADDRESS_IP;

typedef struct _TDI_ADDRESS_IP6 {
    USHORT sin6_port;
    ULONG sin6_flowinfo;
    USHORT sin6_addr[8];
    ULONG sin6_scope_id;
} TDI_ADDRESS_IP6, *PTDI_ADDRESS_IP6;

typedef struct _TA_ADDRESS_IP {
    LONG TAAddressCount;
    struct _AddrIp {
        USHORT AddressLength;
        USHORT AddressType;
        TDI_ADDRESS_IP Address[1];
    } Address[1];
} TA_IP_ADDRESS, *PTA_IP_ADDRESS;

typedef struct _TA_ADDRESS_IP6 {
    LONG TAAddressCount;
    struct _AddrIp6 {
        USHORT AddressLength;
        USHORT AddressType;
        TDI_ADDRESS_IP6 Address[1];
    } Address[1];
} TA_IP6_ADDRESS, *PTA_IP6_ADDRESS;
#pragma pack(pop)
#define TDI_ADDRESS_LENGTH_IP sizeof(TDI_ADDRESS_IP)
#define TDI_ADDRESS_LENGTH_IP6 sizeof(TDI_ADDRESS_IP6)

typedef struct _TDI_ADDRESS_INFO {
    ULONG ActivityCount;
    TRANSPORT_ADDRESS Address;
} TDI_ADDRESS_INFO, *PTDI_ADDRESS_INFO;

/* ---- requests ---- */

#define TDI_ASSOCIATE_ADDRESS 0x01
#define TDI_DISASSOCIATE_ADDRESS 0x02
#define TDI_CONNECT 0x03
#define TDI_LISTEN 0x04
#define TDI_ACCEPT 0x05
#define TDI_DISCONNECT 0x06
#define TDI_SEND 0x07
#define TDI_RECEIVE 0x08
#define TDI_SEND_DATAGRAM 0x09
#define TDI_RECEIVE_DATAGRAM 0x0A
#define TDI_SET_EVENT_HANDLER 0x0B
#define TDI_QUERY_INFORMATION 0x0C
#define TDI_SET_INFORMATION 0x0D
#define TDI_ACTION 0x0E
#define TDI_DIRECT_SEND 0x27
#define TDI_DIRECT_SEND_DATAGRAM 0x29

#define TDI_RECEIVE_NORMAL 0x00000020
#define TDI_RECEIVE_EXPEDITED 0x00000040
#define TDI_RECEIVE_PEEK 0x00000080
#define TDI_RECEIVE_ENTIRE_MESSAGE 0x00000400
#define TDI_RECEIVE_AT_DISPATCH_LEVEL 0x00000800
#define TDI_SEND_EXPEDITED 0x0020
#define TDI_SEND_PARTIAL 0x0040
#define TDI_SEND_NO_RESPONSE_EXPECTED 0x0080
#define TDI_SEND_NON_BLOCKING 0x0100
#define TDI_SEND_AND_DISCONNECT 0x0200
#define TDI_DISCONNECT_WAIT 0x0001
#define TDI_DISCONNECT_ABORT 0x0002
#define TDI_DISCONNECT_RELEASE 0x0004
#define TDI_QUERY_BROADCAST_ADDRESS 0x00000001
#define TDI_QUERY_PROVIDER_INFO 0x00000002
#define TDI_QUERY_ADDRESS_INFO 0x00000003
#define TDI_QUERY_CONNECTION_INFO 0x00000004
#define TDI_QUERY_PROVIDER_STATISTICS 0x00000005
#define TDI_QUERY_DATAGRAM_INFO 0x00000006

typedef struct _TDI_REQUEST_KERNEL {
    ULONG_PTR RequestFlags;
    PTDI_CONNECTION_INFORMATION RequestConnectionInformation;
    PTDI_CONNECTION_INFORMATION ReturnConnectionInformation;
    PVOID RequestSpecific;
} TDI_REQUEST_KERNEL, *PTDI_REQUEST_KERNEL;
typedef TDI_REQUEST_KERNEL TDI_REQUEST_KERNEL_DISASSOCIATE, *PTDI_REQUEST_KERNEL_DISASSOCIATE, TDI_REQUEST_KERNEL_CONNECT,
    *PTDI_REQUEST_KERNEL_CONNECT, TDI_REQUEST_KERNEL_DISCONNECT, *PTDI_REQUEST_KERNEL_DISCONNECT, TDI_REQUEST_KERNEL_LISTEN,
    *PTDI_REQUEST_KERNEL_LISTEN;

typedef struct _TDI_REQUEST_KERNEL_ASSOCIATE {
    HANDLE AddressHandle;
} TDI_REQUEST_KERNEL_ASSOCIATE, *PTDI_REQUEST_KERNEL_ASSOCIATE;

typedef struct _TDI_REQUEST_KERNEL_ACCEPT {
    PTDI_CONNECTION_INFORMATION RequestConnectionInformation;
    PTDI_CONNECTION_INFORMATION ReturnConnectionInformation;
} TDI_REQUEST_KERNEL_ACCEPT, *PTDI_REQUEST_KERNEL_ACCEPT;

typedef struct _TDI_REQUEST_KERNEL_RECEIVE {
    ULONG ReceiveLength;
    ULONG ReceiveFlags;
} TDI_REQUEST_KERNEL_RECEIVE, *PTDI_REQUEST_KERNEL_RECEIVE;

typedef struct _TDI_REQUEST_KERNEL_RECEIVEDG {
    ULONG ReceiveLength;
    PTDI_CONNECTION_INFORMATION ReceiveDatagramInformation;
    PTDI_CONNECTION_INFORMATION ReturnDatagramInformation;
    ULONG ReceiveFlags;
} TDI_REQUEST_KERNEL_RECEIVEDG, *PTDI_REQUEST_KERNEL_RECEIVEDG;

typedef struct _TDI_REQUEST_KERNEL_SEND {
    ULONG SendLength;
    ULONG SendFlags;
} TDI_REQUEST_KERNEL_SEND, *PTDI_REQUEST_KERNEL_SEND;

typedef struct _TDI_REQUEST_KERNEL_SENDDG {
    ULONG SendLength;
    PTDI_CONNECTION_INFORMATION SendDatagramInformation;
} TDI_REQUEST_KERNEL_SENDDG, *PTDI_REQUEST_KERNEL_SENDDG;

typedef struct _TDI_REQUEST_KERNEL_SET_EVENT {
    LONG EventType;
    PVOID EventHandler;
    PVOID EventContext;
} TDI_REQUEST_KERNEL_SET_EVENT, *PTDI_REQUEST_KERNEL_SET_EVENT;

typedef struct _TDI_REQUEST_KERNEL_QUERY_INFO {
    LONG QueryType;
    PTDI_CONNECTION_INFORMATION RequestConnectionInformation;
} TDI_REQUEST_KERNEL_QUERY_INFORMATION, *PTDI_REQUEST_KERNEL_QUERY_INFORMATION;

typedef struct _TDI_REQUEST_KERNEL_SET_INFO {
    LONG SetType;
    PTDI_CONNECTION_INFORMATION RequestConnectionInformation;
} TDI_REQUEST_KERNEL_SET_INFORMATION, *PTDI_REQUEST_KERNEL_SET_INFORMATION;

/* ---- events ---- */

#define TDI_EVENT_CONNECT 0
#define TDI_EVENT_DISCONNECT 1
#define TDI_EVENT_ERROR 2
#define TDI_EVENT_RECEIVE 3
#define TDI_EVENT_RECEIVE_DATAGRAM 4
#define TDI_EVENT_RECEIVE_EXPEDITED 5
#define TDI_EVENT_SEND_POSSIBLE 6
#define TDI_EVENT_CHAINED_RECEIVE 7
#define TDI_EVENT_CHAINED_RECEIVE_DATAGRAM 8
#define TDI_EVENT_CHAINED_RECEIVE_EXPEDITED 9
#define TDI_EVENT_ERROR_EX 10

typedef NTSTATUS (*PTDI_IND_CONNECT)(PVOID TdiEventContext, LONG RemoteAddressLength, PVOID RemoteAddress,
                                     LONG UserDataLength, PVOID UserData, LONG OptionsLength, PVOID Options,
                                     CONNECTION_CONTEXT *ConnectionContext, PIRP *AcceptIrp);
typedef NTSTATUS (*PTDI_IND_DISCONNECT)(PVOID TdiEventContext, CONNECTION_CONTEXT ConnectionContext,
                                        LONG DisconnectDataLength, PVOID DisconnectData, LONG DisconnectInformationLength,
                                        PVOID DisconnectInformation, ULONG DisconnectFlags);
typedef NTSTATUS (*PTDI_IND_ERROR)(PVOID TdiEventContext, NTSTATUS Status);
typedef NTSTATUS (*PTDI_IND_ERROR_EX)(PVOID TdiEventContext, NTSTATUS Status, PVOID Buffer);
typedef NTSTATUS (*PTDI_IND_RECEIVE)(PVOID TdiEventContext, CONNECTION_CONTEXT ConnectionContext, ULONG ReceiveFlags,
                                     ULONG BytesIndicated, ULONG BytesAvailable, ULONG *BytesTaken, PVOID Tsdu,
                                     PIRP *IoRequestPacket);
typedef PTDI_IND_RECEIVE PTDI_IND_RECEIVE_EXPEDITED;
typedef NTSTATUS (*PTDI_IND_RECEIVE_DATAGRAM)(PVOID TdiEventContext, LONG SourceAddressLength, PVOID SourceAddress,
                                              LONG OptionsLength, PVOID Options, ULONG ReceiveDatagramFlags,
                                              ULONG BytesIndicated, ULONG BytesAvailable, ULONG *BytesTaken, PVOID Tsdu,
                                              PIRP *IoRequestPacket);
typedef NTSTATUS (*PTDI_IND_CHAINED_RECEIVE)(PVOID TdiEventContext, CONNECTION_CONTEXT ConnectionContext, ULONG ReceiveFlags,
                                             ULONG ReceiveLength, ULONG StartingOffset, PMDL Tsdu, PVOID TsduDescriptor);
typedef PTDI_IND_CHAINED_RECEIVE PTDI_IND_CHAINED_RECEIVE_EXPEDITED;
typedef NTSTATUS (*PTDI_IND_CHAINED_RECEIVE_DATAGRAM)(PVOID TdiEventContext, LONG SourceAddressLength, PVOID SourceAddress,
                                                      LONG OptionsLength, PVOID Options, ULONG ReceiveDatagramFlags,
                                                      ULONG ReceiveDatagramLength, ULONG StartingOffset, PMDL Tsdu,
                                                      PVOID TsduDescriptor);
typedef NTSTATUS (*PTDI_IND_SEND_POSSIBLE)(PVOID TdiEventContext, PVOID ConnectionContext, ULONG BytesAvailable);

/* ---- the macros ---- */

#define TdiBuildInternalDeviceControlIrp(IrpSubFunction, DeviceObject, FileObject, Event, IoStatusBlock)               \
    IoBuildDeviceIoControlRequest(IrpSubFunction, DeviceObject, NULL, 0, NULL, 0, TRUE, Event, IoStatusBlock)

FLTSIM_INLINE PIO_STACK_LOCATION fltsim_tdi_base(PIRP Irp, PDEVICE_OBJECT DevObj, PFILE_OBJECT FileObj, PVOID CompRoutine,
                                                 PVOID Contxt, UCHAR Minor)
{
    PIO_STACK_LOCATION location = IoGetNextIrpStackLocation(Irp);
    if (CompRoutine)
        IoSetCompletionRoutine(Irp, (PIO_COMPLETION_ROUTINE)CompRoutine, Contxt, TRUE, TRUE, TRUE);
    else
        IoSetCompletionRoutine(Irp, NULL, NULL, FALSE, FALSE, FALSE);
    location->MajorFunction = IRP_MJ_INTERNAL_DEVICE_CONTROL;
    location->MinorFunction = Minor;
    location->DeviceObject = DevObj;
    location->FileObject = FileObj;
    return location;
}

/* The request's parameters, in the location. */
#define FLTSIM_TDI_BUILD(type, Irp, DevObj, FileObj, CompRoutine, Contxt, Minor, ...)                                  \
    (void)(*(type *)&fltsim_tdi_base((Irp), (DevObj), (FileObj), (PVOID)(CompRoutine), (Contxt), (Minor))->Parameters = \
               fltsim_tdi_##type(__VA_ARGS__))

FLTSIM_INLINE TDI_REQUEST_KERNEL fltsim_tdi_TDI_REQUEST_KERNEL(ULONG_PTR Flags, PTDI_CONNECTION_INFORMATION Request,
                                                               PTDI_CONNECTION_INFORMATION Return, PVOID Specific)
{
    TDI_REQUEST_KERNEL request = {Flags, Request, Return, Specific};
    return request;
}

FLTSIM_INLINE TDI_REQUEST_KERNEL_ASSOCIATE fltsim_tdi_TDI_REQUEST_KERNEL_ASSOCIATE(HANDLE Address)
{
    TDI_REQUEST_KERNEL_ASSOCIATE request = {Address};
    return request;
}

FLTSIM_INLINE TDI_REQUEST_KERNEL_SEND fltsim_tdi_TDI_REQUEST_KERNEL_SEND(ULONG Length, ULONG Flags)
{
    TDI_REQUEST_KERNEL_SEND request = {Length, Flags};
    return request;
}

FLTSIM_INLINE TDI_REQUEST_KERNEL_RECEIVE fltsim_tdi_TDI_REQUEST_KERNEL_RECEIVE(ULONG Length, ULONG Flags)
{
    TDI_REQUEST_KERNEL_RECEIVE request = {Length, Flags};
    return request;
}

FLTSIM_INLINE TDI_REQUEST_KERNEL_SENDDG fltsim_tdi_TDI_REQUEST_KERNEL_SENDDG(ULONG Length, PTDI_CONNECTION_INFORMATION To)
{
    TDI_REQUEST_KERNEL_SENDDG request = {Length, To};
    return request;
}

FLTSIM_INLINE TDI_REQUEST_KERNEL_SET_EVENT fltsim_tdi_TDI_REQUEST_KERNEL_SET_EVENT(LONG Type, PVOID Handler, PVOID Context)
{
    TDI_REQUEST_KERNEL_SET_EVENT request = {Type, Handler, Context};
    return request;
}

FLTSIM_INLINE TDI_REQUEST_KERNEL_QUERY_INFORMATION fltsim_tdi_TDI_REQUEST_KERNEL_QUERY_INFORMATION(LONG Type)
{
    TDI_REQUEST_KERNEL_QUERY_INFORMATION request = {Type, NULL};
    return request;
}

#define TdiBuildAssociateAddress(Irp, DevObj, FileObj, CompRoutine, Contxt, AddrHandle)                                \
    FLTSIM_TDI_BUILD(TDI_REQUEST_KERNEL_ASSOCIATE, Irp, DevObj, FileObj, CompRoutine, Contxt, TDI_ASSOCIATE_ADDRESS,   \
                     (HANDLE)(AddrHandle))
#define TdiBuildDisassociateAddress(Irp, DevObj, FileObj, CompRoutine, Contxt)                                         \
    ((void)fltsim_tdi_base((Irp), (DevObj), (FileObj), (PVOID)(CompRoutine), (Contxt), TDI_DISASSOCIATE_ADDRESS))
#define TdiBuildConnect(Irp, DevObj, FileObj, CompRoutine, Contxt, Time, RequestConnectionInfo, ReturnConnectionInfo)  \
    FLTSIM_TDI_BUILD(TDI_REQUEST_KERNEL, Irp, DevObj, FileObj, CompRoutine, Contxt, TDI_CONNECT, 0,                    \
                     (RequestConnectionInfo), (ReturnConnectionInfo), (PVOID)(Time))
#define TdiBuildListen(Irp, DevObj, FileObj, CompRoutine, Contxt, Flags, RequestConnectionInfo, ReturnConnectionInfo)  \
    FLTSIM_TDI_BUILD(TDI_REQUEST_KERNEL, Irp, DevObj, FileObj, CompRoutine, Contxt, TDI_LISTEN, (Flags),               \
                     (RequestConnectionInfo), (ReturnConnectionInfo), NULL)
#define TdiBuildDisconnect(Irp, DevObj, FileObj, CompRoutine, Contxt, Time, Flags, RequestConnectionInfo,              \
                           ReturnConnectionInfo)                                                                       \
    FLTSIM_TDI_BUILD(TDI_REQUEST_KERNEL, Irp, DevObj, FileObj, CompRoutine, Contxt, TDI_DISCONNECT, (Flags),           \
                     (RequestConnectionInfo), (ReturnConnectionInfo), (PVOID)(Time))
#define TdiBuildSend(Irp, DevObj, FileObj, CompRoutine, Contxt, MdlAddr, InFlags, SendLen)                             \
    (FLTSIM_TDI_BUILD(TDI_REQUEST_KERNEL_SEND, Irp, DevObj, FileObj, CompRoutine, Contxt, TDI_SEND, (SendLen),         \
                      (InFlags)),                                                                                      \
     (void)((Irp)->MdlAddress = (MdlAddr)))
#define TdiBuildReceive(Irp, DevObj, FileObj, CompRoutine, Contxt, MdlAddr, InFlags, ReceiveLen)                       \
    (FLTSIM_TDI_BUILD(TDI_REQUEST_KERNEL_RECEIVE, Irp, DevObj, FileObj, CompRoutine, Contxt, TDI_RECEIVE, (ReceiveLen), \
                      (InFlags)),                                                                                      \
     (void)((Irp)->MdlAddress = (MdlAddr)))
#define TdiBuildSendDatagram(Irp, DevObj, FileObj, CompRoutine, Contxt, MdlAddr, SendLen, SendDatagramInfo)            \
    (FLTSIM_TDI_BUILD(TDI_REQUEST_KERNEL_SENDDG, Irp, DevObj, FileObj, CompRoutine, Contxt, TDI_SEND_DATAGRAM,         \
                      (SendLen), (SendDatagramInfo)),                                                                  \
     (void)((Irp)->MdlAddress = (MdlAddr)))
#define TdiBuildSetEventHandler(Irp, DevObj, FileObj, CompRoutine, Contxt, InEventType, InEventHandler, InEventContext) \
    FLTSIM_TDI_BUILD(TDI_REQUEST_KERNEL_SET_EVENT, Irp, DevObj, FileObj, CompRoutine, Contxt, TDI_SET_EVENT_HANDLER,   \
                     (InEventType), (PVOID)(InEventHandler), (PVOID)(InEventContext))
#define TdiBuildQueryInformation(Irp, DevObj, FileObj, CompRoutine, Contxt, QType, MdlAddr)                            \
    (FLTSIM_TDI_BUILD(TDI_REQUEST_KERNEL_QUERY_INFORMATION, Irp, DevObj, FileObj, CompRoutine, Contxt,                 \
                      TDI_QUERY_INFORMATION, (QType)),                                                                 \
     (void)((Irp)->MdlAddress = (MdlAddr)))

FLTSIM_WDK_END

#endif
