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

/* Forks; the child runs body and exits with its result. `output` (may be NULL) gets what it wrote to stdout and stderr,
 * freed by the caller with free. timeout 0: none. False: could not fork. */
bool plat_process_fork(int (*body)(void *argument), void *argument, unsigned timeout_ms,
                       struct plat_exit *result, char **output);
/* Runs a program found on the PATH and waits for it. `argv` ends with NULL. */
bool plat_process_run(const char *const argv[], unsigned timeout_ms, struct plat_exit *result,
                      char **output);

#endif
