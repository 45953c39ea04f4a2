/* IRPs: where their memory comes from and goes to.
 *
 * Each OS thread keeps free blocks of two sizes; what it has too many of goes to a shared list. A block never goes
 * back to the heap before the machine stops, so that a stale pointer to an IRP still finds an IRP there and can be
 * named: Type is 0 while the block is free. */
#include "iop.h"

#include "fault/fault.h"
#include "fsrtl/fsrtlp.h"
#include "ps/quota.h"

#include <string.h>

#define SMALL_STACK 6
#define LARGE_STACK 24
#define CACHE_LIMIT 64
#define HOLD 1024

struct iop_cache {
    struct iop_cache *next;       /* io_state.caches */
    struct iop_block *free[2];    /* small, large */
    struct iop_block *last[2];    /* under special pool `free` is in the order they were freed */
    unsigned count[2];
    struct iop_block *all;        /* every block this cache made */
};

static _Thread_local struct iop_cache *own_cache;
static _Thread_local unsigned own_generation;

static struct iop_cache *Cache(void)
{
    if (__builtin_expect(own_cache != NULL && own_generation == io->generation, 1))
        return own_cache;
    struct iop_cache *cache = sim_alloc(sizeof *cache);
    sched_lock(&io->cache_lock);
    cache->next = io->caches;
    io->caches = cache;
    sched_unlock(&io->cache_lock);
    own_cache = cache;
    own_generation = io->generation;
    return cache;
}

/* One location more than the capacity: a driver that prepares a next location where there is none writes there, and
 * IoCallDriver says so, instead of the IRP being overwritten. */
static size_t BlockSize(unsigned capacity)
{
    return sizeof(struct iop_block) + (capacity + 1) * sizeof(IO_STACK_LOCATION);
}

static struct iop_block *NewBlock(struct iop_cache *cache, unsigned capacity)
{
    struct iop_block *block = sim_alloc(BlockSize(capacity));
    block->capacity = (unsigned char)capacity;
    block->all = cache->all;
    cache->all = block;
    return block;
}

/* Takes every small block that other threads gave back. */
static struct iop_block *TakeShared(struct iop_cache *cache)
{
    if (!__atomic_load_n(&io->shared, __ATOMIC_RELAXED))
        return NULL;
    sched_lock(&io->cache_lock);
    struct iop_block *taken = io->shared;
    __atomic_store_n(&io->shared, NULL, __ATOMIC_RELAXED);
    sched_unlock(&io->cache_lock);
    if (!taken)
        return NULL;
    cache->free[0] = taken->next;
    for (struct iop_block *b = taken->next; b; b = b->next)
        cache->count[0]++;
    return taken;
}

/* Under special pool a freed block serves again when many others have been freed after it: what is stale is seen until then. */
static struct iop_block *TakeLate(struct iop_cache *cache, unsigned kind)
{
    struct iop_block *block = cache->free[kind];
    if (cache->count[kind] <= HOLD)
        return NewBlock(cache, kind ? LARGE_STACK : SMALL_STACK);
    cache->free[kind] = block->next;
    cache->count[kind]--;
    return block;
}

static void GiveLate(struct iop_cache *cache, struct iop_block *block, unsigned kind)
{
    block->next = NULL;
    if (cache->count[kind]++)
        cache->last[kind]->next = block;
    else
        cache->free[kind] = block;
    cache->last[kind] = block;
}

static struct iop_block *TakeBlock(unsigned stack)
{
    struct iop_cache *cache = Cache();
    if (stack > LARGE_STACK)
        return NewBlock(cache, stack);
    unsigned kind = stack > SMALL_STACK;
    if (__builtin_expect(machine->options.special_pool, 0))
        return TakeLate(cache, kind);
    struct iop_block *block = cache->free[kind];
    if (__builtin_expect(block != NULL, 1)) {
        cache->free[kind] = block->next;
        cache->count[kind]--;
        return block;
    }
    if (!kind && (block = TakeShared(cache)))
        return block;
    return NewBlock(cache, kind ? LARGE_STACK : SMALL_STACK);
}

static void ShareBlocks(struct iop_cache *cache)
{
    struct iop_block *first = cache->free[0], *last = first;
    for (unsigned i = 1; i < CACHE_LIMIT / 2; i++)
        last = last->next;
    cache->free[0] = last->next;
    cache->count[0] -= CACHE_LIMIT / 2;
    sched_lock(&io->cache_lock);
    last->next = io->shared;
    __atomic_store_n(&io->shared, first, __ATOMIC_RELAXED);
    sched_unlock(&io->cache_lock);
}

static void GiveBlock(struct iop_block *block)
{
    if (block->capacity > LARGE_STACK)
        return; /* found again through iop_cache.all */
    struct iop_cache *cache = Cache();
    unsigned kind = block->capacity > SMALL_STACK;
    if (__builtin_expect(machine->options.special_pool, 0)) {
        GiveLate(cache, block, kind);
        return;
    }
    block->next = cache->free[kind];
    cache->free[kind] = block;
    if (++cache->count[kind] >= CACHE_LIMIT && !kind)
        ShareBlocks(cache);
}

static void InitializeIrp(PIRP irp, USHORT size, CCHAR stack, UCHAR flags)
{
    memset(irp, 0, size);
    irp->Type = IO_TYPE_IRP;
    irp->Size = size;
    irp->StackCount = stack;
    irp->CurrentLocation = (CHAR)(stack + 1);
    irp->AllocationFlags = flags;
    irp->Tail.Overlay.CurrentStackLocation = (PIO_STACK_LOCATION)(irp + 1) + stack;
    InitializeListHead(&irp->ThreadListEntry);
}

static void InitializeBlock(struct iop_block *block, CCHAR stack)
{
    InitializeIrp(&block->irp, (USHORT)(IoSizeOfIrp(stack) + sizeof(IO_STACK_LOCATION)), stack, IOP_ALLOCATED);
    block->irp.Size = IoSizeOfIrp(stack);
    block->irp.Tail.Overlay.CurrentStackLocation++;
}

PIRP IopAllocateIrp(CCHAR stack_size, enum iop_owner owner, const void *caller)
{
    struct iop_block *block = TakeBlock((unsigned char)stack_size);
    block->state = IOP_BLOCK_OUT;
    block->owner = (unsigned char)owner;
    block->caller = caller;
    block->queued = block->cancelling = block->free_later = block->holds_thread = false;
    block->charged = NULL;
    block->room = 0;
    block->room_of = NULL;
    block->overfilled = NULL;
    InitializeBlock(block, stack_size);
    return &block->irp;
}

void IopFreeIrp(PIRP irp)
{
    struct iop_block *block = IopBlock(irp);
    if (block->queued && !IopDequeueThreadIrp(irp))
        return;
    block->state = IOP_BLOCK_FREE;
    irp->Type = 0;
    if (block->charged)
        PspReturnQuota(block->charged, PS_NONPAGED, block->charge);
    GiveBlock(block);
}

/* A driver's. `charge`: the current process pays until the free, as far as its quota goes. */
static PIRP AllocateIrp(CCHAR stack, BOOLEAN charge, const void *caller)
{
    struct ps_quota *quota = NULL;
    if (stack <= 0 || fault_allocation())
        return NULL;
    if (charge && !NT_SUCCESS(PspChargeQuota(PS_NONPAGED, IoSizeOfIrp(stack), &quota)))
        return NULL;
    PIRP irp = IopAllocateIrp(stack, IOP_OWNER_DRIVER, caller);
    IopBlock(irp)->charged = quota;
    IopBlock(irp)->charge = IoSizeOfIrp(stack);
    return irp;
}

PIRP IoAllocateIrp(CCHAR StackSize, BOOLEAN ChargeQuota)
{
    API_IRQL(IoAllocateIrp);
    return AllocateIrp(StackSize, ChargeQuota, VERIFY_CALLER);
}

PIRP IoAllocateIrpEx(PDEVICE_OBJECT DeviceObject, CCHAR StackSize, BOOLEAN ChargeQuota)
{
    API_IRQL(IoAllocateIrp);
    return AllocateIrp(StackSize, ChargeQuota, VERIFY_CALLER);
}

VOID IoInitializeIrp(PIRP Irp, USHORT PacketSize, CCHAR StackSize)
{
    struct iop_block *block = Irp->Type == IO_TYPE_IRP ? IopBlock(Irp) : NULL;
    bool ours = block && block->state == IOP_BLOCK_OUT && block->capacity >= (unsigned char)StackSize &&
                Irp->Size == PacketSize;
    if (PacketSize < IoSizeOfIrp(StackSize)) {
        verify_violate(VERIFY_IRP_STACK_OVERRUN, "IoInitializeIrp: %u bytes hold no IRP with %d stack locations",
                       PacketSize, StackSize);
        return;
    }
    if (ours)
        InitializeBlock(block, StackSize);
    else
        InitializeIrp(Irp, PacketSize, StackSize, 0);
}

VOID IoReuseIrp(PIRP Irp, NTSTATUS Iostatus)
{
    API_IRQL(IoReuseIrp);
    if (!IopBlock(Irp) || IopBlock(Irp)->owner != IOP_OWNER_DRIVER) {
        verify_violate(VERIFY_IRP_MISUSE, "IoReuseIrp was given an IRP that does not come from IoAllocateIrp");
        return;
    }
    InitializeBlock(IopBlock(Irp), Irp->StackCount);
    Irp->IoStatus.Status = Iostatus;
}

static _Noreturn void FreedTwice(PIRP irp, const struct iop_block *block, const void *caller)
{
    struct verify_violation *v = verify_begin(VERIFY_IRP_MISUSE, "The IRP %p was freed twice", (void *)irp);
    verify_site(v, "allocated by", block->caller);
    verify_site(v, "freed again by", caller);
    verify_end_bugcheck(v, 0xC2, 7, 0, 0, (uintptr_t)irp);
}

VOID IoFreeIrp(PIRP Irp)
{
    API_IRQL(IoFreeIrp);
    struct iop_block *block = IopBlock(Irp);
    if (!block) {
        verify_bugcheck(VERIFY_IRP_MISUSE, 0x4E, (uintptr_t)Irp, 0, 0, 0,
                        "IoFreeIrp was given an IRP (%p) that does not come from IoAllocateIrp", (void *)Irp);
    }
    if (block->state == IOP_BLOCK_FREE || Irp->Type != IO_TYPE_IRP)
        FreedTwice(Irp, block, VERIFY_CALLER);
    if (block->queued) {
        struct verify_violation *v =
            verify_begin(VERIFY_IRP_MISUSE, "IoFreeIrp: the IRP %p is still in its thread's list", (void *)Irp);
        verify_site(v, "allocated by", block->caller);
        verify_site(v, "freed by", VERIFY_CALLER);
        verify_end(v);
    }
    FsRtlpEndCreateTry(&Irp->FltsimPrivate[0], NULL);
    IopFreeIrp(Irp);
}

PIRP IoMakeAssociatedIrp(PIRP Irp, CCHAR StackSize)
{
    if (StackSize <= 0 || fault_allocation())
        return NULL;
    PIRP irp = IopAllocateIrp(StackSize, IOP_OWNER_DRIVER, VERIFY_CALLER);
    irp->Flags |= IRP_ASSOCIATED_IRP;
    irp->Tail.Overlay.Thread = Irp->Tail.Overlay.Thread;
    irp->AssociatedIrp.MasterIrp = Irp;
    return irp;
}

static void ReportIrp(const struct iop_block *block)
{
    const IRP *irp = &block->irp;
    bool current = irp->CurrentLocation > 0 && irp->CurrentLocation <= irp->StackCount;
    const IO_STACK_LOCATION *stack = irp->Tail.Overlay.CurrentStackLocation;
    struct verify_violation *v;
    if (block->owner == IOP_OWNER_DRIVER)
        v = verify_begin(VERIFY_IRP_LEAK, "The IRP %p was allocated and never freed", (const void *)irp);
    else
        v = verify_begin(VERIFY_PENDED_NOT_COMPLETED, "The IRP %p (%s) was sent and never completed",
                         (const void *)irp, current ? trace_major(stack->MajorFunction) : "never sent");
    verify_site(v, "allocated by", block->caller);
    if (current && stack->DeviceObject && stack->DeviceObject->DriverObject) {
        PUNICODE_STRING name = &stack->DeviceObject->DriverObject->DriverName;
        char text[128];
        verify_history(v, "last sent to %s", trace_utf8((const uint16_t *)name->Buffer, name->Length, text, sizeof text));
    }
    verify_end(v);
}

/* The machine stops: names what is still out and gives the memory back. */
void IopStopIrps(bool dead)
{
    while (io->caches) {
        struct iop_cache *cache = io->caches;
        io->caches = cache->next;
        while (cache->all) {
            struct iop_block *block = cache->all;
            cache->all = block->all;
            if (block->state == IOP_BLOCK_OUT && !dead)
                ReportIrp(block);
            if (block->state == IOP_BLOCK_OUT && block->charged)
                PspDropQuota(block->charged);
            sim_free(block);
        }
        sim_free(cache);
    }
}
