/* What an operation's IRP carries beside its parameters: activity identifiers, what is copied, priorities. */
#include "flt/core.h"

#include "fault/fault.h"
#include "io/iop.h"
#include "verify/api.h"

static struct fltsim_irp_extension *ExtensionOf(PFLT_CALLBACK_DATA Data) { return FltpExtensionOf(FltpOpFromData(Data)); }

NTSTATUS FltGetActivityIdCallbackData(PFLT_CALLBACK_DATA CallbackData, LPGUID Guid)
{
    API_IRQL(FltGetActivityIdCallbackData);
    const struct fltsim_irp_extension *extension = ExtensionOf(CallbackData);
    if (!extension)
        return STATUS_NOT_SUPPORTED;
    if (!extension->HasActivityId)
        return STATUS_NOT_FOUND;
    *Guid = extension->ActivityId;
    return STATUS_SUCCESS;
}

NTSTATUS FltSetActivityIdCallbackData(PFLT_CALLBACK_DATA CallbackData, LPCGUID Guid)
{
    API_IRQL(FltSetActivityIdCallbackData);
    struct fltsim_irp_extension *extension = ExtensionOf(CallbackData);
    return extension ? IopSetActivityId(extension, CallbackData->Thread, Guid) : STATUS_NOT_SUPPORTED;
}

NTSTATUS FltPropagateActivityIdToThread(PFLT_CALLBACK_DATA CallbackData, LPGUID PropagateId, LPCGUID *OriginalId)
{
    API_IRQL(FltPropagateActivityIdToThread);
    const struct fltsim_irp_extension *extension = ExtensionOf(CallbackData);
    return extension ? IopPropagateActivityId(extension, PropagateId, OriginalId) : STATUS_NOT_SUPPORTED;
}

static bool IsEmpty(const struct fltsim_irp_extension *Extension)
{
    return !Extension->HasActivityId && !Extension->HasCopy && !Extension->PriorityHint;
}

NTSTATUS FltPropagateIrpExtension(PFLT_CALLBACK_DATA SourceData, PFLT_CALLBACK_DATA TargetData, ULONG Flags)
{
    API_IRQL(FltPropagateIrpExtension);
    const struct fltsim_irp_extension *source = ExtensionOf(SourceData);
    struct fltsim_irp_extension *target = ExtensionOf(TargetData);
    if (!source || !target || Flags)
        return STATUS_INVALID_PARAMETER;
    if (IsEmpty(source))
        return STATUS_SUCCESS;
    if (IsEmpty(target) && fault_allocation())
        return STATUS_INSUFFICIENT_RESOURCES;
    if (source->HasActivityId) {
        target->ActivityId = source->ActivityId;
        target->HasActivityId = TRUE;
    }
    if (source->HasCopy) {
        target->CopySource = source->CopySource;
        target->CopyOffset = source->CopyOffset;
        target->HasCopy = TRUE;
    }
    if (source->PriorityHint)
        target->PriorityHint = source->PriorityHint;
    return STATUS_SUCCESS;
}

NTSTATUS FltGetCopyInformationFromCallbackData(PFLT_CALLBACK_DATA Data, PCOPY_INFORMATION CopyInformation)
{
    API_IRQL(FltGetCopyInformationFromCallbackData);
    const struct fltsim_irp_extension *extension = ExtensionOf(Data);
    if (!extension)
        return STATUS_INVALID_PARAMETER;
    if (!extension->HasCopy)
        return STATUS_NOT_FOUND;
    *CopyInformation = (COPY_INFORMATION){extension->CopySource, extension->CopyOffset};
    return STATUS_SUCCESS;
}

/* ---- the priority of one operation ---- */

IO_PRIORITY_HINT FltGetIoPriorityHintFromCallbackData(PFLT_CALLBACK_DATA Data)
{
    API_IRQL(FltGetIoPriorityHintFromCallbackData);
    const struct fltsim_irp_extension *extension = ExtensionOf(Data);
    return extension ? IopPriorityOf(&extension->PriorityHint) : IoPriorityNormal;
}

/* Fast I/O has nowhere to keep one. */
NTSTATUS FltSetIoPriorityHintIntoCallbackData(PFLT_CALLBACK_DATA Data, IO_PRIORITY_HINT PriorityHint)
{
    API_IRQL(FltSetIoPriorityHintIntoCallbackData);
    struct fltsim_irp_extension *extension = ExtensionOf(Data);
    if ((unsigned)PriorityHint > IoPriorityCritical)
        return STATUS_INVALID_PARAMETER;
    return extension ? IopSetPriority(&extension->PriorityHint, PriorityHint) : STATUS_SUCCESS;
}

VOID FltRetrieveIoPriorityInfo(PFLT_CALLBACK_DATA Data, PFILE_OBJECT FileObject, PETHREAD Thread,
                               PIO_PRIORITY_INFO PriorityInfo)
{
    API_IRQL(FltRetrieveIoPriorityInfo);
    const struct fltsim_irp_extension *extension = Data ? ExtensionOf(Data) : NULL;
    IoRetrievePriorityInfo(NULL, FileObject, Thread, PriorityInfo);
    if (extension && extension->PriorityHint)
        PriorityInfo->IoPriority = IopPriorityOf(&extension->PriorityHint);
}

IO_PRIORITY_HINT FltGetIoPriorityHint(PFLT_CALLBACK_DATA Data)
{
    API_IRQL(FltGetIoPriorityHint);
    IO_PRIORITY_INFO info;
    FltRetrieveIoPriorityInfo(Data, Data->Iopb->TargetFileObject, Data->Thread, &info);
    return info.IoPriority;
}
