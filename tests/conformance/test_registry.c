/* The registry, asked for each status that its pages give. */
#include "stage.h"

#define SERVICES L"\\Registry\\Machine\\System\\CurrentControlSet\\Services"

static HANDLE key;
static ULONG length;
static UCHAR info[512];

static void open_key(void)
{
    memset(&stage, 0, sizeof stage);
    succeeds(ZwCreateKey(&key, KEY_ALL_ACCESS, named(SERVICES L"\\Test"), 0, NULL, 0, NULL));
}

static void a_key_is_opened_by_a_name_below_a_handle(void)
{
    OBJECT_ATTRIBUTES attributes;
    HANDLE below, event;
    open_key();
    succeeds(ZwOpenKey(&below, KEY_READ, named(SERVICES L"\\Test")));
    succeeds(ZwClose(below));
    answers(STATUS_OBJECT_NAME_NOT_FOUND, ZwOpenKey(&below, KEY_READ, named(SERVICES L"\\Nothing")));
    InitializeObjectAttributes(&attributes, text(L"Parameters"), OBJ_KERNEL_HANDLE | OBJ_CASE_INSENSITIVE, (HANDLE)0x7FF4,
                               NULL);
    answers(STATUS_INVALID_HANDLE, ZwOpenKey(&below, KEY_READ, &attributes));
    succeeds(ZwDeleteKey(key));
    succeeds(ZwClose(key));
    answers(STATUS_INVALID_HANDLE, ZwDeleteKey((HANDLE)0x7FF4));
}

static void a_value_is_set_asked_for_and_deleted(void)
{
    ULONG number = 7;
    open_key();
    succeeds(ZwSetValueKey(key, text(L"Number"), 0, REG_DWORD, &number, sizeof number));
    answers(STATUS_INVALID_HANDLE, ZwSetValueKey((HANDLE)0x7FF4, text(L"Number"), 0, REG_DWORD, &number, sizeof number));
    succeeds(ZwQueryValueKey(key, text(L"Number"), KeyValuePartialInformation, info, sizeof info, &length));
    answers(STATUS_BUFFER_TOO_SMALL, ZwQueryValueKey(key, text(L"Number"), KeyValuePartialInformation, info, 0, &length));
    answers(STATUS_BUFFER_OVERFLOW, ZwQueryValueKey(key, text(L"Number"), KeyValuePartialInformation, info,
                                                    FIELD_OFFSET(KEY_VALUE_PARTIAL_INFORMATION, Data), &length));
    answers(STATUS_INVALID_PARAMETER, ZwQueryValueKey(key, text(L"Number"), 99, info, sizeof info, &length));
    succeeds(ZwEnumerateValueKey(key, 0, KeyValueBasicInformation, info, sizeof info, &length));
    answers(STATUS_BUFFER_TOO_SMALL, ZwEnumerateValueKey(key, 0, KeyValueBasicInformation, info, 0, &length));
    answers(STATUS_BUFFER_OVERFLOW, ZwEnumerateValueKey(key, 0, KeyValueBasicInformation, info,
                                                        FIELD_OFFSET(KEY_VALUE_BASIC_INFORMATION, Name), &length));
    answers(STATUS_INVALID_PARAMETER, ZwEnumerateValueKey(key, 0, 99, info, sizeof info, &length));
    answers(STATUS_NO_MORE_ENTRIES, ZwEnumerateValueKey(key, 1, KeyValueBasicInformation, info, sizeof info, &length));
    succeeds(ZwDeleteValueKey(key, text(L"Number")));
    answers(STATUS_OBJECT_NAME_NOT_FOUND, ZwDeleteValueKey(key, text(L"Number")));
    answers(STATUS_INVALID_HANDLE, ZwDeleteValueKey((HANDLE)0x7FF4, text(L"Number")));
    succeeds(ZwFlushKey(key));
    answers(STATUS_INVALID_HANDLE, ZwFlushKey((HANDLE)0x7FF4));
    succeeds(ZwClose(key));
}

static void a_key_tells_about_itself_and_what_is_below(void)
{
    HANDLE below;
    open_key();
    succeeds(ZwCreateKey(&below, KEY_ALL_ACCESS, named(SERVICES L"\\Test\\Below"), 0, NULL, 0, NULL));
    succeeds(ZwQueryKey(key, KeyFullInformation, info, sizeof info, &length));
    assert_int_equal(((KEY_FULL_INFORMATION *)info)->SubKeys, 1);
    answers(STATUS_BUFFER_TOO_SMALL, ZwQueryKey(key, KeyFullInformation, info, 0, &length));
    answers(STATUS_INVALID_PARAMETER, ZwQueryKey(key, 99, info, sizeof info, &length));
    succeeds(ZwEnumerateKey(key, 0, KeyBasicInformation, info, sizeof info, &length));
    assert_memory_equal(((KEY_BASIC_INFORMATION *)info)->Name, L"Below", 10);
    answers(STATUS_BUFFER_TOO_SMALL, ZwEnumerateKey(key, 0, KeyBasicInformation, info, 0, &length));
    answers(STATUS_BUFFER_OVERFLOW,
            ZwEnumerateKey(key, 0, KeyBasicInformation, info, FIELD_OFFSET(KEY_BASIC_INFORMATION, Name), &length));
    answers(STATUS_BUFFER_OVERFLOW,
            ZwQueryKey(key, KeyBasicInformation, info, FIELD_OFFSET(KEY_BASIC_INFORMATION, Name), &length));
    answers(STATUS_INVALID_PARAMETER, ZwEnumerateKey(key, 0, 99, info, sizeof info, &length));
    answers(STATUS_NO_MORE_ENTRIES, ZwEnumerateKey(key, 1, KeyBasicInformation, info, sizeof info, &length));
    answers(STATUS_CANNOT_DELETE, ZwDeleteKey(key));
    succeeds(ZwDeleteKey(below));
    succeeds(ZwClose(below));
    succeeds(ZwDeleteKey(key));
    succeeds(ZwClose(key));
}

/* ---- the run-time library's ways -------------------------------------------------------------------------------- */

static NTSTATUS NTAPI query_routine(PWSTR name, ULONG type, PVOID data, ULONG size, PVOID context, PVOID entry)
{
    return STATUS_SUCCESS;
}

static void a_table_of_values_is_filled_in(void)
{
    ULONG number = 7, found = 0;
    RTL_QUERY_REGISTRY_TABLE direct[] = {
        {.Flags = RTL_QUERY_REGISTRY_DIRECT | RTL_QUERY_REGISTRY_TYPECHECK, .Name = L"Number", .EntryContext = &found,
         .DefaultType = (REG_DWORD << RTL_QUERY_REGISTRY_TYPECHECK_SHIFT) | REG_NONE},
        {0},
    };
    UNICODE_STRING small = {0};
    WCHAR letters[2];
    small.Buffer = letters;
    small.MaximumLength = sizeof letters;
    open_key();
    succeeds(ZwSetValueKey(key, text(L"Number"), 0, REG_DWORD, &number, sizeof number));
    succeeds(ZwSetValueKey(key, text(L"Text"), 0, REG_SZ, L"longer", 14));
    succeeds(RtlQueryRegistryValues(RTL_REGISTRY_SERVICES, L"Test", direct, NULL, NULL));
    assert_int_equal(found, 7);
    direct[0].Name = L"Text";
    answers(STATUS_OBJECT_TYPE_MISMATCH, RtlQueryRegistryValues(RTL_REGISTRY_SERVICES, L"Test", direct, NULL, NULL));
    direct[0].DefaultType = (REG_SZ << RTL_QUERY_REGISTRY_TYPECHECK_SHIFT) | REG_NONE;
    direct[0].EntryContext = &small;
    answers(STATUS_BUFFER_TOO_SMALL, RtlQueryRegistryValues(RTL_REGISTRY_SERVICES, L"Test", direct, NULL, NULL));
    direct[0].Name = L"Nothing";
    direct[0].Flags |= RTL_QUERY_REGISTRY_REQUIRED;
    answers(STATUS_OBJECT_NAME_NOT_FOUND, RtlQueryRegistryValues(RTL_REGISTRY_SERVICES, L"Test", direct, NULL, NULL));
    answers(STATUS_OBJECT_NAME_NOT_FOUND, RtlQueryRegistryValues(RTL_REGISTRY_SERVICES, L"Nothing", direct, NULL, NULL));
    direct[0].Name = NULL;
    answers(STATUS_INVALID_PARAMETER, RtlQueryRegistryValues(RTL_REGISTRY_SERVICES, L"Test", direct, NULL, NULL));
    direct[0] = (RTL_QUERY_REGISTRY_TABLE){.QueryRoutine = query_routine, .Flags = RTL_QUERY_REGISTRY_SUBKEY};
    answers(STATUS_INVALID_PARAMETER, RtlQueryRegistryValues(RTL_REGISTRY_SERVICES, L"Test", direct, NULL, NULL));
    succeeds(ZwClose(key));
}

static void a_key_is_made_checked_written_and_cleared_by_place(void)
{
    ULONG number = 3;
    open_key();
    answers(STATUS_OBJECT_NAME_NOT_FOUND, RtlCheckRegistryKey(RTL_REGISTRY_SERVICES, L"Made"));
    succeeds(RtlCreateRegistryKey(RTL_REGISTRY_SERVICES, L"Made"));
    succeeds(RtlCheckRegistryKey(RTL_REGISTRY_SERVICES, L"Made"));
    succeeds(RtlWriteRegistryValue(RTL_REGISTRY_SERVICES, L"Made", L"Number", REG_DWORD, &number, sizeof number));
    succeeds(RtlDeleteRegistryValue(RTL_REGISTRY_SERVICES, L"Made", L"Number"));
    answers(STATUS_OBJECT_NAME_NOT_FOUND, RtlDeleteRegistryValue(RTL_REGISTRY_SERVICES, L"Made", L"Number"));
    answers(STATUS_INVALID_PARAMETER, RtlCreateRegistryKey(99, L"Made"));
    succeeds(ZwClose(key));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fltsim_unit_test(a_key_is_opened_by_a_name_below_a_handle),
        fltsim_unit_test(a_value_is_set_asked_for_and_deleted),
        fltsim_unit_test(a_key_tells_about_itself_and_what_is_below),
        fltsim_unit_test(a_table_of_values_is_filled_in),
        fltsim_unit_test(a_key_is_made_checked_written_and_cleared_by_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
