/* ZwQueryVirtualMemory. Buffers of the test's own are memory of programs, too: committed, and nobody knows since when. */
#include "mm/mmp.h"

#include "ob/object.h"
#include "plat/pages.h"
#include "ps/process.h"

enum { MI_LOOK_AHEAD = 16 }; /* pages of the test's own memory that are told of at once */

static void of_region(const struct mi_region *region, const UCHAR *base, MEMORY_BASIC_INFORMATION *info)
{
    size_t first = (size_t)(base - region->base) / MI_PAGE, end = first + 1;
    ULONG protection = region->protection[first];

    while (end < region->pages && region->protection[end] == protection)
        end++;
    info->AllocationBase = region->base;
    info->AllocationProtect = region->first_protection;
    info->RegionSize = (end - first) * MI_PAGE;
    info->State = protection ? MEM_COMMIT : MEM_RESERVE;
    info->Protect = protection;
    info->Type = MEM_PRIVATE;
}

static void of_view(const struct mi_view *view, const UCHAR *base, MEMORY_BASIC_INFORMATION *info)
{
    info->AllocationBase = view->base;
    info->AllocationProtect = info->Protect = view->writable ? PAGE_READWRITE : PAGE_READONLY;
    info->RegionSize = view->size - (size_t)(base - (const UCHAR *)view->base);
    info->State = MEM_COMMIT;
    info->Type = view->section->attributes & SEC_IMAGE ? MEM_IMAGE : MEM_MAPPED;
}

/* The start of whatever of the process's begins next behind `base`. */
static ULONG_PTR next_known(PEPROCESS process, const UCHAR *base)
{
    ULONG_PTR next = (ULONG_PTR)MmHighestUserAddress + 1;

    for (PLIST_ENTRY link = mm->regions.Flink; link != &mm->regions; link = link->Flink) {
        struct mi_region *region = CONTAINING_RECORD(link, struct mi_region, link);
        if (region->process == process && region->base > base && (ULONG_PTR)region->base < next)
            next = (ULONG_PTR)region->base;
    }
    for (PLIST_ENTRY link = mm->views.Flink; link != &mm->views; link = link->Flink) {
        struct mi_view *view = CONTAINING_RECORD(link, struct mi_view, link);
        if (view->process == process && (UCHAR *)view->base > base && (ULONG_PTR)view->base < next)
            next = (ULONG_PTR)view->base;
    }
    return next;
}

struct mi_view *MiFindView(PEPROCESS process, const UCHAR *address)
{
    for (PLIST_ENTRY link = mm->views.Flink; link != &mm->views; link = link->Flink) {
        struct mi_view *view = CONTAINING_RECORD(link, struct mi_view, link);
        if (view->process == process && (ULONG_PTR)address - (ULONG_PTR)view->base < view->size)
            return view;
    }
    return NULL;
}

/* Answers where the next thing begins when nothing is known of the address; else 0. */
static ULONG_PTR describe(PEPROCESS process, const UCHAR *base, MEMORY_BASIC_INFORMATION *info)
{
    ULONG_PTR next = 0;

    sched_lock(&mm->view_lock);
    struct mi_region *region = MiFindRegion(process, base);
    struct mi_view *view = region ? NULL : MiFindView(process, base);
    if (region)
        of_region(region, base, info);
    else if (view)
        of_view(view, base, info);
    else
        next = next_known(process, base);
    sched_unlock(&mm->view_lock);
    return next;
}

static void of_unknown(PEPROCESS process, UCHAR *base, ULONG_PTR next, MEMORY_BASIC_INFORMATION *info)
{
    if (process != KiCurrentProcess() || !plat_pages_readable(base, MI_PAGE)) {
        info->RegionSize = next - (ULONG_PTR)base;
        info->State = MEM_FREE;
        info->Protect = PAGE_NOACCESS;
        return;
    }
    size_t pages = 1;
    while (pages < MI_LOOK_AHEAD && (ULONG_PTR)base + (pages + 1) * MI_PAGE <= next &&
           plat_pages_readable(base + pages * MI_PAGE, MI_PAGE))
        pages++;
    info->AllocationBase = base;
    info->AllocationProtect = info->Protect = PAGE_READWRITE;
    info->RegionSize = pages * MI_PAGE;
    info->State = MEM_COMMIT;
    info->Type = MEM_PRIVATE;
}

bool MiIsWritable(PEPROCESS process, const void *address, size_t size)
{
    const UCHAR *at = PAGE_ALIGN(address), *end = (const UCHAR *)address + size;
    while (at < end) {
        MEMORY_BASIC_INFORMATION info = {0};
        ULONG_PTR next = describe(process, at, &info);
        if (!next && !(info.Protect & (PAGE_READWRITE | PAGE_EXECUTE_READWRITE)))
            return false;
        at += next ? MI_PAGE : info.RegionSize;
    }
    return true;
}

static NTSTATUS query(HANDLE handle, KPROCESSOR_MODE mode, PVOID address, MEMORY_INFORMATION_CLASS what, PVOID buffer,
                      SIZE_T length, PSIZE_T returned)
{
    MEMORY_BASIC_INFORMATION info = {.BaseAddress = PAGE_ALIGN(address)};
    PEPROCESS process;

    if (what != MemoryBasicInformation)
        return STATUS_INVALID_INFO_CLASS;
    if (length < sizeof info)
        return STATUS_INFO_LENGTH_MISMATCH;
    if (address > MmHighestUserAddress)
        return STATUS_INVALID_PARAMETER;
    NTSTATUS status = MiReferenceProcess(handle, mode, &process);
    if (!NT_SUCCESS(status))
        return status;
    ULONG_PTR next = describe(process, info.BaseAddress, &info);
    if (next)
        of_unknown(process, info.BaseAddress, next, &info);
    ObpDereference(process);
    *(MEMORY_BASIC_INFORMATION *)buffer = info;
    if (returned)
        *returned = sizeof info;
    return STATUS_SUCCESS;
}

NTSTATUS NtQueryVirtualMemory(HANDLE ProcessHandle, PVOID BaseAddress, MEMORY_INFORMATION_CLASS MemoryInformationClass,
                              PVOID MemoryInformation, SIZE_T MemoryInformationLength, PSIZE_T ReturnLength)
{
    API_ENTER(NtQueryVirtualMemory, BaseAddress, SCHED_READ);
    return query(ProcessHandle, ExGetPreviousMode(), BaseAddress, MemoryInformationClass, MemoryInformation,
                 MemoryInformationLength, ReturnLength);
}

NTSTATUS ZwQueryVirtualMemory(HANDLE ProcessHandle, PVOID BaseAddress, MEMORY_INFORMATION_CLASS MemoryInformationClass,
                              PVOID MemoryInformation, SIZE_T MemoryInformationLength, PSIZE_T ReturnLength)
{
    API_ENTER(ZwQueryVirtualMemory, BaseAddress, SCHED_READ);
    return query(ProcessHandle, KernelMode, BaseAddress, MemoryInformationClass, MemoryInformation,
                 MemoryInformationLength, ReturnLength);
}
