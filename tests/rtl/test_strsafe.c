/* ntstrsafe.h name by name: each routine's result, its limits, and its flags. */
#include "rtl_test.h"

#include <ntstrsafe.h>

static char bytes[8];
static WCHAR wide[8];

static void fill(void)
{
    strcpy(bytes, "ab");
    fltsim_wcscpy(wide, u"ab");
}

#define assert_narrow_is(call, text)                                                               \
    do {                                                                                           \
        fill();                                                                                    \
        assert_int_equal(call, STATUS_SUCCESS);                                                    \
        assert_string_equal(bytes, text);                                                          \
    } while (0)
#define assert_wide_is(call, text)                                                                 \
    do {                                                                                           \
        fill();                                                                                    \
        assert_int_equal(call, STATUS_SUCCESS);                                                    \
        assert_string_equal(narrow(wide, fltsim_wcslen(wide)), text);                              \
    } while (0)

static void narrow_text_is_copied(void **state)
{
    char *end;
    size_t rest;
    assert_narrow_is(RtlStringCbCopyA(bytes, 8, "xyz"), "xyz");
    assert_narrow_is(RtlStringCchCopyA(bytes, 8, "xyz"), "xyz");
    assert_narrow_is(RtlStringCbCopyNA(bytes, 8, "xyz", 2), "xy");
    assert_narrow_is(RtlStringCchCopyNA(bytes, 8, "xyz", 2), "xy");
    assert_narrow_is(RtlStringCbCopyExA(bytes, 8, "xyz", &end, &rest, 0), "xyz");
    assert_ptr_equal(end, bytes + 3);
    assert_int_equal(rest, 5);
    assert_narrow_is(RtlStringCchCopyExA(bytes, 8, NULL, &end, &rest, STRSAFE_IGNORE_NULLS), "");
    assert_narrow_is(RtlStringCbCopyNExA(bytes, 8, "xyz", 1, &end, &rest, 0), "x");
    assert_narrow_is(RtlStringCchCopyNExA(bytes, 8, "xyz", 1, &end, &rest, 0), "x");
    assert_int_equal(rest, 7);
}

static void narrow_text_is_appended(void **state)
{
    char *end;
    size_t rest;
    assert_narrow_is(RtlStringCbCatA(bytes, 8, "xyz"), "abxyz");
    assert_narrow_is(RtlStringCchCatA(bytes, 8, "xyz"), "abxyz");
    assert_narrow_is(RtlStringCbCatNA(bytes, 8, "xyz", 2), "abxy");
    assert_narrow_is(RtlStringCchCatNA(bytes, 8, "xyz", 2), "abxy");
    assert_narrow_is(RtlStringCbCatExA(bytes, 8, "xyz", &end, &rest, 0), "abxyz");
    assert_int_equal(rest, 3);
    assert_narrow_is(RtlStringCchCatExA(bytes, 8, "xyz", &end, &rest, 0), "abxyz");
    assert_narrow_is(RtlStringCbCatNExA(bytes, 8, "xyz", 1, &end, &rest, 0), "abx");
    assert_narrow_is(RtlStringCchCatNExA(bytes, 8, "xyz", 1, &end, &rest, 0), "abx");
    assert_ptr_equal(end, bytes + 3);
}

static void wide_text_is_copied(void **state)
{
    WCHAR *end;
    size_t rest;
    assert_wide_is(RtlStringCbCopyW(wide, 16, u"xyz"), "xyz");
    assert_wide_is(RtlStringCchCopyW(wide, 8, u"xyz"), "xyz");
    assert_wide_is(RtlStringCbCopyNW(wide, 16, u"xyz", 4), "xy");
    assert_wide_is(RtlStringCchCopyNW(wide, 8, u"xyz", 2), "xy");
    assert_wide_is(RtlStringCbCopyExW(wide, 16, u"xyz", &end, &rest, 0), "xyz");
    assert_int_equal(rest, 10);
    assert_wide_is(RtlStringCchCopyExW(wide, 8, u"xyz", &end, &rest, 0), "xyz");
    assert_int_equal(rest, 5);
    assert_wide_is(RtlStringCbCopyNExW(wide, 17, u"xyz", 2, &end, &rest, 0), "x");
    assert_int_equal(rest, 15);
    assert_wide_is(RtlStringCchCopyNExW(wide, 8, u"xyz", 1, &end, &rest, 0), "x");
    assert_ptr_equal(end, wide + 1);
}

static void wide_text_is_appended(void **state)
{
    WCHAR *end;
    size_t rest;
    assert_wide_is(RtlStringCbCatW(wide, 16, u"xyz"), "abxyz");
    assert_wide_is(RtlStringCchCatW(wide, 8, u"xyz"), "abxyz");
    assert_wide_is(RtlStringCbCatNW(wide, 16, u"xyz", 4), "abxy");
    assert_wide_is(RtlStringCchCatNW(wide, 8, u"xyz", 2), "abxy");
    assert_wide_is(RtlStringCbCatExW(wide, 16, u"xyz", &end, &rest, 0), "abxyz");
    assert_int_equal(rest, 6);
    assert_wide_is(RtlStringCchCatExW(wide, 8, u"xyz", &end, &rest, 0), "abxyz");
    assert_wide_is(RtlStringCbCatNExW(wide, 16, u"xyz", 2, &end, &rest, 0), "abx");
    assert_wide_is(RtlStringCchCatNExW(wide, 8, u"xyz", 1, &end, &rest, 0), "abx");
}

static NTSTATUS print_narrow(NTSTATUS (*routine)(NTSTRSAFE_PSTR, size_t, NTSTRSAFE_PCSTR, va_list), ...)
{
    va_list arguments;
    va_start(arguments, routine);
    NTSTATUS status = routine(bytes, sizeof bytes, "%d-%s", arguments);
    va_end(arguments);
    return status;
}

static NTSTATUS print_wide(NTSTATUS (*routine)(NTSTRSAFE_PWSTR, size_t, NTSTRSAFE_PCWSTR, va_list), size_t size, ...)
{
    va_list arguments;
    va_start(arguments, size);
    NTSTATUS status = routine(wide, size, u"%d-%S", arguments);
    va_end(arguments);
    return status;
}

static NTSTATUS print_ex(const char *format, ...)
{
    va_list arguments;
    WCHAR *wide_end;
    char *end;
    size_t rest;
    va_start(arguments, format);
    NTSTATUS status = RtlStringCbVPrintfExA(bytes, 8, &end, &rest, 0, format, arguments);
    va_end(arguments);
    va_start(arguments, format);
    RtlStringCchVPrintfExA(bytes, 8, &end, &rest, 0, format, arguments);
    va_end(arguments);
    assert_int_equal(rest, 8 - (end - bytes));
    va_start(arguments, format);
    assert_int_equal(RtlStringCbVPrintfExW(wide, 16, &wide_end, &rest, 0, u"%d", arguments), STATUS_SUCCESS);
    va_end(arguments);
    va_start(arguments, format);
    assert_int_equal(RtlStringCchVPrintfExW(wide, 8, &wide_end, &rest, 0, u"%d", arguments), STATUS_SUCCESS);
    va_end(arguments);
    return status;
}

static void every_printf_prints(void **state)
{
    char *end;
    WCHAR *wide_end;
    size_t rest;
    assert_narrow_is(RtlStringCbPrintfA(bytes, 8, "%d", 42), "42");
    assert_narrow_is(RtlStringCchPrintfA(bytes, 8, "%d", 42), "42");
    assert_narrow_is(RtlStringCbPrintfExA(bytes, 8, &end, &rest, 0, "%d", 42), "42");
    assert_int_equal(rest, 6);
    assert_narrow_is(RtlStringCchPrintfExA(bytes, 8, &end, &rest, 0, "%d", 42), "42");
    assert_narrow_is(print_narrow(RtlStringCbVPrintfA, 1, "x"), "1-x");
    assert_narrow_is(print_narrow(RtlStringCchVPrintfA, 1, "x"), "1-x");
    assert_wide_is(RtlStringCbPrintfW(wide, 16, u"%d", 42), "42");
    assert_wide_is(RtlStringCchPrintfW(wide, 8, u"%d", 42), "42");
    assert_wide_is(RtlStringCbPrintfExW(wide, 16, &wide_end, &rest, 0, u"%d", 42), "42");
    assert_int_equal(rest, 12);
    assert_wide_is(RtlStringCchPrintfExW(wide, 8, &wide_end, &rest, 0, u"%d", 42), "42");
    assert_wide_is(print_wide(RtlStringCbVPrintfW, 16, 1, "x"), "1-x");
    assert_wide_is(print_wide(RtlStringCchVPrintfW, 8, 1, "x"), "1-x");
    assert_narrow_is(print_ex("%d", 7), "7");
}

static void every_length_is_measured(void **state)
{
    size_t length;
    assert_int_equal(RtlStringCbLengthA("abc", 4, &length), STATUS_SUCCESS);
    assert_int_equal(length, 3);
    assert_int_equal(RtlStringCchLengthA("abc", 4, &length), STATUS_SUCCESS);
    assert_int_equal(RtlStringCbLengthW(u"abc", 8, &length), STATUS_SUCCESS);
    assert_int_equal(length, 6);
    assert_int_equal(RtlStringCchLengthW(u"abc", 4, &length), STATUS_SUCCESS);
    assert_int_equal(length, 3);
    assert_int_equal(RtlStringCchLengthW(u"abc", 3, NULL), STATUS_INVALID_PARAMETER);
    assert_int_equal(RtlStringCbLengthA(NULL, 4, &length), STATUS_INVALID_PARAMETER);
}

static void bad_arguments_are_refused(void **state)
{
    fill();
    assert_int_equal(RtlStringCbCopyA(bytes, 0, "x"), STATUS_INVALID_PARAMETER);
    assert_int_equal(RtlStringCchCopyW(wide, NTSTRSAFE_MAX_CCH + 1ULL, u"x"), STATUS_INVALID_PARAMETER);
    assert_int_equal(RtlStringCbCopyExA(bytes, 8, "x", NULL, NULL, 0x80000000), STATUS_INVALID_PARAMETER);
    assert_int_equal(RtlStringCbCopyExA(NULL, 0, "x", NULL, NULL, STRSAFE_IGNORE_NULLS), STATUS_INVALID_PARAMETER);
    assert_int_equal(RtlStringCbCopyExA(NULL, 0, "", NULL, NULL, STRSAFE_IGNORE_NULLS), STATUS_SUCCESS);
    memset(bytes, 'x', 8);
    assert_int_equal(RtlStringCbCatA(bytes, 8, "y"), STATUS_INVALID_PARAMETER);
}

static void flags_say_what_a_failure_leaves(void **state)
{
    fill();
    assert_int_equal(RtlStringCbCatExA(bytes, 4, "xyz", NULL, NULL, STRSAFE_NO_TRUNCATION), STATUS_BUFFER_OVERFLOW);
    assert_string_equal(bytes, "ab");
    assert_int_equal(RtlStringCbCatExA(bytes, 4, "xyz", NULL, NULL, STRSAFE_NULL_ON_FAILURE), STATUS_BUFFER_OVERFLOW);
    assert_string_equal(bytes, "");
    assert_int_equal(RtlStringCbCopyExA(bytes, 4, "xyzz", NULL, NULL, STRSAFE_FAILURE_BYTE('q')),
                     STATUS_BUFFER_OVERFLOW);
    assert_string_equal(bytes, "qqq");
    assert_int_equal(
        RtlStringCbCopyExA(bytes, 4, "xyzz", NULL, NULL, STRSAFE_FAILURE_BYTE('r') | STRSAFE_NO_TRUNCATION),
        STATUS_BUFFER_OVERFLOW);
    assert_string_equal(bytes, "rrr");
    assert_int_equal(RtlStringCbCopyExA(bytes, 4, "x", NULL, NULL, STRSAFE_FILL_BYTE('z')), STATUS_SUCCESS);
    assert_memory_equal(bytes, "x\0zz", 4);
}

static void counted_strings_are_copied_by_every_name(void **state)
{
    WCHAR *end;
    size_t rest;
    UNICODE_STRING bad = {3, 4, wide};
    assert_wide_is(RtlStringCbCopyUnicodeString(wide, 16, U(u"xyz")), "xyz");
    assert_wide_is(RtlStringCchCopyUnicodeString(wide, 8, U(u"xyz")), "xyz");
    assert_wide_is(RtlStringCbCopyUnicodeStringEx(wide, 16, U(u"xyz"), &end, &rest, 0), "xyz");
    assert_int_equal(rest, 10);
    assert_wide_is(RtlStringCchCopyUnicodeStringEx(wide, 8, U(u"xyz"), &end, &rest, 0), "xyz");
    assert_int_equal(RtlStringCbCopyUnicodeString(wide, 16, &bad), STATUS_INVALID_PARAMETER);
}

/* -- UNICODE_STRING destinations ------------------------------------------------------------------ */

static UNICODE_STRING s, rest;

static void start(void)
{
    static WCHAR buffer[6];
    s = (UNICODE_STRING){4, sizeof buffer, buffer};
    buffer[0] = 'a';
    buffer[1] = 'b';
}

#define assert_counted_is(call, text)                                                              \
    do {                                                                                           \
        start();                                                                                   \
        assert_int_equal(call, STATUS_SUCCESS);                                                    \
        assert_string_equal(narrow(s.Buffer, s.Length / 2), text);                                 \
    } while (0)

static void counted_destinations_are_copied_to(void **state)
{
    assert_counted_is(RtlUnicodeStringCopy(&s, U(u"xyz")), "xyz");
    assert_counted_is(RtlUnicodeStringCopyEx(&s, U(u"xyz"), &rest, 0), "xyz");
    assert_int_equal(rest.MaximumLength, 6);
    assert_counted_is(RtlUnicodeStringCopyString(&s, u"xyz"), "xyz");
    assert_counted_is(RtlUnicodeStringCopyStringEx(&s, NULL, &rest, STRSAFE_IGNORE_NULLS), "");
    assert_counted_is(RtlUnicodeStringCbCopyN(&s, U(u"xyz"), 4), "xy");
    assert_counted_is(RtlUnicodeStringCchCopyN(&s, U(u"xyz"), 2), "xy");
    assert_counted_is(RtlUnicodeStringCbCopyNEx(&s, U(u"xyz"), 4, &rest, 0), "xy");
    assert_counted_is(RtlUnicodeStringCchCopyNEx(&s, U(u"xyz"), 2, &rest, 0), "xy");
    assert_counted_is(RtlUnicodeStringCbCopyStringN(&s, u"xyz", 4), "xy");
    assert_counted_is(RtlUnicodeStringCchCopyStringN(&s, u"xyz", 2), "xy");
    assert_counted_is(RtlUnicodeStringCbCopyStringNEx(&s, u"xyz", 4, &rest, 0), "xy");
    assert_counted_is(RtlUnicodeStringCchCopyStringNEx(&s, u"xyz", 2, &rest, 0), "xy");
}

static void counted_destinations_are_appended_to(void **state)
{
    assert_counted_is(RtlUnicodeStringCat(&s, U(u"xyz")), "abxyz");
    assert_counted_is(RtlUnicodeStringCatEx(&s, U(u"xyz"), &rest, 0), "abxyz");
    assert_int_equal(rest.MaximumLength, 2);
    assert_counted_is(RtlUnicodeStringCatString(&s, u"xyz"), "abxyz");
    assert_counted_is(RtlUnicodeStringCatStringEx(&s, u"xyz", &rest, 0), "abxyz");
    assert_counted_is(RtlUnicodeStringCbCatN(&s, U(u"xyz"), 4), "abxy");
    assert_counted_is(RtlUnicodeStringCchCatN(&s, U(u"xyz"), 2), "abxy");
    assert_counted_is(RtlUnicodeStringCbCatNEx(&s, U(u"xyz"), 4, &rest, 0), "abxy");
    assert_counted_is(RtlUnicodeStringCchCatNEx(&s, U(u"xyz"), 2, &rest, 0), "abxy");
    assert_counted_is(RtlUnicodeStringCbCatStringN(&s, u"xyz", 4), "abxy");
    assert_counted_is(RtlUnicodeStringCchCatStringN(&s, u"xyz", 2), "abxy");
    assert_counted_is(RtlUnicodeStringCbCatStringNEx(&s, u"xyz", 4, &rest, 0), "abxy");
    assert_counted_is(RtlUnicodeStringCchCatStringNEx(&s, u"xyz", 2, &rest, 0), "abxy");
}

static NTSTATUS print_counted(PCWSTR format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    NTSTATUS status = RtlUnicodeStringVPrintf(&s, format, arguments);
    va_end(arguments);
    va_start(arguments, format);
    assert_int_equal(RtlUnicodeStringVPrintfEx(&s, &rest, 0, format, arguments), status);
    va_end(arguments);
    return status;
}

static void counted_destinations_are_printed_to(void **state)
{
    assert_counted_is(RtlUnicodeStringPrintf(&s, u"%d", 42), "42");
    assert_counted_is(RtlUnicodeStringPrintfEx(&s, &rest, 0, u"%d", 42), "42");
    assert_int_equal(rest.MaximumLength, 8);
    assert_counted_is(print_counted(u"%ws", u"xyz"), "xyz");
    start();
    assert_int_equal(RtlUnicodeStringPrintf(&s, u"%d", 12345678), STATUS_BUFFER_OVERFLOW);
    assert_string_equal(narrow(s.Buffer, s.Length / 2), "123456");
    assert_int_equal(RtlUnicodeStringPrintf(&s, NULL), STATUS_INVALID_PARAMETER);
}

static void what_does_not_fit_a_counted_destination_is_cut(void **state)
{
    start();
    assert_int_equal(RtlUnicodeStringCopyString(&s, u"abcdefgh"), STATUS_BUFFER_OVERFLOW);
    assert_int_equal(s.Length, 12);
    start();
    assert_int_equal(RtlUnicodeStringCatStringEx(&s, u"vwxyz", NULL, STRSAFE_NO_TRUNCATION), STATUS_BUFFER_OVERFLOW);
    assert_string_equal(narrow(s.Buffer, s.Length / 2), "ab");
    assert_int_equal(RtlUnicodeStringCatStringEx(&s, u"vwxyz", NULL, STRSAFE_ZERO_LENGTH_ON_FAILURE),
                     STATUS_BUFFER_OVERFLOW);
    assert_int_equal(s.Length, 0);
    UNICODE_STRING none = {0, 0, NULL};
    assert_int_equal(RtlUnicodeStringCopy(&none, U(u"x")), STATUS_INVALID_PARAMETER);
    assert_int_equal(RtlUnicodeStringCopy(NULL, U(u"x")), STATUS_INVALID_PARAMETER);
}

static void counted_strings_are_initialised_and_validated(void **state)
{
    UNICODE_STRING bad = {5, 4, wide};
    assert_int_equal(RtlUnicodeStringInit(&s, u"xyz"), STATUS_SUCCESS);
    assert_int_equal(s.Length, 6);
    assert_int_equal(RtlUnicodeStringInitEx(&s, NULL, STRSAFE_IGNORE_NULLS), STATUS_SUCCESS);
    assert_int_equal(RtlUnicodeStringInit(NULL, u"xyz"), STATUS_INVALID_PARAMETER);
    assert_int_equal(RtlUnicodeStringValidate(U(u"xyz")), STATUS_SUCCESS);
    assert_int_equal(RtlUnicodeStringValidate(&bad), STATUS_INVALID_PARAMETER);
    assert_int_equal(RtlUnicodeStringValidate(NULL), STATUS_INVALID_PARAMETER);
    assert_int_equal(RtlUnicodeStringValidateEx(NULL, STRSAFE_IGNORE_NULLS), STATUS_SUCCESS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(narrow_text_is_copied),
        TEST(narrow_text_is_appended),
        TEST(wide_text_is_copied),
        TEST(wide_text_is_appended),
        TEST(every_printf_prints),
        TEST(every_length_is_measured),
        TEST(bad_arguments_are_refused),
        TEST(flags_say_what_a_failure_leaves),
        TEST(counted_strings_are_copied_by_every_name),
        TEST(counted_destinations_are_copied_to),
        TEST(counted_destinations_are_appended_to),
        TEST(counted_destinations_are_printed_to),
        TEST(what_does_not_fit_a_counted_destination_is_cut),
        TEST(counted_strings_are_initialised_and_validated),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
