/* Data scans' sections, and operations that have no room beside them. While a scan's section is open, the file system says
 * so (FSCTL_SET_PURGE_FAILURE_MODE) instead of failing the program's request: the filters that scan are told, the request
 * waits until they have closed their sections, and goes to the file system again. Filters see nothing of that. */
#include "context.h"
#include "core.h"
#include "scan.h"

#include "ke/thread.h"
#include "ob/object.h"

struct flt_scan {
    LIST_ENTRY Link;       /* FLT_VOLUME.Scans */
    volatile LONG References;
    PFLTP_CONTEXT Context; /* linked as long as this is in the list */
    PFLT_INSTANCE Instance;
    PFILE_OBJECT File;     /* its close ends the scan: there as long as this is in the list */
    const void *Stream;    /* its FsContext */
    PIRP Irp;              /* SetPurgeFailureMode's */
    bool Ending;           /* somebody does it; Lock */
    KEVENT Ended;
};

static void Dereference(struct flt_scan *scan)
{
    if (__atomic_sub_fetch(&scan->References, 1, __ATOMIC_ACQ_REL) != 0)
        return;
    IoFreeIrp(scan->Irp);
    sim_free(scan);
}

/* ---- scans come and go ----------------------------------------------------------------------------------------------- */

static NTSTATUS SignalDone(PDEVICE_OBJECT DeviceObject, PIRP Irp, PVOID Event)
{
    KeSetEvent(Event, IO_NO_INCREMENT, FALSE);
    return STATUS_MORE_PROCESSING_REQUIRED;
}

/* A file system that does not know it fails what conflicts, as without a scan. */
static void SetPurgeFailureMode(struct flt_scan *scan, ULONG mode)
{
    const struct ki_wait_hint hint = {.what = "the file system below", .object = scan->File};
    PDEVICE_OBJECT below = scan->Instance->Volume->AttachedToDevice;
    SET_PURGE_FAILURE_MODE_INPUT input = {.Flags = mode};
    PIRP irp = scan->Irp;
    KEVENT done;

    KeInitializeEvent(&done, NotificationEvent, FALSE);
    IoReuseIrp(irp, STATUS_SUCCESS);
    irp->AssociatedIrp.SystemBuffer = &input;
    irp->Tail.Overlay.Thread = PsGetCurrentThread();
    irp->Tail.Overlay.OriginalFileObject = scan->File;
    PIO_STACK_LOCATION stack = IoGetNextIrpStackLocation(irp);
    stack->MajorFunction = IRP_MJ_FILE_SYSTEM_CONTROL;
    stack->MinorFunction = IRP_MN_USER_FS_REQUEST;
    stack->FileObject = scan->File;
    stack->Parameters.FileSystemControl.FsControlCode = FSCTL_SET_PURGE_FAILURE_MODE;
    stack->Parameters.FileSystemControl.InputBufferLength = sizeof input;
    IoSetCompletionRoutine(irp, SignalDone, &done, TRUE, TRUE, TRUE);
    IoCallDriver(below, irp);
    KiWaitFor(&done, NULL, &hint, __builtin_return_address(0));
}

NTSTATUS FltpBeginScan(PFLT_INSTANCE Instance, PFLT_CONTEXT Context, PFILE_OBJECT File)
{
    PFLT_VOLUME volume = Instance->Volume;
    PIRP irp = IoAllocateIrp(volume->AttachedToDevice->StackSize, FALSE);
    if (!irp)
        return STATUS_INSUFFICIENT_RESOURCES;
    struct flt_scan *scan = sim_alloc(sizeof *scan);
    *scan = (struct flt_scan){
        .References = 1, .Context = FltpContextOf(Context), .Instance = Instance, .File = File, .Stream = File->FsContext,
        .Irp = irp};
    KeInitializeEvent(&scan->Ended, NotificationEvent, FALSE);
    SetPurgeFailureMode(scan, SET_PURGE_FAILURE_MODE_ENABLED);
    sched_lock(&volume->Lock);
    InsertTailList(&volume->Scans, &scan->Link);
    __atomic_add_fetch(&volume->ScanCount, 1, __ATOMIC_RELEASE);
    sched_unlock(&volume->Lock);
    return STATUS_SUCCESS;
}

/* Which scans end; NULL: whichever. */
struct ending {
    PFLT_INSTANCE Instance;
    PFLTP_CONTEXT Context;
    PFILE_OBJECT File;
};

static bool Ends(const struct flt_scan *scan, const struct ending *ending)
{
    return (!ending->Instance || scan->Instance == ending->Instance) && (!ending->Context || scan->Context == ending->Context) &&
           (!ending->File || scan->File == ending->File);
}

/* To be ended by the caller; its file object is referenced, unless that is on its way out. */
static struct flt_scan *Take(PFLT_VOLUME volume, const struct ending *ending, bool *open)
{
    struct flt_scan *found = NULL;
    sched_lock(&volume->Lock);
    for (PLIST_ENTRY link = volume->Scans.Flink; link != &volume->Scans && !found; link = link->Flink) {
        struct flt_scan *scan = CONTAINING_RECORD(link, struct flt_scan, Link);
        if (!scan->Ending && Ends(scan, ending))
            found = scan;
    }
    if (found) {
        found->Ending = true;
        *open = !ending->File && ObpReferenceSafe(found->File);
    }
    sched_unlock(&volume->Lock);
    return found;
}

static void Remove(PFLT_VOLUME volume, struct flt_scan *scan)
{
    sched_lock(&volume->Lock);
    RemoveEntryList(&scan->Link);
    __atomic_add_fetch(&volume->ScansEnded, 1, __ATOMIC_RELEASE);
    __atomic_sub_fetch(&volume->ScanCount, 1, __ATOMIC_RELEASE);
    sched_unlock(&volume->Lock);
}

static bool EndOne(PFLT_VOLUME volume, const struct ending *ending)
{
    bool open, any = __atomic_load_n(&volume->ScanCount, __ATOMIC_ACQUIRE) > 0;
    struct flt_scan *scan = any ? Take(volume, ending, &open) : NULL;
    if (!scan)
        return false;
    if (open) { /* else the file system sees its close */
        SetPurgeFailureMode(scan, SET_PURGE_FAILURE_MODE_DISABLED);
        ObpDereference(scan->File);
    }
    Remove(volume, scan); /* behind the file system's change of mind: who finds it gone tries once more */
    KeSetEvent(&scan->Ended, IO_NO_INCREMENT, FALSE);
    Dereference(scan);
    return true;
}

void FltpEndScan(PFLT_INSTANCE Instance, PFLT_CONTEXT Context)
{
    EndOne(Instance->Volume, &(struct ending){.Instance = Instance, .Context = FltpContextOf(Context)});
}

void FltpEndScans(PFLT_INSTANCE Instance)
{
    while (EndOne(Instance->Volume, &(struct ending){.Instance = Instance}))
        ;
}

void FltpEndScansOf(PFLT_VOLUME Volume, PFILE_OBJECT File)
{
    while (EndOne(Volume, &(struct ending){.File = File}))
        ;
}

/* ---- who is in the way ----------------------------------------------------------------------------------------------- */

/* The nth scan of the stream, referenced; NULL: there are not that many. Context (may be NULL): its own, referenced, and the
 * instance's memory as well. */
static struct flt_scan *Find(PFLT_VOLUME volume, const void *stream, ULONG n, PFLTP_CONTEXT *context)
{
    struct flt_scan *found = NULL;
    sched_lock(&volume->Lock);
    for (PLIST_ENTRY link = volume->Scans.Flink; link != &volume->Scans && !found; link = link->Flink) {
        struct flt_scan *scan = CONTAINING_RECORD(link, struct flt_scan, Link);
        if (scan->Stream == stream && !(context && scan->Ending) && n-- == 0)
            found = scan;
    }
    if (found)
        __atomic_add_fetch(&found->References, 1, __ATOMIC_RELAXED);
    if (found && context) {
        *context = found->Context;
        FltpLinkReference(*context, "told of a conflict", NULL);
        FltpReferencePointer(&found->Instance->Base);
    }
    sched_unlock(&volume->Lock);
    return found;
}

/* The context keeps the filter, its rundown reference the instance. */
static void Tell(PIRP_CTRL op, PFLT_INSTANCE instance, PFLTP_CONTEXT context)
{
    PFLT_SECTION_CONFLICT_NOTIFICATION_CALLBACK callback = instance->Filter->Registration.SectionNotificationCallback;
    if (!callback)
        return;
    TRACE("flt", "section conflict of instance %p, context %p", (void *)instance, FltpDriverPart(context));
    callback(instance, FltpDriverPart(context), &op->Data);
}

static void TellAll(PIRP_CTRL op, const void *stream)
{
    struct flt_scan *scan;
    PFLTP_CONTEXT context;
    for (ULONG n = 0; (scan = Find(op->Volume, stream, n, &context)); n++) {
        if (NT_SUCCESS(FltpReferenceObject(&scan->Instance->Base, NULL, NULL))) {
            Tell(op, scan->Instance, context);
            FltpDereferenceObject(&scan->Instance->Base, NULL, NULL);
        }
        FltpDropReference(context, "told of a conflict", NULL);
        FltpDereferencePointer(&scan->Instance->Base);
        Dereference(scan);
    }
}

static void WaitUntilClosed(PFLT_VOLUME volume, const void *stream)
{
    const struct ki_wait_hint hint = {.what = "data scans of the file to end (FltCloseSectionForDataScan)", .object = stream};
    struct flt_scan *scan;
    while ((scan = Find(volume, stream, 0, NULL))) {
        KiWaitFor(&scan->Ended, NULL, &hint, __builtin_return_address(0));
        Dereference(scan);
    }
}

/* ---- a create that would destroy data knows its stream by name only --------------------------------------------------- */

static NTSTATUS OpenBelow(PIRP_CTRL op, HANDLE root, PUNICODE_STRING name, PHANDLE handle)
{
    OBJECT_ATTRIBUTES attributes;
    IO_STATUS_BLOCK iosb;
    ULONG options = op->Iopb.Parameters.Create.Options & (FILE_OPEN_BY_FILE_ID | FILE_OPEN_REPARSE_POINT);
    InitializeObjectAttributes(&attributes, name, OBJ_KERNEL_HANDLE | OBJ_CASE_INSENSITIVE, root, NULL);
    return IoCreateFileSpecifyDeviceObjectHint(
        handle, FILE_READ_ATTRIBUTES | SYNCHRONIZE, &attributes, &iosb, NULL, 0,
        FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, FILE_OPEN, options | FILE_SYNCHRONOUS_IO_NONALERT, NULL, 0,
        CreateFileTypeNone, NULL, IO_IGNORE_SHARE_ACCESS_CHECK, op->Volume->AttachedToDevice);
}

/* Its FsContext is valid while the handle is open. */
static NTSTATUS OpenStream(PIRP_CTRL op, PHANDLE handle, const void **stream)
{
    PFILE_OBJECT file = op->Iopb.TargetFileObject, opened;
    HANDLE root = NULL;
    NTSTATUS status;

    if (file->RelatedFileObject) {
        status = ObOpenObjectByPointer(file->RelatedFileObject, OBJ_KERNEL_HANDLE, NULL, 0, *IoFileObjectType, KernelMode, &root);
        if (!NT_SUCCESS(status))
            return status;
        status = OpenBelow(op, root, &file->FileName, handle);
        ZwClose(root);
    } else {
        UNICODE_STRING name = {.MaximumLength = op->Volume->Name.Length + file->FileName.Length};
        name.Buffer = sim_alloc(name.MaximumLength);
        RtlCopyUnicodeString(&name, &op->Volume->Name);
        RtlAppendUnicodeStringToString(&name, &file->FileName);
        status = OpenBelow(op, NULL, &name, handle);
        sim_free(name.Buffer);
    }
    if (!NT_SUCCESS(status))
        return status;
    status = ObReferenceObjectByHandle(*handle, 0, *IoFileObjectType, KernelMode, (PVOID *)&opened, NULL);
    if (!NT_SUCCESS(status)) {
        ZwClose(*handle);
        return status;
    }
    *stream = opened->FsContext;
    ObDereferenceObject(opened); /* the handle keeps it */
    return status;
}

/* ---- the operation ---------------------------------------------------------------------------------------------------- */

static bool IsConflict(PIRP_CTRL op, NTSTATUS status)
{
    return status == (op->Iopb.MajorFunction == IRP_MJ_CREATE ? STATUS_USER_MAPPED_FILE : STATUS_PURGE_FAILED);
}

bool FltpMayMeetScan(PIRP_CTRL Op)
{
    UCHAR major = Op->Iopb.MajorFunction;
    if (KiCurrentIrql() > APC_LEVEL || !FltpMeetsScans(Op->Volume, major))
        return false;
    return major != IRP_MJ_WRITE || (Op->Iopb.IrpFlags & (IRP_NOCACHE | IRP_PAGING_IO)) == IRP_NOCACHE;
}

bool FltpGivesWay(PIRP_CTRL Op, NTSTATUS Status, LONG EndedBefore)
{
    if (!IsConflict(Op, Status))
        return false;
    const void *stream = NULL;
    HANDLE handle = NULL;
    if (Op->Iopb.MajorFunction != IRP_MJ_CREATE)
        stream = Op->Iopb.TargetFileObject->FsContext;
    else if (!NT_SUCCESS(OpenStream(Op, &handle, &stream)))
        stream = NULL;
    struct flt_scan *scan = stream ? Find(Op->Volume, stream, 0, NULL) : NULL;
    if (scan) {
        Dereference(scan);
        TellAll(Op, stream);
        WaitUntilClosed(Op->Volume, stream);
    }
    if (handle)
        ZwClose(handle);
    return scan || FltpScansEnded(Op->Volume) != EndedBefore;
}

static NTSTATUS CallOnce(PIRP_CTRL op)
{
    const struct ki_wait_hint hint = {.what = "the file system below", .object = op->Irp};
    PIRP irp = op->Irp;
    KEVENT done;

    irp->PendingReturned = FALSE;
    irp->IoStatus = (IO_STATUS_BLOCK){0};
    IoCopyCurrentIrpStackLocationToNext(irp);
    if (op->Flags & FLTP_OP_DIRTY_BELOW)
        FltpParametersToIrp(op, irp, IoGetNextIrpStackLocation(irp));
    KeInitializeEvent(&done, NotificationEvent, FALSE);
    IoSetCompletionRoutine(irp, SignalDone, &done, TRUE, TRUE, TRUE);
    NTSTATUS status = IoCallDriver(op->Volume->AttachedToDevice, irp);
    KiWaitFor(&done, NULL, &hint, __builtin_return_address(0));
    return status;
}

NTSTATUS FltpCallAroundScans(PIRP_CTRL Op)
{
    NTSTATUS status;
    LONG ended;
    do {
        ended = FltpScansEnded(Op->Volume);
        status = CallOnce(Op);
    } while (FltpGivesWay(Op, Op->Irp->IoStatus.Status, ended));
    return status;
}
