/* Timers that are armed and DPCs that are queued, in memory that goes. */
#include "ke/kep.h"

#include "verify/verify.h"

#include <stdio.h>

atomic_int KiPending;

enum { ROOM = 64 };

static bool IsIn(const void *object, const char *low, const char *high)
{
    return (const char *)object >= low && (const char *)object < high;
}

static void SayTimer(struct verify_violation *v, const KTIMER *timer)
{
    verify_site(v, "armed by", timer->Private[KI_TIMER_SITE]);
    if (timer->Dpc)
        verify_routine(v, "its DPC routine is", (const void *)(uintptr_t)timer->Dpc->DeferredRoutine);
}

void KiLookForPending(const void *block, size_t size, const char *routine, const void *site)
{
    const char *low = block, *high = low + size;
    PKTIMER timers[ROOM];
    size_t count = KiArmedTimers(timers, ROOM);
    PKDPC dpc;

    for (size_t i = 0; i < count; i++) {
        if (!IsIn(timers[i], low, high) || !KiDisarm(timers[i]))
            continue;
        struct verify_violation *v = verify_begin(
            VERIFY_TIMER_OR_DPC_LEFT, "%s was given %p (%zu bytes), in which a timer is armed.", routine, block, size);
        SayTimer(v, timers[i]);
        verify_site(v, "called by", site);
        verify_parameters(v, 0xC7, 0, (uintptr_t)timers[i], (uintptr_t)low, (uintptr_t)high);
        verify_end(v);
    }
    while ((dpc = KiTakeDpcIn(low, high)) != NULL) {
        struct verify_violation *v = verify_begin(
            VERIFY_TIMER_OR_DPC_LEFT, "%s was given %p (%zu bytes), in which a DPC is queued.", routine, block, size);
        verify_routine(v, "its routine is", (const void *)(uintptr_t)dpc->DeferredRoutine);
        verify_site(v, "called by", site);
        verify_parameters(v, 0xC7, 1, (uintptr_t)dpc, (uintptr_t)low, (uintptr_t)high);
        verify_end(v);
    }
}

/* ---- the driver's code and data go ------------------------------------------------------------------------------------ */

/* Where a routine begins there may be no line yet, and the library's own cannot be told from a driver's. */
static const void *Inside(PKDEFERRED_ROUTINE routine) { return (const char *)(uintptr_t)routine + 1; }

static bool IsDrivers(const KTIMER *timer, const char *driver)
{
    return verify_is_driver_code(timer->Dpc ? Inside(timer->Dpc->DeferredRoutine) : timer->Private[KI_TIMER_SITE], driver);
}

static void ReportTimers(const char *driver)
{
    PKTIMER timers[ROOM];
    size_t count = KiArmedTimers(timers, ROOM);

    for (size_t i = 0; i < count; i++) {
        KTIMER copy = *timers[i];
        char when[64];
        if (!IsDrivers(timers[i], driver) || !KiDisarm(timers[i]))
            continue;
        if (copy.Period)
            snprintf(when, sizeof when, "every %lu ms", (unsigned long)copy.Period);
        else
            snprintf(when, sizeof when, "in %lld ms", ((long long)copy.DueTime.QuadPart - (long long)sched_now()) / 10000);
        struct verify_violation *v =
            verify_begin(VERIFY_TIMER_OR_DPC_LEFT, "A timer is still armed, due %s, when %s has unloaded.", when, driver);
        SayTimer(v, &copy);
        verify_parameters(v, 0xC7, copy.Dpc ? 2 : 0, (uintptr_t)(copy.Dpc ? (void *)copy.Dpc->DeferredRoutine : timers[i]), 0, 0);
        verify_end(v);
    }
}

/* One that is at its last steps is given the time for them; virtual time passes only when nobody makes progress. */
static const LARGE_INTEGER a_while = {.QuadPart = -10000};

static void ReportDpc(const char *driver)
{
    PKDEFERRED_ROUTINE routine;

    KiFlushDpcs(&a_while);
    if (!(routine = KiRunningDpc()) || !verify_is_driver_code(Inside(routine), driver))
        return;
    struct verify_violation *v =
        verify_begin_fatal(VERIFY_TIMER_OR_DPC_LEFT, "A DPC of %s still runs when %s has unloaded.", driver, driver);
    verify_routine(v, "its routine is", (const void *)(uintptr_t)routine);
    verify_end_bugcheck(v, 0xCE, (uintptr_t)routine, 8, (uintptr_t)routine, 0);
}

void KiReportDriver(const char *driver)
{
    if (!atomic_load(&KiPending) && !KiRunningDpc())
        return;
    ReportTimers(driver);
    ReportDpc(driver);
}
