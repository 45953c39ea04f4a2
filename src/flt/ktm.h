/* Kernel transactions, as small as filters can bear: an outcome, enlistments in order, and the notifications of a
 * commit or a rollback. */
#ifndef FLTSIM_FLT_KTM_H
#define FLTSIM_FLT_KTM_H

#include "context.h"

enum flt_transaction_state {
    TRANSACTION_ACTIVE,
    TRANSACTION_PREPARING,
    TRANSACTION_COMMITTING,
    TRANSACTION_COMMITTED,
    TRANSACTION_ABORTED,
};

struct _KTRANSACTION {
    GUID Id;
    struct sched_lock Lock; /* leaf: State, Enlistments */
    LONG State;
    ULONG IsolationLevel, IsolationFlags;
    LARGE_INTEGER Timeout;
    UNICODE_STRING Description; /* sim_alloc */
    ULONG Enlisted;             /* ever: what the next one is numbered */
    LIST_ENTRY Enlistments; /* flt_enlistment.Link, in the order they were made */
    LIST_ENTRY Live;        /* every transaction there is */
    WORK_QUEUE_ITEM Finalize; /* the last notification of a commit */
    struct _FLTP_CONTEXT_LIST *Contexts;
};

struct flt_enlistment {
    LIST_ENTRY Link;
    ULONG Number;
    PFLT_INSTANCE Instance; /* its pointer is referenced */
    PFLT_CONTEXT Context;   /* referenced */
    NOTIFICATION_MASK Mask;
    NOTIFICATION_MASK Told; /* under the transaction's lock */
    volatile LONG References; /* the list's, and who notifies or answers */
    KEVENT Done;            /* the notification under way was answered */
};

bool FltpStartTransactions(void);
/* Tells every enlistment that asked for it, one after the other, and waits for each. */
void FltpNotifyTransaction(PKTRANSACTION Transaction, ULONG Notification);
/* To ABORTED, with the notifications; a commit under way notices and ends the transaction. False: too late. */
bool FltpAbortTransaction(PKTRANSACTION Transaction);
/* After the outcome, or when the transaction goes: enlistments and contexts. */
void FltpEndTransaction(PKTRANSACTION Transaction);
/* One that is in no list any more: nobody waits for its answer. */
void FltpForgetEnlistment(struct flt_enlistment *Enlistment);
void FltpDereferenceEnlistment(struct flt_enlistment *Enlistment);
/* An instance goes: it hears of no transaction any more. */
void FltpForgetEnlistments(PFLT_INSTANCE Instance);

#endif
