#include "ex/expriv.h"
#include "ex/lock.h"

/* What is freed may have held a lock that nobody deletes: those are known by how an idle one looks. */

EXP_LOCK_GONE *ExpLockGone;
EXP_LOCK_MADE *ExpLockMade;

enum { LOOK_AT = 4096 };

/* An empty wait list at `list`: of which lock that lies in the block? */
static const char *kind_of(const LIST_ENTRY *list, const void *block)
{
    const DISPATCHER_HEADER *header = CONTAINING_RECORD(list, DISPATCHER_HEADER, WaitListHead);
    const FAST_MUTEX *mutex = CONTAINING_RECORD(list, FAST_MUTEX, Event.Header.WaitListHead);

    if ((const void *)header < block)
        return NULL;
    if (header->Type == MutantObject)
        return "mutex";
    if (header->Type != EventSynchronizationObject || (const void *)mutex < block)
        return NULL;
    return mutex->Count == 1 && !mutex->Owner ? "fast mutex" : NULL;
}

void ExpLookForLocks(const void *block, size_t size, const char *routine, const void *site)
{
    const LIST_ENTRY *at = block;
    size_t last = (size < LOOK_AT ? size : LOOK_AT) / sizeof(PVOID);

    for (size_t i = 0; i + 2 <= last; i++) {
        const LIST_ENTRY *list = (const LIST_ENTRY *)((const PVOID *)at + i);
        const char *kind = list->Flink == list && list->Blink == list ? kind_of(list, block) : NULL;
        if (kind) {
            ExpHook(ExpLockGone)(block, size, kind, routine, site);
            return;
        }
    }
}
