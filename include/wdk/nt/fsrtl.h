// The file system run-time library.
#ifndef FLTSIM_WDK_NT_FSRTL_H
#define FLTSIM_WDK_NT_FSRTL_H

#include "begin.h"
#include "ex.h"
#include "fsrtl/callbacks.h"
#include "fsrtl/ecp.h"
#include "fsrtl/fcb.h"
#include "fsrtl/lock.h"
#include "fsrtl/mcb.h"
#include "fsrtl/notify.h"
#include "fsrtl/oplock.h"
#include "io.h"
#include "ke.h"
#include "rtl.h"
#include "types.h"

FLTSIM_WDK_BEGIN

#define FsRtlEnterFileSystem KeEnterCriticalRegion
#define FsRtlExitFileSystem KeLeaveCriticalRegion

#define FsRtlCompleteRequest(IRP, STATUS)                                                          \
    do {                                                                                           \
        (IRP)->IoStatus.Status = (STATUS);                                                         \
        IoCompleteRequest((IRP), IO_DISK_INCREMENT);                                               \
    } while (0)

typedef ULONG LBN, *PLBN;
typedef ULONG VBN, *PVBN;
typedef LONGLONG VCN, LCN;

typedef enum _FSRTL_COMPARISON_RESULT {
    LessThan = -1,
    EqualTo = 0,
    GreaterThan = 1
} FSRTL_COMPARISON_RESULT;

// Names.
#define DOS_STAR (L'<')
#define DOS_QM (L'>')
#define DOS_DOT (L'"')
#define ANSI_DOS_STAR ('<')
#define ANSI_DOS_QM ('>')
#define ANSI_DOS_DOT ('"')

#define FSRTL_FAT_LEGAL 0x01
#define FSRTL_HPFS_LEGAL 0x02
#define FSRTL_NTFS_LEGAL 0x04
#define FSRTL_WILD_CHARACTER 0x08
#define FSRTL_OLE_LEGAL 0x10
#define FSRTL_NTFS_STREAM_LEGAL (FSRTL_NTFS_LEGAL | FSRTL_OLE_LEGAL)

extern const UCHAR *const *FsRtlLegalAnsiCharacterArray;

#define FsRtlIsUnicodeCharacterWild(C)                                                             \
    ((((C) >= 0x40) ? FALSE : FlagOn((*FsRtlLegalAnsiCharacterArray)[(C)], FSRTL_WILD_CHARACTER)))

BOOLEAN FsRtlIsNameInExpression(_In_ PUNICODE_STRING Expression, _In_ PUNICODE_STRING Name,
                                _In_ BOOLEAN IgnoreCase, _In_opt_ PWCH UpcaseTable);
BOOLEAN FsRtlIsNameInUnUpcasedExpression(_In_ PUNICODE_STRING Expression, _In_ PUNICODE_STRING Name,
                                         _In_ BOOLEAN IgnoreCase, _In_opt_ PWCH UpcaseTable);
BOOLEAN FsRtlDoesNameContainWildCards(_In_ PUNICODE_STRING Name);
BOOLEAN FsRtlAreNamesEqual(_In_ PCUNICODE_STRING ConstantNameA, _In_ PCUNICODE_STRING ConstantNameB,
                           _In_ BOOLEAN IgnoreCase, _In_opt_ PCWCH UpcaseTable);
VOID FsRtlDissectName(_In_ UNICODE_STRING Path, _Out_ PUNICODE_STRING FirstName,
                      _Out_ PUNICODE_STRING RemainingName);
VOID FsRtlDissectDbcs(_In_ ANSI_STRING Path, _Out_ PANSI_STRING FirstName,
                      _Out_ PANSI_STRING RemainingName);
BOOLEAN FsRtlDoesDbcsContainWildCards(_In_ PANSI_STRING Name);
BOOLEAN FsRtlIsDbcsInExpression(_In_ PANSI_STRING Expression, _In_ PANSI_STRING Name);
BOOLEAN FsRtlIsFatDbcsLegal(_In_ ANSI_STRING DbcsName, _In_ BOOLEAN WildCardsPermissible,
                            _In_ BOOLEAN PathNamePermissible,
                            _In_ BOOLEAN LeadingBackslashPermissible);
BOOLEAN FsRtlIsHpfsDbcsLegal(_In_ ANSI_STRING DbcsName, _In_ BOOLEAN WildCardsPermissible,
                             _In_ BOOLEAN PathNamePermissible,
                             _In_ BOOLEAN LeadingBackslashPermissible);

// Statuses.
NTSTATUS FsRtlNormalizeNtstatus(_In_ NTSTATUS Exception, _In_ NTSTATUS GenericException);
BOOLEAN FsRtlIsNtstatusExpected(_In_ NTSTATUS Exception);
BOOLEAN FsRtlIsTotalDeviceFailure(_In_ NTSTATUS Status);

// Pool: these raise where they cannot allocate, STATUS_INSUFFICIENT_RESOURCES or, the second one,
// STATUS_QUOTA_EXCEEDED (the current process is charged: ex.h).
PVOID FsRtlAllocatePoolWithTag(_In_ POOL_TYPE PoolType, _In_ ULONG NumberOfBytes, _In_ ULONG Tag);
PVOID FsRtlAllocatePoolWithQuotaTag(_In_ POOL_TYPE PoolType, _In_ ULONG NumberOfBytes,
                                    _In_ ULONG Tag);
#define FsRtlAllocatePool(PoolType, NumberOfBytes)                                                 \
    FsRtlAllocatePoolWithTag(PoolType, NumberOfBytes, 'trSF')

// Files.
NTSTATUS FsRtlGetFileSize(_In_ PFILE_OBJECT FileObject, _Inout_ PLARGE_INTEGER FileSize);
NTSTATUS FsRtlSetFileSize(_In_ PFILE_OBJECT FileObject, _Inout_ PLARGE_INTEGER FileSize);
BOOLEAN FsRtlIsPagingFile(_In_ PFILE_OBJECT FileObject);
BOOLEAN FsRtlIsSystemPagingFile(_In_ PFILE_OBJECT FileObject);
// SUPPORTED_FS_FEATURES_ that every minifilter on the device's volume supports: its SupportedFeatures value in the registry,
// under Parameters or beside it; without a minifilter all of them. One that registered for neither reads nor writes supports
// SUPPORTED_FS_FEATURES_BYPASS_IO. IRQL <= APC_LEVEL. STATUS_FLT_VOLUME_NOT_FOUND; STATUS_FLT_INTERNAL_ERROR: no device of a
// file system's stack.
NTSTATUS FsRtlGetSupportedFeatures(_In_ PDEVICE_OBJECT DeviceObject, _Out_ PULONG SupportedFeatures);
// How many file objects of the stream have bypass I/O enabled; where headers do not count them (before V4), 0 and NULL.
#define FsRtlGetBypassIoOpenCountPtr(FileObject)                                                   \
    ((FileObject)->FsContext &&                                                                    \
             ((PFSRTL_ADVANCED_FCB_HEADER)(FileObject)->FsContext)->Version >= FSRTL_FCB_HEADER_V4 \
         ? &((PFSRTL_ADVANCED_FCB_HEADER)(FileObject)->FsContext)->BypassIoOpenCount               \
         : (PULONG)NULL)
#define FsRtlGetBypassIoOpenCount(FileObject)                                                      \
    (FsRtlGetBypassIoOpenCountPtr(FileObject)                                                      \
         ? *(volatile ULONG *)FsRtlGetBypassIoOpenCountPtr(FileObject)                             \
         : 0)
BOOLEAN FsRtlCopyRead(_In_ PFILE_OBJECT FileObject, _In_ PLARGE_INTEGER FileOffset,
                      _In_ ULONG Length, _In_ BOOLEAN Wait, _In_ ULONG LockKey, _Out_ PVOID Buffer,
                      _Out_ PIO_STATUS_BLOCK IoStatus, _In_ PDEVICE_OBJECT DeviceObject);
BOOLEAN FsRtlCopyWrite(_In_ PFILE_OBJECT FileObject, _In_ PLARGE_INTEGER FileOffset,
                       _In_ ULONG Length, _In_ BOOLEAN Wait, _In_ ULONG LockKey, _In_ PVOID Buffer,
                       _Out_ PIO_STATUS_BLOCK IoStatus, _In_ PDEVICE_OBJECT DeviceObject);
/* MDLs of the cached data, for fast I/O tables (nf-ntifs-fsrtlmdlreaddev, -fsrtlpreparemdlwritedev and their ends):
 * <= APC_LEVEL, the ends PASSIVE_LEVEL. FALSE: by an IRP. A write is lent within the valid data only, and not for
 * FO_WRITE_THROUGH: there FsRtlMdlWriteCompleteDev is FALSE, too, and the chain remains the caller's, to be completed
 * by an IRP. Those without Dev ask the file's whole stack. */
BOOLEAN FsRtlMdlReadDev(_In_ PFILE_OBJECT FileObject, _In_ PLARGE_INTEGER FileOffset,
                        _In_ ULONG Length, _In_ ULONG LockKey, _Outptr_ PMDL *MdlChain,
                        _Out_ PIO_STATUS_BLOCK IoStatus, _In_opt_ PDEVICE_OBJECT DeviceObject);
BOOLEAN FsRtlMdlReadCompleteDev(_In_ PFILE_OBJECT FileObject, _In_ PMDL MdlChain,
                                _In_opt_ PDEVICE_OBJECT DeviceObject);
BOOLEAN FsRtlPrepareMdlWriteDev(_In_ PFILE_OBJECT FileObject, _In_ PLARGE_INTEGER FileOffset,
                                _In_ ULONG Length, _In_ ULONG LockKey, _Outptr_ PMDL *MdlChain,
                                _Out_ PIO_STATUS_BLOCK IoStatus, _In_ PDEVICE_OBJECT DeviceObject);
BOOLEAN FsRtlMdlWriteCompleteDev(_In_ PFILE_OBJECT FileObject, _In_ PLARGE_INTEGER FileOffset,
                                 _In_ PMDL MdlChain, _In_ PDEVICE_OBJECT DeviceObject);
BOOLEAN FsRtlMdlRead(_In_ PFILE_OBJECT FileObject, _In_ PLARGE_INTEGER FileOffset,
                     _In_ ULONG Length, _In_ ULONG LockKey, _Outptr_ PMDL *MdlChain,
                     _Out_ PIO_STATUS_BLOCK IoStatus);
BOOLEAN FsRtlMdlReadComplete(_In_ PFILE_OBJECT FileObject, _In_ PMDL MdlChain);
BOOLEAN FsRtlPrepareMdlWrite(_In_ PFILE_OBJECT FileObject, _In_ PLARGE_INTEGER FileOffset,
                             _In_ ULONG Length, _In_ ULONG LockKey, _Outptr_ PMDL *MdlChain,
                             _Out_ PIO_STATUS_BLOCK IoStatus);
BOOLEAN FsRtlMdlWriteComplete(_In_ PFILE_OBJECT FileObject, _In_ PLARGE_INTEGER FileOffset,
                              _In_ PMDL MdlChain);
/* nf-ntifs-fsrtlmdlreadex, -fsrtlpreparemdlwriteex: by fast I/O, or else by an IRP. CcMdlReadComplete, CcMdlWriteComplete
 * give back. PASSIVE_LEVEL. STATUS_INSUFFICIENT_RESOURCES. */
NTSTATUS FsRtlMdlReadEx(_In_ PFILE_OBJECT FileObject, _In_ PLARGE_INTEGER FileOffset, _In_ ULONG Length,
                        _In_ ULONG LockKey, _Outptr_ PMDL *MdlChain, _Out_ PIO_STATUS_BLOCK IoStatus);
NTSTATUS FsRtlPrepareMdlWriteEx(_In_ PFILE_OBJECT FileObject, _In_ PLARGE_INTEGER FileOffset, _In_ ULONG Length,
                                _In_ ULONG LockKey, _Outptr_ PMDL *MdlChain, _Out_ PIO_STATUS_BLOCK IoStatus);
VOID FsRtlAcquireFileExclusive(_In_ PFILE_OBJECT FileObject);
VOID FsRtlReleaseFile(_In_ PFILE_OBJECT FileObject);
NTSTATUS FsRtlCreateSectionForDataScan(_Out_ PHANDLE SectionHandle, _Outptr_ PVOID *SectionObject,
                                       _Out_opt_ PLARGE_INTEGER SectionFileSize,
                                       _In_ PFILE_OBJECT FileObject, _In_ ACCESS_MASK DesiredAccess,
                                       _In_opt_ struct _OBJECT_ATTRIBUTES *ObjectAttributes,
                                       _In_opt_ PLARGE_INTEGER MaximumSize,
                                       _In_ ULONG SectionPageProtection,
                                       _In_ ULONG AllocationAttributes, _In_ ULONG Flags);
NTSTATUS FsRtlQueryInformationFile(_In_ PFILE_OBJECT FileObject, _Out_ PVOID FileInformation,
                                   _In_ ULONG Length,
                                   _In_ FILE_INFORMATION_CLASS FileInformationClass,
                                   _Out_ PULONG RetFileInformationSize);
NTSTATUS FsRtlValidateReparsePointBuffer(_In_ ULONG BufferLength,
                                         _In_ PREPARSE_DATA_BUFFER ReparseBuffer);
NTSTATUS FsRtlRemoveDotsFromPath(_Inout_ PWSTR OriginalString, _In_ USHORT PathLength,
                                 _Out_ USHORT *NewLength);
NTSTATUS FsRtlQueryKernelEaFile(_In_ PFILE_OBJECT FileObject, _Out_ PVOID ReturnedEaData,
                                _In_ ULONG Length, _In_ BOOLEAN ReturnSingleEntry,
                                _In_opt_ PVOID EaList, _In_ ULONG EaListLength,
                                _In_opt_ PULONG EaIndex, _In_ BOOLEAN RestartScan,
                                _Out_opt_ PULONG LengthReturned);
NTSTATUS FsRtlSetKernelEaFile(_In_ PFILE_OBJECT FileObject, _In_ PVOID EaBuffer, _In_ ULONG Length);
NTSTATUS FsRtlKernelFsControlFile(_In_ PFILE_OBJECT FileObject, _In_ ULONG FsControlCode,
                                  _In_ PVOID InputBuffer, _In_ ULONG InputBufferLength,
                                  _Out_ PVOID OutputBuffer, _In_ ULONG OutputBufferLength,
                                  _Out_opt_ PULONG RetOutputBufferSize);

typedef enum _FSRTL_CHANGE_BACKING_TYPE {
    ChangeDataControlArea,
    ChangeImageControlArea,
    ChangeSharedCacheMap
} FSRTL_CHANGE_BACKING_TYPE,
    *PFSRTL_CHANGE_BACKING_TYPE;

/* nf-ntifs-fsrtlchangebackingfileobject: APC_LEVEL. Paging I/O of the stream goes through NewFileObject from then on; the old
 * file object is let go of when what is under way on it has ended. The data control area and the shared cache map change
 * together. A stream that is neither cached nor mapped has nothing to change: STATUS_SUCCESS. STATUS_INVALID_PARAMETER_1:
 * CurrentFileObject is not the one; _2: of another stream; _3: no such type; _4: flags; STATUS_NOT_SUPPORTED:
 * CcGetFileObjectFromSectionPtrs or CcGetFileObjectFromBcb gave the old one to somebody. */
NTSTATUS FsRtlChangeBackingFileObject(_In_opt_ PFILE_OBJECT CurrentFileObject,
                                      _In_ PFILE_OBJECT NewFileObject,
                                      _In_ FSRTL_CHANGE_BACKING_TYPE ChangeBackingType,
                                      _In_ ULONG Flags);

#ifdef FLTSIM_LIBRARY // in no published header: what the cache and the memory manager call
NTSTATUS FsRtlAcquireToCreateMappedSection(PFILE_OBJECT FileObject, ULONG SectionPageProtection);
NTSTATUS FsRtlAcquireFileForCcFlushEx(PFILE_OBJECT FileObject);
VOID FsRtlReleaseFileForCcFlush(PFILE_OBJECT FileObject);
NTSTATUS FsRtlAcquireFileForModWriteEx(PFILE_OBJECT FileObject, PLARGE_INTEGER EndingOffset,
                                       PERESOURCE *ResourceToRelease);
VOID FsRtlReleaseFileForModWrite(PFILE_OBJECT FileObject, PERESOURCE ResourceToRelease);
#endif

// Work.
typedef VOID (*PFSRTL_STACK_OVERFLOW_ROUTINE)(_In_ PVOID Context, _In_ PKEVENT Event);

VOID FsRtlPostStackOverflow(_In_ PVOID Context, _In_ PKEVENT Event,
                            _In_ PFSRTL_STACK_OVERFLOW_ROUTINE Routine);
VOID FsRtlPostPagingFileStackOverflow(_In_ PVOID Context, _In_ PKEVENT Event,
                                      _In_ PFSRTL_STACK_OVERFLOW_ROUTINE Routine);
NTSTATUS FsRtlCancellableWaitForSingleObject(_In_ PVOID Object, _In_opt_ PLARGE_INTEGER Timeout,
                                             _In_opt_ PIRP Irp);
NTSTATUS FsRtlCancellableWaitForMultipleObjects(_In_ ULONG Count, _In_ PVOID ObjectArray[],
                                                _In_ WAIT_TYPE WaitType,
                                                _In_opt_ PLARGE_INTEGER Timeout,
                                                _In_opt_ PKWAIT_BLOCK WaitBlockArray,
                                                _In_opt_ PIRP Irp);

FLTSIM_WDK_END

#endif
