/* Pended operations: pre- and post-operation callbacks, completed early, late, by other threads, at DISPATCH_LEVEL;
 * synchronized operations; queues; work items. */
#include "harness.h"

#include "ke/thread.h"

static int start(void **state)
{
    tiny_start();
    return 0;
}

static int stop(void **state)
{
    tiny_stop();
    return 0;
}

static void load(struct probe *p, FLT_PREOP_CALLBACK_STATUS answer)
{
    p->answer = answer;
    assert_int_equal(probe_load(p, NULL), STATUS_SUCCESS);
    noted();
}

static const enum tiny_mode modes[] = {TINY_INLINE, TINY_LATER, TINY_DISPATCH};

/* ---- pre-operation ---- */

static struct {
    PFLT_CALLBACK_DATA data;
    FLT_PREOP_CALLBACK_STATUS answer;
    PKTHREAD thread;
} pended;

static VOID complete_pre(PVOID context)
{
    if (pended.answer == FLT_PREOP_COMPLETE)
        pended.data->IoStatus.Status = STATUS_ACCESS_DENIED;
    FltCompletePendedPreOperation(pended.data, pended.answer, NULL);
}

static void in_thread(PKSTART_ROUTINE routine, PVOID context)
{
    HANDLE thread;
    assert_int_equal(PsCreateSystemThread(&thread, THREAD_ALL_ACCESS, NULL, NULL, NULL, routine, context), STATUS_SUCCESS);
    ZwClose(thread);
}

static FLT_PREOP_CALLBACK_STATUS pend_to_thread(struct probe *p, PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects,
                                                PVOID *context)
{
    pended.data = data;
    pended.answer = p->answer;
    in_thread(complete_pre, p);
    return FLT_PREOP_PENDING;
}

static FLT_PREOP_CALLBACK_STATUS pend_and_complete(struct probe *p, PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects,
                                                   PVOID *context)
{
    pended.data = data;
    pended.answer = p->answer;
    complete_pre(p); /* before the callback has answered */
    return FLT_PREOP_PENDING;
}

static void pended_pre(void **state)
{
    static FLT_PREOP_CALLBACK_STATUS (*const pends[])(struct probe *, PFLT_CALLBACK_DATA, PCFLT_RELATED_OBJECTS, PVOID *) = {
        pend_to_thread, pend_and_complete};
    load(A, FLT_PREOP_SUCCESS_WITH_CALLBACK);
    load(B, FLT_PREOP_SUCCESS_WITH_CALLBACK);
    load(C, FLT_PREOP_SUCCESS_WITH_CALLBACK);
    for (int i = 0; i < 6; i++) {
        tiny.mode = modes[i % 3];
        B->pre = pends[i / 3];
        B->answer = FLT_PREOP_SUCCESS_WITH_CALLBACK;
        assert_int_equal(tiny_major(IRP_MJ_READ), STATUS_SUCCESS);
        assert_string_equal(noted(), "A>read B>read C>read fs C<read B<read A<read");
        B->answer = FLT_PREOP_SUCCESS_NO_CALLBACK;
        assert_int_equal(tiny_major(IRP_MJ_READ), STATUS_SUCCESS);
        assert_string_equal(noted(), "A>read B>read C>read fs C<read A<read");
        B->answer = FLT_PREOP_COMPLETE;
        assert_int_equal(tiny_major(IRP_MJ_READ), STATUS_ACCESS_DENIED);
        assert_string_equal(noted(), "A>read B>read A<read");
    }
}

static FLT_POSTOP_CALLBACK_STATUS post_thread(struct probe *p, PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects,
                                              PVOID context, FLT_POST_OPERATION_FLAGS flags)
{
    assert_ptr_equal(KiCurrentThread(), pended.thread);
    assert_true(KeGetCurrentIrql() <= APC_LEVEL);
    return FLT_POSTOP_FINISHED_PROCESSING;
}

static void pended_create(void **state)
{
    load(A, FLT_PREOP_SUCCESS_WITH_CALLBACK);
    load(B, FLT_PREOP_SUCCESS_WITH_CALLBACK);
    A->post = B->post = post_thread;
    B->pre = pend_to_thread;
    pended.thread = KiCurrentThread();
    for (int i = 0; i < 3; i++) {
        tiny.mode = modes[i];
        assert_int_equal(tiny_major(IRP_MJ_CREATE), STATUS_SUCCESS);
        assert_string_equal(noted(), "A>create B>create fs B<create A<create");
    }
}

/* ---- FLT_PREOP_SYNCHRONIZE ---- */

static void synchronized_posts(void **state)
{
    load(A, FLT_PREOP_SUCCESS_WITH_CALLBACK);
    load(B, FLT_PREOP_SYNCHRONIZE);
    load(C, FLT_PREOP_SUCCESS_WITH_CALLBACK);
    B->post = post_thread;
    pended.thread = KiCurrentThread();
    for (int i = 0; i < 3; i++) {
        tiny.mode = modes[i];
        assert_int_equal(tiny_major(IRP_MJ_WRITE), STATUS_SUCCESS);
        assert_string_equal(noted(), "A>write B>write C>write fs C<write B<write A<write");
    }
}

/* ---- post-operation ---- */

static VOID complete_post(PVOID context) { FltCompletePendedPostOperation(pended.data); }

static FLT_POSTOP_CALLBACK_STATUS pend_post(struct probe *p, PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects,
                                            PVOID context, FLT_POST_OPERATION_FLAGS flags)
{
    pended.data = data;
    in_thread(complete_post, p);
    return FLT_POSTOP_MORE_PROCESSING_REQUIRED;
}

static FLT_POSTOP_CALLBACK_STATUS pend_post_early(struct probe *p, PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects,
                                                  PVOID context, FLT_POST_OPERATION_FLAGS flags)
{
    FltCompletePendedPostOperation(data);
    return FLT_POSTOP_MORE_PROCESSING_REQUIRED;
}

static void pended_post(void **state)
{
    load(A, FLT_PREOP_SUCCESS_WITH_CALLBACK);
    load(B, FLT_PREOP_SUCCESS_WITH_CALLBACK);
    load(C, FLT_PREOP_SUCCESS_WITH_CALLBACK);
    for (int early = 0; early < 2; early++)
        for (int i = 0; i < 2; i++) {
            tiny.mode = modes[i];
            A->post = C->post = B->post = early ? pend_post_early : pend_post;
            assert_int_equal(tiny_major(IRP_MJ_READ), STATUS_SUCCESS);
            assert_string_equal(noted(), "A>read B>read C>read fs C<read B<read A<read");
            A->answer = FLT_PREOP_SYNCHRONIZE;
            assert_int_equal(tiny_major(IRP_MJ_READ), STATUS_SUCCESS);
            assert_string_equal(noted(), "A>read B>read C>read fs C<read B<read A<read");
            A->answer = FLT_PREOP_SUCCESS_WITH_CALLBACK;
            assert_int_equal(tiny_major(IRP_MJ_CREATE), STATUS_SUCCESS);
            assert_string_equal(noted(), "A>create B>create C>create fs C<create B<create A<create");
        }
}

static FLT_POSTOP_CALLBACK_STATUS safe_post(PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects, PVOID context,
                                            FLT_POST_OPERATION_FLAGS flags)
{
    assert_true(KeGetCurrentIrql() < DISPATCH_LEVEL);
    note("safe");
    return FLT_POSTOP_FINISHED_PROCESSING;
}

static FLT_POSTOP_CALLBACK_STATUS when_safe(struct probe *p, PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects,
                                            PVOID context, FLT_POST_OPERATION_FLAGS flags)
{
    FLT_POSTOP_CALLBACK_STATUS status;
    assert_true(FltDoCompletionProcessingWhenSafe(data, objects, context, flags, safe_post, &status));
    assert_int_equal(status, tiny.mode == TINY_DISPATCH ? FLT_POSTOP_MORE_PROCESSING_REQUIRED : FLT_POSTOP_FINISHED_PROCESSING);
    return status;
}

static void completion_when_safe(void **state)
{
    load(A, FLT_PREOP_SUCCESS_WITH_CALLBACK);
    A->post = when_safe;
    for (int i = 0; i < 3; i++) {
        tiny.mode = modes[i];
        assert_int_equal(tiny_major(IRP_MJ_WRITE), STATUS_SUCCESS);
        assert_string_equal(noted(), "A>write fs A<write safe");
    }
}

/* ---- deferred work items ---- */

static VOID deferred(PFLT_DEFERRED_IO_WORKITEM item, PFLT_CALLBACK_DATA data, PVOID context)
{
    note("deferred");
    FltFreeDeferredIoWorkItem(item);
    FltCompletePendedPreOperation(data, FLT_PREOP_SUCCESS_NO_CALLBACK, NULL);
}

static FLT_PREOP_CALLBACK_STATUS defer(struct probe *p, PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects, PVOID *context)
{
    PFLT_DEFERRED_IO_WORKITEM item = FltAllocateDeferredIoWorkItem();
    NTSTATUS status = FltQueueDeferredIoWorkItem(item, data, deferred, DelayedWorkQueue, p);
    if (NT_SUCCESS(status))
        return FLT_PREOP_PENDING;
    assert_int_equal(status, STATUS_FLT_NOT_SAFE_TO_POST_OPERATION);
    FltFreeDeferredIoWorkItem(item);
    return FLT_PREOP_SUCCESS_NO_CALLBACK;
}

static void deferred_work(void **state)
{
    load(A, FLT_PREOP_SUCCESS_NO_CALLBACK);
    A->pre = defer;
    assert_int_equal(tiny_major(IRP_MJ_READ), STATUS_SUCCESS);
    assert_string_equal(noted(), "A>read deferred fs");
    struct tiny_io paging = {.major = IRP_MJ_READ, .irp_flags = IRP_PAGING_IO | IRP_NOCACHE};
    assert_int_equal(tiny_send(&paging), STATUS_SUCCESS);
    assert_string_equal(noted(), "A>read fs");
    IoSetTopLevelIrp((PIRP)(ULONG_PTR)1);
    assert_int_equal(tiny_major(IRP_MJ_READ), STATUS_SUCCESS);
    IoSetTopLevelIrp(NULL);
    assert_string_equal(noted(), "A>read fs");
}

static VOID generic(PFLT_GENERIC_WORKITEM item, PVOID object, PVOID context)
{
    assert_ptr_equal(object, A->filter);
    note("generic");
    FltFreeGenericWorkItem(item);
}

static void generic_work(void **state)
{
    load(A, FLT_PREOP_SUCCESS_NO_CALLBACK);
    PFLT_GENERIC_WORKITEM item = FltAllocateGenericWorkItem();
    assert_int_equal(FltQueueGenericWorkItem(item, A->filter, generic, DelayedWorkQueue, A), STATUS_SUCCESS);
    assert_int_equal(probe_unload(A), STATUS_SUCCESS); /* waits for it */
    assert_non_null(strstr(noted(), "generic"));
}

/* ---- callback data queues ---- */

static struct {
    FLT_CALLBACK_DATA_QUEUE queue;
    LIST_ENTRY list;
    KSPIN_LOCK lock;
} q;

static NTSTATUS q_insert(PFLT_CALLBACK_DATA_QUEUE queue, PFLT_CALLBACK_DATA data, PVOID context)
{
    InsertTailList(&q.list, &data->QueueLinks);
    return STATUS_SUCCESS;
}

static VOID q_remove(PFLT_CALLBACK_DATA_QUEUE queue, PFLT_CALLBACK_DATA data) { RemoveEntryList(&data->QueueLinks); }

static PFLT_CALLBACK_DATA q_peek(PFLT_CALLBACK_DATA_QUEUE queue, PFLT_CALLBACK_DATA data, PVOID context)
{
    PLIST_ENTRY next = data ? data->QueueLinks.Flink : q.list.Flink;
    return next == &q.list ? NULL : CONTAINING_RECORD(next, FLT_CALLBACK_DATA, QueueLinks);
}

static VOID q_acquire(PFLT_CALLBACK_DATA_QUEUE queue, PKIRQL irql) { KeAcquireSpinLock(&q.lock, irql); }
static VOID q_release(PFLT_CALLBACK_DATA_QUEUE queue, KIRQL irql) { KeReleaseSpinLock(&q.lock, irql); }

static VOID q_canceled(PFLT_CALLBACK_DATA_QUEUE queue, PFLT_CALLBACK_DATA data)
{
    note("canceled");
    data->IoStatus.Status = STATUS_CANCELLED;
    FltCompletePendedPreOperation(data, FLT_PREOP_COMPLETE, NULL);
}

static FLT_PREOP_CALLBACK_STATUS enqueue(struct probe *p, PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects,
                                         PVOID *context)
{
    NTSTATUS status = FltCbdqInsertIo(&q.queue, data, NULL, NULL);
    if (status == STATUS_FLT_CBDQ_DISABLED)
        return FLT_PREOP_SUCCESS_NO_CALLBACK;
    assert_int_equal(status, STATUS_SUCCESS);
    return FLT_PREOP_PENDING;
}

static void init_queue(void)
{
    load(A, FLT_PREOP_SUCCESS_NO_CALLBACK);
    InitializeListHead(&q.list);
    KeInitializeSpinLock(&q.lock);
    assert_int_equal(FltCbdqInitialize(A->instance, &q.queue, q_insert, q_remove, q_peek, q_acquire, q_release, q_canceled),
                     STATUS_SUCCESS);
    A->pre = enqueue;
}

static void queue_and_dequeue(void **state)
{
    struct tiny_io io[2] = {{.major = IRP_MJ_READ, .keep = true}, {.major = IRP_MJ_WRITE, .keep = true}};
    init_queue();
    for (int i = 0; i < 2; i++)
        assert_int_equal(tiny_send(&io[i]), STATUS_PENDING);
    for (int i = 0; i < 2; i++) {
        PFLT_CALLBACK_DATA data = FltCbdqRemoveNextIo(&q.queue, NULL);
        assert_int_equal(data->Iopb->MajorFunction, io[i].major);
        FltCompletePendedPreOperation(data, FLT_PREOP_SUCCESS_NO_CALLBACK, NULL);
        assert_int_equal(tiny_wait(&io[i]), STATUS_SUCCESS);
    }
    assert_null(FltCbdqRemoveNextIo(&q.queue, NULL));
    assert_string_equal(noted(), "A>read A>write fs fs");
}

static void queue_cancelled(void **state)
{
    struct tiny_io io = {.major = IRP_MJ_READ, .keep = true};
    init_queue();
    assert_int_equal(tiny_send(&io), STATUS_PENDING);
    assert_true(IoCancelIrp(io.irp));
    assert_int_equal(tiny_wait(&io), STATUS_CANCELLED);
    assert_string_equal(noted(), "A>read canceled");
}

static void drain_queue(struct probe *p)
{
    PFLT_CALLBACK_DATA data;
    FltCbdqDisable(&q.queue);
    while ((data = FltCbdqRemoveNextIo(&q.queue, NULL)))
        FltCompletePendedPreOperation(data, FLT_PREOP_SUCCESS_NO_CALLBACK, NULL);
}

static void queue_at_teardown(void **state)
{
    struct tiny_io io = {.major = IRP_MJ_READ, .keep = true};
    init_queue();
    A->teardown_start = drain_queue;
    assert_int_equal(tiny_send(&io), STATUS_PENDING);
    assert_int_equal(probe_unload(A), STATUS_SUCCESS);
    assert_int_equal(tiny_wait(&io), STATUS_SUCCESS);
    assert_string_equal(noted(), "A>read A- fs A--");
}

static void queue_disabled(void **state)
{
    init_queue();
    FltCbdqDisable(&q.queue);
    assert_int_equal(tiny_major(IRP_MJ_READ), STATUS_SUCCESS);
    FltCbdqEnable(&q.queue);
    struct tiny_io io = {.major = IRP_MJ_READ, .keep = true};
    assert_int_equal(tiny_send(&io), STATUS_PENDING);
    drain_queue(A);
    assert_int_equal(tiny_wait(&io), STATUS_SUCCESS);
    noted();
}

/* ---- status callbacks ---- */

static VOID told(PCFLT_RELATED_OBJECTS objects, PFLT_IO_PARAMETER_BLOCK snapshot, NTSTATUS status, PVOID context)
{
    assert_int_equal(snapshot->MajorFunction, IRP_MJ_READ);
    note("told:%s", status == STATUS_PENDING ? "pending" : "done");
}

static FLT_PREOP_CALLBACK_STATUS ask(struct probe *p, PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects, PVOID *context)
{
    assert_int_equal(FltRequestOperationStatusCallback(data, told, p), STATUS_SUCCESS);
    return FLT_PREOP_SUCCESS_NO_CALLBACK;
}

static void status_callback(void **state)
{
    load(A, FLT_PREOP_SUCCESS_NO_CALLBACK);
    A->pre = ask;
    assert_int_equal(tiny_major(IRP_MJ_READ), STATUS_SUCCESS);
    assert_string_equal(noted(), "A>read fs told:done");
    tiny.mode = TINY_HOLD;
    struct tiny_io io = {.major = IRP_MJ_READ, .keep = true};
    assert_int_equal(tiny_send(&io), STATUS_PENDING);
    assert_string_equal(noted(), "A>read fs told:pending");
    tiny_release(STATUS_SUCCESS);
    assert_int_equal(tiny_wait(&io), STATUS_SUCCESS);
}

/* ---- wrong ---- */

static FLT_PREOP_CALLBACK_STATUS keep_data(struct probe *p, PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects,
                                           PVOID *context)
{
    pended.data = data;
    return FLT_PREOP_PENDING;
}

static void wrong_completion_status(void **state)
{
    struct tiny_io io = {.major = IRP_MJ_READ, .keep = true};
    load(A, FLT_PREOP_SUCCESS_NO_CALLBACK);
    A->pre = keep_data;
    assert_int_equal(tiny_send(&io), STATUS_PENDING);
    fltsim_expect("bad-callback-status");
    FltCompletePendedPreOperation(pended.data, FLT_PREOP_SYNCHRONIZE, NULL);
    assert_int_equal(tiny_wait(&io), STATUS_SUCCESS);
    noted();
}

static void unload_with_pended(void *argument) { probe_unload(A); }

static void never_completed(void **state)
{
    struct tiny_io io = {.major = IRP_MJ_READ, .keep = true};
    struct fltsim_report *report;
    size_t found = 0;

    tiny_start();
    load(A, FLT_PREOP_SUCCESS_NO_CALLBACK);
    A->pre = keep_data;
    assert_int_equal(tiny_send(&io), STATUS_PENDING);
    fltsim_expect("pended-not-completed");
    fltsim_expect("deadlock");
    assert_false(fltsim_try(unload_with_pended, NULL));
    found = fltsim_stop(&report);
    fltsim_report_free(report);
    assert_int_equal(found, 0);
    noted();
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(pended_pre),           CASE(pended_create),   CASE(synchronized_posts), CASE(pended_post),
        CASE(completion_when_safe), CASE(deferred_work),   CASE(generic_work),       CASE(queue_and_dequeue),
        CASE(queue_cancelled),      CASE(queue_at_teardown), CASE(queue_disabled),   CASE(status_callback),
        CASE(wrong_completion_status), cmocka_unit_test(never_completed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
