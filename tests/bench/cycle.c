/* (a) A whole machine: start, load, mount, open, close, unload, stop; beside it what isolating a test in a process of
 * its own costs. */
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static void cycle(void *backend, unsigned count)
{
    while (count--) {
        struct bench_machine m;
        HANDLE handle;
        bench_boot(&m, *(enum fltsim_backend *)backend, 1);
        if (!NT_SUCCESS(fltsim_open("C:\\file", &(struct fltsim_open){.disposition = FILE_CREATE}, &handle)))
            abort();
        fltsim_close(handle);
        fltsim_unload(m.driver);
        bench_halt();
    }
}

static void fork_and_wait(void *unused, unsigned count)
{
    while (count--) {
        pid_t child = fork();
        if (!child)
            _exit(0);
        waitpid(child, NULL, 0);
    }
}

void bench_cycle(void)
{
    enum fltsim_backend coop = FLTSIM_COOP, native = FLTSIM_NATIVE;
    double machine = bench_time(cycle, &coop, 200), threads = bench_time(cycle, &native, 50);
    double process = bench_time(fork_and_wait, NULL, 50);

    printf("(a) start, load, mount, open, close, unload, stop: %.1f us coop, %.1f us native; fork and wait: %.1f us; "
           "ratio %.2f\n",
           machine / 1e3, threads / 1e3, process / 1e3, machine / process);
}
