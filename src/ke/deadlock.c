/* The report when every thread waits and nothing can wake any of them: who waits for what, who holds it. */
#include "ke/kep.h"

#include "verify/verify.h"

#include <stdio.h>

struct report {
    struct verify_violation *violation;
    unsigned waiting;
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

const char *KiNameOf(PKTHREAD thread)
{
    struct search search = {.thread = thread};
    sched_each_thread(LookFor, &search);
    return search.found ? thread->name : "(has ended)";
}

static void AddOwner(PKTHREAD owner, void *context)
{
    struct report *report = context;
    verify_history(report->violation, "    which thread \"%s\" holds", KiNameOf(owner));
}

static void DescribeSpin(struct report *report, PKTHREAD thread)
{
    const void *word = thread->wait.spin_lock;
    const struct ki_spin *spin = thread->wait.spin;
    verify_history(report->violation, "thread \"%s\" spins for the %s at %p", thread->name, spin->what, word);
    if (spin->owners)
        spin->owners(word, AddOwner, report);
}

static void DescribeObject(struct report *report, const DISPATCHER_HEADER *header)
{
    const char *type = KiTypeName(header);
    if (header->Type == ThreadObject) {
        verify_history(report->violation, "    the end of thread \"%s\"", ((PKTHREAD)(uintptr_t)header)->name);
        return;
    }
    verify_history(report->violation, "    the %s at %p", type ? type : "object", (const void *)header);
    if (header->Type == MutantObject && ((const KMUTANT *)header)->OwnerThread)
        AddOwner(((const KMUTANT *)header)->OwnerThread, report);
}

static void DescribeWait(struct report *report, PKTHREAD thread)
{
    struct ki_wait *wait = &thread->wait;
    const struct ki_wait_hint *hint = wait->hint;

    verify_history(report->violation, "thread \"%s\" waits since %lld.%03lld ms for%s", thread->name,
                   (long long)wait->since / 10000, (long long)wait->since / 10 % 1000,
                   wait->count > 1 ? (wait->type == WaitAll ? " all of" : " one of") : "");
    if (hint) {
        verify_history(report->violation, "    %s%s", hint->what, hint->object ? ", at" : "");
        if (hint->object)
            verify_history(report->violation, "        %p", hint->object);
        if (hint->owners)
            hint->owners(hint->object, AddOwner, report);
    } else {
        for (ULONG i = 0; i < wait->count; i++)
            DescribeObject(report, wait->blocks[i].Object);
    }
}

static void DescribeThread(struct sched_thread *thread, bool parked, bool daemon, void *context)
{
    struct report *report = context;
    PKTHREAD owner = sched_owner(thread);

    if (!owner || owner == &ki->boot || (owner->daemon && !owner->wait.site))
        return;
    if (owner->wait.spin_lock) {
        DescribeSpin(report, owner);
    } else if (owner->wait.count || owner->wait.hint) {
        DescribeWait(report, owner);
    } else {
        verify_history(report->violation, "thread \"%s\" waits, or yields for ever", owner->name);
        return;
    }
    if (owner->wait.site)
        verify_site(report->violation, "    in", owner->wait.site);
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
    struct report report = {.violation = verify_begin_fatal(
                                VERIFY_DEADLOCK, "Every thread waits, no timer is armed, and nothing can wake them.")};
    sched_each_thread(DescribeThread, &report);
    verify_end_bugcheck(report.violation, 0, 0, 0, 0, 0);
}
