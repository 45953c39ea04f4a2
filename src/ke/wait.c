/* The wait: the one place of the library that blocks. */
#include "ke/dispatcher.h"
#include "ke/kep.h"

#include "plat/pages.h"
#include "verify/api.h"
#include "verify/verify.h"

int64_t KiDeadline(const LARGE_INTEGER *timeout)
{
    if (!timeout)
        return SCHED_FOREVER;
    if (timeout->QuadPart > 0)
        return timeout->QuadPart > KI_BOOT_TIME ? timeout->QuadPart - KI_BOOT_TIME : 0;
    int64_t now = sched_now();
    if (timeout->QuadPart <= now - SCHED_FOREVER)
        return SCHED_FOREVER;
    return now - timeout->QuadPart;
}

void KiBeginWait(PKTHREAD thread, const struct ki_wait_options *options)
{
    struct ki_wait *wait = &thread->wait;
    wait->type = options->type;
    /* KiAlertThread looks at these two from other threads. */
    __atomic_store_n(&wait->mode, options->mode, __ATOMIC_RELAXED);
    __atomic_store_n(&wait->alertable, options->alertable, __ATOMIC_RELAXED);
    wait->reason = options->reason;
    wait->deadline = options->deadline;
    wait->since = sched_now();
    wait->site = options->site;
    wait->hint = options->hint;
    wait->broken = options->broken;
    atomic_store(&wait->state, KI_WAITING);
}

/* An alert, an APC, or the end of a daemon, that came before the wait or while it lasts. */
static void LookForInterruption(PKTHREAD thread)
{
    struct ki_wait *wait = &thread->wait;
    int waiting = KI_WAITING, result = KI_WAITING;

    if (wait->alertable && thread->alerted[KernelMode])
        result = KI_WAIT_ALERTED;
    else if (wait->alertable && wait->mode == UserMode && thread->alerted[UserMode])
        result = KI_WAIT_ALERTED;
    else if (wait->alertable && wait->mode == UserMode && KiHasApc(thread, UserMode))
        result = KI_WAIT_USER_APC;
    else if (thread->daemon && thread->terminating)
        result = KI_WAIT_ENDED;
    else if (wait->broken && atomic_load(wait->broken))
        result = KI_WAIT_BROKEN;
    else if (KiApcIsDue(thread))
        result = KI_WAIT_KERNEL_APC;
    if (result == KI_WAITING || !atomic_compare_exchange_strong(&wait->state, &waiting, result))
        return;
    if (result == KI_WAIT_ALERTED)
        thread->alerted[thread->alerted[KernelMode] ? KernelMode : UserMode] = false;
}

int KiPark(PKTHREAD thread)
{
    struct ki_wait *wait = &thread->wait;

    thread->poll.exchanges = 0;
    LookForInterruption(thread);
    while (atomic_load(&wait->state) == KI_WAITING) {
        int waiting = KI_WAITING;
        if (!sched_park(wait->deadline))
            atomic_compare_exchange_strong(&wait->state, &waiting, KI_WAIT_TIMEOUT);
        LookForInterruption(thread);
    }
    return atomic_load(&wait->state);
}

/* ---- blocks ------------------------------------------------------------------------------------------------------------ */

static void LinkBlocks(PKTHREAD thread, ULONG count, PVOID *objects, WAIT_TYPE type)
{
    for (ULONG i = 0; i < count; i++) {
        PKWAIT_BLOCK block = &thread->wait.blocks[i];
        block->WaitType = (UCHAR)type;
        block->WaitKey = (USHORT)i;
        block->Thread = thread;
        block->Object = objects[i];
        InsertTailList(&KiHeader(objects[i])->WaitListHead, &block->WaitListEntry);
    }
    thread->wait.count = count;
}

static void UnlinkBlocks(PKTHREAD thread)
{
    struct ki_wait *wait = &thread->wait;
    for (ULONG i = 0; i < wait->count; i++) {
        PKWAIT_BLOCK block = &wait->blocks[i];
        const void *object = block->Object;
        KiLockObject(object);
        RemoveEntryList(&block->WaitListEntry);
        InitializeListHead(&block->WaitListEntry);
        KiUnlockObject(object);
    }
    wait->count = 0;
}

/* What it waits for may be in memory that was freed since: then there is nothing to be unlinked from. */
void KiForgetWait(PKTHREAD thread)
{
    struct ki_wait *wait = &thread->wait;
    for (ULONG i = 0; i < wait->count; i++)
        if (!plat_pages_readable(wait->blocks[i].Object, sizeof(DISPATCHER_HEADER)))
            InitializeListHead(&wait->blocks[i].WaitListEntry);
    UnlinkBlocks(thread);
}

/* ---- the wait ---------------------------------------------------------------------------------------------------------- */

static void LockAllOf(ULONG count, PVOID *objects)
{
    if (count == 1)
        KiLockObject(objects[0]);
    else
        KiLockAll();
}

static void UnlockAllOf(ULONG count, PVOID *objects)
{
    if (count == 1)
        KiUnlockObject(objects[0]);
    else
        KiUnlockAll();
}

/* Locked. The result, or KI_WAITING when the objects do not satisfy the wait now. */
static int TryAtOnce(PKTHREAD thread, ULONG count, PVOID *objects, WAIT_TYPE type)
{
    int abandoned = 0;

    if (type == WaitAny || count == 1) {
        for (ULONG i = 0; i < count; i++)
            if (KiCanTake(objects[i], thread))
                return (int)i | KiTake(objects[i], thread);
        return KI_WAITING;
    }
    for (ULONG i = 0; i < count; i++)
        if (!KiCanTake(objects[i], thread))
            return KI_WAITING;
    for (ULONG i = 0; i < count; i++)
        abandoned |= KiTake(objects[i], thread);
    return abandoned;
}

static NTSTATUS StatusOf(PKTHREAD thread, int result)
{
    switch (result) {
    case KI_WAIT_TIMEOUT:
        return STATUS_TIMEOUT;
    case KI_WAIT_ALERTED:
        return STATUS_ALERTED;
    case KI_WAIT_USER_APC:
        KiDeliverApcs(thread, UserMode);
        return STATUS_USER_APC;
    case KI_WAIT_ENDED:
        return STATUS_THREAD_IS_TERMINATING;
    case KI_WAIT_BROKEN:
        return STATUS_CANCELLED;
    default:
        return (NTSTATUS)result;
    }
}

/* One try. After a kernel APC, which may itself wait, there is another one. */
static int WaitOnce(PKTHREAD thread, PKWAIT_BLOCK blocks, ULONG count, PVOID *objects,
                    const struct ki_wait_options *options)
{
    LockAllOf(count, objects);
    int result = TryAtOnce(thread, count, objects, options->type);
    if (result != KI_WAITING || options->deadline <= sched_now()) {
        UnlockAllOf(count, objects);
        return result;
    }
    KiBeginWait(thread, options);
    thread->wait.blocks = blocks;
    LinkBlocks(thread, count, objects, count == 1 ? WaitAny : options->type);
    UnlockAllOf(count, objects);
    result = KiPark(thread);
    UnlinkBlocks(thread);
    thread->wait.blocks = thread->wait.own;
    return result;
}

void KiPoll(const char *what, const void *object, const void *site)
{
    KiCurrentThread()->poll = (struct ki_poll){.site = site, .what = what, .object = object};
    sched_yield_now();
}

NTSTATUS KiWait(ULONG count, PVOID *objects, const struct ki_wait_options *options)
{
    PKTHREAD thread = KiCurrentThread();
    bool many = count > sizeof thread->wait.own / sizeof *thread->wait.own;
    PKWAIT_BLOCK blocks = many ? sim_alloc(count * sizeof *blocks) : thread->wait.own;
    int result;

    while ((result = WaitOnce(thread, blocks, count, objects, options)) == KI_WAIT_KERNEL_APC)
        KiDeliverApcs(thread, KernelMode);
    if (many)
        sim_free(blocks);
    if (result == KI_WAITING) {
        KiPoll(count == 1 ? KiTypeName(objects[0]) : NULL, objects[0], options->site); /* somebody must change the answer */
        return STATUS_TIMEOUT;
    }
    return StatusOf(thread, result);
}

static void CheckLevel(const char *routine, int64_t deadline, const void *site)
{
    PKTHREAD thread = KiCurrentThread();
    if (__builtin_expect(thread->irql < DISPATCH_LEVEL, 1))
        return;
    if (thread->irql == DISPATCH_LEVEL && deadline <= sched_now())
        return;
    verify_irql_too_high(routine, APC_LEVEL, site);
}

NTSTATUS KiWaitFor(PVOID object, const LARGE_INTEGER *timeout, const struct ki_wait_hint *hint, const void *site)
{
    const struct ki_wait_options options = {
        .type = WaitAny, .deadline = KiDeadline(timeout), .hint = hint, .site = site};
    return KiWait(1, &object, &options);
}

static NTSTATUS WaitForMutex(PVOID mutex, const struct ki_wait_options *options)
{
    struct verify_held *held = &KiCurrentThread()->held;
    if (options->deadline == SCHED_FOREVER)
        verify_lock_wanted(held, mutex, true, options->site);
    NTSTATUS status = KiWait(1, &mutex, options);
    if (status == STATUS_SUCCESS || status == STATUS_ABANDONED)
        verify_lock_taken(held, mutex, "mutex", true, options->site);
    return status;
}

NTSTATUS KeWaitForSingleObject(PVOID Object, KWAIT_REASON WaitReason, KPROCESSOR_MODE WaitMode, BOOLEAN Alertable,
                               PLARGE_INTEGER Timeout)
{
    const struct ki_wait_options options = {.type = WaitAny,
                                            .reason = WaitReason,
                                            .mode = WaitMode,
                                            .alertable = Alertable,
                                            .deadline = KiDeadline(Timeout),
                                            .site = VERIFY_CALLER};
    CheckLevel("KeWaitForSingleObject", options.deadline, options.site);
    KiCheckObject(Object, "KeWaitForSingleObject", options.site);
    sched_point("KeWaitForSingleObject", Object, SCHED_WRITE);
    if (KiHeader(Object)->Type == MutantObject) {
        KiCheckMutantLimit(Object);
        return WaitForMutex(Object, &options);
    }
    return KiWait(1, &Object, &options);
}

static NTSTATUS WaitForSeveral(ULONG count, PVOID *objects, PKWAIT_BLOCK blocks, const struct ki_wait_options *options)
{
    CheckLevel("KeWaitForMultipleObjects", options->deadline, options->site);
    if (count == 0 || count > MAXIMUM_WAIT_OBJECTS || (!blocks && count > THREAD_WAIT_OBJECTS))
        KeBugCheckEx(0xC, count, blocks != NULL, 0, 0); /* MAXIMUM_WAIT_OBJECTS_EXCEEDED */
    for (ULONG i = 0; i < count; i++)
        KiCheckObject(objects[i], "KeWaitForMultipleObjects", options->site);
    sched_point("KeWaitForMultipleObjects", objects[0], SCHED_WRITE);
    for (ULONG i = 0; i < count; i++)
        if (((DISPATCHER_HEADER *)objects[i])->Type == MutantObject)
            KiCheckMutantLimit(objects[i]);
    return KiWait(count, objects, options);
}

NTSTATUS KeWaitForMultipleObjects(ULONG Count, PVOID Object[], WAIT_TYPE WaitType, KWAIT_REASON WaitReason,
                                  KPROCESSOR_MODE WaitMode, BOOLEAN Alertable, PLARGE_INTEGER Timeout,
                                  PKWAIT_BLOCK WaitBlockArray)
{
    const struct ki_wait_options options = {.type = WaitType,
                                            .reason = WaitReason,
                                            .mode = WaitMode,
                                            .alertable = Alertable,
                                            .deadline = KiDeadline(Timeout),
                                            .site = VERIFY_CALLER};
    return WaitForSeveral(Count, Object, WaitBlockArray, &options);
}

NTSTATUS KiWaitUnlessBroken(const atomic_bool *broken, ULONG count, PVOID *objects, WAIT_TYPE type, PLARGE_INTEGER timeout,
                            PKWAIT_BLOCK blocks, const void *site)
{
    const struct ki_wait_options options = {.type = type,
                                            .reason = Executive,
                                            .mode = UserMode,
                                            .deadline = KiDeadline(timeout),
                                            .site = site,
                                            .broken = broken};
    return WaitForSeveral(count, objects, blocks, &options);
}

void KiBreakWait(PKTHREAD thread, atomic_bool *broken)
{
    atomic_store(broken, true);
    KiUnpark(thread);
}

NTSTATUS KeDelayExecutionThread(KPROCESSOR_MODE WaitMode, BOOLEAN Alertable, PLARGE_INTEGER Interval)
{
    PKTHREAD thread = KiCurrentThread();
    const struct ki_wait_options options = {.type = WaitAny,
                                            .reason = DelayExecution,
                                            .mode = WaitMode,
                                            .alertable = Alertable,
                                            .deadline = KiDeadline(Interval),
                                            .site = VERIFY_CALLER};
    API_IRQL(KeDelayExecutionThread);
    if (options.deadline <= sched_now()) {
        KiPoll(NULL, NULL, options.site);
        return STATUS_SUCCESS;
    }
    int result;
    do {
        KiDeliverApcs(thread, KernelMode);
        KiBeginWait(thread, &options);
        result = KiPark(thread);
    } while (result == KI_WAIT_KERNEL_APC);
    return result == KI_WAIT_TIMEOUT ? STATUS_SUCCESS : StatusOf(thread, result);
}
