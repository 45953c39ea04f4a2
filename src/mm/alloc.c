#include "mm/mmp.h"

#include "ob/object.h"
#include "plat/pages.h"
#include "ps/process.h"

/* -- memory of drivers that devices could see -------------------------------------------------- */

enum { MI_CONTIGUOUS_TAG = 'tnCM' };

static PVOID contiguous(SIZE_T size)
{
    return ExAllocatePoolWithTag(NonPagedPool, size, MI_CONTIGUOUS_TAG);
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

/* -- memory of programs ------------------------------------------------------------------------ */

struct mi_region {
    LIST_ENTRY link; /* mm_state.regions */
    PEPROCESS process;
    PVOID base;
    size_t size;
};

static struct mi_region *take_region(PEPROCESS process, PVOID base)
{
    struct mi_region *found = NULL;
    sched_lock(&mm->view_lock);
    for (PLIST_ENTRY link = mm->regions.Flink; link != &mm->regions && !found; link = link->Flink) {
        struct mi_region *region = CONTAINING_RECORD(link, struct mi_region, link);
        if ((!process || region->process == process) && (!base || region->base == base))
            found = region;
    }
    if (found)
        RemoveEntryList(&found->link);
    sched_unlock(&mm->view_lock);
    return found;
}

static void free_region(struct mi_region *region)
{
    plat_pages_free(region->base, region->size);
    sim_free(region);
}

void MiFreeRegions(PEPROCESS process)
{
    struct mi_region *region;
    while ((region = take_region(process, NULL)))
        free_region(region);
}

static NTSTATUS process_of(HANDLE handle, PEPROCESS *process)
{
    if (handle != NtCurrentProcess())
        return ObpReferenceHandle(handle, 0, *PsProcessType, KernelMode, (PVOID *)process, NULL);
    *process = KiCurrentProcess();
    ObpReference(*process);
    return STATUS_SUCCESS;
}

NTSTATUS ZwAllocateVirtualMemory(HANDLE ProcessHandle, PVOID *BaseAddress, ULONG_PTR ZeroBits,
                                 PSIZE_T RegionSize, ULONG AllocationType, ULONG Protect)
{
    API_IRQL(ZwAllocateVirtualMemory);
    PEPROCESS process;
    if (!(AllocationType & (MEM_COMMIT | MEM_RESERVE)))
        return STATUS_INVALID_PARAMETER_5;
    if (*RegionSize == 0)
        return STATUS_INVALID_PARAMETER_4;
    NTSTATUS status = process_of(ProcessHandle, &process);
    if (!NT_SUCCESS(status))
        return status;
    /* Committing pages of a range that was reserved before: they are there already. */
    if (*BaseAddress && !(AllocationType & MEM_RESERVE)) {
        ObpDereference(process);
        return STATUS_SUCCESS;
    }
    struct mi_region *region = sim_alloc(sizeof *region);
    region->size = (*RegionSize + MI_PAGE - 1) & ~(size_t)(MI_PAGE - 1);
    region->base = plat_pages_alloc(region->size, PLAT_READ_WRITE);
    region->process = process;
    ObpDereference(process);
    if (!region->base) {
        sim_free(region);
        return STATUS_NO_MEMORY;
    }
    sched_lock(&mm->view_lock);
    InsertHeadList(&mm->regions, &region->link);
    sched_unlock(&mm->view_lock);
    *BaseAddress = region->base;
    *RegionSize = region->size;
    return STATUS_SUCCESS;
}

NTSTATUS ZwFreeVirtualMemory(HANDLE ProcessHandle, PVOID *BaseAddress, PSIZE_T RegionSize,
                             ULONG FreeType)
{
    API_IRQL(ZwFreeVirtualMemory);
    PEPROCESS process;
    if (FreeType != MEM_RELEASE && FreeType != MEM_DECOMMIT)
        return STATUS_INVALID_PARAMETER_4;
    NTSTATUS status = process_of(ProcessHandle, &process);
    if (!NT_SUCCESS(status))
        return status;
    struct mi_region *region = FreeType == MEM_RELEASE ? take_region(process, *BaseAddress) : NULL;
    ObpDereference(process);
    if (FreeType == MEM_DECOMMIT)
        return STATUS_SUCCESS;
    if (!region || !*BaseAddress)
        return STATUS_FREE_VM_NOT_AT_BASE;
    *RegionSize = region->size;
    free_region(region);
    return STATUS_SUCCESS;
}
