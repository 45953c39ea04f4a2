#include "ob/state.h"

#include "fault/fault.h"
#include "ke/thread.h"
#include "ob/exports.h"
#include "verify/api.h"

extern POBJECT_TYPE ObpEventType;

static NTSTATUS create(PHANDLE handle, ACCESS_MASK access, POBJECT_ATTRIBUTES attributes, EVENT_TYPE type, BOOLEAN state,
                       CCHAR mode, const void *site)
{
    PVOID event;

    if (type != NotificationEvent && type != SynchronizationEvent)
        return STATUS_INVALID_PARAMETER;
    ObpCreateObject(ObpEventType, sizeof(KEVENT), &event);
    ObpHeader(event)->site = site;
    KeInitializeEvent(event, type, state);
    return ObpInsertObject(event, attributes, mode, access, site, handle);
}

NTSTATUS ZwCreateEvent(PHANDLE EventHandle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes,
                       EVENT_TYPE EventType, BOOLEAN InitialState)
{
    API_ENTER(ZwCreateEvent, ObjectAttributes, SCHED_WRITE);
    if (ObjectAttributes && ObjectAttributes->Length != sizeof *ObjectAttributes)
        return STATUS_INVALID_PARAMETER;
    if (fault_allocation())
        return STATUS_INSUFFICIENT_RESOURCES;
    return create(EventHandle, DesiredAccess, ObjectAttributes, EventType, InitialState, KernelMode, VERIFY_CALLER);
}

NTSTATUS ObpOpenNamedEvent(PHANDLE handle, PUNICODE_STRING name, EVENT_TYPE type, const void *site)
{
    OBJECT_ATTRIBUTES attributes;

    InitializeObjectAttributes(&attributes, name, OBJ_OPENIF | OBJ_KERNEL_HANDLE | OBJ_CASE_INSENSITIVE, NULL, NULL);
    if (fault_allocation())
        return STATUS_INSUFFICIENT_RESOURCES;
    return create(handle, EVENT_ALL_ACCESS, &attributes, type, TRUE, KernelMode, site);
}

NTSTATUS ZwOpenEvent(PHANDLE EventHandle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes)
{
    API_ENTER(ZwOpenEvent, ObjectAttributes, SCHED_READ);
    return ObpOpenByName(ObjectAttributes, ObpEventType, KernelMode, DesiredAccess, NULL, VERIFY_CALLER, EventHandle);
}

static NTSTATUS change(HANDLE handle, LONG (*how)(PRKEVENT), PLONG previous)
{
    PVOID event;
    NTSTATUS status = ObpReferenceHandle(handle, EVENT_MODIFY_STATE, ObpEventType, KernelMode, &event, NULL);
    if (!NT_SUCCESS(status))
        return status;
    LONG was = how(event);
    if (previous)
        *previous = was;
    ObpDereference(event);
    return STATUS_SUCCESS;
}

static LONG set(PRKEVENT event) { return KeSetEvent(event, EVENT_INCREMENT, FALSE); }

NTSTATUS ZwSetEvent(HANDLE EventHandle, PLONG PreviousState)
{
    API_ENTER(ZwSetEvent, EventHandle, SCHED_WRITE);
    return change(EventHandle, set, PreviousState);
}

NTSTATUS ZwResetEvent(HANDLE EventHandle, PLONG PreviousState)
{
    API_ENTER(ZwResetEvent, EventHandle, SCHED_WRITE);
    return change(EventHandle, KeResetEvent, PreviousState);
}

NTSTATUS ZwClearEvent(HANDLE EventHandle)
{
    API_ENTER(ZwClearEvent, EventHandle, SCHED_WRITE);
    return change(EventHandle, KeResetEvent, NULL);
}

/* ---- waiting on handles ---- */

/* What a wait on the object waits for; NULL: it cannot be waited on. */
static PVOID waitable(PVOID object)
{
    const struct ob_type_info *info = &ObpTypeOf(object)->info;
    char *at = object;

    if (info->wait == OB_NO_WAIT)
        return NULL;
    at += info->wait & ~OB_WAIT_POINTER;
    return info->wait & OB_WAIT_POINTER ? *(PVOID *)at : at;
}

static NTSTATUS wait_one(HANDLE handle, BOOLEAN alertable, PLARGE_INTEGER timeout, KPROCESSOR_MODE mode)
{
    PVOID object;
    NTSTATUS status = ObpReferenceHandle(handle, SYNCHRONIZE, NULL, mode, &object, NULL);
    if (!NT_SUCCESS(status))
        return status;
    PVOID target = waitable(object);
    status = target ? KeWaitForSingleObject(target, UserRequest, mode, alertable, timeout) : STATUS_OBJECT_TYPE_MISMATCH;
    ObpDereference(object);
    return status;
}

NTSTATUS NtWaitForSingleObject(HANDLE Handle, BOOLEAN Alertable, PLARGE_INTEGER Timeout)
{
    API_ENTER(NtWaitForSingleObject, Handle, SCHED_WRITE);
    return wait_one(Handle, Alertable, Timeout, KeGetPreviousMode());
}

NTSTATUS ZwWaitForSingleObject(HANDLE Handle, BOOLEAN Alertable, PLARGE_INTEGER Timeout)
{
    API_ENTER(ZwWaitForSingleObject, Handle, SCHED_WRITE);
    return wait_one(Handle, Alertable, Timeout, KernelMode);
}

NTSTATUS ZwWaitForMultipleObjects(ULONG HandleCount, HANDLE Handles[], WAIT_TYPE WaitType, BOOLEAN Alertable,
                                  PLARGE_INTEGER Timeout)
{
    PVOID objects[MAXIMUM_WAIT_OBJECTS], targets[MAXIMUM_WAIT_OBJECTS];
    KWAIT_BLOCK blocks[MAXIMUM_WAIT_OBJECTS];
    NTSTATUS status = STATUS_SUCCESS;
    ULONG count = 0;

    API_ENTER(ZwWaitForMultipleObjects, Handles, SCHED_WRITE);
    if (!HandleCount || HandleCount > MAXIMUM_WAIT_OBJECTS || (WaitType != WaitAll && WaitType != WaitAny))
        return STATUS_INVALID_PARAMETER;
    while (count < HandleCount && NT_SUCCESS(status)) {
        status = ObpReferenceHandle(Handles[count], SYNCHRONIZE, NULL, KernelMode, &objects[count], NULL);
        if (!NT_SUCCESS(status))
            break;
        targets[count] = waitable(objects[count]);
        if (!targets[count])
            status = STATUS_OBJECT_TYPE_MISMATCH;
        count++;
    }
    if (NT_SUCCESS(status))
        status = KeWaitForMultipleObjects(count, targets, WaitType, UserRequest, KernelMode, Alertable, Timeout, blocks);
    while (count--)
        ObpDereference(objects[count]);
    return status;
}
