/* A device's timer: its routine runs once a second at DISPATCH_LEVEL. */
#include "iop.h"

struct _IO_TIMER {
    KTIMER timer;
    KDPC dpc;
    PDEVICE_OBJECT device;
    PIO_TIMER_ROUTINE routine;
    PVOID context;
};

static VOID Tick(PKDPC dpc, PVOID context, PVOID first, PVOID second)
{
    struct _IO_TIMER *timer = context;
    timer->routine(timer->device, timer->context);
}

NTSTATUS IoInitializeTimer(PDEVICE_OBJECT DeviceObject, PIO_TIMER_ROUTINE TimerRoutine, PVOID Context)
{
    struct _IO_TIMER *timer = DeviceObject->Timer;
    if (!timer) {
        timer = sim_alloc(sizeof *timer);
        KeInitializeTimer(&timer->timer);
        KeInitializeDpc(&timer->dpc, Tick, timer);
        timer->device = DeviceObject;
        DeviceObject->Timer = timer;
    }
    timer->routine = TimerRoutine;
    timer->context = Context;
    return STATUS_SUCCESS;
}

VOID IoStartTimer(PDEVICE_OBJECT DeviceObject)
{
    struct _IO_TIMER *timer = DeviceObject->Timer;
    LARGE_INTEGER second = {.QuadPart = -10 * 1000 * 1000};
    KeSetTimerEx(&timer->timer, second, 1000, &timer->dpc);
}

VOID IoStopTimer(PDEVICE_OBJECT DeviceObject) { KeCancelTimer(&((struct _IO_TIMER *)DeviceObject->Timer)->timer); }
