/* Other filters stand above the driver and below it, and have habits. What programs are answered meanwhile is their doing
 * as well, so nobody is told. */
#include "tool/neighbour.h"
#include "tool/workload.h"

#include <stdio.h>

typedef void step(struct workload *w);

static step *const steps[NEIGHBOUR_HABITS][8] = {
    [NEIGHBOUR_ASKS_NAMES] = {workload_cached, workload_renames, workload_links, workload_deletes, workload_streams,
                              workload_directories, workload_known},
    [NEIGHBOUR_POSTS] = {workload_cached, workload_uncached, workload_renames, workload_directories, workload_known},
    [NEIGHBOUR_OPENS_BESIDE] = {workload_cached, workload_streams, workload_directories, workload_known},
    [NEIGHBOUR_SWAPS] = {workload_cached, workload_uncached, workload_directories},
    [NEIGHBOUR_CANCELS_OPENS] = {workload_cached, workload_mapped, workload_deletes, workload_known},
    [NEIGHBOUR_REPARSES] = {workload_cached, workload_renames, workload_deletes, workload_known},
    [NEIGHBOUR_REFUSES] = {workload_cached, workload_uncached, workload_renames, workload_deletes, workload_directories,
                           workload_attributes, workload_eas},
};

void workload_neighbours(struct workload *w)
{
    char root[40];
    struct workload beside = *w;
    if (w->scarce || !neighbours_come())
        return;
    snprintf(root, sizeof root, "%s\\beside", w->root);
    beside.root = root;
    beside.note = NULL;
    fltsim_make_directory(root);
    workload_populate(&beside);
    for (int habit = NEIGHBOURS_REST + 1; habit < NEIGHBOUR_HABITS; habit++) {
        neighbours_do((enum neighbour_habit)habit);
        for (step *const *run = steps[habit]; *run; run++)
            (*run)(&beside);
    }
    neighbours_go();
    w->operations = beside.operations;
}
