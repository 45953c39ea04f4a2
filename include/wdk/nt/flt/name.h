// File names: asking for them, parsing them, and providing them.
#ifndef FLTSIM_WDK_NT_FLT_NAME_H
#define FLTSIM_WDK_NT_FLT_NAME_H

#include "../begin.h"
#include "../io.h"
#include "../types.h"
#include "callback_data.h"
#include "registration.h"
#include "types.h"

FLTSIM_WDK_BEGIN

#define FLT_VALID_FILE_NAME_FORMATS 0x000000ff
#define FLT_FILE_NAME_NORMALIZED 0x00000001
#define FLT_FILE_NAME_OPENED 0x00000002
#define FLT_FILE_NAME_SHORT 0x00000003

#define FLT_VALID_FILE_NAME_QUERY_METHODS 0x0000ff00
#define FLT_FILE_NAME_QUERY_DEFAULT 0x00000100
#define FLT_FILE_NAME_QUERY_CACHE_ONLY 0x00000200
#define FLT_FILE_NAME_QUERY_FILESYSTEM_ONLY 0x00000300
#define FLT_FILE_NAME_QUERY_ALWAYS_ALLOW_CACHE_LOOKUP 0x00000400

#define FLT_VALID_FILE_NAME_FLAGS 0xff000000
#define FLT_FILE_NAME_REQUEST_FROM_CURRENT_PROVIDER 0x01000000
#define FLT_FILE_NAME_DO_NOT_CACHE 0x02000000
#define FLT_FILE_NAME_ALLOW_QUERY_ON_REPARSE 0x04000000

#define FltGetFileNameFormat(_NameOptions)                                                         \
    ((FLT_FILE_NAME_OPTIONS)((_NameOptions)&FLT_VALID_FILE_NAME_FORMATS))
#define FltSetFileNameFormat(_NameOptions, _NameFormat)                                            \
    ((_NameOptions) = (((_NameOptions) & ~FLT_VALID_FILE_NAME_FORMATS) |                           \
                       ((_NameFormat)&FLT_VALID_FILE_NAME_FORMATS)))
#define FltGetFileNameQueryMethod(_NameOptions)                                                    \
    ((FLT_FILE_NAME_OPTIONS)((_NameOptions)&FLT_VALID_FILE_NAME_QUERY_METHODS))
#define FltSetFileNameQueryMethod(_NameOptions, _QueryMethod)                                      \
    ((_NameOptions) = (((_NameOptions) & ~FLT_VALID_FILE_NAME_QUERY_METHODS) |                     \
                       ((_QueryMethod)&FLT_VALID_FILE_NAME_QUERY_METHODS)))
#define FltGetFileNameFlags(_NameOptions)                                                          \
    ((FLT_FILE_NAME_OPTIONS)((_NameOptions)&FLT_VALID_FILE_NAME_FLAGS))

typedef USHORT FLT_FILE_NAME_PARSED_FLAGS;
#define FLTFL_FILE_NAME_PARSED_FINAL_COMPONENT 0x0001
#define FLTFL_FILE_NAME_PARSED_EXTENSION 0x0002
#define FLTFL_FILE_NAME_PARSED_STREAM 0x0004
#define FLTFL_FILE_NAME_PARSED_PARENT_DIR 0x0008

struct _FLT_FILE_NAME_INFORMATION {
    USHORT Size;
    FLT_FILE_NAME_PARSED_FLAGS NamesParsed;
    FLT_FILE_NAME_OPTIONS Format;
    UNICODE_STRING Name;   // Volume, Share, parent, final component and stream in one
    UNICODE_STRING Volume; // the rest point into Name
    UNICODE_STRING Share;
    UNICODE_STRING Extension;
    UNICODE_STRING Stream;
    UNICODE_STRING FinalComponent;
    UNICODE_STRING ParentDir;
};

struct _FLT_NAME_CONTROL {
    UNICODE_STRING Name;
};

// The name of the operation's file object in the form and by the method asked for; one reference,
// for FltReleaseFileNameInformation. Not for paging I/O paths, with APCs disabled, or when the
// name could need I/O that could deadlock: STATUS_FLT_INVALID_NAME_REQUEST. In a pre-create opened
// names only come from the cache or from the request. IRQL <= APC_LEVEL. Also
// STATUS_INSUFFICIENT_RESOURCES, STATUS_INVALID_PARAMETER, STATUS_FLT_NAME_CACHE_MISS,
// STATUS_NOT_SAME_DEVICE, STATUS_ACCESS_DENIED.
NTSTATUS FltGetFileNameInformation(_In_ PFLT_CALLBACK_DATA CallbackData,
                                   _In_ FLT_FILE_NAME_OPTIONS NameOptions,
                                   _Outptr_ PFLT_FILE_NAME_INFORMATION *FileNameInformation);

// As FltGetFileNameInformation, outside of an operation: only where no lock or paging I/O can be
// underneath. The file object must be open. IRQL <= APC_LEVEL. STATUS_FLT_INVALID_NAME_REQUEST,
// STATUS_INVALID_PARAMETER.
NTSTATUS FltGetFileNameInformationUnsafe(_In_ PFILE_OBJECT FileObject,
                                         _In_opt_ PFLT_INSTANCE Instance,
                                         _In_ FLT_FILE_NAME_OPTIONS NameOptions,
                                         _Outptr_ PFLT_FILE_NAME_INFORMATION *FileNameInformation);

// The name that a rename or a link will make, in a pre-operation of it. One reference. IRQL <=
// APC_LEVEL. STATUS_FLT_INVALID_NAME_REQUEST, STATUS_INSUFFICIENT_RESOURCES,
// STATUS_INVALID_PARAMETER, STATUS_MOUNT_POINT_NOT_RESOLVED.
NTSTATUS FltGetDestinationFileNameInformation(
    _In_ PFLT_INSTANCE Instance, _In_ PFILE_OBJECT FileObject, _In_opt_ HANDLE RootDirectory,
    _In_ PWSTR FileName, _In_ ULONG FileNameLength, _In_ FLT_FILE_NAME_OPTIONS NameOptions,
    _Outptr_ PFLT_FILE_NAME_INFORMATION *RetFileNameInformation);

// In a post-operation of create, rename or link: what the normalized name has become by
// tunnelling; NULL if it has not changed. One reference. IRQL <= APC_LEVEL.
// STATUS_INSUFFICIENT_RESOURCES.
NTSTATUS FltGetTunneledName(
    _In_ PFLT_CALLBACK_DATA CallbackData, _In_ PFLT_FILE_NAME_INFORMATION FileNameInformation,
    _Outptr_result_maybenull_ PFLT_FILE_NAME_INFORMATION *RetTunneledFileNameInformation);

// Adds a reference. IRQL <= APC_LEVEL.
VOID FltReferenceFileNameInformation(_In_ PFLT_FILE_NAME_INFORMATION FileNameInformation);

// Gives back a reference. The structure is read-only and may be shared. IRQL <= APC_LEVEL.
VOID FltReleaseFileNameInformation(_In_ PFLT_FILE_NAME_INFORMATION FileNameInformation);

// Fills in Volume, Share, Extension, Stream, FinalComponent and ParentDir, as far as the format
// allows: NamesParsed says what. IRQL <= APC_LEVEL.
NTSTATUS FltParseFileNameInformation(_Inout_ PFLT_FILE_NAME_INFORMATION FileNameInformation);

// Finds a name's parts, as substrings of it. A drive or volume before the path is not understood.
// IRQL <= APC_LEVEL.
NTSTATUS FltParseFileName(_In_ PCUNICODE_STRING FileName, _Inout_opt_ PUNICODE_STRING Extension,
                          _Inout_opt_ PUNICODE_STRING Stream,
                          _Inout_opt_ PUNICODE_STRING FinalComponent);

// Makes room for NewSize bytes, keeping the name. For GenerateFileNameCallback. IRQL <= APC_LEVEL.
// STATUS_INSUFFICIENT_RESOURCES.
NTSTATUS FltCheckAndGrowNameControl(_Inout_ PFLT_NAME_CONTROL NameCtrl, _In_ USHORT NewSize);

// Forgets the names of a file object, or all of the instance's volume. IRQL <= APC_LEVEL.
NTSTATUS FltPurgeFileNameInformationCache(_In_ PFLT_INSTANCE Instance,
                                          _In_opt_ PFILE_OBJECT FileObject);

FLTSIM_WDK_END

#endif
