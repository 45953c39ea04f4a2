/* The system's state as every process can read it. Brought up to date by each look at it. */
#include "rtl/rtlp.h"

#include <nt/ps.h>

static KUSER_SHARED_DATA shared;

static void SetTime(volatile KSYSTEM_TIME *to, ULONGLONG value)
{
    to->LowPart = (ULONG)value;
    to->High1Time = to->High2Time = (LONG)(value >> 32);
}

static void SetOnce(void)
{
    static const WCHAR root[] = u"C:\\Windows";

    memcpy(shared.NtSystemRoot, root, sizeof root);
    shared.NtProductType = NtProductWinNt;
    shared.ProductTypeIsValid = TRUE;
    shared.NtMajorVersion = 10;
    shared.NtMinorVersion = 0;
    shared.TickCountMultiplier = 0x0FA00000; /* 15.625 ms a tick, in 2^-24 ms */
}

PKUSER_SHARED_DATA fltsim_shared_user_data(void)
{
    LARGE_INTEGER system, ticks;

    SetOnce();
    KeQuerySystemTime(&system);
    KeQueryTickCount(&ticks);
    SetTime(&shared.SystemTime, (ULONGLONG)system.QuadPart);
    SetTime(&shared.InterruptTime, KeQueryInterruptTime());
    SetTime(&shared.TickCount, (ULONGLONG)ticks.QuadPart);
    shared.ActiveProcessorCount = KeQueryActiveProcessorCountEx(ALL_PROCESSOR_GROUPS);
    shared.KdDebuggerEnabled = KD_DEBUGGER_ENABLED;
    return &shared;
}
