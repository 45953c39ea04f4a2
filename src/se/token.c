/* Tokens: the two that every machine has, those of processes and threads, and what drivers ask of them. */
#include "sep.h"

#include "fault/fault.h"
#include "ps/process.h"

#include <string.h>

static const struct sep_sid system_sid = {1, 1, {SECURITY_NT_AUTHORITY}, {SECURITY_LOCAL_SYSTEM_RID}};
static const struct sep_sid user_sid = {1, 5, {SECURITY_NT_AUTHORITY}, {21, 1004336348, 1177238915, 682003330, 1001}};
static const struct sep_sid user_group = {1, 5, {SECURITY_NT_AUTHORITY}, {21, 1004336348, 1177238915, 682003330, 513}};
static const struct sep_sid admins = {1, 2, {SECURITY_NT_AUTHORITY}, {SECURITY_BUILTIN_DOMAIN_RID, DOMAIN_ALIAS_RID_ADMINS}};
static const struct sep_sid users = {1, 2, {SECURITY_NT_AUTHORITY}, {SECURITY_BUILTIN_DOMAIN_RID, DOMAIN_ALIAS_RID_USERS}};
static const struct sep_sid everyone = {1, 1, {SECURITY_WORLD_SID_AUTHORITY}, {SECURITY_WORLD_RID}};
static const struct sep_sid authenticated = {1, 1, {SECURITY_NT_AUTHORITY}, {SECURITY_AUTHENTICATED_USER_RID}};
static const struct sep_sid interactive = {1, 1, {SECURITY_NT_AUTHORITY}, {SECURITY_INTERACTIVE_RID}};

LUID SepNewLuid(void)
{
    LONGLONG id = __atomic_add_fetch(&se()->next_id, 1, __ATOMIC_RELAXED);
    return (LUID){.LowPart = (ULONG)id, .HighPart = (LONG)(id >> 32)};
}

static void AddDefaults(struct sep_token *token, PACL list)
{
    ULONG length = list ? list->AclSize : 0;
    struct sep_list *fresh = sim_alloc(sizeof *fresh + length);
    fresh->null = !list;
    if (list)
        memcpy(fresh->list, list, length);
    fresh->older = token->defaults;
    __atomic_store_n(&token->defaults, fresh, __ATOMIC_RELEASE);
}

bool SepSetDefaultList(struct sep_token *token, PACL list)
{
    if (fault_allocation())
        return false;
    AddDefaults(token, list);
    return true;
}

static void DeleteToken(PVOID object)
{
    struct sep_token *token = object;
    for (struct sep_list *list = token->defaults, *older; list; list = older) {
        older = list->older;
        sim_free(list);
    }
    if (machine->ex) /* a process that goes with the machine has its token to the end */
        ExDeleteResourceLite(&token->lock);
}

struct sep_token *SepCreateToken(TOKEN_TYPE type, const struct sep_token *like)
{
    struct sep_token *token;
    ObpCreateObject(se()->token_type, sizeof *token, (PVOID *)&token);
    if (like) {
        struct sep_list *defaults = __atomic_load_n(&like->defaults, __ATOMIC_ACQUIRE);
        memcpy((PCHAR)token + offsetof(struct sep_token, type), (const CHAR *)like + offsetof(struct sep_token, type),
               sizeof *token - offsetof(struct sep_token, type));
        token->owner = __atomic_load_n(&like->owner, __ATOMIC_RELAXED);
        token->group = __atomic_load_n(&like->group, __ATOMIC_RELAXED);
        AddDefaults(token, defaults->null ? NULL : SEP_LIST(defaults));
    }
    ExInitializeResourceLite(&token->lock);
    token->type = type;
    token->id = SepNewLuid();
    SepTouch(token, token->id);
    return token;
}

static void AddGroup(struct sep_token *token, const struct sep_sid *sid, ULONG attributes)
{
    token->groups[token->group_count] = *sid;
    token->group_attributes[token->group_count++] = attributes;
}

/* The list of objects that nobody gave one. */
static void AddUsualDefaults(struct sep_token *token)
{
    ULONG buffer[64];
    PACL list = (PACL)buffer;
    bool system = SepIsSystem(token);
    RtlCreateAcl(list, sizeof buffer, ACL_REVISION);
    if (!system)
        RtlAddAccessAllowedAce(list, ACL_REVISION, GENERIC_ALL, (PSID)&token->user);
    RtlAddAccessAllowedAce(list, ACL_REVISION, GENERIC_ALL, SeExports->SeLocalSystemSid);
    RtlAddAccessAllowedAce(list, ACL_REVISION, system ? GENERIC_READ | GENERIC_EXECUTE | READ_CONTROL : GENERIC_ALL,
                           SeExports->SeAliasAdminsSid);
    AddDefaults(token, list);
}

#define PRIVILEGE(name) (1ull << SE_##name##_PRIVILEGE)
#define ALL_PRIVILEGES (((1ull << SE_MAX_WELL_KNOWN_PRIVILEGE) - 1) & ~3ull)
#define GROUP_ON (SE_GROUP_MANDATORY | SE_GROUP_ENABLED_BY_DEFAULT | SE_GROUP_ENABLED)

static struct sep_token *SystemToken(void)
{
    struct sep_token *token = SepCreateToken(TokenPrimary, NULL);
    token->user = system_sid;
    token->owner = 0;
    token->group = -1;
    token->authentication = (LUID)SYSTEM_LUID;
    token->privileges = token->enabled = ALL_PRIVILEGES;
    token->integrity = SECURITY_MANDATORY_SYSTEM_RID;
    token->elevated = true;
    memcpy(token->source, "*SYSTEM*", sizeof token->source);
    AddGroup(token, &admins, SE_GROUP_ENABLED_BY_DEFAULT | SE_GROUP_ENABLED | SE_GROUP_OWNER);
    AddGroup(token, &everyone, GROUP_ON);
    AddGroup(token, &authenticated, GROUP_ON);
    AddUsualDefaults(token);
    return token;
}

static struct sep_token *UserToken(void)
{
    struct sep_token *token = SepCreateToken(TokenPrimary, NULL);
    token->user = user_sid;
    token->owner = -1;
    token->group = 0;
    token->authentication = SepNewLuid();
    token->session = 1;
    token->privileges = ALL_PRIVILEGES & ~(PRIVILEGE(TCB) | PRIVILEGE(CREATE_TOKEN) | PRIVILEGE(ASSIGNPRIMARYTOKEN) |
                                           PRIVILEGE(AUDIT));
    token->enabled = PRIVILEGE(CHANGE_NOTIFY) | PRIVILEGE(IMPERSONATE) | PRIVILEGE(CREATE_GLOBAL);
    token->integrity = SECURITY_MANDATORY_HIGH_RID;
    token->elevated = true;
    memcpy(token->source, "User32 ", sizeof token->source);
    AddGroup(token, &user_group, GROUP_ON);
    AddGroup(token, &everyone, GROUP_ON);
    AddGroup(token, &admins, GROUP_ON | SE_GROUP_OWNER);
    AddGroup(token, &users, GROUP_ON);
    AddGroup(token, &interactive, GROUP_ON);
    AddGroup(token, &authenticated, GROUP_ON);
    AddUsualDefaults(token);
    return token;
}

struct sep_token *SepPrimaryToken(PEPROCESS process)
{
    struct _KPROCESS *p = (struct _KPROCESS *)process;
    struct sep_token *own = __atomic_load_n(&p->token, __ATOMIC_ACQUIRE);
    if (own)
        return own;
    return p->system ? se()->system : se()->user;
}

struct sep_token *SepEffectiveToken(PKTHREAD thread)
{
    struct sep_impersonation *impersonation = thread->se;
    if (impersonation && !impersonation->disabled)
        return impersonation->token;
    return SepPrimaryToken((PEPROCESS)thread->process);
}

bool SepHasPrivilege(const struct sep_token *token, ULONG privilege)
{
    return privilege < 64 && (token->enabled >> privilege & 1);
}

static bool SameSid(const void *a, const void *b)
{
    const SID *x = a, *y = b;
    return x->SubAuthorityCount == y->SubAuthorityCount &&
           !memcmp(x, y, FIELD_OFFSET(SID, SubAuthority) + x->SubAuthorityCount * sizeof(ULONG));
}

bool SepTokenHasSid(const struct sep_token *token, const void *sid, bool deny)
{
    if (SameSid(&token->user, sid))
        return true;
    for (ULONG i = 0; i < token->group_count; i++) {
        bool counts = (token->group_attributes[i] & SE_GROUP_ENABLED) ||
                      (deny && (token->group_attributes[i] & SE_GROUP_USE_FOR_DENY_ONLY));
        if (counts && SameSid(&token->groups[i], sid))
            return true;
    }
    return false;
}

bool SepIsRestrictedBy(const struct sep_token *token, const void *sid)
{
    for (ULONG i = 0; i < token->restricting_count; i++)
        if (SameSid(&token->restricting[i], sid))
            return true;
    return false;
}

/* -- references ------------------------------------------------------------------------------------------------ */

PACCESS_TOKEN PsReferencePrimaryToken(PEPROCESS Process)
{
    struct sep_token *token = SepPrimaryToken(Process);
    ObReferenceObject(token);
    return token;
}

VOID PsDereferencePrimaryToken(PACCESS_TOKEN PrimaryToken) { ObDereferenceObject(PrimaryToken); }

PACCESS_TOKEN PsReferenceImpersonationToken(PETHREAD Thread, PBOOLEAN CopyOnOpen, PBOOLEAN EffectiveOnly,
                                            PSECURITY_IMPERSONATION_LEVEL ImpersonationLevel)
{
    struct sep_impersonation *impersonation = ((PKTHREAD)Thread)->se;
    if (!impersonation || impersonation->disabled)
        return NULL;
    *CopyOnOpen = impersonation->copy_on_open;
    *EffectiveOnly = impersonation->effective_only;
    *ImpersonationLevel = impersonation->level;
    ObReferenceObject(impersonation->token);
    return impersonation->token;
}

VOID PsDereferenceImpersonationToken(PACCESS_TOKEN ImpersonationToken)
{
    if (ImpersonationToken)
        ObDereferenceObject(ImpersonationToken);
}

NTSTATUS PsImpersonateClient(PETHREAD Thread, PACCESS_TOKEN Token, BOOLEAN CopyOnOpen, BOOLEAN EffectiveOnly,
                             SECURITY_IMPERSONATION_LEVEL ImpersonationLevel)
{
    PKTHREAD thread = (PKTHREAD)Thread;
    SepForgetThread(thread);
    if (!Token)
        return STATUS_SUCCESS;
    struct sep_impersonation *impersonation = sim_alloc(sizeof *impersonation);
    ObpReference(Token);
    *impersonation = (struct sep_impersonation){.token = Token,
                                                .level = ImpersonationLevel,
                                                .copy_on_open = CopyOnOpen,
                                                .effective_only = EffectiveOnly};
    thread->se = impersonation;
    return STATUS_SUCCESS;
}

VOID PsRevertToSelf(VOID) { SepForgetThread(KiCurrentThread()); }

BOOLEAN PsDisableImpersonation(PETHREAD Thread, PSE_IMPERSONATION_STATE ImpersonationState)
{
    struct sep_impersonation *impersonation = ((PKTHREAD)Thread)->se;
    *ImpersonationState = (SE_IMPERSONATION_STATE){0};
    if (!impersonation || impersonation->disabled)
        return FALSE;
    *ImpersonationState = (SE_IMPERSONATION_STATE){impersonation->token, impersonation->copy_on_open,
                                                   impersonation->effective_only, impersonation->level};
    impersonation->disabled = TRUE;
    return TRUE;
}

VOID PsRestoreImpersonation(PETHREAD Thread, PSE_IMPERSONATION_STATE ImpersonationState)
{
    struct sep_impersonation *impersonation = ((PKTHREAD)Thread)->se;
    if (impersonation && ImpersonationState->Token)
        impersonation->disabled = FALSE;
}

void SepForgetThread(PKTHREAD thread)
{
    struct sep_impersonation *impersonation = thread->se;
    thread->se = NULL;
    if (!impersonation)
        return;
    ObpDereference(impersonation->token);
    sim_free(impersonation);
}

void SepForgetProcess(PEPROCESS process)
{
    struct sep_token *own = __atomic_exchange_n(&((struct _KPROCESS *)process)->token, NULL, __ATOMIC_ACQ_REL);
    if (own)
        ObpDereference(own);
}

/* -- the room -------------------------------------------------------------------------------------------------- */

POBJECT_TYPE *SeTokenObjectType;

bool SepStart(void)
{
    machine->se = sim_alloc(sizeof *machine->se);
    se()->next_id = 0x10000;
    se()->token_type = ObpCreateType(&(struct ob_type_info){
        .name = "Token",
        .delete = DeleteToken,
        .mapping = {TOKEN_READ, TOKEN_WRITE, STANDARD_RIGHTS_EXECUTE, TOKEN_ALL_ACCESS},
        .valid_access = TOKEN_ALL_ACCESS,
        .wait = OB_NO_WAIT,
    });
    SeTokenObjectType = &se()->token_type;
    se()->system = SystemToken();
    se()->user = UserToken();
    PspThreadGone = SepForgetThread;
    PspProcessGone = SepForgetProcess;
    return true;
}

void SepStop(void)
{
    if (!sched_is_dead()) {
        ObpDereference(se()->user);
        ObpDereference(se()->system);
    }
    sim_free(machine->se);
    machine->se = NULL;
}
