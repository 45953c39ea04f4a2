/* ZwTerminateProcess: a process is marked, its threads are asked to end, and the last one out ends it. */
#include "ps/psp.h"

#include "ob/object.h"
#include "verify/api.h"

#include <setjmp.h>

/* Is a thread of the process, in its place, or attached to it? Threads at their end do not count. Under the lock. */
static bool IsUsed(PEPROCESS process)
{
    unsigned members = 0;
    for (PLIST_ENTRY entry = psp->threads.Flink; entry != &psp->threads; entry = entry->Flink) {
        PKTHREAD thread = CONTAINING_RECORD(entry, struct _KTHREAD, all_link);
        if (thread->home == process)
            members++;
        else if (thread->process == process || thread->attached == process)
            return true;
    }
    return members > process->ending;
}

static bool IsListed(PEPROCESS process)
{
    for (PLIST_ENTRY entry = psp->processes.Flink; entry != &psp->processes; entry = entry->Flink)
        if (CONTAINING_RECORD(entry, struct _KPROCESS, link) == process)
            return true;
    return false;
}

/* Who played the process has no reference on it: it may have gone. */
void PspFinishTermination(PEPROCESS process)
{
    sched_lock(&psp->lock);
    bool last = IsListed(process) && process->terminated && !process->completing && !IsUsed(process) &&
                ObpReferenceSafe(process);
    sched_unlock(&psp->lock);
    if (!last)
        return;
    PspExitProcess(process, process->exit_status);
    ObpDereference(process);
}

void PspThreadLeavesProcess(PKTHREAD thread)
{
    PEPROCESS played = thread->process;
    sched_lock(&psp->lock);
    thread->home->ending++;
    thread->process = thread->home;
    sched_unlock(&psp->lock);
    PspFinishTermination(thread->home);
    if (played != thread->home)
        PspFinishTermination(played);
}

/* A member of the process that was not asked yet, referenced. */
static PKTHREAD NextMember(PEPROCESS process)
{
    PKTHREAD found = NULL, self = KiCurrentThread();
    sched_lock(&psp->lock);
    for (PLIST_ENTRY entry = process->threads.Flink; entry != &process->threads && !found; entry = entry->Flink) {
        PKTHREAD thread = CONTAINING_RECORD(entry, struct _KTHREAD, process_link);
        if (thread != self && !thread->terminating && ObpReferenceSafe(thread))
            found = thread;
    }
    sched_unlock(&psp->lock);
    return found;
}

static void AskThreads(PEPROCESS process, NTSTATUS status)
{
    PKTHREAD thread;
    while ((thread = NextMember(process))) {
        thread->exit_status = status;
        thread->terminating = true;
        KiAlertThread(thread, UserMode);
        ObpDereference(thread);
    }
}

/* The machine needs two of them. */
static NTSTATUS Mark(PEPROCESS process, NTSTATUS status)
{
    NTSTATUS answer = STATUS_SUCCESS;
    sched_lock(&psp->lock);
    if (process == psp->system || process == psp->test) {
        answer = STATUS_ACCESS_DENIED;
    } else if (process->exiting) {
        answer = STATUS_PROCESS_IS_TERMINATING;
    } else {
        process->exiting = process->terminated = true;
        process->exit_status = status;
    }
    sched_unlock(&psp->lock);
    return answer;
}

static NTSTATUS Terminate(HANDLE handle, CCHAR mode, NTSTATUS status)
{
    PKTHREAD self = KiCurrentThread();
    PEPROCESS process;
    NTSTATUS answer = ObpReferenceHandle(handle ? handle : NtCurrentProcess(), PROCESS_TERMINATE, PspProcessType, mode,
                                         (PVOID *)&process, NULL);

    if (!NT_SUCCESS(answer))
        return answer;
    if (handle)
        answer = Mark(process, status);
    if (NT_SUCCESS(answer) && process != psp->system && process != psp->test)
        AskThreads(process, status);
    bool ends = handle && NT_SUCCESS(answer) && self->home == process && self->exit_jump;
    if (NT_SUCCESS(answer) && !ends)
        PspFinishTermination(process);
    ObpDereference(process);
    if (!ends)
        return answer;
    self->exit_status = status;
    _longjmp(*(jmp_buf *)self->exit_jump, 1);
}

NTSTATUS ZwTerminateProcess(HANDLE ProcessHandle, NTSTATUS ExitStatus)
{
    API_ENTER(ZwTerminateProcess, NULL, SCHED_WRITE);
    return Terminate(ProcessHandle, KernelMode, ExitStatus);
}

NTSTATUS NtTerminateProcess(HANDLE ProcessHandle, NTSTATUS ExitStatus)
{
    API_ENTER(NtTerminateProcess, NULL, SCHED_WRITE);
    return Terminate(ProcessHandle, KeGetPreviousMode(), ExitStatus);
}
