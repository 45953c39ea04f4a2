/* Mounting, dismounting, and the passes over a whole volume. */
#include "memfs/journal.h"

#include <string.h>

/* -- mount ------------------------------------------------------------------------------------- */

static PVPB create_spare(PDEVICE_OBJECT disk)
{
    PVPB vpb = ExAllocatePoolWithTag(NonPagedPool, sizeof *vpb, ' bpV');
    if (!vpb)
        return NULL;
    memset(vpb, 0, sizeof *vpb);
    vpb->Type = IO_TYPE_VPB;
    vpb->Size = sizeof *vpb;
    vpb->RealDevice = disk;
    return vpb;
}

static void open_volume(struct memfs_volume *volume, PDEVICE_OBJECT device, PVPB vpb, PVPB spare,
                        struct memfs_store *store)
{
    volume->kind = MEMFS_VOLUME_DEVICE;
    volume->device = device;
    volume->disk = vpb->RealDevice;
    volume->vpb = vpb;
    volume->spare = spare;
    volume->store = store;
    MemfsReferenceStore(store);
    ObReferenceObject(volume->disk); /* files of a dismounted volume still point at it */
    ExInitializeResourceLite(&volume->tree);
    KeInitializeEvent(&volume->gone, NotificationEvent, FALSE);
    ExInitializeFastMutex(&volume->lock);
    InitializeListHead(&volume->scbs);
    InitializeListHead(&volume->watchers);
    FsRtlInitializeTunnelCache(&volume->tunnel);
    FsRtlNotifyInitializeSync(&volume->notify);
}

/* The control block for opens of the volume itself. */
static struct memfs_scb *create_self(struct memfs_volume *volume)
{
    struct memfs_scb *scb = sim_alloc(sizeof *scb);
    scb->volume = volume;
    scb->header.NodeTypeCode = MEMFS_VOLUME;
    scb->header.NodeByteSize = sizeof *scb;
    ExInitializeResourceLite(&scb->main);
    ExInitializeResourceLite(&scb->paging);
    ExInitializeFastMutex(&scb->header_mutex);
    scb->header.Resource = &scb->main;
    scb->header.PagingIoResource = &scb->paging;
    scb->header.IsFastIoPossible = FastIoIsNotPossible;
    InitializeListHead(&scb->opens);
    FsRtlSetupAdvancedHeaderEx(&scb->header, &scb->header_mutex, NULL);
    scb->header.AllocationSize.QuadPart = scb->header.FileSize.QuadPart = volume->store->size;
    scb->header.ValidDataLength.QuadPart = volume->store->size;
    return scb;
}

NTSTATUS MemfsMountVolume(PDEVICE_OBJECT control, PIRP irp)
{
    PIO_STACK_LOCATION stack = IoGetCurrentIrpStackLocation(irp);
    struct memfs_control *kind = control->DeviceExtension;
    PDEVICE_OBJECT target = stack->Parameters.MountVolume.DeviceObject, device;
    PVPB vpb = stack->Parameters.MountVolume.Vpb;
    struct memfs_store *store = MemfsStoreOf(target);
    if (!store || store->options.kind != kind->holds)
        return STATUS_UNRECOGNIZED_VOLUME;
    PVPB spare = create_spare(vpb->RealDevice);
    if (!spare)
        return STATUS_INSUFFICIENT_RESOURCES;
    NTSTATUS status = IoCreateDevice(control->DriverObject, sizeof(struct memfs_volume), NULL,
                                     FILE_DEVICE_DISK_FILE_SYSTEM, 0, FALSE, &device);
    if (!NT_SUCCESS(status)) {
        ExFreePool(spare);
        return status;
    }
    struct memfs_volume *volume = device->DeviceExtension;
    open_volume(volume, device, vpb, spare, store);
    volume->self = create_self(volume);
    device->StackSize = (CCHAR)(target->StackSize + 1);
    device->SectorSize = MEMFS_SECTOR;
    device->AlignmentRequirement = target->AlignmentRequirement;
    device->Characteristics |=
        vpb->RealDevice->Characteristics & (FILE_REMOVABLE_MEDIA | FILE_READ_ONLY_DEVICE | FILE_CHARACTERISTIC_CSV);
    if (store->ntfs)
        device->Flags |= DO_SUPPORTS_PERSISTENT_ACLS;
    vpb->DeviceObject = device;
    vpb->SerialNumber = store->serial;
    vpb->VolumeLabelLength = store->label_length;
    memcpy(vpb->VolumeLabel, store->label, store->label_length);
    ExAcquireFastMutex(&memfs->lock);
    InsertTailList(&memfs->volumes, &volume->link);
    InterlockedIncrement(&memfs->volume_count);
    ExReleaseFastMutex(&memfs->lock);
    device->Flags &= ~DO_DEVICE_INITIALIZING;
    return STATUS_SUCCESS;
}

NTSTATUS MemfsCheckVolume(struct memfs_volume *volume)
{
    return MemfsIs(&volume->dismounted) ? STATUS_VOLUME_DISMOUNTED : STATUS_SUCCESS;
}

/* -- dismount ---------------------------------------------------------------------------------- */

/* Everybody above lets go of the device, as IoDeleteDevice of Windows makes them. */
static void detach_all(PDEVICE_OBJECT device)
{
    PDEVICE_OBJECT above;
    while ((above = device->AttachedDevice)) {
        PFAST_IO_DISPATCH fast = above->DriverObject->FastIoDispatch;
        if (!fast || !fast->FastIoDetachDevice)
            break;
        fast->FastIoDetachDevice(above, device);
        if (device->AttachedDevice == above)
            break;
    }
}

static void delete_volume(struct memfs_volume *volume)
{
    struct memfs_scb *self = volume->self;
    FsRtlTeardownPerStreamContexts(&self->header);
    ExDeleteResourceLite(&self->main);
    ExDeleteResourceLite(&self->paging);
    sim_free(self);
    FsRtlNotifyUninitializeSync(&volume->notify);
    FsRtlDeleteTunnelCache(&volume->tunnel);
    ExDeleteResourceLite(&volume->tree);
    ExFreePool(volume->vpb);
    if (volume->spare)
        ExFreePool(volume->spare);
    ObDereferenceObject(volume->disk);
    MemfsReleaseStore(volume->store);
    PDEVICE_OBJECT device = volume->device;
    detach_all(device);
    IoDeleteDevice(device);
    InterlockedDecrement(&memfs->volume_count);
}

/* A last file object may still be on its way up the stack: its VPB reference goes when that is
 * over. */
static VOID delete_later(PVOID context)
{
    struct memfs_volume *volume = context;
    LARGE_INTEGER pause = {.QuadPart = -10 * 1000};
    do /* time passes only when nobody runs: then nobody is inside of the stack either */
        KeDelayExecutionThread(KernelMode, FALSE, &pause);
    while (__atomic_load_n(&volume->vpb->ReferenceCount, __ATOMIC_SEQ_CST) > 0);
    delete_volume(volume);
}

static VOID delete_in_worker(PVOID context)
{
    delete_later(context);
    InterlockedDecrement(&memfs->deletions);
}

/* Claims the deletion of a dismounted volume that nobody uses. */
static bool claim_delete(struct memfs_volume *volume)
{
    ExAcquireFastMutex(&volume->lock);
    bool mine = MemfsIs(&volume->dismounted) && !volume->deleting && IsListEmpty(&volume->scbs) &&
                MemfsCount(&volume->self->references) == 0 && MemfsCount(&volume->references) == 0;
    if (mine)
        volume->deleting = true;
    ExReleaseFastMutex(&volume->lock);
    return mine;
}

void MemfsCheckDelete(struct memfs_volume *volume)
{
    if (!MemfsIs(&volume->dismounted) || !claim_delete(volume))
        return;
    InterlockedIncrement(&memfs->deletions);
    ExInitializeWorkItem(&volume->work, delete_in_worker, volume);
    ExQueueWorkItem(&volume->work, DelayedWorkQueue);
}

/* Takes the volume off its disk: the next open mounts anew. The VPB that files still point at
 * becomes ours. */
static void take_vpb(struct memfs_volume *volume)
{
    KIRQL irql;
    PVPB vpb = volume->vpb;
    IoAcquireVpbSpinLock(&irql);
    /* The I/O manager reads both without the lock. */
    __atomic_or_fetch(&vpb->Flags, VPB_PERSISTENT, __ATOMIC_SEQ_CST);
    __atomic_and_fetch(&vpb->Flags, (USHORT)~VPB_MOUNTED, __ATOMIC_SEQ_CST);
    volume->spare->Flags = vpb->Flags & VPB_LOCKED ? VPB_LOCKED : 0;
    if (vpb->RealDevice->Vpb == vpb) {
        __atomic_store_n(&vpb->RealDevice->Vpb, volume->spare, __ATOMIC_RELEASE);
        volume->spare = NULL;
    }
    IoReleaseVpbSpinLock(irql);
}

void MemfsDismountVolume(struct memfs_volume *volume, bool write_back)
{
    ExAcquireFastMutex(&volume->lock);
    bool mine = !volume->dismounting;
    volume->dismounting = true;
    InterlockedIncrement(&volume->references);
    ExReleaseFastMutex(&volume->lock);
    if (!mine) {
        KeWaitForSingleObject(&volume->gone, Executive, KernelMode, FALSE, NULL);
    } else {
        TRACE("memfs", "dismount volume %p", (void *)volume->device);
        if (write_back)
            MemfsFlushVolume(volume);
        MemfsSetIs(&volume->dismounted, true);
        take_vpb(volume);
        ExAcquireFastMutex(&memfs->lock);
        RemoveEntryList(&volume->link);
        ExReleaseFastMutex(&memfs->lock);
        FsRtlNotifyCleanupAll(volume->notify, &volume->watchers);
        MemfsEndReaders(volume->store, NULL, volume, STATUS_VOLUME_DISMOUNTED);
        MemfsDropAll(volume, write_back);
        KeSetEvent(&volume->gone, IO_NO_INCREMENT, FALSE);
    }
    ExAcquireFastMutex(&volume->lock);
    InterlockedDecrement(&volume->references);
    ExReleaseFastMutex(&volume->lock);
}

/* -- the seam of the simulated machine --------------------------------------------------------- */

/* The volume mounted on the disk below `device`, kept from going; NULL: none. */
static struct memfs_volume *volume_of(PDEVICE_OBJECT device)
{
    PDEVICE_OBJECT base = IoGetDeviceAttachmentBaseRef(device);
    struct memfs_volume *found = NULL;
    ExAcquireFastMutex(&memfs->lock);
    for (PLIST_ENTRY link = memfs->volumes.Flink; link != &memfs->volumes && !found;
         link = link->Flink) {
        struct memfs_volume *volume = CONTAINING_RECORD(link, struct memfs_volume, link);
        if (volume->device == base || volume->disk == base)
            found = volume;
    }
    if (found)
        InterlockedIncrement(&found->references);
    ExReleaseFastMutex(&memfs->lock);
    ObDereferenceObject(base);
    return found;
}

static void let_go(struct memfs_volume *volume)
{
    ExAcquireFastMutex(&volume->lock);
    InterlockedDecrement(&volume->references);
    ExReleaseFastMutex(&volume->lock);
    if (!MemfsIs(&volume->dismounted) || !claim_delete(volume))
        return;
    if (__atomic_load_n(&volume->vpb->ReferenceCount, __ATOMIC_SEQ_CST) > 0)
        delete_later(volume);
    else
        delete_volume(volume);
}

void MemfsEject(PDEVICE_OBJECT device)
{
    struct memfs_volume *volume = volume_of(device);
    if (!volume)
        return;
    FsRtlEnterFileSystem();
    MemfsDismountVolume(volume, false);
    FsRtlExitFileSystem();
    let_go(volume);
}

void MemfsDismount(PDEVICE_OBJECT device)
{
    struct memfs_volume *volume = volume_of(device);
    if (!volume)
        return;
    FsRtlEnterFileSystem();
    MemfsDismountVolume(volume, true);
    FsRtlExitFileSystem();
    let_go(volume);
}

void MemfsDrain(void)
{
    LARGE_INTEGER pause = {.QuadPart = -10 * 1000};
    while (MemfsCount(&memfs->deletions) > 0)
        KeDelayExecutionThread(KernelMode, FALSE, &pause);
}

bool MemfsHasVolumes(void) { return MemfsCount(&memfs->volume_count) > 0; }

bool MemfsIsOurs(PVOID file)
{
    PDEVICE_OBJECT disk = ((PFILE_OBJECT)file)->DeviceObject;
    return disk && disk->DriverObject == memfs->disk_driver;
}

void MemfsTrim(PDEVICE_OBJECT device)
{
    struct memfs_volume *volume = volume_of(device);
    if (!volume)
        return;
    FsRtlEnterFileSystem();
    MemfsTrimVolume(volume);
    FsRtlExitFileSystem();
    let_go(volume);
}

bool MemfsUnlock(struct memfs_volume *volume, PFILE_OBJECT file)
{
    return __atomic_compare_exchange_n(&volume->locked_by, &file, NULL, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

/* -- use --------------------------------------------------------------------------------------- */

bool MemfsIsInUse(struct memfs_volume *volume, PFILE_OBJECT except)
{
    LONG handles = MemfsCount(&volume->self->handles);
    ExAcquireFastMutex(&volume->lock);
    for (PLIST_ENTRY link = volume->scbs.Flink; link != &volume->scbs; link = link->Flink)
        handles += MemfsCount(&CONTAINING_RECORD(link, struct memfs_scb, link)->references);
    ExReleaseFastMutex(&volume->lock);
    return handles > (except ? 1 : 0);
}
