#include "ps/psp.h"

#include "ob/object.h"
#include "verify/api.h"
#include "verify/verify.h"

static NTSTATUS ProcessOf(HANDLE handle, PEPROCESS *process)
{
    if (handle)
        return ObpReferenceHandle(handle, 0, PspProcessType, KernelMode, (PVOID *)process, NULL);
    *process = psp->system;
    ObpReference(*process);
    return STATUS_SUCCESS;
}

NTSTATUS PsCreateSystemThread(PHANDLE ThreadHandle, ULONG DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes,
                              HANDLE ProcessHandle, PCLIENT_ID ClientId, PKSTART_ROUTINE StartRoutine,
                              PVOID StartContext)
{
    PEPROCESS process;
    PKTHREAD thread;

    API_ENTER(PsCreateSystemThread, NULL, SCHED_WRITE);
    *ThreadHandle = NULL;
    NTSTATUS status = ProcessOf(ProcessHandle, &process);
    if (!NT_SUCCESS(status))
        return status;
    status = PspCreateThread(&(struct psp_new_thread){.process = process,
                                                      .system = true,
                                                      .inherits = true,
                                                      .start = StartRoutine,
                                                      .context = StartContext},
                             &thread);
    ObpDereference(process);
    if (!NT_SUCCESS(status))
        return status;
    if (ClientId)
        *ClientId = (CLIENT_ID){.UniqueProcess = thread->home->id, .UniqueThread = thread->id};
    status = ObpCreateHandle(thread, THREAD_ALL_ACCESS, ObjectAttributes ? ObjectAttributes->Attributes : 0,
                             VERIFY_CALLER, ThreadHandle);
    ObpDereference(thread);
    return status;
}
