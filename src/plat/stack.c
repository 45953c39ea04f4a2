#define _GNU_SOURCE
#include "plat/context.h"
#include "plat/pages.h"
#include "plat/sanitizer.h"
#include "plat/thread.h"

#include <stdatomic.h>
#include <stdint.h>

/* A free stack holds its link in its own first bytes. Stacks that are not of the pool's one size are unmapped. */
struct free_stack {
    struct free_stack *next;
};

static struct {
    atomic_flag busy;
    size_t size;
    unsigned count;
    struct free_stack *first;
} pool = {.busy = ATOMIC_FLAG_INIT};

enum { POOL_LIMIT = 256 };

static void lock(void)
{
    while (atomic_flag_test_and_set_explicit(&pool.busy, memory_order_acquire))
        plat_thread_relax();
}

static void unlock(void)
{
    atomic_flag_clear_explicit(&pool.busy, memory_order_release);
}

static bool map(struct plat_stack *stack, size_t size)
{
    size_t page = plat_page_size();
    char *memory = plat_pages_alloc(size + page, PLAT_READ_WRITE);
    if (!memory)
        return false;
    if (!plat_pages_protect(memory, page, PLAT_NO_ACCESS)) {
        plat_pages_free(memory, size + page);
        return false;
    }
    *stack = (struct plat_stack){memory + page, size};
    return true;
}

bool plat_stack_get(struct plat_stack *stack, size_t size)
{
    size_t page = plat_page_size();
    size = (size + page - 1) & ~(page - 1);

    lock();
    struct free_stack *found = pool.size == size ? pool.first : NULL;
    if (found) {
#ifdef PLAT_ASAN
        __asan_unpoison_memory_region(found, size);
#endif
        pool.first = found->next;
        pool.count--;
    }
    unlock();
    if (!found)
        return map(stack, size);
    *stack = (struct plat_stack){found, size};
    return true;
}

void plat_stack_put(struct plat_stack *stack)
{
    struct free_stack *entry = stack->base;
    bool kept = false;

    if (!entry)
        return;
#ifdef PLAT_ASAN
    __asan_unpoison_memory_region(entry, stack->size);
#endif
    lock();
    if (!pool.first)
        pool.size = stack->size;
    if (pool.size == stack->size && pool.count < POOL_LIMIT) {
        entry->next = pool.first;
        pool.first = entry;
        pool.count++;
        kept = true;
    }
    unlock();
    if (!kept) {
        size_t page = plat_page_size();
        plat_pages_free((char *)stack->base - page, stack->size + page);
    }
    stack->base = NULL;
}
