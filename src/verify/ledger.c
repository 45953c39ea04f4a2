#include "verify/internal.h"

#include "sim/machine.h"

#include <stdatomic.h>
#include <string.h>

/* The first events of an object tell where it came from and are kept for ever; of the later ones, the newest. */
enum { FIRST = 4, LATER = 28 };

struct entry {
    _Atomic(const char *) event;
    _Atomic(const void *) site;
    atomic_int count;
    atomic_uint thread; // what tells threads apart; the lowest bit: a reference was taken, not given back
};

struct verify_ledger_entries {
    atomic_uint used;
    struct entry entries[FIRST + LATER];
};

bool verify_ledgers_on;

static struct verify_ledger_entries *entries_of(struct verify_ledger *ledger)
{
    struct verify_ledger_entries *entries = __atomic_load_n(&ledger->entries, __ATOMIC_ACQUIRE);
    if (entries)
        return entries;
    struct verify_ledger_entries *fresh = sim_alloc(sizeof *fresh); /* a dead machine's go with it */
    if (__atomic_compare_exchange_n(&ledger->entries, &entries, fresh, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
        return fresh;
    sim_free(fresh);
    return entries;
}

static struct entry *slot(struct verify_ledger_entries *entries, unsigned index)
{
    return &entries->entries[index < FIRST ? index : FIRST + (index - FIRST) % LATER];
}

static unsigned next_index(struct verify_ledger_entries *entries)
{
    if (sched_parallel)
        return atomic_fetch_add_explicit(&entries->used, 1, memory_order_relaxed);
    unsigned index = atomic_load_explicit(&entries->used, memory_order_relaxed);
    atomic_store_explicit(&entries->used, index + 1, memory_order_relaxed);
    return index;
}

void verify_ledger_append(struct verify_ledger *ledger, const char *event, int change, long long count, const void *site)
{
    struct verify_ledger_entries *entries = entries_of(ledger);
    struct entry *entry = slot(entries, next_index(entries));
    atomic_store_explicit(&entry->site, site, memory_order_relaxed);
    atomic_store_explicit(&entry->count, (int)count, memory_order_relaxed);
    atomic_store_explicit(&entry->thread, ((unsigned)((uintptr_t)sched_current >> 4) & ~1u) | (change > 0),
                          memory_order_relaxed);
    atomic_store_explicit(&entry->event, event, memory_order_relaxed);
}

/* ---- reading ---- */

/* A copy, oldest first: others may go on writing. */
struct copy {
    struct line {
        const char *event;
        const void *site;
        unsigned thread;
        int count, change;
        bool out; // taken, and not given back as far as the ledger tells
    } lines[FIRST + LATER];
    unsigned count, dropped; // the dropped ones stood behind the first FIRST
};

static void take_copy(const struct verify_ledger *ledger, struct copy *copy)
{
    struct verify_ledger_entries *entries = __atomic_load_n(&ledger->entries, __ATOMIC_ACQUIRE);
    unsigned used = entries ? atomic_load(&entries->used) : 0;

    copy->count = 0;
    copy->dropped = used > FIRST + LATER ? used - FIRST - LATER : 0;
    for (unsigned i = 0; i < used; i++) {
        if (i == FIRST)
            i += copy->dropped;
        struct entry *entry = slot(entries, i);
        unsigned thread = atomic_load(&entry->thread);
        bool taken = thread & 1;
        struct line line = {atomic_load(&entry->event), atomic_load(&entry->site), thread & ~1u, atomic_load(&entry->count),
                            taken ? 1 : -1, taken};
        if (line.event)
            copy->lines[copy->count++] = line;
    }
}

static bool begins(const char *text, const char *start) { return !strncmp(text, start, strlen(start)); }

/* Which reference the index-th event gave back: a link its own, a driver the newest of its thread, else of anybody. */
static struct line *given_back(struct copy *copy, unsigned index)
{
    const struct line *drop = &copy->lines[index];
    bool link = begins(drop->event, "unlinked");
    struct line *newest = NULL;

    while (index--) {
        struct line *line = &copy->lines[index];
        if (!line->out || begins(line->event, "linked") != link)
            continue;
        if (link || line->thread == drop->thread)
            return line;
        newest = newest ? newest : line;
    }
    return newest;
}

static void pair(struct copy *copy)
{
    for (unsigned i = 0; i < copy->count; i++) {
        struct line *line = copy->lines[i].change < 0 ? given_back(copy, i) : NULL;
        if (line)
            line->out = false;
    }
}

static void label(const struct line *line, char *text, size_t size)
{
    char count[40] = "";
    if (line->count >= 0)
        snprintf(count, sizeof count, "count %d", line->count);
    snprintf(text, size, "%s%s%s%s%s%s", *count || line->out ? "[" : "", count, *count && line->out ? ", " : "",
             line->out ? "still out" : "", *count || line->out ? "] " : "", line->event);
}

void verify_ledger_print(struct verify_violation *v, const struct verify_ledger *ledger)
{
    struct copy copy;
    char text[160];

    if (!v)
        return;
    take_copy(ledger, &copy);
    pair(&copy);
    for (unsigned i = 0; i < copy.count; i++) {
        if (i == FIRST && copy.dropped)
            verify_history(v, "... %u more that are not kept ...", copy.dropped);
        label(&copy.lines[i], text, sizeof text);
        verify_site(v, text, copy.lines[i].site);
    }
}

void verify_ledger_dump(const struct verify_ledger *ledger, const char *indent, FILE *out)
{
    struct copy copy;
    char text[160], place[700];

    take_copy(ledger, &copy);
    pair(&copy);
    for (unsigned i = 0; i < copy.count; i++) {
        if (i == FIRST && copy.dropped)
            fprintf(out, "%s... %u more that are not kept ...\n", indent, copy.dropped);
        label(&copy.lines[i], text, sizeof text);
        if (copy.lines[i].site)
            verify_symbolize(copy.lines[i].site, place, sizeof place);
        fprintf(out, "%s%s%s%s\n", indent, text, copy.lines[i].site ? " " : "", copy.lines[i].site ? place : "");
    }
}

static const char *driver_of(const struct line *line)
{
    const char *driver = line->site ? verify_driver_of(line->site) : "";
    return strcmp(driver, "fltsim") ? driver : "";
}

const char *verify_ledger_holder(const struct verify_ledger *ledger)
{
    const char *holder = "", *drivers[FIRST + LATER];
    struct copy copy;
    int most = 0;

    take_copy(ledger, &copy);
    for (unsigned i = 0; i < copy.count; i++)
        drivers[i] = driver_of(&copy.lines[i]);
    for (unsigned i = 0; i < copy.count; i++) {
        int balance = 0;
        for (unsigned j = 0; j < copy.count; j++)
            if (drivers[i][0] && drivers[j] == drivers[i])
                balance += copy.lines[j].change;
        if (balance > most) {
            most = balance;
            holder = drivers[i];
        }
    }
    return holder;
}

void verify_ledger_empty(struct verify_ledger *ledger)
{
    atomic_store_explicit(&ledger->entries->used, 0, memory_order_relaxed);
}

void verify_ledger_forget(struct verify_ledger *ledger)
{
    sim_free(ledger->entries);
    ledger->entries = NULL;
}
