#if !defined(_GNU_SOURCE)
#define _GNU_SOURCE
#endif
#include "plat/watchdog.h"
#include "plat/sanitizer.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>

/* The thread sanitizer delivers signals late, with a copy of the context. */
#ifdef PLAT_TSAN
enum { HELD_BACK = 1 };
#else
enum { HELD_BACK = 0 };
#endif

static void (*_Atomic on_expiry)(void);
static void (*_Atomic on_tick)(void *context);
static _Atomic uint64_t expires;

static uint64_t used_ns(void)
{
    struct timespec used;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    return (uint64_t)used.tv_sec * 1000000000u + (uint64_t)used.tv_nsec;
}

static void handle(int signal, siginfo_t *info, void *context)
{
    int error = errno;
    void (*expired)(void) = on_expiry;
    void (*tick)(void *) = on_tick;

    (void)signal;
    (void)info;
    if (expired && used_ns() >= expires)
        expired();
    if (tick)
        tick(context);
    errno = error;
}

/* Where somebody took the signal meanwhile, it is theirs, unless there is no other way. */
static bool take_signal(bool must)
{
    struct sigaction action, old;

    sigaction(SIGPROF, NULL, &old);
    if ((old.sa_flags & SA_SIGINFO) && old.sa_sigaction == handle)
        return true;
    if (!must && ((old.sa_flags & SA_SIGINFO) || (old.sa_handler != SIG_DFL && old.sa_handler != SIG_IGN)))
        return false;
    memset(&action, 0, sizeof action);
    action.sa_sigaction = handle;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART;
    return sigaction(SIGPROF, &action, NULL) == 0;
}

static void run_timer(void)
{
    static bool runs;
    bool shall = on_expiry || on_tick;
    struct itimerval timer = {.it_value.tv_usec = shall ? PLAT_TICK_MS * 1000 : 0};

    if (runs == shall)
        return;
    runs = shall;
    timer.it_interval = timer.it_value;
    setitimer(ITIMER_PROF, &timer, NULL);
}

void plat_watchdog(unsigned seconds, void (*expired)(void))
{
    on_expiry = NULL;
    if (expired) {
        take_signal(true);
        expires = used_ns() + (uint64_t)seconds * 1000000000u;
        on_expiry = expired;
    }
    run_timer();
}

bool plat_ticks(void (*tick)(void *context))
{
    if (tick && (HELD_BACK || !take_signal(false)))
        return false;
    on_tick = tick;
    run_timer();
    return true;
}
