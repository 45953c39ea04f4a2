/* Lookaside lists of extra create parameters. The driver's list head holds a pointer to our own record of it, which
 * outlives the head while parameters are out, so that a free into a deleted list is seen for what it is. */
#include "ecp.h"

#include <string.h>

#define LOOKASIDE_MAGIC 0x4543504b4c4f4f4bull

struct ecp_lookaside {
    struct sched_lock lock;
    LIST_ENTRY out; // _ECP_HEADER.out
    ULONG size;
    ULONG tag;
    FSRTL_ECP_LOOKASIDE_FLAGS flags;
    LONG count;
    bool deleted;
};

struct lookaside_head {
    uint64_t magic;
    struct ecp_lookaside *list;
};

static struct ecp_lookaside *ListOf(PVOID head)
{
    struct lookaside_head *place = head;
    return place && place->magic == LOOKASIDE_MAGIC ? place->list : NULL;
}

VOID FsRtlInitExtraCreateParameterLookasideList(PVOID Lookaside, FSRTL_ECP_LOOKASIDE_FLAGS Flags, SIZE_T Size,
                                                ULONG Tag)
{
    API_IRQL(FsRtlInitExtraCreateParameterLookasideList);
    struct ecp_lookaside *list = sim_alloc(sizeof *list);
    InitializeListHead(&list->out);
    list->size = (ULONG)Size;
    list->tag = Tag;
    list->flags = Flags;
    *(struct lookaside_head *)Lookaside = (struct lookaside_head){LOOKASIDE_MAGIC, list};
}

static void ReportOut(struct ecp_lookaside *list, PVOID head)
{
    struct verify_violation *v =
        verify_begin(VERIFY_ECP_LOOKASIDE_IN_USE,
                     "Lookaside list %p of extra create parameters was deleted while %d of them %s out.", head,
                     (int)list->count, list->count == 1 ? "is" : "are");
    for (PLIST_ENTRY link = list->out.Flink; link != &list->out; link = link->Flink) {
        PECP_HEADER header = CONTAINING_RECORD(link, struct _ECP_HEADER, out);
        verify_history(v, "parameter %p of %u bytes, %s", (void *)(header + 1), (unsigned)header->size,
                       header->list ? "on the list of a create in flight" : "on no list");
        verify_site(v, "allocated by", header->site);
    }
    verify_end(v);
}

VOID FsRtlDeleteExtraCreateParameterLookasideList(PVOID Lookaside, FSRTL_ECP_LOOKASIDE_FLAGS Flags)
{
    API_IRQL(FsRtlDeleteExtraCreateParameterLookasideList);
    struct ecp_lookaside *list = ListOf(Lookaside);
    if (!list) {
        verify_violate(VERIFY_ECP_LOOKASIDE_DELETED, "Lookaside list %p was never initialized, or deleted before.",
                       Lookaside);
        return;
    }
    ((struct lookaside_head *)Lookaside)->magic = 0;
    sched_lock(&list->lock);
    list->deleted = true;
    bool out = list->count != 0;
    sched_unlock(&list->lock);
    if (out)
        ReportOut(list, Lookaside);
    else
        sim_free(list);
}

static PECP_HEADER TakeFromList(struct ecp_lookaside *list, ULONG size, FSRTL_ALLOCATE_ECP_FLAGS flags)
{
    if (size > list->size)
        return FsRtlpAllocateEcp(size, flags, list->tag);
    FSRTL_ALLOCATE_ECP_FLAGS pool = (list->flags & FSRTL_ECP_LOOKASIDE_FLAG_NONPAGED_POOL)
                                        ? FSRTL_ALLOCATE_ECP_FLAG_NONPAGED_POOL
                                        : 0;
    return FsRtlpAllocateEcp(list->size, pool, list->tag);
}

NTSTATUS FsRtlAllocateExtraCreateParameterFromLookasideList(
    LPCGUID EcpType, ULONG SizeOfContext, FSRTL_ALLOCATE_ECP_FLAGS Flags,
    PFSRTL_EXTRA_CREATE_PARAMETER_CLEANUP_CALLBACK CleanupCallback, PVOID LookasideList, PVOID *EcpContext)
{
    API_IRQL(FsRtlAllocateExtraCreateParameterFromLookasideList);
    *EcpContext = NULL;
    struct ecp_lookaside *list = ListOf(LookasideList);
    if (!list) {
        verify_violate(VERIFY_ECP_LOOKASIDE_DELETED, "Lookaside list %p was never initialized, or deleted before.",
                       LookasideList);
        return STATUS_INVALID_PARAMETER;
    }
    PECP_HEADER header = TakeFromList(list, SizeOfContext, Flags);
    if (!header)
        return STATUS_INSUFFICIENT_RESOURCES;
    FsRtlpInitializeEcp(header, EcpType, SizeOfContext, CleanupCallback, list->tag);
    header->site = VERIFY_CALLER;
    if (SizeOfContext <= list->size) {
        header->lookaside = list;
        sched_lock(&list->lock);
        InsertTailList(&list->out, &header->out);
        list->count++;
        sched_unlock(&list->lock);
    }
    *EcpContext = header + 1;
    return STATUS_SUCCESS;
}

void FsRtlpFreeEcpToLookaside(PECP_HEADER header)
{
    struct ecp_lookaside *list = header->lookaside;
    sched_lock(&list->lock);
    RemoveEntryList(&header->out);
    bool last = --list->count == 0;
    bool deleted = list->deleted;
    sched_unlock(&list->lock);
    if (deleted) {
        struct verify_violation *v = verify_begin(VERIFY_ECP_LOOKASIDE_DELETED,
                                                  "Extra create parameter %p was freed into a deleted lookaside list.",
                                                  (void *)(header + 1));
        verify_site(v, "allocated by", header->site);
        verify_end(v);
    }
    ExFreePoolWithTag(header, header->tag);
    if (deleted && last)
        sim_free(list);
}
