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

NTSTATUS FltGetVolumeFromName(_In_ PFLT_FILTER Filter, _In_ PCUNICODE_STRING VolumeName,
                              _Outptr_ PFLT_VOLUME *RetVolume);
NTSTATUS FltGetVolumeFromInstance(_In_ PFLT_INSTANCE Instance, _Outptr_ PFLT_VOLUME *RetVolume);
NTSTATUS FltGetVolumeFromFileObject(_In_ PFLT_FILTER Filter, _In_ PFILE_OBJECT FileObject,
                                    _Outptr_ PFLT_VOLUME *RetVolume);
NTSTATUS FltGetVolumeFromDeviceObject(_In_ PFLT_FILTER Filter, _In_ PDEVICE_OBJECT DeviceObject,
                                      _Outptr_ PFLT_VOLUME *RetVolume);
BOOLEAN FltIsFltMgrVolumeDeviceObject(_In_ PDEVICE_OBJECT DeviceObject);
NTSTATUS FltGetVolumeInstanceFromName(_In_opt_ PFLT_FILTER Filter, _In_ PFLT_VOLUME Volume,
                                      _In_opt_ PCUNICODE_STRING InstanceName,
                                      _Outptr_ PFLT_INSTANCE *RetInstance);
NTSTATUS FltGetDeviceObject(_In_ PFLT_VOLUME Volume, _Outptr_ PDEVICE_OBJECT *DeviceObject);
NTSTATUS FltGetDiskDeviceObject(_In_ PFLT_VOLUME Volume, _Outptr_ PDEVICE_OBJECT *DiskDeviceObject);
NTSTATUS FltGetVolumeName(_In_ PFLT_VOLUME Volume, _Inout_opt_ PUNICODE_STRING VolumeName,
                          _Out_opt_ PULONG BufferSizeNeeded);
NTSTATUS FltGetVolumeGuidName(_In_ PFLT_VOLUME Volume, _Out_opt_ PUNICODE_STRING VolumeGuidName,
                              _Out_opt_ PULONG BufferSizeNeeded);
NTSTATUS FltGetVolumeProperties(_In_ PFLT_VOLUME Volume,
                                _Out_opt_ PFLT_VOLUME_PROPERTIES VolumeProperties,
                                _In_ ULONG VolumePropertiesLength, _Out_ PULONG LengthReturned);
NTSTATUS FltGetVolumeInformation(_In_ PFLT_VOLUME Volume,
                                 _In_ FILTER_VOLUME_INFORMATION_CLASS InformationClass,
                                 _Out_opt_ PVOID Buffer, _In_ ULONG BufferSize,
                                 _Out_ PULONG BytesReturned);
NTSTATUS FltEnumerateVolumes(_In_ PFLT_FILTER Filter, _Out_opt_ PFLT_VOLUME *VolumeList,
                             _In_ ULONG VolumeListSize, _Out_ PULONG NumberVolumesReturned);
NTSTATUS FltEnumerateVolumeInformation(_In_ PFLT_FILTER Filter, _In_ ULONG Index,
                                       _In_ FILTER_VOLUME_INFORMATION_CLASS InformationClass,
                                       _Out_opt_ PVOID Buffer, _In_ ULONG BufferSize,
                                       _Out_ PULONG BytesReturned);
NTSTATUS FltGetFileSystemType(_In_ PVOID FltObject, _Out_ PFLT_FILESYSTEM_TYPE FileSystemType);
NTSTATUS FltIsVolumeWritable(_In_ PVOID FltObject, _Out_ PBOOLEAN IsWritable);
NTSTATUS FltIsVolumeSnapshot(_In_ PVOID FltObject, _Out_ PBOOLEAN IsSnapshotVolume);
NTSTATUS FltQueryVolumeInformation(_In_ PFLT_INSTANCE Instance, _Out_ PIO_STATUS_BLOCK Iosb,
                                   _Out_ PVOID FsInformation, _In_ ULONG Length,
                                   _In_ FS_INFORMATION_CLASS FsInformationClass);
NTSTATUS FltSetVolumeInformation(_In_ PFLT_INSTANCE Instance, _Out_ PIO_STATUS_BLOCK Iosb,
                                 _Out_ PVOID FsInformation, _In_ ULONG Length,
                                 _In_ FS_INFORMATION_CLASS FsInformationClass);
NTSTATUS FltOpenVolume(_In_ PFLT_INSTANCE Instance, _Out_ PHANDLE VolumeHandle,
                       _Outptr_opt_ PFILE_OBJECT *VolumeFileObject);
NTSTATUS FltCreateSystemVolumeInformationFolder(_In_ PFLT_INSTANCE Instance);

FLTSIM_WDK_END

#endif
