/* What listing a folder answers, by mask and by the length of the buffer. All of it was seen on Windows by published test suites. */
#include "stage.h"

#define UNTOUCHED 0x5555
#define FILL 0xCC

static IO_STATUS_BLOCK iosb;
static union {
    UCHAR bytes[8192];
    FILE_BOTH_DIR_INFORMATION entry;
    FILE_NAMES_INFORMATION names;
} buffer;

static void fill_buffer(void)
{
    memset(&buffer, FILL, sizeof buffer);
    iosb.Status = UNTOUCHED;
    iosb.Information = UNTOUCHED;
}

static HANDLE file_of(const char *path)
{
    HANDLE handle;
    succeeds(fltsim_open(path, &(struct fltsim_open){.access = GENERIC_READ | GENERIC_WRITE | DELETE,
                                                     .disposition = FILE_OPEN_IF}, &handle));
    return handle;
}

#define NAME_AT(type, units) ((ULONG)(FIELD_OFFSET(type, FileName) + (units) * sizeof(WCHAR)))
#define ROUNDED(bytes) (((bytes) + 7) & ~7u)
#define ENTRY(units) NAME_AT(FILE_BOTH_DIR_INFORMATION, units)

static const WCHAR long_name[] = L"longfilename.tmp";
enum { LONG_NAME = sizeof long_name / sizeof(WCHAR) - 1 };

static HANDLE folder_of_files(void)
{
    static const char *const names[] = {"longfilename.tmp", "n.tmp", "h.tmp", "EA.tmp", "TesT"};
    HANDLE handle;
    char path[64];
    stage_set();
    succeeds(fltsim_make_directory("C:\\dir"));
    succeeds(fltsim_make_directory("C:\\dir\\d.tmp"));
    for (size_t i = 0; i < ARRAYSIZE(names); i++) {
        snprintf(path, sizeof path, "C:\\dir\\%s", names[i]);
        succeeds(fltsim_close(file_of(path)));
    }
    succeeds(fltsim_open("C:\\dir", &(struct fltsim_open){.access = FILE_LIST_DIRECTORY, .options = FILE_DIRECTORY_FILE}, &handle));
    return handle;
}

static HANDLE again(HANDLE folder)
{
    HANDLE handle;
    succeeds(fltsim_close(folder));
    succeeds(fltsim_open("C:\\dir", &(struct fltsim_open){.access = FILE_LIST_DIRECTORY, .options = FILE_DIRECTORY_FILE}, &handle));
    return handle;
}

static NTSTATUS list_as(HANDLE handle, ULONG length, FILE_INFORMATION_CLASS kind, BOOLEAN single, const WCHAR *mask,
                        BOOLEAN restart)
{
    KPROCESSOR_MODE mode = fltsim_previous_mode(UserMode);
    fill_buffer();
    NTSTATUS status = NtQueryDirectoryFile(handle, NULL, NULL, NULL, &iosb, &buffer, length, kind, single,
                                           mask ? text(mask) : NULL, restart);
    fltsim_previous_mode(mode);
    return status;
}

static NTSTATUS list(HANDLE handle, ULONG length, BOOLEAN single, const WCHAR *mask, BOOLEAN restart)
{
    return list_as(handle, length, FileBothDirectoryInformation, single, mask, restart);
}

static bool is_entry(const FILE_BOTH_DIR_INFORMATION *entry, const WCHAR *name)
{
    UNICODE_STRING got = {(USHORT)entry->FileNameLength, (USHORT)entry->FileNameLength, (PWCH)entry->FileName};
    UNICODE_STRING wanted;
    RtlInitUnicodeString(&wanted, name);
    return RtlEqualUnicodeString(&got, &wanted, FALSE);
}

static void a_folder_lists_itself_its_parent_and_then_by_name(void)
{
    static const WCHAR *const names[] = {L".", L"..", L"d.tmp", L"EA.tmp", L"h.tmp", L"longfilename.tmp", L"n.tmp", L"TesT"};
    HANDLE handle = folder_of_files();
    for (int single = FALSE; single <= TRUE; single++) {
        succeeds(list(handle, sizeof buffer, (BOOLEAN)single, NULL, TRUE));
        const FILE_BOTH_DIR_INFORMATION *entry = &buffer.entry;
        for (size_t i = 0; i < ARRAYSIZE(names); i++) {
            assert_true(is_entry(entry, names[i]));
            if (single && i + 1 < ARRAYSIZE(names))
                succeeds(list(handle, sizeof buffer, TRUE, NULL, FALSE));
            else if (i + 1 < ARRAYSIZE(names))
                assert_int_equal(entry->NextEntryOffset, ROUNDED(ENTRY(wcslen(names[i]))));
            if (!single)
                entry = (const void *)((const UCHAR *)entry + entry->NextEntryOffset);
        }
        answers(STATUS_NO_MORE_FILES, list(handle, sizeof buffer, (BOOLEAN)single, NULL, FALSE));
        assert_int_equal(iosb.Status, STATUS_NO_MORE_FILES);
    }
    succeeds(fltsim_close(handle));
}

static void a_mask_finds_by_long_and_short_name_whatever_the_case(void)
{
    static const WCHAR *const masks[] = {L"longfilename.tmp", L"LONGFI~1.TMP", L"LongFileName.TMP"};
    HANDLE handle = folder_of_files();
    for (size_t i = 0; i < ARRAYSIZE(masks); i++) {
        handle = again(handle);
        succeeds(list(handle, ENTRY(256), TRUE, masks[i], FALSE));
        assert_int_equal(iosb.Information, ENTRY(LONG_NAME));
        assert_true(is_entry(&buffer.entry, long_name));
        assert_true(buffer.entry.ShortNameLength > 0 && buffer.entry.ShortName[0]);
        answers(STATUS_NO_MORE_FILES, list(handle, ENTRY(256), TRUE, L"dummy", FALSE)); /* the first mask stays */
    }
    handle = again(handle);
    succeeds(list(handle, ENTRY(256), TRUE, L"test", FALSE));
    assert_true(is_entry(&buffer.entry, L"TesT"));
    succeeds(fltsim_close(handle));
}

static void a_mask_that_nothing_matches_is_told_once(void)
{
    HANDLE handle = folder_of_files();
    answers(STATUS_NO_SUCH_FILE, list(handle, sizeof buffer, TRUE, L"dummy", TRUE));
    assert_int_equal(iosb.Status, UNTOUCHED);
    answers(STATUS_NO_MORE_FILES, list(handle, sizeof buffer, TRUE, NULL, FALSE));
    assert_int_equal(iosb.Status, STATUS_NO_MORE_FILES);
    answers(STATUS_NO_MORE_FILES, list(handle, sizeof buffer, TRUE, NULL, TRUE));
    assert_int_equal(iosb.Status, STATUS_NO_MORE_FILES);
    succeeds(fltsim_close(handle));
    answers(STATUS_INVALID_HANDLE, list((HANDLE)(ULONG_PTR)0xbeec, sizeof buffer, TRUE, NULL, TRUE));
    assert_int_equal(iosb.Status, UNTOUCHED);
}

/* A position is kept for whoever asks, and listing has nothing to do with it. */
static void a_folder_has_a_position_that_listing_leaves_alone(void)
{
    FILE_POSITION_INFORMATION position;
    HANDLE handle = folder_of_files();
    succeeds(fltsim_query(handle, FilePositionInformation, &position, sizeof position));
    assert_int_equal(position.CurrentByteOffset.QuadPart, 0);
    position.CurrentByteOffset.QuadPart = 0xbeef;
    succeeds(fltsim_set(handle, FilePositionInformation, &position, sizeof position));
    for (int i = 0; i < 2; i++) {
        succeeds(fltsim_query(handle, FilePositionInformation, &position, sizeof position));
        assert_int_equal(position.CurrentByteOffset.QuadPart, 0xbeef);
        succeeds(list(handle, sizeof buffer, FALSE, NULL, TRUE));
    }
    succeeds(fltsim_close(handle));
}

static void what_does_not_fit_waits_for_the_next_call(void)
{
    static const struct {
        FILE_INFORMATION_CLASS kind;
        ULONG length, information, next;
    } rows[] = {
        {FileBothDirectoryInformation, ROUNDED(ENTRY(1)) + ENTRY(1), ENTRY(1), 0},
        {FileBothDirectoryInformation, ENTRY(2), ENTRY(1), 0},
        {FileBothDirectoryInformation, ROUNDED(ENTRY(1)) + ENTRY(2), ROUNDED(ENTRY(1)) + ENTRY(2), ROUNDED(ENTRY(1))},
        {FileNamesInformation, ROUNDED(NAME_AT(FILE_NAMES_INFORMATION, 1)) + NAME_AT(FILE_NAMES_INFORMATION, 2),
         ROUNDED(NAME_AT(FILE_NAMES_INFORMATION, 1)) + NAME_AT(FILE_NAMES_INFORMATION, 2),
         ROUNDED(NAME_AT(FILE_NAMES_INFORMATION, 1))},
    };
    HANDLE handle = folder_of_files();
    for (size_t i = 0; i < ARRAYSIZE(rows); i++) {
        succeeds(list_as(handle, rows[i].length, rows[i].kind, FALSE, NULL, TRUE));
        assert_int_equal(iosb.Information, rows[i].information);
        assert_int_equal(buffer.names.NextEntryOffset, rows[i].next);
        if (!rows[i].next)
            assert_int_equal(buffer.bytes[rows[i].information], FILL);
        else
            assert_int_equal(((PFILE_NAMES_INFORMATION)(buffer.bytes + rows[i].next))->NextEntryOffset, 0);
    }
    succeeds(fltsim_close(handle));
}

/* The first entry of a call is cut instead. */
static void a_first_entry_that_does_not_fit_is_cut(void)
{
    HANDLE handle = folder_of_files();
    answers(STATUS_BUFFER_OVERFLOW, list(handle, ENTRY(1), TRUE, long_name, TRUE));
    assert_int_equal(iosb.Status, STATUS_BUFFER_OVERFLOW);
    assert_int_equal(iosb.Information, ENTRY(1));
    assert_int_equal(buffer.entry.NextEntryOffset, 0);
    assert_int_equal(buffer.entry.FileNameLength, LONG_NAME * sizeof(WCHAR));
    assert_int_equal(buffer.entry.FileName[0], long_name[0]);
    assert_int_equal(buffer.bytes[ENTRY(1)], FILL);
    succeeds(fltsim_close(handle));
}

static void each_class_has_a_least_length(void)
{
#define LEAST(type) ROUNDED(NAME_AT(type, 1))
    static const struct {
        FILE_INFORMATION_CLASS kind;
        ULONG least;
        NTSTATUS then;
    } rows[] = {
        {FileDirectoryInformation, LEAST(FILE_DIRECTORY_INFORMATION), STATUS_BUFFER_OVERFLOW},
        {FileFullDirectoryInformation, LEAST(FILE_FULL_DIR_INFORMATION), STATUS_BUFFER_OVERFLOW},
        {FileBothDirectoryInformation, LEAST(FILE_BOTH_DIR_INFORMATION), STATUS_BUFFER_OVERFLOW},
        {FileNamesInformation, LEAST(FILE_NAMES_INFORMATION), STATUS_BUFFER_OVERFLOW},
        {FileIdBothDirectoryInformation, LEAST(FILE_ID_BOTH_DIR_INFORMATION), STATUS_BUFFER_OVERFLOW},
        {FileIdFullDirectoryInformation, LEAST(FILE_ID_FULL_DIR_INFORMATION), STATUS_BUFFER_OVERFLOW},
        {FileIdGlobalTxDirectoryInformation, LEAST(FILE_ID_GLOBAL_TX_DIR_INFORMATION), STATUS_BUFFER_OVERFLOW},
        {FileObjectIdInformation, sizeof(FILE_OBJECTID_INFORMATION), STATUS_INVALID_INFO_CLASS},
        {FileQuotaInformation, sizeof(FILE_QUOTA_INFORMATION), STATUS_INVALID_INFO_CLASS},
        {FileReparsePointInformation, sizeof(FILE_REPARSE_POINT_INFORMATION), STATUS_INVALID_INFO_CLASS},
        {FileBasicInformation, 0, STATUS_INVALID_INFO_CLASS},
        {FileNameInformation, 0, STATUS_INVALID_INFO_CLASS},
        {FileAllInformation, 0, STATUS_INVALID_INFO_CLASS},
    };
    HANDLE handle = folder_of_files();
    for (size_t i = 0; i < ARRAYSIZE(rows); i++) {
        for (ULONG length = 0; length < rows[i].least; length++) {
            if (list_as(handle, length, rows[i].kind, FALSE, long_name, TRUE) != STATUS_INFO_LENGTH_MISMATCH)
                print_error("row %zu, %u bytes\n", i, length);
            assert_int_equal(iosb.Status, UNTOUCHED);
            assert_int_equal(buffer.bytes[0], FILL);
        }
        answers(rows[i].then, list_as(handle, rows[i].least, rows[i].kind, FALSE, long_name, TRUE));
        if (rows[i].then == STATUS_BUFFER_OVERFLOW) {
            assert_int_equal(iosb.Information, rows[i].least);
            assert_int_equal(buffer.names.NextEntryOffset, 0);
        }
    }
    succeeds(fltsim_close(handle));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fltsim_unit_test(a_folder_lists_itself_its_parent_and_then_by_name),
        fltsim_unit_test(a_mask_finds_by_long_and_short_name_whatever_the_case),
        fltsim_unit_test(a_mask_that_nothing_matches_is_told_once),
        fltsim_unit_test(a_folder_has_a_position_that_listing_leaves_alone),
        fltsim_unit_test(what_does_not_fit_waits_for_the_next_call),
        fltsim_unit_test(a_first_entry_that_does_not_fit_is_cut),
        fltsim_unit_test(each_class_has_a_least_length),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
