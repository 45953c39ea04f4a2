/* Who is told when the system shuts down. */
#include "iop.h"

struct iop_shutdown {
    LIST_ENTRY link; /* io_state.shutdown */
    PDEVICE_OBJECT device;
    bool last_chance;
};

static NTSTATUS Register(PDEVICE_OBJECT device, bool last_chance)
{
    struct iop_shutdown *entry = sim_alloc(sizeof *entry);
    entry->device = device;
    entry->last_chance = last_chance;
    ObpReference(device);
    sched_lock(&io->lock);
    InsertHeadList(&io->shutdown, &entry->link);
    device->Flags |= DO_SHUTDOWN_REGISTERED;
    sched_unlock(&io->lock);
    return STATUS_SUCCESS;
}

NTSTATUS IoRegisterShutdownNotification(PDEVICE_OBJECT DeviceObject)
{
    API_ENTER(IoRegisterShutdownNotification, DeviceObject, SCHED_WRITE);
    return Register(DeviceObject, false);
}

NTSTATUS IoRegisterLastChanceShutdownNotification(PDEVICE_OBJECT DeviceObject)
{
    sched_point("IoRegisterLastChanceShutdownNotification", DeviceObject, SCHED_WRITE);
    return Register(DeviceObject, true);
}

/* NULL: any. The entry is off the list, its reference the caller's. */
static struct iop_shutdown *Take(PDEVICE_OBJECT device, bool last_chance)
{
    struct iop_shutdown *taken = NULL;
    sched_lock(&io->lock);
    for (PLIST_ENTRY link = io->shutdown.Flink; link != &io->shutdown && !taken; link = link->Flink) {
        struct iop_shutdown *entry = CONTAINING_RECORD(link, struct iop_shutdown, link);
        if (device ? entry->device == device : entry->last_chance == last_chance) {
            taken = entry;
            RemoveEntryList(link);
        }
    }
    if (taken && device)
        device->Flags &= ~DO_SHUTDOWN_REGISTERED;
    sched_unlock(&io->lock);
    return taken;
}

static void Drop(struct iop_shutdown *entry)
{
    ObpDereference(entry->device);
    sim_free(entry);
}

VOID IoUnregisterShutdownNotification(PDEVICE_OBJECT DeviceObject)
{
    API_ENTER(IoUnregisterShutdownNotification, DeviceObject, SCHED_WRITE);
    struct iop_shutdown *entry;
    while ((entry = Take(DeviceObject, false)) != NULL)
        Drop(entry);
}

static void Send(PDEVICE_OBJECT device)
{
    struct iop_wait wait;
    PDEVICE_OBJECT top = IopAttached(device);
    PIRP irp = IopAllocateIrp(top->StackSize, IOP_OWNER_SERVICE, NULL);
    IopInitializeWait(&wait, NULL);
    irp->Flags = IRP_SYNCHRONOUS_API;
    irp->Tail.Overlay.Thread = (PETHREAD)wait.thread;
    irp->FltsimPrivate[1] = &wait;
    IoGetNextIrpStackLocation(irp)->MajorFunction = IRP_MJ_SHUTDOWN;
    IopCallAndWait(top, irp, &wait);
}

void IopShutdown(void)
{
    for (int last_chance = 0; last_chance < 2; last_chance++) {
        struct iop_shutdown *entry;
        while ((entry = Take(NULL, last_chance)) != NULL) {
            Send(entry->device);
            Drop(entry);
        }
    }
}
