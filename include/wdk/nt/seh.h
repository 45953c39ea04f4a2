/* Structured exception handling on gcc and clang.
 *
 * `__try`, `__except`, `__finally` and `__leave` are macros over setjmp, GNU local labels and the cleanup
 * attribute. No trailing macro is needed and no loop wraps the body, so that return, break, continue and
 * goto in it mean what they say: one that leaves a body with a `__finally` runs it on the way.
 * Raising crosses driver frames only. Hardware faults become exceptions. Not there: a filter runs before
 * outer finally blocks but after inner ones, and EXCEPTION_CONTINUE_EXECUTION stops the machine.
 *
 * At -O1 and above locals that were changed in a body are stale in its handler (standard C calls them
 * indeterminate), so driver code that follows this header is compiled as at -O0.
 */
#ifndef FLTSIM_NT_SEH_H
#define FLTSIM_NT_SEH_H

#include <nt/types.h>

FLTSIM_WDK_BEGIN

#define EXCEPTION_EXECUTE_HANDLER 1
#define EXCEPTION_CONTINUE_SEARCH 0
#define EXCEPTION_CONTINUE_EXECUTION (-1)

#define EXCEPTION_NONCONTINUABLE 0x1
#define EXCEPTION_MAXIMUM_PARAMETERS 15
#define EXCEPTION_ACCESS_VIOLATION STATUS_ACCESS_VIOLATION
#define EXCEPTION_DATATYPE_MISALIGNMENT STATUS_DATATYPE_MISALIGNMENT
#define EXCEPTION_BREAKPOINT STATUS_BREAKPOINT
#define EXCEPTION_IN_PAGE_ERROR STATUS_IN_PAGE_ERROR
#define EXCEPTION_ILLEGAL_INSTRUCTION STATUS_ILLEGAL_INSTRUCTION
#define EXCEPTION_INT_DIVIDE_BY_ZERO STATUS_INTEGER_DIVIDE_BY_ZERO
#define EXCEPTION_STACK_OVERFLOW STATUS_STACK_OVERFLOW

typedef struct _EXCEPTION_RECORD {
    NTSTATUS ExceptionCode;
    ULONG ExceptionFlags;
    struct _EXCEPTION_RECORD *ExceptionRecord;
    PVOID ExceptionAddress;
    ULONG NumberParameters;
    ULONG_PTR ExceptionInformation[EXCEPTION_MAXIMUM_PARAMETERS];
} EXCEPTION_RECORD, *PEXCEPTION_RECORD;

/* The members that drivers print or read; not filled in by anything yet. */
#if defined(__x86_64__)
#define CONTEXT_AMD64 0x00100000
#define CONTEXT_CONTROL (CONTEXT_AMD64 | 0x1)
#define CONTEXT_INTEGER (CONTEXT_AMD64 | 0x2)
#define CONTEXT_SEGMENTS (CONTEXT_AMD64 | 0x4)
#define CONTEXT_FLOATING_POINT (CONTEXT_AMD64 | 0x8)
#define CONTEXT_DEBUG_REGISTERS (CONTEXT_AMD64 | 0x10)
#define CONTEXT_FULL (CONTEXT_CONTROL | CONTEXT_INTEGER | CONTEXT_FLOATING_POINT)
#define CONTEXT_ALL (CONTEXT_FULL | CONTEXT_SEGMENTS | CONTEXT_DEBUG_REGISTERS)
#endif
typedef struct _CONTEXT {
    ULONG64 P1Home, P2Home, P3Home, P4Home, P5Home, P6Home;
    ULONG ContextFlags;
    ULONG MxCsr;
    USHORT SegCs, SegDs, SegEs, SegFs, SegGs, SegSs;
    ULONG EFlags;
    ULONG64 Dr0, Dr1, Dr2, Dr3, Dr6, Dr7;
    ULONG64 Rax, Rcx, Rdx, Rbx, Rsp, Rbp, Rsi, Rdi;
    ULONG64 R8, R9, R10, R11, R12, R13, R14, R15;
    ULONG64 Rip;
    M128A FltSave[32];
    M128A VectorRegister[26];
    ULONG64 VectorControl;
    ULONG64 DebugControl;
    ULONG64 LastBranchToRip, LastBranchFromRip, LastExceptionToRip, LastExceptionFromRip;
} CONTEXT;

typedef struct _EXCEPTION_POINTERS {
    PEXCEPTION_RECORD ExceptionRecord;
    PCONTEXT ContextRecord;
} EXCEPTION_POINTERS, *PEXCEPTION_POINTERS, *LPEXCEPTION_POINTERS;

/* -- the runtime's interface: what the macros below call ----------------------------------------- */

enum { FLTSIM_SEH_NORMAL, FLTSIM_SEH_EXCEPTION, FLTSIM_SEH_LOCAL_UNWIND };
enum { FLTSIM_SEH_EXCEPT, FLTSIM_SEH_FINALLY };

/* Callee-saved registers, stack pointer and return address of a body that was left by a jump. */
#if defined(__aarch64__)
#define FLTSIM_SEH_RESUME_WORDS 21
#else
#define FLTSIM_SEH_RESUME_WORDS 8
#endif

/* The runtime owns frames; they belong to a thread. */
typedef struct fltsim_seh_frame {
    void *resume[FLTSIM_SEH_RESUME_WORDS];
    struct fltsim_seh_frame *next;
    int kind;
    int reason;
    void *where;
    jmp_buf jb;
} fltsim_seh_frame;

typedef struct fltsim_seh_fin {
    fltsim_seh_frame *f;
    int done;
} fltsim_seh_fin;

fltsim_seh_frame *fltsim_seh_push(int kind);
fltsim_seh_frame *fltsim_seh_top(void);
void fltsim_seh_pop(fltsim_seh_frame *frame);          /* the body ended normally */
int fltsim_seh_accept(int filter_result);              /* 1: run the handler; searches on for 0 */
fltsim_seh_fin fltsim_seh_fin_begin(void);
void fltsim_seh_fin_end(fltsim_seh_fin *fin);
void fltsim_seh_fin_drop(fltsim_seh_fin *fin);
void fltsim_seh_guard_exit(fltsim_seh_frame **frame);  /* the body was left by a jump */
DECLSPEC_NORETURN void fltsim_seh_raise(unsigned int code, unsigned int count, const ULONG_PTR *information);
PEXCEPTION_POINTERS fltsim_seh_info(void);
NTSTATUS fltsim_seh_code(void);
int fltsim_seh_depth(void);

FLTSIM_WDK_END

#if defined(__OPTIMIZE__) && __SIZEOF_WCHAR_T__ == 2 && !defined(FLTSIM_SEH_TRUST_OPTIMIZER)
#if defined(__clang__)
#pragma clang optimize off
#else
#pragma GCC optimize("O0")
#endif
#endif

#define FLTSIM_SEH_CAT_(a, b) a##b
#define FLTSIM_SEH_CAT(a, b) FLTSIM_SEH_CAT_(a, b)

/* The setjmp sits outside the scope of the cleanup guard, so that the exception path crosses no cleanup
 * (clang keeps one function-wide slot for a pending jump that such a crossing would overwrite). */
#undef __try
#undef __except
#undef __finally
#undef __leave
#define __try                                                                                      \
    if (1) {                                                                                       \
        __label__ fltsim_leave, fltsim_init, fltsim_body;                                          \
        goto fltsim_init;                                                                          \
    fltsim_body: {                                                                                 \
        fltsim_seh_frame *fltsim_f __attribute__((cleanup(fltsim_seh_guard_exit))) =               \
            fltsim_seh_top();                                                                      \
        {
#define FLTSIM_SEH_END                                                                             \
    }                                                                                              \
fltsim_leave:                                                                                      \
    __attribute__((unused));                                                                       \
    fltsim_seh_pop(fltsim_f);                                                                      \
    fltsim_f = 0;                                                                                  \
    }
#define FLTSIM_SEH_ENTER(kind) (_setjmp(fltsim_seh_push(kind)->jb) == 0)
#define FLTSIM_SEH_FINALLY_(L)                                                                     \
    FLTSIM_SEH_END                                                                                 \
    goto L;                                                                                        \
fltsim_init:                                                                                       \
    if (FLTSIM_SEH_ENTER(FLTSIM_SEH_FINALLY))                                                      \
        goto fltsim_body;                                                                          \
    goto L;                                                                                        \
    }                                                                                              \
    else                                                                                           \
    L:                                                                                             \
        for (fltsim_seh_fin fltsim_fin __attribute__((cleanup(fltsim_seh_fin_drop))) =             \
                 fltsim_seh_fin_begin();                                                           \
             !fltsim_fin.done; fltsim_seh_fin_end(&fltsim_fin))
#define FLTSIM_SEH_EXCEPT_(L, filter)                                                              \
    FLTSIM_SEH_END                                                                                 \
    if (0) {                                                                                       \
    fltsim_init:                                                                                   \
        if (FLTSIM_SEH_ENTER(FLTSIM_SEH_EXCEPT))                                                   \
            goto fltsim_body;                                                                      \
        if (fltsim_seh_accept(filter))                                                             \
            goto L;                                                                                \
    }                                                                                              \
    }                                                                                              \
    else                                                                                           \
    L:
#define __finally FLTSIM_SEH_FINALLY_(FLTSIM_SEH_CAT(fltsim_seh_h_, __COUNTER__))
#define __except(filter) FLTSIM_SEH_EXCEPT_(FLTSIM_SEH_CAT(fltsim_seh_h_, __COUNTER__), filter)
#define __leave goto fltsim_leave
#define AbnormalTermination() (fltsim_fin.f->reason != FLTSIM_SEH_NORMAL)
#define GetExceptionCode() fltsim_seh_code()
#define GetExceptionInformation() fltsim_seh_info()
#define _abnormal_termination AbnormalTermination
#define _exception_code GetExceptionCode
#define _exception_info GetExceptionInformation
#define exception_code GetExceptionCode
#define exception_info GetExceptionInformation
#define abnormal_termination AbnormalTermination
#define _try __try
#define _except __except
#define _finally __finally
#define _leave __leave

/* What the WDK's warning header gives to C drivers. */
#if !defined(__cplusplus) && __SIZEOF_WCHAR_T__ == 2
#define try __try
#define except __except
#define finally __finally
#define leave __leave
#endif

#endif
