// FLT_REGISTRATION: how a minifilter tells what it wants, and the callbacks it brings.
#ifndef FLTSIM_WDK_NT_FLT_REGISTRATION_H
#define FLTSIM_WDK_NT_FLT_REGISTRATION_H

#include "../begin.h"
#include "../io.h"
#include "../types.h"
#include "callback_data.h"
#include "context.h"
#include "types.h"
#include "user_structures.h"

FLTSIM_WDK_BEGIN

// What a pre-callback says.
typedef enum _FLT_PREOP_CALLBACK_STATUS {
    FLT_PREOP_SUCCESS_WITH_CALLBACK, // go on, and call the post-callback, with the completion
                                     // context
    FLT_PREOP_SUCCESS_NO_CALLBACK,   // go on; *CompletionContext must be NULL
    FLT_PREOP_PENDING,         // the filter completes it: FltCompletePendedPreOperation. IRPs only
    FLT_PREOP_DISALLOW_FASTIO, // fast I/O only: not this way, the issuer sends an IRP
    FLT_PREOP_COMPLETE,        // done here, IoStatus is set: nobody below sees it
    FLT_PREOP_SYNCHRONIZE, // go on, and call the post-callback in this thread at <= APC_LEVEL. IRPs
                           // only
    FLT_PREOP_DISALLOW_FSFILTER_IO, // IRP_MJ_QUERY_OPEN only: not this way, the issuer opens the
                                   // file
    fltsim_preop_signed = -1       // enumerations are signed for MSVC: drivers tell their own -1 by < 0
} FLT_PREOP_CALLBACK_STATUS,
    *PFLT_PREOP_CALLBACK_STATUS;

// What a post-callback says.
typedef enum _FLT_POSTOP_CALLBACK_STATUS {
    FLT_POSTOP_FINISHED_PROCESSING,      // go on with those above
    FLT_POSTOP_MORE_PROCESSING_REQUIRED, // the filter goes on later:
                                         // FltCompletePendedPostOperation. IRPs only
    FLT_POSTOP_DISALLOW_FSFILTER_IO,     // IRP_MJ_QUERY_OPEN only
    fltsim_postop_signed = -1
} FLT_POSTOP_CALLBACK_STATUS,
    *PFLT_POSTOP_CALLBACK_STATUS;

typedef ULONG FLT_POST_OPERATION_FLAGS;
#define FLTFL_POST_OPERATION_DRAINING                                                              \
    0x00000001 // the instance goes away: the operation may not be done yet

// Called on the operation's way down, in the issuer's context unless somebody above posted it, at
// <= APC_LEVEL (paging I/O at APC_LEVEL at most). Data and FltObjects are good until it returns.

typedef FLT_PREOP_CALLBACK_STATUS(FLTAPI *PFLT_PRE_OPERATION_CALLBACK)(
    _Inout_ PFLT_CALLBACK_DATA Data, _In_ PCFLT_RELATED_OBJECTS FltObjects,
    _Outptr_result_maybenull_ PVOID *CompletionContext);
// Called on its way up, for each pre-callback that asked, in any context at <= DISPATCH_LEVEL;
// IRP_MJ_CREATE's and those after FLT_PREOP_SYNCHRONIZE at PASSIVE_LEVEL in the issuer's thread.
// When draining, only what CompletionContext holds may be given back.
typedef FLT_POSTOP_CALLBACK_STATUS(FLTAPI *PFLT_POST_OPERATION_CALLBACK)(
    _Inout_ PFLT_CALLBACK_DATA Data, _In_ PCFLT_RELATED_OBJECTS FltObjects,
    _In_opt_ PVOID CompletionContext, _In_ FLT_POST_OPERATION_FLAGS Flags);

typedef ULONG FLT_OPERATION_REGISTRATION_FLAGS;
#define FLTFL_OPERATION_REGISTRATION_SKIP_PAGING_IO 0x00000001
#define FLTFL_OPERATION_REGISTRATION_SKIP_CACHED_IO 0x00000002
#define FLTFL_OPERATION_REGISTRATION_SKIP_NON_DASD_IO 0x00000004
#define FLTFL_OPERATION_REGISTRATION_SKIP_NON_CACHED_NON_PAGING_IO 0x00000008

typedef struct _FLT_OPERATION_REGISTRATION {
    UCHAR MajorFunction; // the list ends with IRP_MJ_OPERATION_END
    FLT_OPERATION_REGISTRATION_FLAGS Flags;
    PFLT_PRE_OPERATION_CALLBACK PreOperation;
    PFLT_POST_OPERATION_CALLBACK PostOperation;
    PVOID Reserved1;
} FLT_OPERATION_REGISTRATION, *PFLT_OPERATION_REGISTRATION;
typedef const FLT_OPERATION_REGISTRATION *PCFLT_OPERATION_REGISTRATION;

typedef ULONG FLT_FILTER_UNLOAD_FLAGS;
#define FLTFL_FILTER_UNLOAD_MANDATORY 0x00000001

// Called when the filter is to be unloaded, at PASSIVE_LEVEL: it closes its server port and calls
// FltUnregisterFilter. It may refuse with STATUS_FLT_DO_NOT_DETACH, unless the unload is mandatory.
typedef NTSTATUS(FLTAPI *PFLT_FILTER_UNLOAD_CALLBACK)(FLT_FILTER_UNLOAD_FLAGS Flags);

typedef ULONG FLT_INSTANCE_SETUP_FLAGS;
#define FLTFL_INSTANCE_SETUP_AUTOMATIC_ATTACHMENT 0x00000001
#define FLTFL_INSTANCE_SETUP_MANUAL_ATTACHMENT 0x00000002
#define FLTFL_INSTANCE_SETUP_NEWLY_MOUNTED_VOLUME 0x00000004
#define FLTFL_INSTANCE_SETUP_DETACHED_VOLUME 0x00000008

// Called for every volume as an instance is made, at PASSIVE_LEVEL: no callback of the instance
// comes before it has returned. STATUS_FLT_DO_NOT_ATTACH, or any error, keeps the instance away.
typedef NTSTATUS(FLTAPI *PFLT_INSTANCE_SETUP_CALLBACK)(
    _In_ PCFLT_RELATED_OBJECTS FltObjects, _In_ FLT_INSTANCE_SETUP_FLAGS Flags,
    _In_ DEVICE_TYPE VolumeDeviceType, _In_ FLT_FILESYSTEM_TYPE VolumeFilesystemType);

typedef ULONG FLT_INSTANCE_QUERY_TEARDOWN_FLAGS;

// Called when somebody asks for a manual detach, at PASSIVE_LEVEL. An error, e.g.
// STATUS_FLT_DO_NOT_DETACH, refuses it.
typedef NTSTATUS(FLTAPI *PFLT_INSTANCE_QUERY_TEARDOWN_CALLBACK)(
    _In_ PCFLT_RELATED_OBJECTS FltObjects, _In_ FLT_INSTANCE_QUERY_TEARDOWN_FLAGS Flags);

typedef ULONG FLT_INSTANCE_TEARDOWN_FLAGS;
#define FLTFL_INSTANCE_TEARDOWN_MANUAL 0x00000001
#define FLTFL_INSTANCE_TEARDOWN_FILTER_UNLOAD 0x00000002
#define FLTFL_INSTANCE_TEARDOWN_MANDATORY_FILTER_UNLOAD 0x00000004
#define FLTFL_INSTANCE_TEARDOWN_VOLUME_DISMOUNT 0x00000008
#define FLTFL_INSTANCE_TEARDOWN_INTERNAL_ERROR 0x00000010

// Start: no new operations come; pended ones are to be completed, work of the instance's own to be
// ended. Complete: all operations have drained, the instance goes. At PASSIVE_LEVEL both.
typedef VOID(FLTAPI *PFLT_INSTANCE_TEARDOWN_CALLBACK)(_In_ PCFLT_RELATED_OBJECTS FltObjects,
                                                      _In_ FLT_INSTANCE_TEARDOWN_FLAGS Reason);

typedef ULONG FLT_FILE_NAME_OPTIONS;
typedef ULONG FLT_NORMALIZE_NAME_FLAGS;
#define FLTFL_NORMALIZE_NAME_CASE_SENSITIVE 0x01
#define FLTFL_NORMALIZE_NAME_DESTINATION_FILE_NAME 0x02

// A name provider's: puts the opened, or normalized, name of a file into FileName by
// FltCheckAndGrowNameControl. Whether it may be cached is its to say.
typedef NTSTATUS(FLTAPI *PFLT_GENERATE_FILE_NAME)(_In_ PFLT_INSTANCE Instance,
                                                  _In_ PFILE_OBJECT FileObject,
                                                  _In_opt_ PFLT_CALLBACK_DATA CallbackData,
                                                  _In_ FLT_FILE_NAME_OPTIONS NameOptions,
                                                  _Out_ PBOOLEAN CacheFileNameInformation,
                                                  _Out_ PFLT_NAME_CONTROL FileName);
// A name provider's: the long form of one component, below a parent that is normalized already.
typedef NTSTATUS(FLTAPI *PFLT_NORMALIZE_NAME_COMPONENT)(
    _In_ PFLT_INSTANCE Instance, _In_ PCUNICODE_STRING ParentDirectory,
    _In_ USHORT VolumeNameLength, _In_ PCUNICODE_STRING Component,
    _Out_ PFILE_NAMES_INFORMATION ExpandComponentName, _In_ ULONG ExpandComponentNameLength,
    _In_ FLT_NORMALIZE_NAME_FLAGS Flags, _Inout_ PVOID *NormalizationContext);
typedef NTSTATUS(FLTAPI *PFLT_NORMALIZE_NAME_COMPONENT_EX)(
    _In_ PFLT_INSTANCE Instance, _In_ PFILE_OBJECT FileObject,
    _In_ PCUNICODE_STRING ParentDirectory, _In_ USHORT VolumeNameLength,
    _In_ PCUNICODE_STRING Component, _Out_ PFILE_NAMES_INFORMATION ExpandComponentName,
    _In_ ULONG ExpandComponentNameLength, _In_ FLT_NORMALIZE_NAME_FLAGS Flags,
    _Inout_ PVOID *NormalizationContext);
typedef VOID(FLTAPI *PFLT_NORMALIZE_CONTEXT_CLEANUP)(_In_opt_ PVOID *NormalizationContext);

// Called for what FltEnlistInTransaction asked for. STATUS_PENDING: the filter answers later, by
// the routine of its name.
typedef NTSTATUS(FLTAPI *PFLT_TRANSACTION_NOTIFICATION_CALLBACK)(
    _In_ PCFLT_RELATED_OBJECTS FltObjects, _In_ PFLT_CONTEXT TransactionContext,
    _In_ ULONG NotificationMask);
// Called when an operation is in conflict with a section of FltCreateSectionForDataScan: the scan
// is to be ended soon.
typedef NTSTATUS(FLTAPI *PFLT_SECTION_CONFLICT_NOTIFICATION_CALLBACK)(
    _In_ PFLT_INSTANCE Instance, _In_ PFLT_CONTEXT SectionContext, _In_ PFLT_CALLBACK_DATA Data);

#define FLT_REGISTRATION_VERSION_0200 0x0200 // Windows 2000 to XP
#define FLT_REGISTRATION_VERSION_0201 0x0201 // name normalization with case flags
#define FLT_REGISTRATION_VERSION_0202 0x0202 // Vista: transactions and NormalizeNameComponentEx
#define FLT_REGISTRATION_VERSION_0203 0x0203 // Windows 8: section contexts
#define FLT_REGISTRATION_VERSION FLT_REGISTRATION_VERSION_0203

typedef ULONG FLT_REGISTRATION_FLAGS;
#define FLTFL_REGISTRATION_DO_NOT_SUPPORT_SERVICE_STOP 0x00000001
#define FLTFL_REGISTRATION_SUPPORT_NPFS_MSFS 0x00000002
#define FLTFL_REGISTRATION_SUPPORT_DAX_VOLUME 0x00000004
#define FLTFL_REGISTRATION_SUPPORT_WCOS 0x00000008
#define FLTFL_REGISTRATION_FILTERS_READ 0x00000010
#define FLTFL_REGISTRATION_FILTERS_WRITE 0x00000020

typedef struct _FLT_REGISTRATION {
    USHORT Size;
    USHORT Version;
    FLT_REGISTRATION_FLAGS Flags;
    const FLT_CONTEXT_REGISTRATION *ContextRegistration;
    const FLT_OPERATION_REGISTRATION *OperationRegistration;
    PFLT_FILTER_UNLOAD_CALLBACK FilterUnloadCallback;
    PFLT_INSTANCE_SETUP_CALLBACK InstanceSetupCallback;
    PFLT_INSTANCE_QUERY_TEARDOWN_CALLBACK InstanceQueryTeardownCallback;
    PFLT_INSTANCE_TEARDOWN_CALLBACK InstanceTeardownStartCallback;
    PFLT_INSTANCE_TEARDOWN_CALLBACK InstanceTeardownCompleteCallback;
    PFLT_GENERATE_FILE_NAME GenerateFileNameCallback;
    PFLT_NORMALIZE_NAME_COMPONENT NormalizeNameComponentCallback;
    PFLT_NORMALIZE_CONTEXT_CLEANUP NormalizeContextCleanupCallback;
    PFLT_TRANSACTION_NOTIFICATION_CALLBACK TransactionNotificationCallback;
    PFLT_NORMALIZE_NAME_COMPONENT_EX NormalizeNameComponentExCallback;
    PFLT_SECTION_CONFLICT_NOTIFICATION_CALLBACK SectionNotificationCallback;
} FLT_REGISTRATION, *PFLT_REGISTRATION;

// Registers a minifilter; nothing is filtered before FltStartFiltering. Registration is copied. On
// success *RetFilter is the caller's until FltUnregisterFilter; on error it is not to be used.
// IRQL <= APC_LEVEL. STATUS_INSUFFICIENT_RESOURCES, STATUS_INVALID_PARAMETER,
// STATUS_FLT_NOT_INITIALIZED, STATUS_OBJECT_NAME_NOT_FOUND.
NTSTATUS FltRegisterFilter(_In_ PDRIVER_OBJECT Driver, _In_ const FLT_REGISTRATION *Registration,
                           _Outptr_ PFLT_FILTER *RetFilter);

// Call it from FilterUnloadCallback, or after a failed start. Takes away the callbacks, drains
// operations that owe a post-callback, tears down every instance, and waits for every reference:
// work items, FltObjectReference, contexts. What is not released never lets it return. IRQL <=
// APC_LEVEL.
VOID FltUnregisterFilter(_In_ PFLT_FILTER Filter);

// From here on volumes are attached to and callbacks come, possibly before it returns. On error
// the filter is still to be unregistered. IRQL <= APC_LEVEL. STATUS_INVALID_PARAMETER.
NTSTATUS FltStartFiltering(_In_ PFLT_FILTER Filter);

// Loads a minifilter by its service name, with its dependencies. The caller needs
// SeLoadDriverPrivilege on its thread. IRQL PASSIVE_LEVEL. STATUS_DRIVER_FAILED_PRIOR_UNLOAD,
// STATUS_FAILED_DRIVER_ENTRY, STATUS_IMAGE_ALREADY_LOADED, STATUS_OBJECT_NAME_NOT_FOUND.
NTSTATUS FltLoadFilter(_In_ PCUNICODE_STRING FilterName);

// Unloads by service name: calls the filter's FilterUnloadCallback, which may refuse, then its
// DriverUnload. IRQL PASSIVE_LEVEL. STATUS_FLT_DELETING_OBJECT, STATUS_FLT_FILTER_NOT_FOUND.
NTSTATUS FltUnloadFilter(_In_ PCUNICODE_STRING FilterName);

// The address of a Filter Manager routine by its name, or NULL where this version has none. IRQL
// <= DISPATCH_LEVEL.
PVOID FltGetRoutineAddress(_In_ PCSTR FltMgrRoutineName);

FLTSIM_WDK_END

#endif
