/* Up to three minifilters that look at every operation, before and after, and change nothing. */
#ifndef FLTSIM_TESTS_MEMFS_PASSIVE_H
#define FLTSIM_TESTS_MEMFS_PASSIVE_H

enum { PASSIVE_FILTERS = 3 };

/* After fltsim_start; fltsim_stop unloads them. */
void passive_load(unsigned count);

#endif
