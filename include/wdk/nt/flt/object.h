// Filters, instances and volumes: referencing, finding, attaching, enumerating.
#ifndef FLTSIM_WDK_NT_FLT_OBJECT_H
#define FLTSIM_WDK_NT_FLT_OBJECT_H

#include "../begin.h"
#include "../io.h"
#include "../types.h"
#include "types.h"
#include "user_structures.h"

FLTSIM_WDK_BEGIN

NTSTATUS FltObjectReference(_Inout_ PVOID FltObject);
VOID FltObjectDereference(_Inout_ PVOID FltObject);

NTSTATUS FltGetFilterFromName(_In_ PCUNICODE_STRING FilterName, _Outptr_ PFLT_FILTER *RetFilter);
NTSTATUS FltGetFilterFromInstance(_In_ PFLT_INSTANCE Instance, _Outptr_ PFLT_FILTER *RetFilter);
NTSTATUS FltGetFilterInformation(_In_ PFLT_FILTER Filter,
                                 _In_ FILTER_INFORMATION_CLASS InformationClass,
                                 _Out_opt_ PVOID Buffer, _In_ ULONG BufferSize,
                                 _Out_ PULONG BytesReturned);
NTSTATUS FltEnumerateFilters(_Out_opt_ PFLT_FILTER *FilterList, _In_ ULONG FilterListSize,
                             _Out_ PULONG NumberFiltersReturned);
NTSTATUS FltEnumerateFilterInformation(_In_ ULONG Index,
                                       _In_ FILTER_INFORMATION_CLASS InformationClass,
                                       _Out_opt_ PVOID Buffer, _In_ ULONG BufferSize,
                                       _Out_ PULONG BytesReturned);

NTSTATUS FltAttachVolume(_Inout_ PFLT_FILTER Filter, _Inout_ PFLT_VOLUME Volume,
                         _In_opt_ PCUNICODE_STRING InstanceName,
                         _Outptr_opt_ PFLT_INSTANCE *RetInstance);
NTSTATUS FltAttachVolumeAtAltitude(_Inout_ PFLT_FILTER Filter, _Inout_ PFLT_VOLUME Volume,
                                   _In_ PCUNICODE_STRING Altitude,
                                   _In_opt_ PCUNICODE_STRING InstanceName,
                                   _Outptr_opt_ PFLT_INSTANCE *RetInstance);
NTSTATUS FltDetachVolume(_Inout_ PFLT_FILTER Filter, _Inout_ PFLT_VOLUME Volume,
                         _In_opt_ PCUNICODE_STRING InstanceName);

NTSTATUS FltGetInstanceInformation(_In_ PFLT_INSTANCE Instance,
                                   _In_ INSTANCE_INFORMATION_CLASS InformationClass,
                                   _Out_opt_ PVOID Buffer, _In_ ULONG BufferSize,
                                   _Out_ PULONG BytesReturned);
NTSTATUS FltEnumerateInstances(_In_opt_ PFLT_VOLUME Volume, _In_opt_ PFLT_FILTER Filter,
                               _Out_opt_ PFLT_INSTANCE *InstanceList, _In_ ULONG InstanceListSize,
                               _Out_ PULONG NumberInstancesReturned);
NTSTATUS FltEnumerateInstanceInformationByFilter(_In_ PFLT_FILTER Filter, _In_ ULONG Index,
                                                 _In_ INSTANCE_INFORMATION_CLASS InformationClass,
                                                 _Out_opt_ PVOID Buffer, _In_ ULONG BufferSize,
                                                 _Out_ PULONG BytesReturned);
NTSTATUS FltEnumerateInstanceInformationByVolume(_In_ PFLT_VOLUME Volume, _In_ ULONG Index,
                                                 _In_ INSTANCE_INFORMATION_CLASS InformationClass,
                                                 _Out_opt_ PVOID Buffer, _In_ ULONG BufferSize,
                                                 _Out_ PULONG BytesReturned);
NTSTATUS
FltEnumerateInstanceInformationByVolumeName(_In_ PUNICODE_STRING VolumeName, _In_ ULONG Index,
                                            _In_ INSTANCE_INFORMATION_CLASS InformationClass,
                                            _Out_opt_ PVOID Buffer, _In_ ULONG BufferSize,
                                            _Out_ PULONG BytesReturned);
NTSTATUS
FltEnumerateInstanceInformationByDeviceObject(_In_ PDEVICE_OBJECT DeviceObject, _In_ ULONG Index,
                                              _In_ INSTANCE_INFORMATION_CLASS InformationClass,
                                              _Out_opt_ PVOID Buffer, _In_ ULONG BufferSize,
                                              _Out_ PULONG BytesReturned);
LONG FltCompareInstanceAltitudes(_In_ PFLT_INSTANCE Instance1, _In_ PFLT_INSTANCE Instance2);
NTSTATUS FltGetTopInstance(_In_ PFLT_VOLUME Volume, _Outptr_ PFLT_INSTANCE *Instance);
NTSTATUS FltGetBottomInstance(_In_ PFLT_VOLUME Volume, _Outptr_ PFLT_INSTANCE *Instance);
NTSTATUS FltGetUpperInstance(_In_ PFLT_INSTANCE CurrentInstance,
                             _Outptr_ PFLT_INSTANCE *UpperInstance);
NTSTATUS FltGetLowerInstance(_In_ PFLT_INSTANCE CurrentInstance,
                             _Outptr_ PFLT_INSTANCE *LowerInstance);

NTSTATUS FltIsIoRedirectionAllowed(_In_ PFLT_INSTANCE SourceInstance,
                                   _In_ PFLT_INSTANCE TargetInstance,
                                   _Out_ PBOOLEAN RedirectionAllowed);
NTSTATUS FltIsIoRedirectionAllowedForOperation(_In_ PFLT_CALLBACK_DATA Data,
                                               _In_ PFLT_INSTANCE TargetInstance,
                                               _Out_ PBOOLEAN RedirectionAllowedThisIo,
                                               _Out_opt_ PBOOLEAN RedirectionAllowedAllIo);
NTSTATUS FltAdjustDeviceStackSizeForIoRedirection(_In_ PFLT_INSTANCE SourceInstance,
                                                  _In_ PFLT_INSTANCE TargetInstance,
                                                  _Out_opt_ PBOOLEAN SourceDeviceStackSizeModified);

FLTSIM_WDK_END

#endif
