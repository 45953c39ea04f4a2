#define _GNU_SOURCE
#include "plat/fault.h"

#include "plat/pages.h"
#include "plat/sanitizer.h"

#include <execinfo.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>
#include <unistd.h>

/* ---- registers of the interrupted code, by system and processor ------------------------------------------------------ */

#if defined(__linux__) && defined(__x86_64__)
#define PC(c) ((c)->uc_mcontext.gregs[REG_RIP])
#define SP(c) ((c)->uc_mcontext.gregs[REG_RSP])
#define FP(c) ((c)->uc_mcontext.gregs[REG_RBP])
#elif defined(__linux__) && defined(__aarch64__)
#define PC(c) ((c)->uc_mcontext.pc)
#define SP(c) ((c)->uc_mcontext.sp)
#define FP(c) ((c)->uc_mcontext.regs[29])
#define LR(c) ((c)->uc_mcontext.regs[30])
#elif defined(__APPLE__) && defined(__x86_64__)
#define PC(c) ((c)->uc_mcontext->__ss.__rip)
#define SP(c) ((c)->uc_mcontext->__ss.__rsp)
#define FP(c) ((c)->uc_mcontext->__ss.__rbp)
#elif defined(__APPLE__) && defined(__aarch64__)
#define PC(c) ((c)->uc_mcontext->__ss.__pc)
#define SP(c) ((c)->uc_mcontext->__ss.__sp)
#define FP(c) ((c)->uc_mcontext->__ss.__fp)
#define LR(c) ((c)->uc_mcontext->__ss.__lr)
#else
#error "fault.c does not know this system's signal frames"
#endif

static bool was_write(const ucontext_t *context)
{
#if defined(__linux__) && defined(__x86_64__)
    return (context->uc_mcontext.gregs[REG_ERR] >> 1) & 1;
#elif defined(__APPLE__) && defined(__x86_64__)
    return (context->uc_mcontext->__es.__err >> 1) & 1;
#elif defined(__APPLE__) && defined(__aarch64__)
    return (context->uc_mcontext->__es.__esr >> 6) & 1;
#else
    const struct {
        uint32_t magic, size;
    } *record = (const void *)context->uc_mcontext.__reserved;
    while (record->magic && record->size) {
        if (record->magic == 0x45535201) /* ESR_MAGIC */
            return (*(const uint64_t *)(record + 1) >> 6) & 1;
        record = (const void *)((const char *)record + record->size);
    }
    return false;
#endif
}

/* Continues in `routine` as if the code at the fault had called it, on `stack`. */
static void divert(ucontext_t *context, uintptr_t stack, void (*routine)(void))
{
    stack &= ~(uintptr_t)15;
#if defined(__x86_64__)
    stack -= 8;
    *(uintptr_t *)stack = (uintptr_t)PC(context);
#if defined(__linux__)
    context->uc_mcontext.gregs[REG_EFL] &= ~0x400;
#else
    context->uc_mcontext->__ss.__rflags &= ~0x400;
#endif
#else
    LR(context) = PC(context);
#endif
    SP(context) = (__typeof__(SP(context)))stack;
    PC(context) = (__typeof__(PC(context)))(uintptr_t)routine;
}

/* ---- the handler ----------------------------------------------------------------------------------------------------- */

enum { RED_ZONE = 256, STACK_REACH = 65536, ALTERNATE_SIZE = 65536, RESERVE_SIZE = 131072 };
static const int signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP};
enum { SIGNALS = sizeof signals / sizeof *signals };

static struct sigaction before[SIGNALS];
static atomic_bool installed;
static bool (*_Atomic fault_is_mine)(const struct plat_fault *);
static void (*_Atomic fault_raise)(const struct plat_fault *);

/* All registers of the interrupted code, as the system's signal frame has them. */
#if defined(__linux__) && defined(__x86_64__)
struct registers {
    gregset_t general;
    size_t float_size;
    _Alignas(16) unsigned char floats[4096]; /* with the vector registers, as long as they fit */
};

/* The kernel says behind the classic state how much there is. */
static size_t float_size(const ucontext_t *context)
{
    const uint32_t *words = (const void *)context->uc_mcontext.fpregs;
    const size_t classic = 512, magic = 464 / 4;
    if (!words)
        return 0;
    if (words[magic] == 0x46505853 && words[magic + 1] <= sizeof ((struct registers *)0)->floats)
        return words[magic + 1];
    return classic;
}

static void save_registers(struct registers *registers, const ucontext_t *context)
{
    memcpy(registers->general, context->uc_mcontext.gregs, sizeof registers->general);
    registers->float_size = float_size(context);
    memcpy(registers->floats, context->uc_mcontext.fpregs, registers->float_size);
}

static void restore_registers(ucontext_t *context, const struct registers *registers)
{
    memcpy(context->uc_mcontext.gregs, registers->general, sizeof registers->general);
    if (float_size(context) >= registers->float_size)
        memcpy(context->uc_mcontext.fpregs, registers->floats, registers->float_size);
}
#else
#ifdef __APPLE__
#define MACHINE(context) (*(context)->uc_mcontext)
#else
#define MACHINE(context) ((context)->uc_mcontext)
#endif
struct registers {
    __typeof__(MACHINE((ucontext_t *)0)) machine;
};

static void save_registers(struct registers *registers, const ucontext_t *context)
{
    memcpy(&registers->machine, &MACHINE(context), sizeof registers->machine);
}

static void restore_registers(ucontext_t *context, const struct registers *registers)
{
    memcpy(&MACHINE(context), &registers->machine, sizeof registers->machine);
}
#endif

struct saved {
    struct plat_fault fault; /* first: plat_fault_resume is given its address */
    struct registers registers;
};

/* What the handler hands to the routine it diverts to, and that one back to the handler when it resumes. */
static _Thread_local struct {
    struct saved saved;
    void (*raise)(const struct plat_fault *);
    const struct plat_fault *resume;
    unsigned char *alternate, *reserve;
} here;

__attribute__((noinline)) static void raise_here(void)
{
    struct saved saved;
    memcpy(&saved, &here.saved, sizeof saved);
    here.raise(&saved.fault);
    abort();
}

void plat_fault_resume(const struct plat_fault *fault)
{
    here.resume = fault;
    __builtin_trap();
}

static enum plat_fault_kind kind_of(int signal, const siginfo_t *info)
{
    switch (signal) {
    case SIGFPE:
        return info->si_code == FPE_INTDIV || info->si_code == FPE_INTOVF ? PLAT_FAULT_DIVIDE
                                                                          : PLAT_FAULT_FLOAT;
    case SIGILL:
        return PLAT_FAULT_ILLEGAL;
    case SIGTRAP:
        return PLAT_FAULT_BREAK;
    default:
        return PLAT_FAULT_ACCESS;
    }
}

static struct plat_fault place_of(const ucontext_t *context)
{
    return (struct plat_fault){
        .kind = PLAT_FAULT_NONE,
        .pc = (void *)(uintptr_t)PC(context),
        .sp = (void *)(uintptr_t)SP(context),
        .fp = (void *)(uintptr_t)FP(context),
#ifdef LR
        .lr = (void *)(uintptr_t)LR(context),
#endif
    };
}

static void describe(struct plat_fault *fault, int signal, const siginfo_t *info, ucontext_t *context)
{
    uintptr_t sp = (uintptr_t)SP(context), address = (uintptr_t)info->si_addr;
    *fault = place_of(context);
    fault->kind = kind_of(signal, info);
    fault->address = info->si_addr;
    if (fault->kind != PLAT_FAULT_ACCESS)
        return;
    fault->write = was_write(context);
    /* Right below the stack pointer only a guard page cannot be touched. */
    if (address < sp + 4096 && address + STACK_REACH > sp)
        fault->kind = PLAT_FAULT_STACK;
}

static void pass_on(int signal, siginfo_t *info, void *context)
{
    for (int i = 0; i < SIGNALS; i++) {
        if (signals[i] != signal)
            continue;
        if ((before[i].sa_flags & SA_SIGINFO) && before[i].sa_sigaction)
            before[i].sa_sigaction(signal, info, context);
        else if (before[i].sa_handler != SIG_DFL && before[i].sa_handler != SIG_IGN)
            before[i].sa_handler(signal);
        else
            sigaction(signal, &before[i], NULL); /* the instruction faults again */
    }
}

static void on_fault(int signal, siginfo_t *info, void *context_)
{
    ucontext_t *context = context_;
    struct plat_fault fault;

    if (here.resume && (signal == SIGILL || signal == SIGTRAP)) {
        restore_registers(context, &((const struct saved *)(const void *)here.resume)->registers);
        here.resume = NULL;
        return;
    }
    describe(&fault, signal, info, context);
    bool (*mine)(const struct plat_fault *) = fault_is_mine;
    if (!mine || !mine(&fault)) {
        pass_on(signal, info, context_);
        return;
    }
    here.saved.fault = fault;
    here.raise = fault_raise;
    save_registers(&here.saved.registers, context);
    if (fault.kind == PLAT_FAULT_STACK)
        divert(context, (uintptr_t)here.reserve + RESERVE_SIZE, raise_here);
    else
        divert(context, (uintptr_t)SP(context) - RED_ZONE, raise_here);
}

void plat_fault_interrupt(void *context_, bool (*wanted)(const struct plat_fault *place),
                          void (*routine)(const struct plat_fault *place))
{
    ucontext_t *context = context_;
    struct plat_fault place = place_of(context);

    if (!wanted(&place))
        return;
    here.saved.fault = place;
    here.raise = routine;
    save_registers(&here.saved.registers, context);
    divert(context, (uintptr_t)SP(context) - RED_ZONE, raise_here);
}

/* ---- set-up ---------------------------------------------------------------------------------------------------------- */

static pthread_key_t thread_key;
static pthread_once_t thread_once = PTHREAD_ONCE_INIT;

static void thread_gone(void *memory)
{
    stack_t off = {.ss_flags = SS_DISABLE};
    sigaltstack(&off, NULL);
    plat_pages_free(memory, ALTERNATE_SIZE + RESERVE_SIZE);
}

static void make_key(void) { pthread_key_create(&thread_key, thread_gone); }

void plat_fault_thread(void)
{
    if (here.alternate)
        return;
    pthread_once(&thread_once, make_key);
    here.alternate = plat_pages_alloc(ALTERNATE_SIZE + RESERVE_SIZE, PLAT_READ_WRITE);
    if (!here.alternate)
        return;
    here.reserve = here.alternate + ALTERNATE_SIZE;
    sigaltstack(&(stack_t){.ss_sp = here.alternate, .ss_size = ALTERNATE_SIZE}, NULL);
    pthread_setspecific(thread_key, here.alternate);
}

void plat_fault_install(bool (*mine)(const struct plat_fault *fault),
                        void (*raise)(const struct plat_fault *fault))
{
    fault_is_mine = mine;
    fault_raise = raise;
    plat_fault_thread();
    struct sigaction action = {.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};
    action.sa_sigaction = on_fault;
    for (int i = 0; i < SIGNALS; i++) {
        struct sigaction old;
        sigaction(signals[i], NULL, &old);
        if ((old.sa_flags & SA_SIGINFO) && old.sa_sigaction == on_fault) {
            if (i == 0)
                return; /* all are ours: whoever takes them away takes this one */
            continue;
        }
        before[i] = old;
        sigaction(signals[i], &action, NULL);
    }
    installed = true;
}

void plat_fault_remove(void)
{
    if (!installed)
        return;
    for (int i = 0; i < SIGNALS; i++)
        sigaction(signals[i], &before[i], NULL);
    installed = false;
    fault_is_mine = NULL;
}

/* ---- backtraces ------------------------------------------------------------------------------------------------------ */

size_t plat_backtrace(void **frames, size_t count)
{
    void *all[64];
    int found = backtrace(all, count + 2 < 64 ? (int)count + 2 : 64);
    size_t kept = found > 2 ? (size_t)found - 2 : 0;
    memcpy(frames, all + 2, kept * sizeof *frames);
    return kept;
}

/* Looks at stacks and code, which the address sanitizer holds for nobody's. */
#define READS_ANYTHING __attribute__((no_sanitize("address", "undefined")))

/* Where nothing of the routine's prologue has run, or it has none: the return address is where the call put it. */
READS_ANYTHING static void *caller_of(const struct plat_fault *fault)
{
    if (fault->lr)
        return fault->lr;
    return plat_pages_readable(fault->sp, sizeof(void *)) ? *(void **)fault->sp : NULL;
}

READS_ANYTHING static bool is_behind_call(uintptr_t address)
{
#if defined __x86_64__
    if (address < 7 || !plat_pages_readable((const void *)(address - 7), 7))
        return false;
    const unsigned char *code = (const unsigned char *)(address - 7);
    return code[2] == 0xE8 || (code[5] == 0xFF && (code[6] & 0x38) == 0x10) ||
           (code[4] == 0xFF && (code[5] & 0x38) == 0x10) || (code[1] == 0xFF && code[2] == 0x15);
#else
    return address != 0;
#endif
}

void *plat_fault_leaf_caller(const struct plat_fault *fault)
{
    void *caller = caller_of(fault);
    return is_behind_call((uintptr_t)caller) ? caller : NULL;
}

size_t plat_backtrace_from(const struct plat_fault *fault, void **frames, size_t count)
{
    size_t found = 0;
    uintptr_t fp = (uintptr_t)fault->fp, low = (uintptr_t)fault->sp;

    if (count)
        frames[found++] = fault->pc;
    if (found && found < count && fault->kind == PLAT_FAULT_ACCESS && fault->pc == fault->address && caller_of(fault))
        frames[found++] = caller_of(fault);
    while (found < count && fp >= low && fp % sizeof(void *) == 0 &&
           plat_pages_readable((const void *)fp, 2 * sizeof(void *))) {
        void **frame = (void **)fp;
        if (!frame[1])
            break;
        frames[found++] = frame[1];
        low = fp + 2 * sizeof(void *);
        fp = (uintptr_t)frame[0];
    }
    return found;
}
