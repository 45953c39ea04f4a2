/* Pool: blocks and how they are found again. Private to ex, but for the few routines that say so. */
#ifndef FLTSIM_EX_POOL_H
#define FLTSIM_EX_POOL_H

#include <ntifs.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- for other rooms ---- */

/* pool-leak for what code of a driver allocated and did not free, by tag and site. Called when the driver has unloaded,
 * before verify_unregister_driver. NULL: for everybody's blocks (the machine's end). */
void ExpReportDriver(const char *driver);
/* A memory fault at `address`, made by the instruction at `pc`: where that is special pool (a guard page, a freed
 * block), ends the run with pool-corruption or pool-use-after-free; else returns. ke's KiExplainFault. */
void ExpExplainFault(const void *address, bool write, const void *pc);
/* ExAllocatePool2 on behalf of the code at `site` (a lookaside list's owner). NULL: no memory. */
void *ExpAllocate(unsigned flags, size_t size, ULONG tag, const void *site);
/* routine: the name for reports. tag 0: any. */
void ExpFree(void *body, ULONG tag, const char *routine, const void *site);
enum exp_pool_flags { EXP_PAGED = 1, EXP_ZERO = 2, EXP_EXECUTE = 4 };
/* Is this the start of a live block; and how long? */
bool ExpIsPool(const void *body, size_t *size, ULONG *tag);
bool ExpIsPagedPool(const void *body);
/* Any address: does it lie in a live block of paged pool? Slow. */
bool ExpIsInPagedPool(const void *address);
/* A routine allocated the block for the code at `site`, which is to free it: a leak is laid to that. NULL: nothing. */
void ExpHandOut(void *body, const void *site);
/* Something wrote behind the block: whose it is reports it, and pool no more. Not under special pool. */
bool ExpTakeOverrun(void *body);
/* Under special pool: reports `pool-corruption` where something wrote beside the block. `noticed`: "noticed when freed by". */
void ExpCheckGuard(const void *body, const char *noticed, const void *site);
/* Under special pool: reports `paged-object` when the object (what: "event") stands in paged pool. */
void ExpCheckResident(const void *object, const char *what, const void *site);

/* For lookaside lists. A block that waits in one keeps its place in pool; its contents are spoilt behind the link, and
 * whoever is handed it next is who allocated. */
bool ExpIsSpecial(void);
void ExpReissue(void *body, const void *site);
void ExpSpoil(void *body, size_t size, const char *routine, const void *site);

/* ---- private ---- */

/* Before each body. 64 bytes, so that bodies are aligned to 64 as their slots are. */
struct pool_block {
    struct pool_block *next;            // freed: pool_class.first; whole-page blocks: pool_shard.large
    union {
        struct pool_block *previous;    // whole-page blocks
        struct ps_quota *charged;       // POOL_CHARGED
    };
    const void *site;                   // who allocated
    const void *free_site;              // who freed
    size_t size;                        // as asked for
    ULONG tag;
    uint8_t flags;                      // EXP_*, POOL_*
    uint8_t shard;
    uint16_t units;                     // class: slot size / 64; 0: pages of its own
    uint64_t state;                     // a constant and the address
    uint64_t guard;                     // front canary
};
_Static_assert(sizeof(struct pool_block) == 64, "bodies are aligned by this");

#define POOL_MAX_SIZE ((size_t)1 << 32) // what the simulated machine has
enum { POOL_UNIT = 64, POOL_MAX_UNITS = 66, POOL_SHARDS = 8, POOL_PAGE = 4096, POOL_REPORTED = 0x80, POOL_SPECIAL = 0x40,
       POOL_CHARGED = 0x20 };
#define POOL_LIVE 0x4c6976654c697665ull
#define POOL_FREED 0x4672656546726565ull
#define POOL_GUARD 0xfdfdfdfdfdfdfdfdull
#define POOL_FRESH_BYTE 0xcd
#define POOL_FREED_BYTE 0xdd
#define POOL_GUARD_BYTE 0xfd

static inline struct pool_block *pool_block_of(const void *body)
{
    return (struct pool_block *)((uintptr_t)body - sizeof(struct pool_block));
}
static inline void *pool_body(const struct pool_block *block) { return (void *)(block + 1); }

struct pool_chunk {
    struct pool_chunk *next; // pool_class.chunks
    size_t count, used;      // slots; handed out at least once
};

struct pool_class {
    struct pool_block *first, **last; // freed ones, the oldest first
    size_t freed;
    struct pool_chunk *chunks;
};

#include "sched/sched.h"

struct pool_shard {
    struct sched_lock lock;
    struct pool_class classes[POOL_MAX_UNITS + 1];
    struct pool_block *large;                // live, whole pages
    struct pool_block *large_freed[8];       // quarantine
    unsigned next_large_freed;
    size_t large_freed_bytes;
    char padding[64];
};

struct pool_special;

struct pool_state {
    struct pool_shard *shards[POOL_SHARDS];
    struct sched_lock lock; // making shards, special pool
    struct pool_special *special_live, *special_live_last;
    struct pool_special *special_freed;  // oldest first, the latest only
    struct pool_special **special_freed_last;
    struct pool_special **special_buckets; // by the page of the body; NULL: no special block was made
    size_t special_live_count, special_freed_count;
    struct pool_arena *special_arenas;   // pages for blocks of one page, and guards
    struct pool_special *special_spare;  // of one page, to serve again: no access
    unsigned special_unused;             // pairs at the end of the first arena
    bool special_short;                  // atomic: the host had no pages for one, ordinary blocks serve as well
};

bool ExpPoolStart(void);
void ExpPoolStop(void);
void ExpPoolForget(void);

/* pool_report.c: what is wrong with a block. */
void ExpReportOverrun(struct pool_block *block, const char *routine, const void *site);
void ExpReportWrittenAfterFree(struct pool_block *block, size_t offset);
/* `body` is what was given to free. */
void ExpReportBadFree(void *body, ULONG tag, const char *routine, const void *site);
void ExpReportWrongTag(struct pool_block *block, void *body, ULONG tag, const char *routine, const void *site);
void ExpReportDoubleFree(struct pool_block *block, const char *routine, const void *site);

/* pool_quota.c: ExpAllocate, charged to the current process until ExpReturnCharge. STATUS_QUOTA_EXCEEDED. */
NTSTATUS ExpAllocateCharged(unsigned flags, size_t size, ULONG tag, const void *site, void **body);
void ExpReturnCharge(struct pool_block *block);
void ExpSetCharge(void *body, struct ps_quota *quota); /* pool_block.c */

/* pool_special.c */
void *ExpAllocateSpecial(unsigned flags, size_t size, ULONG tag, const void *site);
bool ExpFreeSpecial(void *body, ULONG tag, const char *routine, const void *site);
void ExpEachSpecial(void (*visit)(struct pool_block *block, void *context), void *context);
bool ExpFindSpecial(const void *body, struct pool_block **block);
bool ExpIsInPagedSpecial(const void *address);
void ExpStopSpecial(void);

struct pool_state *ExpPool(void);

#endif
