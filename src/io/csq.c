/* Cancel-safe IRP queues. */
#include "iop.h"

static NTSTATUS InitializeCsq(PIO_CSQ csq, ULONG type, PIO_CSQ_INSERT_IRP insert, PIO_CSQ_REMOVE_IRP remove,
                              PIO_CSQ_PEEK_NEXT_IRP peek, PIO_CSQ_ACQUIRE_LOCK acquire, PIO_CSQ_RELEASE_LOCK release,
                              PIO_CSQ_COMPLETE_CANCELED_IRP complete)
{
    *csq = (IO_CSQ){
        .Type = type,
        .CsqInsertIrp = insert,
        .CsqRemoveIrp = remove,
        .CsqPeekNextIrp = peek,
        .CsqAcquireLock = acquire,
        .CsqReleaseLock = release,
        .CsqCompleteCanceledIrp = complete,
    };
    return STATUS_SUCCESS;
}

NTSTATUS IoCsqInitialize(PIO_CSQ Csq, PIO_CSQ_INSERT_IRP CsqInsertIrp, PIO_CSQ_REMOVE_IRP CsqRemoveIrp,
                         PIO_CSQ_PEEK_NEXT_IRP CsqPeekNextIrp, PIO_CSQ_ACQUIRE_LOCK CsqAcquireLock,
                         PIO_CSQ_RELEASE_LOCK CsqReleaseLock, PIO_CSQ_COMPLETE_CANCELED_IRP CsqCompleteCanceledIrp)
{
    return InitializeCsq(Csq, IO_TYPE_CSQ, CsqInsertIrp, CsqRemoveIrp, CsqPeekNextIrp, CsqAcquireLock, CsqReleaseLock,
                         CsqCompleteCanceledIrp);
}

NTSTATUS IoCsqInitializeEx(PIO_CSQ Csq, PIO_CSQ_INSERT_IRP_EX CsqInsertIrp, PIO_CSQ_REMOVE_IRP CsqRemoveIrp,
                           PIO_CSQ_PEEK_NEXT_IRP CsqPeekNextIrp, PIO_CSQ_ACQUIRE_LOCK CsqAcquireLock,
                           PIO_CSQ_RELEASE_LOCK CsqReleaseLock, PIO_CSQ_COMPLETE_CANCELED_IRP CsqCompleteCanceledIrp)
{
    return InitializeCsq(Csq, IO_TYPE_CSQ_EX, (PIO_CSQ_INSERT_IRP)(void *)CsqInsertIrp, CsqRemoveIrp, CsqPeekNextIrp,
                         CsqAcquireLock, CsqReleaseLock, CsqCompleteCanceledIrp);
}

/* DriverContext[3] of a queued IRP leads back: to the queue, or to the caller's context, which leads to the queue.
 * Both begin with a Type that says which. */
static VOID CancelQueued(PDEVICE_OBJECT device, PIRP irp)
{
    IoReleaseCancelSpinLock(irp->CancelIrql);
    PIO_CSQ_IRP_CONTEXT context = irp->Tail.Overlay.DriverContext[3];
    PIO_CSQ csq = irp->Tail.Overlay.DriverContext[3];
    bool with_context = context->Type == IO_TYPE_CSQ_IRP_CONTEXT;
    if (with_context)
        csq = context->Csq;

    KIRQL irql;
    csq->ReservePointer = NULL;
    csq->CsqAcquireLock(csq, &irql);
    csq->CsqRemoveIrp(csq, irp);
    if (with_context && context->Irp == irp)
        context->Irp = NULL;
    irp->Tail.Overlay.DriverContext[3] = NULL;
    csq->CsqReleaseLock(csq, irql);
    csq->CsqCompleteCanceledIrp(csq, irp);
}

static NTSTATUS Insert(PIO_CSQ csq, PIRP irp, PVOID insert_context)
{
    if (csq->Type == IO_TYPE_CSQ_EX)
        return ((PIO_CSQ_INSERT_IRP_EX)(void *)csq->CsqInsertIrp)(csq, irp, insert_context);
    csq->CsqInsertIrp(csq, irp);
    return STATUS_SUCCESS;
}

static void Attach(PIO_CSQ csq, PIRP irp, PIO_CSQ_IRP_CONTEXT context)
{
    irp->Tail.Overlay.DriverContext[3] = context ? (PVOID)context : (PVOID)csq;
    if (context) {
        context->Type = IO_TYPE_CSQ_IRP_CONTEXT;
        context->Irp = irp;
        context->Csq = csq;
    }
}

static void Detach(PIRP irp, PIO_CSQ_IRP_CONTEXT context)
{
    if (context && context->Type == IO_TYPE_CSQ_IRP_CONTEXT)
        context->Irp = NULL;
    irp->Tail.Overlay.DriverContext[3] = NULL;
}

NTSTATUS IoCsqInsertIrpEx(PIO_CSQ Csq, PIRP Irp, PIO_CSQ_IRP_CONTEXT Context, PVOID InsertContext)
{
    sched_point("IoCsqInsertIrpEx", Csq, SCHED_WRITE);
    KIRQL irql;
    Attach(Csq, Irp, Context);
    Csq->CsqAcquireLock(Csq, &irql);
    Csq->ReservePointer = NULL;
    NTSTATUS status = Insert(Csq, Irp, InsertContext);
    if (!NT_SUCCESS(status)) {
        Detach(Irp, Context);
        Csq->CsqReleaseLock(Csq, irql);
        return status;
    }
    IoMarkIrpPending(Irp);
    IoSetCancelRoutine(Irp, CancelQueued);
    /* Cancelled before the routine was there, and nobody took the routine since: it is ours to complete. */
    if (__atomic_load_n(&Irp->Cancel, __ATOMIC_SEQ_CST) && IoSetCancelRoutine(Irp, NULL)) {
        Csq->CsqRemoveIrp(Csq, Irp);
        Detach(Irp, Context);
        Csq->CsqReleaseLock(Csq, irql);
        Csq->CsqCompleteCanceledIrp(Csq, Irp);
        return status;
    }
    Csq->CsqReleaseLock(Csq, irql);
    return status;
}

VOID IoCsqInsertIrp(PIO_CSQ Csq, PIRP Irp, PIO_CSQ_IRP_CONTEXT Context)
{
    IoCsqInsertIrpEx(Csq, Irp, Context, NULL);
}

PIRP IoCsqRemoveNextIrp(PIO_CSQ Csq, PVOID PeekContext)
{
    sched_point("IoCsqRemoveNextIrp", Csq, SCHED_WRITE);
    KIRQL irql;
    Csq->CsqAcquireLock(Csq, &irql);
    Csq->ReservePointer = NULL;
    PIRP irp = Csq->CsqPeekNextIrp(Csq, NULL, PeekContext);
    /* One whose cancel routine is gone is being cancelled: that thread waits for our lock to remove it. */
    while (irp && !IoSetCancelRoutine(irp, NULL))
        irp = Csq->CsqPeekNextIrp(Csq, irp, PeekContext);
    if (irp) {
        PIO_CSQ_IRP_CONTEXT context = irp->Tail.Overlay.DriverContext[3];
        Csq->CsqRemoveIrp(Csq, irp);
        Detach(irp, context);
    }
    Csq->CsqReleaseLock(Csq, irql);
    return irp;
}

PIRP IoCsqRemoveIrp(PIO_CSQ Csq, PIO_CSQ_IRP_CONTEXT Context)
{
    sched_point("IoCsqRemoveIrp", Csq, SCHED_WRITE);
    KIRQL irql;
    Csq->CsqAcquireLock(Csq, &irql);
    Csq->ReservePointer = NULL;
    PIRP irp = Context->Irp;
    if (irp && IoSetCancelRoutine(irp, NULL)) {
        Csq->CsqRemoveIrp(Csq, irp);
        Detach(irp, Context);
    } else {
        irp = NULL;
    }
    Csq->CsqReleaseLock(Csq, irql);
    return irp;
}
