/* SeAccessCheck: a discretionary list against a token. */
#include "sep.h"

struct check {
    const struct sep_token *token;
    ACCESS_MASK remaining; /* still to be granted */
    ACCESS_MASK granted;
    ACCESS_MASK denied;
    bool maximum;
};

static void Map(ACCESS_MASK *mask, PGENERIC_MAPPING mapping)
{
    if (mapping)
        RtlMapGenericMask(mask, mapping);
}

/* One entry, in the list's order: the first that speaks of a right decides it. */
static bool Apply(struct check *c, const ACCESS_ALLOWED_ACE *ace, PGENERIC_MAPPING mapping)
{
    ACCESS_MASK mask = ace->Mask;
    bool deny = ace->Header.AceType == ACCESS_DENIED_ACE_TYPE;
    if ((ace->Header.AceFlags & INHERIT_ONLY_ACE) || (!deny && ace->Header.AceType != ACCESS_ALLOWED_ACE_TYPE))
        return true;
    if (!SepTokenHasSid(c->token, &ace->SidStart, deny))
        return true;
    Map(&mask, mapping);
    if (!deny) {
        c->granted |= mask & ~c->denied;
        c->remaining &= ~mask;
        return true;
    }
    c->denied |= mask & ~c->granted;
    return !(mask & c->remaining);
}

static bool WalkList(struct check *c, PACL list, PGENERIC_MAPPING mapping)
{
    PVOID ace;
    for (ULONG i = 0; i < list->AceCount; i++) {
        if (!NT_SUCCESS(RtlGetAce(list, i, &ace)))
            break;
        if (!Apply(c, ace, mapping))
            return false;
        if (!c->remaining && !c->maximum)
            break;
    }
    return !c->remaining;
}

/* Rights that come from who one is rather than from the list. */
static void GrantByRank(struct check *c, PSECURITY_DESCRIPTOR descriptor)
{
    PSID owner = NULL;
    BOOLEAN defaulted;
    ACCESS_MASK free = 0;
    if ((c->remaining & ACCESS_SYSTEM_SECURITY) && SepHasPrivilege(c->token, SE_SECURITY_PRIVILEGE))
        free |= ACCESS_SYSTEM_SECURITY;
    if ((c->remaining & WRITE_OWNER) && SepHasPrivilege(c->token, SE_TAKE_OWNERSHIP_PRIVILEGE))
        free |= WRITE_OWNER;
    if (NT_SUCCESS(RtlGetOwnerSecurityDescriptor(descriptor, &owner, &defaulted)) && owner &&
        SepTokenHasSid(c->token, owner, false))
        free |= READ_CONTROL | WRITE_DAC;
    c->granted |= free & (c->maximum ? ~0u : c->remaining);
    c->remaining &= ~free;
}

static bool CheckDescriptor(struct check *c, PSECURITY_DESCRIPTOR descriptor, PGENERIC_MAPPING mapping)
{
    PACL list = NULL;
    BOOLEAN present = FALSE, defaulted;
    GrantByRank(c, descriptor);
    if (!NT_SUCCESS(RtlGetDaclSecurityDescriptor(descriptor, &present, &list, &defaulted)))
        return false;
    if (!present || !list) {
        /* No list protects nothing. */
        c->granted |= c->maximum && mapping ? mapping->GenericAll : c->remaining;
        c->remaining &= ACCESS_SYSTEM_SECURITY;
        return !c->remaining;
    }
    return WalkList(c, list, mapping);
}

static BOOLEAN Decide(BOOLEAN granted, NTSTATUS reason, PACCESS_MASK mask, ACCESS_MASK value, PNTSTATUS status)
{
    *mask = granted ? value : 0;
    *status = granted ? STATUS_SUCCESS : reason;
    return granted;
}

BOOLEAN SeAccessCheck(PSECURITY_DESCRIPTOR SecurityDescriptor, PSECURITY_SUBJECT_CONTEXT SubjectSecurityContext,
                      BOOLEAN SubjectContextLocked, ACCESS_MASK DesiredAccess, ACCESS_MASK PreviouslyGrantedAccess,
                      PPRIVILEGE_SET *Privileges, PGENERIC_MAPPING GenericMapping, KPROCESSOR_MODE AccessMode,
                      PACCESS_MASK GrantedAccess, PNTSTATUS AccessStatus)
{
    if (Privileges)
        *Privileges = NULL;
    Map(&DesiredAccess, GenericMapping);
    bool maximum = DesiredAccess & MAXIMUM_ALLOWED;
    ACCESS_MASK wanted = DesiredAccess & ~(ACCESS_MASK)MAXIMUM_ALLOWED;
    if (AccessMode == KernelMode) {
        ACCESS_MASK all = maximum && GenericMapping ? GenericMapping->GenericAll : 0;
        return Decide(TRUE, 0, GrantedAccess, wanted | all | PreviouslyGrantedAccess, AccessStatus);
    }
    if (!SecurityDescriptor)
        return Decide(FALSE, STATUS_ACCESS_DENIED, GrantedAccess, 0, AccessStatus);
    if (SubjectSecurityContext->ClientToken && SubjectSecurityContext->ImpersonationLevel < SecurityImpersonation)
        return Decide(FALSE, STATUS_BAD_IMPERSONATION_LEVEL, GrantedAccess, 0, AccessStatus);
    if (!DesiredAccess) {
        NTSTATUS reason = STATUS_ACCESS_DENIED;
        return Decide(PreviouslyGrantedAccess != 0, reason, GrantedAccess, PreviouslyGrantedAccess, AccessStatus);
    }
    struct check c = {.token = SeQuerySubjectContextToken(SubjectSecurityContext),
                      .remaining = wanted,
                      .maximum = maximum};
    bool privileged = !(wanted & ACCESS_SYSTEM_SECURITY) || SepHasPrivilege(c.token, SE_SECURITY_PRIVILEGE);
    bool granted = CheckDescriptor(&c, SecurityDescriptor, GenericMapping);
    if (maximum && !c.granted && !PreviouslyGrantedAccess)
        granted = false;
    ACCESS_MASK value = (maximum ? c.granted | wanted : wanted) | PreviouslyGrantedAccess;
    return Decide(granted, privileged ? STATUS_ACCESS_DENIED : STATUS_PRIVILEGE_NOT_HELD, GrantedAccess, value,
                  AccessStatus);
}
