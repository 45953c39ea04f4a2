/* Work items: generic ones hold their object, deferred ones an operation that is pended. */
#include "flt/core.h"

#include "ex/pool.h"
#include "verify/api.h"

struct _FLT_GENERIC_WORKITEM {
    WORK_QUEUE_ITEM Item;
    PFLT_OBJECT Object;
    PFLT_GENERIC_WORKITEM_ROUTINE Routine;
    PVOID Context;
    volatile LONG Queued;
};

struct _FLT_DEFERRED_IO_WORKITEM {
    WORK_QUEUE_ITEM Item;
    PFLT_CALLBACK_DATA Data;
    PFLT_DEFERRED_IO_WORKITEM_ROUTINE Routine;
    PVOID Context;
    volatile LONG Queued;
};

static bool ClaimItem(volatile LONG *Queued, const char *Routine)
{
    if (!__atomic_exchange_n(Queued, 1, __ATOMIC_ACQ_REL))
        return true;
    verify_violate(VERIFY_WORK_ITEM_MISUSE, "%s was given a work item that is still queued.", Routine);
    return false;
}

static void CheckIdle(LONG Queued, const char *Routine)
{
    if (Queued)
        verify_violate(VERIFY_WORK_ITEM_MISUSE, "%s was given a work item that is still queued.", Routine);
}

/* ---- generic ---- */

PFLT_GENERIC_WORKITEM FltAllocateGenericWorkItem(VOID)
{
    API_IRQL(FltAllocateGenericWorkItem);
    PFLT_GENERIC_WORKITEM item = ExAllocatePoolWithTag(NonPagedPoolNx, sizeof *item, 'wGlF');
    if (item) {
        ExpHandOut(item, VERIFY_CALLER);
        RtlZeroMemory(item, sizeof *item);
    }
    return item;
}

VOID FltFreeGenericWorkItem(PFLT_GENERIC_WORKITEM FltWorkItem)
{
    API_IRQL(FltFreeGenericWorkItem);
    CheckIdle(FltWorkItem->Queued, "FltFreeGenericWorkItem");
    ExFreePoolWithTag(FltWorkItem, 'wGlF');
}

/* The routine may free the item: nothing of it is touched after the call. */
static void RunGeneric(PVOID Parameter)
{
    PFLT_GENERIC_WORKITEM item = Parameter;
    PFLT_OBJECT object = item->Object;

    __atomic_store_n(&item->Queued, 0, __ATOMIC_RELEASE);
    struct flt_running running;
    FltpEnter(&running, FLTP_RUNS_WORK_ITEM, object, (const void *)(uintptr_t)item->Routine);
    item->Routine(item, object, item->Context);
    FltpLeave(&running);
    FltpDereferenceObject(object, "end of a generic work item", NULL);
}

NTSTATUS FltQueueGenericWorkItem(PFLT_GENERIC_WORKITEM FltWorkItem, PVOID FltObject,
                                 PFLT_GENERIC_WORKITEM_ROUTINE WorkerRoutine, WORK_QUEUE_TYPE QueueType, PVOID Context)
{
    API_ENTER(FltQueueGenericWorkItem, FltObject, SCHED_WRITE);
    NTSTATUS status = FltpReferenceObject(FltObject, "FltQueueGenericWorkItem", VERIFY_CALLER);

    if (!NT_SUCCESS(status))
        return status;
    if (!ClaimItem(&FltWorkItem->Queued, "FltQueueGenericWorkItem")) {
        FltpDereferenceObject(FltObject, "FltQueueGenericWorkItem failed", VERIFY_CALLER);
        return STATUS_INVALID_PARAMETER;
    }
    FltWorkItem->Object = FltObject;
    FltWorkItem->Routine = WorkerRoutine;
    FltWorkItem->Context = Context;
    ExInitializeWorkItem(&FltWorkItem->Item, RunGeneric, FltWorkItem);
    ExQueueWorkItem(&FltWorkItem->Item, QueueType);
    return STATUS_SUCCESS;
}

/* ---- deferred ---- */

PFLT_DEFERRED_IO_WORKITEM FltAllocateDeferredIoWorkItem(VOID)
{
    API_IRQL(FltAllocateDeferredIoWorkItem);
    PFLT_DEFERRED_IO_WORKITEM item = ExAllocatePoolWithTag(NonPagedPoolNx, sizeof *item, 'wDlF');
    if (item) {
        ExpHandOut(item, VERIFY_CALLER);
        RtlZeroMemory(item, sizeof *item);
    }
    return item;
}

VOID FltFreeDeferredIoWorkItem(PFLT_DEFERRED_IO_WORKITEM FltWorkItem)
{
    API_IRQL(FltFreeDeferredIoWorkItem);
    CheckIdle(FltWorkItem->Queued, "FltFreeDeferredIoWorkItem");
    ExFreePoolWithTag(FltWorkItem, 'wDlF');
}

static void RunDeferred(PVOID Parameter)
{
    PFLT_DEFERRED_IO_WORKITEM item = Parameter;
    __atomic_store_n(&item->Queued, 0, __ATOMIC_RELEASE);
    item->Routine(item, item->Data, item->Context);
}

/* Where pending the operation could never be undone, or could deadlock. */
static NTSTATUS MayDefer(PIRP_CTRL Op)
{
    if (!(Op->Kind & FLTFL_CALLBACK_DATA_IRP_OPERATION) || Op->Iopb.IrpFlags & IRP_PAGING_IO)
        return STATUS_FLT_NOT_SAFE_TO_POST_OPERATION;
    if (!(Op->Flags & FLTP_OP_IN_POST) && IoGetTopLevelIrp())
        return STATUS_FLT_NOT_SAFE_TO_POST_OPERATION;
    if (Op->Current && FltpInstanceIs(Op->Current, FLTP_INSTANCE_DETACHING))
        return STATUS_FLT_DELETING_OBJECT;
    return STATUS_SUCCESS;
}

NTSTATUS FltQueueDeferredIoWorkItem(PFLT_DEFERRED_IO_WORKITEM FltWorkItem, PFLT_CALLBACK_DATA Data,
                                    PFLT_DEFERRED_IO_WORKITEM_ROUTINE WorkerRoutine, WORK_QUEUE_TYPE QueueType,
                                    PVOID Context)
{
    API_ENTER(FltQueueDeferredIoWorkItem, Data, SCHED_WRITE);
    NTSTATUS status = MayDefer(FltpOpFromData(Data));

    if (!NT_SUCCESS(status))
        return status;
    if (!ClaimItem(&FltWorkItem->Queued, "FltQueueDeferredIoWorkItem"))
        return STATUS_INVALID_PARAMETER;
    FltWorkItem->Data = Data;
    FltWorkItem->Routine = WorkerRoutine;
    FltWorkItem->Context = Context;
    ExInitializeWorkItem(&FltWorkItem->Item, RunDeferred, FltWorkItem);
    ExQueueWorkItem(&FltWorkItem->Item, QueueType);
    return STATUS_SUCCESS;
}

/* ---- FltDoCompletionProcessingWhenSafe ---- */

struct safe {
    WORK_QUEUE_ITEM Item;
    PFLT_CALLBACK_DATA Data;
    FLT_RELATED_OBJECTS Objects;
    PVOID Context;
    FLT_POST_OPERATION_FLAGS Flags;
    PFLT_POST_OPERATION_CALLBACK Callback;
};

static void RunSafe(PVOID Parameter)
{
    struct safe *safe = Parameter;
    PFLT_CALLBACK_DATA data = safe->Data;
    FLT_POSTOP_CALLBACK_STATUS status = safe->Callback(data, &safe->Objects, safe->Context, safe->Flags);

    sim_free(safe);
    if (status == FLT_POSTOP_FINISHED_PROCESSING)
        FltCompletePendedPostOperation(data);
}

BOOLEAN FltDoCompletionProcessingWhenSafe(PFLT_CALLBACK_DATA Data, PCFLT_RELATED_OBJECTS FltObjects,
                                          PVOID CompletionContext, FLT_POST_OPERATION_FLAGS Flags,
                                          PFLT_POST_OPERATION_CALLBACK SafePostCallback,
                                          PFLT_POSTOP_CALLBACK_STATUS RetPostOperationStatus)
{
    API_ENTER(FltDoCompletionProcessingWhenSafe, Data, SCHED_WRITE);

    *RetPostOperationStatus = FLT_POSTOP_FINISHED_PROCESSING;
    if (Flags & FLTFL_POST_OPERATION_DRAINING) {
        verify_violate(VERIFY_CALLBACK_DATA_MISUSE, "FltDoCompletionProcessingWhenSafe was called while draining.");
        return FALSE;
    }
    if (KeGetCurrentIrql() < DISPATCH_LEVEL) {
        *RetPostOperationStatus = SafePostCallback(Data, FltObjects, CompletionContext, Flags);
        return TRUE;
    }
    if (!FLT_IS_IRP_OPERATION(Data) || Data->Iopb->IrpFlags & IRP_PAGING_IO)
        return FALSE;
    struct safe *safe = sim_alloc(sizeof *safe);
    safe->Data = Data;
    safe->Objects = *FltObjects;
    safe->Context = CompletionContext;
    safe->Flags = Flags;
    safe->Callback = SafePostCallback;
    ExInitializeWorkItem(&safe->Item, RunSafe, safe);
    *RetPostOperationStatus = FLT_POSTOP_MORE_PROCESSING_REQUIRED;
    ExQueueWorkItem(&safe->Item, CriticalWorkQueue);
    return TRUE;
}
