/* Pool used wrongly: each rule is reported, with who allocated and who freed; the right twins are in test_pool.c. */
#include "ex_test.h"

#include "ex/pool.h"
#include "verify/verify.h"

#define TAG ((ULONG)'tseT')

static __attribute__((noinline)) unsigned char *allocate(size_t size)
{
    unsigned char *volatile body = ExAllocatePoolWithTag(NonPagedPoolNx, size, TAG);
    return body;
}

static __attribute__((noinline)) void give_back(void *body)
{
    ExFreePoolWithTag(body, TAG);
    __asm__ volatile("" ::: "memory");
}

static void test_leak(void **state)
{
    allocate(100);
    allocate(100);
    expect_report("pool-leak", "2 blocks of pool tagged 'Test' (200 bytes) were left allocated when the machine stopped.",
                  "allocated by allocate (test_pool_wrong.c:");
}

static void test_leak_of_a_driver(void **state)
{
    verify_register_driver("leaky", (const void *)give_back);
    allocate(10);
    ExpReportDriver("leaky");
    assert_int_equal(fltsim_violations(), 1);
    ExpReportDriver("leaky");
    assert_int_equal(fltsim_violations(), 1);
    verify_unregister_driver("leaky");
    expect_report("pool-leak", "1 block of pool tagged 'Test' (10 bytes) was left allocated when leaky unloaded.",
                  "allocated by allocate");
}

static void free_twice(void *unused)
{
    void *body = allocate(24);
    give_back(body);
    give_back(body);
}

static void test_double_free(void **state)
{
    assert_false(fltsim_try(free_twice, NULL));
    expect_report("double-free", "ExFreePoolWithTag was given the block", "freed by give_back");
}

static void free_big_twice(void *unused)
{
    void *body = allocate(10000);
    give_back(body);
    give_back(body);
}

static void test_double_free_of_pages(void **state)
{
    assert_false(fltsim_try(free_big_twice, NULL));
    expect_report("double-free", "which is free already", "10000 bytes tagged 'Test' allocated by allocate");
}

static void free_with_other_tag(void *unused) { ExFreePoolWithTag(allocate(24), 'rehO'); }

static void test_wrong_tag(void **state)
{
    assert_false(fltsim_try(free_with_other_tag, NULL));
    expect_report("pool-wrong-tag", "was given the tag 'Oher' for the block", "and now freed by free_with_other_tag");
}

static void test_wrong_tag_as_warning(void **state)
{
    fltsim_set_policy("pool-wrong-tag", FLTSIM_WARN);
    free_with_other_tag(NULL);
    assert_int_equal(fltsim_stop(NULL), 0);
}

static void test_wrong_tag_goes_on(void **state)
{
    fltsim_set_policy("pool-wrong-tag", FLTSIM_GO_ON);
    free_with_other_tag(NULL);
    expect_report("pool-wrong-tag", "was given the tag 'Oher' for the block", "and now freed by free_with_other_tag");
}

static void free_stack(void *unused)
{
    _Alignas(16) char memory[256] = {0};
    ExFreePool(memory + 128);
}

static void free_null(void *unused)
{
    void *volatile nothing = NULL;
    ExFreePool(nothing);
}

static void free_inside(void *unused)
{
    unsigned char *body = allocate(400);
    ExFreePool(body + 16);
}

static void test_free_of_what_is_no_pool(void **state)
{
    assert_false(fltsim_try(free_stack, NULL));
    expect_report("pool-bad-free", "not the start of a pool block", "called by free_stack");
    start_quiet_machine(NULL);
    assert_false(fltsim_try(free_null, NULL));
    expect_report("pool-bad-free", "null pointer", "called by free_null");
    start_quiet_machine(NULL);
    assert_false(fltsim_try(free_inside, NULL));
    expect_report("pool-bad-free", "not the start", "called by free_inside");
}

static void test_free_of_null_goes_on_and_says_with_which_parameters_windows_would_not(void **state)
{
    struct fltsim_report *report;
    _Alignas(16) char memory[256] = {0};
    fltsim_set_policy("pool-bad-free", FLTSIM_GO_ON);
    ExFreePoolWithTag(memory + 128, TAG);
    free_null(NULL);
    assert_int_equal(fltsim_stop(&report), 2);
    const struct fltsim_violation *v = report->violations;
    assert_int_equal(v[0].bugcheck, 0xC2);
    assert_int_equal(v[0].parameters[0], 0x46);
    assert_int_equal(v[0].parameters[1], (ULONG_PTR)(memory + 128));
    assert_int_equal(v[0].parameters[2], TAG);
    assert_string_equal(v[1].what, "ExFreePool was given a null pointer.");
    fltsim_report_free(report);
}

static void write_behind(void *unused)
{
    unsigned char *volatile body = allocate(30);
    body[30] = body[31] = 0;
    give_back(body);
}

static void write_before(void *unused)
{
    unsigned char *volatile body = allocate(30);
    body[-1] = 0;
    give_back(body);
}

static void test_overrun(void **state)
{
    assert_false(fltsim_try(write_behind, NULL));
    expect_report("pool-corruption", "behind its end", "30 bytes tagged 'Test' allocated by allocate");
    start_quiet_machine(NULL);
    assert_false(fltsim_try(write_before, NULL));
    expect_report("pool-corruption", "before its start", "noticed when ExFreePoolWithTag was called by give_back");
}

static void test_overrun_found_at_the_end(void **state)
{
    unsigned char *volatile body = allocate(5000);
    body[5000] = 1;
    fltsim_set_policy("pool-corruption", FLTSIM_WARN);
    fltsim_expect("pool-corruption");
    fltsim_expect("pool-leak");
    assert_int_equal(fltsim_stop(NULL), 0);
}

static void test_write_after_free(void **state)
{
    unsigned char *volatile body = allocate(48);
    give_back(body);
    body[20] = 7;
    expect_report("pool-use-after-free", "at offset 20 after it was freed", "freed by give_back");
}

static void test_write_after_free_found_at_reuse(void **state)
{
    unsigned char *volatile body = allocate(48);
    give_back(body);
    body[47] = 7;
    for (int i = 0; i < 100; i++)
        give_back(allocate(48));
    assert_int_equal(fltsim_violations(), 1);
    expect_report("pool-use-after-free", "at offset 47", "48 bytes tagged 'Test' allocated by allocate");
}

static void test_paged_pool_at_dispatch(void **state)
{
    KIRQL old;
    KeRaiseIrql(DISPATCH_LEVEL, &old);
    void *body = ExAllocatePoolWithTag(PagedPool, 10, TAG);
    KeLowerIrql(old);
    ExFreePool(body);
    expect_report("irql-too-high", "ExAllocatePoolWithTag for paged pool was called at DISPATCH_LEVEL",
                  "called by test_paged_pool_at_dispatch");
}

static void test_paged_pool_freed_at_dispatch(void **state)
{
    KIRQL old;
    void *body = ExAllocatePoolWithTag(PagedPool, 10, TAG);
    KeRaiseIrql(DISPATCH_LEVEL, &old);
    ExFreePool(body);
    KeLowerIrql(old);
    expect_report("irql-too-high", "ExFreePool for paged pool was called at DISPATCH_LEVEL", "called by");
}

/* ---- special pool: at the instruction itself ---- */

static void special(void (*body)(void *))
{
    assert_true(fltsim_start(&(struct fltsim_options){.quiet = true, .special_pool = true}));
    assert_false(fltsim_try(body, NULL));
}

static void touch_behind(void *unused)
{
    unsigned char *volatile body = allocate(32);
    body[32] = 1;
}

static void touch_freed(void *unused)
{
    unsigned char *volatile body = allocate(32);
    give_back(body);
    (void)*(volatile unsigned char *)body;
}

static void free_at_dispatch(void)
{
    KIRQL old;
    void *nonpaged = allocate(10), *paged = ExAllocatePoolWithTag(PagedPool, 10, TAG);
    KeRaiseIrql(DISPATCH_LEVEL, &old);
    ExFreePool(nonpaged);
    ExFreePool(paged);
    KeLowerIrql(old);
}

static void test_special_pool(void **state)
{
    assert_true(fltsim_start(&(struct fltsim_options){.quiet = true, .special_pool = true}));
    free_at_dispatch();
    expect_report("irql-too-high", "ExFreePool for paged pool was called at DISPATCH_LEVEL", "called by");
    special(touch_behind);
    expect_report("pool-corruption", "A write at offset 32 of the pool block", "and now written by touch_behind");
    special(touch_freed);
    expect_report("pool-use-after-free", "A read at offset 0", "freed by give_back");
    special(free_twice);
    expect_report("double-free", "which is free already", "and again by give_back");
    special(free_with_other_tag);
    expect_report("pool-wrong-tag", "'Oher'", "allocated by allocate");
    special(write_before);
    expect_report("pool-corruption", "next to the pool block", "freed by give_back");
}

static void touch_the_last_of_many_freed(void *unused)
{
    enum { LIVE = 3000, FREED = 6000 };
    static void *live[LIVE];
    unsigned char *volatile body = NULL;
    for (size_t i = 0; i < LIVE; i++)
        live[i] = allocate(32);
    for (size_t i = 0; i < FREED; i++) {
        body = allocate(32);
        give_back(body);
    }
    for (size_t i = 0; i < LIVE; i += 2)
        give_back(live[i]);
    for (size_t i = 1; i < LIVE; i += 2)
        give_back(live[i]);
    (void)*(volatile unsigned char *)live[1];
}

static void test_special_pool_remembers_the_latest_of_many_freed(void **state)
{
    special(touch_the_last_of_many_freed);
    expect_report("pool-use-after-free", "A read at offset 0", "freed by give_back");
}

static void test_special_pool_leak(void **state)
{
    assert_true(fltsim_start(&(struct fltsim_options){.quiet = true, .special_pool = true}));
    allocate(10);
    expect_report("pool-leak", "1 block of pool", "allocated by allocate");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WRONG(test_leak),
        WRONG(test_leak_of_a_driver),
        WRONG(test_double_free),
        WRONG(test_double_free_of_pages),
        WRONG(test_wrong_tag),
        WRONG(test_wrong_tag_as_warning),
        WRONG(test_wrong_tag_goes_on),
        WRONG(test_free_of_what_is_no_pool),
        WRONG(test_free_of_null_goes_on_and_says_with_which_parameters_windows_would_not),
        WRONG(test_overrun),
        WRONG(test_overrun_found_at_the_end),
        WRONG(test_write_after_free),
        WRONG(test_write_after_free_found_at_reuse),
        WRONG(test_paged_pool_at_dispatch),
        WRONG(test_paged_pool_freed_at_dispatch),
        cmocka_unit_test(test_special_pool),
        cmocka_unit_test(test_special_pool_remembers_the_latest_of_many_freed),
        cmocka_unit_test(test_special_pool_leak),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
