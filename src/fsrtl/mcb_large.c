/* LARGE_MCB and MCB: a BASE_MCB under a mutex, and the same with 32 bits. */
#include "fsrtlp.h"

#define MUTEX_TAG 'mcMF'

/* ---- LARGE_MCB ---- */

VOID FsRtlInitializeLargeMcb(PLARGE_MCB Mcb, POOL_TYPE PoolType)
{
    API_IRQL(FsRtlInitializeLargeMcb);
    Mcb->GuardedMutex = ExAllocatePoolWithTag(NonPagedPool, sizeof *Mcb->GuardedMutex, MUTEX_TAG);
    if (Mcb->GuardedMutex && !FsRtlInitializeBaseMcbEx(&Mcb->BaseMcb, PoolType, 0)) {
        ExFreePoolWithTag(Mcb->GuardedMutex, MUTEX_TAG);
        Mcb->GuardedMutex = NULL;
    }
    if (!Mcb->GuardedMutex)
        ExRaiseStatus(STATUS_INSUFFICIENT_RESOURCES);
    KeInitializeGuardedMutex(Mcb->GuardedMutex);
}

VOID FsRtlUninitializeLargeMcb(PLARGE_MCB Mcb)
{
    API_IRQL(FsRtlUninitializeLargeMcb);
    if (!Mcb->GuardedMutex)
        return;
    ExFreePoolWithTag(Mcb->GuardedMutex, MUTEX_TAG);
    Mcb->GuardedMutex = NULL;
    FsRtlUninitializeBaseMcb(&Mcb->BaseMcb);
}

#define LOCKED(type, call)                                                                                             \
    KeAcquireGuardedMutex(Mcb->GuardedMutex);                                                                          \
    type result = call;                                                                                                \
    KeReleaseGuardedMutex(Mcb->GuardedMutex)

VOID FsRtlResetLargeMcb(PLARGE_MCB Mcb, BOOLEAN SelfSynchronized)
{
    API_ENTER(FsRtlResetLargeMcb, Mcb, SCHED_WRITE);
    if (!SelfSynchronized)
        KeAcquireGuardedMutex(Mcb->GuardedMutex);
    FsRtlResetBaseMcb(&Mcb->BaseMcb);
    if (!SelfSynchronized)
        KeReleaseGuardedMutex(Mcb->GuardedMutex);
}

VOID FsRtlTruncateLargeMcb(PLARGE_MCB Mcb, LONGLONG Vbn)
{
    API_ENTER(FsRtlTruncateLargeMcb, Mcb, SCHED_WRITE);
    KeAcquireGuardedMutex(Mcb->GuardedMutex);
    FsRtlTruncateBaseMcb(&Mcb->BaseMcb, Vbn);
    KeReleaseGuardedMutex(Mcb->GuardedMutex);
}

BOOLEAN FsRtlAddLargeMcbEntry(PLARGE_MCB Mcb, LONGLONG Vbn, LONGLONG Lbn, LONGLONG SectorCount)
{
    API_ENTER(FsRtlAddLargeMcbEntry, Mcb, SCHED_WRITE);
    LOCKED(NTSTATUS, FsRtlAddBaseMcbEntryEx(&Mcb->BaseMcb, Vbn, Lbn, SectorCount));
    if (result == STATUS_INSUFFICIENT_RESOURCES)
        ExRaiseStatus(result);
    return NT_SUCCESS(result);
}

VOID FsRtlRemoveLargeMcbEntry(PLARGE_MCB Mcb, LONGLONG Vbn, LONGLONG SectorCount)
{
    API_ENTER(FsRtlRemoveLargeMcbEntry, Mcb, SCHED_WRITE);
    LOCKED(BOOLEAN, FsRtlRemoveBaseMcbEntry(&Mcb->BaseMcb, Vbn, SectorCount));
    if (!result)
        ExRaiseStatus(STATUS_INSUFFICIENT_RESOURCES);
}

BOOLEAN FsRtlLookupLargeMcbEntry(PLARGE_MCB Mcb, LONGLONG Vbn, PLONGLONG Lbn, PLONGLONG SectorCountFromLbn,
                                 PLONGLONG StartingLbn, PLONGLONG SectorCountFromStartingLbn, PULONG Index)
{
    API_ENTER(FsRtlLookupLargeMcbEntry, Mcb, SCHED_READ);
    LOCKED(BOOLEAN, FsRtlLookupBaseMcbEntry(&Mcb->BaseMcb, Vbn, Lbn, SectorCountFromLbn, StartingLbn,
                                            SectorCountFromStartingLbn, Index));
    return result;
}

BOOLEAN FsRtlLookupLastLargeMcbEntryAndIndex(PLARGE_MCB Mcb, PLONGLONG LargeVbn, PLONGLONG LargeLbn, PULONG Index)
{
    API_ENTER(FsRtlLookupLastLargeMcbEntryAndIndex, Mcb, SCHED_READ);
    LOCKED(BOOLEAN, FsRtlLookupLastBaseMcbEntryAndIndex(&Mcb->BaseMcb, LargeVbn, LargeLbn, Index));
    return result;
}

BOOLEAN FsRtlLookupLastLargeMcbEntry(PLARGE_MCB Mcb, PLONGLONG Vbn, PLONGLONG Lbn)
{
    return FsRtlLookupLastLargeMcbEntryAndIndex(Mcb, Vbn, Lbn, NULL);
}

ULONG FsRtlNumberOfRunsInLargeMcb(PLARGE_MCB Mcb)
{
    API_ENTER(FsRtlNumberOfRunsInLargeMcb, Mcb, SCHED_READ);
    LOCKED(ULONG, FsRtlNumberOfRunsInBaseMcb(&Mcb->BaseMcb));
    return result;
}

BOOLEAN FsRtlGetNextLargeMcbEntry(PLARGE_MCB Mcb, ULONG RunIndex, PLONGLONG Vbn, PLONGLONG Lbn, PLONGLONG SectorCount)
{
    API_ENTER(FsRtlGetNextLargeMcbEntry, Mcb, SCHED_READ);
    LOCKED(BOOLEAN, FsRtlGetNextBaseMcbEntry(&Mcb->BaseMcb, RunIndex, Vbn, Lbn, SectorCount));
    return result;
}

BOOLEAN FsRtlSplitLargeMcb(PLARGE_MCB Mcb, LONGLONG Vbn, LONGLONG Amount)
{
    API_ENTER(FsRtlSplitLargeMcb, Mcb, SCHED_WRITE);
    LONGLONG end = 0;
    KeAcquireGuardedMutex(Mcb->GuardedMutex);
    BOOLEAN split = FsRtlSplitBaseMcb(&Mcb->BaseMcb, Vbn, Amount);
    LONGLONG last, lbn;
    if (FsRtlLookupLastBaseMcbEntry(&Mcb->BaseMcb, &last, &lbn))
        end = last + 1;
    KeReleaseGuardedMutex(Mcb->GuardedMutex);
    if (!split && Vbn >= 0 && Amount >= 0 && end <= MAXLONGLONG - Amount)
        ExRaiseStatus(STATUS_INSUFFICIENT_RESOURCES);
    return split;
}

/* ---- MCB ---- */

static PLARGE_MCB Large(PMCB mcb) { return &mcb->DummyFieldThatSizesThisStructureCorrectly; }

VOID FsRtlInitializeMcb(PMCB Mcb, POOL_TYPE PoolType) { FsRtlInitializeLargeMcb(Large(Mcb), PoolType); }
VOID FsRtlUninitializeMcb(PMCB Mcb) { FsRtlUninitializeLargeMcb(Large(Mcb)); }
VOID FsRtlTruncateMcb(PMCB Mcb, VBN Vbn) { FsRtlTruncateLargeMcb(Large(Mcb), Vbn); }

BOOLEAN FsRtlAddMcbEntry(PMCB Mcb, VBN Vbn, LBN Lbn, ULONG SectorCount)
{
    return FsRtlAddLargeMcbEntry(Large(Mcb), Vbn, Lbn, SectorCount);
}

VOID FsRtlRemoveMcbEntry(PMCB Mcb, VBN Vbn, ULONG SectorCount)
{
    FsRtlRemoveLargeMcbEntry(Large(Mcb), Vbn, SectorCount);
}

BOOLEAN FsRtlLookupMcbEntry(PMCB Mcb, VBN Vbn, PLBN Lbn, PULONG SectorCount, PULONG Index)
{
    LONGLONG lbn, count;
    if (!FsRtlLookupLargeMcbEntry(Large(Mcb), Vbn, &lbn, &count, NULL, NULL, Index))
        return FALSE;
    *Lbn = (LBN)lbn;
    if (SectorCount)
        *SectorCount = (ULONG)count;
    return TRUE;
}

BOOLEAN FsRtlLookupLastMcbEntry(PMCB Mcb, PVBN Vbn, PLBN Lbn)
{
    LONGLONG vbn, lbn;
    if (!FsRtlLookupLastLargeMcbEntry(Large(Mcb), &vbn, &lbn))
        return FALSE;
    *Vbn = (VBN)vbn;
    *Lbn = (LBN)lbn;
    return TRUE;
}

ULONG FsRtlNumberOfRunsInMcb(PMCB Mcb) { return FsRtlNumberOfRunsInLargeMcb(Large(Mcb)); }

BOOLEAN FsRtlGetNextMcbEntry(PMCB Mcb, ULONG RunIndex, PVBN Vbn, PLBN Lbn, PULONG SectorCount)
{
    LONGLONG vbn, lbn, count;
    if (!FsRtlGetNextLargeMcbEntry(Large(Mcb), RunIndex, &vbn, &lbn, &count))
        return FALSE;
    *Vbn = (VBN)vbn;
    *Lbn = (LBN)lbn;
    *SectorCount = (ULONG)count;
    return TRUE;
}
