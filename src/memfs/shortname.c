/* FileShortNameInformation: a name's second form, set by hand. */
#include "memfs/memfs.h"

#include <string.h>

/* An empty name takes the short name away. */
static NTSTATUS read_name(PIRP irp, WCHAR *upcased, UNICODE_STRING *name)
{
    const FILE_NAME_INFORMATION *info = irp->AssociatedIrp.SystemBuffer;
    ULONG length = IoGetCurrentIrpStackLocation(irp)->Parameters.SetFile.Length,
          head = FIELD_OFFSET(FILE_NAME_INFORMATION, FileName);
    if (length < head || info->FileNameLength > length - head || info->FileNameLength % sizeof(WCHAR) ||
        info->FileNameLength > MEMFS_SHORT * sizeof(WCHAR))
        return STATUS_INVALID_PARAMETER;
    name->Buffer = upcased;
    name->Length = name->MaximumLength = (USHORT)info->FileNameLength;
    for (ULONG i = 0; i < info->FileNameLength / sizeof(WCHAR); i++)
        upcased[i] = MemfsUpcase(info->FileName[i]);
    return !name->Length || MemfsIs8Dot3(name) ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER;
}

/* The folder's lock is held. */
static NTSTATUS set_locked(struct memfs_link *link, const UNICODE_STRING *name)
{
    bool by_short;
    struct memfs_link *there = name->Length ? MemfsLookup(link->parent, name, false, &by_short) : NULL;
    if (there && there != link)
        return STATUS_OBJECT_NAME_COLLISION;
    memcpy(link->short_name, name->Buffer, name->Length);
    link->short_length = name->Length;
    return STATUS_SUCCESS;
}

NTSTATUS MemfsSetShortName(PFILE_OBJECT file, PIRP irp)
{
    struct memfs_scb *scb = MemfsScbOf(file);
    struct memfs_link *link = MemfsCcbOf(file)->link;
    WCHAR upcased[MEMFS_SHORT];
    UNICODE_STRING name;
    NTSTATUS status = read_name(irp, upcased, &name);
    if (!NT_SUCCESS(status))
        return status;
    if (!SeSinglePrivilegeCheck(SeExports->SeRestorePrivilege, irp->RequestorMode))
        return STATUS_PRIVILEGE_NOT_HELD;
    if (!link->parent || (scb->stream && scb->stream->name_length))
        return STATUS_INVALID_PARAMETER;
    if (MemfsIsReadOnly(scb->volume))
        return STATUS_MEDIA_WRITE_PROTECTED;
    ExAcquireResourceExclusiveLite(&scb->volume->tree, TRUE);
    MemfsLockNode(link->parent);
    status = MemfsIs(&link->removed) ? STATUS_FILE_DELETED : set_locked(link, &name);
    MemfsUnlockNode(link->parent);
    ExReleaseResourceLite(&scb->volume->tree);
    if (NT_SUCCESS(status))
        MemfsNotify(scb->volume, link, NULL, FILE_NOTIFY_CHANGE_FILE_NAME, FILE_ACTION_MODIFIED);
    return status;
}
