/* Copies that the disk makes by itself: a token stands for what a range of a file held when it was read. */
#include "memfs/offload.h"

#include <string.h>

enum { MOST = 16 << 20, TOKENS = 16, DEFAULT_LIFE = 30 * 1000 };

struct memfs_token {
    LIST_ENTRY link; /* memfs_store.tokens, newest first */
    ULONGLONG id;
    LONGLONG ends;
    ULONG length;
    UCHAR data[];
};

/* What is in a token of ours, behind its type and length. */
struct token_body {
    CHAR maker[8];
    ULONG serial;
    ULONG length;
    ULONGLONG id;
};

static const CHAR maker[8] = "fltsim";
static const UCHAR our_type[4] = {0x00, 0x80, 0x00, 0x00}, zero_type[4] = {0xFF, 0xFF, 0x00, 0x01},
                   id_length[2] = {STORAGE_OFFLOAD_TOKEN_ID_LENGTH >> 8, STORAGE_OFFLOAD_TOKEN_ID_LENGTH & 0xFF};

/* -- tokens ------------------------------------------------------------------------------------ */

static void make_token(UCHAR *bytes, const UCHAR type[4], const struct token_body *body)
{
    PSTORAGE_OFFLOAD_TOKEN token = (PVOID)bytes;
    memset(token, 0, sizeof *token);
    memcpy(token->TokenType, type, sizeof token->TokenType);
    memcpy(token->TokenIdLength, id_length, sizeof token->TokenIdLength);
    if (body)
        memcpy(token->Token, body, sizeof *body);
}

/* tokens_lock held: those whose time is over, and the oldest of too many. */
static void drop_old(struct memfs_store *store)
{
    LONGLONG now = MemfsNow();
    ULONG count = 0;
    PLIST_ENTRY next;
    for (PLIST_ENTRY link = store->tokens.Flink; link != &store->tokens; link = next) {
        struct memfs_token *token = CONTAINING_RECORD(link, struct memfs_token, link);
        next = link->Flink;
        if (++count < TOKENS && token->ends > now)
            continue;
        RemoveEntryList(link);
        sim_free(token);
    }
}

static void keep(struct memfs_store *store, struct memfs_token *token, ULONG life)
{
    token->ends = MemfsNow() + (LONGLONG)(life ? life : DEFAULT_LIFE) * 10 * 1000;
    ExAcquireFastMutex(&store->tokens_lock);
    drop_old(store);
    token->id = ++store->last_token;
    InsertHeadList(&store->tokens, &token->link);
    ExReleaseFastMutex(&store->tokens_lock);
}

void MemfsFreeTokens(struct memfs_store *store)
{
    while (!IsListEmpty(&store->tokens))
        sim_free(CONTAINING_RECORD(RemoveHeadList(&store->tokens), struct memfs_token, link));
}

/* A copy of the data from `offset` on, at most `most` bytes of it (sim_free). */
static NTSTATUS data_of(struct memfs_store *store, const UCHAR *bytes, ULONGLONG offset, ULONG most, UCHAR **data, ULONG *length)
{
    const STORAGE_OFFLOAD_TOKEN *token = (const VOID *)bytes;
    struct token_body body;
    NTSTATUS status = STATUS_INVALID_TOKEN;
    memcpy(&body, token->Token, sizeof body);
    if (memcmp(token->TokenType, our_type, sizeof our_type) != 0 || memcmp(body.maker, maker, sizeof maker) != 0 ||
        body.serial != store->serial)
        return status;
    ExAcquireFastMutex(&store->tokens_lock);
    drop_old(store);
    for (PLIST_ENTRY link = store->tokens.Flink; link != &store->tokens; link = link->Flink) {
        struct memfs_token *kept = CONTAINING_RECORD(link, struct memfs_token, link);
        if (kept->id != body.id || kept->length != body.length)
            continue;
        status = offset < kept->length ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER;
        if (!NT_SUCCESS(status))
            break;
        *length = kept->length - (ULONG)offset < most ? kept->length - (ULONG)offset : most;
        *data = sim_alloc(*length);
        memcpy(*data, kept->data + offset, *length);
        break;
    }
    ExReleaseFastMutex(&store->tokens_lock);
    return status;
}

/* -- what both check --------------------------------------------------------------------------- */

static bool is_aligned(ULONGLONG offset)
{
    return offset % MEMFS_SECTOR == 0;
}

/* Main resource exclusive. */
static NTSTATUS check_file(const struct memfs_fsctl *c, ULONGLONG offset, ULONGLONG length, NTSTATUS unsupported)
{
    const struct memfs_scb *scb = c->scb;
    ULONGLONG size = (ULONGLONG)MemfsLoad(&scb->header.FileSize);
    if (MemfsIs(&scb->stream->removed) || MemfsCount(&scb->node->link_count) == 0)
        return STATUS_FILE_DELETED;
    if (scb->stream->sparse || scb->stream->compressed)
        return unsupported;
    if (size < MEMFS_PAGE || !is_aligned(offset) || offset > MAXULONGLONG - length ||
        (!is_aligned(length) && offset + length != size))
        return STATUS_INVALID_PARAMETER;
    return offset >= size ? STATUS_END_OF_FILE : STATUS_SUCCESS;
}

static bool is_free(const struct memfs_fsctl *c, LONGLONG from, LONGLONG count, bool write)
{
    LARGE_INTEGER offset = {.QuadPart = from}, length = {.QuadPart = count};
    PEPROCESS process = IoGetRequestorProcess(c->irp);
    if (!c->scb->locks || !count)
        return true;
    return write ? FsRtlFastCheckLockForWrite(c->scb->locks, &offset, &length, 0, c->file, process)
                 : FsRtlFastCheckLockForRead(c->scb->locks, &offset, &length, 0, c->file, process);
}

static LONGLONG least(ULONGLONG a, LONGLONG b)
{
    return a < (ULONGLONG)b ? (LONGLONG)a : b;
}

/* -- reading ----------------------------------------------------------------------------------- */

/* What lies beyond the valid data is zeros, for which there is a token that everybody knows. */
static NTSTATUS read_range(struct memfs_fsctl *c, const FSCTL_OFFLOAD_READ_INPUT *in, FSCTL_OFFLOAD_READ_OUTPUT *out)
{
    struct memfs_scb *scb = c->scb;
    IO_STATUS_BLOCK iosb;
    LONGLONG size = MemfsLoad(&scb->header.FileSize), from = (LONGLONG)in->FileOffset,
             count = least(in->CopyLength, size - from);
    if (!is_free(c, from, count, false))
        return STATUS_FILE_LOCK_CONFLICT;
    CcFlushCache(&scb->sections, NULL, 0, &iosb);
    LONGLONG valid = MemfsLoad(&scb->header.ValidDataLength);
    if (from >= valid) {
        make_token(out->Token, zero_type, NULL);
        out->TransferLength = (ULONGLONG)count;
        out->Flags = OFFLOAD_READ_FLAG_ALL_ZERO_BEYOND_CURRENT_RANGE;
        return STATUS_SUCCESS;
    }
    LONGLONG end = MemfsRound(valid); /* clusters are read whole */
    count = least((ULONGLONG)count, least(MOST, end - from));
    struct memfs_token *token = sim_alloc(sizeof *token + (size_t)count);
    token->length = (ULONG)count;
    MemfsReadData(scb->stream, from, token->data, (ULONG)least((ULONGLONG)count, valid - from));
    keep(c->volume->store, token, in->TokenTimeToLive);
    struct token_body body = {.serial = c->volume->store->serial, .length = (ULONG)count, .id = token->id};
    memcpy(body.maker, maker, sizeof maker);
    make_token(out->Token, our_type, &body);
    out->TransferLength = (ULONGLONG)count;
    out->Flags = from + count >= end ? OFFLOAD_READ_FLAG_ALL_ZERO_BEYOND_CURRENT_RANGE : 0;
    return STATUS_SUCCESS;
}

NTSTATUS MemfsOffloadRead(struct memfs_fsctl *c)
{
    FSCTL_OFFLOAD_READ_OUTPUT out = {.Size = sizeof out};
    if (!c->scb->stream)
        return STATUS_INVALID_DEVICE_REQUEST;
    if (c->in_length < sizeof(FSCTL_OFFLOAD_READ_INPUT))
        return STATUS_INVALID_PARAMETER;
    if (c->out_length < sizeof out)
        return STATUS_BUFFER_TOO_SMALL;
    FSCTL_OFFLOAD_READ_INPUT in = *(const FSCTL_OFFLOAD_READ_INPUT *)c->in;
    if (in.Size != sizeof in)
        return STATUS_INVALID_PARAMETER;
    ExAcquireResourceExclusiveLite(&c->scb->main, TRUE);
    NTSTATUS status = check_file(c, in.FileOffset, in.CopyLength, STATUS_OFFLOAD_READ_FILE_NOT_SUPPORTED);
    if (NT_SUCCESS(status) && in.CopyLength)
        status = read_range(c, &in, &out);
    ExReleaseResourceLite(&c->scb->main);
    if (NT_SUCCESS(status)) {
        memcpy(c->out, &out, sizeof out);
        c->done = sizeof out;
    }
    return status;
}

/* -- writing ----------------------------------------------------------------------------------- */

static NTSTATUS find_data(struct memfs_store *store, const FSCTL_OFFLOAD_WRITE_INPUT *in, ULONG most, UCHAR **data, ULONG *length)
{
    if (memcmp(in->Token, zero_type, sizeof zero_type) != 0)
        return data_of(store, in->Token, in->TransferOffset, most, data, length);
    *data = sim_alloc(most);
    *length = most;
    return STATUS_SUCCESS;
}

/* Whoever looks at the file through a view would not see what the disk did. */
static NTSTATUS forget_pages(struct memfs_scb *scb)
{
    IO_STATUS_BLOCK iosb = {.Status = STATUS_SUCCESS};
    if (!MemfsHasPages(scb))
        return STATUS_SUCCESS;
    CcFlushCache(&scb->sections, NULL, 0, &iosb);
    if (!NT_SUCCESS(iosb.Status))
        return iosb.Status;
    return CcPurgeCacheSection(&scb->sections, NULL, 0, 0) ? STATUS_SUCCESS : STATUS_USER_MAPPED_FILE;
}

static NTSTATUS write_range(struct memfs_fsctl *c, const FSCTL_OFFLOAD_WRITE_INPUT *in, ULONGLONG *written)
{
    struct memfs_scb *scb = c->scb;
    UCHAR *data = NULL;
    ULONG length = 0;
    LONGLONG from = (LONGLONG)in->FileOffset, count = least(in->CopyLength, MemfsLoad(&scb->header.FileSize) - from);
    if (from > MemfsLoad(&scb->header.ValidDataLength))
        return STATUS_INVALID_PARAMETER;
    if (!is_free(c, from, count, true))
        return STATUS_FILE_LOCK_CONFLICT;
    NTSTATUS status = find_data(c->volume->store, in, (ULONG)least((ULONGLONG)count, MOST), &data, &length);
    if (NT_SUCCESS(status))
        status = forget_pages(scb);
    if (NT_SUCCESS(status)) {
        status = MemfsWriteData(scb->stream, from, data, length);
        MemfsRaise(&scb->header.ValidDataLength, from + length);
        MemfsMark(c->file, FO_FILE_MODIFIED);
        MemfsWritten(c->file, USN_REASON_DATA_OVERWRITE);
        *written = length;
    }
    sim_free(data);
    return status;
}

NTSTATUS MemfsOffloadWrite(struct memfs_fsctl *c)
{
    FSCTL_OFFLOAD_WRITE_OUTPUT out = {.Size = sizeof out};
    if (!c->scb->stream)
        return STATUS_INVALID_DEVICE_REQUEST;
    if (MemfsIsReadOnly(c->volume))
        return STATUS_MEDIA_WRITE_PROTECTED;
    if (c->in_length < sizeof(FSCTL_OFFLOAD_WRITE_INPUT) || c->out_length < sizeof out)
        return STATUS_BUFFER_TOO_SMALL;
    FSCTL_OFFLOAD_WRITE_INPUT in = *(const FSCTL_OFFLOAD_WRITE_INPUT *)c->in;
    if (in.Size != sizeof in || !is_aligned(in.TransferOffset))
        return STATUS_INVALID_PARAMETER;
    ExAcquireResourceExclusiveLite(&c->scb->main, TRUE);
    NTSTATUS status = check_file(c, in.FileOffset, in.CopyLength, STATUS_OFFLOAD_WRITE_FILE_NOT_SUPPORTED);
    if (NT_SUCCESS(status) && in.CopyLength)
        status = write_range(c, &in, &out.LengthWritten);
    ExReleaseResourceLite(&c->scb->main);
    if (NT_SUCCESS(status)) {
        memcpy(c->out, &out, sizeof out);
        c->done = sizeof out;
    }
    return status;
}
