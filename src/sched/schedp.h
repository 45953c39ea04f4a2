/* Private to sched/: one thread, the machine's scheduler state, and what a backend gives. */
#ifndef FLTSIM_SCHED_SCHEDP_H
#define FLTSIM_SCHED_SCHEDP_H

#include "plat/context.h"
#include "plat/thread.h"
#include "sched/sched.h"

#include <setjmp.h>
#include <stdatomic.h>

enum thread_state { THREAD_RUNNABLE, THREAD_RUNNING, THREAD_PARKED, THREAD_ENDED };

struct sched_thread {
    void *owner; /* first: sched_owner reads it */
    struct sched_thread *next, **link; /* sched.threads */
    char name[48];
    bool daemon, adopted, released;
    enum thread_state state;
    void (*body)(void *);
    void *argument;
    struct sched_timer deadline; /* of a park */
    bool timed_out;
    unsigned yields;              /* in a row, without a park */
    unsigned long stalls;
    unsigned spun;                /* ticks of processor time in a row in code that calls nothing */
    unsigned turn;                /* all of them since it parked */
    unsigned ways;                /* how often it had to give way since then */
    uint64_t random;              /* native: when to yield at a scheduling point */

    /* coop */
    struct sched_thread *run_next; /* sched.run */
    struct plat_context context;
    struct plat_stack stack;
    bool permit;

    /* native: 0 nothing, 1 a permit, -1 parked */
    atomic_int permits;
    struct plat_cond wake;
    jmp_buf base; /* of its OS thread: where a dead machine's thread unwinds to */
    bool has_base;
};

struct sched_operations {
    struct sched_thread *(*create)(struct sched_thread *thread, size_t stack_size); /* NULL: out of resources */
    void (*destroy)(struct sched_thread *thread);
    bool (*park)(struct sched_thread *self, int64_t deadline);
    void (*unpark)(struct sched_thread *thread);
    void (*yield)(struct sched_thread *self);
    void (*point)(struct sched_thread *self);
    void (*die)(struct sched_thread *self); /* sched.dead is set; does not return */
    void (*leave)(struct sched_thread *self); /* an adopted thread goes; frees it */
    void (*stop)(void);
};
extern const struct sched_operations sched_coop, sched_native;

struct sched_state {
    const struct sched_operations *backend;
    struct sched_options options;
    struct sched_thread first;
    struct sched_thread *threads; /* all that exist, newest first */
    bool started;
    atomic_bool dead;
    atomic_bool catching;
    jmp_buf catcher;

    /* coop: the run queue, in turn */
    struct sched_thread *run_first, **run_last;
    unsigned run_count;
    struct sched_thread *ended; /* its stack is still the running one until the switch is done */

    /* native */
    unsigned busy;     /* threads that are not parked, and fires in progress */
    unsigned adopted;    /* OS threads of the program's own that called in */
    unsigned os_threads; /* of ours, that have not come back to the pool */

    /* clock */
    _Atomic int64_t now;
    struct sched_timer *armed; /* by due time; equals in the order they were armed */
    atomic_uint patience;      /* 0: without end */
    atomic_bool first_waits;   /* for as long as it takes */
    unsigned leaps;            /* of the clock since */
};
extern struct sched_state sched;
/* native: the list of threads, the clock, the counts; os_threads became 0. They outlive machines. */
extern struct plat_mutex sched_mutex;
extern struct plat_cond sched_quiet;

void sched_guard(void);   /* the mutex; nothing on coop */
void sched_unguard(void);
struct sched_thread *sched_thread_new(const char *name, bool daemon, void *owner);
void sched_thread_free(struct sched_thread *thread);
void sched_thread_ended(struct sched_thread *thread); /* guarded; its body returned: frees it if it was released */
/* Guarded; the time moves to the next timer, and what is due then fires. False: no timer is armed. */
bool sched_clock_tick(void);

/* clock.c; guarded. */
void sched_clock_insert(struct sched_timer *timer, int64_t due, void (*fire)(struct sched_timer *));
bool sched_clock_remove(struct sched_timer *timer);

/* choice.c */
void sched_choice_start(uint64_t seed, const char *choices);
void sched_choice_stop(void);
bool sched_choice_active(void);

#endif
