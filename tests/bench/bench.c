/* Prints ratios that were measured in one run. Never fails: numbers are looked at, not asserted.
 *
 *   bench [LETTERS]     all, or those only: bench af */
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { ROUNDS = 11 };

double bench_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

double bench_time(void (*work)(void *argument, unsigned count), void *argument, unsigned count)
{
    double rounds[ROUNDS];
    work(argument, count / 10 + 1);
    for (int i = 0; i < ROUNDS; i++) {
        double begin = bench_now();
        work(argument, count);
        rounds[i] = (bench_now() - begin) / count;
    }
    qsort(rounds, ROUNDS, sizeof *rounds, compare);
    return rounds[ROUNDS / 2];
}

double bench_quickest(void (*work)(void *argument, unsigned count), void *argument, unsigned count)
{
    double best = 1e18;
    work(argument, count);
    for (int i = 0; i < ROUNDS * 50; i++) {
        double begin = bench_now();
        work(argument, count);
        double took = (bench_now() - begin) / count;
        best = took < best ? took : best;
    }
    return best;
}

/* The two by turns, so that whatever else the machine does disturbs both; the quickest round of each. */
void bench_pair(void (*const work[2])(void *argument, unsigned count), void *argument, unsigned count, double times[2])
{
    times[0] = times[1] = 1e18;
    work[0](argument, count);
    work[1](argument, count);
    for (int i = 0; i < 2 * ROUNDS * 4; i++) {
        double begin = bench_now();
        work[i % 2](argument, count);
        double took = (bench_now() - begin) / count;
        if (took < times[i % 2])
            times[i % 2] = took;
    }
}

void bench_boot(struct bench_machine *m, enum fltsim_backend backend, unsigned instances)
{
    struct fltsim_driver_options driver = {.name = "bench", .entry = BenchDriverEntry, .altitude = "370000"};

    fltsim_start(&(struct fltsim_options){.backend = backend});
    fltsim_mount(NULL, &m->volume);
    m->driver = NULL;
    if (instances && !NT_SUCCESS(fltsim_load(&driver, &m->driver)))
        abort();
    for (unsigned i = 1; i < instances; i++) {
        char name[32], altitude[32];
        snprintf(name, sizeof name, "instance %u", i);
        snprintf(altitude, sizeof altitude, "%u", 370000 + i);
        if (!NT_SUCCESS(fltsim_attach(m->driver, m->volume, name, altitude)))
            abort();
    }
}

void bench_halt(void)
{
    if (fltsim_stop(NULL))
        abort();
}

int main(int argc, char **argv)
{
    static void (*const all[])(void) = {bench_cycle, bench_slope, bench_threads, bench_aimed, bench_ecp, bench_context};
    for (unsigned i = 0; i < sizeof all / sizeof *all; i++)
        if (argc < 2 || strchr(argv[1], (int)('a' + i)))
            all[i]();
    return 0;
}
