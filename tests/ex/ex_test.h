/* What the tests of the executive share: a machine for each test, threads, and the look at what was reported. */
#ifndef FLTSIM_EX_TEST_H
#define FLTSIM_EX_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fltsim/fltsim.h>
#include <fltsim/verify.h>

#include <string.h>

static inline int start_machine(void **state)
{
    assert_true(fltsim_start(NULL));
    return 0;
}

static inline int start_quiet_machine(void **state)
{
    assert_true(fltsim_start(&(struct fltsim_options){.quiet = true}));
    return 0;
}

static inline int stop_clean(void **state)
{
    assert_int_equal(fltsim_stop(NULL), 0);
    return 0;
}

/* Ends the machine; exactly one violation, of that rule, with that text in what it says or in its history. */
static inline void expect_report(const char *rule, const char *what, const char *history)
{
    struct fltsim_report *report;
    fltsim_stop(&report);
    if (report->count != 1)
        fltsim_report_print(report, stderr);
    assert_int_equal(report->count, 1);
    assert_string_equal(report->violations[0].rule, rule);
    if (!strstr(report->violations[0].what, what) || !strstr(report->violations[0].history, history))
        fltsim_report_print(report, stderr);
    assert_non_null(strstr(report->violations[0].what, what));
    assert_non_null(strstr(report->violations[0].history, history));
    fltsim_report_free(report);
}

static inline HANDLE run_thread(KSTART_ROUTINE *body, void *context)
{
    HANDLE thread;
    assert_int_equal(PsCreateSystemThread(&thread, THREAD_ALL_ACCESS, NULL, NULL, NULL, body, context), STATUS_SUCCESS);
    return thread;
}

static inline void join_thread(HANDLE thread)
{
    assert_int_equal(ZwWaitForSingleObject(thread, FALSE, NULL), STATUS_SUCCESS);
    assert_int_equal(ZwClose(thread), STATUS_SUCCESS);
}

static inline void pause_ms(int milliseconds)
{
    LARGE_INTEGER interval = {.QuadPart = -10000LL * milliseconds};
    KeDelayExecutionThread(KernelMode, FALSE, &interval);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start_machine, stop_clean)
#define WRONG(name) cmocka_unit_test_setup_teardown(name, start_quiet_machine, NULL)

#endif
