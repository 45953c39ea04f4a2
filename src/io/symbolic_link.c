/* Symbolic links to devices, and the DOS names of volumes. */
#include "iop.h"

#include "ex/pool.h"

#include <string.h>

NTSTATUS IoCreateSymbolicLink(PUNICODE_STRING SymbolicLinkName, PUNICODE_STRING DeviceName)
{
    API_ENTER(IoCreateSymbolicLink, SymbolicLinkName, SCHED_WRITE);
    return ObpCreateLink(SymbolicLinkName, DeviceName);
}

NTSTATUS IoCreateUnprotectedSymbolicLink(PUNICODE_STRING SymbolicLinkName, PUNICODE_STRING DeviceName)
{
    sched_point("IoCreateUnprotectedSymbolicLink", SymbolicLinkName, SCHED_WRITE);
    return ObpCreateLink(SymbolicLinkName, DeviceName);
}

NTSTATUS IoDeleteSymbolicLink(PUNICODE_STRING SymbolicLinkName)
{
    API_ENTER(IoDeleteSymbolicLink, SymbolicLinkName, SCHED_WRITE);
    return ObpDeleteLink(SymbolicLinkName);
}

struct dos_search {
    UNICODE_STRING device;
    WCHAR letter;
    WCHAR volume[64];
    USHORT volume_length;
};

static bool MatchesDevice(PCUNICODE_STRING name, PCUNICODE_STRING target, void *context)
{
    struct dos_search *search = context;
    if (name->Length == 2 * sizeof(WCHAR) && name->Buffer[1] == ':' &&
        RtlEqualUnicodeString(target, &search->device, TRUE)) {
        search->letter = name->Buffer[0];
        return false;
    }
    return true;
}

/* The storage device under a volume device; referenced. */
static PDEVICE_OBJECT StorageDevice(PDEVICE_OBJECT device)
{
    PDEVICE_OBJECT base = IoGetDeviceAttachmentBaseRef(device), disk;
    if (NT_SUCCESS(IoGetDiskDeviceObject(base, &disk))) {
        ObpDereference(base);
        return disk;
    }
    return base;
}

NTSTATUS IoVolumeDeviceToDosName(PVOID VolumeDeviceObject, PUNICODE_STRING DosName)
{
    API_ENTER(IoVolumeDeviceToDosName, VolumeDeviceObject, SCHED_READ);
    union {
        OBJECT_NAME_INFORMATION info;
        UCHAR bytes[512];
    } name;
    ULONG length;
    struct dos_search search = {0};
    if (!VolumeDeviceObject || !DosName)
        return STATUS_INVALID_PARAMETER;
    PDEVICE_OBJECT disk = StorageDevice(VolumeDeviceObject);
    NTSTATUS status = ObQueryNameString(disk, &name.info, sizeof name, &length);
    ObpDereference(disk);
    if (!NT_SUCCESS(status))
        return status;
    search.device = name.info.Name;
    ObpEachDosLink(MatchesDevice, &search);
    if (!search.letter)
        return STATUS_OBJECT_NAME_NOT_FOUND;
    PWCHAR buffer = ExAllocatePoolWithTag(PagedPool, 3 * sizeof(WCHAR), IOP_TAG);
    if (!buffer)
        return STATUS_INSUFFICIENT_RESOURCES;
    ExpHandOut(buffer, VERIFY_CALLER);
    buffer[0] = search.letter;
    buffer[1] = ':';
    buffer[2] = 0;
    *DosName = (UNICODE_STRING){2 * sizeof(WCHAR), 3 * sizeof(WCHAR), buffer};
    return STATUS_SUCCESS;
}

/* The name that the mount manager gave: "\??\Volume{guid}". */
static bool MatchesVolume(PCUNICODE_STRING name, PCUNICODE_STRING target, void *context)
{
    static const WCHAR prefix[] = {'V', 'o', 'l', 'u', 'm', 'e', '{'};
    struct dos_search *search = context;
    if (name->Length < sizeof prefix || memcmp(name->Buffer, prefix, sizeof prefix) != 0 ||
        name->Length > sizeof search->volume || !RtlEqualUnicodeString(target, &search->device, TRUE))
        return true;
    memcpy(search->volume, name->Buffer, name->Length);
    search->volume_length = name->Length;
    return false;
}

static NTSTATUS FindVolumeName(PDEVICE_OBJECT device, struct dos_search *search)
{
    union {
        OBJECT_NAME_INFORMATION info;
        UCHAR bytes[512];
    } name;
    ULONG length;
    PDEVICE_OBJECT disk = StorageDevice(device);
    NTSTATUS status = ObQueryNameString(disk, &name.info, sizeof name, &length);
    ObpDereference(disk);
    if (!NT_SUCCESS(status))
        return status;
    search->device = name.info.Name;
    ObpEachDosLink(MatchesVolume, search);
    return search->volume_length ? STATUS_SUCCESS : STATUS_OBJECT_NAME_NOT_FOUND;
}

NTSTATUS IoVolumeDeviceToGuidPath(PDEVICE_OBJECT VolumeDeviceObject, PUNICODE_STRING GuidPath)
{
    static const WCHAR prefix[] = {'\\', '?', '?', '\\'};
    struct dos_search search = {0};
    NTSTATUS status = FindVolumeName(VolumeDeviceObject, &search);
    if (!NT_SUCCESS(status))
        return status;
    USHORT length = (USHORT)(sizeof prefix + search.volume_length);
    PWCHAR buffer = ExAllocatePoolWithTag(PagedPool, length + sizeof(WCHAR), IOP_TAG);
    if (!buffer)
        return STATUS_INSUFFICIENT_RESOURCES;
    ExpHandOut(buffer, VERIFY_CALLER);
    memcpy(buffer, prefix, sizeof prefix);
    memcpy(buffer + 4, search.volume, search.volume_length);
    buffer[length / sizeof(WCHAR)] = 0;
    *GuidPath = (UNICODE_STRING){length, (USHORT)(length + sizeof(WCHAR)), buffer};
    return STATUS_SUCCESS;
}

NTSTATUS IoVolumeDeviceToGuid(PDEVICE_OBJECT VolumeDeviceObject, GUID *Guid)
{
    struct dos_search search = {0};
    NTSTATUS status = FindVolumeName(VolumeDeviceObject, &search);
    if (!NT_SUCCESS(status))
        return status;
    UNICODE_STRING text = {(USHORT)(search.volume_length - 6 * sizeof(WCHAR)),
                           (USHORT)(search.volume_length - 6 * sizeof(WCHAR)), search.volume + 6};
    return RtlGUIDFromString(&text, Guid);
}

/* "C:\dir\file" of an open file; the structure is the caller's to free with ExFreePool. */
NTSTATUS IoQueryFileDosDeviceName(PFILE_OBJECT FileObject, POBJECT_NAME_INFORMATION *ObjectNameInformation)
{
    API_ENTER(IoQueryFileDosDeviceName, FileObject, SCHED_READ);
    UNICODE_STRING dos;
    NTSTATUS status = IoVolumeDeviceToDosName(FileObject->DeviceObject, &dos);
    if (!NT_SUCCESS(status))
        return status;
    USHORT length = (USHORT)(dos.Length + FileObject->FileName.Length);
    POBJECT_NAME_INFORMATION info =
        ExAllocatePoolWithTag(PagedPool, sizeof *info + length + sizeof(WCHAR), IOP_TAG);
    if (info) {
        PWCHAR buffer = (PWCHAR)(info + 1);
        memcpy(buffer, dos.Buffer, dos.Length);
        memcpy((PCHAR)buffer + dos.Length, FileObject->FileName.Buffer, FileObject->FileName.Length);
        buffer[length / sizeof(WCHAR)] = 0;
        info->Name = (UNICODE_STRING){length, (USHORT)(length + sizeof(WCHAR)), buffer};
        ExpHandOut(info, VERIFY_CALLER);
        *ObjectNameInformation = info;
    }
    ExFreePool(dos.Buffer);
    return info ? STATUS_SUCCESS : STATUS_INSUFFICIENT_RESOURCES;
}
