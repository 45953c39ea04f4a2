/* (c) Two native threads on different files against one. */
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>

enum { ROUNDS = 20000 };

static int work(void *path)
{
    static _Thread_local char block[4096];
    HANDLE handle;

    for (int i = 0; i < ROUNDS / 10; i++) {
        if (!NT_SUCCESS(fltsim_open(path, &(struct fltsim_open){.access = GENERIC_READ | GENERIC_WRITE,
                                                                .disposition = FILE_OPEN_IF}, &handle)))
            abort();
        for (int k = 0; k < 10; k++)
            fltsim_read(handle, block, sizeof block, 0, NULL);
        fltsim_close(handle);
    }
    return 0;
}

static void prepare(const char *path)
{
    static char block[4096];
    HANDLE handle;
    fltsim_open(path, &(struct fltsim_open){.access = GENERIC_READ | GENERIC_WRITE, .disposition = FILE_OPEN_IF}, &handle);
    fltsim_write(handle, block, sizeof block, 0, NULL);
    fltsim_close(handle);
}

static double run(unsigned threads)
{
    static const char *const paths[] = {"C:\\one", "C:\\two"};
    struct fltsim_thread *running[2];
    double begin = bench_now();

    for (unsigned i = 0; i < threads; i++)
        running[i] = fltsim_thread_create(NULL, work, (void *)paths[i]);
    for (unsigned i = 0; i < threads; i++)
        fltsim_thread_join(running[i]);
    return bench_now() - begin;
}

void bench_threads(void)
{
    struct bench_machine m;
    double best = 0;

    bench_boot(&m, FLTSIM_NATIVE, 1);
    prepare("C:\\one");
    prepare("C:\\two");
    for (int i = 0; i < 7; i++) {
        double one = run(1), two = run(2);
        if (2 * one / two > best)
            best = 2 * one / two;
    }
    bench_halt();
    printf("(c) two native threads on different files: %.2f x one\n", best);
}
