/* Query and set information, of files and volumes. */
#include "unit.h"

static void basic_information(void **state)
{
    FILE_BASIC_INFORMATION info, set = {0};
    unit_start(FLTSIM_NTFS);
    make_file("\\f", "x");
    HANDLE handle = open_for("\\f", GENERIC_READ | GENERIC_WRITE, FILE_OPEN, 0);
    assert_int_equal(fltsim_query(handle, FileBasicInformation, &info, sizeof info),
                     STATUS_SUCCESS);
    assert_int_equal(info.FileAttributes, FILE_ATTRIBUTE_ARCHIVE);
    assert_true(info.CreationTime.QuadPart > 0);
    set.CreationTime.QuadPart = 1000000;
    set.FileAttributes = FILE_ATTRIBUTE_HIDDEN;
    assert_int_equal(fltsim_set(handle, FileBasicInformation, &set, sizeof set), STATUS_SUCCESS);
    assert_int_equal(fltsim_query(handle, FileBasicInformation, &info, sizeof info),
                     STATUS_SUCCESS);
    assert_int_equal(info.CreationTime.QuadPart, 1000000);
    assert_int_equal(info.FileAttributes, FILE_ATTRIBUTE_HIDDEN);
    set.FileAttributes = FILE_ATTRIBUTE_DIRECTORY;
    assert_int_equal(fltsim_set(handle, FileBasicInformation, &set, sizeof set),
                     STATUS_INVALID_PARAMETER);
    set = (FILE_BASIC_INFORMATION){.FileAttributes = FILE_ATTRIBUTE_NORMAL};
    assert_int_equal(fltsim_set(handle, FileBasicInformation, &set, sizeof set), STATUS_SUCCESS);
    assert_int_equal(fltsim_query(handle, FileBasicInformation, &info, sizeof info),
                     STATUS_SUCCESS);
    assert_int_equal(info.FileAttributes, FILE_ATTRIBUTE_NORMAL);
    close_it(handle);
    unit_stop();
}

static void all_information(void **state)
{
    union {
        FILE_ALL_INFORMATION info;
        UCHAR bytes[256];
    } all;
    unit_start(FLTSIM_NTFS);
    make_folder("\\d");
    make_file("\\d\\f", "12345");
    HANDLE handle = open_for("\\D\\F", GENERIC_READ, FILE_OPEN, 0);
    assert_int_equal(fltsim_query(handle, FileAllInformation, &all, sizeof all), STATUS_SUCCESS);
    assert_int_equal(all.info.StandardInformation.EndOfFile.QuadPart, 5);
    assert_int_equal(all.info.StandardInformation.AllocationSize.QuadPart, 4096);
    assert_int_equal(all.info.StandardInformation.NumberOfLinks, 1);
    assert_int_equal(all.info.NameInformation.FileNameLength, 8);
    assert_memory_equal(all.info.NameInformation.FileName, u"\\d\\f", 8);
    assert_int_equal(fltsim_query(handle, FileAllInformation, &all, sizeof(FILE_ALL_INFORMATION)),
                     STATUS_BUFFER_OVERFLOW);
    FILE_NETWORK_OPEN_INFORMATION network;
    assert_int_equal(fltsim_query(handle, FileNetworkOpenInformation, &network, sizeof network),
                     STATUS_SUCCESS);
    assert_int_equal(network.EndOfFile.QuadPart, 5);
    close_it(handle);
    unit_stop();
}

static void streams_are_listed(void **state)
{
    UCHAR buffer[512];
    unit_start(FLTSIM_NTFS);
    make_file("\\f", "12345");
    make_file("\\f:other", "123");
    HANDLE handle = open_for("\\f", GENERIC_READ, FILE_OPEN, 0);
    assert_int_equal(fltsim_query(handle, FileStreamInformation, buffer, sizeof buffer),
                     STATUS_SUCCESS);
    FILE_STREAM_INFORMATION *info = (void *)buffer;
    assert_int_equal(info->StreamNameLength, 14);
    assert_memory_equal(info->StreamName, u"::$DATA", 14);
    assert_int_equal(info->StreamSize.QuadPart, 5);
    info = (void *)(buffer + info->NextEntryOffset);
    assert_int_equal(info->NextEntryOffset, 0);
    assert_memory_equal(info->StreamName, u":other:$DATA", 24);
    assert_int_equal(info->StreamSize.QuadPart, 3);
    assert_int_equal(fltsim_query(handle, FileStreamInformation, buffer, 48),
                     STATUS_BUFFER_OVERFLOW);
    close_it(handle);
    unit_stop();
    unit_start(FLTSIM_FAT);
    make_file("\\f", "12345");
    handle = open_for("\\f", GENERIC_READ, FILE_OPEN, 0);
    assert_int_equal(fltsim_query(handle, FileStreamInformation, buffer, sizeof buffer),
                     STATUS_INVALID_PARAMETER);
    close_it(handle);
    unit_stop();
}

static void names_have_two_forms(void **state)
{
    union {
        FILE_NAME_INFORMATION info;
        UCHAR bytes[256];
    } name;
    unit_start(FLTSIM_NTFS);
    make_file("\\A long name.text", "x");
    HANDLE handle = open_for("\\ALONGN~1.TEX", GENERIC_READ, FILE_OPEN, 0);
    assert_int_equal(fltsim_query(handle, FileAlternateNameInformation, &name, sizeof name),
                     STATUS_SUCCESS);
    assert_memory_equal(name.info.FileName, u"ALONGN~1.TEX", 24);
    assert_int_equal(fltsim_query(handle, FileNameInformation, &name, sizeof name), STATUS_SUCCESS);
    assert_memory_equal(name.info.FileName, u"\\ALONGN~1.TEX", 26);
    assert_int_equal(fltsim_query(handle, FileNormalizedNameInformation, &name, sizeof name),
                     STATUS_SUCCESS);
    assert_memory_equal(name.info.FileName, u"\\A long name.text", 34);
    close_it(handle);
    unit_stop();
}

static void sizes_and_positions(void **state)
{
    FILE_STANDARD_INFORMATION standard;
    FILE_VALID_DATA_LENGTH_INFORMATION valid = {.ValidDataLength.QuadPart = 9000};
    FILE_ALLOCATION_INFORMATION allocation = {.AllocationSize.QuadPart = 50000};
    FILE_POSITION_INFORMATION position = {.CurrentByteOffset.QuadPart = 77};
    unit_start(FLTSIM_NTFS);
    make_file("\\f", "12345");
    HANDLE handle = open_for("\\f", GENERIC_READ | GENERIC_WRITE, FILE_OPEN, 0);
    assert_int_equal(fltsim_set(handle, FileAllocationInformation, &allocation, sizeof allocation),
                     STATUS_SUCCESS);
    assert_int_equal(fltsim_query(handle, FileStandardInformation, &standard, sizeof standard),
                     STATUS_SUCCESS);
    assert_int_equal(standard.AllocationSize.QuadPart, 53248);
    assert_int_equal(standard.EndOfFile.QuadPart, 5);
    allocation.AllocationSize.QuadPart = 2;
    assert_int_equal(fltsim_set(handle, FileAllocationInformation, &allocation, sizeof allocation),
                     STATUS_SUCCESS);
    assert_int_equal(fltsim_query(handle, FileStandardInformation, &standard, sizeof standard),
                     STATUS_SUCCESS);
    assert_int_equal(standard.EndOfFile.QuadPart, 2);
    assert_int_equal(fltsim_set(handle, FileValidDataLengthInformation, &valid, sizeof valid),
                     STATUS_INVALID_PARAMETER);
    assert_int_equal(fltsim_set(handle, FilePositionInformation, &position, sizeof position),
                     STATUS_SUCCESS);
    position.CurrentByteOffset.QuadPart = 0;
    assert_int_equal(fltsim_query(handle, FilePositionInformation, &position, sizeof position),
                     STATUS_SUCCESS);
    assert_int_equal(position.CurrentByteOffset.QuadPart, 77);
    close_it(handle);
    unit_stop();
}

/* -- extended attributes ----------------------------------------------------------------------- */

struct ea {
    FILE_FULL_EA_INFORMATION head;
    char rest[24];
};

static struct ea make_ea(const char *name, const char *value)
{
    struct ea ea = {.head.EaNameLength = (UCHAR)strlen(name),
                    .head.EaValueLength = (USHORT)strlen(value)};
    char *text = (char *)&ea + FIELD_OFFSET(FILE_FULL_EA_INFORMATION, EaName);
    memcpy(text, name, strlen(name));
    memcpy(text + strlen(name) + 1, value, strlen(value));
    return ea;
}

static void extended_attributes(void **state)
{
    UCHAR buffer[256];
    IO_STATUS_BLOCK iosb;
    FILE_EA_INFORMATION size;
    struct ea one = make_ea("one", "1"), two = make_ea("two", "22"), gone = make_ea("one", "");
    unit_start(FLTSIM_NTFS);
    HANDLE handle;
    struct fltsim_open open = {.access = GENERIC_READ | GENERIC_WRITE,
                               .disposition = FILE_CREATE,
                               .ea = &one,
                               .ea_length = sizeof one};
    assert_int_equal(fltsim_open(at("\\f"), &open, &handle), STATUS_SUCCESS);
    assert_int_equal(ZwSetEaFile(handle, &iosb, &two, sizeof two), STATUS_SUCCESS);
    assert_int_equal(fltsim_query(handle, FileEaInformation, &size, sizeof size), STATUS_SUCCESS);
    assert_true(size.EaSize > 20);
    assert_int_equal(
        ZwQueryEaFile(handle, &iosb, buffer, sizeof buffer, FALSE, NULL, 0, NULL, TRUE),
        STATUS_SUCCESS);
    FILE_FULL_EA_INFORMATION *ea = (void *)buffer;
    assert_memory_equal(ea->EaName, "ONE\0001", 5);
    ea = (void *)(buffer + ea->NextEntryOffset);
    assert_memory_equal(ea->EaName, "TWO\00022", 6);
    assert_int_equal(ZwSetEaFile(handle, &iosb, &gone, sizeof gone), STATUS_SUCCESS);
    assert_int_equal(
        ZwQueryEaFile(handle, &iosb, buffer, sizeof buffer, FALSE, NULL, 0, NULL, TRUE),
        STATUS_SUCCESS);
    assert_memory_equal(((FILE_FULL_EA_INFORMATION *)buffer)->EaName, "TWO", 3);
    close_it(handle);
    make_file("\\g", "x");
    handle = open_for("\\g", GENERIC_READ, FILE_OPEN, 0);
    assert_int_equal(
        ZwQueryEaFile(handle, &iosb, buffer, sizeof buffer, FALSE, NULL, 0, NULL, TRUE),
        STATUS_NO_EAS_ON_FILE);
    close_it(handle);
    unit_stop();
    unit_start(FLTSIM_FAT);
    assert_int_equal(fltsim_open(at("\\f"), &open, &handle), STATUS_EAS_NOT_SUPPORTED);
    assert_int_equal(status_of_open("\\f"), STATUS_OBJECT_NAME_NOT_FOUND);
    unit_stop();
}

/* -- the volume -------------------------------------------------------------------------------- */

static void volume_information(void **state)
{
    union {
        FILE_FS_VOLUME_INFORMATION volume;
        FILE_FS_ATTRIBUTE_INFORMATION attributes;
        FILE_FS_SIZE_INFORMATION size;
        FILE_FS_DEVICE_INFORMATION device;
        FILE_FS_LABEL_INFORMATION label;
        UCHAR bytes[256];
    } info;
    for (int kind = FLTSIM_NTFS; kind <= FLTSIM_FAT; kind++) {
        unit_start_with((struct fltsim_volume_options){
            .kind = kind, .label = "DATA", .serial = 0x1234, .size = 1 << 20});
        HANDLE handle = open_for("\\", GENERIC_READ, FILE_OPEN, 0);
        assert_int_equal(fltsim_query_volume(handle, FileFsVolumeInformation, &info, sizeof info),
                         STATUS_SUCCESS);
        assert_int_equal(info.volume.VolumeSerialNumber, 0x1234);
        assert_int_equal(info.volume.VolumeLabelLength, 8);
        assert_memory_equal(info.volume.VolumeLabel, u"DATA", 8);
        assert_int_equal(
            fltsim_query_volume(handle, FileFsAttributeInformation, &info, sizeof info),
            STATUS_SUCCESS);
        assert_int_equal((info.attributes.FileSystemAttributes & FILE_NAMED_STREAMS) != 0,
                         kind == FLTSIM_NTFS);
        assert_int_equal(fltsim_query_volume(handle, FileFsAttributeInformation, &info,
                                             sizeof(FILE_FS_ATTRIBUTE_INFORMATION)),
                         STATUS_BUFFER_OVERFLOW);
        assert_int_equal(fltsim_query_volume(handle, FileFsSizeInformation, &info, sizeof info),
                         STATUS_SUCCESS);
        assert_int_equal(info.size.TotalAllocationUnits.QuadPart, 256);
        assert_int_equal(info.size.AvailableAllocationUnits.QuadPart, 256);
        make_file("\\f", "x");
        assert_int_equal(fltsim_query_volume(handle, FileFsSizeInformation, &info, sizeof info),
                         STATUS_SUCCESS);
        assert_int_equal(info.size.AvailableAllocationUnits.QuadPart, 255);
        assert_int_equal(fltsim_query_volume(handle, FileFsDeviceInformation, &info, sizeof info),
                         STATUS_SUCCESS);
        assert_true(info.device.Characteristics & FILE_DEVICE_IS_MOUNTED);
        close_it(handle);
        unit_stop();
    }
}

static NTSTATUS attributes_of(const WCHAR *path, FILE_NETWORK_OPEN_INFORMATION *info)
{
    UNICODE_STRING name;
    OBJECT_ATTRIBUTES attributes;
    RtlInitUnicodeString(&name, path);
    InitializeObjectAttributes(&attributes, &name, OBJ_CASE_INSENSITIVE, NULL, NULL);
    return ZwQueryFullAttributesFile(&attributes, info);
}

static void files_are_asked_without_a_handle(void **state)
{
    FILE_NETWORK_OPEN_INFORMATION info;
    for (int kind = FLTSIM_NTFS; kind <= FLTSIM_FAT; kind++) {
        unit_start(kind);
        make_file("\\f", "12345");
        assert_int_equal(attributes_of((const WCHAR *)u"\\??\\C:\\F", &info), STATUS_SUCCESS);
        assert_int_equal(info.EndOfFile.QuadPart, 5);
        assert_int_equal(info.FileAttributes, FILE_ATTRIBUTE_ARCHIVE);
        assert_int_equal(attributes_of((const WCHAR *)u"\\??\\C:\\none", &info),
                         STATUS_OBJECT_NAME_NOT_FOUND);
        assert_int_equal(attributes_of((const WCHAR *)u"\\??\\C:\\none\\f", &info),
                         STATUS_OBJECT_PATH_NOT_FOUND);
        assert_int_equal(fltsim_delete(at("\\f")), STATUS_SUCCESS); /* nobody has it open */
        unit_stop();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(basic_information),   cmocka_unit_test(all_information),
        cmocka_unit_test(streams_are_listed),  cmocka_unit_test(names_have_two_forms),
        cmocka_unit_test(sizes_and_positions), cmocka_unit_test(extended_attributes),
        cmocka_unit_test(volume_information),  cmocka_unit_test(files_are_asked_without_a_handle),
    };
    return cmocka_run_group_tests_name("memfs/info", tests, NULL, NULL);
}
