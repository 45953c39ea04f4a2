// What drivers ask the I/O manager of open files, its MDLs, and its checks of buffers.
#ifndef FLTSIM_WDK_NT_IO_QUERY_H
#define FLTSIM_WDK_NT_IO_QUERY_H

#include "../begin.h"
#include "../mm.h"
#include "../ob.h"
#include "../se.h"
#include "file_info.h"
#include "file_object.h"
#include "fs_info.h"
#include "types.h"

FLTSIM_WDK_BEGIN

PMDL IoAllocateMdl(_In_opt_ PVOID VirtualAddress, _In_ ULONG Length, _In_ BOOLEAN SecondaryBuffer,
                   _In_ BOOLEAN ChargeQuota, _Inout_opt_ PIRP Irp);
VOID IoFreeMdl(_In_ PMDL Mdl);
VOID IoBuildPartialMdl(_In_ PMDL SourceMdl, _Inout_ PMDL TargetMdl, _In_ PVOID VirtualAddress, _In_ ULONG Length);

// The files' generic rights.
PGENERIC_MAPPING IoGetFileObjectGenericMapping(VOID);

// An IRP_MJ_QUERY_INFORMATION, IRP_MJ_QUERY_VOLUME_INFORMATION or IRP_MJ_SET_INFORMATION to the top of the file's
// stack; the file object needs no handle.
NTSTATUS IoQueryFileInformation(_In_ PFILE_OBJECT FileObject, _In_ FILE_INFORMATION_CLASS FileInformationClass,
                                _In_ ULONG Length, _Out_ PVOID FileInformation, _Out_ PULONG ReturnedLength);
NTSTATUS IoQueryVolumeInformation(_In_ PFILE_OBJECT FileObject, _In_ FS_INFORMATION_CLASS FsInformationClass,
                                  _In_ ULONG Length, _Out_ PVOID FsInformation, _Out_ PULONG ReturnedLength);
NTSTATUS IoSetInformation(_In_ PFILE_OBJECT FileObject, _In_ FILE_INFORMATION_CLASS FileInformationClass,
                          _In_ ULONG Length, _In_ PVOID FileInformation);
// "C:\dir\file" of an open file; the caller frees it with ExFreePool.
NTSTATUS IoQueryFileDosDeviceName(_In_ PFILE_OBJECT FileObject, _Out_ POBJECT_NAME_INFORMATION *ObjectNameInformation);
// Undoes an open that the caller's create completion saw succeed: IRP_MJ_CLEANUP and IRP_MJ_CLOSE to the device.
VOID IoCancelFileOpen(_In_ PDEVICE_OBJECT DeviceObject, _In_ PFILE_OBJECT FileObject);

NTSTATUS IoCheckEaBufferValidity(_In_ PFILE_FULL_EA_INFORMATION EaBuffer, _In_ ULONG EaLength, _Out_ PULONG ErrorOffset);
NTSTATUS IoCheckQuerySetFileInformation(_In_ FILE_INFORMATION_CLASS FileInformationClass, _In_ ULONG Length,
                                        _In_ BOOLEAN SetOperation);
NTSTATUS IoCheckQuerySetVolumeInformation(_In_ FS_INFORMATION_CLASS FsInformationClass, _In_ ULONG Length,
                                          _In_ BOOLEAN SetOperation);
BOOLEAN IoSetThreadHardErrorMode(_In_ BOOLEAN EnableHardErrors);
BOOLEAN IoIs32bitProcess(_In_opt_ PIRP Irp);

FLTSIM_WDK_END

#endif
