#include "verify/internal.h"

#include "sim/machine.h"

#include <stdatomic.h>

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

void verify_ledger_free(struct verify_ledger *ledger)
{
    sim_free(ledger->entries);
    ledger->entries = NULL;
}
