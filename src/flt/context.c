/* Contexts: registration, allocation, reference counts, and what happens at zero. */
#include "context.h"

#include <string.h>

#include "trace/trace.h"

enum { CONTEXT_TYPES = 7, FIXED_SIZES = 3, QUARANTINE = 16, FILL = 0xA5, FREED_FILL = 0xDF };

typedef struct _CONTEXT_SHARD {
    struct sched_lock Lock;
    LIST_ENTRY Live;                     /* FLTP_CONTEXT.Live */
    PFLTP_CONTEXT Freed[QUARANTINE];     /* the last ones; still their own memory */
    unsigned NextFreed;
} CONTEXT_SHARD;

struct _FLTP_FILTER_CONTEXTS {
    FLT_CONTEXT_REGISTRATION Types[CONTEXT_TYPES][FIXED_SIZES + 1]; /* the last: variable size, or callbacks */
    ULONG FixedCount[CONTEXT_TYPES];
    bool HasVariable[CONTEXT_TYPES];
    CONTEXT_SHARD Shards[FLTP_SHARDS];
};

static struct {
    struct sched_lock Lock;
    PFLTP_CONTEXT First; /* by .NextFree: reached zero above APC_LEVEL */
    bool Queued;
    WORK_QUEUE_ITEM Item;
} Deferred;

void FltpForgetDeferredContexts(void)
{
    Deferred.First = NULL;
    Deferred.Queued = false;
}

static int TypeIndex(FLT_CONTEXT_TYPE type)
{
    for (int i = 0; i < CONTEXT_TYPES; i++)
        if (type == 1u << i)
            return i;
    return -1;
}

const char *FltpContextTypeName(FLT_CONTEXT_TYPE type)
{
    static const char *const names[CONTEXT_TYPES] = {"volume",        "instance",    "file",   "stream",
                                                     "stream handle", "transaction", "section"};
    int index = TypeIndex(type);
    return index < 0 ? "unknown" : names[index];
}

/* ---- registration ------------------------------------------------------------------------------------------------- */

static NTSTATUS RegisterOne(struct _FLTP_FILTER_CONTEXTS *all, const FLT_CONTEXT_REGISTRATION *entry)
{
    int type = TypeIndex(entry->ContextType);
    if (type < 0 || entry->Reserved1)
        return STATUS_INVALID_PARAMETER;
    bool callbacks = entry->ContextAllocateCallback || entry->ContextFreeCallback;
    if (callbacks && (!entry->ContextAllocateCallback || !entry->ContextFreeCallback))
        return STATUS_INVALID_PARAMETER;
    if (!callbacks && !entry->PoolTag)
        return STATUS_INVALID_PARAMETER;
    bool ownAllocator = all->HasVariable[type] && all->Types[type][FIXED_SIZES].ContextAllocateCallback;
    if (ownAllocator || (callbacks && (all->HasVariable[type] || all->FixedCount[type])))
        return STATUS_INVALID_PARAMETER;
    if (callbacks || entry->Size == FLT_VARIABLE_SIZED_CONTEXTS) {
        if (all->HasVariable[type])
            return STATUS_INVALID_PARAMETER;
        all->HasVariable[type] = true;
        all->Types[type][FIXED_SIZES] = *entry;
        return STATUS_SUCCESS;
    }
    for (ULONG i = 0; i < all->FixedCount[type]; i++)
        if (memcmp(&all->Types[type][i], entry, sizeof *entry) == 0)
            return STATUS_SUCCESS;
    if (entry->Size > MAXUSHORT || all->FixedCount[type] == FIXED_SIZES)
        return STATUS_INVALID_PARAMETER;
    all->Types[type][all->FixedCount[type]++] = *entry;
    return STATUS_SUCCESS;
}

NTSTATUS FltpRegisterContexts(PFLT_FILTER Filter, const FLT_CONTEXT_REGISTRATION *Registration)
{
    struct _FLTP_FILTER_CONTEXTS *all = sim_alloc(sizeof *all);
    NTSTATUS status = STATUS_SUCCESS;
    for (unsigned i = 0; i < FLTP_SHARDS; i++)
        InitializeListHead(&all->Shards[i].Live);
    for (; Registration && Registration->ContextType != FLT_CONTEXT_END && NT_SUCCESS(status); Registration++)
        status = RegisterOne(all, Registration);
    if (NT_SUCCESS(status))
        Filter->Contexts = all;
    else
        sim_free(all);
    return status;
}

/* Best fit: the smallest fixed size that serves, else the variable-sized entry. */
static const FLT_CONTEXT_REGISTRATION *FindRegistration(struct _FLTP_FILTER_CONTEXTS *all, int type, SIZE_T size)
{
    const FLT_CONTEXT_REGISTRATION *best = NULL;
    for (ULONG i = 0; i < all->FixedCount[type]; i++) {
        const FLT_CONTEXT_REGISTRATION *entry = &all->Types[type][i];
        bool fits = entry->Size == size ||
                    (entry->Size > size && (entry->Flags & FLTFL_CONTEXT_REGISTRATION_NO_EXACT_SIZE_MATCH));
        if (fits && (!best || entry->Size < best->Size))
            best = entry;
    }
    return best ? best : all->HasVariable[type] ? &all->Types[type][FIXED_SIZES] : NULL;
}

/* ---- allocation ----------------------------------------------------------------------------------------------------- */

static bool IsFixed(const FLT_CONTEXT_REGISTRATION *entry)
{
    return !entry->ContextAllocateCallback && entry->Size != FLT_VARIABLE_SIZED_CONTEXTS;
}

static SIZE_T DriverSize(const FLT_CONTEXT_REGISTRATION *entry, SIZE_T asked)
{
    return IsFixed(entry) ? entry->Size : asked;
}

static PFLTP_CONTEXT AllocateBlock(const FLT_CONTEXT_REGISTRATION *entry, POOL_TYPE pool, SIZE_T size,
                                   FLT_CONTEXT_TYPE type)
{
    SIZE_T whole = sizeof(FLTP_CONTEXT) + DriverSize(entry, size);
    PFLTP_CONTEXT context = entry->ContextAllocateCallback ? entry->ContextAllocateCallback(pool, whole, type)
                                                           : ExAllocatePoolWithTag(pool, whole, entry->PoolTag);
    if (!context)
        return NULL;
    if (!entry->ContextAllocateCallback)
        memset(FltpDriverPart(context), IsFixed(entry) ? FILL : 0, DriverSize(entry, size));
    memset(context, 0, sizeof *context);
    return context;
}

NTSTATUS FltAllocateContext(PFLT_FILTER Filter, FLT_CONTEXT_TYPE ContextType, SIZE_T ContextSize, POOL_TYPE PoolType,
                            PFLT_CONTEXT *ReturnedContext)
{
    API_ENTER(FltAllocateContext, Filter, SCHED_ADD);
    *ReturnedContext = NULL;
    int type = TypeIndex(ContextType);
    if (type < 0 || ContextSize == 0)
        return STATUS_INVALID_PARAMETER;
    if (ContextSize > MAXUSHORT)
        return STATUS_INVALID_BUFFER_SIZE;
    if (ContextType == FLT_VOLUME_CONTEXT && FLTP_POOL_IS_PAGED(PoolType))
        return STATUS_INVALID_PARAMETER;
    if (!FltpAcquireRundown(&Filter->Base.RundownRef.Count))
        return STATUS_FLT_DELETING_OBJECT;
    struct _FLTP_FILTER_CONTEXTS *all = Filter->Contexts;
    const FLT_CONTEXT_REGISTRATION *entry = all ? FindRegistration(all, type, ContextSize) : NULL;
    if (!entry) {
        FltpReleaseRundown(&Filter->Base.RundownRef.Count);
        return STATUS_FLT_CONTEXT_ALLOCATION_NOT_FOUND;
    }
    PFLTP_CONTEXT context = AllocateBlock(entry, PoolType, ContextSize, ContextType);
    if (!context) {
        FltpReleaseRundown(&Filter->Base.RundownRef.Count);
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    if (machine->options.special_pool)
        FltpForgetDeadContexts(FltpDriverPart(context), NULL);
    context->Magic = FLTP_CONTEXT_MAGIC;
    context->Filter = Filter;
    context->Registration = entry;
    context->Size = ContextSize;
    context->Type = ContextType;
    context->Pool = PoolType;
    context->Count = 1;
    context->Site = VERIFY_CALLER;
    context->Shard = (UCHAR)FltpShard();
    verify_ledger_add(&context->Ledger, "allocated by", 1, context->Site);
    CONTEXT_SHARD *shard = &all->Shards[context->Shard];
    sched_lock(&shard->Lock);
    InsertTailList(&shard->Live, &context->Live);
    sched_unlock(&shard->Lock);
    *ReturnedContext = FltpDriverPart(context);
    return STATUS_SUCCESS;
}

/* ---- the end of a context ------------------------------------------------------------------------------------------- */

static struct verify_violation *BeginReport(enum verify_rule rule, PFLTP_CONTEXT context, const char *what)
{
    char name[64];
    PFLT_FILTER filter = context->Filter;
    return verify_begin(rule, "%s context %p (%zu bytes) of filter \"%s\" %s.", FltpContextTypeName(context->Type),
                        FltpDriverPart(context), (size_t)context->Size,
                        trace_utf8((const uint16_t *)filter->Name.Buffer, filter->Name.Length, name, sizeof name), what);
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

/* A block leaves quarantine: was it written to meanwhile? */
static void Evict(PFLTP_CONTEXT context)
{
    const unsigned char *bytes = FltpDriverPart(context);
    SIZE_T size = DriverSize(context->Registration, context->Size);
    SIZE_T i = 0;
    while (i < size && bytes[i] == FREED_FILL)
        i++;
    if (i < size) {
        struct verify_violation *v = BeginReport(VERIFY_CONTEXT_USE_AFTER_FREE, context, "was written to after it was freed");
        verify_history(v, "changed at offset %zu", (size_t)i);
        verify_ledger_print(v, &context->Ledger);
        verify_blame(v, verify_driver_of(context->Site));
        verify_end(v);
    }
    FreeBlock(context);
}

static void Quarantine(CONTEXT_SHARD *shard, PFLTP_CONTEXT context)
{
    bool keep = !machine->options.special_pool && !context->Registration->ContextFreeCallback;
    PFLTP_CONTEXT evicted = context;
    context->Magic = FLTP_CONTEXT_FREED_MAGIC;
    if (machine->options.special_pool)
        FltpRememberDeadContext(context);
    if (keep) {
        memset(FltpDriverPart(context), FREED_FILL, DriverSize(context->Registration, context->Size));
        sched_lock(&shard->Lock);
        evicted = shard->Freed[shard->NextFreed];
        shard->Freed[shard->NextFreed] = context;
        shard->NextFreed = (shard->NextFreed + 1) % QUARANTINE;
        sched_unlock(&shard->Lock);
    }
    if (!evicted)
        return;
    if (keep)
        Evict(evicted);
    else
        FreeBlock(evicted);
}

static void EndContext(PFLTP_CONTEXT context)
{
    PFLT_FILTER filter = context->Filter;
    CONTEXT_SHARD *shard = &filter->Contexts->Shards[context->Shard];
    PFLT_CONTEXT_CLEANUP_CALLBACK cleanup = context->Registration->ContextCleanupCallback;
    TRACE("flt", "%s context %p ends", FltpContextTypeName(context->Type), FltpDriverPart(context));
    if (cleanup)
        cleanup(FltpDriverPart(context), context->Type);
    sched_lock(&shard->Lock);
    RemoveEntryList(&context->Live);
    sched_unlock(&shard->Lock);
    Quarantine(shard, context);
    FltpReleaseRundown(&filter->Base.RundownRef.Count);
}

static VOID RunDeferred(PVOID unused)
{
    for (;;) {
        sched_lock(&Deferred.Lock);
        PFLTP_CONTEXT context = Deferred.First;
        if (context)
            Deferred.First = context->NextFree;
        else
            Deferred.Queued = false;
        sched_unlock(&Deferred.Lock);
        if (!context)
            return;
        EndContext(context);
    }
}

static void Defer(PFLTP_CONTEXT context)
{
    sched_lock(&Deferred.Lock);
    context->NextFree = Deferred.First;
    Deferred.First = context;
    bool queue = !Deferred.Queued;
    Deferred.Queued = true;
    sched_unlock(&Deferred.Lock);
    if (queue) {
        ExInitializeWorkItem(&Deferred.Item, RunDeferred, NULL);
        ExQueueWorkItem(&Deferred.Item, DelayedWorkQueue);
    }
}

static _Noreturn void ReportOverRelease(PFLT_CONTEXT pointer, const FLTP_CONTEXT *context, const char *routine,
                                        const void *site)
{
    struct verify_violation *v;
    bool known = context->Magic == FLTP_CONTEXT_FREED_MAGIC || context->Magic == FLTP_CONTEXT_MAGIC;
    if (known) {
        v = verify_begin_fatal(VERIFY_CONTEXT_OVER_RELEASE, "%s of a %s context %p whose last reference is gone.",
                               routine, FltpContextTypeName(context->Type), pointer);
        verify_ledger_print(v, &context->Ledger);
    } else {
        v = verify_begin_fatal(VERIFY_CONTEXT_OVER_RELEASE, "%s of %p, which is no context (any more).", routine,
                               pointer);
    }
    verify_site(v, "this call", site);
    verify_end_bugcheck(v, 0xF5, 0x6D, (uint64_t)(uintptr_t)pointer, 0, 0);
}

PFLTP_CONTEXT FltpCheckContext(PFLT_CONTEXT pointer, const char *routine, const void *site)
{
    PFLTP_CONTEXT context = FltpContextOf(pointer);
    const FLTP_CONTEXT *dead = machine->options.special_pool ? FltpFindDeadContext(pointer) : NULL;
    if (__builtin_expect(dead || context->Magic != FLTP_CONTEXT_MAGIC ||
                             __atomic_load_n(&context->Count, __ATOMIC_RELAXED) <= 0, 0))
        ReportOverRelease(pointer, dead ? dead : context, routine, site);
    return context;
}

void FltpLinkReference(PFLTP_CONTEXT context, const char *event, const void *site)
{
    LONG count = __atomic_add_fetch(&context->Count, 1, __ATOMIC_RELAXED);
    verify_ledger_add(&context->Ledger, event, count, site);
}

void FltpDropReference(PFLTP_CONTEXT context, const char *event, const void *site)
{
    verify_ledger_add(&context->Ledger, event, __atomic_load_n(&context->Count, __ATOMIC_RELAXED) - 1, site);
    LONG count = __atomic_sub_fetch(&context->Count, 1, __ATOMIC_ACQ_REL);
    if (count < 0)
        ReportOverRelease(FltpDriverPart(context), context, "FltReleaseContext", site);
    if (count > 0)
        return;
    if (KeGetCurrentIrql() > APC_LEVEL)
        Defer(context);
    else
        EndContext(context);
}

VOID FltReferenceContext(PFLT_CONTEXT Context)
{
    API_ENTER(FltReferenceContext, Context, SCHED_ADD);
    FltpLinkReference(FltpCheckContext(Context, "FltReferenceContext", VERIFY_CALLER), "referenced by", VERIFY_CALLER);
}

VOID FltReleaseContext(PFLT_CONTEXT Context)
{
    API_ENTER(FltReleaseContext, Context, SCHED_ADD);
    PFLTP_CONTEXT context = FltpCheckContext(Context, "FltReleaseContext", VERIFY_CALLER);
    if (KeGetCurrentIrql() > APC_LEVEL && FLTP_POOL_IS_PAGED(context->Pool))
        verify_irql_too_high("FltReleaseContext of a context in paged pool", APC_LEVEL, VERIFY_CALLER);
    /* What the links hold is not the driver's to release: a count that only links are left of goes below. */
    if (__atomic_load_n(&context->Count, __ATOMIC_ACQUIRE) == 1 &&
        __atomic_load_n(&context->State, __ATOMIC_ACQUIRE) == FLTP_CONTEXT_LINKED)
        ReportOverRelease(Context, context, "FltReleaseContext", VERIFY_CALLER);
    FltpDropReference(context, "released by", VERIFY_CALLER);
}

/* ---- the end of a filter --------------------------------------------------------------------------------------------- */

static PFLTP_CONTEXT TakeLive(struct _FLTP_FILTER_CONTEXTS *all)
{
    for (unsigned i = 0; i < FLTP_SHARDS; i++) {
        CONTEXT_SHARD *shard = &all->Shards[i];
        PFLTP_CONTEXT context = NULL;
        sched_lock(&shard->Lock);
        if (!IsListEmpty(&shard->Live))
            context = CONTAINING_RECORD(shard->Live.Flink, FLTP_CONTEXT, Live);
        sched_unlock(&shard->Lock);
        if (context)
            return context;
    }
    return NULL;
}

bool FltpReportLeakedContexts(PFLT_FILTER Filter)
{
    struct _FLTP_FILTER_CONTEXTS *all = Filter->Contexts;
    PFLTP_CONTEXT context = all ? TakeLive(all) : NULL;
    bool found = context != NULL;
    for (; context; context = TakeLive(all)) {
        char what[80];
        snprintf(what, sizeof what, "still has %d reference%s", (int)context->Count, context->Count == 1 ? "" : "s");
        struct verify_violation *v = BeginReport(VERIFY_CONTEXT_LEAK, context, what);
        verify_site(v, "allocated by", context->Site);
        verify_ledger_print(v, &context->Ledger);
        verify_end(v);
        FltpUnlinkContext(context);
        EndContext(context);
    }
    return found;
}

void FltpUnregisterContexts(PFLT_FILTER Filter)
{
    struct _FLTP_FILTER_CONTEXTS *all = Filter->Contexts;
    FltpReportLeakedNames(Filter);
    if (!all)
        return;
    FltpReportLeakedContexts(Filter);
    for (unsigned i = 0; i < FLTP_SHARDS; i++)
        for (unsigned j = 0; j < QUARANTINE; j++)
            if (all->Shards[i].Freed[j])
                Evict(all->Shards[i].Freed[j]);
    FltpForgetDeadContexts(NULL, Filter);
    Filter->Contexts = NULL;
    sim_free(all);
}
