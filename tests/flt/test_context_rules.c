/* Wrong use of contexts is found, and its right twin is not. */
#include "context_unit.h"

#include <stdio.h>

static void release_too_often(void *unused)
{
    PFLT_CONTEXT a = allocate(FLT_STREAM_CONTEXT, 64);
    FltReleaseContext(a);
    FltReleaseContext(a);
}

static void release_the_links_reference(void *unused)
{
    PFLT_CONTEXT a = allocate(FLT_STREAM_CONTEXT, 64);
    FltSetStreamContext(&u->instance, &u->files[0].object, FLT_SET_CONTEXT_KEEP_IF_EXISTS, a, NULL);
    FltReleaseContext(a);
    FltReleaseContext(a); /* as the page on releasing contexts can be read */
}

static void release_what_is_no_context(void *unused)
{
    static char memory[256] __attribute__((aligned(16)));
    FltReleaseContext(memory + 200 - 200 % 16);
}

static void assert_bug_check(void (*body)(void *))
{
    assert_false(fltsim_try(body, NULL));
    assert_string_equal(fltsim_last_rule(), "context-over-release");
}

static int stop_dead(void **state)
{
    struct fltsim_report *report;
    u = NULL;
    FltpStopNames();
    size_t count = fltsim_stop(&report);
    int result = count == 1 && report->violations[0].bugcheck == 0xF5 && report->violations[0].parameters[0] == 0x6D
                     ? 0
                     : -1;
    if (result)
        fltsim_report_print(report, stderr);
    fltsim_report_free(report);
    return result;
}

static int start_quiet(void **state)
{
    quiet = true;
    int result = start_unit(state);
    quiet = false;
    return result;
}

static void over_release_is_a_bug_check(void **state) { assert_bug_check(release_too_often); }
static void over_release_of_a_link_is_a_bug_check(void **state) { assert_bug_check(release_the_links_reference); }
static void releasing_no_context_is_a_bug_check(void **state) { assert_bug_check(release_what_is_no_context); }

static void a_leaked_context_is_reported(void **state)
{
    PFLT_CONTEXT a = allocate(FLT_STREAM_CONTEXT, 64);
    FltSetStreamContext(&u->instance, &u->files[0].object, FLT_SET_CONTEXT_KEEP_IF_EXISTS, a, NULL);
    FltpDeleteInstanceContexts(&u->instance);
    fltsim_expect("context-leak");
    assert_true(FltpReportLeakedContexts(&u->filter));
    assert_int_equal(u->cleanups, 1);
    assert_false(FltpReportLeakedContexts(&u->filter));
}

static void a_released_context_is_no_leak(void **state)
{
    PFLT_CONTEXT a = allocate(FLT_STREAM_CONTEXT, 64);
    FltSetStreamContext(&u->instance, &u->files[0].object, FLT_SET_CONTEXT_KEEP_IF_EXISTS, a, NULL);
    FltReleaseContext(a);
    FltpDeleteInstanceContexts(&u->instance);
    assert_false(FltpReportLeakedContexts(&u->filter));
}

static void writing_to_a_freed_context_is_reported(void **state)
{
    char *a = allocate(FLT_STREAM_CONTEXT, 64);
    FltReleaseContext(a);
    a[10] = 1;
    fltsim_expect("context-use-after-free");
    FltpUnregisterContexts(&u->filter);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(over_release_is_a_bug_check, start_quiet, stop_dead),
        cmocka_unit_test_setup_teardown(over_release_of_a_link_is_a_bug_check, start_quiet, stop_dead),
        cmocka_unit_test_setup_teardown(releasing_no_context_is_a_bug_check, start_quiet, stop_dead),
        unit_test_of(a_leaked_context_is_reported),
        unit_test_of(a_released_context_is_no_leak),
        unit_test_of(writing_to_a_freed_context_is_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
