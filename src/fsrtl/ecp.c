/* Extra create parameters: the list that travels with a create, and what hangs on it. */
#include "ecp.h"

#include <string.h>

#define ECP_MAGIC 0x45435048u /* "ECPH" */
#define LIST_MAGIC 0x4543504cu
#define LIST_TAG 'lcEF'

static PECP_HEADER HeaderOf(PVOID context)
{
    return context ? (PECP_HEADER)context - 1 : NULL;
}

static PVOID ContextOf(PECP_HEADER header)
{
    return header + 1;
}

static PECP_HEADER FindType(PECP_LIST list, LPCGUID type)
{
    for (PLIST_ENTRY link = list->parameters.Flink; link != &list->parameters; link = link->Flink) {
        PECP_HEADER header = CONTAINING_RECORD(link, struct _ECP_HEADER, link);
        if (memcmp(&header->type, type, sizeof(GUID)) == 0)
            return header;
    }
    return NULL;
}

NTSTATUS FsRtlAllocateExtraCreateParameterList(FSRTL_ALLOCATE_ECPLIST_FLAGS Flags, PECP_LIST *EcpList)
{
    API_IRQL(FsRtlAllocateExtraCreateParameterList);
    *EcpList = NULL;
    PECP_LIST list = ExAllocatePoolWithTag(PagedPool, sizeof *list, LIST_TAG);
    if (!list)
        return STATUS_INSUFFICIENT_RESOURCES;
    *list = (struct _ECP_LIST){.magic = LIST_MAGIC, .flags = Flags};
    InitializeListHead(&list->parameters);
    *EcpList = list;
    return STATUS_SUCCESS;
}

static void DetachHeader(PECP_HEADER header)
{
    RemoveEntryList(&header->link);
    header->list = NULL;
    header->flags &= ~ECP_CALLERS;
}

VOID FsRtlFreeExtraCreateParameterList(PECP_LIST EcpList)
{
    API_IRQL(FsRtlFreeExtraCreateParameterList);
    if (!EcpList)
        return;
    while (!IsListEmpty(&EcpList->parameters)) {
        PECP_HEADER header = CONTAINING_RECORD(EcpList->parameters.Flink, struct _ECP_HEADER, link);
        DetachHeader(header);
        FsRtlFreeExtraCreateParameter(ContextOf(header));
    }
    EcpList->magic = 0;
    ExFreePoolWithTag(EcpList, LIST_TAG);
}

void FsRtlpInitializeEcp(PECP_HEADER header, LPCGUID type, ULONG size,
                         PFSRTL_EXTRA_CREATE_PARAMETER_CLEANUP_CALLBACK cleanup, ULONG tag)
{
    memset(header, 0, sizeof *header + size);
    header->magic = ECP_MAGIC;
    header->type = *type;
    header->size = size;
    header->cleanup = cleanup;
    header->tag = tag;
}

PECP_HEADER FsRtlpAllocateEcp(ULONG size, FSRTL_ALLOCATE_ECP_FLAGS flags, ULONG tag)
{
    POOL_TYPE pool = (flags & FSRTL_ALLOCATE_ECP_FLAG_NONPAGED_POOL) ? NonPagedPool : PagedPool;
    return ExAllocatePoolWithTag(pool, sizeof(struct _ECP_HEADER) + size, tag);
}

NTSTATUS FsRtlAllocateExtraCreateParameter(LPCGUID EcpType, ULONG SizeOfContext, FSRTL_ALLOCATE_ECP_FLAGS Flags,
                                           PFSRTL_EXTRA_CREATE_PARAMETER_CLEANUP_CALLBACK CleanupCallback,
                                           ULONG PoolTag, PVOID *EcpContext)
{
    API_IRQL(FsRtlAllocateExtraCreateParameter);
    *EcpContext = NULL;
    PECP_HEADER header = FsRtlpAllocateEcp(SizeOfContext, Flags, PoolTag);
    if (!header)
        return STATUS_INSUFFICIENT_RESOURCES;
    FsRtlpInitializeEcp(header, EcpType, SizeOfContext, CleanupCallback, PoolTag);
    *EcpContext = ContextOf(header);
    return STATUS_SUCCESS;
}

VOID FsRtlFreeExtraCreateParameter(PVOID EcpContext)
{
    API_IRQL(FsRtlFreeExtraCreateParameter);
    PECP_HEADER header = HeaderOf(EcpContext);
    if (!header)
        return;
    if (header->list) {
        verify_violate(VERIFY_ECP_ATTACHED, "Extra create parameter %p was freed while it was on list %p.", EcpContext,
                       (void *)header->list);
        DetachHeader(header);
    }
    PFSRTL_EXTRA_CREATE_PARAMETER_CLEANUP_CALLBACK cleanup = header->cleanup;
    header->cleanup = NULL;
    if (cleanup)
        cleanup(EcpContext, &header->type);
    header->magic = 0;
    if (header->lookaside)
        FsRtlpFreeEcpToLookaside(header);
    else
        ExFreePoolWithTag(header, header->tag);
}

NTSTATUS FsRtlInsertExtraCreateParameter(PECP_LIST EcpList, PVOID EcpContext)
{
    API_IRQL(FsRtlInsertExtraCreateParameter);
    PECP_HEADER header = HeaderOf(EcpContext);
    if (!EcpList || !header || header->list || FindType(EcpList, &header->type))
        return STATUS_INVALID_PARAMETER;
    header->list = EcpList;
    InsertTailList(&EcpList->parameters, &header->link);
    return STATUS_SUCCESS;
}

NTSTATUS FsRtlFindExtraCreateParameter(PECP_LIST EcpList, LPCGUID EcpType, PVOID *EcpContext, ULONG *EcpContextSize)
{
    API_IRQL(FsRtlFindExtraCreateParameter);
    PECP_HEADER header = EcpList ? FindType(EcpList, EcpType) : NULL;
    if (EcpContext)
        *EcpContext = header ? ContextOf(header) : NULL;
    if (EcpContextSize)
        *EcpContextSize = header ? header->size : 0;
    return header ? STATUS_SUCCESS : STATUS_NOT_FOUND;
}

NTSTATUS FsRtlRemoveExtraCreateParameter(PECP_LIST EcpList, LPCGUID EcpType, PVOID *EcpContext, ULONG *EcpContextSize)
{
    API_IRQL(FsRtlRemoveExtraCreateParameter);
    PECP_HEADER header = EcpList ? FindType(EcpList, EcpType) : NULL;
    *EcpContext = header ? ContextOf(header) : NULL;
    if (EcpContextSize)
        *EcpContextSize = header ? header->size : 0;
    if (!header)
        return STATUS_NOT_FOUND;
    DetachHeader(header);
    return STATUS_SUCCESS;
}

NTSTATUS FsRtlGetNextExtraCreateParameter(PECP_LIST EcpList, PVOID CurrentEcpContext, LPGUID NextEcpType,
                                          PVOID *NextEcpContext, ULONG *NextEcpContextSize)
{
    API_IRQL(FsRtlGetNextExtraCreateParameter);
    if (!EcpList)
        return STATUS_INVALID_PARAMETER;
    PECP_HEADER current = HeaderOf(CurrentEcpContext);
    PLIST_ENTRY link = current ? current->link.Flink : EcpList->parameters.Flink;
    PECP_HEADER next = link == &EcpList->parameters ? NULL : CONTAINING_RECORD(link, struct _ECP_HEADER, link);
    if (NextEcpContext)
        *NextEcpContext = next ? ContextOf(next) : NULL;
    if (NextEcpContextSize)
        *NextEcpContextSize = next ? next->size : 0;
    if (!next)
        return STATUS_NOT_FOUND;
    if (NextEcpType)
        *NextEcpType = next->type;
    return STATUS_SUCCESS;
}

VOID FsRtlAcknowledgeEcp(PVOID EcpContext)
{
    API_IRQL(FsRtlAcknowledgeEcp);
    HeaderOf(EcpContext)->flags |= ECP_ACKNOWLEDGED;
}

BOOLEAN FsRtlIsEcpAcknowledged(PVOID EcpContext)
{
    API_IRQL(FsRtlIsEcpAcknowledged);
    return (HeaderOf(EcpContext)->flags & ECP_ACKNOWLEDGED) != 0;
}

VOID FsRtlPrepareToReuseEcp(PVOID EcpContext)
{
    API_IRQL(FsRtlPrepareToReuseEcp);
    HeaderOf(EcpContext)->flags &= ~ECP_ACKNOWLEDGED;
}

BOOLEAN FsRtlIsEcpFromUserMode(PVOID EcpContext)
{
    API_IRQL(FsRtlIsEcpFromUserMode);
    return (HeaderOf(EcpContext)->flags & ECP_FROM_USER) != 0;
}

void FsRtlpSetEcpFromUserMode(PVOID ecpContext, BOOLEAN user)
{
    PECP_HEADER header = HeaderOf(ecpContext);
    header->flags = user ? header->flags | ECP_FROM_USER : header->flags & ~ECP_FROM_USER;
}

static bool IsCreate(PIRP irp)
{
    return IoGetCurrentIrpStackLocation(irp)->MajorFunction == IRP_MJ_CREATE;
}

NTSTATUS FsRtlGetEcpListFromIrp(PIRP Irp, PECP_LIST *EcpList)
{
    API_IRQL(FsRtlGetEcpListFromIrp);
    *EcpList = NULL;
    if (!Irp || !IsCreate(Irp))
        return STATUS_INVALID_PARAMETER;
    *EcpList = (PECP_LIST)Irp->FltsimPrivate[0];
    return STATUS_SUCCESS;
}

NTSTATUS FsRtlSetEcpListIntoIrp(PIRP Irp, PECP_LIST EcpList)
{
    API_IRQL(FsRtlSetEcpListIntoIrp);
    if (!Irp || !IsCreate(Irp))
        return STATUS_INVALID_PARAMETER_2;
    if (Irp->FltsimPrivate[0])
        return STATUS_INVALID_PARAMETER_3;
    Irp->FltsimPrivate[0] = EcpList;
    return STATUS_SUCCESS;
}

ULONG FsRtlpCountEcps(PECP_LIST list)
{
    ULONG count = 0;
    if (list)
        for (PLIST_ENTRY link = list->parameters.Flink; link != &list->parameters; link = link->Flink)
            count++;
    return count;
}

void FsRtlpBeginCreate(PECP_LIST callers)
{
    if (!callers)
        return;
    for (PLIST_ENTRY link = callers->parameters.Flink; link != &callers->parameters; link = link->Flink)
        CONTAINING_RECORD(link, struct _ECP_HEADER, link)->flags |= ECP_CALLERS;
}

void FsRtlpEndCreateTry(PIRP irp, PECP_LIST callers)
{
    PECP_LIST list = (PECP_LIST)irp->FltsimPrivate[0];
    irp->FltsimPrivate[0] = NULL;
    if (list && list != callers)
        FsRtlFreeExtraCreateParameterList(list);
}

void FsRtlpEndCreate(PECP_LIST callers)
{
    if (!callers)
        return;
    for (PLIST_ENTRY link = callers->parameters.Flink; link != &callers->parameters;) {
        PECP_HEADER header = CONTAINING_RECORD(link, struct _ECP_HEADER, link);
        link = link->Flink;
        bool keep = (header->flags & ECP_CALLERS) != 0;
        header->flags &= ~ECP_CALLERS;
        if (keep)
            continue;
        DetachHeader(header);
        FsRtlFreeExtraCreateParameter(ContextOf(header));
    }
}
