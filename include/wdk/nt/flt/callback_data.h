// FLT_CALLBACK_DATA: one operation as a minifilter sees it.
#ifndef FLTSIM_WDK_NT_FLT_CALLBACK_DATA_H
#define FLTSIM_WDK_NT_FLT_CALLBACK_DATA_H

#include "../begin.h"
#include "../io.h"
#include "../types.h"
#include "parameters.h"
#include "types.h"

FLTSIM_WDK_BEGIN

struct _FLT_TAG_DATA_BUFFER {
    ULONG FileTag;
    USHORT TagDataLength;
    USHORT UnparsedNameLength;
    __extension__ union {
        struct {
            USHORT SubstituteNameOffset;
            USHORT SubstituteNameLength;
            USHORT PrintNameOffset;
            USHORT PrintNameLength;
            ULONG Flags;
            WCHAR PathBuffer[1];
        } SymbolicLinkReparseBuffer;
        struct {
            USHORT SubstituteNameOffset;
            USHORT SubstituteNameLength;
            USHORT PrintNameOffset;
            USHORT PrintNameLength;
            WCHAR PathBuffer[1];
        } MountPointReparseBuffer;
        struct {
            UCHAR DataBuffer[1];
        } GenericReparseBuffer;
        struct {
            GUID TagGuid;
            UCHAR DataBuffer[1];
        } GenericGUIDReparseBuffer;
    };
};

#define FLT_TAG_DATA_BUFFER_HEADER_SIZE FIELD_OFFSET(FLT_TAG_DATA_BUFFER, GenericReparseBuffer)

struct _FLT_IO_PARAMETER_BLOCK {
    ULONG IrpFlags;
    UCHAR MajorFunction;
    UCHAR MinorFunction;
    UCHAR OperationFlags; // SL_*
    UCHAR Reserved;
    PFILE_OBJECT TargetFileObject;
    PFLT_INSTANCE TargetInstance;
    FLT_PARAMETERS Parameters;
};

typedef ULONG FLT_CALLBACK_DATA_FLAGS;
#define FLTFL_CALLBACK_DATA_REISSUE_MASK 0x0000FFFF
#define FLTFL_CALLBACK_DATA_IRP_OPERATION 0x00000001
#define FLTFL_CALLBACK_DATA_FAST_IO_OPERATION 0x00000002
#define FLTFL_CALLBACK_DATA_FS_FILTER_OPERATION 0x00000004
#define FLTFL_CALLBACK_DATA_SYSTEM_BUFFER 0x00000008
#define FLTFL_CALLBACK_DATA_GENERATED_IO 0x00010000
#define FLTFL_CALLBACK_DATA_REISSUED_IO 0x00020000
#define FLTFL_CALLBACK_DATA_DRAINING_IO 0x00040000
#define FLTFL_CALLBACK_DATA_POST_OPERATION 0x00080000
#define FLTFL_CALLBACK_DATA_NEW_SYSTEM_BUFFER 0x00100000
#define FLTFL_CALLBACK_DATA_DIRTY 0x80000000

struct _FLT_CALLBACK_DATA {
    FLT_CALLBACK_DATA_FLAGS Flags;
    PETHREAD FLTSIM_READONLY Thread;
    PFLT_IO_PARAMETER_BLOCK FLTSIM_READONLY Iopb;
    IO_STATUS_BLOCK IoStatus;
    struct _FLT_TAG_DATA_BUFFER *TagData;
    __extension__ union {
        __extension__ struct {
            LIST_ENTRY QueueLinks;
            PVOID QueueContext[2];
        };
        PVOID FilterContext[4];
    };
    KPROCESSOR_MODE RequestorMode;
};

#define FLT_IS_IRP_OPERATION(Data) (FlagOn((Data)->Flags, FLTFL_CALLBACK_DATA_IRP_OPERATION))
#define FLT_IS_FASTIO_OPERATION(Data) (FlagOn((Data)->Flags, FLTFL_CALLBACK_DATA_FAST_IO_OPERATION))
#define FLT_IS_FS_FILTER_OPERATION(Data)                                                           \
    (FlagOn((Data)->Flags, FLTFL_CALLBACK_DATA_FS_FILTER_OPERATION))
#define FLT_IS_REISSUED_IO(Data) (FlagOn((Data)->Flags, FLTFL_CALLBACK_DATA_REISSUED_IO))
#define FLT_IS_SYSTEM_BUFFER(Data) (FlagOn((Data)->Flags, FLTFL_CALLBACK_DATA_SYSTEM_BUFFER))

struct _FLT_RELATED_OBJECTS {
    USHORT FLTSIM_READONLY Size;
    USHORT FLTSIM_READONLY TransactionContext; // the TxF miniversion
    PFLT_FILTER FLTSIM_READONLY Filter;
    PFLT_VOLUME FLTSIM_READONLY Volume;
    PFLT_INSTANCE FLTSIM_READONLY Instance;
    PFILE_OBJECT FLTSIM_READONLY FileObject;
    struct _KTRANSACTION *FLTSIM_READONLY Transaction;
};

typedef struct _COPY_INFORMATION {
    PFILE_OBJECT SourceFileObject;
    LONGLONG SourceFileOffset;
} COPY_INFORMATION, *PCOPY_INFORMATION;

VOID FltSetCallbackDataDirty(_Inout_ PFLT_CALLBACK_DATA Data);
VOID FltClearCallbackDataDirty(_Inout_ PFLT_CALLBACK_DATA Data);
BOOLEAN FltIsCallbackDataDirty(_In_ PFLT_CALLBACK_DATA Data);
BOOLEAN FltIsOperationSynchronous(_In_ PFLT_CALLBACK_DATA CallbackData);
BOOLEAN FltIs32bitProcess(_In_opt_ PFLT_CALLBACK_DATA CallbackData);
NTSTATUS FltDecodeParameters(_In_ PFLT_CALLBACK_DATA CallbackData,
                             _Outptr_opt_ PMDL **MdlAddressPointer, _Outptr_opt_ PVOID **Buffer,
                             _Outptr_opt_ PULONG *Length, _Out_opt_ LOCK_OPERATION *DesiredAccess);
NTSTATUS FltLockUserBuffer(_In_ PFLT_CALLBACK_DATA CallbackData);
PMDL FltGetSwappedBufferMdlAddress(_In_ PFLT_CALLBACK_DATA CallbackData);
VOID FltRetainSwappedBufferMdlAddress(_In_ PFLT_CALLBACK_DATA CallbackData);
PVOID FltGetNewSystemBufferAddress(_In_ PFLT_CALLBACK_DATA CallbackData);
PEPROCESS FltGetRequestorProcess(_In_ PFLT_CALLBACK_DATA CallbackData);
ULONG FltGetRequestorProcessId(_In_ PFLT_CALLBACK_DATA CallbackData);
HANDLE FltGetRequestorProcessIdEx(_In_ PFLT_CALLBACK_DATA CallbackData);
NTSTATUS FltGetRequestorSessionId(_In_ PFLT_CALLBACK_DATA CallbackData, _Out_ PULONG SessionId);
PCHAR FltGetIrpName(_In_ UCHAR IrpMajorCode);

NTSTATUS FltGetActivityIdCallbackData(_In_ PFLT_CALLBACK_DATA CallbackData, _Out_ LPGUID Guid);
NTSTATUS FltSetActivityIdCallbackData(_Inout_ PFLT_CALLBACK_DATA CallbackData,
                                      _In_opt_ LPCGUID Guid);
NTSTATUS FltPropagateActivityIdToThread(_In_ PFLT_CALLBACK_DATA CallbackData,
                                        _Inout_ LPGUID PropagateId, _Outptr_ LPCGUID *OriginalId);
NTSTATUS FltPropagateIrpExtension(_In_ PFLT_CALLBACK_DATA SourceData,
                                  _Inout_ PFLT_CALLBACK_DATA TargetData, _In_ ULONG Flags);
NTSTATUS FltGetCopyInformationFromCallbackData(_In_ PFLT_CALLBACK_DATA Data,
                                               _Out_ PCOPY_INFORMATION CopyInformation);

IO_PRIORITY_HINT FltGetIoPriorityHint(_In_ PFLT_CALLBACK_DATA Data);
IO_PRIORITY_HINT FltGetIoPriorityHintFromCallbackData(_In_ PFLT_CALLBACK_DATA Data);
NTSTATUS FltSetIoPriorityHintIntoCallbackData(_In_ PFLT_CALLBACK_DATA Data,
                                              _In_ IO_PRIORITY_HINT PriorityHint);
IO_PRIORITY_HINT FltGetIoPriorityHintFromFileObject(_In_ PFILE_OBJECT FileObject);
NTSTATUS FltSetIoPriorityHintIntoFileObject(_In_ PFILE_OBJECT FileObject,
                                            _In_ IO_PRIORITY_HINT PriorityHint);
IO_PRIORITY_HINT FltGetIoPriorityHintFromThread(_In_ PETHREAD Thread);
NTSTATUS FltSetIoPriorityHintIntoThread(_In_ PETHREAD Thread, _In_ IO_PRIORITY_HINT PriorityHint);
VOID FltRetrieveIoPriorityInfo(_In_opt_ PFLT_CALLBACK_DATA Data, _In_opt_ PFILE_OBJECT FileObject,
                               _In_opt_ PETHREAD Thread, _Inout_ PIO_PRIORITY_INFO PriorityInfo);
NTSTATUS FltApplyPriorityInfoThread(_In_ PIO_PRIORITY_INFO InputPriorityInfo,
                                    _Out_opt_ PIO_PRIORITY_INFO OutputPriorityInfo,
                                    _In_ PETHREAD Thread);

FLTSIM_WDK_END

#endif
