#include "mm/mmp.h"

#include "ob/object.h"
#include "ps/process.h"

#include <string.h>

enum { MI_GRANULARITY = 0x10000, MI_MODIFIERS = PAGE_GUARD | PAGE_NOCACHE | PAGE_WRITECOMBINE };

static bool is_writable(ULONG protection)
{
    return (protection & (PAGE_READWRITE | PAGE_EXECUTE_READWRITE)) != 0;
}

/* -- what was written through views ------------------------------------------------------------ */

/* Threads of a program may write while this looks: they are not ours to lock out. */
__attribute__((no_sanitize("thread"))) static bool differs(const UCHAR *page, const UCHAR *clean)
{
    const ULONGLONG *a = (const ULONGLONG *)page, *b = (const ULONGLONG *)clean;
    for (size_t i = 0; i < MI_PAGE / sizeof *a; i++)
        if (a[i] != b[i])
            return true;
    return false;
}

void MiCollectViews(struct mi_control_area *area)
{
    if (!area->shadow || atomic_load(&area->writable_views) == 0)
        return;
    size_t top = atomic_load(&area->top);
    for (size_t page = 0; page < top; page++)
        if ((atomic_load(&area->state[page]) & (MI_VALID | MI_DIRTY | MI_SHADOWED)) ==
                (MI_VALID | MI_SHADOWED) &&
            differs(area->base + page * MI_PAGE, area->shadow + page * MI_PAGE))
            MiMarkDirty(area, page, page + 1);
}

/* -- mapping ----------------------------------------------------------------------------------- */

static NTSTATUS bring_in(struct mi_view *view, size_t first, size_t end)
{
    struct mi_control_area *area = view->section->area;
    NTSTATUS status = MiFault(area, first, end);
    if (NT_SUCCESS(status) && view->writable && !MiStartShadow(area, first, end))
        status = STATUS_INSUFFICIENT_RESOURCES;
    return status;
}

/* In the header that its control block begins with: somebody has a view of the file. */
static void tell_file_system(struct mi_control_area *area, bool writable)
{
    sched_lock(&area->lock);
    PFSRTL_ADVANCED_FCB_HEADER header = area->file && !area->image ? area->file->FsContext : NULL;
    if (header) {
        __atomic_or_fetch(&header->Flags, FSRTL_FLAG_USER_MAPPED_FILE, __ATOMIC_RELAXED);
        if (writable)
            __atomic_or_fetch(&header->Flags2, FSRTL_FLAG2_WRITABLE_USER_MAPPED_FILE, __ATOMIC_RELAXED);
    }
    sched_unlock(&area->lock);
}

static void count_view(struct mi_view *view, long by)
{
    struct mi_control_area *area = view->section->area;
    if (!area)
        return;
    if (by > 0)
        tell_file_system(area, view->writable);
    atomic_fetch_add(&area->user_views, by);
    if (view->writable) {
        atomic_fetch_add(&area->user_writable, by);
        atomic_fetch_add(&area->writable_views, by);
    }
}

/* What it takes of a section to show it so: 1 to read, 2 to write, 4 to execute. A copy is written, not the section. */
static unsigned rights(ULONG protection)
{
    switch (protection & 0xff) {
    case PAGE_NOACCESS:
        return 0;
    case PAGE_READWRITE:
        return 3;
    case PAGE_EXECUTE:
        return 4;
    case PAGE_EXECUTE_READ:
    case PAGE_EXECUTE_WRITECOPY:
        return 5;
    case PAGE_EXECUTE_READWRITE:
        return 7;
    default:
        return 1;
    }
}

static bool is_protection(ULONG protection)
{
    ULONG plain = protection & ~(ULONG)MI_MODIFIERS;
    return plain && !(plain & (plain - 1)) && plain <= PAGE_EXECUTE_WRITECOPY &&
           (plain != PAGE_NOACCESS || plain == protection);
}

static NTSTATUS check_view(struct mi_section *section, LONGLONG offset, SIZE_T *size,
                           ULONG type, ULONG protection)
{
    bool image = (section->attributes & SEC_IMAGE) != 0;
    if (!is_protection(protection))
        return STATUS_INVALID_PAGE_PROTECTION;
    if (type & ~(ULONG)(MEM_RESERVE | MEM_LARGE_PAGES | MEM_TOP_DOWN) || (type & MEM_RESERVE && !section->area))
        return STATUS_INVALID_PARAMETER_9;
    if (!image && rights(protection) & ~rights(section->protection))
        return STATUS_SECTION_PROTECTION;
    if (type & MEM_RESERVE && !image && !is_writable(section->protection)) /* it would grow the file */
        return STATUS_SECTION_PROTECTION;
    if (offset < 0 || offset >= section->size)
        return STATUS_INVALID_VIEW_SIZE;
    SIZE_T rest = (SIZE_T)(section->size - offset);
    if (*size > rest && (!(type & MEM_RESERVE) || *size > (SIZE_T)MmHighestUserAddress))
        return STATUS_INVALID_VIEW_SIZE;
    if (*size == 0 || *size > rest)
        *size = rest;
    return offset % MI_GRANULARITY ? STATUS_MAPPED_ALIGNMENT : STATUS_SUCCESS;
}

NTSTATUS MiMapView(struct mi_section *section, PEPROCESS process, PVOID *base, LONGLONG offset,
                   SIZE_T *size, ULONG type, ULONG protection, bool system)
{
    NTSTATUS status = check_view(section, offset, size, type, protection);
    if (!NT_SUCCESS(status))
        return status;
    *size = (*size + MI_PAGE - 1) & ~(SIZE_T)(MI_PAGE - 1);
    PVOID place = (section->area ? section->area->base : section->memory) + offset;
    if (*base && *base != place)
        return STATUS_CONFLICTING_ADDRESSES; /* a section's memory has one place */
    struct mi_view *view = sim_alloc(sizeof *view);
    view->process = process;
    view->section = section;
    view->size = *size;
    view->system = system;
    view->writable = is_writable(protection);
    view->base = place;
    ObpReference(section);
    count_view(view, 1);
    if (section->area)
        status = bring_in(view, MiPageOf(offset), MiPageOf(offset) + *size / MI_PAGE);
    if (!NT_SUCCESS(status)) {
        count_view(view, -1);
        ObpDereference(section);
        sim_free(view);
        return status;
    }
    *base = view->base;
    sched_lock(&mm->view_lock);
    InsertHeadList(&mm->views, &view->link);
    sched_unlock(&mm->view_lock);
    return STATUS_SUCCESS;
}

bool MiStartShadow(struct mi_control_area *area, size_t first, size_t end)
{
    if (!area->shadow && !MiCreateShadow(area))
        return false;
    for (size_t page = first; page < end; page++)
        if (!(atomic_fetch_or(&area->state[page], MI_SHADOWED) & (MI_DIRTY | MI_SHADOWED)))
            memcpy(area->shadow + page * MI_PAGE, area->base + page * MI_PAGE, MI_PAGE);
    return true;
}

/* Takes the newest view that `process` (NULL: any) has at the address off the list, unless it is secured. */
static struct mi_view *take_view(PEPROCESS process, PVOID address, bool system, bool any,
                                 bool *secured)
{
    struct mi_view *found = NULL;
    *secured = false;
    sched_lock(&mm->view_lock);
    for (PLIST_ENTRY link = mm->views.Flink; link != &mm->views && !found; link = link->Flink) {
        struct mi_view *view = CONTAINING_RECORD(link, struct mi_view, link);
        ULONG_PTR distance = (ULONG_PTR)address - (ULONG_PTR)view->base;
        if (any ? !process || view->process == process
                : view->process == process && view->system == system && distance < view->size)
            found = view;
    }
    *secured = found && !any && MiIsSecured(process, found->base, found->size);
    if (found && !*secured)
        RemoveEntryList(&found->link);
    sched_unlock(&mm->view_lock);
    return *secured ? NULL : found;
}

static void end_view(struct mi_view *view)
{
    struct mi_control_area *area = view->section->area;
    if (area && view->writable) {
        MiCollectViews(area);
        MiQueueWork(area);
    }
    count_view(view, -1);
    ObpDereference(view->section);
    sim_free(view);
}

NTSTATUS MiUnmapView(PEPROCESS process, PVOID address, bool system)
{
    bool secured;
    struct mi_view *view = take_view(process, address, system, false, &secured);
    if (!view)
        return secured ? STATUS_INVALID_PAGE_PROTECTION : STATUS_NOT_MAPPED_VIEW;
    end_view(view);
    return STATUS_SUCCESS;
}

void MiUnmapProcess(PEPROCESS process)
{
    struct mi_view *view;
    bool secured;
    while ((view = take_view(process, NULL, false, true, &secured)))
        end_view(view);
    if (process)
        MiFreeRegions(process);
}

/* The stream and the pages that a range of a view shows; the section is referenced. */
static struct mi_section *section_of(PEPROCESS process, PVOID base, SIZE_T *size, size_t *first,
                                     size_t *end)
{
    struct mi_section *section = NULL;
    sched_lock(&mm->view_lock);
    for (PLIST_ENTRY link = mm->views.Flink; link != &mm->views && !section; link = link->Flink) {
        struct mi_view *view = CONTAINING_RECORD(link, struct mi_view, link);
        ULONG_PTR distance = (ULONG_PTR)base - (ULONG_PTR)view->base;
        if (view->process != process || distance >= view->size)
            continue;
        section = view->section;
        ObpReference(section);
        if (*size == 0 || *size > view->size - distance)
            *size = view->size - distance;
    }
    sched_unlock(&mm->view_lock);
    if (section && section->area) {
        *first = ((ULONG_PTR)base - (ULONG_PTR)section->area->base) / MI_PAGE;
        *end = ((ULONG_PTR)base - (ULONG_PTR)section->area->base + *size + MI_PAGE - 1) / MI_PAGE;
    }
    return section;
}

NTSTATUS MiFlushView(PEPROCESS process, PVOID *base, SIZE_T *size, PIO_STATUS_BLOCK iosb)
{
    size_t first = 0, end = 0;
    ULONG_PTR written = 0;
    NTSTATUS status = STATUS_SUCCESS;
    struct mi_section *section = section_of(process, *base, size, &first, &end);
    if (!section)
        return STATUS_NOT_MAPPED_VIEW;
    if (section->area) {
        PFILE_OBJECT file = MiReferenceFile(section->area);
        status = FsRtlAcquireFileForCcFlushEx(file);
        if (NT_SUCCESS(status)) {
            status = MiFlush(section->area, first, end, &written);
            FsRtlReleaseFileForCcFlush(file);
        }
        ObpDereference(file);
    }
    ObpDereference(section);
    iosb->Status = status;
    iosb->Information = written;
    return status;
}

/* -- the services ------------------------------------------------------------------------------ */

static ACCESS_MASK access_for(ULONG protection)
{
    return is_writable(protection) ? SECTION_MAP_READ | SECTION_MAP_WRITE : SECTION_MAP_READ;
}

static NTSTATUS check_range(PVOID base, ULONG_PTR zero_bits, SIZE_T size, SECTION_INHERIT inherit)
{
    if (inherit != ViewShare && inherit != ViewUnmap)
        return STATUS_INVALID_PARAMETER_8;
    if (zero_bits > 21 && zero_bits < 32)
        return STATUS_INVALID_PARAMETER_4;
    if (base > MmHighestUserAddress || size > (ULONG_PTR)MmHighestUserAddress - (ULONG_PTR)base)
        return STATUS_INVALID_PARAMETER_3;
    return STATUS_SUCCESS;
}

NTSTATUS NtMapViewOfSection(HANDLE SectionHandle, HANDLE ProcessHandle, PVOID *BaseAddress,
                            ULONG_PTR ZeroBits, SIZE_T CommitSize, PLARGE_INTEGER SectionOffset,
                            PSIZE_T ViewSize, SECTION_INHERIT InheritDisposition,
                            ULONG AllocationType, ULONG Win32Protect)
{
    API_ENTER(NtMapViewOfSection, SectionHandle, SCHED_WRITE);
    KPROCESSOR_MODE mode = ExGetPreviousMode();
    struct mi_section *section;
    PEPROCESS process;
    NTSTATUS status = check_range(*BaseAddress, ZeroBits, *ViewSize, InheritDisposition);
    if (NT_SUCCESS(status) && !is_protection(Win32Protect))
        status = STATUS_INVALID_PAGE_PROTECTION;
    if (NT_SUCCESS(status))
        status = MiReferenceProcess(ProcessHandle, mode, &process);
    if (!NT_SUCCESS(status))
        return status;
    LONGLONG offset = SectionOffset ? SectionOffset->QuadPart : 0;
    status = ObpReferenceHandle(SectionHandle, access_for(Win32Protect), mm->section_type,
                                (CCHAR)mode, (PVOID *)&section, NULL);
    if (NT_SUCCESS(status)) {
        if ((ULONG_PTR)*BaseAddress % MI_GRANULARITY || offset % MI_GRANULARITY)
            status = STATUS_MAPPED_ALIGNMENT;
        else if (!(AllocationType & MEM_RESERVE) && CommitSize > (*ViewSize ? *ViewSize : (SIZE_T)section->size))
            status = STATUS_INVALID_PARAMETER_5;
        else
            status = MiMapView(section, process, BaseAddress, offset, ViewSize, AllocationType, Win32Protect, false);
        ObpDereference(section);
    }
    ObpDereference(process);
    return status;
}

NTSTATUS ZwMapViewOfSection(HANDLE SectionHandle, HANDLE ProcessHandle, PVOID *BaseAddress,
                            ULONG_PTR ZeroBits, SIZE_T CommitSize, PLARGE_INTEGER SectionOffset,
                            PSIZE_T ViewSize, SECTION_INHERIT InheritDisposition,
                            ULONG AllocationType, ULONG Win32Protect)
{
    API_ENTER(ZwMapViewOfSection, SectionHandle, SCHED_WRITE);
    struct _KTHREAD *thread = KiCurrentThread();
    KPROCESSOR_MODE previous = thread->previous_mode;
    thread->previous_mode = KernelMode;
    NTSTATUS status = NtMapViewOfSection(SectionHandle, ProcessHandle, BaseAddress, ZeroBits,
                                         CommitSize, SectionOffset, ViewSize, InheritDisposition,
                                         AllocationType, Win32Protect);
    thread->previous_mode = previous;
    return status;
}

NTSTATUS NtUnmapViewOfSection(HANDLE ProcessHandle, PVOID BaseAddress)
{
    API_ENTER(NtUnmapViewOfSection, BaseAddress, SCHED_WRITE);
    PEPROCESS process;
    NTSTATUS status = MiReferenceProcess(ProcessHandle, ExGetPreviousMode(), &process);
    if (!NT_SUCCESS(status))
        return status;
    status = MiUnmapView(process, BaseAddress, false);
    ObpDereference(process);
    return status;
}

NTSTATUS ZwUnmapViewOfSection(HANDLE ProcessHandle, PVOID BaseAddress)
{
    API_ENTER(ZwUnmapViewOfSection, BaseAddress, SCHED_WRITE);
    PEPROCESS process;
    NTSTATUS status = MiReferenceProcess(ProcessHandle, KernelMode, &process);
    if (!NT_SUCCESS(status))
        return status;
    status = MiUnmapView(process, BaseAddress, false);
    ObpDereference(process);
    return status;
}

static NTSTATUS flush_memory(HANDLE process_handle, KPROCESSOR_MODE mode, PVOID *base, PSIZE_T size,
                             PIO_STATUS_BLOCK iosb)
{
    PEPROCESS process;
    NTSTATUS status = MiReferenceProcess(process_handle, mode, &process);
    if (!NT_SUCCESS(status))
        return status;
    status = MiFlushView(process, base, size, iosb);
    ObpDereference(process);
    return status;
}

NTSTATUS NtFlushVirtualMemory(HANDLE ProcessHandle, PVOID *BaseAddress, PSIZE_T RegionSize,
                              PIO_STATUS_BLOCK IoStatus)
{
    API_ENTER(NtFlushVirtualMemory, *BaseAddress, SCHED_WRITE);
    return flush_memory(ProcessHandle, ExGetPreviousMode(), BaseAddress, RegionSize, IoStatus);
}

NTSTATUS ZwFlushVirtualMemory(HANDLE ProcessHandle, PVOID *BaseAddress, PSIZE_T RegionSize,
                              PIO_STATUS_BLOCK IoStatus)
{
    API_ENTER(ZwFlushVirtualMemory, *BaseAddress, SCHED_WRITE);
    return flush_memory(ProcessHandle, KernelMode, BaseAddress, RegionSize, IoStatus);
}

NTSTATUS MmMapViewInSystemSpaceEx(PVOID Section, PVOID *MappedBase, PSIZE_T ViewSize,
                                  PLARGE_INTEGER SectionOffset, ULONG_PTR Flags)
{
    API_ENTER(MmMapViewInSystemSpaceEx, Section, SCHED_WRITE);
    struct mi_section *section = Section;
    ULONG protection = is_writable(section->protection) ? PAGE_READWRITE : PAGE_READONLY;
    *MappedBase = NULL;
    return MiMapView(section, PsInitialSystemProcess, MappedBase, SectionOffset->QuadPart, ViewSize, 0,
                     protection, true);
}

NTSTATUS MmMapViewInSystemSpace(PVOID Section, PVOID *MappedBase, PSIZE_T ViewSize)
{
    API_ENTER(MmMapViewInSystemSpace, Section, SCHED_WRITE);
    struct mi_section *section = Section;
    ULONG protection = is_writable(section->protection) ? PAGE_READWRITE : PAGE_READONLY;
    *MappedBase = NULL;
    return MiMapView(section, PsInitialSystemProcess, MappedBase, 0, ViewSize, 0, protection, true);
}

NTSTATUS MmUnmapViewInSystemSpace(PVOID MappedBase)
{
    API_ENTER(MmUnmapViewInSystemSpace, MappedBase, SCHED_WRITE);
    return MiUnmapView(PsInitialSystemProcess, MappedBase, true);
}

NTSTATUS MmMapViewOfSection(PVOID SectionObject, PEPROCESS Process, PVOID *BaseAddress,
                            ULONG_PTR ZeroBits, SIZE_T CommitSize, PLARGE_INTEGER SectionOffset,
                            PSIZE_T ViewSize, SECTION_INHERIT InheritDisposition,
                            ULONG AllocationType, ULONG Protect)
{
    API_ENTER(MmMapViewOfSection, SectionObject, SCHED_WRITE);
    return MiMapView(SectionObject, Process, BaseAddress,
                     SectionOffset ? SectionOffset->QuadPart : 0, ViewSize, AllocationType, Protect, false);
}

NTSTATUS MmUnmapViewOfSection(PEPROCESS Process, PVOID BaseAddress)
{
    API_ENTER(MmUnmapViewOfSection, BaseAddress, SCHED_WRITE);
    return MiUnmapView(Process, BaseAddress, false);
}
