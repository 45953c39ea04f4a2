/* The activity identifiers of threads. */
#include "etw/etwp.h"

#include "ke/thread.h"
#include "verify/api.h"

/* Numbered, not random: a run replays. */
static GUID Create(void)
{
    sched_lock(&etw.lock);
    ULONG number = ++etw.activities;
    sched_unlock(&etw.lock);
    return (GUID){number, 0, 0x4000, {0x80, 0, 0, 0, 0, 'e', 't', 'w'}};
}

static void Set(PKTHREAD thread, const GUID *id)
{
    thread->own_activity = *id;
    thread->activity = &thread->own_activity;
}

NTSTATUS EtwActivityIdControl(ULONG ControlCode, LPGUID ActivityId)
{
    API_IRQL(EtwActivityIdControl);
    PKTHREAD thread = KiCurrentThread();
    GUID before = thread->activity ? *thread->activity : (GUID){0};
    GUID fresh;
    switch (ControlCode) {
    case EVENT_ACTIVITY_CTRL_GET_ID:
        *ActivityId = before;
        return STATUS_SUCCESS;
    case EVENT_ACTIVITY_CTRL_SET_ID:
        Set(thread, ActivityId);
        return STATUS_SUCCESS;
    case EVENT_ACTIVITY_CTRL_CREATE_ID:
        *ActivityId = Create();
        return STATUS_SUCCESS;
    case EVENT_ACTIVITY_CTRL_GET_SET_ID:
        Set(thread, ActivityId);
        *ActivityId = before;
        return STATUS_SUCCESS;
    case EVENT_ACTIVITY_CTRL_CREATE_SET_ID:
        fresh = Create();
        Set(thread, &fresh);
        *ActivityId = before;
        return STATUS_SUCCESS;
    default:
        return STATUS_INVALID_PARAMETER;
    }
}
