/* The change journal: records are written here, for each new kind of change to a file between its first open and its last
 * close, and at that. While no journal is active a change costs one look at a pointer. */
#include "memfs/journal.h"

#include <string.h>

enum { DEFAULT_SIZE = 32 << 20, DEFAULT_DELTA = 8 << 20 };

static const USN most_usn = 0x7fffffffffff0000;

/* -- the stream of records --------------------------------------------------------------------- */

static USN round_to_page(USN usn)
{
    return (usn + MEMFS_USN_PAGE - 1) & ~(USN)(MEMFS_USN_PAGE - 1);
}

/* Old records go in steps, once there are a step more than the journal is meant to hold. */
static void trim(struct memfs_journal *journal)
{
    ULONGLONG kept = (ULONGLONG)(journal->next - journal->first), gone = 0;
    if (kept <= journal->most + journal->delta)
        return;
    while (kept - gone > journal->most)
        gone += journal->delta;
    if (gone > kept)
        gone = kept & ~(ULONGLONG)(MEMFS_USN_PAGE - 1);
    memmove(journal->bytes, journal->bytes + gone, (size_t)(kept - gone));
    journal->first += (USN)gone;
}

static PUSN_RECORD_V2 append(struct memfs_journal *journal, ULONG length)
{
    if (journal->next / MEMFS_USN_PAGE != (journal->next + (USN)length - 1) / MEMFS_USN_PAGE)
        journal->next = round_to_page(journal->next);
    trim(journal);
    size_t at = (size_t)(journal->next - journal->first), room = journal->room;
    while (room < at + length)
        room = room ? room * 2 : MEMFS_USN_PAGE;
    if (room > journal->room) {
        journal->bytes = sim_realloc(journal->bytes, room);
        memset(journal->bytes + journal->room, 0, room - journal->room);
        journal->room = room;
    }
    size_t page_end = (size_t)(round_to_page(journal->next + 1) - journal->first);
    memset(journal->bytes + at, 0, (page_end < room ? page_end : room) - at); /* what was trimmed lay here */
    journal->next += length;
    return (PVOID)(journal->bytes + at);
}

const USN_RECORD_V2 *MemfsNextUsn(const struct memfs_journal *journal, USN *at)
{
    while (*at < journal->next) {
        const USN_RECORD_V2 *record = (const VOID *)(journal->bytes + (*at - journal->first));
        if (record->RecordLength)
            return record;
        *at = round_to_page(*at + 1);
    }
    *at = journal->next;
    return NULL;
}

/* -- changes ----------------------------------------------------------------------------------- */

static USN write_record(struct memfs_journal *journal, struct memfs_link *link, ULONG reasons, ULONG source)
{
    PUSN_RECORD_V2 record = append(journal, MemfsUsnLength(link, false));
    USN usn = (USN)((UCHAR *)record - journal->bytes) + journal->first;
    MemfsPutUsn(record, link, usn, false);
    record->TimeStamp.QuadPart = MemfsNow();
    record->Reason = reasons;
    record->SourceInfo = source;
    link->node->usn = usn;
    return usn;
}

/* What was noted already is not noted again, but at the close. An old name is no change that stays. */
static USN note(struct memfs_journal *journal, struct memfs_link *link, ULONG reasons, ULONG source)
{
    struct memfs_node *node = link->node;
    ULONG all = node->usn_reasons | reasons;
    USN usn = -1;
    if (all != node->usn_reasons)
        usn = write_record(journal, link, all, source);
    all = reasons & USN_REASON_CLOSE ? 0 : all & ~(ULONG)USN_REASON_RENAME_OLD_NAME;
    __atomic_store_n(&node->usn_reasons, all, __ATOMIC_RELAXED); /* a close looks at it */
    return usn;
}

/* A name of the file that is there still, if that one is not. Referenced. */
static struct memfs_link *name_of(struct memfs_link *link)
{
    if (MemfsIs(&link->removed))
        return MemfsFirstLink(link->node);
    MemfsReferenceLink(link);
    return link;
}

USN MemfsWriteUsn(struct memfs_volume *volume, struct memfs_link *link, ULONG reasons, const struct memfs_ccb *ccb)
{
    struct memfs_store *store = volume->store;
    USN usn = -1, next = 0;
    ExAcquireResourceSharedLite(&volume->tree, TRUE);
    link = name_of(link);
    if (link) {
        ExAcquireFastMutex(&store->journal_lock);
        if (store->journal) {
            usn = note(store->journal, link, reasons, ccb ? __atomic_load_n(&ccb->usn_source, __ATOMIC_RELAXED) : 0);
            next = store->journal->next;
        }
        ExReleaseFastMutex(&store->journal_lock);
        MemfsReleaseLink(link);
    }
    ExReleaseResourceLite(&volume->tree);
    if (usn >= 0)
        MemfsWakeReaders(store, next);
    return usn;
}

static bool is_open(struct memfs_node *node)
{
    MemfsShareNode(node);
    bool open = node->directory && MemfsCount(&node->directory->handles) > 0;
    for (const struct memfs_stream *stream = node->streams; stream && !open; stream = stream->next)
        open = stream->scb && MemfsCount(&stream->scb->handles) > 0;
    MemfsUnshareNode(node);
    return open;
}

void MemfsWriteUsnAtClose(struct memfs_volume *volume, struct memfs_link *link, const struct memfs_ccb *ccb)
{
    struct memfs_node *node = link->node;
    if (__atomic_load_n(&node->usn_reasons, __ATOMIC_RELAXED) && !is_open(node))
        MemfsWriteUsn(volume, link, USN_REASON_CLOSE, ccb);
}

void MemfsTellMappedWrites(struct memfs_scb *scb, const struct memfs_ccb *ccb)
{
    if (MemfsIs(&scb->mapped_write) && __atomic_exchange_n(&scb->mapped_write, false, __ATOMIC_ACQ_REL))
        MemfsChanged(scb->volume, ccb->link, MemfsDataReasons(scb->stream, USN_REASON_DATA_OVERWRITE), ccb);
}

/* -- the journal itself ------------------------------------------------------------------------ */

static void set_sizes(struct memfs_journal *journal, const CREATE_USN_JOURNAL_DATA *data)
{
    journal->most = data->MaximumSize ? data->MaximumSize : DEFAULT_SIZE;
    journal->delta = data->AllocationDelta ? data->AllocationDelta : DEFAULT_DELTA;
    if (journal->most > MAXLONG)
        journal->most = MAXLONG; /* what we keep in memory */
    if (journal->delta > MAXLONG)
        journal->delta = MAXLONG;
    journal->delta = (ULONGLONG)round_to_page((USN)journal->delta);
}

NTSTATUS MemfsCreateJournal(struct memfs_fsctl *c)
{
    struct memfs_store *store = c->volume->store;
    if (c->scb->node || c->in_length < sizeof(CREATE_USN_JOURNAL_DATA))
        return STATUS_INVALID_PARAMETER;
    if (MemfsIsReadOnly(c->volume))
        return STATUS_MEDIA_WRITE_PROTECTED;
    struct memfs_journal *fresh = sim_alloc(sizeof *fresh);
    fresh->id = (ULONGLONG)MemfsNow();
    ExAcquireFastMutex(&store->journal_lock);
    if (fresh->id <= store->last_journal)
        fresh->id = store->last_journal + 1;
    bool is_new = !store->journal;
    set_sizes(is_new ? fresh : store->journal, c->in);
    if (is_new) {
        store->last_journal = fresh->id;
        __atomic_store_n(&store->journal, fresh, __ATOMIC_RELEASE);
    }
    ExReleaseFastMutex(&store->journal_lock);
    if (!is_new)
        sim_free(fresh);
    return STATUS_SUCCESS;
}

NTSTATUS MemfsQueryJournal(struct memfs_fsctl *c)
{
    USN_JOURNAL_DATA_V2 data = {.MaxUsn = most_usn, .MinSupportedMajorVersion = 2, .MaxSupportedMajorVersion = 3};
    struct memfs_store *store = c->volume->store;
    ULONG size = c->out_length >= sizeof data                  ? sizeof data
                 : c->out_length >= sizeof(USN_JOURNAL_DATA_V1) ? sizeof(USN_JOURNAL_DATA_V1)
                                                                : sizeof(USN_JOURNAL_DATA_V0);
    ExAcquireFastMutex(&store->journal_lock);
    const struct memfs_journal *journal = store->journal;
    if (journal) {
        data.UsnJournalID = journal->id;
        data.FirstUsn = journal->first;
        data.NextUsn = journal->next;
        data.MaximumSize = journal->most;
        data.AllocationDelta = journal->delta;
    }
    ExReleaseFastMutex(&store->journal_lock);
    if (!journal)
        return STATUS_JOURNAL_NOT_ACTIVE;
    if (c->out_length < size)
        return STATUS_BUFFER_TOO_SMALL;
    memcpy(c->out, &data, size);
    c->done = size;
    return STATUS_SUCCESS;
}

static void forget_usns(struct memfs_store *store)
{
    ExAcquireFastMutex(&store->ids_lock);
    for (struct memfs_node *node = store->ids; node; node = node->by_id.next) {
        node->usn = 0;
        __atomic_store_n(&node->usn_reasons, 0, __ATOMIC_RELAXED);
    }
    ExReleaseFastMutex(&store->ids_lock);
}

static void free_journal(struct memfs_journal *journal)
{
    if (journal)
        sim_free(journal->bytes);
    sim_free(journal);
}

/* A deletion is over when the request is: nobody ever finds one to wait for. */
NTSTATUS MemfsDeleteJournal(struct memfs_fsctl *c)
{
    struct memfs_store *store = c->volume->store;
    struct memfs_journal *gone = NULL;
    if (c->scb->node || c->in_length < sizeof(DELETE_USN_JOURNAL_DATA))
        return STATUS_INVALID_PARAMETER;
    DELETE_USN_JOURNAL_DATA data = *(const DELETE_USN_JOURNAL_DATA *)c->in;
    if (!data.DeleteFlags || data.DeleteFlags & ~(ULONG)USN_DELETE_VALID_FLAGS)
        return STATUS_INVALID_PARAMETER;
    if (!(data.DeleteFlags & USN_DELETE_FLAG_DELETE))
        return STATUS_SUCCESS;
    if (MemfsIsReadOnly(c->volume))
        return STATUS_MEDIA_WRITE_PROTECTED;
    ExAcquireFastMutex(&store->journal_lock);
    NTSTATUS status = !store->journal                            ? STATUS_JOURNAL_NOT_ACTIVE
                      : store->journal->id != data.UsnJournalID ? STATUS_INVALID_PARAMETER
                                                                 : STATUS_SUCCESS;
    if (NT_SUCCESS(status)) {
        gone = store->journal;
        __atomic_store_n(&store->journal, NULL, __ATOMIC_RELEASE);
        forget_usns(store);
    }
    ExReleaseFastMutex(&store->journal_lock);
    free_journal(gone);
    if (NT_SUCCESS(status))
        MemfsEndReaders(store, NULL, NULL, STATUS_JOURNAL_DELETE_IN_PROGRESS);
    return status;
}

void MemfsFreeJournal(struct memfs_store *store)
{
    free_journal(store->journal);
    sim_free(store->readers);
}

/* -- by hand ----------------------------------------------------------------------------------- */

NTSTATUS MemfsWriteUsnClose(struct memfs_fsctl *c)
{
    if (!c->scb->node)
        return STATUS_INVALID_PARAMETER;
    if (c->out_length < sizeof(USN))
        return STATUS_BUFFER_TOO_SMALL;
    if (MemfsIsReadOnly(c->volume))
        return STATUS_MEDIA_WRITE_PROTECTED;
    if (MemfsIs(&c->ccb->link->removed) && MemfsCount(&c->scb->node->link_count) == 0)
        return STATUS_FILE_DELETED;
    USN usn = MemfsWriteUsn(c->volume, c->ccb->link, USN_REASON_CLOSE, c->ccb);
    if (usn < 0)
        return STATUS_JOURNAL_NOT_ACTIVE;
    *(USN *)c->out = usn;
    c->done = sizeof usn;
    return STATUS_SUCCESS;
}
