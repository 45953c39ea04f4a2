/* NtQueryInformationFile and NtQueryVolumeInformationFile. */
#include "iop.h"

#include <string.h>

static NTSTATUS Answer(struct iop_service *s, NTSTATUS status, ULONG_PTR information)
{
    IO_STATUS_BLOCK result = {.Status = status, .Information = information};
    return IopEndFastIo(s, &result);
}

static ULONG Mode(PFILE_OBJECT file)
{
    ULONG mode = 0;
    if (file->Flags & FO_WRITE_THROUGH)
        mode |= FILE_WRITE_THROUGH;
    if (file->Flags & FO_SEQUENTIAL_ONLY)
        mode |= FILE_SEQUENTIAL_ONLY;
    if (file->Flags & FO_NO_INTERMEDIATE_BUFFERING)
        mode |= FILE_NO_INTERMEDIATE_BUFFERING;
    if (file->Flags & FO_SYNCHRONOUS_IO)
        mode |= file->Flags & FO_ALERTABLE_IO ? FILE_SYNCHRONOUS_IO_ALERT : FILE_SYNCHRONOUS_IO_NONALERT;
    if (file->Flags & FO_DELETE_ON_CLOSE)
        mode |= FILE_DELETE_ON_CLOSE;
    return mode;
}

/* What the I/O manager knows itself. */
static bool AnswerHere(struct iop_service *s, FILE_INFORMATION_CLASS kind, PVOID buffer, NTSTATUS *status)
{
    switch (kind) {
    case FilePositionInformation:
        if (!s->synchronous)
            return false;
        ((PFILE_POSITION_INFORMATION)buffer)->CurrentByteOffset = s->file->CurrentByteOffset;
        *status = Answer(s, STATUS_SUCCESS, sizeof(FILE_POSITION_INFORMATION));
        return true;
    case FileAccessInformation:
        ((PFILE_ACCESS_INFORMATION)buffer)->AccessFlags = s->granted;
        *status = Answer(s, STATUS_SUCCESS, sizeof(FILE_ACCESS_INFORMATION));
        return true;
    case FileModeInformation:
        ((PFILE_MODE_INFORMATION)buffer)->Mode = Mode(s->file);
        *status = Answer(s, STATUS_SUCCESS, sizeof(FILE_MODE_INFORMATION));
        return true;
    case FileAlignmentInformation:
        ((PFILE_ALIGNMENT_INFORMATION)buffer)->AlignmentRequirement = s->device->AlignmentRequirement;
        *status = Answer(s, STATUS_SUCCESS, sizeof(FILE_ALIGNMENT_INFORMATION));
        return true;
    case FileIsRemoteDeviceInformation:
        ((PFILE_IS_REMOTE_DEVICE_INFORMATION)buffer)->IsRemote =
            (s->file->DeviceObject->Characteristics & FILE_REMOTE_DEVICE) != 0;
        *status = Answer(s, STATUS_SUCCESS, sizeof(FILE_IS_REMOTE_DEVICE_INFORMATION));
        return true;
    case FileIoPriorityHintInformation:
        ((PFILE_IO_PRIORITY_HINT_INFORMATION)buffer)->PriorityHint = IopPriorityOf(&IopFile(s->file)->io_priority);
        *status = Answer(s, STATUS_SUCCESS, sizeof(FILE_IO_PRIORITY_HINT_INFORMATION));
        return true;
    default:
        return false;
    }
}

/* FileVolumeNameInformation: the device's name. */
static NTSTATUS AnswerVolumeName(struct iop_service *s, PFILE_VOLUME_NAME_INFORMATION info, ULONG length)
{
    const ULONG head = FIELD_OFFSET(FILE_VOLUME_NAME_INFORMATION, DeviceName);
    union {
        OBJECT_NAME_INFORMATION info;
        UCHAR bytes[1024];
    } name = {0};
    ULONG needed;
    NTSTATUS status = ObQueryNameString(s->file->DeviceObject, &name.info, sizeof name, &needed);
    if (!NT_SUCCESS(status))
        return Answer(s, status, 0);
    ULONG fits = length - head < name.info.Name.Length ? length - head : name.info.Name.Length;
    info->DeviceNameLength = name.info.Name.Length;
    if (fits)
        memcpy(info->DeviceName, name.info.Name.Buffer, fits);
    return Answer(s, fits == name.info.Name.Length ? STATUS_SUCCESS : STATUS_BUFFER_OVERFLOW, head + fits);
}

/* Before asking for all, these parts are filled in; the file system leaves them alone. */
static void PrepareAll(struct iop_service *s, PFILE_ALL_INFORMATION all)
{
    all->AccessInformation.AccessFlags = s->granted;
    all->ModeInformation.Mode = Mode(s->file);
    all->AlignmentInformation.AlignmentRequirement = s->device->AlignmentRequirement;
}

static bool FastQuery(struct iop_service *s, FILE_INFORMATION_CLASS kind, PVOID buffer, IO_STATUS_BLOCK *result)
{
    PFAST_IO_DISPATCH fast = s->device->DriverObject->FastIoDispatch;
    if (!fast)
        return false;
    switch (kind) {
    case FileBasicInformation:
        return fast->FastIoQueryBasicInfo &&
               fast->FastIoQueryBasicInfo(s->file, s->synchronous, buffer, result, s->device);
    case FileStandardInformation:
        return fast->FastIoQueryStandardInfo &&
               fast->FastIoQueryStandardInfo(s->file, s->synchronous, buffer, result, s->device);
    case FileNetworkOpenInformation:
        return fast->SizeOfFastIoDispatch > FIELD_OFFSET(FAST_IO_DISPATCH, FastIoQueryNetworkOpenInfo) &&
               fast->FastIoQueryNetworkOpenInfo &&
               fast->FastIoQueryNetworkOpenInfo(s->file, s->synchronous, buffer, result, s->device);
    default:
        return false;
    }
}

static NTSTATUS SendQuery(struct iop_service *s, FILE_INFORMATION_CLASS kind, PVOID buffer, ULONG length)
{
    PIRP irp = IopServiceIrp(s, IRP_MJ_QUERY_INFORMATION, 0);
    PIO_STACK_LOCATION stack = IoGetNextIrpStackLocation(irp);
    irp->UserBuffer = buffer;
    if (!IopSystemBuffer(irp, NULL, 0, length)) {
        IopFreeIrp(irp);
        return IopEndService(s, STATUS_INSUFFICIENT_RESOURCES);
    }
    irp->Flags |= IRP_INPUT_OPERATION | IRP_DEFER_IO_COMPLETION;
    if (kind == FileAllInformation)
        PrepareAll(s, irp->AssociatedIrp.SystemBuffer);
    stack->Parameters.QueryFile.Length = length;
    stack->Parameters.QueryFile.FileInformationClass = kind;
    return IopRunService(s, irp, true);
}

static NTSTATUS Query(HANDLE handle, PIO_STATUS_BLOCK iosb, PVOID buffer, ULONG length, FILE_INFORMATION_CLASS kind,
                      const void *site)
{
    struct iop_service s;
    NTSTATUS status;
    ULONG least = IopQueryLength(kind);
    if (!least)
        return STATUS_INVALID_INFO_CLASS;
    if (length < least)
        return STATUS_INFO_LENGTH_MISMATCH;
    s.wait.site = site;
    status = IopBeginService(&s, handle, IopQueryAccess(kind), iosb);
    if (!NT_SUCCESS(status))
        return status;
    status = IopProbe(s.mode, buffer, length, IopAlignmentOf(least), true);
    if (!NT_SUCCESS(status))
        return IopEndService(&s, status);
    IopLockService(&s);
    if (AnswerHere(&s, kind, buffer, &status))
        return status;
    if (kind == FileVolumeNameInformation)
        return AnswerVolumeName(&s, buffer, length);
    IO_STATUS_BLOCK result;
    VERIFY_CALL_DOWN("IRP_MJ_QUERY_INFORMATION", VERIFY_CALL_FILE, s.file->FsContext, site);
    if (FastQuery(&s, kind, buffer, &result))
        return IopEndFastIo(&s, &result);
    return SendQuery(&s, kind, buffer, length);
}

NTSTATUS NtQueryInformationFile(HANDLE FileHandle, PIO_STATUS_BLOCK IoStatusBlock, PVOID FileInformation, ULONG Length,
                                FILE_INFORMATION_CLASS FileInformationClass)
{
    API_ENTER(NtQueryInformationFile, FileHandle, SCHED_READ);
    return Query(FileHandle, IoStatusBlock, FileInformation, Length, FileInformationClass, VERIFY_CALLER);
}

NTSTATUS ZwQueryInformationFile(HANDLE FileHandle, PIO_STATUS_BLOCK IoStatusBlock, PVOID FileInformation, ULONG Length,
                                FILE_INFORMATION_CLASS FileInformationClass)
{
    API_ENTER(ZwQueryInformationFile, FileHandle, SCHED_READ);
    const void *site = VERIFY_CALLER;
    IOP_ZW(Query(FileHandle, IoStatusBlock, FileInformation, Length, FileInformationClass, site));
}

/* For drivers: an IRP_MJ_QUERY_INFORMATION straight to the file's stack (nf-ntifs-ioqueryfileinformation). */
static NTSTATUS QueryByFile(PFILE_OBJECT file, UCHAR major, ULONG kind, ULONG length, PVOID buffer, PULONG returned)
{
    struct iop_wait wait;
    PDEVICE_OBJECT device = IopRelatedDevice(file);
    bool synchronous = file->Flags & FO_SYNCHRONOUS_IO;
    PIRP irp = IopAllocateIrp(device->StackSize, IOP_OWNER_SERVICE, VERIFY_CALLER);
    PIO_STACK_LOCATION stack = IoGetNextIrpStackLocation(irp);
    if (synchronous)
        IopAcquireFileLock(file);
    IopInitializeWait(&wait, VERIFY_CALLER);
    irp->Flags = IRP_BUFFERED_IO | IRP_SYNCHRONOUS_API;
    irp->AssociatedIrp.SystemBuffer = buffer;
    irp->Tail.Overlay.Thread = (PETHREAD)wait.thread;
    irp->Tail.Overlay.OriginalFileObject = file;
    irp->FltsimPrivate[1] = &wait;
    stack->MajorFunction = major;
    stack->FileObject = file;
    stack->Parameters.QueryFile.Length = length;
    stack->Parameters.QueryFile.FileInformationClass = (FILE_INFORMATION_CLASS)kind;
    NTSTATUS status = IopCallAndWait(device, irp, &wait);
    if (synchronous)
        IopReleaseFileLock(file);
    *returned = (ULONG)wait.result.Information;
    return status;
}

NTSTATUS IoQueryFileInformation(PFILE_OBJECT FileObject, FILE_INFORMATION_CLASS FileInformationClass, ULONG Length,
                                PVOID FileInformation, PULONG ReturnedLength)
{
    return QueryByFile(FileObject, IRP_MJ_QUERY_INFORMATION, FileInformationClass, Length, FileInformation,
                       ReturnedLength);
}

NTSTATUS IoQueryVolumeInformation(PFILE_OBJECT FileObject, FS_INFORMATION_CLASS FsInformationClass, ULONG Length,
                                  PVOID FsInformation, PULONG ReturnedLength)
{
    return QueryByFile(FileObject, IRP_MJ_QUERY_VOLUME_INFORMATION, FsInformationClass, Length, FsInformation,
                       ReturnedLength);
}

/* -- volumes ------------------------------------------------------------------------------------------------- */

/* FileFsDeviceInformation of a file on a mounted volume is the disk's, known here. */
static NTSTATUS AnswerDevice(struct iop_service *s, PFILE_FS_DEVICE_INFORMATION info)
{
    PDEVICE_OBJECT device = s->file->DeviceObject;
    info->DeviceType = device->DeviceType;
    info->Characteristics = device->Characteristics;
    if (s->file->Vpb)
        info->Characteristics |= FILE_DEVICE_IS_MOUNTED;
    return Answer(s, STATUS_SUCCESS, sizeof *info);
}

static bool IsDriverOf(PDEVICE_OBJECT lowest, PDRIVER_OBJECT driver)
{
    bool found = false;
    PDEVICE_OBJECT device = lowest ? IoGetAttachedDeviceReference(lowest) : NULL;
    while (device) {
        PDEVICE_OBJECT below = IoGetLowerDeviceObject(device);
        found = found || device->DriverObject == driver;
        ObDereferenceObject(device);
        device = below;
    }
    return found;
}

/* Whether a driver has a device in the path of the file: above the file system, or above the disk. No file system is asked. */
static NTSTATUS AnswerDriverPath(struct iop_service *s, PFILE_FS_DRIVER_PATH_INFORMATION info, ULONG length)
{
    const ULONG head = FIELD_OFFSET(FILE_FS_DRIVER_PATH_INFORMATION, DriverName);
    PDRIVER_OBJECT driver;
    ULONG bytes = info->DriverNameLength;
    if (bytes > length - head || bytes > MAXUSHORT || bytes % sizeof(WCHAR))
        return Answer(s, STATUS_INVALID_PARAMETER, 0);
    UNICODE_STRING name = {(USHORT)bytes, (USHORT)bytes, info->DriverName};
    NTSTATUS status = ObReferenceObjectByName(&name, OBJ_CASE_INSENSITIVE, NULL, 0, io->driver_type, KernelMode, NULL,
                                              (PVOID *)&driver);
    if (!NT_SUCCESS(status))
        return Answer(s, status, 0);
    PVPB vpb = s->file->Vpb;
    info->DriverInPath = IsDriverOf(vpb ? vpb->DeviceObject : NULL, driver) || IsDriverOf(s->file->DeviceObject, driver);
    ObDereferenceObject(driver);
    return Answer(s, STATUS_SUCCESS, sizeof *info);
}

static NTSTATUS QueryVolume(HANDLE handle, PIO_STATUS_BLOCK iosb, PVOID buffer, ULONG length,
                            FS_INFORMATION_CLASS kind, const void *site)
{
    struct iop_service s;
    ULONG least = IopVolumeQueryLength(kind);
    if (!least)
        return STATUS_INVALID_INFO_CLASS;
    if (length < least)
        return STATUS_INFO_LENGTH_MISMATCH;
    s.wait.site = site;
    NTSTATUS status = IopBeginService(&s, handle, IopVolumeQueryAccess(kind), iosb);
    if (!NT_SUCCESS(status))
        return status;
    status = IopProbe(s.mode, buffer, length, sizeof(ULONG), true);
    if (!NT_SUCCESS(status))
        return IopEndService(&s, status);
    IopLockService(&s);
    if (kind == FileFsDeviceInformation && !(s.file->DeviceObject->DeviceType == FILE_DEVICE_NETWORK_FILE_SYSTEM))
        return AnswerDevice(&s, buffer);
    if (kind == FileFsDriverPathInformation)
        return AnswerDriverPath(&s, buffer, length);
    PIRP irp = IopServiceIrp(&s, IRP_MJ_QUERY_VOLUME_INFORMATION, 0);
    PIO_STACK_LOCATION stack = IoGetNextIrpStackLocation(irp);
    irp->UserBuffer = buffer;
    if (!IopSystemBuffer(irp, NULL, 0, length)) {
        IopFreeIrp(irp);
        return IopEndService(&s, STATUS_INSUFFICIENT_RESOURCES);
    }
    irp->Flags |= IRP_INPUT_OPERATION | IRP_DEFER_IO_COMPLETION;
    stack->Parameters.QueryVolume.Length = length;
    stack->Parameters.QueryVolume.FsInformationClass = kind;
    return IopRunService(&s, irp, true);
}

NTSTATUS NtQueryVolumeInformationFile(HANDLE FileHandle, PIO_STATUS_BLOCK IoStatusBlock, PVOID FsInformation,
                                      ULONG Length, FS_INFORMATION_CLASS FsInformationClass)
{
    return QueryVolume(FileHandle, IoStatusBlock, FsInformation, Length, FsInformationClass, VERIFY_CALLER);
}

NTSTATUS ZwQueryVolumeInformationFile(HANDLE FileHandle, PIO_STATUS_BLOCK IoStatusBlock, PVOID FsInformation,
                                      ULONG Length, FS_INFORMATION_CLASS FsInformationClass)
{
    API_ENTER(ZwQueryVolumeInformationFile, FileHandle, SCHED_READ);
    const void *site = VERIFY_CALLER;
    IOP_ZW(QueryVolume(FileHandle, IoStatusBlock, FsInformation, Length, FsInformationClass, site));
}

static NTSTATUS SetVolume(HANDLE handle, PIO_STATUS_BLOCK iosb, PVOID buffer, ULONG length, FS_INFORMATION_CLASS kind,
                          const void *site)
{
    struct iop_service s;
    ULONG least = IopVolumeSetLength(kind);
    if (!least)
        return STATUS_INVALID_INFO_CLASS;
    if (length < least)
        return STATUS_INFO_LENGTH_MISMATCH;
    s.wait.site = site;
    NTSTATUS status = IopBeginService(&s, handle, FILE_WRITE_DATA, iosb);
    if (!NT_SUCCESS(status))
        return status;
    status = IopProbe(s.mode, buffer, length, sizeof(ULONG), false);
    if (!NT_SUCCESS(status))
        return IopEndService(&s, status);
    IopLockService(&s);
    PIRP irp = IopServiceIrp(&s, IRP_MJ_SET_VOLUME_INFORMATION, 0);
    PIO_STACK_LOCATION stack = IoGetNextIrpStackLocation(irp);
    if (!IopSystemBuffer(irp, buffer, length, length)) {
        IopFreeIrp(irp);
        return IopEndService(&s, STATUS_INSUFFICIENT_RESOURCES);
    }
    stack->Parameters.SetVolume.Length = length;
    stack->Parameters.SetVolume.FsInformationClass = kind;
    return IopRunService(&s, irp, true);
}

NTSTATUS NtSetVolumeInformationFile(HANDLE FileHandle, PIO_STATUS_BLOCK IoStatusBlock, PVOID FsInformation,
                                    ULONG Length, FS_INFORMATION_CLASS FsInformationClass)
{
    return SetVolume(FileHandle, IoStatusBlock, FsInformation, Length, FsInformationClass, VERIFY_CALLER);
}

NTSTATUS ZwSetVolumeInformationFile(HANDLE FileHandle, PIO_STATUS_BLOCK IoStatusBlock, PVOID FsInformation,
                                    ULONG Length, FS_INFORMATION_CLASS FsInformationClass)
{
    const void *site = VERIFY_CALLER;
    IOP_ZW(SetVolume(FileHandle, IoStatusBlock, FsInformation, Length, FsInformationClass, site));
}
