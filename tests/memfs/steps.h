/* Random operations in step with something plain: each is chosen by a seed and a number only, so that any selection of
 * numbers runs again, and a difference is shrunk to the few operations that it needs.
 *
 *   FLTSIM_RANDOM_COUNT=1000000 FLTSIM_RANDOM_SEED=7 build/tests/test-memfs_random
 *
 * On a difference the seed, the operation's number and both answers are printed, then the shortest selection found. */
#ifndef FLTSIM_TESTS_MEMFS_STEPS_H
#define FLTSIM_TESTS_MEMFS_STEPS_H

#include <fltsim/fltsim.h>

struct steps {
    uint64_t seed;
    bool ntfs;
    struct fltsim_volume *volume; // "C:"
    void *own;                    // the test's
    uint64_t state;               // of the operation's own random numbers
    char what[256];               // the operation
    char difference[1024];        // both answers; "": they agree
};

struct steps_test {
    void (*begin)(struct steps *steps);
    bool (*operate)(struct steps *steps); // false: the answers differ
    bool (*compare)(struct steps *steps); // everything, at the end
    void (*end)(struct steps *steps);     // frees what begin made
    size_t count;                         // operations where the environment says nothing
};

/* Runs on a volume of that kind below that many filters; fails the test on a difference. */
void steps_run(const struct steps_test *test, enum fltsim_volume_kind kind, unsigned filters);

uint64_t steps_next(struct steps *steps);
unsigned steps_below(struct steps *steps, unsigned limit);
bool steps_chance(struct steps *steps, unsigned percent);
void steps_tell(struct steps *steps, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* False. */
bool steps_differ(struct steps *steps, const char *format, ...) __attribute__((format(printf, 2, 3)));
bool steps_same_status(struct steps *steps, NTSTATUS got, NTSTATUS expected);
bool steps_same_number(struct steps *steps, const char *what, uint64_t got, uint64_t expected);
/* FSCTL_DISMOUNT_VOLUME: the next open mounts the volume anew. */
NTSTATUS steps_dismount(void);

#endif
