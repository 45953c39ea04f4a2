/* The debugger's side: every way to print, breakpoints, the stack; and memory helpers. */
#include "rtl_test.h"

#include <fltsim/verify.h>

#define NOINLINE __attribute__((noinline))

static ULONG print(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    ULONG status = vDbgPrintEx(DPFLTR_IHVDRIVER_ID, DPFLTR_INFO_LEVEL, format, arguments);
    va_end(arguments);
    va_start(arguments, format);
    assert_int_equal(vDbgPrintExWithPrefix("filter: ", DPFLTR_IHVDRIVER_ID, 0, format, arguments), STATUS_SUCCESS);
    va_end(arguments);
    return status;
}

static void every_way_to_print_succeeds(void **state)
{
    assert_int_equal(print("%d\n", 3), STATUS_SUCCESS);
    assert_int_equal(DbgPrintReturnControlC("%d\n", 3), STATUS_SUCCESS);
}

static void a_long_message_is_cut(void **state)
{
    static char text[2000];
    memset(text, 'x', sizeof text - 1);
    assert_int_equal(DbgPrint("%s", text), STATUS_SUCCESS);
}

static void no_debugger_is_there(void **state)
{
    assert_false(KD_DEBUGGER_ENABLED);
    assert_true(KD_DEBUGGER_NOT_PRESENT);
    assert_true(KdRefreshDebuggerNotPresent());
    assert_int_equal(KdEnableDebugger(), STATUS_DEBUGGER_INACTIVE);
    assert_int_equal(KdDisableDebugger(), STATUS_SUCCESS);
    assert_false(*KdDebuggerEnabled);
    assert_true(*KdDebuggerNotPresent);
    assert_int_equal(NtGlobalFlag, 0);
}

static void break_in(void *argument)
{
    if (argument != NULL)
        DbgBreakPointWithStatus(3);
    DbgBreakPoint();
}

static void a_breakpoint_is_an_exception_where_a_handler_is(void **state)
{
    volatile NTSTATUS code = 0;
    __try {
        DbgBreakPoint();
    } __except (EXCEPTION_EXECUTE_HANDLER) {
        code = GetExceptionCode();
    }
    assert_int_equal(code, STATUS_BREAKPOINT);
}

static void a_breakpoint_can_be_gone_on_from(void **state)
{
    fltsim_set_policy("breakpoint", FLTSIM_GO_ON);
    fltsim_expect("breakpoint");
    DbgBreakPoint();
    assert_string_equal(fltsim_last_rule(), "breakpoint");
}

static void a_breakpoint_without_a_debugger_ends_the_machine(void **state)
{
    fltsim_expect("breakpoint");
    assert_false(fltsim_try(break_in, NULL));
}

static void a_breakpoint_with_a_status_is_one_too(void **state)
{
    fltsim_expect("breakpoint");
    assert_false(fltsim_try(break_in, state));
}

static void assert_with_a_message(void *argument)
{
    RtlAssert((PVOID) "count != 0", (PVOID) "filter.c", 12, "no instances");
}

static void a_failed_assertion_says_what_and_where(void **state)
{
    struct fltsim_report *report;
    assert_false(fltsim_try(assert_with_a_message, NULL));
    assert_int_equal(fltsim_stop(&report), 1);
    assert_string_equal(report->violations[0].rule, "assertion-failed");
    assert_non_null(strstr(report->violations[0].what, "no instances: count != 0"));
    assert_non_null(strstr(report->violations[0].history, "filter.c, line 12"));
    assert_int_equal(report->violations[0].parameters[0], (ULONG)STATUS_ASSERTION_FAILURE);
    fltsim_report_free(report);
}

static NOINLINE USHORT here(PVOID *frames, PULONG hash)
{
    USHORT count = RtlCaptureStackBackTrace(0, 1, frames, hash);
    __asm__ volatile("");
    return count;
}

static void the_stack_is_walked(void **state)
{
    PVOID frames[1] = {0}, again[1] = {0}, chain[8];
    ULONG a, b;
    assert_int_equal(here(frames, &a), 1);
    assert_int_equal(here(again, &b), 1);
    assert_non_null(frames[0]);
    assert_ptr_equal(frames[0], again[0]);
    assert_int_equal(a, b);
    assert_true(RtlWalkFrameChain(chain, 8, 0) >= 1);
}

static void memory_is_compared_and_wiped(void **state)
{
    ULONG words[] = {7, 7, 8};
    assert_int_equal(RtlCompareMemoryUlong(words, sizeof words, 7), 8);
    RtlPrefetchMemoryNonTemporal(words, sizeof words);
    RtlSecureZeroMemory(words, sizeof words);
    assert_int_equal(RtlCompareMemoryUlong(words, sizeof words, 0), 12);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_way_to_print_succeeds),
        TEST(a_long_message_is_cut),
        TEST(no_debugger_is_there),
        QUIET(a_breakpoint_is_an_exception_where_a_handler_is),
        QUIET(a_breakpoint_can_be_gone_on_from),
        QUIET(a_breakpoint_without_a_debugger_ends_the_machine),
        QUIET(a_breakpoint_with_a_status_is_one_too),
        cmocka_unit_test_setup(a_failed_assertion_says_what_and_where, start_quiet_machine),
        TEST(the_stack_is_walked),
        TEST(memory_is_compared_and_wiped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
