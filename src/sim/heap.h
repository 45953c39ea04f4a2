/* The memory behind sim_alloc: what happens to it when a machine ends. */
#ifndef FLTSIM_SIM_HEAP_H
#define FLTSIM_SIM_HEAP_H

#include <stddef.h>
#include <stdio.h>

/* Frees every block that is out and says how many there were. */
size_t sim_heap_sweep(void);
/* Lists them, for the report of an internal leak. */
void sim_heap_print(FILE *out);

#endif
