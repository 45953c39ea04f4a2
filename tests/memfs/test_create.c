/* IRP_MJ_CREATE: dispositions, options, attributes, sharing, names. */
#include "unit.h"

enum there { MISSING, FILE_THERE, FOLDER_THERE };

struct disposition_case {
    ULONG disposition; /* as FILE_... (FILE_SUPERSEDE is 0) */
    enum there there;
    ULONG options;
    NTSTATUS status;
    ULONG_PTR information;
};

static const struct disposition_case dispositions[] = {
    {FILE_SUPERSEDE, MISSING, 0, STATUS_SUCCESS, FILE_CREATED},
    {FILE_OPEN, MISSING, 0, STATUS_OBJECT_NAME_NOT_FOUND, 0},
    {FILE_CREATE, MISSING, 0, STATUS_SUCCESS, FILE_CREATED},
    {FILE_OPEN_IF, MISSING, 0, STATUS_SUCCESS, FILE_CREATED},
    {FILE_OVERWRITE, MISSING, 0, STATUS_OBJECT_NAME_NOT_FOUND, 0},
    {FILE_OVERWRITE_IF, MISSING, 0, STATUS_SUCCESS, FILE_CREATED},
    {FILE_SUPERSEDE, FILE_THERE, 0, STATUS_SUCCESS, FILE_SUPERSEDED},
    {FILE_OPEN, FILE_THERE, 0, STATUS_SUCCESS, FILE_OPENED},
    {FILE_CREATE, FILE_THERE, 0, STATUS_OBJECT_NAME_COLLISION, 0},
    {FILE_OPEN_IF, FILE_THERE, 0, STATUS_SUCCESS, FILE_OPENED},
    {FILE_OVERWRITE, FILE_THERE, 0, STATUS_SUCCESS, FILE_OVERWRITTEN},
    {FILE_OVERWRITE_IF, FILE_THERE, 0, STATUS_SUCCESS, FILE_OVERWRITTEN},
    {FILE_OPEN, FILE_THERE, FILE_DIRECTORY_FILE, STATUS_NOT_A_DIRECTORY, 0},
    {FILE_OPEN_IF, FILE_THERE, FILE_DIRECTORY_FILE, STATUS_NOT_A_DIRECTORY, 0},
    {FILE_CREATE, FILE_THERE, FILE_DIRECTORY_FILE, STATUS_OBJECT_NAME_COLLISION, 0},
    {FILE_OPEN, FOLDER_THERE, 0, STATUS_SUCCESS, FILE_OPENED},
    {FILE_OPEN, FOLDER_THERE, FILE_DIRECTORY_FILE, STATUS_SUCCESS, FILE_OPENED},
    {FILE_OPEN, FOLDER_THERE, FILE_NON_DIRECTORY_FILE, STATUS_FILE_IS_A_DIRECTORY, 0},
    {FILE_OPEN_IF, FOLDER_THERE, FILE_DIRECTORY_FILE, STATUS_SUCCESS, FILE_OPENED},
    {FILE_CREATE, FOLDER_THERE, FILE_DIRECTORY_FILE, STATUS_OBJECT_NAME_COLLISION, 0},
    {FILE_CREATE, MISSING, FILE_DIRECTORY_FILE, STATUS_SUCCESS, FILE_CREATED},
    {FILE_OPEN_IF, MISSING, FILE_DIRECTORY_FILE, STATUS_SUCCESS, FILE_CREATED},
    {FILE_OVERWRITE_IF, FOLDER_THERE, FILE_NON_DIRECTORY_FILE, STATUS_FILE_IS_A_DIRECTORY, 0},
    {FILE_OVERWRITE_IF, FOLDER_THERE, 0, STATUS_OBJECT_NAME_COLLISION, 0},
    {FILE_SUPERSEDE, FOLDER_THERE, 0, STATUS_OBJECT_NAME_COLLISION, 0},
};

static void check_disposition(const struct disposition_case *c, unsigned number)
{
    char path[32];
    ULONG_PTR information = 99;
    HANDLE handle = NULL;
    snprintf(path, sizeof path, "\\x%u", number);
    if (c->there == FILE_THERE)
        make_file(path, "data");
    if (c->there == FOLDER_THERE)
        make_folder(path);
    struct fltsim_open open = {.access = GENERIC_READ | GENERIC_WRITE | DELETE,
                               .disposition = c->disposition == FILE_SUPERSEDE ? FLTSIM_SUPERSEDE
                                                                               : c->disposition,
                               .options = c->options,
                               .information = &information};
    NTSTATUS status = fltsim_open(at(path), &open, &handle);
    if (status != c->status)
        fail_msg("case %u: 0x%08x instead of 0x%08x", number, (unsigned)status,
                 (unsigned)c->status);
    if (!NT_SUCCESS(status))
        return;
    assert_int_equal(information, c->information);
    uint64_t size = 99;
    if (c->there == FILE_THERE) {
        assert_int_equal(fltsim_get_size(handle, &size), STATUS_SUCCESS);
        assert_int_equal(size, information == FILE_OPENED ? 4 : 0);
    }
    close_it(handle);
}

static void every_disposition(enum fltsim_volume_kind kind)
{
    unit_start(kind);
    for (unsigned i = 0; i < sizeof dispositions / sizeof *dispositions; i++)
        check_disposition(&dispositions[i], i);
    unit_stop();
}

static void dispositions_do_as_documented(void **state)
{
    every_disposition(FLTSIM_NTFS);
    every_disposition(FLTSIM_FAT);
}

/* -- names ------------------------------------------------------------------------------------- */

static void names_are_checked(void **state)
{
    static const struct {
        const char *path;
        ULONG disposition, options;
        NTSTATUS ntfs, fat;
    } cases[] = {
        {"\\none\\file", FILE_OPEN, 0, STATUS_OBJECT_PATH_NOT_FOUND, STATUS_OBJECT_PATH_NOT_FOUND},
        {"\\file\\below", FILE_OPEN, 0, STATUS_OBJECT_PATH_NOT_FOUND, STATUS_OBJECT_PATH_NOT_FOUND},
        {"\\folder\\\\file", FILE_OPEN, 0, STATUS_OBJECT_NAME_INVALID, STATUS_OBJECT_NAME_INVALID},
        {"\\wild*", FILE_CREATE, 0, STATUS_OBJECT_NAME_INVALID, STATUS_OBJECT_NAME_INVALID},
        {"\\a|b", FILE_CREATE, 0, STATUS_OBJECT_NAME_INVALID, STATUS_OBJECT_NAME_INVALID},
        {"\\folder\\", FILE_OPEN, 0, STATUS_SUCCESS, STATUS_SUCCESS},
        {"\\file\\", FILE_OPEN, 0, STATUS_OBJECT_NAME_INVALID, STATUS_OBJECT_NAME_INVALID},
        {"\\new\\", FILE_CREATE, 0, STATUS_OBJECT_NAME_INVALID, STATUS_OBJECT_NAME_INVALID},
        {"\\newfolder\\", FILE_CREATE, FILE_DIRECTORY_FILE, STATUS_SUCCESS, STATUS_SUCCESS},
        {"\\FILE", FILE_OPEN, 0, STATUS_SUCCESS, STATUS_SUCCESS},
        {"\\Folder\\INNER", FILE_OPEN, 0, STATUS_SUCCESS, STATUS_SUCCESS},
        {"\\file::$DATA", FILE_OPEN, 0, STATUS_SUCCESS, STATUS_OBJECT_NAME_INVALID},
        {"\\file:none", FILE_OPEN, 0, STATUS_OBJECT_NAME_NOT_FOUND, STATUS_OBJECT_NAME_INVALID},
        {"\\file:s", FILE_CREATE, 0, STATUS_SUCCESS, STATUS_OBJECT_NAME_INVALID},
        {"\\file:S:$data", FILE_OPEN, 0, STATUS_SUCCESS, STATUS_OBJECT_NAME_INVALID},
        {"\\file:s:$BITMAP", FILE_OPEN, 0, STATUS_OBJECT_NAME_INVALID, STATUS_OBJECT_NAME_INVALID},
        {"\\file:", FILE_OPEN, 0, STATUS_OBJECT_NAME_INVALID, STATUS_OBJECT_NAME_INVALID},
        {"\\folder:s", FILE_CREATE, 0, STATUS_SUCCESS, STATUS_OBJECT_NAME_INVALID},
        {"\\folder::$DATA", FILE_OPEN, 0, STATUS_FILE_IS_A_DIRECTORY, STATUS_OBJECT_NAME_INVALID},
        {"\\folder:$I30:$INDEX_ALLOCATION", FILE_OPEN, 0, STATUS_SUCCESS,
         STATUS_OBJECT_NAME_INVALID},
        {"\\..", FILE_OPEN, 0, STATUS_OBJECT_NAME_INVALID, STATUS_OBJECT_NAME_NOT_FOUND},
        {"\\", FILE_OPEN, 0, STATUS_SUCCESS, STATUS_SUCCESS},
        {"\\", FILE_OPEN, FILE_DIRECTORY_FILE, STATUS_SUCCESS, STATUS_SUCCESS},
        {"", FILE_OPEN, 0, STATUS_SUCCESS, STATUS_SUCCESS},
        {"", FILE_CREATE, 0, STATUS_ACCESS_DENIED, STATUS_ACCESS_DENIED},
        {"", FILE_OPEN, FILE_DIRECTORY_FILE, STATUS_NOT_A_DIRECTORY, STATUS_NOT_A_DIRECTORY},
    };
    for (int kind = FLTSIM_NTFS; kind <= FLTSIM_FAT; kind++) {
        unit_start(kind);
        make_file("\\file", "x");
        make_folder("\\folder");
        make_file("\\folder\\inner", "y");
        for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
            HANDLE handle;
            NTSTATUS status = try_open(cases[i].path, FILE_READ_DATA, cases[i].disposition,
                                       cases[i].options, &handle);
            NTSTATUS wanted = kind == FLTSIM_NTFS ? cases[i].ntfs : cases[i].fat;
            if (status != wanted)
                fail_msg("\"%s\" kind %d: 0x%08x instead of 0x%08x", cases[i].path, kind,
                         (unsigned)status, (unsigned)wanted);
            if (NT_SUCCESS(status))
                close_it(handle);
        }
        unit_stop();
    }
}

static void a_component_has_255_characters_at_most(void **state)
{
    char path[300] = "\\";
    unit_start(FLTSIM_NTFS);
    memset(path + 1, 'n', 255);
    make_file(path, "x");
    path[256] = 'n';
    HANDLE handle;
    assert_int_equal(try_open(path, GENERIC_WRITE, FILE_CREATE, 0, &handle),
                     STATUS_OBJECT_NAME_INVALID);
    unit_stop();
}

static void names_are_relative_to_folders(void **state)
{
    unit_start(FLTSIM_NTFS);
    make_folder("\\d");
    make_file("\\d\\f", "inside");
    HANDLE folder = open_for("\\d", GENERIC_READ, FILE_OPEN, FILE_DIRECTORY_FILE), file;
    assert_int_equal(fltsim_open("f", &(struct fltsim_open){.root = folder}, &file),
                     STATUS_SUCCESS);
    char text[8];
    size_t done;
    assert_int_equal(fltsim_read(file, text, sizeof text, 0, &done), STATUS_SUCCESS);
    assert_int_equal(done, 6);
    close_it(file);
    assert_int_equal(fltsim_open("none", &(struct fltsim_open){.root = folder}, &file),
                     STATUS_OBJECT_NAME_NOT_FOUND);
    close_it(folder);
    unit_stop();
}

static void short_names_find_long_ones(void **state)
{
    unit_start(FLTSIM_NTFS);
    make_file("\\A long name.text", "x");
    make_file("\\A long name too.text", "y");
    expect_text("\\ALONGN~1.TEX", "x");
    expect_text("\\ALONGN~2.TEX", "y");
    unit_stop();
}

/* -- sharing and attributes -------------------------------------------------------------------- */

static void sharing_is_kept(void **state)
{
    static const struct {
        ACCESS_MASK first, second;
        ULONG first_share, second_share;
        NTSTATUS status;
    } cases[] = {
        {GENERIC_READ, GENERIC_READ, FILE_SHARE_READ, FILE_SHARE_READ, STATUS_SUCCESS},
        {GENERIC_READ, GENERIC_WRITE, FILE_SHARE_READ, FILE_SHARE_READ, STATUS_SHARING_VIOLATION},
        {GENERIC_READ, GENERIC_WRITE, FILE_SHARE_WRITE, FILE_SHARE_READ, STATUS_SUCCESS},
        {GENERIC_WRITE, GENERIC_READ, FILE_SHARE_READ, FILE_SHARE_READ, STATUS_SHARING_VIOLATION},
        {GENERIC_READ, GENERIC_READ, FLTSIM_SHARE_NONE, FILE_SHARE_READ, STATUS_SHARING_VIOLATION},
        {GENERIC_READ, DELETE, FILE_SHARE_READ, 7, STATUS_SHARING_VIOLATION},
        {GENERIC_READ, DELETE, FILE_SHARE_DELETE, 7, STATUS_SUCCESS},
        {GENERIC_READ, FILE_READ_ATTRIBUTES, FLTSIM_SHARE_NONE, FLTSIM_SHARE_NONE, STATUS_SUCCESS},
    };
    unit_start(FLTSIM_NTFS);
    make_file("\\f", "x");
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        HANDLE first, second;
        struct fltsim_open a = {.access = cases[i].first, .share = cases[i].first_share};
        struct fltsim_open b = {.access = cases[i].second, .share = cases[i].second_share};
        assert_int_equal(fltsim_open(at("\\f"), &a, &first), STATUS_SUCCESS);
        NTSTATUS status = fltsim_open(at("\\f"), &b, &second);
        if (status != cases[i].status)
            fail_msg("case %u: 0x%08x", i, (unsigned)status);
        if (NT_SUCCESS(status))
            close_it(second);
        close_it(first);
    }
    unit_stop();
}

static void overwriting_wants_to_share_writing(void **state)
{
    unit_start(FLTSIM_NTFS);
    make_file("\\f", "x");
    HANDLE reader, writer;
    struct fltsim_open a = {.access = GENERIC_READ, .share = FILE_SHARE_READ};
    assert_int_equal(fltsim_open(at("\\f"), &a, &reader), STATUS_SUCCESS);
    struct fltsim_open b = {.access = FILE_READ_ATTRIBUTES, .disposition = FILE_OVERWRITE};
    assert_int_equal(fltsim_open(at("\\f"), &b, &writer), STATUS_SHARING_VIOLATION);
    close_it(reader);
    assert_int_equal(fltsim_open(at("\\f"), &b, &writer), STATUS_SUCCESS);
    close_it(writer);
    expect_text("\\f", "");
    unit_stop();
}

static HANDLE make_with(const char *path, ULONG attributes)
{
    HANDLE handle;
    struct fltsim_open open = {
        .access = GENERIC_WRITE, .disposition = FILE_CREATE, .attributes = attributes};
    assert_int_equal(fltsim_open(at(path), &open, &handle), STATUS_SUCCESS);
    return handle;
}

static void attributes_limit_opens(void **state)
{
    HANDLE handle;
    unit_start(FLTSIM_NTFS);
    close_it(make_with("\\ro", FILE_ATTRIBUTE_READONLY));
    close_it(make_with("\\hidden", FILE_ATTRIBUTE_HIDDEN));
    assert_int_equal(try_open("\\ro", GENERIC_WRITE, FILE_OPEN, 0, &handle), STATUS_ACCESS_DENIED);
    assert_int_equal(try_open("\\ro", GENERIC_READ, FILE_OVERWRITE, 0, &handle),
                     STATUS_ACCESS_DENIED);
    assert_int_equal(try_open("\\ro", DELETE, FILE_OPEN, FILE_DELETE_ON_CLOSE, &handle),
                     STATUS_CANNOT_DELETE);
    close_it(open_for("\\ro", GENERIC_READ, FILE_OPEN, 0));
    assert_int_equal(try_open("\\hidden", GENERIC_WRITE, FILE_OVERWRITE, 0, &handle),
                     STATUS_ACCESS_DENIED);
    struct fltsim_open open = {.access = GENERIC_WRITE,
                               .disposition = FILE_OVERWRITE,
                               .attributes = FILE_ATTRIBUTE_HIDDEN};
    assert_int_equal(fltsim_open(at("\\hidden"), &open, &handle), STATUS_SUCCESS);
    close_it(handle);
    unit_stop();
}

static void a_read_only_volume_is_not_written(void **state)
{
    HANDLE handle;
    unit_start_with((struct fltsim_volume_options){.read_only = true});
    assert_int_equal(try_open("\\f", GENERIC_WRITE, FILE_CREATE, 0, &handle),
                     STATUS_MEDIA_WRITE_PROTECTED);
    assert_int_equal(status_of_open("\\f"), STATUS_OBJECT_NAME_NOT_FOUND);
    unit_stop();
}

/* -- other ways to open ------------------------------------------------------------------------ */

static LONGLONG id_of(const char *path)
{
    FILE_INTERNAL_INFORMATION info;
    HANDLE handle = open_for(path, FILE_READ_ATTRIBUTES, FILE_OPEN, 0);
    assert_int_equal(fltsim_query(handle, FileInternalInformation, &info, sizeof info),
                     STATUS_SUCCESS);
    close_it(handle);
    return info.IndexNumber.QuadPart;
}

static NTSTATUS open_id(HANDLE volume, LONGLONG id, HANDLE *handle)
{
    OBJECT_ATTRIBUTES attributes;
    IO_STATUS_BLOCK iosb;
    UNICODE_STRING name = {sizeof id, sizeof id, (PWCH)&id};
    InitializeObjectAttributes(&attributes, &name, 0, volume, NULL);
    return ZwCreateFile(handle, FILE_READ_ATTRIBUTES | SYNCHRONIZE, &attributes, &iosb, NULL, 0, 7,
                        FILE_OPEN, FILE_OPEN_BY_FILE_ID | FILE_SYNCHRONOUS_IO_NONALERT, NULL, 0);
}

static void files_open_by_id(void **state)
{
    HANDLE handle;
    unit_start(FLTSIM_NTFS);
    make_folder("\\d");
    make_file("\\d\\f", "x");
    HANDLE volume = open_for("", FILE_READ_DATA, FILE_OPEN, 0);
    assert_int_equal(open_id(volume, id_of("\\d\\f"), &handle), STATUS_SUCCESS);
    struct {
        FILE_NAME_INFORMATION info;
        WCHAR rest[32];
    } name;
    assert_int_equal(fltsim_query(handle, FileNameInformation, &name, sizeof name), STATUS_SUCCESS);
    assert_int_equal(name.info.FileNameLength, 8);
    assert_memory_equal(name.info.FileName, u"\\d\\f", 8);
    ZwClose(handle);
    assert_int_equal(open_id(volume, 0x123456789, &handle), STATUS_INVALID_PARAMETER);
    close_it(volume);
    unit_stop();
    unit_start(FLTSIM_FAT);
    make_file("\\f", "x");
    volume = open_for("", FILE_READ_DATA, FILE_OPEN, 0);
    assert_int_equal(open_id(volume, id_of("\\f"), &handle), STATUS_NOT_IMPLEMENTED);
    close_it(volume);
    unit_stop();
}

static void a_target_directory_is_opened_for_its_child(void **state)
{
    HANDLE handle;
    ULONG_PTR information;
    unit_start(FLTSIM_NTFS);
    make_folder("\\d");
    make_file("\\d\\there", "x");
    struct fltsim_open open = {.access = FILE_WRITE_DATA | SYNCHRONIZE,
                               .target_directory = true,
                               .information = &information};
    assert_int_equal(fltsim_open(at("\\d\\there"), &open, &handle), STATUS_SUCCESS);
    assert_int_equal(information, FILE_EXISTS);
    close_it(handle);
    assert_int_equal(fltsim_open(at("\\d\\new"), &open, &handle), STATUS_SUCCESS);
    assert_int_equal(information, FILE_DOES_NOT_EXIST);
    PFILE_OBJECT file;
    assert_int_equal(
        ObReferenceObjectByHandle(handle, 0, *IoFileObjectType, KernelMode, (PVOID *)&file, NULL),
        STATUS_SUCCESS);
    assert_int_equal(file->FileName.Length, 6);
    assert_memory_equal(file->FileName.Buffer, u"new", 6);
    ObDereferenceObject(file);
    close_it(handle);
    assert_int_equal(fltsim_open(at("\\none\\x"), &open, &handle), STATUS_OBJECT_PATH_NOT_FOUND);
    unit_stop();
}

static void a_paging_file_has_no_filter_contexts(void **state)
{
    HANDLE handle;
    PFILE_OBJECT file;
    unit_start(FLTSIM_NTFS);
    struct fltsim_open open = {
        .access = GENERIC_WRITE, .disposition = FILE_OPEN_IF, .paging_file = true};
    assert_int_equal(fltsim_open(at("\\pagefile.sys"), &open, &handle), STATUS_SUCCESS);
    assert_int_equal(
        ObReferenceObjectByHandle(handle, 0, *IoFileObjectType, KernelMode, (PVOID *)&file, NULL),
        STATUS_SUCCESS);
    assert_false(FsRtlSupportsPerStreamContexts(file));
    ObDereferenceObject(file);
    close_it(handle);
    unit_stop();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dispositions_do_as_documented),
        cmocka_unit_test(names_are_checked),
        cmocka_unit_test(a_component_has_255_characters_at_most),
        cmocka_unit_test(names_are_relative_to_folders),
        cmocka_unit_test(short_names_find_long_ones),
        cmocka_unit_test(sharing_is_kept),
        cmocka_unit_test(overwriting_wants_to_share_writing),
        cmocka_unit_test(attributes_limit_opens),
        cmocka_unit_test(a_read_only_volume_is_not_written),
        cmocka_unit_test(files_open_by_id),
        cmocka_unit_test(a_target_directory_is_opened_for_its_child),
        cmocka_unit_test(a_paging_file_has_no_filter_contexts),
    };
    return cmocka_run_group_tests_name("memfs/create", tests, NULL, NULL);
}
