/* FSCTL_SET_PURGE_FAILURE_MODE: a data scan has a section of the stream open. What conflicts with it is not failed as a
 * program's fault then: the Filter Manager hears of it, and tries again. */
#include "memfs/fsctl.h"

NTSTATUS MemfsPurgeFailureMode(struct memfs_fsctl *c)
{
    if (!c->scb->stream || c->in_length < sizeof(SET_PURGE_FAILURE_MODE_INPUT))
        return STATUS_INVALID_PARAMETER;
    ULONG mode = ((const SET_PURGE_FAILURE_MODE_INPUT *)c->in)->Flags;
    if (mode != SET_PURGE_FAILURE_MODE_ENABLED && mode != SET_PURGE_FAILURE_MODE_DISABLED)
        return STATUS_INVALID_PARAMETER;
    LONG change = mode == SET_PURGE_FAILURE_MODE_ENABLED ? 1 : -1;
    if (InterlockedExchangeAdd(&c->ccb->scans, change) + change < 0) {
        InterlockedIncrement(&c->ccb->scans);
        return STATUS_INVALID_PARAMETER;
    }
    InterlockedExchangeAdd(&c->scb->scanned, change);
    return STATUS_SUCCESS;
}

void MemfsScansEnd(struct memfs_scb *scb, struct memfs_ccb *ccb)
{
    if (ccb->scans)
        InterlockedExchangeAdd(&scb->scanned, -ccb->scans);
}

bool MemfsIsScanned(struct memfs_scb *scb) { return __atomic_load_n(&scb->scanned, __ATOMIC_RELAXED) > 0; }

NTSTATUS MemfsInUse(struct memfs_scb *scb) { return MemfsIsScanned(scb) ? STATUS_PURGE_FAILED : STATUS_USER_MAPPED_FILE; }
