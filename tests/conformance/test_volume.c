/* What can be asked about a volume, and about filters, volumes and instances as structures. */
#include "stage.h"

/* ---- names ------------------------------------------------------------------------------------------------------ */

static void a_volume_name_needs_a_buffer_that_holds_it(void)
{
    WCHAR buffer[64];
    UNICODE_STRING name = {.Buffer = buffer, .MaximumLength = sizeof buffer};
    ULONG needed;
    stage_set();
    succeeds(FltGetVolumeName(stage.fltVolume, &name, &needed));
    assert_true(same_text(&name, L"\\Device\\HarddiskVolume1"));
    assert_int_equal(needed, name.Length);
    name.MaximumLength = 4;
    answers(STATUS_BUFFER_TOO_SMALL, FltGetVolumeName(stage.fltVolume, &name, NULL));
    answers(STATUS_BUFFER_TOO_SMALL, FltGetVolumeName(stage.fltVolume, NULL, &needed));
    answers(STATUS_INVALID_PARAMETER, FltGetVolumeName(stage.fltVolume, NULL, NULL));
}

static void a_volume_guid_name_is_found_when_the_mount_manager_knows_it(void)
{
    WCHAR buffer[64];
    UNICODE_STRING name = {.Buffer = buffer, .MaximumLength = sizeof buffer};
    ULONG needed;
    stage_set();
    succeeds(FltGetVolumeGuidName(stage.fltVolume, &name, &needed));
    assert_int_equal(needed, name.Length);
    assert_memory_equal(name.Buffer, L"\\??\\Volume{", 11 * sizeof(WCHAR));
    answers(STATUS_BUFFER_TOO_SMALL, FltGetVolumeGuidName(stage.fltVolume, NULL, &needed));
    assert_int_equal(needed, name.Length);
    name.MaximumLength = 4;
    answers(STATUS_BUFFER_TOO_SMALL, FltGetVolumeGuidName(stage.fltVolume, &name, NULL));
    name.MaximumLength = sizeof buffer;
    starves(STATUS_INSUFFICIENT_RESOURCES, FltGetVolumeGuidName(stage.fltVolume, &name, NULL));
    succeeds(FltGetVolumeGuidName(stage.fltVolume, &name, NULL));
    WCHAR link[64];
    memcpy(link, name.Buffer, name.Length);
    link[name.Length / sizeof(WCHAR)] = 0;
    succeeds(IoDeleteSymbolicLink(text(link)));
    answers(STATUS_FLT_VOLUME_NOT_FOUND, FltGetVolumeGuidName(stage.fltVolume, &name, NULL));
    succeeds(IoCreateSymbolicLink(text(link), text(L"\\Device\\HarddiskVolume1")));
}

static void the_device_below_gives_drive_letters(void)
{
    PDEVICE_OBJECT disk;
    UNICODE_STRING dos;
    stage_set();
    succeeds(FltGetDiskDeviceObject(stage.fltVolume, &disk));
    succeeds(IoVolumeDeviceToDosName(disk, &dos));
    assert_true(same_text(&dos, L"C:"));
    ExFreePool(dos.Buffer);
    ObDereferenceObject(disk);
}

/* ---- what it is ------------------------------------------------------------------------------------------------- */

static void the_type_of_a_file_system_is_asked_of_a_volume_or_an_instance(void)
{
    static const struct {
        enum fltsim_volume_kind kind;
        FLT_FILESYSTEM_TYPE type;
    } rows[] = {{FLTSIM_NTFS, FLT_FSTYPE_NTFS}, {FLTSIM_FAT, FLT_FSTYPE_FAT}};
    FLT_FILESYSTEM_TYPE type;
    for (size_t i = 0; i < 2; i++) {
        stage_mount(rows[i].kind);
        stage_load();
        succeeds(FltGetFileSystemType(stage.fltVolume, &type));
        assert_int_equal(type, rows[i].type);
        succeeds(FltGetFileSystemType(stage.instance, &type));
        assert_int_equal(type, rows[i].type);
        answers(STATUS_INVALID_PARAMETER, FltGetFileSystemType(stage.filter, &type));
        succeeds(fltsim_unload(stage.driver));
        succeeds(fltsim_dismount(stage.volume));
    }
}

static void the_properties_of_a_volume_are_given_when_the_buffer_holds_them(void)
{
    union {
        FLT_VOLUME_PROPERTIES properties;
        UCHAR bytes[512];
    } v;
    ULONG length, whole;
    stage_set();
    answers(STATUS_BUFFER_TOO_SMALL, FltGetVolumeProperties(stage.fltVolume, NULL, 0, &length));
    succeeds(FltGetVolumeProperties(stage.fltVolume, &v.properties, sizeof v, &whole));
    assert_int_equal(v.properties.DeviceType, FILE_DEVICE_DISK_FILE_SYSTEM);
    assert_true(whole > sizeof v.properties); /* names are behind it */
    answers(STATUS_BUFFER_OVERFLOW, FltGetVolumeProperties(stage.fltVolume, &v.properties, sizeof v.properties, &length));
    assert_int_equal(v.properties.DeviceType, FILE_DEVICE_DISK_FILE_SYSTEM);
}

static void a_volume_is_writable_unless_its_disk_is_not(void)
{
    BOOLEAN writable = FALSE, snapshot = TRUE;
    stage_set();
    succeeds(FltIsVolumeWritable(stage.instance, &writable));
    assert_true(writable);
    succeeds(FltIsVolumeWritable(stage.fltVolume, &writable));
    starves(STATUS_INSUFFICIENT_RESOURCES, FltIsVolumeWritable(stage.fltVolume, &writable));
    answers(STATUS_INVALID_PARAMETER, FltIsVolumeWritable(stage.filter, &writable));
    succeeds(FltIsVolumeSnapshot(stage.instance, &snapshot));
    assert_false(snapshot);
    answers(STATUS_INVALID_PARAMETER, FltIsVolumeSnapshot(stage.filter, &snapshot));
    starves(STATUS_INSUFFICIENT_RESOURCES, FltIsVolumeSnapshot(stage.instance, &snapshot));
    succeeds(fltsim_unload(stage.driver));
    succeeds(fltsim_dismount(stage.volume));
    memset(&stage, 0, sizeof stage);
    succeeds(fltsim_mount(&(struct fltsim_volume_options){.letter = 'C', .read_only = true}, &stage.volume));
    stage_load();
    succeeds(FltIsVolumeWritable(stage.instance, &writable));
    assert_false(writable);
}

/* The device that a file system is registered by carries no disk. */
static void a_control_device_has_no_disk(void)
{
    PFILE_OBJECT file;
    PDEVICE_OBJECT device, disk;
    PFLT_VOLUME volume;
    BOOLEAN answer;
    stage_set();
    succeeds(IoGetDeviceObjectPointer(text(L"\\Ntfs"), FILE_READ_ATTRIBUTES, &file, &device));
    succeeds(FltGetVolumeFromDeviceObject(stage.filter, device, &volume));
    answers(STATUS_FLT_NO_DEVICE_OBJECT, FltGetDiskDeviceObject(volume, &disk));
    assert_null(disk);
    answers(STATUS_FLT_NO_DEVICE_OBJECT, FltIsVolumeSnapshot(volume, &answer));
    answers(STATUS_INVALID_DEVICE_REQUEST, FltIsVolumeWritable(volume, &answer));
    FltObjectDereference(volume);
    ObDereferenceObject(file);
}

/* ---- structures ------------------------------------------------------------------------------------------------- */

static union {
    FILTER_FULL_INFORMATION filter;
    FILTER_AGGREGATE_BASIC_INFORMATION aggregate;
    FILTER_AGGREGATE_STANDARD_INFORMATION standard;
    FILTER_VOLUME_BASIC_INFORMATION volume;
    FILTER_VOLUME_STANDARD_INFORMATION volumeStandard;
    INSTANCE_FULL_INFORMATION instance;
    INSTANCE_AGGREGATE_STANDARD_INFORMATION instanceStandard;
    UCHAR bytes[1024];
} info;

static void information_about_a_filter_is_given_when_the_buffer_holds_it(void)
{
    ULONG needed, length;
    stage_set();
    answers(STATUS_BUFFER_TOO_SMALL, FltGetFilterInformation(stage.filter, FilterFullInformation, NULL, 0, &needed));
    succeeds(FltGetFilterInformation(stage.filter, FilterFullInformation, &info, sizeof info, &length));
    assert_int_equal(length, needed);
    assert_int_equal(info.filter.NumberOfInstances, 1);
    assert_int_equal(info.filter.FilterNameLength, 10);
    assert_memory_equal(info.filter.FilterNameBuffer, L"stage", 10);
    succeeds(FltGetFilterInformation(stage.filter, FilterAggregateBasicInformation, &info, sizeof info, &length));
    assert_int_equal(info.aggregate.Type.MiniFilter.FilterAltitudeLength, 12);
    assert_memory_equal(info.bytes + info.aggregate.Type.MiniFilter.FilterAltitudeBufferOffset, L"370000", 12);
    succeeds(FltGetFilterInformation(stage.filter, FilterAggregateStandardInformation, &info, sizeof info, &length));
    answers(STATUS_INVALID_PARAMETER,
            FltGetFilterInformation(stage.filter, (FILTER_INFORMATION_CLASS)99, &info, sizeof info, &length));
    succeeds(FltEnumerateFilterInformation(0, FilterFullInformation, &info, sizeof info, &length));
    assert_memory_equal(info.filter.FilterNameBuffer, L"stage", 10);
    answers(STATUS_BUFFER_TOO_SMALL, FltEnumerateFilterInformation(0, FilterFullInformation, &info, 4, &length));
    answers(STATUS_INVALID_PARAMETER,
            FltEnumerateFilterInformation(0, (FILTER_INFORMATION_CLASS)99, &info, sizeof info, &length));
    answers(STATUS_NO_MORE_ENTRIES, FltEnumerateFilterInformation(1, FilterFullInformation, &info, sizeof info, &length));
}

static void information_about_a_volume_is_given_when_the_buffer_holds_it(void)
{
    ULONG needed, length;
    stage_set();
    answers(STATUS_BUFFER_TOO_SMALL,
            FltGetVolumeInformation(stage.fltVolume, FilterVolumeBasicInformation, NULL, 0, &needed));
    succeeds(FltGetVolumeInformation(stage.fltVolume, FilterVolumeBasicInformation, &info, sizeof info, &length));
    assert_int_equal(length, needed);
    assert_int_equal(info.volume.FilterVolumeNameLength, 46);
    assert_memory_equal(info.volume.FilterVolumeName, L"\\Device\\HarddiskVolume1", 46);
    succeeds(FltGetVolumeInformation(stage.fltVolume, FilterVolumeStandardInformation, &info, sizeof info, &length));
    assert_int_equal(info.volumeStandard.FileSystemType, FLT_FSTYPE_NTFS);
    answers(STATUS_INVALID_PARAMETER,
            FltGetVolumeInformation(stage.fltVolume, (FILTER_VOLUME_INFORMATION_CLASS)99, &info, sizeof info, &length));
    succeeds(FltEnumerateVolumeInformation(stage.filter, 0, FilterVolumeBasicInformation, &info, sizeof info, &length));
    answers(STATUS_BUFFER_TOO_SMALL,
            FltEnumerateVolumeInformation(stage.filter, 0, FilterVolumeBasicInformation, &info, 4, &length));
    answers(STATUS_INVALID_PARAMETER, FltEnumerateVolumeInformation(stage.filter, 0, (FILTER_VOLUME_INFORMATION_CLASS)99,
                                                                    &info, sizeof info, &length));
    answers(STATUS_NO_MORE_ENTRIES,
            FltEnumerateVolumeInformation(stage.filter, 1, FilterVolumeBasicInformation, &info, sizeof info, &length));
}

static void information_about_an_instance_is_given_when_the_buffer_holds_it(void)
{
    ULONG needed, length;
    stage_set();
    answers(STATUS_BUFFER_TOO_SMALL,
            FltGetInstanceInformation(stage.instance, InstanceFullInformation, NULL, 0, &needed));
    succeeds(FltGetInstanceInformation(stage.instance, InstanceFullInformation, &info, sizeof info, &length));
    assert_int_equal(length, needed);
    assert_memory_equal(info.bytes + info.instance.InstanceNameBufferOffset, L"stage Instance", 28);
    assert_memory_equal(info.bytes + info.instance.AltitudeBufferOffset, L"370000", 12);
    assert_memory_equal(info.bytes + info.instance.FilterNameBufferOffset, L"stage", 10);
    succeeds(FltGetInstanceInformation(stage.instance, InstanceBasicInformation, &info, sizeof info, &length));
    succeeds(FltGetInstanceInformation(stage.instance, InstancePartialInformation, &info, sizeof info, &length));
    succeeds(FltGetInstanceInformation(stage.instance, InstanceAggregateStandardInformation, &info, sizeof info, &length));
    assert_int_equal(info.instanceStandard.Type.MiniFilter.VolumeFileSystemType, FLT_FSTYPE_NTFS);
    answers(STATUS_INVALID_PARAMETER,
            FltGetInstanceInformation(stage.instance, (INSTANCE_INFORMATION_CLASS)99, &info, sizeof info, &length));
}

/* The same questions, asked of the filter's, the volume's, the named volume's and the device's instances. */
static PDEVICE_OBJECT asked;
static NTSTATUS by_filter(ULONG i, INSTANCE_INFORMATION_CLASS kind, PVOID buffer, ULONG room, PULONG length)
{
    return FltEnumerateInstanceInformationByFilter(stage.filter, i, kind, buffer, room, length);
}
static NTSTATUS by_volume(ULONG i, INSTANCE_INFORMATION_CLASS kind, PVOID buffer, ULONG room, PULONG length)
{
    return FltEnumerateInstanceInformationByVolume(stage.fltVolume, i, kind, buffer, room, length);
}
static NTSTATUS by_name(ULONG i, INSTANCE_INFORMATION_CLASS kind, PVOID buffer, ULONG room, PULONG length)
{
    return FltEnumerateInstanceInformationByVolumeName(text(L"\\Device\\HarddiskVolume1"), i, kind, buffer, room, length);
}
static NTSTATUS by_device(ULONG i, INSTANCE_INFORMATION_CLASS kind, PVOID buffer, ULONG room, PULONG length)
{
    return FltEnumerateInstanceInformationByDeviceObject(asked, i, kind, buffer, room, length);
}

static void instances_are_enumerated_by_filter_volume_name_and_device(void)
{
    NTSTATUS (*const routines[])(ULONG, INSTANCE_INFORMATION_CLASS, PVOID, ULONG, PULONG) = {by_filter, by_volume, by_name,
                                                                                            by_device};
    ULONG length;
    stage_set();
    succeeds(FltGetDeviceObject(stage.fltVolume, &asked));
    for (size_t i = 0; i < 4; i++) {
        succeeds(routines[i](0, InstanceFullInformation, &info, sizeof info, &length));
        assert_memory_equal(info.bytes + info.instance.InstanceNameBufferOffset, L"stage Instance", 28);
        answers(STATUS_BUFFER_TOO_SMALL, routines[i](0, InstanceFullInformation, &info, 8, &length));
        answers(STATUS_INVALID_PARAMETER,
                routines[i](0, (INSTANCE_INFORMATION_CLASS)99, &info, sizeof info, &length));
        answers(STATUS_NO_MORE_ENTRIES, routines[i](1, InstanceFullInformation, &info, sizeof info, &length));
    }
    ObDereferenceObject(asked);
    succeeds(IoCreateDevice(stage.driverObject, 0, NULL, FILE_DEVICE_UNKNOWN, 0, FALSE, &asked));
    answers(STATUS_FLT_VOLUME_NOT_FOUND, by_device(0, InstanceFullInformation, &info, sizeof info, &length));
    IoDeleteDevice(asked);
    answers(STATUS_OBJECT_NAME_NOT_FOUND,
            FltEnumerateInstanceInformationByVolumeName(text(L"\\Device\\Nothing"), 0, InstanceFullInformation, &info,
                                                        sizeof info, &length));
    answers(STATUS_FLT_VOLUME_NOT_FOUND,
            FltEnumerateInstanceInformationByVolumeName(text(L"\\FileSystem\\Filters\\FltMgr"), 0, InstanceFullInformation,
                                                        &info, sizeof info, &length));
    answers(STATUS_OBJECT_PATH_NOT_FOUND,
            FltEnumerateInstanceInformationByVolumeName(text(L"\\Nowhere\\Nothing"), 0, InstanceFullInformation, &info,
                                                        sizeof info, &length));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fltsim_unit_test(a_volume_name_needs_a_buffer_that_holds_it),
        fltsim_unit_test(a_volume_guid_name_is_found_when_the_mount_manager_knows_it),
        fltsim_unit_test(the_device_below_gives_drive_letters),
        fltsim_unit_test(the_type_of_a_file_system_is_asked_of_a_volume_or_an_instance),
        fltsim_unit_test(the_properties_of_a_volume_are_given_when_the_buffer_holds_them),
        fltsim_unit_test(a_volume_is_writable_unless_its_disk_is_not),
        fltsim_unit_test(a_control_device_has_no_disk),
        fltsim_unit_test(information_about_a_filter_is_given_when_the_buffer_holds_it),
        fltsim_unit_test(information_about_a_volume_is_given_when_the_buffer_holds_it),
        fltsim_unit_test(information_about_an_instance_is_given_when_the_buffer_holds_it),
        fltsim_unit_test(instances_are_enumerated_by_filter_volume_name_and_device),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
