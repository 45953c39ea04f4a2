/* The driver itself: entry, dispatch table, control devices; and the room's start and stop. */
#include "memfs/memfs.h"

#include "io/iop.h"
#include "ob/object.h"

struct memfs_state *memfs;

NTSTATUS MemfsComplete(PIRP irp, NTSTATUS status, ULONG_PTR information)
{
    irp->IoStatus.Status = status;
    irp->IoStatus.Information = information;
    IoCompleteRequest(irp, IO_DISK_INCREMENT);
    return status;
}

PVOID MemfsBuffer(PIRP irp)
{
    if (irp->MdlAddress)
        return MmGetSystemAddressForMdlSafe(irp->MdlAddress, NormalPagePriority);
    return irp->AssociatedIrp.SystemBuffer ? irp->AssociatedIrp.SystemBuffer : irp->UserBuffer;
}

static void fill_dispatch(PDRIVER_OBJECT driver)
{
    PDRIVER_DISPATCH *table = driver->MajorFunction;
    table[IRP_MJ_CREATE] = MemfsCreate;
    table[IRP_MJ_CLOSE] = MemfsClose;
    table[IRP_MJ_READ] = MemfsRead;
    table[IRP_MJ_WRITE] = MemfsWrite;
    table[IRP_MJ_QUERY_INFORMATION] = MemfsQueryInformation;
    table[IRP_MJ_SET_INFORMATION] = MemfsSetInformation;
    table[IRP_MJ_QUERY_EA] = MemfsQueryEa;
    table[IRP_MJ_SET_EA] = MemfsSetEa;
    table[IRP_MJ_FLUSH_BUFFERS] = MemfsFlushBuffers;
    table[IRP_MJ_QUERY_VOLUME_INFORMATION] = MemfsQueryVolumeInformation;
    table[IRP_MJ_SET_VOLUME_INFORMATION] = MemfsSetVolumeInformation;
    table[IRP_MJ_DIRECTORY_CONTROL] = MemfsDirectoryControl;
    table[IRP_MJ_FILE_SYSTEM_CONTROL] = MemfsFileSystemControl;
    table[IRP_MJ_DEVICE_CONTROL] = MemfsDeviceControl;
    table[IRP_MJ_SHUTDOWN] = MemfsShutdown;
    table[IRP_MJ_LOCK_CONTROL] = MemfsLockControl;
    table[IRP_MJ_CLEANUP] = MemfsCleanup;
    table[IRP_MJ_QUERY_SECURITY] = MemfsQuerySecurity;
    table[IRP_MJ_SET_SECURITY] = MemfsSetSecurity;
    table[IRP_MJ_QUERY_QUOTA] = MemfsQueryQuota;
    table[IRP_MJ_SET_QUOTA] = MemfsSetQuota;
    table[IRP_MJ_PNP] = MemfsPnp;
    driver->FastIoDispatch = &memfs->fast_io;
    FS_FILTER_CALLBACKS callbacks = {.SizeOfFsFilterCallbacks = sizeof callbacks, .PreQueryOpen = MemfsPreQueryOpen};
    FsRtlRegisterFileSystemFilterCallbacks(driver, &callbacks);
}

static UNICODE_STRING text(const WCHAR *units)
{
    UNICODE_STRING string;
    RtlInitUnicodeString(&string, units);
    return string;
}

/* -- entries of the drivers -------------------------------------------------------------- */

static NTSTATUS file_system_entry(PDRIVER_OBJECT driver, const WCHAR *device_name, enum fltsim_volume_kind kind)
{
    UNICODE_STRING name = text(device_name);
    PDEVICE_OBJECT device;
    NTSTATUS status = IoCreateDevice(driver, sizeof(struct memfs_control), &name,
                                     FILE_DEVICE_DISK_FILE_SYSTEM, 0, FALSE, &device);
    if (!NT_SUCCESS(status))
        return status;
    struct memfs_control *control = device->DeviceExtension;
    control->kind = MEMFS_CONTROL_DEVICE;
    control->holds = kind;
    fill_dispatch(driver);
    device->Flags &= ~DO_DEVICE_INITIALIZING;
    IoRegisterFileSystem(device);
    memfs->control[kind] = device;
    return STATUS_SUCCESS;
}

static NTSTATUS ntfs_entry(PDRIVER_OBJECT driver, PUNICODE_STRING path)
{
    return file_system_entry(driver, (const WCHAR *)u"\\Ntfs", FLTSIM_NTFS);
}

static NTSTATUS fat_entry(PDRIVER_OBJECT driver, PUNICODE_STRING path)
{
    return file_system_entry(driver, (const WCHAR *)u"\\Fat", FLTSIM_FAT);
}

static NTSTATUS csvfs_entry(PDRIVER_OBJECT driver, PUNICODE_STRING path)
{
    return file_system_entry(driver, (const WCHAR *)u"\\CsvFs", FLTSIM_CSVFS);
}

static NTSTATUS disk_entry(PDRIVER_OBJECT driver, PUNICODE_STRING path)
{
    driver->MajorFunction[IRP_MJ_CREATE] = MemfsCreate;
    driver->MajorFunction[IRP_MJ_CLEANUP] = MemfsCleanup;
    driver->MajorFunction[IRP_MJ_CLOSE] = MemfsClose;
    driver->MajorFunction[IRP_MJ_DEVICE_CONTROL] = MemfsDiskControl;
    return STATUS_SUCCESS;
}

/* -- the room ---------------------------------------------------------------------------------- */

static bool load(const WCHAR *name, const WCHAR *service, PDRIVER_INITIALIZE entry,
                 PDRIVER_OBJECT *driver)
{
    UNICODE_STRING driver_name = text(name), service_name = text(service);
    NTSTATUS status = IopCreateDriverObject(&driver_name, &service_name, entry, driver);
    return NT_SUCCESS(status) && NT_SUCCESS(entry(*driver, &service_name));
}

#define MEMFS_SERVICES u"\\Registry\\Machine\\System\\CurrentControlSet\\Services\\"

bool MemfspStart(void)
{
    memfs = machine->memfs = sim_alloc(sizeof *memfs);
    ExInitializeFastMutex(&memfs->lock);
    InitializeListHead(&memfs->volumes);
    MemfsFillFastIo(&memfs->fast_io, true);
    return load((const WCHAR *)u"\\Driver\\volmgr", (const WCHAR *)MEMFS_SERVICES u"volmgr",
                disk_entry, &memfs->disk_driver) &&
           load((const WCHAR *)u"\\FileSystem\\fastfat", (const WCHAR *)MEMFS_SERVICES u"fastfat",
                fat_entry, &memfs->drivers[FLTSIM_FAT]) &&
           load((const WCHAR *)u"\\FileSystem\\Ntfs", (const WCHAR *)MEMFS_SERVICES u"Ntfs",
                ntfs_entry, &memfs->drivers[FLTSIM_NTFS]);
}

bool MemfsLoadCsvFs(void)
{
    LARGE_INTEGER moment = {.QuadPart = -1};
    LONG before;
    while ((before = InterlockedCompareExchange(&memfs->csvfs, 1, 0)) == 1)
        KeDelayExecutionThread(KernelMode, FALSE, &moment);
    if (before == 2)
        return true;
    bool loaded = load((const WCHAR *)u"\\FileSystem\\CsvFs", (const WCHAR *)MEMFS_SERVICES u"CsvFs", csvfs_entry,
                       &memfs->drivers[FLTSIM_CSVFS]);
    InterlockedExchange(&memfs->csvfs, loaded ? 2 : 0);
    return loaded;
}

/* No unload routine: file system drivers do not unload. Their objects go with the machine. */
static void remove_driver(PDRIVER_OBJECT driver)
{
    sched_lock(&io->lock);
    RemoveEntryList(&IopDriver(driver)->link);
    InitializeListHead(&IopDriver(driver)->link);
    sched_unlock(&io->lock);
    ObpRemoveName(driver);
    ObpDereference(driver);
}

static void unload(PDRIVER_OBJECT driver, PDEVICE_OBJECT control)
{
    if (control) {
        IoUnregisterFileSystem(control);
        PDEVICE_OBJECT above;
        while ((above = control->AttachedDevice) && above->DriverObject->FastIoDispatch &&
               above->DriverObject->FastIoDispatch->FastIoDetachDevice) {
            above->DriverObject->FastIoDispatch->FastIoDetachDevice(above, control);
            if (control->AttachedDevice == above)
                break;
        }
        IoDeleteDevice(control);
    }
    if (driver)
        remove_driver(driver);
}

void MemfspStop(void)
{
    if (!sched_is_dead()) {
        MemfsDrain();
        for (unsigned i = 0; i <= FLTSIM_CSVFS; i++)
            unload(memfs->drivers[i], memfs->control[i]);
        if (memfs->disk_driver)
            remove_driver(memfs->disk_driver);
    }
    sim_free(memfs);
    memfs = machine->memfs = NULL;
}
