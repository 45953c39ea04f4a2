/* Pool used as it should be: every routine, sizes around the edges, contents, alignment, special pool. */
#include "ex_test.h"

#include "ex/pool.h"

#include <fltsim/fault.h>

#define TAG ((ULONG)'tseT')

static bool is_filled(const void *body, size_t size, unsigned char byte)
{
    for (size_t i = 0; i < size; i++)
        if (((const unsigned char *)body)[i] != byte)
            return false;
    return true;
}

static void use(void *body, size_t size)
{
    assert_non_null(body);
    assert_int_equal((uintptr_t)body % (size < PAGE_SIZE ? 16 : PAGE_SIZE), 0);
    memset(body, 0x11, size);
}

static void test_sizes(void **state)
{
    static const size_t sizes[] = {1,    7,    8,    15,   16,   55,   56,    57,    63,    64,     65,     119,
                                   120,  121,  127,  128,  1000, 2048, 4000,  4040,  4095,  4096,   4097,   5000,
                                   8191, 8192, 8193, 16384, 65536, 100000, 1000000, 3000000};
    void *bodies[sizeof sizes / sizeof *sizes];
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        size_t size;
        ULONG tag;
        use(bodies[i] = ExAllocatePoolWithTag(NonPagedPoolNx, sizes[i], TAG), sizes[i]);
        assert_true(ExpIsPool(bodies[i], &size, &tag));
        assert_int_equal(size, sizes[i]);
        assert_int_equal(tag, TAG);
    }
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        ExFreePoolWithTag(bodies[i], TAG);
}

static void test_each_routine(void **state)
{
    void *bodies[] = {
        ExAllocatePool(PagedPool, 100),
        ExAllocatePoolWithTag(PagedPool, 100, TAG),
        ExAllocatePoolWithTagPriority(NonPagedPool, 100, TAG, NormalPoolPriority),
        ExAllocatePoolWithQuota(PagedPool, 100),
        ExAllocatePoolWithQuotaTag(NonPagedPoolNx, 100, TAG),
        ExAllocatePoolUninitialized(NonPagedPoolNx, 100, TAG),
        ExAllocatePoolQuotaUninitialized(PagedPool, 100, TAG),
        ExAllocatePoolPriorityUninitialized(PagedPool, 100, TAG, HighPoolPriority),
        ExAllocatePool2(POOL_FLAG_NON_PAGED | POOL_FLAG_UNINITIALIZED, 100, TAG),
        ExAllocatePoolZero(NonPagedPoolNx, 100, TAG),
        ExAllocatePoolQuotaZero(PagedPool, 100, TAG),
        ExAllocatePoolPriorityZero(PagedPool, 100, TAG, LowPoolPriority),
        ExAllocatePool2(POOL_FLAG_PAGED, 100, TAG),
        ExAllocatePool3(POOL_FLAG_NON_PAGED_EXECUTE, 100, TAG, NULL, 0),
    };
    for (size_t i = 0; i < 14; i++) {
        assert_non_null(bodies[i]);
        assert_true(is_filled(bodies[i], 100, i < 9 ? POOL_FRESH_BYTE : 0));
        if (i % 3 == 0)
            ExFreePool(bodies[i]);
        else if (i % 3 == 1)
            ExFreePoolWithTag(bodies[i], 0);
        else
            ExFreePool2(bodies[i], 0, NULL, 0);
    }
}

static void test_pages_are_aligned(void **state)
{
    static const size_t sizes[] = {1, 24, 2048, PAGE_SIZE - 1, PAGE_SIZE, PAGE_SIZE + 1, 2 * PAGE_SIZE - 8, 3 * PAGE_SIZE};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        void *bodies[] = {
            ExAllocatePool(PagedPool, sizes[i]),
            ExAllocatePoolWithTag(NonPagedPool, sizes[i], TAG),
            ExAllocatePoolWithTagPriority(NonPagedPoolNx, sizes[i], TAG, NormalPoolPriority),
            ExAllocatePoolWithQuota(PagedPool, sizes[i]),
            ExAllocatePoolWithQuotaTag(NonPagedPoolNx, sizes[i], TAG),
            ExAllocatePoolUninitialized(NonPagedPoolNx, sizes[i], TAG),
            ExAllocatePoolQuotaUninitialized(PagedPool, sizes[i], TAG),
            ExAllocatePoolPriorityUninitialized(PagedPool, sizes[i], TAG, HighPoolPriority),
            ExAllocatePoolZero(NonPagedPoolNx, sizes[i], TAG),
            ExAllocatePoolQuotaZero(PagedPool, sizes[i], TAG),
            ExAllocatePoolPriorityZero(PagedPool, sizes[i], TAG, LowPoolPriority),
            ExAllocatePool2(POOL_FLAG_PAGED, sizes[i], TAG),
            ExAllocatePool2(POOL_FLAG_NON_PAGED | POOL_FLAG_CACHE_ALIGNED, sizes[i], TAG),
            ExAllocatePool3(POOL_FLAG_NON_PAGED_EXECUTE, sizes[i], TAG, NULL, 0),
        };
        for (size_t j = 0; j < sizeof bodies / sizeof *bodies; j++) {
            use(bodies[j], sizes[i]);
            ExFreePool(bodies[j]);
        }
    }
}

static void test_invalid_requests(void **state)
{
    const POOL_EXTENDED_PARAMETER unknown = {.Type = 77}, optional = {.Type = 77, .Optional = 1};
    assert_null(ExAllocatePool2(POOL_FLAG_NON_PAGED, 100, 0));
    assert_null(ExAllocatePool2(POOL_FLAG_NON_PAGED, 0, TAG));
    assert_null(ExAllocatePool2(0, 100, TAG));
    assert_null(ExAllocatePool2(POOL_FLAG_NON_PAGED | POOL_FLAG_PAGED, 100, TAG));
    assert_null(ExAllocatePool2(POOL_FLAG_NON_PAGED | POOL_FLAG_RESERVED1, 100, TAG));
    assert_null(ExAllocatePool3(POOL_FLAG_PAGED, 100, TAG, &unknown, 1));
    void *body = ExAllocatePool3(POOL_FLAG_PAGED, 100, TAG, &optional, 1);
    assert_non_null(body);
    ExFreePool(body);
    assert_null(ExAllocatePoolWithTag(PagedPool, (SIZE_T)-1, TAG));
    assert_null(ExAllocatePoolWithTag(PagedPool, (SIZE_T)1 << 60, TAG));
}

static void test_raising(void **state)
{
    NTSTATUS volatile status = STATUS_SUCCESS;
    __try {
        ExAllocatePoolWithQuotaTag(PagedPool, (SIZE_T)1 << 60, TAG);
    } __except (EXCEPTION_EXECUTE_HANDLER) {
        status = GetExceptionCode();
    }
    assert_int_equal(status, STATUS_INSUFFICIENT_RESOURCES);
    assert_null(ExAllocatePoolWithQuotaTag(PagedPool | POOL_QUOTA_FAIL_INSTEAD_OF_RAISE, (SIZE_T)1 << 60, TAG));
}

static void test_reuse_comes_late(void **state)
{
    void *first = ExAllocatePoolWithTag(NonPagedPoolNx, 40, TAG);
    ExFreePool(first);
    assert_true(is_filled(first, 40, POOL_FREED_BYTE));
    for (int i = 0; i < 1000; i++) {
        void *body = ExAllocatePoolWithTag(NonPagedPoolNx, 40, TAG);
        if (i < 10)
            assert_ptr_not_equal(body, first);
        ExFreePool(body);
    }
}

static int start_special(void **state)
{
    assert_true(fltsim_start(&(struct fltsim_options){.special_pool = true}));
    return 0;
}

/* More than the host has pages with guards for: the rest are ordinary blocks. */
static void test_special_pool_gives_as_many_blocks_as_are_asked_for(void **state)
{
    enum { MANY = 40000 };
    static PULONG blocks[MANY];
    for (ULONG i = 0; i < MANY; i++) {
        blocks[i] = ExAllocatePoolWithTag(i % 2 ? PagedPool : NonPagedPool, i % 100 == 99 ? 5000 : 24, TAG);
        assert_non_null(blocks[i]);
        *blocks[i] = i;
    }
    for (ULONG i = 0; i < MANY; i++) {
        assert_int_equal(*blocks[i], i);
        ExFreePoolWithTag(blocks[i], TAG);
    }
}

static void test_some_allocations_fail(void **state)
{
    unsigned failed = 0;
    fltsim_fail_some_allocations(4, 1);
    for (int i = 0; i < 400; i++) {
        PVOID body = ExAllocatePoolWithTag(NonPagedPool, 8, TAG);
        failed += !body;
        if (body)
            ExFreePoolWithTag(body, TAG);
    }
    assert_true(fltsim_allocation_failed());
    assert_in_range(failed, 60, 140);
    fltsim_fail_some_allocations(0, 0);
    PVOID body = ExAllocatePoolWithTag(NonPagedPool, 8, TAG);
    assert_non_null(body);
    ExFreePoolWithTag(body, TAG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_sizes),
        TEST(test_some_allocations_fail),
        TEST(test_each_routine),
        TEST(test_pages_are_aligned),
        TEST(test_invalid_requests),
        TEST(test_raising),
        TEST(test_reuse_comes_late),
        cmocka_unit_test_setup_teardown(test_sizes, start_special, stop_clean),
        cmocka_unit_test_setup_teardown(test_each_routine, start_special, stop_clean),
        cmocka_unit_test_setup_teardown(test_pages_are_aligned, start_special, stop_clean),
        cmocka_unit_test_setup_teardown(test_special_pool_gives_as_many_blocks_as_are_asked_for, start_special, stop_clean),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
