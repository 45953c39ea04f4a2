/* The I/O manager's parse procedures: from a device and the rest of a name to an open file object, by IRP_MJ_CREATE. */
#include "iop.h"

#include "se/sep.h"

#include <string.h>

#define MAX_REPARSES 31

static NTSTATUS CheckDevice(PDEVICE_OBJECT device, struct iop_open *open)
{
    if ((device->Flags & DO_DEVICE_INITIALIZING) ||
        __atomic_load_n(&device->DeviceObjectExtension->delete_pending, __ATOMIC_ACQUIRE) ||
        __atomic_load_n(&IopDriver(device->DriverObject)->waits, __ATOMIC_RELAXED))
        return STATUS_NO_SUCH_DEVICE;
    if ((device->Flags & DO_EXCLUSIVE) && device->ReferenceCount && !open->related)
        return STATUS_ACCESS_DENIED;
    return STATUS_SUCCESS;
}

/* Asking for no more than attributes of the device itself does not mount it. */
static bool IsDirectOpen(const struct iop_open *open, const struct ob_parse *parse, ACCESS_MASK access)
{
    const ACCESS_MASK harmless = SYNCHRONIZE | FILE_READ_ATTRIBUTES | READ_CONTROL | ACCESS_SYSTEM_SECURITY |
                                 WRITE_OWNER | WRITE_DAC;
    return !parse->remaining.Length && !open->related && !open->hint && !(access & ~harmless) && !open->query;
}

/* GUID_ECP_IO_DEVICE_HINT */
const GUID IopDeviceHintEcp = {0xf315b732, 0xac6b, 0x4d4d, {0xbe, 0x0c, 0xb3, 0x12, 0x64, 0x90, 0xe1, 0xa3}};

/* The name leads to a device that is not of the stack that the create is for: whoever wants to know where is told. */
static NTSTATUS RefuseDevice(struct iop_open *open, PDEVICE_OBJECT device, const UNICODE_STRING *remaining)
{
    PIO_DEVICE_HINT_ECP_CONTEXT told;
    NTSTATUS status = open->reparses ? STATUS_MOUNT_POINT_NOT_RESOLVED : STATUS_INVALID_DEVICE_OBJECT_PARAMETER;
    if (!open->ecps ||
        !NT_SUCCESS(FsRtlFindExtraCreateParameter(open->ecps, &IopDeviceHintEcp, (PVOID *)&told, NULL)) ||
        told->TargetDevice)
        return status;
    if (remaining->Length &&
        !(told->RemainingName.Buffer = ExAllocatePoolWithTag(PagedPool, remaining->Length, IOP_NAME_TAG)))
        return STATUS_INSUFFICIENT_RESOURCES;
    told->RemainingName.Length = told->RemainingName.MaximumLength = remaining->Length;
    if (remaining->Length)
        memcpy(told->RemainingName.Buffer, remaining->Buffer, remaining->Length);
    ObReferenceObject(device);
    told->TargetDevice = device;
    FsRtlAcknowledgeEcp(told);
    return status;
}

static NTSTATUS ChooseDevice(struct iop_open *open, PDEVICE_OBJECT device, const UNICODE_STRING *remaining, bool direct,
                             PVPB *vpb, PDEVICE_OBJECT *top)
{
    *vpb = NULL;
    PDEVICE_OBJECT base = device;
    if (open->related && (open->related->Flags & FO_DIRECT_DEVICE_OPEN))
        direct = true;
    if (!direct && __atomic_load_n(&device->Vpb, __ATOMIC_RELAXED) && !(open->related && !open->related->Vpb)) {
        NTSTATUS status = IopMountVolume(device, vpb);
        if (!NT_SUCCESS(status))
            return status;
        base = (*vpb)->DeviceObject;
    }
    if (!open->hint) {
        *top = IopAttached(base);
        return STATUS_SUCCESS;
    }
    if (IopIsOnStack(open->hint, base)) {
        *top = open->hint;
        return STATUS_SUCCESS;
    }
    if (*vpb)
        IopDereferenceVpb(*vpb);
    *vpb = NULL;
    return RefuseDevice(open, device, remaining);
}

static ULONG FileFlags(const struct iop_open *open, ULONG attributes)
{
    ULONG options = open->options, flags = 0;
    if (options & (FILE_SYNCHRONOUS_IO_ALERT | FILE_SYNCHRONOUS_IO_NONALERT))
        flags |= FO_SYNCHRONOUS_IO;
    if (options & FILE_SYNCHRONOUS_IO_ALERT)
        flags |= FO_ALERTABLE_IO;
    if (options & FILE_NO_INTERMEDIATE_BUFFERING)
        flags |= FO_NO_INTERMEDIATE_BUFFERING;
    if (options & FILE_WRITE_THROUGH)
        flags |= FO_WRITE_THROUGH;
    if (options & FILE_SEQUENTIAL_ONLY)
        flags |= FO_SEQUENTIAL_ONLY;
    if (options & FILE_RANDOM_ACCESS)
        flags |= FO_RANDOM_ACCESS;
    if (options & FILE_DISALLOW_EXCLUSIVE)
        flags |= FO_DISALLOW_EXCLUSIVE;
    if (!(attributes & OBJ_CASE_INSENSITIVE))
        flags |= FO_OPENED_CASE_SENSITIVE;
    return flags;
}

static NTSTATUS NameFile(PFILE_OBJECT file, const UNICODE_STRING *name)
{
    if (!name->Length)
        return STATUS_SUCCESS;
    /* Room to grow a little: file systems and filters append to names in place. */
    USHORT room = (USHORT)((name->Length + 56) & ~(USHORT)7);
    if (room < name->Length)
        room = name->Length;
    file->FileName.Buffer = ExAllocatePoolWithTag(PagedPool, room, IOP_NAME_TAG);
    if (!file->FileName.Buffer)
        return STATUS_INSUFFICIENT_RESOURCES;
    file->FileName.Length = name->Length;
    file->FileName.MaximumLength = room;
    memcpy(file->FileName.Buffer, name->Buffer, name->Length);
    return STATUS_SUCCESS;
}

static NTSTATUS MakeFile(struct iop_open *open, PDEVICE_OBJECT device, PVPB vpb, const struct ob_parse *parse,
                         bool direct, PFILE_OBJECT *result)
{
    PFILE_OBJECT file;
    NTSTATUS status = IopCreateFileObject(device, &file);
    if (!NT_SUCCESS(status))
        return status;
    struct iop_file *own = IopFile(file);
    file->Vpb = vpb;
    file->Flags = FileFlags(open, parse->attributes) | (direct ? FO_DIRECT_DEVICE_OPEN : 0);
    if (!parse->remaining.Length && (!parse->relative || (open->related && open->related->Flags & FO_VOLUME_OPEN)))
        file->Flags |= FO_VOLUME_OPEN; /* from the start: filters are told by it, too */
    file->RelatedFileObject = open->related;
    own->has_vpb_reference = vpb != NULL;
    own->hint = open->hint;
    own->mode = open->mode;
    own->copy_flags = open->copy_flags;
    own->ignore_sharing = (open->flags & IO_IGNORE_SHARE_ACCESS_CHECK) != 0;
    IopReferenceDevice(device);
    own->has_device_reference = true;
    if (open->txn) {
        own->txn = sim_alloc(sizeof *own->txn);
        *own->txn = *open->txn;
        ObpReference(own->txn->TransactionObject);
    }
    status = NameFile(file, &parse->remaining);
    if (!NT_SUCCESS(status)) {
        IopAbandonFile(file);
        ObpDereference(file);
        return status;
    }
    *result = file;
    return STATUS_SUCCESS;
}

static UCHAR StackFlags(const struct iop_open *open, const struct ob_parse *parse)
{
    UCHAR flags = 0;
    if (!(parse->attributes & OBJ_CASE_INSENSITIVE))
        flags |= SL_CASE_SENSITIVE;
    if ((open->flags & IO_FORCE_ACCESS_CHECK) || (parse->attributes & OBJ_FORCE_ACCESS_CHECK))
        flags |= SL_FORCE_ACCESS_CHECK;
    if (open->flags & IO_OPEN_PAGING_FILE)
        flags |= SL_OPEN_PAGING_FILE;
    if (open->flags & IO_OPEN_TARGET_DIRECTORY)
        flags |= SL_OPEN_TARGET_DIRECTORY;
    if (open->flags & IO_STOP_ON_SYMLINK)
        flags |= SL_STOP_ON_SYMLINK;
    return flags;
}

static PIRP BuildCreate(struct iop_open *open, PDEVICE_OBJECT top, PFILE_OBJECT file, const struct ob_parse *parse,
                        IO_SECURITY_CONTEXT *security, struct iop_wait *wait)
{
    static const UCHAR majors[] = {IRP_MJ_CREATE, IRP_MJ_CREATE_NAMED_PIPE, IRP_MJ_CREATE_MAILSLOT};
    PIRP irp = IopAllocateIrp(top->StackSize, IOP_OWNER_SERVICE, open->site);
    PIO_STACK_LOCATION stack = IoGetNextIrpStackLocation(irp);
    IopInitializeWait(wait, open->site);
    irp->Flags = IRP_CREATE_OPERATION | IRP_SYNCHRONOUS_API | IRP_DEFER_IO_COMPLETION;
    irp->RequestorMode = open->mode;
    irp->UserIosb = &wait->result;
    irp->Overlay.AllocationSize = open->allocation;
    irp->AssociatedIrp.SystemBuffer = open->ea;
    irp->Tail.Overlay.Thread = (PETHREAD)wait->thread;
    irp->Tail.Overlay.OriginalFileObject = file;
    irp->FltsimPrivate[0] = open->ecps;
    irp->FltsimPrivate[1] = wait;
    stack->MajorFunction = majors[open->kind];
    stack->Flags = StackFlags(open, parse);
    stack->FileObject = file;
    stack->Parameters.Create.SecurityContext = security;
    stack->Parameters.Create.Options = (open->disposition << 24) | (open->options & 0x00ffffff);
    stack->Parameters.Create.ShareAccess = (USHORT)open->share;
    if (open->kind == CreateFileTypeNone) {
        stack->Parameters.Create.FileAttributes = (USHORT)(open->attributes & FILE_ATTRIBUTE_VALID_FLAGS);
        stack->Parameters.Create.EaLength = open->ea_length;
    } else if (open->kind == CreateFileTypeNamedPipe) {
        stack->Parameters.CreatePipe.Parameters = open->parameters;
    } else {
        stack->Parameters.CreateMailslot.Parameters = open->parameters;
    }
    return irp;
}

static bool HasFastQueryOpen(PDEVICE_OBJECT device)
{
    PFAST_IO_DISPATCH fast = device->DriverObject->FastIoDispatch;
    return fast && fast->SizeOfFastIoDispatch > FIELD_OFFSET(FAST_IO_DISPATCH, FastIoQueryOpen) &&
           fast->FastIoQueryOpen;
}

/* NtQueryAttributesFile, NtQueryInformationByName and their kin: one call that opens, asks and closes, where every
 * driver of the stack can. */
static bool FastQueryOpen(struct iop_open *open, PDEVICE_OBJECT device, PFILE_OBJECT file, PIRP irp)
{
    if (!open->query || (open->network && !HasFastQueryOpen(device)))
        return false;
    IoSetNextIrpStackLocation(irp);
    IoGetCurrentIrpStackLocation(irp)->DeviceObject = device;
    bool done = open->network ? device->DriverObject->FastIoDispatch->FastIoQueryOpen(irp, open->network, device)
                              : FsRtlpQueryOpen(device, file, irp, open->query_class, open->query_buffer,
                                                &open->query_length, &irp->IoStatus.Status);
    if (!done)
        IoSkipCurrentIrpStackLocation(irp);
    return done;
}

static NTSTATUS Succeed(struct iop_open *open, PFILE_OBJECT file, PVOID *found)
{
    file->RelatedFileObject = NULL;
    __atomic_or_fetch(&file->Flags, FO_FILE_OPEN, __ATOMIC_RELAXED);
    __atomic_and_fetch(&file->Flags, ~(ULONG)FO_FLAGS_VALID_ONLY_DURING_CREATE, __ATOMIC_RELAXED);
    open->file = file;
    open->parsed = true;
    *found = file;
    return STATUS_SUCCESS;
}

static void FreeAuxiliary(PIRP irp)
{
    if (irp->Tail.Overlay.AuxiliaryBuffer)
        ExFreePool(irp->Tail.Overlay.AuxiliaryBuffer);
    irp->Tail.Overlay.AuxiliaryBuffer = NULL;
}

static NTSTATUS Reparse(struct iop_open *open, struct ob_parse *parse, PFILE_OBJECT file, PIRP irp,
                        const IO_STATUS_BLOCK *result)
{
    if (++open->reparses > MAX_REPARSES)
        return STATUS_REPARSE_POINT_NOT_RESOLVED;
    UNICODE_STRING next = {0};
    NTSTATUS status;
    if (result->Information == IO_REMOUNT)
        return ObpReparse(parse, &parse->complete);
    status = IopPrepareReparse(open, file, result->Information, irp->Tail.Overlay.AuxiliaryBuffer, &next);
    if (!NT_SUCCESS(status))
        return status;
    TRACE("io", "reparse file %p tag 0x%llx", (void *)file, (unsigned long long)result->Information);
    status = ObpReparse(parse, &next);
    sim_free(next.Buffer);
    open->related = NULL;
    return status;
}

static NTSTATUS Fail(struct iop_open *open, PFILE_OBJECT file, NTSTATUS status)
{
    open->parsed = true;
    file->RelatedFileObject = NULL;
    IopAbandonFile(file);
    ObpDereference(file);
    return status;
}

/* May the open be tried again: on the same volume, or on the one that was mounted instead? */
static bool Verify(struct iop_wait *wait, PDEVICE_OBJECT device)
{
    PDEVICE_OBJECT verify = IoGetDeviceToVerify((PETHREAD)wait->thread);
    IoSetDeviceToVerify((PETHREAD)wait->thread, NULL);
    NTSTATUS status = IoVerifyVolume(verify ? verify : device, FALSE);
    return NT_SUCCESS(status) || status == STATUS_WRONG_VOLUME;
}

static NTSTATUS SendCreate(struct iop_open *open, struct ob_parse *parse, PDEVICE_OBJECT top, PFILE_OBJECT file,
                           ACCESS_MASK access, PVOID *found)
{
    struct iop_wait wait;
    IO_SECURITY_CONTEXT security = {
        .SecurityQos = parse->object_attributes->SecurityQualityOfService,
        .AccessState = open->access_state,
        .DesiredAccess = access,
        .FullCreateOptions = open->options,
    };
    PIRP irp = BuildCreate(open, top, file, parse, &security, &wait);
    bool fast = FastQueryOpen(open, top, file, irp);
    if (fast)
        wait.result = irp->IoStatus;
    else
        IopCallAndWait(top, irp, &wait);
    IO_STATUS_BLOCK result = wait.result;
    NTSTATUS status = result.Status;
    open->information = result.Information;
    open->status = status;
    if (status == STATUS_REPARSE)
        status = Reparse(open, parse, file, irp, &result);
    FreeAuxiliary(irp);
    FsRtlpEndCreateTry(&irp->FltsimPrivate[0], open->ecps);
    IopFreeIrp(irp);
    if (fast && NT_SUCCESS(status) && status != STATUS_REPARSE) {
        open->answered = true;
        open->parsed = true;
        IopAbandonFile(file);
        *found = file;
        return status;
    }
    if (status == STATUS_VERIFY_REQUIRED && Verify(&wait, file->DeviceObject))
        status = ObpReparse(parse, &parse->complete);
    if (!NT_SUCCESS(status) || status == STATUS_REPARSE)
        return Fail(open, file, status);
    if (file->Flags & FO_FILE_OPEN_CANCELLED)
        return Fail(open, file, STATUS_CANCELLED);
    NTSTATUS opened = Succeed(open, file, found);
    return NT_SUCCESS(opened) ? status : opened; /* a break of an oplock may be in progress */
}

NTSTATUS IopParseDevice(PVOID object, struct ob_parse *parse, PVOID *found)
{
    struct iop_open *open = parse->context;
    PDEVICE_OBJECT device = object, top;
    PFILE_OBJECT file;
    PVPB vpb;
    if (!open || open->type != IO_TYPE_OPEN_PACKET) {
        if (parse->remaining.Length)
            return STATUS_OBJECT_TYPE_MISMATCH;
        if (parse->type && parse->type != io->device_type)
            return STATUS_OBJECT_TYPE_MISMATCH;
        ObpReference(device);
        *found = device;
        return STATUS_SUCCESS;
    }
    NTSTATUS status = CheckDevice(device, open);
    if (!NT_SUCCESS(status))
        return status;
    ACCESS_MASK access = open->access;
    bool direct = IsDirectOpen(open, parse, access);
    status = ChooseDevice(open, device, &parse->remaining, direct, &vpb, &top);
    if (!NT_SUCCESS(status))
        return status;
    status = MakeFile(open, device, vpb, parse, direct, &file);
    if (!NT_SUCCESS(status))
        return status;
    return SendCreate(open, parse, top, file, access, found);
}

/* A name relative to an open file: the same device, related to that file. */
NTSTATUS IopParseFile(PVOID object, struct ob_parse *parse, PVOID *found)
{
    struct iop_open *open = parse->context;
    PFILE_OBJECT related = object;
    if (!open || open->type != IO_TYPE_OPEN_PACKET)
        return STATUS_OBJECT_TYPE_MISMATCH;
    open->related = related;
    return IopParseDevice(related->DeviceObject, parse, found);
}
