/* What is about to be freed may be in use: a lock in it is held, or a thread waits for something in it. */
#ifndef FLTSIM_KE_IN_USE_H
#define FLTSIM_KE_IN_USE_H

#include "ke/thread.h"

/* Memory that a driver gave and others may be writing to just now: what is read may be stale, and only hints. */
#if defined(__clang__) || __GNUC__ >= 8
#define READS_WHAT_OTHERS_WRITE __attribute__((no_sanitize("thread")))
#else
#define READS_WHAT_OTHERS_WRITE
#endif

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

#endif
