/* Coroutine contexts and their stacks, annotated for the address and thread sanitizers. */
#ifndef FLTSIM_PLAT_CONTEXT_H
#define FLTSIM_PLAT_CONTEXT_H

#include <stdbool.h>
#include <stddef.h>

struct plat_stack {
    void *base; /* lowest usable address; a guard page lies below */
    size_t size;
};

/* Stacks of one size are kept in a pool that outlives machines. get rounds the size up to pages; false: no memory. */
bool plat_stack_get(struct plat_stack *stack, size_t size);
void plat_stack_put(struct plat_stack *stack);

struct plat_context {
    void *sp; /* where the registers were saved; own to the switch */
    void (*entry)(void *argument);
    void *argument;
    struct plat_stack stack; /* of the sanitizers; the OS thread's own context learns it at the first switch */
    void *fake_stack;
    void *fiber;
    void *fallback;
};

/* The OS thread's own context, which the first switch leaves. */
void plat_context_adopt(struct plat_context *context);
/* entry never returns: it ends by plat_context_leave. */
void plat_context_make(struct plat_context *context, const struct plat_stack *stack,
                       void (*entry)(void *), void *argument);
void plat_context_switch(struct plat_context *from, struct plat_context *to);
/* The last switch of a context, which is gone after it. */
_Noreturn void plat_context_leave(struct plat_context *from, struct plat_context *to);
/* Forgets a context that is not running (its stack stays the caller's). */
void plat_context_destroy(struct plat_context *context);

#endif
