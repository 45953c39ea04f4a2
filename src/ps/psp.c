#include "ps/psp.h"

#include "ke/kep.h"
#include "ob/object.h"

POBJECT_TYPE PspProcessType, PspThreadType;
POBJECT_TYPE *PsProcessType = &PspProcessType;
POBJECT_TYPE *PsThreadType = &PspThreadType;
PEPROCESS PsInitialSystemProcess;
void (*PspProcessGone)(PKPROCESS process);
void (*PspThreadGone)(PKTHREAD thread);
void (*PspThreadEnds)(PKTHREAD thread);

HANDLE PspNextId(void) { return ULongToHandle(atomic_fetch_add(&psp->next_id, 4)); }

static void MakeTypes(void)
{
    PspProcessType = ObpCreateType(&(struct ob_type_info){
        .name = "Process",
        .delete = PspDeleteProcess,
        .valid_access = PROCESS_ALL_ACCESS,
        .mapping = {STANDARD_RIGHTS_READ | PROCESS_VM_READ | PROCESS_QUERY_INFORMATION,
                    STANDARD_RIGHTS_WRITE | PROCESS_CREATE_THREAD | PROCESS_VM_OPERATION | PROCESS_VM_WRITE,
                    STANDARD_RIGHTS_EXECUTE | SYNCHRONIZE, PROCESS_ALL_ACCESS},
    });
    PspThreadType = ObpCreateType(&(struct ob_type_info){
        .name = "Thread",
        .delete = PspDeleteThread,
        .valid_access = THREAD_ALL_ACCESS,
        .mapping = {STANDARD_RIGHTS_READ | THREAD_GET_CONTEXT | THREAD_QUERY_INFORMATION,
                    STANDARD_RIGHTS_WRITE | THREAD_SET_INFORMATION | THREAD_ALERT,
                    STANDARD_RIGHTS_EXECUTE | SYNCHRONIZE, THREAD_ALL_ACCESS},
    });
}

/* The machine's first thread becomes a proper one, of the process that the test is. */
static void AdoptFirstThread(void)
{
    PKTHREAD thread = PspMakeThreadObject(psp->test, "main");
    thread->sched = sched_self();
    thread->started = true;
    sched_set_owner(sched_self(), thread);
}

static void ForgetFirstThread(void)
{
    PKTHREAD thread = KiCurrentThread();
    KiAbandonMutants(thread);
    PspUnlistThread(thread);
    thread->sched = NULL;
    sched_set_owner(sched_self(), &machine->ke->boot);
    ObpDereference(thread);
}

bool PspStart(void)
{
    machine->ps = sim_alloc(sizeof *machine->ps);
    InitializeListHead(&psp->processes);
    InitializeListHead(&psp->threads);
    atomic_init(&psp->next_id, 4);
    KiInitializeHeader(&psp->notify_left.Header, EventSynchronizationObject, 0);
    KiInitializeHeader(&psp->image_gate.Header, EventSynchronizationObject, 1);
    MakeTypes();
    if (!NT_SUCCESS(PspCreateProcess(&(struct psp_new_process){.image = "System", .system = true}, &psp->system)))
        return false;
    PsInitialSystemProcess = psp->system;
    atomic_store(&psp->next_id, 100);
    if (!NT_SUCCESS(PspCreateProcess(&(struct psp_new_process){.image = "C:\\test.exe", .parent = psp->system}, &psp->test)))
        return false;
    AdoptFirstThread();
    return true;
}

void PspStop(void)
{
    if (!sched_is_dead()) {
        PspReportDriver(NULL);
        PspStopThreads();
        ForgetFirstThread();
        PspExitProcess(psp->test, STATUS_SUCCESS);
        ObpDereference(psp->test);
        PspExitProcess(psp->system, STATUS_SUCCESS);
        ObpDereference(psp->system);
        ObpDeleteDeferred(NULL); /* threads among them, which are on lists of this room */
    } else {
        sched_set_owner(sched_self(), &machine->ke->boot);
    }
    PsInitialSystemProcess = NULL;
    PspProcessType = PspThreadType = NULL;
    PspProcessGone = NULL;
    PspThreadGone = NULL;
    PspThreadEnds = NULL;
    sim_free(machine->ps);
    machine->ps = NULL;
}
