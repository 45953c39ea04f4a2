/* A driver object and its devices from DriverEntry to unload, as published kernel test suites saw them on Windows. */
#include "stage.h"

#define NAME L"devices"

static struct devices {
    PDRIVER_OBJECT driver;
    PDEVICE_OBJECT main, lower, helper;
    PDEVICE_OBJECT attachedTo;
    bool entered, unloaded;
} devices;

static NTSTATUS helper_dispatch(PDEVICE_OBJECT device, PIRP irp)
{
    irp->IoStatus.Status = STATUS_SUCCESS;
    irp->IoStatus.Information = 0;
    IoCompleteRequest(irp, IO_NO_INCREMENT);
    return STATUS_SUCCESS;
}

static VOID helper_unload(PDRIVER_OBJECT driver) { IoDeleteDevice(devices.helper); }

static NTSTATUS helper_entry(PDRIVER_OBJECT driver, PUNICODE_STRING path)
{
    driver->MajorFunction[IRP_MJ_CREATE] = driver->MajorFunction[IRP_MJ_CLOSE] = driver->MajorFunction[IRP_MJ_CLEANUP] =
        helper_dispatch;
    driver->DriverUnload = helper_unload;
    succeeds(IoCreateDevice(driver, 0, text(L"\\Device\\Helper"), FILE_DEVICE_UNKNOWN, 0, TRUE, &devices.helper));
    devices.helper->Flags &= ~DO_DEVICE_INITIALIZING;
    return STATUS_SUCCESS;
}

static void look_at_driver(PDRIVER_OBJECT driver, ULONG flags)
{
    assert_int_equal(driver->Type, 4);
    assert_int_equal(driver->Size, sizeof(DRIVER_OBJECT));
    assert_int_equal(driver->Flags, flags);
    assert_ptr_equal(driver->DriverExtension->DriverObject, driver);
    assert_null(driver->DriverExtension->AddDevice);
    assert_int_equal(driver->DriverExtension->Count, 0);
    assert_true(same_text(&driver->DriverExtension->ServiceKeyName, NAME));
    assert_true(same_text(&driver->DriverName, L"\\Driver\\" NAME) || same_text(&driver->DriverName, L"\\FileSystem\\" NAME));
    assert_true(same_text(driver->HardwareDatabase, L"\\REGISTRY\\MACHINE\\HARDWARE\\DESCRIPTION\\SYSTEM"));
    assert_non_null(driver->MajorFunction[IRP_MJ_CREATE_NAMED_PIPE]);
    for (unsigned i = 0; i <= IRP_MJ_MAXIMUM_FUNCTION; i++)
        assert_ptr_equal(driver->MajorFunction[i], driver->MajorFunction[IRP_MJ_CREATE_NAMED_PIPE]);
}

static void look_at_device(PDEVICE_OBJECT device, ULONG flags)
{
    assert_int_equal(device->Type, 3);
    assert_int_equal(device->Size, sizeof(DEVICE_OBJECT));
    assert_int_equal(device->ReferenceCount, 0);
    assert_ptr_equal(device->DriverObject, devices.driver);
    assert_null(device->NextDevice);
    assert_null(device->AttachedDevice);
    assert_int_equal(device->Characteristics, 0);
    assert_int_equal(device->Flags, flags);
    assert_int_equal(device->DeviceType, FILE_DEVICE_UNKNOWN);
    assert_int_equal(device->ActiveThreadCount, 0);
}

static void make_and_delete(PDRIVER_OBJECT driver)
{
    PDEVICE_OBJECT device;

    answers(STATUS_OBJECT_PATH_NOT_FOUND,
            IoCreateDevice(driver, 0, text(L"\\Device1\\Main"), FILE_DEVICE_UNKNOWN, 0, FALSE, &device));
    for (unsigned exclusive = 0; exclusive < 2; exclusive++) {
        succeeds(IoCreateDevice(driver, 0, text(L"\\Device\\Main"), FILE_DEVICE_UNKNOWN, 0, exclusive != 0, &device));
        look_at_device(device, DO_DEVICE_HAS_NAME | DO_DEVICE_INITIALIZING | (exclusive ? DO_EXCLUSIVE : 0));
        IoDeleteDevice(device);
        assert_null(driver->DeviceObject);
    }
    succeeds(IoCreateDevice(driver, 0, text(L"\\Device\\Main"), FILE_DEVICE_UNKNOWN, 0, FALSE, &devices.main));
}

static void look_below(PDEVICE_OBJECT device, PDEVICE_OBJECT below, PDEVICE_OBJECT base)
{
    PDEVICE_OBJECT found = IoGetLowerDeviceObject(device);
    assert_ptr_equal(found, below);
    if (found)
        ObDereferenceObject(found);
    found = IoGetDeviceAttachmentBaseRef(device);
    assert_ptr_equal(found, base);
    ObDereferenceObject(found);
}

static VOID devices_unload(PDRIVER_OBJECT driver)
{
    assert_int_equal(driver->Flags, DRVO_LEGACY_DRIVER | DRVO_INITIALIZED | DRVO_UNLOAD_INVOKED);
    assert_int_equal(devices.main->Flags, DO_DEVICE_HAS_NAME); /* what was made in DriverEntry is ready */
    assert_int_equal(devices.main->ReferenceCount, 0);
    assert_ptr_equal(devices.helper->AttachedDevice, devices.main);
    IoDetachDevice(devices.attachedTo);
    assert_null(devices.helper->AttachedDevice);
    IoDeleteDevice(devices.main);
    devices.unloaded = true;
}

static NTSTATUS devices_entry(PDRIVER_OBJECT driver, PUNICODE_STRING path)
{
    devices.driver = driver;
    assert_null(driver->DeviceObject);
    look_at_driver(driver, DRVO_LEGACY_DRIVER);
    assert_ptr_equal(driver->DriverInit, devices_entry);
    assert_true(FsRtlIsNameInExpression(text(L"\\REGISTRY\\MACHINE\\SYSTEM\\*CONTROLSET*\\SERVICES\\DEVICES"), path, TRUE, NULL));
    make_and_delete(driver);

    answers(STATUS_OBJECT_NAME_NOT_FOUND,
            ZwLoadDriver(text(L"\\Registry\\Machine\\System\\CurrentControlSet\\Services\\deadbeef")));
    answers(STATUS_OBJECT_NAME_NOT_FOUND,
            ZwUnloadDriver(text(L"\\Registry\\Machine\\System\\CurrentControlSet\\Services\\deadbeef")));
    answers(STATUS_INVALID_DEVICE_REQUEST, ZwUnloadDriver(path)); /* no DriverUnload yet */

    succeeds(IoAttachDevice(devices.main, text(L"\\Device\\Helper"), &devices.attachedTo));
    assert_ptr_equal(devices.attachedTo, devices.helper);
    look_below(devices.main, devices.helper, devices.helper);
    driver->DriverUnload = devices_unload;
    devices.entered = true;
    return STATUS_SUCCESS;
}

static void a_driver_and_its_devices_are_as_windows_makes_them(void)
{
    struct fltsim_driver *helper, *driver;

    memset(&devices, 0, sizeof devices);
    succeeds(fltsim_load(&(struct fltsim_driver_options){.name = "helper", .entry = helper_entry}, &helper));
    succeeds(fltsim_load(&(struct fltsim_driver_options){.name = "devices", .entry = devices_entry}, &driver));
    assert_true(devices.entered);
    assert_int_equal(devices.driver->Flags, DRVO_LEGACY_DRIVER | DRVO_INITIALIZED);
    look_at_driver(devices.driver, DRVO_LEGACY_DRIVER | DRVO_INITIALIZED);
    answers(STATUS_IMAGE_ALREADY_LOADED, ZwLoadDriver(text(L"\\Registry\\Machine\\System\\CurrentControlSet\\Services\\" NAME)));
    succeeds(fltsim_unload(driver));
    assert_true(devices.unloaded);
    succeeds(fltsim_unload(helper));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fltsim_unit_test(a_driver_and_its_devices_are_as_windows_makes_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
