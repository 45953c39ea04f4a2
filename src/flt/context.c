/* Contexts: allocation, reference counts, and what happens at zero. */
#include "context.h"

#include "trace/trace.h"

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

/* ---- allocation ----------------------------------------------------------------------------------------------------- */

NTSTATUS FltAllocateContext(PFLT_FILTER Filter, FLT_CONTEXT_TYPE ContextType, SIZE_T ContextSize, POOL_TYPE PoolType,
                            PFLT_CONTEXT *ReturnedContext)
{
    API_ENTER(FltAllocateContext, Filter, SCHED_ADD);
    *ReturnedContext = NULL;
    if (!FltpIsContextType(ContextType) || ContextSize == 0)
        return STATUS_INVALID_PARAMETER;
    if (ContextSize > MAXUSHORT)
        return STATUS_INVALID_BUFFER_SIZE;
    if (ContextType == FLT_VOLUME_CONTEXT && FLTP_POOL_IS_PAGED(PoolType))
        return STATUS_INVALID_PARAMETER;
    if (!FltpAcquireRundown(&Filter->Base.RundownRef.Count))
        return STATUS_FLT_DELETING_OBJECT;
    PFLTP_CONTEXT context;
    NTSTATUS status = FltpAllocateBlock(Filter, ContextType, ContextSize, PoolType, &context);
    if (!NT_SUCCESS(status)) {
        FltpReleaseRundown(&Filter->Base.RundownRef.Count);
        return status;
    }
    if (machine->options.special_pool)
        FltpForgetDeadContexts(FltpDriverPart(context), NULL);
    context->Magic = FLTP_CONTEXT_MAGIC;
    context->Count = 1;
    context->Site = VERIFY_CALLER;
    verify_ledger_add(&context->Ledger, "allocated by", 1, context->Site);
    FltpLinkLive(context);
    *ReturnedContext = FltpDriverPart(context);
    return STATUS_SUCCESS;
}

/* ---- the end of a context ------------------------------------------------------------------------------------------- */

struct verify_violation *FltpBeginContextReport(enum verify_rule rule, PFLTP_CONTEXT context, const char *what)
{
    char name[64];
    PFLT_FILTER filter = context->Filter;
    return verify_begin(rule, "%s context %p (%zu bytes) of filter \"%s\" %s.", FltpContextTypeName(context->Type),
                        FltpDriverPart(context), (size_t)context->Size,
                        trace_utf8((const uint16_t *)filter->Name.Buffer, filter->Name.Length, name, sizeof name), what);
}

static void EndContext(PFLTP_CONTEXT context)
{
    PFLT_FILTER filter = context->Filter;
    PFLT_CONTEXT_CLEANUP_CALLBACK cleanup = context->Registration->ContextCleanupCallback;
    TRACE("flt", "%s context %p ends", FltpContextTypeName(context->Type), FltpDriverPart(context));
    if (cleanup)
        cleanup(FltpDriverPart(context), context->Type);
    FltpGiveBlock(context);
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

bool FltpReportLeakedContexts(PFLT_FILTER Filter)
{
    PFLTP_CONTEXT context = FltpFirstLive(Filter);
    bool found = context != NULL;
    for (; context; context = FltpFirstLive(Filter)) {
        char what[80];
        snprintf(what, sizeof what, "still has %d reference%s", (int)context->Count, context->Count == 1 ? "" : "s");
        struct verify_violation *v = FltpBeginContextReport(VERIFY_CONTEXT_LEAK, context, what);
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
    FltpReportLeakedNames(Filter);
    if (!Filter->Contexts)
        return;
    FltpReportLeakedContexts(Filter);
    FltpFreeBlocks(Filter);
    FltpForgetDeadContexts(NULL, Filter);
}
