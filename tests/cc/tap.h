/* A legacy filter on a volume, in the test itself, that counts what passes. */
#ifndef FLTSIM_TESTS_CC_TAP_H
#define FLTSIM_TESTS_CC_TAP_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <fltsim/fltsim.h>

#include <cmocka.h>

static struct tap {
    struct fltsim_volume *volume;
    PDEVICE_OBJECT device, below;
    PDRIVER_OBJECT driver;
    unsigned cleanups, closes, paging_reads, paging_writes, reads, writes;
    ULONG last_length;
    LONGLONG last_offset;
    PFILE_OBJECT last_file; /* of a write */
    NTSTATUS fail_writes; /* paging writes end so; 0: pass */
} tap;

static NTSTATUS tap_pass(PDEVICE_OBJECT device, PIRP irp)
{
    PIO_STACK_LOCATION stack = IoGetCurrentIrpStackLocation(irp);
    bool paging = (irp->Flags & IRP_PAGING_IO) != 0;
    switch (stack->MajorFunction) {
    case IRP_MJ_CLEANUP:
        tap.cleanups++;
        break;
    case IRP_MJ_CLOSE:
        tap.closes++;
        break;
    case IRP_MJ_READ:
        paging ? tap.paging_reads++ : tap.reads++;
        tap.last_length = stack->Parameters.Read.Length;
        tap.last_offset = stack->Parameters.Read.ByteOffset.QuadPart;
        break;
    case IRP_MJ_WRITE:
        paging ? tap.paging_writes++ : tap.writes++;
        tap.last_file = stack->FileObject;
        tap.last_length = stack->Parameters.Write.Length;
        tap.last_offset = stack->Parameters.Write.ByteOffset.QuadPart;
        if (paging && tap.fail_writes) {
            irp->IoStatus.Status = tap.fail_writes;
            irp->IoStatus.Information = 0;
            IoCompleteRequest(irp, IO_NO_INCREMENT);
            return tap.fail_writes;
        }
        break;
    default:
        break;
    }
    IoSkipCurrentIrpStackLocation(irp);
    return IoCallDriver(tap.below, irp);
}

static VOID tap_unload(PDRIVER_OBJECT driver)
{
    IoDetachDevice(tap.below);
    IoDeleteDevice(tap.device);
}

static FAST_IO_DISPATCH tap_fast_io = {.SizeOfFastIoDispatch = sizeof tap_fast_io};

static NTSTATUS tap_entry(PDRIVER_OBJECT driver, PUNICODE_STRING path)
{
    for (unsigned i = 0; i <= IRP_MJ_MAXIMUM_FUNCTION; i++)
        driver->MajorFunction[i] = tap_pass;
    driver->FastIoDispatch = &tap_fast_io;
    driver->DriverUnload = tap_unload;
    NTSTATUS status =
        IoCreateDevice(driver, 0, NULL, FILE_DEVICE_DISK_FILE_SYSTEM, 0, FALSE, &tap.device);
    if (!NT_SUCCESS(status))
        return status;
    tap.below = IoAttachDeviceToDeviceStack(tap.device, fltsim_volume_device(tap.volume));
    tap.device->Flags &= ~DO_DEVICE_INITIALIZING;
    return STATUS_SUCCESS;
}

static int tap_start(void **state)
{
    struct fltsim_driver *driver;
    memset(&tap, 0, sizeof tap);
    assert_true(fltsim_start(NULL));
    assert_int_equal(fltsim_mount(NULL, &tap.volume), STATUS_SUCCESS);
    assert_int_equal(
        fltsim_load(&(struct fltsim_driver_options){.name = "tap", .entry = tap_entry}, &driver),
        STATUS_SUCCESS);
    return 0;
}

static int tap_stop(void **state)
{
    assert_int_equal(fltsim_stop(NULL), 0);
    return 0;
}

static inline HANDLE open_file(const char *path, ULONG disposition, ULONG options)
{
    HANDLE handle = NULL;
    struct fltsim_open open = {.access = GENERIC_READ | GENERIC_WRITE | DELETE,
                               .disposition = disposition,
                               .options = options};
    assert_int_equal(fltsim_open(path, &open, &handle), STATUS_SUCCESS);
    return handle;
}

static inline PFILE_OBJECT file_of(HANDLE handle)
{
    PFILE_OBJECT file;
    assert_int_equal(
        ObReferenceObjectByHandle(handle, 0, *IoFileObjectType, KernelMode, (PVOID *)&file, NULL),
        STATUS_SUCCESS);
    ObDereferenceObject(file);
    return file;
}

static inline void put(HANDLE handle, const void *bytes, size_t length, int64_t offset)
{
    size_t done;
    assert_int_equal(fltsim_write(handle, bytes, length, offset, &done), STATUS_SUCCESS);
    assert_int_equal(done, length);
}

static inline void expect(HANDLE handle, const void *bytes, size_t length, int64_t offset)
{
    static char buffer[65536];
    size_t done;
    assert_int_equal(fltsim_read(handle, buffer, length, offset, &done), STATUS_SUCCESS);
    assert_int_equal(done, length);
    assert_memory_equal(buffer, bytes, length);
}

#endif
