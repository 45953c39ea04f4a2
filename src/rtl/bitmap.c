/* Bitmaps in the caller's memory: bit 0 is the lowest bit of the first word. */
#include "rtl/rtlp.h"

#define NONE 0xFFFFFFFF

static BOOLEAN Test(const RTL_BITMAP *map, ULONG bit)
{
    return (BOOLEAN)(map->Buffer[bit / 32] >> (bit % 32) & 1);
}

static void Assign(PRTL_BITMAP map, ULONG from, ULONG count, BOOLEAN value)
{
    for (ULONG end = from + count; from < end; from++) {
        if (from % 32 == 0 && end - from >= 32) {
            map->Buffer[from / 32] = value ? MAXULONG : 0;
            from += 31;
        } else if (value) {
            map->Buffer[from / 32] |= 1u << (from % 32);
        } else {
            map->Buffer[from / 32] &= ~(1u << (from % 32));
        }
    }
}

/* The length of the run of `value` that begins at `from`. */
static ULONG RunLength(const RTL_BITMAP *map, ULONG from, BOOLEAN value)
{
    const ULONG whole = value ? MAXULONG : 0;
    ULONG at = from;

    while (at < map->SizeOfBitMap) {
        if (at % 32 == 0 && map->SizeOfBitMap - at >= 32 && map->Buffer[at / 32] == whole)
            at += 32;
        else if (Test(map, at) == value)
            at++;
        else
            break;
    }
    return at - from;
}

VOID RtlInitializeBitMap(PRTL_BITMAP BitMapHeader, PULONG BitMapBuffer, ULONG SizeOfBitMap)
{
    BitMapHeader->SizeOfBitMap = SizeOfBitMap;
    BitMapHeader->Buffer = BitMapBuffer;
}

VOID RtlClearBit(PRTL_BITMAP BitMapHeader, ULONG BitNumber)
{
    Assign(BitMapHeader, BitNumber, 1, FALSE);
}

VOID RtlSetBit(PRTL_BITMAP BitMapHeader, ULONG BitNumber)
{
    Assign(BitMapHeader, BitNumber, 1, TRUE);
}

BOOLEAN RtlTestBit(PRTL_BITMAP BitMapHeader, ULONG BitNumber)
{
    return Test(BitMapHeader, BitNumber);
}

static void AssignAll(PRTL_BITMAP map, int byte)
{
    memset(map->Buffer, byte, ((size_t)map->SizeOfBitMap + 31) / 32 * sizeof(ULONG));
}

VOID RtlClearAllBits(PRTL_BITMAP BitMapHeader)
{
    AssignAll(BitMapHeader, 0);
}

VOID RtlSetAllBits(PRTL_BITMAP BitMapHeader)
{
    AssignAll(BitMapHeader, 0xFF);
}

VOID RtlClearBits(PRTL_BITMAP BitMapHeader, ULONG StartingIndex, ULONG NumberToClear)
{
    Assign(BitMapHeader, StartingIndex, NumberToClear, FALSE);
}

VOID RtlSetBits(PRTL_BITMAP BitMapHeader, ULONG StartingIndex, ULONG NumberToSet)
{
    Assign(BitMapHeader, StartingIndex, NumberToSet, TRUE);
}

/* -- searching ------------------------------------------------------------------------------------ */

static ULONG FindFrom(const RTL_BITMAP *map, ULONG count, ULONG from, ULONG to, BOOLEAN value)
{
    while (from < to) {
        ULONG run = RunLength(map, from, value);
        if (run >= count)
            return from;
        from += run;
        from += RunLength(map, from, !value);
    }
    return NONE;
}

static ULONG Find(const RTL_BITMAP *map, ULONG count, ULONG hint, BOOLEAN value)
{
    if (hint >= map->SizeOfBitMap)
        hint = 0;
    if (count == 0)
        return hint & ~7u;
    if (count > map->SizeOfBitMap)
        return NONE;
    ULONG found = FindFrom(map, count, hint, map->SizeOfBitMap, value);
    return found != NONE || hint == 0 ? found : FindFrom(map, count, 0, hint, value);
}

ULONG RtlFindClearBits(PRTL_BITMAP BitMapHeader, ULONG NumberToFind, ULONG HintIndex)
{
    return Find(BitMapHeader, NumberToFind, HintIndex, FALSE);
}

ULONG RtlFindSetBits(PRTL_BITMAP BitMapHeader, ULONG NumberToFind, ULONG HintIndex)
{
    return Find(BitMapHeader, NumberToFind, HintIndex, TRUE);
}

ULONG RtlFindClearBitsAndSet(PRTL_BITMAP BitMapHeader, ULONG NumberToFind, ULONG HintIndex)
{
    ULONG found = Find(BitMapHeader, NumberToFind, HintIndex, FALSE);
    if (found != NONE)
        Assign(BitMapHeader, found, NumberToFind, TRUE);
    return found;
}

ULONG RtlFindSetBitsAndClear(PRTL_BITMAP BitMapHeader, ULONG NumberToFind, ULONG HintIndex)
{
    ULONG found = Find(BitMapHeader, NumberToFind, HintIndex, TRUE);
    if (found != NONE)
        Assign(BitMapHeader, found, NumberToFind, FALSE);
    return found;
}

ULONG RtlFindNextForwardRunClear(PRTL_BITMAP BitMapHeader, ULONG FromIndex, PULONG StartingRunIndex)
{
    if (FromIndex >= BitMapHeader->SizeOfBitMap) {
        *StartingRunIndex = FromIndex;
        return 0;
    }
    *StartingRunIndex = FromIndex + RunLength(BitMapHeader, FromIndex, TRUE);
    return RunLength(BitMapHeader, *StartingRunIndex, FALSE);
}

ULONG RtlFindFirstRunClear(PRTL_BITMAP BitMapHeader, PULONG StartingIndex)
{
    return RtlFindNextForwardRunClear(BitMapHeader, 0, StartingIndex);
}

ULONG RtlFindLastBackwardRunClear(PRTL_BITMAP BitMapHeader, ULONG FromIndex, PULONG StartingRunIndex)
{
    ULONG last = FromIndex;

    while (last != NONE && Test(BitMapHeader, last))
        last--;
    ULONG first = last;
    while (first != NONE && !Test(BitMapHeader, first))
        first--;
    *StartingRunIndex = first + 1;
    return last - first;
}

/* Keeps runs[0...count-1] longest first. */
static ULONG KeepLongest(PRTL_BITMAP_RUN runs, ULONG count, ULONG room, RTL_BITMAP_RUN run)
{
    ULONG at = count;

    while (at > 0 && runs[at - 1].NumberOfBits < run.NumberOfBits)
        at--;
    if (at >= room)
        return count;
    ULONG last = count < room ? count : room - 1;
    memmove(runs + at + 1, runs + at, (last - at) * sizeof *runs);
    runs[at] = run;
    return last + 1;
}

ULONG RtlFindClearRuns(PRTL_BITMAP BitMapHeader, PRTL_BITMAP_RUN RunArray, ULONG SizeOfRunArray,
                       BOOLEAN LocateLongestRuns)
{
    ULONG count = 0, at = 0;

    while (LocateLongestRuns || count < SizeOfRunArray) {
        RTL_BITMAP_RUN run;
        run.NumberOfBits = RtlFindNextForwardRunClear(BitMapHeader, at, &run.StartingIndex);
        if (run.NumberOfBits == 0)
            break;
        at = run.StartingIndex + run.NumberOfBits;
        if (LocateLongestRuns)
            count = KeepLongest(RunArray, count, SizeOfRunArray, run);
        else
            RunArray[count++] = run;
    }
    return count;
}

ULONG RtlFindLongestRunClear(PRTL_BITMAP BitMapHeader, PULONG StartingIndex)
{
    RTL_BITMAP_RUN run = {0, 0};

    RtlFindClearRuns(BitMapHeader, &run, 1, TRUE);
    *StartingIndex = run.StartingIndex;
    return run.NumberOfBits;
}

/* -- counting ------------------------------------------------------------------------------------- */

ULONG RtlNumberOfSetBits(PRTL_BITMAP BitMapHeader)
{
    ULONG count = 0, words = BitMapHeader->SizeOfBitMap / 32, rest = BitMapHeader->SizeOfBitMap % 32;

    for (ULONG i = 0; i < words; i++)
        count += (ULONG)__builtin_popcount(BitMapHeader->Buffer[i]);
    if (rest != 0)
        count += (ULONG)__builtin_popcount(BitMapHeader->Buffer[words] & ((1u << rest) - 1));
    return count;
}

ULONG RtlNumberOfClearBits(PRTL_BITMAP BitMapHeader)
{
    return BitMapHeader->SizeOfBitMap - RtlNumberOfSetBits(BitMapHeader);
}

static BOOLEAN AreAll(const RTL_BITMAP *map, ULONG from, ULONG count, BOOLEAN value)
{
    return count != 0 && from < map->SizeOfBitMap && count <= map->SizeOfBitMap - from &&
           RunLength(map, from, value) >= count;
}

BOOLEAN RtlAreBitsSet(PRTL_BITMAP BitMapHeader, ULONG StartingIndex, ULONG Length)
{
    return AreAll(BitMapHeader, StartingIndex, Length, TRUE);
}

BOOLEAN RtlAreBitsClear(PRTL_BITMAP BitMapHeader, ULONG StartingIndex, ULONG Length)
{
    return AreAll(BitMapHeader, StartingIndex, Length, FALSE);
}

CCHAR RtlFindMostSignificantBit(ULONGLONG Set)
{
    return (CCHAR)(Set == 0 ? -1 : 63 - __builtin_clzll(Set));
}

CCHAR RtlFindLeastSignificantBit(ULONGLONG Set)
{
    return (CCHAR)(Set == 0 ? -1 : __builtin_ctzll(Set));
}
