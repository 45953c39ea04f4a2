#define _GNU_SOURCE
#include "plat/context.h"

#include "plat/pages.h"
#include "plat/sanitizer.h"
#include "plat/thread.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* The context that the running one was switched to from; on arrival it learns its stack from the sanitizer. */
static _Thread_local struct plat_context *previous;
static _Thread_local struct plat_context *starting;

static void arrive(struct plat_context *self)
{
#ifdef PLAT_ASAN
    const void *bottom;
    size_t size;
    __sanitizer_finish_switch_fiber(self->fake_stack, &bottom, &size);
    if (previous && !previous->stack.base)
        previous->stack = (struct plat_stack){(void *)bottom, size};
#endif
}

static void depart(struct plat_context *from, struct plat_context *to, bool for_ever)
{
    previous = from;
#ifdef PLAT_ASAN
    __sanitizer_start_switch_fiber(for_ever ? NULL : &from->fake_stack, to->stack.base, to->stack.size);
#endif
#ifdef PLAT_TSAN
    __tsan_switch_to_fiber(to->fiber, 0);
#endif
}

__attribute__((used, visibility("hidden"))) void plat_context_begin(void)
{
    struct plat_context *self = starting;
    arrive(self);
    self->entry(self->argument);
    abort();
}

#if defined(__APPLE__)
#define SYMBOL(name) "_" #name
#define FUNCTION(name) ".private_extern _" #name "\n.globl _" #name "\n.p2align 4\n_" #name ":\n"
#else
#define SYMBOL(name) #name
#define FUNCTION(name)                                                                             \
    ".hidden " #name "\n.globl " #name "\n.type " #name ",%function\n.p2align 4\n" #name ":\n"
#endif

#if defined(FLTSIM_UCONTEXT) /* to try the fallback on processors that do not need it */
#elif defined(__x86_64__)
void plat_context_swap(void **from, void *to);
void plat_context_start(void);
__asm__(".text\n" FUNCTION(plat_context_swap)
        " pushq %rbp\n pushq %rbx\n pushq %r12\n pushq %r13\n pushq %r14\n pushq %r15\n"
        " movq %rsp,(%rdi)\n movq %rsi,%rsp\n"
        " popq %r15\n popq %r14\n popq %r13\n popq %r12\n popq %rbx\n popq %rbp\n"
        " popq %rax\n jmp *%rax\n"
        FUNCTION(plat_context_start)
        " .cfi_startproc\n .cfi_undefined rip\n xorl %ebp,%ebp\n call " SYMBOL(plat_context_begin)
        "\n ud2\n .cfi_endproc\n");
enum { SAVED_WORDS = 6 };
#define OWN_SWITCH 1
#elif defined(__aarch64__)
void plat_context_swap(void **from, void *to);
void plat_context_start(void);
__asm__(".text\n" FUNCTION(plat_context_swap)
        " sub sp,sp,#160\n"
        " stp x19,x20,[sp]\n stp x21,x22,[sp,#16]\n stp x23,x24,[sp,#32]\n stp x25,x26,[sp,#48]\n"
        " stp x27,x28,[sp,#64]\n stp x29,x30,[sp,#80]\n stp d8,d9,[sp,#96]\n stp d10,d11,[sp,#112]\n"
        " stp d12,d13,[sp,#128]\n stp d14,d15,[sp,#144]\n"
        " mov x2,sp\n str x2,[x0]\n mov sp,x1\n"
        " ldp x19,x20,[sp]\n ldp x21,x22,[sp,#16]\n ldp x23,x24,[sp,#32]\n ldp x25,x26,[sp,#48]\n"
        " ldp x27,x28,[sp,#64]\n ldp x29,x30,[sp,#80]\n ldp d8,d9,[sp,#96]\n ldp d10,d11,[sp,#112]\n"
        " ldp d12,d13,[sp,#128]\n ldp d14,d15,[sp,#144]\n add sp,sp,#160\n ret\n"
        FUNCTION(plat_context_start)
        " .cfi_startproc\n .cfi_undefined x30\n mov x29,xzr\n bl " SYMBOL(plat_context_begin)
        "\n brk #1\n .cfi_endproc\n");
enum { SAVED_WORDS = 20 };
#define OWN_SWITCH 1
#endif
#ifndef OWN_SWITCH
#include <setjmp.h>
#include <ucontext.h>
#endif

#ifdef OWN_SWITCH

static void prepare(struct plat_context *context, const struct plat_stack *stack)
{
    uintptr_t top = ((uintptr_t)stack->base + stack->size) & ~(uintptr_t)15;
    void **sp = (void **)top;
#if defined(__x86_64__)
    *--sp = (void *)plat_context_start; /* the stack is aligned when it calls */
    sp -= SAVED_WORDS;
    memset(sp, 0, SAVED_WORDS * sizeof *sp);
#else
    sp -= SAVED_WORDS;
    memset(sp, 0, SAVED_WORDS * sizeof *sp);
    sp[11] = (void *)plat_context_start;
#endif
    context->sp = sp;
}

static void swap(struct plat_context *from, struct plat_context *to)
{
    plat_context_swap(&from->sp, to->sp);
}

#else /* any other processor: ucontext to enter, _setjmp to switch */

struct fallback {
    jmp_buf jump;
    ucontext_t start;
    bool started;
};

static struct fallback *fallback_of(struct plat_context *context)
{
    if (!context->fallback && !(context->fallback = calloc(1, sizeof(struct fallback))))
        abort();
    return context->fallback;
}

static void prepare(struct plat_context *context, const struct plat_stack *stack)
{
    struct fallback *fallback = fallback_of(context);
    fallback->started = false;
    getcontext(&fallback->start);
    fallback->start.uc_stack.ss_sp = stack->base;
    fallback->start.uc_stack.ss_size = stack->size;
    fallback->start.uc_link = NULL;
    makecontext(&fallback->start, plat_context_begin, 0);
}

static void swap(struct plat_context *from, struct plat_context *to)
{
    struct fallback *out = fallback_of(from), *in = fallback_of(to);
    if (_setjmp(out->jump) != 0)
        return;
    out->started = true;
    if (in->started)
        _longjmp(in->jump, 1);
    setcontext(&in->start);
}

#endif

void plat_context_adopt(struct plat_context *context)
{
    memset(context, 0, sizeof *context);
#ifdef PLAT_TSAN
    context->fiber = __tsan_get_current_fiber();
#endif
}

void plat_context_make(struct plat_context *context, const struct plat_stack *stack,
                       void (*entry)(void *), void *argument)
{
    memset(context, 0, sizeof *context);
    context->entry = entry;
    context->argument = argument;
    context->stack = *stack;
#ifdef PLAT_TSAN
    context->fiber = __tsan_create_fiber(0);
#endif
    prepare(context, stack);
}

void plat_context_switch(struct plat_context *from, struct plat_context *to)
{
    starting = to;
    depart(from, to, false);
    swap(from, to);
    arrive(from);
}

void plat_context_leave(struct plat_context *from, struct plat_context *to)
{
    starting = to;
    depart(from, to, true);
    swap(from, to);
    abort();
}

void plat_context_destroy(struct plat_context *context)
{
#ifdef PLAT_TSAN
    if (context->entry && context->fiber)
        __tsan_destroy_fiber(context->fiber);
    context->fiber = NULL;
#endif
    free(context->fallback);
    context->fallback = NULL;
}
