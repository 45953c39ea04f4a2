// Filters, instances and volumes: referencing, finding, attaching, enumerating.
#ifndef FLTSIM_WDK_NT_FLT_OBJECT_H
#define FLTSIM_WDK_NT_FLT_OBJECT_H

#include "../begin.h"
#include "../io.h"
#include "../types.h"
#include "types.h"
#include "user_structures.h"

FLTSIM_WDK_BEGIN

// Adds a rundown reference to a filter, an instance or a volume; refuses once it is being taken
// down. Holds off the unload: give it back soon, with FltObjectDereference. IRQL <=
// DISPATCH_LEVEL. STATUS_FLT_DELETING_OBJECT.
NTSTATUS FltObjectReference(_Inout_ PVOID FltObject);

// Gives back a reference of FltObjectReference or of a routine that returned an object. IRQL <=
// DISPATCH_LEVEL.
VOID FltObjectDereference(_Inout_ PVOID FltObject);

// The filter of that service name, referenced: FltObjectDereference. IRQL <= APC_LEVEL.
// STATUS_FLT_DELETING_OBJECT, STATUS_FLT_FILTER_NOT_FOUND.
NTSTATUS FltGetFilterFromName(_In_ PCUNICODE_STRING FilterName, _Outptr_ PFLT_FILTER *RetFilter);

// The instance's filter, referenced. IRQL <= APC_LEVEL. STATUS_FLT_DELETING_OBJECT.
NTSTATUS FltGetFilterFromInstance(_In_ PFLT_INSTANCE Instance, _Outptr_ PFLT_FILTER *RetFilter);

// One structure of the class. Too small a buffer: STATUS_BUFFER_TOO_SMALL, nothing fits, or
// STATUS_BUFFER_OVERFLOW, truncated; *BytesReturned is what it takes. IRQL <= APC_LEVEL. Also
// STATUS_INVALID_PARAMETER.
NTSTATUS FltGetFilterInformation(_In_ PFLT_FILTER Filter,
                                 _In_ FILTER_INFORMATION_CLASS InformationClass,
                                 _Out_opt_ PVOID Buffer, _In_ ULONG BufferSize,
                                 _Out_ PULONG BytesReturned);

// All filters, each referenced. With too small a list STATUS_BUFFER_TOO_SMALL, the number, and no
// references. IRQL <= APC_LEVEL.
NTSTATUS FltEnumerateFilters(_Out_opt_ PFLT_FILTER *FilterList, _In_ ULONG FilterListSize,
                             _Out_ PULONG NumberFiltersReturned);

// The Index'th filter's information; STATUS_NO_MORE_ENTRIES past the last. IRQL <= APC_LEVEL. Also
// STATUS_BUFFER_TOO_SMALL, STATUS_FLT_DELETING_OBJECT, STATUS_INVALID_PARAMETER.
NTSTATUS FltEnumerateFilterInformation(_In_ ULONG Index,
                                       _In_ FILTER_INFORMATION_CLASS InformationClass,
                                       _Out_opt_ PVOID Buffer, _In_ ULONG BufferSize,
                                       _Out_ PULONG BytesReturned);

// Attaches at the altitude of the named instance, or of the default one. InstanceSetupCallback may
// refuse. *RetInstance is referenced. IRQL PASSIVE_LEVEL. STATUS_FLT_DELETING_OBJECT,
// STATUS_FLT_FILTER_NOT_READY, STATUS_FLT_INSTANCE_NAME_COLLISION, STATUS_INSUFFICIENT_RESOURCES,
// STATUS_OBJECT_NAME_COLLISION.
NTSTATUS FltAttachVolume(_Inout_ PFLT_FILTER Filter, _Inout_ PFLT_VOLUME Volume,
                         _In_opt_ PCUNICODE_STRING InstanceName,
                         _Outptr_opt_ PFLT_INSTANCE *RetInstance);

// Attaches at any altitude, for tests. As FltAttachVolume otherwise. IRQL PASSIVE_LEVEL.
// STATUS_FLT_DELETING_OBJECT, STATUS_FLT_FILTER_NOT_READY, STATUS_FLT_INSTANCE_ALTITUDE_COLLISION,
// STATUS_FLT_INSTANCE_NAME_COLLISION, STATUS_INSUFFICIENT_RESOURCES, STATUS_INVALID_PARAMETER.
NTSTATUS FltAttachVolumeAtAltitude(_Inout_ PFLT_FILTER Filter, _Inout_ PFLT_VOLUME Volume,
                                   _In_ PCUNICODE_STRING Altitude,
                                   _In_opt_ PCUNICODE_STRING InstanceName,
                                   _Outptr_opt_ PFLT_INSTANCE *RetInstance);

// Takes the named instance, or the default one, away. InstanceQueryTeardownCallback may refuse;
// with none registered it is refused. IRQL <= APC_LEVEL. STATUS_FLT_DELETING_OBJECT,
// STATUS_FLT_INSTANCE_NOT_FOUND.
NTSTATUS FltDetachVolume(_Inout_ PFLT_FILTER Filter, _Inout_ PFLT_VOLUME Volume,
                         _In_opt_ PCUNICODE_STRING InstanceName);

// As FltGetFilterInformation, for an instance. IRQL <= APC_LEVEL. STATUS_BUFFER_TOO_SMALL,
// STATUS_INVALID_PARAMETER.
NTSTATUS FltGetInstanceInformation(_In_ PFLT_INSTANCE Instance,
                                   _In_ INSTANCE_INFORMATION_CLASS InformationClass,
                                   _Out_opt_ PVOID Buffer, _In_ ULONG BufferSize,
                                   _Out_ PULONG BytesReturned);

// Instances of a volume, a filter, both or all, each referenced. IRQL <= APC_LEVEL.
// STATUS_BUFFER_TOO_SMALL, STATUS_INVALID_PARAMETER.
NTSTATUS FltEnumerateInstances(_In_opt_ PFLT_VOLUME Volume, _In_opt_ PFLT_FILTER Filter,
                               _Out_opt_ PFLT_INSTANCE *InstanceList, _In_ ULONG InstanceListSize,
                               _Out_ PULONG NumberInstancesReturned);

// As FltEnumerateFilterInformation, for the instances of a filter. IRQL <= APC_LEVEL.
// STATUS_BUFFER_TOO_SMALL, STATUS_FLT_DELETING_OBJECT, STATUS_INVALID_PARAMETER,
// STATUS_NO_MORE_ENTRIES.
NTSTATUS FltEnumerateInstanceInformationByFilter(_In_ PFLT_FILTER Filter, _In_ ULONG Index,
                                                 _In_ INSTANCE_INFORMATION_CLASS InformationClass,
                                                 _Out_opt_ PVOID Buffer, _In_ ULONG BufferSize,
                                                 _Out_ PULONG BytesReturned);

// Likewise, of a volume. IRQL <= APC_LEVEL. STATUS_BUFFER_TOO_SMALL, STATUS_FLT_DELETING_OBJECT,
// STATUS_INVALID_PARAMETER, STATUS_NO_MORE_ENTRIES.
NTSTATUS FltEnumerateInstanceInformationByVolume(_In_ PFLT_VOLUME Volume, _In_ ULONG Index,
                                                 _In_ INSTANCE_INFORMATION_CLASS InformationClass,
                                                 _Out_opt_ PVOID Buffer, _In_ ULONG BufferSize,
                                                 _Out_ PULONG BytesReturned);

// Likewise, of a volume by its name. IRQL <= APC_LEVEL.
NTSTATUS
FltEnumerateInstanceInformationByVolumeName(_In_ PUNICODE_STRING VolumeName, _In_ ULONG Index,
                                            _In_ INSTANCE_INFORMATION_CLASS InformationClass,
                                            _Out_opt_ PVOID Buffer, _In_ ULONG BufferSize,
                                            _Out_ PULONG BytesReturned);

// Likewise, of the volume that a device object belongs to; legacy filters are listed too. IRQL <=
// APC_LEVEL.
NTSTATUS
FltEnumerateInstanceInformationByDeviceObject(_In_ PDEVICE_OBJECT DeviceObject, _In_ ULONG Index,
                                              _In_ INSTANCE_INFORMATION_CLASS InformationClass,
                                              _Out_opt_ PVOID Buffer, _In_ ULONG BufferSize,
                                              _Out_ PULONG BytesReturned);

// Negative, zero or positive as the first is lower than, as high as, or higher than the second.
// IRQL <= DISPATCH_LEVEL.
LONG FltCompareInstanceAltitudes(_In_ PFLT_INSTANCE Instance1, _In_ PFLT_INSTANCE Instance2);

// The highest instance of the volume, referenced. IRQL <= APC_LEVEL. STATUS_NO_MORE_ENTRIES.
NTSTATUS FltGetTopInstance(_In_ PFLT_VOLUME Volume, _Outptr_ PFLT_INSTANCE *Instance);

// The lowest, referenced. IRQL <= APC_LEVEL. STATUS_NO_MORE_ENTRIES.
NTSTATUS FltGetBottomInstance(_In_ PFLT_VOLUME Volume, _Outptr_ PFLT_INSTANCE *Instance);

// The next one above, referenced; STATUS_NO_MORE_ENTRIES at the top. IRQL <= APC_LEVEL.
NTSTATUS FltGetUpperInstance(_In_ PFLT_INSTANCE CurrentInstance,
                             _Outptr_ PFLT_INSTANCE *UpperInstance);

// The next one below, referenced; STATUS_NO_MORE_ENTRIES at the bottom. IRQL <= APC_LEVEL.
NTSTATUS FltGetLowerInstance(_In_ PFLT_INSTANCE CurrentInstance,
                             _Outptr_ PFLT_INSTANCE *LowerInstance);

// Whether operations may be sent from one instance's volume to another's. IRQL <= DISPATCH_LEVEL.
// STATUS_NOT_SUPPORTED.
NTSTATUS FltIsIoRedirectionAllowed(_In_ PFLT_INSTANCE SourceInstance,
                                   _In_ PFLT_INSTANCE TargetInstance,
                                   _Out_ PBOOLEAN RedirectionAllowed);

// Likewise, for this operation and, if asked, for all on its file object. IRQL <= DISPATCH_LEVEL.
// STATUS_NOT_SUPPORTED.
NTSTATUS FltIsIoRedirectionAllowedForOperation(_In_ PFLT_CALLBACK_DATA Data,
                                               _In_ PFLT_INSTANCE TargetInstance,
                                               _Out_ PBOOLEAN RedirectionAllowedThisIo,
                                               _Out_opt_ PBOOLEAN RedirectionAllowedAllIo);

// Makes the source's stack as deep as the target's, so that operations can be redirected. IRQL <=
// DISPATCH_LEVEL. STATUS_NOT_SUPPORTED, STATUS_INVALID_PARAMETER.
NTSTATUS FltAdjustDeviceStackSizeForIoRedirection(_In_ PFLT_INSTANCE SourceInstance,
                                                  _In_ PFLT_INSTANCE TargetInstance,
                                                  _Out_opt_ PBOOLEAN SourceDeviceStackSizeModified);

FLTSIM_WDK_END

#endif
