/* Contexts: what a filter registers, and the memory that comes of it. A freed block stays filled for a while, in a ring,
 * then on the lookaside list of its size, and is looked at when it goes from there: was it written to? */
#include "context.h"

#include <string.h>

#include "fault/fault.h"

enum { FIXED_SIZES = 3, QUARANTINE = 16, DEEPEST = 32, FILL = 0xA5, FREED_FILL = 0xDF };

typedef struct _CONTEXT_LOOKASIDE {
    PFLTP_CONTEXT First; /* by .NextFree */
    ULONG Depth;
} CONTEXT_LOOKASIDE;

typedef struct _CONTEXT_SHARD {
    struct sched_lock Lock;
    LIST_ENTRY Live;                 /* FLTP_CONTEXT.Live */
    PFLTP_CONTEXT Freed[QUARANTINE]; /* the last ones; still their own memory */
    unsigned NextFreed;
    PFLTP_CONTEXT Kept;              /* by .NextFree: somebody still uses what is in it */
    CONTEXT_LOOKASIDE (*Lookaside)[2]; /* by the entry's Index; nonpaged, paged */
} CONTEXT_SHARD;

typedef struct _FLTP_CONTEXT_ENTRY {
    FLT_CONTEXT_REGISTRATION Registration;
    ULONG Index; /* among the fixed-size entries of all types */
} CONTEXT_ENTRY;

struct _FLTP_FILTER_CONTEXTS {
    CONTEXT_ENTRY Types[FLTP_CONTEXT_TYPES][FIXED_SIZES + 1]; /* the last: variable size, or callbacks */
    ULONG FixedCount[FLTP_CONTEXT_TYPES];
    bool HasVariable[FLTP_CONTEXT_TYPES];
    ULONG EntryCount;
    CONTEXT_SHARD Shards[FLTP_SHARDS];
};

/* ---- registration ------------------------------------------------------------------------------------------------- */

static bool IsSame(const FLT_CONTEXT_REGISTRATION *left, const FLT_CONTEXT_REGISTRATION *right)
{
    return left->Flags == right->Flags && left->ContextCleanupCallback == right->ContextCleanupCallback &&
           left->Size == right->Size && left->PoolTag == right->PoolTag &&
           left->ContextAllocateCallback == right->ContextAllocateCallback &&
           left->ContextFreeCallback == right->ContextFreeCallback;
}

static bool IsRepeated(const struct _FLTP_FILTER_CONTEXTS *all, int type, const FLT_CONTEXT_REGISTRATION *entry)
{
    if (all->HasVariable[type] && IsSame(&all->Types[type][FIXED_SIZES].Registration, entry))
        return true;
    for (ULONG i = 0; i < all->FixedCount[type]; i++)
        if (IsSame(&all->Types[type][i].Registration, entry))
            return true;
    return false;
}

static NTSTATUS RegisterOne(struct _FLTP_FILTER_CONTEXTS *all, const FLT_CONTEXT_REGISTRATION *entry)
{
    int type = FltpContextTypeIndex(entry->ContextType);
    if (type < 0 || entry->Reserved1)
        return STATUS_INVALID_PARAMETER;
    bool callbacks = entry->ContextAllocateCallback || entry->ContextFreeCallback;
    if (callbacks && (!entry->ContextAllocateCallback || !entry->ContextFreeCallback))
        return STATUS_INVALID_PARAMETER;
    if (!callbacks && !entry->PoolTag)
        return STATUS_INVALID_PARAMETER;
    if (IsRepeated(all, type, entry))
        return STATUS_SUCCESS;
    bool ownAllocator = all->HasVariable[type] && all->Types[type][FIXED_SIZES].Registration.ContextAllocateCallback;
    if (ownAllocator || (callbacks && (all->HasVariable[type] || all->FixedCount[type])))
        return STATUS_INVALID_PARAMETER;
    if (callbacks || entry->Size == FLT_VARIABLE_SIZED_CONTEXTS) {
        if (all->HasVariable[type])
            return STATUS_INVALID_PARAMETER;
        all->HasVariable[type] = true;
        all->Types[type][FIXED_SIZES].Registration = *entry;
        return STATUS_SUCCESS;
    }
    if (entry->Size > MAXUSHORT || all->FixedCount[type] == FIXED_SIZES)
        return STATUS_INVALID_PARAMETER;
    all->Types[type][all->FixedCount[type]++] = (CONTEXT_ENTRY){*entry, all->EntryCount++};
    return STATUS_SUCCESS;
}

static void FreeAll(struct _FLTP_FILTER_CONTEXTS *all)
{
    for (unsigned i = 0; i < FLTP_SHARDS; i++)
        sim_free(all->Shards[i].Lookaside);
    sim_free(all);
}

NTSTATUS FltpRegisterContexts(PFLT_FILTER Filter, const FLT_CONTEXT_REGISTRATION *Registration)
{
    struct _FLTP_FILTER_CONTEXTS *all = sim_alloc(sizeof *all);
    NTSTATUS status = STATUS_SUCCESS;
    for (; Registration && NT_SUCCESS(status) && Registration->ContextType != FLT_CONTEXT_END; Registration++)
        status = RegisterOne(all, Registration);
    for (unsigned i = 0; i < FLTP_SHARDS; i++) {
        InitializeListHead(&all->Shards[i].Live);
        all->Shards[i].Lookaside = sim_alloc((all->EntryCount + 1) * sizeof *all->Shards[i].Lookaside);
    }
    if (NT_SUCCESS(status)) {
        Filter->Contexts = all;
        FltpWatchLocks(true);
    } else {
        FreeAll(all);
    }
    return status;
}

/* Best fit: the smallest fixed size that serves, else the variable-sized entry. */
static const CONTEXT_ENTRY *FindEntry(const struct _FLTP_FILTER_CONTEXTS *all, int type, SIZE_T size)
{
    const CONTEXT_ENTRY *best = NULL;
    for (ULONG i = 0; i < all->FixedCount[type]; i++) {
        const FLT_CONTEXT_REGISTRATION *entry = &all->Types[type][i].Registration;
        bool fits = entry->Size == size ||
                    (entry->Size > size && (entry->Flags & FLTFL_CONTEXT_REGISTRATION_NO_EXACT_SIZE_MATCH));
        if (fits && (!best || entry->Size < best->Registration.Size))
            best = &all->Types[type][i];
    }
    return best ? best : all->HasVariable[type] ? &all->Types[type][FIXED_SIZES] : NULL;
}

/* ---- blocks --------------------------------------------------------------------------------------------------------- */

static bool IsFixed(const FLT_CONTEXT_REGISTRATION *entry)
{
    return !entry->ContextAllocateCallback && entry->Size != FLT_VARIABLE_SIZED_CONTEXTS;
}

static SIZE_T DriverSize(const FLT_CONTEXT_REGISTRATION *entry, SIZE_T asked)
{
    return IsFixed(entry) ? entry->Size : asked;
}

/* A freed block is used again, or goes: was it written to meanwhile? */
static void LookAt(PFLTP_CONTEXT context)
{
    const unsigned char *bytes = FltpDriverPart(context);
    SIZE_T size = DriverSize(context->Registration, context->Size);
    if (size == 0 || (bytes[0] == FREED_FILL && memcmp(bytes, bytes + 1, size - 1) == 0))
        return;
    SIZE_T i = 0;
    while (bytes[i] == FREED_FILL)
        i++;
    struct verify_violation *v =
        FltpBeginContextReport(VERIFY_CONTEXT_USE_AFTER_FREE, context, "was written to after it was freed");
    verify_history(v, "changed at offset %zu", (size_t)i);
    verify_ledger_print(v, &context->Ledger);
    verify_blame(v, verify_driver_of(context->Site));
    verify_end(v);
}

static void FreeBlock(PFLTP_CONTEXT context)
{
    const FLT_CONTEXT_REGISTRATION *entry = context->Registration;
    verify_ledger_free(&context->Ledger);
    context->Magic = 0;
    if (entry->ContextFreeCallback)
        entry->ContextFreeCallback(context, context->Type);
    else
        ExFreePoolWithTag(context, entry->PoolTag);
}

static void Retire(PFLTP_CONTEXT context)
{
    LookAt(context);
    FreeBlock(context);
}

static CONTEXT_LOOKASIDE *ListOf(CONTEXT_SHARD *shard, const FLT_CONTEXT_REGISTRATION *entry, POOL_TYPE pool)
{
    return &shard->Lookaside[CONTAINING_RECORD(entry, CONTEXT_ENTRY, Registration)->Index][FLTP_POOL_IS_PAGED(pool)];
}

static PFLTP_CONTEXT Pop(CONTEXT_SHARD *shard, CONTEXT_LOOKASIDE *list)
{
    sched_lock(&shard->Lock);
    PFLTP_CONTEXT context = list->First;
    if (context) {
        list->First = context->NextFree;
        list->Depth--;
    }
    sched_unlock(&shard->Lock);
    return context;
}

static PFLTP_CONTEXT NewBlock(const FLT_CONTEXT_REGISTRATION *entry, POOL_TYPE pool, SIZE_T size, FLT_CONTEXT_TYPE type)
{
    SIZE_T whole = sizeof(FLTP_CONTEXT) + DriverSize(entry, size);
    return entry->ContextAllocateCallback ? entry->ContextAllocateCallback(pool, whole, type)
                                          : ExAllocatePoolWithTag(pool, whole, entry->PoolTag);
}

static PFLTP_CONTEXT TakeBlock(CONTEXT_SHARD *shard, const FLT_CONTEXT_REGISTRATION *entry, POOL_TYPE pool, SIZE_T size,
                               FLT_CONTEXT_TYPE type)
{
    PFLTP_CONTEXT block = IsFixed(entry) ? Pop(shard, ListOf(shard, entry, pool)) : NULL;
    if (!block)
        return NewBlock(entry, pool, size, type);
    LookAt(block);
    if (fault_allocation()) {
        FreeBlock(block);
        return NULL;
    }
    verify_ledger_free(&block->Ledger);
    return block;
}

NTSTATUS FltpAllocateBlock(PFLT_FILTER Filter, FLT_CONTEXT_TYPE Type, SIZE_T Size, POOL_TYPE Pool, PFLTP_CONTEXT *Block)
{
    struct _FLTP_FILTER_CONTEXTS *all = Filter->Contexts;
    const CONTEXT_ENTRY *entry = all ? FindEntry(all, FltpContextTypeIndex(Type), Size) : NULL;
    if (!entry)
        return STATUS_FLT_CONTEXT_ALLOCATION_NOT_FOUND;
    unsigned shard = FltpShard();
    PFLTP_CONTEXT block = TakeBlock(&all->Shards[shard], &entry->Registration, Pool, Size, Type);
    if (!block)
        return STATUS_INSUFFICIENT_RESOURCES;
    memset(block, 0, sizeof *block);
    if (!entry->Registration.ContextAllocateCallback)
        memset(FltpDriverPart(block), IsFixed(&entry->Registration) ? FILL : 0, DriverSize(&entry->Registration, Size));
    block->Filter = Filter;
    block->Registration = &entry->Registration;
    block->Size = Size;
    block->Type = Type;
    block->Pool = Pool;
    block->Shard = (UCHAR)shard;
    *Block = block;
    return STATUS_SUCCESS;
}

static CONTEXT_SHARD *ShardOf(PFLTP_CONTEXT context) { return &context->Filter->Contexts->Shards[context->Shard]; }

void FltpLinkLive(PFLTP_CONTEXT Context)
{
    CONTEXT_SHARD *shard = ShardOf(Context);
    sched_lock(&shard->Lock);
    InsertTailList(&shard->Live, &Context->Live);
    sched_unlock(&shard->Lock);
}

/* Shard locked: the block goes into the ring, and the one that leaves it onto its lookaside list, or is returned. */
static PFLTP_CONTEXT Rotate(CONTEXT_SHARD *shard, PFLTP_CONTEXT context)
{
    PFLTP_CONTEXT evicted = shard->Freed[shard->NextFreed];
    shard->Freed[shard->NextFreed] = context;
    shard->NextFreed = (shard->NextFreed + 1) % QUARANTINE;
    if (!evicted || !IsFixed(evicted->Registration))
        return evicted;
    CONTEXT_LOOKASIDE *list = ListOf(shard, evicted->Registration, evicted->Pool);
    if (list->Depth == DEEPEST)
        return evicted;
    evicted->NextFree = list->First;
    list->First = evicted;
    list->Depth++;
    return NULL;
}

void FltpGiveBlock(PFLTP_CONTEXT Context)
{
    CONTEXT_SHARD *shard = ShardOf(Context);
    bool keep = !machine->options.special_pool && !Context->Registration->ContextFreeCallback;
    Context->Magic = FLTP_CONTEXT_FREED_MAGIC;
    if (machine->options.special_pool)
        FltpRememberDeadContext(Context);
    if (keep)
        memset(FltpDriverPart(Context), FREED_FILL, DriverSize(Context->Registration, Context->Size));
    sched_lock(&shard->Lock);
    RemoveEntryList(&Context->Live);
    PFLTP_CONTEXT evicted = keep ? Rotate(shard, Context) : NULL;
    sched_unlock(&shard->Lock);
    if (!keep)
        FreeBlock(Context);
    if (evicted)
        Retire(evicted);
}

void FltpKeepBlock(PFLTP_CONTEXT Context)
{
    CONTEXT_SHARD *shard = ShardOf(Context);
    Context->Magic = FLTP_CONTEXT_FREED_MAGIC;
    sched_lock(&shard->Lock);
    RemoveEntryList(&Context->Live);
    Context->NextFree = shard->Kept;
    shard->Kept = Context;
    sched_unlock(&shard->Lock);
}

PFLTP_CONTEXT FltpFirstLive(PFLT_FILTER Filter)
{
    struct _FLTP_FILTER_CONTEXTS *all = Filter->Contexts;
    for (unsigned i = 0; all && i < FLTP_SHARDS; i++) {
        CONTEXT_SHARD *shard = &all->Shards[i];
        PFLTP_CONTEXT context = NULL;
        sched_lock(&shard->Lock);
        for (PLIST_ENTRY link = shard->Live.Flink; link != &shard->Live && !context; link = link->Flink)
            if (__atomic_load_n(&CONTAINING_RECORD(link, FLTP_CONTEXT, Live)->Count, __ATOMIC_RELAXED) > 0)
                context = CONTAINING_RECORD(link, FLTP_CONTEXT, Live);
        sched_unlock(&shard->Lock);
        if (context)
            return context;
    }
    return NULL;
}

void FltpEachLiveContext(PFLT_FILTER Filter, void (*Visit)(PFLTP_CONTEXT Context, void *Argument), void *Argument)
{
    struct _FLTP_FILTER_CONTEXTS *all = Filter->Contexts;
    for (unsigned i = 0; all && i < FLTP_SHARDS; i++) {
        sched_lock(&all->Shards[i].Lock);
        for (PLIST_ENTRY link = all->Shards[i].Live.Flink; link != &all->Shards[i].Live; link = link->Flink)
            Visit(CONTAINING_RECORD(link, FLTP_CONTEXT, Live), Argument);
        sched_unlock(&all->Shards[i].Lock);
    }
}

static void Empty(CONTEXT_SHARD *shard, ULONG entries)
{
    while (shard->Kept) {
        PFLTP_CONTEXT context = shard->Kept;
        shard->Kept = context->NextFree;
        FreeBlock(context);
    }
    for (ULONG i = 0; i < QUARANTINE; i++)
        if (shard->Freed[i])
            Retire(shard->Freed[i]);
    for (ULONG i = 0; i < entries; i++)
        for (int paged = 0; paged < 2; paged++)
            for (PFLTP_CONTEXT context; (context = Pop(shard, &shard->Lookaside[i][paged]));)
                Retire(context);
}

void FltpFreeBlocks(PFLT_FILTER Filter)
{
    struct _FLTP_FILTER_CONTEXTS *all = Filter->Contexts;
    for (unsigned i = 0; i < FLTP_SHARDS; i++)
        Empty(&all->Shards[i], all->EntryCount);
    Filter->Contexts = NULL;
    FreeAll(all);
}
