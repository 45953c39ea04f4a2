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
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
