// Pending, completing, cancelling and waiting; the callback-data queue.
#ifndef FLTSIM_WDK_NT_FLT_PEND_H
#define FLTSIM_WDK_NT_FLT_PEND_H

#include "../begin.h"
#include "../io.h"
#include "../ke.h"
#include "../types.h"
#include "callback_data.h"
#include "registration.h"
#include "types.h"

FLTSIM_WDK_BEGIN

VOID FltCompletePendedPreOperation(_In_ PFLT_CALLBACK_DATA CallbackData,
                                   _In_ FLT_PREOP_CALLBACK_STATUS CallbackStatus,
                                   _In_opt_ PVOID Context);
VOID FltCompletePendedPostOperation(_In_ PFLT_CALLBACK_DATA CallbackData);
BOOLEAN FltDoCompletionProcessingWhenSafe(_In_ PFLT_CALLBACK_DATA Data,
                                          _In_ PCFLT_RELATED_OBJECTS FltObjects,
                                          _In_opt_ PVOID CompletionContext,
                                          _In_ FLT_POST_OPERATION_FLAGS Flags,
                                          _In_ PFLT_POST_OPERATION_CALLBACK SafePostCallback,
                                          _Out_ PFLT_POSTOP_CALLBACK_STATUS RetPostOperationStatus);

typedef VOID(FLTAPI *PFLT_COMPLETE_CANCELED_CALLBACK)(_In_ PFLT_CALLBACK_DATA CallbackData);

BOOLEAN FltCancelIo(_In_ PFLT_CALLBACK_DATA CallbackData);
NTSTATUS FltSetCancelCompletion(_In_ PFLT_CALLBACK_DATA CallbackData,
                                _In_ PFLT_COMPLETE_CANCELED_CALLBACK CanceledCallback);
NTSTATUS FltClearCancelCompletion(_In_ PFLT_CALLBACK_DATA CallbackData);
BOOLEAN FltIsIoCanceled(_In_ PFLT_CALLBACK_DATA CallbackData);
NTSTATUS FltCancellableWaitForSingleObject(_In_ PVOID Object, _In_opt_ PLARGE_INTEGER Timeout,
                                           _In_opt_ PFLT_CALLBACK_DATA CallbackData);
NTSTATUS FltCancellableWaitForMultipleObjects(_In_ ULONG Count, _In_ PVOID ObjectArray[],
                                              _In_ WAIT_TYPE WaitType,
                                              _In_opt_ PLARGE_INTEGER Timeout,
                                              _In_opt_ PKWAIT_BLOCK WaitBlockArray,
                                              _In_ PFLT_CALLBACK_DATA CallbackData);

typedef VOID(FLTAPI *PFLT_GET_OPERATION_STATUS_CALLBACK)(_In_ PCFLT_RELATED_OBJECTS FltObjects,
                                                         _In_ PFLT_IO_PARAMETER_BLOCK IopbSnapshot,
                                                         _In_ NTSTATUS OperationStatus,
                                                         _In_opt_ PVOID RequesterContext);

NTSTATUS FltRequestOperationStatusCallback(_In_ PFLT_CALLBACK_DATA Data,
                                           _In_ PFLT_GET_OPERATION_STATUS_CALLBACK CallbackRoutine,
                                           _In_opt_ PVOID RequesterContext);

typedef IO_CSQ_IRP_CONTEXT FLT_CALLBACK_DATA_QUEUE_IO_CONTEXT, *PFLT_CALLBACK_DATA_QUEUE_IO_CONTEXT;
typedef struct _FLT_CALLBACK_DATA_QUEUE FLT_CALLBACK_DATA_QUEUE, *PFLT_CALLBACK_DATA_QUEUE;

typedef NTSTATUS(FLTAPI *PFLT_CALLBACK_DATA_QUEUE_INSERT_IO)(_Inout_ PFLT_CALLBACK_DATA_QUEUE Cbdq,
                                                             _In_ PFLT_CALLBACK_DATA Cbd,
                                                             _In_opt_ PVOID InsertContext);
typedef VOID(FLTAPI *PFLT_CALLBACK_DATA_QUEUE_REMOVE_IO)(_Inout_ PFLT_CALLBACK_DATA_QUEUE Cbdq,
                                                         _In_ PFLT_CALLBACK_DATA Cbd);
typedef PFLT_CALLBACK_DATA(FLTAPI *PFLT_CALLBACK_DATA_QUEUE_PEEK_NEXT_IO)(
    _In_ PFLT_CALLBACK_DATA_QUEUE Cbdq, _In_opt_ PFLT_CALLBACK_DATA Cbd,
    _In_opt_ PVOID PeekContext);
typedef VOID(FLTAPI *PFLT_CALLBACK_DATA_QUEUE_ACQUIRE)(_Inout_ PFLT_CALLBACK_DATA_QUEUE Cbdq,
                                                       _Out_opt_ PKIRQL Irql);
typedef VOID(FLTAPI *PFLT_CALLBACK_DATA_QUEUE_RELEASE)(_Inout_ PFLT_CALLBACK_DATA_QUEUE Cbdq,
                                                       _In_opt_ KIRQL Irql);
typedef VOID(FLTAPI *PFLT_CALLBACK_DATA_QUEUE_COMPLETE_CANCELED_IO)(
    _Inout_ PFLT_CALLBACK_DATA_QUEUE Cbdq, _Inout_ PFLT_CALLBACK_DATA Cbd);

typedef enum _FLT_CALLBACK_DATA_QUEUE_FLAGS {
    FLT_CALLBACK_DATA_QUEUE_FLAGS_NONE = 0
} FLT_CALLBACK_DATA_QUEUE_FLAGS;

struct _FLT_CALLBACK_DATA_QUEUE {
    IO_CSQ Csq;
    FLT_CALLBACK_DATA_QUEUE_FLAGS Flags;
    PFLT_INSTANCE Instance;
    PFLT_CALLBACK_DATA_QUEUE_INSERT_IO InsertIo;
    PFLT_CALLBACK_DATA_QUEUE_REMOVE_IO RemoveIo;
    PFLT_CALLBACK_DATA_QUEUE_PEEK_NEXT_IO PeekNextIo;
    PFLT_CALLBACK_DATA_QUEUE_ACQUIRE Acquire;
    PFLT_CALLBACK_DATA_QUEUE_RELEASE Release;
    PFLT_CALLBACK_DATA_QUEUE_COMPLETE_CANCELED_IO CompleteCanceledIo;
};

NTSTATUS
FltCbdqInitialize(_In_ PFLT_INSTANCE Instance, _Inout_ PFLT_CALLBACK_DATA_QUEUE Cbdq,
                  _In_ PFLT_CALLBACK_DATA_QUEUE_INSERT_IO CbdqInsertIo,
                  _In_ PFLT_CALLBACK_DATA_QUEUE_REMOVE_IO CbdqRemoveIo,
                  _In_ PFLT_CALLBACK_DATA_QUEUE_PEEK_NEXT_IO CbdqPeekNextIo,
                  _In_ PFLT_CALLBACK_DATA_QUEUE_ACQUIRE CbdqAcquire,
                  _In_ PFLT_CALLBACK_DATA_QUEUE_RELEASE CbdqRelease,
                  _In_ PFLT_CALLBACK_DATA_QUEUE_COMPLETE_CANCELED_IO CbdqCompleteCanceledIo);
VOID FltCbdqEnable(_Inout_ PFLT_CALLBACK_DATA_QUEUE Cbdq);
VOID FltCbdqDisable(_Inout_ PFLT_CALLBACK_DATA_QUEUE Cbdq);
NTSTATUS FltCbdqInsertIo(_Inout_ PFLT_CALLBACK_DATA_QUEUE Cbdq, _In_ PFLT_CALLBACK_DATA Cbd,
                         _In_opt_ PIO_CSQ_IRP_CONTEXT Context, _In_opt_ PVOID InsertContext);
PFLT_CALLBACK_DATA FltCbdqRemoveIo(_Inout_ PFLT_CALLBACK_DATA_QUEUE Cbdq,
                                   _In_ PIO_CSQ_IRP_CONTEXT Context);
PFLT_CALLBACK_DATA FltCbdqRemoveNextIo(_Inout_ PFLT_CALLBACK_DATA_QUEUE Cbdq,
                                       _In_opt_ PVOID PeekContext);

FLTSIM_WDK_END

#endif
