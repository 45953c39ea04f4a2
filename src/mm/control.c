#include "mm/mmp.h"

#include "ob/object.h"
#include "plat/pages.h"

#include <string.h>

struct mm_state *mm;

/* -- memory: ranges that are kept for the next stream, across machines, too -------------------- */

enum { MI_KEEP = 32, MI_KEEP_PAGES = 64 };
static const size_t smallest_range = (size_t)1 << 30;

struct mi_reservation {
    UCHAR *base;
    size_t size;
    struct mi_reservation *next, **link; /* live */
};

static struct sched_lock kept_lock;
static struct mi_reservation kept_blocks[MI_KEEP];
static unsigned kept_count;
static struct mi_reservation *live; /* of this machine: what a fatal end leaves behind */

static size_t state_bytes(size_t size)
{
    return (size / MI_PAGE + MI_PAGE - 1) & ~(size_t)(MI_PAGE - 1);
}

static void link_live(struct mi_reservation *range)
{
    range->next = live;
    range->link = &live;
    if (live)
        live->link = &range->next;
    live = range;
}

static void unlink_live(struct mi_reservation *range)
{
    *range->link = range->next;
    if (range->next)
        range->next->link = range->link;
}

static struct mi_reservation *reserve(size_t size)
{
    struct mi_reservation *range = sim_alloc(sizeof *range);
    range->size = size > smallest_range ? size : smallest_range;
    sched_lock(&kept_lock);
    if (range->size == smallest_range && kept_count > 0)
        range->base = kept_blocks[--kept_count].base;
    link_live(range);
    sched_unlock(&kept_lock);
    if (!range->base)
        range->base = plat_pages_alloc(range->size + state_bytes(range->size), PLAT_READ_WRITE);
    if (range->base)
        return range;
    sched_lock(&kept_lock);
    unlink_live(range);
    sched_unlock(&kept_lock);
    sim_free(range);
    return NULL;
}

/* `top`: the first page that was never touched. Its state bytes must be zero for the next owner. */
static void unreserve(struct mi_reservation *range, size_t top)
{
    bool keep = false;
    if (!range)
        return;
    if (range->size == smallest_range && top <= MI_KEEP_PAGES)
        memset(range->base + range->size, 0, top);
    sched_lock(&kept_lock);
    unlink_live(range);
    if (range->size == smallest_range && top <= MI_KEEP_PAGES && kept_count < MI_KEEP) {
        kept_blocks[kept_count++].base = range->base;
        keep = true;
    }
    sched_unlock(&kept_lock);
    if (!keep)
        plat_pages_free(range->base, range->size + state_bytes(range->size));
    sim_free(range);
}

bool MiCreateShadow(struct mi_control_area *area)
{
    struct mi_reservation *memory = reserve(area->pages * MI_PAGE);
    if (!memory)
        return false;
    sched_lock(&area->lock);
    if (!area->shadow_memory) {
        area->shadow_memory = memory;
        area->shadow = memory->base;
        memory = NULL;
    }
    sched_unlock(&area->lock);
    unreserve(memory, 0);
    return true;
}

/* -- control areas ----------------------------------------------------------------------------- */

static struct sched_lock *lock_of(PSECTION_OBJECT_POINTERS pointers)
{
    return &mm->locks[((uintptr_t)pointers >> 6) % MI_LOCKS];
}

static PVOID *slot_of(PSECTION_OBJECT_POINTERS pointers, bool image)
{
    return image ? &pointers->ImageSectionObject : &pointers->DataSectionObject;
}

static void destroy(struct mi_control_area *area)
{
    if (area->cache)
        mm->forget_cache(area);
    unreserve(area->shadow_memory, atomic_load(&area->top));
    unreserve(area->memory, atomic_load(&area->top));
    PFILE_OBJECT file = area->file;
    sim_free(area);
    if (file)
        ObpDereference(file);
}

static struct mi_control_area *create(PFILE_OBJECT file, bool image, LONGLONG size)
{
    size_t bytes = (size_t)size <= smallest_range / 2 ? smallest_range : (size_t)size * 2;
    struct mi_reservation *memory = reserve((bytes + MI_PAGE - 1) & ~(size_t)(MI_PAGE - 1));
    if (!memory)
        return NULL;
    struct mi_control_area *area = sim_alloc(sizeof *area);
    area->memory = memory;
    area->base = memory->base;
    area->pages = memory->size / MI_PAGE;
    area->state = (atomic_uchar *)(memory->base + memory->size);
    area->image = image;
    area->pointers = file->SectionObjectPointer;
    atomic_store(&area->references, 2);
    area->file = file;
    ObpReference(file);
    return area;
}

PFILE_OBJECT MiReferenceFile(struct mi_control_area *area)
{
    sched_lock(&area->lock);
    PFILE_OBJECT file = area->file;
    ObpReference(file);
    sched_unlock(&area->lock);
    return file;
}

PFILE_OBJECT MiLendFile(struct mi_control_area *area)
{
    sched_lock(&area->lock);
    PFILE_OBJECT file = area->file;
    area->lent = true;
    sched_unlock(&area->lock);
    return file;
}

NTSTATUS MiChangeFile(struct mi_control_area *area, PFILE_OBJECT old, PFILE_OBJECT fresh)
{
    NTSTATUS status = STATUS_SUCCESS;
    PFILE_OBJECT gone = NULL;

    ObpReference(fresh);
    sched_lock(&area->lock);
    if (old && area->file != old)
        status = STATUS_INVALID_PARAMETER_1;
    else if (area->lent)
        status = STATUS_NOT_SUPPORTED;
    else {
        gone = area->file;
        area->file = fresh;
    }
    sched_unlock(&area->lock);
    if (gone)
        MiAwaitTransfers(area); /* by way of the old one */
    ObpDereference(gone ? gone : fresh);
    return status;
}

struct mi_control_area *MiFindControlArea(PSECTION_OBJECT_POINTERS pointers, bool image)
{
    if (!pointers)
        return NULL;
    struct sched_lock *lock = lock_of(pointers);
    sched_lock(lock);
    struct mi_control_area *area = *slot_of(pointers, image);
    if (area)
        MiReference(area);
    sched_unlock(lock);
    return area;
}

struct mi_control_area *MiGetControlArea(PFILE_OBJECT file, bool image, LONGLONG size)
{
    PSECTION_OBJECT_POINTERS pointers = file->SectionObjectPointer;
    struct mi_control_area *area = MiFindControlArea(pointers, image);
    if (area)
        return area;
    struct mi_control_area *fresh = create(file, image, size);
    if (!fresh)
        return NULL;
    struct sched_lock *lock = lock_of(pointers);
    sched_lock(lock);
    area = *slot_of(pointers, image);
    if (area)
        MiReference(area);
    else
        __atomic_store_n(slot_of(pointers, image), fresh, __ATOMIC_RELEASE);
    sched_unlock(lock);
    if (!area)
        return fresh;
    destroy(fresh);
    return area;
}

void MiReference(struct mi_control_area *area)
{
    atomic_fetch_add_explicit(&area->references, 1, memory_order_relaxed);
}

void MiDereference(struct mi_control_area *area)
{
    long now = atomic_load(&area->references);

    do {
        while (now == (MI_WANTED | 2) && atomic_compare_exchange_weak(&area->references, &now, 2)) {
            MiQueueWork(area); /* while the caller's own reference still keeps it */
            now = 2;
        }
    } while (now == (MI_WANTED | 2) || !atomic_compare_exchange_weak(&area->references, &now, now - 1));
    if (now == 1)
        destroy(area);
}

void MiQueueWork(struct mi_control_area *area)
{
    if (__atomic_load_n(&area->queued, __ATOMIC_RELAXED))
        return;
    bool first = false;
    sched_lock(&mm->work_lock);
    if (!area->queued && !area->retired) {
        first = mm->work == NULL;
        __atomic_store_n(&area->queued, true, __ATOMIC_RELAXED);
        area->next = mm->work;
        mm->work = area;
    }
    sched_unlock(&mm->work_lock);
    if (first && mm->work_appeared)
        mm->work_appeared();
}

struct mi_control_area *MiTakeWork(void)
{
    sched_lock(&mm->work_lock);
    struct mi_control_area *area = mm->work;
    if (area) {
        mm->work = area->next;
        __atomic_store_n(&area->queued, false, __ATOMIC_RELAXED);
        MiReference(area);
    }
    sched_unlock(&mm->work_lock);
    return area;
}

static void unqueue(struct mi_control_area *area)
{
    sched_lock(&mm->work_lock);
    area->retired = true;
    for (struct mi_control_area **link = &mm->work; area->queued && *link; link = &(*link)->next)
        if (*link == area) {
            *link = area->next;
            __atomic_store_n(&area->queued, false, __ATOMIC_RELAXED);
            break;
        }
    sched_unlock(&mm->work_lock);
}

/* Under the lock of its place, where no reference is added. */
static bool is_idle(struct mi_control_area *area, long held)
{
    long now = atomic_fetch_or(&area->references, MI_WANTED) & ~MI_WANTED;

    if (now != held + 1)
        return false;
    atomic_fetch_and(&area->references, ~MI_WANTED);
    return true;
}

bool MiRetire(struct mi_control_area *area, long held)
{
    struct sched_lock *lock = lock_of(area->pointers);
    bool idle = false;
    sched_lock(lock);
    PVOID *slot = slot_of(area->pointers, area->image);
    if (!area->retired && *slot == area && is_idle(area, held)) {
        __atomic_store_n(slot, NULL, __ATOMIC_RELEASE);
        if (!area->image)
            __atomic_store_n(&area->pointers->SharedCacheMap, NULL, __ATOMIC_RELEASE);
        idle = true;
    }
    sched_unlock(lock);
    if (!idle)
        return false;
    unqueue(area);
    MiDereference(area);
    return true;
}

/* -- the room ---------------------------------------------------------------------------------- */

bool MmpStart(void)
{
    static const GENERIC_MAPPING mapping = {STANDARD_RIGHTS_READ | SECTION_QUERY | SECTION_MAP_READ,
                                            STANDARD_RIGHTS_WRITE | SECTION_MAP_WRITE,
                                            STANDARD_RIGHTS_EXECUTE | SECTION_MAP_EXECUTE,
                                            SECTION_ALL_ACCESS};
    mm = machine->mm = sim_alloc(sizeof *mm);
    InitializeListHead(&mm->views);
    InitializeListHead(&mm->regions);
    InitializeListHead(&mm->secured);
    struct ob_type_info info = {.name = "Section",
                                .delete = MiDeleteSection,
                                .mapping = mapping,
                                .valid_access = SECTION_ALL_ACCESS,
                                .wait = OB_NO_WAIT};
    mm->section_type = ObpCreateType(&info);
    return true;
}

void MmpStop(void)
{
    if (!sched_is_dead())
        MiUnmapProcess(NULL);
    MiFreeRegions(NULL);
    for (struct mi_reservation *range = live; range && sched_is_dead(); range = range->next)
        plat_pages_free(range->base, range->size + state_bytes(range->size));
    live = NULL;
    sim_free(mm);
    mm = machine->mm = NULL;
}
