/* Operations that a callback keeps: the callback's answer and the completion may come in either order, on any thread. */
#include "flt/core.h"

#include "ke/thread.h"
#include "verify/api.h"

/* Called by the thread whose callback answered that it pended. Until the exchange the operation is ours; after it, when
 * the completion has not come, it may be gone. */
bool FltpPendedNow(PIRP_CTRL Op, bool Wait)
{
    const struct ki_wait_hint hint = {.what = "an operation that a filter pended", .object = &Op->Data};
    KEVENT resume;

    if (!(Op->Kind & FLTFL_CALLBACK_DATA_IRP_OPERATION)) {
        verify_violate(VERIFY_BAD_CALLBACK_STATUS, "A callback pended %s, which is not based on an IRP.",
                       trace_major(Op->Iopb.MajorFunction));
        Op->PendResult = FLT_PREOP_SUCCESS_NO_CALLBACK;
        Op->PendContext = NULL;
        return true;
    }
    if (Wait) {
        KeInitializeEvent(&resume, NotificationEvent, FALSE);
        Op->Resume = &resume;
    } else {
        if (!Op->OwnThread && !(Op->Flags & FLTP_OP_GENERATED)) {
            IoMarkIrpPending(Op->Irp);
            Op->Flags |= FLTP_OP_PENDED;
        }
        if (Op->Descent)
            Op->Descent->Pended = true;
        Op->Descent = NULL;
    }
    if (__atomic_exchange_n(&Op->PendState, FLTP_PEND_RETURNED, __ATOMIC_ACQ_REL) != FLTP_PEND_COMPLETED) {
        if (!Wait)
            return false;
        KiWaitFor(&resume, NULL, &hint, __builtin_return_address(0));
    }
    Op->Resume = NULL;
    Op->PendState = FLTP_PEND_NONE;
    return true;
}

/* True: the completer's thread goes on with the operation. */
static bool Complete(PIRP_CTRL Op, const char *Routine)
{
    LONG before = __atomic_exchange_n(&Op->PendState, FLTP_PEND_COMPLETED, __ATOMIC_ACQ_REL);

    if (before == FLTP_PEND_COMPLETED)
        verify_violate(VERIFY_COMPLETED_TWICE, "%s was called twice for one operation.", Routine);
    if (before != FLTP_PEND_RETURNED)
        return false; /* the callback has not answered yet, and will see it */
    if (Op->Resume) {
        KeSetEvent(Op->Resume, IO_NO_INCREMENT, FALSE);
        return false;
    }
    __atomic_store_n(&Op->PendState, FLTP_PEND_NONE, __ATOMIC_RELAXED);
    return true;
}

VOID FltCompletePendedPreOperation(PFLT_CALLBACK_DATA CallbackData, FLT_PREOP_CALLBACK_STATUS CallbackStatus,
                                   PVOID Context)
{
    API_ENTER(FltCompletePendedPreOperation, CallbackData, SCHED_WRITE);
    PIRP_CTRL op = FltpOpFromData(CallbackData);

    if (CallbackStatus != FLT_PREOP_COMPLETE && CallbackStatus != FLT_PREOP_SUCCESS_NO_CALLBACK &&
        CallbackStatus != FLT_PREOP_SUCCESS_WITH_CALLBACK) {
        verify_violate(VERIFY_BAD_CALLBACK_STATUS, "FltCompletePendedPreOperation was given %d; only FLT_PREOP_COMPLETE, "
                       "FLT_PREOP_SUCCESS_NO_CALLBACK and FLT_PREOP_SUCCESS_WITH_CALLBACK are allowed.", CallbackStatus);
        CallbackStatus = FLT_PREOP_SUCCESS_NO_CALLBACK;
        Context = NULL;
    }
    op->PendResult = CallbackStatus;
    op->PendContext = Context;
    if (Complete(op, "FltCompletePendedPreOperation"))
        FltpResume(op);
}

VOID FltCompletePendedPostOperation(PFLT_CALLBACK_DATA CallbackData)
{
    API_ENTER(FltCompletePendedPostOperation, CallbackData, SCHED_WRITE);
    PIRP_CTRL op = FltpOpFromData(CallbackData);

    if (Complete(op, "FltCompletePendedPostOperation"))
        FltpResumeAscent(op);
}
