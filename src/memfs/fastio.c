/* Fast I/O, and what the cache manager calls back. */
#include "memfs/memfs.h"

NTSTATUS MemfsExceptionStatus(NTSTATUS code)
{
    return FsRtlIsNtstatusExpected(code) ? code : STATUS_UNEXPECTED_IO_ERROR;
}

/* -- the cache manager's locks ----------------------------------------------------------------- */

static BOOLEAN acquire_for_lazy_write(PVOID context, BOOLEAN wait)
{
    struct memfs_scb *scb = context;
    FsRtlEnterFileSystem();
    if (!ExAcquireResourceSharedLite(&scb->main, wait)) {
        FsRtlExitFileSystem();
        return FALSE;
    }
    IoSetTopLevelIrp((PIRP)FSRTL_CACHE_TOP_LEVEL_IRP);
    return TRUE;
}

static VOID release_from_lazy_write(PVOID context)
{
    struct memfs_scb *scb = context;
    IoSetTopLevelIrp(NULL);
    ExReleaseResourceLite(&scb->main);
    FsRtlExitFileSystem();
}

CACHE_MANAGER_CALLBACKS MemfsCacheCallbacks = {acquire_for_lazy_write, release_from_lazy_write,
                                               acquire_for_lazy_write, release_from_lazy_write};

void MemfsStartCaching(struct memfs_scb *scb, PFILE_OBJECT file)
{
    if (__atomic_load_n(&file->PrivateCacheMap, __ATOMIC_ACQUIRE))
        return;
    CC_FILE_SIZES sizes;
    sizes.AllocationSize.QuadPart = MemfsLoad(&scb->header.AllocationSize);
    sizes.FileSize.QuadPart = MemfsLoad(&scb->header.FileSize);
    sizes.ValidDataLength.QuadPart = MemfsLoad(&scb->header.ValidDataLength);
    CcInitializeCacheMap(file, &sizes, FALSE, &MemfsCacheCallbacks, scb);
}

/* -- reading and writing ----------------------------------------------------------------------- */

static bool may_be_fast(struct memfs_scb *scb, bool changes)
{
    UCHAR possible = scb->header.IsFastIoPossible;
    return possible == FastIoIsPossible || (possible == FastIoIsQuestionable && MemfsOplockAllowsFastIo(scb, changes));
}

static bool may_read(struct memfs_scb *scb, PFILE_OBJECT file, LONGLONG offset, ULONG length,
                     ULONG key)
{
    LARGE_INTEGER at = {.QuadPart = offset}, count = {.QuadPart = length};
    return !scb->locks ||
           FsRtlFastCheckLockForRead(scb->locks, &at, &count, key, file, IoGetCurrentProcess());
}

static BOOLEAN check_if_possible(PFILE_OBJECT file, PLARGE_INTEGER offset, ULONG length,
                                 BOOLEAN wait, ULONG key, BOOLEAN reading, PIO_STATUS_BLOCK iosb,
                                 PDEVICE_OBJECT device)
{
    struct memfs_scb *scb = MemfsScbOf(file);
    LARGE_INTEGER count = {.QuadPart = length};
    if (!scb->stream || MemfsIs(&scb->volume->dismounted) || !MemfsOplockAllowsFastIo(scb, !reading))
        return FALSE;
    if (!scb->locks)
        return reading || !MemfsIsReadOnly(scb->volume);
    if (reading)
        return FsRtlFastCheckLockForRead(scb->locks, offset, &count, key, file,
                                         IoGetCurrentProcess());
    return !MemfsIsReadOnly(scb->volume) &&
           FsRtlFastCheckLockForWrite(scb->locks, offset, &count, key, file, IoGetCurrentProcess());
}

/* Pages that are there are copied without more ado; for others the cache manager raises what paging
 * them in says. */
static BOOLEAN copy(PFILE_OBJECT file, PLARGE_INTEGER offset, ULONG length, PVOID buffer,
                    PIO_STATUS_BLOCK iosb)
{
    if (CcCopyRead(file, offset, length, FALSE, buffer, iosb))
        return TRUE;
    volatile BOOLEAN done = FALSE;
    __try {
        done = CcCopyRead(file, offset, length, TRUE, buffer, iosb);
    } __except (FsRtlIsNtstatusExpected(GetExceptionCode()) ? EXCEPTION_EXECUTE_HANDLER
                                                            : EXCEPTION_CONTINUE_SEARCH) {
        done = FALSE;
    }
    return done;
}

static BOOLEAN fast_read(PFILE_OBJECT file, PLARGE_INTEGER offset, ULONG length, BOOLEAN wait,
                         ULONG key, PVOID buffer, PIO_STATUS_BLOCK iosb, PDEVICE_OBJECT device)
{
    struct memfs_scb *scb = MemfsScbOf(file);
    BOOLEAN done = FALSE;
    if (!wait || offset->QuadPart < 0 || !may_be_fast(scb, false))
        return FALSE;
    iosb->Status = STATUS_SUCCESS;
    iosb->Information = 0;
    if (length == 0)
        return TRUE;
    FsRtlEnterFileSystem();
    ExAcquireResourceSharedLite(&scb->main, TRUE);
    LONGLONG size = MemfsLoad(&scb->header.FileSize);
    if (!file->PrivateCacheMap || MemfsIs(&scb->volume->dismounted) ||
        !may_read(scb, file, offset->QuadPart, length, key)) {
        done = FALSE;
    } else if (offset->QuadPart >= size) {
        iosb->Status = STATUS_END_OF_FILE;
        done = TRUE;
    } else {
        if (length > size - offset->QuadPart)
            length = (ULONG)(size - offset->QuadPart);
        PIRP top = IoGetTopLevelIrp();
        IoSetTopLevelIrp((PIRP)FSRTL_FAST_IO_TOP_LEVEL_IRP);
        done = copy(file, offset, length, buffer, iosb);
        IoSetTopLevelIrp(top);
        if (done && file->Flags & FO_SYNCHRONOUS_IO)
            file->CurrentByteOffset.QuadPart = offset->QuadPart + (LONGLONG)iosb->Information;
        if (done)
            MemfsMark(file, FO_FILE_FAST_IO_READ);
    }
    ExReleaseResourceLite(&scb->main);
    FsRtlExitFileSystem();
    return done;
}

static bool can_write_here(struct memfs_scb *scb, PFILE_OBJECT file, LONGLONG offset, ULONG length,
                           ULONG key)
{
    LARGE_INTEGER at = {.QuadPart = offset}, count = {.QuadPart = length};
    return file->PrivateCacheMap && !MemfsIs(&scb->volume->dismounted) &&
           !MemfsIsReadOnly(scb->volume) &&
           offset + (LONGLONG)length <= MemfsLoad(&scb->header.ValidDataLength) &&
           (!scb->locks ||
            FsRtlFastCheckLockForWrite(scb->locks, &at, &count, key, file, IoGetCurrentProcess()));
}

/* Only what stays inside of the valid data; everything else is the IRP's business. */
static BOOLEAN fast_write(PFILE_OBJECT file, PLARGE_INTEGER offset, ULONG length, BOOLEAN wait,
                          ULONG key, PVOID buffer, PIO_STATUS_BLOCK iosb, PDEVICE_OBJECT device)
{
    struct memfs_scb *scb = MemfsScbOf(file);
    BOOLEAN done = FALSE;
    if (!wait || offset->QuadPart < 0 || length == 0 || file->Flags & FO_WRITE_THROUGH ||
        !may_be_fast(scb, true))
        return FALSE;
    FsRtlEnterFileSystem();
    ExAcquireResourceSharedLite(&scb->main, TRUE);
    if (!scb->stream->sparse && can_write_here(scb, file, offset->QuadPart, length, key)) {
        PIRP top = IoGetTopLevelIrp();
        IoSetTopLevelIrp((PIRP)FSRTL_FAST_IO_TOP_LEVEL_IRP);
        done = CcCopyWrite(file, offset, length, FALSE, buffer);
        IoSetTopLevelIrp(top);
    }
    if (done) {
        iosb->Status = STATUS_SUCCESS;
        iosb->Information = length;
        MemfsMark(file, FO_FILE_MODIFIED);
        if (file->Flags & FO_SYNCHRONOUS_IO)
            file->CurrentByteOffset.QuadPart = offset->QuadPart + length;
        MemfsWritten(file, USN_REASON_DATA_OVERWRITE);
    }
    ExReleaseResourceLite(&scb->main);
    FsRtlExitFileSystem();
    return done;
}

/* -- asking ------------------------------------------------------------------------------------ */

static struct memfs_scb *lock_for_query(PFILE_OBJECT file)
{
    struct memfs_scb *scb = file->FsContext2 ? MemfsScbOf(file) : NULL;
    if (!scb || !scb->node || MemfsIs(&scb->volume->dismounted) ||
        scb->volume->store->options.no_fast_io)
        return NULL;
    FsRtlEnterFileSystem();
    ExAcquireResourceSharedLite(&scb->main, TRUE);
    return scb;
}

static BOOLEAN answer(struct memfs_scb *scb, PIO_STATUS_BLOCK iosb, ULONG_PTR size)
{
    ExReleaseResourceLite(&scb->main);
    FsRtlExitFileSystem();
    iosb->Status = STATUS_SUCCESS;
    iosb->Information = size;
    return TRUE;
}

static BOOLEAN query_basic(PFILE_OBJECT file, BOOLEAN wait, PFILE_BASIC_INFORMATION buffer,
                           PIO_STATUS_BLOCK iosb, PDEVICE_OBJECT device)
{
    struct memfs_scb *scb = lock_for_query(file);
    if (!scb)
        return FALSE;
    MemfsFillBasic(scb->node, buffer);
    buffer->FileAttributes = MemfsAttributes(scb->node, scb->stream);
    return answer(scb, iosb, sizeof *buffer);
}

static BOOLEAN query_standard(PFILE_OBJECT file, BOOLEAN wait, PFILE_STANDARD_INFORMATION buffer,
                              PIO_STATUS_BLOCK iosb, PDEVICE_OBJECT device)
{
    struct memfs_scb *scb = lock_for_query(file);
    if (!scb)
        return FALSE;
    MemfsFillStandard(scb, file, buffer);
    return answer(scb, iosb, sizeof *buffer);
}

static BOOLEAN query_network(PFILE_OBJECT file, BOOLEAN wait, PFILE_NETWORK_OPEN_INFORMATION buffer,
                             PIO_STATUS_BLOCK iosb, PDEVICE_OBJECT device)
{
    struct memfs_scb *scb = lock_for_query(file);
    if (!scb)
        return FALSE;
    MemfsFillNetwork(scb, buffer);
    return answer(scb, iosb, sizeof *buffer);
}

/* -- locks of sections, flushes and the modified page writer ----------------------------------- */

static VOID acquire_for_section(PFILE_OBJECT file)
{
    struct memfs_scb *scb = MemfsScbOf(file);
    ExAcquireResourceExclusiveLite(&scb->main, TRUE);
}

static VOID release_for_section(PFILE_OBJECT file)
{
    ExReleaseResourceLite(&MemfsScbOf(file)->main);
}

static NTSTATUS acquire_for_mod_write(PFILE_OBJECT file, PLARGE_INTEGER end, PERESOURCE *resource,
                                      PDEVICE_OBJECT device)
{
    struct memfs_scb *scb = MemfsScbOf(file);
    *resource = NULL;
    if (!ExAcquireResourceSharedLite(&scb->paging, FALSE))
        return STATUS_CANT_WAIT;
    *resource = &scb->paging;
    return STATUS_SUCCESS;
}

static NTSTATUS release_for_mod_write(PFILE_OBJECT file, PERESOURCE resource, PDEVICE_OBJECT device)
{
    if (resource)
        ExReleaseResourceLite(resource);
    return STATUS_SUCCESS;
}

static NTSTATUS acquire_for_flush(PFILE_OBJECT file, PDEVICE_OBJECT device)
{
    struct memfs_scb *scb = MemfsScbOf(file);
    ExAcquireResourceSharedLite(&scb->main, TRUE);
    ExAcquireResourceSharedLite(&scb->paging, TRUE);
    return STATUS_SUCCESS;
}

static NTSTATUS release_for_flush(PFILE_OBJECT file, PDEVICE_OBJECT device)
{
    struct memfs_scb *scb = MemfsScbOf(file);
    ExReleaseResourceLite(&scb->paging);
    ExReleaseResourceLite(&scb->main);
    return STATUS_SUCCESS;
}

void MemfsFillFastIo(PFAST_IO_DISPATCH table, bool transfers)
{
    table->SizeOfFastIoDispatch = sizeof *table;
    if (transfers) {
        table->FastIoCheckIfPossible = check_if_possible;
        table->FastIoRead = fast_read;
        table->FastIoWrite = fast_write;
        table->FastIoQueryBasicInfo = query_basic;
        table->FastIoQueryStandardInfo = query_standard;
        table->FastIoQueryNetworkOpenInfo = query_network;
        table->FastIoQueryOpen = MemfsFastQueryOpen;
        table->FastIoLock = MemfsFastLock;
        table->FastIoUnlockSingle = MemfsFastUnlockSingle;
        table->FastIoUnlockAll = MemfsFastUnlockAll;
        table->FastIoUnlockAllByKey = MemfsFastUnlockAllByKey;
        table->MdlRead = FsRtlMdlReadDev;
        table->MdlReadComplete = FsRtlMdlReadCompleteDev;
        table->PrepareMdlWrite = FsRtlPrepareMdlWriteDev;
        table->MdlWriteComplete = FsRtlMdlWriteCompleteDev;
    }
    table->AcquireFileForNtCreateSection = acquire_for_section;
    table->ReleaseFileForNtCreateSection = release_for_section;
    table->AcquireForModWrite = acquire_for_mod_write;
    table->ReleaseForModWrite = release_for_mod_write;
    table->AcquireForCcFlush = acquire_for_flush;
    table->ReleaseForCcFlush = release_for_flush;
}
