/* Programs: processes, their threads, and time, for tests. A struct fltsim_process is an EPROCESS. */
#include <fltsim/fltsim.h>

#include "ob/object.h"
#include "ps/psp.h"
#include "ps/quota.h"
#include "sim/misuse.h"
#include "verify/verify.h"

/* What a test started and has not ended; the machine's. */
struct program {
    struct program *next;
    PEPROCESS process;
};

struct fltsim_thread {
    PKTHREAD thread;
    struct fltsim_thread *next;
    int (*body)(void *);
    void *argument;
    int result;
};

static struct program *programs;
static struct fltsim_thread *threads;
static struct sched_lock lock; /* of both lists */

static PEPROCESS ProcessOf(struct fltsim_process *process) { return process ? (PEPROCESS)(void *)process : psp->test; }

static void Link(PEPROCESS process)
{
    struct program *program = sim_alloc(sizeof *program);
    program->process = process;
    sched_lock(&lock);
    program->next = programs;
    programs = program;
    sched_unlock(&lock);
}

static bool Unlink(PEPROCESS process)
{
    sched_lock(&lock);
    struct program **at = &programs, *found;
    while (*at && (*at)->process != process)
        at = &(*at)->next;
    if ((found = *at))
        *at = found->next;
    sched_unlock(&lock);
    sim_free(found);
    return found != NULL;
}

static bool IsProgram(const struct fltsim_process *process)
{
    const struct program *program;
    sched_lock(&lock);
    for (program = programs; program && (const void *)program->process != process; program = program->next)
        continue;
    sched_unlock(&lock);
    return program != NULL;
}

#define SIM_NEED_PROCESS(process)                                                                                      \
    SIM_NEED(ProcessOf(process) == psp->test || ProcessOf(process) == psp->system || IsProgram(process),                 \
              "the process has exited, or is of an earlier machine")

static bool UnlinkThread(struct fltsim_thread *thread)
{
    sched_lock(&lock);
    struct fltsim_thread **at = &threads;
    while (*at && *at != thread)
        at = &(*at)->next;
    bool found = *at;
    if (found)
        *at = thread->next;
    sched_unlock(&lock);
    return found;
}

NTSTATUS fltsim_process_start(const struct fltsim_program *program, struct fltsim_process **process)
{
    SIM_NEED_MACHINE();
    SIM_NEED(program && program->image && process, "%s is NULL", process ? "the program, or its image," : "process");
    const struct psp_new_process options = {
        .image = program->image,
        .command_line = program->command_line,
        .wow64 = program->wow64,
        .parent = KiCurrentThread()->process,
    };
    PEPROCESS object = NULL;
    NTSTATUS status = PspCreateProcess(&options, &object);
    if (object)
        Link(object);
    *process = (struct fltsim_process *)(void *)object;
    return status;
}

struct fltsim_process *fltsim_process_create(const char *image)
{
    struct fltsim_process *process;
    SIM_NEED_MACHINE();
    SIM_NEED(image, "image is NULL");
    fltsim_process_start(&(struct fltsim_program){.image = image}, &process);
    return process;
}

void fltsim_process_exit(struct fltsim_process *process)
{
    PEPROCESS object = (PEPROCESS)(void *)process;

    SIM_NEED_MACHINE();
    PKTHREAD thread = KiCurrentThread();
    if (!object)
        return;
    SIM_NEED(Unlink(object), "the process has exited already, or is of an earlier machine");
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
    SIM_NEED_MACHINE();
    SIM_NEED_PROCESS(process);
    struct ps_quota *quota = ProcessOf(process)->quota;
    SetLimit(quota, PS_PAGED, paged);
    SetLimit(quota, PS_NONPAGED, nonpaged);
}

static VOID RunProgramThread(PVOID context)
{
    struct fltsim_thread *thread = context;
    thread->result = thread->body(thread->argument);
}

struct fltsim_thread *fltsim_thread_create(struct fltsim_process *process, int (*body)(void *), void *argument)
{
    SIM_NEED_MACHINE();
    SIM_NEED(body, "body is NULL");
    SIM_NEED_PROCESS(process);
    struct fltsim_thread *thread = sim_alloc(sizeof *thread);
    KiWatchFaults();
    thread->body = body;
    thread->argument = argument;
    NTSTATUS status = PspCreateThread(
        &(struct psp_new_thread){.process = ProcessOf(process), .start = RunProgramThread, .context = thread},
        &thread->thread);
    if (NT_SUCCESS(status)) {
        sched_lock(&lock);
        thread->next = threads;
        threads = thread;
        sched_unlock(&lock);
        return thread;
    }
    sim_free(thread);
    return NULL;
}

int fltsim_thread_join(struct fltsim_thread *thread)
{
    SIM_NEED_MACHINE();
    SIM_NEED(thread, "the thread is NULL: did fltsim_thread_create fail?");
    SIM_NEED(UnlinkThread(thread), "the thread was joined before, or is of an earlier machine");
    KiWaitFor(thread->thread, NULL, NULL, VERIFY_CALLER);
    int result = thread->result;
    ObpDereference(thread->thread);
    sim_free(thread);
    return result;
}

struct fltsim_process *fltsim_impersonate(struct fltsim_process *process)
{
    SIM_NEED_MACHINE();
    SIM_NEED_PROCESS(process);
    PKTHREAD thread = KiCurrentThread();
    PEPROCESS before = thread->process;
    thread->process = ProcessOf(process);
    PspFinishTermination(before);
    return before == psp->test ? NULL : (struct fltsim_process *)(void *)before;
}

void fltsim_yield(void)
{
    SIM_NEED_MACHINE();
    KiCurrentThread();
    sched_yield_now();
}

/* Threads that come to their end are forgotten, and then programs end, unless a thread still runs: of that something will be
 * said. */
void sim_end_programs(void)
{
    LARGE_INTEGER moment = {.QuadPart = -10000};
    for (struct fltsim_thread **at = &threads, *thread; (thread = *at);) {
        if (KiWaitFor(thread->thread, &moment, NULL, VERIFY_CALLER) != STATUS_SUCCESS) {
            at = &thread->next;
            continue;
        }
        *at = thread->next;
        ObpDereference(thread->thread);
        sim_free(thread);
    }
    while (programs && !threads)
        fltsim_process_exit((struct fltsim_process *)(void *)programs->process);
}

void sim_forget_programs(void)
{
    programs = NULL;
    threads = NULL;
}

void fltsim_sleep(unsigned milliseconds)
{
    SIM_NEED_MACHINE();
    LARGE_INTEGER interval = {.QuadPart = -(LONGLONG)milliseconds * 10000};
    KeDelayExecutionThread(UserMode, FALSE, &interval);
}
