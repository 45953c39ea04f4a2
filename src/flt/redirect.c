/* Operations that a callback sends to another volume: it changes Iopb->TargetInstance to its own instance there, and
 * Iopb->TargetFileObject to a file object it opened there. */
#include "flt/core.h"

#include "verify/api.h"

static bool MayRedirect(PFLT_INSTANCE Source, PFLT_INSTANCE Target)
{
    return Target && FltpIsOfType(&Target->Base, FLT_OBFL_TYPE_INSTANCE) && Source->Filter == Target->Filter &&
           FltpCompareAltitudes(&Source->Altitude, &Target->Altitude) == 0;
}

void FltpSetRedirect(PIRP_CTRL Op, const CALLBACK_NODE *Node)
{
    PFLT_INSTANCE target = Op->Iopb.TargetInstance;

    if (!MayRedirect(Node->Instance, target)) {
        verify_violate(VERIFY_CALLBACK_DATA_MISUSE, "A pre-operation callback for %s changed the target instance to one that "
                       "is not its own, at the same altitude.", trace_major(Op->Iopb.MajorFunction));
        Op->Iopb.TargetInstance = Node->Instance;
        return;
    }
    FltpReferencePointer(&target->Base);
    Op->Redirect = target;
}

/* As if the instance over there had issued it. */
void FltpRunRedirected(PIRP_CTRL Op)
{
    PFLT_INSTANCE target = Op->Redirect;
    PIRP_CTRL there = FltpNewGenerated(target, Op->Iopb.TargetFileObject, Op->Iopb.MajorFunction);

    Op->Redirect = NULL;
    there->Kind = FLTFL_CALLBACK_DATA_IRP_OPERATION;
    there->Iopb = Op->Iopb;
    there->Thread = there->Data.Thread = Op->Thread;
    there->Data.RequestorMode = Op->RequestorMode;
    FltpPerform(there);
    Op->Data.IoStatus = there->Data.IoStatus;
    FltpFreeGenerated(there);
    FltpDereferencePointer(&target->Base);
}

NTSTATUS FltIsIoRedirectionAllowed(PFLT_INSTANCE SourceInstance, PFLT_INSTANCE TargetInstance, PBOOLEAN RedirectionAllowed)
{
    API_ENTER(FltIsIoRedirectionAllowed, SourceInstance, SCHED_READ);
    *RedirectionAllowed = MayRedirect(SourceInstance, TargetInstance);
    return STATUS_SUCCESS;
}

NTSTATUS FltIsIoRedirectionAllowedForOperation(PFLT_CALLBACK_DATA Data, PFLT_INSTANCE TargetInstance,
                                               PBOOLEAN RedirectionAllowedThisIo, PBOOLEAN RedirectionAllowedAllIo)
{
    API_ENTER(FltIsIoRedirectionAllowedForOperation, Data, SCHED_READ);
    PFLT_INSTANCE source = FltpOpFromData(Data)->Current;
    *RedirectionAllowedThisIo = source && MayRedirect(source, TargetInstance);
    if (RedirectionAllowedAllIo)
        *RedirectionAllowedAllIo = *RedirectionAllowedThisIo;
    return STATUS_SUCCESS;
}

/* A redirected operation gets an IRP of its own: no stack is ever too small. */
NTSTATUS FltAdjustDeviceStackSizeForIoRedirection(PFLT_INSTANCE SourceInstance, PFLT_INSTANCE TargetInstance,
                                                  PBOOLEAN SourceDeviceStackSizeModified)
{
    API_ENTER(FltAdjustDeviceStackSizeForIoRedirection, SourceInstance, SCHED_READ);
    if (SourceDeviceStackSizeModified)
        *SourceDeviceStackSizeModified = FALSE;
    return MayRedirect(SourceInstance, TargetInstance) ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER;
}
