/* Buffers that are wrong: too short, inconsistent, out of range. Each gets its status, and nothing is changed. */
#include "unit.h"

static HANDLE file;

static void begin(enum fltsim_volume_kind kind)
{
    unit_start(kind);
    make_file("\\f", "12345");
    file = open_for("\\f", GENERIC_READ | GENERIC_WRITE | DELETE, FILE_OPEN, 0);
}

static void end(void)
{
    close_it(file);
    expect_text("\\f", "12345");
    unit_stop();
}

/* ---- control codes ---------------------------------------------------------------------------------- */

static void wrong_control_buffers_are_refused(void **state)
{
    static const REPARSE_DATA_BUFFER other = {.ReparseTag = 0x00000042}, microsoft = {.ReparseTag = IO_REPARSE_TAG_HSM},
                                     reserved = {.ReparseTag = 1};
    static const FILE_ZERO_DATA_INFORMATION backwards = {{.QuadPart = 5}, {.QuadPart = 4}},
                                            below = {{.QuadPart = -1}, {.QuadPart = 4}};
    static const FILE_ALLOCATED_RANGE_BUFFER endless = {{.QuadPart = 1}, {.QuadPart = MAXLONGLONG}},
                                             before = {{.QuadPart = -1}, {.QuadPart = 1}};
    static const PATHNAME_BUFFER far = {.PathNameLength = 100};
    static const USHORT compression = 77;
    static const UCHAR id[64];
    static const READ_FILE_USN_DATA versions = {4, 4};
    const struct {
        ULONG code;
        const void *in;
        ULONG in_length, out_length;
        NTSTATUS status;
    } rows[] = {
        {FSCTL_SET_REPARSE_POINT, &microsoft, 7, 0, STATUS_IO_REPARSE_DATA_INVALID},
        {FSCTL_SET_REPARSE_POINT, NULL, 0, 0, STATUS_IO_REPARSE_DATA_INVALID},
        {FSCTL_SET_REPARSE_POINT_EX, &microsoft, 8, 0, STATUS_IO_REPARSE_DATA_INVALID},
        {FSCTL_DELETE_REPARSE_POINT, &other, 8, 0, STATUS_IO_REPARSE_DATA_INVALID}, /* no GUID */
        {FSCTL_DELETE_REPARSE_POINT, &reserved, 8, 0, STATUS_IO_REPARSE_TAG_INVALID},
        {FSCTL_DELETE_REPARSE_POINT, &microsoft, 8, 0, STATUS_NOT_A_REPARSE_POINT},
        {FSCTL_GET_REPARSE_POINT, NULL, 0, 100, STATUS_NOT_A_REPARSE_POINT},
        {FSCTL_SET_OBJECT_ID, id, 63, 0, STATUS_INVALID_PARAMETER},
        {FSCTL_SET_OBJECT_ID_EXTENDED, id, 48, 0, STATUS_OBJECTID_NOT_FOUND},
        {FSCTL_GET_OBJECT_ID, NULL, 0, 63, STATUS_INVALID_PARAMETER},
        {FSCTL_SET_ZERO_DATA, &backwards, sizeof backwards, 0, STATUS_INVALID_PARAMETER},
        {FSCTL_SET_ZERO_DATA, &below, sizeof below, 0, STATUS_INVALID_PARAMETER},
        {FSCTL_SET_ZERO_DATA, &below, 15, 0, STATUS_INVALID_PARAMETER},
        {FSCTL_QUERY_ALLOCATED_RANGES, &endless, sizeof endless, 16, STATUS_INVALID_PARAMETER},
        {FSCTL_QUERY_ALLOCATED_RANGES, &before, sizeof before, 16, STATUS_INVALID_PARAMETER},
        {FSCTL_QUERY_ALLOCATED_RANGES, NULL, sizeof before, 16, STATUS_INVALID_PARAMETER},
        {FSCTL_QUERY_ALLOCATED_RANGES, (void *)8, sizeof before, 16, STATUS_ACCESS_VIOLATION},
        {FSCTL_SET_COMPRESSION, &compression, 2, 0, STATUS_INVALID_PARAMETER},
        {FSCTL_SET_COMPRESSION, &compression, 1, 0, STATUS_INVALID_PARAMETER},
        {FSCTL_GET_COMPRESSION, NULL, 0, 1, STATUS_INVALID_PARAMETER},
        {FSCTL_IS_PATHNAME_VALID, &far, sizeof far, 0, STATUS_INVALID_PARAMETER},
        {FSCTL_GET_NTFS_VOLUME_DATA, NULL, 0, 8, STATUS_BUFFER_TOO_SMALL},
        {FSCTL_READ_FILE_USN_DATA, &versions, sizeof versions, 200, STATUS_INVALID_PARAMETER},
        {FSCTL_READ_FILE_USN_DATA, NULL, 0, 32, STATUS_BUFFER_TOO_SMALL},
        {FSCTL_LOCK_VOLUME, NULL, 0, 0, STATUS_INVALID_PARAMETER},
        {FSCTL_UNLOCK_VOLUME, NULL, 0, 0, STATUS_INVALID_PARAMETER},
        {FSCTL_DISMOUNT_VOLUME, NULL, 0, 0, STATUS_INVALID_PARAMETER},
        {FSCTL_ALLOW_EXTENDED_DASD_IO, NULL, 0, 0, STATUS_INVALID_PARAMETER},
        {FSCTL_QUERY_USN_JOURNAL, NULL, 0, 100, STATUS_JOURNAL_NOT_ACTIVE},
        {0x12345678, NULL, 0, 0, STATUS_INVALID_DEVICE_REQUEST},
    };
    UCHAR out[256];
    begin(FLTSIM_NTFS);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        NTSTATUS status =
            fltsim_fsctl(file, rows[i].code, rows[i].in, rows[i].in_length, out, rows[i].out_length, NULL);
        if (status != rows[i].status)
            print_message("row %zu\n", i);
        assert_int_equal(status, rows[i].status);
    }
    end();
}

static void fat_like_volume_knows_few_codes(void **state)
{
    static const ULONG codes[] = {FSCTL_SET_REPARSE_POINT, FSCTL_GET_OBJECT_ID,      FSCTL_SET_SPARSE,
                                  FSCTL_SET_ZERO_DATA,     FSCTL_READ_FILE_USN_DATA, FSCTL_QUERY_ALLOCATED_RANGES};
    UCHAR buffer[64] = {0};
    begin(FLTSIM_FAT);
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        assert_int_equal(fltsim_fsctl(file, codes[i], buffer, sizeof buffer, buffer, sizeof buffer, NULL),
                         STATUS_INVALID_DEVICE_REQUEST);
    end();
}

static void reparse_points_are_exchanged_by_tag(void **state)
{
    struct {
        REPARSE_DATA_BUFFER_EX ex;
        UCHAR more[8];
    } set = {.ex = {.Flags = 0, .ExistingReparseTag = IO_REPARSE_TAG_HSM}};
    set.ex.ReparseDataBuffer.ReparseTag = IO_REPARSE_TAG_HSM;
    set.ex.ReparseDataBuffer.ReparseDataLength = 4;
    const ULONG length = FIELD_OFFSET(REPARSE_DATA_BUFFER_EX, ReparseDataBuffer) + 12;
    begin(FLTSIM_NTFS);
    assert_int_equal(fltsim_fsctl(file, FSCTL_SET_REPARSE_POINT_EX, &set, length, NULL, 0, NULL),
                     STATUS_NOT_A_REPARSE_POINT);
    set.ex.Flags = REPARSE_DATA_EX_FLAG_GIVEN_TAG_OR_NONE;
    assert_int_equal(fltsim_fsctl(file, FSCTL_SET_REPARSE_POINT_EX, &set, length, NULL, 0, NULL), STATUS_SUCCESS);
    set.ex.ReparseDataBuffer.ReparseTag = IO_REPARSE_TAG_SIS;
    set.ex.ExistingReparseTag = IO_REPARSE_TAG_SIS;
    assert_int_equal(fltsim_fsctl(file, FSCTL_SET_REPARSE_POINT_EX, &set, length, NULL, 0, NULL),
                     STATUS_IO_REPARSE_TAG_MISMATCH);
    set.ex.ExistingReparseTag = IO_REPARSE_TAG_HSM;
    assert_int_equal(fltsim_fsctl(file, FSCTL_SET_REPARSE_POINT_EX, &set, length, NULL, 0, NULL), STATUS_SUCCESS);
    REPARSE_DATA_BUFFER head = {.ReparseTag = IO_REPARSE_TAG_SIS};
    assert_int_equal(fltsim_fsctl(file, FSCTL_DELETE_REPARSE_POINT, &head, 8, NULL, 0, NULL), STATUS_SUCCESS);
    end();
}

/* ---- sizes ------------------------------------------------------------------------------------------- */

static void sizes_have_bounds(void **state)
{
    static const LONGLONG sizes[] = {-1, 1LL << 44, MAXLONGLONG};
    for (int kind = FLTSIM_NTFS; kind <= FLTSIM_FAT; kind++) {
        begin(kind);
        for (unsigned i = 0; i < 3; i++) {
            LONGLONG size = sizes[i];
            NTSTATUS expected = size < 0 || kind == FLTSIM_NTFS ? STATUS_INVALID_PARAMETER : STATUS_DISK_FULL;
            assert_int_equal(fltsim_set(file, FileEndOfFileInformation, &size, sizeof size), expected);
            assert_int_equal(fltsim_set(file, FileAllocationInformation, &size, sizeof size), expected);
            if (size > 0)
                assert_int_equal(fltsim_write(file, "x", 1, size - 1, NULL), expected);
        }
        LONGLONG far = 1LL << 43;
        assert_int_equal(fltsim_set(file, FileEndOfFileInformation, &far, sizeof far), STATUS_DISK_FULL);
        end();
    }
}

static void sparse_file_reaches_far(void **state)
{
    const int64_t far = (1LL << 43) + 12345;
    char text[8];
    size_t done;
    unit_start_with((struct fltsim_volume_options){.size = 1 << 20});
    HANDLE handle = open_for("\\f", FILE_READ_DATA | FILE_WRITE_DATA, FILE_CREATE, FILE_NO_INTERMEDIATE_BUFFERING);
    char sector[512] = "far away";
    assert_int_equal(fltsim_fsctl(handle, FSCTL_SET_SPARSE, NULL, 0, NULL, 0, &done), STATUS_SUCCESS);
    assert_int_equal(fltsim_write(handle, sector, sizeof sector, far / 512 * 512, &done), STATUS_SUCCESS);
    FILE_ALLOCATED_RANGE_BUFFER ask = {.Length.QuadPart = 1LL << 43}, range;
    assert_int_equal(
        fltsim_fsctl(handle, FSCTL_QUERY_ALLOCATED_RANGES, &ask, sizeof ask, &range, sizeof range, &done),
        STATUS_SUCCESS);
    assert_int_equal(done, 0);
    ask.Length.QuadPart = 1LL << 44;
    assert_int_equal(
        fltsim_fsctl(handle, FSCTL_QUERY_ALLOCATED_RANGES, &ask, sizeof ask, &range, sizeof range, &done),
        STATUS_SUCCESS);
    assert_int_equal(range.FileOffset.QuadPart, far / 4096 * 4096);
    assert_int_equal(range.Length.QuadPart, 4096);
    memset(sector, 0, sizeof sector);
    assert_int_equal(fltsim_read(handle, sector, sizeof sector, far / 512 * 512, &done), STATUS_SUCCESS);
    memcpy(text, sector, sizeof text);
    assert_memory_equal(text, "far away", 8);
    close_it(handle);
    unit_stop();
}

/* ---- extended attributes ------------------------------------------------------------------------------- */

struct ea {
    FILE_FULL_EA_INFORMATION head;
    char rest[24];
};

static struct ea make_ea(const char *name, const char *value)
{
    struct ea ea = {.head.EaNameLength = (UCHAR)strlen(name), .head.EaValueLength = (USHORT)strlen(value)};
    char *text = (char *)&ea + FIELD_OFFSET(FILE_FULL_EA_INFORMATION, EaName);
    memcpy(text, name, strlen(name));
    memcpy(text + strlen(name) + 1, value, strlen(value));
    return ea;
}

static ULONG ea_size(void)
{
    FILE_EA_INFORMATION size;
    assert_int_equal(fltsim_query(file, FileEaInformation, &size, sizeof size), STATUS_SUCCESS);
    return size.EaSize;
}

static void wrong_attribute_lists_change_nothing(void **state)
{
    IO_STATUS_BLOCK iosb;
    struct ea pair[2] = {make_ea("good", "1"), make_ea("b*d", "2")};
    begin(FLTSIM_NTFS);
    pair[0].head.NextEntryOffset = sizeof pair[0];
    assert_int_equal(ZwSetEaFile(file, &iosb, pair, sizeof pair), STATUS_INVALID_EA_NAME);
    assert_int_equal(iosb.Information, sizeof pair[0]);
    assert_int_equal(ea_size(), 0);
    pair[0].head.NextEntryOffset = 4; /* into itself */
    assert_int_equal(ZwSetEaFile(file, &iosb, pair, sizeof pair), STATUS_EA_LIST_INCONSISTENT);
    pair[0].head.NextEntryOffset = 0xFFFFFFFC;
    assert_int_equal(ZwSetEaFile(file, &iosb, pair, sizeof pair), STATUS_EA_LIST_INCONSISTENT);
    pair[0].head.NextEntryOffset = 0;
    pair[0].head.EaValueLength = 0xFFFF;
    assert_int_equal(ZwSetEaFile(file, &iosb, pair, sizeof pair), STATUS_EA_LIST_INCONSISTENT);
    assert_int_equal(ea_size(), 0);
    end();
}

static void attributes_are_asked_by_lists_and_numbers(void **state)
{
    IO_STATUS_BLOCK iosb;
    UCHAR out[200];
    struct ea ea = make_ea("name", "value");
    struct {
        FILE_GET_EA_INFORMATION head;
        char rest[8];
    } names = {.head.EaNameLength = 4};
    ULONG index = 1;
    begin(FLTSIM_NTFS);
    memcpy((char *)&names + FIELD_OFFSET(FILE_GET_EA_INFORMATION, EaName), "NAME", 5);
    assert_int_equal(ZwSetEaFile(file, &iosb, &ea, sizeof ea), STATUS_SUCCESS);
    assert_int_equal(ZwQueryEaFile(file, &iosb, out, sizeof out, FALSE, &names, sizeof names, NULL, TRUE),
                     STATUS_SUCCESS);
    assert_int_equal(ZwQueryEaFile(file, &iosb, out, sizeof out, FALSE, &names, 6, NULL, TRUE),
                     STATUS_EA_LIST_INCONSISTENT);
    names.head.NextEntryOffset = 0x10000;
    assert_int_equal(ZwQueryEaFile(file, &iosb, out, sizeof out, FALSE, &names, sizeof names, NULL, TRUE),
                     STATUS_EA_LIST_INCONSISTENT);
    assert_int_equal(ZwQueryEaFile(file, &iosb, out, sizeof out, FALSE, NULL, 0, &index, FALSE), STATUS_SUCCESS);
    index = 2;
    assert_int_equal(ZwQueryEaFile(file, &iosb, out, sizeof out, FALSE, NULL, 0, &index, FALSE),
                     STATUS_NONEXISTENT_EA_ENTRY);
    assert_int_equal(ZwQueryEaFile(file, &iosb, out, 8, FALSE, NULL, 0, NULL, TRUE), STATUS_BUFFER_TOO_SMALL);
    end();
}

/* ---- names and drivers' requests ------------------------------------------------------------------------- */

/* A driver's request reaches the file system unchecked. */
static void drivers_buffers_are_checked_too(void **state)
{
    static const int classes[] = {FileBasicInformation,
                                  FileDispositionInformation,
                                  FileEndOfFileInformation,
                                  FileAllocationInformation,
                                  FilePositionInformation,
                                  FileRenameInformation,
                                  FileLinkInformation,
                                  FileShortNameInformation,
                                  FileValidDataLengthInformation};
    UCHAR buffer[8] = {0};
    PFILE_OBJECT object;
    begin(FLTSIM_NTFS);
    assert_int_equal(ObReferenceObjectByHandle(file, 0, *IoFileObjectType, KernelMode, (PVOID *)&object, NULL),
                     STATUS_SUCCESS);
    for (size_t i = 0; i < sizeof classes / sizeof *classes; i++)
        assert_true(NT_ERROR(IoSetInformation(object, classes[i], 0, buffer)));
    for (int kind = FileBasicInformation; kind < FileMaximumInformation; kind++) {
        ULONG done = 0;
        assert_false(NT_SUCCESS(IoQueryFileInformation(object, kind, 0, buffer, &done)));
        assert_int_equal(done, 0);
    }
    union {
        FILE_RENAME_INFORMATION info;
        UCHAR bytes[64];
    } rename = {.info.FileNameLength = 0xFFFFFFFE};
    assert_int_equal(IoSetInformation(object, FileRenameInformation, sizeof rename, &rename), STATUS_INVALID_PARAMETER);
    rename.info.FileNameLength = 3;
    memcpy(rename.info.FileName, u"ab", 4);
    assert_int_equal(IoSetInformation(object, FileRenameInformation, sizeof rename, &rename),
                     STATUS_OBJECT_NAME_INVALID);
    ObDereferenceObject(object);
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wrong_control_buffers_are_refused),
        cmocka_unit_test(fat_like_volume_knows_few_codes),
        cmocka_unit_test(reparse_points_are_exchanged_by_tag),
        cmocka_unit_test(sizes_have_bounds),
        cmocka_unit_test(sparse_file_reaches_far),
        cmocka_unit_test(wrong_attribute_lists_change_nothing),
        cmocka_unit_test(attributes_are_asked_by_lists_and_numbers),
        cmocka_unit_test(drivers_buffers_are_checked_too),
    };
    return cmocka_run_group_tests_name("memfs/buffers", tests, NULL, NULL);
}
