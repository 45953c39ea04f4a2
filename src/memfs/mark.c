/* FSCTL_MARK_HANDLE: what a handle's changes are said to come from, and that its file's clusters stay where they are. */
#include "memfs/fsctl.h"

enum { SOURCES = USN_SOURCE_DATA_MANAGEMENT | USN_SOURCE_AUXILIARY_DATA | USN_SOURCE_REPLICATION_MANAGEMENT,
       ANYBODYS = USN_SOURCE_CLIENT_REPLICATION_MANAGEMENT };

/* Whoever has a handle of the volume may say so. */
static NTSTATUS check_right(const struct memfs_fsctl *c, HANDLE handle)
{
    PFILE_OBJECT file;
    if (!handle)
        return STATUS_ACCESS_DENIED;
    NTSTATUS status =
        ObReferenceObjectByHandle(handle, 0, *IoFileObjectType, c->irp->RequestorMode, (PVOID *)&file, NULL);
    if (!NT_SUCCESS(status))
        return status;
    bool is_ours = file->DeviceObject == c->file->DeviceObject && file->FsContext2 && MemfsScbOf(file) == c->volume->self;
    ObDereferenceObject(file);
    return is_ours ? STATUS_SUCCESS : STATUS_ACCESS_DENIED;
}

NTSTATUS MemfsMarkHandle(struct memfs_fsctl *c)
{
    if (!c->scb->node || c->in_length < sizeof(MARK_HANDLE_INFO))
        return STATUS_INVALID_PARAMETER;
    MARK_HANDLE_INFO mark = *(const MARK_HANDLE_INFO *)c->in;
    if (mark.HandleInfo & ~(ULONG)MARK_HANDLE_PROTECT_CLUSTERS || mark.UsnSourceInfo & ~(ULONG)(SOURCES | ANYBODYS))
        return STATUS_INVALID_PARAMETER;
    NTSTATUS status = mark.HandleInfo || mark.UsnSourceInfo & SOURCES ? check_right(c, mark.VolumeHandle) : STATUS_SUCCESS;
    if (!NT_SUCCESS(status))
        return status;
    ExAcquireResourceExclusiveLite(&c->scb->main, TRUE);
    __atomic_or_fetch(&c->ccb->usn_source, mark.UsnSourceInfo, __ATOMIC_RELAXED);
    if (mark.HandleInfo & MARK_HANDLE_PROTECT_CLUSTERS && !(c->ccb->flags & MEMFS_CCB_GUARDS)) {
        c->ccb->flags |= MEMFS_CCB_GUARDS;
        InterlockedIncrement(&c->scb->guarded);
    }
    ExReleaseResourceLite(&c->scb->main);
    return STATUS_SUCCESS;
}
