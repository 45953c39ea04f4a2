/* Creates that are issued by work which a create queued: one chain, whatever threads it goes over. */
#include "harness.h"

#include <fltsim/fltsim.h>

static struct fltsim_volume *volume;
static unsigned reports, opened, running, deepest;
static char history[8000], what[200], culprit[64];

static void reported(const struct fltsim_violation *violation, void *context)
{
    if (strcmp(violation->rule, "create-recursion"))
        return;
    reports++;
    snprintf(history, sizeof history, "%s", violation->history);
    snprintf(what, sizeof what, "%s", violation->what);
    snprintf(culprit, sizeof culprit, "%s", violation->driver);
}

/* ---- the ways to have work done ---- */

struct work {
    struct probe *probe;
    PFLT_INSTANCE below; /* NULL: it opens from the top */
    PFLT_CALLBACK_DATA data;
    KEVENT done;
    WORK_QUEUE_ITEM item;
    bool forgotten; /* nobody waits: it frees itself */
};

static void open_a_file(struct work *work)
{
    UNICODE_STRING name = RTL_CONSTANT_STRING((PWSTR)u"\\??\\C:\\again");
    OBJECT_ATTRIBUTES attributes;
    IO_STATUS_BLOCK iosb;
    HANDLE handle;
    name.Length = sizeof u"\\??\\C:\\again" - sizeof(WCHAR);
    InitializeObjectAttributes(&attributes, &name, OBJ_KERNEL_HANDLE, NULL, NULL);
    __atomic_add_fetch(&opened, 1, __ATOMIC_RELAXED);
    unsigned now = __atomic_add_fetch(&running, 1, __ATOMIC_RELAXED);
    unsigned seen = __atomic_load_n(&deepest, __ATOMIC_RELAXED);
    while (now > seen && !__atomic_compare_exchange_n(&deepest, &seen, now, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
        ;
    if (NT_SUCCESS(FltCreateFile(work->probe->filter, work->below, &handle, GENERIC_READ, &attributes, &iosb, NULL, 0, 7,
                                 FILE_OPEN_IF, 0, NULL, 0, 0)))
        FltClose(handle);
    __atomic_sub_fetch(&running, 1, __ATOMIC_RELAXED);
}

static VOID do_work(PVOID context)
{
    struct work *work = context;
    bool forgotten = work->forgotten;
    open_a_file(work);
    if (forgotten)
        ExFreePool(work);
    else
        KeSetEvent(&work->done, IO_NO_INCREMENT, FALSE);
}

static void wait_for(struct work *work)
{
    KeWaitForSingleObject(&work->done, Executive, KernelMode, FALSE, NULL);
}

static FLT_PREOP_CALLBACK_STATUS by_work_item(struct work *work)
{
    ExInitializeWorkItem(&work->item, do_work, work);
    ExQueueWorkItem(&work->item, DelayedWorkQueue);
    wait_for(work);
    return FLT_PREOP_SUCCESS_NO_CALLBACK;
}

static VOID do_io_work(PDEVICE_OBJECT device, PVOID context) { do_work(context); }

static FLT_PREOP_CALLBACK_STATUS by_io_work_item(struct work *work)
{
    PIO_WORKITEM item = IoAllocateWorkItem(fltsim_volume_device(volume));
    IoQueueWorkItem(item, do_io_work, DelayedWorkQueue, work);
    wait_for(work);
    IoFreeWorkItem(item);
    return FLT_PREOP_SUCCESS_NO_CALLBACK;
}

static VOID do_generic_work(PFLT_GENERIC_WORKITEM item, PVOID object, PVOID context)
{
    do_work(context);
    FltFreeGenericWorkItem(item);
}

static FLT_PREOP_CALLBACK_STATUS by_generic_work_item(struct work *work)
{
    PFLT_GENERIC_WORKITEM item = FltAllocateGenericWorkItem();
    assert_int_equal(FltQueueGenericWorkItem(item, work->probe->filter, do_generic_work, DelayedWorkQueue, work),
                     STATUS_SUCCESS);
    wait_for(work);
    return FLT_PREOP_SUCCESS_NO_CALLBACK;
}

static VOID do_deferred_work(PFLT_DEFERRED_IO_WORKITEM item, PFLT_CALLBACK_DATA data, PVOID context)
{
    open_a_file(context);
    ExFreePool(context);
    FltFreeDeferredIoWorkItem(item);
    FltCompletePendedPreOperation(data, FLT_PREOP_SUCCESS_NO_CALLBACK, NULL);
}

static FLT_PREOP_CALLBACK_STATUS by_pending(struct work *work)
{
    struct work *copy = ExAllocatePoolWithTag(NonPagedPoolNx, sizeof *copy, 'kroW');
    PFLT_DEFERRED_IO_WORKITEM item = FltAllocateDeferredIoWorkItem();
    *copy = *work;
    assert_int_equal(FltQueueDeferredIoWorkItem(item, work->data, do_deferred_work, DelayedWorkQueue, copy), STATUS_SUCCESS);
    return FLT_PREOP_PENDING;
}

static FLT_PREOP_CALLBACK_STATUS by_thread(struct work *work)
{
    HANDLE handle;
    PVOID thread;
    assert_int_equal(PsCreateSystemThread(&handle, THREAD_ALL_ACCESS, NULL, NULL, NULL, do_work, work), STATUS_SUCCESS);
    assert_int_equal(ObReferenceObjectByHandle(handle, SYNCHRONIZE, *PsThreadType, KernelMode, &thread, NULL), STATUS_SUCCESS);
    KeWaitForSingleObject(thread, Executive, KernelMode, FALSE, NULL);
    ObDereferenceObject(thread);
    ZwClose(handle);
    return FLT_PREOP_SUCCESS_NO_CALLBACK;
}

/* An item of its own that nobody waits for. */
static FLT_PREOP_CALLBACK_STATUS by_item_that_nobody_waits_for(struct work *work)
{
    struct work *copy = ExAllocatePoolWithTag(NonPagedPoolNx, sizeof *copy, 'kroW');
    *copy = *work;
    copy->forgotten = true;
    ExInitializeWorkItem(&copy->item, do_work, copy);
    ExQueueWorkItem(&copy->item, DelayedWorkQueue);
    return FLT_PREOP_SUCCESS_NO_CALLBACK;
}

/* Two items deep: the one that opens was queued by one that a create queued. */
static VOID do_queue(PVOID context)
{
    struct work *work = context;
    ExInitializeWorkItem(&work->item, do_work, work);
    ExQueueWorkItem(&work->item, DelayedWorkQueue);
}

static FLT_PREOP_CALLBACK_STATUS by_two_items(struct work *work)
{
    ExInitializeWorkItem(&work->item, do_queue, work);
    ExQueueWorkItem(&work->item, DelayedWorkQueue);
    wait_for(work);
    return FLT_PREOP_SUCCESS_NO_CALLBACK;
}

static const struct way {
    const char *name;
    FLT_PREOP_CALLBACK_STATUS (*have_done)(struct work *work);
} ways[] = {
    {"ExQueueWorkItem", by_work_item},
    {"IoQueueWorkItem", by_io_work_item},
    {"FltQueueGenericWorkItem", by_generic_work_item},
    {"FltQueueDeferredIoWorkItem", by_pending},
    {"PsCreateSystemThread", by_thread},
    {"an item that nobody waits for", by_item_that_nobody_waits_for},
    {"two items", by_two_items},
};
enum { WAYS = sizeof ways / sizeof *ways };
static const struct way *way;
static bool aim;
static unsigned most; /* opens; 0: without end */

static FLT_PREOP_CALLBACK_STATUS have_opened(struct probe *p, PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects,
                                             PVOID *context)
{
    struct work work = {.probe = p, .below = aim ? objects->Instance : NULL, .data = data};
    if (data->Iopb->MajorFunction != IRP_MJ_CREATE || (most && __atomic_load_n(&opened, __ATOMIC_RELAXED) >= most))
        return FLT_PREOP_SUCCESS_NO_CALLBACK;
    KeInitializeEvent(&work.done, NotificationEvent, FALSE);
    return way->have_done(&work);
}

/* ---- the machine ---- */

static void start(const struct way *which)
{
    fltsim_abandon();
    way = which;
    reports = opened = running = deepest = most = 0;
    aim = false;
    history[0] = 0;
    assert_true(fltsim_start(&(struct fltsim_options){.quiet = true, .on_violation = reported}));
    memset(probes, 0, sizeof probes);
    assert_int_equal(fltsim_mount(&(struct fltsim_volume_options){.letter = 'C'}, &volume), STATUS_SUCCESS);
    for (int i = 0; i < 3; i++) {
        probes[i].letter = (char)('A' + i);
        probes[i].quiet = true;
        probes[i].answer = FLT_PREOP_SUCCESS_WITH_CALLBACK;
        assert_int_equal(probe_load(&probes[i], NULL), STATUS_SUCCESS);
    }
}

static void stop(unsigned expected)
{
    for (int i = 0; i < 3; i++) {
        probes[i].pre = NULL;
        assert_int_equal(probe_unload(&probes[i]), STATUS_SUCCESS);
    }
    if (reports != expected)
        fail_msg("%s: %u reports, %u files opened, %u deep", way->name, reports, opened, deepest);
    assert_int_equal(fltsim_stop(NULL), expected);
    noted();
}

static void open_one(void)
{
    HANDLE handle;
    assert_int_equal(fltsim_open("C:\\x", &(struct fltsim_open){.disposition = FILE_OPEN_IF}, &handle), STATUS_SUCCESS);
    assert_int_equal(fltsim_close(handle), STATUS_SUCCESS);
    fltsim_sleep(10); /* whatever nobody waits for */
}

static void work_that_opens_from_the_top_is_recursion_at_a_bounded_depth(void **state)
{
    for (int i = 0; i < WAYS; i++) {
        start(&ways[i]);
        B->pre = have_opened;
        open_one();
        assert_in_range(opened, 8, 16);
        stop(1);
        assert_non_null(strstr(what, "Filter probeB issued a create from within its own create 9 times over"));
        assert_non_null(strstr(culprit, "probeB")); /* all three are in one module */
    }
}

static void the_report_shows_the_whole_chain_with_its_threads(void **state)
{
    start(&ways[0]);
    B->pre = have_opened;
    open_one();
    stop(1);
    unsigned creates = 0, issued = 0;
    for (const char *at = history; (at = strstr(at, "create of \"\\again\"")); at++)
        creates++;
    for (const char *at = history; (at = strstr(at, "by work that filter probeB queued in its pre-create callback")); at++)
        issued++;
    assert_int_equal(creates, 9);
    assert_int_equal(issued, 9);
    assert_non_null(strstr(history, "issued on thread \"worker\""));
    assert_non_null(strstr(history, " 1. create of \"\\x\""));
    assert_non_null(strstr(history, "10. create of \"\\again\""));
}

static void work_that_opens_below_its_instance_is_none(void **state)
{
    for (int i = 0; i < WAYS; i++) {
        start(&ways[i]);
        B->pre = have_opened;
        aim = true;
        open_one();
        assert_int_equal(opened, 1);
        stop(0);
    }
}

static void work_of_two_filters_ends_as_well(void **state)
{
    for (int i = 0; i < WAYS; i++) {
        start(&ways[i]);
        A->pre = C->pre = have_opened;
        if (ways[i].have_done == by_item_that_nobody_waits_for)
            most = 12; /* each open causes two more, at once */
        open_one();
        assert_in_range(deepest, 1, 24);
        unsigned expected = ways[i].have_done == by_item_that_nobody_waits_for ? 0 : 1;
        A->pre = C->pre = NULL;
        stop(expected);
    }
}

static void work_that_ends_by_itself_is_none(void **state)
{
    for (int i = 0; i < WAYS; i++) {
        start(&ways[i]);
        most = 3;
        B->pre = have_opened;
        open_one();
        assert_int_equal(opened, 3);
        stop(0);
    }
}

/* An item that goes on and on is no create within a create. */
static unsigned rounds;

static VOID go_on(PVOID context)
{
    struct work *work = context;
    open_a_file(work);
    if (++rounds < 40)
        ExQueueWorkItem(&work->item, DelayedWorkQueue);
    else
        KeSetEvent(&work->done, IO_NO_INCREMENT, FALSE);
}

static FLT_PREOP_CALLBACK_STATUS begin_rounds(struct work *work)
{
    ExInitializeWorkItem(&work->item, go_on, work);
    ExQueueWorkItem(&work->item, DelayedWorkQueue);
    wait_for(work);
    return FLT_PREOP_SUCCESS_NO_CALLBACK;
}

static void an_item_that_queues_itself_again_and_again_is_none(void **state)
{
    static const struct way again = {"an item that queues itself", begin_rounds};
    start(&again);
    rounds = 0;
    most = 1;
    B->pre = have_opened;
    open_one();
    assert_int_equal(rounds, 40);
    stop(0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(work_that_opens_from_the_top_is_recursion_at_a_bounded_depth),
        cmocka_unit_test(the_report_shows_the_whole_chain_with_its_threads),
        cmocka_unit_test(work_that_opens_below_its_instance_is_none),
        cmocka_unit_test(work_of_two_filters_ends_as_well),
        cmocka_unit_test(work_that_ends_by_itself_is_none),
        cmocka_unit_test(an_item_that_queues_itself_again_and_again_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
