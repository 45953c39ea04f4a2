// Lists of ranges: in no published header.
#ifndef FLTSIM_WDK_NT_RANGE_LIST_H
#define FLTSIM_WDK_NT_RANGE_LIST_H

#include <nt/begin.h>
#include <nt/types.h>

FLTSIM_WDK_BEGIN

// Lists of ranges, as bus drivers keep for resources. Ends are included. Memory: paged pool, freed by RtlFreeRangeList.
typedef struct _RTL_RANGE {
    ULONGLONG Start, End;
    PVOID UserData, Owner;
    UCHAR Attributes;
    UCHAR Flags; // RTL_RANGE_*
} RTL_RANGE, *PRTL_RANGE;
#define RTL_RANGE_SHARED 0x01
#define RTL_RANGE_CONFLICT 0x02
typedef struct _RTL_RANGE_LIST {
    LIST_ENTRY ListHead;
    ULONG Flags, Count, Stamp;
} RTL_RANGE_LIST, *PRTL_RANGE_LIST;
typedef struct _RANGE_LIST_ITERATOR {
    PLIST_ENTRY RangeListHead, MergedHead;
    PVOID Current;
    ULONG Stamp;
} RTL_RANGE_LIST_ITERATOR, *PRTL_RANGE_LIST_ITERATOR;
#define RTL_RANGE_LIST_ADD_IF_CONFLICT 0x00000001
#define RTL_RANGE_LIST_ADD_SHARED 0x00000002
#define RTL_RANGE_LIST_SHARED_OK 0x00000001
#define RTL_RANGE_LIST_NULL_CONFLICT_OK 0x00000002
typedef BOOLEAN (*PRTL_CONFLICT_RANGE_CALLBACK)(PVOID Context, PRTL_RANGE Range);
VOID RtlInitializeRangeList(PRTL_RANGE_LIST RangeList);
VOID RtlFreeRangeList(PRTL_RANGE_LIST RangeList);
NTSTATUS RtlCopyRangeList(PRTL_RANGE_LIST CopyRangeList, PRTL_RANGE_LIST RangeList);
// STATUS_INVALID_PARAMETER: it ends before it starts; STATUS_RANGE_LIST_CONFLICT: taken, unless both are shared or
// RTL_RANGE_LIST_ADD_IF_CONFLICT is given, which marks it RTL_RANGE_CONFLICT; STATUS_INSUFFICIENT_RESOURCES.
NTSTATUS RtlAddRange(PRTL_RANGE_LIST RangeList, ULONGLONG Start, ULONGLONG End, UCHAR Attributes, ULONG Flags, PVOID UserData,
                     PVOID Owner);
// STATUS_RANGE_NOT_FOUND.
NTSTATUS RtlDeleteRange(PRTL_RANGE_LIST RangeList, ULONGLONG Start, ULONGLONG End, PVOID Owner);
NTSTATUS RtlDeleteOwnersRanges(PRTL_RANGE_LIST RangeList, PVOID Owner);
// The highest place between Minimum and Maximum. STATUS_INVALID_PARAMETER, STATUS_UNSUCCESSFUL: there is none.
NTSTATUS RtlFindRange(PRTL_RANGE_LIST RangeList, ULONGLONG Minimum, ULONGLONG Maximum, ULONG Length, ULONG Alignment,
                      ULONG Flags, UCHAR AttributeAvailableMask, PVOID Context, PRTL_CONFLICT_RANGE_CALLBACK Callback,
                      PULONGLONG Start);
NTSTATUS RtlIsRangeAvailable(PRTL_RANGE_LIST RangeList, ULONGLONG Start, ULONGLONG End, ULONG Flags,
                             UCHAR AttributeAvailableMask, PVOID Context, PRTL_CONFLICT_RANGE_CALLBACK Callback,
                             PBOOLEAN Available);
// What the list leaves free.
NTSTATUS RtlInvertRangeList(PRTL_RANGE_LIST InvertedRangeList, PRTL_RANGE_LIST RangeList);
// STATUS_NO_MORE_ENTRIES, *Range NULL; STATUS_INVALID_PARAMETER: the list has changed meanwhile.
NTSTATUS RtlGetFirstRange(PRTL_RANGE_LIST RangeList, PRTL_RANGE_LIST_ITERATOR Iterator, PRTL_RANGE *Range);
NTSTATUS RtlGetNextRange(PRTL_RANGE_LIST_ITERATOR Iterator, PRTL_RANGE *Range, BOOLEAN MoveForwards);

FLTSIM_WDK_END

#endif
