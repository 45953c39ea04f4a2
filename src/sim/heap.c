#include "sim/heap.h"
#include "sim/machine.h"
#include "sched/sched.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Blocks are chained per shard so that a machine that ended in the middle of things can be freed wholesale, and so
 * that native threads rarely meet on one lock. */
struct block {
    struct block *next, *previous; // shard.blocks
    size_t size;
    unsigned shard;
    unsigned offset; // of this header in what the host gave
};

/* What threads share in parts of their own is kept in cache lines of their own: large blocks begin one. */
enum { SHARDS = 16, CACHE_LINE = 64, LARGE = 256, SMALL = 4096 };
static struct shard {
    _Alignas(CACHE_LINE) struct sched_lock lock;
    struct block *blocks;
} shards[SHARDS];

static void link_block(struct block *block)
{
    struct shard *shard = &shards[block->shard];
    sched_lock(&shard->lock);
    block->previous = NULL;
    block->next = shard->blocks;
    if (block->next)
        block->next->previous = block;
    shard->blocks = block;
    sched_unlock(&shard->lock);
}

static void unlink_block(struct block *block)
{
    struct shard *shard = &shards[block->shard];
    sched_lock(&shard->lock);
    if (block->previous)
        block->previous->next = block->next;
    else
        shard->blocks = block->next;
    if (block->next)
        block->next->previous = block->previous;
    sched_unlock(&shard->lock);
}

static unsigned this_shard(void)
{
    uintptr_t self = (uintptr_t)sched_self();
    return (self >> 6 ^ self >> 12) % SHARDS;
}

static struct block *new_block(size_t size)
{
    size_t slack = size >= LARGE ? CACHE_LINE : 0;
    size_t whole = sizeof(struct block) + slack + size;
    /* glibc's calloc takes a lock where its malloc has a cache for each thread. */
    char *memory = whole <= SMALL ? malloc(whole) : calloc(1, whole);
    if (!memory)
        return NULL;
    if (whole <= SMALL) {
        __asm__("" : "+r"(memory)); /* else the compiler makes a calloc of the two */
        memset(memory, 0, whole);
    }
    size_t offset = slack ? -((uintptr_t)memory + sizeof(struct block)) % CACHE_LINE : 0;
    struct block *block = (struct block *)(memory + offset);
    block->offset = (unsigned)offset;
    return block;
}

static void free_block(struct block *block) { free((char *)block - block->offset); }

static _Noreturn void out_of_memory(size_t size)
{
    fprintf(stderr, "fltsim: the host has no memory left for %zu bytes of the simulator's own structures\n", size);
    abort();
}

void *sim_alloc(size_t size)
{
    struct block *block = new_block(size);
    if (!block)
        out_of_memory(size);
    block->size = size;
    block->shard = this_shard();
    link_block(block);
    return block + 1;
}

void *sim_realloc(void *memory, size_t size)
{
    if (!memory)
        return sim_alloc(size);
    struct block *old = (struct block *)memory - 1;
    void *fresh = sim_alloc(size);
    memcpy(fresh, memory, old->size < size ? old->size : size);
    sim_free(memory);
    return fresh;
}

char *sim_strdup(const char *text)
{
    size_t size = strlen(text) + 1;
    return memcpy(sim_alloc(size), text, size);
}

void sim_free(void *memory)
{
    if (!memory)
        return;
    struct block *block = (struct block *)memory - 1;
    unlink_block(block);
    free_block(block);
}

size_t sim_heap_sweep(void)
{
    size_t count = 0;
    for (size_t i = 0; i < SHARDS; i++) {
        while (shards[i].blocks) {
            struct block *block = shards[i].blocks;
            shards[i].blocks = block->next;
            free_block(block);
            count++;
        }
    }
    return count;
}

void sim_heap_print(FILE *out)
{
    for (size_t i = 0; i < SHARDS; i++)
        for (struct block *block = shards[i].blocks; block; block = block->next)
            fprintf(out, "  %zu bytes at %p\n", block->size, (void *)(block + 1));
}
