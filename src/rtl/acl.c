/* Access control lists: entries one after the other behind the header, in AclSize bytes. */
#include "rtl/rtlp.h"

static ACE_HEADER *FirstAce(PACL acl)
{
    return (ACE_HEADER *)(acl + 1);
}

static ACE_HEADER *NextAce(ACE_HEADER *ace)
{
    return (ACE_HEADER *)((PUCHAR)ace + ace->AceSize);
}

static PUCHAR EndOf(PACL acl)
{
    return (PUCHAR)acl + acl->AclSize;
}

/* Where the next entry would begin; NULL when the entries do not hang together. */
static ACE_HEADER *FirstFree(PACL acl)
{
    ACE_HEADER *ace = FirstAce(acl);

    for (USHORT i = 0; i < acl->AceCount; i++) {
        if ((PUCHAR)(ace + 1) > EndOf(acl) || ace->AceSize < sizeof *ace ||
            (PUCHAR)ace + ace->AceSize > EndOf(acl))
            return NULL;
        ace = NextAce(ace);
    }
    return ace;
}

NTSTATUS RtlCreateAcl(PACL Acl, ULONG AclLength, ULONG AclRevision)
{
    RTL_IRQL(RtlCreateAcl);
    if (AclLength < sizeof(ACL))
        return STATUS_BUFFER_TOO_SMALL;
    if (AclRevision < MIN_ACL_REVISION || AclRevision > MAX_ACL_REVISION || AclLength > MAXUSHORT)
        return STATUS_INVALID_PARAMETER;
    memset(Acl, 0, sizeof *Acl);
    Acl->AclRevision = (UCHAR)AclRevision;
    Acl->AclSize = (USHORT)(AclLength & ~3u);
    return STATUS_SUCCESS;
}

BOOLEAN RtlValidAcl(PACL Acl)
{
    return Acl != NULL && Acl->AclRevision >= MIN_ACL_REVISION && Acl->AclRevision <= MAX_ACL_REVISION &&
           Acl->AclSize >= sizeof(ACL) && Acl->AclSize % 4 == 0 && FirstFree(Acl) != NULL;
}

static NTSTATUS AddSidAce(PACL acl, ULONG revision, UCHAR type, ULONG flags, ACCESS_MASK mask, PSID sid)
{
    if (!RtlValidSid(sid))
        return STATUS_INVALID_SID;
    if (acl->AclRevision > MAX_ACL_REVISION || revision > MAX_ACL_REVISION)
        return STATUS_REVISION_MISMATCH;
    if (flags & ~(ULONG)(VALID_INHERIT_FLAGS | SUCCESSFUL_ACCESS_ACE_FLAG | FAILED_ACCESS_ACE_FLAG))
        return STATUS_INVALID_PARAMETER;
    ACCESS_ALLOWED_ACE *ace = (ACCESS_ALLOWED_ACE *)FirstFree(acl);
    if (ace == NULL)
        return STATUS_INVALID_ACL;
    ULONG sid_length = RtlLengthSid(sid);
    ULONG size = (ULONG)__builtin_offsetof(ACCESS_ALLOWED_ACE, SidStart) + sid_length;
    if ((PUCHAR)ace + size > EndOf(acl))
        return STATUS_ALLOTTED_SPACE_EXCEEDED;
    ace->Header.AceType = type;
    ace->Header.AceFlags = (UCHAR)flags;
    ace->Header.AceSize = (USHORT)size;
    ace->Mask = mask;
    memcpy(&ace->SidStart, sid, sid_length);
    acl->AceCount++;
    if (acl->AclRevision < revision)
        acl->AclRevision = (UCHAR)revision;
    return STATUS_SUCCESS;
}

NTSTATUS RtlAddAccessAllowedAce(PACL Acl, ULONG AceRevision, ACCESS_MASK AccessMask, PSID Sid)
{
    RTL_IRQL(RtlAddAccessAllowedAce);
    return AddSidAce(Acl, AceRevision, ACCESS_ALLOWED_ACE_TYPE, 0, AccessMask, Sid);
}

NTSTATUS RtlAddAccessAllowedAceEx(PACL Acl, ULONG AceRevision, ULONG AceFlags, ACCESS_MASK AccessMask, PSID Sid)
{
    RTL_IRQL(RtlAddAccessAllowedAceEx);
    return AddSidAce(Acl, AceRevision, ACCESS_ALLOWED_ACE_TYPE, AceFlags, AccessMask, Sid);
}

NTSTATUS RtlAddAccessDeniedAce(PACL Acl, ULONG AceRevision, ACCESS_MASK AccessMask, PSID Sid)
{
    return AddSidAce(Acl, AceRevision, ACCESS_DENIED_ACE_TYPE, 0, AccessMask, Sid);
}

NTSTATUS RtlAddAuditAccessAceEx(PACL Acl, ULONG AceRevision, ULONG AceFlags, ACCESS_MASK AccessMask, PSID Sid,
                                BOOLEAN AuditSuccess, BOOLEAN AuditFailure)
{
    ULONG flags = AceFlags | (AuditSuccess ? SUCCESSFUL_ACCESS_ACE_FLAG : 0u) |
                  (AuditFailure ? FAILED_ACCESS_ACE_FLAG : 0u);
    return AddSidAce(Acl, AceRevision, SYSTEM_AUDIT_ACE_TYPE, flags, AccessMask, Sid);
}

NTSTATUS RtlAddMandatoryAce(PACL Acl, ULONG AceRevision, ULONG AceFlags, PSID Sid, UCHAR AceType,
                            ACCESS_MASK AccessMask)
{
    if (AceType != SYSTEM_MANDATORY_LABEL_ACE_TYPE)
        return STATUS_INVALID_PARAMETER;
    return AddSidAce(Acl, AceRevision, AceType, AceFlags, AccessMask, Sid);
}

static ACE_HEADER *AceAt(PACL acl, ULONG index)
{
    ACE_HEADER *ace = FirstAce(acl);

    for (; index != 0; index--)
        ace = NextAce(ace);
    return ace;
}

NTSTATUS RtlAddAce(PACL Acl, ULONG AceRevision, ULONG StartingAceIndex, PVOID AceList, ULONG AceListLength)
{
    RTL_IRQL(RtlAddAce);
    USHORT count = 0;
    ACE_HEADER *end;

    if (!RtlValidAcl(Acl) || AceRevision > MAX_ACL_REVISION)
        return STATUS_INVALID_PARAMETER;
    for (PUCHAR at = AceList; at < (PUCHAR)AceList + AceListLength; count++) {
        USHORT size = ((ACE_HEADER *)at)->AceSize;
        if (size < sizeof(ACE_HEADER) || at + size > (PUCHAR)AceList + AceListLength)
            return STATUS_INVALID_PARAMETER;
        at += size;
    }
    end = FirstFree(Acl);
    if ((PUCHAR)end + AceListLength > EndOf(Acl))
        return STATUS_BUFFER_TOO_SMALL;
    PUCHAR at = (PUCHAR)AceAt(Acl, StartingAceIndex < Acl->AceCount ? StartingAceIndex : Acl->AceCount);
    memmove(at + AceListLength, at, (size_t)((PUCHAR)end - at));
    memcpy(at, AceList, AceListLength);
    Acl->AceCount = (USHORT)(Acl->AceCount + count);
    if (Acl->AclRevision < AceRevision)
        Acl->AclRevision = (UCHAR)AceRevision;
    return STATUS_SUCCESS;
}

NTSTATUS RtlDeleteAce(PACL Acl, ULONG AceIndex)
{
    if (!RtlValidAcl(Acl) || AceIndex >= Acl->AceCount)
        return STATUS_INVALID_PARAMETER;
    PUCHAR end = (PUCHAR)FirstFree(Acl);
    ACE_HEADER *ace = AceAt(Acl, AceIndex);
    PUCHAR next = (PUCHAR)NextAce(ace);
    memmove(ace, next, (size_t)(end - next));
    memset(end - (next - (PUCHAR)ace), 0, (size_t)(next - (PUCHAR)ace));
    Acl->AceCount--;
    return STATUS_SUCCESS;
}

NTSTATUS RtlGetAce(PACL Acl, ULONG AceIndex, PVOID *Ace)
{
    RTL_IRQL(RtlGetAce);
    if (!RtlValidAcl(Acl) || AceIndex >= Acl->AceCount)
        return STATUS_INVALID_PARAMETER;
    *Ace = AceAt(Acl, AceIndex);
    return STATUS_SUCCESS;
}

VOID RtlMapGenericMask(PACCESS_MASK AccessMask, const GENERIC_MAPPING *GenericMapping)
{
    RTL_IRQL(RtlMapGenericMask);
    ACCESS_MASK mask = *AccessMask;

    if (mask & GENERIC_READ)
        mask |= GenericMapping->GenericRead;
    if (mask & GENERIC_WRITE)
        mask |= GenericMapping->GenericWrite;
    if (mask & GENERIC_EXECUTE)
        mask |= GenericMapping->GenericExecute;
    if (mask & GENERIC_ALL)
        mask |= GenericMapping->GenericAll;
    *AccessMask = mask & ~(ACCESS_MASK)(GENERIC_READ | GENERIC_WRITE | GENERIC_EXECUTE | GENERIC_ALL);
}
