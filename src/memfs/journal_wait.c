/* Readers of the change journal who wait for records: each request is out of everybody's hands but one's, whether the
 * records, the time, its cancellation, its handle's end or the journal's comes first. */
#include "memfs/journal.h"

#include <string.h>

struct memfs_readers {
    IO_CSQ queue;
    KSPIN_LOCK lock;
    LIST_ENTRY irps; /* IRP.Tail.Overlay.ListEntry */
};

struct reader {
    volatile LONG references; /* the request's, the timer's */
    struct memfs_store *store;
    struct memfs_volume *volume;
    PFILE_OBJECT file;
    READ_USN_JOURNAL_DATA_V1 ask;
    ULONG room;
    USN until; /* the journal's end that it waits for */
    IO_CSQ_IRP_CONTEXT context;
    PIRP irp; /* taken out of the queue */
    bool timed;
    volatile LONG late; /* its time is over */
    KTIMER timer;
    KDPC dpc;
    WORK_QUEUE_ITEM work;
};

struct wanted {
    PFILE_OBJECT file;
    struct memfs_volume *volume;
    USN next;
    bool all;
};

static struct reader *reader_of(PIRP irp)
{
    return irp->Tail.Overlay.DriverContext[0];
}

static void release(struct reader *reader)
{
    if (InterlockedDecrement(&reader->references) == 0)
        ExFreePoolWithTag(reader, MEMFS_TAG);
}

/* The request ends otherwise. */
static void forget_timer(struct reader *reader)
{
    if (reader->timed && KeCancelTimer(&reader->timer))
        release(reader);
}

static void complete(PIRP irp, NTSTATUS status, ULONG_PTR done)
{
    struct reader *reader = reader_of(irp);
    forget_timer(reader);
    release(reader);
    MemfsComplete(irp, status, done);
}

/* -- the queue --------------------------------------------------------------------------------- */

static struct memfs_readers *readers_of(PIO_CSQ queue)
{
    return CONTAINING_RECORD(queue, struct memfs_readers, queue);
}

static VOID insert(PIO_CSQ queue, PIRP irp)
{
    InsertTailList(&readers_of(queue)->irps, &irp->Tail.Overlay.ListEntry);
}

static VOID remove_irp(PIO_CSQ queue, PIRP irp)
{
    RemoveEntryList(&irp->Tail.Overlay.ListEntry);
}

static bool is_wanted(const struct reader *reader, const struct wanted *wanted)
{
    if (wanted->file || wanted->volume)
        return reader->file == wanted->file || reader->volume == wanted->volume;
    return wanted->all || reader->until <= wanted->next;
}

static PIRP peek(PIO_CSQ queue, PIRP irp, PVOID context)
{
    struct memfs_readers *readers = readers_of(queue);
    PLIST_ENTRY link = irp ? irp->Tail.Overlay.ListEntry.Flink : readers->irps.Flink;
    for (; link != &readers->irps; link = link->Flink) {
        PIRP found = CONTAINING_RECORD(link, IRP, Tail.Overlay.ListEntry);
        if (!context || is_wanted(reader_of(found), context))
            return found;
    }
    return NULL;
}

static VOID acquire(PIO_CSQ queue, PKIRQL irql)
{
    KeAcquireSpinLock(&readers_of(queue)->lock, irql);
}

static VOID let_go(PIO_CSQ queue, KIRQL irql)
{
    KeReleaseSpinLock(&readers_of(queue)->lock, irql);
}

static VOID cancelled(PIO_CSQ queue, PIRP irp)
{
    complete(irp, STATUS_CANCELLED, 0);
}

/* Made for the first who waits; goes with the store. */
static struct memfs_readers *readers_for(struct memfs_store *store)
{
    struct memfs_readers *readers = __atomic_load_n(&store->readers, __ATOMIC_ACQUIRE), *nobody = NULL;
    if (readers)
        return readers;
    readers = sim_alloc(sizeof *readers);
    KeInitializeSpinLock(&readers->lock);
    InitializeListHead(&readers->irps);
    IoCsqInitialize(&readers->queue, insert, remove_irp, peek, acquire, let_go, cancelled);
    if (__atomic_compare_exchange_n(&store->readers, &nobody, readers, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
        return readers;
    sim_free(readers);
    return nobody;
}

/* -- going on ---------------------------------------------------------------------------------- */

static WORKER_THREAD_ROUTINE go_on;

static void queue_work(struct reader *reader, PIRP irp)
{
    reader->irp = irp;
    ExInitializeWorkItem(&reader->work, go_on, reader);
    ExQueueWorkItem(&reader->work, DelayedWorkQueue);
}

static USN end_of(struct memfs_store *store)
{
    ExAcquireFastMutex(&store->journal_lock);
    USN end = store->journal ? store->journal->next : 0;
    ExReleaseFastMutex(&store->journal_lock);
    return end;
}

static void enqueue(struct reader *reader, PIRP irp)
{
    struct memfs_store *store = reader->store;
    struct memfs_readers *readers = readers_for(store);
    InterlockedIncrement(&reader->references); /* the request may be over before we are */
    IoCsqInsertIrp(&readers->queue, irp, &reader->context);
    if (!__atomic_load_n(&store->journal, __ATOMIC_ACQUIRE))
        MemfsEndReaders(store, NULL, NULL, STATUS_JOURNAL_DELETE_IN_PROGRESS);
    else
        MemfsWakeReaders(store, end_of(store)); /* what came before it was in the queue */
    if (MemfsCount(&reader->late) && (irp = IoCsqRemoveIrp(&readers->queue, &reader->context)))
        queue_work(reader, irp);
    release(reader);
}

/* In a worker thread. What came may not be what was asked for: then it waits for more. */
static VOID go_on(PVOID context)
{
    struct reader *reader = context;
    PIRP irp = reader->irp;
    ULONG_PTR done = 0;
    PVOID out = MmGetSystemAddressForMdlSafe(irp->MdlAddress, NormalPagePriority);
    NTSTATUS status = !out                                       ? STATUS_INSUFFICIENT_RESOURCES
                      : MemfsIs(&reader->volume->dismounted) ? STATUS_VOLUME_DISMOUNTED
                                                                 : STATUS_SUCCESS;
    bool late = MemfsCount(&reader->late) != 0;
    if (NT_SUCCESS(status))
        status = MemfsReadUsns(reader->store, &reader->ask, out, reader->room, &done);
    if (status == STATUS_SUCCESS && done == sizeof(USN) && !late) {
        reader->until = end_of(reader->store) + (USN)reader->ask.BytesToWaitFor;
        enqueue(reader, irp);
        return;
    }
    complete(irp, status, NT_ERROR(status) ? 0 : done);
}

static VOID time_is_over(PKDPC dpc, PVOID context, PVOID unused1, PVOID unused2)
{
    struct reader *reader = context;
    InterlockedExchange(&reader->late, 1);
    PIRP irp = IoCsqRemoveIrp(&reader->store->readers->queue, &reader->context);
    if (irp)
        queue_work(reader, irp);
    release(reader);
}

void MemfsWakeReaders(struct memfs_store *store, USN next)
{
    struct memfs_readers *readers = __atomic_load_n(&store->readers, __ATOMIC_ACQUIRE);
    struct wanted wanted = {.next = next};
    PIRP irp;
    while (readers && (irp = IoCsqRemoveNextIrp(&readers->queue, &wanted)))
        queue_work(reader_of(irp), irp);
}

void MemfsEndReaders(struct memfs_store *store, PFILE_OBJECT file, struct memfs_volume *volume, NTSTATUS status)
{
    struct memfs_readers *readers = __atomic_load_n(&store->readers, __ATOMIC_ACQUIRE);
    struct wanted wanted = {.file = file, .volume = volume, .all = true};
    PIRP irp;
    while (readers && (irp = IoCsqRemoveNextIrp(&readers->queue, &wanted)))
        complete(irp, status, 0);
}

/* -- waiting ----------------------------------------------------------------------------------- */

/* The records come in another thread: into memory that stays. */
static NTSTATUS lock_buffer(struct memfs_fsctl *c)
{
    volatile NTSTATUS status = STATUS_SUCCESS;
    PMDL mdl = IoAllocateMdl(c->irp->UserBuffer, c->out_length, FALSE, FALSE, c->irp);
    if (!mdl)
        return STATUS_INSUFFICIENT_RESOURCES;
    __try {
        MmProbeAndLockPages(mdl, c->irp->RequestorMode, IoWriteAccess);
    } __except (EXCEPTION_EXECUTE_HANDLER) {
        status = GetExceptionCode();
    }
    if (!NT_SUCCESS(status)) {
        c->irp->MdlAddress = NULL;
        IoFreeMdl(mdl);
    }
    return status;
}

static void start_timer(struct reader *reader)
{
    LARGE_INTEGER due = {.QuadPart = -(LONGLONG)(reader->ask.Timeout % MAXLONG) * 10 * 1000 * 1000};
    KeInitializeTimer(&reader->timer);
    KeInitializeDpc(&reader->dpc, time_is_over, reader);
    reader->timed = true;
    reader->references++;
    KeSetTimer(&reader->timer, due, &reader->dpc);
}

NTSTATUS MemfsWaitForUsn(struct memfs_fsctl *c, const READ_USN_JOURNAL_DATA_V1 *ask)
{
    struct memfs_store *store = c->volume->store;
    NTSTATUS status = c->irp->MdlAddress ? STATUS_SUCCESS : lock_buffer(c);
    if (!NT_SUCCESS(status))
        return status;
    struct reader *reader = ExAllocatePoolWithTag(NonPagedPool, sizeof *reader, MEMFS_TAG);
    if (!reader)
        return STATUS_INSUFFICIENT_RESOURCES;
    memset(reader, 0, sizeof *reader);
    reader->references = 1;
    reader->store = store;
    reader->volume = c->volume;
    reader->file = c->file;
    reader->ask = *ask;
    reader->ask.BytesToWaitFor %= MAXLONG;
    reader->ask.StartUsn = *(const USN *)c->out; /* what was looked at already does not match */
    reader->room = c->out_length;
    reader->until = reader->ask.StartUsn + (USN)reader->ask.BytesToWaitFor;
    c->irp->Tail.Overlay.DriverContext[0] = reader;
    readers_for(store);
    IoMarkIrpPending(c->irp);
    if (ask->Timeout)
        start_timer(reader);
    enqueue(reader, c->irp);
    c->done = 0;
    return STATUS_PENDING;
}
