/* (b) What each pass-through instance adds to an open and close, and to a cached 4 KiB read; beside it a chain of as
 * many indirect calls. */
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>

static const unsigned instances[] = {0, 1, 2, 4, 8, 16};
enum { POINTS = sizeof instances / sizeof *instances };

static HANDLE file;
static char block[4096];

static void open_and_close(void *unused, unsigned count)
{
    HANDLE handle;
    while (count--) {
        fltsim_open("C:\\file", NULL, &handle);
        fltsim_close(handle);
    }
}

static void read_cached(void *unused, unsigned count)
{
    while (count--)
        fltsim_read(file, block, sizeof block, 0, NULL);
}

typedef int link(void *chain, unsigned left);
static int call_next(void *chain, unsigned left)
{
    link *volatile *links = chain;
    return left ? links[0](chain, left - 1) + 1 : 0;
}
static link *volatile chain[1] = {call_next};

static void call_chain(void *length, unsigned count)
{
    while (count--)
        call_next((void *)chain, 2 * *(unsigned *)length);
}

/* Least squares over the points. */
static double slope(const double *y)
{
    double sx = 0, sy = 0, sxx = 0, sxy = 0;
    for (int i = 0; i < POINTS; i++) {
        double x = instances[i];
        sx += x, sy += y[i], sxx += x * x, sxy += x * y[i];
    }
    return (POINTS * sxy - sx * sy) / (POINTS * sxx - sx * sx);
}

void bench_slope(void)
{
    double opens[POINTS], reads[POINTS], calls[POINTS];

    for (int i = 0; i < POINTS; i++) {
        struct bench_machine m;
        bench_boot(&m, FLTSIM_COOP, instances[i]);
        fltsim_open("C:\\file", &(struct fltsim_open){.access = GENERIC_READ | GENERIC_WRITE, .disposition = FILE_CREATE},
                    &file);
        fltsim_write(file, block, sizeof block, 0, NULL);
        opens[i] = bench_time(open_and_close, NULL, 2000);
        reads[i] = bench_time(read_cached, NULL, 10000);
        calls[i] = bench_time(call_chain, (void *)&instances[i], 100000);
        fltsim_close(file);
        bench_halt();
    }
    printf("(b) instances         ");
    for (int i = 0; i < POINTS; i++)
        printf("%9u", instances[i]);
    printf("    per instance\n    open+close, ns    ");
    for (int i = 0; i < POINTS; i++)
        printf("%9.0f", opens[i]);
    printf("    %.1f ns, %.1f an operation (create, cleanup, close)\n    cached 4 KiB read ", slope(opens), slope(opens) / 3);
    for (int i = 0; i < POINTS; i++)
        printf("%9.0f", reads[i]);
    printf("    %.1f ns\n    indirect calls    ", slope(reads));
    for (int i = 0; i < POINTS; i++)
        printf("%9.1f", calls[i]);
    printf("    %.1f ns; read / calls: %.1f\n", slope(calls), slope(reads) / slope(calls));
}
