/* Data scans: scan_conflict.c; section_scan.c has the documented routines. */
#ifndef FLTSIM_FLT_SCAN_H
#define FLTSIM_FLT_SCAN_H

#include "fltp.h"

#pragma GCC visibility push(hidden) /* as in sched.h */

/* The section of this linked context is about to be made (STATUS_INSUFFICIENT_RESOURCES: cannot be); and is closed, or was
 * not made. */
NTSTATUS FltpBeginScan(PFLT_INSTANCE Instance, PFLT_CONTEXT Context, PFILE_OBJECT File);
void FltpEndScan(PFLT_INSTANCE Instance, PFLT_CONTEXT Context);
void FltpEndScans(PFLT_INSTANCE Instance); /* the instance goes */
void FltpEndScansOf(PFLT_VOLUME Volume, PFILE_OBJECT File); /* IRP_MJ_CLOSE is on its way down */

static inline bool FltpMeetsScans(PFLT_VOLUME Volume, UCHAR Major)
{
    if (__builtin_expect(__atomic_load_n(&Volume->ScanCount, __ATOMIC_ACQUIRE) == 0, 1))
        return false;
    return Major == IRP_MJ_CREATE || Major == IRP_MJ_WRITE || Major == IRP_MJ_SET_INFORMATION;
}
/* At its way's bottom: a scan may be in the way of this operation. */
bool FltpMayMeetScan(PIRP_CTRL Op);
static inline LONG FltpScansEnded(PFLT_VOLUME Volume) { return __atomic_load_n(&Volume->ScansEnded, __ATOMIC_ACQUIRE); }
/* After the file system's answer. True: a scan was in the way, and is no more. EndedBefore: FltpScansEnded before it was
 * asked. */
bool FltpGivesWay(PIRP_CTRL Op, NTSTATUS Status, LONG EndedBefore);
/* Calls the device below until no scan is in the way. The IRP is complete up to here; what IoCallDriver answered last. */
NTSTATUS FltpCallAroundScans(PIRP_CTRL Op);

#pragma GCC visibility pop

#endif
