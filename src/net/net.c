#include "net/wfp.h"

#include "ex/work.h"
#include "ke/thread.h"

bool NetpStart(void)
{
    machine->net = sim_alloc(sizeof *machine->net);
    NetpStartEngine();
    return true;
}

void NetpReportDriver(const char *driver)
{
    NetpReportSubscriptions(driver);
    NetpReportSessions(driver);
    NetpReportCallouts(driver);
    if (__atomic_load_n(&machine->net->injecting, __ATOMIC_ACQUIRE) && KiCurrentIrql() == PASSIVE_LEVEL)
        ExpDrainWork(); /* not otherwise: work that outlives its driver has to be found */
    NetpReportLeaks(driver);
}

void NetpStop(void)
{
    if (!sched_is_dead())
        NetpReportDriver(NULL);
    NetpStopEngine();
    sim_free(machine->net);
    machine->net = NULL;
}
