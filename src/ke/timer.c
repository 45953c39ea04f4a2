/* Timers. The scheduler's entry lives in KTIMER.Private; Header.Inserted says that it is armed. */
#include "ke/kep.h"

#include "verify/api.h"

_Static_assert(sizeof(struct sched_timer) <= sizeof(((KTIMER *)0)->Private), "KTIMER.Private is too small");

static struct sched_timer *ClockEntry(PKTIMER timer) { return (struct sched_timer *)timer->Private; }

static void Fire(struct sched_timer *entry);

static void Arm(PKTIMER timer, int64_t due)
{
    timer->Header.Inserted = TRUE;
    timer->DueTime.QuadPart = (ULONGLONG)due;
    sched_timer_arm(ClockEntry(timer), due, Fire);
}

static void Fire(struct sched_timer *entry)
{
    PKTIMER timer = CONTAINING_RECORD((PVOID)entry, KTIMER, Private);
    bool all = KiBeginSignal(&timer->Header);
    PKDPC dpc = timer->Dpc;

    timer->Header.Inserted = FALSE;
    timer->Header.SignalState = 1;
    if (timer->Period)
        Arm(timer, (int64_t)timer->DueTime.QuadPart + (int64_t)timer->Period * 10000);
    KiEndSignal(&timer->Header, all);
    if (dpc)
        KiQueueDpc(dpc);
}

VOID KeInitializeTimerEx(PKTIMER Timer, TIMER_TYPE Type)
{
    RtlZeroMemory(Timer, sizeof *Timer);
    KiInitializeHeader(&Timer->Header,
                       Type == NotificationTimer ? TimerNotificationObject : TimerSynchronizationObject, 0);
    Timer->TimerType = (USHORT)Type;
}

VOID KeInitializeTimer(PKTIMER Timer) { KeInitializeTimerEx(Timer, NotificationTimer); }

static BOOLEAN SetTimer(PKTIMER timer, LARGE_INTEGER due, ULONG period, PKDPC dpc)
{
    if (dpc)
        KiStartDpcs();
    KiLockObject(timer);
    BOOLEAN armed = timer->Header.Inserted;
    sched_timer_disarm(ClockEntry(timer));
    timer->Header.SignalState = 0;
    timer->Period = period;
    timer->Dpc = dpc;
    Arm(timer, KiDeadline(&due));
    KiUnlockObject(timer);
    return armed;
}

BOOLEAN KeSetTimer(PKTIMER Timer, LARGE_INTEGER DueTime, PKDPC Dpc)
{
    API_ENTER(KeSetTimer, Timer, SCHED_WRITE);
    return SetTimer(Timer, DueTime, 0, Dpc);
}

BOOLEAN KeSetTimerEx(PKTIMER Timer, LARGE_INTEGER DueTime, LONG Period, PKDPC Dpc)
{
    API_ENTER(KeSetTimerEx, Timer, SCHED_WRITE);
    return SetTimer(Timer, DueTime, Period > 0 ? (ULONG)Period : 0, Dpc);
}

BOOLEAN KeSetCoalescableTimer(PKTIMER Timer, LARGE_INTEGER DueTime, ULONG Period, ULONG TolerableDelay, PKDPC Dpc)
{
    API_ENTER(KeSetCoalescableTimer, Timer, SCHED_WRITE);
    return SetTimer(Timer, DueTime, Period, Dpc);
}

BOOLEAN KeCancelTimer(PKTIMER Timer)
{
    API_ENTER(KeCancelTimer, Timer, SCHED_WRITE);
    KiLockObject(Timer);
    BOOLEAN armed = Timer->Header.Inserted;
    sched_timer_disarm(ClockEntry(Timer));
    Timer->Header.Inserted = FALSE;
    Timer->Period = 0;
    KiUnlockObject(Timer);
    return armed;
}

BOOLEAN KeReadStateTimer(PKTIMER Timer)
{
    API_ENTER(KeReadStateTimer, Timer, SCHED_READ);
    KiLockObject(Timer);
    BOOLEAN signalled = Timer->Header.SignalState > 0;
    KiUnlockObject(Timer);
    return signalled;
}
