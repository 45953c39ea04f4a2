/* Tokens by handle. */
#include "sep.h"

#include "fault/fault.h"
#include "ps/process.h"

static NTSTATUS OpenToken(struct sep_token *token, ACCESS_MASK access, ULONG attributes, const void *site,
                          PHANDLE handle)
{
    if (fault_allocation())
        return STATUS_INSUFFICIENT_RESOURCES;
    RtlMapGenericMask(&access, &se()->token_type->info.mapping);
    if (access & MAXIMUM_ALLOWED)
        access = TOKEN_ALL_ACCESS;
    return ObpCreateHandle(token, access, attributes, site, handle);
}

static NTSTATUS OpenProcessToken(HANDLE process_handle, ACCESS_MASK access, ULONG attributes, PHANDLE handle,
                                 KPROCESSOR_MODE mode, const void *site)
{
    PEPROCESS process;
    NTSTATUS status = ObpReferenceHandle(process_handle, PROCESS_QUERY_LIMITED_INFORMATION, *PsProcessType, mode,
                                         (PVOID *)&process, NULL);
    if (status == STATUS_ACCESS_DENIED)
        status = ObpReferenceHandle(process_handle, PROCESS_QUERY_INFORMATION, *PsProcessType, mode, (PVOID *)&process, NULL);
    if (!NT_SUCCESS(status))
        return status;
    status = OpenToken(SepPrimaryToken(process), access, attributes, site, handle);
    ObpDereference(process);
    return status;
}

static NTSTATUS OpenThreadToken(HANDLE thread_handle, ACCESS_MASK access, ULONG attributes, PHANDLE handle,
                                KPROCESSOR_MODE mode, const void *site)
{
    PKTHREAD thread;
    NTSTATUS status =
        ObpReferenceHandle(thread_handle, THREAD_QUERY_INFORMATION, *PsThreadType, mode, (PVOID *)&thread, NULL);
    if (!NT_SUCCESS(status))
        return status;
    struct sep_impersonation *impersonation = thread->se;
    if (!impersonation)
        status = STATUS_NO_TOKEN;
    else if (impersonation->level == SecurityAnonymous)
        status = STATUS_CANT_OPEN_ANONYMOUS;
    else
        status = OpenToken(impersonation->token, access, attributes, site, handle);
    ObpDereference(thread);
    return status;
}

#define KERNEL_CALL(call)                                                                                              \
    const void *site = VERIFY_CALLER;                                                                                  \
    return call

NTSTATUS NtOpenProcessTokenEx(HANDLE ProcessHandle, ACCESS_MASK DesiredAccess, ULONG HandleAttributes,
                              PHANDLE TokenHandle)
{
    KERNEL_CALL(OpenProcessToken(ProcessHandle, DesiredAccess, HandleAttributes, TokenHandle,
                                 KiCurrentThread()->previous_mode, site));
}

NTSTATUS ZwOpenProcessTokenEx(HANDLE ProcessHandle, ACCESS_MASK DesiredAccess, ULONG HandleAttributes,
                              PHANDLE TokenHandle)
{
    API_ENTER(ZwOpenProcessTokenEx, ProcessHandle, SCHED_READ);
    KERNEL_CALL(OpenProcessToken(ProcessHandle, DesiredAccess, HandleAttributes, TokenHandle, KernelMode, site));
}

NTSTATUS NtOpenProcessToken(HANDLE ProcessHandle, ACCESS_MASK DesiredAccess, PHANDLE TokenHandle)
{
    KERNEL_CALL(OpenProcessToken(ProcessHandle, DesiredAccess, 0, TokenHandle, KiCurrentThread()->previous_mode, site));
}

NTSTATUS ZwOpenProcessToken(HANDLE ProcessHandle, ACCESS_MASK DesiredAccess, PHANDLE TokenHandle)
{
    KERNEL_CALL(OpenProcessToken(ProcessHandle, DesiredAccess, 0, TokenHandle, KernelMode, site));
}

NTSTATUS NtOpenThreadTokenEx(HANDLE ThreadHandle, ACCESS_MASK DesiredAccess, BOOLEAN OpenAsSelf,
                             ULONG HandleAttributes, PHANDLE TokenHandle)
{
    KERNEL_CALL(OpenThreadToken(ThreadHandle, DesiredAccess, HandleAttributes, TokenHandle,
                                KiCurrentThread()->previous_mode, site));
}

NTSTATUS ZwOpenThreadTokenEx(HANDLE ThreadHandle, ACCESS_MASK DesiredAccess, BOOLEAN OpenAsSelf,
                             ULONG HandleAttributes, PHANDLE TokenHandle)
{
    API_ENTER(ZwOpenThreadTokenEx, ThreadHandle, SCHED_READ);
    KERNEL_CALL(OpenThreadToken(ThreadHandle, DesiredAccess, HandleAttributes, TokenHandle, KernelMode, site));
}

NTSTATUS NtOpenThreadToken(HANDLE ThreadHandle, ACCESS_MASK DesiredAccess, BOOLEAN OpenAsSelf, PHANDLE TokenHandle)
{
    KERNEL_CALL(OpenThreadToken(ThreadHandle, DesiredAccess, 0, TokenHandle, KiCurrentThread()->previous_mode, site));
}

NTSTATUS ZwOpenThreadToken(HANDLE ThreadHandle, ACCESS_MASK DesiredAccess, BOOLEAN OpenAsSelf, PHANDLE TokenHandle)
{
    KERNEL_CALL(OpenThreadToken(ThreadHandle, DesiredAccess, 0, TokenHandle, KernelMode, site));
}

static NTSTATUS QueryToken(HANDLE handle, TOKEN_INFORMATION_CLASS kind, PVOID buffer, ULONG length, PULONG needed,
                           KPROCESSOR_MODE mode)
{
    struct sep_token *token;
    ACCESS_MASK access = kind == TokenSource ? TOKEN_QUERY_SOURCE : TOKEN_QUERY;
    NTSTATUS status = ObpReferenceHandle(handle, access, se()->token_type, mode, (PVOID *)&token, NULL);
    if (!NT_SUCCESS(status))
        return status;
    status = SepQueryToken(token, kind, buffer, length, needed);
    ObpDereference(token);
    return status;
}

NTSTATUS NtQueryInformationToken(HANDLE TokenHandle, TOKEN_INFORMATION_CLASS TokenInformationClass,
                                 PVOID TokenInformation, ULONG TokenInformationLength, PULONG ReturnLength)
{
    return QueryToken(TokenHandle, TokenInformationClass, TokenInformation, TokenInformationLength, ReturnLength,
                      KiCurrentThread()->previous_mode);
}

NTSTATUS ZwQueryInformationToken(HANDLE TokenHandle, TOKEN_INFORMATION_CLASS TokenInformationClass,
                                 PVOID TokenInformation, ULONG TokenInformationLength, PULONG ReturnLength)
{
    API_ENTER(ZwQueryInformationToken, TokenHandle, SCHED_READ);
    return QueryToken(TokenHandle, TokenInformationClass, TokenInformation, TokenInformationLength, ReturnLength,
                      KernelMode);
}

/* The impersonation level of the copy. */
static NTSTATUS LevelOfCopy(const struct sep_token *token, TOKEN_TYPE type, const SECURITY_QUALITY_OF_SERVICE *qos,
                            SECURITY_IMPERSONATION_LEVEL *level)
{
    bool client = token->type == TokenImpersonation;
    *level = qos ? qos->ImpersonationLevel : client ? token->level : SecurityImpersonation;
    if ((type != TokenPrimary && type != TokenImpersonation) || (ULONG)*level > SecurityDelegation)
        return STATUS_INVALID_PARAMETER;
    if (client && (*level > token->level || (type == TokenPrimary && *level < SecurityImpersonation)))
        return STATUS_BAD_IMPERSONATION_LEVEL;
    if (type == TokenPrimary)
        *level = SecurityAnonymous;
    return STATUS_SUCCESS;
}

/* Only what counts now is left. */
static void LeaveOutDisabled(struct sep_token *token)
{
    ULONG left = 0;
    LONG owner = token->owner, group = token->group;
    token->owner = token->group = -1;
    for (ULONG i = 0; i < token->group_count; i++) {
        if (!(token->group_attributes[i] & (SE_GROUP_ENABLED | SE_GROUP_USE_FOR_DENY_ONLY)))
            continue;
        if ((LONG)i == owner)
            token->owner = (LONG)left;
        if ((LONG)i == group)
            token->group = (LONG)left;
        token->groups[left] = token->groups[i];
        token->group_attributes[left++] = token->group_attributes[i];
    }
    token->group_count = left;
    token->privileges &= token->enabled;
}

static NTSTATUS DuplicateToken(HANDLE existing, ACCESS_MASK access, POBJECT_ATTRIBUTES attributes, BOOLEAN effective,
                               TOKEN_TYPE type, PHANDLE handle, KPROCESSOR_MODE mode, const void *site)
{
    struct sep_token *token;
    ACCESS_MASK granted;
    NTSTATUS status =
        ObpReferenceHandle(existing, TOKEN_DUPLICATE, se()->token_type, mode, (PVOID *)&token, &granted);
    if (!NT_SUCCESS(status))
        return status;
    SECURITY_IMPERSONATION_LEVEL level;
    status = LevelOfCopy(token, type, attributes ? attributes->SecurityQualityOfService : NULL, &level);
    if (!NT_SUCCESS(status)) {
        ObpDereference(token);
        return status;
    }
    struct sep_token *copy = SepCreateToken(type, token);
    copy->level = level;
    if (effective)
        LeaveOutDisabled(copy);
    status = OpenToken(copy, access ? access : granted, attributes ? attributes->Attributes : 0, site, handle);
    ObpDereference(copy);
    ObpDereference(token);
    return status;
}

NTSTATUS NtDuplicateToken(HANDLE ExistingTokenHandle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes,
                          BOOLEAN EffectiveOnly, TOKEN_TYPE TokenType, PHANDLE NewTokenHandle)
{
    KERNEL_CALL(DuplicateToken(ExistingTokenHandle, DesiredAccess, ObjectAttributes, EffectiveOnly, TokenType, NewTokenHandle,
                               KiCurrentThread()->previous_mode, site));
}

NTSTATUS ZwDuplicateToken(HANDLE ExistingTokenHandle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes,
                          BOOLEAN EffectiveOnly, TOKEN_TYPE TokenType, PHANDLE NewTokenHandle)
{
    API_ENTER(ZwDuplicateToken, ExistingTokenHandle, SCHED_READ);
    KERNEL_CALL(DuplicateToken(ExistingTokenHandle, DesiredAccess, ObjectAttributes, EffectiveOnly, TokenType, NewTokenHandle,
                               KernelMode, site));
}
