/* Opportunistic locks: who asks for one, and who breaks it before it goes on. */
#include "memfs/open.h"

struct again {
    WORK_QUEUE_ITEM item;
    PIRP irp;
};

static bool has_oplock(struct memfs_scb *scb)
{
    return __atomic_load_n(&scb->header.Oplock, __ATOMIC_ACQUIRE) != NULL;
}

/* What changes data breaks shared ones, too, which only a request does. */
bool MemfsOplockAllowsFastIo(struct memfs_scb *scb, bool changes)
{
    POPLOCK oplock = &scb->header.Oplock;
    return !has_oplock(scb) || (FsRtlOplockIsFastIoPossible(oplock) && !(changes && FsRtlCurrentOplock(oplock)));
}

/* -- requests that wait for a break ------------------------------------------------------------ */

static VOID dispatch_again(PVOID context)
{
    struct again *again = context;
    PIRP irp = again->irp;
    PIO_STACK_LOCATION stack = IoGetCurrentIrpStackLocation(irp);
    PDEVICE_OBJECT device = stack->DeviceObject;
    ExFreePoolWithTag(again, MEMFS_TAG);
    device->DriverObject->MajorFunction[stack->MajorFunction](device, irp);
}

/* The break is over, or the wait was cancelled: the request begins anew, in a worker thread. */
static VOID go_on(PVOID context, PIRP irp)
{
    NTSTATUS status = irp->IoStatus.Status;
    struct again *again = NULL;
    if (NT_SUCCESS(status)) {
        again = ExAllocatePoolWithTag(NonPagedPool, sizeof *again, MEMFS_TAG);
        status = STATUS_INSUFFICIENT_RESOURCES;
    }
    if (!again) {
        MemfsComplete(irp, status, 0);
        return;
    }
    again->irp = irp;
    ExInitializeWorkItem(&again->item, dispatch_again, again);
    ExQueueWorkItem(&again->item, CriticalWorkQueue);
}

NTSTATUS MemfsCheckOplock(struct memfs_scb *scb, PIRP irp)
{
    if (!has_oplock(scb))
        return STATUS_SUCCESS;
    return FsRtlCheckOplock(&scb->header.Oplock, irp, NULL, go_on, NULL);
}

void MemfsReleaseOplock(struct memfs_scb *scb, PIRP irp)
{
    if (has_oplock(scb)) /* a cleanup never waits */
        FsRtlCheckOplock(&scb->header.Oplock, irp, NULL, NULL, NULL);
}

/* Creates wait in their own thread. One that sharing refuses breaks only what its owner may close for it. */
NTSTATUS MemfsBreakForOpen(struct memfs_open *open, NTSTATUS share)
{
    POPLOCK oplock = &open->scb->header.Oplock;
    if (share == STATUS_SHARING_VIOLATION && !FsRtlCurrentBatchOplock(oplock))
        return FsRtlCurrentOplockH(oplock) ? FsRtlOplockBreakH(oplock, open->irp, 0, NULL, NULL, NULL)
                                           : STATUS_SUCCESS;
    NTSTATUS status = FsRtlCheckOplock(oplock, open->irp, NULL, NULL, NULL);
    if (status == STATUS_OPLOCK_BREAK_IN_PROGRESS && share == STATUS_SHARING_VIOLATION)
        open->information = FILE_OPBATCH_BREAK_UNDERWAY;
    return status;
}

/* -- requests for one -------------------------------------------------------------------------- */

bool MemfsIsOplockControl(ULONG code)
{
    switch (code) {
    case FSCTL_REQUEST_OPLOCK:
    case FSCTL_REQUEST_OPLOCK_LEVEL_1:
    case FSCTL_REQUEST_OPLOCK_LEVEL_2:
    case FSCTL_REQUEST_BATCH_OPLOCK:
    case FSCTL_REQUEST_FILTER_OPLOCK:
    case FSCTL_OPLOCK_BREAK_ACKNOWLEDGE:
    case FSCTL_OPLOCK_BREAK_ACK_NO_2:
    case FSCTL_OPBATCH_ACK_CLOSE_PENDING:
    case FSCTL_OPLOCK_BREAK_NOTIFY:
        return true;
    default:
        return false;
    }
}

static NTSTATUS check(struct memfs_scb *scb, PIO_STACK_LOCATION stack)
{
    bool extended = stack->Parameters.FileSystemControl.FsControlCode == FSCTL_REQUEST_OPLOCK;
    if (!scb || !scb->node || !stack->FileObject->FsContext2)
        return STATUS_INVALID_PARAMETER;
    if (MemfsIs(&scb->volume->dismounted))
        return STATUS_VOLUME_DISMOUNTED;
    if (!scb->stream && (!scb->volume->store->ntfs || !extended))
        return STATUS_INVALID_PARAMETER; /* folders: only what may be shared, and by the newer code */
    if (extended && (stack->Parameters.FileSystemControl.InputBufferLength < sizeof(REQUEST_OPLOCK_INPUT_BUFFER) ||
                     stack->Parameters.FileSystemControl.OutputBufferLength < sizeof(REQUEST_OPLOCK_OUTPUT_BUFFER)))
        return STATUS_BUFFER_TOO_SMALL;
    if (!extended && stack->Parameters.FileSystemControl.OutputBufferLength)
        return STATUS_INVALID_PARAMETER; /* what an older request is told is a number, no bytes */
    return STATUS_SUCCESS;
}

/* What speaks against it: other handles, or for a shared one the locks on bytes. */
static ULONG obstacles(struct memfs_scb *scb, PIRP irp)
{
    if (!FsRtlOplockIsSharedRequest(irp))
        return (ULONG)MemfsCount(&scb->handles);
    return scb->locks && FsRtlAreThereCurrentFileLocks(scb->locks) ? 1 : 0;
}

/* Every handle of the stream has the key of the one that asks: they are one owner. */
static bool is_one_owner(struct memfs_scb *scb, PFILE_OBJECT file)
{
    for (PLIST_ENTRY link = scb->opens.Flink; link != &scb->opens; link = link->Flink)
        if (!FsRtlOplockKeysEqual(CONTAINING_RECORD(link, struct memfs_ccb, open)->file, file))
            return false;
    return true;
}

NTSTATUS MemfsOplockControl(PIRP irp)
{
    PIO_STACK_LOCATION stack = IoGetCurrentIrpStackLocation(irp);
    struct memfs_scb *scb = stack->FileObject ? MemfsScbOf(stack->FileObject) : NULL;
    NTSTATUS status = check(scb, stack);
    if (NT_SUCCESS(status) && !scb->stream && !FsRtlOplockIsSharedRequest(irp))
        status = STATUS_INVALID_PARAMETER;
    if (!NT_SUCCESS(status))
        return MemfsComplete(irp, status, 0);
    ExAcquireResourceExclusiveLite(&scb->main, TRUE); /* nobody opens meanwhile */
    ULONG count = obstacles(scb, irp),
          flags = count > 1 && is_one_owner(scb, stack->FileObject) ? OPLOCK_FSCTRL_FLAG_ALL_KEYS_MATCH : 0;
    status = FsRtlOplockFsctrlEx(&scb->header.Oplock, irp, count, flags); /* completes it, now or later */
    if (scb->header.IsFastIoPossible == FastIoIsPossible)
        scb->header.IsFastIoPossible = FastIoIsQuestionable;
    ExReleaseResourceLite(&scb->main);
    return status;
}
