/* ZwSetInformationThread, ZwSetInformationProcess. */
#include "ps/psp.h"

#include "ob/object.h"
#include "verify/api.h"

#include <string.h>

union value {
    LONG number;
    ULONG bits;
    KAFFINITY affinity;
    HANDLE handle;
    PROCESS_ACCESS_TOKEN token;
};

struct class {
    int what;
    ULONG length;
    NTSTATUS (*set)(PVOID object, const union value *value, CCHAR mode);
};

/* ---- threads ----------------------------------------------------------------------------------------------------------- */

enum { LOWEST_STEP = -2, HIGHEST_STEP = 2, SATURATED = 15, HIGHEST_PAGE_PRIORITY = 5 };

static NTSTATUS SetPriority(PVOID thread, const union value *value, CCHAR mode)
{
    if (value->number <= LOW_PRIORITY || value->number > HIGH_PRIORITY)
        return STATUS_INVALID_PARAMETER;
    KeSetPriorityThread(thread, value->number);
    return STATUS_SUCCESS;
}

static NTSTATUS SetBasePriority(PVOID thread, const union value *value, CCHAR mode)
{
    bool saturated = value->number == SATURATED || value->number == -SATURATED;
    if (!saturated && (value->number < LOWEST_STEP || value->number > HIGHEST_STEP))
        return STATUS_INVALID_PARAMETER;
    if (saturated)
        KeSetPriorityThread(thread, value->number > 0 ? LOW_REALTIME_PRIORITY - 1 : LOW_PRIORITY + 1);
    else
        KeSetBasePriorityThread(thread, value->number);
    return STATUS_SUCCESS;
}

static NTSTATUS SetAffinity(PVOID object, const union value *value, CCHAR mode)
{
    PKTHREAD thread = object;
    if (!value->affinity || value->affinity & ~KeQueryActiveProcessors())
        return STATUS_INVALID_PARAMETER;
    __atomic_store_n(&thread->affinity, value->affinity, __ATOMIC_RELAXED);
    if (!(value->affinity >> thread->processor & 1))
        thread->processor = (UCHAR)__builtin_ctzll(value->affinity);
    return STATUS_SUCCESS;
}

static NTSTATUS SetPagePriority(PVOID thread, const union value *value, CCHAR mode)
{
    if (value->bits > HIGHEST_PAGE_PRIORITY)
        return STATUS_INVALID_PARAMETER;
    ((PKTHREAD)thread)->page_priority = (UCHAR)(value->bits + 1);
    return STATUS_SUCCESS;
}

static NTSTATUS SetIoPriority(PVOID thread, const union value *value, CCHAR mode)
{
    IO_PRIORITY_INFO info = {.Size = sizeof info, .ThreadPriority = 0xffff, .IoPriority = (IO_PRIORITY_HINT)value->bits};
    NTSTATUS status = IoApplyPriorityInfoThread(&info, NULL, thread);
    return NT_SUCCESS(status) ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER;
}

static NTSTATUS SetImpersonation(PVOID thread, const union value *value, CCHAR mode)
{
    PACCESS_TOKEN token;

    if (!value->handle)
        return PsImpersonateClient(thread, NULL, FALSE, FALSE, SecurityAnonymous);
    NTSTATUS status = ObReferenceObjectByHandle(value->handle, TOKEN_IMPERSONATE, *SeTokenObjectType, mode, &token, NULL);
    if (!NT_SUCCESS(status))
        return status;
    if (SeTokenType(token) == TokenImpersonation)
        status = PsImpersonateClient(thread, token, TRUE, FALSE, SeTokenImpersonationLevel(token));
    else
        status = STATUS_BAD_TOKEN_TYPE;
    ObDereferenceObject(token);
    return status;
}

static NTSTATUS HideFromDebugger(PVOID thread, const union value *value, CCHAR mode)
{
    __atomic_store_n(&((PKTHREAD)thread)->hidden, true, __ATOMIC_RELAXED);
    return STATUS_SUCCESS;
}

static const struct class thread_classes[] = {
    {ThreadPriority, sizeof(KPRIORITY), SetPriority},
    {ThreadBasePriority, sizeof(LONG), SetBasePriority},
    {ThreadAffinityMask, sizeof(KAFFINITY), SetAffinity},
    {ThreadImpersonationToken, sizeof(HANDLE), SetImpersonation},
    {ThreadHideFromDebugger, 0, HideFromDebugger},
    {ThreadIoPriority, sizeof(ULONG), SetIoPriority},
    {ThreadPagePriority, sizeof(ULONG), SetPagePriority},
    {-1, 0, NULL},
};

/* ---- processes --------------------------------------------------------------------------------------------------------- */

static NTSTATUS SetToken(PVOID object, const union value *value, CCHAR mode)
{
    PEPROCESS process = object;
    PACCESS_TOKEN token, before = NULL;
    NTSTATUS status = ObReferenceObjectByHandle(value->token.Token, TOKEN_ASSIGN_PRIMARY, *SeTokenObjectType, mode, &token, NULL);

    if (!NT_SUCCESS(status))
        return status;
    if (SeTokenType(token) != TokenPrimary)
        status = STATUS_BAD_TOKEN_TYPE;
    sched_lock(&psp->lock);
    if (NT_SUCCESS(status) && (process->had_thread || process->system))
        status = STATUS_NOT_SUPPORTED;
    if (NT_SUCCESS(status)) {
        before = __atomic_exchange_n(&process->token, token, __ATOMIC_ACQ_REL);
        token = NULL;
    }
    sched_unlock(&psp->lock);
    if (before)
        ObDereferenceObject(before);
    if (token)
        ObDereferenceObject(token);
    return status;
}

static NTSTATUS SetBreakOnTermination(PVOID process, const union value *value, CCHAR mode)
{
    LUID debug = RtlConvertUlongToLuid(SE_DEBUG_PRIVILEGE);
    if (!SeSinglePrivilegeCheck(debug, mode))
        return STATUS_PRIVILEGE_NOT_HELD;
    __atomic_store_n(&((PEPROCESS)process)->critical, value->bits != 0, __ATOMIC_RELAXED);
    return STATUS_SUCCESS;
}

static const struct class process_classes[] = {
    {ProcessAccessToken, sizeof(PROCESS_ACCESS_TOKEN), SetToken},
    {ProcessBreakOnTermination, sizeof(ULONG), SetBreakOnTermination},
    {-1, 0, NULL},
};

/* ---- the services ------------------------------------------------------------------------------------------------------ */

static NTSTATUS Set(const struct class *class, HANDLE handle, ACCESS_MASK access, POBJECT_TYPE type, int what, PVOID from,
                    ULONG length, CCHAR mode)
{
    union value value = {0};
    PVOID object;

    while (class->set && class->what != what)
        class++;
    if (!class->set)
        return STATUS_INVALID_INFO_CLASS;
    if (length != class->length)
        return STATUS_INFO_LENGTH_MISMATCH;
    if (length && !from)
        return STATUS_ACCESS_VIOLATION;
    if (length)
        memcpy(&value, from, length);
    NTSTATUS status = ObpReferenceHandle(handle, access, type, mode, &object, NULL);
    if (!NT_SUCCESS(status))
        return status;
    status = class->set(object, &value, mode);
    ObpDereference(object);
    return status;
}

NTSTATUS ZwSetInformationThread(HANDLE ThreadHandle, THREADINFOCLASS ThreadInformationClass, PVOID ThreadInformation,
                                ULONG ThreadInformationLength)
{
    API_ENTER(ZwSetInformationThread, NULL, SCHED_WRITE);
    return Set(thread_classes, ThreadHandle, THREAD_SET_INFORMATION, PspThreadType, (int)ThreadInformationClass,
               ThreadInformation, ThreadInformationLength, KernelMode);
}

NTSTATUS NtSetInformationThread(HANDLE ThreadHandle, THREADINFOCLASS ThreadInformationClass, PVOID ThreadInformation,
                                ULONG ThreadInformationLength)
{
    API_ENTER(NtSetInformationThread, NULL, SCHED_WRITE);
    return Set(thread_classes, ThreadHandle, THREAD_SET_INFORMATION, PspThreadType, (int)ThreadInformationClass,
               ThreadInformation, ThreadInformationLength, KeGetPreviousMode());
}

NTSTATUS ZwSetInformationProcess(HANDLE ProcessHandle, PROCESSINFOCLASS ProcessInformationClass, PVOID ProcessInformation,
                                 ULONG ProcessInformationLength)
{
    API_ENTER(ZwSetInformationProcess, NULL, SCHED_WRITE);
    return Set(process_classes, ProcessHandle, PROCESS_SET_INFORMATION, PspProcessType, (int)ProcessInformationClass,
               ProcessInformation, ProcessInformationLength, KernelMode);
}

NTSTATUS NtSetInformationProcess(HANDLE ProcessHandle, PROCESSINFOCLASS ProcessInformationClass, PVOID ProcessInformation,
                                 ULONG ProcessInformationLength)
{
    API_ENTER(NtSetInformationProcess, NULL, SCHED_WRITE);
    return Set(process_classes, ProcessHandle, PROCESS_SET_INFORMATION, PspProcessType, (int)ProcessInformationClass,
               ProcessInformation, ProcessInformationLength, KeGetPreviousMode());
}
