/* The registry in memory, as drivers use it. */
#include <ntifs.h>
#include <fltsim/cmocka.h>

#include <string.h>

#define SERVICES u"\\Registry\\Machine\\System\\CurrentControlSet\\Services"

static UNICODE_STRING text(const WCHAR *units)
{
    UNICODE_STRING string;
    RtlInitUnicodeString(&string, (PCWSTR)units);
    return string;
}

static NTSTATUS open_key(HANDLE root, const WCHAR *path, bool create, PHANDLE key, PULONG disposition)
{
    UNICODE_STRING name = text(path);
    OBJECT_ATTRIBUTES attributes;
    InitializeObjectAttributes(&attributes, &name, OBJ_CASE_INSENSITIVE | OBJ_KERNEL_HANDLE, root, NULL);
    return create ? ZwCreateKey(key, KEY_ALL_ACCESS, &attributes, 0, NULL, 0, disposition)
                  : ZwOpenKey(key, KEY_ALL_ACCESS, &attributes);
}

static HANDLE new_key(void)
{
    HANDLE key;
    assert_int_equal(open_key(NULL, SERVICES u"\\Foo", true, &key, NULL), STATUS_SUCCESS);
    return key;
}

static void set_number(HANDLE key, const WCHAR *name, ULONG number)
{
    UNICODE_STRING value = text(name);
    assert_int_equal(ZwSetValueKey(key, &value, 0, REG_DWORD, &number, sizeof number), STATUS_SUCCESS);
}

static void a_created_key_is_found_in_any_letter_case(void)
{
    HANDLE key = new_key(), again;
    assert_int_equal(open_key(NULL, u"\\REGISTRY\\machine\\SYSTEM\\currentcontrolset\\services\\FOO", false, &again, NULL),
                     STATUS_SUCCESS);
    ZwClose(again);
    ZwClose(key);
}

static void create_says_whether_the_key_was_there(void)
{
    ULONG disposition;
    HANDLE key;
    assert_int_equal(open_key(NULL, SERVICES u"\\Foo", true, &key, &disposition), STATUS_SUCCESS);
    assert_int_equal(disposition, REG_CREATED_NEW_KEY);
    ZwClose(key);
    assert_int_equal(open_key(NULL, SERVICES u"\\Foo", true, &key, &disposition), STATUS_SUCCESS);
    assert_int_equal(disposition, REG_OPENED_EXISTING_KEY);
    ZwClose(key);
}

static void keys_open_with_options(void)
{
    static const struct {
        const WCHAR *path;
        ULONG options;
        NTSTATUS expected;
    } cases[] = {
        {SERVICES u"\\Foo", 0, STATUS_SUCCESS},
        {SERVICES u"\\Foo", REG_OPTION_OPEN_LINK, STATUS_SUCCESS},
        {SERVICES u"\\Foo", REG_OPTION_BACKUP_RESTORE, STATUS_SUCCESS},
        {SERVICES u"\\Foo", REG_OPTION_VOLATILE, STATUS_INVALID_PARAMETER_4},
        {SERVICES u"\\Foo", 0x100, STATUS_INVALID_PARAMETER_4},
        {SERVICES u"\\Bar", 0, STATUS_OBJECT_NAME_NOT_FOUND},
        {u"Foo", 0, STATUS_OBJECT_PATH_SYNTAX_BAD},
    };
    ZwClose(new_key());
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        UNICODE_STRING name = text(cases[i].path);
        OBJECT_ATTRIBUTES attributes;
        HANDLE key = NULL;
        PVOID object;
        InitializeObjectAttributes(&attributes, &name, OBJ_CASE_INSENSITIVE | OBJ_KERNEL_HANDLE, NULL, NULL);
        assert_int_equal(ZwOpenKeyEx(&key, KEY_READ, &attributes, cases[i].options), cases[i].expected);
        if (!key)
            continue;
        assert_int_equal(ObReferenceObjectByHandle(key, KEY_READ, *CmKeyObjectType, KernelMode, &object, NULL),
                         STATUS_SUCCESS);
        ObDereferenceObject(object);
        assert_int_equal(ObReferenceObjectByHandle(key, 0, *IoFileObjectType, KernelMode, &object, NULL),
                         STATUS_OBJECT_TYPE_MISMATCH);
        ZwClose(key);
    }
}

static void a_missing_parent_is_not_created_along(void)
{
    HANDLE key;
    assert_int_equal(open_key(NULL, SERVICES u"\\Bar\\Parameters", true, &key, NULL), STATUS_OBJECT_NAME_NOT_FOUND);
    assert_int_equal(open_key(NULL, SERVICES u"\\Bar", false, &key, NULL), STATUS_OBJECT_NAME_NOT_FOUND);
}

static void keys_open_relative_to_a_handle(void)
{
    HANDLE services, key;
    ZwClose(new_key());
    assert_int_equal(open_key(NULL, SERVICES, false, &services, NULL), STATUS_SUCCESS);
    assert_int_equal(open_key(services, u"Foo", false, &key, NULL), STATUS_SUCCESS);
    ZwClose(key);
    ZwClose(services);
}

static void a_value_query_says_how_much_room_it_needs(void)
{
    static const struct {
        KEY_VALUE_INFORMATION_CLASS kind;
        ULONG needed;
    } cases[] = {
        {KeyValueBasicInformation, FIELD_OFFSET(KEY_VALUE_BASIC_INFORMATION, Name) + 10},
        {KeyValuePartialInformation, FIELD_OFFSET(KEY_VALUE_PARTIAL_INFORMATION, Data) + 4},
        {KeyValueFullInformation, FIELD_OFFSET(KEY_VALUE_FULL_INFORMATION, Name) + 12 + 4},
    };
    UNICODE_STRING name = text(u"Depth");
    UCHAR buffer[64];
    ULONG needed;
    HANDLE key = new_key();

    set_number(key, u"Depth", 7);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(ZwQueryValueKey(key, &name, cases[i].kind, NULL, 0, &needed), STATUS_BUFFER_TOO_SMALL);
        assert_int_equal(needed, cases[i].needed);
        assert_int_equal(ZwQueryValueKey(key, &name, cases[i].kind, buffer, needed - 1, &needed), STATUS_BUFFER_OVERFLOW);
        assert_int_equal(ZwQueryValueKey(key, &name, cases[i].kind, buffer, needed, &needed), STATUS_SUCCESS);
    }
    ZwClose(key);
}

static void a_value_is_what_was_set_last(void)
{
    _Alignas(8) UCHAR buffer[64];
    PKEY_VALUE_PARTIAL_INFORMATION info = (PVOID)buffer;
    UNICODE_STRING name = text(u"DEPTH");
    ULONG needed;
    HANDLE key = new_key();

    set_number(key, u"Depth", 7);
    set_number(key, u"depth", 9);
    assert_int_equal(ZwQueryValueKey(key, &name, KeyValuePartialInformation, info, sizeof buffer, &needed), STATUS_SUCCESS);
    assert_int_equal(info->Type, REG_DWORD);
    assert_int_equal(*(ULONG *)info->Data, 9);
    assert_int_equal(ZwDeleteValueKey(key, &name), STATUS_SUCCESS);
    assert_int_equal(ZwDeleteValueKey(key, &name), STATUS_OBJECT_NAME_NOT_FOUND);
    ZwClose(key);
}

static void values_and_keys_are_enumerated_to_their_end(void)
{
    _Alignas(8) UCHAR buffer[128];
    ULONG needed;
    HANDLE sub, key = new_key();

    set_number(key, u"A", 1);
    set_number(key, u"B", 2);
    assert_int_equal(ZwEnumerateValueKey(key, 1, KeyValueBasicInformation, buffer, sizeof buffer, &needed), STATUS_SUCCESS);
    assert_int_equal(((PKEY_VALUE_BASIC_INFORMATION)buffer)->Name[0], 'B');
    assert_int_equal(ZwEnumerateValueKey(key, 2, KeyValueBasicInformation, buffer, sizeof buffer, &needed),
                     STATUS_NO_MORE_ENTRIES);
    assert_int_equal(open_key(key, u"Sub", true, &sub, NULL), STATUS_SUCCESS);
    assert_int_equal(ZwEnumerateKey(key, 0, KeyBasicInformation, buffer, sizeof buffer, &needed), STATUS_SUCCESS);
    assert_int_equal(((PKEY_BASIC_INFORMATION)buffer)->NameLength, 6);
    assert_int_equal(ZwEnumerateKey(key, 1, KeyBasicInformation, buffer, sizeof buffer, &needed), STATUS_NO_MORE_ENTRIES);
    assert_int_equal(ZwQueryKey(key, KeyFullInformation, buffer, sizeof buffer, &needed), STATUS_SUCCESS);
    assert_int_equal(((PKEY_FULL_INFORMATION)buffer)->SubKeys, 1);
    assert_int_equal(((PKEY_FULL_INFORMATION)buffer)->Values, 2);
    ZwClose(sub);
    ZwClose(key);
}

static void a_deleted_key_answers_so_to_who_has_it_open(void)
{
    UNICODE_STRING name = text(u"A");
    ULONG needed;
    HANDLE again, key = new_key();

    assert_int_equal(ZwDeleteKey(key), STATUS_SUCCESS);
    assert_int_equal(ZwQueryValueKey(key, &name, KeyValuePartialInformation, NULL, 0, &needed), STATUS_KEY_DELETED);
    assert_int_equal(open_key(NULL, SERVICES u"\\Foo", false, &again, NULL), STATUS_OBJECT_NAME_NOT_FOUND);
    ZwClose(key);
}

static void a_key_with_keys_below_cannot_be_deleted(void)
{
    HANDLE sub, key = new_key();
    assert_int_equal(open_key(key, u"Sub", true, &sub, NULL), STATUS_SUCCESS);
    assert_int_equal(ZwDeleteKey(key), STATUS_CANNOT_DELETE);
    ZwClose(sub);
    ZwClose(key);
}

static NTSTATUS count(PWSTR name, ULONG type, PVOID data, ULONG length, PVOID context, PVOID entry)
{
    ++*(unsigned *)context;
    return STATUS_SUCCESS;
}

static void query_registry_values_fills_in_values_and_defaults(void)
{
    ULONG depth = 0, missing = 0, fallback = 42;
    UNICODE_STRING label = {0, 0, NULL};
    RTL_QUERY_REGISTRY_TABLE table[] = {
        {NULL, RTL_QUERY_REGISTRY_DIRECT | RTL_QUERY_REGISTRY_TYPECHECK, (PWSTR)u"Depth", &depth,
         REG_DWORD << RTL_QUERY_REGISTRY_TYPECHECK_SHIFT, NULL, 0},
        {NULL, RTL_QUERY_REGISTRY_DIRECT, (PWSTR)u"Missing", &missing, REG_DWORD, &fallback, sizeof fallback},
        {NULL, RTL_QUERY_REGISTRY_DIRECT, (PWSTR)u"Label", &label, REG_NONE, NULL, 0},
        {0},
    };
    HANDLE key = new_key();

    set_number(key, u"Depth", 3);
    ZwClose(key);
    assert_int_equal(RtlWriteRegistryValue(RTL_REGISTRY_SERVICES, (PCWSTR)u"Foo", (PCWSTR)u"Label", REG_SZ, (PVOID)u"text", 10),
                     STATUS_SUCCESS);
    assert_int_equal(RtlQueryRegistryValues(RTL_REGISTRY_SERVICES, (PCWSTR)u"Foo", table, NULL, NULL), STATUS_SUCCESS);
    assert_int_equal(depth, 3);
    assert_int_equal(missing, 42);
    assert_int_equal(label.Length, 8);
    RtlFreeUnicodeString(&label);
}

static void query_registry_values_calls_once_for_each_string_of_a_list(void)
{
    unsigned calls = 0;
    RTL_QUERY_REGISTRY_TABLE table[] = {{count, 0, (PWSTR)u"List", NULL, REG_NONE, NULL, 0}, {0}};

    ZwClose(new_key());
    RtlWriteRegistryValue(RTL_REGISTRY_SERVICES, (PCWSTR)u"Foo", (PCWSTR)u"List", REG_MULTI_SZ, (PVOID)u"one\0two\0three\0", 30);
    assert_int_equal(RtlQueryRegistryValues(RTL_REGISTRY_SERVICES, (PCWSTR)u"Foo", table, &calls, NULL), STATUS_SUCCESS);
    assert_int_equal(calls, 3);
}

static void a_required_value_that_is_missing_stops_the_query(void)
{
    RTL_QUERY_REGISTRY_TABLE table[] = {
        {count, RTL_QUERY_REGISTRY_REQUIRED, (PWSTR)u"Missing", NULL, REG_NONE, NULL, 0}, {0}};
    unsigned calls = 0;

    ZwClose(new_key());
    assert_int_equal(RtlQueryRegistryValues(RTL_REGISTRY_SERVICES, (PCWSTR)u"Foo", table, &calls, NULL),
                     STATUS_OBJECT_NAME_NOT_FOUND);
    assert_int_equal(calls, 0);
    assert_int_equal(RtlCheckRegistryKey(RTL_REGISTRY_SERVICES, (PWSTR)u"Bar"), STATUS_OBJECT_NAME_NOT_FOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fltsim_unit_test(a_created_key_is_found_in_any_letter_case),
        fltsim_unit_test(create_says_whether_the_key_was_there),
        fltsim_unit_test(keys_open_with_options),
        fltsim_unit_test(a_missing_parent_is_not_created_along),
        fltsim_unit_test(keys_open_relative_to_a_handle),
        fltsim_unit_test(a_value_query_says_how_much_room_it_needs),
        fltsim_unit_test(a_value_is_what_was_set_last),
        fltsim_unit_test(values_and_keys_are_enumerated_to_their_end),
        fltsim_unit_test(a_deleted_key_answers_so_to_who_has_it_open),
        fltsim_unit_test(a_key_with_keys_below_cannot_be_deleted),
        fltsim_unit_test(query_registry_values_fills_in_values_and_defaults),
        fltsim_unit_test(query_registry_values_calls_once_for_each_string_of_a_list),
        fltsim_unit_test(a_required_value_that_is_missing_stops_the_query),
    };
    return cmocka_run_group_tests_name("cm/registry", tests, NULL, NULL);
}
