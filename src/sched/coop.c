/* The cooperative backend: coroutines on one OS thread, a run queue in turn. */
#include "sched/schedp.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

static void enqueue(struct sched_thread *thread)
{
    thread->state = THREAD_RUNNABLE;
    thread->run_next = NULL;
    *sched.run_last = thread;
    sched.run_last = &thread->run_next;
    sched.run_count++;
}

static struct sched_thread *dequeue(unsigned index)
{
    struct sched_thread **at = &sched.run_first;
    while (index--)
        at = &(*at)->run_next;
    struct sched_thread *thread = *at;
    *at = thread->run_next;
    if (!*at)
        sched.run_last = at;
    sched.run_count--;
    return thread;
}

static void reap(void)
{
    struct sched_thread *ended = sched.ended;
    if (!ended)
        return;
    sched.ended = NULL;
    plat_context_destroy(&ended->context);
    plat_stack_put(&ended->stack);
    sched_thread_ended(ended);
}

static void arrived(struct sched_thread *self)
{
    reap();
    if (sched_is_dead() && self == &sched.first)
        longjmp(sched.catcher, 1);
}

static void run(struct sched_thread *self, struct sched_thread *next)
{
    next->state = THREAD_RUNNING;
    if (next == self)
        return;
    sched_current = next;
    plat_context_switch(&self->context, &next->context);
    arrived(self);
}

/* Somebody who can run; time passes until there is one. */
static struct sched_thread *next_thread(void)
{
    while (!sched.run_first) {
        if (sched_clock_tick() && !sched_is_stalled())
            continue;
        if (sched.options.deadlock)
            sched.options.deadlock();
        fprintf(stderr, "fltsim: every thread waits and no timer is armed\n");
        abort();
    }
    return dequeue(sched_choose("next", sched.run_count));
}

static void thread_body(void *argument)
{
    struct sched_thread *self = argument;
    reap();
    self->body(self->argument);
    struct sched_thread *next = next_thread();
    sched.ended = self;
    next->state = THREAD_RUNNING;
    sched_current = next;
    plat_context_leave(&self->context, &next->context);
}

static struct sched_thread *coop_create(struct sched_thread *thread, size_t stack_size)
{
    if (!plat_stack_get(&thread->stack, stack_size))
        return NULL;
    plat_context_make(&thread->context, &thread->stack, thread_body, thread);
    enqueue(thread);
    return thread;
}

static void coop_destroy(struct sched_thread *thread)
{
    plat_context_destroy(&thread->context);
    if (thread != &sched.first)
        plat_stack_put(&thread->stack);
}

static void fire_deadline(struct sched_timer *timer)
{
    struct sched_thread *thread =
        (struct sched_thread *)(void *)((char *)timer - offsetof(struct sched_thread, deadline));
    thread->timed_out = true;
    enqueue(thread);
}

static bool coop_park(struct sched_thread *self, int64_t deadline)
{
    if (self->permit) {
        self->permit = false;
        return true;
    }
    if (deadline <= sched_now() || sched_is_dead())
        return false;
    self->state = THREAD_PARKED;
    self->timed_out = false;
    if (deadline != SCHED_FOREVER)
        sched_clock_insert(&self->deadline, deadline, fire_deadline);
    run(self, next_thread());
    return !self->timed_out;
}

static void coop_unpark(struct sched_thread *thread)
{
    if (thread->state != THREAD_PARKED) {
        thread->permit = true;
        return;
    }
    sched_clock_remove(&thread->deadline);
    enqueue(thread);
}

static void coop_yield(struct sched_thread *self)
{
    if (!sched.run_first || sched_is_dead())
        return;
    enqueue(self);
    run(self, dequeue(sched_choose("next", sched.run_count)));
}

static void coop_point(struct sched_thread *self)
{
    if (!sched.run_first || sched_is_dead() || !sched_choice_active())
        return;
    unsigned choice = sched_choose("preempt", sched.run_count + 1);
    if (choice == 0)
        return;
    struct sched_thread *next = dequeue(choice - 1);
    enqueue(self);
    run(self, next);
}

static void coop_die(struct sched_thread *self)
{
    if (self == &sched.first)
        longjmp(sched.catcher, 1);
    sched_current = &sched.first;
    plat_context_switch(&self->context, &sched.first.context);
}

static void coop_leave(struct sched_thread *self) {}

static void coop_stop(void) { sched.ended = NULL; }

const struct sched_operations sched_coop = {
    .create = coop_create,
    .destroy = coop_destroy,
    .park = coop_park,
    .unpark = coop_unpark,
    .yield = coop_yield,
    .point = coop_point,
    .die = coop_die,
    .leave = coop_leave,
    .stop = coop_stop,
};
