/* The lists of what was added to the filter engine, and how a transaction changes them. */
#include "net/wfp.h"

#include "fault/fault.h"

#include <string.h>

void *NetpNewEntry(size_t size, enum wfp_kind kind)
{
    if (fault_allocation())
        return NULL;
    struct wfp_entry *entry = sim_alloc(size);
    entry->kind = kind;
    entry->uses = 1;
    return entry;
}

static void free_entry(struct wfp_entry *entry)
{
    if (entry->kind == WFP_FILTER)
        NetpFreeFilter((struct wfp_filter *)entry);
    else
        sim_free(entry);
}

void NetpDropEntry(struct wfp_entry *entry)
{
    sched_lock(&machine->net->lock);
    bool last = --entry->uses == 0;
    sched_unlock(&machine->net->lock);
    if (last)
        free_entry(entry);
}

struct wfp_entry *NetpFindEntry(enum wfp_kind kind, const GUID *key)
{
    for (struct wfp_entry *entry = WFP->entries[kind]; entry; entry = entry->next)
        if (entry->change != WFP_DELETED && NetpIsKey(&entry->key, key))
            return entry;
    return NULL;
}

struct wfp_entry *NetpFindEntryById(enum wfp_kind kind, UINT64 id)
{
    for (struct wfp_entry *entry = WFP->entries[kind]; entry; entry = entry->next)
        if (entry->change != WFP_DELETED && entry->id == id)
            return entry;
    return NULL;
}

/* A key that nobody chose. */
static void make_key(GUID *key, enum wfp_kind kind)
{
    *key = (GUID){.Data1 = (ULONG)++WFP->last_key, .Data2 = (USHORT)kind, .Data3 = 0x4000, .Data4 = "fltsim"};
}

NTSTATUS NetpInsertEntry(struct wfp_entry *entry, const struct net_session *session)
{
    if (NetpIsZero(&entry->key))
        make_key(&entry->key, entry->kind);
    if (NetpFindEntry(entry->kind, &entry->key))
        return STATUS_FWP_ALREADY_EXISTS;
    for (size_t i = 0; i < sizeof entry->refers / sizeof *entry->refers; i++)
        if (entry->refers[i] && entry->refers[i]->of && entry->refers[i]->of != session)
            return STATUS_FWP_LIFETIME_MISMATCH;
    entry->of = session->dynamic ? session : NULL;
    entry->change = WFP_ADDED;
    entry->next = WFP->entries[entry->kind];
    WFP->entries[entry->kind] = entry;
    return STATUS_SUCCESS;
}

static bool refers_to(const struct wfp_entry *entry, const struct wfp_entry *to)
{
    return entry->change != WFP_DELETED && (entry->refers[0] == to || entry->refers[1] == to || entry->refers[2] == to);
}

static bool is_referred_to(const struct wfp_entry *to)
{
    for (int kind = 0; kind < WFP_KINDS; kind++)
        for (const struct wfp_entry *entry = WFP->entries[kind]; entry; entry = entry->next)
            if (refers_to(entry, to))
                return true;
    return false;
}

NTSTATUS NetpDeleteEntry(struct wfp_entry *entry, const struct net_session *session)
{
    if (entry->builtin)
        return STATUS_FWP_BUILTIN_OBJECT;
    if (entry->of && entry->of != session)
        return STATUS_FWP_WRONG_SESSION;
    if (is_referred_to(entry))
        return STATUS_FWP_IN_USE;
    /* What this transaction added itself is nothing that anybody else has seen; commit takes it off, as it does the rest. */
    entry->unseen = entry->change == WFP_ADDED;
    entry->change = WFP_DELETED;
    return STATUS_SUCCESS;
}

static const NTSTATUS not_found[WFP_KINDS] = {STATUS_FWP_PROVIDER_NOT_FOUND, STATUS_FWP_SUBLAYER_NOT_FOUND,
                                              STATUS_FWP_CALLOUT_NOT_FOUND, STATUS_FWP_FILTER_NOT_FOUND};

NTSTATUS NetpDelete(HANDLE engine, enum wfp_kind kind, const GUID *key, UINT64 id)
{
    struct wfp_changing changing;
    NTSTATUS status = NetpBeginChange(engine, &changing);
    if (!NT_SUCCESS(status))
        return status;
    sched_lock(&machine->net->lock);
    struct wfp_entry *entry = key ? NetpFindEntry(kind, key) : NetpFindEntryById(kind, id);
    status = entry ? NetpDeleteEntry(entry, changing.session) : not_found[kind];
    sched_unlock(&machine->net->lock);
    return NetpEndChange(&changing, status);
}

/* ---- the end of a transaction ---- */

/* Takes those that changed so off the lists, filters first. */
static struct wfp_entry *take(enum wfp_change change)
{
    struct wfp_entry *taken = NULL, **end = &taken;

    for (int kind = WFP_KINDS; kind-- > 0;)
        for (struct wfp_entry **link = &WFP->entries[kind]; *link;) {
            struct wfp_entry *entry = *link;
            if (entry->change != change && !(change == WFP_ADDED && entry->unseen)) {
                link = &entry->next;
                continue;
            }
            *link = entry->next;
            entry->next = NULL;
            *end = entry;
            end = &entry->next;
        }
    return taken;
}

static void settle(void)
{
    for (int kind = 0; kind < WFP_KINDS; kind++)
        for (struct wfp_entry *entry = WFP->entries[kind]; entry; entry = entry->next) {
            entry->change = WFP_COMMITTED;
            entry->unseen = false;
        }
}

/* Entries are off the lists: nobody finds them any more, but a classification may be at one. */
static void part_with(struct wfp_entry *gone)
{
    while (gone) {
        struct wfp_entry *next = gone->next;
        if (gone->kind == WFP_FILTER && ((struct wfp_filter *)gone)->told)
            NetpNotify((struct wfp_filter *)gone, FWPS_CALLOUT_NOTIFY_DELETE_FILTER);
        NetpDropEntry(gone);
        gone = next;
    }
}

/* The filters that a commit made visible, each held. */
static size_t added_filters(struct wfp_filter ***filters)
{
    size_t count = 0;
    for (struct wfp_entry *entry = WFP->entries[WFP_FILTER]; entry; entry = entry->next)
        count += entry->change == WFP_ADDED;
    *filters = count ? sim_alloc(count * sizeof **filters) : NULL;
    count = 0;
    for (struct wfp_entry *entry = WFP->entries[WFP_FILTER]; entry; entry = entry->next)
        if (entry->change == WFP_ADDED) {
            entry->uses++;
            (*filters)[count++] = (struct wfp_filter *)entry;
        }
    return count;
}

void NetpCommit(void)
{
    struct wfp_filter **added;

    sched_lock(&machine->net->lock);
    struct wfp_entry *gone = take(WFP_DELETED);
    size_t count = added_filters(&added);
    settle();
    sched_unlock(&machine->net->lock);
    part_with(gone);
    for (size_t i = 0; i < count; i++) {
        NetpNotify(added[i], FWPS_CALLOUT_NOTIFY_ADD_FILTER_POST_COMMIT);
        NetpDropEntry(&added[i]->entry);
    }
    sim_free(added);
}

void NetpAbort(void)
{
    sched_lock(&machine->net->lock);
    struct wfp_entry *gone = take(WFP_ADDED);
    settle();
    sched_unlock(&machine->net->lock);
    part_with(gone);
}

void NetpDeleteOfSession(const struct net_session *session)
{
    sched_lock(&machine->net->lock);
    for (int kind = 0; kind < WFP_KINDS; kind++)
        for (struct wfp_entry *entry = WFP->entries[kind]; entry; entry = entry->next)
            if (entry->of == session)
                entry->change = WFP_DELETED;
    sched_unlock(&machine->net->lock);
}

void NetpFreeEntries(void)
{
    for (int kind = 0; kind < WFP_KINDS; kind++)
        while (WFP->entries[kind]) {
            struct wfp_entry *next = WFP->entries[kind]->next;
            free_entry(WFP->entries[kind]);
            WFP->entries[kind] = next;
        }
}
