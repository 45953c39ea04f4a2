/* The rest of the memory manager's routines: copies, secured and contiguous memory, pages without
 * an address, views of the system, memory of programs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <fltsim/fault.h>
#include <fltsim/fltsim.h>

#include <cmocka.h>

NTSTATUS MmCreateSection(PVOID *section, ACCESS_MASK access, POBJECT_ATTRIBUTES attributes,
                         PLARGE_INTEGER size, ULONG protection, ULONG allocation, HANDLE handle,
                         PFILE_OBJECT file);
NTSTATUS MmMapViewOfSection(PVOID section, PEPROCESS process, PVOID *base, ULONG_PTR zero,
                            SIZE_T commit, PLARGE_INTEGER offset, PSIZE_T size,
                            SECTION_INHERIT inherit, ULONG type, ULONG protect);
NTSTATUS MmUnmapViewOfSection(PEPROCESS process, PVOID base);
NTSTATUS MmCopyVirtualMemory(PEPROCESS from, PVOID source, PEPROCESS to, PVOID target, SIZE_T size,
                             KPROCESSOR_MODE mode, PSIZE_T done);

static struct fltsim_volume *volume;

static int start(void **state)
{
    assert_true(fltsim_start(NULL));
    assert_int_equal(fltsim_mount(NULL, &volume), STATUS_SUCCESS);
    return 0;
}

static int stop(void **state)
{
    assert_int_equal(fltsim_stop(NULL), 0);
    return 0;
}

static void memory_is_copied_with_care(void **state)
{
    char from[] = "0123456789", to[16] = {0};
    SIZE_T done = 99;
    MM_COPY_ADDRESS address = {.VirtualAddress = from};
    assert_int_equal(MmCopyMemory(to, address, 10, MM_COPY_MEMORY_VIRTUAL, &done), STATUS_SUCCESS);
    assert_int_equal(done, 10);
    assert_string_equal(to, from);
    address.PhysicalAddress = MmGetPhysicalAddress(from);
    assert_ptr_equal(MmGetVirtualForPhysical(address.PhysicalAddress), from);
    assert_int_equal(MmCopyMemory(to, address, 10, MM_COPY_MEMORY_PHYSICAL, &done), STATUS_SUCCESS);
    address.VirtualAddress = (PVOID)16;
    assert_int_equal(MmCopyMemory(to, address, 10, MM_COPY_MEMORY_VIRTUAL, &done),
                     STATUS_INVALID_ADDRESS);
    assert_int_equal(done, 0);
    assert_int_equal(MmCopyMemory(to, address, 10, 7, &done), STATUS_INVALID_PARAMETER_4);
    PEPROCESS self = PsGetCurrentProcess();
    assert_int_equal(MmCopyVirtualMemory(self, from, self, to, 10, KernelMode, &done),
                     STATUS_SUCCESS);
    assert_int_equal(MmCopyVirtualMemory(self, (PVOID)16, self, to, 10, KernelMode, &done),
                     STATUS_ACCESS_VIOLATION);
    HANDLE secured = MmSecureVirtualMemory(from, sizeof from, PAGE_READWRITE);
    assert_non_null(secured);
    MmUnsecureVirtualMemory(secured);
    ULONG flags = 99;
    assert_false(MmIsVerifierEnabled(&flags));
    assert_int_equal(flags, 0);
}

static void memory_for_devices(void **state)
{
    PHYSICAL_ADDRESS any = {.QuadPart = -1}, zero = {.QuadPart = 0};
    PVOID one = MmAllocateContiguousMemory(100, any);
    PVOID two = MmAllocateContiguousMemorySpecifyCache(100, zero, any, zero, MmCached);
    PVOID three = MmAllocateNonCachedMemory(100);
    assert_true(one && two && three);
    assert_int_equal((ULONG_PTR)one % PAGE_SIZE + (ULONG_PTR)two % PAGE_SIZE, 0);
    memset(one, 1, 100);
    MmFreeContiguousMemory(one);
    MmFreeContiguousMemory(two);
    MmFreeNonCachedMemory(three, 100);
    PMDL mdl = MmAllocatePagesForMdl(zero, any, zero, 10000);
    assert_non_null(mdl);
    assert_int_equal(MmGetMdlByteCount(mdl), 10000);
    PVOID address = MmMapLockedPages(mdl, KernelMode);
    assert_int_equal(*(char *)address, 0);
    assert_int_equal(MmProtectMdlSystemAddress(mdl, PAGE_READONLY), STATUS_SUCCESS);
    assert_int_equal(MmProtectMdlSystemAddress(mdl, PAGE_WRITECOPY), STATUS_INVALID_PAGE_PROTECTION);
    assert_int_equal(MmProtectMdlSystemAddress(mdl, PAGE_READONLY | PAGE_READWRITE), STATUS_INVALID_PAGE_PROTECTION);
    MmUnmapLockedPages(address, mdl);
    assert_int_equal(MmProtectMdlSystemAddress(mdl, PAGE_READONLY), STATUS_NOT_MAPPED_VIEW);
    assert_ptr_equal(
        MmMapLockedPagesSpecifyCache(mdl, UserMode, MmCached, NULL, FALSE, NormalPagePriority),
        address);
    MmFreePagesFromMdl(mdl);
    ExFreePool(mdl);
    mdl = MmAllocatePagesForMdlEx(zero, any, zero, 100, MmCached, MM_ALLOCATE_FULLY_REQUIRED);
    MmFreePagesFromMdl(mdl);
    ExFreePool(mdl);
    assert_null(MmAllocatePagesForMdl(zero, any, zero, 0));
}

static void physical_memory_is_mapped(void **state)
{
    PHYSICAL_ADDRESS highest = {.QuadPart = -1}, nowhere = {.QuadPart = 16};
    ULONG *memory = MmAllocateContiguousMemory(PAGE_SIZE, highest);
    ULONG *mapped = MmMapIoSpace(MmGetPhysicalAddress(memory), PAGE_SIZE, MmNonCached);
    assert_non_null(mapped);
    *mapped = 0x12345678;
    assert_int_equal(*memory, 0x12345678);
    MmUnmapIoSpace(mapped, PAGE_SIZE);
    assert_null(MmMapIoSpace(nowhere, PAGE_SIZE, MmNonCached));
    assert_null(MmMapIoSpace(MmGetPhysicalAddress(memory), 0, MmNonCached));
    MmFreeContiguousMemory(memory);
}

static void mdls_are_sized_and_made(void **state)
{
    char memory[100];
    assert_int_equal(MmSizeOfMdl((PVOID)0x1000, 4096), sizeof(MDL) + sizeof(PFN_NUMBER));
    assert_int_equal(MmSizeOfMdl((PVOID)0x1fff, 2), sizeof(MDL) + 2 * sizeof(PFN_NUMBER));
    PMDL mdl = MmCreateMdl(NULL, memory, sizeof memory);
    assert_ptr_equal(MmGetMdlVirtualAddress(mdl), memory);
    MmProbeAndLockProcessPages(mdl, PsGetCurrentProcess(), KernelMode, IoReadAccess);
    MmUnlockPages(mdl);
    IoFreeMdl(mdl);
}

static void probes_look_at_the_range(void **state)
{
    char memory[100];
    ProbeForWrite(memory, sizeof memory, 1);
    ProbeForRead(memory, sizeof memory, 1);
    ProbeForWrite((PVOID)1, 0, 4); /* nothing to look at */
}

static HANDLE make_file(const char *text)
{
    size_t done;
    HANDLE handle = NULL;
    struct fltsim_open open = {.access = GENERIC_READ | GENERIC_WRITE, .disposition = FILE_CREATE};
    assert_int_equal(fltsim_open("C:\\f", &open, &handle), STATUS_SUCCESS);
    assert_int_equal(fltsim_write(handle, text, strlen(text), 0, &done), STATUS_SUCCESS);
    return handle;
}

static void sections_of_the_system(void **state)
{
    PVOID section, base = NULL;
    SIZE_T size = 0;
    LARGE_INTEGER offset = {.QuadPart = 0};
    HANDLE file = make_file("12345678");
    assert_int_equal(MmCreateSection(&section, SECTION_ALL_ACCESS, NULL, NULL, PAGE_READWRITE,
                                     SEC_COMMIT, file, NULL),
                     STATUS_SUCCESS);
    assert_int_equal(MmMapViewInSystemSpace(section, &base, &size), STATUS_SUCCESS);
    assert_memory_equal(base, "12345678", 8);
    assert_int_equal(MmUnmapViewInSystemSpace(base), STATUS_SUCCESS);
    assert_int_equal(MmUnmapViewInSystemSpace(base), STATUS_NOT_MAPPED_VIEW);
    size = 0;
    assert_int_equal(MmMapViewInSystemSpaceEx(section, &base, &size, &offset, 0), STATUS_SUCCESS);
    assert_int_equal(MmUnmapViewInSystemSpace(base), STATUS_SUCCESS);
    size = 0;
    base = NULL;
    assert_int_equal(MmMapViewOfSection(section, PsGetCurrentProcess(), &base, 0, 0, NULL, &size,
                                        ViewUnmap, 0, PAGE_READWRITE),
                     STATUS_SUCCESS);
    assert_int_equal(MmUnmapViewOfSection(PsGetCurrentProcess(), base), STATUS_SUCCESS);
    ObDereferenceObject(section);
    assert_int_equal(fltsim_close(file), STATUS_SUCCESS);
}

static void sections_have_names(void **state)
{
    HANDLE made, opened;
    UNICODE_STRING name;
    OBJECT_ATTRIBUTES attributes;
    LARGE_INTEGER size = {.QuadPart = 4096};
    RtlInitUnicodeString(&name, (PCWSTR)u"\\BaseNamedObjects\\shared");
    InitializeObjectAttributes(&attributes, &name, OBJ_CASE_INSENSITIVE | OBJ_KERNEL_HANDLE, NULL,
                               NULL);
    assert_int_equal(ZwOpenSection(&opened, SECTION_MAP_READ, &attributes),
                     STATUS_OBJECT_NAME_NOT_FOUND);
    assert_int_equal(ZwCreateSection(&made, SECTION_ALL_ACCESS, &attributes, &size, PAGE_READWRITE,
                                     SEC_COMMIT, NULL),
                     STATUS_SUCCESS);
    assert_int_equal(ZwOpenSection(&opened, SECTION_MAP_READ, &attributes), STATUS_SUCCESS);
    ZwClose(opened);
    ZwClose(made);
}

static void views_are_flushed(void **state)
{
    struct fltsim_view view;
    IO_STATUS_BLOCK iosb;
    HANDLE file = make_file("12345678");
    assert_int_equal(fltsim_map(file, true, 0, &view), STATUS_SUCCESS);
    memcpy(view.base, "abcd", 4);
    PVOID base = view.base;
    SIZE_T size = view.size;
    assert_int_equal(ZwFlushVirtualMemory(NtCurrentProcess(), &base, &size, &iosb), STATUS_SUCCESS);
    assert_int_equal(iosb.Information, 4096);
    memcpy(view.base, "efgh", 4);
    assert_int_equal(NtFlushVirtualMemory(NtCurrentProcess(), &base, &size, &iosb), STATUS_SUCCESS);
    assert_int_equal(iosb.Information, 4096);
    base = &base;
    assert_int_equal(ZwFlushVirtualMemory(NtCurrentProcess(), &base, &size, &iosb),
                     STATUS_NOT_MAPPED_VIEW);
    PVOID elsewhere = (PVOID)0x10000000;
    SIZE_T all = 0;
    assert_int_equal(ZwMapViewOfSection(view.section, NtCurrentProcess(), &elsewhere, 0, 0, NULL,
                                        &all, ViewUnmap, 0, PAGE_READONLY),
                     STATUS_CONFLICTING_ADDRESSES);
    assert_int_equal(fltsim_unmap(&view), STATUS_SUCCESS);
    assert_int_equal(fltsim_close(file), STATUS_SUCCESS);
}

static void a_scan_is_checked(void **state)
{
    HANDLE handle, empty;
    PVOID section;
    LARGE_INTEGER length;
    PFILE_OBJECT object;
    struct fltsim_open open = {.access = GENERIC_READ | GENERIC_WRITE, .disposition = FILE_CREATE};
    assert_int_equal(fltsim_open("C:\\empty", &open, &empty), STATUS_SUCCESS);
    assert_int_equal(
        ObReferenceObjectByHandle(empty, 0, *IoFileObjectType, KernelMode, (PVOID *)&object, NULL),
        STATUS_SUCCESS);
    static const struct {
        ULONG protection, attributes, flags;
        NTSTATUS status;
    } cases[] = {
        {PAGE_READONLY, SEC_COMMIT, 0, STATUS_END_OF_FILE},
        {PAGE_EXECUTE, SEC_COMMIT, 0, STATUS_INVALID_PARAMETER_8},
        {PAGE_READONLY, 0, 0, STATUS_INVALID_PARAMETER_9},
        {PAGE_READONLY, SEC_COMMIT, 1, STATUS_INVALID_PARAMETER_10},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(FsRtlCreateSectionForDataScan(
                             &handle, &section, &length, object, SECTION_MAP_READ, NULL, NULL,
                             cases[i].protection, cases[i].attributes, cases[i].flags),
                         cases[i].status);
    fltsim_fail_allocation(1);
    assert_int_equal(FsRtlCreateSectionForDataScan(&handle, &section, &length, object, SECTION_MAP_READ, NULL, NULL,
                                                   PAGE_READONLY, SEC_COMMIT, 0),
                     STATUS_INSUFFICIENT_RESOURCES);
    fltsim_fail_allocation(0);
    ObDereferenceObject(object);
    assert_int_equal(fltsim_close(empty), STATUS_SUCCESS);
    assert_int_equal(fltsim_open("C:\\", &(struct fltsim_open){.access = GENERIC_READ, .options = FILE_DIRECTORY_FILE}, &empty),
                     STATUS_SUCCESS);
    assert_int_equal(
        ObReferenceObjectByHandle(empty, 0, *IoFileObjectType, KernelMode, (PVOID *)&object, NULL),
        STATUS_SUCCESS);
    assert_int_equal(FsRtlCreateSectionForDataScan(&handle, &section, &length, object, SECTION_MAP_READ, NULL, NULL,
                                                   PAGE_READONLY, SEC_COMMIT, 0),
                     STATUS_INVALID_FILE_FOR_SECTION);
    ObDereferenceObject(object);
    assert_int_equal(fltsim_close(empty), STATUS_SUCCESS);
}

static void memory_of_programs(void **state)
{
    PVOID base = NULL;
    SIZE_T size = 5000;
    assert_int_equal(ZwAllocateVirtualMemory(NtCurrentProcess(), &base, 0, &size,
                                             MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE),
                     STATUS_SUCCESS);
    assert_int_equal(size, 8192);
    memset(base, 1, size);
    assert_int_equal(
        ZwAllocateVirtualMemory(NtCurrentProcess(), &base, 0, &size, MEM_COMMIT, PAGE_READWRITE),
        STATUS_SUCCESS);
    PVOID inside = (char *)base + 4096;
    SIZE_T whole = 0;
    assert_int_equal(ZwFreeVirtualMemory(NtCurrentProcess(), &inside, &whole, MEM_RELEASE),
                     STATUS_FREE_VM_NOT_AT_BASE);
    assert_int_equal(ZwFreeVirtualMemory(NtCurrentProcess(), &inside, &size, MEM_RELEASE),
                     STATUS_UNABLE_TO_FREE_VM);
    assert_int_equal(ZwFreeVirtualMemory(NtCurrentProcess(), &base, &size, MEM_RELEASE),
                     STATUS_SUCCESS);
    size = 0;
    base = NULL;
    assert_int_equal(
        ZwAllocateVirtualMemory(NtCurrentProcess(), &base, 0, &size, MEM_COMMIT, PAGE_READWRITE),
        STATUS_INVALID_PARAMETER_4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(memory_is_copied_with_care, start, stop),
        cmocka_unit_test_setup_teardown(memory_for_devices, start, stop),
        cmocka_unit_test_setup_teardown(physical_memory_is_mapped, start, stop),
        cmocka_unit_test_setup_teardown(mdls_are_sized_and_made, start, stop),
        cmocka_unit_test_setup_teardown(probes_look_at_the_range, start, stop),
        cmocka_unit_test_setup_teardown(sections_of_the_system, start, stop),
        cmocka_unit_test_setup_teardown(sections_have_names, start, stop),
        cmocka_unit_test_setup_teardown(views_are_flushed, start, stop),
        cmocka_unit_test_setup_teardown(a_scan_is_checked, start, stop),
        cmocka_unit_test_setup_teardown(memory_of_programs, start, stop),
    };
    return cmocka_run_group_tests_name("mm/memory", tests, NULL, NULL);
}
