/* Cached pages lent out by address, with a buffer control block. */
#include "cc/ccp.h"

#include <string.h>

static NTSTATUS lend(PFILE_OBJECT file, PLARGE_INTEGER offset, ULONG length, bool wait, bool zero,
                     struct cc_bcb **bcb, PVOID *buffer)
{
    struct cc_map *map = CcpMapOf(file);
    if (!map)
        return STATUS_INVALID_PARAMETER;
    struct mi_control_area *area = map->area;
    size_t first = MiPageOf(offset->QuadPart), end = MiPageAfter(offset->QuadPart + length);
    if (end > area->pages)
        return STATUS_INSUFFICIENT_RESOURCES;
    for (size_t page = first; page < end && !wait; page++)
        if (!MiIsValid(area, page))
            return STATUS_CANT_WAIT;
    NTSTATUS status = MiFault(area, first, end);
    if (!NT_SUCCESS(status))
        return status;
    struct cc_bcb *fresh = sim_alloc(sizeof *fresh);
    fresh->NodeTypeCode = 0x2FD;
    fresh->NodeByteSize = sizeof *fresh;
    fresh->MappedLength = length;
    fresh->MappedFileOffset = *offset;
    fresh->area = area;
    fresh->offset = offset->QuadPart;
    fresh->length = length;
    atomic_store(&fresh->references, 1);
    MiReference(area);
    atomic_fetch_add(&area->pins, 1);
    *buffer = area->base + offset->QuadPart;
    if (zero)
        memset(*buffer, 0, length);
    *bcb = fresh;
    return STATUS_SUCCESS;
}

static BOOLEAN lend_or_raise(PFILE_OBJECT file, PLARGE_INTEGER offset, ULONG length, ULONG flags,
                             bool zero, bool pinned, PVOID *bcb, PVOID *buffer)
{
    struct cc_bcb *fresh;
    NTSTATUS status = lend(file, offset, length, (flags & MAP_WAIT) != 0, zero, &fresh, buffer);
    if (status == STATUS_CANT_WAIT)
        return FALSE;
    if (!NT_SUCCESS(status))
        ExRaiseStatus(status);
    fresh->pinned = pinned;
    *bcb = fresh;
    return TRUE;
}

BOOLEAN CcMapData(PFILE_OBJECT FileObject, PLARGE_INTEGER FileOffset, ULONG Length, ULONG Flags,
                  PVOID *Bcb, PVOID *Buffer)
{
    API_ENTER(CcMapData, FileObject, SCHED_READ);
    return lend_or_raise(FileObject, FileOffset, Length, Flags, false, false, Bcb, Buffer);
}

BOOLEAN CcPinRead(PFILE_OBJECT FileObject, PLARGE_INTEGER FileOffset, ULONG Length, ULONG Flags,
                  PVOID *Bcb, PVOID *Buffer)
{
    API_ENTER(CcPinRead, FileObject, SCHED_READ);
    return lend_or_raise(FileObject, FileOffset, Length, Flags, false, true, Bcb, Buffer);
}

BOOLEAN CcPinMappedData(PFILE_OBJECT FileObject, PLARGE_INTEGER FileOffset, ULONG Length,
                        ULONG Flags, PVOID *Bcb)
{
    API_ENTER(CcPinMappedData, FileObject, SCHED_READ);
    ((struct cc_bcb *)*Bcb)->pinned = true;
    return TRUE;
}

BOOLEAN CcPreparePinWrite(PFILE_OBJECT FileObject, PLARGE_INTEGER FileOffset, ULONG Length,
                          BOOLEAN Zero, ULONG Flags, PVOID *Bcb, PVOID *Buffer)
{
    API_ENTER(CcPreparePinWrite, FileObject, SCHED_WRITE);
    if (!lend_or_raise(FileObject, FileOffset, Length, Flags, Zero, true, Bcb, Buffer))
        return FALSE;
    CcSetDirtyPinnedData(*Bcb, NULL);
    return TRUE;
}

VOID CcSetDirtyPinnedData(PVOID BcbVoid, PLARGE_INTEGER Lsn)
{
    API_IRQL(CcSetDirtyPinnedData);
    struct cc_bcb *bcb = BcbVoid;
    MiMarkDirty(bcb->area, MiPageOf(bcb->offset), MiPageAfter(bcb->offset + bcb->length));
}

static void release(struct cc_bcb *bcb)
{
    if (atomic_fetch_sub(&bcb->references, 1) > 1)
        return;
    struct mi_control_area *area = bcb->area;
    sim_free(bcb);
    atomic_fetch_sub(&area->pins, 1);
    MiQueueWork(area);
    MiDereference(area);
}

VOID CcUnpinData(PVOID Bcb)
{
    API_ENTER(CcUnpinData, Bcb, SCHED_WRITE);
    release(Bcb);
}

VOID CcUnpinDataForThread(PVOID Bcb, ERESOURCE_THREAD ResourceThreadId)
{
    API_ENTER(CcUnpinDataForThread, Bcb, SCHED_WRITE);
    release(Bcb);
}

VOID CcSetBcbOwnerPointer(PVOID Bcb, PVOID OwnerPointer)
{
    API_IRQL(CcSetBcbOwnerPointer);
    ((struct cc_bcb *)Bcb)->owner = OwnerPointer;
}

VOID CcRepinBcb(PVOID Bcb)
{
    API_IRQL(CcRepinBcb);
    atomic_fetch_add(&((struct cc_bcb *)Bcb)->references, 1);
}

PVOID CcRemapBcb(PVOID Bcb)
{
    API_IRQL(CcRemapBcb);
    CcRepinBcb(Bcb);
    return Bcb;
}

VOID CcUnpinRepinnedBcb(PVOID Bcb, BOOLEAN WriteThrough, PIO_STATUS_BLOCK IoStatus)
{
    API_ENTER(CcUnpinRepinnedBcb, Bcb, SCHED_WRITE);
    struct cc_bcb *bcb = Bcb;
    IoStatus->Status = STATUS_SUCCESS;
    IoStatus->Information = 0;
    if (WriteThrough)
        IoStatus->Status = MiFlush(bcb->area, MiPageOf(bcb->offset),
                                   MiPageAfter(bcb->offset + bcb->length), &IoStatus->Information);
    release(bcb);
}

PFILE_OBJECT CcGetFileObjectFromBcb(PVOID Bcb)
{
    API_IRQL(CcGetFileObjectFromBcb);
    return MiLendFile(((struct cc_bcb *)Bcb)->area);
}
