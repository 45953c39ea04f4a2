// Byte-range locks, oplocks and change notification, for a minifilter that owns a file.
#ifndef FLTSIM_WDK_NT_FLT_LOCK_H
#define FLTSIM_WDK_NT_FLT_LOCK_H

#include "../begin.h"
#include "../fsrtl/lock.h"
#include "../fsrtl/notify.h"
#include "../fsrtl/oplock.h"
#include "../types.h"
#include "callback_data.h"
#include "registration.h"
#include "types.h"

FLTSIM_WDK_BEGIN

typedef NTSTATUS(FLTAPI *PFLT_COMPLETE_LOCK_CALLBACK_DATA_ROUTINE)(
    _In_opt_ PVOID Context, _In_ PFLT_CALLBACK_DATA CallbackData);

// Makes a byte-range lock structure in the caller's memory. IRQL <= APC_LEVEL.
VOID FltInitializeFileLock(_Out_ PFILE_LOCK FileLock);

// Releases all locks in it; waiters are completed. IRQL <= APC_LEVEL.
VOID FltUninitializeFileLock(_In_ PFILE_LOCK FileLock);

// Likewise allocated; NULL if there is no memory. FltFreeFileLock. IRQL <= APC_LEVEL.
PFILE_LOCK FltAllocateFileLock(_In_opt_ PFLT_COMPLETE_LOCK_CALLBACK_DATA_ROUTINE
                                   CompleteLockCallbackDataRoutine,
                               _In_opt_ PUNLOCK_ROUTINE UnlockRoutine);

// Uninitializes and frees it. IRQL <= APC_LEVEL.
VOID FltFreeFileLock(_In_ PFILE_LOCK FileLock);

// Carries a lock operation out. COMPLETE: IoStatus is set; PENDING: it waits, and the complete
// routine will be called. IRQL <= APC_LEVEL.
FLT_PREOP_CALLBACK_STATUS FltProcessFileLock(_In_ PFILE_LOCK FileLock,
                                             _In_ PFLT_CALLBACK_DATA CallbackData,
                                             _In_opt_ PVOID Context);

// Whether a read is not against a lock. IRQL <= APC_LEVEL.
BOOLEAN FltCheckLockForReadAccess(_In_ PFILE_LOCK FileLock, _In_ PFLT_CALLBACK_DATA CallbackData);

// Whether a write is not. IRQL <= APC_LEVEL.
BOOLEAN FltCheckLockForWriteAccess(_In_ PFILE_LOCK FileLock, _In_ PFLT_CALLBACK_DATA CallbackData);

typedef VOID(FLTAPI *PFLTOPLOCK_WAIT_COMPLETE_ROUTINE)(_In_ PFLT_CALLBACK_DATA CallbackData,
                                                       _In_opt_ PVOID Context);
typedef VOID(FLTAPI *PFLTOPLOCK_PREPOST_CALLBACKDATA_ROUTINE)(_In_ PFLT_CALLBACK_DATA CallbackData,
                                                              _In_opt_ PVOID Context);

// Makes an oplock; FltUninitializeOplock. IRQL <= APC_LEVEL.
VOID FltInitializeOplock(_Out_ POPLOCK Oplock);

// Completes what waits on it. IRQL <= APC_LEVEL.
VOID FltUninitializeOplock(_In_ POPLOCK Oplock);

// Carries an oplock request or acknowledgement out; returns what the pre-callback is to return.
// IRQL <= APC_LEVEL.
FLT_PREOP_CALLBACK_STATUS FltOplockFsctrl(_In_ POPLOCK Oplock, _In_ PFLT_CALLBACK_DATA CallbackData,
                                          _In_ ULONG OpenCount);

// Likewise, with flags. IRQL <= APC_LEVEL.
FLT_PREOP_CALLBACK_STATUS FltOplockFsctrlEx(_In_ POPLOCK Oplock,
                                            _In_ PFLT_CALLBACK_DATA CallbackData,
                                            _In_ ULONG OpenCount, _In_ ULONG Flags);

// Breaks the oplock if the operation asks for it. PENDING: the operation waits, the wait routine
// comes later; COMPLETE: it failed; SUCCESS_WITH_CALLBACK: go on. IRQL <= APC_LEVEL.
FLT_PREOP_CALLBACK_STATUS
FltCheckOplock(_In_ POPLOCK Oplock, _In_ PFLT_CALLBACK_DATA CallbackData, _In_opt_ PVOID Context,
               _In_opt_ PFLTOPLOCK_WAIT_COMPLETE_ROUTINE WaitCompletionRoutine,
               _In_opt_ PFLTOPLOCK_PREPOST_CALLBACKDATA_ROUTINE PrePostCallbackDataRoutine);

// Likewise, with flags. IRQL <= APC_LEVEL.
FLT_PREOP_CALLBACK_STATUS
FltCheckOplockEx(_In_ POPLOCK Oplock, _In_ PFLT_CALLBACK_DATA CallbackData, _In_ ULONG Flags,
                 _In_opt_ PVOID Context,
                 _In_opt_ PFLTOPLOCK_WAIT_COMPLETE_ROUTINE WaitCompletionRoutine,
                 _In_opt_ PFLTOPLOCK_PREPOST_CALLBACKDATA_ROUTINE PrePostCallbackDataRoutine);

// Breaks it to none whatever the operation. IRQL <= APC_LEVEL.
FLT_PREOP_CALLBACK_STATUS
FltOplockBreakToNone(_In_ POPLOCK Oplock, _In_ PFLT_CALLBACK_DATA CallbackData,
                     _In_opt_ PVOID Context,
                     _In_opt_ PFLTOPLOCK_WAIT_COMPLETE_ROUTINE WaitCompletionRoutine,
                     _In_opt_ PFLTOPLOCK_PREPOST_CALLBACKDATA_ROUTINE PrePostCallbackDataRoutine);

// Likewise, with flags. IRQL <= APC_LEVEL.
FLT_PREOP_CALLBACK_STATUS
FltOplockBreakToNoneEx(_In_ POPLOCK Oplock, _In_ PFLT_CALLBACK_DATA CallbackData, _In_ ULONG Flags,
                       _In_opt_ PVOID Context,
                       _In_opt_ PFLTOPLOCK_WAIT_COMPLETE_ROUTINE WaitCompletionRoutine,
                       _In_opt_ PFLTOPLOCK_PREPOST_CALLBACKDATA_ROUTINE PrePostCallbackDataRoutine);

// Breaks handle caching. IRQL <= APC_LEVEL.
FLT_PREOP_CALLBACK_STATUS
FltOplockBreakH(_In_ POPLOCK Oplock, _In_ PFLT_CALLBACK_DATA CallbackData, _In_ ULONG Flags,
                _In_opt_ PVOID Context,
                _In_opt_ PFLTOPLOCK_WAIT_COMPLETE_ROUTINE WaitCompletionRoutine,
                _In_opt_ PFLTOPLOCK_PREPOST_CALLBACKDATA_ROUTINE PrePostCallbackDataRoutine);

// Whether fast I/O may go on. IRQL <= APC_LEVEL.
BOOLEAN FltOplockIsFastIoPossible(_In_ POPLOCK Oplock);

// Whether the request is for a shared oplock. IRQL <= APC_LEVEL.
BOOLEAN FltOplockIsSharedRequest(_In_ PFLT_CALLBACK_DATA CallbackData);

// Whether the two file objects have the same oplock key. IRQL <= APC_LEVEL.
BOOLEAN FltOplockKeysEqual(_In_opt_ PFILE_OBJECT Fo1, _In_opt_ PFILE_OBJECT Fo2);

// Whether there is a batch or filter oplock. IRQL <= APC_LEVEL.
BOOLEAN FltCurrentBatchOplock(_In_ POPLOCK Oplock);

// Whether there is any. IRQL <= APC_LEVEL.
BOOLEAN FltCurrentOplock(_In_ POPLOCK Oplock);

// Whether there is one with handle caching. IRQL <= APC_LEVEL.
BOOLEAN FltCurrentOplockH(_In_ POPLOCK Oplock);

// Queues a change-notification operation, or completes it at once if there is something to tell.
// The operation must be pended. IRQL <= APC_LEVEL.
VOID FltNotifyFilterChangeDirectory(_Inout_ PNOTIFY_SYNC NotifySync, _Inout_ PLIST_ENTRY NotifyList,
                                    _In_ PVOID FsContext, _In_ PSTRING FullDirectoryName,
                                    _In_ BOOLEAN WatchTree, _In_ BOOLEAN IgnoreBuffer,
                                    _In_ ULONG CompletionFilter,
                                    _In_ PFLT_CALLBACK_DATA NotifyCallbackData,
                                    _In_opt_ PCHECK_FOR_TRAVERSE_ACCESS TraverseCallback,
                                    _In_opt_ PSECURITY_SUBJECT_CONTEXT SubjectContext,
                                    _In_opt_ PFILTER_REPORT_CHANGE FilterCallback);

FLTSIM_WDK_END

#endif
