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

NTSTATUS FltReadFile(_In_ PFLT_INSTANCE InitiatingInstance, _In_ PFILE_OBJECT FileObject,
                     _In_opt_ PLARGE_INTEGER ByteOffset, _In_ ULONG Length, _Out_ PVOID Buffer,
                     _In_ FLT_IO_OPERATION_FLAGS Flags, _Out_opt_ PULONG BytesRead,
                     _In_opt_ PFLT_COMPLETED_ASYNC_IO_CALLBACK CallbackRoutine,
                     _In_opt_ PVOID CallbackContext);
NTSTATUS FltReadFileEx(_In_ PFLT_INSTANCE InitiatingInstance, _In_ PFILE_OBJECT FileObject,
                       _In_opt_ PLARGE_INTEGER ByteOffset, _In_ ULONG Length,
                       _Out_opt_ PVOID Buffer, _In_ FLT_IO_OPERATION_FLAGS Flags,
                       _Out_opt_ PULONG BytesRead,
                       _In_opt_ PFLT_COMPLETED_ASYNC_IO_CALLBACK CallbackRoutine,
                       _In_opt_ PVOID CallbackContext, _In_opt_ PULONG Key, _In_opt_ PMDL Mdl);
NTSTATUS FltWriteFile(_In_ PFLT_INSTANCE InitiatingInstance, _In_ PFILE_OBJECT FileObject,
                      _In_opt_ PLARGE_INTEGER ByteOffset, _In_ ULONG Length, _In_ PVOID Buffer,
                      _In_ FLT_IO_OPERATION_FLAGS Flags, _Out_opt_ PULONG BytesWritten,
                      _In_opt_ PFLT_COMPLETED_ASYNC_IO_CALLBACK CallbackRoutine,
                      _In_opt_ PVOID CallbackContext);
NTSTATUS FltWriteFileEx(_In_ PFLT_INSTANCE InitiatingInstance, _In_ PFILE_OBJECT FileObject,
                        _In_opt_ PLARGE_INTEGER ByteOffset, _In_ ULONG Length,
                        _In_opt_ PVOID Buffer, _In_ FLT_IO_OPERATION_FLAGS Flags,
                        _Out_opt_ PULONG BytesWritten,
                        _In_opt_ PFLT_COMPLETED_ASYNC_IO_CALLBACK CallbackRoutine,
                        _In_opt_ PVOID CallbackContext, _In_opt_ PULONG Key, _In_opt_ PMDL Mdl);
BOOLEAN FltFastIoMdlRead(_In_ PFLT_INSTANCE InitiatingInstance, _In_ PFILE_OBJECT FileObject,
                         _In_ PLARGE_INTEGER FileOffset, _In_ ULONG Length, _In_ ULONG LockKey,
                         _Outptr_ PMDL *MdlChain, _Out_ PIO_STATUS_BLOCK IoStatus);
BOOLEAN FltFastIoMdlReadComplete(_In_ PFLT_INSTANCE InitiatingInstance,
                                 _In_ PFILE_OBJECT FileObject, _In_ PMDL MdlChain);
BOOLEAN FltFastIoPrepareMdlWrite(_In_ PFLT_INSTANCE InitiatingInstance,
                                 _In_ PFILE_OBJECT FileObject, _In_ PLARGE_INTEGER FileOffset,
                                 _In_ ULONG Length, _In_ ULONG LockKey, _Outptr_ PMDL *MdlChain,
                                 _Out_ PIO_STATUS_BLOCK IoStatus);
BOOLEAN FltFastIoMdlWriteComplete(_In_ PFLT_INSTANCE InitiatingInstance,
                                  _In_ PFILE_OBJECT FileObject, _In_ PLARGE_INTEGER FileOffset,
                                  _In_ PMDL MdlChain);

NTSTATUS FltQueryInformationFile(_In_ PFLT_INSTANCE Instance, _In_ PFILE_OBJECT FileObject,
                                 _Out_ PVOID FileInformation, _In_ ULONG Length,
                                 _In_ FILE_INFORMATION_CLASS FileInformationClass,
                                 _Out_opt_ PULONG LengthReturned);
NTSTATUS FltSetInformationFile(_In_ PFLT_INSTANCE Instance, _In_ PFILE_OBJECT FileObject,
                               _In_ PVOID FileInformation, _In_ ULONG Length,
                               _In_ FILE_INFORMATION_CLASS FileInformationClass);
NTSTATUS FltQueryVolumeInformationFile(_In_ PFLT_INSTANCE Instance, _In_ PFILE_OBJECT FileObject,
                                       _Out_ PVOID FsInformation, _In_ ULONG Length,
                                       _In_ FS_INFORMATION_CLASS FsInformationClass,
                                       _Out_opt_ PULONG LengthReturned);
NTSTATUS FltQueryDirectoryFile(_In_ PFLT_INSTANCE Instance, _In_ PFILE_OBJECT FileObject,
                               _Out_ PVOID FileInformation, _In_ ULONG Length,
                               _In_ FILE_INFORMATION_CLASS FileInformationClass,
                               _In_ BOOLEAN ReturnSingleEntry, _In_opt_ PUNICODE_STRING FileName,
                               _In_ BOOLEAN RestartScan, _Out_opt_ PULONG LengthReturned);
NTSTATUS FltQueryDirectoryFileEx(_In_ PFLT_INSTANCE Instance, _In_ PFILE_OBJECT FileObject,
                                 _Out_ PVOID FileInformation, _In_ ULONG Length,
                                 _In_ FILE_INFORMATION_CLASS FileInformationClass,
                                 _In_ ULONG QueryFlags, _In_opt_ PUNICODE_STRING FileName,
                                 _Out_opt_ PULONG LengthReturned);
NTSTATUS FltQueryEaFile(_In_ PFLT_INSTANCE Instance, _In_ PFILE_OBJECT FileObject,
                        _Out_ PVOID ReturnedEaData, _In_ ULONG Length,
                        _In_ BOOLEAN ReturnSingleEntry, _In_opt_ PVOID EaList,
                        _In_ ULONG EaListLength, _In_opt_ PULONG EaIndex, _In_ BOOLEAN RestartScan,
                        _Out_opt_ PULONG LengthReturned);
NTSTATUS FltSetEaFile(_In_ PFLT_INSTANCE Instance, _In_ PFILE_OBJECT FileObject,
                      _In_ PVOID EaBuffer, _In_ ULONG Length);
NTSTATUS FltQueryQuotaInformationFile(_In_ PFLT_INSTANCE Instance, _In_ PFILE_OBJECT FileObject,
                                      _Out_ PIO_STATUS_BLOCK IoStatusBlock, _Out_ PVOID Buffer,
                                      _In_ ULONG Length, _In_ BOOLEAN ReturnSingleEntry,
                                      _In_opt_ PVOID SidList, _In_ ULONG SidListLength,
                                      _In_opt_ PSID StartSid, _In_ BOOLEAN RestartScan,
                                      _Out_opt_ PULONG LengthReturned);
NTSTATUS FltSetQuotaInformationFile(_In_ PFLT_INSTANCE Instance, _In_ PFILE_OBJECT FileObject,
                                    _In_ PVOID Buffer, _In_ ULONG Length);
NTSTATUS FltQuerySecurityObject(_In_ PFLT_INSTANCE Instance, _In_ PFILE_OBJECT FileObject,
                                _In_ SECURITY_INFORMATION SecurityInformation,
                                _Inout_opt_ PSECURITY_DESCRIPTOR SecurityDescriptor,
                                _In_ ULONG Length, _Out_opt_ PULONG LengthNeeded);
NTSTATUS FltSetSecurityObject(_In_ PFLT_INSTANCE Instance, _In_ PFILE_OBJECT FileObject,
                              _In_ SECURITY_INFORMATION SecurityInformation,
                              _In_ PSECURITY_DESCRIPTOR SecurityDescriptor);
NTSTATUS FltFlushBuffers(_In_ PFLT_INSTANCE Instance, _In_ PFILE_OBJECT FileObject);
NTSTATUS FltFlushBuffers2(_In_ PFLT_INSTANCE Instance, _In_ PFILE_OBJECT FileObject,
                          _In_ ULONG FlushType, _In_opt_ PFLT_CALLBACK_DATA CallbackData);
NTSTATUS FltFsControlFile(_In_ PFLT_INSTANCE Instance, _In_ PFILE_OBJECT FileObject,
                          _In_ ULONG FsControlCode, _In_opt_ PVOID InputBuffer,
                          _In_ ULONG InputBufferLength, _Out_opt_ PVOID OutputBuffer,
                          _In_ ULONG OutputBufferLength, _Out_opt_ PULONG LengthReturned);
NTSTATUS FltDeviceIoControlFile(_In_ PFLT_INSTANCE Instance, _In_ PFILE_OBJECT FileObject,
                                _In_ ULONG IoControlCode, _In_opt_ PVOID InputBuffer,
                                _In_ ULONG InputBufferLength, _Out_opt_ PVOID OutputBuffer,
                                _In_ ULONG OutputBufferLength, _Out_opt_ PULONG LengthReturned);
NTSTATUS FltIsDirectory(_In_ PFILE_OBJECT FileObject, _In_ PFLT_INSTANCE Instance,
                        _Out_ PBOOLEAN IsDirectory);

#define FLT_ALLOCATE_CALLBACK_DATA_PREALLOCATE_ALL_MEMORY 0x00000001
typedef ULONG FLT_ALLOCATE_CALLBACK_DATA_FLAGS;

NTSTATUS FltAllocateCallbackData(_In_ PFLT_INSTANCE Instance, _In_opt_ PFILE_OBJECT FileObject,
                                 _Outptr_ PFLT_CALLBACK_DATA *RetNewCallbackData);
NTSTATUS FltAllocateCallbackDataEx(_In_ PFLT_INSTANCE Instance, _In_opt_ PFILE_OBJECT FileObject,
                                   _In_ FLT_ALLOCATE_CALLBACK_DATA_FLAGS Flags,
                                   _Outptr_ PFLT_CALLBACK_DATA *RetNewCallbackData);
VOID FltReuseCallbackData(_Inout_ PFLT_CALLBACK_DATA CallbackData);
VOID FltFreeCallbackData(_In_ PFLT_CALLBACK_DATA CallbackData);
VOID FltPerformSynchronousIo(_Inout_ PFLT_CALLBACK_DATA CallbackData);
NTSTATUS FltPerformAsynchronousIo(_Inout_ PFLT_CALLBACK_DATA CallbackData,
                                  _In_ PFLT_COMPLETED_ASYNC_IO_CALLBACK CallbackRoutine,
                                  _In_ PVOID CallbackContext);
VOID FltReissueSynchronousIo(_In_ PFLT_INSTANCE InitiatingInstance,
                             _In_ PFLT_CALLBACK_DATA CallbackData);

FLTSIM_WDK_END

#endif
