/* File system filter drivers from before the Filter Manager, in stacks that a test builds. */
#include "io/iop.h"
#include "sim/machine.h"
#include "sim/misuse.h"
#include "sim/service.h"

/* A device's extension. */
struct legacy {
    PDEVICE_OBJECT below;
    struct fltsim_legacy options;
};

static PDRIVER_OBJECT driver; /* the machine's; NULL: none is needed yet */

static NTSTATUS pass(PDEVICE_OBJECT device, PIRP irp)
{
    struct legacy *legacy = device->DeviceExtension;
    PIO_STACK_LOCATION stack = IoGetCurrentIrpStackLocation(irp);
    if (legacy->options.seen)
        legacy->options.seen(stack->MajorFunction, stack->FileObject, legacy->options.context);
    IoSkipCurrentIrpStackLocation(irp);
    return IoCallDriver(legacy->below, irp);
}

static VOID let_go(PDEVICE_OBJECT source, PDEVICE_OBJECT target)
{
    IoDetachDevice(target);
    IoDeleteDevice(source);
}

static FAST_IO_DISPATCH fast_io = {.SizeOfFastIoDispatch = sizeof fast_io, .FastIoDetachDevice = let_go};

static NTSTATUS driver_entry(PDRIVER_OBJECT object, PUNICODE_STRING path)
{
    for (int i = 0; i <= IRP_MJ_MAXIMUM_FUNCTION; i++)
        object->MajorFunction[i] = pass;
    object->FastIoDispatch = &fast_io;
    driver = object;
    return STATUS_SUCCESS;
}

static NTSTATUS start_driver(void)
{
    UNICODE_STRING name = sim_unicode("\\FileSystem\\legacy");
    NTSTATUS status = IoCreateDriver(&name, driver_entry);
    sim_free(name.Buffer);
    return status;
}

NTSTATUS sim_attach_legacy(PDEVICE_OBJECT top, const struct fltsim_legacy *options, PDEVICE_OBJECT *device)
{
    PDEVICE_OBJECT own;

    NTSTATUS status = driver ? STATUS_SUCCESS : start_driver();
    if (NT_SUCCESS(status))
        status = IoCreateDevice(driver, sizeof(struct legacy), NULL, top->DeviceType, 0, FALSE, &own);
    if (!NT_SUCCESS(status))
        return status;
    struct legacy *legacy = own->DeviceExtension;
    if (options)
        legacy->options = *options;
    status = IoAttachDeviceToDeviceStackSafe(own, top, &legacy->below);
    if (!NT_SUCCESS(status)) {
        IoDeleteDevice(own);
        return status;
    }
    own->Flags &= ~(ULONG)DO_DEVICE_INITIALIZING;
    if (device)
        *device = own;
    return STATUS_SUCCESS;
}

NTSTATUS fltsim_attach_legacy(struct fltsim_volume *volume, const struct fltsim_legacy *options, PDEVICE_OBJECT *device)
{
    SIM_NEED_VOLUME(volume);
    PDEVICE_OBJECT top = fltsim_volume_device(volume);
    if (device)
        *device = NULL;
    return top->DeviceType == FILE_DEVICE_DISK ? STATUS_VOLUME_DISMOUNTED : sim_attach_legacy(top, options, device);
}

void sim_remove_legacy(void)
{
    if (driver)
        IopRemoveDriver(driver);
    driver = NULL;
}

void sim_forget_legacy(void) { driver = NULL; }
