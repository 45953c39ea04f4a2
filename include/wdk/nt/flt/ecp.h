// Extra create parameters, and what a create can be asked to bring back.
#ifndef FLTSIM_WDK_NT_FLT_ECP_H
#define FLTSIM_WDK_NT_FLT_ECP_H

#include "../begin.h"
#include "../fsrtl/ecp.h"
#include "../types.h"
#include "callback_data.h"
#include "name.h"
#include "types.h"

FLTSIM_WDK_BEGIN

typedef struct _FLT_CREATEFILE_TARGET_ECP_CONTEXT {
    PFLT_INSTANCE Instance;
    PFLT_VOLUME Volume;
    PFLT_FILE_NAME_INFORMATION FileNameInformation;
    USHORT Flags;
} FLT_CREATEFILE_TARGET_ECP_CONTEXT, *PFLT_CREATEFILE_TARGET_ECP_CONTEXT;

#define FLTTCFL_AUTO_REPARSE 0x0001

// Who owns a list and what is on it: fsrtl/ecp.h. Rules that watch all of these: ecp-leak,
// ecp-list-leak, ecp-double-free, ecp-use-after-create, ecp-wrong-pool-list-flags.

// An empty list: the caller's to free, unless a create takes it. With
// FSRTL_ALLOCATE_ECPLIST_FLAG_CHARGE_QUOTA the current process is charged for it until it is freed.
// IRQL <= APC_LEVEL. STATUS_INSUFFICIENT_RESOURCES; so, too, when there is no quota left.
NTSTATUS FltAllocateExtraCreateParameterList(_In_ PFLT_FILTER Filter,
                                             _In_ FSRTL_ALLOCATE_ECPLIST_FLAGS Flags,
                                             _Outptr_ PECP_LIST *EcpList);

// Frees the list with what is on it, calling each cleanup callback in the order of insertion. Not
// while a create carries it (ecp-freed-while-attached). IRQL <= APC_LEVEL.
VOID FltFreeExtraCreateParameterList(_In_ PFLT_FILTER Filter, _In_ PECP_LIST EcpList);

// An ECP of the type, zeroed, in no list. The caller's to free until it is inserted. With
// FSRTL_ALLOCATE_ECP_FLAG_CHARGE_QUOTA the current process is charged for it until it is freed.
// IRQL <= APC_LEVEL. STATUS_INSUFFICIENT_RESOURCES; so, too, when there is no quota left.
NTSTATUS FltAllocateExtraCreateParameter(
    _In_ PFLT_FILTER Filter, _In_ LPCGUID EcpType, _In_ ULONG SizeOfContext,
    _In_ FSRTL_ALLOCATE_ECP_FLAGS Flags,
    _In_opt_ PFSRTL_EXTRA_CREATE_PARAMETER_CLEANUP_CALLBACK CleanupCallback, _In_ ULONG PoolTag,
    _Outptr_ PVOID *EcpContext);

// Likewise, from a lookaside list if it fits, from pool if not; Flags count only if not. IRQL <=
// APC_LEVEL. STATUS_INSUFFICIENT_RESOURCES; so, too, for a list that is deleted
// (ecp-lookaside-deleted).
NTSTATUS FltAllocateExtraCreateParameterFromLookasideList(
    _In_ PFLT_FILTER Filter, _In_ LPCGUID EcpType, _In_ ULONG SizeOfContext,
    _In_ FSRTL_ALLOCATE_ECP_FLAGS Flags,
    _In_opt_ PFSRTL_EXTRA_CREATE_PARAMETER_CLEANUP_CALLBACK CleanupCallback,
    _Inout_ PVOID LookasideList, _Outptr_ PVOID *EcpContext);

// Frees an ECP that is on no list (ecp-freed-while-attached); its cleanup callback is called. IRQL
// <= APC_LEVEL.
VOID FltFreeExtraCreateParameter(_In_ PFLT_FILTER Filter, _In_ PVOID EcpContext);

// Makes a lookaside list in nonpaged memory of the caller's: PAGED_ or NPAGED_LOOKASIDE_LIST as the
// flags say. It must be deleted before the driver unloads (not-deleted). IRQL <= APC_LEVEL.
VOID FltInitExtraCreateParameterLookasideList(_In_ PFLT_FILTER Filter, _Inout_ PVOID Lookaside,
                                              _In_ FSRTL_ECP_LOOKASIDE_FLAGS Flags,
                                              _In_ SIZE_T Size, _In_ ULONG Tag);

// Only when every ECP from it has been freed (ecp-lookaside-in-use), with the flags of its
// initialization. Works after FltUnregisterFilter, in the unload callback. Nobody drains creates
// whose pre-operation callback asked for no post-operation callback: what hangs on them is out.
// IRQL <= APC_LEVEL.
VOID FltDeleteExtraCreateParameterLookasideList(_In_ PFLT_FILTER Filter, _Inout_ PVOID Lookaside,
                                                _In_ FSRTL_ECP_LOOKASIDE_FLAGS Flags);

// The list owns the ECP from now on. One of a type: STATUS_INVALID_PARAMETER for a second, which
// stays the caller's; also for one that is on a list (ecp-inserted-twice). IRQL <= APC_LEVEL.
NTSTATUS FltInsertExtraCreateParameter(_In_ PFLT_FILTER Filter, _Inout_ PECP_LIST EcpList,
                                       _Inout_ PVOID EcpContext);

// Takes the ECP off: the caller's to free or to reuse. STATUS_NOT_FOUND if it is not on the list.
// IRQL <= APC_LEVEL.
NTSTATUS FltRemoveExtraCreateParameter(_In_ PFLT_FILTER Filter, _Inout_ PECP_LIST EcpList,
                                       _In_ LPCGUID EcpType, _Outptr_ PVOID *EcpContext,
                                       _Out_opt_ ULONG *EcpContextSize);

// Finds it; it stays on the list. STATUS_NOT_FOUND if it is not there. IRQL <= APC_LEVEL.
NTSTATUS FltFindExtraCreateParameter(_In_ PFLT_FILTER Filter, _In_ PECP_LIST EcpList,
                                     _In_ LPCGUID EcpType, _Outptr_opt_ PVOID *EcpContext,
                                     _Out_opt_ ULONG *EcpContextSize);

// The next one after the given, or the first for NULL; STATUS_NOT_FOUND at the end. IRQL <=
// APC_LEVEL. Also STATUS_INVALID_PARAMETER.
NTSTATUS FltGetNextExtraCreateParameter(_In_ PFLT_FILTER Filter, _In_ PECP_LIST EcpList,
                                        _In_opt_ PVOID CurrentEcpContext,
                                        _Out_opt_ LPGUID NextEcpType,
                                        _Outptr_opt_ PVOID *NextEcpContext,
                                        _Out_opt_ ULONG *NextEcpContextSize);

// The create's list, NULL if it has none. Not the caller's to free, and gone with the create
// (ecp-use-after-create). IRQL <= APC_LEVEL. STATUS_INVALID_PARAMETER for another operation, and
// in a post-operation callback that drains.
NTSTATUS FltGetEcpListFromCallbackData(_In_ PFLT_FILTER Filter,
                                       _In_ PFLT_CALLBACK_DATA CallbackData,
                                       _Outptr_result_maybenull_ PECP_LIST *EcpList);

// Gives the list to a create that has none, in its pre-callback. It is freed with the create. IRQL
// <= APC_LEVEL. STATUS_INVALID_PARAMETER_2 for another operation, STATUS_INVALID_PARAMETER_3 when
// it has a list already (ecp-list-set-over-existing): then the new one stays the caller's.
NTSTATUS FltSetEcpListIntoCallbackData(_In_ PFLT_FILTER Filter,
                                       _In_ PFLT_CALLBACK_DATA CallbackData,
                                       _In_ PECP_LIST EcpList);

// Says to who sent it that the ECP was heeded. IRQL <= APC_LEVEL.
VOID FltAcknowledgeEcp(_In_ PFLT_FILTER Filter, _In_ PVOID EcpContext);

// Whether one below did. IRQL <= APC_LEVEL.
BOOLEAN FltIsEcpAcknowledged(_In_ PFLT_FILTER Filter, _In_ PVOID EcpContext);

// Whether a program sent it: its contents are not to be trusted. IRQL <= APC_LEVEL.
BOOLEAN FltIsEcpFromUserMode(_In_ PFLT_FILTER Filter, _In_ PVOID EcpContext);

// Clears the acknowledgement, before the ECP is used again. IRQL <= APC_LEVEL.
VOID FltPrepareToReuseEcp(_In_ PFLT_FILTER Filter, _In_ PVOID EcpContext);

// Adds an entry to the create's list of reparse points that are to be opened, not followed; the
// create gets an ECP list and an ECP (ECP_TYPE_OPEN_REPARSE_GUID) as needed. The entry's memory
// stays the caller's, and the filter stays referenced until the entry is removed. IRQL <= APC_LEVEL.
// STATUS_INVALID_PARAMETER_2 for another operation.
NTSTATUS FltAddOpenReparseEntry(_In_ PFLT_FILTER Filter, _In_ PFLT_CALLBACK_DATA Data,
                                _In_ POPEN_REPARSE_LIST_ENTRY OpenReparseEntry);

// Takes it off again, in the post-callback at the latest. IRQL <= APC_LEVEL.
VOID FltRemoveOpenReparseEntry(_In_ PFLT_FILTER Filter, _In_ PFLT_CALLBACK_DATA Data,
                               _In_ POPEN_REPARSE_LIST_ENTRY OpenReparseEntry);

// Copies the entries to the ECP list of a create that is to be issued. IRQL <= APC_LEVEL.
// STATUS_INVALID_PARAMETER_2 for another operation.
NTSTATUS FltCopyOpenReparseList(_In_ PFLT_FILTER Filter, _In_ PFLT_CALLBACK_DATA Data,
                                _Inout_ PECP_LIST EcpList);

// Frees what FltCopyOpenReparseList made. IRQL <= APC_LEVEL.
VOID FltFreeOpenReparseList(_In_ PFLT_FILTER Filter, _In_ PECP_LIST EcpList);

// In a pre-create: asks the file system to bring information back with the create: QoCFileStatInformation
// ..., several at once. Filters share one ECP, GUID_ECP_QUERY_ON_CREATE: what one asked for, all can
// retrieve. IRQL <= APC_LEVEL. STATUS_INSUFFICIENT_RESOURCES; STATUS_INVALID_PARAMETER_2: not an
// IRP-based create.
NTSTATUS FltRequestFileInfoOnCreateCompletion(_In_ PFLT_FILTER Filter, _In_ PFLT_CALLBACK_DATA Data,
                                              _In_ ULONG InfoClassFlags);

// In a post-create: what it brought, or NULL. Gone with the create; what is written into it is what
// filters above retrieve. IRQL <= APC_LEVEL.
PVOID FltRetrieveFileInfoOnCreateCompletion(_In_ PFLT_FILTER Filter, _In_ PFLT_CALLBACK_DATA Data,
                                            _In_ ULONG InfoClass, _Out_ PULONG Size);

// Likewise, with a status that tells why not. STATUS_NOT_FOUND: the file system knows the parameter, and
// the file has nothing of that class, or the class is unknown; STATUS_NOT_SUPPORTED: it does not know the
// parameter (FAT), or nobody asked in pre-create; STATUS_UNSUCCESSFUL: it failed to find out.
NTSTATUS FltRetrieveFileInfoOnCreateCompletionEx(_In_ PFLT_FILTER Filter,
                                                 _In_ PFLT_CALLBACK_DATA Data, _In_ ULONG InfoClass,
                                                 _Out_ PULONG RetInfoSize,
                                                 _Outptr_ PVOID *RetInfoBuffer);

FLTSIM_WDK_END

#endif
