#include "ex/expriv.h"

#include "ex/lock.h"
#include "ex/pool.h"
#include "ex/track.h"
#include "ke/in_use.h"

#include <string.h>

/* ERESOURCE as its declaration lays it out. The first owner stands in OwnerEntry, further shared ones in OwnerTable;
 * the waiters' lists hold structures on the waiters' stacks. A granted waiter owns the resource when it wakes. */
struct waiter {
    struct waiter *next;
    ERESOURCE_THREAD thread;
    KEVENT granted;
};

#define RESOURCE_LIVE ((PVOID)(ULONG_PTR)0x6563727365727845ull) /* Reserved2 of an initialized one */
#define OWNER_TABLE_TAG ((ULONG)'aTeR')

static struct sched_lock *lock_of(PERESOURCE resource)
{
    _Static_assert(sizeof(struct sched_lock) == sizeof(KSPIN_LOCK), "the lock lives in SpinLock");
    return (struct sched_lock *)&resource->SpinLock;
}

static ERESOURCE_THREAD me(void) { return (ERESOURCE_THREAD)KiCurrentThread(); }

static bool is_exclusive(PERESOURCE resource) { return (resource->Flag & ResourceOwnedExclusive) != 0; }

static _Noreturn void misuse(PERESOURCE resource, uint32_t code, const char *what, const void *site)
{
    struct verify_violation *v = verify_begin_fatal(VERIFY_LOCK_MISUSE, "The resource %p %s.", (void *)resource, what);
    if (resource->Reserved2 == RESOURCE_LIVE && resource->OwnerEntry.OwnerThread &&
        !(resource->OwnerEntry.OwnerThread & 3))
        verify_history(v, "it is held by the thread %p", (void *)(ULONG_PTR)resource->OwnerEntry.OwnerThread);
    verify_site(v, "by", site);
    verify_end_bugcheck(v, code, (uintptr_t)resource, (uintptr_t)KiCurrentThread(), 0, 0);
}

/* ---- owners; with the lock held ---- */

static POWNER_ENTRY find_owner(PERESOURCE resource, ERESOURCE_THREAD thread)
{
    if (resource->OwnerEntry.OwnerThread == thread)
        return &resource->OwnerEntry;
    if (resource->OwnerTable)
        for (ULONG i = 1; i < resource->OwnerTable[0].TableSize; i++)
            if (resource->OwnerTable[i].OwnerThread == thread)
                return &resource->OwnerTable[i];
    return NULL;
}

static POWNER_ENTRY free_owner(PERESOURCE resource)
{
    if (!resource->OwnerEntry.OwnerThread)
        return &resource->OwnerEntry;
    if (resource->OwnerTable)
        for (ULONG i = 1; i < resource->OwnerTable[0].TableSize; i++)
            if (!resource->OwnerTable[i].OwnerThread)
                return &resource->OwnerTable[i];
    return NULL;
}

static ULONG capacity(PERESOURCE resource)
{
    return resource->OwnerTable ? resource->OwnerTable[0].TableSize : 1;
}

/* Room for one more owner beside all owners and shared waiters, so that granting never allocates. Allocation is no
 * leaf: the lock is given up for it. */
static void make_room(PERESOURCE resource, const void *site)
{
    while (capacity(resource) < resource->ActiveEntries + resource->NumberOfSharedWaiters + 1) {
        POWNER_ENTRY old = resource->OwnerTable;
        ULONG size = capacity(resource), wanted = size < 4 ? 4 : size * 2;
        sched_unlock(lock_of(resource));
        POWNER_ENTRY table = ExpAllocate(EXP_ZERO, wanted * sizeof *table, OWNER_TABLE_TAG, site);
        sched_lock(lock_of(resource));
        if (resource->OwnerTable == old) {
            if (old)
                memcpy(table, old, size * sizeof *table);
            table[0].TableSize = wanted;
            resource->OwnerTable = table;
            table = old;
        }
        if (table) {
            sched_unlock(lock_of(resource));
            ExpFree(table, 0, "ERESOURCE", site);
            sched_lock(lock_of(resource));
        }
    }
}

/* Two members tell it, an older and a newer one. */
static void count_owners(PERESOURCE resource, int added)
{
    resource->ActiveEntries += (ULONG)added;
    resource->ActiveCount = (SHORT)resource->ActiveEntries;
}

static void add_shared(PERESOURCE resource, ERESOURCE_THREAD thread)
{
    POWNER_ENTRY entry = find_owner(resource, thread);
    if (entry) {
        entry->OwnerCount++;
        return;
    }
    entry = free_owner(resource);
    entry->OwnerThread = thread;
    entry->OwnerCount = 1;
    count_owners(resource, 1);
}

static void set_exclusive(PERESOURCE resource, ERESOURCE_THREAD thread)
{
    resource->Flag |= ResourceOwnedExclusive;
    resource->OwnerEntry.OwnerThread = thread;
    resource->OwnerEntry.OwnerCount = 1;
    count_owners(resource, 1);
}

/* ---- waiting ---- */

static void name_owners(const void *object, void (*add)(struct _KTHREAD *, void *), void *context)
{
    PERESOURCE resource = (PERESOURCE)object;
    if (resource->OwnerEntry.OwnerThread && !(resource->OwnerEntry.OwnerThread & 3))
        add((struct _KTHREAD *)(ULONG_PTR)resource->OwnerEntry.OwnerThread, context);
    for (ULONG i = 1; resource->OwnerTable && i < resource->OwnerTable[0].TableSize; i++)
        if (resource->OwnerTable[i].OwnerThread && !(resource->OwnerTable[i].OwnerThread & 3))
            add((struct _KTHREAD *)(ULONG_PTR)resource->OwnerTable[i].OwnerThread, context);
}

static void append(PVOID *list, struct waiter *waiter)
{
    struct waiter **link = (struct waiter **)list;
    while (*link)
        link = &(*link)->next;
    *link = waiter;
}

/* With the lock held; gives it up. */
static void wait_for_grant(PERESOURCE resource, bool exclusive, const void *site)
{
    struct waiter waiter = {.thread = me()};
    struct ki_wait_hint hint = {"ERESOURCE", resource, name_owners, 0};

    KeInitializeEvent(&waiter.granted, SynchronizationEvent, FALSE);
    append(exclusive ? &resource->ExclusiveWaiters : &resource->SharedWaiters, &waiter);
    if (exclusive)
        resource->NumberOfExclusiveWaiters++;
    else
        resource->NumberOfSharedWaiters++;
    resource->ContentionCount++;
    sched_unlock(lock_of(resource));
    KiWaitFor(&waiter.granted, NULL, &hint, site);
}

/* All shared waiters get it. Returns who is to be woken. */
static struct waiter *grant_shared(PERESOURCE resource)
{
    struct waiter *granted = resource->SharedWaiters;
    resource->SharedWaiters = NULL;
    resource->NumberOfSharedWaiters = 0;
    for (struct waiter *waiter = granted; waiter; waiter = waiter->next)
        add_shared(resource, waiter->thread);
    return granted;
}

static struct waiter *grant_exclusive(PERESOURCE resource)
{
    struct waiter *granted = resource->ExclusiveWaiters;
    if (!granted)
        return NULL;
    resource->ExclusiveWaiters = granted->next;
    resource->NumberOfExclusiveWaiters--;
    granted->next = NULL;
    set_exclusive(resource, granted->thread);
    return granted;
}

static void wake(struct waiter *waiter)
{
    while (waiter) {
        struct waiter *next = waiter->next;
        KeSetEvent(&waiter->granted, IO_NO_INCREMENT, FALSE);
        waiter = next;
    }
}

/* ---- acquiring ---- */

/* May the thread have it at once? The three kinds of shared differ in whom they let pass. */
static bool is_free_for(PERESOURCE resource, enum exp_resource_mode mode, ERESOURCE_THREAD thread)
{
    if (!resource->ActiveEntries)
        return mode == EXP_EXCLUSIVE || mode == EXP_SHARED_STARVE || !resource->ExclusiveWaiters;
    if (is_exclusive(resource))
        return resource->OwnerEntry.OwnerThread == thread;
    if (mode == EXP_EXCLUSIVE)
        return false;
    if (mode == EXP_SHARED_STARVE || !resource->NumberOfExclusiveWaiters)
        return true;
    return mode == EXP_SHARED && find_owner(resource, thread);
}

static void check_alive(PERESOURCE resource, const void *site)
{
    if (__builtin_expect(resource->Reserved2 != RESOURCE_LIVE, 0))
        misuse(resource, 0xC4, "was used before it was initialized or after it was deleted", site);
}

static void took(PERESOURCE resource, enum exp_resource_mode mode, const void *site)
{
    verify_lock_taken(&KiCurrentThread()->held, resource, "resource", mode == EXP_EXCLUSIVE, site);
}

bool ExpAcquireResource(PERESOURCE resource, enum exp_resource_mode mode, bool wait, const void *site)
{
    ERESOURCE_THREAD thread = me();

    check_alive(resource, site);
    if (wait)
        verify_lock_wanted(&KiCurrentThread()->held, resource, mode == EXP_EXCLUSIVE, site);
    sched_lock(lock_of(resource));
    if (mode != EXP_EXCLUSIVE && !find_owner(resource, thread))
        make_room(resource, site);
    if (!is_free_for(resource, mode, thread)) {
        bool own = mode == EXP_EXCLUSIVE && find_owner(resource, thread);
        if (own && wait) {
            sched_unlock(lock_of(resource));
            misuse(resource, 0xC4, "was acquired exclusive by a thread that holds it shared: it would wait for itself for ever",
                   site);
        }
        if (!wait) {
            sched_unlock(lock_of(resource));
            return false;
        }
        wait_for_grant(resource, mode == EXP_EXCLUSIVE, site);
        took(resource, mode, site);
        return true;
    }
    if (is_exclusive(resource) && resource->ActiveEntries)
        resource->OwnerEntry.OwnerCount++;
    else if (mode == EXP_EXCLUSIVE)
        set_exclusive(resource, thread);
    else
        add_shared(resource, thread);
    sched_unlock(lock_of(resource));
    took(resource, mode, site);
    return true;
}

/* ---- releasing ---- */

static void gave(PERESOURCE resource, ULONG_PTR owner)
{
    if (owner == me())
        verify_lock_given(&KiCurrentThread()->held, resource);
    else if (!(owner & 3))
        verify_lock_given_elsewhere(&((struct _KTHREAD *)owner)->held, resource);
}

void ExpReleaseResource(PERESOURCE resource, ULONG_PTR owner, const void *site)
{
    struct waiter *granted = NULL;

    check_alive(resource, site);
    sched_lock(lock_of(resource));
    POWNER_ENTRY entry = resource->ActiveEntries ? find_owner(resource, owner) : NULL;
    if (!entry) {
        sched_unlock(lock_of(resource));
        misuse(resource, 0xE3, "was released by a thread that does not hold it", site);
    }
    if (--entry->OwnerCount == 0) {
        entry->OwnerThread = 0;
        count_owners(resource, -1);
        if (!resource->ActiveEntries) {
            bool was_exclusive = is_exclusive(resource);
            resource->Flag &= (USHORT)~ResourceOwnedExclusive;
            if (was_exclusive || !resource->ExclusiveWaiters)
                granted = grant_shared(resource);
            if (!granted)
                granted = grant_exclusive(resource);
        }
    }
    sched_unlock(lock_of(resource));
    gave(resource, owner);
    wake(granted);
}

/* ---- the documented routines ---- */

NTSTATUS ExInitializeResourceLite(PERESOURCE Resource)
{
    API_IRQL(ExInitializeResourceLite);
    verify_lock_new(Resource);
    ExpCheckResident(Resource, "resource", VERIFY_CALLER);
    memset(Resource, 0, sizeof *Resource);
    Resource->Reserved2 = RESOURCE_LIVE;
    ExpTrack(EXP_RESOURCE, Resource, VERIFY_CALLER);
    ExpTellMade(Resource);
    return STATUS_SUCCESS;
}

NTSTATUS ExReinitializeResourceLite(PERESOURCE Resource)
{
    API_IRQL(ExReinitializeResourceLite);
    POWNER_ENTRY table = Resource->OwnerTable;
    check_alive(Resource, VERIFY_CALLER);
    memset(Resource, 0, sizeof *Resource);
    Resource->Reserved2 = RESOURCE_LIVE;
    if (table)
        ExpFree(table, 0, "ERESOURCE", VERIFY_CALLER);
    return STATUS_SUCCESS;
}

NTSTATUS ExDeleteResourceLite(PERESOURCE Resource)
{
    API_ENTER(ExDeleteResourceLite, Resource, SCHED_WRITE);
    check_alive(Resource, VERIFY_CALLER);
    if (Resource->ActiveEntries || Resource->SharedWaiters || Resource->ExclusiveWaiters)
        misuse(Resource, 0xC4, "was deleted while it is held", VERIFY_CALLER);
    if (Resource->OwnerTable)
        ExpFree(Resource->OwnerTable, 0, "ERESOURCE", VERIFY_CALLER);
    ExpUntrack(Resource);
    EXP_LOCK_GONE *gone = ExpHook(ExpLockGone);
    if (gone)
        gone(Resource, sizeof *Resource, "resource", "ExDeleteResourceLite", VERIFY_CALLER);
    verify_lock_new(Resource);
    Resource->OwnerTable = NULL;
    Resource->Reserved2 = NULL;
    return STATUS_SUCCESS;
}

READS_WHAT_OTHERS_WRITE PERESOURCE ExpTakeUndeleted(const void *start, size_t size, const void **site)
{
    for (size_t at = 0; at + sizeof(ERESOURCE) <= size; at += sizeof(PVOID)) {
        PERESOURCE resource = (PERESOURCE)((uintptr_t)start + at);
        if (resource->Reserved2 == RESOURCE_LIVE && (*site = ExpUntrack(resource)))
            return resource;
    }
    return NULL;
}

#define ACQUIRE(routine, mode, wait)                                                                                    \
    do {                                                                                                               \
        API_ENTER(routine, Resource, SCHED_WRITE);                                                                     \
        EXP_CHECK_APCS(#routine, VERIFY_CALLER);                                                                       \
        return ExpAcquireResource(Resource, mode, wait, VERIFY_CALLER);                                                \
    } while (0)

BOOLEAN ExAcquireResourceSharedLite(PERESOURCE Resource, BOOLEAN Wait)
{
    ACQUIRE(ExAcquireResourceSharedLite, EXP_SHARED, Wait);
}

BOOLEAN ExAcquireResourceExclusiveLite(PERESOURCE Resource, BOOLEAN Wait)
{
    ACQUIRE(ExAcquireResourceExclusiveLite, EXP_EXCLUSIVE, Wait);
}

BOOLEAN ExTryToAcquireResourceExclusiveLite(PERESOURCE Resource)
{
    ACQUIRE(ExTryToAcquireResourceExclusiveLite, EXP_EXCLUSIVE, false);
}

BOOLEAN ExAcquireSharedStarveExclusive(PERESOURCE Resource, BOOLEAN Wait)
{
    ACQUIRE(ExAcquireSharedStarveExclusive, EXP_SHARED_STARVE, Wait);
}

BOOLEAN ExAcquireSharedWaitForExclusive(PERESOURCE Resource, BOOLEAN Wait)
{
    ACQUIRE(ExAcquireSharedWaitForExclusive, EXP_SHARED_WAIT, Wait);
}

VOID ExReleaseResourceLite(PERESOURCE Resource)
{
    API_ENTER(ExReleaseResourceLite, Resource, SCHED_WRITE);
    ExpReleaseResource(Resource, me(), VERIFY_CALLER);
}

VOID ExReleaseResourceForThreadLite(PERESOURCE Resource, ERESOURCE_THREAD ResourceThreadId)
{
    API_ENTER(ExReleaseResourceForThreadLite, Resource, SCHED_WRITE);
    ExpReleaseResource(Resource, ResourceThreadId, VERIFY_CALLER);
}

VOID ExConvertExclusiveToSharedLite(PERESOURCE Resource)
{
    API_ENTER(ExConvertExclusiveToSharedLite, Resource, SCHED_WRITE);
    check_alive(Resource, VERIFY_CALLER);
    sched_lock(lock_of(Resource));
    if (!Resource->ActiveEntries || !is_exclusive(Resource) || Resource->OwnerEntry.OwnerThread != me()) {
        sched_unlock(lock_of(Resource));
        misuse(Resource, 0xE3, "was converted to shared by a thread that does not hold it exclusive", VERIFY_CALLER);
    }
    Resource->Flag &= (USHORT)~ResourceOwnedExclusive;
    struct waiter *granted = grant_shared(Resource);
    sched_unlock(lock_of(Resource));
    wake(granted);
}

VOID ExSetResourceOwnerPointer(PERESOURCE Resource, PVOID OwnerPointer)
{
    API_ENTER(ExSetResourceOwnerPointer, Resource, SCHED_WRITE);
    sched_lock(lock_of(Resource));
    POWNER_ENTRY mine = Resource->ActiveEntries ? find_owner(Resource, me()) : NULL;
    POWNER_ENTRY other = mine ? find_owner(Resource, (ERESOURCE_THREAD)(ULONG_PTR)OwnerPointer) : NULL;
    for (ULONG i = mine ? mine->OwnerCount : 0; i; i--)
        gave(Resource, me());
    if (mine && other && other != mine) {
        other->OwnerCount += mine->OwnerCount;
        mine->OwnerThread = 0;
        mine->OwnerCount = 0;
        count_owners(Resource, -1);
    } else if (mine) {
        mine->OwnerThread = (ERESOURCE_THREAD)(ULONG_PTR)OwnerPointer;
    }
    sched_unlock(lock_of(Resource));
    if (!mine)
        misuse(Resource, 0xE3, "was given another owner by a thread that does not hold it", VERIFY_CALLER);
}

VOID ExSetResourceOwnerPointerEx(PERESOURCE Resource, PVOID OwnerPointer, ULONG Flags)
{
    ExSetResourceOwnerPointer(Resource, OwnerPointer);
}

VOID ExDisableResourceBoostLite(PERESOURCE Resource) { API_IRQL(ExDisableResourceBoostLite); }

BOOLEAN ExIsResourceAcquiredExclusiveLite(PERESOURCE Resource)
{
    API_ENTER(ExIsResourceAcquiredExclusiveLite, Resource, SCHED_READ);
    sched_lock(lock_of(Resource));
    bool mine = Resource->ActiveEntries && is_exclusive(Resource) && Resource->OwnerEntry.OwnerThread == me();
    sched_unlock(lock_of(Resource));
    return mine;
}

/* How often the calling thread holds it, shared or exclusive. */
ULONG ExIsResourceAcquiredSharedLite(PERESOURCE Resource)
{
    API_ENTER(ExIsResourceAcquiredSharedLite, Resource, SCHED_READ);
    sched_lock(lock_of(Resource));
    POWNER_ENTRY entry = Resource->ActiveEntries ? find_owner(Resource, me()) : NULL;
    ULONG count = entry ? entry->OwnerCount : 0;
    sched_unlock(lock_of(Resource));
    return count;
}

ULONG ExGetExclusiveWaiterCount(PERESOURCE Resource)
{
    API_ENTER(ExGetExclusiveWaiterCount, Resource, SCHED_READ);
    return __atomic_load_n(&Resource->NumberOfExclusiveWaiters, __ATOMIC_RELAXED);
}

ULONG ExGetSharedWaiterCount(PERESOURCE Resource)
{
    API_ENTER(ExGetSharedWaiterCount, Resource, SCHED_READ);
    return __atomic_load_n(&Resource->NumberOfSharedWaiters, __ATOMIC_RELAXED);
}

/* ---- with the critical region ---- */

static PVOID enter_and_acquire(PERESOURCE resource, enum exp_resource_mode mode, const void *site)
{
    KiEnterCritical();
    ExpAcquireResource(resource, mode, true, site);
    return NULL;
}

PVOID ExEnterCriticalRegionAndAcquireResourceExclusive(PERESOURCE Resource)
{
    API_ENTER(ExEnterCriticalRegionAndAcquireResourceExclusive, Resource, SCHED_WRITE);
    return enter_and_acquire(Resource, EXP_EXCLUSIVE, VERIFY_CALLER);
}

PVOID ExEnterCriticalRegionAndAcquireResourceShared(PERESOURCE Resource)
{
    API_ENTER(ExEnterCriticalRegionAndAcquireResourceShared, Resource, SCHED_WRITE);
    return enter_and_acquire(Resource, EXP_SHARED, VERIFY_CALLER);
}

PVOID ExEnterCriticalRegionAndAcquireSharedWaitForExclusive(PERESOURCE Resource)
{
    API_ENTER(ExEnterCriticalRegionAndAcquireSharedWaitForExclusive, Resource, SCHED_WRITE);
    return enter_and_acquire(Resource, EXP_SHARED_WAIT, VERIFY_CALLER);
}

VOID ExReleaseResourceAndLeaveCriticalRegion(PERESOURCE Resource)
{
    API_ENTER(ExReleaseResourceAndLeaveCriticalRegion, Resource, SCHED_WRITE);
    ExpReleaseResource(Resource, me(), VERIFY_CALLER);
    KiLeaveCritical();
}
