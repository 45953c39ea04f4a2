/* Locks, for other rooms: the core of the Filter Manager's FltAcquirePushLock... and FltAcquireResource... */
#ifndef FLTSIM_EX_LOCK_H
#define FLTSIM_EX_LOCK_H

#include "ke/thread.h"

#include <ntifs.h>

#include <stdbool.h>
#include <stddef.h>

/* Enters a critical region and acquires; releases and leaves it. site: whom a report names. */
void ExpAcquirePushLock(PEX_PUSH_LOCK lock, bool exclusive, const void *site);
void ExpReleasePushLock(PEX_PUSH_LOCK lock, const void *site);
bool ExpPushLockIsHeld(PEX_PUSH_LOCK lock);

enum exp_resource_mode { EXP_SHARED, EXP_SHARED_STARVE, EXP_SHARED_WAIT, EXP_EXCLUSIVE };
bool ExpAcquireResource(PERESOURCE resource, enum exp_resource_mode mode, bool wait, const void *site);
/* owner: a thread, or what ExSetResourceOwnerPointer was given. */
void ExpReleaseResource(PERESOURCE resource, ULONG_PTR owner, const void *site);

/* For who must know when a lock goes (NULL: nobody): it is deleted, or a block of `size` bytes that holds it is freed;
 * and when one is made. Both may be called at DISPATCH_LEVEL. */
typedef void EXP_LOCK_GONE(const void *lock, size_t size, const char *kind, const char *routine, const void *site);
typedef void EXP_LOCK_MADE(const void *lock);
extern EXP_LOCK_GONE *ExpLockGone; /* read and written by the two below: a filter may come while others run */
extern EXP_LOCK_MADE *ExpLockMade;
#define ExpHook(hook) __atomic_load_n(&(hook), __ATOMIC_ACQUIRE)
#define ExpSetHook(hook, to) __atomic_store_n(&(hook), (to), __ATOMIC_RELEASE)
/* Private to ex: the block is about to be freed. */
void ExpLookForLocks(const void *block, size_t size, const char *routine, const void *site);
static inline void ExpTellFree(const void *block, size_t size, const char *routine, const void *site)
{
    if (__builtin_expect(ExpHook(ExpLockGone) != NULL, 0))
        ExpLookForLocks(block, size, routine, site);
    KiTellGone(block, size, routine, site);
}
static inline void ExpTellMade(const void *lock)
{
    EXP_LOCK_MADE *made = ExpHook(ExpLockMade);
    if (__builtin_expect(made != NULL, 0))
        made(lock);
}

/* A resource in memory that is about to be freed, and that nobody deleted: it is forgotten here, so that it is reported
 * once. Site: who initialized it. NULL: none. */
PERESOURCE ExpTakeUndeleted(const void *start, size_t size, const void **site);

/* ExAcquireRundownProtection without a scheduling point: may be called with an internal lock held. */
bool ExpAcquireRundown(PEX_RUNDOWN_REF ref);
void ExpReleaseRundown(PEX_RUNDOWN_REF ref, const void *site);
void ExpWaitForRundown(PEX_RUNDOWN_REF ref, const void *site);

#endif
