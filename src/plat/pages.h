/* Whole pages of memory with a protection of their own. */
#ifndef FLTSIM_PLAT_PAGES_H
#define FLTSIM_PLAT_PAGES_H

#include <stdbool.h>
#include <stddef.h>

enum plat_access { PLAT_NO_ACCESS, PLAT_READ_ONLY, PLAT_READ_WRITE };

size_t plat_page_size(void);
/* Zeroed; `size` is rounded up to pages. NULL: no memory. */
void *plat_pages_alloc(size_t size, enum plat_access access);
/* The same on a multiple of `alignment`, a power of two not below the page size. */
void *plat_pages_alloc_aligned(size_t size, size_t alignment, enum plat_access access);
/* At that address and nowhere else. NULL: something is there, or no memory. */
void *plat_pages_alloc_at(void *address, size_t size, enum plat_access access);
bool plat_pages_protect(void *pages, size_t size, enum plat_access access);
void plat_pages_free(void *pages, size_t size);
/* Whether every byte of the range can be read (or written) right now, found out without faulting. */
bool plat_pages_readable(const void *address, size_t size);

#endif
