/* Child processes. */
#ifndef FLTSIM_PLAT_PROCESS_H
#define FLTSIM_PLAT_PROCESS_H

#include <stdbool.h>
#include <stddef.h>

struct plat_exit {
    bool timed_out; /* it was killed */
    int signal;     /* that ended it, or 0 */
    int code;       /* else its exit code */
};

/* A child that runs body and exits with its result. */
struct plat_child {
    int process, output; /* output: -1: it has this process's stdout and stderr */
};
/* captured: what it writes to stdout and stderr is kept for plat_process_finish. False: could not fork. */
bool plat_process_start(int (*body)(void *argument), void *argument, bool captured, struct plat_child *child);
/* Waits for it: timeout_ms from now on, 0: without a limit. `output` (may be NULL) gets what it wrote, freed by the caller
 * with free. */
void plat_process_finish(const struct plat_child *child, unsigned timeout_ms, struct plat_exit *result, char **output);
/* Kills it. Instead of the above. */
void plat_process_drop(const struct plat_child *child);

/* Both: forks; the child runs body and exits with its result. `output` (may be NULL) gets what it wrote to stdout and stderr,
 * freed by the caller with free. timeout 0: none. False: could not fork. */
bool plat_process_fork(int (*body)(void *argument), void *argument, unsigned timeout_ms,
                       struct plat_exit *result, char **output);
/* Runs a program found on the PATH and waits for it. `argv` ends with NULL. */
bool plat_process_run(const char *const argv[], unsigned timeout_ms, struct plat_exit *result,
                      char **output);

#endif
