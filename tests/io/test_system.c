/* NtQuerySystemInformation, and the modules that the auxiliary library lists. */
#include <fltsim/fault.h>

#include "stub.h"

#include "io/system_information.h"
#include "ps/system_information.h"

#include <aux_klib.h>

#include <string.h>

static _Alignas(16) UCHAR buffer[16384];

static ULONG Ask(ULONG what, ULONG length)
{
    ULONG needed = 0;
    assert_int_equal(ZwQuerySystemInformation(what, buffer, length, &needed), STATUS_SUCCESS);
    assert_true(needed <= length);
    return needed;
}

static void FixedAnswersTakeTheirLength(void **state)
{
    struct iop_system_basic *basic = (void *)buffer;
    struct iop_system_time_of_day *time = (void *)buffer;
    LARGE_INTEGER now;
    ULONG needed;

    Ask(IOP_SYSTEM_BASIC, sizeof *basic);
    assert_int_equal(basic->PageSize, PAGE_SIZE);
    assert_int_equal(basic->NumberOfProcessors, KeQueryActiveProcessorCount(NULL));
    assert_ptr_equal((PVOID)basic->MaximumUserModeAddress, MmHighestUserAddress);
    assert_int_equal(MmUserProbeAddress, (ULONG_PTR)MmHighestUserAddress + 1);
    assert_int_equal(ZwQuerySystemInformation(IOP_SYSTEM_BASIC, buffer, sizeof *basic + 1, &needed),
                     STATUS_INFO_LENGTH_MISMATCH);
    assert_int_equal(needed, sizeof *basic);
    Ask(IOP_SYSTEM_TIME_OF_DAY, sizeof *time);
    KeQuerySystemTime(&now);
    assert_true(time->BootTime.QuadPart <= time->CurrentTime.QuadPart && time->CurrentTime.QuadPart <= now.QuadPart);
    Ask(IOP_SYSTEM_KERNEL_DEBUGGER, 2);
    assert_int_equal(buffer[0], *KdDebuggerEnabled);
    assert_int_equal(NtQuerySystemInformation(9999, buffer, sizeof buffer, &needed), STATUS_INVALID_INFO_CLASS);
}

static void CodeIntegrityTellsItsLength(void **state)
{
    ULONG info[2] = {sizeof info, 0}, needed;
    assert_int_equal(ZwQuerySystemInformation(IOP_SYSTEM_CODE_INTEGRITY, info, sizeof info, &needed), STATUS_SUCCESS);
    assert_int_equal(needed, sizeof info);
    assert_true(info[1] & 1);
    info[0] = 4;
    assert_int_equal(ZwQuerySystemInformation(IOP_SYSTEM_CODE_INTEGRITY, info, sizeof info, NULL),
                     STATUS_INFO_LENGTH_MISMATCH);
}

static void ProcessesComeWithTheirThreads(void **state)
{
    struct fltsim_process *process = fltsim_process_create("C:\\a.exe");
    bool system = false, mine = false, other = false;
    ULONG needed = 0;

    assert_int_equal(ZwQuerySystemInformation(IOP_SYSTEM_PROCESSES, NULL, 0, &needed), STATUS_INFO_LENGTH_MISMATCH);
    assert_int_equal(Ask(IOP_SYSTEM_PROCESSES, sizeof buffer), needed);
    struct psp_process_information *info = (void *)buffer;
    assert_null(info->UniqueProcessId); // the Idle process
    while (info->NextEntryOffset) {
        info = (void *)((UCHAR *)info + info->NextEntryOffset);
        assert_true((UCHAR *)info->ImageName.Buffer > buffer && (UCHAR *)info->ImageName.Buffer < buffer + needed);
        if (info->UniqueProcessId == PsGetProcessId(PsInitialSystemProcess)) {
            assert_memory_equal(info->ImageName.Buffer, u"System", info->ImageName.Length);
            system = true;
        }
        if (info->UniqueProcessId == PsGetProcessId((PEPROCESS)(void *)process)) {
            assert_memory_equal(info->ImageName.Buffer, u"a.exe", info->ImageName.Length);
            assert_int_equal(info->NumberOfThreads, 0);
            assert_ptr_equal(info->InheritedFromUniqueProcessId, PsGetCurrentProcessId());
            other = true;
        }
        for (ULONG i = 0; i < info->NumberOfThreads; i++)
            mine |= info->Threads[i].ClientId.UniqueThread == PsGetCurrentThreadId();
    }
    assert_true(system && other && mine);
    fltsim_process_exit(process);
}

static void ModulesBeginWithTheKernel(void **state)
{
    struct iop_modules *modules = (void *)buffer;
    AUX_MODULE_EXTENDED_INFO list[16];
    ULONG size = 0, found = 0;

    Ask(IOP_SYSTEM_MODULES, sizeof buffer);
    assert_string_equal((char *)modules->Modules[0].FullPathName + modules->Modules[0].OffsetToFileName, "ntoskrnl.exe");
    for (ULONG i = 0; i < modules->NumberOfModules; i++) {
        assert_non_null(modules->Modules[i].ImageBase);
        assert_true(modules->Modules[i].ImageSize > 0);
        found += !strcmp((char *)modules->Modules[i].FullPathName + modules->Modules[i].OffsetToFileName, "Stub.sys");
    }
    assert_int_equal(found, 1);
    assert_ptr_equal(stub.driver->DriverStart, modules->Modules[0].ImageBase); // both are in this program

    assert_int_equal(AuxKlibQueryModuleInformation(&size, sizeof *list, NULL), STATUS_UNSUCCESSFUL);
    assert_int_equal(AuxKlibInitialize(), STATUS_SUCCESS);
    assert_int_equal(AuxKlibQueryModuleInformation(&size, 7, NULL), STATUS_INVALID_PARAMETER_2);
    assert_int_equal(AuxKlibQueryModuleInformation(&size, sizeof *list, NULL), STATUS_SUCCESS);
    assert_int_equal(size, modules->NumberOfModules * sizeof *list);
    size--;
    assert_int_equal(AuxKlibQueryModuleInformation(&size, sizeof *list, list), STATUS_BUFFER_TOO_SMALL);
    size = sizeof list;
    assert_int_equal(AuxKlibQueryModuleInformation(&size, sizeof *list, list), STATUS_SUCCESS);
    for (ULONG i = 0; i < modules->NumberOfModules; i++) {
        assert_ptr_equal(list[i].BasicInfo.ImageBase, modules->Modules[i].ImageBase);
        assert_string_equal((char *)list[i].FullPathName, (char *)modules->Modules[i].FullPathName);
    }
}

static PDRIVER_OBJECT loaded;

static VOID Unload(PDRIVER_OBJECT driver) {}

static NTSTATUS Entry(PDRIVER_OBJECT driver, PUNICODE_STRING path)
{
    loaded = driver;
    driver->DriverUnload = Unload;
    return STATUS_SUCCESS;
}

static void ADriverHasAPathUnlessItWasNeverLoaded(void **state)
{
    static const WCHAR expected[] = u"\\SystemRoot\\System32\\drivers\\pathy.sys";
    UNICODE_STRING path;
    struct fltsim_driver *driver;
    UNICODE_STRING name = RTL_CONSTANT_STRING(u"\\Driver\\Pathless");

    assert_int_equal(fltsim_load(&(struct fltsim_driver_options){.entry = Entry, .name = "pathy"}, &driver), STATUS_SUCCESS);
    assert_int_equal(IoQueryFullDriverPath(loaded, &path), STATUS_SUCCESS);
    assert_int_equal(path.Length, sizeof expected - sizeof(WCHAR));
    assert_memory_equal(path.Buffer, expected, path.Length);
    ExFreePool(path.Buffer);
    fltsim_fail_allocation(1);
    assert_int_equal(IoQueryFullDriverPath(loaded, &path), STATUS_INSUFFICIENT_RESOURCES);
    fltsim_fail_allocation(0);
    assert_int_equal(IoCreateDriver(&name, Entry), STATUS_SUCCESS);
    assert_int_equal(IoQueryFullDriverPath(loaded, &path), STATUS_NOT_FOUND);
    assert_null(path.Buffer);
    ObMakeTemporaryObject(loaded); /* what IoDeleteDriver does */
    ObDereferenceObject(loaded);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(FixedAnswersTakeTheirLength, stub_setup, stub_teardown),
        cmocka_unit_test_setup_teardown(CodeIntegrityTellsItsLength, stub_setup, stub_teardown),
        cmocka_unit_test_setup_teardown(ProcessesComeWithTheirThreads, stub_setup, stub_teardown),
        cmocka_unit_test_setup_teardown(ADriverHasAPathUnlessItWasNeverLoaded, stub_setup, stub_teardown),
        cmocka_unit_test_setup_teardown(ModulesBeginWithTheKernel, stub_setup, stub_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
