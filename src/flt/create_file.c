/* The creates that filters issue: FltCreateFile and its kin. */
#include "flt/core.h"

#include "io/iop.h"
#include "ke/thread.h"
#include "verify/api.h"

/* What one create is asked, whichever routine asks. */
struct request {
    ACCESS_MASK Access;
    POBJECT_ATTRIBUTES Attributes;
    PIO_STATUS_BLOCK Iosb;
    PLARGE_INTEGER Allocation;
    ULONG FileAttributes, Share, Disposition, Options;
    PVOID Ea;
    ULONG EaLength;
    CREATE_FILE_TYPE Type;
    PVOID Parameters;
    ULONG Flags;
};

struct create {
    PFLT_FILTER Filter;
    PFLT_INSTANCE Instance; /* NULL: from the top */
    const struct request *Request;
    PIO_DRIVER_CREATE_CONTEXT Context; /* NULL: none */
    const char *Routine;
    const void *Site;
};

static const char *TopLevelName(PIRP Top)
{
    switch ((LONG_PTR)Top) {
    case FSRTL_FSP_TOP_LEVEL_IRP:
        return "FSRTL_FSP_TOP_LEVEL_IRP";
    case FSRTL_CACHE_TOP_LEVEL_IRP:
        return "FSRTL_CACHE_TOP_LEVEL_IRP";
    case FSRTL_MOD_WRITE_TOP_LEVEL_IRP:
        return "FSRTL_MOD_WRITE_TOP_LEVEL_IRP";
    case FSRTL_FAST_IO_TOP_LEVEL_IRP:
        return "FSRTL_FAST_IO_TOP_LEVEL_IRP";
    default:
        return "one of the file systems' own values";
    }
}

/* File systems take a top-level component for their own outer request, which waits for what is inside of it. */
static void CheckTopLevel(const char *Routine, const void *Site)
{
    PIRP top = IoGetTopLevelIrp();
    if (__builtin_expect(!top, 1))
        return;
    struct verify_violation *v =
        (ULONG_PTR)top <= FSRTL_MAX_TOP_LEVEL_IRP_FLAG
            ? verify_begin(VERIFY_CREATE_TOP_LEVEL_IRP, "%s was called while the thread's top-level IRP is %s.", Routine,
                           TopLevelName(top))
            : verify_begin(VERIFY_CREATE_TOP_LEVEL_IRP, "%s was called while the thread's top-level IRP is %p.", Routine,
                           (void *)top);
    verify_site(v, "called by", Site);
    verify_end(v);
}

/* What IoCreateFileEx does, with the driver as who opens. */
static NTSTATUS TryOnce(const struct create *C, const struct flt_aim *Aim, POBJECT_ATTRIBUTES Attributes, PHANDLE Handle)
{
    const struct request *r = C->Request;
    struct iop_open open = {
        .mode = KernelMode,
        .options = r->Options,
        .attributes = r->FileAttributes,
        .share = r->Share,
        .disposition = r->Disposition,
        .ea = Aim->Ea,
        .ea_length = Aim->EaLength,
        .flags = r->Flags | IO_NO_PARAMETER_CHECKING,
        .access = r->Access,
        .kind = r->Type,
        .parameters = r->Parameters,
        .hint = Aim->Context.DeviceObjectHint,
        .ecps = Aim->Context.ExtraCreateParameter,
        .txn = Aim->Context.TxnParameters,
        .site = C->Site,
    };
    if (Aim->Context.Size != sizeof Aim->Context)
        return STATUS_INVALID_PARAMETER;
    if (r->Allocation)
        open.allocation = *r->Allocation;
    NTSTATUS status = IopCheckedCreateFile(&open, Attributes, Handle);
    *r->Iosb = (IO_STATUS_BLOCK){.Status = status, .Information = open.information};
    return status;
}

/* One try below one instance. */
static NTSTATUS Try(const struct create *C, PFLT_INSTANCE Instance, POBJECT_ATTRIBUTES Attributes, PHANDLE Handle)
{
    struct flt_aim aim;
    NTSTATUS status = FltpBeginAim(&aim, C->Filter, Instance, C->Context, C->Request->Type, C->Request->Ea,
                                   C->Request->EaLength);
    if (NT_SUCCESS(status))
        status = TryOnce(C, &aim, Attributes, Handle);
    FltpEndAim(&aim);
    return status;
}

/* A name that leads to another volume is followed there as far as the caller's target ECP asks for it. */
static NTSTATUS TryAcrossVolumes(const struct create *C, PHANDLE Handle)
{
    struct flt_crossing crossing;

    NTSTATUS status = FltpBeginCrossing(&crossing, C->Filter, C->Context, C->Site);
    if (!NT_SUCCESS(status))
        return status;
    status = Try(C, C->Instance, C->Request->Attributes, Handle);
    while (FltpCross(&crossing, status)) {
        OBJECT_ATTRIBUTES attributes = *C->Request->Attributes;
        attributes.RootDirectory = NULL;
        attributes.ObjectName = &crossing.Name;
        status = Try(C, crossing.Instance, &attributes, Handle);
    }
    FltpEndCrossing(&crossing);
    return status;
}

static NTSTATUS CreateFile(struct create *C, PHANDLE Handle, PFILE_OBJECT *FileObject)
{
    *Handle = NULL;
    if (FileObject)
        *FileObject = NULL;
    FltpCheckApcs(C->Routine, C->Site);
    CheckTopLevel(C->Routine, C->Site);
    VERIFY_CALL_DOWN(C->Routine, VERIFY_CALL_CREATE, NULL, C->Site);
    NTSTATUS status = C->Instance && FltpWantsCrossing(C->Context) ? TryAcrossVolumes(C, Handle)
                                                                   : Try(C, C->Instance, C->Request->Attributes, Handle);
    if (!NT_SUCCESS(status) || !FileObject)
        return status;
    NTSTATUS reference = ObReferenceObjectByHandle(*Handle, 0, *IoFileObjectType, KernelMode, (PVOID *)FileObject, NULL);
    if (!NT_SUCCESS(reference)) {
        ZwClose(*Handle);
        *Handle = NULL;
        return reference;
    }
    return status;
}

NTSTATUS FltCreateFile(PFLT_FILTER Filter, PFLT_INSTANCE Instance, PHANDLE FileHandle, ACCESS_MASK DesiredAccess,
                       POBJECT_ATTRIBUTES ObjectAttributes, PIO_STATUS_BLOCK IoStatusBlock, PLARGE_INTEGER AllocationSize,
                       ULONG FileAttributes, ULONG ShareAccess, ULONG CreateDisposition, ULONG CreateOptions,
                       PVOID EaBuffer, ULONG EaLength, ULONG Flags)
{
    API_ENTER(FltCreateFile, Filter, SCHED_WRITE);
    struct request r = {DesiredAccess,     ObjectAttributes, IoStatusBlock, AllocationSize, FileAttributes,     ShareAccess,
                        CreateDisposition, CreateOptions,    EaBuffer,      EaLength,       CreateFileTypeNone, NULL,
                        Flags};
    struct create c = {Filter, Instance, &r, NULL, "FltCreateFile", VERIFY_CALLER};
    return CreateFile(&c, FileHandle, NULL);
}

NTSTATUS FltCreateFileEx(PFLT_FILTER Filter, PFLT_INSTANCE Instance, PHANDLE FileHandle, PFILE_OBJECT *FileObject,
                         ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes, PIO_STATUS_BLOCK IoStatusBlock,
                         PLARGE_INTEGER AllocationSize, ULONG FileAttributes, ULONG ShareAccess, ULONG CreateDisposition,
                         ULONG CreateOptions, PVOID EaBuffer, ULONG EaLength, ULONG Flags)
{
    API_ENTER(FltCreateFileEx, Filter, SCHED_WRITE);
    struct request r = {DesiredAccess,     ObjectAttributes, IoStatusBlock, AllocationSize, FileAttributes,     ShareAccess,
                        CreateDisposition, CreateOptions,    EaBuffer,      EaLength,       CreateFileTypeNone, NULL,
                        Flags};
    struct create c = {Filter, Instance, &r, NULL, "FltCreateFileEx", VERIFY_CALLER};
    return CreateFile(&c, FileHandle, FileObject);
}

NTSTATUS FltCreateFileEx2(PFLT_FILTER Filter, PFLT_INSTANCE Instance, PHANDLE FileHandle, PFILE_OBJECT *FileObject,
                          ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes, PIO_STATUS_BLOCK IoStatusBlock,
                          PLARGE_INTEGER AllocationSize, ULONG FileAttributes, ULONG ShareAccess, ULONG CreateDisposition,
                          ULONG CreateOptions, PVOID EaBuffer, ULONG EaLength, ULONG Flags,
                          PIO_DRIVER_CREATE_CONTEXT DriverContext)
{
    API_ENTER(FltCreateFileEx2, Filter, SCHED_WRITE);
    struct request r = {DesiredAccess,     ObjectAttributes, IoStatusBlock, AllocationSize, FileAttributes,     ShareAccess,
                        CreateDisposition, CreateOptions,    EaBuffer,      EaLength,       CreateFileTypeNone, NULL,
                        Flags};
    struct create c = {Filter, Instance, &r, DriverContext, "FltCreateFileEx2", VERIFY_CALLER};
    return CreateFile(&c, FileHandle, FileObject);
}

NTSTATUS FltCreateNamedPipeFile(PFLT_FILTER Filter, PFLT_INSTANCE Instance, PHANDLE FileHandle, PFILE_OBJECT *FileObject,
                                ULONG DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes, PIO_STATUS_BLOCK IoStatusBlock,
                                ULONG ShareAccess, ULONG CreateDisposition, ULONG CreateOptions, ULONG NamedPipeType,
                                ULONG ReadMode, ULONG CompletionMode, ULONG MaximumInstances, ULONG InboundQuota,
                                ULONG OutboundQuota, PLARGE_INTEGER DefaultTimeout, PIO_DRIVER_CREATE_CONTEXT DriverContext)
{
    API_ENTER(FltCreateNamedPipeFile, Filter, SCHED_WRITE);
    NAMED_PIPE_CREATE_PARAMETERS pipe = {
        .NamedPipeType = NamedPipeType,
        .ReadMode = ReadMode,
        .CompletionMode = CompletionMode,
        .MaximumInstances = MaximumInstances,
        .InboundQuota = InboundQuota,
        .OutboundQuota = OutboundQuota,
        .TimeoutSpecified = DefaultTimeout != NULL,
    };
    if (DefaultTimeout)
        pipe.DefaultTimeout = *DefaultTimeout;
    struct request r = {.Access = DesiredAccess, .Attributes = ObjectAttributes, .Iosb = IoStatusBlock,
                        .Share = ShareAccess, .Disposition = CreateDisposition, .Options = CreateOptions,
                        .Type = CreateFileTypeNamedPipe, .Parameters = &pipe};
    struct create c = {Filter, Instance, &r, DriverContext, "FltCreateNamedPipeFile", VERIFY_CALLER};
    return CreateFile(&c, FileHandle, FileObject);
}

NTSTATUS FltCreateMailslotFile(PFLT_FILTER Filter, PFLT_INSTANCE Instance, PHANDLE FileHandle, PFILE_OBJECT *FileObject,
                               ULONG DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes, PIO_STATUS_BLOCK IoStatusBlock,
                               ULONG CreateOptions, ULONG MailslotQuota, ULONG MaximumMessageSize,
                               PLARGE_INTEGER ReadTimeout, PIO_DRIVER_CREATE_CONTEXT DriverContext)
{
    API_ENTER(FltCreateMailslotFile, Filter, SCHED_WRITE);
    MAILSLOT_CREATE_PARAMETERS slot = {
        .MailslotQuota = MailslotQuota,
        .MaximumMessageSize = MaximumMessageSize,
        .TimeoutSpecified = ReadTimeout != NULL,
    };
    if (ReadTimeout)
        slot.ReadTimeout = *ReadTimeout;
    struct request r = {.Access = DesiredAccess, .Attributes = ObjectAttributes, .Iosb = IoStatusBlock,
                        .Share = FILE_SHARE_READ | FILE_SHARE_WRITE, .Disposition = FILE_CREATE,
                        .Options = CreateOptions, .Type = CreateFileTypeMailslot, .Parameters = &slot};
    struct create c = {Filter, Instance, &r, DriverContext, "FltCreateMailslotFile", VERIFY_CALLER};
    return CreateFile(&c, FileHandle, FileObject);
}

NTSTATUS FltClose(HANDLE FileHandle)
{
    API_ENTER(FltClose, FileHandle, SCHED_WRITE);
    VERIFY_CALL_DOWN("FltClose", VERIFY_CALL_OTHER, NULL, VERIFY_CALLER);
    return ZwClose(FileHandle);
}

NTSTATUS FltOpenVolume(PFLT_INSTANCE Instance, PHANDLE VolumeHandle, PFILE_OBJECT *VolumeFileObject)
{
    API_ENTER(FltOpenVolume, Instance, SCHED_WRITE);
    OBJECT_ATTRIBUTES attributes;
    IO_STATUS_BLOCK iosb;

    InitializeObjectAttributes(&attributes, &Instance->Volume->Name, OBJ_KERNEL_HANDLE | OBJ_CASE_INSENSITIVE, NULL, NULL);
    struct request r = {.Access = FILE_READ_ATTRIBUTES | FILE_READ_DATA | SYNCHRONIZE, .Attributes = &attributes,
                        .Iosb = &iosb, .Share = FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE,
                        .Disposition = FILE_OPEN, .Options = FILE_SYNCHRONOUS_IO_NONALERT,
                        .Flags = IO_IGNORE_SHARE_ACCESS_CHECK};
    struct create c = {Instance->Filter, Instance, &r, NULL, "FltOpenVolume", VERIFY_CALLER};
    return CreateFile(&c, VolumeHandle, VolumeFileObject);
}

NTSTATUS FltCreateSystemVolumeInformationFolder(PFLT_INSTANCE Instance)
{
    API_ENTER(FltCreateSystemVolumeInformationFolder, Instance, SCHED_WRITE);
    static const char16_t folder[] = u"\\System Volume Information";
    UNICODE_STRING name = {.MaximumLength = (USHORT)(Instance->Volume->Name.Length + sizeof folder)};
    OBJECT_ATTRIBUTES attributes;
    IO_STATUS_BLOCK iosb;
    HANDLE handle;

    name.Buffer = sim_alloc(name.MaximumLength);
    RtlAppendUnicodeStringToString(&name, &Instance->Volume->Name);
    RtlCopyMemory((UCHAR *)name.Buffer + name.Length, folder, sizeof folder - sizeof(WCHAR));
    name.Length += (USHORT)(sizeof folder - sizeof(WCHAR));
    InitializeObjectAttributes(&attributes, &name, OBJ_KERNEL_HANDLE | OBJ_CASE_INSENSITIVE, NULL, NULL);
    struct request r = {.Access = SYNCHRONIZE | FILE_READ_ATTRIBUTES, .Attributes = &attributes, .Iosb = &iosb,
                        .FileAttributes = FILE_ATTRIBUTE_HIDDEN | FILE_ATTRIBUTE_SYSTEM,
                        .Share = FILE_SHARE_READ | FILE_SHARE_WRITE, .Disposition = FILE_OPEN_IF,
                        .Options = FILE_DIRECTORY_FILE | FILE_SYNCHRONOUS_IO_NONALERT};
    struct create c = {Instance->Filter, Instance, &r, NULL, "FltCreateSystemVolumeInformationFolder", VERIFY_CALLER};
    NTSTATUS status = CreateFile(&c, &handle, NULL);
    FltpFreeString(&name);
    if (NT_SUCCESS(status))
        ZwClose(handle);
    return status;
}

/* Cleanup and close are sent to those below the instance only: those above never saw the file opened. */
VOID FltCancelFileOpen(PFLT_INSTANCE Instance, PFILE_OBJECT FileObject)
{
    API_ENTER(FltCancelFileOpen, FileObject, SCHED_WRITE);
    PFLT_CALLBACK_DATA data;

    if (FileObject->Flags & FO_HANDLE_CREATED) {
        verify_violate(VERIFY_CANCELLED_OPEN_FILE, "FltCancelFileOpen was called for a file that has a handle already.");
        return;
    }
    if (!FileObject->FsContext && FltpIsBeingCreated(FileObject)) {
        FltpUsedBeforeCreate("FltCancelFileOpen", VERIFY_CALLER);
        return;
    }
    __atomic_or_fetch(&FileObject->Flags, FO_FILE_OPEN_CANCELLED, __ATOMIC_RELAXED);
    for (int step = 0; step < 2; step++) {
        while (!NT_SUCCESS(FltAllocateCallbackData(Instance, FileObject, &data)))
            ; /* it cannot fail: nobody would close the file later */
        data->Iopb->MajorFunction = step ? IRP_MJ_CLOSE : IRP_MJ_CLEANUP;
        data->Iopb->IrpFlags = step ? IRP_CLOSE_OPERATION | IRP_SYNCHRONOUS_API : IRP_SYNCHRONOUS_API;
        FltPerformSynchronousIo(data);
        FltFreeCallbackData(data);
    }
}

/* ---- a question by name ---- */

static NTSTATUS QueryByName(struct flt_aim *Aim, struct iop_open *Open, POBJECT_ATTRIBUTES Attributes)
{
    Open->ea = Aim->Ea;
    Open->ea_length = Aim->EaLength;
    Open->hint = Aim->Context.DeviceObjectHint;
    Open->ecps = Aim->Context.ExtraCreateParameter;
    Open->txn = Aim->Context.TxnParameters;
    return Aim->Context.Size == sizeof Aim->Context ? IopQueryByName(Open, Attributes) : STATUS_INVALID_PARAMETER;
}

NTSTATUS FltQueryInformationByName(PFLT_FILTER Filter, PFLT_INSTANCE Instance, POBJECT_ATTRIBUTES ObjectAttributes,
                                   PIO_STATUS_BLOCK IoStatusBlock, PVOID FileInformation, ULONG Length,
                                   FILE_INFORMATION_CLASS FileInformationClass, PIO_DRIVER_CREATE_CONTEXT DriverContext)
{
    API_ENTER(FltQueryInformationByName, Filter, SCHED_READ);
    const void *site = VERIFY_CALLER;
    bool checked = FileInformationClass == FileCaseSensitiveInformationForceAccessCheck;
    struct iop_open open = {
        .mode = KernelMode,
        .flags = checked ? IO_FORCE_ACCESS_CHECK : 0,
        .query_class = checked ? FileCaseSensitiveInformation : FileInformationClass,
        .query_buffer = FileInformation,
        .query_length = Length,
        .site = site,
    };
    struct flt_aim aim;
    NTSTATUS status = IopCheckQueryByName(open.query_class, Length);
    if (!NT_SUCCESS(status))
        return status;
    FltpCheckApcs("FltQueryInformationByName", site);
    VERIFY_CALL_DOWN("FltQueryInformationByName", VERIFY_CALL_CREATE, NULL, site);
    status = FltpBeginAim(&aim, Filter, Instance, DriverContext, CreateFileTypeNone, NULL, 0);
    if (NT_SUCCESS(status))
        status = QueryByName(&aim, &open, ObjectAttributes);
    FltpEndAim(&aim);
    *IoStatusBlock = (IO_STATUS_BLOCK){.Status = status, .Information = NT_ERROR(status) ? 0 : open.query_length};
    return status;
}
