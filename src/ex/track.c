#include "ex/track.h"

#include "ex/state.h"

#include "sim/hash.h"
#include "verify/verify.h"

#include <stdio.h>

struct tracked {
    UT_hash_handle hh; // track_state.shards[].all, by .object
    const void *object;
    const void *site;
    enum exp_tracked kind;
};

enum { SHARDS = 16 };

struct track_state {
    struct shard {
        struct sched_lock lock;
        struct tracked *all;
    } shards[SHARDS];
};

static struct shard *shard_of(const void *object)
{
    uintptr_t address = (uintptr_t)object;
    return &ex()->track->shards[(address >> 4 ^ address >> 10 ^ address >> 16) % SHARDS];
}

static struct tracked *take(const void *object)
{
    struct shard *shard = shard_of(object);
    struct tracked *found;
    sched_lock(&shard->lock);
    HASH_FIND_PTR(shard->all, &object, found);
    if (found)
        HASH_DEL(shard->all, found);
    sched_unlock(&shard->lock);
    return found;
}

void ExpTrack(enum exp_tracked kind, const void *object, const void *site)
{
    struct shard *shard = shard_of(object);
    struct tracked *old = take(object), *fresh = old ? old : sim_alloc(sizeof *fresh);

    *fresh = (struct tracked){.object = object, .site = old ? old->site : site, .kind = kind};
    sched_lock(&shard->lock);
    HASH_ADD_PTR(shard->all, object, fresh);
    sched_unlock(&shard->lock);
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
    for (size_t i = 0; i < SHARDS; i++) {
        struct shard *shard = &ex()->track->shards[i];
        sched_lock(&shard->lock);
        for (struct tracked *tracked = shard->all; tracked; tracked = tracked->hh.next) {
            if (tracked->kind == kind && count < room)
                all[count] = (struct seen){tracked->object, tracked->site};
            count += tracked->kind == kind;
        }
        sched_unlock(&shard->lock);
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
    const void *site = NULL;
    bool own = false;
    char when[160];

    for (size_t i = 0; i < count && i < room; i++) {
        if (i == 0 || all[i].site != site)
            own = verify_is_driver_code(site = all[i].site, driver);
        struct tracked *tracked = own ? take(all[i].object) : NULL;
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
    for (size_t i = 0; i < SHARDS; i++) {
        struct tracked *tracked, *next;
        HASH_ITER(hh, ex()->track->shards[i].all, tracked, next) {
            HASH_DEL(ex()->track->shards[i].all, tracked);
            sim_free(tracked);
        }
    }
    sim_free(ex()->track);
}

void ExpStartTracking(void) { ex()->track = sim_alloc(sizeof(struct track_state)); }
