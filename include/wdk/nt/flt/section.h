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

NTSTATUS FltRegisterForDataScan(_In_ const PFLT_INSTANCE Instance);
NTSTATUS FltCreateSectionForDataScan(
    _In_ PFLT_INSTANCE Instance, _In_ PFILE_OBJECT FileObject, _In_ PFLT_CONTEXT SectionContext,
    _In_ ACCESS_MASK DesiredAccess, _In_opt_ POBJECT_ATTRIBUTES ObjectAttributes,
    _In_opt_ PLARGE_INTEGER MaximumSize, _In_ ULONG SectionPageProtection,
    _In_ ULONG AllocationAttributes, _In_ ULONG Flags, _Outptr_ PHANDLE SectionHandle,
    _Outptr_ PVOID *SectionObject, _Out_opt_ PLARGE_INTEGER SectionFileSize);
NTSTATUS FltCloseSectionForDataScan(_In_ PFLT_CONTEXT SectionContext);

#define FLT_MAX_TRANSACTION_NOTIFICATIONS                                                          \
    (TRANSACTION_NOTIFY_PREPREPARE | TRANSACTION_NOTIFY_PREPARE | TRANSACTION_NOTIFY_COMMIT |      \
     TRANSACTION_NOTIFY_ROLLBACK | TRANSACTION_NOTIFY_COMMIT_FINALIZE)

NTSTATUS FltEnlistInTransaction(_In_ PFLT_INSTANCE Instance, _In_ PKTRANSACTION Transaction,
                                _In_ PFLT_CONTEXT TransactionContext,
                                _In_ NOTIFICATION_MASK NotificationMask);
NTSTATUS FltRollbackEnlistment(_In_ PFLT_INSTANCE Instance, _In_ PKTRANSACTION Transaction,
                               _In_opt_ PFLT_CONTEXT TransactionContext);
NTSTATUS FltPrePrepareComplete(_In_ PFLT_INSTANCE Instance, _In_ PKTRANSACTION Transaction,
                               _In_opt_ PFLT_CONTEXT TransactionContext);
NTSTATUS FltPrepareComplete(_In_ PFLT_INSTANCE Instance, _In_ PKTRANSACTION Transaction,
                            _In_opt_ PFLT_CONTEXT TransactionContext);
NTSTATUS FltCommitComplete(_In_ PFLT_INSTANCE Instance, _In_ PKTRANSACTION Transaction,
                           _In_opt_ PFLT_CONTEXT TransactionContext);
NTSTATUS FltCommitFinalizeComplete(_In_ PFLT_INSTANCE Instance, _In_ PKTRANSACTION Transaction,
                                   _In_opt_ PFLT_CONTEXT TransactionContext);
NTSTATUS FltRollbackComplete(_In_ PFLT_INSTANCE Instance, _In_ PKTRANSACTION Transaction,
                             _In_opt_ PFLT_CONTEXT TransactionContext);

FLTSIM_WDK_END

#endif
