/* What is known of a device without asking its driver. */
#include "iop.h"

#include <string.h>

static NTSTATUS ObjectName(PDEVICE_OBJECT device, ULONG length, PVOID buffer, PULONG result)
{
    union {
        OBJECT_NAME_INFORMATION info;
        UCHAR bytes[512];
    } name;
    ULONG size;
    NTSTATUS status = ObQueryNameString(device, &name.info, sizeof name, &size);
    if (!NT_SUCCESS(status))
        return status;
    *result = name.info.Name.Length + (ULONG)sizeof(WCHAR);
    if (length < *result)
        return STATUS_BUFFER_TOO_SMALL;
    memcpy(buffer, name.info.Name.Buffer, name.info.Name.Length);
    ((PWCHAR)buffer)[name.info.Name.Length / sizeof(WCHAR)] = 0;
    return STATUS_SUCCESS;
}

/* Only devices that a bus enumerated have properties; here those are the disks, and what they have is a name. */
NTSTATUS IoGetDeviceProperty(PDEVICE_OBJECT DeviceObject, DEVICE_REGISTRY_PROPERTY DeviceProperty, ULONG BufferLength,
                             PVOID PropertyBuffer, PULONG ResultLength)
{
    API_IRQL(IoGetDeviceProperty);
    *ResultLength = 0;
    if (!DeviceObject->Vpb)
        return STATUS_INVALID_DEVICE_REQUEST;
    if (DeviceProperty == DevicePropertyPhysicalDeviceObjectName)
        return ObjectName(DeviceObject, BufferLength, PropertyBuffer, ResultLength);
    return STATUS_OBJECT_NAME_NOT_FOUND;
}
