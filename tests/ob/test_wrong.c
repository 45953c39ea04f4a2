/* References and handles given back too often, too late, or never. */
#include "ob_test.h"

#include "verify/verify.h"

static __attribute__((noinline)) void dereference(PVOID object)
{
    ObDereferenceObject(object);
    __asm__ volatile("" ::: "memory");
}

static void dereference_too_often(void *unused)
{
    struct thing *thing = make_thing(NULL);
    ObReferenceObject(thing);
    dereference(thing);
    dereference(thing);
    dereference(thing);
}

static void test_over_dereference(void **state)
{
    assert_false(fltsim_try(dereference_too_often, NULL));
    expect_report("object-over-dereference", "A pointer to the Thing object", "[count 2] referenced by dereference_too_often");
}

static void reference_deleted(void *unused)
{
    struct thing *thing = make_thing(NULL);
    dereference(thing);
    ObReferenceObject(thing);
}

static void test_reference_after_deletion(void **state)
{
    assert_false(fltsim_try(reference_deleted, NULL));
    expect_report("object-over-dereference", "was referenced after it was deleted", "and now referenced by reference_deleted");
}

static void test_object_leak(void **state)
{
    struct thing *thing = make_thing(NULL);
    ObReferenceObject(thing);
    ObDereferenceObject(thing);
    expect_report("object-leak", "1 Thing object was left when the machine stopped.", "created by make_thing");
}

static void test_closed_twice(void **state)
{
    struct thing *thing = make_thing(NULL);
    HANDLE handle;
    ObpCreateHandle(thing, 0, OBJ_KERNEL_HANDLE, NULL, &handle);
    ObDereferenceObject(thing);
    ZwClose(handle);
    assert_int_equal(ZwClose(handle), STATUS_INVALID_HANDLE);
    expect_report("invalid-handle-closed", "which is no open handle of the system process",
                  "the last handle of this number was closed by test_closed_twice");
}

static __attribute__((noinline)) HANDLE open_event(ULONG attributes)
{
    OBJECT_ATTRIBUTES object = RTL_INIT_OBJECT_ATTRIBUTES(NULL, attributes);
    HANDLE volatile handle;
    ZwCreateEvent((HANDLE *)&handle, EVENT_ALL_ACCESS, &object, NotificationEvent, FALSE);
    return handle;
}

static void test_handle_leak_of_a_driver(void **state)
{
    verify_register_driver("leaky", (const void *)dereference);
    open_event(OBJ_KERNEL_HANDLE);
    open_event(0);
    ObpReportDriver("leaky");
    verify_unregister_driver("leaky");
    expect_report("handle-leak", "2 handles were left open when leaky unloaded.", "opened by open_event");
}

static void test_handle_leak_at_the_end(void **state)
{
    open_event(OBJ_KERNEL_HANDLE);
    expect_report("handle-leak", "1 handle was left open when the machine stopped.", "opened by open_event");
}

static void test_user_handles_are_closed_silently(void **state)
{
    struct thing *thing = make_thing(NULL);
    HANDLE handle;
    ObpCreateHandle(thing, 0, 0, NULL, &handle);
    ObDereferenceObject(thing);
    assert_int_equal(fltsim_stop(NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WRONG(test_over_dereference),
        WRONG(test_reference_after_deletion),
        WRONG(test_object_leak),
        WRONG(test_closed_twice),
        WRONG(test_handle_leak_of_a_driver),
        WRONG(test_handle_leak_at_the_end),
        WRONG(test_user_handles_are_closed_silently),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
