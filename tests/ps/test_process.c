#include "../ke/kernel.h"

/* As drivers declare them: no published header does. */
UCHAR *PsGetProcessImageFileName(PEPROCESS Process);
BOOLEAN PsGetProcessExitProcessCalled(PEPROCESS Process);
PVOID PsGetProcessSectionBaseAddress(PEPROCESS Process);
HANDLE PsGetProcessInheritedFromUniqueProcessId(PEPROCESS Process);
ULONG PsGetProcessSessionId(PEPROCESS Process);
BOOLEAN PsIsProcessBeingDebugged(PEPROCESS Process);
NTSTATUS ZwOpenThread(PHANDLE ThreadHandle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes,
                      PCLIENT_ID ClientId);
NTSTATUS PsAcquireProcessExitSynchronization(PEPROCESS Process);
VOID PsReleaseProcessExitSynchronization(PEPROCESS Process);

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

static void there_is_no_process_zero(void **state)
{
    PEPROCESS found;
    assert_int_equal(PsLookupProcessByProcessId(NULL, &found), STATUS_INVALID_CID);
}

static void a_process_tells_about_itself(void **state)
{
    PEPROCESS self = PsGetCurrentProcess();
    fltsim_sleep(10);
    PEPROCESS process = (PEPROCESS)fltsim_process_create("C:\\a.exe");
    assert_ptr_equal(PsGetProcessInheritedFromUniqueProcessId(process), PsGetCurrentProcessId());
    assert_int_equal(PsGetProcessCreateTimeQuadPart(process) - PsGetProcessCreateTimeQuadPart(self), 100000);
    assert_true(PsGetProcessStartKey(process) != PsGetProcessStartKey(self));
    assert_int_equal(PsGetProcessSessionId(process), 1);
    assert_int_equal(PsGetProcessSessionId(PsInitialSystemProcess), 0);
    assert_non_null(PsGetProcessSectionBaseAddress(process));
    assert_false(PsIsProtectedProcess(process));
    assert_true(PsIsProtectedProcess(PsInitialSystemProcess));
    assert_false(PsIsProtectedProcessLight(process));
    assert_false(PsIsProcessBeingDebugged(process));
    ObReferenceObject(process);
    assert_int_equal(PsAcquireProcessExitSynchronization(process), STATUS_SUCCESS);
    PsReleaseProcessExitSynchronization(process);
    fltsim_process_exit((struct fltsim_process *)process);
    assert_int_equal(PsAcquireProcessExitSynchronization(process), STATUS_PROCESS_IS_TERMINATING);
    ObDereferenceObject(process);
}

static void a_client_id_must_fit_together(void **state)
{
    PEPROCESS process;
    PETHREAD thread;
    CLIENT_ID id = {.UniqueProcess = PsGetCurrentProcessId(), .UniqueThread = PsGetCurrentThreadId()};
    assert_int_equal(PsLookupProcessThreadByCid(&id, &process, &thread), STATUS_SUCCESS);
    assert_ptr_equal(process, PsGetCurrentProcess());
    assert_ptr_equal(thread, PsGetCurrentThread());
    ObDereferenceObject(process);
    ObDereferenceObject(thread);
    id.UniqueProcess = PsGetProcessId(PsInitialSystemProcess);
    assert_int_equal(PsLookupProcessThreadByCid(&id, &process, &thread), STATUS_INVALID_CID);
    id.UniqueThread = (HANDLE)0x7771;
    assert_int_equal(PsLookupProcessThreadByCid(&id, &process, &thread), STATUS_INVALID_CID);
}

static void attaching_without_a_state_is_for_one_level(void **state)
{
    PEPROCESS self = PsGetCurrentProcess();
    assert_false(KeIsAttachedProcess());
    KeAttachProcess(PsInitialSystemProcess);
    assert_true(KeIsAttachedProcess());
    assert_ptr_equal(PsGetCurrentProcess(), PsInitialSystemProcess);
    assert_ptr_equal(IoThreadToProcess(PsGetCurrentThread()), self);
    KeDetachProcess();
    assert_ptr_equal(PsGetCurrentProcess(), self);
}

static void the_version_is_windows_10(void **state)
{
    ULONG major = 0, minor = 1, build = 0;
    UNICODE_STRING pack = {.Length = 2};
    assert_false(PsGetVersion(&major, &minor, &build, &pack));
    assert_int_equal(major, 10);
    assert_int_equal(minor, 0);
    assert_int_equal(build, 19045);
    assert_int_equal(pack.Length, 0);
    PsGetVersion(NULL, NULL, NULL, NULL);
}

static void a_process_is_opened_by_its_client_id(void **state)
{
    UNICODE_STRING name = {0};
    OBJECT_ATTRIBUTES attributes;
    CLIENT_ID client = {.UniqueProcess = PsGetCurrentProcessId(), .UniqueThread = PsGetCurrentThreadId()};
    HANDLE handle;
    PVOID object;

    InitializeObjectAttributes(&attributes, NULL, OBJ_KERNEL_HANDLE, NULL, NULL);
    for (int i = 0; i < 2; i++, client.UniqueThread = NULL) {
        assert_int_equal(ZwOpenProcess(&handle, PROCESS_ALL_ACCESS, &attributes, &client), STATUS_SUCCESS);
        assert_true(ObIsKernelHandle(handle));
        assert_int_equal(ObReferenceObjectByHandle(handle, PROCESS_ALL_ACCESS, *PsProcessType, KernelMode, &object, NULL),
                         STATUS_SUCCESS);
        assert_ptr_equal(object, PsGetCurrentProcess());
        ObDereferenceObject(object);
        ZwClose(handle);
    }
    client.UniqueProcess = (HANDLE)0x7ffc;
    assert_int_equal(ZwOpenProcess(&handle, PROCESS_ALL_ACCESS, &attributes, &client), STATUS_INVALID_CID);
    client.UniqueThread = PsGetCurrentThreadId();
    assert_int_equal(ZwOpenProcess(&handle, PROCESS_ALL_ACCESS, &attributes, &client), STATUS_INVALID_CID);
    assert_int_equal(ZwOpenProcess(&handle, PROCESS_ALL_ACCESS, &attributes, NULL), STATUS_INVALID_PARAMETER_MIX);
    attributes.ObjectName = &name;
    assert_int_equal(ZwOpenProcess(&handle, PROCESS_ALL_ACCESS, &attributes, &client), STATUS_INVALID_PARAMETER_MIX);
}

static void a_thread_is_opened_by_its_client_id(void **state)
{
    UNICODE_STRING name = {0};
    OBJECT_ATTRIBUTES attributes;
    CLIENT_ID client = {.UniqueProcess = PsGetCurrentProcessId(), .UniqueThread = PsGetCurrentThreadId()};
    HANDLE handle;
    PVOID object;

    InitializeObjectAttributes(&attributes, NULL, OBJ_KERNEL_HANDLE, NULL, NULL);
    for (int i = 0; i < 2; i++, client.UniqueProcess = NULL) {
        assert_int_equal(ZwOpenThread(&handle, THREAD_ALL_ACCESS, &attributes, &client), STATUS_SUCCESS);
        assert_int_equal(ObReferenceObjectByHandle(handle, THREAD_ALL_ACCESS, *PsThreadType, KernelMode, &object, NULL),
                         STATUS_SUCCESS);
        assert_ptr_equal(object, PsGetCurrentThread());
        ObDereferenceObject(object);
        ZwClose(handle);
    }
    client.UniqueProcess = PsGetProcessId(PsInitialSystemProcess);
    assert_int_equal(ZwOpenThread(&handle, THREAD_ALL_ACCESS, &attributes, &client), STATUS_INVALID_CID);
    assert_null(handle);
    client = (CLIENT_ID){.UniqueThread = (HANDLE)0x7ffc};
    assert_int_equal(ZwOpenThread(&handle, THREAD_ALL_ACCESS, &attributes, &client), STATUS_INVALID_CID);
    assert_int_equal(ZwOpenThread(&handle, THREAD_ALL_ACCESS, &attributes, NULL), STATUS_INVALID_PARAMETER_MIX);
    attributes.ObjectName = &name;
    assert_int_equal(ZwOpenThread(&handle, THREAD_ALL_ACCESS, &attributes, &client), STATUS_INVALID_PARAMETER_MIX);
}

static NTSTATUS refused;
static void refuse(PEPROCESS process, HANDLE id, PPS_CREATE_NOTIFY_INFO info)
{
    if (info)
        info->CreationStatus = refused;
}

static void a_process_that_a_driver_refuses_is_none_and_its_exit_is_nothing(void **state)
{
    refused = STATUS_ACCESS_DENIED;
    assert_int_equal(PsSetCreateProcessNotifyRoutineEx(refuse, FALSE), STATUS_SUCCESS);
    assert_null(fltsim_process_create("C:\\refused.exe"));
    fltsim_process_exit(NULL);
    assert_int_equal(PsSetCreateProcessNotifyRoutineEx(refuse, TRUE), STATUS_SUCCESS);
    assert_int_equal(PsGetProcessExitStatus(PsGetCurrentProcess()), STATUS_PENDING);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        kernel_test(the_test_is_a_process),
        kernel_test(threads_belong_to_their_process),
        kernel_test(impersonating_changes_the_current_process),
        kernel_test(attaching_nests),
        kernel_test(processes_are_found_by_their_number),
        kernel_test(there_is_no_process_zero),
        kernel_test(a_process_tells_about_itself),
        kernel_test(a_client_id_must_fit_together),
        kernel_test(attaching_without_a_state_is_for_one_level),
        kernel_test(the_version_is_windows_10),
        kernel_test(a_process_is_opened_by_its_client_id),
        kernel_test(a_thread_is_opened_by_its_client_id),
        kernel_test(a_process_that_a_driver_refuses_is_none_and_its_exit_is_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
