/* Deletions of every kind: dispositions, delete on close, POSIX, folders, streams. */
#include "unit.h"

static NTSTATUS dispose(HANDLE handle, ULONG flags)
{
    FILE_DISPOSITION_INFORMATION_EX info = {.Flags = flags};
    return fltsim_set(handle, FileDispositionInformationEx, &info, sizeof info);
}

static void goes_with_the_last_handle(enum fltsim_volume_kind kind)
{
    HANDLE third;
    unit_start(kind);
    make_file("\\f", "x");
    HANDLE a = open_for("\\f", GENERIC_READ | DELETE, FILE_OPEN, 0);
    HANDLE b = open_for("\\f", GENERIC_READ, FILE_OPEN, 0);
    assert_int_equal(fltsim_set_delete(a, true), STATUS_SUCCESS);
    FILE_STANDARD_INFORMATION info;
    assert_int_equal(fltsim_query(b, FileStandardInformation, &info, sizeof info), STATUS_SUCCESS);
    assert_true(info.DeletePending);
    assert_int_equal(info.NumberOfLinks, 0);
    assert_int_equal(try_open("\\f", GENERIC_READ, FILE_OPEN, 0, &third), STATUS_DELETE_PENDING);
    close_it(a);
    assert_int_equal(try_open("\\f", GENERIC_READ, FILE_OPEN, 0, &third), STATUS_DELETE_PENDING);
    close_it(b);
    assert_int_equal(status_of_open("\\f"), STATUS_OBJECT_NAME_NOT_FOUND);
    make_file("\\f", "again");
    expect_text("\\f", "again");
    unit_stop();
}

static void a_file_goes_with_its_last_handle(void **state)
{
    goes_with_the_last_handle(FLTSIM_NTFS);
    goes_with_the_last_handle(FLTSIM_FAT);
}

static NTSTATUS ask_class_after_the_end(HANDLE handle, FILE_INFORMATION_CLASS kind, ULONG size)
{
    union {
        FILE_STANDARD_INFORMATION standard;
        FILE_INTERNAL_INFORMATION internal;
    } info;
    PFILE_OBJECT file;
    ULONG length;
    assert_int_equal(ObReferenceObjectByHandle(handle, 0, NULL, KernelMode, (PVOID *)&file, NULL), STATUS_SUCCESS);
    close_it(handle);
    NTSTATUS status = IoQueryFileInformation(file, kind, size, &info, &length);
    ObDereferenceObject(file);
    return status;
}

static NTSTATUS ask_after_the_end(HANDLE handle)
{
    return ask_class_after_the_end(handle, FileStandardInformation, sizeof(FILE_STANDARD_INFORMATION));
}

static void who_asks_a_deleted_file_is_told_so(void **state)
{
    for (int kind = FLTSIM_NTFS; kind <= FLTSIM_FAT; kind++) {
        unit_start(kind);
        make_file("\\f", "x");
        assert_int_equal(ask_after_the_end(open_for("\\f", GENERIC_READ, FILE_OPEN, 0)), STATUS_SUCCESS);
        HANDLE handle = open_for("\\f", DELETE, FILE_OPEN, 0);
        assert_int_equal(fltsim_set_delete(handle, true), STATUS_SUCCESS);
        assert_int_equal(ask_after_the_end(handle), STATUS_FILE_DELETED);
        unit_stop();
    }
}

static HANDLE open_to_go(const char *name)
{
    HANDLE handle = open_for(name, DELETE, FILE_OPEN, 0);
    assert_int_equal(fltsim_set_delete(handle, true), STATUS_SUCCESS);
    return handle;
}

static void a_deleted_stream_is_told_from_a_deleted_file_by_the_files_id(void **state)
{
    const ULONG size = sizeof(FILE_INTERNAL_INFORMATION);
    unit_start(FLTSIM_NTFS);
    make_file("\\f", "x");
    make_file("\\f:s", "x");
    assert_int_equal(ask_class_after_the_end(open_to_go("\\f:s"), FileInternalInformation, size), STATUS_SUCCESS);
    make_file("\\f:s", "x");
    assert_int_equal(ask_after_the_end(open_to_go("\\f:s")), STATUS_FILE_DELETED);
    assert_int_equal(ask_class_after_the_end(open_to_go("\\f"), FileInternalInformation, size), STATUS_FILE_DELETED);
    unit_stop();
}

static void a_disposition_can_be_taken_back(void **state)
{
    unit_start(FLTSIM_NTFS);
    make_file("\\f", "x");
    HANDLE a = open_for("\\f", DELETE, FILE_OPEN, 0);
    assert_int_equal(fltsim_set_delete(a, true), STATUS_SUCCESS);
    assert_int_equal(fltsim_set_delete(a, false), STATUS_SUCCESS);
    close_it(a);
    expect_text("\\f", "x");
    unit_stop();
}

static void delete_on_close_waits_for_its_handle(void **state)
{
    unit_start(FLTSIM_NTFS);
    make_file("\\f", "x");
    HANDLE a = open_for("\\f", GENERIC_READ | DELETE, FILE_OPEN, FILE_DELETE_ON_CLOSE);
    HANDLE b = open_for("\\f", GENERIC_READ, FILE_OPEN, 0); /* not yet pending */
    close_it(a);
    assert_int_equal(status_of_open("\\f"), STATUS_DELETE_PENDING);
    close_it(b);
    assert_int_equal(status_of_open("\\f"), STATUS_OBJECT_NAME_NOT_FOUND);
    unit_stop();
}

static void posix_deletion_takes_the_name_at_once(void **state)
{
    char text[4];
    size_t done;
    unit_start(FLTSIM_NTFS);
    make_file("\\f", "old");
    HANDLE reader = open_for("\\f", GENERIC_READ, FILE_OPEN, 0);
    HANDLE a = open_for("\\f", DELETE, FILE_OPEN, 0);
    assert_int_equal(dispose(a, FILE_DISPOSITION_DELETE | FILE_DISPOSITION_POSIX_SEMANTICS),
                     STATUS_SUCCESS);
    close_it(a);
    assert_int_equal(status_of_open("\\f"), STATUS_OBJECT_NAME_NOT_FOUND);
    make_file("\\f", "new");
    assert_int_equal(fltsim_read(reader, text, sizeof text, 0, &done), STATUS_SUCCESS);
    assert_memory_equal(text, "old", 3);
    close_it(reader);
    expect_text("\\f", "new");
    unit_stop();
}

static void some_files_may_not_be_deleted(void **state)
{
    unit_start(FLTSIM_NTFS);
    make_folder("\\d");
    make_file("\\d\\f", "x");
    assert_int_equal(fltsim_delete(at("\\d")), STATUS_DIRECTORY_NOT_EMPTY);
    assert_int_equal(fltsim_delete(at("\\d\\f")), STATUS_SUCCESS);
    assert_int_equal(fltsim_delete(at("\\d")), STATUS_SUCCESS);
    assert_int_equal(status_of_open("\\d"), STATUS_OBJECT_NAME_NOT_FOUND);
    HANDLE root = open_for("\\", DELETE, FILE_OPEN, FILE_DIRECTORY_FILE);
    assert_int_equal(fltsim_set_delete(root, true), STATUS_CANNOT_DELETE);
    close_it(root);
    HANDLE handle;
    struct fltsim_open open = {
        .access = DELETE, .disposition = FILE_CREATE, .attributes = FILE_ATTRIBUTE_READONLY};
    assert_int_equal(fltsim_open(at("\\ro"), &open, &handle), STATUS_SUCCESS);
    assert_int_equal(fltsim_set_delete(handle, true), STATUS_CANNOT_DELETE);
    assert_int_equal(
        dispose(handle, FILE_DISPOSITION_DELETE | FILE_DISPOSITION_IGNORE_READONLY_ATTRIBUTE),
        STATUS_SUCCESS);
    close_it(handle);
    assert_int_equal(status_of_open("\\ro"), STATUS_OBJECT_NAME_NOT_FOUND);
    unit_stop();
}

static void a_folder_that_filled_stays(void **state)
{
    unit_start(FLTSIM_NTFS);
    make_folder("\\d");
    HANDLE folder = open_for("\\d", GENERIC_READ | DELETE, FILE_OPEN,
                             FILE_DIRECTORY_FILE | FILE_DELETE_ON_CLOSE);
    make_file("\\d\\f", "x");
    close_it(folder);
    expect_text("\\d\\f", "x");
    unit_stop();
}

static void a_stream_goes_alone_or_with_its_file(void **state)
{
    unit_start(FLTSIM_NTFS);
    make_file("\\f", "main");
    make_file("\\f:a", "first");
    make_file("\\f:b", "second");
    assert_int_equal(fltsim_delete(at("\\f:a")), STATUS_SUCCESS);
    assert_int_equal(status_of_open("\\f:a"), STATUS_OBJECT_NAME_NOT_FOUND);
    expect_text("\\f:b", "second");
    expect_text("\\f", "main");
    HANDLE b = open_for("\\f:b", GENERIC_READ, FILE_OPEN, 0);
    assert_int_equal(fltsim_delete(at("\\f")), STATUS_SUCCESS);
    assert_int_equal(status_of_open("\\f"), STATUS_DELETE_PENDING); /* a handle came by that name */
    close_it(b);
    assert_int_equal(status_of_open("\\f"), STATUS_OBJECT_NAME_NOT_FOUND);
    unit_stop();
}

static void overwriting_takes_the_other_streams(void **state)
{
    unit_start(FLTSIM_NTFS);
    make_file("\\f", "main");
    make_file("\\f:a", "first");
    close_it(open_for("\\f", GENERIC_WRITE, FILE_OVERWRITE, 0));
    assert_int_equal(status_of_open("\\f:a"), STATUS_OBJECT_NAME_NOT_FOUND);
    make_file("\\f:a", "new");
    expect_text("\\f:a", "new");
    unit_stop();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_goes_with_its_last_handle),
        cmocka_unit_test(who_asks_a_deleted_file_is_told_so),
        cmocka_unit_test(a_deleted_stream_is_told_from_a_deleted_file_by_the_files_id),
        cmocka_unit_test(a_disposition_can_be_taken_back),
        cmocka_unit_test(delete_on_close_waits_for_its_handle),
        cmocka_unit_test(posix_deletion_takes_the_name_at_once),
        cmocka_unit_test(some_files_may_not_be_deleted),
        cmocka_unit_test(a_folder_that_filled_stays),
        cmocka_unit_test(a_stream_goes_alone_or_with_its_file),
        cmocka_unit_test(overwriting_takes_the_other_streams),
    };
    return cmocka_run_group_tests_name("memfs/delete", tests, NULL, NULL);
}
