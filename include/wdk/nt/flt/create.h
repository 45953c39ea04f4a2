// Opening files from a minifilter.
#ifndef FLTSIM_WDK_NT_FLT_CREATE_H
#define FLTSIM_WDK_NT_FLT_CREATE_H

#include "../begin.h"
#include "../io.h"
#include "../types.h"
#include "callback_data.h"
#include "types.h"

FLTSIM_WDK_BEGIN

NTSTATUS FltCreateFile(_In_ PFLT_FILTER Filter, _In_opt_ PFLT_INSTANCE Instance,
                       _Out_ PHANDLE FileHandle, _In_ ACCESS_MASK DesiredAccess,
                       _In_ POBJECT_ATTRIBUTES ObjectAttributes,
                       _Out_ PIO_STATUS_BLOCK IoStatusBlock, _In_opt_ PLARGE_INTEGER AllocationSize,
                       _In_ ULONG FileAttributes, _In_ ULONG ShareAccess,
                       _In_ ULONG CreateDisposition, _In_ ULONG CreateOptions,
                       _In_opt_ PVOID EaBuffer, _In_ ULONG EaLength, _In_ ULONG Flags);
NTSTATUS FltCreateFileEx(_In_ PFLT_FILTER Filter, _In_opt_ PFLT_INSTANCE Instance,
                         _Out_ PHANDLE FileHandle, _Outptr_opt_ PFILE_OBJECT *FileObject,
                         _In_ ACCESS_MASK DesiredAccess, _In_ POBJECT_ATTRIBUTES ObjectAttributes,
                         _Out_ PIO_STATUS_BLOCK IoStatusBlock,
                         _In_opt_ PLARGE_INTEGER AllocationSize, _In_ ULONG FileAttributes,
                         _In_ ULONG ShareAccess, _In_ ULONG CreateDisposition,
                         _In_ ULONG CreateOptions, _In_opt_ PVOID EaBuffer, _In_ ULONG EaLength,
                         _In_ ULONG Flags);
NTSTATUS FltCreateFileEx2(_In_ PFLT_FILTER Filter, _In_opt_ PFLT_INSTANCE Instance,
                          _Out_ PHANDLE FileHandle, _Outptr_opt_ PFILE_OBJECT *FileObject,
                          _In_ ACCESS_MASK DesiredAccess, _In_ POBJECT_ATTRIBUTES ObjectAttributes,
                          _Out_ PIO_STATUS_BLOCK IoStatusBlock,
                          _In_opt_ PLARGE_INTEGER AllocationSize, _In_ ULONG FileAttributes,
                          _In_ ULONG ShareAccess, _In_ ULONG CreateDisposition,
                          _In_ ULONG CreateOptions, _In_opt_ PVOID EaBuffer, _In_ ULONG EaLength,
                          _In_ ULONG Flags, _In_opt_ PIO_DRIVER_CREATE_CONTEXT DriverContext);
NTSTATUS FltCreateNamedPipeFile(_In_ PFLT_FILTER Filter, _In_opt_ PFLT_INSTANCE Instance,
                                _Out_ PHANDLE FileHandle, _Outptr_opt_ PFILE_OBJECT *FileObject,
                                _In_ ULONG DesiredAccess, _In_ POBJECT_ATTRIBUTES ObjectAttributes,
                                _Out_ PIO_STATUS_BLOCK IoStatusBlock, _In_ ULONG ShareAccess,
                                _In_ ULONG CreateDisposition, _In_ ULONG CreateOptions,
                                _In_ ULONG NamedPipeType, _In_ ULONG ReadMode,
                                _In_ ULONG CompletionMode, _In_ ULONG MaximumInstances,
                                _In_ ULONG InboundQuota, _In_ ULONG OutboundQuota,
                                _In_opt_ PLARGE_INTEGER DefaultTimeout,
                                _In_opt_ PIO_DRIVER_CREATE_CONTEXT DriverContext);
NTSTATUS FltCreateMailslotFile(_In_ PFLT_FILTER Filter, _In_opt_ PFLT_INSTANCE Instance,
                               _Out_ PHANDLE FileHandle, _Outptr_opt_ PFILE_OBJECT *FileObject,
                               _In_ ULONG DesiredAccess, _In_ POBJECT_ATTRIBUTES ObjectAttributes,
                               _Out_ PIO_STATUS_BLOCK IoStatusBlock, _In_ ULONG CreateOptions,
                               _In_ ULONG MailslotQuota, _In_ ULONG MaximumMessageSize,
                               _In_ PLARGE_INTEGER ReadTimeout,
                               _In_opt_ PIO_DRIVER_CREATE_CONTEXT DriverContext);
NTSTATUS FltClose(_In_ HANDLE FileHandle);
VOID FltCancelFileOpen(_In_ PFLT_INSTANCE Instance, _In_ PFILE_OBJECT FileObject);
NTSTATUS FltQueryInformationByName(_In_ PFLT_FILTER Filter, _In_opt_ PFLT_INSTANCE Instance,
                                   _In_ POBJECT_ATTRIBUTES ObjectAttributes,
                                   _Out_ PIO_STATUS_BLOCK IoStatusBlock,
                                   _Out_ PVOID FileInformation, _In_ ULONG Length,
                                   _In_ FILE_INFORMATION_CLASS FileInformationClass,
                                   _In_opt_ PIO_DRIVER_CREATE_CONTEXT DriverContext);

NTSTATUS FltTagFile(_In_ PFLT_INSTANCE InitiatingInstance, _In_ PFILE_OBJECT FileObject,
                    _In_ ULONG FileTag, _In_opt_ GUID *Guid, _In_ PVOID DataBuffer,
                    _In_ USHORT DataBufferLength);
NTSTATUS FltTagFileEx(_In_ PFLT_INSTANCE InitiatingInstance, _In_ PFILE_OBJECT FileObject,
                      _In_ ULONG FileTag, _In_opt_ GUID *Guid, _In_ PVOID DataBuffer,
                      _In_ USHORT DataBufferLength, _In_ ULONG ExistingFileTag,
                      _In_opt_ GUID *ExistingGuid, _In_ ULONG Flags);
NTSTATUS FltUntagFile(_In_ PFLT_INSTANCE InitiatingInstance, _In_ PFILE_OBJECT FileObject,
                      _In_ ULONG FileTag, _In_opt_ GUID *Guid);

FLTSIM_WDK_END

#endif
