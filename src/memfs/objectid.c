/* Object ids of files. All of them are looked at under the store's ids_lock. */
#include "memfs/fsctl.h"

#include <string.h>

static NTSTATUS check(const struct memfs_fsctl *c)
{
    if (!c->scb->node)
        return STATUS_INVALID_PARAMETER;
    return MemfsIsReadOnly(c->volume) ? STATUS_MEDIA_WRITE_PROTECTED : STATUS_SUCCESS;
}

static NTSTATUS changed(struct memfs_fsctl *c, NTSTATUS status)
{
    if (NT_SUCCESS(status))
        MemfsChanged(c->volume, c->ccb->link, USN_REASON_OBJECT_ID_CHANGE, c->ccb);
    return status;
}

/* ids_lock held. */
static bool is_taken(const struct memfs_store *store, const UCHAR *id)
{
    for (const struct memfs_node *node = store->ids; node; node = node->by_id.next)
        if (node->has_object_id && memcmp(node->object_id.ObjectId, id, sizeof(GUID)) == 0)
            return true;
    return false;
}

NTSTATUS MemfsSetObjectId(struct memfs_fsctl *c)
{
    struct memfs_node *node = c->scb->node;
    NTSTATUS status = check(c);
    if (NT_SUCCESS(status) && c->in_length != sizeof(FILE_OBJECTID_BUFFER))
        status = STATUS_INVALID_PARAMETER;
    if (!NT_SUCCESS(status))
        return status;
    ExAcquireFastMutex(&node->store->ids_lock);
    if (node->has_object_id)
        status = STATUS_OBJECT_NAME_COLLISION;
    else if (is_taken(node->store, c->in))
        status = STATUS_DUPLICATE_NAME;
    if (NT_SUCCESS(status)) {
        memcpy(&node->object_id, c->in, sizeof node->object_id);
        node->has_object_id = true;
    }
    ExReleaseFastMutex(&node->store->ids_lock);
    return changed(c, status);
}

NTSTATUS MemfsSetObjectIdExtended(struct memfs_fsctl *c)
{
    struct memfs_node *node = c->scb->node;
    NTSTATUS status = check(c);
    if (NT_SUCCESS(status) && c->in_length != sizeof node->object_id.ExtendedInfo)
        status = STATUS_INVALID_PARAMETER;
    if (!NT_SUCCESS(status))
        return status;
    ExAcquireFastMutex(&node->store->ids_lock);
    if (node->has_object_id)
        memcpy(node->object_id.ExtendedInfo, c->in, sizeof node->object_id.ExtendedInfo);
    else
        status = STATUS_OBJECTID_NOT_FOUND;
    ExReleaseFastMutex(&node->store->ids_lock);
    return changed(c, status);
}

/* The same in each run: from the volume's number and the file's. */
static void make(struct memfs_node *node)
{
    memset(&node->object_id, 0, sizeof node->object_id);
    memcpy(node->object_id.ObjectId, &node->id, sizeof node->id);
    memcpy(node->object_id.ObjectId + 8, &node->store->serial, sizeof node->store->serial);
    memcpy(node->object_id.BirthObjectId, node->object_id.ObjectId, 16);
    node->has_object_id = true;
}

static NTSTATUS get(struct memfs_fsctl *c, bool create)
{
    struct memfs_node *node = c->scb->node;
    if (!node || c->out_length < sizeof(FILE_OBJECTID_BUFFER))
        return STATUS_INVALID_PARAMETER;
    ExAcquireFastMutex(&node->store->ids_lock);
    bool fresh = !node->has_object_id && create;
    if (fresh)
        make(node);
    bool has = node->has_object_id;
    if (has)
        memcpy(c->out, &node->object_id, sizeof node->object_id);
    ExReleaseFastMutex(&node->store->ids_lock);
    if (!has)
        return STATUS_OBJECTID_NOT_FOUND;
    c->done = sizeof(FILE_OBJECTID_BUFFER);
    return fresh ? changed(c, STATUS_SUCCESS) : STATUS_SUCCESS;
}

NTSTATUS MemfsGetObjectId(struct memfs_fsctl *c)
{
    return get(c, false);
}

NTSTATUS MemfsCreateOrGetObjectId(struct memfs_fsctl *c)
{
    return get(c, !MemfsIsReadOnly(c->volume));
}

NTSTATUS MemfsDeleteObjectId(struct memfs_fsctl *c)
{
    NTSTATUS status = check(c);
    if (!NT_SUCCESS(status))
        return status;
    struct memfs_node *node = c->scb->node;
    ExAcquireFastMutex(&node->store->ids_lock);
    bool had = node->has_object_id;
    node->has_object_id = false;
    ExReleaseFastMutex(&node->store->ids_lock);
    return had ? changed(c, STATUS_SUCCESS) : STATUS_SUCCESS;
}
