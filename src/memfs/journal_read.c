/* Reading change records: those of the journal, and the last of each file. */
#include "memfs/journal.h"

#include <stdlib.h>
#include <string.h>

static bool matches(const USN_RECORD_V2 *record, const READ_USN_JOURNAL_DATA_V1 *ask)
{
    return (record->Reason & ask->ReasonMask) && (!ask->ReturnOnlyOnClose || record->Reason & USN_REASON_CLOSE);
}

static ULONG length_of(const USN_RECORD_V2 *record, bool wide)
{
    const ULONG more = FIELD_OFFSET(USN_RECORD_V3, FileName) - FIELD_OFFSET(USN_RECORD_V2, FileName);
    return wide ? (FIELD_OFFSET(USN_RECORD_V2, FileName) + more + record->FileNameLength + 7) & ~7u : record->RecordLength;
}

/* The first 8 bytes say where to go on. */
static NTSTATUS copy(const struct memfs_journal *journal, const READ_USN_JOURNAL_DATA_V1 *ask, bool wide, UCHAR *out,
                     ULONG room, ULONG_PTR *done)
{
    USN at = ask->StartUsn ? ask->StartUsn : journal->first;
    const USN_RECORD_V2 *record;
    *done = sizeof(USN);
    for (; (record = MemfsNextUsn(journal, &at)); at += record->RecordLength) {
        ULONG length = length_of(record, wide);
        if (!matches(record, ask))
            continue;
        if (length > room - *done) {
            if (*done == sizeof(USN))
                return STATUS_BUFFER_TOO_SMALL;
            break;
        }
        if (wide)
            MemfsWidenUsn((PVOID)(out + *done), record);
        else
            memcpy(out + *done, record, length);
        *done += length;
    }
    memcpy(out, &at, sizeof at);
    return STATUS_SUCCESS;
}

/* Not within a record. */
static bool is_place(const struct memfs_journal *journal, USN usn)
{
    USN at = usn & ~(USN)(MEMFS_USN_PAGE - 1);
    const USN_RECORD_V2 *record;
    while ((record = MemfsNextUsn(journal, &at)) && at < usn) {
        at += record->RecordLength;
        if (at > usn)
            return false;
    }
    return true;
}

static NTSTATUS check(const struct memfs_journal *journal, const READ_USN_JOURNAL_DATA_V1 *ask)
{
    if (!journal)
        return STATUS_JOURNAL_NOT_ACTIVE;
    if (ask->UsnJournalID != journal->id || ask->StartUsn < 0 || ask->StartUsn > journal->next)
        return STATUS_INVALID_PARAMETER;
    if (ask->StartUsn && ask->StartUsn < journal->first)
        return STATUS_JOURNAL_ENTRY_DELETED;
    return ask->StartUsn % 8 == 0 && (!ask->StartUsn || is_place(journal, ask->StartUsn)) ? STATUS_SUCCESS
                                                                                         : STATUS_INVALID_PARAMETER;
}

NTSTATUS MemfsReadUsns(struct memfs_store *store, const READ_USN_JOURNAL_DATA_V1 *ask, PVOID out, ULONG room, ULONG_PTR *done)
{
    bool wide;
    NTSTATUS status = MemfsUsnVersion(ask->MinMajorVersion, ask->MaxMajorVersion, &wide);
    if (!NT_SUCCESS(status))
        return status;
    *done = 0;
    ExAcquireFastMutex(&store->journal_lock);
    status = check(store->journal, ask);
    if (NT_SUCCESS(status))
        status = copy(store->journal, ask, wide, out, room, done);
    ExReleaseFastMutex(&store->journal_lock);
    return status;
}

NTSTATUS MemfsReadJournal(struct memfs_fsctl *c)
{
    READ_USN_JOURNAL_DATA_V1 ask = {.MinMajorVersion = 2, .MaxMajorVersion = 2};
    if (c->scb->node || c->in_length < sizeof(READ_USN_JOURNAL_DATA_V0))
        return STATUS_INVALID_PARAMETER;
    memcpy(&ask, c->in, c->in_length >= sizeof ask ? sizeof ask : sizeof(READ_USN_JOURNAL_DATA_V0));
    if (c->out_length < sizeof(USN))
        return STATUS_BUFFER_TOO_SMALL;
    NTSTATUS status = MemfsReadUsns(c->volume->store, &ask, c->out, c->out_length, &c->done);
    return status == STATUS_SUCCESS && c->done == sizeof(USN) && ask.BytesToWaitFor ? MemfsWaitForUsn(c, &ask) : status;
}

/* -- the last record of each file -------------------------------------------------------------- */

enum { NUMBER_BITS = 48 }; /* of a file reference; the rest counts how often it was given */

static ULONGLONG number_of(ULONGLONG id)
{
    return id & ((1ULL << NUMBER_BITS) - 1);
}

static int by_number(const void *a, const void *b)
{
    ULONGLONG x = number_of((ULONGLONG)(*(struct memfs_node *const *)a)->id),
              y = number_of((ULONGLONG)(*(struct memfs_node *const *)b)->id);
    return x < y ? -1 : x > y;
}

static USN usn_of(struct memfs_node *node)
{
    ExAcquireFastMutex(&node->store->journal_lock);
    USN usn = node->usn;
    ExReleaseFastMutex(&node->store->journal_lock);
    return usn;
}

/* volume.tree held. STATUS_BUFFER_OVERFLOW: it does not fit. */
static NTSTATUS put_file(struct memfs_fsctl *c, struct memfs_node *node, const MFT_ENUM_DATA_V1 *ask, bool wide)
{
    USN usn = usn_of(node);
    struct memfs_link *link = usn >= ask->LowUsn && usn <= ask->HighUsn ? MemfsFirstLink(node) : NULL;
    if (!link)
        return STATUS_SUCCESS;
    ULONG length = MemfsUsnLength(link, wide);
    bool fits = length <= c->out_length - c->done;
    if (fits) {
        MemfsPutUsn((UCHAR *)c->out + c->done, link, usn, wide);
        c->done += length;
    }
    MemfsReleaseLink(link);
    return fits ? STATUS_SUCCESS : STATUS_BUFFER_OVERFLOW;
}

static NTSTATUS enumerate(struct memfs_fsctl *c, const MFT_ENUM_DATA_V1 *ask, bool wide)
{
    struct memfs_node **nodes;
    ULONG count = MemfsAllNodes(c->volume->store, &nodes);
    ULONGLONG next = number_of(ask->StartFileReferenceNumber);
    NTSTATUS status = STATUS_SUCCESS;
    qsort(nodes, count, sizeof *nodes, by_number);
    c->done = sizeof next;
    for (ULONG i = 0; i < count; i++) {
        ULONGLONG number = number_of((ULONGLONG)nodes[i]->id);
        if (status == STATUS_SUCCESS && number >= next)
            status = put_file(c, nodes[i], ask, wide);
        if (status == STATUS_SUCCESS && number >= next)
            next = number + 1;
        MemfsReleaseNode(nodes[i]);
    }
    sim_free(nodes);
    memcpy(c->out, &next, sizeof next);
    if (c->done > sizeof next)
        return STATUS_SUCCESS;
    c->done = 0;
    return status == STATUS_BUFFER_OVERFLOW ? STATUS_BUFFER_TOO_SMALL : STATUS_END_OF_FILE;
}

NTSTATUS MemfsEnumUsn(struct memfs_fsctl *c)
{
    MFT_ENUM_DATA_V1 ask = {.MinMajorVersion = 2, .MaxMajorVersion = 2};
    bool wide;
    if (c->scb->node || c->in_length < sizeof(MFT_ENUM_DATA_V0))
        return STATUS_INVALID_PARAMETER;
    memcpy(&ask, c->in, c->in_length >= sizeof ask ? sizeof ask : sizeof(MFT_ENUM_DATA_V0));
    NTSTATUS status = MemfsUsnVersion(ask.MinMajorVersion, ask.MaxMajorVersion, &wide);
    if (!NT_SUCCESS(status))
        return status;
    if (!__atomic_load_n(&c->volume->store->journal, __ATOMIC_ACQUIRE))
        return STATUS_JOURNAL_NOT_ACTIVE;
    if (c->out_length < sizeof(ULONGLONG))
        return STATUS_BUFFER_TOO_SMALL;
    ExAcquireResourceSharedLite(&c->volume->tree, TRUE);
    status = enumerate(c, &ask, wide);
    ExReleaseResourceLite(&c->volume->tree);
    return status;
}
