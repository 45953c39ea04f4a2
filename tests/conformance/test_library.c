/* Strings, numbers, letters, memory and values of the registry. All of it was seen on Windows by published test suites. */
#include "stage.h"

static UNICODE_STRING wide(const WCHAR *characters, USHORT length, USHORT room)
{
    return (UNICODE_STRING){length, room, (PWCH)characters};
}

/* ---- numbers ---- */

static const struct {
    ULONG base;
    const WCHAR *text;
    ULONG value;
} numbers[] = {
    {0, L"3021", 3021},
    {0, L"-87", (ULONG)-87},
    {0, L"+87", 87},
    {0, L"--87", 0}, /* one sign */
    {0, L"-+87", 0},
    {0, L"++87", 0},
    {0, L"+-87", 0},
    {0, L"\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10" L"9", 9}, /* all of them are blanks */
    {0, L"\x11\x12\x13\x14\x15\x16\x17\x18\x19\x1a\x1b\x1c\x1d\x1e\x1f\x20" L"9", 9},
    {0, L"\t \r\n-87", (ULONG)-87},
    {0, L"\t \r\n+87", 87},
    {0, L"87 5", 87},
    {0, L"87.5", 87},
    {0, L" 87,5", 87},
    {0, L"c4", 0},
    {0, L"0x2a9F", 0x2a9f},
    {0, L"00x2a", 0},
    {0, L"0xx2a", 0},
    {0, L"7x2a", 7},
    {0, L"0x89abcdef", 0x89abcdef},
    {0, L"-0xFFFFFF00", 0x100},
    {0, L"0xabcdefgh", 0xabcdef},
    {0, L"0xG", 0},
    {0, L"0x", 0},
    {0, L"x2a", 0},
    {0, L"-x2a", 0},
    {0, L"012", 12}, /* no octal */
    {0, L"0b101", 5},
    {0, L"-0b101", (ULONG)-5},
    {0, L"0b1012", 5},
    {0, L"0b2", 0},
    {0, L"0b", 0},
    {0, L"b101", 0},
    {0, L"0o17", 15},
    {0, L"-0o17", (ULONG)-15},
    {0, L"0o178", 15},
    {0, L"0o8", 0},
    {0, L"0o", 0},
    {0, L"o17", 0},
    {0, L"0d17", 0},
    {0, L"2147483647", 0x7fffffff},
    {0, L"2147483648", 0x80000000},
    {0, L"-2147483648", 0x80000000},
    {0, L"-2147483649", 0x7fffffff},
    {0, L"4294967295", 0xffffffff},
    {0, L"4294967296", 0}, /* the low half of what it is */
    {0, L"9999999999", 1410065407},
    {0, L"-9999999999", (ULONG)-1410065407},
    {2, L"1101", 13},
    {2, L"-1101", (ULONG)-13},
    {2, L"2", 0},
    {2, L"0b11", 0}, /* a prefix only where the base is not given */
    {2, L"0o11", 0},
    {2, L"0x11", 0},
    {8, L"1101", 577},
    {8, L"-1101", (ULONG)-577},
    {8, L"8", 0},
    {8, L"0o11", 0},
    {8, L"0b11", 0},
    {10, L"1101", 1101},
    {10, L"-1101", (ULONG)-1101},
    {10, L"0b11", 0},
    {10, L"0x11", 0},
    {10, L"o11", 0},
    {16, L"1101", 0x1101},
    {16, L"-1101", (ULONG)-0x1101},
    {16, L"g", 0},
    {16, L"0b11", 0xb11}, /* digits, these */
    {16, L"0d11", 0xd11},
    {16, L"0o11", 0},
    {16, L"0x11", 0},
};

static void a_number_is_read_as_far_as_it_goes(void)
{
    for (size_t i = 0; i < ARRAYSIZE(numbers); i++) {
        char narrow[40] = "";
        ULONG value = 0xdeadbeef;
        UNICODE_STRING text;
        RtlInitUnicodeString(&text, numbers[i].text);
        for (size_t c = 0; numbers[i].text[c]; c++)
            narrow[c] = (char)numbers[i].text[c];
        succeeds(RtlUnicodeStringToInteger(&text, numbers[i].base, &value));
        assert_int_equal(value, numbers[i].value);
        value = 0xdeadbeef;
        succeeds(RtlCharToInteger(narrow, numbers[i].base, &value));
        assert_int_equal(value, numbers[i].value);
    }
    static const ULONG no_bases[] = {20, (ULONG)-8};
    for (size_t i = 0; i < ARRAYSIZE(no_bases); i++) {
        ULONG value = 0xdeadbeef;
        answers(STATUS_INVALID_PARAMETER, RtlUnicodeStringToInteger(text(L"0"), no_bases[i], &value));
        answers(STATUS_INVALID_PARAMETER, RtlCharToInteger("0", no_bases[i], &value));
        assert_int_equal(value, 0xdeadbeef);
    }
    /* Its length ends it, half a character is none. */
    static const struct {
        USHORT length;
        ULONG value;
    } cuts[] = {{14, 7654321}, {10, 76543}, {5, 76}, {2, 7}};
    for (size_t i = 0; i < ARRAYSIZE(cuts); i++) {
        ULONG value;
        UNICODE_STRING cut = wide(L"7654321", cuts[i].length, 16);
        succeeds(RtlUnicodeStringToInteger(&cut, 0, &value));
        assert_int_equal(value, cuts[i].value);
    }
}

static void a_number_is_written_where_it_fits(void)
{
    static const struct {
        ULONG base, value;
        const WCHAR *text;
    } rows[] = {
        {0, 0, L"0"},
        {0, 60125, L"60125"},
        {0, 0x80000000, L"2147483648"},
        {0, 0xffffffff, L"4294967295"},
        {10, 60125, L"60125"},
        {10, 0xfffffffe, L"4294967294"},
        {2, 0, L"0"},
        {2, 1, L"1"},
        {2, 100, L"1100100"},
        {2, 65535, L"1111111111111111"},
        {2, 65536, L"10000000000000000"},
        {2, 0x80000001, L"10000000000000000000000000000001"},
        {8, 0, L"0"},
        {8, 0x7ffffffe, L"17777777776"},
        {8, 0x80000000, L"20000000000"},
        {8, 0xffffffff, L"37777777777"},
        {16, 0, L"0"},
        {16, 0xa, L"A"},
        {16, 0x7fffffff, L"7FFFFFFF"},
        {16, 0xfffffffe, L"FFFFFFFE"},
    };
    for (size_t i = 0; i < ARRAYSIZE(rows); i++) {
        UNICODE_STRING wanted;
        RtlInitUnicodeString(&wanted, rows[i].text);
        for (int spare = 1; spare >= -1; spare--) { /* room for a terminator, for the digits, for fewer */
            WCHAR buffer[40];
            UNICODE_STRING got = {0, (USHORT)(wanted.Length + spare * (int)sizeof(WCHAR)), buffer};
            for (size_t c = 0; c < ARRAYSIZE(buffer); c++)
                buffer[c] = L'-';
            answers(spare < 0 ? STATUS_BUFFER_OVERFLOW : STATUS_SUCCESS,
                    RtlIntegerToUnicodeString(rows[i].value, rows[i].base, &got));
            if (spare >= 0 || wanted.Length <= 16 * sizeof(WCHAR))
                assert_int_equal(got.Length, wanted.Length); /* what it would need */
            assert_int_equal(got.MaximumLength, wanted.Length + spare * (int)sizeof(WCHAR));
            if (spare < 0) {
                assert_int_equal(buffer[0], L'-');
                continue;
            }
            assert_true(RtlEqualUnicodeString(&got, &wanted, FALSE));
            assert_int_equal(buffer[wanted.Length / sizeof(WCHAR)], spare ? 0 : L'-');
            assert_int_equal(buffer[wanted.Length / sizeof(WCHAR) + 1], L'-');
        }
    }
    static const ULONG no_bases[] = {20, (ULONG)-8};
    for (size_t i = 0; i < ARRAYSIZE(no_bases); i++) {
        WCHAR buffer[12] = L"-";
        UNICODE_STRING got = {0, sizeof buffer, buffer};
        answers(STATUS_INVALID_PARAMETER, RtlIntegerToUnicodeString(7, no_bases[i], &got));
        assert_int_equal(got.Length, 0);
        assert_int_equal(buffer[0], L'-');
    }
}

/* ---- strings ---- */

static void a_string_is_as_long_as_its_text(void)
{
    enum { LONG_TEXT = 40000 };
    static const WCHAR some[] = L"sixteen of these";
    PWCH long_text = ExAllocatePoolWithTag(PagedPool, (LONG_TEXT + 1) * sizeof(WCHAR), 'txeT');
    UNICODE_STRING string = {12, 34, long_text};
    STRING narrow;

    for (int ex = false; ex <= true; ex++) {
        ex ? (void)succeeds(RtlInitUnicodeStringEx(&string, some)) : RtlInitUnicodeString(&string, some);
        assert_int_equal(string.Length, 32);
        assert_int_equal(string.MaximumLength, 34);
        assert_ptr_equal(string.Buffer, some);
        ex ? (void)succeeds(RtlInitUnicodeStringEx(&string, NULL)) : RtlInitUnicodeString(&string, NULL);
        assert_int_equal(string.Length + string.MaximumLength, 0);
        assert_null(string.Buffer);
    }
    for (size_t i = 0; i < LONG_TEXT; i++)
        long_text[i] = L'X';
    long_text[LONG_TEXT] = 0;
    string = wide(some, 12, 34);
    answers(STATUS_NAME_TOO_LONG, RtlInitUnicodeStringEx(&string, long_text));
    assert_int_equal(string.Length, 12);
    assert_int_equal(string.MaximumLength, 34);
    assert_ptr_equal(string.Buffer, some);
    RtlInitUnicodeString(&string, long_text);
    assert_int_equal(string.Length, 65532);
    assert_int_equal(string.MaximumLength, 65534);
    assert_ptr_equal(string.Buffer, long_text);
    ExFreePoolWithTag(long_text, 'txeT');

    RtlInitString(&narrow, "sixteen of these");
    assert_int_equal(narrow.Length, 16);
    assert_int_equal(narrow.MaximumLength, 17);
    RtlInitString(&narrow, NULL);
    assert_int_equal(narrow.Length + narrow.MaximumLength, 0);
    assert_null(narrow.Buffer);
}

static void a_copy_is_allocated_where_there_is_text(void)
{
    static const struct {
        USHORT length, room;
        bool buffer;
    } sources[] = {{32, 34, true}, {32, 32, true}, {32, 30, true}, {0, 2, true}, {0, 0, true}, {0, 2, false}, {0, 0, false}};
    static const ULONG flags[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, (ULONG)-1, (ULONG)-5, (ULONG)-9};
    static const WCHAR words[] = L"sixteen of these";
    WCHAR before[21];

    for (size_t f = 0; f < ARRAYSIZE(flags); f++) {
        for (size_t s = 0; s < ARRAYSIZE(sources); s++) {
            bool terminated = flags[f] & RTL_DUPLICATE_UNICODE_STRING_NULL_TERMINATE;
            bool even_empty = flags[f] == 3;
            bool wrong = flags[f] > 3 || flags[f] == 2 || sources[s].length > sources[s].room ||
                         (!sources[s].buffer && sources[s].room);
            bool allocates = sources[s].length || even_empty;
            UNICODE_STRING source = wide(sources[s].buffer ? words : NULL, sources[s].length, sources[s].room);
            UNICODE_STRING copy = {40, 42, before};
            answers(wrong ? STATUS_INVALID_PARAMETER : STATUS_SUCCESS, RtlDuplicateUnicodeString(flags[f], &source, &copy));
            if (wrong) {
                assert_int_equal(copy.Length, 40);
                assert_int_equal(copy.MaximumLength, 42);
                assert_ptr_equal(copy.Buffer, before);
                continue;
            }
            assert_int_equal(copy.Length, source.Length);
            assert_int_equal(copy.MaximumLength, allocates ? source.Length + (terminated ? 2 : 0) : 0);
            assert_int_equal(copy.Buffer != NULL, allocates);
            if (allocates) {
                assert_memory_equal(copy.Buffer, words, source.Length);
                if (terminated)
                    assert_int_equal(copy.Buffer[source.Length / sizeof(WCHAR)], 0);
                RtlFreeUnicodeString(&copy);
            }
        }
    }
}

/* Five characters and what is appended, in rooms of every size. */
static void text_is_appended_whole_or_not_at_all(void)
{
    enum { NARROW, NARROW_TEXT, WIDE, WIDE_TEXT };
    static const WCHAR start[] = L"first01234567890";
    for (int kind = NARROW; kind <= WIDE_TEXT; kind++) {
        USHORT unit = kind >= WIDE ? sizeof(WCHAR) : 1;
        for (USHORT added = 0; added <= 4; added++) {
            for (USHORT room = 0; room <= 12; room++) {
                WCHAR wide_buffer[16], wide_tail[] = L"tail";
                char narrow_buffer[16], narrow_tail[] = "tail";
                for (size_t i = 0; i < 16; i++)
                    narrow_buffer[i] = (char)(wide_buffer[i] = start[i]);
                wide_tail[added] = 0;
                narrow_tail[added] = 0;
                UNICODE_STRING to = {10, (USHORT)(room * 2), wide_buffer}, from = wide(wide_tail, (USHORT)(added * 2), 10);
                STRING to_narrow = {5, room, narrow_buffer}, from_narrow = {added, 5, narrow_tail};
                bool fits = added == 0 || 5 + added <= room;
                NTSTATUS wanted = fits ? STATUS_SUCCESS : STATUS_BUFFER_TOO_SMALL;
                if (kind == NARROW)
                    answers(wanted, RtlAppendStringToString(&to_narrow, &from_narrow));
                else if (kind == NARROW_TEXT)
                    answers(wanted, RtlAppendAsciizToString(&to_narrow, narrow_tail));
                else if (kind == WIDE)
                    answers(wanted, RtlAppendUnicodeStringToString(&to, &from));
                else
                    answers(wanted, RtlAppendUnicodeToString(&to, wide_tail));
                USHORT length = (USHORT)(fits ? 5 + added : 5);
                assert_int_equal(unit == 1 ? to_narrow.Length : to.Length, length * unit);
                assert_int_equal(unit == 1 ? to_narrow.MaximumLength : to.MaximumLength, room * unit);
                for (USHORT i = 0; i < 16; i++) {
                    WCHAR expected = i >= 5 && i < length ? wide_tail[i - 5] : start[i];
                    if (unit == 2 && fits && added && i == length && i < room)
                        expected = 0; /* a terminator where there is room for one */
                    assert_int_equal(unit == 1 ? (WCHAR)narrow_buffer[i] : wide_buffer[i], expected);
                }
            }
        }
    }
    UNICODE_STRING none = {5, 14, NULL}, empty = {0, 0, NULL};
    STRING none_narrow = {5, 14, NULL}, empty_narrow = {0, 0, NULL};
    succeeds(RtlAppendUnicodeToString(&none, NULL));
    succeeds(RtlAppendUnicodeStringToString(&none, &empty));
    succeeds(RtlAppendAsciizToString(&none_narrow, NULL));
    succeeds(RtlAppendStringToString(&none_narrow, &empty_narrow));
    assert_int_equal(none.Length + none_narrow.Length, 10);
}

static void narrow_text_is_cut_where_the_room_ends(void)
{
    for (USHORT room = 0; room <= 8; room++) {
        char buffer[12];
        ANSI_STRING to = {3, room, buffer};
        bool fits = room > 6;
        memset(buffer, '-', sizeof buffer);
        answers(fits ? STATUS_SUCCESS : STATUS_BUFFER_OVERFLOW, RtlUnicodeStringToAnsiString(&to, text(L"letter"), FALSE));
        USHORT length = fits || !room ? 6 : (USHORT)(room - 1); /* no room at all: what it would be */
        assert_int_equal(to.Length, length);
        assert_int_equal(to.MaximumLength, room);
        if (!room) {
            assert_int_equal(buffer[0], '-');
            continue;
        }
        assert_memory_equal(buffer, "letter", length);
        assert_int_equal(buffer[length], 0);
        assert_int_equal(buffer[length + 1], '-');
    }
    static const WCHAR *const texts[] = {L"", L"letter"};
    for (size_t i = 0; i < ARRAYSIZE(texts); i++) {
        ANSI_STRING to = {3, 5, NULL};
        succeeds(RtlUnicodeStringToAnsiString(&to, text(texts[i]), TRUE));
        assert_int_equal(to.Length, i ? 6 : 0);
        assert_int_equal(to.MaximumLength, to.Length + 1);
        assert_string_equal(to.Buffer, i ? "letter" : "");
        RtlFreeAnsiString(&to);
    }
}

/* ---- letters ---- */

static WCHAR upper_of(WCHAR c)
{
    if ((c >= 'a' && c <= 'z') || (c >= 0xe0 && c <= 0xfe && c != 0xf7))
        return (WCHAR)(c - 0x20);
    return c == 0xff ? 0x178 : c;
}

static WCHAR lower_of(WCHAR c)
{
    bool plain = (c >= 'A' && c <= 'Z') || (c >= 0xc0 && c <= 0xde && c != 0xd7) || (c >= 0x391 && c <= 0x3ab && c != 0x3a2);
    static const struct {
        WCHAR upper, lower;
    } others[] = {
        {0x178, 0xff},  {0x181, 0x253}, {0x186, 0x254}, {0x189, 0x256}, {0x18a, 0x257}, {0x18e, 0x1dd}, {0x18f, 0x259},
        {0x190, 0x25b}, {0x193, 0x260}, {0x194, 0x263}, {0x196, 0x269}, {0x197, 0x268}, {0x19c, 0x26f}, {0x19d, 0x272},
        {0x19f, 0x275}, {0x1a9, 0x283}, {0x1ae, 0x288}, {0x1b1, 0x28a}, {0x1b2, 0x28b}, {0x1b7, 0x292}, {0x1c4, 0x1c6},
        {0x1c7, 0x1c9}, {0x1ca, 0x1cc}, {0x1f1, 0x1f3}, {0x386, 0x3ac}, {0x388, 0x3ad}, {0x389, 0x3ae}, {0x38a, 0x3af},
        {0x38c, 0x3cc}, {0x38e, 0x3cd}, {0x38f, 0x3ce}, {0x1a6, 0x280}, {0x1f6, 0x195}, {0x1f7, 0x1bf}, {0x220, 0x19e},
        {0x23a, 0x2c65}, {0x23d, 0x19a}, {0x23e, 0x2c66}, {0x243, 0x180}, {0x244, 0x289}, {0x245, 0x28c}, {0x37f, 0x3f3},
        {0x3cf, 0x3d7}, {0x3f9, 0x3f2}, {0x3fd, 0x37b}, {0x3fe, 0x37c}, {0x3ff, 0x37d},
    };
    for (size_t i = 0; i < ARRAYSIZE(others); i++)
        if (others[i].upper == c)
            return others[i].lower;
    return plain ? (WCHAR)(c + 0x20) : c;
}

static void letters_have_the_case_that_windows_knows(void)
{
    WCHAR all[0x400] = L"", mapped[0x400];
    UNICODE_STRING from = wide(all, sizeof all, sizeof all), to = wide(mapped, 0, sizeof mapped);
    for (WCHAR c = 0; c < ARRAYSIZE(all); c++)
        all[c] = c;
    succeeds(RtlUpcaseUnicodeString(&to, &from, FALSE));
    assert_int_equal(to.Length, sizeof all);
    for (WCHAR c = 0; c <= 255; c++) {
        assert_int_equal(mapped[c], upper_of(c));
        assert_int_equal(RtlUpcaseUnicodeChar(c), upper_of(c));
    }
    succeeds(RtlDowncaseUnicodeString(&to, &from, FALSE));
    for (WCHAR c = 0; c < ARRAYSIZE(all); c++)
        if (mapped[c] != c + 1) /* pairs */
            assert_int_equal(mapped[c], lower_of(c));
    for (int c = -1; c <= 1024; c++) {
        int byte = c & 0xff;
        assert_int_equal((UCHAR)RtlUpperChar((CHAR)c), byte >= 'a' && byte <= 'z' ? byte - 32 : byte);
    }
    for (ULONG point = 0x10000; point < 0x11000; point++) { /* surrogates have none */
        WCHAR pair[] = {(WCHAR)(0xd7c0 + (point >> 10)), (WCHAR)(0xdc00 + (point & 0x3ff))};
        UNICODE_STRING two = wide(pair, sizeof pair, sizeof pair);
        succeeds(RtlUpcaseUnicodeString(&to, &two, FALSE));
        assert_memory_equal(mapped, pair, sizeof pair);
    }
    for (WCHAR one = 0; one < 512; one++) {
        for (WCHAR two = 0; two < 1024; two += 5) {
            UNICODE_STRING a = wide(&one, 2, 2), b = wide(&two, 2, 2);
            LONG upper = RtlUpcaseUnicodeChar(one) - RtlUpcaseUnicodeChar(two);
            assert_int_equal(RtlCompareUnicodeString(&a, &b, FALSE), one - two);
            assert_int_equal(RtlCompareUnicodeString(&a, &b, TRUE), upper);
            assert_int_equal(RtlCompareUnicodeStrings(&one, 1, &two, 1, FALSE), one - two);
            assert_int_equal(RtlCompareUnicodeStrings(&one, 1, &two, 1, TRUE), upper);
        }
    }
    UNICODE_STRING nothing = wide(all, 0, 2), made;
    succeeds(RtlUpcaseUnicodeString(&made, &nothing, TRUE));
    assert_int_equal(made.Length + made.MaximumLength, 0);
    assert_non_null(made.Buffer);
    RtlFreeUnicodeString(&made);
}

/* ---- UTF-8 ---- */

static void what_is_no_character_is_replaced_by_the_mark_for_it(void)
{
#define NO L"\xfffd"
    static const struct {
        const char *bytes;
        const WCHAR *text;
    } good[] = {
        {"", L""},
        {"plain", L"plain"},
        {"\x7F_\xC2\x80_\xC3\xBF_\xC4\x80", L"\x7f_\x80_\xff_\x100"},
        {"\xDF\xBF_\xE0\xA0\x80", L"\x7ff_\x800"},
        {"\xED\x9F\xBF_\xEE\x80\x80", L"\xd7ff_\xe000"},
        {"\xEF\xBF\xBF_\xF0\x90\x80\x80", L"\xffff_\xd800\xdc00"},
        {"\xF0\x90\x8F\xBF_\xF0\x90\x90\x80", L"\xd800\xdfff_\xd801\xdc00"},
        {"\xF4\x8F\xBF\xBF", L"\xdbff\xdfff"},
        {"\xEF\xBB\xBF_\xEF\xBF\xBE", L"\xfeff_\xfffe"},
        {"\xE1\xB8\x89_\xC4\x87\xCC\xA7_c\xCC\xA7", L"\x1e09_\x107\x327_c\x327"}, /* nothing is composed */
    };
    static const struct {
        const char *bytes;
        const WCHAR *text;
    } bad[] = {
        {"_\xED\xA0\x80_\xED\xBF\xBF_", L"_" NO NO L"_" NO NO L"_"}, /* a surrogate */
        {"\xED\xAF\xBF\xED\xBF\xBF", NO NO NO NO},
        {"\xF4\x90\x80\x80_", NO NO NO L"_"}, /* past the last */
        {"\xF7\xBF\xBF\xBF_", NO NO NO NO L"_"},
        {"\xFA\x80\x80\x80\x80_", NO NO NO NO NO L"_"},
        {"\xFD\xBF\xBF\xBF\xBF\xBF_", NO NO NO NO NO NO L"_"},
        {"\xC0\xAD_\xC1\xBF_", NO NO L"_" NO NO L"_"}, /* longer than they need be */
        {"\xE0\x80\xAD_\xE0\x9F\xBF_", NO NO L"_" NO NO L"_"},
        {"\xF0\x80\x80\xAD_\xF0\x8F\xBF\xBF_", NO NO NO L"_" NO NO NO L"_"},
        {"\xF8\x80\x80\x80\xAD_", NO NO NO NO NO L"_"},
        {"\xFE", NO}, /* no such bytes */
        {"\xFF\x40\xBF", NO L"\x40" NO},
        {"\x80\xBF", NO NO}, /* none began */
        {"\xC2_", NO L"_"}, /* it ends too early */
        {"\xE0\xA0_", NO L"_"},
        {"\xF0\x90\x80_", NO L"_"},
        {"\xF4\x8F\xBF_", NO L"_"},
        {"\xE0\xA0\x80\x80_", L"\x800" NO L"_"},
    };
    static const struct {
        const WCHAR *text;
        const char *bytes;
    } unpaired[] = {
        {L"_\xd800_\xdbff_", "_\xEF\xBF\xBD_\xEF\xBF\xBD_"},
        {L"_\xdc00_\xdfff_", "_\xEF\xBF\xBD_\xEF\xBF\xBD_"},
        {L"_\xdfff\xdbff_", "_\xEF\xBF\xBD\xEF\xBF\xBD_"},
    };
    for (size_t i = 0; i < ARRAYSIZE(good) + ARRAYSIZE(bad) + ARRAYSIZE(unpaired); i++) {
        bool is_good = i < ARRAYSIZE(good), is_bad = !is_good && i < ARRAYSIZE(good) + ARRAYSIZE(bad);
        const char *bytes = is_good  ? good[i].bytes
                            : is_bad ? bad[i - ARRAYSIZE(good)].bytes
                                     : unpaired[i - ARRAYSIZE(good) - ARRAYSIZE(bad)].bytes;
        const WCHAR *characters = is_good  ? good[i].text
                                  : is_bad ? bad[i - ARRAYSIZE(good)].text
                                           : unpaired[i - ARRAYSIZE(good) - ARRAYSIZE(bad)].text;
        UNICODE_STRING wanted;
        RtlInitUnicodeString(&wanted, characters);
        for (int measure = false; measure <= true; measure++) {
            WCHAR text_buffer[32];
            char byte_buffer[32];
            ULONG size = 0x55555555;
            if (is_good || is_bad) {
                memset(text_buffer, 0x55, sizeof text_buffer);
                answers(is_good ? STATUS_SUCCESS : STATUS_SOME_NOT_MAPPED,
                        RtlUTF8ToUnicodeN(measure ? NULL : text_buffer, measure ? 0 : sizeof text_buffer, &size, bytes,
                                          (ULONG)strlen(bytes)));
                assert_int_equal(size, wanted.Length);
                if (!measure) {
                    assert_memory_equal(text_buffer, characters, wanted.Length);
                    assert_int_equal(text_buffer[wanted.Length / sizeof(WCHAR)], 0x5555);
                }
            }
            if (!is_bad) {
                memset(byte_buffer, 0x55, sizeof byte_buffer);
                answers(is_good ? STATUS_SUCCESS : STATUS_SOME_NOT_MAPPED,
                        RtlUnicodeToUTF8N(measure ? NULL : byte_buffer, measure ? 0 : sizeof byte_buffer, &size, characters,
                                          wanted.Length));
                assert_int_equal(size, strlen(bytes));
                if (!measure) {
                    assert_memory_equal(byte_buffer, bytes, strlen(bytes));
                    assert_int_equal(byte_buffer[strlen(bytes)], 0x55);
                }
            }
        }
    }
}

static void utf8_is_written_as_far_as_there_is_room(void)
{
    static const WCHAR wide_text[] = L"X\x80\xd800"; /* with its terminator */
    static const ULONG written[] = {0, 1, 1, 3, 3, 3, 6, 7};
    static const char bytes[] = "X\xC2\x80\xF0\x90\x80\x80";
    static const WCHAR characters[] = L"X\x80\xd800\xdc00";
    static const ULONG counts[] = {0, 1, 2, 2, 3, 3, 3, 4, 5}; /* of the first bytes */
    for (ULONG room = 0; room < ARRAYSIZE(written); room++) {
        char buffer[8];
        ULONG size = 0xdeadbeef;
        answers(room < 7 ? STATUS_BUFFER_TOO_SMALL : STATUS_SOME_NOT_MAPPED,
                RtlUnicodeToUTF8N(buffer, room, &size, wide_text, sizeof wide_text));
        assert_int_equal(size, written[room]);
        assert_memory_equal(buffer, "X\xC2\x80\xEF\xBF\xBD", size);
    }
    for (ULONG room = 0; room <= sizeof characters; room++) { /* half a pair, too */
        WCHAR buffer[8];
        ULONG size = 0xdeadbeef;
        answers(room < sizeof characters ? STATUS_BUFFER_TOO_SMALL : STATUS_SUCCESS,
                RtlUTF8ToUnicodeN(buffer, room, &size, bytes, sizeof bytes));
        assert_int_equal(size, room / 2 * 2);
        assert_memory_equal(buffer, characters, size);
    }
    for (ULONG length = 0; length < ARRAYSIZE(counts); length++) {
        bool whole = length != 2 && (length < 4 || length > 6);
        ULONG size;
        answers(whole ? STATUS_SUCCESS : STATUS_SOME_NOT_MAPPED, RtlUTF8ToUnicodeN(NULL, 0, &size, bytes, length));
        assert_int_equal(size, counts[length] * sizeof(WCHAR));
    }
    ULONG size = 0x55555555;
    char byte;
    WCHAR character;
    answers(STATUS_INVALID_PARAMETER_4, RtlUnicodeToUTF8N(NULL, 0, NULL, NULL, 0));
    answers(STATUS_INVALID_PARAMETER_4, RtlUTF8ToUnicodeN(NULL, 0, NULL, NULL, 0));
    answers(STATUS_INVALID_PARAMETER, RtlUnicodeToUTF8N(NULL, 0, NULL, L"", 0));
    answers(STATUS_INVALID_PARAMETER, RtlUTF8ToUnicodeN(NULL, 0, NULL, "", 0));
    answers(STATUS_INVALID_PARAMETER_4, RtlUnicodeToUTF8N(NULL, 0, &size, NULL, 0));
    answers(STATUS_INVALID_PARAMETER_4, RtlUTF8ToUnicodeN(NULL, 0, &size, NULL, 0));
    answers(STATUS_INVALID_PARAMETER_5, RtlUnicodeToUTF8N(&byte, 1, &size, L"a", 1)); /* half a character */
    assert_int_equal(size, 0x55555555);
    succeeds(RtlUnicodeToUTF8N(NULL, 0, &size, L"a", 1)); /* counts for nothing */
    assert_int_equal(size, 0);
    succeeds(RtlUTF8ToUnicodeN(&character, 2, &size, "", 1)); /* a zero is a character */
    assert_int_equal(size, 2);
    assert_int_equal(character, 0);
}

/* ---- hashes and GUIDs ---- */

static void a_hash_is_what_it_is_on_windows(void)
{
    static const struct {
        const WCHAR *text;
        bool folds;
        ULONG hash;
    } rows[] = {
        {L"T", false, 0x54},           {L"Test", false, 0x766bb952},    {L"TeSt", false, 0x764bb172},
        {L"test", false, 0x4745d132},  {L"test", true, 0x6689c132},     {L"TEST", true, 0x6689c132},
        {L"TEST", false, 0x6689c132},  {L"t\xe9st", false, 0x8845cfb6}, {L"t\xe9st", true, 0xa789bfb6},
        {L"T\xc9ST", true, 0xa789bfb6}, {L"T\xc9ST", false, 0xa789bfb6}, {L"abcdef", false, 0x971318c3},
    };
    ULONG hash;
    for (size_t i = 0; i < ARRAYSIZE(rows); i++) {
        succeeds(RtlHashUnicodeString(text(rows[i].text), rows[i].folds, HASH_STRING_ALGORITHM_X65599, &hash));
        assert_int_equal(hash, rows[i].hash);
    }
    UNICODE_STRING with_zero = wide(L"Test\0" L"1", 12, 14);
    succeeds(RtlHashUnicodeString(&with_zero, FALSE, HASH_STRING_ALGORITHM_X65599, &hash));
    assert_int_equal(hash, 0x32803083);
    answers(STATUS_INVALID_PARAMETER, RtlHashUnicodeString(NULL, FALSE, HASH_STRING_ALGORITHM_X65599, &hash));
    answers(STATUS_INVALID_PARAMETER, RtlHashUnicodeString(&with_zero, FALSE, HASH_STRING_ALGORITHM_X65599, NULL));
    answers(STATUS_INVALID_PARAMETER, RtlHashUnicodeString(&with_zero, FALSE, HASH_STRING_ALGORITHM_INVALID, &hash));
}

static void a_guid_goes_there_and_back(void)
{
    static const GUID guid = {0x01020304, 0x0506, 0x0708, {9, 10, 11, 12, 13, 14, 15, 10}};
    GUID back;
    UNICODE_STRING string = {0, 0, NULL};
    succeeds(RtlGUIDFromString(text(L"{01020304-0506-0708-090A-0B0C0D0E0F0A}"), &back));
    assert_memory_equal(&back, &guid, sizeof guid);
    assert_false(NT_SUCCESS(RtlGUIDFromString(text(L"{01020304-0506-0708-090A-0B0C0D0E0F0A]"), &back)));
    succeeds(RtlStringFromGUID(&guid, &string));
    assert_true(RtlEqualUnicodeString(&string, text(L"{01020304-0506-0708-090A-0B0C0D0E0F0A}"), TRUE));
    assert_int_equal(string.Buffer[string.Length / sizeof(WCHAR)], 0);
    RtlFreeUnicodeString(&string);
}

/* ---- memory ---- */

static void memory_is_moved_and_compared(void)
{
    enum { SIZE = 256 };
    for (size_t from = 0; from <= 64; from += 16) { /* over what it is moved from, either way */
        for (size_t to = 0; to <= 64; to += 16) {
            UCHAR bytes[SIZE];
            for (size_t i = 0; i < SIZE; i++)
                bytes[i] = (UCHAR)i;
            RtlMoveMemory(bytes + to, bytes + from, SIZE - 64);
            for (size_t i = 0; i < SIZE - 64; i++)
                assert_int_equal(bytes[to + i], from + i);
        }
    }
    UCHAR one[SIZE], two[SIZE];
    memset(one, 7, SIZE);
    for (size_t at = 0; at <= SIZE; at++) {
        memset(two, 7, SIZE);
        if (at < SIZE)
            two[at] = 8;
        assert_int_equal(RtlCompareMemory(one, two, SIZE), at);
        assert_int_equal(RtlCompareMemory(one, two, at), at);
    }
    assert_int_equal(RtlCompareMemory(NULL, NULL, 0), 0);
    ULONG longs[9];
    memset(longs, 0x55, sizeof longs);
    for (size_t start = 0; start < 4; start++) /* aligned or not, whole ones count */
        for (size_t length = 0; length <= 32; length++)
            assert_int_equal(RtlCompareMemoryUlong((PUCHAR)longs + start, length, 0x55555555), length / 4 * 4);
    longs[3] ^= 0x100;
    assert_int_equal(RtlCompareMemoryUlong(longs, 32, 0x55555555), 12);
    assert_int_equal(RtlCompareMemoryUlong(longs, 32, 0x55555556), 0);
}

/* ---- the registry ---- */

static struct {
    ULONG calls;
    const WCHAR *parts; /* joined by '|' */
    PVOID entry;
} seen;

static NTSTATUS see(PWSTR name, ULONG type, PVOID data, ULONG length, PVOID context, PVOID entry)
{
    const WCHAR *part = seen.parts;
    for (ULONG i = 0; i < seen.calls; i++) {
        while (*part && *part != L'|')
            part++;
        assert_int_equal(*part, L'|'); /* no more calls than parts */
        part++;
    }
    size_t size = 0;
    while (part[size] && part[size] != L'|')
        size++;
    assert_ptr_equal(context, &seen);
    assert_ptr_equal(entry, &numbers);
    assert_memory_equal(name, L"list", sizeof L"list");
    assert_int_equal(type, REG_SZ);
    assert_int_equal(length, (size + 1) * sizeof(WCHAR));
    assert_memory_equal(data, part, size * sizeof(WCHAR));
    assert_int_equal(((PWCH)data)[size], 0);
    seen.calls++;
    return STATUS_SUCCESS;
}

static void sees(HANDLE key, PRTL_QUERY_REGISTRY_TABLE table, const WCHAR *parts)
{
    ULONG count = parts ? 1 : 0;
    for (const WCHAR *at = parts; at && *at; at++)
        count += *at == L'|';
    seen.calls = 0;
    seen.parts = parts ? parts : L"";
    succeeds(RtlQueryRegistryValues(RTL_REGISTRY_HANDLE, key, table, &seen, NULL));
    assert_int_equal(seen.calls, count);
}

static void a_list_of_strings_is_handed_out_one_by_one(void)
{
#define LIST(text) text, sizeof(text)
    static const struct {
        const WCHAR *data;
        ULONG length;
        const WCHAR *stored;  /* its parts where it is in the registry; NULL: none */
        const WCHAR *defaults; /* where it is the default */
        bool ends;            /* it tells its length by itself */
        const WCHAR *measured; /* where it is the default of no length */
    } rows[] = {
        {NULL, 0, NULL, NULL, false, NULL},
        {LIST(L""), NULL, NULL, false, NULL},
        {LIST(L"\0"), L"", NULL, true, NULL},
        {LIST(L"one"), L"one", L"one", false, NULL},
        {LIST(L"one\0"), L"one", L"one", true, L"one"},
        {LIST(L"one\0two"), L"one|two", L"one|two", false, NULL},
        {LIST(L"one\0two\0"), L"one|two", L"one|two", true, L"one|two"},
        {LIST(L"one\0\0three"), L"one||three", L"one||three", false, NULL},
        {LIST(L"one\0\0three\0"), L"one||three", L"one||three", true, L"one"},
    };
    RTL_QUERY_REGISTRY_TABLE table[] = {{see, 0, (PWSTR)L"list", (PVOID)&numbers, REG_NONE, NULL, 0}, {0}};
    OBJECT_ATTRIBUTES attributes;
    HANDLE key;
    InitializeObjectAttributes(&attributes, text(L"\\Registry\\Machine\\Software\\lists"),
                               OBJ_CASE_INSENSITIVE | OBJ_KERNEL_HANDLE, NULL, NULL);
    succeeds(ZwCreateKey(&key, KEY_ALL_ACCESS, &attributes, 0, NULL, REG_OPTION_VOLATILE, NULL));
    for (size_t i = 0; i < ARRAYSIZE(rows); i++) {
        succeeds(ZwSetValueKey(key, text(L"list"), 0, REG_MULTI_SZ, (PVOID)rows[i].data, rows[i].length));
        sees(key, table, rows[i].stored);
    }
    succeeds(ZwDeleteValueKey(key, text(L"list")));
    sees(key, table, NULL);
    for (size_t i = 1; i < ARRAYSIZE(rows); i++) {
        table[0].DefaultType = REG_MULTI_SZ;
        table[0].DefaultData = (PVOID)rows[i].data;
        table[0].DefaultLength = rows[i].length;
        sees(key, table, rows[i].defaults);
        table[0].DefaultLength = 0;
        if (rows[i].ends)
            sees(key, table, rows[i].measured);
    }
    succeeds(ZwDeleteKey(key));
    succeeds(ZwClose(key));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fltsim_unit_test(a_number_is_read_as_far_as_it_goes),
        fltsim_unit_test(a_number_is_written_where_it_fits),
        fltsim_unit_test(a_string_is_as_long_as_its_text),
        fltsim_unit_test(a_copy_is_allocated_where_there_is_text),
        fltsim_unit_test(text_is_appended_whole_or_not_at_all),
        fltsim_unit_test(narrow_text_is_cut_where_the_room_ends),
        fltsim_unit_test(letters_have_the_case_that_windows_knows),
        fltsim_unit_test(what_is_no_character_is_replaced_by_the_mark_for_it),
        fltsim_unit_test(utf8_is_written_as_far_as_there_is_room),
        fltsim_unit_test(a_hash_is_what_it_is_on_windows),
        fltsim_unit_test(a_guid_goes_there_and_back),
        fltsim_unit_test(memory_is_moved_and_compared),
        fltsim_unit_test(a_list_of_strings_is_handed_out_one_by_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
