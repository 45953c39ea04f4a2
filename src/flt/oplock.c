/* Opportunistic locks for a minifilter that owns a file: the lock package, with callback data in the place of IRPs. */
#include "core.h"
#include "fltp.h"

#include "fsrtl/oplock.h"
#include "verify/api.h"

static void Mark(PVOID operation)
{
}

static VOID Cancel(PFLT_CALLBACK_DATA data)
{
    FsRtlpOplockCancel((POPLOCK)data->QueueContext[0], data);
}

static bool Arm(POPLOCK oplock, PVOID operation, bool waiter)
{
    PFLT_CALLBACK_DATA data = operation;
    data->QueueContext[0] = oplock;
    return NT_SUCCESS(FltSetCancelCompletion(data, Cancel));
}

static bool Disarm(PVOID operation)
{
    return NT_SUCCESS(FltClearCancelCompletion(operation));
}

static void Pend(PVOID operation, PVOID post, PVOID context)
{
    ((PFLTOPLOCK_PREPOST_CALLBACKDATA_ROUTINE)post)(operation, context);
}

static void CompleteRequest(PVOID operation, NTSTATUS status, ULONG_PTR information,
                            const REQUEST_OPLOCK_OUTPUT_BUFFER *answer)
{
    PFLT_CALLBACK_DATA data = operation;
    data->IoStatus.Status = status;
    data->IoStatus.Information = information;
    PVOID buffer = data->Iopb->Parameters.FileSystemControl.Buffered.SystemBuffer;
    if (answer && buffer) {
        *(PREQUEST_OPLOCK_OUTPUT_BUFFER)buffer = *answer;
        data->IoStatus.Information = sizeof *answer;
    }
    FltCompletePendedPreOperation(data, FLT_PREOP_COMPLETE, NULL);
}

static void Resume(PVOID operation, NTSTATUS status, PVOID routine, PVOID context)
{
    PFLT_CALLBACK_DATA data = operation;
    data->IoStatus.Status = status;
    data->IoStatus.Information = 0;
    if (routine)
        ((PFLTOPLOCK_WAIT_COMPLETE_ROUTINE)routine)(data, context);
    else
        FltCompletePendedPreOperation(data, FLT_PREOP_COMPLETE, NULL);
}

static const struct oplock_operations callbackData = {Mark, Arm, Disarm, Pend, CompleteRequest, Resume};

VOID FltInitializeOplock(POPLOCK Oplock)
{
    API_IRQL(FltInitializeOplock);
    FsRtlpOplockInitialize(Oplock);
}

VOID FltUninitializeOplock(POPLOCK Oplock)
{
    API_IRQL(FltUninitializeOplock);
    FsRtlpOplockUninitialize(Oplock);
}

/* ---- control codes ------------------------------------------------------------------------------------------------------ */

static NTSTATUS RequestCaching(POPLOCK oplock, PFLT_CALLBACK_DATA data, ULONG count, ULONG flags)
{
    PREQUEST_OPLOCK_INPUT_BUFFER input = data->Iopb->Parameters.FileSystemControl.Buffered.SystemBuffer;
    PFILE_OBJECT file = data->Iopb->TargetFileObject;
    if (!input || data->Iopb->Parameters.FileSystemControl.Buffered.InputBufferLength < sizeof *input ||
        data->Iopb->Parameters.FileSystemControl.Buffered.OutputBufferLength < sizeof(REQUEST_OPLOCK_OUTPUT_BUFFER))
        return STATUS_BUFFER_TOO_SMALL;
    if (input->Flags & REQUEST_OPLOCK_INPUT_FLAG_ACK)
        return FsRtlpOplockAcknowledge(oplock, file, input->RequestedOplockLevel, false, &callbackData, data);
    if (!(input->Flags & REQUEST_OPLOCK_INPUT_FLAG_REQUEST))
        return STATUS_INVALID_PARAMETER;
    return FsRtlpOplockRequest(oplock, OPLOCK_CACHING, input->RequestedOplockLevel, file, count,
                               (flags & OPLOCK_FSCTRL_FLAG_ALL_KEYS_MATCH) != 0, &callbackData, data);
}

static NTSTATUS Control(POPLOCK oplock, PFLT_CALLBACK_DATA data, ULONG count, ULONG flags)
{
    PFILE_OBJECT file = data->Iopb->TargetFileObject;
    struct oplock_waiter waiter = {&callbackData, data, NULL, NULL, NULL};
    switch (data->Iopb->Parameters.FileSystemControl.Common.FsControlCode) {
    case FSCTL_REQUEST_OPLOCK_LEVEL_1:
        return FsRtlpOplockRequest(oplock, OPLOCK_LEVEL_1, 0, file, count, false, &callbackData, data);
    case FSCTL_REQUEST_OPLOCK_LEVEL_2:
        return FsRtlpOplockRequest(oplock, OPLOCK_LEVEL_2, 0, file, count, false, &callbackData, data);
    case FSCTL_REQUEST_BATCH_OPLOCK:
        return FsRtlpOplockRequest(oplock, OPLOCK_BATCH, 0, file, count, false, &callbackData, data);
    case FSCTL_REQUEST_FILTER_OPLOCK:
        return FsRtlpOplockRequest(oplock, OPLOCK_FILTER, 0, file, count, false, &callbackData, data);
    case FSCTL_REQUEST_OPLOCK:
        return RequestCaching(oplock, data, count, flags);
    case FSCTL_OPLOCK_BREAK_ACKNOWLEDGE:
        return FsRtlpOplockAcknowledge(oplock, file, OPLOCK_LEVEL_CACHE_READ, false, &callbackData, data);
    case FSCTL_OPLOCK_BREAK_ACK_NO_2:
        return FsRtlpOplockAcknowledge(oplock, file, 0, false, &callbackData, data);
    case FSCTL_OPBATCH_ACK_CLOSE_PENDING:
        return FsRtlpOplockAcknowledge(oplock, file, 0, true, &callbackData, data);
    case FSCTL_OPLOCK_BREAK_NOTIFY:
        return FsRtlpOplockNotify(oplock, &waiter);
    default:
        return STATUS_INVALID_PARAMETER;
    }
}

FLT_PREOP_CALLBACK_STATUS FltOplockFsctrlEx(POPLOCK Oplock, PFLT_CALLBACK_DATA CallbackData, ULONG OpenCount, ULONG Flags)
{
    API_ENTER(FltOplockFsctrlEx, Oplock, SCHED_WRITE);
    NTSTATUS status = CallbackData->Iopb->MajorFunction == IRP_MJ_FILE_SYSTEM_CONTROL
                          ? Control(Oplock, CallbackData, OpenCount, Flags)
                          : STATUS_INVALID_PARAMETER;
    if (status == STATUS_PENDING)
        return FLT_PREOP_PENDING;
    CallbackData->IoStatus.Status = status;
    CallbackData->IoStatus.Information = 0;
    return FLT_PREOP_COMPLETE;
}

FLT_PREOP_CALLBACK_STATUS FltOplockFsctrl(POPLOCK Oplock, PFLT_CALLBACK_DATA CallbackData, ULONG OpenCount)
{
    return FltOplockFsctrlEx(Oplock, CallbackData, OpenCount, 0);
}

/* ---- checks ---------------------------------------------------------------------------------------------------------------- */

static struct oplock_check CheckOf(PFLT_CALLBACK_DATA data)
{
    const FLT_PARAMETERS *p = &data->Iopb->Parameters;
    struct oplock_check check = {.major = data->Iopb->MajorFunction, .file = data->Iopb->TargetFileObject};
    if (check.major == IRP_MJ_CREATE) {
        PVOID *slot = FltpCreateSlot(data);
        check.ecps = slot ? *slot : NULL;
        check.access = p->Create.SecurityContext->DesiredAccess;
        check.disposition = p->Create.Options >> 24;
        check.options = p->Create.Options & 0xFFFFFF;
    } else if (check.major == IRP_MJ_SET_INFORMATION) {
        check.information = p->SetFileInformation.FileInformationClass;
    } else if (check.major == IRP_MJ_FILE_SYSTEM_CONTROL) {
        check.control = p->FileSystemControl.Common.FsControlCode;
    }
    return check;
}

static FLT_PREOP_CALLBACK_STATUS Check(POPLOCK oplock, PFLT_CALLBACK_DATA data, const struct oplock_check *check,
                                       ULONG flags, PVOID context, PFLTOPLOCK_WAIT_COMPLETE_ROUTINE completion,
                                       PFLTOPLOCK_PREPOST_CALLBACKDATA_ROUTINE post)
{
    struct oplock_waiter waiter = {completion ? &callbackData : NULL, data, (PVOID)completion, context,
                                   completion ? (PVOID)post : NULL};
    NTSTATUS status = FsRtlpOplockCheck(oplock, check, flags, &waiter);
    if (status == STATUS_PENDING)
        return FLT_PREOP_PENDING;
    data->IoStatus.Status = status;
    return NT_SUCCESS(status) ? FLT_PREOP_SUCCESS_WITH_CALLBACK : FLT_PREOP_COMPLETE;
}

FLT_PREOP_CALLBACK_STATUS FltCheckOplockEx(POPLOCK Oplock, PFLT_CALLBACK_DATA CallbackData, ULONG Flags, PVOID Context,
                                           PFLTOPLOCK_WAIT_COMPLETE_ROUTINE WaitCompletionRoutine,
                                           PFLTOPLOCK_PREPOST_CALLBACKDATA_ROUTINE PrePostCallbackDataRoutine)
{
    API_ENTER(FltCheckOplockEx, Oplock, SCHED_WRITE);
    struct oplock_check check = CheckOf(CallbackData);
    return Check(Oplock, CallbackData, &check, Flags, Context, WaitCompletionRoutine, PrePostCallbackDataRoutine);
}

FLT_PREOP_CALLBACK_STATUS FltCheckOplock(POPLOCK Oplock, PFLT_CALLBACK_DATA CallbackData, PVOID Context,
                                         PFLTOPLOCK_WAIT_COMPLETE_ROUTINE WaitCompletionRoutine,
                                         PFLTOPLOCK_PREPOST_CALLBACKDATA_ROUTINE PrePostCallbackDataRoutine)
{
    return FltCheckOplockEx(Oplock, CallbackData, 0, Context, WaitCompletionRoutine, PrePostCallbackDataRoutine);
}

FLT_PREOP_CALLBACK_STATUS FltOplockBreakToNoneEx(POPLOCK Oplock, PFLT_CALLBACK_DATA CallbackData, ULONG Flags,
                                                 PVOID Context, PFLTOPLOCK_WAIT_COMPLETE_ROUTINE WaitCompletionRoutine,
                                                 PFLTOPLOCK_PREPOST_CALLBACKDATA_ROUTINE PrePostCallbackDataRoutine)
{
    API_ENTER(FltOplockBreakToNoneEx, Oplock, SCHED_WRITE);
    struct oplock_check check = CheckOf(CallbackData);
    check.break_all = true;
    return Check(Oplock, CallbackData, &check, Flags, Context, WaitCompletionRoutine, PrePostCallbackDataRoutine);
}

FLT_PREOP_CALLBACK_STATUS FltOplockBreakToNone(POPLOCK Oplock, PFLT_CALLBACK_DATA CallbackData, PVOID Context,
                                               PFLTOPLOCK_WAIT_COMPLETE_ROUTINE WaitCompletionRoutine,
                                               PFLTOPLOCK_PREPOST_CALLBACKDATA_ROUTINE PrePostCallbackDataRoutine)
{
    return FltOplockBreakToNoneEx(Oplock, CallbackData, 0, Context, WaitCompletionRoutine, PrePostCallbackDataRoutine);
}

FLT_PREOP_CALLBACK_STATUS FltOplockBreakH(POPLOCK Oplock, PFLT_CALLBACK_DATA CallbackData, ULONG Flags, PVOID Context,
                                          PFLTOPLOCK_WAIT_COMPLETE_ROUTINE WaitCompletionRoutine,
                                          PFLTOPLOCK_PREPOST_CALLBACKDATA_ROUTINE PrePostCallbackDataRoutine)
{
    API_ENTER(FltOplockBreakH, Oplock, SCHED_WRITE);
    struct oplock_check check = CheckOf(CallbackData);
    check.break_handle = true;
    return Check(Oplock, CallbackData, &check, Flags, Context, WaitCompletionRoutine, PrePostCallbackDataRoutine);
}

BOOLEAN FltOplockIsFastIoPossible(POPLOCK Oplock)
{
    API_ENTER(FltOplockIsFastIoPossible, Oplock, SCHED_READ);
    return FsRtlpOplockFastIo(Oplock);
}

BOOLEAN FltCurrentBatchOplock(POPLOCK Oplock)
{
    API_ENTER(FltCurrentBatchOplock, Oplock, SCHED_READ);
    return FsRtlpOplockHas(Oplock, true, false);
}

BOOLEAN FltCurrentOplock(POPLOCK Oplock)
{
    API_ENTER(FltCurrentOplock, Oplock, SCHED_READ);
    return FsRtlpOplockHas(Oplock, false, false);
}

BOOLEAN FltCurrentOplockH(POPLOCK Oplock)
{
    API_ENTER(FltCurrentOplockH, Oplock, SCHED_READ);
    return FsRtlpOplockHas(Oplock, false, true);
}

BOOLEAN FltOplockIsSharedRequest(PFLT_CALLBACK_DATA CallbackData)
{
    API_IRQL(FltOplockIsSharedRequest);
    const FLT_PARAMETERS *p = &CallbackData->Iopb->Parameters;
    if (CallbackData->Iopb->MajorFunction != IRP_MJ_FILE_SYSTEM_CONTROL)
        return FALSE;
    if (p->FileSystemControl.Common.FsControlCode == FSCTL_REQUEST_OPLOCK_LEVEL_2)
        return TRUE;
    PREQUEST_OPLOCK_INPUT_BUFFER input = p->FileSystemControl.Buffered.SystemBuffer;
    return p->FileSystemControl.Common.FsControlCode == FSCTL_REQUEST_OPLOCK && input &&
           !(input->RequestedOplockLevel & OPLOCK_LEVEL_CACHE_WRITE);
}

BOOLEAN FltOplockKeysEqual(PFILE_OBJECT Fo1, PFILE_OBJECT Fo2)
{
    API_IRQL(FltOplockKeysEqual);
    return FsRtlOplockKeysEqual(Fo1, Fo2);
}
