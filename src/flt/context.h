/* Contexts: the block before the driver's part, the nodes that hang on objects and link contexts to them.
 *
 * Lifetimes:
 * 1. A context's count is one for its link, and one for each pointer that a driver holds. At zero the cleanup callback
 *    runs and the memory goes into quarantine for a while, so that a use of it is seen.
 * 2. A node belongs to one object: volume, instance, file, stream, file object, transaction. It is made with the first
 *    context and lives as long as the object. It is also in a shard of the registry, where the teardown of an instance
 *    finds every node there is.
 * 3. A context's Node is written under the lock of that node, and is cleared before the node goes; whoever follows it
 *    from the context takes a reference to the node under the lock of its shard first.
 * Lock order: shard, then node. */
#ifndef FLTSIM_FLT_CONTEXT_H
#define FLTSIM_FLT_CONTEXT_H

#include "fltp.h"
#include "verify/api.h"

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
    LONG State;         /* FLTP_CONTEXT_ */
    USHORT Type;
    UCHAR Shard;        /* of Live */
    UCHAR NodeShard;    /* of Node, while linked */
    POOL_TYPE Pool;
    ULONG Magic;
    volatile LONG Count;
    ULONG Reserved;
} __attribute__((aligned(16))) FLTP_CONTEXT, *PFLTP_CONTEXT;

_Static_assert(sizeof(FLTP_CONTEXT) - offsetof(FLTP_CONTEXT, Count) == 8, "the count stands at -8");

struct _FLTP_CONTEXT_LIST {
    union {
        FSRTL_PER_STREAM_CONTEXT Stream;
        FSRTL_PER_FILE_CONTEXT File;
        FSRTL_PER_FILEOBJECT_CONTEXT FileObject;
    } Hook;
    LIST_ENTRY Registry; /* shard's list */
    struct sched_lock Lock;
    LIST_ENTRY Contexts; /* FLTP_CONTEXT.Link */
    PVOID Object;        /* what it hangs on; for reports */
    volatile LONG References;
    UCHAR Shard;
    bool Dead;           /* no more contexts: the object goes */
};

static inline PFLTP_CONTEXT FltpContextOf(PFLT_CONTEXT Context) { return (PFLTP_CONTEXT)Context - 1; }
static inline PFLT_CONTEXT FltpDriverPart(PFLTP_CONTEXT Context) { return Context + 1; }

/* context_memory.c: registration, and blocks. The driver's part of a new one is filled as its registration wants it. */
NTSTATUS FltpAllocateBlock(PFLT_FILTER Filter, FLT_CONTEXT_TYPE Type, SIZE_T Size, POOL_TYPE Pool, PFLTP_CONTEXT *Block);
void FltpLinkLive(PFLTP_CONTEXT Context);
void FltpGiveBlock(PFLTP_CONTEXT Context);           /* no longer live; kept for a while, so that a use of it is seen */
void FltpKeepBlock(PFLTP_CONTEXT Context);           /* no longer live, and left as it is until the filter goes */
PFLTP_CONTEXT FltpFirstLive(PFLT_FILTER Filter);     /* somebody holds it; NULL: none */
/* Visits those of a filter with a shard locked; also those whose end is under way. */
void FltpEachLiveContext(PFLT_FILTER Filter, void (*Visit)(PFLTP_CONTEXT Context, void *Argument), void *Argument);
void FltpFreeBlocks(PFLT_FILTER Filter);             /* what was kept, and the registration */

/* context.c */
void FltpForgetDeferredContexts(void); /* a machine starts */
void FltpLinkReference(PFLTP_CONTEXT Context, const char *Event, const void *Site);
void FltpDropReference(PFLTP_CONTEXT Context, const char *Event, const void *Site);
/* The link is broken, and its reference is the driver's from here on. */
void FltpHandOver(PFLTP_CONTEXT Context, const char *Event, const void *Site);

/* context_check.c */
enum { FLTP_CONTEXT_TYPES = 7 };
int FltpContextTypeIndex(FLT_CONTEXT_TYPE Type); /* -1: no such type */
const char *FltpContextTypeName(FLT_CONTEXT_TYPE Type);       /* "stream handle" */
const char *FltpContextTypeInRoutines(FLT_CONTEXT_TYPE Type); /* "StreamHandle" */
/* "stream context 0x... (16 bytes) of filter "x" <what>." */
struct verify_violation *FltpBeginContextReport(enum verify_rule Rule, PFLTP_CONTEXT Context, const char *Format, ...)
    __attribute__((format(printf, 3, 4)));
/* The context behind a pointer that a driver passed; one that is freed or none at all ends in a report. */
PFLTP_CONTEXT FltpCheckContext(PFLT_CONTEXT Context, const char *Routine, const void *Site);
_Noreturn void FltpReportGoneContext(PFLT_CONTEXT Pointer, const FLTP_CONTEXT *Context, const char *Routine,
                                     const void *Site);
void FltpCheckContextPool(PFLTP_CONTEXT Context, const char *Routine, const void *Site);
/* The code at Site is not the filter's own: context-from-other-filter, when it is another driver's. Object: the instance
 * or the filter that it gave; or a context. */
void FltpReportCaller(PFLT_FILTER Owner, PFLT_OBJECT Object, PFLTP_CONTEXT Context, const char *Routine, const void *Site);
static inline void FltpCheckInstanceCaller(PFLT_INSTANCE Instance, const char *Routine, const void *Site)
{
    if (__builtin_expect(!verify_is_in(&Instance->Filter->Code, Site), 0))
        FltpReportCaller(Instance->Filter, &Instance->Base, NULL, Routine, Site);
}
static inline void FltpCheckFilterCaller(PFLT_FILTER Filter, const char *Routine, const void *Site)
{
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
/* "... was given to FltSetStreamContext<why>." */
void FltpReportSet(enum verify_rule Rule, PFLTP_CONTEXT Context, FLT_CONTEXT_TYPE Type, const char *Why, const void *Site);
/* FltDeleteContext of a section context. */
void FltpReportSectionDeleted(PFLTP_CONTEXT Context, const void *Site);
/* Of that type and of the instance's filter; else reports. */
bool FltpContextFits(PFLTP_CONTEXT Context, FLT_CONTEXT_TYPE Type, PFLT_INSTANCE Instance, const void *Site);
/* Whose instance it is, and whether the file is on its volume. */
static inline void FltpCheckInstance(PFLT_INSTANCE Instance, PFILE_OBJECT File, const char *Verb, FLT_CONTEXT_TYPE Type,
                                     const void *Site)
{
    char text[64];
    if (__builtin_expect(!verify_is_in(&Instance->Filter->Code, Site), 0))
        FltpReportCaller(Instance->Filter, &Instance->Base, NULL, FltpContextRoutine(Verb, Type, text), Site);
    if (__builtin_expect(FltpIsOnOtherVolume(Instance, File), 0))
        FltpReportOtherVolume(Instance, File, FltpContextRoutine(Verb, Type, text), Site);
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
bool FltpCheckLocks(PFLTP_CONTEXT Context);

/* context_dead.c: only with special pool. Takes over the ledger. */
void FltpRememberDeadContext(PFLTP_CONTEXT Context);
void FltpExplainContextFaults(void); /* a machine starts */
/* A new context has that address, or the filter goes; either may be NULL. */
void FltpForgetDeadContexts(PFLT_CONTEXT Pointer, PFLT_FILTER Filter);
const FLTP_CONTEXT *FltpFindDeadContext(PFLT_CONTEXT Pointer); /* NULL: not among the last ones that were freed */

/* context_node.c */
void FltpStartContexts(void);
PFLTP_CONTEXT_NODE FltpCreateNode(PVOID Object);
/* Breaks every link (those of `Key` only, when it is not NULL); with Key NULL the node is dead from here on. */
void FltpUnlinkAll(PFLTP_CONTEXT_NODE Node, PVOID Key, const char *Event);
/* Out of the registry, its links broken, its own reference dropped. */
void FltpDestroyNode(PFLTP_CONTEXT_NODE Node, const char *Event);
/* The node of an object whose pointer to it is *Place, made when there is none. */
PFLTP_CONTEXT_NODE FltpObjectNode(PFLTP_CONTEXT_NODE *Place, PVOID Object, bool Create);
NTSTATUS FltpStreamNode(PFILE_OBJECT FileObject, bool Create, PFLTP_CONTEXT_NODE *Node);
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
/* Node locked: the context leaves it. The link's reference is the caller's now. */
void FltpUnlinkLocked(PFLTP_CONTEXT Context);
/* False: it was not linked. The link's reference is the caller's now. */
bool FltpUnlinkContext(PFLTP_CONTEXT Context);

/* context_link.c: set, get and delete on a node. OldContext may be NULL. */
NTSTATUS FltpSetOnNode(PFLTP_CONTEXT_NODE Node, FLT_CONTEXT_TYPE Type, PVOID Key, PFLT_INSTANCE Instance,
                       FLT_SET_CONTEXT_OPERATION Operation, PFLT_CONTEXT NewContext, PFLT_CONTEXT *OldContext,
                       const void *Site);
/* transaction.c; Site: who asks. */
NTSTATUS FltpGetTransactionContext(PFLT_INSTANCE Instance, struct _KTRANSACTION *Transaction, PFLT_CONTEXT *Context,
                                   const void *Site);
NTSTATUS FltpGetFromNode(PFLTP_CONTEXT_NODE Node, FLT_CONTEXT_TYPE Type, PVOID Key, PFLT_CONTEXT *Context,
                         const void *Site);
NTSTATUS FltpDeleteFromNode(PFLTP_CONTEXT_NODE Node, FLT_CONTEXT_TYPE Type, PVOID Key, PFLT_CONTEXT *OldContext,
                            const void *Site);

#endif
