/* Other filters stand above the driver and below it, and have habits. What programs are answered meanwhile is their doing
 * as well, so nobody is told. */
#include "tool/neighbour.h"
#include "tool/workload.h"

#include <stdio.h>

static void (*const steps[])(struct workload *w) = {
    workload_cached, workload_uncached, workload_mapped, workload_renames, workload_links, workload_deletes,
    workload_streams, workload_directories, workload_attributes, workload_eas, workload_known,
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
    for (int habit = NEIGHBOURS_REST + 1; habit < NEIGHBOUR_HABITS; habit++) {
        workload_populate(&beside);
        neighbours_do((enum neighbour_habit)habit);
        for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)
            steps[i](&beside);
        neighbours_do(NEIGHBOURS_REST);
    }
    neighbours_go();
    w->operations = beside.operations;
}
