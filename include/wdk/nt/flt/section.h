// Sections for data scans, and transactions.
#ifndef FLTSIM_WDK_NT_FLT_SECTION_H
#define FLTSIM_WDK_NT_FLT_SECTION_H

#include "../begin.h"
#include "../io.h"
#include "../ob.h"
#include "../tm.h"
#include "../types.h"
#include "callback_data.h"
#include "context.h"
#include "types.h"

FLTSIM_WDK_BEGIN

// The instance may make sections for scans. STATUS_NOT_SUPPORTED on a network volume. IRQL <=
// APC_LEVEL.
NTSTATUS FltRegisterForDataScan(_In_ const PFLT_INSTANCE Instance);

// A section of the whole stream, that gives way: SectionNotificationCallback says when. The handle
// and the object are the caller's; FltCloseSectionForDataScan ends it. IRQL <= APC_LEVEL.
// STATUS_END_OF_FILE, STATUS_FILE_LOCK_CONFLICT, STATUS_INSUFFICIENT_RESOURCES,
// STATUS_INVALID_FILE_FOR_SECTION, STATUS_INVALID_PARAMETER, STATUS_INVALID_PARAMETER_8,
// STATUS_INVALID_PARAMETER_9, STATUS_NOT_SUPPORTED, STATUS_PRIVILEGE_NOT_HELD,
// STATUS_FILE_IS_A_DIRECTORY, STATUS_FLT_CONTEXT_ALREADY_DEFINED.
NTSTATUS FltCreateSectionForDataScan(
    _In_ PFLT_INSTANCE Instance, _In_ PFILE_OBJECT FileObject, _In_ PFLT_CONTEXT SectionContext,
    _In_ ACCESS_MASK DesiredAccess, _In_opt_ POBJECT_ATTRIBUTES ObjectAttributes,
    _In_opt_ PLARGE_INTEGER MaximumSize, _In_ ULONG SectionPageProtection,
    _In_ ULONG AllocationAttributes, _In_ ULONG Flags, _Outptr_ PHANDLE SectionHandle,
    _Outptr_ PVOID *SectionObject, _Out_opt_ PLARGE_INTEGER SectionFileSize);

// Closes the section of the context; its handle and object are given back by the caller. IRQL <=
// APC_LEVEL. STATUS_INVALID_PARAMETER, STATUS_NOT_FOUND.
NTSTATUS FltCloseSectionForDataScan(_In_ PFLT_CONTEXT SectionContext);

#define FLT_MAX_TRANSACTION_NOTIFICATIONS                                                          \
    (TRANSACTION_NOTIFY_PREPREPARE | TRANSACTION_NOTIFY_PREPARE | TRANSACTION_NOTIFY_COMMIT |      \
     TRANSACTION_NOTIFY_ROLLBACK | TRANSACTION_NOTIFY_COMMIT_FINALIZE)

// Asks for the notifications; the context is linked, and the callback gets it referenced.
// STATUS_FLT_ALREADY_ENLISTED is harmless. IRQL <= APC_LEVEL. Also STATUS_FLT_DELETING_OBJECT,
// STATUS_INSUFFICIENT_RESOURCES, STATUS_INVALID_PARAMETER, STATUS_INVALID_PARAMETER_4.
NTSTATUS FltEnlistInTransaction(_In_ PFLT_INSTANCE Instance, _In_ PKTRANSACTION Transaction,
                                _In_ PFLT_CONTEXT TransactionContext,
                                _In_ NOTIFICATION_MASK NotificationMask);

// Rolls the transaction back. IRQL <= APC_LEVEL. STATUS_NOT_FOUND,
// STATUS_TRANSACTION_REQUEST_NOT_VALID.
NTSTATUS FltRollbackEnlistment(_In_ PFLT_INSTANCE Instance, _In_ PKTRANSACTION Transaction,
                               _In_opt_ PFLT_CONTEXT TransactionContext);

// Answers a pre-prepare notification that the callback answered with STATUS_PENDING. IRQL <=
// APC_LEVEL. Also STATUS_NOT_FOUND.
NTSTATUS FltPrePrepareComplete(_In_ PFLT_INSTANCE Instance, _In_ PKTRANSACTION Transaction,
                               _In_opt_ PFLT_CONTEXT TransactionContext);

// Likewise prepare. IRQL <= APC_LEVEL. STATUS_NOT_FOUND.
NTSTATUS FltPrepareComplete(_In_ PFLT_INSTANCE Instance, _In_ PKTRANSACTION Transaction,
                            _In_opt_ PFLT_CONTEXT TransactionContext);

// Likewise commit. IRQL PASSIVE_LEVEL. STATUS_NOT_FOUND.
NTSTATUS FltCommitComplete(_In_ PFLT_INSTANCE Instance, _In_ PKTRANSACTION Transaction,
                           _In_opt_ PFLT_CONTEXT TransactionContext);

// Likewise commit-finalize. IRQL <= APC_LEVEL. STATUS_NOT_FOUND.
NTSTATUS FltCommitFinalizeComplete(_In_ PFLT_INSTANCE Instance, _In_ PKTRANSACTION Transaction,
                                   _In_opt_ PFLT_CONTEXT TransactionContext);

// Likewise rollback. IRQL PASSIVE_LEVEL. STATUS_NOT_FOUND.
NTSTATUS FltRollbackComplete(_In_ PFLT_INSTANCE Instance, _In_ PKTRANSACTION Transaction,
                             _In_opt_ PFLT_CONTEXT TransactionContext);

FLTSIM_WDK_END

#endif
