/* Two filters of the check's own, one above every altitude that drivers have and one below: what they do to requests is
 * what other vendors' filters do. */
#ifndef FLTSIM_TOOL_NEIGHBOUR_H
#define FLTSIM_TOOL_NEIGHBOUR_H

#include <fltsim/fltsim.h>

#include <stdbool.h>

enum neighbour_habit {
    NEIGHBOURS_REST,
    NEIGHBOUR_ASKS_NAMES,    /* above: opened, normalized and short ones, and those that renames and links aim at */
    NEIGHBOUR_POSTS,         /* above: requests go on from a worker thread */
    NEIGHBOUR_OPENS_BESIDE,  /* above: what is opened is opened, read and listed from a post-create, too */
    NEIGHBOUR_SWAPS,         /* above: reads and listings go into buffers of its own */
    NEIGHBOUR_CANCELS_OPENS, /* above: every other open that succeeded is cancelled */
    NEIGHBOUR_REPARSES,      /* below: the first open of a name answers STATUS_REPARSE */
    NEIGHBOUR_REFUSES,       /* below: one request in four fails */
    NEIGHBOUR_HABITS,
};

/* False: they could not be loaded; neither is. */
bool neighbours_come(void);
void neighbours_do(enum neighbour_habit habit);
void neighbours_go(void);

#endif
