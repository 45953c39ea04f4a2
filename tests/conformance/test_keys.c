/* Keys of the registry: their paths, their values cut where the buffer ends, and what is left of those deleted. All of it was
 * seen on Windows by published test suites. */
#include "stage.h"

#define TOP L"\\Registry\\Machine\\Software\\top"

static HANDLE root;

static POBJECT_ATTRIBUTES at(const WCHAR *path, HANDLE folder, ULONG attributes)
{
    static OBJECT_ATTRIBUTES made;
    InitializeObjectAttributes(&made, text(path), attributes | OBJ_KERNEL_HANDLE, folder, NULL);
    return &made;
}

static void root_set(void)
{
    succeeds(ZwCreateKey(&root, KEY_ALL_ACCESS, at(TOP, NULL, OBJ_CASE_INSENSITIVE), 0, NULL, REG_OPTION_VOLATILE, NULL));
}

static void root_forgotten(void)
{
    succeeds(ZwDeleteKey(root));
    succeeds(ZwClose(root));
}

static void a_path_begins_in_the_registry(void)
{
    static const struct {
        const WCHAR *path;
        NTSTATUS status;
    } rows[] = {
        {L"", STATUS_OBJECT_PATH_SYNTAX_BAD},
        {L"\\", STATUS_OBJECT_TYPE_MISMATCH},
        {L"\\\\\\", STATUS_OBJECT_NAME_INVALID},
        {L"\\Registry", STATUS_SUCCESS},
        {L"\\Registry\\", STATUS_SUCCESS},
        {L"\\Registry\\\\", STATUS_SUCCESS},
        {L"\\Registry\\Machine\\Software", STATUS_SUCCESS},
        {L"\\REGISTRY\\MACHINE\\SOFTWARE", STATUS_SUCCESS},
        {L"\\Nothing", STATUS_OBJECT_NAME_NOT_FOUND},
        {L"\\Nothing\\Machine", STATUS_OBJECT_PATH_NOT_FOUND},
        {L"\\Machine\\Software\\Classes", STATUS_OBJECT_PATH_NOT_FOUND},
        {L"Machine", STATUS_OBJECT_PATH_SYNTAX_BAD},
        {L"Machine\\Software\\Classes", STATUS_OBJECT_PATH_SYNTAX_BAD},
        {L"\\Device", STATUS_OBJECT_TYPE_MISMATCH},
    };
    unsigned differences = 0;
    for (size_t i = 0; i < ARRAYSIZE(rows); i++) {
        for (int creates = false; creates <= true; creates++) {
            HANDLE key = NULL;
            POBJECT_ATTRIBUTES attributes = at(rows[i].path, NULL, OBJ_CASE_INSENSITIVE);
            NTSTATUS status = creates ? ZwCreateKey(&key, KEY_READ, attributes, 0, NULL, 0, NULL)
                                      : ZwOpenKey(&key, KEY_READ, attributes);
            if (NT_SUCCESS(status))
                succeeds(ZwClose(key));
            if (status != rows[i].status) {
                print_error("row %zu, %d: %s, not %s\n", i, creates, fltsim_status_name(status),
                            fltsim_status_name(rows[i].status));
                differences++;
            }
        }
    }
    assert_int_equal(differences, 0);
}

static void a_key_is_made_in_one_that_is_there(void)
{
    static const WCHAR *const too_deep[] = {L"a\\b\\c", L"a\\b", L"a\\\\b", L"a\\b\\"};
    HANDLE key, below;
    root_set();
    for (size_t i = 0; i < ARRAYSIZE(too_deep); i++)
        answers(STATUS_OBJECT_NAME_NOT_FOUND,
                ZwCreateKey(&key, KEY_ALL_ACCESS, at(too_deep[i], root, 0), 0, NULL, REG_OPTION_VOLATILE, NULL));
    for (int again = false; again <= true; again++) {
        ULONG how;
        succeeds(ZwCreateKey(&key, KEY_ALL_ACCESS, at(L"a\\", root, 0), 0, NULL, REG_OPTION_VOLATILE, &how));
        assert_int_equal(how, again ? REG_OPENED_EXISTING_KEY : REG_CREATED_NEW_KEY);
        if (again)
            succeeds(ZwDeleteKey(key));
        succeeds(ZwClose(key));
    }
    succeeds(ZwCreateKey(&key, KEY_ALL_ACCESS, at(L"a\\\\", root, 0), 0, NULL, REG_OPTION_VOLATILE, NULL));
    succeeds(ZwCreateKey(&below, KEY_ALL_ACCESS, at(L"a\\\\b\\\\", root, 0), 0, NULL, REG_OPTION_VOLATILE, NULL));
    succeeds(ZwDeleteKey(below));
    succeeds(ZwDeleteKey(key));
    succeeds(ZwClose(below));
    succeeds(ZwClose(key));
    /* Whatever the attributes say, case does not matter, but of surrogates. */
    succeeds(ZwCreateKey(&key, KEY_ALL_ACCESS, at(L"\xf6\xf3\x14d\xd801\xdc00", root, 0), 0, NULL, REG_OPTION_VOLATILE, NULL));
    answers(STATUS_OBJECT_NAME_NOT_FOUND, ZwOpenKey(&below, KEY_READ, at(L"\xd6\xd3\x14c\xd801\xdc28", root, 0)));
    succeeds(ZwOpenKey(&below, KEY_READ, at(L"\xd6\xd3\x14c\xd801\xdc00", root, 0)));
    succeeds(ZwClose(below));
    succeeds(ZwDeleteKey(key));
    succeeds(ZwClose(key));
    root_forgotten();
}

static void a_value_is_told_as_far_as_there_is_room(void)
{
    static const struct {
        KEY_VALUE_INFORMATION_CLASS class;
        ULONG fixed, whole;
    } classes[] = {
        {KeyValueBasicInformation, FIELD_OFFSET(KEY_VALUE_BASIC_INFORMATION, Name),
         FIELD_OFFSET(KEY_VALUE_BASIC_INFORMATION, Name) + 20},
        {KeyValuePartialInformation, FIELD_OFFSET(KEY_VALUE_PARTIAL_INFORMATION, Data),
         FIELD_OFFSET(KEY_VALUE_PARTIAL_INFORMATION, Data) + 4},
        {KeyValuePartialInformationAlign64, FIELD_OFFSET(KEY_VALUE_PARTIAL_INFORMATION_ALIGN64, Data),
         FIELD_OFFSET(KEY_VALUE_PARTIAL_INFORMATION_ALIGN64, Data) + 4},
        {KeyValueFullInformation, FIELD_OFFSET(KEY_VALUE_FULL_INFORMATION, Name),
         FIELD_OFFSET(KEY_VALUE_FULL_INFORMATION, Name) + 24},
    };
    ULONG number = 711, needed;
    root_set();
    succeeds(ZwSetValueKey(root, text(L"ten of its"), 0, REG_DWORD, &number, sizeof number));
    for (size_t i = 0; i < ARRAYSIZE(classes); i++) {
        for (ULONG length = 0; length <= classes[i].whole; length++) {
            ULONG64 buffer[8];
            memset(buffer, 0xbd, sizeof buffer);
            answers(length < classes[i].fixed   ? STATUS_BUFFER_TOO_SMALL
                    : length < classes[i].whole ? STATUS_BUFFER_OVERFLOW
                                                : STATUS_SUCCESS,
                    ZwQueryValueKey(root, text(L"ten of its"), classes[i].class, buffer, length, &needed));
            assert_int_equal(needed, classes[i].whole);
            assert_int_equal(((PUCHAR)buffer)[length], 0xbd);
            if (length < classes[i].fixed)
                continue;
            PKEY_VALUE_BASIC_INFORMATION basic = (PVOID)buffer;
            PKEY_VALUE_FULL_INFORMATION full = (PVOID)buffer;
            PKEY_VALUE_PARTIAL_INFORMATION partial = (PVOID)buffer;
            PKEY_VALUE_PARTIAL_INFORMATION_ALIGN64 aligned = (PVOID)buffer;
            bool whole = length == classes[i].whole;
            switch ((int)classes[i].class) {
            case KeyValueBasicInformation:
                assert_int_equal(basic->TitleIndex, 0);
                assert_int_equal(basic->Type, REG_DWORD);
                assert_int_equal(basic->NameLength, 20);
                if (whole)
                    assert_memory_equal(basic->Name, L"ten of its", 20);
                break;
            case KeyValueFullInformation:
                assert_int_equal(full->TitleIndex, 0);
                assert_int_equal(full->Type, REG_DWORD);
                assert_int_equal(full->NameLength, 20);
                assert_int_equal(full->DataLength, 4);
                if (whole) {
                    assert_memory_equal(full->Name, L"ten of its", 20);
                    assert_memory_equal((PUCHAR)full + full->DataOffset, &number, 4);
                }
                break;
            case KeyValuePartialInformation:
                assert_int_equal(partial->TitleIndex, 0);
                assert_int_equal(partial->Type, REG_DWORD);
                assert_int_equal(partial->DataLength, 4);
                if (whole)
                    assert_memory_equal(partial->Data, &number, 4);
                break;
            default:
                assert_int_equal(aligned->Type, REG_DWORD);
                assert_int_equal(aligned->DataLength, 4);
                if (whole)
                    assert_memory_equal(aligned->Data, &number, 4);
            }
        }
        answers(STATUS_BUFFER_TOO_SMALL, ZwQueryValueKey(root, text(L"ten of its"), classes[i].class, NULL, 0, &needed));
        assert_int_equal(needed, classes[i].whole);
    }
    /* A type of its own is as good as any, and text need not end in a zero. */
    KEY_VALUE_PARTIAL_INFORMATION own;
    UCHAR buffer[32];
    succeeds(ZwSetValueKey(root, text(L"own"), 0, 0xff00ff00, NULL, 0));
    succeeds(ZwQueryValueKey(root, text(L"own"), KeyValuePartialInformation, &own, sizeof own, &needed));
    assert_int_equal(own.Type, 0xff00ff00);
    assert_int_equal(own.DataLength, 0);
    succeeds(ZwSetValueKey(root, text(L"open"), 0, REG_SZ, (PVOID)L"strings", 12));
    memset(buffer, 0xbd, sizeof buffer);
    succeeds(ZwQueryValueKey(root, text(L"open"), KeyValuePartialInformation, buffer, 24, &needed));
    assert_int_equal(needed, 24);
    assert_memory_equal(buffer + 12, L"string", 12);
    assert_int_equal(buffer[24], 0xbd);
    root_forgotten();
}

static void of_a_deleted_key_nothing_is_told(void)
{
    ULONG64 buffer[32];
    ULONG needed;
    HANDLE other;
    UNICODE_STRING value = *text(L"value");
    root_set();
    succeeds(ZwDeleteKey(root));
    answers(STATUS_KEY_DELETED, ZwQueryKey(root, KeyNameInformation, buffer, sizeof buffer, &needed));
    answers(STATUS_KEY_DELETED, ZwEnumerateKey(root, 0, KeyFullInformation, buffer, sizeof buffer, &needed));
    answers(STATUS_KEY_DELETED, ZwQueryValueKey(root, &value, KeyValueBasicInformation, buffer, sizeof buffer, &needed));
    answers(STATUS_KEY_DELETED, ZwEnumerateValueKey(root, 0, KeyValuePartialInformation, buffer, sizeof buffer, &needed));
    answers(STATUS_KEY_DELETED, ZwSetValueKey(root, &value, 0, REG_SZ, (PVOID) "test", 5));
    answers(STATUS_KEY_DELETED, ZwDeleteValueKey(root, &value));
    succeeds(ZwDeleteKey(root));
    answers(STATUS_KEY_DELETED, ZwOpenKey(&other, KEY_READ, at(L"below", root, OBJ_CASE_INSENSITIVE)));
    answers(STATUS_KEY_DELETED, ZwCreateKey(&other, KEY_ALL_ACCESS, at(L"below", root, OBJ_CASE_INSENSITIVE), 0, NULL, 0, NULL));
    answers(STATUS_KEY_DELETED, ZwQueryObject(root, ObjectNameInformation, buffer, sizeof buffer, &needed));
    succeeds(ZwQueryObject(root, ObjectBasicInformation, buffer, sizeof(PUBLIC_OBJECT_BASIC_INFORMATION), &needed));
    succeeds(ZwClose(root));
    answers(STATUS_INVALID_HANDLE, ZwDeleteKey(NULL));
    answers(STATUS_INVALID_HANDLE, ZwFlushKey(NULL));
}

static void a_key_is_looked_for_where_it_should_be(void)
{
    static const struct {
        ULONG where;
        const WCHAR *path;
        NTSTATUS status;
    } rows[] = {
        {RTL_REGISTRY_ABSOLUTE, TOP, STATUS_SUCCESS},
        {RTL_REGISTRY_ABSOLUTE | RTL_REGISTRY_OPTIONAL, TOP, STATUS_SUCCESS},
        {RTL_REGISTRY_ABSOLUTE, NULL, STATUS_OBJECT_PATH_SYNTAX_BAD},
        {RTL_REGISTRY_ABSOLUTE, L"", STATUS_OBJECT_PATH_SYNTAX_BAD},
        {RTL_REGISTRY_USER, NULL, STATUS_SUCCESS},
        {RTL_REGISTRY_USER, L"", STATUS_SUCCESS},
    };
    root_set();
    succeeds(ZwFlushKey(root));
    for (size_t i = 0; i < ARRAYSIZE(rows); i++)
        answers(rows[i].status, RtlCheckRegistryKey(rows[i].where, (PWSTR)rows[i].path));
    root_forgotten();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fltsim_unit_test(a_path_begins_in_the_registry),
        fltsim_unit_test(a_key_is_made_in_one_that_is_there),
        fltsim_unit_test(a_value_is_told_as_far_as_there_is_room),
        fltsim_unit_test(of_a_deleted_key_nothing_is_told),
        fltsim_unit_test(a_key_is_looked_for_where_it_should_be),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
