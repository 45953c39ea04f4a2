#include "ex/pool.h"
#include "ke/kep.h"

#include "verify/api.h"
#include "verify/verify.h"

void KiInitializeEvent(PRKEVENT event, EVENT_TYPE type, bool state)
{
    KiInitializeHeader(&event->Header,
                       type == NotificationEvent ? EventNotificationObject : EventSynchronizationObject, state);
}

VOID KeInitializeEvent(PRKEVENT Event, EVENT_TYPE Type, BOOLEAN State)
{
    ExpCheckResident(Event, "event", VERIFY_CALLER);
    KiInitializeEvent(Event, Type, State != FALSE);
}

LONG KiSetEvent(PRKEVENT Event)
{
    bool all = KiBeginSignal(&Event->Header);
    LONG before = Event->Header.SignalState;
    Event->Header.SignalState = 1;
    KiEndSignal(&Event->Header, all);
    return before;
}

LONG KeSetEvent(PRKEVENT Event, KPRIORITY Increment, BOOLEAN Wait)
{
    API_ENTER(KeSetEvent, Event, SCHED_WRITE);
    return KiSetEvent(Event);
}

LONG KePulseEvent(PRKEVENT Event, KPRIORITY Increment, BOOLEAN Wait)
{
    API_ENTER(KePulseEvent, Event, SCHED_WRITE);
    bool all = KiBeginSignal(&Event->Header);
    LONG before = Event->Header.SignalState;
    Event->Header.SignalState = 1;
    KiEndPulse(&Event->Header, all, 0);
    return before;
}

LONG KeResetEvent(PRKEVENT Event)
{
    API_ENTER(KeResetEvent, Event, SCHED_WRITE);
    KiLockObject(Event);
    LONG before = Event->Header.SignalState;
    Event->Header.SignalState = 0;
    KiUnlockObject(Event);
    return before;
}

VOID KeClearEvent(PRKEVENT Event)
{
    API_ENTER(KeClearEvent, Event, SCHED_WRITE);
    KiLockObject(Event);
    Event->Header.SignalState = 0;
    KiUnlockObject(Event);
}

static LONG ReadState(PDISPATCHER_HEADER header)
{
    KiLockObject(header);
    LONG state = header->SignalState;
    KiUnlockObject(header);
    return state;
}

LONG KeReadStateEvent(PRKEVENT Event)
{
    API_ENTER(KeReadStateEvent, Event, SCHED_READ);
    return ReadState(&Event->Header);
}
