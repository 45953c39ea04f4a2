/* File objects: making, closing (IRP_MJ_CLEANUP), deleting (IRP_MJ_CLOSE), names, streams. */
#include "iop.h"

#include "fault/fault.h"

#include <string.h>

NTSTATUS IopCreateFileObject(PDEVICE_OBJECT device, PFILE_OBJECT *result)
{
    struct iop_file *file;
    NTSTATUS status = ObpCreateObject(io->file_type, sizeof *file, (PVOID *)&file);
    if (!NT_SUCCESS(status))
        return status;
    file->object.Type = IO_TYPE_FILE;
    file->object.Size = sizeof(FILE_OBJECT);
    file->object.DeviceObject = device;
    KeInitializeEvent(&file->object.Lock, SynchronizationEvent, FALSE);
    KeInitializeEvent(&file->object.Event, NotificationEvent, FALSE);
    InitializeListHead(&file->object.IrpList);
    *result = &file->object;
    return STATUS_SUCCESS;
}

/* -- the lock of synchronous files ------------------------------------------------------------------------ */

void IopAcquireFileLockSlow(PFILE_OBJECT file)
{
    const struct ki_wait_hint hint = {.what = "the lock of a synchronous file object (another request is in progress)",
                                      .object = file};
    __atomic_add_fetch(&file->Waiters, 1, __ATOMIC_SEQ_CST);
    while (__atomic_exchange_n(&file->Busy, 1, __ATOMIC_SEQ_CST))
        KiWaitFor(&file->Lock, NULL, &hint, VERIFY_CALLER);
    __atomic_sub_fetch(&file->Waiters, 1, __ATOMIC_SEQ_CST);
}

void IopReleaseFileLockSlow(PFILE_OBJECT file) { KeSetEvent(&file->Lock, IO_NO_INCREMENT, FALSE); }

/* -- cleanup and close --------------------------------------------------------------------------------------- */

static NTSTATUS SendClose(PFILE_OBJECT file, UCHAR major, UCHAR minor)
{
    struct iop_wait wait;
    PDEVICE_OBJECT device = IopRelatedDevice(file);
    PIRP irp = IopAllocateIrp(device->StackSize, IOP_OWNER_SERVICE, NULL);
    IopInitializeWait(&wait, NULL);
    irp->RequestorMode = KernelMode;
    irp->Flags = IRP_SYNCHRONOUS_API | (major == IRP_MJ_LOCK_CONTROL ? 0 : IRP_CLOSE_OPERATION);
    irp->UserIosb = &wait.result;
    irp->Tail.Overlay.Thread = (PETHREAD)wait.thread;
    irp->Tail.Overlay.OriginalFileObject = file;
    irp->FltsimPrivate[1] = &wait;
    PIO_STACK_LOCATION stack = IoGetNextIrpStackLocation(irp);
    stack->MajorFunction = major;
    stack->MinorFunction = minor;
    stack->FileObject = file;
    return IopCallAndWait(device, irp, &wait);
}

static void UnlockAll(PFILE_OBJECT file, PEPROCESS process)
{
    PDEVICE_OBJECT device = IopRelatedDevice(file);
    PFAST_IO_DISPATCH fast = device->DriverObject->FastIoDispatch;
    IO_STATUS_BLOCK iosb;
    if (fast && fast->SizeOfFastIoDispatch > FIELD_OFFSET(FAST_IO_DISPATCH, FastIoUnlockAll) &&
        fast->FastIoUnlockAll && fast->FastIoUnlockAll(file, process, &iosb, device))
        return;
    SendClose(file, IRP_MJ_LOCK_CONTROL, IRP_MN_UNLOCK_ALL);
}

void IopCloseFile(PEPROCESS process, PVOID object, ACCESS_MASK access, ULONG process_handles, ULONG system_handles)
{
    PFILE_OBJECT file = object;
    bool last = system_handles == 1;
    bool unlock = file->LockOperation && process_handles == 1 && !last;
    if (!last && !unlock)
        return;
    bool synchronous = file->Flags & FO_SYNCHRONOUS_IO;
    if (synchronous)
        IopAcquireFileLock(file);
    if (unlock)
        UnlockAll(file, process);
    if (last) {
        TRACE("io", "cleanup file %p", (void *)file);
        SendClose(file, IRP_MJ_CLEANUP, 0);
    }
    if (synchronous)
        IopReleaseFileLock(file);
}

static void DropDevice(PFILE_OBJECT object)
{
    struct iop_file *file = IopFile(object);
    if (file->has_vpb_reference)
        IopDereferenceVpb(object->Vpb);
    if (file->has_device_reference)
        IopDereferenceDevice(object->DeviceObject);
    file->has_vpb_reference = file->has_device_reference = false;
}

void IopAbandonFile(PFILE_OBJECT file)
{
    DropDevice(file);
    file->DeviceObject = NULL;
    file->Vpb = NULL;
}

void IopEndQueriedFile(PFILE_OBJECT file)
{
    if (file->DeviceObject && !(file->Flags & FO_HANDLE_CREATED)) {
        IopCloseFile(PsGetCurrentProcess(), file, 0, 1, 1);
        IopFile(file)->cleaned_up = true;
    }
    ObpDereference(file);
}

/* The last pointer went (object manager). */
void IopDeleteFile(PVOID object)
{
    PFILE_OBJECT file = object;
    PDEVICE_OBJECT device = file->DeviceObject;
    if (device) {
        if (!(file->Flags & FO_HANDLE_CREATED) && !IopFile(file)->cleaned_up)
            IopCloseFile(PsGetCurrentProcess(), file, 0, 1, 1);
        TRACE("io", "close file %p", (void *)file);
        SendClose(file, IRP_MJ_CLOSE, 0);
    }
    FsRtlpDeleteFileObjectContexts(file);
    if (file->FileName.Buffer)
        ExFreePool(file->FileName.Buffer);
    if (file->RelatedFileObject)
        file->RelatedFileObject = NULL;
    if (device)
        DropDevice(file);
    if (IopFile(file)->txn)
        ObpDereference(IopFile(file)->txn->TransactionObject);
    sim_free(IopFile(file)->txn);
    file->Type = 0;
}

/* -- stream file objects --------------------------------------------------------------------------------------- */

static PFILE_OBJECT CreateStream(PFILE_OBJECT related, PDEVICE_OBJECT device)
{
    PFILE_OBJECT file;
    if (related)
        device = related->DeviceObject;
    NTSTATUS status = fault_allocation() ? STATUS_INSUFFICIENT_RESOURCES : IopCreateFileObject(device, &file);
    if (!NT_SUCCESS(status))
        ExRaiseStatus(status);
    file->Flags = FO_STREAM_FILE;
    if (related)
        file->Vpb = related->Vpb;
    IopReferenceDevice(device);
    IopFile(file)->has_device_reference = true;
    return file;
}

PFILE_OBJECT IoCreateStreamFileObjectEx(PFILE_OBJECT FileObject, PDEVICE_OBJECT DeviceObject, PHANDLE FileObjectHandle)
{
    sched_point("IoCreateStreamFileObjectEx", DeviceObject, SCHED_WRITE);
    HANDLE handle;
    PFILE_OBJECT file = CreateStream(FileObject, DeviceObject);
    NTSTATUS status = ObpCreateHandle(file, FILE_READ_DATA, OBJ_KERNEL_HANDLE, VERIFY_CALLER, &handle);
    if (!NT_SUCCESS(status)) {
        IopAbandonFile(file);
        ObpDereference(file);
        ExRaiseStatus(status);
    }
    file->Flags |= FO_HANDLE_CREATED;
    if (FileObjectHandle)
        *FileObjectHandle = handle;
    else
        ObpCloseHandle(handle, KernelMode, VERIFY_CALLER);
    return file;
}

PFILE_OBJECT IoCreateStreamFileObject(PFILE_OBJECT FileObject, PDEVICE_OBJECT DeviceObject)
{
    return IoCreateStreamFileObjectEx(FileObject, DeviceObject, NULL);
}

PFILE_OBJECT IoCreateStreamFileObjectLite(PFILE_OBJECT FileObject, PDEVICE_OBJECT DeviceObject)
{
    API_ENTER(IoCreateStreamFileObjectLite, DeviceObject, SCHED_WRITE);
    PFILE_OBJECT file = CreateStream(FileObject, DeviceObject);
    file->Flags |= FO_HANDLE_CREATED; /* there is no handle and no IRP_MJ_CLEANUP */
    return file;
}

/* -- names ------------------------------------------------------------------------------------------------------- */

NTSTATUS IoReplaceFileObjectName(PFILE_OBJECT FileObject, PWSTR NewFileName, USHORT FileNameLength)
{
    API_ENTER(IoReplaceFileObjectName, FileObject, SCHED_WRITE);
    PUNICODE_STRING name = &FileObject->FileName;
    if (!name->Buffer)
        return STATUS_INVALID_PARAMETER; /* there is no name to replace */
    if (name->MaximumLength < FileNameLength) {
        PWCHAR buffer = ExAllocatePoolWithTag(PagedPool, FileNameLength ? FileNameLength : sizeof(WCHAR), IOP_NAME_TAG);
        if (!buffer)
            return STATUS_INSUFFICIENT_RESOURCES;
        if (name->Buffer)
            ExFreePool(name->Buffer);
        name->Buffer = buffer;
        name->MaximumLength = FileNameLength;
    }
    memmove(name->Buffer, NewFileName, FileNameLength);
    name->Length = FileNameLength;
    return STATUS_SUCCESS;
}

VOID IoCancelFileOpen(PDEVICE_OBJECT DeviceObject, PFILE_OBJECT FileObject)
{
    sched_point("IoCancelFileOpen", FileObject, SCHED_WRITE);
    if (FileObject->Flags & FO_HANDLE_CREATED) {
        verify_bugcheck(VERIFY_FILE_OBJECT_MISUSE, 0xE8, (uintptr_t)FileObject, (uintptr_t)DeviceObject, 0, 0,
                        "IoCancelFileOpen: the file object %p has a handle already; its open cannot be undone",
                        (void *)FileObject);
    }
    __atomic_or_fetch(&FileObject->Flags, FO_FILE_OPEN_CANCELLED, __ATOMIC_RELAXED);
    for (unsigned i = 0; i < 2; i++) {
        struct iop_wait wait;
        PIRP irp = IopAllocateIrp(DeviceObject->StackSize, IOP_OWNER_SERVICE, VERIFY_CALLER);
        IopInitializeWait(&wait, VERIFY_CALLER);
        irp->Flags = IRP_CLOSE_OPERATION | IRP_SYNCHRONOUS_API;
        irp->Tail.Overlay.Thread = (PETHREAD)wait.thread;
        irp->Tail.Overlay.OriginalFileObject = FileObject;
        irp->FltsimPrivate[1] = &wait;
        PIO_STACK_LOCATION stack = IoGetNextIrpStackLocation(irp);
        stack->MajorFunction = i == 0 ? IRP_MJ_CLEANUP : IRP_MJ_CLOSE;
        stack->FileObject = FileObject;
        IopCallAndWait(DeviceObject, irp, &wait);
    }
}

/* -- what an open was asked for -------------------------------------------------------------------------------------- */

PTXN_PARAMETER_BLOCK IoGetTransactionParameterBlock(PFILE_OBJECT FileObject)
{
    API_IRQL(IoGetTransactionParameterBlock);
    return IopFile(FileObject)->txn;
}

BOOLEAN IoIsFileObjectIgnoringSharing(PFILE_OBJECT FileObject)
{
    sched_point("IoIsFileObjectIgnoringSharing", FileObject, SCHED_READ);
    return IopFile(FileObject)->ignore_sharing;
}

NTSTATUS IoSetFileObjectIgnoreSharing(PFILE_OBJECT FileObject)
{
    sched_point("IoSetFileObjectIgnoreSharing", FileObject, SCHED_WRITE);
    IopFile(FileObject)->ignore_sharing = true;
    return STATUS_SUCCESS;
}

BOOLEAN IoIsFileOriginRemote(PFILE_OBJECT FileObject)
{
    API_IRQL(IoIsFileOriginRemote);
    return (FileObject->Flags & FO_REMOTE_ORIGIN) != 0;
}

NTSTATUS IoSetFileOrigin(PFILE_OBJECT FileObject, BOOLEAN Remote)
{
    bool is = (FileObject->Flags & FO_REMOTE_ORIGIN) != 0;
    if (is == (Remote != FALSE))
        return STATUS_INVALID_PARAMETER_MIX;
    FileObject->Flags ^= FO_REMOTE_ORIGIN;
    return STATUS_SUCCESS;
}

/* Generic rights on files: for SeAccessCheck and RtlMapGenericMask. */
PGENERIC_MAPPING IoGetFileObjectGenericMapping(VOID)
{
    static GENERIC_MAPPING mapping = {FILE_GENERIC_READ, FILE_GENERIC_WRITE, FILE_GENERIC_EXECUTE, FILE_ALL_ACCESS};
    API_IRQL(IoGetFileObjectGenericMapping);
    return &mapping;
}

NTSTATUS IoCheckDesiredAccess(PACCESS_MASK DesiredAccess, ACCESS_MASK GrantedAccess)
{
    RtlMapGenericMask(DesiredAccess, IoGetFileObjectGenericMapping());
    return *DesiredAccess & ~GrantedAccess ? STATUS_ACCESS_DENIED : STATUS_SUCCESS;
}
