#include "verify/internal.h"

#include "sim/machine.h"
#include "verify/held.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static const struct rule {
    const char *name;
    uint32_t bugcheck;
    const char *why;
    const char *windows;
} rules[] = {
#define RULE(id, name, bugcheck, why, windows) {name, bugcheck, why, windows},
#include "rules.inc"
#undef RULE
};

void *verify_zeroed(size_t size)
{
    void *memory = calloc(1, size);
    if (!memory) {
        fprintf(stderr, "fltsim: the host has no memory left for a report\n");
        abort();
    }
    return memory;
}

/* How glibc prints a null pointer is no word that a driver's author would use. */
static void name_null(char *text)
{
    for (char *at = text; (at = strstr(at, "(nil)")) != NULL;) {
        memcpy(at, "NULL", 4);
        memmove(at + 4, at + 5, strlen(at + 5) + 1);
    }
}

char *verify_format(const char *format, va_list arguments)
{
    va_list again;
    if (!format)
        format = ""; /* never: the sanitizer's build wants to be told */
    va_copy(again, arguments);
    int length = vsnprintf(NULL, 0, format, again);
    va_end(again);
    char *text = verify_zeroed((size_t)length + 1);
    vsnprintf(text, (size_t)length + 1, format, arguments);
    name_null(text);
    return text;
}

bool verify_start(void)
{
    machine->verify = verify_zeroed(sizeof *machine->verify);
    machine->verify->last_rule = "";
    verify_ledgers_on = !machine->options.no_ledgers;
    return true;
}

static void free_violation(struct verify_violation *v)
{
    if (!v)
        return;
    for (size_t i = 0; i < v->line_count; i++)
        free(v->lines[i].text);
    free(v->lines);
    free(v->history);
    free(v->what);
    free(v);
}

void verify_stop(void)
{
    struct verify_state *state = machine->verify;

    for (size_t i = 0; i < state->count; i++)
        free_violation(state->recorded[i]);
    free(state->recorded);
    for (size_t i = 0; i < VERIFY_CALL_BUCKETS; i++) {
        while (state->calls[i]) {
            struct verify_call *call = state->calls[i];
            state->calls[i] = call->next;
            free(call);
        }
    }
    free(state);
    verify_stop_held();
    verify_forget_drivers();
    machine->verify = NULL;
}

/* ---- building ---- */

static struct verify_violation *create(enum verify_rule rule, const char *format, va_list arguments)
{
    struct verify_violation *v = verify_zeroed(sizeof *v);
    v->rule = rule;
    v->what = verify_format(format, arguments);
    v->shown = (struct fltsim_violation){
        .rule = rules[rule].name,
        .what = v->what,
        .history = "",
        .why = rules[rule].why,
        .windows = rules[rule].windows,
        .driver = "",
        .bugcheck = rules[rule].bugcheck,
    };
    return v;
}

struct verify_violation *verify_begin(enum verify_rule rule, const char *format, ...)
{
    if (!machine || !machine->verify || machine->verify->policy[rule] == VERIFY_OFF)
        return NULL;
    va_list arguments;
    va_start(arguments, format);
    struct verify_violation *v = create(rule, format, arguments);
    va_end(arguments);
    return v;
}

struct verify_violation *verify_begin_fatal(enum verify_rule rule, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    struct verify_violation *v = create(rule, format, arguments);
    va_end(arguments);
    return v;
}

static void add_line(struct verify_violation *v, char *text, struct site *site)
{
    if (v->line_count == v->line_room) {
        v->line_room = v->line_room ? v->line_room * 2 : 8;
        v->lines = realloc(v->lines, v->line_room * sizeof *v->lines);
        if (!v->lines)
            abort();
    }
    v->lines[v->line_count++] = (struct verify_line){text, site};
}

static char *copy(const char *text)
{
    size_t size = strlen(text) + 1;
    return memcpy(verify_zeroed(size), text, size);
}

void verify_history(struct verify_violation *v, const char *format, ...)
{
    if (!v)
        return;
    va_list arguments;
    va_start(arguments, format);
    add_line(v, verify_format(format, arguments), NULL);
    va_end(arguments);
}

void verify_site(struct verify_violation *v, const char *label, const void *code_address)
{
    if (!v)
        return;
    if (!code_address) {
        add_line(v, copy(label), NULL);
        return;
    }
    add_line(v, copy(label), site_of(code_address));
    if (!v->shown.driver[0])
        v->shown.driver = verify_driver_of(code_address);
}

bool verify_is_of_driver(const void *code_address)
{
    const char *driver = verify_driver_of(code_address);
    return *driver && strcmp(driver, "fltsim") != 0;
}

void verify_stack(struct verify_violation *v, void *const *frames, size_t count)
{
    size_t nearest = 0, first = 0, end = count;

    while (nearest < count && !verify_is_of_driver(frames[nearest]))
        nearest++;
    for (size_t i = nearest; i < count; i++)
        if (verify_is_of_driver(frames[i]))
            end = i + 2 < count ? i + 2 : count;
    if (nearest < count)
        first = nearest && *verify_driver_of(frames[nearest - 1]) ? nearest - 1 : nearest;
    else
        while (first < count && !*verify_driver_of(frames[first]))
            first++;
    if (first == count)
        first = 0;
    for (size_t i = first; i < end; i++)
        verify_site(v, i == first ? "in" : "called from", frames[i]);
    if (nearest < count)
        verify_blame(v, verify_driver_of(frames[nearest]));
}

void verify_blame(struct verify_violation *v, const char *driver)
{
    if (v)
        v->shown.driver = driver;
}

/* ---- showing ---- */

static void resolve(struct verify_violation *const *violations, size_t count)
{
    size_t total = 0;
    for (size_t i = 0; i < count; i++)
        total += violations[i]->line_count;
    struct site **sites = verify_zeroed((total + 1) * sizeof *sites);
    size_t n = 0;
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < violations[i]->line_count && !violations[i]->history; j++)
            if (violations[i]->lines[j].site)
                sites[n++] = violations[i]->lines[j].site;
    site_resolve(sites, n);
    free(sites);
}

static void render(struct verify_violation *v)
{
    if (v->history || !v->line_count)
        return;
    size_t size = 1;
    for (size_t i = 0; i < v->line_count; i++)
        size += strlen(v->lines[i].text) + (v->lines[i].site ? strlen(site_text(v->lines[i].site)) : 0) + 2;
    v->history = verify_zeroed(size);
    for (size_t i = 0, at = 0; i < v->line_count; i++) {
        struct verify_line *line = &v->lines[i];
        at += (size_t)snprintf(v->history + at, size - at, "%s%s%s%s", i ? "\n" : "", line->text,
                               line->site ? " " : "", line->site ? site_text(line->site) : "");
    }
    v->shown.history = v->history;
}

static void show_one(struct verify_violation *v)
{
    resolve(&v, 1);
    render(v);
}

static void print_indented(const char *text, FILE *out)
{
    while (*text) {
        size_t length = strcspn(text, "\n");
        fprintf(out, "      %.*s\n", (int)length, text);
        text += length + (text[length] == '\n');
    }
}

void verify_print(const struct fltsim_violation *v, FILE *out)
{
    fprintf(out, "fltsim: %s%s%s: %s\n", v->rule, v->driver[0] ? " in " : "", v->driver, v->what);
    if (v->history[0]) {
        fprintf(out, "  history:\n");
        print_indented(v->history, out);
    }
    if (v->why[0])
        fprintf(out, "  why:     %s\n", v->why);
    if (v->windows[0])
        fprintf(out, "  Windows: %s\n", v->windows);
    if (v->fatal && v->bugcheck)
        fprintf(out, "  stopped: bug check 0x%X (0x%llX, 0x%llX, 0x%llX, 0x%llX)\n", v->bugcheck,
                (unsigned long long)v->parameters[0], (unsigned long long)v->parameters[1],
                (unsigned long long)v->parameters[2], (unsigned long long)v->parameters[3]);
    fflush(out);
}

/* ---- recording ---- */

/* What becomes of it: recorded, or only shown, or neither (expected). */
enum fate { FATE_RECORDED, FATE_WARNED, FATE_EXPECTED };

static enum fate decide(struct verify_state *state, const struct verify_violation *v, bool warning)
{
    state->last_rule = v->shown.rule;
    if (state->expected[v->rule]) {
        state->expected[v->rule]--;
        return FATE_EXPECTED;
    }
    if ((warning || state->policy[v->rule] == VERIFY_WARN) && !v->shown.fatal)
        return FATE_WARNED;
    if (state->count == state->room) {
        state->room = state->room ? state->room * 2 : 16;
        state->recorded = realloc(state->recorded, state->room * sizeof(struct verify_violation *));
        if (!state->recorded)
            abort();
    }
    return FATE_RECORDED;
}

static void record(struct verify_violation *v, bool warning)
{
    struct verify_state *state = machine->verify;
    const struct fltsim_options *options = &machine->options;

    sched_lock(&state->lock);
    enum fate fate = decide(state, v, warning);
    sched_unlock(&state->lock);
    if (fate == FATE_EXPECTED) {
        free_violation(v);
        return;
    }
    if (!options->quiet || options->on_violation)
        show_one(v);
    if (!options->quiet)
        verify_print(&v->shown, stderr);
    if (fate == FATE_WARNED) {
        free_violation(v);
        return;
    }
    if (options->on_violation)
        options->on_violation(&v->shown, options->context);
    sched_lock(&state->lock);
    state->recorded[state->count++] = v;
    sched_unlock(&state->lock);
}

void verify_parameters(struct verify_violation *v, uint32_t code, uint64_t p1, uint64_t p2, uint64_t p3, uint64_t p4)
{
    if (!v)
        return;
    v->shown.bugcheck = code;
    memcpy(v->shown.parameters, (uint64_t[4]){p1, p2, p3, p4}, sizeof v->shown.parameters);
}

void verify_end(struct verify_violation *v)
{
    if (v)
        record(v, false);
}

void verify_end_warning(struct verify_violation *v)
{
    if (v)
        record(v, true);
}

void verify_violate(enum verify_rule rule, const char *format, ...)
{
    if (!machine || !machine->verify || machine->verify->policy[rule] == VERIFY_OFF)
        return;
    va_list arguments;
    va_start(arguments, format);
    struct verify_violation *v = create(rule, format, arguments);
    va_end(arguments);
    record(v, false);
}

_Noreturn void verify_end_bugcheck(struct verify_violation *v, uint32_t code, uint64_t p1, uint64_t p2, uint64_t p3,
                                   uint64_t p4)
{
    if (v)
        v->shown.fatal = true;
    verify_parameters(v, code, p1, p2, p3, p4);
    if (!machine || !machine->verify) {
        if (v)
            show_one(v), verify_print(&v->shown, stderr);
        abort();
    }
    if (v && machine->options.quiet && !sched_is_caught())
        show_one(v), verify_print(&v->shown, stderr); /* the process ends: not even a quiet machine keeps that to itself */
    if (v)
        record(v, false);
    sched_fatal();
}

void verify_end_or_go_on(struct verify_violation *v, uint32_t code, uint64_t p1, uint64_t p2, uint64_t p3, uint64_t p4)
{
    if (!v || verify_get_policy(v->rule) == VERIFY_FAIL)
        verify_end_bugcheck(v, code, p1, p2, p3, p4);
    verify_parameters(v, code, p1, p2, p3, p4);
    verify_end(v);
}

_Noreturn void verify_bugcheck(enum verify_rule rule, uint32_t code, uint64_t p1, uint64_t p2, uint64_t p3, uint64_t p4,
                               const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    struct verify_violation *v = create(rule, format, arguments);
    va_end(arguments);
    verify_end_bugcheck(v, code, p1, p2, p3, p4);
}

/* ---- for sim ---- */

size_t verify_count(void) { return machine && machine->verify ? machine->verify->count : 0; }

const char *verify_last_rule(void) { return machine && machine->verify ? machine->verify->last_rule : ""; }

enum verify_rule verify_rule_named(const char *name)
{
    int rule = 0;
    while (rule < VERIFY_RULE_COUNT && strcmp(rules[rule].name, name))
        rule++;
    return (enum verify_rule)rule;
}

const char *verify_rule_name(enum verify_rule rule) { return rules[rule].name; }

const char *verify_rule_text(size_t index, const char **why, const char **windows)
{
    if (index >= VERIFY_RULE_COUNT)
        return NULL;
    if (why)
        *why = rules[index].why;
    if (windows)
        *windows = rules[index].windows;
    return rules[index].name;
}

void verify_expect(enum verify_rule rule)
{
    sched_lock(&machine->verify->lock);
    machine->verify->expected[rule]++;
    sched_unlock(&machine->verify->lock);
}

void verify_set_policy(enum verify_rule rule, enum verify_policy policy)
{
    machine->verify->policy[rule] = (unsigned char)policy;
}

enum verify_policy verify_get_policy(enum verify_rule rule) { return machine->verify->policy[rule]; }

static void report_missing(struct verify_state *state)
{
    for (int rule = 0; rule < VERIFY_RULE_COUNT; rule++) {
        unsigned missing = state->expected[rule];
        if (rule == VERIFY_EXPECTED_VIOLATION_MISSING || !missing)
            continue;
        state->expected[rule] = 0;
        verify_violate(VERIFY_EXPECTED_VIOLATION_MISSING,
                       "fltsim_expect announced %u `%s` that did not happen before the machine stopped.", missing,
                       rules[rule].name);
    }
}

/* The public report, and behind it who owns the texts. */
struct report {
    struct fltsim_report shown;
    struct verify_violation **owned;
    struct fltsim_violation violations[];
};

struct fltsim_report *verify_take_report(void)
{
    struct verify_state *state = machine->verify;

    verify_report_held();
    report_missing(state);
    size_t count = state->count;
    struct report *report = verify_zeroed(sizeof *report + count * sizeof report->violations[0]);
    resolve(state->recorded, count);
    for (size_t i = 0; i < count; i++) {
        render(state->recorded[i]);
        report->violations[i] = state->recorded[i]->shown;
    }
    report->owned = state->recorded;
    report->shown = (struct fltsim_report){count, report->violations};
    state->recorded = NULL;
    state->count = state->room = 0;
    return &report->shown;
}

void verify_report_free(struct fltsim_report *shown)
{
    struct report *report = (struct report *)shown;
    if (!report)
        return;
    for (size_t i = 0; i < report->shown.count; i++)
        free_violation(report->owned[i]);
    free(report->owned);
    free(report);
}
