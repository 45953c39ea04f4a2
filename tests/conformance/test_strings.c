/* Texts that are cut, and the sizes that no text has: one row a routine of <ntstrsafe.h>. */
#include "stage.h"

#include <ntstrsafe.h>

#pragma GCC diagnostic ignored "-Wmissing-braces" /* SECURITY_NT_AUTHORITY, as it is published */

static CHAR narrow[8];
static WCHAR wide[8];

static NTSTATUS vprintf_a(size_t size, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    NTSTATUS status = RtlStringCbVPrintfA(narrow, size, format, list);
    va_end(list);
    return status;
}

static NTSTATUS vprintf_w(size_t size, const WCHAR *format, ...)
{
    va_list list;
    va_start(list, format);
    NTSTATUS status = RtlStringCbVPrintfW(wide, size, format, list);
    va_end(list);
    return status;
}

static NTSTATUS vprintf_cch_a(size_t size, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    NTSTATUS status = RtlStringCchVPrintfA(narrow, size, format, list);
    va_end(list);
    return status;
}

static void a_text_that_does_not_fit_is_cut_and_ended(void)
{
    answers(STATUS_BUFFER_OVERFLOW, RtlStringCbCopyA(narrow, 4, "longer"));
    assert_string_equal(narrow, "lon");
    answers(STATUS_BUFFER_OVERFLOW, RtlStringCchCopyA(narrow, 4, "longer"));
    answers(STATUS_BUFFER_OVERFLOW, RtlStringCchCopyNA(narrow, 4, "longer", 5));
    answers(STATUS_BUFFER_OVERFLOW, RtlStringCchCatA(narrow, 4, "er"));
    answers(STATUS_BUFFER_OVERFLOW, RtlStringCchPrintfA(narrow, 4, "%d", 12345));
    answers(STATUS_BUFFER_OVERFLOW, RtlStringCbPrintfExA(narrow, 4, NULL, NULL, 0, "%d", 12345));
    answers(STATUS_BUFFER_OVERFLOW, vprintf_a(4, "%d", 12345));
    answers(STATUS_BUFFER_OVERFLOW, vprintf_cch_a(4, "%d", 12345));
    assert_string_equal(narrow, "123");
    answers(STATUS_BUFFER_OVERFLOW, RtlStringCchCopyW(wide, 4, L"longer"));
    assert_memory_equal(wide, L"lon", 8);
    answers(STATUS_BUFFER_OVERFLOW, RtlStringCchCopyNW(wide, 4, L"longer", 5));
    answers(STATUS_BUFFER_OVERFLOW, RtlStringCbCopyNW(wide, 8, L"longer", 10));
    answers(STATUS_BUFFER_OVERFLOW, RtlStringCbCatNW(wide, 8, L"er", 4));
    answers(STATUS_BUFFER_OVERFLOW, RtlStringCbPrintfW(wide, 8, L"%d", 12345));
    answers(STATUS_BUFFER_OVERFLOW, vprintf_w(8, L"%d", 12345));
    assert_memory_equal(wide, L"123", 8);
}

static void a_size_that_no_buffer_has_is_refused(void)
{
    answers(STATUS_INVALID_PARAMETER, RtlStringCbCopyA(narrow, 0, "x"));
    answers(STATUS_INVALID_PARAMETER, RtlStringCchCopyA(narrow, 0, "x"));
    answers(STATUS_INVALID_PARAMETER, RtlStringCchCopyNA(narrow, 0, "x", 1));
    answers(STATUS_INVALID_PARAMETER, RtlStringCchCatA(narrow, 0, "x"));
    answers(STATUS_INVALID_PARAMETER, RtlStringCchPrintfA(narrow, 0, "x"));
    answers(STATUS_INVALID_PARAMETER, RtlStringCbPrintfExA(narrow, 0, NULL, NULL, 0, "x"));
    answers(STATUS_INVALID_PARAMETER, vprintf_a(0, "x"));
    answers(STATUS_INVALID_PARAMETER, vprintf_cch_a(0, "x"));
    answers(STATUS_INVALID_PARAMETER, RtlStringCchCopyW(wide, 0, L"x"));
    answers(STATUS_INVALID_PARAMETER, RtlStringCchCopyNW(wide, 0, L"x", 1));
    answers(STATUS_INVALID_PARAMETER, RtlStringCbCopyNW(wide, 0, L"x", 2));
    answers(STATUS_INVALID_PARAMETER, RtlStringCbCatNW(wide, 0, L"x", 2));
    answers(STATUS_INVALID_PARAMETER, RtlStringCbPrintfW(wide, 0, L"x"));
    answers(STATUS_INVALID_PARAMETER, vprintf_w(0, L"x"));
}

static void a_counted_string_holds_what_its_buffer_holds(void)
{
    UNICODE_STRING target = {.Buffer = wide, .MaximumLength = 8}, more = RTL_CONSTANT_STRING(L"longer");
    succeeds(RtlUnicodeStringCopyString(&target, L"ab"));
    answers(STATUS_BUFFER_OVERFLOW, RtlUnicodeStringCat(&target, &more));
    assert_int_equal(target.Length, 8);
    answers(STATUS_BUFFER_OVERFLOW, RtlUnicodeStringCbCopyNEx(&target, &more, 12, NULL, 0));
}

static void security_structures_are_checked(void)
{
    UCHAR buffer[64];
    SID_IDENTIFIER_AUTHORITY authority = SECURITY_NT_AUTHORITY;
    PSID sid = buffer;
    ACL list;
    answers(STATUS_INVALID_PARAMETER, RtlInitializeSid(sid, &authority, 16));
    succeeds(RtlInitializeSid(sid, &authority, 1));
    *RtlSubAuthoritySid(sid, 0) = SECURITY_LOCAL_SYSTEM_RID;
    succeeds(RtlCreateAcl(&list, sizeof list, ACL_REVISION));
    answers(STATUS_ALLOTTED_SPACE_EXCEEDED, RtlAddAccessAllowedAceEx(&list, ACL_REVISION, 0, GENERIC_ALL, sid));
}

static void a_sid_is_written_out(void)
{
    UCHAR buffer[64];
    SID_IDENTIFIER_AUTHORITY authority = SECURITY_NT_AUTHORITY;
    UNICODE_STRING string;
    memset(&stage, 0, sizeof stage);
    succeeds(RtlInitializeSid(buffer, &authority, 1));
    *RtlSubAuthoritySid(buffer, 0) = SECURITY_LOCAL_SYSTEM_RID;
    succeeds(RtlConvertSidToUnicodeString(&string, buffer, TRUE));
    assert_true(same_text(&string, L"S-1-5-18"));
    RtlFreeUnicodeString(&string);
    starves(STATUS_NO_MEMORY, RtlConvertSidToUnicodeString(&string, buffer, TRUE));
    string.Buffer = wide;
    string.MaximumLength = 4;
    answers(STATUS_BUFFER_OVERFLOW, RtlConvertSidToUnicodeString(&string, buffer, FALSE));
    buffer[0] = 9;
    answers(STATUS_INVALID_SID, RtlConvertSidToUnicodeString(&string, buffer, TRUE));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fltsim_unit_test(a_text_that_does_not_fit_is_cut_and_ended),
        fltsim_unit_test(a_size_that_no_buffer_has_is_refused),
        fltsim_unit_test(a_counted_string_holds_what_its_buffer_holds),
        fltsim_unit_test(security_structures_are_checked),
        fltsim_unit_test(a_sid_is_written_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
