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

struct node {
    RTL_SPLAY_LINKS links;
    int key;
};

#define NODE(links_pointer) CONTAINING_RECORD(links_pointer, struct node, links)

static PRTL_SPLAY_LINKS plant(PRTL_SPLAY_LINKS root, struct node *fresh)
{
    RtlInitializeSplayLinks(&fresh->links);
    if (root == NULL)
        return &fresh->links;
    for (PRTL_SPLAY_LINKS at = root;;) {
        PRTL_SPLAY_LINKS next = fresh->key < NODE(at)->key ? RtlLeftChild(at) : RtlRightChild(at);
        if (next == NULL) {
            if (fresh->key < NODE(at)->key)
                RtlInsertAsLeftChild(at, &fresh->links);
            else
                RtlInsertAsRightChild(at, &fresh->links);
            return root;
        }
        at = next;
    }
}

static void splay_links_are_walked_and_deleted(void **state)
{
    static const int keys[] = {4, 2, 6, 1, 3, 5, 7};
    struct node nodes[7];
    PRTL_SPLAY_LINKS root = NULL, at;
    for (int i = 0; i < 7; i++) {
        nodes[i].key = keys[i];
        root = plant(root, &nodes[i]);
    }
    assert_int_equal(NODE(RtlSubtreePredecessor(root))->key, 3);
    assert_int_equal(NODE(RtlSubtreeSuccessor(root))->key, 5);
    assert_int_equal(NODE(RtlRealSuccessor(&nodes[4].links))->key, 4);
    assert_int_equal(NODE(RtlRealPredecessor(&nodes[5].links))->key, 4);
    assert_null(RtlRealSuccessor(&nodes[6].links));
    assert_null(RtlRealPredecessor(&nodes[3].links));
    root = RtlSplay(&nodes[3].links);
    assert_ptr_equal(root, &nodes[3].links);
    assert_true(RtlIsRoot(root));
    int count = 0;
    for (at = root; at != NULL; at = RtlRealSuccessor(at))
        assert_int_equal(NODE(at)->key, ++count);
    assert_int_equal(count, 7);
    RtlDeleteNoSplay(&nodes[0].links, &root);
    root = RtlDelete(&nodes[2].links);
    for (int i = 0, left[] = {1, 3, 4, 5, 6}; i < 5; i++)
        root = RtlDelete(&nodes[left[i]].links);
    assert_null(root);
}

static void bits_are_set_cleared_and_found(void **state)
{
    ULONG bits[4], start;
    RTL_BITMAP map;
    RtlInitializeBitMap(&map, bits, 128);
    RtlClearAllBits(&map);
    assert_int_equal(RtlNumberOfSetBits(&map), 0);
    RtlSetAllBits(&map);
    assert_int_equal(RtlNumberOfClearBits(&map), 0);
    RtlClearBits(&map, 10, 100);
    RtlSetBit(&map, 20);
    RtlClearBit(&map, 5);
    assert_false(RtlTestBit(&map, 5));
    assert_true(RtlTestBit(&map, 20));
    assert_int_equal(RtlCheckBit(&map, 20), 1);
    assert_int_equal(RtlFindFirstRunClear(&map, &start), 1);
    assert_int_equal(start, 5);
    assert_int_equal(RtlFindNextForwardRunClear(&map, 6, &start), 10);
    assert_int_equal(start, 10);
    assert_int_equal(RtlFindSetBits(&map, 18, 0), 110);
    assert_int_equal(RtlFindSetBitsAndClear(&map, 18, 0), 110);
    assert_int_equal(RtlFindSetBits(&map, 18, 0), 0xFFFFFFFF);
    assert_int_equal(RtlFindMostSignificantBit(0x10), 4);
    assert_int_equal(RtlFindLeastSignificantBit(0x18), 3);
    assert_int_equal(RtlFindMostSignificantBit(0), -1);
}

static void full_forms_go_on_from_a_search(void **state)
{
    RTL_GENERIC_TABLE table;
    RTL_AVL_TABLE avl;
    TABLE_SEARCH_RESULT result;
    PVOID where, key = NULL;
    BOOLEAN fresh;
    RtlInitializeGenericTable(&table, compare, allocate, release, NULL);
    RtlInitializeGenericTableAvl(&avl, avl_compare, avl_allocate, avl_release, NULL);
    for (int i = 0; i < 9; i++) {
        assert_null(RtlLookupElementGenericTableFull(&table, &i, &where, &result));
        RtlInsertElementGenericTableFull(&table, &i, sizeof i, &fresh, where, result);
        assert_true(fresh);
        assert_null(RtlLookupElementGenericTableFullAvl(&avl, &i, &where, &result));
        RtlInsertElementGenericTableFullAvl(&avl, &i, sizeof i, &fresh, where, result);
        assert_true(fresh);
    }
    int wanted = 4, count = 0;
    assert_int_equal(*(int *)RtlLookupFirstMatchingElementGenericTableAvl(&avl, &wanted, &key), 4);
    assert_int_equal(*(int *)RtlEnumerateGenericTableWithoutSplayingAvl(&avl, &key), 5);
    assert_int_equal(*(int *)RtlLookupElementGenericTableAvl(&avl, &wanted), 4);
    key = NULL;
    while (RtlEnumerateGenericTableWithoutSplaying(&table, &key) != NULL)
        count++;
    assert_int_equal(count, 9);
    for (int i = 0; i < 9; i++) {
        assert_true(RtlDeleteElementGenericTable(&table, &i));
        assert_non_null(RtlLookupElementGenericTableFullAvl(&avl, &i, &where, &result));
        RtlDeleteElementGenericTableAvlEx(&avl, where);
    }
    assert_int_equal(allocations, 0);
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
        TEST(splay_links_are_walked_and_deleted),
        TEST(bits_are_set_cleared_and_found),
        TEST(full_forms_go_on_from_a_search),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
