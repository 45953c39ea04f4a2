// Directory change notification.
#ifndef FLTSIM_WDK_NT_FSRTL_NOTIFY_H
#define FLTSIM_WDK_NT_FSRTL_NOTIFY_H

#include "../begin.h"
#include "../io/types.h"
#include "../se.h"
#include "../types.h"

FLTSIM_WDK_BEGIN

typedef PVOID PNOTIFY_SYNC; // opaque

typedef BOOLEAN (*PCHECK_FOR_TRAVERSE_ACCESS)(_In_ PVOID NotifyContext,
                                              _In_opt_ PVOID TargetContext,
                                              _In_ PSECURITY_SUBJECT_CONTEXT SubjectContext);
typedef BOOLEAN (*PFILTER_REPORT_CHANGE)(_In_ PVOID NotifyContext, _In_ PVOID FilterContext);

VOID FsRtlNotifyInitializeSync(_In_ PNOTIFY_SYNC *NotifySync);
VOID FsRtlNotifyUninitializeSync(_In_ PNOTIFY_SYNC *NotifySync);
VOID FsRtlNotifyFullChangeDirectory(_In_ PNOTIFY_SYNC NotifySync, _In_ PLIST_ENTRY NotifyList,
                                    _In_ PVOID FsContext, _Inout_ PSTRING FullDirectoryName,
                                    _In_ BOOLEAN WatchTree, _In_ BOOLEAN IgnoreBuffer,
                                    _In_ ULONG CompletionFilter, _In_opt_ PIRP NotifyIrp,
                                    _In_opt_ PCHECK_FOR_TRAVERSE_ACCESS TraverseCallback,
                                    _In_opt_ PSECURITY_SUBJECT_CONTEXT SubjectContext);
// nf-ntifs-fsrtlnotifyfilterchangedirectory: queues the IRP of a watcher (FsContext), whose first one says what is
// watched; each is completed by a report, by its cancellation (STATUS_CANCELLED), by FsRtlNotifyCleanup
// (STATUS_NOTIFY_CLEANUP, also at once for a file object that is cleaned up) or by a call without an IRP: the
// directory goes, STATUS_DELETE_PENDING. SubjectContext, from pool, is the package's from here on: it releases and frees
// it, at the latest with the watch. TraverseCallback is asked about changes below a watched tree, FilterCallback
// (NotifyContext = FsContext, FilterContext = the report's) about every change: FALSE is not reported; both run at
// APC_LEVEL. IRQL: PASSIVE_LEVEL with a SubjectContext, else <= APC_LEVEL.
VOID FsRtlNotifyFilterChangeDirectory(_In_ PNOTIFY_SYNC NotifySync, _In_ PLIST_ENTRY NotifyList,
                                      _In_ PVOID FsContext, _In_ PSTRING FullDirectoryName,
                                      _In_ BOOLEAN WatchTree, _In_ BOOLEAN IgnoreBuffer,
                                      _In_ ULONG CompletionFilter, _In_opt_ PIRP NotifyIrp,
                                      _In_opt_ PCHECK_FOR_TRAVERSE_ACCESS TraverseCallback,
                                      _In_opt_ PSECURITY_SUBJECT_CONTEXT SubjectContext,
                                      _In_opt_ PFILTER_REPORT_CHANGE FilterCallback);
VOID FsRtlNotifyFullReportChange(_In_ PNOTIFY_SYNC NotifySync, _In_ PLIST_ENTRY NotifyList,
                                 _In_ PSTRING FullTargetName, _In_ USHORT TargetNameOffset,
                                 _In_opt_ PSTRING StreamName, _In_opt_ PSTRING NormalizedParentName,
                                 _In_ ULONG FilterMatch, _In_ ULONG Action,
                                 _In_opt_ PVOID TargetContext);
// nf-ntifs-fsrtlnotifyfilterreportchange: FullTargetName, whose last component begins TargetNameOffset bytes into it,
// changed. Who watches it for one of FilterMatch and is not kept from it by a callback gets an entry (Action, the name
// below the watched directory, with ":StreamName" if given) now or with the next IRP; what does not fit the first
// IRP's length ends one with STATUS_NOTIFY_ENUM_DIR. IRQL <= APC_LEVEL.
VOID FsRtlNotifyFilterReportChange(_In_ PNOTIFY_SYNC NotifySync, _In_ PLIST_ENTRY NotifyList,
                                   _In_ PSTRING FullTargetName, _In_ USHORT TargetNameOffset,
                                   _In_opt_ PSTRING StreamName,
                                   _In_opt_ PSTRING NormalizedParentName, _In_ ULONG FilterMatch,
                                   _In_ ULONG Action, _In_opt_ PVOID TargetContext,
                                   _In_opt_ PVOID FilterContext);
VOID FsRtlNotifyCleanup(_In_ PNOTIFY_SYNC NotifySync, _In_ PLIST_ENTRY NotifyList,
                        _In_ PVOID FsContext);
VOID FsRtlNotifyCleanupAll(_In_ PNOTIFY_SYNC NotifySync, _In_ PLIST_ENTRY NotifyList);

#define FSRTL_VOLUME_DISMOUNT 1
#define FSRTL_VOLUME_DISMOUNT_FAILED 2
#define FSRTL_VOLUME_LOCK 3
#define FSRTL_VOLUME_LOCK_FAILED 4
#define FSRTL_VOLUME_UNLOCK 5
#define FSRTL_VOLUME_MOUNT 6
#define FSRTL_VOLUME_NEEDS_CHKDSK 7
#define FSRTL_VOLUME_WORM_NEAR_FULL 8
#define FSRTL_VOLUME_WEARING_OUT 9
#define FSRTL_VOLUME_FORCED_CLOSED 10
#define FSRTL_VOLUME_INFO_MAKE_COMPAT 11
#define FSRTL_VOLUME_PREPARING_EJECT 12
#define FSRTL_VOLUME_CHANGE_SIZE 13
#define FSRTL_VOLUME_BACKGROUND_FORMAT 14

NTSTATUS FsRtlNotifyVolumeEvent(_In_ PFILE_OBJECT FileObject, _In_ ULONG EventCode);

FLTSIM_WDK_END

#endif
