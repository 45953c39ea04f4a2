#include "ex/track.h"

#include "ex/state.h"

#include "verify/verify.h"

#include <stdio.h>

struct tracked {
    struct tracked *next; // track_state.buckets[]
    const void *object;
    const void *site;
    enum exp_tracked kind;
};

enum { BUCKETS = 64 };

struct track_state {
    struct bucket {
        struct sched_lock lock;
        struct tracked *first;
    } buckets[BUCKETS];
};

static struct bucket *bucket_of(const void *object)
{
    uintptr_t address = (uintptr_t)object;
    return &ex()->track->buckets[(address >> 4 ^ address >> 10 ^ address >> 16) % BUCKETS];
}

static struct tracked *take(const void *object)
{
    struct bucket *bucket = bucket_of(object);
    sched_lock(&bucket->lock);
    struct tracked **link = &bucket->first, *found;
    while (*link && (*link)->object != object)
        link = &(*link)->next;
    found = *link;
    if (found)
        *link = found->next;
    sched_unlock(&bucket->lock);
    return found;
}

void ExpTrack(enum exp_tracked kind, const void *object, const void *site)
{
    struct bucket *bucket = bucket_of(object);
    struct tracked *old = take(object), *fresh = old ? old : sim_alloc(sizeof *fresh);

    *fresh = (struct tracked){.object = object, .site = old ? old->site : site, .kind = kind};
    sched_lock(&bucket->lock);
    fresh->next = bucket->first;
    bucket->first = fresh;
    sched_unlock(&bucket->lock);
}

const void *ExpUntrack(const void *object)
{
    struct tracked *tracked = take(object);
    const void *site = tracked ? tracked->site : NULL;
    sim_free(tracked);
    return site;
}

struct seen {
    const void *object, *site;
};

/* What is tracked now, of that kind, as far as there is room for it: objects may go any time, sites stay. Returns how
 * many there are. */
static size_t look(enum exp_tracked kind, struct seen *all, size_t room)
{
    size_t count = 0;
    for (size_t i = 0; i < BUCKETS; i++) {
        struct bucket *bucket = &ex()->track->buckets[i];
        sched_lock(&bucket->lock);
        for (struct tracked *tracked = bucket->first; tracked; tracked = tracked->next) {
            if (tracked->kind == kind && count < room)
                all[count] = (struct seen){tracked->object, tracked->site};
            count += tracked->kind == kind;
        }
        sched_unlock(&bucket->lock);
    }
    return count;
}

static void report(enum exp_tracked kind, const char *driver)
{
    static const char *const one[] = {"resource (ExDeleteResourceLite)", "lookaside list (ExDelete...LookasideList)"};
    static const char *const many[] = {"resources (ExDeleteResourceLite)", "lookaside lists (ExDelete...LookasideList)"};
    struct verify_leaks *leaks = verify_leaks_begin();
    size_t room = look(kind, NULL, 0);
    struct seen *all = sim_alloc(room * sizeof *all + 1);
    size_t count = look(kind, all, room);
    char when[160];

    for (size_t i = 0; i < count && i < room; i++) {
        struct tracked *tracked = verify_is_driver_code(all[i].site, driver) ? take(all[i].object) : NULL;
        if (tracked)
            verify_leaks_add(leaks, 0, tracked->site, 0, tracked->object, NULL, NULL);
        sim_free(tracked);
    }
    sim_free(all);
    snprintf(when, sizeof when, "undeleted when %s%s", driver ? driver : "the machine stopped",
             driver ? " unloaded" : "");
    verify_leaks_end(leaks, VERIFY_NOT_DELETED, one[kind], many[kind], "initialized by", when);
}

void ExpReportTracked(const char *driver)
{
    report(EXP_RESOURCE, driver);
    report(EXP_LOOKASIDE, driver);
}

void ExpForgetTracked(void)
{
    for (size_t i = 0; i < BUCKETS; i++) {
        while (ex()->track->buckets[i].first) {
            struct tracked *tracked = ex()->track->buckets[i].first;
            ex()->track->buckets[i].first = tracked->next;
            sim_free(tracked);
        }
    }
    sim_free(ex()->track);
}

void ExpStartTracking(void) { ex()->track = sim_alloc(sizeof(struct track_state)); }
