// Volumes: from what one has to a volume, and what a volume tells.
#ifndef FLTSIM_WDK_NT_FLT_VOLUME_H
#define FLTSIM_WDK_NT_FLT_VOLUME_H

#include "../begin.h"
#include "../io.h"
#include "../types.h"
#include "types.h"
#include "user_structures.h"

FLTSIM_WDK_BEGIN

#define VOL_PROP_FL_DAX_VOLUME 0x0001

typedef struct _FLT_VOLUME_PROPERTIES {
    DEVICE_TYPE DeviceType;
    ULONG DeviceCharacteristics;
    ULONG DeviceObjectFlags;
    ULONG AlignmentRequirement;
    USHORT SectorSize;
    USHORT Flags;
    UNICODE_STRING FileSystemDriverName;
    UNICODE_STRING FileSystemDeviceName;
    UNICODE_STRING RealDeviceName;
} FLT_VOLUME_PROPERTIES, *PFLT_VOLUME_PROPERTIES;

// The volume of that name (device, drive or GUID), referenced. IRQL PASSIVE_LEVEL.
// STATUS_ACCESS_DENIED, STATUS_FLT_DELETING_OBJECT, STATUS_INVALID_PARAMETER,
// STATUS_FLT_VOLUME_NOT_FOUND.
NTSTATUS FltGetVolumeFromName(_In_ PFLT_FILTER Filter, _In_ PCUNICODE_STRING VolumeName,
                              _Outptr_ PFLT_VOLUME *RetVolume);

// The instance's volume, referenced. IRQL <= APC_LEVEL. STATUS_FLT_DELETING_OBJECT.
NTSTATUS FltGetVolumeFromInstance(_In_ PFLT_INSTANCE Instance, _Outptr_ PFLT_VOLUME *RetVolume);

// The volume of an opened file object, referenced. IRQL <= APC_LEVEL. STATUS_FLT_DELETING_OBJECT,
// STATUS_INVALID_PARAMETER.
NTSTATUS FltGetVolumeFromFileObject(_In_ PFLT_FILTER Filter, _In_ PFILE_OBJECT FileObject,
                                    _Outptr_ PFLT_VOLUME *RetVolume);

// The volume of a volume device object or of one in its stack, referenced. IRQL <= APC_LEVEL.
// STATUS_FLT_DELETING_OBJECT, STATUS_INVALID_PARAMETER.
NTSTATUS FltGetVolumeFromDeviceObject(_In_ PFLT_FILTER Filter, _In_ PDEVICE_OBJECT DeviceObject,
                                      _Outptr_ PFLT_VOLUME *RetVolume);

// Whether the device object is one of the Filter Manager's own on a volume. IRQL <= APC_LEVEL.
BOOLEAN FltIsFltMgrVolumeDeviceObject(_In_ PDEVICE_OBJECT DeviceObject);

// The filter's named instance on the volume, referenced; any filter's for NULL, the first for no
// name. IRQL <= APC_LEVEL. STATUS_FLT_DELETING_OBJECT, STATUS_FLT_INSTANCE_NOT_FOUND.
NTSTATUS FltGetVolumeInstanceFromName(_In_opt_ PFLT_FILTER Filter, _In_ PFLT_VOLUME Volume,
                                      _In_opt_ PCUNICODE_STRING InstanceName,
                                      _Outptr_ PFLT_INSTANCE *RetInstance);

// The Filter Manager's device object on the volume, referenced: ObDereferenceObject. IRQL <=
// DISPATCH_LEVEL. STATUS_FLT_NO_DEVICE_OBJECT.
NTSTATUS FltGetDeviceObject(_In_ PFLT_VOLUME Volume, _Outptr_ PDEVICE_OBJECT *DeviceObject);

// The volume's disk device object, referenced: ObDereferenceObject. Network volumes have none.
// IRQL <= DISPATCH_LEVEL. STATUS_FLT_NO_DEVICE_OBJECT.
NTSTATUS FltGetDiskDeviceObject(_In_ PFLT_VOLUME Volume, _Outptr_ PDEVICE_OBJECT *DiskDeviceObject);

// Copies the name, e.g. \Device\HarddiskVolume1. STATUS_BUFFER_TOO_SMALL and *BufferSizeNeeded if
// there is not room for it. IRQL <= APC_LEVEL. Also STATUS_INVALID_PARAMETER.
NTSTATUS FltGetVolumeName(_In_ PFLT_VOLUME Volume, _Inout_opt_ PUNICODE_STRING VolumeName,
                          _Out_opt_ PULONG BufferSizeNeeded);

// Likewise the name \??\Volume{GUID}. Not in a pre-mount callback. IRQL PASSIVE_LEVEL.
// STATUS_BUFFER_TOO_SMALL, STATUS_INSUFFICIENT_RESOURCES, STATUS_INVALID_DEVICE_REQUEST,
// STATUS_FLT_VOLUME_NOT_FOUND.
NTSTATUS FltGetVolumeGuidName(_In_ PFLT_VOLUME Volume, _Out_opt_ PUNICODE_STRING VolumeGuidName,
                              _Out_opt_ PULONG BufferSizeNeeded);

// Strings are stored behind the structure: ask for the length with NULL first. IRQL <= APC_LEVEL.
// STATUS_BUFFER_OVERFLOW, STATUS_BUFFER_TOO_SMALL.
NTSTATUS FltGetVolumeProperties(_In_ PFLT_VOLUME Volume,
                                _Out_opt_ PFLT_VOLUME_PROPERTIES VolumeProperties,
                                _In_ ULONG VolumePropertiesLength, _Out_ PULONG LengthReturned);

// As FltGetFilterInformation, for a volume. IRQL <= APC_LEVEL. STATUS_INVALID_PARAMETER,
// STATUS_BUFFER_TOO_SMALL.
NTSTATUS FltGetVolumeInformation(_In_ PFLT_VOLUME Volume,
                                 _In_ FILTER_VOLUME_INFORMATION_CLASS InformationClass,
                                 _Out_opt_ PVOID Buffer, _In_ ULONG BufferSize,
                                 _Out_ PULONG BytesReturned);

// All volumes that the filter may see, each referenced. IRQL <= APC_LEVEL.
// STATUS_BUFFER_TOO_SMALL.
NTSTATUS FltEnumerateVolumes(_In_ PFLT_FILTER Filter, _Out_opt_ PFLT_VOLUME *VolumeList,
                             _In_ ULONG VolumeListSize, _Out_ PULONG NumberVolumesReturned);

// As FltEnumerateFilterInformation, for volumes. IRQL <= APC_LEVEL. STATUS_BUFFER_TOO_SMALL,
// STATUS_FLT_DELETING_OBJECT, STATUS_INVALID_PARAMETER, STATUS_NO_MORE_ENTRIES.
NTSTATUS FltEnumerateVolumeInformation(_In_ PFLT_FILTER Filter, _In_ ULONG Index,
                                       _In_ FILTER_VOLUME_INFORMATION_CLASS InformationClass,
                                       _Out_opt_ PVOID Buffer, _In_ ULONG BufferSize,
                                       _Out_ PULONG BytesReturned);

// The file system of a volume or of an instance's. IRQL <= APC_LEVEL. STATUS_INVALID_PARAMETER.
NTSTATUS FltGetFileSystemType(_In_ PVOID FltObject, _Out_ PFLT_FILESYSTEM_TYPE FileSystemType);

// Whether the disk can be written to. IRQL PASSIVE_LEVEL. STATUS_INSUFFICIENT_RESOURCES,
// STATUS_INVALID_DEVICE_REQUEST.
NTSTATUS FltIsVolumeWritable(_In_ PVOID FltObject, _Out_ PBOOLEAN IsWritable);

// Whether the volume is a snapshot. IRQL PASSIVE_LEVEL. STATUS_INVALID_PARAMETER,
// STATUS_FLT_NO_DEVICE_OBJECT, STATUS_INSUFFICIENT_RESOURCES.
NTSTATUS FltIsVolumeSnapshot(_In_ PVOID FltObject, _Out_ PBOOLEAN IsSnapshotVolume);

// Asks those below the instance about the volume. IRQL PASSIVE_LEVEL.
// STATUS_INSUFFICIENT_RESOURCES, STATUS_INVALID_INFO_CLASS, STATUS_INVALID_PARAMETER.
NTSTATUS FltQueryVolumeInformation(_In_ PFLT_INSTANCE Instance, _Out_ PIO_STATUS_BLOCK Iosb,
                                   _Out_ PVOID FsInformation, _In_ ULONG Length,
                                   _In_ FS_INFORMATION_CLASS FsInformationClass);

// Sets it there. IRQL PASSIVE_LEVEL. STATUS_INFO_LENGTH_MISMATCH, STATUS_INSUFFICIENT_RESOURCES,
// STATUS_INVALID_INFO_CLASS, STATUS_INVALID_PARAMETER.
NTSTATUS FltSetVolumeInformation(_In_ PFLT_INSTANCE Instance, _Out_ PIO_STATUS_BLOCK Iosb,
                                 _Out_ PVOID FsInformation, _In_ ULONG Length,
                                 _In_ FS_INFORMATION_CLASS FsInformationClass);

// Opens the volume itself, seen by those below. FltClose the handle; dereference the file object
// if it was asked for. IRQL PASSIVE_LEVEL. STATUS_FLT_DELETING_OBJECT, STATUS_INVALID_PARAMETER.
NTSTATUS FltOpenVolume(_In_ PFLT_INSTANCE Instance, _Out_ PHANDLE VolumeHandle,
                       _Outptr_opt_ PFILE_OBJECT *VolumeFileObject);

// Makes sure that the folder is there, with its security. STATUS_INSUFFICIENT_RESOURCES.
NTSTATUS FltCreateSystemVolumeInformationFolder(_In_ PFLT_INSTANCE Instance);

FLTSIM_WDK_END

#endif
