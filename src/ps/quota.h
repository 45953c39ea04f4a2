/* Pool quota: what a process may have of the pool, and has. For every room that charges. */
#ifndef FLTSIM_PS_QUOTA_H
#define FLTSIM_PS_QUOTA_H

#include <ntifs.h>

enum ps_quota_pool { PS_NONPAGED, PS_PAGED, PS_POOLS };

/* Each process has its own; whoever charged it keeps it until the return, which may be after the process. */
struct ps_quota {
    LONG references;
    struct {
        SIZE_T used, peak, limit;
    } pools[PS_POOLS];
};

static inline enum ps_quota_pool PspQuotaPool(POOL_TYPE type)
{
    return type & 1 ? PS_PAGED : PS_NONPAGED;
}

struct ps_quota *PspMakeQuota(void);
void PspDropQuota(struct ps_quota *quota);
/* Of the current process. STATUS_QUOTA_EXCEEDED; *quota NULL: nobody charges the System process. */
NTSTATUS PspChargeQuota(enum ps_quota_pool pool, SIZE_T amount, struct ps_quota **quota);
void PspReturnQuota(struct ps_quota *quota, enum ps_quota_pool pool, SIZE_T amount);

#endif
