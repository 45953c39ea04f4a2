#include "fault/fault.h"

#include <fltsim/fault.h>

unsigned fault_armed; /* the allocation that fails, counted from now; 0: none */
static bool happened;
static unsigned rate;  /* fault_armed goes round: it is drawn anew from 1 to 2 * rate - 1; 0: once */
static uint64_t drawn; /* the state of the draw */

void fault_reset(void)
{
    fltsim_fail_allocation(0);
}

static unsigned next_distance(void)
{
    unsigned each = __atomic_load_n(&rate, __ATOMIC_RELAXED);
    uint64_t step = __atomic_add_fetch(&drawn, 0x9E3779B97F4A7C15u, __ATOMIC_RELAXED);
    step = (step ^ step >> 30) * 0xBF58476D1CE4E5B9u;
    return each ? 1 + (unsigned)((step ^ step >> 31) >> 33) % (2 * each - 1) : 0;
}

bool fault_take(void)
{
    unsigned left = __atomic_load_n(&fault_armed, __ATOMIC_RELAXED), next;
    do {
        if (left == 0)
            return false;
        next = left == 1 ? next_distance() : left - 1;
    } while (!__atomic_compare_exchange_n(&fault_armed, &left, next, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED));
    if (left == 1)
        __atomic_store_n(&happened, true, __ATOMIC_RELEASE);
    return left == 1;
}

static void arm(unsigned first, unsigned each)
{
    __atomic_store_n(&happened, false, __ATOMIC_RELAXED);
    __atomic_store_n(&rate, each, __ATOMIC_RELAXED);
    __atomic_store_n(&fault_armed, first, __ATOMIC_RELEASE);
}

void fltsim_fail_allocation(unsigned n)
{
    arm(n, 0);
}

void fltsim_fail_some_allocations(unsigned one_in, uint64_t seed)
{
    __atomic_store_n(&drawn, seed, __ATOMIC_RELAXED);
    arm(one_in, one_in);
}

bool fltsim_allocation_failed(void)
{
    return __atomic_load_n(&happened, __ATOMIC_ACQUIRE);
}
