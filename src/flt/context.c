/* Contexts: allocation, reference counts, and what happens at zero. */
#include "context.h"
#include "core.h"

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

NTSTATUS FltpAllocateWithCare(PFLT_FILTER Filter, FLT_CONTEXT_TYPE ContextType, SIZE_T ContextSize, POOL_TYPE PoolType,
                              PFLT_CONTEXT *ReturnedContext, const void *Site)
{
    API_ENTER_AT(FltAllocateContext, Filter, SCHED_ADD, Site);
    FltpCheckFilter(Filter, "FltAllocateContext", Site);
    FltpCheckFilterCaller(Filter, "FltAllocateContext", Site);
    *ReturnedContext = NULL;
    if (FltpContextTypeIndex(ContextType) < 0 || ContextSize == 0)
        return STATUS_INVALID_PARAMETER;
    if (ContextSize > MAXUSHORT)
        return STATUS_INVALID_BUFFER_SIZE;
    if (ContextType == FLT_VOLUME_CONTEXT && FLTP_POOL_IS_PAGED(PoolType))
        return STATUS_INVALID_PARAMETER;
    PFLTP_CONTEXT context;
    NTSTATUS status = FltpAllocateBlock(Filter, ContextType, ContextSize, PoolType, Site, &context);
    if (!NT_SUCCESS(status))
        return status;
    if (machine->options.special_pool)
        FltpForgetDeadContexts(FltpDriverPart(context), NULL);
    *ReturnedContext = FltpDriverPart(context);
    return STATUS_SUCCESS;
}

/* ---- the end of a context ------------------------------------------------------------------------------------------- */

static void EndContext(PFLTP_CONTEXT context)
{
    PFLT_FILTER filter = context->Filter;
    PFLT_CONTEXT_CLEANUP_CALLBACK cleanup = context->Registration->ContextCleanupCallback;
    struct flt_running running;
    TRACE("flt", "%s context %p ends", FltpContextTypeName(context->Type), FltpDriverPart(context));
    FltpEnter(&running, FLTP_RUNS_CLEANUP, &filter->Base, (const void *)(uintptr_t)cleanup);
    if (cleanup)
        cleanup(FltpDriverPart(context), context->Type);
    if (context->Suspect)
        FltpForgetSuspect(context);
    if (FltpCheckLocks(context))
        FltpKeepBlock(context);
    else
        FltpGiveBlock(context); /* no driver frees what looks like a lock in there */
    FltpLeave(&running);
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

void FltpCountRanOut(PFLTP_CONTEXT context, LONG count, const void *site)
{
    if (count < 0)
        FltpReportGoneContext(FltpDriverPart(context), context, "FltReleaseContext", site);
    if (KiCurrentIrql() > APC_LEVEL) {
        FltpCheckOwnLocks(context);
        Defer(context);
    } else {
        EndContext(context);
    }
}

void FltpHandOver(PFLTP_CONTEXT context, const char *event, const void *site)
{
    LONG count = __atomic_load_n(&context->Count, __ATOMIC_RELAXED);
    verify_ledger_drop(&context->Ledger, event, count, site); /* none goes */
    verify_ledger_add(&context->Ledger, "its reference was handed over to", count, site);
}

VOID FltReferenceContext(PFLT_CONTEXT Context)
{
    API_ENTER(FltReferenceContext, Context, SCHED_ADD);
    PFLTP_CONTEXT context = FltpCheckContext(Context, "FltReferenceContext", VERIFY_CALLER);
    FltpCheckContextPool(context, "FltReferenceContext", VERIFY_CALLER);
    FltpCheckContextCaller(context, "FltReferenceContext", VERIFY_CALLER);
    FltpLinkReference(context, "referenced by", VERIFY_CALLER);
}

static void Release(PFLT_CONTEXT Context, const char *Routine, const void *Site)
{
    PFLTP_CONTEXT context = FltpCheckContext(Context, Routine, Site);
    FltpCheckContextPool(context, Routine, Site);
    FltpCheckContextCaller(context, Routine, Site);
    /* What the link and enlistments hold is not the driver's to release. */
    LONG others = __atomic_load_n(&context->Enlisted, __ATOMIC_RELAXED);
    LONG count = __atomic_load_n(&context->Count, __ATOMIC_ACQUIRE);
    if (count <= others + 1 &&
        count <= others + (__atomic_load_n(&context->State, __ATOMIC_ACQUIRE) == FLTP_CONTEXT_LINKED))
        FltpReportGoneContext(Context, context, Routine, Site);
    FltpDropReference(context, "released by", Site);
}

void FltpReleaseWithCare(PFLT_CONTEXT Context, const void *Site)
{
    API_ENTER_AT(FltReleaseContext, Context, SCHED_ADD, Site);
    Release(Context, "FltReleaseContext", Site);
}

static void ReleaseEach(PFLT_CONTEXT *Contexts, size_t Count, const char *Routine, const void *Site)
{
    for (size_t i = 0; i < Count; i++) {
        if (Contexts[i]) {
            sched_point("FltReleaseContext", Contexts[i], SCHED_ADD);
            Release(Contexts[i], Routine, Site);
        }
        Contexts[i] = NULL_CONTEXT;
    }
}

VOID FltReleaseContexts(PFLT_RELATED_CONTEXTS Contexts)
{
    API_IRQL(FltReleaseContexts);
    ReleaseEach((PFLT_CONTEXT *)Contexts, sizeof *Contexts / sizeof(PFLT_CONTEXT), "FltReleaseContexts", VERIFY_CALLER);
}

VOID FltReleaseContextsEx(SIZE_T ContextsSize, PFLT_RELATED_CONTEXTS_EX Contexts)
{
    API_IRQL(FltReleaseContextsEx);
    size_t count = ContextsSize / sizeof(PFLT_CONTEXT), most = sizeof *Contexts / sizeof(PFLT_CONTEXT);
    ReleaseEach((PFLT_CONTEXT *)Contexts, count < most ? count : most, "FltReleaseContextsEx", VERIFY_CALLER);
}

/* ---- the end of a filter --------------------------------------------------------------------------------------------- */

bool FltpReportLeakedContexts(PFLT_FILTER Filter)
{
    PFLTP_CONTEXT context = FltpFirstLive(Filter);
    bool found = context != NULL;
    for (; context; context = FltpFirstLive(Filter)) {
        struct verify_violation *v =
            FltpBeginContextReport(VERIFY_CONTEXT_LEAK, context, "still has %d reference%s", (int)context->Count,
                                   context->Count == 1 ? "" : "s");
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
