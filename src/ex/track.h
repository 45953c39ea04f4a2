/* What a driver initializes in memory of its own and has to delete: resources, lookaside lists. Private to ex. */
#ifndef FLTSIM_EX_TRACK_H
#define FLTSIM_EX_TRACK_H

#include <stdbool.h>

enum exp_tracked { EXP_RESOURCE, EXP_LOOKASIDE };

/* Initialized by the code at `site`. Once more without a deletion between: the memory was freed and is used again. */
void ExpTrack(enum exp_tracked kind, const void *object, const void *site);
/* Who initialized it; NULL: it is not tracked. */
const void *ExpUntrack(const void *object);
/* not-deleted for what code of the driver (NULL: anybody's) initialized and left. */
void ExpReportTracked(const char *driver);
void ExpStartTracking(void);
void ExpForgetTracked(void);

#endif
