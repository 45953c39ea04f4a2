/* __try, __except, __finally, __leave as drivers use them, in C and in C++. Each function writes the blocks it passes
 * into `passed`. */
#include <fltsim/cmocka.h>

#include <string.h>

#pragma GCC diagnostic ignored "-Wunused-parameter"

#define FIRST ((NTSTATUS)0xC0001234)
#define SECOND ((NTSTATUS)0xC0005678)

static char passed[256];

static void pass(const char *text) { strcat(passed, text); }

__attribute__((noinline)) static void thrower(NTSTATUS status)
{
    pass("t");
    ExRaiseStatus(status);
}

__attribute__((noinline)) static int same(int value)
{
    __asm__ volatile("" ::: "memory");
    return value;
}

static int leaves(int early)
{
    int status = 0;
    __try {
        pass("a");
        if (early) {
            status = 1;
            __leave;
        }
        pass("b");
        status = 2;
    } __finally {
        pass(AbnormalTermination() ? "f!" : "f");
    }
    pass("e");
    return status;
}

static int filters(NTSTATUS status)
{
    int result = 0, step = 0;
    __try {
        step = 1;
        pass("a");
        step = 2;
        if (status)
            thrower(status);
        step = 3;
        pass("b");
    } __except (GetExceptionCode() == FIRST ? EXCEPTION_EXECUTE_HANDLER : EXCEPTION_CONTINUE_SEARCH) {
        result = (int)GetExceptionCode();
        pass(step == 2 ? "h2" : "h?");
    }
    return result;
}

static int outer_filter(NTSTATUS status)
{
    int result = 0;
    __try {
        result = filters(status);
        pass("o");
    } __except (EXCEPTION_EXECUTE_HANDLER) {
        pass("H");
        result = (int)GetExceptionCode();
    }
    return result;
}

static int nested(void)
{
    int a = 0;
    __try {
        a = 1;
        __try {
            a = 2;
            thrower(FIRST);
            a = 3;
        } __finally {
            pass(AbnormalTermination() ? "f!" : "f");
            if (a == 2)
                pass("2");
            a = 4;
        }
        pass("no");
    } __except (EXCEPTION_EXECUTE_HANDLER) {
        pass("h");
    }
    return a;
}

static int returns_through_finally(int early)
{
    int value = same(3);
    __try {
        pass("a");
        if (early)
            return value + same(40);
        value = 9;
    } __finally {
        pass(AbnormalTermination() ? "f!" : "f");
    }
    pass("e");
    return value;
}

static int returns_through_three(void)
{
    for (int i = 0; i < 3; i++) {
        __try {
            __try {
                __try {
                    if (same(i) == 1)
                        return 100 + i;
                    pass(".");
                } __finally {
                    pass("1");
                }
            } __except (EXCEPTION_EXECUTE_HANDLER) {
                pass("never");
            }
        } __finally {
            pass("2");
        }
    }
    return 0;
}

static int breaks_and_continues(void)
{
    int i;
    for (i = 0; i < 10; i++) {
        __try {
            if (same(i) == 1)
                continue;
            if (same(i) == 3)
                break;
            pass(".");
        } __finally {
            pass("f");
        }
        pass("|");
    }
    return i;
}

static int loops_inside(void)
{
    int i, sum = 0;
    __try {
        for (i = 0; i < 10; i++) {
            if (i == 2)
                continue;
            if (i == 5)
                break;
            sum += i;
        }
    } __finally {
        pass("f");
    }
    return sum;
}

static int jumps_out(void)
{
    __try {
        if (same(1))
            goto inside;
        pass("no");
    inside:
        pass("i");
    } __finally {
        pass("f");
    }
    __try {
        if (same(1))
            goto out;
        pass("no");
    } __finally {
        pass("g");
    }
    pass("no");
out:
    return 1;
}

static int finally_raises(void)
{
    __try {
        __try {
            thrower(FIRST);
        } __finally {
            pass("f");
            thrower(SECOND);
        }
    } __except (EXCEPTION_EXECUTE_HANDLER) {
        return (int)GetExceptionCode();
    }
    return 0;
}

static int handler_raises(void)
{
    __try {
        __try {
            thrower(FIRST);
        } __except (EXCEPTION_EXECUTE_HANDLER) {
            pass("h");
            thrower(SECOND);
        }
    } __except (GetExceptionCode() == SECOND) {
        pass("H");
        return (int)GetExceptionCode();
    }
    return 0;
}

static int try_in_finally(void)
{
    __try {
        pass("a");
    } __finally {
        __try {
            thrower(FIRST);
        } __except (EXCEPTION_EXECUTE_HANDLER) {
            pass("h");
        }
        pass(AbnormalTermination() ? "f!" : "f");
    }
    return 0;
}

static int recursion(int depth)
{
    int result = 0;
    __try {
        if (depth == 0)
            thrower(FIRST);
        result = recursion(depth - 1);
    } __finally {
        pass(AbnormalTermination() ? "u" : "n");
    }
    return result;
}

static int deep(int depth)
{
    __try {
        recursion(depth);
    } __except (EXCEPTION_EXECUTE_HANDLER) {
        pass("H");
    }
    return 0;
}

static int changed_locals(int raise)
{
    int a = 1, b = 2, c = 3;
    __try {
        a = same(10);
        b = a + same(5);
        for (int i = 0; i < raise; i++)
            c += i;
        if (raise)
            thrower(FIRST);
        c = 99;
    } __except (EXCEPTION_EXECUTE_HANDLER) {
        return a * 10000 + b * 100 + c;
    }
    return c;
}

static double returns_double(double value)
{
    __try {
        return value * 2.5;
    } __finally {
        pass("f");
    }
    return 0;
}

#define RUN(call) (passed[0] = 0, (call))
#define check(call, result, blocks)                                                                                    \
    do {                                                                                                               \
        assert_int_equal(RUN(call), result);                                                                           \
        assert_string_equal(passed, blocks);                                                                           \
        assert_int_equal(fltsim_seh_depth(), 0);                                                                       \
    } while (0)

static void leave_ends_the_body_normally(void **state)
{
    check(leaves(0), 2, "abfe");
    check(leaves(1), 1, "afe");
}

static void filters_decide(void **state)
{
    check(filters(0), 0, "ab");
    check(filters(FIRST), FIRST, "ath2");
    check(outer_filter(0), 0, "abo");
    check(outer_filter(FIRST), FIRST, "ath2o");
    check(outer_filter(SECOND), SECOND, "atH");
}

static void finally_runs_on_every_way_out(void **state)
{
    check(nested(), 4, "tf!2h");
    check(returns_through_finally(0), 9, "afe");
    check(returns_through_finally(1), 43, "af!");
    check(returns_through_three(), 101, ".1212");
    check(breaks_and_continues(), 3, ".f|f.f|f");
    check(loops_inside(), 8, "f");
    check(jumps_out(), 1, "ifg");
    check((int)returns_double(2), 5, "f");
}

static void exceptions_in_blocks_go_outwards(void **state)
{
    check(finally_raises(), SECOND, "tft");
    check(handler_raises(), SECOND, "thtH");
    check(try_in_finally(), 0, "athf");
}

static void unwinding_passes_every_level(void **state)
{
    check(deep(20), 0, "tuuuuuuuuuuuuuuuuuuuuuH");
    passed[0] = 0;
    deep(200);
    assert_int_equal(strlen(passed), 203);
}

static void handlers_see_changed_locals(void **state)
{
    check(changed_locals(4), 10 * 10000 + 15 * 100 + 9, "t");
    check(changed_locals(0), 99, "");
}

static int touch(volatile int *address)
{
    volatile int step = 0;
    __try {
        step = 1;
        *address = 5;
        step = 2;
    } __except (GetExceptionCode() == STATUS_ACCESS_VIOLATION) {
        PEXCEPTION_RECORD record = GetExceptionInformation()->ExceptionRecord;
        pass("h");
        if (record->NumberParameters == 2 && record->ExceptionInformation[0] == 1 &&
            record->ExceptionInformation[1] == (ULONG_PTR)address)
            pass("i");
    }
    return step;
}

__attribute__((no_sanitize("undefined"))) static int divide(int a, int b)
{
    volatile int result = 0;
    __try {
        result = a / b;
    } __except (GetExceptionCode() == STATUS_INTEGER_DIVIDE_BY_ZERO) {
        result = -1;
    }
    return result;
}

static void faults_are_exceptions(void **state)
{
    int good = 0;
    check(touch((int *)8), 1, "hi");
    check(touch(&good), 2, "");
    check(divide(6, 2), 3, "");
#if defined(__x86_64__)
    check(divide(5, 0), -1, "");
#endif
    for (int i = 0; i < 500; i++)
        check(touch((int *)16), 1, "hi");
}

static int probe(void *address, size_t length, ULONG alignment)
{
    __try {
        ProbeForRead(address, length, alignment);
    } __except (EXCEPTION_EXECUTE_HANDLER) {
        return (int)GetExceptionCode();
    }
    return 0;
}

static void probing_raises(void **state)
{
    int good[4];
    check(probe(NULL, 0, 4), 0, "");
    check(probe((char *)good + 1, 4, 4), STATUS_DATATYPE_MISALIGNMENT, "");
}

static NTSTATUS caught(void (*raiser)(void))
{
    __try {
        raiser();
    } __except (EXCEPTION_EXECUTE_HANDLER) {
        return GetExceptionCode();
    }
    return STATUS_SUCCESS;
}

static void raise_violation(void) { ExRaiseAccessViolation(); }
static void raise_misalignment(void) { ExRaiseDatatypeMisalignment(); }

static void raise_record(void)
{
    EXCEPTION_RECORD record = {.ExceptionCode = FIRST, .NumberParameters = 2, .ExceptionInformation = {7, 8}};
    RtlRaiseException(&record);
}

static int information_of(void)
{
    __try {
        raise_record();
    } __except (EXCEPTION_EXECUTE_HANDLER) {
        PEXCEPTION_RECORD record = GetExceptionInformation()->ExceptionRecord;
        return (int)(record->NumberParameters * 100 + record->ExceptionInformation[0] * 10 +
                     record->ExceptionInformation[1]);
    }
    return 0;
}

static void the_raising_routines_raise_what_they_say(void **state)
{
    check(caught(raise_violation), STATUS_ACCESS_VIOLATION, "");
    check(caught(raise_misalignment), STATUS_DATATYPE_MISALIGNMENT, "");
    check(caught(raise_record), FIRST, "");
    check(information_of(), 278, "");
}

/* Each thread has its own frames: a switch in a body must not mix them up. */
static int raise_with_yields(void *argument)
{
    int caught = 0;
    for (int i = 0; i < 20; i++) {
        __try {
            fltsim_yield();
            __try {
                fltsim_yield();
                ExRaiseStatus((NTSTATUS)(0xC0100000u + (unsigned)i));
            } __finally {
                fltsim_yield();
            }
        } __except (GetExceptionCode() == (NTSTATUS)(0xC0100000u + (unsigned)i)) {
            fltsim_yield();
            caught++;
        }
    }
    return caught;
}

static void frames_belong_to_their_thread(void **state)
{
    struct fltsim_thread *threads[4];
    for (int i = 0; i < 4; i++)
        threads[i] = fltsim_thread_create(NULL, raise_with_yields, NULL);
    for (int i = 0; i < 4; i++)
        assert_int_equal(fltsim_thread_join(threads[i]), 20);
}

static int start(void **state)
{
    const struct fltsim_options options = {.quiet = true};
    return fltsim_start(&options) ? 0 : -1;
}

static int stop(void **state) { return (int)fltsim_stop(NULL); }

#define seh_test(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        seh_test(leave_ends_the_body_normally),
        seh_test(filters_decide),
        seh_test(finally_runs_on_every_way_out),
        seh_test(exceptions_in_blocks_go_outwards),
        seh_test(unwinding_passes_every_level),
        seh_test(handlers_see_changed_locals),
        seh_test(faults_are_exceptions),
        seh_test(probing_raises),
        seh_test(the_raising_routines_raise_what_they_say),
        seh_test(frames_belong_to_their_thread),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
