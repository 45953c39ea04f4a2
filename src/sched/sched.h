/* Simulated threads, virtual time and scheduling points: one interface over two backends.
 *
 * Every thread that the simulated kernel knows is a struct sched_thread. Blocking happens in one place of the
 * library, the dispatcher wait in ke/, which parks its thread here; nothing else blocks.
 * Backends: native (one OS thread each) and coop (coroutines on the OS thread that started the machine). */
#ifndef FLTSIM_SCHED_H
#define FLTSIM_SCHED_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Ours alone: reached without a detour by way of the table of what other modules may replace. */
#pragma GCC visibility push(hidden)

struct sched_thread;

enum sched_backend { SCHED_COOP, SCHED_NATIVE };
enum sched_access { SCHED_READ, SCHED_WRITE, SCHED_ADD }; /* SCHED_ADD: +1/-1, commutes with itself */

struct sched_options {
    enum sched_backend backend;
    uint64_t seed;            /* 0: coop runs until it blocks; else preempts at scheduling points, by this seed */
    const char *choices;      /* a recorded choice string to replay, or NULL */
    size_t stack_size;        /* bytes; 0: 256 KiB */
    /* Called, on whatever thread notices it, when every thread waits and no timer is armed, after the clock
     * stopped. It describes the waits (sched_each_thread) and ends in sched_fatal. */
    void (*deadlock)(void);
};

/* The calling OS thread becomes the machine's first thread. */
bool sched_start(const struct sched_options *options);
/* Ends the machine's threads: each one that still exists is abandoned (coop: its stack goes; native: it is
 * unwound at its next park or scheduling point and joined). */
void sched_stop(void);
/* When the first thread waits without a limit while the clock leaps `leaps` times, others only sleep and look again:
 * that is a deadlock (sched_is_stalled). 0: it is not, which is how a machine starts. */
void sched_set_patience(unsigned leaps);
bool sched_is_stalled(void);
enum sched_backend sched_backend(void);

/* `name` is copied. `owner` is what sched_owner() gives on that thread (its KTHREAD). A daemon does not count as
 * work: waiting daemons alone are no deadlock, and nobody joins them. */
struct sched_thread *sched_spawn(const char *name, bool daemon, void *owner, void (*body)(void *), void *argument);
/* The thread's memory stays until this is called once, after its body returned (ke does, when the KTHREAD goes). */
void sched_release(struct sched_thread *thread);
/* Makes an OS thread of the caller's own (native backend only) a simulated thread, and ends that. `gone`, if given,
 * runs on the OS thread when it ends without having left: it gives back the owner and calls sched_leave. */
struct sched_thread *sched_adopt(const char *name, void *owner, void (*gone)(void));
void sched_leave(void);

extern _Thread_local struct sched_thread *sched_current __attribute__((tls_model("initial-exec")));
static inline struct sched_thread *sched_self(void) { return sched_current; }
/* A thread begins with its owner, so that finding the current KTHREAD costs two loads. */
static inline void *sched_owner(const struct sched_thread *thread) { return *(void *const *)thread; }
void *sched_owner_of(const struct sched_thread *thread);
void sched_set_owner(struct sched_thread *thread, void *owner);
const char *sched_name(const struct sched_thread *thread);
/* The calling thread's stack: the addresses that it may use. False where the host does not say. */
bool sched_stack(char **low, char **high);
void sched_each_thread(void (*visit)(struct sched_thread *thread, bool parked, bool daemon, void *context), void *context);

/* Parking: one permit a thread, as a binary semaphore. sched_park returns true when unparked, false when virtual
 * time reached `deadline` (100 ns units since machine start; SCHED_FOREVER). Never called with an internal lock. */
#define SCHED_FOREVER INT64_MAX
bool sched_park(int64_t deadline);
void sched_unpark(struct sched_thread *thread);
/* Lets others run; coop: the next runnable thread in turn. */
void sched_yield_now(void);
/* Has it only yielded, or given way, for a good while? */
bool sched_only_yields(const struct sched_thread *thread);
/* In the signal handler of a tick of processor time, on the thread that used it: has it done so for long by now, or with no
 * end in sight? `outside`: it is in code that a scheduling point could stand in, and `sp` is its stack pointer. If true, the
 * thread calls sched_give_way when the handler has returned. */
bool sched_tick(bool outside, const void *sp);
/* All others get as far as they can without this thread, and some time passes: more each time, as long as it does not park. */
void sched_give_way(void);
/* The thread got somewhere. */
void sched_gets_on(void);
/* Busy for a while: virtual time passes, the thread does not wait for anything. */
void sched_stall(int64_t duration);

/* Virtual time in 100 ns units since the machine started. It advances only when every thread waits. */
int64_t sched_now(void);
/* A timer armed in the clock: `fire` runs on a thread of the scheduler's at `due`, and may unpark threads. */
struct sched_timer {
    struct sched_timer *next; /* clock.armed */
    int64_t due;
    void (*fire)(struct sched_timer *timer);
    bool armed;
};
void sched_timer_arm(struct sched_timer *timer, int64_t due, void (*fire)(struct sched_timer *));
bool sched_timer_disarm(struct sched_timer *timer); /* true: it had not fired */
/* The armed ones that call `fire`, soonest first, as far as there is room. */
size_t sched_timers(void (*fire)(struct sched_timer *), struct sched_timer **timers, size_t room);

/* Short internal leaf lock. Never held at a scheduling point, across a callback, a park or IoCallDriver. coop: free. */
struct sched_lock { void *state; };
extern bool sched_parallel; /* the native backend runs */
void sched_lock_contended(struct sched_lock *lock);
static inline void sched_lock(struct sched_lock *lock)
{
    void *unlocked = NULL;
    if (sched_parallel && !__atomic_compare_exchange_n(&lock->state, &unlocked, lock, false, __ATOMIC_ACQUIRE,
                                                       __ATOMIC_RELAXED))
        sched_lock_contended(lock);
}
static inline bool sched_trylock(struct sched_lock *lock)
{
    void *unlocked = NULL;
    return !sched_parallel || __atomic_compare_exchange_n(&lock->state, &unlocked, lock, false, __ATOMIC_ACQUIRE,
                                                          __ATOMIC_RELAXED);
}
static inline void sched_unlock(struct sched_lock *lock)
{
    if (sched_parallel)
        __atomic_store_n(&lock->state, NULL, __ATOMIC_RELEASE);
}

/* The scheduling point: at the entry of every WDK call that another thread could observe. */
extern atomic_bool sched_listening;
void sched_point_slow(const char *operation, const void *object, enum sched_access access);
static inline void sched_point(const char *operation, const void *object, enum sched_access access)
{
    if (__builtin_expect(atomic_load_explicit(&sched_listening, memory_order_relaxed), 0))
        sched_point_slow(operation, object, access);
}

/* The choice source: whatever can go either way is asked here. Returns 0..count-1; 0 is the plain way, and the
 * answer whenever nothing was seeded. `what` names the question in a recorded choice string. */
unsigned sched_choose(const char *what, unsigned count);
/* For coop without a seed: from here on preempts by this one; 0: no more. A machine with a seed or a whole schedule goes
 * on by that. */
void sched_shuffle(uint64_t seed);
/* The choices made so far as a printable string that sched_options.choices replays. Valid until the machine stops. */
const char *sched_choices(void);
/* Where a text stops being what sched_choices gives; NULL: nowhere. */
const char *sched_choices_wrong(const char *text);

/* Ends the run from any thread: control appears in the catcher on the machine's first thread. With no catcher the
 * process aborts after the report was printed. The machine is dead from here on; only sched_stop may follow. */
_Noreturn void sched_fatal(void);
/* Runs body on the first thread; false when sched_fatal ended it. */
bool sched_catch(void (*body)(void *), void *argument);
bool sched_is_dead(void);
/* On the thread that started the machine? */
bool sched_is_first(void);
/* Coop: the host's code may have jumped from another thread's stack to the first one's (a test's assertion does). */
void sched_come_home(void);
/* Is there a catcher for sched_fatal? */
bool sched_is_caught(void);
/* From the first thread: the machine is dead from here on, and no other thread of it runs any more. */
void sched_kill(void);

#pragma GCC visibility pop

#endif
