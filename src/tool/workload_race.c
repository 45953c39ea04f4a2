/* Threads that meet on one file, one folder, one transaction at every place where they can: what the driver keeps for it
 * is found missing by several at once, and only one of them is first to set it. */
#include "tool/workload.h"

#include <stdio.h>

enum { THREADS = 4, ROUNDS = 5, SEEDS = 3 };

struct racer {
    struct workload w;
    unsigned round, serial;
    HANDLE transaction; /* or NULL */
    HANDLE folder;      /* open once for all */
};

static void use_file(struct workload *w, const char *name)
{
    struct fltsim_open open = {.access = GENERIC_READ | GENERIC_WRITE | DELETE, .disposition = FILE_OPEN_IF};
    char block[512] = {1};
    HANDLE file;

    if (!NT_SUCCESS(fltsim_open(workload_path(w, name), &open, &file)))
        return;
    fltsim_write(file, block, sizeof block, 0, NULL);
    fltsim_read(file, block, sizeof block, 0, NULL);
    fltsim_set_delete(file, true);
    fltsim_set_delete(file, false);
    fltsim_close(file);
    w->operations += 6;
}

static void use_folder(struct workload *w, HANDLE folder)
{
    _Alignas(8) char buffer[512];
    IO_STATUS_BLOCK iosb;

    if (folder)
        NtQueryDirectoryFile(folder, NULL, NULL, NULL, &iosb, buffer, sizeof buffer, FileBothDirectoryInformation, FALSE, NULL,
                             TRUE);
    w->operations++;
}

static int race(void *argument)
{
    struct racer *racer = argument;
    struct workload *w = &racer->w;
    char name[40], transacted[40];
    bool transaction_first = racer->round % 2;

    snprintf(name, sizeof name, "raced %u", racer->round);
    snprintf(transacted, sizeof transacted, "raced in transaction %u", racer->serial); /* of no other transaction */
    if (racer->transaction && transaction_first)
        workload_write_in(w, racer->transaction, transacted);
    use_file(w, name);
    use_folder(w, racer->folder);
    if (racer->transaction && !transaction_first)
        workload_write_in(w, racer->transaction, transacted);
    return 0;
}

static void race_once(struct workload *w, unsigned round, unsigned serial)
{
    struct racer racers[THREADS];
    struct fltsim_thread *threads[THREADS];
    HANDLE transaction = w->is_ntfs ? workload_begin_transaction(w) : NULL, folder = NULL;

    fltsim_open(workload_path(w, "\\work"), &(struct fltsim_open){.options = FILE_DIRECTORY_FILE}, &folder);
    for (unsigned i = 0; i < THREADS; i++) {
        racers[i] = (struct racer){*w, round, serial, transaction, folder};
        racers[i].w.operations = 0;
        threads[i] = fltsim_thread_create(i % 2 ? w->other : NULL, race, &racers[i]);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        fltsim_thread_join(threads[i]);
        w->operations += racers[i].w.operations;
    }
    if (folder)
        fltsim_close(folder);
    if (!transaction)
        return;
    ZwCommitTransaction(transaction, TRUE);
    ZwClose(transaction);
}

void workload_races(struct workload *w)
{
    if (w->scarce)
        return;
    for (unsigned seed = 1; seed <= SEEDS; seed++)
        for (unsigned round = 0; round < ROUNDS; round++) {
            fltsim_shuffle(seed * ROUNDS + round);
            race_once(w, round, seed * ROUNDS + round);
            fltsim_shuffle(0);
            if (w->volume && round % 2)
                fltsim_trim(w->volume);
        }
}
