/* Memory of programs: reserved, committed, protected, asked about, secured. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <fltsim/fault.h>
#include <fltsim/fltsim.h>

#include <cmocka.h>

#include "ke/thread.h"

NTSTATUS ZwProtectVirtualMemory(HANDLE process, PVOID *base, PSIZE_T size, ULONG protection, PULONG old);
NTSTATUS NtProtectVirtualMemory(HANDLE process, PVOID *base, PSIZE_T size, ULONG protection, PULONG old);

#define SELF NtCurrentProcess()
#define PAGES(n) ((SIZE_T)(n) * PAGE_SIZE)

static int start(void **state) { return fltsim_start(NULL) ? 0 : -1; }
static int stop(void **state) { return fltsim_stop(NULL) ? -1 : 0; }

static UCHAR *allocate(ULONG type, SIZE_T size)
{
    PVOID base = NULL;
    assert_int_equal(ZwAllocateVirtualMemory(SELF, &base, 0, &size, type, PAGE_READWRITE), STATUS_SUCCESS);
    return base;
}

static void release(PVOID base)
{
    SIZE_T size = 0;
    assert_int_equal(ZwFreeVirtualMemory(SELF, &base, &size, MEM_RELEASE), STATUS_SUCCESS);
}

static MEMORY_BASIC_INFORMATION ask(PVOID address)
{
    MEMORY_BASIC_INFORMATION info;
    SIZE_T size = 0;
    assert_int_equal(ZwQueryVirtualMemory(SELF, address, MemoryBasicInformation, &info, sizeof info, &size), STATUS_SUCCESS);
    assert_int_equal(size, sizeof info);
    assert_ptr_equal(info.BaseAddress, PAGE_ALIGN(address));
    return info;
}

static void assert_pages(PVOID address, ULONG memory, ULONG protection, SIZE_T pages)
{
    MEMORY_BASIC_INFORMATION info = ask(address);
    assert_int_equal(info.State, memory);
    assert_int_equal(info.Protect, protection);
    assert_int_equal(info.RegionSize, PAGES(pages));
}

static void pages_are_reserved_then_committed_then_decommitted(void **state)
{
    UCHAR *base = allocate(MEM_RESERVE, PAGES(8));
    PVOID at = base + PAGES(2) + 100;
    SIZE_T size = PAGES(1);

    assert_pages(base, MEM_RESERVE, 0, 8);
    assert_int_equal(ZwAllocateVirtualMemory(SELF, &at, 0, &size, MEM_COMMIT, PAGE_READWRITE), STATUS_SUCCESS);
    assert_ptr_equal(at, base + PAGES(2));
    assert_int_equal(size, PAGES(2)); // the bytes lie on two pages
    memset(at, 7, size);
    assert_pages(base, MEM_RESERVE, 0, 2);
    assert_pages(at, MEM_COMMIT, PAGE_READWRITE, 2);
    assert_pages(base + PAGES(4), MEM_RESERVE, 0, 4);
    assert_ptr_equal(ask(at).AllocationBase, base);
    assert_int_equal(ask(at).AllocationProtect, PAGE_READWRITE);
    assert_int_equal(ask(at).Type, MEM_PRIVATE);

    size = PAGES(1);
    assert_int_equal(ZwFreeVirtualMemory(SELF, &at, &size, MEM_DECOMMIT), STATUS_SUCCESS);
    assert_false(MmIsAddressValid(at));
    assert_true(MmIsAddressValid(base + PAGES(3)));
    assert_int_equal(NtAllocateVirtualMemory(SELF, &at, 0, &size, MEM_COMMIT, PAGE_READWRITE), STATUS_SUCCESS);
    assert_int_equal(*(UCHAR *)at, 0);
    assert_int_equal(base[PAGES(3)], 7);
    at = base;
    size = 0;
    assert_int_equal(NtFreeVirtualMemory(SELF, &at, &size, MEM_DECOMMIT), STATUS_SUCCESS);
    assert_pages(base, MEM_RESERVE, 0, 8);
    release(base);
    assert_int_equal(ask(base).State, MEM_FREE);
    assert_int_equal(ask(base).Protect, PAGE_NOACCESS);
}

static void an_address_of_ones_own_choice_is_taken_when_free(void **state)
{
    UCHAR *base = allocate(MEM_RESERVE, PAGES(32));
    PVOID at = base;
    SIZE_T size = PAGES(1);

    assert_int_equal(NtAllocateVirtualMemory(SELF, &at, 0, &size, MEM_RESERVE, PAGE_READWRITE),
                     STATUS_CONFLICTING_ADDRESSES);
    release(base);
    at = base + PAGES(16) + 0x100;
    assert_int_equal(ZwAllocateVirtualMemory(SELF, &at, 0, &size, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE), STATUS_SUCCESS);
    assert_ptr_equal(at, base + PAGES(16));
    assert_int_equal(size, PAGES(2));
    release(at);
}

static void protection_is_by_page(void **state)
{
    UCHAR *base = allocate(MEM_RESERVE | MEM_COMMIT, PAGES(4));
    PVOID at = base + PAGES(1) + 8;
    SIZE_T size = 16;
    ULONG old = 0;

    memset(base, 1, PAGES(4));
    assert_int_equal(ZwProtectVirtualMemory(SELF, &at, &size, PAGE_READONLY, &old), STATUS_SUCCESS);
    assert_int_equal(old, PAGE_READWRITE);
    assert_ptr_equal(at, base + PAGES(1));
    assert_int_equal(size, PAGES(1));
    assert_pages(at, MEM_COMMIT, PAGE_READONLY, 1);
    assert_int_equal(NtProtectVirtualMemory(SELF, &at, &size, PAGE_NOACCESS, &old), STATUS_SUCCESS);
    assert_int_equal(old, PAGE_READONLY);
    assert_false(MmIsAddressValid(at));
    assert_int_equal(ZwProtectVirtualMemory(SELF, &at, &size, PAGE_READWRITE | PAGE_NOACCESS, &old),
                     STATUS_INVALID_PAGE_PROTECTION);
    assert_int_equal(ZwProtectVirtualMemory(SELF, &at, &size, PAGE_READWRITE, &old), STATUS_SUCCESS);
    assert_int_equal(base[PAGES(1)], 1);
    at = base + PAGES(3);
    size = PAGES(2);
    assert_int_equal(ZwProtectVirtualMemory(SELF, &at, &size, PAGE_READONLY, &old), STATUS_CONFLICTING_ADDRESSES);
    size = PAGES(1);
    assert_int_equal(ZwFreeVirtualMemory(SELF, &at, &size, MEM_DECOMMIT), STATUS_SUCCESS);
    assert_int_equal(ZwProtectVirtualMemory(SELF, &at, &size, PAGE_READONLY, &old), STATUS_NOT_COMMITTED);
    assert_int_equal(ZwProtectVirtualMemory((HANDLE)0x7ff4, &at, &size, PAGE_READONLY, &old), STATUS_INVALID_HANDLE);
    release(base);
}

static void a_view_is_mapped_memory(void **state)
{
    LARGE_INTEGER size = {.QuadPart = (LONGLONG)PAGES(3)};
    HANDLE section;
    PVOID base = NULL;
    SIZE_T length = 0;
    assert_int_equal(ZwCreateSection(&section, SECTION_ALL_ACCESS, NULL, &size, PAGE_READWRITE, SEC_COMMIT, NULL),
                     STATUS_SUCCESS);
    assert_int_equal(ZwMapViewOfSection(section, SELF, &base, 0, 0, NULL, &length, ViewUnmap, 0, PAGE_READONLY),
                     STATUS_SUCCESS);
    assert_pages((UCHAR *)base + PAGES(1), MEM_COMMIT, PAGE_READONLY, 2);
    assert_ptr_equal(ask((UCHAR *)base + PAGES(1)).AllocationBase, base);
    assert_int_equal(ask(base).Type, MEM_MAPPED);
    assert_int_equal(ZwUnmapViewOfSection(SELF, base), STATUS_SUCCESS);
    assert_int_equal(ZwClose(section), STATUS_SUCCESS);
}

static void a_buffer_of_the_tests_own_is_committed_memory(void **state)
{
    static UCHAR buffer[2 * PAGE_SIZE];
    MEMORY_BASIC_INFORMATION info = ask(buffer);
    assert_int_equal(info.State, MEM_COMMIT);
    assert_int_equal(info.Type, MEM_PRIVATE);
    assert_true(info.RegionSize >= PAGE_SIZE);
}

static void memory_goes_with_its_process_and_is_nobody_elses(void **state)
{
    struct fltsim_process *process = fltsim_process_create("C:\\a.exe");
    HANDLE handle;
    PVOID base = NULL;
    SIZE_T size = PAGES(1);
    MEMORY_BASIC_INFORMATION info;

    assert_int_equal(ObOpenObjectByPointer(process, OBJ_KERNEL_HANDLE, NULL, PROCESS_ALL_ACCESS, *PsProcessType, KernelMode,
                                           &handle), STATUS_SUCCESS);
    assert_int_equal(ZwAllocateVirtualMemory(handle, &base, 0, &size, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE),
                     STATUS_SUCCESS);
    assert_int_equal(ZwQueryVirtualMemory(handle, base, MemoryBasicInformation, &info, sizeof info, NULL), STATUS_SUCCESS);
    assert_int_equal(info.State, MEM_COMMIT);
    size = 0;
    assert_int_equal(ZwFreeVirtualMemory(SELF, &base, &size, MEM_RELEASE), STATUS_MEMORY_NOT_ALLOCATED);
    ObReferenceObject(process);
    fltsim_process_exit(process);
    assert_false(MmIsAddressValid(base));
    size = PAGES(1);
    base = NULL;
    assert_int_equal(NtAllocateVirtualMemory(handle, &base, 0, &size, MEM_COMMIT, PAGE_READWRITE),
                     STATUS_PROCESS_IS_TERMINATING);
    ObDereferenceObject(process);
    assert_int_equal(ZwClose(handle), STATUS_SUCCESS);
}

static void wrong_calls_are_refused(void **state)
{
    PVOID base = NULL;
    SIZE_T size = PAGES(1);
    MEMORY_BASIC_INFORMATION info;
    HANDLE event;

    assert_int_equal(ZwCreateEvent(&event, EVENT_ALL_ACCESS, NULL, NotificationEvent, FALSE), STATUS_SUCCESS);
    assert_int_equal(NtAllocateVirtualMemory(SELF, &base, 25, &size, MEM_COMMIT, PAGE_READWRITE), STATUS_INVALID_PARAMETER_3);
    assert_int_equal(NtAllocateVirtualMemory(SELF, &base, 0, &size, 0, PAGE_READWRITE), STATUS_INVALID_PARAMETER_5);
    assert_int_equal(NtAllocateVirtualMemory(SELF, &base, 0, &size, MEM_COMMIT, 0), STATUS_INVALID_PAGE_PROTECTION);
    assert_int_equal(NtAllocateVirtualMemory((HANDLE)0x7ff4, &base, 0, &size, MEM_COMMIT, PAGE_READWRITE),
                     STATUS_INVALID_HANDLE);
    assert_int_equal(NtAllocateVirtualMemory(event, &base, 0, &size, MEM_COMMIT, PAGE_READWRITE),
                     STATUS_OBJECT_TYPE_MISMATCH);
    fltsim_fail_allocation(1);
    assert_int_equal(NtAllocateVirtualMemory(SELF, &base, 0, &size, MEM_COMMIT, PAGE_READWRITE), STATUS_NO_MEMORY);
    fltsim_fail_allocation(0);
    size = 0;
    assert_int_equal(NtAllocateVirtualMemory(SELF, &base, 0, &size, MEM_COMMIT, PAGE_READWRITE), STATUS_INVALID_PARAMETER_4);
    assert_int_equal(ZwFreeVirtualMemory(SELF, &base, &size, 0), STATUS_INVALID_PARAMETER_4);
    assert_int_equal(ZwFreeVirtualMemory(SELF, &base, &size, MEM_RELEASE), STATUS_MEMORY_NOT_ALLOCATED);
    base = allocate(MEM_RESERVE, PAGES(4));
    size = PAGES(5);
    assert_int_equal(ZwFreeVirtualMemory(SELF, &base, &size, MEM_RELEASE), STATUS_UNABLE_TO_FREE_VM);
    release(base);

    assert_int_equal(ZwQueryVirtualMemory(SELF, NULL, MemoryWorkingSetInformation, &info, sizeof info, NULL),
                     STATUS_INVALID_INFO_CLASS);
    assert_int_equal(ZwQueryVirtualMemory(SELF, NULL, MemoryBasicInformation, &info, sizeof info - 1, NULL),
                     STATUS_INFO_LENGTH_MISMATCH);
    assert_int_equal(ZwQueryVirtualMemory(SELF, MmSystemRangeStart, MemoryBasicInformation, &info, sizeof info, NULL),
                     STATUS_INVALID_PARAMETER);
    assert_int_equal(NtQueryVirtualMemory(event, NULL, MemoryBasicInformation, &info, sizeof info, NULL),
                     STATUS_OBJECT_TYPE_MISMATCH);
    assert_int_equal(ZwClose(event), STATUS_SUCCESS);
}

static void a_handle_for_less_does_not_reach_memory(void **state)
{
    CLIENT_ID id = {.UniqueProcess = PsGetCurrentProcessId()};
    OBJECT_ATTRIBUTES attributes;
    HANDLE handle;
    PVOID base = NULL;
    SIZE_T size = PAGES(1);
    MEMORY_BASIC_INFORMATION info;

    InitializeObjectAttributes(&attributes, NULL, 0, NULL, NULL);
    assert_int_equal(ZwOpenProcess(&handle, PROCESS_TERMINATE, &attributes, &id), STATUS_SUCCESS);
    KiCurrentThread()->previous_mode = UserMode;
    assert_int_equal(NtAllocateVirtualMemory(handle, &base, 0, &size, MEM_COMMIT, PAGE_READWRITE), STATUS_ACCESS_DENIED);
    assert_int_equal(NtQueryVirtualMemory(handle, NULL, MemoryBasicInformation, &info, sizeof info, NULL),
                     STATUS_ACCESS_DENIED);
    KiCurrentThread()->previous_mode = KernelMode;
    assert_int_equal(ZwClose(handle), STATUS_SUCCESS);
}

static void secured_memory_stays_as_it_is(void **state)
{
    UCHAR *base = allocate(MEM_RESERVE | MEM_COMMIT, PAGES(2));
    PVOID at = base;
    SIZE_T size = 0;
    ULONG old;

    assert_null(MmSecureVirtualMemory(base, 0, PAGE_READONLY));
    HANDLE secured = MmSecureVirtualMemory(base + 100, 8, PAGE_READWRITE);
    assert_non_null(secured);
    assert_int_equal(ZwFreeVirtualMemory(SELF, &at, &size, MEM_RELEASE), STATUS_INVALID_PAGE_PROTECTION);
    size = 1;
    assert_int_equal(ZwProtectVirtualMemory(SELF, &at, &size, PAGE_READONLY, &old), STATUS_INVALID_PAGE_PROTECTION);
    at = base + PAGES(1);
    size = 1;
    assert_int_equal(ZwProtectVirtualMemory(SELF, &at, &size, PAGE_READONLY, &old), STATUS_SUCCESS);
    assert_null(MmSecureVirtualMemory(at, 8, PAGE_READWRITE));
    MmUnsecureVirtualMemory(secured);
    secured = MmSecureVirtualMemory(at, 8, PAGE_READONLY);
    assert_non_null(secured);
    MmUnsecureVirtualMemory(secured);
    release(base);
    assert_null(MmSecureVirtualMemory(base, 8, PAGE_READONLY));
}

static void a_secured_view_stays_mapped(void **state)
{
    LARGE_INTEGER size = {.QuadPart = PAGE_SIZE};
    HANDLE section;
    PVOID base = NULL;
    SIZE_T length = 0;
    assert_int_equal(ZwCreateSection(&section, SECTION_ALL_ACCESS, NULL, &size, PAGE_READWRITE, SEC_COMMIT, NULL),
                     STATUS_SUCCESS);
    assert_int_equal(ZwMapViewOfSection(section, SELF, &base, 0, 0, NULL, &length, ViewUnmap, 0, PAGE_READWRITE),
                     STATUS_SUCCESS);
    HANDLE secured = MmSecureVirtualMemory(base, PAGE_SIZE, PAGE_READWRITE);
    assert_int_equal(ZwUnmapViewOfSection(SELF, base), STATUS_INVALID_PAGE_PROTECTION);
    MmUnsecureVirtualMemory(secured);
    assert_int_equal(ZwUnmapViewOfSection(SELF, base), STATUS_SUCCESS);
    assert_int_equal(ZwClose(section), STATUS_SUCCESS);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(pages_are_reserved_then_committed_then_decommitted),
        TEST(an_address_of_ones_own_choice_is_taken_when_free),
        TEST(protection_is_by_page),
        TEST(a_view_is_mapped_memory),
        TEST(a_buffer_of_the_tests_own_is_committed_memory),
        TEST(memory_goes_with_its_process_and_is_nobody_elses),
        TEST(wrong_calls_are_refused),
        TEST(a_handle_for_less_does_not_reach_memory),
        TEST(secured_memory_stays_as_it_is),
        TEST(a_secured_view_stays_mapped),
    };
    return cmocka_run_group_tests_name("mm/virtual", tests, NULL, NULL);
}
