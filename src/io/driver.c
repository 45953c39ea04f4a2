/* Driver objects: loading, unloading, extensions. */
#include "iop.h"

#include "plat/symbol.h"
#include "ps/process.h"

#include <string.h>

static NTSTATUS InvalidRequest(PDEVICE_OBJECT device, PIRP irp)
{
    irp->IoStatus.Status = STATUS_INVALID_DEVICE_REQUEST;
    irp->IoStatus.Information = 0;
    IofCompleteRequest(irp, IO_NO_INCREMENT);
    return STATUS_INVALID_DEVICE_REQUEST;
}

static PWCHAR Copy(PCUNICODE_STRING from, PUNICODE_STRING to)
{
    to->Buffer = sim_alloc(from->Length + sizeof(WCHAR));
    to->Length = from->Length;
    to->MaximumLength = (USHORT)(from->Length + sizeof(WCHAR));
    memcpy(to->Buffer, from->Buffer, from->Length);
    return to->Buffer;
}

static UNICODE_STRING LastComponent(PCUNICODE_STRING path)
{
    USHORT at = path->Length / sizeof(WCHAR);
    while (at && path->Buffer[at - 1] != '\\')
        at--;
    USHORT length = (USHORT)(path->Length - at * sizeof(WCHAR));
    return (UNICODE_STRING){length, length, path->Buffer + at};
}

static WCHAR hardware_key[] = u"\\REGISTRY\\MACHINE\\HARDWARE\\DESCRIPTION\\SYSTEM";
static UNICODE_STRING hardware_database = {sizeof hardware_key - sizeof(WCHAR), sizeof hardware_key, hardware_key};

NTSTATUS IopCreateDriverObject(PCUNICODE_STRING name, PCUNICODE_STRING service, PDRIVER_INITIALIZE entry,
                               PDRIVER_OBJECT *made)
{
    struct iop_driver *driver;
    NTSTATUS status = ObpCreateObject(io->driver_type, sizeof *driver, (PVOID *)&driver);
    if (!NT_SUCCESS(status))
        return status;
    DRIVER_OBJECT *object = &driver->object;
    UNICODE_STRING last = LastComponent(service);
    InitializeListHead(&driver->link);
    InitializeListHead(&driver->clients);
    object->Type = IO_TYPE_DRIVER;
    object->Size = sizeof *object;
    object->Flags = DRVO_LEGACY_DRIVER;
    object->DriverInit = entry;
    object->DriverStart = (PVOID)(ULONG_PTR)entry;
    object->DriverExtension = &driver->extension;
    object->HardwareDatabase = &hardware_database;
    driver->extension.DriverObject = object;
    for (unsigned i = 0; i <= IRP_MJ_MAXIMUM_FUNCTION; i++)
        object->MajorFunction[i] = InvalidRequest;
    Copy(name, &object->DriverName);
    Copy(service, &driver->service_key);
    Copy(&last, &driver->extension.ServiceKeyName);
    status = ObpInsertName(object, NULL, name, OBJ_PERMANENT | OBJ_KERNEL_HANDLE);
    if (!NT_SUCCESS(status)) {
        ObpDereference(object);
        return status;
    }
    sched_lock(&io->lock);
    InsertTailList(&io->drivers, &driver->link);
    sched_unlock(&io->lock);
    *made = object;
    return STATUS_SUCCESS;
}

struct iop_client {
    LIST_ENTRY link; /* iop_driver.clients */
    PVOID id;
    _Alignas(16) unsigned char data[];
};

void IopRemoveDriver(PDRIVER_OBJECT driver)
{
    sched_lock(&io->lock);
    RemoveEntryList(&IopDriver(driver)->link);
    InitializeListHead(&IopDriver(driver)->link);
    sched_unlock(&io->lock);
    ObpRemoveName(driver);
    ObpDereference(driver);
}

/* The last pointer went (object manager). */
void IopDeleteDriver(PVOID object)
{
    struct iop_driver *driver = IopDriver(object);
    if (io) { /* the last pointer may outlive the room: a work item's */
        sched_lock(&io->lock);
        if (driver->link.Flink && !IsListEmpty(&driver->link))
            RemoveEntryList(&driver->link);
        sched_unlock(&io->lock);
    }
    FsRtlpForgetDriver(object);
    while (!IsListEmpty(&driver->clients))
        sim_free(CONTAINING_RECORD(RemoveHeadList(&driver->clients), struct iop_client, link));
    sim_free(driver->object.DriverName.Buffer);
    sim_free(driver->service_key.Buffer);
    sim_free(driver->extension.ServiceKeyName.Buffer);
}

static void RemoveDriver(PDRIVER_OBJECT object)
{
    struct iop_driver *driver = IopDriver(object);
    sched_lock(&io->lock);
    RemoveEntryList(&driver->link);
    InitializeListHead(&driver->link);
    sched_unlock(&io->lock);
    ObpRemoveName(object);
    ObpDereference(object);
}

PDRIVER_OBJECT IopFindDriver(PCUNICODE_STRING service)
{
    PDRIVER_OBJECT found = NULL;
    sched_lock(&io->lock);
    for (PLIST_ENTRY link = io->drivers.Flink; link != &io->drivers && !found; link = link->Flink) {
        struct iop_driver *driver = CONTAINING_RECORD(link, struct iop_driver, link);
        if (RtlEqualUnicodeString(&driver->extension.ServiceKeyName, service, TRUE) &&
            ObpReferenceSafe(&driver->object))
            found = &driver->object;
    }
    sched_unlock(&io->lock);
    return found;
}

/* -- loading ---------------------------------------------------------------------------------------------- */

/* The service's Type value: 2 is a file system (or a filter of one). */
static bool IsFileSystemDriver(PUNICODE_STRING service)
{
    static const WCHAR type_name[] = u"Type";
    struct {
        KEY_VALUE_PARTIAL_INFORMATION info;
        UCHAR rest[16];
    } value;
    UNICODE_STRING name = {sizeof type_name - sizeof(WCHAR), sizeof type_name, (PWSTR)type_name};
    OBJECT_ATTRIBUTES attributes;
    HANDLE key;
    ULONG length, type = 2;
    InitializeObjectAttributes(&attributes, service, OBJ_CASE_INSENSITIVE | OBJ_KERNEL_HANDLE, NULL, NULL);
    if (!NT_SUCCESS(ZwOpenKey(&key, KEY_READ, &attributes)))
        return true;
    if (NT_SUCCESS(ZwQueryValueKey(key, &name, KeyValuePartialInformation, &value, sizeof value, &length)) &&
        value.info.Type == REG_DWORD)
        memcpy(&type, value.info.Data, sizeof type);
    ZwClose(key);
    return type == 2 || type == 8;
}

static void DriverName(PUNICODE_STRING service, PUNICODE_STRING name)
{
    static const WCHAR file_system[] = u"\\FileSystem\\", other[] = u"\\Driver\\";
    bool fs = IsFileSystemDriver(service);
    const WCHAR *folder = fs ? file_system : other;
    USHORT folder_length = (USHORT)((fs ? sizeof file_system : sizeof other) - sizeof(WCHAR));
    UNICODE_STRING last = LastComponent(service);
    name->Buffer = sim_alloc((size_t)folder_length + last.Length);
    name->Length = name->MaximumLength = (USHORT)(folder_length + last.Length);
    memcpy(name->Buffer, folder, folder_length);
    memcpy((PCHAR)name->Buffer + folder_length, last.Buffer, last.Length);
}

struct iop_reinit {
    LIST_ENTRY link; /* io_state.reinitialize */
    PDRIVER_OBJECT driver;
    PDRIVER_REINITIALIZE routine;
    PVOID context;
};

static struct iop_reinit *TakeReinit(PDRIVER_OBJECT driver)
{
    struct iop_reinit *taken = NULL;
    sched_lock(&io->lock);
    for (PLIST_ENTRY link = io->reinitialize.Flink; link != &io->reinitialize && !taken; link = link->Flink) {
        struct iop_reinit *r = CONTAINING_RECORD(link, struct iop_reinit, link);
        if (r->driver == driver) {
            taken = r;
            RemoveEntryList(link);
        }
    }
    sched_unlock(&io->lock);
    return taken;
}

static void Reinitialize(PDRIVER_OBJECT driver, bool call)
{
    struct iop_reinit *r;
    /* A routine may register itself again, for as long as it likes to wait for something. */
    for (int rounds = 0; rounds < 64 && (r = TakeReinit(driver)) != NULL; rounds++) {
        if (call)
            r->routine(driver, r->context, ++driver->DriverExtension->Count);
        sim_free(r);
    }
}

VOID IoRegisterDriverReinitialization(PDRIVER_OBJECT DriverObject, PDRIVER_REINITIALIZE DriverReinitializationRoutine,
                                      PVOID Context)
{
    API_IRQL(IoRegisterDriverReinitialization);
    struct iop_reinit *r = sim_alloc(sizeof *r);
    r->driver = DriverObject;
    r->routine = DriverReinitializationRoutine;
    r->context = Context;
    sched_lock(&io->lock);
    InsertTailList(&io->reinitialize, &r->link);
    sched_unlock(&io->lock);
}

VOID IoRegisterBootDriverReinitialization(PDRIVER_OBJECT DriverObject,
                                          PDRIVER_REINITIALIZE DriverReinitializationRoutine, PVOID Context)
{
    IoRegisterDriverReinitialization(DriverObject, DriverReinitializationRoutine, Context);
}

/* After DriverEntry succeeded, its devices take requests. */
static void ReadyDevices(PDRIVER_OBJECT driver)
{
    sched_lock(&io->lock);
    driver->Flags |= DRVO_INITIALIZED;
    for (PDEVICE_OBJECT device = driver->DeviceObject; device; device = device->NextDevice)
        device->Flags &= ~DO_DEVICE_INITIALIZING;
    sched_unlock(&io->lock);
}

static void ReportDevices(PDRIVER_OBJECT driver, const char *when)
{
    char text[128];
    for (PDEVICE_OBJECT device = driver->DeviceObject; device; device = device->NextDevice) {
        struct verify_violation *v = verify_begin(
            VERIFY_DEVICE_LEAK, "%s %s and left the device %p behind",
            trace_utf8((const uint16_t *)driver->DriverName.Buffer, driver->DriverName.Length, text, sizeof text), when,
            (void *)device);
        verify_site(v, "created by", device->DeviceObjectExtension->creator);
        verify_end(v);
    }
}

/* What a driver that is gone left behind must not be called any more. */
static void ForgetDevices(PDRIVER_OBJECT driver)
{
    while (driver->DeviceObject) {
        PDEVICE_OBJECT device = driver->DeviceObject;
        struct _DEVOBJ_EXTENSION *doe = device->DeviceObjectExtension;
        if (doe->registered_file_system)
            IoUnregisterFileSystem(device);
        sched_lock(&io->lock);
        PDEVICE_OBJECT above = device->AttachedDevice, below = doe->AttachedTo;
        if (below)
            __atomic_store_n(&below->AttachedDevice, above, __ATOMIC_RELEASE);
        if (above)
            above->DeviceObjectExtension->AttachedTo = below;
        device->AttachedDevice = NULL;
        doe->AttachedTo = NULL;
        driver->DeviceObject = device->NextDevice;
        doe->freed = doe->delete_pending = true;
        sched_unlock(&io->lock);
        ObpRemoveName(device);
        ObpDereference(device);
    }
}

/* The image that its entry is in; drivers that are linked into one program share the program's. */
static void FindImage(PDRIVER_OBJECT driver)
{
    PUCHAR base = (PUCHAR)plat_module_base((const void *)(ULONG_PTR)driver->DriverInit);
    driver->DriverStart = base;
    driver->DriverSize = base ? (ULONG)((const UCHAR *)plat_module_end(base) - base) : 0;
}

/* In pool, where it shows when the driver writes behind it, or keeps it past its DriverEntry. */
static NTSTATUS RegistryPath(PCUNICODE_STRING service, PUNICODE_STRING path)
{
    path->Length = service->Length;
    path->MaximumLength = (USHORT)(service->Length + sizeof(WCHAR));
    path->Buffer = ExAllocatePoolWithTag(PagedPool, path->MaximumLength, IOP_PATH_TAG);
    if (!path->Buffer)
        return STATUS_INSUFFICIENT_RESOURCES;
    memcpy(path->Buffer, service->Buffer, service->Length);
    path->Buffer[service->Length / sizeof(WCHAR)] = 0;
    return STATUS_SUCCESS;
}

NTSTATUS IopLoadDriver(PUNICODE_STRING service, PDRIVER_INITIALIZE entry, PDRIVER_OBJECT *result)
{
    UNICODE_STRING name, path;
    PDRIVER_OBJECT driver;
    *result = NULL;
    DriverName(service, &name);
    NTSTATUS status = IopCreateDriverObject(&name, service, entry, &driver);
    sim_free(name.Buffer);
    if (status == STATUS_OBJECT_NAME_COLLISION)
        return STATUS_IMAGE_ALREADY_LOADED;
    if (!NT_SUCCESS(status))
        return status;
    FindImage(driver);
    status = RegistryPath(service, &path);
    if (NT_SUCCESS(status)) {
        PWSTR buffer = path.Buffer; /* the driver may have moved it on */
        PEPROCESS before = PspEnterSystem();
        status = entry(driver, &path);
        PspLeaveSystem(before);
        ExFreePoolWithTag(buffer, IOP_PATH_TAG);
    }
    if (!NT_SUCCESS(status)) {
        ReportDevices(driver, "failed in DriverEntry");
        Reinitialize(driver, false);
        ForgetDevices(driver);
        RemoveDriver(driver);
        return status;
    }
    ReadyDevices(driver);
    Reinitialize(driver, true);
    *result = driver;
    return STATUS_SUCCESS;
}

NTSTATUS IoCreateDriver(PUNICODE_STRING DriverName, PDRIVER_INITIALIZE InitializationFunction)
{
    static const WCHAR automatic[] = u"\\Driver\\Automatic";
    UNICODE_STRING name = {sizeof automatic - sizeof(WCHAR), sizeof automatic, (PWSTR)automatic};
    PDRIVER_OBJECT driver;
    if (DriverName)
        name = *DriverName;
    NTSTATUS status = IopCreateDriverObject(&name, &name, InitializationFunction, &driver);
    if (!NT_SUCCESS(status))
        return status;
    driver->Flags |= DRVO_BUILTIN_DRIVER;
    status = InitializationFunction(driver, NULL);
    if (!NT_SUCCESS(status)) {
        ForgetDevices(driver);
        RemoveDriver(driver);
        return status;
    }
    ReadyDevices(driver);
    return status;
}

/* -- unloading --------------------------------------------------------------------------------------------- */

struct unload {
    PDRIVER_OBJECT driver;
    KEVENT done;
};

static VOID CallUnload(PVOID context)
{
    struct unload *u = context;
    u->driver->DriverUnload(u->driver);
    KeSetEvent(&u->done, IO_NO_INCREMENT, FALSE);
}

/* A file system's registration counts as a use, too, and is the driver's own to end. */
static bool IsOpen(PDRIVER_OBJECT driver)
{
    for (PDEVICE_OBJECT device = driver->DeviceObject; device; device = device->NextDevice)
        if (__atomic_load_n(&device->ReferenceCount, __ATOMIC_ACQUIRE) > device->DeviceObjectExtension->registered_file_system)
            return true;
    return false;
}

enum iop_driver_state IopDriverState(PDRIVER_OBJECT driver)
{
    enum iop_driver_state state = IOP_DRIVER_GONE;
    sched_lock(&io->lock);
    for (PLIST_ENTRY link = io->drivers.Flink; link != &io->drivers; link = link->Flink) {
        const struct iop_driver *own = CONTAINING_RECORD(link, struct iop_driver, link);
        if (&own->object == driver)
            state = own->waits ? IOP_DRIVER_WAITS : own->unloading ? IOP_DRIVER_LEAVES : IOP_DRIVER_HERE;
    }
    sched_unlock(&io->lock);
    return state;
}

static void SetWaits(struct iop_driver *driver, bool waits) { __atomic_store_n(&driver->waits, waits, __ATOMIC_RELAXED); }

/* Under the lock. */
static PDRIVER_OBJECT StopWaiting(PDRIVER_OBJECT driver)
{
    SetWaits(IopDriver(driver), false);
    ObpReference(driver);
    return driver;
}

PDRIVER_OBJECT IopEndUse(PDEVICE_OBJECT device)
{
    PDRIVER_OBJECT driver = device->DriverObject;
    sched_lock(&io->lock);
    PDRIVER_OBJECT goes = IopDriver(driver)->waits && !IsOpen(driver) ? StopWaiting(driver) : NULL;
    sched_unlock(&io->lock);
    return goes;
}

static void EndUnload(PDRIVER_OBJECT driver)
{
    Reinitialize(driver, false);
    ReportDevices(driver, "unloaded");
    ForgetDevices(driver);
    RemoveDriver(driver);
}

struct late_unload {
    WORK_QUEUE_ITEM item;
    PDRIVER_OBJECT driver;
};

static VOID UnloadNow(PVOID context)
{
    struct late_unload *late = context;
    PDRIVER_OBJECT driver = late->driver;
    sim_free(late);
    driver->DriverUnload(driver);
    EndUnload(driver);
    ObpDereference(driver);
}

void IopUnloadLater(PDRIVER_OBJECT driver)
{
    struct late_unload *late = sim_alloc(sizeof *late);
    late->driver = driver;
    ExInitializeWorkItem(&late->item, UnloadNow, late);
    driver->Flags |= DRVO_UNLOAD_INVOKED;
    ExQueueWorkItem(&late->item, DelayedWorkQueue);
}

void IopUnloadThoughOpen(PDRIVER_OBJECT driver)
{
    sched_lock(&io->lock);
    PDRIVER_OBJECT goes = IopDriver(driver)->waits ? StopWaiting(driver) : NULL;
    sched_unlock(&io->lock);
    if (goes)
        IopUnloadLater(goes);
}

NTSTATUS IopUnloadDriver(PDRIVER_OBJECT driver)
{
    struct iop_driver *own = IopDriver(driver);
    sched_lock(&io->lock);
    bool refused = own->unloading || !driver->DriverUnload;
    if (!refused) {
        own->unloading = true;
        SetWaits(own, IsOpen(driver));
    }
    bool waits = own->waits;
    sched_unlock(&io->lock);
    if (refused)
        return STATUS_INVALID_DEVICE_REQUEST;
    if (waits)
        return STATUS_SUCCESS;

    struct unload u = {.driver = driver};
    WORK_QUEUE_ITEM item;
    KeInitializeEvent(&u.done, NotificationEvent, FALSE);
    ExInitializeWorkItem(&item, CallUnload, &u);
    driver->Flags |= DRVO_UNLOAD_INVOKED;
    ExQueueWorkItem(&item, DelayedWorkQueue);
    const struct ki_wait_hint hint = {.what = "the driver's unload routine, which runs in a system worker thread",
                                      .object = driver};
    KiWaitFor(&u.done, NULL, &hint, VERIFY_CALLER);
    EndUnload(driver);
    return STATUS_SUCCESS;
}

/* Private to sim/driver.c: the image of a service. */
PDRIVER_INITIALIZE sim_find_image(PCUNICODE_STRING service);

NTSTATUS NtLoadDriver(PUNICODE_STRING DriverServiceName)
{
    UNICODE_STRING last = LastComponent(DriverServiceName);
    PDRIVER_OBJECT driver = IopFindDriver(&last);
    if (driver) {
        ObpDereference(driver);
        return STATUS_IMAGE_ALREADY_LOADED;
    }
    PDRIVER_INITIALIZE entry = sim_find_image(&last);
    if (!entry)
        return STATUS_OBJECT_NAME_NOT_FOUND;
    return IopLoadDriver(DriverServiceName, entry, &driver);
}

NTSTATUS ZwLoadDriver(PUNICODE_STRING DriverServiceName)
{
    IOP_ZW(NtLoadDriver(DriverServiceName));
}

NTSTATUS NtUnloadDriver(PUNICODE_STRING DriverServiceName)
{
    UNICODE_STRING last = LastComponent(DriverServiceName);
    PDRIVER_OBJECT driver = IopFindDriver(&last);
    if (!driver)
        return STATUS_OBJECT_NAME_NOT_FOUND;
    NTSTATUS status = IopUnloadDriver(driver);
    ObpDereference(driver);
    return status;
}

NTSTATUS ZwUnloadDriver(PUNICODE_STRING DriverServiceName)
{
    IOP_ZW(NtUnloadDriver(DriverServiceName));
}

/* -- extensions ------------------------------------------------------------------------------------------- */

static struct iop_client *FindClient(struct iop_driver *driver, PVOID id)
{
    for (PLIST_ENTRY link = driver->clients.Flink; link != &driver->clients; link = link->Flink) {
        struct iop_client *client = CONTAINING_RECORD(link, struct iop_client, link);
        if (client->id == id)
            return client;
    }
    return NULL;
}

NTSTATUS IoAllocateDriverObjectExtension(PDRIVER_OBJECT DriverObject, PVOID ClientIdentificationAddress,
                                         ULONG DriverObjectExtensionSize, PVOID *DriverObjectExtension)
{
    struct iop_driver *driver = IopDriver(DriverObject);
    struct iop_client *client = sim_alloc(sizeof *client + DriverObjectExtensionSize);
    client->id = ClientIdentificationAddress;
    sched_lock(&io->lock);
    bool taken = FindClient(driver, client->id) != NULL;
    if (!taken)
        InsertTailList(&driver->clients, &client->link);
    sched_unlock(&io->lock);
    *DriverObjectExtension = taken ? NULL : client->data;
    if (!taken)
        return STATUS_SUCCESS;
    sim_free(client);
    return STATUS_OBJECT_NAME_COLLISION;
}

PVOID IoGetDriverObjectExtension(PDRIVER_OBJECT DriverObject, PVOID ClientIdentificationAddress)
{
    sched_lock(&io->lock);
    struct iop_client *client = FindClient(IopDriver(DriverObject), ClientIdentificationAddress);
    sched_unlock(&io->lock);
    return client ? client->data : NULL;
}
