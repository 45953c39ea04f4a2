/* Lists of ranges, in the order of their starts. */
#include <ntifs.h>

#include <stddef.h>

#include "verify/api.h"

#define RANGE_TAG 'gnRl'

struct range {
    RTL_RANGE range; // what iterators show
    LIST_ENTRY link; // RTL_RANGE_LIST.ListHead
};

static struct range *RangeOf(PLIST_ENTRY link) { return CONTAINING_RECORD(link, struct range, link); }

VOID RtlInitializeRangeList(PRTL_RANGE_LIST RangeList)
{
    InitializeListHead(&RangeList->ListHead);
    RangeList->Flags = 0;
    RangeList->Count = 0;
    RangeList->Stamp = 0;
}

VOID RtlFreeRangeList(PRTL_RANGE_LIST RangeList)
{
    while (!IsListEmpty(&RangeList->ListHead))
        ExFreePoolWithTag(RangeOf(RemoveHeadList(&RangeList->ListHead)), RANGE_TAG);
    RangeList->Flags = 0;
    RangeList->Count = 0;
}

static NTSTATUS Insert(PRTL_RANGE_LIST list, const RTL_RANGE *range)
{
    struct range *fresh = ExAllocatePoolWithTag(PagedPool, sizeof *fresh, RANGE_TAG);
    if (!fresh)
        return STATUS_INSUFFICIENT_RESOURCES;
    fresh->range = *range;
    PLIST_ENTRY after = &list->ListHead;
    while (after->Blink != &list->ListHead && RangeOf(after->Blink)->range.Start > range->Start)
        after = after->Blink;
    InsertTailList(after, &fresh->link); /* in front of `after` */
    list->Count++;
    return STATUS_SUCCESS;
}

NTSTATUS RtlCopyRangeList(PRTL_RANGE_LIST CopyRangeList, PRTL_RANGE_LIST RangeList)
{
    NTSTATUS status = STATUS_SUCCESS;
    RtlInitializeRangeList(CopyRangeList);
    for (PLIST_ENTRY l = RangeList->ListHead.Flink; l != &RangeList->ListHead && NT_SUCCESS(status); l = l->Flink)
        status = Insert(CopyRangeList, &RangeOf(l)->range);
    if (!NT_SUCCESS(status)) {
        RtlFreeRangeList(CopyRangeList);
        return status;
    }
    CopyRangeList->Flags = RangeList->Flags;
    CopyRangeList->Stamp = RangeList->Stamp;
    return STATUS_SUCCESS;
}

/* What keeps a range from being free. */
struct request {
    ULONGLONG start, end;
    bool shared, null_ok;
    UCHAR available;
    PVOID context;
    PRTL_CONFLICT_RANGE_CALLBACK callback;
};

static bool InTheWay(const struct request *r, PRTL_RANGE range)
{
    if (range->End < r->start || range->Start > r->end)
        return false;
    if ((range->Attributes & r->available) || (r->shared && range->Flags & RTL_RANGE_SHARED) ||
        (r->null_ok && !range->Owner))
        return false;
    return !r->callback || !r->callback(r->context, range);
}

static PRTL_RANGE Obstacle(PRTL_RANGE_LIST list, const struct request *r)
{
    for (PLIST_ENTRY link = list->ListHead.Blink; link != &list->ListHead; link = link->Blink)
        if (InTheWay(r, &RangeOf(link)->range))
            return &RangeOf(link)->range;
    return NULL;
}

NTSTATUS RtlAddRange(PRTL_RANGE_LIST RangeList, ULONGLONG Start, ULONGLONG End, UCHAR Attributes, ULONG Flags, PVOID UserData,
                     PVOID Owner)
{
    RTL_RANGE range = {Start, End, UserData, Owner, Attributes, Flags & RTL_RANGE_LIST_ADD_SHARED ? RTL_RANGE_SHARED : 0};
    const struct request wanted = {.start = Start, .end = End, .shared = (Flags & RTL_RANGE_LIST_ADD_SHARED) != 0};
    if (Start > End)
        return STATUS_INVALID_PARAMETER;
    if (Obstacle(RangeList, &wanted)) {
        if (!(Flags & RTL_RANGE_LIST_ADD_IF_CONFLICT))
            return STATUS_RANGE_LIST_CONFLICT;
        range.Flags |= RTL_RANGE_CONFLICT;
    }
    NTSTATUS status = Insert(RangeList, &range);
    if (NT_SUCCESS(status))
        RangeList->Stamp++;
    return status;
}

static void Remove(PRTL_RANGE_LIST list, struct range *range)
{
    RemoveEntryList(&range->link);
    ExFreePoolWithTag(range, RANGE_TAG);
    list->Count--;
    list->Stamp++;
}

NTSTATUS RtlDeleteRange(PRTL_RANGE_LIST RangeList, ULONGLONG Start, ULONGLONG End, PVOID Owner)
{
    for (PLIST_ENTRY link = RangeList->ListHead.Flink; link != &RangeList->ListHead; link = link->Flink) {
        const RTL_RANGE *range = &RangeOf(link)->range;
        if (range->Start == Start && range->End == End && range->Owner == Owner) {
            Remove(RangeList, RangeOf(link));
            return STATUS_SUCCESS;
        }
    }
    return STATUS_RANGE_NOT_FOUND;
}

NTSTATUS RtlDeleteOwnersRanges(PRTL_RANGE_LIST RangeList, PVOID Owner)
{
    for (PLIST_ENTRY link = RangeList->ListHead.Flink; link != &RangeList->ListHead;) {
        struct range *range = RangeOf(link);
        link = link->Flink;
        if (range->range.Owner == Owner)
            Remove(RangeList, range);
    }
    return STATUS_SUCCESS;
}

static struct request Wanted(ULONG flags, UCHAR available, PVOID context, PRTL_CONFLICT_RANGE_CALLBACK callback)
{
    return (struct request){.shared = (flags & RTL_RANGE_LIST_SHARED_OK) != 0,
                            .null_ok = (flags & RTL_RANGE_LIST_NULL_CONFLICT_OK) != 0,
                            .available = available,
                            .context = context,
                            .callback = callback};
}

NTSTATUS RtlFindRange(PRTL_RANGE_LIST RangeList, ULONGLONG Minimum, ULONGLONG Maximum, ULONG Length, ULONG Alignment,
                      ULONG Flags, UCHAR AttributeAvailableMask, PVOID Context, PRTL_CONFLICT_RANGE_CALLBACK Callback,
                      PULONGLONG Start)
{
    struct request r = Wanted(Flags, AttributeAvailableMask, Context, Callback);
    if (!Alignment || !Length || Minimum > Maximum || Maximum - Minimum < Length - 1)
        return STATUS_INVALID_PARAMETER;
    r.start = Maximum - (Length - 1);
    for (;;) {
        r.start -= r.start % Alignment;
        r.end = r.start + (Length - 1);
        if (r.start < Minimum)
            return STATUS_UNSUCCESSFUL;
        PRTL_RANGE obstacle = Obstacle(RangeList, &r);
        if (!obstacle)
            break;
        if (obstacle->Start < Length)
            return STATUS_UNSUCCESSFUL;
        r.start = obstacle->Start - Length;
    }
    *Start = r.start;
    return STATUS_SUCCESS;
}

NTSTATUS RtlIsRangeAvailable(PRTL_RANGE_LIST RangeList, ULONGLONG Start, ULONGLONG End, ULONG Flags,
                             UCHAR AttributeAvailableMask, PVOID Context, PRTL_CONFLICT_RANGE_CALLBACK Callback,
                             PBOOLEAN Available)
{
    struct request r = Wanted(Flags, AttributeAvailableMask, Context, Callback);
    r.start = Start;
    r.end = End;
    *Available = Obstacle(RangeList, &r) == NULL;
    return STATUS_SUCCESS;
}

NTSTATUS RtlInvertRangeList(PRTL_RANGE_LIST InvertedRangeList, PRTL_RANGE_LIST RangeList)
{
    ULONGLONG next = 0;
    bool more = true;
    NTSTATUS status = STATUS_SUCCESS;
    for (PLIST_ENTRY l = RangeList->ListHead.Flink; l != &RangeList->ListHead && NT_SUCCESS(status) && more; l = l->Flink) {
        const RTL_RANGE *range = &RangeOf(l)->range;
        if (range->Start > next)
            status = RtlAddRange(InvertedRangeList, next, range->Start - 1, 0, 0, NULL, NULL);
        if (range->End >= next) {
            more = range->End != MAXULONGLONG;
            next = range->End + 1;
        }
    }
    if (NT_SUCCESS(status) && more)
        status = RtlAddRange(InvertedRangeList, next, MAXULONGLONG, 0, 0, NULL, NULL);
    return status;
}

/* ---- one after the other ---- */

static NTSTATUS Show(PRTL_RANGE_LIST_ITERATOR iterator, PLIST_ENTRY link, PRTL_RANGE *range)
{
    bool end = link == iterator->RangeListHead;
    iterator->Current = end ? NULL : &RangeOf(link)->range;
    *range = iterator->Current;
    return end ? STATUS_NO_MORE_ENTRIES : STATUS_SUCCESS;
}

NTSTATUS RtlGetFirstRange(PRTL_RANGE_LIST RangeList, PRTL_RANGE_LIST_ITERATOR Iterator, PRTL_RANGE *Range)
{
    Iterator->RangeListHead = &RangeList->ListHead;
    Iterator->MergedHead = NULL;
    Iterator->Stamp = RangeList->Stamp;
    return Show(Iterator, RangeList->ListHead.Flink, Range);
}

NTSTATUS RtlGetNextRange(PRTL_RANGE_LIST_ITERATOR Iterator, PRTL_RANGE *Range, BOOLEAN MoveForwards)
{
    const RTL_RANGE_LIST *list = CONTAINING_RECORD(Iterator->RangeListHead, RTL_RANGE_LIST, ListHead);
    if (list->Stamp != Iterator->Stamp)
        return STATUS_INVALID_PARAMETER;
    if (!Iterator->Current) {
        *Range = NULL;
        return STATUS_NO_MORE_ENTRIES;
    }
    PLIST_ENTRY link = &CONTAINING_RECORD(Iterator->Current, struct range, range)->link;
    return Show(Iterator, MoveForwards ? link->Flink : link->Blink, Range);
}
