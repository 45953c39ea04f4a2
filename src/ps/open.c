#include "ps/psp.h"

#include "ob/callback.h"
#include "ob/object.h"
#include "ob/state.h"
#include "verify/api.h"

#define RESERVED_ACCESS 0x0CE00000u /* bits of an ACCESS_MASK that mean nothing */

static NTSTATUS LookupClient(PCLIENT_ID client, PEPROCESS *process)
{
    PETHREAD thread;

    if (!client->UniqueThread)
        return NT_SUCCESS(PsLookupProcessByProcessId(client->UniqueProcess, process)) ? STATUS_SUCCESS
                                                                                       : STATUS_INVALID_CID;
    NTSTATUS status = PsLookupProcessThreadByCid(client, process, &thread);
    if (NT_SUCCESS(status))
        ObfDereferenceObject(thread);
    return status;
}

NTSTATUS ZwOpenProcess(PHANDLE ProcessHandle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes,
                       PCLIENT_ID ClientId)
{
    PEPROCESS process;

    API_ENTER(ZwOpenProcess, NULL, SCHED_WRITE);
    const void *site = VERIFY_CALLER;
    *ProcessHandle = NULL;
    if (ObjectAttributes->ObjectName || !ClientId)
        return STATUS_INVALID_PARAMETER_MIX;
    if (DesiredAccess & RESERVED_ACCESS)
        return STATUS_INVALID_PARAMETER;
    NTSTATUS status = LookupClient(ClientId, &process);
    if (!NT_SUCCESS(status))
        return status;
    status = ObpCreateWatchedHandle(process, OB_OPERATION_HANDLE_CREATE, ObpMapAccess(PspProcessType, DesiredAccess),
                                    ObjectAttributes->Attributes, KiCurrentProcess(), site, ProcessHandle);
    ObfDereferenceObject(process);
    return status;
}
