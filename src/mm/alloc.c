#include "mm/mmp.h"

/* -- memory of drivers that devices could see -------------------------------------------------- */

enum { MI_CONTIGUOUS_TAG = 'tnCM' };

/* Whole pages. */
static PVOID contiguous(SIZE_T size)
{
    return ExAllocatePoolWithTag(NonPagedPool, size < PAGE_SIZE ? PAGE_SIZE : size, MI_CONTIGUOUS_TAG);
}

PVOID MmAllocateContiguousMemory(SIZE_T NumberOfBytes, PHYSICAL_ADDRESS HighestAcceptableAddress)
{
    API_IRQL(MmAllocateContiguousMemory);
    return contiguous(NumberOfBytes);
}

PVOID MmAllocateContiguousMemorySpecifyCache(SIZE_T NumberOfBytes,
                                             PHYSICAL_ADDRESS LowestAcceptableAddress,
                                             PHYSICAL_ADDRESS HighestAcceptableAddress,
                                             PHYSICAL_ADDRESS BoundaryAddressMultiple,
                                             MEMORY_CACHING_TYPE CacheType)
{
    API_IRQL(MmAllocateContiguousMemorySpecifyCache);
    return contiguous(NumberOfBytes);
}

VOID MmFreeContiguousMemory(PVOID BaseAddress)
{
    API_IRQL(MmFreeContiguousMemory);
    ExFreePoolWithTag(BaseAddress, MI_CONTIGUOUS_TAG);
}

PVOID MmAllocateNonCachedMemory(SIZE_T NumberOfBytes)
{
    API_IRQL(MmAllocateNonCachedMemory);
    return contiguous(NumberOfBytes);
}

VOID MmFreeNonCachedMemory(PVOID BaseAddress, SIZE_T NumberOfBytes)
{
    API_IRQL(MmFreeNonCachedMemory);
    ExFreePoolWithTag(BaseAddress, MI_CONTIGUOUS_TAG);
}
