/* Contexts: what a filter registers, and the memory that comes of it. A freed block stays filled for a while, in a ring,
 * then on the lookaside list of its size, and is looked at when it goes from there: was it written to? */
#include "context_block.h"

#include <string.h>

#include "ex/pool.h"
#include "fault/fault.h"

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
    CONTEXT_ENTRY *own = &all->Types[type][all->FixedCount[type]++];
    *own = (CONTEXT_ENTRY){*entry, all->EntryCount++};
    if (!all->Quick[entry->ContextType] && entry->ContextType != FLT_VOLUME_CONTEXT && entry->Size >= FLTP_NARROWEST &&
        entry->Size <= FLTP_WIDEST)
        all->Quick[entry->ContextType] = own;
    return STATUS_SUCCESS;
}

static void MakeShard(FLTP_CONTEXT_SHARD *shard, ULONG entries)
{
    shard->Rundown = 0;
    InitializeListHead(&shard->Live);
    shard->Lookaside = sim_alloc(2 * (entries + 1) * sizeof *shard->Lookaside);
}

NTSTATUS FltpRegisterContexts(PFLT_FILTER Filter, const FLT_CONTEXT_REGISTRATION *Registration)
{
    struct _FLTP_FILTER_CONTEXTS *all = sim_alloc(sizeof *all);
    NTSTATUS status = STATUS_SUCCESS;
    for (; Registration && NT_SUCCESS(status) && Registration->ContextType != FLT_CONTEXT_END; Registration++)
        status = RegisterOne(all, Registration);
    if (!NT_SUCCESS(status)) {
        sim_free(all);
        return status;
    }
    for (unsigned i = 0; i < FLTP_SHARDS; i++)
        MakeShard(&Filter->ContextShards[i], all->EntryCount);
    Filter->Contexts = all;
    FltpWatchLocks(true);
    return STATUS_SUCCESS;
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

/* Its life ends: did anybody write behind it? */
static void LookBehind(PFLTP_CONTEXT context)
{
    if (context->Registration->ContextAllocateCallback || !ExpTakeOverrun(context))
        return;
    struct verify_violation *v = FltpBeginContextReport(VERIFY_POOL_CORRUPTION, context, "was written to behind its end");
    verify_site(v, "allocated by", context->Site);
    verify_history(v, "fltsim_options.special_pool stops at the very instruction that writes");
    verify_ledger_print(v, &context->Ledger);
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
    LookBehind(context); /* context_quick.c does not */
    LookAt(context);
    FreeBlock(context);
}

/* ---- the hold on the filter ---- */

static void DropHold(PFLT_FILTER filter, FLTP_CONTEXT_SHARD *shard)
{
    sched_lock(&shard->Lock);
    ULONG_PTR value = DropHoldLocked(shard);
    sched_unlock(&shard->Lock);
    LetFilterGo(filter, value);
}

LONG64 FltpCountContexts(PFLT_FILTER Filter)
{
    LONG64 count = 0;
    for (unsigned i = 0; i < FLTP_SHARDS; i++) {
        FLTP_CONTEXT_SHARD *shard = &Filter->ContextShards[i];
        sched_lock(&shard->Lock);
        count += shard->Rundown & 1 ? 0 : (LONG64)(shard->Rundown >> 1);
        sched_unlock(&shard->Lock);
    }
    return count;
}

LONG64 FltpCloseContexts(PFLT_FILTER Filter, struct flt_rundown_wait *Wait)
{
    LONG64 held = 0;
    for (unsigned i = 0; i < FLTP_SHARDS; i++) {
        FLTP_CONTEXT_SHARD *shard = &Filter->ContextShards[i];
        sched_lock(&shard->Lock);
        held += (LONG64)(shard->Rundown >> 1);
        shard->Rundown = (ULONG_PTR)Wait | 1;
        sched_unlock(&shard->Lock);
    }
    return held;
}

/* ---- a block comes ---- */

static PFLTP_CONTEXT NewBlock(const FLT_CONTEXT_REGISTRATION *entry, POOL_TYPE pool, SIZE_T size, FLT_CONTEXT_TYPE type,
                              const void *site)
{
    SIZE_T whole = sizeof(FLTP_CONTEXT) + DriverSize(entry, size);
    if (KiCurrentIrql() > APC_LEVEL) /* reported already, and laid to the driver */
        pool = (POOL_TYPE)(pool & ~1);
    PFLTP_CONTEXT block = entry->ContextAllocateCallback ? entry->ContextAllocateCallback(pool, whole, type)
                                                         : ExAllocatePoolWithTag(pool, whole, entry->PoolTag);
    if (block && !entry->ContextAllocateCallback)
        ExpHandOut(block, site); /* what pool says of the block, it says of the driver */
    if (block) {
        block->Ledger = (struct verify_ledger){0};
        block->Magic = 0;
    }
    return block;
}

static void LinkLive(FLTP_CONTEXT_SHARD *shard, PFLTP_CONTEXT block)
{
    sched_lock(&shard->Lock);
    InsertTailList(&shard->Live, &block->Live);
    sched_unlock(&shard->Lock);
}

static void UnlinkLive(FLTP_CONTEXT_SHARD *shard, PFLTP_CONTEXT block)
{
    sched_lock(&shard->Lock);
    RemoveEntryList(&block->Live);
    sched_unlock(&shard->Lock);
}

/* A block that was used before, and is live already; NULL: no memory. */
static PFLTP_CONTEXT Reuse(FLTP_CONTEXT_SHARD *shard, PFLTP_CONTEXT block)
{
    LookAt(block);
    verify_ledger_begin(&block->Ledger);
    if (__builtin_expect(!fault_allocation(), 1))
        return block;
    UnlinkLive(shard, block);
    FreeBlock(block);
    return NULL;
}

NTSTATUS FltpAllocateBlock(PFLT_FILTER Filter, FLT_CONTEXT_TYPE Type, SIZE_T Size, POOL_TYPE Pool, const void *Site,
                           PFLTP_CONTEXT *Block)
{
    unsigned index = FltpShard();
    FLTP_CONTEXT_SHARD *shard = &Filter->ContextShards[index];
    PFLTP_CONTEXT block = NULL;
    const CONTEXT_ENTRY *entry;

    sched_lock(&shard->Lock);
    if (!HoldFilterLocked(Filter, shard)) {
        sched_unlock(&shard->Lock);
        return STATUS_FLT_DELETING_OBJECT;
    }
    entry = Filter->Contexts ? FindEntry(Filter->Contexts, FltpContextTypeIndex(Type), Size) : NULL;
    if (entry && IsFixed(&entry->Registration) && (block = PopLocked(ListOf(shard, &entry->Registration, Pool))))
        InsertTailList(&shard->Live, &block->Live);
    sched_unlock(&shard->Lock);
    if (block)
        block = Reuse(shard, block);
    else if (entry && (block = NewBlock(&entry->Registration, Pool, Size, Type, Site)))
        LinkLive(shard, block);
    if (!block) {
        DropHold(Filter, shard);
        return entry ? STATUS_INSUFFICIENT_RESOURCES : STATUS_FLT_CONTEXT_ALLOCATION_NOT_FOUND;
    }
    StartBlock(block, Filter, &entry->Registration, Pool, Size, Type, index, Site);
    if (!entry->Registration.ContextAllocateCallback)
        memset(FltpDriverPart(block), IsFixed(&entry->Registration) ? FILL : 0, DriverSize(&entry->Registration, Size));
    verify_ledger_add(&block->Ledger, "allocated by", 1, Site);
    PublishBlock(block);
    *Block = block;
    return STATUS_SUCCESS;
}

/* ---- and goes ---- */

static FLTP_CONTEXT_SHARD *ShardOf(PFLTP_CONTEXT context) { return &context->Filter->ContextShards[context->Shard]; }

/* Shard locked: answers the block that leaves the ring, when it has to be given back. */
static PFLTP_CONTEXT Rotate(FLTP_CONTEXT_SHARD *shard, PFLTP_CONTEXT context)
{
    PFLTP_CONTEXT evicted = shard->Freed[shard->NextFreed];
    CONTEXT_LOOKASIDE *list = evicted ? RoomLocked(shard, evicted) : NULL;
    ReplaceLocked(shard, context);
    if (!list)
        return evicted;
    PushLocked(list, evicted);
    return NULL;
}

void FltpGiveBlock(PFLTP_CONTEXT Context)
{
    PFLT_FILTER filter = Context->Filter;
    FLTP_CONTEXT_SHARD *shard = ShardOf(Context);
    bool special = machine->options.special_pool, keep = !special && !Context->Registration->ContextFreeCallback;
    ULONG_PTR value = 0;
    LookBehind(Context);
    __atomic_store_n(&Context->Magic, FLTP_CONTEXT_FREED_MAGIC, __ATOMIC_RELAXED);
    if (special)
        FltpRememberDeadContext(Context);
    if (keep)
        memset(FltpDriverPart(Context), FREED_FILL, DriverSize(Context->Registration, Context->Size));
    sched_lock(&shard->Lock);
    RemoveEntryList(&Context->Live);
    PFLTP_CONTEXT evicted = keep ? Rotate(shard, Context) : NULL;
    bool through = keep && !evicted;
    if (through)
        value = DropHoldLocked(shard);
    sched_unlock(&shard->Lock);
    if (through) {
        LetFilterGo(filter, value);
        return;
    }
    if (!keep)
        FreeBlock(Context);
    if (evicted)
        Retire(evicted);
    DropHold(filter, shard);
}

void FltpKeepBlock(PFLTP_CONTEXT Context)
{
    PFLT_FILTER filter = Context->Filter;
    FLTP_CONTEXT_SHARD *shard = ShardOf(Context);
    __atomic_store_n(&Context->Magic, FLTP_CONTEXT_FREED_MAGIC, __ATOMIC_RELAXED);
    sched_lock(&shard->Lock);
    RemoveEntryList(&Context->Live);
    Context->NextFree = shard->Kept;
    shard->Kept = Context;
    ULONG_PTR value = DropHoldLocked(shard);
    sched_unlock(&shard->Lock);
    LetFilterGo(filter, value);
}

/* Else it is being made, or is freed. */
static bool IsComplete(PFLTP_CONTEXT context)
{
    return __atomic_load_n(&context->Magic, __ATOMIC_ACQUIRE) == FLTP_CONTEXT_MAGIC;
}

PFLTP_CONTEXT FltpFirstLive(PFLT_FILTER Filter)
{
    for (unsigned i = 0; Filter->Contexts && i < FLTP_SHARDS; i++) {
        FLTP_CONTEXT_SHARD *shard = &Filter->ContextShards[i];
        PFLTP_CONTEXT found = NULL;
        sched_lock(&shard->Lock);
        for (PLIST_ENTRY link = shard->Live.Flink; link != &shard->Live && !found; link = link->Flink) {
            PFLTP_CONTEXT context = CONTAINING_RECORD(link, FLTP_CONTEXT, Live);
            if (IsComplete(context) && __atomic_load_n(&context->Count, __ATOMIC_RELAXED) > 0)
                found = context;
        }
        sched_unlock(&shard->Lock);
        if (found)
            return found;
    }
    return NULL;
}

void FltpEachLiveContext(PFLT_FILTER Filter, void (*Visit)(PFLTP_CONTEXT Context, void *Argument), void *Argument)
{
    for (unsigned i = 0; Filter->Contexts && i < FLTP_SHARDS; i++) {
        FLTP_CONTEXT_SHARD *shard = &Filter->ContextShards[i];
        sched_lock(&shard->Lock);
        for (PLIST_ENTRY link = shard->Live.Flink; link != &shard->Live; link = link->Flink) {
            PFLTP_CONTEXT context = CONTAINING_RECORD(link, FLTP_CONTEXT, Live);
            if (IsComplete(context))
                Visit(context, Argument);
        }
        sched_unlock(&shard->Lock);
    }
}

static void Empty(FLTP_CONTEXT_SHARD *shard, ULONG entries)
{
    while (shard->Kept) {
        PFLTP_CONTEXT context = shard->Kept;
        shard->Kept = context->NextFree;
        FreeBlock(context);
    }
    for (ULONG i = 0; i < FLTP_QUARANTINE; i++) {
        if (shard->Freed[i])
            Retire(shard->Freed[i]);
        shard->Freed[i] = NULL;
    }
    for (ULONG i = 0; i < 2 * entries; i++)
        for (PFLTP_CONTEXT context; (context = PopLocked(&shard->Lookaside[i]));)
            Retire(context);
    sim_free(shard->Lookaside);
    shard->Lookaside = NULL;
}

void FltpFreeBlocks(PFLT_FILTER Filter)
{
    struct _FLTP_FILTER_CONTEXTS *all = Filter->Contexts;
    for (unsigned i = 0; i < FLTP_SHARDS; i++)
        Empty(&Filter->ContextShards[i], all->EntryCount);
    Filter->Contexts = NULL;
    sim_free(all);
}
