#include "verify/internal.h"

#include "sim/machine.h"

#include <string.h>

/* The first events of an object tell where it came from and are kept for ever; of the later ones what is still out, and the
 * newest: where there is no room any more, references that were taken and given back go together. */
enum { FIRST = 4, LATER = 28, NEWEST = 12, ALL = FIRST + LATER };

struct entry {
    const char *event;
    const void *site, *caller; // who called whoever stands at site; NULL: nobody knows
    int count;
    unsigned thread; // what tells threads apart; the lowest bit: a reference was taken, not given back
};

struct verify_ledger_entries {
    struct sched_lock lock;
    unsigned used, settled, dropped; // kept; went in pairs; went although still out, perhaps
    struct entry entries[ALL];
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

/* ---- which belongs to which ---- */

static bool is_taken(const struct entry *entry) { return entry->thread & 1; }
static bool begins(const char *text, const char *start) { return !strncmp(text, start, strlen(start)); }
static bool is_link(const struct entry *taken) { return taken->event[0] == 'l' && begins(taken->event, "linked"); }
static bool is_unlink(const struct entry *given) { return given->event[0] == 'u' && begins(given->event, "unlinked"); }

enum { ALONE = -1 };
struct pairs {
    signed char of[ALL]; // the index of the other one, or ALONE
    unsigned char open[ALL], count; // taken and not given back, oldest first
};

static void close_pair(struct pairs *pairs, unsigned at, unsigned given)
{
    unsigned taken = pairs->open[at];
    pairs->of[taken] = (signed char)given;
    pairs->of[given] = (signed char)taken;
    memmove(&pairs->open[at], &pairs->open[at + 1], --pairs->count - at);
}

/* What was given back is a link's own, or the newest of the same thread, else of anybody. */
static void give_back(struct pairs *pairs, const struct entry *entries, unsigned given)
{
    bool link = is_unlink(&entries[given]);
    int newest = ALONE;

    for (unsigned at = pairs->count; at--;) {
        const struct entry *taken = &entries[pairs->open[at]];
        if (is_link(taken) != link)
            continue;
        if (link || (taken->thread ^ entries[given].thread) == 1) {
            close_pair(pairs, at, given);
            return;
        }
        newest = newest == ALONE ? (int)at : newest;
    }
    if (newest != ALONE)
        close_pair(pairs, (unsigned)newest, given);
}

static void find_pairs(struct pairs *pairs, const struct entry *entries, unsigned count)
{
    pairs->count = 0;
    for (unsigned i = 0; i < count; i++) {
        pairs->of[i] = ALONE;
        if (is_taken(&entries[i]))
            pairs->open[pairs->count++] = (unsigned char)i;
        else
            give_back(pairs, entries, i);
    }
}

/* ---- writing ---- */

static bool is_old(int index) { return index >= FIRST && index < ALL - NEWEST; }

static void make_room(struct verify_ledger_entries *entries)
{
    struct pairs pairs;
    unsigned kept = FIRST;

    find_pairs(&pairs, entries->entries, ALL);
    for (int i = FIRST; i < ALL; i++)
        if (!is_old(i) || !is_old(pairs.of[i]))
            entries->entries[kept++] = entries->entries[i];
    entries->settled += ALL - kept;
    if (kept == ALL) {
        memmove(&entries->entries[FIRST], &entries->entries[FIRST + 1], (LATER - 1) * sizeof *entries->entries);
        entries->dropped++;
        kept--;
    }
    entries->used = kept;
}

/* The code at `site` is on this stack; the return address of its function. */
static const void *__attribute__((no_sanitize("address", "thread"))) caller_of(const void *site)
{
    enum { DEEPEST = 8, WIDEST = 0x10000 }; // of one frame, in bytes
    void **frame = __builtin_frame_address(0);

    for (int i = 0; i < DEEPEST; i++) {
        bool found = frame[1] == site;
        uintptr_t up = (uintptr_t)frame[0] - (uintptr_t)frame;
        if (up == 0 || up > WIDEST || up % sizeof *frame)
            return NULL;
        frame = frame[0];
        if (found)
            return frame[1];
    }
    return NULL;
}

void verify_ledger_append(struct verify_ledger *ledger, const char *event, int change, long long count, const void *site)
{
    struct verify_ledger_entries *entries = entries_of(ledger);
    struct entry entry = {event, site, change > 0 && site ? caller_of(site) : NULL, (int)count,
                          ((unsigned)((uintptr_t)sched_current >> 4) & ~1u) | (change > 0)};
    sched_lock(&entries->lock);
    if (entries->used == ALL)
        make_room(entries);
    entries->entries[entries->used++] = entry;
    sched_unlock(&entries->lock);
}

/* ---- reading ---- */

/* A copy, oldest first: others may go on writing. */
struct copy {
    struct verify_ledger_entries ledger;
    struct pairs pairs;
};

static void take_copy(const struct verify_ledger *ledger, struct copy *copy)
{
    struct verify_ledger_entries *entries = __atomic_load_n(&ledger->entries, __ATOMIC_ACQUIRE);
    copy->ledger.used = 0;
    if (entries) {
        sched_lock(&entries->lock);
        copy->ledger = *entries;
        sched_unlock(&entries->lock);
    }
    find_pairs(&copy->pairs, copy->ledger.entries, copy->ledger.used);
}

static bool is_out(const struct copy *copy, unsigned index)
{
    return is_taken(&copy->ledger.entries[index]) && copy->pairs.of[index] == ALONE;
}

/* Lines between the first ones and the later ones. */
static unsigned gap(const struct copy *copy, unsigned index, char text[2][80])
{
    unsigned lines = 0;
    if (index != FIRST)
        return 0;
    if (copy->ledger.settled)
        snprintf(text[lines++], 80, "... %u more, taken and given back ...", copy->ledger.settled);
    if (copy->ledger.dropped)
        snprintf(text[lines++], 80, "... %u more that are not kept ...", copy->ledger.dropped);
    return lines;
}

/* Of what is still out: a routine that takes references for others says little. */
static const void *shown_caller(const struct copy *copy, unsigned index)
{
    const struct entry *entry = &copy->ledger.entries[index];
    char text[700];
    if (!entry->caller || !is_out(copy, index) || is_link(entry) || !verify_is_of_driver(entry->caller))
        return NULL;
    verify_symbolize(entry->caller, text, sizeof text);
    return begins(text, "fltsim_") ? NULL : entry->caller;
}

static void label(const struct copy *copy, unsigned index, char *text, size_t size)
{
    const struct entry *entry = &copy->ledger.entries[index];
    bool out = is_out(copy, index);
    char count[40] = "";
    if (entry->count >= 0)
        snprintf(count, sizeof count, "count %d", entry->count);
    snprintf(text, size, "%s%s%s%s%s%s", *count || out ? "[" : "", count, *count && out ? ", " : "", out ? "still out" : "",
             *count || out ? "] " : "", entry->event);
}

void verify_ledger_print(struct verify_violation *v, const struct verify_ledger *ledger)
{
    struct copy copy;
    char text[160], between[2][80];

    if (!v)
        return;
    take_copy(ledger, &copy);
    for (unsigned i = 0; i < copy.ledger.used; i++) {
        for (unsigned j = 0, lines = gap(&copy, i, between); j < lines; j++)
            verify_history(v, "%s", between[j]);
        label(&copy, i, text, sizeof text);
        verify_site(v, text, copy.ledger.entries[i].site);
        const void *caller = shown_caller(&copy, i);
        if (caller)
            verify_site(v, "    for", caller);
    }
}

void verify_ledger_dump(const struct verify_ledger *ledger, const char *indent, FILE *out)
{
    struct copy copy;
    char text[160], between[2][80], place[700];

    take_copy(ledger, &copy);
    for (unsigned i = 0; i < copy.ledger.used; i++) {
        for (unsigned j = 0, lines = gap(&copy, i, between); j < lines; j++)
            fprintf(out, "%s%s\n", indent, between[j]);
        label(&copy, i, text, sizeof text);
        const void *site = copy.ledger.entries[i].site, *caller = shown_caller(&copy, i);
        if (site)
            verify_symbolize(site, place, sizeof place);
        fprintf(out, "%s%s%s%s\n", indent, text, site ? " " : "", site ? place : "");
        if (caller) {
            verify_symbolize(caller, place, sizeof place);
            fprintf(out, "%s    for %s\n", indent, place);
        }
    }
}

static const char *driver_of(const struct entry *entry)
{
    const char *driver = entry->site ? verify_driver_of(entry->site) : "";
    return strcmp(driver, "fltsim") ? driver : "";
}

const char *verify_ledger_holder(const struct verify_ledger *ledger)
{
    const char *holder = "", *drivers[ALL];
    struct copy copy;
    int most = 0;

    take_copy(ledger, &copy);
    for (unsigned i = 0; i < copy.ledger.used; i++)
        drivers[i] = driver_of(&copy.ledger.entries[i]);
    for (unsigned i = 0; i < copy.ledger.used; i++) {
        int balance = 0;
        for (unsigned j = 0; j < copy.ledger.used; j++)
            if (drivers[i][0] && drivers[j] == drivers[i])
                balance += is_taken(&copy.ledger.entries[j]) ? 1 : -1;
        if (balance > most) {
            most = balance;
            holder = drivers[i];
        }
    }
    return holder;
}

void verify_ledger_empty(struct verify_ledger *ledger)
{
    struct verify_ledger_entries *entries = ledger->entries;
    sched_lock(&entries->lock);
    entries->used = entries->settled = entries->dropped = 0;
    sched_unlock(&entries->lock);
}

void verify_ledger_forget(struct verify_ledger *ledger)
{
    sim_free(ledger->entries);
    ledger->entries = NULL;
}
