/* NtLockFile and NtUnlockFile. */
#include "iop.h"

static void FreeLength(PIRP irp)
{
    if (irp->Tail.Overlay.AuxiliaryBuffer)
        ExFreePool(irp->Tail.Overlay.AuxiliaryBuffer);
    irp->Tail.Overlay.AuxiliaryBuffer = NULL;
}

/* The length is passed by pointer and outlives the call with its request: it rides in the auxiliary buffer. */
static PIRP BuildLock(struct iop_service *s, UCHAR minor, const LARGE_INTEGER *offset, const LARGE_INTEGER *length,
                      ULONG key)
{
    PIRP irp = IopServiceIrp(s, IRP_MJ_LOCK_CONTROL, minor);
    PIO_STACK_LOCATION stack = IoGetNextIrpStackLocation(irp);
    PLARGE_INTEGER copy = ExAllocatePoolWithTag(NonPagedPool, sizeof *copy, IOP_TAG);
    if (!copy) {
        FreeLength(irp);
        IopFreeIrp(irp);
        return NULL;
    }
    *copy = *length;
    irp->Tail.Overlay.AuxiliaryBuffer = (PCHAR)copy;
    stack->Parameters.LockControl.Length = copy;
    stack->Parameters.LockControl.Key = key;
    stack->Parameters.LockControl.ByteOffset = *offset;
    return irp;
}

static NTSTATUS Begin(struct iop_service *s, HANDLE handle, PIO_STATUS_BLOCK iosb, const LARGE_INTEGER *offset,
                      const LARGE_INTEGER *length, const void *site)
{
    s->wait.site = site;
    NTSTATUS status = IopBeginService(s, handle, 0, iosb);
    if (!NT_SUCCESS(status) || s->mode == KernelMode)
        return status;
    if (!(s->granted & (FILE_READ_DATA | FILE_WRITE_DATA)))
        return IopEndService(s, STATUS_ACCESS_DENIED);
    status = IopProbeMemory(offset, sizeof *offset, sizeof(ULONG), false);
    if (NT_SUCCESS(status))
        status = IopProbeMemory(length, sizeof *length, sizeof(ULONG), false);
    return NT_SUCCESS(status) ? status : IopEndService(s, status);
}

static NTSTATUS Lock(HANDLE handle, HANDLE event, PIO_APC_ROUTINE apc, PVOID context, PIO_STATUS_BLOCK iosb,
                     PLARGE_INTEGER offset, PLARGE_INTEGER length, ULONG key, BOOLEAN immediately, BOOLEAN exclusive,
                     const void *site)
{
    struct iop_service s;
    NTSTATUS status = Begin(&s, handle, iosb, offset, length, site);
    if (!NT_SUCCESS(status))
        return status;
    status = IopServiceEvent(&s, event, apc, context);
    if (!NT_SUCCESS(status))
        return IopEndService(&s, status);
    IopLockService(&s);
    PFAST_IO_DISPATCH fast = s.device->DriverObject->FastIoDispatch;
    IO_STATUS_BLOCK result;
    if (fast && fast->FastIoLock &&
        fast->FastIoLock(s.file, offset, length, PsGetCurrentProcess(), key, immediately, exclusive, &result,
                         s.device)) {
        if (NT_SUCCESS(result.Status))
            s.file->LockOperation = TRUE;
        return IopEndFastIo(&s, &result);
    }
    PIRP irp = BuildLock(&s, IRP_MN_LOCK, offset, length, key);
    if (!irp)
        return IopEndService(&s, STATUS_INSUFFICIENT_RESOURCES);
    IoGetNextIrpStackLocation(irp)->Flags =
        (UCHAR)((immediately ? SL_FAIL_IMMEDIATELY : 0) | (exclusive ? SL_EXCLUSIVE_LOCK : 0));
    s.file->LockOperation = TRUE;
    return IopRunService(&s, irp, false);
}

NTSTATUS NtLockFile(HANDLE FileHandle, HANDLE Event, PIO_APC_ROUTINE ApcRoutine, PVOID ApcContext,
                    PIO_STATUS_BLOCK IoStatusBlock, PLARGE_INTEGER ByteOffset, PLARGE_INTEGER Length, ULONG Key,
                    BOOLEAN FailImmediately, BOOLEAN ExclusiveLock)
{
    return Lock(FileHandle, Event, ApcRoutine, ApcContext, IoStatusBlock, ByteOffset, Length, Key, FailImmediately,
                ExclusiveLock, VERIFY_CALLER);
}

NTSTATUS ZwLockFile(HANDLE FileHandle, HANDLE Event, PIO_APC_ROUTINE ApcRoutine, PVOID ApcContext,
                    PIO_STATUS_BLOCK IoStatusBlock, PLARGE_INTEGER ByteOffset, PLARGE_INTEGER Length, ULONG Key,
                    BOOLEAN FailImmediately, BOOLEAN ExclusiveLock)
{
    const void *site = VERIFY_CALLER;
    IOP_ZW(Lock(FileHandle, Event, ApcRoutine, ApcContext, IoStatusBlock, ByteOffset, Length, Key, FailImmediately,
                ExclusiveLock, site));
}

static NTSTATUS Unlock(HANDLE handle, PIO_STATUS_BLOCK iosb, PLARGE_INTEGER offset, PLARGE_INTEGER length, ULONG key,
                       const void *site)
{
    struct iop_service s;
    NTSTATUS status = Begin(&s, handle, iosb, offset, length, site);
    if (!NT_SUCCESS(status))
        return status;
    IopLockService(&s);
    PFAST_IO_DISPATCH fast = s.device->DriverObject->FastIoDispatch;
    IO_STATUS_BLOCK result;
    if (fast && fast->FastIoUnlockSingle &&
        fast->FastIoUnlockSingle(s.file, offset, length, PsGetCurrentProcess(), key, &result, s.device))
        return IopEndFastIo(&s, &result);
    PIRP irp = BuildLock(&s, IRP_MN_UNLOCK_SINGLE, offset, length, key);
    if (!irp)
        return IopEndService(&s, STATUS_INSUFFICIENT_RESOURCES);
    return IopRunService(&s, irp, true);
}

NTSTATUS NtUnlockFile(HANDLE FileHandle, PIO_STATUS_BLOCK IoStatusBlock, PLARGE_INTEGER ByteOffset,
                      PLARGE_INTEGER Length, ULONG Key)
{
    return Unlock(FileHandle, IoStatusBlock, ByteOffset, Length, Key, VERIFY_CALLER);
}

NTSTATUS ZwUnlockFile(HANDLE FileHandle, PIO_STATUS_BLOCK IoStatusBlock, PLARGE_INTEGER ByteOffset,
                      PLARGE_INTEGER Length, ULONG Key)
{
    const void *site = VERIFY_CALLER;
    IOP_ZW(Unlock(FileHandle, IoStatusBlock, ByteOffset, Length, Key, site));
}
