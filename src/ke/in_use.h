/* What is about to be freed may be in use: a lock in it is held, or a thread waits for something in it. */
#ifndef FLTSIM_KE_IN_USE_H
#define FLTSIM_KE_IN_USE_H

#include "ke/thread.h"

#pragma GCC visibility push(hidden) /* as in sched.h */

/* Memory that a driver gave and others may be writing to just now: what is read may be stale, and only hints. */
#if defined(__clang__) || __GNUC__ >= 8
#define READS_WHAT_OTHERS_WRITE __attribute__((no_sanitize("thread")))
#else
#define READS_WHAT_OTHERS_WRITE
#endif

/* Where KTHREADs lie: whoever holds a lock, or waits, has left a pointer there in it. */
enum { KI_LOOK_AT = 4096 }; /* so much of a block */
extern uintptr_t KiThreadLow, KiThreadSpan;
static inline READS_WHAT_OTHERS_WRITE bool KiPointsAmongThreads(const void *start, size_t size)
{
    const uintptr_t *words = start;
    size_t count = (size < KI_LOOK_AT ? size : KI_LOOK_AT) / sizeof *words;
    uintptr_t low = __atomic_load_n(&KiThreadLow, __ATOMIC_RELAXED), nearest = UINTPTR_MAX;

#pragma GCC unroll 1
    for (size_t i = 0; i + 1 < count; i += 2) {
        uintptr_t one = words[i] - low, other = words[i + 1] - low;
        one = one < other ? one : other;
        nearest = one < nearest ? one : nearest;
    }
    if (count % 2)
        nearest = words[count - 1] - low < nearest ? words[count - 1] - low : nearest;
    return nearest < __atomic_load_n(&KiThreadSpan, __ATOMIC_RELAXED);
}

struct ki_in_use {
    const void *object; /* the lock, or what is waited for */
    const char *what;   /* "push lock", "synchronization event" */
    bool waited;        /* else held */
    const void *site;   /* who took it, or waits */
    char thread[48];
};
/* Does the current thread hold a lock that lies there? */
bool KiHoldsIn(const void *start, size_t size, struct ki_in_use *use);
/* Does anybody, or does anybody wait for an object there? Not seen: what another thread holds shared, as push locks and
 * reader-writer spin locks do not say by whom; all but the first few locks of one thread. */
bool KiIsInUse(const void *start, size_t size, struct ki_in_use *use);

#pragma GCC visibility pop

#endif
