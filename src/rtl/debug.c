/* The debugger's side: output, breakpoints, failed assertions, pageable code. */
#include "rtl/rtlp.h"

#include <stdio.h>

#include "ke/thread.h"
#include "sim/machine.h"
#include "verify/verify.h"

#define DEBUG_TEXT 512 /* DbgPrint's documented limit for one message */

static BOOLEAN debugger_enabled;
static BOOLEAN debugger_not_present = TRUE;
PBOOLEAN KdDebuggerEnabled = &debugger_enabled;
PBOOLEAN KdDebuggerNotPresent = &debugger_not_present;
ULONG NtGlobalFlag;

/* Wide text is converted with tables that Windows may have paged out. The documentation allows it at
 * PASSIVE_LEVEL; what cannot work is a page fault above APC_LEVEL, and only that is reported. */
static ULONG Print(PCSTR prefix, PCSTR format, va_list arguments, const void *caller)
{
    char text[DEBUG_TEXT + 1];
    struct rtlp_output out = {.narrow = text, .room = DEBUG_TEXT};
    size_t length = strlen(prefix);

    if (length > DEBUG_TEXT)
        length = DEBUG_TEXT;
    memcpy(text, prefix, length);
    out.length = length;
    RtlpFormatA(&out, format, arguments);
    text[out.length < DEBUG_TEXT ? out.length : DEBUG_TEXT] = 0;
    if (out.wide_text && KeGetCurrentIrql() > APC_LEVEL)
        verify_irql_too_high("DbgPrint of wide text", APC_LEVEL, caller);
    sim_debug_print(text);
    return STATUS_SUCCESS;
}

ULONG DbgPrint(PCSTR Format, ...)
{
    va_list arguments;

    RTL_IRQL(DbgPrint);
    va_start(arguments, Format);
    Print("", Format, arguments, VERIFY_CALLER);
    va_end(arguments);
    return STATUS_SUCCESS;
}

ULONG DbgPrintEx(ULONG ComponentId, ULONG Level, PCSTR Format, ...)
{
    va_list arguments;

    (void)ComponentId;
    (void)Level;
    RTL_IRQL(DbgPrintEx);
    va_start(arguments, Format);
    Print("", Format, arguments, VERIFY_CALLER);
    va_end(arguments);
    return STATUS_SUCCESS;
}

ULONG DbgPrintReturnControlC(PCSTR Format, ...)
{
    va_list arguments;

    va_start(arguments, Format);
    Print("", Format, arguments, VERIFY_CALLER);
    va_end(arguments);
    return STATUS_SUCCESS;
}

ULONG vDbgPrintEx(ULONG ComponentId, ULONG Level, PCSTR Format, va_list arglist)
{
    (void)ComponentId;
    (void)Level;
    RTL_IRQL(vDbgPrintEx);
    return Print("", Format, arglist, VERIFY_CALLER);
}

ULONG vDbgPrintExWithPrefix(PCSTR Prefix, ULONG ComponentId, ULONG Level, PCSTR Format, va_list arglist)
{
    (void)ComponentId;
    (void)Level;
    RTL_IRQL(vDbgPrintExWithPrefix);
    return Print(Prefix, Format, arglist, VERIFY_CALLER);
}

NTSTATUS KdDisableDebugger(VOID)
{
    debugger_enabled = FALSE;
    return STATUS_SUCCESS;
}

NTSTATUS KdEnableDebugger(VOID)
{
    if (debugger_not_present)
        return STATUS_DEBUGGER_INACTIVE;
    debugger_enabled = TRUE;
    return STATUS_SUCCESS;
}

BOOLEAN KdRefreshDebuggerNotPresent(VOID)
{
    return debugger_not_present;
}

/* -- breakpoints and assertions ------------------------------------------------------------------- */

/* No debugger takes it, so that the breakpoint is an exception like any other, where a handler is in reach; elsewhere it
 * ends the machine, unless the policy is to go on as a debugger would. */
static void Break(ULONG Count, const ULONG_PTR *Information, const void *Site)
{
    struct verify_violation *v;

    if (KiHasHandler())
        fltsim_seh_raise((unsigned int)STATUS_BREAKPOINT, Count, Information);
    v = verify_begin(VERIFY_BREAKPOINT, "A breakpoint was met, and no debugger is there.");
    verify_site(v, "in", Site);
    verify_end_or_go_on(v, 0x1E, (ULONG)STATUS_BREAKPOINT, (ULONG_PTR)Site, 0, 0);
}

VOID DbgBreakPoint(VOID) { Break(0, NULL, VERIFY_CALLER); }

VOID DbgBreakPointWithStatus(ULONG Status)
{
    ULONG_PTR information = Status;
    Break(1, &information, VERIFY_CALLER);
}

void fltsim_debug_break(const char *file, int line)
{
    char text[DEBUG_TEXT];

    snprintf(text, sizeof text, "Break instruction at %s:%d\n", file, line);
    sim_debug_print(text);
    Break(0, NULL, VERIFY_CALLER);
}

VOID RtlAssert(PVOID VoidFailedAssertion, PVOID VoidFileName, ULONG LineNumber, PCSTR MutableMessage)
{
    struct verify_violation *v =
        verify_begin(VERIFY_ASSERTION_FAILED, "*** Assertion failed: %s%s%s", MutableMessage != NULL ? MutableMessage : "",
                     MutableMessage != NULL ? ": " : "", (const char *)VoidFailedAssertion);

    if (v == NULL)
        return;
    verify_history(v, "Source File: %s, line %u", (const char *)VoidFileName, LineNumber);
    verify_site(v, "in", VERIFY_CALLER);
    verify_end_or_go_on(v, 0x1E, (ULONG)STATUS_ASSERTION_FAILURE, (ULONG_PTR)VERIFY_CALLER, 0, 0);
}

VOID fltsim_paged_code(const char *function, const char *file, int line)
{
    (void)file;
    (void)line;
    if (KeGetCurrentIrql() > APC_LEVEL)
        verify_irql_too_high(function, APC_LEVEL, VERIFY_CALLER);
}

VOID fltsim_list_corrupt(const LIST_ENTRY *Entry)
{
    struct verify_violation *v = verify_begin(
        VERIFY_LIST_CORRUPT, "list entry %p: its neighbours (Flink %p, Blink %p) do not point back at it", (void *)Entry,
        (void *)Entry->Flink, (void *)Entry->Blink);

    if (v == NULL)
        return;
    verify_site(v, "found by", VERIFY_CALLER);
    verify_end_bugcheck(v, 0x139, 3, (ULONG_PTR)Entry, 0, 0);
}

void fltsim_yield_processor(void)
{
    if (sched_self() != NULL && sched_owner(sched_self()) != NULL)
        KiPoll(NULL, NULL, VERIFY_CALLER);
}
