/* Programs: processes, their threads, and time, for tests. A struct fltsim_process is an EPROCESS. */
#include <fltsim/fltsim.h>

#include "ob/object.h"
#include "ps/psp.h"
#include "ps/quota.h"
#include "verify/verify.h"

static PEPROCESS ProcessOf(struct fltsim_process *process) { return process ? (PEPROCESS)(void *)process : psp->test; }

NTSTATUS fltsim_process_start(const struct fltsim_program *program, struct fltsim_process **process)
{
    const struct psp_new_process options = {
        .image = program->image,
        .command_line = program->command_line,
        .wow64 = program->wow64,
        .parent = KiCurrentThread()->process,
    };
    PEPROCESS object = NULL;
    NTSTATUS status = PspCreateProcess(&options, &object);
    *process = (struct fltsim_process *)(void *)object;
    return status;
}

struct fltsim_process *fltsim_process_create(const char *image)
{
    struct fltsim_process *process;
    fltsim_process_start(&(struct fltsim_program){.image = image}, &process);
    return process;
}

void fltsim_process_exit(struct fltsim_process *process)
{
    PEPROCESS object = (PEPROCESS)(void *)process;
    PKTHREAD thread = KiCurrentThread();

    if (!object)
        return;
    if (thread->process == object)
        thread->process = psp->test;
    PspExitProcess(object, STATUS_SUCCESS);
    ObpDereference(object);
}

static void SetLimit(struct ps_quota *quota, enum ps_quota_pool pool, size_t limit)
{
    __atomic_store_n(&quota->pools[pool].limit, limit ? limit : (SIZE_T)-1, __ATOMIC_RELAXED);
}

void fltsim_limit_quota(struct fltsim_process *process, size_t paged, size_t nonpaged)
{
    struct ps_quota *quota = ProcessOf(process)->quota;
    SetLimit(quota, PS_PAGED, paged);
    SetLimit(quota, PS_NONPAGED, nonpaged);
}

struct fltsim_thread {
    PKTHREAD thread;
    int (*body)(void *);
    void *argument;
    int result;
};

static VOID RunProgramThread(PVOID context)
{
    struct fltsim_thread *thread = context;
    thread->result = thread->body(thread->argument);
}

struct fltsim_thread *fltsim_thread_create(struct fltsim_process *process, int (*body)(void *), void *argument)
{
    struct fltsim_thread *thread = sim_alloc(sizeof *thread);
    KiWatchFaults();
    thread->body = body;
    thread->argument = argument;
    NTSTATUS status = PspCreateThread(
        &(struct psp_new_thread){.process = ProcessOf(process), .start = RunProgramThread, .context = thread},
        &thread->thread);
    if (NT_SUCCESS(status))
        return thread;
    sim_free(thread);
    return NULL;
}

int fltsim_thread_join(struct fltsim_thread *thread)
{
    KiWaitFor(thread->thread, NULL, NULL, VERIFY_CALLER);
    int result = thread->result;
    ObpDereference(thread->thread);
    sim_free(thread);
    return result;
}

struct fltsim_process *fltsim_impersonate(struct fltsim_process *process)
{
    PKTHREAD thread = KiCurrentThread();
    PEPROCESS before = thread->process;
    thread->process = ProcessOf(process);
    PspFinishTermination(before);
    return before == psp->test ? NULL : (struct fltsim_process *)(void *)before;
}

void fltsim_yield(void) { sched_yield_now(); }

void fltsim_sleep(unsigned milliseconds)
{
    LARGE_INTEGER interval = {.QuadPart = -(LONGLONG)milliseconds * 10000};
    KeDelayExecutionThread(UserMode, FALSE, &interval);
}
