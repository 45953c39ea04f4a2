/* What deleting files and folders answers, and when they go. All of it was seen on Windows by published test suites. */
#include "files.h"

static NTSTATUS dispose(HANDLE handle, BOOLEAN remove)
{
    FILE_DISPOSITION_INFORMATION info = {remove};
    return ZwSetInformationFile(handle, &iosb, &info, sizeof info, FileDispositionInformation);
}

static void deletion_answers_by_what_is_there(void)
{
    enum { NEVER = 2 };
    static const struct {
        ACCESS_MASK access;
        ULONG attributes, options;
        BOOLEAN folder, full, first, second;
        NTSTATUS status;
        bool gone;
    } rows[] = {
        {GENERIC_WRITE | DELETE, 0, 0, false, false, TRUE, NEVER, STATUS_SUCCESS, true},
        {GENERIC_WRITE | DELETE, FILE_ATTRIBUTE_READONLY, 0, false, false, TRUE, NEVER, STATUS_CANNOT_DELETE, false},
        {GENERIC_WRITE | DELETE, 0, 0, false, false, TRUE, FALSE, STATUS_SUCCESS, false},
        {GENERIC_WRITE | DELETE, 0, FILE_DELETE_ON_CLOSE, false, false, FALSE, NEVER, STATUS_SUCCESS, true},
        {DELETE, 0, 0, true, false, TRUE, NEVER, STATUS_SUCCESS, true},
        {DELETE, 0, 0, true, true, TRUE, NEVER, STATUS_DIRECTORY_NOT_EMPTY, false},
    };
    const WCHAR *name = FILE_ON_C(L"x");
    HANDLE handle;

    volume_set();
    for (size_t i = 0; i < ARRAYSIZE(rows); i++) {
        succeeds(create(name, rows[i].access, rows[i].attributes, 0, FILE_CREATE,
                        rows[i].options | (rows[i].folder ? FILE_DIRECTORY_FILE : 0), &handle));
        if (rows[i].full)
            succeeds(ZwClose(make(FILE_ON_C(L"x\\in"), 0, false)));
        differ(i, "disposition", dispose(handle, rows[i].first), rows[i].status);
        if (rows[i].second != NEVER)
            differ(i, "and back", dispose(handle, rows[i].second), STATUS_SUCCESS);
        succeeds(ZwClose(handle));
        differ_number(i, "gone", !exists(name), rows[i].gone);
        if (rows[i].full)
            forget(FILE_ON_C(L"x\\in"));
        forget(name);
    }
    assert_int_equal(differences, 0);
}

static void a_program_needs_the_right_to_delete(void)
{
    HANDLE handle;
    volume_set();
    succeeds(fltsim_open("C:\\x", &(struct fltsim_open){.access = GENERIC_WRITE, .disposition = FILE_CREATE}, &handle));
    answers(STATUS_ACCESS_DENIED, fltsim_set_delete(handle, true));
    succeeds(fltsim_close(handle));
    assert_true(exists(FILE_ON_C(L"x")));
}

static void a_disposition_cannot_be_asked_and_only_its_first_byte_counts(void)
{
    FILE_DISPOSITION_INFORMATION info;
    ULONG second_byte = 0x100;
    HANDLE handle;

    volume_set();
    succeeds(fltsim_open("C:\\x", &(struct fltsim_open){.access = GENERIC_WRITE | DELETE, .disposition = FILE_CREATE}, &handle));
    answers(STATUS_INVALID_INFO_CLASS, fltsim_query(handle, FileDispositionInformation, &info, sizeof info));
    answers(STATUS_INFO_LENGTH_MISMATCH, fltsim_set(handle, FileDispositionInformation, &info, 0));
    succeeds(fltsim_set(handle, FileDispositionInformation, &second_byte, sizeof second_byte));
    succeeds(fltsim_close(handle));
    assert_true(exists(FILE_ON_C(L"x")));
}

static void delete_on_close_holds_for_whoever_has_the_handle_after(void)
{
    HANDLE first, second;
    volume_set();
    succeeds(create(FILE_ON_C(L"x"), GENERIC_WRITE | DELETE, 0, 0, FILE_CREATE, FILE_DELETE_ON_CLOSE, &first));
    succeeds(ZwDuplicateObject(ZwCurrentProcess(), first, ZwCurrentProcess(), &second, 0, OBJ_KERNEL_HANDLE,
                               DUPLICATE_SAME_ACCESS));
    succeeds(ZwClose(first));
    succeeds(dispose(second, FALSE));
    succeeds(ZwClose(second));
    assert_false(exists(FILE_ON_C(L"x")));
}

static NTSTATUS dispose_ex(HANDLE handle, ULONG flags)
{
    FILE_DISPOSITION_INFORMATION_EX info = {flags};
    return ZwSetInformationFile(handle, &iosb, &info, sizeof info, FileDispositionInformationEx);
}

static bool is_pending(HANDLE handle)
{
    FILE_STANDARD_INFORMATION info;
    succeeds(ZwQueryInformationFile(handle, &iosb, &info, sizeof info, FileStandardInformation));
    return info.DeletePending;
}

static NTSTATUS ask_attributes(void)
{
    FILE_NETWORK_OPEN_INFORMATION info;
    return ZwQueryFullAttributesFile(named(FILE_ON_C(L"x")), &info);
}

static NTSTATUS open_x(ULONG share, ULONG options, PHANDLE handle)
{
    return create(FILE_ON_C(L"x"), DELETE, 0, share, FILE_OPEN, options, handle);
}

/* Two handles to a file or folder that may be shared for deletion. */
static void make_two(bool folder, ULONG options, HANDLE handles[2])
{
    succeeds(create(FILE_ON_C(L"x"), DELETE, 0, FILE_SHARE_DELETE, FILE_CREATE, options | (folder ? FILE_DIRECTORY_FILE : 0),
                    &handles[0]));
    succeeds(open_x(FILE_SHARE_DELETE | FILE_SHARE_WRITE, 0, &handles[1]));
}

static void what_goes_is_pending_until_the_last_handle_closes(void)
{
    HANDLE h[2], more;
    volume_set();
    for (int folder = false; folder <= true; folder++) {
        make_two(folder, 0, h);
        assert_false(is_pending(h[0]));
        succeeds(dispose(h[0], TRUE));
        assert_true(is_pending(h[0]));
        assert_true(is_pending(h[1]));
        answers(STATUS_DELETE_PENDING, ask_attributes());
        answers(STATUS_DELETE_PENDING, open_x(FILE_SHARE_DELETE | FILE_SHARE_WRITE, 0, &more));
        answers(STATUS_DELETE_PENDING, open_x(0, 0, &more));
        succeeds(ZwClose(h[0]));
        answers(STATUS_DELETE_PENDING, ask_attributes());
        succeeds(ZwClose(h[1]));
        answers(STATUS_OBJECT_NAME_NOT_FOUND, ask_attributes());
    }
}

static void another_handle_takes_the_disposition_back(void)
{
    HANDLE h[2];
    volume_set();
    for (int first = 0; first <= 1; first++) {
        make_two(false, 0, h);
        succeeds(dispose(h[0], TRUE));
        assert_true(is_pending(h[1]));
        succeeds(dispose(h[1], FALSE));
        assert_false(is_pending(h[0]));
        succeeds(ZwClose(h[first]));
        succeeds(ZwClose(h[!first]));
        succeeds(ask_attributes());
        forget(FILE_ON_C(L"x"));
    }
}

static void delete_on_close_pends_once_its_handle_closes(void)
{
    HANDLE h[2], more;
    volume_set();
    for (int folder = false; folder <= true; folder++) {
        make_two(folder, FILE_DELETE_ON_CLOSE, h);
        succeeds(ask_attributes());
        answers(STATUS_SHARING_VIOLATION, open_x(0, 0, &more));
        succeeds(ZwClose(h[0]));
        answers(STATUS_DELETE_PENDING, ask_attributes());
        succeeds(ZwClose(h[1]));
        answers(STATUS_OBJECT_NAME_NOT_FOUND, ask_attributes());
    }
}

static void a_folder_with_something_in_it_survives_delete_on_close(void)
{
    HANDLE handle;
    volume_set();
    succeeds(ZwClose(make(FILE_ON_C(L"x"), 0, true)));
    succeeds(ZwClose(make(FILE_ON_C(L"x\\in"), 0, false)));
    succeeds(open_x(0, FILE_DELETE_ON_CLOSE, &handle));
    succeeds(ZwClose(handle));
    succeeds(ask_attributes());
}

static void posix_semantics_take_the_name_with_the_handle_that_asked(void)
{
    HANDLE h[2];
    volume_set();
    make_two(false, 0, h);
    succeeds(dispose_ex(h[0], FILE_DISPOSITION_DELETE | FILE_DISPOSITION_POSIX_SEMANTICS));
    succeeds(ZwClose(h[0]));
    answers(STATUS_OBJECT_NAME_NOT_FOUND, ask_attributes());
    succeeds(ZwClose(h[1]));

    make_two(false, 0, h);
    succeeds(dispose_ex(h[0], FILE_DISPOSITION_DELETE | FILE_DISPOSITION_POSIX_SEMANTICS));
    succeeds(ZwClose(h[1]));
    answers(STATUS_DELETE_PENDING, ask_attributes());
    succeeds(ZwClose(h[0]));
    answers(STATUS_OBJECT_NAME_NOT_FOUND, ask_attributes());
}

static void flags_ignore_read_only_and_take_delete_on_close_back(void)
{
    static const struct {
        ULONG attributes, options, flags;
        bool gone;
    } rows[] = {
        {FILE_ATTRIBUTE_READONLY, 0, FILE_DISPOSITION_DELETE | FILE_DISPOSITION_IGNORE_READONLY_ATTRIBUTE, true},
        {0, FILE_DELETE_ON_CLOSE, FILE_DISPOSITION_ON_CLOSE, false},
    };
    HANDLE handle;
    volume_set();
    for (size_t i = 0; i < ARRAYSIZE(rows); i++) {
        succeeds(create(FILE_ON_C(L"x"), GENERIC_WRITE | DELETE, rows[i].attributes, 0, FILE_CREATE, rows[i].options, &handle));
        succeeds(dispose_ex(handle, rows[i].flags));
        succeeds(ZwClose(handle));
        assert_int_equal(!exists(FILE_ON_C(L"x")), rows[i].gone);
        forget(FILE_ON_C(L"x"));
    }
}

/* A section, or a view of it, keeps a file from being deleted, not from being said to stay. */
static void a_mapped_file_cannot_be_deleted(void)
{
    HANDLE handle, section;
    PVOID view;
    SIZE_T size;
    volume_set();
    for (int viewed = false; viewed <= true; viewed++) {
        OBJECT_ATTRIBUTES attributes;
        InitializeObjectAttributes(&attributes, NULL, OBJ_KERNEL_HANDLE, NULL, NULL);
        handle = make(FILE_ON_C(L"x"), 0, false);
        succeeds(ZwWriteFile(handle, NULL, NULL, NULL, &iosb, "data", 4, NULL, NULL));
        succeeds(ZwCreateSection(&section, SECTION_ALL_ACCESS, &attributes, NULL, PAGE_READONLY, SEC_COMMIT, handle));
        view = NULL;
        size = 0;
        if (viewed) {
            succeeds(ZwMapViewOfSection(section, ZwCurrentProcess(), &view, 0, 0, NULL, &size, ViewUnmap, 0, PAGE_READONLY));
            succeeds(ZwClose(section));
        }
        succeeds(dispose(handle, FALSE));
        answers(STATUS_CANNOT_DELETE, dispose(handle, TRUE));
        succeeds(viewed ? ZwUnmapViewOfSection(ZwCurrentProcess(), view) : ZwClose(section));
        succeeds(dispose(handle, TRUE));
        succeeds(ZwClose(handle));
        assert_false(exists(FILE_ON_C(L"x")));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fltsim_unit_test(deletion_answers_by_what_is_there),
        fltsim_unit_test(a_program_needs_the_right_to_delete),
        fltsim_unit_test(a_disposition_cannot_be_asked_and_only_its_first_byte_counts),
        fltsim_unit_test(delete_on_close_holds_for_whoever_has_the_handle_after),
        fltsim_unit_test(what_goes_is_pending_until_the_last_handle_closes),
        fltsim_unit_test(another_handle_takes_the_disposition_back),
        fltsim_unit_test(delete_on_close_pends_once_its_handle_closes),
        fltsim_unit_test(a_folder_with_something_in_it_survives_delete_on_close),
        fltsim_unit_test(posix_semantics_take_the_name_with_the_handle_that_asked),
        fltsim_unit_test(flags_ignore_read_only_and_take_delete_on_close_back),
        fltsim_unit_test(a_mapped_file_cannot_be_deleted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
