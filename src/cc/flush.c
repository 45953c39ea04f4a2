#include "cc/ccp.h"

#include "ob/object.h"

static void range_of(struct mi_control_area *area, PLARGE_INTEGER offset, ULONGLONG length,
                     size_t *first, size_t *end)
{
    *first = offset ? MiPageOf(offset->QuadPart) : 0;
    *end = area->pages;
    if (offset && length && MiPageAfter(offset->QuadPart + (LONGLONG)length) < area->pages)
        *end = MiPageAfter(offset->QuadPart + (LONGLONG)length);
}

/* -- flush ------------------------------------------------------------------------------------- */

static NTSTATUS flush(struct mi_control_area *area, size_t first, size_t end, ULONG_PTR *written)
{
    MiCollectViews(area);
    if (atomic_load(&area->dirty) == 0)
        return MiFlush(area, first, end, written); /* waits for what others are writing */
    PFILE_OBJECT file = MiReferenceFile(area);
    NTSTATUS status = FsRtlAcquireFileForCcFlushEx(file);
    if (NT_SUCCESS(status)) {
        status = MiFlush(area, first, end, written);
        FsRtlReleaseFileForCcFlush(file);
    }
    ObpDereference(file);
    return status;
}

VOID CcFlushCache(PSECTION_OBJECT_POINTERS SectionObjectPointer, PLARGE_INTEGER FileOffset,
                  ULONG Length, PIO_STATUS_BLOCK IoStatus)
{
    API_ENTER(CcFlushCache, SectionObjectPointer, SCHED_WRITE);
    IO_STATUS_BLOCK result = {.Status = STATUS_SUCCESS};
    struct mi_control_area *area = MiFindControlArea(SectionObjectPointer, false);
    if (area) {
        size_t first, end;
        range_of(area, FileOffset, Length, &first, &end);
        result.Status = flush(area, first, end, &result.Information);
        MiDereference(area);
    }
    if (IoStatus)
        *IoStatus = result;
}

/* -- purge ------------------------------------------------------------------------------------- */

/* Every file object stops caching, as if each had called CcUninitializeCacheMap. */
static void close_all(struct mi_control_area *area)
{
    struct cc_map *map = area->cache;
    for (;;) {
        PFILE_OBJECT file = NULL;
        sched_lock(&area->lock);
        if (map && !IsListEmpty(&map->opens))
            file = CONTAINING_RECORD(map->opens.Flink, struct cc_private, link)->file;
        sched_unlock(&area->lock);
        if (!file)
            return;
        CcpCloseCache(file);
    }
}

BOOLEAN CcPurgeCacheSection(PSECTION_OBJECT_POINTERS SectionObjectPointer,
                            PLARGE_INTEGER FileOffset, ULONG Length, ULONG Flags)
{
    API_ENTER(CcPurgeCacheSection, SectionObjectPointer, SCHED_WRITE);
    struct mi_control_area *area = MiFindControlArea(SectionObjectPointer, false);
    if (!area)
        return TRUE;
    size_t first, end;
    range_of(area, FileOffset, Length, &first, &end);
    if (Flags & UNINITIALIZE_CACHE_MAPS)
        close_all(area);
    bool purged = MiPurge(area, first, end);
    MiDereference(area);
    return purged;
}

VOID CcCoherencyFlushAndPurgeCache(PSECTION_OBJECT_POINTERS SectionObjectPointer,
                                   PLARGE_INTEGER FileOffset, ULONG Length,
                                   PIO_STATUS_BLOCK IoStatus, ULONG Flags)
{
    API_ENTER(CcCoherencyFlushAndPurgeCache, SectionObjectPointer, SCHED_WRITE);
    IO_STATUS_BLOCK result = {.Status = STATUS_SUCCESS};
    struct mi_control_area *area = MiFindControlArea(SectionObjectPointer, false);
    if (area) {
        size_t first, end;
        range_of(area, FileOffset, Length, &first, &end);
        if (!(Flags & CC_FLUSH_AND_PURGE_NO_PURGE) || atomic_load(&area->dirty) > 0)
            result.Status = flush(area, first, end, &result.Information);
        if (NT_SUCCESS(result.Status) && !(Flags & CC_FLUSH_AND_PURGE_NO_PURGE) &&
            !MiPurge(area, first, end))
            result.Status = STATUS_CACHE_PAGE_LOCKED;
        MiDereference(area);
    }
    if (IoStatus)
        *IoStatus = result;
}
