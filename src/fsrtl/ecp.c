/* Extra create parameters: the list that travels with a create, and what hangs on it. Each operation has one routine
 * here, with the caller's name; the documented ones, of this room and of the Filter Manager, are its callers. */
#include "ecp.h"

#include <string.h>

#include "fault/fault.h"
#include "ps/quota.h"

#define LIST_FLAGS FSRTL_ALLOCATE_ECPLIST_FLAG_CHARGE_QUOTA
#define ECP_FLAGS (FSRTL_ALLOCATE_ECP_FLAG_CHARGE_QUOTA | FSRTL_ALLOCATE_ECP_FLAG_NONPAGED_POOL)

static PECP_HEADER FindType(PECP_LIST list, LPCGUID type)
{
    for (PLIST_ENTRY link = list->parameters.Flink; link != &list->parameters; link = link->Flink) {
        PECP_HEADER header = CONTAINING_RECORD(link, struct _ECP_HEADER, link);
        if (memcmp(&header->type, type, sizeof(GUID)) == 0)
            return header;
    }
    return NULL;
}

/* ---- lists ---- */

static PECP_LIST TakeFreeList(void)
{
    PECP_LIST list = NULL;
    sched_lock(&ecps.lock);
    if (ecps.free_list_count > ECP_FREE_LISTS) {
        list = ecps.free_lists;
        ecps.free_lists = list->next_free;
        ecps.free_list_count--;
    }
    sched_unlock(&ecps.lock);
    return list ? list : sim_alloc(sizeof *list);
}

static bool ChargeList(FSRTL_ALLOCATE_ECPLIST_FLAGS flags, struct ps_quota **quota)
{
    return !(flags & FSRTL_ALLOCATE_ECPLIST_FLAG_CHARGE_QUOTA) ||
           NT_SUCCESS(PspChargeQuota(PS_PAGED, sizeof(struct _ECP_LIST), quota));
}

NTSTATUS FsRtlpAllocateEcpList(FSRTL_ALLOCATE_ECPLIST_FLAGS flags, PECP_LIST *result, struct fsrtl_who who)
{
    *result = NULL;
    FsRtlpCheckEcpFlags(flags, LIST_FLAGS, who);
    struct ps_quota *quota = NULL;
    if (fault_allocation() || !ChargeList(flags, &quota))
        return STATUS_INSUFFICIENT_RESOURCES;
    PECP_LIST list = TakeFreeList();
    list->flags = flags;
    list->quota = quota;
    list->freed_by_create = list->set = false;
    list->name_length = 0;
    list->creates = 0;
    list->site = who.site;
    list->free_site = NULL;
    InitializeListHead(&list->parameters);
    sched_lock(&ecps.lock);
    list->state = ECP_LIVE;
    InsertTailList(&ecps.lists, &list->all);
    sched_unlock(&ecps.lock);
    *result = list;
    return STATUS_SUCCESS;
}

static void GiveFreeList(PECP_LIST list, bool by_create, const void *site)
{
    PspReturnQuota(list->quota, PS_PAGED, sizeof *list);
    sched_lock(&ecps.lock);
    list->free_site = site;
    list->freed_by_create = by_create;
    RemoveEntryList(&list->all);
    list->state = ECP_GONE;
    list->next_free = NULL;
    *ecps.last_free_list = list;
    ecps.last_free_list = &list->next_free;
    ecps.free_list_count++;
    sched_unlock(&ecps.lock);
}

void FsRtlpDropEcpList(PECP_LIST list, bool by_create, const void *site)
{
    while (!IsListEmpty(&list->parameters))
        FsRtlpDropEcpOfList(CONTAINING_RECORD(list->parameters.Flink, struct _ECP_HEADER, link), by_create, site);
    GiveFreeList(list, by_create, site);
}

void FsRtlpFreeEcpList(PECP_LIST list, struct fsrtl_who who)
{
    if (list && FsRtlpMayFreeList(list, who))
        FsRtlpDropEcpList(list, false, who.site);
}

/* ---- parameters ---- */

static PECP_HEADER AllocateFromPool(ULONG size, FSRTL_ALLOCATE_ECP_FLAGS flags, ULONG tag)
{
    POOL_TYPE pool = (flags & FSRTL_ALLOCATE_ECP_FLAG_NONPAGED_POOL) ? NonPagedPoolNx : PagedPool;
    SIZE_T whole = sizeof(struct _ECP_HEADER) + (SIZE_T)size;
    PECP_HEADER header = flags & FSRTL_ALLOCATE_ECP_FLAG_CHARGE_QUOTA
                             ? ExAllocatePoolWithQuotaTag(pool | POOL_QUOTA_FAIL_INSTEAD_OF_RAISE, whole, tag)
                             : ExAllocatePoolWithTag(pool, whole, tag);
    if (!header)
        return NULL;
    header->lookaside = NULL;
    FsRtlpForgetFreed(header);
    return header;
}

NTSTATUS FsRtlpAllocateEcp(LPCGUID type, ULONG size, FSRTL_ALLOCATE_ECP_FLAGS flags,
                           PFSRTL_EXTRA_CREATE_PARAMETER_CLEANUP_CALLBACK cleanup, ULONG tag, PVOID *context,
                           struct fsrtl_who who)
{
    *context = NULL;
    FsRtlpCheckEcpFlags(flags, ECP_FLAGS, who);
    PECP_HEADER header = AllocateFromPool(size, flags, tag);
    if (!header)
        return STATUS_INSUFFICIENT_RESOURCES;
    memset(FsRtlpContextOf(header), 0, size);
    FsRtlpInitializeEcp(header, type, size, cleanup, tag, who.site);
    *context = FsRtlpContextOf(header);
    return STATUS_SUCCESS;
}

void FsRtlpDetachEcp(PECP_HEADER header)
{
    RemoveEntryList(&header->link);
    __atomic_store_n(&header->list, NULL, __ATOMIC_RELEASE);
}

static void GiveToPool(PECP_HEADER header)
{
    FsRtlpRememberFreed(header);
    ExFreePoolWithTag(header, header->tag);
}

static inline void Drop(PECP_HEADER header, bool by_create, const void *site)
{
    PFSRTL_EXTRA_CREATE_PARAMETER_CLEANUP_CALLBACK cleanup = __atomic_load_n(&header->cleanup, __ATOMIC_RELAXED);
    header->free_site = site;
    header->freed_by_create = by_create;
    __atomic_store_n(&header->state, ECP_FREEING, __ATOMIC_RELAXED);
    if (cleanup)
        cleanup(FsRtlpContextOf(header), &header->type);
    if (header->lookaside)
        FsRtlpGiveToLookaside(header);
    else
        GiveToPool(header);
}

void FsRtlpDropEcp(PECP_HEADER header, bool by_create, const void *site)
{
    Drop(header, by_create, site);
}

/* Never live and on no list, which would make it the driver's. */
void FsRtlpDropEcpOfList(PECP_HEADER header, bool by_create, const void *site)
{
    __atomic_store_n(&header->state, ECP_FREEING, __ATOMIC_RELAXED);
    FsRtlpDetachEcp(header);
    FsRtlpDropEcp(header, by_create, site);
}

void FsRtlpFreeEcp(PVOID context, struct fsrtl_who who)
{
    PECP_HEADER header = FsRtlpHeaderOf(context);
    if (!FsRtlpIsPlainlyLive(context) || header->list)
        header = FsRtlpEcpToFree(context, who);
    if (__builtin_expect(header != NULL, 1))
        Drop(header, false, who.site);
}

/* ---- on a list ---- */

NTSTATUS FsRtlpInsertEcp(PECP_LIST list, PVOID context, struct fsrtl_who who)
{
    PECP_HEADER header = list ? FsRtlpLiveEcp(context, who) : NULL;
    if (!header || !FsRtlpIsLiveList(list, who))
        return STATUS_INVALID_PARAMETER;
    if (header->list) {
        struct verify_violation *v =
            verify_begin(VERIFY_ECP_INSERTED_TWICE, "Extra create parameter %p was inserted while it is on %s.",
                         context, header->list == list ? "that list already" : "another list");
        verify_site(v, "allocated by", header->site);
        verify_site(v, "and now inserted by", who.site);
        verify_end(v);
        return STATUS_INVALID_PARAMETER;
    }
    if (FindType(list, &header->type))
        return STATUS_INVALID_PARAMETER;
    if (header->origin != list)
        header->flags &= ~(ULONG)ECP_CALLERS;
    __atomic_store_n(&header->list, list, __ATOMIC_RELAXED);
    InsertTailList(&list->parameters, &header->link);
    return STATUS_SUCCESS;
}

static PECP_HEADER Look(PECP_LIST list, LPCGUID type, PVOID *context, ULONG *size, struct fsrtl_who who)
{
    PECP_HEADER header = list && FsRtlpIsLiveList(list, who) ? FindType(list, type) : NULL;
    if (context)
        *context = header ? FsRtlpContextOf(header) : NULL;
    if (size)
        *size = header ? header->size : 0;
    return header;
}

NTSTATUS FsRtlpFindEcp(PECP_LIST list, LPCGUID type, PVOID *context, ULONG *size, struct fsrtl_who who)
{
    return Look(list, type, context, size, who) ? STATUS_SUCCESS : STATUS_NOT_FOUND;
}

NTSTATUS FsRtlpRemoveEcp(PECP_LIST list, LPCGUID type, PVOID *context, ULONG *size, struct fsrtl_who who)
{
    PECP_HEADER header = Look(list, type, context, size, who);
    if (!header)
        return STATUS_NOT_FOUND;
    FsRtlpDetachEcp(header);
    return STATUS_SUCCESS;
}

NTSTATUS FsRtlpNextEcp(PECP_LIST list, PVOID current, LPGUID type, PVOID *context, ULONG *size, struct fsrtl_who who)
{
    if (!list)
        return STATUS_INVALID_PARAMETER;
    PLIST_ENTRY head = &list->parameters, link = head;
    PECP_HEADER at = NULL;
    if (FsRtlpIsLiveList(list, who) && (!current || (at = FsRtlpLiveEcp(current, who))))
        link = !at ? head->Flink : at->list == list ? at->link.Flink : head;
    PECP_HEADER next = link == head ? NULL : CONTAINING_RECORD(link, struct _ECP_HEADER, link);
    if (context)
        *context = next ? FsRtlpContextOf(next) : NULL;
    if (size)
        *size = next ? next->size : 0;
    if (!next)
        return STATUS_NOT_FOUND;
    if (type)
        *type = next->type;
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

/* ---- marks ---- */

static void Mark(PECP_HEADER header, ULONG flag, bool on)
{
    if (on)
        __atomic_or_fetch(&header->flags, flag, __ATOMIC_RELAXED);
    else
        __atomic_and_fetch(&header->flags, ~flag, __ATOMIC_RELAXED);
}

static bool IsMarked(PVOID context, ULONG flag, struct fsrtl_who who)
{
    PECP_HEADER header = FsRtlpLiveEcp(context, who);
    return header && (__atomic_load_n(&header->flags, __ATOMIC_RELAXED) & flag);
}

void FsRtlpAcknowledgeEcp(PVOID context, bool acknowledged, struct fsrtl_who who)
{
    PECP_HEADER header = FsRtlpLiveEcp(context, who);
    if (header)
        Mark(header, ECP_ACKNOWLEDGED, acknowledged);
}

bool FsRtlpIsEcpAcknowledged(PVOID context, struct fsrtl_who who)
{
    return IsMarked(context, ECP_ACKNOWLEDGED, who);
}

bool FsRtlpIsEcpFromUserMode(PVOID context, struct fsrtl_who who)
{
    return IsMarked(context, ECP_FROM_USER, who);
}

void FsRtlpSetEcpFromUserMode(PVOID context, BOOLEAN user)
{
    Mark(FsRtlpHeaderOf(context), ECP_FROM_USER, user);
}
