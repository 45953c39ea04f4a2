/* Cancelling IRPs: the cancel spin lock, IoCancelIrp, the IRPs of a thread, NtCancelIoFile. */
#include "iop.h"

#include "ps/process.h"

VOID IoAcquireCancelSpinLock(PKIRQL Irql)
{
    API_IRQL(IoAcquireCancelSpinLock);
    KeAcquireSpinLock(&io->cancel_lock, Irql);
    io->cancel_owner = KiCurrentThread();
}

VOID IoReleaseCancelSpinLock(KIRQL Irql)
{
    io->cancel_owner = NULL;
    KeReleaseSpinLock(&io->cancel_lock, Irql);
}

BOOLEAN IoCancelIrp(PIRP Irp)
{
    API_ENTER(IoCancelIrp, Irp, SCHED_WRITE);
    KIRQL irql;
    IoAcquireCancelSpinLock(&irql);
    __atomic_store_n(&Irp->Cancel, TRUE, __ATOMIC_SEQ_CST);
    PDRIVER_CANCEL routine = IoSetCancelRoutine(Irp, NULL);
    if (!routine) {
        IoReleaseCancelSpinLock(irql);
        return FALSE;
    }
    if (Irp->CurrentLocation > Irp->StackCount + 1) {
        verify_bugcheck(VERIFY_IRP_MISUSE, 0x48, (uintptr_t)Irp, (uintptr_t)routine, 0, 0,
                        "IoCancelIrp: the IRP %p was completed already and still has a cancel routine", (void *)Irp);
    }
    PDEVICE_OBJECT device =
        Irp->CurrentLocation <= Irp->StackCount ? IoGetCurrentIrpStackLocation(Irp)->DeviceObject : NULL;
    Irp->CancelIrql = irql;
    routine(device, Irp);
    if (io->cancel_owner == KiCurrentThread()) {
        struct verify_violation *v = verify_begin(
            VERIFY_CANCEL_LOCK_KEPT, "A cancel routine returned without releasing the cancel spin lock");
        verify_site(v, "cancel routine", (const char *)(uintptr_t)routine + 1);
        verify_end(v);
        IoReleaseCancelSpinLock(irql);
    }
    return TRUE;
}

/* -- the IRPs of a thread --------------------------------------------------------------------------------- */

void IopQueueThreadIrp(PIRP irp)
{
    struct iop_block *block = IopBlock(irp);
    PKTHREAD thread = (PKTHREAD)irp->Tail.Overlay.Thread;
    if (block->owner == IOP_OWNER_DRIVER)
        block->owner = IOP_OWNER_THREAD;
    sched_lock(&thread->irp_lock);
    InsertHeadList(&thread->irps, &irp->ThreadListEntry);
    block->queued = true;
    sched_unlock(&thread->irp_lock);
}

bool IopDequeueThreadIrp(PIRP irp)
{
    struct iop_block *block = IopBlock(irp);
    PKTHREAD thread = (PKTHREAD)irp->Tail.Overlay.Thread;
    sched_lock(&thread->irp_lock);
    RemoveEntryList(&irp->ThreadListEntry);
    InitializeListHead(&irp->ThreadListEntry);
    block->queued = false;
    block->free_later = block->cancelling;
    bool freed = !block->free_later, holds = block->holds_thread;
    block->holds_thread = false;
    sched_unlock(&thread->irp_lock);
    if (holds)
        ObDereferenceObjectDeferDelete(thread);
    return freed;
}

VOID IoQueueThreadIrp(PIRP Irp)
{
    if (IopBlock(Irp))
        IopQueueThreadIrp(Irp);
}

struct match {
    PFILE_OBJECT file;
    PIO_STATUS_BLOCK iosb;
};

static bool Matches(PIRP irp, const struct match *m)
{
    return (!m->file || irp->Tail.Overlay.OriginalFileObject == m->file) && (!m->iosb || irp->UserIosb == m->iosb) &&
           !__atomic_load_n(&irp->Cancel, __ATOMIC_SEQ_CST);
}

/* Cancels one matching IRP of the thread. It may complete at any moment; its memory stays while `cancelling` is set. */
static bool CancelOne(PKTHREAD thread, const struct match *m)
{
    PIRP found = NULL;
    sched_lock(&thread->irp_lock);
    for (PLIST_ENTRY link = thread->irps.Flink; link != &thread->irps && !found; link = link->Flink) {
        PIRP irp = CONTAINING_RECORD(link, IRP, ThreadListEntry);
        if (Matches(irp, m)) {
            found = irp;
            __atomic_store_n(&irp->Cancel, TRUE, __ATOMIC_SEQ_CST);
            IopBlock(irp)->cancelling = true;
        }
    }
    sched_unlock(&thread->irp_lock);
    if (!found)
        return false;
    IoCancelIrp(found);
    sched_lock(&thread->irp_lock);
    IopBlock(found)->cancelling = false;
    bool gone = IopBlock(found)->free_later;
    sched_unlock(&thread->irp_lock);
    if (gone)
        IopFreeIrp(found);
    return true;
}

static unsigned CancelAll(PKTHREAD thread, const struct match *m)
{
    unsigned found = 0;
    while (CancelOne(thread, m))
        found++;
    return found;
}

/* Of whichever thread of the process asked. */
static unsigned CancelEverywhere(const struct match *m)
{
    PKTHREAD self = KiCurrentThread(), thread;
    unsigned found = CancelAll(self, m);
    for (HANDLE last = NULL; (thread = PspNextThread(KiCurrentProcess(), last)); ObpDereference(thread)) {
        last = thread->id;
        if (thread != self)
            found += CancelAll(thread, m);
    }
    return found;
}

static NTSTATUS CancelIo(HANDLE handle, PIO_STATUS_BLOCK which, PIO_STATUS_BLOCK iosb, bool extended)
{
    struct iop_service s;
    NTSTATUS status = IopBeginService(&s, handle, 0, iosb);
    if (!NT_SUCCESS(status))
        return status;
    struct match m = {.file = s.file, .iosb = which};
    unsigned found = extended ? CancelEverywhere(&m) : CancelAll(KiCurrentThread(), &m);
    ObpDereference(s.file);
    status = extended && !found ? STATUS_NOT_FOUND : STATUS_SUCCESS;
    iosb->Status = status;
    iosb->Information = 0;
    return status;
}

NTSTATUS NtCancelIoFile(HANDLE FileHandle, PIO_STATUS_BLOCK IoStatusBlock)
{
    return CancelIo(FileHandle, NULL, IoStatusBlock, false);
}

NTSTATUS ZwCancelIoFile(HANDLE FileHandle, PIO_STATUS_BLOCK IoStatusBlock)
{
    IOP_ZW(NtCancelIoFile(FileHandle, IoStatusBlock));
}

NTSTATUS NtCancelIoFileEx(HANDLE FileHandle, PIO_STATUS_BLOCK IoRequestToCancel, PIO_STATUS_BLOCK IoStatusBlock)
{
    return CancelIo(FileHandle, IoRequestToCancel, IoStatusBlock, true);
}

NTSTATUS ZwCancelIoFileEx(HANDLE FileHandle, PIO_STATUS_BLOCK IoRequestToCancel, PIO_STATUS_BLOCK IoStatusBlock)
{
    IOP_ZW(NtCancelIoFileEx(FileHandle, IoRequestToCancel, IoStatusBlock));
}

static bool HasIrps(PKTHREAD thread)
{
    sched_lock(&thread->irp_lock);
    bool some = !IsListEmpty(&thread->irps);
    sched_unlock(&thread->irp_lock);
    return some;
}

/* Nobody will look at the results of these any more; the KTHREAD stays until the last of them is complete. */
static void Disown(PKTHREAD thread)
{
    sched_lock(&thread->irp_lock);
    for (PLIST_ENTRY link = thread->irps.Flink; link != &thread->irps; link = link->Flink) {
        PIRP irp = CONTAINING_RECORD(link, IRP, ThreadListEntry);
        TRACE("io", "irp %p outlives its thread", (void *)irp);
        irp->UserIosb = NULL;
        irp->Overlay.AsynchronousParameters.UserApcRoutine = NULL;
        IopBlock(irp)->holds_thread = true;
        ObpReference(thread);
    }
    sched_unlock(&thread->irp_lock);
}

void IopCancelThreadIo(PKTHREAD thread)
{
    const struct match all = {0};
    while (CancelOne(thread, &all))
        ;
    LARGE_INTEGER pause = {.QuadPart = -10 * 1000 * 10};
    /* Windows waits five minutes, then disowns what is left; so many short waits of virtual time. */
    for (int i = 0; i < 300 && HasIrps(thread); i++)
        KeDelayExecutionThread(KernelMode, FALSE, &pause);
    if (HasIrps(thread))
        Disown(thread);
}
