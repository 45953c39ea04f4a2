#include "cc/ccp.h"

#include "fault/fault.h"
#include "ob/object.h"

#include <string.h>

/* -- opening ----------------------------------------------------------------------------------- */

static void set_sizes(struct cc_map *map, const CC_FILE_SIZES *sizes)
{
    map->AllocationSize = sizes->AllocationSize;
    map->FileSize = sizes->FileSize;
    map->ValidDataLength = sizes->ValidDataLength;
    if (map->section_size < sizes->AllocationSize.QuadPart)
        __atomic_store_n(&map->section_size, sizes->AllocationSize.QuadPart, __ATOMIC_RELAXED);
}

static struct cc_map *map_of_area(struct mi_control_area *area, PFILE_OBJECT file,
                                  const CC_FILE_SIZES *sizes, BOOLEAN pin,
                                  PCACHE_MANAGER_CALLBACKS callbacks, PVOID context)
{
    if (__atomic_load_n(&area->cache, __ATOMIC_ACQUIRE))
        return area->cache;
    struct cc_map *fresh = sim_alloc(sizeof *fresh), *map;
    set_sizes(fresh, sizes);
    fresh->area = area;
    fresh->callbacks = callbacks;
    fresh->context = context;
    fresh->pin_access = pin;
    fresh->read_ahead = MI_PAGE;
    InitializeListHead(&fresh->opens);
    InitializeListHead(&fresh->bcbs);
    InitializeListHead(&fresh->lsns);
    sched_lock(&area->lock);
    map = area->cache;
    if (!map)
        __atomic_store_n(&area->cache, fresh, __ATOMIC_RELEASE);
    sched_unlock(&area->lock);
    if (!map) {
        __atomic_store_n(&file->SectionObjectPointer->SharedCacheMap, fresh, __ATOMIC_RELEASE);
        return fresh;
    }
    sim_free(fresh);
    return map;
}

/* The area's reference goes to the private map. */
static void open_cache(struct cc_map *map, PFILE_OBJECT file)
{
    struct mi_control_area *area = map->area;
    struct cc_private *private = NULL;
    sched_lock(&area->lock);
    if (!map->first.map) {
        private = &map->first;
        private->map = map;
    }
    sched_unlock(&area->lock);
    if (!private) {
        private = sim_alloc(sizeof *private);
        private->allocated = true;
        private->map = map;
    }
    private->file = file;
    sched_lock(&area->lock);
    InsertTailList(&map->opens, &private->link);
    __atomic_store_n(&file->PrivateCacheMap, private, __ATOMIC_RELEASE);
    sched_unlock(&area->lock);
    atomic_fetch_add(&area->maps, 1);
}

VOID CcInitializeCacheMap(PFILE_OBJECT FileObject, PCC_FILE_SIZES FileSizes, BOOLEAN PinAccess,
                          PCACHE_MANAGER_CALLBACKS Callbacks, PVOID LazyWriteContext)
{
    API_ENTER(CcInitializeCacheMap, FileObject, SCHED_WRITE);
    if (FileObject->PrivateCacheMap)
        return;
    LONGLONG size = FileSizes->AllocationSize.QuadPart;
    if (size < FileSizes->FileSize.QuadPart)
        size = FileSizes->FileSize.QuadPart;
    struct mi_control_area *area = fault_allocation() ? NULL : MiGetControlArea(FileObject, false, size);
    if (!area)
        ExRaiseStatus(STATUS_INSUFFICIENT_RESOURCES);
    struct cc_map *map =
        map_of_area(area, FileObject, FileSizes, PinAccess, Callbacks, LazyWriteContext);
    if (!__atomic_load_n(&FileObject->SectionObjectPointer->SharedCacheMap, __ATOMIC_RELAXED))
        __atomic_store_n(&FileObject->SectionObjectPointer->SharedCacheMap, map, __ATOMIC_RELEASE);
    if (FileSizes->FileSize.QuadPart != map->FileSize.QuadPart)
        set_sizes(map, FileSizes);
    open_cache(map, FileObject);
}

/* -- closing ----------------------------------------------------------------------------------- */

bool CcpCloseCache(PFILE_OBJECT file)
{
    struct cc_private *private = file->PrivateCacheMap;
    if (!private)
        return false;
    struct cc_map *map = private->map;
    struct mi_control_area *area = map->area;
    sched_lock(&area->lock);
    __atomic_store_n(&file->PrivateCacheMap, NULL, __ATOMIC_RELEASE); /* read without the lock by io */
    RemoveEntryList(&private->link);
    bool last = IsListEmpty(&map->opens);
    bool allocated = private->allocated;
    if (!allocated)
    private->map = NULL;
    sched_unlock(&area->lock);
    if (allocated)
        sim_free(private);
    atomic_fetch_sub(&area->maps, 1);
    MiQueueWork(area);
    MiDereference(area);
    return last;
}

static void truncate_to(PFILE_OBJECT file, LONGLONG size)
{
    struct mi_control_area *area = CcpAreaOf(file);
    if (!area)
        return;
    if (atomic_load(&area->maps) == 0) {
        MiTruncate(area, size);
        if (size == 0) /* a section without pages that nobody uses goes */
            MiRetire(area, 1);
    }
    MiDereference(area);
}

/* The event is set when the stream's cache map goes: now, when nothing is left to write. */
static void post_event(PFILE_OBJECT file, PCACHE_UNINITIALIZE_EVENT event)
{
    struct mi_control_area *area = CcpAreaOf(file);
    bool now = true;
    if (area) {
        struct cc_map *map = area->cache;
        if (map && (atomic_load(&area->maps) > 0 || atomic_load(&area->dirty) > 0)) {
            sched_lock(&area->lock);
            event->Next = map->events;
            map->events = event;
            sched_unlock(&area->lock);
            now = false;
            MiQueueWork(area);
        }
        MiDereference(area);
    }
    if (now)
        KeSetEvent(&event->Event, 0, FALSE);
}

BOOLEAN CcUninitializeCacheMap(PFILE_OBJECT FileObject, PLARGE_INTEGER TruncateSize,
                               PCACHE_UNINITIALIZE_EVENT UninitializeEvent)
{
    API_ENTER(CcUninitializeCacheMap, FileObject, SCHED_WRITE);
    bool last = CcpCloseCache(FileObject);
    if (TruncateSize)
        truncate_to(FileObject, TruncateSize->QuadPart);
    if (UninitializeEvent)
        post_event(FileObject, UninitializeEvent);
    return last;
}

void CcpForget(struct mi_control_area *area)
{
    struct cc_map *map = area->cache;
    for (PCACHE_UNINITIALIZE_EVENT event = map->events, next; event; event = next) {
        next = event->Next;
        KeSetEvent(&event->Event, 0, FALSE);
    }
    CcpForgetLog(map);
    sim_free(map);
}

/* -- sizes and attributes ---------------------------------------------------------------------- */

VOID CcSetFileSizes(PFILE_OBJECT FileObject, PCC_FILE_SIZES FileSizes)
{
    API_ENTER(CcSetFileSizes, FileObject, SCHED_WRITE);
    struct mi_control_area *area = CcpAreaOf(FileObject);
    if (!area)
        return;
    struct cc_map *map = area->cache;
    LONGLONG before = map ? map->FileSize.QuadPart : MAXLONGLONG;
    if (FileSizes->FileSize.QuadPart < before)
        MiTruncate(area, FileSizes->FileSize.QuadPart);
    if (map)
        set_sizes(map, FileSizes);
    bool fits = MiPageAfter(FileSizes->FileSize.QuadPart) <= area->pages;
    MiDereference(area);
    if (!fits)
        ExRaiseStatus(STATUS_INSUFFICIENT_RESOURCES);
}

NTSTATUS CcSetFileSizesEx(PFILE_OBJECT FileObject, PCC_FILE_SIZES FileSizes)
{
    API_ENTER(CcSetFileSizesEx, FileObject, SCHED_WRITE);
    struct mi_control_area *area = CcpAreaOf(FileObject);
    bool fits = !area || MiPageAfter(FileSizes->FileSize.QuadPart) <= area->pages;
    if (area)
        MiDereference(area);
    if (!fits)
        return STATUS_INSUFFICIENT_RESOURCES;
    CcSetFileSizes(FileObject, FileSizes);
    return STATUS_SUCCESS;
}

BOOLEAN CcGetFileSizes(PFILE_OBJECT FileObject, PCC_FILE_SIZES FileSizes)
{
    struct cc_map *map = CcpMapOf(FileObject);
    if (!map)
        return FALSE;
    FileSizes->AllocationSize = map->AllocationSize;
    FileSizes->FileSize = map->FileSize;
    FileSizes->ValidDataLength = map->ValidDataLength;
    return TRUE;
}

PLARGE_INTEGER CcGetFileSizePointer(PFILE_OBJECT FileObject)
{
    API_IRQL(CcGetFileSizePointer);
    struct cc_map *map = FileObject->SectionObjectPointer->SharedCacheMap;
    return map ? &map->FileSize : NULL;
}

VOID CcSetReadAheadGranularity(PFILE_OBJECT FileObject, ULONG Granularity)
{
    API_IRQL(CcSetReadAheadGranularity);
    struct cc_map *map = CcpMapOf(FileObject);
    if (map)
        map->read_ahead = Granularity;
}

VOID CcSetAdditionalCacheAttributes(PFILE_OBJECT FileObject, BOOLEAN DisableReadAhead,
                                    BOOLEAN DisableWriteBehind)
{
    API_IRQL(CcSetAdditionalCacheAttributes);
    struct cc_map *map = CcpMapOf(FileObject);
    if (!map)
        return;
    map->no_read_ahead = DisableReadAhead;
    __atomic_store_n(&map->no_write_behind, DisableWriteBehind, __ATOMIC_RELAXED);
}

PFILE_OBJECT CcGetFileObjectFromSectionPtrs(PSECTION_OBJECT_POINTERS SectionObjectPointer)
{
    API_IRQL(CcGetFileObjectFromSectionPtrs);
    struct mi_control_area *area = MiFindControlArea(SectionObjectPointer, false);
    PFILE_OBJECT file = area && area->cache ? MiLendFile(area) : NULL;
    if (area)
        MiDereference(area);
    return file;
}

PFILE_OBJECT CcGetFileObjectFromSectionPtrsRef(PSECTION_OBJECT_POINTERS SectionObjectPointer)
{
    API_IRQL(CcGetFileObjectFromSectionPtrsRef);
    struct mi_control_area *area = MiFindControlArea(SectionObjectPointer, false);
    PFILE_OBJECT file = area && area->cache ? MiReferenceFile(area) : NULL;
    if (file) {
        ObReferenceObject(file); /* the driver's own, which its ledger knows */
        ObpDereference(file);
    }
    if (area)
        MiDereference(area);
    return file;
}

BOOLEAN CcIsThereDirtyData(PVPB Vpb)
{
    API_IRQL(CcIsThereDirtyData);
    bool found = false;
    sched_lock(&mm->work_lock);
    for (struct mi_control_area *area = mm->work; area && !found; area = area->next)
        found = atomic_load(&area->dirty) > 0 && area->file->Vpb == Vpb;
    sched_unlock(&mm->work_lock);
    return found;
}
