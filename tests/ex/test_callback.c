/* Callback objects. */
#include "ex_test.h"

static int calls, order[8];

static VOID first(PVOID context, PVOID one, PVOID two)
{
    assert_ptr_equal(context, &calls);
    assert_ptr_equal(one, (PVOID)1);
    assert_ptr_equal(two, (PVOID)2);
    order[calls++] = 1;
}

static VOID second(PVOID context, PVOID one, PVOID two) { order[calls++] = 2; }

static void name_it(OBJECT_ATTRIBUTES *attributes, UNICODE_STRING *name)
{
    InitializeObjectAttributes(attributes, name, OBJ_CASE_INSENSITIVE | OBJ_PERMANENT, NULL, NULL);
}

static void test_notify_in_order(void **state)
{
    UNICODE_STRING name = RTL_CONSTANT_STRING(u"\\Callback\\Mine");
    OBJECT_ATTRIBUTES attributes;
    PCALLBACK_OBJECT object, again;
    name_it(&attributes, &name);
    assert_int_equal(ExCreateCallback(&object, &attributes, FALSE, TRUE), STATUS_OBJECT_NAME_NOT_FOUND);
    assert_int_equal(ExCreateCallback(&object, &attributes, TRUE, TRUE), STATUS_SUCCESS);
    assert_int_equal(ExCreateCallback(&again, &attributes, TRUE, TRUE), STATUS_SUCCESS);
    assert_ptr_equal(object, again);
    PVOID a = ExRegisterCallback(object, first, &calls), b = ExRegisterCallback(object, second, NULL);
    assert_non_null(a);
    assert_non_null(b);
    calls = 0;
    ExNotifyCallback(object, (PVOID)1, (PVOID)2);
    assert_int_equal(calls, 2);
    assert_int_equal(order[0], 1);
    assert_int_equal(order[1], 2);
    ExUnregisterCallback(a);
    ExNotifyCallback(object, NULL, NULL);
    assert_int_equal(calls, 3);
    ExUnregisterCallback(b);
    ObMakeTemporaryObject(object);
    ObDereferenceObject(object);
    ObDereferenceObject(again);
}

static void test_only_one(void **state)
{
    UNICODE_STRING name = RTL_CONSTANT_STRING(u"\\Callback\\One");
    OBJECT_ATTRIBUTES attributes;
    PCALLBACK_OBJECT object;
    name_it(&attributes, &name);
    assert_int_equal(ExCreateCallback(&object, &attributes, TRUE, FALSE), STATUS_SUCCESS);
    PVOID a = ExRegisterCallback(object, second, NULL);
    assert_null(ExRegisterCallback(object, second, NULL));
    ExUnregisterCallback(a);
    ObMakeTemporaryObject(object);
    ObDereferenceObject(object);
    InitializeObjectAttributes(&attributes, NULL, 0, NULL, NULL);
    assert_int_equal(ExCreateCallback(&object, &attributes, TRUE, FALSE), STATUS_UNSUCCESSFUL);
}

static VOID linger(PVOID context, PVOID started, PVOID done)
{
    KeSetEvent(started, 0, FALSE);
    pause_ms(5);
    *(volatile bool *)done = true;
}

struct notify {
    PCALLBACK_OBJECT object;
    KEVENT started;
    bool done;
};

static VOID notify(PVOID context)
{
    struct notify *n = context;
    ExNotifyCallback(n->object, &n->started, &n->done);
}

static void test_unregister_waits(void **state)
{
    UNICODE_STRING name = RTL_CONSTANT_STRING(u"\\Callback\\Slow");
    OBJECT_ATTRIBUTES attributes;
    struct notify n = {.done = false};
    name_it(&attributes, &name);
    KeInitializeEvent(&n.started, NotificationEvent, FALSE);
    ExCreateCallback(&n.object, &attributes, TRUE, TRUE);
    PVOID registration = ExRegisterCallback(n.object, linger, NULL);
    HANDLE thread = run_thread(notify, &n);
    KeWaitForSingleObject(&n.started, Executive, KernelMode, FALSE, NULL);
    ExUnregisterCallback(registration);
    assert_true(n.done);
    join_thread(thread);
    ObMakeTemporaryObject(n.object);
    ObDereferenceObject(n.object);
}

static void test_small_routines(void **state)
{
    LARGE_INTEGER a = {.QuadPart = 77}, b;
    UUID first_id, second_id;
    ExSystemTimeToLocalTime(&a, &b);
    assert_int_equal(b.QuadPart, 77);
    ExLocalTimeToSystemTime(&b, &a);
    assert_int_equal(a.QuadPart, 77);
    assert_int_equal(ExUuidCreate(&first_id), STATUS_SUCCESS);
    assert_int_equal(ExUuidCreate(&second_id), STATUS_SUCCESS);
    assert_memory_not_equal(&first_id, &second_id, sizeof first_id);
    assert_int_equal(ExGetPreviousMode(), KernelMode);
    assert_true(ExIsProcessorFeaturePresent(12));
    assert_false(ExIsProcessorFeaturePresent(1));
    assert_int_equal(ExSetTimerResolution(0, TRUE), 10000);
    assert_true(ExSetTimerResolution(0, FALSE) > 10000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_notify_in_order),
        TEST(test_only_one),
        TEST(test_unregister_waits),
        TEST(test_small_routines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
