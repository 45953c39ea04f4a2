/* Counted strings: initialising, comparing, copying, appending, case, conversions. */
#include "rtl_test.h"

static void initialising_points_at_the_text(void **state)
{
    UNICODE_STRING s;
    RtlInitUnicodeString(&s, u"abc");
    assert_int_equal(s.Length, 6);
    assert_int_equal(s.MaximumLength, 8);
    RtlInitUnicodeString(&s, NULL);
    assert_int_equal(s.MaximumLength, 0);
    assert_null(s.Buffer);
}

static void initialising_too_long_a_text_is_refused_by_the_ex_form(void **state)
{
    static WCHAR text[40000];
    UNICODE_STRING s = {1, 1, NULL};
    for (size_t i = 0; i < 39999; i++)
        text[i] = 'x';
    assert_int_equal(RtlInitUnicodeStringEx(&s, text), STATUS_NAME_TOO_LONG);
    RtlInitUnicodeString(&s, text);
    assert_int_equal(s.Length, 0xFFFC);
}

static void comparison_is_by_code_unit_then_length(void **state)
{
    assert_true(RtlCompareUnicodeString(U(u"abc"), U(u"abd"), FALSE) < 0);
    assert_true(RtlCompareUnicodeString(U(u"abc"), U(u"ab"), FALSE) > 0);
    assert_int_equal(RtlCompareUnicodeString(U(u"AbC"), U(u"aBc"), TRUE), 0);
    assert_true(RtlCompareUnicodeString(U(u"AbC"), U(u"aBc"), FALSE) != 0);
}

static void equality_ignores_case_when_asked(void **state)
{
    assert_true(RtlEqualUnicodeString(U(u"\u00e4\u03c3\u0436"), U(u"\u00c4\u03a3\u0416"), TRUE));
    assert_false(RtlEqualUnicodeString(U(u"\u00e4"), U(u"\u00c4"), FALSE));
    assert_false(RtlEqualUnicodeString(U(u"a"), U(u"ab"), TRUE));
    assert_true(RtlEqualString(A("Ab"), A("aB"), TRUE));
}

static void a_prefix_is_found_and_a_suffix(void **state)
{
    assert_true(RtlPrefixUnicodeString(U(u"\\Dev"), U(u"\\device"), TRUE));
    assert_false(RtlPrefixUnicodeString(U(u"\\Dev"), U(u"\\device"), FALSE));
    assert_false(RtlPrefixUnicodeString(U(u"long"), U(u"lo"), TRUE));
    assert_true(RtlSuffixUnicodeString(U(u".TXT"), U(u"a.txt"), TRUE));
    assert_false(RtlSuffixUnicodeString(U(u"xtxt"), U(u"txt"), TRUE));
}

static void the_hash_is_x65599_of_the_upcased_text(void **state)
{
    ULONG a, b;
    assert_int_equal(RtlHashUnicodeString(U(u"Ab"), TRUE, HASH_STRING_ALGORITHM_DEFAULT, &a), STATUS_SUCCESS);
    assert_int_equal(a, 'A' * 65599u + 'B');
    RtlHashUnicodeString(U(u"aB"), TRUE, HASH_STRING_ALGORITHM_X65599, &b);
    assert_int_equal(a, b);
    assert_int_equal(RtlHashUnicodeString(U(u"a"), TRUE, 7, &a), STATUS_INVALID_PARAMETER);
}

static void copying_truncates_silently(void **state)
{
    UNICODE_STRING s = ROOM(3);
    RtlCopyUnicodeString(&s, U(u"abcdef"));
    assert_wide(&s, u"abc");
    RtlCopyUnicodeString(&s, NULL);
    assert_int_equal(s.Length, 0);
}

static void appending_what_does_not_fit_changes_nothing(void **state)
{
    UNICODE_STRING s = ROOM(4);
    assert_int_equal(RtlAppendUnicodeToString(&s, u"ab"), STATUS_SUCCESS);
    assert_int_equal(RtlAppendUnicodeStringToString(&s, U(u"cde")), STATUS_BUFFER_TOO_SMALL);
    assert_wide(&s, u"ab");
    assert_int_equal(RtlAppendUnicodeStringToString(&s, U(u"cd")), STATUS_SUCCESS);
    assert_wide(&s, u"abcd");
    assert_int_equal(RtlAppendUnicodeToString(&s, NULL), STATUS_SUCCESS);
}

static void appending_terminates_where_there_is_room(void **state)
{
    UNICODE_STRING s = ROOM(8);
    memset(s.Buffer, 0xFF, 16);
    RtlAppendUnicodeToString(&s, u"ab");
    assert_int_equal(s.Buffer[2], 0);
}

static void upcasing_allocates_when_asked(void **state)
{
    UNICODE_STRING s;
    assert_int_equal(RtlUpcaseUnicodeString(&s, U(u"stra\u00dfe\u00e9"), TRUE), STATUS_SUCCESS);
    assert_wide(&s, u"STRA\u00dfE\u00c9");
    RtlFreeUnicodeString(&s);
    assert_null(s.Buffer);
    UNICODE_STRING small = ROOM(2);
    assert_int_equal(RtlUpcaseUnicodeString(&small, U(u"abc"), FALSE), STATUS_BUFFER_OVERFLOW);
}

static void case_pairs_go_both_ways(void **state)
{
    assert_int_equal(RtlUpcaseUnicodeChar(0xFF), 0x178);
    assert_int_equal(RtlDowncaseUnicodeChar(0x178), 0xFF);
    assert_int_equal(RtlUpcaseUnicodeChar(0x101), 0x100);
    assert_int_equal(RtlUpcaseUnicodeChar(0x100), 0x100);
    assert_int_equal(RtlUpcaseUnicodeChar(0x3C2), 0x3A3);
    assert_int_equal(RtlUpcaseUnicodeChar('7'), '7');
}

static void letters_that_windows_does_not_fold_stay(void **state)
{
    assert_int_equal(RtlUpcaseUnicodeChar(0xB5), 0xB5);
    assert_int_equal(RtlUpcaseUnicodeChar(0x131), 0x131);
    assert_int_equal(RtlUpcaseUnicodeChar(0x17F), 0x17F);
    assert_int_equal(RtlUpcaseUnicodeChar(0xDF), 0xDF);
}

static void ansi_and_unicode_convert_both_ways(void **state)
{
    UNICODE_STRING wide;
    ANSI_STRING back;
    assert_int_equal(RtlAnsiStringToUnicodeString(&wide, A("a\x80\xe9"), TRUE), STATUS_SUCCESS);
    assert_wide(&wide, u"a\u20ac\u00e9");
    assert_int_equal(wide.Buffer[3], 0);
    assert_int_equal(RtlUnicodeStringToAnsiString(&back, &wide, TRUE), STATUS_SUCCESS);
    assert_string_equal(back.Buffer, "a\x80\xe9");
    RtlFreeAnsiString(&back);
    RtlFreeUnicodeString(&wide);
}

static void a_small_destination_is_buffer_overflow(void **state)
{
    UNICODE_STRING wide = ROOM(3);
    assert_int_equal(RtlAnsiStringToUnicodeString(&wide, A("abc"), FALSE), STATUS_BUFFER_OVERFLOW);
    assert_int_equal(RtlAnsiStringToUnicodeString(&wide, A("ab"), FALSE), STATUS_SUCCESS);
}

static void what_the_code_page_lacks_becomes_a_question_mark(void **state)
{
    char text[4];
    ANSI_STRING to = {0, 4, text};
    assert_int_equal(RtlUnicodeStringToAnsiString(&to, U(u"a\u0416b"), FALSE), STATUS_SUCCESS);
    assert_string_equal(text, "a?b");
}

static void utf8_takes_surrogate_pairs_and_replaces_lone_ones(void **state)
{
    static const WCHAR pair[] = {0xD83D, 0xDE00}, lone[] = {0xD83D, 'x'};
    char text[8];
    ULONG used;
    assert_int_equal(RtlUnicodeToUTF8N(text, 8, &used, pair, 4), STATUS_SUCCESS);
    assert_int_equal(used, 4);
    assert_memory_equal(text, "\xF0\x9F\x98\x80", 4);
    assert_int_equal(RtlUnicodeToUTF8N(text, 8, &used, lone, 4), STATUS_SOME_NOT_MAPPED);
    assert_memory_equal(text, "\xEF\xBF\xBDx", 4);
    assert_int_equal(RtlUnicodeToUTF8N(text, 3, &used, pair, 4), STATUS_BUFFER_TOO_SMALL);
}

static void utf8_comes_back_as_it_went(void **state)
{
    WCHAR wide[4];
    ULONG used;
    assert_int_equal(RtlUTF8ToUnicodeN(wide, 8, &used, "\xF0\x9F\x98\x80z", 5), STATUS_SUCCESS);
    assert_int_equal(used, 6);
    assert_int_equal(wide[0], 0xD83D);
    assert_int_equal(wide[1], 0xDE00);
    assert_int_equal(RtlUTF8ToUnicodeN(wide, 8, &used, "\xC0\xAF", 2), STATUS_SOME_NOT_MAPPED);
}

static void duplicating_can_terminate(void **state)
{
    UNICODE_STRING copy;
    assert_int_equal(RtlDuplicateUnicodeString(RTL_DUPLICATE_UNICODE_STRING_NULL_TERMINATE, U(u"ab"), &copy),
                     STATUS_SUCCESS);
    assert_int_equal(copy.MaximumLength, 6);
    assert_int_equal(copy.Buffer[2], 0);
    RtlFreeUnicodeString(&copy);
    assert_int_equal(RtlDuplicateUnicodeString(0, U(u""), &copy), STATUS_SUCCESS);
    assert_null(copy.Buffer);
}

static void an_unfreed_string_is_a_leak(void **state)
{
    UNICODE_STRING s;
    fltsim_expect("pool-leak");
    assert_true(RtlCreateUnicodeString(&s, u"lost"));
}

static void validation_finds_impossible_strings(void **state)
{
    UNICODE_STRING odd = {3, 4, (WCHAR[2]){0}}, beyond = {6, 4, (WCHAR[2]){0}}, nowhere = {2, 2, NULL};
    assert_int_equal(RtlValidateUnicodeString(0, &odd), STATUS_INVALID_PARAMETER);
    assert_int_equal(RtlValidateUnicodeString(0, &beyond), STATUS_INVALID_PARAMETER);
    assert_int_equal(RtlValidateUnicodeString(0, &nowhere), STATUS_INVALID_PARAMETER);
    assert_int_equal(RtlValidateUnicodeString(0, NULL), STATUS_SUCCESS);
}

static void numbers_are_written_in_their_base(void **state)
{
    UNICODE_STRING s = ROOM(12);
    assert_int_equal(RtlIntegerToUnicodeString(0xBEEF, 16, &s), STATUS_SUCCESS);
    assert_wide(&s, u"BEEF");
    RtlIntegerToUnicodeString(0, 0, &s);
    assert_wide(&s, u"0");
    assert_int_equal(RtlIntegerToUnicodeString(1, 3, &s), STATUS_INVALID_PARAMETER);
    UNICODE_STRING small = ROOM(2);
    assert_int_equal(RtlIntegerToUnicodeString(123, 10, &small), STATUS_BUFFER_OVERFLOW);
}

static void numbers_are_read_with_sign_and_prefix(void **state)
{
    ULONG value;
    assert_int_equal(RtlUnicodeStringToInteger(U(u"  -12x"), 0, &value), STATUS_SUCCESS);
    assert_int_equal((LONG)value, -12);
    RtlUnicodeStringToInteger(U(u"0x1F"), 0, &value);
    assert_int_equal(value, 31);
    RtlUnicodeStringToInteger(U(u"371020.5"), 10, &value);
    assert_int_equal(value, 371020);
    assert_int_equal(RtlCharToInteger("0b101", 0, &value), STATUS_SUCCESS);
    assert_int_equal(value, 5);
    assert_int_equal(RtlCharToInteger("1", 7, &value), STATUS_INVALID_PARAMETER);
}

static void a_guid_goes_to_text_and_back(void **state)
{
    const GUID guid = {0x12345678, 0x9ABC, 0xDEF0, {1, 2, 3, 4, 5, 6, 7, 0xAB}};
    GUID back;
    UNICODE_STRING text;
    assert_int_equal(RtlStringFromGUID(&guid, &text), STATUS_SUCCESS);
    assert_wide(&text, u"{12345678-9ABC-DEF0-0102-0304050607AB}");
    assert_int_equal(RtlGUIDFromString(&text, &back), STATUS_SUCCESS);
    assert_memory_equal(&guid, &back, sizeof guid);
    text.Buffer[9] = 'x';
    assert_int_equal(RtlGUIDFromString(&text, &back), STATUS_INVALID_PARAMETER);
    RtlFreeUnicodeString(&text);
}

static void dos_names_are_told_from_long_ones(void **state)
{
    BOOLEAN spaces = FALSE;
    assert_true(RtlIsNameLegalDOS8Dot3(U(u"FILE.TXT"), NULL, &spaces));
    assert_true(RtlIsNameLegalDOS8Dot3(U(u"a b"), NULL, &spaces));
    assert_true(spaces);
    assert_false(RtlIsNameLegalDOS8Dot3(U(u"LONGFILENAME"), NULL, NULL));
    assert_false(RtlIsNameLegalDOS8Dot3(U(u"A.B.C"), NULL, NULL));
    assert_false(RtlIsNameLegalDOS8Dot3(U(u"A.HTML"), NULL, NULL));
    assert_false(RtlIsNameLegalDOS8Dot3(U(u"A+B"), NULL, NULL));
    assert_true(RtlIsNameLegalDOS8Dot3(U(u".."), NULL, NULL));
}

static void short_names_are_made_and_numbered(void **state)
{
    GENERATE_NAME_CONTEXT context = {0};
    UNICODE_STRING name = ROOM(12);
    assert_int_equal(RtlGenerate8dot3Name(U(u"long file name.html"), TRUE, &context, &name), STATUS_SUCCESS);
    assert_wide(&name, u"LONGFI~1.HTM");
    RtlGenerate8dot3Name(U(u"long file name.html"), TRUE, &context, &name);
    assert_wide(&name, u"LONGFI~2.HTM");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(initialising_points_at_the_text),
        TEST(initialising_too_long_a_text_is_refused_by_the_ex_form),
        TEST(comparison_is_by_code_unit_then_length),
        TEST(equality_ignores_case_when_asked),
        TEST(a_prefix_is_found_and_a_suffix),
        TEST(the_hash_is_x65599_of_the_upcased_text),
        TEST(copying_truncates_silently),
        TEST(appending_what_does_not_fit_changes_nothing),
        TEST(appending_terminates_where_there_is_room),
        TEST(upcasing_allocates_when_asked),
        TEST(case_pairs_go_both_ways),
        TEST(letters_that_windows_does_not_fold_stay),
        TEST(ansi_and_unicode_convert_both_ways),
        TEST(a_small_destination_is_buffer_overflow),
        TEST(what_the_code_page_lacks_becomes_a_question_mark),
        TEST(utf8_takes_surrogate_pairs_and_replaces_lone_ones),
        TEST(utf8_comes_back_as_it_went),
        TEST(duplicating_can_terminate),
        QUIET(an_unfreed_string_is_a_leak),
        TEST(validation_finds_impossible_strings),
        TEST(numbers_are_written_in_their_base),
        TEST(numbers_are_read_with_sign_and_prefix),
        TEST(a_guid_goes_to_text_and_back),
        TEST(dos_names_are_told_from_long_ones),
        TEST(short_names_are_made_and_numbered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
