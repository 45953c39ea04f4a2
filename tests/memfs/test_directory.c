/* Enumeration, and being told of changes. */
#include "unit.h"

struct seen {
    char names[64][64];
    unsigned count;
};

static bool note(const char *name, ULONG attributes, uint64_t size, void *context)
{
    struct seen *seen = context;
    snprintf(seen->names[seen->count++], sizeof seen->names[0], "%s", name);
    return true;
}

static struct seen list(const char *path, const char *pattern, NTSTATUS wanted)
{
    struct seen seen = {.count = 0};
    HANDLE folder = open_for(path, FILE_LIST_DIRECTORY, FILE_OPEN, FILE_DIRECTORY_FILE);
    assert_int_equal(fltsim_enumerate(folder, pattern, note, &seen), wanted);
    close_it(folder);
    return seen;
}

static void populate(void)
{
    make_folder("\\d");
    make_file("\\d\\beta.txt", "2");
    make_file("\\d\\Alpha.txt", "1");
    make_file("\\d\\gamma", "3");
    make_folder("\\d\\Delta");
}

static void folders_list_their_children(void **state)
{
    static const char *const ntfs[] = {".", "..", "Alpha.txt", "beta.txt", "Delta", "gamma"};
    static const char *const fat[] = {".", "..", "beta.txt", "Alpha.txt", "gamma", "Delta"};
    for (int kind = FLTSIM_NTFS; kind <= FLTSIM_FAT; kind++) {
        unit_start(kind);
        populate();
        struct seen seen = list("\\d", NULL, STATUS_SUCCESS);
        assert_int_equal(seen.count, 6);
        for (unsigned i = 0; i < 6; i++)
            assert_string_equal(seen.names[i], kind == FLTSIM_NTFS ? ntfs[i] : fat[i]);
        seen = list("\\d", "*.txt", STATUS_SUCCESS);
        assert_int_equal(seen.count, 2);
        seen = list("\\d", "GAMMA", STATUS_SUCCESS);
        assert_int_equal(seen.count, 1);
        assert_string_equal(seen.names[0], "gamma");
        unit_stop();
    }
}

static void nothing_matches(void **state)
{
    union {
        FILE_NAMES_INFORMATION info;
        UCHAR bytes[512];
    } buffer;
    IO_STATUS_BLOCK iosb;
    UNICODE_STRING pattern = RTL_CONSTANT_STRING((WCHAR *)u"none*");
    unit_start(FLTSIM_NTFS);
    populate();
    HANDLE folder = open_for("\\d", FILE_LIST_DIRECTORY, FILE_OPEN, FILE_DIRECTORY_FILE);
    pattern.Length = 10;
    assert_int_equal(ZwQueryDirectoryFile(folder, NULL, NULL, NULL, &iosb, &buffer, sizeof buffer,
                                          FileNamesInformation, FALSE, &pattern, FALSE),
                     STATUS_NO_SUCH_FILE);
    assert_int_equal(ZwQueryDirectoryFile(folder, NULL, NULL, NULL, &iosb, &buffer, sizeof buffer,
                                          FileNamesInformation, FALSE, NULL, FALSE),
                     STATUS_NO_MORE_FILES);
    close_it(folder);
    unit_stop();
}

static NTSTATUS next(HANDLE folder, void *buffer, ULONG length, FILE_INFORMATION_CLASS kind,
                     bool single, bool restart, ULONG_PTR *done)
{
    IO_STATUS_BLOCK iosb = {.Information = 0};
    NTSTATUS status = ZwQueryDirectoryFile(folder, NULL, NULL, NULL, &iosb, buffer, length, kind,
                                           single, NULL, restart);
    *done = iosb.Information;
    return status;
}

static void single_entries_and_restarts(void **state)
{
    union {
        FILE_BOTH_DIR_INFORMATION info;
        UCHAR bytes[512];
    } buffer;
    ULONG_PTR done;
    unit_start(FLTSIM_NTFS);
    populate();
    HANDLE folder = open_for("\\d", FILE_LIST_DIRECTORY, FILE_OPEN, FILE_DIRECTORY_FILE);
    static const unsigned lengths[] = {2, 4, 18, 16, 10, 10};
    for (int pass = 0; pass < 2; pass++) {
        for (unsigned i = 0; i < 6; i++) {
            assert_int_equal(next(folder, &buffer, sizeof buffer, FileBothDirectoryInformation,
                                  true, pass == 1 && i == 0, &done),
                             STATUS_SUCCESS);
            assert_int_equal(buffer.info.FileNameLength, lengths[i]);
            assert_int_equal(buffer.info.NextEntryOffset, 0);
        }
        assert_int_equal(
            next(folder, &buffer, sizeof buffer, FileBothDirectoryInformation, true, false, &done),
            STATUS_NO_MORE_FILES);
    }
    close_it(folder);
    unit_stop();
}

static void entries_that_do_not_fit(void **state)
{
    union {
        FILE_DIRECTORY_INFORMATION info;
        UCHAR bytes[1024];
    } buffer;
    ULONG head = FIELD_OFFSET(FILE_DIRECTORY_INFORMATION, FileName);
    ULONG_PTR done;
    unit_start(FLTSIM_NTFS);
    make_file("\\long name that does not fit", "x");
    HANDLE folder = open_for("\\", FILE_LIST_DIRECTORY, FILE_OPEN, FILE_DIRECTORY_FILE);
    assert_int_equal(next(folder, &buffer, head + 8, FileDirectoryInformation, false, false, &done),
                     STATUS_BUFFER_OVERFLOW);
    assert_int_equal(buffer.info.FileNameLength, 54);
    assert_memory_equal(buffer.info.FileName, u"long", 8);
    assert_int_equal(
        next(folder, &buffer, sizeof buffer, FileDirectoryInformation, false, false, &done),
        STATUS_SUCCESS);
    assert_int_equal(buffer.info.FileNameLength, 54);
    assert_int_equal(buffer.info.EndOfFile.QuadPart, 1);
    close_it(folder);
    unit_stop();
}

static void every_class_tells_the_same(void **state)
{
    static const struct {
        FILE_INFORMATION_CLASS kind;
        ULONG name;
    } classes[] = {
        {FileDirectoryInformation, FIELD_OFFSET(FILE_DIRECTORY_INFORMATION, FileName)},
        {FileFullDirectoryInformation, FIELD_OFFSET(FILE_FULL_DIR_INFORMATION, FileName)},
        {FileBothDirectoryInformation, FIELD_OFFSET(FILE_BOTH_DIR_INFORMATION, FileName)},
        {FileIdBothDirectoryInformation, FIELD_OFFSET(FILE_ID_BOTH_DIR_INFORMATION, FileName)},
        {FileIdFullDirectoryInformation, FIELD_OFFSET(FILE_ID_FULL_DIR_INFORMATION, FileName)},
        {FileIdExtdDirectoryInformation, FIELD_OFFSET(FILE_ID_EXTD_DIR_INFORMATION, FileName)},
    };
    UCHAR buffer[512];
    ULONG_PTR done;
    unit_start(FLTSIM_NTFS);
    make_file("\\only", "12345");
    for (unsigned i = 0; i < sizeof classes / sizeof *classes; i++) {
        HANDLE folder = open_for("\\", FILE_LIST_DIRECTORY, FILE_OPEN, FILE_DIRECTORY_FILE);
        assert_int_equal(next(folder, buffer, sizeof buffer, classes[i].kind, false, false, &done),
                         STATUS_SUCCESS);
        FILE_DIRECTORY_INFORMATION *info = (void *)buffer;
        assert_int_equal(info->EndOfFile.QuadPart, 5);
        assert_int_equal(info->FileNameLength, 8);
        assert_memory_equal(buffer + classes[i].name, u"only", 8);
        assert_int_equal(done, classes[i].name + 8);
        close_it(folder);
    }
    unit_stop();
}

static void changing_while_listing(void **state)
{
    UCHAR buffer[512];
    ULONG_PTR done;
    char path[32];
    unit_start(FLTSIM_NTFS);
    make_folder("\\d");
    for (int i = 0; i < 10; i++) {
        snprintf(path, sizeof path, "\\d\\f%d", i);
        make_file(path, "x");
    }
    HANDLE folder = open_for("\\d", FILE_LIST_DIRECTORY, FILE_OPEN, FILE_DIRECTORY_FILE);
    unsigned count = 0;
    while (next(folder, buffer, sizeof buffer, FileNamesInformation, true, false, &done) ==
           STATUS_SUCCESS) {
        FILE_NAMES_INFORMATION *info = (void *)buffer;
        if (info->FileNameLength != 4 || info->FileName[0] != 'f')
            continue;
        snprintf(path, sizeof path, "\\d\\f%c", (char)info->FileName[1]);
        assert_int_equal(fltsim_delete(at(path)), STATUS_SUCCESS);
        count++;
    }
    assert_int_equal(count, 10);
    close_it(folder);
    assert_int_equal(fltsim_delete(at("\\d")), STATUS_SUCCESS);
    unit_stop();
}

static void watchers_are_told(void **state)
{
    union {
        FILE_NOTIFY_INFORMATION info;
        UCHAR bytes[256];
    } buffer;
    IO_STATUS_BLOCK iosb = {.Status = STATUS_PENDING};
    HANDLE folder;
    unit_start(FLTSIM_NTFS);
    make_folder("\\d");
    struct fltsim_open open = {
        .access = FILE_LIST_DIRECTORY, .options = FILE_DIRECTORY_FILE, .asynchronous = true};
    assert_int_equal(fltsim_open(at("\\d"), &open, &folder), STATUS_SUCCESS);
    NTSTATUS status =
        ZwNotifyChangeDirectoryFile(folder, NULL, NULL, NULL, &iosb, &buffer, sizeof buffer,
                                    FILE_NOTIFY_CHANGE_FILE_NAME, FALSE);
    assert_int_equal(status, STATUS_PENDING);
    make_file("\\elsewhere", "x");
    assert_int_equal(iosb.Status, STATUS_PENDING);
    make_file("\\d\\new", "x");
    assert_int_equal(iosb.Status, STATUS_SUCCESS);
    assert_int_equal(buffer.info.Action, FILE_ACTION_ADDED);
    assert_int_equal(buffer.info.FileNameLength, 6);
    assert_memory_equal(buffer.info.FileName, u"new", 6);
    close_it(folder);
    unit_stop();
}

/* As programs are told that the folder which they watch is deleted: by whatever handle, and however. */
static void watchers_of_a_folder_that_is_deleted_are_told_so(void **state)
{
    static const struct {
        ULONG options, flags;
    } rows[] = {{0, FILE_DISPOSITION_DELETE},
                {0, FILE_DISPOSITION_DELETE | FILE_DISPOSITION_POSIX_SEMANTICS},
                {FILE_DELETE_ON_CLOSE, 0}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        IO_STATUS_BLOCK iosb = {.Status = STATUS_PENDING}, above = {.Status = STATUS_PENDING}, again;
        _Alignas(8) UCHAR buffer[256], other[256];
        HANDLE folder, parent;
        unit_start(FLTSIM_NTFS);
        make_folder("\\p");
        make_folder("\\p\\d");
        struct fltsim_open open = {
            .access = FILE_LIST_DIRECTORY, .options = FILE_DIRECTORY_FILE, .asynchronous = true};
        assert_int_equal(fltsim_open(at("\\p\\d"), &open, &folder), STATUS_SUCCESS);
        assert_int_equal(fltsim_open(at("\\p"), &open, &parent), STATUS_SUCCESS);
        assert_int_equal(ZwNotifyChangeDirectoryFile(folder, NULL, NULL, NULL, &iosb, buffer, sizeof buffer,
                                                     FILE_NOTIFY_CHANGE_FILE_NAME, FALSE),
                         STATUS_PENDING);
        assert_int_equal(ZwNotifyChangeDirectoryFile(parent, NULL, NULL, NULL, &above, other, sizeof other,
                                                     FILE_NOTIFY_CHANGE_DIR_NAME, FALSE),
                         STATUS_PENDING);
        HANDLE handle = open_for("\\p\\d", DELETE, FILE_OPEN, FILE_DIRECTORY_FILE | rows[i].options);
        FILE_DISPOSITION_INFORMATION_EX gone = {rows[i].flags};
        if (rows[i].flags)
            assert_int_equal(fltsim_set(handle, FileDispositionInformationEx, &gone, sizeof gone), STATUS_SUCCESS);
        close_it(handle);
        assert_int_equal(iosb.Status, STATUS_DELETE_PENDING);
        assert_int_equal(ZwNotifyChangeDirectoryFile(folder, NULL, NULL, NULL, &again, buffer, sizeof buffer,
                                                     FILE_NOTIFY_CHANGE_FILE_NAME, FALSE),
                         STATUS_DELETE_PENDING);
        close_it(folder);
        assert_int_equal(above.Status, STATUS_SUCCESS);
        assert_int_equal(((PFILE_NOTIFY_INFORMATION)other)->Action, FILE_ACTION_REMOVED);
        close_it(parent);
        unit_stop();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(folders_list_their_children), cmocka_unit_test(nothing_matches),
        cmocka_unit_test(single_entries_and_restarts), cmocka_unit_test(entries_that_do_not_fit),
        cmocka_unit_test(every_class_tells_the_same),  cmocka_unit_test(changing_while_listing),
        cmocka_unit_test(watchers_are_told),
        cmocka_unit_test(watchers_of_a_folder_that_is_deleted_are_told_so),
    };
    return cmocka_run_group_tests_name("memfs/directory", tests, NULL, NULL);
}
