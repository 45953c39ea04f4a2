/* Private heaps, and lists of ranges: what a published kernel test suite saw on Windows, and what the pages say. */
#include "rtl_test.h"

#include <ntifs.h>

#include <nt/range_list.h>

#include <fltsim/fault.h>

/* ---- heaps ---- */

static void a_heap_goes_with_its_blocks(void **state)
{
    PVOID heap = RtlCreateHeap(HEAP_GROWABLE, NULL, 0, 0, NULL, NULL);
    assert_non_null(heap);
    UCHAR *block = RtlAllocateHeap(heap, HEAP_ZERO_MEMORY, 100);
    for (int i = 0; i < 100; i++)
        assert_int_equal(block[i], 0);
    PVOID large = RtlAllocateHeap(heap, 0, 0x100000);
    assert_non_null(large);
    assert_true(RtlFreeHeap(heap, 0, block));
    assert_false(RtlFreeHeap(heap, 0, block)); /* no more */
    assert_false(RtlFreeHeap(heap, 0, (UCHAR *)large + 16));
    assert_false(RtlFreeHeap(heap, 0, NULL));
    assert_null(RtlDestroyHeap(heap));
}

static NTSTATUS raised(PVOID heap, ULONG flags)
{
    NTSTATUS status = STATUS_SUCCESS;
    if (_setjmp(fltsim_seh_push(FLTSIM_SEH_EXCEPT)->jb) == 0) {
        RtlAllocateHeap(heap, flags, 16);
        fltsim_seh_pop(fltsim_seh_top());
    } else {
        fltsim_seh_accept(EXCEPTION_EXECUTE_HANDLER);
        status = fltsim_seh_code();
    }
    return status;
}

static void want_of_memory_is_null_or_raised(void **state)
{
    fltsim_fail_allocation(1);
    assert_null(RtlCreateHeap(HEAP_GROWABLE, NULL, 0, 0, NULL, NULL));
    fltsim_fail_allocation(0);
    PVOID heap = RtlCreateHeap(HEAP_GROWABLE, NULL, 0, 0, NULL, NULL);
    fltsim_fail_allocation(1);
    assert_null(RtlAllocateHeap(heap, 0, 16));
    fltsim_fail_allocation(1);
    assert_int_equal(raised(heap, HEAP_GENERATE_EXCEPTIONS), STATUS_NO_MEMORY);
    assert_null(RtlDestroyHeap(heap));
    heap = RtlCreateHeap(HEAP_GROWABLE | HEAP_GENERATE_EXCEPTIONS, NULL, 0, 0, NULL, NULL);
    fltsim_fail_allocation(1);
    assert_int_equal(raised(heap, 0), STATUS_NO_MEMORY);
    fltsim_fail_allocation(0);
    assert_null(RtlDestroyHeap(heap));
}

static void a_heap_that_does_not_grow_is_limited(void **state)
{
    static UCHAR base[PAGE_SIZE];
    ERESOURCE lock;
    RTL_HEAP_PARAMETERS parameters = {.Length = sizeof parameters, .VirtualMemoryThreshold = 0x800};
    assert_null(RtlCreateHeap(0, NULL, 0, 0, NULL, NULL));
    assert_null(RtlCreateHeap(HEAP_GROWABLE | HEAP_NO_SERIALIZE, NULL, 0, 0, &lock, NULL));
    PVOID heap = RtlCreateHeap(0, base, 1, 0, NULL, NULL); /* a page */
    PVOID block = RtlAllocateHeap(heap, 0, 0xc00);
    assert_non_null(block);
    assert_null(RtlAllocateHeap(heap, 0, 0x800));
    assert_true(RtlFreeHeap(heap, HEAP_NO_SERIALIZE, block));
    assert_non_null(RtlAllocateHeap(heap, 0, 0x800));
    assert_null(RtlDestroyHeap(heap));
    heap = RtlCreateHeap(0, base, 1, 0, NULL, &parameters);
    assert_null(RtlAllocateHeap(heap, 0, 0x801));
    assert_non_null(RtlAllocateHeap(heap, 0, 0x800));
    assert_null(RtlDestroyHeap(heap));
    heap = RtlCreateHeap(0, base, 0x100000, 0, NULL, NULL);
    assert_null(RtlAllocateHeap(heap, 0, 0x7F001));
    assert_null(RtlDestroyHeap(heap));
    assert_ptr_equal(RtlDestroyHeap(base), base); /* no heap */
}

/* ---- ranges ---- */

static UCHAR data1, data2, owner1, owner2;
static RTL_RANGE_LIST list;

static NTSTATUS add(const RTL_RANGE *range, ULONG flags)
{
    return RtlAddRange(&list, range->Start, range->End, range->Attributes, flags, range->UserData, range->Owner);
}

static void list_is(PRTL_RANGE_LIST ranges, const RTL_RANGE *wanted, ULONG count)
{
    RTL_RANGE_LIST_ITERATOR iterator;
    PRTL_RANGE range;
    NTSTATUS status = RtlGetFirstRange(ranges, &iterator, &range);
    for (ULONG i = 0; i < count; i++) {
        assert_int_equal(status, STATUS_SUCCESS);
        assert_ptr_equal(iterator.Current, range);
        assert_ptr_equal(iterator.RangeListHead, &ranges->ListHead);
        assert_null(iterator.MergedHead);
        assert_int_equal(iterator.Stamp, ranges->Stamp);
        assert_int_equal(range->Start, wanted[i].Start);
        assert_int_equal(range->End, wanted[i].End);
        assert_ptr_equal(range->UserData, wanted[i].UserData);
        assert_ptr_equal(range->Owner, wanted[i].Owner);
        assert_int_equal(range->Attributes, wanted[i].Attributes);
        assert_int_equal(range->Flags, wanted[i].Flags);
        status = RtlGetNextRange(&iterator, &range, TRUE);
    }
    for (int i = 0; i < 2; i++) {
        assert_int_equal(status, STATUS_NO_MORE_ENTRIES);
        assert_null(range);
        assert_null(iterator.Current);
        status = RtlGetNextRange(&iterator, &range, TRUE);
    }
    assert_int_equal(ranges->Count, count);
}

static const RTL_RANGE first = {0x100, 0x200, &data1, &owner1, 1, 0};

static void begin(void)
{
    RtlFillMemory(&list, sizeof list, 0x55);
    RtlInitializeRangeList(&list);
    assert_int_equal(list.Flags, 0);
    assert_int_equal(list.Count, 0);
    assert_int_equal(list.Stamp, 0);
    assert_int_equal(add(&first, 0), STATUS_SUCCESS);
    assert_int_equal(list.Stamp, 1);
    list_is(&list, &first, 1);
}

static void ranges_are_added_and_deleted(void **state)
{
    static const struct {
        RTL_RANGE range;
        ULONG flags;
        NTSTATUS status;
    } rows[] = {
        {{0x300, 0x2ff, &data2, &owner2, 2, 0}, 0, STATUS_INVALID_PARAMETER},
        {{0x300, 0x300, &data2, &owner2, 0xff, 0}, 0, STATUS_SUCCESS},
        {{0x300, 0x400, &data2, &owner2, 2, RTL_RANGE_SHARED}, RTL_RANGE_LIST_ADD_SHARED, STATUS_SUCCESS},
        {{0x200, 0x400, &data2, &owner2, 2, 0}, 0, STATUS_RANGE_LIST_CONFLICT},
        {{0x200, 0x400, &data2, &owner2, 2, RTL_RANGE_CONFLICT}, RTL_RANGE_LIST_ADD_IF_CONFLICT, STATUS_SUCCESS},
    };
    begin();
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        RTL_RANGE both[] = {first, rows[i].range};
        ULONG stamp = list.Stamp;
        bool added = rows[i].status == STATUS_SUCCESS;
        assert_int_equal(add(&rows[i].range, rows[i].flags), rows[i].status);
        assert_int_equal(list.Stamp, stamp + added);
        list_is(&list, both, 1 + added);
        assert_int_equal(RtlDeleteRange(&list, rows[i].range.Start, rows[i].range.End, rows[i].range.Owner),
                         added ? STATUS_SUCCESS : STATUS_RANGE_NOT_FOUND);
        assert_int_equal(list.Stamp, stamp + 2 * added);
    }
    fltsim_fail_allocation(1);
    assert_int_equal(RtlAddRange(&list, 0x300, 0x400, 0, 0, NULL, NULL), STATUS_INSUFFICIENT_RESOURCES);
    fltsim_fail_allocation(0);
    ULONG stamp = list.Stamp;
    RtlFreeRangeList(&list);
    assert_int_equal(list.Stamp, stamp);
    list_is(&list, NULL, 0);
}

static void what_is_taken_is_not_available(void **state)
{
    static const struct {
        ULONGLONG start, end;
        BOOLEAN available;
    } rows[] = {
        {0xff, 0xff, TRUE},    {0x100, 0x100, FALSE}, {0x200, 0x200, FALSE}, {0x201, 0x201, TRUE},  {0, 0xff, TRUE},
        {0, 0x100, FALSE},     {0, 0x180, FALSE},     {0, 0x300, FALSE},     {0x180, 0x300, FALSE}, {0x200, 0x300, FALSE},
        {0x201, 0x300, TRUE},  {0x100, 0xff, TRUE},   {0x101, 0x100, FALSE}, {0x201, 0x200, TRUE},  {0x200, 0x1ff, FALSE},
        {0x201, 0xff, TRUE},
    };
    BOOLEAN available;
    begin();
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(RtlIsRangeAvailable(&list, rows[i].start, rows[i].end, 0, 0, NULL, NULL, &available), STATUS_SUCCESS);
        assert_int_equal(available, rows[i].available);
    }
    for (int mask = 1; mask < 256; mask += 254) { /* by its attributes */
        assert_int_equal(RtlIsRangeAvailable(&list, 0, 0x300, 0, (UCHAR)mask, NULL, NULL, &available), STATUS_SUCCESS);
        assert_true(available);
    }
    assert_int_equal(list.Stamp, 1);
    RtlFreeRangeList(&list);
}

static void an_owners_ranges_go_together(void **state)
{
    RTL_RANGE ranges[4];
    RtlInitializeRangeList(&list);
    for (int i = 0; i < 4; i++) {
        ranges[i] = (RTL_RANGE){0x100u * (i + 1), 0x100u * (i + 1) + 0xff, &data1, i == 1 ? &owner2 : &owner1, 0, 0};
        assert_int_equal(add(&ranges[i], 0), STATUS_SUCCESS);
    }
    ULONG stamp = list.Stamp;
    assert_int_equal(RtlDeleteOwnersRanges(&list, &owner1), STATUS_SUCCESS);
    assert_int_equal(list.Stamp, stamp + 3);
    list_is(&list, &ranges[1], 1);
    assert_int_equal(RtlDeleteOwnersRanges(&list, &owner1), STATUS_SUCCESS);
    assert_int_equal(list.Stamp, stamp + 3);
    assert_int_equal(RtlDeleteOwnersRanges(&list, &owner2), STATUS_SUCCESS);
    assert_int_equal(list.Stamp, stamp + 4);
    list_is(&list, NULL, 0);
    RtlFreeRangeList(&list);
}

static BOOLEAN forgive(PVOID context, PRTL_RANGE range) { return range->Owner == context; }

static void a_free_place_is_found_from_above(void **state)
{
    ULONGLONG start;
    begin();
    assert_int_equal(RtlFindRange(&list, 0, 0x17f, 0x80, 0x10, 0, 0, NULL, NULL, &start), STATUS_SUCCESS);
    assert_int_equal(start, 0x80);
    assert_int_equal(RtlFindRange(&list, 0, 0x37f, 0x80, 0x100, 0, 0, NULL, NULL, &start), STATUS_SUCCESS);
    assert_int_equal(start, 0x300);
    assert_int_equal(RtlFindRange(&list, 0xc0, 0x200, 0x80, 1, 0, 0, NULL, NULL, &start), STATUS_UNSUCCESSFUL);
    assert_int_equal(RtlFindRange(&list, 0xc0, 0x200, 0x80, 1, 0, 0, &owner1, forgive, &start), STATUS_SUCCESS);
    assert_int_equal(start, 0x181);
    assert_int_equal(RtlFindRange(&list, 0, 0x10, 0x80, 1, 0, 0, NULL, NULL, &start), STATUS_INVALID_PARAMETER);
    assert_int_equal(RtlFindRange(&list, 0, 0x1ff, 0x200, 1, 0, 0, NULL, NULL, &start), STATUS_UNSUCCESSFUL);
    RtlFreeRangeList(&list);
}

static void a_list_is_copied_and_inverted(void **state)
{
    static const RTL_RANGE inverse[] = {{0, 0xff, NULL, NULL, 0, 0}, {0x201, MAXULONGLONG, NULL, NULL, 0, 0}};
    RTL_RANGE_LIST copy, free;
    RTL_RANGE_LIST_ITERATOR iterator;
    PRTL_RANGE range;
    begin();
    fltsim_fail_allocation(1);
    assert_int_equal(RtlCopyRangeList(&copy, &list), STATUS_INSUFFICIENT_RESOURCES);
    fltsim_fail_allocation(0);
    assert_int_equal(RtlCopyRangeList(&copy, &list), STATUS_SUCCESS);
    list_is(&copy, &first, 1);
    RtlInitializeRangeList(&free);
    assert_int_equal(RtlInvertRangeList(&free, &list), STATUS_SUCCESS);
    list_is(&free, inverse, 2);
    assert_int_equal(RtlGetFirstRange(&free, &iterator, &range), STATUS_SUCCESS);
    assert_int_equal(RtlGetNextRange(&iterator, &range, TRUE), STATUS_SUCCESS);
    assert_int_equal(RtlGetNextRange(&iterator, &range, FALSE), STATUS_SUCCESS);
    assert_int_equal(range->Start, 0);
    assert_int_equal(RtlDeleteRange(&free, 0x201, MAXULONGLONG, NULL), STATUS_SUCCESS);
    assert_int_equal(RtlGetNextRange(&iterator, &range, TRUE), STATUS_INVALID_PARAMETER); /* it has changed */
    RtlFreeRangeList(&free);
    RtlFreeRangeList(&copy);
    RtlFreeRangeList(&list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_heap_goes_with_its_blocks),
        TEST(want_of_memory_is_null_or_raised),
        TEST(a_heap_that_does_not_grow_is_limited),
        TEST(ranges_are_added_and_deleted),
        TEST(what_is_taken_is_not_available),
        TEST(an_owners_ranges_go_together),
        TEST(a_free_place_is_found_from_above),
        TEST(a_list_is_copied_and_inverted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
