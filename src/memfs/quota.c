/* IRP_MJ_QUERY_QUOTA and IRP_MJ_SET_QUOTA of an NTFS-like volume: what each owner's files take, and the limits that were
 * set, which hold once the volume says that quotas are enforced. Holes of sparse files count. */
#include "memfs/memfs.h"

#include <string.h>

enum { SID_ROOM = SECURITY_MAX_SID_SIZE };

struct memfs_quota {
    LONGLONG changed, used, threshold, limit;
    ULONG sid_length;
    UCHAR sid[SID_ROOM];
};

struct table {
    struct memfs_quota *entries;
    ULONG count;
};

static bool is_sid(const VOID *sid, ULONG length)
{
    return length >= FIELD_OFFSET(SID, SubAuthority) && length <= SID_ROOM && RtlValidSid((PSID)sid) &&
           RtlLengthSid((PSID)sid) == length;
}

static struct memfs_quota *find(const struct table *table, const VOID *sid, ULONG length)
{
    for (ULONG i = 0; i < table->count; i++)
        if (table->entries[i].sid_length == length && memcmp(table->entries[i].sid, sid, length) == 0)
            return &table->entries[i];
    return NULL;
}

static struct memfs_quota *add(struct table *table, const struct memfs_store *store, const VOID *sid, ULONG length)
{
    table->entries = sim_realloc(table->entries, (table->count + 1) * sizeof *table->entries);
    struct memfs_quota *fresh = &table->entries[table->count++];
    memset(fresh, 0, sizeof *fresh);
    fresh->threshold = store->quota.DefaultQuotaThreshold.QuadPart;
    fresh->limit = store->quota.DefaultQuotaLimit.QuadPart;
    fresh->sid_length = length;
    memcpy(fresh->sid, sid, length);
    return fresh;
}

/* -- what is used ------------------------------------------------------------------------------ */

static LONGLONG bytes_of(struct memfs_node *node)
{
    LONGLONG bytes = 0;
    MemfsShareNode(node);
    for (const struct memfs_stream *stream = node->streams; stream; stream = stream->next)
        bytes += MemfsTime(&stream->allocated);
    MemfsUnshareNode(node);
    return bytes;
}

static void count_node(struct table *table, struct memfs_node *node)
{
    UCHAR sid[SID_ROOM];
    ULONG length = MemfsCopyOwner(node, sid, sizeof sid);
    if (!length)
        return;
    struct memfs_quota *entry = find(table, sid, length);
    if (!entry)
        entry = add(table, node->store, sid, length);
    entry->used += bytes_of(node);
}

/* The limits that were set, then whoever owns files besides. */
static struct table collect(struct memfs_store *store)
{
    struct table table = {0};
    struct memfs_node **nodes;
    ExAcquireFastMutex(&store->quota_lock);
    if (store->quota_count) {
        table.count = store->quota_count;
        table.entries = sim_alloc(table.count * sizeof *table.entries);
        memcpy(table.entries, store->quotas, table.count * sizeof *table.entries);
    }
    ExReleaseFastMutex(&store->quota_lock);
    ULONG count = MemfsAllNodes(store, &nodes);
    for (ULONG i = 0; i < count; i++) {
        count_node(&table, nodes[i]);
        MemfsReleaseNode(nodes[i]);
    }
    sim_free(nodes);
    return table;
}

/* -- limits ------------------------------------------------------------------------------------ */

/* What the owner may have, -1: as much as there is. */
static LONGLONG limit_of(struct memfs_store *store, const VOID *sid, ULONG length)
{
    ExAcquireFastMutex(&store->quota_lock);
    struct table table = {store->quotas, store->quota_count};
    const struct memfs_quota *entry = find(&table, sid, length);
    LONGLONG limit = entry ? entry->limit : store->quota.DefaultQuotaLimit.QuadPart;
    ExReleaseFastMutex(&store->quota_lock);
    return limit;
}

static LONGLONG used_by(struct memfs_store *store, const VOID *sid, ULONG length)
{
    struct memfs_node **nodes;
    UCHAR owner[SID_ROOM];
    LONGLONG used = 0;
    ULONG count = MemfsAllNodes(store, &nodes);
    for (ULONG i = 0; i < count; i++) {
        if (MemfsCopyOwner(nodes[i], owner, sizeof owner) == length && memcmp(owner, sid, length) == 0)
            used += bytes_of(nodes[i]);
        MemfsReleaseNode(nodes[i]);
    }
    sim_free(nodes);
    return used;
}

bool MemfsQuotaAllows(struct memfs_node *node, LONGLONG more)
{
    UCHAR sid[SID_ROOM];
    struct memfs_store *store = node->store;
    ULONG length = MemfsQuotaFlags(store) & FILE_VC_QUOTA_ENFORCE ? MemfsCopyOwner(node, sid, sizeof sid) : 0;
    LONGLONG limit = length ? limit_of(store, sid, length) : -1;
    return limit < 0 || used_by(store, sid, length) + more <= limit;
}

LONGLONG MemfsQuotaLeft(struct memfs_store *store, LONGLONG free)
{
    UCHAR sid[SID_ROOM];
    SECURITY_SUBJECT_CONTEXT subject;
    if (!(MemfsQuotaFlags(store) & FILE_VC_QUOTA_ENFORCE))
        return free;
    SeCaptureSubjectContext(&subject);
    ULONG length = MemfsOwnerOf(SeQuerySubjectContextToken(&subject), sid, sizeof sid);
    SeReleaseSubjectContext(&subject);
    LONGLONG limit = length ? limit_of(store, sid, length) : -1, left = limit < 0 ? free : limit - used_by(store, sid, length);
    return left < 0 ? 0 : left < free ? left : free;
}

/* -- asking ------------------------------------------------------------------------------------ */

struct listing {
    UCHAR *buffer;
    ULONG room, used, last;
};

static NTSTATUS put(struct listing *listing, const struct memfs_quota *entry)
{
    ULONG at = (listing->used + 7) & ~7u, size = FIELD_OFFSET(FILE_QUOTA_INFORMATION, Sid) + entry->sid_length;
    if (at > listing->room || size > listing->room - at)
        return listing->last == MAXULONG ? STATUS_BUFFER_TOO_SMALL : STATUS_BUFFER_OVERFLOW;
    PFILE_QUOTA_INFORMATION info = (PVOID)(listing->buffer + at);
    memset(listing->buffer + listing->used, 0, at + size - listing->used);
    info->SidLength = entry->sid_length;
    info->ChangeTime.QuadPart = entry->changed;
    info->QuotaUsed.QuadPart = entry->used;
    info->QuotaThreshold.QuadPart = entry->threshold;
    info->QuotaLimit.QuadPart = entry->limit;
    memcpy(&info->Sid, entry->sid, entry->sid_length);
    if (listing->last != MAXULONG)
        *(ULONG *)(listing->buffer + listing->last) = at - listing->last;
    listing->last = at;
    listing->used = at + size;
    return STATUS_SUCCESS;
}

/* Those asked for by name; of whom nothing is known, that. */
static NTSTATUS put_listed(struct listing *listing, struct table *table, const struct memfs_store *store,
                           const FILE_GET_QUOTA_INFORMATION *list, ULONG length, bool single)
{
    const ULONG head = FIELD_OFFSET(FILE_GET_QUOTA_INFORMATION, Sid);
    for (;;) {
        if (length < head || list->SidLength > length - head || !is_sid(&list->Sid, list->SidLength))
            return STATUS_QUOTA_LIST_INCONSISTENT;
        struct memfs_quota *entry = find(table, &list->Sid, list->SidLength);
        NTSTATUS status = put(listing, entry ? entry : add(table, store, &list->Sid, list->SidLength));
        ULONG next = list->NextEntryOffset;
        if (!NT_SUCCESS(status) || !next || single)
            return status;
        if (next > length || next % sizeof(ULONG) || next < head + list->SidLength)
            return STATUS_QUOTA_LIST_INCONSISTENT;
        list = (const VOID *)((const UCHAR *)list + next);
        length -= next;
    }
}

static NTSTATUS put_rest(struct listing *listing, const struct table *table, struct memfs_ccb *ccb, bool single)
{
    NTSTATUS status = STATUS_SUCCESS;
    if (ccb->quota_index >= table->count)
        return STATUS_NO_MORE_ENTRIES;
    while (NT_SUCCESS(status) && ccb->quota_index < table->count) {
        status = put(listing, &table->entries[ccb->quota_index]);
        if (status == STATUS_SUCCESS)
            ccb->quota_index++;
        if (single)
            break;
    }
    return status == STATUS_BUFFER_OVERFLOW ? STATUS_SUCCESS : status;
}

static NTSTATUS query(struct memfs_scb *scb, struct memfs_ccb *ccb, PIO_STACK_LOCATION stack, struct listing *listing)
{
    struct memfs_store *store = scb->volume->store;
    bool single = (stack->Flags & SL_RETURN_SINGLE_ENTRY) != 0;
    PSID start = stack->Parameters.QueryQuota.StartSid;
    struct table table = collect(store);
    NTSTATUS status = STATUS_SUCCESS;
    if (stack->Flags & SL_RESTART_SCAN)
        ccb->quota_index = 0;
    if (stack->Parameters.QueryQuota.SidList) {
        status = put_listed(listing, &table, store, stack->Parameters.QueryQuota.SidList,
                            stack->Parameters.QueryQuota.SidListLength, single);
    } else {
        const struct memfs_quota *after =
            start && RtlValidSid(start) ? find(&table, start, RtlLengthSid(start)) : NULL;
        if (start && !after)
            status = STATUS_INVALID_SID;
        else if (after)
            ccb->quota_index = (ULONG)(after - table.entries) + 1;
        if (NT_SUCCESS(status))
            status = put_rest(listing, &table, ccb, single);
    }
    sim_free(table.entries);
    return status;
}

static NTSTATUS check(PIRP irp, struct memfs_scb **scb)
{
    PFILE_OBJECT file = IoGetCurrentIrpStackLocation(irp)->FileObject;
    *scb = file ? MemfsScbOf(file) : NULL;
    if (!*scb || !file->FsContext2)
        return STATUS_INVALID_PARAMETER;
    if (!(*scb)->volume->store->ntfs)
        return STATUS_INVALID_DEVICE_REQUEST;
    return MemfsCheckVolume((*scb)->volume);
}

NTSTATUS MemfsQueryQuota(PDEVICE_OBJECT device, PIRP irp)
{
    PIO_STACK_LOCATION stack = IoGetCurrentIrpStackLocation(irp);
    struct memfs_scb *scb;
    struct listing listing = {.buffer = MemfsBuffer(irp), .room = stack->Parameters.QueryQuota.Length, .last = MAXULONG};
    NTSTATUS status = check(irp, &scb);
    if (NT_SUCCESS(status) && !listing.buffer)
        status = STATUS_INVALID_USER_BUFFER;
    if (!NT_SUCCESS(status))
        return MemfsComplete(irp, status, 0);
    FsRtlEnterFileSystem();
    ExAcquireResourceExclusiveLite(&scb->main, TRUE);
    status = query(scb, MemfsCcbOf(stack->FileObject), stack, &listing);
    ExReleaseResourceLite(&scb->main);
    FsRtlExitFileSystem();
    return MemfsComplete(irp, status, NT_ERROR(status) ? 0 : listing.used);
}

/* -- setting ----------------------------------------------------------------------------------- */

static NTSTATUS check_list(const FILE_QUOTA_INFORMATION *list, ULONG length, ULONG *bad)
{
    const ULONG head = FIELD_OFFSET(FILE_QUOTA_INFORMATION, Sid);
    for (*bad = 0;;) {
        if (length < head || list->SidLength > length - head || !is_sid(&list->Sid, list->SidLength))
            return STATUS_QUOTA_LIST_INCONSISTENT;
        ULONG next = list->NextEntryOffset;
        if (!next)
            return STATUS_SUCCESS;
        if (next > length || next % sizeof(LONGLONG) || next < head + list->SidLength)
            return STATUS_QUOTA_LIST_INCONSISTENT;
        list = (const VOID *)((const UCHAR *)list + next);
        length -= next;
        *bad += next;
    }
}

/* A limit of -2 takes the entry away. */
static void set_one(struct memfs_store *store, const FILE_QUOTA_INFORMATION *info)
{
    struct table table = {store->quotas, store->quota_count};
    struct memfs_quota *entry = find(&table, &info->Sid, info->SidLength);
    if (info->QuotaLimit.QuadPart == -2) {
        if (entry)
            *entry = table.entries[--table.count];
    } else {
        if (!entry)
            entry = add(&table, store, &info->Sid, info->SidLength);
        entry->threshold = info->QuotaThreshold.QuadPart;
        entry->limit = info->QuotaLimit.QuadPart;
        entry->changed = MemfsNow();
    }
    store->quotas = table.entries;
    store->quota_count = table.count;
}

NTSTATUS MemfsSetQuota(PDEVICE_OBJECT device, PIRP irp)
{
    PIO_STACK_LOCATION stack = IoGetCurrentIrpStackLocation(irp);
    const FILE_QUOTA_INFORMATION *list = MemfsBuffer(irp);
    struct memfs_scb *scb;
    ULONG bad = 0;
    NTSTATUS status = check(irp, &scb);
    if (NT_SUCCESS(status) && MemfsIsReadOnly(scb->volume))
        status = STATUS_MEDIA_WRITE_PROTECTED;
    if (NT_SUCCESS(status))
        status = list ? check_list(list, stack->Parameters.SetQuota.Length, &bad) : STATUS_INVALID_USER_BUFFER;
    if (!NT_SUCCESS(status))
        return MemfsComplete(irp, status, bad);
    struct memfs_store *store = scb->volume->store;
    FsRtlEnterFileSystem();
    ExAcquireFastMutex(&store->quota_lock);
    for (;; list = (const VOID *)((const UCHAR *)list + list->NextEntryOffset)) {
        set_one(store, list);
        if (!list->NextEntryOffset)
            break;
    }
    ExReleaseFastMutex(&store->quota_lock);
    FsRtlExitFileSystem();
    return MemfsComplete(irp, STATUS_SUCCESS, 0);
}
