/* Security identifiers. */
#include "rtl/rtlp.h"

#include <stdio.h>

static ULONG SizeFor(ULONG sub_authorities)
{
    return (ULONG)__builtin_offsetof(SID, SubAuthority) + sub_authorities * (ULONG)sizeof(ULONG);
}

BOOLEAN RtlValidSid(PSID Sid)
{
    RTL_IRQL(RtlValidSid);
    const SID *sid = Sid;
    return sid != NULL && (sid->Revision & 15) == SID_REVISION && sid->SubAuthorityCount <= SID_MAX_SUB_AUTHORITIES;
}

ULONG RtlLengthRequiredSid(ULONG SubAuthorityCount)
{
    RTL_IRQL(RtlLengthRequiredSid);
    return SizeFor(SubAuthorityCount);
}

ULONG RtlLengthSid(PSID Sid)
{
    RTL_IRQL(RtlLengthSid);
    return SizeFor(((SID *)Sid)->SubAuthorityCount);
}

NTSTATUS RtlInitializeSid(PSID Sid, PSID_IDENTIFIER_AUTHORITY IdentifierAuthority, UCHAR SubAuthorityCount)
{
    RTL_IRQL(RtlInitializeSid);
    SID *sid = Sid;

    if (SubAuthorityCount > SID_MAX_SUB_AUTHORITIES)
        return STATUS_INVALID_PARAMETER;
    sid->Revision = SID_REVISION;
    sid->SubAuthorityCount = SubAuthorityCount;
    sid->IdentifierAuthority = *IdentifierAuthority;
    return STATUS_SUCCESS;
}

PULONG RtlSubAuthoritySid(PSID Sid, ULONG SubAuthority)
{
    RTL_IRQL(RtlSubAuthoritySid);
    return (PULONG)((PUCHAR)Sid + SizeFor(SubAuthority));
}

PUCHAR RtlSubAuthorityCountSid(PSID Sid)
{
    return &((SID *)Sid)->SubAuthorityCount;
}

PSID_IDENTIFIER_AUTHORITY RtlIdentifierAuthoritySid(PSID Sid)
{
    return &((SID *)Sid)->IdentifierAuthority;
}

BOOLEAN RtlEqualSid(PSID Sid1, PSID Sid2)
{
    const SID *a = Sid1, *b = Sid2;
    return a->Revision == b->Revision && a->SubAuthorityCount == b->SubAuthorityCount &&
           memcmp(a, b, SizeFor(a->SubAuthorityCount)) == 0;
}

BOOLEAN RtlEqualPrefixSid(PSID Sid1, PSID Sid2)
{
    const SID *a = Sid1, *b = Sid2;

    if (a->Revision != b->Revision || a->SubAuthorityCount != b->SubAuthorityCount)
        return FALSE;
    ULONG shared = a->SubAuthorityCount != 0 ? a->SubAuthorityCount - 1u : 0;
    return memcmp(a, b, SizeFor(shared)) == 0;
}

NTSTATUS RtlCopySid(ULONG DestinationSidLength, PSID DestinationSid, PSID SourceSid)
{
    RTL_IRQL(RtlCopySid);
    ULONG length = SizeFor(((SID *)SourceSid)->SubAuthorityCount);

    if (length > DestinationSidLength)
        return STATUS_BUFFER_TOO_SMALL;
    memmove(DestinationSid, SourceSid, length);
    return STATUS_SUCCESS;
}

NTSTATUS RtlConvertSidToUnicodeString(PUNICODE_STRING UnicodeString, PSID Sid, BOOLEAN AllocateDestinationString)
{
    RTL_IRQL(RtlConvertSidToUnicodeString);
    const SID *sid = Sid;
    char text[256];
    int at;

    if (!RtlValidSid(Sid))
        return STATUS_INVALID_SID;
    const UCHAR *authority = sid->IdentifierAuthority.Value;
    ULONGLONG value = 0;
    for (int i = 0; i < 6; i++)
        value = value << 8 | authority[i];
    at = snprintf(text, sizeof text, value >> 32 != 0 ? "S-%u-0x%012llx" : "S-%u-%llu", sid->Revision, value);
    for (ULONG i = 0; i < sid->SubAuthorityCount; i++)
        at += snprintf(text + at, sizeof text - (size_t)at, "-%u", sid->SubAuthority[i]);
    STRING narrow = {.Length = (USHORT)at, .MaximumLength = sizeof text, .Buffer = text};
    if (!AllocateDestinationString && (ULONG)at * sizeof(WCHAR) == UnicodeString->MaximumLength)
        return RtlOemStringToCountedUnicodeString(UnicodeString, &narrow, FALSE);
    return RtlOemStringToUnicodeString(UnicodeString, &narrow, AllocateDestinationString);
}

NTSTATUS RtlAllocateAndInitializeSid(PSID_IDENTIFIER_AUTHORITY IdentifierAuthority, UCHAR SubAuthorityCount,
                                     ULONG SubAuthority0, ULONG SubAuthority1, ULONG SubAuthority2,
                                     ULONG SubAuthority3, ULONG SubAuthority4, ULONG SubAuthority5,
                                     ULONG SubAuthority6, ULONG SubAuthority7, PSID *Sid)
{
    const ULONG all[] = {SubAuthority0, SubAuthority1, SubAuthority2, SubAuthority3,
                         SubAuthority4, SubAuthority5, SubAuthority6, SubAuthority7};

    if (SubAuthorityCount > 8)
        return STATUS_INVALID_SID;
    SID *sid = ExAllocatePoolWithTag(PagedPool, SizeFor(SubAuthorityCount), 'iSeS');
    if (sid == NULL)
        return STATUS_NO_MEMORY;
    ExpHandOut(sid, VERIFY_CALLER);
    RtlInitializeSid(sid, IdentifierAuthority, SubAuthorityCount);
    memcpy(sid->SubAuthority, all, SubAuthorityCount * sizeof(ULONG));
    *Sid = sid;
    return STATUS_SUCCESS;
}

PVOID RtlFreeSid(PSID Sid)
{
    ExFreePool(Sid);
    return NULL;
}
