/* IRP_MJ_CREATE. */
#include "memfs/open.h"

#include <string.h>

static void read_parameters(struct memfs_open *open, PIRP irp)
{
    PIO_STACK_LOCATION stack = IoGetCurrentIrpStackLocation(irp);
    static GENERIC_MAPPING mapping = {FILE_GENERIC_READ, FILE_GENERIC_WRITE, FILE_GENERIC_EXECUTE,
                                      FILE_ALL_ACCESS};
    open->irp = irp;
    open->file = stack->FileObject;
    open->security = stack->Parameters.Create.SecurityContext;
    open->access = open->security ? open->security->DesiredAccess : 0;
    RtlMapGenericMask(&open->access, &mapping);
    open->disposition = stack->Parameters.Create.Options >> 24;
    open->options = stack->Parameters.Create.Options & 0x00ffffff;
    open->share = stack->Parameters.Create.ShareAccess;
    open->attributes = stack->Parameters.Create.FileAttributes;
    open->case_sensitive = (stack->Flags & SL_CASE_SENSITIVE) != 0;
    open->target_directory = (stack->Flags & SL_OPEN_TARGET_DIRECTORY) != 0;
    open->paging_file = (stack->Flags & SL_OPEN_PAGING_FILE) != 0;
    open->ignore_read_only = (stack->Flags & SL_IGNORE_READONLY_ATTRIBUTE) != 0;
    open->want_directory = (open->options & FILE_DIRECTORY_FILE) != 0;
}

static void resolve_maximum(struct memfs_open *open)
{
    if (!(open->access & MAXIMUM_ALLOWED))
        return;
    bool read_only = open->link && MemfsBits(open->link->node) & FILE_ATTRIBUTE_READONLY &&
                     !MemfsIsDirectory(open->link->node);
    open->access &= ~MAXIMUM_ALLOWED;
    open->access |= read_only ? FILE_ALL_ACCESS & ~(ACCESS_MASK)(FILE_WRITE_DATA | FILE_APPEND_DATA)
                              : FILE_ALL_ACCESS;
}

static NTSTATUS check_parameters(const struct memfs_open *open)
{
    bool directory = (open->options & FILE_DIRECTORY_FILE) != 0;
    if (open->disposition > FILE_MAXIMUM_DISPOSITION)
        return STATUS_INVALID_PARAMETER;
    if (directory && open->options & FILE_NON_DIRECTORY_FILE)
        return STATUS_INVALID_PARAMETER;
    if (directory && (open->disposition == FILE_SUPERSEDE || open->disposition == FILE_OVERWRITE ||
                      open->disposition == FILE_OVERWRITE_IF))
        return STATUS_INVALID_PARAMETER;
    return STATUS_SUCCESS;
}

/* -- by number --------------------------------------------------------------------------------- */

static struct memfs_node *node_by_id(struct memfs_open *open)
{
    const UNICODE_STRING *name = &open->file->FileName;
    const UCHAR *bytes = (const UCHAR *)name->Buffer;
    USHORT length = name->Length;
    LONGLONG id;
    if (length == sizeof id + sizeof(WCHAR) ||
        length == 16 + sizeof(WCHAR)) { /* "\" and the number */
        bytes += sizeof(WCHAR);
        length -= sizeof(WCHAR);
    }
    if (length == sizeof id) {
        memcpy(&id, bytes, sizeof id);
        return MemfsFindId(open->volume->store, id);
    }
    static const UCHAR none[8];
    memcpy(&id, bytes, sizeof id);
    if (memcmp(bytes + sizeof id, none, sizeof none) == 0)
        return MemfsFindId(open->volume->store, id); /* a 128-bit file id */
    return MemfsFindObjectId(open->volume->store, (const GUID *)(const void *)bytes);
}

static NTSTATUS open_by_id(struct memfs_open *open)
{
    USHORT length = open->file->FileName.Length;
    if (!open->volume->store->ntfs)
        return STATUS_NOT_IMPLEMENTED;
    if (length != 8 && length != 10 && length != 16 && length != 18)
        return STATUS_INVALID_PARAMETER;
    if (open->disposition != FILE_OPEN && open->disposition != FILE_OVERWRITE)
        return STATUS_INVALID_PARAMETER;
    if (open->options & FILE_DELETE_ON_CLOSE || open->target_directory)
        return STATUS_INVALID_PARAMETER;
    struct memfs_node *node = node_by_id(open);
    if (!node)
        return length >= 16 ? STATUS_OBJECT_NAME_NOT_FOUND : STATUS_INVALID_PARAMETER;
    open->link = MemfsFirstLink(node);
    open->ccb_flags |= MEMFS_CCB_BY_ID;
    open->unparsed = 0;
    NTSTATUS status = open->link ? STATUS_SUCCESS : STATUS_DELETE_PENDING;
    resolve_maximum(open);
    if (NT_SUCCESS(status))
        status = MemfsOpenExisting(open);
    MemfsReleaseNode(node);
    return status;
}

/* -- by name ----------------------------------------------------------------------------------- */

static NTSTATUS open_by_name(struct memfs_open *open)
{
    for (;;) {
        NTSTATUS status = MemfsWalk(open);
        if (status != STATUS_SUCCESS)
            return status;
        resolve_maximum(open);
        if (open->target_directory)
            return MemfsOpenTarget(open);
        if (open->link)
            return MemfsOpenExisting(open);
        status = MemfsOpenNew(open);
        if (status != STATUS_OBJECT_NAME_COLLISION || open->disposition == FILE_CREATE)
            return status;
        MemfsReleaseNode(open->parent); /* it appeared meanwhile: look again */
        open->parent = NULL;
    }
}

static bool is_volume_open(const struct memfs_open *open)
{
    PFILE_OBJECT related = open->file->RelatedFileObject;
    return open->file->FileName.Length == 0 &&
           (!related || !MemfsScbOf(related) || !MemfsScbOf(related)->node);
}

static NTSTATUS open_file(struct memfs_open *open)
{
    NTSTATUS status = MemfsMayOpen(open->volume);
    if (NT_SUCCESS(status))
        status = check_parameters(open);
    if (!NT_SUCCESS(status))
        return status;
    if (open->options & FILE_OPEN_BY_FILE_ID)
        return open_by_id(open);
    if (is_volume_open(open)) {
        resolve_maximum(open);
        return MemfsOpenSelf(open);
    }
    return open_by_name(open);
}

static void release(struct memfs_open *open)
{
    if (open->scb)
        MemfsReleaseScb(open->scb);
    if (open->link)
        MemfsReleaseLink(open->link);
    if (open->parent)
        MemfsReleaseNode(open->parent);
    MemfsCheckDelete(open->volume); /* it may have been dismounted meanwhile, and this was the last to look at it */
}

/* An open, a query and a close in one. What is not plain goes the long way: false. */
static bool open_and_ask(struct memfs_volume *volume, PIRP irp, NTSTATUS (*ask)(PFILE_OBJECT file, void *context),
                         void *context, NTSTATUS *result)
{
    struct memfs_open open = {.volume = volume};
    if (!volume->store->ntfs || volume->store->options.no_fast_io)
        return false;
    FsRtlEnterFileSystem();
    read_parameters(&open, irp);
    NTSTATUS status = open_file(&open);
    PFILE_OBJECT file = open.file;
    struct memfs_scb *scb = status == STATUS_SUCCESS ? MemfsScbOf(file) : NULL;
    bool plain = status != STATUS_REPARSE && (!scb || scb->node);
    if (scb && scb->node)
        status = ask(file, context);
    if (scb) {
        if (scb->node)
            MemfsCleanUpFile(file);
        MemfsCloseFile(file);
        file->FsContext = NULL;
        file->SectionObjectPointer = NULL;
    }
    if (irp->Tail.Overlay.AuxiliaryBuffer)
        ExFreePool(irp->Tail.Overlay.AuxiliaryBuffer);
    irp->Tail.Overlay.AuxiliaryBuffer = NULL;
    release(&open);
    FsRtlExitFileSystem();
    *result = status;
    return plain;
}

static NTSTATUS ask_network(PFILE_OBJECT file, void *info)
{
    MemfsFillNetwork(MemfsScbOf(file), info);
    return STATUS_SUCCESS;
}

BOOLEAN MemfsFastQueryOpen(PIRP irp, PFILE_NETWORK_OPEN_INFORMATION info, PDEVICE_OBJECT device)
{
    NTSTATUS status = STATUS_SUCCESS;
    bool plain = open_and_ask(device->DeviceExtension, irp, ask_network, info, &status);
    irp->IoStatus.Status = status;
    irp->IoStatus.Information = plain && NT_SUCCESS(status) ? sizeof *info : 0;
    return plain;
}

static NTSTATUS ask_by_class(PFILE_OBJECT file, void *context)
{
    PFS_FILTER_CALLBACK_DATA data = context;
    return MemfsQueryClass(file, (FILE_INFORMATION_CLASS)data->Parameters.QueryOpen.FileInformationClass,
                           data->Parameters.QueryOpen.FileInformation, data->Parameters.QueryOpen.Length);
}

/* NtQueryInformationByName. */
NTSTATUS MemfsPreQueryOpen(PFS_FILTER_CALLBACK_DATA data, PVOID *context)
{
    struct memfs_volume *volume = data->DeviceObject->DeviceExtension;
    if (!open_and_ask(volume, data->Parameters.QueryOpen.Irp, ask_by_class, data,
                      &data->Parameters.QueryOpen.CompletionStatus))
        return STATUS_FLT_DISALLOW_FSFILTER_IO;
    return STATUS_FSFILTER_OP_COMPLETED_SUCCESSFULLY;
}

NTSTATUS MemfsCreate(PDEVICE_OBJECT device, PIRP irp)
{
    struct memfs_control *control = device->DeviceExtension;
    if (control->kind == MEMFS_CONTROL_DEVICE || control->kind == MEMFS_DISK_DEVICE)
        return MemfsComplete(irp, STATUS_SUCCESS, FILE_OPENED);
    struct memfs_open open = {.volume = device->DeviceExtension};
    FsRtlEnterFileSystem();
    read_parameters(&open, irp);
    NTSTATUS status = open_file(&open);
    if (NT_SUCCESS(status) && status != STATUS_REPARSE)
        MemfsTellAboutOpen(&open);
    release(&open);
    TRACE("memfs", "create %p: %s", (void *)open.file, trace_status(status));
    FsRtlExitFileSystem();
    return MemfsComplete(irp, status,
                         status == STATUS_REPARSE || NT_SUCCESS(status) ? open.information : 0);
}
