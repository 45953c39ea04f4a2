/* The life of a thread: made, its start routine, the end. */
#include "ps/psp.h"

#include "ke/kep.h"
#include "ob/object.h"
#include "plat/symbol.h"
#include "trace/trace.h"
#include "verify/api.h"
#include "verify/verify.h"

#include <setjmp.h>
#include <stdio.h>

PKTHREAD PspMakeThreadObject(PEPROCESS process, const char *name)
{
    PKTHREAD thread;

    if (!NT_SUCCESS(ObpCreateObject(PspThreadType, sizeof *thread, (PVOID *)&thread)))
        return NULL;
    KiInitializeThread(thread, name ? name : "");
    thread->id = PspNextId();
    thread->processor = (UCHAR)(HandleToULong(thread->id) / 4 % 2);
    thread->create_time = KI_BOOT_TIME + sched_now();
    thread->home = thread->process = process;
    ObpReference(process);
    sched_lock(&psp->lock);
    InsertTailList(&process->threads, &thread->process_link);
    InsertTailList(&psp->threads, &thread->all_link);
    process->had_thread = true;
    sched_unlock(&psp->lock);
    return thread;
}

void PspUnlistThread(PKTHREAD thread)
{
    sched_lock(&psp->lock);
    RemoveEntryList(&thread->process_link);
    InitializeListHead(&thread->process_link);
    RemoveEntryList(&thread->all_link);
    InitializeListHead(&thread->all_link);
    sched_unlock(&psp->lock);
}

void PspDeleteThread(PVOID object)
{
    PKTHREAD thread = object;
    PspUnlistThread(thread);
    if (PspThreadGone)
        PspThreadGone(thread);
    if (thread->origin)
        KiDropOrigin(thread->origin);
    KiAwaitUnparkers(thread);
    KiDeleteThread(thread);
    if (thread->sched)
        sched_release(thread->sched);
    ObpDereference(thread->home);
}

/* What is left of the thread's run has no KTHREAD any more: the object may go with this reference. */
static void End(PKTHREAD thread)
{
    atomic_fetch_add(&psp->ending, 1);
    if (thread->exit_status == STATUS_PENDING)
        thread->exit_status = STATUS_SUCCESS;
    thread->terminating = true; /* as its notify routines see it */
    TRACE("ps", "thread \"%s\" ends: %s", thread->name, trace_status(thread->exit_status));
    if (!thread->daemon)
        PspNotifyThread(thread, false);
    if (PspThreadEnds)
        PspThreadEnds(thread);
    PspFreeTeb(thread);
    PspThreadLeavesProcess(thread);
    KiTerminateThread(thread);
    sched_lock(&psp->lock);
    thread->home->ending--;
    sched_unlock(&psp->lock);
    PspUnlistThread(thread);
    sched_set_owner(sched_self(), &machine->ke->boot);
    ObpDereference(thread);
    atomic_fetch_sub(&psp->ending, 1);
    atomic_fetch_sub(&psp->living, 1);
}

/* For a while: one that is stuck is reported later. */
void PspAwaitEnding(void)
{
    for (unsigned i = 0; i < 1u << 20 && atomic_load(&psp->ending); i++)
        sched_yield_now();
}

static void Body(void *argument)
{
    PKTHREAD thread = argument;
    jmp_buf exit;

    atomic_store_explicit(&thread->sched, sched_self(), memory_order_release);
    thread->started = true;
    thread->exit_jump = &exit;
    if (_setjmp(exit) == 0)
        thread->start_routine(thread->start_context);
    End(argument);
}

static void NameThread(const struct psp_new_thread *options, PKTHREAD thread)
{
    struct plat_symbol symbol;

    if (options->name)
        return;
    if (options->system && plat_symbol_find((const void *)(uintptr_t)options->start, &symbol) && symbol.name[0] && !symbol.distance)
        snprintf(thread->name, sizeof thread->name, "%.30s (%u)", symbol.name, HandleToULong(thread->id));
    else
        snprintf(thread->name, sizeof thread->name, "thread %u", HandleToULong(thread->id));
}

NTSTATUS PspCreateThread(const struct psp_new_thread *options, PKTHREAD *created)
{
    PKTHREAD thread = PspMakeThreadObject(options->process, options->name);

    if (!thread)
        return STATUS_INSUFFICIENT_RESOURCES;
    NameThread(options, thread);
    /* It is listed already: a leak report may be looking. */
    __atomic_store_n(&thread->system, options->system, __ATOMIC_RELAXED);
    __atomic_store_n(&thread->daemon, options->daemon, __ATOMIC_RELAXED);
    __atomic_store_n(&thread->start_routine, options->start, __ATOMIC_RELAXED);
    thread->start_context = options->context;
    if (options->inherits && KiCaptureOrigin)
        thread->origin = KiCaptureOrigin();
    if (!options->daemon)
        PspNotifyThread(thread, true);
    ObpReference(thread); /* its own, until End */
    atomic_fetch_add(&psp->living, 1);
    if (!sched_spawn(thread->name, options->daemon, thread, Body, thread)) {
        atomic_fetch_sub(&psp->living, 1);
        ObpDereference(thread);
        ObpDereference(thread);
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    *created = thread;
    return STATUS_SUCCESS;
}

PKTHREAD KiCreateDaemon(const char *name, KSTART_ROUTINE *body, void *argument)
{
    PKTHREAD thread = NULL;
    PspCreateThread(&(struct psp_new_thread){.process = psp->system,
                                             .name = name,
                                             .system = true,
                                             .daemon = true,
                                             .start = body,
                                             .context = argument},
                    &thread);
    if (thread)
        ObpDereference(thread);
    return thread;
}

NTSTATUS PsTerminateSystemThread(NTSTATUS ExitStatus)
{
    PKTHREAD thread = KiCurrentThread();
    API_IRQL(PsTerminateSystemThread);
    if (!thread->system || !thread->exit_jump)
        return STATUS_INVALID_PARAMETER;
    thread->exit_status = ExitStatus;
    _longjmp(*(jmp_buf *)thread->exit_jump, 1);
}

/* ---- the machine stops ------------------------------------------------------------------------------------------------- */

static PKTHREAD NextThread(bool (*wanted)(PKTHREAD, const char *driver), const char *driver)
{
    PKTHREAD found = NULL;
    sched_lock(&psp->lock);
    for (PLIST_ENTRY entry = psp->threads.Flink; entry != &psp->threads && !found; entry = entry->Flink) {
        PKTHREAD thread = CONTAINING_RECORD(entry, struct _KTHREAD, all_link);
        if (wanted(thread, driver) && ObpReferenceSafe(thread))
            found = thread;
    }
    sched_unlock(&psp->lock);
    return found;
}

static bool IsUnaskedDaemon(PKTHREAD thread, const char *driver) { return thread->daemon && !thread->terminating; }

static bool IsLeft(PKTHREAD thread, const char *driver)
{
    return thread != KiCurrentThread() && !thread->terminated && !thread->adopted && !thread->left;
}

static bool IsAdopted(PKTHREAD thread, const char *driver) { return thread->adopted; }

static bool IsDrivers(PKTHREAD thread, const char *driver)
{
    return !thread->terminated && __atomic_load_n(&thread->system, __ATOMIC_RELAXED) &&
           !__atomic_load_n(&thread->daemon, __ATOMIC_RELAXED) && !thread->reported &&
           verify_is_driver_code((const void *)(uintptr_t)__atomic_load_n(&thread->start_routine, __ATOMIC_RELAXED),
                                 driver);
}

static void ReportLeft(PKTHREAD thread, const char *when)
{
    if (thread->reported)
        return;
    thread->reported = true;
    struct verify_violation *v =
        verify_begin(VERIFY_THREAD_LEFT, "Thread \"%s\" still exists when %s.", thread->name, when);
    verify_routine(v, "thread routine", (const void *)(uintptr_t)thread->start_routine);
    if (thread->wait.site)
        verify_site(v, "waits in", thread->wait.site);
    verify_end(v);
}

/* Virtual time: it passes only when nobody makes progress. */
static const LARGE_INTEGER a_while = {.QuadPart = -10000};

bool PspReportThreads(const char *driver)
{
    PKTHREAD thread;
    char when[96];
    bool left = false;

    snprintf(when, sizeof when, "%s has unloaded", driver);
    /* One that is at its last steps is given the time for them. */
    while ((thread = NextThread(IsDrivers, driver)) != NULL) {
        if (KiWaitFor(thread, &a_while, NULL, NULL) == STATUS_TIMEOUT) {
            ReportLeft(thread, when);
            left = true;
        }
        ObpDereference(thread);
    }
    return left;
}

/* Everybody gets the chance to end. */
void PspStopThreads(void)
{
    unsigned left = 0;
    PKTHREAD thread;

    while ((thread = NextThread(IsUnaskedDaemon, NULL)) != NULL) {
        thread->terminating = true;
        KiUnpark(thread);
        ObpDereference(thread);
    }
    while ((thread = NextThread(IsLeft, NULL)) != NULL) {
        if (KiWaitFor(thread, &a_while, NULL, NULL) == STATUS_TIMEOUT) {
            thread->left = true;
            left++;
            ReportLeft(thread, "the machine stops");
            KiForgetWait(thread);
            ObpDereference(thread); /* its own reference: it will not end any more */
        }
        ObpDereference(thread);
    }
    while ((thread = NextThread(IsAdopted, NULL)) != NULL) {
        PspForgetAdopted(thread);
        ObpDereference(thread);
    }
    while (atomic_load(&psp->living) > left)
        sched_yield_now();
}
