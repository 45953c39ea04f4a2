/* Extra create parameters: the documented routines of the file system run-time. */
#include "ecp.h"

NTSTATUS FsRtlAllocateExtraCreateParameterList(FSRTL_ALLOCATE_ECPLIST_FLAGS Flags, PECP_LIST *EcpList)
{
    API_IRQL(FsRtlAllocateExtraCreateParameterList);
    return FsRtlpAllocateEcpList(Flags, EcpList, FSRTL_WHO(FsRtlAllocateExtraCreateParameterList));
}

VOID FsRtlFreeExtraCreateParameterList(PECP_LIST EcpList)
{
    API_ENTER(FsRtlFreeExtraCreateParameterList, EcpList, SCHED_WRITE);
    FsRtlpFreeEcpList(EcpList, FSRTL_WHO(FsRtlFreeExtraCreateParameterList));
}

NTSTATUS FsRtlAllocateExtraCreateParameter(LPCGUID EcpType, ULONG SizeOfContext, FSRTL_ALLOCATE_ECP_FLAGS Flags,
                                           PFSRTL_EXTRA_CREATE_PARAMETER_CLEANUP_CALLBACK CleanupCallback,
                                           ULONG PoolTag, PVOID *EcpContext)
{
    API_IRQL(FsRtlAllocateExtraCreateParameter);
    return FsRtlpAllocateEcp(EcpType, SizeOfContext, Flags, CleanupCallback, PoolTag, EcpContext,
                             FSRTL_WHO(FsRtlAllocateExtraCreateParameter));
}

NTSTATUS
FsRtlAllocateExtraCreateParameterFromLookasideList(LPCGUID EcpType, ULONG SizeOfContext, FSRTL_ALLOCATE_ECP_FLAGS Flags,
                                                   PFSRTL_EXTRA_CREATE_PARAMETER_CLEANUP_CALLBACK CleanupCallback,
                                                   PVOID LookasideList, PVOID *EcpContext)
{
    API_ENTER(FsRtlAllocateExtraCreateParameterFromLookasideList, LookasideList, SCHED_WRITE);
    return FsRtlpAllocateLookasideEcp(EcpType, SizeOfContext, Flags, CleanupCallback, LookasideList, EcpContext,
                                      FSRTL_WHO(FsRtlAllocateExtraCreateParameterFromLookasideList));
}

VOID FsRtlFreeExtraCreateParameter(PVOID EcpContext)
{
    API_ENTER(FsRtlFreeExtraCreateParameter, EcpContext, SCHED_WRITE);
    FsRtlpFreeEcp(EcpContext, FSRTL_WHO(FsRtlFreeExtraCreateParameter));
}

VOID FsRtlInitExtraCreateParameterLookasideList(PVOID Lookaside, FSRTL_ECP_LOOKASIDE_FLAGS Flags, SIZE_T Size,
                                                ULONG Tag)
{
    API_ENTER(FsRtlInitExtraCreateParameterLookasideList, Lookaside, SCHED_WRITE);
    FsRtlpInitEcpLookaside(Lookaside, Flags, Size, Tag, FSRTL_WHO(FsRtlInitExtraCreateParameterLookasideList));
}

VOID FsRtlDeleteExtraCreateParameterLookasideList(PVOID Lookaside, FSRTL_ECP_LOOKASIDE_FLAGS Flags)
{
    API_ENTER(FsRtlDeleteExtraCreateParameterLookasideList, Lookaside, SCHED_WRITE);
    FsRtlpDeleteEcpLookaside(Lookaside, Flags, FSRTL_WHO(FsRtlDeleteExtraCreateParameterLookasideList));
}

NTSTATUS FsRtlInsertExtraCreateParameter(PECP_LIST EcpList, PVOID EcpContext)
{
    API_ENTER(FsRtlInsertExtraCreateParameter, EcpList, SCHED_WRITE);
    return FsRtlpInsertEcp(EcpList, EcpContext, FSRTL_WHO(FsRtlInsertExtraCreateParameter));
}

NTSTATUS FsRtlFindExtraCreateParameter(PECP_LIST EcpList, LPCGUID EcpType, PVOID *EcpContext, ULONG *EcpContextSize)
{
    API_ENTER(FsRtlFindExtraCreateParameter, EcpList, SCHED_READ);
    return FsRtlpFindEcp(EcpList, EcpType, EcpContext, EcpContextSize, FSRTL_WHO(FsRtlFindExtraCreateParameter));
}

NTSTATUS FsRtlRemoveExtraCreateParameter(PECP_LIST EcpList, LPCGUID EcpType, PVOID *EcpContext, ULONG *EcpContextSize)
{
    API_ENTER(FsRtlRemoveExtraCreateParameter, EcpList, SCHED_WRITE);
    return FsRtlpRemoveEcp(EcpList, EcpType, EcpContext, EcpContextSize, FSRTL_WHO(FsRtlRemoveExtraCreateParameter));
}

NTSTATUS FsRtlGetNextExtraCreateParameter(PECP_LIST EcpList, PVOID CurrentEcpContext, LPGUID NextEcpType,
                                          PVOID *NextEcpContext, ULONG *NextEcpContextSize)
{
    API_ENTER(FsRtlGetNextExtraCreateParameter, EcpList, SCHED_READ);
    return FsRtlpNextEcp(EcpList, CurrentEcpContext, NextEcpType, NextEcpContext, NextEcpContextSize,
                         FSRTL_WHO(FsRtlGetNextExtraCreateParameter));
}

VOID FsRtlAcknowledgeEcp(PVOID EcpContext)
{
    API_IRQL(FsRtlAcknowledgeEcp);
    FsRtlpAcknowledgeEcp(EcpContext, true, FSRTL_WHO(FsRtlAcknowledgeEcp));
}

BOOLEAN FsRtlIsEcpAcknowledged(PVOID EcpContext)
{
    API_IRQL(FsRtlIsEcpAcknowledged);
    return FsRtlpIsEcpAcknowledged(EcpContext, FSRTL_WHO(FsRtlIsEcpAcknowledged));
}

VOID FsRtlPrepareToReuseEcp(PVOID EcpContext)
{
    API_IRQL(FsRtlPrepareToReuseEcp);
    FsRtlpAcknowledgeEcp(EcpContext, false, FSRTL_WHO(FsRtlPrepareToReuseEcp));
}

BOOLEAN FsRtlIsEcpFromUserMode(PVOID EcpContext)
{
    API_IRQL(FsRtlIsEcpFromUserMode);
    return FsRtlpIsEcpFromUserMode(EcpContext, FSRTL_WHO(FsRtlIsEcpFromUserMode));
}

static bool IsCreate(PIRP irp)
{
    return irp && IoGetCurrentIrpStackLocation(irp)->MajorFunction == IRP_MJ_CREATE;
}

NTSTATUS FsRtlGetEcpListFromIrp(PIRP Irp, PECP_LIST *EcpList)
{
    API_IRQL(FsRtlGetEcpListFromIrp);
    *EcpList = NULL;
    if (!IsCreate(Irp))
        return STATUS_INVALID_PARAMETER;
    *EcpList = (PECP_LIST)Irp->FltsimPrivate[0];
    return STATUS_SUCCESS;
}

NTSTATUS FsRtlSetEcpListIntoIrp(PIRP Irp, PECP_LIST EcpList)
{
    API_ENTER(FsRtlSetEcpListIntoIrp, EcpList, SCHED_WRITE);
    if (!IsCreate(Irp))
        return STATUS_INVALID_PARAMETER_2;
    return FsRtlpSetEcpList(&Irp->FltsimPrivate[0], IoGetCurrentIrpStackLocation(Irp)->FileObject, EcpList,
                            FSRTL_WHO(FsRtlSetEcpListIntoIrp));
}
