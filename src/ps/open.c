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

static NTSTATUS LookupThread(PCLIENT_ID client, PETHREAD *thread)
{
    PEPROCESS process;

    if (!client->UniqueProcess)
        return NT_SUCCESS(PsLookupThreadByThreadId(client->UniqueThread, thread)) ? STATUS_SUCCESS : STATUS_INVALID_CID;
    NTSTATUS status = PsLookupProcessThreadByCid(client, &process, thread);
    if (NT_SUCCESS(status))
        ObfDereferenceObject(process);
    return status;
}

static NTSTATUS CheckOpen(PHANDLE handle, ACCESS_MASK access, POBJECT_ATTRIBUTES attributes, PCLIENT_ID client)
{
    *handle = NULL;
    if (attributes->ObjectName || !client)
        return STATUS_INVALID_PARAMETER_MIX;
    return access & RESERVED_ACCESS ? STATUS_INVALID_PARAMETER : STATUS_SUCCESS;
}

/* Gives the reference on the object back. */
static NTSTATUS OpenHandle(PVOID object, POBJECT_TYPE type, ACCESS_MASK access, POBJECT_ATTRIBUTES attributes,
                           const void *site, PHANDLE handle)
{
    NTSTATUS status = ObpCreateWatchedHandle(object, OB_OPERATION_HANDLE_CREATE, ObpMapAccess(type, access),
                                             attributes->Attributes, KiCurrentProcess(), site, handle);
    ObfDereferenceObject(object);
    return status;
}

NTSTATUS ZwOpenProcess(PHANDLE ProcessHandle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes,
                       PCLIENT_ID ClientId)
{
    PEPROCESS process;

    API_ENTER(ZwOpenProcess, NULL, SCHED_WRITE);
    const void *site = VERIFY_CALLER;
    NTSTATUS status = CheckOpen(ProcessHandle, DesiredAccess, ObjectAttributes, ClientId);
    if (NT_SUCCESS(status))
        status = LookupClient(ClientId, &process);
    return NT_SUCCESS(status)
               ? OpenHandle(process, PspProcessType, DesiredAccess, ObjectAttributes, site, ProcessHandle)
               : status;
}

NTSTATUS ZwOpenThread(PHANDLE ThreadHandle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes,
                      PCLIENT_ID ClientId)
{
    PETHREAD thread;

    API_ENTER(ZwOpenThread, NULL, SCHED_WRITE);
    const void *site = VERIFY_CALLER;
    NTSTATUS status = CheckOpen(ThreadHandle, DesiredAccess, ObjectAttributes, ClientId);
    if (NT_SUCCESS(status))
        status = LookupThread(ClientId, &thread);
    return NT_SUCCESS(status) ? OpenHandle(thread, PspThreadType, DesiredAccess, ObjectAttributes, site, ThreadHandle)
                              : status;
}
