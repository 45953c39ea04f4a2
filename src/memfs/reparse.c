/* Reparse points. */
#include "memfs/fsctl.h"

#include <string.h>

static NTSTATUS check(struct memfs_fsctl *c, ULONG least)
{
    if (!c->scb->node || (c->scb->stream && c->scb->stream->name_length))
        return STATUS_INVALID_PARAMETER;
    if (!(c->ccb->access & (FILE_WRITE_DATA | FILE_WRITE_ATTRIBUTES)))
        return STATUS_ACCESS_DENIED;
    if (c->in_length < least)
        return STATUS_IO_REPARSE_DATA_INVALID;
    return MemfsIsReadOnly(c->volume) ? STATUS_MEDIA_WRITE_PROTECTED : STATUS_SUCCESS;
}

static const GUID *guid_of(const REPARSE_DATA_BUFFER *data)
{
    static const GUID none;
    return IsReparseTagMicrosoft(data->ReparseTag) ? &none : &((const REPARSE_GUID_DATA_BUFFER *)data)->ReparseGuid;
}

static NTSTATUS same_tag(const REPARSE_DATA_BUFFER *there, ULONG tag, const GUID *guid)
{
    if (there->ReparseTag != tag)
        return STATUS_IO_REPARSE_TAG_MISMATCH;
    return IsReparseTagMicrosoft(tag) || memcmp(guid_of(there), guid, sizeof *guid) == 0
               ? STATUS_SUCCESS
               : STATUS_REPARSE_ATTRIBUTE_CONFLICT;
}

static void keep(struct memfs_node *node, const REPARSE_DATA_BUFFER *data, ULONG length)
{
    PREPARSE_DATA_BUFFER old = node->reparse, fresh = length ? sim_alloc(length) : NULL;
    if (length)
        memcpy(fresh, data, length);
    __atomic_store_n(&node->reparse, fresh, __ATOMIC_RELEASE); /* whoever asks for attributes looks at it */
    sim_free(old);
    node->reparse_length = length;
    MemfsSetTime(&node->changed, MemfsNow());
}

static void announce(struct memfs_fsctl *c)
{
    MemfsNotify(c->volume, c->ccb->link, NULL, FILE_NOTIFY_CHANGE_ATTRIBUTES, FILE_ACTION_MODIFIED);
    MemfsPurgeEas(c->scb);
    MemfsChanged(c->volume, c->ccb->link, USN_REASON_REPARSE_POINT_CHANGE, c->ccb);
}

/* `existing`: the tag that is there, or NULL: none, or the new one's. */
static NTSTATUS set(struct memfs_fsctl *c, const REPARSE_DATA_BUFFER *data, ULONG length,
                    const REPARSE_DATA_BUFFER_EX *existing)
{
    struct memfs_node *node = c->scb->node;
    NTSTATUS status = FsRtlValidateReparsePointBuffer(length, (PREPARSE_DATA_BUFFER)data);
    if (!NT_SUCCESS(status))
        return status;
    if (data->ReparseTag == IO_REPARSE_TAG_MOUNT_POINT && !MemfsIsDirectory(node))
        return STATUS_NOT_A_DIRECTORY;
    MemfsLockNode(node);
    if (MemfsIsDirectory(node) && node->child_count)
        status = STATUS_DIRECTORY_NOT_EMPTY;
    else if (node->ea_length)
        status = STATUS_EAS_NOT_SUPPORTED;
    else if (existing && node->reparse)
        status = same_tag(node->reparse, existing->ExistingReparseTag, &existing->ExistingReparseGuid);
    else if (existing)
        status = existing->Flags & REPARSE_DATA_EX_FLAG_GIVEN_TAG_OR_NONE ? STATUS_SUCCESS : STATUS_NOT_A_REPARSE_POINT;
    else if (node->reparse)
        status = same_tag(node->reparse, data->ReparseTag, guid_of(data));
    if (NT_SUCCESS(status))
        keep(node, data, length);
    MemfsUnlockNode(node);
    if (NT_SUCCESS(status))
        announce(c);
    return status;
}

NTSTATUS MemfsSetReparse(struct memfs_fsctl *c)
{
    NTSTATUS status = check(c, REPARSE_DATA_BUFFER_HEADER_SIZE);
    return NT_SUCCESS(status) ? set(c, c->in, c->in_length, NULL) : status;
}

NTSTATUS MemfsSetReparseEx(struct memfs_fsctl *c)
{
    const ULONG head = FIELD_OFFSET(REPARSE_DATA_BUFFER_EX, ReparseDataBuffer);
    const REPARSE_DATA_BUFFER_EX *ex = c->in;
    NTSTATUS status = check(c, head + REPARSE_DATA_BUFFER_HEADER_SIZE);
    if (!NT_SUCCESS(status))
        return status;
    if (ex->Flags & ~(ULONG)REPARSE_DATA_EX_FLAG_GIVEN_TAG_OR_NONE)
        return STATUS_INVALID_PARAMETER;
    return set(c, &ex->ReparseDataBuffer, c->in_length - head, ex);
}

NTSTATUS MemfsGetReparse(struct memfs_fsctl *c)
{
    struct memfs_node *node = c->scb->node;
    NTSTATUS status = STATUS_SUCCESS;
    if (!node)
        return STATUS_INVALID_PARAMETER;
    MemfsLockNode(node);
    ULONG length = node->reparse ? node->reparse_length : 0,
          count = length < c->out_length ? length : c->out_length;
    ULONG head = length && !IsReparseTagMicrosoft(node->reparse->ReparseTag) ? REPARSE_GUID_DATA_BUFFER_HEADER_SIZE
                                                                            : REPARSE_DATA_BUFFER_HEADER_SIZE;
    if (!length)
        status = STATUS_NOT_A_REPARSE_POINT;
    else if (c->out_length < head)
        status = STATUS_BUFFER_TOO_SMALL;
    else
        memcpy(c->out, node->reparse, count);
    MemfsUnlockNode(node);
    if (!NT_SUCCESS(status))
        return status;
    c->done = count;
    return count < length ? STATUS_BUFFER_OVERFLOW : STATUS_SUCCESS;
}

/* Nothing but the head, which says whose reparse point it is that goes. */
static NTSTATUS check_head(const struct memfs_fsctl *c)
{
    const REPARSE_DATA_BUFFER *data = c->in;
    if (data->ReparseTag <= IO_REPARSE_TAG_RESERVED_RANGE)
        return STATUS_IO_REPARSE_TAG_INVALID;
    ULONG head = IsReparseTagMicrosoft(data->ReparseTag) ? REPARSE_DATA_BUFFER_HEADER_SIZE
                                                         : REPARSE_GUID_DATA_BUFFER_HEADER_SIZE;
    return c->in_length < head || data->ReparseDataLength ? STATUS_IO_REPARSE_DATA_INVALID : STATUS_SUCCESS;
}

NTSTATUS MemfsDeleteReparse(struct memfs_fsctl *c)
{
    struct memfs_node *node = c->scb->node;
    const REPARSE_DATA_BUFFER *data = c->in;
    NTSTATUS status = check(c, REPARSE_DATA_BUFFER_HEADER_SIZE);
    if (NT_SUCCESS(status))
        status = check_head(c);
    if (!NT_SUCCESS(status))
        return status;
    MemfsLockNode(node);
    status = node->reparse ? same_tag(node->reparse, data->ReparseTag, guid_of(data)) : STATUS_NOT_A_REPARSE_POINT;
    if (NT_SUCCESS(status))
        keep(node, NULL, 0);
    MemfsUnlockNode(node);
    if (NT_SUCCESS(status))
        announce(c);
    return status;
}
