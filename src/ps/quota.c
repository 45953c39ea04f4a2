#include "ps/quota.h"

#include "ps/process.h"
#include "sim/machine.h"
#include "verify/api.h"

struct ps_quota *PspMakeQuota(void)
{
    struct ps_quota *quota = sim_alloc(sizeof *quota);
    quota->references = 1;
    for (int i = 0; i < PS_POOLS; i++)
        quota->pools[i].limit = (SIZE_T)-1;
    return quota;
}

void PspDropQuota(struct ps_quota *quota)
{
    if (__atomic_sub_fetch(&quota->references, 1, __ATOMIC_ACQ_REL) == 0)
        sim_free(quota);
}

static void NotePeak(SIZE_T *peak, SIZE_T used)
{
    SIZE_T known = __atomic_load_n(peak, __ATOMIC_RELAXED);
    while (known < used && !__atomic_compare_exchange_n(peak, &known, used, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
        ;
}

static bool Charge(struct ps_quota *quota, enum ps_quota_pool pool, SIZE_T amount)
{
    SIZE_T limit = __atomic_load_n(&quota->pools[pool].limit, __ATOMIC_RELAXED);
    SIZE_T used = __atomic_load_n(&quota->pools[pool].used, __ATOMIC_RELAXED);
    do {
        if (used > limit || amount > limit - used)
            return false;
    } while (!__atomic_compare_exchange_n(&quota->pools[pool].used, &used, used + amount, true, __ATOMIC_RELAXED,
                                          __ATOMIC_RELAXED));
    NotePeak(&quota->pools[pool].peak, used + amount);
    return true;
}

static bool Return(struct ps_quota *quota, enum ps_quota_pool pool, SIZE_T amount)
{
    SIZE_T used = __atomic_load_n(&quota->pools[pool].used, __ATOMIC_RELAXED);
    do {
        if (amount > used)
            return false;
    } while (!__atomic_compare_exchange_n(&quota->pools[pool].used, &used, used - amount, true, __ATOMIC_RELAXED,
                                          __ATOMIC_RELAXED));
    return true;
}

NTSTATUS PspChargeQuota(enum ps_quota_pool pool, SIZE_T amount, struct ps_quota **quota)
{
    PEPROCESS process = PspCurrentProcess();
    *quota = NULL;
    if (process->system)
        return STATUS_SUCCESS;
    if (!Charge(process->quota, pool, amount))
        return STATUS_QUOTA_EXCEEDED;
    __atomic_add_fetch(&process->quota->references, 1, __ATOMIC_RELAXED);
    *quota = process->quota;
    return STATUS_SUCCESS;
}

void PspReturnQuota(struct ps_quota *quota, enum ps_quota_pool pool, SIZE_T amount)
{
    if (!quota)
        return;
    Return(quota, pool, amount);
    PspDropQuota(quota);
}

VOID PsChargePoolQuota(PEPROCESS Process, POOL_TYPE PoolType, ULONG_PTR Amount)
{
    API_ENTER(PsChargePoolQuota, Process, SCHED_WRITE);
    if (!Process->system && !Charge(Process->quota, PspQuotaPool(PoolType), Amount))
        ExRaiseStatus(STATUS_QUOTA_EXCEEDED);
}

VOID PsReturnPoolQuota(PEPROCESS Process, POOL_TYPE PoolType, ULONG_PTR Amount)
{
    API_ENTER(PsReturnPoolQuota, Process, SCHED_WRITE);
    if (!Process->system && !Return(Process->quota, PspQuotaPool(PoolType), Amount))
        ExRaiseStatus(STATUS_QUOTA_EXCEEDED);
}
