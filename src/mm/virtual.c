/* Memory of programs: reserved, committed, protected, secured. */
#include "mm/mmp.h"

#include "fault/fault.h"
#include "ob/object.h"
#include "plat/pages.h"
#include "ps/process.h"

#include <string.h>

enum { MI_GRANULE = 0x10000, MI_MODIFIERS = PAGE_GUARD | PAGE_NOCACHE | PAGE_WRITECOMBINE };

NTSTATUS MiReferenceProcess(HANDLE handle, KPROCESSOR_MODE mode, PEPROCESS *process)
{
    if (handle != NtCurrentProcess())
        return ObpReferenceHandle(handle, mode == UserMode ? PROCESS_VM_OPERATION : 0, *PsProcessType,
                                  (CCHAR)mode, (PVOID *)process, NULL);
    *process = KiCurrentProcess();
    ObpReference(*process);
    return STATUS_SUCCESS;
}

/* Where a program's addresses end on 64-bit Windows. */
PVOID MmHighestUserAddress = (PVOID)0x00007ffffffeffff;
ULONG_PTR MmUserProbeAddress = 0x00007fffffff0000;
PVOID MmSystemRangeStart = (PVOID)0xffff800000000000;

/* -- pages and their protection ------------------------------------------------------------------ */

static bool is_protection(ULONG protection)
{
    ULONG plain = protection & ~(ULONG)MI_MODIFIERS;
    bool one = plain && !(plain & (plain - 1)) && plain <= PAGE_EXECUTE_READWRITE;
    return one && plain != PAGE_WRITECOPY && (plain != PAGE_NOACCESS || plain == protection);
}

static enum plat_access access_of(ULONG protection)
{
    if (!protection || (protection & (PAGE_NOACCESS | PAGE_GUARD)))
        return PLAT_NO_ACCESS;
    return protection & (PAGE_READWRITE | PAGE_EXECUTE_READWRITE) ? PLAT_READ_WRITE : PLAT_READ_ONLY;
}

struct range {
    size_t first, end; /* pages of the region */
};

static struct range range_of(const struct mi_region *region, const UCHAR *base, size_t size)
{
    return (struct range){(size_t)(base - region->base) / MI_PAGE,
                          ((size_t)(base - region->base) + size + MI_PAGE - 1) / MI_PAGE};
}

static void protect(struct mi_region *region, struct range range, ULONG protection)
{
    for (size_t page = range.first; page < range.end; page++)
        region->protection[page] = protection;
    plat_pages_protect(region->base + range.first * MI_PAGE, (range.end - range.first) * MI_PAGE,
                       access_of(protection));
}

/* Pages that are committed for the first time are zero already; those that were decommitted are made so. */
static void decommit(struct mi_region *region, struct range range)
{
    for (size_t page = range.first; page < range.end; page++) {
        if (region->protection[page]) {
            plat_pages_protect(region->base + page * MI_PAGE, MI_PAGE, PLAT_READ_WRITE);
            memset(region->base + page * MI_PAGE, 0, MI_PAGE);
        }
    }
    protect(region, range, 0);
}

static void commit(struct mi_region *region, struct range range, ULONG protection)
{
    for (size_t page = range.first; page < range.end; page++)
        protect(region, (struct range){page, page + 1}, protection);
}

/* -- regions --------------------------------------------------------------------------------------- */

struct mi_region *MiFindRegion(PEPROCESS process, const void *address)
{
    for (PLIST_ENTRY link = mm->regions.Flink; link != &mm->regions; link = link->Flink) {
        struct mi_region *region = CONTAINING_RECORD(link, struct mi_region, link);
        if (region->process == process &&
            (ULONG_PTR)address - (ULONG_PTR)region->base < region->pages * MI_PAGE)
            return region;
    }
    return NULL;
}

/* The region that has all of the range. */
static struct mi_region *find_whole(PEPROCESS process, const UCHAR *base, size_t size)
{
    struct mi_region *region = MiFindRegion(process, base);
    return region && size <= region->pages * MI_PAGE - (size_t)(base - region->base) ? region : NULL;
}

bool MiIsSecured(PEPROCESS process, const void *base, size_t size)
{
    for (PLIST_ENTRY link = mm->secured.Flink; link != &mm->secured; link = link->Flink) {
        struct mi_secured *secured = CONTAINING_RECORD(link, struct mi_secured, link);
        if (secured->process == process && (ULONG_PTR)secured->base < (ULONG_PTR)base + size &&
            (ULONG_PTR)base < (ULONG_PTR)secured->base + secured->size)
            return true;
    }
    return false;
}

static void free_region(struct mi_region *region)
{
    plat_pages_free(region->base, region->pages * MI_PAGE);
    sim_free(region->protection);
    sim_free(region);
}

void MiFreeRegions(PEPROCESS process)
{
    struct mi_region *region;
    do {
        region = NULL;
        sched_lock(&mm->view_lock);
        for (PLIST_ENTRY link = mm->regions.Flink; link != &mm->regions && !region; link = link->Flink) {
            region = CONTAINING_RECORD(link, struct mi_region, link);
            if (process && region->process != process)
                region = NULL;
        }
        if (region)
            RemoveEntryList(&region->link);
        sched_unlock(&mm->view_lock);
        if (region)
            free_region(region);
    } while (region);
}

static NTSTATUS reserve(PEPROCESS process, PVOID *base, PSIZE_T size, ULONG protection, bool committed)
{
    UCHAR *address = (UCHAR *)((ULONG_PTR)*base & ~(ULONG_PTR)(MI_GRANULE - 1));
    size_t bytes = *size + ((ULONG_PTR)*base - (ULONG_PTR)address);
    size_t pages = (bytes + MI_PAGE - 1) / MI_PAGE;
    enum plat_access access = committed ? access_of(protection) : PLAT_NO_ACCESS;

    if (fault_allocation())
        return STATUS_NO_MEMORY;
    UCHAR *memory = address ? plat_pages_alloc_at(address, pages * MI_PAGE, access)
                            : plat_pages_alloc_aligned(pages * MI_PAGE, MI_GRANULE, access);
    if (!memory)
        return address ? STATUS_CONFLICTING_ADDRESSES : STATUS_NO_MEMORY;
    struct mi_region *region = sim_alloc(sizeof *region);
    region->protection = sim_alloc(pages * sizeof *region->protection);
    region->process = process;
    region->base = memory;
    region->pages = pages;
    region->first_protection = protection;
    for (size_t page = 0; committed && page < pages; page++)
        region->protection[page] = protection;
    sched_lock(&mm->view_lock);
    InsertHeadList(&mm->regions, &region->link);
    sched_unlock(&mm->view_lock);
    *base = memory;
    *size = pages * MI_PAGE;
    return STATUS_SUCCESS;
}

static NTSTATUS commit_reserved(PEPROCESS process, PVOID *base, PSIZE_T size, ULONG protection)
{
    UCHAR *first = (UCHAR *)PAGE_ALIGN(*base);
    size_t bytes = ROUND_TO_PAGES(*size + ((UCHAR *)*base - first));
    NTSTATUS status = STATUS_CONFLICTING_ADDRESSES;

    sched_lock(&mm->view_lock);
    struct mi_region *region = find_whole(process, first, bytes);
    if (region) {
        commit(region, range_of(region, first, bytes), protection);
        *base = first;
        *size = bytes;
        status = STATUS_SUCCESS;
    }
    sched_unlock(&mm->view_lock);
    return status;
}

static NTSTATUS allocate(HANDLE handle, KPROCESSOR_MODE mode, PVOID *base, ULONG_PTR zero_bits, PSIZE_T size,
                         ULONG type, ULONG protection)
{
    PEPROCESS process;

    if (zero_bits > 21 && zero_bits < 32)
        return STATUS_INVALID_PARAMETER_3;
    if (*base > MmHighestUserAddress)
        return STATUS_INVALID_PARAMETER_2;
    if (*size == 0 || *size > (SIZE_T)1 << 46)
        return STATUS_INVALID_PARAMETER_4;
    if (!(type & (MEM_COMMIT | MEM_RESERVE | MEM_RESET)) || ((type & MEM_RESET) && type != MEM_RESET) ||
        ((type & MEM_PHYSICAL) && (type & ~(ULONG)MEM_TOP_DOWN) != (MEM_PHYSICAL | MEM_RESERVE)))
        return STATUS_INVALID_PARAMETER_5;
    if (!is_protection(protection))
        return STATUS_INVALID_PAGE_PROTECTION;
    NTSTATUS status = MiReferenceProcess(handle, mode, &process);
    if (!NT_SUCCESS(status))
        return status;
    if (process->exiting)
        status = STATUS_PROCESS_IS_TERMINATING;
    else if (type & MEM_RESET)
        status = STATUS_SUCCESS; /* what was there stays there */
    else if (*base && !(type & MEM_RESERVE))
        status = commit_reserved(process, base, size, protection);
    else
        status = reserve(process, base, size, protection, (type & MEM_COMMIT) != 0);
    ObpDereference(process);
    return status;
}

NTSTATUS NtAllocateVirtualMemory(HANDLE ProcessHandle, PVOID *BaseAddress, ULONG_PTR ZeroBits, PSIZE_T RegionSize,
                                 ULONG AllocationType, ULONG Protect)
{
    API_ENTER(NtAllocateVirtualMemory, NULL, SCHED_WRITE);
    return allocate(ProcessHandle, ExGetPreviousMode(), BaseAddress, ZeroBits, RegionSize, AllocationType, Protect);
}

NTSTATUS ZwAllocateVirtualMemory(HANDLE ProcessHandle, PVOID *BaseAddress, ULONG_PTR ZeroBits, PSIZE_T RegionSize,
                                 ULONG AllocationType, ULONG Protect)
{
    API_ENTER(ZwAllocateVirtualMemory, NULL, SCHED_WRITE);
    return allocate(ProcessHandle, KernelMode, BaseAddress, ZeroBits, RegionSize, AllocationType, Protect);
}

/* -- freeing --------------------------------------------------------------------------------------- */

/* Makes a region of its own of some pages. */
static struct mi_region *keep(struct mi_region *region, size_t first, size_t end)
{
    if (first == end)
        return NULL;
    struct mi_region *part = sim_alloc(sizeof *part);
    *part = *region;
    part->base += first * MI_PAGE;
    part->pages = end - first;
    part->protection = sim_alloc(part->pages * sizeof *part->protection);
    memcpy(part->protection, region->protection + first, part->pages * sizeof *part->protection);
    InsertHeadList(&mm->regions, &part->link);
    return part;
}

static NTSTATUS free_locked(PEPROCESS process, PVOID *base, PSIZE_T size, ULONG type, struct mi_region **gone)
{
    UCHAR *first = (UCHAR *)PAGE_ALIGN(*base);
    struct mi_region *region = MiFindRegion(process, first);
    size_t bytes = ROUND_TO_PAGES(*size + ((UCHAR *)*base - first));

    if (!region)
        return MiFindView(process, first) ? STATUS_UNABLE_TO_DELETE_SECTION : STATUS_MEMORY_NOT_ALLOCATED;
    if (*size == 0) {
        if (first != region->base)
            return STATUS_FREE_VM_NOT_AT_BASE;
        bytes = region->pages * MI_PAGE;
    }
    if (!find_whole(process, first, bytes))
        return STATUS_UNABLE_TO_FREE_VM;
    if (MiIsSecured(process, first, bytes))
        return STATUS_INVALID_PAGE_PROTECTION;
    *base = first;
    *size = bytes;
    if (type == MEM_DECOMMIT) {
        decommit(region, range_of(region, first, bytes));
        return STATUS_SUCCESS;
    }
    RemoveEntryList(&region->link);
    struct range range = range_of(region, first, bytes);
    keep(region, 0, range.first);
    keep(region, range.end, region->pages);
    *gone = keep(region, range.first, range.end);
    RemoveEntryList(&(*gone)->link);
    sim_free(region->protection);
    sim_free(region);
    return STATUS_SUCCESS;
}

static NTSTATUS release(HANDLE handle, KPROCESSOR_MODE mode, PVOID *base, PSIZE_T size, ULONG type)
{
    struct mi_region *gone = NULL;
    PEPROCESS process;

    if (type != MEM_RELEASE && type != MEM_DECOMMIT)
        return STATUS_INVALID_PARAMETER_4;
    if (*base > MmHighestUserAddress)
        return STATUS_INVALID_PARAMETER_2;
    NTSTATUS status = MiReferenceProcess(handle, mode, &process);
    if (!NT_SUCCESS(status))
        return status;
    sched_lock(&mm->view_lock);
    status = free_locked(process, base, size, type, &gone);
    sched_unlock(&mm->view_lock);
    if (gone)
        free_region(gone);
    ObpDereference(process);
    return status;
}

NTSTATUS NtFreeVirtualMemory(HANDLE ProcessHandle, PVOID *BaseAddress, PSIZE_T RegionSize, ULONG FreeType)
{
    API_ENTER(NtFreeVirtualMemory, NULL, SCHED_WRITE);
    return release(ProcessHandle, ExGetPreviousMode(), BaseAddress, RegionSize, FreeType);
}

NTSTATUS ZwFreeVirtualMemory(HANDLE ProcessHandle, PVOID *BaseAddress, PSIZE_T RegionSize, ULONG FreeType)
{
    API_ENTER(ZwFreeVirtualMemory, NULL, SCHED_WRITE);
    return release(ProcessHandle, KernelMode, BaseAddress, RegionSize, FreeType);
}

/* -- protection ------------------------------------------------------------------------------------ */

static NTSTATUS protect_locked(PEPROCESS process, PVOID *base, PSIZE_T size, ULONG protection, PULONG old)
{
    UCHAR *first = (UCHAR *)PAGE_ALIGN(*base);
    size_t bytes = ROUND_TO_PAGES(*size + ((UCHAR *)*base - first));
    struct mi_region *region = find_whole(process, first, bytes);

    if (!region)
        return STATUS_CONFLICTING_ADDRESSES;
    struct range range = range_of(region, first, bytes);
    for (size_t page = range.first; page < range.end; page++)
        if (!region->protection[page])
            return STATUS_NOT_COMMITTED;
    if (MiIsSecured(process, first, bytes))
        return STATUS_INVALID_PAGE_PROTECTION;
    *old = region->protection[range.first];
    *base = first;
    *size = bytes;
    protect(region, range, protection);
    return STATUS_SUCCESS;
}

static NTSTATUS change(HANDLE handle, KPROCESSOR_MODE mode, PVOID *base, PSIZE_T size, ULONG protection, PULONG old)
{
    PEPROCESS process;

    if (!is_protection(protection))
        return STATUS_INVALID_PAGE_PROTECTION;
    NTSTATUS status = MiReferenceProcess(handle, mode, &process);
    if (!NT_SUCCESS(status))
        return status;
    sched_lock(&mm->view_lock);
    status = protect_locked(process, base, size, protection, old);
    sched_unlock(&mm->view_lock);
    ObpDereference(process);
    return status;
}

NTSTATUS NtProtectVirtualMemory(HANDLE ProcessHandle, PVOID *BaseAddress, PSIZE_T RegionSize, ULONG NewProtect,
                                PULONG OldProtect)
{
    API_ENTER(NtProtectVirtualMemory, NULL, SCHED_WRITE);
    return change(ProcessHandle, ExGetPreviousMode(), BaseAddress, RegionSize, NewProtect, OldProtect);
}

NTSTATUS ZwProtectVirtualMemory(HANDLE ProcessHandle, PVOID *BaseAddress, PSIZE_T RegionSize, ULONG NewProtect,
                                PULONG OldProtect)
{
    API_ENTER(ZwProtectVirtualMemory, NULL, SCHED_WRITE);
    return change(ProcessHandle, KernelMode, BaseAddress, RegionSize, NewProtect, OldProtect);
}

/* -- securing -------------------------------------------------------------------------------------- */

HANDLE MmSecureVirtualMemory(PVOID Address, SIZE_T Size, ULONG ProbeMode)
{
    API_ENTER(MmSecureVirtualMemory, Address, SCHED_WRITE);
    if (!Size || (ULONG_PTR)Address + Size < (ULONG_PTR)Address || (PVOID)Address > MmHighestUserAddress ||
        !plat_pages_readable(Address, Size) ||
        (ProbeMode == PAGE_READWRITE && !MiIsWritable(KiCurrentProcess(), Address, Size)))
        return NULL;
    struct mi_secured *secured = sim_alloc(sizeof *secured);
    *secured = (struct mi_secured){.process = KiCurrentProcess(), .base = Address, .size = Size};
    sched_lock(&mm->view_lock);
    InsertHeadList(&mm->secured, &secured->link);
    sched_unlock(&mm->view_lock);
    return secured;
}

VOID MmUnsecureVirtualMemory(HANDLE SecureHandle)
{
    API_ENTER(MmUnsecureVirtualMemory, SecureHandle, SCHED_WRITE);
    struct mi_secured *secured = SecureHandle;
    sched_lock(&mm->view_lock);
    RemoveEntryList(&secured->link);
    sched_unlock(&mm->view_lock);
    sim_free(secured);
}
