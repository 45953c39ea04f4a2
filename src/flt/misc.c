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

/* ---- priorities of files and threads ---- */

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

NTSTATUS FltApplyPriorityInfoThread(PIO_PRIORITY_INFO InputPriorityInfo, PIO_PRIORITY_INFO OutputPriorityInfo,
                                    PETHREAD Thread)
{
    API_IRQL(FltApplyPriorityInfoThread);
    return IoApplyPriorityInfoThread(InputPriorityInfo, OutputPriorityInfo, Thread);
}
