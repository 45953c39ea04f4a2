/* Routines by name, waits that a cancelled operation ends, priorities. */
#include "flt/core.h"

#include "io/iop.h"
#include "plat/module.h"
#include "verify/api.h"

PVOID FltGetRoutineAddress(PCSTR FltMgrRoutineName)
{
    API_IRQL(FltGetRoutineAddress);
    if (strncmp(FltMgrRoutineName, "Flt", 3) != 0)
        return NULL;
    return plat_module_export(FltMgrRoutineName);
}

/* ---- waits ---- */

static PIRP IrpOf(PFLT_CALLBACK_DATA CallbackData)
{
    return CallbackData && FLT_IS_IRP_OPERATION(CallbackData) ? FltpOpFromData(CallbackData)->Irp : NULL;
}

NTSTATUS FltCancellableWaitForSingleObject(PVOID Object, PLARGE_INTEGER Timeout, PFLT_CALLBACK_DATA CallbackData)
{
    API_ENTER(FltCancellableWaitForSingleObject, Object, SCHED_WRITE);
    return FsRtlCancellableWaitForSingleObject(Object, Timeout, IrpOf(CallbackData));
}

NTSTATUS FltCancellableWaitForMultipleObjects(ULONG Count, PVOID ObjectArray[], WAIT_TYPE WaitType, PLARGE_INTEGER Timeout,
                                              PKWAIT_BLOCK WaitBlockArray, PFLT_CALLBACK_DATA CallbackData)
{
    API_ENTER(FltCancellableWaitForMultipleObjects, ObjectArray, SCHED_WRITE);
    return FsRtlCancellableWaitForMultipleObjects(Count, ObjectArray, WaitType, Timeout, WaitBlockArray,
                                                  IrpOf(CallbackData));
}

/* ---- priorities ---- */

IO_PRIORITY_HINT FltGetIoPriorityHintFromCallbackData(PFLT_CALLBACK_DATA Data)
{
    API_IRQL(FltGetIoPriorityHintFromCallbackData);
    PIRP irp = IrpOf(Data);
    return irp ? IoGetIoPriorityHint(irp) : IoPriorityNormal;
}

IO_PRIORITY_HINT FltGetIoPriorityHint(PFLT_CALLBACK_DATA Data)
{
    API_IRQL(FltGetIoPriorityHint);
    IO_PRIORITY_INFO info;
    IoRetrievePriorityInfo(IrpOf(Data), Data->Iopb->TargetFileObject, Data->Thread, &info);
    return info.IoPriority;
}

/* Fast I/O has nowhere to keep one. */
NTSTATUS FltSetIoPriorityHintIntoCallbackData(PFLT_CALLBACK_DATA Data, IO_PRIORITY_HINT PriorityHint)
{
    API_IRQL(FltSetIoPriorityHintIntoCallbackData);
    PIRP irp = IrpOf(Data);
    if ((unsigned)PriorityHint > IoPriorityCritical)
        return STATUS_INVALID_PARAMETER;
    return irp ? IoSetIoPriorityHint(irp, PriorityHint) : STATUS_SUCCESS;
}

IO_PRIORITY_HINT FltGetIoPriorityHintFromFileObject(PFILE_OBJECT FileObject)
{
    API_IRQL(FltGetIoPriorityHintFromFileObject);
    return IopPriorityOf(&IopFile(FileObject)->io_priority);
}

NTSTATUS FltSetIoPriorityHintIntoFileObject(PFILE_OBJECT FileObject, IO_PRIORITY_HINT PriorityHint)
{
    API_IRQL(FltSetIoPriorityHintIntoFileObject);
    return IopSetPriority(&IopFile(FileObject)->io_priority, PriorityHint);
}

IO_PRIORITY_HINT FltGetIoPriorityHintFromThread(PETHREAD Thread)
{
    API_IRQL(FltGetIoPriorityHintFromThread);
    return IopPriorityOf(&((PKTHREAD)Thread)->io_priority);
}

NTSTATUS FltSetIoPriorityHintIntoThread(PETHREAD Thread, IO_PRIORITY_HINT PriorityHint)
{
    API_IRQL(FltSetIoPriorityHintIntoThread);
    return IopSetPriority(&((PKTHREAD)Thread)->io_priority, PriorityHint);
}

VOID FltRetrieveIoPriorityInfo(PFLT_CALLBACK_DATA Data, PFILE_OBJECT FileObject, PETHREAD Thread,
                               PIO_PRIORITY_INFO PriorityInfo)
{
    API_IRQL(FltRetrieveIoPriorityInfo);
    IoRetrievePriorityInfo(IrpOf(Data), FileObject, Thread, PriorityInfo);
}

NTSTATUS FltApplyPriorityInfoThread(PIO_PRIORITY_INFO InputPriorityInfo, PIO_PRIORITY_INFO OutputPriorityInfo,
                                    PETHREAD Thread)
{
    API_IRQL(FltApplyPriorityInfoThread);
    return IoApplyPriorityInfoThread(InputPriorityInfo, OutputPriorityInfo, Thread);
}
