#if !defined(_GNU_SOURCE)
#define _GNU_SOURCE
#endif
#include "plat/watchdog.h"

#include <signal.h>
#include <string.h>
#include <sys/time.h>

static void (*on_expiry)(void);

static void handle(int signal)
{
    (void)signal;
    if (on_expiry)
        on_expiry();
}

void plat_watchdog(unsigned seconds, void (*expired)(void))
{
    struct itimerval timer = {.it_value.tv_sec = (long)seconds};
    struct sigaction action;

    on_expiry = expired;
    if (expired) {
        memset(&action, 0, sizeof action);
        action.sa_handler = handle;
        action.sa_flags = SA_ONSTACK | SA_RESTART;
        sigaction(SIGPROF, &action, NULL);
    }
    setitimer(ITIMER_PROF, &timer, NULL);
}
