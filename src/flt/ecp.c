/* Extra create parameters by way of the Filter Manager: the file system run-time's, with the filter named. */
#include "fltp.h"
#include "verify/api.h"

NTSTATUS FltAllocateExtraCreateParameterList(PFLT_FILTER Filter, FSRTL_ALLOCATE_ECPLIST_FLAGS Flags, PECP_LIST *EcpList)
{
    API_IRQL(FltAllocateExtraCreateParameterList);
    return FsRtlAllocateExtraCreateParameterList(Flags, EcpList);
}

VOID FltFreeExtraCreateParameterList(PFLT_FILTER Filter, PECP_LIST EcpList)
{
    API_IRQL(FltFreeExtraCreateParameterList);
    FsRtlFreeExtraCreateParameterList(EcpList);
}

NTSTATUS FltAllocateExtraCreateParameter(PFLT_FILTER Filter, LPCGUID EcpType, ULONG SizeOfContext,
                                         FSRTL_ALLOCATE_ECP_FLAGS Flags,
                                         PFSRTL_EXTRA_CREATE_PARAMETER_CLEANUP_CALLBACK CleanupCallback, ULONG PoolTag,
                                         PVOID *EcpContext)
{
    API_IRQL(FltAllocateExtraCreateParameter);
    return FsRtlAllocateExtraCreateParameter(EcpType, SizeOfContext, Flags, CleanupCallback, PoolTag, EcpContext);
}

NTSTATUS FltAllocateExtraCreateParameterFromLookasideList(
    PFLT_FILTER Filter, LPCGUID EcpType, ULONG SizeOfContext, FSRTL_ALLOCATE_ECP_FLAGS Flags,
    PFSRTL_EXTRA_CREATE_PARAMETER_CLEANUP_CALLBACK CleanupCallback, PVOID LookasideList, PVOID *EcpContext)
{
    API_IRQL(FltAllocateExtraCreateParameterFromLookasideList);
    return FsRtlAllocateExtraCreateParameterFromLookasideList(EcpType, SizeOfContext, Flags, CleanupCallback,
                                                              LookasideList, EcpContext);
}

VOID FltFreeExtraCreateParameter(PFLT_FILTER Filter, PVOID EcpContext)
{
    API_IRQL(FltFreeExtraCreateParameter);
    FsRtlFreeExtraCreateParameter(EcpContext);
}

VOID FltInitExtraCreateParameterLookasideList(PFLT_FILTER Filter, PVOID Lookaside, FSRTL_ECP_LOOKASIDE_FLAGS Flags,
                                              SIZE_T Size, ULONG Tag)
{
    API_IRQL(FltInitExtraCreateParameterLookasideList);
    FsRtlInitExtraCreateParameterLookasideList(Lookaside, Flags, Size, Tag);
}

VOID FltDeleteExtraCreateParameterLookasideList(PFLT_FILTER Filter, PVOID Lookaside, FSRTL_ECP_LOOKASIDE_FLAGS Flags)
{
    API_IRQL(FltDeleteExtraCreateParameterLookasideList);
    FsRtlDeleteExtraCreateParameterLookasideList(Lookaside, Flags);
}

NTSTATUS FltInsertExtraCreateParameter(PFLT_FILTER Filter, PECP_LIST EcpList, PVOID EcpContext)
{
    API_IRQL(FltInsertExtraCreateParameter);
    return FsRtlInsertExtraCreateParameter(EcpList, EcpContext);
}

NTSTATUS FltRemoveExtraCreateParameter(PFLT_FILTER Filter, PECP_LIST EcpList, LPCGUID EcpType, PVOID *EcpContext,
                                       ULONG *EcpContextSize)
{
    API_IRQL(FltRemoveExtraCreateParameter);
    return FsRtlRemoveExtraCreateParameter(EcpList, EcpType, EcpContext, EcpContextSize);
}

NTSTATUS FltFindExtraCreateParameter(PFLT_FILTER Filter, PECP_LIST EcpList, LPCGUID EcpType, PVOID *EcpContext,
                                     ULONG *EcpContextSize)
{
    API_IRQL(FltFindExtraCreateParameter);
    return FsRtlFindExtraCreateParameter(EcpList, EcpType, EcpContext, EcpContextSize);
}

NTSTATUS FltGetNextExtraCreateParameter(PFLT_FILTER Filter, PECP_LIST EcpList, PVOID CurrentEcpContext,
                                        LPGUID NextEcpType, PVOID *NextEcpContext, ULONG *NextEcpContextSize)
{
    API_IRQL(FltGetNextExtraCreateParameter);
    return FsRtlGetNextExtraCreateParameter(EcpList, CurrentEcpContext, NextEcpType, NextEcpContext,
                                            NextEcpContextSize);
}

static PIRP CreateIrp(PFLT_CALLBACK_DATA data)
{
    if (!data || data->Iopb->MajorFunction != IRP_MJ_CREATE)
        return NULL;
    return FltpOpFromData(data)->Irp;
}

NTSTATUS FltGetEcpListFromCallbackData(PFLT_FILTER Filter, PFLT_CALLBACK_DATA CallbackData, PECP_LIST *EcpList)
{
    API_IRQL(FltGetEcpListFromCallbackData);
    *EcpList = NULL;
    PIRP irp = CreateIrp(CallbackData);
    if (!irp)
        return STATUS_INVALID_PARAMETER;
    *EcpList = (PECP_LIST)irp->FltsimPrivate[0];
    return STATUS_SUCCESS;
}

NTSTATUS FltSetEcpListIntoCallbackData(PFLT_FILTER Filter, PFLT_CALLBACK_DATA CallbackData, PECP_LIST EcpList)
{
    API_IRQL(FltSetEcpListIntoCallbackData);
    PIRP irp = CreateIrp(CallbackData);
    if (!irp)
        return STATUS_INVALID_PARAMETER_2;
    if (irp->FltsimPrivate[0])
        return STATUS_INVALID_PARAMETER_3;
    irp->FltsimPrivate[0] = EcpList;
    return STATUS_SUCCESS;
}

VOID FltAcknowledgeEcp(PFLT_FILTER Filter, PVOID EcpContext)
{
    API_IRQL(FltAcknowledgeEcp);
    FsRtlAcknowledgeEcp(EcpContext);
}

BOOLEAN FltIsEcpAcknowledged(PFLT_FILTER Filter, PVOID EcpContext)
{
    API_IRQL(FltIsEcpAcknowledged);
    return FsRtlIsEcpAcknowledged(EcpContext);
}

BOOLEAN FltIsEcpFromUserMode(PFLT_FILTER Filter, PVOID EcpContext)
{
    API_IRQL(FltIsEcpFromUserMode);
    return FsRtlIsEcpFromUserMode(EcpContext);
}

VOID FltPrepareToReuseEcp(PFLT_FILTER Filter, PVOID EcpContext)
{
    API_IRQL(FltPrepareToReuseEcp);
    FsRtlPrepareToReuseEcp(EcpContext);
}
