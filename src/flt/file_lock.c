/* Byte-range locks for a minifilter that owns a file: the lock package, with callback data in the place of IRPs. */
#include "fltp.h"

#include "fsrtl/file_lock.h"
#include "verify/api.h"

#define LOCK_TAG 'klFF'

/* FILE_LOCK.CompleteLockIrpRoutine holds the filter's routine, which takes callback data. */
static NTSTATUS CompleteLock(PFILE_LOCK lock, PVOID context, PVOID operation, NTSTATUS status)
{
    PFLT_CALLBACK_DATA data = operation;
    data->IoStatus.Status = status;
    data->IoStatus.Information = 0;
    if (lock->CompleteLockIrpRoutine) {
        PFLT_COMPLETE_LOCK_CALLBACK_DATA_ROUTINE routine =
            (PFLT_COMPLETE_LOCK_CALLBACK_DATA_ROUTINE)(void *)lock->CompleteLockIrpRoutine;
        return routine(context, data);
    }
    return status;
}

/* One that waited is pended: it also goes on from here. */
static NTSTATUS CompleteWaiter(PFILE_LOCK lock, PVOID context, PVOID operation, NTSTATUS status)
{
    NTSTATUS result = CompleteLock(lock, context, operation, status);
    FltCompletePendedPreOperation(operation, FLT_PREOP_COMPLETE, NULL);
    return result;
}

static VOID CancelWaiter(PFLT_CALLBACK_DATA data)
{
    PFILE_LOCK lock = (PFILE_LOCK)data->QueueContext[0];
    struct file_lock_entry *entry = FsRtlpTakeWaiter(lock, data);
    if (!entry)
        return;
    PVOID context = entry->context;
    sim_free(entry);
    CompleteWaiter(lock, context, data, STATUS_CANCELLED);
}

static bool Arm(PFILE_LOCK lock, struct file_lock_entry *entry)
{
    PFLT_CALLBACK_DATA data = entry->operation;
    data->QueueContext[0] = lock;
    return NT_SUCCESS(FltSetCancelCompletion(data, CancelWaiter));
}

static bool Disarm(struct file_lock_entry *entry)
{
    return NT_SUCCESS(FltClearCancelCompletion(entry->operation));
}

static const struct file_lock_kind dataKind = {Arm, Disarm, CompleteWaiter};

VOID FltInitializeFileLock(PFILE_LOCK FileLock)
{
    API_IRQL(FltInitializeFileLock);
    FsRtlInitializeFileLock(FileLock, NULL, NULL);
}

VOID FltUninitializeFileLock(PFILE_LOCK FileLock)
{
    API_IRQL(FltUninitializeFileLock);
    FsRtlUninitializeFileLock(FileLock);
}

PFILE_LOCK FltAllocateFileLock(PFLT_COMPLETE_LOCK_CALLBACK_DATA_ROUTINE CompleteLockCallbackDataRoutine,
                               PUNLOCK_ROUTINE UnlockRoutine)
{
    API_IRQL(FltAllocateFileLock);
    PFILE_LOCK lock = ExAllocatePoolWithTag(PagedPool, sizeof *lock, LOCK_TAG);
    if (lock)
        FsRtlInitializeFileLock(lock, (PCOMPLETE_LOCK_IRP_ROUTINE)(void *)CompleteLockCallbackDataRoutine,
                                UnlockRoutine);
    return lock;
}

VOID FltFreeFileLock(PFILE_LOCK FileLock)
{
    API_IRQL(FltFreeFileLock);
    FsRtlUninitializeFileLock(FileLock);
    ExFreePoolWithTag(FileLock, LOCK_TAG);
}

/* Fast I/O says by parameters what an IRP says by flags and by its thread. */
static bool Says(PFLT_CALLBACK_DATA data, UCHAR flag, BOOLEAN parameter)
{
    return data->Flags & FLTFL_CALLBACK_DATA_IRP_OPERATION ? (data->Iopb->OperationFlags & flag) != 0 : parameter;
}

static PVOID ProcessOf(PFLT_CALLBACK_DATA data)
{
    return data->Flags & FLTFL_CALLBACK_DATA_IRP_OPERATION ? FltGetRequestorProcess(data)
                                                           : data->Iopb->Parameters.LockControl.ProcessId;
}

static FILE_LOCK_INFO RangeOf(PFLT_CALLBACK_DATA data)
{
    const FLT_PARAMETERS *p = &data->Iopb->Parameters;
    return (FILE_LOCK_INFO){.StartingByte = p->LockControl.ByteOffset,
                            .Length = *p->LockControl.Length,
                            .ExclusiveLock = Says(data, SL_EXCLUSIVE_LOCK, p->LockControl.ExclusiveLock),
                            .Key = p->LockControl.Key,
                            .FileObject = data->Iopb->TargetFileObject,
                            .ProcessId = ProcessOf(data)};
}

FLT_PREOP_CALLBACK_STATUS FltProcessFileLock(PFILE_LOCK FileLock, PFLT_CALLBACK_DATA CallbackData, PVOID Context)
{
    API_ENTER(FltProcessFileLock, FileLock, SCHED_WRITE);
    UCHAR minor = CallbackData->Iopb->MinorFunction;
    PFILE_OBJECT file = CallbackData->Iopb->TargetFileObject;
    FILE_LOCK_INFO range = {0};
    NTSTATUS status;
    switch (minor) {
    case IRP_MN_LOCK: {
        bool wait = CallbackData->Flags & FLTFL_CALLBACK_DATA_IRP_OPERATION &&
                    !(CallbackData->Iopb->OperationFlags & SL_FAIL_IMMEDIATELY);
        range = RangeOf(CallbackData);
        status = FsRtlpLockRange(FileLock, &range, wait, &dataKind, CallbackData, Context);
        if (status == STATUS_PENDING)
            return FLT_PREOP_PENDING;
        break;
    }
    case IRP_MN_UNLOCK_SINGLE:
        range = RangeOf(CallbackData);
        status = FsRtlpUnlockRange(FileLock, &range, Context);
        break;
    case IRP_MN_UNLOCK_ALL:
        status = FsRtlpUnlockAll(FileLock, file, ProcessOf(CallbackData), NULL, Context);
        break;
    case IRP_MN_UNLOCK_ALL_BY_KEY:
        status = FsRtlpUnlockAll(FileLock, file, ProcessOf(CallbackData),
                                 &CallbackData->Iopb->Parameters.LockControl.Key, Context);
        break;
    default:
        CallbackData->IoStatus.Status = STATUS_INVALID_DEVICE_REQUEST;
        return FLT_PREOP_COMPLETE;
    }
    NTSTATUS completed = CompleteLock(FileLock, Context, CallbackData, status);
    if (minor == IRP_MN_LOCK && NT_SUCCESS(status) && !NT_SUCCESS(completed))
        FsRtlpUnlockRange(FileLock, &range, Context);
    return FLT_PREOP_COMPLETE;
}

BOOLEAN FltCheckLockForReadAccess(PFILE_LOCK FileLock, PFLT_CALLBACK_DATA CallbackData)
{
    API_ENTER(FltCheckLockForReadAccess, FileLock, SCHED_READ);
    const FLT_PARAMETERS *p = &CallbackData->Iopb->Parameters;
    return FsRtlpRangeAllows(FileLock, false, p->Read.ByteOffset.QuadPart, p->Read.Length, p->Read.Key,
                             CallbackData->Iopb->TargetFileObject, FltGetRequestorProcess(CallbackData));
}

BOOLEAN FltCheckLockForWriteAccess(PFILE_LOCK FileLock, PFLT_CALLBACK_DATA CallbackData)
{
    API_ENTER(FltCheckLockForWriteAccess, FileLock, SCHED_READ);
    const FLT_PARAMETERS *p = &CallbackData->Iopb->Parameters;
    return FsRtlpRangeAllows(FileLock, true, p->Write.ByteOffset.QuadPart, p->Write.Length, p->Write.Key,
                             CallbackData->Iopb->TargetFileObject, FltGetRequestorProcess(CallbackData));
}
