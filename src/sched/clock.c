/* Virtual time: one list of armed timers, soonest first. */
#include "sched/schedp.h"

int64_t sched_now(void) { return atomic_load_explicit(&sched.now, memory_order_acquire); }

void sched_clock_insert(struct sched_timer *timer, int64_t due, void (*fire)(struct sched_timer *))
{
    struct sched_timer **at = &sched.armed;
    while (*at && (*at)->due <= due)
        at = &(*at)->next;
    timer->due = due;
    timer->fire = fire;
    timer->next = *at;
    timer->armed = true;
    *at = timer;
}

bool sched_clock_remove(struct sched_timer *timer)
{
    if (!timer->armed)
        return false;
    for (struct sched_timer **at = &sched.armed; *at; at = &(*at)->next) {
        if (*at != timer)
            continue;
        *at = timer->next;
        timer->armed = false;
        return true;
    }
    return false;
}

bool sched_clock_tick(void)
{
    struct sched_timer *timer = sched.armed;
    if (!timer)
        return false;
    int64_t now = sched_now();
    if (timer->due > now)
        now = timer->due;
    atomic_store_explicit(&sched.now, now, memory_order_release);
    sched.leaps++;
    while ((timer = sched.armed) && timer->due <= now) {
        sched.armed = timer->next;
        timer->armed = false;
        sched_unguard();
        timer->fire(timer);
        sched_guard();
    }
    return true;
}

void sched_timer_arm(struct sched_timer *timer, int64_t due, void (*fire)(struct sched_timer *))
{
    sched_guard();
    sched_clock_remove(timer);
    sched_clock_insert(timer, due, fire);
    sched_unguard();
}

bool sched_timer_disarm(struct sched_timer *timer)
{
    sched_guard();
    bool removed = sched_clock_remove(timer);
    sched_unguard();
    return removed;
}

size_t sched_timers(void (*fire)(struct sched_timer *), struct sched_timer **timers, size_t room)
{
    size_t count = 0;
    sched_guard();
    for (struct sched_timer *timer = sched.armed; timer && count < room; timer = timer->next)
        if (timer->fire == fire)
            timers[count++] = timer;
    sched_unguard();
    return count;
}
