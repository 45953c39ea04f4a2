/* MDLs, probes, names of routines. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <fltsim/fltsim.h>

#include <cmocka.h>

static int start(void **state)
{
    assert_true(fltsim_start(NULL));
    return 0;
}

static int stop(void **state)
{
    assert_int_equal(fltsim_stop(NULL), 0);
    return 0;
}

static void an_mdl_describes_memory(void **state)
{
    char *memory = ExAllocatePoolWithTag(NonPagedPool, 10000, 'tseT');
    PMDL mdl = IoAllocateMdl(memory + 100, 5000, FALSE, FALSE, NULL);
    assert_non_null(mdl);
    assert_ptr_equal(MmGetMdlVirtualAddress(mdl), memory + 100);
    assert_int_equal(MmGetMdlByteCount(mdl), 5000);
    MmBuildMdlForNonPagedPool(mdl);
    assert_ptr_equal(MmGetSystemAddressForMdlSafe(mdl, NormalPagePriority), memory + 100);
    PMDL part = IoAllocateMdl(memory + 100, 5000, FALSE, FALSE, NULL);
    IoBuildPartialMdl(mdl, part, memory + 200, 300);
    assert_int_equal(MmGetMdlByteCount(part), 300);
    assert_ptr_equal(MmGetSystemAddressForMdlSafe(part, NormalPagePriority), memory + 200);
    IoBuildPartialMdl(mdl, part, memory + 200, 0);
    assert_int_equal(MmGetMdlByteCount(part), 4900);
    IoFreeMdl(part);
    IoFreeMdl(mdl);
    ExFreePoolWithTag(memory, 'tseT');
}

static void pages_are_locked_and_mapped(void **state)
{
    char memory[300];
    PMDL mdl = IoAllocateMdl(memory, sizeof memory, FALSE, FALSE, NULL);
    MmProbeAndLockPages(mdl, UserMode, IoWriteAccess);
    assert_true(mdl->MdlFlags & MDL_PAGES_LOCKED);
    assert_ptr_equal(MmGetSystemAddressForMdlSafe(mdl, NormalPagePriority), memory);
    assert_true(mdl->MdlFlags & MDL_MAPPED_TO_SYSTEM_VA);
    MmUnlockPages(mdl);
    assert_false(mdl->MdlFlags & (MDL_PAGES_LOCKED | MDL_MAPPED_TO_SYSTEM_VA));
    IoFreeMdl(mdl);
}

static void mdls_chain_on_an_irp(void **state)
{
    char memory[64];
    PIRP irp = IoAllocateIrp(1, FALSE);
    PMDL one = IoAllocateMdl(memory, 32, FALSE, FALSE, irp),
         two = IoAllocateMdl(memory + 32, 32, TRUE, FALSE, irp);
    assert_ptr_equal(irp->MdlAddress, one);
    assert_ptr_equal(one->Next, two);
    irp->MdlAddress = NULL;
    IoFreeMdl(two);
    IoFreeMdl(one);
    IoFreeIrp(irp);
}

static void addresses_are_looked_at(void **state)
{
    int here;
    assert_true(MmIsAddressValid(&here));
    assert_false(MmIsAddressValid((PVOID)8));
    assert_false(MmIsAddressValid(NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_mdl_describes_memory, start, stop),
        cmocka_unit_test_setup_teardown(pages_are_locked_and_mapped, start, stop),
        cmocka_unit_test_setup_teardown(mdls_chain_on_an_irp, start, stop),
        cmocka_unit_test_setup_teardown(addresses_are_looked_at, start, stop),
    };
    return cmocka_run_group_tests_name("mm/mdl", tests, NULL, NULL);
}
