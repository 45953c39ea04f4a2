/* (c) Two native threads on different files against one: cached reads, opens with closes, and ten reads an open. */
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>

struct mix {
    const char *name;
    unsigned opens, reads; /* reads for each open */
};
static const struct mix mixes[] = {{"reads", 1, 60000}, {"open and close", 6000, 0}, {"ten reads an open", 2000, 10}};

struct job {
    const struct mix *mix;
    const char *path;
};

static int work(void *argument)
{
    static _Thread_local char block[4096];
    const struct job *job = argument;
    HANDLE handle;

    for (unsigned i = 0; i < job->mix->opens; i++) {
        if (!NT_SUCCESS(fltsim_open(job->path, NULL, &handle)))
            abort();
        for (unsigned k = 0; k < job->mix->reads; k++)
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

static double run(const struct mix *mix, unsigned threads)
{
    struct job jobs[] = {{mix, "C:\\one"}, {mix, "C:\\two"}};
    struct fltsim_thread *running[2];
    double begin = bench_now();

    for (unsigned i = 0; i < threads; i++)
        running[i] = fltsim_thread_create(NULL, work, &jobs[i]);
    for (unsigned i = 0; i < threads; i++)
        fltsim_thread_join(running[i]);
    return bench_now() - begin;
}

void bench_threads(void)
{
    struct bench_machine m;

    bench_boot(&m, FLTSIM_NATIVE, 1);
    prepare("C:\\one");
    prepare("C:\\two");
    printf("(c) two native threads on different files:");
    for (size_t i = 0; i < sizeof mixes / sizeof *mixes; i++) {
        double best = 0;
        run(&mixes[i], 2);
        for (int round = 0; round < 7; round++) {
            double one = run(&mixes[i], 1), two = run(&mixes[i], 2);
            if (2 * one / two > best)
                best = 2 * one / two;
        }
        printf("%s %s %.2f x one", i ? "," : "", mixes[i].name, best);
    }
    printf("\n");
    bench_halt();
}
