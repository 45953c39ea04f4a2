/* What a disk tells of itself: its number, where the volume lies on it, its bus. Every volume has a disk of its own. */
#include "memfs/memfs.h"

#include <ntddk.h>
#include <ntddstor.h>
#include <ntddvol.h>

#include <stdio.h>
#include <string.h>

struct about_device {
    STORAGE_DEVICE_DESCRIPTOR head;
    char vendor[8], product[8], serial[16];
};

static NTSTATUS disk_extents(const struct memfs_store *store, PVOLUME_DISK_EXTENTS out, ULONG room, ULONG_PTR *done)
{
    if (room < sizeof *out)
        return STATUS_INVALID_PARAMETER;
    memset(out, 0, sizeof *out);
    out->NumberOfDiskExtents = 1;
    out->Extents[0].DiskNumber = (ULONG)store->number;
    out->Extents[0].ExtentLength.QuadPart = store->size;
    *done = sizeof *out;
    return STATUS_SUCCESS;
}

static NTSTATUS device_number(const struct memfs_store *store, PSTORAGE_DEVICE_NUMBER out, ULONG room, ULONG_PTR *done)
{
    if (room < sizeof *out)
        return STATUS_BUFFER_TOO_SMALL;
    *out = (STORAGE_DEVICE_NUMBER){.DeviceType = FILE_DEVICE_DISK, .DeviceNumber = (ULONG)store->number, .PartitionNumber = 1};
    *done = sizeof *out;
    return STATUS_SUCCESS;
}

static void describe_device(const struct memfs_store *store, struct about_device *about)
{
    *about = (struct about_device){.vendor = "fltsim", .product = "disk"};
    snprintf(about->serial, sizeof about->serial, "%08X", (unsigned)store->serial);
    about->head.Version = sizeof about->head;
    about->head.Size = sizeof *about;
    about->head.RemovableMedia = store->options.removable;
    about->head.VendorIdOffset = FIELD_OFFSET(struct about_device, vendor);
    about->head.ProductIdOffset = FIELD_OFFSET(struct about_device, product);
    about->head.SerialNumberOffset = FIELD_OFFSET(struct about_device, serial);
    about->head.BusType = store->options.removable ? BusTypeUsb : BusTypeSata;
}

static void describe_adapter(const struct memfs_store *store, PSTORAGE_ADAPTER_DESCRIPTOR about)
{
    memset(about, 0, sizeof *about);
    about->Version = about->Size = sizeof *about;
    about->MaximumTransferLength = 1 << 20;
    about->MaximumPhysicalPages = 257;
    about->BusType = store->options.removable ? BusTypeUsb : BusTypeSata;
}

static NTSTATUS property(const struct memfs_store *store, PVOID buffer, ULONG length, ULONG room, ULONG_PTR *done)
{
    union {
        struct about_device device;
        STORAGE_ADAPTER_DESCRIPTOR adapter;
    } about;
    if (length < sizeof(STORAGE_PROPERTY_QUERY))
        return STATUS_INVALID_PARAMETER;
    STORAGE_PROPERTY_QUERY query = *(PSTORAGE_PROPERTY_QUERY)buffer;
    if (query.PropertyId != StorageDeviceProperty && query.PropertyId != StorageAdapterProperty)
        return STATUS_NOT_SUPPORTED;
    if (query.QueryType == PropertyExistsQuery)
        return STATUS_SUCCESS;
    if (query.QueryType != PropertyStandardQuery)
        return STATUS_NOT_SUPPORTED;
    if (query.PropertyId == StorageDeviceProperty)
        describe_device(store, &about.device);
    else
        describe_adapter(store, &about.adapter);
    ULONG size = query.PropertyId == StorageDeviceProperty ? sizeof about.device : sizeof about.adapter;
    *done = size < room ? size : room;
    memcpy(buffer, &about, *done);
    return STATUS_SUCCESS;
}

NTSTATUS MemfsDiskAbout(const struct memfs_store *store, PIRP irp, ULONG_PTR *done)
{
    PIO_STACK_LOCATION stack = IoGetCurrentIrpStackLocation(irp);
    ULONG length = stack->Parameters.DeviceIoControl.InputBufferLength;
    ULONG room = stack->Parameters.DeviceIoControl.OutputBufferLength;
    PVOID buffer = irp->AssociatedIrp.SystemBuffer;
    if (!store)
        return STATUS_INVALID_DEVICE_REQUEST;
    switch (stack->Parameters.DeviceIoControl.IoControlCode) {
    case IOCTL_VOLUME_GET_VOLUME_DISK_EXTENTS:
        return disk_extents(store, buffer, room, done);
    case IOCTL_STORAGE_GET_DEVICE_NUMBER:
        return device_number(store, buffer, room, done);
    case IOCTL_STORAGE_QUERY_PROPERTY:
        return property(store, buffer, length, room, done);
    default:
        return STATUS_INVALID_DEVICE_REQUEST;
    }
}
