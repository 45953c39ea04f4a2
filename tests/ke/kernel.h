/* One machine a test; every test is a leak test. */
#ifndef TESTS_KE_KERNEL_H
#define TESTS_KE_KERNEL_H

#include <fltsim/fltsim.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static inline int start_machine(void **state)
{
    const struct fltsim_options options = {.quiet = true};
    return fltsim_start(&options) ? 0 : -1;
}

static inline int stop_machine(void **state)
{
    struct fltsim_report *report;
    size_t violations = fltsim_stop(&report);
    if (violations)
        fltsim_report_print(report, stderr);
    fltsim_report_free(report);
    return violations ? -1 : 0;
}

/* For tests that break rules on purpose and looked at what was said. */
static inline int stop_broken_machine(void **state)
{
    fltsim_stop(NULL);
    return 0;
}

#define kernel_test(name) cmocka_unit_test_setup_teardown(name, start_machine, stop_machine)
#define broken_test(name) cmocka_unit_test_setup_teardown(name, start_machine, stop_broken_machine)

static inline LARGE_INTEGER after_ms(int milliseconds)
{
    LARGE_INTEGER interval = {.QuadPart = -(LONGLONG)milliseconds * 10000};
    return interval;
}

static inline LONGLONG now_ms(void) { return (LONGLONG)(KeQueryInterruptTime() / 10000); }

static inline NTSTATUS wait_for(PVOID object) { return KeWaitForSingleObject(object, Executive, KernelMode, FALSE, NULL); }

static inline NTSTATUS poll(PVOID object)
{
    LARGE_INTEGER none = {.QuadPart = 0};
    return KeWaitForSingleObject(object, Executive, KernelMode, FALSE, &none);
}

static inline NTSTATUS wait_ms(PVOID object, int milliseconds)
{
    LARGE_INTEGER timeout = after_ms(milliseconds);
    return KeWaitForSingleObject(object, Executive, KernelMode, FALSE, &timeout);
}

static inline struct fltsim_thread *run(int (*body)(void *), void *argument)
{
    struct fltsim_thread *thread = fltsim_thread_create(NULL, body, argument);
    assert_non_null(thread);
    return thread;
}

static inline bool on_coop(void)
{
    const char *name = getenv("FLTSIM_BACKEND");
    return !name || strcmp(name, "native") != 0;
}

#endif
