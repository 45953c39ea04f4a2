/* Notify routines for processes, threads and images. */
#include "ps/psp.h"

#include "ke/kep.h"
#include "verify/api.h"
#include "verify/verify.h"

static struct psp_notify *Find(PVOID routine, enum psp_notify_kind kind)
{
    for (int i = 0; i < PSP_NOTIFY_LIMIT; i++) {
        struct psp_notify *notify = &psp->notify[i];
        if (notify->routine == routine && notify->kind == kind && !notify->removed)
            return notify;
    }
    return NULL;
}

static NTSTATUS Add(PVOID routine, enum psp_notify_kind kind, const void *site)
{
    NTSTATUS status = STATUS_INSUFFICIENT_RESOURCES;
    sched_lock(&psp->lock);
    for (int i = 0; i < PSP_NOTIFY_LIMIT; i++) {
        struct psp_notify *notify = &psp->notify[i];
        if (notify->routine)
            continue;
        *notify = (struct psp_notify){.routine = routine, .kind = kind, .site = site};
        status = STATUS_SUCCESS;
        break;
    }
    sched_unlock(&psp->lock);
    return status;
}

/* Waits until no call of it runs. */
static bool Remove(PVOID routine, enum psp_notify_kind kind, const void *site)
{
    const struct ki_wait_hint hint = {.what = "the end of a notify routine that runs, to remove it", .object = routine};
    sched_lock(&psp->lock);
    struct psp_notify *notify = Find(routine, kind);
    if (notify)
        notify->removed = true;
    while (notify && notify->running) {
        sched_unlock(&psp->lock);
        KiWaitFor(&psp->notify_left, NULL, &hint, site);
        sched_lock(&psp->lock);
    }
    if (notify)
        notify->routine = NULL;
    sched_unlock(&psp->lock);
    return notify != NULL;
}

static bool IsRegistered(PVOID routine, enum psp_notify_kind kind)
{
    sched_lock(&psp->lock);
    bool found = Find(routine, kind) != NULL;
    sched_unlock(&psp->lock);
    return found;
}

/* ---- calling them ------------------------------------------------------------------------------------------------------ */

struct call {
    PEPROCESS process;
    HANDLE id, other;
    bool create;
    PPS_CREATE_NOTIFY_INFO info;
    PUNICODE_STRING name;
    PIMAGE_INFO image;
};

static void CallOne(PVOID routine, enum psp_notify_kind kind, const struct call *call)
{
    switch (kind) {
    case PSP_PROCESS:
        ((PCREATE_PROCESS_NOTIFY_ROUTINE)routine)(call->other, call->id, call->create);
        break;
    case PSP_PROCESS_EX:
        ((PCREATE_PROCESS_NOTIFY_ROUTINE_EX)routine)(call->process, call->id, call->info);
        break;
    case PSP_THREAD:
        ((PCREATE_THREAD_NOTIFY_ROUTINE)routine)(call->id, call->other, call->create);
        break;
    case PSP_IMAGE:
        ((PLOAD_IMAGE_NOTIFY_ROUTINE)routine)(call->name, call->id, call->image);
        break;
    }
}

static void CallAll(enum psp_notify_kind kind, const struct call *call)
{
    KiEnterCritical();
    for (int i = 0; i < PSP_NOTIFY_LIMIT; i++) {
        struct psp_notify *notify = &psp->notify[i];
        sched_lock(&psp->lock);
        bool due = notify->routine && notify->kind == kind && !notify->removed;
        PVOID routine = notify->routine;
        if (due)
            notify->running++;
        sched_unlock(&psp->lock);
        if (!due)
            continue;
        CallOne(routine, kind, call);
        sched_lock(&psp->lock);
        bool awaited = --notify->running == 0 && notify->removed;
        sched_unlock(&psp->lock);
        if (awaited)
            KiSetEvent(&psp->notify_left);
    }
    KiLeaveCritical();
}

void PspNotifyProcess(PEPROCESS process, PPS_CREATE_NOTIFY_INFO info)
{
    const struct call call = {
        .process = process, .id = process->id, .other = process->parent_id, .create = info != NULL, .info = info};
    CallAll(PSP_PROCESS, &call);
    CallAll(PSP_PROCESS_EX, &call);
}

void PspNotifyThread(PKTHREAD thread, bool create)
{
    const struct call call = {.id = thread->process->id, .other = thread->id, .create = create};
    CallAll(PSP_THREAD, &call);
}

void PspNotifyImage(PUNICODE_STRING name, HANDLE process, PIMAGE_INFO info)
{
    const struct call call = {.id = process, .name = name, .image = info};
    CallAll(PSP_IMAGE, &call);
}

/* ---- registration ------------------------------------------------------------------------------------------------------ */

static NTSTATUS SetProcessRoutine(PVOID routine, enum psp_notify_kind kind, BOOLEAN remove, const void *site)
{
    if (remove)
        return Remove(routine, kind, site) ? STATUS_SUCCESS : STATUS_PROCEDURE_NOT_FOUND;
    if (IsRegistered(routine, kind))
        return STATUS_INVALID_PARAMETER;
    NTSTATUS status = Add(routine, kind, site);
    return NT_SUCCESS(status) ? status : STATUS_INVALID_PARAMETER;
}

NTSTATUS PsSetCreateProcessNotifyRoutine(PCREATE_PROCESS_NOTIFY_ROUTINE NotifyRoutine, BOOLEAN Remove)
{
    API_ENTER(PsSetCreateProcessNotifyRoutine, NotifyRoutine, SCHED_WRITE);
    return SetProcessRoutine((PVOID)NotifyRoutine, PSP_PROCESS, Remove, VERIFY_CALLER);
}

NTSTATUS PsSetCreateProcessNotifyRoutineEx(PCREATE_PROCESS_NOTIFY_ROUTINE_EX NotifyRoutine, BOOLEAN Remove)
{
    API_ENTER(PsSetCreateProcessNotifyRoutineEx, NotifyRoutine, SCHED_WRITE);
    return SetProcessRoutine((PVOID)NotifyRoutine, PSP_PROCESS_EX, Remove, VERIFY_CALLER);
}

NTSTATUS PsSetCreateProcessNotifyRoutineEx2(PSCREATEPROCESSNOTIFYTYPE NotifyType, PVOID NotifyInformation,
                                            BOOLEAN Remove)
{
    API_ENTER(PsSetCreateProcessNotifyRoutineEx2, NotifyInformation, SCHED_WRITE);
    if (NotifyType != PsCreateProcessNotifySubsystems)
        return STATUS_INVALID_PARAMETER;
    return SetProcessRoutine(NotifyInformation, PSP_PROCESS_EX, Remove, VERIFY_CALLER);
}

NTSTATUS PsSetCreateThreadNotifyRoutine(PCREATE_THREAD_NOTIFY_ROUTINE NotifyRoutine)
{
    API_ENTER(PsSetCreateThreadNotifyRoutine, NotifyRoutine, SCHED_WRITE);
    return Add((PVOID)NotifyRoutine, PSP_THREAD, VERIFY_CALLER);
}

NTSTATUS PsSetCreateThreadNotifyRoutineEx(PSCREATETHREADNOTIFYTYPE NotifyType, PVOID NotifyInformation)
{
    API_ENTER(PsSetCreateThreadNotifyRoutineEx, NotifyInformation, SCHED_WRITE);
    return Add(NotifyInformation, PSP_THREAD, VERIFY_CALLER);
}

NTSTATUS PsRemoveCreateThreadNotifyRoutine(PCREATE_THREAD_NOTIFY_ROUTINE NotifyRoutine)
{
    API_ENTER(PsRemoveCreateThreadNotifyRoutine, NotifyRoutine, SCHED_WRITE);
    return Remove((PVOID)NotifyRoutine, PSP_THREAD, VERIFY_CALLER) ? STATUS_SUCCESS : STATUS_PROCEDURE_NOT_FOUND;
}

NTSTATUS PsSetLoadImageNotifyRoutine(PLOAD_IMAGE_NOTIFY_ROUTINE NotifyRoutine)
{
    API_ENTER(PsSetLoadImageNotifyRoutine, NotifyRoutine, SCHED_WRITE);
    return Add((PVOID)NotifyRoutine, PSP_IMAGE, VERIFY_CALLER);
}

NTSTATUS PsSetLoadImageNotifyRoutineEx(PLOAD_IMAGE_NOTIFY_ROUTINE NotifyRoutine, ULONG_PTR Flags)
{
    API_ENTER(PsSetLoadImageNotifyRoutineEx, NotifyRoutine, SCHED_WRITE);
    if (Flags & ~(ULONG_PTR)PS_IMAGE_NOTIFY_CONFLICTING_ARCHITECTURE)
        return STATUS_INVALID_PARAMETER_2;
    return Add((PVOID)NotifyRoutine, PSP_IMAGE, VERIFY_CALLER);
}

NTSTATUS PsRemoveLoadImageNotifyRoutine(PLOAD_IMAGE_NOTIFY_ROUTINE NotifyRoutine)
{
    API_ENTER(PsRemoveLoadImageNotifyRoutine, NotifyRoutine, SCHED_WRITE);
    return Remove((PVOID)NotifyRoutine, PSP_IMAGE, VERIFY_CALLER) ? STATUS_SUCCESS : STATUS_PROCEDURE_NOT_FOUND;
}

static void ReportRoutine(struct psp_notify *notify)
{
    static const char *const kinds[] = {"process", "process", "thread", "image"};
    struct verify_violation *v = verify_begin(VERIFY_CALLBACK_REGISTERED,
                                              "A notify routine for %s events is still registered.",
                                              kinds[notify->kind]);
    verify_site(v, "routine", (const char *)notify->routine + 1);
    verify_site(v, "registered by", notify->site);
    verify_end(v);
    notify->routine = NULL;
}

bool PspReportDriver(const char *driver)
{
    for (int i = 0; i < PSP_NOTIFY_LIMIT; i++) {
        struct psp_notify *notify = &psp->notify[i];
        if (notify->routine && verify_is_driver_code(notify->routine, driver))
            ReportRoutine(notify);
    }
    return driver && PspReportThreads(driver);
}
