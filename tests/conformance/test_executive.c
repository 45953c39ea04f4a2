/* Pool, lists, interlocked arithmetic and resources. All of it was seen on Windows by
 * published kernel test suites. */
#include "stage.h"

#define TAG 'tseT'

/* ---- pool ---- */

static void blocks_are_aligned_by_their_size(void)
{
    static const struct {
        SIZE_T size;
        ULONG_PTR alignment;
    } rows[] = {{sizeof(LIST_ENTRY), sizeof(LIST_ENTRY)}, {PAGE_SIZE, PAGE_SIZE}, {PAGE_SIZE + 1, PAGE_SIZE}};
    static const POOL_TYPE pools[] = {NonPagedPool, PagedPool};
    for (size_t i = 0; i < ARRAYSIZE(rows); i++) {
        for (size_t k = 0; k < ARRAYSIZE(pools); k++) {
            PVOID plain = ExAllocatePoolWithTag(pools[k], rows[i].size, TAG);
            PVOID quota = ExAllocatePoolWithQuotaTag((POOL_TYPE)(pools[k] | POOL_QUOTA_FAIL_INSTEAD_OF_RAISE), rows[i].size, TAG);
            assert_true(plain && quota);
            assert_int_equal((ULONG_PTR)plain % rows[i].alignment, 0);
            assert_int_equal((ULONG_PTR)quota % rows[i].alignment, 0);
            ExFreePoolWithTag(quota, TAG);
            ExFreePoolWithTag(plain, TAG);
        }
    }
}

static void blocks_of_many_sizes_are_writable_to_their_end(void)
{
    for (ULONG i = 1; i < 2000; i++) {
        SIZE_T size = i * 10 + (i % 10 != 0) + (i % 25 ? 13 : 0);
        PUCHAR block = ExAllocatePoolWithTag(i & 1 ? NonPagedPool : PagedPool, size, TAG);
        assert_non_null(block);
        RtlFillMemory(block, size, 0xAB);
        assert_int_equal(block[size - 1], 0xAB);
        ExFreePoolWithTag(block, TAG);
    }
}

/* ---- lists ---- */

static void linked(PLIST_ENTRY head, const PLIST_ENTRY *entries, size_t count)
{
    PLIST_ENTRY at = head;
    for (size_t i = 0; i < count; i++) {
        assert_ptr_equal(at->Flink, entries[i]);
        assert_ptr_equal(entries[i]->Blink, at);
        at = entries[i];
    }
    assert_ptr_equal(at->Flink, head);
    assert_ptr_equal(head->Blink, at);
    assert_int_equal(KeGetCurrentIrql(), PASSIVE_LEVEL);
}

static void an_interlocked_list_tells_who_was_first_or_last(void)
{
    KSPIN_LOCK lock;
    LIST_ENTRY head, e[3];
    KeInitializeSpinLock(&lock);
    memset(&head, 0x55, sizeof head);
    InitializeListHead(&head);
    linked(&head, NULL, 0);
    for (int tail = false; tail <= true; tail++) {
        assert_null(tail ? ExInterlockedInsertTailList(&head, &e[0], &lock) : ExInterlockedInsertHeadList(&head, &e[0], &lock));
        linked(&head, (PLIST_ENTRY[]){&e[0]}, 1);
        assert_ptr_equal(ExInterlockedRemoveHeadList(&head, &lock), &e[0]);
        assert_ptr_equal(e[0].Flink, &head);
        assert_ptr_equal(e[0].Blink, &head);
        assert_null(ExInterlockedRemoveHeadList(&head, &lock));
        linked(&head, NULL, 0);
    }
    assert_null(ExInterlockedInsertTailList(&head, &e[0], &lock));
    assert_ptr_equal(ExInterlockedInsertHeadList(&head, &e[1], &lock), &e[0]);
    linked(&head, (PLIST_ENTRY[]){&e[1], &e[0]}, 2);
    assert_ptr_equal(ExInterlockedInsertTailList(&head, &e[2], &lock), &e[0]);
    linked(&head, (PLIST_ENTRY[]){&e[1], &e[0], &e[2]}, 3);
}

/* The same steps on either kind of singly linked list. */
enum step { PUSH0, PUSH1, PUSH2, POP, FLUSH };

static void a_stack_tells_what_was_on_top(void)
{
    static const struct {
        enum step step;
        int told, top, depth; /* entries by number; -1: none */
    } rows[] = {
        {FLUSH, -1, -1, 0}, {POP, -1, -1, 0},   {PUSH0, -1, 0, 1}, {PUSH1, 0, 1, 2}, {POP, 1, 0, 1},
        {POP, 0, -1, 0},    {POP, -1, -1, 0},   {PUSH0, -1, 0, 1}, {PUSH1, 0, 1, 2}, {POP, 1, 0, 1},
        {PUSH1, 0, 1, 2},   {PUSH2, 1, 2, 3},   {FLUSH, 2, -1, 0},
    };
    DECLSPEC_ALIGN(16) static SLIST_HEADER sequenced;
    DECLSPEC_ALIGN(16) static SLIST_ENTRY s[3];
    SINGLE_LIST_ENTRY single = {NULL}, e[3];
    KSPIN_LOCK lock;
    KIRQL irql;

    KeInitializeSpinLock(&lock);
    memset(&sequenced, 0x55, sizeof sequenced);
    memset(s, 0x55, sizeof s);
    KeRaiseIrql(HIGH_LEVEL, &irql);
    InitializeSListHead(&sequenced);
    for (size_t i = 0; i < ARRAYSIZE(rows); i++) {
        PSLIST_ENTRY told;
        PSINGLE_LIST_ENTRY too = NULL;
        if (rows[i].step == FLUSH) {
            told = ExInterlockedFlushSList(&sequenced);
            single.Next = NULL;
        } else if (rows[i].step == POP) {
            told = ExInterlockedPopEntrySList(&sequenced, &lock);
            too = ExInterlockedPopEntryList(&single, &lock);
        } else {
            told = ExInterlockedPushEntrySList(&sequenced, &s[rows[i].step], &lock);
            too = ExInterlockedPushEntryList(&single, &e[rows[i].step], &lock);
            assert_ptr_equal(s[rows[i].step].Next, told);
            assert_ptr_equal(e[rows[i].step].Next, too);
        }
        assert_ptr_equal(told, rows[i].told < 0 ? NULL : &s[rows[i].told]);
        if (rows[i].step != FLUSH)
            assert_ptr_equal(too, rows[i].told < 0 ? NULL : &e[rows[i].told]);
        assert_ptr_equal(single.Next, rows[i].top < 0 ? NULL : &e[rows[i].top]);
        assert_int_equal(ExQueryDepthSList(&sequenced), rows[i].depth);
        assert_int_equal(KeGetCurrentIrql(), HIGH_LEVEL);
    }
    KeLowerIrql(irql);
}

/* ---- interlocked arithmetic ---- */

static void interlocked_routines_answer_before_or_after(void)
{
    LONG v;
    LONGLONG v64;
    ULONG u;
    PVOID p;
    LARGE_INTEGER large;
    KSPIN_LOCK lock;
    KIRQL irql;
    static const KIRQL levels[] = {PASSIVE_LEVEL, HIGH_LEVEL};

    KeInitializeSpinLock(&lock);
    for (size_t i = 0; i < ARRAYSIZE(levels); i++) {
        KeRaiseIrql(levels[i], &irql);
#define IS(variable, start, call, answer, after)                                                                       \
    (variable = (start), assert_true((call) == (answer)), assert_true(variable == (after)))
        IS(v, 5, InterlockedCompareExchange(&v, 8, 6), 5, 5);
        IS(v, 5, InterlockedCompareExchange(&v, 9, 5), 5, 9);
        IS(v, 16, InterlockedCompareExchangeAcquire(&v, 4, 16), 16, 4);
        IS(v, 27, InterlockedCompareExchangeRelease(&v, 38, 123), 27, 27);
        IS(p, (PVOID)117, InterlockedCompareExchangePointer(&p, (PVOID)12, (PVOID)711), (PVOID)117, (PVOID)117);
        IS(p, (PVOID)117, InterlockedCompareExchangePointer(&p, (PVOID)228, (PVOID)117), (PVOID)117, (PVOID)228);
        IS(v64, 17, InterlockedCompareExchange64(&v64, 20, 4), 17, 17);
        IS(v64, 17, InterlockedCompareExchange64(&v64, 21, 17), 17, 21);
        IS(v, 5, InterlockedExchange(&v, 8), 5, 8);
        IS(p, (PVOID)700, InterlockedExchangePointer(&p, (PVOID)93), (PVOID)700, (PVOID)93);
        IS(v, 312, InterlockedExchangeAdd(&v, 7), 312, 319);
        IS(u, 239, ExInterlockedAddUlong(&u, 44, &lock), 239, 283);
        large.QuadPart = 23;
        assert_int_equal(ExInterlockedAddLargeInteger(&large, (LARGE_INTEGER){.QuadPart = 7}, &lock).QuadPart, 23);
        assert_int_equal(large.QuadPart, 30);
        large.QuadPart = 15;
        ExInterlockedAddLargeStatistic(&large, 17);
        assert_int_equal(large.QuadPart, 32);
        IS(v, 2341, InterlockedIncrement(&v), 2342, 2342);
        IS(v, MAXLONG, InterlockedIncrement(&v), (LONG)MINLONG, (LONG)MINLONG);
        IS(v, 2341, InterlockedIncrementAcquire(&v), 2342, 2342);
        IS(v, 1745, InterlockedDecrement(&v), 1744, 1744);
        IS(v, (LONG)MINLONG, InterlockedDecrement(&v), MAXLONG, MAXLONG);
        IS(v, 1745, InterlockedDecrementRelease(&v), 1744, 1744);
        IS(v, 0x1234, InterlockedAnd(&v, 0x1111), 0x1234, 0x1010);
        IS(v, 0x1234, InterlockedOr(&v, 0x1111), 0x1234, 0x1335);
        IS(v, 0x1234, InterlockedXor(&v, 0x1111), 0x1234, 0x0325);
        IS(v64, 0x200001234, InterlockedXor64(&v64, 0x100001111), 0x200001234, 0x300000325);
        KeLowerIrql(irql);
    }
}

/* ---- resources ---- */

static ERESOURCE resource;

static void check_resource(bool exclusive, ULONG shared, ULONG exclusive_waiters, ULONG shared_waiters)
{
    assert_int_equal(ExIsResourceAcquiredExclusiveLite(&resource), exclusive);
    assert_int_equal(ExIsResourceAcquiredSharedLite(&resource), shared);
    assert_int_equal(ExGetExclusiveWaiterCount(&resource), exclusive_waiters);
    assert_int_equal(ExGetSharedWaiterCount(&resource), shared_waiters);
}

typedef BOOLEAN acquire_routine(PERESOURCE resource, BOOLEAN wait);

static void an_owner_acquires_again(void)
{
    static acquire_routine *const shared[] = {ExAcquireResourceSharedLite, ExAcquireSharedStarveExclusive,
                                              ExAcquireSharedWaitForExclusive};
    KIRQL irql;

    irql = KeRaiseIrqlToDpcLevel();
    succeeds(ExInitializeResourceLite(&resource));
    KeLowerIrql(APC_LEVEL);
    succeeds(ExDeleteResourceLite(&resource));
    KeLowerIrql(irql);
    memset(&resource, 0x55, sizeof resource);
    succeeds(ExInitializeResourceLite(&resource));
    assert_int_equal(resource.ActiveCount, 0);
    assert_int_equal(resource.Flag, 0);
    assert_int_equal(resource.ContentionCount, 0);
    check_resource(false, 0, 0, 0);
    KeEnterCriticalRegion();
    for (int exclusive = false; exclusive <= true; exclusive++) {
        ULONG count = 0;
        if (exclusive) {
            for (int wait = FALSE; wait <= TRUE; wait++) {
                assert_true(ExAcquireResourceExclusiveLite(&resource, (BOOLEAN)wait));
                check_resource(true, ++count, 0, 0);
            }
        }
        for (size_t i = 0; i < ARRAYSIZE(shared); i++) {
            for (int wait = FALSE; wait <= TRUE; wait++) {
                assert_true(shared[i](&resource, (BOOLEAN)wait));
                check_resource(exclusive, ++count, 0, 0);
            }
        }
        if (exclusive)
            ExConvertExclusiveToSharedLite(&resource);
        else
            assert_false(ExAcquireResourceExclusiveLite(&resource, FALSE));
        check_resource(false, count, 0, 0);
        while (count--)
            ExReleaseResourceLite(&resource);
        check_resource(false, 0, 0, 0);
    }
    KeLeaveCriticalRegion();
    succeeds(ExReinitializeResourceLite(&resource));
    check_resource(false, 0, 0, 0);
    succeeds(ExDeleteResourceLite(&resource));
}

static struct taker {
    acquire_routine *acquire;
    BOOLEAN wait, got;
    KEVENT taken, done;
    struct fltsim_thread *thread;
} takers[5];
enum { SHARED, SHARED_TOO, EXCLUSIVE, STARVING, WAITING };

static int take(void *argument)
{
    struct taker *taker = argument;
    KeEnterCriticalRegion();
    taker->got = taker->acquire(&resource, taker->wait);
    KeSetEvent(&taker->taken, 0, FALSE);
    KeWaitForSingleObject(&taker->done, Executive, KernelMode, FALSE, NULL);
    if (taker->got)
        ExReleaseResourceLite(&resource);
    KeLeaveCriticalRegion();
    return 0;
}

/* Whether it is through within 10 ms. */
static bool begin(int who, acquire_routine *acquire, BOOLEAN wait)
{
    LARGE_INTEGER timeout = {.QuadPart = -10 * 10000};
    struct taker *taker = &takers[who];
    taker->acquire = acquire;
    taker->wait = wait;
    KeInitializeEvent(&taker->taken, NotificationEvent, FALSE);
    KeInitializeEvent(&taker->done, NotificationEvent, FALSE);
    taker->thread = fltsim_thread_create(NULL, take, taker);
    return KeWaitForSingleObject(&taker->taken, Executive, KernelMode, FALSE, wait ? &timeout : NULL) == STATUS_SUCCESS;
}

static void end(int who)
{
    KeSetEvent(&takers[who].done, 0, FALSE);
    fltsim_thread_join(takers[who].thread);
}

static void waiters_are_served_in_turn_and_only_the_starving_pass_them(void)
{
    succeeds(ExInitializeResourceLite(&resource));
    assert_true(begin(SHARED, ExAcquireResourceSharedLite, FALSE) && takers[SHARED].got);
    assert_int_equal(resource.ActiveCount, 1);
    assert_true(begin(SHARED_TOO, ExAcquireResourceSharedLite, FALSE) && takers[SHARED_TOO].got);
    assert_int_equal(resource.ActiveCount, 2);
    check_resource(false, 0, 0, 0);
    end(SHARED_TOO);
    assert_int_equal(resource.ActiveCount, 1);
    assert_true(begin(EXCLUSIVE, ExAcquireResourceExclusiveLite, FALSE) && !takers[EXCLUSIVE].got);
    end(EXCLUSIVE);

    assert_false(begin(EXCLUSIVE, ExAcquireResourceExclusiveLite, TRUE));
    check_resource(false, 0, 1, 0);
    assert_true(begin(SHARED_TOO, ExAcquireResourceSharedLite, FALSE) && !takers[SHARED_TOO].got);
    end(SHARED_TOO);
    assert_true(begin(WAITING, ExAcquireSharedWaitForExclusive, FALSE) && !takers[WAITING].got);
    end(WAITING);
    assert_true(begin(STARVING, ExAcquireSharedStarveExclusive, TRUE) && takers[STARVING].got);
    assert_int_equal(resource.ActiveCount, 2);
    end(STARVING);
    assert_int_equal(resource.ActiveCount, 1);
    assert_false(begin(SHARED_TOO, ExAcquireResourceSharedLite, TRUE));
    check_resource(false, 0, 1, 1);

    end(SHARED);
    succeeds(KeWaitForSingleObject(&takers[EXCLUSIVE].taken, Executive, KernelMode, FALSE, NULL));
    check_resource(false, 0, 0, 1);
    assert_int_equal(resource.ActiveCount, 1);
    assert_true(resource.Flag & ResourceOwnedExclusive);
    end(EXCLUSIVE);
    succeeds(KeWaitForSingleObject(&takers[SHARED_TOO].taken, Executive, KernelMode, FALSE, NULL));
    check_resource(false, 0, 0, 0);
    assert_int_equal(resource.ActiveCount, 1);
    end(SHARED_TOO);
    assert_int_equal(resource.ActiveCount, 0);
    succeeds(ExDeleteResourceLite(&resource));
}

static void a_resource_is_handed_to_an_owner_who_is_no_thread(void)
{
    ULONG_PTR owner = (ULONG_PTR)&resource | 3;
    succeeds(ExInitializeResourceLite(&resource));
    KeEnterCriticalRegion();
    assert_true(ExAcquireResourceExclusiveLite(&resource, FALSE));
    ExSetResourceOwnerPointer(&resource, (PVOID)owner);
    assert_true(begin(EXCLUSIVE, ExAcquireResourceExclusiveLite, FALSE) && !takers[EXCLUSIVE].got);
    end(EXCLUSIVE);
    ExReleaseResourceForThreadLite(&resource, owner);
    check_resource(false, 0, 0, 0);
    KeLeaveCriticalRegion();
    succeeds(ExDeleteResourceLite(&resource));
}

static void the_routines_that_enter_a_region_leave_it(void)
{
    succeeds(ExInitializeResourceLite(&resource));
    ExEnterCriticalRegionAndAcquireResourceShared(&resource);
    ExEnterCriticalRegionAndAcquireResourceShared(&resource);
    ExEnterCriticalRegionAndAcquireSharedWaitForExclusive(&resource);
    for (ULONG count = 3; count; count--) {
        assert_true(KeAreApcsDisabled());
        assert_false(KeAreAllApcsDisabled());
        check_resource(false, count, 0, 0);
        ExReleaseResourceAndLeaveCriticalRegion(&resource);
    }
    assert_false(KeAreApcsDisabled());
    ExEnterCriticalRegionAndAcquireResourceExclusive(&resource);
    ExEnterCriticalRegionAndAcquireResourceExclusive(&resource);
    check_resource(true, 2, 0, 0);
    ExReleaseResourceAndLeaveCriticalRegion(&resource);
    assert_true(KeAreApcsDisabled());
    ExReleaseResourceAndLeaveCriticalRegion(&resource);
    assert_false(KeAreApcsDisabled());
    check_resource(false, 0, 0, 0);
    succeeds(ExDeleteResourceLite(&resource));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fltsim_unit_test(blocks_are_aligned_by_their_size),
        fltsim_unit_test(blocks_of_many_sizes_are_writable_to_their_end),
        fltsim_unit_test(an_interlocked_list_tells_who_was_first_or_last),
        fltsim_unit_test(a_stack_tells_what_was_on_top),
        fltsim_unit_test(interlocked_routines_answer_before_or_after),
        fltsim_unit_test(an_owner_acquires_again),
        fltsim_unit_test(waiters_are_served_in_turn_and_only_the_starving_pass_them),
        fltsim_unit_test(a_resource_is_handed_to_an_owner_who_is_no_thread),
        fltsim_unit_test(the_routines_that_enter_a_region_leave_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
