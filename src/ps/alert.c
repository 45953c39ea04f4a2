/* ZwAlertThread, ZwYieldExecution. */
#include "ps/psp.h"

#include "ke/kep.h"
#include "ob/object.h"
#include "verify/api.h"
#include "verify/verify.h"

static NTSTATUS Alert(HANDLE handle, CCHAR mode)
{
    PKTHREAD thread;
    NTSTATUS status = ObpReferenceHandle(handle, THREAD_ALERT, PspThreadType, mode, (PVOID *)&thread, NULL);

    if (!NT_SUCCESS(status))
        return status;
    KiAlertThread(thread, (KPROCESSOR_MODE)mode);
    ObpDereference(thread);
    return STATUS_SUCCESS;
}

NTSTATUS ZwAlertThread(HANDLE ThreadHandle)
{
    API_ENTER(ZwAlertThread, NULL, SCHED_WRITE);
    return Alert(ThreadHandle, KernelMode);
}

NTSTATUS NtAlertThread(HANDLE ThreadHandle)
{
    API_ENTER(NtAlertThread, NULL, SCHED_WRITE);
    return Alert(ThreadHandle, KeGetPreviousMode());
}

NTSTATUS ZwYieldExecution(VOID)
{
    API_IRQL(ZwYieldExecution);
    KiPoll(NULL, NULL, VERIFY_CALLER);
    return STATUS_SUCCESS;
}

NTSTATUS NtYieldExecution(VOID)
{
    API_IRQL(NtYieldExecution);
    KiPoll(NULL, NULL, VERIFY_CALLER);
    return STATUS_SUCCESS;
}
