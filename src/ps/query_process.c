/* ZwQueryInformationProcess. Virtual time does not pass while code runs, so nobody ever used processor time. */
#include "ps/psp.h"

#include "ob/object.h"
#include "ob/state.h"
#include "ps/quota.h"
#include "verify/api.h"

#include <string.h>

struct answer {
    PVOID buffer;
    ULONG length, returned;
};

static NTSTATUS Give(struct answer *answer, const void *value, ULONG size)
{
    answer->returned = size;
    if (answer->length != size)
        return STATUS_INFO_LENGTH_MISMATCH;
    if (!answer->buffer)
        return STATUS_ACCESS_VIOLATION;
    memcpy(answer->buffer, value, size);
    return STATUS_SUCCESS;
}

static NTSTATUS GiveBasic(PEPROCESS process, struct answer *answer)
{
    PROCESS_BASIC_INFORMATION info = {
        .ExitStatus = process->exit_status,
        .PebBaseAddress = PsGetProcessPeb(process),
        .AffinityMask = KeQueryActiveProcessors(),
        .BasePriority = 8,
        .UniqueProcessId = (ULONG_PTR)process->id,
        .InheritedFromUniqueProcessId = (ULONG_PTR)process->parent_id,
    };
    return Give(answer, &info, sizeof info);
}

static NTSTATUS GiveTimes(PEPROCESS process, struct answer *answer)
{
    KERNEL_USER_TIMES times = {.CreateTime.QuadPart = process->create_time, .ExitTime.QuadPart = process->exit_time};
    return Give(answer, &times, sizeof times);
}

/* The path without its first `skip` characters, behind "C:" where there is a drive. The System process has no image. */
static NTSTATUS GiveName(PEPROCESS process, WCHAR drive, USHORT skip, struct answer *answer)
{
    const UNICODE_STRING *path = &process->image_path;
    USHORT rest = process->system ? 0 : (USHORT)(path->Length - skip * sizeof(WCHAR));
    USHORT before = drive ? 2 * sizeof(WCHAR) : 0;
    UNICODE_STRING *name = answer->buffer;

    USHORT most = rest ? (USHORT)(before + rest + sizeof(WCHAR)) : 0;
    answer->returned = (ULONG)sizeof *name + most;
    if (answer->length < answer->returned)
        return STATUS_INFO_LENGTH_MISMATCH;
    if (!name)
        return STATUS_ACCESS_VIOLATION;
    *name = (UNICODE_STRING){.MaximumLength = most};
    if (!rest)
        return STATUS_SUCCESS;
    name->Length = (USHORT)(most - sizeof(WCHAR));
    name->Buffer = (PWCH)(name + 1);
    if (drive) {
        name->Buffer[0] = drive;
        name->Buffer[1] = ':';
    }
    memcpy((char *)name->Buffer + before, path->Buffer + skip, rest);
    name->Buffer[name->Length / sizeof(WCHAR)] = 0;
    return STATUS_SUCCESS;
}

static NTSTATUS GiveQuotaLimits(PEPROCESS process, struct answer *answer)
{
    struct ps_quota *quota = process->quota;
    QUOTA_LIMITS info = {
        .PagedPoolLimit = __atomic_load_n(&quota->pools[PS_PAGED].limit, __ATOMIC_RELAXED),
        .NonPagedPoolLimit = __atomic_load_n(&quota->pools[PS_NONPAGED].limit, __ATOMIC_RELAXED),
        .MinimumWorkingSetSize = 50 * PAGE_SIZE,
        .MaximumWorkingSetSize = 345 * PAGE_SIZE,
        .PagefileLimit = (SIZE_T)-1,
        .TimeLimit.QuadPart = -1,
    };
    return Give(answer, &info, sizeof info);
}

/* Of virtual memory nobody keeps count. */
static NTSTATUS GiveVmCounters(PEPROCESS process, struct answer *answer)
{
    struct ps_quota *quota = process->quota;
    VM_COUNTERS info = {
        .QuotaPeakPagedPoolUsage = __atomic_load_n(&quota->pools[PS_PAGED].peak, __ATOMIC_RELAXED),
        .QuotaPagedPoolUsage = __atomic_load_n(&quota->pools[PS_PAGED].used, __ATOMIC_RELAXED),
        .QuotaPeakNonPagedPoolUsage = __atomic_load_n(&quota->pools[PS_NONPAGED].peak, __ATOMIC_RELAXED),
        .QuotaNonPagedPoolUsage = __atomic_load_n(&quota->pools[PS_NONPAGED].used, __ATOMIC_RELAXED),
    };
    return Give(answer, &info, sizeof info);
}

static NTSTATUS Answer(PEPROCESS process, PROCESSINFOCLASS what, struct answer *answer)
{
    ULONG number;
    ULONG_PTR wow64 = 0;

    switch ((int)what) {
    case ProcessBasicInformation:
        return GiveBasic(process, answer);
    case ProcessQuotaLimits:
        return GiveQuotaLimits(process, answer);
    case ProcessVmCounters:
        return GiveVmCounters(process, answer);
    case ProcessTimes:
        return GiveTimes(process, answer);
    case ProcessHandleCount:
        number = ObpTableCount(process->ObjectTable);
        return Give(answer, &number, sizeof number);
    case ProcessSessionInformation:
        return Give(answer, &process->session_id, sizeof(PROCESS_SESSION_INFORMATION));
    case ProcessWow64Information:
        return Give(answer, &wow64, sizeof wow64);
    case ProcessImageFileName:
        return GiveName(process, 0, 0, answer);
    case ProcessImageFileNameWin32:
        return GiveName(process, process->drive, process->drive_length, answer);
    default:
        return STATUS_INVALID_INFO_CLASS;
    }
}

/* The right to all information has the limited one in it. */
static NTSTATUS ReferenceProcess(HANDLE handle, CCHAR mode, PEPROCESS *process)
{
    NTSTATUS status = ObpReferenceHandle(handle, PROCESS_QUERY_LIMITED_INFORMATION, PspProcessType, mode,
                                         (PVOID *)process, NULL);
    if (status == STATUS_ACCESS_DENIED)
        status = ObpReferenceHandle(handle, PROCESS_QUERY_INFORMATION, PspProcessType, mode, (PVOID *)process, NULL);
    return status;
}

static NTSTATUS Query(HANDLE handle, CCHAR mode, PROCESSINFOCLASS what, PVOID buffer, ULONG length, PULONG returned)
{
    struct answer answer = {buffer, length, 0};
    PEPROCESS process;
    NTSTATUS status = ReferenceProcess(handle, mode, &process);

    if (!NT_SUCCESS(status))
        return status;
    status = Answer(process, what, &answer);
    ObpDereference(process);
    if (returned && status != STATUS_INVALID_INFO_CLASS)
        *returned = answer.returned;
    return status;
}

NTSTATUS ZwQueryInformationProcess(HANDLE ProcessHandle, PROCESSINFOCLASS ProcessInformationClass,
                                   PVOID ProcessInformation, ULONG ProcessInformationLength, PULONG ReturnLength)
{
    API_ENTER(ZwQueryInformationProcess, NULL, SCHED_READ);
    return Query(ProcessHandle, KernelMode, ProcessInformationClass, ProcessInformation, ProcessInformationLength,
                 ReturnLength);
}

NTSTATUS NtQueryInformationProcess(HANDLE ProcessHandle, PROCESSINFOCLASS ProcessInformationClass,
                                   PVOID ProcessInformation, ULONG ProcessInformationLength, PULONG ReturnLength)
{
    API_ENTER(NtQueryInformationProcess, NULL, SCHED_READ);
    return Query(ProcessHandle, KeGetPreviousMode(), ProcessInformationClass, ProcessInformation,
                 ProcessInformationLength, ReturnLength);
}
