/* Timer objects by handle. */
#include "../ke/kernel.h"

extern POBJECT_TYPE *ExTimerObjectType;

static HANDLE create(TIMER_TYPE type, PUNICODE_STRING name)
{
    OBJECT_ATTRIBUTES attributes;
    HANDLE timer;
    InitializeObjectAttributes(&attributes, name, OBJ_KERNEL_HANDLE, NULL, NULL);
    assert_int_equal(ZwCreateTimer(&timer, TIMER_ALL_ACCESS, &attributes, type), STATUS_SUCCESS);
    return timer;
}

static NTSTATUS wait_handle(HANDLE timer, int milliseconds)
{
    LARGE_INTEGER timeout = after_ms(milliseconds);
    return ZwWaitForSingleObject(timer, FALSE, &timeout);
}

static void a_timer_is_signalled_when_it_is_due(void **state)
{
    HANDLE timer = create(NotificationTimer, NULL);
    LARGE_INTEGER due = after_ms(10);
    BOOLEAN before = TRUE;

    assert_int_equal(wait_handle(timer, 5), STATUS_TIMEOUT);
    assert_int_equal(ZwSetTimer(timer, &due, NULL, NULL, FALSE, 0, &before), STATUS_SUCCESS);
    assert_false(before);
    assert_int_equal(wait_handle(timer, 9), STATUS_TIMEOUT);
    assert_int_equal(wait_handle(timer, 5), STATUS_SUCCESS);
    assert_int_equal(wait_handle(timer, 5), STATUS_SUCCESS);
    assert_int_equal(NtSetTimer(timer, &due, NULL, NULL, FALSE, 0, &before), STATUS_SUCCESS);
    assert_true(before);
    assert_int_equal(wait_handle(timer, 0), STATUS_TIMEOUT);
    ZwClose(timer);
}

static void a_periodic_synchronization_timer_lets_one_wait_through_each_time(void **state)
{
    HANDLE timer = create(SynchronizationTimer, NULL);
    LARGE_INTEGER due = after_ms(10);

    assert_int_equal(ZwSetTimer(timer, &due, NULL, NULL, FALSE, 10, NULL), STATUS_SUCCESS);
    for (int i = 0; i < 3; i++)
        assert_int_equal(wait_handle(timer, 11), STATUS_SUCCESS);
    assert_int_equal(wait_handle(timer, 5), STATUS_TIMEOUT);
    ZwClose(timer);
}

static void a_cancelled_timer_does_not_fire(void **state)
{
    HANDLE timer = create(NotificationTimer, NULL);
    LARGE_INTEGER due = after_ms(10);
    BOOLEAN signalled = TRUE;

    assert_int_equal(ZwSetTimer(timer, &due, NULL, NULL, FALSE, 0, NULL), STATUS_SUCCESS);
    assert_int_equal(ZwCancelTimer(timer, &signalled), STATUS_SUCCESS);
    assert_false(signalled);
    assert_int_equal(wait_handle(timer, 20), STATUS_TIMEOUT);
    assert_int_equal(NtCancelTimer(timer, NULL), STATUS_SUCCESS);
    ZwClose(timer);
}

static void a_timer_is_opened_by_its_name(void **state)
{
    UNICODE_STRING name = RTL_CONSTANT_STRING(u"\\BaseNamedObjects\\mine");
    OBJECT_ATTRIBUTES attributes;
    HANDLE timer = create(NotificationTimer, &name), again, third;
    PVOID object;

    InitializeObjectAttributes(&attributes, &name, OBJ_KERNEL_HANDLE, NULL, NULL);
    assert_int_equal(ZwCreateTimer(&again, TIMER_ALL_ACCESS, &attributes, NotificationTimer), STATUS_OBJECT_NAME_COLLISION);
    assert_int_equal(ZwOpenTimer(&again, TIMER_QUERY_STATE, &attributes), STATUS_SUCCESS);
    assert_int_equal(NtOpenTimer(&third, TIMER_ALL_ACCESS, &attributes), STATUS_SUCCESS);
    assert_int_equal(ObReferenceObjectByHandle(again, 0, *ExTimerObjectType, KernelMode, &object, NULL), STATUS_SUCCESS);
    ObDereferenceObject(object);
    ZwClose(third);
    ZwClose(again);
    ZwClose(timer);
    assert_int_equal(ZwOpenTimer(&again, TIMER_ALL_ACCESS, &attributes), STATUS_OBJECT_NAME_NOT_FOUND);
}

static VOID apc(PVOID context, ULONG low, LONG high) {}

static void what_a_timer_cannot_be_is_refused(void **state)
{
    LARGE_INTEGER due = after_ms(10);
    HANDLE timer = create(NotificationTimer, NULL), none;
    assert_int_equal(NtCreateTimer(&none, TIMER_ALL_ACCESS, NULL, (TIMER_TYPE)7), STATUS_INVALID_PARAMETER_4);
    assert_int_equal(ZwSetTimer(timer, &due, NULL, NULL, FALSE, -1, NULL), STATUS_INVALID_PARAMETER_6);
    assert_int_equal(NtSetTimer(timer, &due, apc, NULL, FALSE, -1, NULL), STATUS_INVALID_PARAMETER_6);
    assert_int_equal(ZwSetTimer((HANDLE)0x7ffc, &due, NULL, NULL, FALSE, 0, NULL), STATUS_INVALID_HANDLE);
    assert_int_equal(ZwCancelTimer(NtCurrentProcess(), NULL), STATUS_OBJECT_TYPE_MISMATCH);
    ZwClose(timer);
}

static void a_timer_that_is_armed_goes_with_its_last_handle(void **state)
{
    LARGE_INTEGER due = after_ms(10);
    HANDLE timer = create(NotificationTimer, NULL);
    assert_int_equal(ZwSetTimer(timer, &due, NULL, NULL, FALSE, 10, NULL), STATUS_SUCCESS);
    ZwClose(timer);
    fltsim_sleep(50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        kernel_test(a_timer_is_signalled_when_it_is_due),
        kernel_test(a_periodic_synchronization_timer_lets_one_wait_through_each_time),
        kernel_test(a_cancelled_timer_does_not_fire),
        kernel_test(a_timer_is_opened_by_its_name),
        kernel_test(what_a_timer_cannot_be_is_refused),
        kernel_test(a_timer_that_is_armed_goes_with_its_last_handle),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
