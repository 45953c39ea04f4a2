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

#define API_IRQL(routine)                                                                                              \
    do {                                                                                                               \
        if (__builtin_expect(KiCurrentIrql() > VERIFY_IRQL_##routine, 0))                                           \
            verify_irql_too_high(#routine, VERIFY_IRQL_##routine, __builtin_return_address(0));                        \
    } while (0)

#define API_ENTER(routine, object, access)                                                                             \
    do {                                                                                                               \
        API_IRQL(routine);                                                                                             \
        sched_point(#routine, object, access);                                                                         \
    } while (0)

#endif
