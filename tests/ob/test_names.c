/* The namespace: directories, links, parse procedures, queries. */
#include "ob_test.h"

static NTSTATUS look_up(const WCHAR *name, POBJECT_TYPE type, ULONG flags, PVOID *object)
{
    UNICODE_STRING path = text(name);
    OBJECT_ATTRIBUTES attributes = RTL_INIT_OBJECT_ATTRIBUTES(&path, flags);
    return ObpLookup(&attributes, type, KernelMode, 0, NULL, object);
}

static NTSTATUS find(const WCHAR *name) 
{
    PVOID object;
    NTSTATUS status = look_up(name, NULL, OBJ_CASE_INSENSITIVE, &object);
    if (NT_SUCCESS(status))
        ObpDereference(object);
    else
        assert_null(object);
    return status;
}

static struct thing *make_named(const WCHAR *name, int *deleted)
{
    UNICODE_STRING path = text(name);
    struct thing *thing = make_thing(deleted);
    assert_int_equal(ObpInsertName(thing, NULL, &path, OBJ_CASE_INSENSITIVE), STATUS_SUCCESS);
    return thing;
}

static void test_statuses_of_lookups(void **state)
{
    assert_int_equal(find(u"\\Device"), STATUS_SUCCESS);
    assert_int_equal(find(u"\\"), STATUS_SUCCESS);
    assert_int_equal(find(u"\\dEvIcE"), STATUS_SUCCESS);
    assert_int_equal(find(u"\\??"), STATUS_SUCCESS);
    assert_int_equal(find(u"\\DosDevices"), STATUS_SUCCESS);
    assert_int_equal(find(u"\\GLOBAL??\\Global"), STATUS_SUCCESS);
    assert_int_equal(find(u"\\??\\GLOBALROOT\\Device"), STATUS_SUCCESS);
    assert_int_equal(find(u"\\Device\\None"), STATUS_OBJECT_NAME_NOT_FOUND);
    assert_int_equal(find(u"\\None\\Other"), STATUS_OBJECT_PATH_NOT_FOUND);
    assert_int_equal(find(u"Device"), STATUS_OBJECT_PATH_SYNTAX_BAD);
    assert_int_equal(find(u""), STATUS_OBJECT_PATH_SYNTAX_BAD);
    assert_int_equal(find(u"\\Device\\"), STATUS_OBJECT_NAME_INVALID);
    assert_int_equal(find(u"\\\\Device"), STATUS_OBJECT_NAME_INVALID);
    PVOID object;
    assert_int_equal(look_up(u"\\DEVICE", NULL, 0, &object), STATUS_SUCCESS); /* obcaseinsensitive is on */
    ObpDereference(object);
    assert_int_equal(look_up(u"\\Device", ObpSymbolicLinkType, 0, &object), STATUS_OBJECT_TYPE_MISMATCH);
    assert_int_equal(ObpLookup(&(OBJECT_ATTRIBUTES){.Length = 1}, NULL, KernelMode, 0, NULL, &object),
                     STATUS_INVALID_PARAMETER);
    UNICODE_STRING odd = {3, 3, (PWCH)u"\\D"};
    OBJECT_ATTRIBUTES attributes = RTL_INIT_OBJECT_ATTRIBUTES(&odd, 0);
    assert_int_equal(ObpLookup(&attributes, NULL, KernelMode, 0, NULL, &object), STATUS_OBJECT_NAME_INVALID);
}

static void test_parse_procedure(void **state)
{
    struct thing *thing = make_named(u"\\Device\\Disk", NULL);
    PVOID found;
    assert_int_equal(look_up(u"\\device\\DISK\\dir\\file", NULL, OBJ_CASE_INSENSITIVE, &found), STATUS_SUCCESS);
    assert_ptr_equal(found, thing);
    assert_string_equal(thing->seen, "\\dir\\file");
    ObpDereference(found);
    thing->parse_status = STATUS_DEVICE_BUSY;
    assert_int_equal(look_up(u"\\Device\\Disk\\", NULL, 0, &found), STATUS_DEVICE_BUSY);
    assert_string_equal(thing->seen, "\\");
    ObpRemoveName(thing);
    assert_int_equal(find(u"\\Device\\Disk"), STATUS_OBJECT_NAME_NOT_FOUND);
    ObpDereference(thing);
}

static void test_links(void **state)
{
    struct thing *thing = make_named(u"\\Device\\Disk", NULL);
    UNICODE_STRING letter = text(u"\\DosDevices\\X:"), target = text(u"\\Device\\Disk");
    PVOID found;
    assert_int_equal(ObpCreateLink(&letter, &target), STATUS_SUCCESS);
    assert_int_equal(ObpCreateLink(&letter, &target), STATUS_OBJECT_NAME_COLLISION);
    assert_int_equal(look_up(u"\\??\\x:\\a", NULL, OBJ_CASE_INSENSITIVE, &found), STATUS_SUCCESS);
    assert_ptr_equal(found, thing);
    assert_string_equal(thing->seen, "\\a");
    ObpDereference(found);
    assert_int_equal(look_up(u"\\??\\Global\\X:\\b", NULL, 0, &found), STATUS_SUCCESS);
    assert_string_equal(thing->seen, "\\b");
    ObpDereference(found);
    assert_int_equal(look_up(u"\\??\\X:", NULL, OBJ_DONT_REPARSE, &found), STATUS_REPARSE_POINT_ENCOUNTERED);
    assert_int_equal(ObpDeleteLink(&letter), STATUS_SUCCESS);
    assert_int_equal(ObpDeleteLink(&letter), STATUS_OBJECT_NAME_NOT_FOUND);
    ObpRemoveName(thing);
    ObpDereference(thing);
}

static void test_reparse(void **state)
{
    struct thing *from = make_named(u"\\Device\\Source", NULL), *to = make_named(u"\\Device\\Target", NULL);
    PVOID found;
    from->parse_status = STATUS_REPARSE;
    assert_int_equal(look_up(u"\\Device\\Source\\here", NULL, 0, &found), STATUS_SUCCESS);
    assert_ptr_equal(found, to);
    assert_string_equal(to->seen, "\\there");
    ObpDereference(found);
    to->parse_status = STATUS_REPARSE; /* round and round */
    assert_int_equal(look_up(u"\\Device\\Source\\here", NULL, 0, &found), STATUS_OBJECT_NAME_NOT_FOUND);
    ObpRemoveName(from);
    ObpRemoveName(to);
    ObpDereference(from);
    ObpDereference(to);
}

static void test_relative_to_a_handle(void **state)
{
    struct thing *thing = make_named(u"\\Device\\Disk", NULL);
    UNICODE_STRING path = text(u"\\Device"), name = text(u"Disk"), absolute = text(u"\\Disk"), below = text(u"a\\b");
    OBJECT_ATTRIBUTES attributes = RTL_INIT_OBJECT_ATTRIBUTES(&path, 0);
    HANDLE directory, handle;
    PVOID found;
    assert_int_equal(ZwOpenDirectoryObject(&directory, DIRECTORY_QUERY, &attributes), STATUS_SUCCESS);
    InitializeObjectAttributes(&attributes, &name, 0, directory, NULL);
    assert_int_equal(ObpLookup(&attributes, thing_type, KernelMode, 0, NULL, &found), STATUS_SUCCESS);
    assert_ptr_equal(found, thing);
    ObpDereference(found);
    attributes.ObjectName = &absolute;
    assert_int_equal(ObpLookup(&attributes, NULL, KernelMode, 0, NULL, &found), STATUS_OBJECT_PATH_SYNTAX_BAD);
    ObpCreateHandle(thing, 0, 0, NULL, &handle);
    InitializeObjectAttributes(&attributes, &below, 0, handle, NULL);
    assert_int_equal(ObpLookup(&attributes, NULL, KernelMode, 0, NULL, &found), STATUS_SUCCESS);
    assert_string_equal(thing->seen, "a\\b");
    ObpDereference(found);
    ZwClose(handle);
    ZwClose(directory);
    ObpRemoveName(thing);
    ObpDereference(thing);
}

static void test_temporary_and_permanent(void **state)
{
    int deleted = 0;
    HANDLE handle;
    struct thing *thing = make_named(u"\\BaseNamedObjects\\Temporary", &deleted);
    ObpCreateHandle(thing, 0, 0, NULL, &handle);
    ObpDereference(thing);
    assert_int_equal(find(u"\\BaseNamedObjects\\Temporary"), STATUS_SUCCESS);
    ZwClose(handle);
    assert_int_equal(find(u"\\BaseNamedObjects\\Temporary"), STATUS_OBJECT_NAME_NOT_FOUND);
    assert_int_equal(deleted, 1);

    UNICODE_STRING path = text(u"\\BaseNamedObjects\\Permanent");
    thing = make_thing(&deleted);
    assert_int_equal(ObpInsertName(thing, NULL, &path, OBJ_PERMANENT), STATUS_SUCCESS);
    ObpCreateHandle(thing, DELETE, 0, NULL, &handle);
    ObpDereference(thing);
    ZwClose(handle);
    assert_int_equal(find(u"\\BaseNamedObjects\\Permanent"), STATUS_SUCCESS);
    ObpReference(thing);
    ObMakeTemporaryObject(thing);
    assert_int_equal(find(u"\\BaseNamedObjects\\Permanent"), STATUS_OBJECT_NAME_NOT_FOUND);
    ObpDereference(thing);
    assert_int_equal(deleted, 2);
}

static void assert_name(PVOID object, const WCHAR *expected)
{
    _Alignas(8) char buffer[300];
    POBJECT_NAME_INFORMATION info = (POBJECT_NAME_INFORMATION)buffer;
    UNICODE_STRING wanted = text(expected);
    ULONG needed, again;
    assert_int_equal(ObQueryNameString(object, info, sizeof buffer, &needed), STATUS_SUCCESS);
    assert_int_equal(info->Name.Length, wanted.Length);
    assert_memory_equal(info->Name.Buffer, wanted.Buffer, wanted.Length);
    assert_int_equal(ObQueryNameString(object, info, needed, &again), STATUS_SUCCESS);
    assert_int_equal(ObQueryNameString(object, info, needed - 1, &again), STATUS_INFO_LENGTH_MISMATCH);
    assert_int_equal(again, needed);
}

static void test_query_name(void **state)
{
    struct thing *thing = make_named(u"\\Device\\Disk", NULL);
    OBJECT_NAME_INFORMATION info;
    ULONG needed;
    PVOID root;
    assert_name(thing, u"\\Device\\Disk");
    assert_int_equal(look_up(u"\\", NULL, 0, &root), STATUS_SUCCESS);
    assert_name(root, u"\\");
    ObpDereference(root);
    ObpRemoveName(thing);
    assert_int_equal(ObQueryNameString(thing, &info, sizeof info, &needed), STATUS_SUCCESS);
    assert_int_equal(info.Name.Length, 0);
    assert_int_equal(needed, sizeof info);
    ObpDereference(thing);
}

/* No published header has it: drivers declare it themselves. */
typedef struct _OBJECT_DIRECTORY_INFORMATION {
    UNICODE_STRING Name;
    UNICODE_STRING TypeName;
} OBJECT_DIRECTORY_INFORMATION, *POBJECT_DIRECTORY_INFORMATION;

static void test_directory_objects(void **state)
{
    UNICODE_STRING path = text(u"\\Mine"), inner = text(u"\\Mine\\Link"), to = text(u"\\Device");
    OBJECT_ATTRIBUTES attributes = RTL_INIT_OBJECT_ATTRIBUTES(&path, OBJ_KERNEL_HANDLE);
    _Alignas(8) char buffer[400];
    POBJECT_DIRECTORY_INFORMATION info = (POBJECT_DIRECTORY_INFORMATION)buffer;
    HANDLE directory, link;
    ULONG context = 0, needed;
    assert_int_equal(ZwCreateDirectoryObject(&directory, DIRECTORY_ALL_ACCESS, &attributes), STATUS_SUCCESS);
    assert_int_equal(ZwQueryDirectoryObject(directory, buffer, sizeof buffer, FALSE, TRUE, &context, &needed),
                     STATUS_NO_MORE_ENTRIES);
    attributes.ObjectName = &inner;
    assert_int_equal(ZwCreateSymbolicLinkObject(&link, SYMBOLIC_LINK_ALL_ACCESS, &attributes, &to), STATUS_SUCCESS);
    assert_int_equal(ZwQueryDirectoryObject(directory, buffer, sizeof *info, FALSE, TRUE, &context, &needed),
                     STATUS_BUFFER_TOO_SMALL);
    assert_in_range(needed, sizeof *info * 2, sizeof buffer);
    assert_int_equal(ZwQueryDirectoryObject(directory, buffer, sizeof buffer, FALSE, TRUE, &context, &needed),
                     STATUS_SUCCESS);
    assert_int_equal(info[0].Name.Length, 8);
    assert_memory_equal(info[0].Name.Buffer, u"Link", 8);
    assert_memory_equal(info[0].TypeName.Buffer, u"SymbolicLink", 24);
    assert_null(info[1].Name.Buffer);
    assert_int_equal(context, 1);
    WCHAR text_buffer[20];
    UNICODE_STRING target = {0, 4, text_buffer};
    assert_int_equal(ZwQuerySymbolicLinkObject(link, &target, &needed), STATUS_BUFFER_TOO_SMALL);
    assert_int_equal(needed, 16);
    target.MaximumLength = sizeof text_buffer;
    assert_int_equal(ZwQuerySymbolicLinkObject(link, &target, NULL), STATUS_SUCCESS);
    assert_int_equal(target.Length, 14);
    HANDLE again;
    assert_int_equal(ZwOpenSymbolicLinkObject(&again, SYMBOLIC_LINK_QUERY, &attributes), STATUS_SUCCESS);
    ZwClose(again);
    ZwClose(link);
    ZwClose(directory);
    assert_int_equal(find(u"\\Mine"), STATUS_OBJECT_NAME_NOT_FOUND);
}

static void test_insert_errors(void **state)
{
    struct thing *thing = make_thing(NULL);
    UNICODE_STRING paths[] = {text(u"\\None\\Name"), text(u"\\Device\\"), text(u"Name"), text(u"\\Device"),
                              text(u"\\Device\\Disk")};
    NTSTATUS expected[] = {STATUS_OBJECT_PATH_NOT_FOUND, STATUS_OBJECT_NAME_INVALID, STATUS_OBJECT_PATH_SYNTAX_BAD,
                           STATUS_OBJECT_NAME_COLLISION, STATUS_SUCCESS};
    for (int i = 0; i < 5; i++)
        assert_int_equal(ObpInsertName(thing, NULL, &paths[i], OBJ_CASE_INSENSITIVE), expected[i]);
    ObpRemoveName(thing);
    ObpDereference(thing);
}

static void test_reference_by_name(void **state)
{
    struct thing *thing = make_named(u"\\Driver\\sample", NULL);
    UNICODE_STRING path = text(u"\\Driver\\Sample");
    PVOID found;
    assert_int_equal(ObReferenceObjectByName(&path, OBJ_CASE_INSENSITIVE, NULL, 0, NULL, KernelMode, NULL, &found),
                     STATUS_SUCCESS);
    ObDereferenceObject(found);
    ObpRemoveName(thing);
    ObpDereference(thing);
}

static bool count_link(PCUNICODE_STRING name, PCUNICODE_STRING target, void *context)
{
    if (name->Length == 4 && name->Buffer[0] == 'X')
        ++*(int *)context;
    return true;
}

static void test_each_dos_link(void **state)
{
    UNICODE_STRING letter = text(u"\\??\\X:"), target = text(u"\\Device\\Disk");
    int count = 0;
    ObpCreateLink(&letter, &target);
    ObpEachDosLink(count_link, &count);
    assert_int_equal(count, 1);
    ObpDeleteLink(&letter);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_statuses_of_lookups),  TEST(test_parse_procedure),         TEST(test_links),
        TEST(test_reparse),              TEST(test_relative_to_a_handle),    TEST(test_temporary_and_permanent),
        TEST(test_query_name),           TEST(test_directory_objects),       TEST(test_insert_errors),
        TEST(test_reference_by_name),    TEST(test_each_dos_link),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
