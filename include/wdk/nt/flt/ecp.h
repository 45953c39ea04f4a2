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

NTSTATUS FltAllocateExtraCreateParameterList(_In_ PFLT_FILTER Filter,
                                             _In_ FSRTL_ALLOCATE_ECPLIST_FLAGS Flags,
                                             _Outptr_ PECP_LIST *EcpList);
VOID FltFreeExtraCreateParameterList(_In_ PFLT_FILTER Filter, _In_ PECP_LIST EcpList);
NTSTATUS FltAllocateExtraCreateParameter(
    _In_ PFLT_FILTER Filter, _In_ LPCGUID EcpType, _In_ ULONG SizeOfContext,
    _In_ FSRTL_ALLOCATE_ECP_FLAGS Flags,
    _In_opt_ PFSRTL_EXTRA_CREATE_PARAMETER_CLEANUP_CALLBACK CleanupCallback, _In_ ULONG PoolTag,
    _Outptr_ PVOID *EcpContext);
NTSTATUS FltAllocateExtraCreateParameterFromLookasideList(
    _In_ PFLT_FILTER Filter, _In_ LPCGUID EcpType, _In_ ULONG SizeOfContext,
    _In_ FSRTL_ALLOCATE_ECP_FLAGS Flags,
    _In_opt_ PFSRTL_EXTRA_CREATE_PARAMETER_CLEANUP_CALLBACK CleanupCallback,
    _Inout_ PVOID LookasideList, _Outptr_ PVOID *EcpContext);
VOID FltFreeExtraCreateParameter(_In_ PFLT_FILTER Filter, _In_ PVOID EcpContext);
VOID FltInitExtraCreateParameterLookasideList(_In_ PFLT_FILTER Filter, _Inout_ PVOID Lookaside,
                                              _In_ FSRTL_ECP_LOOKASIDE_FLAGS Flags,
                                              _In_ SIZE_T Size, _In_ ULONG Tag);
VOID FltDeleteExtraCreateParameterLookasideList(_In_ PFLT_FILTER Filter, _Inout_ PVOID Lookaside,
                                                _In_ FSRTL_ECP_LOOKASIDE_FLAGS Flags);
NTSTATUS FltInsertExtraCreateParameter(_In_ PFLT_FILTER Filter, _Inout_ PECP_LIST EcpList,
                                       _Inout_ PVOID EcpContext);
NTSTATUS FltRemoveExtraCreateParameter(_In_ PFLT_FILTER Filter, _Inout_ PECP_LIST EcpList,
                                       _In_ LPCGUID EcpType, _Outptr_ PVOID *EcpContext,
                                       _Out_opt_ ULONG *EcpContextSize);
NTSTATUS FltFindExtraCreateParameter(_In_ PFLT_FILTER Filter, _In_ PECP_LIST EcpList,
                                     _In_ LPCGUID EcpType, _Outptr_opt_ PVOID *EcpContext,
                                     _Out_opt_ ULONG *EcpContextSize);
NTSTATUS FltGetNextExtraCreateParameter(_In_ PFLT_FILTER Filter, _In_ PECP_LIST EcpList,
                                        _In_opt_ PVOID CurrentEcpContext,
                                        _Out_opt_ LPGUID NextEcpType,
                                        _Outptr_opt_ PVOID *NextEcpContext,
                                        _Out_opt_ ULONG *NextEcpContextSize);
NTSTATUS FltGetEcpListFromCallbackData(_In_ PFLT_FILTER Filter,
                                       _In_ PFLT_CALLBACK_DATA CallbackData,
                                       _Outptr_result_maybenull_ PECP_LIST *EcpList);
NTSTATUS FltSetEcpListIntoCallbackData(_In_ PFLT_FILTER Filter,
                                       _In_ PFLT_CALLBACK_DATA CallbackData,
                                       _In_ PECP_LIST EcpList);
VOID FltAcknowledgeEcp(_In_ PFLT_FILTER Filter, _In_ PVOID EcpContext);
BOOLEAN FltIsEcpAcknowledged(_In_ PFLT_FILTER Filter, _In_ PVOID EcpContext);
BOOLEAN FltIsEcpFromUserMode(_In_ PFLT_FILTER Filter, _In_ PVOID EcpContext);
VOID FltPrepareToReuseEcp(_In_ PFLT_FILTER Filter, _In_ PVOID EcpContext);

NTSTATUS FltAddOpenReparseEntry(_In_ PFLT_FILTER Filter, _In_ PFLT_CALLBACK_DATA Data,
                                _In_ POPEN_REPARSE_LIST_ENTRY OpenReparseEntry);
NTSTATUS FltRemoveOpenReparseEntry(_In_ PFLT_FILTER Filter, _In_ PFLT_CALLBACK_DATA Data,
                                   _In_ POPEN_REPARSE_LIST_ENTRY OpenReparseEntry);
NTSTATUS FltCopyOpenReparseList(_In_ PFLT_FILTER Filter, _In_ PFLT_CALLBACK_DATA Data,
                                _Inout_ PECP_LIST EcpList);
VOID FltFreeOpenReparseList(_In_ PFLT_FILTER Filter, _In_ PECP_LIST EcpList);

NTSTATUS FltRequestFileInfoOnCreateCompletion(_In_ PFLT_FILTER Filter, _In_ PFLT_CALLBACK_DATA Data,
                                              _In_ ULONG InfoClassFlags);
PVOID FltRetrieveFileInfoOnCreateCompletion(_In_ PFLT_FILTER Filter, _In_ PFLT_CALLBACK_DATA Data,
                                            _In_ ULONG InfoClass, _Out_ PULONG Size);
NTSTATUS FltRetrieveFileInfoOnCreateCompletionEx(_In_ PFLT_FILTER Filter,
                                                 _In_ PFLT_CALLBACK_DATA Data, _In_ ULONG InfoClass,
                                                 _Out_ PULONG RetInfoSize,
                                                 _Outptr_ PVOID *RetInfoBuffer);

FLTSIM_WDK_END

#endif
