/* Timer objects, by handle. */
#include "ob/state.h"

#include "fault/fault.h"
#include "ke/thread.h"
#include "ob/exports.h"
#include "verify/api.h"

extern POBJECT_TYPE ObpTimerType;

/* What is due when the timer is: a routine, on the thread that set the timer. One reference is the timer's, one the
 * queue's of the thread. */
struct shot {
    KAPC apc;
    LONG references;
    PKTHREAD thread; /* referenced */
    PTIMER_APC_ROUTINE routine;
    PVOID context;
};

struct ob_timer {
    KTIMER timer; /* first: what is waited for */
    KDPC dpc;
    bool shoots; /* it had a routine once */
    struct sched_lock lock;
    struct shot *shot; /* under `lock` */
};

static void drop(struct shot *shot)
{
    if (__atomic_sub_fetch(&shot->references, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    ObpDereference(shot->thread);
    sim_free(shot);
}

static VOID no_kernel_part(PRKAPC apc, PKNORMAL_ROUTINE *routine, PVOID *context, PVOID *one, PVOID *two) {}

static VOID call_routine(PVOID context, PVOID low, PVOID high)
{
    struct shot *shot = context;
    shot->routine(shot->context, (ULONG)(ULONG_PTR)low, (LONG)(ULONG_PTR)high);
    drop(shot);
}

static VOID on_time(PKDPC dpc, PVOID context, PVOID one, PVOID two)
{
    struct ob_timer *timer = context;
    LARGE_INTEGER now;

    KeQuerySystemTime(&now);
    sched_lock(&timer->lock);
    struct shot *shot = timer->shot;
    if (shot)
        __atomic_add_fetch(&shot->references, 1, __ATOMIC_RELAXED);
    sched_unlock(&timer->lock);
    if (shot && !KeInsertQueueApc(&shot->apc, (PVOID)(ULONG_PTR)now.LowPart, (PVOID)(LONG_PTR)now.HighPart, 0))
        drop(shot);
}

/* The timer stops; a routine that is due and has not begun yet is not called any more. */
static void disarm(struct ob_timer *timer, struct shot *next)
{
    KeCancelTimer(&timer->timer);
    if (__atomic_load_n(&timer->shoots, __ATOMIC_RELAXED))
        KeFlushQueuedDpcs();
    sched_lock(&timer->lock);
    struct shot *shot = timer->shot;
    timer->shot = next;
    sched_unlock(&timer->lock);
    if (!shot)
        return;
    if (KiRemoveApc(&shot->apc))
        drop(shot);
    drop(shot);
}

void ObpDeleteTimer(PVOID timer) { disarm(timer, NULL); }

static struct shot *load(PTIMER_APC_ROUTINE routine, PVOID context, CCHAR mode)
{
    struct shot *shot = sim_alloc(sizeof *shot);
    PKTHREAD thread = KiCurrentThread();
    ObpReference(thread);
    shot->references = 1;
    shot->thread = thread;
    shot->routine = routine;
    shot->context = context;
    KeInitializeApc(&shot->apc, thread, OriginalApcEnvironment, no_kernel_part, NULL, call_routine, mode, shot);
    return shot;
}

static NTSTATUS create(PHANDLE handle, ACCESS_MASK access, POBJECT_ATTRIBUTES attributes, TIMER_TYPE type, CCHAR mode,
                       const void *site)
{
    struct ob_timer *timer;

    if (type != NotificationTimer && type != SynchronizationTimer)
        return STATUS_INVALID_PARAMETER_4;
    if (fault_allocation())
        return STATUS_INSUFFICIENT_RESOURCES;
    ObpCreateObject(ObpTimerType, sizeof *timer, (PVOID *)&timer);
    ObpHeader(timer)->site = site;
    KeInitializeTimerEx(&timer->timer, type);
    KeInitializeDpc(&timer->dpc, on_time, timer);
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

static NTSTATUS set(HANDLE handle, PLARGE_INTEGER due, PTIMER_APC_ROUTINE routine, PVOID context, LONG period,
                    PBOOLEAN previous, CCHAR mode)
{
    struct ob_timer *timer;

    if (period < 0)
        return STATUS_INVALID_PARAMETER_6;
    NTSTATUS status = ObpReferenceHandle(handle, TIMER_MODIFY_STATE, ObpTimerType, mode, (PVOID *)&timer, NULL);
    if (!NT_SUCCESS(status))
        return status;
    BOOLEAN before = KeReadStateTimer(&timer->timer);
    disarm(timer, routine ? load(routine, context, mode) : NULL);
    if (routine)
        __atomic_store_n(&timer->shoots, true, __ATOMIC_RELAXED);
    KeSetTimerEx(&timer->timer, *due, period, routine ? &timer->dpc : NULL);
    if (previous)
        *previous = before;
    ObpDereference(timer);
    return STATUS_SUCCESS;
}

NTSTATUS ZwSetTimer(HANDLE TimerHandle, PLARGE_INTEGER DueTime, PTIMER_APC_ROUTINE TimerApcRoutine, PVOID TimerContext,
                    BOOLEAN ResumeTimer, LONG Period, PBOOLEAN PreviousState)
{
    API_ENTER(ZwSetTimer, TimerHandle, SCHED_WRITE);
    return set(TimerHandle, DueTime, TimerApcRoutine, TimerContext, Period, PreviousState, KernelMode);
}

NTSTATUS NtSetTimer(HANDLE TimerHandle, PLARGE_INTEGER DueTime, PTIMER_APC_ROUTINE TimerApcRoutine, PVOID TimerContext,
                    BOOLEAN ResumeTimer, LONG Period, PBOOLEAN PreviousState)
{
    API_ENTER(NtSetTimer, TimerHandle, SCHED_WRITE);
    return set(TimerHandle, DueTime, TimerApcRoutine, TimerContext, Period, PreviousState, KeGetPreviousMode());
}

static NTSTATUS cancel(HANDLE handle, PBOOLEAN current, CCHAR mode)
{
    struct ob_timer *timer;
    NTSTATUS status = ObpReferenceHandle(handle, TIMER_MODIFY_STATE, ObpTimerType, mode, (PVOID *)&timer, NULL);

    if (!NT_SUCCESS(status))
        return status;
    disarm(timer, NULL);
    if (current)
        *current = KeReadStateTimer(&timer->timer);
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
