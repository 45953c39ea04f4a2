/* Conversions between code pages, and the strings that rarely meet a driver: OEM, UTF-8, narrow ones. */
#include "rtl_test.h"

static void narrow_strings_are_initialised(void **state)
{
    STRING s;
    RtlInitString(&s, "abc");
    assert_int_equal(s.Length, 3);
    assert_int_equal(s.MaximumLength, 4);
    RtlInitAnsiString(&s, NULL);
    assert_int_equal(s.MaximumLength, 0);
    RtlInitUTF8String(&s, "x");
    assert_int_equal(s.Length, 1);
    assert_int_equal(RtlInitStringEx(&s, "abc"), STATUS_SUCCESS);
    assert_int_equal(RtlInitAnsiStringEx(&s, "abc"), STATUS_SUCCESS);
    static char huge[70000];
    memset(huge, 'x', sizeof huge - 1);
    assert_int_equal(RtlInitAnsiStringEx(&s, huge), STATUS_NAME_TOO_LONG);
}

static void narrow_strings_are_copied_appended_and_compared(void **state)
{
    char text[6];
    STRING s = {0, 6, text};
    RtlCopyString(&s, A("ab"));
    assert_int_equal(RtlAppendStringToString(&s, A("cd")), STATUS_SUCCESS);
    assert_int_equal(RtlAppendAsciizToString(&s, "ef"), STATUS_SUCCESS);
    assert_memory_equal(text, "abcdef", 6);
    assert_int_equal(RtlAppendAsciizToString(&s, "g"), STATUS_BUFFER_TOO_SMALL);
    assert_true(RtlCompareString(A("ABC"), A("abd"), TRUE) < 0);
    assert_true(RtlPrefixString(A("AB"), A("abc"), TRUE));
    assert_false(RtlPrefixString(A("AB"), A("abc"), FALSE));
    RtlUpperString(&s, A("x\xe4"));
    assert_memory_equal(text, "X\xe4", 2);
    assert_int_equal((UCHAR)RtlUpperChar('a'), 'A');
    assert_int_equal((UCHAR)RtlUpperChar((CHAR)0xff), 0xFF);
}

static void wide_slices_are_compared(void **state)
{
    assert_int_equal(RtlCompareUnicodeStrings(u"abX", 2, u"ABy", 2, TRUE), 0);
    assert_true(RtlCompareUnicodeStrings(u"ab", 2, u"a", 1, FALSE) > 0);
}

static void downcasing_works_like_upcasing(void **state)
{
    UNICODE_STRING s;
    assert_int_equal(RtlDowncaseUnicodeString(&s, U(u"A\u00c4Z"), TRUE), STATUS_SUCCESS);
    assert_wide(&s, u"a\u00e4z");
    RtlFreeUnicodeString(&s);
    UNICODE_STRING small = ROOM(1);
    assert_int_equal(RtlDowncaseUnicodeString(&small, U(u"AB"), FALSE), STATUS_BUFFER_OVERFLOW);
}

static void the_oem_page_is_437(void **state)
{
    UNICODE_STRING wide;
    OEM_STRING oem;
    assert_int_equal(RtlOemStringToUnicodeString(&wide, A("\x81"), TRUE), STATUS_SUCCESS);
    assert_wide(&wide, u"\u00fc");
    assert_int_equal(RtlUnicodeStringToOemString(&oem, &wide, TRUE), STATUS_SUCCESS);
    assert_string_equal(oem.Buffer, "\x81");
    RtlFreeOemString(&oem);
    assert_int_equal(RtlUpcaseUnicodeStringToOemString(&oem, &wide, TRUE), STATUS_SUCCESS);
    assert_string_equal(oem.Buffer, "\x9a");
    RtlFreeOemString(&oem);
    RtlFreeUnicodeString(&wide);
}

static void counted_conversions_have_no_terminator(void **state)
{
    UNICODE_STRING wide = ROOM(2);
    char text[2];
    OEM_STRING oem = {0, 2, text};
    assert_int_equal(RtlOemStringToCountedUnicodeString(&wide, A("ab"), FALSE), STATUS_SUCCESS);
    assert_wide(&wide, u"ab");
    assert_int_equal(RtlUnicodeStringToCountedOemString(&oem, &wide, FALSE), STATUS_SUCCESS);
    assert_memory_equal(text, "ab", 2);
    assert_int_equal(RtlUpcaseUnicodeStringToCountedOemString(&oem, &wide, FALSE), STATUS_SUCCESS);
    assert_memory_equal(text, "AB", 2);
    assert_int_equal(RtlUnicodeStringToOemString(&oem, &wide, FALSE), STATUS_BUFFER_OVERFLOW);
}

static void upcasing_on_the_way_to_ansi(void **state)
{
    ANSI_STRING ansi;
    assert_int_equal(RtlUpcaseUnicodeStringToAnsiString(&ansi, U(u"a\u00e4"), TRUE), STATUS_SUCCESS);
    assert_string_equal(ansi.Buffer, "A\xc4");
    RtlFreeAnsiString(&ansi);
}

static void buffers_are_converted_up_to_their_room(void **state)
{
    WCHAR wide[3] = {0};
    char text[3] = {0};
    ULONG used;
    assert_int_equal(RtlMultiByteToUnicodeN(wide, 4, &used, "abc", 3), STATUS_SUCCESS);
    assert_int_equal(used, 4);
    assert_int_equal(RtlMultiByteToUnicodeSize(&used, "abc", 3), STATUS_SUCCESS);
    assert_int_equal(used, 6);
    assert_int_equal(RtlUnicodeToMultiByteN(text, 3, &used, u"ab", 4), STATUS_SUCCESS);
    assert_int_equal(used, 2);
    assert_int_equal(RtlUnicodeToMultiByteN(text, 1, &used, u"ab", 4), STATUS_BUFFER_OVERFLOW);
    assert_int_equal(RtlUnicodeToMultiByteSize(&used, u"ab", 4), STATUS_SUCCESS);
    assert_int_equal(used, 2);
    assert_int_equal(RtlUpcaseUnicodeToMultiByteN(text, 3, &used, u"ab", 4), STATUS_SUCCESS);
    assert_memory_equal(text, "AB", 2);
    assert_int_equal(RtlOemToUnicodeN(wide, 6, &used, "\x81", 1), STATUS_SUCCESS);
    assert_int_equal(wide[0], 0xFC);
    assert_int_equal(RtlUnicodeToOemN(text, 3, &used, wide, 2), STATUS_SUCCESS);
    assert_int_equal((UCHAR)text[0], 0x81);
}

static void sizes_count_the_terminator(void **state)
{
    assert_int_equal(RtlUnicodeStringToAnsiSize(U(u"abc")), 4);
    assert_int_equal(RtlUnicodeStringToOemSize(U(u"abc")), 4);
    assert_int_equal(RtlAnsiStringToUnicodeSize(A("abc")), 8);
    assert_int_equal(RtlOemStringToUnicodeSize(A("abc")), 8);
    assert_int_equal(RtlxUnicodeStringToAnsiSize(U(u"")) + RtlxUnicodeStringToOemSize(U(u"")), 2);
    assert_int_equal(RtlxAnsiStringToUnicodeSize(A("")) + RtlxOemStringToUnicodeSize(A("")), 4);
}

static void characters_are_checked_against_the_oem_page(void **state)
{
    WCHAR c = 0xFC, missing = 0x416;
    assert_true(RtlIsValidOemCharacter(&c));
    assert_int_equal(c, 0xDC);
    assert_false(RtlIsValidOemCharacter(&missing));
}

static void utf8_strings_are_made_and_freed(void **state)
{
    UTF8_STRING utf8;
    UNICODE_STRING wide;
    assert_int_equal(RtlUnicodeStringToUTF8String(&utf8, U(u"\u00e4b"), TRUE), STATUS_SUCCESS);
    assert_string_equal(utf8.Buffer, "\xc3\xa4"
                                     "b");
    assert_int_equal(RtlUTF8StringToUnicodeString(&wide, &utf8, TRUE), STATUS_SUCCESS);
    assert_wide(&wide, u"\u00e4b");
    RtlFreeUnicodeString(&wide);
    RtlFreeUTF8String(&utf8);
}

static void utf8_conversion_checks_its_arguments(void **state)
{
    ULONG used;
    char text[4];
    assert_int_equal(RtlUnicodeToUTF8N(NULL, 0, NULL, u"a", 2), STATUS_INVALID_PARAMETER);
    assert_int_equal(RtlUnicodeToUTF8N(text, 4, &used, NULL, 2), STATUS_INVALID_PARAMETER_4);
    assert_int_equal(RtlUnicodeToUTF8N(text, 4, &used, u"a", 1), STATUS_INVALID_PARAMETER_5);
    assert_int_equal(RtlUnicodeToUTF8N(NULL, 0, &used, u"\u20ac", 2), STATUS_SUCCESS);
    assert_int_equal(used, 3);
}

static void large_numbers_are_written_and_read(void **state)
{
    UNICODE_STRING s = ROOM(24);
    LONG64 value;
    PWSTR end;
    assert_int_equal(RtlInt64ToUnicodeString(0x123456789ABCULL, 16, &s), STATUS_SUCCESS);
    assert_wide(&s, u"123456789ABC");
    assert_int_equal(RtlUnicodeStringToInt64(&s, 16, &value, &end), STATUS_SUCCESS);
    assert_true(value == 0x123456789ABCLL);
    assert_ptr_equal(end, s.Buffer + 12);
    assert_int_equal(RtlUnicodeStringToInteger(U(u""), 10, &(ULONG){0}), STATUS_INVALID_PARAMETER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(narrow_strings_are_initialised),
        TEST(narrow_strings_are_copied_appended_and_compared),
        TEST(wide_slices_are_compared),
        TEST(downcasing_works_like_upcasing),
        TEST(the_oem_page_is_437),
        TEST(counted_conversions_have_no_terminator),
        TEST(upcasing_on_the_way_to_ansi),
        TEST(buffers_are_converted_up_to_their_room),
        TEST(sizes_count_the_terminator),
        TEST(characters_are_checked_against_the_oem_page),
        TEST(utf8_strings_are_made_and_freed),
        TEST(utf8_conversion_checks_its_arguments),
        TEST(large_numbers_are_written_and_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
