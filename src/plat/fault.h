/* Hardware faults (bad access, division, illegal instruction) turned into calls of a routine of ours, on the stack of
 * the code that faulted, as if that code had called it. */
#ifndef FLTSIM_PLAT_FAULT_H
#define FLTSIM_PLAT_FAULT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum plat_fault_kind {
    PLAT_FAULT_NONE,     /* interrupted between two instructions */
    PLAT_FAULT_ACCESS,
    PLAT_FAULT_DIVIDE,   /* integer division by zero or overflow */
    PLAT_FAULT_FLOAT,
    PLAT_FAULT_ILLEGAL,  /* illegal instruction */
    PLAT_FAULT_BREAK,    /* breakpoint instruction */
    PLAT_FAULT_STACK,    /* the stack ran into its guard page; the routine runs on a reserve stack */
};

struct plat_fault {
    enum plat_fault_kind kind;
    void *address; /* what was accessed */
    bool write;
    void *pc;      /* the instruction */
    void *sp, *fp;
    void *lr;      /* where the processor keeps the return address in a register, else NULL */
};

/* mine: asked in the signal handler (async-signal-safe; looks at thread state only) whether this fault belongs to
 * simulated code; else whoever handled the signal before gets it. raise: called with the fault, never returns
 * (except through plat_fault_resume). Installing twice replaces the routines. */
void plat_fault_install(bool (*mine)(const struct plat_fault *fault),
                        void (*raise)(const struct plat_fault *fault));
void plat_fault_remove(void);
/* Gives the calling OS thread its alternate signal stack; once a thread. */
void plat_fault_thread(void);
/* From `raise`, on the stack it was called on: goes back and executes the faulting instruction again with all
 * registers as they were. Not for PLAT_FAULT_STACK. */
_Noreturn void plat_fault_resume(const struct plat_fault *fault);
/* In a handler of another signal, with the `context` that it was given: if `wanted` (in the handler, too) says so, the
 * interrupted code calls `routine` once the handler has returned, and goes on by plat_fault_resume. */
void plat_fault_interrupt(void *context, bool (*wanted)(const struct plat_fault *place),
                          void (*routine)(const struct plat_fault *place));

/* Return addresses of the calling routine's callers, nearest first. */
size_t plat_backtrace(void **frames, size_t count);
/* The same by frame pointers from the state that a fault recorded; the first one is its pc. */
size_t plat_backtrace_from(const struct plat_fault *fault, void **frames, size_t count);
/* What called the routine that faulted if that one keeps no frame (compilers give small leaves none, and the walk by
 * frame pointers misses their caller); else NULL or, rarely, some other return address. */
void *plat_fault_leaf_caller(const struct plat_fault *fault);

#endif
