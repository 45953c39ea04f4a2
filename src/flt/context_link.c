/* Setting, getting and deleting on one node: the compare-and-swap that contexts live by. */
#include "context.h"
#include "scan.h"

/* False: it is linked already, or was. */
static bool LinkLocked(PFLTP_CONTEXT_NODE node, PFLTP_CONTEXT context, PVOID key, const void *site)
{
    if (!FltpClaim(context))
        return false;
    verify_ledger_add(&context->Ledger, "linked by", __atomic_load_n(&context->Count, __ATOMIC_RELAXED), site);
    context->Key = key;
    __atomic_store_n(&context->NodeShard, node->Shard, __ATOMIC_RELAXED);
    __atomic_store_n(&context->Node, node, __ATOMIC_RELAXED);
    InsertTailList(&node->Contexts, &context->Link);
    return true;
}

static NTSTATUS NotToBeLinked(PFLTP_CONTEXT context, FLT_CONTEXT_TYPE type, LONG state, const void *site)
{
    if (state == FLTP_CONTEXT_LINKED) {
        FltpReportSet(VERIFY_CONTEXT_DOUBLE_SET, context, FltpSetRoutine(type), " while it is linked already", site);
        return STATUS_FLT_CONTEXT_ALREADY_LINKED;
    }
    FltpReportSet(VERIFY_CONTEXT_SET_AFTER_DELETE, context, FltpSetRoutine(type), " after it was unlinked", site);
    return STATUS_INVALID_PARAMETER;
}

NTSTATUS FltpSetOnNode(PFLTP_CONTEXT_NODE Node, FLT_CONTEXT_TYPE Type, PVOID Key, PFLT_INSTANCE Instance,
                       FLT_SET_CONTEXT_OPERATION Operation, PFLT_CONTEXT NewContext, PFLT_CONTEXT *OldContext,
                       const void *Site)
{
    const char *routine = FltpSetRoutine(Type);
    PFLTP_CONTEXT fresh = FltpCheckContext(NewContext, routine, Site);
    if (!FltpContextFits(fresh, Type, Instance, routine, Site) ||
        (Operation != FLT_SET_CONTEXT_KEEP_IF_EXISTS && Operation != FLT_SET_CONTEXT_REPLACE_IF_EXISTS))
        return STATUS_INVALID_PARAMETER;
    LONG state = __atomic_load_n(&fresh->State, __ATOMIC_ACQUIRE);
    if (__builtin_expect(state != FLTP_CONTEXT_UNLINKED, 0))
        return NotToBeLinked(fresh, Type, state, Site);

    NTSTATUS status = STATUS_SUCCESS;
    PFLTP_CONTEXT old = NULL;
    sched_lock(&Node->Lock);
    if (FltpIsBeingDeleted(Node, Instance, fresh->Filter)) {
        status = STATUS_FLT_DELETING_OBJECT;
    } else if ((old = FltpFindLocked(Node, Type, Key)) && Operation == FLT_SET_CONTEXT_KEEP_IF_EXISTS) {
        status = STATUS_FLT_CONTEXT_ALREADY_DEFINED;
        if (OldContext)
            FltpLinkReference(old, "given to the loser of a set by", Site);
    } else if (!LinkLocked(Node, fresh, Key, Site)) {
        sched_unlock(&Node->Lock); /* another set of it, or its deletion, came first */
        return NotToBeLinked(fresh, Type, __atomic_load_n(&fresh->State, __ATOMIC_ACQUIRE), Site);
    } else if (old) {
        FltpUnlinkLocked(old);
    }
    sched_unlock(&Node->Lock);

    if (old && OldContext && NT_SUCCESS(status))
        FltpHandOver(old, "unlinked: replaced by", Site);
    if (old && OldContext) {
        FltpNoteFound(old, Site);
        *OldContext = FltpDriverPart(old);
    } else if (old && NT_SUCCESS(status)) {
        FltpDropReference(old, "unlinked: replaced by", Site);
    }
    return status;
}

/* Everything was unlinked from an instance that is gone, and that is the answer then. */
static NTSTATUS NotFound(FLT_CONTEXT_TYPE Type, PVOID Key)
{
    bool gone = Type != FLT_VOLUME_CONTEXT && FltpIsDraining(&((PFLT_INSTANCE)Key)->Base);
    return gone ? STATUS_FLT_DELETING_OBJECT : STATUS_NOT_FOUND;
}

NTSTATUS FltpDeleteFromNode(PFLTP_CONTEXT_NODE Node, FLT_CONTEXT_TYPE Type, PVOID Key, PFLT_CONTEXT *OldContext,
                            const void *Site)
{
    if (OldContext)
        *OldContext = NULL;
    if (!Node)
        return NotFound(Type, Key);
    sched_lock(&Node->Lock);
    PFLTP_CONTEXT found = FltpFindLocked(Node, Type, Key);
    if (found)
        FltpUnlinkLocked(found);
    sched_unlock(&Node->Lock);
    if (!found)
        return NotFound(Type, Key);
    if (!OldContext) {
        FltpDropReference(found, "unlinked by", Site);
        return STATUS_SUCCESS;
    }
    FltpHandOver(found, "unlinked by", Site);
    *OldContext = FltpDriverPart(found);
    return STATUS_SUCCESS;
}

void FltpDeleteWithCare(PFLT_CONTEXT Context, const void *Site)
{
    API_ENTER_AT(FltDeleteContext, Context, SCHED_WRITE, Site);
    PFLTP_CONTEXT context = FltpCheckContext(Context, "FltDeleteContext", Site);
    FltpCheckContextCaller(context, "FltDeleteContext", Site);
    if (context->Type == FLT_SECTION_CONTEXT) {
        FltpReportSectionDeleted(context, Site);
        PFLT_INSTANCE instance = FltpUnlinkFromKey(context);
        if (instance) {
            FltpEndScan(instance, Context);
            FltpDropReference(context, "unlinked by", Site);
            return;
        }
    }
    if (FltpUnlinkAndDrop(context, "unlinked by", Site))
        return;
    LONG unlinked = FLTP_CONTEXT_UNLINKED;
    __atomic_compare_exchange_n(&context->State, &unlinked, FLTP_CONTEXT_DELETED, false, __ATOMIC_ACQ_REL,
                                __ATOMIC_ACQUIRE);
}
