/* ZwSetInformationThread and ZwSetInformationProcess, the TEB, 32-bit programs, the hold on a process's exit, alerts. */
#include "../ke/kernel.h"

#include "ps/peb.h"

#include <ntimage.h>

#include <fltsim/fault.h>

/* As drivers declare them: no published header does. */
NTSTATUS ZwQueryInformationProcess(HANDLE, PROCESSINFOCLASS, PVOID, ULONG, PULONG);
NTSTATUS ZwQueryInformationThread(HANDLE, THREADINFOCLASS, PVOID, ULONG, PULONG);
NTSTATUS ZwSetInformationProcess(HANDLE, PROCESSINFOCLASS, PVOID, ULONG);
NTSTATUS NtSetInformationProcess(HANDLE, PROCESSINFOCLASS, PVOID, ULONG);
NTSTATUS ZwAlertThread(HANDLE);
NTSTATUS ZwYieldExecution(VOID);
PVOID PsGetThreadTeb(PETHREAD Thread);
PVOID PsGetProcessWow64Process(PEPROCESS Process);
PVOID PsGetProcessSectionBaseAddress(PEPROCESS Process);
PPEB PsGetProcessPeb(PEPROCESS Process);
NTSTATUS PsAcquireProcessExitSynchronization(PEPROCESS Process);
VOID PsReleaseProcessExitSynchronization(PEPROCESS Process);

/* ---- threads ----------------------------------------------------------------------------------------------------------- */

static NTSTATUS set_thread(THREADINFOCLASS what, LONGLONG value, ULONG length)
{
    return ZwSetInformationThread(NtCurrentThread(), what, &value, length);
}

static void what_is_set_of_a_thread_has_its_range_and_its_length(void **state)
{
    static const struct {
        THREADINFOCLASS what;
        LONGLONG value;
        ULONG length;
        NTSTATUS status;
    } cases[] = {
        {ThreadPriority, LOW_PRIORITY, 4, STATUS_INVALID_PARAMETER},
        {ThreadPriority, LOW_PRIORITY + 1, 4, STATUS_SUCCESS},
        {ThreadPriority, HIGH_PRIORITY, 4, STATUS_SUCCESS},
        {ThreadPriority, HIGH_PRIORITY + 1, 4, STATUS_INVALID_PARAMETER},
        {ThreadPriority, 8, 8, STATUS_INFO_LENGTH_MISMATCH},
        {ThreadBasePriority, -3, 4, STATUS_INVALID_PARAMETER},
        {ThreadBasePriority, 3, 4, STATUS_INVALID_PARAMETER},
        {ThreadBasePriority, 15, 4, STATUS_SUCCESS},
        {ThreadPagePriority, 6, 4, STATUS_INVALID_PARAMETER},
        {ThreadIoPriority, 99, 4, STATUS_INVALID_PARAMETER},
        {ThreadAffinityMask, 0, sizeof(KAFFINITY), STATUS_INVALID_PARAMETER},
        {ThreadAffinityMask, 0x100, sizeof(KAFFINITY), STATUS_INVALID_PARAMETER},
        {ThreadHideFromDebugger, 1, 1, STATUS_INFO_LENGTH_MISMATCH},
        {ThreadTimes, 0, 8, STATUS_INVALID_INFO_CLASS},
        {ThreadImpersonationToken, 0x7ffc, sizeof(HANDLE), STATUS_INVALID_HANDLE},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(set_thread(cases[i].what, cases[i].value, cases[i].length), cases[i].status);
    assert_int_equal(ZwSetInformationThread(NtCurrentThread(), ThreadPriority, NULL, 4), STATUS_ACCESS_VIOLATION);
    assert_int_equal(ZwSetInformationThread((HANDLE)0x7ffc, ThreadPriority, &(LONG){8}, 4), STATUS_INVALID_HANDLE);
    assert_int_equal(ZwSetInformationThread(NtCurrentProcess(), ThreadPriority, &(LONG){8}, 4), STATUS_OBJECT_TYPE_MISMATCH);
}

static ULONG ask_thread(THREADINFOCLASS what, ULONG length)
{
    ULONG value = 0;
    assert_int_equal(ZwQueryInformationThread(NtCurrentThread(), what, &value, length, NULL), STATUS_SUCCESS);
    return value;
}

static void what_was_set_of_a_thread_is_told(void **state)
{
    struct {
        NTSTATUS ExitStatus;
        PVOID TebBaseAddress;
        CLIENT_ID ClientId;
        ULONG_PTR AffinityMask;
        KPRIORITY Priority;
        LONG BasePriority;
    } basic;

    assert_int_equal(ask_thread(ThreadPagePriority, 4), 5);
    assert_int_equal(set_thread(ThreadPagePriority, 1, 4), STATUS_SUCCESS);
    assert_int_equal(ask_thread(ThreadPagePriority, 4), 1);
    assert_int_equal(ask_thread(ThreadIoPriority, 4), IoPriorityNormal);
    assert_int_equal(set_thread(ThreadIoPriority, IoPriorityVeryLow, 4), STATUS_SUCCESS);
    assert_int_equal(ask_thread(ThreadIoPriority, 4), IoPriorityVeryLow);
    assert_int_equal(ask_thread(ThreadHideFromDebugger, 1), FALSE);
    assert_int_equal(NtSetInformationThread(NtCurrentThread(), ThreadHideFromDebugger, NULL, 0), STATUS_SUCCESS);
    assert_int_equal(ask_thread(ThreadHideFromDebugger, 1), TRUE);
    assert_int_equal(set_thread(ThreadPriority, 12, 4), STATUS_SUCCESS);
    assert_int_equal(KeQueryPriorityThread(KeGetCurrentThread()), 12);
    assert_int_equal(set_thread(ThreadAffinityMask, 2, sizeof(KAFFINITY)), STATUS_SUCCESS);
    assert_int_equal(KeGetCurrentProcessorNumber(), 1);
    assert_int_equal(ZwQueryInformationThread(NtCurrentThread(), ThreadBasicInformation, &basic, sizeof basic, NULL), 0);
    assert_int_equal(basic.AffinityMask, 2);
    assert_int_equal(basic.Priority, 12);
    assert_ptr_equal(basic.TebBaseAddress, PsGetCurrentThreadTeb());
}

static HANDLE open_token(ACCESS_MASK access, TOKEN_TYPE type)
{
    SECURITY_QUALITY_OF_SERVICE quality = {.Length = sizeof quality, .ImpersonationLevel = SecurityImpersonation};
    OBJECT_ATTRIBUTES attributes;
    HANDLE primary, copy;

    InitializeObjectAttributes(&attributes, NULL, OBJ_KERNEL_HANDLE, NULL, NULL);
    attributes.SecurityQualityOfService = &quality;
    assert_int_equal(ZwOpenProcessTokenEx(NtCurrentProcess(), TOKEN_DUPLICATE, OBJ_KERNEL_HANDLE, &primary), STATUS_SUCCESS);
    assert_int_equal(ZwDuplicateToken(primary, access, &attributes, FALSE, type, &copy), STATUS_SUCCESS);
    ZwClose(primary);
    return copy;
}

static void a_token_is_impersonated_and_let_go(void **state)
{
    HANDLE token = open_token(TOKEN_IMPERSONATE, TokenImpersonation), none = NULL;
    HANDLE primary = open_token(TOKEN_ALL_ACCESS, TokenPrimary);

    assert_int_equal(ZwSetInformationThread(NtCurrentThread(), ThreadImpersonationToken, &token, sizeof token), 0);
    assert_true(PsIsThreadImpersonating(PsGetCurrentThread()));
    assert_int_equal(ZwSetInformationThread(NtCurrentThread(), ThreadImpersonationToken, &none, sizeof none), 0);
    assert_false(PsIsThreadImpersonating(PsGetCurrentThread()));
    assert_int_equal(ZwSetInformationThread(NtCurrentThread(), ThreadImpersonationToken, &primary, sizeof primary),
                     STATUS_BAD_TOKEN_TYPE);
    ZwClose(token);
    ZwClose(primary);
}

/* ---- processes --------------------------------------------------------------------------------------------------------- */

static HANDLE open_process(struct fltsim_process *process)
{
    HANDLE handle;
    assert_int_equal(ObOpenObjectByPointer(process, OBJ_KERNEL_HANDLE, NULL, PROCESS_ALL_ACCESS, *PsProcessType, KernelMode,
                                           &handle),
                     STATUS_SUCCESS);
    return handle;
}

static int nothing(void *argument) { return 0; }

static void a_process_takes_a_token_before_its_first_thread(void **state)
{
    struct fltsim_process *process = fltsim_process_create("Z:\\a.exe");
    PROCESS_ACCESS_TOKEN token = {.Token = open_token(TOKEN_ASSIGN_PRIMARY, TokenPrimary)};
    PROCESS_ACCESS_TOKEN wrong = {.Token = open_token(TOKEN_ALL_ACCESS, TokenImpersonation)};
    HANDLE handle = open_process(process);
    PACCESS_TOKEN before = PsReferencePrimaryToken((PEPROCESS)process), after;

    assert_int_equal(ZwSetInformationProcess(handle, ProcessAccessToken, &wrong, sizeof wrong), STATUS_BAD_TOKEN_TYPE);
    assert_int_equal(ZwSetInformationProcess(handle, ProcessAccessToken, &token, 3), STATUS_INFO_LENGTH_MISMATCH);
    assert_int_equal(ZwSetInformationProcess(handle, ProcessAccessToken, &token, sizeof token), STATUS_SUCCESS);
    after = PsReferencePrimaryToken((PEPROCESS)process);
    assert_ptr_not_equal(after, before);
    PsDereferencePrimaryToken(before);
    PsDereferencePrimaryToken(after);
    fltsim_thread_join(fltsim_thread_create(process, nothing, NULL));
    assert_int_equal(ZwSetInformationProcess(handle, ProcessAccessToken, &token, sizeof token), STATUS_NOT_SUPPORTED);
    assert_int_equal(NtSetInformationProcess(handle, ProcessAccessToken, &token, 3), STATUS_INFO_LENGTH_MISMATCH);
    assert_int_equal(ZwSetInformationProcess(handle, ProcessTimes, &token, sizeof token), STATUS_INVALID_INFO_CLASS);
    ZwClose(token.Token);
    ZwClose(wrong.Token);
    ZwClose(handle);
    fltsim_process_exit(process);
}

static void exit_it(void *process) { fltsim_process_exit(process); }

static void the_end_of_a_critical_process_is_the_systems(void **state)
{
    struct fltsim_process *process = fltsim_process_create("Z:\\a.exe");
    HANDLE handle = open_process(process);
    ULONG critical = 1, told = 0;
    struct fltsim_report *report;

    assert_int_equal(ZwSetInformationProcess(handle, ProcessBreakOnTermination, &critical, sizeof critical), STATUS_SUCCESS);
    assert_int_equal(ZwQueryInformationProcess(handle, ProcessBreakOnTermination, &told, sizeof told, NULL), STATUS_SUCCESS);
    assert_int_equal(told, 1);
    ZwClose(handle);
    assert_false(fltsim_try(exit_it, process));
    assert_true(fltsim_stop(&report) > 0);
    assert_int_equal(report->violations[0].bugcheck, CRITICAL_PROCESS_DIED);
    fltsim_report_free(report);
    assert_true(fltsim_start(NULL));
}

static KEVENT held, let_go;

static int hold_exit(void *process)
{
    assert_int_equal(PsAcquireProcessExitSynchronization(process), STATUS_SUCCESS);
    KeSetEvent(&held, 0, FALSE);
    fltsim_sleep(50);
    KeSetEvent(&let_go, 0, FALSE);
    PsReleaseProcessExitSynchronization(process);
    return 0;
}

static void the_exit_of_a_process_waits_for_who_holds_it_off(void **state)
{
    struct fltsim_process *process = fltsim_process_create("Z:\\a.exe");
    PEPROCESS object = (PEPROCESS)process;

    KeInitializeEvent(&held, NotificationEvent, FALSE);
    KeInitializeEvent(&let_go, NotificationEvent, FALSE);
    struct fltsim_thread *thread = run(hold_exit, process);
    wait_for(&held);
    ObReferenceObject(object);
    fltsim_process_exit(process);
    assert_int_equal(KeReadStateEvent(&let_go), 1);
    assert_int_equal(PsAcquireProcessExitSynchronization(object), STATUS_PROCESS_IS_TERMINATING);
    fltsim_thread_join(thread);
    ObDereferenceObject(object);
}

/* ---- the TEB ----------------------------------------------------------------------------------------------------------- */

static int look_at_teb(void *argument)
{
    PTEB teb = PsGetCurrentThreadTeb();
    KAPC_STATE state;

    if (!teb || teb->Self != teb || teb != PsGetThreadTeb(PsGetCurrentThread()))
        return 1;
    if (teb->ClientId.UniqueThread != PsGetCurrentThreadId() || teb->ClientId.UniqueProcess != PsGetCurrentProcessId())
        return 2;
    if (teb->ProcessEnvironmentBlock != PsGetProcessPeb(PsGetCurrentProcess()))
        return 3;
    KeStackAttachProcess(PsInitialSystemProcess, &state);
    PVOID attached = PsGetCurrentThreadTeb();
    KeUnstackDetachProcess(&state);
    return attached ? 4 : 0;
}

static VOID system_thread(PVOID context)
{
    *(PVOID *)context = PsGetCurrentThreadTeb();
    PsTerminateSystemThread(STATUS_SUCCESS);
}

static void a_programs_thread_has_a_teb_and_a_system_thread_has_none(void **state)
{
    struct fltsim_process *process = fltsim_process_create("Z:\\a.exe");
    PVOID of_system = &process, thread;
    HANDLE handle;

    assert_int_equal(look_at_teb(NULL), 0);
    assert_int_equal(fltsim_thread_join(fltsim_thread_create(process, look_at_teb, NULL)), 0);
    assert_int_equal(PsCreateSystemThread(&handle, THREAD_ALL_ACCESS, NULL, NULL, NULL, system_thread, &of_system), 0);
    assert_int_equal(ObReferenceObjectByHandle(handle, 0, NULL, KernelMode, &thread, NULL), STATUS_SUCCESS);
    wait_for(thread);
    assert_null(of_system);
    assert_null(PsGetThreadTeb(thread));
    ObDereferenceObject(thread);
    ZwClose(handle);
    fltsim_process_exit(process);
}

/* ---- 32-bit programs --------------------------------------------------------------------------------------------------- */

static int is_32_bit(void *argument) { return IoIs32bitProcess(NULL); }

static void a_program_of_a_32_bit_image_is_a_32_bit_process(void **state)
{
    struct fltsim_volume *volume;
    struct fltsim_process *narrow, *wide;
    ULONG_PTR answer = 0;

    assert_int_equal(fltsim_mount(NULL, &volume), STATUS_SUCCESS);
    assert_int_equal(fltsim_process_start(&(struct fltsim_program){.image = "C:\\narrow.exe", .wow64 = true}, &narrow), 0);
    assert_int_equal(fltsim_process_start(&(struct fltsim_program){.image = "C:\\wide.exe"}, &wide), 0);
    struct psp_peb32 *peb = PsGetProcessWow64Process((PEPROCESS)narrow);
    assert_non_null(peb);
    assert_int_equal(peb->OSMajorVersion, 10);
    assert_int_equal(peb->SessionId, 1);
    assert_false(peb->BeingDebugged);
    assert_null(PsGetProcessWow64Process((PEPROCESS)wide));
    HANDLE handle = open_process(narrow);
    assert_int_equal(ZwQueryInformationProcess(handle, ProcessWow64Information, &answer, sizeof answer, NULL), 0);
    assert_ptr_equal(answer, peb);
    ZwClose(handle);
    assert_true(fltsim_thread_join(fltsim_thread_create(narrow, is_32_bit, NULL)));
    assert_false(fltsim_thread_join(fltsim_thread_create(wide, is_32_bit, NULL)));
    PIMAGE_DOS_HEADER dos = PsGetProcessSectionBaseAddress((PEPROCESS)narrow);
    PIMAGE_NT_HEADERS32 headers = (PVOID)((PUCHAR)dos + dos->e_lfanew);
    assert_int_equal(headers->OptionalHeader.Magic, IMAGE_NT_OPTIONAL_HDR32_MAGIC);
    assert_memory_equal(IMAGE_FIRST_SECTION(headers)->Name, ".text", 6);
    fltsim_process_exit(narrow);
    assert_int_equal(fltsim_process_start(&(struct fltsim_program){.image = "C:\\narrow.exe"}, &narrow), 0);
    assert_non_null(PsGetProcessWow64Process((PEPROCESS)narrow));
    fltsim_process_exit(narrow);
    fltsim_process_exit(wide);
}

/* ---- alerts ------------------------------------------------------------------------------------------------------------ */

static int wait_alertable(void *argument)
{
    LARGE_INTEGER interval = after_ms(1000);
    KeSetEvent(&held, 0, FALSE);
    return KeDelayExecutionThread(KernelMode, TRUE, &interval);
}

static void a_thread_is_alerted_by_its_handle(void **state)
{
    HANDLE handle;

    KeInitializeEvent(&held, NotificationEvent, FALSE);
    struct fltsim_thread *thread = run(wait_alertable, NULL);
    wait_for(&held);
    fltsim_sleep(5);
    assert_int_equal(ObOpenObjectByPointer(*(PVOID *)thread, OBJ_KERNEL_HANDLE, NULL, THREAD_ALERT, *PsThreadType, KernelMode,
                                           &handle),
                     STATUS_SUCCESS);
    assert_int_equal(ZwAlertThread(handle), STATUS_SUCCESS);
    assert_int_equal(ZwClose(handle), STATUS_SUCCESS);
    assert_int_equal(fltsim_thread_join(thread), STATUS_ALERTED);
    assert_true(now_ms() < 500);
    assert_int_equal(ZwAlertThread((HANDLE)0x7ffc), STATUS_INVALID_HANDLE);
    assert_int_equal(NtAlertThread(NtCurrentProcess()), STATUS_OBJECT_TYPE_MISMATCH);
}

static atomic_int turn;

static int take_turn(void *argument)
{
    atomic_store(&turn, 1);
    return 0;
}

static void who_yields_lets_others_run(void **state)
{
    atomic_store(&turn, 0);
    struct fltsim_thread *thread = run(take_turn, NULL);
    while (!atomic_load(&turn))
        assert_true(NT_SUCCESS(ZwYieldExecution()));
    fltsim_thread_join(thread);
    assert_true(NT_SUCCESS(NtYieldExecution()));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        kernel_test(what_is_set_of_a_thread_has_its_range_and_its_length),
        kernel_test(what_was_set_of_a_thread_is_told),
        kernel_test(a_token_is_impersonated_and_let_go),
        kernel_test(a_process_takes_a_token_before_its_first_thread),
        kernel_test(the_end_of_a_critical_process_is_the_systems),
        kernel_test(the_exit_of_a_process_waits_for_who_holds_it_off),
        kernel_test(a_programs_thread_has_a_teb_and_a_system_thread_has_none),
        kernel_test(a_program_of_a_32_bit_image_is_a_32_bit_process),
        kernel_test(a_thread_is_alerted_by_its_handle),
        kernel_test(who_yields_lets_others_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
