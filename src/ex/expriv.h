/* Small things that ex's files share. */
#ifndef FLTSIM_EX_EXPRIV_H
#define FLTSIM_EX_EXPRIV_H

#include "ke/thread.h"
#include "verify/api.h"
#include "verify/verify.h"

#include <ntifs.h>

/* A routine that needs normal kernel APCs off was called with them on: apc-disabled, once per call site. */
void ExpApcsAreOn(const char *routine, const void *site);
static inline bool ExpApcsOff(void)
{
    struct _KTHREAD *thread = KiCurrentThread();
    /* Nobody suspends or terminates a system thread: Windows asks nothing of one either. */
    return thread->system || thread->irql >= APC_LEVEL || thread->kernel_apc_disable || thread->special_apc_disable;
}
#define EXP_CHECK_APCS(routine, site)                                                                                  \
    do {                                                                                                               \
        if (__builtin_expect(!ExpApcsOff(), 0))                                                                        \
            ExpApcsAreOn(routine, site);                                                                               \
    } while (0)

#endif
