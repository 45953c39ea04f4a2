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

static NTSTATUS GiveName(const UNICODE_STRING *path, struct answer *answer)
{
    UNICODE_STRING *name = answer->buffer;
    USHORT most = path->Length ? (USHORT)(path->Length + sizeof(WCHAR)) : 0;

    answer->returned = (ULONG)sizeof *name + most;
    if (answer->length < answer->returned)
        return STATUS_INFO_LENGTH_MISMATCH;
    if (!name)
        return STATUS_ACCESS_VIOLATION;
    *name = (UNICODE_STRING){path->Length, most, most ? (PWCH)(name + 1) : NULL};
    if (!most)
        return STATUS_SUCCESS;
    memcpy(name->Buffer, path->Buffer, path->Length);
    name->Buffer[name->Length / sizeof(WCHAR)] = 0;
    return STATUS_SUCCESS;
}

/* Of the file that is open, wherever the open was led; of none, what it was to be. */
static NTSTATUS GiveWin32Name(PEPROCESS process, struct answer *answer)
{
    UNICODE_STRING given = PspWin32Name(process);
    PFILE_OBJECT file = PspReferenceImage(process);
    POBJECT_NAME_INFORMATION info = NULL;

    NTSTATUS found = file ? IoQueryFileDosDeviceName(file, &info) : STATUS_NOT_FOUND;
    NTSTATUS status = GiveName(NT_SUCCESS(found) ? &info->Name : &given, answer);
    if (NT_SUCCESS(found))
        ExFreePool(info);
    if (file)
        ObpDereference(file);
    return status;
}

static NTSTATUS GiveImage(PEPROCESS process, PROCESSINFOCLASS what, struct answer *answer)
{
    if (process->system) /* it has none */
        return GiveName(&(UNICODE_STRING){0}, answer);
    return what == ProcessImageFileName ? GiveName(&process->image_path, answer) : GiveWin32Name(process, answer);
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
    ULONG_PTR wow64 = (ULONG_PTR)PsGetProcessWow64Process(process);

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
    case ProcessBreakOnTermination:
        number = __atomic_load_n(&process->critical, __ATOMIC_RELAXED);
        return Give(answer, &number, sizeof number);
    case ProcessImageFileName:
    case ProcessImageFileNameWin32:
        return GiveImage(process, what, answer);
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
