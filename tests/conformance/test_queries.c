/* What asking files and volumes answers, by the length of the buffer. All of it was seen on Windows by published test suites. */
#include "stage.h"

#define ALL_SHARED (FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE)
#define UNTOUCHED 0x5555
#define FILL 0xCC

static IO_STATUS_BLOCK iosb;
static union {
    UCHAR bytes[8192];
    FILE_NAME_INFORMATION name;
    FILE_ALL_INFORMATION all;
} buffer;

static void fill_buffer(void)
{
    memset(&buffer, FILL, sizeof buffer);
    iosb.Status = UNTOUCHED;
    iosb.Information = UNTOUCHED;
}

/* As a program asks: the lengths that the kernel is asked with are its own affair. */
static NTSTATUS ask(HANDLE handle, ULONG length, FILE_INFORMATION_CLASS kind)
{
    KPROCESSOR_MODE mode = fltsim_previous_mode(UserMode);
    fill_buffer();
    NTSTATUS status = NtQueryInformationFile(handle, &iosb, &buffer, length, kind);
    fltsim_previous_mode(mode);
    return status;
}

static HANDLE file_of(const char *path)
{
    HANDLE handle;
    succeeds(fltsim_open(path, &(struct fltsim_open){.access = GENERIC_READ | GENERIC_WRITE | DELETE,
                                                     .disposition = FILE_OPEN_IF}, &handle));
    return handle;
}

/* ---- names ---- */

static void a_name_is_cut_where_the_buffer_ends(void)
{
    static const WCHAR is[] = L"\\a file";
    enum { NAME = sizeof is - sizeof(WCHAR), HEAD = FIELD_OFFSET(FILE_NAME_INFORMATION, FileName) };
    static const struct {
        ULONG length;
        NTSTATUS status;
        ULONG_PTR information;
    } rows[] = {
        {sizeof(FILE_NAME_INFORMATION) - 1, STATUS_INFO_LENGTH_MISMATCH, UNTOUCHED},
        {sizeof(FILE_NAME_INFORMATION), STATUS_BUFFER_OVERFLOW, sizeof(FILE_NAME_INFORMATION)},
        {HEAD + NAME - sizeof(WCHAR), STATUS_BUFFER_OVERFLOW, HEAD + NAME - sizeof(WCHAR)},
        {HEAD + NAME, STATUS_SUCCESS, HEAD + NAME},
        {HEAD + NAME + 64, STATUS_SUCCESS, HEAD + NAME},
    };
    stage_set();
    HANDLE handle = file_of("C:\\a file");
    for (size_t i = 0; i < ARRAYSIZE(rows); i++) {
        answers(rows[i].status, ask(handle, rows[i].length, FileNameInformation));
        assert_int_equal(iosb.Information, rows[i].information);
        if (rows[i].information == UNTOUCHED)
            continue;
        assert_int_equal(iosb.Status, rows[i].status);
        assert_int_equal(buffer.name.FileNameLength, NAME);
        assert_memory_equal(buffer.name.FileName, is, rows[i].information - HEAD);
        assert_int_equal(buffer.bytes[rows[i].information], FILL);
    }
    succeeds(fltsim_close(handle));
}

static void all_of_it_ends_in_a_name_that_is_cut(void)
{
    static const WCHAR is[] = L"\\a file";
    enum { NAME = sizeof is - sizeof(WCHAR), HEAD = FIELD_OFFSET(FILE_ALL_INFORMATION, NameInformation.FileName) };
    static const struct {
        ULONG length;
        NTSTATUS status;
        ULONG_PTR information, on_fat;
    } rows[] = {
        {sizeof(FILE_ALL_INFORMATION) - 1, STATUS_INFO_LENGTH_MISMATCH, UNTOUCHED, UNTOUCHED},
        {sizeof(FILE_ALL_INFORMATION), STATUS_BUFFER_OVERFLOW, sizeof(FILE_ALL_INFORMATION), sizeof(FILE_ALL_INFORMATION)},
        {HEAD + NAME - 2, STATUS_BUFFER_OVERFLOW, HEAD + NAME - 2, HEAD + NAME - 2},
        {HEAD + NAME - 1, STATUS_BUFFER_OVERFLOW, HEAD + NAME - 2, HEAD + NAME - 1},
        {HEAD + NAME, STATUS_SUCCESS, HEAD + NAME, HEAD + NAME},
        {HEAD + NAME + 1, STATUS_SUCCESS, HEAD + NAME, HEAD + NAME},
        {HEAD + NAME + 2, STATUS_SUCCESS, HEAD + NAME, HEAD + NAME},
        {HEAD + NAME + 520, STATUS_SUCCESS, HEAD + NAME, HEAD + NAME},
    };
    for (int kind = FLTSIM_NTFS; kind <= FLTSIM_FAT; kind++) {
        if (kind == FLTSIM_NTFS) {
            stage_set();
        } else {
            struct fltsim_volume *fat;
            succeeds(fltsim_mount(&(struct fltsim_volume_options){.kind = FLTSIM_FAT, .letter = 'D'}, &fat));
        }
        HANDLE handle = file_of(kind == FLTSIM_NTFS ? "C:\\a file" : "D:\\a file");
        for (size_t i = 0; i < ARRAYSIZE(rows); i++) {
            answers(rows[i].status, ask(handle, rows[i].length, FileAllInformation));
            assert_int_equal(iosb.Information, kind == FLTSIM_NTFS ? rows[i].information : rows[i].on_fat);
            if (!NT_SUCCESS(rows[i].status) && rows[i].status != STATUS_BUFFER_OVERFLOW)
                continue;
            assert_int_equal(buffer.all.NameInformation.FileNameLength, NAME);
            assert_memory_equal(buffer.all.NameInformation.FileName, is, rows[i].information - HEAD);
            assert_int_equal(buffer.bytes[HEAD + NAME], FILL);
        }
        succeeds(fltsim_close(handle));
    }
}

static void what_can_only_be_set_cannot_be_asked(void)
{
    static const FILE_INFORMATION_CLASS classes[] = {
        FileEndOfFileInformation, FileDispositionInformation, FileBothDirectoryInformation, FileRenameInformation,
    };
    stage_set();
    HANDLE handle = file_of("C:\\a file");
    for (size_t i = 0; i < ARRAYSIZE(classes); i++)
        answers(STATUS_INVALID_INFO_CLASS, ask(handle, sizeof buffer, classes[i]));
    answers(STATUS_INVALID_INFO_CLASS, fltsim_set(handle, FileAllInformation, &buffer, sizeof(FILE_ALL_INFORMATION)));
    succeeds(fltsim_close(handle));
}

static void attributes_are_set_and_normal_clears_them(void)
{
    static const struct {
        ULONG set, is;
    } rows[] = {
        {0, FILE_ATTRIBUTE_ARCHIVE},
        {FILE_ATTRIBUTE_SYSTEM, FILE_ATTRIBUTE_SYSTEM},
        {FILE_ATTRIBUTE_HIDDEN, FILE_ATTRIBUTE_HIDDEN},
        {FILE_ATTRIBUTE_NORMAL, FILE_ATTRIBUTE_NORMAL},
    };
    stage_set();
    HANDLE handle = file_of("C:\\a file");
    for (size_t i = 0; i < ARRAYSIZE(rows); i++) {
        FILE_BASIC_INFORMATION basic = {.FileAttributes = rows[i].set};
        succeeds(fltsim_set(handle, FileBasicInformation, &basic, sizeof basic));
        succeeds(ask(handle, sizeof basic, FileBasicInformation));
        assert_int_equal(buffer.all.BasicInformation.FileAttributes, rows[i].is);
        succeeds(ask(handle, sizeof buffer, FileAllInformation));
        assert_int_equal(buffer.all.BasicInformation.FileAttributes, rows[i].is);
    }
    succeeds(fltsim_close(handle));
}

static void a_handle_tells_its_access_and_its_mode(void)
{
    static const struct {
        ULONG options, mode;
    } rows[] = {
        {0, 0},
        {FILE_NON_DIRECTORY_FILE, 0},
        {FILE_NON_DIRECTORY_FILE | FILE_SEQUENTIAL_ONLY, FILE_SEQUENTIAL_ONLY},
        {FILE_WRITE_THROUGH, FILE_WRITE_THROUGH},
        {FILE_SYNCHRONOUS_IO_ALERT, FILE_SYNCHRONOUS_IO_ALERT},
        {FILE_NO_INTERMEDIATE_BUFFERING, FILE_NO_INTERMEDIATE_BUFFERING},
        {FILE_SYNCHRONOUS_IO_NONALERT | FILE_NON_DIRECTORY_FILE, FILE_SYNCHRONOUS_IO_NONALERT},
        {FILE_DELETE_ON_CLOSE, 0},
        {FILE_RANDOM_ACCESS | FILE_NO_COMPRESSION, 0},
    };
    stage_set();
    for (size_t i = 0; i < ARRAYSIZE(rows); i++) {
        FILE_MODE_INFORMATION mode = {0xCCCCCCCC};
        FILE_ACCESS_INFORMATION access;
        HANDLE handle;
        succeeds(ZwCreateFile(&handle, SYNCHRONIZE | GENERIC_READ | GENERIC_WRITE | DELETE, named(L"\\??\\C:\\a file"), &iosb,
                              NULL, 0, 0, FILE_OPEN_IF, rows[i].options, NULL, 0));
        succeeds(ZwQueryInformationFile(handle, &iosb, &mode, sizeof mode, FileModeInformation));
        assert_int_equal(mode.Mode, rows[i].mode);
        succeeds(ZwQueryInformationFile(handle, &iosb, &access, sizeof access, FileAccessInformation));
        assert_int_equal(access.AccessFlags, 0x13019f);
        succeeds(ZwClose(handle));
    }
}

static void each_class_tells_the_same_of_a_file(void)
{
    FILE_ID_INFORMATION id;
    FILE_STAT_INFORMATION stat;
    FILE_INTERNAL_INFORMATION internal;
    FILE_BASIC_INFORMATION basic;
    FILE_STANDARD_INFORMATION standard;
    FILE_ATTRIBUTE_TAG_INFORMATION tag;
    FILE_FS_VOLUME_INFORMATION volume;
    stage_set();
    HANDLE handle = file_of("C:\\a file");
    succeeds(fltsim_query(handle, FileIdInformation, &id, sizeof id));
    succeeds(fltsim_query(handle, FileStatInformation, &stat, sizeof stat));
    succeeds(fltsim_query(handle, FileInternalInformation, &internal, sizeof internal));
    succeeds(fltsim_query(handle, FileBasicInformation, &basic, sizeof basic));
    succeeds(fltsim_query(handle, FileStandardInformation, &standard, sizeof standard));
    answers(STATUS_INFO_LENGTH_MISMATCH, fltsim_query(handle, FileAttributeTagInformation, &tag, sizeof tag - 1));
    succeeds(fltsim_query(handle, FileAttributeTagInformation, &tag, sizeof tag));
    fltsim_query_volume(handle, FileFsVolumeInformation, &volume, sizeof volume);
    assert_memory_equal(&id.FileId, &internal.IndexNumber, sizeof internal.IndexNumber);
    assert_memory_equal((PUCHAR)&id.FileId + 8, "\0\0\0\0\0\0\0\0", 8);
    assert_int_equal((ULONG)id.VolumeSerialNumber, volume.VolumeSerialNumber);
    assert_int_equal(stat.FileId.QuadPart, internal.IndexNumber.QuadPart);
    assert_int_equal(stat.CreationTime.QuadPart, basic.CreationTime.QuadPart);
    assert_int_equal(stat.LastAccessTime.QuadPart, basic.LastAccessTime.QuadPart);
    assert_int_equal(stat.LastWriteTime.QuadPart, basic.LastWriteTime.QuadPart);
    assert_int_equal(stat.EndOfFile.QuadPart, standard.EndOfFile.QuadPart);
    assert_int_equal(stat.FileAttributes, basic.FileAttributes);
    assert_int_equal(stat.NumberOfLinks, standard.NumberOfLinks);
    assert_int_equal(stat.ReparseTag, 0);
    assert_int_equal(stat.EffectiveAccess, FILE_ALL_ACCESS);
    assert_int_equal(tag.FileAttributes, FILE_ATTRIBUTE_ARCHIVE);
    assert_int_equal(tag.ReparseTag, 0);
    succeeds(fltsim_close(handle));
}

static void only_the_root_is_named_with_a_backslash_behind(void)
{
    static const struct {
        const WCHAR *name;
        bool behind;
    } rows[] = {{L"\\??\\C:\\dir", false}, {L"\\??\\C:\\dir\\", false}, {L"\\??\\C:\\", true}};
    union {
        OBJECT_NAME_INFORMATION info;
        UCHAR bytes[256];
    } is;
    HANDLE handle, below;
    OBJECT_ATTRIBUTES attributes;
    stage_set();
    succeeds(fltsim_make_directory("C:\\dir"));
    for (size_t i = 0; i < ARRAYSIZE(rows); i++) {
        succeeds(ZwOpenFile(&handle, GENERIC_READ, named(rows[i].name), &iosb, ALL_SHARED, FILE_DIRECTORY_FILE));
        succeeds(ZwQueryObject(handle, ObjectNameInformation, &is, sizeof is, NULL));
        assert_int_equal(is.info.Name.Buffer[is.info.Name.Length / sizeof(WCHAR) - 1] == '\\', rows[i].behind);
        if (rows[i].behind) {
            InitializeObjectAttributes(&attributes, text(L"dir\\"), OBJ_KERNEL_HANDLE, handle, NULL);
            succeeds(ZwOpenFile(&below, GENERIC_READ, &attributes, &iosb, ALL_SHARED, FILE_DIRECTORY_FILE));
            succeeds(ZwQueryObject(below, ObjectNameInformation, &is, sizeof is, NULL));
            assert_int_equal(is.info.Name.Buffer[is.info.Name.Length / sizeof(WCHAR) - 1], 'r');
            succeeds(ZwClose(below));
        }
        succeeds(ZwClose(handle));
    }
}

/* ---- volumes ---- */

static void a_volume_tells_its_sizes_twice_alike(void)
{
    FILE_FS_SIZE_INFORMATION size;
    FILE_FS_FULL_SIZE_INFORMATION full;
    union {
        FILE_FS_VOLUME_INFORMATION info;
        UCHAR bytes[256];
    } volume;
    union {
        FILE_FS_ATTRIBUTE_INFORMATION info;
        UCHAR bytes[256];
    } attribute;
    stage_set();
    HANDLE handle = file_of("C:\\a file");
    succeeds(fltsim_query_volume(handle, FileFsSizeInformation, &size, sizeof size));
    succeeds(fltsim_query_volume(handle, FileFsFullSizeInformation, &full, sizeof full));
    assert_true(size.TotalAllocationUnits.QuadPart > 0 && size.AvailableAllocationUnits.QuadPart > 0);
    assert_int_equal(size.BytesPerSector, 512);
    assert_int_equal(size.SectorsPerAllocationUnit, 8);
    assert_int_equal(full.TotalAllocationUnits.QuadPart, size.TotalAllocationUnits.QuadPart);
    assert_int_equal(full.CallerAvailableAllocationUnits.QuadPart, size.AvailableAllocationUnits.QuadPart);
    assert_true(full.ActualAvailableAllocationUnits.QuadPart > 0);
    assert_int_equal(full.BytesPerSector, 512);
    assert_int_equal(full.SectorsPerAllocationUnit, 8);
    succeeds(ZwQueryVolumeInformationFile(handle, &iosb, &volume, sizeof volume, FileFsVolumeInformation));
    assert_int_equal(iosb.Information, FIELD_OFFSET(FILE_FS_VOLUME_INFORMATION, VolumeLabel) + volume.info.VolumeLabelLength);
    assert_true(volume.info.VolumeCreationTime.QuadPart != 0 && volume.info.VolumeSerialNumber != 0);
    assert_int_equal(volume.info.SupportsObjects, TRUE);
    succeeds(ZwQueryVolumeInformationFile(handle, &iosb, &attribute, sizeof attribute, FileFsAttributeInformation));
    assert_true(attribute.info.FileSystemAttributes && attribute.info.MaximumComponentNameLength);
    assert_true(attribute.info.FileSystemNameLength != 0);
    succeeds(fltsim_close(handle));
}

static void the_name_of_a_file_system_is_cut_and_so_is_its_length(void)
{
    static const struct {
        FS_INFORMATION_CLASS class;
        ULONG least, head;
    } classes[] = {
        {FileFsVolumeInformation, sizeof(FILE_FS_VOLUME_INFORMATION), FIELD_OFFSET(FILE_FS_VOLUME_INFORMATION, VolumeLabel)},
        {FileFsAttributeInformation, sizeof(FILE_FS_ATTRIBUTE_INFORMATION),
         FIELD_OFFSET(FILE_FS_ATTRIBUTE_INFORMATION, FileSystemName)},
        {FileFsDeviceInformation, sizeof(FILE_FS_DEVICE_INFORMATION), sizeof(FILE_FS_DEVICE_INFORMATION)},
    };
    UCHAR buffer[64];
    stage_set();
    HANDLE handle = file_of("C:\\a file");
    for (size_t i = 0; i < ARRAYSIZE(classes); i++) {
        const ULONG short_ones[] = {0, classes[i].head - 1, classes[i].least - 1};
        for (size_t s = 0; s < ARRAYSIZE(short_ones); s++) {
            memset(&iosb, 0x55, sizeof iosb);
            answers(STATUS_INFO_LENGTH_MISMATCH,
                    ZwQueryVolumeInformationFile(handle, &iosb, buffer, short_ones[s], classes[i].class));
            assert_int_equal(iosb.Information, 0x5555555555555555);
            answers(STATUS_INFO_LENGTH_MISMATCH, /* the length is looked at first */
                    ZwQueryVolumeInformationFile(NULL, &iosb, buffer, short_ones[s], classes[i].class));
        }
        answers(STATUS_INVALID_HANDLE, ZwQueryVolumeInformationFile(NULL, &iosb, buffer, sizeof buffer, classes[i].class));
        answers(STATUS_OBJECT_TYPE_MISMATCH,
                ZwQueryVolumeInformationFile(ZwCurrentProcess(), &iosb, buffer, sizeof buffer, classes[i].class));
    }
    for (ULONG length = classes[1].least; length <= sizeof buffer; length++) {
        PFILE_FS_ATTRIBUTE_INFORMATION info = (PVOID)buffer;
        ULONG head = classes[1].head, room = length - head, kept = room < 8 ? room : 8;
        memset(buffer, 0x55, sizeof buffer);
        answers(room < 8 ? STATUS_BUFFER_OVERFLOW : STATUS_SUCCESS,
                ZwQueryVolumeInformationFile(handle, &iosb, buffer, length, FileFsAttributeInformation));
        assert_int_equal(info->FileSystemNameLength, kept);
        assert_int_equal(iosb.Information, head + kept);
        assert_memory_equal(info->FileSystemName, L"NTFS", kept);
        assert_int_equal(buffer[head + kept], 0x55);
    }
    static const FS_INFORMATION_CLASS none[] = {0, (FS_INFORMATION_CLASS)0x80000000};
    for (size_t i = 0; i < ARRAYSIZE(none); i++) {
        answers(STATUS_INVALID_INFO_CLASS, ZwQueryVolumeInformationFile(handle, &iosb, buffer, sizeof buffer, none[i]));
        answers(STATUS_INVALID_INFO_CLASS, ZwQueryVolumeInformationFile(NULL, NULL, NULL, 0, none[i]));
        answers(STATUS_INVALID_INFO_CLASS, ZwSetVolumeInformationFile(NULL, NULL, NULL, 0, none[i]));
        answers(STATUS_INVALID_INFO_CLASS, ZwSetInformationFile(NULL, NULL, NULL, 0, (FILE_INFORMATION_CLASS)none[i]));
    }
    succeeds(fltsim_close(handle));
}

static void the_name_of_a_volume_is_told_with_its_terminator(void)
{
    struct {
        OBJECT_NAME_INFORMATION info;
        WCHAR text[64];
    } name;
    ULONG least, short_of, whole;
    HANDLE handle;
    stage_set();
    succeeds(ZwOpenFile(&handle, FILE_READ_ATTRIBUTES | SYNCHRONIZE, named(L"\\DosDevices\\C:"), &iosb, ALL_SHARED,
                        FILE_SYNCHRONOUS_IO_NONALERT));
    answers(STATUS_INFO_LENGTH_MISMATCH, ZwQueryObject(handle, ObjectNameInformation, &name, 0, &least));
    answers(STATUS_BUFFER_OVERFLOW, ZwQueryObject(handle, ObjectNameInformation, &name, sizeof name.info, &short_of));
    succeeds(ZwQueryObject(handle, ObjectNameInformation, &name, sizeof name, &whole));
    assert_int_equal(whole, sizeof name.info + name.info.Name.MaximumLength);
    assert_int_equal(least, whole);
    assert_int_equal(short_of, whole);
    assert_true(name.info.Name.Length > 0);
    assert_int_equal(name.info.Name.MaximumLength, name.info.Name.Length + sizeof(WCHAR));
    for (USHORT i = 0; i <= name.info.Name.Length / sizeof(WCHAR); i++)
        assert_int_equal(name.info.Name.Buffer[i] == 0, i == name.info.Name.Length / sizeof(WCHAR));
    succeeds(ZwClose(handle));
}

static void what_is_not_cached_comes_in_sectors(void)
{
    enum { MANY = 0x200000 };
    HANDLE handle;
    stage_set();
    PUCHAR bytes = ExAllocatePoolWithTag(PagedPool, MANY + PAGE_SIZE, 'setB');
    memset(bytes, 7, MANY + PAGE_SIZE);
    for (int cached = false; cached <= true; cached++) {
        LARGE_INTEGER start = {.QuadPart = 0};
        succeeds(ZwCreateFile(&handle, FILE_READ_DATA | FILE_WRITE_DATA | DELETE | SYNCHRONIZE, named(L"\\??\\C:\\big"), &iosb,
                              NULL, 0, 0, FILE_SUPERSEDE,
                              FILE_NON_DIRECTORY_FILE | FILE_SYNCHRONOUS_IO_NONALERT | FILE_DELETE_ON_CLOSE |
                                  (cached ? 0 : FILE_NO_INTERMEDIATE_BUFFERING),
                              NULL, 0));
        static const ULONG more[] = {0, 1, PAGE_SIZE};
        for (size_t i = 0; i < ARRAYSIZE(more); i++) {
            ULONG length = MANY + more[i];
            NTSTATUS wanted = cached || more[i] != 1 ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER;
            answers(wanted, ZwWriteFile(handle, NULL, NULL, NULL, &iosb, bytes, length, &start, NULL));
            if (NT_SUCCESS(wanted))
                assert_int_equal(iosb.Information, length);
            answers(wanted, ZwReadFile(handle, NULL, NULL, NULL, &iosb, bytes, length, &start, NULL));
            if (NT_SUCCESS(wanted))
                assert_int_equal(iosb.Information, length);
        }
        succeeds(ZwClose(handle));
    }
    ExFreePoolWithTag(bytes, 'setB');
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fltsim_unit_test(a_name_is_cut_where_the_buffer_ends),
        fltsim_unit_test(all_of_it_ends_in_a_name_that_is_cut),
        fltsim_unit_test(what_can_only_be_set_cannot_be_asked),
        fltsim_unit_test(attributes_are_set_and_normal_clears_them),
        fltsim_unit_test(a_handle_tells_its_access_and_its_mode),
        fltsim_unit_test(each_class_tells_the_same_of_a_file),
        fltsim_unit_test(only_the_root_is_named_with_a_backslash_behind),
        fltsim_unit_test(a_volume_tells_its_sizes_twice_alike),
        fltsim_unit_test(the_name_of_a_file_system_is_cut_and_so_is_its_length),
        fltsim_unit_test(the_name_of_a_volume_is_told_with_its_terminator),
        fltsim_unit_test(what_is_not_cached_comes_in_sectors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
