/* Attaching to another process: its handles are current then. ApcState remembers who was before. */
#include "ke/kep.h"

#include "verify/api.h"

VOID KeStackAttachProcess(PRKPROCESS Process, PRKAPC_STATE ApcState)
{
    API_IRQL(KeStackAttachProcess);
    PKTHREAD thread = KiCurrentThread();
    RtlZeroMemory(ApcState, sizeof *ApcState);
    ApcState->Process = thread->attached;
    thread->attached = Process;
}

VOID KeUnstackDetachProcess(PRKAPC_STATE ApcState)
{
    API_IRQL(KeUnstackDetachProcess);
    KiCurrentThread()->attached = ApcState->Process;
}

VOID KeAttachProcess(PRKPROCESS Process) { KiCurrentThread()->attached = Process; }

VOID KeDetachProcess(VOID) { KiCurrentThread()->attached = NULL; }

BOOLEAN KeIsAttachedProcess(VOID) { return KiCurrentThread()->attached != NULL; }
