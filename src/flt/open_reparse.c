/* Reparse points that a create opens instead of following them: entries that filters hang on an ECP of the create. */
#include "core.h"

#include "fsrtl/fsrtlp.h"
#include "verify/api.h"

#define LIST_TAG 'roLF'

static POPEN_REPARSE_LIST FindIn(PECP_LIST ecps, struct fsrtl_who who)
{
    PVOID found = NULL;
    if (ecps)
        FsRtlpFindEcp(ecps, &FltpOpenReparseEcp, &found, NULL, who);
    return found;
}

static NTSTATUS AddTo(PECP_LIST ecps, POPEN_REPARSE_LIST *list, struct fsrtl_who who)
{
    *list = FindIn(ecps, who);
    if (*list)
        return STATUS_SUCCESS;
    NTSTATUS status = FsRtlpAllocateEcp(&FltpOpenReparseEcp, sizeof **list, 0, NULL, LIST_TAG, (PVOID *)list, who);
    if (!NT_SUCCESS(status))
        return status;
    InitializeListHead(&(*list)->OpenReparseList);
    return FsRtlpInsertEcp(ecps, *list, who);
}

NTSTATUS FltAddOpenReparseEntry(PFLT_FILTER Filter, PFLT_CALLBACK_DATA Data, POPEN_REPARSE_LIST_ENTRY OpenReparseEntry)
{
    API_ENTER(FltAddOpenReparseEntry, Data, SCHED_WRITE);
    const struct fsrtl_who who = FSRTL_WHO(FltAddOpenReparseEntry);
    PVOID *slot = FltpCreateSlot(Data);
    POPEN_REPARSE_LIST list;
    if (!slot)
        return STATUS_INVALID_PARAMETER_2;
    NTSTATUS status = FltObjectReference(Filter);
    if (!NT_SUCCESS(status))
        return status;
    status = FltpMakeEcpList(Data, slot, who);
    if (NT_SUCCESS(status))
        status = AddTo(*slot, &list, who);
    if (NT_SUCCESS(status))
        InsertTailList(&list->OpenReparseList, &OpenReparseEntry->OpenReparseListEntry);
    else
        FltObjectDereference(Filter);
    return status;
}

VOID FltRemoveOpenReparseEntry(PFLT_FILTER Filter, PFLT_CALLBACK_DATA Data, POPEN_REPARSE_LIST_ENTRY OpenReparseEntry)
{
    API_ENTER(FltRemoveOpenReparseEntry, Data, SCHED_WRITE);
    RemoveEntryList(&OpenReparseEntry->OpenReparseListEntry);
    FltObjectDereference(Filter);
}

/* Entries of a copy are followed by nothing of the caller's: they are ours to free. */
static NTSTATUS Copy(POPEN_REPARSE_LIST from, POPEN_REPARSE_LIST to)
{
    for (PLIST_ENTRY link = from->OpenReparseList.Flink; link != &from->OpenReparseList; link = link->Flink) {
        POPEN_REPARSE_LIST_ENTRY copy = ExAllocatePoolWithTag(PagedPool, sizeof *copy, LIST_TAG);
        if (!copy)
            return STATUS_INSUFFICIENT_RESOURCES;
        *copy = *CONTAINING_RECORD(link, OPEN_REPARSE_LIST_ENTRY, OpenReparseListEntry);
        InsertTailList(&to->OpenReparseList, &copy->OpenReparseListEntry);
    }
    return STATUS_SUCCESS;
}

static void FreeEntries(POPEN_REPARSE_LIST list)
{
    while (!IsListEmpty(&list->OpenReparseList))
        ExFreePoolWithTag(
            CONTAINING_RECORD(RemoveHeadList(&list->OpenReparseList), OPEN_REPARSE_LIST_ENTRY, OpenReparseListEntry),
            LIST_TAG);
}

NTSTATUS FltCopyOpenReparseList(PFLT_FILTER Filter, PFLT_CALLBACK_DATA Data, PECP_LIST EcpList)
{
    API_ENTER(FltCopyOpenReparseList, Data, SCHED_READ);
    const struct fsrtl_who who = FSRTL_WHO(FltCopyOpenReparseList);
    PVOID *slot = FltpCreateSlot(Data);
    POPEN_REPARSE_LIST from, to;
    if (!slot)
        return STATUS_INVALID_PARAMETER_2;
    if (!(from = FindIn(*slot, who)))
        return STATUS_SUCCESS;
    NTSTATUS status = FltObjectReference(Filter);
    if (!NT_SUCCESS(status))
        return status;
    status = AddTo(EcpList, &to, who);
    if (NT_SUCCESS(status))
        status = Copy(from, to);
    if (!NT_SUCCESS(status))
        FltFreeOpenReparseList(Filter, EcpList);
    return status;
}

VOID FltFreeOpenReparseList(PFLT_FILTER Filter, PECP_LIST EcpList)
{
    API_ENTER(FltFreeOpenReparseList, EcpList, SCHED_WRITE);
    const struct fsrtl_who who = FSRTL_WHO(FltFreeOpenReparseList);
    PVOID list;
    if (!NT_SUCCESS(FsRtlpRemoveEcp(EcpList, &FltpOpenReparseEcp, &list, NULL, who)))
        return;
    FreeEntries(list);
    FsRtlpFreeEcp(list, who);
    FltObjectDereference(Filter);
}
