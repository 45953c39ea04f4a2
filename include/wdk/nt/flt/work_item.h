// Work items: they hold off unload until they have run.
#ifndef FLTSIM_WDK_NT_FLT_WORK_ITEM_H
#define FLTSIM_WDK_NT_FLT_WORK_ITEM_H

#include "../begin.h"
#include "../ex.h"
#include "../types.h"
#include "callback_data.h"
#include "types.h"

FLTSIM_WDK_BEGIN

typedef VOID(FLTAPI *PFLT_DEFERRED_IO_WORKITEM_ROUTINE)(_In_ PFLT_DEFERRED_IO_WORKITEM FltWorkItem,
                                                        _In_ PFLT_CALLBACK_DATA CallbackData,
                                                        _In_opt_ PVOID Context);
typedef VOID(FLTAPI *PFLT_GENERIC_WORKITEM_ROUTINE)(_In_ PFLT_GENERIC_WORKITEM FltWorkItem,
                                                    _In_ PVOID FltObject, _In_opt_ PVOID Context);

// A work item for one operation; NULL if there is no memory. IRQL <= DISPATCH_LEVEL.
PFLT_DEFERRED_IO_WORKITEM FltAllocateDeferredIoWorkItem(VOID);

// Frees it, once it has run. IRQL <= DISPATCH_LEVEL.
VOID FltFreeDeferredIoWorkItem(_In_ PFLT_DEFERRED_IO_WORKITEM FltWorkItem);

// Runs the routine in a system thread, for an operation that was pended. Not for paging I/O or
// with a top-level IRP: STATUS_FLT_NOT_SAFE_TO_POST_OPERATION. IRQL <= DISPATCH_LEVEL. Also
// STATUS_FLT_DELETING_OBJECT.
NTSTATUS FltQueueDeferredIoWorkItem(_In_ PFLT_DEFERRED_IO_WORKITEM FltWorkItem,
                                    _In_ PFLT_CALLBACK_DATA Data,
                                    _In_ PFLT_DEFERRED_IO_WORKITEM_ROUTINE WorkerRoutine,
                                    _In_ WORK_QUEUE_TYPE QueueType, _In_opt_ PVOID Context);

// A work item for anything; NULL if there is no memory. IRQL <= DISPATCH_LEVEL.
PFLT_GENERIC_WORKITEM FltAllocateGenericWorkItem(VOID);

// Frees it, once it has run: its routine may do so. IRQL <= DISPATCH_LEVEL.
VOID FltFreeGenericWorkItem(_In_ PFLT_GENERIC_WORKITEM FltWorkItem);

// Runs the routine in a system thread. FltObject, a filter or an instance, is referenced until it
// has run. IRQL <= DISPATCH_LEVEL. STATUS_FLT_DELETING_OBJECT.
NTSTATUS FltQueueGenericWorkItem(_In_ PFLT_GENERIC_WORKITEM FltWorkItem, _In_ PVOID FltObject,
                                 _In_ PFLT_GENERIC_WORKITEM_ROUTINE WorkerRoutine,
                                 _In_ WORK_QUEUE_TYPE QueueType, _In_opt_ PVOID Context);

FLTSIM_WDK_END

#endif
