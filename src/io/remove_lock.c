/* Remove locks: a count of users that the last one's owner can wait out. */
#include "iop.h"

VOID IoInitializeRemoveLockEx(PIO_REMOVE_LOCK Lock, ULONG AllocateTag, ULONG MaxLockedMinutes, ULONG HighWatermark,
                              ULONG RemlockSize)
{
    Lock->Common.Removed = FALSE;
    Lock->Common.IoCount = 1;
    KeInitializeEvent(&Lock->Common.RemoveEvent, SynchronizationEvent, FALSE);
}

static void Drop(PIO_REMOVE_LOCK lock)
{
    if (__atomic_sub_fetch(&lock->Common.IoCount, 1, __ATOMIC_ACQ_REL) == 0)
        KeSetEvent(&lock->Common.RemoveEvent, IO_NO_INCREMENT, FALSE);
}

NTSTATUS IoAcquireRemoveLockEx(PIO_REMOVE_LOCK RemoveLock, PVOID Tag, PCSTR File, ULONG Line, ULONG RemlockSize)
{
    sched_point("IoAcquireRemoveLockEx", RemoveLock, SCHED_ADD);
    __atomic_add_fetch(&RemoveLock->Common.IoCount, 1, __ATOMIC_ACQ_REL);
    if (!__atomic_load_n(&RemoveLock->Common.Removed, __ATOMIC_ACQUIRE))
        return STATUS_SUCCESS;
    Drop(RemoveLock);
    return STATUS_DELETE_PENDING;
}

VOID IoReleaseRemoveLockEx(PIO_REMOVE_LOCK RemoveLock, PVOID Tag, ULONG RemlockSize)
{
    sched_point("IoReleaseRemoveLockEx", RemoveLock, SCHED_ADD);
    Drop(RemoveLock);
}

VOID IoReleaseRemoveLockAndWaitEx(PIO_REMOVE_LOCK RemoveLock, PVOID Tag, ULONG RemlockSize)
{
    sched_point("IoReleaseRemoveLockAndWaitEx", RemoveLock, SCHED_WRITE);
    __atomic_store_n(&RemoveLock->Common.Removed, TRUE, __ATOMIC_RELEASE);
    /* The caller's own, and the one that the lock began with. */
    Drop(RemoveLock);
    Drop(RemoveLock);
    const struct ki_wait_hint hint = {.what = "a remove lock", .object = RemoveLock};
    KiWaitFor(&RemoveLock->Common.RemoveEvent, NULL, &hint, VERIFY_CALLER);
}
