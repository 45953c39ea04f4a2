/* IoCallDriver: one step down a device stack. */
#include "iop.h"

static _Noreturn void NoStackLocation(PIRP irp, PDEVICE_OBJECT device, const void *caller)
{
    const struct iop_block *block = IopBlock(irp);
    struct verify_violation *v =
        verify_begin(VERIFY_IRP_STACK_OVERRUN,
                     "IoCallDriver: the IRP %p has %d stack locations and all of them are used; the device %p needs one "
                     "more (its StackSize is %d)",
                     (void *)irp, irp->StackCount, (void *)device, device->StackSize);
    if (block)
        verify_site(v, "allocated by", block->caller);
    verify_site(v, "sent by", caller);
    verify_end_bugcheck(v, 0x35, (uintptr_t)irp, 0, 0, 0);
}

static _Noreturn void BadIrp(const char *what, PIRP irp, const void *caller)
{
    struct verify_violation *v = verify_begin(VERIFY_IRP_MISUSE, "IoCallDriver: %s (%p)", what, (void *)irp);
    verify_site(v, "sent by", caller);
    verify_end_bugcheck(v, 0xC9, 0x1, (uintptr_t)irp, 0, 0);
}

static void IrqlLeft(PDEVICE_OBJECT device, UCHAR major, KIRQL before, KIRQL after)
{
    char name[128];
    PUNICODE_STRING driver = &device->DriverObject->DriverName;
    verify_violate(VERIFY_IRQL_NOT_RESTORED, "%s handled %s at IRQL %u and returned at IRQL %u",
                   trace_utf8((const uint16_t *)driver->Buffer, driver->Length, name, sizeof name), trace_major(major),
                   before, after);
    KeLowerIrql(before);
}

NTSTATUS IofCallDriver(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    API_ENTER(IoCallDriver, DeviceObject, SCHED_WRITE);
    if (__builtin_expect(!Irp || Irp->Type != IO_TYPE_IRP, 0))
        BadIrp("that is no IRP, or it was freed already", Irp, VERIFY_CALLER);
    if (__builtin_expect(Irp->CurrentLocation <= 1, 0))
        NoStackLocation(Irp, DeviceObject, VERIFY_CALLER);
    PDRIVER_OBJECT driver = DeviceObject->DriverObject;
    if (__builtin_expect(DeviceObject->Type != IO_TYPE_DEVICE || !driver, 0))
        BadIrp("it was sent to a device that was deleted", Irp, VERIFY_CALLER);

    IoSetNextIrpStackLocation(Irp);
    PIO_STACK_LOCATION stack = IoGetCurrentIrpStackLocation(Irp);
    UCHAR major = stack->MajorFunction;
    stack->DeviceObject = DeviceObject;
    if (__builtin_expect(major > IRP_MJ_MAXIMUM_FUNCTION, 0))
        BadIrp("its major function does not exist", Irp, VERIFY_CALLER);

    KIRQL irql = KeGetCurrentIrql();
    VERIFY_CALL_DOWN("IoCallDriver", verify_call_kind_of(major, !(Irp->Flags & (IRP_NOCACHE | IRP_PAGING_IO))),
                     stack->FileObject ? stack->FileObject->FsContext : NULL, VERIFY_CALLER);
    TRACE("io", "%s irp %p device %p", trace_major(major), (void *)Irp, (void *)DeviceObject);
    NTSTATUS status = driver->MajorFunction[major](DeviceObject, Irp);
    if (__builtin_expect(KeGetCurrentIrql() != irql, 0))
        IrqlLeft(DeviceObject, major, irql, KeGetCurrentIrql());
    return status;
}

static NTSTATUS SignalForwarder(PDEVICE_OBJECT device, PIRP irp, PVOID context)
{
    if (irp->PendingReturned)
        KeSetEvent(context, IO_NO_INCREMENT, FALSE);
    return STATUS_MORE_PROCESSING_REQUIRED;
}

NTSTATUS IoSynchronousCallDriver(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    KEVENT event;
    KeInitializeEvent(&event, NotificationEvent, FALSE);
    IoSetCompletionRoutine(Irp, SignalForwarder, &event, TRUE, TRUE, TRUE);
    NTSTATUS status = IofCallDriver(DeviceObject, Irp);
    if (status == STATUS_PENDING) {
        KeWaitForSingleObject(&event, Executive, KernelMode, FALSE, NULL);
        status = Irp->IoStatus.Status;
    }
    return status;
}

BOOLEAN IoForwardIrpSynchronously(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    if (Irp->CurrentLocation <= 1)
        return FALSE;
    IoCopyCurrentIrpStackLocationToNext(Irp);
    IoSynchronousCallDriver(DeviceObject, Irp);
    return TRUE;
}

/* What IoSetCompletionRoutineEx adds: the device stays while the routine may still run. */
struct completion_context {
    PDEVICE_OBJECT device;
    PIO_COMPLETION_ROUTINE routine;
    PVOID context;
};

static NTSTATUS CompleteEx(PDEVICE_OBJECT device, PIRP irp, PVOID context)
{
    struct completion_context *ex = context;
    PDEVICE_OBJECT owner = ex->device;
    NTSTATUS status = ex->routine(device, irp, ex->context);
    sim_free(ex);
    ObDereferenceObjectDeferDelete(owner);
    return status;
}

NTSTATUS IoSetCompletionRoutineEx(PDEVICE_OBJECT DeviceObject, PIRP Irp, PIO_COMPLETION_ROUTINE CompletionRoutine,
                                  PVOID Context, BOOLEAN InvokeOnSuccess, BOOLEAN InvokeOnError,
                                  BOOLEAN InvokeOnCancel)
{
    /* The wrapper must always run to give the reference back, so it asks for every outcome. */
    struct completion_context *ex = sim_alloc(sizeof *ex);
    *ex = (struct completion_context){DeviceObject, CompletionRoutine, Context};
    ObpReference(DeviceObject);
    IoSetCompletionRoutine(Irp, CompleteEx, ex, InvokeOnSuccess, InvokeOnError, InvokeOnCancel);
    return STATUS_SUCCESS;
}
