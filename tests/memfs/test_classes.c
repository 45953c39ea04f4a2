/* Which classes of information and which control codes a volume of each kind answers, and with what. */
#include "unit.h"

struct class_row {
    int kind;
    NTSTATUS ntfs, fat;
};

static void check(const char *what, int kind, NTSTATUS got, NTSTATUS expected)
{
    if (got != expected)
        print_message("%s %d on a %s-like volume\n", what, kind, unit.ntfs ? "NTFS" : "FAT");
    assert_int_equal(got, expected);
}

static void for_both(void (*body)(void))
{
    for (int kind = FLTSIM_NTFS; kind <= FLTSIM_FAT; kind++) {
        unit_start(kind);
        make_file("\\A long name.text", "12345");
        make_folder("\\d");
        body();
        unit_stop();
    }
}

#define OK STATUS_SUCCESS
#define NO STATUS_INVALID_PARAMETER

static void query_each(void)
{
    static const struct class_row rows[] = {
        {FileBasicInformation, OK, OK},
        {FileStandardInformation, OK, OK},
        {FileInternalInformation, OK, OK},
        {FileEaInformation, OK, OK},
        {FileAccessInformation, OK, OK},
        {FileNameInformation, OK, OK},
        {FilePositionInformation, OK, OK},
        {FileModeInformation, OK, OK},
        {FileAlignmentInformation, OK, OK},
        {FileAllInformation, OK, OK},
        {FileAlternateNameInformation, OK, OK},
        {FileNetworkOpenInformation, OK, OK},
        {FileStreamInformation, OK, NO},
        {FileCompressionInformation, OK, NO},
        {FileAttributeTagInformation, OK, NO},
        {FileHardLinkInformation, OK, NO},
        {FileHardLinkFullIdInformation, OK, NO},
        {FileNormalizedNameInformation, OK, NO},
        {FileStandardLinkInformation, OK, NO},
        {FileIdInformation, OK, NO},
        {FileStatInformation, OK, NO},
        {FileStatLxInformation, OK, NO},
        {FileStatBasicInformation, OK, NO},
        {FileCaseSensitiveInformation, OK, NO},
        {FileIsRemoteDeviceInformation, OK, OK},
        {FileRenameInformation, STATUS_INVALID_INFO_CLASS, STATUS_INVALID_INFO_CLASS},
        {FileDirectoryInformation, STATUS_INVALID_INFO_CLASS, STATUS_INVALID_INFO_CLASS},
        {FileMaximumInformation, STATUS_INVALID_INFO_CLASS, STATUS_INVALID_INFO_CLASS},
    };
    UCHAR buffer[512];
    HANDLE handle = open_for("\\A long name.text", GENERIC_READ, FILE_OPEN, 0);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        check("query of class", rows[i].kind, fltsim_query(handle, rows[i].kind, buffer, sizeof buffer),
              unit.ntfs ? rows[i].ntfs : rows[i].fat);
        if (rows[i].ntfs == OK)
            check("short query of class", rows[i].kind, fltsim_query(handle, rows[i].kind, buffer, 0),
                  STATUS_INFO_LENGTH_MISMATCH);
    }
    close_it(handle);
}

static void file_classes_are_answered(void **state) { for_both(query_each); }

static void query_each_of_volume(void)
{
    static const struct class_row rows[] = {
        {FileFsVolumeInformation, OK, OK},
        {FileFsSizeInformation, OK, OK},
        {FileFsDeviceInformation, OK, OK},
        {FileFsAttributeInformation, OK, OK},
        {FileFsFullSizeInformation, OK, OK},
        {FileFsSectorSizeInformation, OK, OK},
        {FileFsControlInformation, OK, NO},
        {FileFsObjectIdInformation, STATUS_OBJECT_NAME_NOT_FOUND, NO},
        {FileFsMaximumInformation, STATUS_INVALID_INFO_CLASS, STATUS_INVALID_INFO_CLASS},
    };
    UCHAR buffer[512];
    HANDLE handle = open_for("\\", GENERIC_READ, FILE_OPEN, 0);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        check("query of volume class", rows[i].kind, fltsim_query_volume(handle, rows[i].kind, buffer, sizeof buffer),
              unit.ntfs ? rows[i].ntfs : rows[i].fat);
    close_it(handle);
}

static void volume_classes_are_answered(void **state) { for_both(query_each_of_volume); }

static void list_each(void)
{
    static const struct class_row rows[] = {
        {FileDirectoryInformation, OK, OK},
        {FileFullDirectoryInformation, OK, OK},
        {FileBothDirectoryInformation, OK, OK},
        {FileNamesInformation, OK, OK},
        {FileIdBothDirectoryInformation, OK, OK},
        {FileIdFullDirectoryInformation, OK, OK},
        {FileIdExtdDirectoryInformation, OK, STATUS_INVALID_INFO_CLASS},
        {FileIdExtdBothDirectoryInformation, OK, STATUS_INVALID_INFO_CLASS},
        {FileIdGlobalTxDirectoryInformation, OK, STATUS_INVALID_INFO_CLASS},
        {FileId64ExtdDirectoryInformation, OK, STATUS_INVALID_INFO_CLASS},
        {FileId64ExtdBothDirectoryInformation, OK, STATUS_INVALID_INFO_CLASS},
        {FileIdAllExtdDirectoryInformation, OK, STATUS_INVALID_INFO_CLASS},
        {FileIdAllExtdBothDirectoryInformation, OK, STATUS_INVALID_INFO_CLASS},
        {FileBasicInformation, STATUS_INVALID_INFO_CLASS, STATUS_INVALID_INFO_CLASS},
    };
    UCHAR buffer[1024];
    IO_STATUS_BLOCK iosb;
    HANDLE handle = open_for("\\", GENERIC_READ, FILE_OPEN, 0);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        check("listing by class", rows[i].kind,
              ZwQueryDirectoryFile(handle, NULL, NULL, NULL, &iosb, buffer, sizeof buffer, rows[i].kind, FALSE, NULL,
                                   TRUE),
              unit.ntfs ? rows[i].ntfs : rows[i].fat);
    close_it(handle);
}

static void folders_are_listed_by_each_class(void **state) { for_both(list_each); }

/* ---- names ---------------------------------------------------------------------------------------- */

static void links_are_listed_with_wide_ids(void **state)
{
    union {
        FILE_LINKS_FULL_ID_INFORMATION info;
        UCHAR bytes[512];
    } links;
    unit_start(FLTSIM_NTFS);
    make_file("\\one", "x");
    make_folder("\\d");
    HANDLE handle = open_for("\\one", GENERIC_READ, FILE_OPEN, 0);
    assert_int_equal(fltsim_link(handle, at("\\d\\second"), false), STATUS_SUCCESS);
    assert_int_equal(fltsim_query(handle, FileHardLinkFullIdInformation, &links, sizeof links), STATUS_SUCCESS);
    assert_int_equal(links.info.EntriesReturned, 2);
    assert_true(links.info.BytesNeeded <= sizeof links);
    assert_int_equal(fltsim_query(handle, FileHardLinkFullIdInformation, &links, links.info.BytesNeeded - 8),
                     STATUS_BUFFER_OVERFLOW);
    assert_int_equal(links.info.EntriesReturned, 1);
    close_it(handle);
    unit_stop();
}

static NTSTATUS set_short(HANDLE handle, const WCHAR *name)
{
    union {
        FILE_NAME_INFORMATION info;
        UCHAR bytes[64];
    } set = {.info.FileNameLength = 0};
    IO_STATUS_BLOCK iosb;
    WCHAR *to = set.info.FileName;
    for (; name[set.info.FileNameLength / 2]; set.info.FileNameLength += 2)
        to[set.info.FileNameLength / 2] = name[set.info.FileNameLength / 2];
    return ZwSetInformationFile(handle, &iosb, &set, sizeof set, FileShortNameInformation);
}

static void short_names_are_set(void **state)
{
    unit_start(FLTSIM_NTFS);
    make_file("\\A long name.text", "text");
    make_file("\\other", "x");
    HANDLE handle = open_for("\\A long name.text", DELETE, FILE_OPEN, 0);
    assert_int_equal(set_short(handle, (const WCHAR *)u"mine.txt"), STATUS_SUCCESS);
    expect_text("\\MINE.TXT", "text");
    assert_int_equal(status_of_open("\\ALONGN~1.TEX"), STATUS_OBJECT_NAME_NOT_FOUND);
    assert_int_equal(set_short(handle, (const WCHAR *)u"other"), STATUS_OBJECT_NAME_COLLISION);
    assert_int_equal(set_short(handle, (const WCHAR *)u"not a short name"), STATUS_INVALID_PARAMETER);
    assert_int_equal(set_short(handle, (const WCHAR *)u"a.b.c"), STATUS_INVALID_PARAMETER);
    assert_int_equal(set_short(handle, (const WCHAR *)u""), STATUS_SUCCESS);
    assert_int_equal(status_of_open("\\MINE.TXT"), STATUS_OBJECT_NAME_NOT_FOUND);
    close_it(handle);
    unit_stop();
}

static void drivers_rename_without_access_checks(void **state)
{
    union {
        FILE_RENAME_INFORMATION info;
        UCHAR bytes[64];
    } rename = {.info.FileNameLength = 4};
    IO_STATUS_BLOCK iosb;
    memcpy(rename.info.FileName, u"to", 4);
    for (int kind = FLTSIM_NTFS; kind <= FLTSIM_FAT; kind++) {
        unit_start(kind);
        make_file("\\from", "text");
        HANDLE handle = open_for("\\from", DELETE, FILE_OPEN, 0);
        assert_int_equal(ZwSetInformationFile(handle, &iosb, &rename, sizeof rename,
                                              FileRenameInformationBypassAccessCheck),
                         STATUS_SUCCESS);
        close_it(handle);
        expect_text("\\to", "text");
        unit_stop();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(file_classes_are_answered),        cmocka_unit_test(volume_classes_are_answered),
        cmocka_unit_test(folders_are_listed_by_each_class), cmocka_unit_test(links_are_listed_with_wide_ids),
        cmocka_unit_test(short_names_are_set),              cmocka_unit_test(drivers_rename_without_access_checks),
    };
    return cmocka_run_group_tests_name("memfs/classes", tests, NULL, NULL);
}
