/* Device queues: entries that wait while a device is busy. */
#include "ke/kep.h"

#include "verify/api.h"

enum { DeviceQueueObject = 20 };

VOID KeInitializeDeviceQueue(PKDEVICE_QUEUE DeviceQueue)
{
    DeviceQueue->Type = DeviceQueueObject;
    DeviceQueue->Size = sizeof *DeviceQueue;
    InitializeListHead(&DeviceQueue->DeviceListHead);
    KeInitializeSpinLock(&DeviceQueue->Lock);
    DeviceQueue->Busy = FALSE;
}

/* Before the first entry with a greater key; NULL: at the end. */
static void Insert(PKDEVICE_QUEUE queue, PKDEVICE_QUEUE_ENTRY entry, const ULONG *key)
{
    PLIST_ENTRY at = &queue->DeviceListHead;
    if (key) {
        for (at = at->Flink; at != &queue->DeviceListHead; at = at->Flink)
            if (CONTAINING_RECORD(at, KDEVICE_QUEUE_ENTRY, DeviceListEntry)->SortKey > *key)
                break;
    }
    InsertTailList(at, &entry->DeviceListEntry);
}

static BOOLEAN InsertIfBusy(PKDEVICE_QUEUE queue, PKDEVICE_QUEUE_ENTRY entry, const ULONG *key)
{
    KLOCK_QUEUE_HANDLE handle;
    KeAcquireInStackQueuedSpinLock(&queue->Lock, &handle);
    entry->Inserted = queue->Busy;
    if (key)
        entry->SortKey = *key;
    if (queue->Busy)
        Insert(queue, entry, key);
    queue->Busy = TRUE;
    KeReleaseInStackQueuedSpinLock(&handle);
    return entry->Inserted;
}

BOOLEAN KeInsertDeviceQueue(PKDEVICE_QUEUE DeviceQueue, PKDEVICE_QUEUE_ENTRY DeviceQueueEntry)
{
    API_IRQL(KeInsertDeviceQueue);
    return InsertIfBusy(DeviceQueue, DeviceQueueEntry, NULL);
}

BOOLEAN KeInsertByKeyDeviceQueue(PKDEVICE_QUEUE DeviceQueue, PKDEVICE_QUEUE_ENTRY DeviceQueueEntry, ULONG SortKey)
{
    API_IRQL(KeInsertByKeyDeviceQueue);
    return InsertIfBusy(DeviceQueue, DeviceQueueEntry, &SortKey);
}

PKDEVICE_QUEUE_ENTRY KeRemoveDeviceQueue(PKDEVICE_QUEUE DeviceQueue)
{
    KLOCK_QUEUE_HANDLE handle;
    PKDEVICE_QUEUE_ENTRY entry = NULL;

    API_IRQL(KeRemoveDeviceQueue);
    KeAcquireInStackQueuedSpinLock(&DeviceQueue->Lock, &handle);
    if (IsListEmpty(&DeviceQueue->DeviceListHead)) {
        DeviceQueue->Busy = FALSE;
    } else {
        entry = CONTAINING_RECORD(RemoveHeadList(&DeviceQueue->DeviceListHead), KDEVICE_QUEUE_ENTRY, DeviceListEntry);
        entry->Inserted = FALSE;
    }
    KeReleaseInStackQueuedSpinLock(&handle);
    return entry;
}

BOOLEAN KeRemoveEntryDeviceQueue(PKDEVICE_QUEUE DeviceQueue, PKDEVICE_QUEUE_ENTRY DeviceQueueEntry)
{
    KLOCK_QUEUE_HANDLE handle;

    API_IRQL(KeRemoveEntryDeviceQueue);
    KeAcquireInStackQueuedSpinLock(&DeviceQueue->Lock, &handle);
    BOOLEAN queued = DeviceQueueEntry->Inserted;
    if (queued)
        RemoveEntryList(&DeviceQueueEntry->DeviceListEntry);
    DeviceQueueEntry->Inserted = FALSE;
    KeReleaseInStackQueuedSpinLock(&handle);
    return queued;
}
