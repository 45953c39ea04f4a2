/* What a token says of itself. */
#include "sep.h"

#include "ex/pool.h"

#include <string.h>

/* Fills a buffer from both ends: structures at its front, the SIDs they point to behind. */
struct fill {
    PCHAR buffer;
    ULONG length, front, tail;
    const struct sep_list *defaults; /* as it was when the length was found */
};

static PVOID Front(struct fill *f, ULONG size)
{
    PVOID at = f->buffer + f->front;
    f->front += size;
    f->tail = f->front;
    return at;
}

static ULONG SidLength(const struct sep_sid *sid)
{
    return FIELD_OFFSET(SID, SubAuthority) + sid->SubAuthorityCount * (ULONG)sizeof(ULONG);
}

static PSID PutSid(struct fill *f, const struct sep_sid *sid)
{
    PVOID at = f->buffer + f->tail;
    memcpy(at, sid, SidLength(sid));
    f->tail += SidLength(sid);
    return at;
}

static ULONG GroupsLength(const struct sep_token *token)
{
    ULONG length = FIELD_OFFSET(TOKEN_GROUPS, Groups) + token->group_count * (ULONG)sizeof(SID_AND_ATTRIBUTES);
    for (ULONG i = 0; i < token->group_count; i++)
        length += SidLength(&token->groups[i]);
    return length;
}

static ULONG CountPrivileges(const struct sep_token *token) { return (ULONG)__builtin_popcountll(token->privileges); }

static struct sep_sid IntegritySid(const struct sep_token *token)
{
    return (struct sep_sid){1, 1, {SECURITY_MANDATORY_LABEL_AUTHORITY}, {token->integrity}};
}

static ULONG DefaultsLength(const struct sep_list *defaults)
{
    return sizeof(TOKEN_DEFAULT_DACL) + (defaults->null ? 0 : SEP_LIST(defaults)->AclSize);
}

static void PutDefaults(struct fill *f)
{
    PTOKEN_DEFAULT_DACL out = Front(f, sizeof *out);
    out->DefaultDacl = f->defaults->null ? NULL : (PACL)(f->buffer + f->tail);
    if (out->DefaultDacl)
        memcpy(out->DefaultDacl, f->defaults->list, SEP_LIST(f->defaults)->AclSize);
}

static ULONG Needed(const struct sep_token *token, TOKEN_INFORMATION_CLASS kind, const struct sep_list *defaults)
{
    struct sep_sid label = IntegritySid(token);
    switch (kind) {
    case TokenUser:
        return sizeof(TOKEN_USER) + SidLength(&token->user);
    case TokenOwner:
        return sizeof(TOKEN_OWNER) + SidLength(SepOwner(token));
    case TokenPrimaryGroup:
        return sizeof(TOKEN_PRIMARY_GROUP) + SidLength(SepGroup(token));
    case TokenGroups:
        return GroupsLength(token);
    case TokenPrivileges:
        return FIELD_OFFSET(TOKEN_PRIVILEGES, Privileges) +
               CountPrivileges(token) * (ULONG)sizeof(LUID_AND_ATTRIBUTES);
    case TokenSource:
        return sizeof(TOKEN_SOURCE);
    case TokenDefaultDacl:
        return DefaultsLength(defaults);
    case TokenImpersonationLevel:
        return token->type == TokenImpersonation ? sizeof(ULONG) : 0;
    case TokenType:
    case TokenSessionId:
    case TokenElevationType:
    case TokenElevation:
    case TokenHasRestrictions:
    case TokenIsAppContainer:
    case TokenIsRestricted:
    case TokenUIAccess:
    case TokenVirtualizationAllowed:
    case TokenVirtualizationEnabled:
    case TokenSandBoxInert:
    case TokenMandatoryPolicy:
        return sizeof(ULONG);
    case TokenStatistics:
        return sizeof(TOKEN_STATISTICS);
    case TokenOrigin:
        return sizeof(TOKEN_ORIGIN);
    case TokenIntegrityLevel:
        return sizeof(TOKEN_MANDATORY_LABEL) + SidLength(&label);
    default:
        return 0;
    }
}

static ULONG Number(const struct sep_token *token, TOKEN_INFORMATION_CLASS kind)
{
    switch (kind) {
    case TokenType:
        return token->type;
    case TokenImpersonationLevel:
        return token->level;
    case TokenSessionId:
        return token->session;
    case TokenElevationType:
        return token->elevated ? TokenElevationTypeFull : TokenElevationTypeLimited;
    case TokenElevation:
        return token->elevated;
    case TokenHasRestrictions:
    case TokenIsRestricted:
        return token->restricted;
    case TokenMandatoryPolicy:
        return TOKEN_MANDATORY_POLICY_NO_WRITE_UP;
    default:
        return 0;
    }
}

static void PutGroups(const struct sep_token *token, struct fill *f)
{
    PTOKEN_GROUPS out =
        Front(f, FIELD_OFFSET(TOKEN_GROUPS, Groups) + token->group_count * (ULONG)sizeof(SID_AND_ATTRIBUTES));
    out->GroupCount = token->group_count;
    for (ULONG i = 0; i < token->group_count; i++) {
        out->Groups[i].Sid = PutSid(f, &token->groups[i]);
        out->Groups[i].Attributes = token->group_attributes[i];
    }
}

static void PutPrivileges(const struct sep_token *token, struct fill *f)
{
    ULONG count = CountPrivileges(token), at = 0;
    PTOKEN_PRIVILEGES out =
        Front(f, FIELD_OFFSET(TOKEN_PRIVILEGES, Privileges) + count * (ULONG)sizeof(LUID_AND_ATTRIBUTES));
    out->PrivilegeCount = count;
    for (ULONG i = 0; i < 64; i++) {
        if (!(token->privileges >> i & 1))
            continue;
        out->Privileges[at].Luid = (LUID){.LowPart = i};
        out->Privileges[at++].Attributes =
            token->enabled >> i & 1 ? SE_PRIVILEGE_ENABLED | SE_PRIVILEGE_ENABLED_BY_DEFAULT : 0;
    }
}

static void PutStatistics(const struct sep_token *token, struct fill *f)
{
    PTOKEN_STATISTICS out = Front(f, sizeof *out);
    *out = (TOKEN_STATISTICS){
        .TokenId = token->id,
        .AuthenticationId = token->authentication,
        .ExpirationTime = {.QuadPart = MAXLONGLONG},
        .TokenType = token->type,
        .ImpersonationLevel = token->level,
        .GroupCount = token->group_count,
        .PrivilegeCount = CountPrivileges(token),
    };
    __atomic_load(&token->modified, &out->ModifiedId, __ATOMIC_RELAXED);
}

static void PutSource(const struct sep_token *token, struct fill *f)
{
    PTOKEN_SOURCE out = Front(f, sizeof *out);
    memcpy(out->SourceName, token->source, sizeof out->SourceName);
    out->SourceIdentifier = (LUID){0};
}

static void Put(const struct sep_token *token, TOKEN_INFORMATION_CLASS kind, struct fill *f)
{
    struct sep_sid label = IntegritySid(token);
    switch (kind) {
    case TokenUser: {
        PTOKEN_USER out = Front(f, sizeof *out);
        out->User.Sid = PutSid(f, &token->user);
        out->User.Attributes = 0;
        break;
    }
    case TokenOwner: {
        PTOKEN_OWNER out = Front(f, sizeof *out);
        out->Owner = PutSid(f, SepOwner(token));
        break;
    }
    case TokenPrimaryGroup: {
        PTOKEN_PRIMARY_GROUP out = Front(f, sizeof *out);
        out->PrimaryGroup = PutSid(f, SepGroup(token));
        break;
    }
    case TokenIntegrityLevel: {
        PTOKEN_MANDATORY_LABEL out = Front(f, sizeof *out);
        out->Label.Sid = PutSid(f, &label);
        out->Label.Attributes = SE_GROUP_INTEGRITY | 0x40;
        break;
    }
    case TokenGroups:
        PutGroups(token, f);
        break;
    case TokenPrivileges:
        PutPrivileges(token, f);
        break;
    case TokenStatistics:
        PutStatistics(token, f);
        break;
    case TokenSource:
        PutSource(token, f);
        break;
    case TokenDefaultDacl:
        PutDefaults(f);
        break;
    case TokenOrigin:
        *(PTOKEN_ORIGIN)Front(f, sizeof(TOKEN_ORIGIN)) = (TOKEN_ORIGIN){0};
        break;
    default:
        *(PULONG)Front(f, sizeof(ULONG)) = Number(token, kind);
    }
}

NTSTATUS SepQueryToken(const struct sep_token *token, TOKEN_INFORMATION_CLASS kind, PVOID buffer, ULONG length,
                       PULONG needed)
{
    struct fill f = {.buffer = buffer, .length = length, .defaults = __atomic_load_n(&token->defaults, __ATOMIC_ACQUIRE)};
    *needed = Needed(token, kind, f.defaults);
    if (!*needed)
        return STATUS_INVALID_INFO_CLASS;
    if (length < *needed)
        return STATUS_BUFFER_TOO_SMALL;
    Put(token, kind, &f);
    return STATUS_SUCCESS;
}

NTSTATUS SeQueryInformationToken(PACCESS_TOKEN Token, TOKEN_INFORMATION_CLASS TokenInformationClass,
                                 PVOID *TokenInformation)
{
    API_IRQL(SeQueryInformationToken);
    ULONG needed;
    /* These come back in the pointer itself. */
    if (TokenInformationClass == TokenSessionId || TokenInformationClass == TokenIntegrityLevel) {
        const struct sep_token *token = Token;
        *(PULONG)TokenInformation = TokenInformationClass == TokenSessionId ? token->session : token->integrity;
        return STATUS_SUCCESS;
    }
    switch (TokenInformationClass) { /* only by handle */
    case TokenOrigin:
    case TokenSandBoxInert:
        return STATUS_INVALID_INFO_CLASS;
    default:
        break;
    }
    NTSTATUS status = SepQueryToken(Token, TokenInformationClass, NULL, 0, &needed);
    if (status != STATUS_BUFFER_TOO_SMALL)
        return status;
    do { /* its default list may be replaced meanwhile */
        PVOID buffer = ExAllocatePoolWithTag(PagedPool, needed, SEP_TAG);
        if (!buffer)
            return STATUS_INSUFFICIENT_RESOURCES;
        status = SepQueryToken(Token, TokenInformationClass, buffer, needed, &needed);
        if (NT_SUCCESS(status)) {
            *TokenInformation = buffer;
            ExpHandOut(buffer, VERIFY_CALLER);
        } else {
            ExFreePoolWithTag(buffer, SEP_TAG);
        }
    } while (status == STATUS_BUFFER_TOO_SMALL);
    return status;
}

NTSTATUS SeQueryAuthenticationIdToken(PACCESS_TOKEN Token, PLUID AuthenticationId)
{
    API_IRQL(SeQueryAuthenticationIdToken);
    *AuthenticationId = ((const struct sep_token *)Token)->authentication;
    return STATUS_SUCCESS;
}

NTSTATUS SeQuerySessionIdToken(PACCESS_TOKEN Token, PULONG SessionId)
{
    *SessionId = ((const struct sep_token *)Token)->session;
    return STATUS_SUCCESS;
}

BOOLEAN SeTokenIsAdmin(PACCESS_TOKEN Token)
{
    API_IRQL(SeTokenIsAdmin);
    static const struct sep_sid admins = {
        1, 2, {SECURITY_NT_AUTHORITY}, {SECURITY_BUILTIN_DOMAIN_RID, DOMAIN_ALIAS_RID_ADMINS}};
    return SepTokenHasSid(Token, &admins, false);
}

BOOLEAN SeTokenIsRestricted(PACCESS_TOKEN Token)
{
    API_IRQL(SeTokenIsRestricted);
    return ((const struct sep_token *)Token)->restricted;
}

TOKEN_TYPE SeTokenType(PACCESS_TOKEN Token) { return ((const struct sep_token *)Token)->type; }

SECURITY_IMPERSONATION_LEVEL SeTokenImpersonationLevel(PACCESS_TOKEN Token)
{
    return ((const struct sep_token *)Token)->level;
}
