#include "stub.h"

#include <string.h>

static PDEVICE_OBJECT Device(PUNICODE_STRING name, ULONG extension)
{
    PDEVICE_OBJECT device;
    assert_int_equal(IoCreateDevice(stub.driver, extension, name, FILE_DEVICE_UNKNOWN, 0, FALSE, &device),
                     STATUS_SUCCESS);
    device->Flags &= ~DO_DEVICE_INITIALIZING;
    return device;
}

static void CreatesAndDeletes(void **state)
{
    PDEVICE_OBJECT device = Device(U(u"\\Device\\Thing"), 40), other;
    assert_non_null(device->DeviceExtension);
    memset(device->DeviceExtension, 1, 40);
    assert_ptr_equal(stub.driver->DeviceObject, device);
    assert_true(device->Flags & DO_DEVICE_HAS_NAME);
    assert_int_equal(IoCreateDevice(stub.driver, 0, U(u"\\Device\\Thing"), FILE_DEVICE_UNKNOWN, 0, FALSE, &other),
                     STATUS_OBJECT_NAME_COLLISION);
    assert_null(other);
    IoDeleteDevice(device);
    HANDLE handle;
    assert_int_equal(fltsim_open("\\Device\\Thing", NULL, &handle), STATUS_OBJECT_NAME_NOT_FOUND);
}

static void DeletionWaitsForTheLastFile(void **state)
{
    PDEVICE_OBJECT device = Device(U(u"\\Device\\Thing"), 0);
    stub.mode = STUB_INLINE;
    HANDLE handle = stub_open("\\Device\\Thing", &(struct fltsim_open){.access = FILE_READ_DATA});
    IoDeleteDevice(device);
    assert_int_equal(device->ReferenceCount, 1);
    assert_int_equal(fltsim_close(handle), STATUS_SUCCESS);
}

static void Stacks(void **state)
{
    PDEVICE_OBJECT a = Device(NULL, 0), b = Device(NULL, 0), c = Device(NULL, 0), below, list[8];
    ULONG count;
    assert_int_equal(IoAttachDeviceToDeviceStackSafe(b, a, &below), STATUS_SUCCESS);
    assert_ptr_equal(below, a);
    assert_ptr_equal(IoAttachDeviceToDeviceStack(c, a), b);
    assert_int_equal(c->StackSize, 3);
    assert_ptr_equal(IoGetAttachedDevice(a), c);
    PDEVICE_OBJECT top = IoGetAttachedDeviceReference(a), lower = IoGetLowerDeviceObject(c);
    PDEVICE_OBJECT base = IoGetDeviceAttachmentBaseRef(c);
    assert_ptr_equal(top, c);
    assert_ptr_equal(lower, b);
    assert_ptr_equal(base, a);
    assert_null(IoGetLowerDeviceObject(a));
    ObDereferenceObject(top);
    ObDereferenceObject(lower);
    ObDereferenceObject(base);
    assert_int_equal(IoEnumerateDeviceObjectList(stub.driver, NULL, 0, &count), STATUS_BUFFER_TOO_SMALL);
    assert_int_equal(count, 5);
    assert_int_equal(IoEnumerateDeviceObjectList(stub.driver, list, sizeof list, &count), STATUS_SUCCESS);
    for (ULONG i = 0; i < count; i++)
        ObDereferenceObject(list[i]);
    IoDetachDevice(b);
    IoDetachDevice(a);
    assert_ptr_equal(IoGetAttachedDevice(a), a);
    IoDeleteDevice(c);
    IoDeleteDevice(b);
    IoDeleteDevice(a);
}

static void InitializingDevicesAreNotThere(void **state)
{
    PDEVICE_OBJECT device, above = Device(NULL, 0), below = (PDEVICE_OBJECT)1;
    HANDLE handle;
    IoCreateDevice(stub.driver, 0, U(u"\\Device\\Thing"), FILE_DEVICE_UNKNOWN, 0, FALSE, &device);
    assert_int_equal(fltsim_open("\\Device\\Thing", NULL, &handle), STATUS_NO_SUCH_DEVICE);
    assert_int_equal(IoAttachDeviceToDeviceStackSafe(above, device, &below), STATUS_NO_SUCH_DEVICE);
    assert_null(below);
    IoDeleteDevice(above);
    IoDeleteDevice(device);
}

static void ExclusiveDevice(void **state)
{
    PDEVICE_OBJECT device;
    HANDLE second;
    IoCreateDevice(stub.driver, 0, U(u"\\Device\\Thing"), FILE_DEVICE_UNKNOWN, 0, TRUE, &device);
    device->Flags &= ~DO_DEVICE_INITIALIZING;
    stub.hook = NULL;
    HANDLE handle = stub_open("\\Device\\Thing", NULL);
    assert_int_equal(fltsim_open("\\Device\\Thing", NULL, &second), STATUS_ACCESS_DENIED);
    fltsim_close(handle);
    IoDeleteDevice(device);
}

static void DeletesWhileAttached(void **state)
{
    PDEVICE_OBJECT a = Device(NULL, 0), b = Device(NULL, 0), below;
    IoAttachDeviceToDeviceStackSafe(b, a, &below);
    fltsim_expect("device-misuse");
    IoDeleteDevice(b);
    /* What is attached must detach by its driver's FastIoDetachDevice; the stub has none. */
    b = Device(NULL, 0);
    IoAttachDeviceToDeviceStackSafe(b, a, &below);
    fltsim_expect("device-misuse");
    IoDeleteDevice(a);
    IoDeleteDevice(b);
}

static void DeviceByName(void **state)
{
    PFILE_OBJECT file;
    PDEVICE_OBJECT device;
    assert_int_equal(IoGetDeviceObjectPointer(U(u"\\Device\\StubDisk"), FILE_READ_ATTRIBUTES, &file, &device),
                     STATUS_SUCCESS);
    assert_ptr_equal(IoGetAttachedDevice(stub.disk), device);
    ObDereferenceObject(file);
    assert_int_equal(IoGetDeviceObjectPointer(U(u"\\Device\\Nobody"), FILE_READ_ATTRIBUTES, &file, &device),
                     STATUS_OBJECT_NAME_NOT_FOUND);
}

static void VolumesAndDisks(void **state)
{
    PDEVICE_OBJECT disk;
    UNICODE_STRING dos;
    fltsim_close(stub_open("S:\\file", NULL));
    assert_int_equal(IoGetDiskDeviceObject(stub.volume, &disk), STATUS_SUCCESS);
    assert_ptr_equal(disk, stub.disk);
    ObDereferenceObject(disk);
    assert_int_equal(IoVolumeDeviceToDosName(stub.disk, &dos), STATUS_SUCCESS);
    assert_true(RtlEqualUnicodeString(&dos, U(u"S:"), FALSE));
    ExFreePool(dos.Buffer);
    assert_int_equal(IoVolumeDeviceToDosName(stub.volume, &dos), STATUS_SUCCESS);
    ExFreePool(dos.Buffer);
}

/* ---- file systems come and go ---- */

static unsigned arrivals, departures;
static VOID Heard(PDEVICE_OBJECT device, BOOLEAN active)
{
    if (active)
        arrivals++;
    else
        departures++;
}

static void FileSystemNotifications(void **state)
{
    PDEVICE_OBJECT late;
    arrivals = departures = 0;
    assert_int_equal(IoRegisterFsRegistrationChange(stub.driver, Heard), STATUS_SUCCESS);
    unsigned existing = arrivals;
    assert_true(existing >= 1);
    assert_int_equal(IoRegisterFsRegistrationChange(stub.driver, Heard), STATUS_DEVICE_ALREADY_ATTACHED);
    IoCreateDevice(stub.driver, 0, NULL, FILE_DEVICE_DISK_FILE_SYSTEM, 0, FALSE, &late);
    IoRegisterFileSystem(late);
    assert_int_equal(arrivals, existing + 1);
    IoUnregisterFileSystem(late);
    assert_int_equal(departures, 1);
    IoUnregisterFsRegistrationChange(stub.driver, Heard);
    IoDeleteDevice(late);
}

static void LastRegisteredMountsFirst(void **state)
{
    HANDLE handle;
    stub.answer[IRP_MJ_FILE_SYSTEM_CONTROL] = STATUS_UNRECOGNIZED_VOLUME;
    assert_int_equal(fltsim_open("S:\\file", NULL, &handle), STATUS_UNRECOGNIZED_VOLUME);
    unsigned tries = stub.count[IRP_MJ_FILE_SYSTEM_CONTROL];
    assert_true(tries >= 1);
    stub.answer[IRP_MJ_FILE_SYSTEM_CONTROL] = 0;
    stub.mode = STUB_PEND;
    fltsim_close(stub_open("S:\\file", NULL));
    fltsim_close(stub_open("S:\\file", NULL));
    assert_int_equal(stub.mounts, 1);
}

/* ---- drivers ---- */

static PDRIVER_OBJECT loaded;
static PDEVICE_OBJECT left_behind;
static unsigned unloads, reinits;
static NTSTATUS entry_status;
static bool leave_device;

static VOID Unload(PDRIVER_OBJECT driver)
{
    assert_true(IoIsSystemThread(PsGetCurrentThread()));
    unloads++;
    if (!leave_device && driver->DeviceObject)
        IoDeleteDevice(driver->DeviceObject);
}

static VOID Reinit(PDRIVER_OBJECT driver, PVOID context, ULONG count)
{
    reinits++;
    assert_int_equal(count, reinits);
    if (count < 3)
        IoRegisterDriverReinitialization(driver, Reinit, context);
}

static NTSTATUS Entry(PDRIVER_OBJECT driver, PUNICODE_STRING path)
{
    PVOID extension;
    assert_true(RtlEqualUnicodeString(path, U(u"\\Registry\\Machine\\System\\CurrentControlSet\\Services\\Thing"), TRUE));
    loaded = driver;
    driver->DriverUnload = Unload;
    IoRegisterDriverReinitialization(driver, Reinit, NULL);
    IoCreateDevice(driver, 0, U(u"\\Device\\Thing"), FILE_DEVICE_UNKNOWN, 0, FALSE, &left_behind);
    assert_int_equal(IoAllocateDriverObjectExtension(driver, &loaded, 8, &extension), STATUS_SUCCESS);
    assert_ptr_equal(IoGetDriverObjectExtension(driver, &loaded), extension);
    assert_int_equal(IoAllocateDriverObjectExtension(driver, &loaded, 8, &extension), STATUS_OBJECT_NAME_COLLISION);
    assert_null(IoGetDriverObjectExtension(driver, &reinits));
    if (!NT_SUCCESS(entry_status) && !leave_device)
        IoDeleteDevice(left_behind);
    return entry_status;
}

static NTSTATUS Load(void)
{
    PDRIVER_OBJECT driver;
    unloads = reinits = 0;
    return IopLoadDriver(U(u"\\Registry\\Machine\\System\\CurrentControlSet\\Services\\Thing"), Entry, &driver);
}

static void LoadsAndUnloads(void **state)
{
    entry_status = STATUS_SUCCESS;
    leave_device = false;
    assert_int_equal(Load(), STATUS_SUCCESS);
    assert_int_equal(reinits, 3);
    assert_false(left_behind->Flags & DO_DEVICE_INITIALIZING);
    assert_true(RtlEqualUnicodeString(&loaded->DriverExtension->ServiceKeyName, U(u"Thing"), FALSE));
    assert_int_equal(Load(), STATUS_IMAGE_ALREADY_LOADED);
    /* What a driver did not set answers STATUS_INVALID_DEVICE_REQUEST. */
    HANDLE handle;
    assert_int_equal(fltsim_open("\\Device\\Thing", NULL, &handle), STATUS_INVALID_DEVICE_REQUEST);
    PDRIVER_OBJECT found = IopFindDriver(U(u"thing"));
    assert_ptr_equal(found, loaded);
    ObDereferenceObject(found);
    assert_int_equal(IopUnloadDriver(loaded), STATUS_SUCCESS);
    assert_int_equal(unloads, 1);
    assert_null(IopFindDriver(U(u"thing")));
}

static void FailedEntry(void **state)
{
    entry_status = STATUS_INSUFFICIENT_RESOURCES;
    leave_device = false;
    assert_int_equal(Load(), STATUS_INSUFFICIENT_RESOURCES);
    assert_int_equal(reinits, 0);
    leave_device = true;
    fltsim_expect("device-leak");
    assert_int_equal(Load(), STATUS_INSUFFICIENT_RESOURCES);
}

static void LeavesADevice(void **state)
{
    entry_status = STATUS_SUCCESS;
    leave_device = true;
    assert_int_equal(Load(), STATUS_SUCCESS);
    fltsim_expect("device-leak");
    assert_int_equal(IopUnloadDriver(loaded), STATUS_SUCCESS);
}

static void NoUnloadRoutine(void **state)
{
    entry_status = STATUS_SUCCESS;
    leave_device = false;
    assert_int_equal(Load(), STATUS_SUCCESS);
    loaded->DriverUnload = NULL;
    assert_int_equal(IopUnloadDriver(loaded), STATUS_INVALID_DEVICE_REQUEST);
    loaded->DriverUnload = Unload;
    assert_int_equal(IopUnloadDriver(loaded), STATUS_SUCCESS);
}

/* ---- the rest ---- */

static void Shutdown(void **state)
{
    PDEVICE_OBJECT device = Device(NULL, 0), other = Device(NULL, 0);
    IoRegisterShutdownNotification(device);
    IoRegisterLastChanceShutdownNotification(other);
    IoRegisterShutdownNotification(stub.disk);
    IoUnregisterShutdownNotification(stub.disk);
    IopShutdown();
    assert_int_equal(stub.count[IRP_MJ_SHUTDOWN], 2);
    IoDeleteDevice(device);
    IoDeleteDevice(other);
}

static unsigned ticks;
static VOID Tick(PDEVICE_OBJECT device, PVOID context)
{
    assert_int_equal(KeGetCurrentIrql(), DISPATCH_LEVEL);
    ticks++;
}

static void DeviceTimer(void **state)
{
    PDEVICE_OBJECT device = Device(NULL, 0);
    ticks = 0;
    IoInitializeTimer(device, Tick, NULL);
    IoStartTimer(device);
    fltsim_sleep(3500);
    assert_int_equal(ticks, 3);
    IoStopTimer(device);
    fltsim_sleep(3000);
    assert_int_equal(ticks, 3);
    IoDeleteDevice(device);
}

static int Remove(void *lock)
{
    IoAcquireRemoveLock((PIO_REMOVE_LOCK)lock, NULL);
    IoReleaseRemoveLockAndWait((PIO_REMOVE_LOCK)lock, NULL);
    return 1;
}

static void RemoveLock(void **state)
{
    IO_REMOVE_LOCK lock;
    IoInitializeRemoveLock(&lock, 'kcoL', 0, 0);
    assert_int_equal(IoAcquireRemoveLock(&lock, NULL), STATUS_SUCCESS);
    struct fltsim_thread *thread = fltsim_thread_create(NULL, Remove, &lock);
    fltsim_sleep(1);
    assert_int_equal(IoAcquireRemoveLock(&lock, NULL), STATUS_DELETE_PENDING);
    IoReleaseRemoveLock(&lock, NULL);
    assert_int_equal(fltsim_thread_join(thread), 1);
}

int main(void)
{
#define CASE(test) cmocka_unit_test_setup_teardown(test, stub_setup, stub_teardown)
    const struct CMUnitTest tests[] = {
        CASE(CreatesAndDeletes),
        CASE(DeletionWaitsForTheLastFile),
        CASE(Stacks),
        CASE(InitializingDevicesAreNotThere),
        CASE(ExclusiveDevice),
        CASE(DeletesWhileAttached),
        CASE(DeviceByName),
        CASE(VolumesAndDisks),
        CASE(FileSystemNotifications),
        CASE(LastRegisteredMountsFirst),
        CASE(LoadsAndUnloads),
        CASE(FailedEntry),
        CASE(LeavesADevice),
        CASE(NoUnloadRoutine),
        CASE(Shutdown),
        CASE(DeviceTimer),
        CASE(RemoveLock),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
