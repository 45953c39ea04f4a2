/* File system filter callbacks: the memory and cache managers ask each driver of a file's stack, and in the end the
 * file system, before they lock a file for a section, a flush or the modified page writer. */
#include "fsrtlp.h"

#include <string.h>

#include "trace/trace.h"

#define STACK_LIMIT 32

struct filter_driver {
    LIST_ENTRY link; // fsrtl_state.drivers
    PDRIVER_OBJECT driver;
    FS_FILTER_CALLBACKS callbacks;
};

struct fsrtl_state {
    struct sched_lock lock;
    LIST_ENTRY drivers; // filter_driver.link
};

static struct fsrtl_state state;

bool FsRtlpStart(void)
{
    state = (struct fsrtl_state){0};
    InitializeListHead(&state.drivers);
    machine->fsrtl = &state;
    FsRtlpStartEcps();
    return true;
}

void FsRtlpStop(void)
{
    FsRtlpStopEcps();
    machine->fsrtl = NULL;
    if (sched_is_dead())
        return;
    while (!IsListEmpty(&state.drivers))
        sim_free(CONTAINING_RECORD(RemoveHeadList(&state.drivers), struct filter_driver, link));
}

static struct filter_driver *FindDriver(PDRIVER_OBJECT driver)
{
    for (PLIST_ENTRY link = state.drivers.Flink; link != &state.drivers; link = link->Flink) {
        struct filter_driver *found = CONTAINING_RECORD(link, struct filter_driver, link);
        if (found->driver == driver)
            return found;
    }
    return NULL;
}

const FS_FILTER_CALLBACKS *FsRtlpFilterCallbacks(PDRIVER_OBJECT driver)
{
    sched_lock(&state.lock);
    struct filter_driver *found = FindDriver(driver);
    sched_unlock(&state.lock);
    return found ? &found->callbacks : NULL;
}

void FsRtlpForgetDriver(PDRIVER_OBJECT driver)
{
    sched_lock(&state.lock);
    struct filter_driver *found = FindDriver(driver);
    if (found)
        RemoveEntryList(&found->link);
    sched_unlock(&state.lock);
    sim_free(found);
}

NTSTATUS FsRtlRegisterFileSystemFilterCallbacks(PDRIVER_OBJECT FilterDriverObject, PFS_FILTER_CALLBACKS Callbacks)
{
    API_IRQL(FsRtlRegisterFileSystemFilterCallbacks);
    if (!FilterDriverObject || !Callbacks)
        return STATUS_INVALID_PARAMETER;
    struct filter_driver *fresh = sim_alloc(sizeof *fresh);
    size_t size = Callbacks->SizeOfFsFilterCallbacks;
    memcpy(&fresh->callbacks, Callbacks, size < sizeof fresh->callbacks ? size : sizeof fresh->callbacks);
    fresh->driver = FilterDriverObject;
    FsRtlpForgetDriver(FilterDriverObject);
    sched_lock(&state.lock);
    InsertTailList(&state.drivers, &fresh->link);
    sched_unlock(&state.lock);
    return STATUS_SUCCESS;
}

/* ---- one operation down the stack -------------------------------------------------------------------------------- */

struct descent {
    PDEVICE_OBJECT devices[STACK_LIMIT]; // topmost first, referenced
    PVOID contexts[STACK_LIMIT];
    unsigned count;
};

static void ListStack(struct descent *d, PDEVICE_OBJECT device)
{
    ObReferenceObject(device);
    for (d->count = 0; device && d->count < STACK_LIMIT; device = IoGetLowerDeviceObject(device))
        d->devices[d->count++] = device;
}

static void ForgetStack(struct descent *d)
{
    for (unsigned i = 0; i < d->count; i++)
        ObDereferenceObject(d->devices[i]);
}

static PFS_FILTER_CALLBACK PreOf(const FS_FILTER_CALLBACKS *c, UCHAR operation)
{
    switch (operation) {
    case (UCHAR)FS_FILTER_ACQUIRE_FOR_SECTION_SYNCHRONIZATION:
        return c->PreAcquireForSectionSynchronization;
    case (UCHAR)FS_FILTER_RELEASE_FOR_SECTION_SYNCHRONIZATION:
        return c->PreReleaseForSectionSynchronization;
    case (UCHAR)FS_FILTER_ACQUIRE_FOR_MOD_WRITE:
        return c->PreAcquireForModifiedPageWriter;
    case (UCHAR)FS_FILTER_RELEASE_FOR_MOD_WRITE:
        return c->PreReleaseForModifiedPageWriter;
    case (UCHAR)FS_FILTER_ACQUIRE_FOR_CC_FLUSH:
        return c->PreAcquireForCcFlush;
    case (UCHAR)FS_FILTER_QUERY_OPEN:
        return c->PreQueryOpen;
    default:
        return c->PreReleaseForCcFlush;
    }
}

static PFS_FILTER_COMPLETION_CALLBACK PostOf(const FS_FILTER_CALLBACKS *c, UCHAR operation)
{
    switch (operation) {
    case (UCHAR)FS_FILTER_ACQUIRE_FOR_SECTION_SYNCHRONIZATION:
        return c->PostAcquireForSectionSynchronization;
    case (UCHAR)FS_FILTER_RELEASE_FOR_SECTION_SYNCHRONIZATION:
        return c->PostReleaseForSectionSynchronization;
    case (UCHAR)FS_FILTER_ACQUIRE_FOR_MOD_WRITE:
        return c->PostAcquireForModifiedPageWriter;
    case (UCHAR)FS_FILTER_RELEASE_FOR_MOD_WRITE:
        return c->PostReleaseForModifiedPageWriter;
    case (UCHAR)FS_FILTER_ACQUIRE_FOR_CC_FLUSH:
        return c->PostAcquireForCcFlush;
    case (UCHAR)FS_FILTER_QUERY_OPEN:
        return c->PostQueryOpen;
    default:
        return c->PostReleaseForCcFlush;
    }
}

static bool Completed(NTSTATUS status)
{
    return status == STATUS_FSFILTER_OP_COMPLETED_SUCCESSFULLY || status == STATUS_FILE_LOCKED_WITH_ONLY_READERS ||
           status == STATUS_FILE_LOCKED_WITH_WRITERS;
}

/* Asks pre-callbacks from the top; STATUS_SUCCESS with *level == count: the file system is to do it itself. */
static NTSTATUS AskDown(struct descent *d, PFS_FILTER_CALLBACK_DATA data, unsigned *level)
{
    for (*level = 0; *level < d->count; ++*level) {
        PDEVICE_OBJECT device = d->devices[*level];
        const FS_FILTER_CALLBACKS *callbacks = FsRtlpFilterCallbacks(device->DriverObject);
        PFS_FILTER_CALLBACK pre = callbacks ? PreOf(callbacks, data->Operation) : NULL;
        d->contexts[*level] = NULL;
        if (!pre)
            continue;
        data->DeviceObject = device;
        NTSTATUS status = pre(data, &d->contexts[*level]);
        if (status != STATUS_SUCCESS)
            return status;
    }
    return STATUS_SUCCESS;
}

static void TellUp(struct descent *d, PFS_FILTER_CALLBACK_DATA data, unsigned level, NTSTATUS status)
{
    while (level-- > 0) {
        const FS_FILTER_CALLBACKS *callbacks = FsRtlpFilterCallbacks(d->devices[level]->DriverObject);
        PFS_FILTER_COMPLETION_CALLBACK post = callbacks ? PostOf(callbacks, data->Operation) : NULL;
        if (!post)
            continue;
        data->DeviceObject = d->devices[level];
        if (data->Operation == (UCHAR)FS_FILTER_QUERY_OPEN)
            status = data->Parameters.QueryOpen.CompletionStatus; /* as the one below left it */
        post(data, status, d->contexts[level]);
    }
}

static bool IsRelease(UCHAR operation)
{
    return operation == (UCHAR)FS_FILTER_RELEASE_FOR_SECTION_SYNCHRONIZATION ||
           operation == (UCHAR)FS_FILTER_RELEASE_FOR_MOD_WRITE ||
           operation == (UCHAR)FS_FILTER_RELEASE_FOR_CC_FLUSH;
}

static NTSTATUS CheckSectionStatus(PFS_FILTER_CALLBACK_DATA data, NTSTATUS status)
{
    if (data->Operation != (UCHAR)FS_FILTER_ACQUIRE_FOR_SECTION_SYNCHRONIZATION || NT_SUCCESS(status))
        return status;
    bool create = data->Parameters.AcquireForSectionSynchronization.SyncType == SyncTypeCreateSection;
    if (!create || status != STATUS_INSUFFICIENT_RESOURCES)
        verify_violate(VERIFY_SECTION_SYNC_STATUS, "%s answered %s to an acquire for %s.",
                       "A file system filter", trace_status(status),
                       create ? "creating a section" : "something other than creating a section");
    return status;
}

/* `bottom` is what the file system does when nobody above did: its fast I/O routine, or the default. */
static NTSTATUS Run(PFILE_OBJECT file, PFS_FILTER_CALLBACK_DATA data,
                    NTSTATUS (*bottom)(PFS_FILTER_CALLBACK_DATA data, PDEVICE_OBJECT device))
{
    struct descent d;
    unsigned level;
    data->SizeOfFsFilterCallbackData = sizeof *data;
    data->FileObject = file;
    ListStack(&d, IoGetRelatedDeviceObject(file));
    NTSTATUS status = AskDown(&d, data, &level);
    if (level == d.count) {
        data->DeviceObject = d.devices[d.count - 1];
        status = bottom(data, data->DeviceObject);
    } else if (Completed(status) || IsRelease(data->Operation)) {
        status = STATUS_SUCCESS;
    } else {
        status = CheckSectionStatus(data, status);
    }
    TellUp(&d, data, level, status);
    ForgetStack(&d);
    return status;
}

/* An open that is only a question: the whole stack must have a say in it, the file system at least. */
bool FsRtlpQueryOpen(PDEVICE_OBJECT top, PFILE_OBJECT file, PIRP irp, ULONG kind, PVOID buffer, PULONG length,
                     NTSTATUS *result)
{
    struct descent d;
    unsigned level;
    FS_FILTER_CALLBACK_DATA data = {.SizeOfFsFilterCallbackData = sizeof data,
                                    .Operation = (UCHAR)FS_FILTER_QUERY_OPEN,
                                    .FileObject = file,
                                    .Parameters.QueryOpen = {irp, buffer, length, kind, STATUS_SUCCESS}};
    ListStack(&d, top);
    NTSTATUS status = AskDown(&d, &data, &level);
    bool answered = level < d.count && status == STATUS_FSFILTER_OP_COMPLETED_SUCCESSFULLY;
    if (!answered)
        data.Parameters.QueryOpen.CompletionStatus = STATUS_FLT_DISALLOW_FSFILTER_IO;
    TellUp(&d, &data, level, data.Parameters.QueryOpen.CompletionStatus);
    ForgetStack(&d);
    *result = data.Parameters.QueryOpen.CompletionStatus;
    return *result != STATUS_FLT_DISALLOW_FSFILTER_IO;
}

/* ---- what the file system does ------------------------------------------------------------------------------------ */

static PFSRTL_COMMON_FCB_HEADER HeaderOf(PFILE_OBJECT file)
{
    return file->FsContext;
}

static NTSTATUS AcquireSection(PFS_FILTER_CALLBACK_DATA data, PDEVICE_OBJECT device)
{
    PFAST_IO_DISPATCH fast = device->DriverObject->FastIoDispatch;
    PFSRTL_COMMON_FCB_HEADER header = HeaderOf(data->FileObject);
    if (fast && fast->AcquireFileForNtCreateSection)
        fast->AcquireFileForNtCreateSection(data->FileObject);
    else if (header && header->Resource)
        ExAcquireResourceExclusiveLite(header->Resource, TRUE);
    return STATUS_SUCCESS;
}

static NTSTATUS ReleaseSection(PFS_FILTER_CALLBACK_DATA data, PDEVICE_OBJECT device)
{
    PFAST_IO_DISPATCH fast = device->DriverObject->FastIoDispatch;
    PFSRTL_COMMON_FCB_HEADER header = HeaderOf(data->FileObject);
    if (fast && fast->ReleaseFileForNtCreateSection)
        fast->ReleaseFileForNtCreateSection(data->FileObject);
    else if (header && header->Resource)
        ExReleaseResourceLite(header->Resource);
    return STATUS_SUCCESS;
}

static NTSTATUS AcquireFlush(PFS_FILTER_CALLBACK_DATA data, PDEVICE_OBJECT device)
{
    PFAST_IO_DISPATCH fast = device->DriverObject->FastIoDispatch;
    PFSRTL_COMMON_FCB_HEADER header = HeaderOf(data->FileObject);
    if (fast && fast->AcquireForCcFlush)
        return fast->AcquireForCcFlush(data->FileObject, device);
    if (header && header->Resource)
        ExAcquireResourceSharedLite(header->Resource, TRUE);
    if (header && header->PagingIoResource)
        ExAcquireResourceSharedLite(header->PagingIoResource, TRUE);
    return STATUS_SUCCESS;
}

static NTSTATUS ReleaseFlush(PFS_FILTER_CALLBACK_DATA data, PDEVICE_OBJECT device)
{
    PFAST_IO_DISPATCH fast = device->DriverObject->FastIoDispatch;
    PFSRTL_COMMON_FCB_HEADER header = HeaderOf(data->FileObject);
    if (fast && fast->ReleaseForCcFlush)
        return fast->ReleaseForCcFlush(data->FileObject, device);
    if (header && header->PagingIoResource)
        ExReleaseResourceLite(header->PagingIoResource);
    if (header && header->Resource)
        ExReleaseResourceLite(header->Resource);
    return STATUS_SUCCESS;
}

static NTSTATUS AcquireModWrite(PFS_FILTER_CALLBACK_DATA data, PDEVICE_OBJECT device)
{
    PFAST_IO_DISPATCH fast = device->DriverObject->FastIoDispatch;
    PFSRTL_COMMON_FCB_HEADER header = HeaderOf(data->FileObject);
    PERESOURCE *resource = data->Parameters.AcquireForModifiedPageWriter.ResourceToRelease;
    if (fast && fast->AcquireForModWrite)
        return fast->AcquireForModWrite(data->FileObject, data->Parameters.AcquireForModifiedPageWriter.EndingOffset,
                                        resource, device);
    bool main = header && (header->Flags & (FSRTL_FLAG_ACQUIRE_MAIN_RSRC_EX | FSRTL_FLAG_ACQUIRE_MAIN_RSRC_SH));
    PERESOURCE wanted = !header ? NULL : main || !header->PagingIoResource ? header->Resource : header->PagingIoResource;
    *resource = NULL;
    if (!wanted)
        return STATUS_SUCCESS;
    BOOLEAN got = (header->Flags & FSRTL_FLAG_ACQUIRE_MAIN_RSRC_EX) ? ExAcquireResourceExclusiveLite(wanted, FALSE)
                                                                    : ExAcquireSharedWaitForExclusive(wanted, FALSE);
    if (!got)
        return STATUS_CANT_WAIT;
    *resource = wanted;
    return STATUS_SUCCESS;
}

static NTSTATUS ReleaseModWrite(PFS_FILTER_CALLBACK_DATA data, PDEVICE_OBJECT device)
{
    PFAST_IO_DISPATCH fast = device->DriverObject->FastIoDispatch;
    PERESOURCE resource = data->Parameters.ReleaseForModifiedPageWriter.ResourceToRelease;
    if (fast && fast->ReleaseForModWrite)
        return fast->ReleaseForModWrite(data->FileObject, resource, device);
    if (resource)
        ExReleaseResourceLite(resource);
    return STATUS_SUCCESS;
}

/* ---- the routines -------------------------------------------------------------------------------------------------- */

static NTSTATUS AcquireForSection(PFILE_OBJECT file, FS_FILTER_SECTION_SYNC_TYPE type, ULONG protection)
{
    FS_FILTER_CALLBACK_DATA data = {.Operation = (UCHAR)FS_FILTER_ACQUIRE_FOR_SECTION_SYNCHRONIZATION};
    data.Parameters.AcquireForSectionSynchronization.SyncType = type;
    data.Parameters.AcquireForSectionSynchronization.PageProtection = protection;
    FsRtlEnterFileSystem();
    NTSTATUS status = Run(file, &data, AcquireSection);
    if (!NT_SUCCESS(status))
        FsRtlExitFileSystem();
    return status;
}

VOID FsRtlAcquireFileExclusive(PFILE_OBJECT FileObject)
{
    API_ENTER(FsRtlAcquireFileExclusive, FileObject, SCHED_WRITE);
    AcquireForSection(FileObject, SyncTypeOther, 0);
}

NTSTATUS FsRtlAcquireToCreateMappedSection(PFILE_OBJECT FileObject, ULONG SectionPageProtection)
{
    API_ENTER(FsRtlAcquireToCreateMappedSection, FileObject, SCHED_WRITE);
    return AcquireForSection(FileObject, SyncTypeCreateSection, SectionPageProtection);
}

VOID FsRtlReleaseFile(PFILE_OBJECT FileObject)
{
    API_ENTER(FsRtlReleaseFile, FileObject, SCHED_WRITE);
    FS_FILTER_CALLBACK_DATA data = {.Operation = (UCHAR)FS_FILTER_RELEASE_FOR_SECTION_SYNCHRONIZATION};
    Run(FileObject, &data, ReleaseSection);
    FsRtlExitFileSystem();
}

NTSTATUS FsRtlAcquireFileForCcFlushEx(PFILE_OBJECT FileObject)
{
    API_ENTER(FsRtlAcquireFileForCcFlushEx, FileObject, SCHED_WRITE);
    FS_FILTER_CALLBACK_DATA data = {.Operation = (UCHAR)FS_FILTER_ACQUIRE_FOR_CC_FLUSH};
    FsRtlEnterFileSystem();
    NTSTATUS status = Run(FileObject, &data, AcquireFlush);
    if (!NT_SUCCESS(status))
        FsRtlExitFileSystem();
    return status;
}

VOID FsRtlAcquireFileForCcFlush(PFILE_OBJECT FileObject)
{
    FsRtlAcquireFileForCcFlushEx(FileObject);
}

VOID FsRtlReleaseFileForCcFlush(PFILE_OBJECT FileObject)
{
    API_ENTER(FsRtlReleaseFileForCcFlush, FileObject, SCHED_WRITE);
    FS_FILTER_CALLBACK_DATA data = {.Operation = (UCHAR)FS_FILTER_RELEASE_FOR_CC_FLUSH};
    Run(FileObject, &data, ReleaseFlush);
    FsRtlExitFileSystem();
}

NTSTATUS FsRtlAcquireFileForModWriteEx(PFILE_OBJECT FileObject, PLARGE_INTEGER EndingOffset,
                                       PERESOURCE *ResourceToRelease)
{
    API_ENTER(FsRtlAcquireFileForModWriteEx, FileObject, SCHED_WRITE);
    FS_FILTER_CALLBACK_DATA data = {.Operation = (UCHAR)FS_FILTER_ACQUIRE_FOR_MOD_WRITE};
    *ResourceToRelease = NULL;
    data.Parameters.AcquireForModifiedPageWriter.EndingOffset = EndingOffset;
    data.Parameters.AcquireForModifiedPageWriter.ResourceToRelease = ResourceToRelease;
    FsRtlEnterFileSystem();
    NTSTATUS status = Run(FileObject, &data, AcquireModWrite);
    if (!NT_SUCCESS(status))
        FsRtlExitFileSystem();
    return status;
}

BOOLEAN FsRtlAcquireFileForModWrite(PFILE_OBJECT FileObject, PLARGE_INTEGER EndingOffset,
                                    PERESOURCE *ResourceToRelease)
{
    return NT_SUCCESS(FsRtlAcquireFileForModWriteEx(FileObject, EndingOffset, ResourceToRelease));
}

VOID FsRtlReleaseFileForModWrite(PFILE_OBJECT FileObject, PERESOURCE ResourceToRelease)
{
    API_ENTER(FsRtlReleaseFileForModWrite, FileObject, SCHED_WRITE);
    FS_FILTER_CALLBACK_DATA data = {.Operation = (UCHAR)FS_FILTER_RELEASE_FOR_MOD_WRITE};
    data.Parameters.ReleaseForModifiedPageWriter.ResourceToRelease = ResourceToRelease;
    Run(FileObject, &data, ReleaseModWrite);
    FsRtlExitFileSystem();
}
