/* The documented face of the byte-range lock package: IRPs and fast I/O. */
#include "file_lock.h"

static NTSTATUS CompleteLockIrp(PFILE_LOCK lock, PVOID context, PVOID operation, NTSTATUS status)
{
    PIRP irp = operation;
    if (lock->CompleteLockIrpRoutine) {
        irp->IoStatus.Status = status;
        irp->IoStatus.Information = 0;
        return lock->CompleteLockIrpRoutine(context, irp);
    }
    irp->IoStatus.Information = 0;
    FsRtlCompleteRequest(irp, status);
    return status;
}

static VOID CancelWaitingLock(PDEVICE_OBJECT device, PIRP irp)
{
    IoReleaseCancelSpinLock(irp->CancelIrql);
    PFILE_LOCK lock = (PFILE_LOCK)irp->IoStatus.Information;
    struct file_lock_entry *entry = FsRtlpTakeWaiter(lock, irp);
    if (!entry)
        return;
    PVOID context = entry->context;
    sim_free(entry);
    CompleteLockIrp(lock, context, irp, STATUS_CANCELLED);
}

static bool ArmIrp(PFILE_LOCK lock, struct file_lock_entry *entry)
{
    PIRP irp = entry->operation;
    IoMarkIrpPending(irp);
    irp->IoStatus.Information = (ULONG_PTR)lock;
    IoSetCancelRoutine(irp, CancelWaitingLock);
    return !__atomic_load_n(&irp->Cancel, __ATOMIC_SEQ_CST) || !IoSetCancelRoutine(irp, NULL);
}

static bool DisarmIrp(struct file_lock_entry *entry)
{
    return IoSetCancelRoutine((PIRP)entry->operation, NULL) != NULL;
}

static const struct file_lock_kind irpKind = {ArmIrp, DisarmIrp, CompleteLockIrp};

static FILE_LOCK_INFO Range(PFILE_OBJECT file, PLARGE_INTEGER start, PLARGE_INTEGER length, PVOID process, ULONG key,
                            BOOLEAN exclusive)
{
    return (FILE_LOCK_INFO){.StartingByte = *start,
                            .Length = *length,
                            .ExclusiveLock = exclusive,
                            .Key = key,
                            .FileObject = file,
                            .ProcessId = process};
}

BOOLEAN FsRtlPrivateLock(PFILE_LOCK FileLock, PFILE_OBJECT FileObject, PLARGE_INTEGER FileOffset,
                         PLARGE_INTEGER Length, PEPROCESS ProcessId, ULONG Key, BOOLEAN FailImmediately,
                         BOOLEAN ExclusiveLock, PIO_STATUS_BLOCK IoStatus, PIRP Irp, PVOID Context,
                         BOOLEAN AlreadySynchronized)
{
    API_ENTER(FsRtlPrivateLock, FileLock, SCHED_WRITE);
    FILE_LOCK_INFO wanted = Range(FileObject, FileOffset, Length, ProcessId, Key, ExclusiveLock);
    NTSTATUS status =
        FsRtlpLockRange(FileLock, &wanted, Irp && !FailImmediately, Irp ? &irpKind : NULL, Irp, Context);
    IoStatus->Status = status;
    IoStatus->Information = 0;
    if (status == STATUS_PENDING)
        return TRUE;
    if (!Irp)
        return status != STATUS_LOCK_NOT_GRANTED || FailImmediately;
    NTSTATUS completed = CompleteLockIrp(FileLock, Context, Irp, status);
    if (NT_SUCCESS(status) && !NT_SUCCESS(completed)) {
        FsRtlpUnlockRange(FileLock, &wanted, Context);
        IoStatus->Status = completed;
    }
    return TRUE;
}

NTSTATUS FsRtlFastUnlockSingle(PFILE_LOCK FileLock, PFILE_OBJECT FileObject, PLARGE_INTEGER FileOffset,
                               PLARGE_INTEGER Length, PEPROCESS ProcessId, ULONG Key, PVOID Context,
                               BOOLEAN AlreadySynchronized)
{
    API_ENTER(FsRtlFastUnlockSingle, FileLock, SCHED_WRITE);
    FILE_LOCK_INFO which = Range(FileObject, FileOffset, Length, ProcessId, Key, FALSE);
    return FsRtlpUnlockRange(FileLock, &which, Context);
}

NTSTATUS FsRtlFastUnlockAll(PFILE_LOCK FileLock, PFILE_OBJECT FileObject, PEPROCESS ProcessId, PVOID Context)
{
    API_ENTER(FsRtlFastUnlockAll, FileLock, SCHED_WRITE);
    return FsRtlpUnlockAll(FileLock, FileObject, ProcessId, NULL, Context);
}

NTSTATUS FsRtlFastUnlockAllByKey(PFILE_LOCK FileLock, PFILE_OBJECT FileObject, PEPROCESS ProcessId, ULONG Key,
                                 PVOID Context)
{
    API_ENTER(FsRtlFastUnlockAllByKey, FileLock, SCHED_WRITE);
    return FsRtlpUnlockAll(FileLock, FileObject, ProcessId, &Key, Context);
}

static NTSTATUS LockByIrp(PFILE_LOCK lock, PIRP irp, PIO_STACK_LOCATION stack, PVOID context)
{
    IO_STATUS_BLOCK result = {0};
    FsRtlPrivateLock(lock, stack->FileObject, &stack->Parameters.LockControl.ByteOffset,
                     stack->Parameters.LockControl.Length, IoGetRequestorProcess(irp),
                     stack->Parameters.LockControl.Key, (stack->Flags & SL_FAIL_IMMEDIATELY) != 0,
                     (stack->Flags & SL_EXCLUSIVE_LOCK) != 0, &result, irp, context, FALSE);
    return result.Status;
}

NTSTATUS FsRtlProcessFileLock(PFILE_LOCK FileLock, PIRP Irp, PVOID Context)
{
    API_ENTER(FsRtlProcessFileLock, FileLock, SCHED_WRITE);
    PIO_STACK_LOCATION stack = IoGetCurrentIrpStackLocation(Irp);
    PEPROCESS process = IoGetRequestorProcess(Irp);
    ULONG key = stack->Parameters.LockControl.Key;
    NTSTATUS status;
    switch (stack->MinorFunction) {
    case IRP_MN_LOCK:
        return LockByIrp(FileLock, Irp, stack, Context);
    case IRP_MN_UNLOCK_SINGLE:
        status = FsRtlFastUnlockSingle(FileLock, stack->FileObject, &stack->Parameters.LockControl.ByteOffset,
                                       stack->Parameters.LockControl.Length, process, key, Context, FALSE);
        break;
    case IRP_MN_UNLOCK_ALL:
        status = FsRtlFastUnlockAll(FileLock, stack->FileObject, process, Context);
        break;
    case IRP_MN_UNLOCK_ALL_BY_KEY:
        status = FsRtlFastUnlockAllByKey(FileLock, stack->FileObject, process, key, Context);
        break;
    default:
        FsRtlCompleteRequest(Irp, STATUS_INVALID_DEVICE_REQUEST);
        return STATUS_INVALID_DEVICE_REQUEST;
    }
    CompleteLockIrp(FileLock, Context, Irp, status);
    return status;
}

BOOLEAN FsRtlCheckLockForReadAccess(PFILE_LOCK FileLock, PIRP Irp)
{
    API_ENTER(FsRtlCheckLockForReadAccess, FileLock, SCHED_READ);
    PIO_STACK_LOCATION stack = IoGetCurrentIrpStackLocation(Irp);
    return FsRtlpRangeAllows(FileLock, false, stack->Parameters.Read.ByteOffset.QuadPart,
                             stack->Parameters.Read.Length, stack->Parameters.Read.Key, stack->FileObject,
                             IoGetRequestorProcess(Irp));
}

BOOLEAN FsRtlCheckLockForWriteAccess(PFILE_LOCK FileLock, PIRP Irp)
{
    API_ENTER(FsRtlCheckLockForWriteAccess, FileLock, SCHED_READ);
    PIO_STACK_LOCATION stack = IoGetCurrentIrpStackLocation(Irp);
    return FsRtlpRangeAllows(FileLock, true, stack->Parameters.Write.ByteOffset.QuadPart,
                             stack->Parameters.Write.Length, stack->Parameters.Write.Key, stack->FileObject,
                             IoGetRequestorProcess(Irp));
}

BOOLEAN FsRtlFastCheckLockForRead(PFILE_LOCK FileLock, PLARGE_INTEGER StartingByte, PLARGE_INTEGER Length, ULONG Key,
                                  PFILE_OBJECT FileObject, PVOID ProcessId)
{
    API_ENTER(FsRtlFastCheckLockForRead, FileLock, SCHED_READ);
    return FsRtlpRangeAllows(FileLock, false, StartingByte->QuadPart, Length->QuadPart, Key, FileObject, ProcessId);
}

BOOLEAN FsRtlFastCheckLockForWrite(PFILE_LOCK FileLock, PLARGE_INTEGER StartingByte, PLARGE_INTEGER Length, ULONG Key,
                                   PVOID FileObject, PVOID ProcessId)
{
    API_ENTER(FsRtlFastCheckLockForWrite, FileLock, SCHED_READ);
    return FsRtlpRangeAllows(FileLock, true, StartingByte->QuadPart, Length->QuadPart, Key, FileObject, ProcessId);
}

PFILE_LOCK FsRtlAllocateFileLock(PCOMPLETE_LOCK_IRP_ROUTINE CompleteLockIrpRoutine, PUNLOCK_ROUTINE UnlockRoutine)
{
    API_IRQL(FsRtlAllocateFileLock);
    PFILE_LOCK lock = ExAllocatePoolWithTag(PagedPool, sizeof *lock, 'klFF');
    if (lock)
        FsRtlInitializeFileLock(lock, CompleteLockIrpRoutine, UnlockRoutine);
    return lock;
}

VOID FsRtlFreeFileLock(PFILE_LOCK FileLock)
{
    API_IRQL(FsRtlFreeFileLock);
    FsRtlUninitializeFileLock(FileLock);
    ExFreePoolWithTag(FileLock, 'klFF');
}
