/* Transaction contexts and enlistments of instances. */
#include "ktm.h"

#include "core.h"

#include "fault/fault.h"

#define VALID_NOTIFICATIONS                                                                                            \
    (TRANSACTION_NOTIFY_PREPREPARE | TRANSACTION_NOTIFY_PREPARE | TRANSACTION_NOTIFY_COMMIT |                          \
     TRANSACTION_NOTIFY_ROLLBACK | TRANSACTION_NOTIFY_COMMIT_FINALIZE)

static void CheckTransaction(PKTRANSACTION transaction, const char *routine, const void *site)
{
    if (__builtin_expect(transaction != NULL, 1))
        return;
    struct verify_violation *v =
        verify_begin_fatal(VERIFY_BAD_FLT_OBJECT, "%s was given NULL instead of a transaction.", routine);
    verify_site(v, "called by", site);
    verify_end_bugcheck(v, 0x50, 0, 0, (uintptr_t)site, 0);
}

/* ---- contexts -------------------------------------------------------------------------------------------------------- */

NTSTATUS FltSetTransactionContext(PFLT_INSTANCE Instance, PKTRANSACTION Transaction,
                                  FLT_SET_CONTEXT_OPERATION Operation, PFLT_CONTEXT NewContext,
                                  PFLT_CONTEXT *OldContext)
{
    API_ENTER(FltSetTransactionContext, Transaction, SCHED_WRITE);
    if (OldContext)
        *OldContext = NULL_CONTEXT;
    FltpCheckInstanceCaller(Instance, "FltSetTransactionContext", VERIFY_CALLER);
    CheckTransaction(Transaction, "FltSetTransactionContext", VERIFY_CALLER);
    if (!FltpObjectNode(&Transaction->Contexts, Transaction, false) && fault_allocation())
        return STATUS_INSUFFICIENT_RESOURCES;
    return FltpSetOnNode(FltpObjectNode(&Transaction->Contexts, Transaction, true), FLT_TRANSACTION_CONTEXT, Instance,
                         Instance, Operation, NewContext, OldContext, VERIFY_CALLER);
}

NTSTATUS FltpGetTransactionContext(PFLT_INSTANCE Instance, PKTRANSACTION Transaction, PFLT_CONTEXT *Context,
                                   const void *Site)
{
    sched_point("FltGetTransactionContext", Transaction, SCHED_READ);
    FltpCheckInstanceCaller(Instance, "FltGetTransactionContext", Site);
    CheckTransaction(Transaction, "FltGetTransactionContext", Site);
    return FltpGetFromNode(FltpObjectNode(&Transaction->Contexts, Transaction, false), FLT_TRANSACTION_CONTEXT,
                           Instance, Context, Site);
}

NTSTATUS FltGetTransactionContext(PFLT_INSTANCE Instance, PKTRANSACTION Transaction, PFLT_CONTEXT *Context)
{
    API_IRQL(FltGetTransactionContext);
    return FltpGetTransactionContext(Instance, Transaction, Context, VERIFY_CALLER);
}

NTSTATUS FltDeleteTransactionContext(PFLT_INSTANCE Instance, PKTRANSACTION Transaction, PFLT_CONTEXT *OldContext)
{
    API_ENTER(FltDeleteTransactionContext, Transaction, SCHED_WRITE);
    FltpCheckInstanceCaller(Instance, "FltDeleteTransactionContext", VERIFY_CALLER);
    CheckTransaction(Transaction, "FltDeleteTransactionContext", VERIFY_CALLER);
    return FltpDeleteFromNode(FltpObjectNode(&Transaction->Contexts, Transaction, false), FLT_TRANSACTION_CONTEXT,
                              Instance, OldContext, VERIFY_CALLER);
}

/* ---- enlistments ------------------------------------------------------------------------------------------------------ */

static struct flt_enlistment *FindLocked(PKTRANSACTION transaction, PFLT_INSTANCE instance)
{
    for (PLIST_ENTRY link = transaction->Enlistments.Flink; link != &transaction->Enlistments; link = link->Flink) {
        struct flt_enlistment *found = CONTAINING_RECORD(link, struct flt_enlistment, Link);
        if (found->Instance == instance)
            return found;
    }
    return NULL;
}

NTSTATUS FltEnlistInTransaction(PFLT_INSTANCE Instance, PKTRANSACTION Transaction, PFLT_CONTEXT TransactionContext,
                                NOTIFICATION_MASK NotificationMask)
{
    API_ENTER(FltEnlistInTransaction, Transaction, SCHED_WRITE);
    FltpCheckInstanceCaller(Instance, "FltEnlistInTransaction", VERIFY_CALLER);
    CheckTransaction(Transaction, "FltEnlistInTransaction", VERIFY_CALLER);
    if (!Instance->Filter->Registration.TransactionNotificationCallback)
        return STATUS_INVALID_PARAMETER;
    if (!NotificationMask || (NotificationMask & ~VALID_NOTIFICATIONS))
        return STATUS_INVALID_PARAMETER_4;
    PFLTP_CONTEXT context = FltpCheckContext(TransactionContext, "FltEnlistInTransaction", VERIFY_CALLER);
    if (!FltpContextFits(context, FLT_TRANSACTION_CONTEXT, Instance, "FltEnlistInTransaction", VERIFY_CALLER))
        return STATUS_INVALID_PARAMETER;
    if (FltpIsDraining(&Instance->Base))
        return STATUS_FLT_DELETING_OBJECT;
    if (fault_allocation())
        return STATUS_INSUFFICIENT_RESOURCES;
    FltpReferencePointer(&Instance->Base);
    struct flt_enlistment *fresh = sim_alloc(sizeof *fresh);
    *fresh = (struct flt_enlistment){
        .Instance = Instance, .Context = TransactionContext, .Mask = NotificationMask, .References = 1};
    KeInitializeEvent(&fresh->Done, SynchronizationEvent, FALSE);
    FltpLinkReference(context, "enlisted by", VERIFY_CALLER);
    __atomic_add_fetch(&context->Enlisted, 1, __ATOMIC_RELAXED);

    NTSTATUS status = STATUS_SUCCESS;
    sched_lock(&Transaction->Lock);
    if (Transaction->State != TRANSACTION_ACTIVE)
        status = STATUS_TRANSACTION_NOT_ACTIVE;
    else if (FindLocked(Transaction, Instance))
        status = STATUS_FLT_ALREADY_ENLISTED;
    else {
        fresh->Number = ++Transaction->Enlisted;
        InsertTailList(&Transaction->Enlistments, &fresh->Link);
    }
    sched_unlock(&Transaction->Lock);
    if (!NT_SUCCESS(status))
        FltpDereferenceEnlistment(fresh);
    return status;
}

/* An instance that is going hears nothing any more; one that is told something does not go before it has returned. */
static void NotifyOne(PKTRANSACTION transaction, struct flt_enlistment *enlistment, ULONG notification)
{
    PFLT_INSTANCE instance = enlistment->Instance;
    FLT_RELATED_OBJECTS objects;
    if (!NT_SUCCESS(FltpReferenceObject(&instance->Base, "told of a transaction", NULL)))
        return;
    FltpFillObjects(&objects, instance);
    objects.Transaction = transaction;
    NTSTATUS status = instance->Filter->Registration.TransactionNotificationCallback(&objects, enlistment->Context,
                                                                                    notification);
    FltpDereferenceObject(&instance->Base, "told of a transaction", NULL);
    if (status == STATUS_PENDING)
        KeWaitForSingleObject(&enlistment->Done, Executive, KernelMode, FALSE, NULL);
}

/* The next in the list that wants to be told and was not yet, referenced. */
static struct flt_enlistment *NextToTell(PKTRANSACTION transaction, ULONG notification)
{
    struct flt_enlistment *found = NULL;
    sched_lock(&transaction->Lock);
    bool over = notification != TRANSACTION_NOTIFY_ROLLBACK && transaction->State == TRANSACTION_ABORTED;
    PLIST_ENTRY list = &transaction->Enlistments;
    for (PLIST_ENTRY link = list->Flink; link != list && !over && !found; link = link->Flink) {
        struct flt_enlistment *enlistment = CONTAINING_RECORD(link, struct flt_enlistment, Link);
        if ((enlistment->Mask & ~enlistment->Told) & notification)
            found = enlistment;
    }
    if (found) {
        found->Told |= notification;
        __atomic_add_fetch(&found->References, 1, __ATOMIC_RELAXED);
    }
    sched_unlock(&transaction->Lock);
    return found;
}

void FltpNotifyTransaction(PKTRANSACTION Transaction, ULONG Notification)
{
    struct flt_enlistment *enlistment;
    while ((enlistment = NextToTell(Transaction, Notification))) {
        NotifyOne(Transaction, enlistment, Notification);
        FltpDereferenceEnlistment(enlistment);
    }
}

static NTSTATUS Complete(PFLT_INSTANCE instance, PKTRANSACTION transaction)
{
    sched_lock(&transaction->Lock);
    struct flt_enlistment *enlistment = FindLocked(transaction, instance);
    if (enlistment)
        __atomic_add_fetch(&enlistment->References, 1, __ATOMIC_RELAXED);
    sched_unlock(&transaction->Lock);
    if (!enlistment)
        return STATUS_NOT_FOUND;
    KeSetEvent(&enlistment->Done, IO_NO_INCREMENT, FALSE);
    FltpDereferenceEnlistment(enlistment);
    return STATUS_SUCCESS;
}

NTSTATUS FltPrePrepareComplete(PFLT_INSTANCE Instance, PKTRANSACTION Transaction, PFLT_CONTEXT TransactionContext)
{
    API_ENTER(FltPrePrepareComplete, Transaction, SCHED_WRITE);
    FltpCheckInstanceCaller(Instance, "FltPrePrepareComplete", VERIFY_CALLER);
    return Complete(Instance, Transaction);
}

NTSTATUS FltPrepareComplete(PFLT_INSTANCE Instance, PKTRANSACTION Transaction, PFLT_CONTEXT TransactionContext)
{
    API_ENTER(FltPrepareComplete, Transaction, SCHED_WRITE);
    FltpCheckInstanceCaller(Instance, "FltPrepareComplete", VERIFY_CALLER);
    return Complete(Instance, Transaction);
}

NTSTATUS FltCommitComplete(PFLT_INSTANCE Instance, PKTRANSACTION Transaction, PFLT_CONTEXT TransactionContext)
{
    API_ENTER(FltCommitComplete, Transaction, SCHED_WRITE);
    FltpCheckInstanceCaller(Instance, "FltCommitComplete", VERIFY_CALLER);
    return Complete(Instance, Transaction);
}

NTSTATUS FltCommitFinalizeComplete(PFLT_INSTANCE Instance, PKTRANSACTION Transaction, PFLT_CONTEXT TransactionContext)
{
    API_ENTER(FltCommitFinalizeComplete, Transaction, SCHED_WRITE);
    FltpCheckInstanceCaller(Instance, "FltCommitFinalizeComplete", VERIFY_CALLER);
    return Complete(Instance, Transaction);
}

NTSTATUS FltRollbackComplete(PFLT_INSTANCE Instance, PKTRANSACTION Transaction, PFLT_CONTEXT TransactionContext)
{
    API_ENTER(FltRollbackComplete, Transaction, SCHED_WRITE);
    FltpCheckInstanceCaller(Instance, "FltRollbackComplete", VERIFY_CALLER);
    return Complete(Instance, Transaction);
}

NTSTATUS FltRollbackEnlistment(PFLT_INSTANCE Instance, PKTRANSACTION Transaction, PFLT_CONTEXT TransactionContext)
{
    API_ENTER(FltRollbackEnlistment, Transaction, SCHED_WRITE);
    FltpCheckInstanceCaller(Instance, "FltRollbackEnlistment", VERIFY_CALLER);
    CheckTransaction(Transaction, "FltRollbackEnlistment", VERIFY_CALLER);
    sched_lock(&Transaction->Lock);
    bool enlisted = FindLocked(Transaction, Instance) != NULL;
    sched_unlock(&Transaction->Lock);
    if (!enlisted)
        return STATUS_NOT_FOUND;
    return FltpAbortTransaction(Transaction) ? STATUS_SUCCESS : STATUS_TRANSACTION_REQUEST_NOT_VALID;
}
