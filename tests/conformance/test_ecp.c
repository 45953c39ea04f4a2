/* Extra create parameters: each status that the routines' pages give, by way of the Filter Manager and without it. */
#include "stage.h"

static const GUID typeA = {0xA, 1, 2, {3}}, typeB = {0xB, 1, 2, {3}};
static int cleaned;

static VOID cleanup(PVOID context, LPCGUID type)
{
    cleaned++;
}

static PVOID allocate(const GUID *type, ULONG size)
{
    PVOID context;
    succeeds(FltAllocateExtraCreateParameter(stage.filter, type, size, 0, cleanup, STAGE_TAG, &context));
    return context;
}

static PECP_LIST list_with(PVOID first, PVOID second)
{
    PECP_LIST list;
    succeeds(FltAllocateExtraCreateParameterList(stage.filter, 0, &list));
    succeeds(FltInsertExtraCreateParameter(stage.filter, list, first));
    succeeds(FltInsertExtraCreateParameter(stage.filter, list, second));
    return list;
}

/* ---- allocating ---------------------------------------------------------------------------------------------------- */

static void lists_and_parameters_need_memory(void)
{
    PECP_LIST list = (PECP_LIST)1;
    PVOID context = &list;
    stage_set();
    starves(STATUS_INSUFFICIENT_RESOURCES, FltAllocateExtraCreateParameterList(stage.filter, 0, &list));
    assert_null(list);
    starves(STATUS_INSUFFICIENT_RESOURCES, FsRtlAllocateExtraCreateParameterList(0, &list));
    starves(STATUS_INSUFFICIENT_RESOURCES,
            FltAllocateExtraCreateParameter(stage.filter, &typeA, 8, 0, cleanup, STAGE_TAG, &context));
    assert_null(context);
    context = &list;
    starves(STATUS_INSUFFICIENT_RESOURCES,
            FsRtlAllocateExtraCreateParameter(&typeA, 8, 0, cleanup, STAGE_TAG, &context));
    assert_null(context);
    assert_int_equal(cleaned, 0);
}

static void what_is_allocated_is_zeroed_and_goes_with_its_cleanup_callback(void)
{
    static const FSRTL_ALLOCATE_ECP_FLAGS flags[] = {
        0, FSRTL_ALLOCATE_ECP_FLAG_NONPAGED_POOL, FSRTL_ALLOCATE_ECP_FLAG_CHARGE_QUOTA,
        FSRTL_ALLOCATE_ECP_FLAG_NONPAGED_POOL | FSRTL_ALLOCATE_ECP_FLAG_CHARGE_QUOTA};
    UCHAR zeros[40] = {0};
    stage_set();
    for (size_t i = 0; i < RTL_NUMBER_OF(flags); i++) {
        PVOID context;
        cleaned = 0;
        succeeds(FsRtlAllocateExtraCreateParameter(&typeA, sizeof zeros, flags[i], cleanup, STAGE_TAG, &context));
        assert_memory_equal(context, zeros, sizeof zeros);
        assert_int_equal((ULONG_PTR)context % 16, 0);
        FsRtlFreeExtraCreateParameter(context);
        assert_int_equal(cleaned, 1);
        succeeds(FltAllocateExtraCreateParameter(stage.filter, &typeA, 0, flags[i], NULL, STAGE_TAG, &context));
        FltFreeExtraCreateParameter(stage.filter, context);
    }
}

static void without_quota_what_is_charged_is_not_allocated(void)
{
    PECP_LIST list = (PECP_LIST)1;
    PVOID context = &list;
    stage_set();
    fltsim_limit_quota(NULL, 1, 1);
    answers(STATUS_INSUFFICIENT_RESOURCES,
            FltAllocateExtraCreateParameterList(stage.filter, FSRTL_ALLOCATE_ECPLIST_FLAG_CHARGE_QUOTA, &list));
    assert_null(list);
    answers(STATUS_INSUFFICIENT_RESOURCES,
            FltAllocateExtraCreateParameter(stage.filter, &typeA, 8, FSRTL_ALLOCATE_ECP_FLAG_CHARGE_QUOTA, NULL, STAGE_TAG,
                                            &context));
    assert_null(context);
    context = &list;
    answers(STATUS_INSUFFICIENT_RESOURCES,
            FltAllocateExtraCreateParameter(stage.filter, &typeA, 8,
                                            FSRTL_ALLOCATE_ECP_FLAG_CHARGE_QUOTA | FSRTL_ALLOCATE_ECP_FLAG_NONPAGED_POOL, NULL,
                                            STAGE_TAG, &context));
    assert_null(context);
    succeeds(FltAllocateExtraCreateParameter(stage.filter, &typeA, 8, 0, NULL, STAGE_TAG, &context)); /* nobody's charge */
    FltFreeExtraCreateParameter(stage.filter, context);
}

static void a_list_can_be_charged_to_its_process(void)
{
    PECP_LIST list;
    stage_set();
    succeeds(FltAllocateExtraCreateParameterList(stage.filter, FSRTL_ALLOCATE_ECPLIST_FLAG_CHARGE_QUOTA, &list));
    FltFreeExtraCreateParameterList(stage.filter, list);
    succeeds(FsRtlAllocateExtraCreateParameterList(FSRTL_ALLOCATE_ECPLIST_FLAG_CHARGE_QUOTA, &list));
    FsRtlFreeExtraCreateParameterList(list);
}

/* ---- lists --------------------------------------------------------------------------------------------------------- */

static void a_list_holds_one_of_each_type(void)
{
    stage_set();
    cleaned = 0;
    PVOID a = allocate(&typeA, 12), b = allocate(&typeB, 8), twice = allocate(&typeA, 4), found;
    PECP_LIST list = list_with(a, b);
    ULONG size;
    answers(STATUS_INVALID_PARAMETER, FltInsertExtraCreateParameter(stage.filter, list, twice));
    answers(STATUS_INVALID_PARAMETER, FsRtlInsertExtraCreateParameter(list, twice));
    succeeds(FltFindExtraCreateParameter(stage.filter, list, &typeA, &found, &size));
    assert_ptr_equal(found, a);
    assert_int_equal(size, 12);
    FltFreeExtraCreateParameter(stage.filter, twice);
    FltFreeExtraCreateParameterList(stage.filter, list);
    assert_int_equal(cleaned, 3);
}

static void what_is_not_on_a_list_is_not_found(void)
{
    stage_set();
    PVOID a = allocate(&typeA, 12), b = allocate(&typeB, 8), found = &a;
    PECP_LIST list = list_with(a, b);
    ULONG size = 7;
    const GUID unknown = {0xC, 0, 0, {0}};
    answers(STATUS_NOT_FOUND, FltFindExtraCreateParameter(stage.filter, list, &unknown, &found, &size));
    assert_null(found);
    assert_int_equal(size, 0);
    answers(STATUS_NOT_FOUND, FsRtlFindExtraCreateParameter(list, &unknown, NULL, NULL));
    succeeds(FsRtlFindExtraCreateParameter(list, &typeB, NULL, NULL));
    found = &a;
    answers(STATUS_NOT_FOUND, FltRemoveExtraCreateParameter(stage.filter, list, &unknown, &found, NULL));
    assert_null(found);
    found = &a;
    answers(STATUS_NOT_FOUND, FsRtlRemoveExtraCreateParameter(list, &unknown, &found, &size));
    assert_null(found);
    FltFreeExtraCreateParameterList(stage.filter, list);
}

static void what_is_removed_is_the_drivers_again(void)
{
    stage_set();
    cleaned = 0;
    PVOID a = allocate(&typeA, 12), b = allocate(&typeB, 8), removed;
    PECP_LIST list = list_with(a, b);
    ULONG size;
    succeeds(FltRemoveExtraCreateParameter(stage.filter, list, &typeA, &removed, &size));
    assert_ptr_equal(removed, a);
    assert_int_equal(size, 12);
    succeeds(FsRtlRemoveExtraCreateParameter(list, &typeB, &removed, NULL));
    assert_ptr_equal(removed, b);
    succeeds(FsRtlInsertExtraCreateParameter(list, a)); /* and can be put back */
    FsRtlFreeExtraCreateParameterList(list);
    assert_int_equal(cleaned, 1);
    FsRtlFreeExtraCreateParameter(b);
    assert_int_equal(cleaned, 2);
}

static void a_list_is_walked_from_the_first_to_the_last(void)
{
    PECP_LIST empty;
    PVOID next;
    ULONG size = 7;
    GUID type;
    stage_set();
    PVOID a = allocate(&typeA, 12), b = allocate(&typeB, 8);
    PECP_LIST list = list_with(a, b);
    succeeds(FltGetNextExtraCreateParameter(stage.filter, list, NULL, &type, &next, &size));
    assert_ptr_equal(next, a);
    assert_int_equal(size, 12);
    assert_memory_equal(&type, &typeA, sizeof type);
    succeeds(FsRtlGetNextExtraCreateParameter(list, a, &type, &next, &size));
    assert_ptr_equal(next, b);
    assert_memory_equal(&type, &typeB, sizeof type);
    succeeds(FsRtlGetNextExtraCreateParameter(list, a, NULL, NULL, NULL));
    answers(STATUS_NOT_FOUND, FltGetNextExtraCreateParameter(stage.filter, list, b, &type, &next, &size));
    assert_null(next);
    assert_int_equal(size, 0);
    next = &a;
    answers(STATUS_NOT_FOUND, FsRtlGetNextExtraCreateParameter(list, b, &type, &next, &size));
    assert_null(next);
    answers(STATUS_INVALID_PARAMETER, FltGetNextExtraCreateParameter(stage.filter, NULL, NULL, &type, &next, &size));
    answers(STATUS_INVALID_PARAMETER, FsRtlGetNextExtraCreateParameter(NULL, NULL, &type, &next, &size));
    FltFreeExtraCreateParameterList(stage.filter, list);
    succeeds(FsRtlAllocateExtraCreateParameterList(0, &empty));
    answers(STATUS_NOT_FOUND, FltGetNextExtraCreateParameter(stage.filter, empty, NULL, NULL, NULL, NULL));
    answers(STATUS_NOT_FOUND, FsRtlGetNextExtraCreateParameter(empty, NULL, NULL, NULL, NULL));
    FsRtlFreeExtraCreateParameterList(empty);
}

static void acknowledging_can_be_taken_back(void)
{
    stage_set();
    PVOID a = allocate(&typeA, 4);
    assert_false(FltIsEcpAcknowledged(stage.filter, a));
    FltAcknowledgeEcp(stage.filter, a);
    assert_true(FltIsEcpAcknowledged(stage.filter, a));
    assert_true(FsRtlIsEcpAcknowledged(a));
    FltPrepareToReuseEcp(stage.filter, a);
    assert_false(FsRtlIsEcpAcknowledged(a));
    FsRtlAcknowledgeEcp(a);
    assert_true(FltIsEcpAcknowledged(stage.filter, a));
    FsRtlPrepareToReuseEcp(a);
    assert_false(FltIsEcpAcknowledged(stage.filter, a));
    assert_false(FltIsEcpFromUserMode(stage.filter, a));
    assert_false(FsRtlIsEcpFromUserMode(a));
    FltFreeExtraCreateParameter(stage.filter, a);
}

/* ---- the list of a create ------------------------------------------------------------------------------------------ */

static void set_two_lists(PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects)
{
    PECP_LIST list = (PECP_LIST)1, second;
    succeeds(FltGetEcpListFromCallbackData(stage.filter, data, &list));
    assert_null(list);
    succeeds(FltAllocateExtraCreateParameterList(stage.filter, 0, &list));
    succeeds(FltInsertExtraCreateParameter(stage.filter, list, allocate(&typeA, 4)));
    succeeds(FltSetEcpListIntoCallbackData(stage.filter, data, list));
    succeeds(FltAllocateExtraCreateParameterList(stage.filter, 0, &second));
    fltsim_expect("ecp-list-set-over-existing");
    answers(STATUS_INVALID_PARAMETER_3, FltSetEcpListIntoCallbackData(stage.filter, data, second));
    FltFreeExtraCreateParameterList(stage.filter, second);
    succeeds(FltGetEcpListFromCallbackData(stage.filter, data, &second));
    assert_ptr_equal(second, list);
}

static void a_create_has_one_list(void)
{
    stage_set();
    cleaned = 0;
    stage_watch(IRP_MJ_CREATE, set_two_lists, NULL);
    fltsim_close(stage_open("C:\\f"));
    stage_saw();
    assert_int_equal(cleaned, 1);
}

static void ask_of_a_read(PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects)
{
    PECP_LIST list;
    answers(STATUS_INVALID_PARAMETER, FltGetEcpListFromCallbackData(stage.filter, data, &list));
    succeeds(FltAllocateExtraCreateParameterList(stage.filter, 0, &list));
    answers(STATUS_INVALID_PARAMETER_2, FltSetEcpListIntoCallbackData(stage.filter, data, list));
    FltFreeExtraCreateParameterList(stage.filter, list);
}

static void other_operations_have_none(void)
{
    char byte;
    stage_set();
    HANDLE file = stage_open("C:\\f");
    stage_watch(IRP_MJ_READ, ask_of_a_read, NULL);
    fltsim_read(file, &byte, 1, 0, NULL);
    stage_saw();
    fltsim_close(file);
}

static void irps_of_creates_carry_a_list(void)
{
    PECP_LIST list, second, got;
    stage_set();
    PDEVICE_OBJECT device = fltsim_volume_device(stage.volume);
    PIRP irp = IoAllocateIrp(device->StackSize, FALSE);
    IoSetNextIrpStackLocation(irp);
    IoGetCurrentIrpStackLocation(irp)->MajorFunction = IRP_MJ_WRITE;
    succeeds(FsRtlAllocateExtraCreateParameterList(0, &list));
    succeeds(FsRtlAllocateExtraCreateParameterList(0, &second));
    answers(STATUS_INVALID_PARAMETER, FsRtlGetEcpListFromIrp(irp, &got));
    answers(STATUS_INVALID_PARAMETER_2, FsRtlSetEcpListIntoIrp(irp, list));
    IoGetCurrentIrpStackLocation(irp)->MajorFunction = IRP_MJ_CREATE;
    succeeds(FsRtlGetEcpListFromIrp(irp, &got));
    assert_null(got);
    succeeds(FsRtlSetEcpListIntoIrp(irp, list));
    succeeds(FsRtlGetEcpListFromIrp(irp, &got));
    assert_ptr_equal(got, list);
    fltsim_expect("ecp-list-set-over-existing");
    answers(STATUS_INVALID_PARAMETER_3, FsRtlSetEcpListIntoIrp(irp, second));
    FsRtlFreeExtraCreateParameterList(second);
    IoFreeIrp(irp); /* and the list with it */
}

/* ---- lookaside lists ------------------------------------------------------------------------------------------------ */

static void lookaside_lists_serve_what_fits_and_pool_the_rest(void)
{
    static const struct {
        FSRTL_ECP_LOOKASIDE_FLAGS list;
        FSRTL_ALLOCATE_ECP_FLAGS flags;
        ULONG size;
    } cases[] = {{0, 0, 32},
                 {0, FSRTL_ALLOCATE_ECP_FLAG_CHARGE_QUOTA, 32},
                 {0, 0, 33},
                 {0, FSRTL_ALLOCATE_ECP_FLAG_NONPAGED_POOL | FSRTL_ALLOCATE_ECP_FLAG_CHARGE_QUOTA, 5000},
                 {FSRTL_ECP_LOOKASIDE_FLAG_NONPAGED_POOL, 0, 32},
                 {FSRTL_ECP_LOOKASIDE_FLAG_NONPAGED_POOL, FSRTL_ALLOCATE_ECP_FLAG_NONPAGED_POOL, 8},
                 {FSRTL_ECP_LOOKASIDE_FLAG_NONPAGED_POOL, FSRTL_ALLOCATE_ECP_FLAG_NONPAGED_POOL, 64}};
    union {
        PAGED_LOOKASIDE_LIST paged;
        NPAGED_LOOKASIDE_LIST nonpaged;
    } lookaside;
    PVOID context;
    stage_set();
    for (size_t i = 0; i < RTL_NUMBER_OF(cases); i++) {
        cleaned = 0;
        FltInitExtraCreateParameterLookasideList(stage.filter, &lookaside, cases[i].list, 32, STAGE_TAG);
        succeeds(FltAllocateExtraCreateParameterFromLookasideList(stage.filter, &typeA, cases[i].size, cases[i].flags,
                                                                  cleanup, &lookaside, &context));
        memset(context, 1, cases[i].size);
        FltFreeExtraCreateParameter(stage.filter, context);
        assert_int_equal(cleaned, 1);
        FltDeleteExtraCreateParameterLookasideList(stage.filter, &lookaside, cases[i].list);
        FsRtlInitExtraCreateParameterLookasideList(&lookaside, cases[i].list, 32, STAGE_TAG);
        succeeds(FsRtlAllocateExtraCreateParameterFromLookasideList(&typeA, cases[i].size, cases[i].flags, cleanup,
                                                                    &lookaside, &context));
        FsRtlFreeExtraCreateParameter(context);
        FsRtlDeleteExtraCreateParameterLookasideList(&lookaside, cases[i].list);
    }
}

static void lookaside_lists_need_memory(void)
{
    PAGED_LOOKASIDE_LIST lookaside;
    PVOID context = &lookaside;
    stage_set();
    FltInitExtraCreateParameterLookasideList(stage.filter, &lookaside, 0, 32, STAGE_TAG);
    starves(STATUS_INSUFFICIENT_RESOURCES, FltAllocateExtraCreateParameterFromLookasideList(
                                               stage.filter, &typeA, 32, 0, cleanup, &lookaside, &context));
    assert_null(context);
    context = &lookaside;
    starves(STATUS_INSUFFICIENT_RESOURCES,
            FsRtlAllocateExtraCreateParameterFromLookasideList(&typeA, 64, 0, cleanup, &lookaside, &context));
    assert_null(context);
    FltDeleteExtraCreateParameterLookasideList(stage.filter, &lookaside, 0);
}

static PAGED_LOOKASIDE_LIST filtersOwn;

static void delete_filters_own(void) { FltDeleteExtraCreateParameterLookasideList(stage.filter, &filtersOwn, 0); }

static void a_lookaside_list_can_be_deleted_after_the_filter_is_unregistered(void)
{
    stage_set();
    FltInitExtraCreateParameterLookasideList(stage.filter, &filtersOwn, 0, 32, STAGE_TAG);
    stage.unregistered = delete_filters_own;
    succeeds(fltsim_unload(stage.driver));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fltsim_unit_test(lists_and_parameters_need_memory),
        fltsim_unit_test(what_is_allocated_is_zeroed_and_goes_with_its_cleanup_callback),
        fltsim_unit_test(without_quota_what_is_charged_is_not_allocated),
        fltsim_unit_test(a_list_can_be_charged_to_its_process),
        fltsim_unit_test(a_list_holds_one_of_each_type),
        fltsim_unit_test(what_is_not_on_a_list_is_not_found),
        fltsim_unit_test(what_is_removed_is_the_drivers_again),
        fltsim_unit_test(a_list_is_walked_from_the_first_to_the_last),
        fltsim_unit_test(acknowledging_can_be_taken_back),
        fltsim_unit_test(a_create_has_one_list),
        fltsim_unit_test(other_operations_have_none),
        fltsim_unit_test(irps_of_creates_carry_a_list),
        fltsim_unit_test(lookaside_lists_serve_what_fits_and_pool_the_rest),
        fltsim_unit_test(lookaside_lists_need_memory),
        fltsim_unit_test(a_lookaside_list_can_be_deleted_after_the_filter_is_unregistered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
