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

VOID FltInitializeFileLock(_Out_ PFILE_LOCK FileLock);
VOID FltUninitializeFileLock(_In_ PFILE_LOCK FileLock);
PFILE_LOCK FltAllocateFileLock(_In_opt_ PFLT_COMPLETE_LOCK_CALLBACK_DATA_ROUTINE
                                   CompleteLockCallbackDataRoutine,
                               _In_opt_ PUNLOCK_ROUTINE UnlockRoutine);
VOID FltFreeFileLock(_In_ PFILE_LOCK FileLock);
FLT_PREOP_CALLBACK_STATUS FltProcessFileLock(_In_ PFILE_LOCK FileLock,
                                             _In_ PFLT_CALLBACK_DATA CallbackData,
                                             _In_opt_ PVOID Context);
BOOLEAN FltCheckLockForReadAccess(_In_ PFILE_LOCK FileLock, _In_ PFLT_CALLBACK_DATA CallbackData);
BOOLEAN FltCheckLockForWriteAccess(_In_ PFILE_LOCK FileLock, _In_ PFLT_CALLBACK_DATA CallbackData);

typedef VOID(FLTAPI *PFLTOPLOCK_WAIT_COMPLETE_ROUTINE)(_In_ PFLT_CALLBACK_DATA CallbackData,
                                                       _In_opt_ PVOID Context);
typedef VOID(FLTAPI *PFLTOPLOCK_PREPOST_CALLBACKDATA_ROUTINE)(_In_ PFLT_CALLBACK_DATA CallbackData,
                                                              _In_opt_ PVOID Context);

VOID FltInitializeOplock(_Out_ POPLOCK Oplock);
VOID FltUninitializeOplock(_In_ POPLOCK Oplock);
FLT_PREOP_CALLBACK_STATUS FltOplockFsctrl(_In_ POPLOCK Oplock, _In_ PFLT_CALLBACK_DATA CallbackData,
                                          _In_ ULONG OpenCount);
FLT_PREOP_CALLBACK_STATUS FltOplockFsctrlEx(_In_ POPLOCK Oplock,
                                            _In_ PFLT_CALLBACK_DATA CallbackData,
                                            _In_ ULONG OpenCount, _In_ ULONG Flags);
FLT_PREOP_CALLBACK_STATUS
FltCheckOplock(_In_ POPLOCK Oplock, _In_ PFLT_CALLBACK_DATA CallbackData, _In_opt_ PVOID Context,
               _In_opt_ PFLTOPLOCK_WAIT_COMPLETE_ROUTINE WaitCompletionRoutine,
               _In_opt_ PFLTOPLOCK_PREPOST_CALLBACKDATA_ROUTINE PrePostCallbackDataRoutine);
FLT_PREOP_CALLBACK_STATUS
FltCheckOplockEx(_In_ POPLOCK Oplock, _In_ PFLT_CALLBACK_DATA CallbackData, _In_ ULONG Flags,
                 _In_opt_ PVOID Context,
                 _In_opt_ PFLTOPLOCK_WAIT_COMPLETE_ROUTINE WaitCompletionRoutine,
                 _In_opt_ PFLTOPLOCK_PREPOST_CALLBACKDATA_ROUTINE PrePostCallbackDataRoutine);
FLT_PREOP_CALLBACK_STATUS
FltOplockBreakToNone(_In_ POPLOCK Oplock, _In_ PFLT_CALLBACK_DATA CallbackData,
                     _In_opt_ PVOID Context,
                     _In_opt_ PFLTOPLOCK_WAIT_COMPLETE_ROUTINE WaitCompletionRoutine,
                     _In_opt_ PFLTOPLOCK_PREPOST_CALLBACKDATA_ROUTINE PrePostCallbackDataRoutine);
FLT_PREOP_CALLBACK_STATUS
FltOplockBreakToNoneEx(_In_ POPLOCK Oplock, _In_ PFLT_CALLBACK_DATA CallbackData, _In_ ULONG Flags,
                       _In_opt_ PVOID Context,
                       _In_opt_ PFLTOPLOCK_WAIT_COMPLETE_ROUTINE WaitCompletionRoutine,
                       _In_opt_ PFLTOPLOCK_PREPOST_CALLBACKDATA_ROUTINE PrePostCallbackDataRoutine);
FLT_PREOP_CALLBACK_STATUS
FltOplockBreakH(_In_ POPLOCK Oplock, _In_ PFLT_CALLBACK_DATA CallbackData, _In_ ULONG Flags,
                _In_opt_ PVOID Context,
                _In_opt_ PFLTOPLOCK_WAIT_COMPLETE_ROUTINE WaitCompletionRoutine,
                _In_opt_ PFLTOPLOCK_PREPOST_CALLBACKDATA_ROUTINE PrePostCallbackDataRoutine);
BOOLEAN FltOplockIsFastIoPossible(_In_ POPLOCK Oplock);
BOOLEAN FltOplockIsSharedRequest(_In_ PFLT_CALLBACK_DATA CallbackData);
BOOLEAN FltOplockKeysEqual(_In_opt_ PFILE_OBJECT Fo1, _In_opt_ PFILE_OBJECT Fo2);
BOOLEAN FltCurrentBatchOplock(_In_ POPLOCK Oplock);
BOOLEAN FltCurrentOplock(_In_ POPLOCK Oplock);
BOOLEAN FltCurrentOplockH(_In_ POPLOCK Oplock);

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
