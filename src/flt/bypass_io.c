/* Filters and FSCTL_MANAGE_BYPASS_IO. */
#include "flt/core.h"

#include "verify/api.h"

static USHORT CopyName(WCHAR *To, USHORT Room, PCUNICODE_STRING Name, const WCHAR *Ending)
{
    USHORT count = 0;
    while (count < Room && count < Name->Length / sizeof(WCHAR)) {
        To[count] = Name->Buffer[count];
        count++;
    }
    while (count < Room && *Ending)
        To[count++] = *Ending++;
    return count;
}

static bool MayVeto(PFLT_CALLBACK_DATA Data)
{
    const PIRP_CTRL op = FltpOpFromData(Data);
    return Data->Iopb->MajorFunction == IRP_MJ_FILE_SYSTEM_CONTROL && !(op->Flags & FLTP_OP_IN_POST) &&
           Data->Iopb->Parameters.FileSystemControl.Common.FsControlCode == FSCTL_MANAGE_BYPASS_IO;
}

static void Refuse(FS_BPIO_OUTPUT *Output, FS_BPIO_OPERATIONS Operation, NTSTATUS Status, PFLT_FILTER Filter,
                   PCUNICODE_STRING Reason)
{
    FS_BPIO_RESULTS *results = &Output->Enable; /* which Query is, too */
    RtlZeroMemory(Output, sizeof *Output);
    Output->Operation = Operation;
    results->OpStatus = Status;
    results->FailingDriverNameLen =
        CopyName(results->FailingDriverName, RTL_NUMBER_OF(results->FailingDriverName), &Filter->Name, u".sys");
    results->FailureReasonLen = CopyName(results->FailureReason, RTL_NUMBER_OF(results->FailureReason), Reason, u"");
    TRACE("flt", "bypass I/O vetoed: %s", trace_status(Status));
}

static bool IsAsked(PIRP Irp, const IO_STACK_LOCATION *Stack)
{
    if ((Stack->MinorFunction != IRP_MN_USER_FS_REQUEST && Stack->MinorFunction != IRP_MN_KERNEL_CALL) ||
        Stack->Parameters.FileSystemControl.FsControlCode != FSCTL_MANAGE_BYPASS_IO ||
        Stack->Parameters.FileSystemControl.InputBufferLength < sizeof(FS_BPIO_INPUT) ||
        Stack->Parameters.FileSystemControl.OutputBufferLength < sizeof(FS_BPIO_OUTPUT) || !Irp->AssociatedIrp.SystemBuffer)
        return false;
    FS_BPIO_OPERATIONS operation = ((const FS_BPIO_INPUT *)Irp->AssociatedIrp.SystemBuffer)->Operation;
    return operation == FS_BPIO_OP_ENABLE || operation == FS_BPIO_OP_QUERY;
}

bool FltpRefusesBypassIo(PFLT_VOLUME Volume, PIRP Irp, NTSTATUS *Status)
{
    static const WCHAR why[] = u"The specified minifilter does not support bypass IO.";
    const UNICODE_STRING reason = {sizeof why - sizeof(WCHAR), sizeof why, (PWSTR)why};
    PFLT_FILTER filter = NULL;
    if (__builtin_expect(IsAsked(Irp, IoGetCurrentIrpStackLocation(Irp)), 0))
        filter = FltpUnsupporting(Volume, SUPPORTED_FS_FEATURES_BYPASS_IO);
    if (!filter)
        return false;
    FS_BPIO_OUTPUT *output = Irp->AssociatedIrp.SystemBuffer;
    Refuse(output, ((const FS_BPIO_INPUT *)Irp->AssociatedIrp.SystemBuffer)->Operation, STATUS_BYPASSIO_FLT_NOT_SUPPORTED, filter,
           &reason);
    FltpDereferenceObject(&filter->Base, NULL, NULL);
    Irp->IoStatus.Information = sizeof *output;
    Irp->IoStatus.Status = *Status = STATUS_SUCCESS;
    IoCompleteRequest(Irp, IO_NO_INCREMENT);
    return true;
}

NTSTATUS FltVetoBypassIo(PFLT_CALLBACK_DATA CallbackData, PCFLT_RELATED_OBJECTS FltObjects, NTSTATUS OperationStatus,
                         PCUNICODE_STRING FailureReason)
{
    API_IRQL(FltVetoBypassIo);
    const FLT_PARAMETERS *p = &CallbackData->Iopb->Parameters;
    FS_BPIO_OUTPUT *output = p->FileSystemControl.Buffered.SystemBuffer; /* and the input */
    if (!MayVeto(CallbackData))
        return STATUS_NOT_SUPPORTED;
    if (p->FileSystemControl.Buffered.InputBufferLength < sizeof(FS_BPIO_INPUT))
        return STATUS_INVALID_BUFFER_SIZE;
    if (p->FileSystemControl.Buffered.OutputBufferLength < sizeof(FS_BPIO_OUTPUT))
        return STATUS_BUFFER_TOO_SMALL;
    FS_BPIO_OPERATIONS operation = ((const FS_BPIO_INPUT *)output)->Operation;
    if (operation != FS_BPIO_OP_ENABLE && operation != FS_BPIO_OP_QUERY)
        return STATUS_NOT_SUPPORTED;
    if (NT_SUCCESS(OperationStatus))
        return STATUS_INVALID_PARAMETER_3;
    if (!FailureReason || !FailureReason->Length)
        return STATUS_INVALID_PARAMETER_4;
    Refuse(output, operation, OperationStatus, FltObjects->Filter, FailureReason);
    CallbackData->IoStatus.Information = sizeof *output;
    return STATUS_SUCCESS;
}
