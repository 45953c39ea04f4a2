/* Contexts' memory, as context_memory.c and context_quick.c share it: entries, lookaside lists, and the hold on the filter. */
#ifndef FLTSIM_FLT_CONTEXT_BLOCK_H
#define FLTSIM_FLT_CONTEXT_BLOCK_H

#include "context.h"

enum { FLTP_NARROWEST = 16, FLTP_WIDEST = 512 }; /* of what context_quick.c serves */
enum { FIXED_SIZES = 3, DEEPEST = 32, FILL = 0xA5, FREED_FILL = 0xDF };

typedef struct _FLTP_CONTEXT_LOOKASIDE {
    PFLTP_CONTEXT First; /* by .NextFree */
    ULONG Depth;
} CONTEXT_LOOKASIDE;

typedef struct _FLTP_CONTEXT_ENTRY {
    FLT_CONTEXT_REGISTRATION Registration;
    ULONG Index; /* among the fixed-size entries of all types */
} CONTEXT_ENTRY;

struct _FLTP_FILTER_CONTEXTS {
    CONTEXT_ENTRY Types[FLTP_CONTEXT_TYPES][FIXED_SIZES + 1]; /* the last: variable size, or callbacks */
    ULONG FixedCount[FLTP_CONTEXT_TYPES];
    bool HasVariable[FLTP_CONTEXT_TYPES];
    ULONG EntryCount;
    /* By type: the first of fixed size, where context_quick.c may serve it. */
    const CONTEXT_ENTRY *Quick[(1 << (FLTP_CONTEXT_TYPES - 1)) + 1];
};

static inline bool IsFixed(const FLT_CONTEXT_REGISTRATION *entry)
{
    return !entry->ContextAllocateCallback && entry->Size != FLT_VARIABLE_SIZED_CONTEXTS;
}

static inline SIZE_T DriverSize(const FLT_CONTEXT_REGISTRATION *entry, SIZE_T asked)
{
    return IsFixed(entry) ? entry->Size : asked;
}

static inline const CONTEXT_ENTRY *EntryOf(const FLT_CONTEXT_REGISTRATION *registration)
{
    return CONTAINING_RECORD(registration, CONTEXT_ENTRY, Registration);
}

static inline CONTEXT_LOOKASIDE *ListOf(FLTP_CONTEXT_SHARD *shard, const FLT_CONTEXT_REGISTRATION *entry, POOL_TYPE pool)
{
    return &shard->Lookaside[2 * EntryOf(entry)->Index + FLTP_POOL_IS_PAGED(pool)];
}

static inline PFLTP_CONTEXT PopLocked(CONTEXT_LOOKASIDE *list)
{
    PFLTP_CONTEXT context = list->First;
    if (context) {
        list->First = context->NextFree;
        list->Depth--;
    }
    return context;
}

/* Everything but its place among the live ones, its ledger and the driver's part. */
static inline void StartBlock(PFLTP_CONTEXT block, PFLT_FILTER filter, const FLT_CONTEXT_REGISTRATION *entry, POOL_TYPE pool,
                              SIZE_T size, FLT_CONTEXT_TYPE type, unsigned shard, const void *site)
{
    block->Node = NULL;
    block->Key = NULL;
    block->Filter = filter;
    block->Registration = entry;
    block->Size = size;
    block->Site = site;
    block->Suspect = 0;
    block->InUse = FALSE;
    block->Enlisted = 0;
    block->Shard = (UCHAR)shard;
    block->NodeShard = 0;
    block->Type = type;
    block->Pool = pool;
    __atomic_store_n(&block->CountAndState, 1, __ATOMIC_RELAXED);
}

/* Whoever visits the live ones sees it from here on. */
static inline void PublishBlock(PFLTP_CONTEXT block)
{
    __atomic_store_n(&block->Magic, FLTP_CONTEXT_MAGIC, __ATOMIC_RELEASE);
}

/* Shard locked: the block goes into the ring, in place of the oldest. */
static inline void ReplaceLocked(FLTP_CONTEXT_SHARD *shard, PFLTP_CONTEXT context)
{
    shard->Freed[shard->NextFreed] = context;
    shard->NextFreed = (shard->NextFreed + 1) % FLTP_QUARANTINE;
}

/* The list that a block which leaves the ring goes on to; NULL: none has room for it. */
static inline CONTEXT_LOOKASIDE *RoomLocked(FLTP_CONTEXT_SHARD *shard, PFLTP_CONTEXT evicted)
{
    CONTEXT_LOOKASIDE *list = IsFixed(evicted->Registration) ? ListOf(shard, evicted->Registration, evicted->Pool) : NULL;
    return list && list->Depth < DEEPEST ? list : NULL;
}

static inline void PushLocked(CONTEXT_LOOKASIDE *list, PFLTP_CONTEXT context)
{
    context->NextFree = list->First;
    list->First = context;
    list->Depth++;
}

/* ---- the hold on the filter: many threads would fight for one count --------------------------------------------------- */

static inline volatile ULONG_PTR *RundownOf(PFLT_FILTER filter) { return &filter->Base.RundownRef.Count; }

static inline bool HoldFilterLocked(PFLT_FILTER filter, FLTP_CONTEXT_SHARD *shard)
{
    if (!FltpParallel)
        return FltpAcquireRundown(RundownOf(filter));
    if ((shard->Rundown | __atomic_load_n(RundownOf(filter), __ATOMIC_RELAXED)) & 1)
        return false;
    shard->Rundown += 2;
    return true;
}

/* What LetFilterGo is given once the shard is unlocked; the filter may be gone by then, unless that is the first to know. */
static inline ULONG_PTR DropHoldLocked(FLTP_CONTEXT_SHARD *shard)
{
    ULONG_PTR value = shard->Rundown;
    if (FltpParallel && !(value & 1))
        shard->Rundown -= 2;
    return value;
}

static inline void LetFilterGo(PFLT_FILTER filter, ULONG_PTR value)
{
    if (!FltpParallel)
        FltpReleaseRundown(RundownOf(filter));
    else if (value & 1)
        FltpReleaseRundownSlow(value);
}

#endif
