/* Lookaside lists, sequenced lists, interlocked lists. */
#include "ex_test.h"

#define TAG ((ULONG)'tseT')

static int allocations, releases;

static PVOID NTAPI own_allocate(POOL_TYPE type, SIZE_T size, ULONG tag)
{
    allocations++;
    return ExAllocatePoolWithTag(type, size, tag);
}

static VOID NTAPI own_free(PVOID entry)
{
    releases++;
    ExFreePool(entry);
}

static PVOID own_allocate_ex(POOL_TYPE type, SIZE_T size, ULONG tag, PLOOKASIDE_LIST_EX list)
{
    allocations++;
    return ExAllocatePoolWithTag(type, size, tag);
}

static VOID own_free_ex(PVOID entry, PLOOKASIDE_LIST_EX list)
{
    releases++;
    ExFreePool(entry);
}

static void test_nonpaged(void **state)
{
    NPAGED_LOOKASIDE_LIST list;
    ExInitializeNPagedLookasideList(&list, NULL, NULL, 0, 100, TAG, 0);
    void *a = ExAllocateFromNPagedLookasideList(&list);
    void *b = ExAllocateFromNPagedLookasideList(&list);
    assert_non_null(a);
    assert_ptr_not_equal(a, b);
    memset(a, 1, 100);
    ExFreeToNPagedLookasideList(&list, a);
    ExFreeToNPagedLookasideList(&list, b);
    assert_ptr_equal(ExAllocateFromNPagedLookasideList(&list), b);
    assert_ptr_equal(ExAllocateFromNPagedLookasideList(&list), a);
    assert_int_equal(((unsigned char *)a)[50], 0xcd);
    ExFreeToNPagedLookasideList(&list, a);
    ExFreeToNPagedLookasideList(&list, b);
    ExDeleteNPagedLookasideList(&list);
}

static void test_paged_with_own_routines(void **state)
{
    PAGED_LOOKASIDE_LIST list;
    void *entries[100];
    allocations = releases = 0;
    ExInitializePagedLookasideList(&list, own_allocate, own_free, 0, 64, TAG, 0);
    for (int i = 0; i < 100; i++)
        entries[i] = ExAllocateFromPagedLookasideList(&list);
    assert_int_equal(allocations, 100);
    for (int i = 0; i < 100; i++)
        ExFreeToPagedLookasideList(&list, entries[i]);
    assert_in_range(releases, 1, 99);
    ExDeletePagedLookasideList(&list);
    assert_int_equal(releases, 100);
}

static void test_extended(void **state)
{
    LOOKASIDE_LIST_EX list;
    allocations = releases = 0;
    assert_int_equal(ExInitializeLookasideListEx(&list, own_allocate_ex, own_free_ex, PagedPool, 0x80, 64, TAG, 0),
                     STATUS_INVALID_PARAMETER_5);
    assert_int_equal(ExInitializeLookasideListEx(&list, own_allocate_ex, own_free_ex, PagedPool,
                                                 EX_LOOKASIDE_LIST_EX_FLAGS_FAIL_NO_RAISE, 64, TAG, 0),
                     STATUS_SUCCESS);
    void *entry = ExAllocateFromLookasideListEx(&list);
    assert_int_equal(allocations, 1);
    ExFreeToLookasideListEx(&list, entry);
    ExFlushLookasideListEx(&list);
    assert_int_equal(releases, 1);
    entry = ExAllocateFromLookasideListEx(&list);
    ExFreeToLookasideListEx(&list, entry);
    ExDeleteLookasideListEx(&list);
    assert_int_equal(releases, 2);
    assert_int_equal(ExInitializeLookasideListEx(&list, NULL, NULL, NonPagedPoolNx, 0, 8, TAG, 0), STATUS_SUCCESS);
    ExFreeToLookasideListEx(&list, ExAllocateFromLookasideListEx(&list));
    ExDeleteLookasideListEx(&list);
}

static void use_deleted(void *unused)
{
    NPAGED_LOOKASIDE_LIST list;
    ExInitializeNPagedLookasideList(&list, NULL, NULL, 0, 100, TAG, 0);
    ExDeleteNPagedLookasideList(&list);
    ExAllocateFromNPagedLookasideList(&list);
}

static void test_use_after_delete(void **state)
{
    assert_false(fltsim_try(use_deleted, NULL));
    expect_report("lookaside-misuse", "no initialized lookaside list", "called by use_deleted");
}

static void test_entry_leak(void **state)
{
    NPAGED_LOOKASIDE_LIST list;
    ExInitializeNPagedLookasideList(&list, NULL, NULL, 0, 100, TAG, 0);
    ExAllocateFromNPagedLookasideList(&list);
    ExDeleteNPagedLookasideList(&list);
    expect_report("pool-leak", "1 block of pool tagged 'Test'", "allocated by test_entry_leak");
}

static void test_list_not_deleted(void **state)
{
    NPAGED_LOOKASIDE_LIST list;
    struct fltsim_report *report;
    ExInitializeNPagedLookasideList(&list, NULL, NULL, 0, 100, TAG, 0);
    ExFreeToNPagedLookasideList(&list, ExAllocateFromNPagedLookasideList(&list));
    assert_int_equal(fltsim_stop(&report), 2);
    assert_string_equal(report->violations[0].rule, "not-deleted");
    assert_non_null(strstr(report->violations[0].what, "1 lookaside list (ExDelete...LookasideList) was left undeleted"));
    assert_non_null(strstr(report->violations[0].history, "initialized by test_list_not_deleted"));
    assert_string_equal(report->violations[1].rule, "pool-leak"); /* what the list keeps */
    fltsim_report_free(report);
}

static void test_sequenced_list(void **state)
{
    SLIST_HEADER head;
    SLIST_ENTRY entries[3];
    InitializeSListHead(&head);
    assert_null(InterlockedPopEntrySList(&head));
    assert_null(InterlockedPushEntrySList(&head, &entries[0]));
    assert_ptr_equal(InterlockedPushEntrySList(&head, &entries[1]), &entries[0]);
    assert_ptr_equal(ExInterlockedPushEntrySList(&head, &entries[2], NULL), &entries[1]);
    assert_int_equal(ExQueryDepthSList(&head), 3);
    assert_ptr_equal(InterlockedPopEntrySList(&head), &entries[2]);
    assert_int_equal(ExQueryDepthSList(&head), 2);
    assert_ptr_equal(InterlockedFlushSList(&head), &entries[1]);
    assert_ptr_equal(entries[1].Next, &entries[0]);
    assert_null(entries[0].Next);
    assert_int_equal(ExQueryDepthSList(&head), 0);
}

static void test_interlocked_lists(void **state)
{
    KSPIN_LOCK lock;
    LIST_ENTRY head, entries[2];
    SINGLE_LIST_ENTRY single = {NULL}, one, two;
    ULONG sum = 5;
    KeInitializeSpinLock(&lock);
    InitializeListHead(&head);
    assert_null(ExInterlockedRemoveHeadList(&head, &lock));
    assert_null(ExInterlockedInsertTailList(&head, &entries[0], &lock));
    assert_ptr_equal(ExInterlockedInsertTailList(&head, &entries[1], &lock), &entries[0]);
    assert_ptr_equal(ExInterlockedRemoveHeadList(&head, &lock), &entries[0]);
    assert_ptr_equal(ExInterlockedInsertHeadList(&head, &entries[0], &lock), &entries[1]);
    assert_null(ExInterlockedPushEntryList(&single, &one, &lock));
    assert_ptr_equal(ExInterlockedPushEntryList(&single, &two, &lock), &one);
    assert_ptr_equal(ExInterlockedPopEntryList(&single, &lock), &two);
    assert_int_equal(ExInterlockedAddUlong(&sum, 3, &lock), 5);
    assert_int_equal(sum, 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_nonpaged),       TEST(test_paged_with_own_routines), TEST(test_extended),
        WRONG(test_use_after_delete), WRONG(test_entry_leak),          WRONG(test_list_not_deleted),
        TEST(test_sequenced_list), TEST(test_interlocked_lists),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
