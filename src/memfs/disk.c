/* The disks: what holds the data of a volume, and how its transfers complete. */
#include "memfs/journal.h"
#include "memfs/offload.h"

#include "sched/sched.h"

#include <ntddk.h>
#include <ntdddisk.h>
#include <stdio.h>
#include <string.h>

struct memfs_completions {
    KSPIN_LOCK lock;
    LIST_ENTRY irps; /* IRP.Tail.Overlay.ListEntry */
    KSEMAPHORE count;
    bool stop;
    PVOID thread;
};

enum { DEFAULT_SIZE = 1 << 30 };

/* -- stores ------------------------------------------------------------------------------------ */

static void set_label(struct memfs_store *store, const char *label)
{
    ULONG length = 0;
    if (label)
        RtlUTF8ToUnicodeN(store->label, sizeof store->label, &length, label, (ULONG)strlen(label));
    store->label_length = (USHORT)length;
}

static struct memfs_store *create_store(const struct fltsim_volume_options *options, LONG number)
{
    struct memfs_store *store = sim_alloc(sizeof *store);
    store->references = 1;
    store->options = *options;
    store->ntfs = options->kind != FLTSIM_FAT;
    store->cluster_state = 1;
    store->size = options->size ? (LONGLONG)options->size : DEFAULT_SIZE;
    store->number = number - 1;
    store->serial = options->serial ? options->serial : 0xF17A0000u + (ULONG)number;
    store->created = MemfsNow();
    store->next_id = 4; /* the root is record 5, as on NTFS */
    set_label(store, options->label);
    store->options.label = NULL;
    ExInitializeFastMutex(&store->ids_lock);
    ExInitializeFastMutex(&store->journal_lock);
    ExInitializeFastMutex(&store->tokens_lock);
    InitializeListHead(&store->tokens);
    ExInitializeFastMutex(&store->quota_lock);
    ExInitializePushLock(&store->clusters_lock);
    store->quota.DefaultQuotaThreshold.QuadPart = store->quota.DefaultQuotaLimit.QuadPart = -1;
    store->root = MemfsCreateNode(store, FILE_ATTRIBUTE_DIRECTORY | FILE_ATTRIBUTE_HIDDEN |
                                             FILE_ATTRIBUTE_SYSTEM);
    struct memfs_link *link = sim_alloc(sizeof *link);
    link->references = 1;
    link->node = store->root;
    link->name = sim_alloc(sizeof(WCHAR));
    link->upcased = sim_alloc(sizeof(WCHAR));
    store->root->links = link;
    store->root->link_count = 1;
    MemfsPublishNode(store->root);
    store->next_id = 15;
    return store;
}

void MemfsReferenceStore(struct memfs_store *store)
{
    InterlockedIncrement(&store->references);
}

/* Children before their directory, without recursion: a leaf goes, then its parent is looked at
 * again. */
static void delete_tree(struct memfs_node *root)
{
    struct memfs_node *at = root;
    while (at != root || at->child_count) {
        if (at->child_count) {
            at = at->children[at->child_count - 1]->node;
            if (at->child_count)
                continue;
        }
        struct memfs_node *parent = at->links->parent;
        MemfsReferenceNode(parent);
        MemfsReferenceNode(at);
        while (at->links)
            MemfsRemoveLink(at->links);
        MemfsReleaseNode(at);
        at = parent;
        MemfsReleaseNode(parent);
    }
    struct memfs_link *link = root->links;
    root->links = NULL;
    root->link_count = 0;
    MemfsReleaseLink(link);
}

void MemfsReleaseStore(struct memfs_store *store)
{
    if (InterlockedDecrement(&store->references) > 0)
        return;
    delete_tree(store->root);
    MemfsFreeJournal(store);
    MemfsFreeTokens(store);
    sim_free(store->quotas);
    sim_free(store);
}

struct memfs_store *MemfsStoreOf(PDEVICE_OBJECT disk)
{
    PDEVICE_OBJECT base = IoGetDeviceAttachmentBaseRef(disk);
    struct memfs_control *extension = base->DeviceExtension;
    struct memfs_store *store = base->DriverObject == memfs->disk_driver ? extension->store : NULL;
    ObDereferenceObject(base);
    return store;
}

/* -- completion -------------------------------------------------------------------------------- */

static PIRP take_irp(struct memfs_completions *completions)
{
    KIRQL irql;
    PIRP irp = NULL;
    KeAcquireSpinLock(&completions->lock, &irql);
    if (!IsListEmpty(&completions->irps))
        irp = CONTAINING_RECORD(RemoveHeadList(&completions->irps), IRP, Tail.Overlay.ListEntry);
    KeReleaseSpinLock(&completions->lock, irql);
    return irp;
}

/* The disk's interrupts: DriverContext[0] says whether this one completes in its DPC. */
static VOID complete_later(PVOID context)
{
    struct memfs_completions *completions = context;
    for (;;) {
        KeWaitForSingleObject(&completions->count, Executive, KernelMode, FALSE, NULL);
        PIRP irp = take_irp(completions);
        if (!irp && completions->stop)
            break;
        if (!irp)
            continue;
        KIRQL irql = PASSIVE_LEVEL;
        bool raise = irp->Tail.Overlay.DriverContext[0] != NULL;
        if (raise)
            KeRaiseIrql(DISPATCH_LEVEL, &irql);
        IoCompleteRequest(irp, IO_DISK_INCREMENT);
        if (raise)
            KeLowerIrql(irql);
    }
    PsTerminateSystemThread(STATUS_SUCCESS);
}

static NTSTATUS start_completions(struct memfs_store *store)
{
    HANDLE thread;
    struct memfs_completions *completions = sim_alloc(sizeof *completions);
    KeInitializeSpinLock(&completions->lock);
    InitializeListHead(&completions->irps);
    KeInitializeSemaphore(&completions->count, 0, MAXLONG);
    NTSTATUS status = PsCreateSystemThread(&thread, THREAD_ALL_ACCESS, NULL, NULL, NULL,
                                           complete_later, completions);
    if (!NT_SUCCESS(status)) {
        sim_free(completions);
        return status;
    }
    status = ObReferenceObjectByHandle(thread, THREAD_ALL_ACCESS, NULL, KernelMode,
                                       &completions->thread, NULL);
    ZwClose(thread);
    store->completions = completions;
    return status;
}

static void stop_completions(struct memfs_store *store)
{
    struct memfs_completions *completions = store->completions;
    if (!completions)
        return;
    completions->stop = true;
    KeReleaseSemaphore(&completions->count, 0, 1, FALSE);
    KeWaitForSingleObject(completions->thread, Executive, KernelMode, FALSE, NULL);
    ObDereferenceObject(completions->thread);
    store->completions = NULL;
    sim_free(completions);
}

NTSTATUS MemfsCompleteTransfer(struct memfs_store *store, PIRP irp, NTSTATUS status,
                               ULONG_PTR information)
{
    enum fltsim_completion how = store->options.completion;
    if (how == FLTSIM_COMPLETE_CHOICE)
        how = (enum fltsim_completion)sched_choose("disk completion", 3);
    if (how == FLTSIM_COMPLETE_INLINE || !store->completions || !NT_SUCCESS(status))
        return MemfsComplete(irp, status, information);
    KIRQL irql;
    struct memfs_completions *completions = store->completions;
    irp->IoStatus.Status = status;
    irp->IoStatus.Information = information;
    irp->Tail.Overlay.DriverContext[0] = how == FLTSIM_COMPLETE_DISPATCH ? irp : NULL;
    IoMarkIrpPending(irp);
    KeAcquireSpinLock(&completions->lock, &irql);
    InsertTailList(&completions->irps, &irp->Tail.Overlay.ListEntry);
    KeReleaseSpinLock(&completions->lock, irql);
    KeReleaseSemaphore(&completions->count, 0, 1, FALSE);
    return STATUS_PENDING;
}

/* -- the device -------------------------------------------------------------------------------- */

static void name_of(LONG number, WCHAR *buffer, PUNICODE_STRING name)
{
    char text[48];
    int length = snprintf(text, sizeof text, "\\Device\\HarddiskVolume%d", (int)number);
    for (int i = 0; i < length; i++)
        buffer[i] = (WCHAR)text[i];
    name->Buffer = buffer;
    name->Length = name->MaximumLength = (USHORT)(length * (int)sizeof(WCHAR));
}

NTSTATUS MemfsCreateDisk(const struct fltsim_volume_options *options, PDEVICE_OBJECT *disk)
{
    static const struct fltsim_volume_options defaults;
    WCHAR buffer[48];
    UNICODE_STRING name;
    LONG number = InterlockedIncrement(&memfs->disks);
    name_of(number, buffer, &name);
    if (!options)
        options = &defaults;
    ULONG traits = FILE_DEVICE_SECURE_OPEN | (options->removable ? FILE_REMOVABLE_MEDIA : 0) |
                   (options->read_only ? FILE_READ_ONLY_DEVICE : 0) |
                   (options->kind == FLTSIM_CSVFS ? FILE_CHARACTERISTIC_CSV : 0);
    if (options->kind == FLTSIM_CSVFS && !MemfsLoadCsvFs())
        return STATUS_INSUFFICIENT_RESOURCES;
    NTSTATUS status = IoCreateDevice(memfs->disk_driver, sizeof(struct memfs_control), &name,
                                     FILE_DEVICE_DISK, traits, FALSE, disk);
    if (!NT_SUCCESS(status))
        return status;
    struct memfs_control *extension = (*disk)->DeviceExtension;
    extension->kind = MEMFS_DISK_DEVICE;
    extension->store = create_store(options, number);
    extension->store->disk = *disk;
    (*disk)->Flags |= DO_DIRECT_IO;
    if (options->completion != FLTSIM_COMPLETE_INLINE)
        status = start_completions(extension->store);
    (*disk)->Flags &= ~DO_DEVICE_INITIALIZING;
    if (!NT_SUCCESS(status))
        MemfsDeleteDisk(*disk);
    return status;
}

void MemfsDeleteDisk(PDEVICE_OBJECT disk)
{
    struct memfs_control *extension = disk->DeviceExtension;
    struct memfs_store *store = extension->store;
    stop_completions(store);
    extension->store = NULL;
    store->disk = NULL;
    MemfsReleaseStore(store);
    IoDeleteDevice(disk);
}

const struct fltsim_volume_options *MemfsDiskOptions(PDEVICE_OBJECT disk)
{
    struct memfs_store *store = MemfsStoreOf(disk);
    return store ? &store->options : NULL;
}

void MemfsClusterForgets(PDEVICE_OBJECT disk)
{
    InterlockedIncrement64(&MemfsStoreOf(disk)->cluster_state);
}

/* -- what a disk is asked ---------------------------------------------------------------------- */

static NTSTATUS device_name(PDEVICE_OBJECT device, PVOID buffer, ULONG room, ULONG_PTR *done)
{
    union {
        OBJECT_NAME_INFORMATION info;
        UCHAR bytes[256];
    } name;
    ULONG length;
    struct {
        USHORT NameLength;
        WCHAR Name[1];
    } *out = buffer;
    NTSTATUS status = ObQueryNameString(device, &name.info, sizeof name, &length);
    if (!NT_SUCCESS(status))
        return status;
    if (room < 6)
        return STATUS_INVALID_PARAMETER;
    out->NameLength = name.info.Name.Length;
    *done = 6;
    if (room < 2 + (ULONG)name.info.Name.Length)
        return STATUS_BUFFER_OVERFLOW;
    memcpy(out->Name, name.info.Name.Buffer, name.info.Name.Length);
    *done = 2 + (ULONG_PTR)name.info.Name.Length;
    return STATUS_SUCCESS;
}

#define MEMFS_IOCTL_MOUNTDEV_QUERY_DEVICE_NAME 0x004D0008u
#define MEMFS_IOCTL_DISK_IS_WRITABLE 0x00070024u
#define MEMFS_IOCTL_STORAGE_CHECK_VERIFY 0x002D4800u
#define MEMFS_IOCTL_DISK_CHECK_VERIFY 0x00074800u
#define MEMFS_IOCTL_DISK_GET_LENGTH_INFO 0x0007405Cu

NTSTATUS MemfsDiskControl(PDEVICE_OBJECT device, PIRP irp)
{
    PIO_STACK_LOCATION stack = IoGetCurrentIrpStackLocation(irp);
    struct memfs_control *extension = device->DeviceExtension;
    struct memfs_store *store = extension->store;
    ULONG room = stack->Parameters.DeviceIoControl.OutputBufferLength;
    ULONG_PTR done = 0;
    NTSTATUS status;
    switch (stack->Parameters.DeviceIoControl.IoControlCode) {
    case MEMFS_IOCTL_MOUNTDEV_QUERY_DEVICE_NAME:
        status = device_name(device, irp->AssociatedIrp.SystemBuffer, room, &done);
        break;
    case MEMFS_IOCTL_DISK_IS_WRITABLE:
        status = store && store->options.read_only ? STATUS_MEDIA_WRITE_PROTECTED : STATUS_SUCCESS;
        break;
    case MEMFS_IOCTL_STORAGE_CHECK_VERIFY:
    case MEMFS_IOCTL_DISK_CHECK_VERIFY:
        status = STATUS_SUCCESS;
        break;
    case MEMFS_IOCTL_DISK_GET_LENGTH_INFO:
        status = room < sizeof(LONGLONG) ? STATUS_BUFFER_TOO_SMALL : STATUS_SUCCESS;
        if (NT_SUCCESS(status)) {
            *(LONGLONG *)irp->AssociatedIrp.SystemBuffer = store ? store->size : 0;
            done = sizeof(LONGLONG);
        }
        break;
    case IOCTL_DISK_GET_CLUSTER_INFO:
        status = MemfsClusterInfo(store, irp->AssociatedIrp.SystemBuffer, room, &done);
        break;
    default:
        status = MemfsDiskAbout(store, irp, &done);
        break;
    }
    return MemfsComplete(irp, status, done);
}
