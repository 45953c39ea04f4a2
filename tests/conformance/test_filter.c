/* Filters come, attach, detach and go; looking them, their instances and volumes up. */
#include "stage.h"

/* ---- registration ----------------------------------------------------------------------------------------------- */

static NTSTATUS registerAnswer;

static NTSTATUS register_entry(PDRIVER_OBJECT driverObject, PUNICODE_STRING path)
{
    FLT_REGISTRATION registration = stage_registration();
    PFLT_FILTER filter = NULL;

    registration.Version = 0x0300;
    answers(STATUS_INVALID_PARAMETER, FltRegisterFilter(driverObject, &registration, &filter));
    registration = stage_registration();
    starves(STATUS_INSUFFICIENT_RESOURCES, FltRegisterFilter(driverObject, &registration, &filter));
    registerAnswer = FltRegisterFilter(driverObject, &registration, &filter);
    if (NT_SUCCESS(registerAnswer))
        FltUnregisterFilter(filter);
    return STATUS_UNSUCCESSFUL;
}

static void a_filter_registers_when_its_service_key_names_an_instance(void)
{
    struct fltsim_driver_options options = {.name = "once", .entry = register_entry, .altitude = "370000"};
    memset(&stage, 0, sizeof stage);
    answers(STATUS_UNSUCCESSFUL, fltsim_load(&options, &stage.driver));
    succeeds(registerAnswer);
    options.altitude = NULL;
    answers(STATUS_UNSUCCESSFUL, fltsim_load(&options, &stage.driver));
    answers(STATUS_OBJECT_NAME_NOT_FOUND, registerAnswer);
}

/* ---- attaching -------------------------------------------------------------------------------------------------- */

static struct fltsim_volume *second;

static PFLT_VOLUME second_volume(void)
{
    PFLT_VOLUME volume;
    succeeds(fltsim_mount(&(struct fltsim_volume_options){.letter = 'D'}, &second));
    succeeds(FltGetVolumeFromName(stage.filter, text(L"D:"), &volume));
    FltObjectDereference(volume);
    return volume;
}

static void an_instance_attaches_once_to_a_name_and_an_altitude(void)
{
    PFLT_INSTANCE instance, other;
    stage_set();
    answers(STATUS_FLT_INSTANCE_NAME_COLLISION, FltAttachVolume(stage.filter, stage.fltVolume, NULL, NULL));
    succeeds(FltDetachVolume(stage.filter, stage.fltVolume, NULL));
    starves(STATUS_INSUFFICIENT_RESOURCES, FltAttachVolume(stage.filter, stage.fltVolume, NULL, &instance));
    succeeds(FltAttachVolumeAtAltitude(stage.filter, stage.fltVolume, text(L"370000"), text(L"other"), &other));
    answers(STATUS_OBJECT_NAME_COLLISION, FltAttachVolume(stage.filter, stage.fltVolume, NULL, &instance));
    answers(STATUS_FLT_INSTANCE_ALTITUDE_COLLISION,
            FltAttachVolumeAtAltitude(stage.filter, stage.fltVolume, text(L"370000"), text(L"third"), NULL));
    answers(STATUS_FLT_INSTANCE_NAME_COLLISION,
            FltAttachVolumeAtAltitude(stage.filter, stage.fltVolume, text(L"370001"), text(L"other"), NULL));
    answers(STATUS_INVALID_PARAMETER,
            FltAttachVolumeAtAltitude(stage.filter, stage.fltVolume, text(L"high"), text(L"fourth"), NULL));
    starves(STATUS_INSUFFICIENT_RESOURCES, FltAttachVolumeAtAltitude(stage.filter, stage.fltVolume, text(L"370001"), text(L"fourth"), NULL));
    succeeds(FltDetachVolume(stage.filter, stage.fltVolume, text(L"other")));
    FltObjectDereference(other);
    succeeds(FltAttachVolume(stage.filter, stage.fltVolume, NULL, &instance));
    FltObjectDereference(instance);
}

static void a_filter_that_has_not_started_attaches_nowhere(void)
{
    PFLT_VOLUME volume;
    stage_mount(FLTSIM_NTFS);
    stage.notStarted = true;
    stage_load();
    succeeds(FltGetVolumeFromName(stage.filter, text(L"C:"), &volume));
    answers(STATUS_FLT_FILTER_NOT_READY, FltAttachVolume(stage.filter, volume, NULL, NULL));
    answers(STATUS_FLT_FILTER_NOT_READY,
            FltAttachVolumeAtAltitude(stage.filter, volume, text(L"370000"), NULL, NULL));
    FltObjectDereference(volume);
}

static void attach_when_unregistered(void)
{
    PFLT_VOLUME volume = stage.fltVolume;
    PFLT_CONTEXT context;
    PFLT_FILTER filter;
    answers(STATUS_FLT_DELETING_OBJECT, FltAttachVolume(stage.filter, volume, NULL, NULL));
    answers(STATUS_FLT_DELETING_OBJECT,
            FltAttachVolumeAtAltitude(stage.filter, volume, text(L"370000"), NULL, NULL));
    answers(STATUS_FLT_DELETING_OBJECT,
            FltAllocateContext(stage.filter, FLT_STREAM_CONTEXT, 32, NonPagedPool, &context));
    answers(STATUS_FLT_DELETING_OBJECT, FltObjectReference(stage.filter));
    answers(STATUS_FLT_FILTER_NOT_FOUND, FltGetFilterFromName(text(L"stage"), &filter));
}

static void a_started_filter_is_not_started_again(void)
{
    stage_set();
    answers(STATUS_INVALID_PARAMETER, FltStartFiltering(stage.filter));
}

static void look_for_oneself(PCFLT_RELATED_OBJECTS objects)
{
    PFLT_FILTER filter;
    answers(STATUS_FLT_DELETING_OBJECT, FltGetFilterFromName(text(L"stage"), &filter));
    assert_null(filter);
}

static void a_filter_that_is_unregistering_is_not_found_by_name(void)
{
    stage_set();
    stage.leaving = stage.left = look_for_oneself;
    succeeds(fltsim_unload(stage.driver));
}

static void a_filter_that_unregistered_attaches_nowhere_and_allocates_nothing(void)
{
    stage_set();
    stage.unregistered = attach_when_unregistered;
    succeeds(fltsim_unload(stage.driver));
}

/* ---- finding ---------------------------------------------------------------------------------------------------- */

static PFLT_GENERIC_WORKITEM item;
static VOID work(PFLT_GENERIC_WORKITEM it, PVOID object, PVOID context) {}

static void find_while_leaving(PCFLT_RELATED_OBJECTS objects)
{
    PFLT_INSTANCE instance;
    answers(STATUS_FLT_DELETING_OBJECT,
            FltGetVolumeInstanceFromName(stage.filter, objects->Volume, NULL, &instance));
}

static void a_filter_and_its_instance_are_found_by_name_until_they_go(void)
{
    PFLT_FILTER filter;
    PFLT_INSTANCE instance;
    stage_set();
    succeeds(FltGetFilterFromName(text(L"STAGE"), &filter));
    assert_ptr_equal(filter, stage.filter);
    FltObjectDereference(filter);
    answers(STATUS_FLT_FILTER_NOT_FOUND, FltGetFilterFromName(text(L"nobody"), &filter));
    succeeds(FltGetFilterFromInstance(stage.instance, &filter));
    assert_ptr_equal(filter, stage.filter);
    FltObjectDereference(filter);
    succeeds(FltGetVolumeInstanceFromName(stage.filter, stage.fltVolume, text(L"stage Instance"), &instance));
    assert_ptr_equal(instance, stage.instance);
    FltObjectDereference(instance);
    answers(STATUS_FLT_INSTANCE_NOT_FOUND,
            FltGetVolumeInstanceFromName(stage.filter, stage.fltVolume, text(L"nobody"), &instance));
    stage.leaving = find_while_leaving;
    succeeds(FltDetachVolume(stage.filter, stage.fltVolume, NULL));
}

/* An instance that somebody references stays, as good as dead, when it is detached. */
static PFLT_INSTANCE dead_instance(void)
{
    PFLT_INSTANCE instance = stage.instance;
    succeeds(FltObjectReference(instance));
    succeeds(FltDetachVolume(stage.filter, stage.fltVolume, NULL));
    return instance;
}

static void a_detached_instance_takes_no_work(void)
{
    stage_set();
    PFLT_INSTANCE dead = dead_instance();
    item = FltAllocateGenericWorkItem();
    answers(STATUS_FLT_DELETING_OBJECT, FltQueueGenericWorkItem(item, dead, work, DelayedWorkQueue, NULL));
    succeeds(FltQueueGenericWorkItem(item, stage.filter, work, DelayedWorkQueue, NULL));
    fltsim_sleep(1);
    FltFreeGenericWorkItem(item);
    FltObjectDereference(dead);
}

/* ---- volumes ---------------------------------------------------------------------------------------------------- */

static void a_volume_is_found_by_name_device_file_and_instance(void)
{
    static const WCHAR *const names[] = {L"C:", L"\\??\\C:", L"\\Device\\HarddiskVolume1", L"\\DEVICE\\harddiskvolume1"};
    PFLT_VOLUME volume;
    PDEVICE_OBJECT disk, device;
    stage_set();
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        succeeds(FltGetVolumeFromName(stage.filter, text(names[i]), &volume));
        assert_ptr_equal(volume, stage.fltVolume);
        FltObjectDereference(volume);
    }
    answers(STATUS_FLT_VOLUME_NOT_FOUND, FltGetVolumeFromName(stage.filter, text(L"Q:"), &volume));
    answers(STATUS_INVALID_PARAMETER, FltGetVolumeFromName(stage.filter, text(L""), &volume));
    succeeds(FltGetDiskDeviceObject(stage.fltVolume, &disk));
    succeeds(FltGetDeviceObject(stage.fltVolume, &device));
    assert_true(FltIsFltMgrVolumeDeviceObject(device));
    assert_false(FltIsFltMgrVolumeDeviceObject(disk));
    succeeds(FltGetVolumeFromDeviceObject(stage.filter, device, &volume));
    assert_ptr_equal(volume, stage.fltVolume);
    FltObjectDereference(volume);
    answers(STATUS_INVALID_PARAMETER, FltGetVolumeFromDeviceObject(stage.filter, NULL, &volume));
    PFILE_OBJECT nobodys;
    PDEVICE_OBJECT control;
    succeeds(IoGetDeviceObjectPointer(text(L"\\FileSystem\\Filters\\FltMgr"), FILE_READ_ATTRIBUTES, &nobodys, &control));
    answers(STATUS_INVALID_PARAMETER, FltGetVolumeFromFileObject(stage.filter, nobodys, &volume));
    ObDereferenceObject(nobodys);
    ObDereferenceObject(disk);
    ObDereferenceObject(device);
    HANDLE handle = stage_open("C:\\a");
    succeeds(FltGetVolumeFromFileObject(stage.filter, stage_file(handle), &volume));
    assert_ptr_equal(volume, stage.fltVolume);
    FltObjectDereference(volume);
    succeeds(FltGetVolumeFromInstance(stage.instance, &volume));
    assert_ptr_equal(volume, stage.fltVolume);
    FltObjectDereference(volume);
    succeeds(fltsim_close(handle));
}

static int dismount(void *argument)
{
    return fltsim_dismount(stage.volume);
}

static void a_volume_that_is_going_gives_no_references(void)
{
    PFLT_VOLUME volume, again;
    PDEVICE_OBJECT device;
    PFLT_CONTEXT context;
    stage_set();
    succeeds(FltAllocateContext(stage.filter, FLT_VOLUME_CONTEXT, 32, NonPagedPool, &context));
    PFLT_INSTANCE dead = dead_instance();
    succeeds(FltGetVolumeFromName(stage.filter, text(L"C:"), &volume));
    succeeds(FltGetDeviceObject(volume, &device));
    struct fltsim_thread *thread = fltsim_thread_create(NULL, dismount, NULL);
    fltsim_sleep(10);
    answers(STATUS_FLT_DELETING_OBJECT, FltGetVolumeFromName(stage.filter, text(L"\\Device\\HarddiskVolume1"), &again));
    answers(STATUS_FLT_DELETING_OBJECT, FltGetVolumeFromInstance(dead, &again));
    answers(STATUS_FLT_DELETING_OBJECT, FltGetVolumeFromDeviceObject(stage.filter, device, &again));
    answers(STATUS_FLT_DELETING_OBJECT, FltDeleteVolumeContext(stage.filter, volume, NULL));
    answers(STATUS_FLT_DELETING_OBJECT, FltSetVolumeContext(volume, FLT_SET_CONTEXT_KEEP_IF_EXISTS, context, NULL));
    FltReleaseContext(context);
    ObDereferenceObject(device);
    FltObjectDereference(dead);
    FltObjectDereference(volume);
    assert_int_equal(fltsim_thread_join(thread), 0);
}

/* ---- up and down ------------------------------------------------------------------------------------------------ */

static void instances_are_found_from_their_neighbours(void)
{
    PFLT_INSTANCE high, low, found;
    stage_set();
    succeeds(FltAttachVolumeAtAltitude(stage.filter, stage.fltVolume, text(L"380000"), text(L"high"), &high));
    succeeds(FltAttachVolumeAtAltitude(stage.filter, stage.fltVolume, text(L"360000"), text(L"low"), &low));
    succeeds(FltGetTopInstance(stage.fltVolume, &found));
    assert_ptr_equal(found, high);
    FltObjectDereference(found);
    succeeds(FltGetBottomInstance(stage.fltVolume, &found));
    assert_ptr_equal(found, low);
    FltObjectDereference(found);
    succeeds(FltGetUpperInstance(stage.instance, &found));
    assert_ptr_equal(found, high);
    FltObjectDereference(found);
    succeeds(FltGetLowerInstance(stage.instance, &found));
    assert_ptr_equal(found, low);
    FltObjectDereference(found);
    answers(STATUS_NO_MORE_ENTRIES, FltGetUpperInstance(high, &found));
    answers(STATUS_NO_MORE_ENTRIES, FltGetLowerInstance(low, &found));
    assert_int_equal(FltCompareInstanceAltitudes(high, low), 1);
    assert_int_equal(FltCompareInstanceAltitudes(low, high), -1);
    assert_int_equal(FltCompareInstanceAltitudes(low, low), 0);
    FltObjectDereference(high);
    FltObjectDereference(low);
    PFLT_VOLUME empty = second_volume();
    answers(STATUS_NO_MORE_ENTRIES, FltGetTopInstance(empty, &found));
    answers(STATUS_NO_MORE_ENTRIES, FltGetBottomInstance(empty, &found));
}

/* ---- lists ------------------------------------------------------------------------------------------------------ */

static void lists_of_objects_say_how_many_there_are(void)
{
    PFLT_FILTER filters[4];
    PFLT_VOLUME volumes[4];
    PFLT_INSTANCE instances[4];
    ULONG count;
    stage_set();
    answers(STATUS_BUFFER_TOO_SMALL, FltEnumerateFilters(NULL, 0, &count));
    assert_int_equal(count, 1);
    succeeds(FltEnumerateFilters(filters, 4, &count));
    assert_int_equal(count, 1);
    assert_ptr_equal(filters[0], stage.filter);
    FltObjectDereference(filters[0]);
    answers(STATUS_BUFFER_TOO_SMALL, FltEnumerateVolumes(stage.filter, volumes, 0, &count));
    assert_int_equal(count, 1);
    succeeds(FltEnumerateVolumes(stage.filter, volumes, 4, &count));
    assert_ptr_equal(volumes[0], stage.fltVolume);
    FltObjectDereference(volumes[0]);
    answers(STATUS_BUFFER_TOO_SMALL, FltEnumerateInstances(stage.fltVolume, NULL, NULL, 0, &count));
    assert_int_equal(count, 1);
    answers(STATUS_INVALID_PARAMETER, FltEnumerateInstances(NULL, NULL, instances, 4, &count));
    succeeds(FltEnumerateInstances(stage.fltVolume, NULL, instances, 4, &count));
    assert_ptr_equal(instances[0], stage.instance);
    FltObjectDereference(instances[0]);
    succeeds(FltEnumerateInstances(NULL, stage.filter, instances, 4, &count));
    assert_int_equal(count, 1);
    FltObjectDereference(instances[0]);
}

/* ---- loading and unloading -------------------------------------------------------------------------------------- */

static NTSTATUS whileUnloading;
static NTSTATUS FLTAPI unload_again(FLT_FILTER_UNLOAD_FLAGS flags)
{
    whileUnloading = FltUnloadFilter(text(L"stage"));
    return stage_unload(flags);
}

static NTSTATUS unload_again_entry(PDRIVER_OBJECT driverObject, PUNICODE_STRING path)
{
    FLT_REGISTRATION registration = stage_registration();
    registration.FilterUnloadCallback = unload_again;
    return FltRegisterFilter(driverObject, &registration, &stage.filter);
}

static NTSTATUS failing_entry(PDRIVER_OBJECT driverObject, PUNICODE_STRING path) { return STATUS_NOT_SUPPORTED; }

static void a_filter_is_loaded_and_unloaded_by_name(void)
{
    struct fltsim_driver *other;
    stage_mount(FLTSIM_NTFS);
    answers(STATUS_OBJECT_NAME_NOT_FOUND, FltLoadFilter(text(L"nobody")));
    answers(STATUS_FLT_FILTER_NOT_FOUND, FltUnloadFilter(text(L"nobody")));
    succeeds(fltsim_load(&(struct fltsim_driver_options){.name = "stage", .entry = unload_again_entry, .altitude = "370000",
                                                         .no_start = true}, &stage.driver));
    succeeds(FltLoadFilter(text(L"stage")));
    answers(STATUS_IMAGE_ALREADY_LOADED, FltLoadFilter(text(L"stage")));
    succeeds(fltsim_load(&(struct fltsim_driver_options){.name = "fails", .entry = failing_entry, .no_start = true}, &other));
    answers(STATUS_FAILED_DRIVER_ENTRY, FltLoadFilter(text(L"fails")));
    succeeds(FltUnloadFilter(text(L"stage")));
    answers(STATUS_FLT_DELETING_OBJECT, whileUnloading);
    answers(STATUS_FLT_FILTER_NOT_FOUND, FltUnloadFilter(text(L"stage")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fltsim_unit_test(a_filter_registers_when_its_service_key_names_an_instance),
        fltsim_unit_test(an_instance_attaches_once_to_a_name_and_an_altitude),
        fltsim_unit_test(a_filter_that_has_not_started_attaches_nowhere),
        fltsim_unit_test(a_started_filter_is_not_started_again),
        fltsim_unit_test(a_filter_that_is_unregistering_is_not_found_by_name),
        fltsim_unit_test(a_filter_that_unregistered_attaches_nowhere_and_allocates_nothing),
        fltsim_unit_test(a_filter_and_its_instance_are_found_by_name_until_they_go),
        fltsim_unit_test(a_detached_instance_takes_no_work),
        fltsim_unit_test(a_volume_is_found_by_name_device_file_and_instance),
        fltsim_unit_test(a_volume_that_is_going_gives_no_references),
        fltsim_unit_test(instances_are_found_from_their_neighbours),
        fltsim_unit_test(lists_of_objects_say_how_many_there_are),
        fltsim_unit_test(a_filter_is_loaded_and_unloaded_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
