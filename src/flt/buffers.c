/* The buffers of an operation: where they are, locking them, and swapping them. */
#include "flt/core.h"

#include "ex/pool.h"
#include "fault/fault.h"
#include "verify/api.h"

NTSTATUS FltDecodeParameters(PFLT_CALLBACK_DATA CallbackData, PMDL **MdlAddressPointer, PVOID **Buffer, PULONG *Length,
                             LOCK_OPERATION *DesiredAccess)
{
    API_IRQL(FltDecodeParameters);
    struct flt_buffer found;

    if (MdlAddressPointer)
        *MdlAddressPointer = NULL;
    if (Buffer)
        *Buffer = NULL;
    if (Length)
        *Length = NULL;
    if (CallbackData->Iopb->MajorFunction == IRP_MJ_CREATE) /* its extended attributes, which are no user's buffer */
        found = (struct flt_buffer){&CallbackData->Iopb->Parameters.Create.EaBuffer, NULL,
                                    &CallbackData->Iopb->Parameters.Create.EaLength, IoReadAccess};
    else if (!FltpBufferOf(CallbackData->Iopb, &found))
        return STATUS_INVALID_PARAMETER;
    if (MdlAddressPointer)
        *MdlAddressPointer = found.Mdl;
    if (Buffer)
        *Buffer = found.Buffer;
    if (Length)
        *Length = found.Length;
    if (DesiredAccess)
        *DesiredAccess = found.Access;
    return STATUS_SUCCESS;
}

static bool IsSwapped(PIRP_CTRL Op)
{
    for (ULONG i = 0; i < Op->NodeCount; i++)
        if (Op->Nodes[i].Swapped)
            return true;
    return false;
}

/* Whoever saw the same buffer sees the MDL from now on. It goes into the IRP, and is freed with it; that of a buffer which
 * is not the IRP's stays with the operation. */
static void ShowMdl(PIRP_CTRL Op, PMDL Mdl, PVOID Buffer)
{
    for (ULONG i = 0; i < Op->NodeCount; i++) {
        struct flt_buffer saved;
        if (FltpBufferOf(&Op->Nodes[i].Saved, &saved) && saved.Mdl && !*saved.Mdl && *saved.Buffer == Buffer)
            *saved.Mdl = Mdl;
    }
    if (IsSwapped(Op)) {
        Op->LockedMdl = Mdl;
    } else if (Op->Irp && !(Op->Flags & FLTP_OP_GENERATED)) {
        Op->Irp->MdlAddress = Mdl;
        Op->OriginalMdl = Mdl;
    } else if (!(Op->Flags & FLTP_OP_ALLOCATED)) {
        Op->LockedMdl = Mdl;
    }
}

void FltpFreeLockedMdl(PIRP_CTRL Op)
{
    if (Op->Irp && Op->Irp->MdlAddress == Op->LockedMdl)
        Op->Irp->MdlAddress = Op->OriginalMdl;
    MmUnlockPages(Op->LockedMdl);
    IoFreeMdl(Op->LockedMdl);
    Op->LockedMdl = NULL;
}

/* A bad address raises; the caller is told so by a status. */
static NTSTATUS LockPages(PMDL Mdl, KPROCESSOR_MODE Mode, LOCK_OPERATION Access)
{
    if (_setjmp(fltsim_seh_push(FLTSIM_SEH_EXCEPT)->jb) == 0) {
        MmProbeAndLockPages(Mdl, Mode, Access);
        fltsim_seh_pop(fltsim_seh_top());
        return STATUS_SUCCESS;
    }
    fltsim_seh_accept(EXCEPTION_EXECUTE_HANDLER);
    return fltsim_seh_code();
}

NTSTATUS FltLockUserBuffer(PFLT_CALLBACK_DATA CallbackData)
{
    API_ENTER(FltLockUserBuffer, CallbackData, SCHED_WRITE);
    PIRP_CTRL op = FltpOpFromData(CallbackData);
    struct flt_buffer found;

    if (!FltpBufferOf(CallbackData->Iopb, &found))
        return STATUS_INVALID_PARAMETER;
    if (!found.Mdl || *found.Mdl || !*found.Length || FLT_IS_SYSTEM_BUFFER(CallbackData))
        return STATUS_SUCCESS;
    PMDL mdl = IoAllocateMdl(*found.Buffer, *found.Length, FALSE, TRUE, NULL);
    if (!mdl)
        return STATUS_INSUFFICIENT_RESOURCES;
    NTSTATUS status = LockPages(mdl, CallbackData->RequestorMode, found.Access);
    if (!NT_SUCCESS(status)) {
        IoFreeMdl(mdl);
        return status;
    }
    *found.Mdl = mdl;
    if (CallbackData->Iopb == &op->Iopb) {
        FLT_IO_PARAMETER_BLOCK *saved = op->Flags & FLTP_OP_IN_POST ? NULL : &FltpNextNode(op)->Saved;
        struct flt_buffer before;
        if (saved && FltpBufferOf(saved, &before) && *before.Buffer == *found.Buffer)
            *before.Mdl = mdl; /* no change that a filter made */
        ShowMdl(op, mdl, *found.Buffer);
    }
    return STATUS_SUCCESS;
}

/* The MDL that this instance put in its pre-operation callback; in its post-operation callback only. */
PMDL FltGetSwappedBufferMdlAddress(PFLT_CALLBACK_DATA CallbackData)
{
    API_IRQL(FltGetSwappedBufferMdlAddress);
    PIRP_CTRL op = FltpOpFromData(CallbackData);
    return op->CurrentNode ? op->CurrentNode->SwappedMdl : NULL;
}

VOID FltRetainSwappedBufferMdlAddress(PFLT_CALLBACK_DATA CallbackData)
{
    API_IRQL(FltRetainSwappedBufferMdlAddress);
    PIRP_CTRL op = FltpOpFromData(CallbackData);
    if (op->CurrentNode)
        op->CurrentNode->SwappedMdl = NULL;
}

PVOID FltGetNewSystemBufferAddress(PFLT_CALLBACK_DATA CallbackData)
{
    API_IRQL(FltGetNewSystemBufferAddress);
    PIRP_CTRL op = FltpOpFromData(CallbackData);
    if (!(op->Flags & FLTP_OP_IN_POST) || !(CallbackData->Flags & FLTFL_CALLBACK_DATA_NEW_SYSTEM_BUFFER) || !op->Irp)
        return NULL;
    return op->Irp->AssociatedIrp.SystemBuffer;
}

/* ---- aligned memory ---- */

static ULONG Alignment(PFLT_INSTANCE Instance)
{
    return Instance->Volume->DeviceObject->AlignmentRequirement + 1;
}

/* Pool blocks are aligned to 16 bytes, and to a page when they are at least one long. */
PVOID FltAllocatePoolAlignedWithTag(PFLT_INSTANCE Instance, POOL_TYPE PoolType, SIZE_T NumberOfBytes, ULONG Tag)
{
    API_IRQL(FltAllocatePoolAlignedWithTag);
    bool paged = PoolType & 1;
    if (paged && KiCurrentIrql() > APC_LEVEL)
        verify_irql_too_high("FltAllocatePoolAlignedWithTag for paged pool", APC_LEVEL, VERIFY_CALLER);
    if (Alignment(Instance) > 16 && NumberOfBytes < PAGE_SIZE)
        NumberOfBytes = PAGE_SIZE;
    return fault_allocation() ? NULL : ExpAllocate(paged ? EXP_PAGED : 0, NumberOfBytes, Tag, VERIFY_CALLER);
}

VOID FltFreePoolAlignedWithTag(PFLT_INSTANCE Instance, PVOID Buffer, ULONG Tag)
{
    API_IRQL(FltFreePoolAlignedWithTag);
    if (KiCurrentIrql() > APC_LEVEL && ExpIsPagedPool(Buffer))
        verify_irql_too_high("FltFreePoolAlignedWithTag for paged pool", APC_LEVEL, VERIFY_CALLER);
    ExpFree(Buffer, Tag, "FltFreePoolAlignedWithTag", VERIFY_CALLER);
}
