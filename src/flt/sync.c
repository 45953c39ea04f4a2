#include "flt/context.h"

#include "ex/lock.h"
#include "ke/thread.h"
#include "verify/api.h"
#include "verify/verify.h"

#include <fltKernel.h>

/* Push locks and resources with the critical region that their Ex... relatives leave to the caller. */

VOID FltInitializePushLock(PEX_PUSH_LOCK PushLock)
{
    API_IRQL(FltInitializePushLock);
    verify_lock_new(PushLock);
    *PushLock = 0;
    ExpTellMade(PushLock);
}

VOID FltDeletePushLock(PEX_PUSH_LOCK PushLock)
{
    API_ENTER(FltDeletePushLock, PushLock, SCHED_WRITE);
    FltpPushLockGone(PushLock, VERIFY_CALLER);
    verify_lock_new(PushLock);
    if (!ExpPushLockIsHeld(PushLock))
        return;
    struct verify_violation *v =
        verify_begin(VERIFY_LOCK_MISUSE, "The push lock %p was deleted while it is held.", (void *)PushLock);
    verify_site(v, "by", VERIFY_CALLER);
    verify_end(v);
}

VOID FltAcquirePushLockExclusive(PEX_PUSH_LOCK PushLock)
{
    API_ENTER(FltAcquirePushLockExclusive, PushLock, SCHED_WRITE);
    ExpAcquirePushLock(PushLock, true, VERIFY_CALLER);
}

VOID FltAcquirePushLockShared(PEX_PUSH_LOCK PushLock)
{
    API_ENTER(FltAcquirePushLockShared, PushLock, SCHED_WRITE);
    ExpAcquirePushLock(PushLock, false, VERIFY_CALLER);
}

VOID FltReleasePushLock(PEX_PUSH_LOCK PushLock)
{
    API_ENTER(FltReleasePushLock, PushLock, SCHED_WRITE);
    ExpReleasePushLock(PushLock, VERIFY_CALLER);
}

VOID FltAcquirePushLockExclusiveEx(PEX_PUSH_LOCK PushLock, ULONG Flags)
{
    API_ENTER(FltAcquirePushLockExclusiveEx, PushLock, SCHED_WRITE);
    ExpAcquirePushLock(PushLock, true, VERIFY_CALLER);
}

VOID FltAcquirePushLockSharedEx(PEX_PUSH_LOCK PushLock, ULONG Flags)
{
    API_ENTER(FltAcquirePushLockSharedEx, PushLock, SCHED_WRITE);
    ExpAcquirePushLock(PushLock, false, VERIFY_CALLER);
}

VOID FltReleasePushLockEx(PEX_PUSH_LOCK PushLock, ULONG Flags)
{
    API_ENTER(FltReleasePushLockEx, PushLock, SCHED_WRITE);
    ExpReleasePushLock(PushLock, VERIFY_CALLER);
}

VOID FltAcquireResourceExclusive(PERESOURCE Resource)
{
    API_ENTER(FltAcquireResourceExclusive, Resource, SCHED_WRITE);
    KiEnterCritical();
    ExpAcquireResource(Resource, EXP_EXCLUSIVE, true, VERIFY_CALLER);
}

VOID FltAcquireResourceShared(PERESOURCE Resource)
{
    API_ENTER(FltAcquireResourceShared, Resource, SCHED_WRITE);
    KiEnterCritical();
    ExpAcquireResource(Resource, EXP_SHARED, true, VERIFY_CALLER);
}

VOID FltReleaseResource(PERESOURCE Resource)
{
    API_ENTER(FltReleaseResource, Resource, SCHED_WRITE);
    ExpReleaseResource(Resource, (ULONG_PTR)KiCurrentThread(), VERIFY_CALLER);
    KiLeaveCritical();
}
