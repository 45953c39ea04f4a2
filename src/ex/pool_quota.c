/* Pool that a process is charged for. Whole pages are nobody's charge. */
#include "ex/state.h"

#include "ps/quota.h"

static enum ps_quota_pool kind_of(unsigned flags) { return flags & EXP_PAGED ? PS_PAGED : PS_NONPAGED; }

NTSTATUS ExpAllocateCharged(unsigned flags, size_t size, ULONG tag, const void *site, void **body)
{
    struct ps_quota *quota = NULL;
    NTSTATUS status = size < POOL_PAGE ? PspChargeQuota(kind_of(flags), size, &quota) : STATUS_SUCCESS;
    *body = NULL;
    if (!NT_SUCCESS(status))
        return status;
    *body = ExpAllocate(flags, size, tag, site);
    if (*body && quota)
        ExpSetCharge(*body, quota);
    else
        PspReturnQuota(quota, kind_of(flags), size);
    return *body ? STATUS_SUCCESS : STATUS_INSUFFICIENT_RESOURCES;
}

void ExpReturnCharge(struct pool_block *block)
{
    block->flags &= (uint8_t)~POOL_CHARGED;
    PspReturnQuota(block->charged, kind_of(block->flags), block->size);
}
