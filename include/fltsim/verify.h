/* fltsim: which rules are watched, and what a broken one means for the test. */
#ifndef FLTSIM_VERIFY_PUBLIC_H
#define FLTSIM_VERIFY_PUBLIC_H

#include <fltsim/fltsim.h>

FLTSIM_WDK_BEGIN

enum fltsim_policy {
    FLTSIM_FAIL, /* the default: printed and counted */
    FLTSIM_WARN, /* printed only */
    FLTSIM_OFF,  /* not looked at, where looking costs */
    FLTSIM_GO_ON, /* counted; the run goes on where the wrong call can be made right or left out (frees of pool,
                   * failed assertions) */
};

/* For the machine that runs; each machine starts with FLTSIM_FAIL everywhere. What ends a run (a bug check, a
 * deadlock) ends it whatever the policy. An unknown rule aborts the process: the test is wrong. */
void fltsim_set_policy(const char *rule, enum fltsim_policy policy);

/* The rules table: name of the index-th rule, or NULL behind the last one. *why: why it is a bug; *windows: what Windows
 * would do, or "". Both may be NULL: not wanted. Needs no machine. */
const char *fltsim_rule(size_t index, const char **why, const char **windows);

FLTSIM_WDK_END

#endif
