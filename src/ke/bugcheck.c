#include "ke/kep.h"

#include "trace/trace.h"
#include "verify/verify.h"

/* Drivers save their state for the dump; each callback is called once. */
static void CallCallbacks(void)
{
    PLIST_ENTRY head = &ki->bugcheck_callbacks;
    while (!IsListEmpty(head)) {
        PKBUGCHECK_CALLBACK_RECORD record = CONTAINING_RECORD(RemoveHeadList(head), KBUGCHECK_CALLBACK_RECORD, Entry);
        record->State = BufferStarted;
        record->CallbackRoutine(record->Buffer, record->Length);
        record->State = BufferFinished;
    }
}

BOOLEAN KeRegisterBugCheckCallback(PKBUGCHECK_CALLBACK_RECORD CallbackRecord, PKBUGCHECK_CALLBACK_ROUTINE CallbackRoutine,
                                   PVOID Buffer, ULONG Length, PUCHAR Component)
{
    sched_lock(&ki->bugcheck_lock);
    BOOLEAN added = CallbackRecord->State == BufferEmpty;
    if (added) {
        CallbackRecord->CallbackRoutine = CallbackRoutine;
        CallbackRecord->Buffer = Buffer;
        CallbackRecord->Length = Length;
        CallbackRecord->Component = Component;
        CallbackRecord->State = BufferInserted;
        InsertTailList(&ki->bugcheck_callbacks, &CallbackRecord->Entry);
    }
    sched_unlock(&ki->bugcheck_lock);
    return added;
}

BOOLEAN KeDeregisterBugCheckCallback(PKBUGCHECK_CALLBACK_RECORD CallbackRecord)
{
    sched_lock(&ki->bugcheck_lock);
    BOOLEAN removed = CallbackRecord->State == BufferInserted;
    if (removed) {
        RemoveEntryList(&CallbackRecord->Entry);
        CallbackRecord->State = BufferEmpty;
    }
    sched_unlock(&ki->bugcheck_lock);
    return removed;
}

static void Stop(ULONG code, const ULONG_PTR *parameters, const void *site)
{
    CallCallbacks();
    struct verify_violation *v =
        verify_begin_fatal(VERIFY_BUGCHECK, "Bug check 0x%X (0x%llX, 0x%llX, 0x%llX, 0x%llX).", code,
                           parameters[0], parameters[1], parameters[2], parameters[3]);
    verify_site(v, "stopped by", site);
    verify_end_bugcheck(v, code, parameters[0], parameters[1], parameters[2], parameters[3]);
}

VOID KeBugCheckEx(ULONG BugCheckCode, ULONG_PTR BugCheckParameter1, ULONG_PTR BugCheckParameter2,
                  ULONG_PTR BugCheckParameter3, ULONG_PTR BugCheckParameter4)
{
    const ULONG_PTR parameters[] = {BugCheckParameter1, BugCheckParameter2, BugCheckParameter3, BugCheckParameter4};
    Stop(BugCheckCode, parameters, VERIFY_CALLER);
    __builtin_unreachable();
}

VOID KeBugCheck(ULONG BugCheckCode)
{
    const ULONG_PTR parameters[4] = {0};
    Stop(BugCheckCode, parameters, VERIFY_CALLER);
    __builtin_unreachable();
}
