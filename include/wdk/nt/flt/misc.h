// Pool, push locks and resources by way of the Filter Manager; bypass I/O.
#ifndef FLTSIM_WDK_NT_FLT_MISC_H
#define FLTSIM_WDK_NT_FLT_MISC_H

#include "../begin.h"
#include "../ex.h"
#include "../types.h"
#include "callback_data.h"
#include "types.h"

FLTSIM_WDK_BEGIN

// Pool aligned as the instance's volume needs for non-cached I/O: FltFreePoolAlignedWithTag. IRQL
// <= APC_LEVEL.
PVOID FltAllocatePoolAlignedWithTag(_In_ PFLT_INSTANCE Instance, _In_ POOL_TYPE PoolType,
                                    _In_ SIZE_T NumberOfBytes, _In_ ULONG Tag);

// Frees what FltAllocatePoolAlignedWithTag made, with the same instance and tag.
VOID FltFreePoolAlignedWithTag(_In_ PFLT_INSTANCE Instance, _In_ PVOID Buffer, _In_ ULONG Tag);

// Makes a push lock: FltDeletePushLock. IRQL <= APC_LEVEL.
VOID FltInitializePushLock(_Out_ PEX_PUSH_LOCK PushLock);

// After its last use. IRQL <= APC_LEVEL.
VOID FltDeletePushLock(_In_ PEX_PUSH_LOCK PushLock);

// Enters a critical region too. Not recursive. IRQL <= APC_LEVEL.
VOID FltAcquirePushLockExclusive(_Inout_ PEX_PUSH_LOCK PushLock);

// Enters a critical region too. Not recursive. IRQL <= APC_LEVEL.
VOID FltAcquirePushLockShared(_Inout_ PEX_PUSH_LOCK PushLock);

// Leaves the critical region too. IRQL <= APC_LEVEL.
VOID FltReleasePushLock(_Inout_ PEX_PUSH_LOCK PushLock);

#define FLT_PUSH_LOCK_ENABLE_AUTO_BOOST 0x01ul
#define FLT_PUSH_LOCK_DISABLE_AUTO_BOOST 0x02ul
#define FLT_PUSH_LOCK_VALID_FLAGS                                                                  \
    (FLT_PUSH_LOCK_ENABLE_AUTO_BOOST | FLT_PUSH_LOCK_DISABLE_AUTO_BOOST)

// Likewise, with flags for priority boosts.
VOID FltAcquirePushLockExclusiveEx(_Inout_ PEX_PUSH_LOCK PushLock, _In_ ULONG Flags);

// Likewise, with flags.
VOID FltAcquirePushLockSharedEx(_Inout_ PEX_PUSH_LOCK PushLock, _In_ ULONG Flags);

// Likewise, with the acquirer's flags.
VOID FltReleasePushLockEx(_Inout_ PEX_PUSH_LOCK PushLock, _In_ ULONG Flags);

// Enters a critical region and waits for the resource. IRQL <= APC_LEVEL.
VOID FltAcquireResourceExclusive(_Inout_ PERESOURCE Resource);

// Likewise, shared. IRQL <= APC_LEVEL.
VOID FltAcquireResourceShared(_Inout_ PERESOURCE Resource);

// Releases it and leaves the critical region. IRQL <= DISPATCH_LEVEL.
VOID FltReleaseResource(_Inout_ PERESOURCE Resource);

// In a pre-operation callback of FSCTL_MANAGE_BYPASS_IO that enables or queries: writes why not, and who says so (the
// filter's name and ".sys"), into the output, and its size into IoStatus.Information. The callback then completes the
// operation with STATUS_SUCCESS. IRQL <= APC_LEVEL. STATUS_BUFFER_TOO_SMALL, STATUS_INVALID_BUFFER_SIZE, STATUS_INVALID_PARAMETER_3,
// STATUS_INVALID_PARAMETER_4, STATUS_NOT_SUPPORTED.
NTSTATUS FltVetoBypassIo(_In_ PFLT_CALLBACK_DATA CallbackData,
                         _In_ PCFLT_RELATED_OBJECTS FltObjects, _In_ NTSTATUS OperationStatus,
                         _In_ PCUNICODE_STRING FailureReason);

FLTSIM_WDK_END

#endif
