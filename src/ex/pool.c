#include "ex/state.h"

#include "fault/fault.h"
#include "verify/api.h"
#include "verify/verify.h"

/* Nonpaged pool at up to DISPATCH_LEVEL, paged pool at up to APC_LEVEL. */
#define CHECK_PAGED(routine, flags)                                                                                     \
    do {                                                                                                               \
        if (__builtin_expect(((flags) & EXP_PAGED) && KiCurrentIrql() > APC_LEVEL, 0))                                 \
            verify_irql_too_high(routine " for paged pool", APC_LEVEL, VERIFY_CALLER);                                 \
    } while (0)

static unsigned flags_of_type(POOL_TYPE type)
{
    return (type & 1 ? EXP_PAGED : 0) | (type & POOL_ZERO_ALLOCATION ? EXP_ZERO : 0) |
           (type & 1 || type & POOL_NX_ALLOCATION ? 0 : EXP_EXECUTE);
}

static void *allocate(POOL_TYPE type, unsigned extra, SIZE_T size, ULONG tag, const void *site)
{
    void *body = fault_allocation() ? NULL : ExpAllocate(flags_of_type(type) | extra, size, tag, site);
    if (!body && (type & POOL_RAISE_IF_ALLOCATION_FAILURE))
        ExRaiseStatus(STATUS_INSUFFICIENT_RESOURCES);
    return body;
}

static void *allocate_charged(POOL_TYPE type, unsigned extra, SIZE_T size, ULONG tag, const void *site)
{
    void *body = NULL;
    NTSTATUS status = fault_allocation() ? STATUS_INSUFFICIENT_RESOURCES
                                         : ExpAllocateCharged(flags_of_type(type) | extra, size, tag, site, &body);
    if (!body && (!(type & POOL_QUOTA_FAIL_INSTEAD_OF_RAISE) || (type & POOL_RAISE_IF_ALLOCATION_FAILURE)))
        ExRaiseStatus(status);
    return body;
}

#define NO_TAG ((ULONG)'enoN')

PVOID ExAllocatePool(POOL_TYPE PoolType, SIZE_T NumberOfBytes)
{
    API_IRQL(ExAllocatePool);
    CHECK_PAGED("ExAllocatePool", flags_of_type(PoolType));
    return allocate(PoolType, 0, NumberOfBytes, NO_TAG, VERIFY_CALLER);
}

PVOID ExAllocatePoolWithTag(POOL_TYPE PoolType, SIZE_T NumberOfBytes, ULONG Tag)
{
    API_IRQL(ExAllocatePoolWithTag);
    CHECK_PAGED("ExAllocatePoolWithTag", flags_of_type(PoolType));
    return allocate(PoolType, 0, NumberOfBytes, Tag, VERIFY_CALLER);
}

PVOID ExAllocatePoolWithTagPriority(POOL_TYPE PoolType, SIZE_T NumberOfBytes, ULONG Tag, EX_POOL_PRIORITY Priority)
{
    API_IRQL(ExAllocatePoolWithTagPriority);
    CHECK_PAGED("ExAllocatePoolWithTagPriority", flags_of_type(PoolType));
    return allocate(PoolType, 0, NumberOfBytes, Tag, VERIFY_CALLER);
}

PVOID ExAllocatePoolWithQuota(POOL_TYPE PoolType, SIZE_T NumberOfBytes)
{
    API_IRQL(ExAllocatePoolWithQuota);
    CHECK_PAGED("ExAllocatePoolWithQuota", flags_of_type(PoolType));
    return allocate_charged(PoolType, 0, NumberOfBytes, NO_TAG, VERIFY_CALLER);
}

PVOID ExAllocatePoolWithQuotaTag(POOL_TYPE PoolType, SIZE_T NumberOfBytes, ULONG Tag)
{
    API_IRQL(ExAllocatePoolWithQuotaTag);
    CHECK_PAGED("ExAllocatePoolWithQuotaTag", flags_of_type(PoolType));
    return allocate_charged(PoolType, 0, NumberOfBytes, Tag, VERIFY_CALLER);
}

PVOID ExAllocatePoolZero(POOL_TYPE PoolType, SIZE_T NumberOfBytes, ULONG Tag)
{
    API_IRQL(ExAllocatePoolZero);
    CHECK_PAGED("ExAllocatePoolZero", flags_of_type(PoolType));
    return allocate(PoolType, EXP_ZERO, NumberOfBytes, Tag, VERIFY_CALLER);
}

PVOID ExAllocatePoolUninitialized(POOL_TYPE PoolType, SIZE_T NumberOfBytes, ULONG Tag)
{
    API_IRQL(ExAllocatePoolUninitialized);
    CHECK_PAGED("ExAllocatePoolUninitialized", flags_of_type(PoolType));
    return allocate(PoolType, 0, NumberOfBytes, Tag, VERIFY_CALLER);
}

PVOID ExAllocatePoolQuotaZero(POOL_TYPE PoolType, SIZE_T NumberOfBytes, ULONG Tag)
{
    API_IRQL(ExAllocatePoolQuotaZero);
    CHECK_PAGED("ExAllocatePoolQuotaZero", flags_of_type(PoolType));
    return allocate_charged(PoolType, EXP_ZERO, NumberOfBytes, Tag, VERIFY_CALLER);
}

PVOID ExAllocatePoolQuotaUninitialized(POOL_TYPE PoolType, SIZE_T NumberOfBytes, ULONG Tag)
{
    API_IRQL(ExAllocatePoolQuotaUninitialized);
    CHECK_PAGED("ExAllocatePoolQuotaUninitialized", flags_of_type(PoolType));
    return allocate_charged(PoolType, 0, NumberOfBytes, Tag, VERIFY_CALLER);
}

PVOID ExAllocatePoolPriorityZero(POOL_TYPE PoolType, SIZE_T NumberOfBytes, ULONG Tag, EX_POOL_PRIORITY Priority)
{
    API_IRQL(ExAllocatePoolPriorityZero);
    CHECK_PAGED("ExAllocatePoolPriorityZero", flags_of_type(PoolType));
    return allocate(PoolType, EXP_ZERO, NumberOfBytes, Tag, VERIFY_CALLER);
}

PVOID ExAllocatePoolPriorityUninitialized(POOL_TYPE PoolType, SIZE_T NumberOfBytes, ULONG Tag,
                                          EX_POOL_PRIORITY Priority)
{
    API_IRQL(ExAllocatePoolPriorityUninitialized);
    CHECK_PAGED("ExAllocatePoolPriorityUninitialized", flags_of_type(PoolType));
    return allocate(PoolType, 0, NumberOfBytes, Tag, VERIFY_CALLER);
}

/* ---- by flags ---- */

/* One of the three kinds; required bits that nobody defined are an error, optional ones are ignored. */
static bool flags_are_valid(POOL_FLAGS flags)
{
    POOL_FLAGS known = POOL_FLAG_USE_QUOTA | POOL_FLAG_UNINITIALIZED | POOL_FLAG_SESSION | POOL_FLAG_CACHE_ALIGNED |
                       POOL_FLAG_RAISE_ON_FAILURE | POOL_FLAG_NON_PAGED | POOL_FLAG_NON_PAGED_EXECUTE | POOL_FLAG_PAGED;
    POOL_FLAGS kind = flags & (POOL_FLAG_NON_PAGED | POOL_FLAG_NON_PAGED_EXECUTE | POOL_FLAG_PAGED);
    return !(flags & 0xffffffffull & ~known) && kind && !(kind & (kind - 1));
}

static void *allocate_by_flags(POOL_FLAGS flags, SIZE_T size, ULONG tag, const void *site)
{
    unsigned internal = (flags & POOL_FLAG_PAGED ? EXP_PAGED : 0) | (flags & POOL_FLAG_UNINITIALIZED ? 0 : EXP_ZERO) |
                        (flags & POOL_FLAG_NON_PAGED_EXECUTE ? EXP_EXECUTE : 0);
    NTSTATUS status = STATUS_INSUFFICIENT_RESOURCES;
    void *body = NULL;

    if (tag && size && flags_are_valid(flags) && !fault_allocation()) {
        if (flags & POOL_FLAG_USE_QUOTA)
            status = ExpAllocateCharged(internal, size, tag, site, &body);
        else
            body = ExpAllocate(internal, size, tag, site);
    }
    if (!body && (flags & POOL_FLAG_RAISE_ON_FAILURE))
        ExRaiseStatus(status);
    return body;
}

PVOID ExAllocatePool2(POOL_FLAGS Flags, SIZE_T NumberOfBytes, ULONG Tag)
{
    API_IRQL(ExAllocatePool2);
    CHECK_PAGED("ExAllocatePool2", Flags & POOL_FLAG_PAGED ? EXP_PAGED : 0);
    return allocate_by_flags(Flags, NumberOfBytes, Tag, VERIFY_CALLER);
}

PVOID ExAllocatePool3(POOL_FLAGS Flags, SIZE_T NumberOfBytes, ULONG Tag, PCPOOL_EXTENDED_PARAMETER ExtendedParameters,
                      ULONG ExtendedParametersCount)
{
    API_IRQL(ExAllocatePool3);
    CHECK_PAGED("ExAllocatePool3", Flags & POOL_FLAG_PAGED ? EXP_PAGED : 0);
    for (ULONG i = 0; i < ExtendedParametersCount; i++)
        if (!ExtendedParameters[i].Optional && (ExtendedParameters[i].Type == PoolExtendedParameterInvalidType ||
                                                ExtendedParameters[i].Type >= PoolExtendedParameterMax))
            return NULL;
    return allocate_by_flags(Flags, NumberOfBytes, Tag, VERIFY_CALLER);
}

/* ---- freeing ---- */

static void free_checked(PVOID body, ULONG tag, const char *routine, const char *routine_paged, const void *site)
{
    if (__builtin_expect(KiCurrentIrql() > APC_LEVEL, 0) && ExpIsPagedPool(body))
        verify_irql_too_high(routine_paged, APC_LEVEL, site);
    ExpFree(body, tag, routine, site);
}

#define FREE(routine, body, tag) free_checked(body, tag, routine, routine " for paged pool", VERIFY_CALLER)

VOID ExFreePool(PVOID P)
{
    API_IRQL(ExFreePool);
    FREE("ExFreePool", P, 0);
}

VOID ExFreePoolWithTag(PVOID P, ULONG Tag)
{
    API_IRQL(ExFreePoolWithTag);
    FREE("ExFreePoolWithTag", P, Tag);
}

VOID ExFreePool2(PVOID P, ULONG Tag, PCPOOL_EXTENDED_PARAMETER ExtendedParameters, ULONG ExtendedParametersCount)
{
    API_IRQL(ExFreePool2);
    FREE("ExFreePool2", P, Tag);
}
