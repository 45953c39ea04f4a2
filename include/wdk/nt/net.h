// Addresses: what drivers need to print where a request came from.
#ifndef FLTSIM_WDK_NT_NET_H
#define FLTSIM_WDK_NT_NET_H

#include "begin.h"
#include "types.h"

FLTSIM_WDK_BEGIN

#define AF_UNSPEC 0
#define AF_INET 2
#define AF_INET6 23
#define SOCK_STREAM 1
#define SOCK_DGRAM 2
#define IPPROTO_TCP 6
#define IPPROTO_UDP 17

typedef USHORT ADDRESS_FAMILY;

typedef struct in_addr {
    union {
        struct {
            UCHAR s_b1, s_b2, s_b3, s_b4;
        } S_un_b;
        struct {
            USHORT s_w1, s_w2;
        } S_un_w;
        ULONG S_addr;
    } S_un;
} IN_ADDR, *PIN_ADDR;
#define s_addr S_un.S_addr

typedef struct in6_addr {
    union {
        UCHAR Byte[16];
        USHORT Word[8];
    } u;
} IN6_ADDR, *PIN6_ADDR;

typedef struct sockaddr {
    ADDRESS_FAMILY sa_family;
    CHAR sa_data[14];
} SOCKADDR, *PSOCKADDR;

typedef struct sockaddr_in {
    ADDRESS_FAMILY sin_family;
    USHORT sin_port;
    IN_ADDR sin_addr;
    CHAR sin_zero[8];
} SOCKADDR_IN, *PSOCKADDR_IN;

typedef struct sockaddr_in6 {
    ADDRESS_FAMILY sin6_family;
    USHORT sin6_port;
    ULONG sin6_flowinfo;
    IN6_ADDR sin6_addr;
    ULONG sin6_scope_id;
} SOCKADDR_IN6, *PSOCKADDR_IN6;

#define _SS_MAXSIZE 128
#define _SS_ALIGNSIZE 8

typedef struct sockaddr_storage {
    ADDRESS_FAMILY ss_family;
    CHAR __ss_pad1[6];
    LONGLONG __ss_align;
    CHAR __ss_pad2[112];
} SOCKADDR_STORAGE, *PSOCKADDR_STORAGE, *LPSOCKADDR_STORAGE;

typedef struct sockaddr_storage SOCKADDR_STORAGE_NFS, *PSOCKADDR_STORAGE_NFS;

#define INET_ADDRSTRLEN 22
#define INET6_ADDRSTRLEN 65

NTSTATUS RtlIpv4AddressToStringExW(_In_ const struct in_addr *Address, _In_ USHORT Port,
                                   _Out_ PWSTR AddressString, _Inout_ PULONG AddressStringLength);
NTSTATUS RtlIpv6AddressToStringExW(_In_ const struct in6_addr *Address, _In_ ULONG ScopeId,
                                   _In_ USHORT Port, _Out_ PWSTR AddressString,
                                   _Inout_ PULONG AddressStringLength);
PWSTR RtlIpv4AddressToStringW(_In_ const struct in_addr *Address, _Out_ PWSTR S);
PWSTR RtlIpv6AddressToStringW(_In_ const struct in6_addr *Address, _Out_ PWSTR S);
#define RtlIpv4AddressToStringEx RtlIpv4AddressToStringExW
#define RtlIpv6AddressToStringEx RtlIpv6AddressToStringExW
#define RtlIpv4AddressToString RtlIpv4AddressToStringW
#define RtlIpv6AddressToString RtlIpv6AddressToStringW

FLTSIM_WDK_END

#endif
