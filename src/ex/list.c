#include "ex/expriv.h"

/* ---- sequenced lists: the first word is the first entry, its low bit a lock held for a few instructions ---- */

enum { LOCKED = 1 };

static PSLIST_ENTRY lock(PSLIST_HEADER head)
{
    ULONGLONG value = __atomic_load_n(&head->Alignment, __ATOMIC_RELAXED);
    for (unsigned tries = 1;; tries++) {
        if (!(value & LOCKED) && __atomic_compare_exchange_n(&head->Alignment, &value, value | LOCKED, true,
                                                             __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
            return (PSLIST_ENTRY)(ULONG_PTR)value;
        if (tries % 64 == 0)
            sched_yield_now();
        value = __atomic_load_n(&head->Alignment, __ATOMIC_RELAXED);
    }
}

static void unlock(PSLIST_HEADER head, PSLIST_ENTRY first, LONGLONG depth_change)
{
    ULONGLONG depth = __atomic_load_n(&head->Region, __ATOMIC_RELAXED) + (ULONGLONG)depth_change;
    __atomic_store_n(&head->Region, depth, __ATOMIC_RELAXED);
    __atomic_store_n(&head->Alignment, (ULONGLONG)(ULONG_PTR)first, __ATOMIC_RELEASE);
}

VOID InitializeSListHead(PSLIST_HEADER SListHead) { SListHead->Alignment = SListHead->Region = 0; }

VOID ExInitializeSListHead(PSLIST_HEADER SListHead) { SListHead->Alignment = SListHead->Region = 0; }

USHORT ExQueryDepthSList(PSLIST_HEADER SListHead)
{
    return (USHORT)__atomic_load_n(&SListHead->Region, __ATOMIC_RELAXED);
}

PSLIST_ENTRY InterlockedPushEntrySList(PSLIST_HEADER ListHead, PSLIST_ENTRY ListEntry)
{
    sched_point("InterlockedPushEntrySList", ListHead, SCHED_WRITE);
    PSLIST_ENTRY first = lock(ListHead);
    ListEntry->Next = first;
    unlock(ListHead, ListEntry, 1);
    return first;
}

PSLIST_ENTRY InterlockedPopEntrySList(PSLIST_HEADER ListHead)
{
    sched_point("InterlockedPopEntrySList", ListHead, SCHED_WRITE);
    if (!(__atomic_load_n(&ListHead->Alignment, __ATOMIC_RELAXED) & ~(ULONGLONG)LOCKED))
        return NULL;
    PSLIST_ENTRY first = lock(ListHead);
    unlock(ListHead, first ? first->Next : NULL, first ? -1 : 0);
    return first;
}

PSLIST_ENTRY InterlockedFlushSList(PSLIST_HEADER ListHead)
{
    sched_point("InterlockedFlushSList", ListHead, SCHED_WRITE);
    PSLIST_ENTRY first = lock(ListHead);
    __atomic_store_n(&ListHead->Region, 0, __ATOMIC_RELAXED);
    unlock(ListHead, NULL, 0);
    return first;
}

/* ---- lists under the caller's spin lock ---- */

static KIRQL take_lock(PKSPIN_LOCK lock)
{
    KIRQL old = KiCurrentIrql();
    if (old < DISPATCH_LEVEL)
        KeAcquireSpinLock(lock, &old);
    else
        KeAcquireSpinLockAtDpcLevel(lock);
    return old;
}

static void give_lock(PKSPIN_LOCK lock, KIRQL old)
{
    if (old < DISPATCH_LEVEL)
        KeReleaseSpinLock(lock, old);
    else
        KeReleaseSpinLockFromDpcLevel(lock);
}

PLIST_ENTRY ExInterlockedInsertHeadList(PLIST_ENTRY ListHead, PLIST_ENTRY ListEntry, PKSPIN_LOCK Lock)
{
    API_IRQL(ExInterlockedInsertHeadList);
    KIRQL old = take_lock(Lock);
    PLIST_ENTRY first = IsListEmpty(ListHead) ? NULL : ListHead->Flink;
    InsertHeadList(ListHead, ListEntry);
    give_lock(Lock, old);
    return first;
}

PLIST_ENTRY ExInterlockedInsertTailList(PLIST_ENTRY ListHead, PLIST_ENTRY ListEntry, PKSPIN_LOCK Lock)
{
    API_IRQL(ExInterlockedInsertTailList);
    KIRQL old = take_lock(Lock);
    PLIST_ENTRY last = IsListEmpty(ListHead) ? NULL : ListHead->Blink;
    InsertTailList(ListHead, ListEntry);
    give_lock(Lock, old);
    return last;
}

PLIST_ENTRY ExInterlockedRemoveHeadList(PLIST_ENTRY ListHead, PKSPIN_LOCK Lock)
{
    API_IRQL(ExInterlockedRemoveHeadList);
    KIRQL old = take_lock(Lock);
    PLIST_ENTRY first = IsListEmpty(ListHead) ? NULL : RemoveHeadList(ListHead);
    give_lock(Lock, old);
    return first;
}

PSINGLE_LIST_ENTRY ExInterlockedPushEntryList(PSINGLE_LIST_ENTRY ListHead, PSINGLE_LIST_ENTRY ListEntry,
                                              PKSPIN_LOCK Lock)
{
    KIRQL old = take_lock(Lock);
    PSINGLE_LIST_ENTRY first = ListHead->Next;
    ListEntry->Next = first;
    ListHead->Next = ListEntry;
    give_lock(Lock, old);
    return first;
}

PSINGLE_LIST_ENTRY ExInterlockedPopEntryList(PSINGLE_LIST_ENTRY ListHead, PKSPIN_LOCK Lock)
{
    KIRQL old = take_lock(Lock);
    PSINGLE_LIST_ENTRY first = ListHead->Next;
    if (first)
        ListHead->Next = first->Next;
    give_lock(Lock, old);
    return first;
}

ULONG ExInterlockedAddUlong(PULONG Addend, ULONG Increment, PKSPIN_LOCK Lock)
{
    API_IRQL(ExInterlockedAddUlong);
    KIRQL old = take_lock(Lock);
    ULONG before = *Addend;
    *Addend = before + Increment;
    give_lock(Lock, old);
    return before;
}

LARGE_INTEGER ExInterlockedAddLargeInteger(PLARGE_INTEGER Addend, LARGE_INTEGER Increment, PKSPIN_LOCK Lock)
{
    KIRQL old = take_lock(Lock);
    LARGE_INTEGER before = *Addend;
    Addend->QuadPart = before.QuadPart + Increment.QuadPart;
    give_lock(Lock, old);
    return before;
}
