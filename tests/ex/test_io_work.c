/* I/O work items. */
#include "ex_test.h"

#include "ob/object.h"

static PDEVICE_OBJECT device;
static PDRIVER_OBJECT driver;

static NTSTATUS entry(PDRIVER_OBJECT object, PUNICODE_STRING path)
{
    driver = object;
    return IoCreateDevice(object, 0, NULL, FILE_DEVICE_UNKNOWN, 0, FALSE, &device);
}

static void make_device(void)
{
    UNICODE_STRING name = RTL_CONSTANT_STRING(u"\\Driver\\worker");
    assert_int_equal(IoCreateDriver(&name, entry), STATUS_SUCCESS);
}

/* What IoDeleteDriver does. */
static void delete_all(void)
{
    IoDeleteDevice(device);
    ObMakeTemporaryObject(driver);
    ObDereferenceObject(driver);
}

static KEVENT done;
static int runs;
static PVOID seen_object;

static VOID work(PDEVICE_OBJECT object, PVOID context)
{
    seen_object = object;
    runs += *(int *)context;
    KeSetEvent(&done, 0, FALSE);
}

static VOID work_and_free(PVOID object, PVOID context, PIO_WORKITEM item)
{
    seen_object = object;
    runs += *(int *)context;
    IoFreeWorkItem(item);
    KeSetEvent(&done, 0, FALSE);
}

static VOID work_ex(PVOID object, PVOID context, PIO_WORKITEM item) { work(object, context); }

static void wait_done(void) { KeWaitForSingleObject(&done, Executive, KernelMode, FALSE, NULL); }

static void test_queue(void **state)
{
    int one = 1;
    KeInitializeEvent(&done, SynchronizationEvent, FALSE);
    runs = 0;
    make_device();
    PIO_WORKITEM item = IoAllocateWorkItem(device);
    assert_non_null(item);
    IoQueueWorkItem(item, work, DelayedWorkQueue, &one);
    wait_done();
    assert_int_equal(runs, 1);
    assert_ptr_equal(seen_object, device);
    assert_true(IoTryQueueWorkItem(item, work_and_free, DelayedWorkQueue, &one));
    wait_done();
    assert_int_equal(runs, 2);
    void *memory = ExAllocatePoolWithTag(NonPagedPoolNx, IoSizeofWorkItem(), 'krow');
    IoInitializeWorkItem(driver, memory);
    IoQueueWorkItemEx(memory, work_ex, DelayedWorkQueue, &one);
    wait_done();
    assert_ptr_equal(seen_object, driver);
    IoUninitializeWorkItem(memory);
    ExFreePool(memory);
    delete_all();
}

static void free_queued(void *unused)
{
    static int one = 1;
    KeInitializeEvent(&done, SynchronizationEvent, FALSE);
    make_device();
    PIO_WORKITEM item = IoAllocateWorkItem(device);
    IoQueueWorkItem(item, work, DelayedWorkQueue, &one);
    wait_done();
    ((WORK_QUEUE_ITEM *)item)->List.Flink = (PLIST_ENTRY)item; /* as while it is queued */
    IoFreeWorkItem(item);
}

static void test_freed_while_queued(void **state)
{
    struct fltsim_report *report;
    assert_false(fltsim_try(free_queued, NULL));
    assert_string_equal(fltsim_last_rule(), "work-item-misuse");
    fltsim_stop(&report);
    assert_non_null(strstr(report->violations[0].what, "was freed while it is queued"));
    assert_non_null(strstr(report->violations[0].history, "queued by free_queued"));
    fltsim_report_free(report);
}

static void use_freed(void *unused)
{
    static int one = 1;
    make_device();
    PIO_WORKITEM item = IoAllocateWorkItem(device);
    IoUninitializeWorkItem(item);
    IoQueueWorkItem(item, work, DelayedWorkQueue, &one);
}

static void test_queued_after_uninitialize(void **state)
{
    assert_false(fltsim_try(use_freed, NULL));
    expect_report("work-item-misuse", "is not initialized, or was freed", "and now given by use_freed");
}

static void test_work_item_leak(void **state)
{
    make_device();
    IoAllocateWorkItem(device);
    delete_all();
    expect_report("pool-leak", "1 block of pool tagged 'IoWI'", "allocated by test_work_item_leak");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_queue),
        WRONG(test_freed_while_queued),
        WRONG(test_queued_after_uninitialize),
        WRONG(test_work_item_leak),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
