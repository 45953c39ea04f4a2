/* Faults that nobody handles: the run ends with a report, whichever thread it was. */
#include "kernel.h"

static volatile int zero;
static volatile int *volatile low = (volatile int *)16;

static void read_null(void *argument) { zero = *low; }
static void write_null(void *argument) { *low = 1; }
__attribute__((no_sanitize("undefined"))) static void divide(void *argument) { zero = 7 / zero; }
static void trap(void *argument) { __builtin_trap(); }
static void jump_away(void *argument) { ((void (*)(void))(uintptr_t)low)(); }

static volatile char sink;
__attribute__((noinline)) static int recurse(int depth)
{
    volatile char block[1024];
    block[depth & 1023] = 1;
    sink = block[depth & 511];
    return depth < 1000000000 ? recurse(depth + 1) + block[0] : 0;
}
static int overflow(void *argument) { return recurse(0); }
static void overflow_in_thread(void *argument) { fltsim_thread_join(run(overflow, NULL)); }

static int read_null_in_thread(void *argument)
{
    read_null(NULL);
    return 0;
}
static void fault_in_thread(void *argument) { fltsim_thread_join(run(read_null_in_thread, NULL)); }

static const struct fault {
    const char *name;
    void (*body)(void *);
    const char *rule;
    uint32_t code;
} faults[] = {
    {"read", read_null, "crash", 0x7E},   {"write", write_null, "crash", 0x7E},
    {"divide", divide, "crash", 0x7E},    {"illegal instruction", trap, "crash", 0x7E},
    {"jump", jump_away, "crash", 0x7E},   {"in a thread", fault_in_thread, "crash", 0x7E},
    {"stack overflow", overflow_in_thread, "crash", 0x7F},
};

static void a_fault_ends_the_run_with_a_report(void **state)
{
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        struct fltsim_report *report;
        start_machine(NULL);
        assert_false(fltsim_try(faults[i].body, NULL));
        assert_true(fltsim_stop(&report) >= 1);
        assert_string_equal(report->violations[0].rule, faults[i].rule);
        if (report->violations[0].bugcheck != faults[i].code)
            fail_msg("%s: bug check 0x%X", faults[i].name, report->violations[0].bugcheck);
        fltsim_report_free(report);
    }
}

static void a_fault_at_dispatch_level_is_another_bug_check(void **state)
{
    struct fltsim_report *report;
    start_machine(NULL);
    KeRaiseIrqlToDpcLevel();
    assert_false(fltsim_try(read_null, NULL));
    fltsim_stop(&report);
    assert_int_equal(report->violations[0].bugcheck, 0xD1);
    assert_int_equal(report->violations[0].parameters[0], 16);
    assert_int_equal(report->violations[0].parameters[1], DISPATCH_LEVEL);
    fltsim_report_free(report);
}

static void raise_status(void *argument) { ExRaiseStatus(STATUS_DISK_FULL); }

static void an_exception_without_handler_is_named(void **state)
{
    struct fltsim_report *report;
    start_machine(NULL);
    assert_false(fltsim_try(raise_status, NULL));
    fltsim_stop(&report);
    assert_string_equal(report->violations[0].rule, "unhandled-exception");
    assert_non_null(strstr(report->violations[0].what, "STATUS_DISK_FULL"));
    assert_int_equal(report->violations[0].parameters[0], (uint32_t)STATUS_DISK_FULL);
    fltsim_report_free(report);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_fault_ends_the_run_with_a_report),
        cmocka_unit_test(a_fault_at_dispatch_level_is_another_bug_check),
        cmocka_unit_test(an_exception_without_handler_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
