/* Generic tables over both trees, prefixes, bitmaps. Order and balance are checked against a plain array. */
#include "rtl_test.h"

#include <stdlib.h>

#define MANY 400

static int allocations, refuse;

static PVOID take(size_t size)
{
    if (refuse)
        return NULL;
    allocations++;
    return malloc(size);
}

static void give(PVOID buffer)
{
    allocations--;
    free(buffer);
}

static RTL_GENERIC_COMPARE_RESULTS order(const int *a, const int *b)
{
    return *a < *b ? GenericLessThan : *a > *b ? GenericGreaterThan : GenericEqual;
}

static RTL_GENERIC_COMPARE_RESULTS compare(PRTL_GENERIC_TABLE t, PVOID a, PVOID b) { return order(a, b); }
static PVOID allocate(PRTL_GENERIC_TABLE t, CLONG size) { return take(size); }
static VOID release(PRTL_GENERIC_TABLE t, PVOID buffer) { give(buffer); }
static RTL_GENERIC_COMPARE_RESULTS avl_compare(PRTL_AVL_TABLE t, PVOID a, PVOID b) { return order(a, b); }
static PVOID avl_allocate(PRTL_AVL_TABLE t, CLONG size) { return take(size); }
static VOID avl_release(PRTL_AVL_TABLE t, PVOID buffer) { give(buffer); }

static unsigned next_random(unsigned *seed)
{
    return *seed = *seed * 1664525 + 1013904223;
}

static int height_of(RTL_BALANCED_LINKS *node)
{
    if (node == NULL)
        return 0;
    int left = height_of(node->LeftChild), right = height_of(node->RightChild);
    assert_int_equal(node->Balance, right - left);
    assert_in_range(right - left + 1, 0, 2);
    assert_true(node->LeftChild == NULL || node->LeftChild->Parent == node);
    assert_true(node->RightChild == NULL || node->RightChild->Parent == node);
    return 1 + (left > right ? left : right);
}

static void check_avl(PRTL_AVL_TABLE table, const char *present)
{
    PVOID key = NULL;
    assert_int_equal(height_of(table->BalancedRoot.RightChild), table->DepthOfTree);
    ULONG at = 0;
    for (int i = 0; i < MANY; i++) {
        if (!present[i])
            continue;
        assert_int_equal(*(int *)RtlEnumerateGenericTableWithoutSplayingAvl(table, &key), i);
        assert_int_equal(*(int *)RtlGetElementGenericTableAvl(table, at++), i);
    }
    assert_null(RtlEnumerateGenericTableWithoutSplayingAvl(table, &key));
    assert_int_equal(RtlNumberGenericTableElementsAvl(table), at);
}

static void an_avl_table_stays_balanced_and_ordered(void **state)
{
    RTL_AVL_TABLE table;
    char present[MANY] = {0};
    unsigned seed = 7;
    RtlInitializeGenericTableAvl(&table, avl_compare, avl_allocate, avl_release, NULL);
    for (int step = 0; step < 3000; step++) {
        int key = (int)(next_random(&seed) >> 16) % MANY;
        BOOLEAN fresh = 2;
        if (next_random(&seed) >> 31) {
            assert_int_equal(*(int *)RtlInsertElementGenericTableAvl(&table, &key, sizeof key, &fresh), key);
            assert_int_equal(fresh, !present[key]);
            present[key] = 1;
        } else {
            assert_int_equal(RtlDeleteElementGenericTableAvl(&table, &key), present[key]);
            present[key] = 0;
        }
        if (step % 100 == 0)
            check_avl(&table, present);
    }
    check_avl(&table, present);
    while (!RtlIsGenericTableEmptyAvl(&table))
        assert_true(RtlDeleteElementGenericTableAvl(&table, RtlGetElementGenericTableAvl(&table, 0)));
    assert_int_equal(allocations, 0);
    assert_int_equal(table.DepthOfTree, 0);
}

static void an_avl_table_is_enumerated_while_elements_go(void **state)
{
    RTL_AVL_TABLE table;
    int count = 0;
    RtlInitializeGenericTableAvl(&table, avl_compare, avl_allocate, avl_release, NULL);
    for (int i = 0; i < 50; i++)
        RtlInsertElementGenericTableAvl(&table, &i, sizeof i, NULL);
    for (int *p = RtlEnumerateGenericTableAvl(&table, TRUE); p != NULL; p = RtlEnumerateGenericTableAvl(&table, FALSE))
        assert_int_equal(*p, count++);
    assert_int_equal(count, 50);
    for (int *p; (p = RtlEnumerateGenericTableAvl(&table, TRUE)) != NULL;)
        RtlDeleteElementGenericTableAvl(&table, p);
    assert_int_equal(allocations, 0);
}

static void a_splay_table_keeps_order_and_insertion_order(void **state)
{
    RTL_GENERIC_TABLE table;
    char present[MANY] = {0};
    unsigned seed = 3;
    RtlInitializeGenericTable(&table, compare, allocate, release, NULL);
    for (int step = 0; step < 3000; step++) {
        int key = (int)(next_random(&seed) >> 16) % MANY;
        BOOLEAN fresh;
        int *found = RtlLookupElementGenericTable(&table, &key);
        assert_int_equal(found != NULL, present[key]);
        if (next_random(&seed) >> 31) {
            RtlInsertElementGenericTable(&table, &key, sizeof key, &fresh);
            assert_int_equal(fresh, !present[key]);
            present[key] = 1;
        } else {
            assert_int_equal(RtlDeleteElementGenericTable(&table, &key), present[key]);
            present[key] = 0;
        }
    }
    int last = -1, count = 0;
    for (int *p = RtlEnumerateGenericTable(&table, TRUE); p; p = RtlEnumerateGenericTable(&table, FALSE), count++) {
        assert_true(*p > last && present[*p]);
        last = *p;
    }
    assert_int_equal(count, RtlNumberGenericTableElements(&table));
    while (!RtlIsGenericTableEmpty(&table))
        assert_true(RtlDeleteElementGenericTable(&table, RtlGetElementGenericTable(&table, 0)));
    assert_int_equal(allocations, 0);
}

static void elements_are_got_in_the_order_they_came(void **state)
{
    static const int keys[] = {5, 1, 9, 3};
    RTL_GENERIC_TABLE table;
    RtlInitializeGenericTable(&table, compare, allocate, release, NULL);
    for (int i = 0; i < 4; i++)
        RtlInsertElementGenericTable(&table, (PVOID)&keys[i], sizeof(int), NULL);
    for (int i = 3; i >= 0; i--)
        assert_int_equal(*(int *)RtlGetElementGenericTable(&table, (ULONG)i), keys[i]);
    assert_null(RtlGetElementGenericTable(&table, 4));
    for (int i = 0; i < 4; i++)
        RtlDeleteElementGenericTable(&table, (PVOID)&keys[i]);
}

static void a_refused_allocation_inserts_nothing(void **state)
{
    RTL_GENERIC_TABLE table;
    RTL_AVL_TABLE avl;
    BOOLEAN fresh = TRUE;
    int key = 1;
    RtlInitializeGenericTable(&table, compare, allocate, release, NULL);
    RtlInitializeGenericTableAvl(&avl, avl_compare, avl_allocate, avl_release, NULL);
    refuse = 1;
    assert_null(RtlInsertElementGenericTable(&table, &key, sizeof key, &fresh));
    assert_false(fresh);
    assert_null(RtlInsertElementGenericTableAvl(&avl, &key, sizeof key, &fresh));
    refuse = 0;
    assert_true(RtlIsGenericTableEmpty(&table));
}

static void the_longest_prefix_by_components_is_found(void **state)
{
    UNICODE_PREFIX_TABLE table;
    UNICODE_PREFIX_TABLE_ENTRY root, dir, deep, again;
    RtlInitializeUnicodePrefix(&table);
    assert_true(RtlInsertUnicodePrefix(&table, U(u"\\"), &root));
    assert_true(RtlInsertUnicodePrefix(&table, U(u"\\dir\\deep"), &deep));
    assert_true(RtlInsertUnicodePrefix(&table, U(u"\\dir"), &dir));
    assert_false(RtlInsertUnicodePrefix(&table, U(u"\\dir"), &again));
    assert_ptr_equal(RtlFindUnicodePrefix(&table, U(u"\\DIR\\deep\\file"), 0), &deep);
    assert_ptr_equal(RtlFindUnicodePrefix(&table, U(u"\\dir\\other"), 0), &dir);
    assert_ptr_equal(RtlFindUnicodePrefix(&table, U(u"\\directory"), 0), &root);
    assert_ptr_equal(RtlFindUnicodePrefix(&table, U(u"\\DIR\\x"), 99), &root);
    RtlRemoveUnicodePrefix(&table, &deep);
    assert_ptr_equal(RtlFindUnicodePrefix(&table, U(u"\\dir\\deep\\file"), 0), &dir);
    assert_ptr_equal(RtlNextUnicodePrefix(&table, TRUE), &dir);
    assert_ptr_equal(RtlNextUnicodePrefix(&table, FALSE), &root);
    assert_null(RtlNextUnicodePrefix(&table, FALSE));
}

static void runs_of_clear_bits_are_found_from_the_hint(void **state)
{
    ULONG bits[4] = {0};
    RTL_BITMAP map;
    RtlInitializeBitMap(&map, bits, 100);
    RtlSetBits(&map, 0, 40);
    assert_int_equal(RtlFindClearBits(&map, 10, 0), 40);
    assert_int_equal(RtlFindClearBitsAndSet(&map, 10, 50), 50);
    assert_int_equal(RtlFindClearBits(&map, 20, 0), 60);
    assert_int_equal(RtlFindClearBits(&map, 41, 0), 0xFFFFFFFF);
    assert_int_equal(RtlFindClearBits(&map, 5, 97), 40);
    assert_int_equal(RtlNumberOfSetBits(&map), 50);
    assert_int_equal(RtlNumberOfClearBits(&map), 50);
    assert_true(RtlAreBitsSet(&map, 10, 30));
    assert_false(RtlAreBitsSet(&map, 10, 31));
    assert_false(RtlAreBitsClear(&map, 90, 11));
}

static void the_longest_runs_come_first(void **state)
{
    ULONG bits[2] = {0};
    RTL_BITMAP map;
    RTL_BITMAP_RUN runs[2];
    ULONG start;
    RtlInitializeBitMap(&map, bits, 64);
    RtlSetBit(&map, 3);
    RtlSetBit(&map, 30);
    assert_int_equal(RtlFindLongestRunClear(&map, &start), 33);
    assert_int_equal(start, 31);
    assert_int_equal(RtlFindClearRuns(&map, runs, 2, TRUE), 2);
    assert_int_equal(runs[0].NumberOfBits, 33);
    assert_int_equal(runs[1].StartingIndex, 4);
    assert_int_equal(RtlFindClearRuns(&map, runs, 2, FALSE), 2);
    assert_int_equal(runs[0].NumberOfBits, 3);
    assert_int_equal(RtlFindLastBackwardRunClear(&map, 30, &start), 26);
    assert_int_equal(start, 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_avl_table_stays_balanced_and_ordered),
        TEST(an_avl_table_is_enumerated_while_elements_go),
        TEST(a_splay_table_keeps_order_and_insertion_order),
        TEST(elements_are_got_in_the_order_they_came),
        TEST(a_refused_allocation_inserts_nothing),
        TEST(the_longest_prefix_by_components_is_found),
        TEST(runs_of_clear_bits_are_found_from_the_hint),
        TEST(the_longest_runs_come_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
