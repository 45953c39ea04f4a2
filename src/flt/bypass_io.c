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
    RtlZeroMemory(output, sizeof *output);
    output->Operation = operation;
    output->Enable.OpStatus = OperationStatus;
    output->Enable.FailingDriverNameLen = CopyName(
        output->Enable.FailingDriverName, RTL_NUMBER_OF(output->Enable.FailingDriverName), &FltObjects->Filter->Name, u".sys");
    output->Enable.FailureReasonLen = CopyName(output->Enable.FailureReason, RTL_NUMBER_OF(output->Enable.FailureReason),
                                               FailureReason, u"");
    CallbackData->IoStatus.Information = sizeof *output;
    TRACE("flt", "bypass I/O vetoed: %s", trace_status(OperationStatus));
    return STATUS_SUCCESS;
}
