/* Timer objects, by handle. */
#include "ob/state.h"

#include "fault/fault.h"
#include "ke/thread.h"
#include "ob/exports.h"
#include "verify/api.h"

extern POBJECT_TYPE ObpTimerType;

void ObpDeleteTimer(PVOID timer) { KeCancelTimer(timer); }

static NTSTATUS create(PHANDLE handle, ACCESS_MASK access, POBJECT_ATTRIBUTES attributes, TIMER_TYPE type, CCHAR mode,
                       const void *site)
{
    PVOID timer;

    if (type != NotificationTimer && type != SynchronizationTimer)
        return STATUS_INVALID_PARAMETER_4;
    if (fault_allocation())
        return STATUS_INSUFFICIENT_RESOURCES;
    ObpCreateObject(ObpTimerType, sizeof(KTIMER), &timer);
    ObpHeader(timer)->site = site;
    KeInitializeTimerEx(timer, type);
    return ObpInsertObject(timer, attributes, mode, access, site, handle);
}

NTSTATUS ZwCreateTimer(PHANDLE TimerHandle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes, TIMER_TYPE TimerType)
{
    API_ENTER(ZwCreateTimer, ObjectAttributes, SCHED_WRITE);
    return create(TimerHandle, DesiredAccess, ObjectAttributes, TimerType, KernelMode, VERIFY_CALLER);
}

NTSTATUS NtCreateTimer(PHANDLE TimerHandle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes, TIMER_TYPE TimerType)
{
    API_ENTER(NtCreateTimer, ObjectAttributes, SCHED_WRITE);
    return create(TimerHandle, DesiredAccess, ObjectAttributes, TimerType, KeGetPreviousMode(), VERIFY_CALLER);
}

NTSTATUS ZwOpenTimer(PHANDLE TimerHandle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes)
{
    API_ENTER(ZwOpenTimer, ObjectAttributes, SCHED_READ);
    return ObpOpenByName(ObjectAttributes, ObpTimerType, KernelMode, DesiredAccess, NULL, VERIFY_CALLER, TimerHandle);
}

NTSTATUS NtOpenTimer(PHANDLE TimerHandle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes)
{
    API_ENTER(NtOpenTimer, ObjectAttributes, SCHED_READ);
    return ObpOpenByName(ObjectAttributes, ObpTimerType, KeGetPreviousMode(), DesiredAccess, NULL, VERIFY_CALLER, TimerHandle);
}

static NTSTATUS set(HANDLE handle, PLARGE_INTEGER due, PTIMER_APC_ROUTINE routine, LONG period, PBOOLEAN previous, CCHAR mode)
{
    PVOID timer;

    if (period < 0)
        return STATUS_INVALID_PARAMETER_6;
    if (routine) /* no page says more of it than its name */
        return STATUS_NOT_SUPPORTED;
    NTSTATUS status = ObpReferenceHandle(handle, TIMER_MODIFY_STATE, ObpTimerType, mode, &timer, NULL);
    if (!NT_SUCCESS(status))
        return status;
    BOOLEAN before = KeReadStateTimer(timer);
    KeSetTimerEx(timer, *due, period, NULL);
    if (previous)
        *previous = before;
    ObpDereference(timer);
    return STATUS_SUCCESS;
}

NTSTATUS ZwSetTimer(HANDLE TimerHandle, PLARGE_INTEGER DueTime, PTIMER_APC_ROUTINE TimerApcRoutine, PVOID TimerContext,
                    BOOLEAN ResumeTimer, LONG Period, PBOOLEAN PreviousState)
{
    API_ENTER(ZwSetTimer, TimerHandle, SCHED_WRITE);
    return set(TimerHandle, DueTime, TimerApcRoutine, Period, PreviousState, KernelMode);
}

NTSTATUS NtSetTimer(HANDLE TimerHandle, PLARGE_INTEGER DueTime, PTIMER_APC_ROUTINE TimerApcRoutine, PVOID TimerContext,
                    BOOLEAN ResumeTimer, LONG Period, PBOOLEAN PreviousState)
{
    API_ENTER(NtSetTimer, TimerHandle, SCHED_WRITE);
    return set(TimerHandle, DueTime, TimerApcRoutine, Period, PreviousState, KeGetPreviousMode());
}

static NTSTATUS cancel(HANDLE handle, PBOOLEAN current, CCHAR mode)
{
    PVOID timer;
    NTSTATUS status = ObpReferenceHandle(handle, TIMER_MODIFY_STATE, ObpTimerType, mode, &timer, NULL);

    if (!NT_SUCCESS(status))
        return status;
    KeCancelTimer(timer);
    if (current)
        *current = KeReadStateTimer(timer);
    ObpDereference(timer);
    return STATUS_SUCCESS;
}

NTSTATUS ZwCancelTimer(HANDLE TimerHandle, PBOOLEAN CurrentState)
{
    API_ENTER(ZwCancelTimer, TimerHandle, SCHED_WRITE);
    return cancel(TimerHandle, CurrentState, KernelMode);
}

NTSTATUS NtCancelTimer(HANDLE TimerHandle, PBOOLEAN CurrentState)
{
    API_ENTER(NtCancelTimer, TimerHandle, SCHED_WRITE);
    return cancel(TimerHandle, CurrentState, KeGetPreviousMode());
}
