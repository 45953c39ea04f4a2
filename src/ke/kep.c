#include "ke/kep.h"

#include <string.h>

bool KepStart(void)
{
    machine->ke = sim_alloc(sizeof *machine->ke);
    InitializeListHead(&ki->known);
    KiInitializeThread(&ki->boot, "boot");
    ki->boot.sched = sched_self();
    ki->boot.started = true;
    sched_set_owner(sched_self(), &ki->boot);
    KiInitializeHeader(&ki->dpc_work.Header, EventSynchronizationObject, 0);
    KiInitializeHeader(&ki->dpc_idle.Header, EventNotificationObject, 1);
    InitializeListHead(&ki->bugcheck_callbacks);
    atomic_store(&KiPending, 0);
    KiStartExceptions();
    KiStartPreemption();
    return true;
}

void KepStop(void)
{
    KiStopPreemption();
    KiStopExceptions();
    InitializeListHead(&ki->boot.known_link); /* what was left running went with its object, list and all */
    KiDeleteThread(&ki->boot);
    sched_set_owner(sched_self(), NULL);
    sim_free(machine->ke);
    machine->ke = NULL;
}
