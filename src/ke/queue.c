/* Queue objects. SignalState counts the entries that no waiter was given yet. */
#include "ke/kep.h"

#include "verify/api.h"
#include "verify/verify.h"

VOID KeInitializeQueue(PRKQUEUE Queue, ULONG Count)
{
    KiInitializeHeader(&Queue->Header, QueueObject, 0);
    InitializeListHead(&Queue->EntryListHead);
    InitializeListHead(&Queue->ThreadListHead);
    Queue->CurrentCount = 0;
    Queue->MaximumCount = Count ? Count : (ULONG)KeNumberProcessors;
}

static LONG Insert(PRKQUEUE queue, PLIST_ENTRY entry, bool head)
{
    bool all = KiBeginSignal(&queue->Header);
    LONG before = queue->Header.SignalState++;
    if (head)
        InsertHeadList(&queue->EntryListHead, entry);
    else
        InsertTailList(&queue->EntryListHead, entry);
    KiEndSignal(&queue->Header, all);
    return before;
}

LONG KeInsertQueue(PRKQUEUE Queue, PLIST_ENTRY Entry)
{
    API_ENTER(KeInsertQueue, Queue, SCHED_WRITE);
    return Insert(Queue, Entry, false);
}

LONG KeInsertHeadQueue(PRKQUEUE Queue, PLIST_ENTRY Entry)
{
    API_ENTER(KeInsertHeadQueue, Queue, SCHED_WRITE);
    return Insert(Queue, Entry, true);
}

static PLIST_ENTRY Remove(PRKQUEUE queue, const struct ki_wait_options *options)
{
    PVOID object = queue;
    NTSTATUS status = KiWait(1, &object, options);
    if (status != STATUS_SUCCESS)
        return (PLIST_ENTRY)(ULONG_PTR)(ULONG)status;
    KiLockObject(queue);
    PLIST_ENTRY entry = IsListEmpty(&queue->EntryListHead) ? NULL : RemoveHeadList(&queue->EntryListHead);
    KiUnlockObject(queue);
    return entry ? entry : (PLIST_ENTRY)(ULONG_PTR)STATUS_ABANDONED;
}

PLIST_ENTRY KeRemoveQueue(PRKQUEUE Queue, KPROCESSOR_MODE WaitMode, PLARGE_INTEGER Timeout)
{
    API_ENTER(KeRemoveQueue, Queue, SCHED_WRITE);
    const struct ki_wait_options options = {.type = WaitAny,
                                            .reason = WrQueue,
                                            .mode = WaitMode,
                                            .deadline = KiDeadline(Timeout),
                                            .site = VERIFY_CALLER};
    return Remove(Queue, &options);
}

/* Takes what there is after the first, which is waited for; what stands for a status counts as an entry. */
ULONG KeRemoveQueueEx(PRKQUEUE Queue, KPROCESSOR_MODE WaitMode, BOOLEAN Alertable, PLARGE_INTEGER Timeout,
                      PLIST_ENTRY *EntryArray, ULONG Count)
{
    API_ENTER(KeRemoveQueueEx, Queue, SCHED_WRITE);
    LARGE_INTEGER none = {.QuadPart = 0};
    struct ki_wait_options options = {.type = WaitAny,
                                      .reason = WrQueue,
                                      .mode = WaitMode,
                                      .alertable = Alertable,
                                      .deadline = KiDeadline(Timeout),
                                      .site = VERIFY_CALLER};
    ULONG taken = 0;
    EntryArray[taken++] = Remove(Queue, &options);
    options.deadline = KiDeadline(&none);
    while (taken < Count && KeReadStateQueue(Queue) > 0) {
        PLIST_ENTRY entry = Remove(Queue, &options);
        if (entry == (PLIST_ENTRY)(ULONG_PTR)STATUS_TIMEOUT)
            break; /* somebody else was faster */
        EntryArray[taken++] = entry;
    }
    return taken;
}

/* The entries as a ring without a head, or NULL. Waiters are let go with STATUS_ABANDONED. */
PLIST_ENTRY KeRundownQueue(PRKQUEUE Queue)
{
    API_ENTER(KeRundownQueue, Queue, SCHED_WRITE);
    bool all = KiBeginSignal(&Queue->Header);
    PLIST_ENTRY first = IsListEmpty(&Queue->EntryListHead) ? NULL : Queue->EntryListHead.Flink;
    if (first)
        RemoveEntryList(&Queue->EntryListHead);
    InitializeListHead(&Queue->EntryListHead);
    Queue->Header.SignalState = MAXLONG;
    KiEndPulse(&Queue->Header, all, 0);
    return first;
}

LONG KeReadStateQueue(PRKQUEUE Queue)
{
    API_ENTER(KeReadStateQueue, Queue, SCHED_READ);
    KiLockObject(Queue);
    LONG state = Queue->Header.SignalState;
    KiUnlockObject(Queue);
    return state;
}
