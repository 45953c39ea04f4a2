/* uthash over the machine's own memory, which goes with a machine that ends in the middle of things. */
#ifndef FLTSIM_SIM_HASH_H
#define FLTSIM_SIM_HASH_H

#include "sim/machine.h"

#define uthash_malloc(size) sim_alloc(size)
#define uthash_free(pointer, size) sim_free(pointer)
#include <uthash.h>

#endif
