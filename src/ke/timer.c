/* Timers. The scheduler's entry lives in KTIMER.Private; Header.Inserted says that it is armed. */
#include "ke/kep.h"

#include "verify/api.h"
#include "verify/verify.h"

_Static_assert(sizeof(struct sched_timer) <= KI_TIMER_SITE * sizeof(PVOID), "KTIMER.Private is too small");

static struct sched_timer *ClockEntry(PKTIMER timer) { return (struct sched_timer *)timer->Private; }

static void Fire(struct sched_timer *entry);

bool KiDisarm(PKTIMER timer)
{
    bool armed = sched_timer_disarm(ClockEntry(timer));
    timer->Header.Inserted = FALSE;
    if (armed)
        atomic_fetch_sub_explicit(&KiPending, 1, memory_order_relaxed);
    return armed;
}

size_t KiArmedTimers(PKTIMER *timers, size_t room)
{
    struct sched_timer *entries[64];
    size_t count = sched_timers(Fire, entries, room < 64 ? room : 64);
    for (size_t i = 0; i < count; i++)
        timers[i] = CONTAINING_RECORD((PVOID)entries[i], KTIMER, Private);
    return count;
}

static void Arm(PKTIMER timer, int64_t due)
{
    atomic_fetch_add_explicit(&KiPending, 1, memory_order_relaxed);
    timer->Header.Inserted = TRUE;
    timer->DueTime.QuadPart = (ULONGLONG)due;
    sched_timer_arm(ClockEntry(timer), due, Fire);
}

static void Fire(struct sched_timer *entry)
{
    PKTIMER timer = CONTAINING_RECORD((PVOID)entry, KTIMER, Private);
    bool all = KiBeginSignal(&timer->Header);
    PKDPC dpc = timer->Dpc;

    atomic_fetch_sub_explicit(&KiPending, 1, memory_order_relaxed);
    timer->Header.Inserted = FALSE;
    timer->Header.SignalState = 1;
    if (timer->Period)
        Arm(timer, (int64_t)timer->DueTime.QuadPart + (int64_t)timer->Period * 10000);
    KiEndSignal(&timer->Header, all);
    if (dpc)
        KiQueueDpc(dpc);
}

static void Initialize(PKTIMER timer, TIMER_TYPE type, const char *routine, const void *site)
{
    KiTellGone(timer, sizeof *timer, routine, site);
    RtlZeroMemory(timer, sizeof *timer);
    KiInitializeHeader(&timer->Header,
                       type == NotificationTimer ? TimerNotificationObject : TimerSynchronizationObject, 0);
    timer->TimerType = (USHORT)type;
}

VOID KeInitializeTimerEx(PKTIMER Timer, TIMER_TYPE Type)
{
    Initialize(Timer, Type, "KeInitializeTimerEx", VERIFY_CALLER);
}

VOID KeInitializeTimer(PKTIMER Timer) { Initialize(Timer, NotificationTimer, "KeInitializeTimer", VERIFY_CALLER); }

static BOOLEAN SetTimer(PKTIMER timer, LARGE_INTEGER due, ULONG period, PKDPC dpc, const void *site)
{
    if (dpc)
        KiStartDpcs();
    KiLockObject(timer);
    BOOLEAN armed = timer->Header.Inserted;
    KiDisarm(timer);
    timer->Private[KI_TIMER_SITE] = (PVOID)(ULONG_PTR)site;
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
    return SetTimer(Timer, DueTime, 0, Dpc, VERIFY_CALLER);
}

BOOLEAN KeSetTimerEx(PKTIMER Timer, LARGE_INTEGER DueTime, LONG Period, PKDPC Dpc)
{
    API_ENTER(KeSetTimerEx, Timer, SCHED_WRITE);
    return SetTimer(Timer, DueTime, Period > 0 ? (ULONG)Period : 0, Dpc, VERIFY_CALLER);
}

BOOLEAN KeSetCoalescableTimer(PKTIMER Timer, LARGE_INTEGER DueTime, ULONG Period, ULONG TolerableDelay, PKDPC Dpc)
{
    API_ENTER(KeSetCoalescableTimer, Timer, SCHED_WRITE);
    return SetTimer(Timer, DueTime, Period, Dpc, VERIFY_CALLER);
}

BOOLEAN KeCancelTimer(PKTIMER Timer)
{
    API_ENTER(KeCancelTimer, Timer, SCHED_WRITE);
    KiLockObject(Timer);
    BOOLEAN armed = Timer->Header.Inserted;
    KiDisarm(Timer);
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
