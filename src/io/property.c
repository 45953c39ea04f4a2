/* What is known of a device without asking its driver. Only devices that a bus enumerated have properties; here those
 * are the disks under volumes, which the volume manager enumerates. */
#include "iop.h"

#include <string.h>

static NTSTATUS Answer(const void *value, ULONG size, ULONG length, PVOID buffer, PULONG result)
{
    *result = size;
    if (length < size)
        return STATUS_BUFFER_TOO_SMALL;
    memcpy(buffer, value, size);
    return STATUS_SUCCESS;
}

static NTSTATUS ObjectName(PDEVICE_OBJECT device, ULONG length, PVOID buffer, PULONG result)
{
    union {
        OBJECT_NAME_INFORMATION info;
        UCHAR bytes[512];
    } name;
    ULONG size;
    NTSTATUS status = ObQueryNameString(device, &name.info, sizeof name - sizeof(WCHAR), &size);
    if (!NT_SUCCESS(status))
        return status;
    if (!name.info.Name.Length)
        return Answer(u"", sizeof(WCHAR), length, buffer, result);
    name.info.Name.Buffer[name.info.Name.Length / sizeof(WCHAR)] = 0;
    return Answer(name.info.Name.Buffer, name.info.Name.Length + (ULONG)sizeof(WCHAR), length, buffer, result);
}

static NTSTATUS Number(PDEVICE_OBJECT device, DEVICE_REGISTRY_PROPERTY property, ULONG length, PVOID buffer,
                       PULONG result)
{
    ULONG value = 0; /* DevicePropertyInstallState: InstallStateInstalled */
    if (property == DevicePropertyRemovalPolicy)
        value = device->Characteristics & FILE_REMOVABLE_MEDIA ? RemovalPolicyExpectOrderlyRemoval
                                                               : RemovalPolicyExpectNoRemoval;
    return Answer(&value, sizeof value, length, buffer, result);
}

#define TEXT_PROPERTY(property, text) [property] = {text, sizeof(text)}
static const struct {
    const WCHAR *text;
    ULONG size;
} texts[] = {
    TEXT_PROPERTY(DevicePropertyDeviceDescription, u"Volume"),
    TEXT_PROPERTY(DevicePropertyHardwareID, u"STORAGE\\Volume\0"), /* REG_MULTI_SZ */
    TEXT_PROPERTY(DevicePropertyClassName, u"Volume"),
    TEXT_PROPERTY(DevicePropertyClassGuid, u"{71a27cdd-812a-11d0-bec7-08002be2092f}"),
    TEXT_PROPERTY(DevicePropertyDriverKeyName, u"{71a27cdd-812a-11d0-bec7-08002be2092f}\\0000"),
    TEXT_PROPERTY(DevicePropertyManufacturer, u"Microsoft"),
    TEXT_PROPERTY(DevicePropertyEnumeratorName, u"STORAGE"),
};

NTSTATUS IoGetDeviceProperty(PDEVICE_OBJECT DeviceObject, DEVICE_REGISTRY_PROPERTY DeviceProperty, ULONG BufferLength,
                             PVOID PropertyBuffer, PULONG ResultLength)
{
    API_IRQL(IoGetDeviceProperty);
    *ResultLength = 0;
    if ((unsigned)DeviceProperty > DevicePropertyContainerID)
        return STATUS_INVALID_PARAMETER_2;
    if (!DeviceObject->Vpb)
        return STATUS_INVALID_DEVICE_REQUEST;
    if (DeviceProperty == DevicePropertyPhysicalDeviceObjectName)
        return ObjectName(DeviceObject, BufferLength, PropertyBuffer, ResultLength);
    if (DeviceProperty == DevicePropertyInstallState || DeviceProperty == DevicePropertyRemovalPolicy)
        return Number(DeviceObject, DeviceProperty, BufferLength, PropertyBuffer, ResultLength);
    if (DeviceProperty < sizeof texts / sizeof *texts && texts[DeviceProperty].text)
        return Answer(texts[DeviceProperty].text, texts[DeviceProperty].size, BufferLength, PropertyBuffer,
                      ResultLength);
    return STATUS_OBJECT_NAME_NOT_FOUND; /* the bus said nothing of it */
}
