// Extra create parameters (ECPs): the list a create carries. system_ecp.h has the system's own.
//
// Who owns what:
//   1. A list is its allocator's to free. One that is passed to IoCreateFileEx or FltCreateFileEx2
//      stays the caller's, with what it put there; what filters added to it is freed as the create
//      ends.
//   2. One that a filter sets into a create is that create's, with what is on it: freed after the
//      last post-operation callback of that try. STATUS_REPARSE ends a try: the caller's list is on
//      the next one, too, a filter's is not.
//   3. An ECP on no list is its allocator's to free. On a list it goes with the list.
// As an ECP is freed its cleanup callback is called, once, with the context and its type; those of
// a list in the order of insertion.
#ifndef FLTSIM_WDK_NT_FSRTL_ECP_H
#define FLTSIM_WDK_NT_FSRTL_ECP_H

#include "../begin.h"
#include "../io/create.h"
#include "../io/file_info.h"
#include "../io/types.h"
#include "../types.h"
#include "system_ecp.h"

FLTSIM_WDK_BEGIN

typedef struct _ECP_HEADER ECP_HEADER, *PECP_HEADER; // opaque

typedef VOID (*PFSRTL_EXTRA_CREATE_PARAMETER_CLEANUP_CALLBACK)(_Inout_ PVOID EcpContext,
                                                               _In_ LPCGUID EcpType);

typedef ULONG FSRTL_ALLOCATE_ECPLIST_FLAGS;
typedef ULONG FSRTL_ALLOCATE_ECP_FLAGS;
typedef ULONG FSRTL_ECP_LOOKASIDE_FLAGS;
#define FSRTL_ALLOCATE_ECPLIST_FLAG_CHARGE_QUOTA 0x00000001
#define FSRTL_ALLOCATE_ECP_FLAG_CHARGE_QUOTA 0x00000001
#define FSRTL_ALLOCATE_ECP_FLAG_NONPAGED_POOL 0x00000002
#define FSRTL_ECP_LOOKASIDE_FLAG_NONPAGED_POOL 0x00000002

// IRQL of all: <= APC_LEVEL. Statuses and contracts are those of the Flt routine of that name
// (flt/ecp.h).
NTSTATUS FsRtlAllocateExtraCreateParameterList(_In_ FSRTL_ALLOCATE_ECPLIST_FLAGS Flags,
                                               _Outptr_ PECP_LIST *EcpList);
VOID FsRtlFreeExtraCreateParameterList(_In_ PECP_LIST EcpList);
NTSTATUS FsRtlAllocateExtraCreateParameter(
    _In_ LPCGUID EcpType, _In_ ULONG SizeOfContext, _In_ FSRTL_ALLOCATE_ECP_FLAGS Flags,
    _In_opt_ PFSRTL_EXTRA_CREATE_PARAMETER_CLEANUP_CALLBACK CleanupCallback, _In_ ULONG PoolTag,
    _Outptr_ PVOID *EcpContext);
NTSTATUS FsRtlAllocateExtraCreateParameterFromLookasideList(
    _In_ LPCGUID EcpType, _In_ ULONG SizeOfContext, _In_ FSRTL_ALLOCATE_ECP_FLAGS Flags,
    _In_opt_ PFSRTL_EXTRA_CREATE_PARAMETER_CLEANUP_CALLBACK CleanupCallback,
    _Inout_ PVOID LookasideList, _Outptr_ PVOID *EcpContext);
VOID FsRtlFreeExtraCreateParameter(_In_ PVOID EcpContext);
VOID FsRtlInitExtraCreateParameterLookasideList(_Inout_ PVOID Lookaside,
                                                _In_ FSRTL_ECP_LOOKASIDE_FLAGS Flags,
                                                _In_ SIZE_T Size, _In_ ULONG Tag);
VOID FsRtlDeleteExtraCreateParameterLookasideList(_Inout_ PVOID Lookaside,
                                                  _In_ FSRTL_ECP_LOOKASIDE_FLAGS Flags);
NTSTATUS FsRtlInsertExtraCreateParameter(_Inout_ PECP_LIST EcpList, _Inout_ PVOID EcpContext);
NTSTATUS FsRtlFindExtraCreateParameter(_In_ PECP_LIST EcpList, _In_ LPCGUID EcpType,
                                       _Outptr_opt_ PVOID *EcpContext,
                                       _Out_opt_ ULONG *EcpContextSize);
NTSTATUS FsRtlRemoveExtraCreateParameter(_Inout_ PECP_LIST EcpList, _In_ LPCGUID EcpType,
                                         _Outptr_ PVOID *EcpContext,
                                         _Out_opt_ ULONG *EcpContextSize);
NTSTATUS FsRtlGetNextExtraCreateParameter(_In_ PECP_LIST EcpList, _In_opt_ PVOID CurrentEcpContext,
                                          _Out_opt_ LPGUID NextEcpType,
                                          _Outptr_opt_ PVOID *NextEcpContext,
                                          _Out_opt_ ULONG *NextEcpContextSize);
// Of an IRP_MJ_CREATE; NULL if it has none. STATUS_INVALID_PARAMETER for another IRP.
NTSTATUS FsRtlGetEcpListFromIrp(_In_ PIRP Irp, _Outptr_result_maybenull_ PECP_LIST *EcpList);
// The create owns the list from now on. STATUS_INVALID_PARAMETER_2 for another IRP,
// STATUS_INVALID_PARAMETER_3 when it has a list already (ecp-list-set-over-existing).
NTSTATUS FsRtlSetEcpListIntoIrp(_Inout_ PIRP Irp, _In_ PECP_LIST EcpList);
VOID FsRtlAcknowledgeEcp(_In_ PVOID EcpContext);
BOOLEAN FsRtlIsEcpAcknowledged(_In_ PVOID EcpContext);
BOOLEAN FsRtlIsEcpFromUserMode(_In_ PVOID EcpContext);
VOID FsRtlPrepareToReuseEcp(_In_ PVOID EcpContext);

FLTSIM_WDK_END

#endif
