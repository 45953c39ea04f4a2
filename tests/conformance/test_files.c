/* What creates, renames, reads and writes of files answer. All of it was seen on Windows by published test suites. */
#include "files.h"

/* ---- creates ---- */

enum there { NONE, PLAIN, READ_ONLY };

static void dispositions_answer_by_what_is_there(void)
{
    enum { A = FILE_ATTRIBUTE_ARCHIVE, R = FILE_ATTRIBUTE_READONLY };
    static const struct {
        enum there there;
        ULONG disposition, attributes;
        NTSTATUS status;
        ULONG_PTR information;
        ULONG then;
    } rows[] = {
        {NONE, FILE_CREATE, R, STATUS_SUCCESS, FILE_CREATED, A | R},
        {READ_ONLY, FILE_CREATE, 0, STATUS_OBJECT_NAME_COLLISION, 0, 0},
        {NONE, FILE_CREATE, 0, STATUS_SUCCESS, FILE_CREATED, A},
        {PLAIN, FILE_OPEN, R, STATUS_SUCCESS, FILE_OPENED, A},
        {NONE, FILE_OPEN, R, STATUS_OBJECT_NAME_NOT_FOUND, 0, 0},
        {NONE, FILE_OPEN_IF, 0, STATUS_SUCCESS, FILE_CREATED, A},
        {PLAIN, FILE_OPEN_IF, R, STATUS_SUCCESS, FILE_OPENED, A},
        {NONE, FILE_OPEN_IF, R, STATUS_SUCCESS, FILE_CREATED, A | R},
        {READ_ONLY, FILE_OPEN_IF, 0, STATUS_SUCCESS, FILE_OPENED, A | R},
        {READ_ONLY, FILE_OVERWRITE, 0, STATUS_ACCESS_DENIED, 0, 0},
        {NONE, FILE_OVERWRITE, 0, STATUS_OBJECT_NAME_NOT_FOUND, 0, 0},
        {PLAIN, FILE_OVERWRITE, R, STATUS_SUCCESS, FILE_OVERWRITTEN, A | R},
        {READ_ONLY, FILE_OVERWRITE_IF, 0, STATUS_ACCESS_DENIED, 0, 0},
        {NONE, FILE_OVERWRITE_IF, 0, STATUS_SUCCESS, FILE_CREATED, A},
        {PLAIN, FILE_OVERWRITE_IF, R, STATUS_SUCCESS, FILE_OVERWRITTEN, A | R},
        {READ_ONLY, FILE_SUPERSEDE, 0, STATUS_SUCCESS, FILE_SUPERSEDED, A},
        {PLAIN, FILE_SUPERSEDE, R, STATUS_SUCCESS, FILE_SUPERSEDED, A | R},
        {NONE, FILE_SUPERSEDE, 0, STATUS_SUCCESS, FILE_CREATED, A},
    };
    const WCHAR *name = FILE_ON_C(L"f");
    HANDLE handle;

    volume_set();
    for (size_t i = 0; i < ARRAYSIZE(rows); i++) {
        if (rows[i].there != NONE)
            succeeds(ZwClose(make(name, rows[i].there == READ_ONLY ? R : 0, false)));
        NTSTATUS status = create(name, GENERIC_READ, rows[i].attributes, FILE_SHARE_READ | FILE_SHARE_WRITE,
                                 rows[i].disposition, 0, &handle);
        differ(i, "create", status, rows[i].status);
        if (NT_SUCCESS(status)) {
            differ_number(i, "information", iosb.Information, rows[i].information);
            differ_number(i, "attributes", attributes_of(name), rows[i].then);
            succeeds(ZwClose(handle));
        }
        forget(name);
    }
    assert_int_equal(differences, 0);
}

static void a_folder_is_opened_but_not_replaced(void)
{
    static const struct {
        ULONG disposition, options;
        NTSTATUS status;
    } rows[] = {
        {FILE_OPEN, FILE_DIRECTORY_FILE, STATUS_SUCCESS},
        {FILE_CREATE, FILE_DIRECTORY_FILE, STATUS_OBJECT_NAME_COLLISION},
        {FILE_OPEN_IF, FILE_DIRECTORY_FILE, STATUS_SUCCESS},
        {FILE_SUPERSEDE, FILE_DIRECTORY_FILE, STATUS_INVALID_PARAMETER},
        {FILE_OVERWRITE, FILE_DIRECTORY_FILE, STATUS_INVALID_PARAMETER},
        {FILE_OVERWRITE_IF, FILE_DIRECTORY_FILE, STATUS_INVALID_PARAMETER},
        {FILE_OPEN, 0, STATUS_SUCCESS},
        {FILE_CREATE, 0, STATUS_OBJECT_NAME_COLLISION},
        {FILE_OPEN_IF, 0, STATUS_SUCCESS},
        {FILE_SUPERSEDE, 0, STATUS_OBJECT_NAME_COLLISION},
        {FILE_OVERWRITE, 0, STATUS_OBJECT_NAME_COLLISION},
        {FILE_OVERWRITE_IF, 0, STATUS_OBJECT_NAME_COLLISION},
    };
    HANDLE handle;

    volume_set();
    succeeds(ZwClose(make(FILE_ON_C(L"d"), 0, true)));
    for (size_t i = 0; i < ARRAYSIZE(rows); i++) {
        NTSTATUS status =
            create(FILE_ON_C(L"d"), GENERIC_READ, 0, ALL_SHARED, rows[i].disposition, rows[i].options, &handle);
        differ(i, "create", status, rows[i].status);
        if (NT_SUCCESS(status))
            succeeds(ZwClose(handle));
    }
    assert_int_equal(differences, 0);
}

static void names_that_no_file_can_have_are_invalid(void)
{
    static const WCHAR *const names[] = {
        FILE_ON_C(L"afile?"), FILE_ON_C(L"a|b"), L"\\\\?\\", L"\\??\\", L"\\DosDevices\\",
    };
    FILE_NETWORK_OPEN_INFORMATION info;
    HANDLE handle;

    volume_set();
    for (size_t i = 0; i < ARRAYSIZE(names); i++) {
        differ(i, "a folder",
               create(names[i], GENERIC_READ, 0, FILE_SHARE_READ, FILE_CREATE, FILE_DIRECTORY_FILE, &handle),
               STATUS_OBJECT_NAME_INVALID);
        differ(i, "a file",
               create(names[i], GENERIC_WRITE, 0, 0, FILE_CREATE, FILE_NON_DIRECTORY_FILE, &handle),
               STATUS_OBJECT_NAME_INVALID);
        differ(i, "attributes", ZwQueryFullAttributesFile(named(names[i]), &info), STATUS_OBJECT_NAME_INVALID);
    }
    answers(STATUS_INVALID_PARAMETER,
            ZwCreateFile(&handle, FILE_APPEND_DATA, named(FILE_ON_C(L"f")), &iosb, NULL, FILE_ATTRIBUTE_NORMAL, 0, FILE_OPEN_IF,
                         FILE_SYNCHRONOUS_IO_NONALERT, NULL, 0));
    assert_int_equal(differences, 0);
}

static LONGLONG position_of(HANDLE handle)
{
    FILE_POSITION_INFORMATION position;
    succeeds(ZwQueryInformationFile(handle, &iosb, &position, sizeof position, FilePositionInformation));
    return position.CurrentByteOffset.QuadPart;
}

static void an_empty_name_opens_the_same_file_with_a_position_of_its_own(void)
{
    OBJECT_ATTRIBUTES attributes;
    HANDLE first, second;
    char text_[16];

    volume_set();
    first = make(FILE_ON_C(L"f"), 0, false);
    succeeds(ZwWriteFile(first, NULL, NULL, NULL, &iosb, "Hello World", 11, NULL, NULL));
    InitializeObjectAttributes(&attributes, text(L""), OBJ_KERNEL_HANDLE, first, NULL);
    succeeds(ZwOpenFile(&second, SYNCHRONIZE | FILE_READ_DATA, &attributes, &iosb, ALL_SHARED, FILE_SYNCHRONOUS_IO_NONALERT));
    assert_int_equal(position_of(first), 11);
    assert_int_equal(position_of(second), 0);
    succeeds(ZwReadFile(second, NULL, NULL, NULL, &iosb, text_, sizeof text_, NULL, NULL));
    assert_int_equal(iosb.Information, 11);
    assert_memory_equal(text_, "Hello World", 11);
    assert_int_equal(position_of(first), 11);
    assert_int_equal(position_of(second), 11);
    succeeds(ZwClose(second));
    succeeds(ZwClose(first));
}

static void deleting_by_name_says_nothing_of_a_folder_with_something_in_it(void)
{
    volume_set();
    succeeds(ZwClose(make(FILE_ON_C(L"d"), 0, true)));
    succeeds(ZwDeleteFile(named(FILE_ON_C(L"d"))));
    assert_false(exists(FILE_ON_C(L"d")));
    succeeds(ZwClose(make(FILE_ON_C(L"d"), 0, true)));
    succeeds(ZwClose(make(FILE_ON_C(L"d\\sub"), 0, true)));
    succeeds(ZwDeleteFile(named(FILE_ON_C(L"d"))));
    assert_true(exists(FILE_ON_C(L"d")));
}

/* ---- renames and links ---- */

enum kind { NO_FILE, A_FILE, A_FOLDER };

static NTSTATUS set_name(HANDLE handle, const WCHAR *name, HANDLE root, bool replace, FILE_INFORMATION_CLASS kind)
{
    union {
        FILE_RENAME_INFORMATION info;
        UCHAR bytes[128];
    } new;
    RtlZeroMemory(&new, sizeof new);
    new.info.ReplaceIfExists = replace;
    new.info.RootDirectory = root;
    new.info.FileNameLength = (ULONG)(wcslen(name) * sizeof(WCHAR));
    RtlCopyMemory(new.info.FileName, name, new.info.FileNameLength);
    iosb.Status = UNTOUCHED;
    return ZwSetInformationFile(handle, &iosb, &new, sizeof new.info + new.info.FileNameLength, kind);
}

static bool is_named(HANDLE handle, const WCHAR *name)
{
    union {
        FILE_NAME_INFORMATION info;
        UCHAR bytes[128];
    } is;
    succeeds(ZwQueryInformationFile(handle, &iosb, &is, sizeof is, FileNameInformation));
    UNICODE_STRING got = {(USHORT)is.info.FileNameLength, (USHORT)is.info.FileNameLength, is.info.FileName};
    return same_text(&got, name);
}

static const struct naming {
    enum kind source, target;
    bool replace, target_open, child_open;
    NTSTATUS rename, link;
} namings[] = {
    {A_FILE, NO_FILE, false, false, false, STATUS_SUCCESS, STATUS_SUCCESS},
    {A_FILE, A_FILE, false, false, false, STATUS_OBJECT_NAME_COLLISION, STATUS_OBJECT_NAME_COLLISION},
    {A_FILE, A_FILE, true, false, false, STATUS_SUCCESS, STATUS_SUCCESS},
    {A_FILE, A_FILE, false, true, false, STATUS_OBJECT_NAME_COLLISION, STATUS_OBJECT_NAME_COLLISION},
    {A_FILE, A_FILE, true, true, false, STATUS_ACCESS_DENIED, STATUS_ACCESS_DENIED},
    {A_FOLDER, NO_FILE, false, false, false, STATUS_SUCCESS, STATUS_FILE_IS_A_DIRECTORY},
    {A_FOLDER, NO_FILE, false, false, true, STATUS_ACCESS_DENIED, STATUS_FILE_IS_A_DIRECTORY},
    {A_FOLDER, A_FILE, false, false, false, STATUS_OBJECT_NAME_COLLISION, STATUS_FILE_IS_A_DIRECTORY},
    {A_FOLDER, A_FILE, false, true, false, STATUS_OBJECT_NAME_COLLISION, STATUS_FILE_IS_A_DIRECTORY},
    {A_FOLDER, A_FILE, true, false, false, STATUS_SUCCESS, STATUS_FILE_IS_A_DIRECTORY},
    {A_FOLDER, A_FILE, true, true, false, STATUS_ACCESS_DENIED, STATUS_FILE_IS_A_DIRECTORY},
    {A_FOLDER, A_FOLDER, false, false, false, STATUS_OBJECT_NAME_COLLISION, STATUS_FILE_IS_A_DIRECTORY},
    {A_FOLDER, A_FOLDER, true, false, false, STATUS_ACCESS_DENIED, STATUS_FILE_IS_A_DIRECTORY},
    {A_FOLDER, A_FOLDER, true, true, false, STATUS_ACCESS_DENIED, STATUS_FILE_IS_A_DIRECTORY},
    {A_FILE, A_FOLDER, false, false, false, STATUS_OBJECT_NAME_COLLISION, STATUS_OBJECT_NAME_COLLISION},
    {A_FILE, A_FOLDER, true, false, false, STATUS_ACCESS_DENIED, STATUS_ACCESS_DENIED},
};

static void try_naming(size_t row, const struct naming *n, bool link)
{
    const WCHAR *old = FILE_ON_C(L"old"), *new = FILE_ON_C(L"new");
    NTSTATUS wanted = link ? n->link : n->rename;
    HANDLE source = make(old, 0, n->source == A_FOLDER), target = NULL, child = NULL;

    if (n->target != NO_FILE)
        target = make(new, 0, n->target == A_FOLDER);
    if (target && !n->target_open)
        succeeds(ZwClose(target));
    if (n->child_open)
        child = make(FILE_ON_C(L"old\\child"), 0, false);

    NTSTATUS status = set_name(source, new, NULL, n->replace, link ? FileLinkInformation : FileRenameInformation);
    differ(row, link ? "link" : "rename", status, wanted);
    differ(row, "status block", iosb.Status, NT_SUCCESS(wanted) ? STATUS_SUCCESS : UNTOUCHED);
    differ_number(row, "the old name is there", exists(old), link || !NT_SUCCESS(wanted));
    differ_number(row, "the new name is there", exists(new), NT_SUCCESS(wanted) || n->target != NO_FILE);
    if (NT_SUCCESS(status))
        differ_number(row, "named", is_named(source, link ? L"\\old" : L"\\new"), true);

    if (child) {
        succeeds(ZwClose(child));
        forget(exists(old) ? FILE_ON_C(L"old\\child") : FILE_ON_C(L"new\\child"));
    }
    succeeds(ZwClose(source));
    if (n->target_open)
        succeeds(ZwClose(target));
    forget(old);
    forget(new);
}

static void renames_and_links_answer_by_what_is_there(void)
{
    volume_set();
    for (size_t i = 0; i < ARRAYSIZE(namings); i++) {
        try_naming(i, &namings[i], false);
        try_naming(i, &namings[i], true);
    }
    assert_int_equal(differences, 0);
}

static void a_new_name_may_be_relative_to_a_folder(void)
{
    HANDLE folder, file;
    volume_set();
    succeeds(ZwClose(make(FILE_ON_C(L"d"), 0, true)));
    succeeds(create(FILE_ON_C(L"d"), 0, 0, 0, FILE_OPEN, 0, &folder));
    file = make(FILE_ON_C(L"f"), 0, false);
    succeeds(set_name(file, L"linked", folder, false, FileLinkInformation));
    assert_true(is_named(file, L"\\f"));
    succeeds(set_name(file, L"renamed", folder, false, FileRenameInformation));
    assert_true(is_named(file, L"\\d\\renamed"));
    assert_true(exists(FILE_ON_C(L"d\\linked")));
    succeeds(ZwClose(file));
    succeeds(ZwClose(folder));
}

/* ---- reads and writes ---- */

static const char contents[] = "1234567890abcd";
enum { SIZE = sizeof contents - 1 };

struct transfer {
    bool write;
    LONGLONG at; /* NO_OFFSET: none given */
    ULONG length;
    NTSTATUS status;
    LONGLONG position; /* after it */
    bool told;         /* in the status block */
};
#define NO_OFFSET MINLONGLONG
#define TO_END (-1)
#define AT_POSITION (-2)

static void transfers(HANDLE handle, const struct transfer *t, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char buffer[64];
        LARGE_INTEGER offset = {.QuadPart = t[i].at};
        PLARGE_INTEGER at = t[i].at == NO_OFFSET ? NULL : &offset;
        IO_STATUS_BLOCK block = {.Status = UNTOUCHED, .Information = UNTOUCHED};
        memcpy(buffer, contents, SIZE);
        NTSTATUS status = t[i].write ? ZwWriteFile(handle, NULL, NULL, NULL, &block, buffer, t[i].length, at, NULL)
                                     : ZwReadFile(handle, NULL, NULL, NULL, &block, buffer, t[i].length, at, NULL);
        if (status == STATUS_PENDING) {
            succeeds(ZwWaitForSingleObject(handle, FALSE, NULL));
            status = block.Status;
        }
        differ(i, t[i].write ? "write" : "read", status, t[i].status);
        differ(i, "status block", block.Status, t[i].told ? t[i].status : UNTOUCHED);
        differ_number(i, "position", position_of(handle), t[i].position);
    }
}

static void a_synchronous_file_has_a_position(void)
{
    static const struct transfer rows[] = {
        {true, NO_OFFSET, 7, STATUS_SUCCESS, 7, true},
        {true, TO_END, 7, STATUS_SUCCESS, SIZE, true},
        {false, NO_OFFSET, 0, STATUS_SUCCESS, SIZE, true},
        {false, NO_OFFSET, 60, STATUS_END_OF_FILE, SIZE, true},
        {false, 0, 60, STATUS_SUCCESS, SIZE, true},
        {true, -3, 4, STATUS_INVALID_PARAMETER, SIZE, false},
        {true, -20, 4, STATUS_INVALID_PARAMETER, SIZE, false},
        {true, SIZE - 8, 4, STATUS_SUCCESS, SIZE - 4, true},
        {true, AT_POSITION, 4, STATUS_SUCCESS, SIZE, true},
        {false, NO_OFFSET, 60, STATUS_END_OF_FILE, SIZE, true},
        {false, SIZE, 60, STATUS_END_OF_FILE, SIZE, true},
        {false, SIZE, 0, STATUS_SUCCESS, SIZE, true},
        {false, AT_POSITION, 60, STATUS_END_OF_FILE, SIZE, true},
        {false, AT_POSITION, 0, STATUS_SUCCESS, SIZE, true},
        {false, TO_END, 60, STATUS_INVALID_PARAMETER, SIZE, false},
        {false, -3, 60, STATUS_INVALID_PARAMETER, SIZE, false},
        {false, -20, 60, STATUS_INVALID_PARAMETER, SIZE, false},
        {false, 0, 60, STATUS_SUCCESS, SIZE, true},
        {true, SIZE - 4, 4, STATUS_SUCCESS, SIZE, true},
    };
    volume_set();
    HANDLE handle = make(FILE_ON_C(L"f"), 0, false);
    transfers(handle, rows, ARRAYSIZE(rows));
    succeeds(ZwClose(handle));
    assert_int_equal(differences, 0);
}

static void an_asynchronous_file_has_none(void)
{
    static const struct transfer rows[] = {
        {true, NO_OFFSET, SIZE, STATUS_INVALID_PARAMETER, 0, false},
        {true, AT_POSITION, SIZE, STATUS_INVALID_PARAMETER, 0, false},
        {true, -3, SIZE, STATUS_INVALID_PARAMETER, 0, false},
        {true, 0, SIZE, STATUS_SUCCESS, 0, true},
        {false, NO_OFFSET, 60, STATUS_INVALID_PARAMETER, 0, false},
        {false, TO_END, 60, STATUS_INVALID_PARAMETER, 0, false},
        {false, AT_POSITION, 60, STATUS_INVALID_PARAMETER, 0, false},
        {false, -3, 60, STATUS_INVALID_PARAMETER, 0, false},
        {false, SIZE, 0, STATUS_SUCCESS, 0, true},
        {false, 0, 60, STATUS_SUCCESS, 0, true},
        {true, TO_END, 4, STATUS_SUCCESS, 0, true},
        {false, 0, 60, STATUS_SUCCESS, 0, true},
    };
    HANDLE handle;
    volume_set();
    succeeds(ZwCreateFile(&handle, GENERIC_READ | GENERIC_WRITE, named(FILE_ON_C(L"f")), &iosb, NULL, FILE_ATTRIBUTE_NORMAL, 0,
                          FILE_CREATE, 0, NULL, 0));
    transfers(handle, rows, ARRAYSIZE(rows));
    succeeds(ZwClose(handle));
    assert_int_equal(differences, 0);
}

static void a_handle_that_may_only_append_appends_wherever_it_is_told_to_write(void)
{
    static const struct transfer appending[] = {
        {true, 1, 2, STATUS_SUCCESS, 4, true},
        {true, 3, 2, STATUS_SUCCESS, 6, true},
    };
    HANDLE handle;
    volume_set();
    handle = make(FILE_ON_C(L"f"), 0, false);
    succeeds(ZwWriteFile(handle, NULL, NULL, NULL, &iosb, "fo", 2, NULL, NULL));
    succeeds(ZwClose(handle));
    succeeds(create(FILE_ON_C(L"f"), FILE_APPEND_DATA, 0, 0, FILE_OPEN, 0, &handle));
    transfers(handle, appending, ARRAYSIZE(appending));
    succeeds(ZwClose(handle));
    assert_int_equal(differences, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fltsim_unit_test(dispositions_answer_by_what_is_there),
        fltsim_unit_test(a_folder_is_opened_but_not_replaced),
        fltsim_unit_test(names_that_no_file_can_have_are_invalid),
        fltsim_unit_test(an_empty_name_opens_the_same_file_with_a_position_of_its_own),
        fltsim_unit_test(deleting_by_name_says_nothing_of_a_folder_with_something_in_it),
        fltsim_unit_test(renames_and_links_answer_by_what_is_there),
        fltsim_unit_test(a_new_name_may_be_relative_to_a_folder),
        fltsim_unit_test(a_synchronous_file_has_a_position),
        fltsim_unit_test(an_asynchronous_file_has_none),
        fltsim_unit_test(a_handle_that_may_only_append_appends_wherever_it_is_told_to_write),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
