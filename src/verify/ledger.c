#include "verify/internal.h"

#include "sim/machine.h"

#include <stdatomic.h>
#include <string.h>

/* The first events of an object tell where it came from and are kept for ever; of the later ones, the newest. */
enum { FIRST = 4, LATER = 28 };

struct entry {
    _Atomic(const char *) event;
    _Atomic(const void *) site;
    _Atomic long long count;
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

void verify_ledger_add(struct verify_ledger *ledger, const char *event, long long count_after, const void *code_address)
{
    if (!verify_ledgers_on)
        return;
    struct verify_ledger_entries *entries = entries_of(ledger);
    struct entry *entry = slot(entries, atomic_fetch_add_explicit(&entries->used, 1, memory_order_relaxed));
    atomic_store_explicit(&entry->site, code_address, memory_order_relaxed);
    atomic_store_explicit(&entry->count, count_after, memory_order_relaxed);
    atomic_store_explicit(&entry->event, event, memory_order_relaxed);
}

void verify_ledger_print(struct verify_violation *v, const struct verify_ledger *ledger)
{
    struct verify_ledger_entries *entries = __atomic_load_n(&ledger->entries, __ATOMIC_ACQUIRE);
    if (!v || !entries)
        return;
    unsigned used = atomic_load(&entries->used);
    unsigned dropped = used > FIRST + LATER ? used - FIRST - LATER : 0;
    for (unsigned i = 0; i < used; i++) {
        if (i == FIRST && dropped) {
            verify_history(v, "... %u more that are not kept ...", dropped);
            i += dropped;
        }
        struct entry *entry = slot(entries, i);
        const char *event = atomic_load(&entry->event);
        long long count = atomic_load(&entry->count);
        char label[160];
        if (!event)
            continue;
        if (count < 0)
            snprintf(label, sizeof label, "%s", event);
        else
            snprintf(label, sizeof label, "[count %lld] %s", count, event);
        verify_site(v, label, atomic_load(&entry->site));
    }
}

static const char *driver_at(struct entry *entry)
{
    const void *site = atomic_load(&entry->site);
    const char *driver = atomic_load(&entry->event) && site ? verify_driver_of(site) : "";
    return strcmp(driver, "fltsim") ? driver : "";
}

static int taken(struct entry *entry)
{
    const char *event = atomic_load(&entry->event);
    return strncmp(event, "dereferenced", 12) && strncmp(event, "released", 8) ? 1 : -1;
}

const char *verify_ledger_holder(const struct verify_ledger *ledger)
{
    struct verify_ledger_entries *entries = __atomic_load_n(&ledger->entries, __ATOMIC_ACQUIRE);
    const char *holder = "", *drivers[FIRST + LATER];
    int most = 0;
    if (!entries)
        return holder;
    unsigned used = atomic_load(&entries->used) < FIRST + LATER ? atomic_load(&entries->used) : FIRST + LATER;
    for (unsigned i = 0; i < used; i++)
        drivers[i] = driver_at(&entries->entries[i]);
    for (unsigned i = 0; i < used; i++) {
        int balance = 0;
        for (unsigned j = 0; j < used; j++)
            if (drivers[i][0] && drivers[j] == drivers[i])
                balance += taken(&entries->entries[j]);
        if (balance > most) {
            most = balance;
            holder = drivers[i];
        }
    }
    return holder;
}

void verify_ledger_free(struct verify_ledger *ledger)
{
    sim_free(ledger->entries);
    ledger->entries = NULL;
}
