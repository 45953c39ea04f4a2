#if !defined(_GNU_SOURCE)
#define _GNU_SOURCE
#endif
#include "plat/shared.h"

#include <sys/mman.h>

#ifndef MAP_NORESERVE
#define MAP_NORESERVE 0
#endif

void *plat_shared_alloc(size_t size)
{
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return memory == MAP_FAILED ? NULL : memory;
}

void plat_shared_free(void *memory, size_t size)
{
    if (memory)
        munmap(memory, size);
}
