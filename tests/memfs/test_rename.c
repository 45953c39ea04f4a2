/* Renames and hard links. */
#include "unit.h"

static NTSTATUS rename_to(const char *from, const char *to, bool replace)
{
    HANDLE handle = open_for(from, DELETE | FILE_READ_ATTRIBUTES, FILE_OPEN, 0);
    NTSTATUS status = fltsim_rename(handle, to, replace);
    close_it(handle);
    return status;
}

static void basics(enum fltsim_volume_kind kind)
{
    unit_start(kind);
    make_folder("\\d");
    make_file("\\a", "A");
    make_file("\\b", "B");
    assert_int_equal(rename_to("\\a", "c", false), STATUS_SUCCESS);
    assert_int_equal(status_of_open("\\a"), STATUS_OBJECT_NAME_NOT_FOUND);
    expect_text("\\c", "A");
    assert_int_equal(rename_to("\\c", at("\\d\\moved"), false), STATUS_SUCCESS);
    expect_text("\\d\\moved", "A");
    assert_int_equal(rename_to("\\d\\moved", at("\\b"), false), STATUS_OBJECT_NAME_COLLISION);
    assert_int_equal(rename_to("\\d\\moved", at("\\b"), true), STATUS_SUCCESS);
    expect_text("\\b", "A");
    assert_int_equal(rename_to("\\b", "B", false), STATUS_SUCCESS); /* only the case */
    assert_int_equal(rename_to("\\b", "in*valid", false), STATUS_OBJECT_NAME_INVALID);
    unit_stop();
}

static void files_move(void **state)
{
    basics(FLTSIM_NTFS);
    basics(FLTSIM_FAT);
}

static void a_target_in_use_stays(void **state)
{
    unit_start(FLTSIM_NTFS);
    make_file("\\a", "A");
    make_file("\\b", "B");
    make_folder("\\d");
    HANDLE b = open_for("\\b", GENERIC_READ, FILE_OPEN, 0);
    assert_int_equal(rename_to("\\a", "b", true), STATUS_ACCESS_DENIED);
    close_it(b);
    assert_int_equal(rename_to("\\a", "d", true), STATUS_ACCESS_DENIED);
    assert_int_equal(rename_to("\\a", "b", true), STATUS_SUCCESS);
    unit_stop();
}

static void folders_move_with_what_is_in_them(void **state)
{
    unit_start(FLTSIM_NTFS);
    make_folder("\\d");
    make_folder("\\d\\e");
    make_file("\\d\\e\\f", "deep");
    HANDLE f = open_for("\\d\\e\\f", GENERIC_READ, FILE_OPEN, 0);
    assert_int_equal(rename_to("\\d", "x", false), STATUS_ACCESS_DENIED); /* a file below is open */
    close_it(f);
    assert_int_equal(rename_to("\\d", "x", false), STATUS_SUCCESS);
    expect_text("\\x\\e\\f", "deep");
    assert_int_equal(rename_to("\\x", at("\\x\\e\\y"), false), STATUS_INVALID_PARAMETER);
    unit_stop();
}

static void an_open_file_knows_its_new_name(void **state)
{
    struct {
        FILE_NAME_INFORMATION info;
        WCHAR rest[64];
    } name;
    unit_start(FLTSIM_NTFS);
    make_folder("\\d");
    make_file("\\a", "A");
    HANDLE handle = open_for("\\a", DELETE | GENERIC_READ, FILE_OPEN, 0);
    assert_int_equal(fltsim_rename(handle, at("\\d\\b"), false), STATUS_SUCCESS);
    assert_int_equal(fltsim_query(handle, FileNameInformation, &name, sizeof name), STATUS_SUCCESS);
    assert_int_equal(name.info.FileNameLength, 10 - 2);
    assert_memory_equal(name.info.FileName, u"\\d\\b", 8);
    close_it(handle);
    unit_stop();
}

static void hard_links_share_the_data(void **state)
{
    FILE_STANDARD_INFORMATION info;
    unit_start(FLTSIM_NTFS);
    make_folder("\\d");
    make_file("\\a", "A");
    HANDLE handle = open_for("\\a", GENERIC_READ | GENERIC_WRITE, FILE_OPEN, 0);
    assert_int_equal(fltsim_link(handle, at("\\d\\b"), false), STATUS_SUCCESS);
    assert_int_equal(fltsim_link(handle, at("\\d\\b"), false), STATUS_OBJECT_NAME_COLLISION);
    assert_int_equal(fltsim_query(handle, FileStandardInformation, &info, sizeof info),
                     STATUS_SUCCESS);
    assert_int_equal(info.NumberOfLinks, 2);
    union {
        FILE_LINKS_INFORMATION info;
        UCHAR bytes[256];
    } links;
    assert_int_equal(fltsim_query(handle, FileHardLinkInformation, &links, sizeof links),
                     STATUS_SUCCESS);
    assert_int_equal(links.info.EntriesReturned, 2);
    close_it(handle);
    make_file("\\d\\b", "Z");
    expect_text("\\a", "Z");
    assert_int_equal(fltsim_delete(at("\\a")), STATUS_SUCCESS);
    expect_text("\\d\\b", "Z");
    HANDLE folder = open_for("\\d", GENERIC_READ, FILE_OPEN, FILE_DIRECTORY_FILE);
    assert_int_equal(fltsim_link(folder, at("\\e"), false), STATUS_FILE_IS_A_DIRECTORY);
    close_it(folder);
    unit_stop();
    unit_start(FLTSIM_FAT);
    make_file("\\a", "A");
    handle = open_for("\\a", GENERIC_READ, FILE_OPEN, 0);
    assert_int_equal(fltsim_link(handle, at("\\b"), false), STATUS_INVALID_DEVICE_REQUEST);
    close_it(handle);
    unit_stop();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_move),
        cmocka_unit_test(a_target_in_use_stays),
        cmocka_unit_test(folders_move_with_what_is_in_them),
        cmocka_unit_test(an_open_file_knows_its_new_name),
        cmocka_unit_test(hard_links_share_the_data),
    };
    return cmocka_run_group_tests_name("memfs/rename", tests, NULL, NULL);
}
