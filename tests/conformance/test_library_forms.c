/* Bitmaps, short names, access control lists, OEM text and keys of the registry. All of it was seen on Windows by published
 * test suites. */
#include "stage.h"

/* ---- bitmaps ---- */

static ULONG words[2];
static RTL_BITMAP map;

static PRTL_BITMAP bits(ULONG size, ULONG first, ULONG second)
{
    words[0] = first;
    words[1] = second;
    RtlInitializeBitMap(&map, words, size);
    assert_int_equal(map.SizeOfBitMap, size);
    assert_ptr_equal(map.Buffer, words);
    return &map;
}

static void are(ULONG first, ULONG second)
{
    assert_int_equal(words[0], first);
    assert_int_equal(words[1], second);
}

static void bits_are_set_and_cleared_by_words_or_by_number(void)
{
    static const struct {
        ULONG size, words;
    } all[] = {{19, 1}, {0, 0}, {64, 2}};
    for (size_t i = 0; i < ARRAYSIZE(all); i++) {
        RtlClearAllBits(bits(all[i].size, 0xcccccccc, 0xcccccccc));
        are(all[i].words > 0 ? 0 : 0xcccccccc, all[i].words > 1 ? 0 : 0xcccccccc);
        RtlSetAllBits(bits(all[i].size, 0xcccccccc, 0xcccccccc));
        are(all[i].words > 0 ? ~0u : 0xcccccccc, all[i].words > 1 ? ~0u : 0xcccccccc);
    }
    static const struct {
        ULONG start, count, first, second; /* nobody looks at the size */
    } some[] = {{0, 0, 0, 0},       {0, 1, 1, 0},           {21, 1, 0x00200000, 0},
                {7, 9, 0xff80, 0},  {13, 22, 0xffffe000, 7}, {63, 1, 0, 0x80000000}};
    for (size_t i = 0; i < ARRAYSIZE(some); i++) {
        RtlSetBits(bits(19, 0, 0), some[i].start, some[i].count);
        are(some[i].first, some[i].second);
        RtlClearBits(bits(19, ~0u, ~0u), some[i].start, some[i].count);
        are(~some[i].first, ~some[i].second);
    }
    static const struct {
        ULONG64 set;
        CCHAR highest, lowest;
    } ends[] = {{0, -1, -1},         {1, 0, 0},           {2, 1, 1},           {1ull << 60, 60, 60}, {1ull << 63, 63, 63},
                {(1ull << 63) | 1, 63, 0}, {~0ull, 63, 0}, {0x70000000, 30, 28}};
    for (size_t i = 0; i < ARRAYSIZE(ends); i++) {
        assert_int_equal(RtlFindMostSignificantBit(ends[i].set), ends[i].highest);
        assert_int_equal(RtlFindLeastSignificantBit(ends[i].set), ends[i].lowest);
    }
}

static void a_run_past_the_end_is_none(void)
{
    static const struct {
        ULONG size, start, count;
        bool same;
    } runs[] = {{19, 0, 8, false}, {19, 8, 8, true},  {19, 7, 8, false}, {19, 8, 9, false}, {19, 24, 1, false},
                {31, 24, 1, true}, {31, 24, 7, true}, {31, 24, 8, false}, {64, 60, 4, false}};
    for (size_t i = 0; i < ARRAYSIZE(runs); i++) {
        assert_int_equal(RtlAreBitsClear(bits(runs[i].size, 0x00ff00ff, 0xc0cfc0cf), runs[i].start, runs[i].count), runs[i].same);
        assert_int_equal(RtlAreBitsSet(bits(runs[i].size, 0xff00ff00, 0x3f303f30), runs[i].start, runs[i].count), runs[i].same);
    }
    static const struct {
        ULONG size, set, clear;
    } counts[] = {{64, 36, 28}, {56, 30, 26}, {31, 19, 12}, {4, 4, 4}, {0, 0, 0}};
    for (size_t i = 0; i < ARRAYSIZE(counts); i++) {
        assert_int_equal(RtlNumberOfSetBits(bits(counts[i].size, 0xff00ff0f, 0x3f303f30)), counts[i].set);
        assert_int_equal(RtlNumberOfClearBits(bits(counts[i].size, 0xff00fff0, 0x3f303f30)), counts[i].clear);
        are(0xff00fff0, 0x3f303f30);
    }
    static const struct {
        ULONG size, from, start, length;
    } forward[] = {{0, 0, 0, 0}, {0, 1, 1, 0}, {8, 0, 0, 1}, {8, 1, 2, 2}, {8, 7, 8, 0}, {8, 17, 17, 0}, {8, 39, 39, 0}};
    for (size_t i = 0; i < ARRAYSIZE(forward); i++) {
        ULONG start = 99;
        assert_int_equal(RtlFindNextForwardRunClear(bits(forward[i].size, 0xf9f078b2, 0), forward[i].from, &start),
                         forward[i].length);
        assert_int_equal(start, forward[i].start);
    }
}

static void a_run_is_looked_for_from_the_hint_and_then_from_the_start(void)
{
    enum { NONE = 0xffffffff };
    static const struct {
        ULONG size, count, hint, found;
    } runs[] = {
        {0, 0, 0, 0},    {0, 0, 3, 0},    {0, 1, 0, NONE}, {0, 1, 1, NONE}, {8, 0, 3, 0},    {8, 1, 0, 1},
        {8, 1, 1, 1},    {8, 1, 2, 4},    {8, 2, 0, 4},    {8, 3, 0, NONE}, {32, 0, 3, 0},   {32, 0, 21, 16}, /* whole bytes */
        {32, 0, 12, 8},  {32, 0, 31, 24}, {32, 0, 32, 0},  {32, 0, 39, 0},  {32, 4, 0, 11},  {32, 5, 0, 20},
        {32, 4, 11, 11}, {32, 4, 12, 20}, {32, 2, 11, 11}, {32, 2, 12, 12}, {32, 1, 32, 1},  {32, 4, 32, 11},
        {32, 5, 32, 20}, {64, 5, 64, 20},
    };
    for (size_t i = 0; i < ARRAYSIZE(runs); i++) {
        assert_int_equal(RtlFindClearBits(bits(runs[i].size, 0x060f874d, 0x3f303f30), runs[i].count, runs[i].hint),
                         runs[i].found);
        assert_int_equal(RtlFindSetBits(bits(runs[i].size, 0xf9f078b2, 0x3f303f30), runs[i].count, runs[i].hint),
                         runs[i].found);
    }
    assert_int_equal(RtlFindClearBits(bits(64, 0x060f874d, 0x3f303f30), 9, 28), 27); /* back across the hint */
    assert_int_equal(RtlFindClearBits(&map, 10, 0), NONE);
    assert_int_equal(RtlFindClearBits(bits(64, 0x060f874d, 0xff303f30), 1, 56), 1);
    assert_int_equal(RtlFindSetBits(bits(64, 0xf9f078b2, 0x3f303f30), 6, 57), 40);
    assert_int_equal(RtlFindSetBits(&map, 7, 0), NONE);
    assert_int_equal(RtlFindSetBits(&map, 1, 62), 1);

    static const struct {
        ULONG count, hint, found, after;
        bool anew;
    } taken[] = {
        {4, 0, 11, 0x060fff4d, true},  {5, 0, 20, 0x07ffff4d, false}, {4, 11, 27, 0x7fffff4d, false},
        {4, 12, 20, 0x06ff874d, true}, {2, 11, 11, 0x06ff9f4d, false}, {2, 12, 13, 0x06ffff4d, false},
    };
    for (int set = false; set <= true; set++) {
        for (size_t i = 0; i < ARRAYSIZE(taken); i++) {
            if (taken[i].anew)
                bits(32, set ? ~0x060f874du : 0x060f874d, 0);
            ULONG found = set ? RtlFindSetBitsAndClear(&map, taken[i].count, taken[i].hint)
                              : RtlFindClearBitsAndSet(&map, taken[i].count, taken[i].hint);
            assert_int_equal(found, taken[i].found);
            are(set ? ~taken[i].after : taken[i].after, 0);
        }
    }
}

/* ---- short names ---- */

static void a_short_name_drops_what_dos_did_not_know(void)
{
    static const struct {
        const WCHAR *name, *plain, *extended; /* up to the number */
        const WCHAR *extension, *extended_extension;
    } rows[] = {
        {L"Fran\xe7" L"ais", L"FRANAI", L"FRAN\xc7" L"A", L"", L""},
        {L"S\xe9lecteur.lnk", L"SLECTE", L"S\xc9LECT", L".LNK", L".LNK"},
        {L"\xe9\xe8" L"cauc.txt", L"CAUC", L"\xc9\xc8" L"CAUC", L".TXT", L".TXT"},
        {L"t\xa3$t\xa4.txt", L"T$T", L"T\xa3$T_", L".TXT", L".TXT"}, /* the last is not in the code page */
        {L"test.\xe9x\xe8", L"TEST", L"TEST", L".X", L".\xc9X\xc8"},
        {L"Long file name.txt", L"LONGFI", L"LONGFI", L".TXT", L".TXT"},
        {L"Long file name", L"LONGFI", L"LONGFI", L"", L""},
        {L"Longfilename.txt", L"LONGFI", L"LONGFI", L".TXT", L".TXT"},
        {L"a+b=c;d.[e]", L"A_B_C_", L"A_B_C_", L"._E_", L"._E_"},
        {L"a.file.of.many", L"AFILEO", L"AFILEO", L".MAN", L".MAN"},
    };
    for (size_t i = 0; i < ARRAYSIZE(rows); i++) {
        for (int extended = false; extended <= true; extended++) {
            GENERATE_NAME_CONTEXT context = {0};
            for (WCHAR number = L'1'; number <= L'2'; number++) {
                WCHAR buffer[12], wanted[16];
                UNICODE_STRING name = {0, sizeof buffer, buffer}, expected = {0, sizeof wanted, wanted};
                RtlAppendUnicodeToString(&expected, extended ? rows[i].extended : rows[i].plain);
                RtlAppendUnicodeToString(&expected, (WCHAR[]){L'~', number, 0});
                RtlAppendUnicodeToString(&expected, extended ? rows[i].extended_extension : rows[i].extension);
                RtlGenerate8dot3Name(text(rows[i].name), (BOOLEAN)extended, &context, &name);
                if (!RtlEqualUnicodeString(&name, &expected, FALSE))
                    fail_msg("row %zu, extended %d", i, extended);
            }
        }
    }
}

static void the_fifth_of_a_kind_gets_a_sum_of_its_name(void)
{
    static const WCHAR *const wanted[] = {L"SOMEST~1.ASP", L"SOMEST~2.ASP", L"SOMEST~3.ASP",
                                          L"SOMEST~4.ASP", L"SOBC84~1.ASP", L"SOBC84~2.ASP"};
    GENERATE_NAME_CONTEXT context = {0};
    for (size_t i = 0; i < ARRAYSIZE(wanted); i++) {
        WCHAR buffer[12];
        UNICODE_STRING name = {0, sizeof buffer, buffer};
        RtlGenerate8dot3Name(text(L"SomeStuff.aspx"), FALSE, &context, &name);
        assert_true(RtlEqualUnicodeString(&name, text(wanted[i]), FALSE));
    }
    WCHAR buffer[12];
    UNICODE_STRING name = {0, sizeof buffer, buffer};
    memset(&context, 0, sizeof context); /* nothing is left of it: the sum at once */
    RtlGenerate8dot3Name(text(L"\xe9\xe8\xe0.txt"), FALSE, &context, &name);
    assert_int_equal(name.Length, 10 * sizeof(WCHAR));
    assert_memory_equal(buffer + 4, L"~1.TXT", 6 * sizeof(WCHAR));
}

/* ---- access control lists ---- */

/* Entries of 16, 20, 24 ... bytes. */
static PACL list_of(ULONG count, PVOID memory)
{
    PACL acl = memory;
    PUCHAR at = (PUCHAR)(acl + 1);
    memset(memory, 0, 256);
    for (ULONG i = 0; i < count; i++) {
        PACCESS_ALLOWED_ACE ace = (PACCESS_ALLOWED_ACE)at;
        ace->Header.AceType = ACCESS_ALLOWED_ACE_TYPE;
        ace->Header.AceSize = (USHORT)(16 + 4 * i);
        ((PISID)&ace->SidStart)->Revision = SID_REVISION;
        at += ace->Header.AceSize;
    }
    acl->AclRevision = ACL_REVISION;
    acl->AceCount = (USHORT)count;
    acl->AclSize = (USHORT)(at - (PUCHAR)memory);
    assert_true(RtlValidAcl(acl));
    return acl;
}

static void has_sizes(PACL acl, const USHORT *sizes)
{
    PUCHAR at = (PUCHAR)(acl + 1);
    for (; *sizes; sizes++) {
        assert_int_equal(((PACE_HEADER)at)->AceSize, *sizes);
        at += *sizes;
    }
    if (at < (PUCHAR)acl + acl->AclSize)
        assert_int_equal(((PACE_HEADER)at)->AceSize, 0); /* zeros behind the last */
}

static void an_entry_leaves_zeros_behind_the_last(void)
{
    static const USHORT none[] = {0}, one[] = {16, 0}, four[] = {16, 20, 24, 28, 0};
    static const struct {
        ULONG index;
        USHORT sizes[5];
    } steps[] = {{3, {16, 20, 24, 0}}, {1, {16, 24, 0}}, {0, {24, 0}}, {0, {0}}};
    UCHAR memory[256] __attribute__((aligned(8)));
    for (ULONG count = 0; count <= 4; count += count ? 3 : 1) {
        PACL acl = list_of(count, memory);
        USHORT size = acl->AclSize;
        static const ULONG past[] = {0, 1, 0xffffffff};
        for (size_t i = 0; i < ARRAYSIZE(past); i++) {
            answers(STATUS_INVALID_PARAMETER, RtlDeleteAce(acl, past[i] == 0xffffffff ? past[i] : count + past[i]));
            assert_int_equal(acl->AceCount, count);
            assert_int_equal(acl->AclSize, size);
            has_sizes(acl, count == 0 ? none : count == 1 ? one : four);
        }
    }
    PACL acl = list_of(4, memory);
    USHORT size = acl->AclSize;
    for (size_t i = 0; i < ARRAYSIZE(steps); i++) {
        succeeds(RtlDeleteAce(acl, steps[i].index));
        assert_int_equal(acl->AceCount, 3 - i);
        assert_int_equal(acl->AclSize, size);
        has_sizes(acl, steps[i].sizes);
    }
}

/* ---- OEM text ---- */

static void counted_oem_text_tells_what_it_needs_and_what_it_lost(void)
{
    for (USHORT room = 0; room <= 6; room++) {
        char buffer[8];
        OEM_STRING to = {0, room, buffer};
        memset(buffer, '-', sizeof buffer);
        answers(room < 4 ? STATUS_BUFFER_OVERFLOW : STATUS_SUCCESS,
                RtlUnicodeStringToCountedOemString(&to, text(L"Test"), FALSE));
        assert_int_equal(to.Length, 4);
        assert_int_equal(to.MaximumLength, room);
        assert_memory_equal(buffer, room < 4 ? "--------" : "Test----", sizeof buffer);
    }
    char buffer[8];
    OEM_STRING to = {0, 6, buffer};
    answers(STATUS_UNMAPPABLE_CHARACTER, RtlUnicodeStringToCountedOemString(&to, text(L"\x30c7\x30b9\x30af"), FALSE));
    assert_int_equal(to.Length, 3);
    assert_memory_equal(buffer, "???", 3);
    answers(STATUS_UNMAPPABLE_CHARACTER, RtlUnicodeStringToCountedOemString(&to, text(L"\x30c7\x30b9\x30af"), TRUE));
    succeeds(RtlUnicodeStringToCountedOemString(&to, text(L"a?"), TRUE)); /* no less than it was */
    assert_int_equal(to.Length, 2);
    RtlFreeOemString(&to);

    static const struct {
        ULONG room, bytes;
        NTSTATUS status;
        const char *text;
    } rows[] = {
        {0, 0, STATUS_SUCCESS, "----"},
        {0, 2, STATUS_BUFFER_OVERFLOW, "----"},
        {1, 2, STATUS_SUCCESS, "A---"},
        {1, 4, STATUS_BUFFER_OVERFLOW, "A---"},
        {2, 4, STATUS_SUCCESS, "A\0--"}, /* a zero is a character */
        {4, 8, STATUS_SUCCESS, "A\0B\0"},
        {1, 3, STATUS_SUCCESS, "A---"}, /* half a character is none */
        {3, 5, STATUS_SUCCESS, "A\0--"},
    };
    for (size_t i = 0; i < ARRAYSIZE(rows); i++) {
        memset(buffer, '-', sizeof buffer);
        answers(rows[i].status, RtlUnicodeToOemN(buffer, rows[i].room, NULL, L"A\0B", rows[i].bytes));
        assert_memory_equal(buffer, rows[i].text, 4);
    }
    succeeds(RtlUnicodeToOemN(NULL, 0, NULL, NULL, 0));
    answers(STATUS_BUFFER_OVERFLOW, RtlUnicodeToOemN(NULL, 0, NULL, NULL, 2));
}

static void a_question_mark_is_no_oem_character(void)
{
    static const WCHAR valid[] = L"\0 09AZaz~!#$%^&*()_+|`:;\"'-/\\", invalid[] = L"?\x372\x3cf\x3d5f";
    for (int raised = false; raised <= true; raised++) {
        for (size_t i = 0; i < ARRAYSIZE(valid) - 1; i++) {
            WCHAR upper = RtlUpcaseUnicodeChar(valid[i]), c = raised ? upper : valid[i];
            assert_true(RtlIsValidOemCharacter(&c));
            assert_int_equal(c, upper);
        }
        for (size_t i = 0; i < ARRAYSIZE(invalid) - 1; i++) {
            WCHAR upper = RtlUpcaseUnicodeChar(invalid[i]), c = raised ? upper : invalid[i];
            assert_false(RtlIsValidOemCharacter(&c));
            assert_int_equal(c, upper);
        }
    }
}

static void a_string_is_valid_or_not(void)
{
    static const WCHAR some[] = L"some";
    static const struct {
        UNICODE_STRING string;
        bool valid;
    } rows[] = {
        {{8, 10, (PWCH)some}, true},  {{8, 8, (PWCH)some}, true},  {{0, 0, NULL}, true},        {{0, 0, (PWCH)some}, true},
        {{0, 2, (PWCH)some}, true},   {{8, 10, NULL}, false},      {{0, 10, NULL}, false},      {{8, 0, NULL}, false},
        {{8, 0, (PWCH)some}, false},  {{7, 10, (PWCH)some}, false}, {{8, 9, (PWCH)some}, false}, {{7, 9, (PWCH)some}, false},
    };
    for (size_t i = 0; i < ARRAYSIZE(rows); i++) {
        answers(rows[i].valid ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER, RtlValidateUnicodeString(0, &rows[i].string));
        answers(STATUS_INVALID_PARAMETER, RtlValidateUnicodeString(1, &rows[i].string));
        answers(STATUS_INVALID_PARAMETER, RtlValidateUnicodeString(0xdeadbeef, &rows[i].string));
    }
    succeeds(RtlValidateUnicodeString(0, NULL));
    answers(STATUS_INVALID_PARAMETER, RtlValidateUnicodeString(1, NULL));
}

/* ---- keys ---- */

static HANDLE key_of(const WCHAR *path, ACCESS_MASK access)
{
    OBJECT_ATTRIBUTES attributes;
    HANDLE key;
    InitializeObjectAttributes(&attributes, text(path), OBJ_CASE_INSENSITIVE | OBJ_KERNEL_HANDLE, NULL, NULL);
    succeeds(ZwCreateKey(&key, access, &attributes, 0, NULL, REG_OPTION_VOLATILE, NULL));
    return key;
}

static void a_key_goes_once_nothing_is_below_it(void)
{
#define PARENT L"\\Registry\\Machine\\Software\\parent"
    for (int closed = false; closed <= true; closed++) {
        HANDLE parent = key_of(PARENT, KEY_READ | DELETE), child = key_of(PARENT L"\\child", KEY_READ | DELETE);
        if (closed) {
            succeeds(ZwClose(child));
            answers(STATUS_CANNOT_DELETE, ZwDeleteKey(parent));
            child = key_of(PARENT L"\\child", DELETE);
        }
        answers(STATUS_CANNOT_DELETE, ZwDeleteKey(parent));
        succeeds(ZwDeleteKey(child));
        succeeds(ZwDeleteKey(parent));
        succeeds(ZwDeleteKey(parent)); /* it is gone, as wanted */
        succeeds(ZwClose(child));
        succeeds(ZwClose(parent));
    }
}

static void a_value_of_no_length_needs_no_data(void)
{
    static const struct {
        ULONG type, length;
        const WCHAR *data;
    } rows[] = {
        {REG_NONE, 0, NULL}, {REG_SZ, 12, L"Hello"}, {REG_SZ, 2, L""}, {REG_SZ, 0, NULL}, {REG_SZ, 0, L"Hello"},
    };
    HANDLE key = key_of(L"\\Registry\\Machine\\Software\\values", KEY_ALL_ACCESS);
    for (int exists = false; exists <= true; exists++) {
        for (size_t i = 0; i < ARRAYSIZE(rows); i++) {
            ULONG64 buffer[8];
            PKEY_VALUE_PARTIAL_INFORMATION info = (PVOID)buffer;
            ULONG needed;
            if (exists)
                succeeds(ZwSetValueKey(key, text(L"v"), 0, REG_SZ, (PVOID)L"Default", 16));
            succeeds(ZwSetValueKey(key, text(L"v"), 0, rows[i].type, (PVOID)rows[i].data, rows[i].length));
            succeeds(ZwQueryValueKey(key, text(L"v"), KeyValuePartialInformation, info, sizeof buffer, &needed));
            assert_int_equal(info->TitleIndex, 0);
            assert_int_equal(info->Type, rows[i].type);
            assert_int_equal(info->DataLength, rows[i].length);
            assert_memory_equal(info->Data, rows[i].data ? rows[i].data : L"", rows[i].length);
            succeeds(ZwDeleteValueKey(key, text(L"v")));
        }
    }
    succeeds(ZwDeleteKey(key));
    succeeds(ZwClose(key));
}

static void an_aligned_value_begins_behind_two_words(void)
{
    HANDLE key = key_of(L"\\Registry\\Machine\\Software\\values", KEY_ALL_ACCESS);
    ULONG64 buffer[8];
    ULONG needed = 0x55555555;
    succeeds(ZwSetValueKey(key, text(L"root"), 0, REG_SZ, (PVOID)L"C:\\Windows", 22));
    answers(STATUS_BUFFER_TOO_SMALL, ZwQueryValueKey(key, text(L"root"), KeyValuePartialInformationAlign64, NULL, 0, &needed));
    assert_int_equal(needed, FIELD_OFFSET(KEY_VALUE_PARTIAL_INFORMATION_ALIGN64, Data) + 22);
    for (int aside = 0; aside <= 4; aside += 4) { /* its data is where the buffer is */
        PKEY_VALUE_PARTIAL_INFORMATION_ALIGN64 info = (PVOID)((PUCHAR)buffer + aside);
        ULONG length = needed;
        succeeds(ZwQueryValueKey(key, text(L"root"), KeyValuePartialInformationAlign64, info, length, &needed));
        assert_int_equal(needed, length);
        assert_int_equal(info->Type, REG_SZ);
        assert_int_equal(info->DataLength, 22);
        assert_memory_equal(info->Data, L"C:\\Windows", 22);
    }
    succeeds(ZwDeleteKey(key));
    succeeds(ZwClose(key));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fltsim_unit_test(bits_are_set_and_cleared_by_words_or_by_number),
        fltsim_unit_test(a_run_past_the_end_is_none),
        fltsim_unit_test(a_run_is_looked_for_from_the_hint_and_then_from_the_start),
        fltsim_unit_test(a_short_name_drops_what_dos_did_not_know),
        fltsim_unit_test(the_fifth_of_a_kind_gets_a_sum_of_its_name),
        fltsim_unit_test(an_entry_leaves_zeros_behind_the_last),
        fltsim_unit_test(counted_oem_text_tells_what_it_needs_and_what_it_lost),
        fltsim_unit_test(a_question_mark_is_no_oem_character),
        fltsim_unit_test(a_string_is_valid_or_not),
        fltsim_unit_test(a_key_goes_once_nothing_is_below_it),
        fltsim_unit_test(a_value_of_no_length_needs_no_data),
        fltsim_unit_test(an_aligned_value_begins_behind_two_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
