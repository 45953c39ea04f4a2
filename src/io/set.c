/* NtSetInformationFile. Renames and links open the target's folder first and hand it down. */
#include "iop.h"

#include <string.h>

static NTSTATUS Answer(struct iop_service *s, NTSTATUS status)
{
    IO_STATUS_BLOCK result = {.Status = status, .Information = 0};
    return IopEndFastIo(s, &result);
}

static NTSTATUS SetPosition(struct iop_service *s, const FILE_POSITION_INFORMATION *info)
{
    LARGE_INTEGER to = info->CurrentByteOffset;
    ULONG sector = s->device->SectorSize;
    if (to.QuadPart < 0)
        return Answer(s, STATUS_INVALID_PARAMETER);
    if ((s->file->Flags & FO_NO_INTERMEDIATE_BUFFERING) && sector && (to.LowPart & (sector - 1)))
        return Answer(s, STATUS_INVALID_PARAMETER);
    s->file->CurrentByteOffset = to;
    return Answer(s, STATUS_SUCCESS);
}

static NTSTATUS SetPriorityHint(struct iop_service *s, const FILE_IO_PRIORITY_HINT_INFORMATION *info)
{
    return Answer(s, IopSetPriority(&IopFile(s->file)->io_priority, info->PriorityHint));
}

static NTSTATUS SetMode(struct iop_service *s, ULONG mode)
{
    const ULONG sync = FILE_SYNCHRONOUS_IO_ALERT | FILE_SYNCHRONOUS_IO_NONALERT;
    PFILE_OBJECT file = s->file;
    if ((mode & ~(ULONG)FILE_VALID_SET_FLAGS) || (mode & sync) == sync ||
        ((mode & sync) != 0) != ((file->Flags & FO_SYNCHRONOUS_IO) != 0) ||
        ((file->Flags & FO_NO_INTERMEDIATE_BUFFERING) && (mode & FILE_WRITE_THROUGH)))
        return Answer(s, STATUS_INVALID_PARAMETER);
    ULONG flags = file->Flags & ~(ULONG)(FO_WRITE_THROUGH | FO_SEQUENTIAL_ONLY | FO_ALERTABLE_IO);
    if (mode & FILE_WRITE_THROUGH)
        flags |= FO_WRITE_THROUGH;
    if (mode & FILE_SEQUENTIAL_ONLY)
        flags |= FO_SEQUENTIAL_ONLY;
    if (mode & FILE_SYNCHRONOUS_IO_ALERT)
        flags |= FO_ALERTABLE_IO;
    file->Flags = flags;
    return Answer(s, STATUS_SUCCESS);
}

/* -- rename and link ------------------------------------------------------------------------------------------ */

static bool IsRename(FILE_INFORMATION_CLASS kind)
{
    return kind == FileRenameInformation || kind == FileRenameInformationEx;
}

static bool IsLink(FILE_INFORMATION_CLASS kind) { return kind == FileLinkInformation || kind == FileLinkInformationEx; }

/* Of the forms with flags this is one of them. */
static BOOLEAN Replaces(const FILE_RENAME_INFORMATION *info, FILE_INFORMATION_CLASS kind)
{
    bool flags = kind == FileRenameInformationEx || kind == FileLinkInformationEx;
    return flags ? (info->Flags & FILE_RENAME_REPLACE_IF_EXISTS) != 0 : info->ReplaceIfExists;
}

static NTSTATUS SendSet(struct iop_service *s, PVOID buffer, ULONG length, FILE_INFORMATION_CLASS kind,
                        PFILE_OBJECT target)
{
    PIRP irp = IopServiceIrp(s, IRP_MJ_SET_INFORMATION, 0);
    PIO_STACK_LOCATION stack = IoGetNextIrpStackLocation(irp);
    irp->UserBuffer = buffer;
    if (!IopSystemBuffer(irp, buffer, length, length)) {
        IopFreeIrp(irp);
        return IopEndService(s, STATUS_INSUFFICIENT_RESOURCES);
    }
    irp->Flags |= IRP_DEFER_IO_COMPLETION;
    stack->Parameters.SetFile.Length = length;
    stack->Parameters.SetFile.FileInformationClass = kind;
    stack->Parameters.SetFile.FileObject = target;
    if (IsRename(kind) || IsLink(kind))
        stack->Parameters.SetFile.ReplaceIfExists = Replaces(irp->AssociatedIrp.SystemBuffer, kind);
    return IopRunService(s, irp, true);
}

static NTSTATUS LockAndSendSet(struct iop_service *s, PVOID buffer, ULONG length, FILE_INFORMATION_CLASS kind,
                               PFILE_OBJECT target)
{
    IopLockService(s);
    return SendSet(s, buffer, length, kind, target);
}

static bool IsDirectory(struct iop_service *s)
{
    FILE_STANDARD_INFORMATION standard;
    ULONG length;
    NTSTATUS status =
        IoQueryFileInformation(s->file, FileStandardInformation, sizeof standard, &standard, &length);
    return NT_SUCCESS(status) && standard.Directory;
}

/* The folder that the new name is in, opened below the same device as the file itself was. */
static NTSTATUS OpenTarget(struct iop_service *s, const FILE_RENAME_INFORMATION *info, bool directory, bool checked,
                           PHANDLE handle, PFILE_OBJECT *target)
{
    OBJECT_ATTRIBUTES attributes;
    IO_STATUS_BLOCK iosb;
    UNICODE_STRING name = {(USHORT)info->FileNameLength, (USHORT)info->FileNameLength, (PWSTR)info->FileName};
    IO_DRIVER_CREATE_CONTEXT context = {.Size = sizeof context, .DeviceObjectHint = IopFile(s->file)->hint};
    ULONG flags = s->file->Flags & FO_OPENED_CASE_SENSITIVE ? 0 : OBJ_CASE_INSENSITIVE;
    InitializeObjectAttributes(&attributes, &name, flags | OBJ_KERNEL_HANDLE, info->RootDirectory, NULL);
    NTSTATUS status = IoCreateFileEx(handle, SYNCHRONIZE | (directory ? FILE_ADD_SUBDIRECTORY : FILE_WRITE_DATA),
                                     &attributes, &iosb, NULL, 0, FILE_SHARE_READ | FILE_SHARE_WRITE, FILE_OPEN,
                                     FILE_OPEN_FOR_BACKUP_INTENT, NULL, 0, CreateFileTypeNone, NULL,
                                     (checked ? IO_FORCE_ACCESS_CHECK : 0) | IO_OPEN_TARGET_DIRECTORY, &context);
    if (!NT_SUCCESS(status))
        return status;
    status = ObpReferenceHandle(*handle, 0, io->file_type, KernelMode, (PVOID *)target, NULL);
    if (NT_SUCCESS(status) && IopRelatedDevice(*target) != s->device) {
        ObpDereference(*target);
        status = STATUS_NOT_SAME_DEVICE;
    }
    if (!NT_SUCCESS(status))
        ObpCloseHandle(*handle, KernelMode, NULL);
    return status;
}

static NTSTATUS SetName(struct iop_service *s, PFILE_RENAME_INFORMATION info, ULONG length,
                        FILE_INFORMATION_CLASS kind, bool checked)
{
    ULONG room = length - FIELD_OFFSET(FILE_RENAME_INFORMATION, FileName);
    if (!info->FileNameLength || (info->FileNameLength & 1) || info->FileNameLength > room)
        return IopEndService(s, STATUS_INVALID_PARAMETER);
    /* A plain name stays in the file's own folder, and ":stream" in its own file. */
    if (info->FileName[0] != '\\' && !info->RootDirectory)
        return LockAndSendSet(s, info, length, kind, NULL);
    HANDLE handle;
    PFILE_OBJECT target;
    NTSTATUS status = OpenTarget(s, info, IsRename(kind) && IsDirectory(s), checked, &handle, &target);
    if (!NT_SUCCESS(status))
        return IopEndService(s, status);
    /* The target's create may have come back for this very file, so the lock is taken only now. */
    status = LockAndSendSet(s, info, length, kind, target);
    ObpDereference(target);
    ObpCloseHandle(handle, KernelMode, NULL);
    return status;
}

/* ------------------------------------------------------------------------------------------------------------------ */

/* Forms that are known here only: what is sent is the plain one. */
static const struct form {
    FILE_INFORMATION_CLASS given, sent;
    enum { NO_CHECK, CHECK } access;
} forms[] = {
    {FileRenameInformationBypassAccessCheck, FileRenameInformation, NO_CHECK},
    {FileRenameInformationExBypassAccessCheck, FileRenameInformationEx, NO_CHECK},
    {FileLinkInformationBypassAccessCheck, FileLinkInformation, NO_CHECK},
    {FileLinkInformationExBypassAccessCheck, FileLinkInformationEx, NO_CHECK},
    {FileCaseSensitiveInformationForceAccessCheck, FileCaseSensitiveInformation, CHECK},
};

static const struct form *FormOf(FILE_INFORMATION_CLASS kind)
{
    for (size_t i = 0; i < RTL_NUMBER_OF(forms); i++)
        if (forms[i].given == kind)
            return &forms[i];
    return NULL;
}

static NTSTATUS Set(HANDLE handle, PIO_STATUS_BLOCK iosb, PVOID buffer, ULONG length, FILE_INFORMATION_CLASS kind,
                    const void *site)
{
    struct iop_service s;
    ULONG least = IopSetLength(kind);
    const struct form *form = FormOf(kind);
    bool checked = !form || form->access == CHECK;
    if (!least || (!checked && KiCurrentThread()->previous_mode != KernelMode))
        return STATUS_INVALID_INFO_CLASS;
    if (length < least)
        return STATUS_INFO_LENGTH_MISMATCH;
    s.wait.site = site;
    NTSTATUS status = IopBeginService(&s, handle, IopSetAccess(kind), iosb);
    if (!NT_SUCCESS(status))
        return status;
    status = form && checked && (IopSetAccess(kind) & ~s.granted) ? STATUS_ACCESS_DENIED
                                                                   : IopProbe(s.mode, buffer, length, IopAlignmentOf(least), false);
    if (!NT_SUCCESS(status))
        return IopEndService(&s, status);
    if (form)
        kind = form->sent;
    if (IsRename(kind) || IsLink(kind))
        return SetName(&s, buffer, length, kind, checked);
    IopLockService(&s);
    if (kind == FilePositionInformation && s.synchronous)
        return SetPosition(&s, buffer);
    if (kind == FileIoPriorityHintInformation)
        return SetPriorityHint(&s, buffer);
    if (kind == FileModeInformation)
        return SetMode(&s, ((PFILE_MODE_INFORMATION)buffer)->Mode);
    return SendSet(&s, buffer, length, kind, NULL);
}

NTSTATUS NtSetInformationFile(HANDLE FileHandle, PIO_STATUS_BLOCK IoStatusBlock, PVOID FileInformation, ULONG Length,
                              FILE_INFORMATION_CLASS FileInformationClass)
{
    return Set(FileHandle, IoStatusBlock, FileInformation, Length, FileInformationClass, VERIFY_CALLER);
}

NTSTATUS ZwSetInformationFile(HANDLE FileHandle, PIO_STATUS_BLOCK IoStatusBlock, PVOID FileInformation, ULONG Length,
                              FILE_INFORMATION_CLASS FileInformationClass)
{
    API_ENTER(ZwSetInformationFile, FileHandle, SCHED_WRITE);
    const void *site = VERIFY_CALLER;
    IOP_ZW(Set(FileHandle, IoStatusBlock, FileInformation, Length, FileInformationClass, site));
}

/* nf-ntifs-iosetinformation: straight to the file's stack. */
NTSTATUS IoSetInformation(PFILE_OBJECT FileObject, FILE_INFORMATION_CLASS FileInformationClass, ULONG Length,
                          PVOID FileInformation)
{
    struct iop_wait wait;
    PDEVICE_OBJECT device = IopRelatedDevice(FileObject);
    bool synchronous = FileObject->Flags & FO_SYNCHRONOUS_IO;
    PIRP irp = IopAllocateIrp(device->StackSize, IOP_OWNER_SERVICE, VERIFY_CALLER);
    PIO_STACK_LOCATION stack = IoGetNextIrpStackLocation(irp);
    if (synchronous)
        IopAcquireFileLock(FileObject);
    IopInitializeWait(&wait, VERIFY_CALLER);
    irp->Flags = IRP_BUFFERED_IO | IRP_SYNCHRONOUS_API;
    irp->AssociatedIrp.SystemBuffer = FileInformation;
    irp->Tail.Overlay.Thread = (PETHREAD)wait.thread;
    irp->Tail.Overlay.OriginalFileObject = FileObject;
    irp->FltsimPrivate[1] = &wait;
    stack->MajorFunction = IRP_MJ_SET_INFORMATION;
    stack->FileObject = FileObject;
    stack->Parameters.SetFile.Length = Length;
    stack->Parameters.SetFile.FileInformationClass = FileInformationClass;
    NTSTATUS status = IopCallAndWait(device, irp, &wait);
    if (synchronous)
        IopReleaseFileLock(FileObject);
    return status;
}
