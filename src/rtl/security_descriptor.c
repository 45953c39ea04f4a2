/* Security descriptors: absolute ones point at their parts, self-relative ones hold offsets. */
#include "rtl/rtlp.h"

typedef SECURITY_DESCRIPTOR ABSOLUTE;
typedef SECURITY_DESCRIPTOR_RELATIVE RELATIVE;

static BOOLEAN IsRelative(PSECURITY_DESCRIPTOR descriptor)
{
    return (((ABSOLUTE *)descriptor)->Control & SE_SELF_RELATIVE) != 0;
}

static PVOID At(PSECURITY_DESCRIPTOR descriptor, ULONG offset)
{
    return offset != 0 ? (PUCHAR)descriptor + offset : NULL;
}

static PSID OwnerOf(PSECURITY_DESCRIPTOR d)
{
    return IsRelative(d) ? At(d, ((RELATIVE *)d)->Owner) : ((ABSOLUTE *)d)->Owner;
}

static PSID GroupOf(PSECURITY_DESCRIPTOR d)
{
    return IsRelative(d) ? At(d, ((RELATIVE *)d)->Group) : ((ABSOLUTE *)d)->Group;
}

static PACL AclOf(PSECURITY_DESCRIPTOR d, USHORT present)
{
    ABSOLUTE *absolute = d;
    RELATIVE *relative = d;

    if (!(absolute->Control & present))
        return NULL;
    if (present == SE_DACL_PRESENT)
        return IsRelative(d) ? At(d, relative->Dacl) : absolute->Dacl;
    return IsRelative(d) ? At(d, relative->Sacl) : absolute->Sacl;
}

static BOOLEAN IsKnown(PSECURITY_DESCRIPTOR descriptor)
{
    return descriptor != NULL && ((ABSOLUTE *)descriptor)->Revision == SECURITY_DESCRIPTOR_REVISION;
}

NTSTATUS RtlCreateSecurityDescriptor(PSECURITY_DESCRIPTOR SecurityDescriptor, ULONG Revision)
{
    RTL_IRQL(RtlCreateSecurityDescriptor);
    if (Revision != SECURITY_DESCRIPTOR_REVISION)
        return STATUS_UNKNOWN_REVISION;
    memset(SecurityDescriptor, 0, sizeof(ABSOLUTE));
    ((ABSOLUTE *)SecurityDescriptor)->Revision = SECURITY_DESCRIPTOR_REVISION;
    return STATUS_SUCCESS;
}

BOOLEAN RtlValidSecurityDescriptor(PSECURITY_DESCRIPTOR SecurityDescriptor)
{
    PVOID part;

    if (!IsKnown(SecurityDescriptor))
        return FALSE;
    if ((part = OwnerOf(SecurityDescriptor)) != NULL && !RtlValidSid(part))
        return FALSE;
    if ((part = GroupOf(SecurityDescriptor)) != NULL && !RtlValidSid(part))
        return FALSE;
    if ((part = AclOf(SecurityDescriptor, SE_DACL_PRESENT)) != NULL && !RtlValidAcl(part))
        return FALSE;
    return (part = AclOf(SecurityDescriptor, SE_SACL_PRESENT)) == NULL || RtlValidAcl(part);
}

/* -- parts ------------------------------------------------------------------------------------------ */

static NTSTATUS SetAcl(PSECURITY_DESCRIPTOR descriptor, BOOLEAN present, PACL acl, BOOLEAN defaulted,
                       USHORT present_flag, USHORT defaulted_flag)
{
    ABSOLUTE *d = descriptor;

    if (!IsKnown(d))
        return STATUS_UNKNOWN_REVISION;
    if (IsRelative(d))
        return STATUS_INVALID_SECURITY_DESCR;
    d->Control = (USHORT)(d->Control & ~(present_flag | defaulted_flag));
    if (!present)
        return STATUS_SUCCESS;
    d->Control = (USHORT)(d->Control | present_flag | (defaulted ? defaulted_flag : 0));
    if (present_flag == SE_DACL_PRESENT)
        d->Dacl = acl;
    else
        d->Sacl = acl;
    return STATUS_SUCCESS;
}

static NTSTATUS GetAcl(PSECURITY_DESCRIPTOR descriptor, PBOOLEAN present, PACL *acl, PBOOLEAN defaulted,
                       USHORT present_flag, USHORT defaulted_flag)
{
    ABSOLUTE *d = descriptor;

    if (!IsKnown(d))
        return STATUS_UNKNOWN_REVISION;
    *present = (d->Control & present_flag) != 0;
    if (*present) {
        *acl = AclOf(d, present_flag);
        *defaulted = (d->Control & defaulted_flag) != 0;
    }
    return STATUS_SUCCESS;
}

NTSTATUS RtlSetDaclSecurityDescriptor(PSECURITY_DESCRIPTOR SecurityDescriptor, BOOLEAN DaclPresent, PACL Dacl,
                                      BOOLEAN DaclDefaulted)
{
    RTL_IRQL(RtlSetDaclSecurityDescriptor);
    return SetAcl(SecurityDescriptor, DaclPresent, Dacl, DaclDefaulted, SE_DACL_PRESENT, SE_DACL_DEFAULTED);
}

NTSTATUS RtlGetDaclSecurityDescriptor(PSECURITY_DESCRIPTOR SecurityDescriptor, PBOOLEAN DaclPresent, PACL *Dacl,
                                      PBOOLEAN DaclDefaulted)
{
    RTL_IRQL(RtlGetDaclSecurityDescriptor);
    return GetAcl(SecurityDescriptor, DaclPresent, Dacl, DaclDefaulted, SE_DACL_PRESENT, SE_DACL_DEFAULTED);
}

NTSTATUS RtlSetSaclSecurityDescriptor(PSECURITY_DESCRIPTOR SecurityDescriptor, BOOLEAN SaclPresent, PACL Sacl,
                                      BOOLEAN SaclDefaulted)
{
    return SetAcl(SecurityDescriptor, SaclPresent, Sacl, SaclDefaulted, SE_SACL_PRESENT, SE_SACL_DEFAULTED);
}

NTSTATUS RtlGetSaclSecurityDescriptor(PSECURITY_DESCRIPTOR SecurityDescriptor, PBOOLEAN SaclPresent, PACL *Sacl,
                                      PBOOLEAN SaclDefaulted)
{
    return GetAcl(SecurityDescriptor, SaclPresent, Sacl, SaclDefaulted, SE_SACL_PRESENT, SE_SACL_DEFAULTED);
}

static NTSTATUS SetSid(PSECURITY_DESCRIPTOR descriptor, PSID sid, BOOLEAN defaulted, USHORT defaulted_flag)
{
    ABSOLUTE *d = descriptor;

    if (!IsKnown(d))
        return STATUS_UNKNOWN_REVISION;
    if (IsRelative(d))
        return STATUS_INVALID_SECURITY_DESCR;
    if (defaulted_flag == SE_OWNER_DEFAULTED)
        d->Owner = sid;
    else
        d->Group = sid;
    d->Control = (USHORT)((d->Control & ~defaulted_flag) | (defaulted ? defaulted_flag : 0));
    return STATUS_SUCCESS;
}

NTSTATUS RtlSetOwnerSecurityDescriptor(PSECURITY_DESCRIPTOR SecurityDescriptor, PSID Owner, BOOLEAN OwnerDefaulted)
{
    RTL_IRQL(RtlSetOwnerSecurityDescriptor);
    return SetSid(SecurityDescriptor, Owner, OwnerDefaulted, SE_OWNER_DEFAULTED);
}

NTSTATUS RtlSetGroupSecurityDescriptor(PSECURITY_DESCRIPTOR SecurityDescriptor, PSID Group, BOOLEAN GroupDefaulted)
{
    return SetSid(SecurityDescriptor, Group, GroupDefaulted, SE_GROUP_DEFAULTED);
}

NTSTATUS RtlGetOwnerSecurityDescriptor(PSECURITY_DESCRIPTOR SecurityDescriptor, PSID *Owner, PBOOLEAN OwnerDefaulted)
{
    RTL_IRQL(RtlGetOwnerSecurityDescriptor);
    if (!IsKnown(SecurityDescriptor))
        return STATUS_UNKNOWN_REVISION;
    *Owner = OwnerOf(SecurityDescriptor);
    *OwnerDefaulted = (((ABSOLUTE *)SecurityDescriptor)->Control & SE_OWNER_DEFAULTED) != 0;
    return STATUS_SUCCESS;
}

NTSTATUS RtlGetGroupSecurityDescriptor(PSECURITY_DESCRIPTOR SecurityDescriptor, PSID *Group, PBOOLEAN GroupDefaulted)
{
    if (!IsKnown(SecurityDescriptor))
        return STATUS_UNKNOWN_REVISION;
    *Group = GroupOf(SecurityDescriptor);
    *GroupDefaulted = (((ABSOLUTE *)SecurityDescriptor)->Control & SE_GROUP_DEFAULTED) != 0;
    return STATUS_SUCCESS;
}

NTSTATUS RtlGetControlSecurityDescriptor(PSECURITY_DESCRIPTOR SecurityDescriptor,
                                         PSECURITY_DESCRIPTOR_CONTROL Control, PULONG Revision)
{
    *Revision = ((ABSOLUTE *)SecurityDescriptor)->Revision;
    if (!IsKnown(SecurityDescriptor))
        return STATUS_UNKNOWN_REVISION;
    *Control = ((ABSOLUTE *)SecurityDescriptor)->Control;
    return STATUS_SUCCESS;
}

/* -- the two forms ----------------------------------------------------------------------------------- */

/* The parts of a descriptor with their sizes, rounded up to whole ULONGs. */
struct parts {
    PVOID part[4]; /* sacl, dacl, owner, group: the order in which they are laid out */
    ULONG size[4];
};

static struct parts PartsOf(PSECURITY_DESCRIPTOR d)
{
    struct parts p = {{AclOf(d, SE_SACL_PRESENT), AclOf(d, SE_DACL_PRESENT), OwnerOf(d), GroupOf(d)}, {0}};

    for (int i = 0; i < 4; i++) {
        if (p.part[i] != NULL)
            p.size[i] = (i < 2 ? ((PACL)p.part[i])->AclSize : RtlLengthSid(p.part[i])) + 3u;
        p.size[i] &= ~3u;
    }
    return p;
}

ULONG RtlLengthSecurityDescriptor(PSECURITY_DESCRIPTOR SecurityDescriptor)
{
    struct parts p = PartsOf(SecurityDescriptor);
    ULONG header = IsRelative(SecurityDescriptor) ? sizeof(RELATIVE) : sizeof(ABSOLUTE);
    return header + p.size[0] + p.size[1] + p.size[2] + p.size[3];
}

NTSTATUS RtlAbsoluteToSelfRelativeSD(PSECURITY_DESCRIPTOR AbsoluteSecurityDescriptor,
                                     PSECURITY_DESCRIPTOR SelfRelativeSecurityDescriptor, PULONG BufferLength)
{
    RTL_IRQL(RtlAbsoluteToSelfRelativeSD);
    RELATIVE *to = SelfRelativeSecurityDescriptor;

    if (IsRelative(AbsoluteSecurityDescriptor))
        return STATUS_BAD_DESCRIPTOR_FORMAT;
    struct parts p = PartsOf(AbsoluteSecurityDescriptor);
    ULONG needed = (ULONG)sizeof(RELATIVE) + p.size[0] + p.size[1] + p.size[2] + p.size[3];
    if (*BufferLength < needed) {
        *BufferLength = needed;
        return STATUS_BUFFER_TOO_SMALL;
    }
    memset(to, 0, needed);
    to->Revision = ((ABSOLUTE *)AbsoluteSecurityDescriptor)->Revision;
    to->Control = (USHORT)(((ABSOLUTE *)AbsoluteSecurityDescriptor)->Control | SE_SELF_RELATIVE);
    ULONG at = sizeof(RELATIVE);
    PULONG offsets[] = {&to->Sacl, &to->Dacl, &to->Owner, &to->Group};
    for (int i = 0; i < 4; i++) {
        if (p.part[i] == NULL)
            continue;
        *offsets[i] = at;
        memcpy((PUCHAR)to + at, p.part[i], i < 2 ? ((PACL)p.part[i])->AclSize : RtlLengthSid(p.part[i]));
        at += p.size[i];
    }
    *BufferLength = needed;
    return STATUS_SUCCESS;
}

NTSTATUS RtlSelfRelativeToAbsoluteSD(PSECURITY_DESCRIPTOR SelfRelativeSecurityDescriptor,
                                     PSECURITY_DESCRIPTOR AbsoluteSecurityDescriptor,
                                     PULONG AbsoluteSecurityDescriptorSize, PACL Dacl, PULONG DaclSize, PACL Sacl,
                                     PULONG SaclSize, PSID Owner, PULONG OwnerSize, PSID PrimaryGroup,
                                     PULONG PrimaryGroupSize)
{
    ABSOLUTE *to = AbsoluteSecurityDescriptor;
    PVOID buffers[] = {Sacl, Dacl, Owner, PrimaryGroup};
    PULONG sizes[] = {SaclSize, DaclSize, OwnerSize, PrimaryGroupSize};
    BOOLEAN fits = *AbsoluteSecurityDescriptorSize >= sizeof(ABSOLUTE);

    if (!IsRelative(SelfRelativeSecurityDescriptor))
        return STATUS_BAD_DESCRIPTOR_FORMAT;
    struct parts p = PartsOf(SelfRelativeSecurityDescriptor);
    for (int i = 0; i < 4; i++)
        fits = fits && *sizes[i] >= p.size[i];
    *AbsoluteSecurityDescriptorSize = sizeof(ABSOLUTE);
    for (int i = 0; i < 4; i++)
        *sizes[i] = p.size[i];
    if (!fits)
        return STATUS_BUFFER_TOO_SMALL;
    for (int i = 0; i < 4; i++)
        if (p.part[i] != NULL)
            memcpy(buffers[i], p.part[i], p.size[i]);
    memset(to, 0, sizeof *to);
    to->Revision = ((RELATIVE *)SelfRelativeSecurityDescriptor)->Revision;
    to->Control = (USHORT)(((RELATIVE *)SelfRelativeSecurityDescriptor)->Control & ~SE_SELF_RELATIVE);
    to->Sacl = p.part[0] != NULL ? Sacl : NULL;
    to->Dacl = p.part[1] != NULL ? Dacl : NULL;
    to->Owner = p.part[2] != NULL ? Owner : NULL;
    to->Group = p.part[3] != NULL ? PrimaryGroup : NULL;
    return STATUS_SUCCESS;
}

BOOLEAN RtlValidRelativeSecurityDescriptor(PSECURITY_DESCRIPTOR SecurityDescriptorInput,
                                           ULONG SecurityDescriptorLength,
                                           SECURITY_INFORMATION RequiredInformation)
{
    RELATIVE *d = SecurityDescriptorInput;

    if (SecurityDescriptorLength < sizeof *d || !IsKnown(d) || !IsRelative(d))
        return FALSE;
    ULONG offsets[] = {d->Sacl, d->Dacl, d->Owner, d->Group};
    for (int i = 0; i < 4; i++)
        if (offsets[i] % 4 != 0 || (offsets[i] != 0 && offsets[i] + sizeof(ACL) > SecurityDescriptorLength))
            return FALSE;
    if (!RtlValidSecurityDescriptor(d) || RtlLengthSecurityDescriptor(d) > SecurityDescriptorLength)
        return FALSE;
    return !((RequiredInformation & OWNER_SECURITY_INFORMATION) && d->Owner == 0) &&
           !((RequiredInformation & GROUP_SECURITY_INFORMATION) && d->Group == 0);
}
