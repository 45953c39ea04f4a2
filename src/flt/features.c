/* SupportedFeatures: what minifilters say they understand, and a volume's all together. */
#include "flt/core.h"

#include "fsrtl/fsrtlp.h"

enum {
    EVERY_FEATURE = SUPPORTED_FS_FEATURES_OFFLOAD_READ | SUPPORTED_FS_FEATURES_OFFLOAD_WRITE | SUPPORTED_FS_FEATURES_QUERY_OPEN |
                    SUPPORTED_FS_FEATURES_BYPASS_IO
};

PFLT_FILTER FltpUnsupporting(PFLT_VOLUME Volume, ULONG Feature)
{
    PFLT_INSTANCE *instances;
    PFLT_FILTER found = NULL;
    ULONG count = FltpSnapshotInstances(Volume, NULL, &instances);
    for (ULONG i = 0; i < count && !found; i++)
        if (!(instances[i]->Filter->SupportedFeatures & Feature) &&
            NT_SUCCESS(FltpReferenceObject(&instances[i]->Filter->Base, NULL, NULL)))
            found = instances[i]->Filter;
    FltpFreeObjects(instances, count);
    return found;
}

static ULONG FeaturesOf(PFLT_VOLUME Volume)
{
    PFLT_INSTANCE *instances;
    ULONG features = EVERY_FEATURE, count = FltpSnapshotInstances(Volume, NULL, &instances);
    for (ULONG i = 0; i < count; i++)
        features &= instances[i]->Filter->SupportedFeatures;
    FltpFreeObjects(instances, count);
    return features;
}

static bool IsOfFileSystem(PDEVICE_OBJECT Device)
{
    return Device->DeviceType == FILE_DEVICE_DISK_FILE_SYSTEM || Device->DeviceType == FILE_DEVICE_CD_ROM_FILE_SYSTEM ||
           Device->DeviceType == FILE_DEVICE_NETWORK_FILE_SYSTEM;
}

/* Over all frames. */
NTSTATUS FltpGetSupportedFeatures(PDEVICE_OBJECT DeviceObject, PULONG SupportedFeatures)
{
    PFLT_VOLUME *volumes, volume = IsOfFileSystem(DeviceObject) ? FltpVolumeFromDevice(DeviceObject) : NULL;
    if (!volume)
        return IsOfFileSystem(DeviceObject) ? STATUS_FLT_VOLUME_NOT_FOUND : STATUS_FLT_INTERNAL_ERROR;
    ULONG features = EVERY_FEATURE, count = FltpSnapshotVolumes(&volumes);
    for (ULONG i = 0; i < count; i++)
        if (volumes[i]->FileSystemDevice == volume->FileSystemDevice)
            features &= FeaturesOf(volumes[i]);
    FltpFreeObjects(volumes, count);
    *SupportedFeatures = features;
    return STATUS_SUCCESS;
}
