#include "stub.h"

#include <string.h>

struct stub stub;
static FAST_IO_DISPATCH fast_io;

/* ---- completion ---- */

struct later {
    WORK_QUEUE_ITEM item;
    PIRP irp;
    bool dispatch;
};

static VOID CompleteLater(PVOID context)
{
    struct later *later = context;
    KIRQL irql = PASSIVE_LEVEL;
    if (later->dispatch)
        KeRaiseIrql(DISPATCH_LEVEL, &irql);
    IoCompleteRequest(later->irp, IO_DISK_INCREMENT);
    if (later->dispatch)
        KeLowerIrql(irql);
    sim_free(later);
}

static VOID CancelHeld(PDEVICE_OBJECT device, PIRP irp)
{
    IoReleaseCancelSpinLock(irp->CancelIrql);
    stub.held = NULL;
    irp->IoStatus.Status = STATUS_CANCELLED;
    irp->IoStatus.Information = 0;
    IoCompleteRequest(irp, IO_NO_INCREMENT);
}

static NTSTATUS Finish(PIRP irp, NTSTATUS status, ULONG_PTR information)
{
    PIO_STACK_LOCATION stack = IoGetCurrentIrpStackLocation(irp);
    irp->IoStatus.Status = status;
    irp->IoStatus.Information = information;
    bool hold = stub.mode == STUB_HOLD && stack->MajorFunction == stub.hold_major;
    if (stub.mode == STUB_INLINE || (stub.mode == STUB_HOLD && !hold)) {
        IoCompleteRequest(irp, IO_NO_INCREMENT);
        return status;
    }
    IoMarkIrpPending(irp);
    if (hold) {
        stub.held = irp;
        IoSetCancelRoutine(irp, CancelHeld);
        return STATUS_PENDING;
    }
    struct later *later = sim_alloc(sizeof *later);
    later->irp = irp;
    later->dispatch = stub.mode == STUB_DISPATCH;
    ExInitializeWorkItem(&later->item, CompleteLater, later);
    ExQueueWorkItem(&later->item, DelayedWorkQueue);
    return STATUS_PENDING;
}

void stub_release(NTSTATUS status)
{
    PIRP irp = stub.held;
    stub.held = NULL;
    IoSetCancelRoutine(irp, NULL);
    irp->IoStatus.Status = status;
    IoCompleteRequest(irp, IO_NO_INCREMENT);
}

/* ---- the file system ---- */

static PVOID Buffer(PIRP irp)
{
    if (irp->MdlAddress)
        return MmGetSystemAddressForMdlSafe(irp->MdlAddress, NormalPagePriority);
    return irp->AssociatedIrp.SystemBuffer ? irp->AssociatedIrp.SystemBuffer : irp->UserBuffer;
}

static bool Named(PFILE_OBJECT file, const WCHAR *name, USHORT bytes)
{
    UNICODE_STRING wanted = {bytes, bytes, (PWSTR)(ULONG_PTR)name};
    return RtlEqualUnicodeString(&file->FileName, &wanted, TRUE);
}
#define IS(file, name) Named(file, name, sizeof name - sizeof(WCHAR))

static void SetReparse(PIRP irp, ULONG tag, const WCHAR *target, USHORT bytes, USHORT rest, ULONG flags)
{
    size_t size = sizeof(REPARSE_DATA_BUFFER) + bytes;
    PREPARSE_DATA_BUFFER data = ExAllocatePoolWithTag(PagedPool, size, 'tseT');
    memset(data, 0, size);
    data->ReparseTag = tag;
    data->Reserved = rest;
    if (tag == IO_REPARSE_TAG_SYMLINK) {
        data->SymbolicLinkReparseBuffer.SubstituteNameLength = bytes;
        data->SymbolicLinkReparseBuffer.Flags = flags;
        memcpy(data->SymbolicLinkReparseBuffer.PathBuffer, target, bytes);
    } else {
        data->MountPointReparseBuffer.SubstituteNameLength = bytes;
        memcpy(data->MountPointReparseBuffer.PathBuffer, target, bytes);
    }
    irp->Tail.Overlay.AuxiliaryBuffer = (PCHAR)data;
}

static NTSTATUS Create(PIRP irp, PIO_STACK_LOCATION stack)
{
    static const WCHAR junction[] = u"\\??\\S:\\", away[] = u"\\??\\X:\\", up[] = u"..\\file";
    PFILE_OBJECT file = stack->FileObject;
    ULONG options = stack->Parameters.Create.Options;
    stub.seen_ecps = NULL;
    FsRtlGetEcpListFromIrp(irp, &stub.seen_ecps);
    if (IS(file, u"\\missing"))
        return Finish(irp, STATUS_OBJECT_NAME_NOT_FOUND, 0);
    if (IS(file, u"\\junction\\file")) {
        SetReparse(irp, IO_REPARSE_TAG_MOUNT_POINT, junction, sizeof junction - 2, 10, 0);
        return Finish(irp, STATUS_REPARSE, IO_REPARSE_TAG_MOUNT_POINT);
    }
    if (IS(file, u"\\away\\file")) {
        SetReparse(irp, IO_REPARSE_TAG_MOUNT_POINT, away, sizeof away - 2, 10, 0);
        return Finish(irp, STATUS_REPARSE, IO_REPARSE_TAG_MOUNT_POINT);
    }
    if (IS(file, u"\\dir\\link")) {
        SetReparse(irp, IO_REPARSE_TAG_SYMLINK, up, sizeof up - 2, 0, SYMLINK_FLAG_RELATIVE);
        return Finish(irp, STATUS_REPARSE, IO_REPARSE_TAG_SYMLINK);
    }
    if (IS(file, u"\\loop")) {
        IoReplaceFileObjectName(file, (PWSTR)(ULONG_PTR)u"\\??\\S:\\loop", 22);
        return Finish(irp, STATUS_REPARSE, IO_REPARSE);
    }
    if (IS(file, u"\\strange")) {
        SetReparse(irp, 0x80000017, up, 0, 0, 0);
        return Finish(irp, STATUS_REPARSE, 0x80000017);
    }
    ACCESS_MASK access = stack->Parameters.Create.SecurityContext->DesiredAccess;
    if (stack->Flags & SL_OPEN_TARGET_DIRECTORY)
        return Finish(irp, STATUS_SUCCESS, FILE_EXISTS);
    NTSTATUS status =
        IoCheckShareAccess(access, stack->Parameters.Create.ShareAccess, file, &stub.share, TRUE);
    if (!NT_SUCCESS(status))
        return Finish(irp, status, 0);
    stub.opens++;
    file->FsContext = &stub;
    if (stub.fast_io)
        file->PrivateCacheMap = &stub;
    return Finish(irp, STATUS_SUCCESS, options >> 24 == FILE_CREATE ? FILE_CREATED : FILE_OPENED);
}

static NTSTATUS Transfer(PIRP irp, PIO_STACK_LOCATION stack, bool write)
{
    ULONG length = stack->Parameters.Read.Length;
    LONGLONG offset = stack->Parameters.Read.ByteOffset.QuadPart;
    PFILE_OBJECT file = stack->FileObject;
    PCHAR buffer = Buffer(irp);
    if (write && stack->Parameters.Write.ByteOffset.LowPart == FILE_WRITE_TO_END_OF_FILE)
        offset = stub.size;
    if (!write && offset >= stub.size)
        return Finish(irp, STATUS_END_OF_FILE, 0);
    if (!write && offset + length > stub.size)
        length = stub.size - (ULONG)offset;
    if (write)
        memcpy(stub.data + offset, buffer, length);
    else
        memcpy(buffer, stub.data + offset, length);
    if (write && offset + length > stub.size)
        stub.size = (ULONG)offset + length;
    if (file->Flags & FO_SYNCHRONOUS_IO)
        file->CurrentByteOffset.QuadPart = offset + length;
    return Finish(irp, STATUS_SUCCESS, length);
}

static NTSTATUS Query(PIRP irp, PIO_STACK_LOCATION stack)
{
    PVOID buffer = irp->AssociatedIrp.SystemBuffer;
    switch (stack->Parameters.QueryFile.FileInformationClass) {
    case FileStandardInformation:
        ((PFILE_STANDARD_INFORMATION)buffer)->EndOfFile.QuadPart = stub.size;
        return Finish(irp, STATUS_SUCCESS, sizeof(FILE_STANDARD_INFORMATION));
    case FileNetworkOpenInformation:
        ((PFILE_NETWORK_OPEN_INFORMATION)buffer)->EndOfFile.QuadPart = stub.size;
        ((PFILE_NETWORK_OPEN_INFORMATION)buffer)->FileAttributes = FILE_ATTRIBUTE_ARCHIVE;
        return Finish(irp, STATUS_SUCCESS, sizeof(FILE_NETWORK_OPEN_INFORMATION));
    case FileNameInformation: {
        PFILE_NAME_INFORMATION info = buffer;
        PUNICODE_STRING name = &stack->FileObject->FileName;
        info->FileNameLength = name->Length;
        if (stack->Parameters.QueryFile.Length < (ULONG)FIELD_OFFSET(FILE_NAME_INFORMATION, FileName) + name->Length)
            return Finish(irp, STATUS_BUFFER_OVERFLOW, sizeof *info);
        memcpy(info->FileName, name->Buffer, name->Length);
        return Finish(irp, STATUS_SUCCESS, FIELD_OFFSET(FILE_NAME_INFORMATION, FileName) + name->Length);
    }
    default:
        return Finish(irp, STATUS_INVALID_PARAMETER, 0);
    }
}

static NTSTATUS Mount(PIRP irp, PIO_STACK_LOCATION stack)
{
    stub.mounts++;
    if (stack->Parameters.MountVolume.Vpb->RealDevice != stub.disk)
        return Finish(irp, STATUS_UNRECOGNIZED_VOLUME, 0);
    IoCreateDevice(stub.driver, 0, NULL, FILE_DEVICE_DISK_FILE_SYSTEM, 0, FALSE, &stub.volume);
    stub.volume->StackSize = (CCHAR)(stack->Parameters.MountVolume.DeviceObject->StackSize + 1);
    stub.volume->SectorSize = 512;
    stack->Parameters.MountVolume.Vpb->DeviceObject = stub.volume;
    stub.volume->Flags &= ~DO_DEVICE_INITIALIZING;
    return Finish(irp, STATUS_SUCCESS, 0);
}

static NTSTATUS Control(PIRP irp, PIO_STACK_LOCATION stack)
{
    if (stack->MinorFunction == IRP_MN_MOUNT_VOLUME)
        return Mount(irp, stack);
    if (stack->MinorFunction == IRP_MN_VERIFY_VOLUME)
        return Finish(irp, STATUS_SUCCESS, 0);
    PCHAR system = irp->AssociatedIrp.SystemBuffer;
    ULONG length = stack->Parameters.DeviceIoControl.OutputBufferLength;
    switch (METHOD_FROM_CTL_CODE(stack->Parameters.DeviceIoControl.IoControlCode)) {
    case METHOD_BUFFERED:
        for (ULONG i = 0; i < length; i++)
            system[i]++;
        break;
    case METHOD_OUT_DIRECT:
        memset(MmGetSystemAddressForMdlSafe(irp->MdlAddress, NormalPagePriority), system[0], length);
        break;
    case METHOD_NEITHER:
        memset(irp->UserBuffer, *(PCHAR)stack->Parameters.DeviceIoControl.Type3InputBuffer, length);
        break;
    }
    return Finish(irp, STATUS_SUCCESS, length);
}

static NTSTATUS Directory(PIRP irp, PIO_STACK_LOCATION stack)
{
    PFILE_BOTH_DIR_INFORMATION info = Buffer(irp);
    static bool done;
    if (stack->MinorFunction != IRP_MN_QUERY_DIRECTORY)
        return Finish(irp, STATUS_SUCCESS, 0);
    if (stack->Flags & SL_RESTART_SCAN)
        done = false;
    if (done)
        return Finish(irp, STATUS_NO_MORE_FILES, 0);
    done = true;
    memset(info, 0, sizeof *info);
    info->FileNameLength = 2;
    info->FileName[0] = 'a';
    info->EndOfFile.QuadPart = 7;
    return Finish(irp, STATUS_SUCCESS, FIELD_OFFSET(FILE_BOTH_DIR_INFORMATION, FileName) + 2);
}

static NTSTATUS Dispatch(PDEVICE_OBJECT device, PIRP irp)
{
    PIO_STACK_LOCATION stack = IoGetCurrentIrpStackLocation(irp);
    UCHAR major = stack->MajorFunction;
    NTSTATUS status;
    if (!stub.quiet) {
        __atomic_add_fetch(&stub.count[major], 1, __ATOMIC_RELAXED);
        stub.last[major] = *stack;
        stub.last_flags[major] = irp->Flags;
        stub.last_mode[major] = irp->RequestorMode;
    }
    if (stub.hook && stub.hook(device, irp, &status))
        return status;
    if (device == stub.disk)
        stub.direct++;
    if (stub.answer[major])
        return Finish(irp, stub.answer[major], 0);
    switch (major) {
    case IRP_MJ_CREATE:
        if (device == stub.disk || device == stub.control)
            return Finish(irp, STATUS_SUCCESS, FILE_OPENED);
        return Create(irp, stack);
    case IRP_MJ_READ:
        return Transfer(irp, stack, false);
    case IRP_MJ_WRITE:
        return Transfer(irp, stack, true);
    case IRP_MJ_QUERY_INFORMATION:
        return Query(irp, stack);
    case IRP_MJ_FILE_SYSTEM_CONTROL:
    case IRP_MJ_DEVICE_CONTROL:
        return Control(irp, stack);
    case IRP_MJ_DIRECTORY_CONTROL:
        return Directory(irp, stack);
    case IRP_MJ_CLEANUP:
        if (device == stub.volume && !(stack->FileObject->Flags & FO_STREAM_FILE)) {
            if (stack->FileObject->FsContext) {
                IoRemoveShareAccess(stack->FileObject, &stub.share);
                stub.opens--;
            }
        }
        stack->FileObject->Flags |= FO_CLEANUP_COMPLETE;
        return Finish(irp, STATUS_SUCCESS, 0);
    default:
        return Finish(irp, STATUS_SUCCESS, 0);
    }
}

static BOOLEAN FastRead(PFILE_OBJECT file, PLARGE_INTEGER offset, ULONG length, BOOLEAN wait, ULONG key, PVOID buffer,
                        PIO_STATUS_BLOCK iosb, PDEVICE_OBJECT device)
{
    if (!stub.fast_io || offset->QuadPart + length > stub.size)
        return FALSE;
    stub.fast_reads++;
    memcpy(buffer, stub.data + offset->QuadPart, length);
    file->CurrentByteOffset.QuadPart = offset->QuadPart + length;
    iosb->Status = STATUS_SUCCESS;
    iosb->Information = length;
    return TRUE;
}

static BOOLEAN FastQuery(PFILE_OBJECT file, BOOLEAN wait, struct _FILE_STANDARD_INFORMATION *info,
                         PIO_STATUS_BLOCK iosb, PDEVICE_OBJECT device)
{
    if (!stub.fast_io)
        return FALSE;
    stub.fast_queries++;
    memset(info, 0, sizeof *info);
    info->EndOfFile.QuadPart = stub.size;
    iosb->Status = STATUS_SUCCESS;
    iosb->Information = sizeof *info;
    return TRUE;
}

static BOOLEAN FastOpen(PIRP irp, struct _FILE_NETWORK_OPEN_INFORMATION *info, PDEVICE_OBJECT device)
{
    if (!stub.fast_io)
        return FALSE;
    stub.fast_opens++;
    memset(info, 0, sizeof *info);
    info->FileAttributes = FILE_ATTRIBUTE_READONLY;
    irp->IoStatus.Status = STATUS_SUCCESS;
    irp->IoStatus.Information = sizeof *info;
    return TRUE;
}

static VOID Unload(PDRIVER_OBJECT driver)
{
    IoUnregisterFileSystem(stub.control);
    IoDeleteDevice(stub.control);
    if (stub.volume) {
        PVPB vpb = stub.disk->Vpb;
        vpb->Flags &= ~VPB_MOUNTED;
        vpb->DeviceObject = NULL;
        IoDeleteDevice(stub.volume);
    }
    IoDeleteSymbolicLink(U(u"\\??\\S:"));
    IoDeleteDevice(stub.disk);
}

static NTSTATUS Entry(PDRIVER_OBJECT driver, PUNICODE_STRING path)
{
    stub.driver = driver;
    for (unsigned i = 0; i <= IRP_MJ_MAXIMUM_FUNCTION; i++)
        driver->MajorFunction[i] = Dispatch;
    driver->DriverUnload = Unload;
    fast_io = (FAST_IO_DISPATCH){.SizeOfFastIoDispatch = sizeof fast_io,
                                 .FastIoRead = FastRead,
                                 .FastIoQueryStandardInfo = FastQuery,
                                 .FastIoQueryOpen = FastOpen};
    driver->FastIoDispatch = &fast_io;
    IoCreateDevice(driver, 16, U(u"\\Device\\StubDisk"), FILE_DEVICE_DISK, 0, FALSE, &stub.disk);
    IoCreateDevice(driver, 0, U(u"\\StubFs"), FILE_DEVICE_DISK_FILE_SYSTEM, 0, FALSE, &stub.control);
    IoCreateSymbolicLink(U(u"\\??\\S:"), U(u"\\Device\\StubDisk"));
    IoRegisterFileSystem(stub.control);
    return STATUS_SUCCESS;
}

int stub_setup(void **state)
{
    PDRIVER_OBJECT driver;
    memset(&stub, 0, sizeof stub);
    memcpy(stub.data, "hello, world", 12);
    stub.size = 12;
    if (machine) /* a test failed in the middle */
        fltsim_stop(NULL);
    if (!fltsim_start(NULL))
        return -1;
    return NT_SUCCESS(IopLoadDriver(U(u"\\Registry\\Machine\\System\\CurrentControlSet\\Services\\Stub"), Entry,
                                    &driver))
               ? 0
               : -1;
}

int stub_teardown(void **state)
{
    stub.mode = STUB_INLINE;
    stub.hook = NULL;
    if (!sched_is_dead() && stub.driver)
        IopUnloadDriver(stub.driver);
    return (int)fltsim_stop(NULL);
}

int stub_teardown_dead(void **state)
{
    fltsim_stop(NULL);
    return 0;
}

HANDLE stub_open(const char *path, const struct fltsim_open *open)
{
    HANDLE handle;
    assert_int_equal(fltsim_open(path, open, &handle), STATUS_SUCCESS);
    return handle;
}
