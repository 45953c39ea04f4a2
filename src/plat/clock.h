/* The host's clock: for benchmarks and time limits, never for simulated time. */
#ifndef FLTSIM_PLAT_CLOCK_H
#define FLTSIM_PLAT_CLOCK_H

#include <stdint.h>

uint64_t plat_clock_ns(void); /* monotonic */
void plat_clock_sleep(unsigned milliseconds);

#endif
