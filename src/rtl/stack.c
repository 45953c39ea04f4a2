/* The calling thread's stack. */
#include "rtl/rtlp.h"

#include "plat/fault.h"

#define MOST 64

USHORT RtlCaptureStackBackTrace(ULONG FramesToSkip, ULONG FramesToCapture, PVOID *BackTrace,
                                PULONG BackTraceHash)
{
    void *frames[MOST];
    size_t count = plat_backtrace(frames, MOST);
    ULONG taken = 0;
    ULONG_PTR hash = 0;

    for (size_t i = FramesToSkip; i < count && taken < FramesToCapture; i++) {
        BackTrace[taken++] = frames[i];
        hash += (ULONG_PTR)frames[i];
    }
    if (BackTraceHash != NULL)
        *BackTraceHash = (ULONG)hash;
    return (USHORT)taken;
}

ULONG RtlWalkFrameChain(PVOID *Callers, ULONG Count, ULONG Flags)
{
    (void)Flags;
    return (ULONG)plat_backtrace(Callers, Count);
}
