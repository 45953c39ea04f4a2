/* The native backend: one OS thread each. The mutex guards what happens when a thread blocks or wakes another; a
 * permit that nobody waits for is given and taken without it. */
#include "sched/schedp.h"

#include "plat/clock.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

enum { PARKED = -1, NOTHING = 0, PERMIT = 1, STOP_LIMIT_MS = 20000, STRANGERS_MS = 2000 };

static _Noreturn void unwind(struct sched_thread *self)
{
    if (self->has_base)
        longjmp(self->base, 1);
    plat_thread_exit();
}

/* A thread met the end of the run. Returns on the first thread when that was caught already. */
static void meet_end(struct sched_thread *self)
{
    if (self != &sched.first)
        unwind(self);
    if (sched.catching)
        longjmp(sched.catcher, 1);
}

/* Guarded. */
static void wake(struct sched_thread *thread, bool timed_out)
{
    if (atomic_load(&thread->permits) != PARKED)
        return;
    sched_clock_remove(&thread->deadline);
    thread->timed_out = timed_out;
    thread->state = THREAD_RUNNING;
    sched.busy++;
    atomic_store(&thread->permits, NOTHING);
    plat_cond_signal(&thread->wake);
}

static void fire_deadline(struct sched_timer *timer)
{
    struct sched_thread *thread =
        (struct sched_thread *)(void *)((char *)timer - offsetof(struct sched_thread, deadline));
    sched_guard();
    wake(thread, true);
    sched_unguard();
}

/* Guarded. The program may have OS threads that have not called in yet, and would wake somebody: they get some time. */
static bool a_stranger_comes(void)
{
    for (unsigned tries = 0; tries < STRANGERS_MS / 10; tries++) {
        if (plat_thread_strangers() <= sched.adopted)
            return false;
        sched_unguard();
        plat_clock_sleep(10);
        sched_guard();
        if (sched.busy || sched.armed || sched_is_dead())
            return true;
    }
    return false;
}

/* Guarded; nobody runs. */
static void pass_time(void)
{
    while (sched.busy == 0 && !sched_is_dead()) {
        if (!sched.armed && a_stranger_comes())
            continue;
        sched.busy++;
        if (!sched_clock_tick() || sched_is_stalled()) {
            sched_unguard();
            if (sched.options.deadlock)
                sched.options.deadlock();
            fprintf(stderr, "fltsim: every thread waits and no timer is armed\n");
            abort();
        }
        sched.busy--;
    }
}

static void thread_body(void *argument)
{
    struct sched_thread *self = argument;
    sched_current = self;
    self->has_base = true;
    if (setjmp(self->base) == 0 && !sched_is_dead())
        self->body(self->argument);
    sched_guard();
    if (!sched_is_dead()) {
        sched.busy--;
        pass_time();
    }
    sched_current = NULL;
    sched_thread_ended(self);
    if (--sched.os_threads == 0)
        plat_cond_signal(&sched_quiet);
    sched_unguard();
}

static struct sched_thread *native_create(struct sched_thread *thread, size_t stack_size)
{
    sched_guard();
    thread->state = THREAD_RUNNING;
    sched.busy++;
    sched.os_threads++;
    thread->random = sched.options.seed ? sched.options.seed * 2654435761u + sched.os_threads : 0;
    sched_unguard();
    if (plat_thread_create(thread_body, thread))
        return thread;
    sched_guard();
    sched.busy--;
    sched.os_threads--;
    sched_unguard();
    return NULL;
}

static void native_destroy(struct sched_thread *thread) {}

static bool native_park(struct sched_thread *self, int64_t deadline)
{
    int expected = PERMIT;

    if (sched_is_dead()) {
        meet_end(self);
        return false;
    }
    if (atomic_compare_exchange_strong(&self->permits, &expected, NOTHING))
        return true;
    if (deadline <= sched_now())
        return false;
    sched_guard();
    expected = NOTHING;
    if (!atomic_compare_exchange_strong(&self->permits, &expected, PARKED)) {
        atomic_store(&self->permits, NOTHING);
        sched_unguard();
        return true;
    }
    self->state = THREAD_PARKED;
    self->timed_out = false;
    if (deadline != SCHED_FOREVER)
        sched_clock_insert(&self->deadline, deadline, fire_deadline);
    sched.busy--;
    pass_time();
    while (atomic_load(&self->permits) == PARKED && !sched_is_dead())
        plat_cond_wait(&self->wake, &sched_mutex);
    bool timed_out = self->timed_out;
    sched_unguard();
    if (sched_is_dead())
        meet_end(self);
    return !timed_out;
}

static void native_unpark(struct sched_thread *thread)
{
    for (;;) {
        int permits = atomic_load(&thread->permits);
        if (permits == PERMIT)
            return;
        if (permits == NOTHING) {
            if (atomic_compare_exchange_strong(&thread->permits, &permits, PERMIT))
                return;
            continue;
        }
        sched_guard();
        bool parked = atomic_load(&thread->permits) == PARKED;
        wake(thread, false);
        sched_unguard();
        if (parked)
            return;
    }
}

static void native_yield(struct sched_thread *self)
{
    if (sched_is_dead())
        meet_end(self);
    plat_thread_yield();
}

static void native_point(struct sched_thread *self)
{
    if (sched_is_dead()) {
        meet_end(self);
        return;
    }
    self->random = self->random * 6364136223846793005u + 1442695040888963407u;
    if (self->random >> 61 == 0)
        plat_thread_yield();
}

static void wake_all(void)
{
    sched_guard();
    for (struct sched_thread *thread = sched.threads; thread; thread = thread->next)
        plat_cond_signal(&thread->wake);
    sched_unguard();
}

static void native_die(struct sched_thread *self)
{
    wake_all();
    if (self == &sched.first)
        longjmp(sched.catcher, 1);
    unwind(self);
}

static void native_leave(struct sched_thread *self)
{
    sched_guard();
    sched.adopted--;
    if (!sched_is_dead()) {
        sched.busy--;
        pass_time();
    }
    sched_unguard();
    sched_thread_free(self);
}

static void native_stop(void)
{
    wake_all();
    sched_guard();
    while (sched.os_threads) {
        if (plat_cond_wait_for(&sched_quiet, &sched_mutex, STOP_LIMIT_MS))
            continue;
        fprintf(stderr, "fltsim: %u threads still run after the machine stopped\n", sched.os_threads);
        abort();
    }
    sched_unguard();
}

const struct sched_operations sched_native = {
    .create = native_create,
    .destroy = native_destroy,
    .park = native_park,
    .unpark = native_unpark,
    .yield = native_yield,
    .point = native_point,
    .die = native_die,
    .leave = native_leave,
    .stop = native_stop,
};
