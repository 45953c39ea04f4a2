/* ZwQueryInformationProcess and ZwQueryInformationThread. */
#include "../ke/kernel.h"

#include "ps/peb.h"

/* No published header declares these: drivers do. */
NTSTATUS ZwQueryInformationProcess(HANDLE, PROCESSINFOCLASS, PVOID, ULONG, PULONG);
NTSTATUS ZwQueryInformationThread(HANDLE, THREADINFOCLASS, PVOID, ULONG, PULONG);
PPEB PsGetProcessPeb(PEPROCESS process);

#define assert_name(handle, class, text) assert_name_is(handle, class, u##text, sizeof(u##text) - sizeof(WCHAR))

static HANDLE open_process(struct fltsim_process *process)
{
    HANDLE handle;
    assert_int_equal(ObOpenObjectByPointer(process, OBJ_KERNEL_HANDLE, NULL, PROCESS_ALL_ACCESS, *PsProcessType, KernelMode,
                                           &handle),
                     STATUS_SUCCESS);
    return handle;
}

static void assert_name_is(HANDLE handle, PROCESSINFOCLASS class, const void *text, ULONG bytes)
{
    _Alignas(UNICODE_STRING) char buffer[256];
    PUNICODE_STRING name = (PUNICODE_STRING)buffer;
    ULONG needed = 0, length = 0;

    assert_int_equal(ZwQueryInformationProcess(handle, class, NULL, 0, &needed), STATUS_INFO_LENGTH_MISMATCH);
    assert_int_equal(needed, sizeof *name + bytes + sizeof(WCHAR));
    assert_int_equal(ZwQueryInformationProcess(handle, class, buffer, needed - 1, &length), STATUS_INFO_LENGTH_MISMATCH);
    assert_int_equal(length, needed);
    assert_int_equal(ZwQueryInformationProcess(handle, class, buffer, sizeof buffer, &length), STATUS_SUCCESS);
    assert_int_equal(length, needed);
    assert_ptr_equal(name->Buffer, name + 1);
    assert_int_equal(name->Length, bytes);
    assert_memory_equal(name->Buffer, text, bytes + sizeof(WCHAR));
}

static void a_process_has_two_names(void **state)
{
    struct fltsim_process *process = fltsim_process_create("C:\\dir\\a.exe");
    struct fltsim_process *other = fltsim_process_create("plain.exe");
    HANDLE handle = open_process(process), plain = open_process(other);
    assert_name(handle, ProcessImageFileName, "\\Device\\HarddiskVolume1\\dir\\a.exe");
    assert_name(handle, ProcessImageFileNameWin32, "C:\\dir\\a.exe");
    assert_name(plain, ProcessImageFileName, "plain.exe");
    assert_name(plain, ProcessImageFileNameWin32, "plain.exe");
    ZwClose(handle);
    ZwClose(plain);
    fltsim_process_exit(process);
    fltsim_process_exit(other);
}

static void the_system_process_has_no_image(void **state)
{
    HANDLE handle = open_process((struct fltsim_process *)PsInitialSystemProcess);
    UNICODE_STRING name = {.Length = 1};
    ULONG length;
    assert_int_equal(ZwQueryInformationProcess(handle, ProcessImageFileName, &name, sizeof name, &length), STATUS_SUCCESS);
    assert_int_equal(name.Length, 0);
    assert_int_equal(length, sizeof name);
    ZwClose(handle);
}

static void numbers_come_at_their_lengths(void **state)
{
    struct fltsim_process *process = fltsim_process_create("C:\\a.exe");
    HANDLE handle = open_process(process);
    PROCESS_BASIC_INFORMATION basic;
    PROCESS_SESSION_INFORMATION session;
    KERNEL_USER_TIMES times;
    ULONG_PTR wow64 = 1;
    ULONG count, length = 0;

    assert_int_equal(ZwQueryInformationProcess(handle, ProcessBasicInformation, &basic, sizeof basic, &length), 0);
    assert_int_equal(length, sizeof basic);
    assert_int_equal(basic.UniqueProcessId, (ULONG_PTR)PsGetProcessId((PEPROCESS)process));
    assert_int_equal(basic.InheritedFromUniqueProcessId, (ULONG_PTR)PsGetCurrentProcessId());
    assert_int_equal(basic.ExitStatus, STATUS_PENDING);
    assert_int_equal(basic.AffinityMask, KeQueryActiveProcessors());
    assert_int_equal(ZwQueryInformationProcess(handle, ProcessBasicInformation, &basic, sizeof basic - 1, &length),
                     STATUS_INFO_LENGTH_MISMATCH);
    assert_int_equal(length, sizeof basic);
    assert_int_equal(ZwQueryInformationProcess(handle, ProcessSessionInformation, &session, sizeof session, NULL), 0);
    assert_int_equal(session.SessionId, 1);
    assert_int_equal(ZwQueryInformationProcess(handle, ProcessWow64Information, &wow64, sizeof wow64, NULL), 0);
    assert_int_equal(wow64, 0);
    assert_int_equal(ZwQueryInformationProcess(handle, ProcessHandleCount, &count, sizeof count, NULL), 0);
    assert_int_equal(count, 0);
    assert_int_equal(ZwQueryInformationProcess(handle, ProcessTimes, &times, sizeof times, NULL), 0);
    assert_int_equal(times.CreateTime.QuadPart, PsGetProcessCreateTimeQuadPart((PEPROCESS)process));
    assert_int_equal(times.ExitTime.QuadPart, 0);
    assert_int_equal(ZwQueryInformationProcess(handle, ProcessIoCounters, &times, sizeof times, NULL),
                     STATUS_INVALID_INFO_CLASS);
    assert_int_equal(NtQueryInformationProcess(NtCurrentProcess(), ProcessBasicInformation, &basic, sizeof basic, NULL), 0);
    assert_int_equal(basic.UniqueProcessId, (ULONG_PTR)PsGetCurrentProcessId());
    assert_int_equal(ZwQueryInformationProcess((HANDLE)0x7ffc, ProcessTimes, &times, sizeof times, NULL),
                     STATUS_INVALID_HANDLE);
    assert_int_equal(ZwQueryInformationProcess(NtCurrentThread(), ProcessTimes, &times, sizeof times, NULL),
                     STATUS_OBJECT_TYPE_MISMATCH);
    ZwClose(handle);
    fltsim_process_exit(process);
}

/* No published header has it: drivers declare it themselves. */
typedef struct _THREAD_BASIC_INFORMATION {
    NTSTATUS ExitStatus;
    PTEB TebBaseAddress;
    CLIENT_ID ClientId;
    ULONG_PTR AffinityMask;
    KPRIORITY Priority;
    LONG BasePriority;
} THREAD_BASIC_INFORMATION;

static void a_thread_tells_who_it_is(void **state)
{
    THREAD_BASIC_INFORMATION basic;
    ULONG number = 7, length = 0;
    PVOID start;

    assert_int_equal(ZwQueryInformationThread(NtCurrentThread(), ThreadBasicInformation, &basic, sizeof basic, &length), 0);
    assert_int_equal(length, sizeof basic);
    assert_ptr_equal(basic.ClientId.UniqueProcess, PsGetCurrentProcessId());
    assert_ptr_equal(basic.ClientId.UniqueThread, PsGetCurrentThreadId());
    assert_int_equal(basic.ExitStatus, STATUS_PENDING);
    assert_int_equal(ZwQueryInformationThread(NtCurrentThread(), ThreadAmILastThread, &number, sizeof number, NULL), 0);
    assert_int_equal(number, 1);
    assert_int_equal(NtQueryInformationThread(NtCurrentThread(), ThreadIsTerminated, &number, sizeof number, NULL), 0);
    assert_int_equal(number, 0);
    assert_int_equal(
        ZwQueryInformationThread(NtCurrentThread(), ThreadQuerySetWin32StartAddress, &start, sizeof start, NULL), 0);
    assert_int_equal(ZwQueryInformationThread(NtCurrentThread(), ThreadBasicInformation, &basic, 3, &length),
                     STATUS_INFO_LENGTH_MISMATCH);
    assert_int_equal(length, sizeof basic);
    assert_int_equal(ZwQueryInformationThread(NtCurrentThread(), ThreadTebInformation, &basic, sizeof basic, NULL),
                     STATUS_INVALID_INFO_CLASS);
    assert_int_equal(ZwQueryInformationThread(NtCurrentProcess(), ThreadIsTerminated, &number, sizeof number, NULL),
                     STATUS_OBJECT_TYPE_MISMATCH);
}

static void a_program_has_a_peb_and_the_system_has_none(void **state)
{
    struct fltsim_process *process = fltsim_process_create("C:\\dir\\a.exe");
    PEPROCESS object = (PEPROCESS)(void *)process;
    PROCESS_BASIC_INFORMATION basic;
    HANDLE handle = open_process(process);
    PPEB peb = PsGetProcessPeb(object);

    assert_non_null(peb);
    assert_ptr_equal(PsGetProcessPeb(object), peb);
    assert_int_equal(ZwQueryInformationProcess(handle, ProcessBasicInformation, &basic, sizeof basic, NULL), 0);
    assert_ptr_equal(basic.PebBaseAddress, peb);
    assert_false(peb->BeingDebugged);
    assert_int_equal(peb->OSMajorVersion, 10);
    assert_int_equal(peb->SessionId, 1);
    assert_int_equal(peb->ProcessParameters->ImagePathName.Length, 2 * strlen("C:\\dir\\a.exe"));
    assert_memory_equal(peb->ProcessParameters->ImagePathName.Buffer, u"C:\\dir\\a.exe", 2 * strlen("C:\\dir\\a.exe"));
    assert_memory_equal(peb->ProcessParameters->CommandLine.Buffer, u"\"C:\\dir\\a.exe\"", peb->ProcessParameters->CommandLine.Length);
    assert_memory_equal(peb->ProcessParameters->CurrentDirectory.Buffer, u"C:\\dir\\", 2 * strlen("C:\\dir\\"));
    struct psp_ldr_entry *image = CONTAINING_RECORD(peb->Ldr->InMemoryOrderModuleList.Flink, struct psp_ldr_entry,
                                                    InMemoryOrderLinks);
    assert_ptr_equal(image->DllBase, peb->ImageBaseAddress);
    assert_memory_equal(image->BaseDllName.Buffer, u"a.exe", image->BaseDllName.Length);
    assert_null(PsGetProcessPeb(PsInitialSystemProcess));
    ObReferenceObject(object);
    fltsim_process_exit(process);
    assert_null(PsGetProcessPeb(object));
    ObDereferenceObject(object);
    assert_int_equal(ZwClose(handle), 0);
}

static void drivers_resolve_the_routine(void **state)
{
    UNICODE_STRING name;
    RtlInitUnicodeString(&name, (PCWSTR)u"ZwQueryInformationProcess");
    assert_ptr_equal(MmGetSystemRoutineAddress(&name), (PVOID)(ULONG_PTR)ZwQueryInformationProcess);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        kernel_test(a_process_has_two_names),
        kernel_test(the_system_process_has_no_image),
        kernel_test(numbers_come_at_their_lengths),
        kernel_test(a_thread_tells_who_it_is),
        kernel_test(a_program_has_a_peb_and_the_system_has_none),
        kernel_test(drivers_resolve_the_routine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
