/* Extra create parameters by way of the Filter Manager: the file system run-time's, with the filter named. */
#include "core.h"
#include "fsrtl/fsrtlp.h"
#include "verify/api.h"

NTSTATUS FltAllocateExtraCreateParameterList(PFLT_FILTER Filter, FSRTL_ALLOCATE_ECPLIST_FLAGS Flags, PECP_LIST *EcpList)
{
    API_IRQL(FltAllocateExtraCreateParameterList);
    return FsRtlpAllocateEcpList(Flags, EcpList, FSRTL_WHO(FltAllocateExtraCreateParameterList));
}

VOID FltFreeExtraCreateParameterList(PFLT_FILTER Filter, PECP_LIST EcpList)
{
    API_ENTER(FltFreeExtraCreateParameterList, EcpList, SCHED_WRITE);
    FsRtlpFreeEcpList(EcpList, FSRTL_WHO(FltFreeExtraCreateParameterList));
}

NTSTATUS FltAllocateExtraCreateParameter(PFLT_FILTER Filter, LPCGUID EcpType, ULONG SizeOfContext,
                                         FSRTL_ALLOCATE_ECP_FLAGS Flags,
                                         PFSRTL_EXTRA_CREATE_PARAMETER_CLEANUP_CALLBACK CleanupCallback, ULONG PoolTag,
                                         PVOID *EcpContext)
{
    API_IRQL(FltAllocateExtraCreateParameter);
    return FsRtlpAllocateEcp(EcpType, SizeOfContext, Flags, CleanupCallback, PoolTag, EcpContext,
                             FSRTL_WHO(FltAllocateExtraCreateParameter));
}

NTSTATUS FltAllocateExtraCreateParameterFromLookasideList(
    PFLT_FILTER Filter, LPCGUID EcpType, ULONG SizeOfContext, FSRTL_ALLOCATE_ECP_FLAGS Flags,
    PFSRTL_EXTRA_CREATE_PARAMETER_CLEANUP_CALLBACK CleanupCallback, PVOID LookasideList, PVOID *EcpContext)
{
    API_ENTER(FltAllocateExtraCreateParameterFromLookasideList, LookasideList, SCHED_WRITE);
    return FsRtlpAllocateLookasideEcp(EcpType, SizeOfContext, Flags, CleanupCallback, LookasideList, EcpContext,
                                      FSRTL_WHO(FltAllocateExtraCreateParameterFromLookasideList));
}

VOID FltFreeExtraCreateParameter(PFLT_FILTER Filter, PVOID EcpContext)
{
    API_ENTER(FltFreeExtraCreateParameter, EcpContext, SCHED_WRITE);
    FsRtlpFreeEcp(EcpContext, FSRTL_WHO(FltFreeExtraCreateParameter));
}

VOID FltInitExtraCreateParameterLookasideList(PFLT_FILTER Filter, PVOID Lookaside, FSRTL_ECP_LOOKASIDE_FLAGS Flags,
                                              SIZE_T Size, ULONG Tag)
{
    API_ENTER(FltInitExtraCreateParameterLookasideList, Lookaside, SCHED_WRITE);
    FsRtlpInitEcpLookaside(Lookaside, Flags, Size, Tag, FSRTL_WHO(FltInitExtraCreateParameterLookasideList));
}

VOID FltDeleteExtraCreateParameterLookasideList(PFLT_FILTER Filter, PVOID Lookaside, FSRTL_ECP_LOOKASIDE_FLAGS Flags)
{
    API_ENTER(FltDeleteExtraCreateParameterLookasideList, Lookaside, SCHED_WRITE);
    FsRtlpDeleteEcpLookaside(Lookaside, Flags, FSRTL_WHO(FltDeleteExtraCreateParameterLookasideList));
}

NTSTATUS FltInsertExtraCreateParameter(PFLT_FILTER Filter, PECP_LIST EcpList, PVOID EcpContext)
{
    API_ENTER(FltInsertExtraCreateParameter, EcpList, SCHED_WRITE);
    return FsRtlpInsertEcp(EcpList, EcpContext, FSRTL_WHO(FltInsertExtraCreateParameter));
}

NTSTATUS FltFindExtraCreateParameter(PFLT_FILTER Filter, PECP_LIST EcpList, LPCGUID EcpType, PVOID *EcpContext,
                                     ULONG *EcpContextSize)
{
    API_ENTER(FltFindExtraCreateParameter, EcpList, SCHED_READ);
    return FsRtlpFindEcp(EcpList, EcpType, EcpContext, EcpContextSize, FSRTL_WHO(FltFindExtraCreateParameter));
}

NTSTATUS FltRemoveExtraCreateParameter(PFLT_FILTER Filter, PECP_LIST EcpList, LPCGUID EcpType, PVOID *EcpContext,
                                       ULONG *EcpContextSize)
{
    API_ENTER(FltRemoveExtraCreateParameter, EcpList, SCHED_WRITE);
    return FsRtlpRemoveEcp(EcpList, EcpType, EcpContext, EcpContextSize, FSRTL_WHO(FltRemoveExtraCreateParameter));
}

NTSTATUS FltGetNextExtraCreateParameter(PFLT_FILTER Filter, PECP_LIST EcpList, PVOID CurrentEcpContext,
                                        LPGUID NextEcpType, PVOID *NextEcpContext, ULONG *NextEcpContextSize)
{
    API_ENTER(FltGetNextExtraCreateParameter, EcpList, SCHED_READ);
    return FsRtlpNextEcp(EcpList, CurrentEcpContext, NextEcpType, NextEcpContext, NextEcpContextSize,
                         FSRTL_WHO(FltGetNextExtraCreateParameter));
}

VOID FltAcknowledgeEcp(PFLT_FILTER Filter, PVOID EcpContext)
{
    API_IRQL(FltAcknowledgeEcp);
    FsRtlpAcknowledgeEcp(EcpContext, true, FSRTL_WHO(FltAcknowledgeEcp));
}

BOOLEAN FltIsEcpAcknowledged(PFLT_FILTER Filter, PVOID EcpContext)
{
    API_IRQL(FltIsEcpAcknowledged);
    return FsRtlpIsEcpAcknowledged(EcpContext, FSRTL_WHO(FltIsEcpAcknowledged));
}

VOID FltPrepareToReuseEcp(PFLT_FILTER Filter, PVOID EcpContext)
{
    API_IRQL(FltPrepareToReuseEcp);
    FsRtlpAcknowledgeEcp(EcpContext, false, FSRTL_WHO(FltPrepareToReuseEcp));
}

BOOLEAN FltIsEcpFromUserMode(PFLT_FILTER Filter, PVOID EcpContext)
{
    API_IRQL(FltIsEcpFromUserMode);
    return FsRtlpIsEcpFromUserMode(EcpContext, FSRTL_WHO(FltIsEcpFromUserMode));
}

/* ---- the list of a create ---- */

/* {323eb6a8-affd-4d95-8230-863bce09d37a}: ECP_TYPE_OPEN_REPARSE_GUID */
const GUID FltpOpenReparseEcp = {0x323eb6a8, 0xaffd, 0x4d95, {0x82, 0x30, 0x86, 0x3b, 0xce, 0x09, 0xd3, 0x7a}};

PVOID *FltpCreateSlot(PFLT_CALLBACK_DATA data)
{
    if (!data || data->Iopb->MajorFunction != IRP_MJ_CREATE || data->Flags & FLTFL_CALLBACK_DATA_DRAINING_IO)
        return NULL;
    return FltpEcpSlot(FltpOpFromData(data));
}

NTSTATUS FltpMakeEcpList(PFLT_CALLBACK_DATA data, PVOID *slot, struct fsrtl_who who)
{
    PECP_LIST ecps;
    if (*slot)
        return STATUS_SUCCESS;
    NTSTATUS status = FsRtlpAllocateEcpList(0, &ecps, who);
    return NT_SUCCESS(status) ? FsRtlpSetEcpList(slot, data->Iopb->TargetFileObject, ecps, who) : status;
}

NTSTATUS FltGetEcpListFromCallbackData(PFLT_FILTER Filter, PFLT_CALLBACK_DATA CallbackData, PECP_LIST *EcpList)
{
    API_ENTER(FltGetEcpListFromCallbackData, CallbackData, SCHED_READ);
    PVOID *slot = FltpCreateSlot(CallbackData);
    *EcpList = slot ? *slot : NULL;
    return slot ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER;
}

NTSTATUS FltSetEcpListIntoCallbackData(PFLT_FILTER Filter, PFLT_CALLBACK_DATA CallbackData, PECP_LIST EcpList)
{
    API_ENTER(FltSetEcpListIntoCallbackData, CallbackData, SCHED_WRITE);
    PVOID *slot = FltpCreateSlot(CallbackData);
    if (!slot)
        return STATUS_INVALID_PARAMETER_2;
    return FsRtlpSetEcpList(slot, CallbackData->Iopb->TargetFileObject, EcpList,
                            FSRTL_WHO(FltSetEcpListIntoCallbackData));
}
