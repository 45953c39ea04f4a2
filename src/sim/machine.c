#include "sim/machine.h"
#include "sim/heap.h"
#include "sim/misuse.h"

#include "mm/mmp.h"
#include "net/net.h"
#include "ob/object.h"
#include "ps/process.h"
#include "fault/fault.h"
#include "ke/thread.h"
#include "sched/sched.h"
#include "trace/trace.h"
#include "verify/verify.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct machine *machine;

struct room {
    const char *name;
    bool (*start)(void);
    void (*stop)(void);
};

#define ROOM(prefix)                                                                               \
    bool prefix##Start(void);                                                                      \
    void prefix##Stop(void);
#include "rooms.inc"
#undef ROOM

static const struct room rooms[] = {
#define ROOM(prefix) {#prefix, prefix##Start, prefix##Stop},
#include "rooms.inc"
#undef ROOM
    {NULL, NULL, NULL},
};

void KiReportDeadlock(void);

static bool complain(const char *why)
{
    fprintf(stderr, "fltsim_start: %s\n", why);
    return false;
}

static bool resolve_options(struct fltsim_options *options)
{
    if ((unsigned)options->backend > FLTSIM_NATIVE)
        return complain("the backend is none of enum fltsim_backend");
    if (options->backend == FLTSIM_BACKEND_DEFAULT) {
        const char *name = getenv("FLTSIM_BACKEND");
        if (!name || !*name || !strcmp(name, "coop"))
            options->backend = FLTSIM_COOP;
        else if (!strcmp(name, "native"))
            options->backend = FLTSIM_NATIVE;
        else
            return complain("FLTSIM_BACKEND is neither coop nor native");
    }
    if (!options->seed && !options->choices) {
        const char *seed = getenv("FLTSIM_SEED");
        char *end = NULL;
        if (seed && *seed) {
            errno = 0;
            options->seed = strtoull(seed, &end, 0);
            if (*end || errno || *seed < '0' || *seed > '9')
                return complain("FLTSIM_SEED is not a number from 0 to 2^64 - 1");
        }
    }
    const char *ledgers = getenv("FLTSIM_LEDGERS");
    if (ledgers && *ledgers) {
        if (strcmp(ledgers, "0") && strcmp(ledgers, "1"))
            return complain("FLTSIM_LEDGERS is neither 0 nor 1");
        options->no_ledgers |= *ledgers == '0';
    }
    if (options->choices && options->seed)
        return complain("seed and choices exclude each other: a choice string is a whole schedule");
    if (options->choices && options->backend == FLTSIM_NATIVE)
        return complain("choices replay on the cooperative backend only");
    const char *wrong = options->choices ? sched_choices_wrong(options->choices) : NULL;
    if (wrong) {
        fprintf(stderr, "fltsim_start: choices is no string of fltsim_choices, from \"%.20s\" on\n", wrong);
        return false;
    }
    return true;
}

static size_t rooms_running;

bool fltsim_start(const struct fltsim_options *given)
{
    struct fltsim_options options = given ? *given : (struct fltsim_options){0};

    if (machine)
        return complain("a machine is running already; fltsim_stop ends it");
    if (!resolve_options(&options))
        return false;
    machine = calloc(1, sizeof *machine);
    if (!machine)
        return complain("no memory");
    machine->options = options;
    fault_reset();
    verify_start();
    trace_start();
    sched_start(&(struct sched_options){
        .backend = options.backend == FLTSIM_NATIVE ? SCHED_NATIVE : SCHED_COOP,
        .seed = options.seed,
        .choices = options.choices,
        .deadlock = KiReportDeadlock,
    });
    for (rooms_running = 0; rooms[rooms_running].name; rooms_running++) {
        if (!rooms[rooms_running].start()) {
            fprintf(stderr, "fltsim_start: the room %s did not start\n", rooms[rooms_running].name);
            abort();
        }
    }
    return true;
}

/* Sets *off where a module refuses to be unloaded: then the machine is switched off under it, as Windows would be, and
 * nothing is said of what it leaves behind. */
static void shut_down(void *off)
{
    NetpCloseConnections();
    sim_end_programs();
    ObpCloseUserHandles();
    *(bool *)off = !sim_unload_drivers();
    if (*(bool *)off)
        return;
    ObpReportDriver(NULL);
    MiUnmapProcess(NULL);
    PspReleaseImages();
    sim_dismount_volumes();
    sim_remove_legacy();
    PspAwaitEnding(); /* who waited for a thread does not wait for what the thread still lets go of */
}

static void stop_rooms(void *unused)
{
    while (rooms_running)
        rooms[--rooms_running].stop();
}

/* After a fatal end nothing runs any more: the rooms only forget. */
static void forget_all(void)
{
    sched_kill();
    stop_rooms(NULL);
}

static void take_down(struct fltsim_report **report)
{
    *report = sim_take_report();
    sched_stop();
    sim_forget_drivers();
    sim_forget_volumes();
    sim_forget_legacy();
    sim_forget_programs();
    trace_stop();
    verify_stop();
    free(machine);
    machine = NULL;
}

/* Where nothing can be reported any more, or must not be: another OS thread, the middle of a body. */
static _Noreturn void cannot(const char *routine, const char *why)
{
    fprintf(stderr, "%s: %s\n", routine, why);
    abort();
}

size_t fltsim_stop(struct fltsim_report **report)
{
    struct fltsim_report *taken;

    SIM_NEED_MACHINE();
    if (!sched_is_first())
        cannot("fltsim_stop", "called on another thread than the one that started the machine");
    SIM_NEED(!sched_is_caught(), "called in the body of fltsim_try (where a test of fltsim_unit_test runs); it stops the machine itself");
    /* Leaving the drivers can itself end in a bug check: that is a finding, not the end of the process. */
    bool off = false;
    bool alive = !sched_is_dead() && sched_catch(shut_down, &off) && !off && sched_catch(stop_rooms, NULL);
    if (!alive)
        forget_all();
    take_down(&taken);
    size_t violations = taken->count;
    if (report)
        *report = taken;
    else
        fltsim_report_free(taken);
    bool pure = alive && !violations; /* what was left may hold more */
    if (pure)
        sim_heap_print(stderr);
    if (sim_heap_sweep() && pure) {
        fprintf(stderr, "fltsim: the blocks above were leaked by the simulator itself\n");
        violations++;
    }
    return violations;
}

void fltsim_abandon(void)
{
    struct fltsim_report *report;

    if (!machine)
        return;
    sched_come_home();
    if (!sched_is_first())
        cannot("fltsim_abandon", "called on another thread than the one that started the machine");
    forget_all();
    take_down(&report);
    fltsim_report_free(report);
    sim_heap_sweep();
}

bool fltsim_try(void (*body)(void *), void *argument)
{
    SIM_NEED_MACHINE();
    if (!sched_is_first())
        cannot("fltsim_try", "called on another thread than the one that started the machine");
    SIM_NEED(!sched_is_dead(), "the machine is dead; only fltsim_stop may follow");
    SIM_NEED(!sched_is_caught(), "called in the body of another fltsim_try (where a test of fltsim_unit_test runs)");
    SIM_NEED(body, "body is NULL");
    KiWatchFaults();
    return sched_catch(body, argument);
}

const char *fltsim_choices(void) { return sched_choices(); }

void fltsim_shuffle(uint64_t seed) { sched_shuffle(seed); }
