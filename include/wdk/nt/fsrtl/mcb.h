// Maps of a file's blocks (MCBs), and tunnel caches.
#ifndef FLTSIM_WDK_NT_FSRTL_MCB_H
#define FLTSIM_WDK_NT_FSRTL_MCB_H

#include "../begin.h"
#include "../ex.h"
#include "../ke.h"
#include "../types.h"

FLTSIM_WDK_BEGIN

typedef struct _BASE_MCB {
    ULONG MaximumPairCount;
    ULONG PairCount; // runs, holes included
    USHORT PoolType;
    USHORT Flags;
    PVOID Mapping;
} BASE_MCB, *PBASE_MCB;

typedef struct _LARGE_MCB {
    PKGUARDED_MUTEX GuardedMutex;
    BASE_MCB BaseMcb;
} LARGE_MCB, *PLARGE_MCB;

typedef struct _MCB {
    LARGE_MCB DummyFieldThatSizesThisStructureCorrectly;
} MCB, *PMCB;

typedef ULONG LBN, *PLBN;
typedef ULONG VBN, *PVBN;

#define MCB_FLAG_RAISE_ON_ALLOCATION_FAILURE 1

// An MCB maps virtual blocks from 0 on to logical ones, in runs: mappings, and holes between and before them, whose
// logical block is -1. The last run is no hole. The structure is the caller's, what it points to is pool, from the
// initialization to the uninitialization. IRQL <= APC_LEVEL.
//
// Add: FALSE if a block of the run is mapped already, otherwise than asked for; what continues or overlaps a run becomes
// one with it. Remove makes a hole. Split moves what begins at Vbn up by Amount; FALSE: beyond the largest block. Truncate
// takes away what begins at Vbn. Lookup: FALSE beyond the last run; no output is then written, any may be NULL, and those
// that count go from Vbn, or the run's start, to the run's end. LookupLast: FALSE if there is none. GetNext: the run of
// that index. Where there is no memory: STATUS_INSUFFICIENT_RESOURCES is raised.
//
// A LARGE_MCB (and an MCB, whose blocks have 32 bits) is synchronized; a BASE_MCB is by its caller.
VOID FsRtlInitializeLargeMcb(_In_ PLARGE_MCB Mcb, _In_ POOL_TYPE PoolType);
VOID FsRtlUninitializeLargeMcb(_In_ PLARGE_MCB Mcb);
VOID FsRtlResetLargeMcb(_In_ PLARGE_MCB Mcb, _In_ BOOLEAN SelfSynchronized);
VOID FsRtlTruncateLargeMcb(_In_ PLARGE_MCB Mcb, _In_ LONGLONG Vbn);
BOOLEAN FsRtlAddLargeMcbEntry(_In_ PLARGE_MCB Mcb, _In_ LONGLONG Vbn, _In_ LONGLONG Lbn, _In_ LONGLONG SectorCount);
VOID FsRtlRemoveLargeMcbEntry(_In_ PLARGE_MCB Mcb, _In_ LONGLONG Vbn, _In_ LONGLONG SectorCount);
BOOLEAN FsRtlLookupLargeMcbEntry(_In_ PLARGE_MCB Mcb, _In_ LONGLONG Vbn, _Out_opt_ PLONGLONG Lbn,
                                 _Out_opt_ PLONGLONG SectorCountFromLbn, _Out_opt_ PLONGLONG StartingLbn,
                                 _Out_opt_ PLONGLONG SectorCountFromStartingLbn, _Out_opt_ PULONG Index);
BOOLEAN FsRtlLookupLastLargeMcbEntry(_In_ PLARGE_MCB Mcb, _Out_ PLONGLONG Vbn, _Out_ PLONGLONG Lbn);
BOOLEAN FsRtlLookupLastLargeMcbEntryAndIndex(_In_ PLARGE_MCB OpaqueMcb, _Out_ PLONGLONG LargeVbn,
                                             _Out_ PLONGLONG LargeLbn, _Out_ PULONG Index);
ULONG FsRtlNumberOfRunsInLargeMcb(_In_ PLARGE_MCB Mcb);
BOOLEAN FsRtlGetNextLargeMcbEntry(_In_ PLARGE_MCB Mcb, _In_ ULONG RunIndex, _Out_ PLONGLONG Vbn, _Out_ PLONGLONG Lbn,
                                  _Out_ PLONGLONG SectorCount);
BOOLEAN FsRtlSplitLargeMcb(_In_ PLARGE_MCB Mcb, _In_ LONGLONG Vbn, _In_ LONGLONG Amount);

VOID FsRtlInitializeMcb(_In_ PMCB Mcb, _In_ POOL_TYPE PoolType);
VOID FsRtlUninitializeMcb(_In_ PMCB Mcb);
VOID FsRtlTruncateMcb(_In_ PMCB Mcb, _In_ VBN Vbn);
BOOLEAN FsRtlAddMcbEntry(_In_ PMCB Mcb, _In_ VBN Vbn, _In_ LBN Lbn, _In_ ULONG SectorCount);
VOID FsRtlRemoveMcbEntry(_In_ PMCB Mcb, _In_ VBN Vbn, _In_ ULONG SectorCount);
BOOLEAN FsRtlLookupMcbEntry(_In_ PMCB Mcb, _In_ VBN Vbn, _Out_ PLBN Lbn, _Out_opt_ PULONG SectorCount,
                            _Out_opt_ PULONG Index);
BOOLEAN FsRtlLookupLastMcbEntry(_In_ PMCB Mcb, _Out_ PVBN Vbn, _Out_ PLBN Lbn);
ULONG FsRtlNumberOfRunsInMcb(_In_ PMCB Mcb);
BOOLEAN FsRtlGetNextMcbEntry(_In_ PMCB Mcb, _In_ ULONG RunIndex, _Out_ PVBN Vbn, _Out_ PLBN Lbn, _Out_ PULONG SectorCount);

// Without MCB_FLAG_RAISE_ON_ALLOCATION_FAILURE (Ex) they answer FALSE, or STATUS_INSUFFICIENT_RESOURCES, instead of raising.
// FsRtlAddBaseMcbEntryEx: STATUS_UNSUCCESSFUL where Add is FALSE.
VOID FsRtlInitializeBaseMcb(_In_ PBASE_MCB Mcb, _In_ POOL_TYPE PoolType);
BOOLEAN FsRtlInitializeBaseMcbEx(_In_ PBASE_MCB Mcb, _In_ POOL_TYPE PoolType, _In_ USHORT Flags);
VOID FsRtlUninitializeBaseMcb(_In_ PBASE_MCB Mcb);
VOID FsRtlResetBaseMcb(_Out_ PBASE_MCB Mcb);
VOID FsRtlTruncateBaseMcb(_In_ PBASE_MCB Mcb, _In_ LONGLONG Vbn);
BOOLEAN FsRtlAddBaseMcbEntry(_In_ PBASE_MCB Mcb, _In_ LONGLONG Vbn, _In_ LONGLONG Lbn, _In_ LONGLONG SectorCount);
NTSTATUS FsRtlAddBaseMcbEntryEx(_In_ PBASE_MCB Mcb, _In_ LONGLONG Vbn, _In_ LONGLONG Lbn, _In_ LONGLONG SectorCount);
BOOLEAN FsRtlRemoveBaseMcbEntry(_In_ PBASE_MCB Mcb, _In_ LONGLONG Vbn, _In_ LONGLONG SectorCount);
BOOLEAN FsRtlLookupBaseMcbEntry(_In_ PBASE_MCB Mcb, _In_ LONGLONG Vbn, _Out_opt_ PLONGLONG Lbn,
                                _Out_opt_ PLONGLONG SectorCountFromLbn, _Out_opt_ PLONGLONG StartingLbn,
                                _Out_opt_ PLONGLONG SectorCountFromStartingLbn, _Out_opt_ PULONG Index);
BOOLEAN FsRtlLookupLastBaseMcbEntry(_In_ PBASE_MCB Mcb, _Out_ PLONGLONG Vbn, _Out_ PLONGLONG Lbn);
BOOLEAN FsRtlLookupLastBaseMcbEntryAndIndex(_In_ PBASE_MCB OpaqueMcb, _Out_ PLONGLONG LargeVbn,
                                            _Out_ PLONGLONG LargeLbn, _Out_ PULONG Index);
ULONG FsRtlNumberOfRunsInBaseMcb(_In_ PBASE_MCB Mcb);
BOOLEAN FsRtlGetNextBaseMcbEntry(_In_ PBASE_MCB Mcb, _In_ ULONG RunIndex, _Out_ PLONGLONG Vbn, _Out_ PLONGLONG Lbn,
                                 _Out_ PLONGLONG SectorCount);
BOOLEAN FsRtlSplitBaseMcb(_In_ PBASE_MCB Mcb, _In_ LONGLONG Vbn, _In_ LONGLONG Amount);

// ---- tunnelling ----

typedef struct _TUNNEL {
    FAST_MUTEX Mutex;
    struct _RTL_SPLAY_LINKS *Cache;
    LIST_ENTRY TimerQueue;
    USHORT NumEntries;
} TUNNEL, *PTUNNEL;

#define FSRTL_ADD_TC_CASE_SENSITIVE 0x00000001
#define FSRTL_ADD_TC_KEY_BY_SHORT_NAME 0x00000002
#define FSRTL_FIND_TC_CASE_SENSITIVE 0x00000001

// What was told of files whose names went away, for those that take the names up again within 15 seconds; at most 256, the
// oldest go first. The structure is the caller's, in nonpaged pool; what is added is pool, until it expires or the cache is
// deleted. IRQL <= APC_LEVEL.
//
// Added once more by the same key, an entry replaces the one before; without memory nothing is added. Find looks for the
// name that the entry goes by, without regard to case, and leaves the entry there. ShortName must have room for 8.3;
// where LongName has too little, its Buffer becomes pool, to be freed by the caller. *DataLength: room enough on entry,
// what was written on return.
VOID FsRtlInitializeTunnelCache(_In_ TUNNEL *Cache);
VOID FsRtlDeleteTunnelCache(_In_ TUNNEL *Cache);
VOID FsRtlAddToTunnelCache(_In_ TUNNEL *Cache, _In_ ULONGLONG DirectoryKey, _In_ UNICODE_STRING *ShortName,
                           _In_ UNICODE_STRING *LongName, _In_ BOOLEAN KeyByShortName, _In_ ULONG DataLength,
                           _In_ VOID *Data);
VOID FsRtlAddToTunnelCacheEx(_In_ TUNNEL *Cache, _In_ ULONGLONG DirectoryKey, _In_ UNICODE_STRING *ShortName,
                             _In_ UNICODE_STRING *LongName, _In_ ULONG Flags, _In_ ULONG DataLength, _In_ VOID *Data);
BOOLEAN FsRtlFindInTunnelCache(_In_ TUNNEL *Cache, _In_ ULONGLONG DirectoryKey, _In_ UNICODE_STRING *Name,
                               _Out_ UNICODE_STRING *ShortName, _Out_ UNICODE_STRING *LongName,
                               _Inout_ ULONG *DataLength, _Out_ VOID *Data);
BOOLEAN FsRtlFindInTunnelCacheEx(_In_ TUNNEL *Cache, _In_ ULONGLONG DirectoryKey, _In_ UNICODE_STRING *Name,
                                 _Out_ UNICODE_STRING *ShortName, _Out_ UNICODE_STRING *LongName, _In_ ULONG Flags,
                                 _Inout_ ULONG *DataLength, _Out_ VOID *Data);
VOID FsRtlDeleteKeyFromTunnelCache(_In_ TUNNEL *Cache, _In_ ULONGLONG DirectoryKey);

FLTSIM_WDK_END

#endif
