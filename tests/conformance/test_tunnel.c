/* Tunnel caches: what a published kernel test suite saw on Windows; and tunnelling on a volume. */
#include "stage.h"

static TUNNEL tunnel;
static WCHAR shortRoom[13], longRoom[17];
static UNICODE_STRING foundShort, foundLong;
static ULONG foundLength, foundData;

static void add(ULONGLONG directory, const WCHAR *shortName, const WCHAR *longName, BOOLEAN byShort, ULONG data)
{
    UNICODE_STRING none = {0};
    FsRtlAddToTunnelCache(&tunnel, directory, shortName ? text(shortName) : &none, text(longName), byShort, sizeof data,
                          &data);
}

static bool find(ULONGLONG directory, const WCHAR *name)
{
    foundShort = (UNICODE_STRING){.Buffer = shortRoom, .MaximumLength = sizeof shortRoom};
    foundLong = (UNICODE_STRING){.Buffer = longRoom, .MaximumLength = sizeof longRoom};
    foundLength = sizeof foundData;
    return FsRtlFindInTunnelCache(&tunnel, directory, text(name), &foundShort, &foundLong, &foundLength, &foundData);
}

static void finds(ULONGLONG directory, const WCHAR *name, ULONG data)
{
    assert_true(find(directory, name));
    assert_int_equal(foundLength, sizeof data);
    assert_int_equal(foundData, data);
    assert_ptr_equal(foundLong.Buffer, longRoom);
}

static void what_is_added_once_more_takes_the_place(void)
{
    static const WCHAR *shorts[] = {L"LONGFI~1.TXT", L"LONGFI~2.TXT"}, *longs[] = {L"Longfilename.txt", L"Longfilenamr.txt"};
    FsRtlInitializeTunnelCache(&tunnel);
    for (int round = 0; round < 2; round++) {
        add(1, shorts[0], longs[0], TRUE, 1);
        finds(1, shorts[0], 1);
        assert_true(same_text(&foundShort, shorts[0]));
        assert_true(same_text(&foundLong, longs[0]));
        add(1, shorts[0], longs[0], TRUE, 2);
        finds(1, shorts[0], 2);
        add(1, shorts[1], longs[1], TRUE, 1);
        finds(1, shorts[0], 2);
        finds(1, shorts[1], 1);
        add(1, shorts[1], longs[1], TRUE, 2);
        finds(1, shorts[0], 2);
        finds(1, shorts[1], 2);
        FsRtlDeleteKeyFromTunnelCache(&tunnel, 1);
        assert_false(find(1, shorts[0]));
        assert_false(find(1, shorts[1]));
    }
    FsRtlDeleteTunnelCache(&tunnel);
}

static void a_long_name_gets_the_room_it_needs(void)
{
    FsRtlInitializeTunnelCache(&tunnel);
    add(1, L"LONGFI~1.TXT", L"Longfilename.txt", TRUE, 2);
    foundShort = (UNICODE_STRING){.Buffer = shortRoom, .MaximumLength = sizeof shortRoom};
    foundLong = (UNICODE_STRING){.Buffer = longRoom, .MaximumLength = 13 * sizeof(WCHAR)};
    foundLength = sizeof foundData;
    assert_true(FsRtlFindInTunnelCache(&tunnel, 1, text(L"LONGFI~1.TXT"), &foundShort, &foundLong, &foundLength, &foundData));
    assert_ptr_not_equal(foundLong.Buffer, longRoom);
    assert_int_equal(foundLong.MaximumLength, 16 * sizeof(WCHAR));
    assert_true(same_text(&foundLong, L"Longfilename.txt"));
    ExFreePool(foundLong.Buffer);
    FsRtlDeleteTunnelCache(&tunnel);
}

static void each_directory_has_its_own(void)
{
    FsRtlInitializeTunnelCache(&tunnel);
    add(12345, L"smal", L"bigbigbigbigbig", TRUE, 1);
    finds(12345, L"SMAL", 1); /* without regard to case */
    assert_false(find(12347, L"smal"));
    FsRtlDeleteKeyFromTunnelCache(&tunnel, 12345);
    assert_false(find(12345, L"smal"));
    add(12345, L"smal", L"bigbigbigbigbig", TRUE, 1);
    add(12347, L"smal", L"bigbigbigbigbig", TRUE, 1);
    add(12346, NULL, L"bigbigbigbigbig", FALSE, 1);
    finds(12346, L"bigbigbigbigbig", 1);
    assert_int_equal(foundShort.Length, 0);
    assert_false(find(12345, L"bigbigbigbigbig")); /* it goes by its short name */
    FsRtlDeleteTunnelCache(&tunnel);
    assert_false(find(12345, L"smal"));
    assert_false(find(12346, L"bigbigbigbigbig"));
    assert_false(find(12347, L"smal"));
}

static void case_may_matter(void)
{
    ULONG data = 1;
    UNICODE_STRING none = {0};
    FsRtlInitializeTunnelCache(&tunnel);
    FsRtlAddToTunnelCacheEx(&tunnel, 1, &none, text(L"a"), FSRTL_ADD_TC_CASE_SENSITIVE, sizeof data, &data);
    data = 2;
    FsRtlAddToTunnelCacheEx(&tunnel, 1, text(L"S"), text(L"A"), FSRTL_ADD_TC_CASE_SENSITIVE, sizeof data, &data);
    finds(1, L"A", 2);
    assert_true(find(1, L"a"));
    assert_int_equal(foundData, 2); /* the later of them */
    assert_true(FsRtlFindInTunnelCacheEx(&tunnel, 1, text(L"a"), &foundShort, &foundLong, FSRTL_FIND_TC_CASE_SENSITIVE,
                                         &foundLength, &foundData));
    assert_int_equal(foundData, 1);
    FsRtlDeleteTunnelCache(&tunnel);
}

static void entries_grow_old_and_few(void)
{
    WCHAR name[] = L"000";
    FsRtlInitializeTunnelCache(&tunnel);
    add(1, L"OLD", L"old", TRUE, 1);
    fltsim_sleep(14000);
    finds(1, L"OLD", 1);
    fltsim_sleep(2000);
    assert_false(find(1, L"OLD"));
    for (int i = 0; i < 300; i++) {
        name[0] = (WCHAR)(L'0' + i / 100);
        name[1] = (WCHAR)(L'0' + i / 10 % 10);
        name[2] = (WCHAR)(L'0' + i % 10);
        add(1, NULL, name, FALSE, i);
    }
    finds(1, L"299", 299);
    assert_false(find(1, L"000"));
    fltsim_fail_allocation(1);
    add(1, NULL, L"lost", FALSE, 1);
    fltsim_fail_allocation(0);
    assert_false(find(1, L"lost"));
    FsRtlDeleteTunnelCache(&tunnel);
}

/* ---- on a volume ---- */

static LONGLONG made(const char *path)
{
    FILE_BASIC_INFORMATION info;
    HANDLE file = stage_open(path);
    succeeds(fltsim_query(file, FileBasicInformation, &info, sizeof info));
    succeeds(fltsim_close(file));
    return info.CreationTime.QuadPart;
}

static void alias_of(const char *path, WCHAR alias[13])
{
    union {
        FILE_NAME_INFORMATION name;
        UCHAR bytes[64];
    } info;
    HANDLE file = stage_open(path);
    memset(alias, 0, 13 * sizeof(WCHAR));
    succeeds(fltsim_query(file, FileAlternateNameInformation, &info, sizeof info));
    memcpy(alias, info.name.FileName, info.name.FileNameLength);
    succeeds(fltsim_close(file));
}

static void a_file_gets_the_time_of_the_one_that_had_its_name(void)
{
    static const enum fltsim_volume_kind kinds[] = {FLTSIM_NTFS, FLTSIM_FAT};
    HANDLE file;
    for (size_t i = 0; i < ARRAYSIZE(kinds); i++) {
        stage_mount(kinds[i]);
        LONGLONG before = made("C:\\file.txt");
        fltsim_sleep(3000); /* FAT counts by two seconds */
        LONGLONG other = made("C:\\other.txt");
        succeeds(fltsim_make_directory("C:\\folder"));
        fltsim_sleep(5000);
        succeeds(fltsim_delete("C:\\file.txt"));
        assert_true(made("C:\\folder\\file.txt") != before); /* that is another folder */
        assert_int_equal(made("C:\\FILE.TXT"), before);
        fltsim_sleep(5000);
        file = stage_open("C:\\file.txt"); /* as editors save: away with the old one, and the new one in its place */
        succeeds(fltsim_rename(file, "C:\\file.bak", false));
        succeeds(fltsim_close(file));
        file = stage_open("C:\\other.txt");
        succeeds(fltsim_rename(file, "C:\\file.txt", false));
        succeeds(fltsim_close(file));
        assert_true(before != other);
        assert_int_equal(made("C:\\file.txt"), before);
        succeeds(fltsim_delete("C:\\file.txt"));
        fltsim_sleep(16000);
        assert_true(made("C:\\file.txt") > before); /* too late */
        succeeds(fltsim_dismount(stage.volume));
    }
}

static void a_file_gets_the_short_name_of_the_one_that_had_its_name(void)
{
    WCHAR first[13], second[13], again[13];
    stage_mount(FLTSIM_NTFS);
    alias_of("C:\\a long name.txt", first);
    alias_of("C:\\a long name that follows.txt", second);
    assert_memory_not_equal(first, second, sizeof first);
    succeeds(fltsim_delete("C:\\a long name that follows.txt"));
    succeeds(fltsim_delete("C:\\a long name.txt"));
    alias_of("C:\\a long name that follows.txt", again); /* the first one's is free, too */
    assert_memory_equal(again, second, sizeof again);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fltsim_unit_test(what_is_added_once_more_takes_the_place),
        fltsim_unit_test(a_long_name_gets_the_room_it_needs),
        fltsim_unit_test(each_directory_has_its_own),
        fltsim_unit_test(case_may_matter),
        fltsim_unit_test(entries_grow_old_and_few),
        fltsim_unit_test(a_file_gets_the_time_of_the_one_that_had_its_name),
        fltsim_unit_test(a_file_gets_the_short_name_of_the_one_that_had_its_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
