/* The C library's functions for 16-bit wide text, and Microsoft's additions. */
#include "rtl_test.h"

static void wide_text_is_measured_searched_and_compared(void **state)
{
    static const WCHAR text[] = u"abcabc";
    assert_int_equal(fltsim_wcslen(text), 6);
    assert_int_equal(fltsim_wcsnlen(text, 3), 3);
    assert_ptr_equal(fltsim_wcschr(text, 'c'), text + 2);
    assert_ptr_equal(fltsim_wcsrchr(text, 'c'), text + 5);
    assert_ptr_equal(fltsim_wcschr(text, 0), text + 6);
    assert_ptr_equal(fltsim_wcsstr(text, u"cab"), text + 2);
    assert_null(fltsim_wcsstr(text, u"x"));
    assert_true(fltsim_wcscmp(u"a", u"b") < 0);
    assert_int_equal(fltsim_wcsncmp(u"abX", u"abY", 2), 0);
    assert_int_equal(fltsim_wcsicmp(u"\u00c4b", u"\u00e4B"), 0);
    assert_int_equal(fltsim_wcsnicmp(u"ABx", u"aby", 2), 0);
    assert_int_equal(fltsim_wcsspn(u"aab", u"a"), 2);
    assert_int_equal(fltsim_wcscspn(u"aab", u"b"), 2);
}

static void wide_copies_pad_and_terminate(void **state)
{
    WCHAR text[8] = u"zzzzzzz";
    fltsim_wcsncpy(text, u"ab", 4);
    assert_int_equal(text[3], 0);
    assert_int_equal(text[4], 'z');
    fltsim_wcscat(text, u"cd");
    fltsim_wcsncat(text, u"efg", 1);
    assert_string_equal(narrow(text, fltsim_wcslen(text)), "abcde");
    fltsim_wcsupr(text);
    assert_string_equal(narrow(text, fltsim_wcslen(text)), "ABCDE");
}

static void tokens_are_taken_in_turn(void **state)
{
    WCHAR text[] = u"a,,b;c";
    PWSTR context, token = fltsim_wcstok(text, u",;", &context);
    assert_int_equal(*token, 'a');
    assert_int_equal(*fltsim_wcstok(NULL, u",;", &context), 'b');
    assert_int_equal(*fltsim_wcstok(NULL, u",;", &context), 'c');
    assert_null(fltsim_wcstok(NULL, u",;", &context));
}

static void wide_numbers_are_read(void **state)
{
    PWSTR end;
    static const WCHAR text[] = u" -0x10z";
    assert_int_equal(fltsim_wcstol(text, &end, 16), -16);
    assert_ptr_equal(end, text + 6);
    assert_int_equal(fltsim_wcstoul(u"4294967296", NULL, 10), MAXULONG);
    assert_int_equal(fltsim_wcstol(u"-9999999999", NULL, 10), (LONG)0x80000000);
    assert_int_equal(fltsim_wtoi(u"42abc"), 42);
    assert_true(fltsim_wcstoll(u"0x7fffffffffff", NULL, 0) == 0x7fffffffffffLL);
    assert_int_equal(fltsim_wcstol(u"010", NULL, 0), 8);
}

static void text_is_scanned(void **state)
{
    ULONGLONG large = 0;
    LONG number = 0, other = 0;
    USHORT small = 0;
    CHAR word[4], rest[8];
    WCHAR wide[8];
    struct {
        PCSTR text;
        int stored;
        LONG number;
    } rows[] = {{" 12 ", 1, 12}, {"-7x", 1, -7}, {"x", 0, 0}, {"", -1, 0}, {"   ", -1, 0}, {"4294967295", 1, -1}};

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        number = 0;
        assert_int_equal(fltsim_sscanf_s(rows[i].text, "%d", &number), rows[i].stored);
        assert_int_equal(number, rows[i].number);
    }
    assert_int_equal(fltsim_swscanf_s(u"0xdeadbeefcafe", u"%llx", &large), 1);
    assert_true(large == 0xdeadbeefcafeULL);
    assert_int_equal(fltsim_swscanf(u"18446744073709551615", u"%I64u", &large), 1);
    assert_true(large == ~0ULL);
    assert_int_equal(fltsim_sscanf_s("0x1F,017", "%i,%i", &number, &other), 2);
    assert_int_equal(number, 31);
    assert_int_equal(other, 15);
    assert_int_equal(fltsim_sscanf_s("123456", "%3d%hu", &number, &small), 2);
    assert_int_equal(number, 123);
    assert_int_equal(small, 456);
    assert_int_equal(fltsim_sscanf_s("abc def", "%s %*s%n", word, (unsigned)sizeof word, &other), 1);
    assert_string_equal(word, "abc");
    assert_int_equal(other, 7);
    word[0] = 'z';
    assert_int_equal(fltsim_sscanf_s("abcd", "%s", word, (unsigned)sizeof word), 0); /* no room for its end */
    assert_int_equal(word[0], 0);
    assert_int_equal(fltsim_sscanf_s("key=val]", "%[a-z]=%[^]]]", word, (unsigned)sizeof word, rest, (unsigned)sizeof rest), 2);
    assert_string_equal(rest, "val");
    assert_int_equal(fltsim_swscanf_s(u"100% C:", u"%d%% %c%*c", &number, wide, 1), 2);
    assert_int_equal(wide[0], 'C');
    assert_int_equal(fltsim_sscanf_s("ab", "%S", wide, 8), 1);
    assert_string_equal(narrow(wide, 2), "ab");
}

static void numbers_are_written(void **state)
{
    WCHAR text[32];
    char bytes[4];
    assert_string_equal(narrow(fltsim_itow(-42, text, 10), 3), "-42");
    assert_string_equal(narrow(fltsim_itow(-1, text, 16), 8), "ffffffff");
    assert_string_equal(narrow(fltsim_ui64tow(1ULL << 40, text, 10), 13), "1099511627776");
    assert_int_equal(fltsim_itoa_s(1234, bytes, 4, 10), 34);
    assert_string_equal(bytes, "");
    assert_int_equal(fltsim_itoa_s(123, bytes, 4, 10), 0);
}

static void the_s_functions_refuse_overruns(void **state)
{
    WCHAR text[4];
    char bytes[4];
    assert_int_equal(fltsim_wcscpy_s(text, 4, u"abc"), 0);
    assert_int_equal(fltsim_wcscat_s(text, 4, u"d"), 34);
    assert_int_equal(text[0], 0);
    assert_int_equal(fltsim_wcsncpy_s(text, 4, u"abcdef", 3), 0);
    assert_int_equal(fltsim_wcsncpy_s(text, 4, u"abcdef", (size_t)-1), 80);
    assert_string_equal(narrow(text, fltsim_wcslen(text)), "abc");
    assert_int_equal(fltsim_strcpy_s(bytes, 4, NULL), 22);
    assert_int_equal(fltsim_memcpy_s(bytes, 4, "12345", 5), 34);
}

static void narrow_additions_work(void **state)
{
    char text[] = "aBc";
    assert_int_equal(fltsim_stricmp("ABC", "abc"), 0);
    assert_true(fltsim_strnicmp("abX", "abY", 3) < 0);
    assert_string_equal(fltsim_strupr(text), "ABC");
    assert_string_equal(fltsim_strlwr(text), "abc");
    assert_string_equal(fltsim_strrev(text), "cba");
}

static int by_value(void *context, const void *a, const void *b)
{
    ++*(int *)context;
    return *(const int *)a - *(const int *)b;
}

static void sorting_and_searching_pass_the_context(void **state)
{
    int numbers[] = {5, 1, 4, 2, 3, 0}, calls = 0, key = 4;
    fltsim_qsort_s(numbers, 6, sizeof *numbers, by_value, &calls);
    for (int i = 0; i < 6; i++)
        assert_int_equal(numbers[i], i);
    assert_ptr_equal(fltsim_bsearch_s(&key, numbers, 6, sizeof *numbers, by_value, &calls), numbers + 4);
    assert_true(calls > 6);
    key = 9;
    assert_null(fltsim_bsearch_s(&key, numbers, 6, sizeof *numbers, by_value, &calls));
}

static void narrow_and_wide_text_convert_by_the_ansi_page(void **state)
{
    WCHAR wide[4];
    char bytes[4];
    assert_int_equal(fltsim_mbstowcs(wide, "a\x80", 4), 2);
    assert_int_equal(wide[1], 0x20AC);
    assert_int_equal(fltsim_wcstombs(bytes, wide, 4), 2);
    assert_string_equal(bytes, "a\x80");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(wide_text_is_measured_searched_and_compared),
        TEST(wide_copies_pad_and_terminate),
        TEST(tokens_are_taken_in_turn),
        TEST(wide_numbers_are_read),
        TEST(text_is_scanned),
        TEST(numbers_are_written),
        TEST(the_s_functions_refuse_overruns),
        TEST(narrow_additions_work),
        TEST(sorting_and_searching_pass_the_context),
        TEST(narrow_and_wide_text_convert_by_the_ansi_page),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
