/* The five routines that drivers call most, where there is nothing to report and nobody listens: one pass over what must be
 * right, no calls. Whatever looks otherwise is left, untouched, to the whole routine (WithCare), which looks again. */
#include "context_block.h"

#include "fault/fault.h"
#include "trace/trace.h"

static inline bool IsContext(PFLTP_CONTEXT context)
{
    return context != FltpContextOf(NULL) && __atomic_load_n(&context->Magic, __ATOMIC_RELAXED) == FLTP_CONTEXT_MAGIC;
}

static inline bool IsGood(PFLTP_CONTEXT context, const void *site)
{
    return IsContext(context) && verify_is_in(&context->Filter->Code, site);
}

_Static_assert(VERIFY_IRQL_FltAllocateContext >= APC_LEVEL && VERIFY_IRQL_FltSetStreamContext >= APC_LEVEL &&
               VERIFY_IRQL_FltGetStreamContext >= APC_LEVEL && VERIFY_IRQL_FltDeleteContext >= APC_LEVEL &&
               VERIFY_IRQL_FltReleaseContext >= APC_LEVEL, "FltpIsQuiet lets no IRQL pass that is too high");

/* A list that does not hang together is for RemoveEntryList to find. */
static inline bool HangsTogether(const LIST_ENTRY *link) { return link->Flink->Blink == link && link->Blink->Flink == link; }

static inline void Unlink(const LIST_ENTRY *link)
{
    PLIST_ENTRY next = link->Flink, last = link->Blink;
    last->Flink = next;
    next->Blink = last;
}

static inline void LinkLast(PLIST_ENTRY head, PLIST_ENTRY link)
{
    PLIST_ENTRY last = head->Blink;
    link->Flink = head;
    link->Blink = last;
    last->Flink = link;
    head->Blink = link;
}

/* ---- the driver's part, 16 bytes at a time --------------------------------------------------------------------------- */

enum { WIDE = 16 };
_Static_assert((int)WIDE <= (int)FLTP_NARROWEST, "the first and the last step may overlap");
typedef ULONG64 wide __attribute__((vector_size(WIDE), aligned(1), may_alias));

static inline wide Pattern(UCHAR byte)
{
    ULONG64 eight = byte * 0x0101010101010101ull;
    return (wide){eight, eight};
}

static inline void Fill(PFLTP_CONTEXT context, SIZE_T size, UCHAR byte)
{
    char *at = FltpDriverPart(context), *last = at + size - WIDE;
    for (; at < last; at += WIDE) {
        *(wide *)at = Pattern(byte);
        __asm__("" : "+r"(at)); /* no call of memset out of this */
    }
    *(wide *)last = Pattern(byte);
}

static inline bool IsFilled(PFLTP_CONTEXT context, SIZE_T size, UCHAR byte)
{
    const char *at = FltpDriverPart(context), *last = at + size - WIDE;
    wide other = *(const wide *)last ^ Pattern(byte);
    for (; at < last; at += WIDE)
        other |= *(const wide *)at ^ Pattern(byte);
    return (other[0] | other[1]) == 0;
}

/* ---- allocation ------------------------------------------------------------------------------------------------------- */

/* Shard locked. Live already; NULL: none is at hand that was left as it was. */
static inline PFLTP_CONTEXT TakeLocked(PFLT_FILTER filter, FLTP_CONTEXT_SHARD *shard, FLT_CONTEXT_TYPE type, SIZE_T size,
                                       POOL_TYPE pool)
{
    const struct _FLTP_FILTER_CONTEXTS *all = filter->Contexts;
    const CONTEXT_ENTRY *entry = all && type < RTL_NUMBER_OF(all->Quick) ? all->Quick[type] : NULL;
    if (!entry || entry->Registration.Size != size)
        return NULL;
    CONTEXT_LOOKASIDE *list = ListOf(shard, &entry->Registration, pool);
    PFLTP_CONTEXT block = list->First;
    if (!block || !IsFilled(block, size, FREED_FILL) || !HangsTogether(&shard->Live) || !HoldFilterLocked(filter, shard))
        return NULL;
    list->First = block->NextFree;
    list->Depth--;
    LinkLast(&shard->Live, &block->Live);
    return block;
}

NTSTATUS FltAllocateContext(PFLT_FILTER Filter, FLT_CONTEXT_TYPE ContextType, SIZE_T ContextSize, POOL_TYPE PoolType,
                            PFLT_CONTEXT *ReturnedContext)
{
    const void *site = VERIFY_CALLER;
    unsigned index = FltpThreadShard - 1;
    FLTP_CONTEXT_SHARD *shard;
    if (FltpIsQuiet() && FltpIsFilter(Filter) && verify_is_in(&Filter->Code, site) && index < FLTP_SHARDS &&
        !__atomic_load_n(&fault_armed, __ATOMIC_RELAXED) &&
        sched_trylock(&(shard = &Filter->ContextShards[index])->Lock)) {
        PFLTP_CONTEXT block = TakeLocked(Filter, shard, ContextType, ContextSize, PoolType);
        sched_unlock(&shard->Lock);
        if (__builtin_expect(block != NULL, 1)) {
            StartBlock(block, Filter, block->Registration, PoolType, ContextSize, ContextType, index, site);
            Fill(block, ContextSize, FILL);
            PublishBlock(block);
            *ReturnedContext = FltpDriverPart(block);
            return STATUS_SUCCESS;
        }
    }
    return FltpAllocateWithCare(Filter, ContextType, ContextSize, PoolType, ReturnedContext, site);
}

/* ---- a stream's ------------------------------------------------------------------------------------------------------- */

static inline PFLTP_CONTEXT_NODE StreamNode(PFLT_INSTANCE instance, PFILE_OBJECT file, const void *site)
{
    bool plain = FltpIsQuiet() && instance && verify_is_in(&instance->Filter->Code, site) && !FltpIsOnOtherVolume(instance, file);
    return __builtin_expect(plain, 1) ? FltpQuickStreamNode(file) : NULL;
}

/* Node locked; the instance has none there. */
static inline bool LinkFirst(PFLTP_CONTEXT_NODE node, PFLT_INSTANCE instance, PFLTP_CONTEXT context)
{
    if (FltpIsBeingDeleted(node, instance, context->Filter) || FltpFindLocked(node, FLT_STREAM_CONTEXT, instance) ||
        !HangsTogether(&node->Contexts) || !FltpClaim(context))
        return false;
    context->Key = instance;
    __atomic_store_n(&context->NodeShard, node->Shard, __ATOMIC_RELAXED);
    __atomic_store_n(&context->Node, node, __ATOMIC_RELAXED);
    LinkLast(&node->Contexts, &context->Link);
    return true;
}

NTSTATUS FltSetStreamContext(PFLT_INSTANCE Instance, PFILE_OBJECT FileObject, FLT_SET_CONTEXT_OPERATION Operation,
                             PFLT_CONTEXT NewContext, PFLT_CONTEXT *OldContext)
{
    const void *site = VERIFY_CALLER;
    PFLTP_CONTEXT fresh = FltpContextOf(NewContext);
    PFLTP_CONTEXT_NODE node = StreamNode(Instance, FileObject, site);
    if (node && IsContext(fresh) && fresh->Type == FLT_STREAM_CONTEXT && fresh->Filter == Instance->Filter &&
        __atomic_load_n(&fresh->Count, __ATOMIC_RELAXED) > 0 && (ULONG)Operation <= FLT_SET_CONTEXT_KEEP_IF_EXISTS &&
        sched_trylock(&node->Lock)) {
        bool linked = LinkFirst(node, Instance, fresh);
        sched_unlock(&node->Lock);
        if (__builtin_expect(linked, 1)) {
            if (OldContext)
                *OldContext = NULL_CONTEXT;
            return STATUS_SUCCESS;
        }
    }
    return FltpSetStreamWithCare(Instance, FileObject, Operation, NewContext, OldContext, site);
}

NTSTATUS FltGetStreamContext(PFLT_INSTANCE Instance, PFILE_OBJECT FileObject, PFLT_CONTEXT *Context)
{
    const void *site = VERIFY_CALLER;
    PFLTP_CONTEXT_NODE node = StreamNode(Instance, FileObject, site);
    if (node && sched_trylock(&node->Lock)) {
        PFLTP_CONTEXT found = FltpFindLocked(node, FLT_STREAM_CONTEXT, Instance);
        bool plain = found && !__atomic_load_n(&found->Suspect, __ATOMIC_RELAXED);
        if (plain)
            FltpChangeCount(found, 1, __ATOMIC_RELAXED);
        sched_unlock(&node->Lock);
        if (__builtin_expect(plain, 1)) {
            *Context = FltpDriverPart(found);
            return STATUS_SUCCESS;
        }
    }
    return FltpGetStreamWithCare(Instance, FileObject, Context, site);
}

/* ---- and the end -------------------------------------------------------------------------------------------------------- */

VOID FltDeleteContext(PFLT_CONTEXT Context)
{
    const void *site = VERIFY_CALLER;
    PFLTP_CONTEXT context = FltpContextOf(Context);
    PFLTP_CONTEXT_NODE node;
    if (FltpIsQuiet() && IsGood(context, site) && context->Type != FLT_SECTION_CONTEXT &&
        __atomic_load_n(&context->Count, __ATOMIC_RELAXED) > 0 && (node = FltpTryNodeOf(context))) {
        bool plain = HangsTogether(&context->Link);
        LONG left = 1;
        if (plain) {
            Unlink(&context->Link);
            left = FltpDropLinkLocked(context);
        }
        sched_unlock(&node->Lock);
        if (__builtin_expect(plain, 1)) {
            if (left <= 0)
                FltpCountRanOut(context, left, site);
            return;
        }
    }
    FltpDeleteWithCare(Context, site);
}

/* The caller's is the only reference: nobody else may take or give back one now. No callback, no lock in it, and a block
 * to be used again. False: nothing was done. */
static inline bool EndPlainly(PFLTP_CONTEXT context)
{
    const FLT_CONTEXT_REGISTRATION *entry = context->Registration;
    PFLT_FILTER filter = context->Filter;
    FLTP_CONTEXT_SHARD *shard = &filter->ContextShards[context->Shard];
    if (entry->ContextCleanupCallback || filter->Contexts->Quick[context->Type] != EntryOf(entry) || trace_on ||
        context->Suspect || FltpMayHoldLocks(context, sched_owner(sched_current)) || !sched_trylock(&shard->Lock))
        return false;
    PFLTP_CONTEXT oldest = shard->Freed[shard->NextFreed];
    CONTEXT_LOOKASIDE *list = oldest ? RoomLocked(shard, oldest) : NULL;
    bool plain = HangsTogether(&context->Live) && (list || !oldest) &&
                 __atomic_load_n(&context->Magic, __ATOMIC_RELAXED) == FLTP_CONTEXT_MAGIC &&
                 __atomic_load_n(&context->Count, __ATOMIC_RELAXED) == 1;
    ULONG_PTR value = 0;
    if (__builtin_expect(plain, 1)) {
        __atomic_store_n(&context->Count, 0, __ATOMIC_RELAXED);
        __atomic_store_n(&context->Magic, FLTP_CONTEXT_FREED_MAGIC, __ATOMIC_RELAXED);
        Fill(context, entry->Size, FREED_FILL);
        Unlink(&context->Live);
        ReplaceLocked(shard, context);
        if (list)
            PushLocked(list, oldest);
        value = DropHoldLocked(shard);
    }
    sched_unlock(&shard->Lock);
    if (plain)
        LetFilterGo(filter, value);
    return plain;
}

static __attribute__((noinline)) void End(PFLT_CONTEXT Context, const void *site)
{
    if (!EndPlainly(FltpContextOf(Context)))
        FltpReleaseWithCare(Context, site);
}

VOID FltReleaseContext(PFLT_CONTEXT Context)
{
    const void *site = VERIFY_CALLER;
    PFLTP_CONTEXT context = FltpContextOf(Context);
    if (FltpIsQuiet() && IsGood(context, site) && !__atomic_load_n(&context->Enlisted, __ATOMIC_RELAXED)) {
        LONG count = __atomic_load_n(&context->Count, __ATOMIC_ACQUIRE);
        if (__builtin_expect(count > 1, 1)) {
            count = FltpChangeCount(context, -1, __ATOMIC_ACQ_REL);
            if (__builtin_expect(count <= 0, 0))
                FltpCountRanOut(context, count, site);
            return;
        }
        if (count == 1 && __atomic_load_n(&context->State, __ATOMIC_ACQUIRE) != FLTP_CONTEXT_LINKED) {
            End(Context, site);
            return;
        }
    }
    FltpReleaseWithCare(Context, site);
}
