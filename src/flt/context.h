/* Contexts: the block before the driver's part, the nodes that hang on objects and link contexts to them.
 *
 * Lifetimes:
 * 1. A context's count is one for its link, and one for each pointer that a driver holds. At zero the cleanup callback
 *    runs and the memory goes into quarantine for a while, so that a use of it is seen.
 * 2. A node belongs to one object: volume, instance, file, stream, file object, transaction. It is made with the first
 *    context and lives as long as the object. It is also in a shard of the registry, where the teardown of an instance
 *    finds every node there is.
 * 3. A context's Node is written under the lock of that node, and is cleared before the node goes. The memory of a node
 *    that went stays a node's until the machine stops: whoever follows Node locks it, and sees whether it still is the one.
 *    Whoever wants it for longer takes a reference under the lock of its shard.
 * Lock order: shard, then node. */
#ifndef FLTSIM_FLT_CONTEXT_H
#define FLTSIM_FLT_CONTEXT_H

#include "fltp.h"
#include "ke/in_use.h"
#include "verify/api.h"

#include <string.h>

#pragma GCC visibility push(hidden) /* as in sched.h */

enum { FLTP_CONTEXT_UNLINKED, FLTP_CONTEXT_LINKED, FLTP_CONTEXT_DELETED };
#define FLTP_POOL_IS_PAGED(Pool) (((Pool) & 1) == PagedPool)
#define FLTP_CONTEXT_MAGIC 0x78746346u       /* "Fctx" */
enum { FLTP_INSTANCE_SCANS = 0x10000 }; /* in FLT_INSTANCE.Flags: FltRegisterForDataScan was called */
#define FLTP_CONTEXT_FREED_MAGIC 0x65657266u /* "free" */

typedef struct _FLTP_CONTEXT_LIST FLTP_CONTEXT_NODE, *PFLTP_CONTEXT_NODE;

/* The driver's part follows; its reference count stands 8 bytes before it, as on Windows. */
typedef struct _FLTP_CONTEXT {
    LIST_ENTRY Live;    /* FLTP_FILTER_CONTEXTS.Shards[].Live */
    LIST_ENTRY Link;    /* FLTP_CONTEXT_NODE.Contexts */
    PFLTP_CONTEXT_NODE Node;
    PVOID Key;          /* instance, or filter for volume contexts, while linked */
    PFLT_FILTER Filter;
    const FLT_CONTEXT_REGISTRATION *Registration;
    SIZE_T Size;        /* of the driver's part, as asked for */
    const void *Site;   /* who allocated it */
    struct verify_ledger Ledger;
    struct _FLTP_CONTEXT *NextFree; /* work item's list */
    ULONG Suspect;      /* context_lock.c: a lock of it is gone */
    BOOLEAN InUse;      /* context_lock.c: somebody holds a lock of it, or waits, as it goes */
    volatile USHORT Enlisted; /* references of enlistments: no driver's to release */
    UCHAR Shard;        /* of Live */
    UCHAR NodeShard;    /* of Node, while linked */
    USHORT Type;
    POOL_TYPE Pool;
    ULONG Magic;
    union {
        struct {
            volatile LONG Count;
            volatile LONG State;  /* FLTP_CONTEXT_ */
        };
        volatile LONG64 CountAndState; /* both at once: a link comes, and goes, with its reference */
    };
} __attribute__((aligned(16))) FLTP_CONTEXT, *PFLTP_CONTEXT;

_Static_assert(sizeof(FLTP_CONTEXT) - offsetof(FLTP_CONTEXT, Count) == 8, "the count stands at -8");
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the count is the lower half of CountAndState");

struct _FLTP_CONTEXT_LIST {
    union {
        FSRTL_PER_STREAM_CONTEXT Stream;
        FSRTL_PER_FILE_CONTEXT File;
        FSRTL_PER_FILEOBJECT_CONTEXT FileObject;
    } Hook;
    LIST_ENTRY Registry; /* shard's list */
    struct sched_lock Lock;
    LIST_ENTRY Contexts; /* FLTP_CONTEXT.Link */
    PVOID Object;        /* what it hangs on; for reports. A free one: the next */
    volatile LONG References;
    UCHAR Shard;
    bool Dead;           /* no more contexts: the object goes */
};

/* Nothing to check or to keep a record of but what costs least (verify_api_is_quiet). */
extern bool FltpIsWatched; /* of the machine: ledgers, special pool */
static inline bool FltpIsQuiet(void) { return __builtin_expect(verify_api_is_quiet(APC_LEVEL) && !FltpIsWatched, 1); }

static inline PFLTP_CONTEXT FltpContextOf(PFLT_CONTEXT Context) /* NULL, too: whoever follows that looks first */
{
    return (PFLTP_CONTEXT)((uintptr_t)Context - sizeof(FLTP_CONTEXT));
}
static inline PFLT_CONTEXT FltpDriverPart(PFLTP_CONTEXT Context) { return Context + 1; }

/* context_memory.c: registration, and blocks. A live one holds its filter (FltpRundownObject waits for it). */
/* One reference, live, and the driver's part filled as its registration wants it. STATUS_FLT_DELETING_OBJECT,
 * STATUS_FLT_CONTEXT_ALLOCATION_NOT_FOUND, STATUS_INSUFFICIENT_RESOURCES. */
NTSTATUS FltpAllocateBlock(PFLT_FILTER Filter, FLT_CONTEXT_TYPE Type, SIZE_T Size, POOL_TYPE Pool, const void *Site,
                           PFLTP_CONTEXT *Block);
void FltpGiveBlock(PFLTP_CONTEXT Context);           /* no longer live; kept for a while, so that a use of it is seen */
void FltpKeepBlock(PFLTP_CONTEXT Context);           /* no longer live, and left as it is until the filter goes */
PFLTP_CONTEXT FltpFirstLive(PFLT_FILTER Filter);     /* somebody holds it; NULL: none */
/* Visits those of a filter with a shard locked; also those whose end is under way. */
void FltpEachLiveContext(PFLT_FILTER Filter, void (*Visit)(PFLTP_CONTEXT Context, void *Argument), void *Argument);
void FltpFreeBlocks(PFLT_FILTER Filter);             /* what was kept, and the registration */

/* The whole of the routines that context_quick.c has the quick way of: context.c, context_set.c, context_link.c */
NTSTATUS FltpAllocateWithCare(PFLT_FILTER Filter, FLT_CONTEXT_TYPE ContextType, SIZE_T ContextSize, POOL_TYPE PoolType,
                              PFLT_CONTEXT *ReturnedContext, const void *Site);
NTSTATUS FltpSetStreamWithCare(PFLT_INSTANCE Instance, PFILE_OBJECT FileObject, FLT_SET_CONTEXT_OPERATION Operation,
                               PFLT_CONTEXT NewContext, PFLT_CONTEXT *OldContext, const void *Site);
NTSTATUS FltpGetStreamWithCare(PFLT_INSTANCE Instance, PFILE_OBJECT FileObject, PFLT_CONTEXT *Context, const void *Site);
void FltpDeleteWithCare(PFLT_CONTEXT Context, const void *Site);
void FltpReleaseWithCare(PFLT_CONTEXT Context, const void *Site);

/* context.c */
void FltpForgetDeferredContexts(void); /* a machine starts */
/* Where only one thread runs at a time an atomic change costs more than the rest of a lookup. */
static inline LONG FltpChangeCount(PFLTP_CONTEXT Context, LONG Change, int Order)
{
    return sched_parallel ? __atomic_add_fetch(&Context->Count, Change, Order) : (Context->Count += Change);
}
static inline void FltpLinkReference(PFLTP_CONTEXT Context, const char *Event, const void *Site)
{
    LONG count = FltpChangeCount(Context, 1, __ATOMIC_RELAXED);
    verify_ledger_add(&Context->Ledger, Event, count, Site);
}
/* UNLINKED -> LINKED, with the link's reference, by one thread only. */
static inline bool FltpClaim(PFLTP_CONTEXT Context)
{
    const LONG64 change = ((LONG64)FLTP_CONTEXT_LINKED << 32) + 1;
    LONG64 old = __atomic_load_n(&Context->CountAndState, __ATOMIC_RELAXED);
    do {
        if (old >> 32 != FLTP_CONTEXT_UNLINKED)
            return false;
        if (!sched_parallel) {
            Context->CountAndState = old + change;
            return true;
        }
    } while (!__atomic_compare_exchange_n(&Context->CountAndState, &old, old + change, true, __ATOMIC_ACQ_REL,
                                          __ATOMIC_RELAXED));
    return true;
}
/* Node locked, off its list: LINKED -> DELETED, and the link's reference goes. What is left of the count. */
static inline LONG FltpDropLinkLocked(PFLTP_CONTEXT Context)
{
    const LONG64 change = ((LONG64)(FLTP_CONTEXT_DELETED - FLTP_CONTEXT_LINKED) << 32) - 1;
    __atomic_store_n(&Context->Node, NULL, __ATOMIC_RELAXED);
    Context->Key = NULL;
    if (sched_parallel)
        return (LONG)__atomic_add_fetch(&Context->CountAndState, change, __ATOMIC_ACQ_REL);
    return (LONG)(Context->CountAndState += change);
}
void FltpCountRanOut(PFLTP_CONTEXT Context, LONG Count, const void *Site); /* Count <= 0 */
static inline void FltpDropReference(PFLTP_CONTEXT Context, const char *Event, const void *Site)
{
    verify_ledger_drop(&Context->Ledger, Event, __atomic_load_n(&Context->Count, __ATOMIC_RELAXED) - 1, Site);
    LONG count = FltpChangeCount(Context, -1, __ATOMIC_ACQ_REL);
    if (count <= 0)
        FltpCountRanOut(Context, count, Site);
}
/* The link is broken, and its reference is the driver's from here on. */
void FltpHandOver(PFLTP_CONTEXT Context, const char *Event, const void *Site);

/* context_check.c */
enum { FLTP_CONTEXT_TYPES = 7 };
static inline int FltpContextTypeIndex(FLT_CONTEXT_TYPE Type) /* -1: no such type */
{
    bool known = Type && !(Type & (Type - 1)) && Type < 1 << FLTP_CONTEXT_TYPES;
    return known ? __builtin_ctz(Type) : -1;
}
const char *FltpContextTypeName(FLT_CONTEXT_TYPE Type);       /* "stream handle" */
const char *FltpContextTypeInRoutines(FLT_CONTEXT_TYPE Type); /* "StreamHandle" */
/* "stream context 0x... (16 bytes) of filter "x" <what>." */
struct verify_violation *FltpBeginContextReport(enum verify_rule Rule, PFLTP_CONTEXT Context, const char *Format, ...)
    __attribute__((format(printf, 3, 4)));
_Noreturn void FltpReportGoneContext(PFLT_CONTEXT Pointer, const FLTP_CONTEXT *Context, const char *Routine,
                                     const void *Site);
void FltpCheckForDeadContext(PFLT_CONTEXT Pointer, const char *Routine, const void *Site); /* special pool */
_Noreturn void FltpReportNullContext(const char *Routine, const void *Site);
/* The context behind a pointer that a driver passed; one that is freed or none at all ends in a report. */
static inline PFLTP_CONTEXT FltpCheckContext(PFLT_CONTEXT Pointer, const char *Routine, const void *Site)
{
    PFLTP_CONTEXT context = FltpContextOf(Pointer);
    if (__builtin_expect(!Pointer, 0))
        FltpReportNullContext(Routine, Site);
    if (__builtin_expect(machine->options.special_pool, 0))
        FltpCheckForDeadContext(Pointer, Routine, Site);
    if (__builtin_expect(__atomic_load_n(&context->Magic, __ATOMIC_RELAXED) != FLTP_CONTEXT_MAGIC ||
                             __atomic_load_n(&context->Count, __ATOMIC_RELAXED) <= 0, 0))
        FltpReportGoneContext(Pointer, context, Routine, Site);
    return context;
}
void FltpReportContextPool(PFLTP_CONTEXT Context, const char *Routine, const void *Site);
static inline void FltpCheckContextPool(PFLTP_CONTEXT Context, const char *Routine, const void *Site)
{
    if (__builtin_expect(KiCurrentIrql() > APC_LEVEL && FLTP_POOL_IS_PAGED(Context->Pool), 0))
        FltpReportContextPool(Context, Routine, Site);
}
/* The code at Site is not the filter's own: context-from-other-filter, when it is another driver's. Object: the instance
 * or the filter that it gave; or a context. */
void FltpReportCaller(PFLT_FILTER Owner, PFLT_OBJECT Object, PFLTP_CONTEXT Context, const char *Routine, const void *Site);
/* One that is there, or reports; and then whose it is. */
void FltpReportInstanceCaller(PFLT_INSTANCE Instance, const char *Routine, const void *Site);
static inline void FltpCheckInstanceCaller(PFLT_INSTANCE Instance, const char *Routine, const void *Site)
{
    if (__builtin_expect(!Instance || !verify_is_in(&Instance->Filter->Code, Site), 0))
        FltpReportInstanceCaller(Instance, Routine, Site);
}
static inline void FltpCheckFilterCaller(PFLT_FILTER Filter, const char *Routine, const void *Site)
{
    FltpCheckFilter(Filter, Routine, Site);
    if (__builtin_expect(!verify_is_in(&Filter->Code, Site), 0))
        FltpReportCaller(Filter, &Filter->Base, NULL, Routine, Site);
}
static inline void FltpCheckContextCaller(PFLTP_CONTEXT Context, const char *Routine, const void *Site)
{
    if (__builtin_expect(!verify_is_in(&Context->Filter->Code, Site), 0))
        FltpReportCaller(Context->Filter, NULL, Context, Routine, Site);
}
/* "FltSetStreamContext"; Verb: "Set", "Get", "Delete". */
const char *FltpContextRoutine(const char *Verb, FLT_CONTEXT_TYPE Type, char Text[64]);
const char *FltpSetRoutine(FLT_CONTEXT_TYPE Type); /* sections' is no FltSet... */
/* "... was given to <routine><why>." */
void FltpReportSet(enum verify_rule Rule, PFLTP_CONTEXT Context, const char *Routine, const char *Why, const void *Site);
/* FltDeleteContext of a section context. */
void FltpReportSectionDeleted(PFLTP_CONTEXT Context, const void *Site);
/* Whose instance it is, and whether the file is on its volume. */
void FltpReportInstance(PFLT_INSTANCE Instance, PFILE_OBJECT File, const char *Verb, FLT_CONTEXT_TYPE Type, const void *Site);
static inline void FltpCheckInstance(PFLT_INSTANCE Instance, PFILE_OBJECT File, const char *Verb, FLT_CONTEXT_TYPE Type,
                                     const void *Site)
{
    if (__builtin_expect(!Instance || !verify_is_in(&Instance->Filter->Code, Site) || FltpIsOnOtherVolume(Instance, File), 0))
        FltpReportInstance(Instance, File, Verb, Type, Site);
}
/* Of that type and of the instance's filter; else reports. */
void FltpReportUnfit(PFLTP_CONTEXT Context, FLT_CONTEXT_TYPE Type, PFLT_INSTANCE Instance, const char *Routine,
                     const void *Site);
static inline bool FltpContextFits(PFLTP_CONTEXT Context, FLT_CONTEXT_TYPE Type, PFLT_INSTANCE Instance, const char *Routine,
                                   const void *Site)
{
    if (__builtin_expect(Context->Type == Type && (!Instance || Context->Filter == Instance->Filter), 1))
        return true;
    FltpReportUnfit(Context, Type, Instance, Routine, Site);
    return false;
}
/* After STATUS_NOT_SUPPORTED. */
void FltpCheckPreCreate(PFILE_OBJECT File, const char *Verb, FLT_CONTEXT_TYPE Type, const void *Site);

/* context_lock.c */
void FltpWatchLocks(bool Watch);
void FltpPushLockGone(PEX_PUSH_LOCK PushLock, const void *Site);
void FltpFoundAgain(PFLTP_CONTEXT Context, const void *Site);
static inline void FltpNoteFound(PFLTP_CONTEXT Context, const void *Site)
{
    if (__builtin_expect(__atomic_load_n(&Context->Suspect, __ATOMIC_ACQUIRE), 0))
        FltpFoundAgain(Context, Site);
}
void FltpForgetSuspect(PFLTP_CONTEXT Context);
/* The last reference went at DISPATCH_LEVEL, and this thread may hold a lock in it. */
void FltpCheckOwnLocks(PFLTP_CONTEXT Context);
/* Behind the cleanup callback. True: somebody holds a lock in it, or waits there: its memory must stay. */
bool FltpLookForLocks(PFLTP_CONTEXT Context);
static inline bool FltpMayHoldLocks(PFLTP_CONTEXT Context, PKTHREAD Thread)
{
    return Context->InUse || Thread->held.count || Thread->spin_locks || Context->Size >= sizeof(ERESOURCE) ||
           KiPointsAmongThreads(FltpDriverPart(Context), Context->Size);
}
static inline bool FltpCheckLocks(PFLTP_CONTEXT Context)
{
    return FltpMayHoldLocks(Context, KiCurrentThread()) && FltpLookForLocks(Context);
}

/* context_dead.c: only with special pool. Takes over the ledger. */
void FltpRememberDeadContext(PFLTP_CONTEXT Context);
void FltpExplainContextFaults(void); /* a machine starts */
/* A new context has that address, or the filter goes; either may be NULL. */
void FltpForgetDeadContexts(PFLT_CONTEXT Pointer, PFLT_FILTER Filter);
const FLTP_CONTEXT *FltpFindDeadContext(PFLT_CONTEXT Pointer); /* NULL: not among the last ones that were freed */

/* context_node.c */
void FltpStartContexts(void);
void FltpStopContexts(void);
PFLTP_CONTEXT_NODE FltpCreateNode(PVOID Object);
/* Breaks every link (those of `Key` only, when it is not NULL); with Key NULL the node is dead from here on. */
void FltpUnlinkAll(PFLTP_CONTEXT_NODE Node, PVOID Key, const char *Event);
/* Out of the registry, its links broken, its own reference dropped. */
void FltpDestroyNode(PFLTP_CONTEXT_NODE Node, const char *Event);
/* The node of an object whose pointer to it is *Place, made when there is none. */
PFLTP_CONTEXT_NODE FltpObjectNode(PFLTP_CONTEXT_NODE *Place, PVOID Object, bool Create);
NTSTATUS FltpStreamNode(PFILE_OBJECT FileObject, bool Create, PFLTP_CONTEXT_NODE *Node);
static inline bool FltpHasStream(PFILE_OBJECT File)
{
    PFSRTL_ADVANCED_FCB_HEADER header = File && !(File->Flags & FLTP_FO_CLOSED) ? File->FsContext : NULL;
    return header && FsRtlSupportsPerStreamContexts(File) && !(header->Flags2 & FSRTL_FLAG2_IS_PAGING_FILE);
}
/* A file system that has the header's field ReservedContext lends it: a lookup is spared the list and its mutex. */
static inline PFLTP_CONTEXT_NODE *FltpKnownNode(PFSRTL_ADVANCED_FCB_HEADER Header)
{
    return Header->Version >= FSRTL_FCB_HEADER_V3 ? (PFLTP_CONTEXT_NODE *)&Header->ReservedContext : NULL;
}
/* NULL: FltpStreamNode knows more. */
static inline PFLTP_CONTEXT_NODE FltpQuickStreamNode(PFILE_OBJECT File)
{
    PFLTP_CONTEXT_NODE *known = FltpHasStream(File) ? FltpKnownNode(File->FsContext) : NULL;
    return known ? __atomic_load_n(known, __ATOMIC_ACQUIRE) : NULL;
}
/* File contexts: the file's, or where the file system has none the stream's. */
NTSTATUS FltpFileNode(PFILE_OBJECT FileObject, bool Create, PFLTP_CONTEXT_NODE *Node);
NTSTATUS FltpFileObjectNode(PFILE_OBJECT FileObject, bool Create, PFLTP_CONTEXT_NODE *Node);
/* Visits every linked context with its node locked: Visit takes no other lock but a leaf of its own. */
void FltpEachLinkedContext(void (*Visit)(PFLTP_CONTEXT Context, void *Argument), void *Argument);
/* Every node of the registry gives up its contexts of that key. */
void FltpUnlinkEverywhere(PVOID Key, const char *Event);
/* The node that a linked context is on, referenced; NULL: it is not linked. */
PFLTP_CONTEXT_NODE FltpReferenceNodeOf(PFLTP_CONTEXT Context);
void FltpDereferenceNode(PFLTP_CONTEXT_NODE Node);
/* The node that the context is linked on, locked. NULL: none, or somebody has it locked. */
static inline PFLTP_CONTEXT_NODE FltpTryNodeOf(PFLTP_CONTEXT Context)
{
    PFLTP_CONTEXT_NODE node = __atomic_load_n(&Context->Node, __ATOMIC_RELAXED);
    if (node && sched_trylock(&node->Lock)) {
        if (__atomic_load_n(&Context->Node, __ATOMIC_RELAXED) == node)
            return node;
        sched_unlock(&node->Lock);
    }
    return NULL;
}
/* Node locked: the context leaves it. The link's reference is the caller's now. */
void FltpUnlinkLocked(PFLTP_CONTEXT Context);
/* False: it was not linked. The link's reference is the caller's now. */
bool FltpUnlinkContext(PFLTP_CONTEXT Context);
PVOID FltpUnlinkFromKey(PFLTP_CONTEXT Context); /* the same; what its Key was, or NULL */
/* The same, and its reference goes. */
bool FltpUnlinkAndDrop(PFLTP_CONTEXT Context, const char *Event, const void *Site);

/* Node locked: nothing is linked there any more. Instance: NULL for volume contexts. */
static inline bool FltpIsBeingDeleted(PFLTP_CONTEXT_NODE Node, PFLT_INSTANCE Instance, PFLT_FILTER Filter)
{
    PFLTP_CONTEXT_NODE own = Instance ? __atomic_load_n(&Instance->Contexts, __ATOMIC_ACQUIRE) : NULL;
    return Node->Dead || FltpIsDraining(&Filter->Base) || (own && __atomic_load_n(&own->Dead, __ATOMIC_ACQUIRE));
}
/* context_link.c: set, get and delete on a node. OldContext may be NULL. */
NTSTATUS FltpSetOnNode(PFLTP_CONTEXT_NODE Node, FLT_CONTEXT_TYPE Type, PVOID Key, PFLT_INSTANCE Instance,
                       FLT_SET_CONTEXT_OPERATION Operation, PFLT_CONTEXT NewContext, PFLT_CONTEXT *OldContext,
                       const void *Site);
/* transaction.c; Site: who asks. */
NTSTATUS FltpGetTransactionContext(PFLT_INSTANCE Instance, struct _KTRANSACTION *Transaction, PFLT_CONTEXT *Context,
                                   const void *Site);
static inline PFLTP_CONTEXT FltpFindLocked(PFLTP_CONTEXT_NODE Node, FLT_CONTEXT_TYPE Type, PVOID Key)
{
    for (PLIST_ENTRY link = Node->Contexts.Flink; link != &Node->Contexts; link = link->Flink) {
        PFLTP_CONTEXT context = CONTAINING_RECORD(link, FLTP_CONTEXT, Link);
        if (context->Key == Key && context->Type == Type)
            return context;
    }
    return NULL;
}
static inline NTSTATUS FltpGetFromNode(PFLTP_CONTEXT_NODE Node, FLT_CONTEXT_TYPE Type, PVOID Key, PFLT_CONTEXT *Context,
                                       const void *Site)
{
    *Context = NULL;
    if (!Node)
        return STATUS_NOT_FOUND;
    sched_lock(&Node->Lock);
    PFLTP_CONTEXT found = FltpFindLocked(Node, Type, Key);
    if (found)
        FltpLinkReference(found, "got by", Site);
    sched_unlock(&Node->Lock);
    if (!found)
        return STATUS_NOT_FOUND;
    FltpNoteFound(found, Site);
    *Context = FltpDriverPart(found);
    return STATUS_SUCCESS;
}
NTSTATUS FltpDeleteFromNode(PFLTP_CONTEXT_NODE Node, FLT_CONTEXT_TYPE Type, PVOID Key, PFLT_CONTEXT *OldContext,
                            const void *Site);

#pragma GCC visibility pop

#endif
