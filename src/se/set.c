/* What can be changed of a token. */
#include "sep.h"

static LONG FindSid(const struct sep_token *token, PSID sid, ULONG attributes)
{
    if (RtlEqualSid((PSID)&token->user, sid))
        return -1;
    for (ULONG i = 0; i < token->group_count; i++)
        if ((token->group_attributes[i] & attributes) == attributes && RtlEqualSid((PSID)&token->groups[i], sid))
            return (LONG)i;
    return -2;
}

static NTSTATUS SetSid(struct sep_token *token, PSID sid, ULONG attributes, NTSTATUS missing, LONG *place)
{
    if (!RtlValidSid(sid))
        return STATUS_INVALID_SID;
    LONG at = FindSid(token, sid, attributes);
    if (at < -1)
        return missing;
    __atomic_store_n(place, at, __ATOMIC_RELAXED);
    return STATUS_SUCCESS;
}

static NTSTATUS Set(struct sep_token *token, TOKEN_INFORMATION_CLASS kind, PVOID buffer)
{
    switch (kind) {
    case TokenOwner:
        return SetSid(token, ((PTOKEN_OWNER)buffer)->Owner, SE_GROUP_OWNER, STATUS_INVALID_OWNER, &token->owner);
    case TokenPrimaryGroup:
        return SetSid(token, ((PTOKEN_PRIMARY_GROUP)buffer)->PrimaryGroup, 0, STATUS_INVALID_PRIMARY_GROUP, &token->group);
    default:
        return SepSetDefaultList(token, ((PTOKEN_DEFAULT_DACL)buffer)->DefaultDacl) ? STATUS_SUCCESS
                                                                                    : STATUS_INSUFFICIENT_RESOURCES;
    }
}

static NTSTATUS SetToken(HANDLE handle, TOKEN_INFORMATION_CLASS kind, PVOID buffer, ULONG length, KPROCESSOR_MODE mode)
{
    struct sep_token *token;
    if (kind != TokenOwner && kind != TokenPrimaryGroup && kind != TokenDefaultDacl)
        return STATUS_INVALID_INFO_CLASS;
    if (length < sizeof(PVOID)) /* each is a pointer */
        return STATUS_INFO_LENGTH_MISMATCH;
    NTSTATUS status = ObpReferenceHandle(handle, TOKEN_ADJUST_DEFAULT, se()->token_type, mode, (PVOID *)&token, NULL);
    if (!NT_SUCCESS(status))
        return status;
    KeEnterCriticalRegion();
    ExAcquireResourceExclusiveLite(&token->lock, TRUE);
    status = Set(token, kind, buffer);
    if (NT_SUCCESS(status))
        SepTouch(token, SepNewLuid());
    ExReleaseResourceLite(&token->lock);
    KeLeaveCriticalRegion();
    ObpDereference(token);
    return status;
}

NTSTATUS NtSetInformationToken(HANDLE TokenHandle, TOKEN_INFORMATION_CLASS TokenInformationClass, PVOID TokenInformation,
                               ULONG TokenInformationLength)
{
    API_ENTER(NtSetInformationToken, TokenHandle, SCHED_WRITE);
    return SetToken(TokenHandle, TokenInformationClass, TokenInformation, TokenInformationLength,
                    KiCurrentThread()->previous_mode);
}

NTSTATUS ZwSetInformationToken(HANDLE TokenHandle, TOKEN_INFORMATION_CLASS TokenInformationClass, PVOID TokenInformation,
                               ULONG TokenInformationLength)
{
    API_ENTER(ZwSetInformationToken, TokenHandle, SCHED_WRITE);
    return SetToken(TokenHandle, TokenInformationClass, TokenInformation, TokenInformationLength, KernelMode);
}
