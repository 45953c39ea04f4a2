/* Memory that a forked child shares with its parent. */
#ifndef FLTSIM_PLAT_SHARED_H
#define FLTSIM_PLAT_SHARED_H

#include <stddef.h>

/* Zeroed, committed as it is touched; at the same address in the child. NULL: no memory. */
void *plat_shared_alloc(size_t size);
void plat_shared_free(void *memory, size_t size);

#endif
