/* What the NtXxxFile services have in common: from handle to device, the file lock, sending, waiting, ending. */
#include "iop.h"

#include <string.h>

KPROCESSOR_MODE IopEnterKernelMode(void)
{
    PKTHREAD thread = KiCurrentThread();
    KPROCESSOR_MODE previous = thread->previous_mode;
    thread->previous_mode = KernelMode;
    return previous;
}

void IopLeaveKernelMode(KPROCESSOR_MODE previous) { KiCurrentThread()->previous_mode = previous; }

void IopReportApcs(const char *routine, const void *caller)
{
    PKTHREAD thread = KiCurrentThread();
    struct verify_violation *v = verify_begin(
        VERIFY_APC_DISABLED, "%s was called with all APCs disabled (%s)", routine,
        thread->irql >= APC_LEVEL ? "the IRQL is APC_LEVEL: a fast mutex is held?" : "inside a guarded region");
    verify_site(v, "called by", caller);
    verify_end(v);
}

NTSTATUS IopBeginService(struct iop_service *s, HANDLE handle, ACCESS_MASK access, PIO_STATUS_BLOCK iosb)
{
    PKTHREAD thread = KiCurrentThread();
    s->mode = thread->previous_mode;
    if (__builtin_expect(thread->special_apc_disable || thread->irql >= APC_LEVEL, 0))
        IopReportApcs("An NtXxxFile service", s->wait.site);
    s->iosb = iosb;
    s->event = NULL;
    s->apc = NULL;
    s->apc_context = NULL;
    s->synchronous = false;
    NTSTATUS status = s->mode == KernelMode ? STATUS_SUCCESS : IopProbeRange(iosb, sizeof *iosb, sizeof(ULONG));
    if (NT_SUCCESS(status))
        status = ObpReferenceHandle(handle, access, io->file_type, s->mode, (PVOID *)&s->file, &s->granted);
    if (NT_SUCCESS(status))
        s->device = IopRelatedDevice(s->file);
    return status;
}

NTSTATUS IopServiceEvent(struct iop_service *s, HANDLE event, PIO_APC_ROUTINE apc, PVOID context)
{
    s->apc = apc;
    s->apc_context = context;
    if (event) {
        NTSTATUS status =
            ObpReferenceHandle(event, EVENT_MODIFY_STATE, *ExEventObjectType, s->mode, (PVOID *)&s->event, NULL);
        if (!NT_SUCCESS(status)) {
            s->event = NULL;
            return status;
        }
        KeClearEvent(s->event);
    }
    return STATUS_SUCCESS;
}

void IopLockService(struct iop_service *s)
{
    if (s->file->Flags & FO_SYNCHRONOUS_IO) {
        IopAcquireFileLock(s->file);
        s->synchronous = true;
    }
}

PIRP IopServiceIrp(struct iop_service *s, UCHAR major, UCHAR minor)
{
    PIRP irp = IopAllocateIrp(s->device->StackSize, IOP_OWNER_SERVICE, s->wait.site);
    PIO_STACK_LOCATION stack = IoGetNextIrpStackLocation(irp);
    IopInitializeWait(&s->wait, s->wait.site);
    irp->RequestorMode = s->mode;
    irp->Tail.Overlay.Thread = (PETHREAD)s->wait.thread;
    irp->Tail.Overlay.OriginalFileObject = s->file;
    irp->UserIosb = s->iosb;
    irp->UserEvent = s->event;
    irp->Overlay.AsynchronousParameters.UserApcRoutine = s->apc;
    irp->Overlay.AsynchronousParameters.UserApcContext = s->apc_context;
    stack->MajorFunction = major;
    stack->MinorFunction = minor;
    stack->FileObject = s->file;
    return irp;
}

/* The result of a request that the service saw end: as its IRP would have done at completion. */
static void Publish(struct iop_service *s, const IO_STATUS_BLOCK *result, bool pended)
{
    if (!NT_ERROR(result->Status) || pended) {
        IopPublishStatus(s->iosb, result);
        if (s->event)
            KeSetEvent(s->event, IO_NO_INCREMENT, FALSE);
        else if (!s->synchronous || !s->file->Event.Header.SignalState) /* the file lock orders this look */
            KeSetEvent(&s->file->Event, IO_NO_INCREMENT, FALSE);
    }
    __atomic_store_n(&s->file->FinalStatus, result->Status, __ATOMIC_RELAXED);
}

NTSTATUS IopEndService(struct iop_service *s, NTSTATUS status)
{
    if (s->synchronous)
        IopReleaseFileLock(s->file);
    if (s->event)
        ObpDereference(s->event);
    ObpDereference(s->file);
    return status;
}

NTSTATUS IopEndFastIo(struct iop_service *s, const IO_STATUS_BLOCK *result)
{
    NTSTATUS status = result->Status;
    IopPublishStatus(s->iosb, result);
    if (s->event)
        KeSetEvent(s->event, IO_NO_INCREMENT, FALSE);
    return IopEndService(s, status);
}

/* The caller waits: for its own sake (a synchronous file) or because the service has no asynchronous form. */
static NTSTATUS RunAndWait(struct iop_service *s, PIRP irp)
{
    irp->FltsimPrivate[1] = &s->wait;
    irp->Flags |= IRP_SYNCHRONOUS_API;
    UCHAR major = IoGetNextIrpStackLocation(irp)->MajorFunction;
    VERIFY_CALL_DOWN(trace_major(major), verify_call_kind_of(major, !(irp->Flags & IRP_NOCACHE)), s->file->FsContext,
                     s->wait.site);
    bool cancellable = major == IRP_MJ_DIRECTORY_CONTROL || major == IRP_MJ_LOCK_CONTROL ||
                       major == IRP_MJ_FILE_SYSTEM_CONTROL || major == IRP_MJ_DEVICE_CONTROL;
    if (cancellable)
        IopQueueThreadIrp(irp);
    IopCallAndWait(s->device, irp, &s->wait);
    Publish(s, &s->wait.result, s->wait.signalled);
    return IopEndService(s, s->wait.result.Status);
}

static NTSTATUS RunAsynchronously(struct iop_service *s, PIRP irp)
{
    struct iop_block *block = IopBlock(irp);
    PDEVICE_OBJECT device = s->device;
    PFILE_OBJECT file = s->file;
    irp->FltsimPrivate[1] = NULL;
    block->owner = IOP_OWNER_THREAD;
    KeClearEvent(&file->Event);
    IopQueueThreadIrp(irp);
    /* The references of s->file and s->event go with the IRP from here on. */
    return IofCallDriver(device, irp);
}

NTSTATUS IopRunService(struct iop_service *s, PIRP irp, bool must_wait)
{
    if (s->synchronous || must_wait)
        return RunAndWait(s, irp);
    return RunAsynchronously(s, irp);
}
