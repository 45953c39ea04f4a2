/* Leaving a __try body by a jump: its state is kept in the frame, the finally block runs, and the jump goes on as if
 * fltsim_seh_guard_exit had just returned. */
#include <nt/seh.h>

#if defined(__APPLE__)
#define NAME(name) "_" #name
#define EXPORTED(name) ".globl _" #name "\n.p2align 4\n_" #name ":\n"
#define HIDDEN(name) ".private_extern _" #name "\n" EXPORTED(name)
#define END(name) ""
#else
#define NAME(name) #name
#define EXPORTED(name) ".globl " #name "\n.type " #name ",%function\n.p2align 4\n" #name ":\n"
#define HIDDEN(name) ".hidden " #name "\n" EXPORTED(name)
#define END(name) ".size " #name ",.-" #name "\n"
#endif

#if defined(__x86_64__)
__asm__(".text\n" EXPORTED(fltsim_seh_guard_exit)
        " .cfi_startproc\n subq $8,%rsp\n .cfi_adjust_cfa_offset 8\n call " NAME(KiSehGuard)
        "\n addq $8,%rsp\n .cfi_adjust_cfa_offset -8\n testq %rax,%rax\n jne 1f\n ret\n"
        "1: movq %rbx,0(%rax)\n movq %rbp,8(%rax)\n movq %r12,16(%rax)\n movq %r13,24(%rax)\n"
        " movq %r14,32(%rax)\n movq %r15,40(%rax)\n leaq 8(%rsp),%rdx\n movq %rdx,48(%rax)\n"
        " movq (%rsp),%rdx\n movq %rdx,56(%rax)\n movq %rax,%rdi\n subq $8,%rsp\n"
        " .cfi_adjust_cfa_offset 8\n call " NAME(KiSehJump) "\n ud2\n .cfi_endproc\n" END(fltsim_seh_guard_exit)
        HIDDEN(fltsim_seh_resume)
        " movq 0(%rdi),%rbx\n movq 8(%rdi),%rbp\n movq 16(%rdi),%r12\n movq 24(%rdi),%r13\n"
        " movq 32(%rdi),%r14\n movq 40(%rdi),%r15\n movq 48(%rdi),%rsp\n jmp *56(%rdi)\n"
        END(fltsim_seh_resume));
#elif defined(__aarch64__)
__asm__(".text\n" EXPORTED(fltsim_seh_guard_exit)
        " stp x29,x30,[sp,#-16]!\n mov x29,sp\n bl " NAME(KiSehGuard)
        "\n ldp x29,x30,[sp],#16\n cbnz x0,1f\n ret\n"
        "1: stp x19,x20,[x0]\n stp x21,x22,[x0,#16]\n stp x23,x24,[x0,#32]\n stp x25,x26,[x0,#48]\n"
        " stp x27,x28,[x0,#64]\n stp x29,x30,[x0,#80]\n mov x1,sp\n str x1,[x0,#96]\n"
        " stp d8,d9,[x0,#104]\n stp d10,d11,[x0,#120]\n stp d12,d13,[x0,#136]\n stp d14,d15,[x0,#152]\n"
        " b " NAME(KiSehJump) "\n" END(fltsim_seh_guard_exit)
        HIDDEN(fltsim_seh_resume)
        " ldp x19,x20,[x0]\n ldp x21,x22,[x0,#16]\n ldp x23,x24,[x0,#32]\n ldp x25,x26,[x0,#48]\n"
        " ldp x27,x28,[x0,#64]\n ldp x29,x30,[x0,#80]\n ldr x1,[x0,#96]\n"
        " ldp d8,d9,[x0,#104]\n ldp d10,d11,[x0,#120]\n ldp d12,d13,[x0,#136]\n ldp d14,d15,[x0,#152]\n"
        " mov sp,x1\n ret\n" END(fltsim_seh_resume));
#else
#error "seh_resume.c does not know this processor's calling convention"
#endif
