/* Registered file systems, and who wants to hear of them. */
#include "iop.h"

#include "fault/fault.h"

struct iop_fs_listener {
    LIST_ENTRY link; /* io_state.fs_listeners */
    PDRIVER_OBJECT driver;
    PDRIVER_FS_NOTIFICATION routine;
};

static enum iop_fs_kind KindOf(PDEVICE_OBJECT device)
{
    switch (device->DeviceType) {
    case FILE_DEVICE_CD_ROM_FILE_SYSTEM:
        return IOP_FS_CDROM;
    case FILE_DEVICE_TAPE_FILE_SYSTEM:
        return IOP_FS_TAPE;
    case FILE_DEVICE_NETWORK_FILE_SYSTEM:
        return IOP_FS_NETWORK;
    default:
        return IOP_FS_DISK;
    }
}

/* The listeners run under the database lock, exclusive: no mount goes on meanwhile, whether they asked for that or not. */
static void NotifyAll(PDEVICE_OBJECT device, BOOLEAN active)
{
    for (PLIST_ENTRY link = io->fs_listeners.Flink; link != &io->fs_listeners; link = link->Flink) {
        struct iop_fs_listener *l = CONTAINING_RECORD(link, struct iop_fs_listener, link);
        l->routine(device, active);
    }
}

static void LockDatabase(bool exclusive)
{
    KeEnterCriticalRegion();
    if (exclusive)
        ExAcquireResourceExclusiveLite(&io->database, TRUE);
    else
        ExAcquireResourceSharedLite(&io->database, TRUE);
}

static void UnlockDatabase(void)
{
    ExReleaseResourceLite(&io->database);
    KeLeaveCriticalRegion();
}

VOID IoRegisterFileSystem(PDEVICE_OBJECT DeviceObject)
{
    sched_point("IoRegisterFileSystem", DeviceObject, SCHED_WRITE);
    LockDatabase(true);
    InsertHeadList(&io->file_systems[KindOf(DeviceObject)], &DeviceObject->Queue.ListEntry);
    DeviceObject->DeviceObjectExtension->registered_file_system = true;
    DeviceObject->Flags &= ~DO_DEVICE_INITIALIZING;
    IopReferenceDevice(DeviceObject);
    NotifyAll(DeviceObject, TRUE);
    UnlockDatabase();
}

VOID IoUnregisterFileSystem(PDEVICE_OBJECT DeviceObject)
{
    sched_point("IoUnregisterFileSystem", DeviceObject, SCHED_WRITE);
    LockDatabase(true);
    bool registered = DeviceObject->DeviceObjectExtension->registered_file_system;
    if (registered) {
        DeviceObject->DeviceObjectExtension->registered_file_system = false;
        RemoveEntryList(&DeviceObject->Queue.ListEntry);
        InitializeListHead(&DeviceObject->Queue.ListEntry);
        NotifyAll(DeviceObject, FALSE);
    }
    UnlockDatabase();
    if (registered)
        IopDereferenceDevice(DeviceObject);
}

static void NotifyExisting(PDRIVER_FS_NOTIFICATION routine)
{
    for (unsigned kind = 0; kind < IOP_FS_KINDS; kind++) {
        PLIST_ENTRY head = &io->file_systems[kind];
        for (PLIST_ENTRY link = head->Blink; link != head; link = link->Blink)
            routine(CONTAINING_RECORD(link, DEVICE_OBJECT, Queue.ListEntry), TRUE);
    }
}

static NTSTATUS Register(PDRIVER_OBJECT driver, PDRIVER_FS_NOTIFICATION routine)
{
    if (fault_allocation())
        return STATUS_INSUFFICIENT_RESOURCES;
    LockDatabase(true);
    for (PLIST_ENTRY link = io->fs_listeners.Flink; link != &io->fs_listeners; link = link->Flink) {
        struct iop_fs_listener *l = CONTAINING_RECORD(link, struct iop_fs_listener, link);
        if (l->driver == driver && l->routine == routine) {
            UnlockDatabase();
            return STATUS_DEVICE_ALREADY_ATTACHED;
        }
    }
    struct iop_fs_listener *listener = sim_alloc(sizeof *listener);
    listener->driver = driver;
    listener->routine = routine;
    InsertTailList(&io->fs_listeners, &listener->link);
    ObpReference(driver);
    NotifyExisting(routine);
    UnlockDatabase();
    return STATUS_SUCCESS;
}

NTSTATUS IoRegisterFsRegistrationChange(PDRIVER_OBJECT DriverObject, PDRIVER_FS_NOTIFICATION DriverNotificationRoutine)
{
    API_ENTER(IoRegisterFsRegistrationChange, DriverObject, SCHED_WRITE);
    return Register(DriverObject, DriverNotificationRoutine);
}

NTSTATUS IoRegisterFsRegistrationChangeMountAware(PDRIVER_OBJECT DriverObject,
                                                  PDRIVER_FS_NOTIFICATION DriverNotificationRoutine,
                                                  BOOLEAN SynchronizeWithMounts)
{
    sched_point("IoRegisterFsRegistrationChangeMountAware", DriverObject, SCHED_WRITE);
    return Register(DriverObject, DriverNotificationRoutine);
}

VOID IoUnregisterFsRegistrationChange(PDRIVER_OBJECT DriverObject, PDRIVER_FS_NOTIFICATION DriverNotificationRoutine)
{
    API_ENTER(IoUnregisterFsRegistrationChange, DriverObject, SCHED_WRITE);
    struct iop_fs_listener *found = NULL;
    LockDatabase(true);
    for (PLIST_ENTRY link = io->fs_listeners.Flink; link != &io->fs_listeners && !found; link = link->Flink) {
        struct iop_fs_listener *l = CONTAINING_RECORD(link, struct iop_fs_listener, link);
        if (l->driver == DriverObject && l->routine == DriverNotificationRoutine)
            found = l;
    }
    if (found)
        RemoveEntryList(&found->link);
    UnlockDatabase();
    if (!found)
        return;
    ObpDereference(found->driver);
    sim_free(found);
}
