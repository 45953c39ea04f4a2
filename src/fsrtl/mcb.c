/* BASE_MCB: which logical block each of a file's blocks is. Runs follow each other from block 0 on. */
#include "fsrtlp.h"

#include <string.h>

#define MCB_TAG 'bcMF'
enum { FIRST_PAIRS = 15, SPARE = 3, HOLE = -1 };

struct pair {
    LONGLONG end; /* the first block beyond the run */
    LONGLONG lbn; /* of the run's first block, or HOLE */
};

static struct pair *PairsOf(const BASE_MCB *mcb) { return mcb->Mapping; }
static LONGLONG StartOf(const BASE_MCB *mcb, ULONG run) { return run ? PairsOf(mcb)[run - 1].end : 0; }
static LONGLONG EndOf(const BASE_MCB *mcb) { return StartOf(mcb, mcb->PairCount); }

static bool Failed(const BASE_MCB *mcb)
{
    if (mcb->Flags & MCB_FLAG_RAISE_ON_ALLOCATION_FAILURE)
        ExRaiseStatus(STATUS_INSUFFICIENT_RESOURCES);
    return false;
}

static bool Reserve(PBASE_MCB mcb, ULONG count)
{
    if (count <= mcb->MaximumPairCount)
        return true;
    if (count < mcb->MaximumPairCount * 2)
        count = mcb->MaximumPairCount * 2;
    struct pair *more = ExAllocatePoolWithTag((POOL_TYPE)mcb->PoolType, count * sizeof *more, MCB_TAG);
    if (!more)
        return Failed(mcb);
    if (mcb->Mapping) {
        memcpy(more, mcb->Mapping, mcb->PairCount * sizeof *more);
        ExFreePoolWithTag(mcb->Mapping, MCB_TAG);
    }
    mcb->Mapping = more;
    mcb->MaximumPairCount = count;
    return true;
}

/* ---- writing the runs anew: the old ones wait at the end of the array, which is SPARE longer ---- */

struct rewrite {
    PBASE_MCB mcb;
    struct pair *old;
    ULONG count;
};

static bool BeginRewrite(struct rewrite *r, PBASE_MCB mcb)
{
    if (!Reserve(mcb, mcb->PairCount + SPARE))
        return false;
    r->mcb = mcb;
    r->count = mcb->PairCount;
    r->old = PairsOf(mcb) + mcb->MaximumPairCount - r->count;
    memmove(r->old, mcb->Mapping, r->count * sizeof *r->old);
    mcb->PairCount = 0;
    return true;
}

static void Emit(PBASE_MCB mcb, LONGLONG end, LONGLONG lbn)
{
    LONGLONG start = EndOf(mcb);
    if (end <= start)
        return;
    struct pair *last = mcb->PairCount ? PairsOf(mcb) + mcb->PairCount - 1 : NULL;
    LONGLONG first = last ? StartOf(mcb, mcb->PairCount - 1) : 0;
    bool goes_on = last && (lbn == HOLE ? last->lbn == HOLE : last->lbn != HOLE && last->lbn + (start - first) == lbn);
    if (goes_on)
        last->end = end;
    else
        PairsOf(mcb)[mcb->PairCount++] = (struct pair){end, lbn};
}

static void EndRewrite(PBASE_MCB mcb)
{
    while (mcb->PairCount && PairsOf(mcb)[mcb->PairCount - 1].lbn == HOLE)
        mcb->PairCount--;
}

static LONGLONG Advance(LONGLONG lbn, LONGLONG by) { return lbn == HOLE ? HOLE : lbn + by; }

/* The blocks from start to end, not included, become lbn and so on, or a hole. */
static bool Paint(PBASE_MCB mcb, LONGLONG start, LONGLONG end, LONGLONG lbn)
{
    struct rewrite r;
    LONGLONG at = 0;
    if (!BeginRewrite(&r, mcb))
        return false;
    for (ULONG i = 0; i < r.count; i++) {
        struct pair run = r.old[i];
        LONGLONG from = at;
        at = run.end;
        Emit(mcb, run.end < start ? run.end : start, run.lbn);
        if (run.end > start)
            Emit(mcb, end, lbn);
        if (run.end > end)
            Emit(mcb, run.end, Advance(run.lbn, (end > from ? end : from) - from));
    }
    Emit(mcb, start, HOLE);
    Emit(mcb, end, lbn);
    EndRewrite(mcb);
    return true;
}

/* ---- the routines ---- */

BOOLEAN FsRtlInitializeBaseMcbEx(PBASE_MCB Mcb, POOL_TYPE PoolType, USHORT Flags)
{
    API_IRQL(FsRtlInitializeBaseMcbEx);
    *Mcb = (BASE_MCB){.PoolType = (USHORT)PoolType, .Flags = Flags};
    return Reserve(Mcb, FIRST_PAIRS);
}

VOID FsRtlInitializeBaseMcb(PBASE_MCB Mcb, POOL_TYPE PoolType)
{
    FsRtlInitializeBaseMcbEx(Mcb, PoolType, MCB_FLAG_RAISE_ON_ALLOCATION_FAILURE);
}

VOID FsRtlUninitializeBaseMcb(PBASE_MCB Mcb)
{
    API_IRQL(FsRtlUninitializeBaseMcb);
    if (Mcb->Mapping)
        ExFreePoolWithTag(Mcb->Mapping, MCB_TAG);
    Mcb->Mapping = NULL;
    Mcb->PairCount = Mcb->MaximumPairCount = 0;
}

VOID FsRtlResetBaseMcb(PBASE_MCB Mcb)
{
    API_IRQL(FsRtlResetBaseMcb);
    Mcb->PairCount = 0;
}

VOID FsRtlTruncateBaseMcb(PBASE_MCB Mcb, LONGLONG Vbn)
{
    API_IRQL(FsRtlTruncateBaseMcb);
    while (Mcb->PairCount && StartOf(Mcb, Mcb->PairCount - 1) >= Vbn)
        Mcb->PairCount--;
    if (Mcb->PairCount && EndOf(Mcb) > Vbn)
        PairsOf(Mcb)[Mcb->PairCount - 1].end = Vbn;
    EndRewrite(Mcb);
}

static bool Collides(const BASE_MCB *mcb, LONGLONG vbn, LONGLONG end, LONGLONG lbn)
{
    for (ULONG i = 0; i < mcb->PairCount; i++) {
        LONGLONG start = StartOf(mcb, i), first = start > vbn ? start : vbn;
        const struct pair *run = PairsOf(mcb) + i;
        LONGLONG last = run->end < end ? run->end : end;
        if (first < last && run->lbn != HOLE && run->lbn + (first - start) != lbn + (first - vbn))
            return true;
    }
    return false;
}

NTSTATUS FsRtlAddBaseMcbEntryEx(PBASE_MCB Mcb, LONGLONG Vbn, LONGLONG Lbn, LONGLONG SectorCount)
{
    API_IRQL(FsRtlAddBaseMcbEntryEx);
    LONGLONG end;
    if (Vbn < 0 || Lbn < 0 || SectorCount <= 0 || __builtin_add_overflow(Vbn, SectorCount, &end) ||
        Collides(Mcb, Vbn, end, Lbn))
        return STATUS_UNSUCCESSFUL;
    return Paint(Mcb, Vbn, end, Lbn) ? STATUS_SUCCESS : STATUS_INSUFFICIENT_RESOURCES;
}

BOOLEAN FsRtlAddBaseMcbEntry(PBASE_MCB Mcb, LONGLONG Vbn, LONGLONG Lbn, LONGLONG SectorCount)
{
    return NT_SUCCESS(FsRtlAddBaseMcbEntryEx(Mcb, Vbn, Lbn, SectorCount));
}

BOOLEAN FsRtlRemoveBaseMcbEntry(PBASE_MCB Mcb, LONGLONG Vbn, LONGLONG SectorCount)
{
    API_IRQL(FsRtlRemoveBaseMcbEntry);
    LONGLONG end;
    if (Vbn < 0 || SectorCount <= 0 || Vbn >= EndOf(Mcb))
        return TRUE;
    if (__builtin_add_overflow(Vbn, SectorCount, &end) || end > EndOf(Mcb))
        end = EndOf(Mcb);
    return Paint(Mcb, Vbn, end, HOLE);
}

BOOLEAN FsRtlLookupBaseMcbEntry(PBASE_MCB Mcb, LONGLONG Vbn, PLONGLONG Lbn, PLONGLONG SectorCountFromLbn,
                                PLONGLONG StartingLbn, PLONGLONG SectorCountFromStartingLbn, PULONG Index)
{
    API_IRQL(FsRtlLookupBaseMcbEntry);
    if (Vbn < 0 || Vbn >= EndOf(Mcb))
        return FALSE;
    ULONG low = 0, high = Mcb->PairCount - 1;
    while (low < high) {
        ULONG middle = (low + high) / 2;
        if (PairsOf(Mcb)[middle].end > Vbn)
            high = middle;
        else
            low = middle + 1;
    }
    const struct pair *run = PairsOf(Mcb) + low;
    LONGLONG start = StartOf(Mcb, low);
    if (Lbn)
        *Lbn = Advance(run->lbn, Vbn - start);
    if (SectorCountFromLbn)
        *SectorCountFromLbn = run->end - Vbn;
    if (StartingLbn)
        *StartingLbn = run->lbn;
    if (SectorCountFromStartingLbn)
        *SectorCountFromStartingLbn = run->end - start;
    if (Index)
        *Index = low;
    return TRUE;
}

BOOLEAN FsRtlLookupLastBaseMcbEntryAndIndex(PBASE_MCB OpaqueMcb, PLONGLONG LargeVbn, PLONGLONG LargeLbn, PULONG Index)
{
    API_IRQL(FsRtlLookupLastBaseMcbEntryAndIndex);
    if (!OpaqueMcb->PairCount)
        return FALSE;
    *LargeVbn = EndOf(OpaqueMcb) - 1;
    return FsRtlLookupBaseMcbEntry(OpaqueMcb, *LargeVbn, LargeLbn, NULL, NULL, NULL, Index);
}

BOOLEAN FsRtlLookupLastBaseMcbEntry(PBASE_MCB Mcb, PLONGLONG Vbn, PLONGLONG Lbn)
{
    return FsRtlLookupLastBaseMcbEntryAndIndex(Mcb, Vbn, Lbn, NULL);
}

ULONG FsRtlNumberOfRunsInBaseMcb(PBASE_MCB Mcb)
{
    API_IRQL(FsRtlNumberOfRunsInBaseMcb);
    return Mcb->PairCount;
}

BOOLEAN FsRtlGetNextBaseMcbEntry(PBASE_MCB Mcb, ULONG RunIndex, PLONGLONG Vbn, PLONGLONG Lbn, PLONGLONG SectorCount)
{
    API_IRQL(FsRtlGetNextBaseMcbEntry);
    if (RunIndex >= Mcb->PairCount)
        return FALSE;
    *Vbn = StartOf(Mcb, RunIndex);
    *Lbn = PairsOf(Mcb)[RunIndex].lbn;
    *SectorCount = PairsOf(Mcb)[RunIndex].end - *Vbn;
    return TRUE;
}

BOOLEAN FsRtlSplitBaseMcb(PBASE_MCB Mcb, LONGLONG Vbn, LONGLONG Amount)
{
    API_IRQL(FsRtlSplitBaseMcb);
    struct rewrite r;
    LONGLONG at = 0, end;
    if (Vbn < 0 || Amount < 0 || __builtin_add_overflow(EndOf(Mcb), Amount, &end))
        return FALSE;
    if (Vbn >= EndOf(Mcb))
        return TRUE;
    if (!BeginRewrite(&r, Mcb))
        return FALSE;
    for (ULONG i = 0; i < r.count; i++) {
        struct pair run = r.old[i];
        LONGLONG from = at;
        at = run.end;
        Emit(Mcb, run.end < Vbn ? run.end : Vbn, run.lbn);
        if (run.end <= Vbn)
            continue;
        Emit(Mcb, Vbn + Amount, HOLE);
        Emit(Mcb, run.end + Amount, Advance(run.lbn, (Vbn > from ? Vbn : from) - from));
    }
    EndRewrite(Mcb);
    return TRUE;
}
