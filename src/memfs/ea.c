/* IRP_MJ_QUERY_EA and IRP_MJ_SET_EA. A node keeps its extended attributes as one packed list. */
#include "memfs/memfs.h"

#include <string.h>

enum { MOST_EAS = 65536 };

static ULONG size_of(const FILE_FULL_EA_INFORMATION *ea)
{
    return (ULONG)FIELD_OFFSET(FILE_FULL_EA_INFORMATION, EaName) + ea->EaNameLength + 1u +
           ea->EaValueLength;
}

static ULONG round4(ULONG size)
{
    return (size + 3) & ~3u;
}

static CHAR upper(CHAR c)
{
    return c >= 'a' && c <= 'z' ? (CHAR)(c - 32) : c;
}

static bool same_name(const FILE_FULL_EA_INFORMATION *ea, const CHAR *name, UCHAR length)
{
    if (ea->EaNameLength != length)
        return false;
    for (UCHAR i = 0; i < length; i++)
        if (upper(ea->EaName[i]) != upper(name[i]))
            return false;
    return true;
}

/* The list is kept with every NextEntryOffset set, the last one's, too: ea_length ends it. */
static FILE_FULL_EA_INFORMATION *find(struct memfs_node *node, const CHAR *name, UCHAR length)
{
    for (ULONG at = 0; at < node->ea_length;) {
        FILE_FULL_EA_INFORMATION *ea = (PVOID)(node->ea + at);
        if (same_name(ea, name, length))
            return ea;
        at += ea->NextEntryOffset;
    }
    return NULL;
}

static void remove_ea(struct memfs_node *node, const FILE_FULL_EA_INFORMATION *ea)
{
    ULONG at = (ULONG)((const UCHAR *)ea - node->ea), size = ea->NextEntryOffset;
    memmove(node->ea + at, node->ea + at + size, node->ea_length - at - size);
    __atomic_store_n(&node->ea_length, node->ea_length - size, __ATOMIC_RELAXED);
}

static void append_ea(struct memfs_node *node, const FILE_FULL_EA_INFORMATION *ea)
{
    ULONG size = size_of(ea), room = round4(size);
    node->ea = sim_realloc(node->ea, node->ea_length + room);
    FILE_FULL_EA_INFORMATION *copy = (PVOID)(node->ea + node->ea_length);
    memset(copy, 0, room);
    memcpy(copy, ea, size);
    copy->NextEntryOffset = room;
    for (UCHAR i = 0; i < copy->EaNameLength; i++)
        copy->EaName[i] = upper(copy->EaName[i]);
    __atomic_store_n(&node->ea_length, node->ea_length + room, __ATOMIC_RELAXED);
}

static bool is_legal(const FILE_FULL_EA_INFORMATION *ea)
{
    if (ea->EaNameLength == 0)
        return false;
    for (UCHAR i = 0; i < ea->EaNameLength; i++)
        if ((UCHAR)ea->EaName[i] < 0x20 || strchr("\\/:*?\"<>|,+=[];", ea->EaName[i]))
            return false;
    return true;
}

/* All of the list is looked at before any of it is done. */
static NTSTATUS check_list(const VOID *list, ULONG length, ULONG *bad)
{
    NTSTATUS status = IoCheckEaBufferValidity((PFILE_FULL_EA_INFORMATION)(PVOID)list, length, bad);
    if (!NT_SUCCESS(status))
        return status;
    for (ULONG at = 0;;) {
        const FILE_FULL_EA_INFORMATION *ea = (const VOID *)((const UCHAR *)list + at);
        if (!is_legal(ea) || ea->Flags & ~FILE_NEED_EA) {
            *bad = at;
            return STATUS_INVALID_EA_NAME;
        }
        if (!ea->NextEntryOffset)
            return STATUS_SUCCESS;
        at += ea->NextEntryOffset;
    }
}

/* Those that only kernel components set, by an IRP that says so. */
static bool has_prefix(const FILE_FULL_EA_INFORMATION *ea, const CHAR *prefix)
{
    size_t length = strlen(prefix);
    if (ea->EaNameLength < length)
        return false;
    for (size_t i = 0; i < length; i++)
        if (upper(ea->EaName[i]) != prefix[i])
            return false;
    return true;
}

static void store_one(struct memfs_node *node, const FILE_FULL_EA_INFORMATION *ea)
{
    FILE_FULL_EA_INFORMATION *old = find(node, ea->EaName, ea->EaNameLength);
    if (old)
        remove_ea(node, old);
    if (ea->EaValueLength)
        append_ea(node, ea);
}

NTSTATUS MemfsStoreEas(struct memfs_node *node, const VOID *list, ULONG length, bool kernel, ULONG *bad)
{
    NTSTATUS status = check_list(list, length, bad);
    if (!NT_SUCCESS(status))
        return status;
    MemfsLockNode(node);
    if (node->reparse) /* the one excludes the other */
        status = STATUS_EAS_NOT_SUPPORTED;
    else if (node->ea_length + length > MOST_EAS)
        status = STATUS_EA_TOO_LARGE;
    for (ULONG at = 0; NT_SUCCESS(status);) {
        const FILE_FULL_EA_INFORMATION *ea = (const VOID *)((const UCHAR *)list + at);
        if (kernel || !has_prefix(ea, "$KERNEL."))
            store_one(node, ea);
        if (!ea->NextEntryOffset)
            break;
        at += ea->NextEntryOffset;
    }
    if (NT_SUCCESS(status))
        MemfsSetTime(&node->changed, MemfsNow());
    MemfsUnlockNode(node);
    return status;
}

void MemfsPurgeEas(struct memfs_scb *scb)
{
    struct memfs_node *node = scb->node;
    if (!__atomic_load_n(&node->ea_length, __ATOMIC_RELAXED) || (scb->stream && scb->stream->name_length))
        return;
    MemfsLockNode(node);
    for (ULONG at = 0; at < node->ea_length;) {
        FILE_FULL_EA_INFORMATION *ea = (PVOID)(node->ea + at);
        if (has_prefix(ea, "$KERNEL.PURGE."))
            remove_ea(node, ea);
        else
            at += ea->NextEntryOffset;
    }
    MemfsUnlockNode(node);
}

bool MemfsNeedsEas(struct memfs_node *node)
{
    bool needs = false;
    MemfsShareNode(node);
    for (ULONG at = 0; at < node->ea_length;) {
        const FILE_FULL_EA_INFORMATION *ea = (const VOID *)(node->ea + at);
        needs = needs || (ea->Flags & FILE_NEED_EA);
        at += ea->NextEntryOffset;
    }
    MemfsUnshareNode(node);
    return needs;
}

bool MemfsReadEa(struct memfs_node *node, const CHAR *name, PVOID value, USHORT length)
{
    MemfsLockNode(node);
    const FILE_FULL_EA_INFORMATION *ea = find(node, name, (UCHAR)strlen(name));
    bool found = ea && ea->EaValueLength == length;
    if (found)
        memcpy(value, ea->EaName + ea->EaNameLength + 1, length);
    MemfsUnlockNode(node);
    return found;
}

/* The last one ends the list, as drivers know it. */
static void copy_all(const struct memfs_node *node, UCHAR *copy)
{
    memcpy(copy, node->ea, node->ea_length);
    for (ULONG at = 0;;) {
        FILE_FULL_EA_INFORMATION *ea = (PVOID)(copy + at);
        if (at + ea->NextEntryOffset >= node->ea_length) {
            ea->NextEntryOffset = 0;
            return;
        }
        at += ea->NextEntryOffset;
    }
}

NTSTATUS MemfsCopyEas(struct memfs_node *node, PVOID *list, ULONG *length)
{
    NTSTATUS status = STATUS_SUCCESS;
    MemfsLockNode(node);
    *length = node->ea_length;
    *list = *length ? ExAllocatePoolWithTag(PagedPool, *length, MEMFS_TAG) : NULL;
    if (*list)
        copy_all(node, *list);
    else
        status = *length ? STATUS_INSUFFICIENT_RESOURCES : STATUS_NOT_FOUND;
    MemfsUnlockNode(node);
    return status;
}

/* -- asking ------------------------------------------------------------------------------------ */

struct query {
    UCHAR *buffer;
    ULONG room, used, last;
};

static NTSTATUS put(struct query *query, const FILE_FULL_EA_INFORMATION *ea, ULONG size)
{
    ULONG at = round4(query->used);
    if (at > query->room || size > query->room - at)
        return query->last == MAXULONG ? STATUS_BUFFER_TOO_SMALL : STATUS_BUFFER_OVERFLOW;
    memcpy(query->buffer + at, ea, size);
    ((PFILE_FULL_EA_INFORMATION)(PVOID)(query->buffer + at))->NextEntryOffset = 0;
    if (query->last != MAXULONG)
        *(ULONG *)(query->buffer + query->last) = at - query->last;
    query->last = at;
    query->used = at + size;
    return STATUS_SUCCESS;
}

static bool is_name_list(const FILE_GET_EA_INFORMATION *names, ULONG length)
{
    const ULONG head = FIELD_OFFSET(FILE_GET_EA_INFORMATION, EaName);
    for (;;) {
        if (length < head || names->EaNameLength + 1u > length - head || !names->EaNameLength)
            return false;
        ULONG next = names->NextEntryOffset;
        if (!next)
            return true;
        if (next > length || next % sizeof(ULONG) || next < head + names->EaNameLength + 1u)
            return false;
        names = (const VOID *)((const UCHAR *)names + next);
        length -= next;
    }
}

/* Those asked for by name; one that is not there comes with an empty value. */
static NTSTATUS query_named(struct memfs_node *node, struct query *query,
                            const FILE_GET_EA_INFORMATION *names, ULONG length)
{
    if (!is_name_list(names, length))
        return STATUS_EA_LIST_INCONSISTENT;
    NTSTATUS status = STATUS_SUCCESS;
    for (; NT_SUCCESS(status);
         names = (const VOID *)((const UCHAR *)names + names->NextEntryOffset)) {
        const FILE_FULL_EA_INFORMATION *ea = find(node, names->EaName, names->EaNameLength);
        UCHAR empty[sizeof(FILE_FULL_EA_INFORMATION) + 256] = {0};
        FILE_FULL_EA_INFORMATION *absent = (PVOID)empty;
        absent->EaNameLength = names->EaNameLength;
        memcpy(absent->EaName, names->EaName, names->EaNameLength);
        status = put(query, ea ? ea : absent, size_of(ea ? ea : absent));
        if (!names->NextEntryOffset)
            break;
    }
    return status;
}

static NTSTATUS query_rest(struct memfs_node *node, struct query *query, struct memfs_ccb *ccb,
                           bool single)
{
    NTSTATUS status = STATUS_SUCCESS;
    ULONG index = 0;
    if (node->ea_length == 0)
        return STATUS_NO_EAS_ON_FILE;
    for (ULONG at = 0; at < node->ea_length && NT_SUCCESS(status); index++) {
        const FILE_FULL_EA_INFORMATION *ea = (const VOID *)(node->ea + at);
        at += ea->NextEntryOffset;
        if (index < ccb->ea_index)
            continue;
        status = put(query, ea, size_of(ea));
        if (NT_SUCCESS(status) && status != STATUS_BUFFER_OVERFLOW)
            ccb->ea_index = index + 1;
        if (single)
            break;
    }
    return NT_SUCCESS(status) && query->last == MAXULONG ? STATUS_NO_MORE_EAS : status;
}

NTSTATUS MemfsQueryEa(PDEVICE_OBJECT device, PIRP irp)
{
    PIO_STACK_LOCATION stack = IoGetCurrentIrpStackLocation(irp);
    PFILE_OBJECT file = stack->FileObject;
    struct memfs_scb *scb = file ? MemfsScbOf(file) : NULL;
    struct query query = {
        .buffer = MemfsBuffer(irp), .room = stack->Parameters.QueryEa.Length, .last = MAXULONG};
    if (!scb || !scb->node || !file->FsContext2)
        return MemfsComplete(irp, STATUS_INVALID_PARAMETER, 0);
    if (!scb->volume->store->ntfs)
        return MemfsComplete(irp, STATUS_EAS_NOT_SUPPORTED, 0);
    if (MemfsIs(&scb->volume->dismounted))
        return MemfsComplete(irp, STATUS_VOLUME_DISMOUNTED, 0);
    if (!query.buffer && query.room)
        return MemfsComplete(irp, STATUS_INVALID_USER_BUFFER, 0);
    struct memfs_ccb *ccb = MemfsCcbOf(file);
    NTSTATUS status;
    FsRtlEnterFileSystem();
    ExAcquireResourceExclusiveLite(&scb->main, TRUE);
    MemfsLockNode(scb->node);
    if (stack->Parameters.QueryEa.EaList) {
        status = query_named(scb->node, &query, stack->Parameters.QueryEa.EaList,
                             stack->Parameters.QueryEa.EaListLength);
    } else {
        if (stack->Flags & SL_RESTART_SCAN)
            ccb->ea_index = 0;
        if (stack->Flags & SL_INDEX_SPECIFIED)
            ccb->ea_index =
                stack->Parameters.QueryEa.EaIndex ? stack->Parameters.QueryEa.EaIndex - 1 : 0;
        bool indexed = (stack->Flags & SL_INDEX_SPECIFIED) != 0;
        status = query_rest(scb->node, &query, ccb, (stack->Flags & SL_RETURN_SINGLE_ENTRY) != 0);
        if (indexed && status == STATUS_NO_MORE_EAS)
            status = STATUS_NONEXISTENT_EA_ENTRY;
    }
    MemfsUnlockNode(scb->node);
    ExReleaseResourceLite(&scb->main);
    FsRtlExitFileSystem();
    return MemfsComplete(irp, status, NT_ERROR(status) ? 0 : query.used);
}

/* Not only those of the kernel's, which are no change that the journal knows. The list is a valid one. */
static bool has_users(const VOID *list)
{
    for (const FILE_FULL_EA_INFORMATION *ea = list;; ea = (const VOID *)((const UCHAR *)ea + ea->NextEntryOffset)) {
        if (!has_prefix(ea, "$KERNEL."))
            return true;
        if (!ea->NextEntryOffset)
            return false;
    }
}

NTSTATUS MemfsSetEa(PDEVICE_OBJECT device, PIRP irp)
{
    PIO_STACK_LOCATION stack = IoGetCurrentIrpStackLocation(irp);
    PFILE_OBJECT file = stack->FileObject;
    struct memfs_scb *scb = file ? MemfsScbOf(file) : NULL;
    PVOID list = MemfsBuffer(irp);
    ULONG bad = 0;
    if (!scb || !scb->node || !file->FsContext2)
        return MemfsComplete(irp, STATUS_INVALID_PARAMETER, 0);
    if (!scb->volume->store->ntfs)
        return MemfsComplete(irp, STATUS_EAS_NOT_SUPPORTED, 0);
    if (MemfsIs(&scb->volume->dismounted))
        return MemfsComplete(irp, STATUS_VOLUME_DISMOUNTED, 0);
    if (MemfsIsReadOnly(scb->volume))
        return MemfsComplete(irp, STATUS_MEDIA_WRITE_PROTECTED, 0);
    if (!list || !stack->Parameters.SetEa.Length)
        return MemfsComplete(irp, stack->Parameters.SetEa.Length ? STATUS_INVALID_USER_BUFFER : STATUS_SUCCESS, 0);
    FsRtlEnterFileSystem();
    ExAcquireResourceExclusiveLite(&scb->main, TRUE);
    NTSTATUS status = MemfsStoreEas(scb->node, list, stack->Parameters.SetEa.Length,
                                    stack->MinorFunction == IRP_MN_KERNEL_CALL, &bad);
    ExReleaseResourceLite(&scb->main);
    if (NT_SUCCESS(status)) {
        MemfsNotify(scb->volume, MemfsCcbOf(file)->link, NULL, FILE_NOTIFY_CHANGE_EA, FILE_ACTION_MODIFIED);
        if (has_users(list))
            MemfsChanged(scb->volume, MemfsCcbOf(file)->link, USN_REASON_EA_CHANGE, MemfsCcbOf(file));
    }
    FsRtlExitFileSystem();
    return MemfsComplete(irp, status, NT_SUCCESS(status) ? 0 : bad);
}
