/* Network addresses as text. */
#include "rtl/rtlp.h"

#include <nt/net.h>

#include <stdio.h>

static USHORT HostOrder(USHORT network)
{
    const UCHAR *bytes = (const UCHAR *)&network;
    return (USHORT)(bytes[0] << 8 | bytes[1]);
}

/* Length counts characters, the terminating one included: what there is room for, then what it takes. */
static NTSTATUS Give(const char *text, PWSTR to, PULONG length)
{
    ULONG needed = (ULONG)strlen(text) + 1;

    if (*length < needed) {
        *length = needed;
        return STATUS_INVALID_PARAMETER;
    }
    for (ULONG i = 0; i < needed; i++)
        to[i] = (WCHAR)text[i];
    *length = needed;
    return STATUS_SUCCESS;
}

NTSTATUS RtlIpv4AddressToStringExW(const struct in_addr *Address, USHORT Port, PWSTR AddressString,
                                   PULONG AddressStringLength)
{
    char text[INET_ADDRSTRLEN];

    if (!Address || !AddressStringLength || (!AddressString && *AddressStringLength))
        return STATUS_INVALID_PARAMETER;
    int n = snprintf(text, sizeof text, "%u.%u.%u.%u", Address->S_un.S_un_b.s_b1, Address->S_un.S_un_b.s_b2,
                     Address->S_un.S_un_b.s_b3, Address->S_un.S_un_b.s_b4);
    if (Port)
        snprintf(text + n, sizeof text - (size_t)n, ":%u", HostOrder(Port));
    return Give(text, AddressString, AddressStringLength);
}

/* The longest run of two or more zero groups, to be written as "::"; the first of equal ones. */
static int LongestZeros(const USHORT *groups, int count, int *length)
{
    int best = -1;

    *length = 1;
    for (int i = 0; i < count; i++) {
        int run = 0;
        while (i + run < count && groups[i + run] == 0)
            run++;
        if (run > *length) {
            best = i;
            *length = run;
        }
        i += run;
    }
    return best;
}

/* IPv4-compatible, -mapped, -translated and ISATAP addresses end as IPv4 ones do. */
static BOOLEAN EndsAsIpv4(const USHORT *g)
{
    if (g[4] == 0 && g[5] == 0x5EFE)
        return TRUE;
    if (g[0] || g[1] || g[2] || g[3])
        return FALSE;
    return (g[4] == 0 && (g[5] == 0xFFFF || (g[5] == 0 && g[6] != 0))) || (g[4] == 0xFFFF && g[5] == 0);
}

static void Ipv6Text(const struct in6_addr *address, char *text, size_t size)
{
    USHORT groups[8];
    for (int i = 0; i < 8; i++)
        groups[i] = HostOrder(address->u.Word[i]);
    int count = EndsAsIpv4(groups) ? 6 : 8;
    int zeros, skip = LongestZeros(groups, count, &zeros);
    size_t n = 0;

    text[0] = 0;
    for (int i = 0; i < count; i++) {
        if (i == skip) {
            n += (size_t)snprintf(text + n, size - n, "::");
            i += zeros - 1;
        } else {
            n += (size_t)snprintf(text + n, size - n, "%s%x", i && text[n - 1] != ':' ? ":" : "", groups[i]);
        }
    }
    if (count == 6)
        snprintf(text + n, size - n, "%s%u.%u.%u.%u", text[n - 1] == ':' ? "" : ":", address->u.Byte[12],
                 address->u.Byte[13], address->u.Byte[14], address->u.Byte[15]);
}

NTSTATUS RtlIpv6AddressToStringExW(const struct in6_addr *Address, ULONG ScopeId, USHORT Port, PWSTR AddressString,
                                   PULONG AddressStringLength)
{
    char bare[INET6_ADDRSTRLEN], text[INET6_ADDRSTRLEN + 24], scope[12] = "";

    if (!Address || !AddressStringLength || (!AddressString && *AddressStringLength))
        return STATUS_INVALID_PARAMETER;
    Ipv6Text(Address, bare, sizeof bare);
    if (ScopeId)
        snprintf(scope, sizeof scope, "%%%u", ScopeId);
    if (Port)
        snprintf(text, sizeof text, "[%s%s]:%u", bare, scope, HostOrder(Port));
    else
        snprintf(text, sizeof text, "%s%s", bare, scope);
    return Give(text, AddressString, AddressStringLength);
}

/* These two return where the text ends, and there is room for the longest. */
PWSTR RtlIpv4AddressToStringW(const struct in_addr *Address, PWSTR S)
{
    ULONG length = 16;
    return NT_SUCCESS(RtlIpv4AddressToStringExW(Address, 0, S, &length)) ? S + length - 1 : S;
}

PWSTR RtlIpv6AddressToStringW(const struct in6_addr *Address, PWSTR S)
{
    ULONG length = 46;
    return NT_SUCCESS(RtlIpv6AddressToStringExW(Address, 0, 0, S, &length)) ? S + length - 1 : S;
}
