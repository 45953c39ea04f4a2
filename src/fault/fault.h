/* Fault points: where the library asks whether it is to fail. Called by every room; calls back none. */
#ifndef FLTSIM_FAULT_FAULT_H
#define FLTSIM_FAULT_FAULT_H

#include <stdbool.h>

#pragma GCC visibility push(hidden) /* as in sched.h */

/* A machine starts: no fault is armed. */
void fault_reset(void);

extern unsigned fault_armed;
bool fault_take(void);

/* True: this allocation fails. Stands before each one that a driver can see failing. */
static inline bool fault_allocation(void)
{
    return __builtin_expect(__atomic_load_n(&fault_armed, __ATOMIC_RELAXED) != 0, 0) && fault_take();
}

#pragma GCC visibility pop

#endif
