/* Tokens with less in them, and signing levels. */
#include "sep.h"

#include <string.h>

static void DisableSids(struct sep_token *token, PTOKEN_GROUPS sids)
{
    for (ULONG i = 0; sids && i < sids->GroupCount; i++) {
        for (ULONG g = 0; g < token->group_count; g++) {
            if (RtlEqualSid(sids->Groups[i].Sid, &token->groups[g]))
                token->group_attributes[g] =
                    (token->group_attributes[g] & ~(ULONG)(SE_GROUP_ENABLED | SE_GROUP_ENABLED_BY_DEFAULT)) |
                    SE_GROUP_USE_FOR_DENY_ONLY;
        }
    }
}

static void RemovePrivileges(struct sep_token *token, ULONG flags, PTOKEN_PRIVILEGES privileges)
{
    uint64_t keep = ~0ull;
    if (flags & DISABLE_MAX_PRIVILEGE)
        keep = 1ull << SE_CHANGE_NOTIFY_PRIVILEGE;
    for (ULONG i = 0; privileges && i < privileges->PrivilegeCount; i++)
        if (privileges->Privileges[i].Luid.LowPart < 64)
            keep &= ~(1ull << privileges->Privileges[i].Luid.LowPart);
    token->privileges &= keep;
    token->enabled &= keep;
}

static NTSTATUS CheckRestricting(PTOKEN_GROUPS sids)
{
    for (ULONG i = 0; sids && i < sids->GroupCount; i++) {
        if (sids->Groups[i].Attributes)
            return STATUS_INVALID_PARAMETER;
        if (!RtlValidSid(sids->Groups[i].Sid) || RtlLengthSid(sids->Groups[i].Sid) > sizeof(struct sep_sid))
            return STATUS_INVALID_SID;
    }
    return sids && sids->GroupCount > SEP_MAX_GROUPS ? STATUS_INSUFFICIENT_RESOURCES : STATUS_SUCCESS;
}

/* Of a token that was restricted before, only the SIDs that both lists have are left. */
static void Restrict(struct sep_token *token, const struct sep_token *existing, ULONG flags, PTOKEN_GROUPS sids)
{
    if (!sids || !sids->GroupCount)
        return;
    token->restricting_count = 0;
    for (ULONG i = 0; i < sids->GroupCount; i++) {
        if (existing->restricted && !SepIsRestrictedBy(existing, sids->Groups[i].Sid))
            continue;
        memcpy(&token->restricting[token->restricting_count++], sids->Groups[i].Sid, RtlLengthSid(sids->Groups[i].Sid));
    }
    token->write_restricted = (flags & WRITE_RESTRICTED) && (!existing->restricted || existing->write_restricted);
    token->restricted = true;
}

NTSTATUS SeFilterToken(PACCESS_TOKEN ExistingToken, ULONG Flags, PTOKEN_GROUPS SidsToDisable,
                       PTOKEN_PRIVILEGES PrivilegesToDelete, PTOKEN_GROUPS RestrictedSids,
                       PACCESS_TOKEN *FilteredToken)
{
    API_IRQL(SeFilterToken);
    const struct sep_token *existing = ExistingToken;
    NTSTATUS status = CheckRestricting(RestrictedSids);
    if (!NT_SUCCESS(status))
        return status;
    struct sep_token *token = SepCreateToken(existing->type, existing);
    DisableSids(token, SidsToDisable);
    RemovePrivileges(token, Flags, PrivilegesToDelete);
    Restrict(token, existing, Flags, RestrictedSids);
    *FilteredToken = token;
    return STATUS_SUCCESS;
}

/* No file of a simulated volume was ever checked. */
NTSTATUS SeGetCachedSigningLevel(PFILE_OBJECT File, PULONG Flags, PSE_SIGNING_LEVEL SigningLevel, PUCHAR Thumbprint,
                                 PULONG ThumbprintSize, PULONG ThumbprintAlgorithm)
{
    return STATUS_NOT_FOUND;
}
