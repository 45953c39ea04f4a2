/* Directory change notification for a minifilter that owns a directory: fsrtl's, with callback data in the place of IRPs. */
#include "flt/core.h"

#include "fsrtl/notify.h"
#include "verify/api.h"

static PLIST_ENTRY Links(PVOID data) { return &((PFLT_CALLBACK_DATA)data)->QueueLinks; }
static PVOID Of(PLIST_ENTRY links) { return CONTAINING_RECORD(links, FLT_CALLBACK_DATA, QueueLinks); }

static void CompleteData(PVOID operation, NTSTATUS status, ULONG_PTR information)
{
    PFLT_CALLBACK_DATA data = operation;
    data->IoStatus = (IO_STATUS_BLOCK){.Status = status, .Information = information};
    FltCompletePendedPreOperation(data, FLT_PREOP_COMPLETE, NULL);
}

static const struct notify_kind kind;

static VOID Cancelled(PFLT_CALLBACK_DATA data) { FsRtlpNotifyCancel(data->QueueContext[0], &kind, data); }

static bool Arm(PVOID sync, PVOID operation)
{
    PFLT_CALLBACK_DATA data = operation;
    data->QueueContext[0] = sync;
    return FltpArmCancel(FltpOpFromData(data), Cancelled);
}

static bool Disarm(PVOID operation) { return FltpDisarmCancel(FltpOpFromData(operation)); }

static PVOID Buffer(PVOID operation, ULONG *length)
{
    const FLT_PARAMETERS *p = &((PFLT_CALLBACK_DATA)operation)->Iopb->Parameters;
    *length = p->DirectoryControl.NotifyDirectory.Length;
    PMDL mdl = p->DirectoryControl.NotifyDirectory.MdlAddress;
    return mdl ? MmGetSystemAddressForMdlSafe(mdl, NormalPagePriority) : p->DirectoryControl.NotifyDirectory.DirectoryBuffer;
}

static const struct notify_kind kind = {Links, Of, Arm, Disarm, Buffer, CompleteData};

VOID FltNotifyFilterChangeDirectory(PNOTIFY_SYNC NotifySync, PLIST_ENTRY NotifyList, PVOID FsContext,
                                    PSTRING FullDirectoryName, BOOLEAN WatchTree, BOOLEAN IgnoreBuffer,
                                    ULONG CompletionFilter, PFLT_CALLBACK_DATA NotifyCallbackData,
                                    PCHECK_FOR_TRAVERSE_ACCESS TraverseCallback, PSECURITY_SUBJECT_CONTEXT SubjectContext,
                                    PFILTER_REPORT_CHANGE FilterCallback)
{
    API_ENTER(FltNotifyFilterChangeDirectory, FsContext, SCHED_WRITE);
    FsRtlpNotifyChange(NotifySync, &(struct notify_request){
                                       NotifyList, FsContext, FullDirectoryName, WatchTree, IgnoreBuffer, CompletionFilter,
                                       TraverseCallback, SubjectContext, FilterCallback,
                                       NotifyCallbackData->Iopb->TargetFileObject, &kind, NotifyCallbackData});
}
