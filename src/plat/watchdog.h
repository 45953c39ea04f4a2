/* A limit on processor time. */
#ifndef FLTSIM_PLAT_WATCHDOG_H
#define FLTSIM_PLAT_WATCHDOG_H

/* When the process has used `seconds` more of processor time, `expired` runs in a signal handler on whichever thread
 * used it. 0: none, the one before is forgotten. */
void plat_watchdog(unsigned seconds, void (*expired)(void));

#endif
