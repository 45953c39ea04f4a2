/* What both backends share: the list of threads, the catcher, locks. */
#include "sched/schedp.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct sched_state sched;
struct plat_mutex sched_mutex;
struct plat_cond sched_quiet;
_Thread_local struct sched_thread *sched_current __attribute__((tls_model("initial-exec")));
atomic_bool sched_listening;

enum { DEFAULT_STACK = 256 * 1024 };

void sched_guard(void)
{
    if (sched.options.backend == SCHED_NATIVE)
        plat_mutex_lock(&sched_mutex);
}

void sched_unguard(void)
{
    if (sched.options.backend == SCHED_NATIVE)
        plat_mutex_unlock(&sched_mutex);
}

static void thread_init(struct sched_thread *thread, const char *name, bool daemon, void *owner)
{
    memset(thread, 0, sizeof *thread);
    snprintf(thread->name, sizeof thread->name, "%s", name ? name : "thread");
    thread->daemon = daemon;
    thread->owner = owner;
    if (sched.options.backend == SCHED_NATIVE)
        plat_cond_init(&thread->wake);
}

static void thread_list(struct sched_thread *thread)
{
    thread->next = sched.threads;
    thread->link = &sched.threads;
    if (thread->next)
        thread->next->link = &thread->next;
    sched.threads = thread;
}

static void thread_unlist(struct sched_thread *thread)
{
    if (!thread->link)
        return;
    *thread->link = thread->next;
    if (thread->next)
        thread->next->link = thread->link;
    thread->link = NULL;
}

struct sched_thread *sched_thread_new(const char *name, bool daemon, void *owner)
{
    struct sched_thread *thread = malloc(sizeof *thread);
    if (!thread)
        return NULL;
    thread_init(thread, name, daemon, owner);
    return thread;
}

void sched_thread_free(struct sched_thread *thread)
{
    sched.backend->destroy(thread);
    if (sched.options.backend == SCHED_NATIVE)
        plat_cond_destroy(&thread->wake);
    if (thread != &sched.first)
        free(thread);
}

void sched_thread_ended(struct sched_thread *thread)
{
    thread->state = THREAD_ENDED;
    if (thread->released) {
        thread_unlist(thread);
        sched_thread_free(thread);
    }
}

bool sched_start(const struct sched_options *options)
{
    static bool ready;

    memset(&sched, 0, sizeof sched);
    sched.options = *options;
    if (!sched.options.stack_size)
        sched.options.stack_size = DEFAULT_STACK;
    sched_parallel = options->backend == SCHED_NATIVE;
    sched.backend = options->backend == SCHED_NATIVE ? &sched_native : &sched_coop;
    sched.run_last = &sched.run_first;
    sched.busy = 1;
    if (options->backend == SCHED_NATIVE && !ready) {
        plat_mutex_init(&sched_mutex);
        plat_cond_init(&sched_quiet);
        ready = true;
    }
    thread_init(&sched.first, "main", false, NULL);
    sched.first.state = THREAD_RUNNING;
    plat_context_adopt(&sched.first.context);
    thread_list(&sched.first);
    sched_choice_start(options->seed, options->choices);
    sched_listening = sched_choice_active();
    sched_current = &sched.first;
    sched.started = true;
    return true;
}

void sched_stop(void)
{
    sched_listening = true;
    atomic_store(&sched.dead, true);
    sched.backend->stop();
    while (sched.threads) {
        struct sched_thread *thread = sched.threads;
        thread_unlist(thread);
        /* An adopted OS thread still points at its own: it finds no owner there, and leaves or is adopted again. */
        if (thread->adopted)
            thread->owner = NULL;
        else if (thread != &sched.first)
            sched_thread_free(thread);
    }
    sched.backend->destroy(&sched.first);
    if (sched.options.backend == SCHED_NATIVE)
        plat_cond_destroy(&sched.first.wake);
    sched_choice_stop();
    sched_listening = false;
    sched_current = NULL;
    sched.started = false;
}

enum sched_backend sched_backend(void) { return sched.options.backend; }

struct sched_thread *sched_spawn(const char *name, bool daemon, void *owner, void (*body)(void *),
                                 void *argument)
{
    struct sched_thread *thread = sched_thread_new(name, daemon, owner);
    if (!thread)
        return NULL;
    thread->body = body;
    thread->argument = argument;
    sched_guard();
    thread_list(thread);
    sched_unguard();
    if (sched.backend->create(thread, sched.options.stack_size))
        return thread;
    sched_guard();
    thread_unlist(thread);
    sched_unguard();
    sched_thread_free(thread);
    return NULL;
}

void sched_release(struct sched_thread *thread)
{
    sched_guard();
    thread->released = true;
    if (thread->state == THREAD_ENDED) {
        thread_unlist(thread);
        sched_thread_free(thread);
    }
    sched_unguard();
}

struct sched_thread *sched_adopt(const char *name, void *owner, void (*gone)(void))
{
    if (sched.options.backend != SCHED_NATIVE || !sched.started || sched_is_dead()) {
        fprintf(stderr, "fltsim: an OS thread that no simulated machine knows called a kernel routine: %s\n",
                !sched.started                               ? "no machine is running; fltsim_start starts one"
                : sched.options.backend == SCHED_COOP        ? "threads of the program's own need FLTSIM_NATIVE"
                                                             : "the machine is dead");
        abort();
    }
    struct sched_thread *thread = sched_thread_new(name, false, owner);
    if (!thread)
        abort();
    free(sched_current); /* of a machine that stopped */
    thread->adopted = true;
    thread->state = THREAD_RUNNING;
    sched_guard();
    thread_list(thread);
    sched.busy++;
    sched.adopted++;
    sched_unguard();
    sched_current = thread;
    if (gone)
        plat_thread_at_exit(gone);
    return thread;
}

void sched_each_thread(void (*visit)(struct sched_thread *thread, bool parked, bool daemon, void *context),
                       void *context)
{
    sched_guard();
    struct sched_thread *next = sched.threads;
    sched_unguard();
    for (struct sched_thread *thread = next; thread; thread = next) {
        next = thread->next;
        if (thread->state != THREAD_ENDED)
            visit(thread, thread->state == THREAD_PARKED, thread->daemon, context);
    }
}

void sched_leave(void)
{
    struct sched_thread *self = sched_current;
    sched_current = NULL;
    if (!self->owner) { /* its machine stopped */
        free(self);
        return;
    }
    sched_guard();
    thread_unlist(self);
    sched_unguard();
    sched.backend->leave(self);
}

void *sched_owner_of(const struct sched_thread *thread) { return thread->owner; }
void sched_set_owner(struct sched_thread *thread, void *owner) { thread->owner = owner; }
const char *sched_name(const struct sched_thread *thread) { return thread->name; }

bool sched_stack(char **low, char **high)
{
    const struct plat_stack *own = &sched_current->stack;
    if (!own->base)
        return plat_thread_stack(low, high);
    *low = own->base;
    *high = *low + own->size;
    return true;
}

static bool park_first(int64_t deadline)
{
    sched_guard();
    sched.leaps = 0;
    sched_unguard();
    atomic_store(&sched.first_waits, deadline == SCHED_FOREVER);
    bool woken = sched.backend->park(sched_current, deadline);
    atomic_store(&sched.first_waits, false);
    return woken;
}

bool sched_park(int64_t deadline)
{
    sched_current->yields = 0;
    sched_current->stalls = 0;
    sched_gets_on();
    return sched_current == &sched.first && atomic_load(&sched.patience) ? park_first(deadline) : sched.backend->park(sched_current, deadline);
}

void sched_set_patience(unsigned leaps) { atomic_store(&sched.patience, leaps); }

/* Guarded. */
bool sched_is_stalled(void)
{
    unsigned patience = atomic_load(&sched.patience);
    return patience && sched.leaps > patience && atomic_load(&sched.first_waits);
}

void sched_unpark(struct sched_thread *thread) { sched.backend->unpark(thread); }

/* A thread that only yields waits for something, perhaps for time to pass: after a while it lets time pass. */
enum { PATIENCE = 100, STALL = 10000, STALLS = 10000000 };
/* In ticks of processor time: how long a thread may run without a call, and without parking; and when it is lost. */
enum { SPUN = 10, TURN = 200, WAYS = 3000, STACK_NEED = 32768 };

bool sched_only_yields(const struct sched_thread *thread) { return thread->yields >= PATIENCE || thread->ways >= WAYS; }

void sched_yield_now(void)
{
    struct sched_thread *self = sched_current;
    if (++self->yields <= PATIENCE) {
        sched.backend->yield(self);
        return;
    }
    if (++self->stalls > STALLS)
        sched.options.deadlock();
    sched_stall(STALL);
    self->yields = PATIENCE;
}

void sched_stall(int64_t duration)
{
    int64_t until = sched_now() + duration;
    bool woken = false;
    while (sched_now() < until)
        woken |= sched.backend->park(sched_current, until);
    if (woken)
        sched_unpark(sched_current);
}

void sched_gets_on(void)
{
    struct sched_thread *self = sched_current;
    self->spun = self->turn = self->ways = 0;
}

bool sched_tick(bool outside, const void *sp)
{
    struct sched_thread *self = sched_current;

    self->turn++;
    self->spun = outside ? self->spun + 1 : 0;
    if (!outside && self->turn < TURN)
        self->ways = 0;
    if (!outside || (self->stack.base && (const char *)sp - (const char *)self->stack.base < STACK_NEED))
        return false;
    if (sched_is_dead()) /* a native thread learns it in no other way */
        return sched_parallel && self != &sched.first;
    return self->spun >= SPUN || self->turn >= TURN || self->ways;
}

void sched_give_way(void)
{
    struct sched_thread *self = sched_current;

    if (++self->ways > WAYS && sched.options.deadlock && !sched_is_dead())
        sched.options.deadlock();
    sched_stall((int64_t)self->ways * STALL);
}

void sched_point_slow(const char *operation, const void *object, enum sched_access access)
{
    struct sched_thread *self = sched_current;
    if (self)
        sched.backend->point(self);
}

/* ---- the end of a run ---------------------------------------------------------------------------------------------- */

bool sched_is_dead(void) { return atomic_load_explicit(&sched.dead, memory_order_relaxed); }

bool sched_is_first(void) { return sched_current == &sched.first; }

void sched_come_home(void)
{
    char *here = __builtin_frame_address(0), *low, *high;
    if (sched.options.backend != SCHED_COOP || !sched_current || sched_is_first() || !sched_stack(&low, &high))
        return;
    if (here < low || here >= high)
        sched_current = &sched.first;
}

bool sched_is_caught(void) { return sched.catching; }

bool sched_catch(void (*body)(void *), void *argument)
{
    if (sched_current != &sched.first || sched.catching || sched_is_dead()) {
        fprintf(stderr, "fltsim: a catcher is set on the first thread of a living machine, once\n");
        abort();
    }
    sched.catching = true;
    if (setjmp(sched.catcher) == 0) {
        body(argument);
        sched.catching = false;
        return true;
    }
    sched.catching = false;
    return false;
}

void sched_fatal(void)
{
    if (!sched.catching) {
        fprintf(stderr, "fltsim: the run ended; nothing catches it (fltsim_try does)\n");
        fflush(NULL);
        abort();
    }
    sched_listening = true;
    atomic_store(&sched.dead, true);
    sched.backend->die(sched_current);
    abort();
}

void sched_kill(void)
{
    sched.catching = false;
    sched_listening = true;
    atomic_store(&sched.dead, true);
    sched.backend->stop();
}

/* ---- leaf locks ---------------------------------------------------------------------------------------------------- */

enum { SPINS = 200, ABANDONED = 100000 };

bool sched_parallel;

void sched_lock_contended(struct sched_lock *lock)
{
    for (unsigned spins = 0;; spins++) {
        void *unlocked = NULL;
        if (!__atomic_load_n(&lock->state, __ATOMIC_RELAXED) &&
            __atomic_compare_exchange_n(&lock->state, &unlocked, lock, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
            return;
        if (spins > ABANDONED && sched_is_dead())
            return; /* a bug check took its holder away */
        if (spins < SPINS)
            plat_thread_relax();
        else
            plat_thread_yield();
    }
}
