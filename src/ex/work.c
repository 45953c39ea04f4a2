#include "ex/work.h"

#include "ex/expriv.h"
#include "ex/state.h"

#include "ob/object.h"
#include "trace/trace.h"

/* One queue for all kinds: here priorities would only hide races. A worker is started when something waits and none is
 * idle; an idle one sleeps on an event of its own. */
enum { MAX_WORKERS = 64 };

struct worker {
    struct worker *next; // work_state.idle
    KEVENT wake;
};

/* What a queued item is a part of. Few are of anything. */
struct origin {
    struct origin *next; // work_state.origins
    PWORK_QUEUE_ITEM item;
    void *origin; // KiCaptureOrigin
};

struct work_state {
    struct sched_lock lock;
    LIST_ENTRY queue; // WORK_QUEUE_ITEM.List
    struct worker *idle;
    struct origin *origins;
    unsigned workers, starting;
    unsigned pending; // queued or running
    PKEVENT drained;  // set when pending falls to zero; NULL: nobody waits
};

PKTHREAD KiCreateDaemon(const char *name, KSTART_ROUTINE *body, void *argument);

static void worker_body(PVOID unused);

static struct work_state *state(void) { return ex()->work; }

/* With the lock held: whom to wake, or start. */
struct call {
    struct worker *wake;
    bool start;
};

static struct call call_worker(struct work_state *work)
{
    struct call call = {work->idle, false};
    if (call.wake) {
        work->idle = call.wake->next;
    } else if (work->workers < MAX_WORKERS && !work->starting) {
        work->workers++;
        work->starting++;
        call.start = true;
    }
    return call;
}

static void make_call(struct call call)
{
    if (call.wake)
        KeSetEvent(&call.wake->wake, IO_NO_INCREMENT, FALSE);
    if (call.start)
        KiCreateDaemon("worker", worker_body, NULL);
}

/* With the lock held. */
static struct origin *take_origin(struct work_state *work, PWORK_QUEUE_ITEM item)
{
    for (struct origin **link = &work->origins; *link; link = &(*link)->next)
        if ((*link)->item == item) {
            struct origin *origin = *link;
            *link = origin->next;
            return origin;
        }
    return NULL;
}

static PWORK_QUEUE_ITEM next_item(struct work_state *work, struct worker *self, bool first, struct origin **origin)
{
    PWORK_QUEUE_ITEM item = NULL;
    struct call call = {0};

    *origin = NULL;

    sched_lock(&work->lock);
    if (first)
        work->starting--;
    if (!IsListEmpty(&work->queue)) {
        item = CONTAINING_RECORD(RemoveHeadList(&work->queue), WORK_QUEUE_ITEM, List);
        item->List.Flink = NULL;
        *origin = take_origin(work, item);
        if (!IsListEmpty(&work->queue))
            call = call_worker(work);
    } else {
        self->next = work->idle;
        work->idle = self;
    }
    sched_unlock(&work->lock);
    make_call(call);
    return item;
}

static void item_done(struct work_state *work)
{
    PKEVENT drained = NULL;
    sched_lock(&work->lock);
    if (!--work->pending) {
        drained = work->drained;
        work->drained = NULL;
    }
    sched_unlock(&work->lock);
    if (drained)
        KeSetEvent(drained, IO_NO_INCREMENT, FALSE);
}

static void check_left_behind(PWORKER_THREAD_ROUTINE routine)
{
    struct _KTHREAD *thread = KiCurrentThread();
    if (thread->irql == PASSIVE_LEVEL && !thread->kernel_apc_disable && !thread->special_apc_disable)
        return;
    struct verify_violation *v = verify_begin_fatal(
        VERIFY_WORK_ITEM_MISUSE, "A work routine came back at IRQL %u with APCs %s; a worker thread serves others next.",
        thread->irql, thread->kernel_apc_disable || thread->special_apc_disable ? "disabled" : "enabled");
    verify_routine(v, "work routine", (const void *)(uintptr_t)routine);
    verify_end_bugcheck(v, 0xE1, (uintptr_t)routine, thread->irql, 0, 0);
}

static void run_item(PWORK_QUEUE_ITEM item, struct origin *origin)
{
    PWORKER_THREAD_ROUTINE routine = item->WorkerRoutine;
    TRACE("ex", "work item %p runs", (void *)item);
    if (origin)
        KiCurrentThread()->origin = origin->origin;
    routine(item->Parameter);
    check_left_behind(routine);
    if (!origin)
        return;
    KiCurrentThread()->origin = NULL;
    KiDropOrigin(origin->origin);
    sim_free(origin);
}

static void worker_body(PVOID unused)
{
    struct origin *origin;
    struct work_state *work = state();
    struct worker self = {0};
    bool first = true;

    KeInitializeEvent(&self.wake, SynchronizationEvent, FALSE);
    for (;;) {
        PWORK_QUEUE_ITEM item = next_item(work, &self, first, &origin);
        first = false;
        if (item) {
            run_item(item, origin);
            item_done(work);
        } else if (KiWaitFor(&self.wake, NULL, NULL, NULL) != STATUS_SUCCESS) {
            return;
        }
    }
}

static struct origin *capture(PWORK_QUEUE_ITEM item)
{
    void *captured = KiCaptureOrigin ? KiCaptureOrigin() : NULL;
    if (__builtin_expect(!captured, 1))
        return NULL;
    struct origin *origin = sim_alloc(sizeof *origin);
    *origin = (struct origin){.item = item, .origin = captured};
    return origin;
}

static void queue(PWORK_QUEUE_ITEM item, const void *site)
{
    struct work_state *work = state();
    struct origin *origin = capture(item);

    sched_lock(&work->lock);
    bool twice = item->List.Flink != NULL;
    struct call call = {0};
    if (!twice && origin) {
        origin->next = work->origins;
        work->origins = origin;
    }
    if (!twice) {
        InsertTailList(&work->queue, &item->List);
        work->pending++;
        call = call_worker(work);
    }
    sched_unlock(&work->lock);
    if (twice) {
        struct verify_violation *v = verify_begin_fatal(
            VERIFY_WORK_ITEM_MISUSE,
            "The work item %p was queued while it is queued already (or was never initialized).", (void *)item);
        verify_site(v, "by", site);
        verify_end_bugcheck(v, 0x96, 1, (uintptr_t)item, 0, 0);
    }
    make_call(call);
}

VOID ExQueueWorkItem(PWORK_QUEUE_ITEM WorkItem, WORK_QUEUE_TYPE QueueType)
{
    API_ENTER(ExQueueWorkItem, WorkItem, SCHED_WRITE);
    queue(WorkItem, VERIFY_CALLER);
}

void ExpQueueWorkItem(PWORK_QUEUE_ITEM item, const void *site) { queue(item, site); }

bool ExpWorkItemIsQueued(PWORK_QUEUE_ITEM item)
{
    sched_lock(&state()->lock);
    bool queued = item->List.Flink != NULL;
    sched_unlock(&state()->lock);
    return queued;
}

/* ---- for other rooms ---- */

struct private_item {
    WORK_QUEUE_ITEM item;
    void (*body)(void *);
    void *argument;
};

static void run_private(PVOID context)
{
    struct private_item item = *(struct private_item *)context;
    sim_free(context);
    item.body(item.argument);
}

void ExpQueueWork(void (*body)(void *argument), void *argument)
{
    if (sched_is_dead())
        return;
    struct private_item *item = sim_alloc(sizeof *item);
    item->body = body;
    item->argument = argument;
    ExInitializeWorkItem(&item->item, run_private, item);
    queue(&item->item, VERIFY_CALLER);
}

void ExpDrainWork(void)
{
    struct work_state *work = state();
    static const struct ki_wait_hint hint = {"all work items to have run", NULL, NULL, 0};
    KEVENT drained;

    KeInitializeEvent(&drained, NotificationEvent, FALSE);
    sched_lock(&work->lock);
    bool busy = work->pending != 0;
    if (busy)
        work->drained = &drained;
    sched_unlock(&work->lock);
    if (busy)
        KiWaitFor(&drained, NULL, &hint, VERIFY_CALLER);
}

bool ExpWorkStart(void)
{
    ex()->work = sim_alloc(sizeof(struct work_state));
    InitializeListHead(&ex()->work->queue);
    return true;
}

static bool all_idle(struct work_state *work)
{
    unsigned idle = 0;
    sched_lock(&work->lock);
    for (struct worker *worker = work->idle; worker; worker = worker->next)
        idle++;
    bool all = idle == work->workers && !work->starting;
    sched_unlock(&work->lock);
    return all;
}

/* The threads are daemons and end when ps stops: from here on they only wait for that, and look at nothing of ours. */
void ExpWorkStop(void)
{
    ExpDrainWork();
    while (!all_idle(state()))
        sched_yield_now();
}
