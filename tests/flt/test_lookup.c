/* Finding and describing filters, volumes and instances. */
#pragma GCC diagnostic ignored "-Wunused-parameter"

#include <fltKernel.h>

#include <fltsim/cmocka.h>

#include <string.h>

static PFLT_FILTER filters[2];
static struct fltsim_driver *drivers[2];
static struct fltsim_volume *volume, *second;

static NTSTATUS FLTAPI UnloadFirst(FLT_FILTER_UNLOAD_FLAGS Flags)
{
    FltUnregisterFilter(filters[0]);
    return STATUS_SUCCESS;
}

static NTSTATUS FLTAPI UnloadSecond(FLT_FILTER_UNLOAD_FLAGS Flags)
{
    FltUnregisterFilter(filters[1]);
    return STATUS_SUCCESS;
}

static NTSTATUS enter(PDRIVER_OBJECT driver, int index, PFLT_FILTER_UNLOAD_CALLBACK unload)
{
    FLT_REGISTRATION registration = {
        .Size = sizeof registration, .Version = FLT_REGISTRATION_VERSION, .FilterUnloadCallback = unload};
    NTSTATUS status = FltRegisterFilter(driver, &registration, &filters[index]);
    return NT_SUCCESS(status) ? FltStartFiltering(filters[index]) : status;
}

static NTSTATUS EnterFirst(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    return enter(DriverObject, 0, UnloadFirst);
}

static NTSTATUS EnterSecond(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    return enter(DriverObject, 1, UnloadSecond);
}

static void load(void)
{
    assert_int_equal(fltsim_mount(&(struct fltsim_volume_options){.letter = 'C'}, &volume), STATUS_SUCCESS);
    assert_int_equal(fltsim_mount(&(struct fltsim_volume_options){.letter = 'D', .kind = FLTSIM_FAT}, &second),
                     STATUS_SUCCESS);
    assert_int_equal(
        fltsim_load(&(struct fltsim_driver_options){.name = "low", .entry = EnterFirst, .altitude = "100000"}, &drivers[0]),
        STATUS_SUCCESS);
    assert_int_equal(
        fltsim_load(&(struct fltsim_driver_options){.name = "high", .entry = EnterSecond, .altitude = "100000.5"},
                    &drivers[1]),
        STATUS_SUCCESS);
}

static UNICODE_STRING wide(const char *text)
{
    static WCHAR buffers[4][128];
    static unsigned next;
    WCHAR *buffer = buffers[next++ % 4];
    size_t length = strlen(text);
    for (size_t i = 0; i < length; i++)
        buffer[i] = (WCHAR)text[i];
    UNICODE_STRING result = {(USHORT)(length * 2), (USHORT)(length * 2), buffer};
    return result;
}

static PFLT_VOLUME volume_named(const char *name)
{
    UNICODE_STRING text = wide(name);
    PFLT_VOLUME found;
    assert_int_equal(FltGetVolumeFromName(filters[0], &text, &found), STATUS_SUCCESS);
    return found;
}

static bool says(const void *text, USHORT bytes, const char *expected)
{
    const WCHAR *units = text;
    if (bytes != strlen(expected) * sizeof(WCHAR))
        return false;
    for (size_t i = 0; i < strlen(expected); i++)
        if (units[i] != (WCHAR)expected[i])
            return false;
    return true;
}

static void things_are_found_by_name(void)
{
    PFLT_FILTER filter;
    PFLT_VOLUME found;
    PFLT_INSTANCE instance;
    UNICODE_STRING name = wide("LOW");
    load();
    assert_int_equal(FltGetFilterFromName(&name, &filter), STATUS_SUCCESS);
    assert_ptr_equal(filter, filters[0]);
    FltObjectDereference(filter);
    name = wide("nobody");
    assert_int_equal(FltGetFilterFromName(&name, &filter), STATUS_FLT_FILTER_NOT_FOUND);
    assert_null(filter);
    PFLT_VOLUME c = volume_named("C:"), again = volume_named(fltsim_volume_device_name(volume)), d = volume_named("D:\\");
    assert_ptr_equal(c, again);
    assert_ptr_not_equal(c, d);
    name = wide("Z:");
    assert_int_equal(FltGetVolumeFromName(filters[0], &name, &found), STATUS_FLT_VOLUME_NOT_FOUND);
    name = wide("");
    assert_int_equal(FltGetVolumeFromName(filters[0], &name, &found), STATUS_INVALID_PARAMETER);
    name = wide("low Instance");
    assert_int_equal(FltGetVolumeInstanceFromName(filters[0], c, &name, &instance), STATUS_SUCCESS);
    FltObjectDereference(instance);
    assert_int_equal(FltGetVolumeInstanceFromName(filters[1], c, &name, &instance), STATUS_FLT_INSTANCE_NOT_FOUND);
    assert_int_equal(FltGetVolumeInstanceFromName(filters[1], c, NULL, &instance), STATUS_SUCCESS);
    FltObjectDereference(instance);
    FltObjectDereference(c);
    FltObjectDereference(again);
    FltObjectDereference(d);
}

static void instances_are_in_order(void)
{
    PFLT_INSTANCE top, bottom, next;
    PFLT_FILTER filter;
    PFLT_VOLUME found;
    load();
    PFLT_VOLUME c = volume_named("C:");
    assert_int_equal(FltGetTopInstance(c, &top), STATUS_SUCCESS);
    assert_int_equal(FltGetBottomInstance(c, &bottom), STATUS_SUCCESS);
    assert_int_equal(FltGetFilterFromInstance(top, &filter), STATUS_SUCCESS);
    assert_ptr_equal(filter, filters[1]);
    FltObjectDereference(filter);
    assert_int_equal(FltGetVolumeFromInstance(top, &found), STATUS_SUCCESS);
    assert_ptr_equal(found, c);
    FltObjectDereference(found);
    assert_int_equal(FltGetLowerInstance(top, &next), STATUS_SUCCESS);
    assert_ptr_equal(next, bottom);
    FltObjectDereference(next);
    assert_int_equal(FltGetUpperInstance(bottom, &next), STATUS_SUCCESS);
    assert_ptr_equal(next, top);
    FltObjectDereference(next);
    assert_int_equal(FltGetUpperInstance(top, &next), STATUS_NO_MORE_ENTRIES);
    assert_int_equal(FltGetLowerInstance(bottom, &next), STATUS_NO_MORE_ENTRIES);
    assert_int_equal(FltCompareInstanceAltitudes(top, bottom), 1);
    assert_int_equal(FltCompareInstanceAltitudes(bottom, top), -1);
    assert_int_equal(FltCompareInstanceAltitudes(top, top), 0);
    FltObjectDereference(top);
    FltObjectDereference(bottom);
    assert_int_equal(fltsim_unload(drivers[0]), STATUS_SUCCESS);
    assert_int_equal(fltsim_unload(drivers[1]), STATUS_SUCCESS);
    assert_int_equal(FltGetTopInstance(c, &top), STATUS_NO_MORE_ENTRIES);
    assert_int_equal(FltGetBottomInstance(c, &bottom), STATUS_NO_MORE_ENTRIES);
    FltObjectDereference(c);
}

static void volumes_are_found_by_what_is_on_them(void)
{
    PFLT_VOLUME found;
    PFILE_OBJECT file;
    HANDLE handle;
    load();
    PFLT_VOLUME c = volume_named("C:");
    assert_int_equal(fltsim_open("C:\\f", &(struct fltsim_open){.access = GENERIC_WRITE, .disposition = FILE_CREATE}, &handle),
                     STATUS_SUCCESS);
    ObReferenceObjectByHandle(handle, 0, *IoFileObjectType, KernelMode, (PVOID *)&file, NULL);
    assert_int_equal(FltGetVolumeFromFileObject(filters[0], file, &found), STATUS_SUCCESS);
    assert_ptr_equal(found, c);
    FltObjectDereference(found);
    ObDereferenceObject(file);
    fltsim_close(handle);
    assert_int_equal(FltGetVolumeFromDeviceObject(filters[0], fltsim_volume_device(volume), &found), STATUS_SUCCESS);
    assert_ptr_equal(found, c);
    FltObjectDereference(found);
    FltObjectDereference(c);
    assert_int_equal(FltGetVolumeFromDeviceObject(filters[0], NULL, &found), STATUS_INVALID_PARAMETER);
}

static void lists_are_given(void)
{
    PFLT_FILTER listed[8];
    PFLT_VOLUME volumes[16];
    PFLT_INSTANCE instances[16];
    ULONG count;
    load();
    assert_int_equal(FltEnumerateFilters(NULL, 0, &count), STATUS_BUFFER_TOO_SMALL);
    assert_int_equal(count, 2);
    assert_int_equal(FltEnumerateFilters(listed, 8, &count), STATUS_SUCCESS);
    for (ULONG i = 0; i < count; i++)
        FltObjectDereference(listed[i]);
    assert_int_equal(FltEnumerateVolumes(filters[0], volumes, 1, &count), STATUS_BUFFER_TOO_SMALL);
    assert_int_equal(FltEnumerateVolumes(filters[0], volumes, 16, &count), STATUS_SUCCESS);
    assert_true(count >= 2);
    for (ULONG i = 0; i < count; i++)
        FltObjectDereference(volumes[i]);
    assert_int_equal(FltEnumerateInstances(NULL, NULL, instances, 16, &count), STATUS_INVALID_PARAMETER);
    assert_int_equal(FltEnumerateInstances(NULL, filters[0], instances, 1, &count), STATUS_BUFFER_TOO_SMALL);
    assert_int_equal(count, 2);
    assert_int_equal(FltEnumerateInstances(NULL, filters[0], instances, 16, &count), STATUS_SUCCESS);
    for (ULONG i = 0; i < count; i++)
        FltObjectDereference(instances[i]);
}

static void filters_are_described(void)
{
    union {
        FILTER_FULL_INFORMATION full;
        FILTER_AGGREGATE_BASIC_INFORMATION basic;
        FILTER_AGGREGATE_STANDARD_INFORMATION standard;
        char bytes[256];
    } info;
    ULONG size;
    load();
    assert_int_equal(FltGetFilterInformation(filters[0], FilterFullInformation, &info, 4, &size), STATUS_BUFFER_TOO_SMALL);
    assert_int_equal(FltGetFilterInformation(filters[0], FilterFullInformation, &info, size, &size), STATUS_SUCCESS);
    assert_int_equal(info.full.NumberOfInstances, 2);
    assert_true(says(info.full.FilterNameBuffer, info.full.FilterNameLength, "low"));
    assert_int_equal(FltGetFilterInformation(filters[0], FilterAggregateBasicInformation, &info, sizeof info, &size),
                     STATUS_SUCCESS);
    assert_true(says(info.bytes + info.basic.Type.MiniFilter.FilterAltitudeBufferOffset,
                     info.basic.Type.MiniFilter.FilterAltitudeLength, "100000"));
    assert_int_equal(FltGetFilterInformation(filters[0], FilterAggregateStandardInformation, &info, sizeof info, &size),
                     STATUS_SUCCESS);
    assert_true(says(info.bytes + info.standard.Type.MiniFilter.FilterNameBufferOffset,
                     info.standard.Type.MiniFilter.FilterNameLength, "low"));
    assert_int_equal(FltGetFilterInformation(filters[0], 99, &info, sizeof info, &size), STATUS_INVALID_PARAMETER);
    assert_int_equal(FltEnumerateFilterInformation(0, FilterFullInformation, &info, sizeof info, &size), STATUS_SUCCESS);
    assert_int_equal(FltEnumerateFilterInformation(0, FilterFullInformation, &info, 1, &size), STATUS_BUFFER_TOO_SMALL);
    assert_int_equal(FltEnumerateFilterInformation(0, 99, &info, sizeof info, &size), STATUS_INVALID_PARAMETER);
    assert_int_equal(FltEnumerateFilterInformation(2, FilterFullInformation, &info, sizeof info, &size),
                     STATUS_NO_MORE_ENTRIES);
}

static void volumes_are_described(void)
{
    union {
        FILTER_VOLUME_BASIC_INFORMATION basic;
        FILTER_VOLUME_STANDARD_INFORMATION standard;
        char bytes[256];
    } info;
    ULONG size;
    load();
    PFLT_VOLUME c = volume_named("C:");
    assert_int_equal(FltGetVolumeInformation(c, FilterVolumeBasicInformation, NULL, 0, &size), STATUS_BUFFER_TOO_SMALL);
    assert_int_equal(FltGetVolumeInformation(c, FilterVolumeBasicInformation, &info, size, &size), STATUS_SUCCESS);
    assert_true(says(info.basic.FilterVolumeName, info.basic.FilterVolumeNameLength, fltsim_volume_device_name(volume)));
    assert_int_equal(FltGetVolumeInformation(c, FilterVolumeStandardInformation, &info, sizeof info, &size),
                     STATUS_SUCCESS);
    assert_int_equal(info.standard.FileSystemType, FLT_FSTYPE_NTFS);
    assert_int_equal(FltGetVolumeInformation(c, 99, &info, sizeof info, &size), STATUS_INVALID_PARAMETER);
    FltObjectDereference(c);
    assert_int_equal(FltEnumerateVolumeInformation(filters[0], 0, FilterVolumeBasicInformation, &info, sizeof info, &size),
                     STATUS_SUCCESS);
    assert_int_equal(FltEnumerateVolumeInformation(filters[0], 0, FilterVolumeBasicInformation, &info, 1, &size),
                     STATUS_BUFFER_TOO_SMALL);
    assert_int_equal(FltEnumerateVolumeInformation(filters[0], 0, 99, &info, sizeof info, &size), STATUS_INVALID_PARAMETER);
    assert_int_equal(FltEnumerateVolumeInformation(filters[0], 99, FilterVolumeBasicInformation, &info, sizeof info, &size),
                     STATUS_NO_MORE_ENTRIES);
}

static void instances_are_described(void)
{
    union {
        INSTANCE_FULL_INFORMATION full;
        INSTANCE_AGGREGATE_STANDARD_INFORMATION aggregate;
        char bytes[512];
    } info;
    ULONG size;
    PFLT_INSTANCE top;
    load();
    PFLT_VOLUME c = volume_named("C:");
    UNICODE_STRING name = wide(fltsim_volume_device_name(volume)), nowhere = wide("\\Device\\Nowhere");
    assert_int_equal(FltGetTopInstance(c, &top), STATUS_SUCCESS);
    assert_int_equal(FltGetInstanceInformation(top, InstanceFullInformation, &info, 8, &size), STATUS_BUFFER_TOO_SMALL);
    assert_int_equal(FltGetInstanceInformation(top, InstanceFullInformation, &info, size, &size), STATUS_SUCCESS);
    assert_true(says(info.bytes + info.full.FilterNameBufferOffset, info.full.FilterNameLength, "high"));
    assert_true(says(info.bytes + info.full.AltitudeBufferOffset, info.full.AltitudeLength, "100000.5"));
    assert_true(says(info.bytes + info.full.InstanceNameBufferOffset, info.full.InstanceNameLength, "high Instance"));
    assert_int_equal(FltGetInstanceInformation(top, InstanceBasicInformation, &info, sizeof info, &size), STATUS_SUCCESS);
    assert_int_equal(FltGetInstanceInformation(top, InstancePartialInformation, &info, sizeof info, &size), STATUS_SUCCESS);
    assert_int_equal(FltGetInstanceInformation(top, InstanceAggregateStandardInformation, &info, sizeof info, &size),
                     STATUS_SUCCESS);
    assert_true(says(info.bytes + info.aggregate.Type.MiniFilter.VolumeNameBufferOffset,
                     info.aggregate.Type.MiniFilter.VolumeNameLength, fltsim_volume_device_name(volume)));
    assert_int_equal(FltGetInstanceInformation(top, 99, &info, sizeof info, &size), STATUS_INVALID_PARAMETER);
    FltObjectDereference(top);
    for (ULONG index = 0; index < 3; index++) {
        NTSTATUS expected = index < 2 ? STATUS_SUCCESS : STATUS_NO_MORE_ENTRIES;
        assert_int_equal(FltEnumerateInstanceInformationByFilter(filters[0], index, InstanceFullInformation, &info,
                                                                 sizeof info, &size),
                         expected);
        assert_int_equal(FltEnumerateInstanceInformationByVolume(c, index, InstanceFullInformation, &info, sizeof info, &size),
                         expected);
        assert_int_equal(FltEnumerateInstanceInformationByVolumeName(&name, index, InstanceFullInformation, &info,
                                                                     sizeof info, &size),
                         expected);
        assert_int_equal(FltEnumerateInstanceInformationByDeviceObject(fltsim_volume_device(volume), index,
                                                                       InstanceFullInformation, &info, sizeof info, &size),
                         expected);
    }
    assert_int_equal(FltEnumerateInstanceInformationByVolumeName(&nowhere, 0, InstanceFullInformation, &info, sizeof info,
                                                                 &size),
                     STATUS_OBJECT_NAME_NOT_FOUND);
    FltObjectDereference(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fltsim_unit_test(things_are_found_by_name), fltsim_unit_test(instances_are_in_order),
        fltsim_unit_test(volumes_are_found_by_what_is_on_them), fltsim_unit_test(lists_are_given),
        fltsim_unit_test(filters_are_described), fltsim_unit_test(volumes_are_described),
        fltsim_unit_test(instances_are_described),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
