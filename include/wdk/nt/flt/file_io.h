// Operations a minifilter issues on a file object: they are seen by those below it only.
#ifndef FLTSIM_WDK_NT_FLT_FILE_IO_H
#define FLTSIM_WDK_NT_FLT_FILE_IO_H

#include "../begin.h"
#include "../io.h"
#include "../mm.h"
#include "../types.h"
#include "callback_data.h"
#include "registration.h"
#include "types.h"

FLTSIM_WDK_BEGIN

typedef ULONG FLT_IO_OPERATION_FLAGS;
#define FLTFL_IO_OPERATION_NON_CACHED 0x00000001
#define FLTFL_IO_OPERATION_PAGING 0x00000002
#define FLTFL_IO_OPERATION_DO_NOT_UPDATE_BYTE_OFFSET 0x00000004
#define FLTFL_IO_OPERATION_SYNCHRONOUS_PAGING 0x00000008

#define FLT_FLUSH_TYPE_FLUSH_AND_PURGE 0x00000001
#define FLT_FLUSH_TYPE_FILE_DATA_ONLY 0x00000002
#define FLT_FLUSH_TYPE_NO_SYNC 0x00000004
#define FLT_FLUSH_TYPE_DATA_SYNC_ONLY 0x00000008

typedef VOID(FLTAPI *PFLT_COMPLETED_ASYNC_IO_CALLBACK)(_In_ PFLT_CALLBACK_DATA CallbackData,
                                                       _In_ PFLT_CONTEXT Context);

// Reads; seen by those below only. With a callback it returns STATUS_PENDING or the result, and
// the callback comes once, at <= DISPATCH_LEVEL. The buffer is in system space; non-cached I/O
// needs sector alignment. IRQL PASSIVE_LEVEL.
NTSTATUS FltReadFile(_In_ PFLT_INSTANCE InitiatingInstance, _In_ PFILE_OBJECT FileObject,
                     _In_opt_ PLARGE_INTEGER ByteOffset, _In_ ULONG Length, _Out_ PVOID Buffer,
                     _In_ FLT_IO_OPERATION_FLAGS Flags, _Out_opt_ PULONG BytesRead,
                     _In_opt_ PFLT_COMPLETED_ASYNC_IO_CALLBACK CallbackRoutine,
                     _In_opt_ PVOID CallbackContext);

// As FltReadFile, with a lock key and an MDL. IRQL PASSIVE_LEVEL.
NTSTATUS FltReadFileEx(_In_ PFLT_INSTANCE InitiatingInstance, _In_ PFILE_OBJECT FileObject,
                       _In_opt_ PLARGE_INTEGER ByteOffset, _In_ ULONG Length,
                       _Out_opt_ PVOID Buffer, _In_ FLT_IO_OPERATION_FLAGS Flags,
                       _Out_opt_ PULONG BytesRead,
                       _In_opt_ PFLT_COMPLETED_ASYNC_IO_CALLBACK CallbackRoutine,
                       _In_opt_ PVOID CallbackContext, _In_opt_ PULONG Key, _In_opt_ PMDL Mdl);

// Writes; as FltReadFile. IRQL PASSIVE_LEVEL.
NTSTATUS FltWriteFile(_In_ PFLT_INSTANCE InitiatingInstance, _In_ PFILE_OBJECT FileObject,
                      _In_opt_ PLARGE_INTEGER ByteOffset, _In_ ULONG Length, _In_ PVOID Buffer,
                      _In_ FLT_IO_OPERATION_FLAGS Flags, _Out_opt_ PULONG BytesWritten,
                      _In_opt_ PFLT_COMPLETED_ASYNC_IO_CALLBACK CallbackRoutine,
                      _In_opt_ PVOID CallbackContext);

// As FltWriteFile, with a lock key and an MDL. IRQL PASSIVE_LEVEL.
NTSTATUS FltWriteFileEx(_In_ PFLT_INSTANCE InitiatingInstance, _In_ PFILE_OBJECT FileObject,
                        _In_opt_ PLARGE_INTEGER ByteOffset, _In_ ULONG Length,
                        _In_opt_ PVOID Buffer, _In_ FLT_IO_OPERATION_FLAGS Flags,
                        _Out_opt_ PULONG BytesWritten,
                        _In_opt_ PFLT_COMPLETED_ASYNC_IO_CALLBACK CallbackRoutine,
                        _In_opt_ PVOID CallbackContext, _In_opt_ PULONG Key, _In_opt_ PMDL Mdl);

// MDLs of the cached data; FALSE: take the slow way. FltFastIoMdlReadComplete gives them back.
// IRQL <= APC_LEVEL.
BOOLEAN FltFastIoMdlRead(_In_ PFLT_INSTANCE InitiatingInstance, _In_ PFILE_OBJECT FileObject,
                         _In_ PLARGE_INTEGER FileOffset, _In_ ULONG Length, _In_ ULONG LockKey,
                         _Outptr_ PMDL *MdlChain, _Out_ PIO_STATUS_BLOCK IoStatus);

// Gives back what FltFastIoMdlRead gave. IRQL PASSIVE_LEVEL.
BOOLEAN FltFastIoMdlReadComplete(_In_ PFLT_INSTANCE InitiatingInstance,
                                 _In_ PFILE_OBJECT FileObject, _In_ PMDL MdlChain);

// MDLs to write cached data into. FltFastIoMdlWriteComplete gives them back. IRQL <= APC_LEVEL.
BOOLEAN FltFastIoPrepareMdlWrite(_In_ PFLT_INSTANCE InitiatingInstance,
                                 _In_ PFILE_OBJECT FileObject, _In_ PLARGE_INTEGER FileOffset,
                                 _In_ ULONG Length, _In_ ULONG LockKey, _Outptr_ PMDL *MdlChain,
                                 _Out_ PIO_STATUS_BLOCK IoStatus);

// Gives back what FltFastIoPrepareMdlWrite gave: the data are written. IRQL PASSIVE_LEVEL.
BOOLEAN FltFastIoMdlWriteComplete(_In_ PFLT_INSTANCE InitiatingInstance,
                                  _In_ PFILE_OBJECT FileObject, _In_ PLARGE_INTEGER FileOffset,
                                  _In_ PMDL MdlChain);

// Asks those below about a file object that is open. IRQL PASSIVE_LEVEL. STATUS_VOLUME_DISMOUNTED.
NTSTATUS FltQueryInformationFile(_In_ PFLT_INSTANCE Instance, _In_ PFILE_OBJECT FileObject,
                                 _Out_ PVOID FileInformation, _In_ ULONG Length,
                                 _In_ FILE_INFORMATION_CLASS FileInformationClass,
                                 _Out_opt_ PULONG LengthReturned);

// Sets it there. IRQL PASSIVE_LEVEL.
NTSTATUS FltSetInformationFile(_In_ PFLT_INSTANCE Instance, _In_ PFILE_OBJECT FileObject,
                               _In_ PVOID FileInformation, _In_ ULONG Length,
                               _In_ FILE_INFORMATION_CLASS FileInformationClass);

// Asks those below about the file object's volume. IRQL PASSIVE_LEVEL. STATUS_VOLUME_DISMOUNTED.
NTSTATUS FltQueryVolumeInformationFile(_In_ PFLT_INSTANCE Instance, _In_ PFILE_OBJECT FileObject,
                                       _Out_ PVOID FsInformation, _In_ ULONG Length,
                                       _In_ FS_INFORMATION_CLASS FsInformationClass,
                                       _Out_opt_ PULONG LengthReturned);

// Reads entries of a directory; the pattern of the first call stays with the file object. IRQL
// PASSIVE_LEVEL.
NTSTATUS FltQueryDirectoryFile(_In_ PFLT_INSTANCE Instance, _In_ PFILE_OBJECT FileObject,
                               _Out_ PVOID FileInformation, _In_ ULONG Length,
                               _In_ FILE_INFORMATION_CLASS FileInformationClass,
                               _In_ BOOLEAN ReturnSingleEntry, _In_opt_ PUNICODE_STRING FileName,
                               _In_ BOOLEAN RestartScan, _Out_opt_ PULONG LengthReturned);

// Likewise, with flags.
NTSTATUS FltQueryDirectoryFileEx(_In_ PFLT_INSTANCE Instance, _In_ PFILE_OBJECT FileObject,
                                 _Out_ PVOID FileInformation, _In_ ULONG Length,
                                 _In_ FILE_INFORMATION_CLASS FileInformationClass,
                                 _In_ ULONG QueryFlags, _In_opt_ PUNICODE_STRING FileName,
                                 _Out_opt_ PULONG LengthReturned);

// Reads extended attributes. IRQL PASSIVE_LEVEL. STATUS_EAS_NOT_SUPPORTED,
// STATUS_FLT_DELETING_OBJECT, STATUS_INSUFFICIENT_RESOURCES.
NTSTATUS FltQueryEaFile(_In_ PFLT_INSTANCE Instance, _In_ PFILE_OBJECT FileObject,
                        _Out_ PVOID ReturnedEaData, _In_ ULONG Length,
                        _In_ BOOLEAN ReturnSingleEntry, _In_opt_ PVOID EaList,
                        _In_ ULONG EaListLength, _In_opt_ PULONG EaIndex, _In_ BOOLEAN RestartScan,
                        _Out_opt_ PULONG LengthReturned);

// Sets them. IRQL PASSIVE_LEVEL. STATUS_FLT_DELETING_OBJECT.
NTSTATUS FltSetEaFile(_In_ PFLT_INSTANCE Instance, _In_ PFILE_OBJECT FileObject,
                      _In_ PVOID EaBuffer, _In_ ULONG Length);

// Reads quota entries. IRQL PASSIVE_LEVEL. STATUS_FLT_DELETING_OBJECT.
NTSTATUS FltQueryQuotaInformationFile(_In_ PFLT_INSTANCE Instance, _In_ PFILE_OBJECT FileObject,
                                      _Out_ PIO_STATUS_BLOCK IoStatusBlock, _Out_ PVOID Buffer,
                                      _In_ ULONG Length, _In_ BOOLEAN ReturnSingleEntry,
                                      _In_opt_ PVOID SidList, _In_ ULONG SidListLength,
                                      _In_opt_ PSID StartSid, _In_ BOOLEAN RestartScan,
                                      _Out_opt_ PULONG LengthReturned);

// Sets them. IRQL PASSIVE_LEVEL. STATUS_FLT_DELETING_OBJECT.
NTSTATUS FltSetQuotaInformationFile(_In_ PFLT_INSTANCE Instance, _In_ PFILE_OBJECT FileObject,
                                    _In_ PVOID Buffer, _In_ ULONG Length);

// Reads the security descriptor; STATUS_BUFFER_TOO_SMALL or STATUS_BUFFER_OVERFLOW with
// *LengthNeeded. IRQL PASSIVE_LEVEL. Also STATUS_ACCESS_DENIED.
NTSTATUS FltQuerySecurityObject(_In_ PFLT_INSTANCE Instance, _In_ PFILE_OBJECT FileObject,
                                _In_ SECURITY_INFORMATION SecurityInformation,
                                _Inout_opt_ PSECURITY_DESCRIPTOR SecurityDescriptor,
                                _In_ ULONG Length, _Out_opt_ PULONG LengthNeeded);

// Sets it. IRQL PASSIVE_LEVEL. STATUS_ACCESS_DENIED, STATUS_ACCESS_VIOLATION,
// STATUS_INSUFFICIENT_RESOURCES, STATUS_INVALID_ACL, STATUS_INVALID_SECURITY_DESCR,
// STATUS_INVALID_SID, STATUS_UNKNOWN_REVISION, STATUS_NOT_IMPLEMENTED.
NTSTATUS FltSetSecurityObject(_In_ PFLT_INSTANCE Instance, _In_ PFILE_OBJECT FileObject,
                              _In_ SECURITY_INFORMATION SecurityInformation,
                              _In_ PSECURITY_DESCRIPTOR SecurityDescriptor);

// Flushes the file, or the volume for a volume handle. IRQL PASSIVE_LEVEL.
// STATUS_MEDIA_WRITE_PROTECTED, STATUS_VOLUME_DISMOUNTED.
NTSTATUS FltFlushBuffers(_In_ PFLT_INSTANCE Instance, _In_ PFILE_OBJECT FileObject);

// Likewise, of a type; the flush belongs to the given operation. STATUS_MEDIA_WRITE_PROTECTED,
// STATUS_VOLUME_DISMOUNTED.
NTSTATUS FltFlushBuffers2(_In_ PFLT_INSTANCE Instance, _In_ PFILE_OBJECT FileObject,
                          _In_ ULONG FlushType, _In_opt_ PFLT_CALLBACK_DATA CallbackData);

// Sends a file system control to those below. IRQL PASSIVE_LEVEL.
NTSTATUS FltFsControlFile(_In_ PFLT_INSTANCE Instance, _In_ PFILE_OBJECT FileObject,
                          _In_ ULONG FsControlCode, _In_opt_ PVOID InputBuffer,
                          _In_ ULONG InputBufferLength, _Out_opt_ PVOID OutputBuffer,
                          _In_ ULONG OutputBufferLength, _Out_opt_ PULONG LengthReturned);

// Sends a device control. IRQL PASSIVE_LEVEL.
NTSTATUS FltDeviceIoControlFile(_In_ PFLT_INSTANCE Instance, _In_ PFILE_OBJECT FileObject,
                                _In_ ULONG IoControlCode, _In_opt_ PVOID InputBuffer,
                                _In_ ULONG InputBufferLength, _Out_opt_ PVOID OutputBuffer,
                                _In_ ULONG OutputBufferLength, _Out_opt_ PULONG LengthReturned);

// Whether the file object has a directory open. Asks the file system: not for one that is not open
// yet. IRQL <= APC_LEVEL. STATUS_NOT_SUPPORTED.
NTSTATUS FltIsDirectory(_In_ PFILE_OBJECT FileObject, _In_ PFLT_INSTANCE Instance,
                        _Out_ PBOOLEAN IsDirectory);

#define FLT_ALLOCATE_CALLBACK_DATA_PREALLOCATE_ALL_MEMORY 0x00000001
typedef ULONG FLT_ALLOCATE_CALLBACK_DATA_FLAGS;

// A callback data for an operation of the caller's own, to be sent below the instance. The caller
// fills in Iopb; FltFreeCallbackData. IRQL <= APC_LEVEL. STATUS_INSUFFICIENT_RESOURCES.
NTSTATUS FltAllocateCallbackData(_In_ PFLT_INSTANCE Instance, _In_opt_ PFILE_OBJECT FileObject,
                                 _Outptr_ PFLT_CALLBACK_DATA *RetNewCallbackData);

// Likewise; PREALLOCATE_ALL_MEMORY makes sending it fail for no want of memory. IRQL <= APC_LEVEL.
// STATUS_INSUFFICIENT_RESOURCES.
NTSTATUS FltAllocateCallbackDataEx(_In_ PFLT_INSTANCE Instance, _In_opt_ PFILE_OBJECT FileObject,
                                   _In_ FLT_ALLOCATE_CALLBACK_DATA_FLAGS Flags,
                                   _Outptr_ PFLT_CALLBACK_DATA *RetNewCallbackData);

// Makes it new, keeping instance and file object, after its operation has completed. IRQL <=
// APC_LEVEL.
VOID FltReuseCallbackData(_Inout_ PFLT_CALLBACK_DATA CallbackData);

// Frees it: not while its operation is under way. IRQL <= DISPATCH_LEVEL.
VOID FltFreeCallbackData(_In_ PFLT_CALLBACK_DATA CallbackData);

// Sends the operation to those below and waits. The result is in IoStatus. Not with APCs disabled,
// except for paging I/O. IRQL <= APC_LEVEL.
VOID FltPerformSynchronousIo(_Inout_ PFLT_CALLBACK_DATA CallbackData);

// Sends it without waiting; the callback comes exactly once, possibly before this returns.
// STATUS_FLT_INVALID_ASYNCHRONOUS_REQUEST, STATUS_PENDING, STATUS_FLT_IO_COMPLETE.
NTSTATUS FltPerformAsynchronousIo(_Inout_ PFLT_CALLBACK_DATA CallbackData,
                                  _In_ PFLT_COMPLETED_ASYNC_IO_CALLBACK CallbackRoutine,
                                  _In_ PVOID CallbackContext);

// From a post-callback of a synchronous operation: sends it down again, with changed parameters if
// they were marked dirty. IRQL <= APC_LEVEL (non-paging IO can only be reissued at PASSIVE_LEVEL).
VOID FltReissueSynchronousIo(_In_ PFLT_INSTANCE InitiatingInstance,
                             _In_ PFLT_CALLBACK_DATA CallbackData);

FLTSIM_WDK_END

#endif
