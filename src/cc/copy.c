#include "cc/ccp.h"

#include <string.h>

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* -- reading ----------------------------------------------------------------------------------- */

static bool all_valid(struct mi_control_area *area, size_t first, size_t end)
{
    if (end > area->pages)
        return false;
    for (size_t page = first; page < end; page++)
        if (!MiIsValid(area, page))
            return false;
    return true;
}

static struct mi_control_area *cached_area(PFILE_OBJECT file)
{
    struct cc_map *map = CcpMapOf(file);
    if (!map)
        ExRaiseStatus(STATUS_INVALID_PARAMETER);
    return map->area;
}

static BOOLEAN copy_read(PFILE_OBJECT file, LONGLONG offset, ULONG length, BOOLEAN wait,
                         PVOID buffer, PIO_STATUS_BLOCK iosb)
{
    struct mi_control_area *area = cached_area(file);
    size_t first = MiPageOf(offset), end = MiPageAfter(offset + length);
    if (!all_valid(area, first, end)) {
        if (!wait)
            return FALSE;
        NTSTATUS status = MiFault(area, first, end);
        if (!NT_SUCCESS(status))
            ExRaiseStatus(status);
    }
    memcpy(buffer, area->base + offset, length);
    iosb->Status = STATUS_SUCCESS;
    iosb->Information = length;
    return TRUE;
}

BOOLEAN CcCopyRead(PFILE_OBJECT FileObject, PLARGE_INTEGER FileOffset, ULONG Length, BOOLEAN Wait,
                   PVOID Buffer, PIO_STATUS_BLOCK IoStatus)
{
    API_ENTER(CcCopyRead, FileObject, SCHED_READ);
    return copy_read(FileObject, FileOffset->QuadPart, Length, Wait, Buffer, IoStatus);
}

BOOLEAN CcCopyReadEx(PFILE_OBJECT FileObject, PLARGE_INTEGER FileOffset, ULONG Length, BOOLEAN Wait,
                     PVOID Buffer, PIO_STATUS_BLOCK IoStatus, PETHREAD IoIssuerThread)
{
    API_ENTER(CcCopyReadEx, FileObject, SCHED_READ);
    return copy_read(FileObject, FileOffset->QuadPart, Length, Wait, Buffer, IoStatus);
}

VOID CcFastCopyRead(PFILE_OBJECT FileObject, ULONG FileOffset, ULONG Length, ULONG PageCount,
                    PVOID Buffer, PIO_STATUS_BLOCK IoStatus)
{
    API_ENTER(CcFastCopyRead, FileObject, SCHED_READ);
    copy_read(FileObject, FileOffset, Length, TRUE, Buffer, IoStatus);
}

/* -- writing ----------------------------------------------------------------------------------- */

/* What the file system holds: beyond it a page is zeros and need not be read. */
static LONGLONG valid_data(PFILE_OBJECT file)
{
    PFSRTL_COMMON_FCB_HEADER header = file->FsContext;
    return header->ValidDataLength.QuadPart;
}

/* Puts bytes (NULL: zeros) into one page. STATUS_CANT_WAIT: it must be read first, and !wait. */
static NTSTATUS put(PFILE_OBJECT file, struct mi_control_area *area, LONGLONG offset,
                    const UCHAR *bytes, size_t count, bool wait)
{
    size_t page = MiPageOf(offset);
    UCHAR *to = area->base + offset, *start = area->base + page * MI_PAGE;
    bool claimed = false;
    if (!MiIsValid(area, page)) {
        bool blank = count == MI_PAGE || (LONGLONG)(page * MI_PAGE) >= valid_data(file);
        if (!blank && !wait)
            return STATUS_CANT_WAIT;
        if (!blank) {
            NTSTATUS status = MiFault(area, page, page + 1);
            if (!NT_SUCCESS(status))
                return status;
        } else if (MiClaim(area, page)) {
            claimed = true;
            memset(start, 0, (size_t)(to - start));
            memset(to + count, 0, MI_PAGE - (size_t)(to - start) - count);
        }
    }
    if (bytes)
        memcpy(to, bytes, count);
    else
        memset(to, 0, count);
    if (claimed)
        MiFilled(area, page);
    MiMarkDirty(area, page, page + 1);
    return STATUS_SUCCESS;
}

static NTSTATUS put_all(PFILE_OBJECT file, struct mi_control_area *area, LONGLONG offset,
                        const UCHAR *bytes, ULONGLONG length, bool wait)
{
    if (MiPageAfter(offset + (LONGLONG)length) > area->pages)
        return STATUS_INSUFFICIENT_RESOURCES;
    while (length) {
        size_t count = least(MI_PAGE - (size_t)(offset % MI_PAGE), length);
        NTSTATUS status = put(file, area, offset, bytes, count, wait);
        if (!NT_SUCCESS(status))
            return status;
        offset += (LONGLONG)count;
        length -= count;
        if (bytes)
            bytes += count;
    }
    return STATUS_SUCCESS;
}

static void write_through(PFILE_OBJECT file, LONGLONG offset, ULONG length)
{
    IO_STATUS_BLOCK iosb;
    LARGE_INTEGER at = {.QuadPart = offset};
    if (!(file->Flags & FO_WRITE_THROUGH))
        return;
    CcFlushCache(file->SectionObjectPointer, &at, length, &iosb);
    if (!NT_SUCCESS(iosb.Status))
        ExRaiseStatus(iosb.Status);
}

static BOOLEAN copy_write(PFILE_OBJECT file, LONGLONG offset, ULONG length, BOOLEAN wait,
                          PVOID buffer)
{
    if (!wait && file->Flags & FO_WRITE_THROUGH)
        return FALSE;
    struct mi_control_area *area = cached_area(file);
    NTSTATUS status;
    if (length && (ULONG_PTR)buffer < 0x10000) { /* found out when the page is there */
        status = wait ? MiFault(area, MiPageOf(offset), MiPageOf(offset) + 1) : STATUS_SUCCESS;
        ExRaiseStatus(NT_SUCCESS(status) ? STATUS_INVALID_USER_BUFFER : status);
    }
    status = length ? put_all(file, area, offset, buffer, length, wait) : STATUS_SUCCESS;
    if (status == STATUS_CANT_WAIT)
        return FALSE;
    if (!NT_SUCCESS(status))
        ExRaiseStatus(status);
    write_through(file, offset, length);
    return TRUE;
}

BOOLEAN CcCopyWrite(PFILE_OBJECT FileObject, PLARGE_INTEGER FileOffset, ULONG Length, BOOLEAN Wait,
                    PVOID Buffer)
{
    API_ENTER(CcCopyWrite, FileObject, SCHED_WRITE);
    if (!FileObject || !FileOffset)
        ExRaiseAccessViolation();
    return copy_write(FileObject, FileOffset->QuadPart, Length, Wait, Buffer);
}

BOOLEAN CcCopyWriteEx(PFILE_OBJECT FileObject, PLARGE_INTEGER FileOffset, ULONG Length,
                      BOOLEAN Wait, PVOID Buffer, PETHREAD IoIssuerThread)
{
    API_ENTER(CcCopyWriteEx, FileObject, SCHED_WRITE);
    return copy_write(FileObject, FileOffset->QuadPart, Length, Wait, Buffer);
}

VOID CcFastCopyWrite(PFILE_OBJECT FileObject, ULONG FileOffset, ULONG Length, PVOID Buffer)
{
    API_ENTER(CcFastCopyWrite, FileObject, SCHED_WRITE);
    copy_write(FileObject, FileOffset, Length, TRUE, Buffer);
}

/* -- zeroing ----------------------------------------------------------------------------------- */

/* A file object that does not cache, on a stream that nobody caches: straight to the file system.
 */
static NTSTATUS zero_on_disk(PFILE_OBJECT file, LONGLONG offset, LONGLONG end)
{
    enum { CHUNK = 64 * 1024 };
    NTSTATUS status = STATUS_SUCCESS;
    UCHAR *zeros = ExAllocatePoolWithTag(NonPagedPool, CHUNK, 'rZcC');
    if (!zeros)
        return STATUS_INSUFFICIENT_RESOURCES;
    memset(zeros, 0, CHUNK);
    while (offset < end && NT_SUCCESS(status)) {
        ULONG count = (ULONG)least(CHUNK, (size_t)(end - offset));
        LARGE_INTEGER at = {.QuadPart = offset};
        IO_STATUS_BLOCK iosb;
        KEVENT event;
        KeInitializeEvent(&event, NotificationEvent, FALSE);
        PMDL mdl = IoAllocateMdl(zeros, count, FALSE, FALSE, NULL);
        if (!mdl) {
            status = STATUS_INSUFFICIENT_RESOURCES;
            break;
        }
        MmBuildMdlForNonPagedPool(mdl);
        status = IoSynchronousPageWrite(file, mdl, &at, &event, &iosb);
        if (status == STATUS_PENDING) {
            KeWaitForSingleObject(&event, Executive, KernelMode, FALSE, NULL);
            status = iosb.Status;
        }
        IoFreeMdl(mdl);
        offset += count;
    }
    ExFreePoolWithTag(zeros, 'rZcC');
    return status;
}

BOOLEAN CcZeroData(PFILE_OBJECT FileObject, PLARGE_INTEGER StartOffset, PLARGE_INTEGER EndOffset,
                   BOOLEAN Wait)
{
    API_ENTER(CcZeroData, FileObject, SCHED_WRITE);
    if (EndOffset->QuadPart <= StartOffset->QuadPart)
        return TRUE;
    NTSTATUS status;
    struct mi_control_area *area = CcpAreaOf(FileObject);
    if (area) {
        status = put_all(FileObject, area, StartOffset->QuadPart, NULL,
                         (ULONGLONG)(EndOffset->QuadPart - StartOffset->QuadPart), Wait);
        MiDereference(area);
    } else {
        status = Wait ? zero_on_disk(FileObject, StartOffset->QuadPart, EndOffset->QuadPart)
                      : STATUS_CANT_WAIT;
    }
    if (status == STATUS_CANT_WAIT)
        return FALSE;
    if (!NT_SUCCESS(status))
        ExRaiseStatus(status);
    return TRUE;
}

/* -- throttling: there is always room ---------------------------------------------------------- */

BOOLEAN CcCopyWriteWontFlush(PFILE_OBJECT FileObject, PLARGE_INTEGER FileOffset, ULONG Length)
{
    API_IRQL(CcCopyWriteWontFlush);
    return Length <= 0x10000;
}
