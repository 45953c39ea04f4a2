/* Enumerating filters, volumes and instances as lists of objects. */
#include "core.h"
#include "verify/api.h"

/* Copies pointers out, each with a reference for the caller; STATUS_BUFFER_TOO_SMALL: nothing but the count. */
static NTSTATUS GiveList(void *objects, ULONG count, void *list, ULONG room, PULONG returned, const void *site)
{
    PFLT_OBJECT *from = objects, *to = list;
    *returned = count;
    if (count > room || (count && !list))
        return STATUS_BUFFER_TOO_SMALL;
    ULONG given = 0;
    for (ULONG i = 0; i < count; i++)
        if (NT_SUCCESS(FltpReferenceObject(from[i], "enumerated by", site)))
            to[given++] = from[i];
    *returned = given;
    return STATUS_SUCCESS;
}

NTSTATUS FltEnumerateFilters(PFLT_FILTER *FilterList, ULONG FilterListSize, PULONG NumberFiltersReturned)
{
    API_ENTER(FltEnumerateFilters, NULL, SCHED_READ);
    PFLT_FILTER *filters;
    ULONG count = FltpSnapshotFilters(&filters);
    NTSTATUS status = GiveList(filters, count, FilterList, FilterListSize, NumberFiltersReturned, VERIFY_CALLER);
    FltpFreeObjects(filters, count);
    return status;
}

NTSTATUS FltEnumerateVolumes(PFLT_FILTER Filter, PFLT_VOLUME *VolumeList, ULONG VolumeListSize,
                             PULONG NumberVolumesReturned)
{
    API_ENTER(FltEnumerateVolumes, Filter, SCHED_READ);
    FltpCheckFilter(Filter, "FltEnumerateVolumes", VERIFY_CALLER);
    PFLT_VOLUME *volumes;
    ULONG count = FltpSnapshotVolumes(&volumes), mine = 0;
    for (ULONG i = 0; i < count; i++) {
        PFLT_VOLUME volume = volumes[i];
        if (volume->Frame != Filter->Frame)
            continue;
        volumes[i] = volumes[mine]; /* swapped: each stays in the array once */
        volumes[mine++] = volume;
    }
    NTSTATUS status = GiveList(volumes, mine, VolumeList, VolumeListSize, NumberVolumesReturned, VERIFY_CALLER);
    FltpFreeObjects(volumes, count);
    return status;
}

NTSTATUS FltEnumerateInstances(PFLT_VOLUME Volume, PFLT_FILTER Filter, PFLT_INSTANCE *InstanceList,
                               ULONG InstanceListSize, PULONG NumberInstancesReturned)
{
    API_ENTER(FltEnumerateInstances, Volume ? (void *)Volume : (void *)Filter, SCHED_READ);
    if (!Volume && !Filter)
        return STATUS_INVALID_PARAMETER;
    PFLT_INSTANCE *instances;
    ULONG count = FltpSnapshotInstances(Volume, Filter, &instances);
    NTSTATUS status =
        GiveList(instances, count, InstanceList, InstanceListSize, NumberInstancesReturned, VERIFY_CALLER);
    FltpFreeObjects(instances, count);
    return status;
}
