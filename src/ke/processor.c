/* Processors: the machine has two, in one group. A thread is on the one of its number, for good. */
#include "ke/kep.h"

CCHAR KeNumberProcessors = 2;
enum { PROCESSORS = 2 };

ULONG KeGetCurrentProcessorNumber(VOID) { return KiCurrentThread()->processor % PROCESSORS; }

ULONG KeGetCurrentProcessorNumberEx(PPROCESSOR_NUMBER ProcNumber)
{
    ULONG number = KeGetCurrentProcessorNumber();
    if (ProcNumber) {
        RtlZeroMemory(ProcNumber, sizeof *ProcNumber);
        ProcNumber->Number = (UCHAR)number;
    }
    return number;
}

NTSTATUS KeGetProcessorNumberFromIndex(ULONG ProcIndex, PPROCESSOR_NUMBER ProcNumber)
{
    if (ProcIndex >= PROCESSORS)
        return STATUS_INVALID_PARAMETER;
    RtlZeroMemory(ProcNumber, sizeof *ProcNumber);
    ProcNumber->Number = (UCHAR)ProcIndex;
    return STATUS_SUCCESS;
}

ULONG KeGetProcessorIndexFromNumber(PPROCESSOR_NUMBER ProcNumber)
{
    return ProcNumber->Group == 0 && ProcNumber->Number < PROCESSORS ? ProcNumber->Number : (ULONG)-1;
}

KAFFINITY KeQueryActiveProcessors(VOID) { return ((KAFFINITY)1 << PROCESSORS) - 1; }

ULONG KeQueryActiveProcessorCount(KAFFINITY *ActiveProcessors)
{
    if (ActiveProcessors)
        *ActiveProcessors = KeQueryActiveProcessors();
    return PROCESSORS;
}

ULONG KeQueryActiveProcessorCountEx(USHORT GroupNumber)
{
    return GroupNumber == 0 || GroupNumber == ALL_PROCESSOR_GROUPS ? PROCESSORS : 0;
}

ULONG KeQueryMaximumProcessorCount(VOID) { return PROCESSORS; }

ULONG KeQueryMaximumProcessorCountEx(USHORT GroupNumber) { return KeQueryActiveProcessorCountEx(GroupNumber); }

USHORT KeQueryActiveGroupCount(VOID) { return 1; }

static UCHAR FirstOf(KAFFINITY affinity)
{
    return affinity & 1 || !(affinity & 2) ? 0 : 1;
}

KAFFINITY KeSetSystemAffinityThreadEx(KAFFINITY Affinity)
{
    PKTHREAD thread = KiCurrentThread();
    KAFFINITY before = (KAFFINITY)1 << thread->processor % PROCESSORS;
    if (Affinity)
        thread->processor = FirstOf(Affinity);
    return before;
}

VOID KeSetSystemAffinityThread(KAFFINITY Affinity) { KeSetSystemAffinityThreadEx(Affinity); }

VOID KeRevertToUserAffinityThread(VOID) {}

VOID KeRevertToUserAffinityThreadEx(KAFFINITY Affinity) { KeSetSystemAffinityThreadEx(Affinity); }

VOID KeSetSystemGroupAffinityThread(PGROUP_AFFINITY Affinity, PGROUP_AFFINITY PreviousAffinity)
{
    KAFFINITY before = KeSetSystemAffinityThreadEx(Affinity->Mask);
    if (!PreviousAffinity)
        return;
    RtlZeroMemory(PreviousAffinity, sizeof *PreviousAffinity);
    PreviousAffinity->Mask = before;
}

VOID KeRevertToUserGroupAffinityThread(PGROUP_AFFINITY PreviousAffinity)
{
    KeSetSystemAffinityThreadEx(PreviousAffinity->Mask);
}

/* Floating point is the host's business: switches keep it. */
NTSTATUS KeSaveFloatingPointState(PKFLOATING_SAVE FloatSave)
{
    FloatSave->Dummy = 0;
    return STATUS_SUCCESS;
}

NTSTATUS KeRestoreFloatingPointState(PKFLOATING_SAVE FloatSave) { return STATUS_SUCCESS; }

NTSTATUS KeSaveExtendedProcessorState(ULONG64 Mask, PXSTATE_SAVE XStateSave)
{
    RtlZeroMemory(XStateSave, sizeof *XStateSave);
    return STATUS_SUCCESS;
}

VOID KeRestoreExtendedProcessorState(PXSTATE_SAVE XStateSave) {}

ULONG_PTR KeIpiGenericCall(PKIPI_BROADCAST_WORKER BroadcastFunction, ULONG_PTR Context)
{
    PKTHREAD thread = KiCurrentThread();
    KIRQL irql = thread->irql;
    UCHAR processor = thread->processor;
    ULONG_PTR own = 0;

    thread->irql = IPI_LEVEL;
    for (UCHAR i = 0; i < PROCESSORS; i++) {
        thread->processor = i;
        ULONG_PTR result = BroadcastFunction(Context);
        if (i == processor % PROCESSORS)
            own = result;
    }
    thread->processor = processor;
    thread->irql = irql;
    KiIrqlFell(thread);
    return own;
}
