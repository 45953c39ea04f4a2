/* Extra create parameters that are used, freed or left as they must not be. */
#include "ecp.h"

#include <stdio.h>
#include <string.h>

#include "ex/pool.h"

struct ecp_books ecps;

void FsRtlpStartEcps(void)
{
    ecps = (struct ecp_books){.special = machine->options.special_pool, .last_free_list = &ecps.free_lists};
    InitializeListHead(&ecps.lists);
    InitializeListHead(&ecps.pool);
    InitializeListHead(&ecps.lookasides);
}

void FsRtlpCheckEcpFlags(ULONG flags, ULONG known, struct fsrtl_who who)
{
    if (__builtin_expect(!(flags & ~known), 1))
        return;
    struct verify_violation *v = verify_begin(VERIFY_ECP_FLAGS, "%s was given flags 0x%x; it knows 0x%x only.",
                                              who.routine, (unsigned)flags, (unsigned)known);
    verify_site(v, "called by", who.site);
    verify_end(v);
}

/* ---- what was freed to pool lately ---- */

static struct ecp_freed *Place(const void *context)
{
    uintptr_t address = (uintptr_t)context;
    return &ecps.freed[(address >> 6 ^ address >> 14) % ECP_FREED];
}

void FsRtlpForgetFreed(PECP_HEADER header)
{
    struct ecp_freed *place = Place(FsRtlpContextOf(header));
    sched_lock(&ecps.lock);
    if (place->context == FsRtlpContextOf(header))
        place->context = NULL;
    if (!header->lookaside)
        InsertTailList(&ecps.pool, &header->all);
    sched_unlock(&ecps.lock);
}

void FsRtlpRememberFreed(PECP_HEADER header)
{
    PVOID context = FsRtlpContextOf(header);
    sched_lock(&ecps.lock);
    if (!header->lookaside)
        RemoveEntryList(&header->all);
    *Place(context) =
        (struct ecp_freed){context, header->site, header->free_site, header->type, header->freed_by_create};
    sched_unlock(&ecps.lock);
}

static bool Recall(PVOID context, struct ecp_freed *freed)
{
    sched_lock(&ecps.lock);
    *freed = *Place(context);
    sched_unlock(&ecps.lock);
    return freed->context == context;
}

/* ---- freed ones ---- */

static void History(struct verify_violation *v, const struct ecp_freed *freed, const char *what, struct fsrtl_who who)
{
    verify_site(v, "allocated by", freed->site);
    if (freed->by_create && v)
        verify_history(v, "freed by the I/O manager: its create has ended");
    else
        verify_site(v, "freed by", freed->free_site);
    verify_site(v, what, who.site);
    verify_end(v);
}

static void ReportUse(PVOID object, const char *noun, const struct ecp_freed *freed, struct fsrtl_who who)
{
    enum verify_rule rule = freed->by_create ? VERIFY_ECP_USE_AFTER_CREATE : VERIFY_POOL_USE_AFTER_FREE;
    History(verify_begin(rule, "%s was given %s %p, which was freed%s.", who.routine, noun, object,
                         freed->by_create ? " with its create" : ""),
            freed, "and now used by", who);
}

static void ReportFree(PVOID object, const char *noun, const struct ecp_freed *freed, struct fsrtl_who who)
{
    History(verify_begin(VERIFY_ECP_DOUBLE_FREE, "%s was given %s %p, which %s.", who.routine, noun, object,
                         freed->by_create ? "was freed with its create" : "is free already"),
            freed, "and again by", who);
}

_Noreturn static void ReportNone(PVOID context, struct fsrtl_who who)
{
    struct verify_violation *v =
        verify_begin_fatal(VERIFY_CRASH, "%s was given %p, which is no extra create parameter.", who.routine, context);
    verify_site(v, "called by", who.site);
    verify_end_bugcheck(v, 0x50, (uintptr_t)context, 0, (uintptr_t)who.site, 0);
}

static struct ecp_freed FreedHeader(PECP_HEADER header)
{
    return (struct ecp_freed){FsRtlpContextOf(header), header->site, header->free_site, header->type,
                              header->freed_by_create};
}

/* The header of a live one; of one that is not, what is known about it. Special pool's freed pages cannot be read. */
static PECP_HEADER Examine(PVOID context, struct ecp_freed *freed, bool *freeing, struct fsrtl_who who)
{
    PECP_HEADER header = FsRtlpHeaderOf(context);
    *freeing = false;
    if ((uintptr_t)context < POOL_PAGE || (uintptr_t)context % 16)
        ReportNone(context, who);
    if (ecps.special && Recall(context, freed))
        return NULL;
    ULONG state = __atomic_load_n(&header->state, __ATOMIC_RELAXED);
    if (__builtin_expect(state == ECP_LIVE, 1))
        return header;
    if (state == ECP_FREEING || state == ECP_GONE) {
        *freeing = state == ECP_FREEING;
        *freed = FreedHeader(header);
    } else if (!Recall(context, freed)) {
        ReportNone(context, who);
    }
    return NULL;
}

PECP_HEADER FsRtlpLiveEcp(PVOID context, struct fsrtl_who who)
{
    struct ecp_freed freed;
    bool freeing;
    if (FsRtlpIsPlainlyLive(context))
        return FsRtlpHeaderOf(context);
    PECP_HEADER header = Examine(context, &freed, &freeing, who);
    if (header)
        return header;
    if (freeing) /* a cleanup callback looks at its own */
        return FsRtlpHeaderOf(context);
    ReportUse(context, "extra create parameter", &freed, who);
    return NULL;
}

PECP_HEADER FsRtlpEcpToFree(PVOID context, struct fsrtl_who who)
{
    struct ecp_freed freed;
    bool freeing;
    PECP_HEADER header = Examine(context, &freed, &freeing, who);
    if (!header) {
        ReportFree(context, "extra create parameter", &freed, who);
        return NULL;
    }
    if (!header->list)
        return header;
    struct verify_violation *v = verify_begin(
        VERIFY_ECP_ATTACHED, "Extra create parameter %p was freed while it was on list %p%s.", context,
        (void *)header->list, header->list->set || header->list->creates ? ", which a create carries" : "");
    verify_site(v, "allocated by", header->site);
    verify_site(v, "and now freed by", who.site);
    verify_end(v);
    FsRtlpDetachEcp(header);
    return header;
}

/* ---- lists: their memory stays readable ---- */

static bool IsGone(PECP_LIST list, struct ecp_freed *freed)
{
    if (__builtin_expect(list->state == ECP_LIVE, 1))
        return false;
    *freed = (struct ecp_freed){.site = list->site, .free_site = list->free_site, .by_create = list->freed_by_create};
    return true;
}

bool FsRtlpIsLiveList(PECP_LIST list, struct fsrtl_who who)
{
    struct ecp_freed freed;
    if (!IsGone(list, &freed))
        return true;
    ReportUse(list, "list", &freed, who);
    return false;
}

static void ReportCarried(PECP_LIST list, struct fsrtl_who who)
{
    char name[ECP_NAME + 1];
    FsRtlpCreateOf(list, name, sizeof name);
    struct verify_violation *v = verify_begin(VERIFY_ECP_ATTACHED,
                                              "List %p of extra create parameters was freed while the create of \"%s\" "
                                              "carries it.",
                                              (void *)list, name);
    verify_site(v, "allocated by", list->site);
    if (list->set && v)
        verify_history(v, "set into the create, which frees it when it ends");
    verify_site(v, "and now freed by", who.site);
    verify_end(v);
}

bool FsRtlpMayFreeList(PECP_LIST list, struct fsrtl_who who)
{
    struct ecp_freed freed;
    if (IsGone(list, &freed)) {
        ReportFree(list, "list", &freed, who);
        return false;
    }
    sched_lock(&ecps.lock);
    bool carried = list->set || list->creates;
    sched_unlock(&ecps.lock);
    if (carried)
        ReportCarried(list, who);
    return !carried;
}

/* ---- what drivers left ---- */

/* Looked at without the lock: nobody but the driver that is gone, or a create that ends, touches them. */
struct left {
    PVOID object; // PECP_LIST, PECP_HEADER
    const void *site;
    PFSRTL_EXTRA_CREATE_PARAMETER_CLEANUP_CALLBACK cleanup;
    bool carried, is_list;
    bool told; // of the lookaside list that was deleted under it
};

struct lefts {
    struct left *items;
    size_t count, room;
};

static void Add(struct lefts *lefts, struct left left)
{
    if (lefts->count < lefts->room)
        lefts->items[lefts->count] = left;
    lefts->count++;
}

static void AddHeader(PECP_HEADER header, void *context)
{
    if (!FsRtlpIsLive(header))
        return;
    PECP_LIST list = FsRtlpListOf(header);
    if (FsRtlpIsLive(header)) /* still: what leaves its list with its create stops being live before */
        Add(context, (struct left){header, header->site, __atomic_load_n(&header->cleanup, __ATOMIC_RELAXED),
                                   list != NULL, false, FsRtlpIsLookasideDeleted(header)});
}

static void Collect(struct lefts *lefts)
{
    lefts->count = 0;
    sched_lock(&ecps.lock);
    for (PLIST_ENTRY link = ecps.lists.Flink; link != &ecps.lists; link = link->Flink) {
        PECP_LIST list = CONTAINING_RECORD(link, struct _ECP_LIST, all);
        Add(lefts, (struct left){list, list->site, NULL, list->set || list->creates, true, false});
    }
    for (PLIST_ENTRY link = ecps.pool.Flink; link != &ecps.pool; link = link->Flink)
        AddHeader(CONTAINING_RECORD(link, struct _ECP_HEADER, all), lefts);
    FsRtlpEachLookasideEcp(AddHeader, lefts);
    sched_unlock(&ecps.lock);
}

static struct lefts CollectAll(void)
{
    struct lefts lefts = {0};
    Collect(&lefts);
    while (lefts.count > lefts.room) {
        lefts.room = lefts.count + 16;
        sim_free(lefts.items);
        lefts.items = sim_alloc(lefts.room * sizeof *lefts.items);
        Collect(&lefts);
    }
    return lefts;
}

static VOID NoCleanup(PVOID context, LPCGUID type) {}

struct disarmed {
    PECP_HEADER header;
    bool found;
};

static void DisarmThis(PECP_HEADER header, void *context)
{
    struct disarmed *wanted = context;
    if (header != wanted->header || !FsRtlpListOf(header))
        return;
    __atomic_store_n(&header->cleanup, NoCleanup, __ATOMIC_RELAXED);
    wanted->found = true;
}

/* False: its create has freed it meanwhile. */
static bool Disarm(PECP_HEADER header)
{
    struct disarmed wanted = {header, false};
    sched_lock(&ecps.lock);
    for (PLIST_ENTRY link = ecps.pool.Flink; link != &ecps.pool && !wanted.found; link = link->Flink)
        DisarmThis(CONTAINING_RECORD(link, struct _ECP_HEADER, all), &wanted);
    FsRtlpEachLookasideEcp(DisarmThis, &wanted);
    sched_unlock(&ecps.lock);
    return wanted.found;
}

/* Its create will free it, and would call code that is gone. */
static void ReportOrphan(PECP_HEADER header, const struct left *left)
{
    struct verify_violation *v = verify_begin(VERIFY_ECP_LEAK,
                                              "Extra create parameter %p is on a create in flight, and its "
                                              "driver, with its cleanup callback, is gone.",
                                              FsRtlpContextOf(header));
    verify_site(v, "allocated by", left->site);
    verify_routine(v, "cleanup callback", (const void *)(uintptr_t)left->cleanup);
    verify_end(v);
}

static void DropSilently(PECP_HEADER header)
{
    header->cleanup = NULL;
    FsRtlpDropEcp(header, false, NULL);
}

static void DropLeakedList(PECP_LIST list, struct verify_leaks *leaks)
{
    char detail[64];
    snprintf(detail, sizeof detail, "with %u extra create parameters on it", (unsigned)FsRtlpCountEcps(list));
    verify_leaks_add(leaks, 0, list->site, sizeof *list, list, detail, NULL);
    for (PLIST_ENTRY link = list->parameters.Flink; link != &list->parameters; link = link->Flink)
        CONTAINING_RECORD(link, struct _ECP_HEADER, link)->cleanup = NULL;
    FsRtlpDropEcpList(list, false, NULL);
}

static void LookAtHeader(const struct left *left, const char *driver, struct verify_leaks *leaks)
{
    PECP_HEADER header = left->object;
    if (left->carried) {
        if (driver && left->cleanup && verify_is_driver_code((const void *)(uintptr_t)left->cleanup, driver) &&
            Disarm(header) && !left->told)
            ReportOrphan(header, left);
    } else if (!left->told && verify_is_driver_code(left->site, driver)) {
        verify_leaks_add(leaks, header->tag, left->site, header->size, FsRtlpContextOf(header), NULL, NULL);
        DropSilently(header);
    }
}

static void ReportLeaks(const char *driver, const char *when)
{
    struct verify_leaks *lists = verify_leaks_begin(), *parameters = verify_leaks_begin();
    struct lefts lefts = CollectAll();
    for (size_t i = 0; i < lefts.count; i++)
        if (lefts.items[i].is_list && (!lefts.items[i].carried || !driver) &&
            verify_is_driver_code(lefts.items[i].site, driver))
            DropLeakedList(lefts.items[i].object, lists);
    sim_free(lefts.items);
    lefts = CollectAll(); /* without what was on those lists */
    for (size_t i = 0; i < lefts.count; i++)
        if (!lefts.items[i].is_list)
            LookAtHeader(&lefts.items[i], driver, parameters);
    sim_free(lefts.items);
    verify_leaks_end(lists, VERIFY_ECP_LIST_LEAK, "list of extra create parameters", "lists of extra create parameters",
                     "allocated by", when);
    verify_leaks_end(parameters, VERIFY_ECP_LEAK, "extra create parameter", "extra create parameters", "allocated by",
                     when);
}

void FsRtlpReportDriver(const char *driver)
{
    char when[160];
    snprintf(when, sizeof when, "not freed when %s%s", driver ? driver : "the machine stopped",
             driver ? " unloaded" : "");
    ReportLeaks(driver, when);
    FsRtlpReportLookasides(driver);
}

void FsRtlpStopEcps(void)
{
    if (sched_is_dead())
        return;
    FsRtlpReportDriver(NULL);
    FsRtlpForgetLookasides();
    while (ecps.free_lists) {
        PECP_LIST list = ecps.free_lists;
        ecps.free_lists = list->next_free;
        sim_free(list);
    }
}
