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
    PEPROCESS process = Irp ? IoGetRequestorProcess(Irp) : PsGetCurrentProcess();
    return process && PsGetProcessWow64Process(process);
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

/* -- the stack ---------------------------------------------------------------------------------------------- */

static ULONG_PTR StackBounds(ULONG_PTR *low)
{
    char *from, *to;
    if (!sched_stack(&from, &to)) {
        /* What a kernel stack has, around here. */
        to = (char *)__builtin_frame_address(0) + PAGE_SIZE;
        from = to - 6 * PAGE_SIZE;
    }
    *low = (ULONG_PTR)from;
    return (ULONG_PTR)to;
}

VOID IoGetStackLimits(PULONG_PTR LowLimit, PULONG_PTR HighLimit)
{
    *HighLimit = StackBounds(LowLimit);
}

ULONG_PTR IoGetRemainingStackSize(VOID)
{
    ULONG_PTR low;
    StackBounds(&low);
    return (ULONG_PTR)__builtin_frame_address(0) - low;
}

PVOID IoGetInitialStack(VOID)
{
    API_IRQL(IoGetInitialStack);
    ULONG_PTR low;
    return (PVOID)StackBounds(&low);
}

BOOLEAN IoWithinStackLimits(ULONG_PTR RegionStart, SIZE_T RegionSize)
{
    ULONG_PTR low, high = StackBounds(&low);
    return RegionStart >= low && RegionStart + RegionSize <= high && RegionStart + RegionSize >= RegionStart;
}

/* -- hard errors, priorities, versions ------------------------------------------------------------------------ */

BOOLEAN IoSetThreadHardErrorMode(BOOLEAN EnableHardErrors)
{
    API_IRQL(IoSetThreadHardErrorMode);
    PKTHREAD thread = KiCurrentThread();
    BOOLEAN before = !thread->hard_errors_disabled;
    thread->hard_errors_disabled = !EnableHardErrors;
    return before;
}

BOOLEAN IoRaiseInformationalHardError(NTSTATUS ErrorStatus, PUNICODE_STRING String, PKTHREAD Thread)
{
    API_IRQL(IoRaiseInformationalHardError);
    if ((Thread ? Thread : KiCurrentThread())->hard_errors_disabled)
        return FALSE;
    TRACE("io", "hard error %s", trace_status(ErrorStatus));
    return TRUE;
}

BOOLEAN IoIsWdmVersionAvailable(UCHAR MajorVersion, UCHAR MinorVersion)
{
    return MajorVersion < 6 || (MajorVersion == 6 && MinorVersion == 0);
}

IO_PRIORITY_HINT IoGetIoPriorityHint(PIRP Irp) { return IopPriorityOf(&Irp->FltsimExtension.PriorityHint); }

NTSTATUS IoSetIoPriorityHint(PIRP Irp, IO_PRIORITY_HINT PriorityHint)
{
    return IopSetPriority(&Irp->FltsimExtension.PriorityHint, PriorityHint);
}

IO_PRIORITY_HINT IopPriorityOf(const UCHAR *stored)
{
    UCHAR value = __atomic_load_n(stored, __ATOMIC_RELAXED);
    return value ? (IO_PRIORITY_HINT)(value - 1) : IoPriorityNormal;
}

NTSTATUS IopSetPriority(UCHAR *stored, IO_PRIORITY_HINT hint)
{
    if ((unsigned)hint > IoPriorityCritical)
        return STATUS_INVALID_PARAMETER;
    __atomic_store_n(stored, (UCHAR)(hint + 1), __ATOMIC_RELAXED);
    return STATUS_SUCCESS;
}

/* The first of them that was given one says it. */
static IO_PRIORITY_HINT FirstPriority(PIRP irp, PFILE_OBJECT file, PKTHREAD thread)
{
    if (irp && irp->FltsimExtension.PriorityHint)
        return IoGetIoPriorityHint(irp);
    if (file && IopFile(file)->io_priority)
        return IopPriorityOf(&IopFile(file)->io_priority);
    return thread ? IopPriorityOf(&thread->io_priority) : IoPriorityNormal;
}

VOID IoRetrievePriorityInfo(PIRP Irp, PFILE_OBJECT FileObject, PETHREAD Thread, PIO_PRIORITY_INFO PriorityInfo)
{
    API_IRQL(IoRetrievePriorityInfo);
    PriorityInfo->ThreadPriority = Thread ? (ULONG)KeQueryPriorityThread((PKTHREAD)Thread) : 0xffff;
    PriorityInfo->IoPriority = FirstPriority(Irp, FileObject, (PKTHREAD)Thread);
    PriorityInfo->PagePriority = 0;
}

NTSTATUS IoApplyPriorityInfoThread(PIO_PRIORITY_INFO InputPriorityInfo, PIO_PRIORITY_INFO OutputPriorityInfo, PETHREAD Thread)
{
    API_IRQL(IoApplyPriorityInfoThread);
    IO_PRIORITY_INFO wanted = *InputPriorityInfo;
    bool known = wanted.ThreadPriority == 0xffff || (wanted.ThreadPriority > LOW_PRIORITY && wanted.ThreadPriority <= HIGH_PRIORITY);

    if (wanted.Size != sizeof wanted || !known || (unsigned)wanted.IoPriority > IoPriorityCritical)
        return STATUS_INVALID_PARAMETER_1;
    if (OutputPriorityInfo) {
        OutputPriorityInfo->Size = sizeof *OutputPriorityInfo;
        IoRetrievePriorityInfo(NULL, NULL, Thread, OutputPriorityInfo);
    }
    if (wanted.ThreadPriority != 0xffff)
        KeSetPriorityThread((PKTHREAD)Thread, (KPRIORITY)wanted.ThreadPriority);
    return IopSetPriority(&((PKTHREAD)Thread)->io_priority, wanted.IoPriority);
}

static PKEVENT NamedEvent(PUNICODE_STRING name, EVENT_TYPE type, PHANDLE handle, const void *site)
{
    PKEVENT event;
    if (!NT_SUCCESS(ObpOpenNamedEvent(handle, name, type, site)))
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
    return NamedEvent(EventName, NotificationEvent, EventHandle, VERIFY_CALLER);
}

PKEVENT IoCreateSynchronizationEvent(PUNICODE_STRING EventName, PHANDLE EventHandle)
{
    sched_point("IoCreateSynchronizationEvent", EventName, SCHED_WRITE);
    return NamedEvent(EventName, SynchronizationEvent, EventHandle, VERIFY_CALLER);
}
