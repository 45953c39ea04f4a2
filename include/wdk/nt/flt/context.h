// Contexts: what a minifilter hangs on volumes, instances, files, streams, handles, transactions,
// sections.
#ifndef FLTSIM_WDK_NT_FLT_CONTEXT_H
#define FLTSIM_WDK_NT_FLT_CONTEXT_H

#include "../begin.h"
#include "../ex.h"
#include "../types.h"
#include "callback_data.h"
#include "types.h"

FLTSIM_WDK_BEGIN

typedef USHORT FLT_CONTEXT_TYPE;
#define FLT_VOLUME_CONTEXT 0x0001
#define FLT_INSTANCE_CONTEXT 0x0002
#define FLT_FILE_CONTEXT 0x0004
#define FLT_STREAM_CONTEXT 0x0008
#define FLT_STREAMHANDLE_CONTEXT 0x0010
#define FLT_TRANSACTION_CONTEXT 0x0020
#define FLT_SECTION_CONTEXT 0x0040
#define FLT_CONTEXT_END 0xffff
#define FLT_ALL_CONTEXTS                                                                           \
    (FLT_VOLUME_CONTEXT | FLT_INSTANCE_CONTEXT | FLT_FILE_CONTEXT | FLT_STREAM_CONTEXT |           \
     FLT_STREAMHANDLE_CONTEXT | FLT_TRANSACTION_CONTEXT | FLT_SECTION_CONTEXT)

#define FLT_VARIABLE_SIZED_CONTEXTS ((SIZE_T)-1)

typedef USHORT FLT_CONTEXT_REGISTRATION_FLAGS;
#define FLTFL_CONTEXT_REGISTRATION_NO_EXACT_SIZE_MATCH 0x0001

// Called once per context, when its last reference goes, before its memory is freed: at <=
// APC_LEVEL for paged contexts, in any thread. It gives back what the context's members hold, not
// the context. The other two bring memory of the filter's own; both or none.
typedef PVOID(FLTAPI *PFLT_CONTEXT_ALLOCATE_CALLBACK)(_In_ POOL_TYPE PoolType, _In_ SIZE_T Size,
                                                      _In_ FLT_CONTEXT_TYPE ContextType);
typedef VOID(FLTAPI *PFLT_CONTEXT_FREE_CALLBACK)(_In_ PVOID Pool,
                                                 _In_ FLT_CONTEXT_TYPE ContextType);
typedef VOID(FLTAPI *PFLT_CONTEXT_CLEANUP_CALLBACK)(_In_ PFLT_CONTEXT Context,
                                                    _In_ FLT_CONTEXT_TYPE ContextType);

typedef struct _FLT_CONTEXT_REGISTRATION {
    FLT_CONTEXT_TYPE ContextType;
    FLT_CONTEXT_REGISTRATION_FLAGS Flags;
    PFLT_CONTEXT_CLEANUP_CALLBACK ContextCleanupCallback;
    SIZE_T Size;
    ULONG PoolTag;
    PFLT_CONTEXT_ALLOCATE_CALLBACK ContextAllocateCallback;
    PFLT_CONTEXT_FREE_CALLBACK ContextFreeCallback;
    PVOID Reserved1;
} FLT_CONTEXT_REGISTRATION, *PFLT_CONTEXT_REGISTRATION;
typedef const FLT_CONTEXT_REGISTRATION *PCFLT_CONTEXT_REGISTRATION;

typedef enum _FLT_SET_CONTEXT_OPERATION {
    FLT_SET_CONTEXT_REPLACE_IF_EXISTS,
    FLT_SET_CONTEXT_KEEP_IF_EXISTS
} FLT_SET_CONTEXT_OPERATION,
    *PFLT_SET_CONTEXT_OPERATION;

typedef struct _FLT_RELATED_CONTEXTS {
    PFLT_CONTEXT VolumeContext;
    PFLT_CONTEXT InstanceContext;
    PFLT_CONTEXT FileContext;
    PFLT_CONTEXT StreamContext;
    PFLT_CONTEXT StreamHandleContext;
    PFLT_CONTEXT TransactionContext;
} FLT_RELATED_CONTEXTS, *PFLT_RELATED_CONTEXTS;

typedef struct _FLT_RELATED_CONTEXTS_EX {
    PFLT_CONTEXT VolumeContext;
    PFLT_CONTEXT InstanceContext;
    PFLT_CONTEXT FileContext;
    PFLT_CONTEXT StreamContext;
    PFLT_CONTEXT StreamHandleContext;
    PFLT_CONTEXT TransactionContext;
    PFLT_CONTEXT SectionContext;
} FLT_RELATED_CONTEXTS_EX, *PFLT_RELATED_CONTEXTS_EX;

// A context of a registered type, with one reference, the caller's. Contents are undefined for a
// fixed size, zero for a variable one. Size must fit the registration (exactly, unless
// NO_EXACT_SIZE_MATCH); nonpaged pool is required for a volume context. IRQL <= APC_LEVEL.
// STATUS_FLT_CONTEXT_ALLOCATION_NOT_FOUND, STATUS_FLT_DELETING_OBJECT,
// STATUS_INSUFFICIENT_RESOURCES, STATUS_INVALID_BUFFER_SIZE, STATUS_INVALID_PARAMETER,
// STATUS_NOT_SUPPORTED.
NTSTATUS FltAllocateContext(_In_ PFLT_FILTER Filter, _In_ FLT_CONTEXT_TYPE ContextType,
                            _In_ SIZE_T ContextSize, _In_ POOL_TYPE PoolType,
                            _Outptr_ PFLT_CONTEXT *ReturnedContext);

// Adds a reference; one FltReleaseContext each. IRQL <= DISPATCH_LEVEL.
VOID FltReferenceContext(_In_ PFLT_CONTEXT Context);

// Gives back one reference. At zero the cleanup callback runs and the memory goes; above
// APC_LEVEL, later, from a work item. Paged contexts are to be released at <= APC_LEVEL.
VOID FltReleaseContext(_In_ PFLT_CONTEXT Context);

// Unlinks the context from its object: no Get finds it again. The link's reference goes; the
// caller's own stays to be released. Not for a section context, which FltCloseSectionForDataScan
// ends (rule context-wrong-type). IRQL <= APC_LEVEL.
VOID FltDeleteContext(_In_ PFLT_CONTEXT Context);

// Gets those of the desired types that there are, each referenced, NULL for the others. Give back
// with FltReleaseContexts. Never asks for a section context. IRQL <= APC_LEVEL.
VOID FltGetContexts(_In_ PCFLT_RELATED_OBJECTS FltObjects, _In_ FLT_CONTEXT_TYPE DesiredContexts,
                    _Out_ PFLT_RELATED_CONTEXTS Contexts);

// As FltGetContexts, the section context included; ContextsSize is the size of the structure. IRQL
// <= APC_LEVEL. STATUS_INVALID_PARAMETER.
NTSTATUS FltGetContextsEx(_In_ PCFLT_RELATED_OBJECTS FltObjects,
                          _In_ FLT_CONTEXT_TYPE DesiredContexts, _In_ SIZE_T ContextsSize,
                          _Out_ PFLT_RELATED_CONTEXTS_EX Contexts);

// Releases each one that is not NULL.
VOID FltReleaseContexts(_In_ PFLT_RELATED_CONTEXTS Contexts);

// Likewise.
VOID FltReleaseContextsEx(_In_ SIZE_T ContextsSize, _In_ PFLT_RELATED_CONTEXTS_EX Contexts);

// Links NewContext to the volume for this filter, adding the link's reference: the caller's own
// stays to be released. KEEP: an existing one wins, STATUS_FLT_CONTEXT_ALREADY_DEFINED, and comes
// back referenced in *OldContext. REPLACE: the old one comes back with the link's reference, or is
// released if nobody asks. *OldContext is NULL in all other cases. IRQL <= APC_LEVEL. Also
// STATUS_FLT_CONTEXT_ALREADY_LINKED, STATUS_FLT_DELETING_OBJECT, STATUS_INVALID_PARAMETER.
NTSTATUS FltSetVolumeContext(_In_ PFLT_VOLUME Volume, _In_ FLT_SET_CONTEXT_OPERATION Operation,
                             _In_ PFLT_CONTEXT NewContext, _Outptr_opt_ PFLT_CONTEXT *OldContext);

// The context of this filter on the volume, referenced; STATUS_NOT_FOUND and NULL if there is
// none. IRQL <= APC_LEVEL.
NTSTATUS FltGetVolumeContext(_In_ PFLT_FILTER Filter, _In_ PFLT_VOLUME Volume,
                             _Outptr_ PFLT_CONTEXT *Context);

// Unlinks it. The link's reference goes to *OldContext, if asked for, else it is released. IRQL <=
// APC_LEVEL. STATUS_FLT_DELETING_OBJECT, STATUS_NOT_FOUND.
NTSTATUS FltDeleteVolumeContext(_In_ PFLT_FILTER Filter, _In_ PFLT_VOLUME Volume,
                                _Outptr_opt_ PFLT_CONTEXT *OldContext);

// As FltSetVolumeContext, for an instance. IRQL <= APC_LEVEL. STATUS_FLT_CONTEXT_ALREADY_DEFINED,
// STATUS_FLT_CONTEXT_ALREADY_LINKED, STATUS_FLT_DELETING_OBJECT, STATUS_INVALID_PARAMETER.
NTSTATUS FltSetInstanceContext(_In_ PFLT_INSTANCE Instance,
                               _In_ FLT_SET_CONTEXT_OPERATION Operation,
                               _In_ PFLT_CONTEXT NewContext, _Outptr_opt_ PFLT_CONTEXT *OldContext);

// The context of the instance, referenced; STATUS_NOT_FOUND and NULL if there is none. IRQL <=
// APC_LEVEL.
NTSTATUS FltGetInstanceContext(_In_ PFLT_INSTANCE Instance, _Outptr_ PFLT_CONTEXT *Context);

// As FltDeleteVolumeContext, for an instance. IRQL <= APC_LEVEL. STATUS_FLT_DELETING_OBJECT,
// STATUS_NOT_FOUND.
NTSTATUS FltDeleteInstanceContext(_In_ PFLT_INSTANCE Instance,
                                  _Outptr_opt_ PFLT_CONTEXT *OldContext);

// As FltSetVolumeContext, for the file that the file object has open, whatever stream it has open
// of it. Not before the create has succeeded, nor after the close: STATUS_NOT_SUPPORTED. IRQL <=
// APC_LEVEL. Also STATUS_FLT_CONTEXT_ALREADY_DEFINED, STATUS_FLT_CONTEXT_ALREADY_LINKED,
// STATUS_FLT_DELETING_OBJECT, STATUS_INSUFFICIENT_RESOURCES (the first
// context of an object), STATUS_INVALID_PARAMETER.
NTSTATUS FltSetFileContext(_In_ PFLT_INSTANCE Instance, _In_ PFILE_OBJECT FileObject,
                           _In_ FLT_SET_CONTEXT_OPERATION Operation, _In_ PFLT_CONTEXT NewContext,
                           _Outptr_opt_ PFLT_CONTEXT *OldContext);

// The context of the file for this instance, referenced; STATUS_NOT_FOUND and NULL if there is
// none. IRQL <= APC_LEVEL. Also STATUS_NOT_SUPPORTED.
NTSTATUS FltGetFileContext(_In_ PFLT_INSTANCE Instance, _In_ PFILE_OBJECT FileObject,
                           _Outptr_ PFLT_CONTEXT *Context);

// As FltDeleteVolumeContext, for a file. IRQL <= APC_LEVEL. STATUS_NOT_FOUND,
// STATUS_NOT_SUPPORTED.
NTSTATUS FltDeleteFileContext(_In_ PFLT_INSTANCE Instance, _In_ PFILE_OBJECT FileObject,
                              _Outptr_opt_ PFLT_CONTEXT *OldContext);

// As FltSetVolumeContext, for the stream that the file object has open: all its handles share it,
// and it lives as long as the file system keeps the stream, which may be long after the last
// close. IRQL <= APC_LEVEL. STATUS_FLT_CONTEXT_ALREADY_DEFINED, STATUS_FLT_CONTEXT_ALREADY_LINKED,
// STATUS_FLT_DELETING_OBJECT, STATUS_INSUFFICIENT_RESOURCES (the first
// context of an object), STATUS_INVALID_PARAMETER, STATUS_NOT_SUPPORTED.
NTSTATUS FltSetStreamContext(_In_ PFLT_INSTANCE Instance, _In_ PFILE_OBJECT FileObject,
                             _In_ FLT_SET_CONTEXT_OPERATION Operation, _In_ PFLT_CONTEXT NewContext,
                             _Outptr_opt_ PFLT_CONTEXT *OldContext);

// The context of the stream for this instance, referenced; STATUS_NOT_FOUND and NULL if there is
// none. IRQL <= APC_LEVEL. Also STATUS_NOT_SUPPORTED.
NTSTATUS FltGetStreamContext(_In_ PFLT_INSTANCE Instance, _In_ PFILE_OBJECT FileObject,
                             _Outptr_ PFLT_CONTEXT *Context);

// As FltDeleteVolumeContext, for a stream. IRQL <= APC_LEVEL. STATUS_FLT_DELETING_OBJECT,
// STATUS_NOT_FOUND, STATUS_NOT_SUPPORTED.
NTSTATUS FltDeleteStreamContext(_In_ PFLT_INSTANCE Instance, _In_ PFILE_OBJECT FileObject,
                                _Outptr_opt_ PFLT_CONTEXT *OldContext);

// As FltSetVolumeContext, for one file object; it goes with it, after IRP_MJ_CLOSE. IRQL <=
// APC_LEVEL. STATUS_FLT_CONTEXT_ALREADY_DEFINED, STATUS_FLT_CONTEXT_ALREADY_LINKED,
// STATUS_FLT_DELETING_OBJECT, STATUS_INSUFFICIENT_RESOURCES (the first
// context of an object), STATUS_INVALID_PARAMETER, STATUS_NOT_SUPPORTED.
NTSTATUS FltSetStreamHandleContext(_In_ PFLT_INSTANCE Instance, _In_ PFILE_OBJECT FileObject,
                                   _In_ FLT_SET_CONTEXT_OPERATION Operation,
                                   _In_ PFLT_CONTEXT NewContext,
                                   _Outptr_opt_ PFLT_CONTEXT *OldContext);

// The context of the file object for this instance, referenced; STATUS_NOT_FOUND and NULL if there
// is none. IRQL <= APC_LEVEL. Also STATUS_NOT_SUPPORTED.
NTSTATUS FltGetStreamHandleContext(_In_ PFLT_INSTANCE Instance, _In_ PFILE_OBJECT FileObject,
                                   _Outptr_ PFLT_CONTEXT *Context);

// As FltDeleteVolumeContext, for a file object. IRQL <= APC_LEVEL. STATUS_FLT_DELETING_OBJECT,
// STATUS_NOT_FOUND, STATUS_NOT_SUPPORTED.
NTSTATUS FltDeleteStreamHandleContext(_In_ PFLT_INSTANCE Instance, _In_ PFILE_OBJECT FileObject,
                                      _Outptr_opt_ PFLT_CONTEXT *OldContext);

// As FltSetVolumeContext, for a transaction; it goes when the transaction has ended. IRQL <=
// APC_LEVEL. STATUS_FLT_CONTEXT_ALREADY_DEFINED, STATUS_FLT_CONTEXT_ALREADY_LINKED,
// STATUS_FLT_DELETING_OBJECT, STATUS_INSUFFICIENT_RESOURCES (the first
// context of an object), STATUS_INVALID_PARAMETER.
NTSTATUS FltSetTransactionContext(_In_ PFLT_INSTANCE Instance,
                                  _In_ struct _KTRANSACTION *Transaction,
                                  _In_ FLT_SET_CONTEXT_OPERATION Operation,
                                  _In_ PFLT_CONTEXT NewContext,
                                  _Outptr_opt_ PFLT_CONTEXT *OldContext);

// The context of the transaction for this instance, referenced; STATUS_NOT_FOUND and NULL if there
// is none. IRQL <= APC_LEVEL.
NTSTATUS FltGetTransactionContext(_In_ PFLT_INSTANCE Instance,
                                  _In_ struct _KTRANSACTION *Transaction,
                                  _Outptr_ PFLT_CONTEXT *Context);

// As FltDeleteVolumeContext, for a transaction. IRQL <= APC_LEVEL. STATUS_FLT_DELETING_OBJECT,
// STATUS_NOT_FOUND.
NTSTATUS FltDeleteTransactionContext(_In_ PFLT_INSTANCE Instance,
                                     _In_ struct _KTRANSACTION *Transaction,
                                     _Outptr_opt_ PFLT_CONTEXT *OldContext);

// The context given to FltCreateSectionForDataScan for the file object's stream, referenced;
// STATUS_NOT_FOUND and NULL if there is none. IRQL <= APC_LEVEL. Also STATUS_NOT_SUPPORTED.
NTSTATUS FltGetSectionContext(_In_ PFLT_INSTANCE Instance, _In_ PFILE_OBJECT FileObject,
                              _Outptr_ PFLT_CONTEXT *Context);

// Whether the file system below keeps file contexts for this file object. IRQL <= APC_LEVEL.
BOOLEAN FltSupportsFileContexts(_In_ PFILE_OBJECT FileObject);

// As FltSupportsFileContexts; with an instance, also whether the Filter Manager keeps them in the
// file system's stead. IRQL <= APC_LEVEL.
BOOLEAN FltSupportsFileContextsEx(_In_ PFILE_OBJECT FileObject, _In_opt_ PFLT_INSTANCE Instance);

// Whether the file object's file system keeps stream contexts. IRQL <= APC_LEVEL.
BOOLEAN FltSupportsStreamContexts(_In_ PFILE_OBJECT FileObject);

// Whether it keeps stream-handle contexts. IRQL <= APC_LEVEL.
BOOLEAN FltSupportsStreamHandleContexts(_In_ PFILE_OBJECT FileObject);

FLTSIM_WDK_END

#endif
