/* What a volume is called and made of. */
#include "flt/core.h"

#include "ob/object.h"
#include <ntdddisk.h>

#include "fault/fault.h"
#include "verify/api.h"

NTSTATUS FltGetVolumeName(PFLT_VOLUME Volume, PUNICODE_STRING VolumeName, PULONG BufferSizeNeeded)
{
    API_ENTER(FltGetVolumeName, Volume, SCHED_READ);
    FltpCheckVolume(Volume, "FltGetVolumeName", VERIFY_CALLER);
    return FltpReturnString(&Volume->Name, VolumeName, BufferSizeNeeded);
}

/* The mount manager's name: "\??\Volume{...}" is a symbolic link to the volume's device. */
struct guid_search {
    PCUNICODE_STRING Device;
    UNICODE_STRING Name;
};

static bool IsGuidLink(PCUNICODE_STRING Name, PCUNICODE_STRING Target, void *Context)
{
    static const char16_t prefix[] = u"Volume{", folder[] = u"\\??\\";
    struct guid_search *search = Context;
    const size_t prefix_bytes = sizeof prefix - sizeof(WCHAR), folder_bytes = sizeof folder - sizeof(WCHAR);

    if (Name->Length <= prefix_bytes || memcmp(Name->Buffer, prefix, prefix_bytes) != 0 ||
        !FltpSameString(Target, search->Device))
        return true;
    search->Name.Length = search->Name.MaximumLength = (USHORT)(folder_bytes + Name->Length);
    search->Name.Buffer = sim_alloc(search->Name.Length);
    RtlCopyMemory(search->Name.Buffer, folder, folder_bytes);
    RtlCopyMemory((UCHAR *)search->Name.Buffer + folder_bytes, Name->Buffer, Name->Length);
    return false;
}

NTSTATUS FltGetVolumeGuidName(PFLT_VOLUME Volume, PUNICODE_STRING VolumeGuidName, PULONG BufferSizeNeeded)
{
    API_ENTER(FltGetVolumeGuidName, Volume, SCHED_READ);
    FltpCheckVolume(Volume, "FltGetVolumeGuidName", VERIFY_CALLER);
    struct guid_search search = {.Device = &Volume->Name};

    if (BufferSizeNeeded)
        *BufferSizeNeeded = 0;
    if (Volume->FileSystemType == FLT_FSTYPE_MUP)
        return STATUS_INVALID_DEVICE_REQUEST;
    if (fault_allocation())
        return STATUS_INSUFFICIENT_RESOURCES;
    ObpEachDosLink(IsGuidLink, &search);
    if (!search.Name.Length)
        return STATUS_FLT_VOLUME_NOT_FOUND;
    NTSTATUS status = FltpReturnString(&search.Name, VolumeGuidName, BufferSizeNeeded);
    FltpFreeString(&search.Name);
    return status;
}

static PDEVICE_OBJECT Reference(PDEVICE_OBJECT device, const void *site)
{
    ObpReference(device);
    verify_ledger_add(&ObpHeader(device)->ledger, "got by", atomic_load(&ObpHeader(device)->pointer_count), site);
    return device;
}

NTSTATUS FltGetDiskDeviceObject(PFLT_VOLUME Volume, PDEVICE_OBJECT *DiskDeviceObject)
{
    API_ENTER(FltGetDiskDeviceObject, Volume, SCHED_READ);
    FltpCheckVolume(Volume, "FltGetDiskDeviceObject", VERIFY_CALLER);
    *DiskDeviceObject = NULL;
    if (!Volume->DiskDevice)
        return STATUS_FLT_NO_DEVICE_OBJECT;
    *DiskDeviceObject = Reference(Volume->DiskDevice, VERIFY_CALLER);
    return STATUS_SUCCESS;
}

NTSTATUS FltGetDeviceObject(PFLT_VOLUME Volume, PDEVICE_OBJECT *DeviceObject)
{
    API_ENTER(FltGetDeviceObject, Volume, SCHED_READ);
    FltpCheckVolume(Volume, "FltGetDeviceObject", VERIFY_CALLER);
    *DeviceObject = NULL;
    if (!Volume->DeviceObject)
        return STATUS_FLT_NO_DEVICE_OBJECT;
    *DeviceObject = Reference(Volume->DeviceObject, VERIFY_CALLER);
    return STATUS_SUCCESS;
}

BOOLEAN FltIsFltMgrVolumeDeviceObject(PDEVICE_OBJECT DeviceObject)
{
    API_IRQL(FltIsFltMgrVolumeDeviceObject);
    return DeviceObject->DriverObject == FltGlobals.DriverObject && FltpVolumeOf(DeviceObject) != NULL;
}

/* ---- properties ---- */

static PUCHAR PutString(PUNICODE_STRING Target, PCUNICODE_STRING Source, PUCHAR At)
{
    RtlZeroMemory(Target, sizeof *Target); /* with the gap behind the lengths: some drivers print it by value */
    Target->Length = Target->MaximumLength = Source->Length;
    Target->Buffer = (PWSTR)At;
    if (Source->Length)
        RtlCopyMemory(At, Source->Buffer, Source->Length);
    return At + Source->Length;
}

static UNICODE_STRING DeviceName(PDEVICE_OBJECT Device)
{
    union {
        OBJECT_NAME_INFORMATION Info;
        UCHAR Bytes[600];
    } name;
    ULONG length;
    if (!Device || !NT_SUCCESS(ObQueryNameString(Device, &name.Info, sizeof name, &length)))
        return (UNICODE_STRING){0};
    return FltpCopyString(&name.Info.Name);
}

NTSTATUS FltGetVolumeProperties(PFLT_VOLUME Volume, PFLT_VOLUME_PROPERTIES VolumeProperties, ULONG VolumePropertiesLength,
                                PULONG LengthReturned)
{
    API_ENTER(FltGetVolumeProperties, Volume, SCHED_READ);
    FltpCheckVolume(Volume, "FltGetVolumeProperties", VERIFY_CALLER);
    PDEVICE_OBJECT real = Volume->DiskDevice ? Volume->DiskDevice : Volume->FileSystemDevice;
    UNICODE_STRING device = DeviceName(Volume->FileSystemDevice);
    ULONG needed = sizeof *VolumeProperties + Volume->FileSystemDriverName.Length + device.Length + Volume->Name.Length;
    NTSTATUS status = STATUS_SUCCESS;

    *LengthReturned = needed;
    if (!VolumeProperties || VolumePropertiesLength < sizeof *VolumeProperties) {
        FltpFreeString(&device);
        return STATUS_BUFFER_TOO_SMALL;
    }
    *VolumeProperties = (FLT_VOLUME_PROPERTIES){
        .DeviceType = Volume->FileSystemDevice->DeviceType,
        .DeviceCharacteristics = Volume->DeviceObject->Characteristics | real->Characteristics,
        .DeviceObjectFlags = Volume->DeviceObject->Flags,
        .AlignmentRequirement = real->AlignmentRequirement,
        .SectorSize = real->SectorSize,
    };
    if (VolumePropertiesLength < needed) {
        *LengthReturned = sizeof *VolumeProperties;
        status = STATUS_BUFFER_OVERFLOW;
    } else {
        PUCHAR at = (PUCHAR)(VolumeProperties + 1);
        at = PutString(&VolumeProperties->FileSystemDriverName, &Volume->FileSystemDriverName, at);
        at = PutString(&VolumeProperties->FileSystemDeviceName, &device, at);
        PutString(&VolumeProperties->RealDeviceName, &Volume->Name, at);
    }
    FltpFreeString(&device);
    return status;
}

/* ---- of a volume or an instance ---- */

static PFLT_VOLUME VolumeOfObject(PVOID FltObject)
{
    PFLT_OBJECT object = FltObject;
    if (object->Flags & FLT_OBFL_TYPE_INSTANCE)
        return CONTAINING_RECORD(object, struct _FLT_INSTANCE, Base)->Volume;
    return object->Flags & FLT_OBFL_TYPE_VOLUME ? CONTAINING_RECORD(object, struct _FLT_VOLUME, Base) : NULL;
}

NTSTATUS FltGetFileSystemType(PVOID FltObject, PFLT_FILESYSTEM_TYPE FileSystemType)
{
    API_ENTER(FltGetFileSystemType, FltObject, SCHED_READ);
    PFLT_VOLUME volume = VolumeOfObject(FltObject);
    *FileSystemType = volume ? volume->FileSystemType : FLT_FSTYPE_UNKNOWN;
    return volume ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER;
}

static NTSTATUS AskDisk(PDEVICE_OBJECT Disk)
{
    IO_STATUS_BLOCK iosb;
    KEVENT event;

    KeInitializeEvent(&event, NotificationEvent, FALSE);
    PIRP irp = IoBuildDeviceIoControlRequest(IOCTL_DISK_IS_WRITABLE, Disk, NULL, 0, NULL, 0, FALSE, &event, &iosb);
    if (!irp)
        return STATUS_INSUFFICIENT_RESOURCES;
    NTSTATUS status = IoCallDriver(Disk, irp);
    if (status == STATUS_PENDING)
        KeWaitForSingleObject(&event, Executive, KernelMode, FALSE, NULL);
    return status == STATUS_PENDING ? iosb.Status : status;
}

NTSTATUS FltIsVolumeWritable(PVOID FltObject, PBOOLEAN IsWritable)
{
    API_ENTER(FltIsVolumeWritable, FltObject, SCHED_READ);
    PFLT_VOLUME volume = VolumeOfObject(FltObject);
    if (!volume)
        return STATUS_INVALID_PARAMETER;
    if (!volume->DiskDevice)
        return STATUS_INVALID_DEVICE_REQUEST;
    NTSTATUS status = AskDisk(volume->DiskDevice);
    *IsWritable = NT_SUCCESS(status);
    return status == STATUS_MEDIA_WRITE_PROTECTED ? STATUS_SUCCESS : status;
}

NTSTATUS FltIsVolumeSnapshot(PVOID FltObject, PBOOLEAN IsSnapshotVolume)
{
    API_ENTER(FltIsVolumeSnapshot, FltObject, SCHED_READ);
    PFLT_VOLUME volume = VolumeOfObject(FltObject);
    if (!volume)
        return STATUS_INVALID_PARAMETER;
    if (!volume->DiskDevice)
        return STATUS_FLT_NO_DEVICE_OBJECT;
    if (fault_allocation())
        return STATUS_INSUFFICIENT_RESOURCES;
    *IsSnapshotVolume = FALSE; /* the machine makes no snapshots */
    return STATUS_SUCCESS;
}
