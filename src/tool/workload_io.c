#include "tool/workload.h"

#include <stdlib.h>
#include <string.h>

enum { BLOCK = 4096 };

static const struct fltsim_open read_write = {.access = GENERIC_READ | GENERIC_WRITE, .disposition = FILE_OPEN_IF};

static void put(struct workload *w, HANDLE file, const void *data, size_t length, int64_t at)
{
    workload_expect(w, "write", fltsim_write(file, data, length, at, NULL), STATUS_SUCCESS);
}

/* Reads and compares: what was written is what programs must find, whatever the driver does in between. */
static void get(struct workload *w, HANDLE file, const void *expected, size_t length, int64_t at)
{
    char *buffer = calloc(1, length);
    size_t done = 0;
    bool good = workload_expect(w, "read", fltsim_read(file, buffer, length, at, &done), STATUS_SUCCESS);
    if (good && (done != length || memcmp(buffer, expected, length)))
        workload_expect(w, "read: the contents differ from what was written", STATUS_DATA_ERROR, STATUS_SUCCESS);
    free(buffer);
}

static void pattern(char *block, size_t size, unsigned seed)
{
    for (size_t i = 0; i < size; i++)
        block[i] = (char)('A' + (i + seed) % 26);
}

void workload_cached(struct workload *w)
{
    char block[3 * BLOCK], byte;
    HANDLE file = workload_open(w, "cached", &read_write, STATUS_SUCCESS);
    if (!file)
        return;
    for (unsigned i = 0; i < 8; i++) {
        pattern(block, sizeof block, i);
        put(w, file, block, sizeof block, (int64_t)i * 5000);
        get(w, file, block, sizeof block, (int64_t)i * 5000);
    }
    put(w, file, "x", 1, 17);
    get(w, file, "x", 1, 17);
    put(w, file, "current", 7, FLTSIM_CURRENT);
    put(w, file, "end", 3, FLTSIM_APPEND);
    workload_expect(w, "read past the end", fltsim_read(file, &byte, 1, 1 << 20, NULL), STATUS_END_OF_FILE);
    workload_expect(w, "read nothing", fltsim_read(file, block, 0, 0, NULL), STATUS_SUCCESS);
    workload_expect(w, "flush", fltsim_flush(file), STATUS_SUCCESS);
    workload_close(w, file);

    struct fltsim_open append = {.access = FILE_APPEND_DATA, .disposition = FILE_OPEN_IF};
    file = workload_open(w, "cached", &append, STATUS_SUCCESS);
    if (file)
        put(w, file, "appended", 8, 0);
    workload_close(w, file);
}

void workload_uncached(struct workload *w)
{
    struct fltsim_open open = read_write;
    char *block = calloc(1, 4 * BLOCK);

    open.options = FILE_NO_INTERMEDIATE_BUFFERING;
    HANDLE file = workload_open(w, "uncached", &open, STATUS_SUCCESS);
    if (file) {
        pattern(block, 4 * BLOCK, 3);
        put(w, file, block, 4 * BLOCK, 0);
        get(w, file, block, 2 * BLOCK, BLOCK * 0);
        get(w, file, block + BLOCK, BLOCK, BLOCK);
        workload_expect(w, "unaligned non-cached read", fltsim_read(file, block, 100, 0, NULL),
                        STATUS_INVALID_PARAMETER);
        workload_expect(w, "unaligned non-cached write", fltsim_write(file, block, BLOCK, 7, NULL),
                        STATUS_INVALID_PARAMETER);
    }
    /* A cached handle sees what was written around the cache, and the other way round. */
    HANDLE cached = workload_open(w, "uncached", &read_write, STATUS_SUCCESS);
    if (file && cached) {
        get(w, cached, block, 3 * BLOCK, 0);
        put(w, cached, "cached", 6, 0);
        memcpy(block, "cached", 6);
        get(w, file, block, BLOCK, 0);
    }
    workload_close(w, cached);
    workload_close(w, file);

    struct fltsim_open through = read_write;
    through.options = FILE_WRITE_THROUGH;
    file = workload_open(w, "through", &through, STATUS_SUCCESS);
    if (file)
        put(w, file, block, 5000, 0);
    workload_close(w, file);

    struct fltsim_open asynchronous = read_write;
    asynchronous.asynchronous = true;
    file = workload_open(w, "asynchronous", &asynchronous, STATUS_SUCCESS);
    if (file) {
        put(w, file, block, 5000, 0);
        get(w, file, block, 5000, 0);
    }
    workload_close(w, file);
    free(block);
}

void workload_mapped(struct workload *w)
{
    struct fltsim_view view;
    char block[2 * BLOCK];
    HANDLE file = workload_open(w, "mapped", &read_write, STATUS_SUCCESS);

    if (!file)
        return;
    pattern(block, sizeof block, 1);
    put(w, file, block, sizeof block, 0);
    if (workload_expect(w, "map for writing", fltsim_map(file, true, 0, &view), STATUS_SUCCESS)) {
        memcpy((char *)view.base + 100, "through the view", 16);
        workload_expect(w, "flush a view", fltsim_flush_view(&view), STATUS_SUCCESS);
        workload_expect(w, "unmap", fltsim_unmap(&view), STATUS_SUCCESS);
        get(w, file, "through the view", 16, 100);
    }
    workload_close(w, file);

    /* A view outlives its handle: the close comes long after the cleanup. */
    file = workload_open(w, "mapped", NULL, STATUS_SUCCESS);
    if (file && workload_expect(w, "map for reading", fltsim_map(file, false, 0, &view), STATUS_SUCCESS)) {
        workload_close(w, file);
        file = NULL;
        volatile char byte = *(volatile char *)view.base;
        (void)byte;
        workload_expect(w, "unmap after close", fltsim_unmap(&view), STATUS_SUCCESS);
    }
    workload_close(w, file);
}

void workload_sizes(struct workload *w)
{
    static const uint64_t sizes[] = {100, 10000, 0, 65536, 5000, 5001, 1};
    uint64_t size;
    HANDLE file = workload_open(w, "sizes", &read_write, STATUS_SUCCESS);

    if (!file)
        return;
    put(w, file, "some contents", 13, 0);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        workload_expect(w, "set the size", fltsim_set_size(file, sizes[i]), STATUS_SUCCESS);
        if (workload_expect(w, "query the size", fltsim_get_size(file, &size), STATUS_SUCCESS) && size != sizes[i])
            workload_expect(w, "query the size: not the one set", STATUS_DATA_ERROR, STATUS_SUCCESS);
    }
    FILE_ALLOCATION_INFORMATION allocation = {.AllocationSize.QuadPart = 131072};
    workload_expect(w, "set the allocation",
                    fltsim_set(file, FileAllocationInformation, &allocation, sizeof allocation), STATUS_SUCCESS);
    put(w, file, "far away", 8, 200000);
    get(w, file, "\0\0\0\0\0\0\0\0", 8, 150000);
    workload_close(w, file);
}

void workload_locks(struct workload *w)
{
    HANDLE one = workload_open(w, "locked", &read_write, STATUS_SUCCESS);
    HANDLE two = workload_open(w, "locked", &read_write, STATUS_SUCCESS);

    if (one && two) {
        char byte;
        put(w, one, "0123456789", 10, 0);
        workload_expect(w, "lock", fltsim_lock(one, 0, 5, true, false), STATUS_SUCCESS);
        workload_expect(w, "lock what is locked", fltsim_lock(two, 3, 5, true, false), STATUS_LOCK_NOT_GRANTED);
        workload_expect(w, "read what is locked", fltsim_read(two, &byte, 1, 2, NULL), STATUS_FILE_LOCK_CONFLICT);
        workload_expect(w, "shared lock beside", fltsim_lock(two, 5, 5, false, false), STATUS_SUCCESS);
        workload_expect(w, "unlock", fltsim_unlock(one, 0, 5), STATUS_SUCCESS);
        workload_expect(w, "unlock what is not locked", fltsim_unlock(one, 0, 5), STATUS_RANGE_NOT_LOCKED);
    }
    workload_close(w, one);
    workload_close(w, two);
}

void workload_paging_file(struct workload *w)
{
    struct fltsim_open open = {.access = GENERIC_READ | GENERIC_WRITE,
                               .disposition = FILE_OPEN_IF,
                               .options = FILE_NO_INTERMEDIATE_BUFFERING,
                               .paging_file = true};
    char *block = calloc(1, BLOCK);
    HANDLE file = workload_open(w, "\\pagefile.sys", &open, STATUS_SUCCESS);

    if (file) {
        workload_expect(w, "set the size", fltsim_set_size(file, 16 * BLOCK), STATUS_SUCCESS);
        put(w, file, block, BLOCK, 0);
        get(w, file, block, BLOCK, 0);
    }
    workload_close(w, file);
    free(block);
}
