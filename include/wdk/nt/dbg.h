/* Debug output and assertions. */
#ifndef FLTSIM_NT_DBG_H
#define FLTSIM_NT_DBG_H

#include <nt/types.h>

FLTSIM_WDK_BEGIN

#define DPFLTR_ERROR_LEVEL 0
#define DPFLTR_WARNING_LEVEL 1
#define DPFLTR_TRACE_LEVEL 2
#define DPFLTR_INFO_LEVEL 3
#define DPFLTR_MASK 0x80000000
#define DPFLTR_SYSTEM_ID 0
#define DPFLTR_NTFS_ID 3
#define DPFLTR_FSTUB_ID 4
#define DPFLTR_FASTFAT_ID 8
#define DPFLTR_FLTMGR_ID 47
#define DPFLTR_IHVDRIVER_ID 77
#define DPFLTR_IHVVIDEO_ID 78
#define DPFLTR_IHVAUDIO_ID 79
#define DPFLTR_IHVNETWORK_ID 80
#define DPFLTR_IHVSTREAMING_ID 81
#define DPFLTR_IHVBUS_ID 82
#define DPFLTR_DEFAULT_ID 101

/* nf-wdm-dbgprint: any IRQL; wide text only at PASSIVE_LEVEL. Windows' formats: %wZ %Z %ws %S %I64x %p,
 * `l` is 32 bits. Output goes to the machine's trace. */
ULONG DbgPrint(PCSTR Format, ...);
ULONG DbgPrintEx(ULONG ComponentId, ULONG Level, PCSTR Format, ...);
ULONG DbgPrintReturnControlC(PCSTR Format, ...);
/* MSVC drops the comma before an empty __VA_ARGS__, and drivers' own macros rely on it: a last
 * argument of nothing goes. */
#ifndef FLTSIM_LIBRARY
#define DbgPrint(Format, ...) (DbgPrint)(Format FLTSIM_TRIM(__VA_ARGS__))
#define DbgPrintEx(ComponentId, Level, Format, ...)                                                \
    (DbgPrintEx)(ComponentId, Level, Format FLTSIM_TRIM(__VA_ARGS__))
#endif
ULONG vDbgPrintEx(ULONG ComponentId, ULONG Level, PCSTR Format, va_list arglist);
ULONG vDbgPrintExWithPrefix(PCSTR Prefix, ULONG ComponentId, ULONG Level, PCSTR Format, va_list arglist);
NTSTATUS DbgQueryDebugFilterState(ULONG ComponentId, ULONG Level);
NTSTATUS DbgSetDebugFilterState(ULONG ComponentId, ULONG Level, BOOLEAN State);
VOID DbgBreakPoint(VOID);
VOID DbgBreakPointWithStatus(ULONG Status);
VOID RtlAssert(PVOID VoidFailedAssertion, PVOID VoidFileName, ULONG LineNumber, PCSTR MutableMessage);
#define DbgRaiseAssertionFailure() RtlAssert((PVOID) "assertion", (PVOID)__FILE__, __LINE__, NULL)
/* A page fault waiting to happen: pageable code entered above APC_LEVEL. */
VOID fltsim_paged_code(const char *function, const char *file, int line);

#if DBG
/* KdPrint(("text"), x) passes MSVC: what a macro is given too much is dropped. */
#define FLTSIM_FIRST(First, ...) First
#define KdPrint(...) DbgPrint FLTSIM_FIRST(__VA_ARGS__, )
#define KdPrintEx(...) DbgPrintEx FLTSIM_FIRST(__VA_ARGS__, )
#define KdBreakPoint() DbgBreakPoint()
#undef ASSERT
#define ASSERT(exp)                                                                                \
    ((!(exp)) ? (RtlAssert((PVOID)#exp, (PVOID)__FILE__, __LINE__, NULL), FALSE) : TRUE)
#define ASSERTMSG(msg, exp)                                                                        \
    ((!(exp)) ? (RtlAssert((PVOID)#exp, (PVOID)__FILE__, __LINE__, (msg)), FALSE) : TRUE)
#define RTL_SOFT_ASSERT(exp)                                                                       \
    ((!(exp)) ? (DbgPrint("%s(%d): Soft assertion failed\n   Expression: %s\n", __FILE__, __LINE__, #exp), \
                 FALSE)                                                                            \
              : TRUE)
#define RTL_VERIFY(exp) ASSERT(exp)
#define NT_VERIFY(exp) ASSERT(exp)
#define NT_ASSERT(exp) ASSERT(exp)
#define NT_ASSERTMSG(msg, exp) ASSERTMSG(msg, exp)
#define NT_ASSERT_ASSUME ASSERT
#define PAGED_CODE() fltsim_paged_code(__func__, __FILE__, __LINE__)
#else
#define KdPrint(...)
#define KdPrintEx(...)
#define KdBreakPoint()
#undef ASSERT
#define ASSERT(exp) ((void)0)
#define ASSERTMSG(msg, exp) ((void)0)
#define RTL_SOFT_ASSERT(exp) ((void)0)
#define RTL_VERIFY(exp) ((exp) ? TRUE : FALSE)
#define NT_VERIFY(exp) ((exp) ? TRUE : FALSE)
#define NT_ASSERT(exp) ((void)0)
#define NT_ASSERTMSG(msg, exp) ((void)0)
#define NT_ASSERT_ASSUME(exp) ((void)0)
#define PAGED_CODE() ((void)0)
#endif
#define PAGED_CODE_LOCKED() ((void)0)
#define PAGED_ASSERT(exp) NT_ASSERT(exp)
#define NT_ANALYSIS_ASSUME(exp) ((void)0)
#define NT_FRE_ASSERT(exp) NT_ASSERT(exp)

FLTSIM_WDK_END

#endif
