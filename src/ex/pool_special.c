#include "ex/lock.h"
#include "ex/state.h"

#include "plat/pages.h"
#include "verify/verify.h"

#include <stdio.h>
#include <string.h>

/* Each block on pages of its own, its end at the end of the last one, an inaccessible page behind it. The description
 * stands elsewhere, so that a freed block can lose every access. */
struct pool_special {
    struct pool_special *next, *before; // pool_state.special_live; special_freed and special_spare: next only
    struct pool_special *next_in_bucket;
    char *pages;
    size_t readable, total;             // bytes: of pages with the block, of all
    char *body;
    bool freed;
    struct pool_block block;
};

/* Most blocks take one page and its guard. Such pairs are mapped many at a time, and serve again: a call of the host's for
 * each block that comes or goes is what special pool costs. */
struct pool_arena {
    struct pool_arena *next;
    char *pages;
};

/* MOST_LIVE: a block is two mappings of the host's, which has 65,530 for a process. */
enum { KEEP_FREED = 2048, BUCKETS = 1024, PAIRS = 128, MOST_LIVE = 24000 };

static struct pool_special **bucket_of(const void *body)
{
    return &ExpPool()->special_buckets[((uintptr_t)body >> 12 ^ (uintptr_t)body >> 22) % BUCKETS];
}

static struct pool_special *find_body(const void *body)
{
    struct pool_special *special;
    sched_lock(&ExpPool()->lock);
    special = ExpPool()->special_buckets ? *bucket_of(body) : NULL;
    while (special && special->body != body)
        special = special->next_in_bucket;
    sched_unlock(&ExpPool()->lock);
    return special;
}

static bool holds(const struct pool_special *special, uintptr_t address)
{
    return address >= (uintptr_t)special->pages && address < (uintptr_t)special->pages + special->total;
}

static struct pool_special *find(uintptr_t address)
{
    struct pool_special *special;
    sched_lock(&ExpPool()->lock);
    for (special = ExpPool()->special_live; special && !holds(special, address); special = special->next)
        ;
    for (special = special ? special : ExpPool()->special_freed; special && !holds(special, address);
         special = special->next)
        ;
    sched_unlock(&ExpPool()->lock);
    return special;
}

/* A block that begins on the object's page and holds it. */
static struct pool_special *find_around(const void *object)
{
    const char *address = object;
    struct pool_special *special;
    sched_lock(&ExpPool()->lock);
    special = ExpPool()->special_buckets ? *bucket_of(object) : NULL;
    while (special && (special->freed || address < special->body || address >= special->body + special->block.size))
        special = special->next_in_bucket;
    sched_unlock(&ExpPool()->lock);
    return special;
}

static void link_live(struct pool_special *special)
{
    struct pool_special **bucket = bucket_of(special->body);
    special->next = NULL;
    special->before = ExpPool()->special_live_last;
    if (special->before)
        special->before->next = special;
    else
        ExpPool()->special_live = special;
    ExpPool()->special_live_last = special;
    special->next_in_bucket = *bucket;
    *bucket = special;
    ExpPool()->special_live_count++;
}

/* From the live blocks to the end of the freed ones. */
static void move_to_freed(struct pool_special *special)
{
    if (special->next)
        special->next->before = special->before;
    else
        ExpPool()->special_live_last = special->before;
    if (special->before)
        special->before->next = special->next;
    else
        ExpPool()->special_live = special->next;
    special->next = NULL;
    *ExpPool()->special_freed_last = special;
    ExpPool()->special_freed_last = &special->next;
    ExpPool()->special_freed_count++;
    ExpPool()->special_live_count--;
}

static struct pool_special *take_oldest_freed(void)
{
    struct pool_special *oldest = ExpPool()->special_freed;
    struct pool_special **link = bucket_of(oldest->body);
    ExpPool()->special_freed = oldest->next;
    if (!oldest->next)
        ExpPool()->special_freed_last = &ExpPool()->special_freed;
    ExpPool()->special_freed_count--;
    while (*link != oldest)
        link = &(*link)->next_in_bucket;
    *link = oldest->next_in_bucket;
    return oldest;
}

static bool is_pair(size_t total) { return total == 2 * plat_page_size(); }

static void give_back(struct pool_special *special)
{
    if (!is_pair(special->total)) {
        plat_pages_free(special->pages, special->total);
        sim_free(special);
        return;
    }
    sched_lock(&ExpPool()->lock);
    special->next = ExpPool()->special_spare;
    ExpPool()->special_spare = special;
    sched_unlock(&ExpPool()->lock);
}

static bool add_arena(void)
{
    size_t size = PAIRS * 2 * plat_page_size();
    char *pages = plat_pages_alloc(size, PLAT_NO_ACCESS);
    struct pool_arena *arena;
    if (!pages)
        return false;
    arena = sim_alloc(sizeof *arena);
    arena->pages = pages;
    sched_lock(&ExpPool()->lock);
    arena->next = ExpPool()->special_arenas; /* another thread's, made meanwhile, may lose what it has not used */
    ExpPool()->special_arenas = arena;
    ExpPool()->special_unused = PAIRS;
    sched_unlock(&ExpPool()->lock);
    return true;
}

static struct pool_special *take_pair(void)
{
    size_t pair = 2 * plat_page_size();
    struct pool_special *special;
    char *pages = NULL;
    do {
        sched_lock(&ExpPool()->lock);
        special = ExpPool()->special_spare;
        if (special)
            ExpPool()->special_spare = special->next;
        else if (ExpPool()->special_unused)
            pages = ExpPool()->special_arenas->pages + (PAIRS - ExpPool()->special_unused--) * pair;
        sched_unlock(&ExpPool()->lock);
    } while (!special && !pages && add_arena());
    if (pages) {
        special = sim_alloc(sizeof *special);
        special->pages = pages;
    }
    if (!special || plat_pages_protect(special->pages, pair / 2, PLAT_READ_WRITE))
        return special;
    special->total = pair;
    give_back(special);
    return NULL;
}

static struct pool_special *take_pages(size_t total)
{
    size_t guard = plat_page_size();
    char *pages = plat_pages_alloc(total, PLAT_READ_WRITE);
    if (!pages)
        return NULL;
    plat_pages_protect(pages + total - guard, guard, PLAT_NO_ACCESS);
    struct pool_special *special = sim_alloc(sizeof *special);
    special->pages = pages;
    return special;
}

static bool has_room(void)
{
    sched_lock(&ExpPool()->lock);
    bool has = ExpPool()->special_live_count < MOST_LIVE;
    sched_unlock(&ExpPool()->lock);
    return has;
}

void *ExpAllocateSpecial(unsigned flags, size_t size, ULONG tag, const void *site)
{
    size_t page = plat_page_size();
    size_t room = (size + 15) / 16 * 16;
    size_t readable = (room + page - 1) / page * page + (room == 0) * page;
    struct pool_special *special = size >= POOL_MAX_SIZE || !has_room() ? NULL : is_pair(readable + page) ? take_pair() : take_pages(readable + page);

    if (!special)
        return NULL;
    char *pages = special->pages;
    memset(pages, POOL_GUARD_BYTE, readable);
    special->freed = false;
    special->readable = readable;
    special->total = readable + page;
    size_t before = readable - room; /* more than a page of Windows where the host's are larger */
    special->body = pages + (size < POOL_PAGE ? before : before / POOL_PAGE * POOL_PAGE);
    special->block = (struct pool_block){.site = site, .size = size, .tag = tag};
    special->block.flags = (uint8_t)((flags & (EXP_PAGED | EXP_EXECUTE)) | POOL_SPECIAL);
    memset(special->body, flags & EXP_ZERO ? 0 : POOL_FRESH_BYTE, size);
    sched_lock(&ExpPool()->lock);
    if (!ExpPool()->special_buckets)
        ExpPool()->special_buckets = sim_alloc(BUCKETS * sizeof *ExpPool()->special_buckets);
    link_live(special);
    sched_unlock(&ExpPool()->lock);
    return special->body;
}

static void describe(struct verify_violation *v, const struct pool_special *special)
{
    char line[64], tag[8];
    snprintf(line, sizeof line, "%zu bytes tagged '%s' allocated by", special->block.size,
             verify_tag(special->block.tag, tag));
    verify_site(v, line, special->block.site);
    if (special->freed)
        verify_site(v, "freed by", special->block.free_site);
}

static bool is_filled(const char *at, size_t count)
{
    return !count || ((unsigned char)*at == POOL_GUARD_BYTE && !memcmp(at, at + 1, count - 1));
}

/* The few bytes up to 16 that lie between block and guard page, and those before the block. */
static bool is_intact(const struct pool_special *special)
{
    const char *end = special->body + special->block.size;
    return is_filled(special->pages, (size_t)(special->body - special->pages)) &&
           is_filled(end, (size_t)(special->pages + special->readable - end));
}

static void blame(struct verify_violation *v, const void *site)
{
    const char *culprit = verify_driver_of(site);
    if (*culprit && strcmp(culprit, "fltsim"))
        verify_blame(v, culprit);
}

static void check_guard(struct pool_special *special, const char *noticed, const void *site)
{
    if (is_intact(special))
        return;
    struct verify_violation *v =
        verify_begin_fatal(VERIFY_POOL_CORRUPTION, "Something wrote next to the pool block %p (%zu bytes).",
                           (void *)special->body, special->block.size);
    describe(v, special);
    verify_site(v, noticed, site);
    blame(v, site);
    verify_end_bugcheck(v, 0xC1, (uintptr_t)special->body, 0, special->block.size, 0x23);
}

void ExpCheckGuard(const void *body, const char *noticed, const void *site)
{
    if (!machine->options.special_pool)
        return;
    struct pool_special *special = find_body(body);
    if (special && !special->freed)
        check_guard(special, noticed, site);
}

static void check(struct pool_special *special, ULONG tag, const char *routine, const void *site)
{
    if (tag && tag != special->block.tag)
        ExpReportWrongTag(&special->block, special->body, tag, routine, site);
    check_guard(special, "noticed when freed by", site);
}

bool ExpFreeSpecial(void *body, ULONG tag, const char *routine, const void *site)
{
    struct pool_special *special = find_body(body);

    if (!special && __atomic_load_n(&ExpPool()->special_short, __ATOMIC_RELAXED))
        return false;
    if (!special) {
        ExpReportBadFree(body, tag, routine, site);
        return true;
    }
    if (special->freed) {
        struct verify_violation *v =
            verify_begin_fatal(VERIFY_DOUBLE_FREE, "%s was given the block %p, which is free already.", routine, body);
        describe(v, special);
        verify_site(v, "and again by", site);
        verify_end_bugcheck(v, 0xC2, 0x7, 0, special->block.tag, (uintptr_t)body);
    }
    check(special, tag, routine, site);
    ExpTellFree(body, special->block.size, routine, site);
    if (special->block.flags & POOL_CHARGED)
        ExpReturnCharge(&special->block);
    plat_pages_protect(special->pages, special->readable, PLAT_NO_ACCESS);
    sched_lock(&ExpPool()->lock);
    special->block.free_site = site;
    special->freed = true;
    move_to_freed(special);
    struct pool_special *oldest = ExpPool()->special_freed_count > KEEP_FREED ? take_oldest_freed() : NULL;
    sched_unlock(&ExpPool()->lock);
    if (oldest)
        give_back(oldest);
    return true;
}

static void report_fault(struct pool_special *special, uintptr_t address, bool write, const void *pc)
{
    long offset = (long)(address - (uintptr_t)special->body);
    const char *access = write ? "A write" : "A read";
    struct verify_violation *v =
        special->freed
            ? verify_begin_fatal(VERIFY_POOL_USE_AFTER_FREE,
                                 "%s at offset %ld of the pool block %p (%zu bytes), which was freed.", access, offset,
                                 (void *)special->body, special->block.size)
            : verify_begin_fatal(VERIFY_POOL_CORRUPTION, "%s at offset %ld of the pool block %p, which has %zu bytes.",
                                 access, offset, (void *)special->body, special->block.size);
    describe(v, special);
    verify_routine(v, write ? "and now written by" : "and now read by", pc);
    blame(v, pc);
    verify_end_bugcheck(v, special->freed ? 0xCC : 0xCD, address, write, (uintptr_t)pc, 0);
}

/* KiExplainFault. Returns when the address is not pool. */
void ExpExplainFault(const void *address, bool write, const void *pc)
{
    if (!machine || !machine->ex || !machine->options.special_pool)
        return;
    struct pool_special *special = find((uintptr_t)address);
    if (special)
        report_fault(special, (uintptr_t)address, write, pc);
}

/* ---- all of them ---- */

void ExpEachSpecial(void (*visit)(struct pool_block *block, void *context), void *context)
{
    for (struct pool_special *special = ExpPool()->special_live; special; special = special->next)
        visit(&special->block, context);
}

bool ExpFindSpecial(const void *body, struct pool_block **block)
{
    struct pool_special *special = find_body(body);
    if (!special || special->freed)
        return false;
    *block = &special->block;
    return true;
}

bool ExpIsInPagedSpecial(const void *address)
{
    struct pool_special *special = find((uintptr_t)address);
    return special && !special->freed && special->block.flags & EXP_PAGED;
}

void ExpCheckResident(const void *object, const char *what, const void *site)
{
    if (__builtin_expect(!machine || !machine->ex || !machine->options.special_pool, 1))
        return;
    struct pool_special *special = find_around(object);
    if (!special || !(special->block.flags & EXP_PAGED))
        return;
    struct verify_violation *v =
        verify_begin(VERIFY_PAGED_OBJECT, "The %s %p was initialized in paged pool.", what, object);
    verify_site(v, "initialized by", site);
    describe(v, special);
    verify_end(v);
}

void ExpStopSpecial(void)
{
    struct pool_special *special;
    struct pool_arena *arena;
    while ((special = ExpPool()->special_live)) {
        ExpPool()->special_live = special->next;
        give_back(special);
    }
    while ((special = ExpPool()->special_freed)) {
        ExpPool()->special_freed = special->next;
        give_back(special);
    }
    while ((special = ExpPool()->special_spare)) {
        ExpPool()->special_spare = special->next;
        sim_free(special);
    }
    while ((arena = ExpPool()->special_arenas)) {
        ExpPool()->special_arenas = arena->next;
        plat_pages_free(arena->pages, PAIRS * 2 * plat_page_size());
        sim_free(arena);
    }
    ExpPool()->special_unused = 0;
    sim_free(ExpPool()->special_buckets);
    ExpPool()->special_buckets = NULL;
}
