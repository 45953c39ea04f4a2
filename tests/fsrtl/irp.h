/* IRPs as a file system receives them, with somebody above who sees them complete. */
#ifndef FLTSIM_TEST_FSRTL_IRP_H
#define FLTSIM_TEST_FSRTL_IRP_H

#include "unit.h"

struct request {
    PIRP irp;
    PIO_STACK_LOCATION stack;
    volatile LONG done;
    NTSTATUS status;
    ULONG_PTR information;
    UCHAR buffer[256];
};

static NTSTATUS request_done(PDEVICE_OBJECT device, PIRP irp, PVOID context)
{
    struct request *r = context;
    r->status = irp->IoStatus.Status;
    r->information = irp->IoStatus.Information;
    __atomic_store_n(&r->done, 1, __ATOMIC_RELEASE);
    return STATUS_MORE_PROCESSING_REQUIRED;
}

static inline void begin_request(struct request *r, UCHAR major, UCHAR minor, PFILE_OBJECT file)
{
    memset(r, 0, sizeof *r);
    r->irp = IoAllocateIrp(2, FALSE);
    IoSetNextIrpStackLocation(r->irp);
    IoSetCompletionRoutine(r->irp, request_done, r, TRUE, TRUE, TRUE);
    IoSetNextIrpStackLocation(r->irp);
    r->stack = IoGetCurrentIrpStackLocation(r->irp);
    r->stack->MajorFunction = major;
    r->stack->MinorFunction = minor;
    r->stack->FileObject = file;
    r->irp->Tail.Overlay.Thread = PsGetCurrentThread();
    r->irp->AssociatedIrp.SystemBuffer = r->buffer;
}

static inline void end_request(struct request *r)
{
    IoFreeIrp(r->irp);
}

#endif
