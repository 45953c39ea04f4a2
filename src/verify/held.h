/* Which locks a thread holds, and which of them it holds while it calls down: into a create, a read, the file system. A
 * lock that is held so, and that a callback takes which such a call can come back to, is a deadlock that waits for its
 * day (lock-held-across-create). Nothing here blocks; the inlined parts are all that a lock's own path pays. */
#ifndef FLTSIM_VERIFY_HELD_H
#define FLTSIM_VERIFY_HELD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { VERIFY_HELD_LOCKS = 8 };

struct verify_held_lock {
    const void *lock; /* NULL: given back out of turn */
    const void *site; /* who took it */
    const char *what; /* "resource" */
    bool exclusive;
};

/* A thread's own. */
struct verify_held {
    unsigned count; /* more than VERIFY_HELD_LOCKS: those beyond are not known */
    struct verify_call_down *call;
    const void *operation; /* whose callback runs (struct _FLTP_OP); NULL: none */
    struct verify_held_lock locks[VERIFY_HELD_LOCKS];
};

/* What the call may wait for, beside what comes back on the same thread. */
enum verify_call_kind {
    VERIFY_CALL_OTHER = 0,
    VERIFY_CALL_CREATE = 1, /* the owner of an oplock, who closes whatever file it is */
    VERIFY_CALL_BREAK = 2,  /* the owner of an oplock of the same stream */
    VERIFY_CALL_CACHED = 4, /* paging I/O of the same stream, which comes from the top */
    VERIFY_CALL_FILE = 8,   /* the file's own locks, which are held across its paging I/O */
};
/* By IRP_MJ_; cached: of a read or a write. */
enum verify_call_kind verify_call_kind_of(unsigned char major, bool cached);

struct verify_call_down {
    struct verify_call_down *outer; /* verify_held.call */
    struct verify_held *holder;     /* NULL: no lock of the caller's is held */
    const char *routine;
    const void *site;
    const void *operation; /* from whose callback */
    const void *stream;    /* FsContext of the file; NULL: a create */
    unsigned held;
    enum verify_call_kind kind;
};

/* What a callback is about, for verify; flt answers for its operations. */
struct verify_operation {
    char filter[64];
    const char *major; /* NULL: no callback */
    const void *stream; /* FsContext of the target file object, or NULL */
    bool post, paging, cleanup, section; /* section: IRP_MJ_ACQUIRE_FOR_... */
    bool back;                           /* of paging and section: pages are written back */
};
void verify_describe_operations(void (*describe)(const void *operation, struct verify_operation *result));

extern bool verify_watch_locks; /* some lock has been held across a call */
void verify_lock_reached(struct verify_held *held, const void *lock, bool exclusive, const void *site);
void verify_lock_forgotten(const void *lock);
void verify_stream_forgotten(const void *stream);
/* Another thread gives back what the thread of `holder` took; that thread may be gone: `holder` is only compared. */
void verify_lock_given_elsewhere(const struct verify_held *holder, const void *lock);
/* Some lock is held, not necessarily the caller's. */
void verify_begin_call(struct verify_held *held, struct verify_call_down *call, const char *routine,
                       enum verify_call_kind kind, const void *stream, const void *site);
void verify_stop_held(void);
/* Those held across a call and never reached by it: warnings. */
void verify_report_held(void);

/* Before the thread may wait for the lock. */
static inline void verify_lock_wanted(struct verify_held *held, const void *lock, bool exclusive, const void *site)
{
    if (__builtin_expect(__atomic_load_n(&verify_watch_locks, __ATOMIC_RELAXED), 0))
        verify_lock_reached(held, lock, exclusive, site);
}

static inline void verify_lock_taken(struct verify_held *held, const void *lock, const char *what, bool exclusive,
                                     const void *site)
{
    unsigned at = held->count++;
    if (at >= VERIFY_HELD_LOCKS)
        return;
    held->locks[at].site = site;
    held->locks[at].what = what;
    held->locks[at].exclusive = exclusive;
    held->locks[at].lock = lock;
}

static inline void verify_lock_given(struct verify_held *held, const void *lock)
{
    unsigned at = held->count < VERIFY_HELD_LOCKS ? held->count : VERIFY_HELD_LOCKS;
    while (at && held->locks[at - 1].lock != lock)
        at--;
    if (at)
        held->locks[at - 1].lock = NULL;
    else if (held->count > VERIFY_HELD_LOCKS)
        held->count--;
    while (held->count && held->count <= VERIFY_HELD_LOCKS && !held->locks[held->count - 1].lock)
        held->count--;
}

/* Its memory becomes a lock, or stops being one. */
static inline void verify_lock_new(const void *lock)
{
    if (__builtin_expect(__atomic_load_n(&verify_watch_locks, __ATOMIC_RELAXED), 0))
        verify_lock_forgotten(lock);
}

/* The file system tears the stream down: what is at its address later is another one. */
static inline void verify_stream_gone(const void *stream)
{
    if (__builtin_expect(__atomic_load_n(&verify_watch_locks, __ATOMIC_RELAXED), 0))
        verify_stream_forgotten(stream);
}

static inline void verify_end_call(struct verify_call_down *call)
{
    if (__builtin_expect(call->holder != NULL, 0))
        call->holder->call = call->outer;
}

/* From here to the end of the block the caller calls down. */
#define VERIFY_CALL_DOWN(routine, kind, stream, site)                                                                  \
    __attribute__((cleanup(verify_end_call))) struct verify_call_down call_down;                                       \
    call_down.holder = NULL;                                                                                           \
    if (__builtin_expect(KiCurrentThread()->held.count != 0, 0))                                                       \
    verify_begin_call(&KiCurrentThread()->held, &call_down, routine, kind, stream, site)

#endif
