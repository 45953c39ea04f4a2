/* The documented face of opportunistic locks, for file systems: operations that are IRPs. */
#include "oplock.h"

static void MarkIrp(PVOID operation)
{
    IoMarkIrpPending((PIRP)operation);
}

static VOID CancelOplock(PDEVICE_OBJECT device, PIRP irp)
{
    IoReleaseCancelSpinLock(irp->CancelIrql);
    FsRtlpOplockCancel((POPLOCK)irp->IoStatus.Information, irp);
}

static bool ArmIrp(POPLOCK oplock, PVOID operation, bool waiter)
{
    PIRP irp = operation;
    irp->IoStatus.Information = (ULONG_PTR)oplock;
    IoSetCancelRoutine(irp, CancelOplock);
    return !__atomic_load_n(&irp->Cancel, __ATOMIC_SEQ_CST) || !IoSetCancelRoutine(irp, NULL);
}

static bool DisarmIrp(PVOID operation)
{
    return IoSetCancelRoutine((PIRP)operation, NULL) != NULL;
}

static void PendIrp(PVOID operation, PVOID post, PVOID context)
{
    ((POPLOCK_FS_PREPOST_IRP)post)(context, operation);
}

static void CompleteRequest(PVOID operation, NTSTATUS status, ULONG_PTR information,
                            const REQUEST_OPLOCK_OUTPUT_BUFFER *answer)
{
    PIRP irp = operation;
    irp->IoStatus.Information = information;
    if (answer && irp->AssociatedIrp.SystemBuffer) {
        *(PREQUEST_OPLOCK_OUTPUT_BUFFER)irp->AssociatedIrp.SystemBuffer = *answer;
        irp->IoStatus.Information = sizeof *answer;
    }
    FsRtlCompleteRequest(irp, status);
}

static void ResumeIrp(PVOID operation, NTSTATUS status, PVOID routine, PVOID context)
{
    PIRP irp = operation;
    irp->IoStatus.Status = status;
    irp->IoStatus.Information = 0;
    if (routine)
        ((POPLOCK_WAIT_COMPLETE_ROUTINE)routine)(context, irp);
    else
        FsRtlCompleteRequest(irp, status);
}

static const struct oplock_operations irps = {MarkIrp, ArmIrp, DisarmIrp, PendIrp, CompleteRequest, ResumeIrp};

VOID FsRtlInitializeOplock(POPLOCK Oplock)
{
    API_IRQL(FsRtlInitializeOplock);
    FsRtlpOplockInitialize(Oplock);
}

VOID FsRtlUninitializeOplock(POPLOCK Oplock)
{
    API_IRQL(FsRtlUninitializeOplock);
    FsRtlpOplockUninitialize(Oplock);
}

/* ---- control codes ----------------------------------------------------------------------------------------------------- */

static NTSTATUS RequestCaching(POPLOCK oplock, PIRP irp, PIO_STACK_LOCATION stack, ULONG count, ULONG flags)
{
    PREQUEST_OPLOCK_INPUT_BUFFER input = irp->AssociatedIrp.SystemBuffer;
    if (!input || stack->Parameters.FileSystemControl.InputBufferLength < sizeof *input ||
        stack->Parameters.FileSystemControl.OutputBufferLength < sizeof(REQUEST_OPLOCK_OUTPUT_BUFFER))
        return STATUS_BUFFER_TOO_SMALL;
    if (input->Flags & REQUEST_OPLOCK_INPUT_FLAG_ACK)
        return FsRtlpOplockAcknowledge(oplock, stack->FileObject, input->RequestedOplockLevel, false, &irps, irp);
    if (!(input->Flags & REQUEST_OPLOCK_INPUT_FLAG_REQUEST))
        return STATUS_INVALID_PARAMETER;
    return FsRtlpOplockRequest(oplock, OPLOCK_CACHING, input->RequestedOplockLevel, stack->FileObject, count,
                               (flags & OPLOCK_FSCTRL_FLAG_ALL_KEYS_MATCH) != 0, &irps, irp);
}

static NTSTATUS Control(POPLOCK oplock, PIRP irp, PIO_STACK_LOCATION stack, ULONG count, ULONG flags)
{
    PFILE_OBJECT file = stack->FileObject;
    struct oplock_waiter waiter = {&irps, irp, NULL, NULL, NULL};
    switch (stack->Parameters.FileSystemControl.FsControlCode) {
    case FSCTL_REQUEST_OPLOCK_LEVEL_1:
        return FsRtlpOplockRequest(oplock, OPLOCK_LEVEL_1, 0, file, count, false, &irps, irp);
    case FSCTL_REQUEST_OPLOCK_LEVEL_2:
        return FsRtlpOplockRequest(oplock, OPLOCK_LEVEL_2, 0, file, count, false, &irps, irp);
    case FSCTL_REQUEST_BATCH_OPLOCK:
        return FsRtlpOplockRequest(oplock, OPLOCK_BATCH, 0, file, count, false, &irps, irp);
    case FSCTL_REQUEST_FILTER_OPLOCK:
        return FsRtlpOplockRequest(oplock, OPLOCK_FILTER, 0, file, count, false, &irps, irp);
    case FSCTL_REQUEST_OPLOCK:
        return RequestCaching(oplock, irp, stack, count, flags);
    case FSCTL_OPLOCK_BREAK_ACKNOWLEDGE:
        return FsRtlpOplockAcknowledge(oplock, file, OPLOCK_LEVEL_CACHE_READ, false, &irps, irp);
    case FSCTL_OPLOCK_BREAK_ACK_NO_2:
        return FsRtlpOplockAcknowledge(oplock, file, 0, false, &irps, irp);
    case FSCTL_OPBATCH_ACK_CLOSE_PENDING:
        return FsRtlpOplockAcknowledge(oplock, file, 0, true, &irps, irp);
    case FSCTL_OPLOCK_BREAK_NOTIFY:
        return FsRtlpOplockNotify(oplock, &waiter);
    default:
        return STATUS_INVALID_PARAMETER;
    }
}

NTSTATUS FsRtlOplockFsctrlEx(POPLOCK Oplock, PIRP Irp, ULONG OpenCount, ULONG Flags)
{
    API_ENTER(FsRtlOplockFsctrlEx, Oplock, SCHED_WRITE);
    NTSTATUS status = Control(Oplock, Irp, IoGetCurrentIrpStackLocation(Irp), OpenCount, Flags);
    if (status != STATUS_PENDING) {
        Irp->IoStatus.Information = 0;
        FsRtlCompleteRequest(Irp, status);
    }
    return status;
}

NTSTATUS FsRtlOplockFsctrl(POPLOCK Oplock, PIRP Irp, ULONG OpenCount)
{
    return FsRtlOplockFsctrlEx(Oplock, Irp, OpenCount, 0);
}

/* ---- checks --------------------------------------------------------------------------------------------------------------- */

static struct oplock_check CheckOf(PIRP irp)
{
    PIO_STACK_LOCATION stack = IoGetCurrentIrpStackLocation(irp);
    struct oplock_check check = {.major = stack->MajorFunction, .file = stack->FileObject};
    if (check.major == IRP_MJ_CREATE) {
        FsRtlGetEcpListFromIrp(irp, &check.ecps);
        check.access = stack->Parameters.Create.SecurityContext->DesiredAccess;
        check.disposition = stack->Parameters.Create.Options >> 24;
        check.options = stack->Parameters.Create.Options & 0xFFFFFF;
    } else if (check.major == IRP_MJ_SET_INFORMATION) {
        check.information = stack->Parameters.SetFile.FileInformationClass;
    } else if (check.major == IRP_MJ_FILE_SYSTEM_CONTROL) {
        check.control = stack->Parameters.FileSystemControl.FsControlCode;
    }
    return check;
}

/* ---- a thread that waits for its IRP in place, which is not pended for it ---- */

static void MarkNothing(PVOID operation) {}

static VOID GoOn(PVOID context, PIRP irp)
{
    KeSetEvent(context, IO_NO_INCREMENT, FALSE);
}

static const struct oplock_operations irpsInPlace = {MarkNothing, ArmIrp, DisarmIrp, PendIrp, CompleteRequest, ResumeIrp};

static NTSTATUS CheckInPlace(POPLOCK oplock, PIRP irp, const struct oplock_check *check, ULONG flags)
{
    KEVENT event;
    KeInitializeEvent(&event, NotificationEvent, FALSE);
    struct oplock_waiter waiter = {&irpsInPlace, irp, (PVOID)GoOn, &event, NULL};
    NTSTATUS status = FsRtlpOplockCheck(oplock, check, flags, &waiter);
    if (status != STATUS_PENDING)
        return status;
    KeWaitForSingleObject(&event, Executive, KernelMode, FALSE, NULL);
    return irp->IoStatus.Status;
}

static NTSTATUS Check(POPLOCK oplock, PIRP irp, const struct oplock_check *check, ULONG flags, PVOID context,
                      POPLOCK_WAIT_COMPLETE_ROUTINE completion, POPLOCK_FS_PREPOST_IRP post)
{
    if (!completion)
        return CheckInPlace(oplock, irp, check, flags);
    struct oplock_waiter waiter = {&irps, irp, (PVOID)completion, context, (PVOID)post};
    return FsRtlpOplockCheck(oplock, check, flags, &waiter);
}

NTSTATUS FsRtlCheckOplockEx(POPLOCK Oplock, PIRP Irp, ULONG Flags, PVOID Context,
                            POPLOCK_WAIT_COMPLETE_ROUTINE CompletionRoutine, POPLOCK_FS_PREPOST_IRP PostIrpRoutine)
{
    API_ENTER(FsRtlCheckOplockEx, Oplock, SCHED_WRITE);
    struct oplock_check check = CheckOf(Irp);
    return Check(Oplock, Irp, &check, Flags, Context, CompletionRoutine, PostIrpRoutine);
}

NTSTATUS FsRtlCheckOplock(POPLOCK Oplock, PIRP Irp, PVOID Context, POPLOCK_WAIT_COMPLETE_ROUTINE CompletionRoutine,
                          POPLOCK_FS_PREPOST_IRP PostIrpRoutine)
{
    return FsRtlCheckOplockEx(Oplock, Irp, 0, Context, CompletionRoutine, PostIrpRoutine);
}

NTSTATUS FsRtlOplockBreakToNoneEx(POPLOCK Oplock, PIRP Irp, ULONG Flags, PVOID Context,
                                  POPLOCK_WAIT_COMPLETE_ROUTINE CompletionRoutine, POPLOCK_FS_PREPOST_IRP PostIrpRoutine)
{
    API_ENTER(FsRtlOplockBreakToNoneEx, Oplock, SCHED_WRITE);
    struct oplock_check check = CheckOf(Irp);
    check.break_all = true;
    return Check(Oplock, Irp, &check, Flags, Context, CompletionRoutine, PostIrpRoutine);
}

NTSTATUS FsRtlOplockBreakToNone(POPLOCK Oplock, PIO_STACK_LOCATION IrpSp, PIRP Irp, PVOID Context,
                                POPLOCK_WAIT_COMPLETE_ROUTINE CompletionRoutine, POPLOCK_FS_PREPOST_IRP PostIrpRoutine)
{
    return FsRtlOplockBreakToNoneEx(Oplock, Irp, 0, Context, CompletionRoutine, PostIrpRoutine);
}

NTSTATUS FsRtlOplockBreakH(POPLOCK Oplock, PIRP Irp, ULONG Flags, PVOID Context,
                           POPLOCK_WAIT_COMPLETE_ROUTINE CompletionRoutine, POPLOCK_FS_PREPOST_IRP PostIrpRoutine)
{
    API_ENTER(FsRtlOplockBreakH, Oplock, SCHED_WRITE);
    struct oplock_check check = CheckOf(Irp);
    check.break_handle = true;
    return Check(Oplock, Irp, &check, Flags, Context, CompletionRoutine, PostIrpRoutine);
}

BOOLEAN FsRtlOplockIsFastIoPossible(POPLOCK Oplock)
{
    API_ENTER(FsRtlOplockIsFastIoPossible, Oplock, SCHED_READ);
    return FsRtlpOplockFastIo(Oplock);
}

BOOLEAN FsRtlCurrentBatchOplock(POPLOCK Oplock)
{
    API_ENTER(FsRtlCurrentBatchOplock, Oplock, SCHED_READ);
    return FsRtlpOplockHas(Oplock, true, false);
}

BOOLEAN FsRtlCurrentOplock(POPLOCK Oplock)
{
    API_ENTER(FsRtlCurrentOplock, Oplock, SCHED_READ);
    return FsRtlpOplockHas(Oplock, false, false);
}

BOOLEAN FsRtlCurrentOplockH(POPLOCK Oplock)
{
    API_ENTER(FsRtlCurrentOplockH, Oplock, SCHED_READ);
    return FsRtlpOplockHas(Oplock, false, true);
}

BOOLEAN FsRtlOplockIsSharedRequest(PIRP Irp)
{
    API_IRQL(FsRtlOplockIsSharedRequest);
    PIO_STACK_LOCATION stack = IoGetCurrentIrpStackLocation(Irp);
    if (stack->Parameters.FileSystemControl.FsControlCode == FSCTL_REQUEST_OPLOCK_LEVEL_2)
        return TRUE;
    PREQUEST_OPLOCK_INPUT_BUFFER input = Irp->AssociatedIrp.SystemBuffer;
    return stack->Parameters.FileSystemControl.FsControlCode == FSCTL_REQUEST_OPLOCK && input &&
           !(input->RequestedOplockLevel & OPLOCK_LEVEL_CACHE_WRITE);
}
