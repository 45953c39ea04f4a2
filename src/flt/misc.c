/* Routines by name, waits that a cancelled operation ends, priorities. */
#include "flt/core.h"

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
    return FltGetIoPriorityHintFromCallbackData(Data);
}
