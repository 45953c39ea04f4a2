/* Dispatcher objects: their locks, what satisfies a wait, and handing an object out to its waiters.
 *
 * Who signals an object satisfies the waits itself, as Windows does: a waiter is claimed by a compare-and-swap of its
 * wait's state, then the object is taken on its behalf, then it is unparked. A wait for all of several objects can be
 * satisfied only under every lock; such waits are rare. */
#include "ke/kep.h"

#include "plat/thread.h"
#include "verify/verify.h"

static unsigned ShardOf(const void *object)
{
    uintptr_t bits = (uintptr_t)object >> 4;
    return (unsigned)((bits ^ bits >> 6 ^ bits >> 13) % KI_SHARDS);
}

void KiLockObject(const void *object) { sched_lock(&ki->shards[ShardOf(object)].lock); }

void KiUnlockObject(const void *object) { sched_unlock(&ki->shards[ShardOf(object)].lock); }

void KiLockAll(void)
{
    for (unsigned i = 0; i < KI_SHARDS; i++)
        sched_lock(&ki->shards[i].lock);
}

void KiUnlockAll(void)
{
    for (unsigned i = KI_SHARDS; i-- > 0;)
        sched_unlock(&ki->shards[i].lock);
}

void KiInitializeHeader(PDISPATCHER_HEADER header, UCHAR type, LONG state)
{
    static const UCHAR sizes[] = {
        [EventNotificationObject] = sizeof(KEVENT) / sizeof(ULONG), [EventSynchronizationObject] = sizeof(KEVENT) / sizeof(ULONG),
        [MutantObject] = sizeof(KMUTANT) / sizeof(ULONG),           [QueueObject] = sizeof(KQUEUE) / sizeof(ULONG),
        [SemaphoreObject] = sizeof(KSEMAPHORE) / sizeof(ULONG),     [TimerSynchronizationObject] = 0,
    };
    header->Lock = 0;
    header->Type = type;
    header->Size = sizes[type];
    header->SignalState = state;
    InitializeListHead(&header->WaitListHead);
}

const char *KiTypeName(const DISPATCHER_HEADER *header)
{
    switch (header->Type) {
    case EventNotificationObject:
        return "notification event";
    case EventSynchronizationObject:
        return "synchronization event";
    case MutantObject:
        return "mutex";
    case ProcessObject:
        return "process";
    case QueueObject:
        return "queue";
    case SemaphoreObject:
        return "semaphore";
    case ThreadObject:
        return "thread";
    case GateObject:
        return "gate";
    case TimerNotificationObject:
        return "notification timer";
    case TimerSynchronizationObject:
        return "synchronization timer";
    default:
        return NULL;
    }
}

bool KiCanTake(PDISPATCHER_HEADER header, PKTHREAD thread)
{
    if (header->Type == MutantObject)
        return KiCanTakeMutant((KMUTANT *)header, thread);
    return header->SignalState > 0;
}

/* What being waited for does to the object. Answers 0 or KI_ABANDONED. */
int KiTake(PDISPATCHER_HEADER header, PKTHREAD thread)
{
    switch (header->Type) {
    case EventSynchronizationObject:
    case TimerSynchronizationObject:
    case GateObject:
        header->SignalState = 0;
        return 0;
    case SemaphoreObject:
    case QueueObject:
        header->SignalState--;
        return 0;
    case MutantObject:
        return KiTakeMutant((KMUTANT *)header, thread);
    default:
        return 0;
    }
}

static int Abandoned(PDISPATCHER_HEADER header)
{
    return header->Type == MutantObject && ((KMUTANT *)header)->Abandoned ? KI_ABANDONED : 0;
}

static bool Claim(PKTHREAD thread, int result)
{
    int waiting = KI_WAITING;
    return atomic_compare_exchange_strong(&thread->wait.state, &waiting, result);
}

static bool AllCanBeTaken(PKTHREAD thread, int *abandoned)
{
    *abandoned = 0;
    for (ULONG i = 0; i < thread->wait.count; i++) {
        PDISPATCHER_HEADER header = thread->wait.blocks[i].Object;
        if (!KiCanTake(header, thread))
            return false;
        *abandoned |= Abandoned(header);
    }
    return true;
}

/* Every lock is held. */
bool KiTryAll(PKTHREAD thread)
{
    int abandoned;
    if (!AllCanBeTaken(thread, &abandoned) || !Claim(thread, abandoned))
        return false;
    for (ULONG i = 0; i < thread->wait.count; i++)
        KiTake(thread->wait.blocks[i].Object, thread);
    return true;
}

static bool Satisfy(PDISPATCHER_HEADER header, PKWAIT_BLOCK block)
{
    PKTHREAD thread = block->Thread;
    if (block->WaitType == WaitAll)
        return KiTryAll(thread);
    if (!Claim(thread, block->WaitKey | Abandoned(header)))
        return false;
    KiTake(header, thread);
    return true;
}

/* Threads to unpark when the lock is free again: one that runs at once must not find it taken. Until then each one's
 * `unparking` keeps its KTHREAD alive. */
struct wakeups {
    unsigned count;
    PKTHREAD threads[16];
};

static void WakeLater(struct wakeups *wakeups, PKTHREAD thread)
{
    if (wakeups->count == sizeof wakeups->threads / sizeof *wakeups->threads) {
        KiUnpark(thread);
        return;
    }
    atomic_fetch_add(&thread->wait.unparking, 1);
    wakeups->threads[wakeups->count++] = thread;
}

static void WakeNow(const struct wakeups *wakeups)
{
    for (unsigned i = 0; i < wakeups->count; i++) {
        KiUnpark(wakeups->threads[i]);
        atomic_fetch_sub(&wakeups->threads[i]->wait.unparking, 1);
    }
}

void KiAwaitUnparkers(PKTHREAD thread)
{
    while (atomic_load(&thread->wait.unparking))
        plat_thread_yield();
}

static void HandOut(PDISPATCHER_HEADER header, struct wakeups *wakeups)
{
    PLIST_ENTRY head = &header->WaitListHead, next;
    for (PLIST_ENTRY entry = head->Flink; entry != head && header->SignalState > 0; entry = next) {
        PKWAIT_BLOCK block = CONTAINING_RECORD(entry, KWAIT_BLOCK, WaitListEntry);
        PKTHREAD thread = block->Thread;
        next = entry->Flink;
        if (!Satisfy(header, block))
            continue;
        RemoveEntryList(entry);
        InitializeListHead(entry);
        WakeLater(wakeups, thread);
    }
}

static bool SomebodyWaitsForAll(PDISPATCHER_HEADER header)
{
    PLIST_ENTRY head = &header->WaitListHead;
    for (PLIST_ENTRY entry = head->Flink; entry != head; entry = entry->Flink)
        if (CONTAINING_RECORD(entry, KWAIT_BLOCK, WaitListEntry)->WaitType == WaitAll)
            return true;
    return false;
}

bool KiBeginSignal(PDISPATCHER_HEADER header)
{
    KiLockObject(header);
    if (__builtin_expect(!SomebodyWaitsForAll(header), 1))
        return false;
    KiUnlockObject(header);
    KiLockAll();
    return true;
}

static void Unlock(PDISPATCHER_HEADER header, bool all)
{
    if (all)
        KiUnlockAll();
    else
        KiUnlockObject(header);
}

void KiEndSignal(PDISPATCHER_HEADER header, bool all)
{
    struct wakeups wakeups;
    wakeups.count = 0;
    HandOut(header, &wakeups);
    Unlock(header, all);
    WakeNow(&wakeups);
}

void KiEndPulse(PDISPATCHER_HEADER header, bool all, LONG state)
{
    struct wakeups wakeups;
    wakeups.count = 0;
    HandOut(header, &wakeups);
    header->SignalState = state;
    Unlock(header, all);
    WakeNow(&wakeups);
}

void KiSignalForGood(PDISPATCHER_HEADER header)
{
    bool all = KiBeginSignal(header);
    header->SignalState = 1;
    KiEndSignal(header, all);
}

bool KiCheckObject(const DISPATCHER_HEADER *header, const char *routine, const void *site)
{
    KiLockObject(header);
    bool good = KiTypeName(header) && header->WaitListHead.Flink;
    KiUnlockObject(header);
    if (__builtin_expect(good, 1))
        return true;
    struct verify_violation *v =
        verify_begin_fatal(VERIFY_BAD_DISPATCHER_OBJECT,
                           "%s was given %p, which is no initialized event, mutex, semaphore, timer, thread or process.",
                           routine, (const void *)header);
    verify_site(v, "called by", site);
    verify_end_bugcheck(v, 0xC4, 0, (uint64_t)(uintptr_t)header, 0, 0);
}
