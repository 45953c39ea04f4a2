/* Hardware faults as exceptions, and what happens to an exception that nobody handles. */
#include "ke/kep.h"

#include "plat/fault.h"
#include "trace/trace.h"
#include "verify/verify.h"

#include <string.h>

bool (*KiResolveFault)(void *address, bool write);
void (*KiExplainFault)(const void *address, bool write, const void *pc);

/* In the signal handler. */
static bool IsMine(const struct plat_fault *fault)
{
    struct sched_thread *self = sched_current;
    return machine && machine->ke && self && sched_owner(self) && !sched_is_dead();
}

static NTSTATUS CodeOf(enum plat_fault_kind kind)
{
    switch (kind) {
    case PLAT_FAULT_DIVIDE:
        return STATUS_INTEGER_DIVIDE_BY_ZERO;
    case PLAT_FAULT_FLOAT:
        return STATUS_FLOAT_INVALID_OPERATION;
    case PLAT_FAULT_ILLEGAL:
        return STATUS_ILLEGAL_INSTRUCTION;
    case PLAT_FAULT_BREAK:
        return STATUS_BREAKPOINT;
    case PLAT_FAULT_STACK:
        return STATUS_STACK_OVERFLOW;
    default:
        return STATUS_ACCESS_VIOLATION;
    }
}

/* The driver's code nearest to the place, whoever's routine it had called; the place itself if there is none. */
static const void *Culprit(const struct ki_seh *seh, const void *pc)
{
    for (unsigned i = 0; i < seh->site_count; i++)
        if (verify_is_of_driver(seh->sites[i]))
            return seh->sites[i];
    return pc;
}

static void RememberCallers(struct ki_seh *seh, const struct plat_fault *fault)
{
    seh->site_count = (unsigned)plat_backtrace_from(fault, seh->sites, KI_SEH_SITES);
    void *caller = plat_fault_leaf_caller(fault);
    if (!caller || verify_is_of_driver(fault->pc) || !verify_is_of_driver(caller) || (seh->site_count > 1 && seh->sites[1] == caller))
        return;
    memmove(seh->sites + 2, seh->sites + 1, (KI_SEH_SITES - 2) * sizeof *seh->sites);
    seh->sites[1] = caller;
    if (seh->site_count < KI_SEH_SITES)
        seh->site_count++;
}

/* On the stack of the code that faulted, as if it had called us. */
static void OnFault(const struct plat_fault *fault)
{
    PKTHREAD thread = KiCurrentThread();
    ULONG_PTR information[2] = {fault->write, (ULONG_PTR)fault->address};
    bool access = fault->kind == PLAT_FAULT_ACCESS;

    if (access && KiResolveFault && KiResolveFault(fault->address, fault->write))
        plat_fault_resume(fault);
    thread->seh.fault = true;
    thread->seh.fault_address = fault->address;
    RememberCallers(&thread->seh, fault);
    bool fetch = fault->pc == fault->address; /* a jump to what is no code */
    if (access && !fetch && KiExplainFault) /* special pool: ends the run even inside of a try */
        KiExplainFault(fault->address, fault->write, Culprit(&thread->seh, fault->pc));
    if (fault->kind == PLAT_FAULT_STACK)
        KiUnhandledFault(thread, STATUS_STACK_OVERFLOW, fault->pc);
    KiRaise(CodeOf(fault->kind), access ? 2 : 0, information, fault->pc);
}

void KiRememberStack(struct ki_seh *seh, void *address)
{
    seh->sites[0] = address;
    seh->site_count = 1;
    if (!seh->top)
        seh->site_count = (unsigned)plat_backtrace(seh->sites, KI_SEH_SITES);
}

/* ---- nobody handled it ------------------------------------------------------------------------------------------------- */

static const char *NameOf(NTSTATUS code)
{
    switch (code) {
    case STATUS_INTEGER_DIVIDE_BY_ZERO:
        return "divided by zero";
    case STATUS_ILLEGAL_INSTRUCTION:
        return "executed an illegal instruction";
    case STATUS_BREAKPOINT:
        return "hit a breakpoint";
    case STATUS_STACK_OVERFLOW:
        return "used up its kernel stack";
    default:
        return "made an invalid floating point operation";
    }
}

/* From where it happened out to the routine that called the driver; how that came to be called is no news. */
static void AddSites(struct verify_violation *v, const struct ki_seh *seh)
{
    unsigned count = seh->site_count;

    for (unsigned i = 0; i < seh->site_count; i++)
        if (verify_is_of_driver(seh->sites[i]))
            count = i + 2 < seh->site_count ? i + 2 : seh->site_count;
    for (unsigned i = 0; i < count; i++) {
        if (!i && seh->fault && seh->record.ExceptionCode == STATUS_ACCESS_VIOLATION && seh->sites[0] == seh->fault_address)
            verify_history(v, seh->sites[0] ? "in no code: a call through the bad pointer %p"
                                            : "in no code: a call through a null pointer",
                           seh->sites[0]);
        else
            verify_site(v, i ? "called from" : "in", seh->sites[i]);
    }
    if (seh->site_count)
        verify_blame(v, verify_driver_of(Culprit(seh, seh->sites[0])));
}

/* Code of a driver that cannot be executed was there once. */
static _Noreturn void Unloaded(PKTHREAD thread)
{
    const void *address = thread->seh.fault_address;
    const char *driver = verify_driver_of(address);
    struct verify_violation *v = verify_begin_fatal(
        VERIFY_CRASH, "Thread \"%s\" runs code of %s, which has unloaded.", thread->name, driver);
    verify_site(v, "in", (const char *)address + 1);
    for (unsigned i = 1; i < thread->seh.site_count && i < 3; i++)
        verify_site(v, "called from", thread->seh.sites[i]);
    verify_blame(v, driver);
    verify_end_bugcheck(v, 0xCE, (uintptr_t)address, 8, (uintptr_t)address, 0);
}

static _Noreturn void UnhandledAccess(PKTHREAD thread)
{
    const struct ki_seh *seh = &thread->seh;
    const EXCEPTION_RECORD *record = &seh->record;
    bool write = record->ExceptionInformation[0] != 0;
    uint64_t address = (uint64_t)(uintptr_t)seh->fault_address;
    uint64_t pc = (uint64_t)(uintptr_t)record->ExceptionAddress;

    bool fetch = seh->fault_address == record->ExceptionAddress;
    if (!fetch && KiExplainFault)
        KiExplainFault(seh->fault_address, write, Culprit(seh, record->ExceptionAddress));
    if (fetch && verify_is_of_driver(seh->fault_address))
        Unloaded(thread);
    const char *did = fetch ? "called" : write ? "wrote to" : "read from";
    const char *why = fetch ? "where no code is" : "which it may not touch";
    struct verify_violation *v =
        verify_begin_fatal(VERIFY_CRASH, "Thread \"%s\" %s address %p, %s, at IRQL %u.", thread->name, did,
                           seh->fault_address, why, (unsigned)thread->irql);
    AddSites(v, seh);
    if (thread->irql >= DISPATCH_LEVEL)
        verify_end_bugcheck(v, 0xD1, address, thread->irql, write, pc);
    if (address < 0x10000)
        verify_end_bugcheck(v, 0x7E, (uint32_t)record->ExceptionCode, pc, address, write);
    verify_end_bugcheck(v, 0x50, address, write ? 2 : 0, pc, 0);
}

void KiUnhandledFault(PKTHREAD thread, NTSTATUS code, void *pc)
{
    struct verify_violation *v =
        verify_begin_fatal(VERIFY_CRASH, "Thread \"%s\" %s.", thread->name, NameOf(code));
    AddSites(v, &thread->seh);
    verify_end_bugcheck(v, code == STATUS_STACK_OVERFLOW ? 0x7F : 0x7E, code == STATUS_STACK_OVERFLOW ? 8 : (uint32_t)code,
                        (uint64_t)(uintptr_t)pc, 0, 0);
}

void KiUnhandledException(PKTHREAD thread)
{
    const struct ki_seh *seh = &thread->seh;
    const EXCEPTION_RECORD *record = &seh->record;

    if (seh->fault && record->ExceptionCode == STATUS_ACCESS_VIOLATION)
        UnhandledAccess(thread);
    if (seh->fault)
        KiUnhandledFault(thread, record->ExceptionCode, record->ExceptionAddress);
    struct verify_violation *v = verify_begin_fatal(
        VERIFY_UNHANDLED_EXCEPTION, "Thread \"%s\" raised %s, and no handler accepted it.", thread->name,
        trace_status(record->ExceptionCode));
    AddSites(v, seh);
    verify_end_bugcheck(v, thread->system ? 0x7E : 0x1E, (uint32_t)record->ExceptionCode,
                        (uint64_t)(uintptr_t)record->ExceptionAddress, 0, 0);
}

void KiStartExceptions(void)
{
    KiResolveFault = NULL;
    KiExplainFault = NULL;
    KiWatchFaults();
}

void KiWatchFaults(void) { plat_fault_install(IsMine, OnFault); }

void KiStopExceptions(void)
{
    KiResolveFault = NULL;
    KiExplainFault = NULL;
}
