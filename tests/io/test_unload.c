/* Drivers that are told to go while programs have their devices open: they stay until the last file is closed. */
#include <fltsim/fltsim.h>

#include <fltKernel.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct {
    PDEVICE_OBJECT device;
    PFLT_FILTER filter;
    int unloads, closes;
} driver;

static NTSTATUS Answer(PDEVICE_OBJECT device, PIRP irp)
{
    if (IoGetCurrentIrpStackLocation(irp)->MajorFunction == IRP_MJ_CLOSE)
        driver.closes++;
    irp->IoStatus.Status = STATUS_SUCCESS;
    irp->IoStatus.Information = 0;
    IoCompleteRequest(irp, IO_NO_INCREMENT);
    return STATUS_SUCCESS;
}

static VOID Unload(PDRIVER_OBJECT object)
{
    driver.unloads++;
    IoDeleteDevice(driver.device);
}

static NTSTATUS Entry(PDRIVER_OBJECT object, PUNICODE_STRING path)
{
    UNICODE_STRING name;
    RtlInitUnicodeString(&name, (PCWSTR)u"\\Device\\Held");
    driver.unloads = driver.closes = 0;
    object->DriverUnload = Unload;
    object->MajorFunction[IRP_MJ_CREATE] = object->MajorFunction[IRP_MJ_CLEANUP] = object->MajorFunction[IRP_MJ_CLOSE] = Answer;
    return IoCreateDevice(object, 0, &name, FILE_DEVICE_UNKNOWN, 0, FALSE, &driver.device);
}

static NTSTATUS FLTAPI FilterUnload(FLT_FILTER_UNLOAD_FLAGS flags)
{
    driver.unloads++;
    IoDeleteDevice(driver.device);
    FltUnregisterFilter(driver.filter);
    return STATUS_SUCCESS;
}

static NTSTATUS FilterEntry(PDRIVER_OBJECT object, PUNICODE_STRING path)
{
    static const FLT_REGISTRATION registration = {
        .Size = sizeof registration, .Version = FLT_REGISTRATION_VERSION, .FilterUnloadCallback = FilterUnload};
    NTSTATUS status = Entry(object, path);
    object->DriverUnload = NULL;
    return NT_SUCCESS(status) ? FltRegisterFilter(object, &registration, &driver.filter) : status;
}

static int Start(void **state) { return fltsim_start(NULL) ? 0 : -1; }
static int Stop(void **state) { return (int)fltsim_stop(NULL); }

static struct fltsim_driver *Load(PDRIVER_INITIALIZE entry)
{
    struct fltsim_driver *loaded;
    assert_int_equal(fltsim_load(&(struct fltsim_driver_options){.entry = entry, .name = "held", .altitude = "370000"}, &loaded),
                     STATUS_SUCCESS);
    return loaded;
}

static HANDLE Open(void)
{
    HANDLE handle;
    assert_int_equal(fltsim_open("\\Device\\Held", NULL, &handle), STATUS_SUCCESS);
    return handle;
}

static void ADriverGoesWithTheLastFileOnItsDevice(void **state)
{
    struct fltsim_driver *loaded = Load(Entry);
    HANDLE first = Open(), second = Open(), third;
    assert_int_equal(fltsim_unload(loaded), STATUS_DEVICE_BUSY);
    assert_int_equal(fltsim_unload_mandatory(loaded), STATUS_DEVICE_BUSY);
    assert_int_equal(fltsim_open("\\Device\\Held", NULL, &third), STATUS_NO_SUCH_DEVICE);
    assert_int_equal(fltsim_close(first), STATUS_SUCCESS);
    assert_int_equal(fltsim_unload(loaded), STATUS_DEVICE_BUSY);
    assert_int_equal(driver.unloads, 0);
    assert_int_equal(fltsim_close(second), STATUS_SUCCESS);
    assert_int_equal(fltsim_unload(loaded), STATUS_SUCCESS);
    assert_int_equal(driver.unloads, 1);
    assert_int_equal(driver.closes, 2);
    assert_int_equal(fltsim_open("\\Device\\Held", NULL, &third), STATUS_OBJECT_NAME_NOT_FOUND);
}

static void AMinifiltersImageStaysForItsControlDevice(void **state)
{
    struct fltsim_driver *loaded = Load(FilterEntry);
    HANDLE handle = Open();
    assert_int_equal(fltsim_unload(loaded), STATUS_DEVICE_BUSY);
    assert_int_equal(driver.unloads, 1); /* the filter is gone, the image is not */
    assert_int_equal(fltsim_close(handle), STATUS_SUCCESS);
    assert_int_equal(driver.closes, 1);
    assert_int_equal(fltsim_unload(loaded), STATUS_SUCCESS);
    assert_int_equal(driver.unloads, 1);
}

static void AnotherDriverIsToldThatItGoes(void **state)
{
    UNICODE_STRING path;
    struct fltsim_driver *loaded = Load(Entry);
    HANDLE handle = Open();
    RtlInitUnicodeString(&path, (PCWSTR)u"\\Registry\\Machine\\System\\CurrentControlSet\\Services\\held");
    assert_int_equal(ZwUnloadDriver(&path), STATUS_SUCCESS);
    assert_int_equal(ZwUnloadDriver(&path), STATUS_INVALID_DEVICE_REQUEST);
    assert_int_equal(driver.unloads, 0);
    assert_int_equal(fltsim_close(handle), STATUS_SUCCESS);
    assert_int_equal(fltsim_unload(loaded), STATUS_SUCCESS);
    assert_int_equal(driver.unloads, 1);
}

static void TheMachineStopsAllTheSame(void **state)
{
    struct fltsim_driver *loaded = Load(Entry);
    Open();
    assert_int_equal(fltsim_unload(loaded), STATUS_DEVICE_BUSY);
    assert_int_equal(fltsim_stop(NULL), 0); /* programs' handles are closed first */
    assert_int_equal(driver.unloads, 1);
    assert_true(fltsim_start(NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(ADriverGoesWithTheLastFileOnItsDevice, Start, Stop),
        cmocka_unit_test_setup_teardown(AMinifiltersImageStaysForItsControlDevice, Start, Stop),
        cmocka_unit_test_setup_teardown(AnotherDriverIsToldThatItGoes, Start, Stop),
        cmocka_unit_test_setup_teardown(TheMachineStopsAllTheSame, Start, Stop),
    };
    return cmocka_run_group_tests_name("io/unload", tests, NULL, NULL);
}
