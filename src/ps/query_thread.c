/* ZwQueryInformationThread. */
#include "ps/psp.h"

#include "ob/object.h"
#include "verify/api.h"

#include <string.h>

union answer {
    THREAD_BASIC_INFORMATION basic;
    ULONG number;
    PVOID address;
    BOOLEAN truth;
};

static void Describe(PKTHREAD thread, THREAD_BASIC_INFORMATION *info)
{
    KAFFINITY affinity = __atomic_load_n(&thread->affinity, __ATOMIC_RELAXED);
    *info = (THREAD_BASIC_INFORMATION){
        .ExitStatus = PsGetThreadExitStatus(thread),
        .ClientId = {.UniqueProcess = thread->home->id, .UniqueThread = thread->id},
        .TebBaseAddress = PsGetThreadTeb(thread),
        .AffinityMask = affinity ? affinity : KeQueryActiveProcessors(),
        .Priority = thread->priority,
        .BasePriority = thread->priority,
    };
}

static bool IsLastThread(PKTHREAD thread)
{
    PLIST_ENTRY threads = &thread->home->threads;
    sched_lock(&psp->lock);
    bool last = threads->Flink == &thread->process_link && threads->Blink == &thread->process_link;
    sched_unlock(&psp->lock);
    return last;
}

enum { NORMAL_PAGE_PRIORITY = 5 };

static ULONG IoPriority(PKTHREAD thread)
{
    IO_PRIORITY_INFO info = {.Size = sizeof info};
    IoRetrievePriorityInfo(NULL, NULL, thread, &info);
    return info.IoPriority;
}

/* How long the answer is; 0: there is no such class. */
static ULONG Answer(PKTHREAD thread, THREADINFOCLASS what, union answer *answer)
{
    switch ((int)what) {
    case ThreadBasicInformation:
        Describe(thread, &answer->basic);
        return sizeof answer->basic;
    case ThreadAmILastThread:
        answer->number = IsLastThread(thread);
        return sizeof answer->number;
    case ThreadIsTerminated:
        answer->number = thread->terminated;
        return sizeof answer->number;
    case ThreadQuerySetWin32StartAddress:
        answer->address = (PVOID)(ULONG_PTR)thread->start_routine;
        return sizeof answer->address;
    case ThreadHideFromDebugger:
        answer->truth = __atomic_load_n(&thread->hidden, __ATOMIC_RELAXED);
        return sizeof answer->truth;
    case ThreadIoPriority:
        answer->number = IoPriority(thread);
        return sizeof answer->number;
    case ThreadPagePriority:
        answer->number = thread->page_priority ? thread->page_priority - 1 : NORMAL_PAGE_PRIORITY;
        return sizeof answer->number;
    default:
        return 0;
    }
}

static NTSTATUS Query(HANDLE handle, CCHAR mode, THREADINFOCLASS what, PVOID buffer, ULONG length, PULONG returned)
{
    union answer answer = {0};
    PKTHREAD thread;
    NTSTATUS status = ObpReferenceHandle(handle, THREAD_QUERY_INFORMATION, PspThreadType, mode, (PVOID *)&thread, NULL);

    if (!NT_SUCCESS(status))
        return status;
    ULONG size = Answer(thread, what, &answer);
    ObpDereference(thread);
    if (!size)
        return STATUS_INVALID_INFO_CLASS;
    if (returned)
        *returned = size;
    if (length != size)
        return STATUS_INFO_LENGTH_MISMATCH;
    memcpy(buffer, &answer, size);
    return STATUS_SUCCESS;
}

NTSTATUS ZwQueryInformationThread(HANDLE ThreadHandle, THREADINFOCLASS ThreadInformationClass, PVOID ThreadInformation,
                                  ULONG ThreadInformationLength, PULONG ReturnLength)
{
    API_ENTER(ZwQueryInformationThread, NULL, SCHED_READ);
    return Query(ThreadHandle, KernelMode, ThreadInformationClass, ThreadInformation, ThreadInformationLength,
                 ReturnLength);
}

NTSTATUS NtQueryInformationThread(HANDLE ThreadHandle, THREADINFOCLASS ThreadInformationClass, PVOID ThreadInformation,
                                  ULONG ThreadInformationLength, PULONG ReturnLength)
{
    API_ENTER(NtQueryInformationThread, NULL, SCHED_READ);
    return Query(ThreadHandle, KeGetPreviousMode(), ThreadInformationClass, ThreadInformation, ThreadInformationLength,
                 ReturnLength);
}
