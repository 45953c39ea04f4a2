/* The lazy writer: a second (of virtual time) after there is something to do, a worker thread
 * writes dirty pages back and lets go of streams that nobody uses. */
#include "cc/ccp.h"

#include "ob/object.h"
#include "trace/trace.h"

enum { CC_BATCH = 64, CC_TRIES = 3 };
static const LONGLONG one_second = 10 * 1000 * 1000;

struct cc_state *cc;

/* -- writing one stream back ------------------------------------------------------------------- */

static NTSTATUS write_as_modified(struct mi_control_area *area)
{
    PFILE_OBJECT file = MiReferenceFile(area);
    PERESOURCE resource = NULL;
    LARGE_INTEGER end = {.QuadPart = (LONGLONG)(atomic_load(&area->top) * MI_PAGE)};
    ULONG_PTR written = 0;
    NTSTATUS status = FsRtlAcquireFileForModWriteEx(file, &end, &resource);
    if (NT_SUCCESS(status)) {
        status = MiFlush(area, 0, area->pages, &written);
        FsRtlReleaseFileForModWrite(file, resource);
    }
    ObpDereference(file);
    return status;
}

static NTSTATUS write_lazily(struct mi_control_area *area)
{
    struct cc_map *map = area->cache;
    ULONG_PTR written = 0;
    if (map && map->callbacks) {
        if (!map->callbacks->AcquireForLazyWrite(map->context, TRUE))
            return STATUS_CANT_WAIT;
        NTSTATUS status = MiFlush(area, 0, area->pages, &written);
        map->callbacks->ReleaseFromLazyWrite(map->context);
        return status;
    }
    return write_as_modified(area);
}

/* A write that keeps failing loses its data, as a lost delayed write does. */
static void note_failure(struct mi_control_area *area, NTSTATUS status)
{
    struct cc_map *map = area->cache;
    unsigned failures = map ? ++map->failures : CC_TRIES;
    TRACE("cc", "delayed write to %p failed: %s", (void *)area->file, trace_status(status));
    if (status == STATUS_VOLUME_DISMOUNTED || status == STATUS_FILE_DELETED || failures >= CC_TRIES)
        MiPurge(area, 0, area->pages);
}

static void visit(struct mi_control_area *area)
{
    struct cc_map *map = area->cache;
    bool hold_back = map && __atomic_load_n(&map->no_write_behind, __ATOMIC_RELAXED) && atomic_load(&area->maps) > 0;
    MiCollectViews(area);
    if (atomic_load(&area->dirty) > 0 && !hold_back) {
        NTSTATUS status = write_lazily(area);
        if (!NT_SUCCESS(status))
            note_failure(area, status);
        else if (map)
            map->failures = 0;
    }
    if (atomic_load(&area->dirty) > 0)
        MiQueueWork(area);
    else
        MiRetire(area, 1);
}

void CcpLazyPass(void)
{
    struct mi_control_area *batch[CC_BATCH];
    unsigned count = 0;
    while (count < CC_BATCH && (batch[count] = MiTakeWork()))
        count++;
    for (unsigned i = 0; i < count; i++) {
        visit(batch[i]);
        MiDereference(batch[i]);
    }
}

/* -- when -------------------------------------------------------------------------------------- */

static void arm(void)
{
    LARGE_INTEGER due = {.QuadPart = -one_second};
    KeSetTimer(&cc->timer, due, &cc->dpc);
}

void CcpWorkAppeared(void)
{
    if (!atomic_load(&cc->stopping) && !atomic_exchange(&cc->armed, true))
        arm();
}

static VOID on_timer(PKDPC dpc, PVOID context, PVOID one, PVOID two)
{
    KeClearEvent(&cc->idle);
    ExQueueWorkItem(&cc->work, DelayedWorkQueue);
}

static VOID on_work(PVOID context)
{
    CcpLazyPass();
    atomic_store(&cc->armed, false);
    KeSetEvent(&cc->idle, 0, FALSE);
    KeSetEvent(&cc->passed, 0, FALSE);
    CcpPostDeferred();
    sched_lock(&mm->work_lock);
    bool more = mm->work != NULL || !IsListEmpty(&cc->deferred);
    sched_unlock(&mm->work_lock);
    if (more)
        CcpWorkAppeared();
}

NTSTATUS CcWaitForCurrentLazyWriterActivity(VOID)
{
    API_IRQL(CcWaitForCurrentLazyWriterActivity);
    return KeWaitForSingleObject(&cc->idle, Executive, KernelMode, FALSE, NULL);
}

bool CcpStart(void)
{
    cc = machine->cc = sim_alloc(sizeof *cc);
    KeInitializeTimer(&cc->timer);
    KeInitializeDpc(&cc->dpc, on_timer, NULL);
    KeInitializeEvent(&cc->idle, NotificationEvent, TRUE);
    KeInitializeEvent(&cc->passed, NotificationEvent, FALSE);
    InitializeListHead(&cc->deferred);
    InitializeListHead(&cc->logs);
    ExInitializeWorkItem(&cc->work, on_work, NULL);
    mm->forget_cache = CcpForget;
    mm->work_appeared = CcpWorkAppeared;
    mm->before_write = CcpBeforeWrite;
    mm->clean = CcpClean;
    return true;
}

void CcpStop(void)
{
    if (!sched_is_dead()) {
        atomic_store(&cc->stopping, true);
        KeCancelTimer(&cc->timer);
        KeWaitForSingleObject(&cc->idle, Executive, KernelMode, FALSE, NULL);
        CcpLazyPass();
    }
    CcpForgetDeferred();
    mm->work_appeared = NULL;
    sim_free(cc);
    cc = machine->cc = NULL;
}
