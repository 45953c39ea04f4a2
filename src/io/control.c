/* NtDeviceIoControlFile and NtFsControlFile: the four transfer methods. */
#include "iop.h"

#include <fltUserStructures.h>

#include <string.h>

struct control {
    HANDLE handle, event;
    PIO_APC_ROUTINE apc;
    PVOID apc_context;
    PIO_STATUS_BLOCK iosb;
    ULONG code;
    PVOID in, out;
    ULONG in_length, out_length;
    bool device;
    const void *site;
};

static bool Buffers(PIRP irp, PIO_STACK_LOCATION stack, const struct control *c)
{
    stack->Parameters.DeviceIoControl.OutputBufferLength = c->out_length;
    stack->Parameters.DeviceIoControl.InputBufferLength = c->in_length;
    stack->Parameters.DeviceIoControl.IoControlCode = c->code;
    switch (METHOD_FROM_CTL_CODE(c->code)) {
    case METHOD_BUFFERED:
        irp->UserBuffer = c->out;
        if (c->out_length)
            irp->Flags |= IRP_INPUT_OPERATION;
        return IopControlBuffer(irp, c->in, c->in_length, c->out_length);
    case METHOD_IN_DIRECT:
    case METHOD_OUT_DIRECT:
        if (c->in && !IopSystemBuffer(irp, c->in, c->in_length, c->in_length))
            return false;
        return IopLockBuffer(irp, c->out, c->out ? c->out_length : 0,
                             METHOD_FROM_CTL_CODE(c->code) == METHOD_IN_DIRECT ? IoReadAccess : IoWriteAccess);
    default:
        irp->UserBuffer = c->out;
        stack->Parameters.DeviceIoControl.Type3InputBuffer = c->in;
        return true;
    }
}

/* The access that the code itself asks for. */
static ACCESS_MASK AccessOf(ULONG code)
{
    static const ACCESS_MASK needed[] = {0, FILE_READ_DATA, FILE_WRITE_DATA, FILE_READ_DATA | FILE_WRITE_DATA};
    return needed[(code >> 14) & 3];
}

/* What a program passes: METHOD_NEITHER leaves it to the driver; else a buffer that is NULL is of no length. */
static NTSTATUS CheckMemory(KPROCESSOR_MODE mode, struct control *c)
{
    ULONG method = METHOD_FROM_CTL_CODE(c->code);
    if (mode == KernelMode || method == METHOD_NEITHER)
        return STATUS_SUCCESS;
    c->in_length = c->in ? c->in_length : 0;
    c->out_length = c->out ? c->out_length : 0;
    NTSTATUS status = IopProbe(mode, c->in, c->in_length, 1, false);
    return NT_SUCCESS(status) ? IopProbe(mode, c->out, c->out_length, 1, method != METHOD_IN_DIRECT) : status;
}

static bool FastControl(struct iop_service *s, const struct control *c, IO_STATUS_BLOCK *result)
{
    PFAST_IO_DISPATCH fast = s->device->DriverObject->FastIoDispatch;
    return c->device && fast && fast->FastIoDeviceControl &&
           fast->FastIoDeviceControl(s->file, TRUE, c->in, c->in_length, c->out, c->out_length, c->code, result,
                                     s->device);
}

/* Copies by token, where a minifilter on the volume does not say that it understands them. */
static NTSTATUS CheckFeatures(const struct iop_service *s, const struct control *c)
{
    ULONG features;
    bool reads = c->code == FSCTL_OFFLOAD_READ;
    if (c->device || (!reads && c->code != FSCTL_OFFLOAD_WRITE))
        return STATUS_SUCCESS;
    if (!NT_SUCCESS(FsRtlGetSupportedFeatures(s->device, &features)) ||
        features & (reads ? SUPPORTED_FS_FEATURES_OFFLOAD_READ : SUPPORTED_FS_FEATURES_OFFLOAD_WRITE))
        return STATUS_SUCCESS;
    return reads ? STATUS_OFFLOAD_READ_FLT_NOT_SUPPORTED : STATUS_OFFLOAD_WRITE_FLT_NOT_SUPPORTED;
}

static NTSTATUS Control(struct control *c)
{
    struct iop_service s;
    s.wait.site = c->site;
    NTSTATUS status = IopBeginService(&s, c->handle, 0, c->iosb);
    if (!NT_SUCCESS(status))
        return status;
    if (s.mode != KernelMode && (AccessOf(c->code) & ~s.granted))
        return IopEndService(&s, STATUS_ACCESS_DENIED);
    status = CheckFeatures(&s, c);
    if (NT_SUCCESS(status))
        status = CheckMemory(s.mode, c);
    if (NT_SUCCESS(status))
        status = IopServiceEvent(&s, c->event, c->apc, c->apc_context);
    if (!NT_SUCCESS(status))
        return IopEndService(&s, status);
    IopLockService(&s);
    IO_STATUS_BLOCK result;
    if (FastControl(&s, c, &result))
        return IopEndFastIo(&s, &result);
    PIRP irp = IopServiceIrp(&s, c->device ? IRP_MJ_DEVICE_CONTROL : IRP_MJ_FILE_SYSTEM_CONTROL,
                             c->device ? 0 : IRP_MN_USER_FS_REQUEST);
    if (!Buffers(irp, IoGetNextIrpStackLocation(irp), c)) {
        if (irp->AssociatedIrp.SystemBuffer)
            ExFreePoolWithTag(irp->AssociatedIrp.SystemBuffer, IOP_TAG);
        IopFreeIrp(irp);
        return IopEndService(&s, STATUS_INSUFFICIENT_RESOURCES);
    }
    if (!c->device)
        irp->Flags |= IRP_DEFER_IO_COMPLETION;
    return IopRunService(&s, irp, false);
}

NTSTATUS NtDeviceIoControlFile(HANDLE FileHandle, HANDLE Event, PIO_APC_ROUTINE ApcRoutine, PVOID ApcContext,
                               PIO_STATUS_BLOCK IoStatusBlock, ULONG IoControlCode, PVOID InputBuffer,
                               ULONG InputBufferLength, PVOID OutputBuffer, ULONG OutputBufferLength)
{
    API_ENTER(NtDeviceIoControlFile, FileHandle, SCHED_WRITE);
    struct control c = {FileHandle,    Event,       ApcRoutine,   ApcContext,        IoStatusBlock,
                              IoControlCode, InputBuffer, OutputBuffer, InputBufferLength, OutputBufferLength,
                              true,          VERIFY_CALLER};
    return Control(&c);
}

NTSTATUS ZwDeviceIoControlFile(HANDLE FileHandle, HANDLE Event, PIO_APC_ROUTINE ApcRoutine, PVOID ApcContext,
                               PIO_STATUS_BLOCK IoStatusBlock, ULONG IoControlCode, PVOID InputBuffer,
                               ULONG InputBufferLength, PVOID OutputBuffer, ULONG OutputBufferLength)
{
    API_ENTER(ZwDeviceIoControlFile, FileHandle, SCHED_WRITE);
    struct control c = {FileHandle,    Event,       ApcRoutine,   ApcContext,        IoStatusBlock,
                              IoControlCode, InputBuffer, OutputBuffer, InputBufferLength, OutputBufferLength,
                              true,          VERIFY_CALLER};
    IOP_ZW(Control(&c));
}

NTSTATUS NtFsControlFile(HANDLE FileHandle, HANDLE Event, PIO_APC_ROUTINE ApcRoutine, PVOID ApcContext,
                         PIO_STATUS_BLOCK IoStatusBlock, ULONG FsControlCode, PVOID InputBuffer,
                         ULONG InputBufferLength, PVOID OutputBuffer, ULONG OutputBufferLength)
{
    struct control c = {FileHandle,    Event,       ApcRoutine,   ApcContext,        IoStatusBlock,
                              FsControlCode, InputBuffer, OutputBuffer, InputBufferLength, OutputBufferLength,
                              false,         VERIFY_CALLER};
    return Control(&c);
}

NTSTATUS ZwFsControlFile(HANDLE FileHandle, HANDLE Event, PIO_APC_ROUTINE ApcRoutine, PVOID ApcContext,
                         PIO_STATUS_BLOCK IoStatusBlock, ULONG FsControlCode, PVOID InputBuffer,
                         ULONG InputBufferLength, PVOID OutputBuffer, ULONG OutputBufferLength)
{
    API_ENTER(ZwFsControlFile, FileHandle, SCHED_WRITE);
    struct control c = {FileHandle,    Event,       ApcRoutine,   ApcContext,        IoStatusBlock,
                              FsControlCode, InputBuffer, OutputBuffer, InputBufferLength, OutputBufferLength,
                              false,         VERIFY_CALLER};
    IOP_ZW(Control(&c));
}
