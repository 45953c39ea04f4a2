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

NTSTATUS FltAllocateContext(_In_ PFLT_FILTER Filter, _In_ FLT_CONTEXT_TYPE ContextType,
                            _In_ SIZE_T ContextSize, _In_ POOL_TYPE PoolType,
                            _Outptr_ PFLT_CONTEXT *ReturnedContext);
VOID FltReferenceContext(_In_ PFLT_CONTEXT Context);
VOID FltReleaseContext(_In_ PFLT_CONTEXT Context);
VOID FltDeleteContext(_In_ PFLT_CONTEXT Context);
VOID FltGetContexts(_In_ PCFLT_RELATED_OBJECTS FltObjects, _In_ FLT_CONTEXT_TYPE DesiredContexts,
                    _Out_ PFLT_RELATED_CONTEXTS Contexts);
NTSTATUS FltGetContextsEx(_In_ PCFLT_RELATED_OBJECTS FltObjects,
                          _In_ FLT_CONTEXT_TYPE DesiredContexts, _In_ SIZE_T ContextsSize,
                          _Out_ PFLT_RELATED_CONTEXTS_EX Contexts);
VOID FltReleaseContexts(_In_ PFLT_RELATED_CONTEXTS Contexts);
VOID FltReleaseContextsEx(_In_ SIZE_T ContextsSize, _In_ PFLT_RELATED_CONTEXTS_EX Contexts);

NTSTATUS FltSetVolumeContext(_In_ PFLT_VOLUME Volume, _In_ FLT_SET_CONTEXT_OPERATION Operation,
                             _In_ PFLT_CONTEXT NewContext, _Outptr_opt_ PFLT_CONTEXT *OldContext);
NTSTATUS FltGetVolumeContext(_In_ PFLT_FILTER Filter, _In_ PFLT_VOLUME Volume,
                             _Outptr_ PFLT_CONTEXT *Context);
NTSTATUS FltDeleteVolumeContext(_In_ PFLT_FILTER Filter, _In_ PFLT_VOLUME Volume,
                                _Outptr_opt_ PFLT_CONTEXT *OldContext);
NTSTATUS FltSetInstanceContext(_In_ PFLT_INSTANCE Instance,
                               _In_ FLT_SET_CONTEXT_OPERATION Operation,
                               _In_ PFLT_CONTEXT NewContext, _Outptr_opt_ PFLT_CONTEXT *OldContext);
NTSTATUS FltGetInstanceContext(_In_ PFLT_INSTANCE Instance, _Outptr_ PFLT_CONTEXT *Context);
NTSTATUS FltDeleteInstanceContext(_In_ PFLT_INSTANCE Instance,
                                  _Outptr_opt_ PFLT_CONTEXT *OldContext);
NTSTATUS FltSetFileContext(_In_ PFLT_INSTANCE Instance, _In_ PFILE_OBJECT FileObject,
                           _In_ FLT_SET_CONTEXT_OPERATION Operation, _In_ PFLT_CONTEXT NewContext,
                           _Outptr_opt_ PFLT_CONTEXT *OldContext);
NTSTATUS FltGetFileContext(_In_ PFLT_INSTANCE Instance, _In_ PFILE_OBJECT FileObject,
                           _Outptr_ PFLT_CONTEXT *Context);
NTSTATUS FltDeleteFileContext(_In_ PFLT_INSTANCE Instance, _In_ PFILE_OBJECT FileObject,
                              _Outptr_opt_ PFLT_CONTEXT *OldContext);
NTSTATUS FltSetStreamContext(_In_ PFLT_INSTANCE Instance, _In_ PFILE_OBJECT FileObject,
                             _In_ FLT_SET_CONTEXT_OPERATION Operation, _In_ PFLT_CONTEXT NewContext,
                             _Outptr_opt_ PFLT_CONTEXT *OldContext);
NTSTATUS FltGetStreamContext(_In_ PFLT_INSTANCE Instance, _In_ PFILE_OBJECT FileObject,
                             _Outptr_ PFLT_CONTEXT *Context);
NTSTATUS FltDeleteStreamContext(_In_ PFLT_INSTANCE Instance, _In_ PFILE_OBJECT FileObject,
                                _Outptr_opt_ PFLT_CONTEXT *OldContext);
NTSTATUS FltSetStreamHandleContext(_In_ PFLT_INSTANCE Instance, _In_ PFILE_OBJECT FileObject,
                                   _In_ FLT_SET_CONTEXT_OPERATION Operation,
                                   _In_ PFLT_CONTEXT NewContext,
                                   _Outptr_opt_ PFLT_CONTEXT *OldContext);
NTSTATUS FltGetStreamHandleContext(_In_ PFLT_INSTANCE Instance, _In_ PFILE_OBJECT FileObject,
                                   _Outptr_ PFLT_CONTEXT *Context);
NTSTATUS FltDeleteStreamHandleContext(_In_ PFLT_INSTANCE Instance, _In_ PFILE_OBJECT FileObject,
                                      _Outptr_opt_ PFLT_CONTEXT *OldContext);
NTSTATUS FltSetTransactionContext(_In_ PFLT_INSTANCE Instance,
                                  _In_ struct _KTRANSACTION *Transaction,
                                  _In_ FLT_SET_CONTEXT_OPERATION Operation,
                                  _In_ PFLT_CONTEXT NewContext,
                                  _Outptr_opt_ PFLT_CONTEXT *OldContext);
NTSTATUS FltGetTransactionContext(_In_ PFLT_INSTANCE Instance,
                                  _In_ struct _KTRANSACTION *Transaction,
                                  _Outptr_ PFLT_CONTEXT *Context);
NTSTATUS FltDeleteTransactionContext(_In_ PFLT_INSTANCE Instance,
                                     _In_ struct _KTRANSACTION *Transaction,
                                     _Outptr_opt_ PFLT_CONTEXT *OldContext);
NTSTATUS FltGetSectionContext(_In_ PFLT_INSTANCE Instance, _In_ PFILE_OBJECT FileObject,
                              _Outptr_ PFLT_CONTEXT *Context);

BOOLEAN FltSupportsFileContexts(_In_ PFILE_OBJECT FileObject);
BOOLEAN FltSupportsFileContextsEx(_In_ PFILE_OBJECT FileObject, _In_opt_ PFLT_INSTANCE Instance);
BOOLEAN FltSupportsStreamContexts(_In_ PFILE_OBJECT FileObject);
BOOLEAN FltSupportsStreamHandleContexts(_In_ PFILE_OBJECT FileObject);

FLTSIM_WDK_END

#endif
