/* Pool quota: what is charged to whom, until when, and what happens at the limit. */
#include "../ke/kernel.h"

NTSTATUS ZwQueryInformationProcess(HANDLE, PROCESSINFOCLASS, PVOID, ULONG, PULONG);

#define TAG ((ULONG)'touQ')

static const GUID type = {0xA, 1, 2, {3}};

static VM_COUNTERS counters_of(HANDLE process)
{
    VM_COUNTERS counters;
    ULONG length;
    assert_int_equal(ZwQueryInformationProcess(process, ProcessVmCounters, &counters, sizeof counters, &length), 0);
    assert_int_equal(length, sizeof counters);
    return counters;
}

static size_t paged(void) { return counters_of(NtCurrentProcess()).QuotaPagedPoolUsage; }

static size_t nonpaged(void) { return counters_of(NtCurrentProcess()).QuotaNonPagedPoolUsage; }

/* ---- what charges ---- */

static PVOID with_quota(SIZE_T size) { return ExAllocatePoolWithQuota(PagedPool, size); }

static PVOID with_quota_tag(SIZE_T size) { return ExAllocatePoolWithQuotaTag(NonPagedPoolNx, size, TAG); }

static PVOID with_quota_quietly(SIZE_T size)
{
    return ExAllocatePoolWithQuotaTag(PagedPool | POOL_QUOTA_FAIL_INSTEAD_OF_RAISE, size, TAG);
}

static PVOID quota_zero(SIZE_T size) { return ExAllocatePoolQuotaZero(NonPagedPoolNx, size, TAG); }

static PVOID quota_uninitialized(SIZE_T size) { return ExAllocatePoolQuotaUninitialized(PagedPool, size, TAG); }

static PVOID by_flags(SIZE_T size) { return ExAllocatePool2(POOL_FLAG_PAGED | POOL_FLAG_USE_QUOTA, size, TAG); }

static PVOID by_flags_raising(SIZE_T size)
{
    return ExAllocatePool3(POOL_FLAG_NON_PAGED | POOL_FLAG_USE_QUOTA | POOL_FLAG_RAISE_ON_FAILURE, size, TAG, NULL, 0);
}

static PVOID of_fsrtl(SIZE_T size) { return FsRtlAllocatePoolWithQuotaTag(PagedPool, size, TAG); }

static PVOID without(SIZE_T size) { return ExAllocatePoolWithTag(PagedPool, size, TAG); }

static const struct way {
    const char *name;
    PVOID (*allocate)(SIZE_T size);
    bool paged, raises;
} ways[] = {
    {"ExAllocatePoolWithQuota", with_quota, true, true},
    {"ExAllocatePoolWithQuotaTag", with_quota_tag, false, true},
    {"POOL_QUOTA_FAIL_INSTEAD_OF_RAISE", with_quota_quietly, true, false},
    {"ExAllocatePoolQuotaZero", quota_zero, false, true},
    {"ExAllocatePoolQuotaUninitialized", quota_uninitialized, true, true},
    {"ExAllocatePool2", by_flags, true, false},
    {"ExAllocatePool3", by_flags_raising, false, true},
    {"FsRtlAllocatePoolWithQuotaTag", of_fsrtl, true, true},
};
enum { WAYS = sizeof ways / sizeof *ways };

static NTSTATUS status_of(const struct way *way, SIZE_T size, PVOID *body)
{
    NTSTATUS status = STATUS_SUCCESS;
    *body = NULL;
    __try {
        *body = way->allocate(size);
    } __except (EXCEPTION_EXECUTE_HANDLER) {
        status = GetExceptionCode();
    }
    return status;
}

static void each_way_charges_its_kind_of_pool_until_the_free(void **state)
{
    for (int i = 0; i < WAYS; i++) {
        PVOID body = ways[i].allocate(100);
        assert_int_equal(paged(), ways[i].paged ? 100 : 0);
        assert_int_equal(nonpaged(), ways[i].paged ? 0 : 100);
        ExFreePool(body);
        assert_int_equal(paged() + nonpaged(), 0);
    }
    assert_int_equal(counters_of(NtCurrentProcess()).QuotaPeakPagedPoolUsage, 100);
}

static void at_the_limit_each_way_fails_as_it_says(void **state)
{
    PVOID body, more;
    fltsim_limit_quota(NULL, 150, 150);
    for (int i = 0; i < WAYS; i++) {
        assert_int_equal(status_of(&ways[i], 100, &body), STATUS_SUCCESS);
        assert_int_equal(status_of(&ways[i], 51, &more), ways[i].raises ? STATUS_QUOTA_EXCEEDED : STATUS_SUCCESS);
        assert_null(more);
        assert_int_equal(status_of(&ways[i], 50, &more), STATUS_SUCCESS);
        ExFreePool(more);
        ExFreePool(body);
        assert_int_equal(paged() + nonpaged(), 0);
    }
}

static void whole_pages_are_not_charged(void **state)
{
    fltsim_limit_quota(NULL, PAGE_SIZE, 0);
    PVOID page = ExAllocatePoolWithQuotaTag(PagedPool, PAGE_SIZE, TAG);
    assert_int_equal(paged(), 0);
    PVOID less = ExAllocatePoolWithQuotaTag(PagedPool, PAGE_SIZE - 1, TAG);
    assert_int_equal(paged(), PAGE_SIZE - 1);
    ExFreePool(page);
    ExFreePool(less);
}

static void a_limit_that_is_lifted_lets_more_in(void **state)
{
    QUOTA_LIMITS limits;
    fltsim_limit_quota(NULL, 10, 20);
    assert_int_equal(ZwQueryInformationProcess(NtCurrentProcess(), ProcessQuotaLimits, &limits, sizeof limits, NULL), 0);
    assert_int_equal(limits.PagedPoolLimit, 10);
    assert_int_equal(limits.NonPagedPoolLimit, 20);
    assert_null(by_flags(11));
    ExFreePool(without(11));
    fltsim_limit_quota(NULL, 0, 0);
    ExFreePool(by_flags(11));
    assert_int_equal(ZwQueryInformationProcess(NtCurrentProcess(), ProcessQuotaLimits, &limits, sizeof limits, NULL), 0);
    assert_int_equal(limits.PagedPoolLimit, (SIZE_T)-1);
}

static void special_pool_charges_as_well(void **state)
{
    fltsim_stop(NULL);
    assert_true(fltsim_start(&(struct fltsim_options){.special_pool = true, .quiet = true}));
    PVOID body = with_quota(100);
    assert_int_equal(paged(), 100);
    ExFreePool(body);
    assert_int_equal(paged(), 0);
}

/* ---- who pays ---- */

static HANDLE open_process(PEPROCESS process)
{
    HANDLE handle;
    assert_int_equal(ObOpenObjectByPointer(process, OBJ_KERNEL_HANDLE, NULL, PROCESS_ALL_ACCESS, *PsProcessType,
                                           KernelMode, &handle),
                     STATUS_SUCCESS);
    return handle;
}

static void the_process_that_allocated_pays_whoever_frees(void **state)
{
    struct fltsim_process *program = fltsim_process_create("C:\\a.exe");
    HANDLE handle = open_process((PEPROCESS)(void *)program);
    fltsim_impersonate(program);
    PVOID body = with_quota(100);
    fltsim_impersonate(NULL);
    assert_int_equal(paged(), 0);
    assert_int_equal(counters_of(handle).QuotaPagedPoolUsage, 100);
    ExFreePool(body);
    assert_int_equal(counters_of(handle).QuotaPagedPoolUsage, 0);
    ZwClose(handle);
    fltsim_process_exit(program);
}

static void what_is_charged_may_outlive_its_process(void **state)
{
    struct fltsim_process *program = fltsim_process_create("C:\\a.exe");
    fltsim_impersonate(program);
    PVOID body = with_quota(100);
    fltsim_impersonate(NULL);
    fltsim_process_exit(program);
    ExFreePool(body);
}

static void attached_to_another_process_that_one_pays(void **state)
{
    struct fltsim_process *program = fltsim_process_create("C:\\a.exe");
    KAPC_STATE apc;
    fltsim_limit_quota(program, 50, 0);
    KeStackAttachProcess((PKPROCESS)(void *)program, &apc);
    PVOID none = by_flags(51);
    KeUnstackDetachProcess(&apc);
    assert_null(none);
    ExFreePool(by_flags(51));
    fltsim_process_exit(program);
}

static void the_system_process_is_never_charged(void **state)
{
    KAPC_STATE apc;
    HANDLE handle = open_process(PsInitialSystemProcess);
    fltsim_limit_quota((struct fltsim_process *)PsInitialSystemProcess, 1, 1);
    KeStackAttachProcess(PsInitialSystemProcess, &apc);
    PVOID body = with_quota(100);
    KeUnstackDetachProcess(&apc);
    assert_int_equal(counters_of(handle).QuotaPagedPoolUsage, 0);
    ExFreePool(body);
    ZwClose(handle);
}

static void a_charged_block_that_leaks_is_a_pool_leak_and_no_more(void **state)
{
    with_quota(100);
    fltsim_expect("pool-leak");
}

/* ---- by hand ---- */

static NTSTATUS charge(POOL_TYPE pool, ULONG_PTR amount)
{
    __try {
        PsChargePoolQuota(PsGetCurrentProcess(), pool, amount);
    } __except (EXCEPTION_EXECUTE_HANDLER) {
        return GetExceptionCode();
    }
    return STATUS_SUCCESS;
}

static NTSTATUS give_back(POOL_TYPE pool, ULONG_PTR amount)
{
    __try {
        PsReturnPoolQuota(PsGetCurrentProcess(), pool, amount);
    } __except (EXCEPTION_EXECUTE_HANDLER) {
        return GetExceptionCode();
    }
    return STATUS_SUCCESS;
}

static void quota_is_charged_and_returned_by_hand(void **state)
{
    fltsim_limit_quota(NULL, 100, 200);
    assert_int_equal(charge(PagedPool, 100), STATUS_SUCCESS);
    assert_int_equal(charge(PagedPool, 1), STATUS_QUOTA_EXCEEDED);
    assert_int_equal(charge(NonPagedPoolNx, 200), STATUS_SUCCESS);
    assert_int_equal(charge(NonPagedPool, (ULONG_PTR)-1), STATUS_QUOTA_EXCEEDED);
    assert_int_equal(paged(), 100);
    assert_int_equal(nonpaged(), 200);
    assert_int_equal(give_back(PagedPool, 101), STATUS_QUOTA_EXCEEDED);
    assert_int_equal(give_back(PagedPool, 100), STATUS_SUCCESS);
    assert_int_equal(give_back(NonPagedPool, 200), STATUS_SUCCESS);
    assert_int_equal(paged() + nonpaged(), 0);
}

/* ---- extra create parameters ---- */

static void parameters_and_their_list_are_charged_when_asked_to(void **state)
{
    PECP_LIST list;
    PVOID context;
    assert_int_equal(FsRtlAllocateExtraCreateParameterList(FSRTL_ALLOCATE_ECPLIST_FLAG_CHARGE_QUOTA, &list), 0);
    size_t for_list = paged();
    assert_true(for_list > 0);
    assert_int_equal(FsRtlAllocateExtraCreateParameter(&type, 64, FSRTL_ALLOCATE_ECP_FLAG_CHARGE_QUOTA, NULL, TAG, &context),
                     STATUS_SUCCESS);
    assert_true(paged() >= for_list + 64);
    assert_int_equal(FsRtlInsertExtraCreateParameter(list, context), STATUS_SUCCESS);
    FsRtlFreeExtraCreateParameterList(list);
    assert_int_equal(paged(), 0);
    assert_int_equal(FsRtlAllocateExtraCreateParameter(
                         &type, 64, FSRTL_ALLOCATE_ECP_FLAG_CHARGE_QUOTA | FSRTL_ALLOCATE_ECP_FLAG_NONPAGED_POOL, NULL, TAG,
                         &context),
                     STATUS_SUCCESS);
    assert_int_equal(paged(), 0);
    assert_true(nonpaged() >= 64);
    FsRtlFreeExtraCreateParameter(context);
    assert_int_equal(nonpaged(), 0);
}

static void parameters_and_lists_cost_nothing_unless_asked_to(void **state)
{
    PECP_LIST list;
    PVOID context;
    assert_int_equal(FsRtlAllocateExtraCreateParameterList(0, &list), STATUS_SUCCESS);
    assert_int_equal(FsRtlAllocateExtraCreateParameter(&type, 64, 0, NULL, TAG, &context), STATUS_SUCCESS);
    assert_int_equal(paged() + nonpaged(), 0);
    FsRtlFreeExtraCreateParameter(context);
    FsRtlFreeExtraCreateParameterList(list);
}

static void without_quota_there_is_no_parameter_and_no_list(void **state)
{
    PECP_LIST list = (PECP_LIST)&type;
    PVOID context = &list;
    fltsim_limit_quota(NULL, 1, 0);
    assert_int_equal(FsRtlAllocateExtraCreateParameterList(FSRTL_ALLOCATE_ECPLIST_FLAG_CHARGE_QUOTA, &list),
                     STATUS_INSUFFICIENT_RESOURCES);
    assert_null(list);
    assert_int_equal(FsRtlAllocateExtraCreateParameter(&type, 64, FSRTL_ALLOCATE_ECP_FLAG_CHARGE_QUOTA, NULL, TAG, &context),
                     STATUS_INSUFFICIENT_RESOURCES);
    assert_null(context);
    assert_int_equal(paged(), 0);
}

static void from_a_lookaside_list_only_what_does_not_fit_is_charged(void **state)
{
    PAGED_LOOKASIDE_LIST lookaside;
    PVOID fits, large;
    FsRtlInitExtraCreateParameterLookasideList(&lookaside, 0, 32, TAG);
    assert_int_equal(FsRtlAllocateExtraCreateParameterFromLookasideList(&type, 32, FSRTL_ALLOCATE_ECP_FLAG_CHARGE_QUOTA, NULL,
                                                                        &lookaside, &fits),
                     STATUS_SUCCESS);
    assert_int_equal(paged(), 0);
    assert_int_equal(FsRtlAllocateExtraCreateParameterFromLookasideList(&type, 33, FSRTL_ALLOCATE_ECP_FLAG_CHARGE_QUOTA, NULL,
                                                                        &lookaside, &large),
                     STATUS_SUCCESS);
    assert_true(paged() >= 33);
    FsRtlFreeExtraCreateParameter(large);
    assert_int_equal(paged(), 0);
    FsRtlFreeExtraCreateParameter(fits);
    FsRtlDeleteExtraCreateParameterLookasideList(&lookaside, 0);
}

static void a_charged_list_that_leaks_is_a_list_leak_and_no_more(void **state)
{
    PECP_LIST list;
    FsRtlAllocateExtraCreateParameterList(FSRTL_ALLOCATE_ECPLIST_FLAG_CHARGE_QUOTA, &list);
    fltsim_expect("ecp-list-leak");
}

/* ---- many at once ---- */

enum { THREADS = 4, ROUNDS = 500 };

static int charge_and_return(void *argument)
{
    for (int i = 0; i < ROUNDS; i++) {
        PVOID body = by_flags(100);
        size_t used = paged();
        if (used > 250)
            return 1;
        if (body)
            ExFreePool(body);
    }
    return 0;
}

static void threads_together_never_pass_the_limit(void **state)
{
    struct fltsim_thread *threads[THREADS];
    fltsim_limit_quota(NULL, 250, 0);
    for (int i = 0; i < THREADS; i++)
        threads[i] = run(charge_and_return, NULL);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(fltsim_thread_join(threads[i]), 0);
    assert_int_equal(paged(), 0);
    assert_true(counters_of(NtCurrentProcess()).QuotaPeakPagedPoolUsage <= 250);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        kernel_test(each_way_charges_its_kind_of_pool_until_the_free),
        kernel_test(at_the_limit_each_way_fails_as_it_says),
        kernel_test(whole_pages_are_not_charged),
        kernel_test(a_limit_that_is_lifted_lets_more_in),
        kernel_test(special_pool_charges_as_well),
        kernel_test(the_process_that_allocated_pays_whoever_frees),
        kernel_test(what_is_charged_may_outlive_its_process),
        kernel_test(attached_to_another_process_that_one_pays),
        kernel_test(the_system_process_is_never_charged),
        kernel_test(a_charged_block_that_leaks_is_a_pool_leak_and_no_more),
        kernel_test(quota_is_charged_and_returned_by_hand),
        kernel_test(parameters_and_their_list_are_charged_when_asked_to),
        kernel_test(parameters_and_lists_cost_nothing_unless_asked_to),
        kernel_test(without_quota_there_is_no_parameter_and_no_list),
        kernel_test(from_a_lookaside_list_only_what_does_not_fit_is_charged),
        kernel_test(a_charged_list_that_leaks_is_a_list_leak_and_no_more),
        kernel_test(threads_together_never_pass_the_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
