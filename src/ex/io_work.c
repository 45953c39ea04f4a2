#include "ex/expriv.h"

#include "ex/pool.h"
#include "fault/fault.h"
#include "ob/object.h"

#include <string.h>

/* I/O work items: as work items, holding the device (or driver) object while they are queued and running. */
struct _IO_WORKITEM {
    WORK_QUEUE_ITEM item;
    PVOID object;
    PIO_WORKITEM_ROUTINE routine;
    PIO_WORKITEM_ROUTINE_EX routine_ex;
    PVOID context;
    const void *site; // who queued it last
    ULONG live;
};

#define IO_WORK_TAG ((ULONG)'IWoI')
enum { LIVE = 0x6b726f57 };

void ExpQueueWorkItem(PWORK_QUEUE_ITEM item, const void *site);
bool ExpWorkItemIsQueued(PWORK_QUEUE_ITEM item);

static void run(PVOID context)
{
    struct _IO_WORKITEM item = *(PIO_WORKITEM)context; /* the routine may free it */

    if (item.routine_ex)
        item.routine_ex(item.object, item.context, context);
    else
        item.routine(item.object, item.context);
    ObpDereference(item.object);
}

static void misuse(PIO_WORKITEM item, const char *what, const void *site)
{
    struct verify_violation *v = verify_begin_fatal(VERIFY_WORK_ITEM_MISUSE, "The I/O work item %p %s.", (void *)item, what);
    if (item->live == LIVE && item->site)
        verify_site(v, "queued by", item->site);
    verify_site(v, "and now given by", site);
    verify_end_bugcheck(v, 0xE4, 1, (uintptr_t)item, 0, 0);
}

static void initialize(PVOID object, PIO_WORKITEM item)
{
    memset(item, 0, sizeof *item);
    item->object = object;
    item->live = LIVE;
    ExInitializeWorkItem(&item->item, run, item);
}

PIO_WORKITEM IoAllocateWorkItem(PDEVICE_OBJECT DeviceObject)
{
    API_IRQL(IoAllocateWorkItem);
    PIO_WORKITEM item = fault_allocation() ? NULL : ExpAllocate(EXP_ZERO, sizeof *item, IO_WORK_TAG, VERIFY_CALLER);
    if (item)
        initialize(DeviceObject, item);
    return item;
}

VOID IoFreeWorkItem(PIO_WORKITEM IoWorkItem)
{
    API_ENTER(IoFreeWorkItem, IoWorkItem, SCHED_WRITE);
    if (IoWorkItem->live == LIVE && ExpWorkItemIsQueued(&IoWorkItem->item))
        misuse(IoWorkItem, "was freed while it is queued: its routine has not run yet", VERIFY_CALLER);
    IoWorkItem->live = 0;
    ExpFree(IoWorkItem, 0, "IoFreeWorkItem", VERIFY_CALLER);
}

VOID IoInitializeWorkItem(PVOID IoObject, PIO_WORKITEM IoWorkItem)
{
    API_IRQL(IoInitializeWorkItem);
    initialize(IoObject, IoWorkItem);
}

VOID IoUninitializeWorkItem(PIO_WORKITEM IoWorkItem)
{
    API_ENTER(IoUninitializeWorkItem, IoWorkItem, SCHED_WRITE);
    if (IoWorkItem->live == LIVE && ExpWorkItemIsQueued(&IoWorkItem->item))
        misuse(IoWorkItem, "was uninitialized while it is queued: its routine has not run yet", VERIFY_CALLER);
    IoWorkItem->live = 0;
}

ULONG IoSizeofWorkItem(VOID)
{
    API_IRQL(IoSizeofWorkItem);
    return sizeof(struct _IO_WORKITEM);
}

static void queue(PIO_WORKITEM item, PIO_WORKITEM_ROUTINE routine, PIO_WORKITEM_ROUTINE_EX routine_ex, PVOID context,
                  const void *site)
{
    if (item->live != LIVE)
        misuse(item, "is not initialized, or was freed", site);
    if (ExpWorkItemIsQueued(&item->item))
        misuse(item, "was queued while it is queued already", site);
    item->routine = routine;
    item->routine_ex = routine_ex;
    item->context = context;
    item->site = site;
    ObpReference(item->object);
    ExpQueueWorkItem(&item->item, site);
}

VOID IoQueueWorkItem(PIO_WORKITEM IoWorkItem, PIO_WORKITEM_ROUTINE WorkerRoutine, WORK_QUEUE_TYPE QueueType,
                     PVOID Context)
{
    API_ENTER(IoQueueWorkItem, IoWorkItem, SCHED_WRITE);
    queue(IoWorkItem, WorkerRoutine, NULL, Context, VERIFY_CALLER);
}

VOID IoQueueWorkItemEx(PIO_WORKITEM IoWorkItem, PIO_WORKITEM_ROUTINE_EX WorkerRoutine, WORK_QUEUE_TYPE QueueType,
                       PVOID Context)
{
    API_ENTER(IoQueueWorkItemEx, IoWorkItem, SCHED_WRITE);
    queue(IoWorkItem, NULL, WorkerRoutine, Context, VERIFY_CALLER);
}

BOOLEAN IoTryQueueWorkItem(PIO_WORKITEM IoWorkItem, PIO_WORKITEM_ROUTINE_EX WorkerRoutine, WORK_QUEUE_TYPE QueueType,
                           PVOID Context)
{
    API_ENTER(IoTryQueueWorkItem, IoWorkItem, SCHED_WRITE);
    if (ExpWorkItemIsQueued(&IoWorkItem->item))
        return FALSE;
    queue(IoWorkItem, NULL, WorkerRoutine, Context, VERIFY_CALLER);
    return TRUE;
}
