// Byte-range locks.
#ifndef FLTSIM_WDK_NT_FSRTL_LOCK_H
#define FLTSIM_WDK_NT_FSRTL_LOCK_H

#include "../begin.h"
#include "../io/types.h"
#include "../types.h"

FLTSIM_WDK_BEGIN

typedef NTSTATUS (*PCOMPLETE_LOCK_IRP_ROUTINE)(_In_ PVOID Context, _In_ PIRP Irp);

typedef struct _FILE_LOCK_INFO {
    LARGE_INTEGER StartingByte;
    LARGE_INTEGER Length;
    BOOLEAN ExclusiveLock;
    ULONG Key;
    PFILE_OBJECT FileObject;
    PVOID ProcessId;
    LARGE_INTEGER EndingByte;
} FILE_LOCK_INFO, *PFILE_LOCK_INFO;

typedef VOID (*PUNLOCK_ROUTINE)(_In_ PVOID Context, _In_ PFILE_LOCK_INFO FileLockInfo);

typedef struct _FILE_LOCK {
    PCOMPLETE_LOCK_IRP_ROUTINE CompleteLockIrpRoutine;
    PUNLOCK_ROUTINE UnlockRoutine;
    BOOLEAN FastIoIsQuestionable;
    BOOLEAN SpareC[3];
    PVOID LockInformation;
    FILE_LOCK_INFO LastReturnedLockInfo;
    PVOID LastReturnedLock;
    volatile LONG LockRequestsInProgress;
} FILE_LOCK, *PFILE_LOCK;

VOID FsRtlInitializeFileLock(_In_ PFILE_LOCK FileLock,
                             _In_opt_ PCOMPLETE_LOCK_IRP_ROUTINE CompleteLockIrpRoutine,
                             _In_opt_ PUNLOCK_ROUTINE UnlockRoutine);
VOID FsRtlUninitializeFileLock(_In_ PFILE_LOCK FileLock);
PFILE_LOCK FsRtlAllocateFileLock(_In_opt_ PCOMPLETE_LOCK_IRP_ROUTINE CompleteLockIrpRoutine,
                                 _In_opt_ PUNLOCK_ROUTINE UnlockRoutine);
VOID FsRtlFreeFileLock(_In_ PFILE_LOCK FileLock);
NTSTATUS FsRtlProcessFileLock(_In_ PFILE_LOCK FileLock, _In_ PIRP Irp, _In_opt_ PVOID Context);
BOOLEAN FsRtlCheckLockForReadAccess(_In_ PFILE_LOCK FileLock, _In_ PIRP Irp);
BOOLEAN FsRtlCheckLockForWriteAccess(_In_ PFILE_LOCK FileLock, _In_ PIRP Irp);
// Is there a lock, or a request for one that is under way (FsRtlIncrementLockRequestsInProgress)?
BOOLEAN FsRtlAreThereCurrentOrInProgressFileLocks(_In_ PFILE_LOCK FileLock);
// nf-ntifs-fsrtlchecklockforoplockrequest: may an oplock be granted? FALSE: there is a lock within AllocationSize, or
// a request for one that waits or is under way. A size of 0 is always TRUE. IRQL <= APC_LEVEL.
BOOLEAN FsRtlCheckLockForOplockRequest(_In_ PFILE_LOCK FileLock,
                                       _In_ PLARGE_INTEGER AllocationSize);
BOOLEAN FsRtlFastCheckLockForRead(_In_ PFILE_LOCK FileLock, _In_ PLARGE_INTEGER StartingByte,
                                  _In_ PLARGE_INTEGER Length, _In_ ULONG Key,
                                  _In_ PFILE_OBJECT FileObject, _In_ PVOID ProcessId);
BOOLEAN FsRtlFastCheckLockForWrite(_In_ PFILE_LOCK FileLock, _In_ PLARGE_INTEGER StartingByte,
                                   _In_ PLARGE_INTEGER Length, _In_ ULONG Key,
                                   _In_ PVOID FileObject, _In_ PVOID ProcessId);
PFILE_LOCK_INFO FsRtlGetNextFileLock(_In_ PFILE_LOCK FileLock, _In_ BOOLEAN Restart);
NTSTATUS FsRtlFastUnlockSingle(_In_ PFILE_LOCK FileLock, _In_ PFILE_OBJECT FileObject,
                               _In_ LARGE_INTEGER *FileOffset, _In_ PLARGE_INTEGER Length,
                               _In_ PEPROCESS Process, _In_ ULONG Key, _In_opt_ PVOID Context,
                               _In_ BOOLEAN AlreadySynchronized);
NTSTATUS FsRtlFastUnlockAll(_In_ PFILE_LOCK FileLock, _In_ PFILE_OBJECT FileObject,
                            _In_ PEPROCESS Process, _In_opt_ PVOID Context);
NTSTATUS FsRtlFastUnlockAllByKey(_In_ PFILE_LOCK FileLock, _In_ PFILE_OBJECT FileObject,
                                 _In_ PEPROCESS Process, _In_ ULONG Key, _In_opt_ PVOID Context);
// FsRtlFastLock and FsRtlProcessFileLock in one. With an Irp, TRUE, and the Irp is completed by the package, at once or
// when the lock is granted (IoStatus: STATUS_PENDING); without, FALSE: not granted and FailImmediately not set, to be
// tried again with an Irp. IoStatus: STATUS_SUCCESS, STATUS_PENDING, STATUS_LOCK_NOT_GRANTED, STATUS_CANCELLED,
// STATUS_INVALID_LOCK_RANGE. IRQL <= APC_LEVEL.
BOOLEAN FsRtlPrivateLock(_In_ PFILE_LOCK FileLock, _In_ PFILE_OBJECT FileObject,
                         _In_ PLARGE_INTEGER FileOffset, _In_ PLARGE_INTEGER Length,
                         _In_ PEPROCESS Process, _In_ ULONG Key, _In_ BOOLEAN FailImmediately,
                         _In_ BOOLEAN ExclusiveLock, _Out_ PIO_STATUS_BLOCK IoStatus,
                         _In_opt_ PIRP Irp, _In_opt_ PVOID Context,
                         _In_ BOOLEAN AlreadySynchronized);
#define FsRtlFastLock(A1, A2, A3, A4, A5, A6, A7, A8, A9, A10, A11)                                \
    FsRtlPrivateLock(A1, A2, A3, A4, A5, A6, A7, A8, A9, NULL, A10, A11)
#define FsRtlAreThereCurrentFileLocks(FL) ((BOOLEAN)((FL)->FastIoIsQuestionable))
BOOLEAN FsRtlAreThereWaitingFileLocks(_In_ PFILE_LOCK FileLock);
#define FsRtlIncrementLockRequestsInProgress(FL)                                                   \
    ((VOID)InterlockedIncrement((LONG *)&((FL)->LockRequestsInProgress)))
#define FsRtlDecrementLockRequestsInProgress(FL)                                                   \
    ((VOID)InterlockedDecrement((LONG *)&((FL)->LockRequestsInProgress)))

FLTSIM_WDK_END

#endif
