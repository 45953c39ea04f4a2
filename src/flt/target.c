/* How a create is aimed below an instance: who it is for travels with it, in an extra create parameter or, as before
 * Windows Vista, in an extended attribute. The hint makes it enter the stack at the frame's device. */
#include "flt/core.h"

#include "fault/fault.h"

/* {1c8d4c2e-5b0e-4f5e-9a53-3f6c6f1d7a11} */
const GUID FltpTargetEcp = {0x1c8d4c2e, 0x5b0e, 0x4f5e, {0x9a, 0x53, 0x3f, 0x6c, 0x6f, 0x1d, 0x7a, 0x11}};

/* ---- in an extra create parameter ---- */

/* A filter may pass on the list of a create that it filters: that create's target is put aside for as long. */
static bool Borrow(struct flt_aim *Aim)
{
    PECP_LIST list = Aim->Context.ExtraCreateParameter;
    if (!list || !NT_SUCCESS(FsRtlFindExtraCreateParameter(list, &FltpTargetEcp, (PVOID *)&Aim->Target, NULL)))
        return false;
    Aim->Borrowed = true;
    Aim->Before = *Aim->Target;
    Aim->Target->Instance = Aim->Instance;
    return true;
}

static NTSTATUS PutInList(struct flt_aim *Aim)
{
    NTSTATUS status = STATUS_SUCCESS;
    if (!Aim->Context.ExtraCreateParameter) {
        status = FsRtlAllocateExtraCreateParameterList(0, &Aim->OwnList);
        Aim->Context.ExtraCreateParameter = Aim->OwnList;
    }
    if (NT_SUCCESS(status))
        status = FsRtlAllocateExtraCreateParameter(&FltpTargetEcp, sizeof *Aim->Target, 0, NULL, 'TtlF',
                                                   (PVOID *)&Aim->Target);
    if (!NT_SUCCESS(status))
        return status;
    Aim->Target->Instance = Aim->Instance;
    return FsRtlInsertExtraCreateParameter(Aim->Context.ExtraCreateParameter, Aim->Target);
}

static void TakeFromList(struct flt_aim *Aim)
{
    PVOID removed;
    if (Aim->Borrowed) {
        *Aim->Target = Aim->Before;
    } else if (Aim->Target) {
        FsRtlRemoveExtraCreateParameter(Aim->Context.ExtraCreateParameter, &FltpTargetEcp, &removed, NULL);
        FsRtlFreeExtraCreateParameter(Aim->Target);
    }
    if (Aim->OwnList)
        FsRtlFreeExtraCreateParameterList(Aim->OwnList);
}

/* ---- in an extended attribute: the first one, in front of the caller's ---- */

#define TARGET_EA_NAME "FltMgr.Target"

#define TARGET_EA_SIZE ((ULONG)((FIELD_OFFSET(FILE_FULL_EA_INFORMATION, EaName) + sizeof TARGET_EA_NAME + sizeof(void *) + 3) & ~3u))
#define TARGET_EA_VALUE (FIELD_OFFSET(FILE_FULL_EA_INFORMATION, EaName) + sizeof TARGET_EA_NAME)

static NTSTATUS PutInEa(struct flt_aim *Aim, PVOID Ea, ULONG EaLength)
{
    const FLTP_TARGET *target = &Aim->InEa;
    if (fault_allocation())
        return STATUS_INSUFFICIENT_RESOURCES;
    PFILE_FULL_EA_INFORMATION own = Aim->OwnEa = sim_alloc(TARGET_EA_SIZE + EaLength);
    own->NextEntryOffset = EaLength ? TARGET_EA_SIZE : 0;
    own->EaNameLength = sizeof TARGET_EA_NAME - 1;
    own->EaValueLength = sizeof target;
    memcpy(own->EaName, TARGET_EA_NAME, sizeof TARGET_EA_NAME);
    memcpy((PCHAR)own + TARGET_EA_VALUE, &target, sizeof target);
    if (EaLength)
        memcpy((PCHAR)own + TARGET_EA_SIZE, Ea, EaLength);
    Aim->InEa.Instance = Aim->Instance;
    Aim->Ea = own;
    Aim->EaLength = TARGET_EA_SIZE + EaLength;
    return STATUS_SUCCESS;
}

/* Nobody below is shown it. */
static const FLTP_TARGET *TakeFromEa(PIRP Irp)
{
    PIO_STACK_LOCATION stack = IoGetCurrentIrpStackLocation(Irp);
    PFILE_FULL_EA_INFORMATION ea = Irp->AssociatedIrp.SystemBuffer;
    const FLTP_TARGET *target;

    if (Irp->RequestorMode != KernelMode || stack->MajorFunction != IRP_MJ_CREATE || !ea ||
        stack->Parameters.Create.EaLength < TARGET_EA_SIZE || ea->EaNameLength != sizeof TARGET_EA_NAME - 1 ||
        memcmp(ea->EaName, TARGET_EA_NAME, sizeof TARGET_EA_NAME))
        return NULL;
    memcpy(&target, (PCHAR)ea + TARGET_EA_VALUE, sizeof target);
    stack->Parameters.Create.EaLength -= TARGET_EA_SIZE;
    Irp->AssociatedIrp.SystemBuffer = stack->Parameters.Create.EaLength ? (PCHAR)ea + TARGET_EA_SIZE : NULL;
    return target;
}

/* ---- both ---- */

NTSTATUS FltpBeginAim(struct flt_aim *Aim, PFLT_FILTER Filter, PFLT_INSTANCE Instance,
                      PIO_DRIVER_CREATE_CONTEXT Context, CREATE_FILE_TYPE Type, PVOID Ea, ULONG EaLength)
{
    *Aim = (struct flt_aim){.Ea = Ea, .EaLength = Ea ? EaLength : 0, .Shard = (UCHAR)FltpShard()};
    IoInitializeDriverCreateContext(&Aim->Context);
    if (Context)
        Aim->Context = *Context;
    if (Instance && !FltpAcquireRundown(&Instance->Operations[Aim->Shard].Value))
        return STATUS_FLT_DELETING_OBJECT;
    Aim->Instance = Instance;
    if (Instance)
        Aim->Context.DeviceObjectHint = Instance->Volume->DeviceObject;
    if (Borrow(Aim) || !Instance)
        return STATUS_SUCCESS;
    bool inEa = machine->options.target_in_ea && Type == CreateFileTypeNone; /* pipes and mailslots have none */
    return inEa ? PutInEa(Aim, Aim->Ea, Aim->EaLength) : PutInList(Aim);
}

void FltpEndAim(struct flt_aim *Aim)
{
    TakeFromList(Aim);
    sim_free(Aim->OwnEa);
    if (Aim->Instance)
        FltpReleaseRundown(&Aim->Instance->Operations[Aim->Shard].Value);
}

PFLT_INSTANCE FltpTargetOfCreate(PFLT_VOLUME Volume, PIRP Irp)
{
    PECP_LIST list = (PECP_LIST)Irp->FltsimPrivate[0];
    const FLTP_TARGET *target = NULL;

    if (__builtin_expect(machine->options.target_in_ea, 0))
        target = TakeFromEa(Irp);
    if (!target && (!list || !NT_SUCCESS(FsRtlFindExtraCreateParameter(list, &FltpTargetEcp, (PVOID *)&target, NULL))))
        return NULL;
    return target->Instance && target->Instance->Volume == Volume ? target->Instance : NULL;
}
