/* What can be asked about processes and threads. */
#include "ps/psp.h"

#include "ex/lock.h"
#include "verify/api.h"
#include "verify/verify.h"

PEPROCESS PsGetCurrentProcess(VOID) { return KiCurrentProcess(); }

PEPROCESS IoGetCurrentProcess(VOID) { return KiCurrentProcess(); }

PETHREAD PsGetCurrentThread(VOID) { return KiCurrentThread(); }

HANDLE PsGetCurrentProcessId(VOID) { return KiCurrentThread()->process->id; }

HANDLE PsGetCurrentThreadId(VOID) { return KiCurrentThread()->id; }

HANDLE PsGetProcessId(PEPROCESS Process) { return Process->id; }

HANDLE PsGetThreadId(PETHREAD Thread) { return Thread->id; }

HANDLE PsGetThreadProcessId(PETHREAD Thread) { return Thread->process->id; }

PEPROCESS PsGetThreadProcess(PETHREAD Thread) { return Thread->process; }

PEPROCESS IoThreadToProcess(PETHREAD Thread) { return Thread->process; }

NTSTATUS PsGetProcessExitStatus(PEPROCESS Process) { return Process->exit_status; }

NTSTATUS PsGetThreadExitStatus(PETHREAD Thread)
{
    return Thread->terminated ? Thread->exit_status : STATUS_PENDING;
}

LONGLONG PsGetProcessCreateTimeQuadPart(PEPROCESS Process) { return Process->create_time; }

LONGLONG PsGetThreadCreateTime(PETHREAD Thread) { return Thread->create_time; }

/* Unique for as long as the machine runs, other than the id. */
ULONGLONG PsGetProcessStartKey(PEPROCESS Process)
{
    return (ULONGLONG)HandleToULong(Process->id) << 32 | ((ULONGLONG)Process->create_time / 10000 & 0xffffffff);
}

UCHAR *PsGetProcessImageFileName(PEPROCESS Process) { return (UCHAR *)Process->image_name; }

HANDLE PsGetProcessInheritedFromUniqueProcessId(PEPROCESS Process) { return Process->parent_id; }

ULONG PsGetProcessSessionId(PEPROCESS Process) { return Process->session_id; }

PEJOB PsGetProcessJob(PEPROCESS Process) { return NULL; }

BOOLEAN PsGetProcessExitProcessCalled(PEPROCESS Process) { return Process->exiting; }

PVOID PsGetProcessDebugPort(PEPROCESS Process) { return NULL; }

BOOLEAN PsIsProcessBeingDebugged(PEPROCESS Process) { return FALSE; }

BOOLEAN PsIsProtectedProcess(PEPROCESS Process) { return Process->system; }

BOOLEAN PsIsProtectedProcessLight(PEPROCESS Process) { return FALSE; }

BOOLEAN PsIsSystemProcess(PEPROCESS Process) { return Process->system; }

/* Who has it keeps the process's memory and handles from going, not its notify routines from running. */
NTSTATUS PsAcquireProcessExitSynchronization(PEPROCESS Process)
{
    API_ENTER(PsAcquireProcessExitSynchronization, Process, SCHED_ADD);
    return ExpAcquireRundown(&Process->exit_rundown) ? STATUS_SUCCESS : STATUS_PROCESS_IS_TERMINATING;
}

VOID PsReleaseProcessExitSynchronization(PEPROCESS Process)
{
    API_ENTER(PsReleaseProcessExitSynchronization, Process, SCHED_ADD);
    ExpReleaseRundown(&Process->exit_rundown, VERIFY_CALLER);
}

BOOLEAN PsIsSystemThread(PETHREAD Thread) { return Thread->system; }

BOOLEAN PsIsThreadTerminating(PETHREAD Thread) { return Thread->terminating; }

BOOLEAN PsIsThreadImpersonating(PETHREAD Thread) { return Thread->se != NULL; }

VOID PsSetThreadHardErrorsAreDisabled(PETHREAD Thread, BOOLEAN HardErrorsAreDisabled)
{
    ((PKTHREAD)Thread)->hard_errors_disabled = HardErrorsAreDisabled;
}

/* Windows 10, version 22H2: what the headers are of. */
BOOLEAN PsGetVersion(PULONG MajorVersion, PULONG MinorVersion, PULONG BuildNumber, PUNICODE_STRING CSDVersion)
{
    if (MajorVersion)
        *MajorVersion = 10;
    if (MinorVersion)
        *MinorVersion = 0;
    if (BuildNumber)
        *BuildNumber = 19045;
    if (CSDVersion)
        CSDVersion->Length = 0;
    return FALSE;
}
