/* Security descriptors as file systems keep them: handing out the parts that were asked for, making new ones. */
#include "sep.h"

#include "fault/fault.h"

#include <string.h>

struct parts {
    PSID owner, group;
    PACL sacl, dacl;
    BOOLEAN has_sacl, has_dacl;
    SECURITY_DESCRIPTOR_CONTROL control;
};

static void Take(PSECURITY_DESCRIPTOR descriptor, struct parts *p)
{
    BOOLEAN defaulted;
    ULONG revision;
    *p = (struct parts){0};
    RtlGetOwnerSecurityDescriptor(descriptor, &p->owner, &defaulted);
    RtlGetGroupSecurityDescriptor(descriptor, &p->group, &defaulted);
    RtlGetDaclSecurityDescriptor(descriptor, &p->has_dacl, &p->dacl, &defaulted);
    RtlGetSaclSecurityDescriptor(descriptor, &p->has_sacl, &p->sacl, &defaulted);
    RtlGetControlSecurityDescriptor(descriptor, &p->control, &revision);
}

static ULONG Aligned(ULONG length) { return (length + 3) & ~3u; }

static ULONG Length(const struct parts *p)
{
    ULONG length = sizeof(SECURITY_DESCRIPTOR_RELATIVE);
    length += p->owner ? Aligned(RtlLengthSid(p->owner)) : 0;
    length += p->group ? Aligned(RtlLengthSid(p->group)) : 0;
    length += p->has_sacl && p->sacl ? Aligned(p->sacl->AclSize) : 0;
    length += p->has_dacl && p->dacl ? Aligned(p->dacl->AclSize) : 0;
    return length;
}

static ULONG Append(PCHAR base, ULONG *at, const void *part, ULONG length)
{
    ULONG here = *at;
    memcpy(base + here, part, length);
    *at += Aligned(length);
    return here;
}

static void Write(const struct parts *p, PVOID buffer)
{
    SECURITY_DESCRIPTOR_RELATIVE *out = buffer;
    ULONG at = sizeof *out;
    memset(out, 0, sizeof *out);
    out->Revision = SECURITY_DESCRIPTOR_REVISION;
    out->Control = SE_SELF_RELATIVE | (p->has_dacl ? SE_DACL_PRESENT : 0) | (p->has_sacl ? SE_SACL_PRESENT : 0) |
                   (p->control & (SE_DACL_PROTECTED | SE_SACL_PROTECTED | SE_DACL_AUTO_INHERITED));
    if (p->has_sacl && p->sacl)
        out->Sacl = Append(buffer, &at, p->sacl, p->sacl->AclSize);
    if (p->has_dacl && p->dacl)
        out->Dacl = Append(buffer, &at, p->dacl, p->dacl->AclSize);
    if (p->owner)
        out->Owner = Append(buffer, &at, p->owner, RtlLengthSid(p->owner));
    if (p->group)
        out->Group = Append(buffer, &at, p->group, RtlLengthSid(p->group));
}

static NTSTATUS CheckParts(PSECURITY_DESCRIPTOR descriptor)
{
    struct parts p;
    Take(descriptor, &p);
    if ((p.owner && !RtlValidSid(p.owner)) || (p.group && !RtlValidSid(p.group)))
        return STATUS_INVALID_SID;
    if ((p.has_dacl && p.dacl && !RtlValidAcl(p.dacl)) || (p.has_sacl && p.sacl && !RtlValidAcl(p.sacl)))
        return STATUS_INVALID_ACL;
    return STATUS_SUCCESS;
}

NTSTATUS SepCheckDescriptor(PSECURITY_DESCRIPTOR descriptor)
{
    const SECURITY_DESCRIPTOR_RELATIVE *header = descriptor;
    const ULONG first = sizeof *header;

    if (!descriptor)
        return STATUS_ACCESS_VIOLATION;
    if (fault_allocation())
        return STATUS_INSUFFICIENT_RESOURCES;
    if (header->Revision != SECURITY_DESCRIPTOR_REVISION)
        return STATUS_UNKNOWN_REVISION;
    if ((header->Control & SE_SELF_RELATIVE) &&
        ((header->Owner && header->Owner < first) || (header->Group && header->Group < first) ||
         (header->Sacl && header->Sacl < first) || (header->Dacl && header->Dacl < first)))
        return STATUS_INVALID_SECURITY_DESCR;
    return CheckParts(descriptor);
}

NTSTATUS SeQuerySecurityDescriptorInfo(PSECURITY_INFORMATION SecurityInformation,
                                       PSECURITY_DESCRIPTOR SecurityDescriptor, PULONG DescriptorLength,
                                       PSECURITY_DESCRIPTOR *ObjectsSecurityDescriptor)
{
    struct parts p = {0};
    SECURITY_INFORMATION wanted = *SecurityInformation;
    if (*ObjectsSecurityDescriptor)
        Take(*ObjectsSecurityDescriptor, &p);
    if (!(wanted & OWNER_SECURITY_INFORMATION))
        p.owner = NULL;
    if (!(wanted & GROUP_SECURITY_INFORMATION))
        p.group = NULL;
    if (!(wanted & DACL_SECURITY_INFORMATION))
        p.has_dacl = FALSE;
    if (!(wanted & SACL_SECURITY_INFORMATION))
        p.has_sacl = FALSE;
    ULONG needed = Length(&p), given = *DescriptorLength;
    *DescriptorLength = needed;
    if (given < needed)
        return STATUS_BUFFER_TOO_SMALL;
    Write(&p, SecurityDescriptor);
    return STATUS_SUCCESS;
}

/* What was given, unless that is a default and something is inherited. NULL: neither. */
static PACL Choose(bool given, PACL list, bool defaulted, PACL parent, const struct sep_creator *creator)
{
    PACL inherited = parent && (!given || defaulted) ? SepMakeList(parent, true, creator) : NULL;
    if (inherited && inherited->AceCount)
        return inherited;
    sim_free(inherited);
    return given && list ? SepMakeList(list, false, creator) : NULL;
}

NTSTATUS SeAssignSecurity(PSECURITY_DESCRIPTOR ParentDescriptor, PSECURITY_DESCRIPTOR ExplicitDescriptor,
                          PSECURITY_DESCRIPTOR *NewDescriptor, BOOLEAN IsDirectoryObject,
                          PSECURITY_SUBJECT_CONTEXT SubjectContext, PGENERIC_MAPPING GenericMapping,
                          POOL_TYPE PoolType)
{
    struct parts p = {0}, parent = {0};
    *NewDescriptor = NULL;
    if (!SubjectContext)
        return STATUS_NO_TOKEN;
    struct sep_token *token = SeQuerySubjectContextToken(SubjectContext);
    if (ExplicitDescriptor)
        Take(ExplicitDescriptor, &p);
    if (ParentDescriptor)
        Take(ParentDescriptor, &parent);
    if (!p.owner)
        p.owner = (PSID)SepOwner(token);
    if (!p.group)
        p.group = (PSID)SepGroup(token);
    const struct sep_creator creator = {p.owner, p.group, GenericMapping, IsDirectoryObject};
    PACL sacl = Choose(p.has_sacl, p.sacl, p.control & SE_SACL_DEFAULTED, parent.has_sacl ? parent.sacl : NULL, &creator);
    PACL dacl = Choose(p.has_dacl, p.dacl, p.control & SE_DACL_DEFAULTED, parent.has_dacl ? parent.dacl : NULL, &creator);
    struct sep_list *defaults = __atomic_load_n(&token->defaults, __ATOMIC_ACQUIRE);
    if (!dacl && !p.has_dacl && !defaults->null)
        dacl = SepMakeList(SEP_LIST(defaults), false, &creator);
    p.has_sacl = p.has_sacl || sacl;
    p.has_dacl = TRUE;
    p.sacl = sacl;
    p.dacl = dacl;
    *NewDescriptor = ExAllocatePoolWithTag(PoolType, Length(&p), SEP_TAG);
    if (*NewDescriptor)
        Write(&p, *NewDescriptor);
    sim_free(sacl);
    sim_free(dacl);
    return *NewDescriptor ? STATUS_SUCCESS : STATUS_INSUFFICIENT_RESOURCES;
}

NTSTATUS SeDeassignSecurity(PSECURITY_DESCRIPTOR *SecurityDescriptor)
{
    if (*SecurityDescriptor)
        ExFreePoolWithTag(*SecurityDescriptor, SEP_TAG);
    *SecurityDescriptor = NULL;
    return STATUS_SUCCESS;
}
