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

/* IRP_MJ_QUERY_OPEN: asks the drivers below `top`, for a create in the making (its IRP has a stack location). False: it
 * must be opened. */
bool FsRtlpQueryOpen(PDEVICE_OBJECT top, PFILE_OBJECT file, PIRP irp, ULONG kind, PVOID buffer, PULONG length,
                     NTSTATUS *result);

/* copy.c: the file is cached, and its file system has nothing against it. Under the file's main resource. */
bool FsRtlpFastIoAllowed(PFSRTL_COMMON_FCB_HEADER header, PFILE_OBJECT file, PLARGE_INTEGER offset, ULONG length, ULONG key,
                         bool read);

/* The I/O manager calls this as a file object is deleted, after its IRP_MJ_CLOSE: what is still on its list of
 * per-file-object contexts is unlinked, and the list is freed. FILE_OBJECT.FileObjectExtension belongs to the I/O
 * manager; FsRtlpFileObjectList says where in it fsrtl keeps its pointer. */
void FsRtlpDeleteFileObjectContexts(PFILE_OBJECT file);

/* ---- extra create parameters (ECPs) ---- */

/* Who called: what a report says. The Filter Manager's routines are the file system run-time's, with their own names. */
struct fsrtl_who {
    const char *routine;
    const void *site;
};
#define FSRTL_WHO(routine) ((struct fsrtl_who){#routine, VERIFY_CALLER})

NTSTATUS FsRtlpAllocateEcpList(FSRTL_ALLOCATE_ECPLIST_FLAGS flags, PECP_LIST *list, struct fsrtl_who who);
void FsRtlpFreeEcpList(PECP_LIST list, struct fsrtl_who who);
NTSTATUS FsRtlpAllocateEcp(LPCGUID type, ULONG size, FSRTL_ALLOCATE_ECP_FLAGS flags,
                           PFSRTL_EXTRA_CREATE_PARAMETER_CLEANUP_CALLBACK cleanup, ULONG tag, PVOID *context,
                           struct fsrtl_who who);
/* head: the driver's. */
NTSTATUS FsRtlpAllocateLookasideEcp(LPCGUID type, ULONG size, FSRTL_ALLOCATE_ECP_FLAGS flags,
                                    PFSRTL_EXTRA_CREATE_PARAMETER_CLEANUP_CALLBACK cleanup, PVOID head, PVOID *context,
                                    struct fsrtl_who who);
void FsRtlpFreeEcp(PVOID context, struct fsrtl_who who);
NTSTATUS FsRtlpInsertEcp(PECP_LIST list, PVOID context, struct fsrtl_who who);
NTSTATUS FsRtlpFindEcp(PECP_LIST list, LPCGUID type, PVOID *context, ULONG *size, struct fsrtl_who who);
NTSTATUS FsRtlpRemoveEcp(PECP_LIST list, LPCGUID type, PVOID *context, ULONG *size, struct fsrtl_who who);
NTSTATUS FsRtlpNextEcp(PECP_LIST list, PVOID current, LPGUID type, PVOID *context, ULONG *size, struct fsrtl_who who);
void FsRtlpAcknowledgeEcp(PVOID context, bool acknowledged, struct fsrtl_who who);
bool FsRtlpIsEcpAcknowledged(PVOID context, struct fsrtl_who who);
bool FsRtlpIsEcpFromUserMode(PVOID context, struct fsrtl_who who);
/* Marks an ECP that a program sent. */
void FsRtlpSetEcpFromUserMode(PVOID context, BOOLEAN user);
/* The number of ECPs on the list (0 for NULL). */
ULONG FsRtlpCountEcps(PECP_LIST list);

void FsRtlpInitEcpLookaside(PVOID head, FSRTL_ECP_LOOKASIDE_FLAGS flags, SIZE_T size, ULONG tag, struct fsrtl_who who);
void FsRtlpDeleteEcpLookaside(PVOID head, FSRTL_ECP_LOOKASIDE_FLAGS flags, struct fsrtl_who who);

/* One create, by the I/O manager, with the list that its caller passed (or NULL):
 *   FsRtlpBeginCreate    before the first try;
 *   FsRtlpEndCreateTry   after each try, the one that succeeds included: takes the list out of the create, and frees it
 *                        when it is not the caller's (a filter set it into the create);
 *   FsRtlpEndCreate      after the last try: frees what filters added to the caller's list. The caller owns the rest.
 * slot: where the create keeps its list, IRP.FltsimPrivate[0] mostly. */
void FsRtlpBeginCreate(PECP_LIST callers, PCUNICODE_STRING name);
void FsRtlpEndCreateTry(PVOID *slot, PECP_LIST callers);
void FsRtlpEndCreate(PECP_LIST callers);
/* A filter sets its list into the create of `file`. */
NTSTATUS FsRtlpSetEcpList(PVOID *slot, PFILE_OBJECT file, PECP_LIST list, struct fsrtl_who who);

/* ecp-leak and the like for what the driver's code (NULL: anybody's) left; called when it has unloaded. */
void FsRtlpReportDriver(const char *driver);
void FsRtlpStartEcps(void);
void FsRtlpStopEcps(void);

bool FsRtlpStart(void);
void FsRtlpStop(void);

/* The Filter Manager's: what FsRtlGetSupportedFeatures answers. */
typedef NTSTATUS (*FSRTLP_FEATURES)(PDEVICE_OBJECT device, PULONG features);
extern FSRTLP_FEATURES FsRtlpFeatures;

#endif
