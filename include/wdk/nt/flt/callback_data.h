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

// To be called after changing Iopb's parameters, in a pre-callback: those below get the changed
// ones. Changing IoStatus needs no such call. The Filter Manager puts the old parameters back
// before the caller's own post-callback. Any IRQL.
VOID FltSetCallbackDataDirty(_Inout_ PFLT_CALLBACK_DATA Data);

// Takes back FltSetCallbackDataDirty: for whoever set it in this callback.
VOID FltClearCallbackDataDirty(_Inout_ PFLT_CALLBACK_DATA Data);

// Whether parameters were changed by the caller or by a filter above it.
BOOLEAN FltIsCallbackDataDirty(_In_ PFLT_CALLBACK_DATA Data);

// Whether the issuer waits: then a pre-operation may be pended or synchronized without changing
// what the issuer sees. Any IRQL.
BOOLEAN FltIsOperationSynchronous(_In_ PFLT_CALLBACK_DATA CallbackData);

// Whether the issuing process (the current one for NULL) is a 32-bit process on a 64-bit system.
// IRQL <= APC_LEVEL.
BOOLEAN FltIs32bitProcess(_In_opt_ PFLT_CALLBACK_DATA CallbackData);

// Finds, for any operation that has a buffer, where its MDL, buffer and length are stored.
// Pointers into CallbackData: no references. An operation without a buffer has no such pointers.
// Any IRQL. STATUS_INVALID_PARAMETER.
NTSTATUS FltDecodeParameters(_In_ PFLT_CALLBACK_DATA CallbackData,
                             _Outptr_opt_ PMDL **MdlAddressPointer, _Outptr_opt_ PVOID **Buffer,
                             _Outptr_opt_ PULONG *Length, _Out_opt_ LOCK_OPERATION *DesiredAccess);

// Locks the operation's buffer and sets its MDL; nothing to be done if there is one. Must run in
// the issuer's context. The Filter Manager unlocks and frees at completion; parameters change
// without becoming dirty. IRQL <= APC_LEVEL. STATUS_INSUFFICIENT_RESOURCES,
// STATUS_INVALID_PARAMETER.
NTSTATUS FltLockUserBuffer(_In_ PFLT_CALLBACK_DATA CallbackData);

// The MDL that this filter swapped in, in its post-callback; NULL if none. The Filter Manager
// frees it, unless retained. Any IRQL.
PMDL FltGetSwappedBufferMdlAddress(_In_ PFLT_CALLBACK_DATA CallbackData);

// In a post-callback, before it returns: the swapped MDL becomes the caller's to free. Any IRQL.
VOID FltRetainSwappedBufferMdlAddress(_In_ PFLT_CALLBACK_DATA CallbackData);

// In a post-callback with FLTFL_CALLBACK_DATA_NEW_SYSTEM_BUFFER: the system buffer that the file system allocated, and that
// has the data now, in the place of the buffer that the pre-callback saw. Else NULL. IRQL <= DISPATCH_LEVEL.
PVOID FltGetNewSystemBufferAddress(_In_ PFLT_CALLBACK_DATA CallbackData);

// The process that issued the operation: no reference, good while the operation is. NULL if its
// thread has gone. IRQL <= DISPATCH_LEVEL.
PEPROCESS FltGetRequestorProcess(_In_ PFLT_CALLBACK_DATA CallbackData);

// The process identifier of the issuer, 0 if there is none. IRQL <= DISPATCH_LEVEL.
ULONG FltGetRequestorProcessId(_In_ PFLT_CALLBACK_DATA CallbackData);

// As FltGetRequestorProcessId, with the width of a handle. IRQL <= DISPATCH_LEVEL.
HANDLE FltGetRequestorProcessIdEx(_In_ PFLT_CALLBACK_DATA CallbackData);

// The issuer's session; -1 in *SessionId if it has none, and an error. IRQL <= APC_LEVEL.
// STATUS_UNSUCCESSFUL.
NTSTATUS FltGetRequestorSessionId(_In_ PFLT_CALLBACK_DATA CallbackData, _Out_ PULONG SessionId);

// A constant, printable name for a major function, those that are no IRP included. Any IRQL.
PCHAR FltGetIrpName(_In_ UCHAR IrpMajorCode);

// The activity identifier carried by the operation's IRP. IRQL <= DISPATCH_LEVEL.
// STATUS_NOT_SUPPORTED, STATUS_NOT_FOUND.
NTSTATUS FltGetActivityIdCallbackData(_In_ PFLT_CALLBACK_DATA CallbackData, _Out_ LPGUID Guid);

// Sets it; NULL: to the thread's, if it issued the request and has one. IRQL <= DISPATCH_LEVEL. STATUS_NOT_SUPPORTED: no
// IRP, or no identifier; STATUS_INSUFFICIENT_RESOURCES.
NTSTATUS FltSetActivityIdCallbackData(_Inout_ PFLT_CALLBACK_DATA CallbackData,
                                      _In_opt_ LPCGUID Guid);

// Makes the operation's identifier the thread's, which refers to *PropagateId from then on; *OriginalId is to be given back by
// IoClearActivityIdThread. IRQL <= DISPATCH_LEVEL. STATUS_NOT_SUPPORTED, STATUS_NOT_FOUND.
NTSTATUS FltPropagateActivityIdToThread(_In_ PFLT_CALLBACK_DATA CallbackData,
                                        _Inout_ LPGUID PropagateId, _Outptr_ LPCGUID *OriginalId);

// Copies what the source's IRP carries (activity, copy information, priority hint), as far as there is any, to callback
// data of the caller's own. IRQL <= DISPATCH_LEVEL. STATUS_INVALID_PARAMETER: one is no IRP operation, or flags;
// STATUS_INSUFFICIENT_RESOURCES.
NTSTATUS FltPropagateIrpExtension(_In_ PFLT_CALLBACK_DATA SourceData,
                                  _Inout_ PFLT_CALLBACK_DATA TargetData, _In_ ULONG Flags);

// Where the data of a read or a write of a file copy come from. The file object is not referenced.
// IRQL <= DISPATCH_LEVEL. STATUS_INVALID_PARAMETER, STATUS_NOT_FOUND.
NTSTATUS FltGetCopyInformationFromCallbackData(_In_ PFLT_CALLBACK_DATA Data,
                                               _Out_ PCOPY_INFORMATION CopyInformation);

// The priority hint of an operation: from its IRP, its file object or its thread. IRQL <=
// DISPATCH_LEVEL.
IO_PRIORITY_HINT FltGetIoPriorityHint(_In_ PFLT_CALLBACK_DATA Data);

// The hint set on the operation itself. IRQL <= DISPATCH_LEVEL.
IO_PRIORITY_HINT FltGetIoPriorityHintFromCallbackData(_In_ PFLT_CALLBACK_DATA Data);

// Sets it, for operations of the caller's own. IRQL <= DISPATCH_LEVEL. STATUS_INVALID_PARAMETER.
NTSTATUS FltSetIoPriorityHintIntoCallbackData(_In_ PFLT_CALLBACK_DATA Data,
                                              _In_ IO_PRIORITY_HINT PriorityHint);

// The hint set on a file object. IRQL <= DISPATCH_LEVEL.
IO_PRIORITY_HINT FltGetIoPriorityHintFromFileObject(_In_ PFILE_OBJECT FileObject);

// Sets it for the operations to come on this file object. IRQL <= DISPATCH_LEVEL.
// STATUS_INVALID_PARAMETER.
NTSTATUS FltSetIoPriorityHintIntoFileObject(_In_ PFILE_OBJECT FileObject,
                                            _In_ IO_PRIORITY_HINT PriorityHint);

// The hint set on a thread. IRQL <= DISPATCH_LEVEL.
IO_PRIORITY_HINT FltGetIoPriorityHintFromThread(_In_ PETHREAD Thread);

// Sets it for the operations the thread issues. IRQL <= DISPATCH_LEVEL. STATUS_INVALID_PARAMETER.
NTSTATUS FltSetIoPriorityHintIntoThread(_In_ PETHREAD Thread, _In_ IO_PRIORITY_HINT PriorityHint);

// Gathers the priority of an operation, a file object and a thread into one structure, which the
// caller has initialised. IRQL <= DISPATCH_LEVEL.
VOID FltRetrieveIoPriorityInfo(_In_opt_ PFLT_CALLBACK_DATA Data, _In_opt_ PFILE_OBJECT FileObject,
                               _In_opt_ PETHREAD Thread, _Inout_ PIO_PRIORITY_INFO PriorityInfo);

// Gives a thread, usually a worker, the priority of an operation; the old one, if asked for, is to
// be applied again afterwards. IRQL <= DISPATCH_LEVEL. STATUS_INVALID_PARAMETER_1.
NTSTATUS FltApplyPriorityInfoThread(_In_ PIO_PRIORITY_INFO InputPriorityInfo,
                                    _Out_opt_ PIO_PRIORITY_INFO OutputPriorityInfo,
                                    _In_ PETHREAD Thread);

FLTSIM_WDK_END

#endif
