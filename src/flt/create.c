/* Creates: the dispatch of IRP_MJ_CREATE and IRP_MJ_CLOSE, and the creates that filters issue. */
#include "flt/core.h"

#include "io/iop.h"
#include "ke/thread.h"
#include "verify/api.h"

/* {1c8d4c2e-5b0e-4f5e-9a53-3f6c6f1d7a11} */
const GUID FltpTargetEcp = {0x1c8d4c2e, 0x5b0e, 0x4f5e, {0x9a, 0x53, 0x3f, 0x6c, 0x6f, 0x1d, 0x7a, 0x11}};

enum { FLTP_MAX_CREATE_DEPTH = 16 };

/* The creates that this thread is in the middle of: each was issued by a callback of the one before. */
struct create_frame {
    struct create_frame *Outer; /* struct _KTHREAD.flt */
    PIRP_CTRL Op;
    unsigned Depth;
};

/* ---- recursion ---- */

static void ReportRecursion(const struct create_frame *Frame, PFILE_OBJECT FileObject)
{
    char text[200];
    struct verify_violation *v =
        verify_begin(VERIFY_CREATE_RECURSION, "Creates were issued from within creates, %u deep, the last for \"%s\".",
                     Frame->Depth, FltpText(&FileObject->FileName, text, sizeof text));
    for (const struct create_frame *at = Frame->Outer; at; at = at->Outer) {
        PFLT_INSTANCE instance = at->Op ? at->Op->Current : NULL;
        PFILE_OBJECT file = at->Op ? at->Op->Iopb.TargetFileObject : NULL;
        verify_history(v, "filter %s, in its callback for the create of the next line, issued the one above",
                       instance ? FltpText(&instance->Filter->Name, text, sizeof text) : "(none)");
        if (file)
            verify_history(v, "    create of \"%s\"", FltpText(&file->FileName, text, sizeof text));
    }
    verify_end(v);
}

bool FltpIsBeingCreated(PFILE_OBJECT FileObject)
{
    for (const struct create_frame *at = KiCurrentThread()->flt; at; at = at->Outer)
        if (at->Op && at->Op->Iopb.TargetFileObject == FileObject)
            return !(at->Op->Flags & (FLTP_OP_IN_POST | FLTP_OP_SENT));
    return false;
}

/* ---- targets ---- */

PFLT_INSTANCE FltpTargetOfFileObject(PFILE_OBJECT FileObject) { return IopFile(FileObject)->filter_target; }

static PFLT_INSTANCE TargetOfCreate(PFLT_VOLUME Volume, PIRP Irp)
{
    PECP_LIST list = NULL;
    PFLTP_TARGET target;

    if (!NT_SUCCESS(FsRtlGetEcpListFromIrp(Irp, &list)) || !list)
        return NULL;
    if (!NT_SUCCESS(FsRtlFindExtraCreateParameter(list, &FltpTargetEcp, (PVOID *)&target, NULL)))
        return NULL;
    return target->Instance && target->Instance->Volume == Volume ? target->Instance : NULL;
}

static void SetTarget(PFILE_OBJECT FileObject, PFLT_INSTANCE Instance)
{
    PFLT_INSTANCE old = IopFile(FileObject)->filter_target;
    if (Instance)
        FltpReferencePointer(&Instance->Base);
    IopFile(FileObject)->filter_target = Instance;
    if (old)
        FltpDereferencePointer(&old->Base);
}

/* ---- dispatch ---- */

static NTSTATUS RunCreate(PFLT_VOLUME Volume, PIRP Irp, PFLT_INSTANCE Target, struct create_frame *Frame)
{
    PKTHREAD thread = KiCurrentThread();

    Frame->Outer = thread->flt;
    Frame->Depth = Frame->Outer ? Frame->Outer->Depth + 1 : 1;
    if (Frame->Depth > FLTP_MAX_CREATE_DEPTH) {
        ReportRecursion(Frame, IoGetCurrentIrpStackLocation(Irp)->FileObject);
        Irp->IoStatus = (IO_STATUS_BLOCK){.Status = STATUS_INSUFFICIENT_RESOURCES};
        IoCompleteRequest(Irp, IO_NO_INCREMENT);
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    thread->flt = Frame;
    NTSTATUS status = FltpDispatchTo(Volume, Irp, Target, true, &Frame->Op);
    thread->flt = Frame->Outer;
    return status;
}

NTSTATUS FltpDispatchCreate(PFLT_VOLUME Volume, PIRP Irp)
{
    PFILE_OBJECT file = IoGetCurrentIrpStackLocation(Irp)->FileObject;
    struct create_frame frame = {0};

    if (__builtin_expect(!(FltpVolumeFlags(Volume) & FLTP_VOLUME_SETUP_DONE), 0))
        FltpSetupVolume(Volume);
    PFLT_INSTANCE target = TargetOfCreate(Volume, Irp);
    if (!target && !__atomic_load_n(&Volume->Seen[FLTP_SLOT(IRP_MJ_CREATE)], __ATOMIC_RELAXED))
        return FltpPassThrough(Volume->DeviceObject, Irp);
    if (target)
        SetTarget(file, target);
    NTSTATUS status = RunCreate(Volume, Irp, target, &frame);
    if (target && (!NT_SUCCESS(status) || status == STATUS_REPARSE))
        SetTarget(file, NULL);
    return status;
}

NTSTATUS FltpDispatchClose(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    PFLT_VOLUME volume = FltpVolumeOf(DeviceObject);
    PFILE_OBJECT file = IoGetCurrentIrpStackLocation(Irp)->FileObject;

    if (!volume || !file)
        return FltpDispatch(DeviceObject, Irp);
    NTSTATUS status = FltpDispatch(DeviceObject, Irp);
    FltpFileObjectClosed(volume, file);
    if (IopFile(file)->filter_target)
        SetTarget(file, NULL);
    return status;
}

/* ---- FltCreateFile ---- */

struct create {
    PFLT_INSTANCE Instance;
    IO_DRIVER_CREATE_CONTEXT Context;
    PECP_LIST Own;
    PFLTP_TARGET Target;
    UCHAR Shard;
};

static NTSTATUS BeginCreate(struct create *Create, PFLT_FILTER Filter, PFLT_INSTANCE Instance,
                            PIO_DRIVER_CREATE_CONTEXT DriverContext, const char *Routine, const void *Site)
{
    *Create = (struct create){.Instance = Instance, .Shard = (UCHAR)FltpShard()};
    FltpCheckApcs(Routine, Site);
    IoInitializeDriverCreateContext(&Create->Context);
    if (DriverContext)
        Create->Context = *DriverContext;
    if (!Instance)
        return STATUS_SUCCESS;
    if (!FltpAcquireRundown(&Instance->Operations[Create->Shard].Value))
        return STATUS_FLT_DELETING_OBJECT;
    NTSTATUS status = STATUS_SUCCESS;
    if (!Create->Context.ExtraCreateParameter) {
        status = FsRtlAllocateExtraCreateParameterList(0, &Create->Own);
        Create->Context.ExtraCreateParameter = Create->Own;
    }
    if (NT_SUCCESS(status))
        status = FsRtlAllocateExtraCreateParameter(&FltpTargetEcp, sizeof *Create->Target, 0, NULL, 'TtlF',
                                                   (PVOID *)&Create->Target);
    if (NT_SUCCESS(status)) {
        *Create->Target = (FLTP_TARGET){.Instance = Instance, .Volume = Instance->Volume, .Filter = Filter};
        status = FsRtlInsertExtraCreateParameter(Create->Context.ExtraCreateParameter, Create->Target);
    }
    Create->Context.DeviceObjectHint = Instance->Volume->DeviceObject;
    return status;
}

static void EndCreate(struct create *Create)
{
    PVOID removed;
    ULONG size;

    if (!Create->Instance)
        return;
    if (Create->Target) {
        FsRtlRemoveExtraCreateParameter(Create->Context.ExtraCreateParameter, &FltpTargetEcp, &removed, &size);
        FsRtlFreeExtraCreateParameter(Create->Target);
    }
    if (Create->Own)
        FsRtlFreeExtraCreateParameterList(Create->Own);
    FltpReleaseRundown(&Create->Instance->Operations[Create->Shard].Value);
}

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

static NTSTATUS CreateFile(PFLT_FILTER Filter, PFLT_INSTANCE Instance, PHANDLE Handle, PFILE_OBJECT *FileObject,
                           const struct request *R, PIO_DRIVER_CREATE_CONTEXT DriverContext, const char *Routine,
                           const void *Site)
{
    struct create create;

    *Handle = NULL;
    if (FileObject)
        *FileObject = NULL;
    NTSTATUS status = BeginCreate(&create, Filter, Instance, DriverContext, Routine, Site);
    if (status == STATUS_FLT_DELETING_OBJECT)
        return status;
    if (NT_SUCCESS(status))
        status = IoCreateFileEx(Handle, R->Access, R->Attributes, R->Iosb, R->Allocation, R->FileAttributes, R->Share,
                                R->Disposition, R->Options, R->Ea, R->EaLength, R->Type, R->Parameters, R->Flags,
                                &create.Context);
    EndCreate(&create);
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
    return CreateFile(Filter, Instance, FileHandle, NULL, &r, NULL, "FltCreateFile", VERIFY_CALLER);
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
    return CreateFile(Filter, Instance, FileHandle, FileObject, &r, NULL, "FltCreateFileEx", VERIFY_CALLER);
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
    return CreateFile(Filter, Instance, FileHandle, FileObject, &r, DriverContext, "FltCreateFileEx2", VERIFY_CALLER);
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
    return CreateFile(Filter, Instance, FileHandle, FileObject, &r, DriverContext, "FltCreateNamedPipeFile",
                      VERIFY_CALLER);
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
    return CreateFile(Filter, Instance, FileHandle, FileObject, &r, DriverContext, "FltCreateMailslotFile", VERIFY_CALLER);
}

NTSTATUS FltClose(HANDLE FileHandle)
{
    API_ENTER(FltClose, FileHandle, SCHED_WRITE);
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
    return CreateFile(Instance->Filter, Instance, VolumeHandle, VolumeFileObject, &r, NULL, "FltOpenVolume", VERIFY_CALLER);
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
    NTSTATUS status = CreateFile(Instance->Filter, Instance, &handle, NULL, &r, NULL,
                                 "FltCreateSystemVolumeInformationFolder", VERIFY_CALLER);
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
    FileObject->Flags |= FO_FILE_OPEN_CANCELLED;
    for (int step = 0; step < 2; step++) {
        while (!NT_SUCCESS(FltAllocateCallbackData(Instance, FileObject, &data)))
            ; /* it cannot fail: nobody would close the file later */
        data->Iopb->MajorFunction = step ? IRP_MJ_CLOSE : IRP_MJ_CLEANUP;
        data->Iopb->IrpFlags = step ? IRP_CLOSE_OPERATION | IRP_SYNCHRONOUS_API : IRP_SYNCHRONOUS_API;
        FltPerformSynchronousIo(data);
        FltFreeCallbackData(data);
    }
}
