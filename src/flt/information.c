/* What can be told of a filter, a volume, an instance, in the structures that fltUserStructures.h describes. */
#include "core.h"
#include "verify/api.h"

#include <string.h>

/* A structure with texts behind it. */
struct packing {
    unsigned char *buffer;
    ULONG room, used;
    bool fits;
};

static struct packing Begin(PVOID buffer, ULONG room, ULONG fixed)
{
    struct packing p = {.buffer = buffer, .room = room, .used = fixed, .fits = buffer && fixed <= room};
    if (p.fits)
        memset(buffer, 0, fixed);
    return p;
}

static void Put(struct packing *p, PCUNICODE_STRING text, USHORT *length, USHORT *offset)
{
    ULONG at = p->used;
    p->used += text->Length;
    p->fits = p->fits && p->used <= p->room;
    if (!p->fits)
        return;
    memcpy(p->buffer + at, text->Buffer, text->Length);
    *length = text->Length;
    if (offset)
        *offset = (USHORT)at;
}

static NTSTATUS End(const struct packing *p, PULONG returned)
{
    *returned = p->used;
    return p->fits ? STATUS_SUCCESS : STATUS_BUFFER_TOO_SMALL;
}

/* The address of a member, or of a scratch one while the structure does not fit. */
static USHORT unused[2];
#define AT(p, type, member) ((p)->fits ? &((type *)(p)->buffer)->member : &unused[0])

/* ---- filters --------------------------------------------------------------------------------------------------------- */

static NTSTATUS DescribeFilter(PFLT_FILTER filter, FILTER_INFORMATION_CLASS kind, PVOID buffer, ULONG room,
                               PULONG returned)
{
    struct packing p;
    ULONG instances = (ULONG)filter->InstanceCount;
    switch (kind) {
    case FilterFullInformation: {
        typedef FILTER_FULL_INFORMATION T;
        p = Begin(buffer, room, FIELD_OFFSET(T, FilterNameBuffer));
        if (p.fits) {
            ((T *)buffer)->FrameID = filter->Frame->FrameId;
            ((T *)buffer)->NumberOfInstances = instances;
        }
        Put(&p, &filter->Name, AT(&p, T, FilterNameLength), NULL);
        return End(&p, returned);
    }
    case FilterAggregateBasicInformation: {
        typedef FILTER_AGGREGATE_BASIC_INFORMATION T;
        p = Begin(buffer, room, sizeof(T));
        if (p.fits) {
            ((T *)buffer)->Flags = FLTFL_AGGREGATE_INFO_IS_MINIFILTER;
            ((T *)buffer)->Type.MiniFilter.FrameID = filter->Frame->FrameId;
            ((T *)buffer)->Type.MiniFilter.NumberOfInstances = instances;
        }
        Put(&p, &filter->Name, AT(&p, T, Type.MiniFilter.FilterNameLength), AT(&p, T, Type.MiniFilter.FilterNameBufferOffset));
        Put(&p, &filter->DefaultAltitude, AT(&p, T, Type.MiniFilter.FilterAltitudeLength),
            AT(&p, T, Type.MiniFilter.FilterAltitudeBufferOffset));
        return End(&p, returned);
    }
    case FilterAggregateStandardInformation: {
        typedef FILTER_AGGREGATE_STANDARD_INFORMATION T;
        p = Begin(buffer, room, sizeof(T));
        if (p.fits) {
            ((T *)buffer)->Flags = FLTFL_ASI_IS_MINIFILTER;
            ((T *)buffer)->Type.MiniFilter.FrameID = filter->Frame->FrameId;
            ((T *)buffer)->Type.MiniFilter.NumberOfInstances = instances;
        }
        Put(&p, &filter->Name, AT(&p, T, Type.MiniFilter.FilterNameLength), AT(&p, T, Type.MiniFilter.FilterNameBufferOffset));
        Put(&p, &filter->DefaultAltitude, AT(&p, T, Type.MiniFilter.FilterAltitudeLength),
            AT(&p, T, Type.MiniFilter.FilterAltitudeBufferOffset));
        return End(&p, returned);
    }
    default:
        return STATUS_INVALID_PARAMETER;
    }
}

NTSTATUS FltGetFilterInformation(PFLT_FILTER Filter, FILTER_INFORMATION_CLASS InformationClass, PVOID Buffer,
                                 ULONG BufferSize, PULONG BytesReturned)
{
    API_ENTER(FltGetFilterInformation, Filter, SCHED_READ);
    return DescribeFilter(Filter, InformationClass, Buffer, BufferSize, BytesReturned);
}

NTSTATUS FltEnumerateFilterInformation(ULONG Index, FILTER_INFORMATION_CLASS InformationClass, PVOID Buffer,
                                       ULONG BufferSize, PULONG BytesReturned)
{
    API_ENTER(FltEnumerateFilterInformation, NULL, SCHED_READ);
    PFLT_FILTER *filters;
    ULONG count = FltpSnapshotFilters(&filters);
    NTSTATUS status = STATUS_NO_MORE_ENTRIES;
    if (Index < count)
        status = DescribeFilter(filters[Index], InformationClass, Buffer, BufferSize, BytesReturned);
    FltpFreeObjects(filters, count);
    return status;
}

/* ---- volumes --------------------------------------------------------------------------------------------------------- */

static NTSTATUS DescribeVolume(PFLT_VOLUME volume, FILTER_VOLUME_INFORMATION_CLASS kind, PVOID buffer, ULONG room,
                               PULONG returned)
{
    struct packing p;
    if (kind == FilterVolumeBasicInformation) {
        typedef FILTER_VOLUME_BASIC_INFORMATION T;
        p = Begin(buffer, room, FIELD_OFFSET(T, FilterVolumeName));
        Put(&p, &volume->Name, AT(&p, T, FilterVolumeNameLength), NULL);
        return End(&p, returned);
    }
    if (kind != FilterVolumeStandardInformation)
        return STATUS_INVALID_PARAMETER;
    typedef FILTER_VOLUME_STANDARD_INFORMATION T;
    p = Begin(buffer, room, FIELD_OFFSET(T, FilterVolumeName));
    if (p.fits) {
        ((T *)buffer)->Flags = (FltpVolumeFlags(volume) & FLTP_VOLUME_TEARDOWN) ? FLTFL_VSI_DETACHED_VOLUME : 0;
        ((T *)buffer)->FrameID = volume->Frame->FrameId;
        ((T *)buffer)->FileSystemType = volume->FileSystemType;
    }
    Put(&p, &volume->Name, AT(&p, T, FilterVolumeNameLength), NULL);
    return End(&p, returned);
}

NTSTATUS FltGetVolumeInformation(PFLT_VOLUME Volume, FILTER_VOLUME_INFORMATION_CLASS InformationClass, PVOID Buffer,
                                 ULONG BufferSize, PULONG BytesReturned)
{
    API_ENTER(FltGetVolumeInformation, Volume, SCHED_READ);
    FltpCheckVolume(Volume, "FltGetVolumeInformation", VERIFY_CALLER);
    return DescribeVolume(Volume, InformationClass, Buffer, BufferSize, BytesReturned);
}

NTSTATUS FltEnumerateVolumeInformation(PFLT_FILTER Filter, ULONG Index, FILTER_VOLUME_INFORMATION_CLASS InformationClass,
                                       PVOID Buffer, ULONG BufferSize, PULONG BytesReturned)
{
    API_ENTER(FltEnumerateVolumeInformation, Filter, SCHED_READ);
    PFLT_VOLUME *volumes;
    ULONG count = FltpSnapshotVolumes(&volumes), seen = 0;
    NTSTATUS status = STATUS_NO_MORE_ENTRIES;
    for (ULONG i = 0; i < count; i++)
        if (volumes[i]->Frame == Filter->Frame && seen++ == Index)
            status = DescribeVolume(volumes[i], InformationClass, Buffer, BufferSize, BytesReturned);
    FltpFreeObjects(volumes, count);
    return status;
}

/* ---- instances ------------------------------------------------------------------------------------------------------- */

static NTSTATUS DescribeAggregate(PFLT_INSTANCE instance, PVOID buffer, ULONG room, PULONG returned)
{
    typedef INSTANCE_AGGREGATE_STANDARD_INFORMATION T;
    struct packing p = Begin(buffer, room, sizeof(T));
    if (p.fits) {
        T *info = buffer;
        info->Flags = FLTFL_IASI_IS_MINIFILTER;
        info->Type.MiniFilter.FrameID = instance->Volume->Frame->FrameId;
        info->Type.MiniFilter.VolumeFileSystemType = instance->Volume->FileSystemType;
        info->Type.MiniFilter.SupportedFeatures = instance->Filter->SupportedFeatures;
        info->Type.MiniFilter.Flags =
            (FltpVolumeFlags(instance->Volume) & FLTP_VOLUME_TEARDOWN) ? FLTFL_IASIM_DETACHED_VOLUME : 0;
    }
    Put(&p, &instance->Name, AT(&p, T, Type.MiniFilter.InstanceNameLength),
        AT(&p, T, Type.MiniFilter.InstanceNameBufferOffset));
    Put(&p, &instance->Altitude, AT(&p, T, Type.MiniFilter.AltitudeLength), AT(&p, T, Type.MiniFilter.AltitudeBufferOffset));
    Put(&p, &instance->Volume->Name, AT(&p, T, Type.MiniFilter.VolumeNameLength),
        AT(&p, T, Type.MiniFilter.VolumeNameBufferOffset));
    Put(&p, &instance->Filter->Name, AT(&p, T, Type.MiniFilter.FilterNameLength),
        AT(&p, T, Type.MiniFilter.FilterNameBufferOffset));
    return End(&p, returned);
}

static NTSTATUS DescribeInstance(PFLT_INSTANCE instance, INSTANCE_INFORMATION_CLASS kind, PVOID buffer, ULONG room,
                                 PULONG returned)
{
    typedef INSTANCE_FULL_INFORMATION T; /* basic and partial information are its beginnings */
    ULONG fixed;
    switch (kind) {
    case InstanceBasicInformation:
        fixed = sizeof(INSTANCE_BASIC_INFORMATION);
        break;
    case InstancePartialInformation:
        fixed = sizeof(INSTANCE_PARTIAL_INFORMATION);
        break;
    case InstanceFullInformation:
        fixed = sizeof(INSTANCE_FULL_INFORMATION);
        break;
    case InstanceAggregateStandardInformation:
        return DescribeAggregate(instance, buffer, room, returned);
    default:
        return STATUS_INVALID_PARAMETER;
    }
    struct packing p = Begin(buffer, room, fixed);
    Put(&p, &instance->Name, AT(&p, T, InstanceNameLength), AT(&p, T, InstanceNameBufferOffset));
    if (kind != InstanceBasicInformation)
        Put(&p, &instance->Altitude, AT(&p, T, AltitudeLength), AT(&p, T, AltitudeBufferOffset));
    if (kind == InstanceFullInformation) {
        Put(&p, &instance->Volume->Name, AT(&p, T, VolumeNameLength), AT(&p, T, VolumeNameBufferOffset));
        Put(&p, &instance->Filter->Name, AT(&p, T, FilterNameLength), AT(&p, T, FilterNameBufferOffset));
    }
    return End(&p, returned);
}

NTSTATUS FltGetInstanceInformation(PFLT_INSTANCE Instance, INSTANCE_INFORMATION_CLASS InformationClass, PVOID Buffer,
                                   ULONG BufferSize, PULONG BytesReturned)
{
    API_ENTER(FltGetInstanceInformation, Instance, SCHED_READ);
    FltpCheckLive(Instance, "FltGetInstanceInformation", VERIFY_CALLER);
    return DescribeInstance(Instance, InformationClass, Buffer, BufferSize, BytesReturned);
}

static NTSTATUS DescribeNth(PFLT_VOLUME volume, PFLT_FILTER filter, ULONG index, INSTANCE_INFORMATION_CLASS kind,
                            PVOID buffer, ULONG room, PULONG returned)
{
    PFLT_INSTANCE *instances;
    ULONG count = FltpSnapshotInstances(volume, filter, &instances);
    NTSTATUS status = STATUS_NO_MORE_ENTRIES;
    if (index < count)
        status = DescribeInstance(instances[index], kind, buffer, room, returned);
    FltpFreeObjects(instances, count);
    return status;
}

NTSTATUS FltEnumerateInstanceInformationByFilter(PFLT_FILTER Filter, ULONG Index,
                                                 INSTANCE_INFORMATION_CLASS InformationClass, PVOID Buffer,
                                                 ULONG BufferSize, PULONG BytesReturned)
{
    API_ENTER(FltEnumerateInstanceInformationByFilter, Filter, SCHED_READ);
    return DescribeNth(NULL, Filter, Index, InformationClass, Buffer, BufferSize, BytesReturned);
}

NTSTATUS FltEnumerateInstanceInformationByVolume(PFLT_VOLUME Volume, ULONG Index,
                                                 INSTANCE_INFORMATION_CLASS InformationClass, PVOID Buffer,
                                                 ULONG BufferSize, PULONG BytesReturned)
{
    API_ENTER(FltEnumerateInstanceInformationByVolume, Volume, SCHED_READ);
    FltpCheckVolume(Volume, "FltEnumerateInstanceInformationByVolume", VERIFY_CALLER);
    return DescribeNth(Volume, NULL, Index, InformationClass, Buffer, BufferSize, BytesReturned);
}

/* Why there is no such volume: what opening it answers. */
static NTSTATUS Nobody(PUNICODE_STRING Name)
{
    PFILE_OBJECT file;
    PDEVICE_OBJECT device;
    NTSTATUS status = IoGetDeviceObjectPointer(Name, FILE_READ_ATTRIBUTES, &file, &device);
    if (!NT_SUCCESS(status))
        return status;
    ObDereferenceObject(file);
    return STATUS_FLT_VOLUME_NOT_FOUND;
}

NTSTATUS FltEnumerateInstanceInformationByVolumeName(PUNICODE_STRING VolumeName, ULONG Index,
                                                     INSTANCE_INFORMATION_CLASS InformationClass, PVOID Buffer,
                                                     ULONG BufferSize, PULONG BytesReturned)
{
    API_ENTER(FltEnumerateInstanceInformationByVolumeName, VolumeName, SCHED_READ);
    PFLT_VOLUME *volumes;
    ULONG count = FltpSnapshotVolumes(&volumes);
    PFLT_VOLUME found = NULL;
    for (ULONG i = 0; i < count && !found; i++)
        if (FltpSameString(&volumes[i]->Name, VolumeName))
            found = volumes[i];
    NTSTATUS status =
        found ? DescribeNth(found, NULL, Index, InformationClass, Buffer, BufferSize, BytesReturned) : Nobody(VolumeName);
    FltpFreeObjects(volumes, count);
    return status;
}

NTSTATUS FltEnumerateInstanceInformationByDeviceObject(PDEVICE_OBJECT DeviceObject, ULONG Index,
                                                       INSTANCE_INFORMATION_CLASS InformationClass, PVOID Buffer,
                                                       ULONG BufferSize, PULONG BytesReturned)
{
    API_ENTER(FltEnumerateInstanceInformationByDeviceObject, DeviceObject, SCHED_READ);
    PFLT_VOLUME volume = FltpVolumeFromDevice(DeviceObject);
    if (!volume)
        return STATUS_FLT_VOLUME_NOT_FOUND;
    return DescribeNth(volume, NULL, Index, InformationClass, Buffer, BufferSize, BytesReturned);
}
