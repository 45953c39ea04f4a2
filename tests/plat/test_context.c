#include "plat.h"

#include "plat/context.h"
#include "plat/pages.h"

static struct plat_context home, other;
static int steps;
static double kept;

static void body(void *argument)
{
    double local = *(double *)argument;
    for (int i = 0; i < 3; i++) {
        steps++;
        plat_context_switch(&other, &home);
        local *= 2;
    }
    kept = local;
    plat_context_leave(&other, &home);
}

static void a_context_keeps_its_place_and_locals(void **state)
{
    struct plat_stack stack;
    double start = 1.5;
    steps = 0;
    kept = 0;
    assert_true(plat_stack_get(&stack, 65536));
    plat_context_adopt(&home);
    plat_context_make(&other, &stack, body, &start);
    for (int i = 1; i <= 3; i++) {
        plat_context_switch(&home, &other);
        assert_int_equal(steps, i);
    }
    plat_context_switch(&home, &other);
    assert_true(kept == 12);
    plat_context_destroy(&other);
    plat_context_destroy(&home);
    plat_stack_put(&stack);
    assert_null(stack.base);
}

static void aligned_body(void *argument)
{
    volatile _Alignas(16) char block[16];
    *(uintptr_t *)argument = (uintptr_t)__builtin_frame_address(0) % 16;
    block[0] = 1;
    assert_int_equal((uintptr_t)block % 16, 0);
    plat_context_leave(&other, &home);
}

static void a_new_stack_is_aligned(void **state)
{
    struct plat_stack stack;
    uintptr_t frame = 1;
    plat_stack_get(&stack, 65536);
    plat_context_adopt(&home);
    plat_context_make(&other, &stack, aligned_body, &frame);
    plat_context_switch(&home, &other);
    assert_int_equal(frame, 0);
    plat_context_destroy(&other);
    plat_context_destroy(&home);
    plat_stack_put(&stack);
}

static void stacks_come_from_the_pool(void **state)
{
    struct plat_stack first, second;
    plat_stack_get(&first, 262144);
    void *base = first.base;
    memset(base, 0x55, first.size);
    plat_stack_put(&first);
    plat_stack_get(&second, 262144);
    assert_ptr_equal(second.base, base);
    assert_false(plat_pages_readable((char *)base - 1, 1));
    plat_stack_put(&second);
}

static void pages_are_protected(void **state)
{
    size_t page = plat_page_size();
    char *pages = plat_pages_alloc(2 * page, PLAT_READ_WRITE);
    assert_non_null(pages);
    assert_int_equal(pages[page], 0);
    assert_true(plat_pages_readable(pages, 2 * page));
    assert_true(plat_pages_protect(pages + page, page, PLAT_NO_ACCESS));
    assert_true(plat_pages_readable(pages, page));
    assert_false(plat_pages_readable(pages, page + 1));
    assert_false(plat_pages_readable((void *)16, 1));
    assert_true(plat_pages_readable(NULL, 0));
    plat_pages_free(pages, 2 * page);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_context_keeps_its_place_and_locals),
        cmocka_unit_test(a_new_stack_is_aligned),
        cmocka_unit_test(stacks_come_from_the_pool),
        cmocka_unit_test(pages_are_protected),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
