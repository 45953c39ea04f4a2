// Pool, push locks and resources by way of the Filter Manager; bypass I/O.
#ifndef FLTSIM_WDK_NT_FLT_MISC_H
#define FLTSIM_WDK_NT_FLT_MISC_H

#include "../begin.h"
#include "../ex.h"
#include "../types.h"
#include "callback_data.h"
#include "types.h"

FLTSIM_WDK_BEGIN

PVOID FltAllocatePoolAlignedWithTag(_In_ PFLT_INSTANCE Instance, _In_ POOL_TYPE PoolType,
                                    _In_ SIZE_T NumberOfBytes, _In_ ULONG Tag);
VOID FltFreePoolAlignedWithTag(_In_ PFLT_INSTANCE Instance, _In_ PVOID Buffer, _In_ ULONG Tag);

VOID FltInitializePushLock(_Out_ PEX_PUSH_LOCK PushLock);
VOID FltDeletePushLock(_In_ PEX_PUSH_LOCK PushLock);
VOID FltAcquirePushLockExclusive(_Inout_ PEX_PUSH_LOCK PushLock);
VOID FltAcquirePushLockShared(_Inout_ PEX_PUSH_LOCK PushLock);
VOID FltReleasePushLock(_Inout_ PEX_PUSH_LOCK PushLock);

#define FLT_PUSH_LOCK_ENABLE_AUTO_BOOST 0x01ul
#define FLT_PUSH_LOCK_DISABLE_AUTO_BOOST 0x02ul
#define FLT_PUSH_LOCK_VALID_FLAGS                                                                  \
    (FLT_PUSH_LOCK_ENABLE_AUTO_BOOST | FLT_PUSH_LOCK_DISABLE_AUTO_BOOST)

VOID FltAcquirePushLockExclusiveEx(_Inout_ PEX_PUSH_LOCK PushLock, _In_ ULONG Flags);
VOID FltAcquirePushLockSharedEx(_Inout_ PEX_PUSH_LOCK PushLock, _In_ ULONG Flags);
VOID FltReleasePushLockEx(_Inout_ PEX_PUSH_LOCK PushLock, _In_ ULONG Flags);

VOID FltAcquireResourceExclusive(_Inout_ PERESOURCE Resource);
VOID FltAcquireResourceShared(_Inout_ PERESOURCE Resource);
VOID FltReleaseResource(_Inout_ PERESOURCE Resource);

NTSTATUS FltVetoBypassIo(_In_ PFLT_CALLBACK_DATA CallbackData,
                         _In_ PCFLT_RELATED_OBJECTS FltObjects, _In_ NTSTATUS OperationStatus,
                         _In_ PCUNICODE_STRING FailureReason);

FLTSIM_WDK_END

#endif
