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

PFLT_DEFERRED_IO_WORKITEM FltAllocateDeferredIoWorkItem(VOID);
VOID FltFreeDeferredIoWorkItem(_In_ PFLT_DEFERRED_IO_WORKITEM FltWorkItem);
NTSTATUS FltQueueDeferredIoWorkItem(_In_ PFLT_DEFERRED_IO_WORKITEM FltWorkItem,
                                    _In_ PFLT_CALLBACK_DATA Data,
                                    _In_ PFLT_DEFERRED_IO_WORKITEM_ROUTINE WorkerRoutine,
                                    _In_ WORK_QUEUE_TYPE QueueType, _In_opt_ PVOID Context);
PFLT_GENERIC_WORKITEM FltAllocateGenericWorkItem(VOID);
VOID FltFreeGenericWorkItem(_In_ PFLT_GENERIC_WORKITEM FltWorkItem);
NTSTATUS FltQueueGenericWorkItem(_In_ PFLT_GENERIC_WORKITEM FltWorkItem, _In_ PVOID FltObject,
                                 _In_ PFLT_GENERIC_WORKITEM_ROUTINE WorkerRoutine,
                                 _In_ WORK_QUEUE_TYPE QueueType, _In_opt_ PVOID Context);

FLTSIM_WDK_END

#endif
