/* The creates that a thread is in the middle of, and those that set its work going. */
#ifndef FLTSIM_FLT_CREATE_CHAIN_H
#define FLTSIM_FLT_CREATE_CHAIN_H

#include "flt/core.h"

/* One create on this thread: a callback for the one outside issued it. Lives on the stack. */
struct create_frame {
    struct create_frame *Outer; /* struct _KTHREAD.flt */
    const struct create_trail *Trail; /* Outer NULL: of the create in which the thread's work was queued; or NULL */
    PIRP Irp;
    PFILE_OBJECT File;
    PIRP_CTRL Op;
    PFLT_INSTANCE Issuer; /* whose callback for the create outside issued this one; NULL: nobody's. Of a trail only its address */
    PFLT_INSTANCE Target;
    unsigned Depth;
    struct create_frame *Outermost;
    struct create_end *End; /* the outermost one's; made when work is queued */
    bool Endless; /* the outermost one's: recursion was found, and no more creates are taken within it */
};

/* False: there is no end to these creates, and this one is not to be taken. */
bool FltpBeginCreate(struct create_frame *Frame, PIRP Irp, PFLT_INSTANCE Target);
void FltpEndCreate(struct create_frame *Frame);

/* KiCaptureOrigin, KiDropOrigin: work that is queued in a create belongs to it, whoever runs it. */
void *FltpCaptureCreates(void);
void FltpDropCreates(void *Trail);

#endif
