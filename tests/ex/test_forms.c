/* The less used forms of the locks and lists. */
#include "ex_test.h"

#include <fltKernel.h>

/* Exported, and declared by who uses them. */
VOID ExfAcquirePushLockExclusive(PEX_PUSH_LOCK PushLock);
VOID ExfAcquirePushLockShared(PEX_PUSH_LOCK PushLock);
VOID ExfReleasePushLockExclusive(PEX_PUSH_LOCK PushLock);
VOID ExfReleasePushLockShared(PEX_PUSH_LOCK PushLock);
VOID ExfReleasePushLock(PEX_PUSH_LOCK PushLock);

static void test_push_lock_ex(void **state)
{
    EX_PUSH_LOCK lock;
    ExInitializePushLock(&lock);
    KeEnterCriticalRegion();
    ExAcquirePushLockExclusiveEx(&lock, EX_DEFAULT_PUSH_LOCK_FLAGS);
    assert_int_not_equal(lock, 0);
    ExReleasePushLockExclusiveEx(&lock, EX_DEFAULT_PUSH_LOCK_FLAGS);
    ExAcquirePushLockSharedEx(&lock, EX_DEFAULT_PUSH_LOCK_FLAGS);
    ExAcquirePushLockSharedEx(&lock, EX_DEFAULT_PUSH_LOCK_FLAGS);
    ExReleasePushLockSharedEx(&lock, EX_DEFAULT_PUSH_LOCK_FLAGS);
    ExReleasePushLockSharedEx(&lock, EX_DEFAULT_PUSH_LOCK_FLAGS);
    assert_int_equal(lock, 0);
    ExfAcquirePushLockExclusive(&lock);
    ExfReleasePushLockExclusive(&lock);
    ExfAcquirePushLockShared(&lock);
    ExfReleasePushLockShared(&lock);
    ExfAcquirePushLockShared(&lock);
    ExfReleasePushLock(&lock);
    ExfAcquirePushLockExclusive(&lock);
    ExfReleasePushLock(&lock);
    assert_int_equal(lock, 0);
    KeLeaveCriticalRegion();
}

static void test_spin_locks_at_dpc_level(void **state)
{
    EX_SPIN_LOCK lock = 0;
    KIRQL old = KeRaiseIrqlToDpcLevel();
    ExAcquireSpinLockExclusiveAtDpcLevel(&lock);
    assert_false(ExTryAcquireSpinLockSharedAtDpcLevel(&lock));
    ExReleaseSpinLockExclusiveFromDpcLevel(&lock);
    assert_true(ExTryAcquireSpinLockExclusiveAtDpcLevel(&lock));
    ExReleaseSpinLockExclusiveFromDpcLevel(&lock);
    KeLowerIrql(old);
    old = ExAcquireSpinLockShared(&lock);
    assert_int_equal(KeGetCurrentIrql(), DISPATCH_LEVEL);
    ExReleaseSpinLockShared(&lock, old);
    assert_int_equal(KeGetCurrentIrql(), PASSIVE_LEVEL);
}

static void test_resource_forms(void **state)
{
    ERESOURCE resource;
    int owner;
    PVOID pointer = (PVOID)((ULONG_PTR)&owner | 3);
    ExInitializeResourceLite(&resource);
    ExDisableResourceBoostLite(&resource);
    ExEnterCriticalRegionAndAcquireResourceShared(&resource);
    assert_int_equal(ExIsResourceAcquiredSharedLite(&resource), 1);
    ExReleaseResourceAndLeaveCriticalRegion(&resource);
    ExEnterCriticalRegionAndAcquireSharedWaitForExclusive(&resource);
    assert_int_equal(ExIsResourceAcquiredSharedLite(&resource), 1);
    ExSetResourceOwnerPointerEx(&resource, pointer, 0);
    assert_int_equal(ExIsResourceAcquiredSharedLite(&resource), 0);
    ExReleaseResourceForThreadLite(&resource, (ERESOURCE_THREAD)(ULONG_PTR)pointer);
    KeLeaveCriticalRegion();
    assert_false(KeAreApcsDisabled());
    ExDeleteResourceLite(&resource);
}

static void test_list_forms(void **state)
{
    SLIST_HEADER head;
    KSPIN_LOCK lock;
    LARGE_INTEGER sum = {.QuadPart = 5}, more = {.QuadPart = 0x100000000};
    ExInitializeSListHead(&head);
    assert_null(InterlockedFlushSList(&head));
    KeInitializeSpinLock(&lock);
    assert_int_equal(ExInterlockedAddLargeInteger(&sum, more, &lock).QuadPart, 5);
    assert_int_equal(sum.QuadPart, 0x100000005);
    assert_false(ExVerifySuite(0));
}

static void test_a_bios_has_no_variables(void **state)
{
    UNICODE_STRING name = RTL_CONSTANT_STRING(u"SecureBoot");
    GUID vendor = {0};
    UCHAR value;
    ULONG length = sizeof value, attributes;
    assert_int_equal(ExGetFirmwareEnvironmentVariable(&name, &vendor, &value, &length, &attributes), STATUS_NOT_IMPLEMENTED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_push_lock_ex),
        TEST(test_a_bios_has_no_variables),
        TEST(test_spin_locks_at_dpc_level),
        TEST(test_resource_forms),
        TEST(test_list_forms),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
