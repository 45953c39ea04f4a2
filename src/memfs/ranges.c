/* Ranges of a stream's data: sparse files, zeroing, what is allocated; and compression, remembered but not done. */
#include "memfs/fsctl.h"

#include <string.h>

NTSTATUS MemfsSetSparse(struct memfs_fsctl *c)
{
    const FILE_SET_SPARSE_BUFFER *set = c->in;
    if (!c->scb->stream)
        return STATUS_INVALID_PARAMETER;
    if (MemfsIsReadOnly(c->volume))
        return STATUS_MEDIA_WRITE_PROTECTED;
    ExAcquireResourceExclusiveLite(&c->scb->main, TRUE);
    bool before = c->scb->stream->sparse;
    NTSTATUS status = MemfsMakeSparse(c->scb, c->in_length >= sizeof *set ? set->SetSparse : true);
    if (NT_SUCCESS(status) && c->scb->stream->sparse != before)
        MemfsChanged(c->volume, c->ccb->link, USN_REASON_BASIC_INFO_CHANGE, c->ccb);
    MemfsRefreshBypass(c->scb);
    ExReleaseResourceLite(&c->scb->main);
    return status;
}

/* -- zeros ------------------------------------------------------------------------------------- */

static NTSTATUS zero_range(struct memfs_fsctl *c, LONGLONG from, LONGLONG end)
{
    struct memfs_scb *scb = c->scb;
    IO_STATUS_BLOCK iosb;
    LARGE_INTEGER offset = {.QuadPart = from};
    if (MemfsHasPages(scb)) {
        CcFlushCache(&scb->sections, NULL, 0, &iosb);
        if (!CcPurgeCacheSection(&scb->sections, NULL, 0,
                                 0)) { /* views are open: zero what they show */
            LARGE_INTEGER last = {.QuadPart = end};
            CcZeroData(c->file, &offset, &last, TRUE);
            return STATUS_SUCCESS;
        }
    }
    ExAcquireResourceExclusiveLite(&scb->paging, TRUE);
    MemfsZeroRange(scb->stream, from, end);
    ExReleaseResourceLite(&scb->paging);
    return STATUS_SUCCESS;
}

static bool is_locked(struct memfs_fsctl *c, LONGLONG from, LONGLONG end)
{
    LARGE_INTEGER offset = {.QuadPart = from}, length = {.QuadPart = end - from};
    return c->scb->locks && !FsRtlFastCheckLockForWrite(c->scb->locks, &offset, &length, 0, c->file,
                                                        IoGetRequestorProcess(c->irp));
}

NTSTATUS MemfsSetZeroData(struct memfs_fsctl *c)
{
    const FILE_ZERO_DATA_INFORMATION *zero = c->in;
    if (!c->scb->stream || c->in_length < sizeof *zero || zero->FileOffset.QuadPart < 0 ||
        zero->BeyondFinalZero.QuadPart < zero->FileOffset.QuadPart)
        return STATUS_INVALID_PARAMETER;
    if (MemfsIsReadOnly(c->volume))
        return STATUS_MEDIA_WRITE_PROTECTED;
    ExAcquireResourceExclusiveLite(&c->scb->main, TRUE);
    LONGLONG size = MemfsLoad(&c->scb->header.FileSize), from = zero->FileOffset.QuadPart,
             end = zero->BeyondFinalZero.QuadPart < size ? zero->BeyondFinalZero.QuadPart : size;
    NTSTATUS status = from >= end                  ? STATUS_SUCCESS
                      : is_locked(c, from, end) ? STATUS_FILE_LOCK_CONFLICT
                                                   : zero_range(c, from, end);
    if (NT_SUCCESS(status))
        MemfsMark(c->file, FO_FILE_MODIFIED);
    if (NT_SUCCESS(status) && from < end) {
        MemfsPurgeEas(c->scb);
        MemfsChanged(c->volume, c->ccb->link, MemfsDataReasons(c->scb->stream, USN_REASON_DATA_OVERWRITE), c->ccb);
    }
    ExReleaseResourceLite(&c->scb->main);
    return status;
}

/* -- what is there ----------------------------------------------------------------------------- */

/* The next range from `at` on that is allocated; its end in *end. -1: none. */
static LONGLONG next_range(struct memfs_stream *stream, LONGLONG at, LONGLONG size, LONGLONG *end)
{
    if (stream->sparse)
        return MemfsNextData(stream, at, end);
    *end = MemfsRound(size);
    return at & ~(LONGLONG)(MEMFS_PAGE - 1);
}

static NTSTATUS put_ranges(struct memfs_fsctl *c, LONGLONG from, LONGLONG end)
{
    PFILE_ALLOCATED_RANGE_BUFFER out = c->out;
    ULONG room = c->out_length / sizeof *out, count = 0;
    LONGLONG next, size = MemfsLoad(&c->scb->header.FileSize);
    if (end > size)
        end = size;
    while (from < end && (from = next_range(c->scb->stream, from, size, &next)) >= 0 && from < end) {
        if (count == room)
            break;
        LONGLONG last = next < MemfsRound(end) ? next : MemfsRound(end);
        out[count].FileOffset.QuadPart = from;
        out[count++].Length.QuadPart = last - from;
        from = next;
    }
    c->done = count * sizeof *out;
    if (from < 0 || from >= end)
        return STATUS_SUCCESS;
    return count ? STATUS_BUFFER_OVERFLOW : STATUS_BUFFER_TOO_SMALL;
}

NTSTATUS MemfsQueryRanges(struct memfs_fsctl *c)
{
    const FILE_ALLOCATED_RANGE_BUFFER *in = c->in;
    IO_STATUS_BLOCK iosb;
    if (!c->scb->stream || c->in_length < sizeof *in || in->FileOffset.QuadPart < 0 || in->Length.QuadPart < 0 ||
        in->Length.QuadPart > MAXLONGLONG - in->FileOffset.QuadPart)
        return STATUS_INVALID_PARAMETER;
    ExAcquireResourceExclusiveLite(&c->scb->main, TRUE);
    CcFlushCache(&c->scb->sections, NULL, 0, &iosb);
    NTSTATUS status = put_ranges(c, in->FileOffset.QuadPart, in->FileOffset.QuadPart + in->Length.QuadPart);
    ExReleaseResourceLite(&c->scb->main);
    return status;
}

/* -- compression ------------------------------------------------------------------------------- */

NTSTATUS MemfsGetCompression(struct memfs_fsctl *c)
{
    if (!c->scb->node || c->out_length < sizeof(USHORT))
        return STATUS_INVALID_PARAMETER;
    *(USHORT *)c->out =
        c->scb->stream && c->scb->stream->compressed ? COMPRESSION_FORMAT_LZNT1 : COMPRESSION_FORMAT_NONE;
    c->done = sizeof(USHORT);
    return STATUS_SUCCESS;
}

NTSTATUS MemfsSetCompression(struct memfs_fsctl *c)
{
    if (!c->scb->node || c->in_length < sizeof(USHORT))
        return STATUS_INVALID_PARAMETER;
    USHORT format = *(const USHORT *)c->in;
    if (format != COMPRESSION_FORMAT_NONE && format != COMPRESSION_FORMAT_DEFAULT && format != COMPRESSION_FORMAT_LZNT1)
        return STATUS_INVALID_PARAMETER;
    if (MemfsIsReadOnly(c->volume))
        return STATUS_MEDIA_WRITE_PROTECTED;
    ExAcquireResourceExclusiveLite(&c->scb->main, TRUE);
    bool compressed = format != COMPRESSION_FORMAT_NONE;
    NTSTATUS status = compressed && c->scb->header.BypassIoOpenCount ? STATUS_NOT_SUPPORTED_WITH_BYPASSIO : STATUS_SUCCESS;
    if (NT_SUCCESS(status) && c->scb->stream && c->scb->stream->compressed != compressed) {
        MemfsSetIs(&c->scb->stream->compressed, compressed);
        MemfsChanged(c->volume, c->ccb->link, USN_REASON_COMPRESSION_CHANGE, c->ccb);
    }
    ExReleaseResourceLite(&c->scb->main);
    return status;
}
