/* OS threads of the program's own that call kernel routines (native backend): threads of the test's process. */
#include "ps/psp.h"

#include "ke/kep.h"

#include "ob/object.h"

static void Leave(void)
{
    PKTHREAD thread = sched_self() ? sched_owner(sched_self()) : NULL;
    if (!thread || !machine || !machine->ps)
        return;
    KiTerminateThread(thread);
    thread->sched = NULL;
    sched_set_owner(sched_self(), &machine->ke->boot);
    ObpDereference(thread);
    sched_leave();
}

PKTHREAD KiAdoptThread(void)
{
    /* Until the thread object exists, the boot thread stands in. */
    struct sched_thread *self = sched_adopt("program", machine && machine->ke ? &machine->ke->boot : NULL, Leave);
    PKTHREAD thread = PspMakeThreadObject(psp->test, "program");
    thread->sched = self;
    thread->adopted = true;
    thread->started = true;
    sched_set_owner(self, thread);
    return thread;
}
