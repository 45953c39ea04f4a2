/* Transaction objects and their outcomes. */
#include "ktm.h"

#include <string.h>

#include "ob/object.h"

static POBJECT_TYPE transactionType;
POBJECT_TYPE *TmTransactionObjectType = &transactionType;

static struct sched_lock liveLock;
static LIST_ENTRY live = {&live, &live}; /* _KTRANSACTION.Live */

static void DeleteTransaction(PVOID object)
{
    sched_lock(&liveLock);
    RemoveEntryList(&((PKTRANSACTION)object)->Live);
    sched_unlock(&liveLock);
    FltpEndTransaction(object);
    sim_free(((PKTRANSACTION)object)->Description.Buffer);
    FltpFreeObjectContexts(&((PKTRANSACTION)object)->Contexts);
}

/* The last handle of one that was never committed rolls it back. */
static void CloseTransaction(PEPROCESS process, PVOID object, ACCESS_MASK granted, ULONG processHandles,
                             ULONG systemHandles)
{
    if (systemHandles == 1)
        FltpAbortTransaction(object);
}

bool FltpStartTransactions(void)
{
    static const struct ob_type_info info = {.name = "TmTx",
                                             .close = CloseTransaction,
                                             .delete = DeleteTransaction,
                                             .wait = OB_NO_WAIT,
                                             .valid_access = TRANSACTION_ALL_ACCESS};
    transactionType = ObpCreateType(&info);
    InitializeListHead(&live);
    return true;
}

void FltpForgetEnlistment(struct flt_enlistment *Enlistment)
{
    KeSetEvent(&Enlistment->Done, IO_NO_INCREMENT, FALSE);
    FltpDereferenceEnlistment(Enlistment);
}

void FltpDereferenceEnlistment(struct flt_enlistment *Enlistment)
{
    if (__atomic_sub_fetch(&Enlistment->References, 1, __ATOMIC_ACQ_REL) != 0)
        return;
    __atomic_sub_fetch(&FltpContextOf(Enlistment->Context)->Enlisted, 1, __ATOMIC_RELAXED);
    FltpDropReference(FltpContextOf(Enlistment->Context), "released: no longer enlisted", NULL);
    FltpDereferencePointer(&Enlistment->Instance->Base);
    sim_free(Enlistment);
}

void FltpForgetEnlistments(PFLT_INSTANCE Instance)
{
    LIST_ENTRY gone;
    InitializeListHead(&gone);
    sched_lock(&liveLock);
    for (PLIST_ENTRY at = live.Flink; at != &live; at = at->Flink) {
        PKTRANSACTION transaction = CONTAINING_RECORD(at, KTRANSACTION, Live);
        sched_lock(&transaction->Lock);
        for (PLIST_ENTRY link = transaction->Enlistments.Flink; link != &transaction->Enlistments;) {
            struct flt_enlistment *enlistment = CONTAINING_RECORD(link, struct flt_enlistment, Link);
            link = link->Flink;
            if (enlistment->Instance != Instance)
                continue;
            RemoveEntryList(&enlistment->Link);
            InsertTailList(&gone, &enlistment->Link);
        }
        sched_unlock(&transaction->Lock);
    }
    sched_unlock(&liveLock);
    while (!IsListEmpty(&gone))
        FltpForgetEnlistment(CONTAINING_RECORD(RemoveHeadList(&gone), struct flt_enlistment, Link));
}

void FltpEndTransaction(PKTRANSACTION Transaction)
{
    for (;;) {
        sched_lock(&Transaction->Lock);
        struct flt_enlistment *enlistment = NULL;
        if (!IsListEmpty(&Transaction->Enlistments))
            enlistment = CONTAINING_RECORD(RemoveHeadList(&Transaction->Enlistments), struct flt_enlistment, Link);
        sched_unlock(&Transaction->Lock);
        if (!enlistment)
            break;
        FltpForgetEnlistment(enlistment);
    }
    PFLTP_CONTEXT_NODE node = FltpObjectNode(&Transaction->Contexts, Transaction, false);
    if (node)
        FltpUnlinkAll(node, NULL, "unlinked: the transaction ended");
}

static bool Move(PKTRANSACTION transaction, LONG from, LONG to)
{
    sched_lock(&transaction->Lock);
    bool moved = transaction->State == from;
    if (moved)
        transaction->State = to;
    sched_unlock(&transaction->Lock);
    return moved;
}

bool FltpAbortTransaction(PKTRANSACTION Transaction)
{
    bool idle = Move(Transaction, TRANSACTION_ACTIVE, TRANSACTION_ABORTED);
    if (!idle && !Move(Transaction, TRANSACTION_PREPARING, TRANSACTION_ABORTED))
        return false;
    FltpNotifyTransaction(Transaction, TRANSACTION_NOTIFY_ROLLBACK);
    if (idle)
        FltpEndTransaction(Transaction);
    return true;
}

static void Finalize(PKTRANSACTION transaction)
{
    FltpNotifyTransaction(transaction, TRANSACTION_NOTIFY_COMMIT_FINALIZE);
    FltpEndTransaction(transaction);
}

static VOID FinalizeLater(PVOID transaction)
{
    Finalize(transaction);
    ObpDereference(transaction);
}

/* The last notification comes when the transaction is committed for everybody, who commits and whoever opens its files
 * next included: filters must take it at any time after. */
static NTSTATUS Commit(PKTRANSACTION transaction)
{
    if (!Move(transaction, TRANSACTION_ACTIVE, TRANSACTION_PREPARING))
        return STATUS_TRANSACTION_NOT_ACTIVE;
    FltpNotifyTransaction(transaction, TRANSACTION_NOTIFY_PREPREPARE);
    FltpNotifyTransaction(transaction, TRANSACTION_NOTIFY_PREPARE);
    if (!Move(transaction, TRANSACTION_PREPARING, TRANSACTION_COMMITTING)) {
        FltpEndTransaction(transaction); /* an enlistment rolled it back */
        return STATUS_TRANSACTION_ABORTED;
    }
    FltpNotifyTransaction(transaction, TRANSACTION_NOTIFY_COMMIT);
    Move(transaction, TRANSACTION_COMMITTING, TRANSACTION_COMMITTED);
    if (sched_choose("finalize later", 2)) {
        ObpReference(transaction);
        ExInitializeWorkItem(&transaction->Finalize, FinalizeLater, transaction);
        ExQueueWorkItem(&transaction->Finalize, DelayedWorkQueue);
    } else {
        Finalize(transaction);
    }
    return STATUS_SUCCESS;
}

/* ---- services ----------------------------------------------------------------------------------------------------------- */

static void Describe(PKTRANSACTION transaction, ULONG level, ULONG flags, PLARGE_INTEGER timeout, PUNICODE_STRING description)
{
    transaction->IsolationLevel = level;
    transaction->IsolationFlags = flags;
    if (timeout)
        transaction->Timeout = *timeout;
    if (!description || !description->Length)
        return;
    transaction->Description = (UNICODE_STRING){description->Length, description->Length, sim_alloc(description->Length)};
    memcpy(transaction->Description.Buffer, description->Buffer, description->Length);
}

NTSTATUS ZwCreateTransaction(PHANDLE TransactionHandle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes,
                             LPGUID Uow, HANDLE TmHandle, ULONG CreateOptions, ULONG IsolationLevel,
                             ULONG IsolationFlags, PLARGE_INTEGER Timeout, PUNICODE_STRING Description)
{
    static volatile LONG serial;
    PKTRANSACTION transaction;
    API_IRQL(ZwCreateTransaction);
    NTSTATUS status = ObpCreateObject(transactionType, sizeof *transaction, (PVOID *)&transaction);
    if (!NT_SUCCESS(status))
        return status;
    InitializeListHead(&transaction->Enlistments);
    sched_lock(&liveLock);
    InsertTailList(&live, &transaction->Live);
    sched_unlock(&liveLock);
    if (Uow)
        transaction->Id = *Uow;
    else
        transaction->Id.Data1 = (ULONG)__atomic_add_fetch(&serial, 1, __ATOMIC_RELAXED);
    Describe(transaction, IsolationLevel, IsolationFlags, Timeout, Description);
    ULONG attributes = ObjectAttributes ? ObjectAttributes->Attributes : 0;
    status = ObpCreateHandle(transaction, DesiredAccess, attributes, VERIFY_CALLER, TransactionHandle);
    ObpDereference(transaction);
    return status;
}

static NTSTATUS Reference(HANDLE handle, PKTRANSACTION *transaction)
{
    return ObpReferenceHandle(handle, 0, transactionType, KernelMode, (PVOID *)transaction, NULL);
}

NTSTATUS ZwCommitTransaction(HANDLE TransactionHandle, BOOLEAN Wait)
{
    PKTRANSACTION transaction;
    API_IRQL(ZwCommitTransaction);
    NTSTATUS status = Reference(TransactionHandle, &transaction);
    if (!NT_SUCCESS(status))
        return status;
    status = Commit(transaction);
    ObpDereference(transaction);
    return status;
}

NTSTATUS ZwRollbackTransaction(HANDLE TransactionHandle, BOOLEAN Wait)
{
    PKTRANSACTION transaction;
    API_IRQL(ZwRollbackTransaction);
    NTSTATUS status = Reference(TransactionHandle, &transaction);
    if (!NT_SUCCESS(status))
        return status;
    status = FltpAbortTransaction(transaction) ? STATUS_SUCCESS : STATUS_TRANSACTION_NOT_ACTIVE;
    ObpDereference(transaction);
    return status;
}

VOID TmGetTransactionId(PKTRANSACTION Transaction, PUOW TransactionId)
{
    API_IRQL(TmGetTransactionId);
    *TransactionId = Transaction->Id;
}

BOOLEAN TmIsTransactionActive(PKTRANSACTION Transaction)
{
    API_IRQL(TmIsTransactionActive);
    return Transaction->State == TRANSACTION_ACTIVE;
}
