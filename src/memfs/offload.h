/* What copies that the disk makes by itself leave with the store. */
#ifndef FLTSIM_MEMFS_OFFLOAD_H
#define FLTSIM_MEMFS_OFFLOAD_H

#include "memfs/fsctl.h"

#include <ntddstor.h>

void MemfsFreeTokens(struct memfs_store *store);

#endif
