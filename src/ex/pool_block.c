#include "ex/lock.h"
#include "ex/state.h"

#include "ke/thread.h"
#include "verify/verify.h"

#include <stdlib.h>
#include <string.h>

/* Blocks of one size are slots of chunks; freed slots queue, the oldest in front, and wait until a few younger ones are
 * behind them: that is the quarantine in which a late write or a second free is noticed. */
enum { HOLD = 16, FIRST_SLOTS = 8, CHUNK_BYTES = 64 * 1024, LARGE_HOLD_BYTES = 1024 * 1024 };
/* Bigger blocks are patterned at both ends only. */
enum { FILL_HEAD = 2048, FILL_TAIL = 256 };

struct pool_state *ExpPool(void) { return &ex()->pool; }

static struct pool_shard *make_shard(unsigned index)
{
    struct pool_state *pool = ExpPool();
    struct pool_shard *shard = sim_alloc(sizeof *shard);
    for (size_t i = 0; i <= POOL_MAX_UNITS; i++)
        shard->classes[i].last = &shard->classes[i].first;
    sched_lock(&pool->lock);
    struct pool_shard *existing = pool->shards[index];
    if (!existing)
        __atomic_store_n(&pool->shards[index], shard, __ATOMIC_RELEASE);
    sched_unlock(&pool->lock);
    if (existing)
        sim_free(shard);
    return existing ? existing : shard;
}

/* Threads that were made one after the other get different ones. */
static unsigned my_shard_index(void)
{
    return sched_backend() == SCHED_COOP ? 0 : HandleToULong(KiCurrentThread()->id) / 4 % POOL_SHARDS;
}

static struct pool_shard *shard_at(unsigned index)
{
    struct pool_shard *shard = __atomic_load_n(&ExpPool()->shards[index], __ATOMIC_ACQUIRE);
    return shard ? shard : make_shard(index);
}

/* ---- patterns ---- */

static void fill(unsigned char *body, size_t size, unsigned char byte)
{
    if (size <= FILL_HEAD + FILL_TAIL) {
        memset(body, byte, size);
        return;
    }
    memset(body, byte, FILL_HEAD);
    memset(body + size - FILL_TAIL, byte, FILL_TAIL);
}

static size_t first_other(const unsigned char *from, size_t size, unsigned char byte)
{
    uint64_t word, pattern = 0x0101010101010101ull * byte;
    size_t i = 0;
    for (; i + sizeof word <= size; i += sizeof word) {
        memcpy(&word, from + i, sizeof word);
        if (word != pattern)
            break;
    }
    while (i < size && from[i] == byte)
        i++;
    return i;
}

static void check_freed(struct pool_block *block)
{
    const unsigned char *body = pool_body(block);
    size_t head = block->size <= FILL_HEAD + FILL_TAIL ? block->size : FILL_HEAD;
    size_t at = first_other(body, head, POOL_FREED_BYTE);

    if (at < head) {
        ExpReportWrittenAfterFree(block, at);
    } else if (head < block->size) {
        at = first_other(body + block->size - FILL_TAIL, FILL_TAIL, POOL_FREED_BYTE);
        if (at < FILL_TAIL)
            ExpReportWrittenAfterFree(block, block->size - FILL_TAIL + at);
    }
}

static size_t guard_size(const struct pool_block *block)
{
    size_t room = block->units ? (size_t)block->units * POOL_UNIT - sizeof *block : (block->size + 8 + 63) / 64 * 64;
    return room - block->size;
}

static bool is_intact(const struct pool_block *block)
{
    size_t size = guard_size(block);
    return block->guard == POOL_GUARD &&
           first_other((unsigned char *)pool_body(block) + block->size, size, POOL_GUARD_BYTE) == size;
}

static void set_state(struct pool_block *block, uint64_t state)
{
    __atomic_store_n(&block->state, state ^ (uintptr_t)block, __ATOMIC_RELEASE);
}

static bool has_state(const struct pool_block *block, uint64_t state)
{
    return __atomic_load_n(&block->state, __ATOMIC_ACQUIRE) == (state ^ (uintptr_t)block);
}

/* ---- slots ---- */

static struct pool_block *new_slot(struct pool_class *class, unsigned units)
{
    struct pool_chunk *chunk = class->chunks;
    size_t stride = (size_t)units * POOL_UNIT;

    if (!chunk || chunk->used == chunk->count) {
        size_t count = chunk ? chunk->count * 2 : FIRST_SLOTS;
        if (count * stride > CHUNK_BYTES && chunk)
            count = chunk->count;
        chunk = aligned_alloc(POOL_UNIT, POOL_UNIT + count * stride);
        if (!chunk)
            return NULL;
        *chunk = (struct pool_chunk){.next = class->chunks, .count = count};
        class->chunks = chunk;
    }
    return (struct pool_block *)((char *)chunk + POOL_UNIT + chunk->used++ * stride);
}

static struct pool_block *take_slot(unsigned index, unsigned units)
{
    struct pool_shard *shard = shard_at(index);
    struct pool_class *class = &shard->classes[units];
    struct pool_block *block = NULL, *used = NULL;

    sched_lock(&shard->lock);
    if (class->freed > HOLD) {
        used = block = class->first;
        class->first = block->next;
        if (!class->first)
            class->last = &class->first;
        class->freed--;
    } else {
        block = new_slot(class, units);
    }
    sched_unlock(&shard->lock);
    if (used)
        check_freed(used);
    return block;
}

static void give_slot(struct pool_block *block)
{
    struct pool_shard *shard = shard_at(block->shard);
    struct pool_class *class = &shard->classes[block->units];

    block->next = NULL;
    sched_lock(&shard->lock);
    *class->last = block;
    class->last = &block->next;
    class->freed++;
    sched_unlock(&shard->lock);
}

/* ---- whole pages: the header ends the page before the body ---- */

static struct pool_block *take_pages(unsigned index, size_t size)
{
    size_t rounded = (size + 8 + POOL_PAGE - 1) / POOL_PAGE * POOL_PAGE;
    char *memory = size < POOL_MAX_SIZE ? aligned_alloc(POOL_PAGE, POOL_PAGE + rounded) : NULL;
    struct pool_shard *shard = shard_at(index);

    if (!memory)
        return NULL;
    struct pool_block *block = (struct pool_block *)(memory + POOL_PAGE) - 1;
    block->previous = NULL;
    sched_lock(&shard->lock);
    block->next = shard->large;
    if (block->next)
        block->next->previous = block;
    shard->large = block;
    sched_unlock(&shard->lock);
    return block;
}

static void *pages_of(struct pool_block *block) { return (char *)(block + 1) - POOL_PAGE; }

static void give_pages(struct pool_block *block)
{
    struct pool_shard *shard = shard_at(block->shard);
    struct pool_block *oldest;

    sched_lock(&shard->lock);
    if (block->previous)
        block->previous->next = block->next;
    else
        shard->large = block->next;
    if (block->next)
        block->next->previous = block->previous;
    unsigned slot = shard->next_large_freed++ % 8;
    oldest = shard->large_freed[slot];
    bool keep = block->size <= LARGE_HOLD_BYTES;
    shard->large_freed[slot] = keep ? block : NULL;
    sched_unlock(&shard->lock);
    if (oldest) {
        check_freed(oldest);
        free(pages_of(oldest));
    }
    if (!keep)
        free(pages_of(block));
}

/* ---- allocate and free ---- */

void *ExpAllocate(unsigned flags, size_t size, ULONG tag, const void *site)
{
    unsigned index = my_shard_index();
    size_t units = (sizeof(struct pool_block) + size + 8 + POOL_UNIT - 1) / POOL_UNIT;
    bool slot = size < POOL_PAGE;

    if (__builtin_expect(machine->options.special_pool, 0)) {
        void *special = ExpAllocateSpecial(flags, size, tag, site);
        if (special || size >= POOL_MAX_SIZE)
            return special;
        __atomic_store_n(&ExpPool()->special_short, true, __ATOMIC_RELAXED);
    }
    struct pool_block *block = slot ? take_slot(index, (unsigned)units) : take_pages(index, size);
    if (!block)
        return NULL;
    __atomic_store_n(&block->site, site, __ATOMIC_RELAXED); /* somebody may be looking for leaks */
    block->free_site = NULL;
    __atomic_store_n(&block->size, size, __ATOMIC_RELAXED);
    block->tag = tag;
    __atomic_store_n(&block->flags, (uint8_t)(flags & (EXP_PAGED | EXP_EXECUTE)), __ATOMIC_RELAXED);
    block->shard = (uint8_t)index;
    block->units = slot ? (uint16_t)units : 0;
    block->guard = POOL_GUARD;
    unsigned char *body = pool_body(block);
    if (flags & EXP_ZERO)
        memset(body, 0, size);
    else
        fill(body, size, POOL_FRESH_BYTE);
    memset(body + size, POOL_GUARD_BYTE, guard_size(block));
    set_state(block, POOL_LIVE);
    return body;
}

void ExpFree(void *body, ULONG tag, const char *routine, const void *site)
{
    struct pool_block *block = pool_block_of(body);

    if (__builtin_expect(machine->options.special_pool, 0) && ExpFreeSpecial(body, tag, routine, site))
        return;
    if ((uintptr_t)body < POOL_PAGE || (uintptr_t)body % 16 || !(has_state(block, POOL_LIVE))) {
        if ((uintptr_t)body >= POOL_PAGE && !((uintptr_t)body % 16) && has_state(block, POOL_FREED))
            ExpReportDoubleFree(block, routine, site);
        else
            ExpReportBadFree(body, tag, routine, site);
        return;
    }
    if (tag && tag != block->tag)
        ExpReportWrongTag(block, body, tag, routine, site);
    if (!is_intact(block))
        ExpReportOverrun(block, routine, site);
    ExpTellFree(body, block->size, routine, site);
    if (block->flags & POOL_CHARGED)
        ExpReturnCharge(block);
    block->free_site = site;
    set_state(block, POOL_FREED);
    fill(body, block->size, POOL_FREED_BYTE);
    if (block->units)
        give_slot(block);
    else
        give_pages(block);
}

static struct pool_block *live_block(const void *body)
{
    struct pool_block *block = pool_block_of(body);
    if (machine->options.special_pool && ExpFindSpecial(body, &block))
        return block;
    if (machine->options.special_pool && !__atomic_load_n(&ExpPool()->special_short, __ATOMIC_RELAXED))
        return NULL;
    if ((uintptr_t)body < POOL_PAGE || (uintptr_t)body % 16 || !has_state(block, POOL_LIVE))
        return NULL;
    return block;
}

bool ExpIsPool(const void *body, size_t *size, ULONG *tag)
{
    struct pool_block *block = live_block(body);
    if (!block)
        return false;
    *size = block->size;
    *tag = block->tag;
    return true;
}

bool ExpIsPagedPool(const void *body)
{
    struct pool_block *block = live_block(body);
    return block && block->flags & EXP_PAGED;
}

bool ExpTakeOverrun(void *body)
{
    struct pool_block *block = machine->options.special_pool ? NULL : live_block(body);
    if (!block || block->guard != POOL_GUARD || is_intact(block))
        return false;
    memset((unsigned char *)body + block->size, POOL_GUARD_BYTE, guard_size(block));
    return true;
}

void ExpHandOut(void *body, const void *site)
{
    struct pool_block *block = body ? live_block(body) : NULL;
    if (block)
        block->site = site;
}

void ExpSetCharge(void *body, struct ps_quota *quota)
{
    struct pool_block *block = live_block(body);
    block->charged = quota;
    block->flags |= POOL_CHARGED;
}

static struct pool_block *slot_around(const struct pool_chunk *chunk, size_t stride, const void *address)
{
    size_t offset = (uintptr_t)address - ((uintptr_t)chunk + POOL_UNIT);
    return offset < chunk->used * stride
               ? (struct pool_block *)((char *)chunk + POOL_UNIT + offset / stride * stride)
               : NULL;
}

static bool is_paged_around(const struct pool_block *block, const void *address)
{
    return block && has_state(block, POOL_LIVE) && __atomic_load_n(&block->flags, __ATOMIC_RELAXED) & EXP_PAGED &&
           (uintptr_t)address - (uintptr_t)pool_body(block) < __atomic_load_n(&block->size, __ATOMIC_RELAXED);
}

static bool holds_paged(struct pool_shard *shard, const void *address)
{
    bool found = false;
    sched_lock(&shard->lock);
    for (size_t units = 1; units <= POOL_MAX_UNITS && !found; units++)
        for (struct pool_chunk *chunk = shard->classes[units].chunks; chunk && !found; chunk = chunk->next)
            found = is_paged_around(slot_around(chunk, units * POOL_UNIT, address), address);
    for (struct pool_block *block = shard->large; block && !found; block = block->next)
        found = is_paged_around(block, address);
    sched_unlock(&shard->lock);
    return found;
}

bool ExpIsInPagedPool(const void *address)
{
    bool found = ExpIsSpecial() && ExpIsInPagedSpecial(address);
    for (size_t s = 0; s < POOL_SHARDS && !found; s++) {
        struct pool_shard *shard = __atomic_load_n(&ExpPool()->shards[s], __ATOMIC_ACQUIRE);
        found = shard && holds_paged(shard, address);
    }
    return found;
}

/* ---- lookaside lists ---- */

bool ExpIsSpecial(void) { return machine->options.special_pool; }

void ExpReissue(void *body, const void *site)
{
    struct pool_block *block = pool_block_of(body);
    block->site = site;
    block->flags &= (uint8_t)~POOL_REPORTED;
    fill(body, block->size, POOL_FRESH_BYTE);
}

void ExpSpoil(void *body, size_t size, const char *routine, const void *site)
{
    struct pool_block *block = pool_block_of(body);
    if ((uintptr_t)body < POOL_PAGE || (uintptr_t)body % 16 || !has_state(block, POOL_LIVE) || block->size != size) {
        ExpReportBadFree(body, 0, routine, site);
        return;
    }
    if (!is_intact(block))
        ExpReportOverrun(block, routine, site);
    ExpTellFree(body, size, routine, site);
    fill(body, size, POOL_FREED_BYTE);
}

/* ---- all of them ---- */

static void each_of_shard(struct pool_shard *shard, void (*visit)(struct pool_block *, void *), void *context)
{
    for (size_t units = 1; units <= POOL_MAX_UNITS; units++)
        for (struct pool_chunk *chunk = shard->classes[units].chunks; chunk; chunk = chunk->next)
            for (size_t i = 0; i < chunk->used; i++)
                visit((struct pool_block *)((char *)chunk + POOL_UNIT + i * units * POOL_UNIT), context);
    for (struct pool_block *block = shard->large, *next; block; block = next) {
        next = block->next;
        visit(block, context);
    }
    for (size_t i = 0; i < 8; i++)
        if (shard->large_freed[i])
            visit(shard->large_freed[i], context);
}

/* Others may allocate and free meanwhile: the visitor must be quick, and call nobody. */
static void each_block_locked(void (*visit)(struct pool_block *, void *), void *context)
{
    for (size_t s = 0; s < POOL_SHARDS; s++) {
        struct pool_shard *shard = __atomic_load_n(&ExpPool()->shards[s], __ATOMIC_ACQUIRE);
        if (!shard)
            continue;
        sched_lock(&shard->lock);
        each_of_shard(shard, visit, context);
        sched_unlock(&shard->lock);
    }
}

/* Nobody else runs any more. */
static void each_block(void (*visit)(struct pool_block *, void *), void *context)
{
    for (size_t s = 0; s < POOL_SHARDS; s++)
        if (ExpPool()->shards[s])
            each_of_shard(ExpPool()->shards[s], visit, context);
    ExpEachSpecial(visit, context);
}

struct leak_search {
    const char *driver;
    struct verify_leaks *leaks;
    struct live_block {
        struct pool_block *block; // may be gone by now, unless it is the driver's
        const void *site;
    } *live;
    size_t count, room;
};

/* Whose they are is asked later, without a lock. Those of a driver that is gone stay as they are. */
static void note_live(struct pool_block *block, void *context)
{
    struct leak_search *search = context;

    if (!has_state(block, POOL_LIVE))
        return;
    if (search->count == search->room) {
        search->room = search->room ? search->room * 2 : 256;
        search->live = sim_realloc(search->live, search->room * sizeof *search->live);
    }
    search->live[search->count++] =
        (struct live_block){block, __atomic_load_n(&block->site, __ATOMIC_RELAXED)};
}

static void collect(struct pool_block *block, const void *site, struct leak_search *search)
{
    if (!verify_is_driver_code(site, search->driver) || (block->flags & POOL_REPORTED))
        return;
    block->flags |= POOL_REPORTED;
    verify_leaks_add(search->leaks, block->tag, site, block->size, pool_body(block),
                     block->flags & EXP_PAGED ? "from paged pool" : NULL, NULL);
}

static void collect_special(struct pool_block *block, void *context) { collect(block, block->site, context); }

void ExpReportDriver(const char *driver)
{
    char when[160];
    struct leak_search search = {.driver = driver, .leaks = verify_leaks_begin()};

    ExpReportTracked(driver);
    each_block_locked(note_live, &search);
    for (size_t i = 0; i < search.count; i++)
        collect(search.live[i].block, search.live[i].site, &search);
    sim_free(search.live);
    ExpEachSpecial(collect_special, &search);
    snprintf(when, sizeof when, "allocated when %s%s", driver ? driver : "the machine stopped",
             driver ? " unloaded" : "");
    verify_leaks_end(search.leaks, VERIFY_POOL_LEAK, "block of pool", "blocks of pool", "allocated by", when);
}

static void check_at_end(struct pool_block *block, void *context)
{
    if (block->flags & POOL_SPECIAL)
        return;
    if (has_state(block, POOL_FREED))
        check_freed(block);
    else if (has_state(block, POOL_LIVE) && !is_intact(block))
        ExpReportOverrun(block, NULL, NULL);
}

static void drop_charge(struct pool_block *block, void *context)
{
    if (block->flags & POOL_CHARGED && (block->flags & POOL_SPECIAL || has_state(block, POOL_LIVE)))
        ExpReturnCharge(block);
}

bool ExpPoolStart(void)
{
    ExpPool()->special_freed_last = &ExpPool()->special_freed;
    return true;
}

void ExpPoolStop(void)
{
    ExpReportDriver(NULL);
    each_block(check_at_end, NULL);
    each_block(drop_charge, NULL);
}

void ExpPoolForget(void)
{
    for (size_t s = 0; s < POOL_SHARDS; s++) {
        struct pool_shard *shard = ExpPool()->shards[s];
        if (!shard)
            continue;
        for (size_t units = 1; units <= POOL_MAX_UNITS; units++) {
            struct pool_chunk *chunk = shard->classes[units].chunks;
            while (chunk) {
                struct pool_chunk *next = chunk->next;
                free(chunk);
                chunk = next;
            }
        }
        while (shard->large) {
            struct pool_block *next = shard->large->next;
            free(pages_of(shard->large));
            shard->large = next;
        }
        for (size_t i = 0; i < 8; i++)
            if (shard->large_freed[i])
                free(pages_of(shard->large_freed[i]));
        sim_free(shard);
    }
    ExpStopSpecial();
}
