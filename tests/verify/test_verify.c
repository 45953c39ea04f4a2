/* Violations: recorded, expected, silenced; histories name code; leaks are grouped. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fltsim/fltsim.h>
#include <fltsim/verify.h>

#include "verify/api.h"
#include "verify/verify.h"

#include <stdio.h>
#include <string.h>

static struct fltsim_report *report;

static int start(void **state)
{
    assert_true(fltsim_start(&(struct fltsim_options){.quiet = true}));
    return 0;
}

static int stop(void **state)
{
    fltsim_stop(&report);
    fltsim_report_free(report);
    report = NULL;
    return 0;
}

/* Ends the machine in the middle of a test, to look at what it reports; starts another for the teardown. */
static const struct fltsim_report *take(void)
{
    static struct fltsim_report *last;
    fltsim_report_free(last);
    fltsim_stop(&last);
    start(NULL);
    struct fltsim_report *shown = last;
    return shown;
}

static void forget(void) { take(); }

static void test_recorded_in_order(void **state)
{
    verify_violate(VERIFY_POOL_LEAK, "first %d", 1);
    verify_violate(VERIFY_HANDLE_LEAK, "second");
    assert_int_equal(fltsim_violations(), 2);
    assert_string_equal(fltsim_last_rule(), "handle-leak");
    const struct fltsim_report *r = take();
    assert_int_equal(r->count, 2);
    assert_string_equal(r->violations[0].rule, "pool-leak");
    assert_string_equal(r->violations[0].what, "first 1");
    assert_string_equal(r->violations[0].history, "");
    assert_true(strlen(r->violations[0].why) > 20);
    assert_int_equal(r->violations[0].bugcheck, 0xC4);
    assert_false(r->violations[0].fatal);
    forget();
}

static void test_expected_is_not_counted(void **state)
{
    fltsim_expect("pool-leak");
    verify_violate(VERIFY_POOL_LEAK, "expected");
    assert_int_equal(fltsim_violations(), 0);
    verify_violate(VERIFY_POOL_LEAK, "one too many");
    assert_int_equal(fltsim_violations(), 1);
    forget();
}

static void test_expected_and_missing(void **state)
{
    fltsim_expect("deadlock");
    const struct fltsim_report *r = take();
    assert_int_equal(r->count, 1);
    assert_string_equal(r->violations[0].rule, "expected-violation-missing");
    assert_non_null(strstr(r->violations[0].what, "deadlock"));
    forget();
}

static void test_policies(void **state)
{
    fltsim_set_policy("pool-leak", FLTSIM_OFF);
    assert_null(verify_begin(VERIFY_POOL_LEAK, "not looked at"));
    verify_history(NULL, "nobody");
    verify_site(NULL, "nobody", NULL);
    verify_end(NULL);
    fltsim_set_policy("handle-leak", FLTSIM_WARN);
    verify_violate(VERIFY_HANDLE_LEAK, "only shown");
    assert_int_equal(fltsim_violations(), 0);
}

static __attribute__((noinline)) const void *static_helper(void)
{
    return __builtin_extract_return_addr(__builtin_return_address(0));
}

static __attribute__((noinline)) const void *a_static_function(void)
{
    const void *here = static_helper();
    __asm__ volatile("" ::: "memory");
    return here;
}

static void test_static_functions_are_named(void **state)
{
    char text[300];
    verify_symbolize(a_static_function(), text, sizeof text);
    assert_non_null(strstr(text, "a_static_function"));
    assert_non_null(strstr(text, "test_verify.c:"));
    verify_symbolize((const void *)16, text, sizeof text);
    assert_string_equal(text, "0x10");
}

static void test_history_and_driver(void **state)
{
    verify_register_driver("sample", (const void *)start);
    struct verify_violation *v = verify_begin(VERIFY_CONTEXT_LEAK, "a context");
    verify_site(v, "allocated by", a_static_function());
    verify_history(v, "%s", "linked");
    verify_end(v);
    verify_unregister_driver("sample");
    const struct fltsim_report *r = take();
    assert_string_equal(r->violations[0].driver, "sample");
    assert_true(strncmp(r->violations[0].history, "allocated by a_static_function", 30) == 0);
    assert_non_null(strstr(r->violations[0].history, "\nlinked"));
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    fltsim_report_print(r, out);
    fclose(out);
    assert_non_null(strstr(text, "fltsim: context-leak in sample: a context\n"));
    assert_non_null(strstr(text, "Windows: FltUnregisterFilter waits"));
    free(text);
    forget();
}

static void test_drivers_of_code(void **state)
{
    const void *here = a_static_function();
    const void *library = (const void *)((const char *)verify_is_driver_code + 4);
    assert_false(verify_is_driver_code(here, "sample"));
    assert_true(verify_is_driver_code(here, NULL));
    verify_register_driver("sample", (const void *)start);
    assert_true(verify_is_driver_code(here, "sample"));
    assert_false(verify_is_driver_code(library, "sample"));
    assert_string_equal(verify_driver_of(library), "fltsim");
    verify_register_driver("other", (const void *)stop);
    assert_false(verify_is_driver_code(here, "sample"));
    assert_string_equal(verify_driver_of(here), "other or sample");
    verify_unregister_driver("other");
    verify_unregister_driver("sample");
}

static void test_ledger_keeps_both_ends(void **state)
{
    struct verify_ledger ledger = {0};
    const void *here = a_static_function();
    verify_ledger_add(&ledger, "allocated by", 1, here);
    for (int i = 0; i < 100; i++)
        verify_ledger_add(&ledger, "referenced by", i + 2, here);
    verify_ledger_drop(&ledger, "released by", 100, here);
    struct verify_violation *v = verify_begin(VERIFY_CONTEXT_LEAK, "x");
    verify_ledger_print(v, &ledger);
    verify_end(v);
    verify_ledger_free(&ledger);
    const char *history = take()->violations[0].history;
    assert_non_null(strstr(history, "[count 1, still out] allocated by a_static_function"));
    assert_non_null(strstr(history, "... 70 more that are not kept ..."));
    assert_non_null(strstr(history, "[count 100] released by"));
    forget();
}

/* However much comes after it, and whoever gives back at once what he took. */
static void test_ledger_keeps_what_is_still_out(void **state)
{
    struct verify_ledger ledger = {0};
    const void *here = a_static_function();
    verify_ledger_add(&ledger, "allocated by", 1, here);
    for (int i = 0; i < 1000; i++) {
        if (i == 300)
            verify_ledger_add(&ledger, "kept by", 2, here);
        verify_ledger_add(&ledger, "got by", i < 300 ? 2 : 3, here);
        verify_ledger_drop(&ledger, "released by", i < 300 ? 1 : 2, here);
    }
    struct verify_violation *v = verify_begin(VERIFY_CONTEXT_LEAK, "x");
    verify_ledger_print(v, &ledger);
    verify_end(v);
    verify_ledger_free(&ledger);
    const char *history = take()->violations[0].history, *kept = strstr(history, "[count 2, still out] kept by a_static_function");
    assert_non_null(kept);
    assert_non_null(strstr(history, "more, taken and given back ..."));
    assert_null(strstr(history, "that are not kept"));
    assert_null(strstr(strchr(kept, '\n'), "still out"));
    forget();
}

static void test_ledgers_can_be_off(void **state)
{
    struct verify_ledger ledger = {0};
    forget();
    fltsim_stop(NULL);
    assert_true(fltsim_start(&(struct fltsim_options){.quiet = true, .no_ledgers = true}));
    verify_ledger_add(&ledger, "allocated by", 1, a_static_function());
    assert_null(ledger.entries);
}

static void test_leaks_are_grouped(void **state)
{
    struct verify_leaks *leaks = verify_leaks_begin();
    const void *here = a_static_function();
    for (int i = 0; i < 3; i++)
        verify_leaks_add(leaks, 'abcd', here, 16, &leaks, NULL, NULL);
    verify_leaks_add(leaks, 'efgh', here, 100, &leaks, "a detail", NULL);
    assert_int_equal(
        verify_leaks_end(leaks, VERIFY_POOL_LEAK, "block", "blocks", "allocated by", "when it unloaded"), 2);
    const struct fltsim_report *r = take();
    assert_int_equal(r->count, 2);
    assert_non_null(strstr(r->violations[0].what, "1 block tagged 'hgfe' (100 bytes) was left when it unloaded."));
    assert_non_null(strstr(r->violations[0].history, "a detail"));
    assert_non_null(strstr(r->violations[1].what, "3 blocks tagged 'dcba' (48 bytes) were left"));
    forget();
}

static void bug_check(void *unused)
{
    verify_bugcheck(VERIFY_BUGCHECK, 0xDEAD, 1, 2, 3, 4, "stopped by %s", "hand");
}

static void test_bug_check_ends_the_run(void **state)
{
    assert_false(fltsim_try(bug_check, NULL));
    assert_string_equal(fltsim_last_rule(), "bugcheck");
    const struct fltsim_report *r = take();
    assert_int_equal(r->count, 1);
    assert_true(r->violations[0].fatal);
    assert_int_equal(r->violations[0].bugcheck, 0xDEAD);
    assert_int_equal(r->violations[0].parameters[3], 4);
    forget();
}

static void count_violation(const struct fltsim_violation *violation, void *context)
{
    assert_string_equal(violation->rule, "pool-leak");
    ++*(int *)context;
}

static void test_callback(void **state)
{
    int calls = 0;
    fltsim_stop(NULL);
    assert_true(fltsim_start(&(struct fltsim_options){
        .quiet = true, .on_violation = count_violation, .context = &calls}));
    fltsim_expect("pool-leak");
    verify_violate(VERIFY_POOL_LEAK, "expected");
    assert_int_equal(calls, 0);
    verify_violate(VERIFY_POOL_LEAK, "not");
    assert_int_equal(calls, 1);
}

static void at_dispatch(void)
{
    KIRQL old;
    KeRaiseIrql(DISPATCH_LEVEL, &old);
    for (int i = 0; i < 3; i++)
        verify_irql_too_high("ZwClose", PASSIVE_LEVEL, (const char *)at_dispatch + 1);
    verify_irql_too_high("FltFoo", APC_LEVEL, (const char *)at_dispatch + 1);
    KeLowerIrql(old);
}

static void test_irql_once_per_call_site(void **state)
{
    at_dispatch();
    const struct fltsim_report *r = take();
    assert_int_equal(r->count, 2);
    assert_string_equal(r->violations[0].rule, "irql-too-high");
    assert_string_equal(r->violations[0].what, "ZwClose was called at DISPATCH_LEVEL (2); its documentation allows only "
                                               "PASSIVE_LEVEL (0).");
    assert_non_null(strstr(r->violations[1].what, "allows at most APC_LEVEL (1)"));
    assert_non_null(strstr(r->violations[0].history, "called by at_dispatch"));
    forget();
}

static void test_rules_table(void **state)
{
    const char *why, *windows;
    size_t count = 0;
    for (const char *name; (name = fltsim_rule(count, &why, &windows)); count++) {
        assert_int_equal(verify_rule_named(name), count);
        assert_true(why[0]);
    }
    assert_int_equal(count, VERIFY_RULE_COUNT);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)
    const struct CMUnitTest tests[] = {
        TEST(test_recorded_in_order),
        TEST(test_expected_is_not_counted),
        TEST(test_expected_and_missing),
        TEST(test_policies),
        TEST(test_static_functions_are_named),
        TEST(test_history_and_driver),
        TEST(test_drivers_of_code),
        TEST(test_ledger_keeps_both_ends),
        TEST(test_ledger_keeps_what_is_still_out),
        TEST(test_ledgers_can_be_off),
        TEST(test_leaks_are_grouped),
        TEST(test_bug_check_ends_the_run),
        TEST(test_callback),
        TEST(test_irql_once_per_call_site),
        TEST(test_rules_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
