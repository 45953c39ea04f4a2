/* Private to the rooms that stand next to file systems: what fsrtl offers beyond its documented routines. */
#ifndef FLTSIM_FSRTL_FSRTLP_H
#define FLTSIM_FSRTL_FSRTLP_H

#include <ntifs.h>

#include "sched/sched.h"
#include "sim/machine.h"
#include "verify/api.h"
#include "verify/verify.h"

/* The file system filter callbacks of a driver, hung in its driver extension (FsFilterCallbacks). */
struct _FS_FILTER_CALLBACKS;
const struct _FS_FILTER_CALLBACKS *FsRtlpFilterCallbacks(PDRIVER_OBJECT driver);
/* A driver is going away: forget its callbacks. */
void FsRtlpForgetDriver(PDRIVER_OBJECT driver);

/* Around sections, cache flushes and the modified page writer: what the memory and cache managers call. Each acquire
 * that succeeds enters a critical region, which its release leaves. */
NTSTATUS FsRtlAcquireToCreateMappedSection(PFILE_OBJECT FileObject, ULONG SectionPageProtection);
NTSTATUS FsRtlAcquireFileForCcFlushEx(PFILE_OBJECT FileObject);
VOID FsRtlAcquireFileForCcFlush(PFILE_OBJECT FileObject);
VOID FsRtlReleaseFileForCcFlush(PFILE_OBJECT FileObject);
NTSTATUS FsRtlAcquireFileForModWriteEx(PFILE_OBJECT FileObject, PLARGE_INTEGER EndingOffset,
                                       PERESOURCE *ResourceToRelease);
BOOLEAN FsRtlAcquireFileForModWrite(PFILE_OBJECT FileObject, PLARGE_INTEGER EndingOffset,
                                    PERESOURCE *ResourceToRelease);
VOID FsRtlReleaseFileForModWrite(PFILE_OBJECT FileObject, PERESOURCE ResourceToRelease);

/* The I/O manager calls this as a file object is deleted, after its IRP_MJ_CLOSE: what is still on its list of
 * per-file-object contexts is unlinked, and the list is freed. FILE_OBJECT.FileObjectExtension belongs to the I/O
 * manager; FsRtlpFileObjectList says where in it fsrtl keeps its pointer. */
void FsRtlpDeleteFileObjectContexts(PFILE_OBJECT file);

/* Extra create parameters of one create, called by the I/O manager with the list its caller passed (or NULL):
 *   FsRtlpBeginCreate    before the first try;
 *   FsRtlpEndCreateTry   after each try, the one that succeeds included: takes the list out of the IRP, and frees it
 *                        when it is not the caller's (a filter set it into the IRP);
 *   FsRtlpEndCreate      after the last try: frees what filters added to the caller's list. The caller owns the rest. */
void FsRtlpBeginCreate(PECP_LIST callers);
void FsRtlpEndCreateTry(PIRP irp, PECP_LIST callers);
void FsRtlpEndCreate(PECP_LIST callers);
/* Marks an ECP that a program sent. */
void FsRtlpSetEcpFromUserMode(PVOID ecpContext, BOOLEAN user);
/* The number of ECPs on the list (0 for NULL). */
ULONG FsRtlpCountEcps(PECP_LIST list);

bool FsRtlpStart(void);
void FsRtlpStop(void);

#endif
