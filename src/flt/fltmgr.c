/* The Filter Manager as a driver of the machine: \FileSystem\FltMgr. */
#include "flt/core.h"
#include "flt/create_chain.h"

#include "ke/thread.h"

#include "fsrtl/fsrtlp.h"
#include "io/iop.h"

struct flt_state FltGlobals;

static NTSTATUS DispatchFsControl(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    PFLT_VOLUME volume = FltpVolumeOf(DeviceObject);
    if (volume && FltpVolumeFlags(volume) & FLTP_VOLUME_CONTROL &&
        IoGetCurrentIrpStackLocation(Irp)->MinorFunction == IRP_MN_MOUNT_VOLUME)
        return FltpMountVolume(volume, Irp);
    NTSTATUS status;
    if (volume && FltpRefusesBypassIo(volume, Irp, &status))
        return status;
    return FltpDispatch(DeviceObject, Irp);
}

static NTSTATUS DispatchCreate(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    PFLT_VOLUME volume = FltpVolumeOf(DeviceObject);
    if (!volume)
        return FltpControlDispatch(DeviceObject, Irp);
    if (FltpVolumeFlags(volume) & FLTP_VOLUME_CONTROL)
        return FltpPassThrough(DeviceObject, Irp);
    return FltpDispatchCreate(volume, Irp);
}

/* Power, PnP and what file systems do not know go through untouched; the Filter Manager's own device answers itself. */
static NTSTATUS DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    for (ULONG i = 0; i <= IRP_MJ_MAXIMUM_FUNCTION; i++)
        DriverObject->MajorFunction[i] = FltpDispatch;
    DriverObject->MajorFunction[IRP_MJ_CREATE] = DispatchCreate;
    DriverObject->MajorFunction[IRP_MJ_CREATE_NAMED_PIPE] = DispatchCreate;
    DriverObject->MajorFunction[IRP_MJ_CREATE_MAILSLOT] = DispatchCreate;
    DriverObject->MajorFunction[IRP_MJ_CLOSE] = FltpDispatchClose;
    DriverObject->MajorFunction[IRP_MJ_FILE_SYSTEM_CONTROL] = DispatchFsControl;
    DriverObject->FastIoDispatch = &FltpFastIo;
    FltGlobals.DriverObject = DriverObject;
    FltpRegisterFsFilter(DriverObject);
    return STATUS_SUCCESS;
}

NTSTATUS FltpControlDispatch(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    UCHAR major = IoGetCurrentIrpStackLocation(Irp)->MajorFunction;
    NTSTATUS status = major == IRP_MJ_CREATE || major == IRP_MJ_CLEANUP || major == IRP_MJ_CLOSE
                          ? STATUS_SUCCESS
                          : STATUS_INVALID_DEVICE_REQUEST;
    Irp->IoStatus = (IO_STATUS_BLOCK){.Status = status};
    IoCompleteRequest(Irp, IO_NO_INCREMENT);
    return status;
}

/* For reports about what a driver does in a callback. */
static void DescribeOperation(const void *Operation, struct verify_operation *Result)
{
    const struct _FLTP_OP *op = Operation;
    UCHAR major = op->Iopb.MajorFunction;

    Result->major = trace_major(major);
    if (op->Iopb.TargetFileObject)
        Result->stream = op->Iopb.TargetFileObject->FsContext;
    if (op->Current)
        FltpText(&op->Current->Filter->Name, Result->filter, sizeof Result->filter);
    Result->post = op->Flags & FLTP_OP_IN_POST;
    Result->paging = (major == IRP_MJ_READ || major == IRP_MJ_WRITE) && op->Iopb.IrpFlags & IRP_PAGING_IO;
    Result->cleanup = major == IRP_MJ_CLEANUP && !Result->post;
    Result->section = major == IRP_MJ_ACQUIRE_FOR_SECTION_SYNCHRONIZATION || major == IRP_MJ_ACQUIRE_FOR_MOD_WRITE ||
                      major == IRP_MJ_ACQUIRE_FOR_CC_FLUSH;
    Result->back = (Result->paging && major == IRP_MJ_WRITE) || major == IRP_MJ_ACQUIRE_FOR_MOD_WRITE ||
                   major == IRP_MJ_ACQUIRE_FOR_CC_FLUSH;
}

static void CreateControlDevice(void)
{
    UNICODE_STRING name = RTL_CONSTANT_STRING((PWSTR)u"\\FileSystem\\Filters\\FltMgr");
    name.Length = sizeof u"\\FileSystem\\Filters\\FltMgr" - sizeof(WCHAR);
    name.MaximumLength = name.Length;
    if (NT_SUCCESS(IoCreateDevice(FltGlobals.DriverObject, sizeof(struct flt_device_extension), &name,
                                  FILE_DEVICE_DISK_FILE_SYSTEM, 0, FALSE, &FltGlobals.ControlDevice)))
        FltGlobals.ControlDevice->Flags &= ~(ULONG)DO_DEVICE_INITIALIZING;
}

bool FltpStart(void)
{
    UNICODE_STRING name = {.Buffer = (PWSTR)u"\\FileSystem\\FltMgr",
                           .Length = sizeof u"\\FileSystem\\FltMgr" - sizeof(WCHAR),
                           .MaximumLength = sizeof u"\\FileSystem\\FltMgr"};

    FltGlobals = (struct flt_state){0};
    InitializeListHead(&FltGlobals.Frames);
    InitializeListHead(&FltGlobals.Leaving);
    InitializeListHead(&FltGlobals.DeadVolumes);
    InitializeListHead(&FltGlobals.FrameZero.Filters);
    InitializeListHead(&FltGlobals.FrameZero.Volumes);
    InsertHeadList(&FltGlobals.Frames, &FltGlobals.FrameZero.Link);
    machine->flt = &FltGlobals;
    FltpParallel = sched_backend() == SCHED_NATIVE;
    KiExplainDeadlocks(FltpExplainDeadlock);
    verify_describe_operations(DescribeOperation);
    KiCaptureOrigin = FltpCaptureCreates;
    KiDropOrigin = FltpDropCreates;
    FsRtlpFeatures = FltpGetSupportedFeatures;
    if (!NT_SUCCESS(IoCreateDriver(&name, DriverEntry)))
        return false;
    CreateControlDevice();
    if (!FltpStartNames() || !FltpStartPorts())
        return false;
    return NT_SUCCESS(IoRegisterFsRegistrationChange(FltGlobals.DriverObject, FltpFsNotification));
}

static PFLT_VOLUME AnyVolume(void)
{
    for (PLIST_ENTRY frame = FltGlobals.Frames.Flink; frame != &FltGlobals.Frames; frame = frame->Flink) {
        PFLTP_FRAME at = CONTAINING_RECORD(frame, FLTP_FRAME, Link);
        if (!IsListEmpty(&at->Volumes))
            return CONTAINING_RECORD(at->Volumes.Flink, struct _FLT_VOLUME, Base.PrimaryLink);
    }
    return NULL;
}

void FltpStop(void)
{
    PFLT_VOLUME volume;

    machine->flt = NULL;
    if (sched_is_dead()) {
        FltGlobals = (struct flt_state){0};
        return;
    }
    IoUnregisterFsRegistrationChange(FltGlobals.DriverObject, FltpFsNotification);
    FltpAbandonFilters();
    while ((volume = AnyVolume()))
        FltpTeardownVolume(volume);
    FltpFreeDeadVolumes(true);
    FltpFreeFrames();
    FltpStopPorts();
    FltpStopNames();
    FltpForgetGone();
    if (FltGlobals.ControlDevice)
        IoDeleteDevice(FltGlobals.ControlDevice);
    IopRemoveDriver(FltGlobals.DriverObject);
    FltGlobals = (struct flt_state){0};
}
