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

// Goes on with an operation whose pre-callback returned FLT_PREOP_PENDING, as if it had returned
// CallbackStatus now; WITH_CALLBACK, NO_CALLBACK or COMPLETE, of which the first two are for IRPs.
VOID FltCompletePendedPreOperation(_In_ PFLT_CALLBACK_DATA CallbackData,
                                   _In_ FLT_PREOP_CALLBACK_STATUS CallbackStatus,
                                   _In_opt_ PVOID Context);

// Goes on after FLT_POSTOP_MORE_PROCESSING_REQUIRED. IRQL <= DISPATCH_LEVEL.
VOID FltCompletePendedPostOperation(_In_ PFLT_CALLBACK_DATA CallbackData);

// Runs the safe post-callback now, if the IRQL allows, or from a worker thread: then
// *RetPostOperationStatus is MORE_PROCESSING_REQUIRED and the callback completes the operation by
// what it returns. FALSE: it could not be posted, the operation must be finished here. Not for
// paging or draining operations. Any IRQL.
BOOLEAN FltDoCompletionProcessingWhenSafe(_In_ PFLT_CALLBACK_DATA Data,
                                          _In_ PCFLT_RELATED_OBJECTS FltObjects,
                                          _In_opt_ PVOID CompletionContext,
                                          _In_ FLT_POST_OPERATION_FLAGS Flags,
                                          _In_ PFLT_POST_OPERATION_CALLBACK SafePostCallback,
                                          _Out_ PFLT_POSTOP_CALLBACK_STATUS RetPostOperationStatus);

typedef VOID(FLTAPI *PFLT_COMPLETE_CANCELED_CALLBACK)(_In_ PFLT_CALLBACK_DATA CallbackData);

// Asks for the cancellation of an operation that the caller sent. TRUE if a cancel routine was
// called. IRQL <= DISPATCH_LEVEL.
BOOLEAN FltCancelIo(_In_ PFLT_CALLBACK_DATA CallbackData);

// In a pre-operation that is to be pended: who is called when it is cancelled. STATUS_CANCELLED if
// it already was. Not for paging or fast I/O. IRQL <= DISPATCH_LEVEL.
NTSTATUS FltSetCancelCompletion(_In_ PFLT_CALLBACK_DATA CallbackData,
                                _In_ PFLT_COMPLETE_CANCELED_CALLBACK CanceledCallback);

// Before the pended operation goes on. STATUS_CANCELLED: the callback has been called or will be.
// Any IRQL.
NTSTATUS FltClearCancelCompletion(_In_ PFLT_CALLBACK_DATA CallbackData);

// Whether the operation has been cancelled. Any IRQL.
BOOLEAN FltIsIoCanceled(_In_ PFLT_CALLBACK_DATA CallbackData);

// Waits; STATUS_CANCELLED when the operation is cancelled, STATUS_THREAD_IS_TERMINATING when its
// thread goes. Also STATUS_TIMEOUT, STATUS_ABANDONED_WAIT_0.
NTSTATUS FltCancellableWaitForSingleObject(_In_ PVOID Object, _In_opt_ PLARGE_INTEGER Timeout,
                                           _In_opt_ PFLT_CALLBACK_DATA CallbackData);

// Likewise for several; wait blocks are needed above THREAD_WAIT_OBJECTS. STATUS_TIMEOUT,
// STATUS_WAIT_0, STATUS_WAIT_63, STATUS_ABANDONED_WAIT_0, STATUS_ABANDONED_WAIT_63,
// STATUS_CANCELLED, STATUS_THREAD_IS_TERMINATING.
NTSTATUS FltCancellableWaitForMultipleObjects(_In_ ULONG Count, _In_ PVOID ObjectArray[],
                                              _In_ WAIT_TYPE WaitType,
                                              _In_opt_ PLARGE_INTEGER Timeout,
                                              _In_opt_ PKWAIT_BLOCK WaitBlockArray,
                                              _In_ PFLT_CALLBACK_DATA CallbackData);

typedef VOID(FLTAPI *PFLT_GET_OPERATION_STATUS_CALLBACK)(_In_ PCFLT_RELATED_OBJECTS FltObjects,
                                                         _In_ PFLT_IO_PARAMETER_BLOCK IopbSnapshot,
                                                         _In_ NTSTATUS OperationStatus,
                                                         _In_opt_ PVOID RequesterContext);

// In a pre-callback: calls back with what the file system answered, where an oplock makes a
// post-callback come too late. Exactly once. IRQL <= APC_LEVEL. STATUS_FLT_DELETING_OBJECT,
// STATUS_INSUFFICIENT_RESOURCES, STATUS_INVALID_PARAMETER.
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

// Makes a queue of pended operations that survives cancellation. The lock is the caller's, of
// whatever kind.
NTSTATUS
FltCbdqInitialize(_In_ PFLT_INSTANCE Instance, _Inout_ PFLT_CALLBACK_DATA_QUEUE Cbdq,
                  _In_ PFLT_CALLBACK_DATA_QUEUE_INSERT_IO CbdqInsertIo,
                  _In_ PFLT_CALLBACK_DATA_QUEUE_REMOVE_IO CbdqRemoveIo,
                  _In_ PFLT_CALLBACK_DATA_QUEUE_PEEK_NEXT_IO CbdqPeekNextIo,
                  _In_ PFLT_CALLBACK_DATA_QUEUE_ACQUIRE CbdqAcquire,
                  _In_ PFLT_CALLBACK_DATA_QUEUE_RELEASE CbdqRelease,
                  _In_ PFLT_CALLBACK_DATA_QUEUE_COMPLETE_CANCELED_IO CbdqCompleteCanceledIo);

// Lets operations in again.
VOID FltCbdqEnable(_Inout_ PFLT_CALLBACK_DATA_QUEUE Cbdq);

// Lets none in: FltCbdqInsertIo fails. What is in it stays.
VOID FltCbdqDisable(_Inout_ PFLT_CALLBACK_DATA_QUEUE Cbdq);

// Queues a pended operation; it may be cancelled, and then completed by the queue, before this
// returns. On error it is still the caller's. STATUS_FLT_CBDQ_DISABLED, STATUS_PENDING.
NTSTATUS FltCbdqInsertIo(_Inout_ PFLT_CALLBACK_DATA_QUEUE Cbdq, _In_ PFLT_CALLBACK_DATA Cbd,
                         _In_opt_ PIO_CSQ_IRP_CONTEXT Context, _In_opt_ PVOID InsertContext);

// Takes the operation of that context; NULL if it has been cancelled.
PFLT_CALLBACK_DATA FltCbdqRemoveIo(_Inout_ PFLT_CALLBACK_DATA_QUEUE Cbdq,
                                   _In_ PIO_CSQ_IRP_CONTEXT Context);

// Takes the next one that the peek callback finds; NULL if there is none.
PFLT_CALLBACK_DATA FltCbdqRemoveNextIo(_Inout_ PFLT_CALLBACK_DATA_QUEUE Cbdq,
                                       _In_opt_ PVOID PeekContext);

FLTSIM_WDK_END

#endif
