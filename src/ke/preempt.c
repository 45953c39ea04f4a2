/* Driver code that spins - for a lock of its own making, on a volatile - calls nothing and would keep all others from running
 * (coop) and time from passing (both). After a while such a thread is interrupted as the clock does it on Windows, and lets
 * the others get on. */
#include "ke/kep.h"

#include "plat/fault.h"
#include "plat/watchdog.h"
#include "verify/api.h"
#include "verify/verify.h"

/* In the signal handler. */
static bool MayStop(const struct plat_fault *place)
{
    struct sched_thread *self = sched_current;
    return machine && machine->ke && self && sched_owner(self) && sched_tick(verify_is_interruptible(place->pc), place->sp);
}

/* On the thread's own stack, as if its code had called. */
static void Stop(const struct plat_fault *place)
{
    KiCurrentThread()->poll = (struct ki_poll){.site = (const char *)place->pc + 1}; /* as a return address */
    sched_give_way();
    plat_fault_resume(place);
}

static void OnTick(void *context) { plat_fault_interrupt(context, MayStop, Stop); }

void KiStartPreemption(void) { plat_ticks(OnTick); }
void KiStopPreemption(void) { plat_ticks(NULL); }

/* ---- exchanges that change nothing --------------------------------------------------------------------------------- */

enum { EXCHANGES = 64 };

/* The same one again and again, in one callback, is a lock of the driver's own making that another thread holds. */
void fltsim_unchanged(const volatile void *object)
{
    struct sched_thread *self = sched_self();
    PKTHREAD thread = self ? sched_owner(self) : NULL;
    const void *site = VERIFY_CALLER, *at = (const void *)(uintptr_t)object;

    if (!thread)
        return;
    if (thread->poll.site != site || thread->poll.object != at)
        thread->poll = (struct ki_poll){.site = site, .what = "variable", .object = at};
    if (++thread->poll.exchanges > EXCHANGES)
        sched_yield_now();
}
