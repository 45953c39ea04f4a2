/* Cached pages lent out as MDLs. */
#include "cc/ccp.h"

static PMDL lend(struct mi_control_area *area, LONGLONG offset, ULONG length)
{
    PMDL mdl = IoAllocateMdl(area->base + offset, length, FALSE, FALSE, NULL);
    if (!mdl)
        ExRaiseStatus(STATUS_INSUFFICIENT_RESOURCES);
    MmBuildMdlForNonPagedPool(mdl);
    MiReference(area);
    atomic_fetch_add(&area->pins, 1);
    return mdl;
}

static void take_back(PFILE_OBJECT file, PMDL chain)
{
    struct mi_control_area *area = CcpAreaOf(file);
    while (chain) {
        PMDL next = chain->Next;
        IoFreeMdl(chain);
        if (area) {
            atomic_fetch_sub(&area->pins, 1);
            MiDereference(area);
        }
        chain = next;
    }
    if (area)
        MiDereference(area);
}

static void append(PMDL *chain, PMDL mdl)
{
    while (*chain)
        chain = &(*chain)->Next;
    *chain = mdl;
}

static struct mi_control_area *fault_in(PFILE_OBJECT file, LONGLONG offset, ULONG length)
{
    struct cc_map *map = CcpMapOf(file);
    if (!map)
        ExRaiseStatus(STATUS_INVALID_PARAMETER);
    NTSTATUS status = MiFault(map->area, MiPageOf(offset), MiPageAfter(offset + length));
    if (!NT_SUCCESS(status))
        ExRaiseStatus(status);
    return map->area;
}

VOID CcMdlRead(PFILE_OBJECT FileObject, PLARGE_INTEGER FileOffset, ULONG Length, PMDL *MdlChain,
               PIO_STATUS_BLOCK IoStatus)
{
    API_ENTER(CcMdlRead, FileObject, SCHED_READ);
    struct mi_control_area *area = fault_in(FileObject, FileOffset->QuadPart, Length);
    append(MdlChain, lend(area, FileOffset->QuadPart, Length));
    IoStatus->Status = STATUS_SUCCESS;
    IoStatus->Information = Length;
}

VOID CcMdlReadComplete(PFILE_OBJECT FileObject, PMDL MdlChain)
{
    API_ENTER(CcMdlReadComplete, FileObject, SCHED_READ);
    take_back(FileObject, MdlChain);
}

VOID CcPrepareMdlWrite(PFILE_OBJECT FileObject, PLARGE_INTEGER FileOffset, ULONG Length,
                       PMDL *MdlChain, PIO_STATUS_BLOCK IoStatus)
{
    API_ENTER(CcPrepareMdlWrite, FileObject, SCHED_WRITE);
    struct mi_control_area *area = fault_in(FileObject, FileOffset->QuadPart, Length);
    append(MdlChain, lend(area, FileOffset->QuadPart, Length));
    IoStatus->Status = STATUS_SUCCESS;
    IoStatus->Information = Length;
}

VOID CcMdlWriteComplete(PFILE_OBJECT FileObject, PLARGE_INTEGER FileOffset, PMDL MdlChain)
{
    API_ENTER(CcMdlWriteComplete, FileObject, SCHED_WRITE);
    struct mi_control_area *area = CcpAreaOf(FileObject);
    LARGE_INTEGER offset = *FileOffset;
    ULONG total = 0;
    for (PMDL mdl = MdlChain; mdl && area; mdl = mdl->Next) {
        MiMarkDirty(area, MiPageOf(offset.QuadPart), MiPageAfter(offset.QuadPart + mdl->ByteCount));
        offset.QuadPart += mdl->ByteCount;
        total += mdl->ByteCount;
    }
    if (area)
        MiDereference(area);
    take_back(FileObject, MdlChain);
    if (FileObject->Flags & FO_WRITE_THROUGH) {
        IO_STATUS_BLOCK iosb;
        CcFlushCache(FileObject->SectionObjectPointer, FileOffset, total, &iosb);
        if (!NT_SUCCESS(iosb.Status))
            ExRaiseStatus(iosb.Status);
    }
}

VOID CcMdlWriteAbort(PFILE_OBJECT FileObject, PMDL MdlChain)
{
    API_ENTER(CcMdlWriteAbort, FileObject, SCHED_WRITE);
    take_back(FileObject, MdlChain);
}
