/* OS threads of the program's own that call kernel routines (native backend): threads of the test's process. */
#include "ps/psp.h"

#include "ke/kep.h"

#include "ob/object.h"

/* The scheduler's thread stays, with a stand-in for an owner. */
void PspForgetAdopted(PKTHREAD thread)
{
    sched_set_owner(thread->sched, &machine->ke->boot);
    thread->sched = NULL;
    PspUnlistThread(thread);
    ObpDereference(thread);
}

static void Leave(void)
{
    struct sched_thread *self = sched_self();
    PKTHREAD thread = self ? sched_owner(self) : NULL;
    if (thread) {
        KiTerminateThread(thread);
        PspForgetAdopted(thread);
    }
    if (self)
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
