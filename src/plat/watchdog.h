/* What happens as the process uses up processor time. Both share SIGPROF and its timer. */
#ifndef FLTSIM_PLAT_WATCHDOG_H
#define FLTSIM_PLAT_WATCHDOG_H

#include <stdbool.h>

/* When the process has used `seconds` more of processor time, `expired` runs in a signal handler on whichever thread
 * used it. 0: none, the one before is forgotten. */
void plat_watchdog(unsigned seconds, void (*expired)(void));

/* Every PLAT_TICK_MS of processor time `tick` runs in a signal handler on the thread that used it, with what
 * plat_fault_interrupt takes. NULL: no longer. False: the program has a use of its own for SIGPROF. */
enum { PLAT_TICK_MS = 10 };
bool plat_ticks(void (*tick)(void *context));

#endif
