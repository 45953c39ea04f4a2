/* SeAccessCheck: a discretionary list against a token. */
#include "sep.h"

struct check {
    const struct sep_token *token;
    ACCESS_MASK remaining; /* still to be granted */
    ACCESS_MASK granted;
    ACCESS_MASK denied;
    bool maximum;
    bool restricting;       /* by the token's restricting SIDs alone */
    uint64_t used;          /* privileges that granted something */
};

static bool Has(const struct check *c, const void *sid, bool deny)
{
    return c->restricting ? SepIsRestrictedBy(c->token, sid) : SepTokenHasSid(c->token, sid, deny);
}

static ACCESS_MASK ByPrivilege(struct check *c, ACCESS_MASK right, ULONG privilege)
{
    if (!(c->remaining & right) || !SepHasPrivilege(c->token, privilege))
        return 0;
    c->used |= 1ull << privilege;
    return right;
}

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
    if (!Has(c, &ace->SidStart, deny))
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
    ACCESS_MASK free = ByPrivilege(c, ACCESS_SYSTEM_SECURITY, SE_SECURITY_PRIVILEGE) |
                       ByPrivilege(c, WRITE_OWNER, SE_TAKE_OWNERSHIP_PRIVILEGE);
    if (NT_SUCCESS(RtlGetOwnerSecurityDescriptor(descriptor, &owner, &defaulted)) && owner &&
        Has(c, owner, false))
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

/* The rights that a restricted token is asked about twice. */
static ACCESS_MASK Restrictable(const struct sep_token *token, PGENERIC_MAPPING mapping)
{
    if (!token->write_restricted)
        return ~0u;
    return (mapping ? mapping->GenericWrite : 0) & ~(ACCESS_MASK)(READ_CONTROL | SYNCHRONIZE);
}

/* What the restricting SIDs do not grant is taken back. */
static bool CheckRestricted(struct check *c, ACCESS_MASK wanted, PSECURITY_DESCRIPTOR descriptor, PGENERIC_MAPPING mapping)
{
    ACCESS_MASK asked = Restrictable(c->token, mapping);
    struct check again = {.token = c->token, .remaining = wanted & asked, .maximum = c->maximum, .restricting = true};
    bool granted = CheckDescriptor(&again, descriptor, mapping) || !(wanted & asked);
    c->granted &= again.granted | ~asked;
    return granted;
}

/* The caller's, by SeFreePrivileges; NULL: none was needed, or there is no memory to tell. */
static PPRIVILEGE_SET TellPrivileges(uint64_t used)
{
    ULONG count = (ULONG)__builtin_popcountll(used);
    SIZE_T size = FIELD_OFFSET(PRIVILEGE_SET, Privilege) + count * sizeof(LUID_AND_ATTRIBUTES);
    PPRIVILEGE_SET set = count ? ExAllocatePoolWithTag(PagedPool, size, SEP_TAG) : NULL;
    if (!set)
        return NULL;
    set->PrivilegeCount = 0;
    set->Control = 0;
    for (; used; used &= used - 1)
        set->Privilege[set->PrivilegeCount++] = (LUID_AND_ATTRIBUTES){
            RtlConvertUlongToLuid((ULONG)__builtin_ctzll(used)), SE_PRIVILEGE_USED_FOR_ACCESS};
    return set;
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
    if (c.token->restricted)
        granted = CheckRestricted(&c, wanted, SecurityDescriptor, GenericMapping) && granted;
    if (Privileges && granted)
        *Privileges = TellPrivileges(c.used);
    if (maximum && !c.granted && !PreviouslyGrantedAccess)
        granted = false;
    ACCESS_MASK value = (maximum ? c.granted | wanted : wanted) | PreviouslyGrantedAccess;
    return Decide(granted, privileged ? STATUS_ACCESS_DENIED : STATUS_PRIVILEGE_NOT_HELD, GrantedAccess, value,
                  AccessStatus);
}
