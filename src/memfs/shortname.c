/* Short names: the second form of names that are not 8.3, made with the name or set by FileShortNameInformation. */
#include "memfs/memfs.h"

#include <string.h>

static bool is_short_unit(WCHAR c)
{
    return c > 0x20 && c < 0x7f && !strchr("\"*+,/:;<=>?[\\]|.", (int)c);
}

bool MemfsIs8Dot3(const UNICODE_STRING *name)
{
    USHORT units = name->Length / sizeof(WCHAR), dot = units;
    for (USHORT i = 0; i < units; i++) {
        if (name->Buffer[i] == '.' && dot == units)
            dot = i;
        else if (!is_short_unit(name->Buffer[i]))
            return false;
    }
    return dot >= 1 && dot <= 8 && (dot == units || (units - dot - 1 >= 1 && units - dot - 1 <= 3));
}

/* -- a directory's short names, in order ------------------------------------------------------------ */

static ULONG lower_bound(const struct memfs_node *directory, const WCHAR *upcased, USHORT bytes)
{
    ULONG low = 0, high = directory->short_count;
    while (low < high) {
        ULONG middle = (low + high) / 2;
        const struct memfs_link *link = directory->shorts[middle];
        if (MemfsCompareText(link->short_name, link->short_length, upcased, bytes) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct memfs_link *MemfsFindShort(struct memfs_node *directory, const WCHAR *upcased, USHORT bytes)
{
    ULONG index = lower_bound(directory, upcased, bytes);
    struct memfs_link *link = index < directory->short_count ? directory->shorts[index] : NULL;
    return link && !MemfsCompareText(link->short_name, link->short_length, upcased, bytes) ? link : NULL;
}

void MemfsPutShort(struct memfs_node *directory, struct memfs_link *link)
{
    if (!link->short_length)
        return;
    if (directory->short_count == directory->short_capacity) {
        directory->short_capacity = directory->short_capacity ? directory->short_capacity * 2 : 8;
        directory->shorts = sim_realloc(directory->shorts, directory->short_capacity * sizeof *directory->shorts);
    }
    ULONG index = lower_bound(directory, link->short_name, link->short_length);
    memmove(directory->shorts + index + 1, directory->shorts + index,
            (directory->short_count - index) * sizeof *directory->shorts);
    directory->shorts[index] = link;
    directory->short_count++;
}

void MemfsTakeShort(struct memfs_node *directory, const struct memfs_link *link)
{
    ULONG index = link->short_length ? lower_bound(directory, link->short_name, link->short_length) : 0;
    if (!link->short_length || index == directory->short_count || directory->shorts[index] != link)
        return;
    directory->short_count--;
    memmove(directory->shorts + index, directory->shorts + index + 1,
            (directory->short_count - index) * sizeof *directory->shorts);
}

void MemfsMakeShortName(struct memfs_node *directory, struct memfs_link *link)
{
    if (__atomic_load_n(&directory->store->state, __ATOMIC_RELAXED) & PERSISTENT_VOLUME_STATE_SHORT_NAME_CREATION_DISABLED)
        return;
    UNICODE_STRING name = {link->name_length, link->name_length, link->name},
                   trial = {0, sizeof link->short_name, link->short_name};
    GENERATE_NAME_CONTEXT tries = {0};
    do {
        if (!NT_SUCCESS(RtlGenerate8dot3Name(&name, FALSE, &tries, &trial)))
            return;
    } while (MemfsFindShort(directory, trial.Buffer, trial.Length));
    link->short_length = trial.Length;
}

/* -- FileShortNameInformation ----------------------------------------------------------------------------- */

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
    MemfsTakeShort(link->parent, link);
    memcpy(link->short_name, name->Buffer, name->Length);
    link->short_length = name->Length;
    MemfsPutShort(link->parent, link);
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
