/* What a create is asked to bring back with it: a parameter of the create that filters share and the file system fills
 * in. */
#include "core.h"

#include "fsrtl/fsrtlp.h"
#include "verify/api.h"

#define QUERY_TAG 'coQF'

/* GUID_ECP_QUERY_ON_CREATE */
static const GUID queryOnCreate = {0x1aca62e9, 0xabb4, 0x4ff2, {0xbb, 0x5c, 0x1c, 0x79, 0x02, 0x5e, 0x41, 0x7f}};

static PQUERY_ON_CREATE_ECP_CONTEXT Find(PECP_LIST ecps, struct fsrtl_who who)
{
    PVOID found = NULL;
    ULONG size = 0;
    if (ecps)
        FsRtlpFindEcp(ecps, &queryOnCreate, &found, &size, who);
    return size >= sizeof(QUERY_ON_CREATE_ECP_CONTEXT) ? found : NULL;
}

/* What the file system allocated. */
static VOID Cleanup(PVOID context, LPCGUID type)
{
    PQUERY_ON_CREATE_ECP_CONTEXT query = context;
    if (query->EaInformation.EaBuffer)
        ExFreePool(query->EaInformation.EaBuffer);
}

static NTSTATUS Add(PECP_LIST ecps, PQUERY_ON_CREATE_ECP_CONTEXT *query, struct fsrtl_who who)
{
    *query = Find(ecps, who);
    if (*query)
        return STATUS_SUCCESS;
    NTSTATUS status =
        FsRtlpAllocateEcp(&queryOnCreate, sizeof **query, 0, Cleanup, QUERY_TAG, (PVOID *)query, who);
    return NT_SUCCESS(status) ? FsRtlpInsertEcp(ecps, *query, who) : status;
}

NTSTATUS FltRequestFileInfoOnCreateCompletion(PFLT_FILTER Filter, PFLT_CALLBACK_DATA Data, ULONG InfoClassFlags)
{
    API_ENTER(FltRequestFileInfoOnCreateCompletion, Data, SCHED_WRITE);
    const struct fsrtl_who who = FSRTL_WHO(FltRequestFileInfoOnCreateCompletion);
    PVOID *slot = FLT_IS_IRP_OPERATION(Data) ? FltpCreateSlot(Data) : NULL;
    PQUERY_ON_CREATE_ECP_CONTEXT query;
    if (!slot)
        return STATUS_INVALID_PARAMETER_2;
    NTSTATUS status = FltpMakeEcpList(Data, slot, who);
    if (NT_SUCCESS(status))
        status = Add(*slot, &query, who);
    if (NT_SUCCESS(status))
        query->RequestedClasses |= InfoClassFlags;
    return status;
}

static PVOID Part(PQUERY_ON_CREATE_ECP_CONTEXT query, ULONG class, PULONG size)
{
    switch (class) {
    case QoCFileStatInformation:
        *size = sizeof query->StatInformation;
        return &query->StatInformation;
    case QoCFileLxInformation:
        *size = sizeof query->LxInformation;
        return &query->LxInformation;
    case QoCFileEaInformation:
        *size = sizeof query->EaInformation;
        return &query->EaInformation;
    default:
        return NULL;
    }
}

static NTSTATUS Retrieve(PFLT_CALLBACK_DATA data, ULONG class, PULONG size, PVOID *buffer, struct fsrtl_who who)
{
    PVOID *slot = FltpCreateSlot(data);
    PQUERY_ON_CREATE_ECP_CONTEXT query = slot ? Find(*slot, who) : NULL;
    *size = 0;
    *buffer = NULL;
    if (!query || !(query->RequestedClasses & class) || !FsRtlpIsEcpAcknowledged(query, who))
        return STATUS_NOT_SUPPORTED;
    if (!(query->ClassesProcessed & class) || query->ClassesWithNoData & class)
        return STATUS_NOT_FOUND;
    if (query->ClassesWithErrors & class)
        return STATUS_UNSUCCESSFUL;
    *buffer = Part(query, class, size);
    return *buffer ? STATUS_SUCCESS : STATUS_NOT_FOUND;
}

NTSTATUS FltRetrieveFileInfoOnCreateCompletionEx(PFLT_FILTER Filter, PFLT_CALLBACK_DATA Data, ULONG InfoClass,
                                                 PULONG RetInfoSize, PVOID *RetInfoBuffer)
{
    API_ENTER(FltRetrieveFileInfoOnCreateCompletionEx, Data, SCHED_READ);
    return Retrieve(Data, InfoClass, RetInfoSize, RetInfoBuffer, FSRTL_WHO(FltRetrieveFileInfoOnCreateCompletionEx));
}

PVOID FltRetrieveFileInfoOnCreateCompletion(PFLT_FILTER Filter, PFLT_CALLBACK_DATA Data, ULONG InfoClass, PULONG Size)
{
    API_ENTER(FltRetrieveFileInfoOnCreateCompletion, Data, SCHED_READ);
    PVOID buffer;
    Retrieve(Data, InfoClass, Size, &buffer, FSRTL_WHO(FltRetrieveFileInfoOnCreateCompletion));
    return buffer;
}
