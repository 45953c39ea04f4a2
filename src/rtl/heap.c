/* Private heaps: blocks that are found again by their heap, and go with it. */
#include <ntifs.h>

#include "fault/fault.h"
#include "sched/sched.h"
#include "sim/machine.h"
#include "verify/api.h"
#include "verify/verify.h"

#include <string.h>

enum { HEAP_SIGNATURE = 0x50414548, MOST_BLOCK = 0x7F000, DEFAULT_PAGES = 64 };

struct block {
    LIST_ENTRY link; // heap.blocks
    SIZE_T size;
} __attribute__((aligned(16)));

struct heap {
    ULONG signature, flags;
    SIZE_T limit, used; /* bytes; 0: as many as there are */
    SIZE_T most;        /* of one block */
    LIST_ENTRY blocks;
    struct sched_lock lock; /* leaf: used, blocks */
};

static SIZE_T Reserved(SIZE_T reserve, SIZE_T commit)
{
    if (!reserve)
        return commit ? (commit + 16 * PAGE_SIZE - 1) & ~(SIZE_T)(16 * PAGE_SIZE - 1) : DEFAULT_PAGES * PAGE_SIZE;
    return (reserve + PAGE_SIZE - 1) & ~(SIZE_T)(PAGE_SIZE - 1);
}

PVOID RtlCreateHeap(ULONG Flags, PVOID HeapBase, SIZE_T ReserveSize, SIZE_T CommitSize, PVOID Lock,
                    PRTL_HEAP_PARAMETERS Parameters)
{
    API_IRQL(RtlCreateHeap);
    if ((Lock && Flags & HEAP_NO_SERIALIZE) || (!HeapBase && !(Flags & HEAP_GROWABLE)) || fault_allocation())
        return NULL;
    struct heap *heap = ExAllocatePoolWithTag(PagedPool, sizeof *heap, 'paeH');
    if (!heap)
        return NULL;
    *heap = (struct heap){.signature = HEAP_SIGNATURE, .flags = Flags, .most = MAXLONG_PTR};
    InitializeListHead(&heap->blocks);
    if (!(Flags & HEAP_GROWABLE)) {
        heap->limit = Reserved(ReserveSize, CommitSize);
        heap->most = MOST_BLOCK;
        if (Parameters && Parameters->VirtualMemoryThreshold && Parameters->VirtualMemoryThreshold < heap->most)
            heap->most = Parameters->VirtualMemoryThreshold;
    }
    return heap;
}

static struct heap *HeapOf(PVOID handle)
{
    struct heap *heap = handle;
    return heap && heap->signature == HEAP_SIGNATURE ? heap : NULL;
}

PVOID RtlDestroyHeap(PVOID HeapHandle)
{
    API_IRQL(RtlDestroyHeap);
    struct heap *heap = HeapOf(HeapHandle);
    if (!heap)
        return HeapHandle;
    while (!IsListEmpty(&heap->blocks))
        ExFreePoolWithTag(CONTAINING_RECORD(RemoveHeadList(&heap->blocks), struct block, link), 'paeH');
    heap->signature = 0;
    ExFreePoolWithTag(heap, 'paeH');
    return NULL;
}

static bool Charge(struct heap *heap, SIZE_T size)
{
    sched_lock(&heap->lock);
    bool fits = size <= heap->most && (!heap->limit || heap->limit - heap->used >= size);
    if (fits)
        heap->used += size;
    sched_unlock(&heap->lock);
    return fits;
}

static void Discharge(struct heap *heap, SIZE_T size)
{
    sched_lock(&heap->lock);
    heap->used -= size;
    sched_unlock(&heap->lock);
}

static struct block *Allocate(struct heap *heap, SIZE_T size)
{
    if (!Charge(heap, size))
        return NULL;
    struct block *block = ExAllocatePoolWithTag(PagedPool, sizeof *block + size, 'paeH');
    if (!block) {
        Discharge(heap, size);
        return NULL;
    }
    block->size = size;
    sched_lock(&heap->lock);
    InsertTailList(&heap->blocks, &block->link);
    sched_unlock(&heap->lock);
    return block;
}

PVOID RtlAllocateHeap(PVOID HeapHandle, ULONG Flags, SIZE_T Size)
{
    API_ENTER(RtlAllocateHeap, HeapHandle, SCHED_WRITE);
    struct heap *heap = HeapOf(HeapHandle);
    struct block *block = heap ? Allocate(heap, Size) : NULL;
    if (!block) {
        if ((Flags | (heap ? heap->flags : 0)) & HEAP_GENERATE_EXCEPTIONS)
            ExRaiseStatus(STATUS_NO_MEMORY);
        return NULL;
    }
    if (Flags & HEAP_ZERO_MEMORY)
        memset(block + 1, 0, Size);
    return block + 1;
}

LOGICAL RtlFreeHeap(PVOID HeapHandle, ULONG Flags, PVOID BaseAddress)
{
    API_ENTER(RtlFreeHeap, HeapHandle, SCHED_WRITE);
    struct heap *heap = HeapOf(HeapHandle);
    struct block *found = NULL;
    if (!heap || !BaseAddress)
        return FALSE;
    sched_lock(&heap->lock);
    for (PLIST_ENTRY link = heap->blocks.Flink; link != &heap->blocks && !found; link = link->Flink)
        if (CONTAINING_RECORD(link, struct block, link) + 1 == BaseAddress)
            found = CONTAINING_RECORD(link, struct block, link);
    if (found) {
        RemoveEntryList(&found->link);
        heap->used -= found->size;
    }
    sched_unlock(&heap->lock);
    if (found)
        ExFreePoolWithTag(found, 'paeH');
    return found != NULL;
}
