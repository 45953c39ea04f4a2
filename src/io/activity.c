/* Activity identifiers of IRPs and threads. */
#include "iop.h"

#include "fault/fault.h"

NTSTATUS IoGetActivityIdIrp(PIRP Irp, GUID *Guid)
{
    API_IRQL(IoGetActivityIdIrp);
    if (!Irp->FltsimExtension.HasActivityId)
        return STATUS_NOT_FOUND;
    *Guid = Irp->FltsimExtension.ActivityId;
    return STATUS_SUCCESS;
}

NTSTATUS IopSetActivityId(struct fltsim_irp_extension *extension, PETHREAD issuer, const GUID *id)
{
    PKTHREAD thread = KiCurrentThread();
    if (!id && (PKTHREAD)issuer == thread)
        id = thread->activity;
    if (!id)
        return STATUS_NOT_SUPPORTED;
    if (!extension->HasActivityId && fault_allocation())
        return STATUS_INSUFFICIENT_RESOURCES;
    extension->ActivityId = *id;
    extension->HasActivityId = TRUE;
    return STATUS_SUCCESS;
}

NTSTATUS IoSetActivityIdIrp(PIRP Irp, const GUID *Guid)
{
    API_IRQL(IoSetActivityIdIrp);
    return IopSetActivityId(&Irp->FltsimExtension, Irp->Tail.Overlay.Thread, Guid);
}

LPCGUID IoGetActivityIdThread(VOID)
{
    API_IRQL(IoGetActivityIdThread);
    return KiCurrentThread()->activity;
}

LPCGUID IoSetActivityIdThread(LPCGUID ActivityId)
{
    API_IRQL(IoSetActivityIdThread);
    LPCGUID before = KiCurrentThread()->activity;
    KiCurrentThread()->activity = ActivityId;
    return before;
}

VOID IoClearActivityIdThread(LPCGUID OriginalId)
{
    API_IRQL(IoClearActivityIdThread);
    KiCurrentThread()->activity = OriginalId;
}

NTSTATUS IopPropagateActivityId(const struct fltsim_irp_extension *extension, LPGUID propagated, LPCGUID *original)
{
    if (!extension->HasActivityId)
        return STATUS_NOT_FOUND;
    *propagated = extension->ActivityId;
    *original = KiCurrentThread()->activity;
    KiCurrentThread()->activity = propagated;
    return STATUS_SUCCESS;
}

NTSTATUS IoPropagateActivityIdToThread(PIRP Irp, LPGUID PropagatedId, LPCGUID *OriginalId)
{
    API_IRQL(IoPropagateActivityIdToThread);
    return IopPropagateActivityId(&Irp->FltsimExtension, PropagatedId, OriginalId);
}

VOID IoTransferActivityId(LPCGUID ActivityId, LPCGUID RelatedActivityId)
{
    API_IRQL(IoTransferActivityId);
    TRACE("io", "activity %08x... follows %08x...", RelatedActivityId->Data1, ActivityId->Data1);
}
