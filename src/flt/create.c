/* Creates on their way down: the dispatch of IRP_MJ_CREATE and IRP_MJ_CLOSE. */
#include "flt/create_chain.h"
#include "flt/scan.h"

#include "io/iop.h"
#include "ke/thread.h"
#include "verify/api.h"

void FltpUsedBeforeCreate(const char *Routine, const void *Site)
{
    if (!verify_first_time("file-object-used-before-create", Site))
        return;
    struct verify_violation *v =
        verify_begin(VERIFY_FILE_BEFORE_CREATE, "%s was called for a file whose create is still on its way down.", Routine);
    verify_site(v, "called by", Site);
    verify_end(v);
}

/* ---- targets ---- */

PFLT_INSTANCE FltpTargetOfFileObject(PFILE_OBJECT FileObject) { return IopFile(FileObject)->filter_target; }

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

static NTSTATUS Refuse(PIRP Irp)
{
    Irp->IoStatus = (IO_STATUS_BLOCK){.Status = STATUS_INSUFFICIENT_RESOURCES};
    IoCompleteRequest(Irp, IO_NO_INCREMENT);
    return STATUS_INSUFFICIENT_RESOURCES;
}

static NTSTATUS RunCreate(PFLT_VOLUME Volume, PIRP Irp, PFLT_INSTANCE Target)
{
    PKTHREAD thread = KiCurrentThread();
    struct create_frame *before = thread->flt, frame;
    NTSTATUS status;

    if (__builtin_expect(FltpBeginCreate(&frame, Irp, Target), 1)) {
        thread->flt = &frame;
        status = FltpDispatchTo(Volume, Irp, Target, true, &frame.Op);
        thread->flt = before;
    } else {
        status = Refuse(Irp);
    }
    FltpEndCreate(&frame);
    return status;
}

NTSTATUS FltpDispatchCreate(PFLT_VOLUME Volume, PIRP Irp)
{
    const IO_STACK_LOCATION *stack = IoGetCurrentIrpStackLocation(Irp);
    PFILE_OBJECT file = stack->FileObject;

    if (__builtin_expect(!(FltpVolumeFlags(Volume) & FLTP_VOLUME_SETUP_DONE), 0))
        FltpSetupVolume(Volume);
    PFLT_INSTANCE target = FltpTargetOfCreate(Volume, Irp);
    if (!target && !__atomic_load_n(&Volume->Seen[FLTP_SLOT(stack->MajorFunction)], __ATOMIC_RELAXED) &&
        !FltpMeetsScans(Volume, stack->MajorFunction))
        return FltpPassThrough(Volume->DeviceObject, Irp);
    if (target)
        SetTarget(file, target);
    NTSTATUS status = RunCreate(Volume, Irp, target);
    if (target && (!NT_SUCCESS(status) || status == STATUS_REPARSE))
        SetTarget(file, NULL);
    return status;
}

static bool HoldsSomething(PFLT_VOLUME volume, PFILE_OBJECT file)
{
    return file->FileObjectExtension || IopFile(file)->filter_target || __atomic_load_n(&volume->Names, __ATOMIC_ACQUIRE);
}

NTSTATUS FltpDispatchClose(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    PFLT_VOLUME volume = FltpVolumeOf(DeviceObject);
    PFILE_OBJECT file = IoGetCurrentIrpStackLocation(Irp)->FileObject;

    if (!volume || !file)
        return FltpDispatch(DeviceObject, Irp);
    if (__builtin_expect(__atomic_load_n(&volume->ScanCount, __ATOMIC_ACQUIRE) > 0, 0))
        FltpEndScansOf(volume, file);
    if (!__atomic_load_n(&volume->Seen[FLTP_SLOT(IRP_MJ_CLOSE)], __ATOMIC_RELAXED) && !HoldsSomething(volume, file))
        return FltpPassThrough(DeviceObject, Irp);
    return FltpDispatchTo(volume, Irp, FltpTargetOfFileObject(file), false, NULL);
}

void FltpCloseIsComplete(PFLT_VOLUME Volume, PFILE_OBJECT FileObject)
{
    FltpFileObjectClosed(Volume, FileObject);
    if (IopFile(FileObject)->filter_target)
        SetTarget(FileObject, NULL);
}
