/* From a name, a file or a device to the filter, volume or instance; up and down the instances of a volume. What is
 * answered carries a rundown reference for the caller (FltObjectDereference). */
#include "core.h"
#include "verify/api.h"

static NTSTATUS Give(PVOID object, PVOID *place, const void *site)
{
    NTSTATUS status = FltpReferenceObject(object, "given to", site);
    *place = NT_SUCCESS(status) ? object : NULL;
    return status;
}

NTSTATUS FltGetFilterFromName(PCUNICODE_STRING FilterName, PFLT_FILTER *RetFilter)
{
    API_ENTER(FltGetFilterFromName, NULL, SCHED_READ);
    *RetFilter = NULL;
    PFLT_FILTER *filters;
    ULONG count = FltpSnapshotFilters(&filters);
    NTSTATUS status = STATUS_FLT_FILTER_NOT_FOUND;
    for (ULONG i = 0; i < count && status == STATUS_FLT_FILTER_NOT_FOUND; i++)
        if (FltpSameString(&filters[i]->Name, FilterName))
            status = Give(filters[i], (PVOID *)RetFilter, VERIFY_CALLER);
    FltpFreeObjects(filters, count);
    return status == STATUS_FLT_FILTER_NOT_FOUND && FltpIsLeaving(FilterName) ? STATUS_FLT_DELETING_OBJECT : status;
}

NTSTATUS FltGetFilterFromInstance(PFLT_INSTANCE Instance, PFLT_FILTER *RetFilter)
{
    API_ENTER(FltGetFilterFromInstance, Instance, SCHED_READ);
    FltpCheckLive(Instance, "FltGetFilterFromInstance", VERIFY_CALLER);
    return Give(Instance->Filter, (PVOID *)RetFilter, VERIFY_CALLER);
}

NTSTATUS FltGetVolumeFromInstance(PFLT_INSTANCE Instance, PFLT_VOLUME *RetVolume)
{
    API_ENTER(FltGetVolumeFromInstance, Instance, SCHED_READ);
    FltpCheckLive(Instance, "FltGetVolumeFromInstance", VERIFY_CALLER);
    return Give(Instance->Volume, (PVOID *)RetVolume, VERIFY_CALLER);
}

/* "C:", "C:\", "\??\C:", "\\?\C:" or a device name: whose volume is it? */
static bool NamesVolume(PFLT_VOLUME volume, PCUNICODE_STRING name)
{
    UNICODE_STRING wanted = *name;
    while (wanted.Length && wanted.Buffer[wanted.Length / sizeof(WCHAR) - 1] == u'\\')
        wanted.Length -= sizeof(WCHAR);
    if (FltpSameString(&volume->Name, &wanted))
        return true;
    size_t units = wanted.Length / sizeof(WCHAR);
    if (units < 2 || wanted.Buffer[units - 1] != u':' || !volume->DiskDevice)
        return false;
    WCHAR drive[6] = {u'\\', u'?', u'?', u'\\', wanted.Buffer[units - 2], u':'};
    WCHAR text[256];
    UNICODE_STRING link = {.Buffer = drive, .Length = sizeof drive, .MaximumLength = sizeof drive};
    UNICODE_STRING target = {.Buffer = text, .MaximumLength = sizeof text};
    OBJECT_ATTRIBUTES attributes;
    HANDLE handle;
    InitializeObjectAttributes(&attributes, &link, OBJ_KERNEL_HANDLE | OBJ_CASE_INSENSITIVE, NULL, NULL);
    if (!NT_SUCCESS(ZwOpenSymbolicLinkObject(&handle, GENERIC_READ, &attributes)))
        return false;
    bool same = NT_SUCCESS(ZwQuerySymbolicLinkObject(handle, &target, NULL)) && FltpSameString(&volume->Name, &target);
    ZwClose(handle);
    return same;
}

/* The frame's volumes, those that are going included; each pointer is referenced. */
static ULONG VolumesOf(PFLTP_FRAME frame, PFLT_VOLUME **volumes)
{
    ULONG count = 0;
    *volumes = NULL;
    sched_lock(&FltGlobals.Lock);
    for (PLIST_ENTRY link = frame->Volumes.Flink; link != &frame->Volumes; link = link->Flink) {
        PFLT_VOLUME volume = CONTAINING_RECORD(link, struct _FLT_VOLUME, Base.PrimaryLink);
        if (FltpVolumeFlags(volume) & FLTP_VOLUME_CONTROL)
            continue;
        FltpReferencePointer(&volume->Base);
        *volumes = sim_realloc(*volumes, (count + 1) * sizeof **volumes);
        (*volumes)[count++] = volume;
    }
    sched_unlock(&FltGlobals.Lock);
    return count;
}

NTSTATUS FltGetVolumeFromName(PFLT_FILTER Filter, PCUNICODE_STRING VolumeName, PFLT_VOLUME *RetVolume)
{
    API_ENTER(FltGetVolumeFromName, Filter, SCHED_READ);
    FltpCheckFilter(Filter, "FltGetVolumeFromName", VERIFY_CALLER);
    *RetVolume = NULL;
    if (!VolumeName || !VolumeName->Length)
        return STATUS_INVALID_PARAMETER;
    PFLT_VOLUME *volumes;
    ULONG count = VolumesOf(Filter->Frame, &volumes);
    NTSTATUS status = STATUS_FLT_VOLUME_NOT_FOUND;
    for (ULONG i = 0; i < count; i++) {
        if (status == STATUS_FLT_VOLUME_NOT_FOUND && NamesVolume(volumes[i], VolumeName))
            status = Give(volumes[i], (PVOID *)RetVolume, VERIFY_CALLER);
        FltpDereferencePointer(&volumes[i]->Base);
    }
    sim_free(volumes);
    return status;
}

static NTSTATUS VolumeOfDevice(PFLT_FILTER filter, PDEVICE_OBJECT device, PFLT_VOLUME *volume, const void *site)
{
    *volume = NULL;
    PFLT_VOLUME lowest = device ? FltpVolumeFromDevice(device) : NULL;
    if (!lowest)
        return STATUS_INVALID_PARAMETER;
    if (lowest->Frame == filter->Frame)
        return Give(lowest, (PVOID *)volume, site);
    PFLT_VOLUME *volumes;
    ULONG count = FltpSnapshotVolumes(&volumes);
    NTSTATUS status = STATUS_INVALID_PARAMETER;
    for (ULONG i = 0; i < count && status == STATUS_INVALID_PARAMETER; i++)
        if (volumes[i]->Frame == filter->Frame && volumes[i]->FileSystemDevice == lowest->FileSystemDevice)
            status = Give(volumes[i], (PVOID *)volume, site);
    FltpFreeObjects(volumes, count);
    return status;
}

NTSTATUS FltGetVolumeFromFileObject(PFLT_FILTER Filter, PFILE_OBJECT FileObject, PFLT_VOLUME *RetVolume)
{
    API_ENTER(FltGetVolumeFromFileObject, FileObject, SCHED_READ);
    FltpCheckFilter(Filter, "FltGetVolumeFromFileObject", VERIFY_CALLER);
    return VolumeOfDevice(Filter, IoGetRelatedDeviceObject(FileObject), RetVolume, VERIFY_CALLER);
}

NTSTATUS FltGetVolumeFromDeviceObject(PFLT_FILTER Filter, PDEVICE_OBJECT DeviceObject, PFLT_VOLUME *RetVolume)
{
    API_ENTER(FltGetVolumeFromDeviceObject, DeviceObject, SCHED_READ);
    FltpCheckFilter(Filter, "FltGetVolumeFromDeviceObject", VERIFY_CALLER);
    return VolumeOfDevice(Filter, DeviceObject, RetVolume, VERIFY_CALLER);
}

NTSTATUS FltGetVolumeInstanceFromName(PFLT_FILTER Filter, PFLT_VOLUME Volume, PCUNICODE_STRING InstanceName,
                                      PFLT_INSTANCE *RetInstance)
{
    API_ENTER(FltGetVolumeInstanceFromName, Volume, SCHED_READ);
    FltpCheckVolume(Volume, "FltGetVolumeInstanceFromName", VERIFY_CALLER);
    *RetInstance = NULL;
    PFLT_INSTANCE instance = FltpFindInstance(Volume, Filter, InstanceName);
    if (!instance)
        return STATUS_FLT_INSTANCE_NOT_FOUND;
    NTSTATUS status = FltpInstanceIs(instance, FLTP_INSTANCE_DETACHING) ? STATUS_FLT_DELETING_OBJECT
                                                                : Give(instance, (PVOID *)RetInstance, VERIFY_CALLER);
    FltpDereferencePointer(&instance->Base);
    return status;
}

/* ---- up and down ------------------------------------------------------------------------------------------------------- */

LONG FltCompareInstanceAltitudes(PFLT_INSTANCE Instance1, PFLT_INSTANCE Instance2)
{
    API_IRQL(FltCompareInstanceAltitudes);
    FltpCheckLive(Instance1, "FltCompareInstanceAltitudes", VERIFY_CALLER);
    FltpCheckLive(Instance2, "FltCompareInstanceAltitudes", VERIFY_CALLER);
    int order = FltpCompareAltitudes(&Instance1->Altitude, &Instance2->Altitude);
    return order < 0 ? -1 : order > 0;
}

/* The instance `step` places from `from` (NULL: the first, or with step -1 the last), highest altitude first. */
static NTSTATUS Step(PFLT_VOLUME volume, PFLT_INSTANCE from, int step, PFLT_INSTANCE *found, const void *site)
{
    *found = NULL;
    PFLT_INSTANCE *instances;
    LONG count = (LONG)FltpSnapshotInstances(volume, NULL, &instances), at = step > 0 ? -1 : count;
    for (LONG i = 0; from && i < count; i++)
        if (instances[i] == from)
            at = i;
    at += step;
    NTSTATUS status = STATUS_NO_MORE_ENTRIES;
    if (at >= 0 && at < count)
        status = Give(instances[at], (PVOID *)found, site);
    FltpFreeObjects(instances, (ULONG)count);
    return status;
}

NTSTATUS FltGetTopInstance(PFLT_VOLUME Volume, PFLT_INSTANCE *Instance)
{
    API_ENTER(FltGetTopInstance, Volume, SCHED_READ);
    FltpCheckVolume(Volume, "FltGetTopInstance", VERIFY_CALLER);
    return Step(Volume, NULL, 1, Instance, VERIFY_CALLER);
}

NTSTATUS FltGetBottomInstance(PFLT_VOLUME Volume, PFLT_INSTANCE *Instance)
{
    API_ENTER(FltGetBottomInstance, Volume, SCHED_READ);
    FltpCheckVolume(Volume, "FltGetBottomInstance", VERIFY_CALLER);
    return Step(Volume, NULL, -1, Instance, VERIFY_CALLER);
}

NTSTATUS FltGetUpperInstance(PFLT_INSTANCE CurrentInstance, PFLT_INSTANCE *UpperInstance)
{
    API_ENTER(FltGetUpperInstance, CurrentInstance, SCHED_READ);
    FltpCheckLive(CurrentInstance, "FltGetUpperInstance", VERIFY_CALLER);
    return Step(CurrentInstance->Volume, CurrentInstance, -1, UpperInstance, VERIFY_CALLER);
}

NTSTATUS FltGetLowerInstance(PFLT_INSTANCE CurrentInstance, PFLT_INSTANCE *LowerInstance)
{
    API_ENTER(FltGetLowerInstance, CurrentInstance, SCHED_READ);
    FltpCheckLive(CurrentInstance, "FltGetLowerInstance", VERIFY_CALLER);
    return Step(CurrentInstance->Volume, CurrentInstance, 1, LowerInstance, VERIFY_CALLER);
}
