/* NtReadFile, NtWriteFile, NtFlushBuffersFile. */
#include "iop.h"

#include <fltUserStructures.h>

#define END_OF_FILE_OFFSET (-1LL)      /* FILE_WRITE_TO_END_OF_FILE with a high part of -1 */
#define CURRENT_POSITION_OFFSET (-2LL) /* FILE_USE_FILE_POINTER_POSITION */

struct transfer {
    struct iop_service s;
    PVOID buffer;
    ULONG length;
    ULONG key;
    const ULONG *given_key;
    LARGE_INTEGER offset;
    bool write;
};

static bool IsAppendOffset(LARGE_INTEGER offset)
{
    return offset.LowPart == FILE_WRITE_TO_END_OF_FILE && offset.HighPart == -1;
}

static bool IsCurrentOffset(LARGE_INTEGER offset)
{
    return offset.LowPart == FILE_USE_FILE_POINTER_POSITION && offset.HighPart == -1;
}

/* Where the transfer begins: given, the file's position (synchronous files), or its end (append). */
static NTSTATUS ChooseOffset(struct transfer *t, const LARGE_INTEGER *given)
{
    PFILE_OBJECT file = t->s.file;
    bool append_only = t->write && (t->s.granted & (FILE_WRITE_DATA | FILE_APPEND_DATA)) == FILE_APPEND_DATA;
    bool positioned = file->Flags & FO_SYNCHRONOUS_IO;
    if (append_only) {
        t->offset.LowPart = FILE_WRITE_TO_END_OF_FILE;
        t->offset.HighPart = -1;
        return STATUS_SUCCESS;
    }
    if (!given || IsCurrentOffset(*given)) {
        if (!positioned && !(file->Flags & (FO_NAMED_PIPE | FO_MAILSLOT)))
            return STATUS_INVALID_PARAMETER;
        t->offset = file->CurrentByteOffset;
        return STATUS_SUCCESS;
    }
    t->offset = *given;
    if (t->offset.QuadPart < 0 && !(t->write && IsAppendOffset(t->offset)))
        return STATUS_INVALID_PARAMETER;
    return STATUS_SUCCESS;
}

/* Noncached transfers are whole sectors at sector boundaries, into an aligned buffer. */
static NTSTATUS CheckAlignment(const struct transfer *t)
{
    PFILE_OBJECT file = t->s.file;
    PDEVICE_OBJECT device = t->s.device;
    if (!(file->Flags & FO_NO_INTERMEDIATE_BUFFERING))
        return STATUS_SUCCESS;
    ULONG sector = device->SectorSize;
    if (sector && ((t->length & (sector - 1)) || (t->offset.QuadPart >= 0 && (t->offset.LowPart & (sector - 1)))))
        return STATUS_INVALID_PARAMETER;
    if ((ULONG_PTR)t->buffer & device->AlignmentRequirement)
        return STATUS_INVALID_PARAMETER;
    return STATUS_SUCCESS;
}

static bool TryFastIo(struct transfer *t, IO_STATUS_BLOCK *result)
{
    PFILE_OBJECT file = t->s.file;
    PDEVICE_OBJECT device = t->s.device;
    PFAST_IO_DISPATCH fast = device->DriverObject->FastIoDispatch;
    if (!__atomic_load_n(&file->PrivateCacheMap, __ATOMIC_ACQUIRE) || !fast)
        return false;
    BOOLEAN done = FALSE;
    VERIFY_CALL_DOWN(t->write ? "IRP_MJ_WRITE" : "IRP_MJ_READ", VERIFY_CALL_CACHED, file->FsContext, t->s.wait.site);
    result->Information = 0;
    if (t->write) {
        if (fast->FastIoWrite)
            done = fast->FastIoWrite(file, &t->offset, t->length, TRUE, t->key, t->buffer, result, device);
    } else if (fast->FastIoRead) {
        done = fast->FastIoRead(file, &t->offset, t->length, TRUE, t->key, t->buffer, result, device);
    }
    return done && (result->Status == STATUS_SUCCESS || result->Status == STATUS_BUFFER_OVERFLOW ||
                    result->Status == STATUS_END_OF_FILE);
}

/* Noncached reads of a handle with bypass I/O go to the file system itself, as long as no filter minds and the stream has
 * no pages that could tell otherwise. */
static PDEVICE_OBJECT BypassTo(const struct transfer *t)
{
    const ULONG both = FO_BYPASS_IO_ENABLED | FO_NO_INTERMEDIATE_BUFFERING;
    PFILE_OBJECT file = t->s.file;
    PVPB vpb = file->Vpb;
    ULONG features;
    if (t->write || (__atomic_load_n(&file->Flags, __ATOMIC_RELAXED) & both) != both || !vpb || !vpb->DeviceObject ||
        __atomic_load_n(&file->SectionObjectPointer->DataSectionObject, __ATOMIC_ACQUIRE))
        return t->s.device;
    return NT_SUCCESS(FsRtlGetSupportedFeatures(vpb->DeviceObject, &features)) && features & SUPPORTED_FS_FEATURES_BYPASS_IO
               ? vpb->DeviceObject
               : t->s.device;
}

static PIRP BuildTransfer(struct transfer *t)
{
    PIRP irp = IopServiceIrp(&t->s, t->write ? IRP_MJ_WRITE : IRP_MJ_READ, IRP_MN_NORMAL);
    PIO_STACK_LOCATION stack = IoGetNextIrpStackLocation(irp);
    PFILE_OBJECT file = t->s.file;
    ULONG flags = t->s.device->Flags;
    irp->Flags = t->write ? IRP_WRITE_OPERATION : IRP_READ_OPERATION;
    irp->Flags |= IRP_DEFER_IO_COMPLETION;
    if (file->Flags & FO_NO_INTERMEDIATE_BUFFERING)
        irp->Flags |= IRP_NOCACHE;
    irp->UserBuffer = t->buffer;
    bool ready = true;
    if (t->length && (flags & DO_BUFFERED_IO)) {
        ready = IopSystemBuffer(irp, t->write ? t->buffer : NULL, t->write ? t->length : 0, t->length);
        if (!t->write)
            irp->Flags |= IRP_INPUT_OPERATION;
    } else if (t->length && (flags & DO_DIRECT_IO)) {
        ready = IopLockBuffer(irp, t->buffer, t->length, t->write ? IoReadAccess : IoWriteAccess);
    }
    if (!ready) {
        IopFreeIrp(irp);
        return NULL;
    }
    /* Read and Write are laid out alike. */
    stack->Parameters.Write.Length = t->length;
    stack->Parameters.Write.Key = t->key;
    stack->Parameters.Write.ByteOffset = t->offset;
    stack->Flags = t->given_key ? SL_KEY_SPECIFIED : 0;
    if (t->write && (file->Flags & FO_WRITE_THROUGH))
        stack->Flags |= SL_WRITE_THROUGH;
    return irp;
}

/* Each is looked at by who uses it; a NULL is seen here. */
static NTSTATUS CheckMemory(const struct transfer *t, const LARGE_INTEGER *offset)
{
    NTSTATUS status = t->length ? IopProbeRange(t->buffer, t->length, 1) : STATUS_SUCCESS;
    if (NT_SUCCESS(status) && offset)
        status = IopProbeRange(offset, sizeof *offset, sizeof(ULONG));
    if (NT_SUCCESS(status) && t->given_key)
        status = IopProbeRange(t->given_key, sizeof *t->given_key, sizeof(ULONG));
    return status;
}

static NTSTATUS Transfer(struct transfer *t, HANDLE handle, HANDLE event, PIO_APC_ROUTINE apc, PVOID apc_context,
                         PIO_STATUS_BLOCK iosb, const LARGE_INTEGER *offset)
{
    NTSTATUS status = IopBeginService(&t->s, handle, 0, iosb);
    if (!NT_SUCCESS(status))
        return status;
    ACCESS_MASK needed = t->write ? FILE_WRITE_DATA | FILE_APPEND_DATA : FILE_READ_DATA;
    if (t->s.mode != KernelMode) {
        status = t->s.granted & needed ? CheckMemory(t, offset) : STATUS_ACCESS_DENIED;
        if (!NT_SUCCESS(status))
            return IopEndService(&t->s, status);
    }
    if (__builtin_expect(event || apc, 0)) {
        status = IopServiceEvent(&t->s, event, apc, apc_context);
        if (!NT_SUCCESS(status))
            return IopEndService(&t->s, status);
    }
    IopLockService(&t->s);
    status = ChooseOffset(t, offset);
    if (NT_SUCCESS(status))
        status = CheckAlignment(t);
    if (!NT_SUCCESS(status))
        return IopEndService(&t->s, status);
    t->key = t->given_key ? *t->given_key : 0;

    IO_STATUS_BLOCK result;
    if (t->s.synchronous && TryFastIo(t, &result))
        return IopEndFastIo(&t->s, &result);
    t->s.device = BypassTo(t);
    PIRP irp = BuildTransfer(t);
    return irp ? IopRunService(&t->s, irp, false) : IopEndService(&t->s, STATUS_INSUFFICIENT_RESOURCES);
}

NTSTATUS NtReadFile(HANDLE FileHandle, HANDLE Event, PIO_APC_ROUTINE ApcRoutine, PVOID ApcContext,
                    PIO_STATUS_BLOCK IoStatusBlock, PVOID Buffer, ULONG Length, PLARGE_INTEGER ByteOffset, PULONG Key)
{
    API_ENTER(NtReadFile, FileHandle, SCHED_READ);
    struct transfer t;
    t.s.wait.site = VERIFY_CALLER;
    t.buffer = Buffer;
    t.length = Length;
    t.given_key = Key;
    t.write = false;
    return Transfer(&t, FileHandle, Event, ApcRoutine, ApcContext, IoStatusBlock, ByteOffset);
}

NTSTATUS ZwReadFile(HANDLE FileHandle, HANDLE Event, PIO_APC_ROUTINE ApcRoutine, PVOID ApcContext,
                    PIO_STATUS_BLOCK IoStatusBlock, PVOID Buffer, ULONG Length, PLARGE_INTEGER ByteOffset, PULONG Key)
{
    API_ENTER(ZwReadFile, FileHandle, SCHED_READ);
    struct transfer t;
    t.s.wait.site = VERIFY_CALLER;
    t.buffer = Buffer;
    t.length = Length;
    t.given_key = Key;
    t.write = false;
    IOP_ZW(Transfer(&t, FileHandle, Event, ApcRoutine, ApcContext, IoStatusBlock, ByteOffset));
}

NTSTATUS NtWriteFile(HANDLE FileHandle, HANDLE Event, PIO_APC_ROUTINE ApcRoutine, PVOID ApcContext,
                     PIO_STATUS_BLOCK IoStatusBlock, PVOID Buffer, ULONG Length, PLARGE_INTEGER ByteOffset,
                     PULONG Key)
{
    API_ENTER(NtWriteFile, FileHandle, SCHED_WRITE);
    struct transfer t;
    t.s.wait.site = VERIFY_CALLER;
    t.buffer = Buffer;
    t.length = Length;
    t.given_key = Key;
    t.write = true;
    return Transfer(&t, FileHandle, Event, ApcRoutine, ApcContext, IoStatusBlock, ByteOffset);
}

NTSTATUS ZwWriteFile(HANDLE FileHandle, HANDLE Event, PIO_APC_ROUTINE ApcRoutine, PVOID ApcContext,
                     PIO_STATUS_BLOCK IoStatusBlock, PVOID Buffer, ULONG Length, PLARGE_INTEGER ByteOffset,
                     PULONG Key)
{
    API_ENTER(ZwWriteFile, FileHandle, SCHED_WRITE);
    struct transfer t;
    t.s.wait.site = VERIFY_CALLER;
    t.buffer = Buffer;
    t.length = Length;
    t.given_key = Key;
    t.write = true;
    IOP_ZW(Transfer(&t, FileHandle, Event, ApcRoutine, ApcContext, IoStatusBlock, ByteOffset));
}

/* -- copies ------------------------------------------------------------------------------------------------- */

/* One half: as from kernel mode, without fast I/O, marked as part of a copy. Ends the service. */
static NTSTATUS CopyHalf(struct transfer *t, const LARGE_INTEGER *offset, PFILE_OBJECT source, LONGLONG source_offset)
{
    IopLockService(&t->s);
    NTSTATUS status = ChooseOffset(t, offset);
    if (NT_SUCCESS(status))
        status = CheckAlignment(t);
    if (!NT_SUCCESS(status))
        return IopEndService(&t->s, status);
    t->key = t->given_key ? *t->given_key : 0;
    t->s.mode = KernelMode;
    PIRP irp = BuildTransfer(t);
    if (!irp)
        return IopEndService(&t->s, STATUS_INSUFFICIENT_RESOURCES);
    irp->FltsimExtension.CopySource = source;
    irp->FltsimExtension.CopyOffset = source_offset;
    irp->FltsimExtension.HasCopy = TRUE;
    return IopRunService(&t->s, irp, true);
}

static NTSTATUS CopyThrough(struct transfer *read, struct transfer *write, const LARGE_INTEGER *from,
                            const LARGE_INTEGER *to)
{
    PFILE_OBJECT source = read->s.file;
    PIO_STATUS_BLOCK result = read->s.iosb;
    ObpReference(source);
    NTSTATUS status = CopyHalf(read, from, source, from->QuadPart);
    write->length = (ULONG)result->Information;
    status = NT_SUCCESS(status) ? CopyHalf(write, to, source, from->QuadPart) : IopEndService(&write->s, status);
    ObpDereference(source);
    return status;
}

static NTSTATUS CopyChunk(HANDLE source, HANDLE target, HANDLE event, PIO_STATUS_BLOCK iosb, ULONG length,
                          const LARGE_INTEGER *from, const LARGE_INTEGER *to, PULONG source_key, PULONG target_key,
                          ULONG flags, const void *site)
{
    IO_STATUS_BLOCK result = {0};
    struct transfer read = {.length = length, .given_key = source_key};
    struct transfer write = {.given_key = target_key, .write = true};
    if (flags || from->QuadPart < 0 || to->QuadPart < 0)
        return STATUS_INVALID_PARAMETER;
    read.s.wait.site = write.s.wait.site = site;
    NTSTATUS status = IopBeginService(&read.s, source, FILE_READ_DATA, &result);
    if (!NT_SUCCESS(status))
        return status;
    status = IopBeginService(&write.s, target, FILE_WRITE_DATA, iosb);
    if (!NT_SUCCESS(status))
        return IopEndService(&read.s, status);
    status = IopServiceEvent(&write.s, event, NULL, NULL);
    PVOID buffer = NT_SUCCESS(status) ? ExAllocatePoolWithTag(NonPagedPool, length ? length : 1, 'pCoI') : NULL;
    if (!buffer) {
        IopEndService(&write.s, status);
        return IopEndService(&read.s, NT_SUCCESS(status) ? STATUS_INSUFFICIENT_RESOURCES : status);
    }
    read.buffer = write.buffer = buffer;
    status = CopyThrough(&read, &write, from, to);
    ExFreePoolWithTag(buffer, 'pCoI');
    return status;
}

NTSTATUS NtCopyFileChunk(HANDLE SourceHandle, HANDLE DestHandle, HANDLE Event, PIO_STATUS_BLOCK IoStatusBlock, ULONG Length,
                         PLARGE_INTEGER SourceOffset, PLARGE_INTEGER DestOffset, PULONG SourceKey, PULONG DestKey,
                         ULONG Flags)
{
    API_ENTER(NtCopyFileChunk, DestHandle, SCHED_WRITE);
    return CopyChunk(SourceHandle, DestHandle, Event, IoStatusBlock, Length, SourceOffset, DestOffset, SourceKey, DestKey,
                     Flags, VERIFY_CALLER);
}

NTSTATUS ZwCopyFileChunk(HANDLE SourceHandle, HANDLE DestHandle, HANDLE Event, PIO_STATUS_BLOCK IoStatusBlock, ULONG Length,
                         PLARGE_INTEGER SourceOffset, PLARGE_INTEGER DestOffset, PULONG SourceKey, PULONG DestKey,
                         ULONG Flags)
{
    API_ENTER(ZwCopyFileChunk, DestHandle, SCHED_WRITE);
    const void *site = VERIFY_CALLER;
    IOP_ZW(CopyChunk(SourceHandle, DestHandle, Event, IoStatusBlock, Length, SourceOffset, DestOffset, SourceKey, DestKey,
                     Flags, site));
}

BOOLEAN IoCheckFileObjectOpenedAsCopySource(PFILE_OBJECT FileObject)
{
    API_IRQL(IoCheckFileObjectOpenedAsCopySource);
    return (IopFile(FileObject)->copy_flags & EX_CREATE_FLAG_FILE_SOURCE_OPEN_FOR_COPY) != 0;
}

BOOLEAN IoCheckFileObjectOpenedAsCopyDestination(PFILE_OBJECT FileObject)
{
    API_IRQL(IoCheckFileObjectOpenedAsCopyDestination);
    return (IopFile(FileObject)->copy_flags & EX_CREATE_FLAG_FILE_DEST_OPEN_FOR_COPY) != 0;
}

/* -- flush -------------------------------------------------------------------------------------------------- */

static NTSTATUS Flush(HANDLE handle, UCHAR minor, PIO_STATUS_BLOCK iosb, const void *site)
{
    struct iop_service s;
    s.wait.site = site;
    NTSTATUS status = IopBeginService(&s, handle, 0, iosb);
    if (!NT_SUCCESS(status))
        return status;
    if (!(s.granted & (FILE_WRITE_DATA | FILE_APPEND_DATA)) && s.mode != KernelMode)
        return IopEndService(&s, STATUS_ACCESS_DENIED);
    IopLockService(&s);
    return IopRunService(&s, IopServiceIrp(&s, IRP_MJ_FLUSH_BUFFERS, minor), true);
}

NTSTATUS NtFlushBuffersFile(HANDLE FileHandle, PIO_STATUS_BLOCK IoStatusBlock)
{
    return Flush(FileHandle, 0, IoStatusBlock, VERIFY_CALLER);
}

NTSTATUS ZwFlushBuffersFile(HANDLE FileHandle, PIO_STATUS_BLOCK IoStatusBlock)
{
    API_ENTER(ZwFlushBuffersFile, FileHandle, SCHED_WRITE);
    const void *site = VERIFY_CALLER;
    IOP_ZW(Flush(FileHandle, 0, IoStatusBlock, site));
}

static NTSTATUS FlushEx(HANDLE handle, ULONG flags, PIO_STATUS_BLOCK iosb, const void *site)
{
    static const UCHAR minors[] = {0, IRP_MN_FLUSH_DATA_ONLY, IRP_MN_FLUSH_NO_SYNC, 0, IRP_MN_FLUSH_DATA_SYNC_ONLY};
    if (flags >= sizeof minors || flags == 3)
        return STATUS_INVALID_PARAMETER;
    return Flush(handle, minors[flags], iosb, site);
}

NTSTATUS NtFlushBuffersFileEx(HANDLE FileHandle, ULONG Flags, PVOID Parameters, ULONG ParametersSize,
                              PIO_STATUS_BLOCK IoStatusBlock)
{
    return FlushEx(FileHandle, Flags, IoStatusBlock, VERIFY_CALLER);
}

NTSTATUS ZwFlushBuffersFileEx(HANDLE FileHandle, ULONG Flags, PVOID Parameters, ULONG ParametersSize,
                              PIO_STATUS_BLOCK IoStatusBlock)
{
    const void *site = VERIFY_CALLER;
    IOP_ZW(FlushEx(FileHandle, Flags, IoStatusBlock, site));
}
