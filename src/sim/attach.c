#include "sim/machine.h"
#include "sim/misuse.h"
#include "sim/service.h"

#include "flt/fltp.h"

static PFLT_FILTER filter_of(struct fltsim_driver *driver)
{
    PDRIVER_OBJECT object = fltsim_driver_object(driver);
    return object ? FltpFilterFromDriver(object) : NULL;
}

static PFLT_VOLUME volume_of(struct fltsim_volume *volume)
{
    return FltpVolumeFromDevice(fltsim_volume_device(volume));
}

NTSTATUS fltsim_attach(struct fltsim_driver *driver, struct fltsim_volume *volume, const char *instance,
                       const char *altitude)
{
    SIM_NEED_DRIVER(driver);
    SIM_NEED_VOLUME(volume);
    PFLT_FILTER filter = filter_of(driver);
    PFLT_VOLUME to = volume_of(volume);
    UNICODE_STRING name = {0}, height = {0};

    if (!filter)
        return STATUS_FLT_FILTER_NOT_FOUND;
    if (!to)
        return STATUS_FLT_VOLUME_NOT_FOUND;
    if (instance)
        name = sim_unicode(instance);
    if (altitude)
        height = sim_unicode(altitude);
    NTSTATUS status = FltpManualAttach(filter, to, altitude ? &height : NULL, instance ? &name : NULL);
    sim_free(name.Buffer);
    sim_free(height.Buffer);
    return status;
}

NTSTATUS fltsim_detach(struct fltsim_driver *driver, struct fltsim_volume *volume, const char *instance)
{
    SIM_NEED_DRIVER(driver);
    SIM_NEED_VOLUME(volume);
    PFLT_FILTER filter = filter_of(driver);
    PFLT_VOLUME from = volume_of(volume);
    UNICODE_STRING name = {0};

    if (!filter)
        return STATUS_FLT_FILTER_NOT_FOUND;
    if (!from)
        return STATUS_FLT_VOLUME_NOT_FOUND;
    if (instance)
        name = sim_unicode(instance);
    NTSTATUS status = FltpManualDetach(filter, from, instance ? &name : NULL);
    sim_free(name.Buffer);
    return status;
}

size_t fltsim_instances(struct fltsim_driver *driver, struct fltsim_volume *volume)
{
    SIM_NEED_DRIVER(driver);
    SIM_NEED_VOLUME(volume);
    PFLT_FILTER filter = filter_of(driver);
    PFLT_VOLUME on = volume_of(volume);
    PFLT_INSTANCE *instances;

    if (!filter || !on)
        return 0;
    ULONG count = FltpSnapshotInstances(on, filter, &instances);
    FltpFreeObjects(instances, count);
    return count;
}
