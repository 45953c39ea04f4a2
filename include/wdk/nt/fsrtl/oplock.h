// Opportunistic locks.
#ifndef FLTSIM_WDK_NT_FSRTL_OPLOCK_H
#define FLTSIM_WDK_NT_FSRTL_OPLOCK_H

#include "../begin.h"
#include "../io/types.h"
#include "../types.h"

FLTSIM_WDK_BEGIN

typedef PVOID OPLOCK, *POPLOCK;

typedef VOID (*POPLOCK_WAIT_COMPLETE_ROUTINE)(_In_ PVOID Context, _In_ PIRP Irp);
typedef VOID (*POPLOCK_FS_PREPOST_IRP)(_In_ PVOID Context, _In_ PIRP Irp);

#define OPLOCK_FLAG_COMPLETE_IF_OPLOCKED 0x00000001
#define OPLOCK_FLAG_OPLOCK_KEY_CHECK_ONLY 0x00000002
#define OPLOCK_FLAG_BACK_OUT_ATOMIC_OPLOCK 0x00000004
#define OPLOCK_FLAG_IGNORE_OPLOCK_KEYS 0x00000008
#define OPLOCK_FLAG_PARENT_OBJECT 0x00000010
#define OPLOCK_FLAG_CLOSING_DELETE_ON_CLOSE 0x00000020
#define OPLOCK_FLAG_REMOVING_FILE_OR_LINK 0x00000040
#define OPLOCK_FLAG_BREAKING_FOR_SHARING_VIOLATION 0x00000080
#define OPLOCK_FSCTRL_FLAG_ALL_KEYS_MATCH 0x00000001

typedef struct _OPLOCK_KEY_ECP_CONTEXT {
    GUID OplockKey;
    ULONG Reserved;
} OPLOCK_KEY_ECP_CONTEXT, *POPLOCK_KEY_ECP_CONTEXT;

#define OPLOCK_KEY_VERSION_WIN7 0x0001
#define OPLOCK_KEY_VERSION_WIN8 0x0002
#define OPLOCK_KEY_FLAG_PARENT_KEY 0x0001
#define OPLOCK_KEY_FLAG_TARGET_KEY 0x0002

typedef struct _OPLOCK_KEY_CONTEXT {
    USHORT Version;
    USHORT Flags;
    GUID ParentOplockKey;
    GUID TargetOplockKey;
    ULONG Reserved;
} OPLOCK_KEY_CONTEXT, *POPLOCK_KEY_CONTEXT;

typedef enum _OPLOCK_NOTIFY_REASON {
    OPLOCK_NOTIFY_BREAK_WAIT_INTERIM_TIMEOUT = 0,
    OPLOCK_NOTIFY_BREAK_WAIT_TERMINATED = 1
} OPLOCK_NOTIFY_REASON, *POPLOCK_NOTIFY_REASON;
typedef struct _OPLOCK_NOTIFY_PARAMS {
    OPLOCK_NOTIFY_REASON NotifyReason;
    PVOID NotifyContext;
    PIRP Irp;
    ULONG Status;
} OPLOCK_NOTIFY_PARAMS, *POPLOCK_NOTIFY_PARAMS;

DEFINE_GUID(GUID_ECP_OPLOCK_KEY, 0x48850596, 0x3050, 0x4be7, 0x98, 0x63, 0xfe, 0xc3, 0x50, 0xce,
            0x8d, 0x7f);

VOID FsRtlInitializeOplock(_Inout_ POPLOCK Oplock);
VOID FsRtlUninitializeOplock(_Inout_ POPLOCK Oplock);
NTSTATUS FsRtlOplockFsctrl(_In_ POPLOCK Oplock, _In_ PIRP Irp, _In_ ULONG OpenCount);
NTSTATUS FsRtlOplockFsctrlEx(_In_ POPLOCK Oplock, _In_ PIRP Irp, _In_ ULONG OpenCount,
                             _In_ ULONG Flags);
NTSTATUS FsRtlCheckOplock(_In_ POPLOCK Oplock, _In_ PIRP Irp, _In_opt_ PVOID Context,
                          _In_opt_ POPLOCK_WAIT_COMPLETE_ROUTINE CompletionRoutine,
                          _In_opt_ POPLOCK_FS_PREPOST_IRP PostIrpRoutine);
// The checks. FsRtlCheckOplockEx breaks what the operation of the IRP conflicts with; FsRtlOplockBreakToNone(Ex) every
// oplock, down to none; FsRtlOplockBreakH the handle caching of others (nf-ntifs-fsrtloplockbreakh). Where an owner is
// to acknowledge and it is not the caller's own: STATUS_PENDING, and CompletionRoutine is called with the IRP when the
// break is over (IoStatus.Status: STATUS_SUCCESS) or the IRP was cancelled (STATUS_CANCELLED), PostIrpRoutine before
// this returns; without a CompletionRoutine the thread waits in here. OPLOCK_FLAG_COMPLETE_IF_OPLOCKED, or
// FILE_COMPLETE_IF_OPLOCKED of a create: STATUS_OPLOCK_BREAK_IN_PROGRESS instead.
// OPLOCK_FLAG_OPLOCK_KEY_CHECK_ONLY attaches a create's keys and breaks nothing; OPLOCK_FLAG_IGNORE_OPLOCK_KEYS takes
// only the same file object for an owner. A create with FILE_OPEN_REQUIRING_OPLOCK that would break one:
// STATUS_CANNOT_BREAK_OPLOCK, and nothing is broken. IRQL <= APC_LEVEL.
NTSTATUS FsRtlCheckOplockEx(_In_ POPLOCK Oplock, _In_ PIRP Irp, _In_ ULONG Flags,
                            _In_opt_ PVOID Context,
                            _In_opt_ POPLOCK_WAIT_COMPLETE_ROUTINE CompletionRoutine,
                            _In_opt_ POPLOCK_FS_PREPOST_IRP PostIrpRoutine);
NTSTATUS FsRtlOplockBreakToNone(_Inout_ POPLOCK Oplock, _In_ struct _IO_STACK_LOCATION *IrpSp,
                                _In_ PIRP Irp, _In_opt_ PVOID Context,
                                _In_opt_ POPLOCK_WAIT_COMPLETE_ROUTINE CompletionRoutine,
                                _In_opt_ POPLOCK_FS_PREPOST_IRP PostIrpRoutine);
NTSTATUS FsRtlOplockBreakToNoneEx(_Inout_ POPLOCK Oplock, _In_ PIRP Irp, _In_ ULONG Flags,
                                  _In_opt_ PVOID Context,
                                  _In_opt_ POPLOCK_WAIT_COMPLETE_ROUTINE CompletionRoutine,
                                  _In_opt_ POPLOCK_FS_PREPOST_IRP PostIrpRoutine);
NTSTATUS FsRtlOplockBreakH(_In_ POPLOCK Oplock, _In_ PIRP Irp, _In_ ULONG Flags,
                           _In_opt_ PVOID Context,
                           _In_opt_ POPLOCK_WAIT_COMPLETE_ROUTINE CompletionRoutine,
                           _In_opt_ POPLOCK_FS_PREPOST_IRP PostIrpRoutine);
BOOLEAN FsRtlOplockIsFastIoPossible(_In_ POPLOCK Oplock);
// nf-ntifs-fsrtloplockissharedrequest: does the FSCTL of this IRP ask for a level 2, R or RH oplock?
BOOLEAN FsRtlOplockIsSharedRequest(_In_ PIRP Irp);
// The same file object, or two that were opened with the same target oplock key (GUID_ECP_DUAL_OPLOCK_KEY,
// GUID_ECP_OPLOCK_KEY). Where keys are equal, the one does not break the other's oplock.
BOOLEAN FsRtlOplockKeysEqual(_In_opt_ PFILE_OBJECT Fo1, _In_opt_ PFILE_OBJECT Fo2);
BOOLEAN FsRtlCurrentBatchOplock(_In_ POPLOCK Oplock);
BOOLEAN FsRtlCurrentOplock(_In_ POPLOCK Oplock);
BOOLEAN FsRtlCurrentOplockH(_In_ POPLOCK Oplock);
NTSTATUS FsRtlUpgradeOplock(_In_ POPLOCK Oplock, _In_ PFILE_OBJECT FileObject);
// nf-ntddk-iogetoplockkeycontext(ex): the keys that the create of the file object brought, once the file
// system (FsRtlCheckOplockEx) has attached them; NULL: none, or, for the older one, no target key. They live as
// long as the file object. IRQL <= DISPATCH_LEVEL.
POPLOCK_KEY_ECP_CONTEXT IoGetOplockKeyContext(_In_ PFILE_OBJECT FileObject);
POPLOCK_KEY_CONTEXT IoGetOplockKeyContextEx(_In_ PFILE_OBJECT FileObject);

FLTSIM_WDK_END

#endif
