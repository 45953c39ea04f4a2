/* The report when every thread waits and nothing can wake any of them: who waits for what, who holds it. */
#include "ke/kep.h"

#include "plat/fault.h"
#include "verify/verify.h"

#include <stdio.h>
#include <string.h>

struct report {
    struct verify_violation *violation;
    PKTHREAD told; /* its stack is shown */
};

struct search {
    PKTHREAD thread;
    bool found;
};

static void LookFor(struct sched_thread *thread, bool parked, bool daemon, void *context)
{
    struct search *search = context;
    search->found |= sched_owner(thread) == search->thread;
}

static bool IsThread(PKTHREAD thread)
{
    struct search search = {.thread = thread};
    sched_each_thread(LookFor, &search);
    return search.found;
}

const char *KiNameOf(PKTHREAD thread) { return IsThread(thread) ? thread->name : "(has ended)"; }

/* ---- who holds what a thread waits for ------------------------------------------------------------------------------------ */

typedef void add_owner(PKTHREAD owner, void *context);

static void OwnersOfObject(const DISPATCHER_HEADER *header, add_owner *add, void *context)
{
    if (header->Type == ThreadObject)
        add((PKTHREAD)(uintptr_t)header, context);
    else if (header->Type == MutantObject && ((const KMUTANT *)header)->OwnerThread)
        add(((const KMUTANT *)header)->OwnerThread, context);
}

static void EachOwner(PKTHREAD thread, add_owner *add, void *context)
{
    struct ki_wait *wait = &thread->wait;
    if (wait->spin_lock) {
        if (wait->spin->owners)
            wait->spin->owners(wait->spin_lock, add, context);
    } else if (wait->hint) {
        if (wait->hint->owners)
            wait->hint->owners(wait->hint->object, add, context);
    } else {
        for (ULONG i = 0; i < wait->count; i++)
            OwnersOfObject(wait->blocks[i].Object, add, context);
    }
}

/* A ring of threads, each waiting for the next: found by following everybody's first owner. */
enum { RING_LIMIT = 32 };
struct ring {
    PKTHREAD threads[RING_LIMIT];
    unsigned count;
};

static void TakeFirst(PKTHREAD owner, void *context)
{
    PKTHREAD *first = context;
    if (!*first && IsThread(owner))
        *first = owner;
}

static void FollowFrom(struct sched_thread *sched, bool parked, bool daemon, void *context)
{
    struct ring *ring = context;
    PKTHREAD start = sched_owner(sched), thread = start;
    PKTHREAD path[RING_LIMIT];
    unsigned length = 0;

    if (ring->count || !start)
        return;
    while (thread && length < RING_LIMIT) {
        PKTHREAD next = NULL;
        path[length++] = thread;
        EachOwner(thread, TakeFirst, &next);
        if (next == start) {
            memcpy(ring->threads, path, length * sizeof *path);
            ring->count = length;
            return;
        }
        thread = next;
    }
}

/* ---- the report ------------------------------------------------------------------------------------------------------------ */

static void AddOwner(PKTHREAD owner, void *context)
{
    struct report *report = context;
    verify_history(report->violation, "    held by thread \"%s\"", KiNameOf(owner));
}

static void DescribeObject(struct report *report, const DISPATCHER_HEADER *header)
{
    const char *type = KiTypeName(header);
    if (header->Type == ThreadObject) {
        verify_history(report->violation, "    the end of thread \"%s\"", ((PKTHREAD)(uintptr_t)header)->name);
        return;
    }
    verify_history(report->violation, "    the %s at %p", type ? type : "object", (const void *)header);
    OwnersOfObject(header, AddOwner, report);
}

static void DescribePoll(struct report *report, PKTHREAD thread)
{
    verify_history(report->violation, "thread \"%s\" looks again and again", thread->name);
    if (thread->poll.what)
        verify_history(report->violation, "    for the %s at %p", thread->poll.what, thread->poll.object);
    if (thread->poll.site)
        verify_site(report->violation, "    in", thread->poll.site);
}

static void DescribeWait(struct report *report, PKTHREAD thread)
{
    struct ki_wait *wait = &thread->wait;
    const char *how = wait->spin_lock                    ? "spins for"
                      : wait->count < 2                  ? "waits for"
                      : wait->type == WaitAll            ? "waits for all of"
                                                         : "waits for one of";

    verify_history(report->violation, "thread \"%s\", since %lld.%03lld ms, %s", thread->name,
                   (long long)wait->since / 10000, (long long)wait->since / 10 % 1000, how);
    if (wait->spin_lock)
        verify_history(report->violation, "    the %s at %p", wait->spin->what, wait->spin_lock);
    else if (wait->hint && wait->hint->object)
        verify_history(report->violation, "    %s (%p)", wait->hint->what, wait->hint->object);
    else if (wait->hint)
        verify_history(report->violation, "    %s", wait->hint->what);
    else
        for (ULONG i = 0; i < wait->count; i++)
            DescribeObject(report, wait->blocks[i].Object);
    if (wait->spin_lock || wait->hint)
        EachOwner(thread, AddOwner, report);
}

static void DescribeThread(struct sched_thread *sched, bool parked, bool daemon, void *context)
{
    struct report *report = context;
    PKTHREAD thread = sched_owner(sched);
    bool polls = sched_only_yields(sched);

    if (!thread || thread == &ki->boot || thread == report->told || (thread->daemon && !thread->wait.site && !polls))
        return;
    if (polls)
        DescribePoll(report, thread);
    else if (!thread->wait.spin_lock && !thread->wait.count && !thread->wait.hint)
        verify_history(report->violation, "thread \"%s\" waits", thread->name);
    else
        DescribeWait(report, thread);
    if (!polls && thread->wait.site)
        verify_site(report->violation, "    in", thread->wait.site);
    if (thread->system && !thread->daemon)
        verify_site(report->violation, "    its thread routine is",
                    (const char *)(uintptr_t)thread->start_routine + 1); /* as a return address in it */
}

/* A wait whose kind has a rule of its own, for a thread that is there. */
struct special {
    unsigned rule;
    const char *waiter, *what;
    const void *site; /* who waits: whose bug it is */
    PKTHREAD owner;
};

static void LookForSpecial(struct sched_thread *sched, bool parked, bool daemon, void *context)
{
    struct special *special = context;
    PKTHREAD thread = sched_owner(sched), owner = NULL;
    const struct ki_wait_hint *hint = thread ? thread->wait.hint : NULL;

    if (special->owner || !hint || !hint->rule)
        return;
    EachOwner(thread, TakeFirst, &owner);
    if (owner)
        *special = (struct special){hint->rule, thread->name, hint->what, thread->wait.site, owner};
}

static struct verify_violation *BeginSpecial(const struct special *special, const struct ring *ring, const char *text)
{
    enum verify_rule rule = (enum verify_rule)special->rule;
    bool own = !strcmp(special->waiter, special->owner->name);
    if (ring->count && !own)
        return verify_begin_fatal(rule, "The threads wait for each other: %s\"%s\"; \"%s\" for the end of %s.", text,
                                  ring->threads[0]->name, special->waiter, special->what);
    return verify_begin_fatal(rule, "Thread \"%s\" waits for the end of %s, which %s%s%s.", special->waiter, special->what,
                              own ? "cannot come before its own caller has returned" : "thread \"",
                              own ? "" : special->owner->name, own ? "" : "\" keeps, and nothing can wake that");
}

/* A thread of a driver's that looks again and again; the one that runs before others. */
static void LookForPoller(struct sched_thread *sched, bool parked, bool daemon, void *context)
{
    PKTHREAD *found = context, thread = sched_owner(sched);

    if (thread && sched_only_yields(sched) && verify_is_of_driver(thread->poll.site) &&
        (!*found || thread == KiCurrentThread()))
        *found = thread;
}

static struct verify_violation *BeginPoll(PKTHREAD thread)
{
    const struct ki_poll *poll = &thread->poll;
    char object[96] = "what does not come", level[32] = "";

    if (poll->what)
        snprintf(object, sizeof object, "the %s at %p, which nobody changes", poll->what, poll->object);
    if (thread->irql)
        snprintf(level, sizeof level, " at IRQL %u", (unsigned)thread->irql);
    struct verify_violation *v = verify_begin_fatal(
        VERIFY_ENDLESS_LOOP, "Thread \"%s\" looks again and again%s, for %lld minutes by now, for %s.", thread->name, level,
        (long long)sched_now() / (60 * 10000000LL), object);
    if (thread == KiCurrentThread()) {
        void *frames[32];
        size_t count = plat_backtrace(frames, 32), first = 0;
        while (first < count && frames[first] != poll->site)
            first++;
        if (first < count)
            verify_stack(v, frames + first, count - first);
        else
            verify_site(v, "in", poll->site); /* interrupted there */
    }
    verify_blame(v, verify_driver_of(poll->site));
    return v;
}

/* Of those that wait: a driver's code, before the library's own threads that wait for work. */
static void LookForDriver(struct sched_thread *sched, bool parked, bool daemon, void *context)
{
    const void **site = context;
    PKTHREAD thread = sched_owner(sched);
    const void *own = thread ? thread->wait.site : NULL;
    if (!*site && own && (thread->wait.count || thread->wait.hint || thread->wait.spin_lock) && verify_is_of_driver(own))
        *site = own;
}

static struct verify_violation *BeginWithoutRing(void)
{
    if (!sched_is_stalled())
        return verify_begin_fatal(VERIFY_DEADLOCK, "Every thread waits, no timer is armed, and nothing can wake them.");
    return verify_begin_fatal(VERIFY_DEADLOCK,
                              "The first thread waits for what does not come, while others sleep and look again, for %lld "
                              "seconds by now.",
                              (long long)sched_now() / 10000000LL);
}

static struct verify_violation *Begin(PKTHREAD *told)
{
    struct ring ring = {.count = 0};
    struct special special = {.owner = NULL};
    PKTHREAD poller = NULL;
    char text[512] = "";
    size_t length = 0;

    sched_each_thread(FollowFrom, &ring);
    sched_each_thread(LookForSpecial, &special);
    for (unsigned i = 0; i < ring.count && length < sizeof text; i++)
        length += (size_t)snprintf(text + length, sizeof text - length, "\"%s\" waits for ", ring.threads[i]->name);
    if (special.owner) {
        struct verify_violation *v = BeginSpecial(&special, &ring, text);
        verify_blame(v, verify_driver_of(special.site));
        return v;
    }
    sched_each_thread(LookForPoller, &poller);
    if (!ring.count && poller) {
        *told = poller == KiCurrentThread() ? poller : NULL;
        return BeginPoll(poller);
    }
    const void *site = NULL;
    struct verify_violation *v =
        ring.count ? verify_begin_fatal(VERIFY_DEADLOCK, "The threads wait for each other: %s\"%s\".", text,
                                        ring.threads[0]->name)
                   : BeginWithoutRing();
    sched_each_thread(LookForDriver, &site);
    if (site)
        verify_blame(v, verify_driver_of(site));
    return v;
}

void KiExplainDeadlocks(void (*explain)(void))
{
    size_t i = 0;
    while (ki->explain[i])
        i++;
    ki->explain[i] = explain;
}

void KiReportDeadlock(void)
{

    for (size_t i = 0; i < sizeof ki->explain / sizeof *ki->explain && ki->explain[i]; i++)
        ki->explain[i]();
    struct report report = {.told = NULL};
    report.violation = Begin(&report.told);
    sched_each_thread(DescribeThread, &report);
    verify_end_bugcheck(report.violation, 0, 0, 0, 0, 0);
}
