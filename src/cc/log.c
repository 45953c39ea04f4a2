/* Files with a log: the log is written before the pages that it speaks of. */
#include "cc/ccp.h"

#include "ob/object.h"

VOID CcSetLogHandleForFile(PFILE_OBJECT FileObject, PVOID LogHandle,
                           PFLUSH_TO_LSN FlushToLsnRoutine)
{
    API_IRQL(CcSetLogHandleForFile);
    struct cc_map *map = CcpMapOf(FileObject);
    if (!map)
        return;
    sched_lock(&cc->log_lock);
    if (!map->log_link.Flink)
        InsertTailList(&cc->logs, &map->log_link);
    map->log_handle = LogHandle;
    map->flush_to_lsn = FlushToLsnRoutine;
    sched_unlock(&cc->log_lock);
}

void CcpForgetLog(struct cc_map *map)
{
    if (map->log_link.Flink) {
        sched_lock(&cc->log_lock);
        RemoveEntryList(&map->log_link);
        sched_unlock(&cc->log_lock);
    }
    CcpClean(map->area, 0, map->area->pages);
}

/* -- sequence numbers of dirty pages ----------------------------------------------------------- */

/* Under area->lock. */
static struct cc_lsn *find(struct cc_map *map, size_t page)
{
    for (PLIST_ENTRY at = map->lsns.Flink; at != &map->lsns; at = at->Flink) {
        struct cc_lsn *lsn = CONTAINING_RECORD(at, struct cc_lsn, link);
        if (lsn->page == page)
            return lsn;
    }
    return NULL;
}

void CcpNoteLsn(struct cc_map *map, size_t first, size_t end, LONGLONG number)
{
    for (size_t page = first; page < end; page++) {
        struct cc_lsn *fresh = sim_alloc(sizeof *fresh);
        *fresh = (struct cc_lsn){.page = page, .oldest = number, .newest = number};
        sched_lock(&map->area->lock);
        struct cc_lsn *lsn = find(map, page);
        if (!lsn) {
            InsertTailList(&map->lsns, &fresh->link);
            fresh = NULL;
        } else if (number > lsn->newest) {
            lsn->newest = number;
        } else if (number < lsn->oldest) {
            lsn->oldest = number;
        }
        sched_unlock(&map->area->lock);
        sim_free(fresh);
    }
}

void CcpBeforeWrite(struct mi_control_area *area, size_t first, size_t end)
{
    struct cc_map *map = area->cache;
    LARGE_INTEGER newest = {.QuadPart = 0};
    sched_lock(&area->lock);
    for (PLIST_ENTRY at = map->lsns.Flink; at != &map->lsns; at = at->Flink) {
        struct cc_lsn *lsn = CONTAINING_RECORD(at, struct cc_lsn, link);
        if (lsn->page >= first && lsn->page < end && lsn->newest > newest.QuadPart)
            newest.QuadPart = lsn->newest;
    }
    sched_unlock(&area->lock);
    if (!newest.QuadPart)
        return;
    sched_lock(&cc->log_lock);
    PFLUSH_TO_LSN flush = map->flush_to_lsn;
    PVOID handle = map->log_handle;
    sched_unlock(&cc->log_lock);
    if (flush)
        flush(handle, newest);
}

/* A page that was made dirty again meanwhile keeps its numbers. */
void CcpClean(struct mi_control_area *area, size_t first, size_t end)
{
    struct cc_map *map = area->cache;
    LIST_ENTRY gone;
    InitializeListHead(&gone);
    sched_lock(&area->lock);
    for (PLIST_ENTRY at = map->lsns.Flink, next; at != &map->lsns; at = next) {
        struct cc_lsn *lsn = CONTAINING_RECORD(at, struct cc_lsn, link);
        next = at->Flink;
        if (lsn->page < first || lsn->page >= end || atomic_load(&area->state[lsn->page]) & (MI_DIRTY | MI_WRITING))
            continue;
        RemoveEntryList(at);
        InsertTailList(&gone, at);
    }
    sched_unlock(&area->lock);
    while (!IsListEmpty(&gone))
        sim_free(CONTAINING_RECORD(RemoveHeadList(&gone), struct cc_lsn, link));
}

/* -- asking ------------------------------------------------------------------------------------ */

LARGE_INTEGER CcGetFlushedValidData(PSECTION_OBJECT_POINTERS SectionObjectPointer, BOOLEAN BcbListHeld)
{
    API_IRQL(CcGetFlushedValidData);
    LARGE_INTEGER result = {.QuadPart = MAXLONGLONG};
    struct mi_control_area *area = MiFindControlArea(SectionObjectPointer, false);
    struct cc_map *map = area ? __atomic_load_n(&area->cache, __ATOMIC_ACQUIRE) : NULL;
    if (map) {
        size_t page = 0, top = atomic_load(&area->top);
        while (page < top && !(atomic_load(&area->state[page]) & (MI_DIRTY | MI_WRITING)))
            page++;
        result.QuadPart = page < top ? (LONGLONG)(page * MI_PAGE) : map->ValidDataLength.QuadPart;
    }
    if (area)
        MiDereference(area);
    return result;
}

/* A stream with the handle that is not on its way out, and not among the first `skip`; referenced. */
static struct mi_control_area *logged_area(PVOID handle, unsigned skip)
{
    struct mi_control_area *found = NULL;
    sched_lock(&cc->log_lock);
    for (PLIST_ENTRY at = cc->logs.Flink; at != &cc->logs && !found; at = at->Flink) {
        struct cc_map *map = CONTAINING_RECORD(at, struct cc_map, log_link);
        long references = atomic_load(&map->area->references);
        if (map->log_handle != handle || skip-- > 0)
            continue;
        while (references > 0 && !atomic_compare_exchange_weak(&map->area->references, &references, references + 1))
            ;
        if (references > 0)
            found = map->area;
        else
            skip = 0;
    }
    sched_unlock(&cc->log_lock);
    return found;
}

/* The n-th page that the log speaks of. False: there are fewer. */
static bool logged_page(struct cc_map *map, unsigned n, struct cc_lsn *lsn)
{
    bool found = false;
    sched_lock(&map->area->lock);
    for (PLIST_ENTRY at = map->lsns.Flink; at != &map->lsns && !found; at = at->Flink)
        if (n-- == 0) {
            *lsn = *CONTAINING_RECORD(at, struct cc_lsn, link);
            found = true;
        }
    sched_unlock(&map->area->lock);
    return found;
}

LARGE_INTEGER CcGetDirtyPages(PVOID LogHandle, PDIRTY_PAGE_ROUTINE DirtyPageRoutine, PVOID Context1, PVOID Context2)
{
    API_ENTER(CcGetDirtyPages, LogHandle, SCHED_READ);
    LARGE_INTEGER oldest = {.QuadPart = 0};
    struct mi_control_area *area;
    for (unsigned n = 0; (area = logged_area(LogHandle, n)); n++) {
        PFILE_OBJECT file = MiReferenceFile(area);
        struct cc_lsn page;
        for (unsigned i = 0; logged_page(area->cache, i, &page); i++) {
            LARGE_INTEGER offset = {.QuadPart = (LONGLONG)(page.page * MI_PAGE)};
            LARGE_INTEGER from = {.QuadPart = page.oldest}, to = {.QuadPart = page.newest};
            if (!oldest.QuadPart || page.oldest < oldest.QuadPart)
                oldest = from;
            DirtyPageRoutine(file, &offset, MI_PAGE, &from, &to, Context1, Context2);
        }
        ObpDereference(file);
        MiDereference(area);
    }
    return oldest;
}
