/* A scheduler alone, without a machine, on the backend that the environment names. */
#ifndef TESTS_SCHED_SCHEDULER_H
#define TESTS_SCHED_SCHEDULER_H

#include "sched/sched.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static inline enum sched_backend chosen_backend(void)
{
    const char *name = getenv("FLTSIM_BACKEND");
    return name && !strcmp(name, "native") ? SCHED_NATIVE : SCHED_COOP;
}

static inline void end_run(void) { sched_fatal(); }

static inline void start_scheduler(uint64_t seed, const char *choices)
{
    sched_start(&(struct sched_options){
        .backend = chosen_backend(), .seed = seed, .choices = choices, .deadlock = end_run});
}

/* A counter that somebody waits for. */
struct countdown {
    atomic_int left;
    struct sched_thread *waiter;
};

static inline void countdown_init(struct countdown *countdown, int left)
{
    atomic_init(&countdown->left, left);
    countdown->waiter = sched_self();
}

static inline void countdown_hit(struct countdown *countdown)
{
    if (atomic_fetch_sub(&countdown->left, 1) == 1)
        sched_unpark(countdown->waiter);
}

static inline void countdown_wait(struct countdown *countdown)
{
    while (atomic_load(&countdown->left) > 0)
        sched_park(SCHED_FOREVER);
}

#endif
