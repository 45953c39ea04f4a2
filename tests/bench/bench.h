/* Measuring: medians of several rounds, printed as ratios of what was measured in the same run. */
#ifndef FLTSIM_BENCH_H
#define FLTSIM_BENCH_H

#include <fltKernel.h>
#include <fltsim/fltsim.h>

/* Nanoseconds for one call of work(argument) that does `count` units: median of eleven rounds, per unit. */
double bench_time(void (*work)(void *argument, unsigned count), void *argument, unsigned count);
/* The same for what takes nanoseconds: the quickest of many short rounds, which whatever else the machine does leaves alone. */
double bench_quickest(void (*work)(void *argument, unsigned count), void *argument, unsigned count);
void bench_pair(void (*const work[2])(void *argument, unsigned count), void *argument, unsigned count, double times[2]);
double bench_now(void);

/* A driver whose one filter lets creates, reads, cleanups and closes pass, with a post-operation callback for each. */
extern DRIVER_INITIALIZE BenchDriverEntry;
extern PFLT_FILTER BenchFilter;

/* A machine with one volume C: and `instances` instances of that driver. */
struct bench_machine {
    struct fltsim_volume *volume;
    struct fltsim_driver *driver;
};
void bench_boot(struct bench_machine *m, enum fltsim_backend backend, unsigned instances);
void bench_halt(void);

void bench_cycle(void);   /* (a) */
void bench_slope(void);   /* (b) */
void bench_threads(void); /* (c) */
void bench_aimed(void);   /* (d) */
void bench_ecp(void);     /* (e) */
void bench_context(void); /* (f) */

#endif
