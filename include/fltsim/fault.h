/* Faults: what goes wrong in a simulated machine because a test says so. */
#ifndef FLTSIM_FAULT_H
#define FLTSIM_FAULT_H

#include <fltsim/fltsim.h>

FLTSIM_WDK_BEGIN

/* The n-th allocation from here on fails, once: pool that a driver asks for, and memory that a documented routine
 * needs to do its work (it answers STATUS_INSUFFICIENT_RESOURCES). Allocations are counted over all threads. 0: none,
 * as in a machine that has just started. To try them all:
 *
 *     for (unsigned n = 1;; n++) {
 *         fltsim_fail_allocation(n);
 *         ... what is tested ...
 *         if (!fltsim_allocation_failed())
 *             break; // it got by with fewer
 *     }
 */
void fltsim_fail_allocation(unsigned n);
/* Has the failure that was asked for last happened? Needs no machine; a machine that starts forgets what was asked. */
bool fltsim_allocation_failed(void);
/* From here on one in `one_in` of these allocations fails, again and again, as with Driver Verifier's low resources
 * simulation; `seed` says which. 0: none. This and fltsim_fail_allocation replace each other. */
void fltsim_fail_some_allocations(unsigned one_in, uint64_t seed);

FLTSIM_WDK_END

#endif
