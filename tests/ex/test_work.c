/* Work items: run once, at PASSIVE_LEVEL, on another thread; queued and freed at the wrong time. */
#include "ex_test.h"

#include "ex/work.h"

struct job {
    WORK_QUEUE_ITEM item;
    KEVENT done;
    PKTHREAD thread;
    KIRQL irql;
    int runs;
};

static VOID work(PVOID context)
{
    struct job *job = context;
    job->thread = KeGetCurrentThread();
    job->irql = KeGetCurrentIrql();
    job->runs++;
    KeSetEvent(&job->done, 0, FALSE);
}

static void prepare(struct job *job)
{
    memset(job, 0, sizeof *job);
    KeInitializeEvent(&job->done, SynchronizationEvent, FALSE);
    ExInitializeWorkItem(&job->item, work, job);
}

static void test_runs_on_a_worker(void **state)
{
    struct job job;
    KIRQL old;
    prepare(&job);
    KeRaiseIrql(DISPATCH_LEVEL, &old);
    ExQueueWorkItem(&job.item, DelayedWorkQueue);
    KeLowerIrql(old);
    KeWaitForSingleObject(&job.done, Executive, KernelMode, FALSE, NULL);
    assert_int_equal(job.runs, 1);
    assert_int_equal(job.irql, PASSIVE_LEVEL);
    assert_ptr_not_equal(job.thread, KeGetCurrentThread());
    ExQueueWorkItem(&job.item, CriticalWorkQueue);
    KeWaitForSingleObject(&job.done, Executive, KernelMode, FALSE, NULL);
    assert_int_equal(job.runs, 2);
}

static VOID wait_for_next(PVOID context)
{
    struct job *pair = context;
    KeWaitForSingleObject(&pair[1].done, Executive, KernelMode, FALSE, NULL);
    KeSetEvent(&pair[0].done, 0, FALSE);
}

static void test_blocked_worker_holds_up_nobody(void **state)
{
    struct job pair[2];
    prepare(&pair[0]);
    prepare(&pair[1]);
    pair[0].item.WorkerRoutine = wait_for_next;
    ExQueueWorkItem(&pair[0].item, DelayedWorkQueue);
    ExQueueWorkItem(&pair[1].item, DelayedWorkQueue);
    KeWaitForSingleObject(&pair[0].done, Executive, KernelMode, FALSE, NULL);
    assert_int_equal(pair[1].runs, 1);
}

static int sum;
static void add(void *argument) { __atomic_fetch_add(&sum, (int)(intptr_t)argument, __ATOMIC_RELAXED); }

static void test_private_queue_and_drain(void **state)
{
    sum = 0;
    for (int i = 1; i <= 100; i++)
        ExpQueueWork(add, (void *)(intptr_t)i);
    ExpDrainWork();
    assert_int_equal(sum, 5050);
    ExpDrainWork();
    ExpQueueWork(add, (void *)1); /* the stop waits for it */
}

static void queue_twice(void *unused)
{
    static struct job job;
    KIRQL old;
    prepare(&job);
    KeRaiseIrql(DISPATCH_LEVEL, &old);
    job.item.List.Flink = &job.item.List; /* as while it is queued */
    ExQueueWorkItem(&job.item, DelayedWorkQueue);
    KeLowerIrql(old);
}

static void test_queued_twice(void **state)
{
    assert_false(fltsim_try(queue_twice, NULL));
    expect_report("work-item-misuse", "queued while it is queued already", "by queue_twice");
}

static VOID keep_apcs_off(PVOID event)
{
    KeEnterCriticalRegion();
    KeSetEvent(event, 0, FALSE);
}

static void leave_apcs_off(void *unused)
{
    WORK_QUEUE_ITEM item;
    KEVENT event;
    KeInitializeEvent(&event, NotificationEvent, FALSE);
    ExInitializeWorkItem(&item, keep_apcs_off, &event);
    ExQueueWorkItem(&item, DelayedWorkQueue);
    KeWaitForSingleObject(&event, Executive, KernelMode, FALSE, NULL);
    pause_ms(1);
}

static void test_worker_left_behind(void **state)
{
    assert_false(fltsim_try(leave_apcs_off, NULL));
    expect_report("work-item-misuse", "A work routine came back at IRQL 0 with APCs disabled", "work routine keep_apcs_off");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_runs_on_a_worker),   TEST(test_blocked_worker_holds_up_nobody),
        TEST(test_private_queue_and_drain), WRONG(test_queued_twice), WRONG(test_worker_left_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
