#include "fault/fault.h"

#include <fltsim/fault.h>

unsigned fault_armed; /* the allocation that fails, counted from now; 0: none */
static bool happened;

void fault_reset(void)
{
    fltsim_fail_allocation(0);
}

bool fault_take(void)
{
    unsigned left = __atomic_load_n(&fault_armed, __ATOMIC_RELAXED);
    do {
        if (left == 0)
            return false;
    } while (!__atomic_compare_exchange_n(&fault_armed, &left, left - 1, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED));
    if (left == 1)
        __atomic_store_n(&happened, true, __ATOMIC_RELEASE);
    return left == 1;
}

void fltsim_fail_allocation(unsigned n)
{
    __atomic_store_n(&happened, false, __ATOMIC_RELAXED);
    __atomic_store_n(&fault_armed, n, __ATOMIC_RELEASE);
}

bool fltsim_allocation_failed(void)
{
    return __atomic_load_n(&happened, __ATOMIC_ACQUIRE);
}
