/* fltsim in CMocka tests: each test on a machine of its own, and each test a leak test.
 *
 *     static void a_file_can_be_opened(void)
 *     {
 *         ... mount, load, open, assert ...
 *     }
 *     const struct CMUnitTest tests[] = { fltsim_unit_test(a_file_can_be_opened) };
 *     return cmocka_run_group_tests(tests, NULL, NULL);
 *
 * The test program is linked with CMocka, too (-lcmocka). The machine starts before the test with default options (FLTSIM_BACKEND, FLTSIM_SEED and FLTSIM_LEDGERS count) and stops after it.
 * The test fails when an assertion fails, when a violation is left that was not expected (fltsim_expect), and when a
 * bug check, a crash or a deadlock ends it that was not expected. Assertions are made on the first thread: with FLTSIM_NATIVE,
 * one that fails on another ends the program, for CMocka cannot leave a test from there. */
#ifndef FLTSIM_CMOCKA_H
#define FLTSIM_CMOCKA_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" { /* cmocka.h leaves that to us */
#endif
#include <cmocka.h>
#ifdef __cplusplus
}
#endif

#include <fltsim/fltsim.h>

typedef void (*fltsim_cmocka_test)(void);

static inline void fltsim_cmocka_body(void *test)
{
    ((fltsim_cmocka_test)(uintptr_t)test)();
}

static inline void fltsim_cmocka_run(void **state)
{
    fltsim_abandon(); /* what an assertion that failed in the test before left */
    assert_true(fltsim_start(NULL));
    fltsim_try(fltsim_cmocka_body, *state);
    assert_int_equal(fltsim_stop(NULL), 0);
}

#define fltsim_unit_test(test) {#test, fltsim_cmocka_run, NULL, NULL, (void *)(uintptr_t)(test)}

#endif
