/* Network buffers used wrongly, and left behind; the right twins are in test_ndis.c. */
#include <ndis.h>
#include <fwpsk.h>

#include "../ex/ex_test.h"

#include "net/net.h"
#include "verify/verify.h"

static NET_BUFFER_LIST_POOL_PARAMETERS parameters = {
    .Header = {NDIS_OBJECT_TYPE_DEFAULT, NET_BUFFER_LIST_POOL_PARAMETERS_REVISION_1,
               NDIS_SIZEOF_NET_BUFFER_LIST_POOL_PARAMETERS_REVISION_1},
    .fAllocateNetBuffer = TRUE,
    .PoolTag = 'tseT',
};

static __attribute__((noinline)) NDIS_HANDLE make_pool(void)
{
    NDIS_HANDLE volatile pool = NdisAllocateNetBufferListPool(NULL, &parameters);
    return pool;
}

static __attribute__((noinline)) NET_BUFFER_LIST *make_list(NDIS_HANDLE pool)
{
    NET_BUFFER_LIST *volatile list = NdisAllocateNetBufferList(pool, 0, 0);
    return list;
}

static void what_is_left_is_reported_each_kind_for_itself(void **state)
{
    NDIS_HANDLE pool = make_pool();
    make_list(pool);
    make_list(pool);
    NdisAllocateGenericObject(NULL, 'tseT', 0);
    struct fltsim_report *report;
    assert_int_equal(fltsim_stop(&report), 3);
    assert_string_equal(report->violations[0].rule, "network-leak");
    assert_non_null(strstr(report->violations[0].what, "2 NET_BUFFER_LISTs"));
    assert_non_null(strstr(report->violations[0].history, "made by make_list"));
    assert_non_null(strstr(report->violations[1].what, "1 NET_BUFFER_LIST pool (NdisFreeNetBufferListPool)"));
    assert_non_null(strstr(report->violations[1].history, "made by make_pool"));
    assert_non_null(strstr(report->violations[2].what, "1 generic object (NdisFreeGenericObject)"));
    fltsim_report_free(report);
}

static void what_a_driver_leaves_is_reported_when_it_unloads(void **state)
{
    verify_register_driver("leaky", (const void *)make_pool);
    make_pool();
    NetpReportDriver("leaky");
    assert_int_equal(fltsim_violations(), 1);
    NetpReportDriver("leaky");
    verify_unregister_driver("leaky");
    expect_report("network-leak", "left when leaky unloaded", "made by make_pool");
}

static void a_pool_goes_after_its_lists(void **state)
{
    NDIS_HANDLE pool = make_pool();
    NET_BUFFER_LIST *list = make_list(pool);
    NdisFreeNetBufferListPool(pool);
    NdisFreeNetBufferList(list);
    NdisFreeNetBufferListPool(pool);
    expect_report("network-misuse", "NdisFreeNetBufferListPool was given the pool", "made by make_pool");
}

static void a_list_is_freed_once(void **state)
{
    NDIS_HANDLE pool = make_pool();
    NET_BUFFER_LIST *list = make_list(pool);
    NdisFreeNetBufferList(list);
    NdisFreeNetBufferList(list);
    NdisFreeNetBufferListPool(pool);
    expect_report("network-misuse", "which is no NET_BUFFER_LIST, or is one no longer", "");
}

static void a_list_is_freed_by_whose_it_is(void **state)
{
    NDIS_HANDLE pool = make_pool();
    NET_BUFFER_LIST *list = make_list(pool);
    FwpsFreeNetBufferList0(list);
    NdisFreeNetBufferList(list);
    NdisFreeNetBufferListPool(pool);
    expect_report("network-misuse", "FwpsFreeNetBufferList0 was given a NET_BUFFER_LIST that NDIS allocated", "");
}

static void an_event_is_waited_for_at_passive_level(void **state)
{
    NDIS_EVENT event;
    KIRQL irql;
    NdisInitializeEvent(&event);
    NdisSetEvent(&event);
    KeRaiseIrql(DISPATCH_LEVEL, &irql);
    NdisWaitEvent(&event, 1);
    KeLowerIrql(irql);
    struct fltsim_report *report;
    assert_true(fltsim_stop(&report) >= 1);
    assert_string_equal(report->violations[0].rule, "irql-too-high");
    assert_non_null(strstr(report->violations[0].what, "NdisWaitEvent"));
    fltsim_report_free(report);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WRONG(what_is_left_is_reported_each_kind_for_itself),
        WRONG(what_a_driver_leaves_is_reported_when_it_unloads),
        WRONG(a_pool_goes_after_its_lists),
        WRONG(a_list_is_freed_once),
        WRONG(a_list_is_freed_by_whose_it_is),
        WRONG(an_event_is_waited_for_at_passive_level),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
