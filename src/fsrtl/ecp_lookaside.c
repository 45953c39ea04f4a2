/* Lookaside lists of extra create parameters. The driver's list head holds our own record of it, which outlives the
 * head while parameters are out, so that a free into a deleted list is seen for what it is. What waits in the list
 * stays pool of the driver's tag. The depth follows what is asked for. */
#include "ecp.h"

#include <stdio.h>
#include <string.h>

#include "ex/pool.h"

#define LOOKASIDE_FLAGS FSRTL_ECP_LOOKASIDE_FLAG_NONPAGED_POOL

enum { MIN_DEPTH = 4, MAX_DEPTH = 256, WINDOW = 128, MOST_AT_ONCE = 30, CHECKED = 128 / sizeof(uint64_t) };

struct ecp_lookaside {
    struct sched_lock lock;
    PECP_HEADER free; // _ECP_HEADER.next_free, the youngest first
    ULONG free_count;
    ULONG depth;
    ULONG most;             // that may be free: depth, or 0 when nothing is kept
    ULONG out;              // taken and not given back; and one for who looks at them
    ULONG misses, unneeded; // in this window; unneeded: the fewest that were free
    ULONG size, tag;
    ULONG checked; // words at the front of a free one's contents that are looked at
    FSRTL_ECP_LOOKASIDE_FLAGS flags;
    bool deleted;
    bool told;               // its driver is gone, and that was reported
    LIST_ENTRY entries;      // _ECP_HEADER.all: free or out
    PGENERAL_LOOKASIDE head; // the driver's
    LIST_ENTRY all;          // ecp_books.lookasides
    const void *site;
};

/* In GENERAL_LOOKASIDE, whose other members keep their meaning; Future is nobody's. */
#define MARK 0x4b4c4345u /* "ECLK" */

static struct ecp_lookaside *RecordOf(PGENERAL_LOOKASIDE head)
{
    return head->Future[0] == MARK ? (struct ecp_lookaside *)head->ListEntry.Flink : NULL;
}

static void Point(PGENERAL_LOOKASIDE head, struct ecp_lookaside *list)
{
    head->Future[0] = list ? MARK : 0;
    head->ListEntry.Flink = (PLIST_ENTRY)list;
}

static void ReportNoList(PVOID head, struct fsrtl_who who)
{
    struct verify_violation *v = verify_begin(VERIFY_ECP_LOOKASIDE_DELETED,
                                              "%s was given %p, a lookaside list of extra create parameters that was "
                                              "never initialized, or is deleted.",
                                              who.routine, head);
    verify_site(v, "called by", who.site);
    verify_end(v);
}

/* ---- initialize ---- */

static void CheckHead(PVOID head, struct fsrtl_who who)
{
    if (!ExpIsInPagedPool(head))
        return;
    struct verify_violation *v = verify_begin(VERIFY_ECP_FLAGS,
                                              "%s was given a list head, %p, in paged pool; the head of "
                                              "a paged list, too, must be in nonpaged memory.",
                                              who.routine, head);
    verify_site(v, "called by", who.site);
    verify_end(v);
}

void FsRtlpInitEcpLookaside(PVOID memory, FSRTL_ECP_LOOKASIDE_FLAGS flags, SIZE_T size, ULONG tag, struct fsrtl_who who)
{
    PGENERAL_LOOKASIDE head = memory;
    FsRtlpCheckEcpFlags(flags, LOOKASIDE_FLAGS, who);
    CheckHead(head, who);
    struct ecp_lookaside *list = sim_alloc(sizeof *list);
    InitializeListHead(&list->entries);
    list->depth = MIN_DEPTH;
    list->most = ecps.special ? 0 : MIN_DEPTH;
    list->size = (ULONG)size;
    list->checked = size < CHECKED * sizeof(uint64_t) ? (ULONG)size / sizeof(uint64_t) : CHECKED;
    list->tag = tag;
    list->flags = flags;
    list->head = head;
    list->site = who.site;
    *head = (GENERAL_LOOKASIDE){.Depth = MIN_DEPTH, .MaximumDepth = MAX_DEPTH, .Tag = tag, .Size = (ULONG)size};
    head->Type = flags & FSRTL_ECP_LOOKASIDE_FLAG_NONPAGED_POOL ? NonPagedPoolNx : PagedPool;
    Point(head, list);
    sched_lock(&ecps.lock);
    InsertTailList(&ecps.lookasides, &list->all);
    sched_unlock(&ecps.lock);
}

/* ---- take ---- */

/* Misses ask for more depth; what lay there unneeded all the time, for less. */
static __attribute__((noinline)) void Adapt(struct ecp_lookaside *list)
{
    if (list->misses)
        list->depth += list->misses < MOST_AT_ONCE ? list->misses : MOST_AT_ONCE;
    else
        list->depth -= (list->unneeded < list->depth ? list->unneeded : list->depth) / 2;
    list->depth = list->depth < MIN_DEPTH ? MIN_DEPTH : list->depth > MAX_DEPTH ? MAX_DEPTH : list->depth;
    list->most = list->most ? list->depth : 0;
    list->head->Depth = (USHORT)list->depth;
    list->misses = 0;
    list->unneeded = list->free_count;
}

static inline PECP_HEADER TakeFree(struct ecp_lookaside *list)
{
    sched_lock(&list->lock);
    PECP_HEADER header = list->free;
    if (__builtin_expect(header != NULL, 1)) {
        list->free = header->next_free;
        if (--list->free_count < list->unneeded)
            list->unneeded = list->free_count;
        list->out++;
    } else {
        list->misses++;
        list->unneeded = 0;
        list->head->AllocateMisses++;
    }
    if (__builtin_expect(++list->head->TotalAllocates % WINDOW == 0, 0))
        Adapt(list);
    sched_unlock(&list->lock);
    return header;
}

static __attribute__((noinline)) PECP_HEADER TakeNew(struct ecp_lookaside *list)
{
    POOL_TYPE pool = list->flags & FSRTL_ECP_LOOKASIDE_FLAG_NONPAGED_POOL ? NonPagedPoolNx : PagedPool;
    PECP_HEADER header = ExAllocatePoolWithTag(pool, sizeof(struct _ECP_HEADER) + (SIZE_T)list->size, list->tag);
    if (!header)
        return NULL;
    *header = (struct _ECP_HEADER){.lookaside = list, .state = ECP_FREEING, .tag = list->tag};
    FsRtlpForgetFreed(header);
    memset(FsRtlpContextOf(header), 0, list->size);
    sched_lock(&list->lock);
    InsertTailList(&list->entries, &header->all);
    list->out++;
    sched_unlock(&list->lock);
    return header;
}

static __attribute__((noinline)) void ReportTouched(PECP_HEADER header, const struct ecp_lookaside *list, ULONG at)
{
    const uint64_t *words = FsRtlpContextOf(header);
    struct verify_violation *v = verify_begin(
        header->freed_by_create ? VERIFY_ECP_USE_AFTER_CREATE : VERIFY_POOL_USE_AFTER_FREE,
        "Something wrote to extra create parameter %p near offset %u after it was freed%s.", (const void *)words,
        (unsigned)(at * sizeof *words), header->freed_by_create ? " with its create" : " to its lookaside list");
    verify_site(v, "allocated by", header->site);
    verify_site(v, "freed by", header->free_site);
    verify_end(v);
    memset(FsRtlpContextOf(header), 0, list->size);
}

/* Free ones are zero: a late write is seen, and the next owner need not zero again. */
static inline void CheckUntouched(PECP_HEADER header, const struct ecp_lookaside *list)
{
    const uint64_t *words = FsRtlpContextOf(header);
    for (ULONG at = 0; at < list->checked; at++)
        if (__builtin_expect(words[at] != 0, 0)) {
            ReportTouched(header, list, at);
            return;
        }
}

static __attribute__((noinline)) void ReportTakeFlags(const struct ecp_lookaside *list, struct fsrtl_who who)
{
    struct verify_violation *v = verify_begin(VERIFY_ECP_FLAGS,
                                              "%s was asked for nonpaged memory from lookaside list %p, "
                                              "which is paged: what fits the list comes from the list.",
                                              who.routine, (void *)list->head);
    verify_site(v, "the list was initialized by", list->site);
    verify_site(v, "called by", who.site);
    verify_end(v);
}

/* What is not as one from the list begins with; the rest is told when it is freed. */
static inline void Reissue(PECP_HEADER header, LPCGUID type, ULONG size,
                           PFSRTL_EXTRA_CREATE_PARAMETER_CLEANUP_CALLBACK cleanup, const void *site)
{
    header->flags = 0;
    header->origin = NULL;
    header->cleanup = cleanup;
    header->type = *type;
    header->size = size;
    header->site = site;
    __atomic_store_n(&header->state, ECP_LIVE, __ATOMIC_RELEASE);
}

NTSTATUS FsRtlpAllocateLookasideEcp(LPCGUID type, ULONG size, FSRTL_ALLOCATE_ECP_FLAGS flags,
                                    PFSRTL_EXTRA_CREATE_PARAMETER_CLEANUP_CALLBACK cleanup, PVOID head, PVOID *context,
                                    struct fsrtl_who who)
{
    struct ecp_lookaside *list = RecordOf(head);
    if (__builtin_expect(!list, 0)) {
        *context = NULL;
        ReportNoList(head, who);
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    if (__builtin_expect(size > list->size, 0))
        return FsRtlpAllocateEcp(type, size, flags, cleanup, list->tag, context, who);
    if (__builtin_expect(flags & ~list->flags & FSRTL_ALLOCATE_ECP_FLAG_NONPAGED_POOL, 0))
        ReportTakeFlags(list, who);
    PECP_HEADER header = TakeFree(list);
    if (__builtin_expect(header != NULL, 1))
        CheckUntouched(header, list);
    else if (!(header = TakeNew(list))) {
        *context = NULL;
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    Reissue(header, type, size, cleanup, who.site);
    *context = FsRtlpContextOf(header);
    return STATUS_SUCCESS;
}

/* ---- give back ---- */

static void FreeRecord(struct ecp_lookaside *list)
{
    sched_lock(&ecps.lock);
    RemoveEntryList(&list->all);
    sched_unlock(&ecps.lock);
    sim_free(list);
}

static void FreeAll(PECP_HEADER header)
{
    while (header) {
        PECP_HEADER next = header->next_free;
        ExFreePoolWithTag(header, header->tag);
        header = next;
    }
}

static void ReportLate(PECP_HEADER header)
{
    struct verify_violation *v =
        verify_begin(VERIFY_ECP_LOOKASIDE_DELETED, "Extra create parameter %p was freed into a deleted lookaside list.",
                     FsRtlpContextOf(header));
    verify_site(v, "allocated by", header->site);
    if (header->free_site)
        verify_site(v, "and now freed by", header->free_site);
    else if (v)
        verify_history(v, "and now freed by the I/O manager: its create has ended");
    verify_end(v);
}

/* With the lock held; gives it up. */
static __attribute__((noinline)) void GiveToPool(struct ecp_lookaside *list, PECP_HEADER header)
{
    bool deleted = list->deleted, told = list->told;
    RemoveEntryList(&header->all);
    if (!deleted) {
        list->head->TotalFrees++;
        list->head->FreeMisses++;
    }
    bool last = !--list->out && deleted;
    sched_unlock(&list->lock);
    if (deleted && !told)
        ReportLate(header);
    FsRtlpRememberFreed(header);
    ExFreePoolWithTag(header, header->tag);
    if (last)
        FreeRecord(list);
}

static inline void Zero(PVOID context, ULONG size)
{
    uint64_t *words = context;
    if (__builtin_expect(size > 8 * sizeof *words || size % sizeof *words, 0)) {
        memset(context, 0, size);
        return;
    }
    for (ULONG at = 0; at < size / sizeof *words; at++) {
        words[at] = 0;
        __asm__("" : : "r"(words) : "memory"); /* else the compiler calls memset */
    }
}

void FsRtlpGiveToLookaside(PECP_HEADER header)
{
    struct ecp_lookaside *list = header->lookaside;
    Zero(FsRtlpContextOf(header), list->size);
    __atomic_store_n(&header->state, ECP_GONE, __ATOMIC_RELAXED);
    sched_lock(&list->lock);
    if (__builtin_expect(list->free_count >= list->most, 0)) {
        GiveToPool(list, header);
        return;
    }
    header->next_free = list->free;
    list->free = header;
    list->free_count++;
    list->out--;
    list->head->TotalFrees++;
    sched_unlock(&list->lock);
}

/* ---- delete ---- */

/* One that was out as the list was deleted. */
struct out {
    PECP_HEADER header;
    PECP_LIST list;
    const void *site;
    ULONG size;
};

static ULONG TakeOut(struct ecp_lookaside *list, struct out *outs, ULONG room)
{
    ULONG count = 0;
    for (PLIST_ENTRY link = list->entries.Flink; link != &list->entries; link = link->Flink) {
        PECP_HEADER header = CONTAINING_RECORD(link, struct _ECP_HEADER, all);
        if (!FsRtlpIsLive(header))
            continue;
        if (count < room)
            outs[count] = (struct out){header, FsRtlpListOf(header), header->site, header->size};
        count++;
    }
    return count;
}

static void ReportOut(PVOID head, const struct out *outs, ULONG count, ULONG shown, struct fsrtl_who who)
{
    char name[ECP_NAME + 1];
    struct verify_violation *v = verify_begin(VERIFY_ECP_LOOKASIDE_IN_USE,
                                              "Lookaside list %p of extra create parameters was deleted while %u of "
                                              "them %s out.",
                                              head, (unsigned)count, count == 1 ? "is" : "are");
    for (ULONG i = 0; v && i < shown; i++) {
        FsRtlpCreateOf(outs[i].list, name, sizeof name);
        verify_history(v, "parameter %p of %u bytes, %s%s%s", FsRtlpContextOf(outs[i].header), (unsigned)outs[i].size,
                       *name ? "carried by the create of \"" : "on no create", name, *name ? "\", in flight" : "");
        verify_site(v, "    allocated by", outs[i].site);
    }
    if (v && shown < count)
        verify_history(v, "and %u more", (unsigned)(count - shown));
    verify_site(v, "deleted by", who.site);
    verify_end(v);
}

static PECP_HEADER TakeAllFree(struct ecp_lookaside *list)
{
    PECP_HEADER first = list->free;
    for (PECP_HEADER header = first; header; header = header->next_free)
        RemoveEntryList(&header->all);
    list->free = NULL;
    list->free_count = 0;
    return first;
}

static void Delete(struct ecp_lookaside *list, bool tell, struct fsrtl_who who)
{
    struct out outs[16];
    PVOID head = list->head;
    sched_lock(&list->lock);
    __atomic_store_n(&list->deleted, true, __ATOMIC_RELAXED);
    list->told = !tell;
    list->most = 0;
    list->out++;
    PECP_HEADER free = TakeAllFree(list);
    ULONG count = TakeOut(list, outs, 16);
    sched_unlock(&list->lock);
    FreeAll(free);
    if (count && tell)
        ReportOut(head, outs, count, count < 16 ? count : 16, who);
    sched_lock(&list->lock);
    bool last = !--list->out;
    sched_unlock(&list->lock);
    if (last)
        FreeRecord(list);
}

void FsRtlpDeleteEcpLookaside(PVOID head, FSRTL_ECP_LOOKASIDE_FLAGS flags, struct fsrtl_who who)
{
    struct ecp_lookaside *list = RecordOf(head);
    if (!list) {
        ReportNoList(head, who);
        return;
    }
    if (flags != list->flags) {
        struct verify_violation *v = verify_begin(VERIFY_ECP_FLAGS,
                                                  "%s was given flags 0x%x for lookaside list %p, which "
                                                  "was initialized with 0x%x.",
                                                  who.routine, (unsigned)flags, head, (unsigned)list->flags);
        verify_site(v, "initialized by", list->site);
        verify_site(v, "and now deleted by", who.site);
        verify_end(v);
    }
    Point(head, NULL);
    Delete(list, true, who);
}

/* ---- what drivers left ---- */

/* Nobody but the code that is gone deletes them: the records stay. */
static ULONG TakeLeft(struct ecp_lookaside **lists, ULONG room)
{
    ULONG count = 0;
    sched_lock(&ecps.lock);
    for (PLIST_ENTRY link = ecps.lookasides.Flink; link != &ecps.lookasides; link = link->Flink) {
        struct ecp_lookaside *list = CONTAINING_RECORD(link, struct ecp_lookaside, all);
        if (!__atomic_load_n(&list->deleted, __ATOMIC_RELAXED) && count++ < room)
            lists[count - 1] = list;
    }
    sched_unlock(&ecps.lock);
    return count;
}

void FsRtlpReportLookasides(const char *driver)
{
    struct verify_leaks *leaks = verify_leaks_begin();
    ULONG room = TakeLeft(NULL, 0);
    struct ecp_lookaside **lists = sim_alloc((room + 1) * sizeof *lists);
    ULONG count = TakeLeft(lists, room);
    char when[160];
    for (ULONG i = 0; i < count && i < room; i++)
        if (verify_is_driver_code(lists[i]->site, driver)) {
            verify_leaks_add(leaks, lists[i]->tag, lists[i]->site, 0, lists[i]->head, NULL, NULL);
            Delete(lists[i], false, (struct fsrtl_who){0});
        }
    sim_free(lists);
    snprintf(when, sizeof when, "undeleted when %s%s", driver ? driver : "the machine stopped",
             driver ? " unloaded" : "");
    verify_leaks_end(leaks, VERIFY_NOT_DELETED, "lookaside list of extra create parameters",
                     "lookaside lists of extra create parameters", "initialized by", when);
}

bool FsRtlpIsLookasideDeleted(PECP_HEADER header)
{
    return header->lookaside && __atomic_load_n(&header->lookaside->deleted, __ATOMIC_RELAXED);
}

/* Under the books' lock, which keeps the records there. */
void FsRtlpEachLookasideEcp(void (*visit)(PECP_HEADER header, void *context), void *context)
{
    for (PLIST_ENTRY at = ecps.lookasides.Flink; at != &ecps.lookasides; at = at->Flink) {
        struct ecp_lookaside *list = CONTAINING_RECORD(at, struct ecp_lookaside, all);
        sched_lock(&list->lock);
        for (PLIST_ENTRY link = list->entries.Flink; link != &list->entries; link = link->Flink) {
            PECP_HEADER header = CONTAINING_RECORD(link, struct _ECP_HEADER, all);
            if (FsRtlpIsLive(header))
                visit(header, context);
        }
        sched_unlock(&list->lock);
    }
}

/* The machine stops: parameters that never came back. */
void FsRtlpForgetLookasides(void)
{
    while (!IsListEmpty(&ecps.lookasides)) {
        struct ecp_lookaside *list = CONTAINING_RECORD(RemoveHeadList(&ecps.lookasides), struct ecp_lookaside, all);
        while (!IsListEmpty(&list->entries)) {
            PECP_HEADER header = CONTAINING_RECORD(RemoveHeadList(&list->entries), struct _ECP_HEADER, all);
            ExFreePoolWithTag(header, header->tag);
        }
        sim_free(list);
    }
}
