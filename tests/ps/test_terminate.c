/* ZwTerminateProcess. */
#include "../ke/kernel.h"

static HANDLE open_process(struct fltsim_process *process)
{
    HANDLE handle;
    assert_int_equal(ObOpenObjectByPointer(process, OBJ_KERNEL_HANDLE, NULL, PROCESS_ALL_ACCESS, *PsProcessType, KernelMode,
                                           &handle),
                     STATUS_SUCCESS);
    return handle;
}

static int exits;
static VOID on_process(HANDLE ParentId, HANDLE ProcessId, BOOLEAN Create) { exits += !Create; }

static void a_process_without_threads_ends_at_once(void **state)
{
    struct fltsim_process *process = fltsim_process_create("C:\\a.exe");
    HANDLE handle = open_process(process);
    exits = 0;
    assert_int_equal(PsSetCreateProcessNotifyRoutine(on_process, FALSE), STATUS_SUCCESS);
    assert_int_equal(ZwTerminateProcess(handle, STATUS_VIRUS_INFECTED), STATUS_SUCCESS);
    assert_int_equal(exits, 1);
    assert_int_equal(poll(process), STATUS_SUCCESS);
    assert_int_equal(PsGetProcessExitStatus((PEPROCESS)process), STATUS_VIRUS_INFECTED);
    assert_int_equal(ZwTerminateProcess(handle, 0), STATUS_PROCESS_IS_TERMINATING);
    ZwClose(handle);
    fltsim_process_exit(process);
    assert_int_equal(exits, 1);
    PsSetCreateProcessNotifyRoutine(on_process, TRUE);
}

static KEVENT never;
static atomic_int waiting;

static int wait_until_alerted(void *argument)
{
    waiting = 1;
    int status = KeWaitForSingleObject(&never, Executive, UserMode, TRUE, NULL);
    assert_true(PsIsThreadTerminating(PsGetCurrentThread()));
    return status;
}

static void threads_are_alerted_and_the_last_ends_the_process(void **state)
{
    struct fltsim_process *process = fltsim_process_create("C:\\a.exe");
    HANDLE handle = open_process(process);
    KeInitializeEvent(&never, NotificationEvent, FALSE);
    waiting = 0;
    struct fltsim_thread *thread = fltsim_thread_create(process, wait_until_alerted, NULL);
    while (!waiting)
        fltsim_yield();
    assert_int_equal(ZwTerminateProcess(handle, STATUS_VIRUS_INFECTED), STATUS_SUCCESS);
    assert_int_equal(fltsim_thread_join(thread), STATUS_ALERTED);
    assert_int_equal(wait_for(process), STATUS_SUCCESS);
    assert_int_equal(PsGetProcessExitStatus((PEPROCESS)process), STATUS_VIRUS_INFECTED);
    ZwClose(handle);
    fltsim_process_exit(process);
}

static int end_self(void *argument)
{
    ZwTerminateProcess(NtCurrentProcess(), STATUS_UNSUCCESSFUL);
    return 1;
}

static void ending_oneself_does_not_return(void **state)
{
    struct fltsim_process *process = fltsim_process_create("C:\\a.exe");
    assert_int_equal(fltsim_thread_join(fltsim_thread_create(process, end_self, NULL)), 0);
    assert_int_equal(wait_for(process), STATUS_SUCCESS);
    assert_int_equal(PsGetProcessExitStatus((PEPROCESS)process), STATUS_UNSUCCESSFUL);
    fltsim_process_exit(process);
}

static void a_process_that_is_played_ends_afterwards(void **state)
{
    struct fltsim_process *process = fltsim_process_create("C:\\a.exe");
    fltsim_impersonate(process);
    assert_int_equal(NtTerminateProcess(NtCurrentProcess(), STATUS_UNSUCCESSFUL), STATUS_SUCCESS);
    assert_int_equal(poll(process), STATUS_TIMEOUT);
    fltsim_impersonate(NULL);
    assert_int_equal(poll(process), STATUS_SUCCESS);
    fltsim_process_exit(process);
}

static void some_processes_stay(void **state)
{
    HANDLE system = open_process((struct fltsim_process *)PsInitialSystemProcess);
    assert_int_equal(ZwTerminateProcess(system, 0), STATUS_ACCESS_DENIED);
    assert_int_equal(ZwTerminateProcess(NtCurrentProcess(), 0), STATUS_ACCESS_DENIED);
    assert_int_equal(ZwTerminateProcess((HANDLE)0x7ffc, 0), STATUS_INVALID_HANDLE);
    assert_int_equal(ZwTerminateProcess(NtCurrentThread(), 0), STATUS_OBJECT_TYPE_MISMATCH);
    ZwClose(system);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        kernel_test(a_process_without_threads_ends_at_once),
        kernel_test(threads_are_alerted_and_the_last_ends_the_process),
        kernel_test(ending_oneself_does_not_return),
        kernel_test(a_process_that_is_played_ends_afterwards),
        kernel_test(some_processes_stay),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
