/* With special pool a freed context's pages are gone at once, and its header with them: what is remembered of the last
 * ones, so that a use of one is told by its history. */
#include "flt/context.h"

#include "ke/thread.h"

enum { REMEMBERED = 256 };

static struct {
    struct sched_lock Lock;
    struct {
        PFLT_CONTEXT Pointer; /* NULL: free */
        FLTP_CONTEXT Header;
    } Ring[REMEMBERED];
    unsigned Next;
} Dead;

static void Forget(unsigned Index)
{
    verify_ledger_free(&Dead.Ring[Index].Header.Ledger);
    Dead.Ring[Index].Pointer = NULL;
}

void FltpRememberDeadContext(PFLTP_CONTEXT Context)
{
    sched_lock(&Dead.Lock);
    unsigned index = Dead.Next++ % REMEMBERED;
    if (Dead.Ring[index].Pointer)
        Forget(index);
    Dead.Ring[index].Pointer = FltpDriverPart(Context);
    Dead.Ring[index].Header = *Context;
    sched_unlock(&Dead.Lock);
    Context->Ledger = (struct verify_ledger){0};
}

void FltpForgetDeadContexts(PFLT_CONTEXT Pointer, PFLT_FILTER Filter)
{
    sched_lock(&Dead.Lock);
    for (unsigned i = 0; i < REMEMBERED; i++)
        if (Dead.Ring[i].Pointer && (Dead.Ring[i].Pointer == Pointer || Dead.Ring[i].Header.Filter == Filter))
            Forget(i);
    sched_unlock(&Dead.Lock);
}

const FLTP_CONTEXT *FltpFindDeadContext(PFLT_CONTEXT Pointer)
{
    const FLTP_CONTEXT *found = NULL;

    sched_lock(&Dead.Lock);
    for (unsigned i = 0; i < REMEMBERED && !found; i++)
        if (Dead.Ring[i].Pointer == Pointer)
            found = &Dead.Ring[i].Header;
    sched_unlock(&Dead.Lock);
    return found;
}

/* ---- a fault in one ---- */

static void (*ExplainOthers)(const void *address, bool write, const void *pc);

static const FLTP_CONTEXT *FindByAddress(const char *Address, PFLT_CONTEXT *Pointer)
{
    const FLTP_CONTEXT *found = NULL;

    sched_lock(&Dead.Lock);
    for (unsigned i = 0; i < REMEMBERED && !found; i++) {
        const char *start = Dead.Ring[i].Pointer;
        if (start && Address >= start && Address < start + Dead.Ring[i].Header.Size) {
            found = &Dead.Ring[i].Header;
            *Pointer = Dead.Ring[i].Pointer;
        }
    }
    sched_unlock(&Dead.Lock);
    return found;
}

static void ExplainFault(const void *address, bool write, const void *pc)
{
    PFLT_CONTEXT pointer = NULL;
    const FLTP_CONTEXT *context = machine && machine->options.special_pool ? FindByAddress(address, &pointer) : NULL;

    if (context) {
        struct verify_violation *v =
            verify_begin_fatal(VERIFY_CONTEXT_USE_AFTER_FREE, "A %s at offset %zu of the %s context %p, which was freed.",
                               write ? "write" : "read", (size_t)((const char *)address - (const char *)pointer),
                               FltpContextTypeName(context->Type), pointer);
        verify_ledger_print(v, &context->Ledger);
        verify_routine(v, write ? "and now written by" : "and now read by", pc);
        verify_end_bugcheck(v, 0xCC, (uintptr_t)address, write, (uintptr_t)pc, 0);
    }
    if (ExplainOthers)
        ExplainOthers(address, write, pc);
}

void FltpExplainContextFaults(void)
{
    if (KiExplainFault == ExplainFault)
        return;
    ExplainOthers = KiExplainFault;
    KiExplainFault = ExplainFault;
}
