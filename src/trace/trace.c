#include "trace/trace.h"

#include "sched/sched.h"
#include "sim/machine.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DEFAULT_EVENTS = 8192, TEXT = 200 };

struct event {
    atomic_ulong number; // one above its index in the run; 0: being written
    int64_t time;
    const char *room;
    char thread[24];
    char text[TEXT];
};

struct trace_state {
    atomic_ulong used;
    bool live; // FLTSIM_TRACE=live: each line to stderr at once
    size_t size;
    struct event events[];
};

bool trace_on;

bool trace_start(void)
{
    const char *wish = getenv("FLTSIM_TRACE");
    if (!machine->options.trace && !(wish && *wish && strcmp(wish, "0")))
        return true;
    size_t size = machine->options.trace_events ? machine->options.trace_events : DEFAULT_EVENTS;
    machine->trace = calloc(1, sizeof *machine->trace + size * sizeof *machine->trace->events);
    if (!machine->trace)
        return false;
    machine->trace->size = size;
    machine->trace->live = wish && !strcmp(wish, "live");
    trace_on = true;
    return true;
}

void trace_stop(void)
{
    trace_on = false;
    free(machine->trace);
    machine->trace = NULL;
}

static void print_event(const struct event *event, FILE *out)
{
    fprintf(out, "%8lld.%04lld ms  %-14s %-6s %s\n", (long long)(event->time / 10000), (long long)(event->time % 10000),
            event->thread, event->room, event->text);
}

void trace_event(const char *room, const char *format, ...)
{
    struct trace_state *state = machine ? machine->trace : NULL;
    if (!state)
        return;
    unsigned long number = atomic_fetch_add(&state->used, 1);
    struct event *event = &state->events[number % state->size];
    struct sched_thread *self = sched_self();
    va_list arguments;

    atomic_store(&event->number, 0);
    event->time = self ? sched_now() : 0;
    event->room = room;
    snprintf(event->thread, sizeof event->thread, "%s", self ? sched_name(self) : "-");
    va_start(arguments, format);
    vsnprintf(event->text, sizeof event->text, format, arguments);
    va_end(arguments);
    atomic_store(&event->number, number + 1);
    if (state->live)
        print_event(event, stderr);
}

void fltsim_trace_print(FILE *out)
{
    struct trace_state *state = machine ? machine->trace : NULL;
    if (!state) {
        fprintf(out, "no trace was recorded: fltsim_options.trace asks for one\n");
        return;
    }
    unsigned long used = atomic_load(&state->used);
    unsigned long first = used > state->size ? used - state->size : 0;
    if (first)
        fprintf(out, "... %lu earlier events are not kept ...\n", first);
    for (unsigned long i = first; i < used; i++) {
        struct event *event = &state->events[i % state->size];
        if (atomic_load(&event->number) == i + 1)
            print_event(event, out);
    }
}
