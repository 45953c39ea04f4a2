/* Cached pages lent out by address, with a buffer control block. */
#include "cc/ccp.h"

#include "verify/verify.h"

#include <string.h>

enum { VIEW_PAGES = VACB_MAPPING_GRANULARITY / MI_PAGE, PINNED = 0x2FD };

/* -- BCBs -------------------------------------------------------------------------------------- */

static bool is_pinned(const struct cc_bcb *bcb)
{
    return bcb->NodeTypeCode == PINNED;
}

static struct cc_bcb *make(struct mi_control_area *area, size_t first, size_t end, bool pinned)
{
    struct cc_bcb *bcb = sim_alloc(sizeof *bcb);
    bcb->NodeTypeCode = pinned ? PINNED : 0;
    bcb->NodeByteSize = sizeof *bcb;
    bcb->MappedLength = (ULONG)((end - first) * MI_PAGE);
    bcb->MappedFileOffset.QuadPart = (LONGLONG)(first * MI_PAGE);
    bcb->area = area;
    bcb->first = first;
    bcb->end = end;
    bcb->references = 1;
    InitializeListHead(&bcb->link);
    MiReference(area);
    atomic_fetch_add(&area->pins, 1);
    return bcb;
}

static void reference(struct cc_bcb *bcb)
{
    sched_lock(&bcb->area->lock);
    bcb->references++;
    sched_unlock(&bcb->area->lock);
}

static void dereference(struct cc_bcb *bcb)
{
    struct mi_control_area *area = bcb->area;
    sched_lock(&area->lock);
    bool last = --bcb->references == 0;
    if (last)
        RemoveEntryList(&bcb->link);
    sched_unlock(&area->lock);
    if (!last)
        return;
    for (unsigned i = 0; i < bcb->part_count; i++)
        dereference(bcb->parts[i]);
    sim_free(bcb->parts);
    sim_free(bcb);
    atomic_fetch_sub(&area->pins, 1);
    MiQueueWork(area);
    MiDereference(area);
}

/* The one that covers the pages, referenced. Under area->lock. */
static struct cc_bcb *covering(struct cc_map *map, size_t first, size_t end, bool pinned)
{
    for (PLIST_ENTRY at = map->bcbs.Flink; at != &map->bcbs; at = at->Flink) {
        struct cc_bcb *bcb = CONTAINING_RECORD(at, struct cc_bcb, link);
        if (is_pinned(bcb) == pinned && bcb->first <= first && bcb->end >= end) {
            bcb->references++;
            return bcb;
        }
    }
    return NULL;
}

/* Where the first pinned BCB that has pages of [first, end) begins; `end`: there is none. Under area->lock. */
static size_t next_pinned(struct cc_map *map, size_t first, size_t end)
{
    size_t next = end;
    for (PLIST_ENTRY at = map->bcbs.Flink; at != &map->bcbs; at = at->Flink) {
        struct cc_bcb *bcb = CONTAINING_RECORD(at, struct cc_bcb, link);
        if (is_pinned(bcb) && bcb->end > first && bcb->first < next)
            next = bcb->first > first ? bcb->first : first;
    }
    return next;
}

static struct cc_bcb *pin_of(struct cc_map *map, size_t first, size_t end);

static struct cc_bcb *join(struct cc_map *map, size_t first, size_t end)
{
    struct cc_bcb *whole = make(map->area, first, end, true);
    whole->parts = sim_alloc((end - first) * sizeof *whole->parts);
    while (first < end) {
        sched_lock(&map->area->lock);
        struct cc_bcb *part = covering(map, first, first + 1, true);
        size_t next = part ? part->end : next_pinned(map, first, end);
        sched_unlock(&map->area->lock);
        whole->parts[whole->part_count++] = part ? part : pin_of(map, first, next);
        first = next;
    }
    return whole;
}

/* The pinned BCB of these pages, referenced: one that is there, a fresh one, or one made of several. */
static struct cc_bcb *pin_of(struct cc_map *map, size_t first, size_t end)
{
    struct cc_bcb *fresh = make(map->area, first, end, true);
    sched_lock(&map->area->lock);
    struct cc_bcb *bcb = covering(map, first, end, true);
    if (!bcb && next_pinned(map, first, end) == end) {
        InsertTailList(&map->bcbs, &fresh->link);
        bcb = fresh;
    }
    sched_unlock(&map->area->lock);
    if (bcb != fresh)
        dereference(fresh);
    return bcb ? bcb : join(map, first, end);
}

static struct cc_bcb *pin_that_is_there(struct cc_map *map, size_t first, size_t end)
{
    sched_lock(&map->area->lock);
    struct cc_bcb *bcb = covering(map, first, end, true);
    sched_unlock(&map->area->lock);
    return bcb;
}

static struct cc_bcb *mapping_of(struct cc_map *map, size_t page)
{
    size_t first = page / VIEW_PAGES * VIEW_PAGES;
    struct cc_bcb *fresh = make(map->area, first, first + VIEW_PAGES, false);
    sched_lock(&map->area->lock);
    struct cc_bcb *bcb = covering(map, first, first + VIEW_PAGES, false);
    if (!bcb) {
        InsertTailList(&map->bcbs, &fresh->link);
        bcb = fresh;
    }
    sched_unlock(&map->area->lock);
    if (bcb != fresh)
        dereference(fresh);
    return bcb;
}

/* -- their locks ------------------------------------------------------------------------------- */

static void hold_misused(struct cc_bcb *bcb)
{
    verify_end(verify_begin_fatal(VERIFY_LOCK_MISUSE, "The BCB %p was unpinned by somebody who has not pinned it.",
                                  (void *)bcb));
}

static void release_hold(struct cc_bcb *bcb, PVOID owner)
{
    bool misused = false, free;
    for (unsigned i = 0; i < bcb->part_count; i++)
        release_hold(bcb->parts[i], owner);
    if (bcb->parts)
        return;
    sched_lock(&bcb->area->lock);
    if (bcb->exclusive > 0 && bcb->owner == owner)
        bcb->exclusive--;
    else if (bcb->exclusive == 0 && bcb->shared > 0)
        bcb->shared--;
    else
        misused = true;
    free = bcb->exclusive == 0 && bcb->shared == 0;
    sched_unlock(&bcb->area->lock);
    if (misused)
        hold_misused(bcb);
    if (free)
        MiWake(bcb->area);
}

static bool hold_one(struct cc_bcb *bcb, bool exclusive, bool wait)
{
    PVOID me = KeGetCurrentThread();
    for (;;) {
        sched_lock(&bcb->area->lock);
        bool mine = bcb->exclusive > 0 && bcb->owner == me;
        if (mine || (bcb->exclusive == 0 && !(exclusive && bcb->shared > 0)))
            break;
        if (!wait) {
            sched_unlock(&bcb->area->lock);
            return false;
        }
        MiWait(bcb->area);
    }
    if (exclusive || bcb->exclusive > 0) {
        bcb->exclusive++;
        bcb->owner = me;
    } else {
        bcb->shared++;
    }
    sched_unlock(&bcb->area->lock);
    return true;
}

static bool hold(struct cc_bcb *bcb, bool exclusive, bool wait)
{
    if (!bcb->parts)
        return hold_one(bcb, exclusive, wait);
    for (unsigned i = 0; i < bcb->part_count; i++) {
        if (hold(bcb->parts[i], exclusive, wait))
            continue;
        while (i-- > 0)
            release_hold(bcb->parts[i], KeGetCurrentThread());
        return false;
    }
    return true;
}

static void set_owner(struct cc_bcb *bcb, PVOID owner)
{
    for (unsigned i = 0; i < bcb->part_count; i++)
        set_owner(bcb->parts[i], owner);
    sched_lock(&bcb->area->lock);
    bcb->owner = owner;
    sched_unlock(&bcb->area->lock);
}

/* -- lending ----------------------------------------------------------------------------------- */

struct range {
    struct cc_map *map;
    size_t first, end;
};

/* FALSE: not within a view. A range outside of the section's views, or one that crosses views when it has to succeed, raises. */
static bool find_range(PFILE_OBJECT file, LONGLONG offset, ULONG length, bool wait, struct range *range)
{
    struct cc_map *map = CcpMapOf(file);
    if (!map)
        ExRaiseStatus(STATUS_INVALID_PARAMETER);
    range->map = map;
    range->first = MiPageOf(offset);
    range->end = MiPageAfter(offset + (length ? length : 1));
    size_t view = range->first / VIEW_PAGES;
    if (view > 0 && view * VIEW_PAGES >= MiPageAfter(__atomic_load_n(&map->section_size, __ATOMIC_RELAXED)))
        ExRaiseStatus(STATUS_ACCESS_VIOLATION);
    if ((range->end - 1) / VIEW_PAGES == view)
        return true;
    if (wait)
        ExRaiseStatus(STATUS_INVALID_PARAMETER);
    return false;
}

static NTSTATUS make_resident(const struct range *range, ULONG flags, bool may_read)
{
    struct mi_control_area *area = range->map->area;
    if (flags & MAP_WAIT && may_read)
        return MiFault(area, range->first, range->end);
    for (size_t page = range->first; page < range->end; page++)
        if (page >= area->pages || !MiIsValid(area, page))
            return STATUS_CANT_WAIT;
    return STATUS_SUCCESS;
}

static BOOLEAN pin(PFILE_OBJECT file, LONGLONG offset, ULONG length, ULONG flags, PVOID *lent, PVOID *buffer)
{
    struct range range;
    bool wait = (flags & PIN_WAIT) != 0;
    if (!find_range(file, offset, length, wait, &range))
        return FALSE;
    struct cc_bcb *bcb = (flags & PIN_IF_BCB ? pin_that_is_there : pin_of)(range.map, range.first, range.end);
    if (!bcb)
        return FALSE;
    NTSTATUS status = STATUS_CANT_WAIT;
    if (hold(bcb, (flags & PIN_EXCLUSIVE) != 0, wait)) {
        status = make_resident(&range, flags, !(flags & PIN_NO_READ));
        if (!NT_SUCCESS(status))
            release_hold(bcb, KeGetCurrentThread());
    }
    if (!NT_SUCCESS(status)) {
        dereference(bcb);
        if (status != STATUS_CANT_WAIT)
            ExRaiseStatus(status);
        return FALSE;
    }
    *lent = bcb;
    *buffer = range.map->area->base + offset;
    return TRUE;
}

BOOLEAN CcMapData(PFILE_OBJECT FileObject, PLARGE_INTEGER FileOffset, ULONG Length, ULONG Flags,
                  PVOID *Bcb, PVOID *Buffer)
{
    API_ENTER(CcMapData, FileObject, SCHED_READ);
    struct range range;
    if (!find_range(FileObject, FileOffset->QuadPart, Length, (Flags & MAP_WAIT) != 0, &range))
        return FALSE;
    NTSTATUS status = make_resident(&range, Flags, !(Flags & MAP_NO_READ));
    if (status == STATUS_CANT_WAIT)
        return FALSE;
    if (!NT_SUCCESS(status))
        ExRaiseStatus(status);
    *Bcb = mapping_of(range.map, range.first);
    *Buffer = range.map->area->base + FileOffset->QuadPart;
    return TRUE;
}

BOOLEAN CcPinRead(PFILE_OBJECT FileObject, PLARGE_INTEGER FileOffset, ULONG Length, ULONG Flags,
                  PVOID *Bcb, PVOID *Buffer)
{
    API_ENTER(CcPinRead, FileObject, SCHED_READ);
    *Bcb = NULL;
    return pin(FileObject, FileOffset->QuadPart, Length, Flags, Bcb, Buffer);
}

BOOLEAN CcPinMappedData(PFILE_OBJECT FileObject, PLARGE_INTEGER FileOffset, ULONG Length,
                        ULONG Flags, PVOID *Bcb)
{
    API_ENTER(CcPinMappedData, FileObject, SCHED_READ);
    struct cc_bcb *mapping = *Bcb;
    PVOID buffer;
    if (is_pinned(mapping))
        return TRUE;
    if (!pin(FileObject, FileOffset->QuadPart, Length, Flags, Bcb, &buffer))
        return FALSE;
    dereference(mapping);
    return TRUE;
}

BOOLEAN CcPreparePinWrite(PFILE_OBJECT FileObject, PLARGE_INTEGER FileOffset, ULONG Length,
                          BOOLEAN Zero, ULONG Flags, PVOID *Bcb, PVOID *Buffer)
{
    API_ENTER(CcPreparePinWrite, FileObject, SCHED_WRITE);
    if (!pin(FileObject, FileOffset->QuadPart, Length, Flags, Bcb, Buffer))
        return FALSE;
    if (Zero)
        memset(*Buffer, 0, Length);
    CcSetDirtyPinnedData(*Bcb, NULL);
    return TRUE;
}

VOID CcSetDirtyPinnedData(PVOID BcbVoid, PLARGE_INTEGER Lsn)
{
    API_IRQL(CcSetDirtyPinnedData);
    struct cc_bcb *bcb = BcbVoid;
    if (Lsn && Lsn->QuadPart)
        CcpNoteLsn(bcb->area->cache, bcb->first, bcb->end, Lsn->QuadPart);
    MiMarkDirty(bcb->area, bcb->first, bcb->end);
}

static void unpin(struct cc_bcb *bcb, PVOID owner)
{
    if (is_pinned(bcb))
        release_hold(bcb, owner);
    dereference(bcb);
}

VOID CcUnpinData(PVOID Bcb)
{
    API_ENTER(CcUnpinData, Bcb, SCHED_WRITE);
    unpin(Bcb, KeGetCurrentThread());
}

VOID CcUnpinDataForThread(PVOID Bcb, ERESOURCE_THREAD ResourceThreadId)
{
    API_ENTER(CcUnpinDataForThread, Bcb, SCHED_WRITE);
    unpin(Bcb, (PVOID)ResourceThreadId);
}

VOID CcSetBcbOwnerPointer(PVOID Bcb, PVOID OwnerPointer)
{
    API_IRQL(CcSetBcbOwnerPointer);
    set_owner(Bcb, OwnerPointer);
}

VOID CcRepinBcb(PVOID Bcb)
{
    API_IRQL(CcRepinBcb);
    reference(Bcb);
}

PVOID CcRemapBcb(PVOID Bcb)
{
    API_IRQL(CcRemapBcb);
    struct cc_bcb *bcb = Bcb;
    return mapping_of(bcb->area->cache, bcb->first);
}

VOID CcUnpinRepinnedBcb(PVOID Bcb, BOOLEAN WriteThrough, PIO_STATUS_BLOCK IoStatus)
{
    API_ENTER(CcUnpinRepinnedBcb, Bcb, SCHED_WRITE);
    struct cc_bcb *bcb = Bcb;
    IoStatus->Status = STATUS_SUCCESS;
    IoStatus->Information = 0;
    if (WriteThrough) {
        hold(bcb, true, true);
        IoStatus->Status = MiFlush(bcb->area, bcb->first, bcb->end, &IoStatus->Information);
        release_hold(bcb, KeGetCurrentThread());
    }
    dereference(bcb);
}

PFILE_OBJECT CcGetFileObjectFromBcb(PVOID Bcb)
{
    API_IRQL(CcGetFileObjectFromBcb);
    return MiLendFile(((struct cc_bcb *)Bcb)->area);
}
