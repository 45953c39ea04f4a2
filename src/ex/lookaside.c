#include "ex/expriv.h"

#include "ex/pool.h"
#include "ex/track.h"
#include "fault/fault.h"

#include <string.h>

/* The lists of the WDK, over the SLIST in them; all begin alike. ListEntry.Flink marks a live list. */
enum { DEPTH = 32 };
#define LIST(lookaside) ((PGENERAL_LOOKASIDE_POOL)&(lookaside)->L)


struct routines {
    PVOID (*allocate)(PGENERAL_LOOKASIDE_POOL list, const void *site);
    void (*release)(PGENERAL_LOOKASIDE_POOL list, PVOID entry, const void *site);
};

static bool is_live(PGENERAL_LOOKASIDE_POOL list) { return (PVOID)list->ListEntry.Flink == (PVOID)&list->ListEntry; }

static void check_live(PGENERAL_LOOKASIDE_POOL list, const char *routine, const void *site)
{
    if (__builtin_expect(is_live(list), 1))
        return;
    struct verify_violation *v =
        verify_begin_fatal(VERIFY_LOOKASIDE_MISUSE, "%s was given %p, which is no initialized lookaside list.", routine,
                           (void *)list);
    verify_site(v, "called by", site);
    verify_end_bugcheck(v, 0xC4, 0, (uintptr_t)list, 0, 0);
}

static unsigned pool_flags(PGENERAL_LOOKASIDE_POOL list) { return list->Type & 1 ? EXP_PAGED : 0; }

/* ---- where entries come from and go to ---- */

static bool is_default(PGENERAL_LOOKASIDE_POOL list) { return !list->Allocate; }

static PVOID allocate_pool(PGENERAL_LOOKASIDE_POOL list, const void *site)
{
    PVOID entry = fault_allocation() ? NULL : ExpAllocate(pool_flags(list), list->Size, list->Tag, site);
    if (!entry && (list->Type & POOL_RAISE_IF_ALLOCATION_FAILURE))
        ExRaiseStatus(STATUS_INSUFFICIENT_RESOURCES);
    return entry;
}

static PVOID allocate_plain(PGENERAL_LOOKASIDE_POOL list, const void *site)
{
    return list->Allocate ? list->Allocate(list->Type, list->Size, list->Tag) : allocate_pool(list, site);
}

static void release_plain(PGENERAL_LOOKASIDE_POOL list, PVOID entry, const void *site)
{
    if (list->Free)
        list->Free(entry);
    else
        ExpFree(entry, 0, "ExFreeToLookasideList", site);
}

static PVOID allocate_ex(PGENERAL_LOOKASIDE_POOL list, const void *site)
{
    return list->AllocateEx ? list->AllocateEx(list->Type, list->Size, list->Tag, (PLOOKASIDE_LIST_EX)list)
                            : allocate_pool(list, site);
}

static void release_ex(PGENERAL_LOOKASIDE_POOL list, PVOID entry, const void *site)
{
    if (list->FreeEx)
        list->FreeEx(entry, (PLOOKASIDE_LIST_EX)list);
    else
        ExpFree(entry, 0, "ExFreeToLookasideListEx", site);
}

static const struct routines plain = {allocate_plain, release_plain}, extended = {allocate_ex, release_ex};

/* ---- the list ---- */

static void initialize(PGENERAL_LOOKASIDE_POOL list, POOL_TYPE type, SIZE_T size, ULONG tag, const void *site)
{
    memset(list, 0, sizeof *list);
    InitializeSListHead(&list->ListHead);
    list->Depth = list->MaximumDepth = DEPTH;
    list->Type = type;
    list->Tag = tag;
    list->Size = (ULONG)(size < sizeof(SLIST_ENTRY) ? sizeof(SLIST_ENTRY) : size);
    list->ListEntry.Flink = list->ListEntry.Blink = &list->ListEntry;
    ExpTrack(EXP_LOOKASIDE, list, site);
}

static void count(ULONG *counter) { __atomic_fetch_add(counter, 1, __ATOMIC_RELAXED); }

static PVOID take(PGENERAL_LOOKASIDE_POOL list, const struct routines *routines, const void *site)
{
    PSLIST_ENTRY entry = InterlockedPopEntrySList(&list->ListHead);

    count(&list->TotalAllocates);
    if (!entry) {
        count(&list->AllocateMisses);
        return routines->allocate(list, site);
    }
    if (is_default(list) && !ExpIsSpecial())
        ExpReissue(entry, site);
    return entry;
}

static void give(PGENERAL_LOOKASIDE_POOL list, PVOID entry, const struct routines *routines, const void *site)
{
    count(&list->TotalFrees);
    /* In special pool every block goes back at once, so that its late use is seen. */
    if (ExQueryDepthSList(&list->ListHead) >= list->Depth || (is_default(list) && ExpIsSpecial())) {
        count(&list->FreeMisses);
        routines->release(list, entry, site);
        return;
    }
    if (is_default(list))
        ExpSpoil(entry, list->Size, "ExFreeToLookasideList", site);
    InterlockedPushEntrySList(&list->ListHead, entry);
}

static void flush(PGENERAL_LOOKASIDE_POOL list, const struct routines *routines, const void *site)
{
    PSLIST_ENTRY entry = InterlockedFlushSList(&list->ListHead);
    while (entry) {
        PSLIST_ENTRY next = entry->Next;
        routines->release(list, entry, site);
        entry = next;
    }
}

static void delete_list(PGENERAL_LOOKASIDE_POOL list, const struct routines *routines, const void *site)
{
    flush(list, routines, site);
    ExpUntrack(list);
    list->ListEntry.Flink = NULL;
}

/* ---- the documented routines ---- */

VOID ExInitializeNPagedLookasideList(PNPAGED_LOOKASIDE_LIST Lookaside, PALLOCATE_FUNCTION Allocate, PFREE_FUNCTION Free,
                                     ULONG Flags, SIZE_T Size, ULONG Tag, USHORT Depth)
{
    API_IRQL(ExInitializeNPagedLookasideList);
    initialize(LIST(Lookaside), NonPagedPoolNx | (POOL_TYPE)(Flags & POOL_RAISE_IF_ALLOCATION_FAILURE), Size, Tag,
               VERIFY_CALLER);
    Lookaside->L.Allocate = Allocate;
    Lookaside->L.Free = Free;
}

VOID ExInitializePagedLookasideList(PPAGED_LOOKASIDE_LIST Lookaside, PALLOCATE_FUNCTION Allocate, PFREE_FUNCTION Free,
                                    ULONG Flags, SIZE_T Size, ULONG Tag, USHORT Depth)
{
    API_IRQL(ExInitializePagedLookasideList);
    initialize(LIST(Lookaside), PagedPool | (POOL_TYPE)(Flags & POOL_RAISE_IF_ALLOCATION_FAILURE), Size, Tag,
               VERIFY_CALLER);
    Lookaside->L.Allocate = Allocate;
    Lookaside->L.Free = Free;
}

NTSTATUS ExInitializeLookasideListEx(PLOOKASIDE_LIST_EX Lookaside, PALLOCATE_FUNCTION_EX Allocate,
                                     PFREE_FUNCTION_EX Free, POOL_TYPE PoolType, ULONG Flags, SIZE_T Size, ULONG Tag,
                                     USHORT Depth)
{
    API_IRQL(ExInitializeLookasideListEx);
    if (Flags & ~(ULONG)(EX_LOOKASIDE_LIST_EX_FLAGS_RAISE_ON_FAIL | EX_LOOKASIDE_LIST_EX_FLAGS_FAIL_NO_RAISE))
        return STATUS_INVALID_PARAMETER_5;
    if ((Flags & EX_LOOKASIDE_LIST_EX_FLAGS_RAISE_ON_FAIL) && (Flags & EX_LOOKASIDE_LIST_EX_FLAGS_FAIL_NO_RAISE))
        return STATUS_INVALID_PARAMETER_5;
    if (Flags & EX_LOOKASIDE_LIST_EX_FLAGS_RAISE_ON_FAIL)
        PoolType |= (POOL_TYPE)POOL_RAISE_IF_ALLOCATION_FAILURE;
    initialize(LIST(Lookaside), PoolType, Size, Tag, VERIFY_CALLER);
    LIST(Lookaside)->AllocateEx = Allocate;
    LIST(Lookaside)->FreeEx = Free;
    return STATUS_SUCCESS;
}

#define CHECK(routine)                                                                                                  \
    do {                                                                                                               \
        API_ENTER(routine, Lookaside, SCHED_WRITE);                                                                    \
        check_live(LIST(Lookaside), #routine, VERIFY_CALLER);                                                          \
    } while (0)

VOID ExDeleteNPagedLookasideList(PNPAGED_LOOKASIDE_LIST Lookaside)
{
    CHECK(ExDeleteNPagedLookasideList);
    delete_list(LIST(Lookaside), &plain, VERIFY_CALLER);
}

VOID ExDeletePagedLookasideList(PPAGED_LOOKASIDE_LIST Lookaside)
{
    CHECK(ExDeletePagedLookasideList);
    delete_list(LIST(Lookaside), &plain, VERIFY_CALLER);
}

VOID ExDeleteLookasideListEx(PLOOKASIDE_LIST_EX Lookaside)
{
    CHECK(ExDeleteLookasideListEx);
    delete_list(LIST(Lookaside), &extended, VERIFY_CALLER);
}

VOID ExFlushLookasideListEx(PLOOKASIDE_LIST_EX Lookaside)
{
    CHECK(ExFlushLookasideListEx);
    flush(LIST(Lookaside), &extended, VERIFY_CALLER);
}

PVOID ExAllocateFromNPagedLookasideList(PNPAGED_LOOKASIDE_LIST Lookaside)
{
    CHECK(ExAllocateFromNPagedLookasideList);
    return take(LIST(Lookaside), &plain, VERIFY_CALLER);
}

PVOID ExAllocateFromPagedLookasideList(PPAGED_LOOKASIDE_LIST Lookaside)
{
    CHECK(ExAllocateFromPagedLookasideList);
    return take(LIST(Lookaside), &plain, VERIFY_CALLER);
}

PVOID ExAllocateFromLookasideListEx(PLOOKASIDE_LIST_EX Lookaside)
{
    CHECK(ExAllocateFromLookasideListEx);
    return take(LIST(Lookaside), &extended, VERIFY_CALLER);
}

VOID ExFreeToNPagedLookasideList(PNPAGED_LOOKASIDE_LIST Lookaside, PVOID Entry)
{
    CHECK(ExFreeToNPagedLookasideList);
    give(LIST(Lookaside), Entry, &plain, VERIFY_CALLER);
}

VOID ExFreeToPagedLookasideList(PPAGED_LOOKASIDE_LIST Lookaside, PVOID Entry)
{
    CHECK(ExFreeToPagedLookasideList);
    give(LIST(Lookaside), Entry, &plain, VERIFY_CALLER);
}

VOID ExFreeToLookasideListEx(PLOOKASIDE_LIST_EX Lookaside, PVOID Entry)
{
    CHECK(ExFreeToLookasideListEx);
    give(LIST(Lookaside), Entry, &extended, VERIFY_CALLER);
}
