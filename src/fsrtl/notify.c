/* Directory change notification for file systems: who watches which directory, and what happened since. */
#include "notify.h"

#include <string.h>

struct notify_sync {
    FAST_MUTEX mutex;        /* the list of watches; callbacks run under it */
    struct sched_lock lock;  /* leaf: the queues of requests, which cancelling reaches, too */
};

/* One directory open that watches, from its first request to its cleanup. */
struct watch {
    LIST_ENTRY link; // the file system's notify list
    PVOID context;   // FsContext2 of who watches
    LIST_ENTRY waiting; // notify_kind.links, oldest first
    const struct notify_kind *kind;
    STRING directory;
    USHORT unit; // bytes a character: 1 or 2
    BOOLEAN tree, ignoreBuffer, overflow, deleted;
    ULONG filter;
    PCHECK_FOR_TRAVERSE_ACCESS traverse;
    PSECURITY_SUBJECT_CONTEXT subject;
    PFILTER_REPORT_CHANGE report;
    UCHAR *buffer; // changes that nobody asked for yet
    ULONG size, used, last;
};

VOID FsRtlNotifyInitializeSync(PNOTIFY_SYNC *NotifySync)
{
    API_IRQL(FsRtlNotifyInitializeSync);
    struct notify_sync *sync = sim_alloc(sizeof *sync);
    ExInitializeFastMutex(&sync->mutex);
    *NotifySync = (PNOTIFY_SYNC)sync;
}

VOID FsRtlNotifyUninitializeSync(PNOTIFY_SYNC *NotifySync)
{
    API_IRQL(FsRtlNotifyUninitializeSync);
    sim_free(*NotifySync);
    *NotifySync = NULL;
}

static struct watch *FindWatch(PLIST_ENTRY list, PVOID context)
{
    for (PLIST_ENTRY link = list->Flink; link != list; link = link->Flink) {
        struct watch *found = CONTAINING_RECORD(link, struct watch, link);
        if (found->context == context)
            return found;
    }
    return NULL;
}

/* ---- requests ---- */

void FsRtlpNotifyCancel(PVOID opaque, const struct notify_kind *kind, PVOID operation)
{
    struct notify_sync *sync = opaque;
    sched_lock(&sync->lock);
    RemoveEntryList(kind->links(operation));
    sched_unlock(&sync->lock);
    kind->complete(operation, STATUS_CANCELLED, 0);
}

/* The oldest request that waits, ours to complete; one that is being cancelled only leaves the queue. */
static PVOID Take(struct notify_sync *sync, struct watch *watch)
{
    PVOID taken = NULL;
    sched_lock(&sync->lock);
    while (!taken && !IsListEmpty(&watch->waiting)) {
        PLIST_ENTRY links = RemoveHeadList(&watch->waiting);
        InitializeListHead(links);
        PVOID operation = watch->kind->of(links);
        if (watch->kind->disarm(operation))
            taken = operation;
    }
    sched_unlock(&sync->lock);
    return taken;
}

static void Queue(struct notify_sync *sync, struct watch *watch, PVOID operation)
{
    PLIST_ENTRY links = watch->kind->links(operation);
    sched_lock(&sync->lock);
    InsertTailList(&watch->waiting, links);
    bool cancelled = !watch->kind->arm(sync, operation);
    if (cancelled)
        RemoveEntryList(links);
    sched_unlock(&sync->lock);
    if (cancelled)
        watch->kind->complete(operation, STATUS_CANCELLED, 0);
}

static void CompleteAll(struct notify_sync *sync, struct watch *watch, NTSTATUS status)
{
    PVOID operation;
    while ((operation = Take(sync, watch)))
        watch->kind->complete(operation, status, 0);
}

/* Gives what was collected to the oldest waiting request, if there are both. */
static void Deliver(struct notify_sync *sync, struct watch *watch)
{
    if (watch->used == 0 && !watch->overflow)
        return;
    PVOID operation = Take(sync, watch);
    if (!operation)
        return;
    ULONG length, used = watch->used;
    PVOID buffer = watch->kind->buffer(operation, &length);
    bool fits = !watch->overflow && used <= length && buffer;
    if (fits)
        memcpy(buffer, watch->buffer, used);
    watch->used = watch->last = 0;
    watch->overflow = FALSE;
    watch->kind->complete(operation, fits ? STATUS_SUCCESS : STATUS_NOTIFY_ENUM_DIR, fits ? used : 0);
}

/* ---- requests that are IRPs ---- */

static PLIST_ENTRY IrpLinks(PVOID irp) { return &((PIRP)irp)->Tail.Overlay.ListEntry; }
static PVOID IrpOf(PLIST_ENTRY links) { return CONTAINING_RECORD(links, IRP, Tail.Overlay.ListEntry); }

static void CompleteIrp(PVOID operation, NTSTATUS status, ULONG_PTR information)
{
    PIRP irp = operation;
    irp->IoStatus.Information = information;
    FsRtlCompleteRequest(irp, status);
}

static const struct notify_kind irpKind;

static VOID CancelIrp(PDEVICE_OBJECT device, PIRP irp)
{
    IoReleaseCancelSpinLock(irp->CancelIrql);
    FsRtlpNotifyCancel((PVOID)irp->IoStatus.Information, &irpKind, irp);
}

static bool ArmIrp(PVOID sync, PVOID operation)
{
    PIRP irp = operation;
    IoMarkIrpPending(irp);
    irp->IoStatus.Information = (ULONG_PTR)sync;
    IoSetCancelRoutine(irp, CancelIrp);
    return !__atomic_load_n(&irp->Cancel, __ATOMIC_SEQ_CST) || !IoSetCancelRoutine(irp, NULL);
}

static bool DisarmIrp(PVOID operation) { return IoSetCancelRoutine((PIRP)operation, NULL) != NULL; }

static PVOID IrpBuffer(PVOID operation, ULONG *length)
{
    PIRP irp = operation;
    *length = IoGetCurrentIrpStackLocation(irp)->Parameters.NotifyDirectory.Length;
    if (irp->AssociatedIrp.SystemBuffer)
        return irp->AssociatedIrp.SystemBuffer;
    if (irp->MdlAddress)
        return MmGetSystemAddressForMdlSafe(irp->MdlAddress, NormalPagePriority);
    return irp->UserBuffer;
}

static const struct notify_kind irpKind = {IrpLinks, IrpOf, ArmIrp, DisarmIrp, IrpBuffer, CompleteIrp};

/* ---- watches ---- */

static struct watch *CreateWatch(PLIST_ENTRY list, PVOID context, PSTRING directory)
{
    struct watch *watch = sim_alloc(sizeof *watch);
    watch->context = context;
    InitializeListHead(&watch->waiting);
    if (directory) {
        watch->directory = *directory;
        watch->directory.Buffer = sim_alloc(directory->Length + 1u);
        memcpy(watch->directory.Buffer, directory->Buffer, directory->Length);
        watch->unit = directory->Length >= 2 && directory->Buffer[1] == 0 ? 2 : 1;
    }
    InsertTailList(list, &watch->link);
    return watch;
}

/* The watch is off the list, and the mutex released: contexts are released at PASSIVE_LEVEL. */
static void ReleaseSubject(PSECURITY_SUBJECT_CONTEXT subject)
{
    if (!subject)
        return;
    SeReleaseSubjectContext(subject);
    ExFreePool(subject);
}

static PSECURITY_SUBJECT_CONTEXT FreeWatch(struct watch *watch)
{
    PSECURITY_SUBJECT_CONTEXT subject = watch->subject;
    RemoveEntryList(&watch->link);
    sim_free(watch->directory.Buffer);
    sim_free(watch->buffer);
    sim_free(watch);
    return subject;
}

static void DirectoryGone(struct notify_sync *sync, PLIST_ENTRY list, PVOID context)
{
    ExAcquireFastMutex(&sync->mutex);
    struct watch *watch = FindWatch(list, context);
    if (watch) {
        watch->deleted = TRUE;
        CompleteAll(sync, watch, STATUS_DELETE_PENDING);
    }
    ExReleaseFastMutex(&sync->mutex);
}

static struct watch *BeginWatch(const struct notify_request *r)
{
    struct watch *watch = CreateWatch(r->list, r->context, r->directory);
    watch->kind = r->kind;
    watch->tree = r->tree;
    watch->ignoreBuffer = r->ignoreBuffer;
    watch->filter = r->filter;
    watch->traverse = r->traverse;
    watch->subject = r->subject;
    watch->report = r->report;
    r->kind->buffer(r->operation, &watch->size);
    watch->buffer = watch->size ? sim_alloc(watch->size) : NULL;
    return watch;
}

void FsRtlpNotifyChange(PNOTIFY_SYNC NotifySync, const struct notify_request *r)
{
    struct notify_sync *sync = (struct notify_sync *)NotifySync;
    PSECURITY_SUBJECT_CONTEXT subject = r->subject;
    if (r->file && (r->file->Flags & FO_CLEANUP_COMPLETE)) {
        r->kind->complete(r->operation, STATUS_NOTIFY_CLEANUP, 0);
        ReleaseSubject(subject);
        return;
    }
    ExAcquireFastMutex(&sync->mutex);
    struct watch *watch = FindWatch(r->list, r->context);
    if (!watch) {
        watch = BeginWatch(r);
        subject = NULL;
    }
    if (watch->deleted) {
        r->kind->complete(r->operation, STATUS_DELETE_PENDING, 0);
    } else {
        Queue(sync, watch, r->operation);
        Deliver(sync, watch);
    }
    ExReleaseFastMutex(&sync->mutex);
    ReleaseSubject(subject); /* the first request's is the one that is kept */
}

VOID FsRtlNotifyFilterChangeDirectory(PNOTIFY_SYNC NotifySync, PLIST_ENTRY NotifyList, PVOID FsContext,
                                      PSTRING FullDirectoryName, BOOLEAN WatchTree, BOOLEAN IgnoreBuffer,
                                      ULONG CompletionFilter, PIRP NotifyIrp,
                                      PCHECK_FOR_TRAVERSE_ACCESS TraverseCallback,
                                      PSECURITY_SUBJECT_CONTEXT SubjectContext, PFILTER_REPORT_CHANGE FilterCallback)
{
    API_ENTER(FsRtlNotifyFilterChangeDirectory, FsContext, SCHED_WRITE);
    if (!NotifyIrp) {
        DirectoryGone((struct notify_sync *)NotifySync, NotifyList, FsContext);
        return;
    }
    NotifyIrp->IoStatus.Information = 0;
    FsRtlpNotifyChange(NotifySync, &(struct notify_request){
                                       NotifyList, FsContext, FullDirectoryName, WatchTree, IgnoreBuffer, CompletionFilter,
                                       TraverseCallback, SubjectContext, FilterCallback,
                                       IoGetCurrentIrpStackLocation(NotifyIrp)->FileObject, &irpKind, NotifyIrp});
}

VOID FsRtlNotifyFullChangeDirectory(PNOTIFY_SYNC NotifySync, PLIST_ENTRY NotifyList, PVOID FsContext,
                                    PSTRING FullDirectoryName, BOOLEAN WatchTree, BOOLEAN IgnoreBuffer,
                                    ULONG CompletionFilter, PIRP NotifyIrp,
                                    PCHECK_FOR_TRAVERSE_ACCESS TraverseCallback,
                                    PSECURITY_SUBJECT_CONTEXT SubjectContext)
{
    FsRtlNotifyFilterChangeDirectory(NotifySync, NotifyList, FsContext, FullDirectoryName, WatchTree, IgnoreBuffer,
                                     CompletionFilter, NotifyIrp, TraverseCallback, SubjectContext, NULL);
}

/* The target's name below the watched directory: false when it is not there. */
static bool RelativeName(const struct watch *watch, const STRING *target, USHORT offset, STRING *relative)
{
    const STRING *directory = &watch->directory;
    bool root = directory->Length == watch->unit;
    USHORT skip = root ? watch->unit : directory->Length + watch->unit;
    if (target->Length < skip || memcmp(target->Buffer, directory->Buffer, directory->Length) != 0)
        return false;
    if (!root && target->Buffer[directory->Length] != '\\')
        return false;
    if (target->Length == skip || (!watch->tree && offset != skip))
        return false;
    relative->Buffer = target->Buffer + skip;
    relative->Length = relative->MaximumLength = target->Length - skip;
    return true;
}

static USHORT CopyUnits(WCHAR *to, const char *from, USHORT bytes, USHORT unit)
{
    USHORT count = bytes / unit;
    for (USHORT i = 0; i < count; i++)
        to[i] = unit == 2 ? ((const WCHAR *)from)[i] : (UCHAR)from[i];
    return count;
}

static void Append(struct watch *watch, const STRING *name, const STRING *stream, ULONG action)
{
    USHORT units = name->Length / watch->unit + (stream ? 1 + stream->Length / watch->unit : 0);
    ULONG needed = FIELD_OFFSET(FILE_NOTIFY_INFORMATION, FileName) + units * sizeof(WCHAR);
    ULONG start = (watch->used + 3) & ~3u;
    if (watch->ignoreBuffer || watch->overflow || start + needed > watch->size) {
        watch->overflow = TRUE;
        watch->used = 0;
        return;
    }
    if (watch->used)
        ((PFILE_NOTIFY_INFORMATION)(watch->buffer + watch->last))->NextEntryOffset = start - watch->last;
    PFILE_NOTIFY_INFORMATION entry = (PFILE_NOTIFY_INFORMATION)(watch->buffer + start);
    entry->NextEntryOffset = 0;
    entry->Action = action;
    entry->FileNameLength = units * sizeof(WCHAR);
    USHORT at = CopyUnits(entry->FileName, name->Buffer, name->Length, watch->unit);
    if (stream) {
        entry->FileName[at++] = u':';
        CopyUnits(entry->FileName + at, stream->Buffer, stream->Length, watch->unit);
    }
    watch->last = start;
    watch->used = start + needed;
}

VOID FsRtlNotifyFilterReportChange(PNOTIFY_SYNC NotifySync, PLIST_ENTRY NotifyList, PSTRING FullTargetName,
                                   USHORT TargetNameOffset, PSTRING StreamName, PSTRING NormalizedParentName,
                                   ULONG FilterMatch, ULONG Action, PVOID TargetContext, PVOID FilterContext)
{
    API_ENTER(FsRtlNotifyFilterReportChange, NotifyList, SCHED_WRITE);
    struct notify_sync *sync = (struct notify_sync *)NotifySync;
    ExAcquireFastMutex(&sync->mutex);
    for (PLIST_ENTRY link = NotifyList->Flink; link != NotifyList;) {
        struct watch *watch = CONTAINING_RECORD(link, struct watch, link);
        STRING relative;
        link = link->Flink;
        if (watch->deleted || !(watch->filter & FilterMatch))
            continue;
        if (!RelativeName(watch, FullTargetName, TargetNameOffset, &relative))
            continue;
        if (watch->report && !watch->report(watch->context, FilterContext))
            continue;
        bool below = watch->tree && relative.Buffer - FullTargetName->Buffer != TargetNameOffset;
        if (below && watch->traverse && !watch->traverse(watch->context, TargetContext, watch->subject))
            continue;
        Append(watch, &relative, StreamName, Action);
        Deliver(sync, watch);
    }
    ExReleaseFastMutex(&sync->mutex);
}

VOID FsRtlNotifyFullReportChange(PNOTIFY_SYNC NotifySync, PLIST_ENTRY NotifyList, PSTRING FullTargetName,
                                 USHORT TargetNameOffset, PSTRING StreamName, PSTRING NormalizedParentName,
                                 ULONG FilterMatch, ULONG Action, PVOID TargetContext)
{
    FsRtlNotifyFilterReportChange(NotifySync, NotifyList, FullTargetName, TargetNameOffset, StreamName,
                                  NormalizedParentName, FilterMatch, Action, TargetContext, NULL);
}

VOID FsRtlNotifyCleanup(PNOTIFY_SYNC NotifySync, PLIST_ENTRY NotifyList, PVOID FsContext)
{
    API_ENTER(FsRtlNotifyCleanup, FsContext, SCHED_WRITE);
    struct notify_sync *sync = (struct notify_sync *)NotifySync;
    PSECURITY_SUBJECT_CONTEXT subject = NULL;
    ExAcquireFastMutex(&sync->mutex);
    struct watch *watch = FindWatch(NotifyList, FsContext);
    if (watch) {
        CompleteAll(sync, watch, STATUS_NOTIFY_CLEANUP);
        subject = FreeWatch(watch);
    }
    ExReleaseFastMutex(&sync->mutex);
    ReleaseSubject(subject);
}

VOID FsRtlNotifyCleanupAll(PNOTIFY_SYNC NotifySync, PLIST_ENTRY NotifyList)
{
    API_ENTER(FsRtlNotifyCleanupAll, NotifyList, SCHED_WRITE);
    struct notify_sync *sync = (struct notify_sync *)NotifySync;
    bool more;
    do {
        PSECURITY_SUBJECT_CONTEXT subject = NULL;
        ExAcquireFastMutex(&sync->mutex);
        more = !IsListEmpty(NotifyList);
        if (more) {
            struct watch *watch = CONTAINING_RECORD(NotifyList->Flink, struct watch, link);
            CompleteAll(sync, watch, STATUS_NOTIFY_CLEANUP);
            subject = FreeWatch(watch);
        }
        ExReleaseFastMutex(&sync->mutex);
        ReleaseSubject(subject);
    } while (more);
}
