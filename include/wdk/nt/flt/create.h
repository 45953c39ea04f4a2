// Opening files from a minifilter.
#ifndef FLTSIM_WDK_NT_FLT_CREATE_H
#define FLTSIM_WDK_NT_FLT_CREATE_H

#include "../begin.h"
#include "../io.h"
#include "../types.h"
#include "callback_data.h"
#include "types.h"

FLTSIM_WDK_BEGIN

// Opens a file; seen by those below the instance only, by all for NULL. FltClose the handle.
// OBJ_KERNEL_HANDLE outside of a system process. Not with APCs disabled, not with a top-level IRP
// set (create-top-level-irp); creates for all from a create callback end in create-recursion.
// IRQL PASSIVE_LEVEL. STATUS_FLT_DELETING_OBJECT, STATUS_INVALID_DEVICE_OBJECT_PARAMETER,
// STATUS_MOUNT_POINT_NOT_RESOLVED, STATUS_OBJECT_PATH_SYNTAX_BAD, STATUS_STOPPED_ON_SYMLINK,
// STATUS_FILE_LOCK_CONFLICT, STATUS_BLOCK.
NTSTATUS FltCreateFile(_In_ PFLT_FILTER Filter, _In_opt_ PFLT_INSTANCE Instance,
                       _Out_ PHANDLE FileHandle, _In_ ACCESS_MASK DesiredAccess,
                       _In_ POBJECT_ATTRIBUTES ObjectAttributes,
                       _Out_ PIO_STATUS_BLOCK IoStatusBlock, _In_opt_ PLARGE_INTEGER AllocationSize,
                       _In_ ULONG FileAttributes, _In_ ULONG ShareAccess,
                       _In_ ULONG CreateDisposition, _In_ ULONG CreateOptions,
                       _In_opt_ PVOID EaBuffer, _In_ ULONG EaLength, _In_ ULONG Flags);

// As FltCreateFile; *FileObject is referenced too, and is NULL on error. IRQL PASSIVE_LEVEL.
// STATUS_FILE_LOCK_CONFLICT, STATUS_BLOCK.
NTSTATUS FltCreateFileEx(_In_ PFLT_FILTER Filter, _In_opt_ PFLT_INSTANCE Instance,
                         _Out_ PHANDLE FileHandle, _Outptr_opt_ PFILE_OBJECT *FileObject,
                         _In_ ACCESS_MASK DesiredAccess, _In_ POBJECT_ATTRIBUTES ObjectAttributes,
                         _Out_ PIO_STATUS_BLOCK IoStatusBlock,
                         _In_opt_ PLARGE_INTEGER AllocationSize, _In_ ULONG FileAttributes,
                         _In_ ULONG ShareAccess, _In_ ULONG CreateDisposition,
                         _In_ ULONG CreateOptions, _In_opt_ PVOID EaBuffer, _In_ ULONG EaLength,
                         _In_ ULONG Flags);

// As FltCreateFileEx, with a transaction, ECPs or a device hint. The ECP list stays the caller's.
// With an FLT_CREATEFILE_TARGET_ECP_CONTEXT on it, a name that leads to another volume is followed
// below the filter's instance there, or the ECP tells where it leads.
// IRQL PASSIVE_LEVEL. STATUS_FILE_LOCK_CONFLICT, STATUS_BLOCK.
NTSTATUS FltCreateFileEx2(_In_ PFLT_FILTER Filter, _In_opt_ PFLT_INSTANCE Instance,
                          _Out_ PHANDLE FileHandle, _Outptr_opt_ PFILE_OBJECT *FileObject,
                          _In_ ACCESS_MASK DesiredAccess, _In_ POBJECT_ATTRIBUTES ObjectAttributes,
                          _Out_ PIO_STATUS_BLOCK IoStatusBlock,
                          _In_opt_ PLARGE_INTEGER AllocationSize, _In_ ULONG FileAttributes,
                          _In_ ULONG ShareAccess, _In_ ULONG CreateDisposition,
                          _In_ ULONG CreateOptions, _In_opt_ PVOID EaBuffer, _In_ ULONG EaLength,
                          _In_ ULONG Flags, _In_opt_ PIO_DRIVER_CREATE_CONTEXT DriverContext);

// Makes or opens a named pipe below the instance. IRQL PASSIVE_LEVEL. STATUS_FLT_DELETING_OBJECT,
// STATUS_OBJECT_PATH_SYNTAX_BAD.
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

// Makes or opens a mailslot below the instance. IRQL PASSIVE_LEVEL. STATUS_FLT_DELETING_OBJECT,
// STATUS_OBJECT_PATH_SYNTAX_BAD.
NTSTATUS FltCreateMailslotFile(_In_ PFLT_FILTER Filter, _In_opt_ PFLT_INSTANCE Instance,
                               _Out_ PHANDLE FileHandle, _Outptr_opt_ PFILE_OBJECT *FileObject,
                               _In_ ULONG DesiredAccess, _In_ POBJECT_ATTRIBUTES ObjectAttributes,
                               _Out_ PIO_STATUS_BLOCK IoStatusBlock, _In_ ULONG CreateOptions,
                               _In_ ULONG MailslotQuota, _In_ ULONG MaximumMessageSize,
                               _In_ PLARGE_INTEGER ReadTimeout,
                               _In_opt_ PIO_DRIVER_CREATE_CONTEXT DriverContext);

// Closes a handle that FltCreateFile and its like gave. IRQL PASSIVE_LEVEL. STATUS_INVALID_HANDLE.
NTSTATUS FltClose(_In_ HANDLE FileHandle);

// In a post-create that succeeded: undoes the open, sending cleanup and close to those below. The
// caller then sets IoStatus to a failure. Not for a file object that a handle was made for. IRQL
// PASSIVE_LEVEL.
VOID FltCancelFileOpen(_In_ PFLT_INSTANCE Instance, _In_ PFILE_OBJECT FileObject);

// Asks about a file by its name, without opening it, in one go or by a create, a query and a close: as
// ZwQueryInformationByName, also FileCaseSensitiveInformationForceAccessCheck. With an instance it is aimed below, as a
// create. IRQL PASSIVE_LEVEL. STATUS_INVALID_PARAMETER, STATUS_INFO_LENGTH_MISMATCH.
NTSTATUS FltQueryInformationByName(_In_ PFLT_FILTER Filter, _In_opt_ PFLT_INSTANCE Instance,
                                   _In_ POBJECT_ATTRIBUTES ObjectAttributes,
                                   _Out_ PIO_STATUS_BLOCK IoStatusBlock,
                                   _Out_ PVOID FileInformation, _In_ ULONG Length,
                                   _In_ FILE_INFORMATION_CLASS FileInformationClass,
                                   _In_opt_ PIO_DRIVER_CREATE_CONTEXT DriverContext);

// Sets a reparse point on the file, in the file system's format for the tag. IRQL PASSIVE_LEVEL.
// STATUS_INSUFFICIENT_RESOURCES, STATUS_INVALID_DEVICE_REQUEST, STATUS_INVALID_PARAMETER,
// STATUS_IO_REPARSE_TAG_MISMATCH, STATUS_REPARSE_ATTRIBUTE_CONFLICT.
NTSTATUS FltTagFile(_In_ PFLT_INSTANCE InitiatingInstance, _In_ PFILE_OBJECT FileObject,
                    _In_ ULONG FileTag, _In_opt_ GUID *Guid, _In_ PVOID DataBuffer,
                    _In_ USHORT DataBufferLength);

// Likewise, in the place of the existing tag; 0: the file has none. Flags: REPARSE_DATA_EX_FLAG_GIVEN_TAG_OR_NONE.
// STATUS_IO_REPARSE_TAG_MISMATCH, STATUS_REPARSE_ATTRIBUTE_CONFLICT, STATUS_NOT_A_REPARSE_POINT.
NTSTATUS FltTagFileEx(_In_ PFLT_INSTANCE InitiatingInstance, _In_ PFILE_OBJECT FileObject,
                      _In_ ULONG FileTag, _In_opt_ GUID *Guid, _In_ PVOID DataBuffer,
                      _In_ USHORT DataBufferLength, _In_ ULONG ExistingFileTag,
                      _In_opt_ GUID *ExistingGuid, _In_ ULONG Flags);

// Removes a reparse point of that tag. IRQL PASSIVE_LEVEL. STATUS_IO_REPARSE_TAG_MISMATCH,
// STATUS_REPARSE_ATTRIBUTE_CONFLICT.
NTSTATUS FltUntagFile(_In_ PFLT_INSTANCE InitiatingInstance, _In_ PFILE_OBJECT FileObject,
                      _In_ ULONG FileTag, _In_opt_ GUID *Guid);

FLTSIM_WDK_END

#endif
