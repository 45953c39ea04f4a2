// FILE_OBJECT, its flags and its helpers.
#ifndef FLTSIM_WDK_NT_IO_FILE_OBJECT_H
#define FLTSIM_WDK_NT_IO_FILE_OBJECT_H

#include "../begin.h"
#include "../ke.h"
#include "../types.h"
#include "types.h"

FLTSIM_WDK_BEGIN

struct _OBJECT_ATTRIBUTES;
struct _FILE_NETWORK_OPEN_INFORMATION;

#define FO_FILE_OPEN 0x00000001
#define FO_SYNCHRONOUS_IO 0x00000002
#define FO_ALERTABLE_IO 0x00000004
#define FO_NO_INTERMEDIATE_BUFFERING 0x00000008
#define FO_WRITE_THROUGH 0x00000010
#define FO_SEQUENTIAL_ONLY 0x00000020
#define FO_CACHE_SUPPORTED 0x00000040
#define FO_NAMED_PIPE 0x00000080
#define FO_STREAM_FILE 0x00000100
#define FO_MAILSLOT 0x00000200
#define FO_GENERATE_AUDIT_ON_CLOSE 0x00000400
#define FO_QUEUE_IRP_TO_THREAD FO_GENERATE_AUDIT_ON_CLOSE
#define FO_DIRECT_DEVICE_OPEN 0x00000800
#define FO_FILE_MODIFIED 0x00001000
#define FO_FILE_SIZE_CHANGED 0x00002000
#define FO_CLEANUP_COMPLETE 0x00004000
#define FO_TEMPORARY_FILE 0x00008000
#define FO_DELETE_ON_CLOSE 0x00010000
#define FO_OPENED_CASE_SENSITIVE 0x00020000
#define FO_HANDLE_CREATED 0x00040000
#define FO_FILE_FAST_IO_READ 0x00080000
#define FO_RANDOM_ACCESS 0x00100000
#define FO_FILE_OPEN_CANCELLED 0x00200000
#define FO_VOLUME_OPEN 0x00400000
#define FO_BYPASS_IO_ENABLED 0x00800000
#define FO_REMOTE_ORIGIN 0x01000000
#define FO_DISALLOW_EXCLUSIVE 0x02000000
#define FO_SKIP_COMPLETION_PORT FO_DISALLOW_EXCLUSIVE
#define FO_SKIP_SET_EVENT 0x04000000
#define FO_SKIP_SET_FAST_IO 0x08000000
#define FO_INDIRECT_WAIT_OBJECT 0x10000000
#define FO_SECTION_MINSTORE_TREATMENT 0x20000000
#define FO_FLAGS_VALID_ONLY_DURING_CREATE FO_DISALLOW_EXCLUSIVE

struct _SECTION_OBJECT_POINTERS {
    PVOID DataSectionObject;
    PVOID SharedCacheMap;
    PVOID ImageSectionObject;
};
typedef PSECTION_OBJECT_POINTERS *PPSECTION_OBJECT_POINTERS;

typedef struct _IO_COMPLETION_CONTEXT {
    PVOID Port;
    PVOID Key;
} IO_COMPLETION_CONTEXT, *PIO_COMPLETION_CONTEXT;

struct _FILE_OBJECT {
    CSHORT Type;
    CSHORT Size;
    PDEVICE_OBJECT DeviceObject;
    PVPB Vpb;
    PVOID FsContext;
    PVOID FsContext2;
    PSECTION_OBJECT_POINTERS SectionObjectPointer;
    PVOID PrivateCacheMap;
    NTSTATUS FinalStatus;
    struct _FILE_OBJECT *RelatedFileObject;
    BOOLEAN LockOperation;
    BOOLEAN DeletePending;
    BOOLEAN ReadAccess;
    BOOLEAN WriteAccess;
    BOOLEAN DeleteAccess;
    BOOLEAN SharedRead;
    BOOLEAN SharedWrite;
    BOOLEAN SharedDelete;
    ULONG Flags;
    UNICODE_STRING FileName;
    LARGE_INTEGER CurrentByteOffset;
    volatile ULONG Waiters;
    volatile ULONG Busy;
    PVOID LastLock;
    KEVENT Lock;
    KEVENT Event;
    volatile PIO_COMPLETION_CONTEXT CompletionContext;
    KSPIN_LOCK IrpListLock;
    LIST_ENTRY IrpList;
    volatile PVOID FileObjectExtension; // opaque
};

PFILE_OBJECT IoCreateStreamFileObject(_In_opt_ PFILE_OBJECT FileObject,
                                      _In_opt_ PDEVICE_OBJECT DeviceObject);
PFILE_OBJECT IoCreateStreamFileObjectEx(_In_opt_ PFILE_OBJECT FileObject,
                                        _In_opt_ PDEVICE_OBJECT DeviceObject,
                                        _Out_opt_ PHANDLE FileObjectHandle);
PFILE_OBJECT IoCreateStreamFileObjectLite(_In_opt_ PFILE_OBJECT FileObject,
                                          _In_opt_ PDEVICE_OBJECT DeviceObject);
BOOLEAN IoIsFileOriginRemote(_In_ PFILE_OBJECT FileObject);
NTSTATUS IoSetFileOrigin(_In_ PFILE_OBJECT FileObject, _In_ BOOLEAN Remote);
// Whether its create said that the file is to be copied, or copied to: FILE_CONTAINS_EXTENDED_CREATE_INFORMATION.
// PASSIVE_LEVEL.
BOOLEAN IoCheckFileObjectOpenedAsCopySource(_In_ PFILE_OBJECT FileObject);
BOOLEAN IoCheckFileObjectOpenedAsCopyDestination(_In_ PFILE_OBJECT FileObject);
BOOLEAN IoIsFileObjectIgnoringSharing(_In_ PFILE_OBJECT FileObject);
NTSTATUS IoSetFileObjectIgnoreSharing(_In_ PFILE_OBJECT FileObject);
NTSTATUS IoReplaceFileObjectName(_In_ PFILE_OBJECT FileObject, _In_ PWSTR NewFileName,
                                 _In_ USHORT FileNameLength);
NTSTATUS IoCheckDesiredAccess(_Inout_ PACCESS_MASK DesiredAccess, _In_ ACCESS_MASK GrantedAccess);
BOOLEAN IoFastQueryNetworkAttributes(_In_ struct _OBJECT_ATTRIBUTES *ObjectAttributes,
                                     _In_ ACCESS_MASK DesiredAccess, _In_ ULONG OpenOptions,
                                     _Out_ PIO_STATUS_BLOCK IoStatus,
                                     _Out_ struct _FILE_NETWORK_OPEN_INFORMATION *Buffer);
IO_PRIORITY_HINT IoGetIoPriorityHint(_In_ PIRP Irp);
NTSTATUS IoSetIoPriorityHint(_In_ PIRP Irp, _In_ IO_PRIORITY_HINT PriorityHint);
VOID IoRetrievePriorityInfo(_In_opt_ PIRP Irp, _In_opt_ PFILE_OBJECT FileObject,
                            _In_opt_ PETHREAD Thread, _Inout_ PIO_PRIORITY_INFO PriorityInfo);
NTSTATUS IoApplyPriorityInfoThread(_In_ PIO_PRIORITY_INFO InputPriorityInfo,
                                   _Out_opt_ PIO_PRIORITY_INFO OutputPriorityInfo,
                                   _In_ PETHREAD Thread);

FLTSIM_WDK_END

#endif
