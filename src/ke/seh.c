/* Structured exceptions: what the __try macros of wdk/nt/seh.h call. Frames belong to the current KTHREAD and live in
 * the runtime's memory, so that a frame outlives the driver function's own stack frame while it is needed.
 *
 * Raising searches innermost first: a filter runs in its own function (the longjmp lands before it), and a finally
 * block on the way runs before the filters outside of it. */
#include "ke/kep.h"

#include "verify/verify.h"

#include <setjmp.h>
#include <string.h>

enum { FRAMES_PER_BLOCK = 24, RUNNING_FINALLY = 2, MAX_DEPTH = 4096 };

/* A frame, and what drivers' code does not know of it. */
struct ki_seh_place {
    struct fltsim_seh_frame frame;
    struct verify_call_down *call; /* what the thread calls, as the body begins */
};

struct ki_seh_block {
    struct ki_seh_block *next;
    struct ki_seh_place places[FRAMES_PER_BLOCK];
};

static struct ki_seh_place *PlaceOf(struct fltsim_seh_frame *frame) { return CONTAINING_RECORD(frame, struct ki_seh_place, frame); }

static struct ki_seh *Current(void) { return &KiCurrentThread()->seh; }

static _Noreturn void Broken(const char *what)
{
    verify_bugcheck(VERIFY_UNHANDLED_EXCEPTION, 0x1E, 0, 0, 0, 0, "Exception handling went wrong: %s.", what);
}

static void Grow(struct ki_seh *seh)
{
    if (seh->depth >= MAX_DEPTH)
        Broken("__try blocks are nested too deeply");
    struct ki_seh_block *block = sim_alloc(sizeof *block);
    block->next = seh->blocks;
    seh->blocks = block;
    for (int i = 0; i < FRAMES_PER_BLOCK; i++) {
        block->places[i].frame.next = seh->free;
        seh->free = &block->places[i].frame;
    }
}

void KiDeleteThread(PKTHREAD thread)
{
    struct ki_seh *seh = &thread->seh;
    while (seh->blocks) {
        struct ki_seh_block *block = seh->blocks;
        seh->blocks = block->next;
        sim_free(block);
    }
    seh->free = seh->top = seh->pending = NULL;
    KiForgetThread(thread);
}

static void Give(struct ki_seh *seh, struct fltsim_seh_frame *frame)
{
    frame->next = seh->free;
    seh->free = frame;
    seh->depth--;
}

/* Takes the frame out of the list, and what was pushed after it and never popped (left by a longjmp). */
static void Unlink(struct ki_seh *seh, struct fltsim_seh_frame *frame)
{
    while (seh->top != frame) {
        struct fltsim_seh_frame *skipped = seh->top;
        if (!skipped)
            Broken("a __try block was left that is not active");
        seh->top = skipped->next;
        Give(seh, skipped);
    }
    seh->top = frame->next;
}

fltsim_seh_frame *fltsim_seh_push(int kind)
{
    PKTHREAD thread = KiCurrentThread();
    struct ki_seh *seh = &thread->seh;
    if (!seh->free)
        Grow(seh);
    /* A test that calls driver code directly. */
    if (!seh->top && !thread->system && thread->previous_mode == KernelMode)
        KiWatchFaults();
    struct fltsim_seh_frame *frame = seh->free;
    seh->free = frame->next;
    frame->next = seh->top;
    frame->kind = kind;
    frame->reason = FLTSIM_SEH_NORMAL;
    PlaceOf(frame)->call = thread->held.call;
    seh->top = frame;
    seh->depth++;
    return frame;
}

fltsim_seh_frame *fltsim_seh_top(void) { return Current()->top; }

int fltsim_seh_depth(void) { return Current()->depth; }

void fltsim_seh_pop(fltsim_seh_frame *frame)
{
    struct ki_seh *seh = Current();
    Unlink(seh, frame);
    if (frame->kind == FLTSIM_SEH_EXCEPT) {
        Give(seh, frame);
        return;
    }
    frame->reason = FLTSIM_SEH_NORMAL;
    seh->pending = frame;
}

/* ---- raising ----------------------------------------------------------------------------------------------------------- */

static _Noreturn void Dispatch(void)
{
    struct ki_seh *seh = Current();
    while (seh->top && seh->top->kind == RUNNING_FINALLY) {
        struct fltsim_seh_frame *abandoned = seh->top;
        seh->top = abandoned->next;
        Give(seh, abandoned);
    }
    struct fltsim_seh_frame *frame = seh->top;
    if (!frame)
        KiUnhandledException(KiCurrentThread());
    seh->top = frame->next;
    KiCurrentThread()->held.call = PlaceOf(frame)->call; /* calls that the exception leaves are over */
    frame->reason = FLTSIM_SEH_EXCEPTION;
    if (frame->kind == FLTSIM_SEH_EXCEPT) {
        /* The frame stays as it is until the next push, and _longjmp reads it before that. */
        Give(seh, frame);
    } else {
        seh->pending = frame;
    }
    _longjmp(frame->jb, 1);
}

bool KiHasHandler(void)
{
    for (const struct fltsim_seh_frame *frame = Current()->top; frame; frame = frame->next)
        if (frame->kind == FLTSIM_SEH_EXCEPT)
            return true;
    return false;
}

struct fltsim_seh_frame *KiHideHandlers(void)
{
    struct ki_seh *seh = Current();
    struct fltsim_seh_frame *hidden = seh->top;
    seh->top = NULL;
    return hidden;
}

void KiShowHandlers(struct fltsim_seh_frame *Hidden) { Current()->top = Hidden; }

int fltsim_seh_accept(int filter_result)
{
    if (filter_result > 0)
        return 1;
    if (filter_result < 0)
        Broken("a filter answered EXCEPTION_CONTINUE_EXECUTION, which is not supported");
    Dispatch();
}

void KiRaise(NTSTATUS code, ULONG count, const ULONG_PTR *information, void *address)
{
    struct ki_seh *seh = Current();
    memset(&seh->record, 0, sizeof seh->record);
    seh->record.ExceptionCode = code;
    seh->record.ExceptionAddress = address;
    seh->record.NumberParameters = count < EXCEPTION_MAXIMUM_PARAMETERS ? count : EXCEPTION_MAXIMUM_PARAMETERS;
    for (ULONG i = 0; i < seh->record.NumberParameters; i++)
        seh->record.ExceptionInformation[i] = information[i];
    Dispatch();
}

/* Raised by code: remembers its call stack when nobody may catch it. */
_Noreturn static void RaiseHere(NTSTATUS code, ULONG count, const ULONG_PTR *information, void *address)
{
    struct ki_seh *seh = Current();
    seh->fault = false;
    KiRememberStack(seh, address);
    KiRaise(code, count, information, address);
}

void fltsim_seh_raise(unsigned int code, unsigned int count, const ULONG_PTR *information)
{
    RaiseHere((NTSTATUS)code, count, information, __builtin_return_address(0));
}

PEXCEPTION_POINTERS fltsim_seh_info(void)
{
    struct ki_seh *seh = Current();
    static CONTEXT nothing;
    seh->pointers.ExceptionRecord = &seh->record;
    seh->pointers.ContextRecord = &nothing;
    return &seh->pointers;
}

NTSTATUS fltsim_seh_code(void) { return Current()->record.ExceptionCode; }

VOID ExRaiseStatus(NTSTATUS Status) { RaiseHere(Status, 0, NULL, __builtin_return_address(0)); }

VOID ExRaiseAccessViolation(VOID)
{
    RaiseHere(STATUS_ACCESS_VIOLATION, 0, NULL, __builtin_return_address(0));
}

VOID ExRaiseDatatypeMisalignment(VOID)
{
    RaiseHere(STATUS_DATATYPE_MISALIGNMENT, 0, NULL, __builtin_return_address(0));
}

VOID RtlRaiseException(PEXCEPTION_RECORD ExceptionRecord)
{
    RaiseHere(ExceptionRecord->ExceptionCode, ExceptionRecord->NumberParameters, ExceptionRecord->ExceptionInformation,
              __builtin_return_address(0));
}

/* ---- finally blocks ------------------------------------------------------------------------------------------------------ */

fltsim_seh_fin fltsim_seh_fin_begin(void)
{
    struct ki_seh *seh = Current();
    fltsim_seh_fin fin = {seh->pending, 0};
    fin.f->kind = RUNNING_FINALLY;
    fin.f->next = seh->top;
    seh->top = fin.f;
    return fin;
}

_Noreturn void fltsim_seh_resume(void **registers);

void fltsim_seh_fin_end(fltsim_seh_fin *fin)
{
    struct ki_seh *seh = Current();
    struct fltsim_seh_frame *frame = fin->f;
    void *registers[FLTSIM_SEH_RESUME_WORDS];
    int reason = frame->reason;

    fin->done = 1;
    memcpy(registers, frame->resume, sizeof registers);
    Unlink(seh, frame);
    Give(seh, frame);
    if (reason == FLTSIM_SEH_EXCEPTION)
        Dispatch();
    if (reason == FLTSIM_SEH_LOCAL_UNWIND)
        fltsim_seh_resume(registers);
}

/* A return or goto out of a finally block: the unwinding that ran it is abandoned, as MSVC does. */
void fltsim_seh_fin_drop(fltsim_seh_fin *fin)
{
    struct ki_seh *seh = Current();
    if (fin->done)
        return;
    Unlink(seh, fin->f);
    Give(seh, fin->f);
}

/* ---- bodies that are left by return, goto, break or continue ----------------------------------------------------------- */

/* *frame is NULL when the body ended normally or by an exception. Answers a frame whose finally block is to run now. */
__attribute__((used, visibility("hidden"))) fltsim_seh_frame *KiSehGuard(fltsim_seh_frame **frame)
{
    struct ki_seh *seh;
    struct fltsim_seh_frame *left = *frame;

    if (!left)
        return NULL;
    seh = Current();
    Unlink(seh, left);
    if (left->kind != FLTSIM_SEH_FINALLY) {
        Give(seh, left);
        return NULL;
    }
    left->reason = FLTSIM_SEH_LOCAL_UNWIND;
    seh->pending = left;
    return left;
}

__attribute__((used, visibility("hidden"))) void KiSehJump(fltsim_seh_frame *frame) { _longjmp(frame->jb, 1); }
