/* Clocks: all of them read virtual time. The machine booted when virtual time was 0. */
#include "ke/kep.h"

#include <ntifs.h>

enum { TICK = 156250 };

VOID KeQuerySystemTime(PLARGE_INTEGER CurrentTime) { CurrentTime->QuadPart = KI_BOOT_TIME + sched_now(); }

VOID KeQuerySystemTimePrecise(PLARGE_INTEGER CurrentTime) { KeQuerySystemTime(CurrentTime); }

ULONGLONG KeQueryInterruptTime(VOID) { return (ULONGLONG)sched_now(); }

ULONGLONG KeQueryInterruptTimePrecise(PULONG64 QpcTimeStamp)
{
    *QpcTimeStamp = (ULONG64)sched_now();
    return (ULONGLONG)sched_now();
}

ULONGLONG KeQueryUnbiasedInterruptTime(VOID) { return (ULONGLONG)sched_now(); }

VOID KeQueryTickCount(PLARGE_INTEGER CurrentCount) { CurrentCount->QuadPart = sched_now() / TICK; }

ULONG KeQueryTimeIncrement(VOID) { return TICK; }

LARGE_INTEGER KeQueryPerformanceCounter(PLARGE_INTEGER PerformanceFrequency)
{
    LARGE_INTEGER counter = {.QuadPart = sched_now()};
    if (PerformanceFrequency)
        PerformanceFrequency->QuadPart = 10000000;
    return counter;
}

VOID KeStallExecutionProcessor(ULONG MicroSeconds) { sched_stall((int64_t)MicroSeconds * 10); }
