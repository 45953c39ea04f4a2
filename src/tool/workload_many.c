#include "tool/workload.h"

#include <stdio.h>
#include <string.h>

void workload_sharing(struct workload *w)
{
    static const struct {
        ACCESS_MASK first_access;
        ULONG first_share;
        ACCESS_MASK second_access;
        ULONG second_share;
        NTSTATUS status;
    } cases[] = {
        {GENERIC_READ, FILE_SHARE_READ, GENERIC_READ, FILE_SHARE_READ, STATUS_SUCCESS},
        {GENERIC_READ, FILE_SHARE_READ, GENERIC_WRITE, FILE_SHARE_READ, STATUS_SHARING_VIOLATION},
        {GENERIC_WRITE, FILE_SHARE_READ, GENERIC_READ, FILE_SHARE_READ, STATUS_SHARING_VIOLATION},
        {GENERIC_READ, FLTSIM_SHARE_NONE, GENERIC_READ, FILE_SHARE_READ, STATUS_SHARING_VIOLATION},
        {GENERIC_READ, FILE_SHARE_READ, DELETE, FILE_SHARE_READ, STATUS_SHARING_VIOLATION},
        {GENERIC_READ, FLTSIM_SHARE_NONE, FILE_READ_ATTRIBUTES, FILE_SHARE_READ, STATUS_SUCCESS},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fltsim_open one = {
            .access = cases[i].first_access, .share = cases[i].first_share, .disposition = FILE_OPEN_IF};
        struct fltsim_open two = {.access = cases[i].second_access, .share = cases[i].second_share};
        HANDLE first = workload_open(w, "shared", &one, STATUS_SUCCESS);
        if (first)
            workload_close(w, workload_open(w, "shared", &two, cases[i].status));
        workload_close(w, first);
    }
}

void workload_processes(struct workload *w)
{
    struct fltsim_open open = {.access = GENERIC_READ | GENERIC_WRITE, .disposition = FILE_OPEN_IF};
    char text[16] = {0};
    HANDLE mine = workload_open(w, "between processes", &open, STATUS_SUCCESS);

    struct fltsim_process *me = fltsim_impersonate(w->other);
    HANDLE theirs = workload_open(w, "between processes", &open, STATUS_SUCCESS);
    if (theirs)
        workload_expect(w, "write", fltsim_write(theirs, "from the other", 14, 0, NULL), STATUS_SUCCESS);
    fltsim_impersonate(me);

    if (mine)
        workload_expect(w, "read", fltsim_read(mine, text, 14, 0, NULL), STATUS_SUCCESS);
    if (memcmp(text, "from the other", 14))
        workload_expect(w, "read: not what the other process wrote", STATUS_DATA_ERROR, STATUS_SUCCESS);
    workload_close(w, mine);
    fltsim_impersonate(w->other);
    workload_close(w, theirs);
    fltsim_impersonate(me);
}

enum { THREADS = 4, ROUNDS = 12 };

struct worker {
    struct workload w;
    unsigned number;
};

/* Everybody opens, writes and reads the same file, each its own part, and now and then one that comes and goes. */
static int work(void *argument)
{
    struct worker *worker = argument;
    struct workload *w = &worker->w;
    struct fltsim_open open = {.access = GENERIC_READ | GENERIC_WRITE, .disposition = FILE_OPEN_IF};
    struct fltsim_open fleeting = {.access = GENERIC_WRITE | DELETE,
                                   .disposition = FILE_OPEN_IF,
                                   .options = FILE_DELETE_ON_CLOSE};
    char block[1000], back[1000];
    HANDLE handle;

    memset(block, 'a' + (int)worker->number, sizeof block);
    for (int round = 0; round < ROUNDS; round++) {
        HANDLE file = workload_open(w, "contended", &open, STATUS_SUCCESS);
        if (!file)
            continue;
        int64_t at = (int64_t)worker->number * 1000;
        workload_expect(w, "write", fltsim_write(file, block, sizeof block, at, NULL), STATUS_SUCCESS);
        if (workload_expect(w, "read", fltsim_read(file, back, sizeof back, at, NULL), STATUS_SUCCESS) &&
            memcmp(block, back, sizeof block))
            workload_expect(w, "read: not what this thread wrote", STATUS_DATA_ERROR, STATUS_SUCCESS);
        fltsim_yield();
        workload_close(w, file);
        /* Any of several answers is right here: the others are deleting it. */
        w->operations++;
        if (NT_SUCCESS(fltsim_open(workload_path(w, "fleeting"), &fleeting, &handle)))
            workload_close(w, handle);
    }
    return 0;
}

void workload_threads(struct workload *w)
{
    struct worker workers[THREADS];
    struct fltsim_thread *threads[THREADS];

    for (unsigned i = 0; i < THREADS; i++) {
        workers[i] = (struct worker){*w, i};
        workers[i].w.operations = workers[i].w.unexpected = 0;
        threads[i] = fltsim_thread_create(i % 2 ? w->other : NULL, work, &workers[i]);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        fltsim_thread_join(threads[i]);
        w->operations += workers[i].w.operations;
        w->unexpected += workers[i].w.unexpected;
    }
}
