#include "mm/mmp.h"

#include "ob/object.h"
#include "trace/trace.h"

#include <string.h>

struct mi_waiter {
    KEVENT event;
    struct mi_waiter *next; /* mi_control_area.waiters */
};

/* An MDL of one cluster, on the stack of whoever does the transfer. */
struct cluster_mdl {
    MDL mdl;
    PFN_NUMBER frames[MI_CLUSTER + 1];
};

static unsigned char state_of(struct mi_control_area *area, size_t page)
{
    return atomic_load_explicit(&area->state[page], memory_order_acquire);
}

void MiWait(struct mi_control_area *area)
{
    struct mi_waiter waiter = {.next = area->waiters};
    KeInitializeEvent(&waiter.event, NotificationEvent, FALSE);
    area->waiters = &waiter;
    sched_unlock(&area->lock);
    KiWaitFor(&waiter.event, NULL, NULL, __builtin_return_address(0));
}

static void wake(struct mi_waiter *waiters)
{
    while (waiters) {
        struct mi_waiter *next = waiters->next;
        KeSetEvent(&waiters->event, 0, FALSE);
        waiters = next;
    }
}

void MiWake(struct mi_control_area *area)
{
    sched_lock(&area->lock);
    struct mi_waiter *waiters = area->waiters;
    area->waiters = NULL;
    sched_unlock(&area->lock);
    wake(waiters);
}

static void end_transfer(struct mi_control_area *area, size_t first, size_t count,
                         unsigned char clear, unsigned char set)
{
    sched_lock(&area->lock);
    for (size_t page = first; page < first + count; page++) {
        atomic_fetch_or_explicit(&area->state[page], set, memory_order_release);
        atomic_fetch_and_explicit(&area->state[page], (unsigned char)~clear, memory_order_release);
    }
    struct mi_waiter *waiters = area->waiters;
    area->waiters = NULL;
    sched_unlock(&area->lock);
    wake(waiters);
}

static void raise_top(struct mi_control_area *area, size_t end)
{
    size_t top = atomic_load(&area->top);
    while (top < end && !atomic_compare_exchange_weak(&area->top, &top, end))
        ;
}

/* -- transfers --------------------------------------------------------------------------------- */

static PMDL describe(struct mi_control_area *area, struct cluster_mdl *mdl, size_t first,
                     size_t count, CSHORT extra)
{
    MmInitializeMdl(&mdl->mdl, area->base + first * MI_PAGE, count * MI_PAGE);
    mdl->mdl.MdlFlags |= MDL_PAGES_LOCKED | extra;
    MiFillFrames(&mdl->mdl);
    return &mdl->mdl;
}

static NTSTATUS finish(NTSTATUS status, PKEVENT event, PIO_STATUS_BLOCK iosb)
{
    if (status == STATUS_PENDING) {
        KiWaitFor(event, NULL, NULL, __builtin_return_address(0));
        return iosb->Status;
    }
    return NT_SUCCESS(status) ? iosb->Status : status;
}

static NTSTATUS read_pages(struct mi_control_area *area, size_t first, size_t count)
{
    struct cluster_mdl mdl;
    KEVENT event;
    IO_STATUS_BLOCK iosb = {.Status = STATUS_SUCCESS};
    LARGE_INTEGER offset = {.QuadPart = (LONGLONG)(first * MI_PAGE)};
    size_t length = count * MI_PAGE;
    KIRQL irql = KeGetCurrentIrql();
    KeInitializeEvent(&event, NotificationEvent, FALSE);
    PFILE_OBJECT file = MiReferenceFile(area);
    TRACE("mm", "page in %p at %lld, %zu bytes", (void *)file, (long long)offset.QuadPart, length);
    struct fltsim_seh_frame *handlers = KiHideHandlers();
    if (irql < APC_LEVEL) /* as a page fault is served */
        KeRaiseIrql(APC_LEVEL, &irql);
    NTSTATUS status =
        finish(IoPageRead(file, describe(area, &mdl, first, count, MDL_IO_PAGE_READ), &offset, &event, &iosb), &event, &iosb);
    if (irql < APC_LEVEL)
        KeLowerIrql(irql);
    KiShowHandlers(handlers);
    ObpDereference(file);
    if (status == STATUS_END_OF_FILE) {
        iosb.Information = 0;
        status = STATUS_SUCCESS;
    }
    if (NT_SUCCESS(status) && iosb.Information < length)
        memset(area->base + first * MI_PAGE + iosb.Information, 0, length - iosb.Information);
    return status;
}

static NTSTATUS write_pages(struct mi_control_area *area, size_t first, size_t count)
{
    struct cluster_mdl mdl;
    KEVENT event;
    IO_STATUS_BLOCK iosb = {.Status = STATUS_SUCCESS};
    LARGE_INTEGER offset = {.QuadPart = (LONGLONG)(first * MI_PAGE)};
    KeInitializeEvent(&event, NotificationEvent, FALSE);
    if (area->shadow)
        memcpy(area->shadow + first * MI_PAGE, area->base + first * MI_PAGE, count * MI_PAGE);
    PFILE_OBJECT file = MiReferenceFile(area);
    TRACE("mm", "page out %p at %lld, %zu bytes", (void *)file, (long long)offset.QuadPart, count * MI_PAGE);
    struct fltsim_seh_frame *handlers = KiHideHandlers();
    NTSTATUS status = IoSynchronousPageWrite(file, describe(area, &mdl, first, count, 0), &offset, &event, &iosb);
    status = finish(status, &event, &iosb);
    KiShowHandlers(handlers);
    ObpDereference(file);
    return status;
}

/* -- faults ------------------------------------------------------------------------------------ */

NTSTATUS MiFault(struct mi_control_area *area, size_t first, size_t end)
{
    if (end > area->pages)
        return STATUS_INSUFFICIENT_RESOURCES;
    raise_top(area, end);
    for (size_t page = first; page < end;) {
        if (state_of(area, page) & MI_VALID) {
            page++;
            continue;
        }
        sched_lock(&area->lock);
        unsigned char now = state_of(area, page);
        if (now & MI_READING) {
            MiWait(area);
            continue;
        }
        size_t count = 0;
        while (page + count < end && count < MI_CLUSTER &&
               !(state_of(area, page + count) & (MI_VALID | MI_READING)))
            atomic_fetch_or(&area->state[page + count++], MI_READING);
        sched_unlock(&area->lock);
        if (count == 0)
            continue;
        NTSTATUS status = read_pages(area, page, count);
        end_transfer(area, page, count, MI_READING, NT_SUCCESS(status) ? MI_VALID : 0);
        if (!NT_SUCCESS(status))
            return status;
        page += count;
    }
    return STATUS_SUCCESS;
}

bool MiClaim(struct mi_control_area *area, size_t page)
{
    raise_top(area, page + 1);
    for (;;) {
        if (state_of(area, page) & MI_VALID)
            return false;
        sched_lock(&area->lock);
        unsigned char now = state_of(area, page);
        if (now & MI_READING) {
            MiWait(area);
            continue;
        }
        if (!(now & MI_VALID))
            atomic_fetch_or(&area->state[page], MI_READING);
        sched_unlock(&area->lock);
        return !(now & MI_VALID);
    }
}

void MiFilled(struct mi_control_area *area, size_t page)
{
    end_transfer(area, page, 1, MI_READING, MI_VALID);
}

void MiMarkDirty(struct mi_control_area *area, size_t first, size_t end)
{
    long fresh = 0;
    for (size_t page = first; page < end; page++)
        if (!(atomic_fetch_or_explicit(&area->state[page], MI_DIRTY, memory_order_release) &
              MI_DIRTY))
            fresh++;
    if (fresh) {
        atomic_fetch_add(&area->dirty, fresh);
        atomic_fetch_add_explicit(&mm->dirty, fresh, memory_order_relaxed);
        MiQueueWork(area);
    }
}

static bool is_cached(struct mi_control_area *area)
{
    return __atomic_load_n(&area->cache, __ATOMIC_ACQUIRE) != NULL;
}

void MiAwaitTransfers(struct mi_control_area *area)
{
    size_t top = atomic_load(&area->top);
    for (size_t page = 0; page < top; page++) {
        if (!(state_of(area, page) & (MI_READING | MI_WRITING)))
            continue;
        sched_lock(&area->lock);
        while (state_of(area, page) & (MI_READING | MI_WRITING)) {
            MiWait(area);
            sched_lock(&area->lock);
        }
        sched_unlock(&area->lock);
    }
}

/* -- flush ------------------------------------------------------------------------------------- */

/* The next run of dirty pages at or after *page, claimed for writing; 0: none below `end`. */
static size_t claim_dirty(struct mi_control_area *area, size_t *page, size_t end)
{
    size_t count = 0;
    for (; *page < end && count == 0; *page += count == 0) {
        if (!(state_of(area, *page) & (MI_DIRTY | MI_WRITING)))
            continue;
        sched_lock(&area->lock);
        while (state_of(area, *page) & MI_WRITING) {
            MiWait(area);
            sched_lock(&area->lock);
        }
        while (*page + count < end && count < MI_CLUSTER &&
               (state_of(area, *page + count) & (MI_DIRTY | MI_WRITING)) == MI_DIRTY) {
            atomic_fetch_or(&area->state[*page + count], MI_WRITING);
            atomic_fetch_and(&area->state[*page + count], (unsigned char)~MI_DIRTY);
            count++;
        }
        sched_unlock(&area->lock);
        if (count)
            break;
    }
    atomic_fetch_sub(&area->dirty, (long)count);
    atomic_fetch_sub_explicit(&mm->dirty, (long)count, memory_order_relaxed);
    return count;
}

NTSTATUS MiFlush(struct mi_control_area *area, size_t first, size_t end, ULONG_PTR *written)
{
    NTSTATUS result = STATUS_SUCCESS;
    size_t top = atomic_load(&area->top), page = first;
    if (end > top)
        end = top;
    MiCollectViews(area);
    while (page < end) {
        size_t count = claim_dirty(area, &page, end);
        if (!count)
            break;
        if (is_cached(area))
            mm->before_write(area, page, page + count);
        NTSTATUS status = write_pages(area, page, count);
        end_transfer(area, page, count, MI_WRITING, 0);
        if (NT_SUCCESS(status)) {
            *written += count * MI_PAGE;
            if (is_cached(area))
                mm->clean(area, page, page + count);
        } else {
            MiMarkDirty(area, page, page + count);
            if (NT_SUCCESS(result))
                result = status;
        }
        page += count;
    }
    return result;
}

/* -- purge and truncation ---------------------------------------------------------------------- */

static void drop_page(struct mi_control_area *area, size_t page)
{
    sched_lock(&area->lock);
    while (state_of(area, page) & (MI_READING | MI_WRITING)) {
        MiWait(area);
        sched_lock(&area->lock);
    }
    unsigned char old =
        atomic_fetch_and(&area->state[page], (unsigned char)~(MI_VALID | MI_DIRTY | MI_SHADOWED));
    sched_unlock(&area->lock);
    if (old & MI_DIRTY && is_cached(area))
        mm->clean(area, page, page + 1);
    if (old & MI_DIRTY) {
        atomic_fetch_sub(&area->dirty, 1);
        atomic_fetch_sub_explicit(&mm->dirty, 1, memory_order_relaxed);
    }
}

bool MiPurge(struct mi_control_area *area, size_t first, size_t end)
{
    if (atomic_load(&area->user_views) > 0 || atomic_load(&area->pins) > 0)
        return false;
    size_t top = atomic_load(&area->top);
    for (size_t page = first; page < end && page < top; page++)
        if (state_of(area, page))
            drop_page(area, page);
    return true;
}

void MiTruncate(struct mi_control_area *area, LONGLONG size)
{
    size_t keep = MiPageAfter(size), top = atomic_load(&area->top), last = MiPageOf(size);
    for (size_t page = keep; page < top; page++)
        if (state_of(area, page)) {
            drop_page(area, page);
            memset(area->base + page * MI_PAGE, 0, MI_PAGE);
        }
    if (last < keep && last < top && MiIsValid(area, last)) {
        size_t used = (size_t)size % MI_PAGE;
        memset(area->base + last * MI_PAGE + used, 0, MI_PAGE - used);
        if (area->shadow)
            memset(area->shadow + last * MI_PAGE + used, 0, MI_PAGE - used);
    }
}
