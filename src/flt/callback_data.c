/* What a callback may ask about its operation. */
#include "flt/core.h"

#include "ke/thread.h"
#include "verify/api.h"

/* ---- dirty ---- */

VOID FltSetCallbackDataDirty(PFLT_CALLBACK_DATA Data)
{
    API_IRQL(FltSetCallbackDataDirty);
    Data->Flags |= FLTFL_CALLBACK_DATA_DIRTY;
}

VOID FltClearCallbackDataDirty(PFLT_CALLBACK_DATA Data)
{
    API_IRQL(FltClearCallbackDataDirty);
    Data->Flags &= ~(ULONG)FLTFL_CALLBACK_DATA_DIRTY;
}

BOOLEAN FltIsCallbackDataDirty(PFLT_CALLBACK_DATA Data)
{
    API_IRQL(FltIsCallbackDataDirty);
    return (Data->Flags & FLTFL_CALLBACK_DATA_DIRTY) != 0;
}

/* ---- what kind of operation ---- */

static bool AlwaysSynchronous(UCHAR Major)
{
    switch (Major) {
    case IRP_MJ_READ:
    case IRP_MJ_WRITE:
    case IRP_MJ_DIRECTORY_CONTROL:
    case IRP_MJ_FILE_SYSTEM_CONTROL:
    case IRP_MJ_DEVICE_CONTROL:
    case IRP_MJ_INTERNAL_DEVICE_CONTROL:
    case IRP_MJ_LOCK_CONTROL:
        return false;
    default:
        return true;
    }
}

BOOLEAN FltIsOperationSynchronous(PFLT_CALLBACK_DATA CallbackData)
{
    API_IRQL(FltIsOperationSynchronous);
    const FLT_IO_PARAMETER_BLOCK *iopb = CallbackData->Iopb;

    if (!FLT_IS_IRP_OPERATION(CallbackData) || AlwaysSynchronous(iopb->MajorFunction))
        return TRUE;
    if (iopb->IrpFlags & IRP_PAGING_IO && !(iopb->IrpFlags & IRP_SYNCHRONOUS_PAGING_IO))
        return FALSE;
    if (iopb->IrpFlags & (IRP_SYNCHRONOUS_PAGING_IO | IRP_SYNCHRONOUS_API))
        return TRUE;
    return iopb->TargetFileObject && iopb->TargetFileObject->Flags & FO_SYNCHRONOUS_IO;
}

BOOLEAN FltIs32bitProcess(PFLT_CALLBACK_DATA CallbackData)
{
    API_IRQL(FltIs32bitProcess);
    return FALSE; /* every program of the machine is a 64-bit one */
}

/* ---- who asks ---- */

PEPROCESS FltGetRequestorProcess(PFLT_CALLBACK_DATA CallbackData)
{
    API_IRQL(FltGetRequestorProcess);
    return CallbackData->Thread ? IoThreadToProcess(CallbackData->Thread) : NULL;
}

ULONG FltGetRequestorProcessId(PFLT_CALLBACK_DATA CallbackData)
{
    API_IRQL(FltGetRequestorProcessId);
    PEPROCESS process = FltGetRequestorProcess(CallbackData);
    return process ? HandleToULong(PsGetProcessId(process)) : 0;
}

HANDLE FltGetRequestorProcessIdEx(PFLT_CALLBACK_DATA CallbackData)
{
    API_IRQL(FltGetRequestorProcessIdEx);
    PEPROCESS process = FltGetRequestorProcess(CallbackData);
    return process ? PsGetProcessId(process) : NULL;
}

NTSTATUS FltGetRequestorSessionId(PFLT_CALLBACK_DATA CallbackData, PULONG SessionId)
{
    API_IRQL(FltGetRequestorSessionId);
    PIRP_CTRL op = FltpOpFromData(CallbackData);
    if (op->Irp)
        return IoGetRequestorSessionId(op->Irp, SessionId);
    *SessionId = (ULONG)-1;
    return STATUS_UNSUCCESSFUL;
}

/* ---- names ---- */

PCHAR FltGetIrpName(UCHAR IrpMajorCode)
{
    API_IRQL(FltGetIrpName);
    return (PCHAR)trace_major(IrpMajorCode);
}

/* ---- object references ---- */

NTSTATUS FltObjectReference(PVOID FltObject)
{
    API_ENTER(FltObjectReference, FltObject, SCHED_ADD);
    FltpCheckObject(FltObject, FLT_OBFL_TYPES, "FltObjectReference", VERIFY_CALLER);
    return FltpReferenceObject(FltObject, "FltObjectReference", VERIFY_CALLER);
}

VOID FltObjectDereference(PVOID FltObject)
{
    API_ENTER(FltObjectDereference, FltObject, SCHED_ADD);
    PFLT_OBJECT object = FltObject;
    if (!object || !FltpIsOneType(object)) /* a reference that was reported as a leak may come after the object went */
        FltpReportBadObject(object, FLT_OBFL_TYPES, "FltObjectDereference", VERIFY_CALLER);
    FltpDereferenceObject(object, "FltObjectDereference", VERIFY_CALLER);
}
