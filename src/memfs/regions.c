/* What of a stream is valid, and ranges of it that its owner needs no more. */
#include "memfs/fsctl.h"

#include <string.h>

/* -- regions ----------------------------------------------------------------------------------- */

static ULONG add(FILE_REGION_INFO regions[2], ULONG count, LONGLONG from, LONGLONG end, ULONG usage)
{
    if (from < end)
        regions[count++] = (FILE_REGION_INFO){.FileOffset = from, .Length = end - from, .Usage = usage};
    return count;
}

static NTSTATUS read_input(const struct memfs_fsctl *c, FILE_REGION_INPUT *in)
{
    *in = (FILE_REGION_INPUT){.Length = MAXLONGLONG, .DesiredUsage = FILE_REGION_USAGE_VALID_CACHED_DATA};
    if (!c->in_length)
        return STATUS_SUCCESS;
    if (c->in_length < sizeof *in)
        return STATUS_BUFFER_TOO_SMALL;
    *in = *(const FILE_REGION_INPUT *)c->in;
    bool known = in->DesiredUsage == FILE_REGION_USAGE_VALID_CACHED_DATA ||
                 in->DesiredUsage == FILE_REGION_USAGE_VALID_NONCACHED_DATA;
    return !known || in->FileOffset < 0 || in->Length < 0 || in->Length > MAXLONGLONG - in->FileOffset
               ? STATUS_INVALID_PARAMETER
               : STATUS_SUCCESS;
}

/* What is valid is so in the cache and on the disk: the valid data is one length. */
NTSTATUS MemfsQueryRegions(struct memfs_fsctl *c)
{
    const ULONG head = FIELD_OFFSET(FILE_REGION_OUTPUT, Region);
    FILE_REGION_INFO regions[2];
    FILE_REGION_INPUT in;
    if (!c->scb->stream)
        return STATUS_INVALID_PARAMETER;
    NTSTATUS status = read_input(c, &in);
    if (NT_SUCCESS(status) && c->out_length < sizeof(FILE_REGION_OUTPUT))
        status = STATUS_BUFFER_TOO_SMALL;
    if (!NT_SUCCESS(status))
        return status;
    ExAcquireResourceSharedLite(&c->scb->main, TRUE);
    LONGLONG size = MemfsLoad(&c->scb->header.FileSize), valid = MemfsLoad(&c->scb->header.ValidDataLength);
    ExReleaseResourceLite(&c->scb->main);
    LONGLONG from = in.FileOffset, end = in.FileOffset + in.Length < size ? in.FileOffset + in.Length : size;
    ULONG count = add(regions, 0, from, end < valid ? end : valid, in.DesiredUsage), room = (c->out_length - head) / sizeof *regions;
    count = add(regions, count, from > valid ? from : valid, end, 0);
    PFILE_REGION_OUTPUT out = c->out;
    memset(out, 0, head);
    out->TotalRegionEntryCount = count;
    out->RegionEntryCount = count < room ? count : room;
    memcpy(out->Region, regions, out->RegionEntryCount * sizeof *regions);
    c->done = head + out->RegionEntryCount * sizeof *regions;
    return count > room ? STATUS_BUFFER_OVERFLOW : STATUS_SUCCESS;
}

/* -- trims ------------------------------------------------------------------------------------- */

/* Whole pages within the file, which hold zeros then as on disks that say so. What is a hole stays one. */
static NTSTATUS trim(struct memfs_fsctl *c, const FILE_LEVEL_TRIM_RANGE *range, ULONG key)
{
    struct memfs_scb *scb = c->scb;
    ULONGLONG size = (ULONGLONG)MemfsLoad(&scb->header.FileSize), page = MEMFS_PAGE,
              from = range->Offset <= size ? (range->Offset + page - 1) / page * page : size,
              end = range->Length < size - (range->Offset < size ? range->Offset : size) ? range->Offset + range->Length : size;
    end = end / page * page;
    if (from >= end)
        return STATUS_SUCCESS;
    LARGE_INTEGER offset = {.QuadPart = (LONGLONG)from}, length = {.QuadPart = (LONGLONG)(end - from)};
    if (scb->locks && !FsRtlFastCheckLockForWrite(scb->locks, &offset, &length, key, c->file, IoGetRequestorProcess(c->irp)))
        return STATUS_FILE_LOCK_CONFLICT;
    if (MemfsHasPages(scb)) {
        if (length.QuadPart > MAXLONG || !CcPurgeCacheSection(&scb->sections, &offset, (ULONG)length.QuadPart, 0))
            return STATUS_PURGE_FAILED;
    }
    if (scb->stream->sparse)
        return STATUS_SUCCESS;
    ExAcquireResourceExclusiveLite(&scb->paging, TRUE);
    MemfsZeroRange(scb->stream, offset.QuadPart, (LONGLONG)end);
    ExReleaseResourceLite(&scb->paging);
    return STATUS_SUCCESS;
}

static NTSTATUS trim_each(struct memfs_fsctl *c, const FILE_LEVEL_TRIM *in, ULONG *processed)
{
    NTSTATUS status = STATUS_SUCCESS;
    while (*processed < in->NumRanges && NT_SUCCESS(status)) {
        status = trim(c, &in->Ranges[*processed], in->Key);
        if (NT_SUCCESS(status))
            ++*processed;
    }
    if (*processed) {
        MemfsPurgeEas(c->scb);
        MemfsChanged(c->volume, c->ccb->link, MemfsDataReasons(c->scb->stream, USN_REASON_DATA_OVERWRITE), c->ccb);
    }
    return status;
}

NTSTATUS MemfsFileLevelTrim(struct memfs_fsctl *c)
{
    const FILE_LEVEL_TRIM *in = c->in;
    const ULONG head = FIELD_OFFSET(FILE_LEVEL_TRIM, Ranges);
    ULONG processed = 0;
    if (!c->scb->stream || c->in_length < sizeof *in || !in->NumRanges ||
        in->NumRanges > (c->in_length - head) / sizeof *in->Ranges ||
        (c->out_length && c->out_length < sizeof(FILE_LEVEL_TRIM_OUTPUT)))
        return STATUS_INVALID_PARAMETER;
    if (MemfsIsReadOnly(c->volume))
        return STATUS_MEDIA_WRITE_PROTECTED;
    ExAcquireResourceExclusiveLite(&c->scb->main, TRUE);
    NTSTATUS status = c->scb->stream->compressed ? STATUS_INVALID_PARAMETER : trim_each(c, in, &processed);
    ExReleaseResourceLite(&c->scb->main);
    if (c->out_length && NT_SUCCESS(status)) {
        ((PFILE_LEVEL_TRIM_OUTPUT)c->out)->NumRangesProcessed = processed;
        c->done = sizeof(FILE_LEVEL_TRIM_OUTPUT);
    }
    return status;
}
