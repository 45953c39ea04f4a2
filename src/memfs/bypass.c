/* FSCTL_MANAGE_BYPASS_IO: handles whose noncached reads the I/O manager brings here past the filters. The disk's own stack is
 * never bypassed: its driver is none that could be. */
#include "memfs/fsctl.h"

#include <fltUserStructures.h>

#include <string.h>

static USHORT copy_text(WCHAR *to, size_t room, const char *text)
{
    USHORT count = 0;
    while (count < room && text[count]) {
        to[count] = (WCHAR)(UCHAR)text[count];
        count++;
    }
    return count;
}

/* -- which handles ----------------------------------------------------------------------------- */

void MemfsRefreshBypass(struct memfs_scb *scb)
{
    bool may = scb->stream && !scb->bypass_paused && !scb->stream->sparse;
    for (PLIST_ENTRY link = scb->opens.Flink; link != &scb->opens; link = link->Flink) {
        struct memfs_ccb *ccb = CONTAINING_RECORD(link, struct memfs_ccb, open);
        if (!(ccb->flags & MEMFS_CCB_BYPASS))
            continue; /* others' flags are theirs */
        if (may)
            __atomic_or_fetch(&ccb->file->Flags, FO_BYPASS_IO_ENABLED, __ATOMIC_RELAXED);
        else
            __atomic_and_fetch(&ccb->file->Flags, ~(ULONG)FO_BYPASS_IO_ENABLED, __ATOMIC_RELAXED);
    }
}

static void count_bypass(struct memfs_scb *scb, int change)
{
    __atomic_add_fetch(&scb->header.BypassIoOpenCount, (ULONG)change, __ATOMIC_RELAXED);
    __atomic_add_fetch(&scb->volume->bypassing, change, __ATOMIC_RELAXED);
}

void MemfsEndBypass(struct memfs_scb *scb, struct memfs_ccb *ccb)
{
    if (!(ccb->flags & MEMFS_CCB_BYPASS))
        return;
    ccb->flags &= ~(ULONG)MEMFS_CCB_BYPASS;
    __atomic_and_fetch(&ccb->file->Flags, ~(ULONG)FO_BYPASS_IO_ENABLED, __ATOMIC_RELAXED);
    count_bypass(scb, -1);
}

/* -- operations, main resource exclusive ------------------------------------------------------- */

static const struct reason {
    NTSTATUS status;
    const char *text;
} fine, directory = {STATUS_FILE_NOT_SUPPORTED, "A directory is not supported."},
        volume = {STATUS_VOLUME_NOT_SUPPORTED, "A volume is not supported."},
        paging = {STATUS_PAGEFILE_NOT_SUPPORTED, "A paging file is not supported."},
        compressed = {STATUS_NOT_SUPPORTED_WITH_COMPRESSION, "A compressed file is not supported."},
        sparse = {STATUS_SPARSE_FILE_NOT_SUPPORTED, "A sparse file is not supported."};

static const struct reason *why_not(const struct memfs_scb *scb)
{
    if (!scb->stream)
        return &fine;
    return scb->paging_file ? &paging : scb->stream->compressed ? &compressed : scb->stream->sparse ? &sparse : &fine;
}

static void refuse(FS_BPIO_OUTPUT *out, const struct reason *reason)
{
    out->Enable.OpStatus = reason->status;
    if (reason == &fine)
        return;
    out->Enable.FailingDriverNameLen = copy_text(out->Enable.FailingDriverName, RTL_NUMBER_OF(out->Enable.FailingDriverName),
                                                 "ntfs.sys");
    out->Enable.FailureReasonLen =
        copy_text(out->Enable.FailureReason, RTL_NUMBER_OF(out->Enable.FailureReason), reason->text);
}

static void enable(struct memfs_fsctl *c, FS_BPIO_OUTPUT *out)
{
    const struct reason *reason = !c->scb->node ? &volume : !c->scb->stream ? &directory : why_not(c->scb);
    refuse(out, reason);
    if (reason != &fine || c->ccb->flags & MEMFS_CCB_BYPASS)
        return;
    c->ccb->flags |= MEMFS_CCB_BYPASS;
    count_bypass(c->scb, 1);
    MemfsRefreshBypass(c->scb);
}

/* Reads that are under way hold the paging resource. */
static void pause_stream(struct memfs_scb *scb)
{
    if (!scb->header.BypassIoOpenCount)
        return;
    ExAcquireResourceExclusiveLite(&scb->paging, TRUE);
    scb->bypass_paused = true;
    MemfsRefreshBypass(scb);
    ExReleaseResourceLite(&scb->paging);
}

static void describe_volume(struct memfs_fsctl *c, FS_BPIO_OUTPUT *out)
{
    out->GetInfo.ActiveBypassIoCount = (ULONG)MemfsCount(&c->volume->bypassing);
    out->GetInfo.StorageDriverNameLen =
        copy_text(out->GetInfo.StorageDriverName, RTL_NUMBER_OF(out->GetInfo.StorageDriverName), "disk.sys");
}

static void operate(struct memfs_fsctl *c, FS_BPIO_OUTPUT *out)
{
    switch (out->Operation) {
    case FS_BPIO_OP_ENABLE:
        enable(c, out);
        break;
    case FS_BPIO_OP_DISABLE:
        MemfsEndBypass(c->scb, c->ccb);
        break;
    case FS_BPIO_OP_QUERY:
        refuse(out, why_not(c->scb));
        break;
    case FS_BPIO_OP_VOLUME_STACK_PAUSE:
    case FS_BPIO_OP_VOLUME_STACK_RESUME:
        MemfsSetIs(&c->volume->bypass_paused, out->Operation == FS_BPIO_OP_VOLUME_STACK_PAUSE);
        break;
    case FS_BPIO_OP_STREAM_PAUSE:
        pause_stream(c->scb);
        break;
    case FS_BPIO_OP_STREAM_RESUME:
        if (NT_SUCCESS(out->StreamResume.OpStatus))
            c->scb->bypass_paused = false;
        MemfsRefreshBypass(c->scb);
        break;
    default:
        describe_volume(c, out);
        break;
    }
}

/* -- the request ------------------------------------------------------------------------------- */

/* Whether some filter still keeps it off: asked from the top, nothing held. */
static NTSTATUS ask_from_the_top(struct memfs_fsctl *c, FS_BPIO_OUTPUT *answer)
{
    FS_BPIO_INPUT in = {.Operation = FS_BPIO_OP_QUERY};
    PDEVICE_OBJECT top = IoGetRelatedDeviceObject(c->file);
    IO_STATUS_BLOCK iosb;
    KEVENT event;
    KeInitializeEvent(&event, NotificationEvent, FALSE);
    PIRP irp = IoBuildDeviceIoControlRequest(FSCTL_MANAGE_BYPASS_IO, top, &in, sizeof in, answer, sizeof *answer, FALSE, &event,
                                             &iosb);
    if (!irp)
        return STATUS_INSUFFICIENT_RESOURCES;
    PIO_STACK_LOCATION next = IoGetNextIrpStackLocation(irp);
    next->MajorFunction = IRP_MJ_FILE_SYSTEM_CONTROL;
    next->MinorFunction = IRP_MN_KERNEL_CALL;
    next->FileObject = c->file;
    NTSTATUS status = IoCallDriver(top, irp);
    if (status == STATUS_PENDING) {
        KeWaitForSingleObject(&event, Executive, KernelMode, FALSE, NULL);
        status = iosb.Status;
    }
    return status;
}

static FS_BPIO_OUTFLAGS flags_of(struct memfs_fsctl *c)
{
    ULONG features, flags = MemfsIs(&c->volume->bypass_paused) ? FSBPIO_OUTFL_VOLUME_STACK_BYPASS_PAUSED : 0;
    if (c->scb->bypass_paused)
        flags |= FSBPIO_OUTFL_STREAM_BYPASS_PAUSED;
    if (NT_SUCCESS(FsRtlGetSupportedFeatures(c->volume->device, &features)) && !(features & SUPPORTED_FS_FEATURES_BYPASS_IO))
        flags |= FSBPIO_OUTFL_FILTER_ATTACH_BLOCKED;
    return (FS_BPIO_OUTFLAGS)flags;
}

NTSTATUS MemfsManageBypass(struct memfs_fsctl *c)
{
    if (c->in_length < sizeof(FS_BPIO_INPUT))
        return STATUS_INVALID_BUFFER_SIZE;
    if (c->out_length < sizeof(FS_BPIO_OUTPUT))
        return STATUS_BUFFER_TOO_SMALL;
    FS_BPIO_INPUT in = *(const FS_BPIO_INPUT *)c->in;
    FS_BPIO_OUTPUT out = {.Operation = in.Operation}, answer = {0};
    if (in.Operation < FS_BPIO_OP_ENABLE || in.Operation >= FS_BPIO_OP_MAX_OPERATION || in.Reserved1 || in.Reserved2)
        return STATUS_INVALID_PARAMETER;
    NTSTATUS status = in.Operation == FS_BPIO_OP_STREAM_RESUME && c->scb->bypass_paused ? ask_from_the_top(c, &answer)
                                                                                       : STATUS_SUCCESS;
    if (!NT_SUCCESS(status))
        return status;
    if (in.Operation == FS_BPIO_OP_STREAM_RESUME)
        out.StreamResume = answer.Query;
    ExAcquireResourceExclusiveLite(&c->scb->main, TRUE);
    operate(c, &out);
    out.OutFlags = flags_of(c);
    ExReleaseResourceLite(&c->scb->main);
    memcpy(c->out, &out, sizeof out);
    c->done = sizeof out;
    return STATUS_SUCCESS;
}
