/* Writes that have to wait until some of what is dirty was written back. */
#include "cc/ccp.h"

enum { CC_DIRTY_MOST = 0x60000 }; /* pages, of the 4 GB that the machine has */

struct cc_deferred {
    LIST_ENTRY link; /* cc_state.deferred */
    PFILE_OBJECT file; /* not referenced: the write that waits keeps it */
    ULONG bytes;
    PCC_POST_DEFERRED_WRITE post;
    PVOID contexts[2];
};

/* A file that has nothing dirty takes a write of any size: it will never be better. */
static bool may_write(PFILE_OBJECT file, ULONG bytes)
{
    long pages = (long)BYTES_TO_PAGES((ULONGLONG)bytes);
    if (atomic_load_explicit(&mm->dirty, memory_order_relaxed) + pages > CC_DIRTY_MOST &&
        atomic_load_explicit(&mm->dirty, memory_order_relaxed) > 0)
        return false;
    struct cc_map *map = CcpMapOf(file);
    long most = map ? (long)__atomic_load_n(&map->dirty_most, __ATOMIC_RELAXED) : 0;
    long dirty = most ? atomic_load_explicit(&map->area->dirty, memory_order_relaxed) : 0;
    return !most || !dirty || dirty + pages <= most;
}

BOOLEAN CcCanIWrite(PFILE_OBJECT FileObject, ULONG BytesToWrite, BOOLEAN Wait, UCHAR Retrying)
{
    API_ENTER(CcCanIWrite, FileObject, SCHED_READ);
    while (!may_write(FileObject, BytesToWrite)) {
        if (!Wait)
            return FALSE;
        KeClearEvent(&cc->passed);
        CcpWorkAppeared();
        if (!may_write(FileObject, BytesToWrite))
            KeWaitForSingleObject(&cc->passed, Executive, KernelMode, FALSE, NULL);
    }
    return TRUE;
}

VOID CcDeferWrite(PFILE_OBJECT FileObject, PCC_POST_DEFERRED_WRITE PostRoutine, PVOID Context1, PVOID Context2,
                  ULONG BytesToWrite, BOOLEAN Retrying)
{
    API_ENTER(CcDeferWrite, FileObject, SCHED_WRITE);
    struct cc_deferred *deferred = sim_alloc(sizeof *deferred);
    *deferred = (struct cc_deferred){
        .file = FileObject, .bytes = BytesToWrite, .post = PostRoutine, .contexts = {Context1, Context2}};
    sched_lock(&cc->deferred_lock);
    if (Retrying)
        InsertHeadList(&cc->deferred, &deferred->link);
    else
        InsertTailList(&cc->deferred, &deferred->link);
    sched_unlock(&cc->deferred_lock);
    CcpPostDeferred();
    CcpWorkAppeared();
}

/* The first one in line, if it may be written. */
static struct cc_deferred *take(void)
{
    struct cc_deferred *first = NULL;
    sched_lock(&cc->deferred_lock);
    if (!IsListEmpty(&cc->deferred))
        first = CONTAINING_RECORD(cc->deferred.Flink, struct cc_deferred, link);
    if (first && !may_write(first->file, first->bytes))
        first = NULL;
    if (first)
        RemoveEntryList(&first->link);
    sched_unlock(&cc->deferred_lock);
    return first;
}

void CcpPostDeferred(void)
{
    struct cc_deferred *deferred;
    while ((deferred = take())) {
        deferred->post(deferred->contexts[0], deferred->contexts[1]);
        sim_free(deferred);
    }
}

void CcpForgetDeferred(void)
{
    while (!IsListEmpty(&cc->deferred))
        sim_free(CONTAINING_RECORD(RemoveHeadList(&cc->deferred), struct cc_deferred, link));
}

VOID CcSetDirtyPageThreshold(PFILE_OBJECT FileObject, ULONG DirtyPageThreshold)
{
    API_ENTER(CcSetDirtyPageThreshold, FileObject, SCHED_WRITE);
    struct cc_map *map = CcpMapOf(FileObject);
    if (map)
        __atomic_store_n(&map->dirty_most, DirtyPageThreshold, __ATOMIC_RELAXED);
}
