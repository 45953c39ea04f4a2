/* The first line of every exported WDK routine: its IRQL limit, from the one table irql.inc, and its scheduling point.
 *     API_ENTER(FltSetStreamContext, fileObject, SCHED_WRITE);   another thread could observe it
 *     API_IRQL(RtlCopyUnicodeString);                            nobody could
 */
#ifndef FLTSIM_VERIFY_API_H
#define FLTSIM_VERIFY_API_H

#include "ke/thread.h"
#include "sched/sched.h"

enum verify_irql_limit {
#define IRQL_LIMIT(routine, level) VERIFY_IRQL_##routine = level,
#include "verify/irql.inc"
#undef IRQL_LIMIT
    VERIFY_IRQL_END
};

void verify_irql_too_high(const char *routine, int limit, const void *caller);

#define API_IRQL_AT(routine, caller)                                                                                   \
    do {                                                                                                               \
        if (__builtin_expect(KiCurrentIrql() > VERIFY_IRQL_##routine, 0))                                              \
            verify_irql_too_high(#routine, VERIFY_IRQL_##routine, caller);                                             \
    } while (0)
#define API_IRQL(routine) API_IRQL_AT(routine, __builtin_return_address(0))

#define API_ENTER_AT(routine, object, access, caller)                                                                  \
    do {                                                                                                               \
        API_IRQL_AT(routine, caller);                                                                                  \
        sched_point(#routine, object, access);                                                                         \
    } while (0)
#define API_ENTER(routine, object, access) API_ENTER_AT(routine, object, access, __builtin_return_address(0))

/* The very quickest routines ask this first: is the IRQL at most that, and does nobody listen? If not, they leave all to
 * a function of its own, which begins with API_ENTER_AT: nothing has to be saved for calls that are not made. */
static inline bool verify_api_is_quiet(KIRQL limit)
{
    const struct sched_thread *self = sched_current;
    const struct _KTHREAD *thread = self ? sched_owner(self) : NULL;
    return thread && thread->irql <= limit && !atomic_load_explicit(&sched_listening, memory_order_relaxed);
}

#endif
