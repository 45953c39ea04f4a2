#include "../ke/kernel.h"

/* As drivers declare it: no published header does. */
VOID PsSetThreadHardErrorsAreDisabled(PETHREAD Thread, BOOLEAN HardErrorsAreDisabled);

static KEVENT event;
static _Atomic(PETHREAD) seen;
static atomic_int steps;

static void body(PVOID context)
{
    seen = PsGetCurrentThread();
    steps++;
    if (context)
        PsTerminateSystemThread(STATUS_CANCELLED);
    steps++;
}

static PETHREAD object_of(HANDLE handle)
{
    PVOID object = NULL;
    assert_int_equal(ObReferenceObjectByHandle(handle, SYNCHRONIZE, *PsThreadType, KernelMode, &object, NULL),
                     STATUS_SUCCESS);
    return object;
}

static HANDLE start(PKSTART_ROUTINE routine, PVOID context)
{
    HANDLE handle;
    OBJECT_ATTRIBUTES attributes;
    InitializeObjectAttributes(&attributes, NULL, OBJ_KERNEL_HANDLE, NULL, NULL);
    assert_int_equal(PsCreateSystemThread(&handle, THREAD_ALL_ACCESS, &attributes, NULL, NULL, routine, context),
                     STATUS_SUCCESS);
    return handle;
}

static void a_system_thread_runs_and_can_be_waited_for(void **state)
{
    steps = 0;
    HANDLE handle = start(body, NULL);
    PETHREAD thread = object_of(handle);
    assert_int_equal(wait_for(thread), STATUS_SUCCESS);
    assert_int_equal(steps, 2);
    assert_ptr_equal(seen, thread);
    assert_true(PsIsSystemThread(thread));
    assert_true(PsIsThreadTerminating(thread));
    assert_int_equal(PsGetThreadExitStatus(thread), STATUS_SUCCESS);
    assert_ptr_equal(PsGetThreadProcess(thread), PsInitialSystemProcess);
    ObDereferenceObject(thread);
    ZwClose(handle);
}

static void terminating_ends_it_at_once(void **state)
{
    steps = 0;
    HANDLE handle = start(body, &event);
    PETHREAD thread = object_of(handle);
    assert_int_equal(ZwWaitForSingleObject(handle, FALSE, NULL), STATUS_SUCCESS);
    assert_int_equal(steps, 1);
    assert_int_equal(PsGetThreadExitStatus(thread), STATUS_CANCELLED);
    ObDereferenceObject(thread);
    ZwClose(handle);
}

static void the_first_thread_is_no_system_thread(void **state)
{
    assert_false(PsIsSystemThread(PsGetCurrentThread()));
    assert_int_equal(PsTerminateSystemThread(STATUS_SUCCESS), STATUS_INVALID_PARAMETER);
    assert_int_equal(PsGetThreadExitStatus(PsGetCurrentThread()), STATUS_PENDING);
    assert_ptr_equal(PsGetCurrentThread(), KeGetCurrentThread());
}

static void a_closed_handle_does_not_end_the_thread(void **state)
{
    steps = 0;
    HANDLE handle = start(body, NULL);
    ZwClose(handle);
    fltsim_sleep(1);
    assert_int_equal(steps, 2);
}

static void threads_are_found_by_their_number(void **state)
{
    PETHREAD thread;
    HANDLE id = PsGetCurrentThreadId();
    assert_ptr_equal(PsGetThreadId(PsGetCurrentThread()), id);
    assert_int_equal(PsLookupThreadByThreadId(id, &thread), STATUS_SUCCESS);
    assert_ptr_equal(thread, PsGetCurrentThread());
    ObDereferenceObject(thread);
    assert_int_equal(PsLookupThreadByThreadId((HANDLE)0x7771, &thread), STATUS_INVALID_PARAMETER);
}

static void wait_for_ever(PVOID context) { wait_for(&event); }

static void a_thread_left_waiting_is_reported(void **state)
{
    struct fltsim_report *report;
    start_machine(NULL);
    KeInitializeEvent(&event, NotificationEvent, FALSE);
    ZwClose(start(wait_for_ever, NULL));
    assert_int_equal(fltsim_stop(&report), 1);
    assert_string_equal(report->violations[0].rule, "thread-left-running");
    fltsim_report_free(report);
}

static void unload_without_waiting(PDRIVER_OBJECT driver) {}

static NTSTATUS start_thread_and_load(PDRIVER_OBJECT driver, PUNICODE_STRING path)
{
    KeInitializeEvent(&event, NotificationEvent, FALSE);
    driver->DriverUnload = unload_without_waiting;
    ZwClose(start(wait_for_ever, NULL));
    return STATUS_SUCCESS;
}

static void a_driver_must_not_leave_a_thread(void **state)
{
    struct fltsim_driver *driver;
    struct fltsim_report *report;
    const struct fltsim_driver_options options = {.name = "forgetful", .entry = start_thread_and_load};
    start_machine(NULL);
    assert_int_equal(fltsim_load(&options, &driver), STATUS_SUCCESS);
    assert_int_equal(fltsim_unload_mandatory(driver), STATUS_SUCCESS);
    assert_string_equal(fltsim_last_rule(), "thread-left-running");
    KeSetEvent(&event, 0, FALSE);
    assert_int_equal(fltsim_stop(&report), 1);
    assert_string_equal(report->violations[0].driver, "forgetful");
    fltsim_report_free(report);
}

static void nothing_waits_at_the_stop_for_a_runnable_thread(void **state)
{
    start_machine(NULL);
    ZwClose(start(body, NULL));
    assert_int_equal(fltsim_stop(NULL), 0);
}

static int many(void *argument)
{
    for (int i = 0; i < 20; i++)
        ZwClose(start(body, NULL));
    return 0;
}

static void threads_make_threads(void **state)
{
    struct fltsim_thread *threads[4];
    for (int i = 0; i < 4; i++)
        threads[i] = run(many, NULL);
    for (int i = 0; i < 4; i++)
        fltsim_thread_join(threads[i]);
}

static void a_thread_tells_about_itself(void **state)
{
    PETHREAD self = PsGetCurrentThread();
    assert_ptr_equal(PsGetThreadProcessId(self), PsGetCurrentProcessId());
    assert_int_equal(PsGetThreadCreateTime(self), PsGetProcessCreateTimeQuadPart(PsGetCurrentProcess()));
    assert_int_equal(KeGetPreviousMode(), KernelMode);
    PsSetThreadHardErrorsAreDisabled(self, TRUE);
    assert_false(IoSetThreadHardErrorMode(TRUE));
    PsSetThreadHardErrorsAreDisabled(self, FALSE);
    assert_true(IoSetThreadHardErrorMode(TRUE));
    assert_non_null(PsGetCurrentThreadTeb());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        kernel_test(a_system_thread_runs_and_can_be_waited_for),
        kernel_test(terminating_ends_it_at_once),
        kernel_test(the_first_thread_is_no_system_thread),
        kernel_test(a_closed_handle_does_not_end_the_thread),
        kernel_test(threads_are_found_by_their_number),
        cmocka_unit_test(a_thread_left_waiting_is_reported),
        cmocka_unit_test(a_driver_must_not_leave_a_thread),
        cmocka_unit_test(nothing_waits_at_the_stop_for_a_runnable_thread),
        kernel_test(threads_make_threads),
        kernel_test(a_thread_tells_about_itself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
