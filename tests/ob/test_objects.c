/* Lives of objects: counts, last dereference, deferred deletion. */
#include "ob_test.h"

#include "ex/work.h"

static void test_last_dereference_deletes(void **state)
{
    int deleted = 0;
    struct thing *thing = make_thing(&deleted);
    assert_int_equal(ObReferenceObject(thing), 2);
    assert_int_equal(ObfReferenceObject(thing), 3);
    assert_int_equal(ObReferenceObjectByPointer(thing, 0, thing_type, KernelMode), STATUS_SUCCESS);
    assert_int_equal(ObReferenceObjectByPointer(thing, 0, *ExEventObjectType, KernelMode), STATUS_OBJECT_TYPE_MISMATCH);
    assert_int_equal(ObReferenceObjectByPointer(thing, 0, NULL, UserMode), STATUS_OBJECT_TYPE_MISMATCH);
    assert_true(ObReferenceObjectSafe(thing));
    assert_ptr_equal(ObGetObjectType(thing), thing_type);
    for (int i = 4; i >= 1; i--)
        assert_int_equal(ObDereferenceObject(thing), i);
    assert_int_equal(deleted, 0);
    ObDereferenceObject(thing);
    assert_int_equal(deleted, 1);
}

static void test_deferred_deletion(void **state)
{
    int deleted = 0;
    ObDereferenceObjectDeferDelete(make_thing(&deleted)); /* natively the worker may be there already */
    ExpDrainWork();
    assert_int_equal(deleted, 1);
}

static void test_deletion_at_raised_irql_is_deferred(void **state)
{
    int deleted = 0;
    KIRQL old;
    struct thing *thing = make_thing(&deleted), *other = make_thing(&deleted);
    KeRaiseIrql(DISPATCH_LEVEL, &old);
    ObDereferenceObject(thing);
    KeLowerIrql(old);
    KeEnterGuardedRegion();
    ObDereferenceObject(other);
    KeLeaveGuardedRegion();
    ExpDrainWork();
    assert_int_equal(deleted, 2);
}

static void test_many_objects(void **state)
{
    static struct thing *things[1000];
    int deleted = 0;
    for (int i = 0; i < 1000; i++)
        things[i] = make_thing(&deleted);
    for (int i = 0; i < 1000; i++)
        ObDereferenceObject(things[i]);
    assert_int_equal(deleted, 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_last_dereference_deletes),
        TEST(test_deferred_deletion),
        TEST(test_deletion_at_raised_irql_is_deferred),
        TEST(test_many_objects),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
