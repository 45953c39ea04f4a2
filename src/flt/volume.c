/* Volumes: the Filter Manager's device in a volume's stack, from the mount to the end of the stack. */
#include "flt/core.h"

#include "ke/thread.h"
#include "ob/object.h"

/* ---- names ---- */

static UNICODE_STRING ObjectName(PVOID Object)
{
    union {
        OBJECT_NAME_INFORMATION Info;
        UCHAR Bytes[1024];
    } name;
    ULONG length;

    if (!Object || !NT_SUCCESS(ObQueryNameString(Object, &name.Info, sizeof name, &length)))
        return (UNICODE_STRING){0};
    return FltpCopyString(&name.Info.Name);
}

static bool EndsWith(PCUNICODE_STRING Name, const char *Tail)
{
    size_t tail = strlen(Tail), length = Name->Length / sizeof(WCHAR);
    if (length < tail)
        return false;
    for (size_t i = 0; i < tail; i++)
        if ((Name->Buffer[length - tail + i] | 0x20) != (Tail[i] | 0x20))
            return false;
    return true;
}

/* By the name of the driver or of its control device, as the Filter Manager knows file systems. */
static FLT_FILESYSTEM_TYPE TypeFromName(PCUNICODE_STRING Name)
{
    static const struct {
        const char *Tail;
        FLT_FILESYSTEM_TYPE Type;
    } known[] = {
        {"\\ntfs", FLT_FSTYPE_NTFS},   {"\\fastfat", FLT_FSTYPE_FAT}, {"\\fat", FLT_FSTYPE_FAT},
        {"\\exfat", FLT_FSTYPE_EXFAT}, {"\\cdfs", FLT_FSTYPE_CDFS},   {"\\udfs", FLT_FSTYPE_UDFS},
        {"\\mup", FLT_FSTYPE_MUP},     {"\\refs", FLT_FSTYPE_REFS},   {"\\raw", FLT_FSTYPE_RAW},
        {"\\csvfs", FLT_FSTYPE_CSVFS},
    };
    for (size_t i = 0; i < RTL_NUMBER_OF(known); i++)
        if (EndsWith(Name, known[i].Tail))
            return known[i].Type;
    return FLT_FSTYPE_UNKNOWN;
}

/* ---- coming ---- */

static NTSTATUS CreateDevice(PFLT_VOLUME Volume, PDEVICE_OBJECT Below)
{
    PDEVICE_OBJECT device;
    NTSTATUS status = IoCreateDevice(FltGlobals.DriverObject, sizeof(struct flt_device_extension), NULL,
                                     Below->DeviceType, Below->Characteristics, FALSE, &device);
    if (!NT_SUCCESS(status))
        return status;
    ((struct flt_device_extension *)device->DeviceExtension)->Volume = Volume;
    device->Flags |= Below->Flags & (DO_BUFFERED_IO | DO_DIRECT_IO | DO_SUPPORTS_TRANSACTIONS);
    Volume->DeviceObject = device;
    status = IoAttachDeviceToDeviceStackSafe(device, Below, &Volume->AttachedToDevice);
    if (!NT_SUCCESS(status)) {
        Volume->DeviceObject = NULL;
        IoDeleteDevice(device);
        return status;
    }
    device->Flags &= ~(ULONG)DO_DEVICE_INITIALIZING;
    return STATUS_SUCCESS;
}

static PFLT_VOLUME NewVolume(PFLTP_FRAME Frame, PDEVICE_OBJECT FileSystemDevice, PDEVICE_OBJECT DiskDevice)
{
    void *memory = sim_alloc(sizeof(struct _FLT_VOLUME) + 64);
    PFLT_VOLUME volume = FltpAlign(memory);
    volume->Memory = memory;
    FltpInitializeObject(&volume->Base, FLT_OBFL_TYPE_VOLUME);
    volume->Frame = Frame;
    volume->FileSystemDevice = FileSystemDevice;
    volume->DiskDevice = DiskDevice;
    volume->Callbacks = FltpEmptyTable();
    InitializeListHead(&volume->Instances);
    InitializeListHead(&volume->Scans);
    KeInitializeEvent(&volume->SetupLock, SynchronizationEvent, TRUE);
    for (ULONG i = 0; i < FLTP_SHARDS; i++)
        InitializeListHead(&volume->Shards[i].Owed);
    volume->Name = ObjectName(DiskDevice ? DiskDevice : FileSystemDevice);
    volume->FileSystemDriverName = FltpCopyString(&FileSystemDevice->DriverObject->DriverName);
    return volume;
}

NTSTATUS FltpCreateVolume(PFLTP_FRAME Frame, PDEVICE_OBJECT FileSystemDevice, PDEVICE_OBJECT DiskDevice, bool Control,
                          PFLT_VOLUME *Result)
{
    PFLT_VOLUME volume = NewVolume(Frame, FileSystemDevice, DiskDevice);

    volume->FileSystemType = TypeFromName(&volume->FileSystemDriverName);
    if (volume->FileSystemType == FLT_FSTYPE_UNKNOWN && Control)
        volume->FileSystemType = TypeFromName(&volume->Name);
    if (Control)
        volume->Flags = FLTP_VOLUME_CONTROL | FLTP_VOLUME_SETUP_DONE;
    NTSTATUS status = CreateDevice(volume, FileSystemDevice);
    if (!NT_SUCCESS(status)) {
        FltpDereferencePointer(&volume->Base);
        return status;
    }
    sched_lock(&FltGlobals.Lock);
    InsertTailList(&Frame->Volumes, &volume->Base.PrimaryLink);
    sched_unlock(&FltGlobals.Lock);
    if (Result)
        *Result = volume;
    return STATUS_SUCCESS;
}

void FltpSetupVolume(PFLT_VOLUME Volume)
{
    const struct ki_wait_hint hint = {.what = "the setup of a volume's instances", .object = Volume};
    PFLT_FILTER *filters;

    if (__atomic_load_n(&Volume->SetupThread, __ATOMIC_RELAXED) == KiCurrentThread())
        return; /* an open that a setup callback makes */
    KiWaitFor(&Volume->SetupLock, NULL, &hint, __builtin_return_address(0));
    if (!(Volume->Flags & (FLTP_VOLUME_SETUP_DONE | FLTP_VOLUME_TEARDOWN))) {
        __atomic_store_n(&Volume->SetupThread, KiCurrentThread(), __ATOMIC_RELAXED);
        ULONG count = FltpSnapshotFilters(&filters);
        for (ULONG i = 0; i < count; i++)
            if (filters[i]->Flags & FLTP_FILTER_STARTED && filters[i]->Frame == Volume->Frame)
                FltpAttachAutomatically(filters[i], Volume, FLTFL_INSTANCE_SETUP_AUTOMATIC_ATTACHMENT |
                                                                FLTFL_INSTANCE_SETUP_NEWLY_MOUNTED_VOLUME);
        FltpFreeObjects(filters, count);
        __atomic_store_n(&Volume->SetupThread, NULL, __ATOMIC_RELAXED);
        __atomic_or_fetch(&Volume->Flags, FLTP_VOLUME_SETUP_DONE, __ATOMIC_ACQ_REL);
    }
    KeSetEvent(&Volume->SetupLock, IO_NO_INCREMENT, FALSE);
}

/* ---- mounts ---- */

static NTSTATUS SignalMount(PDEVICE_OBJECT DeviceObject, PIRP Irp, PVOID Context)
{
    if (Irp->PendingReturned)
        KeSetEvent(Context, IO_NO_INCREMENT, FALSE);
    return STATUS_MORE_PROCESSING_REQUIRED;
}

static NTSTATUS SendMount(PFLT_VOLUME Control, PIRP Irp)
{
    const struct ki_wait_hint hint = {.what = "a mount", .object = Irp};
    KEVENT event;

    KeInitializeEvent(&event, NotificationEvent, FALSE);
    IoCopyCurrentIrpStackLocationToNext(Irp);
    IoSetCompletionRoutine(Irp, SignalMount, &event, TRUE, TRUE, TRUE);
    if (IoCallDriver(Control->AttachedToDevice, Irp) == STATUS_PENDING)
        KiWaitFor(&event, NULL, &hint, __builtin_return_address(0));
    return Irp->IoStatus.Status;
}

static PFLT_VOLUME FindVolume(PFLTP_FRAME Frame, PDEVICE_OBJECT FileSystemDevice)
{
    PFLT_VOLUME found = NULL;
    sched_lock(&FltGlobals.Lock);
    PLIST_ENTRY list = &Frame->Volumes;
    for (PLIST_ENTRY link = list->Flink; link != list && !found; link = link->Flink) {
        PFLT_VOLUME volume = CONTAINING_RECORD(link, struct _FLT_VOLUME, Base.PrimaryLink);
        if (volume->FileSystemDevice == FileSystemDevice)
            found = volume;
    }
    sched_unlock(&FltGlobals.Lock);
    return found;
}

/* IRP_MN_MOUNT_VOLUME on a control device: what it mounted gets a volume device of ours. */
NTSTATUS FltpMountVolume(PFLT_VOLUME Control, PIRP Irp)
{
    PDEVICE_OBJECT disk = IoGetCurrentIrpStackLocation(Irp)->Parameters.MountVolume.Vpb->RealDevice;
    PFLT_VOLUME volume;

    NTSTATUS status = SendMount(Control, Irp);
    PDEVICE_OBJECT mounted = NT_SUCCESS(status) && disk->Vpb ? disk->Vpb->DeviceObject : NULL;
    if (mounted && !FindVolume(Control->Frame, mounted)) {
        if (Control->Frame == &FltGlobals.FrameZero)
            sim_volume_mounted(mounted, disk);
        NTSTATUS created = FltpCreateVolume(Control->Frame, mounted, disk, false, &volume);
        if (NT_SUCCESS(created) && volume->FileSystemType == FLT_FSTYPE_UNKNOWN)
            volume->FileSystemType = Control->FileSystemType;
        TRACE("flt", "volume on %p: %s", (void *)mounted, trace_status(created));
    }
    IoCompleteRequest(Irp, IO_NO_INCREMENT);
    return status;
}

void FltpFsNotification(PDEVICE_OBJECT Device, BOOLEAN Active)
{
    for (PLIST_ENTRY link = FltGlobals.Frames.Blink; link != &FltGlobals.Frames; link = link->Blink) {
        PFLTP_FRAME frame = CONTAINING_RECORD(link, FLTP_FRAME, Link);
        PFLT_VOLUME volume = FindVolume(frame, Device);
        if (Active && !volume)
            FltpCreateVolume(frame, Device, NULL, true, NULL);
        if (!Active && volume)
            FltpTeardownVolume(volume);
    }
}

/* ---- going ---- */

static bool IsQuiet(PFLT_VOLUME Volume)
{
    bool quiet = true;
    for (ULONG i = 0; i < FLTP_SHARDS && quiet; i++) {
        sched_lock(&Volume->Shards[i].Lock);
        quiet = IsListEmpty(&Volume->Shards[i].Owed);
        sched_unlock(&Volume->Shards[i].Lock);
    }
    return quiet;
}

/* Operations that were under way as the volume went still end in it. */
void FltpFreeDeadVolumes(bool All)
{
    LIST_ENTRY dead;
    InitializeListHead(&dead);
    sched_lock(&FltGlobals.Lock);
    for (PLIST_ENTRY link = FltGlobals.DeadVolumes.Flink, next; link != &FltGlobals.DeadVolumes; link = next) {
        next = link->Flink;
        if (All || IsQuiet(CONTAINING_RECORD(link, struct _FLT_VOLUME, Base.PrimaryLink))) {
            RemoveEntryList(link);
            InsertTailList(&dead, link);
        }
    }
    sched_unlock(&FltGlobals.Lock);
    while (!IsListEmpty(&dead)) {
        PFLT_VOLUME volume = CONTAINING_RECORD(RemoveHeadList(&dead), struct _FLT_VOLUME, Base.PrimaryLink);
        FltpDereferencePointer(&volume->Base);
    }
}

void FltpFreeVolume(PFLT_VOLUME Volume)
{
    for (ULONG i = 0; i < FLTP_SHARDS; i++) {
        while (Volume->Shards[i].Free) {
            PIRP_CTRL op = Volume->Shards[i].Free;
            Volume->Shards[i].Free = op->NextFree;
            sim_free(op);
        }
    }
    FltpFreeTables(Volume);
    FltpFreeObjectContexts(&Volume->VolumeContexts);
    FltpFreeString(&Volume->Name);
    FltpFreeString(&Volume->FileSystemDriverName);
    FltpFreeLater(Volume->Memory);
}

static PFLT_INSTANCE TopInstance(PFLT_VOLUME Volume)
{
    PFLT_INSTANCE instance = NULL;
    sched_lock(&Volume->Lock);
    if (!IsListEmpty(&Volume->Instances)) {
        instance = CONTAINING_RECORD(Volume->Instances.Flink, struct _FLT_INSTANCE, Base.PrimaryLink);
        FltpReferencePointer(&instance->Base);
    }
    sched_unlock(&Volume->Lock);
    return instance;
}

void FltpTeardownVolume(PFLT_VOLUME Volume)
{
    PFLT_INSTANCE instance;

    sched_lock(&Volume->Lock);
    bool first = !(FltpVolumeFlags(Volume) & FLTP_VOLUME_TEARDOWN);
    Volume->Flags |= FLTP_VOLUME_TEARDOWN;
    sched_unlock(&Volume->Lock);
    if (!first)
        return;
    while ((instance = TopInstance(Volume))) {
        FltpTeardownInstance(instance, FLTFL_INSTANCE_TEARDOWN_VOLUME_DISMOUNT, VERIFY_CALLER);
        FltpDereferencePointer(&instance->Base);
    }
    FltpDeleteVolumeContexts(Volume, NULL);
    FltpForgetVolumeNames(Volume);
    IoDetachDevice(Volume->AttachedToDevice);
    IoDeleteDevice(Volume->DeviceObject);
    FltpRundownObject(&Volume->Base, FltpReportLeakedReferences, VERIFY_CALLER);
    sched_lock(&FltGlobals.Lock);
    RemoveEntryList(&Volume->Base.PrimaryLink);
    InsertTailList(&FltGlobals.DeadVolumes, &Volume->Base.PrimaryLink);
    sched_unlock(&FltGlobals.Lock);
    FltpFreeDeadVolumes(false);
}

/* ---- finding ---- */

PFLT_VOLUME FltpVolumeFromDevice(PDEVICE_OBJECT Device)
{
    PFLT_VOLUME found = NULL;

    if (!Device)
        return NULL;
    PDEVICE_OBJECT base = Device;
    if (Device->Vpb && Device->Vpb->DeviceObject) /* a disk that carries a volume */
        base = Device->Vpb->DeviceObject;
    PDEVICE_OBJECT bottom = IoGetDeviceAttachmentBaseRef(base);
    sched_lock(&FltGlobals.Lock);
    for (PLIST_ENTRY frame = FltGlobals.Frames.Blink; frame != &FltGlobals.Frames && !found; frame = frame->Blink) {
        PLIST_ENTRY list = &CONTAINING_RECORD(frame, FLTP_FRAME, Link)->Volumes;
        for (PLIST_ENTRY link = list->Flink; link != list && !found; link = link->Flink) {
            PFLT_VOLUME volume = CONTAINING_RECORD(link, struct _FLT_VOLUME, Base.PrimaryLink);
            if (volume->FileSystemDevice == bottom || volume->DeviceObject == base)
                found = volume;
        }
    }
    sched_unlock(&FltGlobals.Lock);
    ObDereferenceObject(bottom);
    return found;
}

ULONG FltpSnapshotVolumes(PFLT_VOLUME **Volumes)
{
    ULONG count = 0;

    *Volumes = NULL;
    sched_lock(&FltGlobals.Lock);
    for (PLIST_ENTRY frame = FltGlobals.Frames.Flink; frame != &FltGlobals.Frames; frame = frame->Flink) {
        PLIST_ENTRY list = &CONTAINING_RECORD(frame, FLTP_FRAME, Link)->Volumes;
        for (PLIST_ENTRY link = list->Flink; link != list; link = link->Flink) {
            PFLT_VOLUME volume = CONTAINING_RECORD(link, struct _FLT_VOLUME, Base.PrimaryLink);
            if (FltpVolumeFlags(volume) & FLTP_VOLUME_CONTROL || !NT_SUCCESS(FltpReferenceObject(&volume->Base, NULL, NULL)))
                continue;
            *Volumes = sim_realloc(*Volumes, (count + 1) * sizeof **Volumes);
            (*Volumes)[count++] = volume;
        }
    }
    sched_unlock(&FltGlobals.Lock);
    return count;
}
