/* Threads and processes as the I/O manager sees them. */
#include "iop.h"

#include "ps/process.h"

BOOLEAN IoIsSystemThread(PETHREAD Thread)
{
    API_IRQL(IoIsSystemThread);
    return ((PKTHREAD)Thread)->system;
}

PEPROCESS IoGetRequestorProcess(PIRP Irp)
{
    PKTHREAD thread = (PKTHREAD)Irp->Tail.Overlay.Thread;
    return thread ? (PEPROCESS)thread->process : NULL;
}

ULONG IoGetRequestorProcessId(PIRP Irp)
{
    PEPROCESS process = IoGetRequestorProcess(Irp);
    return process ? HandleToULong(PsGetProcessId(process)) : 0;
}

NTSTATUS IoGetRequestorSessionId(PIRP Irp, PULONG pSessionId)
{
    PEPROCESS process = IoGetRequestorProcess(Irp);
    *pSessionId = process ? ((struct _KPROCESS *)process)->session_id : (ULONG)-1;
    return process ? STATUS_SUCCESS : STATUS_UNSUCCESSFUL;
}

BOOLEAN IoIs32bitProcess(PIRP Irp)
{
    API_IRQL(IoIs32bitProcess);
    return FALSE;
}

PIRP IoGetTopLevelIrp(VOID)
{
    API_IRQL(IoGetTopLevelIrp);
    return KiCurrentThread()->top_level_irp;
}

VOID IoSetTopLevelIrp(PIRP Irp)
{
    API_IRQL(IoSetTopLevelIrp);
    KiCurrentThread()->top_level_irp = Irp;
}

/* May the driver block the thread for this request? */
BOOLEAN IoIsOperationSynchronous(PIRP Irp)
{
    PFILE_OBJECT file = IoGetCurrentIrpStackLocation(Irp)->FileObject;
    if (Irp->Flags & (IRP_SYNCHRONOUS_API | IRP_SYNCHRONOUS_PAGING_IO | IRP_CLOSE_OPERATION)) {
        bool paging = Irp->Flags & IRP_PAGING_IO;
        if (!paging || (Irp->Flags & IRP_SYNCHRONOUS_PAGING_IO))
            return TRUE;
    }
    return file && (file->Flags & FO_SYNCHRONOUS_IO);
}

BOOLEAN IoSetThreadHardErrorMode(BOOLEAN EnableHardErrors)
{
    API_IRQL(IoSetThreadHardErrorMode);
    return TRUE;
}

BOOLEAN IoRaiseInformationalHardError(NTSTATUS ErrorStatus, PUNICODE_STRING String, PKTHREAD Thread)
{
    API_IRQL(IoRaiseInformationalHardError);
    TRACE("io", "hard error %s", trace_status(ErrorStatus));
    return TRUE;
}

BOOLEAN IoIsWdmVersionAvailable(UCHAR MajorVersion, UCHAR MinorVersion)
{
    return MajorVersion < 6 || (MajorVersion == 6 && MinorVersion == 0);
}

IO_PRIORITY_HINT IoGetIoPriorityHint(PIRP Irp) { return IoPriorityNormal; }

static PKEVENT NamedEvent(PUNICODE_STRING name, EVENT_TYPE type, PHANDLE handle)
{
    OBJECT_ATTRIBUTES attributes;
    PKEVENT event;
    InitializeObjectAttributes(&attributes, name, OBJ_OPENIF | OBJ_KERNEL_HANDLE | OBJ_CASE_INSENSITIVE, NULL, NULL);
    if (!NT_SUCCESS(ZwCreateEvent(handle, EVENT_ALL_ACCESS, &attributes, type, TRUE)))
        return NULL;
    if (!NT_SUCCESS(ObReferenceObjectByHandle(*handle, 0, *ExEventObjectType, KernelMode, (PVOID *)&event, NULL))) {
        ZwClose(*handle);
        return NULL;
    }
    /* The handle keeps the event; the pointer is good for as long as the handle. */
    ObDereferenceObject(event);
    return event;
}

PKEVENT IoCreateNotificationEvent(PUNICODE_STRING EventName, PHANDLE EventHandle)
{
    API_ENTER(IoCreateNotificationEvent, EventName, SCHED_WRITE);
    return NamedEvent(EventName, NotificationEvent, EventHandle);
}

PKEVENT IoCreateSynchronizationEvent(PUNICODE_STRING EventName, PHANDLE EventHandle)
{
    sched_point("IoCreateSynchronizationEvent", EventName, SCHED_WRITE);
    return NamedEvent(EventName, SynchronizationEvent, EventHandle);
}
