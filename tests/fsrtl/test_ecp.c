/* Extra create parameters and their lookaside lists. */
#include "unit.h"

#include "fsrtl/fsrtlp.h"

static const GUID typeA = {0xA, 1, 2, {3}}, typeB = {0xB, 1, 2, {3}};
static int cleaned;

static VOID Cleanup(PVOID context, LPCGUID type)
{
    cleaned++;
}

static PVOID Allocate(const GUID *type, ULONG size)
{
    PVOID context;
    assert_int_equal(FsRtlAllocateExtraCreateParameter(type, size, 0, Cleanup, 'tseT', &context), STATUS_SUCCESS);
    return context;
}

static void a_list_finds_walks_and_frees(void **state)
{
    PECP_LIST list;
    PVOID found, a = Allocate(&typeA, 24), b = Allocate(&typeB, 8), twice = Allocate(&typeA, 8);
    ULONG size;
    GUID type;
    cleaned = 0;
    assert_int_equal(FsRtlAllocateExtraCreateParameterList(0, &list), STATUS_SUCCESS);
    assert_int_equal(FsRtlGetNextExtraCreateParameter(list, NULL, &type, &found, &size), STATUS_NOT_FOUND);
    assert_int_equal(FsRtlInsertExtraCreateParameter(list, a), STATUS_SUCCESS);
    assert_int_equal(FsRtlInsertExtraCreateParameter(list, b), STATUS_SUCCESS);
    assert_int_equal(FsRtlInsertExtraCreateParameter(list, twice), STATUS_INVALID_PARAMETER);
    assert_int_equal(FsRtlFindExtraCreateParameter(list, &typeA, &found, &size), STATUS_SUCCESS);
    assert_ptr_equal(found, a);
    assert_int_equal(size, 24);
    assert_int_equal(FsRtlGetNextExtraCreateParameter(list, NULL, &type, &found, &size), STATUS_SUCCESS);
    assert_ptr_equal(found, a);
    assert_int_equal(FsRtlGetNextExtraCreateParameter(list, a, &type, &found, &size), STATUS_SUCCESS);
    assert_ptr_equal(found, b);
    assert_memory_equal(&type, &typeB, sizeof type);
    assert_int_equal(FsRtlGetNextExtraCreateParameter(list, b, &type, &found, &size), STATUS_NOT_FOUND);
    assert_null(found);
    assert_int_equal(FsRtlRemoveExtraCreateParameter(list, &typeB, &found, &size), STATUS_SUCCESS);
    assert_int_equal(FsRtlRemoveExtraCreateParameter(list, &typeB, &found, &size), STATUS_NOT_FOUND);
    FsRtlFreeExtraCreateParameter(twice);
    FsRtlFreeExtraCreateParameter(b);
    assert_int_equal(cleaned, 2);
    FsRtlFreeExtraCreateParameterList(list);
    assert_int_equal(cleaned, 3);
}

static void acknowledging_can_be_taken_back(void **state)
{
    PVOID a = Allocate(&typeA, 4);
    assert_false(FsRtlIsEcpAcknowledged(a));
    FsRtlAcknowledgeEcp(a);
    assert_true(FsRtlIsEcpAcknowledged(a));
    FsRtlPrepareToReuseEcp(a);
    assert_false(FsRtlIsEcpAcknowledged(a));
    assert_false(FsRtlIsEcpFromUserMode(a));
    FsRtlpSetEcpFromUserMode(a, TRUE);
    assert_true(FsRtlIsEcpFromUserMode(a));
    FsRtlFreeExtraCreateParameter(a);
}

static void a_create_keeps_what_its_caller_gave(void **state)
{
    PECP_LIST list;
    cleaned = 0;
    FsRtlAllocateExtraCreateParameterList(0, &list);
    FsRtlInsertExtraCreateParameter(list, Allocate(&typeA, 4));
    FsRtlpBeginCreate(list, NULL);
    FsRtlInsertExtraCreateParameter(list, Allocate(&typeB, 4)); /* a filter's */
    FsRtlpEndCreate(list);
    assert_int_equal(cleaned, 1);
    assert_int_equal(FsRtlpCountEcps(list), 1);
    FsRtlFreeExtraCreateParameterList(list);
    assert_int_equal(cleaned, 2);
}

static void lookaside_lists_serve_and_are_deleted(void **state)
{
    PAGED_LOOKASIDE_LIST lookaside;
    PVOID small, large;
    FsRtlInitExtraCreateParameterLookasideList(&lookaside, 0, 32, 'kooL');
    assert_int_equal(FsRtlAllocateExtraCreateParameterFromLookasideList(&typeA, 32, 0, NULL, &lookaside, &small),
                     STATUS_SUCCESS);
    assert_int_equal(FsRtlAllocateExtraCreateParameterFromLookasideList(&typeA, 33, 0, NULL, &lookaside, &large),
                     STATUS_SUCCESS);
    FsRtlFreeExtraCreateParameter(small);
    FsRtlDeleteExtraCreateParameterLookasideList(&lookaside, 0); /* the large one came from pool */
    FsRtlFreeExtraCreateParameter(large);
}

static void take_and_give(PVOID lookaside, unsigned at_once, unsigned times)
{
    PVOID out[64];
    while (times--) {
        for (unsigned i = 0; i < at_once; i++)
            FsRtlAllocateExtraCreateParameterFromLookasideList(&typeA, 32, 0, NULL, lookaside, &out[i]);
        for (unsigned i = 0; i < at_once; i++)
            FsRtlFreeExtraCreateParameter(out[i]);
    }
}

/* Busy: it keeps as many as are wanted at once. Quiet: it gives them back. */
static void a_lookaside_list_gets_as_deep_as_is_needed(void **state)
{
    static PAGED_LOOKASIDE_LIST lookaside;
    FsRtlInitExtraCreateParameterLookasideList(&lookaside, 0, 32, 'kooL');
    take_and_give(&lookaside, 1, 100);
    assert_int_equal(lookaside.L.AllocateMisses, 1);
    USHORT shallow = lookaside.L.Depth;
    take_and_give(&lookaside, 64, 20);
    assert_true(lookaside.L.Depth >= 64);
    ULONG misses = lookaside.L.AllocateMisses;
    take_and_give(&lookaside, 64, 20);
    assert_int_equal(lookaside.L.AllocateMisses, misses);
    take_and_give(&lookaside, 1, 4000);
    assert_int_equal(lookaside.L.Depth, shallow);
    assert_int_equal(lookaside.L.TotalAllocates, lookaside.L.TotalFrees);
    FsRtlDeleteExtraCreateParameterLookasideList(&lookaside, 0);
}

static void memory_is_used_again_and_is_zero_again(void **state)
{
    static const ULONG sizes[] = {1, 8, 31, 200};
    static NPAGED_LOOKASIDE_LIST lookaside;
    UCHAR zeros[200] = {0}, *first, *second;
    for (unsigned i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        FsRtlInitExtraCreateParameterLookasideList(&lookaside, FSRTL_ECP_LOOKASIDE_FLAG_NONPAGED_POOL, sizes[i], 'kooL');
        FsRtlAllocateExtraCreateParameterFromLookasideList(&typeA, sizes[i], 0, NULL, &lookaside, (PVOID *)&first);
        memset(first, 1, sizes[i]);
        FsRtlFreeExtraCreateParameter(first);
        FsRtlAllocateExtraCreateParameterFromLookasideList(&typeA, sizes[i], 0, NULL, &lookaside, (PVOID *)&second);
        assert_ptr_equal(first, second);
        assert_memory_equal(second, zeros, sizes[i]);
        FsRtlFreeExtraCreateParameter(second);
        FsRtlDeleteExtraCreateParameterLookasideList(&lookaside, FSRTL_ECP_LOOKASIDE_FLAG_NONPAGED_POOL);
    }
}

static void special_pool_keeps_nothing_and_still_knows_what_was_freed(void **state)
{
    static PAGED_LOOKASIDE_LIST lookaside;
    fltsim_stop(NULL);
    assert_true(fltsim_start(&(struct fltsim_options){.special_pool = true}));
    FsRtlInitExtraCreateParameterLookasideList(&lookaside, 0, 32, 'kooL');
    take_and_give(&lookaside, 4, 4);
    assert_int_equal(lookaside.L.AllocateMisses, 16);
    FsRtlDeleteExtraCreateParameterLookasideList(&lookaside, 0);
    PVOID a = Allocate(&typeA, 4);
    FsRtlFreeExtraCreateParameter(a);
    fltsim_expect("ecp-double-free");
    FsRtlFreeExtraCreateParameter(a);
}

static void deleting_a_list_in_use_is_reported(void **state)
{
    PAGED_LOOKASIDE_LIST lookaside;
    PVOID out;
    FsRtlInitExtraCreateParameterLookasideList(&lookaside, 0, 32, 'kooL');
    FsRtlAllocateExtraCreateParameterFromLookasideList(&typeA, 16, 0, NULL, &lookaside, &out);
    fltsim_expect("ecp-lookaside-in-use");
    FsRtlDeleteExtraCreateParameterLookasideList(&lookaside, 0);
    fltsim_expect("ecp-lookaside-deleted");
    FsRtlFreeExtraCreateParameter(out);
    fltsim_expect("ecp-lookaside-deleted");
    FsRtlDeleteExtraCreateParameterLookasideList(&lookaside, 0);
}

static void freeing_an_attached_one_is_reported(void **state)
{
    PECP_LIST list;
    PVOID a = Allocate(&typeA, 4);
    FsRtlAllocateExtraCreateParameterList(0, &list);
    FsRtlInsertExtraCreateParameter(list, a);
    fltsim_expect("ecp-freed-while-attached");
    FsRtlFreeExtraCreateParameter(a);
    FsRtlFreeExtraCreateParameterList(list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        unit(a_list_finds_walks_and_frees),          unit(acknowledging_can_be_taken_back),
        unit(a_create_keeps_what_its_caller_gave),   unit(lookaside_lists_serve_and_are_deleted),
        unit(deleting_a_list_in_use_is_reported),    unit(freeing_an_attached_one_is_reported),
        unit(a_lookaside_list_gets_as_deep_as_is_needed),
        unit(memory_is_used_again_and_is_zero_again),
        unit(special_pool_keeps_nothing_and_still_knows_what_was_freed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
