/* A key and what is below it, in the registry's file format ("regf", as ZwSaveKey writes it). */
#ifndef FLTSIM_CM_HIVE_H
#define FLTSIM_CM_HIVE_H

#include "cm/cmp.h"

/* The bytes of a hive file with `root` on top, of sim_alloc; called with the lock held. Volatile keys are left out. */
UCHAR *CmpMakeHive(struct cm_key *root, ULONG *size);

#endif
