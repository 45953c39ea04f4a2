/* Windows' printf rules, the C library's functions over them, and ntstrsafe.h. */
#include "rtl_test.h"

#include <ntstrsafe.h>

static const char *print(const char *format, ...)
{
    static char text[512];
    va_list arguments;
    va_start(arguments, format);
    assert_int_equal(RtlStringCbVPrintfA(text, sizeof text, format, arguments), STATUS_SUCCESS);
    va_end(arguments);
    return text;
}

static void l_is_32_bits_and_I64_is_64(void **state)
{
    assert_string_equal(print("%lu %ld|%d", 0xFFFFFFFFu, -1, 7), "4294967295 -1|7");
    assert_string_equal(print("%I64x %d", 0x123456789ABCDEF0ULL, 7), "123456789abcdef0 7");
    assert_string_equal(print("%llu %I32u %d", 1ULL << 40, 5u, 7), "1099511627776 5 7");
    assert_string_equal(print("%Iu %zu %d", (size_t)1 << 33, (size_t)2, 7), "8589934592 2 7");
}

static void short_and_char_sizes_cut(void **state)
{
    assert_string_equal(print("%hd %hu %hhx", 0x18000, 0x18000, 0x1FF), "-32768 32768 ff");
}

static void a_pointer_has_sixteen_capital_digits(void **state)
{
    assert_string_equal(print("%p", (void *)0xABCDEF), "0000000000ABCDEF");
}

static void width_precision_and_flags_work(void **state)
{
    assert_string_equal(print("[%5d|%-5d|%05d|%+d|%x|%#X|%.3d|%*d]", 42, 42, 42, 42, 255, 255, 5, 4, 9),
                        "[   42|42   |00042|+42|ff|0XFF|005|   9]");
    assert_string_equal(print("[%6s|%-6s|%.2s]", "abc", "abc", "abc"), "[   abc|abc   |ab]");
    assert_string_equal(print("%c%%%o", 'x', 8), "x%10");
}

static void wide_text_in_narrow_formats(void **state)
{
    assert_string_equal(print("%S %ws %ls %hs", u"S", u"ws", u"ls", "hs"), "S ws ls hs");
    assert_string_equal(print("%C%wc%c", 'a', 'b', 'c'), "abc");
    assert_string_equal(print("%.3S", u"abcdef"), "abc");
}

static void narrow_text_in_wide_formats(void **state)
{
    WCHAR text[32];
    assert_int_equal(RtlStringCbPrintfW(text, sizeof text, u"%s %S %hs %ws", u"own", "other", "h", u"w"),
                     STATUS_SUCCESS);
    assert_string_equal(narrow(text, fltsim_wcslen(text)), "own other h w");
}

static void counted_strings_are_printed_by_their_length(void **state)
{
    UNICODE_STRING wide = {6, 6, (PWCH)u"abcdef"};
    ANSI_STRING ansi = {2, 6, (PCHAR) "xyz"};
    assert_string_equal(print("%wZ|%Z|%5wZ|%-5wZ|", &wide, &ansi, &wide, &wide), "abc|xy|  abc|abc  |");
}

static void a_counted_string_by_value_is_printed_too(void **state)
{
    UNICODE_STRING wide = {6, 8, (PWCH)u"abc"};
    assert_string_equal(print("%wZ|%d", wide, 7), "abc|7");
}

static void counted_strings_by_value_that_no_register_is_left_for_are_printed_too(void **state)
{
    UNICODE_STRING one = {6, 8, (PWCH)u"one"}, two = {6, 8, (PWCH)u"two"}, three = {10, 12, (PWCH)u"three"};
    assert_string_equal(print("%wZ %wZ %wZ %d", one, two, three, 4), "one two three 4");
    assert_string_equal(print("%wZ %wZ %wZ %wZ", one, two, three, two), "one two three two");
    two.Length = two.MaximumLength = 0;
    assert_string_equal(print("%wZ %wZ %wZ", one, two, three), "one  three");
}

static void null_pointers_are_printed_as_null(void **state)
{
    UNICODE_STRING empty = {0, 0, NULL};
    assert_string_equal(print("%s %ws %wZ %Z %wZ", NULL, NULL, NULL, NULL, &empty),
                        "(null) (null) (null) (null) (null)");
}

static void floating_point_is_printed(void **state)
{
    assert_string_equal(print("%.2f %d", 3.14159, 7), "3.14 7");
}

static void what_does_not_fit_is_cut_and_terminated(void **state)
{
    char text[4];
    WCHAR wide[4];
    assert_int_equal(RtlStringCbPrintfA(text, sizeof text, "%d", 12345), STATUS_BUFFER_OVERFLOW);
    assert_string_equal(text, "123");
    assert_int_equal(RtlStringCchPrintfW(wide, 4, u"%d", 12345), STATUS_BUFFER_OVERFLOW);
    assert_string_equal(narrow(wide, fltsim_wcslen(wide)), "123");
    assert_int_equal(RtlStringCbPrintfA(text, 0, "x"), STATUS_INVALID_PARAMETER);
}

static void copying_and_appending_count_the_terminator(void **state)
{
    WCHAR text[6];
    assert_int_equal(RtlStringCbCopyW(text, sizeof text, u"abc"), STATUS_SUCCESS);
    assert_int_equal(RtlStringCbCatW(text, sizeof text, u"de"), STATUS_SUCCESS);
    assert_int_equal(RtlStringCbCatW(text, sizeof text, u"f"), STATUS_BUFFER_OVERFLOW);
    assert_string_equal(narrow(text, fltsim_wcslen(text)), "abcde");
    assert_int_equal(RtlStringCchCopyNW(text, 6, u"xyz", 2), STATUS_SUCCESS);
    assert_string_equal(narrow(text, fltsim_wcslen(text)), "xy");
    assert_int_equal(RtlStringCbCatNW(text, sizeof text, u"123", 4), STATUS_SUCCESS);
    assert_string_equal(narrow(text, fltsim_wcslen(text)), "xy12");
}

static void the_ex_forms_return_the_end_and_the_room(void **state)
{
    WCHAR text[8], *end;
    size_t rest;
    assert_int_equal(RtlStringCbPrintfExW(text, sizeof text, &end, &rest, 0, u"%d", 12), STATUS_SUCCESS);
    assert_ptr_equal(end, text + 2);
    assert_int_equal(rest, 12);
    assert_int_equal(RtlStringCchCopyExW(text, 8, u"abc", &end, &rest, STRSAFE_FILL_BEHIND_NULL | 0x20),
                     STATUS_SUCCESS);
    assert_int_equal(rest, 5);
    assert_int_equal(text[7], 0x2020);
}

static void no_truncation_leaves_nothing(void **state)
{
    char text[4] = "zzz";
    assert_int_equal(RtlStringCbCopyExA(text, 4, "long", NULL, NULL, STRSAFE_NO_TRUNCATION), STATUS_BUFFER_OVERFLOW);
    assert_string_equal(text, "");
}

static void lengths_need_a_terminator_within_the_limit(void **state)
{
    size_t length = 9;
    assert_int_equal(RtlStringCbLengthW(u"abc", 8, &length), STATUS_SUCCESS);
    assert_int_equal(length, 6);
    assert_int_equal(RtlStringCchLengthA("abc", 3, &length), STATUS_INVALID_PARAMETER);
    assert_int_equal(length, 0);
}

static void counted_strings_are_copied_into_plain_ones(void **state)
{
    WCHAR text[3];
    assert_int_equal(RtlStringCbCopyUnicodeString(text, sizeof text, U(u"ab")), STATUS_SUCCESS);
    assert_int_equal(text[2], 0);
    assert_int_equal(RtlStringCbCopyUnicodeString(text, sizeof text, U(u"abc")), STATUS_BUFFER_OVERFLOW);
}

static void counted_destinations_are_not_terminated(void **state)
{
    UNICODE_STRING s = ROOM(5), rest;
    assert_int_equal(RtlUnicodeStringCopyString(&s, u"abc"), STATUS_SUCCESS);
    assert_int_equal(RtlUnicodeStringCatString(&s, u"de"), STATUS_SUCCESS);
    assert_wide(&s, u"abcde");
    assert_int_equal(RtlUnicodeStringCat(&s, U(u"f")), STATUS_INVALID_PARAMETER);
    assert_wide(&s, u"abcde");
    assert_int_equal(RtlUnicodeStringPrintf(&s, u"%d", 42), STATUS_SUCCESS);
    assert_wide(&s, u"42");
    assert_int_equal(RtlUnicodeStringCbCopyNEx(&s, U(u"xyz"), 4, &rest, 0), STATUS_SUCCESS);
    assert_wide(&s, u"xy");
    assert_int_equal(rest.MaximumLength, 6);
    assert_int_equal(RtlUnicodeStringInit(&s, NULL), STATUS_SUCCESS);
}

static void microsofts_snprintf_answers_minus_one(void **state)
{
    char text[4];
    WCHAR wide[8];
    assert_int_equal(fltsim_snprintf_ms(text, 4, "%d", 123), 3);
    assert_int_equal(fltsim_snprintf_ms(text, 4, "%d", 12345), -1);
    assert_int_equal(fltsim_snprintf(text, 4, "%d", 12345), 5);
    assert_string_equal(text, "123");
    assert_int_equal(fltsim_snwprintf(wide, 8, u"%s", u"abc"), 3);
    assert_int_equal(fltsim_swprintf_s(wide, 3, u"%s", u"abc"), -1);
    assert_int_equal(wide[0], 0);
}

static void the_debugger_sees_what_is_printed(void **state)
{
    assert_int_equal(DbgPrint("%wZ %d\n", U(u"name"), 3), STATUS_SUCCESS);
    assert_int_equal(DbgPrintEx(DPFLTR_IHVDRIVER_ID, DPFLTR_ERROR_LEVEL, "x\n"), STATUS_SUCCESS);
}

static void print_wide_at_dispatch(void *argument)
{
    KIRQL irql;
    KeRaiseIrql(DISPATCH_LEVEL, &irql);
    DbgPrint("%wZ", U(u"name"));
    KeLowerIrql(irql);
}

static void wide_text_at_dispatch_level_is_reported(void **state)
{
    fltsim_expect("irql-too-high");
    print_wide_at_dispatch(NULL);
}

static void fail_assertion(void *argument)
{
    ASSERT(argument != NULL);
}

static void a_failed_assertion_ends_the_run(void **state)
{
    fltsim_expect("assertion-failed");
    assert_false(fltsim_try(fail_assertion, NULL));
}

static void corrupt_list(void *argument)
{
    LIST_ENTRY head, entry;
    InitializeListHead(&head);
    InsertTailList(&head, &entry);
    head.Flink = &head;
    RemoveEntryList(&entry);
}

static void a_corrupt_list_ends_the_run(void **state)
{
    fltsim_expect("list-corrupt");
    assert_false(fltsim_try(corrupt_list, NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(l_is_32_bits_and_I64_is_64),
        TEST(short_and_char_sizes_cut),
        TEST(a_pointer_has_sixteen_capital_digits),
        TEST(width_precision_and_flags_work),
        TEST(wide_text_in_narrow_formats),
        TEST(narrow_text_in_wide_formats),
        TEST(counted_strings_are_printed_by_their_length),
        TEST(a_counted_string_by_value_is_printed_too),
        TEST(counted_strings_by_value_that_no_register_is_left_for_are_printed_too),
        TEST(null_pointers_are_printed_as_null),
        TEST(floating_point_is_printed),
        TEST(what_does_not_fit_is_cut_and_terminated),
        TEST(copying_and_appending_count_the_terminator),
        TEST(the_ex_forms_return_the_end_and_the_room),
        TEST(no_truncation_leaves_nothing),
        TEST(lengths_need_a_terminator_within_the_limit),
        TEST(counted_strings_are_copied_into_plain_ones),
        TEST(counted_destinations_are_not_terminated),
        TEST(microsofts_snprintf_answers_minus_one),
        TEST(the_debugger_sees_what_is_printed),
        QUIET(wide_text_at_dispatch_level_is_reported),
        QUIET(a_failed_assertion_ends_the_run),
        QUIET(a_corrupt_list_ends_the_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
