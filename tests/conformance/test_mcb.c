/* Maps of blocks: what a published kernel test suite saw on Windows, and what the pages say. */
#include "stage.h"

static LARGE_MCB mcb;

struct run {
    LONGLONG vbn, lbn, count;
};

static void has_runs(const struct run *runs, ULONG count)
{
    LONGLONG vbn, lbn, sectors;
    assert_int_equal(FsRtlNumberOfRunsInLargeMcb(&mcb), count);
    for (ULONG i = 0; i < count; i++) {
        assert_true(FsRtlGetNextLargeMcbEntry(&mcb, i, &vbn, &lbn, &sectors));
        if (vbn != runs[i].vbn || lbn != runs[i].lbn || sectors != runs[i].count)
            fail_msg("run %u is [%lld, %lld, %lld], not [%lld, %lld, %lld]", i, vbn, lbn, sectors, runs[i].vbn, runs[i].lbn,
                     runs[i].count);
    }
    assert_false(FsRtlGetNextLargeMcbEntry(&mcb, count, &vbn, &lbn, &sectors));
}
#define runs_are(...) has_runs((const struct run[]){__VA_ARGS__}, sizeof((const struct run[]){__VA_ARGS__}) / sizeof(struct run))

static void last_is(LONGLONG wantedVbn, LONGLONG wantedLbn, ULONG wantedIndex)
{
    LONGLONG vbn, lbn;
    ULONG index;
    assert_true(FsRtlLookupLastLargeMcbEntry(&mcb, &vbn, &lbn));
    assert_int_equal(vbn, wantedVbn);
    assert_int_equal(lbn, wantedLbn);
    assert_true(FsRtlLookupLastLargeMcbEntryAndIndex(&mcb, &vbn, &lbn, &index));
    assert_int_equal(vbn, wantedVbn);
    assert_int_equal(lbn, wantedLbn);
    assert_int_equal(index, wantedIndex);
}

static void finds(LONGLONG vbn, LONGLONG wantedLbn, LONGLONG wantedCount, LONGLONG wantedStart, LONGLONG wantedRun,
                  ULONG wantedIndex)
{
    LONGLONG lbn, count, start, run;
    ULONG index;
    assert_true(FsRtlLookupLargeMcbEntry(&mcb, vbn, &lbn, &count, &start, &run, &index));
    assert_int_equal(lbn, wantedLbn);
    assert_int_equal(count, wantedCount);
    assert_int_equal(start, wantedStart);
    assert_int_equal(run, wantedRun);
    assert_int_equal(index, wantedIndex);
}

static void finds_nothing(LONGLONG vbn)
{
    LONGLONG lbn = -7, count = -7;
    assert_false(FsRtlLookupLargeMcbEntry(&mcb, vbn, &lbn, &count, NULL, NULL, NULL));
    assert_int_equal(lbn, -7); /* nothing is written */
    assert_int_equal(count, -7);
}

static void runs_are_added_looked_up_and_removed(void)
{
    LONGLONG vbn = -1, lbn = -1;
    ULONG index = 77;
    FsRtlInitializeLargeMcb(&mcb, PagedPool);
    assert_false(FsRtlLookupLastLargeMcbEntry(&mcb, &vbn, &lbn));
    assert_false(FsRtlLookupLastLargeMcbEntryAndIndex(&mcb, &vbn, &lbn, &index));
    assert_int_equal(vbn, -1);
    assert_int_equal(index, 77);
    finds_nothing(8388607);
    assert_true(FsRtlAddLargeMcbEntry(&mcb, 1, 1, 1024));
    runs_are({0, -1, 1}, {1, 1, 1024});
    last_is(1024, 1024, 1);
    assert_true(FsRtlAddLargeMcbEntry(&mcb, 2048, 2, 1024));
    runs_are({0, -1, 1}, {1, 1, 1024}, {1025, -1, 1023}, {2048, 2, 1024});
    last_is(3071, 1025, 3);
    finds(1, 1, 1024, 1, 1024, 1);
    finds(2048, 2, 1024, 2, 1024, 3);
    finds_nothing(3073);
    FsRtlRemoveLargeMcbEntry(&mcb, 1, 1024);
    runs_are({0, -1, 2048}, {2048, 2, 1024});
    finds(512, -1, 1536, -1, 2048, 0);
    last_is(3071, 1025, 1);
    assert_true(FsRtlSplitLargeMcb(&mcb, 2048, 1024));
    runs_are({0, -1, 3072}, {3072, 2, 1024});
    last_is(4095, 1025, 1);
    finds(2048, -1, 1024, -1, 3072, 0);
    finds(3072, 2, 1024, 2, 1024, 1);
    assert_false(FsRtlAddLargeMcbEntry(&mcb, 3584, 3, 1024)); /* mapped, otherwise */
    assert_true(FsRtlAddLargeMcbEntry(&mcb, 4095, 1025, 1024));
    runs_are({0, -1, 3072}, {3072, 2, 2047});
    last_is(5118, 2048, 1);
    FsRtlTruncateLargeMcb(&mcb, 4607);
    runs_are({0, -1, 3072}, {3072, 2, 1535});
    finds(4095, 1025, 512, 2, 1535, 1);
    FsRtlUninitializeLargeMcb(&mcb);
}

static void neighbours_become_one(void)
{
    FsRtlInitializeLargeMcb(&mcb, PagedPool);
    assert_int_equal(FsRtlNumberOfRunsInLargeMcb(&mcb), 0);
    assert_true(FsRtlAddLargeMcbEntry(&mcb, 1024, 1025, 1024));
    assert_true(FsRtlAddLargeMcbEntry(&mcb, 3072, 3072, 1024));
    assert_true(FsRtlAddLargeMcbEntry(&mcb, 5120, 5120, 1024));
    runs_are({0, -1, 1024}, {1024, 1025, 1024}, {2048, -1, 1024}, {3072, 3072, 1024}, {4096, -1, 1024}, {5120, 5120, 1024});
    assert_true(FsRtlAddLargeMcbEntry(&mcb, 0, 1, 1024));
    runs_are({0, 1, 2048}, {2048, -1, 1024}, {3072, 3072, 1024}, {4096, -1, 1024}, {5120, 5120, 1024});
    assert_true(FsRtlAddLargeMcbEntry(&mcb, 4608, 4608, 1024));
    runs_are({0, 1, 2048}, {2048, -1, 1024}, {3072, 3072, 1024}, {4096, -1, 512}, {4608, 4608, 1536});
    FsRtlResetLargeMcb(&mcb, TRUE);
    assert_true(FsRtlAddLargeMcbEntry(&mcb, 1, 198657, 1));
    assert_true(FsRtlAddLargeMcbEntry(&mcb, 2, 199169, 11));
    assert_true(FsRtlAddLargeMcbEntry(&mcb, 13, 199180, 4));
    assert_true(FsRtlAddLargeMcbEntry(&mcb, 17, 1105, 16));
    assert_true(FsRtlAddLargeMcbEntry(&mcb, 33, 1185, 32));
    assert_true(FsRtlAddLargeMcbEntry(&mcb, 33, 1185, 32)); /* as it is already */
    assert_true(FsRtlAddLargeMcbEntry(&mcb, 65, 1249, 44));
    runs_are({0, -1, 1}, {1, 198657, 1}, {2, 199169, 15}, {17, 1105, 16}, {33, 1185, 32}, {65, 1249, 44});
    finds(13, 199180, 4, 199169, 15, 2);
    FsRtlResetLargeMcb(&mcb, FALSE);
    assert_int_equal(FsRtlNumberOfRunsInLargeMcb(&mcb), 0);
    FsRtlUninitializeLargeMcb(&mcb);
}

static void holes_come_and_go(void)
{
    FsRtlInitializeLargeMcb(&mcb, NonPagedPool);
    assert_true(FsRtlAddLargeMcbEntry(&mcb, 0, 100, 10));
    FsRtlRemoveLargeMcbEntry(&mcb, 4, 2);
    runs_are({0, 100, 4}, {4, -1, 2}, {6, 106, 4});
    assert_true(FsRtlSplitLargeMcb(&mcb, 2, 3));
    runs_are({0, 100, 2}, {2, -1, 3}, {5, 102, 2}, {7, -1, 2}, {9, 106, 4});
    assert_true(FsRtlSplitLargeMcb(&mcb, 100, 3)); /* beyond the end */
    assert_false(FsRtlSplitLargeMcb(&mcb, 0, MAXLONGLONG));
    FsRtlTruncateLargeMcb(&mcb, 8);
    runs_are({0, 100, 2}, {2, -1, 3}, {5, 102, 2});
    FsRtlRemoveLargeMcbEntry(&mcb, 5, 100);
    runs_are({0, 100, 2});
    FsRtlRemoveLargeMcbEntry(&mcb, 50, 1);
    FsRtlTruncateLargeMcb(&mcb, 0);
    assert_int_equal(FsRtlNumberOfRunsInLargeMcb(&mcb), 0);
    assert_false(FsRtlAddLargeMcbEntry(&mcb, MAXLONGLONG, 1, 2));
    for (LONGLONG i = 0; i < 200; i++) /* the array grows */
        assert_true(FsRtlAddLargeMcbEntry(&mcb, 2 * i, 1000 - i, 1));
    assert_int_equal(FsRtlNumberOfRunsInLargeMcb(&mcb), 399);
    finds(398, 801, 1, 801, 1, 398);
    FsRtlUninitializeLargeMcb(&mcb);
}

static void blocks_of_32_bits_do_the_same(void)
{
    MCB small;
    VBN vbn;
    LBN lbn;
    ULONG count, index;
    FsRtlInitializeMcb(&small, PagedPool);
    assert_false(FsRtlLookupLastMcbEntry(&small, &vbn, &lbn));
    assert_true(FsRtlAddMcbEntry(&small, 0, 5, 1));
    assert_true(FsRtlAddMcbEntry(&small, 3, 9, 1));
    assert_int_equal(FsRtlNumberOfRunsInMcb(&small), 3); /* two mappings and the hole */
    assert_true(FsRtlLookupMcbEntry(&small, 1, &lbn, &count, &index));
    assert_int_equal(lbn, (LBN)-1);
    assert_int_equal(count, 2);
    assert_int_equal(index, 1);
    assert_true(FsRtlLookupMcbEntry(&small, 3, &lbn, NULL, NULL));
    assert_int_equal(lbn, 9);
    assert_false(FsRtlLookupMcbEntry(&small, 4, &lbn, &count, &index));
    assert_true(FsRtlLookupLastMcbEntry(&small, &vbn, &lbn));
    assert_int_equal(vbn, 3);
    assert_true(FsRtlGetNextMcbEntry(&small, 2, &vbn, &lbn, &count));
    assert_int_equal(vbn, 3);
    assert_false(FsRtlGetNextMcbEntry(&small, 3, &vbn, &lbn, &count));
    FsRtlRemoveMcbEntry(&small, 3, 1);
    assert_int_equal(FsRtlNumberOfRunsInMcb(&small), 1);
    FsRtlTruncateMcb(&small, 0);
    assert_int_equal(FsRtlNumberOfRunsInMcb(&small), 0);
    FsRtlUninitializeMcb(&small);
}

static void the_caller_synchronizes_a_base_mcb(void)
{
    BASE_MCB base;
    LONGLONG vbn, lbn, count;
    ULONG index;
    FsRtlInitializeBaseMcb(&base, PagedPool);
    assert_true(FsRtlAddBaseMcbEntry(&base, 5, 50, 1));
    answers(STATUS_SUCCESS, FsRtlAddBaseMcbEntryEx(&base, 7, 70, 1));
    answers(STATUS_UNSUCCESSFUL, FsRtlAddBaseMcbEntryEx(&base, 7, 71, 1));
    assert_true(FsRtlLookupBaseMcbEntry(&base, 6, &lbn, &count, NULL, NULL, NULL)); /* in the hole */
    assert_int_equal(lbn, -1);
    assert_int_equal(count, 1);
    assert_false(FsRtlLookupBaseMcbEntry(&base, 8, &lbn, &count, NULL, NULL, NULL));
    assert_true(FsRtlLookupLastBaseMcbEntry(&base, &vbn, &lbn));
    assert_int_equal(lbn, 70);
    assert_true(FsRtlLookupLastBaseMcbEntryAndIndex(&base, &vbn, &lbn, &index));
    assert_int_equal(index, FsRtlNumberOfRunsInBaseMcb(&base) - 1);
    assert_true(FsRtlGetNextBaseMcbEntry(&base, 1, &vbn, &lbn, &count));
    assert_int_equal(vbn, 5);
    assert_true(FsRtlSplitBaseMcb(&base, 5, 5));
    assert_true(FsRtlRemoveBaseMcbEntry(&base, 10, 1));
    assert_int_equal(FsRtlNumberOfRunsInBaseMcb(&base), 2);
    FsRtlTruncateBaseMcb(&base, 5);
    FsRtlResetBaseMcb(&base);
    FsRtlUninitializeBaseMcb(&base);
}

static NTSTATUS raised(void (*body)(void))
{
    __try {
        body();
    } __except (EXCEPTION_EXECUTE_HANDLER) {
        return GetExceptionCode();
    }
    return STATUS_SUCCESS;
}

static void initialize(void) { FsRtlInitializeLargeMcb(&mcb, PagedPool); }
static void add_twenty(void)
{
    for (LONGLONG i = 0; i < 20; i++)
        FsRtlAddLargeMcbEntry(&mcb, 2 * i, 1000 - i, 1);
}

static void want_of_memory_is_raised(void)
{
    BASE_MCB base;
    for (unsigned n = 1; n <= 2; n++) {
        fltsim_fail_allocation(n);
        answers(STATUS_INSUFFICIENT_RESOURCES, raised(initialize));
    }
    fltsim_fail_allocation(0);
    initialize();
    starves(STATUS_INSUFFICIENT_RESOURCES, raised(add_twenty));
    FsRtlUninitializeLargeMcb(&mcb);
    fltsim_fail_allocation(1);
    assert_false(FsRtlInitializeBaseMcbEx(&base, PagedPool, 0));
    fltsim_fail_allocation(0);
    assert_true(FsRtlInitializeBaseMcbEx(&base, PagedPool, 0));
    for (LONGLONG i = 0; i < 7; i++)
        succeeds(FsRtlAddBaseMcbEntryEx(&base, 2 * i, 1000 - i, 1));
    fltsim_fail_allocation(1);
    answers(STATUS_INSUFFICIENT_RESOURCES, FsRtlAddBaseMcbEntryEx(&base, 100, 1, 1));
    fltsim_fail_allocation(0);
    FsRtlUninitializeBaseMcb(&base);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fltsim_unit_test(runs_are_added_looked_up_and_removed),
        fltsim_unit_test(neighbours_become_one),
        fltsim_unit_test(holes_come_and_go),
        fltsim_unit_test(blocks_of_32_bits_do_the_same),
        fltsim_unit_test(the_caller_synchronizes_a_base_mcb),
        fltsim_unit_test(want_of_memory_is_raised),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
