#include "../ke/kernel.h"

/* As drivers declare them: no published header does. */
UCHAR *PsGetProcessImageFileName(PEPROCESS Process);
BOOLEAN PsGetProcessExitProcessCalled(PEPROCESS Process);

static void the_test_is_a_process(void **state)
{
    PEPROCESS process = PsGetCurrentProcess();
    assert_string_equal((char *)PsGetProcessImageFileName(process), "test.exe");
    assert_ptr_equal(PsGetProcessId(process), PsGetCurrentProcessId());
    assert_false(PsIsSystemProcess(process));
    assert_true(PsIsSystemProcess(PsInitialSystemProcess));
    assert_ptr_equal(PsGetProcessId(PsInitialSystemProcess), 4);
    assert_ptr_equal(IoGetCurrentProcess(), process);
    assert_int_equal(PsGetProcessExitStatus(process), STATUS_PENDING);
}

static int name_matches(void *argument)
{
    return !strcmp((char *)PsGetProcessImageFileName(PsGetCurrentProcess()), argument);
}

static void threads_belong_to_their_process(void **state)
{
    struct fltsim_process *process = fltsim_process_create("C:\\Windows\\notepad.exe");
    assert_non_null(process);
    struct fltsim_thread *thread = fltsim_thread_create(process, name_matches, (void *)"notepad.exe");
    assert_true(fltsim_thread_join(thread));
    assert_true(fltsim_thread_join(fltsim_thread_create(NULL, name_matches, (void *)"test.exe")));
    fltsim_process_exit(process);
}

static void impersonating_changes_the_current_process(void **state)
{
    struct fltsim_process *process = fltsim_process_create("C:\\a.exe");
    assert_null(fltsim_impersonate(process));
    assert_string_equal((char *)PsGetProcessImageFileName(PsGetCurrentProcess()), "a.exe");
    assert_ptr_equal(PsGetThreadProcess(PsGetCurrentThread()), process);
    assert_ptr_equal(fltsim_impersonate(NULL), process);
    assert_string_equal((char *)PsGetProcessImageFileName(PsGetCurrentProcess()), "test.exe");
    fltsim_process_exit(process);
}

static void attaching_nests(void **state)
{
    KAPC_STATE outer, inner;
    PEPROCESS self = PsGetCurrentProcess();
    struct fltsim_process *process = fltsim_process_create("C:\\a.exe");
    KeStackAttachProcess((PRKPROCESS)process, &outer);
    assert_ptr_equal(PsGetCurrentProcess(), process);
    assert_ptr_equal(PsGetThreadProcess(PsGetCurrentThread()), self);
    KeStackAttachProcess((PRKPROCESS)PsInitialSystemProcess, &inner);
    assert_ptr_equal(PsGetCurrentProcess(), PsInitialSystemProcess);
    KeUnstackDetachProcess(&inner);
    assert_ptr_equal(PsGetCurrentProcess(), process);
    KeUnstackDetachProcess(&outer);
    assert_ptr_equal(PsGetCurrentProcess(), self);
    fltsim_process_exit(process);
}

static void processes_are_found_by_their_number(void **state)
{
    PEPROCESS found;
    struct fltsim_process *process = fltsim_process_create("C:\\a.exe");
    HANDLE id = PsGetProcessId((PEPROCESS)process);
    assert_int_equal(PsLookupProcessByProcessId(id, &found), STATUS_SUCCESS);
    assert_ptr_equal(found, process);
    fltsim_process_exit(process);
    assert_int_equal(poll(found), STATUS_SUCCESS);
    assert_int_equal(PsGetProcessExitStatus(found), STATUS_SUCCESS);
    assert_true(PsGetProcessExitProcessCalled(found));
    ObDereferenceObject(found);
    assert_int_equal(PsLookupProcessByProcessId(id, &found), STATUS_INVALID_PARAMETER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        kernel_test(the_test_is_a_process),
        kernel_test(threads_belong_to_their_process),
        kernel_test(impersonating_changes_the_current_process),
        kernel_test(attaching_nests),
        kernel_test(processes_are_found_by_their_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
