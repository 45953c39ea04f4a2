/* Setting, getting and deleting on one node: the compare-and-swap that contexts live by. */
#include "context.h"

static PFLTP_CONTEXT FindLocked(PFLTP_CONTEXT_NODE node, FLT_CONTEXT_TYPE type, PVOID key)
{
    for (PLIST_ENTRY link = node->Contexts.Flink; link != &node->Contexts; link = link->Flink) {
        PFLTP_CONTEXT context = CONTAINING_RECORD(link, FLTP_CONTEXT, Link);
        if (context->Key == key && context->Type == type)
            return context;
    }
    return NULL;
}

static bool BeingDeleted(PFLTP_CONTEXT_NODE node, PFLT_INSTANCE instance, PFLT_FILTER filter)
{
    if (node->Dead || (filter->Base.Flags & FLT_OBFL_DRAINING))
        return true;
    PFLTP_CONTEXT_NODE own = instance ? FltpObjectNode(&instance->Contexts, instance, false) : NULL;
    return own && __atomic_load_n(&own->Dead, __ATOMIC_ACQUIRE);
}

static void LinkLocked(PFLTP_CONTEXT_NODE node, PFLTP_CONTEXT context, PVOID key, const void *site)
{
    FltpLinkReference(context, "linked by", site);
    context->Key = key;
    __atomic_store_n(&context->NodeShard, node->Shard, __ATOMIC_RELAXED);
    __atomic_store_n(&context->Node, node, __ATOMIC_RELAXED);
    InsertTailList(&node->Contexts, &context->Link);
}

/* UNLINKED -> LINKED, by one thread only. */
static NTSTATUS Claim(PFLTP_CONTEXT context, FLT_CONTEXT_TYPE type, const void *site)
{
    LONG state = FLTP_CONTEXT_UNLINKED;
    if (__atomic_compare_exchange_n(&context->State, &state, FLTP_CONTEXT_LINKED, false, __ATOMIC_ACQ_REL,
                                    __ATOMIC_ACQUIRE))
        return STATUS_SUCCESS;
    if (state == FLTP_CONTEXT_LINKED) {
        FltpReportSet(VERIFY_CONTEXT_DOUBLE_SET, context, type, " while it is linked already", site);
        return STATUS_FLT_CONTEXT_ALREADY_LINKED;
    }
    FltpReportSet(VERIFY_CONTEXT_SET_AFTER_DELETE, context, type, " after it was unlinked", site);
    return STATUS_INVALID_PARAMETER;
}

NTSTATUS FltpSetOnNode(PFLTP_CONTEXT_NODE Node, FLT_CONTEXT_TYPE Type, PVOID Key, PFLT_INSTANCE Instance,
                       FLT_SET_CONTEXT_OPERATION Operation, PFLT_CONTEXT NewContext, PFLT_CONTEXT *OldContext,
                       const void *Site)
{
    PFLTP_CONTEXT fresh = FltpCheckContext(NewContext, "A set of a context", Site);
    if (!FltpContextFits(fresh, Type, Instance, Site) ||
        (Operation != FLT_SET_CONTEXT_KEEP_IF_EXISTS && Operation != FLT_SET_CONTEXT_REPLACE_IF_EXISTS))
        return STATUS_INVALID_PARAMETER;
    NTSTATUS status = Claim(fresh, Type, Site);
    if (!NT_SUCCESS(status))
        return status;

    PFLTP_CONTEXT old = NULL;
    sched_lock(&Node->Lock);
    if (BeingDeleted(Node, Instance, fresh->Filter)) {
        status = STATUS_FLT_DELETING_OBJECT;
    } else if ((old = FindLocked(Node, Type, Key)) && Operation == FLT_SET_CONTEXT_KEEP_IF_EXISTS) {
        status = STATUS_FLT_CONTEXT_ALREADY_DEFINED;
        if (OldContext)
            FltpLinkReference(old, "given to the loser of a set by", Site);
    } else {
        if (old)
            FltpUnlinkLocked(old);
        LinkLocked(Node, fresh, Key, Site);
    }
    sched_unlock(&Node->Lock);

    if (!NT_SUCCESS(status))
        __atomic_store_n(&fresh->State, FLTP_CONTEXT_UNLINKED, __ATOMIC_RELEASE);
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

NTSTATUS FltpGetFromNode(PFLTP_CONTEXT_NODE Node, FLT_CONTEXT_TYPE Type, PVOID Key, PFLT_CONTEXT *Context,
                         const void *Site)
{
    *Context = NULL;
    if (!Node)
        return STATUS_NOT_FOUND;
    sched_lock(&Node->Lock);
    PFLTP_CONTEXT found = FindLocked(Node, Type, Key);
    if (found)
        FltpLinkReference(found, "got by", Site);
    sched_unlock(&Node->Lock);
    if (!found)
        return STATUS_NOT_FOUND;
    FltpNoteFound(found, Site);
    *Context = FltpDriverPart(found);
    return STATUS_SUCCESS;
}

/* Everything was unlinked from an instance that is gone, and that is the answer then. */
static NTSTATUS NotFound(FLT_CONTEXT_TYPE Type, PVOID Key)
{
    bool gone = Type != FLT_VOLUME_CONTEXT && ((PFLT_INSTANCE)Key)->Base.Flags & FLT_OBFL_DRAINING;
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
    PFLTP_CONTEXT found = FindLocked(Node, Type, Key);
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

VOID FltDeleteContext(PFLT_CONTEXT Context)
{
    API_ENTER(FltDeleteContext, Context, SCHED_WRITE);
    PFLTP_CONTEXT context = FltpCheckContext(Context, "FltDeleteContext", VERIFY_CALLER);
    FltpCheckContextCaller(context, "FltDeleteContext", VERIFY_CALLER);
    if (context->Type == FLT_SECTION_CONTEXT)
        FltpReportSectionDeleted(context, VERIFY_CALLER);
    if (FltpUnlinkContext(context)) {
        FltpDropReference(context, "unlinked by", VERIFY_CALLER);
        return;
    }
    LONG unlinked = FLTP_CONTEXT_UNLINKED;
    __atomic_compare_exchange_n(&context->State, &unlinked, FLTP_CONTEXT_DELETED, false, __ATOMIC_ACQ_REL,
                                __ATOMIC_ACQUIRE);
}
