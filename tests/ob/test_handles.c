/* Handles: opened, looked up, duplicated, waited on, closed, by several threads. */
#include "ob_test.h"

#include <stdlib.h>

static void test_open_look_up_close(void **state)
{
    int deleted = 0;
    struct thing *thing = make_thing(&deleted);
    HANDLE first, second, kernel;
    PVOID object;
    OBJECT_HANDLE_INFORMATION information;

    assert_int_equal(ObOpenObjectByPointer(thing, 0, NULL, GENERIC_READ, thing_type, KernelMode, &first), STATUS_SUCCESS);
    assert_int_equal(ObOpenObjectByPointer(thing, OBJ_INHERIT, NULL, 0x4, NULL, KernelMode, &second), STATUS_SUCCESS);
    assert_int_equal(ObOpenObjectByPointer(thing, OBJ_KERNEL_HANDLE, NULL, GENERIC_ALL, NULL, KernelMode, &kernel),
                     STATUS_SUCCESS);
    assert_int_equal(ObOpenObjectByPointer(thing, 0, NULL, 0, *ExEventObjectType, KernelMode, &(HANDLE){0}),
                     STATUS_OBJECT_TYPE_MISMATCH);
    assert_false(ObIsKernelHandle(first));
    assert_true(ObIsKernelHandle(kernel));
    assert_int_equal((ULONG_PTR)first % 4, 0);
    assert_int_equal(ObpCountHandles(thing, NULL), 3);
    assert_int_equal(ObpCountHandles(thing, PsGetCurrentProcess()), 2);

    assert_int_equal(ObReferenceObjectByHandle(first, 0x1, thing_type, UserMode, &object, &information), STATUS_SUCCESS);
    assert_ptr_equal(object, thing);
    assert_int_equal(information.GrantedAccess, 0x1);
    ObDereferenceObject(object);
    assert_int_equal(ObReferenceObjectByHandle(first, 0x2, thing_type, UserMode, &object, NULL), STATUS_ACCESS_DENIED);
    assert_int_equal(ObReferenceObjectByHandle(first, 0x2, thing_type, KernelMode, &object, NULL), STATUS_SUCCESS);
    ObDereferenceObject(object);
    assert_int_equal(ObReferenceObjectByHandle(first, 0, *ExEventObjectType, KernelMode, &object, NULL),
                     STATUS_OBJECT_TYPE_MISMATCH);
    assert_null(object);
    assert_int_equal(ObReferenceObjectByHandle(second, 0x4, NULL, KernelMode, &object, &information), STATUS_SUCCESS);
    assert_int_equal(information.HandleAttributes, OBJ_INHERIT);
    ObDereferenceObject(object);
    assert_int_equal(ObReferenceObjectByHandle(kernel, 0, NULL, UserMode, &object, NULL), STATUS_INVALID_HANDLE);
    assert_int_equal(ObReferenceObjectByHandle((HANDLE)0x4444, 0, NULL, KernelMode, &object, NULL), STATUS_INVALID_HANDLE);
    assert_int_equal(ObReferenceObjectByHandle(NULL, 0, NULL, KernelMode, &object, NULL), STATUS_INVALID_HANDLE);

    ObDereferenceObject(thing);
    assert_int_equal(ZwClose(kernel), STATUS_SUCCESS);
    assert_int_equal(thing->last_system, 3);
    assert_int_equal(ObCloseHandle(first, KernelMode), STATUS_SUCCESS);
    assert_int_equal(thing->last_process, 2);
    assert_int_equal(deleted, 0);
    assert_int_equal(ZwClose(second), STATUS_SUCCESS);
    assert_int_equal(deleted, 1);
    assert_int_equal(ZwClose(NULL), STATUS_INVALID_HANDLE);
    assert_int_equal(ObCloseHandle(first, UserMode), STATUS_INVALID_HANDLE);
}

static void test_pseudo_handles(void **state)
{
    PVOID object;
    assert_int_equal(ObReferenceObjectByHandle(NtCurrentProcess(), 0, *PsProcessType, KernelMode, &object, NULL),
                     STATUS_SUCCESS);
    assert_ptr_equal(object, PsGetCurrentProcess());
    ObDereferenceObject(object);
    assert_int_equal(ObReferenceObjectByHandle(NtCurrentThread(), 0, *PsThreadType, UserMode, &object, NULL),
                     STATUS_SUCCESS);
    assert_ptr_equal(object, PsGetCurrentThread());
    ObDereferenceObject(object);
}

static void test_many_handles(void **state)
{
    static HANDLE handles[3000];
    int deleted = 0;
    struct thing *thing = make_thing(&deleted);
    for (int i = 0; i < 3000; i++) {
        assert_int_equal(ObpCreateHandle(thing, i, 0, NULL, &handles[i]), STATUS_SUCCESS);
        assert_true(i == 0 || handles[i] != handles[i - 1]);
    }
    for (int i = 0; i < 3000; i++) {
        PVOID object;
        ACCESS_MASK granted;
        assert_int_equal(ObpReferenceHandle(handles[i], 0, thing_type, KernelMode, &object, &granted), STATUS_SUCCESS);
        assert_int_equal(granted, i);
        ObpDereference(object);
    }
    for (int i = 0; i < 3000; i++)
        assert_int_equal(NtClose(handles[i]), STATUS_SUCCESS);
    ObDereferenceObject(thing);
    assert_int_equal(deleted, 1);
}

static void test_duplicate(void **state)
{
    struct thing *thing = make_thing(NULL);
    HANDLE handle, other;
    PVOID object;
    OBJECT_HANDLE_INFORMATION information;
    ObpCreateHandle(thing, 0x3, OBJ_INHERIT, NULL, &handle);
    assert_int_equal(ZwDuplicateObject(NtCurrentProcess(), handle, NtCurrentProcess(), &other, 0, 0,
                                       DUPLICATE_SAME_ACCESS | DUPLICATE_SAME_ATTRIBUTES),
                     STATUS_SUCCESS);
    assert_int_equal(ObReferenceObjectByHandle(other, 0, NULL, KernelMode, &object, &information), STATUS_SUCCESS);
    assert_int_equal(information.GrantedAccess, 0x3);
    assert_int_equal(information.HandleAttributes, OBJ_INHERIT);
    ObDereferenceObject(object);
    assert_int_equal(ZwClose(other), STATUS_SUCCESS);
    assert_int_equal(ZwDuplicateObject(NtCurrentProcess(), handle, NtCurrentProcess(), &other, 0x1, 0,
                                       DUPLICATE_CLOSE_SOURCE),
                     STATUS_SUCCESS);
    assert_int_equal(ObReferenceObjectByHandle(other, 0x2, NULL, UserMode, &object, NULL), STATUS_ACCESS_DENIED);
    assert_int_equal(ZwDuplicateObject(NtCurrentProcess(), (HANDLE)0x4444, NtCurrentProcess(), &handle, 0, 0, 0),
                     STATUS_INVALID_HANDLE);
    assert_int_equal(ZwClose(other), STATUS_SUCCESS);
    ObDereferenceObject(thing);
}

static void test_protected_handle(void **state)
{
    struct thing *thing = make_thing(NULL);
    HANDLE handle;
    struct {
        BOOLEAN Inherit, ProtectFromClose;
    } flags = {FALSE, TRUE};
    ObpCreateHandle(thing, 0, 0, NULL, &handle);
    assert_int_equal(ObSetHandleAttributes(handle, &flags, KernelMode), STATUS_SUCCESS);
    assert_int_equal(ZwClose(handle), STATUS_HANDLE_NOT_CLOSABLE);
    flags.ProtectFromClose = FALSE;
    assert_int_equal(ObSetHandleAttributes(handle, &flags, KernelMode), STATUS_SUCCESS);
    assert_int_equal(ZwClose(handle), STATUS_SUCCESS);
    ObDereferenceObject(thing);
}

static void test_wait_on_a_handle(void **state)
{
    struct thing *thing = make_thing(NULL);
    LARGE_INTEGER zero = {.QuadPart = 0};
    HANDLE handle, directory;
    OBJECT_ATTRIBUTES attributes = RTL_INIT_OBJECT_ATTRIBUTES(NULL, 0);
    ObpCreateHandle(thing, SYNCHRONIZE, 0, NULL, &handle);
    assert_int_equal(ZwWaitForSingleObject(handle, FALSE, &zero), STATUS_TIMEOUT);
    KeSetEvent(&thing->event, 0, FALSE);
    assert_int_equal(ZwWaitForSingleObject(handle, FALSE, NULL), STATUS_SUCCESS);
    assert_int_equal(ZwWaitForMultipleObjects(1, &handle, WaitAny, FALSE, NULL), STATUS_SUCCESS);
    assert_int_equal(ZwWaitForMultipleObjects(0, &handle, WaitAny, FALSE, NULL), STATUS_INVALID_PARAMETER);
    ZwClose(handle);
    ObDereferenceObject(thing);
    assert_int_equal(ZwCreateDirectoryObject(&directory, DIRECTORY_ALL_ACCESS, &attributes), STATUS_SUCCESS);
    assert_int_equal(ZwWaitForSingleObject(directory, FALSE, &zero), STATUS_OBJECT_TYPE_MISMATCH);
    ZwClose(directory);
}

static void test_events(void **state)
{
    UNICODE_STRING name = text(u"\\BaseNamedObjects\\Ready");
    OBJECT_ATTRIBUTES attributes = RTL_INIT_OBJECT_ATTRIBUTES(&name, OBJ_CASE_INSENSITIVE | OBJ_KERNEL_HANDLE);
    LARGE_INTEGER zero = {.QuadPart = 0};
    HANDLE event, same;
    LONG previous;
    UNICODE_STRING bad_name = text(u"\\BaseNamedObjects\\"), no_path = text(u"Ready"), lost = text(u"\\None\\Ready");
    attributes.ObjectName = &bad_name;
    assert_int_equal(ZwCreateEvent(&event, EVENT_ALL_ACCESS, &attributes, NotificationEvent, FALSE),
                     STATUS_OBJECT_NAME_INVALID);
    attributes.ObjectName = &no_path;
    assert_int_equal(ZwCreateEvent(&event, EVENT_ALL_ACCESS, &attributes, NotificationEvent, FALSE),
                     STATUS_OBJECT_PATH_SYNTAX_BAD);
    attributes.ObjectName = &lost;
    assert_int_equal(ZwCreateEvent(&event, EVENT_ALL_ACCESS, &attributes, NotificationEvent, FALSE),
                     STATUS_OBJECT_PATH_NOT_FOUND);
    attributes.ObjectName = &name;
    assert_int_equal(ZwOpenEvent(&same, EVENT_ALL_ACCESS, &attributes), STATUS_OBJECT_NAME_NOT_FOUND);
    assert_int_equal(ZwCreateEvent(&event, EVENT_ALL_ACCESS, &attributes, 7, FALSE), STATUS_INVALID_PARAMETER);
    assert_int_equal(ZwCreateEvent(&event, EVENT_ALL_ACCESS, &attributes, NotificationEvent, FALSE), STATUS_SUCCESS);
    assert_int_equal(ZwCreateEvent(&same, EVENT_ALL_ACCESS, &attributes, NotificationEvent, FALSE),
                     STATUS_OBJECT_NAME_COLLISION);
    assert_int_equal(ZwOpenEvent(&same, EVENT_ALL_ACCESS, &attributes), STATUS_SUCCESS);
    assert_int_equal(ZwSetEvent(same, &previous), STATUS_SUCCESS);
    assert_int_equal(previous, 0);
    assert_int_equal(ZwWaitForSingleObject(event, FALSE, &zero), STATUS_SUCCESS);
    assert_int_equal(ZwResetEvent(event, &previous), STATUS_SUCCESS);
    assert_int_equal(previous, 1);
    assert_int_equal(ZwWaitForSingleObject(same, FALSE, &zero), STATUS_TIMEOUT);
    assert_int_equal(ZwClearEvent(event), STATUS_SUCCESS);
    ZwClose(same);
    attributes.Attributes |= OBJ_OPENIF;
    assert_int_equal(ZwCreateEvent(&same, EVENT_ALL_ACCESS, &attributes, NotificationEvent, FALSE),
                     STATUS_OBJECT_NAME_EXISTS);
    ZwClose(same);
    ZwClose(event);
    attributes.Attributes &= ~(ULONG)OBJ_OPENIF;
    assert_int_equal(ZwOpenEvent(&same, EVENT_ALL_ACCESS, &attributes), STATUS_OBJECT_NAME_NOT_FOUND);
}

/* Each thread opens and closes handles of its own on one object, and looks up one that they all use. */
struct shared {
    struct thing *thing;
    HANDLE common;
};

static VOID open_and_close(PVOID context)
{
    struct shared *shared = context;
    for (int i = 0; i < 1000; i++) {
        HANDLE handle;
        PVOID object;
        ObpCreateHandle(shared->thing, 0x1, OBJ_KERNEL_HANDLE, NULL, &handle);
        assert_int_equal(ObpReferenceHandle(shared->common, 0x1, thing_type, KernelMode, &object, NULL), STATUS_SUCCESS);
        ObpDereference(object);
        assert_int_equal(ZwClose(handle), STATUS_SUCCESS);
    }
}

static void test_threads(void **state)
{
    int deleted = 0;
    struct shared shared = {make_thing(&deleted), NULL};
    HANDLE threads[4];
    ObpCreateHandle(shared.thing, 0x1, OBJ_KERNEL_HANDLE, NULL, &shared.common);
    for (int i = 0; i < 4; i++)
        assert_int_equal(PsCreateSystemThread(&threads[i], THREAD_ALL_ACCESS, NULL, NULL, NULL, open_and_close, &shared),
                         STATUS_SUCCESS);
    for (int i = 0; i < 4; i++) {
        ZwWaitForSingleObject(threads[i], FALSE, NULL);
        ZwClose(threads[i]);
    }
    ZwClose(shared.common);
    ObDereferenceObject(shared.thing);
    assert_int_equal(deleted, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_open_look_up_close), TEST(test_pseudo_handles),   TEST(test_many_handles), TEST(test_duplicate),
        TEST(test_protected_handle),   TEST(test_wait_on_a_handle), TEST(test_events),       TEST(test_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
