#include "plat.h"

#include "plat/fault.h"
#include "plat/pages.h"
#include "plat/process.h"

#include <alloca.h>

static char *pages;
static int faults;
static struct plat_fault last;
static jmp_buf out;

static bool take(const struct plat_fault *fault) { return true; }
static bool leave(const struct plat_fault *fault) { return false; }

static void escape(const struct plat_fault *fault)
{
    faults++;
    last = *fault;
    longjmp(out, 1);
}

static void open_page(const struct plat_fault *fault)
{
    faults++;
    last = *fault;
    memset(alloca(512), 0xEE, 512);
    plat_pages_protect(pages, plat_page_size(), PLAT_READ_WRITE);
    plat_fault_resume(fault);
}

static int start(void **state)
{
    faults = 0;
    pages = plat_pages_alloc(plat_page_size(), PLAT_NO_ACCESS);
    return pages ? 0 : -1;
}

static int stop(void **state)
{
    plat_fault_remove();
    plat_pages_free(pages, plat_page_size());
    return 0;
}

static void a_fault_calls_the_routine(void **state)
{
    plat_fault_install(take, escape);
    for (int i = 1; i <= 3; i++) {
        if (setjmp(out) == 0)
            *(volatile char *)(pages + 5) = 1;
        assert_int_equal(faults, i);
        assert_int_equal(last.kind, PLAT_FAULT_ACCESS);
        assert_ptr_equal(last.address, pages + 5);
        assert_true(last.write);
    }
    if (setjmp(out) == 0)
        (void)*(volatile char *)(pages + 6);
    assert_false(last.write);
}

/* All registers survive: the sum is kept in them over the faulting access. */
__attribute__((noinline)) static long sum_over_fault(volatile char *at, long a, long b, long c, double d)
{
    long before = a * 3 + b * 5;
    double half = d / 2;
    *at = 7;
    return before + c + (long)(half * 2) + *at;
}

static void a_resumed_instruction_succeeds(void **state)
{
    plat_fault_install(take, open_page);
    assert_int_equal(sum_over_fault(pages + 9, 1, 2, 3, 4), 3 + 10 + 3 + 4 + 7);
    assert_int_equal(faults, 1);
    assert_int_equal(pages[9], 7);
}

/* In a child: what nobody takes kills it as ever. */
static int touch(void *argument)
{
    plat_fault_install(leave, escape);
    *(volatile char *)pages = 1;
    return 0;
}

static void what_is_not_ours_goes_where_it_went_before(void **state)
{
    struct plat_exit result;
    char *output;
    assert_true(plat_process_fork(touch, NULL, 10000, &result, &output));
    assert_true(result.signal != 0 || result.code != 0);
    assert_false(result.timed_out);
    free(output);
}

static void backtraces_find_callers(void **state)
{
    void *frames[16];
    size_t count = plat_backtrace(frames, 16);
    assert_true(count >= 1);
    for (size_t i = 0; i < count; i++)
        assert_non_null(frames[i]);
}

#define fault_test(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        fault_test(a_fault_calls_the_routine),
        fault_test(a_resumed_instruction_succeeds),
        fault_test(what_is_not_ours_goes_where_it_went_before),
        fault_test(backtraces_find_callers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
