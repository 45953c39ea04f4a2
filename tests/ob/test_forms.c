/* The forms with a tag, by name, and the queries. */
#include "ob_test.h"

#define TAG ((ULONG)'tseT')

static void test_references_with_a_tag(void **state)
{
    static int deleted; /* set by a worker thread, after this function is over */
    struct thing *thing = make_thing(&deleted);
    HANDLE handle;
    PVOID object;
    assert_int_equal(ObReferenceObjectWithTag(thing, TAG), 2);
    assert_int_equal(ObfReferenceObjectWithTag(thing, TAG), 3);
    assert_int_equal(ObReferenceObjectByPointerWithTag(thing, 0, thing_type, KernelMode, TAG), STATUS_SUCCESS);
    assert_int_equal(ObReferenceObjectByPointerWithTag(thing, 0, NULL, UserMode, TAG), STATUS_OBJECT_TYPE_MISMATCH);
    assert_int_equal(ObOpenObjectByPointerWithTag(thing, 0, NULL, 0x1, thing_type, KernelMode, TAG, &handle),
                     STATUS_SUCCESS);
    assert_int_equal(ObReferenceObjectByHandleWithTag(handle, 0x1, thing_type, UserMode, TAG, &object, NULL),
                     STATUS_SUCCESS);
    assert_ptr_equal(object, thing);
    assert_int_equal(ObReferenceObjectByHandleWithTag(handle, 0x2, thing_type, UserMode, TAG, &object, NULL),
                     STATUS_ACCESS_DENIED);
    assert_int_equal(ObReferenceObjectByHandleWithTag(handle, 0, *ExSemaphoreObjectType, KernelMode, TAG, &object, NULL),
                     STATUS_OBJECT_TYPE_MISMATCH);
    assert_int_equal(ZwClose(handle), STATUS_SUCCESS);
    assert_int_equal(ObReferenceObjectByHandleWithTag(handle, 0, NULL, KernelMode, TAG, &object, NULL),
                     STATUS_INVALID_HANDLE);
    assert_int_equal(ObDereferenceObjectWithTag(thing, TAG), 4);
    assert_int_equal(ObfDereferenceObjectWithTag(thing, TAG), 3);
    assert_int_equal(ObfDereferenceObject(thing), 2);
    ObDereferenceObject(thing);
    assert_int_equal(deleted, 0);
    ObDereferenceObjectDeferDeleteWithTag(thing, TAG);
}

static void test_open_by_name(void **state)
{
    UNICODE_STRING path = text(u"\\Device\\Thing");
    OBJECT_ATTRIBUTES attributes = RTL_INIT_OBJECT_ATTRIBUTES(&path, OBJ_CASE_INSENSITIVE);
    struct thing *thing = make_thing(NULL);
    HANDLE handle;
    assert_int_equal(ObOpenObjectByName(&attributes, NULL, KernelMode, NULL, 0, NULL, &handle),
                     STATUS_OBJECT_NAME_NOT_FOUND);
    ObpInsertName(thing, NULL, &path, OBJ_CASE_INSENSITIVE | OBJ_PERMANENT);
    assert_int_equal(ObOpenObjectByName(&attributes, thing_type, KernelMode, NULL, DELETE, NULL, &handle), STATUS_SUCCESS);
    assert_int_equal(ZwMakeTemporaryObject(handle), STATUS_SUCCESS);
    ObpDereference(thing);
    assert_int_equal(ZwClose(handle), STATUS_SUCCESS);
    assert_int_equal(ZwMakeTemporaryObject(handle), STATUS_INVALID_HANDLE);
    assert_int_equal(ObOpenObjectByName(&attributes, NULL, KernelMode, NULL, 0, NULL, &handle),
                     STATUS_OBJECT_NAME_NOT_FOUND);
}

static void test_duplicate_between_processes(void **state)
{
    struct thing *thing = make_thing(NULL);
    PEPROCESS here = PsGetCurrentProcess(), there = PsInitialSystemProcess;
    HANDLE handle, other;
    ObpCreateHandle(thing, 0x3, 0, NULL, &handle);
    assert_int_equal(ObDuplicateObject(here, handle, there, &other, 0, 0, DUPLICATE_SAME_ACCESS, KernelMode),
                     STATUS_SUCCESS);
    assert_int_equal(ObpCountHandles(thing, there), 1);
    assert_int_equal(ObpCountHandles(thing, here), 1);
    assert_true(ObIsKernelHandle(other));
    assert_int_equal(ZwClose(other), STATUS_SUCCESS);
    assert_int_equal(ObDuplicateObject(here, handle, NULL, NULL, 0, 0, DUPLICATE_CLOSE_SOURCE, KernelMode), STATUS_SUCCESS);
    assert_int_equal(ObpCountHandles(thing, NULL), 0);
    assert_int_equal(ObDuplicateObject(here, handle, there, &other, 0, 0, 0, KernelMode), STATUS_INVALID_HANDLE);
    ObDereferenceObject(thing);
}

static void test_queries(void **state)
{
    _Alignas(8) char buffer[300];
    PPUBLIC_OBJECT_BASIC_INFORMATION basic = (PPUBLIC_OBJECT_BASIC_INFORMATION)buffer;
    PPUBLIC_OBJECT_TYPE_INFORMATION type = (PPUBLIC_OBJECT_TYPE_INFORMATION)buffer;
    struct thing *thing = make_thing(NULL);
    HANDLE handle;
    ULONG needed;
    ObpCreateHandle(thing, 0x3, OBJ_INHERIT, NULL, &handle);
    assert_int_equal(ZwQueryObject(handle, ObjectBasicInformation, basic, sizeof *basic, &needed), STATUS_SUCCESS);
    assert_int_equal(basic->GrantedAccess, 0x3);
    assert_int_equal(basic->Attributes, OBJ_INHERIT);
    assert_int_equal(basic->HandleCount, 1);
    assert_int_equal(basic->PointerCount, 3);
    assert_int_equal(ZwQueryObject(handle, ObjectBasicInformation, basic, 4, &needed), STATUS_INFO_LENGTH_MISMATCH);
    assert_int_equal(needed, sizeof *basic);
    assert_int_equal(ZwQueryObject(handle, ObjectTypeInformation, type, sizeof buffer, &needed), STATUS_SUCCESS);
    assert_int_equal(type->TypeName.Length, 10);
    assert_memory_equal(type->TypeName.Buffer, u"Thing", 10);
    assert_int_equal(ZwQueryObject(handle, ObjectTypeInformation, type, needed - 1, &needed), STATUS_INFO_LENGTH_MISMATCH);
    assert_int_equal(ZwQueryObject(handle, ObjectNameInformation, buffer, sizeof buffer, &needed), STATUS_SUCCESS);
    assert_int_equal(needed, sizeof(OBJECT_NAME_INFORMATION));
    assert_int_equal(ZwQueryObject(handle, (OBJECT_INFORMATION_CLASS)99, buffer, sizeof buffer, &needed),
                     STATUS_INVALID_INFO_CLASS);
    ZwClose(handle);
    assert_int_equal(ZwQueryObject(handle, ObjectBasicInformation, basic, sizeof *basic, &needed), STATUS_INVALID_HANDLE);
    ObDereferenceObject(thing);
}

static void test_waits_on_handles(void **state)
{
    struct thing *thing = make_thing(NULL);
    LARGE_INTEGER zero = {.QuadPart = 0};
    HANDLE handle, no_wait;
    ObpCreateHandle(thing, SYNCHRONIZE, 0, NULL, &handle);
    ObpCreateHandle(thing, 0x1, 0, NULL, &no_wait);
    assert_int_equal(NtWaitForSingleObject(handle, FALSE, &zero), STATUS_TIMEOUT);
    KeSetEvent(&thing->event, 0, FALSE);
    assert_int_equal(NtWaitForSingleObject(handle, FALSE, NULL), STATUS_SUCCESS);
    assert_int_equal(ZwWaitForSingleObject(no_wait, FALSE, &zero), STATUS_SUCCESS); /* kernel mode: no access check */
    ZwClose(no_wait);
    ZwClose(handle);
    assert_int_equal(ZwWaitForSingleObject(handle, FALSE, &zero), STATUS_INVALID_HANDLE);
    ObDereferenceObject(thing);
}

static void test_directories(void **state)
{
    UNICODE_STRING paths[] = {text(u"\\Device"), text(u"\\NoDevice"), text(u"\\No\\Device"), text(u"Device"),
                              text(u"\\Device\\")};
    NTSTATUS expected[] = {STATUS_SUCCESS, STATUS_OBJECT_NAME_NOT_FOUND, STATUS_OBJECT_PATH_NOT_FOUND,
                           STATUS_OBJECT_PATH_SYNTAX_BAD, STATUS_OBJECT_NAME_INVALID};
    for (int i = 0; i < 5; i++) {
        OBJECT_ATTRIBUTES attributes = RTL_INIT_OBJECT_ATTRIBUTES(&paths[i], 0);
        HANDLE handle;
        assert_int_equal(ZwOpenDirectoryObject(&handle, DIRECTORY_QUERY, &attributes), expected[i]);
        if (NT_SUCCESS(expected[i]))
            ZwClose(handle);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_references_with_a_tag), TEST(test_open_by_name), TEST(test_duplicate_between_processes),
        TEST(test_queries),               TEST(test_waits_on_handles), TEST(test_directories),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
